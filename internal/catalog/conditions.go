package catalog

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// A Condition is a threshold on something else than the value of a variable: a
// rise, an excess over a limit level, the chance of a crossing. Conditions stand
// apart from thresholds so that nobody takes a rise for a level.
type Condition struct {
	Basis    hydro.Basis // Rise, OverLimit or Likelihood
	Stage    hydro.Stage // Blue to Red
	Variable hydro.Variable
	Window   time.Duration // of a rise, up to the value; of a chance, from the run's issue on
	Of       hydro.Stage   // of a chance: the stage whose threshold may be met
	Value    float64       // m of a rise or an excess, 0 to 1 of a chance
	Observed bool
	Forecast bool
	Timing   *Timing
}

// A Timing is the dwell and persistence of one ladder, where they are not those
// of the basin's settings.
type Timing struct {
	DwellRaise, DwellLower time.Duration
	Persistence            int
}

// ReturnPeriods are the values of a station that are met on average once in so
// many years.
type ReturnPeriods struct {
	Station      string
	Variable     hydro.Variable
	ValidFrom    time.Time
	Datum        hydro.Datum // of levels
	Points       []ReturnPoint
	Source       string
	Illustrative bool
}

// A ReturnPoint is one line of such a table.
type ReturnPoint struct{ Years, Value float64 }

// At returns the value of a return period that the table states. It does not
// interpolate: a figure in between would be ours and not the source's.
func (p *ReturnPeriods) At(years float64) (float64, bool) {
	i := slices.IndexFunc(p.Points, func(x ReturnPoint) bool { return x.Years == years })
	if i < 0 {
		return 0, false
	}
	return p.Points[i].Value, true
}

// years lists the return periods of a table.
func (p *ReturnPeriods) years() string {
	var out []string
	for _, x := range p.Points {
		out = append(out, strconv.FormatFloat(x.Years, 'g', -1, 64))
	}
	return strings.Join(out, ", ")
}

// returnPeriods returns the table of a station and variable in force at an
// instant.
func (c *Catalog) returnPeriods(station string, v hydro.Variable, at time.Time) (*ReturnPeriods, bool) {
	var best *ReturnPeriods
	for i := range c.ReturnPeriods {
		p := &c.ReturnPeriods[i]
		if p.Station == station && p.Variable == v && !p.ValidFrom.After(at) && (best == nil || p.ValidFrom.After(best.ValidFrom)) {
			best = p
		}
	}
	return best, best != nil
}

// FloodLimit returns the limit level 汛限水位 in force at an instant, by the day in
// the zone: the lowest if several are. It is false where none is in force.
func (r *Reservoir) FloodLimit(at time.Time, zone *time.Location) (float64, bool) {
	_, month, day := at.In(zone).Date()
	on := int(month)*100 + day
	level, found := 0.0, false
	for _, f := range r.FloodLimits {
		from, to := f.FromMonth*100+f.FromDay, f.ToMonth*100+f.ToDay
		in := from <= on && on <= to
		if from > to { // over the turn of the year
			in = from <= on || on <= to
		}
		if in && (!found || f.Level < level) {
			level, found = f.Level, true
		}
	}
	return level, found
}

