package feed

import (
	"slices"
	"strings"

	"freshet/internal/hydro"
)

// A unit is how a written number becomes a Raw: the unit that the Raw carries,
// and the factor to it. Where a Raw can carry the written unit the factor is 1,
// so that codes for "no value" arrive as they were written.
type unit struct {
	raw    hydro.Unit
	factor float64
}

// own is a unit that is converted to the variable's own.
func own(factor float64) unit { return unit{hydro.UnitOwn, factor} }

var units = map[hydro.Variable]map[string]unit{
	hydro.WaterLevel:  {"m": own(1), "cm": own(0.01), "mm": own(0.001), "ft": own(0.3048)},
	hydro.GateOpening: {"m": own(1), "cm": own(0.01), "ft": own(0.3048)},
	hydro.Discharge:   flowUnits, hydro.Inflow: flowUnits, hydro.Outflow: flowUnits,
	hydro.Rain:        {"mm": own(1), "0.1 mm": {hydro.TenthMM, 1}, "cm": own(10), "in": own(25.4)},
	hydro.RainCounter: depthUnits, hydro.PanEvaporation: depthUnits,
	hydro.Storage: {"1e6 m3": own(1), "m3": {hydro.CubicMetre, 1}, "1e4 m3": {hydro.WanCubicMetre, 1}, "1e8 m3": {hydro.YiCubicMetre, 1}},
}

var (
	flowUnits  = map[string]unit{"m3/s": own(1), "l/s": own(0.001), "ft3/s": own(0.028316846592)}
	depthUnits = map[string]unit{"mm": own(1), "0.1 mm": own(0.1), "cm": own(10), "in": own(25.4)}
)

// Units returns the names of the units that a column of v may be in, and the
// factor of each to the variable's own unit.
func Units(v hydro.Variable) map[string]float64 {
	carried := map[hydro.Unit]float64{hydro.UnitOwn: 1, hydro.TenthMM: 0.1, hydro.CubicMetre: 1e-6, hydro.WanCubicMetre: 0.01, hydro.YiCubicMetre: 100}
	out := make(map[string]float64, len(units[v]))
	for name, u := range units[v] {
		out[name] = u.factor * carried[u.raw]
	}
	return out
}

// unitNames lists the units of v for people.
func unitNames(v hydro.Variable) string {
	names := make([]string, 0, len(units[v]))
	for name := range units[v] {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// reported lists what the departments' reports can carry.
var reported = map[hydro.Department][]hydro.Variable{
	hydro.Weather:        {hydro.Rain},
	hydro.Hydrology:      {hydro.WaterLevel, hydro.Discharge, hydro.Rain, hydro.RainCounter, hydro.PanEvaporation},
	hydro.WaterResources: {hydro.WaterLevel, hydro.Storage, hydro.Inflow, hydro.Outflow, hydro.GateOpening},
}

func variableNames() string {
	names := make([]string, len(hydro.Variables))
	for i, v := range hydro.Variables {
		names[i] = v.String()
	}
	return strings.Join(names, ", ")
}
