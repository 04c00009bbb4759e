package calibration

import (
	"fmt"
	"math"
	"strings"
	"time"

	"freshet/forecast/param"
	"freshet/forecast/updating"
	"freshet/internal/hydro"
)

// A part of updating is on or off: 1 or 0.
func part(name, doc string) param.Param {
	return param.Param{Name: name, Unit: "–", Lo: 0, Hi: 1, Doc: doc, Sought: param.Sought{Hi: 1, Whole: true}}
}

var (
	lossPart = part("loss", "a lasting loss or gain is learnt and applied")
	lagPart  = part("lag", "a lasting lag is learnt and applied")
	fitPart  = part("fit", "errors are carried as far as they have been useful")
)

// errorModel looks for what updating at a gauge should be told: the half-life of an
// error and which of its parts to leave on. What a step gives is the forecast for
// it that was issued --lead before, from what was computed without updating and
// observed until then, so the scores are those of forecasts. Loss, lag and the
// coefficients at each lead are learnt on the way, as a run does.
func errorModel(r *Record, o *Options) (*model, error) {
	dt := r.Step.Seconds()
	lead := int(o.Lead / r.Step)
	if lead < 1 || time.Duration(lead)*r.Step != o.Lead {
		return nil, fmt.Errorf("--lead %s: want a multiple of the data's step, %s: %w", o.Lead, r.Step, hydro.ErrInvalid)
	}
	if o.Warmup < o.Lead {
		return nil, fmt.Errorf("--warmup %s: want at least the lead of %s, before which nothing was issued: %w", o.Warmup, o.Lead, hydro.ErrInvalid)
	}
	computed, observed := r.Series(Computed), r.Series(Observed)
	m := &model{parameters: []parameter{
		within(updating.Params[0], "half_life", dt), within(lossPart, "loss", dt), within(lagPart, "lag", dt), within(fitPart, "fit", dt),
	}}
	ahead, now := make([]float64, lead), make([]float64, 1)
	var last updating.Report // of the run before
	m.simulate = func(x []float64, from, to int, out []float64) error {
		c, err := updating.NewCorrector(x[0], dt, updating.Parts{NoLoss: x[1] == 0, NoLag: x[2] == 0, NoFit: x[3] == 0})
		if err != nil {
			return err
		}
		var e updating.Error
		for t := from; t < to; t++ {
			if t < from+lead {
				out[t] = computed[t]
			}
			e = c.Correct(e, computed[t:t+1], observed[t:t+1], now)
			if t+lead < to {
				c.Carry(e, computed[t+1:t+1+lead], ahead)
				out[t+lead] = ahead[lead-1]
			}
		}
		last = c.Report(&e)
		return nil
	}
	m.fragment = func(b *strings.Builder, id string, x []float64) {
		// The run before is that of the check, or of the fit if nothing was checked.
		l := last.Loss
		switch {
		case l.Share == 0:
			fmt.Fprint(b, "# No lasting loss or gain was told at the end of the record.\n")
		case l.Share > 0:
			fmt.Fprintf(b, "# At the end of the record %s %% of the computed flow (%s m³/s) lastingly did not arrive", number(100*l.Share), number(l.Flow))
		default:
			fmt.Fprintf(b, "# At the end of the record %s %% more than the computed flow (%s m³/s) lastingly arrived", number(-100*l.Share), number(-l.Flow))
		}
		if l.Share != 0 {
			applied := "; it is not applied.\n"
			if l.Applied {
				applied = "; it is applied.\n"
			}
			fmt.Fprint(b, applied)
		}
		var left []string
		for k := range last.Left {
			if h := k + 1; h == 1 || h == 3 || h == 6 || h == 12 || h == 24 {
				left = append(left, fmt.Sprintf("%d h %.3g", h, math.Sqrt(last.Left[k])))
			}
		}
		fmt.Fprintf(b, "# The wave comes %s earlier than computed. Of an error carrying it leaves, as a share of its standard deviation: %s.\n", duration(last.Lag.Seconds), strings.Join(left, ", "))
		fmt.Fprintf(b, "settings:\n  error_half_life: %s\nnodes:\n  - id: %s # add name and gauge\n    updating: [insertion", duration(x[0]), id)
		for i, name := range []string{"loss", "lag", "fit"} {
			if x[i+1] == 1 {
				fmt.Fprintf(b, ", %s", name)
			}
		}
		fmt.Fprint(b, ", error]\n")
	}
	return m, nil
}
