// Package scenario makes the storm of `freshet demo`: 96 hours of synthetic
// Dragon Boat rain over the Tanjiang catalogue, the river that follows from it,
// and what forty imperfect stations report of both. Nothing in it happened.
//
// The river is computed by other methods and with other numbers than the
// forecast uses, so that a forecast can be wrong in the ways forecasts are:
//
//	              truth (here)                            forecast (package forecast)
//	rain          moving cells and drizzle, at each       Thiessen mean of the gauges that report
//	              of twelve places of a sub-basin
//	runoff        Green-Ampt infiltration into a soil     saturation excess of one bucket a
//	              of finite depth, place by place         sub-basin
//	hillslope     sheet flow q = α·h^(5/3), interflow,    Nash cascade
//	              then a stream store Q ∝ S^(5/4)
//	channel       kinematic wave (Manning, trapezoid)     Muskingum with constant k and x
//	              on 2 km cells, 1 min step, with
//	              inflow along the way
//	level         Manning section, looped by the rise     rating table from gaugings with 4 %
//	              (Jones), tide on top near the sea       error, extended beyond them
//	reservoirs    releases that nobody announces          last observed outflow is held
//
// The package is pure: a storm is a function of the catalogue and a seed.
package scenario
