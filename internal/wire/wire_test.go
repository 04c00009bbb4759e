package wire_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

var equal = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty()}

// Generators of domain values, as the log can hold them.

func text() *rapid.Generator[string] { return rapid.StringN(0, 12, -1) }

func ids() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"GD-PP-001", "GD-ZQ-014", "GD-RR-002", "站", "x"})
}

// millis draws an instant of whole milliseconds, never the zero time or 1970.
func millis() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		ms := rapid.Int64Range(-62135596799999, 253402300799999).Draw(t, "ms")
		if ms == 0 {
			ms = 1
		}
		return time.UnixMilli(ms).UTC()
	})
}

// instant draws an instant of whole nanoseconds, never the zero time.
func instant() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return millis().Draw(t, "at").Add(time.Duration(rapid.IntRange(0, 999999).Draw(t, "ns")))
	})
}

func maybe(g *rapid.Generator[time.Time]) *rapid.Generator[time.Time] {
	return rapid.OneOf(rapid.Just(time.Time{}), g)
}

func finite() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1.23, math.SmallestNonzeroFloat64}))
}

func number() *rapid.Generator[float64] {
	return rapid.OneOf(finite(), rapid.Just(math.NaN()), rapid.Just(math.Inf(1)))
}

func reading(at *rapid.Generator[time.Time], unit time.Duration, again bool) *rapid.Generator[hydro.Reading] {
	return rapid.Custom(func(t *rapid.T) hydro.Reading {
		r := hydro.Reading{
			Key: hydro.Key{
				Station:  ids().Draw(t, "station"),
				Variable: rapid.SampledFrom(hydro.Variables).Draw(t, "variable"),
				Sensor:   rapid.SampledFrom([]uint8{0, 0, 1, 255}).Draw(t, "sensor"),
			},
			At:    at.Draw(t, "at"),
			Value: finite().Draw(t, "value"),
			Datum: rapid.SampledFrom([]hydro.Datum{hydro.NoDatum, hydro.PearlRiver, "NAVD88"}).Draw(t, "datum"),
			Notes: rapid.SampledFrom([]hydro.Tests{0, hydro.NoteTrace, hydro.NoteDatumConverted}).Draw(t, "notes"),
		}
		r.Raw = r.Value
		if again {
			r.Again = rapid.Bool().Draw(t, "again")
		}
		if rapid.Bool().Draw(t, "converted") {
			r.Raw = finite().Draw(t, "raw")
		}
		if r.Variable.Amount() || rapid.Bool().Draw(t, "interval") {
			r.Interval = unit * time.Duration(rapid.Int64Range(1, 4_000_000).Draw(t, "length"))
		}
		return r
	})
}

func observation(at *rapid.Generator[time.Time], unit time.Duration) *rapid.Generator[hydro.Observation] {
	return rapid.Custom(func(t *rapid.T) hydro.Observation {
		o := hydro.Observation{
			Reading:    reading(at, unit, false).Draw(t, "reading"),
			Quality:    rapid.SampledFrom([]hydro.Quality{hydro.NotEvaluated, hydro.Pass, hydro.Suspect, hydro.Fail}).Draw(t, "quality"),
			Why:        text().Draw(t, "why"),
			Revision:   rapid.Uint32().Draw(t, "revision"),
			ReceivedAt: at.Draw(t, "received"),
		}
		o.Tests = hydro.Tests(rapid.Uint32Range(0, uint32(hydro.AllTests)).Draw(t, "tests")) &^ (hydro.NoteTrace | hydro.NoteDatumConverted)
		o.Tests |= o.Notes
		o.Ran = hydro.Tests(rapid.Uint32Range(0, uint32(hydro.AllTests)).Draw(t, "ran"))
		o.Failed = rapid.SampledFrom([]hydro.Tests{0, o.Tests, hydro.TestRange}).Draw(t, "failed")
		return o
	})
}

func refusal() *rapid.Generator[hydro.Refusal] {
	return rapid.Custom(func(t *rapid.T) hydro.Refusal {
		return hydro.Refusal{
			Station:  ids().Draw(t, "station"),
			Variable: rapid.SampledFrom(append([]hydro.Variable{0}, hydro.Variables...)).Draw(t, "variable"),
			Reason:   rapid.SampledFrom(hydro.RefusalReasons()).Draw(t, "reason"),
			Detail:   text().Draw(t, "detail"),
			Count:    rapid.IntRange(0, math.MaxInt32).Draw(t, "count"),
			LastAt:   maybe(millis()).Draw(t, "last"),
		}
	})
}

func depths(steps int) *rapid.Generator[[]float64] {
	return rapid.SliceOfN(rapid.Float64Range(0, hydro.MaxRainDepth), steps, steps)
}