func (l *loader) buildReturnPeriods(m *mapping) {
	p := ReturnPeriods{Source: m.needText("source"), Illustrative: m.flag("illustrative")}
	zone := time.UTC
	var station *Station
	if v, ok := m.need("station"); ok {
		if s, ok := v.station("station"); ok {
			p.Station, zone, station = s.ID, l.locations[s.ID], s
		}
	}
	p.ValidFrom = m.instant("valid_from", zone)
	v, ok := parsed(m, "variable", hydro.ParseVariable, "water_level, discharge or inflow")
	switch {
	case !ok:
	case v != hydro.WaterLevel && v != hydro.Discharge && v != hydro.Inflow:
		l.report(m.place("variable"), "variable: return periods are of water_level, discharge or inflow, not of %s", v)
	case station != nil && !station.Reports(v):
		l.report(m.place("variable"), "variable: station %q does not report %s", station.ID, v)
	}
	p.Variable = v
	m.take("datum")
	if v == hydro.WaterLevel || m.values["datum"].n != nil {
		p.Datum = l.tableDatum(m, p.Station, "the table of return periods")
	}
	if list, ok := m.need("points"); ok {
		for _, item := range list.list() {
			x, ok := item.pair("years, value")
			if !ok {
				continue
			}
			if n := len(p.Points); x[0] < 1 || n > 0 && (x[0] <= p.Points[n-1].Years || x[1] <= p.Points[n-1].Value) {
				item.fail("points: [%g, %g]: years, from 1 on, and values must both ascend", x[0], x[1])
				continue
			}
			p.Points = append(p.Points, ReturnPoint{x[0], x[1]})
		}
		if len(p.Points) == 0 {
			list.fail("points: needs one good point at least")
		}
	}
	for _, o := range l.cat.ReturnPeriods {
		if o.Station == p.Station && p.Station != "" && o.Variable == p.Variable && o.ValidFrom.Equal(p.ValidFrom) && !p.ValidFrom.IsZero() {
			l.report(m.place("valid_from"), "station %q has another table of return periods of %s with the same valid_from", p.Station, p.Variable)
		}
	}
	l.cat.ReturnPeriods = append(l.cat.ReturnPeriods, p)
}

// measure reads what a ladder is compared with. Years says that its numbers are
// return periods.
func (m *mapping) measure() (measure hydro.Basis, years, ok bool) {
	if m.values["measure"].n == nil {
		m.asked = append(m.asked, "measure")
		return hydro.Itself, false, true
	}
	measure, ok = parsed(m, "measure", func(s string) (hydro.Basis, error) {
		if s == "return_period" {
			years = true
			return hydro.Itself, nil
		}
		return hydro.ParseBasis(s)
	}, "value, return_period, rise, over_limit or chance")
	return measure, years, ok
}

// timing reads the dwell and persistence of a ladder; nil if it states none.
func (l *loader) timing(m *mapping, station *Station) *Timing {
	set := DefaultSettings()
	if station != nil {
		if b, ok := l.cat.Basin(station.Basin); ok {
			set = b.Settings
		}
	}
	stated := m.values["dwell_raise"].n != nil || m.values["dwell_lower"].n != nil || m.values["persistence"].n != nil
	t := Timing{
		DwellRaise: m.duration("dwell_raise", set.DwellRaise, 0), DwellLower: m.duration("dwell_lower", set.DwellLower, 0),
		Persistence: m.whole("persistence", set.Persistence, 1, 1000),
	}
	if !stated {
		return nil
	}
	return &t
}

