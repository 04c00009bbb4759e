package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"freshet/ingest/gateway/spool"
	"freshet/internal/hydro"
)

// A frame is entries of one lane on their way to the centre.
type frame struct {
	lane    spool.Lane
	entries []spool.Entry
	raws    []hydro.Raw
	refused []spool.Refused
	places  []int // of the refused ones in raws
}

// accepted returns the values that were not refused.
func (f *frame) accepted() []hydro.Raw {
	if len(f.places) == 0 {
		return f.raws
	}
	out := make([]hydro.Raw, 0, len(f.raws))
	for i := range f.raws {
		if !slices.Contains(f.places, i) {
			out = append(out, f.raws[i])
		}
	}
	return out
}

// A sender sends one department's entries. It opens a link when there is
// something to send for the first time, so that a gateway of one department
// needs no rights for the others.
type sender struct {
	gateway    *Gateway
	department hydro.Department
	schedule   schedule
	freed      chan struct{} // a frame was acknowledged; room for one

	mu      sync.Mutex
	flying  map[uint64]*frame // by number
	backlog int               // frames of that lane in flying
	err     error             // the spool's disk has failed
	link    LinkStatus
}

// A LinkStatus is the link of one department.
type LinkStatus struct {
	State   string    `json:"state"`           // "idle": nothing to send so far; "connecting", "up" or "down"
	Error   string    `json:"error,omitempty"` // why it is down
	Since   time.Time `json:"since,omitzero"`
	LastAck time.Time `json:"last_ack,omitzero"`
}

func newSender(g *Gateway, d hydro.Department) *sender {
	return &sender{
		gateway: g, department: d, schedule: schedule{share: g.opts.BacklogShare},
		freed: make(chan struct{}, 1), flying: map[uint64]*frame{}, link: LinkStatus{State: "idle"},
	}
}