// rainForecast draws one that passes its Check; ReceivedAt is zero.
func rainForecast() *rapid.Generator[hydro.RainForecast] {
	return rapid.Custom(func(t *rapid.T) hydro.RainForecast {
		f := hydro.RainForecast{
			Basin: name().Draw(t, "basin"), Source: name().Draw(t, "source"), IssuedAt: instant().Draw(t, "issued"), From: instant().Draw(t, "from"),
			Step: time.Duration(rapid.IntRange(60, 86400).Draw(t, "step")) * time.Second,
		}
		if f.IssuedAt.Year() > 9990 {
			f.IssuedAt = f.IssuedAt.AddDate(-10, 0, 0)
		}
		f.ValidUntil = f.IssuedAt.Add(time.Duration(rapid.Int64Range(1, 1e16).Draw(t, "valid")))
		steps, members := rapid.IntRange(1, 6).Draw(t, "steps"), rapid.IntRange(0, 3).Draw(t, "members")
		control, cells := members == 0 || rapid.Bool().Draw(t, "control"), rapid.Bool().Draw(t, "cells")
		for range rapid.IntRange(1, 4).Draw(t, "areas") {
			var a hydro.RainArea
			if cells {
				a.Cell.West, a.Cell.South = rapid.Float64Range(-180, 179).Draw(t, "west"), rapid.Float64Range(-90, 89).Draw(t, "south")
				a.Cell.East, a.Cell.North = a.Cell.West+1, a.Cell.South+1
			} else {
				a.SubBasin = name().Draw(t, "sub-basin")
			}
			if control {
				a.Rain = depths(steps).Draw(t, "rain")
			}
			for range members {
				a.Members = append(a.Members, depths(steps).Draw(t, "member"))
			}
			f.Areas = append(f.Areas, a)
		}
		return f
	})
}

// dispatchPlan draws one that passes its Check; ReceivedAt is zero.
func dispatchPlan() *rapid.Generator[hydro.DispatchPlan] {
	return rapid.Custom(func(t *rapid.T) hydro.DispatchPlan {
		from := time.Unix(rapid.Int64Range(-1e10, 1e11).Draw(t, "from"), 1)
		p := hydro.DispatchPlan{
			Basin: name().Draw(t, "basin"), Reservoir: name().Draw(t, "reservoir"), OrderedBy: name().Draw(t, "by"),
			IssuedAt: instant().Draw(t, "issued"), ValidFrom: from.UTC(), ValidUntil: from.Add(hydro.MaxPlanSpan).UTC(),
		}
		if rapid.Bool().Draw(t, "by gates") {
			for at := range rapid.IntRange(1, 5).Draw(t, "settings") {
				p.Gates = append(p.Gates, hydro.GateSetting{
					From: p.ValidFrom.Add(time.Duration(at) * time.Hour), Outlet: "gate", Opening: rapid.Float64Range(0, hydro.MaxOpening).Draw(t, "opening"),
				})
			}
			return p
		}
		for at := range rapid.IntRange(1, 5).Draw(t, "releases") {
			p.Releases = append(p.Releases, hydro.Release{
				From: p.ValidFrom.Add(time.Duration(at) * time.Hour), Outflow: rapid.Float64Range(0, hydro.MaxRelease).Draw(t, "outflow"),
			})
		}
		return p
	})
}

// withdrawal draws one that passes its Check; ReceivedAt is zero.
func withdrawal() *rapid.Generator[hydro.Withdrawal] {
	return rapid.Custom(func(t *rapid.T) hydro.Withdrawal {
		issued := time.Unix(rapid.Int64Range(-1e10, 1e11).Draw(t, "issued"), 1).UTC()
		w := hydro.Withdrawal{
			Basin: name().Draw(t, "basin"), By: name().Draw(t, "by"), Reason: name().Draw(t, "reason"),
			IssuedAt: issued, At: issued.Add(time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "after"))),
		}
		if rapid.Bool().Draw(t, "plan") {
			w.Reservoir = name().Draw(t, "reservoir")
		} else {
			w.Source = name().Draw(t, "source")
		}
		return w
	})
}

func input() *rapid.Generator[hydro.Input] {
	return rapid.Custom(func(t *rapid.T) hydro.Input {
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 6:
			c := command().Draw(t, "command")
			return hydro.Input{Command: &c}
		case 5:
			w := withdrawal().Draw(t, "withdrawal")
			w.ReceivedAt = millis().Draw(t, "received")
			return hydro.Input{Withdrawal: &w}
		case 3:
			f := rainForecast().Draw(t, "rain")
			f.ReceivedAt = millis().Draw(t, "received")
			return hydro.Input{RainForecast: &f}
		case 4:
			p := dispatchPlan().Draw(t, "plan")
			p.ReceivedAt = millis().Draw(t, "received")
			return hydro.Input{DispatchPlan: &p}
		case 0:
			return hydro.Input{Tick: &hydro.Tick{At: millis().Draw(t, "at"), Settle: time.Duration(rapid.IntRange(0, 3_600_000).Draw(t, "settle")) * time.Millisecond}}
		case 1:
			return hydro.Input{Catalogue: &hydro.CatalogueChange{
				Version: text().Draw(t, "version"),
				At:      millis().Draw(t, "at"),
				Files: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) hydro.File {
					return hydro.File{Name: text().Draw(t, "name"), Data: rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "data")}
				}), 0, 3).Draw(t, "files"),
			}}
		}
		return hydro.Input{Batch: &hydro.Batch{
			Basin:      ids().Draw(t, "basin"),
			ReceivedAt: millis().Draw(t, "received"),
			Readings:   rapid.SliceOfN(reading(millis(), time.Millisecond, true), 0, 8).Draw(t, "readings"),
			Refusals:   rapid.SliceOfN(refusal(), 0, 3).Draw(t, "refusals"),
		}}
	})
}

func stage() *rapid.Generator[hydro.Stage] { return rapid.SampledFrom(hydro.Stages) }

