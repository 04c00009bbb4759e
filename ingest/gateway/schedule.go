package gateway

import "freshet/ingest/gateway/spool"

// A schedule decides which lane the next frame comes from. While both wait,
// share of the frames are backlog and all others live: with a share of at most
// one half no two backlog frames stand between two live ones. A lane that waits
// alone has the link to itself.
type schedule struct {
	share  float64 // 0 to 0.5
	credit float64
}

// next returns the lane of the next frame; ok is false if none waits.
func (s *schedule) next(live, backlog bool) (lane spool.Lane, ok bool) {
	switch {
	case live && backlog:
		if s.credit += s.share; s.credit >= 1 {
			s.credit--
			return spool.Backlog, true
		}
		return spool.Live, true
	case live:
		return spool.Live, true
	default:
		return spool.Backlog, backlog
	}
}
