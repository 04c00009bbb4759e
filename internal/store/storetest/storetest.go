// Package storetest is the conformance suite of the store contract: a store is
// done when [Run] passes with it. Each clause of the contract is one named case
// with a fresh store.
package storetest

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/internal/hydro"
	"freshet/internal/store"
)

// Run runs every case against a fresh store that open returns. Open registers
// its own cleanup.
func Run(t *testing.T, open func(*testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"ObservationRoundTrip", testObservationRoundTrip},
		{"InstantsAreKeptToTheMillisecond", testMilliseconds},
		{"AnEmptyWriteIsFine", testEmptyWrite},
		{"TheStoreKeepsNothingOfTheSlice", testSliceIsTheCallers},
		{"RedeliveryIsIdempotent", testRedelivery},
		{"RedeliveryOfASuffixConverges", testRedeliveryOfASuffix},
		{"HigherRevisionWins", testHigherRevisionWins},
		{"HigherRevisionWinsWithinABatch", testHigherRevisionWinsWithinABatch},
		{"SameRevisionTheLastWins", testSameRevision},
		{"AReplacementReplacesEveryField", testReplacementIsWhole},
		{"ManyRevisionsOfOneInstant", testManyRevisions},
		{"NaNIsRefusedWhole", testNaN},
		{"WhatCannotBeStoredIsRefusedWhole", testRefusals},
		{"BoundsAreHalfOpen", testBounds},
		{"TheWidestRangeIsAllowed", testWidestRange},
		{"AscendingAcrossBatches", testAscending},
		{"BeforeTheEpoch", testBeforeEpoch},
		{"UnknownKeyYieldsNothing", testUnknownKey},
		{"SensorsVariablesAndStationsAreApart", testSeriesAreApart},
		{"UnicodeSurvives", testUnicode},
		{"ExtremeValuesSurvive", testExtremes},
		{"LargeBatch", testLargeBatch},
		{"ALongSeriesIsReadWhole", testLongSeries},
		{"IterationStopsEarly", testStopEarly},
		{"IterationsAreRepeatable", testRepeatable},
		{"ACancelledContextStops", testCancel},
		{"ForecastRoundTrip", testForecastRoundTrip},
		{"ForecastOfTheSameIssueReplaces", testForecastReplaces},
		{"ForecastsOverlapWithoutDisplacing", testForecastsOverlap},
		{"ForecastsAscendByIssueWithinBounds", testForecastBounds},
		{"ForecastNotFound", testForecastNotFound},
		{"ForecastOfTheLongestSeries", testForecastLongest},
		{"ForecastThatCannotBeStoredIsRefused", testForecastRefused},
		{"WarningsRoundTrip", testWarningsRoundTrip},
		{"WarningsOfOneInstantAreAllKept", testWarningsOfOneInstant},
		{"WarningsAscendWithinBounds", testWarningBounds},
		{"WarningThatCannotBeStoredIsRefused", testWarningRefused},
		{"BasinsAreApart", testBasinsAreApart},
		{"ConcurrentWritersAndReaders", testConcurrent},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

const basin = "tanjiang"

// noon is an instant with milliseconds that count.
var noon = time.Date(2026, 6, 15, 4, 0, 0, 123e6, time.UTC)

func key(station string) hydro.Key {
	return hydro.Key{Station: station, Variable: hydro.WaterLevel}
}

// level is a plain observation, minutes after noon.
func level(station string, minutes int, value float64) hydro.Observation {
	at := noon.Add(time.Duration(minutes) * time.Minute)
	return hydro.Observation{
		Reading:    hydro.Reading{Key: key(station), At: at, Raw: value, Value: value, Datum: hydro.PearlRiver},
		Quality:    hydro.Pass,
		ReceivedAt: at.Add(1789 * time.Millisecond),
	}
}

func revise(o hydro.Observation, revision uint32, value float64) hydro.Observation {
	o.Revision, o.Value, o.Raw = revision, value, value
	o.ReceivedAt = o.ReceivedAt.Add(time.Duration(revision) * time.Minute)
	if revision > 0 {
		o.Tests |= hydro.TestRevision
	}
	return o
}

func write(t *testing.T, s store.Store, observations ...hydro.Observation) {
	t.Helper()
	if err := s.WriteObservations(t.Context(), basin, observations); err != nil {
		t.Fatalf("WriteObservations: %v", err)
	}
}

func collect[T any](t *testing.T, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		if err != nil {
			t.Fatalf("after %d: %v", len(all), err)
		}
		all = append(all, v)
	}
	return all
}

