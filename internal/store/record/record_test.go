package record_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/store/record"
)

func instant() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		return time.UnixMilli(rapid.Int64Range(-9e12, 9e12).Draw(t, "ms")).UTC()
	})
}

// value may be NaN: forecasts mark gaps with it.
func value() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64}))
}

func observation() *rapid.Generator[hydro.Observation] {
	return rapid.Custom(func(t *rapid.T) hydro.Observation {
		var o hydro.Observation
		o.Key = hydro.Key{Station: "a", Variable: hydro.WaterLevel}
		o.At = time.UnixMilli(rapid.Int64Range(-9e12, 9e12).Draw(t, "at")).UTC()
		o.Value, o.Raw = rapid.Float64().Draw(t, "value"), rapid.Float64().Draw(t, "raw")
		if rapid.Bool().Draw(t, "unchanged") {
			o.Raw = o.Value
		}
		o.Interval = time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "interval")) * time.Millisecond
		o.Datum = hydro.Datum(rapid.String().Draw(t, "datum"))
		o.Quality = hydro.Quality(rapid.IntRange(0, 3).Draw(t, "quality"))
		o.Tests = hydro.Tests(rapid.Uint32().Draw(t, "tests"))
		o.Notes = o.Tests & (hydro.NoteTrace | hydro.NoteDatumConverted)
		o.Why = rapid.String().Draw(t, "why")
		o.Revision = rapid.Uint32().Draw(t, "revision")
		o.ReceivedAt = instant().Draw(t, "received")
		return o
	})
}

func leg() *rapid.Generator[hydro.Leg] {
	return rapid.Custom(func(t *rapid.T) hydro.Leg {
		return hydro.Leg{
			Stage: hydro.Stage(rapid.IntRange(0, 5).Draw(t, "stage")), Variable: hydro.Variable(rapid.IntRange(0, 8).Draw(t, "variable")),
			Window: time.Duration(rapid.Int64().Draw(t, "window")), Value: value().Draw(t, "value"), Threshold: value().Draw(t, "threshold"),
			Datum: hydro.Datum(rapid.String().Draw(t, "datum")), At: instant().Draw(t, "at"), PeakValue: value().Draw(t, "peak"), PeakAt: instant().Draw(t, "peak at"),
			Basis: rapid.SampledFrom(hydro.Bases()).Draw(t, "measure"), Limit: value().Draw(t, "limit"),
		}
	})
}

func warning() *rapid.Generator[hydro.Warning] {
	return rapid.Custom(func(t *rapid.T) hydro.Warning {
		text := rapid.String()
		return hydro.Warning{
			ID: text.Draw(t, "id"), Basin: text.Draw(t, "basin"), Station: text.Draw(t, "station"), At: instant().Draw(t, "at"),
			From: hydro.Stage(rapid.IntRange(0, 5).Draw(t, "from")), To: hydro.Stage(rapid.IntRange(0, 5).Draw(t, "to")),
			Observed: leg().Draw(t, "observed"), Forecast: leg().Draw(t, "forecast"),
			ReasonZH: text.Draw(t, "zh"), ReasonEN: text.Draw(t, "en"), Cause: text.Draw(t, "cause"), Catalogue: text.Draw(t, "catalogue"),
			ForecastIssuedAt: instant().Draw(t, "issued"), Illustrative: rapid.Bool().Draw(t, "illustrative"), Group: text.Draw(t, "group"), Escalated: rapid.Bool().Draw(t, "escalated"),
		}
	})
}

func chance() *rapid.Generator[hydro.Chance] {
	return rapid.Custom(func(t *rapid.T) hydro.Chance {
		c := hydro.Chance{Until: instant().Draw(t, "until")}
		if !c.Until.IsZero() {
			c.Probability = value().Draw(t, "probability")
			c.Early, c.Middle, c.Late = instant().Draw(t, "early"), instant().Draw(t, "middle"), instant().Draw(t, "late")
		}
		return c
	})
}

func bandStep() *rapid.Generator[hydro.BandStep] {
	return rapid.Custom(func(t *rapid.T) hydro.BandStep {
		b := hydro.BandStep{Errors: rapid.Int().Draw(t, "errors")}
		for i := range b.Discharge {
			b.Discharge[i], b.Level[i] = value().Draw(t, "discharge"), value().Draw(t, "level")
		}
		return b
	})
}

