package quality_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"freshet/ingest/quality"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

var t0 = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

var (
	levelKey = hydro.Key{Station: "a", Variable: hydro.WaterLevel}
	rainKey  = hydro.Key{Station: "a", Variable: hydro.Rain}
)

func level() *catalog.Parameter {
	return &catalog.Parameter{
		Variable: hydro.WaterLevel, Interval: 5 * time.Minute,
		Limits: catalog.Limits{
			HasRange: true, Low: -1, High: 12, SuspectLow: 0, SuspectHigh: 10,
			StepSuspect: 0.5, StepFail: 2, StepPer: 5 * time.Minute,
			StuckAfter: 2 * time.Hour, StuckDelta: 0.005,
		},
	}
}

func rain() *catalog.Parameter {
	return &catalog.Parameter{Variable: hydro.Rain, Interval: 5 * time.Minute}
}

type series struct {
	t    testing.TB
	p    *catalog.Parameter
	kind catalog.Kind
	h    hydro.History
}

func newSeries(t testing.TB, p *catalog.Parameter) *series {
	return &series{t: t, p: p, kind: catalog.HydrologicalStation}
}

func (s *series) put(min int, v float64) []hydro.Observation {
	at := t0.Add(time.Duration(min) * time.Minute)
	return s.reading(reading(s.p, at, v), at.Add(time.Second))
}

func (s *series) reading(r hydro.Reading, received time.Time) []hydro.Observation {
	return quality.Check(s.p, s.kind, &s.h, r, received, nil)
}

func (s *series) run(values ...float64) []hydro.Sample {
	start := 0
	if last, ok := s.h.Last(); ok {
		start = int(last.Time().Sub(t0)/time.Minute) + 5
	}
	for i, v := range values {
		s.put(start+5*i, v)
	}
	return s.h.Samples[len(s.h.Samples)-len(values):]
}

func reading(p *catalog.Parameter, at time.Time, v float64) hydro.Reading {
	r := hydro.Reading{Key: hydro.Key{Station: "a", Variable: p.Variable}, At: at, Raw: v, Value: v}
	switch p.Variable {
	case hydro.Rain:
		r.Interval = p.Interval
	case hydro.WaterLevel:
		r.Datum = hydro.PearlRiver
	default:
	}
	return r
}

func want(t *testing.T, s hydro.Sample, q hydro.Quality, tests hydro.Tests) {
	t.Helper()
	if s.Quality != q || s.Tests != tests {
		t.Errorf("%.3f at %s: %s %v, want %s %v", s.Value, s.Time().Format("15:04"), s.Quality, s.Tests.Names(), q, tests.Names())
	}
}

func sharedData(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "data")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}
