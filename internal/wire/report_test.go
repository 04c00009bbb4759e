package wire_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

func unixMS(ms int64) *freshetv1.ObservedAt {
	return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: ms}}
}

func TestWeatherReportsKeepUnitAndZoneAsStated(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 5, 0, 0, time.UTC)
	got := wire.WeatherRaw(nil, []*freshetv1.WeatherReport{
		{Station: "59475", ObservedAt: unixMS(at.UnixMilli()), IntervalS: 300, Rain: new(1.5), RainUnit: freshetv1.RainUnit_RAIN_UNIT_MM},
		{Station: "no value"},
		{
			Station:    "59476",
			ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Local{Local: "2026-06-01 08:05"}, Zone: "+08:00"},
			IntervalS:  60, Rain: proto.Float64(32766), RainUnit: freshetv1.RainUnit_RAIN_UNIT_TENTH_MM,
		},
		{
			Station:    "59477",
			ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Instant{Instant: timestamppb.New(at)}},
			Rain:       new(math.Inf(1)),
		},
		{
			Station:    "59478",
			ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Instant{Instant: &timestamppb.Timestamp{Nanos: -1}}},
			Rain:       proto.Float64(0),
		},
	})
	want := []hydro.Raw{
		{Report: 0, Field: "rain", Station: "59475", Variable: hydro.Rain, Value: 1.5, Unit: hydro.UnitOwn, At: at, Interval: 5 * time.Minute},
		{Report: 2, Field: "rain", Station: "59476", Variable: hydro.Rain, Value: 32766, Unit: hydro.TenthMM, Local: "2026-06-01 08:05", Zone: "+08:00", Interval: time.Minute},
		{Report: 3, Field: "rain", Station: "59477", Variable: hydro.Rain, Value: math.Inf(1), At: at},
		{Report: 4, Field: "rain", Station: "59478", Variable: hydro.Rain},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOneHydrologyReportHoldsUpToFiveValues(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 5, 0, 0, time.UTC)
	got := wire.HydrologyRaw([]hydro.Raw{{Field: "before"}}, []*freshetv1.HydrologyReport{
		nil,
		{
			Station: "80810100", ObservedAt: unixMS(at.UnixMilli()), WaterLevel: new(9999.999), Datum: "PEARL_RIVER",
			Discharge: proto.Float64(120), Rain: proto.Float64(2), RainIntervalS: 600, RainCounter: new(31.5),
			PanEvaporation: new(4.2), PanIntervalS: 86400,
		},
		{Station: "80810200", ObservedAt: unixMS(at.UnixMilli()), Discharge: proto.Float64(0)},
	})
	want := []hydro.Raw{
		{Field: "before"},
		{Report: 1, Field: "water_level", Station: "80810100", Variable: hydro.WaterLevel, Value: 9999.999, Unit: hydro.UnitOwn, At: at, Datum: hydro.PearlRiver},
		{Report: 1, Field: "discharge", Station: "80810100", Variable: hydro.Discharge, Value: 120, Unit: hydro.UnitOwn, At: at},
		{Report: 1, Field: "rain", Station: "80810100", Variable: hydro.Rain, Value: 2, Unit: hydro.UnitOwn, At: at, Interval: 10 * time.Minute},
		{Report: 1, Field: "rain_counter", Station: "80810100", Variable: hydro.RainCounter, Value: 31.5, Unit: hydro.UnitOwn, At: at},
		{Report: 1, Field: "pan_evaporation", Station: "80810100", Variable: hydro.PanEvaporation, Value: 4.2, Unit: hydro.UnitOwn, At: at, Interval: 24 * time.Hour},
		{Report: 2, Field: "discharge", Station: "80810200", Variable: hydro.Discharge, Unit: hydro.UnitOwn, At: at},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReservoirReportsKeepTheUnitOfStorageAndNumberTheirGates(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 5, 0, 0, time.UTC)
	got := wire.WaterResourcesRaw(nil, []*freshetv1.WaterResourcesReport{{
		Station: "JJ", ObservedAt: unixMS(at.UnixMilli()), ReservoirLevel: new(93.1), Datum: "STATION",
		Storage: new(2.5), StorageUnit: freshetv1.StorageUnit_STORAGE_UNIT_YI_M3,
		Inflow: proto.Float64(300), Outflow: proto.Float64(150),
		Gates: []*freshetv1.GateOpening{{Gate: 1, OpeningM: 0.5}, {Gate: 256, OpeningM: 1}, nil},
	}})
	want := []hydro.Raw{
		{Field: "reservoir_level", Station: "JJ", Variable: hydro.WaterLevel, Value: 93.1, Unit: hydro.UnitOwn, At: at, Datum: hydro.StationDatum},
		{Field: "storage", Station: "JJ", Variable: hydro.Storage, Value: 2.5, Unit: hydro.YiCubicMetre, At: at},
		{Field: "inflow", Station: "JJ", Variable: hydro.Inflow, Value: 300, Unit: hydro.UnitOwn, At: at},
		{Field: "outflow", Station: "JJ", Variable: hydro.Outflow, Value: 150, Unit: hydro.UnitOwn, At: at},
		{Field: "gates[0].opening_m", Station: "JJ", Variable: hydro.GateOpening, Sensor: 1, Value: 0.5, Unit: hydro.UnitOwn, At: at},
		{Field: "gates[1].opening_m", Station: "JJ", Variable: hydro.GateOpening, Value: 1, Unit: hydro.UnitOwn, At: at},
		{Field: "gates[2].opening_m", Station: "JJ", Variable: hydro.GateOpening, Unit: hydro.UnitOwn, At: at},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for unit, want := range map[freshetv1.StorageUnit]hydro.Unit{
		freshetv1.StorageUnit_STORAGE_UNIT_UNSPECIFIED: hydro.UnitUnstated, 99: hydro.UnitUnstated,
		freshetv1.StorageUnit_STORAGE_UNIT_M3:         hydro.CubicMetre,
		freshetv1.StorageUnit_STORAGE_UNIT_WAN_M3:     hydro.WanCubicMetre,
		freshetv1.StorageUnit_STORAGE_UNIT_MILLION_M3: hydro.UnitOwn,
	} {
		got := wire.WaterResourcesRaw(nil, []*freshetv1.WaterResourcesReport{{Storage: proto.Float64(1), StorageUnit: unit}})
		if got[0].Unit != want {
			t.Errorf("%v: got %v, want %v", unit, got[0].Unit, want)
		}
	}
}

func TestReportsWithRoomAllocateNothing(t *testing.T) {
	at := unixMS(1)
	weather := []*freshetv1.WeatherReport{{Station: "a", ObservedAt: at, IntervalS: 300, Rain: proto.Float64(1)}}
	hydrology := []*freshetv1.HydrologyReport{{Station: "a", ObservedAt: at, WaterLevel: proto.Float64(1), Discharge: proto.Float64(1)}}
	water := []*freshetv1.WaterResourcesReport{{Station: "a", ObservedAt: at, Storage: proto.Float64(1), Gates: []*freshetv1.GateOpening{{Gate: 1}}}}
	room := make([]hydro.Raw, 0, 16)
	if n := testing.AllocsPerRun(100, func() {
		room = wire.WeatherRaw(room[:0], weather)
		room = wire.HydrologyRaw(room, hydrology)
		room = wire.WaterResourcesRaw(room, water)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(room) != 5 {
		t.Errorf("%d values, want 5", len(room))
	}
}
