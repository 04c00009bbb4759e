package alert_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/alert"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// What is noted of a gap that is filled later is what rules would have warned of
// that had it all in time: the same stages, at the same instants, and nothing of
// what was warned of.
func TestNotesSayWhatWouldHaveBeenWarnedOfInTime(t *testing.T) {
	noted := 0
	rapid.Check(t, func(t *rapid.T) {
		set := catalog.Settings{DeadBand: 0.1, DwellRaise: time.Duration(rapid.IntRange(0, 3).Draw(t, "raise")) * 5 * time.Minute, DwellLower: 30 * time.Minute, BlindAfter: 2}
		r := mustCompile(t, one(set))
		var levels []float64
		height, crest := rapid.Float64Range(0, 6).Draw(t, "height"), float64(rapid.IntRange(20, 80).Draw(t, "crest"))
		for i := range 120 {
			x := (float64(i) - crest) / 20
			levels = append(levels, 6+max(0, height*(1-x*x))+rapid.Float64Range(-0.1, 0.1).Draw(t, "noise"))
		}
		for i := range 12 { // it begins and ends in calm
			levels[i], levels[len(levels)-1-i] = 6, 6
		}
		gap := rapid.IntRange(13, 60).Draw(t, "gap")
		end := gap + rapid.IntRange(1, 40).Draw(t, "length")
		var inTime, withGap hydro.History
		a, b := r.Start(start), r.Start(start)
		entered := map[hydro.Stage]time.Time{} // first raise to each stage within the gap, had it come in time
		stood := map[hydro.Stage]bool{}        // stages that were warned of at that time
		for i, z := range levels {
			now := start.Add(time.Duration(i+1) * 5 * time.Minute)
			x := hydro.Sample{At: now.UnixMilli(), Value: z, Quality: hydro.Pass}
			inTime.Put(x)
			if i < gap || i >= end {
				withGap.Put(x)
			}
			var wa, wb []hydro.Warning
			a, wa = r.Evaluate(a, alert.Evidence{Now: now, History: func(hydro.Key) *hydro.History { return &inTime }})
			b, wb = r.Evaluate(b, alert.Evidence{Now: now, History: func(hydro.Key) *hydro.History { return &withGap }})
			if i >= gap && i < end {
				for _, w := range wa {
					if _, seen := entered[w.To]; w.Raised() && !seen {
						entered[w.To] = w.At
					}
				}
			}
			if i >= gap-1 {
				for s := hydro.Blue; s <= b.Stations[0].Stage && b.Stations[0].Stage != hydro.Blind; s++ {
					stood[s] = true
				}
			}
			_ = wb
		}
		now := start.Add(time.Duration(len(levels)+1) * 5 * time.Minute)
		key := hydro.Key{Station: "st", Variable: hydro.WaterLevel}
		late := []alert.Late{{Key: key, History: &inTime, From: start.Add(time.Duration(gap+1) * 5 * time.Minute).UnixMilli(), To: start.Add(time.Duration(end) * 5 * time.Minute).UnixMilli()}}
		before := fmt.Sprint(b)
		after, notes := r.Hindsight(b, late, now)
		if fmt.Sprint(b) != before {
			t.Fatalf("Hindsight wrote to the state that it was given")
		}
		if after.Stations[0].Stage != b.Stations[0].Stage || fmt.Sprint(after.Ladders) != fmt.Sprint(b.Ladders) {
			t.Fatalf("hindsight moved a stage")
		}
		var got []hydro.Stage
		for _, n := range notes {
			noted++
			stage := hydro.Stage(n.Before - 7) // thresholds are at 8, 9, 10, 11 m
			if n.Kind != hydro.AuditWouldHaveWarned || n.Station != "st" || !n.At.Equal(now) || n.After < n.Before {
				t.Fatalf("%+v", n)
			}
			got = append(got, stage)
			if at, raised := entered[stage]; raised && !stood[stage] && !strings.Contains(n.Text, at.In(beijing).Format("01-02 15:04")) {
				t.Fatalf("in time %s would have been raised at %v; noted: %s", stage, at, n.Text)
			}
		}
		for i := 1; i < len(got); i++ {
			if got[i] == got[i-1] {
				t.Fatalf("%s noted twice: %+v", got[i], notes)
			}
		}
		for stage := range entered {
			higher := stood[stage]
			for _, s := range got {
				higher = higher || s >= stage
			}
			if !higher {
				t.Fatalf("%s would have been raised at %v and is not noted: %+v", stage, entered[stage], notes)
			}
		}
		if _, again := r.Hindsight(after, late, now.Add(time.Minute)); len(again) > 0 {
			t.Fatalf("noted again: %+v", again)
		}
	})
	if noted < 20 {
		t.Fatalf("only %d notes: the test tells little", noted)
	}
}

func TestLateRainIsNotedWithTheWindowThatItFilled(t *testing.T) {
	c := one(catalog.Settings{DwellRaise: 10 * time.Minute, DwellLower: time.Hour, BlindAfter: 2})
	c.Stations[0].Parameters = []catalog.Parameter{{Variable: hydro.Rain, Interval: 5 * time.Minute}}
	c.StageTables[0].Thresholds = []catalog.Threshold{{Stage: hydro.Orange, Variable: hydro.Rain, Window: time.Hour, Value: 30, Observed: true}}
	r := mustCompile(t, c)
	var h hydro.History
	s := r.Start(start)
	put := func(i int, mm float64) {
		h.Put(hydro.Sample{At: start.Add(time.Duration(i) * 5 * time.Minute).UnixMilli(), Value: mm, Interval: 300, Quality: hydro.Pass})
	}
	for i := range 12 {
		put(i, 0)
	}
	for i := 60; i < 72; i++ {
		put(i, 0)
	}
	now := start.Add(6 * time.Hour)
	s, _ = r.Evaluate(s, alert.Evidence{Now: now, History: func(hydro.Key) *hydro.History { return &h }})
	for i := 12; i < 60; i++ { // 5 mm each from 10:30 on for an hour: 30 mm at 10:55, and the dwell
		mm := 0.0
		if i >= 30 && i < 42 {
			mm = 5
		}
		put(i, mm)
	}
	late := []alert.Late{{Key: hydro.Key{Station: "st", Variable: hydro.Rain}, History: &h, From: start.Add(time.Hour).UnixMilli(), To: start.Add(295 * time.Minute).UnixMilli()}}
	_, notes := r.Hindsight(s, late, now)
	const want = "Enping: would have warned at 06-09 11:05 (ORANGE): 1 h rain 40.0 mm, threshold 30.0 mm; known 2 h 55 min later."
	if len(notes) != 1 || !strings.HasSuffix(notes[0].Text, want) {
		t.Fatalf("%+v", notes)
	}
}
