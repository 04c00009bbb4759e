package catalog

import (
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"freshet/internal/hydro"
)

// DefaultSettings returns the settings of a basin that states none.
func DefaultSettings() Settings {
	return Settings{
		Step: 5 * time.Minute, OutputStep: 30 * time.Minute, Horizon: 72 * time.Hour, Every: 5 * time.Minute,
		Warmup: 24 * time.Hour, RiseTrigger: 0, RiseWindow: 30 * time.Minute, ErrorHalfLife: 6 * time.Hour,
		DeadBand: 0.10, DeadBandShare: 0.10, DwellRaise: 10 * time.Minute, DwellLower: time.Hour, Persistence: 2, BlindAfter: 2,
		ArealRain: Thiessen, ArealPower: 2, RainDisagreeMM: 5, RainDisagreeShare: 0.3,
		Neighbours: DefaultNeighbours(), ShelveMax: 8 * time.Hour,
	}
}

func parseArealMethod(s string) (ArealMethod, error) {
	if m := ArealMethod(s); m == Thiessen || m == InverseDistance {
		return m, nil
	}
	return "", hydro.ErrInvalid
}

// arealRain reads the method of areal rain of a basin's settings or a sub-basin,
// which are what is given if it says nothing.
func arealRain(m *mapping, method ArealMethod, power float64) (ArealMethod, float64) {
	if m.values["areal_rain"].n != nil {
		method, _ = parsed(m, "areal_rain", parseArealMethod, "thiessen or idw")
	} else {
		m.asked = append(m.asked, "areal_rain")
	}
	return method, m.number("areal_rain_power", power, between(0.5, 6))
}

// rainSources reads the preferred sources of rain forecasts.
func rainSources(m *mapping) []string {
	var out []string
	for _, v := range m.list("rain_sources") {
		s, ok := v.text()
		switch {
		case !ok:
		case s == "":
			v.fail("rain_sources: empty")
		case slices.Contains(out, s):
			v.fail("rain_sources: %q given twice", s)
		default:
			out = append(out, s)
		}
	}
	return out
}

// reportFaster reads from which stage on stations are asked to report faster.
func reportFaster(m *mapping) ReportFaster {
	v, ok := m.take("report_faster")
	if !ok {
		return ReportFaster{}
	}
	f, ok := v.mapping()
	if !ok {
		return ReportFaster{}
	}
	defer f.done()
	var r ReportFaster
	r.From, _ = parsed(f, "from", func(s string) (hydro.Stage, error) {
		c, err := hydro.ParseStage(s)
		if err == nil && !slices.Contains(colours, c) {
			err = hydro.ErrInvalid
		}
		return c, err
	}, "blue, yellow, orange or red")
	r.Every = f.needDuration("every", 10*time.Second)
	if r.Every > time.Hour {
		m.l.report(f.place("every"), "every: %s is longer than an hour", r.Every)
	}
	if f.values["where"].n != nil {
		r.Basin, _ = parsed(f, "where", func(s string) (bool, error) {
			if s != "downstream" && s != "basin" {
				return false, hydro.ErrInvalid
			}
			return s == "basin", nil
		}, "downstream or basin")
	} else {
		f.asked = append(f.asked, "where")
	}
	return r
}

