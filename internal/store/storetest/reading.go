package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/hydro"
	"freshet/internal/store"
)

func testBounds(t *testing.T, s store.Store) {
	write(t, s, level("a", 0, 0), level("a", 1, 1), level("a", 2, 2))
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	for _, c := range []struct {
		name     string
		from, to time.Time
		want     []float64
	}{
		{"from is included, to is not", at(0), at(2), []float64{0, 1}},
		{"just past to", at(0), at(2).Add(time.Millisecond), []float64{0, 1, 2}},
		{"just past from", at(0).Add(time.Millisecond), at(2), []float64{1}},
		{"a nanosecond past from", at(0).Add(1), at(2), []float64{1}},
		{"a nanosecond past to", at(0), at(2).Add(1), []float64{0, 1, 2}},
		{"a nanosecond before to", at(0), at(2).Add(-1), []float64{0, 1}},
		{"empty", at(1), at(1), nil},
		{"one nanosecond wide", at(1), at(1).Add(1), []float64{1}},
		{"backwards", at(2), at(0), nil},
		{"before all", at(-9), at(0), nil},
		{"after all", at(3), at(9), nil},
		{"in another zone", at(0).In(time.FixedZone("UTC+8", 8*3600)), at(2).In(time.FixedZone("UTC-5", -5*3600)), []float64{0, 1}},
	} {
		var got []float64
		for _, o := range collect(t, s.Observations(t.Context(), key("a"), c.from, c.to)) {
			got = append(got, o.Value)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", c.name, diff)
		}
	}
}

func testWidestRange(t *testing.T, s store.Store) {
	first, last := level("a", 0, 1), level("a", 0, 2)
	first.At, last.At = store.Earliest, store.Latest
	first.ReceivedAt, last.ReceivedAt = first.At, last.At
	write(t, s, last, first)
	equal(t, collect(t, s.Observations(t.Context(), key("a"), time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))), []hydro.Observation{first, last})
	equal(t, collect(t, s.Observations(t.Context(), key("a"), time.Time{}, noon)), []hydro.Observation{first})
	equal(t, collect(t, s.Observations(t.Context(), key("a"), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{})), nil)
}

func testAscending(t *testing.T, s store.Store) {
	write(t, s, level("a", 5, 5), level("a", 1, 1), level("b", 3, 3))
	write(t, s, level("a", 4, 4))
	write(t, s, level("a", 0, 0), level("a", 3, 3), level("a", 2, 2))
	var want []hydro.Observation
	for m := range 6 {
		want = append(want, level("a", m, float64(m)))
	}
	equal(t, history(t, s, key("a")), want)
}

func testBeforeEpoch(t *testing.T, s store.Store) {
	a, b, c := level("a", 0, 1915), level("a", 0, 1969), level("a", 0, 1970)
	a.At = time.Date(1915, 7, 10, 0, 0, 0, 1e6, time.UTC) // the flood of 1915 on the Pearl River
	b.At = time.UnixMilli(-1).UTC()
	c.At = time.UnixMilli(0).UTC()
	write(t, s, c, a, b)
	equal(t, collect(t, s.Observations(t.Context(), key("a"), a.At, noon)), []hydro.Observation{a, b, c})
	equal(t, collect(t, s.Observations(t.Context(), key("a"), b.At, c.At)), []hydro.Observation{b})
}

func testUnknownKey(t *testing.T, s store.Store) {
	equal(t, history(t, s, key("a")), nil) // of an empty store
	write(t, s, level("a", 0, 1))
	for _, k := range []hydro.Key{
		key("b"), key(""), key("aa"), key(`a" or true`), key("${a}"), key("a\x00"), key("\xff"), key("a,b"),
		{Station: "a", Variable: hydro.Discharge},
		{Station: "a", Variable: 200},
		{Station: "a", Variable: hydro.WaterLevel, Sensor: 1},
	} {
		equal(t, history(t, s, k), nil)
	}
	equal(t, collect(t, s.Forecasts(t.Context(), "none", noon, noon.Add(time.Hour))), nil)
	equal(t, collect(t, s.Warnings(t.Context(), "none", noon, noon.Add(time.Hour))), nil)
}

