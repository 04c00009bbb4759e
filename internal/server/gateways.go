package server

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

const (
	// rememberedGateways bounds the gateways that are not connected any more and
	// are still told of: names are what clients say.
	rememberedGateways = 256
	// maxRefusalText bounds what is kept of a refusal's words.
	maxRefusalText = 400
)

// A GatewayBook knows the gateways' streams since the server started.
type GatewayBook struct {
	wall func() time.Time

	mu       sync.Mutex
	gateways map[gatewayKey]*gatewayEntry
}

type gatewayKey struct {
	department hydro.Department
	name       string
}

// A gatewayEntry is what is known of one gateway.
type gatewayEntry struct {
	streams           int
	since, ended      time.Time // of the oldest open stream, or of the last; when the last ended
	frame, reading    time.Time
	accepted, refused uint64
	dropped           uint64
	refusals          map[hydro.RefusalReason]refusalCount
}

type refusalCount struct {
	n    uint64
	text string
}

// NewGatewayBook returns a book without entries. Wall tells the time of day, by
// which people say how long a gateway is connected.
func NewGatewayBook(wall func() time.Time) *GatewayBook {
	return &GatewayBook{wall: wall, gateways: map[gatewayKey]*gatewayEntry{}}
}

// A gatewayStream is one stream's hand on the book. Its methods may be called on
// nil, and at any time and order: after end they do nothing.
type gatewayStream struct {
	book       *GatewayBook
	department hydro.Department
	entry      *gatewayEntry // nil: not named yet
	ended      bool
}

// stream returns the hand of a stream that has not said its name yet; nil of a
// nil book.
func (b *GatewayBook) stream(d hydro.Department) *gatewayStream {
	if b == nil {
		return nil
	}
	return &gatewayStream{book: b, department: d}
}

// named opens the stream under the name of its gateway.
func (s *gatewayStream) named(name string) {
	if s == nil {
		return
	}
	b := s.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.ended || s.entry != nil {
		return
	}
	key := gatewayKey{s.department, name}
	s.entry = b.gateways[key]
	if s.entry == nil {
		s.entry = &gatewayEntry{refusals: map[hydro.RefusalReason]refusalCount{}}
		b.gateways[key] = s.entry
	}
	if s.entry.streams == 0 {
		s.entry.since, s.entry.ended = b.wall(), time.Time{}
	}
	s.entry.streams++
}

// end closes the stream.
func (s *gatewayStream) end() {
	if s == nil {
		return
	}
	b := s.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	if s.entry == nil {
		return
	}
	if s.entry.streams--; s.entry.streams == 0 {
		s.entry.ended = b.wall()
		b.forget()
	}
}

// forget drops those that ended longest ago, beyond rememberedGateways.
func (b *GatewayBook) forget() {
	var gone []gatewayKey
	for k, e := range b.gateways {
		if e.streams == 0 {
			gone = append(gone, k)
		}
	}
	if len(gone) <= rememberedGateways {
		return
	}
	slices.SortFunc(gone, func(x, y gatewayKey) int {
		return cmp.Or(b.gateways[x].ended.Compare(b.gateways[y].ended), cmp.Compare(x.department, y.department), cmp.Compare(x.name, y.name))
	})
	for _, k := range gone[:len(gone)-rememberedGateways] {
		delete(b.gateways, k)
	}
}

// took counts frames that were answered.
func (s *gatewayStream) took(frames []*frame) {
	if s == nil {
		return
	}
	b := s.book
	b.mu.Lock()
	defer b.mu.Unlock()
	e := s.entry
	if e == nil {
		return
	}
	e.frame = b.wall()
	for _, f := range frames {
		e.accepted += uint64(f.result.Accepted)
		e.refused += uint64(len(f.result.Rejections))
		if f.newest.After(e.reading) {
			e.reading = f.newest
		}
		for i := range f.result.Rejections {
			r := &f.result.Rejections[i]
			e.refusals[r.Reason] = refusalCount{e.refusals[r.Reason].n + 1, shortened(r.Message)}
		}
	}
}

// dropped notes how many values the gateway has let go, ever, and returns how many
// of them this server had not heard of: after its start, all.
func (s *gatewayStream) dropped(total uint64) (more uint64) {
	if s == nil || total == 0 {
		return 0
	}
	b := s.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.ended || s.entry == nil || total <= s.entry.dropped {
		return 0
	}
	more, s.entry.dropped = total-s.entry.dropped, total
	return more
}

