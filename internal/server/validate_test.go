package server

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	freshetv1 "freshet/proto/freshet/v1"
)

// text draws strings around the limits, of one and of three bytes a character.
func text(limit int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat(rapid.SampledFrom([]string{"a", "水"}).Draw(t, "character"),
			rapid.SampledFrom([]int{0, 1, limit/3 + 1, limit, limit + 1, 3 * limit}).Draw(t, "length"))
	})
}

func drawTime(t *rapid.T) *freshetv1.ObservedAt {
	switch rapid.IntRange(0, 2).Draw(t, "time") {
	case 0:
		return nil
	case 1:
		return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: 1}, Zone: text(maxZone).Draw(t, "zone")}
	default:
		return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Local{Local: text(maxLocal).Draw(t, "local")}, Zone: text(maxZone).Draw(t, "zone")}
	}
}

func TestHandWrittenRulesAgreeWithTheContract(t *testing.T) {
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	agree := func(t *rapid.T, m proto.Message, got []*errdetails.BadRequest_FieldViolation) {
		var want, have []string
		if err := validator.Validate(m); err != nil {
			invalid, ok := errors.AsType[*protovalidate.ValidationError](err)
			if !ok {
				t.Fatal(err)
			}
			for _, v := range invalid.Violations {
				want = append(want, protovalidate.FieldPathString(v.Proto.GetField())+" "+v.Proto.GetRuleId()+": "+v.Proto.GetMessage())
			}
		}
		for _, v := range got {
			have = append(have, v.GetField()+" "+v.GetReason()+": "+v.GetDescription())
		}
		slices.Sort(want)
		slices.Sort(have)
		if d := cmp.Diff(want, have); d != "" {
			t.Fatalf("contract (-), by hand (+):\n%s", d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		gateway, sequence := text(maxGateway).Draw(t, "gateway"), rapid.Uint64Range(0, 2).Draw(t, "sequence")
		n := rapid.IntRange(0, 4).Draw(t, "reports")
		w := &freshetv1.StreamWeatherRequest{Gateway: gateway, Sequence: sequence}
		h := &freshetv1.StreamHydrologyRequest{Gateway: gateway, Sequence: sequence}
		r := &freshetv1.StreamWaterResourcesRequest{Gateway: gateway, Sequence: sequence}
		for range n {
			station, at, datum := text(maxStation).Draw(t, "station"), drawTime(t), text(maxDatum).Draw(t, "datum")
			w.Reports = append(w.Reports, &freshetv1.WeatherReport{Station: station, ObservedAt: at})
			h.Reports = append(h.Reports, &freshetv1.HydrologyReport{Station: station, ObservedAt: at, Datum: datum})
			report := &freshetv1.WaterResourcesReport{Station: station, ObservedAt: at, Datum: datum}
			for range rapid.SampledFrom([]int{0, 1, 2, maxGates, maxGates + 1}).Draw(t, "gates") {
				report.Gates = append(report.Gates, &freshetv1.GateOpening{Gate: rapid.SampledFrom([]uint32{0, 1, 255, 256}).Draw(t, "gate")})
			}
			r.Reports = append(r.Reports, report)
		}
		agree(t, w, checkWeather(w))
		agree(t, h, checkHydrology(h))
		agree(t, r, checkWaterResources(r))
	})
	t.Run("TooManyReports", func(t *testing.T) {
		m := &freshetv1.StreamHydrologyRequest{Gateway: "g", Sequence: 1, Reports: slices.Repeat([]*freshetv1.HydrologyReport{{Station: "a"}}, maxReports+1)}
		if err := validator.Validate(m); err == nil {
			t.Error("the contract allows it")
		}
		if v := checkHydrology(m); len(v) != 1 || v[0].GetField() != "reports" {
			t.Errorf("got %v", v)
		}
	})
}

func BenchmarkFrameRules(b *testing.B) {
	validator, err := protovalidate.New()
	if err != nil {
		b.Fatal(err)
	}
	m := &freshetv1.StreamHydrologyRequest{Gateway: "g", Sequence: 1}
	for range 1000 {
		m.Reports = append(m.Reports, &freshetv1.HydrologyReport{
			Station: "hy-000123", ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: 1780286400000}},
			WaterLevel: new(5.25), Datum: "PEARL_RIVER", Discharge: new(315.0), Rain: new(2.0), RainIntervalS: 300,
		})
	}
	b.Run("reports=1000/by=hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if v := checkHydrology(m); len(v) > 0 {
				b.Fatal(v)
			}
		}
	})
	b.Run("reports=1000/by=protovalidate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := validator.Validate(m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
