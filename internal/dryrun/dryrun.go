// Package dryrun plays a changed catalogue over a recorded season: a second engine
// with the changed rules is given the inputs of a basin's log, in the log's order,
// beside one with the rules as they were recorded, and both are scored.
//
// Nothing is published and nothing is written to the log. What people did under the
// recorded rules goes to both engines; a command that names a warning or a wave
// which the changed rules did not give is carried over to what stands in its place,
// or named as dropped ([Command]).
//
// docs/models/season.md says what is counted.
package dryrun

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/verify"
	"freshet/internal/wire"
)

// A Truth says whose thresholds the river is judged by.
type Truth string

// The truths.
const (
	// Recorded: both rules are judged by the thresholds of the recorded catalogue. The
	// river does its damage at the same level whatever the rules say.
	Recorded Truth = "recorded"
	// Own: each rules' warnings are judged by their own thresholds.
	Own Truth = "own"
)

// Options say what to play; Files and Basin are required.
type Options struct {
	Basin    string
	Files    []hydro.File // of the changed catalogue
	From, To time.Time    // what is scored; zero: from the first tick, to the last. All inputs before To are played
	Truth    Truth        // "": Recorded
	// Flap is the time within which a stage that is raised and lowered again is a flap;
	// 0: 6 h.
	Flap time.Duration
	// Separation is the least time below a threshold that parts two floods; 0: 6 h.
	Separation time.Duration
	// Progress, if not nil, is told now and then how far it is.
	Progress func(Progress)
}

// Progress is how far a dry run is.
type Progress struct {
	Input, Last uint64    // of the log
	Readings    uint64    // played
	Now         time.Time // engine time
}

// A Log is what was recorded.
type Log interface {
	// Last returns the sequence number of the last input.
	Last(ctx context.Context) (uint64, error)
	// Inputs yields all inputs in order and ends after the last one.
	Inputs(ctx context.Context) iter.Seq2[hydro.Input, error]
	// Warnings returns the warnings that were given, up to an instant, in order.
	Warnings(ctx context.Context, to time.Time) ([]hydro.Warning, error)
}

// progressEvery is how many inputs lie between two reports of progress.
const progressEvery = 256

// Run plays the log and scores both rules. The error wraps hydro.ErrInvalid if the
// changed catalogue does not load or does not know the basin, and hydro.ErrNotFound
// if the log no longer reaches back to its first input.
func Run(ctx context.Context, log Log, opts Options) (*Report, error) {
	switch opts.Truth {
	case "":
		opts.Truth = Recorded
	case Recorded, Own:
	default:
		return nil, fmt.Errorf("truth %q: %s and %s are known: %w", opts.Truth, Recorded, Own, hydro.ErrInvalid)
	}
	if opts.Flap == 0 {
		opts.Flap = 6 * time.Hour
	}
	if opts.Separation == 0 {
		opts.Separation = 6 * time.Hour
	}
	if opts.Flap < 0 || opts.Separation < 0 || !opts.To.IsZero() && !opts.From.Before(opts.To) {
		return nil, fmt.Errorf("dry run: the time to is not later than from, or a duration is negative: %w", hydro.ErrInvalid)
	}
	changed, err := load(opts.Files, opts.Basin)
	if err != nil {
		return nil, err
	}
	last, err := log.Last(ctx)
	if err != nil {
		return nil, err
	}
	p := &player{opts: opts, changed: changed, recorded: newSide(opts.Basin), tried: newSide(opts.Basin), seen: map[hydro.Key]*track{}}
	for in, err := range log.Inputs(ctx) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			if p.inputs == 0 && (errors.Is(err, hydro.ErrNotFound) || status.Code(err) == codes.NotFound) {
				return nil, headGone{err}
			}
			return nil, fmt.Errorf("dry run: %w", err)
		}
		if t := in.Tick; t != nil && !opts.To.IsZero() && !t.At.Before(opts.To) {
			break
		}
		if err := p.play(in); err != nil {
			return nil, fmt.Errorf("dry run: %w", err)
		}
		if opts.Progress != nil && (p.inputs%progressEvery == 0 || in.Seq == last) {
			opts.Progress(Progress{in.Seq, last, p.readings, p.recorded.engine.Now()})
		}
	}
	if p.recorded.engine.Now().IsZero() {
		return nil, fmt.Errorf("dry run: the log of %s has no tick in that time: %w", opts.Basin, hydro.ErrNotFound)
	}
	r, err := p.report()
	if err != nil {
		return nil, err
	}
	given, err := log.Warnings(ctx, p.end())
	if err != nil {
		return nil, err
	}
	r.Reproduced = reproduce(p.recorded.warnings, given)
	return r, nil
}

// headGone says that the log no longer begins with its first input. What both rules
// remember then would be of other rules, or made up: a score of that is refused.
type headGone struct{ err error }

func (e headGone) Error() string {
	return fmt.Sprintf("dry run: %v: a dry-run plays the log from its first input, from which alone both rules come to remember what they should; "+
		"play a copy of the data folder from before these were dropped (--data), or keep the log longer (freshet serve --log-max-age 0 keeps it for ever)", e.err)
}

func (headGone) Unwrap() error { return hydro.ErrNotFound }

func load(files []hydro.File, basin string) (*catalog.Catalog, error) {
	c, problems := catalog.Load(files)
	if len(problems) > 0 {
		f := problems[0]
		return nil, fmt.Errorf("changed catalogue: %s:%d: %s (%d problems; freshet catalog check names all): %w", f.File, f.Line, f.Message, len(problems), hydro.ErrInvalid)
	}
	if _, ok := c.Basin(basin); !ok {
		return nil, fmt.Errorf("changed catalogue: it has no basin %q: %w", basin, hydro.ErrInvalid)
	}
	return c, nil
}

