package wire_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// frames are how the three kinds are read, by hand and by the generated code.
var frames = []struct {
	name      string
	hand      func(*wire.Frame, string) bool
	generated func([]byte) (wire.Frame, error)
}{
	{"weather", (*wire.Frame).Weather, func(b []byte) (wire.Frame, error) {
		var m freshetv1.StreamWeatherRequest
		err := proto.Unmarshal(b, &m)
		return wire.Frame{Gateway: m.GetGateway(), Sequence: m.GetSequence(), Dropped: m.GetDropped(), Reports: len(m.GetReports()), Raws: wire.WeatherRaw(nil, m.GetReports())}, err
	}},
	{"hydrology", (*wire.Frame).Hydrology, func(b []byte) (wire.Frame, error) {
		var m freshetv1.StreamHydrologyRequest
		err := proto.Unmarshal(b, &m)
		return wire.Frame{Gateway: m.GetGateway(), Sequence: m.GetSequence(), Dropped: m.GetDropped(), Reports: len(m.GetReports()), Raws: wire.HydrologyRaw(nil, m.GetReports())}, err
	}},
	{"water resources", (*wire.Frame).WaterResources, func(b []byte) (wire.Frame, error) {
		var m freshetv1.StreamWaterResourcesRequest
		err := proto.Unmarshal(b, &m)
		return wire.Frame{Gateway: m.GetGateway(), Sequence: m.GetSequence(), Dropped: m.GetDropped(), Reports: len(m.GetReports()), Raws: wire.WaterResourcesRaw(nil, m.GetReports())}, err
	}},
}

// agree fails if the hand-written reader takes a frame and makes something else
// of it than the generated code.
func agree(t interface {
	Helper()
	Fatalf(string, ...any)
}, kind int, b []byte,
) bool {
	t.Helper()
	var got wire.Frame
	if !frames[kind].hand(&got, string(b)) {
		return false
	}
	want, err := frames[kind].generated(b)
	if err != nil {
		t.Fatalf("%s: taken by hand, refused by the generated code: %v", frames[kind].name, err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); d != "" {
		t.Fatalf("%s (-generated +by hand):\n%s", frames[kind].name, d)
	}
	for i, r := range slices.Backward(got.Raws) {
		if math.Float64bits(r.Value) != math.Float64bits(want.Raws[i].Value) {
			t.Fatalf("value %d: %x, %x", i, math.Float64bits(r.Value), math.Float64bits(want.Raws[i].Value))
		}
	}
	return true
}

func drawObservedAt(t *rapid.T) *freshetv1.ObservedAt {
	switch rapid.IntRange(0, 2).Draw(t, "time") {
	case 0:
		return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: rapid.Int64Range(1, 4e12).Draw(t, "ms")}}
	case 1:
		at := time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Instant{Instant: timestamppb.New(at)}, Zone: "UTC"}
	default:
		return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Local{Local: "2026-06-01 08:00"}, Zone: rapid.SampledFrom([]string{"", "Asia/Shanghai", "+08:00"}).Draw(t, "zone")}
	}
}

func drawValue(t *rapid.T) *float64 {
	if rapid.Bool().Draw(t, "absent") {
		return nil
	}
	return new(rapid.Float64().Draw(t, "value"))
}

func TestFramesReadByHandEqualTheGeneratedCodes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"hy-1", "恩平", "80100101"})
		gateway, sequence := rapid.SampledFrom([]string{"", "网关"}).Draw(t, "gateway"), rapid.Uint64Range(1, 1<<40).Draw(t, "sequence")
		dropped := rapid.Uint64Range(0, 1<<40).Draw(t, "dropped")
		w := &freshetv1.StreamWeatherRequest{Gateway: gateway, Sequence: sequence, Dropped: dropped}
		h := &freshetv1.StreamHydrologyRequest{Gateway: gateway, Sequence: sequence, Dropped: dropped}
		r := &freshetv1.StreamWaterResourcesRequest{Gateway: gateway, Sequence: sequence, Dropped: dropped}
		for range rapid.IntRange(0, 5).Draw(t, "reports") {
			station, at, interval := text.Draw(t, "station"), drawObservedAt(t), rapid.Uint32().Draw(t, "interval")
			datum := rapid.SampledFrom([]string{"", "PEARL_RIVER", "珠江基面"}).Draw(t, "datum")
			value := new(rapid.Float64().Draw(t, "value"))
			w.Reports = append(w.Reports, &freshetv1.WeatherReport{
				Station: station, ObservedAt: at, IntervalS: interval, Rain: value,
				RainUnit: freshetv1.RainUnit(rapid.IntRange(0, 2).Draw(t, "unit")),
			})
			h.Reports = append(h.Reports, &freshetv1.HydrologyReport{
				Station: station, ObservedAt: at, WaterLevel: value, Datum: datum, Discharge: drawValue(t), Rain: drawValue(t),
				RainIntervalS: interval, RainCounter: drawValue(t),
				PanEvaporation: drawValue(t), PanIntervalS: rapid.Uint32().Draw(t, "pan interval"),
			})
			report := &freshetv1.WaterResourcesReport{
				Station: station, ObservedAt: at, ReservoirLevel: drawValue(t), Datum: datum, Storage: value,
				StorageUnit: freshetv1.StorageUnit(rapid.IntRange(0, 4).Draw(t, "unit")), Inflow: drawValue(t), Outflow: drawValue(t),
			}
			for range rapid.IntRange(0, 3).Draw(t, "gates") {
				report.Gates = append(report.Gates, &freshetv1.GateOpening{Gate: rapid.Uint32Range(1, 255).Draw(t, "gate"), OpeningM: rapid.Float64().Draw(t, "opening")})
			}
			r.Reports = append(r.Reports, report)
		}
		for kind, m := range []proto.Message{w, h, r} {
			b, err := proto.Marshal(m)
			if err != nil {
				t.Fatalf("%v", err)
			}
			if !agree(t, kind, b) {
				t.Fatalf("%s: a plain frame was not taken: %v", frames[kind].name, m)
			}
		}
	})
}

