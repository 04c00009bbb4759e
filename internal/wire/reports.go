package wire

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// The longest texts that reports may hold, in characters.
const (
	maxStation = 64
	maxLocal   = 32
	maxZone    = 40
	maxDatum   = 40
)

// Sendable returns why no report of that department can carry raw as it is; nil
// if one can. What it lets pass never breaks the contract of a frame: the server
// may still refuse the value, and says so.
func Sendable(d hydro.Department, raw *hydro.Raw) error {
	no := func(format string, args ...any) error {
		return fmt.Errorf("%s of station %q: "+format+": %w", append(append([]any{raw.Variable, raw.Station}, args...), hydro.ErrInvalid)...)
	}
	switch {
	case raw.Station == "":
		return no("no station is named")
	case !text(raw.Station, maxStation):
		return no("the station's name is no UTF-8 text of at most %d characters", maxStation)
	case !text(raw.Local, maxLocal):
		return no("the local time is no UTF-8 text of at most %d characters", maxLocal)
	case !text(raw.Zone, maxZone):
		return no("the zone is no UTF-8 text of at most %d characters", maxZone)
	case !text(string(raw.Datum), maxDatum):
		return no("the datum is no UTF-8 text of at most %d characters", maxDatum)
	case raw.Interval < 0 || raw.Interval%time.Second != 0 || raw.Interval/time.Second > math.MaxUint32:
		return no("the interval %s is not made of whole seconds", raw.Interval)
	case raw.Variable == hydro.GateOpening && raw.Sensor == 0:
		return no("gates are numbered from 1")
	case raw.Variable != hydro.GateOpening && raw.Sensor != 0:
		return no("reports do not tell sensors apart; this one is of sensor %d", raw.Sensor)
	}
	switch {
	case d == hydro.Weather && raw.Variable == hydro.Rain:
		if raw.Unit > hydro.TenthMM {
			return no("rain is not in a unit of rain")
		}
	case d == hydro.Hydrology && (raw.Variable == hydro.WaterLevel || raw.Variable == hydro.Discharge || raw.Variable == hydro.Rain || raw.Variable == hydro.RainCounter || raw.Variable == hydro.PanEvaporation),
		d == hydro.WaterResources && (raw.Variable == hydro.WaterLevel || raw.Variable == hydro.Inflow || raw.Variable == hydro.Outflow || raw.Variable == hydro.GateOpening):
		if raw.Unit != hydro.UnitOwn {
			return no("reports of the department %s carry it in %s only: state that unit in the mapping", d, raw.Variable.Unit())
		}
	case d == hydro.WaterResources && raw.Variable == hydro.Storage:
		if raw.Unit == hydro.TenthMM || raw.Unit > hydro.YiCubicMetre {
			return no("storage is not in a unit of storage")
		}
	default:
		return no("reports of the department %s do not carry this variable", d)
	}
	return nil
}

// text reports whether s is valid and has at most n characters.
func text(s string, n int) bool {
	return utf8.ValidString(s) && (len(s) <= n || utf8.RuneCountInString(s) <= n)
}

// WeatherReports is the other way of [WeatherRaw], for values that are
// [Sendable]. It sets Report and Field of each raw to where it went, so that a
// rejection finds it again.
func WeatherReports(raws []hydro.Raw) []*freshetv1.WeatherReport {
	out := make([]*freshetv1.WeatherReport, 0, len(raws))
	for i := range raws {
		r := &raws[i]
		r.Report, r.Field = len(out), "rain"
		unit := freshetv1.RainUnit_RAIN_UNIT_UNSPECIFIED
		switch r.Unit {
		case hydro.UnitOwn:
			unit = freshetv1.RainUnit_RAIN_UNIT_MM
		case hydro.TenthMM:
			unit = freshetv1.RainUnit_RAIN_UNIT_TENTH_MM
		default:
		}
		out = append(out, &freshetv1.WeatherReport{
			Station: r.Station, ObservedAt: fromObservedAt(r), IntervalS: seconds(r.Interval), Rain: &r.Value, RainUnit: unit,
		})
	}
	return out
}

