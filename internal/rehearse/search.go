package rehearse

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"freshet/forecast"
	"freshet/forecast/calibrate"
	"freshet/forecast/param"
	"freshet/forecast/reservoir"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// Limits are within what one reservoir may release. NaN is no limit of a level.
type Limits struct {
	Reservoir         string
	Least, Most       float64 // m³/s
	Ramp              float64 // m³/s in an hour; 0: no limit
	Highest           float64 // m
	EndLeast, EndMost float64 // m, at the horizon
}

// A Target is where an exceedance counts.
type Target struct {
	Station  string
	Variable hydro.Variable // WaterLevel or Discharge
	Value    float64        // that is not to be exceeded
}

// A Search asks for the releases that lower the worst exceedance.
type Search struct {
	Scenario Scenario // that all else is of
	Limits   []Limits
	Targets  []Target // none: every river station below that has a level of its lowest stage
	Pieces   int      // of equal length that a schedule has; 0: 6
	Runs     int      // at most; 0: 1500
	Points   int      // of the trade-off curve; 0: 5
	Seed     uint64
}

// Bounds of a search. The wire contract states them.
const (
	MaxPieces = 24
	MaxRuns   = 5000
	MaxPoints = 20
)

// Tolerances of limits, in which rounding is no breach.
const (
	levelSlack = 1e-6 // m
	flowSlack  = 1e-6 // m³/s
	closeLevel = 0.01 // m from a limit: it binds
	closeShare = 0.01 // of the largest release: it binds
)

// A Progress is how far a search is.
type Progress struct {
	Runs, Of int
	Worst    float64 // of the best that keeps every limit; NaN: none yet
	Point    int     // of the trade-off curve, from 1; 0: the search itself
	Points   int
}

// A Found is what a search came to.
type Found struct {
	Runs      int
	Worst     float64 // m or m³/s above the target that is exceeded most; negative: below
	Station   string  // of that target
	BaseWorst float64 // as it is
	Feasible  bool    // every limit is kept
	Schedules []Schedule
	Bounds    []Binding
	Curve     []Tradeoff
	Residual  float64 // 10⁶ m³ by which the reservoirs of any run missed their balance at most
}

// A Binding is a limit that the best schedule stands at, or breaks.
type Binding struct {
	Reservoir string
	Limit     string // least, most, ramp, highest, end_least, end_most, outlets or rules
	Broken    float64
	ZH, EN    string
}

// A Tradeoff is what can be had downstream for how high reservoirs may rise.
type Tradeoff struct {
	Rise      float64 // m, of the reservoir that rises most
	Worst     float64
	Schedules []Schedule
	Feasible  bool
}

// A tried is one run of a search.
type tried struct {
	x      []float64
	worst  float64
	at     int     // the target
	broken float64 // by how much limits are broken; 0: all are kept
	rise   float64 // m; NaN: no level is known
	paths  []forecast.ReservoirPath
	series *forecast.Rehearsal // nil of one that is only remembered
}

// A searcher is a search under way.
type searcher struct {
	s      *Stage
	ctx    context.Context
	q      Search
	basin  *catalog.Basin
	ahead  forecast.Ahead
	pieces int
	begin  []float64 // outflow of each reservoir at T0, m³/s

	runs     int
	residual float64
	all      []tried // that could be run, without their paths
	failed   error
	gate     func(context.Context) (func(), error)
}

