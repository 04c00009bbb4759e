package calibration

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"

	"freshet/forecast/calibrate"
	"freshet/forecast/param"
	"freshet/forecast/routing"
	"freshet/internal/hydro"
)

// muskingum looks for the travel time, the weighting factor and the number of
// sub-reaches. It begins each event with a reach in which the first inflow has
// been flowing for long.
func muskingum(r *Record, _ *Options) (*model, error) {
	dt := r.Step.Seconds()
	in := r.Series(Inflow)
	m := &model{parameters: []parameter{
		within(routing.Params[0], "k", dt), within(routing.Params[1], "x", dt), within(routing.Params[3], "sub_reaches", dt),
	}}
	m.simulate = func(x []float64, from, to int, out []float64) error {
		reach, err := routing.NewMuskingum(x[0], x[1], dt, int(x[2]))
		if err != nil {
			return err
		}
		out[from] = in[from]
		reach.Route(reach.Steady(in[from]), in[from+1:to], out[from+1:to])
		return nil
	}
	m.fragment = func(b *strings.Builder, id string, x []float64) {
		fmt.Fprintf(b, "# x and sub_reaches belong to the step of %s. As a whole the reach has X = %s: at another step keep k and choose\n", duration(dt), number((1-(1-2*x[1])/x[2])/2)) // [Cunge69], see forecast/routing
		fmt.Fprintf(b, "# x and sub_reaches with (1 - (1 - 2x)/sub_reaches)/2 = X, see docs/models/forecast.md.\n")
		fmt.Fprintf(b, "reaches:\n  - id: %s # add from, to and length\n    k: %s\n    x: %s\n    sub_reaches: %d\n", id, duration(x[0]), number(x[1]), int(x[2]))
	}
	return m, nil
}

// travelTime is looked for in place of K, whose unit depends on the exponents.
var travelTime = param.Param{
	Name: "k", Unit: "s", Hi: math.Inf(1), Above: true, Doc: "travel time at the mean inflow",
	Sought: param.Sought{LoSteps: 0.5, HiSteps: 200, Log: true},
}

// nonlinear looks for the storage equation of a reach. In place of K, whose unit
// depends on the exponents, it looks for the travel time k at the mean inflow q:
// K (x q^a1 + (1-x) q^a2)^m = k q.
func nonlinear(form int) func(*Record, *Options) (*model, error) {
	return func(r *Record, o *Options) (*model, error) {
		dt := r.Step.Seconds()
		in := r.Series(Inflow)
		_, present := calibrate.Pairs(nil, nil, in, in, calibrate.Span{To: r.N})
		mean := stat.Mean(present, nil)
		if !(mean > 0) {
			return nil, fmt.Errorf("%s: the mean inflow is %g m³/s: want > 0: %w", r.Name, mean, hydro.ErrInvalid)
		}
		mean, _ = strconv.ParseFloat(number(mean), 64) // as the fragment has it
		p, x := routing.NonlinearParams, routing.NonlinearParams[1]
		if form == 5 {
			x.Sought.Hi = 0.99
		}
		m := &model{parameters: []parameter{within(travelTime, "k", dt), within(x, "x", dt), within(p[2], "m", dt)}}
		switch form {
		case 4:
			m.parameters = append(m.parameters, within(p[3], "a", dt))
		case 5:
			m.parameters = append(m.parameters, within(p[3], "a1", dt), within(p[4], "a2", dt))
		}
		if o.Lateral {
			m.parameters = append(m.parameters, within(p[5], "beta", dt))
		}
		parametersOf := func(x []float64) routing.NonlinearParameters {
			n := routing.NonlinearParameters{X: x[1], M: x[2], A1: 1, A2: 1}
			switch form {
			case 4:
				n.A1, n.A2 = x[3], x[3]
			case 5:
				n.A1, n.A2 = x[3], x[4]
			}
			if o.Lateral {
				n.Lateral = x[len(x)-1]
			}
			n.K = routing.NonlinearK(n, x[0], mean)
			return n
		}
		m.simulate = func(x []float64, from, to int, out []float64) error {
			reach, err := routing.NewNonlinear(parametersOf(x), dt)
			if err != nil {
				return err
			}
			if rate := reach.Rate(mean, mean); !(rate <= routing.MaxRate) { // as the catalogue does
				return fmt.Errorf("unstable: at %g m³/s the storage answers %.3g times within a step, want at most %d", mean, rate, routing.MaxRate)
			}
			out[from] = in[from]
			_, err = reach.Route(reach.State(in[from], in[from]), in[from+1:to], out[from+1:to])
			return err
		}
		m.fragment = func(b *strings.Builder, id string, x []float64) {
			n := parametersOf(x)
			fmt.Fprintf(b, "# Parameters belong to the step of %s: no other is accepted.\n", duration(dt))
			fmt.Fprintf(b, "# reach %s: K %.6g, x %s, m %s, a1 %s, a2 %s, beta %s\n", id, n.K, number(n.X), number(n.M), number(n.A1), number(n.A2), number(n.Lateral))
			fmt.Fprintf(b, "reaches:\n  - id: %s # add from, to and length\n    method: nonlinear\n    k: %s\n    at_flow: %s\n    x: %s\n    m: %s\n", id, duration(x[0]), number(mean), number(n.X), number(n.M))
			fmt.Fprintf(b, "    a1: %s\n    a2: %s\n    beta: %s\n    fitted_step: %s\n", number(n.A1), number(n.A2), number(n.Lateral), duration(dt))
		}
		return m, nil
	}
}