func TestFramesThatNeedTheGeneratedCodeAreLeftToIt(t *testing.T) {
	at := &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: 1}}
	level := proto.Float64(1)
	long := string(make([]byte, 65))
	for name, m := range map[string]*freshetv1.StreamHydrologyRequest{
		"no sequence":   {},
		"long gateway":  {Sequence: 1, Gateway: long},
		"no station":    {Sequence: 1, Reports: []*freshetv1.HydrologyReport{{ObservedAt: at, WaterLevel: level}}},
		"long station":  {Sequence: 1, Reports: []*freshetv1.HydrologyReport{{Station: long, ObservedAt: at, WaterLevel: level}}},
		"long datum":    {Sequence: 1, Reports: []*freshetv1.HydrologyReport{{Station: "a", Datum: long, ObservedAt: at, WaterLevel: level}}},
		"empty time":    {Sequence: 1, Reports: []*freshetv1.HydrologyReport{{Station: "a", ObservedAt: &freshetv1.ObservedAt{}, WaterLevel: level}}},
		"negative time": {Sequence: 1, Reports: []*freshetv1.HydrologyReport{{Station: "a", ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: -1}}, WaterLevel: level}}},
		"no value":      {Sequence: 1, Reports: []*freshetv1.HydrologyReport{{Station: "a", ObservedAt: at}}},
		"too many":      {Sequence: 1, Reports: slices.Repeat([]*freshetv1.HydrologyReport{{Station: "a", ObservedAt: at, WaterLevel: level}}, 10_001)},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if agree(t, 1, b) {
			t.Errorf("%s: taken", name)
		}
	}
	plain, err := proto.Marshal(&freshetv1.StreamHydrologyRequest{Sequence: 1, Reports: []*freshetv1.HydrologyReport{{Station: "a", ObservedAt: at, WaterLevel: level}}})
	if err != nil || !agree(t, 1, plain) {
		t.Fatal("a plain frame was not taken")
	}
	if agree(t, 1, append(plain, 0x48, 1)) {
		t.Error("an unknown field: taken")
	}
	if agree(t, 1, plain[:len(plain)-1]) {
		t.Error("a frame cut short: taken")
	}
}

func FuzzFrame(f *testing.F) {
	at := &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: 1780286400000}}
	for kind, m := range []proto.Message{
		&freshetv1.StreamWeatherRequest{Gateway: "g", Sequence: 1, Reports: []*freshetv1.WeatherReport{{Station: "a", ObservedAt: at, IntervalS: 300, Rain: proto.Float64(1), RainUnit: 2}}},
		&freshetv1.StreamHydrologyRequest{Gateway: "g", Sequence: 2, Reports: []*freshetv1.HydrologyReport{
			{Station: "b", ObservedAt: at, WaterLevel: proto.Float64(5), Datum: "PEARL_RIVER", Discharge: proto.Float64(300), Rain: proto.Float64(1), RainIntervalS: 300, RainCounter: proto.Float64(2), PanEvaporation: proto.Float64(4), PanIntervalS: 86400},
			{Station: "b", ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Local{Local: "2026-06-01 08:00"}, Zone: "+08:00"}, Rain: proto.Float64(1)},
			{Station: "b", ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Instant{Instant: timestamppb.New(time.Unix(1780286400, 5))}}, Rain: proto.Float64(1)},
		}},
		&freshetv1.StreamWaterResourcesRequest{Gateway: "g", Sequence: 3, Reports: []*freshetv1.WaterResourcesReport{
			{Station: "c", ObservedAt: at, ReservoirLevel: proto.Float64(5), Datum: "STATION", Storage: proto.Float64(90), StorageUnit: 2, Inflow: proto.Float64(1), Outflow: proto.Float64(1), Gates: []*freshetv1.GateOpening{{Gate: 1, OpeningM: 2}}},
		}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(kind), b)
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) { agree(t, int(kind)%len(frames), b) })
}

func BenchmarkFrame(b *testing.B) {
	m := &freshetv1.StreamHydrologyRequest{Gateway: "g", Sequence: 1}
	for range 1000 {
		m.Reports = append(m.Reports, &freshetv1.HydrologyReport{
			Station: "hy-000-0123", ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: 1780286400000}},
			WaterLevel: new(5.25), Datum: "PEARL_RIVER", Discharge: proto.Float64(315), Rain: proto.Float64(2), RainIntervalS: 300,
		})
	}
	data, err := proto.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	text := string(data)
	b.Run("reports=1000/by=hand", func(b *testing.B) {
		var f wire.Frame
		b.ReportAllocs()
		for b.Loop() {
			if !f.Hydrology(text) {
				b.Fatal("not taken")
			}
		}
	})
	b.Run("reports=1000/by=generated", func(b *testing.B) {
		var raws []hydro.Raw
		b.ReportAllocs()
		for b.Loop() {
			var m freshetv1.StreamHydrologyRequest
			if err := proto.Unmarshal(data, &m); err != nil {
				b.Fatal(err)
			}
			raws = wire.HydrologyRaw(raws[:0], m.GetReports())
		}
	})
}
