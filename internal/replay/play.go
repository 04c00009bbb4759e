package replay

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"google.golang.org/grpc"

	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// Options steer Play; the zero value plays as fast as it goes, in steps of 5
// min.
type Options struct {
	Step     time.Duration    // of engine time; 0: 5 min
	Speed    float64          // seconds of engine time per second on the wall; 0: as fast as it goes
	Now      func() time.Time // the wall's clock; needed for Speed
	Backoff  client.Backoff
	Progress func(Progress) // told after each step
}

// Progress is how far a replay has come.
type Progress struct {
	Now      time.Time // engine time
	From, To time.Time // of the data
	Stats    client.Stats
}

// Share returns how much of the data's time has passed, 0 to 1.
func (p Progress) Share() float64 {
	if !p.To.After(p.From) {
		return 1
	}
	return min(1, max(0, float64(p.Now.Sub(p.From))/float64(p.To.Sub(p.From))))
}

// Play sends readings, which must ascend by time, to the server behind conn, by
// one gateway per department, and moves its clock, which must be a driven one
// that stands before the data. It returns what the gateways counted when
// everything is acknowledged and engine time is past the last reading.
func Play(ctx context.Context, conn grpc.ClientConnInterface, readings []Reading, opts Options) (client.Stats, error) {
	var total client.Stats
	if len(readings) == 0 {
		return total, nil
	}
	if opts.Step <= 0 {
		opts.Step = 5 * time.Minute
	}
	clock := client.NewClock(conn, opts.Backoff)
	from, to := readings[0].At, readings[len(readings)-1].At
	switch now, driven, err := clock.Now(ctx); {
	case err != nil:
		return total, err
	case !driven:
		return total, fmt.Errorf("the server's clock is the wall's; start it with --clock driven: %w", hydro.ErrConflict)
	case now.After(from):
		return total, fmt.Errorf("the server's engine time is %s, after the first reading at %s, and time does not go back: start a server with an empty data folder: %w",
			now.Format(time.RFC3339), from.Format(time.RFC3339), hydro.ErrConflict)
	}

	gateways := map[hydro.Department]*client.Gateway{}
	for _, d := range hydro.Departments {
		if !slices.ContainsFunc(readings, func(r Reading) bool { return r.Department == d }) {
			continue
		}
		g, err := client.Open(ctx, conn, d, "replay-"+d.String(), client.Options{Backoff: opts.Backoff})
		if err != nil {
			return total, err
		}
		defer g.Close()
		gateways[d] = g
	}
	stats := func() client.Stats {
		var sum client.Stats
		for _, d := range hydro.Departments {
			if g := gateways[d]; g != nil {
				sum = sum.Add(g.Stats())
			}
		}
		return sum
	}
	err := Drive(ctx, clock, steps(readings, opts.Step, gateways), DriveOptions{
		Speed: opts.Speed, Now: opts.Now,
		Stepped: func(s Step) error {
			if opts.Progress != nil {
				opts.Progress(Progress{Now: s.To, From: from, To: to, Stats: stats()})
			}
			return nil
		},
	})
	return stats(), err
}

// steps cuts readings into steps: the first moves the clock to just before the
// data, each further one carries what was observed in (To-step, To].
func steps(readings []Reading, step time.Duration, gateways map[hydro.Department]*client.Gateway) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		to := readings[0].At.Truncate(step)
		if to.Equal(readings[0].At) {
			to = to.Add(-step)
		}
		if !yield(Step{To: to}, nil) {
			return
		}
		for len(readings) > 0 {
			to = to.Add(step)
			n := slices.IndexFunc(readings, func(r Reading) bool { return r.At.After(to) })
			if n < 0 {
				n = len(readings)
			}
			s := Step{To: to}
			for _, d := range hydro.Departments {
				if reports := Reports(d, readings[:n]); reports.Len() > 0 {
					s.Frames = append(s.Frames, Frame{Gateway: gateways[d], Reports: reports})
				}
			}
			if !yield(s, nil) {
				return
			}
			readings = readings[n:]
		}
	}
}

