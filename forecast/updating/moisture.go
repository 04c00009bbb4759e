package updating

import (
	"fmt"
	"math"

	"freshet/forecast/param"
)

// MoistureParams are the parameters of [NewMoisture].
var MoistureParams = []param.Param{
	{Name: "share", Unit: "–", Lo: 0, Hi: 1, Doc: "share of the volume error that is laid to the store; 0: switched off", Source: "this package"},
	{Name: "dead", Unit: "–", Lo: 0, Hi: 1, Doc: "share of the observed volume within which an error moves nothing", Source: "this package"},
	{Name: "limit", Unit: "–", Lo: 0, Hi: 1, Doc: "share of the store's capacity that one adjustment may move at most", Source: "this package"},
	{Name: "floor", Unit: "mm", Lo: 0, Hi: 100, Above: true, Doc: "observed and computed volume below which a window says nothing", Source: "this package"},
}

// A Moisture adjusts a tension-water store when the volume is off: the updating of
// states of [Refsgaard97], by the volume balance of a window. It is immutable.
//
// If the runoff of a window was V computed and Vo observed, the store at the
// window's begin was wrong by about
//
//	dW = share (Vo - V) / (dV/dW)
//
// because a fuller store gives more runoff of the same rain. dV/dW is found by
// computing the window again with another store, [Moisture.Adjust] tells which.
type Moisture struct{ share, dead, limit, floor float64 }

// NewMoisture returns the method: share, dead and limit are dimensionless, floor is in
// mm. It fails if a value is out of the range in [MoistureParams].
func NewMoisture(share, dead, limit, floor float64) (Moisture, error) {
	for i, v := range []float64{share, dead, limit, floor} {
		if err := MoistureParams[i].Check(v); err != nil {
			return Moisture{}, fmt.Errorf("updating: soil moisture: %w", err)
		}
	}
	return Moisture{share, dead, limit, floor}, nil
}

// An Adjustment says what was done to a store.
type Adjustment struct {
	Store  float64 // new store at the window's begin, mm
	Moved  float64 // by how much it was moved, mm; this water is made (or lost) by the adjustment
	Before float64 // volume error with the old store, observed less computed, mm
	After  float64 // with the new store, mm
	Runs   int     // of the window
	Why    Why     // it was moved no further
}

// Why says why an adjustment stopped where it did.
type Why int

// The reasons.
const (
	Off          Why = iota // share is 0
	TooLittle               // the window's volumes are below the floor
	Right                   // the error was within the dead share
	Adjusted                // the error that is laid to the store is gone
	AtLimit                 // the limit, or an empty or a full store, was reached
	NotSensitive            // the volume does not depend on the store: no rain fell
)

// String returns the reason in words.
func (w Why) String() string {
	switch w {
	case Off:
		return "switched off"
	case TooLittle:
		return "too little runoff to tell"
	case Right:
		return "the volume is right"
	case Adjusted:
		return "adjusted"
	case AtLimit:
		return "adjusted as far as allowed"
	case NotSensitive:
		return "the volume does not depend on the store"
	}
	return fmt.Sprintf("Why(%d)", int(w))
}

const (
	moistureRuns = 30
	sensitive    = 0.01 // mm of volume per mm of store
)

// Adjust returns by how much to move a store, mm, of a capacity, mm, at the begin
// of a window in which observed, mm over the area, ran off. volume computes the
// runoff of the window, mm, from a store; it must not fall where the store
// rises, and is called at most 32 times. A store is searched for whose volume
// is the computed one and the share of the error, by false position, to 1 % of
// the error or 0.01 mm. An observed volume that is NaN (the gauge did not report
// or is not to be trusted) moves nothing. It panics unless 0 <= store <= capacity
// and capacity > 0.
func (m Moisture) Adjust(store, capacity, observed float64, volume func(store float64) float64) Adjustment {
	if !(capacity > 0 && store >= 0 && store <= capacity) {
		panic("updating: store is outside its capacity")
	}
	a := Adjustment{Store: store}
	if m.share == 0 {
		return a
	}
	if math.IsNaN(observed) {
		a.Why = TooLittle
		return a
	}
	computed := volume(store)
	a.Runs = 1
	a.Before = observed - computed
	a.After = a.Before
	switch {
	case max(observed, computed) < m.floor:
		a.Why = TooLittle
		return a
	case math.Abs(a.Before) <= m.dead*observed:
		a.Why = Right
		return a
	}
	want := computed + m.share*a.Before
	end := max(0, store-m.limit*capacity)
	if a.Before > 0 {
		end = min(capacity, store+m.limit*capacity)
	}
	at := volume(end)
	a.Runs++
	switch {
	case end == store:
		a.Why = AtLimit
		return a
	case math.Abs(at-computed) < sensitive*math.Abs(end-store):
		a.Why = NotSensitive
		return a
	case (at-want)*a.Before < 0: // even the end gives too little of a change
		a.Store, a.Moved, a.After, a.Why = end, end-store, observed-at, AtLimit
		return a
	}
	x, fx := store, computed-want
	y, fy := end, at-want
	enough := max(0.01, 0.01*math.Abs(a.Before))
	for range moistureRuns {
		z := min(max(x-fx*(y-x)/(fy-fx), min(x, y)), max(x, y)) // between the ends in spite of rounding
		fz := volume(z) - want
		a.Runs++
		a.Store, a.After = z, observed-(fz+want)
		if math.Abs(fz) <= enough {
			break
		}
		// The Illinois rule: an end that stays counts half, or it would stay for good.
		if fz*fy < 0 {
			x, fx = y, fy
		} else {
			fx /= 2
		}
		y, fy = z, fz
	}
	a.Moved, a.Why = a.Store-store, Adjusted
	return a
}
