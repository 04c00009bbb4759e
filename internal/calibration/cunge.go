package calibration

import (
	"fmt"
	"strconv"
	"strings"

	"freshet/forecast/param"
	"freshet/forecast/routing"
	"freshet/internal/hydro"
)

// What is looked for in place of the widths at bank-full and above it, which are no
// free choice: each must be more than the one below.
var (
	bankDepth  = param.Param{Name: "bank_depth", Unit: "m", Lo: 0.01, Hi: 1000, Doc: "bank-full depth", Sought: param.Sought{Lo: 0.3, Hi: 15, Log: true}}
	plainRatio = param.Param{Name: "plain_ratio", Unit: "–", Lo: 1, Hi: 1000, Above: true, Doc: "width of channel and flood plain over that at bank-full", Sought: param.Sought{Lo: 1.2, Hi: 30, Log: true}}
)

// cunge looks for the section of a channel of given length and slope by t-route's
// conventions, a trapezoid with a flood plain above it. It begins each event with
// the first inflow flowing for long. What joins along the reach, if there is a
// column, is shared evenly by its parts.
func cunge(r *Record, o *Options) (*model, error) {
	dt := r.Step.Seconds()
	in, lateral := r.Series(Inflow), r.Series(Lateral)
	if err := checkChannel(o); err != nil {
		return nil, err
	}
	parts := max(o.Parts, 1)
	if o.Parts < 0 || parts > maxParts {
		return nil, fmt.Errorf("--sub-reaches %d: want 1 to %d: %w", o.Parts, maxParts, hydro.ErrInvalid)
	}
	up := routing.Current
	if o.ShortStep {
		up = routing.Previous
	}
	p := routing.ChannelParams
	m := &model{parameters: []parameter{
		within(p[2], "bottom_width", dt), within(p[7], "side_slope", dt), within(p[5], "n", dt),
		within(bankDepth, "bank_depth", dt), within(plainRatio, "plain_ratio", dt), within(p[6], "n_compound", dt),
	}}
	// channel has the widths as the fragment writes them.
	channel := func(x []float64) routing.Channel {
		top := parameter{}.written(x[0]+2*x[3]/x[1], 1) // a digit up: above the bottom width whatever the banks
		return routing.Channel{
			Length: o.Length * 1000, Slope: o.Slope, Bottom: x[0], Side: x[1], N: x[2],
			Top: top, Compound: parameter{}.written(top*x[4], 1), NCompound: x[5],
		}
	}
	share := make([]float64, r.N)
	m.simulate = func(x []float64, from, to int, out []float64) error {
		c := channel(x)
		c.Length /= float64(parts)
		if err := c.CheckStep(dt); err != nil {
			return fmt.Errorf("%w; say --sub-reaches", err)
		}
		part, err := routing.NewCunge(c, dt)
		if err != nil {
			return err
		}
		copy(out[from:to], in[from:to])
		var along []float64
		if lateral != nil {
			along = share[from+1 : to]
			for i := range along {
				along[i] = lateral[from+1+i] / float64(parts)
			}
		}
		q := in[from]
		var tally routing.Tally
		for range parts {
			before := q
			if lateral != nil {
				q += lateral[from] / float64(parts)
			}
			s, err := c.Steady(before, q)
			if err != nil {
				return err
			}
			if err := part.Route(&s, out[from+1:to], along, up, &tally); err != nil {
				return err
			}
		}
		out[from] = q
		return nil
	}
	m.fragment = func(b *strings.Builder, id string, x []float64) {
		c := channel(x)
		fmt.Fprintf(b, "# t-route's method does not conserve water: each run says how much it gains or loses. Bank-full depth %s m.\n", number(x[3]))
		if lateral != nil {
			fmt.Fprint(b, "# Fitted with what joins along the reach: give it to the catalogue as sub-basins.\n")
		}
		fmt.Fprintf(b, "reaches:\n  - id: %s # add from and to\n    length: %s\n    method: cunge\n    sub_reaches: %d\n", id, number(o.Length), parts)
		if o.ShortStep {
			fmt.Fprint(b, "    short_step: true\n")
		}
		fmt.Fprintf(b, "    slope: %s\n    bottom_width: %s\n    top_width: %s\n    side_slope: %s\n    n: %s\n", strconv.FormatFloat(o.Slope, 'f', -1, 64), number(c.Bottom), number(c.Top), number(c.Side), number(c.N))
		fmt.Fprintf(b, "    compound_width: %s\n    n_compound: %s\n", number(c.Compound), number(c.NCompound))
	}
	return m, nil
}
