package dryrun_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/internal/app"
	"freshet/internal/catalog"
	"freshet/internal/client"
	"freshet/internal/dryrun"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/plot"
	"freshet/internal/replay"
	"freshet/internal/termui"
	"freshet/internal/verify"
)

const (
	don  = "../../deploy/catalog/river_don"
	data = "../../../shared/data/river_don"
)

// The flood of 25 June 2007 at Hadfields.
var from, to = time.Date(2007, 6, 24, 22, 0, 0, 0, time.UTC), time.Date(2007, 6, 27, 0, 0, 0, 0, time.UTC)

// season replays it through a whole server and returns its data folder.
func season(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, err := replay.Run(t.Context(), replay.RunOptions{
		Catalog: don, Map: don + "/replay/map.yaml", Data: data, Keep: dir, Now: time.Now,
		From: from, To: to,
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Warnings < 5 {
		t.Fatalf("a season of %d warnings", s.Warnings)
	}
	return dir
}

// files is the content of a folder.
func files(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = sha256.Sum256(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func openCopy(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.OpenCopy(t.Context(), journal.Options{Dir: filepath.Join(dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func don2007(t *testing.T, change func([]byte) []byte) []hydro.File {
	t.Helper()
	b, err := os.ReadFile(don + "/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		b = change(b)
	}
	return []hydro.File{{Name: "catalog.yaml", Data: b}}
}

// An outLog is what stands on the recorded out-log.
type outLog struct {
	warnings []hydro.Warning
	levels   map[time.Time]hydro.Observation
}

func readOut(t *testing.T, j *journal.Journal) outLog {
	t.Helper()
	out := outLog{levels: map[time.Time]hydro.Observation{}}
	for after := uint64(0); ; {
		page, err := j.Page(t.Context(), "river_don", after, 500, "warning", "observations")
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return out
		}
		for _, r := range page {
			after = r.Seq
			if r.Output.Warning != nil {
				out.warnings = append(out.warnings, *r.Output.Warning)
			}
			for _, o := range r.Output.Observations {
				if o.Variable == hydro.WaterLevel {
					out.levels[o.At] = o
				}
			}
		}
	}
}

func TestADryRunOfARecordedSeason(t *testing.T) {
	dir := season(t)
	before := files(t, dir)
	j := openCopy(t, dir)
	log := dryrun.OfJournal(j, "river_don")
	given := readOut(t, j)
	ignore := cmp.Options{cmpopts.IgnoreUnexported(dryrun.Report{}, dryrun.Station{}, dryrun.Score{}), cmp.Comparer(func(a, b verify.Score) bool {
		return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b))
	})}

	same, err := dryrun.Run(t.Context(), log, dryrun.Options{Basin: "river_don", Files: don2007(t, nil)})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("unchanged rules reproduce it exactly", func(t *testing.T) {
		if r := same.Reproduced; !r.Exact || r.Given != len(given.warnings) || r.Equal != r.Given || r.Given < 5 {
			t.Fatalf("%+v, %d on the out-log", r, len(given.warnings))
		}
		again := same.Warnings()
		if len(again) != len(given.warnings) {
			t.Fatalf("%d warnings of unchanged rules, %d on the out-log", len(again), len(given.warnings))
		}
		for i := range again {
			if !bytes.Equal(dryrun.Bytes(&again[i]), dryrun.Bytes(&given.warnings[i])) {
				t.Errorf("warning %d differs (-log +dry run):\n%s", i, cmp.Diff(given.warnings[i], again[i]))
			}
		}
		for _, s := range same.Stations {
			if diff := cmp.Diff(s.Recorded, s.Changed, ignore); diff != "" {
				t.Errorf("%s: two scores of the same rules:\n%s", s.Station, diff)
			}
		}
		t.Logf("%d of %d warnings equal, %d readings", same.Reproduced.Equal, same.Reproduced.Given, same.Readings)
	})

	lowered := don2007(t, func(b []byte) []byte {
		out := bytes.Replace(b, []byte("yellow: 2.5"), []byte("yellow: 2.4"), 1)
		if bytes.Equal(out, b) {
			t.Fatal("the catalogue has no yellow of 2.5 m")
		}
		return out
	})
	t.Run("a threshold 10 cm lower is counted right", func(t *testing.T) {
		for _, truth := range []dryrun.Truth{dryrun.Recorded, dryrun.Own} {
			r, err := dryrun.Run(t.Context(), log, dryrun.Options{Basin: "river_don", Files: lowered, Truth: truth})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Reproduced.Exact {
				t.Errorf("%+v", r.Reproduced)
			}
			s := r.Stations[0]
			if diff := cmp.Diff(same.Stations[0].Recorded, s.Recorded, ignore); diff != "" {
				t.Errorf("the recorded rules' score hangs on the changed ones:\n%s", diff)
			}
			old, fresh := []float64{1.5, 2.5, 3.5, 4.2}, []float64{1.5, 2.4, 3.5, 4.2}
			crossed := old
			if truth == dryrun.Own {
				crossed = fresh
			}
			check(t, string(truth)+", old", given, s.Recorded, old, old)
			check(t, string(truth)+", new", given, s.Changed, fresh, crossed)
			t.Logf("%s: yellow %+v", truth, s.Changed.Stages[1])
		}
	})

	t.Run("figures are drawn", func(t *testing.T) {
		n := 0
		if err := same.Figures(termui.English, func(_ string, f *plot.Figure) error {
			n++
			var b bytes.Buffer
			err := f.SVG(&b)
			if !bytes.Contains(b.Bytes(), []byte("old")) {
				t.Error("no mark of the recorded rules")
			}
			return err
		}); err != nil || n != 1 {
			t.Fatalf("%d figures, %v", n, err)
		}
	})

	t.Run("a catalogue that does not fit is refused", func(t *testing.T) {
		bad := don2007(t, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("river_don"), []byte("other")) })
		for _, o := range []dryrun.Options{
			{Basin: "river_don", Files: bad},
			{Basin: "river_don", Files: []hydro.File{{Name: "catalog.yaml", Data: []byte("catalog: {}")}}},
			{Basin: "river_don", Files: don2007(t, nil), Truth: "mine"},
		} {
			if _, err := dryrun.Run(t.Context(), log, o); !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("%v", err)
			}
		}
	})

	t.Run("it can be broken off", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := dryrun.Options{Basin: "river_don", Files: don2007(t, nil), Progress: func(p dryrun.Progress) {
			if p.Last == 0 || p.Input > p.Last {
				t.Errorf("%+v", p)
			}
			cancel()
		}}
		if _, err := dryrun.Run(ctx, log, o); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})

	t.Run("the folder is as it was", func(t *testing.T) {
		if diff := cmp.Diff(before, files(t, dir)); diff != "" {
			t.Error(diff)
		}
	})

	t.Run("a running server gives the same", func(t *testing.T) {
		o := app.DefaultOptions()
		o.Catalog, o.Data, o.Clock, o.GRPC, o.HTTP = don, dir, "driven", "127.0.0.1:0", "127.0.0.1:0"
		a, err := app.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if err := a.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := journal.OpenCopy(t.Context(), journal.Options{Dir: filepath.Join(dir, "log")}); !errors.Is(err, hydro.ErrConflict) {
			t.Errorf("the log of a running server was copied: %v", err)
		}
		conn, err := client.Security{}.Dial(a.GRPCAddr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		r, err := dryrun.Run(t.Context(), dryrun.OfServer(conn, "river_don"), dryrun.Options{Basin: "river_don", Files: don2007(t, nil)})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(same, r, ignore); diff != "" {
			t.Error(diff)
		}
	})
}

// check counts by itself what the table must say: the gauge alone speaks, a stage
// rises when its threshold has been met for the dwell and falls when the level has
// been below it by the dead-band for the dwell of lowering. limits are the thresholds
// of the rules, crossed those that the river is judged by, blue first.
func check(t *testing.T, name string, given outLog, s dryrun.Score, limits, crossed []float64) {
	t.Helper()
	cat, problems := catalog.Load(don2007(t, nil))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	b, _ := cat.Basin("river_don")
	raise, lower, band := b.Settings.DwellRaise, b.Settings.DwellLower, b.Settings.DeadBand
	type span struct{ from, to time.Time }
	var stood, met [4][]span
	var near, below, lastMet [4]time.Time
	var stage, raised, lowered, flaps int
	var rose, last time.Time
	v := math.NaN()
	for now := from; now.Before(to); now = now.Add(5 * time.Minute) { // the ticks
		o, fresh := given.levels[now]
		if fresh = fresh && o.Quality.Usable(); fresh {
			v = o.Value
			for i := range limits {
				switch under := v < limits[i]-band; {
				case v >= limits[i]:
					below[i] = time.Time{}
					if near[i].IsZero() {
						near[i] = now
					}
				case under && below[i].IsZero():
					below[i], near[i] = now, time.Time{}
				case !under:
					below[i] = time.Time{}
				}
				if v < crossed[i] {
					if k := len(met[i]) - 1; k >= 0 && lastMet[i].Equal(last) {
						met[i][k].to = now
					}
					continue
				}
				if len(met[i]) == 0 || !lastMet[i].Equal(last) && now.Sub(lastMet[i]) >= 6*time.Hour {
					met[i] = append(met[i], span{from: now})
				}
				lastMet[i] = now
			}
			last = now
		}
		was := stage
		for i := range limits {
			if v >= limits[i] && now.Sub(near[i]) >= raise {
				stage = max(stage, i+1)
			}
		}
		for stage == was && stage > 0 && !below[stage-1].IsZero() && now.Sub(below[stage-1]) >= lower {
			stage, was = stage-1, stage-1
			lowered++
			if !rose.IsZero() && now.Sub(rose) <= 6*time.Hour {
				flaps++
			}
			rose = time.Time{}
			stood[stage][len(stood[stage])-1].to = now
		}
		if stage > was {
			raised++
			rose = now
			for i := was; i < stage; i++ {
				stood[i] = append(stood[i], span{now, to})
			}
		}
	}
	type row struct {
		Stage                             string
		Floods, Hits, Late, Missed, False int
		Leads                             []float64
	}
	type table struct {
		Raised, Lowered, Flaps int
		Rows                   []row
	}
	want := table{Raised: raised, Lowered: lowered, Flaps: flaps}
	for i, colour := range []string{"blue", "yellow", "orange", "red"} {
		r := row{Stage: colour, Floods: len(met[i])}
		seen := make([]bool, len(stood[i]))
		for k, m := range met[i] {
			by := -1
			for j, w := range stood[i] {
				if w.from.Before(m.to) && w.to.After(m.from) {
					seen[j] = true
					if by < 0 {
						by = j
					}
				}
			}
			if by < 0 {
				r.Missed++
				continue
			}
			told := stood[i][by].from
			if k > 0 && met[i][k-1].to.After(told) {
				told = met[i][k-1].to
			}
			r.Leads = append(r.Leads, m.from.Sub(told).Hours())
			if told.After(m.from) {
				r.Late++
			} else {
				r.Hits++
			}
		}
		for _, known := range seen {
			if !known {
				r.False++
			}
		}
		want.Rows = append(want.Rows, r)
	}
	got := table{Raised: s.Raised, Lowered: s.Lowered, Flaps: s.Flaps}
	for i := range s.Stages {
		y := &s.Stages[i]
		r := row{y.Stage, y.Crossings, y.InTime, y.Late, y.Missed, y.FalseAlarms, nil}
		for _, l := range y.Leads {
			r.Leads = append(r.Leads, float64(l))
		}
		if y.Hits != y.InTime || y.Misses != y.Late+y.Missed {
			t.Errorf("%s: %+v", name, y)
		}
		got.Rows = append(got.Rows, r)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("%s (-counted +table):\n%s", name, diff)
	}
	if want.Rows[3].Floods == 0 || want.Raised == 0 || want.Lowered == 0 {
		t.Errorf("%s: nothing to count: %+v", name, want)
	}
}
