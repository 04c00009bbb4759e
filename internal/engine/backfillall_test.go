package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/internal/hydro"
)

// backFilled are stations up and down the river, on both datums, with and without
// a forecast, and a reservoir's.
var backFilled = []string{"h-enping", "h-cangcheng", "h-taicheng", "h-changsha", "h-shizui"}

// levelSteps are the stages of a station's level, ascending.
func (w *watch) levelSteps(station string) (stages []hydro.Stage, values []float64) {
	w.t.Helper()
	table, ok := w.c.StageTable(station, w.now)
	if !ok {
		w.t.Fatalf("%s has no stage table", station)
	}
	for _, th := range table.Thresholds {
		if th.Variable == hydro.WaterLevel {
			stages, values = append(stages, th.Stage), append(values, th.Value)
		}
	}
	if !slices.IsSorted(values) || len(values) < 3 {
		w.t.Fatalf("%s: thresholds %v", station, values)
	}
	return stages, values
}

// Acceptance 3 of the duty desk, at other stations than the mouth: whatever comes
// late, no live stage flips, and the notes say what would have been warned of, by
// the thresholds of the station and the dwell.
func TestABackFillAnywhereFlipsNoLiveStage(t *testing.T) {
	base := watched(t)
	for _, id := range backFilled {
		base.silent[id] = true
	}
	base.until(base.now.Add(12 * time.Hour))
	cut := base.now.Add(-12 * time.Hour)
	base.until(base.now.Add(5 * time.Minute))
	const dwell = 10 * time.Minute // of the catalogue
	for i, id := range backFilled {
		if s := base.status(id); s.Stage != hydro.Blind {
			t.Fatalf("%s", s.ReasonEN)
		}
		stages, values := base.levelSteps(id)
		note := func(at time.Time, stage hydro.Stage, value float64) string {
			return fmt.Sprintf("would have warned at %s (%s): water level %.2f m", at.In(time.FixedZone("", 8*3600)).Format("01-02 15:04"), strings.ToUpper(stage.String()), value)
		}
		calm, top := values[0]-2, len(values)-1
		old := base.now.AddDate(0, 0, -14)
		for _, peak := range []int{i % (top + 1), top + 1} { // the backlog comes up to above that step, at each station another
			var name string
			var late func(*watch)
			var notes []string
			if peak == top+1 {
				name = "a two-week-old point"
				late = func(w *watch) { w.sendOf(id, func(int) time.Time { return old }, values[top]+0.2) }
				notes = []string{note(old, stages[top], values[top]+0.2)}
			} else {
				name = "a 12-h backlog up to " + stages[peak].String()
				crest := values[peak] + 0.3
				if peak < top {
					crest = (values[peak] + values[peak+1]) / 2
				}
				levels := append(rampTo(calm, crest, 72), rampTo(crest, calm, 66)...)
				late = func(w *watch) {
					for part := 0; part < len(levels); part += 23 {
						w.sendOf(id, func(i int) time.Time { return cut.Add(time.Duration(part+i+1) * step) }, levels[part:part+23]...)
						w.until(w.now.Add(time.Minute))
					}
				}
				for k := 0; k <= peak; k++ {
					first := slices.IndexFunc(levels, func(z float64) bool { return z >= values[k] }) + int(dwell/step)
					notes = append(notes, note(cut.Add(time.Duration(first+1)*step), stages[k], levels[first]))
				}
			}
			t.Run(id+" "+name, func(t *testing.T) {
				without, with := base.fork(t), base.fork(t)
				for _, s := range backFilled {
					without.silent[s], with.silent[s] = true, true
				}
				late(with)
				without.until(with.now)
				for range 45 {
					without.until(without.now.Add(time.Minute))
					with.until(with.now.Add(time.Minute))
					same(t, "stages", without.stages(), with.stages())
				}
				same(t, "warnings", without.warnings, with.warnings)
				var said []string
				for _, n := range with.notes() {
					if n.Station != id || n.After < n.Before || !strings.Contains(n.Text, "本应在") {
						t.Errorf("note %+v", n)
					}
					said = append(said, n.Text)
				}
				if len(said) != len(notes) || len(without.notes()) > 0 {
					t.Fatalf("noted\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(notes, "\n"))
				}
				for i := range said {
					if !strings.Contains(said[i], notes[i]) {
						t.Errorf("noted %q, want %q", said[i], notes[i])
					}
				}
			})
		}
	}
}
