package wire

import (
	"strconv"
	"time"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// WeatherRaw appends the values of the reports to dst: one per report that has
// a rain value. A value is passed on as it is, with codes for "no value" and
// NaN; times, units and datums as they are stated. It allocates nothing but
// room in dst.
func WeatherRaw(dst []hydro.Raw, reports []*freshetv1.WeatherReport) []hydro.Raw {
	for i, r := range reports {
		if r == nil || r.Rain == nil {
			continue
		}
		unit := hydro.UnitUnstated
		switch r.RainUnit {
		case freshetv1.RainUnit_RAIN_UNIT_MM:
			unit = hydro.UnitOwn
		case freshetv1.RainUnit_RAIN_UNIT_TENTH_MM:
			unit = hydro.TenthMM
		case freshetv1.RainUnit_RAIN_UNIT_UNSPECIFIED:
		}
		raw := hydro.Raw{
			Report: i, Field: "rain", Station: r.Station, Variable: hydro.Rain, Value: *r.Rain, Unit: unit,
			Interval: time.Duration(r.IntervalS) * time.Second,
		}
		observedAt(&raw, r.ObservedAt)
		dst = append(dst, raw)
	}
	return dst
}

// HydrologyRaw is [WeatherRaw] for hydrological stations. One report yields up
// to four values, in the order water level, discharge, rain, rain counter.
func HydrologyRaw(dst []hydro.Raw, reports []*freshetv1.HydrologyReport) []hydro.Raw {
	for i, r := range reports {
		if r == nil {
			continue
		}
		raw := hydro.Raw{Report: i, Station: r.Station, Unit: hydro.UnitOwn}
		observedAt(&raw, r.ObservedAt)
		if r.WaterLevel != nil {
			v := raw
			v.Field, v.Variable, v.Value, v.Datum = "water_level", hydro.WaterLevel, *r.WaterLevel, hydro.Datum(r.Datum)
			dst = append(dst, v)
		}
		if r.Discharge != nil {
			v := raw
			v.Field, v.Variable, v.Value = "discharge", hydro.Discharge, *r.Discharge
			dst = append(dst, v)
		}
		if r.Rain != nil {
			v := raw
			v.Field, v.Variable, v.Value = "rain", hydro.Rain, *r.Rain
			v.Interval = time.Duration(r.RainIntervalS) * time.Second
			dst = append(dst, v)
		}
		if r.RainCounter != nil {
			v := raw
			v.Field, v.Variable, v.Value = "rain_counter", hydro.RainCounter, *r.RainCounter
			dst = append(dst, v)
		}
		if r.PanEvaporation != nil {
			v := raw
			v.Field, v.Variable, v.Value = "pan_evaporation", hydro.PanEvaporation, *r.PanEvaporation
			v.Interval = time.Duration(r.PanIntervalS) * time.Second
			dst = append(dst, v)
		}
	}
	return dst
}

// WaterResourcesRaw is [WeatherRaw] for reservoir and gate stations. One report
// yields its values in the order level, storage, inflow, outflow, gates. A gate
// number above 255 becomes sensor 0, which no gate has.
func WaterResourcesRaw(dst []hydro.Raw, reports []*freshetv1.WaterResourcesReport) []hydro.Raw {
	for i, r := range reports {
		if r == nil {
			continue
		}
		raw := hydro.Raw{Report: i, Station: r.Station, Unit: hydro.UnitOwn}
		observedAt(&raw, r.ObservedAt)
		if r.ReservoirLevel != nil {
			v := raw
			v.Field, v.Variable, v.Value, v.Datum = "reservoir_level", hydro.WaterLevel, *r.ReservoirLevel, hydro.Datum(r.Datum)
			dst = append(dst, v)
		}
		if r.Storage != nil {
			v := raw
			v.Field, v.Variable, v.Value, v.Unit = "storage", hydro.Storage, *r.Storage, storageUnit(r.StorageUnit)
			dst = append(dst, v)
		}
		if r.Inflow != nil {
			v := raw
			v.Field, v.Variable, v.Value = "inflow", hydro.Inflow, *r.Inflow
			dst = append(dst, v)
		}
		if r.Outflow != nil {
			v := raw
			v.Field, v.Variable, v.Value = "outflow", hydro.Outflow, *r.Outflow
			dst = append(dst, v)
		}
		for j, g := range r.Gates {
			v := raw
			v.Field, v.Variable, v.Value = gateField(j), hydro.GateOpening, g.GetOpeningM()
			if n := g.GetGate(); n <= 255 {
				v.Sensor = uint8(n)
			}
			dst = append(dst, v)
		}
	}
	return dst
}

// observedAt fills in when raw was observed. Neither an instant nor a local
// time means that the report states none, or one that is no time.
func observedAt(raw *hydro.Raw, p *freshetv1.ObservedAt) {
	if p == nil {
		return
	}
	switch t := p.Time.(type) {
	case *freshetv1.ObservedAt_UnixMs:
		raw.At = time.UnixMilli(t.UnixMs).UTC()
	case *freshetv1.ObservedAt_Instant:
		if t.Instant.IsValid() { // nil too
			raw.At = t.Instant.AsTime()
		}
	case *freshetv1.ObservedAt_Local:
		raw.Local, raw.Zone = t.Local, p.Zone
	}
}

func storageUnit(u freshetv1.StorageUnit) hydro.Unit {
	switch u {
	case freshetv1.StorageUnit_STORAGE_UNIT_M3:
		return hydro.CubicMetre
	case freshetv1.StorageUnit_STORAGE_UNIT_WAN_M3:
		return hydro.WanCubicMetre
	case freshetv1.StorageUnit_STORAGE_UNIT_MILLION_M3:
		return hydro.UnitOwn
	case freshetv1.StorageUnit_STORAGE_UNIT_YI_M3:
		return hydro.YiCubicMetre
	case freshetv1.StorageUnit_STORAGE_UNIT_UNSPECIFIED:
	}
	return hydro.UnitUnstated
}

// gateFields holds the names of the gate fields that the contract allows, so
// that naming one allocates nothing.
var gateFields = func() (names [64]string) {
	for i := range names {
		names[i] = "gates[" + strconv.Itoa(i) + "].opening_m"
	}
	return names
}()

func gateField(i int) string {
	if i < len(gateFields) {
		return gateFields[i]
	}
	return "gates[" + strconv.Itoa(i) + "].opening_m"
}
