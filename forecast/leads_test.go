package forecast_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// errorsByLead are root mean square errors, m³/s, by lead in hours less one and
// by gauge.
type errorsByLead [24][4]float64

// byLead issues a forecast each hour and compares those whose lead ends in
// [from, to) with the record, and persistence likewise.
func byLead(t testing.TB, c *catalog.Catalog, r *record, from, to time.Time, hidden ...string) (out, persistence errorsByLead, last forecast.State) {
	t.Helper()
	m, err := forecast.Compile(c, "lower_colorado")
	if err != nil {
		t.Fatal(err)
	}
	f := newFeeder(r, colorado)
	source := func(k hydro.Key) *hydro.History {
		if slices.Contains(hidden, k.Station) {
			return nil
		}
		return f.source(k)
	}
	index := map[time.Time]int{}
	for i, at := range r.at {
		index[at] = i
	}
	n := 0.0
	s := m.Start(r.at[0])
	for now := r.at[0]; !now.Add(24 * time.Hour).After(to); now = now.Add(time.Hour) {
		f.until(now)
		var fc hydro.Forecast
		fc, s, err = m.Run(s, now, "schedule", source)
		if err != nil {
			t.Fatal(err)
		}
		if now.Before(from) {
			continue
		}
		n++
		for g := range 4 {
			sf := station(t, fc, colorado[g])
			for lead := range 24 {
				i, ok := index[now.Add(time.Duration(lead+1)*time.Hour)]
				if !ok {
					t.Fatalf("no record at %s", now)
				}
				per := int(time.Hour / fc.Step)
				e := sf.Discharge[(lead+1)*per-1] - r.q[g][i]
				p := r.q[g][index[now]] - r.q[g][i]
				out[lead][g] += e * e
				persistence[lead][g] += p * p
			}
		}
	}
	for lead := range out {
		for g := range 4 {
			out[lead][g] = math.Sqrt(out[lead][g] / n)
			persistence[lead][g] = math.Sqrt(persistence[lead][g] / n)
		}
	}
	return out, persistence, s
}

func withoutDiversion(t testing.TB) *catalog.Catalog {
	c := shippedCatalog(t, "lower_colorado")
	for i := range c.Basins[0].Nodes {
		c.Basins[0].Nodes[i].Diversion = 0
	}
	return c
}

func TestExperiment(t *testing.T) {
	r := lowerColoradoRecord(t)
	for _, c := range []*catalog.Catalog{withoutDiversion(t)} {
		for _, p := range [][2]time.Time{{r.at[0].Add(48 * time.Hour), time.Date(2020, 6, 11, 0, 0, 0, 0, time.UTC)}, {time.Date(2020, 6, 11, 0, 0, 0, 0, time.UTC), r.at[len(r.at)-1]}} {
			on, pers, s := byLead(t, c, r, p[0], p[1])
			off, _, _ := byLead(t, c, r, p[0], p[1], "smithville", "lagrange", "columbus")
			for lead := range on {
				t.Logf("%2d  %6.3f %6.3f %6.3f   %6.3f %6.3f %6.3f   %6.3f %6.3f %6.3f", lead+1,
					on[lead][1], off[lead][1], pers[lead][1], on[lead][2], off[lead][2], pers[lead][2], on[lead][3], off[lead][3], pers[lead][3])
			}
			for _, n := range s.Nodes {
				m := n.Error.Memory
				t.Logf("%s loss %.3f bias %.2f", n.ID, 1-m.Observed/m.Computed, n.Error.Bias)
			}
		}
	}
}
