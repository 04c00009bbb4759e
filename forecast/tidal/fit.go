package tidal

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
)

// A Record is series of equal step to fit to and to check on: all of one length, NaN
// where there is no value.
type Record struct {
	Step  float64   // s
	Tide  []float64 // predicted tide at the mouth, m
	Flow  []float64 // upstream, m³/s
	Level []float64 // observed, m
}

// A Fitted is what Fit found.
type Fitted struct {
	Level       Level
	Lag, Travel int        // steps
	Flow, Tide  [2]float64 // ranges that it was fitted to
	RMSE        float64    // m, of the fit
	N           int        // values
}

// ErrUnfit is the error of a record that holds no relation.
var ErrUnfit = errors.New("tidal: no relation of level to tide and flow: too few values, a flow or a tide that does not change, or a level that does not rise with them")

// At returns the fitted level of step i, without a residual; NaN where the record has no
// tide or flow for it.
func (f *Fitted) At(r *Record, i int) float64 {
	if i < f.Lag || i < f.Travel {
		return math.NaN()
	}
	return f.Level.At(r.Tide[i-f.Lag], r.Flow[i-f.Travel])
}

// Fit finds by least squares the relation that is closest to the level in the steps
// [from, to), with the given exponent of the flow, and with lag and travel of whole
// steps, at most as many as given: these are looked for in turn, each with the other
// held, until neither moves. A damping below 0 is none. It panics if the lengths
// differ.
func Fit(r *Record, from, to int, exponent float64, mostLag, mostTravel int) (Fitted, error) {
	if len(r.Tide) != len(r.Level) || len(r.Flow) != len(r.Level) {
		panic("tidal: lengths differ")
	}
	from = max(from, mostLag, mostTravel)
	best := Fitted{RMSE: math.Inf(1)}
	for range 8 {
		lag, travel := best.Lag, best.Travel
		for k := range mostLag + 1 {
			if f, ok := r.fit(from, to, exponent, k, best.Travel); ok && f.RMSE < best.RMSE {
				best = f
			}
		}
		for k := range mostTravel + 1 {
			if f, ok := r.fit(from, to, exponent, best.Lag, k); ok && f.RMSE < best.RMSE {
				best = f
			}
		}
		if best.Lag == lag && best.Travel == travel {
			break
		}
	}
	if math.IsInf(best.RMSE, 1) {
		return Fitted{}, ErrUnfit
	}
	return best, nil
}

// fit is the fit for one lag and travel.
func (r *Record) fit(from, to int, exponent float64, lag, travel int) (Fitted, bool) {
	f := Fitted{
		Lag: lag, Travel: travel,
		Flow: [2]float64{math.Inf(1), math.Inf(-1)}, Tide: [2]float64{math.Inf(1), math.Inf(-1)},
	}
	a, b := mat.NewSymDense(4, nil), mat.NewVecDense(4, nil)
	// The flow's power is scaled to be near 1, or the normal equations would lose digits.
	unit := 0.0
	for i := from; i < to; i++ {
		if q := r.Flow[i-travel]; q > unit {
			unit = q
		}
	}
	if unit == 0 {
		return f, false
	}
	row := func(i int) (x [4]float64, ok bool) {
		tide, flow := r.Tide[i-lag], max(0, r.Flow[i-travel])
		if v := tide + flow + r.Level[i]; v != v {
			return x, false
		}
		q := math.Pow(flow/unit, exponent)
		return [4]float64{1, q, tide, -q * tide}, true
	}
	for i := from; i < to; i++ {
		x, ok := row(i)
		if !ok {
			continue
		}
		f.N++
		f.Flow = [2]float64{min(f.Flow[0], r.Flow[i-travel]), max(f.Flow[1], r.Flow[i-travel])}
		f.Tide = [2]float64{min(f.Tide[0], r.Tide[i-lag]), max(f.Tide[1], r.Tide[i-lag])}
		for j := range 4 {
			b.SetVec(j, b.AtVec(j)+x[j]*r.Level[i])
			for k := j; k < 4; k++ {
				a.SetSym(j, k, a.At(j, k)+x[j]*x[k])
			}
		}
	}
	if f.N < 50 {
		return f, false
	}
	c, ok := solve(a, b, 4)
	if ok && c[3] < 0 {
		c, ok = solve(a, b, 3)
	}
	if !ok {
		return f, false
	}
	scale := math.Pow(unit, exponent)
	l, err := New(Level{Mean: c[0], Rise: c[1] / scale, Gain: c[2], Damping: c[3] / scale, Exponent: exponent})
	if err != nil {
		return f, false
	}
	f.Level = l
	sum := 0.0
	for i := from; i < to; i++ {
		if d := f.At(r, i) - r.Level[i]; d == d {
			sum += d * d
		}
	}
	f.RMSE = math.Sqrt(sum / float64(f.N))
	return f, true
}

