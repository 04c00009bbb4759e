package influx

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/store"
	"freshet/internal/store/record"
)

const warnings = "warning"

// WriteWarning implements [store.Writer].
func (s *Store) WriteWarning(ctx context.Context, w hydro.Warning) error {
	if err := store.CheckWarning(&w); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var l line
	l.start(warnings)
	l.tag("basin", w.Basin)
	l.tag("station", w.Station)
	l.tag("to", w.To.String())
	l.text("id", w.ID)
	l.text("from", w.From.String())
	l.int("stage", int64(w.To))
	l.text("reason_zh", w.ReasonZH)
	l.text("reason_en", w.ReasonEN)
	l.text("cause", w.Cause)
	l.text("catalogue", w.Catalogue)
	l.bool("illustrative", w.Illustrative)
	appendLeg(&l, "observed", w.Observed)
	appendLeg(&l, "forecast", w.Forecast)
	l.bytes("record", record.AppendWarning(nil, &w))
	l.end(w.At, idNanoseconds(w.ID))
	if err := s.send(ctx, l.b); err != nil {
		return fmt.Errorf("write warning %s: %w", w.ID, err)
	}
	return nil
}

func appendLeg(l *line, name string, leg hydro.Leg) {
	l.text(name+"_stage", leg.Stage.String())
	if leg.Variable == 0 {
		return
	}
	l.text(name+"_variable", leg.Variable.String())
	l.float(name+"_value", leg.Value)
	l.float(name+"_threshold", leg.Threshold)
	appendInstant(l, name+"_ms", leg.At)
}

// idNanoseconds tells warnings of one station, stage and millisecond apart: it
// is less than a million, and differs between IDs of one basin unless their
// sequences are a multiple of 100 apart and their indexes one of 10,000. (An
// engine decides at most once for a station and instant.) An ID of another form
// is hashed.
func idNanoseconds(id string) int64 {
	sequence, index, ok := store.SplitID(id)
	if !ok {
		h := fnv.New64a()
		_, _ = h.Write([]byte(id))
		return int64(h.Sum64() % 1_000_000)
	}
	return int64(sequence%100*10_000 + index%10_000)
}

// Warnings implements [store.Reader].
func (s *Store) Warnings(ctx context.Context, basin string, from, to time.Time) iter.Seq2[hydro.Warning, error] {
	return func(yield func(hydro.Warning, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(hydro.Warning{}, err)
			return
		}
		first, last, ok := store.Range(from, to)
		if !ok || store.CheckName("basin", basin) != nil {
			return
		}
		all, err := s.warnings(ctx, basin, first, last)
		if err != nil {
			yield(hydro.Warning{}, fmt.Errorf("read warnings of %s: %w", basin, err))
			return
		}
		for _, w := range all {
			if !yield(w, nil) {
				return
			}
		}
	}
}

// warnings reads them all at once: they are few, and come as a table for each
// station and stage, so that a page would not be a span of time.
func (s *Store) warnings(ctx context.Context, basin string, first, last int64) ([]hydro.Warning, error) {
	const ms = int64(time.Millisecond)
	var all []hydro.Warning
	err := s.ask(ctx, s.selection(warnings, first*ms, last*ms+ms-1, "basin", basin, "_field", "record")+
		`|> keep(columns: ["_time", "_value", "station", "to"])`,
		func(c columns) error {
			b, err := c.bytes("_value")
			if err != nil {
				return err
			}
			w, err := record.Warning(b)
			if err != nil {
				return err
			}
			all = append(all, w)
			return nil
		})
	slices.SortFunc(all, func(a, b hydro.Warning) int {
		return cmp.Or(a.At.Compare(b.At), store.CompareIDs(a.ID, b.ID))
	})
	return all, err
}
