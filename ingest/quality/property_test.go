package quality_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/ingest/quality"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func drawReadings(t *rapid.T, p *catalog.Parameter) []hydro.Reading {
	n := rapid.IntRange(1, 60).Draw(t, "n")
	minute := 0
	v := 3.0
	var out []hydro.Reading
	for range n {
		minute += rapid.SampledFrom([]int{5, 5, 5, 5, 5, 1, 10, 60, 200}).Draw(t, "step")
		v += rapid.SampledFrom([]float64{0, 0, 0, 0.01, -0.01, 0.3, -0.3, 0.6}).Draw(t, "move")
		x := v + rapid.SampledFrom([]float64{0, 0, 0, 0, 0, 0.7, -0.7, 3, -3, 100}).Draw(t, "error")
		if p.Variable == hydro.Rain {
			x = rapid.SampledFrom([]float64{0, 1.2, 1.2, 1.2, 0.2, 0.2, 25, 300}).Draw(t, "rain")
		}
		out = append(out, reading(p, t0.Add(time.Duration(minute)*time.Minute), math.Round(x*1000)/1000))
	}
	return out
}

func drawParameter(t *rapid.T) *catalog.Parameter {
	if rapid.Bool().Draw(t, "rain?") {
		p := rain()
		p.Limits.StuckAfter = rapid.SampledFrom([]time.Duration{0, 10 * time.Minute, 30 * time.Minute}).Draw(t, "stuck after")
		return p
	}
	p := level()
	p.Limits.StuckAfter = rapid.SampledFrom([]time.Duration{0, 20 * time.Minute, time.Hour}).Draw(t, "stuck after")
	p.Limits.StepFail = rapid.SampledFrom([]float64{0, 2}).Draw(t, "step fail")
	return p
}

func verdicts(samples []hydro.Sample) []hydro.Sample {
	out := slices.Clone(samples)
	for i := range out {
		out[i].Received = 0
		out[i].Tests &^= hydro.TestLate | hydro.NoteClock
	}
	return out
}

func TestVerdictsDoNotDependOnTheOrderOfArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParameter(t)
		readings := drawReadings(t, p)
		var ordered, shuffled hydro.History
		for _, r := range readings {
			quality.Check(p, catalog.LevelStation, &ordered, r, r.At, nil)
		}
		// What a reader of the outputs holds in the end is what the history says.
		held := map[int64]hydro.Observation{}
		for i, r := range rapid.Permutation(readings).Draw(t, "order") {
			received := t0.Add(time.Duration(i) * time.Hour)
			for _, o := range quality.Check(p, catalog.LevelStation, &shuffled, r, received, nil) {
				held[o.At.UnixMilli()] = o
			}
			if !slices.IsSortedFunc(shuffled.Samples, func(a, b hydro.Sample) int { return int(a.At - b.At) }) || len(shuffled.Samples) != i+1 {
				t.Fatalf("after %d readings: %v", i+1, shuffled.Samples)
			}
		}
		if d := cmp.Diff(verdicts(ordered.Samples), verdicts(shuffled.Samples)); d != "" {
			t.Fatal(d)
		}
		for i, r := range readings {
			s := shuffled.Samples[i]
			if s.At != r.At.UnixMilli() || s.Raw != r.Raw || s.Value != r.Value {
				t.Fatalf("reading %+v became %+v", r, s)
			}
			o := held[s.At]
			if o.Quality != s.Quality || o.Tests != s.Tests || o.Raw != r.Raw || (o.Why != "") != (o.Tests != 0) {
				t.Fatalf("given out %+v, held %+v", o, s)
			}
		}
	})
}

func TestRedeliveredReadingsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParameter(t)
		readings := drawReadings(t, p)
		var h hydro.History
		for i, r := range readings {
			quality.Check(p, catalog.LevelStation, &h, r, r.At, nil)
			before := slices.Clone(h.Samples)
			again := readings[rapid.IntRange(0, i).Draw(t, "again")]
			if out := quality.Check(p, catalog.LevelStation, &h, again, r.At.Add(time.Hour), nil); len(out) != 0 {
				t.Fatalf("gave out %+v", out)
			}
			if d := cmp.Diff(before, h.Samples); d != "" {
				t.Fatal(d)
			}
		}
	})
}

