package routing

import (
	"errors"
	"fmt"
	"sort"
)

// A Diversion is an intake that takes water out of a river,
//
//	taken = min(wish, capacity, max(0, arriving - keep))       m³/s
//
// where the wish is one of a share of what arrives, a demand, and a table of flow
// against what is taken of it, linear between its points and the last one held (the
// inflow-diversion function of [HEC-HMS]). What must stay comes first, then what the
// intake can take. The zero value takes nothing.
//
// [HEC-HMS] US Army Corps of Engineers, Hydrologic Engineering Center, Hydrologic
// Modeling System HEC-HMS, Technical Reference Manual, Diversion element.
type Diversion struct {
	Share    float64          // of what arrives, 0 to 1
	Demand   float64          // m³/s
	Table    []DiversionPoint // ascending by flow, the first at 0
	Capacity float64          // m³/s; 0: no limit
	Keep     float64          // m³/s that stay in the river before anything is taken
}

// A DiversionPoint is a point of a table of flow against what is taken of it.
type DiversionPoint struct{ Flow, Taken float64 } // m³/s

// Check returns an error unless the diversion has at most one wish and all of it is
// in range.
func (d *Diversion) Check() error {
	wishes := 0
	for _, has := range []bool{d.Share != 0, d.Demand != 0, len(d.Table) > 0} {
		if has {
			wishes++
		}
	}
	if wishes > 1 {
		return errors.New("diversion: share, demand and table contradict each other: give one")
	}
	if !(d.Share >= 0 && d.Share <= 1) {
		return fmt.Errorf("diversion: share %g: want 0 to 1", d.Share)
	}
	for _, x := range []struct {
		name string
		flow float64
	}{{"demand", d.Demand}, {"capacity", d.Capacity}, {"keep", d.Keep}} {
		if !(x.flow >= 0 && x.flow <= maxFlow) {
			return fmt.Errorf("diversion: %s %g m³/s: want 0 to %g", x.name, x.flow, float64(maxFlow))
		}
	}
	for i, p := range d.Table {
		switch {
		case !(p.Flow >= 0 && p.Flow <= maxFlow):
			return fmt.Errorf("diversion: table: flow %g m³/s: want 0 to %g", p.Flow, float64(maxFlow))
		case !(p.Taken >= 0 && p.Taken <= p.Flow):
			return fmt.Errorf("diversion: table: %g m³/s taken of %g m³/s: want 0 to what flows", p.Taken, p.Flow)
		case i == 0 && p.Flow != 0:
			return fmt.Errorf("diversion: table: begins at a flow of %g m³/s: want 0", p.Flow)
		case i > 0 && p.Flow <= d.Table[i-1].Flow:
			return fmt.Errorf("diversion: table: flow %g m³/s comes after %g m³/s: want ascending", p.Flow, d.Table[i-1].Flow)
		}
	}
	if len(d.Table) == 1 {
		return errors.New("diversion: table: one point: want two at least")
	}
	return nil
}

// Asks returns what the intake would take of a flow if nothing had to stay, m³/s.
func (d *Diversion) Asks(arriving float64) float64 {
	arriving = max(arriving, 0)
	wish := d.Share*arriving + d.Demand
	if n := len(d.Table); n > 0 {
		wish = d.Table[n-1].Taken
		if k := sort.Search(n, func(k int) bool { return d.Table[k].Flow > arriving }); k < n {
			a, b := d.Table[k-1], d.Table[k] // the first is at 0
			wish = a.Taken + (b.Taken-a.Taken)*(arriving-a.Flow)/(b.Flow-a.Flow)
		}
	}
	if d.Capacity > 0 {
		wish = min(wish, d.Capacity)
	}
	return wish
}

// Take returns what is taken of a flow and what is left of it, m³/s. Their sum is the
// flow to rounding, and left is never below the smaller of the flow and Keep.
func (d *Diversion) Take(arriving float64) (taken, left float64) {
	if !(arriving > 0) {
		return 0, arriving
	}
	left = max(arriving-d.Asks(arriving), min(arriving, max(d.Keep, 0)))
	return arriving - left, left
}