func (l *loader) settings(basin *mapping) Settings {
	s := DefaultSettings()
	v, ok := basin.take("settings")
	if !ok {
		return s
	}
	m, ok := v.mapping()
	if !ok {
		return s
	}
	defer m.done()
	s.Step = m.duration("step", s.Step, time.Minute)
	s.OutputStep = m.duration("output_step", s.OutputStep, time.Minute)
	s.Horizon = m.duration("horizon", s.Horizon, time.Minute)
	s.Every = m.duration("every", s.Every, time.Minute)
	s.Warmup = m.duration("warmup", s.Warmup, 0)
	s.RiseTrigger = m.number("rise_trigger", s.RiseTrigger, notNegative)
	s.RiseWindow = m.duration("rise_window", s.RiseWindow, time.Minute)
	s.ErrorHalfLife = m.duration("error_half_life", s.ErrorHalfLife, time.Minute)
	s.DeadBand = m.number("dead_band", s.DeadBand, notNegative)
	s.DeadBandShare = m.number("dead_band_share", s.DeadBandShare, between(0, 0.9))
	s.DwellRaise = m.duration("dwell_raise", s.DwellRaise, 0)
	s.DwellLower = m.duration("dwell_lower", s.DwellLower, 0)
	s.Persistence = m.whole("persistence", s.Persistence, 1, 1000)
	s.BlindAfter = m.whole("blind_after", s.BlindAfter, 1, 1000)
	s.Updating = m.updating()
	s.NoBand = !m.onOff("band", true)
	s.RainSpread = rainSpread(m)
	s.InitialSpread = m.number("initial_spread", 0, between(0, 1))
	s.ArealRain, s.ArealPower = arealRain(m, s.ArealRain, s.ArealPower)
	s.RainDisagreeMM = m.number("rain_disagree_mm", s.RainDisagreeMM, notNegative)
	s.RainDisagreeShare = m.number("rain_disagree_share", s.RainDisagreeShare, share)
	s.RainSources = rainSources(m)
	s.Neighbours = m.neighbours(s.Neighbours)
	s.ReportFaster = reportFaster(m)
	if s.ShelveMax = m.duration("shelve_max", s.ShelveMax, time.Minute); s.ShelveMax > 7*24*time.Hour {
		l.report(m.place("shelve_max"), "shelve_max: %s is longer than 7 days", s.ShelveMax)
	}
	if s.OutputStep%s.Step != 0 {
		l.report(m.place("output_step"), "output_step: %s is no multiple of step %s", s.OutputStep, s.Step)
	}
	if s.Horizon%s.OutputStep != 0 {
		l.report(m.place("horizon"), "horizon: %s is no multiple of output_step %s", s.Horizon, s.OutputStep)
	}
	if s.Horizon > 30*24*time.Hour {
		l.report(m.place("horizon"), "horizon: %s is longer than 30 days", s.Horizon)
	}
	if s.Every%s.Step != 0 {
		l.report(m.place("every"), "every: %s is no multiple of step %s", s.Every, s.Step)
	}
	if s.Warmup%s.Step != 0 || s.Warmup > 30*24*time.Hour {
		l.report(m.place("warmup"), "warmup: %s must be a multiple of step %s and at most 30 days", s.Warmup, s.Step)
	}
	return s
}

// updating reads "on", "off" or the list of what stays on.
func (m *mapping) updating() Updating {
	v, ok := m.take("updating")
	if !ok {
		return Updating{}
	}
	if _, list := v.n.(*ast.SequenceNode); !list {
		switch s, _ := v.text(); s {
		case "on":
			return Updating{}
		case "off":
			return NoUpdating
		}
		v.fail("updating: expected on, off or a list of insertion, loss, lag, fit, error, moisture")
		return Updating{}
	}
	u := NoUpdating
	for _, item := range v.list() {
		switch s, _ := item.text(); s {
		case "insertion":
			u.NoInsertion = false
		case "loss":
			u.NoLoss = false
		case "lag":
			u.NoLag = false
		case "fit":
			u.NoFit = false
		case "error":
			u.NoError = false
		case "moisture":
			u.Moisture = true
		default:
			item.fail("updating: %q is none of insertion, loss, lag, fit, error, moisture", s)
		}
	}
	if u.NoError && !u.NoFit {
		v.fail("updating: fit without error has nothing to fit")
	}
	return u
}

func (l *loader) season(basin *mapping) Season {
	s := Season{HydrologicalDayStart: 8 * time.Hour, Zone: "Asia/Shanghai", LeastCoverage: 0.9}
	v, ok := basin.take("season")
	if !ok {
		return s
	}
	m, ok := v.mapping()
	if !ok {
		return s
	}
	defer m.done()
	if m.values["name"].n != nil || m.values["from"].n != nil || m.values["to"].n != nil {
		s.NameZH, s.NameEN = m.name("name")
		s.FromMonth, s.FromDay = m.monthDay("from")
		s.ToMonth, s.ToDay = m.monthDay("to")
	}
	m.asked = append(m.asked, "name", "from", "to")
	normal, source := m.number("normal_mm", 0, notNegative), m.text("normal_source")
	if normal > 0 {
		m.need("normal_source")
		s.Whole.Normal = &SeasonFigure{Total: normal, Source: source}
	}
	s.HydrologicalDayStart = m.timeOfDay("day_start", s.HydrologicalDayStart)
	s.Zone, _ = m.zone("zone", s.Zone)
	return s
}

// onOff reads "on" or "off".
func (m *mapping) onOff(name string, def bool) bool {
	v, ok := m.take(name)
	if !ok {
		return def
	}
	switch s, _ := v.text(); s {
	case "on":
		return true
	case "off":
		return false
	}
	v.fail("%s: expected on or off", name)
	return def
}
