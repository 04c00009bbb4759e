package rehearse

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Bounds of a scenario. The wire contract states them.
const (
	MaxFactor   = 10.0
	MaxShift    = 72 * time.Hour
	MaxItems    = 500 // of each list
	MaxTotal    = 2000.0
	MaxDuration = 72 * time.Hour
	MaxName     = 120 // characters
)

// A RainKind says what rain falls after T0.
type RainKind string

// The kinds of rain.
const (
	AsForecast RainKind = "as_forecast" // the rain forecast in force, times Factor, later by Shift
	NoRain     RainKind = "none"        // no further rain
	OwnSeries  RainKind = "series"      // what Series say
	Storm      RainKind = "storm"       // a design storm
	PastStorm  RainKind = "past"        // what gauges observed in a span of the past, from T0 on
)

// RainKinds lists all kinds in order.
var RainKinds = []RainKind{AsForecast, NoRain, OwnSeries, Storm, PastStorm}

// A Scenario is one question. Times are counted from T0, so that it can be asked of
// any situation.
type Scenario struct {
	ID             string
	NameZH, NameEN string
	Basin          string
	AsOf           time.Time // the situation it is asked of; zero: now

	Rain       Rain
	Schedules  []Schedule
	Soil       []Soil
	Lost       []string // stations whose readings do not enter, and do not come
	Thresholds []Threshold
}

// A Rain is the rain after T0.
type Rain struct {
	Kind   RainKind      // "": AsForecast
	Factor float64       // 0: 1
	Shift  time.Duration // later; negative: earlier
	Step   time.Duration // of Series
	Series []SubBasinRain

	// Of a design storm: Total mm fall in Duration from After on, on SubBasins (all if
	// none), rising in a straight line to the peak at the share Peak of the duration and
	// falling after it.
	Total     float64
	Duration  time.Duration
	Peak      float64
	After     time.Duration
	SubBasins []string

	From, Until time.Time // of a past storm
}

// A SubBasinRain is the rain of one sub-basin, mm per step from T0 on.
type SubBasinRain struct {
	SubBasin string
	Depth    []float64
}

// A Schedule is what a reservoir is ordered to do: releases, or openings.
type Schedule struct {
	Reservoir string
	Releases  []Release
	Gates     []Gate
}

// A Release holds from After on until the next one.
type Release struct {
	After   time.Duration
	Outflow float64 // m³/s
}

// A Gate is the opening of an outlet from After on until the outlet's next one.
type Gate struct {
	After   time.Duration
	Outlet  string
	Opening float64 // m of a gate, share 0 to 1 of any other outlet
}

// A Soil is the tension water at T0 of a sub-basin, or of all: the share of the
// capacity that is full (Filled), or how much of the room is filled, or, if negative,
// of the water taken away (Change).
type Soil struct {
	SubBasin string
	Filled   *float64
	Change   float64
}

// A Threshold is another value for a colour of a station.
type Threshold struct {
	Station  string
	Stage    hydro.Stage
	Variable hydro.Variable // 0: WaterLevel
	Value    float64        // on the datum of the stage table
}

// Check returns what is wrong with s in a catalogue, where, and how to mend it, at
// most 16 things.
func (s *Scenario) Check(c *catalog.Catalog, t0 time.Time) []*hydro.FieldError {
	k := checker{s: s, c: c, t0: t0}
	b, ok := c.Basin(s.Basin)
	if !ok {
		k.add("basin", "%q is not in the catalogue", s.Basin)
		return k.errs
	}
	k.b = b
	for i, name := range []string{s.NameZH, s.NameEN} {
		if n := len([]rune(name)); n > MaxName {
			k.add([]string{"name_zh", "name_en"}[i], "%d characters: at most %d", n, MaxName)
		}
	}
	k.rain()
	k.schedules()
	k.soil()
	k.lost()
	k.thresholds()
	slices.SortStableFunc(k.errs, func(a, b *hydro.FieldError) int { return strings.Compare(a.Field, b.Field) })
	return k.errs[:min(len(k.errs), 16)]
}

// Invalid is all that is wrong with a scenario.
type Invalid []*hydro.FieldError

func (e Invalid) Error() string { return hydro.Firsts(e).Error() }

// Unwrap makes it a hydro.ErrInvalid.
func (e Invalid) Unwrap() error { return hydro.ErrInvalid }

type checker struct {
	s    *Scenario
	c    *catalog.Catalog
	b    *catalog.Basin
	t0   time.Time
	errs []*hydro.FieldError
}

func (k *checker) add(field, format string, args ...any) {
	k.errs = append(k.errs, &hydro.FieldError{Field: field, Text: fmt.Sprintf(format, args...)})
}

// among says which names there are.
func among(names []string) string {
	if len(names) == 0 {
		return "there are none"
	}
	if len(names) > 12 {
		names = append(slices.Clone(names[:12]), "…")
	}
	return "write one of " + strings.Join(names, ", ")
}

