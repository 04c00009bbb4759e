package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/forecast/skill"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/store"
)

// EventOptions say what a flood is; the zero value is ready.
type EventOptions struct {
	Variable   hydro.Variable     // level or discharge; 0: that of the station's lowest threshold, else what it is judged by
	Above      map[string]float64 // by station, in that variable's unit, in place of the lowest threshold
	Separation time.Duration      // less than this below the threshold does not part two floods; 0: 6 h
	Rule       Rule               // by which peaks are judged; "": by station
}

// A Rule is how the standard judges a peak.
type Rule string

// The rules.
const (
	RainfallRunoff Rule = "rainfall_runoff" // a share of the observed peak
	Reach          Rule = "reach"           // a share of the observed change during the lead time
)

func (o *EventOptions) check(cat *catalog.Catalog) error {
	switch o.Variable {
	case 0, hydro.WaterLevel, hydro.Discharge:
	default:
		return fmt.Errorf("events of %s: water_level or discharge is needed: %w", o.Variable, hydro.ErrInvalid)
	}
	switch o.Rule {
	case "", RainfallRunoff, Reach:
	default:
		return fmt.Errorf("rule %q: %s and %s are known: %w", o.Rule, RainfallRunoff, Reach, hydro.ErrInvalid)
	}
	if o.Separation == 0 {
		o.Separation = 6 * time.Hour
	}
	if o.Separation < 0 {
		return fmt.Errorf("separation %s: must not be below 0: %w", o.Separation, hydro.ErrInvalid)
	}
	for id, v := range o.Above {
		if _, ok := cat.Station(id); !ok {
			return fmt.Errorf("station %q: %w", id, hydro.ErrNotFound)
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("threshold %g of %s: not finite: %w", v, id, hydro.ErrInvalid)
		}
	}
	return nil
}

// rule returns the rule for a station below an area of sub-basins in km²: where
// none drains to it, all that a forecast can know comes from gauges upstream.
func (o *EventOptions) rule(area float64) Rule {
	switch {
	case o.Rule != "":
		return o.Rule
	case area > 0:
		return RainfallRunoff
	default:
		return Reach
	}
}

// Events are the floods of a station and how runs forecast their peaks.
type Events struct {
	Variable  hydro.Variable `json:"-"`
	Measured  string         `json:"variable"`
	Unit      string         `json:"unit"`
	Threshold Score          `json:"threshold"`
	Because   string         `json:"threshold_from"` // "lowest stage threshold", "90 % quantile" or "given"
	Events    []Event        `json:"events"`
	Leads     []PeakLead     `json:"leads"` // over all events
}

// An Event is one flood.
type Event struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	PeakAt time.Time `json:"peak_at"`
	Crest  time.Time `json:"peak_until"` // as long as the highest value stood
	Peak   Score     `json:"peak"`
	Cut    bool      `json:"cut"` // the record begins or ends within it: not judged
	Runs   []PeakRun `json:"runs"`
}

// A PeakRun says how one run forecast the peak of an event: the last one issued
// at least Lead before it.
type PeakRun struct {
	Lead           time.Duration `json:"-"`
	Hours          float64       `json:"lead_h"`
	IssuedAt       time.Time     `json:"issued_at"`
	Peak           Score         `json:"peak"`
	PeakAt         time.Time     `json:"peak_at"`
	Error          Score         `json:"peak_error"`
	Share          Score         `json:"peak_error_share"`
	Permissible    Score         `json:"peak_permissible"`
	Qualified      *bool         `json:"peak_qualified"`   // nil: the profile does not say what is permissible, or nothing was observed at issue
	Ratio          Score         `json:"peak_error_ratio"` // GRD, error over permissible error
	Rating         skill.Rating  `json:"peak_rating"`      // by that
	LateHours      float64       `json:"peak_time_error_h"`
	LateMost       float64       `json:"peak_time_permissible_h"`
	InTime         bool          `json:"peak_time_qualified"`
	DC             Score         `json:"dc"`             // from the issue to the end of the event
	Depth          Score         `json:"depth_mm"`       // observed runoff from the issue to the end of the event; NaN if the area is not known
	DepthError     Score         `json:"depth_error_mm"` // forecast less observed
	DepthQualified *bool         `json:"depth_qualified"`
}

