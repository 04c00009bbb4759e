package engine_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

var stationDepartment = regexp.MustCompile(`department: (weather|hydrology|water_resources)(,|\n)`)

// loadBehindGateways is the shipped Tanjiang with its stations behind gateways:
// the weather gauges behind two, each other department behind one.
func loadBehindGateways(tb testing.TB) (*catalog.Catalog, string) {
	tb.Helper()
	c, _ := load(tb)
	files, n := slices.Clone(c.Files()), 0
	for i, f := range files {
		if f.Name != "stations.yaml" {
			continue
		}
		files[i].Data = stationDepartment.ReplaceAllFunc(f.Data, func(m []byte) []byte {
			n++
			department, more, _ := strings.Cut(strings.TrimPrefix(string(m), "department: "), ",")
			gateway := "gw-" + strings.TrimSpace(department)
			if strings.TrimSpace(department) == "weather" {
				gateway = []string{"gw-west", "gw-east"}[n%2]
			}
			if strings.HasSuffix(department, "\n") {
				return []byte(string(m) + "    gateway: " + gateway + "\n")
			}
			return []byte("department: " + department + ", gateway: " + gateway + "," + more)
		})
	}
	with, problems := catalog.Load(files)
	if len(problems) > 0 {
		tb.Fatal(catalog.Problems(problems))
	}
	count := map[string]int{}
	for _, s := range with.Stations {
		count[s.Gateway]++
	}
	if count[""] != 0 || len(count) != 4 || min(count["gw-west"], count["gw-east"], count["gw-hydrology"], count["gw-water_resources"]) < 5 {
		tb.Fatalf("stations behind gateways: %v", count)
	}
	return with, with.Basins[0].ID
}

// A watch feeds an engine of a calm river, all stations each five minutes but
// those that are silent, and ticks each minute.
type watch struct {
	t        *testing.T
	c        *catalog.Catalog
	e        *engine.Engine
	now      time.Time
	seq      uint64
	silent   map[string]bool
	rise     map[string]float64 // m above the calm level
	warnings []hydro.Warning
	outs     []hydro.Output
}

func (w *watch) apply(in hydro.Input) {
	w.t.Helper()
	w.seq++
	in.Seq = w.seq
	outs, err := w.e.Apply(in)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, o := range outs {
		if o.Warning != nil {
			w.warnings = append(w.warnings, *o.Warning)
		}
	}
	w.outs = append(w.outs, outs...)
}

// calm is what a series of a river at rest shows.
func (w *watch) calm(s *catalog.Station, p catalog.Parameter, at time.Time) hydro.Reading {
	r := hydro.Reading{Key: hydro.Key{Station: s.ID, Variable: p.Variable, Sensor: p.Sensor}, At: at}
	wobble := float64(at.Unix()/300%3) / 100 // a gauge that does not move is stuck
	switch p.Variable {
	case hydro.Rain:
		r.Interval = p.Interval
	case hydro.PanEvaporation:
		r.Interval = p.Interval
	case hydro.WaterLevel:
		r.Datum, r.Value = s.Datum.Name, p.Limits.Low+0.2*(p.Limits.High-p.Limits.Low)+wobble+w.rise[s.ID]
		if table, ok := w.c.StageTable(s.ID, at); ok {
			r.Value = table.Thresholds[0].Value - 2 + wobble + w.rise[s.ID]
		}
	case hydro.RainCounter:
		r.Value = 100
	default:
		r.Value = 20 + wobble
	}
	r.Raw = r.Value
	return r
}

// until plays to an instant.
func (w *watch) until(at time.Time) {
	w.t.Helper()
	for w.now.Before(at) {
		w.now = w.now.Add(time.Minute)
		if w.now.Truncate(step).Equal(w.now) {
			b := &hydro.Batch{Basin: w.e.Basin(), ReceivedAt: w.now}
			for i := range w.c.Stations {
				s := &w.c.Stations[i]
				for _, p := range s.Parameters {
					if !w.silent[s.ID] && s.Takes(p.Variable, p.Sensor) && w.now.Truncate(p.Interval).Equal(w.now) {
						b.Readings = append(b.Readings, w.calm(s, p, w.now))
					}
				}
			}
			w.apply(hydro.Input{Batch: b})
		}
		w.apply(hydro.Input{Tick: &hydro.Tick{At: w.now}})
	}
}

