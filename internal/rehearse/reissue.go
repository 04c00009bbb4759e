package rehearse

import (
	"math"
	"time"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// A reissue is a run issued again and again as its hours pass: the same water, seen
// from a later T0 and over what is left of the horizon.
type reissue struct {
	b     *engine.Footing
	fine  []hydro.StationForecast // at each step of computation
	every int                     // steps of an output value
	keep  hydro.Forecast
	peaks [][]int   // per station: index of the highest value from an index on
	next  [][][]int // per station and crossing: first index at or after an index that meets it; -1: none
	valid time.Duration
	step  time.Duration
}

func newReissue(b *engine.Footing, c *catalog.Catalog, r *forecast.Rehearsal) *reissue {
	basin, _ := c.Basin(b.Basin)
	a := &reissue{
		b: b, fine: r.Forecast.Stations, step: b.Model.Step(), every: int(basin.Settings.OutputStep / b.Model.Step()),
		keep: r.Forecast, valid: 2 * max(basin.Settings.Every, b.Model.Step()),
	}
	a.keep.Step = basin.Settings.OutputStep
	for i := range a.fine {
		s := &a.fine[i]
		n := len(s.Discharge)
		decides := s.Discharge
		if pathOf(r.Reservoirs, s.Station) != nil && n > 0 && !math.IsNaN(s.Level[0]) {
			decides = s.Level
		}
		peak := make([]int, n)
		for k := n - 1; k >= 0; k-- {
			peak[k] = k
			if k+1 < n && decides[peak[k+1]] > decides[k] {
				peak[k] = peak[k+1]
			}
		}
		a.peaks = append(a.peaks, peak)
		var next [][]int
		for _, x := range s.Crossings {
			values := s.Discharge
			if x.Variable == hydro.WaterLevel {
				values = s.Level
			}
			at := make([]int, n+1)
			at[n] = -1
			for k := n - 1; k >= 0; k-- {
				if at[k] = at[k+1]; values[k] >= x.Threshold {
					at[k] = k
				}
			}
			next = append(next, at)
		}
		a.next = append(a.next, next)
	}
	return a
}

// at returns the run issued k steps after T0, nil when no output step of it is left.
func (a *reissue) at(k int) *hydro.Forecast {
	f := a.keep
	f.IssuedAt = a.b.T0.Add(time.Duration(k) * a.step)
	f.ValidUntil = f.IssuedAt.Add(a.valid)
	f.Stations = make([]hydro.StationForecast, 0, len(a.fine))
	for i := range a.fine {
		s := &a.fine[i]
		n := (len(s.Discharge) - k) / a.every
		if n <= 0 {
			return nil
		}
		x := *s
		values := make([]float64, 2*n)
		x.Discharge, x.Level = values[:n:n], values[n:]
		for j := range n {
			x.Discharge[j], x.Level[j] = s.Discharge[k+(j+1)*a.every-1], s.Level[k+(j+1)*a.every-1]
		}
		x.NowDischarge, x.NowLevel = s.Discharge[k-1], s.Level[k-1]
		p := a.peaks[i][k]
		x.Peak = hydro.Peak{At: a.instant(p), Discharge: s.Discharge[p], Level: s.Level[p], AtEnd: p == len(s.Discharge)-1 && s.Peak.AtEnd}
		if x.NowDischarge > x.Peak.Discharge && a.b.T0.Before(f.IssuedAt) && !(x.NowLevel < x.Peak.Level) {
			x.Peak = hydro.Peak{At: f.IssuedAt, Discharge: x.NowDischarge, Level: x.NowLevel}
		}
		x.Crossings = make([]hydro.Crossing, len(s.Crossings))
		for j := range s.Crossings {
			h := s.Crossings[j]
			now := x.NowDischarge
			if h.Variable == hydro.WaterLevel {
				now = x.NowLevel
			}
			at := a.next[i][j][k]
			switch {
			case now >= h.Threshold:
				h.At = f.IssuedAt
			case at < 0:
				h.At = time.Time{}
			default:
				h.At = a.instant(at)
			}
			x.Crossings[j] = h
		}
		f.Stations = append(f.Stations, x)
	}
	return &f
}

func (a *reissue) instant(i int) time.Time { return a.b.T0.Add(time.Duration(i+1) * a.step) }
