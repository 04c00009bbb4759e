package engine_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast"
	"freshet/ingest/accumulation"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

var start = time.Date(2026, 6, 8, 0, 0, 0, 0, time.UTC)

const step = 5 * time.Minute

// asText compares hydrographs as text, where one NaN equals another: the search
// for the least difference between two of them takes minutes.
var asText = cmp.Transformer("text", func(f []float64) string { return fmt.Sprint(f) })

func load(tb testing.TB) (*catalog.Catalog, string) {
	tb.Helper()
	c, err := catalog.LoadDir("../../deploy/catalog/tanjiang")
	if err != nil {
		tb.Fatal(err)
	}
	return c, c.Basins[0].ID
}

// loadGated is load with outlets at one reservoir, so that drawn plans order gates
// too, with forecast legs on rain, and with sub-basins that take several sources of it.
func loadGated(tb testing.TB) (*catalog.Catalog, string) {
	tb.Helper()
	c, _ := load(tb)
	const curve, crest = "[38.6, 200], [42, 258]]\n", ", [44, 294]]\n        outlets: [{name: gates, kind: gate, sill: 28, width: 30, height: 6, coefficient: 0.6}, {name: power, kind: turbines, min_level: 24, capacity: 20}]\n"
	files, found := slices.Clone(c.Files()), 0
	for i, f := range files {
		found += bytes.Count(f.Data, []byte(curve))
		files[i].Data = bytes.ReplaceAll(f.Data, []byte(curve), []byte("[38.6, 200], [42, 258]"+crest))
		files[i].Data = forecastRain(files[i].Data)
		files[i].Data = bytes.ReplaceAll(files[i].Data, []byte("    settings:\n"), []byte("    settings:\n      rain_sources: [by sub-basin, grid]\n"))
	}
	gated, problems := catalog.Load(files)
	if found != 1 || len(problems) > 0 {
		tb.Fatalf("%d reservoirs given outlets, problems %v", found, problems)
	}
	return gated, gated.Basins[0].ID
}

// forecastRain gives all tables of a catalogue's file that hang on rain a forecast leg.
func forecastRain(file []byte) []byte {
	return bytes.ReplaceAll(file, []byte("red: 80, legs: [observed]}"), []byte("red: 80, legs: [observed, forecast]}"))
}

func measures(s catalog.Station, v hydro.Variable) bool {
	_, ok := s.Parameter(v, 0)
	return ok
}

// begin returns an engine whose only input was the catalogue. Tests fork it,
// because reading a catalogue takes longer than all that they do with it.
func begin(tb testing.TB, c *catalog.Catalog, basin string) *engine.Engine {
	tb.Helper()
	e := engine.New(basin)
	outs, err := e.Apply(hydro.Input{Seq: 1, Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: start}})
	if err != nil || len(outs) != 1 || outs[0].Audit == nil || outs[0].Audit.Kind != "catalogue" {
		tb.Fatalf("the catalogue was not put in force: %v, %v", outs, err)
	}
	return e
}

// A history draws inputs as a network of gauges would send them: values that
// wander, gaps, spikes, late and repeated readings, rain counters that reset,
// refusals and a tick after each step. Batches holds, per step, what came
// between two ticks.
// Ahead is, beside them, the rain forecasts and plans that came in a step.
type history struct {
	basin   string
	batches [][]hydro.Batch
	ahead   [][]hydro.Input
	ticks   []time.Time
}