// A side is one of the two engines and what it said.
type side struct {
	engine   *engine.Engine
	warnings []hydro.Warning
	calls    []hydro.DutyEvent // first tries of calls
}

func newSide(basin string) *side { return &side{engine: engine.New(basin)} }

// A player feeds both sides.
type player struct {
	opts     Options
	changed  *catalog.Catalog
	recorded *side
	tried    *side
	started  bool     // the changed catalogue is in force
	versions []string // of the recorded catalogues, in order
	seen     map[hydro.Key]*track

	inputs, readings uint64
	first            time.Time // tick
	commands         Commands
}

func (p *player) play(in hydro.Input) error {
	p.inputs++
	if in.Batch != nil {
		p.readings += uint64(len(in.Batch.Readings))
	}
	outs, err := p.recorded.engine.Apply(in)
	if err != nil {
		return err
	}
	p.recorded.hear(outs)
	p.observe(outs)
	if in.Tick != nil && p.first.IsZero() && p.recorded.engine.Catalog() != nil {
		p.first = in.Tick.At
	}
	switch {
	case in.Catalogue != nil:
		p.versions = append(p.versions, in.Catalogue.Version)
		if p.started { // the changed one is in force all the time
			return nil
		}
		p.started = true
		in.Catalogue = &hydro.CatalogueChange{Version: p.changed.Version, Files: p.opts.Files, At: in.Catalogue.At}
	case in.Command != nil:
		in.Command = p.carry(in, outs)
	}
	if outs, err = p.tried.engine.Apply(in); err != nil {
		return err
	}
	if in.Catalogue != nil {
		if c := p.tried.engine.Catalog(); c == nil || c.Version != p.changed.Version {
			why := "it was refused"
			if len(outs) > 0 && outs[0].Audit != nil {
				why = outs[0].Audit.Text
			}
			return fmt.Errorf("changed catalogue: %s: %w", why, hydro.ErrInvalid)
		}
	}
	p.tried.hear(outs)
	return nil
}

func (s *side) hear(outs []hydro.Output) {
	for _, o := range outs {
		switch {
		case o.Warning != nil:
			s.warnings = append(s.warnings, *o.Warning)
		case o.Duty != nil && isFirstTry(o.Duty):
			s.calls = append(s.calls, *o.Duty)
		}
	}
}

// end is the last instant that was played.
func (p *player) end() time.Time { return p.recorded.engine.Now() }

// A track is what was observed of one series, ascending, each instant once.
type track struct {
	at     []time.Time
	values []float64
	usable []bool
	datum  []hydro.Datum
}

// observe keeps the levels and flows as quality control of the recorded rules saw
// them in the end.
func (p *player) observe(outs []hydro.Output) {
	for _, out := range outs {
		for i := range out.Observations {
			o := &out.Observations[i]
			if o.Variable != hydro.WaterLevel && o.Variable != hydro.Discharge || o.Sensor != 0 {
				continue
			}
			t := p.seen[o.Key]
			if t == nil {
				t = &track{}
				p.seen[o.Key] = t
			}
			t.put(o)
		}
	}
}

func (t *track) put(o *hydro.Observation) {
	i, found := len(t.at), false
	if i > 0 && !o.At.After(t.at[i-1]) {
		i, found = slices.BinarySearchFunc(t.at, o.At, time.Time.Compare)
	}
	if !found {
		t.at = slices.Insert(t.at, i, o.At)
		t.values = slices.Insert(t.values, i, 0)
		t.usable = slices.Insert(t.usable, i, false)
		t.datum = slices.Insert(t.datum, i, hydro.NoDatum)
	}
	t.values[i], t.usable[i], t.datum[i] = o.Value, o.Quality.Usable(), o.Datum
}

// record is the usable part of t; levels on another datum are counted apart.
func (t *track) record(st *catalog.Station, v hydro.Variable) (r verify.Record, heldBack, apart int) {
	p, _ := st.Parameter(v, 0)
	r.Within = max(2*p.Interval, 10*time.Minute)
	if t == nil {
		return r, 0, 0
	}
	for i, at := range t.at {
		switch {
		case !t.usable[i]:
			heldBack++
		case v == hydro.WaterLevel && t.datum[i] != st.Datum.Name:
			apart++
		default:
			r.At, r.Values = append(r.At, at), append(r.Values, t.values[i])
		}
	}
	return r, heldBack, apart
}

// A Reproduction compares the warnings of the recorded rules, played again, with
// those that were given: how far the score can be trusted.
type Reproduction struct {
	Given int  `json:"given"`
	Equal int  `json:"equal"` // byte for byte
	Exact bool `json:"exact"` // all, and no other
	// First is the id of the first warning that differs, is missing or is too many.
	First string `json:"first_difference,omitempty"`
}

func reproduce(again, given []hydro.Warning) Reproduction {
	r := Reproduction{Given: len(given), Exact: true}
	differs := func(id string) {
		r.Exact = false
		if r.First == "" {
			r.First = id
		}
	}
	for i := range given {
		switch {
		case i >= len(again):
			differs(given[i].ID)
		case string(Bytes(&again[i])) == string(Bytes(&given[i])):
			r.Equal++
		default:
			differs(given[i].ID)
		}
	}
	if len(again) > len(given) {
		differs(again[len(given)].ID)
	}
	return r
}

// Bytes returns a warning as the log holds it.
func Bytes(w *hydro.Warning) []byte {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(wire.FromWarning(w))
	if err != nil { // its text is not UTF-8: the log would not hold it
		panic(fmt.Sprintf("dryrun: warning %s: %v", w.ID, err))
	}
	return b
}
