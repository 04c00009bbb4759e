package ingest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"freshet/ingest"
	"freshet/ingest/feed"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/mapcheck"
)

// The traps of department feeds, each by the way that its rows take: the map,
// the normalizer, the engine. docs/traps.md lists them; those of SL 651 are
// in ingest/sl651.

// A lane is that way, for the stations of the example catalogue: the map, the
// normalizer, and the engine with its quality control.
type lane struct {
	t      *testing.T
	cat    *catalog.Catalog
	n      *ingest.Normalizer
	engine *engine.Engine
	seq    uint64
	now    time.Time
	rain   []hydro.Observation // derived from counters
}

// A landing is what became of a file.
type landing struct {
	err      error // of the file as a whole
	problems []feed.Problem
	missing  int
	refused  []hydro.Rejection
	taken    []hydro.Observation
}

func newLane(t *testing.T) *lane {
	t.Helper()
	first, err := example()
	if err != nil {
		t.Fatal(err)
	}
	return &lane{t: t, now: now, cat: first.Catalog(), n: ingest.New(first.Catalog(), ingest.Limits{}), engine: first.Fork(), seq: first.Seq()}
}

// example is an engine with the example catalogue in force, made once.
var example = sync.OnceValues(func() (*engine.Engine, error) {
	cat, err := catalog.LoadDir("../deploy/catalog/tanjiang")
	if err != nil {
		return nil, err
	}
	e := engine.New("tanjiang")
	_, err = e.Apply(hydro.Input{Seq: 1, Catalogue: &hydro.CatalogueChange{Version: cat.Version, Files: cat.Files(), At: now}})
	return e, err
})

// force puts a catalogue in force.
func (l *lane) force(files []hydro.File) {
	l.t.Helper()
	cat, problems := catalog.Load(files)
	if len(problems) > 0 {
		l.t.Fatal(problems)
	}
	l.cat, l.n = cat, ingest.New(cat, ingest.Limits{})
	for _, o := range l.apply(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: cat.Version, Files: cat.Files(), At: l.now}}) {
		if o.Audit != nil && o.Audit.Kind != "catalogue" {
			l.t.Fatal(o.Audit.Text)
		}
	}
}

// change puts the catalogue in force with a piece of its text changed.
func (l *lane) change(old, with string) {
	l.t.Helper()
	files, n := slices.Clone(l.cat.Files()), 0
	for i := range files {
		n += strings.Count(string(files[i].Data), old)
		files[i].Data = []byte(strings.Replace(string(files[i].Data), old, with, 1))
	}
	if n != 1 {
		l.t.Fatalf("%q is there %d times", old, n)
	}
	l.force(files)
}

func (l *lane) apply(in hydro.Input) []hydro.Output {
	l.t.Helper()
	l.seq++
	in.Seq = l.seq
	out, err := l.engine.Apply(in)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// tick moves engine time to now, when series are compared with each other, and
// returns the observations whose verdict that changed.
func (l *lane) tick() []hydro.Observation {
	l.t.Helper()
	var out []hydro.Observation
	for _, o := range l.apply(hydro.Input{Tick: &hydro.Tick{At: l.now}}) {
		out = append(out, o.Observations...)
	}
	return out
}

func (l *lane) send(text, data string) landing {
	l.t.Helper()
	m, err := feed.Parse("map.yaml", []byte(text))
	if err != nil {
		l.t.Fatal(err)
	}
	var out landing
	var result ingest.Result
	out.err = m.Read(strings.NewReader(data), func(r feed.Row) error {
		out.problems, out.missing = append(out.problems, r.Problems...), out.missing+r.Missing
		l.n.Normalize(m.Department(), r.Raws, l.now, &result)
		out.refused = append(out.refused, result.Rejections...)
		for _, b := range result.Basins {
			for _, o := range l.apply(hydro.Input{Batch: &hydro.Batch{Basin: b.Basin, ReceivedAt: l.now, Readings: b.Readings, Refusals: b.Refusals}}) {
				for _, one := range o.Observations {
					if slices.ContainsFunc(b.Readings, func(r hydro.Reading) bool { return r.Key == one.Key }) {
						out.taken = append(out.taken, one)
					} else {
						l.rain = append(l.rain, one)
					}
				}
			}
		}
		return nil
	})
	return out
}

// one returns the only value that was taken, or fails.
func (l *lane) one(out landing) hydro.Observation {
	l.t.Helper()
	if out.err != nil || len(out.problems)+len(out.refused) > 0 || len(out.taken) != 1 {
		l.t.Fatalf("not one value taken: %+v", out)
	}
	return out.taken[0]
}

// refuses fails unless all values of a file were refused for one reason.
func (l *lane) refuses(out landing, reason hydro.RefusalReason, says string) {
	l.t.Helper()
	if out.err != nil || len(out.taken)+len(out.problems) > 0 || len(out.refused) == 0 {
		l.t.Fatalf("not refused: %+v", out)
	}
	for _, r := range out.refused {
		if r.Reason != reason || !strings.Contains(r.Message, says) {
			l.t.Errorf("refused as %s: %s; want %s, %s", r.Reason, r.Message, reason, says)
		}
	}
}

// doubts fails unless the map could not make a value of any cell, for one
// reason.
func (l *lane) doubts(out landing, reason feed.Reason, says string) {
	l.t.Helper()
	if out.err != nil || len(out.taken)+len(out.refused) > 0 || len(out.problems) == 0 {
		l.t.Fatalf("not doubted: %+v", out)
	}
	for _, p := range out.problems {
		if p.Reason != reason || !strings.Contains(p.Message, says) {
			l.t.Errorf("doubted as %s: %s; want %s, %s", p.Reason, p.Message, reason, says)
		}
	}
}

// wrong fails unless the map is refused.
func wrong(t *testing.T, text, says string) {
	t.Helper()
	if _, err := feed.Parse("map.yaml", []byte(text)); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), says) {
		t.Errorf("%v; want %s", err, says)
	}
}

