package skill

import (
	"fmt"
	"math"
	"time"
)

// An Event is a stretch of a series that is at or above a threshold.
type Event struct {
	From, To    time.Time // first and last value at or above the threshold
	PeakAt      time.Time // of the highest value, the first of equal ones
	PeakUntil   time.Time // as long as the value then stands: a crest that the gauge's resolution makes flat
	Peak        float64
	First, Last int  // indices of From and To
	Cut         bool // the series begins or ends within it: its start, end or peak may be elsewhere
}

// Events returns the events of a series, ascending: peaks over a threshold, which is
// in the unit of the values.
// Stretches with less than separation between the end of one and the start of
// the next are one event, so that the crest of a flood with two peaks counts
// once. NaN values are gaps; a gap does not end an event, only a value below the
// threshold does.
//
// Instants must ascend, else the error says which does not. It panics if the
// lengths differ.
func Events(at []time.Time, values []float64, threshold float64, separation time.Duration) ([]Event, error) {
	if len(at) != len(values) {
		panic(badLength)
	}
	if math.IsNaN(threshold) || math.IsInf(threshold, 0) {
		return nil, fmt.Errorf("events: threshold %g is not finite", threshold)
	}
	if separation < 0 {
		return nil, fmt.Errorf("events: separation %s is below 0", separation)
	}
	var out []Event
	first, last := -1, -1 // of the values that are there
	for i, v := range values {
		if i > 0 && !at[i].After(at[i-1]) {
			return nil, fmt.Errorf("events: instant %d, %s, does not lie after %s", i, at[i].Format(time.RFC3339), at[i-1].Format(time.RFC3339))
		}
		if math.IsNaN(v) {
			continue
		}
		if first < 0 {
			first = i
		}
		below := last >= 0 && values[last] < threshold
		var before time.Time
		if last >= 0 {
			before = at[last]
		}
		last = i
		if v < threshold {
			continue
		}
		if k := len(out) - 1; k >= 0 && (!below || at[i].Sub(out[k].To) < separation) {
			e := &out[k]
			switch {
			case v > e.Peak:
				e.Peak, e.PeakAt, e.PeakUntil = v, at[i], at[i]
			case v == e.Peak && e.PeakUntil.Equal(before):
				e.PeakUntil = at[i]
			}
			e.To, e.Last = at[i], i
			continue
		}
		out = append(out, Event{From: at[i], To: at[i], PeakAt: at[i], PeakUntil: at[i], Peak: v, First: i, Last: i, Cut: i == first})
	}
	if k := len(out) - 1; k >= 0 && out[k].Last == last {
		out[k].Cut = true
	}
	return out, nil
}

// A Contingency counts yes-or-no forecasts of an event.
type Contingency struct {
	Hits             int
	Misses           int
	FalseAlarms      int
	CorrectNegatives int
}

// Exceedances counts pairs by whether observation and forecast are at or above
// a threshold, all in one unit. It panics if the lengths differ.
func Exceedances(observed, forecast []float64, threshold float64) Contingency {
	if len(observed) != len(forecast) {
		panic(badLength)
	}
	var c Contingency
	for i, o := range observed {
		switch came, said := o >= threshold, forecast[i] >= threshold; {
		case came && said:
			c.Hits++
		case came:
			c.Misses++
		case said:
			c.FalseAlarms++
		default:
			c.CorrectNegatives++
		}
	}
	return c
}

// POD is the probability of detection, hits / (hits + misses); NaN if nothing
// happened.
func (c Contingency) POD() float64 { return share(c.Hits, c.Hits+c.Misses) }

// FAR is the false alarm ratio, false alarms / (hits + false alarms), a share; NaN if
// nothing was forecast.
func (c Contingency) FAR() float64 { return share(c.FalseAlarms, c.Hits+c.FalseAlarms) }

// CSI is the critical success index, hits / (hits + misses + false alarms), a share;
// NaN if nothing happened and nothing was forecast.
func (c Contingency) CSI() float64 { return share(c.Hits, c.Hits+c.Misses+c.FalseAlarms) }

func share(part, whole int) float64 {
	if whole == 0 {
		return math.NaN()
	}
	return float64(part) / float64(whole)
}

// A Span is a stretch of time during which something held, from From until
// before To.
type Span struct {
	From, To time.Time
	Open     bool // of a crossing: its start is not known; of a warning: it still stands
}

// A WarningScore says how warnings of a stage met the crossings of its
// threshold.
type WarningScore struct {
	Crossings   int             // of the threshold, observed
	InTime      int             // warned at the crossing or before
	Late        int             // warned only while the threshold was exceeded
	Missed      int             // never warned
	FalseAlarms int             // warnings during which the threshold was never met
	Undecided   int             // crossings without a start, and warnings that still stand without a crossing
	Leads       []time.Duration // from warning to crossing, of those in time and late; late ones are below 0
}

// Contingency counts the crossings warned in time as hits, and late ones as
// misses: a warning that comes after the water is a report.
func (w WarningScore) Contingency() Contingency {
	return Contingency{Hits: w.InTime, Misses: w.Late + w.Missed, FalseAlarms: w.FalseAlarms}
}

// Warnings compares the times during which a stage stood with those during
// which its threshold was observed to be met. Both ascend and do not overlap
// among themselves. The lead time of a crossing counts from when the warning was
// raised, or from the end of the crossing before if that lies later: a warning
// that stands on is no new foresight.
func Warnings(crossings, warnings []Span) WarningScore {
	var s WarningScore
	met := make([]bool, len(warnings))
	var before time.Time // end of the crossing before
	for _, c := range crossings {
		var by *Span
		for i := range warnings {
			w := &warnings[i]
			if w.From.Before(c.To) && w.To.After(c.From) || w.From.Equal(c.From) {
				met[i] = true
				if by == nil {
					by = w
				}
			}
		}
		previous := before
		before = c.To
		if c.Open { // whoever warned of it may have done so before the record
			s.Undecided++
			continue
		}
		s.Crossings++
		if by == nil {
			s.Missed++
			continue
		}
		raised := by.From
		if previous.After(raised) {
			raised = previous
		}
		lead := c.From.Sub(raised)
		s.Leads = append(s.Leads, lead)
		if lead >= 0 {
			s.InTime++
		} else {
			s.Late++
		}
	}
	for i, w := range warnings {
		switch {
		case met[i]:
		case w.Open:
			s.Undecided++
		default:
			s.FalseAlarms++
		}
	}
	return s
}

// Coverage returns the share of observations within [low, high], both included:
// of an 80 % band it should be 0.8. NaN for no observation. It panics if the
// lengths differ.
func Coverage(observed, low, high []float64) float64 {
	if len(observed) != len(low) || len(observed) != len(high) {
		panic(badLength)
	}
	n := 0
	for i, o := range observed {
		if o >= low[i] && o <= high[i] {
			n++
		}
	}
	return share(n, len(observed))
}
