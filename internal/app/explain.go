package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// warningStamp is the instant in a warning's id.
const warningStamp = "20060102T150405Z"

// explainLimit bounds how long the replay behind one explanation may take.
const explainLimit = 2 * time.Minute

// explainKeep is how long the engine of a replay is kept for the next question.
const explainKeep = 5 * time.Minute

// A replayed engine stands where the last explanation left it, so that reading one
// warning after another costs one replay of the log and not one each.
type replayed struct {
	engine   *engine.Engine
	warnings []hydro.Warning // that its last input gave: they can still be explained
	forget   *time.Timer     // an engine holds days of readings, and nobody may ask again
}

// Explain says why a warning of the basin was given, by a replay of the in-log on
// an engine of its own: from where the last explanation ended or from the newest
// snapshot, whichever lies nearer before the warning, else from the start of the
// log. One replay runs at a time, others wait for it.
func (b *basin) Explain(ctx context.Context, id string) (hydro.Explanation, error) {
	parts := strings.Split(id, "/")
	if len(parts) != 3 || parts[0] != b.id {
		return hydro.Explanation{}, fmt.Errorf("warning %q: an id is <basin>/<time>/<station>, e.g. %s/20260610T063510Z/h-enping: %w", id, b.id, hydro.ErrInvalid)
	}
	at, err := time.Parse(warningStamp, parts[1])
	if err != nil {
		return hydro.Explanation{}, fmt.Errorf("warning %q: %q is no time like 20260610T063510Z: %w", id, parts[1], hydro.ErrInvalid)
	}
	ctx, cancel := context.WithTimeout(ctx, explainLimit)
	defer cancel()
	select {
	case b.explaining <- struct{}{}:
		defer func() { <-b.explaining }()
	case <-ctx.Done():
		return hydro.Explanation{}, fmt.Errorf("another explanation is being computed: %w", ctx.Err())
	}
	var now time.Time
	b.Query(func(e *engine.Engine) { now = e.Now() })
	if now.Before(at) { // nothing to replay up to
		return hydro.Explanation{}, fmt.Errorf("warning %q: engine time is %s: %w", id, now.UTC().Format(time.RFC3339), hydro.ErrNotFound)
	}
	if x, ok := b.replayed.explain(id); ok {
		return x, nil
	}
	last, err := b.log.LastInput(ctx, b.id)
	if err != nil {
		return hydro.Explanation{}, err
	}
	r := &replayed{engine: b.engineBefore(ctx, at)}
	for in, err := range b.log.Inputs(ctx, b.id, r.engine.Seq()) {
		if errors.Is(err, hydro.ErrNotFound) {
			return hydro.Explanation{}, fmt.Errorf("warning %q: the log no longer reaches back to where a replay up to it would begin: %w", id, err)
		}
		if err != nil {
			return hydro.Explanation{}, err
		}
		if err := r.apply(in); err != nil {
			return hydro.Explanation{}, err
		}
		if x, ok := r.explain(id); ok {
			b.keep(r)
			return x, nil
		}
		if in.Seq >= last || r.engine.Now().After(at.Add(time.Second)) {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return hydro.Explanation{}, fmt.Errorf("warning %q: replaying the log up to it: %w", id, err)
	}
	return hydro.Explanation{}, fmt.Errorf("warning %q: the replay of the log gives no such warning: %w", id, hydro.ErrNotFound)
}

// engineBefore returns the engine that a replay up to at begins with, which takes
// the kept one away if that is it.
func (b *basin) engineBefore(ctx context.Context, at time.Time) *engine.Engine {
	kept := b.replayed
	if kept != nil && !kept.engine.Now().Before(at) {
		kept = nil
	}
	seq, data, err := b.log.LoadSnapshot(ctx, b.id)
	if err == nil && (kept == nil || seq > kept.engine.Seq()) { // else there is none, or it is damaged: the log holds it all
		if e, _, err := restore(seq, data, b.catalog); err == nil && e.Now().Before(at) {
			return e
		}
	}
	if kept != nil {
		b.drop()
		return kept.engine
	}
	return engine.New(b.id)
}

// keep keeps the engine of a replay for the next question, and drop lets it go.
// The caller holds b.explaining.
func (b *basin) keep(r *replayed) {
	b.drop()
	b.replayed = r
	r.forget = time.AfterFunc(explainKeep, func() {
		b.explaining <- struct{}{}
		defer func() { <-b.explaining }()
		if b.replayed == r {
			b.replayed = nil
		}
	})
}

func (b *basin) drop() {
	if b.replayed != nil {
		b.replayed.forget.Stop()
		b.replayed = nil
	}
}

func (r *replayed) apply(in hydro.Input) error {
	outs, err := r.engine.Apply(in)
	r.warnings = r.warnings[:0]
	for _, o := range outs {
		if o.Warning != nil {
			r.warnings = append(r.warnings, *o.Warning)
		}
	}
	return err
}

// explain explains the warning of that id if it follows from the last input.
func (r *replayed) explain(id string) (hydro.Explanation, bool) {
	if r == nil {
		return hydro.Explanation{}, false
	}
	for _, w := range r.warnings {
		if w.ID == id {
			return r.engine.Explain(w), true
		}
	}
	return hydro.Explanation{}, false
}
