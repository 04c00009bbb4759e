package app

import (
	"context"
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

// Explain says why a warning of the basin was given, by applying the tick that gave
// it once more to the engine as it stood before.
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
	var now time.Time
	b.Query(func(e *engine.Engine) { now = e.Now() })
	if now.Before(at) { // nothing to replay up to
		return hydro.Explanation{}, fmt.Errorf("warning %q: engine time is %s: %w", id, now.UTC().Format(time.RFC3339), hydro.ErrNotFound)
	}
	last, err := b.log.LastInput(ctx, b.id)
	if err != nil {
		return hydro.Explanation{}, err
	}
	e, err := b.engineAt(ctx, at.Add(-time.Nanosecond))
	if err != nil {
		return hydro.Explanation{}, fmt.Errorf("warning %q: %w", id, err)
	}
	for in, err := range b.log.Inputs(ctx, b.id, e.Seq()) {
		if err != nil {
			return hydro.Explanation{}, err
		}
		x, found, err := explainInput(e, in, id)
		if err != nil || found {
			return x, err
		}
		if in.Seq >= last || e.Now().After(at.Add(time.Second)) {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return hydro.Explanation{}, fmt.Errorf("warning %q: replaying the log up to it: %w", id, err)
	}
	return hydro.Explanation{}, fmt.Errorf("warning %q: the replay of the log gives no such warning: %w", id, hydro.ErrNotFound)
}

// explainInput applies an input and explains the warning of that id if it follows
// from it.
func explainInput(e *engine.Engine, in hydro.Input, id string) (x hydro.Explanation, found bool, err error) {
	outs, err := e.Apply(in)
	if err != nil {
		return hydro.Explanation{}, false, err
	}
	for _, o := range outs {
		if o.Warning != nil && o.Warning.ID == id {
			return e.Explain(*o.Warning), true, nil
		}
	}
	return hydro.Explanation{}, false, nil
}
