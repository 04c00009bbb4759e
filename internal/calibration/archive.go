package calibration

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// Gaugings are pairs of level and discharge that do not come from a file.
type Gaugings struct {
	Name  string // what they are of, for the fragment
	Pairs []Gauging
	Notes []string // what was left out, and why
}

// A Gauging is a level and the discharge that belongs to it.
type Gauging struct {
	At    time.Time // of the discharge
	Level float64   // m
	Flow  float64   // m³/s
}

// PairObservations gives each discharge the level that is nearest in time, the earlier
// of two, and at most tolerance away. Both ascend by time. Only what quality control
// let pass counts, and only levels on the datum: what is left out is counted in the
// notes by its reason. Fewer than five pairs wrap [hydro.ErrInvalid].
func PairObservations(levels, flows []hydro.Observation, datum hydro.Datum, tolerance time.Duration) (*Gaugings, error) {
	g := &Gaugings{}
	passed := func(what string, all []hydro.Observation) []hydro.Observation {
		why := map[string]int{}
		var out []hydro.Observation
		for i := range all {
			o := &all[i]
			switch {
			case o.Quality != hydro.Pass:
				reason := "quality " + o.Quality.String()
				if names := o.Tests.Names(); len(names) > 0 {
					reason += " (" + strings.Join(names, ", ") + ")"
				}
				why[reason]++
			case o.Variable == hydro.WaterLevel && o.Datum != datum:
				why[fmt.Sprintf("on datum %s, not %s", cmp.Or(string(o.Datum), "unknown"), datum)]++
			default:
				out = append(out, *o)
			}
		}
		for _, reason := range slices.Sorted(maps.Keys(why)) {
			g.Notes = append(g.Notes, fmt.Sprintf("%d of %d %s left out: %s", why[reason], len(all), what, reason))
		}
		return out
	}
	h, q := passed("levels", levels), passed("discharges", flows)
	alone, k := 0, 0
	for i := range q {
		for k+1 < len(h) && h[k+1].At.Sub(q[i].At).Abs() < h[k].At.Sub(q[i].At).Abs() {
			k++
		}
		if k >= len(h) || h[k].At.Sub(q[i].At).Abs() > tolerance {
			alone++
			continue
		}
		g.Pairs = append(g.Pairs, Gauging{At: q[i].At, Level: h[k].Value, Flow: q[i].Value})
	}
	if alone > 0 {
		g.Notes = append(g.Notes, fmt.Sprintf("%d of %d discharges left out: no level within %s", alone, len(flows), tolerance))
	}
	if len(g.Pairs) < 5 {
		return nil, fmt.Errorf("%d pairs of %d levels and %d discharges: want 5 or more; %s: %w", len(g.Pairs), len(levels), len(flows),
			cmp.Or(strings.Join(g.Notes, "; "), "nothing was left out"), hydro.ErrInvalid)
	}
	return g, nil
}

// pairs are the gaugings with a flow above 0, and the number of the others.
func (g *Gaugings) pairs() (pairs []pair, left int, err error) {
	for _, x := range g.Pairs {
		if x.Flow <= 0 {
			left++
			continue
		}
		pairs = append(pairs, pair{at: x.At, level: x.Level, flow: x.Flow})
	}
	if len(pairs) < 5 {
		return nil, 0, fmt.Errorf("%s: %d pairs with a flow above 0: want 5 or more: %w", g.Name, len(pairs), hydro.ErrInvalid)
	}
	return pairs, left, nil
}
