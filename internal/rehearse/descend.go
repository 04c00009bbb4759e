package rehearse

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"

	"freshet/internal/hydro"
)

// The worst exceedance is the top of many crests, and the best releases lie where
// several of them and some limits meet: in a corner, in which methods that feel their
// way stop short. But water is nearly linear in what is released: at a schedule, each
// piece is moved a little, and what follows is a linear programme whose corner is the
// next schedule to look at, within a distance that is halved when it disappoints.

const (
	windows   = 24   // of the horizon, in each of which the highest value counts
	furthest  = 0.25 // of the range, the first distance
	nearest   = 1e-4 // of the range, the last one
	nudge     = 0.01 // of the range, by which a piece is moved
	clear     = 2e-4 // m that a level stays off its limit, for the curve is no straight line
	distinct  = 0.1  // of the range, between starts
	maxStarts = 4
)

// starts returns where to go down from: the best runs that lie apart.
func (k *searcher) starts() [][]float64 {
	all := slices.Clone(k.all)
	slices.SortStableFunc(all, func(a, b tried) int { return cmp.Compare(k.merit(&a, math.NaN()), k.merit(&b, math.NaN())) })
	var out [][]float64
	for i := range all {
		apart := func(x []float64) bool {
			for j := range x {
				l := &k.q.Limits[j/k.pieces]
				if math.Abs(x[j]-all[i].x[j]) > distinct*(l.Most-l.Least) {
					return true
				}
			}
			return false
		}
		if !slices.ContainsFunc(out, func(x []float64) bool { return !apart(x) }) {
			if out = append(out, all[i].x); len(out) == maxStarts {
				break
			}
		}
	}
	return out
}

// merit is what a run is worth, less is better.
func (k *searcher) merit(t *tried, rise float64) float64 {
	return t.worst + k.price()*(t.broken+k.above(t, rise))
}

// descend goes down from a schedule, below a rise of the reservoirs (NaN: any), until
// nothing is gained or so many runs are done in all.
func (k *searcher) descend(from []float64, rise float64, until int) {
	at := k.try(from)
	if at == nil {
		return
	}
	n := len(from)
	for reach := furthest; reach > nearest && k.runs+n < until && k.ctx.Err() == nil; {
		moved := make([]*tried, n)
		for j := range n {
			l := &k.q.Limits[j/k.pieces]
			x := slices.Clone(at.x)
			by := nudge * (l.Most - l.Least)
			if x[j]+by > l.Most {
				by = -by
			}
			x[j] += by
			if moved[j] = k.try(x); moved[j] == nil {
				return
			}
		}
		gained := false
		for reach > nearest && k.runs < until && !gained {
			x, ok := k.corner(at, moved, rise, reach)
			if !ok {
				return
			}
			next := k.try(x)
			if next == nil {
				return
			}
			if gained = k.merit(next, rise) < k.merit(at, rise)-1e-7; gained {
				at = next
			} else {
				reach /= 2
			}
		}
	}
}

// A row is one inequality of a linear programme: value + Σ slope·move ≤ bound.
type row struct {
	value, bound float64
	slope        []float64
	target       bool // its bound is the exceedance that is looked for; else a limit
}