// A PeakLead sums up the events at one lead time.
type PeakLead struct {
	Hours          float64     `json:"lead_h"`
	N              int         `json:"n"`
	MeanError      Score       `json:"mean_peak_error"`       // of the absolute errors, in the unit
	MeanShare      Score       `json:"mean_peak_error_share"` // of the absolute errors as shares of the peaks
	MeanLate       Score       `json:"mean_peak_time_error_h"`
	Qualified      Score       `json:"peak_qualified_share"` // QR of peaks
	Excellent      int         `json:"peaks_excellent"`      // by error over permissible error, as are the next two
	Good           int         `json:"peaks_good"`
	Fair           int         `json:"peaks_qualified"` // not good
	InTime         Score       `json:"peak_time_qualified_share"`
	DepthQualified Score       `json:"depth_qualified_share"`
	Grade          skill.Grade `json:"peak_grade"` // by QR of peaks
}

// A Stage says how the warnings of one stage met the crossings of its
// thresholds.
type Stage struct {
	Stage      string           `json:"stage"`
	Thresholds []StageThreshold `json:"thresholds"`
	Crossings  int              `json:"crossings"`
	InTime     int              `json:"in_time"`
	Late       int              `json:"late"`
	Missed     int              `json:"missed"`
	Undecided  int              `json:"undecided"`
	Counts                      // in time is a hit, late and missed are misses
	Leads      []Score          `json:"leads_h"` // from warning to crossing; below 0: late
	Median     Score            `json:"median_lead_h"`
	Least      Score            `json:"least_lead_h"`
}

// A StageThreshold asks for a stage when it is met.
type StageThreshold struct {
	Measured  string `json:"variable"`
	Unit      string `json:"unit"`
	Threshold Score  `json:"threshold"`
}

