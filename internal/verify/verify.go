// Package verify compares issued forecasts with what was then observed: by
// station and lead time, against persistence, graded after a national standard.
//
// A forecast counts at a lead time if it is in the store with a value for that
// lead, if the gauge was read at the valid time, and if it was read when the
// forecast was issued, so that the forecast and persistence are judged on the
// same cases. Observations that quality control held back count for nothing and
// are counted.
//
// Beside the lead times it judges events: floods over a threshold, the peak that
// runs forecast for each, and the warnings of each stage against the times when
// its threshold was met. docs/models/verification.md has the formulas.
package verify

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/forecast/skill"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/store"
)

// Leads are the lead times that Run reports unless told otherwise.
var Leads = []time.Duration{time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 72 * time.Hour}

// Options say what to verify; the zero value: everything of the store, at
// Leads.
type Options struct {
	Basins   []string
	Stations []string
	From, To time.Time // forecasts issued in [From, To); zero: all
	Leads    []time.Duration
	Profile  skill.Profile // zero: GB/T 22482-2008
	Events   EventOptions
	// Band returns the quantiles that a run gave for a variable at a station,
	// ascending by P; none if it gave none. nil: [BandOf], the run's own.
	Band func(f *hydro.Forecast, s *hydro.StationForecast, v hydro.Variable) []Quantile
	// Progress, if not nil, is told how many forecasts of a basin have been read.
	Progress func(basin string, forecasts int)
}

// A Quantile is one line of a run's band: P is not exceeded with probability P.
type Quantile struct {
	P      float64
	Values []float64 // value i is for IssuedAt + (i+1)·Step
}

// A Report is the result.
type Report struct {
	Standard     string    `json:"standard"` // of the grades, with its edition
	Profile      []Basis   `json:"profile"`  // how its numbers are known
	Illustrative string    `json:"illustrative,omitempty"`
	From         time.Time `json:"from"` // first and last issue
	To           time.Time `json:"to"`
	Forecasts    int       `json:"forecasts"`
	Stations     []Station `json:"stations"`
}

// A Basis is [skill.Basis] in JSON.
type Basis struct {
	Item   string `json:"item"`
	Trust  string `json:"trust"`
	Source string `json:"source"`
}

// A Station is the result at one gauge.
type Station struct {
	Station    string         `json:"station"`
	NameZH     string         `json:"name_zh"`
	NameEN     string         `json:"name_en"`
	Basin      string         `json:"basin"`
	Variable   hydro.Variable `json:"-"`
	Measured   string         `json:"variable"` // discharge where it is observed, else level
	Unit       string         `json:"unit"`
	Datum      hydro.Datum    `json:"datum,omitempty"`
	Observed   int            `json:"observed"`              // usable observations
	HeldBack   map[string]int `json:"held_back"`             // observations left out, by verdict
	Apart      map[string]int `json:"other_datum,omitempty"` // levels observed and runs on a datum other than Datum, by their datum: not compared
	LevelDatum hydro.Datum    `json:"-"`                     // of the station in the catalogue
	Rule       Rule           `json:"rule"`                  // by which peaks are judged
	Area       float64        `json:"area_km2,omitempty"`    // of the sub-basins above
	Leads      []Lead         `json:"leads"`
	Events     Events         `json:"events"`
	Chances    []Chances      `json:"chances"`             // of meeting each threshold, mildest first; empty if the runs gave none
	Warnings   []Stage        `json:"warnings"`            // by stage, mildest first
	Changes    []time.Time    `json:"stage_table_changes"` // within the period; all of it is judged by the table in force before
}

// A Lead is the result at one lead time. Scores that are not defined are NaN,
// and null in JSON.
type Lead struct {
	Lead        time.Duration `json:"-"`
	Hours       float64       `json:"lead_h"`
	N           int           `json:"n"`   // forecasts that count
	NSE         Score         `json:"nse"` // the standard's DC
	KGE         Score         `json:"kge"`
	MeanError   Score         `json:"mean_error"` // forecast less observed
	RMSE        Score         `json:"rmse"`
	PeakError   Score         `json:"peak_error"`         // of the highest value in the period, forecast less observed
	PeakShare   Score         `json:"peak_error_share"`   // of the observed peak
	PeakLate    Score         `json:"peak_time_error_h"`  // forecast peak after the observed one
	Persistence Score         `json:"persistence_nse"`    // "as it is now"
	Skill       Score         `json:"skill_over_persist"` // 1 less the ratio of squared errors
	Beats       bool          `json:"beats_persistence"`
	Qualified   Score         `json:"qualified_share"` // QR, forecasts within the permissible error
	GradeDC     skill.Grade   `json:"grade_dc"`
	Grade       skill.Grade   `json:"grade"` // the lower of the grades of DC and QR
	Band        []Coverage    `json:"band"`  // widest first; empty if the runs gave no quantiles
	Exceeded    []Exceeded    `json:"exceeded"`
}

