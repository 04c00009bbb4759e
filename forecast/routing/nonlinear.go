package routing

import (
	"fmt"
	"math"

	"freshet/forecast/param"
)

// NonlinearParams are the parameters of [NewNonlinear], in the order of
// [NonlinearParameters]; dt is the last.
var NonlinearParams = []param.Param{
	{Name: "K", Unit: "m³/(m³/s)^m", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "storage coefficient; its unit is s where the exponents are 1", Source: "[Gill78]"},
	{Name: "x", Unit: "–", Lo: 0, Hi: 0.999, Doc: "weighting factor of the inflow; at most 0.5 where a1 = a2", Source: "[Gill78]", Sought: param.Sought{Hi: 0.5}},
	{Name: "m", Unit: "–", Lo: 0.1, Hi: 100, Doc: "exponent of the whole; 1: linear", Source: "[Gill78]", Sought: param.Sought{Lo: 0.5, Hi: 10, Log: true}},
	{Name: "a1", Unit: "–", Lo: 0.01, Hi: 20, Doc: "exponent of the inflow; 1: three-parameter form", Source: "[Vatankhah14]", Sought: param.Sought{Lo: 0.05, Hi: 10, Log: true}},
	{Name: "a2", Unit: "–", Lo: 0.01, Hi: 20, Doc: "exponent of the outflow; a1: four-parameter form", Source: "[Easa14], [Vatankhah14]", Sought: param.Sought{Lo: 0.05, Hi: 10, Log: true}},
	{Name: "beta", Unit: "–", Lo: -0.9, Hi: 5, Doc: "lateral flow, share of the inflow; negative: a loss", Source: "[Karahan15]", Sought: param.Sought{Lo: -0.5, Hi: 0.5}},
	{Name: "dt", Unit: "s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "time step", Source: "[Gill78]"},
}

// NonlinearParameters are those of one nonlinear reach. Their ranges are in
// [NonlinearParams].
type NonlinearParameters struct {
	K       float64 // m³ per (m³/s)^(exponents)
	X       float64
	M       float64
	A1, A2  float64 // of the inflow, of the outflow
	Lateral float64 // beta, share of the inflow
}

// A Nonlinear is a reach whose storage is not proportional to flow,
//
//	S = K (x J^a1 + (1-x) O^a2)^m     m³           [Vatankhah14]
//	J = (1 + beta) I                  inflow with what joins or leaves on the way [Karahan15]
//
// With a1 = a2 = 1 it is the three-parameter form [Gill78], with a1 = a2 the
// four-parameter one [Easa14]. The procedure is the one of that literature [Tung85],
// explicit and of first order. With f(S, J) the outflow of a storage,
//
//	f(S, J)     = (((S/K)^(1/m) - x J^a1) / (1-x))^(1/a2)
//	S(t+dt)     = S(t) + dt (J(t) - f(S(t), J(t)))
//	O(t+dt)     = f(S(t+dt), J(t))
//
// so what is given as outflow is computed with the inflow of the step before,
// while the storage loses what belongs to the inflow of the same instant. The two
// differ by the change of the wedge: for a1 = a2 = 1 the sum of the outflows exceeds
// the loss by x/(1-x) times the rise of J over the run, so a flood that ends at
// the inflow at which it began neither loses nor gains. Calibrated parameters
// belong to the procedure and to the step: take them to no other.
//
// Sources: [Gill78] M. A. Gill, Flood routing by the Muskingum method, J. Hydrol.
// 36, 1978. [Easa14] S. M. Easa, New and improved four-parameter non-linear
// Muskingum model, Proc. ICE Water Management 167(5), 2014. [Vatankhah14] A. R.
// Vatankhah, discussion on nonlinear Muskingum models, J. Hydrol. Eng., 2014.
// [Karahan15] H. Karahan, G. Gurarslan, Z. W. Geem, A new nonlinear Muskingum
// flood routing model incorporating lateral flow, Eng. Optim. 47(6), 2015.
// [Tung85] Y. K. Tung, River flood routing by nonlinear Muskingum method, J.
// Hydraul. Eng. 111(12), 1985.
//
// The zero value is not usable, see [NewNonlinear]. It is immutable and safe for
// concurrent use.
type Nonlinear struct {
	p           NonlinearParameters
	dt          float64
	invM, invA2 float64
}

// NonlinearK returns the storage coefficient with which a reach holds for k seconds
// what flows through it where inflow and outflow are both q, m³/s:
//
//	K (x ((1+beta) q)^a1 + (1-x) q^a2)^m = k q
//
// K itself has a unit that depends on the exponents, and an order of magnitude that
// nobody can guess. The K of p is not looked at.
func NonlinearK(p NonlinearParameters, k, q float64) float64 {
	return k * q / math.Pow(p.X*math.Pow((1+p.Lateral)*q, p.A1)+(1-p.X)*math.Pow(q, p.A2), p.M)
}

// NewNonlinear returns a reach at the step dt, s. It fails if a parameter is out
// of range.
func NewNonlinear(p NonlinearParameters, dt float64) (Nonlinear, error) {
	for i, v := range []float64{p.K, p.X, p.M, p.A1, p.A2, p.Lateral, dt} {
		if err := NonlinearParams[i].Check(v); err != nil {
			return Nonlinear{}, fmt.Errorf("nonlinear muskingum: %w", err)
		}
	}
	if math.IsInf(p.K, 0) || math.IsInf(dt, 0) {
		return Nonlinear{}, fmt.Errorf("nonlinear muskingum: K = %g, dt = %g s: want finite", p.K, dt)
	}
	return Nonlinear{p: p, dt: dt, invM: 1 / p.M, invA2: 1 / p.A2}, nil
}

// A NonlinearState is a reach at one instant.
type NonlinearState struct {
	Storage float64 // m³
	Inflow  float64 // m³/s, without the lateral flow
	Given   float64 // the outflow that Route gave for this instant, m³/s
}

// State returns the state of a reach with the inflow i and the outflow o, m³/s,
// both >= 0.
func (n Nonlinear) State(i, o float64) NonlinearState {
	return NonlinearState{Storage: n.p.K * math.Pow(n.p.X*n.wedge(i)+(1-n.p.X)*math.Pow(o, n.p.A2), n.p.M), Inflow: i, Given: o} // [Vatankhah14]
}

// Outflow returns the outflow, m³/s, that the storage of s loses: f(S(t), J(t)).
// It is NaN where there is no real one.
func (n Nonlinear) Outflow(s NonlinearState) float64 {
	return n.outflow(math.Pow(s.Storage/n.p.K, n.invM), n.wedge(s.Inflow))
}

// wedge returns J^a1.
func (n Nonlinear) wedge(i float64) float64 {
	j := (1 + n.p.Lateral) * i
	if n.p.A1 != 1 {
		return math.Pow(j, n.p.A1)
	}
	return j
}

// outflow is f with the powers taken: of the storage and of the inflow. It is
// NaN where it would be negative or complex.
func (n Nonlinear) outflow(storage, wedge float64) float64 {
	o := (storage - n.p.X*wedge) / (1 - n.p.X)
	switch {
	case !(o >= 0):
		return math.NaN()
	case n.p.A2 != 1:
		return math.Pow(o, n.invA2)
	}
	return o
}

// Route writes to out the outflow, m³/s, for each inflow of in, both
// instantaneous values dt apart, the first one dt after the instant of s, and
// returns the state at the last instant. In and out may be the same slice. It
// allocates nothing unless it fails. It panics if the lengths differ.
//
// It fails where the equations have no real outflow >= 0: a storage below 0, or
// one that the inflow's part alone exceeds. The error names the step and the
// numbers; out then holds what came before, and the state is that before the step.
func (n Nonlinear) Route(s NonlinearState, in, out []float64) (NonlinearState, error) {
	if len(in) != len(out) {
		panic(badLength)
	}
	storage, wedge := math.Pow(s.Storage/n.p.K, n.invM), n.wedge(s.Inflow)
	for t, i := range in {
		loss := n.outflow(storage, wedge)
		next := s.Storage + n.dt*((1+n.p.Lateral)*s.Inflow-loss)
		storage = math.Pow(next/n.p.K, n.invM) // NaN below 0
		o := n.outflow(storage, wedge)
		if math.IsNaN(loss) || math.IsNaN(o) || math.IsInf(o, 0) {
			return s, n.noOutflow(t, s, next)
		}
		s.Storage, s.Inflow, s.Given = next, i, o
		wedge = n.wedge(i)
		out[t] = o
	}
	return s, nil
}

// Rate returns how many times the storage answers within a step where the inflow is
// i and the outflow o, m³/s, both > 0: dt over the derivative of the storage by the
// outflow,
//
//	dt / (K m (x J^a1 + (1-x) O^a2)^(m-1) (1-x) a2 O^(a2-1))
//
// The procedure is explicit: above 1 its outflow swings about the true one, above 2
// it swings ever wider.
func (n Nonlinear) Rate(i, o float64) float64 {
	p := n.p
	return n.dt / (p.K * p.M * math.Pow(p.X*n.wedge(i)+(1-p.X)*math.Pow(o, p.A2), p.M-1) * (1 - p.X) * p.A2 * math.Pow(o, p.A2-1))
}

// MaxRate is the [Nonlinear.Rate] above which the procedure is unstable.
const MaxRate = 2

func (n Nonlinear) noOutflow(t int, s NonlinearState, next float64) error {
	if math.IsNaN(next) {
		return fmt.Errorf("nonlinear muskingum: step %d: the inflow's part at %g m³/s exceeds the storage of %g m³: no real outflow", t, s.Inflow, s.Storage)
	}
	return fmt.Errorf("nonlinear muskingum: step %d: storage of %g m³ after %g m³ at inflow %g m³/s: no real outflow", t, next, s.Storage, s.Inflow)
}
