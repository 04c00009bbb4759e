package calibration

import (
	"fmt"
	"math"
	"slices"

	"freshet/forecast/calibrate"
	"freshet/internal/hydro"
)

// windows deals the record out to the fit and to the check.
func (j *job) windows() error {
	o, r := j.opts, j.record
	var events []Event
	for _, p := range []struct {
		periods []string
		use     Use
	}{{o.Fit, ForFit}, {o.Check, ForCheck}} {
		for _, text := range p.periods {
			from, to, err := ParsePeriod(text, r.Zone)
			if err != nil {
				return fmt.Errorf("--%s: %w", p.use, err)
			}
			events = append(events, Event{From: from, To: to, Use: p.use})
		}
	}
	if o.Events != "" {
		more, err := ReadEvents(o.Events, r.Zone)
		if err != nil {
			return err
		}
		for i := range more {
			more[i].one = true
		}
		events = append(events, more...)
	}
	if !(o.Split > 0 && o.Split <= 1) {
		return fmt.Errorf("--split %g: want a share above 0, at most 1: %w", o.Split, hydro.ErrInvalid)
	}
	if len(events) == 0 {
		return j.halves()
	}
	open := 0
	for _, e := range events {
		if e.Use == "" {
			open++
		}
	}
	fit := int(math.Ceil(o.Split * float64(open))) // the first of the events without a use
	for _, e := range events {
		if e.Use == "" {
			e.Use = ForCheck
			if fit > 0 {
				e.Use = ForFit
			}
			fit--
		}
		from, to := r.steps(e.From, e.To)
		if err := j.window(e.Use, calibrate.Span{From: from, To: to}, e.one); err != nil {
			return fmt.Errorf("%s to %s: %w", stamp(e.From, r.Zone), stamp(e.To, r.Zone), err)
		}
	}
	if len(j.fit) == 0 {
		return fmt.Errorf("no period to fit: name one with --fit: %w", hydro.ErrInvalid)
	}
	if err := j.apart(); err != nil {
		return err
	}
	if len(j.check) == 0 && o.Events == "" && o.Split < 1 {
		j.unasked = true
		j.rest()
	}
	return nil
}

// apart refuses a check of what the fit has seen.
func (j *job) apart() error {
	r := j.record
	for _, f := range j.fit {
		for _, c := range j.check {
			from, to := max(f.From, c.From), min(f.To, c.To)
			if from < to {
				return fmt.Errorf("the check shares %d steps with the fit, %s to %s: a check is of what the fit did not see; let one end before the other begins, or leave --check out, and the rest of the record is checked: %w", to-from, stamp(r.At(from), r.Zone), stamp(r.At(to-1), r.Zone), hydro.ErrInvalid)
			}
		}
	}
	return nil
}

// rest checks what the record holds beside the fit. What of it cannot be run is told.
func (j *job) rest() {
	r := j.record
	if j.model.event {
		j.notes = append(j.notes, "the rest of the record is not checked: "+j.method.Name+" knows events alone, name some with --check or --events")
		return
	}
	seen := make([]bool, r.N)
	for _, w := range j.fit {
		for i := w.begin; i < w.To; i++ { // what warmed the fit up is no part of either
			seen[i] = true
		}
	}
	for from := 0; from < r.N; {
		to := from
		for to < r.N && seen[to] == seen[from] {
			to++
		}
		if !seen[from] {
			span := stamp(r.At(from), r.Zone) + " to " + stamp(r.At(to-1), r.Zone)
			if err := j.window(ForCheck, calibrate.Span{From: from, To: to}, false); err != nil {
				j.notes = append(j.notes, fmt.Sprintf("the rest of the record from %s is not checked: %v", span, err))
			} else {
				j.notes = append(j.notes, fmt.Sprintf("no --check: the rest of the record is checked, %s", span))
			}
		}
		from = to
	}
}

// halves splits a record without events: what warms the model up at its beginning
// counts for neither part.
func (j *job) halves() error {
	warm := int(j.opts.Warmup / j.record.Step)
	rest := max(0, j.record.N-warm)
	if j.opts.Split == 1 {
		return j.window(ForFit, calibrate.Span{From: warm, To: j.record.N}, false)
	}
	fit, check, err := calibrate.Split(rest, j.opts.Split)
	if err != nil {
		return fmt.Errorf("%s: %d steps, of which %d warm the model up: %w: %w", j.record.Name, j.record.N, warm, err, hydro.ErrInvalid)
	}
	if err := j.window(ForFit, calibrate.Span{From: warm, To: warm + fit.To}, false); err != nil {
		return err
	}
	return j.window(ForCheck, calibrate.Span{From: warm + check.From, To: warm + check.To}, false)
}

// window adds a part of the record, which is begun the warm-up before it. At the
// beginning of the record it is shortened for that. One says that it is one flood.
func (j *job) window(use Use, s calibrate.Span, one bool) error {
	r := j.record
	warm := int(j.opts.Warmup / r.Step)
	w := window{begin: max(0, s.From-warm), Span: s, one: one}
	if short := w.begin + warm - s.From; short > 0 {
		w.From += short
		j.notes = append(j.notes, fmt.Sprintf("the first %d steps of the %s only warm the model up", short, use))
	}
	if w.Len() < 2 {
		return fmt.Errorf("%s: holds %d steps beside the warm-up of %s, want at least 2: %w", r.Name, max(0, w.Len()), j.opts.Warmup, hydro.ErrInvalid)
	}
	inputs := slices.DeleteFunc(append(slices.Clone(j.method.Needs), j.method.May...), func(role string) bool { return role == j.method.Observed || r.Series(role) == nil })
	for _, role := range inputs {
		if err := r.whole(role, w.begin, w.To); err != nil {
			return err
		}
	}
	if use == ForFit {
		j.fit = append(j.fit, w)
	} else {
		j.check = append(j.check, w)
	}
	return nil
}