// Reports packs the readings of a department into reports: values of one
// station and instant share one.
func Reports(d hydro.Department, readings []Reading) client.Reports {
	type place struct {
		station string
		at      int64
	}
	var out client.Reports
	index := map[place]int{}
	for i := range readings {
		r := &readings[i]
		if r.Department != d {
			continue
		}
		v := r.Value
		at := &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: r.At.UnixMilli()}}
		p := place{r.Station, r.At.UnixMilli()}
		switch d {
		case hydro.Weather:
			out.Weather = append(out.Weather, &freshetv1.WeatherReport{
				Station: r.Station, ObservedAt: at, IntervalS: uint32(r.Interval / time.Second), Rain: &v, RainUnit: freshetv1.RainUnit_RAIN_UNIT_MM,
			})
		case hydro.Hydrology:
			k, ok := index[p]
			if !ok || taken(out.Hydrology[k], r) {
				k = len(out.Hydrology)
				index[p] = k
				out.Hydrology = append(out.Hydrology, &freshetv1.HydrologyReport{Station: r.Station, ObservedAt: at})
			}
			set(out.Hydrology[k], r, &v)
		case hydro.WaterResources:
			k, ok := index[p]
			if !ok || takenReservoir(out.WaterResources[k], r) {
				k = len(out.WaterResources)
				index[p] = k
				out.WaterResources = append(out.WaterResources, &freshetv1.WaterResourcesReport{Station: r.Station, ObservedAt: at})
			}
			setReservoir(out.WaterResources[k], r, &v)
		}
	}
	return out
}

// taken reports whether h already has a value where r's would go.
func taken(h *freshetv1.HydrologyReport, r *Reading) bool {
	switch r.Variable {
	case hydro.WaterLevel:
		return h.WaterLevel != nil
	case hydro.Discharge:
		return h.Discharge != nil
	case hydro.Rain:
		return h.Rain != nil
	case hydro.PanEvaporation:
		return h.PanEvaporation != nil
	default:
		return h.RainCounter != nil
	}
}

func takenReservoir(w *freshetv1.WaterResourcesReport, r *Reading) bool {
	switch r.Variable {
	case hydro.WaterLevel:
		return w.ReservoirLevel != nil
	case hydro.Storage:
		return w.Storage != nil
	case hydro.Inflow:
		return w.Inflow != nil
	case hydro.Outflow:
		return w.Outflow != nil
	default:
		return slices.ContainsFunc(w.Gates, func(g *freshetv1.GateOpening) bool { return g.GetGate() == uint32(r.Sensor) })
	}
}

func set(h *freshetv1.HydrologyReport, r *Reading, v *float64) {
	switch r.Variable {
	case hydro.WaterLevel:
		h.WaterLevel, h.Datum = v, string(r.Datum)
	case hydro.Discharge:
		h.Discharge = v
	case hydro.Rain:
		h.Rain, h.RainIntervalS = v, uint32(r.Interval/time.Second)
	case hydro.PanEvaporation:
		h.PanEvaporation, h.PanIntervalS = v, uint32(r.Interval/time.Second)
	default:
		h.RainCounter = v
	}
}

func setReservoir(w *freshetv1.WaterResourcesReport, r *Reading, v *float64) {
	switch r.Variable {
	case hydro.WaterLevel:
		w.ReservoirLevel, w.Datum = v, string(r.Datum)
	case hydro.Storage:
		w.Storage, w.StorageUnit = v, freshetv1.StorageUnit_STORAGE_UNIT_MILLION_M3
	case hydro.Inflow:
		w.Inflow = v
	case hydro.Outflow:
		w.Outflow = v
	default:
		w.Gates = append(w.Gates, &freshetv1.GateOpening{Gate: uint32(r.Sensor), OpeningM: *v})
	}
}