// Search looks for the best releases. Progress is told from time to time; gate, which
// may be nil, is entered for each run, so that a long search makes room for others.
// Past is as of [Stage.Ask]. When ctx is done the error is its cause.
func (s *Stage) Search(ctx context.Context, q Search, past forecast.Source, gate func(context.Context) (func(), error), progress func(Progress)) (*Found, error) {
	basin, _ := s.Footing.Catalogue.Basin(s.Footing.Basin)
	k := &searcher{s: s, ctx: ctx, q: q, basin: basin, gate: gate}
	if wrong := k.check(); len(wrong) > 0 {
		return nil, Invalid(wrong)
	}
	var err error
	if k.ahead, _, err = k.q.Scenario.ahead(&s.Footing, past); err != nil {
		return nil, err
	}
	base, err := s.Footing.Model.Rehearse(s.Footing.Water, s.Footing.T0, k.q.Scenario.source(&s.Footing), k.ahead, k.q.Scenario.ground())
	if err != nil {
		return nil, err
	}
	for i := range k.q.Limits {
		at := slices.IndexFunc(base.Reservoirs, func(p forecast.ReservoirPath) bool { return p.Reservoir == k.q.Limits[i].Reservoir })
		k.begin = append(k.begin, base.Reservoirs[at].BeginOut)
	}
	out := &Found{}
	out.BaseWorst, _ = k.worst(&s.fine)
	for i := range 5 { // some plain schedules: all pieces alike
		x := make([]float64, len(k.q.Limits)*k.pieces)
		for r := range k.q.Limits {
			l := &k.q.Limits[r]
			v := l.Least + (l.Most-l.Least)*float64(i)/4
			for p := range k.pieces {
				x[r*k.pieces+p] = v
			}
		}
		k.try(x)
	}
	tell := func(point int) func(calibrate.Progress) {
		return func(calibrate.Progress) {
			if progress != nil {
				p := Progress{Runs: k.runs, Of: k.q.Runs, Worst: math.NaN(), Point: point, Points: k.q.Points}
				if b := k.best(math.NaN()); b != nil && b.broken == 0 {
					p.Worst = b.worst
				}
				progress(p)
			}
		}
	}
	// First all of the space, then down the slopes from where it looked best, and at
	// last along the edge, lower and lower reservoirs.
	k.minimize(k.q.Runs/2-k.runs, tell(0))
	reserve := 0
	if k.q.Points > 0 {
		reserve = k.q.Runs / 5
	}
	for _, x := range k.starts() {
		k.descend(x, math.NaN(), k.q.Runs-reserve)
		tell(0)(calibrate.Progress{})
	}
	if err := k.over(); err != nil {
		return nil, err
	}
	best := k.best(math.NaN())
	if best == nil {
		return nil, fmt.Errorf("search: no release that was tried could be run: %w", k.failed)
	}
	if !math.IsNaN(best.rise) {
		top := best.rise
		for p := range k.q.Points {
			limit := top * float64(k.q.Points-1-p) / float64(k.q.Points)
			if from := k.best(math.NaN()); from != nil {
				k.descend(from.x, limit, k.runs+reserve/k.q.Points)
			}
			tell(p + 1)(calibrate.Progress{})
			if err := k.over(); err != nil {
				return nil, err
			}
		}
	}
	best = k.best(math.NaN())
	k.curve(out, best)
	again := k.run(best.x)
	if again == nil {
		return nil, k.failed
	}
	out.Runs, out.Worst, out.Station, out.Feasible = k.runs, best.worst, k.q.Targets[best.at].Station, best.broken == 0
	out.Schedules, out.Residual = k.schedules(best.x), k.residual
	out.Bounds = k.bounds(again)
	return out, nil
}

func (k *searcher) over() error {
	if k.ctx.Err() != nil {
		return fmt.Errorf("search: after %d runs: %w", k.runs, context.Cause(k.ctx))
	}
	return nil
}

// minimize spends runs on a search over all of the space.
func (k *searcher) minimize(runs int, tell func(calibrate.Progress)) {
	if runs <= 0 {
		return
	}
	p := calibrate.Problem{Objective: func(x []float64) (float64, error) {
		t := k.try(x)
		if t == nil {
			return 0, k.failed
		}
		return t.worst + k.price()*t.broken, nil
	}}
	for i := range k.q.Limits {
		for j := range k.pieces {
			p.Parameters = append(p.Parameters, calibrate.Parameter{Param: param.Param{
				Name: fmt.Sprintf("%s %d", k.q.Limits[i].Reservoir, j+1), Unit: "m³/s", Lo: k.q.Limits[i].Least, Hi: k.q.Limits[i].Most,
			}})
		}
	}
	_, err := calibrate.Minimize(p, calibrate.Options{Seed: k.q.Seed, Evaluations: runs, Restarts: 4, Progress: tell, Cancelled: func() bool { return k.ctx.Err() != nil }})
	if err != nil && k.failed == nil {
		k.failed = err
	}
}

// steep is what a metre of a broken limit costs, in metres of exceedance: more than a
// metre of a reservoir is ever worth to the river, and little enough for the search to
// go along the edge. Of flows the share of the range counts as metres.
const steep = 10

// price is steep in the unit of the targets. Of discharges a tenth of all that may be
// released counts as a metre: m³/s are many, and a price in metres would let the search
// buy each of them with a limit.
func (k *searcher) price() float64 {
	if k.q.Targets[0].Variable != hydro.Discharge {
		return steep
	}
	all := 0.0
	for i := range k.q.Limits {
		all += k.q.Limits[i].Most - k.q.Limits[i].Least
	}
	return steep * all / 10
}

// above is by how much a run rises too high.
func (k *searcher) above(t *tried, rise float64) float64 {
	if math.IsNaN(rise) || math.IsNaN(t.rise) {
		return 0
	}
	return max(0, t.rise-rise-levelSlack)
}

// try runs one candidate and remembers it. It is nil if it could not be run.
func (k *searcher) try(x []float64) *tried {
	t := k.run(x)
	if t == nil {
		return nil
	}
	k.all = append(k.all, tried{x: slices.Clone(x), worst: t.worst, at: t.at, broken: t.broken, rise: t.rise})
	return t
}

