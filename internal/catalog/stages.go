package catalog

import (
	"cmp"
	"slices"
	"time"

	"freshet/internal/hydro"
)

func (l *loader) buildStageTable(m *mapping) {
	t := StageTable{Source: m.text("source"), Illustrative: m.flag("illustrative")}
	zone := time.UTC
	var station *Station
	if v, ok := m.need("station"); ok {
		if s, ok := v.station("station"); ok {
			t.Station, zone, station = s.ID, l.locations[s.ID], s
		}
	}
	t.ValidFrom = m.instant("valid_from", zone)
	m.take("datum")
	l.profileOf(m, &t, station)
	if v, ok := m.take("thresholds"); ok {
		l.thresholds(v, &t, station)
	} else if t.Profile == nil {
		l.report(m.place("thresholds"), "thresholds: missing; give thresholds, a profile or both")
	}
	if m.values["profile"].n != nil || slices.ContainsFunc(t.Thresholds, func(h Threshold) bool { return h.Variable == hydro.WaterLevel }) || m.values["datum"].n != nil {
		t.Datum = l.tableDatum(m, t.Station, "the stage table")
	}
	for _, o := range l.cat.StageTables {
		if o.Station == t.Station && t.Station != "" && o.ValidFrom.Equal(t.ValidFrom) && !t.ValidFrom.IsZero() {
			l.report(m.place("valid_from"), "station %q has another stage table with the same valid_from", t.Station)
		}
	}
	slices.SortStableFunc(t.Thresholds, func(a, b Threshold) int {
		return cmp.Or(cmp.Compare(a.Variable, b.Variable), cmp.Compare(a.Window, b.Window), cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Value, b.Value))
	})
	l.cat.StageTables = append(l.cat.StageTables, t)
}

// thresholds reads the ladders of a table.
func (l *loader) thresholds(v node, t *StageTable, station *Station) {
	items := v.list()
	if len(items) == 0 {
		v.fail("thresholds: empty")
	}
	type rung struct {
		measure  hydro.Basis
		years    bool
		variable hydro.Variable
		window   time.Duration
		of       hydro.Stage
	}
	seen := map[rung]bool{}
	for _, item := range items {
		w, ok := item.mapping()
		if !ok {
			continue
		}
		measure, years, ok := w.measure()
		if !ok {
			w.skip()
			continue
		}
		var k rung
		if measure == hydro.Itself {
			var table *ReturnPeriods
			if years {
				table = &ReturnPeriods{ValidFrom: t.ValidFrom}
			}
			got := l.ladder(w, station, table)
			l.note(t, w, got)
			if w.done(); len(got) == 0 {
				continue
			}
			k = rung{measure, years, got[0].Variable, got[0].Window, 0}
			t.Thresholds = append(t.Thresholds, got...)
		} else {
			got := l.condition(w, station, measure, t.Thresholds)
			if w.done(); len(got) == 0 {
				continue
			}
			k = rung{measure, false, got[0].Variable, got[0].Window, got[0].Of}
			t.Conditions = append(t.Conditions, got...)
		}
		if seen[k] {
			w.fail("thresholds: %s %s given twice in this table; one ladder may hold all colours", k.variable, windowText(k.window))
		}
		seen[k] = true
	}
}

func windowText(d time.Duration) string {
	if d == 0 {
		return "ladder"
	}
	return "over " + d.String()
}