// run opens links one after the other, until ctx is done or the disk fails.
func (s *sender) run(ctx context.Context) error {
	for {
		if err := s.wait(ctx); err != nil {
			return ignoreDone(ctx, err)
		}
		err := s.session(ctx)
		s.gateway.opts.Spool.Return(s.department)
		switch disk := s.failure(); {
		case disk != nil:
			return fmt.Errorf("gateway: %s: %w", s.department, disk)
		case ctx.Err() != nil:
			return nil
		}
		s.connected(err)
		s.gateway.opts.Logger.Error("the centre does not take this gateway's values; they stay in the spool", "department", s.department.String(), "err", err)
		// The client has tried what can be tried at once: somebody must act.
		t := time.NewTimer(time.Duration(float64(s.gateway.opts.Retry) * (0.8 + 0.4*rand.Float64())))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

func ignoreDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// wait returns when there is something to send.
func (s *sender) wait(ctx context.Context) error {
	for {
		changed := s.gateway.opts.Spool.Changed()
		if s.has(spool.Live) || s.has(spool.Backlog) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *sender) has(lane spool.Lane) bool {
	return s.gateway.opts.Spool.Has(s.department, lane)
}

// session is the life of one link. It returns why it ended.
func (s *sender) session(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	clear(s.flying)
	s.backlog = 0
	s.link.State, s.link.Since = "connecting", s.gateway.opts.Now()
	s.mu.Unlock()
	up, err := s.gateway.opts.Open(ctx, s.department, Hooks{Acked: s.acked, Rejected: s.rejected, Connected: s.connected})
	if err != nil {
		return err
	}
	defer up.Close()
	for number := uint64(1); ; {
		changed := s.gateway.opts.Spool.Changed()
		f, err := s.next()
		if err != nil {
			s.fail(err)
			return err
		}
		if f == nil {
			select {
			case <-changed:
			case <-s.freed:
			case <-up.Done():
				return up.Err()
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := s.failure(); err != nil {
				return err
			}
			continue
		}
		s.mu.Lock()
		s.flying[number] = f
		if f.lane == spool.Backlog {
			s.backlog++
		}
		s.mu.Unlock()
		number++
		s.gateway.metrics.sent.WithLabelValues(s.department.String(), f.lane.String()).Add(float64(len(f.raws)))
		if err := up.Send(ctx, f.raws); err != nil {
			return errors.Join(up.Err(), err)
		}
	}
}

// next takes the next frame from the spool; nil if none may go now.
func (s *sender) next() (*frame, error) {
	o := &s.gateway.opts
	s.mu.Lock()
	room, backlogRoom := len(s.flying) < o.Window, s.backlog < o.BacklogWindow
	s.mu.Unlock()
	if !room {
		return nil, nil
	}
	live, backlog := s.has(spool.Live), backlogRoom && s.has(spool.Backlog)
	for {
		lane, ok := s.schedule.next(live, backlog)
		if !ok {
			return nil, nil
		}
		entries, err := o.Spool.Take(s.department, lane, o.Frame)
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 {
			f := &frame{lane: lane, entries: entries}
			for _, e := range entries {
				f.raws = append(f.raws, e.Raws...)
			}
			return f, nil
		}
		if lane == spool.Live { // what Has saw was dropped meanwhile
			live = false
		} else {
			backlog = false
		}
	}
}

func (s *sender) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *sender) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// connected is a hook.
func (s *sender) connected(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, text := "up", ""
	if err != nil {
		state, text = "down", err.Error()
	}
	if s.link.State != state {
		s.link.Since = s.gateway.opts.Now()
	}
	s.link.State, s.link.Error = state, text
}

// rejected is a hook.
func (s *sender) rejected(number uint64, r hydro.Rejection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flying[number]
	if f == nil {
		return
	}
	// Values stand in the order of their reports.
	i, _ := slices.BinarySearchFunc(f.raws, r.Report, func(raw hydro.Raw, report int) int { return cmp.Compare(raw.Report, report) })
	for ; i < len(f.raws) && f.raws[i].Report == r.Report; i++ {
		if f.raws[i].Field == r.Field {
			f.refused = append(f.refused, spool.NewRefused(s.department, &f.raws[i], s.gateway.opts.Now(), r.Reason.String(), r.Message))
			f.places = append(f.places, i)
			return
		}
	}
	s.gateway.opts.Logger.Error("the centre rejected a value that was not sent", "frame", number, "report", r.Report, "field", r.Field)
}

// acked is a hook.
func (s *sender) acked(number uint64) {
	now := s.gateway.opts.Now()
	s.mu.Lock()
	f := s.flying[number]
	s.mu.Unlock()
	if f == nil {
		return
	}
	var err error
	if s.gateway.opts.Accepted != nil {
		err = s.gateway.opts.Accepted(s.department, f.accepted())
	}
	if err == nil {
		err = s.gateway.opts.Spool.Done(f.entries, f.refused)
	}
	s.mu.Lock()
	if err != nil && s.err == nil {
		s.err = err
	}
	delete(s.flying, number)
	if f.lane == spool.Backlog {
		s.backlog--
	}
	s.link.LastAck = now
	s.mu.Unlock()
	m := s.gateway.metrics
	for _, r := range f.refused {
		m.refuse(r.Reason, 1)
	}
	if len(f.refused) > 0 {
		s.gateway.opts.Logger.Warn("the centre refused values; they are in the list of refused ones", "department", s.department.String(),
			"count", len(f.refused), "first_station", f.refused[0].Station, "first_reason", f.refused[0].Reason)
	}
	m.acked.WithLabelValues(s.department.String(), f.lane.String()).Add(float64(len(f.raws)))
	if f.lane == spool.Live {
		for _, e := range f.entries {
			m.liveSeconds.Observe(max(0, now.Sub(e.ID.At()).Seconds()))
		}
	}
	if s.gateway.opts.Acked != nil {
		s.gateway.opts.Acked(s.department, f.entries)
	}
	select {
	case s.freed <- struct{}{}:
	default:
	}
}
