package gateway

import (
	"testing"

	"pgregory.net/rapid"

	"freshet/ingest/gateway/spool"
)

// However the two lanes fill and empty, no two backlog frames stand before a
// live one that waits, and the backlog gets its share of the frames for which
// both wait.
func TestLiveNeverWaitsForMoreThanOneBacklogFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := schedule{share: rapid.Float64Range(0.01, 0.5).Draw(t, "share")}
		run, both, backlogs := 0, 0, 0
		for _, state := range rapid.SliceOfN(rapid.IntRange(0, 3), 1, 400).Draw(t, "waiting") {
			live, backlog := state&1 != 0, state&2 != 0
			lane, ok := s.next(live, backlog)
			switch {
			case ok != (live || backlog):
				t.Fatalf("live %v, backlog %v: says %v", live, backlog, ok)
			case ok && lane == spool.Live && !live, ok && lane == spool.Backlog && !backlog:
				t.Fatalf("live %v, backlog %v: chose %s", live, backlog, lane)
			}
			if live && backlog {
				both++
				if lane == spool.Backlog {
					backlogs++
				}
			}
			if run++; !live || lane == spool.Live {
				run = 0
			}
			if run > 1 {
				t.Fatalf("%d backlog frames while a live one waited", run)
			}
		}
		if want := int(s.share*float64(both) - 1e-6); backlogs < want || backlogs > want+1 {
			t.Fatalf("%d of %d frames are backlog, the share is %g", backlogs, both, s.share)
		}
	})
}