func forecast() *rapid.Generator[hydro.Forecast] {
	return rapid.Custom(func(t *rapid.T) hydro.Forecast {
		text, texts, values := rapid.String(), rapid.SliceOfN(rapid.String(), 0, 4), rapid.SliceOfN(value(), 0, 20)
		f := hydro.Forecast{
			Basin: text.Draw(t, "basin"), IssuedAt: instant().Draw(t, "issued"), Trigger: text.Draw(t, "trigger"), Catalogue: text.Draw(t, "catalogue"),
			Step: time.Duration(rapid.Int64().Draw(t, "step")), Horizon: time.Duration(rapid.Int64().Draw(t, "horizon")),
			DataCutoff: instant().Draw(t, "cutoff"), ValidUntil: instant().Draw(t, "valid"), MissingGauges: texts.Draw(t, "missing"),
			RainCoverage: value().Draw(t, "coverage"), RainAssumed: text.Draw(t, "assumed"), Plan: text.Draw(t, "plan"), Notes: texts.Draw(t, "notes"),
			BandStep: time.Duration(rapid.Int64().Draw(t, "band step")), BandBasis: text.Draw(t, "band basis"),
			Illustrative: rapid.Bool().Draw(t, "illustrative"), Elapsed: time.Duration(rapid.Int64().Draw(t, "elapsed")),
		}
		for range rapid.IntRange(0, 4).Draw(t, "sub-basins") {
			f.ArealRain = append(f.ArealRain, hydro.ArealRain{
				SubBasin: text.Draw(t, "sub-basin"), Last1h: value().Draw(t, "1 h"), Last3h: value().Draw(t, "3 h"), Last6h: value().Draw(t, "6 h"),
				Last24h: value().Draw(t, "24 h"), Coverage: value().Draw(t, "coverage"), MissingGauges: texts.Draw(t, "silent"), Assumed: value().Draw(t, "ahead"),
			})
		}
		for range rapid.IntRange(0, 4).Draw(t, "stations") {
			s := hydro.StationForecast{
				Station: text.Draw(t, "station"), Datum: hydro.Datum(text.Draw(t, "datum")),
				Discharge: values.Draw(t, "discharge"), Level: values.Draw(t, "level"),
				NowDischarge: value().Draw(t, "now"), NowLevel: value().Draw(t, "now"),
				Peak:    hydro.Peak{At: instant().Draw(t, "peak"), Discharge: value().Draw(t, "peak"), Level: value().Draw(t, "peak"), AtEnd: rapid.Bool().Draw(t, "end")},
				Updated: rapid.Bool().Draw(t, "updated"), Extrapolated: rapid.Bool().Draw(t, "extrapolated"),
			}
			for range rapid.IntRange(0, 3).Draw(t, "crossings") {
				s.Crossings = append(s.Crossings, hydro.Crossing{
					Stage: hydro.Stage(rapid.IntRange(0, 5).Draw(t, "stage")), Variable: hydro.Variable(rapid.IntRange(0, 8).Draw(t, "variable")),
					Threshold: value().Draw(t, "threshold"), At: instant().Draw(t, "at"), Chance: chance().Draw(t, "chance"),
				})
			}
			s.Band = rapid.SliceOfN(bandStep(), 0, 4).Draw(t, "band")
			f.Stations = append(f.Stations, s)
		}
		return f
	})
}

var like = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty()}

func TestRecordsGoThereAndBack(t *testing.T) {
	t.Run("observation", rapid.MakeCheck(func(t *rapid.T) {
		want := observation().Draw(t, "observation")
		b := record.AppendObservation(nil, &want)
		got, err := record.Observation(b, want.Key, want.At)
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("error %v, -want +got\n%s", err, cmp.Diff(want, got))
		}
		if r, err := record.Revision(b); err != nil || r != want.Revision {
			t.Errorf("revision %d and %v, want %d", r, err, want.Revision)
		}
	}))
	t.Run("forecast", rapid.MakeCheck(func(t *rapid.T) {
		want := forecast().Draw(t, "forecast")
		got, err := record.Forecast(record.AppendForecast(nil, &want))
		if err != nil || !cmp.Equal(want, got, like) {
			t.Errorf("error %v, -want +got\n%s", err, cmp.Diff(want, got, like))
		}
	}))
	t.Run("forecast in parts", rapid.MakeCheck(func(t *rapid.T) {
		want := forecast().Draw(t, "forecast")
		got, err := record.ForecastHeader(record.AppendForecastHeader(nil, &want))
		for i := range want.Stations {
			if err == nil {
				got.Stations[i], err = record.StationForecast(record.AppendStationForecast(nil, &want.Stations[i]))
			}
		}
		if err != nil || !cmp.Equal(want, got, like) {
			t.Errorf("error %v, -want +got\n%s", err, cmp.Diff(want, got, like))
		}
	}))
	t.Run("warning", rapid.MakeCheck(func(t *rapid.T) {
		want := warning().Draw(t, "warning")
		got, err := record.Warning(record.AppendWarning(nil, &want))
		if err != nil || !cmp.Equal(want, got, like) {
			t.Errorf("error %v, -want +got\n%s", err, cmp.Diff(want, got, like))
		}
	}))
}