func (w *watch) status(station string) hydro.StationStatus {
	w.t.Helper()
	for _, s := range w.e.Statuses() {
		if s.Station == station {
			return s
		}
	}
	w.t.Fatalf("no status of %s", station)
	return hydro.StationStatus{}
}

// fork lets a test go on from here.
func (w *watch) fork(t *testing.T) *watch {
	f := *w
	f.t, f.e, f.silent, f.rise, f.warnings, f.outs = t, w.e.Fork(), map[string]bool{}, map[string]float64{}, nil, nil
	return &f
}

func watched(t *testing.T) *watch {
	c, basin := loadBehindGateways(t)
	w := &watch{t: t, c: c, e: begin(t, c, basin), now: start, seq: 1, silent: map[string]bool{}, rise: map[string]float64{}}
	w.until(start.Add(time.Hour))
	for _, s := range w.e.Statuses() {
		if s.Stage != hydro.Clear || s.Cause != "" {
			t.Fatalf("after an hour of calm: %s", s.ReasonEN)
		}
	}
	if len(w.warnings) > 0 || len(w.e.Blind()) > 0 {
		t.Fatalf("an hour of calm gave %d warnings and %d groups", len(w.warnings), len(w.e.Blind()))
	}
	return w
}

// Acceptance 2 of the duty desk.
func TestSilenceIsBlindWithinTwoMissedReportsGroupedAndNeverGreen(t *testing.T) {
	base := watched(t)
	for _, c := range []struct {
		name   string
		silent func(s *catalog.Station) bool
		groups []string
	}{
		{"one gauge", func(s *catalog.Station) bool { return s.ID == "h-puqiao" }, []string{"silent hydrology gw-hydrology false"}},
		{"one gateway", func(s *catalog.Station) bool { return s.Gateway == "gw-west" }, []string{"silent weather gw-west true"}},
		{"one department", func(s *catalog.Station) bool { return s.Department == hydro.Hydrology }, []string{"silent hydrology  true"}},
		{"a department of two gateways", func(s *catalog.Station) bool { return s.Department == hydro.Weather }, []string{"silent weather  true"}},
		{"all", func(*catalog.Station) bool { return true }, []string{"silent hydrology  true", "silent water_resources  true", "silent weather  true"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := base.fork(t)
			var gone []string
			for i := range w.c.Stations {
				if s := &w.c.Stations[i]; c.silent(s) {
					w.silent[s.ID] = true
					gone = append(gone, s.ID)
				}
			}
			last := w.now
			at := map[string]time.Time{} // when each was said to be blind
			for range 60 {
				w.until(w.now.Add(time.Minute))
				for _, s := range w.e.Statuses() {
					if w.silent[s.Station] && w.now.Sub(last) >= 3*step && (s.Stage != hydro.Blind || s.Cause == "" || s.Observed.Stage != hydro.Blind) {
						t.Fatalf("%v after its last report: %s", w.now.Sub(last), s.ReasonEN)
					}
					if !w.silent[s.Station] && s.Stage != hydro.Clear {
						t.Fatalf("a station that reports: %s", s.ReasonEN)
					}
				}
			}
			for _, x := range w.warnings {
				if !w.silent[x.Station] || x.To != hydro.Blind || x.From != hydro.Clear {
					t.Fatalf("a warning that is none of going blind: %s from %s", x.ReasonEN, x.From)
				}
				if before, twice := at[x.Station]; twice {
					t.Fatalf("%s was said to be blind at %v and again at %v", x.Station, before, x.At)
				}
				at[x.Station] = x.At
				if late := x.At.Sub(last); late <= 2*step || late >= 3*step { // two reports are missed and the third is not yet due
					t.Fatalf("%s was said to be blind %v after its last report, every %v", x.Station, late, step)
				}
			}
			if len(at) != len(gone) {
				t.Fatalf("%d stations are silent and %d were said to be blind", len(gone), len(at))
			}
			var groups, grouped []string
			for _, g := range w.e.Blind() {
				groups = append(groups, fmt.Sprintf("%s %s %s %v", g.Cause, g.Department, g.Gateway, g.Whole))
				grouped = append(grouped, g.Stations...)
				if !g.Since.Equal(last) || len(g.Escalated) > 0 {
					t.Errorf("since %v, escalated %v: the last report came at %v on a calm river", g.Since, g.Escalated, last)
				}
			}
			slices.Sort(groups)
			slices.Sort(grouped)
			if !slices.Equal(groups, c.groups) || !slices.Equal(grouped, gone) {
				t.Fatalf("groups %q of %q, want %q of %q", groups, grouped, c.groups, gone)
			}

			// They come back: each is cleared once, and what was held is still there.
			w.warnings, w.silent = nil, map[string]bool{}
			w.until(w.now.Add(15 * time.Minute))
			if len(w.e.Blind()) > 0 {
				t.Fatalf("after the return: %+v", w.e.Blind())
			}
			back := map[string]bool{}
			for _, x := range w.warnings {
				if back[x.Station] || x.From != hydro.Blind || x.To != hydro.Clear || x.Cause != "" {
					t.Fatalf("the return of %s: %s", x.Station, x.ReasonEN)
				}
				back[x.Station] = true
			}
			if len(back) != len(gone) {
				t.Fatalf("%d stations returned and %d were said to be back", len(gone), len(back))
			}
			for _, id := range gone {
				s, _ := w.c.Station(id)
				p := s.Parameters[slices.IndexFunc(s.Parameters, func(p catalog.Parameter) bool { return s.Takes(p.Variable, p.Sensor) })]
				h := w.e.History(hydro.Key{Station: id, Variable: p.Variable, Sensor: p.Sensor})
				if n := len(h.Between(start.UnixMilli(), last.UnixMilli())); n != 12 {
					t.Errorf("%s holds %d reports of the hour before its silence, want 12", id, n)
				}
				if n := len(h.Between(last.UnixMilli(), w.now.UnixMilli())); n != 3 {
					t.Errorf("%s holds %d reports since its return, want 3", id, n)
				}
			}
		})
	}
}