func drawHistory(t *rapid.T, c *catalog.Catalog, basin string) history {
	h := history{basin: basin}
	steps := rapid.IntRange(3, 12).Draw(t, "steps")
	seed := rapid.Uint64().Draw(t, "seed")
	next := func() float64 { // in [0, 1); rapid shrinks the seed, which is enough
		seed = seed*6364136223846793005 + 1442695040888963407
		return float64(seed>>11) / (1 << 53)
	}
	level := map[hydro.Key]float64{}
	var sent []hydro.Reading
	for i := range steps {
		at := start.Add(time.Duration(i) * step)
		batch := hydro.Batch{Basin: basin, ReceivedAt: at}
		for _, s := range c.Stations {
			if s.Basin != basin || next() < 0.1 {
				continue
			}
			for _, p := range s.Parameters {
				k := hydro.Key{Station: s.ID, Variable: p.Variable, Sensor: p.Sensor}
				r := hydro.Reading{Key: k, At: at}
				switch p.Variable {
				case hydro.Rain:
					r.Interval, r.Value = p.Interval, math.Floor(next()*next()*80)/10
				case hydro.RainCounter:
					if level[k] += math.Floor(next() * 5); next() < 0.02 {
						level[k] = 0
					}
					r.Value = level[k]
				case hydro.WaterLevel:
					base := 2.0
					if p.Limits.HasRange {
						base = (p.Limits.Low + p.Limits.High) / 2
					}
					level[k] += (next() - 0.4) / 4
					r.Value, r.Datum = base+level[k], s.Datum.Name
				default:
					level[k] += (next() - 0.4) * 20
					r.Value = math.Abs(100 + level[k])
				}
				if next() < 0.01 {
					r.Value += 5
				}
				r.Raw = r.Value
				late := next()
				if late < 0.03 && i > 3 {
					r.At = r.At.Add(-time.Duration(1+int(next()*3)) * step)
				}
				batch.Readings = append(batch.Readings, r)
				sent = append(sent, r)
			}
			if next() < 0.01 {
				batch.Refusals = append(batch.Refusals, hydro.Refusal{Station: s.ID, Reason: hydro.DatumMismatch, Detail: "other datum", Count: 1, LastAt: at})
			}
		}
		if len(sent) > 0 && next() < 0.5 { // a gateway repeats something
			batch.Readings = append(batch.Readings, sent[int(next()*float64(len(sent)))])
		}
		// Three gateways: each sends its own stations.
		parts := make([]hydro.Batch, 3)
		for g := range parts {
			parts[g] = hydro.Batch{Basin: basin, ReceivedAt: at}
		}
		for _, r := range batch.Readings {
			g := c.StationIndex(r.Station) % 3
			parts[g].Readings = append(parts[g].Readings, r)
		}
		for _, r := range batch.Refusals {
			g := c.StationIndex(r.Station) % 3
			parts[g].Refusals = append(parts[g].Refusals, r)
		}
		h.batches = append(h.batches, parts)
		h.ahead = append(h.ahead, drawAhead(c, basin, at, next))
		if i > 0 && next() < 0.5 {
			h.ahead[i] = append(h.ahead[i], drawWithdrawal(h.ahead[i-1], at)...)
		}
		h.ticks = append(h.ticks, at)
	}
	return h
}

// drawAhead draws what is announced in one step: forecasts of two sources, issued
// in any order and some long ago, a plan of each reservoir, and tides. What is issued at
// one time is always the same.
func drawAhead(c *catalog.Catalog, basin string, at time.Time, next func() float64) []hydro.Input {
	b, _ := c.Basin(basin)
	var ins []hydro.Input
	for _, source := range []string{"grid", "by sub-basin"} {
		if next() < 0.6 {
			continue
		}
		issued := at.Add(-time.Duration(next()*20) * step)
		f := &hydro.RainForecast{
			Basin: basin, Source: source, IssuedAt: issued, From: issued, Step: time.Hour, ReceivedAt: at,
			ValidUntil: issued.Add(time.Duration(1+issued.Minute()) * step),
		}
		mm := []float64{float64(issued.Minute()) / 6, 3, float64(issued.Minute() % 7), 0, 1}
		if source == "grid" {
			f.Areas = []hydro.RainArea{{Cell: hydro.Cell{West: 112, South: 21.8, East: 112.4, North: 22.6}, Rain: mm}}
			if issued.Minute()%10 == 0 {
				f.Areas = []hydro.RainArea{{Rings: []hydro.Ring{{{112, 21.8}, {112.4, 21.8}, {112.2, 22.7}, {112, 21.8}}}, Rain: mm}}
			}
		} else {
			f.Areas = []hydro.RainArea{{SubBasin: b.SubBasins[0].ID, Members: [][]float64{mm, {1, 1, 1, 1, 1}}}}
		}
		ins = append(ins, hydro.Input{RainForecast: f})
	}
	for _, r := range b.Reservoirs {
		if next() < 0.6 {
			continue
		}
		issued := at.Add(-time.Duration(next()*20) * step)
		ins = append(ins, hydro.Input{DispatchPlan: &hydro.DispatchPlan{
			Basin: basin, Reservoir: r.ID, OrderedBy: "somebody", IssuedAt: issued, ValidFrom: issued, ReceivedAt: at,
			ValidUntil: issued.Add(time.Duration(1+issued.Minute()) * step),
			Releases:   []hydro.Release{{From: issued, Outflow: 50}, {From: issued.Add(step), Outflow: 50 + 10*float64(issued.Minute())}},
		}})
		if k := slices.IndexFunc(r.Outlets, func(o catalog.Outlet) bool { _, _, ok := o.Opening(); return ok }); k >= 0 && issued.Minute()%2 == 0 {
			p := ins[len(ins)-1].DispatchPlan
			p.Releases, p.Gates = nil, []hydro.GateSetting{{From: issued, Outlet: r.Outlets[k].Name, Opening: float64(issued.Minute()) / 60}}
		}
	}
	for i := range c.Stations {
		s := &c.Stations[i]
		if s.Kind != catalog.TideStation || s.Basin != basin || next() < 0.6 {
			continue
		}
		issued := at.Add(-time.Duration(next()*20) * step)
		ins = append(ins, hydro.Input{Tide: &hydro.Tide{
			Basin: basin, Station: s.ID, Source: []string{"table", "surge model"}[issued.Minute()/5%2], IssuedAt: issued, ReceivedAt: at, Datum: s.Datum.Name,
			ValidUntil: issued.Add(time.Duration(1+issued.Minute()) * step),
			Turns:      []hydro.TideTurn{{At: issued, Level: 1}, {At: issued.Add(6 * time.Hour), Level: -float64(issued.Minute()) / 60}, {At: issued.Add(12 * time.Hour), Level: 1}},
		}})
	}
	return ins
}

