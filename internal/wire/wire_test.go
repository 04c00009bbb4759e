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
	t.Run("tide", func(t *testing.T) { thereAndBack(t, tide(), wire.FromTide, wire.ToTide) })
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