func TestABlindStationOnARisingReachIsEscalatedOnce(t *testing.T) {
	w := watched(t).fork(t)
	w.silent["h-puqiao"] = true
	w.until(w.now.Add(30 * time.Minute))
	if len(w.warnings) != 1 || w.warnings[0].Escalated || w.warnings[0].To != hydro.Blind {
		t.Fatalf("%+v", w.warnings)
	}
	w.warnings = nil
	w.rise["h-yamen"] = 0.5 // far down the river: not next to it
	w.until(w.now.Add(20 * time.Minute))
	if s := w.status("h-puqiao"); s.Escalated {
		t.Fatalf("by a rise far away: %s", s.ReasonEN)
	}
	w.warnings = nil
	for range 4 { // 5 cm in 5 min: short of 30 cm in 30 min
		w.rise["h-enping"] += 0.05
		w.until(w.now.Add(step))
	}
	if s := w.status("h-puqiao"); s.Escalated {
		t.Fatalf("by a slow rise: %s", s.ReasonEN)
	}
	for range 4 {
		w.rise["h-enping"] += 0.1
		w.until(w.now.Add(step))
	}
	w.until(w.now.Add(30 * time.Minute))
	s := w.status("h-puqiao")
	if !s.Escalated || s.Stage != hydro.Blind {
		t.Fatalf("not escalated: %+v", s)
	}
	var said []hydro.Warning
	for _, x := range w.warnings {
		if x.Station == "h-puqiao" {
			said = append(said, x)
		}
	}
	if len(said) != 1 || !said[0].Escalated || said[0].From != hydro.Blind || said[0].To != hydro.Blind || said[0].Cause == "" {
		t.Fatalf("%+v", said)
	}
	if g := w.e.Blind(); len(g) != 1 || !slices.Equal(g[0].Escalated, []string{"h-puqiao"}) {
		t.Fatalf("%+v", g)
	}
	// A snapshot keeps it.
	data, err := w.e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored, err := engine.Restore(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "statuses after a restore", w.e.Statuses(), restored.Statuses())
	w.until(w.now.Add(100 * time.Minute)) // nothing rises any more for the dwell of lowering
	if s := w.status("h-puqiao"); s.Escalated || s.Stage != hydro.Blind {
		t.Fatalf("still escalated: %s", s.ReasonEN)
	}
}