func leg() *rapid.Generator[hydro.Leg] {
	return rapid.Custom(func(t *rapid.T) hydro.Leg {
		return hydro.Leg{
			Stage:     stage().Draw(t, "stage"),
			Variable:  rapid.SampledFrom(append([]hydro.Variable{0}, hydro.Variables...)).Draw(t, "variable"),
			Window:    time.Duration(rapid.Uint32().Draw(t, "window")) * time.Second,
			Value:     number().Draw(t, "value"),
			Threshold: number().Draw(t, "threshold"),
			Datum:     hydro.Datum(text().Draw(t, "datum")),
			At:        maybe(instant()).Draw(t, "at"),
			PeakValue: number().Draw(t, "peak"),
			PeakAt:    maybe(instant()).Draw(t, "peak_at"),
			Basis:     rapid.SampledFrom(hydro.Bases()).Draw(t, "measure"),
			Limit:     number().Draw(t, "limit"),
		}
	})
}

func name() *rapid.Generator[string] { return rapid.StringN(1, 12, -1) }

func warning() *rapid.Generator[hydro.Warning] {
	return rapid.Custom(func(t *rapid.T) hydro.Warning {
		return hydro.Warning{
			ID: name().Draw(t, "id"), Basin: name().Draw(t, "basin"), Station: name().Draw(t, "station"),
			At: instant().Draw(t, "at"), From: stage().Draw(t, "from"), To: stage().Draw(t, "to"),
			Observed: leg().Draw(t, "observed"), Forecast: leg().Draw(t, "forecast"),
			ReasonZH: text().Draw(t, "zh"), ReasonEN: text().Draw(t, "en"), Cause: text().Draw(t, "cause"),
			Catalogue: text().Draw(t, "catalogue"), ForecastIssuedAt: maybe(instant()).Draw(t, "issued"),
			Illustrative: rapid.Bool().Draw(t, "illustrative"), Group: text().Draw(t, "group"), Escalated: rapid.Bool().Draw(t, "escalated"),
		}
	})
}

func stationForecast() *rapid.Generator[hydro.StationForecast] {
	return rapid.Custom(func(t *rapid.T) hydro.StationForecast {
		n := rapid.IntRange(0, 5).Draw(t, "n")
		return hydro.StationForecast{
			Station: text().Draw(t, "station"), Datum: hydro.Datum(text().Draw(t, "datum")),
			Discharge:    rapid.SliceOfN(number(), n, n).Draw(t, "discharge"),
			Level:        rapid.SliceOfN(number(), n, n).Draw(t, "level"),
			NowDischarge: number().Draw(t, "now_q"), NowLevel: number().Draw(t, "now_z"),
			Peak: hydro.Peak{
				At: maybe(instant()).Draw(t, "peak_at"), Discharge: number().Draw(t, "peak_q"),
				Level: number().Draw(t, "peak_z"), AtEnd: rapid.Bool().Draw(t, "at_end"),
			},
			Crossings: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) hydro.Crossing {
				return hydro.Crossing{
					Stage: stage().Draw(t, "stage"), Variable: rapid.SampledFrom(hydro.Variables).Draw(t, "variable"),
					Threshold: number().Draw(t, "threshold"), At: maybe(instant()).Draw(t, "at"), Chance: chance().Draw(t, "chance"),
				}
			}), 0, 3).Draw(t, "crossings"),
			Updated: rapid.Bool().Draw(t, "updated"), Extrapolated: rapid.Bool().Draw(t, "extrapolated"),
		}
	})
}

// chance draws one, or none.
func chance() *rapid.Generator[hydro.Chance] {
	return rapid.Custom(func(t *rapid.T) hydro.Chance {
		if rapid.Bool().Draw(t, "none") {
			return hydro.Chance{}
		}
		return hydro.Chance{
			Until: instant().Draw(t, "until"), Probability: rapid.Float64Range(0, 1).Draw(t, "probability"),
			Early: maybe(instant()).Draw(t, "early"), Middle: maybe(instant()).Draw(t, "middle"), Late: maybe(instant()).Draw(t, "late"),
		}
	})
}

// bandStep draws quantiles; the levels of some are not known.
func bandStep() *rapid.Generator[hydro.BandStep] {
	return rapid.Custom(func(t *rapid.T) hydro.BandStep {
		b := hydro.BandStep{Errors: rapid.IntRange(0, math.MaxUint32).Draw(t, "errors")}
		known := rapid.Bool().Draw(t, "levels")
		for i := range b.Discharge {
			b.Discharge[i], b.Level[i] = rapid.Float64().Draw(t, "q"), math.NaN()
			if known {
				b.Level[i] = rapid.Float64().Draw(t, "z")
			}
		}
		return b
	})
}

func forecast() *rapid.Generator[hydro.Forecast] {
	return rapid.Custom(func(t *rapid.T) hydro.Forecast {
		f := bare().Draw(t, "bare")
		if rapid.Bool().Draw(t, "band") {
			f.BandStep = time.Duration(rapid.Uint32Min(1).Draw(t, "band step")) * time.Second
			f.BandBasis = text().Draw(t, "band basis")
			for i := range f.Stations {
				f.Stations[i].Band = rapid.SliceOfN(bandStep(), 0, 3).Draw(t, "band")
			}
		}
		return f
	})
}