// rows are what counts of a run and of those beside it: the highest values of each
// window at the targets, and the levels of the reservoirs.
func (k *searcher) rows(at *tried, moved []*tried, rise float64) []row {
	var out []row
	add := func(of func(t *tried) []float64, value float64, i int, bound float64, target bool, sign float64) {
		r := row{value: sign * value, bound: sign * bound, target: target, slope: make([]float64, len(moved))}
		for j, m := range moved {
			r.slope[j] = sign * (of(m)[i] - value) / (m.x[j] - at.x[j])
		}
		out = append(out, r)
	}
	highest := func(of func(t *tried) []float64, bound float64, target bool) {
		v := of(at)
		for w := range windows {
			from, to := w*len(v)/windows, (w+1)*len(v)/windows
			top := -1
			for i := from; i < to; i++ {
				if top < 0 || v[i] > v[top] {
					top = i
				}
			}
			if top >= 0 {
				add(of, v[top], top, bound, target, 1)
			}
		}
	}
	for i := range k.q.Targets {
		t := &k.q.Targets[i]
		if find(at.series.Forecast.Stations, t.Station) == nil {
			continue
		}
		highest(func(x *tried) []float64 {
			f := find(x.series.Forecast.Stations, t.Station)
			if t.Variable == hydro.WaterLevel {
				return f.Level
			}
			return f.Discharge
		}, t.Value, true)
	}
	for i := range k.q.Limits {
		l := &k.q.Limits[i]
		if at.paths[i].Level == nil {
			continue
		}
		level := func(x *tried) []float64 { return x.paths[i].Level }
		bound := l.Highest
		if !math.IsNaN(rise) && !(at.paths[i].Start+rise > bound) { // true for NaN
			bound = at.paths[i].Start + rise
		}
		if !math.IsNaN(bound) {
			highest(level, bound-clear, false)
		}
		end := len(at.paths[i].Level) - 1
		if !math.IsNaN(l.EndMost) {
			add(level, level(at)[end], end, l.EndMost-clear, false, 1)
		}
		if !math.IsNaN(l.EndLeast) {
			add(level, level(at)[end], end, l.EndLeast+clear, false, -1)
		}
	}
	return out
}

// corner returns the schedule at which the linear programme around a run has its
// least: the worst exceedance z, and the price of what limits are broken by.
func (k *searcher) corner(at *tried, moved []*tried, rise, reach float64) (x []float64, ok bool) {
	defer func() {
		if p := recover(); p != nil { // the simplex gives up so, too
			x, ok = nil, false
			k.failed = fmt.Errorf("search: linear programme: %v", p)
		}
	}()
	rows := k.rows(at, moved, rise)
	n := len(at.x)
	// Variables, all 0 or more: the move of each piece above its lowest, z above what
	// it can never be below, the break of limits, and the slack of each row.
	low, high := make([]float64, n), make([]float64, n)
	for j := range n {
		l := &k.q.Limits[j/k.pieces]
		way := reach * (l.Most - l.Least)
		low[j], high[j] = max(l.Least, at.x[j]-way)-at.x[j], min(l.Most, at.x[j]+way)-at.x[j]
	}
	floor := at.worst
	for _, r := range rows {
		if !r.target {
			continue
		}
		down := 0.0
		for j, s := range r.slope {
			down += math.Abs(s) * (high[j] - low[j])
		}
		floor = min(floor, r.value-r.bound-down)
	}
	floor--
	m := len(rows) + n
	z, broken := n, n+1
	a, b, c := mat.NewDense(m, n+2+m, nil), make([]float64, m), make([]float64, n+2+m)
	c[z], c[broken] = 1, k.price()
	for i, r := range rows {
		b[i] = r.bound - r.value
		for j, s := range r.slope {
			a.Set(i, j, s)
			b[i] -= s * low[j]
		}
		if r.target {
			a.Set(i, z, -1)
			b[i] += floor
		} else {
			a.Set(i, broken, -1)
		}
		a.Set(i, n+2+i, 1)
	}
	for j := range n {
		i := len(rows) + j
		a.Set(i, j, 1)
		a.Set(i, n+2+i, 1)
		b[i] = high[j] - low[j]
	}
	_, solution, err := lp.Simplex(c, a, b, 1e-10, nil)
	if err != nil {
		k.failed = fmt.Errorf("search: linear programme: %w", err)
		return nil, false
	}
	x = slices.Clone(at.x)
	for j := range x {
		l := &k.q.Limits[j/k.pieces]
		x[j] = min(max(x[j]+low[j]+solution[j], l.Least), l.Most)
	}
	return x, true
}
