package xinanjiang

import (
	"fmt"
	"math"

	"freshet/forecast/param"
	"freshet/forecast/unithydrograph"
)

// ConcentrationParams are the parameters of [NewConcentration].
var ConcentrationParams = []param.Param{
	{Name: "CS", Unit: "1/d", Lo: 0, Hi: 0.999, Doc: "recession of the channel network: flow after a day over flow before", Source: "[Zhao92]", Sought: param.Sought{Lo: 1e-12, Hi: 0.98, Log: true}},
	{Name: "L", Unit: "s", Lo: 0, Hi: 30 * 86400, Doc: "lag of the channel network, need not be whole steps", Source: "[Zhao92]", Sought: param.Sought{Hi: 2 * 86400, HiSteps: 5}},
}

// A Concentration is the lag and the recession of the channel network between
// the ground and the outlet of a catchment [Zhao92]:
//
//	q(t) = csd q(t-dt) + (1 - csd) in(t-L)          csd = CS^(dt/86,400 s)
//
// It is one linear store, whose content is the state, and a lag as a unit
// hydrograph, whose state is the flow that is on its way. CS is per day, as CI
// and CG are; books give it per step: CS = (that of a step)^(86,400 s/dt). It is
// immutable and safe for concurrent use.
type Concentration struct {
	// Lag has the ordinate 1 at L; between two steps it is shared linearly.
	Lag     unithydrograph.Hydrograph
	release float64
}

// NewConcentration returns a concentration with
//
//	cs  recession, 1/d     0 (no store) to 0.999
//	lag s                  0 to 30 days
//	dt  time step, s       > 0 to 86,400
//
// It fails if a value is out of range or the lag longer than 20,000 steps.
func NewConcentration(cs, lag, dt float64) (Concentration, error) {
	for i, v := range []float64{cs, lag} {
		if err := ConcentrationParams[i].Check(v); err != nil {
			return Concentration{}, fmt.Errorf("concentration: %w", err)
		}
	}
	if err := step.Check(dt); err != nil {
		return Concentration{}, fmt.Errorf("concentration: %w", err)
	}
	u, err := unithydrograph.Lag(lag, dt)
	if err != nil {
		return Concentration{}, fmt.Errorf("concentration: %w", err)
	}
	return Concentration{Lag: u, release: 1 - math.Pow(cs, dt/86400)}, nil
}

// Step lets in flow into the store and returns what is then in the store and
// what left it: store + in = rest + out, all in the unit of in, such as mm. Add
// out to the flow at the outlet by Lag.Add.
func (c Concentration) Step(store, in float64) (rest, out float64) {
	store += in
	out = store * c.release
	return store - out, out
}

// Steady returns the store that a steady flow keeps up: what is in the channels
// when a run starts from a known flow, in the unit of flow per step.
func (c Concentration) Steady(flow float64) float64 { return flow/c.release - flow }