// A Coverage says how many observations a band held.
type Coverage struct {
	Band Score `json:"band"` // nominal share, e.g. 0.8
	N    int   `json:"n"`
	Held Score `json:"held_share"`
}

// Exceeded says how well runs told at one lead time whether a threshold would be
// met.
type Exceeded struct {
	Stage     string `json:"stage"`
	Threshold Score  `json:"threshold"`
	Counts
	CorrectNegatives int `json:"correct_negatives"`
}

// Counts are a contingency table and its scores.
type Counts struct {
	Hits        int   `json:"hits"`
	Misses      int   `json:"misses"`
	FalseAlarms int   `json:"false_alarms"`
	POD         Score `json:"pod"`
	FAR         Score `json:"far"`
	CSI         Score `json:"csi"`
}

func counts(c skill.Contingency) Counts {
	return Counts{c.Hits, c.Misses, c.FalseAlarms, Score(c.POD()), Score(c.FAR()), Score(c.CSI())}
}

// A Score is a number that may be undefined.
type Score float64

// MarshalJSON writes null for NaN.
func (s Score) MarshalJSON() ([]byte, error) {
	if v := float64(s); !math.IsNaN(v) && !math.IsInf(v, 0) {
		return fmt.Appendf(nil, "%.6g", v), nil
	}
	return []byte("null"), nil
}

