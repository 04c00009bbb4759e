package influx

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/store"
)

const (
	observations = "observation"
	revised      = "observation_revised"

	// pageRows is how many observations one query asks for.
	pageRows = 10_000
	// unknownReceived stands for a zero ReceivedAt. The field is always
	// written, or a replaced point would keep the old one.
	unknownReceived = math.MinInt64
)

// WriteObservations implements [store.Writer].
func (s *Store) WriteObservations(ctx context.Context, basin string, all []hydro.Observation) error {
	if err := store.CheckObservations(basin, all); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l := line{b: make([]byte, 0, min(requestBytes+requestBytes/8, len(all)*256))}
	for i := range all {
		o := &all[i]
		appendObservation(&l, observations, basin, o, 0)
		if o.Revision > 0 {
			appendObservation(&l, revised, basin, o, int64(o.Revision))
		}
		if len(l.b) >= requestBytes || i == len(all)-1 {
			if err := s.send(ctx, l.b); err != nil {
				return fmt.Errorf("write observations of %s: %w", basin, err)
			}
			l.b = l.b[:0]
		}
	}
	return nil
}

func appendObservation(l *line, measurement, basin string, o *hydro.Observation, nanoseconds int64) {
	l.start(measurement)
	l.tag("basin", basin)
	l.tag("sensor", sensorText(o.Sensor))
	l.tag("station", o.Station)
	l.tag("variable", o.Variable.String())
	l.float("value", o.Value)
	l.float("raw", o.Raw)
	l.text("quality", o.Quality.String())
	l.text("tests", testsText(o.Tests|o.Notes))
	l.text("ran", testsText(o.Ran))
	l.text("failed", testsText(o.Failed))
	l.text("why", o.Why)
	l.int("revision", int64(o.Revision))
	l.float("interval_s", float64(o.Interval.Milliseconds())/1000)
	l.text("datum", string(o.Datum))
	received := int64(unknownReceived)
	if !o.ReceivedAt.IsZero() {
		received = o.ReceivedAt.UnixMilli()
	}
	l.int("received_ms", received)
	l.end(o.At, nanoseconds)
}

func sensorText(sensor uint8) string {
	if sensor == 0 {
		return "0"
	}
	return strconv.Itoa(int(sensor))
}

func testsText(tests hydro.Tests) string {
	if tests == 0 {
		return ""
	}
	return strings.Join(tests.Names(), ",")
}

// Observations implements [store.Reader]. It reads by pages.
func (s *Store) Observations(ctx context.Context, k hydro.Key, from, to time.Time) iter.Seq2[hydro.Observation, error] {
	return func(yield func(hydro.Observation, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(hydro.Observation{}, err)
			return
		}
		first, last, ok := store.Range(from, to)
		if !ok || store.CheckName("station", k.Station) != nil {
			return
		}
		for first <= last {
			page, end, err := s.page(ctx, k, first, last)
			if err != nil {
				yield(hydro.Observation{}, fmt.Errorf("read observations of %s: %w", k, err))
				return
			}
			for _, o := range page {
				if !yield(o, nil) {
					return
				}
			}
			first = end + 1
		}
	}
}

// page returns the observations from the millisecond first on, and the last
// millisecond that it covers, at most last.
func (s *Store) page(ctx context.Context, k hydro.Key, first, last int64) ([]hydro.Observation, int64, error) {
	tags := []string{"station", k.Station, "variable", k.Variable.String(), "sensor", sensorText(k.Sensor)}
	const ms = int64(time.Millisecond)
	var all []hydro.Observation
	// A series is one of each basin that the station was ever in, so one as a
	// rule; each is limited by itself.
	rows, ends := make(map[string]int), make(map[string]int64)
	collect := func(c columns) error {
		basin := c.text("basin")
		rows[basin]++
		if !complete(c) {
			return nil
		}
		o, err := observation(c, k)
		if err != nil {
			return err
		}
		all = append(all, o)
		if end, ok := ends[basin]; !ok || o.At.UnixMilli() > end {
			ends[basin] = o.At.UnixMilli()
		}
		return nil
	}
	const pivot = `|> keep(columns: ["_time", "_value", "_field", "basin"])
|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")`
	err := s.ask(ctx, s.selection(observations, first*ms, last*ms, tags...)+fmt.Sprintf("|> limit(n: %d)\n", pageRows)+pivot, collect)
	if err != nil {
		return nil, 0, err
	}
	for basin, n := range rows {
		if n < pageRows {
			continue
		}
		end, ok := ends[basin]
		if !ok {
			return nil, 0, fmt.Errorf("%d points without all their fields: %w", n, hydro.ErrUnavailable)
		}
		last = min(last, end)
	}
	if err := s.ask(ctx, s.selection(revised, first*ms, last*ms+ms-1, tags...)+pivot, collect); err != nil {
		return nil, 0, err
	}
	all = slices.DeleteFunc(all, func(o hydro.Observation) bool { return o.At.UnixMilli() > last })
	slices.SortFunc(all, func(a, b hydro.Observation) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(b.Revision, a.Revision), b.ReceivedAt.Compare(a.ReceivedAt))
	})
	return slices.CompactFunc(all, func(a, b hydro.Observation) bool { return a.At.Equal(b.At) }), last, nil
}

// complete reports whether a row has every field that cannot be empty. A row
// may lack some while its point is being written, because InfluxDB writes field
// by field; such a point is not there yet. Fields that do not reach as far as
// others do so at the end of a page, which is why the last complete row ends it.
func complete(c columns) bool {
	for _, name := range [...]string{"value", "raw", "quality", "revision", "interval_s", "received_ms"} {
		if c.text(name) == "" {
			return false
		}
	}
	return true
}

func observation(c columns, k hydro.Key) (hydro.Observation, error) {
	var o hydro.Observation
	ns, err := c.ns()
	if err != nil {
		return o, err
	}
	o.Key, o.At = k, time.Unix(0, ns).UTC().Truncate(time.Millisecond)
	if o.Value, err = c.float("value"); err != nil {
		return o, err
	}
	if o.Raw, err = c.float("raw"); err != nil {
		return o, err
	}
	if o.Quality, err = hydro.ParseQuality(c.text("quality")); err != nil {
		return o, err
	}
	if names := c.text("tests"); names != "" {
		if o.Tests, err = hydro.ParseTests(strings.Split(names, ",")); err != nil {
			return o, err
		}
		o.Notes = o.Tests & store.Notes
	}
	for _, f := range []struct { // points from before tests had outcomes have neither
		field string
		into  *hydro.Tests
	}{{"ran", &o.Ran}, {"failed", &o.Failed}} {
		if names := c.text(f.field); names != "" {
			if *f.into, err = hydro.ParseTests(strings.Split(names, ",")); err != nil {
				return o, err
			}
		}
	}
	o.Why, o.Datum = c.text("why"), hydro.Datum(c.text("datum"))
	revision, err := c.int("revision")
	if err != nil {
		return o, err
	}
	o.Revision = uint32(revision)
	interval, err := c.float("interval_s")
	if err != nil {
		return o, err
	}
	o.Interval = time.Duration(math.Round(interval*1000)) * time.Millisecond
	received, err := c.int("received_ms")
	if err != nil {
		return o, err
	}
	if received != unknownReceived {
		o.ReceivedAt = time.UnixMilli(received).UTC()
	}
	return o, nil
}
