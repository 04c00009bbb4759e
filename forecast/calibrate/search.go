package calibrate

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

const (
	designPoints = 20   // of the Latin hypercube, for each parameter
	sameValue    = 1e-6 // relative; closer values of two restarts agree
	noGain       = 1e-7 // relative; a simplex that gains less is the last
	report       = 100  // evaluations between calls of Progress
)

// Minimize returns the parameters with the least value of the objective that was
// found. It fails if the problem is not sound, see [Problem.Check], and with an
// error that wraps [ErrNoValue] and names the last reason if no point had a value.
// When the search was cancelled the result is the best until then.
func Minimize(p Problem, opts Options) (Result, error) {
	if err := p.Check(); err != nil {
		return Result{}, err
	}
	dim := len(p.Parameters)
	if opts.Evaluations <= 0 {
		opts.Evaluations = 5000 * dim
	}
	if opts.Restarts <= 0 {
		opts.Restarts = 8
	}
	s := search{Problem: p, Options: opts, rng: source(opts.Seed), x: make([]float64, dim), best: math.Inf(1)}
	s.run()
	if s.bestX == nil {
		return Result{Evaluations: s.n, Reason: s.reason, Value: math.Inf(1)}, fmt.Errorf("%w: %d tries, %s; the last one: %w", ErrNoValue, s.n, s.reason, s.last)
	}
	return Result{X: s.bestX, Value: s.best, Evaluations: s.n, Restarts: s.restart, Reason: s.reason, Trace: s.trace}, nil
}

// A search is one run of Minimize.
type search struct {
	Problem
	Options
	rng      source
	x        []float64
	n        int // evaluations
	restart  int // completed
	best     float64
	bestX    []float64
	trace    []Point
	reason   Reason // "" while it goes on
	last     error  // why the model could not be run
	panicked any    // by the objective

	// Of the part under way.
	partBest float64
	partU    []float64
}

// value is the objective on the unit cube; +Inf where there is none.
func (s *search) value(u []float64) float64 {
	if s.over() {
		return math.Inf(1)
	}
	for i := range s.Parameters {
		s.x[i] = s.Parameters[i].at(u[i])
	}
	v, err := s.Objective(s.x)
	s.n++
	if err == nil && !(v < math.Inf(1)) { // NaN too
		err = fmt.Errorf("the objective is %g", v)
	}
	if err != nil {
		s.last = err
		v = math.Inf(1)
	}
	if v < s.partBest {
		s.partBest = v
		s.partU = append(s.partU[:0], u...)
	}
	if v < s.best {
		s.best = v
		s.bestX = append(s.bestX[:0], s.x...)
		s.trace = append(s.trace, Point{Evaluation: s.n, Value: v})
	}
	if s.n%report == 0 {
		s.tell()
	}
	return v
}

// over says whether the search must end, and keeps why.
func (s *search) over() bool {
	if s.reason == "" {
		switch {
		case s.Cancelled != nil && s.Cancelled():
			s.reason = Cancelled
		case s.n >= s.Evaluations:
			s.reason = Budget
		}
	}
	return s.reason != ""
}

func (s *search) tell() {
	if s.Progress != nil {
		s.Progress(Progress{Evaluations: s.n, Most: s.Evaluations, Restart: s.restart, X: slices.Clone(s.bestX), Value: s.best})
	}
}

type start struct {
	u     []float64
	value float64
}

func (s *search) run() {
	dim := len(s.Parameters)
	s.partBest = math.Inf(1)
	var starts []start
	for _, u := range s.rng.latin(designPoints*dim, dim) {
		starts = append(starts, start{u, s.value(u)})
		if s.over() {
			return
		}
	}
	slices.SortStableFunc(starts, func(a, b start) int {
		switch {
		case a.value < b.value:
			return -1
		case a.value > b.value:
			return 1
		}
		return 0
	})
	var ends []float64
	for s.restart < s.Restarts {
		end := s.from(starts[s.restart], 1<<s.restart)
		if s.over() {
			return
		}
		s.restart++
		s.tell()
		ends = append(ends, end)
		if agree(ends, s.best) {
			s.reason = Agreed
			return
		}
	}
	s.reason = Exhausted
}

// agree says whether two of the ends are as good as the best.
func agree(ends []float64, best float64) bool {
	n := 0
	for _, e := range ends {
		if e-best <= sameValue*math.Abs(best) {
			n++
		}
	}
	return n >= 2
}

// from runs the adaptation and then simplexes from one point, and returns the
// least value that they found.
func (s *search) from(at start, population int) float64 {
	dim := len(s.Parameters)
	s.partBest, s.partU = at.value, slices.Clone(at.u)
	cov := mat.NewDiagDense(dim, nil)
	for i := range dim {
		cov.SetDiag(i, 0.3*0.3)
	}
	var chol mat.Cholesky
	chol.Factorize(cov)
	pop := 2 * (4 + int(3*math.Log(float64(dim)))) * population
	s.minimize(&optimize.CmaEsChol{InitStepSize: 1, InitCholesky: &chol, Population: pop, Src: &s.rng, StopLogDet: float64(dim) * math.Log(1e-12)},
		slices.Clone(at.u), &optimize.FunctionConverge{Relative: 1e-7, Iterations: 20 + 10*dim})
	s.polish(s.n + s.Evaluations/s.Restarts)
	return s.partBest
}

// polish runs simplexes from the best point of the part until one gains nothing
// or last evaluations are done.
func (s *search) polish(last int) {
	for size := 0.05; s.n < last && !s.over() && !math.IsInf(s.partBest, 1); size = max(size/2, 0.002) {
		before := s.partBest
		s.minimize(&optimize.NelderMead{SimplexSize: size}, slices.Clone(s.partU), &optimize.FunctionConverge{Relative: 1e-12, Iterations: 50 * len(s.Parameters)})
		if before-s.partBest <= noGain*math.Abs(before) {
			return
		}
	}
}

func (s *search) minimize(m optimize.Method, u []float64, c optimize.Converger) {
	_, _ = optimize.Minimize(optimize.Problem{ // what it found and why it ended is kept by value
		Func: s.guarded,
		Status: func() (optimize.Status, error) {
			if s.over() {
				return optimize.FunctionEvaluationLimit, nil
			}
			return optimize.NotTerminated, nil
		},
	}, u, &optimize.Settings{Converger: c}, m)
	if s.panicked != nil {
		panic(s.panicked)
	}
}

// guarded is value for gonum's goroutine: a panic there would end the process,
// out of the caller's reach. It is raised again by minimize.
func (s *search) guarded(u []float64) float64 {
	defer func() {
		if r := recover(); r != nil {
			s.panicked = r
			s.reason = Cancelled
		}
	}()
	return s.value(u)
}
