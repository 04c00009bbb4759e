package unithydrograph

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// A Pulse is what is known of one event: the runoff of each step, in any unit of
// depth times area over the step such as m³/s, and the flow that it made. A NaN of
// Flow was not observed.
type Pulse struct {
	Runoff []float64 // from the first step of the event on, or from earlier
	Flow   []float64 // at the same steps; no flow but that of Runoff
}

// Fit returns the n ordinates, shares of a step's runoff, with which the runoffs come closest to the flows,
//
//	min Σ (Σ_k u(k) r(t-k) - q(t))² + λ Σ (u(k-1) - 2u(k) + u(k+1))²
//	u(k) >= 0     Σ u(k) = 1     u(0) = u(n+1) = 0                      [Lawson74]
//
// where λ is smooth times the mean of the squares that an ordinate multiplies:
// without it (0) the ordinates follow every error of the rain, and saw. The problem
// is convex and solved exactly, by active sets: ordinates that would be negative are
// held at 0.
//
// It fails if a runoff is negative or not finite, if a length differs, if fewer
// flows than ordinates were observed and smooth is 0, or if there is no runoff.
//
// [Lawson74] C. L. Lawson, R. J. Hanson, Solving least squares problems,
// Prentice-Hall, 1974, chapter 23, with the sum as an equality.
func Fit(events []Pulse, n int, smooth float64) (Hydrograph, error) {
	if n < 1 || n > maxFitted {
		return nil, fmt.Errorf("unit hydrograph: %d ordinates to fit: want 1 to %d", n, maxFitted)
	}
	if !(smooth >= 0) || math.IsInf(smooth, 0) {
		return nil, fmt.Errorf("unit hydrograph: smooth = %g: want >= 0", smooth)
	}
	h, b := mat.NewSymDense(n, nil), make([]float64, n)
	observed, trace := 0, 0.0
	for e, p := range events {
		if len(p.Runoff) != len(p.Flow) {
			return nil, fmt.Errorf("unit hydrograph: event %d: %d runoffs, %d flows", e+1, len(p.Runoff), len(p.Flow))
		}
		for t, r := range p.Runoff {
			if !(r >= 0) || math.IsInf(r, 0) {
				return nil, fmt.Errorf("unit hydrograph: event %d: runoff %d = %g: want >= 0", e+1, t+1, r)
			}
		}
		for t, q := range p.Flow {
			if q != q {
				continue
			}
			observed++
			for i := range min(n, t+1) {
				ri := p.Runoff[t-i]
				if ri == 0 {
					continue
				}
				b[i] += ri * q
				for j := i; j < min(n, t+1); j++ {
					h.SetSym(i, j, h.At(i, j)+ri*p.Runoff[t-j])
				}
			}
		}
	}
	for i := range n {
		trace += h.At(i, i)
	}
	if trace == 0 {
		return nil, errors.New("unit hydrograph: no runoff: nothing to fit")
	}
	if observed < n && smooth == 0 {
		return nil, fmt.Errorf("unit hydrograph: %d ordinates from %d observed flows: want no more, or some smoothing", n, observed)
	}
	roughen(h, smooth*trace/float64(n))
	for i := range n { // what no flow tells stays where it is
		h.SetSym(i, i, h.At(i, i)+1e-12*trace/float64(n))
	}
	u, err := onSimplex(h, b)
	if err != nil {
		return nil, err
	}
	return Hydrograph(u).whole(), nil
}

// maxFitted keeps the matrices within reason.
const maxFitted = 500

// roughen adds λ times the squares of second differences.
func roughen(h *mat.SymDense, lambda float64) {
	n := h.SymmetricDim()
	for k := -1; k <= n; k++ {
		d := map[int]float64{k - 1: 1, k: -2, k + 1: 1}
		for i := max(0, k-1); i <= min(n-1, k+1); i++ {
			for j := i; j <= min(n-1, k+1); j++ {
				h.SetSym(i, j, h.At(i, j)+lambda*d[i]*d[j])
			}
		}
	}
}

// onSimplex returns the u >= 0 of sum 1 with the least ½ uᵀHu - bᵀu, H positive
// definite.
func onSimplex(h *mat.SymDense, b []float64) ([]float64, error) {
	n := len(b)
	u, free := make([]float64, n), make([]bool, n)
	for i := range u {
		u[i], free[i] = 1/float64(n), true
	}
	for range 10*n + 10 {
		z, mu, err := equality(h, b, free)
		if err != nil {
			return nil, err
		}
		step, at := 1.0, -1
		for i := range z {
			if free[i] && z[i] < 0 {
				if s := u[i] / (u[i] - z[i]); s < step {
					step, at = s, i
				}
			}
		}
		for i := range u {
			if free[i] {
				u[i] += step * (z[i] - u[i])
			}
		}
		if at >= 0 {
			u[at], free[at] = 0, false
			continue
		}
		// All feasible: let go the one at 0 that gains most, if any gains.
		worst, gain := -1, 1e-9*(math.Abs(mu)+1e-300)
		for i := range u {
			if free[i] {
				continue
			}
			g := -b[i] - mu
			for j := range u {
				g += h.At(i, j) * u[j]
			}
			if -g > gain {
				worst, gain = i, -g
			}
		}
		if worst < 0 {
			return u, nil
		}
		free[worst] = true
	}
	return nil, fmt.Errorf("unit hydrograph: no solution for %d ordinates after %d active sets", n, 10*n+10)
}

// equality solves the problem for the free ordinates alone, of any sign, and
// returns them with the multiplier of the sum.
func equality(h *mat.SymDense, b []float64, free []bool) (z []float64, mu float64, err error) {
	var at []int
	for i, f := range free {
		if f {
			at = append(at, i)
		}
	}
	k := len(at)
	a := mat.NewSymDense(k, nil)
	rhs := mat.NewDense(k, 2, nil)
	for i := range k {
		for j := i; j < k; j++ {
			a.SetSym(i, j, h.At(at[i], at[j]))
		}
		rhs.Set(i, 0, b[at[i]])
		rhs.Set(i, 1, 1)
	}
	var c mat.Cholesky
	if !c.Factorize(a) {
		return nil, 0, errors.New("unit hydrograph: the flows do not tell the ordinates apart: smooth them, or take fewer")
	}
	var x mat.Dense
	if err := c.SolveTo(&x, rhs); err != nil {
		if _, ill := errors.AsType[mat.Condition](err); !ill {
			return nil, 0, fmt.Errorf("unit hydrograph: %w", err)
		}
	}
	s0, s1 := 0.0, 0.0
	for i := range k {
		s0, s1 = s0+x.At(i, 0), s1+x.At(i, 1)
	}
	mu = (1 - s0) / s1
	z = make([]float64, len(b))
	for i, j := range at {
		z[j] = x.At(i, 0) + mu*x.At(i, 1)
	}
	return z, mu, nil
}