func (k *checker) subBasins() []string {
	var out []string
	for i := range k.b.SubBasins {
		out = append(out, k.b.SubBasins[i].ID)
	}
	return out
}

func (k *checker) rain() {
	r := &k.s.Rain
	if r.Kind != "" && !slices.Contains(RainKinds, r.Kind) {
		k.add("rain.kind", "%q: write as_forecast, none, series, storm or past", r.Kind)
		return
	}
	if !(r.Factor >= 0 && r.Factor <= MaxFactor) {
		k.add("rain.factor", "%g is not between 0 and %g; for no rain write kind none", r.Factor, MaxFactor)
	}
	if r.Shift < -MaxShift || r.Shift > MaxShift {
		k.add("rain.shift", "%v is beyond 72 h either way", r.Shift)
	}
	if r.Kind == NoRain && (r.Factor != 0 || r.Shift != 0) {
		k.add("rain.kind", "none has neither factor nor shift: leave them out")
	}
	ids := k.subBasins()
	known := func(field, id string) {
		if !slices.Contains(ids, id) {
			k.add(field, "sub-basin %q is not in basin %s: %s", id, k.b.ID, among(ids))
		}
	}
	switch r.Kind {
	case OwnSeries:
		if len(r.Series) == 0 {
			k.add("rain.series", "none: give the rain of one sub-basin at least")
		}
		if r.Step < time.Minute || r.Step > 24*time.Hour || r.Step%time.Second != 0 {
			k.add("rain.step", "%v is not whole seconds from 60 s to a day", r.Step)
		}
		seen := map[string]bool{} // only ever looked up
		for i, x := range r.Series {
			at := fmt.Sprintf("rain.series[%d]", i)
			known(at+".sub_basin", x.SubBasin)
			if seen[x.SubBasin] {
				k.add(at+".sub_basin", "%q twice", x.SubBasin)
			}
			seen[x.SubBasin] = true
			if len(x.Depth) == 0 || len(x.Depth) > hydro.MaxRainSteps || len(x.Depth) != len(r.Series[0].Depth) {
				k.add(at+".depth", "%d values: from 1 to %d, and as many as the first series has (%d)", len(x.Depth), hydro.MaxRainSteps, len(r.Series[0].Depth))
			}
			for j, v := range x.Depth {
				if !(v >= 0 && v <= hydro.MaxRainDepth) {
					k.add(fmt.Sprintf("%s.depth[%d]", at, j), "%g mm is not between 0 and %g", v, hydro.MaxRainDepth)
					break
				}
			}
		}
	case Storm:
		if !(r.Total > 0 && r.Total <= MaxTotal) {
			k.add("rain.total", "%g mm is not above 0 and at most %g", r.Total, MaxTotal)
		}
		if r.Duration < k.b.Settings.Step || r.Duration > MaxDuration {
			k.add("rain.duration", "%v is not between the step %v and 72 h", r.Duration, k.b.Settings.Step)
		}
		if !(r.Peak >= 0 && r.Peak <= 1) {
			k.add("rain.peak", "%g: the share of the duration at which it rains most, 0 to 1", r.Peak)
		}
		if r.After < 0 || r.After > MaxShift {
			k.add("rain.after", "%v is not between 0 and 72 h after T0", r.After)
		}
		for i, id := range r.SubBasins {
			known(fmt.Sprintf("rain.sub_basins[%d]", i), id)
		}
	case PastStorm:
		if r.From.IsZero() || !r.Until.After(r.From) || r.Until.Sub(r.From) > 10*24*time.Hour {
			k.add("rain.until", "%s is not later than from %s, by 10 days at most", r.Until.Format(time.RFC3339), r.From.Format(time.RFC3339))
		} else if !k.t0.IsZero() && r.Until.After(k.t0) {
			k.add("rain.until", "%s is after T0 %s: a past storm is one that was observed", r.Until.Format(time.RFC3339), k.t0.Format(time.RFC3339))
		}
	case AsForecast, NoRain: // nothing more to check
	}
}

func (k *checker) schedules() {
	var ids []string
	for i := range k.b.Reservoirs {
		ids = append(ids, k.b.Reservoirs[i].ID)
	}
	seen := map[string]bool{} // only ever looked up
	for i := range k.s.Schedules {
		x, at := &k.s.Schedules[i], fmt.Sprintf("schedules[%d]", i)
		if !slices.Contains(ids, x.Reservoir) {
			k.add(at+".reservoir", "%q is no reservoir of basin %s: %s", x.Reservoir, k.b.ID, among(ids))
			continue
		}
		if seen[x.Reservoir] {
			k.add(at+".reservoir", "%q twice: put all its releases into one schedule", x.Reservoir)
		}
		seen[x.Reservoir] = true
		p := x.plan(k.b.ID, time.UnixMilli(0).UTC(), k.b.Settings.Horizon)
		for _, err := range p.Check() {
			k.add(at+"."+err.Field, "%s (times count from T0; the first holds from 0)", strings.NewReplacer("1970-01-01T", "", "Z", "").Replace(err.Text))
		}
	}
}