// bare draws a forecast without bands.
func bare() *rapid.Generator[hydro.Forecast] {
	return rapid.Custom(func(t *rapid.T) hydro.Forecast {
		return hydro.Forecast{
			Basin: name().Draw(t, "basin"), IssuedAt: instant().Draw(t, "issued"), Trigger: text().Draw(t, "trigger"),
			Catalogue:     text().Draw(t, "catalogue"),
			Step:          time.Duration(rapid.Uint32Min(1).Draw(t, "step")) * time.Second,
			Horizon:       time.Duration(rapid.Uint32().Draw(t, "horizon")) * time.Second,
			Stations:      rapid.SliceOfN(stationForecast(), 0, 3).Draw(t, "stations"),
			DataCutoff:    maybe(instant()).Draw(t, "cutoff"),
			ValidUntil:    instant().Draw(t, "valid"),
			MissingGauges: rapid.SliceOfN(text(), 0, 3).Draw(t, "missing"),
			RainCoverage:  number().Draw(t, "coverage"), RainAssumed: text().Draw(t, "rain"), Plan: text().Draw(t, "plan"),
			Notes: rapid.SliceOfN(text(), 0, 3).Draw(t, "notes"), Illustrative: rapid.Bool().Draw(t, "illustrative"),
			ArealRain: rapid.SliceOfN(arealRain(), 0, 3).Draw(t, "areal"),
		}
	})
}

func arealRain() *rapid.Generator[hydro.ArealRain] {
	return rapid.Custom(func(t *rapid.T) hydro.ArealRain {
		mm := rapid.OneOf(rapid.Float64Range(0, 500), rapid.Just(math.NaN()))
		return hydro.ArealRain{
			SubBasin: name().Draw(t, "sub-basin"), Last1h: mm.Draw(t, "1 h"), Last3h: mm.Draw(t, "3 h"), Last6h: mm.Draw(t, "6 h"), Last24h: mm.Draw(t, "24 h"),
			Coverage: number().Draw(t, "coverage"), MissingGauges: rapid.SliceOfN(text(), 0, 3).Draw(t, "missing"), Assumed: number().Draw(t, "assumed"),
		}
	})
}

func rateRequest() *rapid.Generator[hydro.RateRequest] {
	return rapid.Custom(func(t *rapid.T) hydro.RateRequest {
		return hydro.RateRequest{
			Station: name().Draw(t, "station"), Every: time.Duration(rapid.IntRange(0, 3600).Draw(t, "every")) * time.Second,
			Since: instant().Draw(t, "since"), Until: instant().Draw(t, "until"), Cause: text().Draw(t, "cause"),
			Stage: rapid.SampledFrom(hydro.Stages).Draw(t, "stage"),
		}
	})
}

func group() *rapid.Generator[hydro.GroupChange] {
	station := rapid.Custom(func(t *rapid.T) hydro.GroupStation {
		return hydro.GroupStation{
			Station: name().Draw(t, "station"), Stage: stage().Draw(t, "stage"), Highest: stage().Draw(t, "highest"),
			JoinedAt: maybe(instant()).Draw(t, "joined"), LeftAt: maybe(instant()).Draw(t, "left"),
			Arrivals: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) hydro.GroupArrival {
				return hydro.GroupArrival{Stage: stage().Draw(t, "stage"), At: instant().Draw(t, "at"), Observed: rapid.Bool().Draw(t, "observed")}
			}), 0, 4).Draw(t, "arrivals"),
			PeakAt: maybe(instant()).Draw(t, "peak"), PeakValue: number().Draw(t, "value"), PeakObserved: rapid.Bool().Draw(t, "seen"),
			PeakVariable: rapid.SampledFrom(append([]hydro.Variable{0}, hydro.Variables...)).Draw(t, "variable"),
			Rain:         rapid.Bool().Draw(t, "rain"), Cause: text().Draw(t, "cause"),
		}
	})
	return rapid.Custom(func(t *rapid.T) hydro.GroupChange {
		g := hydro.GroupChange{
			ID: name().Draw(t, "id"), Basin: name().Draw(t, "basin"), Kind: rapid.SampledFrom(hydro.GroupKinds).Draw(t, "kind"),
			Event: rapid.SampledFrom(hydro.GroupEvents).Draw(t, "event"), At: instant().Draw(t, "at"), OpenedAt: instant().Draw(t, "opened"),
			ClosedAt: maybe(instant()).Draw(t, "closed"), Stage: stage().Draw(t, "stage"), Highest: stage().Draw(t, "highest"),
			Station: text().Draw(t, "station"), Cause: text().Draw(t, "cause"),
			Department: rapid.SampledFrom(append([]hydro.Department{0}, hydro.Departments...)).Draw(t, "department"),
			Headwater:  text().Draw(t, "headwater"), Mouth: text().Draw(t, "mouth"),
			Stations: rapid.SliceOfN(station, 0, 4).Draw(t, "stations"), TextZH: text().Draw(t, "zh"), TextEN: text().Draw(t, "en"),
			ForecastIssuedAt: maybe(instant()).Draw(t, "issued"), Illustrative: rapid.Bool().Draw(t, "illustrative"),
		}
		g.Count = len(g.Stations) + rapid.IntRange(0, 3).Draw(t, "more")
		g.Standing = rapid.IntRange(0, g.Count).Draw(t, "standing")
		return g
	})
}