// drawWithdrawal takes back what was announced in the step before, once.
func drawWithdrawal(before []hydro.Input, at time.Time) []hydro.Input {
	for _, in := range before {
		switch {
		case in.DispatchPlan != nil:
			p := in.DispatchPlan
			return []hydro.Input{{Withdrawal: &hydro.Withdrawal{Basin: p.Basin, Reservoir: p.Reservoir, IssuedAt: p.IssuedAt, By: "somebody", At: at, Reason: "drawn", ReceivedAt: at}}}
		case in.Tide != nil:
			v := in.Tide
			return []hydro.Input{{Withdrawal: &hydro.Withdrawal{Basin: v.Basin, Station: v.Station, Source: v.Source, IssuedAt: v.IssuedAt, By: "somebody", At: at, Reason: "drawn", ReceivedAt: at}}}
		case in.RainForecast != nil:
			f := in.RainForecast
			return []hydro.Input{{Withdrawal: &hydro.Withdrawal{Basin: f.Basin, Source: f.Source, IssuedAt: f.IssuedAt, By: "somebody", At: at, Reason: "drawn", ReceivedAt: at}}}
		}
	}
	return nil
}

// inputs returns the history in log order, behind the catalogue. order permutes
// what comes within a step: three gateways' batches, then what is announced.
func (h history) inputs(order func([]hydro.Input) []hydro.Input) []hydro.Input {
	var ins []hydro.Input
	for i, bs := range h.batches {
		var step []hydro.Input
		for _, b := range bs {
			step = append(step, hydro.Input{Batch: &b})
		}
		ins = append(ins, order(append(step, h.ahead[i]...))...)
		ins = append(ins, hydro.Input{Tick: &hydro.Tick{At: h.ticks[i]}})
	}
	for i := range ins {
		ins[i].Seq = uint64(i + 2)
	}
	return ins
}

func asSent(ins []hydro.Input) []hydro.Input { return ins }

func apply(t fataler, e *engine.Engine, ins []hydro.Input) []hydro.Output {
	var outs []hydro.Output
	for _, in := range ins {
		o, err := e.Apply(in)
		if err != nil {
			t.Fatalf("input %d: %v", in.Seq, err)
		}
		outs = append(outs, o...)
	}
	return outs
}

type fataler interface {
	Fatalf(format string, args ...any)
}

// same compares by stored bytes first: the difference in words costs a hundred
// times as much and is asked for only when there is one.
func same[T any](t fataler, what string, want, got T) {
	var a, b bytes.Buffer
	if gob.NewEncoder(&a).Encode(want) == nil && gob.NewEncoder(&b).Encode(got) == nil && bytes.Equal(a.Bytes(), b.Bytes()) {
		return
	}
	if d := cmp.Diff(want, got, asText); d != "" {
		t.Fatalf("%s (-want +got):\n%.4000s", what, d)
	}
}

