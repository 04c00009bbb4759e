package hydro_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/internal/hydro"
)

// Two parts of a time hold as much rain as the whole, and nothing lies outside.
func TestRainAheadAddsUp(t *testing.T) {
	from := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		r := hydro.RainAhead{From: from, Step: time.Hour, Rain: rapid.SliceOfN(rapid.Float64Range(0, 80), 0, 30).Draw(t, "rain")}
		minute := func(label string) time.Time {
			return from.Add(time.Duration(rapid.IntRange(-200, 2000).Draw(t, label)) * time.Minute)
		}
		a, b, c := minute("a"), minute("b"), minute("c")
		if b.Before(a) {
			a, b = b, a
		}
		if c.Before(b) {
			b, c = c, b
		}
		if b.Before(a) {
			a, b = b, a
		}
		first, knownFirst := r.Between(a, b)
		rest, knownRest := r.Between(b, c)
		all, known := r.Between(a, c)
		if math.Abs(first+rest-all) > 1e-9 || knownFirst+knownRest != known {
			t.Fatalf("%g mm in %s and %g mm in %s, %g mm in %s in all", first, knownFirst, rest, knownRest, all, known)
		}
		sum := 0.0
		for _, mm := range r.Rain {
			sum += mm
		}
		if all, known := r.Between(from.Add(-time.Hour), r.End().Add(time.Hour)); math.Abs(all-sum) > 1e-9 || known != r.End().Sub(from) {
			t.Fatalf("%g mm in %s, want %g mm in %s", all, known, sum, r.End().Sub(from))
		}
	})
}