// condition reads a ladder of a measure that is not the value itself. Thresholds
// are those that the table has given before it.
func (l *loader) condition(m *mapping, station *Station, measure hydro.Basis, table []Threshold) []Condition {
	h := Condition{Basis: measure, Timing: l.timing(m, station)}
	v, ok := parsed(m, "variable", hydro.ParseVariable, "water_level, discharge or inflow")
	h.Variable = v
	reports := func() bool {
		if ok && station != nil && !station.Reports(v) {
			l.report(m.place("variable"), "variable: station %q does not report %s", station.ID, v)
			return false
		}
		return ok
	}
	var limits bound
	canForecast, whyNot := l.forecasts(station, v)
	switch measure {
	case hydro.Itself:
	case hydro.Rise:
		ok = reports()
		if ok && v != hydro.WaterLevel {
			l.report(m.place("variable"), "variable: a rise is of water_level, not of %s", v)
			ok = false
		}
		h.Window = m.needDuration("window", 5*time.Minute)
		if h.Window > 24*time.Hour {
			l.report(m.place("window"), "window: %s is longer than 24h", h.Window)
		}
		if station != nil && canForecast {
			if b, found := l.cat.Basin(station.Basin); found && h.Window < b.Settings.OutputStep {
				canForecast, whyNot = false, "the window is shorter than the basin's output_step "+b.Settings.OutputStep.String()
			}
		}
		limits = positive
	case hydro.OverLimit:
		ok = reports()
		if ok && v != hydro.WaterLevel {
			l.report(m.place("variable"), "variable: over_limit is of water_level, not of %s", v)
			ok = false
		}
		canForecast, whyNot = l.overLimit(m, station)
		limits = notNegative
	case hydro.Likelihood:
		if ok && v != hydro.WaterLevel && v != hydro.Discharge {
			l.report(m.place("variable"), "variable: a chance is of water_level or discharge, not of %s", v)
			ok = false
		}
		h.Window = m.needDuration("within", time.Hour)
		h.Of, _ = parsed(m, "of", parseColour, "blue, yellow, orange or red")
		if station != nil && ok {
			switch b, found := l.cat.Basin(station.Basin); {
			case !canForecast:
				l.report(m.at(), "measure: no chance of %s is told at station %q: %s", v, station.ID, whyNot)
				ok = false
			case found && b.Settings.NoBand:
				l.report(m.at(), "measure: no chance is told: the settings of basin %q say band: off", b.ID)
				ok = false
			case h.Of != 0 && !slices.ContainsFunc(table, func(x Threshold) bool { return x.Variable == v && x.Stage == h.Of && x.Forecast }):
				l.report(m.place("of"), "of: this table has no %s threshold of %s with a forecast leg before this line: give it first", h.Of, v)
				ok = false
			}
		}
		limits = bound{func(x float64) bool { return x > 0 && x <= 1 }, "must be above 0 and at most 1"}
	}
	switch measure {
	case hydro.Likelihood:
		h.Forecast = true
	default:
		h.Observed, h.Forecast = l.legsOf(m, station, v, canForecast, whyNot)
	}
	var out []Condition
	last := h
	for _, c := range colours {
		w, given := m.take(c.String())
		if !given {
			continue
		}
		x, isNumber := w.number()
		switch {
		case !isNumber:
			continue
		case !limits.ok(x):
			w.fail("%s: %g %s", c, x, limits.says)
			continue
		case last.Stage != 0 && x <= last.Value:
			w.fail("%s: %g is not above %s %g: thresholds ascend from blue to red", c, x, last.Stage, last.Value)
			continue
		}
		last = h
		last.Stage, last.Value = c, x
		out = append(out, last)
	}
	if len(out) == 0 && !slices.ContainsFunc(colours, func(c hydro.Stage) bool { return m.values[c.String()].n != nil }) {
		l.report(m.at(), "thresholds: no colour; give blue, yellow, orange or red")
	}
	if !ok {
		return nil
	}
	return out
}

// overLimit says whether the excess over the limit level is forecast at a
// station, and if not, why; it reports a station that has no limit level.
func (l *loader) overLimit(m *mapping, station *Station) (bool, string) {
	if station == nil {
		return false, ""
	}
	r, ok := l.cat.reservoirOf(station)
	switch {
	case !ok:
		l.report(m.place("measure"), "measure: over_limit is for the station of a reservoir, and %q is that of none", station.ID)
	case len(r.FloodLimits) == 0:
		l.report(m.place("measure"), "measure: over_limit needs limit levels: give flood_limits at reservoir %q", r.ID)
	case len(r.Storage) == 0:
		return false, "its reservoir has no storage_curve"
	default:
		return true, ""
	}
	return false, "it has no limit level"
}

func (c *Catalog) reservoirOf(s *Station) (*Reservoir, bool) {
	if b, ok := c.Basin(s.Basin); ok {
		for i := range b.Reservoirs {
			if b.Reservoirs[i].Station == s.ID {
				return &b.Reservoirs[i], true
			}
		}
	}
	return nil, false
}

func parseColour(s string) (hydro.Stage, error) {
	c, err := hydro.ParseStage(s)
	if err == nil && !slices.Contains(colours, c) {
		err = hydro.ErrInvalid
	}
	return c, err
}
