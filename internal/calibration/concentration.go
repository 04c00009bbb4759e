package calibration

import (
	"fmt"
	"math"
	"strings"

	"freshet/forecast/param"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
	"freshet/internal/hydro"
)

// A concentration is the way of runoff to the outlet.
type concentration struct {
	parameters []parameter
	// route returns a function that adds what comes of one step's runoff to the flow
	// from that step on, and the number of steps that this may take.
	route    func(x []float64) (add func(flow []float64, depth float64), n int, err error)
	fragment func(b *strings.Builder, x []float64)
	// fit, if not nil, finds the values of derived from what the ground gave.
	fit     func(events []unithydrograph.Pulse) (unithydrograph.Hydrograph, error)
	derived []parameter
}

// concentrationOf returns what --concentration names.
func concentrationOf(r *Record, o *Options) (*concentration, error) {
	switch o.Concentration {
	case "", "nash":
		return nash(r), nil
	case "lag":
		return lagRecession(r), nil
	case "ordinates":
		return ordinates(r, o)
	default:
		return nil, fmt.Errorf("--concentration %q: want nash, lag or ordinates: %w", o.Concentration, hydro.ErrInvalid)
	}
}

func nash(r *Record) *concentration {
	dt, u := r.Step.Seconds(), unithydrograph.Params
	c := &concentration{parameters: []parameter{within(u[0], "uh_reservoirs", dt), within(u[1], "uh_scale", dt)}}
	c.route = func(x []float64) (func([]float64, float64), int, error) {
		uh, err := unithydrograph.Nash(x[0], x[1], dt)
		return uh.Add, len(uh), err
	}
	c.fragment = func(b *strings.Builder, x []float64) {
		fmt.Fprintf(b, "      uh_reservoirs: %s\n      uh_scale: %s\n", number(x[0]), duration(x[1]))
	}
	return c
}

// lagRecession is CS and L of the Xinanjiang model. The store begins empty.
func lagRecession(r *Record) *concentration {
	dt, p := r.Step.Seconds(), xinanjiang.ConcentrationParams
	c := &concentration{parameters: []parameter{within(p[0], "cs", dt), within(p[1], "lag", dt)}}
	c.route = func(x []float64) (func([]float64, float64), int, error) {
		way, err := xinanjiang.NewConcentration(x[0], x[1], dt)
		store, out := 0.0, 0.0
		return func(flow []float64, depth float64) {
			store, out = way.Step(store, depth)
			way.Lag.Add(flow, out)
		}, len(way.Lag), err
	}
	c.fragment = func(b *strings.Builder, x []float64) {
		fmt.Fprintf(b, "      cs: %s # %s as the time in which the flow falls to 1/e\n      lag: %s\n", number(x[0]), duration(-86400/math.Log(x[0])), duration(x[1]))
	}
	return c
}

// ordinate is one of a unit hydrograph as it is printed.
var ordinate = param.Param{Name: "u", Unit: "–", Lo: 0, Hi: 1, Doc: "ordinate of the unit hydrograph, found by least squares: >= 0, of sum 1"}

// ordinates are as many as the options say. They are not looked for by the search:
// to each ground that it tries belong the best ones.
func ordinates(r *Record, o *Options) (*concentration, error) {
	n := o.Ordinates
	if n == 0 {
		n = 24
	}
	if n < 1 || n > 500 {
		return nil, fmt.Errorf("--ordinates %d: want 1 to 500: %w", n, hydro.ErrInvalid)
	}
	if !(o.Smooth >= 0) || math.IsInf(o.Smooth, 0) {
		return nil, fmt.Errorf("--smooth %g: want 0 or more: %w", o.Smooth, hydro.ErrInvalid)
	}
	c := &concentration{}
	for i := range n {
		p := parameter{valid: ordinate}
		p.Param, p.Name = ordinate, fmt.Sprintf("u%d", i+1)
		c.derived = append(c.derived, p)
	}
	c.fit = func(events []unithydrograph.Pulse) (unithydrograph.Hydrograph, error) {
		return unithydrograph.Fit(events, n, o.Smooth)
	}
	c.route = func(x []float64) (func([]float64, float64), int, error) {
		uh, err := unithydrograph.Given(x, 1) // as the catalogue does
		return uh.Add, len(uh), err
	}
	c.fragment = func(b *strings.Builder, x []float64) {
		var text []string
		for _, v := range x {
			text = append(text, number(v))
		}
		fmt.Fprintf(b, "      # %d ordinates by least squares, none below 0, of sum 1, second differences weighed by %g\n", len(x), o.Smooth)
		if last := x[len(x)-1]; last > 0.02 {
			fmt.Fprintf(b, "      # the last one is %s: give more by --ordinates\n", number(last))
		}
		fmt.Fprintf(b, "      ordinates: [%s]\n      ordinates_step: %s\n", strings.Join(text, ", "), duration(r.Step.Seconds()))
	}
	return c, nil
}

// complete appends the ordinates that suit the ground of x best over the windows,
// as they are written.
func (b *basin) complete(x []float64, windows []window) ([]float64, error) {
	observed := b.record.Series(Flow)
	var events []unithydrograph.Pulse
	for _, w := range windows {
		spread, direct, base, err := b.water(x, w.begin, w.To)
		if err != nil {
			return nil, err
		}
		p := unithydrograph.Pulse{Runoff: make([]float64, len(spread)), Flow: make([]float64, len(spread))}
		for i := range spread {
			p.Runoff[i], p.Flow[i] = b.unit*spread[i], math.NaN()
			if t := w.begin + i; t >= w.From {
				p.Flow[i] = observed[t] - b.unit*direct[i] - base
			}
		}
		events = append(events, p)
	}
	u, err := b.way.fit(events)
	if err != nil {
		return nil, err
	}
	out := append([]float64{}, x...)
	for i := range b.way.derived {
		v := 0.0
		if i < len(u) {
			v = parameter{}.written(u[i], 0)
		}
		out = append(out, v)
	}
	return out, nil
}
