package forecast_test

import (
	"fmt"
	"testing"
	"time"

	"freshet/forecast"
	"freshet/internal/hydro"
)

// pinball is the loss of a quantile at p of v, m³/s: least, on the mean, where the
// quantile is that of v's distribution.
func pinball(p, quantile, v float64) float64 {
	return max(p*(v-quantile), (p-1)*(v-quantile))
}

// BenchmarkMembersOfTheSoil measures what members of the soil do to the bands of the
// flashy catchment: mean loss of its quantiles (twice their mean is near the CRPS), and
// the share within 80 %, at leads of 6, 12 and 24 h, with the rain that fell, of
// each twelfth hour of 2005, on which a spread may be chosen, and of 2006, which
// checks it. docs/models/band.md has the figures.
func BenchmarkMembersOfTheSoil(b *testing.B) {
	for b.Loop() {
		c := flashy(b)
		hours := func(year int, month time.Month) int {
			return int(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Sub(c.at[0]).Hours())
		}
		begin, end := hours(2004, 11), len(c.q)-73
		spreads := []float64{0, 0.3, 0.5, 0.8}
		models := make([]*forecast.Model, len(spreads))
		for k, cv := range spreads {
			cat := flashyCatalog()
			cat.Basins[0].Settings.InitialSpread = cv
			models[k] = compile(b, cat)
		}
		at := func(i int) time.Time { return c.at[0].Add(time.Duration(i+1) * time.Hour) }
		samples := func(v []float64) (out []hydro.Sample) {
			for i, x := range v {
				out = append(out, hydro.Sample{At: at(i).UnixMilli(), Value: x, Quality: hydro.Pass, Interval: 3600})
			}
			return out
		}
		rains, flows := samples(c.rain), samples(c.q)
		type sum struct{ n, loss, within float64 }
		type key struct{ year, spread, lead int }
		sums := map[key]*sum{}
		s := models[0].Start(at(begin))
		for i := begin; i < end; i += 6 {
			source := func(k hydro.Key) *hydro.History {
				if k.Variable == hydro.Rain {
					return &hydro.History{Samples: rains[i-96 : i+1]}
				}
				return &hydro.History{Samples: flows[i-96 : i+1]}
			}
			if i%12 == 0 && at(i).Year() > 2004 {
				for k, m := range models {
					known := m.Rain(&hydro.RainForecast{
						Basin: "b", Source: "s", IssuedAt: at(i), ValidUntil: at(i + 1), From: at(i), Step: time.Hour,
						Areas: []hydro.RainArea{{SubBasin: "s", Rain: c.rain[i+1 : i+73]}},
					})
					f, _, err := m.Run(s, at(i), "schedule", source, forecast.Ahead{Rain: []forecast.Rain{known}})
					if err != nil {
						b.Fatal(err)
					}
					for _, lead := range []int{6, 12, 24} {
						if len(f.Stations[0].Band) < lead {
							continue
						}
						id := key{at(i).Year(), k, lead}
						x := sums[id]
						if x == nil {
							x = &sum{}
							sums[id] = x
						}
						q, o := f.Stations[0].Band[lead-1].Discharge, c.q[i+lead]
						x.n++
						for j, p := range hydro.BandLevels {
							x.loss += pinball(p, q[j], o) / float64(len(hydro.BandLevels))
						}
						if o >= q[1] && o <= q[5] {
							x.within++
						}
					}
				}
			}
			_, next, err := models[0].Run(s, at(i), "schedule", source, forecast.Ahead{})
			if err != nil {
				b.Fatal(err)
			}
			s = next
		}
		text := ""
		for year := 2005; year <= 2006; year++ {
			for k, cv := range spreads {
				text += fmt.Sprintf("\n%d, spread %.2f:", year, cv)
				for _, lead := range []int{6, 12, 24} {
					x := sums[key{year, k, lead}]
					text += fmt.Sprintf("  %2d h: %.0f forecasts, loss %.4f m³/s, within 80 %% %.3f;", lead, x.n, x.loss/x.n, x.within/x.n)
				}
			}
		}
		b.Log(text)
	}
}