func testSeriesAreApart(t *testing.T, s store.Store) {
	var all []hydro.Observation
	for _, station := range []string{"a", "a1", "aa"} {
		for _, v := range hydro.Variables {
			for _, sensor := range []uint8{0, 1, 2, 255} {
				o := level(station, 0, float64(len(all)))
				o.Variable, o.Sensor = v, sensor
				if v.Amount() {
					o.Interval = time.Minute
				}
				all = append(all, o)
			}
		}
	}
	write(t, s, all...)
	for _, o := range all {
		equal(t, history(t, s, o.Key), []hydro.Observation{o})
	}
}

func testUnicode(t *testing.T, s store.Store) {
	for i, name := range []string{
		"石咀", "開平·潭江", "a b", "a,b=c", `quo"ted`, "don't", "${x}", "$", "#comment", " leading", "trailing ", "É", "🌊", "a/b", "%", "r._value", "=", ",",
	} {
		o := level(name, i, 1)
		o.Datum = "珠江基面 \"x\""
		o.Why = "突变: 12.5 → 3.1 \"m\", \\back\\slash\\, tab\t,\nnew line, ${no}, a=b, 100% ，。" + name
		write(t, s, o)
		equal(t, history(t, s, o.Key), []hydro.Observation{o})
		w := warning(i, 0)
		w.Station, w.ReasonZH, w.ReasonEN, w.Cause = name, o.Why, `"`+name+`"`, "silent"
		f := forecast(0, "a", "石")
		f.Basin, f.Notes = name, []string{o.Why, "", name}
		if err := errors.Join(s.WriteWarning(t.Context(), w), s.WriteForecast(t.Context(), f)); err != nil {
			t.Fatal(err)
		}
		equal(t, collect(t, s.Warnings(t.Context(), basin, w.At, w.At.Add(1))), []hydro.Warning{w})
		equal(t, collect(t, s.Forecasts(t.Context(), name, noon, noon.Add(1))), []hydro.Forecast{f})
	}
}

func testExtremes(t *testing.T, s store.Store) {
	for i, v := range []float64{
		0, 1, -1, 0.1, 1.0 / 3, math.Pi, 1e-5, 123456789.123456789, -9999, 1e21, 1e22, math.MaxFloat64, -math.MaxFloat64, 2.5e-308, math.Nextafter(1, 2), float64(1<<53 - 1),
	} {
		o := level("a", i, v)
		o.Raw = -v
		write(t, s, o)
	}
	for i, o := range history(t, s, key("a")) {
		if math.Float64bits(o.Value) != math.Float64bits(-o.Raw) && o.Value != 0 {
			t.Errorf("value %d: %v became another than −%v", i, o.Value, o.Raw)
		}
	}
	got := history(t, s, key("a"))
	if len(got) != 16 || got[8].Value != -9999 || got[11].Value != math.MaxFloat64 || got[13].Value != 2.5e-308 || got[14].Value != math.Nextafter(1, 2) {
		t.Errorf("values changed: %v", got)
	}
}

func testLargeBatch(t *testing.T, s store.Store) {
	const stations, steps = 40, 600
	batch := make([]hydro.Observation, 0, stations*steps)
	for m := range steps {
		for n := range stations {
			batch = append(batch, level(fmt.Sprintf("station-%02d", n), m, float64(n*steps+m)/8))
		}
	}
	write(t, s, batch...)
	for n := range stations {
		got := history(t, s, key(fmt.Sprintf("station-%02d", n)))
		if len(got) != steps {
			t.Fatalf("station %d: %d observations, want %d", n, len(got), steps)
		}
		for m, o := range got {
			if want := batch[m*stations+n]; !cmp.Equal(o, want) {
				t.Fatalf("station %d: -want +got\n%s", n, cmp.Diff(want, o))
			}
		}
	}
}

// testLongSeries reads more than any page that a store may read by, over many
// months.
func testLongSeries(t *testing.T, s store.Store) {
	const n = 25_000
	at := func(i int) time.Time { return noon.Add(time.Duration(i) * 17 * time.Minute) }
	batch := make([]hydro.Observation, 0, n)
	for i := range n {
		o := level("long", 0, float64(i))
		o.At, o.ReceivedAt = at(i), at(i).Add(time.Second)
		if i%1000 == 999 {
			o = revise(o, 1, o.Value)
		}
		batch = append(batch, o)
	}
	write(t, s, batch...)
	i := 0
	for o, err := range s.Observations(t.Context(), key("long"), at(0), at(n)) {
		if err != nil {
			t.Fatal(err)
		}
		if i >= n || !cmp.Equal(o, batch[i]) {
			t.Fatalf("observation %d is %+v", i, o)
		}
		i++
	}
	if i != n {
		t.Errorf("%d observations, want %d", i, n)
	}
}