// run computes one candidate.
func (k *searcher) run(x []float64) *tried {
	if err := k.over(); err != nil {
		k.failed = err
		return nil
	}
	if k.gate != nil {
		leave, err := k.gate(k.ctx)
		if err != nil {
			k.failed = err
			return nil
		}
		defer leave()
	}
	b := &k.s.Footing
	ahead := k.ahead
	ahead.Plans = slices.Clone(ahead.Plans)
	for _, s := range k.schedules(x) {
		p := s.plan(b.Basin, b.T0, k.basin.Settings.Horizon)
		if at := slices.IndexFunc(ahead.Plans, func(q hydro.DispatchPlan) bool { return q.Reservoir == p.Reservoir }); at >= 0 {
			ahead.Plans[at] = p
		} else {
			ahead.Plans = append(ahead.Plans, p)
		}
	}
	obs := k.q.Scenario.source(b)
	r, err := b.Model.Rehearse(b.Water, b.T0, obs, ahead, k.q.Scenario.ground())
	if err != nil {
		k.failed = err
		return nil
	}
	k.runs++
	t := &tried{x: x, rise: math.NaN(), series: &r}
	t.worst, t.at = k.worst(&r)
	for i := range k.q.Limits {
		at := slices.IndexFunc(r.Reservoirs, func(p forecast.ReservoirPath) bool { return p.Reservoir == k.q.Limits[i].Reservoir })
		p := &r.Reservoirs[at]
		t.paths = append(t.paths, *p)
		for _, v := range k.limits(&k.q.Limits[i], p, k.begin[i]) {
			over := v.Broken
			if v.Limit == "least" || v.Limit == "most" || v.Limit == "ramp" {
				over /= k.q.Limits[i].Most - k.q.Limits[i].Least
			}
			t.broken += over
		}
		if p.Level != nil {
			if up := max(0, slices.Max(p.Level)-p.Start); math.IsNaN(t.rise) || up > t.rise {
				t.rise = up
			}
		}
		if off := math.Abs(p.Residual(b.Model.Step())); off == off {
			if k.residual = max(k.residual, off); off > 1e-6*(1+volume(p.Begin, p.Inflow, b.Model.Step())) {
				k.failed = fmt.Errorf("search: reservoir %s: %g·10⁶ m³ of water do not balance: this is a fault of the model, not of the question", p.Reservoir, off)
				return nil
			}
		}
	}
	return t
}

// worst is by how much a run exceeds the target that it exceeds most.
func (k *searcher) worst(r *forecast.Rehearsal) (over float64, at int) {
	over = math.Inf(-1)
	for i := range k.q.Targets {
		t := &k.q.Targets[i]
		f := find(r.Forecast.Stations, t.Station)
		if f == nil {
			continue
		}
		values := f.Discharge
		if t.Variable == hydro.WaterLevel {
			values = f.Level
		}
		if x := slices.Max(values) - t.Value; x > over {
			over, at = x, i
		}
	}
	return over, at
}

// schedules turns a candidate into releases: each piece's release, approached from
// the one before no faster than the ramp allows.
func (k *searcher) schedules(x []float64) []Schedule {
	var out []Schedule
	step, horizon := k.s.Footing.Model.Step(), k.basin.Settings.Horizon
	n := int(horizon / step)
	for i := range k.q.Limits {
		l := &k.q.Limits[i]
		s := Schedule{Reservoir: l.Reservoir}
		now := k.begin[i]
		for t := range n {
			want := x[i*k.pieces+min(k.pieces-1, t*k.pieces/n)]
			if l.Ramp > 0 {
				most := l.Ramp * step.Hours()
				want = min(max(want, now-most), now+most)
			}
			if t == 0 || want != now {
				s.Releases = append(s.Releases, Release{After: time.Duration(t) * step, Outflow: want})
			}
			now = want
		}
		out = append(out, s)
	}
	return out
}