// tableChanges returns when other thresholds came into force at a station after the
// first run was issued and before what the last one reached.
func (b *basin) tableChanges(station string) []time.Time {
	out := []time.Time{}
	for i := range b.cat.StageTables {
		if t := &b.cat.StageTables[i]; t.Station == station && t.ValidFrom.After(b.from) && t.ValidFrom.Before(b.reached()) {
			out = append(out, t.ValidFrom)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// thresholds returns the thresholds of level and discharge at a station when the
// first run was issued, mildest first.
func (b *basin) thresholds(station string) []catalog.Threshold {
	t, ok := b.cat.StageTable(station, b.from)
	if !ok {
		return nil
	}
	var out []catalog.Threshold
	for _, h := range t.Thresholds {
		if h.Variable == hydro.WaterLevel || h.Variable == hydro.Discharge {
			out = append(out, h)
		}
	}
	slices.SortStableFunc(out, func(x, y catalog.Threshold) int { return cmp.Compare(x.Stage, y.Stage) })
	return out
}

// above returns the nodes from which water comes to the gauge of a station.
func above(basin *catalog.Basin, station string) map[string]bool {
	out := map[string]bool{}
	for i := range basin.Nodes {
		if basin.Nodes[i].Gauge == station {
			out[basin.Nodes[i].ID] = true
		}
	}
	for _, n := range slices.Backward(basin.Nodes) { // they are in order, upstream first
		if out[n.Downstream] {
			out[n.ID] = true
		}
	}
	return out
}

// area sums the sub-basins that drain to the node of a gauge, km².
func (b *basin) area(station string) float64 {
	nodes, sum := above(b.of, station), 0.0
	for _, s := range b.of.SubBasins {
		if nodes[s.Node] {
			sum += s.Area
		}
	}
	return sum
}

func (b *basin) events(ctx context.Context, r store.Reader, s *Station, thresholds []catalog.Threshold, by map[hydro.Variable]*observed) (Events, error) {
	opts := &b.opts.Events
	out := Events{Variable: opts.Variable, Threshold: Score(math.NaN()), Events: []Event{}, Leads: []PeakLead{}}
	if out.Variable == 0 {
		out.Variable = s.Variable
		if len(thresholds) > 0 {
			out.Variable = thresholds[0].Variable
		}
	}
	o := by[out.Variable]
	if o == nil {
		st, _ := b.cat.Station(s.Station)
		var err error
		if o, err = b.observed(ctx, r, st, out.Variable); err != nil {
			return out, err
		}
		by[out.Variable] = o
	}
	out.Measured, out.Unit = out.Variable.String(), out.Variable.Unit()
	if len(o.at) == 0 {
		return out, nil
	}
	i := slices.IndexFunc(thresholds, func(h catalog.Threshold) bool { return h.Variable == out.Variable })
	above, given := opts.Above[s.Station]
	switch {
	case given:
		out.Threshold, out.Because = Score(above), "given"
	case i >= 0:
		out.Threshold, out.Because = Score(thresholds[i].Value), "lowest stage threshold"
	default:
		sorted := slices.Sorted(slices.Values(o.values))
		out.Threshold, out.Because = Score(sorted[(len(sorted)-1)*9/10]), "90 % quantile"
	}
	found, err := skill.Events(o.at, o.values, float64(out.Threshold), opts.Separation)
	if err != nil {
		return out, fmt.Errorf("events at %s: %w", s.Station, err)
	}
	for _, e := range found {
		event := Event{From: e.From, To: e.To, PeakAt: e.PeakAt, Crest: e.PeakUntil, Peak: Score(e.Peak), Cut: e.Cut, Runs: []PeakRun{}}
		if !e.Cut {
			for _, lead := range b.opts.Leads {
				run, ok, err := b.peakRun(ctx, r, s, out.Variable, o, e, lead)
				if err != nil {
					return out, err
				}
				if ok {
					event.Runs = append(event.Runs, run)
				}
			}
		}
		out.Events = append(out.Events, event)
	}
	for _, lead := range b.opts.Leads {
		if l := PeaksAt(&b.opts.Profile, out.Events, lead); l.N > 0 {
			out.Leads = append(out.Leads, l)
		}
	}
	return out, nil
}

// run returns the last run issued at least lead before an instant, and not more
// than one interval of the schedule earlier.
func (b *basin) run(ctx context.Context, r store.Reader, at time.Time, lead time.Duration) (*hydro.Forecast, bool, error) {
	latest := at.Add(-lead)
	i, found := slices.BinarySearchFunc(b.issued, latest, time.Time.Compare)
	if !found {
		i--
	}
	if i < 0 || latest.Sub(b.issued[i]) > max(b.of.Settings.Every, b.of.Settings.OutputStep) {
		return nil, false, nil
	}
	f, ok := b.runs[b.issued[i]]
	if !ok {
		var err error
		f, err = r.Forecast(ctx, b.id, b.issued[i])
		if errors.Is(err, hydro.ErrNotFound) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("read forecast of %s issued %s: %w", b.id, b.issued[i].Format(time.RFC3339), err)
		}
		b.runs[b.issued[i]] = f
	}
	return &f, true, nil
}

// forecastOf returns a station's values in a run.
func forecastOf(f *hydro.Forecast, station string, v hydro.Variable, datum hydro.Datum) []float64 {
	for i := range f.Stations {
		if s := &f.Stations[i]; s.Station == station {
			switch {
			case v != hydro.WaterLevel:
				return s.Discharge
			case s.Datum == datum:
				return s.Level
			}
			return nil // levels on two datums are not compared
		}
	}
	return nil
}

// datum is that of a station's levels.
func (b *basin) datum(station string) hydro.Datum {
	if st, ok := b.cat.Station(station); ok {
		return st.Datum.Name
	}
	return hydro.NoDatum
}

func (b *basin) peakRun(ctx context.Context, r store.Reader, s *Station, v hydro.Variable, o *observed, e skill.Event, lead time.Duration) (PeakRun, bool, error) {
	f, ok, err := b.run(ctx, r, e.PeakAt, lead)
	if err != nil || !ok {
		return PeakRun{}, false, err
	}
	values := forecastOf(f, s.Station, v, b.datum(s.Station))
	// Half of the separation on either side still belongs to this event alone.
	margin := b.opts.Events.Separation / 2
	run := PeakRun{Lead: lead, Hours: lead.Hours(), IssuedAt: f.IssuedAt, Peak: Score(math.NaN())}
	var seen, said []float64
	whole := f.IssuedAt.Add(f.Horizon).After(e.To) || f.IssuedAt.Add(f.Horizon).Equal(e.To)
	for i, x := range values {
		at := f.IssuedAt.Add(time.Duration(i+1) * f.Step)
		if math.IsNaN(x) || at.After(e.To.Add(margin)) {
			continue
		}
		if !at.Before(e.From.Add(-margin)) && (math.IsNaN(float64(run.Peak)) || x > float64(run.Peak)) {
			run.Peak, run.PeakAt = Score(x), at
		}
		if then, ok := o.value(at); ok && !at.After(e.To) {
			seen, said = append(seen, then), append(said, x)
		} else if !ok && !at.After(e.To) {
			whole = false
		}
	}
	if math.IsNaN(float64(run.Peak)) || f.IssuedAt.Add(f.Horizon).Before(e.PeakAt) {
		return PeakRun{}, false, nil
	}
	now, known := o.latest(f.IssuedAt)
	if !known {
		now = math.NaN()
	}
	run.Judge(&b.opts.Profile, &Flood{
		Event: e, Variable: v, Rule: s.Rule, Area: s.Area, Step: f.Step, Now: now, Observed: seen, Forecast: said, Whole: whole,
	})
	return run, true, nil
}

type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x float64) { m.sum, m.n = m.sum+x, m.n+1 }

func (m *mean) yes(b *bool) {
	switch {
	case b == nil:
	case *b:
		m.add(1)
	default:
		m.add(0)
	}
}

func (m *mean) score() Score { return Score(m.sum / float64(m.n)) } // 0/0 is NaN

// warnings reads the basin's warnings from before the first run to behind the
// last, by station.
func (b *basin) warnings(ctx context.Context, r store.Reader) (map[string][]hydro.Warning, error) {
	out := map[string][]hydro.Warning{}
	if b.from.IsZero() {
		return out, nil
	}
	for w, err := range r.Warnings(ctx, b.id, store.Earliest, b.reached()) {
		if err != nil {
			return nil, fmt.Errorf("read warnings of %s: %w", b.id, err)
		}
		out[w.Station] = append(out[w.Station], w)
	}
	return out, nil
}

// stages judges the warnings of each stage while runs were issued or reached.
func (b *basin) stages(thresholds []catalog.Threshold, by map[hydro.Variable]*observed, warned []hydro.Warning) ([]Stage, error) {
	records := map[hydro.Variable]Record{}
	for v, o := range by {
		records[v] = Record{At: o.at, Values: o.values, Within: o.within}
	}
	return JudgeStages(thresholds, records, warned, b.from, b.reached(), b.opts.Events.Separation)
}

// union joins spans that overlap.
func union(spans []skill.Span) []skill.Span {
	slices.SortStableFunc(spans, func(a, b skill.Span) int { return a.From.Compare(b.From) })
	var out []skill.Span
	for _, s := range spans {
		if k := len(out) - 1; k >= 0 && !s.From.After(out[k].To) {
			if s.To.After(out[k].To) {
				out[k].To = s.To
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// standing returns when a stage or a higher one stood, between the first run and
// the last observation. While a station is blind the stage before stands on:
// nobody took it back.
func standing(warned []hydro.Warning, stage hydro.Stage, from, to time.Time) []skill.Span {
	var out []skill.Span
	on := false
	for _, w := range warned {
		if w.To == hydro.Blind || w.At.After(to) {
			continue
		}
		switch up := w.To >= stage; {
		case up && !on:
			out = append(out, skill.Span{From: w.At, To: to, Open: true})
		case !up && on:
			out[len(out)-1].To, out[len(out)-1].Open = w.At, false
		}
		on = w.To >= stage
	}
	return slices.DeleteFunc(out, func(s skill.Span) bool { return s.To.Before(from) })
}
