package engine_test

import (
	"strings"
	"testing"
	"time"

	"freshet/internal/hydro"
)

// notes are what late observations would have warned of.
func (w *watch) notes() []hydro.Audit {
	var out []hydro.Audit
	for _, o := range w.outs {
		if o.Audit != nil && o.Audit.Kind == hydro.AuditWouldHaveWarned {
			out = append(out, *o.Audit)
		}
	}
	return out
}

func (w *watch) stages() []hydro.Stage {
	var out []hydro.Stage
	for _, s := range w.e.Statuses() {
		out = append(out, s.Stage)
	}
	return out
}

// mouth is a station by the sea.
const mouth = "h-yamen"

// send gives levels of the mouth, all in one batch.
func (w *watch) send(at func(i int) time.Time, levels ...float64) { w.sendOf(mouth, at, levels...) }

// sendOf gives levels of a station, all in one batch.
func (w *watch) sendOf(station string, at func(i int) time.Time, levels ...float64) {
	s, _ := w.c.Station(station)
	b := &hydro.Batch{Basin: w.e.Basin(), ReceivedAt: w.now}
	for i, z := range levels {
		b.Readings = append(b.Readings, hydro.Reading{Key: hydro.Key{Station: station, Variable: hydro.WaterLevel}, At: at(i), Raw: z, Value: z, Datum: s.Datum.Name})
	}
	w.apply(hydro.Input{Batch: b})
}

// Acceptance 3 of the duty desk. At the mouth blue is 1.4 m, yellow 1.7, orange 2
// and red 2.3 m, by observation alone: the tide rules there, and no forecast hangs
// on its level.
func TestABackFillFlipsNoLiveStageAndIsNoted(t *testing.T) {
	base := watched(t)
	base.silent[mouth] = true
	base.until(base.now.Add(12 * time.Hour))
	if s := base.status(mouth); s.Stage != hydro.Blind {
		t.Fatalf("%s", s.ReasonEN)
	}
	cut := base.now.Add(-12 * time.Hour)
	base.until(base.now.Add(5 * time.Minute))

	for _, c := range []struct {
		name  string
		late  func(w *watch)
		notes []string // what each says, in turn
	}{
		{"a two-week-old point", func(w *watch) {
			w.send(func(int) time.Time { return base.now.AddDate(0, 0, -14) }, 2.5)
		}, []string{"would have warned at 05-25 21:05 (RED): water level 2.50 m"}},
		{"the same, twice", func(w *watch) {
			for range 2 {
				w.send(func(int) time.Time { return base.now.AddDate(0, 0, -14) }, 2.5)
				w.until(w.now.Add(time.Minute))
			}
		}, []string{"would have warned at 05-25 21:05 (RED): water level 2.50 m"}},
		{"a calm two-week-old point", func(w *watch) {
			w.send(func(int) time.Time { return base.now.AddDate(0, 0, -14) }, 1)
		}, nil},
		{"a 12-h backlog", func(w *watch) { // up to 1.9 m after 6 h, and down again
			levels := append(rampTo(-0.6, 1.9, 72), rampTo(1.9, -0.6, 66)...)
			for part := 0; part < len(levels); part += 23 { // in six messages, with ticks in between
				w.send(func(i int) time.Time { return cut.Add(time.Duration(part+i+1) * step) }, levels[part:part+23]...)
				w.until(w.now.Add(time.Minute))
			}
		}, []string{"would have warned at 06-08 14:00 (BLUE): water level 1.48 m", "would have warned at 06-08 14:45 (YELLOW): water level 1.80 m"}},
		{"an out-of-order hour", func(w *watch) {
			w.silent, w.rise = map[string]bool{}, map[string]float64{mouth: 1.9} // 1.3 m
			w.until(w.now.Add(2 * step))                                         // it reports again, and then the hour before comes
			w.send(func(i int) time.Time { return base.now.Add(time.Duration(i-11) * step) }, append(rampTo(1.3, 1.85, 7), rampTo(1.8, 1.35, 5)...)...)
		}, []string{"would have warned at 06-08 20:25 (BLUE): water level 1.61 m", "would have warned at 06-08 20:45 (YELLOW): water level 1.71 m"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			calm, w := base.fork(t), base.fork(t)
			calm.silent[mouth], w.silent[mouth] = true, true
			c.late(w)
			calm.silent, calm.rise = w.silent, w.rise
			calm.until(w.now)
			for range 90 {
				calm.until(calm.now.Add(time.Minute))
				w.until(w.now.Add(time.Minute))
				same(t, "stages", calm.stages(), w.stages())
			}
			same(t, "warnings", calm.warnings, w.warnings)
			notes := w.notes()
			if len(calm.notes()) > 0 || len(notes) != len(c.notes) {
				t.Fatalf("notes without late data: %+v; with: %+v", calm.notes(), notes)
			}
			for i, n := range notes {
				if n.Station != mouth || n.After < n.Before || !strings.Contains(n.Text, "本应在") || !strings.Contains(n.Text, c.notes[i]) {
					t.Errorf("note %d: %+v\nwant it to say %s", i, n, c.notes[i])
				}
			}
		})
	}
}

func rampTo(a, b float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = a + (b-a)*float64(i+1)/float64(n)
	}
	return out
}