// limits names the limits that a path breaks, or stands at.
func (k *searcher) limits(l *Limits, p *forecast.ReservoirPath, begin float64) []Binding {
	var out []Binding
	add := func(limit string, broken float64, zh, en string) {
		out = append(out, Binding{Reservoir: l.Reservoir, Limit: limit, Broken: max(0, broken), ZH: zh, EN: en})
	}
	// A flow that was beyond a limit at T0 is brought within it as fast as the ramp lets.
	low, high := l.Least, l.Most
	step := k.s.Footing.Model.Step()
	least, most, jump := math.Inf(1), math.Inf(-1), 0.0
	before := begin
	way := l.Ramp * step.Hours()
	for i, q := range p.Outflow {
		if l.Ramp > 0 {
			jump = max(jump, math.Abs(q-before)-way)
			low, high = min(l.Least, begin+way*float64(i+1)), max(l.Most, begin-way*float64(i+1))
		}
		least, most = min(least, q-low), max(most, q-high)
		before = q
	}
	near := closeShare * l.Most
	switch {
	case least < -flowSlack:
		add("least", -least, fmt.Sprintf("出库低于下限%g m³/s", l.Least), fmt.Sprintf("releases less than %g m³/s", l.Least))
	case least < near && l.Least > 0:
		add("least", 0, fmt.Sprintf("出库达下限%g m³/s", l.Least), fmt.Sprintf("releases the least of %g m³/s", l.Least))
	}
	switch {
	case most > flowSlack:
		add("most", most, fmt.Sprintf("出库高于上限%g m³/s", l.Most), fmt.Sprintf("releases more than %g m³/s", l.Most))
	case most > -near:
		add("most", 0, fmt.Sprintf("出库达上限%g m³/s", l.Most), fmt.Sprintf("releases the most of %g m³/s", l.Most))
	}
	if l.Ramp > 0 {
		switch {
		case jump > flowSlack:
			add("ramp", jump, fmt.Sprintf("变幅超过每小时%g m³/s", l.Ramp), fmt.Sprintf("changes by more than %g m³/s in an hour", l.Ramp))
		case jump > -closeShare*way:
			add("ramp", 0, fmt.Sprintf("变幅达每小时%g m³/s", l.Ramp), fmt.Sprintf("changes by %g m³/s in an hour", l.Ramp))
		}
	}
	for i := range p.Asked {
		if p.Asked[i]-p.Outflow[i] > near {
			if _, capacity := reservoir.ByCapacity.Text(); p.Bound[i] != capacity {
				add("rules", 0, "下泄少于指令："+p.BoundZH[i], "less is released than is ordered: "+p.Bound[i])
				break
			}
			add("outlets", 0, "泄洪设施泄流能力不足以执行指令", "the outlets pass less than is ordered")
			break
		}
	}
	if p.Level == nil {
		return out
	}
	peak, end := max(p.Start, slices.Max(p.Level)), p.Level[len(p.Level)-1]
	side := func(limit string, bound, over float64, zh, en string) {
		switch {
		case math.IsNaN(bound):
		case over > levelSlack:
			add(limit, over, fmt.Sprintf("%s超出%g m的限制%.2f m", zh, bound, over), fmt.Sprintf("%s is beyond the limit of %g m by %.2f m", en, bound, over))
		case over > -closeLevel:
			add(limit, 0, fmt.Sprintf("%s达%g m的限制", zh, bound), fmt.Sprintf("%s is at the limit of %g m", en, bound))
		}
	}
	side("highest", l.Highest, peak-l.Highest, "最高库水位", "the highest level")
	side("end_least", l.EndLeast, l.EndLeast-end, "期末库水位", "the level at the end")
	side("end_most", l.EndMost, end-l.EndMost, "期末库水位", "the level at the end")
	return out
}

func (k *searcher) bounds(t *tried) []Binding {
	var out []Binding
	for i := range k.q.Limits {
		out = append(out, k.limits(&k.q.Limits[i], &t.paths[i], k.begin[i])...)
	}
	return out
}

// best is the best run so far that rises no higher than told (NaN: any): of those
// that keep every limit the one with the least exceedance, else the one that breaks
// them least.
func (k *searcher) best(rise float64) *tried {
	var out *tried
	for i := range k.all {
		t := &k.all[i]
		if k.above(t, rise) > 0 {
			continue
		}
		if out == nil || t.broken < out.broken || t.broken == out.broken && t.worst < out.worst {
			out = t
		}
	}
	return out
}

// curve is what could be had for each rise up to that of the best.
func (k *searcher) curve(out *Found, best *tried) {
	if math.IsNaN(best.rise) {
		return
	}
	for p := range k.q.Points + 1 {
		t := k.best(best.rise * float64(p) / float64(max(k.q.Points, 1)))
		if t == nil || k.q.Points == 0 {
			continue
		}
		if n := len(out.Curve); n > 0 && out.Curve[n-1].Rise == t.rise && out.Curve[n-1].Worst == t.worst {
			continue
		}
		out.Curve = append(out.Curve, Tradeoff{Rise: t.rise, Worst: t.worst, Schedules: k.schedules(t.x), Feasible: t.broken == 0})
	}
}

// source is what the runs of a scenario read of the past.
func (s *Scenario) source(b *engine.Footing) forecast.Source {
	if len(s.Lost) == 0 {
		return b.History
	}
	return func(k hydro.Key) *hydro.History {
		if slices.Contains(s.Lost, k.Station) {
			return nil
		}
		return b.History(k)
	}
}
