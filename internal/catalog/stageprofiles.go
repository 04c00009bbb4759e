package catalog

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"freshet/internal/hydro"
)

// A Profile is a wording by which thresholds follow from a station's own levels.
// What it gives is an internal condition of whoever runs Freshet: an official
// signal is issued by a hydrology department by thresholds that the province has
// set for the station.
type Profile struct {
	ID             string
	NameZH, NameEN string
	Source         string // what it says, and where that was read
	Unverified     string // what is not verified about it
}

// A stageProfile is a Profile with how it expands.
type stageProfile struct {
	Profile
	needs    []string // inputs, in m but for the flag return_periods
	may      []string
	expand   func(in map[string]float64) [4]float64 // blue to red, NaN: none
	years    [4]float64                             // blue to red, 0: none; used where the file says return_periods: true
	observed bool
}

// stageProfiles are the ready profiles. Their figures are those of the pages that
// Source names; a station's own levels come from the catalogue.
var stageProfiles = []stageProfile{
	{
		Profile: Profile{
			ID: "national-2013-first", NameZH: "水情预警发布管理办法（2013）数值表", NameEN: "MWR 2013 measure, first wording",
			Source: "numeric table of the MWR measure 水情预警发布管理办法 (2013) as republished on hubdzj.gov.cn/info/1304/16027, kntsc.com and baike: " +
				"blue near 警戒 or near 5 yr, yellow at 警戒 or 5 yr, orange at 保证 or 20 yr, red at the highest observed or 50 yr",
			Unverified: "read on pages that republish it, not in the original; it gives no number for near, which is the catalogue's; near 5 yr is not used",
		},
		needs: []string{"warning", "guarantee", "highest", "near"},
		expand: func(in map[string]float64) [4]float64 {
			return [4]float64{in["warning"] - in["near"], in["warning"], in["guarantee"], in["highest"]}
		},
		years: [4]float64{0, 5, 20, 50}, observed: true,
	},
	{
		Profile: Profile{
			ID: "national-2013-second", NameZH: "水情预警发布管理办法（2013）另一表述", NameEN: "MWR 2013 measure, second wording",
			Source: "second wording on the pages that republish the MWR measure 水情预警发布管理办法 (2013): " +
				"blue may reach or exceed 警戒, yellow may near 保证, orange may reach 保证, red dyke design level, crest or 50 yr",
			Unverified: "read on pages that republish it, not in the original, beside another wording that is one step higher; it gives no number for near, which is the catalogue's",
		},
		needs: []string{"warning", "guarantee", "near", "dyke"},
		expand: func(in map[string]float64) [4]float64 {
			return [4]float64{in["warning"], in["guarantee"] - in["near"], in["guarantee"], in["dyke"]}
		},
		years: [4]float64{0, 0, 0, 50}, observed: true,
	},
	{
		Profile: Profile{
			ID: "guangdong-practice", NameZH: "广东实践（预报洪峰超警幅度）", NameEN: "Guangdong practice, forecast peak above the warning level",
			Source: "bulletins of Guangdong's Zhanjiang branch, 2025: forecast peak above 警戒 by 0.10-0.40 m blue, by 1.30 m yellow, by 1.35 m and over both dyke crests orange " +
				"(360elib.com NC287 2025-10; tiantangliao.cn 2025-06-18; ctmanga 2025-06-18)",
			Unverified: "three bulletins at single stations, no table; for red only one at Maoming was found (1.31 m over), which does not fit below: give above_red, or there is no red",
		},
		needs: []string{"warning", "crest"},
		may:   []string{"above_blue", "above_yellow", "above_orange", "above_red"},
		expand: func(in map[string]float64) [4]float64 {
			above := func(key string, def float64) float64 { return in["warning"] + cmp.Or(in[key], def) }
			out := [4]float64{above("above_blue", 0.10), above("above_yellow", 1.30), max(above("above_orange", 1.35), in["crest"]), math.NaN()}
			if in["above_red"] != 0 {
				out[3] = above("above_red", 0)
			}
			return out
		},
	},
}

// StageProfiles returns the ready profiles of stage tables.
func StageProfiles() []Profile {
	var out []Profile
	for i := range stageProfiles {
		out = append(out, stageProfiles[i].Profile)
	}
	return out
}

// profileOf expands the profile that a stage table names.
func (l *loader) profileOf(m *mapping, t *StageTable, station *Station) {
	v, ok := m.take("profile")
	if !ok {
		return
	}
	p, ok := v.mapping()
	if !ok {
		return
	}
	var names []string
	for i := range stageProfiles {
		names = append(names, stageProfiles[i].ID)
	}
	i := -1
	if _, ok := parsed(p, "name", func(s string) (string, error) {
		if i = slices.Index(names, s); i < 0 {
			return "", hydro.ErrInvalid
		}
		return s, nil
	}, strings.Join(names, ", ")); !ok {
		p.skip()
		return
	}
	defer p.done()
	of := &stageProfiles[i]
	t.Profile = &of.Profile
	h := Threshold{Variable: hydro.WaterLevel, Profile: true, Observed: of.observed}
	if p.values["variable"].n != nil {
		variable, ok := parsed(p, "variable", hydro.ParseVariable, "water_level or discharge")
		if ok && variable != hydro.WaterLevel && variable != hydro.Discharge {
			l.report(p.place("variable"), "variable: a profile is for water_level or discharge, not for %s", variable)
		}
		h.Variable = variable
	} else {
		p.asked = append(p.asked, "variable")
	}
	can, why := l.forecasts(station, h.Variable)
	h.Forecast = can
	switch {
	case station == nil:
	case !of.observed && !can:
		p.fail("profile: %s goes by the forecast peak, and there is no forecast of %s at station %q: %s", of.ID, h.Variable, station.ID, why)
		return
	case of.observed && !station.Reports(h.Variable):
		p.fail("profile: station %q does not report %s", station.ID, h.Variable)
		return
	}
	quiet := len(l.problems)
	in := map[string]float64{}
	for _, key := range of.needs {
		b := anyNumber
		if key == "near" {
			b = positive
		}
		in[key] = p.needNumber(key, b)
	}
	for _, key := range of.may {
		in[key] = p.number(key, 0, positive)
	}
	years := of.years != [4]float64{} && p.flag("return_periods")
	if len(l.problems) > quiet {
		return
	}
	values, last := of.expand(in), Threshold{}
	for k, colour := range colours {
		if math.IsNaN(values[k]) {
			continue
		}
		if last.Stage != 0 && values[k] <= last.Value {
			p.fail("profile: %s at %g is not above %s at %g: the levels must ascend", colour, values[k], last.Stage, last.Value)
			return
		}
		last = h
		last.Stage, last.Value = colour, values[k]
		t.Thresholds = append(t.Thresholds, last)
	}
	if h.Variable == hydro.WaterLevel {
		l.noteProfile(t, p, in)
	}
	if !years || station == nil {
		return
	}
	table, ok := l.cat.returnPeriods(station.ID, h.Variable, t.ValidFrom)
	if !ok {
		l.report(p.place("return_periods"), "return_periods: station %q has none of %s in force from the table's valid_from on", station.ID, h.Variable)
		return
	}
	for k, colour := range colours {
		if of.years[k] == 0 {
			continue
		}
		value, stated := table.At(of.years[k])
		if !stated {
			l.report(p.place("return_periods"), "return_periods: the profile needs %g years, and the station's table has %s", of.years[k], table.years())
			continue
		}
		x := h
		x.Stage, x.Value, x.Years = colour, value, of.years[k]
		t.Thresholds = append(t.Thresholds, x)
	}
}