func output() *rapid.Generator[hydro.Output] {
	return rapid.Custom(func(t *rapid.T) hydro.Output {
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 5:
			d := dutyEvent().Draw(t, "duty")
			return hydro.Output{Duty: &d}
		case 6:
			g := group().Draw(t, "group")
			return hydro.Output{Group: &g}
		case 4:
			return hydro.Output{Rate: &hydro.RateChange{At: millis().Draw(t, "at"), Requests: rapid.SliceOfN(rateRequest(), 1, 5).Draw(t, "requests")}}
		case 0:
			f := forecast().Draw(t, "forecast")
			return hydro.Output{Forecast: &f}
		case 1:
			w := warning().Draw(t, "warning")
			return hydro.Output{Warning: &w}
		case 2:
			return hydro.Output{Audit: &hydro.Audit{
				At: millis().Draw(t, "at"), Kind: text().Draw(t, "kind"), Station: text().Draw(t, "station"),
				Text: text().Draw(t, "text"), Before: number().Draw(t, "before"), After: number().Draw(t, "after"),
			}}
		}
		return hydro.Output{Observations: rapid.SliceOfN(observation(millis(), time.Millisecond), 1, 8).Draw(t, "observations")}
	})
}

func TestInputsComeBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := input().Draw(t, "input")
		data, err := wire.EncodeInput(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.DecodeInput(data)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(in, got, equal); diff != "" {
			t.Fatalf("input (-want +got):\n%s", diff)
		}
		if got, err = wire.DecodeInputGenerated(data); err != nil {
			t.Fatalf("the generated code: %v", err)
		}
		if diff := cmp.Diff(in, got, equal); diff != "" {
			t.Fatalf("by the generated code (-want +got):\n%s", diff)
		}
		if in.Batch != nil && !wire.ReadInput(data) {
			t.Fatal("a batch is read the slow way")
		}
	})
}

func TestOutputsComeBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := output().Draw(t, "output")
		seq, index := rapid.Uint64().Draw(t, "seq"), rapid.IntRange(0, math.MaxInt32).Draw(t, "index")
		data, err := wire.EncodeOutput(seq, index, out)
		if err != nil {
			t.Fatal(err)
		}
		gotSeq, gotIndex, got, err := wire.DecodeOutput(data)
		if err != nil {
			t.Fatal(err)
		}
		if gotSeq != seq || gotIndex != index {
			t.Fatalf("place %d/%d, want %d/%d", gotSeq, gotIndex, seq, index)
		}
		if diff := cmp.Diff(out, got, equal); diff != "" {
			t.Fatalf("output (-want +got):\n%s", diff)
		}
		if _, _, got, err = wire.DecodeOutputGenerated(data); err != nil {
			t.Fatalf("the generated code: %v", err)
		}
		if diff := cmp.Diff(out, got, equal); diff != "" {
			t.Fatalf("by the generated code (-want +got):\n%s", diff)
		}
		if len(out.Observations) > 0 && !wire.ReadOutput(data) {
			t.Fatal("observations are read the slow way")
		}
	})
}

// thereAndBack sends values of g through both functions and through bytes.
func thereAndBack[H any, P proto.Message](t *testing.T, g *rapid.Generator[H], from func(*H) P, to func(P) (H, error)) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		want := g.Draw(t, "value")
		data, err := proto.Marshal(from(&want))
		if err != nil {
			t.Fatal(err)
		}
		var p P
		p = p.ProtoReflect().New().Interface().(P)
		if err := proto.Unmarshal(data, p); err != nil {
			t.Fatal(err)
		}
		got, err := to(p)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, equal); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestMessagesComeBackEqual(t *testing.T) {
	t.Run("observation", func(t *testing.T) {
		thereAndBack(t, observation(instant(), time.Second), wire.FromObservation, wire.ToObservation)
	})
	t.Run("forecast", func(t *testing.T) { thereAndBack(t, forecast(), wire.FromForecast, wire.ToForecast) })
	t.Run("rain forecast", func(t *testing.T) { thereAndBack(t, rainForecast(), wire.FromRainForecast, wire.ToRainForecast) })
	t.Run("dispatch plan", func(t *testing.T) { thereAndBack(t, dispatchPlan(), wire.FromDispatchPlan, wire.ToDispatchPlan) })
	t.Run("withdrawal", func(t *testing.T) { thereAndBack(t, withdrawal(), wire.FromWithdrawal, wire.ToWithdrawal) })
	t.Run("command", func(t *testing.T) { thereAndBack(t, command(), wire.FromCommand, wire.ToCommand) })
	t.Run("duty event", func(t *testing.T) { thereAndBack(t, dutyEvent(), wire.FromDutyEvent, wire.ToDutyEvent) })
	t.Run("warning", func(t *testing.T) { thereAndBack(t, warning(), wire.FromWarning, wire.ToWarning) })
	t.Run("leg", func(t *testing.T) { thereAndBack(t, leg(), wire.FromLeg, wire.ToLeg) })
	t.Run("status", func(t *testing.T) {
		g := rapid.Custom(func(t *rapid.T) hydro.StationStatus {
			return hydro.StationStatus{
				Station: name().Draw(t, "station"), Stage: stage().Draw(t, "stage"), Since: maybe(instant()).Draw(t, "since"),
				ReasonZH: text().Draw(t, "zh"), ReasonEN: text().Draw(t, "en"), Cause: text().Draw(t, "cause"),
				Observed: leg().Draw(t, "observed"), Forecast: leg().Draw(t, "forecast"),
				Escalated: rapid.Bool().Draw(t, "escalated"),
			}
		})
		from := func(st *hydro.StationStatus) *freshetv1.StationStage { return wire.FromStatus(st, nil) }
		thereAndBack(t, g, from, wire.ToStatus)
	})
	t.Run("key", func(t *testing.T) {
		g := rapid.Custom(func(t *rapid.T) hydro.Key { return reading(millis(), time.Second, false).Draw(t, "reading").Key })
		thereAndBack(t, g, func(k *hydro.Key) *freshetv1.SeriesKey { return wire.FromKey(*k) }, wire.ToKey)
	})
	t.Run("rejection", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			want := hydro.Rejection{
				Report: rapid.IntRange(0, 10000).Draw(t, "report"), Field: text().Draw(t, "field"),
				Reason: rapid.SampledFrom(hydro.RefusalReasons()).Draw(t, "reason"), Message: text().Draw(t, "message"),
			}
			sequence := rapid.Uint64().Draw(t, "sequence")
			gotSequence, got, err := wire.ToRejection(wire.FromRejection(sequence, want))
			if err != nil || gotSequence != sequence {
				t.Fatalf("sequence %d, want %d, err %v", gotSequence, sequence, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	})
}

// everyNumber checks that the numbers of an enum and the values of the domain
// are one to one, and that unspecified and unknown numbers are refused.
func everyNumber[P protoreflect.Enum, D comparable](t *testing.T, values []D, from func(D) P, to func(P) (D, error), number func(protoreflect.EnumNumber) P) {
	t.Helper()
	var zero P
	known := zero.Descriptor().Values()
	if got, want := len(values), known.Len()-1; got != want {
		t.Errorf("%d values in the domain, %d on the wire", got, want)
	}
	seen := map[protoreflect.EnumNumber]bool{0: true} // unspecified
	for _, v := range values {
		p := from(v)
		if known.ByNumber(p.Number()) == nil || seen[p.Number()] {
			t.Errorf("%v: number %d is unspecified, unknown or taken", v, p.Number())
		}
		seen[p.Number()] = true
		if back, err := to(p); err != nil || back != v {
			t.Errorf("%v: back comes %v, %v", v, back, err)
		}
	}
	for _, n := range []protoreflect.EnumNumber{0, -1, 99, math.MaxInt32, math.MinInt32} {
		if v, err := to(number(n)); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("number %d: got %v, %v, want ErrInvalid", n, v, err)
		}
	}
}

