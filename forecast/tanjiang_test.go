package forecast_test

import (
	"testing"
	"time"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// tanjiangBook reports for the shipped example: rain everywhere, steady rivers.
func tanjiangBook(c *catalog.Catalog, from, to time.Time) book {
	b := book{}
	for i := range c.Stations {
		s := &c.Stations[i]
		for _, p := range s.Parameters {
			k := hydro.Key{Station: s.ID, Variable: p.Variable, Sensor: p.Sensor}
			value := 1.0
			switch p.Variable {
			case hydro.Rain, hydro.RainCounter:
				k.Variable = hydro.Rain
				value = 0.8
			case hydro.Discharge, hydro.Inflow, hydro.Outflow:
				value = 60
			default:
			}
			h := &hydro.History{}
			interval := max(p.Interval, every5)
			for at := from.Add(interval); !at.After(to); at = at.Add(interval) {
				h.Put(hydro.Sample{At: at.UnixMilli(), Value: value, Raw: value, Interval: int32(interval.Seconds()), Quality: hydro.Pass})
			}
			b[k] = h
		}
	}
	return b
}

func TestTheShippedTanjiangRuns(t *testing.T) {
	c := shippedCatalog(t, "tanjiang")
	m := compile(t, c)
	f, _ := run(t, m, m.Start(t0), t0, tanjiangBook(c, t0.Add(-24*time.Hour), t0).source)
	if !f.Illustrative {
		t.Error("the example's mark is lost")
	}
	if f.RainCoverage < 0.9 || len(f.Stations) < 10 {
		t.Errorf("coverage %g, %d stations", f.RainCoverage, len(f.Stations))
	}
	if len(f.MissingGauges) > 0 {
		t.Errorf("missing %q", f.MissingGauges)
	}
}

func BenchmarkRun(b *testing.B) {
	c := shippedCatalog(b, "tanjiang")
	m := compile(b, c)
	obs := tanjiangBook(c, t0.Add(-24*time.Hour), t0.Add(96*time.Hour))
	s := m.Start(t0)
	b.Run("basin=tanjiang/warmup=24h/horizon=72h/step=5m", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := m.Run(s, t0, "schedule", obs.source, forecast.Ahead{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	// A run in a season: gauges have bands, and in one of twelve runs they learn.
	now := t0
	for ; now.Before(t0.Add(96 * time.Hour)); now = now.Add(time.Hour) {
		_, s = run(b, m, s, now, obs.source)
	}
	for _, x := range []struct {
		name string
		at   time.Time
	}{{"tells", now.Add(-5 * time.Minute)}, {"learns", now}} {
		b.Run("basin=tanjiang/warmup=24h/horizon=72h/step=5m/band="+x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := m.Run(s, x.at, "schedule", obs.source, forecast.Ahead{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