// A record cut short or with something behind it is corrupt, and says so.
// v1Station is a station's record as it was written before there were bands.
func v1Station() []byte {
	float := func(b []byte, v float64) []byte { return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) }
	instant := func(b []byte, t time.Time) []byte { return binary.AppendVarint(append(b, 1), t.UnixMilli()) }
	at := time.Date(2026, 6, 10, 6, 0, 0, 0, time.UTC)
	b := []byte{1, 1, 'a', 0}
	b = float(append(b, 1), 120)                          // discharges
	b = float(append(b, 1), 3.1)                          // levels
	b = float(float(b, 100), 3)                           // now
	b = append(float(float(instant(b, at), 120), 3.1), 0) // peak
	b = append(b, 1, byte(hydro.Orange), byte(hydro.WaterLevel))
	b = instant(float(b, 3.05), at)
	return append(b, 1, 0)
}

func TestObservationsOfBeforeTestsHadOutcomesAreRead(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	k := hydro.Key{Station: "a", Variable: hydro.WaterLevel}
	old := []byte{1, 1, 2, 1} // revision 1, only received, suspect, range
	old = binary.AppendVarint(old, 1500)
	old = binary.LittleEndian.AppendUint64(old, math.Float64bits(3.5))
	got, err := record.Observation(old, k, at)
	if err != nil {
		t.Fatal(err)
	}
	want := hydro.Observation{
		Reading: hydro.Reading{Key: k, At: at, Raw: 3.5, Value: 3.5}, Quality: hydro.Suspect, Tests: hydro.TestRange,
		Revision: 1, ReceivedAt: at.Add(1500 * time.Millisecond),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if again := record.AppendObservation(nil, &got); !bytes.Equal(again, old) {
		t.Errorf("written again: %x, was %x", again, old)
	}
}

func TestForecastsOfBeforeThereWereBandsAreRead(t *testing.T) {
	at := time.Date(2026, 6, 10, 6, 0, 0, 0, time.UTC)
	station := hydro.StationForecast{
		Station: "a", Discharge: []float64{120}, Level: []float64{3.1}, NowDischarge: 100, NowLevel: 3, Updated: true,
		Peak:      hydro.Peak{At: at, Discharge: 120, Level: 3.1},
		Crossings: []hydro.Crossing{{Stage: hydro.Orange, Variable: hydro.WaterLevel, Threshold: 3.05, At: at}},
	}
	got, err := record.StationForecast(v1Station())
	if err != nil || !cmp.Equal(station, got) {
		t.Errorf("error %v, -want +got\n%s", err, cmp.Diff(station, got))
	}
	b := []byte{1, 1, 'b', 0, 0, 0}                                        // basin, no instant, trigger, catalogue
	b = binary.AppendVarint(b, int64(time.Hour))                           // step
	b = binary.AppendVarint(b, int64(24*time.Hour))                        // horizon
	b = append(b, 1, 1, 'a', 0, 0, 0)                                      // the station's id, no instants, no gauge missing
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(0.5))         // coverage
	b = append(b, 1, 'r', 1, 'p', 1, 1, 'n', 1)                            // rain, plan, a note, illustrative
	b = append(binary.AppendVarint(b, int64(time.Second)), v1Station()...) // elapsed
	want := hydro.Forecast{
		Basin: "b", Step: time.Hour, Horizon: 24 * time.Hour, RainCoverage: 0.5, RainAssumed: "r", Plan: "p", Notes: []string{"n"},
		Illustrative: true, Elapsed: time.Second, Stations: []hydro.StationForecast{station},
	}
	whole, err := record.Forecast(b)
	if err != nil || !cmp.Equal(want, whole) {
		t.Errorf("error %v, -want +got\n%s", err, cmp.Diff(want, whole))
	}
	b[0] = 3 // a version to come
	if _, err := record.Forecast(b); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("a record of version 3: %v, want ErrCorrupt", err)
	}
}