// HydrologyReports is [WeatherReports] for hydrological stations. Neighbours of
// one station and time share a report.
func HydrologyReports(raws []hydro.Raw) []*freshetv1.HydrologyReport {
	var out []*freshetv1.HydrologyReport
	var p *freshetv1.HydrologyReport
	for i := range raws {
		r := &raws[i]
		if p == nil || !sameReport(&raws[i-1], r) || hydrologyField(p, r.Variable) != nil && *hydrologyField(p, r.Variable) != nil {
			p = &freshetv1.HydrologyReport{Station: r.Station, ObservedAt: fromObservedAt(r)}
			out = append(out, p)
		}
		r.Report, r.Field = len(out)-1, r.Variable.String()
		if f := hydrologyField(p, r.Variable); f != nil {
			*f = &r.Value
		}
		switch r.Variable {
		case hydro.WaterLevel:
			p.Datum = string(r.Datum)
		case hydro.Rain:
			p.RainIntervalS = seconds(r.Interval)
		case hydro.PanEvaporation:
			p.PanIntervalS = seconds(r.Interval)
		default:
		}
	}
	return out
}

func hydrologyField(p *freshetv1.HydrologyReport, v hydro.Variable) **float64 {
	switch v {
	case hydro.WaterLevel:
		return &p.WaterLevel
	case hydro.Discharge:
		return &p.Discharge
	case hydro.Rain:
		return &p.Rain
	case hydro.RainCounter:
		return &p.RainCounter
	case hydro.PanEvaporation:
		return &p.PanEvaporation
	default:
		return nil
	}
}

// WaterResourcesReports is [WeatherReports] for reservoirs and gates.
// Neighbours of one station and time share a report.
func WaterResourcesReports(raws []hydro.Raw) []*freshetv1.WaterResourcesReport {
	var out []*freshetv1.WaterResourcesReport
	var p *freshetv1.WaterResourcesReport
	for i := range raws {
		r := &raws[i]
		taken := func() bool {
			f := waterResourcesField(p, r.Variable)
			return f == nil && len(p.Gates) == len(gateFields) || f != nil && *f != nil
		}
		if p == nil || !sameReport(&raws[i-1], r) || taken() {
			p = &freshetv1.WaterResourcesReport{Station: r.Station, ObservedAt: fromObservedAt(r)}
			out = append(out, p)
		}
		r.Report, r.Field = len(out)-1, r.Variable.String()
		switch r.Variable {
		case hydro.GateOpening:
			r.Field = gateField(len(p.Gates))
			p.Gates = append(p.Gates, &freshetv1.GateOpening{Gate: uint32(r.Sensor), OpeningM: r.Value})
			continue
		case hydro.WaterLevel:
			r.Field, p.Datum = "reservoir_level", string(r.Datum)
		case hydro.Storage:
			p.StorageUnit = fromStorageUnit(r.Unit)
		default:
		}
		if f := waterResourcesField(p, r.Variable); f != nil {
			*f = &r.Value
		}
	}
	return out
}

func waterResourcesField(p *freshetv1.WaterResourcesReport, v hydro.Variable) **float64 {
	switch v {
	case hydro.WaterLevel:
		return &p.ReservoirLevel
	case hydro.Storage:
		return &p.Storage
	case hydro.Inflow:
		return &p.Inflow
	case hydro.Outflow:
		return &p.Outflow
	default:
		return nil
	}
}

func sameReport(a, b *hydro.Raw) bool {
	return a.Station == b.Station && a.At.Equal(b.At) && a.Local == b.Local && a.Zone == b.Zone
}

// fromObservedAt is the other way of observedAt. Of an instant the millisecond
// is kept, as the contract has it.
func fromObservedAt(r *hydro.Raw) *freshetv1.ObservedAt {
	switch {
	case !r.At.IsZero():
		return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: r.At.UnixMilli()}}
	case r.Local != "" || r.Zone != "":
		return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Local{Local: r.Local}, Zone: r.Zone}
	default:
		return nil
	}
}

func fromStorageUnit(u hydro.Unit) freshetv1.StorageUnit {
	switch u {
	case hydro.CubicMetre:
		return freshetv1.StorageUnit_STORAGE_UNIT_M3
	case hydro.WanCubicMetre:
		return freshetv1.StorageUnit_STORAGE_UNIT_WAN_M3
	case hydro.UnitOwn:
		return freshetv1.StorageUnit_STORAGE_UNIT_MILLION_M3
	case hydro.YiCubicMetre:
		return freshetv1.StorageUnit_STORAGE_UNIT_YI_M3
	default:
		return freshetv1.StorageUnit_STORAGE_UNIT_UNSPECIFIED
	}
}