// A situation is all that queries can see of an engine, but for its sequence.
type situation struct {
	Latest   [][]engine.Latest
	Rain     [][]accumulation.Sum
	Now      time.Time
	Forecast *hydro.Forecast
	Ahead    forecast.Ahead
	Statuses []hydro.StationStatus
}

func state(e *engine.Engine) situation {
	s := situation{Now: e.Now(), Forecast: e.Forecast(), Ahead: e.Ahead(), Statuses: e.Statuses()}
	if e.Catalog() == nil {
		return s
	}
	for _, st := range e.Catalog().Stations {
		s.Latest = append(s.Latest, e.Latest(st.ID))
		s.Rain = append(s.Rain, e.Accumulations(st.ID))
	}
	return s
}

func TestReplayEqualsOriginal(t *testing.T) {
	c, basin := loadGated(t)
	base := begin(t, c, basin)
	rapid.Check(t, func(t *rapid.T) {
		ins := drawHistory(t, c, basin).inputs(asSent)
		a, b := base.Fork(), base.Fork()
		same(t, "outputs of a replay", apply(t, a, ins), apply(t, b, ins))
		same(t, "state after a replay", state(a), state(b))
	})
}

func TestSnapshotAndRestEqualTheWhole(t *testing.T) {
	c, basin := loadGated(t)
	other, _ := load(t)
	base := begin(t, c, basin)
	rapid.Check(t, func(t *rapid.T) {
		ins := drawHistory(t, c, basin).inputs(asSent)
		cut := rapid.IntRange(0, len(ins)-1).Draw(t, "cut")
		whole := base.Fork()
		apply(t, whole, ins[:cut])
		data, err := whole.Snapshot()
		if err != nil {
			t.Fatalf("%v", err)
		}
		known := rapid.SampledFrom([]*catalog.Catalog{nil, c, other}).Draw(t, "known")
		restored, err := engine.Restore(data, known)
		if err != nil {
			t.Fatalf("%v", err)
		}
		// The log delivers some inputs again after a restart: they yield nothing.
		if outs := apply(t, restored, ins[max(0, cut-3):cut]); len(outs) > 0 {
			t.Fatalf("redelivered inputs gave %d outputs", len(outs))
		}
		same(t, "outputs after a restore", apply(t, whole, ins[cut:]), apply(t, restored, ins[cut:]))
		same(t, "state after a restore", state(whole), state(restored))
	})
}

func TestForkLeavesTheOriginalUntouched(t *testing.T) {
	c, basin := loadGated(t)
	base := begin(t, c, basin)
	rapid.Check(t, func(t *rapid.T) {
		ins := drawHistory(t, c, basin).inputs(asSent)
		other := drawHistory(t, c, basin).inputs(asSent)
		cut := rapid.IntRange(1, len(ins)-1).Draw(t, "cut")
		alone, forked := base.Fork(), base.Fork()
		apply(t, alone, ins[:cut])
		apply(t, forked, ins[:cut])
		before := state(forked)
		f := forked.Fork()
		for i := range other {
			other[i].Seq += uint64(len(ins))
		}
		apply(t, f, other)
		same(t, "original after its fork went on", before, state(forked))
		same(t, "outputs of the original", apply(t, alone, ins[cut:]), apply(t, forked, ins[cut:]))
		same(t, "state of the original", state(alone), state(forked))
	})
}

func decisions(outs []hydro.Output) []hydro.Output {
	return slices.DeleteFunc(slices.Clone(outs), func(o hydro.Output) bool { return o.Forecast == nil && o.Warning == nil })
}

func TestInterleavingOfGatewaysCannotShow(t *testing.T) {
	c, basin := loadGated(t)
	base := begin(t, c, basin)
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, c, basin)
		seed := rapid.Uint64().Draw(t, "order")
		shuffled := func(ins []hydro.Input) []hydro.Input {
			out := slices.Clone(ins)
			rand.New(rand.NewPCG(seed, uint64(len(ins)))).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
			return out
		}
		// Something arrives twice, as after a broken link.
		again := func(ins []hydro.Input) []hydro.Input {
			out := shuffled(ins)
			return append(out, out[seed%uint64(len(out))])
		}
		want := decisions(apply(t, base.Fork(), h.inputs(asSent)))
		same(t, "decisions in another interleaving", want, decisions(apply(t, base.Fork(), h.inputs(shuffled))))
		same(t, "decisions with resends", want, decisions(apply(t, base.Fork(), h.inputs(again))))
	})
}