// solve solves the first n of the normal equations; the others' unknowns are 0.
func solve(a *mat.SymDense, b *mat.VecDense, n int) (c [4]float64, ok bool) {
	var chol mat.Cholesky
	if !chol.Factorize(a.SliceSym(0, n)) || chol.Cond() > 1e12 {
		return c, false
	}
	var x mat.VecDense
	if err := chol.SolveVecTo(&x, b.SliceVec(0, n)); err != nil {
		return c, false
	}
	for i := range n {
		c[i] = x.AtVec(i)
	}
	return c, true
}

// A Score is how far forecasts lie from what was observed, forecast less observed.
type Score struct {
	N          int
	RMSE, Bias float64 // m
	HighWaters int     // that were observed and forecast within 3 h
	HighWater  float64 // m, root mean square error of their levels
	HighTime   float64 // s, mean of the amounts by which their times differ
}

// A Skill is the table's row of one lead time: of the relation with its residual, of
// persistence (the level of the issue stays), and of the tide alone (a straight line
// on it, fitted as the relation was).
type Skill struct {
	Lead                            int // steps
	Relation, Persistence, TideOnly Score
}

// Skills issues a forecast at each step and compares those for the steps [from, to)
// with what was observed there, by lead time, steps above 0. What is not known at the
// issue is not used: the flow that has not yet been observed then is that of the
// issue. The tide is as predicted. The residual decays with halfLife, s.
func Skills(r *Record, f *Fitted, fitFrom, fitTo, from, to int, halfLife float64, leads []int) []Skill {
	cycle := max(1, int(math.Round(CycleMS/1000/r.Step)))
	a, b := line(r, f.Lag, fitFrom, fitTo)
	computed := make([]float64, len(r.Level))
	for i := range computed {
		computed[i] = f.At(r, i)
	}
	var out []Skill
	for _, lead := range leads {
		rel, per, tide := make([]float64, len(r.Level)), make([]float64, len(r.Level)), make([]float64, len(r.Level))
		for i := range rel {
			rel[i], per[i], tide[i] = math.NaN(), math.NaN(), math.NaN()
			at := i - lead // of the issue
			if i < from || i >= to || at < cycle || i < f.Lag || at < f.Travel {
				continue
			}
			level := f.Level.At(r.Tide[i-f.Lag], r.Flow[min(at, i-f.Travel)])
			if e, ok := Residual(r.Level[at-cycle+1:at+1], computed[at-cycle+1:at+1]); ok {
				level += e * Decay(float64(lead)*r.Step, halfLife)
			}
			rel[i], per[i], tide[i] = level, r.Level[at], a+b*r.Tide[i-f.Lag]
		}
		out = append(out, Skill{lead, r.score(rel, from, to), r.score(per, from, to), r.score(tide, from, to)})
	}
	return out
}

// line is the straight line of level on tide.
func line(r *Record, lag, from, to int) (a, b float64) {
	var n, x, y, xx, xy float64
	for i := max(from, lag); i < to; i++ {
		t, l := r.Tide[i-lag], r.Level[i]
		if s := t + l; s != s {
			continue
		}
		n, x, y, xx, xy = n+1, x+t, y+l, xx+t*t, xy+t*l
	}
	if d := n*xx - x*x; d > 0 {
		b = (n*xy - x*y) / d
		a = (y - b*x) / n
	}
	return a, b
}

func (r *Record) score(f []float64, from, to int) Score {
	var s Score
	for i := from; i < to; i++ {
		if d := f[i] - r.Level[i]; d == d {
			s.N++
			s.Bias += d
			s.RMSE += d * d
		}
	}
	s.Bias, s.RMSE = s.Bias/float64(s.N), math.Sqrt(s.RMSE/float64(s.N))
	near := int(3 * 3600 / r.Step)
	seen := highs(r.Level, from, to, near)
	said := highs(f, from, to, near)
	k := 0
	for _, i := range seen {
		for k+1 < len(said) && abs(said[k+1]-i) <= abs(said[k]-i) {
			k++
		}
		if k >= len(said) || abs(said[k]-i) > near {
			continue
		}
		d := f[said[k]] - r.Level[i]
		s.HighWaters++
		s.HighWater += d * d
		s.HighTime += float64(abs(said[k]-i)) * r.Step
	}
	s.HighWater, s.HighTime = math.Sqrt(s.HighWater/float64(s.HighWaters)), s.HighTime/float64(s.HighWaters)
	return s
}

// highs returns the steps that are the highest within near steps on both sides, which
// must all be there.
func highs(v []float64, from, to, near int) (out []int) {
	for i := from + near; i < to-near; i++ {
		top := true
		for j := i - near; j <= i+near && top; j++ {
			// Of equal ones the first counts.
			top = v[j] < v[i] || j == i || v[j] == v[i] && j > i
		}
		if top {
			out = append(out, i)
		}
	}
	return out
}

func abs(i int) int { return max(i, -i) }
