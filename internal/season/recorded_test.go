package season_test

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/season"
	"freshet/internal/store/memory"
)

// recorded reads a gauge of the network: mm of each hour, a value below 0 is missing.
func recorded(t *testing.T, gauge string) (values []float64, first time.Time) {
	t.Helper()
	f, err := os.Open(filepath.Join("../../../shared/data/gsdr_rain_network", gauge+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "Start datetime: "); ok {
			if first, err = time.ParseInLocation("2006010215", text, time.FixedZone("CET", 3600)); err != nil {
				t.Fatal(err)
			}
		}
		if v, err := strconv.ParseFloat(lines.Text(), 64); err == nil {
			values = append(values, v)
		}
	}
	if err := lines.Err(); err != nil || len(values) < 10000 || first.IsZero() {
		t.Fatalf("%s: %d values from %s: %v", gauge, len(values), first, err)
	}
	return values, first
}

// A month of eleven recorded gauges goes through quality control and an archive. What
// one of them measured over three days comes a week late, and another has five hours
// of 999 mm.
func TestARecordedMonthAddsUp(t *testing.T) {
	files, err := catalog.ReadDir("../../deploy/catalog/gsdr")
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		text := strings.Replace(string(files[i].Data), `season: {zone: "+01:00"`, `season: {name: April, from: 04-10, to: 05-10, zone: "+01:00"`, 1)
		files[i].Data = []byte(text)
	}
	c, problems := catalog.Load(files)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	end := time.Date(2007, 5, 11, 5, 0, 0, 0, time.UTC) // 06:00
	p, err := season.At(c, "gsdr", nil, end)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2007, 4, 10, 5, 0, 0, 0, time.UTC); !p.From.Equal(want) || !p.Until.Equal(end) || len(p.Stations) != 11 {
		t.Fatalf("from %s until %s, %d stations", p.From, p.Until, len(p.Stations))
	}

	const late, broken = "de-00310", "de-02483"
	type hour struct {
		end time.Time
		mm  float64
	}
	record := map[string][]hour{}
	for i := range c.Stations {
		id := c.Stations[i].ID
		values, first := recorded(t, strings.ReplaceAll(strings.ToUpper(id), "-", "_"))
		for k, mm := range values {
			if at := first.Add(time.Duration(k+1) * time.Hour); at.After(p.From.Add(-24*time.Hour)) && !at.After(p.Until.Add(24*time.Hour)) && mm >= 0 {
				record[id] = append(record[id], hour{at.UTC(), mm})
			}
		}
	}

	e, store := engine.New("gsdr"), memory.New()
	seq := uint64(0)
	apply := func(in hydro.Input) {
		t.Helper()
		seq++
		in.Seq = seq
		outs, err := e.Apply(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range outs {
			if err := store.WriteObservations(t.Context(), "gsdr", o.Observations); err != nil {
				t.Fatal(err)
			}
		}
	}
	apply(hydro.Input{Catalogue: &hydro.CatalogueChange{At: p.From, Version: c.Version, Files: files}})
	held := p.From.Add(5 * 24 * time.Hour) // until three days later nothing of it comes
	var kept []hydro.Reading
	sum := func(at time.Time) *season.Result {
		t.Helper()
		hours := map[hydro.Key]*season.Hours{}
		for _, k := range p.Keys() {
			var samples []hydro.Sample
			for o, err := range store.Observations(t.Context(), k, p.From.Add(-season.Around), at.Add(season.Around)) {
				if err != nil {
					t.Fatal(err)
				}
				samples = append(samples, hydro.Sample{At: o.At.UnixMilli(), Value: o.Value, Interval: int32(o.Interval / time.Second), Quality: o.Quality, Tests: o.Tests | o.Notes})
			}
			h := p.Hours(samples, p.Count(at))
			hours[k] = &h
		}
		return p.Sum(hours, at)
	}
	for at := p.From.Add(-23 * time.Hour); !at.After(p.Until); at = at.Add(time.Hour) {
		batch := &hydro.Batch{Basin: "gsdr", ReceivedAt: at}
		for i := range c.Stations {
			id := c.Stations[i].ID
			k := slices.IndexFunc(record[id], func(h hour) bool { return h.end.Equal(at) })
			if k < 0 {
				continue
			}
			r := hydro.Reading{Key: hydro.Key{Station: id, Variable: hydro.Rain}, At: at, Interval: time.Hour, Raw: record[id][k].mm, Value: record[id][k].mm}
			if id == late && at.After(held) && !at.After(held.Add(72*time.Hour)) {
				kept = append(kept, r)
				continue
			}
			batch.Readings = append(batch.Readings, r)
		}
		apply(hydro.Input{Batch: batch})
		apply(hydro.Input{Tick: &hydro.Tick{At: at}})
		if at.Equal(held.Add(10 * 24 * time.Hour)) { // the line to the gauge is mended
			before := station(t, sum(at), late)
			if before.Missing != 72 || len(before.Gaps) != 1 || !before.Gaps[0].From.Equal(held) || !before.Gaps[0].To.Equal(held.Add(72*time.Hour)) {
				t.Errorf("three days are missing, and it is said %d hours: %v", before.Missing, before.Gaps)
			}
			apply(hydro.Input{Batch: &hydro.Batch{Basin: "gsdr", ReceivedAt: at, Readings: kept}})
			after := station(t, sum(at), late)
			mm := 0.0
			for _, r := range kept {
				mm += r.Value
			}
			if after.Missing != 0 || !near(after.Rain-before.Rain, mm) {
				t.Errorf("%d hours came late with %g mm; the sum went from %g to %g mm and misses %d hours", len(kept), mm, before.Rain, after.Rain, after.Missing)
			}
		}
	}

	r := sum(p.Until)
	if !r.Ended || r.Hours != 31*24 {
		t.Errorf("ended %v after %d hours", r.Ended, r.Hours)
	}
	measured := 0
	for i := range r.Stations {
		got := &r.Stations[i]
		raw, sound, hours := 0.0, 0.0, 0
		for _, h := range record[got.ID] {
			if h.end.After(p.From) && !h.end.After(p.Until) {
				raw += h.mm
				if h.mm < 400 { // the labels of the record call these impossible
					sound += h.mm
					hours++
				}
			}
		}
		if got.ID == broken && raw < 5*999 {
			t.Errorf("%s measured %g mm: the broken hours are not in this month", got.ID, raw)
		}
		if hours == 0 { // its record begins later
			if !math.IsNaN(got.Rain) || got.Missing != 744 {
				t.Errorf("%s measured nothing, and it is said %g mm", got.ID, got.Rain)
			}
			continue
		}
		measured++
		if !near(got.Rain, sound) || got.Full != hours || got.Missing != 744-hours || !near(got.Coverage, float64(hours)/744) {
			t.Errorf("%s: %.1f mm in %d hours, %d missing; the record has %.1f mm in %d", got.ID, got.Rain, got.Full, got.Missing, sound, hours)
		}
	}
	if measured < 8 {
		t.Errorf("only %d gauges measured", measured)
	}
}
