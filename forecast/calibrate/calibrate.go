// Package calibrate finds the parameters with which a model comes closest to
// what was observed.
//
// [Minimize] looks for the least value of an objective within the bounds of its
// parameters:
//
//  1. A Latin hypercube [McKay79] of 20 points per parameter finds out where the
//     objective is defined and where to begin.
//  2. From the best point of it a covariance matrix adaptation runs, gonum's
//     CMA-ES with Cholesky update [Krause16], and from where that ends the
//     simplex of Nelder and Mead [Nelder65], again and again until it gains
//     nothing.
//  3. This restarts from the next best points, each time with twice the
//     population, up to the eighth restart. It ends early when two restarts have
//     come to the same value.
//
// The search sees each parameter on [0, 1], on a logarithmic scale where Log is
// set; what leaves the interval is folded back at its ends, so no value outside
// of the bounds is ever tried and a best value may lie on a bound.
//
// The search is seeded: equal problems with equal options give equal results to
// the last bit on one machine. The objective is called by one goroutine at a
// time, though not by the caller's: gonum runs its methods in goroutines of its
// own, all ended when Minimize returns.
//
// Sources:
//
//	[McKay79]  McKay, Beckman, Conover: A comparison of three methods for selecting
//	           values of input variables, Technometrics 21 (1979)
//	[Krause16] Krause, Arbonès, Igel: CMA-ES with optimal covariance update and
//	           storage complexity, NIPS (2016)
//	[Nelder65] Nelder, Mead: A simplex method for function minimization, Computer
//	           J. 7 (1965)
//	[Steele14] Steele, Lea, Flood: Fast splittable pseudorandom number generators,
//	           OOPSLA (2014)
//	[Pushpalatha12] Pushpalatha, Perrin, Le Moine, Andréassian: A review of efficiency
//	           criteria suitable for evaluating low-flow simulations, J. Hydrol.
//	           420-421 (2012)
//	[Klemes86] Klemeš: Operational testing of hydrological simulation models,
//	           Hydrol. Sci. J. 31 (1986)
package calibrate

import (
	"errors"
	"fmt"
	"math"

	"freshet/forecast/param"
)

// A Parameter is one that is looked for, between Lo and Hi, which are finite
// here. Lo itself is not tried where Above is set.
type Parameter struct {
	param.Param
	Log   bool // look for its order of magnitude; needs Lo > 0
	Whole bool // only whole numbers count
}

// A Problem is what to minimise.
type Problem struct {
	Parameters []Parameter
	// Objective returns how far the model with the parameters x, in the order of
	// Parameters, is from what was observed; less is better. An error, NaN or +Inf
	// says that the model cannot be run with x: the search goes around it. It must
	// not keep x, nor change it.
	Objective func(x []float64) (float64, error)
}

// Options say how long to look. The zero value is usable.
type Options struct {
	Seed        uint64
	Evaluations int // of the objective at most; 0: 5000 for each parameter
	Restarts    int // at most; 0: 8
	// Progress, if not nil, is told after every 100 evaluations and at the end of
	// each restart. Its X is the caller's to keep.
	Progress func(Progress)
	// Cancelled, if not nil, is asked before every evaluation; true ends the search.
	Cancelled func() bool
}

// A Progress is how far a search has come.
type Progress struct {
	Evaluations int       // done
	Most        int       // evaluations at most
	Restart     int       // under way, from 0
	X           []float64 // best parameters so far; nil: none with a value yet
	Value       float64   // of the objective there; +Inf: none yet
}

// A Reason is why a search ended.
type Reason string

// The reasons.
const (
	Agreed    Reason = "two restarts came to the same value"
	Exhausted Reason = "all restarts are done" // and no two agree: the value may not be the least
	Budget    Reason = "the evaluations are used up"
	Cancelled Reason = "cancelled"
)

// A Point is an improvement during a search.
type Point struct {
	Evaluation int // 1 is the first
	Value      float64
}

// A Result is what was found.
type Result struct {
	X           []float64 // best parameters, in the order of the problem
	Value       float64   // of the objective there
	Evaluations int
	Restarts    int // completed
	Reason      Reason
	Trace       []Point // each evaluation that was better than all before
}

// ErrNoValue says that the objective had no value at any point that was tried.
var ErrNoValue = errors.New("calibrate: the model could not be run with any parameters that were tried")

// Check returns an error with numbers unless Minimize can work on p.
func (p Problem) Check() error {
	if len(p.Parameters) == 0 {
		return errors.New("calibrate: no parameter to look for")
	}
	for _, q := range p.Parameters {
		switch {
		case !(q.Lo < q.Hi) || math.IsInf(q.Lo, 0) || math.IsInf(q.Hi, 0):
			return fmt.Errorf("calibrate: %s: bounds %g to %g %s: want finite ones, the lower below the upper", q.Name, q.Lo, q.Hi, q.Unit)
		case q.Log && q.Lo <= 0:
			return fmt.Errorf("calibrate: %s: lower bound %g %s: want > 0 on a logarithmic scale", q.Name, q.Lo, q.Unit)
		case q.Whole && math.Ceil(q.Lo) > math.Floor(q.Hi):
			return fmt.Errorf("calibrate: %s: no whole number between %g and %g", q.Name, q.Lo, q.Hi)
		}
	}
	if p.Objective == nil {
		return errors.New("calibrate: no objective")
	}
	return nil
}

// at returns the value of the parameter at u on [0, 1], and beyond by folding.
func (q *Parameter) at(u float64) float64 {
	u = math.Mod(math.Abs(u), 2)
	if u > 1 {
		u = 2 - u
	}
	v := q.Lo + u*(q.Hi-q.Lo)
	if q.Log {
		v = q.Lo * math.Exp(u*math.Log(q.Hi/q.Lo))
	}
	if q.Whole {
		v = min(max(math.Round(v), math.Ceil(q.Lo)), math.Floor(q.Hi))
	}
	v = min(max(v, q.Lo), q.Hi) // rounding only
	if q.Above && v == q.Lo {
		v = math.Nextafter(q.Lo, q.Hi)
	}
	return v
}

// Place returns where v, in the unit of the parameter, lies between the bounds on the scale of the search, 0 at Lo
// to 1 at Hi: the distance of a value from the middle, where nothing is known of
// it but its bounds, is that of Place from 1/2.
func (q *Parameter) Place(v float64) float64 {
	if q.Log {
		return math.Log(v/q.Lo) / math.Log(q.Hi/q.Lo)
	}
	return (v - q.Lo) / (q.Hi - q.Lo)
}