func TestAWarningFromBeforeThereWereGroupsIsRead(t *testing.T) {
	want := hydro.Warning{ID: "i", Basin: "b", Station: "s", To: hydro.Red, Cause: "c", Illustrative: true}
	b := record.AppendWarning(nil, &want)
	b = b[:len(b)-1] // version 2 ends before the stage as which it is escalated
	b[0] = 2
	if got, err := record.Warning(b); err != nil || !cmp.Equal(want, got) {
		t.Errorf("version 2: error %v, -want +got\n%s", err, cmp.Diff(want, got))
	}
	b[0], b = 1, b[:len(b)-20] // version 1 ends before the group, which is one byte here: its length; escalation, and two measures with limits
	if got, err := record.Warning(b); err != nil || !cmp.Equal(want, got) {
		t.Errorf("error %v, -want +got\n%s", err, cmp.Diff(want, got))
	}
	b[0] = 4 // a version to come
	if _, err := record.Warning(b); !errors.Is(err, record.ErrCorrupt) {
		t.Errorf("a record of version 4: %v, want ErrCorrupt", err)
	}
}

func TestARecordThatIsNotWholeIsCorrupt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, f, w := observation().Draw(t, "observation"), forecast().Draw(t, "forecast"), warning().Draw(t, "warning")
		for what, c := range map[string]struct {
			b      []byte
			decode func([]byte) error
		}{
			"observation": {record.AppendObservation(nil, &o), func(b []byte) error { _, err := record.Observation(b, o.Key, o.At); return err }},
			"forecast":    {record.AppendForecast(nil, &f), func(b []byte) error { _, err := record.Forecast(b); return err }},
			"header":      {record.AppendForecastHeader(nil, &f), func(b []byte) error { _, err := record.ForecastHeader(b); return err }},
			"warning":     {record.AppendWarning(nil, &w), func(b []byte) error { _, err := record.Warning(b); return err }},
		} {
			n := rapid.IntRange(0, len(c.b)-1).Draw(t, "kept")
			if err := c.decode(c.b[:n]); !errors.Is(err, record.ErrCorrupt) {
				t.Errorf("%s of %d of %d bytes: got error %v, want ErrCorrupt", what, n, len(c.b), err)
			}
			if err := c.decode(append(bytes.Clone(c.b), 0)); !errors.Is(err, record.ErrCorrupt) {
				t.Errorf("%s with a byte behind it: got error %v, want ErrCorrupt", what, err)
			}
		}
	})
}

// What decodes must encode to something that decodes to the same; nothing may
// panic or ask for more memory than the bytes can fill.
func FuzzDecode(f *testing.F) {
	o := hydro.Observation{Reading: hydro.Reading{Raw: 1, Value: 2, Interval: time.Hour, Datum: "X"}, Why: "because", ReceivedAt: time.UnixMilli(5).UTC(), Revision: 300}
	fc := hydro.Forecast{Basin: "b", IssuedAt: time.UnixMilli(7).UTC(), Notes: []string{"n"}, Stations: []hydro.StationForecast{{Station: "s", Level: []float64{1, math.NaN()}, Discharge: []float64{2, 3}, Crossings: []hydro.Crossing{{Stage: hydro.Red}}}}}
	w := hydro.Warning{ID: "b/1/2", ReasonZH: "超警", Observed: hydro.Leg{Value: 3}}
	for _, b := range [][]byte{record.AppendObservation(nil, &o), record.AppendForecast(nil, &fc), record.AppendForecastHeader(nil, &fc), record.AppendStationForecast(nil, &fc.Stations[0]), record.AppendWarning(nil, &w), nil} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, at := hydro.Key{Station: "a"}, time.UnixMilli(11).UTC()
		if o, err := record.Observation(b, k, at); err == nil {
			again, err := record.Observation(record.AppendObservation(nil, &o), k, at)
			if err != nil || !cmp.Equal(o, again, like) {
				t.Errorf("observation: error %v\n%s", err, cmp.Diff(o, again, like))
			}
		}
		if v, err := record.Forecast(b); err == nil {
			again, err := record.Forecast(record.AppendForecast(nil, &v))
			if err != nil || !cmp.Equal(v, again, like) {
				t.Errorf("forecast: error %v\n%s", err, cmp.Diff(v, again, like))
			}
		}
		if v, err := record.Warning(b); err == nil {
			again, err := record.Warning(record.AppendWarning(nil, &v))
			if err != nil || !cmp.Equal(v, again, like) {
				t.Errorf("warning: error %v\n%s", err, cmp.Diff(v, again, like))
			}
		}
		_, _ = record.ForecastHeader(b)
		_, _ = record.StationForecast(b)
		_, _ = record.Revision(b)
	})
}
