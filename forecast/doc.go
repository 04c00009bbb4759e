// Package forecast computes one basin's flood forecast: areal rain, runoff,
// routing through the river network, levels, and updating from observations.
//
// A [Model] is compiled from a catalogue and never changes. A run starts from a
// [State] that lies the warm-up before now, computes forward to now with the
// observed rain and the observed flows of that time (the hindcast), and on to
// the horizon with the rain forecast and the release plans that are in force
// ([Ahead]); else with no further rain, and with reservoirs' last observed outflow or,
// where the catalogue has their outlets, by their rules and limit levels.
// It returns the forecast and the state to start the next run from. Because each
// run computes the warm-up anew from the histories, late, revised or newly
// doubted data heal by themselves, and a run costs warm-up plus horizon steps
// however long the season has been.
//
// At every node, in order downstream, and at every step,
//
//	arriving = sum of the outflows of the reaches that end here
//	computed = arriving - diverted + steady local flow + runoff of the sub-basins that drain here
//	passed   = observed outflow at a dam, where there is any recent; else computed
//	flow     = passed + error, where error = observed - passed at a gauge and fades after the last observation
//
// where forecast/updating has first taken a lasting loss off what is passed at a
// gauge, and a lasting error of timing out of it: each is named by the run.
// So what runs on downstream from a gauge is the observed flow as long as there
// is any. The steady local flow makes the node carry its BaseFlow, together
// with what the nodes upstream carry, when it has not rained for long.
//
// The methods are packages of their own: forecast/rain, forecast/runoff,
// forecast/xinanjiang, forecast/loss, forecast/unithydrograph, forecast/routing,
// forecast/rating, forecast/reservoir and forecast/updating. docs/models has the
// equations and parameters in one place.
//
// Everything is pure: no clock, no I/O, no goroutine, no map is iterated. Equal
// inputs give equal outputs to the last bit on one machine. Who has processors to
// spare lends them by [Model.WithEach], which changes no bit of the outputs.
package forecast
