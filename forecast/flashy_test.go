package forecast_test

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"freshet/forecast"
	"freshet/internal/hydro"
)

// A catchment is the record of airgr_flashy, hourly, of 920 km².
type catchment struct {
	at      []time.Time
	rain, q []float64   // mm, m³/s
	pet     [12]float64 // mm/d, mean of each month before 2006
}

func flashy(t testing.TB) *catchment {
	t.Helper()
	f, err := os.Open(shared(t, "airgr_flashy", "airgr_L0123003_hourly_2004_2006.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	c := &catchment{}
	var n [12]float64
	for _, row := range rows[1:] {
		at, err := time.Parse("2006-01-02T15:04", row[0])
		if err != nil {
			t.Fatal(err)
		}
		var v [3]float64
		for i := range v {
			if v[i], err = strconv.ParseFloat(row[1+i], 64); err != nil {
				t.Fatal(err)
			}
		}
		c.at, c.rain, c.q = append(c.at, at), append(c.rain, v[0]), append(c.q, v[2])
		if at.Year() < 2006 {
			c.pet[at.Month()-1] += v[1] * 24
			n[at.Month()-1]++
		}
	}
	for i := range c.pet {
		c.pet[i] /= n[i]
	}
	return c
}

// hindcast runs a forecast every 12 h in 2006, and one each day before, with the
// rain to come known, and returns the root mean square error, m³/s, and NSE by lead,
// h less one, and on how many days the soil was moved.
func (c *catchment) hindcast(t testing.TB, ground, updating string) (rmse, nse [24]float64, moved int) {
	t.Helper()
	var months []string
	for _, e := range c.pet {
		months = append(months, fmt.Sprintf("%.2f", e))
	}
	text := strings.NewReplacer("step: 5m, every: 5m, output_step: 5m, horizon: 12h, warmup: 12h, updating: off", "step: 1h, every: 1h, output_step: 1h, horizon: 24h, warmup: 24h, band: off, updating: "+updating,
		"every: 5m}", "every: 1h}", "area: 80", "area: 920").Replace(fmt.Sprintf(creek, ground+", evaporation: ["+strings.Join(months, ", ")+"]"))
	m := compile(t, loaded(t, text))
	rain, flow := &hydro.History{}, &hydro.History{}
	source := func(k hydro.Key) *hydro.History {
		if k.Variable == hydro.Rain {
			return rain
		}
		return flow
	}
	s := m.Start(c.at[0])
	var n, sum, squares float64
	for i, at := range c.at[:len(c.at)-24] {
		rain.Put(hydro.Sample{At: at.UnixMilli(), Value: c.rain[i], Raw: c.rain[i], Interval: 3600, Quality: hydro.Pass})
		flow.Put(hydro.Sample{At: at.UnixMilli(), Value: c.q[i], Raw: c.q[i], Quality: hydro.Pass})
		if at.Hour() != 0 && (at.Hour() != 12 || at.Year() < 2006) {
			continue
		}
		rain.Prune(at.Add(-72 * time.Hour).UnixMilli())
		flow.Prune(at.Add(-72 * time.Hour).UnixMilli())
		known := m.Rain(&hydro.RainForecast{
			Source: "record", IssuedAt: at, ValidUntil: at.Add(48 * time.Hour), From: at, Step: time.Hour,
			Areas: []hydro.RainArea{{SubBasin: "s", Rain: c.rain[i+1 : i+25]}},
		})
		f, next, err := m.Run(s, at, "schedule", source, forecast.Ahead{Rain: []forecast.Rain{known}})
		if err != nil {
			t.Fatal(err)
		}
		for j, d := range next.Moisture {
			if d.Last.Moved != 0 && !d.Last.At.Equal(s.Moisture[j].Last.At) {
				moved++
			}
		}
		s = next
		if at.Year() < 2006 {
			continue
		}
		n, sum, squares = n+1, sum+c.q[i], squares+c.q[i]*c.q[i]
		for k, q := range station(t, f, "out").Discharge {
			rmse[k] += (q - c.q[i+1+k]) * (q - c.q[i+1+k])
		}
	}
	for k := range rmse {
		nse[k] = 1 - rmse[k]/(squares-sum*sum/n)
		rmse[k] = math.Sqrt(rmse[k] / n)
	}
	return rmse, nse, moved
}

// A catchment by Xinanjiang, with the parameters of an older fit on the hours to the
// end of 2005, without a leak, other ones than in forecast/xinanjiang's test, and
// evaporation by month; and by a one-layer ground that nobody fitted. The share and the limit of the adjustment
// were chosen on 2005.
func TestXinanjiangForecastsAFlashyCatchment(t *testing.T) {
	c := flashy(t)
	const all = "insertion, loss, lag, fit, error"
	for _, x := range []struct {
		name, ground string
		nse          float64    // least, updating off
		change       [2]float64 // most of the error with the adjustment, over that without, to 12 h and beyond
	}{
		{"xinanjiang, fitted", "method: xinanjiang, k: 1.354, wum: 88.54, wlm: 204.4, wdm: 225.6, c: 0.1009, b: 0.3789, im: 0.05725, sm: 55.55, ex: 1.24, ki: 0.2973, kg: 0.4336, ci: 0.6827, cg: 0.99733, initial_store: 0.8, uh_reservoirs: 1.3205, uh_scale: 8h21m18s", 0.8, [2]float64{1.05, 1.05}},
		{"saturation, not fitted", "capacity: 250, exponent: 0.5, base_share: 0.5, base_recession: 400h, initial_store: 0.8, uh_reservoirs: 2, uh_scale: 6h", -1, [2]float64{0.9, 0.8}},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, alone, _ := c.hindcast(t, x.ground, "off")
			without, _, _ := c.hindcast(t, x.ground, "["+all+"]")
			with, _, moved := c.hindcast(t, x.ground, "["+all+", moisture]")
			t.Logf("NSE of the model alone %.3f; soil moved on %d days", alone[11], moved)
			if alone[11] < x.nse || moved == 0 {
				t.Errorf("NSE of the model alone %.3f, want at least %g; soil moved on %d days", alone[11], x.nse, moved)
			}
			for k := range with {
				if k == 0 || k == 2 || k == 5 || k == 11 || k == 17 || k == 23 {
					t.Logf("%2d h: root mean square error %.2f m³/s, with the adjustment %.2f", k+1, without[k], with[k])
				}
			}
			for k, at := range []int{11, 23} {
				if with[at] > x.change[k]*without[at] {
					t.Errorf("%d h: root mean square error %.2f m³/s, with the adjustment %.2f", at+1, without[at], with[at])
				}
			}
		})
	}
}