// suspected fails unless freshet map check suspects a sample, in those words.
func (l *lane) suspected(text, data, says string) {
	l.t.Helper()
	m, err := feed.ParseFor("map.yaml", []byte(text), l.cat)
	if err != nil {
		l.t.Fatal(err)
	}
	r, err := mapcheck.Check(m, &m.Files[0], strings.NewReader(data), mapcheck.Options{Catalog: l.cat, Now: l.now})
	if err != nil {
		l.t.Fatal(err)
	}
	if !slices.ContainsFunc(r.Suspicions, func(s mapcheck.Suspicion) bool { return strings.Contains(s.EN, says) }) {
		l.t.Errorf("suspected is %+v; want %s", r.Suspicions, says)
	}
}

// allFlagged fails unless n values were taken, all with that verdict by that test.
func (l *lane) allFlagged(out landing, n int, q hydro.Quality, test hydro.Tests) {
	l.t.Helper()
	if out.err != nil || len(out.problems)+len(out.refused) > 0 || len(out.taken) != n {
		l.t.Fatalf("not %d values taken: %+v", n, out)
	}
	for _, o := range out.taken {
		l.flagged(o, q, test)
	}
}

// flagged fails unless o has that verdict by that test.
func (l *lane) flagged(o hydro.Observation, q hydro.Quality, test hydro.Tests) {
	l.t.Helper()
	if o.Quality != q || o.Tests&test == 0 {
		l.t.Errorf("%s %g is %s by %v (%s), want %s by %v", o.Key, o.Value, o.Quality, o.Tests.Names(), o.Why, q, test.Names())
	}
}

// sheet is a map of one table whose stamps are Beijing time.
func sheet(department, columns string) string { return zoned(department, "Asia/Shanghai", columns) }

func zoned(department, zone, columns string) string {
	return fmt.Sprintf("department: %s\nfiles: [{station: s, missing: [NULL], trace: [T], time: {column: t, layout: \"2006-01-02 15:04\", zone: %q}, columns: [%s]}]", department, zone, columns)
}

const (
	levelColumn   = "{column: v, variable: water_level, unit: m, datum: PEARL_RIVER}"
	hourColumn    = "{column: v, variable: rain, unit: mm, interval: 1h}"
	counterColumn = "{column: v, variable: rain_counter, unit: mm}"
	storageColumn = "{column: w, variable: storage, unit: 1e6 m3}"
	gateColumn    = "{column: v, variable: gate_opening, sensor_from: no, unit: m}"
	enping        = "EX80A101" // a river station, 1.5 to 14 m
)

// series writes rows of one station every so often, of which the last is at
// 12:00 Beijing time, the lane's now.
func (l *lane) series(station string, every time.Duration, values ...float64) string {
	var b strings.Builder
	b.WriteString("s,t,v\n")
	for i, v := range values {
		at := l.now.Add(-every * time.Duration(len(values)-1-i)).In(time.FixedZone("", 8*3600))
		fmt.Fprintf(&b, "%s,%s,%g\n", station, at.Format("2006-01-02 15:04"), v)
	}
	return b.String()
}