func TestATickThatIsNotLaterChangesNothing(t *testing.T) {
	c, basin := load(t)
	base := begin(t, c, basin)
	rapid.Check(t, func(t *rapid.T) {
		ins := drawHistory(t, c, basin).inputs(asSent)
		e := base.Fork()
		apply(t, e, ins)
		before := state(e)
		seq := e.Seq()
		outs := apply(t, e, []hydro.Input{
			{Seq: seq + 1, Tick: &hydro.Tick{At: e.Now()}},
			{Seq: seq + 2, Tick: &hydro.Tick{At: e.Now().Add(-time.Hour)}},
		})
		if len(outs) > 0 {
			t.Fatalf("a tick into the past gave %d outputs", len(outs))
		}
		same(t, "state", before, state(e))
	})
}

func TestABadCatalogueIsRecordedAndTheRulesInForceGoOn(t *testing.T) {
	c, basin := load(t)
	e := engine.New(basin)
	apply(t, e, []hydro.Input{{Seq: 1, Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: start}}})
	outs := apply(t, e, []hydro.Input{{Seq: 2, Catalogue: &hydro.CatalogueChange{Version: "sha256:bad", Files: []hydro.File{{Name: "a.yaml", Data: []byte("stations: 3")}}, At: start}}})
	if len(outs) != 1 || outs[0].Audit == nil || outs[0].Audit.Kind != "catalogue_refused" {
		t.Fatalf("outputs: %+v", outs)
	}
	if e.Catalog().Version != c.Version {
		t.Fatalf("catalogue in force: %s", e.Catalog().Version)
	}
}

func TestADamagedSnapshotIsRefused(t *testing.T) {
	c, basin := load(t)
	e := engine.New(basin)
	apply(t, e, []hydro.Input{{Seq: 1, Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: start}}})
	data, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, data[:len(data)/2], []byte("not a snapshot")} {
		if _, err := engine.Restore(bad, nil); err == nil {
			t.Fatalf("%d bytes restored", len(bad))
		}
	}
}

func TestLateRainHealsAndIsRecordedWithBeforeAndAfter(t *testing.T) {
	c, basin := load(t)
	i := slices.IndexFunc(c.Stations, func(s catalog.Station) bool { _, ok := s.Parameter(hydro.Rain, 0); return ok })
	rain := func(minute int, mm float64) hydro.Reading {
		return hydro.Reading{Key: hydro.Key{Station: c.Stations[i].ID, Variable: hydro.Rain}, At: start.Add(time.Duration(minute) * time.Minute), Interval: 5 * time.Minute, Raw: mm, Value: mm}
	}
	e := engine.New(basin)
	batch := func(seq uint64, minute int, rs ...hydro.Reading) hydro.Input {
		return hydro.Input{Seq: seq, Batch: &hydro.Batch{Basin: basin, ReceivedAt: start.Add(time.Duration(minute) * time.Minute), Readings: rs}}
	}
	outs := apply(t, e, []hydro.Input{
		{Seq: 1, Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: start}},
		batch(2, 5, rain(5, 1)),
		batch(3, 15, rain(15, 2)),
		{Seq: 4, Tick: &hydro.Tick{At: start.Add(15 * time.Minute)}},
		batch(5, 60, rain(10, 4)),
	})
	var hour *hydro.Audit
	for _, o := range outs {
		if o.Audit != nil && o.Audit.Kind == "accumulation_healed" && o.Audit.Before == 3 && o.Audit.After == 7 {
			hour = o.Audit
		}
		if o.Audit != nil && o.Audit.Kind == "accumulation_healed" && o.Audit.Before == o.Audit.After {
			t.Errorf("a window that did not change was recorded: %s", o.Audit.Text)
		}
	}
	if hour == nil {
		t.Fatalf("no record of 3 mm becoming 7 mm in %+v", outs)
	}
	for _, s := range e.Accumulations(c.Stations[i].ID) {
		if s.Window == time.Hour && s.Rain != 7 {
			t.Errorf("1 h rain is %g mm, want 7", s.Rain)
		}
	}
}

