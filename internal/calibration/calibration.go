// Package calibration fits the parameters of a reach or a sub-basin to recorded
// series in a CSV file, checks them on a part of the record that the fit did not
// see, and writes them as a fragment of a catalogue.
//
// The methods are rows of a table, see [Methods]: what columns one needs, its
// parameters with the bounds in which they are looked for, and how to run it over
// a part of the record. The search is forecast/calibrate.
package calibration

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/forecast/calibrate"
	"freshet/forecast/skill"
	"freshet/internal/hydro"
	"freshet/internal/verify"
)

// Options say what to fit.
type Options struct {
	Source    Source
	Method    string
	Objective string   // a name of calibrate.Measures
	Bounds    []string // NAME=LO:HI; of a parameter that the method holds: it is looked for
	Set       []string // NAME=VALUE: it is held
	Lateral   bool     // of a nonlinear reach: look for its lateral flow too
	Area      float64  // of a sub-basin, km²
	Length    float64  // of a reach of methods mct and cunge, km
	Slope     float64  // of its bed, –
	Parts     int      // of a reach of method cunge; 0: 1
	ShortStep bool     // of a reach of method cunge, and of method network, see the catalogue's short_step
	// Network of method network, routed in steps of RoutingStep; 0: 5 min.
	Network     *Network
	RoutingStep time.Duration
	// Concentration of a sub-basin: nash (or empty), lag or ordinates.
	Concentration string
	// Lead of the forecasts of method error, and of those that floods are judged as; 0: 6 h.
	Lead        time.Duration
	Profile     skill.Profile // by which floods are judged; without a name: the first of skill.Profiles
	FloodAbove  float64       // m³/s; what a flood of a period exceeds; 0: what nine tenths of what was observed do not
	Separation  time.Duration // less than this below it does not part two floods; 0: 6 h
	Ordinates   int           // of concentration ordinates; 0: 24
	Smooth      float64       // weight of their second differences, see forecast/unithydrograph
	ID          string        // of the reach or sub-basin, for the fragment
	Fit, Check  []string      // periods FROM..TO, both rows included
	Events      string        // file with more periods
	Split       float64       // without periods: the share of the record, or of the events, that the fit sees; 1: all, and nothing is checked
	Warmup      time.Duration
	Evaluations int // at most; 0: the method's Budget for each parameter
	Seed        uint64
	// Pull is the weight W of W Σ (u - 1/2)², which is added to what is minimised;
	// u is the place of a parameter between its bounds on the search's scale, 0 to 1.
	// It decides where the data do not: 0 leaves them alone.
	Pull float64
	// Progress, if not nil, is told now and then.
	Progress func(calibrate.Progress)
}

// An Event is a period, both ends included.
type Event struct {
	From, To time.Time
	Use      Use
	one      bool // it is one flood
}

// A Use is what an event is for.
type Use string

// The uses. An event of neither is dealt out by the split.
const (
	ForFit   Use = "fit"
	ForCheck Use = "check"
)

// A Report is the result.
type Report struct {
	Method      string   `json:"method"`
	ID          string   `json:"id"`
	File        string   `json:"file"`
	Objective   string   `json:"objective"`
	Profile     string   `json:"profile"` // by which floods are judged
	LeadHours   float64  `json:"lead_h"`  // of the forecasts that floods are judged as
	Pull        float64  `json:"pull"`    // to the middle of the bounds
	StepSeconds float64  `json:"step_s"`
	Parameters  []Fitted `json:"parameters"`
	Fit         Period   `json:"fit"`
	Check       *Period  `json:"check"` // null: nothing was checked
	Evaluations int      `json:"evaluations"`
	Restarts    int      `json:"restarts"`
	Reason      string   `json:"reason"` // why the search ended
	Notes       []string `json:"notes"`
	Fragment    string   `json:"fragment"` // YAML
}

