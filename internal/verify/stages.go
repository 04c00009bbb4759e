package verify

import (
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/forecast/skill"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A Record is the usable observations of one series, ascending.
type Record struct {
	At     []time.Time
	Values []float64
	Within time.Duration // how long the last one before a gap stands for now
}

// JudgeStages judges the warnings of one station, by stage, mildest first: a
// threshold of level or discharge that is met between from and to asks for its
// stage. Warnings are in the order of the log and also those before from, so that
// what stood then is known. Floods less than separation apart are one.
func JudgeStages(thresholds []catalog.Threshold, by map[hydro.Variable]Record, warned []hydro.Warning, from, to time.Time, separation time.Duration) ([]Stage, error) {
	out := []Stage{}
	for _, stage := range []hydro.Stage{hydro.Blue, hydro.Yellow, hydro.Orange, hydro.Red} {
		s := Stage{Stage: stage.String(), Thresholds: []StageThreshold{}, Leads: []Score{}, Median: Score(math.NaN()), Least: Score(math.NaN())}
		var crossings []skill.Span
		var last time.Time
		for _, h := range thresholds {
			o := by[h.Variable]
			if h.Stage != stage || len(o.At) == 0 {
				continue
			}
			found, err := o.crossings(h.Value, from, to, separation)
			if err != nil {
				return nil, fmt.Errorf("crossings of %s: %w", h.Stage, err)
			}
			crossings = append(crossings, found...)
			s.Thresholds = append(s.Thresholds, StageThreshold{h.Variable.String(), h.Variable.Unit(), Score(h.Value)})
			if end := o.At[len(o.At)-1]; end.After(last) {
				last = end
			}
		}
		if len(s.Thresholds) == 0 {
			continue
		}
		w := skill.Warnings(union(crossings), standing(warned, stage, from, last))
		s.Crossings, s.InTime, s.Late, s.Missed, s.Undecided, s.Counts = w.Crossings, w.InTime, w.Late, w.Missed, w.Undecided, counts(w.Contingency())
		for _, l := range w.Leads {
			s.Leads = append(s.Leads, Score(l.Hours()))
		}
		if n := len(s.Leads); n > 0 {
			sorted := slices.Sorted(slices.Values(s.Leads))
			s.Least, s.Median = sorted[0], (sorted[(n-1)/2]+sorted[n/2])/2
		}
		out = append(out, s)
	}
	return out, nil
}

// crossings returns when a threshold was met between from and to.
func (o *Record) crossings(threshold float64, from, to time.Time, separation time.Duration) ([]skill.Span, error) {
	met, err := skill.Events(o.At, o.Values, threshold, separation)
	if err != nil {
		return nil, err
	}
	var out []skill.Span
	for _, e := range met {
		end := e.To.Add(o.Within)
		if e.Last+1 < len(o.At) {
			end = o.At[e.Last+1]
		}
		if !end.Before(from) && !e.From.After(to) {
			out = append(out, skill.Span{From: e.From, To: end, Open: e.First == 0 || e.From.Before(from)})
		}
	}
	return out, nil
}