func testStopEarly(t *testing.T, s store.Store) {
	write(t, s, level("a", 0, 0), level("a", 1, 1), level("a", 2, 2))
	for m := range 3 {
		if err := errors.Join(s.WriteForecast(t.Context(), forecast(m, "a")), s.WriteWarning(t.Context(), warning(m, 0))); err != nil {
			t.Fatal(err)
		}
	}
	to := noon.Add(time.Hour)
	stopsAfterOne(t, s.Observations(t.Context(), key("a"), noon, to))
	stopsAfterOne(t, s.Forecasts(t.Context(), basin, noon, to))
	stopsAfterOne(t, s.Warnings(t.Context(), basin, noon, to))
}

func stopsAfterOne[T any](t *testing.T, seq iter.Seq2[T, error]) {
	t.Helper()
	n := 0
	for _, err := range seq { // a yield after break panics
		if err != nil {
			t.Fatal(err)
		}
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d values, want 1", n)
	}
}

func testRepeatable(t *testing.T, s store.Store) {
	write(t, s, level("a", 0, 0))
	seq := s.Observations(t.Context(), key("a"), noon, noon.Add(time.Hour))
	equal(t, collect(t, seq), []hydro.Observation{level("a", 0, 0)})
	write(t, s, level("a", 1, 1))
	equal(t, collect(t, seq), []hydro.Observation{level("a", 0, 0), level("a", 1, 1)})
}

func testCancel(t *testing.T, s store.Store) {
	write(t, s, level("a", 0, 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Forecast(ctx, basin, noon)
	for what, err := range map[string]error{
		"WriteObservations": s.WriteObservations(ctx, basin, []hydro.Observation{level("a", 1, 1)}),
		"WriteForecast":     s.WriteForecast(ctx, forecast(0, "a")),
		"WriteWarning":      s.WriteWarning(ctx, warning(0, 0)),
		"Forecast":          err,
		"Observations":      only(t, s.Observations(ctx, key("a"), noon, noon.Add(time.Hour))),
		"Forecasts":         only(t, s.Forecasts(ctx, basin, noon, noon.Add(time.Hour))),
		"Warnings":          only(t, s.Warnings(ctx, basin, noon, noon.Add(time.Hour))),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got error %v, want context.Canceled", what, err)
		}
		if errors.Is(err, hydro.ErrUnavailable) || errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: %v claims to be the store's fault or the data's", what, err)
		}
	}
}

// only returns the error of a sequence that yields nothing but an error.
func only[T any](t *testing.T, seq iter.Seq2[T, error]) error {
	t.Helper()
	var last error
	n := 0
	for _, err := range seq {
		last = err
		n++
	}
	if n != 1 {
		t.Errorf("%d values, want the error alone", n)
	}
	return last
}

// testConcurrent writes series from many goroutines while others read; every
// read sees a whole prefix of what its writer wrote.
func testConcurrent(t *testing.T, s store.Store) {
	const writers, batches, size = 4, 8, 25
	failed := make(chan error, 2*writers)
	for n := range writers {
		station := fmt.Sprint("w", n)
		written := make(chan int, batches)
		go func() {
			defer close(written)
			failed <- func() error {
				for b := range batches {
					var batch []hydro.Observation
					for i := range size {
						batch = append(batch, level(station, b*size+i, float64(b*size+i)))
					}
					if err := s.WriteObservations(t.Context(), basin, batch); err != nil {
						return err
					}
					written <- (b + 1) * size
				}
				return nil
			}()
		}()
		go func() {
			failed <- func() error {
				for atLeast := range written {
					i := 0
					for o, err := range s.Observations(t.Context(), key(station), noon, noon.Add(24*time.Hour)) {
						if err != nil {
							return err
						}
						if o.Value != float64(i) {
							return fmt.Errorf("%s: value %d is %v", station, i, o.Value)
						}
						i++
					}
					if i < atLeast {
						return fmt.Errorf("%s: %d values after %d were written", station, i, atLeast)
					}
				}
				return nil
			}()
		}()
	}
	for range 2 * writers {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}