// Fitted is one parameter, as the fragment has it.
type Fitted struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Value   float64 `json:"value"`
	Lo      float64 `json:"lo"`
	Hi      float64 `json:"hi"`
	Held    bool    `json:"held"`     // it was not looked for
	AtBound bool    `json:"at_bound"` // within 1 % of the bounds' distance from one: it may lie beyond
}

// A Period is how good the model is over the events of the fit or of the check,
// taken together.
type Period struct {
	From   time.Time    `json:"from"`
	To     time.Time    `json:"to"`
	Events int          `json:"events"`
	N      int          `json:"n"` // observed values
	NSE    verify.Score `json:"nse"`
	KGE    verify.Score `json:"kge"`
	RMSE   verify.Score `json:"rmse"`
	Volume verify.Score `json:"volume_error_share"` // of the observed
	Floods
}

// job is a fit under way.
type job struct {
	opts    *Options
	method  Method
	record  *Record
	model   *model
	measure calibrate.Measure
	out     []float64
	fit     []window
	check   []window
	unasked bool // nobody named a period to check
	notes   []string
	above   float64   // what floods exceed, m³/s
	o, s    []float64 // observed and simulated, kept between calls
}

// A window is a part of the record that counts, and where the model begins for it.
type window struct {
	begin int
	calibrate.Span
	one bool // it is one flood
}