// ladder reads the thresholds of one variable, blue to red. With a table they
// are return periods, to be found in the station's table of them that is in force
// from table.ValidFrom on.
func (l *loader) ladder(m *mapping, station *Station, table *ReturnPeriods) []Threshold {
	h := Threshold{Timing: l.timing(m, station)}
	v, ok := parsed(m, "variable", hydro.ParseVariable, "water_level, discharge, inflow or rain")
	switch {
	case !ok:
	case v != hydro.WaterLevel && v != hydro.Discharge && v != hydro.Inflow && v != hydro.Rain:
		l.report(m.place("variable"), "variable: no stage can hang on %s: use water_level, discharge, inflow or rain", v)
		ok = false
	case station != nil && !station.Reports(v):
		l.report(m.place("variable"), "variable: station %q does not report %s", station.ID, v)
	}
	h.Variable = v
	h.Window = m.duration("window", 0, time.Minute)
	switch {
	case v == hydro.Rain && m.values["window"].n == nil:
		l.report(m.at(), "window: missing; a rain threshold is for an accumulation, as in window: 3h")
	case v == hydro.Rain && h.Window > 0 && !slices.Contains(windows, h.Window):
		l.report(m.place("window"), "window: %s is not accumulated: use 5m, 10m, 15m, 30m, 1h, 2h, 3h, 6h, 12h, 24h, 48h or 72h", h.Window)
	case ok && v != hydro.Rain && m.values["window"].n != nil:
		l.report(m.place("window"), "window: only rain has one")
	}
	if v == hydro.Rain {
		h.Observed, h.Forecast = l.rainLegs(m, station, h.Window)
	} else {
		h.Observed, h.Forecast = l.legs(m, station, v)
	}
	if table != nil && ok && station != nil {
		in, found := l.cat.returnPeriods(station.ID, v, table.ValidFrom)
		if table = in; !found {
			l.report(m.place("measure"), "measure: station %q has no return_periods of %s in force from the table's valid_from on", station.ID, v)
			m.take("blue")
			m.take("yellow")
			m.take("orange")
			m.take("red")
			return nil
		}
	}
	var out []Threshold
	var last *Threshold
	for _, c := range colours {
		w, given := m.take(c.String())
		if !given {
			continue
		}
		x, isNumber := w.number()
		if !isNumber {
			continue
		}
		if table != nil && station != nil && ok {
			value, stated := table.At(x)
			if !stated {
				w.fail("%s: %g years are not in the station's return_periods: write one of %s", c, x, table.years())
				continue
			}
			h.Years, x = x, value
		}
		if last != nil && x <= last.Value {
			w.fail("%s: %g is not above %s %g: thresholds ascend from blue to red", c, x, last.Stage, last.Value)
			continue
		}
		if x <= 0 && (v == hydro.Rain || v == hydro.Discharge || v == hydro.Inflow) {
			w.fail("%s: %g must be above 0", c, x)
			continue
		}
		h.Stage, h.Value = c, x
		out = append(out, h)
		last = &out[len(out)-1]
	}
	if len(out) == 0 {
		if !slices.ContainsFunc(colours, func(c hydro.Stage) bool { return m.values[c.String()].n != nil }) {
			l.report(m.at(), "thresholds: no colour; give blue, yellow, orange or red")
		}
		return nil
	}
	if !ok {
		return nil
	}
	return out
}

// legs says to which evidence a ladder applies. Unless the file says, it is
// observations, and forecasts where the station has any.
func (l *loader) legs(m *mapping, station *Station, v hydro.Variable) (observed, forecast bool) {
	can, why := l.forecasts(station, v)
	return l.legsOf(m, station, v, can, why)
}

// rainLegs is legs for a sum of rain, which is observed unless the file asks for more:
// rain forecasts differ in worth, and a table must not begin to warn by them unasked.
func (l *loader) rainLegs(m *mapping, station *Station, window time.Duration) (observed, forecast bool) {
	asked := m.values["legs"].n != nil
	can, why := true, ""
	if station != nil {
		switch b, ok := l.cat.Basin(station.Basin); {
		case !ok:
			can, why = false, "its basin is not known"
		case len(b.SubBasins) == 0:
			can, why = false, "rain forecasts are by sub-basin, and basin "+b.ID+" has none"
		case window > 0 && window < b.Settings.OutputStep:
			can, why = false, "the window "+window.String()+" is shorter than the basin's output_step "+b.Settings.OutputStep.String()
		}
	}
	observed, forecast = l.legsOf(m, station, hydro.Rain, can, why)
	return observed, forecast && asked
}

// legsOf is legs where the caller knows whether there are forecasts.
func (l *loader) legsOf(m *mapping, station *Station, v hydro.Variable, can bool, why string) (observed, forecast bool) {
	w, ok := m.take("legs")
	if !ok {
		return true, can
	}
	for _, item := range w.list() {
		s, ok := item.text()
		switch {
		case !ok:
		case s == "observed":
			observed = true
		case s == "forecast" && !can && station != nil && v != 0:
			item.fail("legs: there is no forecast of %s at station %q: %s", v, station.ID, why)
		case s == "forecast":
			forecast = true
		default:
			item.fail("legs: %q is not known: write observed or forecast", s)
		}
	}
	if len(w.list()) == 0 {
		w.fail("legs: empty")
	}
	return observed, forecast
}

// forecasts says whether forecasts give a variable at a station, and if not,
// why.
func (l *loader) forecasts(station *Station, v hydro.Variable) (bool, string) {
	if v != hydro.WaterLevel && v != hydro.Discharge {
		return false, "only water_level and discharge are forecast"
	}
	if station == nil {
		return false, ""
	}
	d, ok := l.nodeOf[station.ID]
	switch {
	case !ok:
		return false, "it is the gauge of no node"
	case d.Tidal && v == hydro.WaterLevel && d.Tide == nil:
		return false, "its node is tidal and has no section tide"
	case d.Rating == "" && d.Tide == nil && v == hydro.WaterLevel:
		return false, "its node has no rating"
	}
	return true, ""
}