// history reads a day around noon.
func history(t *testing.T, s store.Store, k hydro.Key) []hydro.Observation {
	t.Helper()
	return collect(t, s.Observations(t.Context(), k, noon.Add(-24*time.Hour), noon.Add(24*time.Hour)))
}

func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func invalid(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("%s: got error %v, want one that wraps ErrInvalid", what, err)
	}
}

func testObservationRoundTrip(t *testing.T, s store.Store) {
	var o hydro.Observation
	fill(&o, 1)
	o.Key, o.At = key("bayi"), noon
	o.Quality, o.Tests = hydro.Suspect, hydro.TestSpike|hydro.TestRevision|hydro.NoteDatumConverted|hydro.TestNeighbour|hydro.NoteMaintenance
	o.Ran, o.Failed = hydro.TestRange|hydro.TestSpike|hydro.TestNeighbour, hydro.TestSpike
	o.Notes = hydro.NoteDatumConverted
	o.Derived, o.Again = false, false // words to quality control, which no store keeps
	o.Interval = 10*time.Minute + 250*time.Millisecond
	rain := hydro.Observation{
		Reading:    hydro.Reading{Key: hydro.Key{Station: "dashahe", Variable: hydro.Rain}, At: noon, Interval: 5 * time.Minute, Raw: 12.5, Value: 12.5},
		Quality:    hydro.Pass,
		ReceivedAt: noon.Add(time.Second),
	}
	bare := hydro.Observation{Reading: hydro.Reading{Key: hydro.Key{Station: "bare", Variable: hydro.Discharge}, At: noon}} // no ReceivedAt, all zero
	write(t, s, o, rain, bare)
	for _, want := range []hydro.Observation{o, rain, bare} {
		equal(t, history(t, s, want.Key), []hydro.Observation{want})
	}
}

func testMilliseconds(t *testing.T, s store.Store) {
	a := level("fine", 0, 1)
	b := level("fine", 0, 2)
	b.At = b.At.Add(time.Millisecond)
	sub := level("sub", 0, 3)
	sub.At, sub.ReceivedAt = sub.At.Add(999*time.Microsecond), sub.ReceivedAt.Add(999*time.Microsecond)
	zoned := level("zoned", 0, 4)
	zoned.At = zoned.At.In(time.FixedZone("UTC+8", 8*3600))
	write(t, s, a, b, sub, zoned)
	equal(t, history(t, s, key("fine")), []hydro.Observation{a, b})
	equal(t, history(t, s, key("sub")), []hydro.Observation{level("sub", 0, 3)})
	got := history(t, s, key("zoned"))
	equal(t, got, []hydro.Observation{level("zoned", 0, 4)})
	if len(got) == 1 && got[0].At.Location() != time.UTC {
		t.Errorf("instant in %s, want UTC", got[0].At.Location())
	}
}

func testEmptyWrite(t *testing.T, s store.Store) {
	write(t, s)
	equal(t, history(t, s, key("any")), nil)
}

func testSliceIsTheCallers(t *testing.T, s store.Store) {
	batch := []hydro.Observation{level("a", 0, 1), level("a", 1, 2)}
	write(t, s, batch...)
	batch[0].Value, batch[1].Station = 99, "b"
	f := forecast(0, "a")
	want := forecast(0, "a")
	if err := s.WriteForecast(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	f.Stations[0].Level[0], f.Notes[0] = 99, "changed"
	equal(t, history(t, s, key("a")), []hydro.Observation{level("a", 0, 1), level("a", 1, 2)})
	got, err := s.Forecast(t.Context(), basin, noon)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, want)
}