// Run fits. The error wraps hydro.ErrInvalid if the options or the file are
// wrong, and is the context's if that ended.
func Run(ctx context.Context, opts Options) (*Report, error) {
	j := job{opts: &opts}
	if err := j.prepare(); err != nil {
		return nil, err
	}
	problem := calibrate.Problem{Objective: func(free []float64) (float64, error) { return j.objective(j.full(free)) }}
	for _, p := range j.model.parameters {
		if p.held == nil {
			problem.Parameters = append(problem.Parameters, p.Parameter)
		}
	}
	if len(problem.Parameters) == 0 { // a scheme of somebody else's, to be graded
		return j.report(calibrate.Result{Reason: nothingFree}, j.full(nil))
	}
	if opts.Evaluations == 0 {
		opts.Evaluations = j.method.Budget * len(problem.Parameters)
	}
	if err := problem.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	found, err := calibrate.Minimize(problem, calibrate.Options{
		Seed: opts.Seed, Evaluations: opts.Evaluations, Progress: opts.Progress, Cancelled: func() bool { return ctx.Err() != nil },
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: widen or move the bounds with --bound: %w", err, hydro.ErrInvalid)
	}
	return j.report(found, j.asWritten(j.full(found.X)))
}

const nothingFree calibrate.Reason = "all parameters are held"

func (j *job) prepare() (err error) {
	o := j.opts
	if j.method, err = MethodOf(o.Method); err != nil {
		return err
	}
	if j.measure, err = calibrate.MeasureOf(o.Objective); err != nil {
		return fmt.Errorf("--objective: %w: %w", err, hydro.ErrInvalid)
	}
	if !(o.Pull >= 0) || math.IsInf(o.Pull, 0) {
		return fmt.Errorf("--pull %g: want a weight of 0 or more: %w", o.Pull, hydro.ErrInvalid)
	}
	if err := o.checkFloods(); err != nil {
		return err
	}
	if j.record, err = Read(o.Source, j.method.Needs, j.method.May); err != nil {
		return err
	}
	if j.model, err = j.method.build(j.record, o); err != nil {
		return err
	}
	if o.Network != nil && o.Network.Filled > 0 {
		j.notes = append(j.notes, fmt.Sprintf("%d cells of lateral inflow without a value were taken for 0", o.Network.Filled))
	}
	if err := j.bounds(); err != nil {
		return err
	}
	if err := j.set(); err != nil {
		return err
	}
	j.out = make([]float64, j.record.N)
	if err := j.windows(); err != nil {
		return err
	}
	j.threshold()
	return nil
}

// run simulates the windows and gathers the pairs that count.
func (j *job) run(x []float64, windows []window) (err error) {
	if n := len(j.model.parameters); j.model.complete != nil && len(x) == n {
		if x, err = j.model.complete(x, j.fit); err != nil {
			return err
		}
	}
	j.o, j.s = j.o[:0], j.s[:0]
	for _, w := range windows {
		if err := j.model.simulate(x, w.begin, w.To, j.out); err != nil {
			return err
		}
		j.o, j.s = calibrate.Pairs(j.o, j.s, j.record.Series(j.method.Observed), j.out, w.Span)
	}
	return nil
}

func (j *job) objective(x []float64) (float64, error) {
	if err := j.run(x, j.fit); err != nil {
		return 0, err
	}
	v := j.measure.Score(j.o, j.s)
	if math.IsNaN(v) {
		return 0, fmt.Errorf("%s is not defined for %d observed values: they, or the model's, do not change", j.measure.Name, len(j.o))
	}
	off := 0.0
	for i := range x {
		if j.model.parameters[i].held != nil {
			continue
		}
		d := j.model.parameters[i].Place(x[i]) - 0.5
		off += d * d
	}
	return 1 - v + j.opts.Pull*off, nil
}

// asWritten returns x as the fragment holds it. Where the model cannot be run with
// the nearest such values, because x lies on the edge of what is stable, it
// returns the best of those that are a digit up or down.
func (j *job) asWritten(x []float64) []float64 {
	p := j.model.parameters
	w := make([]float64, len(x))
	for i := range x {
		if w[i] = x[i]; p[i].held == nil {
			w[i] = p[i].written(x[i], 0)
		}
	}
	if _, err := j.objective(w); err == nil {
		return w
	}
	best, least := w, math.Inf(1)
	for choice := range 27 { // the edges are those of routing: the first three parameters
		try, c := slices.Clone(w), choice
		for i := range min(len(x), 3) {
			if p[i].held == nil {
				try[i] = p[i].written(x[i], c%3-1)
			}
			c /= 3
		}
		if v, err := j.objective(try); err == nil && v < least {
			best, least = try, v
		}
	}
	return best
}

func (j *job) report(found calibrate.Result, x []float64) (_ *Report, err error) {
	if j.model.complete != nil {
		if x, err = j.model.complete(x, j.fit); err != nil {
			return nil, fmt.Errorf("the fit as written: %w", err)
		}
	}
	r := &Report{
		Method: j.method.Name, ID: j.opts.ID, File: j.record.Name, Objective: j.measure.Name, Pull: j.opts.Pull, StepSeconds: j.record.Step.Seconds(),
		Profile: j.opts.Profile.Name, LeadHours: j.opts.Lead.Hours(),
		Evaluations: found.Evaluations, Restarts: found.Restarts, Reason: string(found.Reason), Notes: append([]string{}, j.notes...),
	}
	for i, p := range j.model.parameters {
		f := Fitted{Name: p.Name, Unit: p.Unit, Value: x[i], Lo: p.Lo, Hi: p.Hi}
		if f.Held = p.held != nil; f.Held {
			r.Parameters = append(r.Parameters, f)
			continue
		}
		at := p.Place(x[i])
		f.AtBound = (at < 0.01 || at > 0.99) && !(p.Whole && p.Hi-p.Lo == 1) // on or off is no bound
		r.Parameters = append(r.Parameters, f)
	}
	for i, p := range j.model.derived {
		r.Parameters = append(r.Parameters, Fitted{Name: p.Name, Unit: p.Unit, Value: x[len(j.model.parameters)+i], Lo: p.Lo, Hi: p.Hi})
	}
	if r.Fit, err = j.period(x, j.fit); err != nil {
		return nil, fmt.Errorf("the fit as written: %w", err)
	}
	if len(j.check) > 0 {
		c, err := j.period(x, j.check)
		switch {
		case err == nil:
			r.Check = &c
		case j.unasked:
			j.notes = append(j.notes, fmt.Sprintf("the model that was fitted cannot be run over the rest of the record: %v", err))
			r.Notes = append(r.Notes, j.notes[len(j.notes)-1])
		default:
			return nil, fmt.Errorf("the model that was fitted cannot be run over the check: %w", err)
		}
	}
	if found.Reason != calibrate.Agreed && found.Reason != nothingFree {
		r.Notes = append(r.Notes, "the search ended because "+string(found.Reason)+": more --evaluations may find better")
	}
	if j.model.given != nil {
		note, err := j.asGiven()
		if err != nil {
			return nil, err
		}
		j.notes, r.Notes = append(j.notes, note), append(r.Notes, note)
	}
	r.Fragment = j.fragment(r, x)
	return r, nil
}

func (j *job) period(x []float64, windows []window) (Period, error) {
	if err := j.run(x, windows); err != nil {
		return Period{}, err
	}
	r := j.record
	p := Period{From: r.At(windows[0].From), To: r.At(windows[0].To - 1), Events: len(windows), N: len(j.o)}
	for _, w := range windows {
		if f := r.At(w.From); f.Before(p.From) {
			p.From = f
		}
		if t := r.At(w.To - 1); t.After(p.To) {
			p.To = t
		}
	}
	p.NSE, p.KGE = verify.Score(skill.NSE(j.o, j.s)), verify.Score(skill.KGE(j.o, j.s))
	p.RMSE = verify.Score(skill.RootMeanSquareError(j.o, j.s))
	p.Volume = verify.Score(math.NaN())
	if len(j.o) > 0 {
		sum := 0.0
		for _, v := range j.o {
			sum += v
		}
		p.Volume = verify.Score(skill.MeanError(j.o, j.s) * float64(len(j.o)) / sum)
	}
	var err error
	p.Floods, err = j.floods(x, windows, float64(p.NSE))
	return p, err
}

// fragment is the result as a part of a catalogue, with the scores as comments.
func (j *job) fragment(r *Report, x []float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# freshet calibrate: %s fitted to %s, step %s, by %s\n", r.Method, r.File, duration(r.StepSeconds), r.Objective)
	if r.Pull > 0 {
		fmt.Fprintf(&b, "# with a pull of %g to the middle of the bounds\n", r.Pull)
	}
	for _, p := range []struct {
		name   string
		period *Period
	}{{"fit", &r.Fit}, {"check", r.Check}} {
		if q := p.period; q == nil {
			fmt.Fprintf(&b, "# %-5s  none: the parameters were not tried on anything that the fit did not see\n", p.name)
		} else {
			fmt.Fprintf(&b, "# %-5s  %s to %s, %d values: NSE %s, KGE %s, RMSE %s m³/s, volume %s, %s\n", p.name, stamp(q.From, j.record.Zone), stamp(q.To, j.record.Zone), q.N,
				score(q.NSE, "%.4f"), score(q.KGE, "%.4f"), score(q.RMSE, "%.4g"), score(100*q.Volume, "%+.1f %%"), q.peaks())
		}
	}
	j.grades(&b, r)
	fmt.Fprintf(&b, "# %d evaluations, %d restarts: %s\n", r.Evaluations, r.Restarts, r.Reason)
	for _, f := range r.Parameters {
		if f.AtBound {
			fmt.Fprintf(&b, "# %s = %.5g %s lies at a bound (%.5g to %.5g): the best value may be beyond, or the data do not tell\n", f.Name, f.Value, f.Unit, f.Lo, f.Hi)
		}
	}
	for _, n := range j.notes {
		fmt.Fprintf(&b, "# %s\n", n)
	}
	j.model.fragment(&b, r.ID, x)
	return b.String()
}

func score(s verify.Score, format string) string {
	if math.IsNaN(float64(s)) || math.IsInf(float64(s), 0) {
		return "–"
	}
	return fmt.Sprintf(format, float64(s))
}
