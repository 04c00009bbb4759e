package rating

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// A Pair is a level and a discharge that were measured together.
type Pair struct {
	Level, Discharge float64 // m, m³/s > 0
	Weight           float64 // > 0: how many such pairs there are
}

// FitLaws returns the power laws, one more than breaks, that come closest to the
// pairs in the logarithm of discharge and meet at the breaks,
//
//	min Σ w (ln Q - ln q)²     Q = c (h - h0)^b by range     [ISO18320]
//
// for given breaks, ascending, and the h0 of each range, each below where its range
// begins. Given these ln Q is linear in ln c of the first range and in all b, so
// that the answer is exact; who does not know them searches for them, see freshet
// calibrate. The first range begins at the lowest level of the pairs and the last
// ends at the highest. Rest is Σ w (ln Q - ln q)².
//
// It fails with numbers if a discharge is not above 0, an h0 not below its range, a
// range holds fewer than three different levels, or an exponent comes out outside of
// its range in [Params].
func FitLaws(pairs []Pair, breaks, h0 []float64) (laws []Range, rest float64, err error) {
	k := len(h0)
	if k == 0 || len(breaks) != k-1 {
		return nil, 0, fmt.Errorf("rating: %d levels of zero flow and %d breaks: want one more than breaks", k, len(breaks))
	}
	low, high := math.Inf(1), math.Inf(-1)
	for i, p := range pairs {
		if !(p.Discharge > 0) || !(p.Weight > 0) || math.IsInf(p.Discharge, 0) || math.IsNaN(p.Level) || math.IsInf(p.Level, 0) {
			return nil, 0, fmt.Errorf("rating: pair %d (%g m, %g m³/s, weight %g): want finite ones, discharge and weight > 0", i+1, p.Level, p.Discharge, p.Weight)
		}
		low, high = min(low, p.Level), max(high, p.Level)
	}
	laws = make([]Range, k)
	for i := range laws {
		laws[i] = Range{Low: low, High: high, H0: h0[i]}
		if i > 0 {
			laws[i].Low, laws[i-1].High = breaks[i-1], breaks[i-1]
		}
	}
	for i, r := range laws {
		if !(r.Low < r.High) || !(r.H0 < r.Low) {
			return nil, 0, fmt.Errorf("rating: range %d (%g to %g m, h0 = %g m): want low below high and h0 below low", i+1, r.Low, r.High, r.H0)
		}
	}
	// ln Q = x0 + Σ x(j) × what of the rise from low to h lies in range j, in ln(h - h0).
	n := k + 1
	a, b := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	row, spread := make([]float64, n), make([][3]float64, k) // of each range: distinct levels seen
	counts := make([]int, k)
	full := make([]float64, k) // rise over the whole of each range
	for j, r := range laws {
		full[j] = math.Log((r.High - r.H0) / (r.Low - r.H0))
	}
	at := func(h float64) int {
		for j := k - 1; j > 0; j-- {
			if h >= laws[j].Low {
				return j
			}
		}
		return 0
	}
	fill := func(h float64) int {
		in := at(h)
		row[0] = 1
		for j := range k {
			switch {
			case j < in:
				row[j+1] = full[j]
			case j == in:
				row[j+1] = math.Log((h - laws[j].H0) / (laws[j].Low - laws[j].H0))
			default:
				row[j+1] = 0
			}
		}
		return in
	}
	for _, p := range pairs {
		in := fill(p.Level)
		if c := counts[in]; c < 3 {
			seen := false
			for _, v := range spread[in][:c] {
				seen = seen || v == p.Level
			}
			if !seen {
				spread[in][c] = p.Level
				counts[in]++
			}
		}
		y := math.Log(p.Discharge)
		for i := range n {
			if row[i] == 0 {
				continue
			}
			b.SetVec(i, b.AtVec(i)+p.Weight*row[i]*y)
			for j := i; j < n; j++ {
				a.SetSym(i, j, a.At(i, j)+p.Weight*row[i]*row[j])
			}
		}
	}
	for i, c := range counts {
		if c < 3 {
			return nil, 0, fmt.Errorf("rating: range %d (%g to %g m): %d different levels: want at least 3", i+1, laws[i].Low, laws[i].High, c)
		}
	}
	var c mat.Cholesky
	var x mat.VecDense
	if !c.Factorize(a) {
		return nil, 0, errors.New("rating: the pairs do not tell the laws apart: take fewer ranges")
	}
	if err := c.SolveVecTo(&x, b); err != nil {
		if _, ill := errors.AsType[mat.Condition](err); !ill {
			return nil, 0, fmt.Errorf("rating: %w", err)
		}
	}
	start := x.AtVec(0) // ln Q where a range begins
	for j := range laws {
		r := &laws[j]
		if r.B = x.AtVec(j + 1); !(r.B > Params[2].Lo && r.B <= Params[2].Hi) {
			return nil, 0, fmt.Errorf("rating: range %d (%g to %g m, h0 = %g m): %w", j+1, r.Low, r.High, r.H0, Params[2].Check(r.B))
		}
		r.C = math.Exp(start - r.B*math.Log(r.Low-r.H0))
		start += r.B * full[j]
	}
	for _, p := range pairs {
		fill(p.Level)
		e := -math.Log(p.Discharge)
		for i, v := range row {
			e += v * x.AtVec(i)
		}
		rest += p.Weight * e * e
	}
	return laws, rest, nil
}