func TestAReadingBeyondMemoryIsKeptAsSuspectAndUsedForNothing(t *testing.T) {
	c, basin := load(t)
	i := slices.IndexFunc(c.Stations, func(s catalog.Station) bool { return measures(s, hydro.Rain) })
	rain := func(at time.Time, mm float64) hydro.Reading {
		return hydro.Reading{Key: hydro.Key{Station: c.Stations[i].ID, Variable: hydro.Rain}, At: at, Interval: 5 * time.Minute, Raw: mm, Value: mm}
	}
	e := engine.New(basin)
	now := start.Add(30 * 24 * time.Hour)
	outs := apply(t, e, []hydro.Input{
		{Seq: 1, Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: start}},
		{Seq: 2, Tick: &hydro.Tick{At: now}},
		{Seq: 3, Batch: &hydro.Batch{Basin: basin, ReceivedAt: now, Readings: []hydro.Reading{rain(start, 2), rain(start.Add(step), 999)}}},
	})
	last := outs[len(outs)-1].Observations
	if len(last) != 2 || last[0].Quality != hydro.Suspect || last[1].Quality != hydro.Fail || last[0].Tests&hydro.TestLate == 0 || last[0].Why == "" {
		t.Errorf("observations: %+v", last)
	}
	if h := e.History(hydro.Key{Station: c.Stations[i].ID, Variable: hydro.Rain}); h != nil && len(h.Samples) > 0 {
		t.Errorf("it is remembered: %+v", h.Samples)
	}
}

// A counter's station declares rain beside the counter: the limits of the rain
// that follows from it.
func TestACounterGivesRainThatAccumulates(t *testing.T) {
	c, basin := load(t)
	i := slices.IndexFunc(c.Stations, func(s catalog.Station) bool { return measures(s, hydro.RainCounter) })
	id := c.Stations[i].ID
	e := begin(t, c, basin)
	var ins []hydro.Input
	for k, v := range []float64{100, 101.5, 104, 0.5, 2} { // the fourth is a reset: how much fell meanwhile is not known
		at := start.Add(time.Duration(k) * step)
		ins = append(ins, hydro.Input{Seq: uint64(k + 2), Batch: &hydro.Batch{Basin: basin, ReceivedAt: at, Readings: []hydro.Reading{
			{Key: hydro.Key{Station: id, Variable: hydro.RainCounter}, At: at, Raw: v, Value: v},
		}}})
	}
	ins = append(ins, hydro.Input{Seq: 7, Tick: &hydro.Tick{At: start.Add(4 * step)}})
	apply(t, e, ins)
	for _, s := range e.Accumulations(id) {
		if s.Window == time.Hour && (s.Rain != 5.5 || math.Abs(s.Coverage-0.25) > 1e-9) {
			t.Errorf("1 h rain is %g mm over %.2f of the window, want 1.5 + 2.5 + 1.5 = 5.5 over a quarter", s.Rain, s.Coverage)
		}
	}
	if len(e.Accumulations(id)) == 0 {
		t.Error("no accumulations")
	}
}

// A resend would otherwise put what came first back over what came last.
func TestRainBesideItsCounterIsRefusedAndChangesNothing(t *testing.T) {
	c, basin := load(t)
	i := slices.IndexFunc(c.Stations, func(s catalog.Station) bool { return measures(s, hydro.RainCounter) })
	id := c.Stations[i].ID
	counter := func(k int, v float64) hydro.Reading {
		return hydro.Reading{Key: hydro.Key{Station: id, Variable: hydro.RainCounter}, At: start.Add(time.Duration(k) * step), Raw: v, Value: v}
	}
	rain := hydro.Reading{Key: hydro.Key{Station: id, Variable: hydro.Rain}, At: start.Add(step), Interval: step, Raw: 9, Value: 9}
	batch := func(rs ...hydro.Reading) *hydro.Batch {
		return &hydro.Batch{Basin: basin, ReceivedAt: start.Add(step), Readings: rs}
	}
	tick := hydro.Input{Seq: 9, Tick: &hydro.Tick{At: start.Add(step)}}
	alone, beside := begin(t, c, basin), begin(t, c, basin)
	apply(t, alone, []hydro.Input{{Seq: 2, Batch: batch(counter(0, 100), counter(1, 101.5))}, tick})
	outs := apply(t, beside, []hydro.Input{{Seq: 2, Batch: batch(rain, counter(0, 100), counter(1, 101.5))}, {Seq: 3, Batch: batch(rain)}, tick})
	same(t, "state", state(alone), state(beside))
	refused := 0
	for _, o := range outs {
		if o.Audit != nil && o.Audit.Kind == "refused" && o.Audit.Station == id {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d refusals on record, want one for each time that it came", refused)
	}
}