func TestEnumsAreOneToOne(t *testing.T) {
	everyNumber(t, hydro.Departments, wire.FromDepartment, wire.ToDepartment,
		func(n protoreflect.EnumNumber) freshetv1.Department { return freshetv1.Department(n) })
	everyNumber(t, hydro.Variables, wire.FromVariable, wire.ToVariable,
		func(n protoreflect.EnumNumber) freshetv1.Variable { return freshetv1.Variable(n) })
	everyNumber(t, []hydro.Quality{hydro.NotEvaluated, hydro.Pass, hydro.Suspect, hydro.Fail}, wire.FromQuality, wire.ToQuality,
		func(n protoreflect.EnumNumber) freshetv1.Quality { return freshetv1.Quality(n) })
	everyNumber(t, hydro.Stages, wire.FromStage, wire.ToStage,
		func(n protoreflect.EnumNumber) freshetv1.Stage { return freshetv1.Stage(n) })
	everyNumber(t, hydro.RefusalReasons(), wire.FromRefusalReason, wire.ToRefusalReason,
		func(n protoreflect.EnumNumber) freshetv1.RefusalReason { return freshetv1.RefusalReason(n) })
}

func TestEnumNamesOfTheWireAreThoseOfTheDomain(t *testing.T) {
	for _, v := range hydro.Variables {
		if got, want := wire.FromVariable(v).String(), "VARIABLE_"+upper(v.String()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, s := range hydro.Stages {
		if got, want := wire.FromStage(s).String(), "STAGE_"+upper(s.String()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, r := range hydro.RefusalReasons() {
		if got, want := wire.FromRefusalReason(r).String(), "REFUSAL_REASON_"+upper(r.String()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, d := range hydro.Departments {
		if got, want := wire.FromDepartment(d).String(), "DEPARTMENT_"+upper(d.String()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// The bits stand in stored logs: a test that moves would change old records.
func TestTheBitsOfTestsDoNotMove(t *testing.T) {
	for bits, want := range map[hydro.Tests]uint32{
		hydro.TestRange: 1, hydro.TestStep: 2, hydro.TestSpike: 4, hydro.TestStuck: 8, hydro.TestGap: 16, hydro.TestDuplicate: 32,
		hydro.TestRevision: 64, hydro.TestCounterReset: 128, hydro.TestLate: 256, hydro.NoteTrace: 512, hydro.NoteDatumConverted: 1024,
	} {
		if uint32(bits) != want {
			t.Errorf("%v is %d, on the log it is %d", bits.Names(), uint32(bits), want)
		}
	}
}

func validReading() hydro.Reading {
	return hydro.Reading{
		Key: hydro.Key{Station: "a", Variable: hydro.WaterLevel}, At: time.UnixMilli(1).UTC(), Value: 1, Raw: 1,
	}
}

func TestWhatTheLogCannotHoldIsRefused(t *testing.T) {
	at := time.UnixMilli(1).UTC()
	batch := func(change func(*hydro.Batch)) hydro.Input {
		b := &hydro.Batch{Basin: "tanjiang", ReceivedAt: at, Readings: []hydro.Reading{validReading()}}
		change(b)
		return hydro.Input{Batch: b}
	}
	for name, in := range map[string]hydro.Input{
		"NothingSet":         {},
		"TwoSet":             {Tick: &hydro.Tick{At: at}, Batch: &hydro.Batch{Basin: "b", ReceivedAt: at}},
		"TickWithoutTime":    {Tick: &hydro.Tick{}},
		"TickIn1970":         {Tick: &hydro.Tick{At: time.UnixMilli(0)}},
		"TickInYear10000":    {Tick: &hydro.Tick{At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}},
		"CatalogWithoutTime": {Catalogue: &hydro.CatalogueChange{}},
		"BatchWithoutBasin":  batch(func(b *hydro.Batch) { b.Basin = "" }),
		"BatchWithoutTime":   batch(func(b *hydro.Batch) { b.ReceivedAt = time.Time{} }),
		"ReadingWithoutTime": batch(func(b *hydro.Batch) { b.Readings[0].At = time.Time{} }),
		"NaN":                batch(func(b *hydro.Batch) { b.Readings[0].Value = math.NaN() }),
		"NoStation":          batch(func(b *hydro.Batch) { b.Readings[0].Station = "" }),
		"NotUTF8":            batch(func(b *hydro.Batch) { b.Readings[0].Station = "\xff" }),
		"IntervalOfMicros":   batch(func(b *hydro.Batch) { b.Readings[0].Interval = time.Microsecond }),
		"IntervalOf50Days":   batch(func(b *hydro.Batch) { b.Readings[0].Interval = 50 * 24 * time.Hour }),
		"RefusalWithoutWhy":  batch(func(b *hydro.Batch) { b.Refusals = []hydro.Refusal{{Station: "a"}} }),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := wire.EncodeInput(in); !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
		})
	}
	for name, out := range map[string]hydro.Output{
		"OutputNothingSet":          {},
		"ObservationWithoutReceipt": {Observations: []hydro.Observation{{Reading: validReading()}}},
		"ForecastWithoutTime":       {Forecast: &hydro.Forecast{Basin: "b", Step: time.Hour, ValidUntil: at}},
		"ForecastWithHalfAStep":     {Forecast: &hydro.Forecast{Basin: "b", Step: time.Second / 2, IssuedAt: at, ValidUntil: at}},
		"LevelsWithoutDischarges": {Forecast: &hydro.Forecast{
			Basin: "b", Step: time.Hour, IssuedAt: at, ValidUntil: at, Stations: []hydro.StationForecast{{Level: []float64{1}}},
		}},
		"BandStepOfMillis":   banded(func(f *hydro.Forecast) { f.BandStep = time.Millisecond }),
		"BandWithoutStep":    banded(func(f *hydro.Forecast) { f.BandStep = 0 }),
		"HalfTheLevels":      banded(func(f *hydro.Forecast) { f.Stations[0].Band[0].Level[2] = math.NaN() }),
		"ErrorsBelowZero":    banded(func(f *hydro.Forecast) { f.Stations[0].Band[0].Errors = -1 }),
		"ChanceWithoutUntil": banded(func(f *hydro.Forecast) { f.Stations[0].Crossings[0].Chance.Until = time.Time{} }),
		"ChanceOutOfRange": banded(func(f *hydro.Forecast) {
			f.Stations[0].Crossings[0].Chance.Late = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
		}),
		"WarningWithoutTime":  {Warning: &hydro.Warning{ID: "1", Basin: "b", Station: "s"}},
		"WarningUnknownStage": {Warning: &hydro.Warning{ID: "1", Basin: "b", Station: "s", At: at, To: 77}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := wire.EncodeOutput(1, 0, out); !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
		})
	}
}

// banded is a forecast with a band and a chance, changed.
func banded(change func(*hydro.Forecast)) hydro.Output {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	f := hydro.Forecast{
		Basin: "b", Step: time.Hour, BandStep: time.Hour, IssuedAt: at, ValidUntil: at,
		Stations: []hydro.StationForecast{{
			Discharge: []float64{1}, Level: []float64{1}, Band: make([]hydro.BandStep, 1),
			Crossings: []hydro.Crossing{{Stage: hydro.Red, Variable: hydro.WaterLevel, Chance: hydro.Chance{Until: at, Probability: 0.5, Early: at, Middle: at, Late: at}}},
		}},
	}
	change(&f)
	return hydro.Output{Forecast: &f}
}

func TestABandOnTheWireHasAllItsQuantilesOrNone(t *testing.T) {
	out := banded(func(*hydro.Forecast) {})
	if _, err := wire.EncodeOutput(1, 0, out); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*freshetv1.BandStep){
		"a discharge too few": func(b *freshetv1.BandStep) { b.Discharge = b.Discharge[1:] },
		"no discharge":        func(b *freshetv1.BandStep) { b.Discharge = nil },
		"a level too many":    func(b *freshetv1.BandStep) { b.Level = append(slices.Clone(b.Level), 1) },
	} {
		p := wire.FromForecast(out.Forecast)
		change(p.Stations[0].Band[0])
		if _, err := wire.ToForecast(p); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", what, err)
		}
	}
}

func TestAMissingTimeIsAnErrorAndNot1970(t *testing.T) {
	for name, m := range map[string]*freshetv1.LogInput{
		"Tick":  {Input: &freshetv1.LogInput_Tick{Tick: &freshetv1.Tick{}}},
		"Batch": {Input: &freshetv1.LogInput_Batch{Batch: &freshetv1.Batch{Basin: "b"}}},
		"Row": {Input: &freshetv1.LogInput_Batch{Batch: &freshetv1.Batch{
			Basin: "b", ReceivedAtMs: 1, Stations: []string{"a"}, Station: []uint32{0}, Variable: []uint32{1}, AtDeltaMs: []int64{0}, Value: []float64{1},
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := wire.DecodeInput(data); !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("got %v, %v, want ErrInvalid", got, err)
			}
		})
	}
	if _, err := wire.ToForecast(&freshetv1.Forecast{Basin: "b", StepS: 1}); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("forecast: got %v, want ErrInvalid", err)
	}
	if _, err := wire.ToTime("at", nil); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("time: got %v, want ErrInvalid", err)
	}
	if wire.FromTime(time.Time{}) != nil {
		t.Error("the zero time has a timestamp")
	}
}

func TestColumnsOfUnequalLengthAreRefused(t *testing.T) {
	good := func() *freshetv1.Batch {
		return &freshetv1.Batch{
			Basin: "b", ReceivedAtMs: 1, Stations: []string{"a"}, Station: []uint32{0, 0}, Variable: []uint32{1, 1},
			AtDeltaMs: []int64{1, 1}, Value: []float64{1, 2},
		}
	}
	encode := func(b *freshetv1.Batch) []byte {
		data, err := proto.Marshal(&freshetv1.LogInput{Input: &freshetv1.LogInput_Batch{Batch: b}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if _, err := wire.DecodeInput(encode(good())); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*freshetv1.Batch){
		"Value":           func(b *freshetv1.Batch) { b.Value = b.Value[:1] },
		"NoVariable":      func(b *freshetv1.Batch) { b.Variable = nil },
		"UnknownVariable": func(b *freshetv1.Batch) { b.Variable[1] = 99 },
		"Sensor":          func(b *freshetv1.Batch) { b.Sensor = []uint32{1} },
		"SensorTooLarge":  func(b *freshetv1.Batch) { b.Sensor = []uint32{1, 256} },
		"NoSuchStation":   func(b *freshetv1.Batch) { b.Station[1] = 1 },
		"NoSuchDatum":     func(b *freshetv1.Batch) { b.Datum = []uint32{0, 1} },
		"Raw":             func(b *freshetv1.Batch) { b.Raw = []float64{1, 2, 3} },
		"TimeWraps":       func(b *freshetv1.Batch) { b.AtDeltaMs[1] = math.MaxInt64 },
	} {
		t.Run(name, func(t *testing.T) {
			b := good()
			change(b)
			if got, err := wire.DecodeInput(encode(b)); !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("got %v, %v, want ErrInvalid", got, err)
			}
		})
	}
}

func TestInstantsOfBatchesAreCutToTheMillisecond(t *testing.T) {
	r := validReading()
	r.At = time.Date(2026, 6, 1, 0, 0, 0, 1_999_999, time.FixedZone("", 8*3600))
	data, err := wire.EncodeInput(hydro.Input{Batch: &hydro.Batch{Basin: "b", ReceivedAt: r.At, Readings: []hydro.Reading{r}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.DecodeInput(data)
	if err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 5, 31, 16, 0, 0, 1_000_000, time.UTC)
	if at := got.Batch.Readings[0].At; !at.Equal(want) || at.Location() != time.UTC {
		t.Errorf("got %v, want %v in UTC", at, want)
	}
}

func TestAStationIsShownWithTheStageTableInForce(t *testing.T) {
	offset := 0.586
	s := catalog.Station{
		ID: "GD-RR-001", NameZH: "锦江", NameEN: "Jinjiang", Department: hydro.WaterResources, Basin: "tanjiang", Kind: catalog.ReservoirStation,
		Lon: 112.1, Lat: 22.4, Datum: catalog.Datum{Name: hydro.PearlRiver, To1985: &offset, To1985Source: "survey"},
		Parameters: []catalog.Parameter{
			{Variable: hydro.WaterLevel}, {Variable: hydro.GateOpening, Sensor: 1}, {Variable: hydro.GateOpening, Sensor: 2},
		},
		Illustrative: true,
	}
	day := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	c := &catalog.Catalog{StageTables: []catalog.StageTable{
		{Station: s.ID, ValidFrom: day, Thresholds: []catalog.Threshold{{Stage: hydro.Red, Variable: hydro.WaterLevel, Value: 3}}},
		{Station: s.ID, ValidFrom: day.AddDate(0, 0, 1), Illustrative: true, Thresholds: []catalog.Threshold{
			{Stage: hydro.Blue, Variable: hydro.Rain, Window: time.Hour, Value: 30},
		}},
	}}
	want := &freshetv1.Station{
		Id: "GD-RR-001", NameZh: "锦江", NameEn: "Jinjiang", Department: freshetv1.Department_DEPARTMENT_WATER_RESOURCES, Basin: "tanjiang",
		Kind: "reservoir", Longitude: 112.1, Latitude: 22.4, Datum: "PEARL_RIVER", OffsetTo_1985: &offset, OffsetSource: "survey",
		Variables:    []freshetv1.Variable{freshetv1.Variable_VARIABLE_WATER_LEVEL, freshetv1.Variable_VARIABLE_GATE_OPENING},
		Illustrative: true,
		Thresholds: []*freshetv1.StageThreshold{
			{Stage: freshetv1.Stage_STAGE_BLUE, Variable: freshetv1.Variable_VARIABLE_RAIN, WindowS: 3600, Value: 30, Illustrative: true},
		},
	}
	if got := wire.FromStation(c, &s, day.AddDate(0, 0, 2)); !proto.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