// shortened returns the beginning of a text, cut between runes.
func shortened(text string) string {
	if len(text) <= maxRefusalText {
		return text
	}
	n := maxRefusalText
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

// statuses returns what is known, open streams first, by department and name.
func (b *GatewayBook) statuses(only freshetv1.Department, now time.Time) []*freshetv1.GatewayStatus {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*freshetv1.GatewayStatus
	for k, e := range b.gateways {
		d := wire.FromDepartment(k.department)
		if only != freshetv1.Department_DEPARTMENT_UNSPECIFIED && d != only {
			continue
		}
		g := &freshetv1.GatewayStatus{
			Gateway: k.name, Department: d, Streams: uint32(e.streams), ConnectedSince: timestamp(e.since), DisconnectedAt: timestamp(e.ended),
			LastFrameAt: timestamp(e.frame), LastReadingAt: timestamp(e.reading), Accepted: e.accepted, Refused: e.refused, Dropped: e.dropped,
		}
		if !e.reading.IsZero() {
			lag := now.Sub(e.reading).Seconds()
			g.LagS = &lag
		}
		for _, reason := range hydro.RefusalReasons() {
			if c, ok := e.refusals[reason]; ok {
				g.Refusals = append(g.Refusals, &freshetv1.RefusalCount{Reason: wire.FromRefusalReason(reason), Count: c.n, Message: c.text, MessageZh: hydro.RefusalZH(reason, c.text)})
			}
		}
		out = append(out, g)
	}
	closed := func(g *freshetv1.GatewayStatus) int { return min(1, int(g.GetStreams())) }
	slices.SortFunc(out, func(x, y *freshetv1.GatewayStatus) int {
		return cmp.Or(cmp.Compare(closed(y), closed(x)), cmp.Compare(x.GetDepartment(), y.GetDepartment()), cmp.Compare(x.GetGateway(), y.GetGateway()))
	})
	return out
}

// ListGateways tells how the data come in, and what keeps them out.
func (s *Server) ListGateways(_ context.Context, req *freshetv1.ListGatewaysRequest) (*freshetv1.ListGatewaysResponse, error) {
	wall := s.opts.Clock.Now()
	resp := &freshetv1.ListGatewaysResponse{Gateways: s.opts.Gateways.statuses(req.GetDepartment(), wall)}
	c, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	var earliest time.Time
	for i, id := range s.basinIDs {
		lag := &freshetv1.BasinLag{Basin: id}
		if s.opts.Lag != nil {
			lag.StoreOutputs = s.opts.Lag(id)
		}
		var blind []hydro.BlindSet
		s.basins[id].Engine.Query(func(e *engine.Engine) {
			now := e.Now()
			blind = e.Blind()
			if i == 0 || now.Before(earliest) {
				earliest = now
			}
			lag.Now = timestamp(now)
			if !now.IsZero() {
				lag.EngineS = wall.Sub(now).Seconds()
			}
			for _, r := range e.Refusals() {
				st, ok := c.Station(r.Station)
				if d := req.GetDepartment(); ok && d != freshetv1.Department_DEPARTMENT_UNSPECIFIED && wire.FromDepartment(st.Department) != d {
					continue
				}
				resp.Refusals = append(resp.Refusals, &freshetv1.StationRefusal{
					Basin: id, Station: r.Station, Variable: wire.FromVariable(r.Variable), Reason: wire.FromRefusalReason(r.Reason), Detail: r.Detail, DetailZh: hydro.RefusalZH(r.Reason, r.Detail),
					Count: uint32(r.Count), LastAt: timestamp(r.LastAt), ReceivedAt: timestamp(r.Received),
				})
			}
		})
		resp.Lags = append(resp.Lags, lag)
		for _, set := range wire.FromBlind(id, blind) {
			if d := req.GetDepartment(); d == freshetv1.Department_DEPARTMENT_UNSPECIFIED || set.GetDepartment() == d {
				resp.Blind = append(resp.Blind, set)
			}
		}
	}
	resp.Now = timestamp(earliest)
	return resp, nil
}
