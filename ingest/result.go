package ingest

import (
	"time"

	"freshet/internal/hydro"
)

// A Result is what became of one frame. The zero value is ready; a Result that
// is used again keeps its memory, so that accepted readings allocate nothing.
// It belongs to one goroutine at a time.
type Result struct {
	// Basins holds what goes to the log, in order of first appearance; a basin
	// appears only if it has readings or refusals. Valid until the Result is
	// used again.
	Basins []BasinResult
	// Rejections are the values that were not accepted, in the order of the frame.
	Rejections []hydro.Rejection
	// Accepted is the number of readings in Basins.
	Accepted int
	// NotAllowed is the number of Rejections because of the sender's Scope.
	NotAllowed int

	place  []int32 // by the normalizer's basin number: 1 + index into Basins, or 0
	merged map[refusalKey]int
	zones  Zones
}

// A BasinResult is one basin's part of a Result.
type BasinResult struct {
	Basin    string
	Readings []hydro.Reading
	Refusals []hydro.Refusal // one for each station, variable and reason
}

type refusalKey struct {
	station  string
	variable hydro.Variable
	reason   hydro.RefusalReason
}

// reset empties r for a normalizer with that many basins.
func (r *Result) reset(basins int) {
	r.Basins = r.Basins[:0]
	r.Rejections = r.Rejections[:0]
	r.Accepted, r.NotAllowed = 0, 0
	if cap(r.place) < basins {
		r.place = make([]int32, basins)
	}
	r.place = r.place[:basins]
	clear(r.place)
	clear(r.merged)
}

// basin returns the part of the basin with that number.
func (r *Result) basin(number int, name string) *BasinResult {
	if i := r.place[number]; i != 0 {
		return &r.Basins[i-1]
	}
	if n := len(r.Basins); n < cap(r.Basins) { // take back the memory of an earlier frame
		r.Basins = r.Basins[:n+1]
	} else {
		r.Basins = append(r.Basins, BasinResult{})
	}
	b := &r.Basins[len(r.Basins)-1]
	b.Basin, b.Readings, b.Refusals = name, b.Readings[:0], b.Refusals[:0]
	r.place[number] = int32(len(r.Basins))
	return b
}

// refuse lists raw as refused, and counts it for its station if that is known.
// The instant at may be zero.
func (r *Result) refuse(raw *hydro.Raw, s *station, at time.Time, reason hydro.RefusalReason, message string) {
	r.Rejections = append(r.Rejections, hydro.Rejection{Report: raw.Report, Field: raw.Field, Reason: reason, Message: message})
	if s == nil {
		return
	}
	b := r.basin(s.basinNumber, s.basin)
	key := refusalKey{s.id, raw.Variable, reason}
	i, ok := r.merged[key]
	if !ok {
		if r.merged == nil {
			r.merged = make(map[refusalKey]int)
		}
		i = len(b.Refusals)
		r.merged[key] = i
		b.Refusals = append(b.Refusals, hydro.Refusal{Station: s.id, Variable: raw.Variable, Reason: reason})
	}
	f := &b.Refusals[i]
	f.Count++
	f.Detail = message
	if at.After(f.LastAt) {
		f.LastAt = at
	}
}

// SetAgain marks all readings as sent again because the centre's copy differs.
func (r *Result) SetAgain() {
	for i := range r.Basins {
		for k := range r.Basins[i].Readings {
			r.Basins[i].Readings[k].Again = true
		}
	}
}
