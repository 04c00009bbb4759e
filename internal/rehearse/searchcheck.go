package rehearse

import (
	"fmt"
	"math"
	"slices"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// check fills what is left out of a search, and returns what is wrong with it.
func (k *searcher) check() []*hydro.FieldError {
	q, b := &k.q, &k.s.Footing
	if q.Scenario.Basin == "" {
		q.Scenario.Basin = b.Basin
	}
	wrong := q.Scenario.Check(b.Catalogue, b.T0)
	for i := range wrong {
		wrong[i] = &hydro.FieldError{Field: "scenario." + wrong[i].Field, Text: wrong[i].Text}
	}
	add := func(field, format string, args ...any) {
		wrong = append(wrong, &hydro.FieldError{Field: field, Text: fmt.Sprintf(format, args...)})
	}
	if q.Pieces == 0 {
		q.Pieces = 6
	}
	if q.Runs == 0 {
		q.Runs = 1500
	}
	if q.Pieces < 1 || q.Pieces > MaxPieces {
		add("pieces", "%d is not between 1 and %d", q.Pieces, MaxPieces)
	}
	if q.Runs < 20 || q.Runs > MaxRuns {
		add("runs", "%d is not between 20 and %d", q.Runs, MaxRuns)
	}
	if q.Points < 0 || q.Points > MaxPoints {
		add("points", "%d is not between 0 and %d", q.Points, MaxPoints)
	}
	k.pieces = q.Pieces
	var ids []string
	for i := range k.basin.Reservoirs {
		ids = append(ids, k.basin.Reservoirs[i].ID)
	}
	if len(q.Limits) == 0 {
		add("reservoirs", "none: name the reservoirs whose releases are searched; %s", among(ids))
	}
	for i := range q.Limits {
		l, at := &q.Limits[i], fmt.Sprintf("reservoirs[%d].", i)
		if !slices.Contains(ids, l.Reservoir) {
			add(at+"reservoir", "%q is no reservoir of basin %s: %s", l.Reservoir, k.basin.ID, among(ids))
		}
		if slices.ContainsFunc(q.Limits[:i], func(o Limits) bool { return o.Reservoir == l.Reservoir }) {
			add(at+"reservoir", "%q twice", l.Reservoir)
		}
		if !(l.Least >= 0 && l.Least < l.Most && l.Most <= hydro.MaxRelease) {
			add(at+"most", "least %g and most %g m³/s: want 0 or more, and most above least", l.Least, l.Most)
		}
		if !(l.Ramp >= 0) || math.IsInf(l.Ramp, 0) {
			add(at+"ramp", "%g m³/s in an hour: want 0 for no limit, or more", l.Ramp)
		}
		if l.EndLeast > l.EndMost { // false for NaN
			add(at+"end_most", "%g m is below end_least %g m", l.EndMost, l.EndLeast)
		}
	}
	if len(wrong) == 0 {
		k.targets(add)
	}
	return wrong
}

// targets fills or checks where exceedances count. A value that is left out is of the
// thresholds that the scenario has.
func (k *searcher) targets(add func(field, format string, args ...any)) {
	q, b := &k.q, &k.s.Footing
	c := retabled(b.Catalogue, q.Scenario.Thresholds, b.T0)
	if len(q.Targets) == 0 {
		for _, id := range k.below() {
			f := find(k.s.fine.Forecast.Stations, id)
			if f == nil || len(f.Level) == 0 || math.IsNaN(f.Level[0]) {
				continue
			}
			for _, t := range thresholds(b, c, id) {
				if t.Variable == hydro.WaterLevel { // the lowest stage comes first
					q.Targets = append(q.Targets, Target{Station: id, Variable: t.Variable, Value: t.Value})
					break
				}
			}
		}
		if len(q.Targets) == 0 {
			add("targets", "no river station below these reservoirs has both a forecast level and a stage on it: name a station and a value")
		}
		return
	}
	for i := range q.Targets {
		t, at := &q.Targets[i], fmt.Sprintf("targets[%d].", i)
		f := find(k.s.fine.Forecast.Stations, t.Station)
		if f == nil {
			add(at+"station", "%q: no run tells of it", t.Station)
			continue
		}
		level := len(f.Level) > 0 && !math.IsNaN(f.Level[0])
		if t.Variable == 0 {
			t.Variable = hydro.WaterLevel
			if !level {
				t.Variable = hydro.Discharge
			}
		}
		switch {
		case t.Variable != hydro.WaterLevel && t.Variable != hydro.Discharge:
			add(at+"variable", "%s: write water_level or discharge", t.Variable)
		case t.Variable == hydro.WaterLevel && !level:
			add(at+"variable", "no level is forecast at %s: write discharge", t.Station)
		case t.Variable != q.Targets[0].Variable:
			add(at+"variable", "%s beside %s: metres and m³/s cannot be compared, give one variable to all", t.Variable, q.Targets[0].Variable)
		}
		if math.IsNaN(t.Value) {
			all := thresholds(b, c, t.Station)
			j := slices.IndexFunc(all, func(s Stood) bool { return s.Variable == t.Variable })
			if j < 0 {
				add(at+"value", "%s has no stage on its %s: give the value that is not to be exceeded", t.Station, t.Variable)
				continue
			}
			t.Value = all[j].Value
		}
	}
}

// below returns the gauges of the nodes downstream of the reservoirs searched.
func (k *searcher) below() []string {
	var out []string
	for i := range k.q.Limits {
		at := ""
		for j := range k.basin.Reservoirs {
			if k.basin.Reservoirs[j].ID == k.q.Limits[i].Reservoir {
				at = k.basin.Reservoirs[j].Node
			}
		}
		for n := node(k.basin, at); n != nil; n = node(k.basin, n.Downstream) {
			if n.Gauge != "" && !slices.Contains(out, n.Gauge) {
				out = append(out, n.Gauge)
			}
		}
	}
	return out
}

func node(b *catalog.Basin, id string) *catalog.Node {
	for i := range b.Nodes {
		if b.Nodes[i].ID == id && id != "" {
			return &b.Nodes[i]
		}
	}
	return nil
}