// plan returns a schedule as the plan that it would be.
func (x *Schedule) plan(basin string, t0 time.Time, horizon time.Duration) hydro.DispatchPlan {
	p := hydro.DispatchPlan{
		Basin: basin, Reservoir: x.Reservoir, OrderedBy: "rehearsal", IssuedAt: t0, ValidFrom: t0, ValidUntil: t0.Add(horizon + time.Hour), ReceivedAt: t0,
	}
	for _, r := range x.Releases {
		p.Releases = append(p.Releases, hydro.Release{From: t0.Add(r.After), Outflow: r.Outflow})
	}
	for _, g := range x.Gates {
		p.Gates = append(p.Gates, hydro.GateSetting{From: t0.Add(g.After), Outlet: g.Outlet, Opening: g.Opening})
	}
	return p
}

func (k *checker) soil() {
	ids := k.subBasins()
	for i, x := range k.s.Soil {
		at := fmt.Sprintf("soil[%d]", i)
		if x.SubBasin != "" && !slices.Contains(ids, x.SubBasin) {
			k.add(at+".sub_basin", "%q is not in basin %s: %s, or leave it out for all", x.SubBasin, k.b.ID, among(ids))
		}
		switch {
		case x.Filled != nil && x.Change != 0:
			k.add(at, "filled and change: give one of them")
		case x.Filled != nil && !(*x.Filled >= 0 && *x.Filled <= 1):
			k.add(at+".filled", "%g: the share of the tension water's capacity, 0 to 1", *x.Filled)
		case x.Filled == nil && (x.Change == 0 || !(math.Abs(x.Change) <= 1)):
			k.add(at+".change", "%g: above 0 to 1 fills that share of the room, below 0 to -1 takes that share of the water", x.Change)
		}
	}
}

func (k *checker) lost() {
	for i, id := range k.s.Lost {
		if st, ok := k.c.Station(id); !ok || st.Basin != k.b.ID {
			k.add(fmt.Sprintf("lost[%d]", i), "%q is no station of basin %s: freshet network shows them", id, k.b.ID)
		}
	}
}

func (k *checker) thresholds() {
	for i := range k.s.Thresholds {
		x, at := &k.s.Thresholds[i], fmt.Sprintf("thresholds[%d]", i)
		if st, ok := k.c.Station(x.Station); !ok || st.Basin != k.b.ID {
			k.add(at+".station", "%q is no station of basin %s", x.Station, k.b.ID)
			continue
		}
		if math.IsNaN(x.Value) || math.IsInf(x.Value, 0) {
			k.add(at+".value", "%g is no number", x.Value)
			continue
		}
		t, ok := k.c.StageTable(x.Station, k.t0)
		if !ok {
			k.add(at+".station", "%s has no stage table in force", x.Station)
			continue
		}
		if !slices.ContainsFunc(t.Thresholds, x.of) {
			var has []string
			for _, h := range t.Thresholds {
				if h.Window == 0 {
					has = append(has, fmt.Sprintf("%s %s", h.Stage, h.Variable))
				}
			}
			k.add(at+".stage", "%s has no threshold %s %s: %s", x.Station, x.Stage, x.variable(), among(has))
		}
	}
	if len(k.errs) > 0 {
		return
	}
	c := retabled(k.c, k.s.Thresholds, k.t0)
	for i := range k.s.Thresholds {
		x := &k.s.Thresholds[i]
		t, _ := c.StageTable(x.Station, k.t0)
		for _, h := range t.Thresholds {
			if h.Variable == x.variable() && h.Window == 0 && (h.Stage > x.Stage && h.Value < x.Value || h.Stage < x.Stage && h.Value > x.Value) {
				k.add(fmt.Sprintf("thresholds[%d].value", i), "%s at %g stands on the wrong side of %s at %g: change that one too", x.Stage, x.Value, h.Stage, h.Value)
				break
			}
		}
	}
}

func (x *Threshold) variable() hydro.Variable {
	if x.Variable == 0 {
		return hydro.WaterLevel
	}
	return x.Variable
}

// of reports whether x is about a threshold of the table.
func (x *Threshold) of(h catalog.Threshold) bool {
	return h.Stage == x.Stage && h.Variable == x.variable() && h.Window == 0
}

// retabled returns a catalogue with other thresholds in the tables in force. It
// shares all else with c, which is not changed.
func retabled(c *catalog.Catalog, changes []Threshold, at time.Time) *catalog.Catalog {
	out := *c
	out.StageTables = slices.Clone(c.StageTables)
	for i := range changes {
		x := &changes[i]
		t, ok := out.StageTable(x.Station, at)
		if !ok {
			continue
		}
		t.Thresholds = slices.Clone(t.Thresholds)
		for j := range t.Thresholds {
			if x.of(t.Thresholds[j]) {
				t.Thresholds[j].Value = x.Value
			}
		}
	}
	return &out
}