func testRedelivery(t *testing.T, s store.Store) {
	batch := []hydro.Observation{level("a", 0, 1), level("a", 1, 2), revise(level("a", 0, 1), 1, 1.5), level("b", 0, 3)}
	for range 3 {
		write(t, s, batch...)
		equal(t, history(t, s, key("a")), []hydro.Observation{batch[2], batch[1]})
		equal(t, history(t, s, key("b")), []hydro.Observation{batch[3]})
	}
	w := warning(0, 0)
	f := forecast(0, "a")
	for range 3 {
		if err := errors.Join(s.WriteWarning(t.Context(), w), s.WriteForecast(t.Context(), f)); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, collect(t, s.Warnings(t.Context(), basin, noon, noon.Add(time.Hour))), []hydro.Warning{w})
	equal(t, collect(t, s.Forecasts(t.Context(), basin, noon, noon.Add(time.Hour))), []hydro.Forecast{f})
}

// testRedeliveryOfASuffix delivers every suffix of a log that has revisions and
// changed verdicts once more; after each the store equals the undisturbed one.
func testRedeliveryOfASuffix(t *testing.T, s store.Store) {
	spike := level("a", 1, 9)
	judged := spike
	judged.Quality, judged.Tests, judged.Why = hydro.Suspect, hydro.TestSpike, "9 between 1 and 2"
	log := []hydro.Observation{
		level("a", 0, 1), spike, level("a", 2, 2), judged,
		revise(level("a", 0, 1), 1, 1.1), revise(spike, 1, 1.6), revise(level("a", 0, 1), 2, 1.2), level("a", 3, 2.5),
	}
	want := []hydro.Observation{log[6], log[5], log[2], log[7]}
	for _, o := range log {
		write(t, s, o)
	}
	equal(t, history(t, s, key("a")), want)
	for from := range log {
		for _, o := range log[from:] {
			write(t, s, o)
		}
		equal(t, history(t, s, key("a")), want)
	}
	write(t, s, log...)
	equal(t, history(t, s, key("a")), want)
}

func testHigherRevisionWins(t *testing.T, s store.Store) {
	for _, revisions := range [][]uint32{{0, 1}, {1, 0}, {0, 2, 1}, {2, 1, 0}, {1, 2, 0, 1}, {0, math.MaxUint16, 3}} {
		station := fmt.Sprint("revisions ", revisions)
		first := level(station, 0, 10)
		var highest uint32
		for _, r := range revisions {
			write(t, s, revise(first, r, 10+float64(r)))
			highest = max(highest, r)
		}
		equal(t, history(t, s, key(station)), []hydro.Observation{revise(first, highest, 10+float64(highest))})
	}
}

func testHigherRevisionWinsWithinABatch(t *testing.T, s store.Store) {
	first := level("a", 0, 1)
	write(t, s, revise(first, 2, 3), first, revise(first, 1, 2), level("a", 1, 9))
	equal(t, history(t, s, key("a")), []hydro.Observation{revise(first, 2, 3), level("a", 1, 9)})
}

func testSameRevision(t *testing.T, s store.Store) {
	for _, revision := range []uint32{0, 3} {
		station := fmt.Sprint("revision ", revision)
		first := revise(level(station, 0, 10), revision, 10)
		second := first
		second.Quality, second.Tests, second.Why = hydro.Fail, second.Tests|hydro.TestSpike, "left and came back"
		write(t, s, first)
		write(t, s, second)
		equal(t, history(t, s, key(station)), []hydro.Observation{second})
		third := second
		third.Quality, third.Why = hydro.Suspect, "another look"
		write(t, s, first, second, third)
		equal(t, history(t, s, key(station)), []hydro.Observation{third})
	}
}