// Run reads forecasts and observations from a store. The error wraps
// hydro.ErrNotFound if it holds no forecast of the catalogue's basins in the
// time asked for.
func Run(ctx context.Context, r store.Reader, cat *catalog.Catalog, opts Options) (Report, error) {
	if len(opts.Leads) == 0 {
		opts.Leads = Leads
	}
	for _, l := range opts.Leads {
		if l <= 0 {
			return Report{}, fmt.Errorf("lead %s: must be above 0: %w", l, hydro.ErrInvalid)
		}
	}
	if opts.Band == nil {
		opts.Band = BandOf
	}
	if opts.Profile.Name == "" {
		opts.Profile = skill.GBT22482of2008
	}
	if err := opts.Profile.Check(); err != nil {
		return Report{}, fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	if err := opts.Events.check(cat); err != nil {
		return Report{}, err
	}
	if opts.From.IsZero() {
		opts.From = store.Earliest
	}
	if opts.To.IsZero() {
		opts.To = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	for _, id := range opts.Stations {
		if _, ok := cat.Station(id); !ok {
			return Report{}, fmt.Errorf("station %q: %w", id, hydro.ErrNotFound)
		}
	}
	for _, id := range opts.Basins {
		if _, ok := cat.Basin(id); !ok {
			return Report{}, fmt.Errorf("basin %q: %w", id, hydro.ErrNotFound)
		}
	}
	rep := Report{Standard: opts.Profile.Name, Illustrative: cat.Illustrative, Profile: []Basis{}, Stations: []Station{}}
	for _, b := range opts.Profile.Basis {
		rep.Profile = append(rep.Profile, Basis{b.Item, string(b.Trust), b.Source})
	}
	for i := range cat.Basins {
		id := cat.Basins[i].ID
		if len(opts.Basins) > 0 && !slices.Contains(opts.Basins, id) {
			continue
		}
		b := basin{id: id, of: &cat.Basins[i], cat: cat, opts: &opts, cases: map[string]*cases{}, runs: map[time.Time]hydro.Forecast{}}
		if err := b.forecasts(ctx, r, &rep); err != nil {
			return Report{}, err
		}
		if err := b.judge(ctx, r, &rep); err != nil {
			return Report{}, err
		}
	}
	if rep.Forecasts == 0 {
		return Report{}, fmt.Errorf("the store holds no forecast in that time: %w", hydro.ErrNotFound)
	}
	slices.SortFunc(rep.Stations, func(a, b Station) int {
		return cmp.Or(cmp.Compare(a.Basin, b.Basin), cmp.Compare(a.Station, b.Station))
	})
	return rep, nil
}

// cases are the forecast values at one station.
type cases struct {
	station  *catalog.Station
	variable hydro.Variable
	leads    [][]value // by index of Options.Leads
	chances  []chanceCase
	apart    map[string]int // runs that tell levels on another datum, by datum
}

type value struct {
	issued time.Time
	value  float64
	band   []quantile
}

type quantile struct{ p, value float64 }

type basin struct {
	id       string
	of       *catalog.Basin
	cat      *catalog.Catalog
	opts     *Options
	cases    map[string]*cases
	from, to time.Time // of the issues
	issued   []time.Time
	runs     map[time.Time]hydro.Forecast // those that events asked for
}

// forecasts reads the forecasts one by one and keeps the values at the leads.
func (b *basin) forecasts(ctx context.Context, r store.Reader, rep *Report) error {
	n := 0
	for f, err := range r.Forecasts(ctx, b.id, b.opts.From, b.opts.To) {
		if err != nil {
			return fmt.Errorf("read forecasts of %s: %w", b.id, err)
		}
		n++
		if b.opts.Progress != nil {
			b.opts.Progress(b.id, n)
		}
		if b.from.IsZero() {
			b.from = f.IssuedAt
		}
		b.to = f.IssuedAt
		b.issued = append(b.issued, f.IssuedAt)
		for i := range f.Stations {
			b.take(&f, &f.Stations[i])
		}
	}
	rep.Forecasts += n
	if n > 0 {
		if rep.From.IsZero() || b.from.Before(rep.From) {
			rep.From = b.from
		}
		if b.to.After(rep.To) {
			rep.To = b.to
		}
	}
	return nil
}

func (b *basin) take(f *hydro.Forecast, s *hydro.StationForecast) {
	if len(b.opts.Stations) > 0 && !slices.Contains(b.opts.Stations, s.Station) || f.Step <= 0 {
		return
	}
	c := b.cases[s.Station]
	if c == nil {
		st, ok := b.cat.Station(s.Station)
		if !ok {
			return // an older catalogue's
		}
		c = &cases{station: st, leads: make([][]value, len(b.opts.Leads)), apart: map[string]int{}}
		for _, v := range []hydro.Variable{hydro.Discharge, hydro.WaterLevel} {
			if _, ok := st.Parameter(v, 0); ok {
				c.variable = v
				break
			}
		}
		b.cases[s.Station] = c
	}
	if on := c.station.Datum.Name; s.Datum != on && holdsLevel(s) {
		c.apart[datumName(s.Datum)]++
		s = withoutLevel(s)
	}
	c.takeChances(f, s)
	values := s.Discharge
	switch c.variable {
	case hydro.Discharge:
	case hydro.WaterLevel:
		values = s.Level
	default:
		return // nothing is observed here that a forecast gives
	}
	band := b.opts.Band(f, s, c.variable)
	for i, lead := range b.opts.Leads {
		k := int(lead/f.Step) - 1
		if lead%f.Step != 0 || k < 0 || k >= len(values) || math.IsNaN(values[k]) {
			continue
		}
		v := value{issued: f.IssuedAt, value: values[k]}
		for _, q := range band {
			if k < len(q.Values) && !math.IsNaN(q.Values[k]) {
				v.band = append(v.band, quantile{q.P, q.Values[k]})
			}
		}
		c.leads[i] = append(c.leads[i], v)
	}
}

// judge reads what was observed and scores every station.
func (b *basin) judge(ctx context.Context, r store.Reader, rep *Report) error {
	warned, err := b.warnings(ctx, r)
	if err != nil {
		return err
	}
	for _, c := range b.cases {
		if c.variable == 0 || !slices.ContainsFunc(c.leads, func(v []value) bool { return len(v) > 0 }) {
			continue
		}
		o, err := b.observed(ctx, r, c.station, c.variable)
		if err != nil {
			return err
		}
		s := Station{
			Station: c.station.ID, NameZH: c.station.NameZH, NameEN: c.station.NameEN, Basin: b.id,
			Variable: c.variable, Measured: c.variable.String(), Unit: c.variable.Unit(), Observed: len(o.at), HeldBack: o.heldBack,
		}
		if c.variable == hydro.WaterLevel {
			s.Datum = c.station.Datum.Name
		}
		s.Apart, s.LevelDatum = c.apart, c.station.Datum.Name
		s.Area = b.area(c.station.ID)
		s.Rule = b.opts.Events.rule(s.Area)
		s.Changes = b.tableChanges(c.station.ID)
		thresholds := b.thresholds(c.station.ID)
		for i, lead := range b.opts.Leads {
			if len(c.leads[i]) > 0 {
				s.Leads = append(s.Leads, b.score(c, o, lead, c.leads[i], thresholds))
			}
		}
		byVariable := map[hydro.Variable]*observed{c.variable: o}
		for _, h := range thresholds {
			if byVariable[h.Variable] == nil {
				if byVariable[h.Variable], err = b.observed(ctx, r, c.station, h.Variable); err != nil {
					return err
				}
			}
		}
		if levels := byVariable[hydro.WaterLevel]; levels != nil {
			for d, n := range levels.apart {
				c.apart[d] += n
			}
		}
		if s.Events, err = b.events(ctx, r, &s, thresholds, byVariable); err != nil {
			return err
		}
		s.Chances = c.scoreChances(byVariable)
		if s.Warnings, err = b.stages(thresholds, byVariable, warned[s.Station]); err != nil {
			return err
		}
		rep.Stations = append(rep.Stations, s)
	}
	return nil
}

// reached is the last instant that a run could have forecast.
func (b *basin) reached() time.Time {
	return b.to.Add(max(slices.Max(b.opts.Leads), b.of.Settings.Horizon))
}

// observed reads the observations of a series that the runs could be compared
// with.
func (b *basin) observed(ctx context.Context, r store.Reader, st *catalog.Station, v hydro.Variable) (*observed, error) {
	p, _ := st.Parameter(v, 0)
	o := observed{within: max(2*p.Interval, 10*time.Minute), heldBack: map[string]int{}, apart: map[string]int{}}
	key := hydro.Key{Station: st.ID, Variable: v}
	for x, err := range r.Observations(ctx, key, b.from.Add(-o.within), b.reached().Add(o.within)) {
		if err != nil {
			return nil, fmt.Errorf("read observations of %s: %w", key, err)
		}
		if v == hydro.WaterLevel && hydro.CompareDatums(st.ID, "levels", st.Datum.Name, "an observation", x.Datum) != nil {
			o.apart[datumName(x.Datum)]++
			continue
		}
		o.add(x)
	}
	return &o, nil
}

func (b *basin) score(c *cases, o *observed, lead time.Duration, values []value, thresholds []catalog.Threshold) Lead {
	var at []time.Time
	var obs, fcst, persist []float64
	var bands coverage
	qualified := 0
	for _, v := range values {
		valid := v.issued.Add(lead)
		then, ok := o.value(valid)
		if !ok {
			continue
		}
		now, ok := o.latest(v.issued)
		if !ok {
			continue
		}
		at, obs, fcst, persist = append(at, valid), append(obs, then), append(fcst, v.value), append(persist, now)
		bands.add(then, v.band)
		tolerance := b.opts.Profile.FlowTolerance(now, then)
		if c.variable == hydro.WaterLevel {
			tolerance = b.opts.Profile.LevelTolerance(now, then)
		}
		if math.Abs(v.value-then) <= tolerance {
			qualified++
		}
	}
	l := Lead{Lead: lead, Hours: lead.Hours(), N: len(obs)}
	nan := Score(math.NaN())
	l.PeakError, l.PeakShare, l.PeakLate, l.Qualified = nan, nan, nan, nan
	l.NSE, l.KGE = Score(skill.NSE(obs, fcst)), Score(skill.KGE(obs, fcst))
	l.MeanError, l.RMSE = Score(skill.MeanError(obs, fcst)), Score(skill.RootMeanSquareError(obs, fcst))
	l.Persistence, l.Skill = Score(skill.NSE(obs, persist)), Score(skill.Versus(obs, fcst, persist))
	l.Beats = l.Skill > 0
	if len(obs) > 0 {
		p := skill.Peak(at, obs, fcst)
		l.PeakError, l.PeakLate = Score(p.Error()), Score(p.Late().Hours())
		if c.variable == hydro.Discharge { // a share of a level is a share of nothing
			l.PeakShare = Score(p.Share())
		}
		l.Qualified = Score(float64(qualified) / float64(len(obs)))
	}
	l.GradeDC = b.opts.Profile.GradeDC(float64(l.NSE))
	l.Grade = b.opts.Profile.Scheme(float64(l.NSE), float64(l.Qualified))
	l.Band, l.Exceeded = bands.scores(), []Exceeded{}
	for _, h := range thresholds {
		if h.Variable == c.variable {
			c := skill.Exceedances(obs, fcst, h.Value)
			l.Exceeded = append(l.Exceeded, Exceeded{h.Stage.String(), Score(h.Value), counts(c), c.CorrectNegatives})
		}
	}
	return l
}

// coverage collects the pairs of an observation and a band: the quantiles p and
// 1 − p with p below a half are one band.
type coverage struct{ bands []*heldBand }

type heldBand struct {
	p                   float64 // of the lower quantile
	observed, low, high []float64
}

func (c *coverage) add(observed float64, q []quantile) {
	for _, low := range q {
		if low.p >= 0.5 {
			continue
		}
		for _, high := range q {
			if math.Abs(low.p+high.p-1) > 1e-9 {
				continue
			}
			i, found := slices.BinarySearchFunc(c.bands, low.p, func(b *heldBand, p float64) int { return cmp.Compare(b.p, p) })
			if !found {
				c.bands = slices.Insert(c.bands, i, &heldBand{p: low.p})
			}
			b := c.bands[i]
			b.observed, b.low, b.high = append(b.observed, observed), append(b.low, low.value), append(b.high, high.value)
		}
	}
}

func (c *coverage) scores() []Coverage {
	out := []Coverage{}
	for _, b := range c.bands {
		out = append(out, Coverage{Score(1 - 2*b.p), len(b.observed), Score(skill.Coverage(b.observed, b.low, b.high))})
	}
	return out
}

// observed are the usable observations of one series, ascending.
type observed struct {
	within   time.Duration // how far apart two may be to interpolate between, or how old one may be to stand for now
	at       []time.Time
	values   []float64
	heldBack map[string]int
	apart    map[string]int // levels on another datum, by datum
}

// holdsLevel reports whether a station's forecast tells levels.
func holdsLevel(s *hydro.StationForecast) bool {
	return slices.ContainsFunc(s.Level, func(x float64) bool { return !math.IsNaN(x) })
}

// withoutLevel is a forecast without what it tells on another datum.
func withoutLevel(s *hydro.StationForecast) *hydro.StationForecast {
	out := *s
	out.Level = nil
	out.Crossings = slices.DeleteFunc(slices.Clone(s.Crossings), func(c hydro.Crossing) bool { return c.Variable == hydro.WaterLevel })
	return &out
}

func datumName(d hydro.Datum) string { return cmp.Or(string(d), "not stated") }

func (o *observed) add(x hydro.Observation) {
	if !x.Quality.Usable() {
		o.heldBack[x.Quality.String()]++
		return
	}
	o.at = append(o.at, x.At)
	o.values = append(o.values, x.Value)
}

// value returns what was observed at an instant: then, or between two
// observations that are close enough together.
func (o *observed) value(at time.Time) (float64, bool) {
	i, found := slices.BinarySearchFunc(o.at, at, time.Time.Compare)
	if found {
		return o.values[i], true
	}
	if i == 0 || i == len(o.at) || o.at[i].Sub(o.at[i-1]) > o.within {
		return 0, false
	}
	share := float64(at.Sub(o.at[i-1])) / float64(o.at[i].Sub(o.at[i-1]))
	return o.values[i-1] + share*(o.values[i]-o.values[i-1]), true
}

// latest returns the latest observation at or before an instant, if it is not
// too old: what a gauge's reader would have said "it is now".
func (o *observed) latest(at time.Time) (float64, bool) {
	i, found := slices.BinarySearchFunc(o.at, at, time.Time.Compare)
	if !found {
		i--
	}
	if i < 0 || at.Sub(o.at[i]) > o.within {
		return 0, false
	}
	return o.values[i], true
}