func TestARevisionGivesTheVerdictsOfTheRevisedSeries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParameter(t)
		readings := drawReadings(t, p)
		i := rapid.IntRange(0, len(readings)-1).Draw(t, "revised")
		var right, revised hydro.History
		for k, r := range readings {
			quality.Check(p, catalog.LevelStation, &right, r, r.At, nil)
			if k == i {
				r.Raw, r.Value = r.Raw+1.5, r.Value+1.5
			}
			quality.Check(p, catalog.LevelStation, &revised, r, r.At, nil)
		}
		quality.Check(p, catalog.LevelStation, &revised, readings[i], readings[i].At, nil)
		got := verdicts(revised.Samples)
		got[i].Revision, got[i].Superseded = 0, 0
		got[i].Tests &^= hydro.TestRevision
		if d := cmp.Diff(verdicts(right.Samples), got); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzCheckKeepsHistorySortedAndWhole(f *testing.F) {
	f.Add([]byte{0, 10, 5, 200, 1, 1, 1, 1, 2, 3, 4, 5})
	f.Fuzz(func(t *testing.T, data []byte) {
		p := level()
		var h hydro.History
		sent := map[int64][]float64{}
		for len(data) >= 2 {
			r := reading(p, t0.Add(time.Duration(data[0])*time.Minute), float64(int8(data[1]))/8)
			data = data[2:]
			quality.Check(p, catalog.LevelStation, &h, r, t0, nil)
			sent[r.At.UnixMilli()] = append(sent[r.At.UnixMilli()], r.Raw)
			again := slices.Clone(h.Samples)
			if out := quality.Check(p, catalog.LevelStation, &h, r, t0.Add(time.Hour), nil); len(out) != 0 || !slices.Equal(again, h.Samples) {
				t.Fatalf("a resend at once gave out %+v", out)
			}
		}
		if len(h.Samples) != len(sent) {
			t.Fatalf("%d samples of %d instants", len(h.Samples), len(sent))
		}
		for i, s := range h.Samples {
			if i > 0 && h.Samples[i-1].At >= s.At || !slices.Contains(sent[s.At], s.Raw) {
				t.Fatalf("sample %d: %+v", i, s)
			}
		}
	})
}

func TestAnOrdinaryReadingAllocatesNothing(t *testing.T) {
	p := level()
	h := hydro.History{Samples: make([]hydro.Sample, 0, 4096)}
	out := make([]hydro.Observation, 0, 1)
	i := 0
	n := testing.AllocsPerRun(2000, func() {
		i++
		r := reading(p, t0.Add(time.Duration(i)*5*time.Minute), 3+0.01*float64(i%7))
		out = quality.Check(p, catalog.LevelStation, &h, r, r.At, out[:0])
	})
	if n != 0 || out[0].Quality != hydro.Pass {
		t.Errorf("%g allocations; %+v", n, out)
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, c := range []struct {
		name string
		p    *catalog.Parameter
		flat bool
	}{{"level", level(), false}, {"flat level", level(), true}, {"rain", rain(), false}} {
		b.Run(c.name, func(b *testing.B) {
			var h hydro.History
			out := make([]hydro.Observation, 0, 1)
			i := 0
			for b.Loop() {
				i++
				v := 3 + 0.01*float64(i%7)
				if c.flat {
					v = 3 + 0.01*float64(i/20%2)
				}
				r := reading(c.p, t0.Add(time.Duration(i)*5*time.Minute), v)
				out = quality.Check(c.p, catalog.LevelStation, &h, r, r.At, out[:0])
				h.Prune(r.At.UnixMilli() - 96*3600_000)
			}
		})
	}
}