func testReplacementIsWhole(t *testing.T, s store.Store) {
	full := level("a", 0, 10)
	full.Raw, full.Why, full.Quality, full.Tests, full.Interval = 9, "converted", hydro.Suspect, hydro.TestStep, time.Hour
	full.Ran, full.Failed = hydro.TestRange|hydro.TestStep|hydro.NoteRainLevel, hydro.TestStep
	bare := full
	bare.Raw, bare.Value, bare.Why, bare.Quality, bare.Tests, bare.Interval, bare.Datum, bare.ReceivedAt = 0, 0, "", 0, 0, 0, "", time.Time{}
	bare.Ran, bare.Failed = 0, 0
	write(t, s, full)
	write(t, s, bare)
	equal(t, history(t, s, key("a")), []hydro.Observation{bare})
	write(t, s, full)
	equal(t, history(t, s, key("a")), []hydro.Observation{full})
}

func testManyRevisions(t *testing.T, s store.Store) {
	var log []hydro.Observation
	for r := range uint32(200) {
		log = append(log, revise(level("a", 0, 1), r, float64(r)))
	}
	next := level("a", 1, 7)
	next.At = noon.Add(time.Millisecond) // the revisions of an instant stay within it
	write(t, s, append(log, next)...)
	write(t, s, log[100:150]...)
	equal(t, history(t, s, key("a")), []hydro.Observation{log[199], next})
	equal(t, collect(t, s.Observations(t.Context(), key("a"), noon.Add(time.Millisecond), noon.Add(time.Hour))), []hydro.Observation{next})
	equal(t, collect(t, s.Observations(t.Context(), key("a"), noon, noon.Add(time.Millisecond))), []hydro.Observation{log[199]})
}

func testNaN(t *testing.T, s store.Store) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		value, raw := level("a", 1, 1), level("a", 1, 1)
		value.Value, raw.Raw = v, v
		for _, bad := range []hydro.Observation{value, raw} {
			invalid(t, fmt.Sprint(v), s.WriteObservations(t.Context(), basin, []hydro.Observation{level("a", 0, 1), bad, level("a", 2, 1)}))
			equal(t, history(t, s, key("a")), nil)
		}
	}
	write(t, s, level("a", 0, 1)) // the store is none the worse for it
	equal(t, history(t, s, key("a")), []hydro.Observation{level("a", 0, 1)})
}

func testRefusals(t *testing.T, s store.Store) {
	for what, mar := range map[string]func(*hydro.Observation){
		"no station":        func(o *hydro.Observation) { o.Station = "" },
		"long station":      func(o *hydro.Observation) { o.Station = string(make([]byte, store.MaxName+1)) },
		"newline in name":   func(o *hydro.Observation) { o.Station = "a\nb" },
		"backslash in name": func(o *hydro.Observation) { o.Station = `a\` },
		"name not UTF-8":    func(o *hydro.Observation) { o.Station = "a\xff" },
		"no variable":       func(o *hydro.Observation) { o.Variable = 0 },
		"unknown variable":  func(o *hydro.Observation) { o.Variable = 200 },
		"no instant":        func(o *hydro.Observation) { o.At = time.Time{} },
		"too early":         func(o *hydro.Observation) { o.At = store.Earliest.Add(-time.Second) },
		"too late":          func(o *hydro.Observation) { o.At = store.Latest.Add(time.Second) },
		"received too late": func(o *hydro.Observation) { o.ReceivedAt = store.Latest.Add(time.Second) },
		"unknown quality":   func(o *hydro.Observation) { o.Quality = 9 },
		"unknown test":      func(o *hydro.Observation) { o.Tests = 1 << 30 },
		"negative interval": func(o *hydro.Observation) { o.Interval = -1 },
		"why not UTF-8":     func(o *hydro.Observation) { o.Why = "\xff" },
		"why too long":      func(o *hydro.Observation) { o.Why = string(make([]byte, store.MaxText+1)) },
		"NUL in datum":      func(o *hydro.Observation) { o.Datum = "\x00" },
	} {
		bad := level("a", 1, 1)
		mar(&bad)
		invalid(t, what, s.WriteObservations(t.Context(), basin, []hydro.Observation{level("a", 0, 1), bad}))
	}
	invalid(t, "no basin", s.WriteObservations(t.Context(), "", []hydro.Observation{level("a", 0, 1)}))
	equal(t, history(t, s, key("a")), nil)
}
