// Package storetest is the conformance suite of the store contract: a store is
// done when [Run] passes with it. Each clause of the contract is one named case
// with a fresh store.
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
