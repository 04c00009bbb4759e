// Package tidal gives the level of a river where the tide reaches it, from the tide
// at its mouth and the flow from above.
//
// The level follows from a regression with an interaction
//
//	level(t) = mean + rise·f + max(0, gain − damping·f)·tide(t − lag)
//	f        = flow(t − travel)^exponent
//
// so that the river raises the level about which the tide swings, and damps the
// swing. What wind, surge and the regression leave over is the residual, which
// [Residual] takes from the last tidal cycle and lets decay.
//
// Sources. That river flow raises the mean level with flow^(2/3) and damps the tide:
// Kukulka and Jay (2003), "Impacts of Columbia River discharge on salmonid habitat",
// J. Geophys. Res. 108(C9), parts 1 and 2. Regression on powers of the flow for the
// mean level and for each tidal amplitude: Matte, Jay and Zaron (2013), NS_TIDE, J.
// Atmos. Oceanic Technol. 30, 569-589, which is the model here without its term of the
// spring-neap cycle and with one coefficient for all constituents, since the tide
// comes in whole and not by constituents. In Chinese practice 感潮河段潮位相关法; with
// the interaction, 双向交互式回归 (Zhenjiang, 水电能源科学 2015(2), 50-52). Half-cosine
// between high and low water: NOAA Tide Tables, table 3; Admiralty Tide Tables; the
// Australian Hydrographic Service gives it for rises and falls of 5 to 7 h.
//
// Not modelled: shallow water that makes the flood shorter than the ebb more than at
// the tide station, the fortnightly set-up, storage on flood plains, reversal of flow.
package tidal

import (
	"errors"
	"fmt"
	"math"
	"sort"

	"freshet/forecast/param"
)

// CycleMS is the period of the main lunar tide M2, 12.4206 h, in ms. Over it a
// difference in the time of the tide averages out.
const CycleMS = 44_714_160

// Params are the parameters, with units, ranges and what they mean.
var Params = []param.Param{
	{Name: "mean", Unit: "m", Lo: -100, Hi: 1000, Doc: "level, above the gauge's datum, without flow and at tide 0"},
	{Name: "rise", Unit: "m/(m³/s)^exponent", Lo: 0, Hi: 10, Doc: "how much the flow raises the level"},
	{Name: "gain", Unit: "–", Lo: 0, Hi: 3, Doc: "part of the tide that arrives without flow"},
	{Name: "damping", Unit: "1/(m³/s)^exponent", Lo: 0, Hi: 10, Doc: "how much the flow takes off that part"},
	{Name: "exponent", Unit: "–", Lo: 0.3, Hi: 1, Doc: "power of the flow; 2/3 by Kukulka and Jay"},
}

// A Level is the regression. The zero value is none; use [New].
type Level struct {
	Mean, Rise, Gain, Damping, Exponent float64 // units as in Params
}

// New returns l, or an error that names the parameter out of the range in [Params].
func New(l Level) (Level, error) {
	var errs []error
	for i, v := range []float64{l.Mean, l.Rise, l.Gain, l.Damping, l.Exponent} {
		if err := Params[i].Check(v); err != nil {
			errs = append(errs, fmt.Errorf("tidal: %w", err))
		}
	}
	return l, errors.Join(errs...)
}

// At returns the level, m above the gauge's datum, of a tide, m above the tide
// station's datum, and a flow, m³/s; a flow below 0 counts as 0. NaN gives NaN.
func (l Level) At(tide, flow float64) float64 {
	f := math.Pow(max(0, flow), l.Exponent)
	return l.Mean + l.Rise*f + max(0, l.Gain-l.Damping*f)*tide
}

// A Turn is a high or a low water.
type Turn struct {
	At    int64   // Unix ms
	Level float64 // m
}

// A Curve is a tide as a function of time. The zero value is NaN everywhere.
type Curve struct {
	turns      []Turn
	from, step int64 // ms
	levels     []float64
}

// Turns returns the curve through high and low waters, ascending in At: half a cosine
// from each to the next. It keeps turns.
func Turns(turns []Turn) Curve { return Curve{turns: turns} }

// Regular returns the curve through levels, m, step ms apart from the instant from on,
// Unix ms: straight lines. It keeps levels. It panics if step is not above 0.
func Regular(from, step int64, levels []float64) Curve {
	if step <= 0 {
		panic("tidal: step not above 0")
	}
	return Curve{from: from, step: step, levels: levels}
}

// At returns the tide at an instant, Unix ms, m; NaN before the curve begins and after
// it ends.
func (c *Curve) At(ms int64) float64 {
	if n := len(c.turns); n > 0 {
		i := sort.Search(n, func(i int) bool { return c.turns[i].At >= ms }) // the first that is not before
		switch {
		case i == n || i == 0 && c.turns[0].At > ms:
			return math.NaN()
		case c.turns[i].At == ms:
			return c.turns[i].Level
		}
		a, b := c.turns[i-1], c.turns[i]
		return between(a.Level, b.Level, float64(ms-a.At)/float64(b.At-a.At))
	}
	d := ms - c.from
	if d < 0 || len(c.levels) == 0 || d > int64(len(c.levels)-1)*c.step {
		return math.NaN()
	}
	i := int(d / c.step)
	if d%c.step == 0 {
		return c.levels[i]
	}
	return c.levels[i] + float64(d%c.step)/float64(c.step)*(c.levels[i+1]-c.levels[i])
}

// between is the half-cosine from a to b at the share x of the way, 0 to 1.
func between(a, b, x float64) float64 { return (a+b)/2 + (a-b)/2*math.Cos(math.Pi*x) }

// Residual returns the mean of observed less computed levels, m, over one tidal cycle
// ([CycleMS]) of regular values, NaN where one is missing; ok is false where fewer than
// half of them are there. It panics if the lengths differ.
func Residual(observed, computed []float64) (mean float64, ok bool) {
	if len(observed) != len(computed) {
		panic("tidal: lengths differ")
	}
	sum, n := 0.0, 0
	for i, o := range observed {
		if d := o - computed[i]; d == d {
			sum += d
			n++
		}
	}
	if n == 0 || 2*n < len(observed) {
		return 0, false
	}
	return sum / float64(n), true
}

// Decay returns the share of a residual that is left after a time; halfLife 0 leaves
// none. Both in s, not below 0.
func Decay(after, halfLife float64) float64 {
	if halfLife <= 0 {
		return 0
	}
	return math.Exp2(-after / halfLife)
}
