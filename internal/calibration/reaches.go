package calibration

import (
	"fmt"
	"strconv"
	"strings"

	"freshet/forecast/routing"
	"freshet/internal/hydro"
)

// lagRoute looks for the lag and the reservoir of a lag-and-route reach. It begins
// each event as [muskingum] does.
func lagRoute(r *Record, _ *Options) (*model, error) {
	dt := r.Step.Seconds()
	in := r.Series(Inflow)
	m := &model{parameters: []parameter{
		within(routing.LagParams[0], "lag", dt), within(routing.LagParams[1], "k", dt),
	}}
	m.simulate = func(x []float64, from, to int, out []float64) error {
		reach, err := routing.NewLag(x[0], x[1], dt)
		if err != nil {
			return err
		}
		out[from] = in[from]
		reach.Route(reach.Steady(in[from]), in[from+1:to], out[from+1:to])
		return nil
	}
	m.fragment = func(b *strings.Builder, id string, x []float64) {
		fmt.Fprintf(b, "reaches:\n  - id: %s # add from, to and length\n    method: lag\n    lag: %s\n    k: %s\n", id, duration(x[0]), duration(x[1]))
	}
	return m, nil
}

func checkChannel(o *Options) error {
	p := routing.ChannelParams
	if err := p[0].Check(o.Length * 1000); err != nil {
		return fmt.Errorf("--length %g km: %w: %w", o.Length, err, hydro.ErrInvalid)
	}
	if err := p[1].Check(o.Slope); err != nil {
		return fmt.Errorf("--slope %g: %w: %w", o.Slope, err, hydro.ErrInvalid)
	}
	return nil
}

// maxParts is what the catalogue accepts.
const maxParts = 1000

// mct looks for the section of a channel of given length and slope, a trapezoid
// that holds all floods of the record within its banks. It begins each event as
// [muskingum] does.
func mct(r *Record, o *Options) (*model, error) {
	dt := r.Step.Seconds()
	in := r.Series(Inflow)
	p := routing.ChannelParams
	if err := checkChannel(o); err != nil {
		return nil, err
	}
	highest := 0.0
	for _, q := range in {
		if q > highest { // a gap is not
			highest = q
		}
	}
	if highest == 0 {
		return nil, fmt.Errorf("%s: the highest inflow is 0 m³/s: want > 0: %w", r.Name, hydro.ErrInvalid)
	}
	m := &model{parameters: []parameter{
		within(p[2], "bottom_width", dt), within(p[7], "side_slope", dt), within(p[5], "n", dt),
	}}
	// channel returns the channel, and one of its parts with their number.
	channel := func(x []float64) (c routing.Channel, part routing.MCT, parts int, err error) {
		c = routing.Channel{Length: o.Length * 1000, Slope: o.Slope, Bottom: x[0], Side: x[1], N: x[2]}
		if part, err = routing.NewMCT(c, dt); err != nil {
			return c, part, 0, err
		}
		full, err := part.Steady(highest, highest)
		if err != nil {
			return c, part, 0, err
		}
		c.Top = parameter{}.written(x[0]+2*full.Depth/x[1], 1) // a digit up: above the bottom width whatever the slope of the sides
		if parts = c.Parts(dt); parts > maxParts {
			return c, part, 0, fmt.Errorf("mct: %g m in %d parts: want at most %d", c.Length, parts, maxParts)
		}
		p := c
		p.Length /= float64(parts)
		part, err = routing.NewMCT(p, dt)
		return c, part, parts, err
	}
	m.simulate = func(x []float64, from, to int, out []float64) error {
		_, part, parts, err := channel(x)
		if err != nil {
			return err
		}
		copy(out[from:to], in[from:to])
		var tally routing.Tally
		for range parts {
			s, err := part.Steady(in[from], in[from])
			if err != nil {
				return err
			}
			for i := from + 1; i < to; i++ {
				if _, err := part.Step(&s, out[i], 0, &tally); err != nil {
					return err
				}
				out[i] = s.Outflow
			}
		}
		return nil
	}
	m.fragment = func(b *strings.Builder, id string, x []float64) {
		c, _, parts, err := channel(x)
		if err != nil {
			panic("calibration: a channel that was run is none: " + err.Error())
		}
		fmt.Fprintf(b, "# The section carries the highest inflow of the record, %s m³/s, within its banks; nothing is known of a flood plain.\n", number(highest))
		fmt.Fprintf(b, "# sub_reaches belongs to the step of %s: at another step leave it out and it is chosen.\n", duration(dt))
		fmt.Fprintf(b, "reaches:\n  - id: %s # add from and to\n    length: %s\n    method: mct\n    sub_reaches: %d\n", id, number(o.Length), parts)
		fmt.Fprintf(b, "    slope: %s\n    bottom_width: %s\n    top_width: %s\n    side_slope: %s\n    n: %s\n", strconv.FormatFloat(o.Slope, 'f', -1, 64), number(x[0]), number(c.Top), number(x[1]), number(x[2]))
	}
	return m, nil
}
