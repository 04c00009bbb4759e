package wire_test

import (
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// Of any values, those that are sendable make frames that the contract allows,
// and come out of them as they went in.
func TestSendableValuesComeBackFromTheirReports(t *testing.T) {
	base := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(hydro.Departments).Draw(t, "department")
		var raws []hydro.Raw
		for range rapid.IntRange(0, 12).Draw(t, "values") {
			r := hydro.Raw{
				Station:  rapid.OneOf(rapid.SampledFrom([]string{"恩平", "80100101"}), rapid.String(), rapid.Just("\xff"), rapid.StringN(60, 70, -1)).Draw(t, "station"),
				Variable: rapid.SampledFrom(hydro.Variables).Draw(t, "variable"),
				Value:    rapid.Float64().Draw(t, "value"),
				Unit:     hydro.Unit(rapid.IntRange(0, 6).Draw(t, "unit")),
			}
			switch rapid.IntRange(0, 3).Draw(t, "time") {
			case 0:
				r.Local, r.Zone = rapid.StringN(0, 40, -1).Draw(t, "local"), rapid.SampledFrom([]string{"", "+08:00", "Asia/Shanghai"}).Draw(t, "zone")
			case 1:
			default:
				r.At = base.Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "minute")) * time.Minute)
			}
			if r.Variable.Amount() {
				r.Interval = time.Duration(rapid.SampledFrom([]int64{0, 1, 3600, 5_000_000_000}).Draw(t, "interval")) * time.Second
			}
			if r.Variable == hydro.WaterLevel {
				r.Datum = hydro.Datum(rapid.SampledFrom([]string{"", "PEARL_RIVER", "珠江基面"}).Draw(t, "datum"))
			}
			if rapid.IntRange(0, 3).Draw(t, "numbered") == 0 || r.Variable == hydro.GateOpening {
				r.Sensor = rapid.Byte().Draw(t, "sensor")
			}
			if wire.Sendable(d, &r) == nil {
				raws = append(raws, r)
			}
		}
		var frame proto.Message
		var back []hydro.Raw
		switch d {
		case hydro.Weather:
			reports := wire.WeatherReports(raws)
			frame, back = &freshetv1.StreamWeatherRequest{Sequence: 1, Reports: reports}, wire.WeatherRaw(nil, reports)
		case hydro.Hydrology:
			reports := wire.HydrologyReports(raws)
			frame, back = &freshetv1.StreamHydrologyRequest{Sequence: 1, Reports: reports}, wire.HydrologyRaw(nil, reports)
		case hydro.WaterResources:
			reports := wire.WaterResourcesReports(raws)
			frame, back = &freshetv1.StreamWaterResourcesRequest{Sequence: 1, Reports: reports}, wire.WaterResourcesRaw(nil, reports)
		}
		if err := protovalidate.Validate(frame); err != nil {
			t.Fatal(err)
		}
		if _, err := proto.Marshal(frame); err != nil {
			t.Fatal(err)
		}
		// The values of one report come back in the order of its fields.
		order := cmpopts.SortSlices(func(a, b hydro.Raw) bool {
			return a.Report < b.Report || a.Report == b.Report && a.Field < b.Field
		})
		if d := cmp.Diff(raws, back, order, cmpopts.EquateEmpty(), cmpopts.EquateNaNs()); d != "" {
			t.Fatalf("(-sent +read):\n%s", d)
		}
	})
}

func TestNeighboursOfOneStationAndTimeShareAReport(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	raws := []hydro.Raw{
		{Station: "a", Variable: hydro.WaterLevel, Unit: hydro.UnitOwn, At: at},
		{Station: "a", Variable: hydro.Rain, Unit: hydro.UnitOwn, At: at},
		{Station: "a", Variable: hydro.Rain, Unit: hydro.UnitOwn, At: at, Value: 1}, // a revision
		{Station: "a", Variable: hydro.Discharge, Unit: hydro.UnitOwn, At: at.Add(time.Minute)},
		{Station: "b", Variable: hydro.Discharge, Unit: hydro.UnitOwn, At: at.Add(time.Minute)},
	}
	if n := len(wire.HydrologyReports(raws)); n != 4 {
		t.Errorf("%d reports, want 4", n)
	}
	gates := []hydro.Raw{
		{Station: "a", Variable: hydro.GateOpening, Sensor: 1, At: at},
		{Station: "a", Variable: hydro.GateOpening, Sensor: 2, At: at},
		{Station: "a", Variable: hydro.Storage, At: at},
	}
	if n := len(wire.WaterResourcesReports(gates)); n != 1 {
		t.Errorf("%d reports, want 1", n)
	}
	if gates[1].Field != "gates[1].opening_m" {
		t.Errorf("the second gate is %q", gates[1].Field)
	}
}
