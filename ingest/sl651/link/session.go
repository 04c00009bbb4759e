package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"freshet/ingest/sl651"
	"freshet/internal/hydro"
)

// errMixed means that packets make a message that is known, with other values.
var errMixed = errors.New("packets of two messages came mixed")

// A session is one connection. Mostly it carries one station, a relay's carries
// several.
type session struct {
	server *Server
	conn   net.Conn
	remote string
	write  sync.Mutex

	// of the reading goroutine alone
	splitter sl651.Splitter
	last     time.Time // of the last good frame
	heard    bool
	refused  bool // a frame of it, by Admit
	parts    []*parts

	// under server.mu
	stations map[sl651.Address]*station
	ended    bool // superseded
}

// parts is a message in packets that is not whole yet.
type parts struct {
	sl651.Assembly
	of    sl651.Address
	first sl651.Frame // of a packet, while the message's own first one is missing
	due   time.Time   // when the next packet is missing
	last  uint16      // number of the packet before, of those that came unasked
	asked uint16      // number of the packet that was asked for; 0: none
	naks  int
	size  int64
}

// maxParts bounds the unfinished messages of one connection.
const maxParts = 8

// interrupt ends a pending read, so that the session closes after what it is
// doing.
func (c *session) interrupt() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) }

func (c *session) close() {
	_ = c.conn.Close()
	s := c.server
	for _, p := range c.parts {
		s.assembled.Add(-p.size)
		s.n.givenUp.Add(1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range c.stations {
		if st.session == c {
			st.session = nil
			close(st.gone)
		}
	}
	delete(s.sessions, c)
}

func (c *session) run(ctx context.Context) {
	s := c.server
	c.last = s.opts.Now()
	buf := make([]byte, 4096)
	for {
		if ctx.Err() != nil || c.superseded() {
			return
		}
		if err := c.conn.SetReadDeadline(c.deadline()); err != nil {
			return
		}
		if ctx.Err() != nil || c.superseded() { // interrupt came before the deadline was set
			return
		}
		n, err := c.conn.Read(buf)
		if n > 0 {
			c.feed(ctx, buf[:n])
		}
		now := s.opts.Now()
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.overdue(now)
		default:
			return
		}
		if !now.Before(c.idleAt()) {
			if ctx.Err() == nil && !c.superseded() {
				s.n.silenced.Add(1)
			}
			return
		}
	}
}

// idleAt is when the connection is given up. Only good frames put it off, so that
// a station that trickles bytes holds no connection.
func (c *session) idleAt() time.Time {
	if c.heard {
		return c.last.Add(c.server.opts.Idle)
	}
	return c.last.Add(c.server.opts.First)
}

func (c *session) deadline() time.Time {
	at := c.idleAt()
	for _, p := range c.parts {
		if p.due.Before(at) {
			at = p.due
		}
	}
	return at
}

func (c *session) superseded() bool {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.ended
}

func (c *session) feed(ctx context.Context, p []byte) {
	s := c.server
	before := c.splitter.Stats()
	c.splitter.Write(p)
	for {
		f, ok := c.splitter.Next()
		if !ok {
			break
		}
		s.n.frames.Add(1)
		c.last, c.heard = s.opts.Now(), true
		c.frame(ctx, &f)
	}
	after := c.splitter.Stats()
	s.n.noise.Add(int64(after.Noise - before.Noise))
	s.n.badCRC.Add(int64(after.BadCRC - before.BadCRC))
}

// frame takes one good frame.
func (c *session) frame(ctx context.Context, f *sl651.Frame) {
	s := c.server
	if f.Down { // an echo
		return
	}
	if s.opts.Admit != nil {
		if err := s.opts.Admit(f); err != nil {
			s.n.refused.Add(1)
			if c.refused { // one line for each connection: it can be anybody who floods the log
				return
			}
			c.refused = true
			s.opts.Log.Warn("a frame was refused and is not answered", "station", f.Station.String(), "remote", c.remote, "err", err)
			return
		}
	}
	st := s.attach(c, f)
	switch {
	case st == nil: // the station speaks over another connection now, and will send again there
	case f.Packets > 0:
		c.packet(ctx, st, f)
	case f.Function == sl651.KeepAlive:
		m, err := sl651.Parse(*f)
		if err == nil {
			st.saw(m, c.last, s.opts.Zone)
		}
	default:
		m, err := sl651.Parse(*f)
		c.message(ctx, st, m, err, f.Body)
	}
}

// message gives a message to the handler and answers it.
func (c *session) message(ctx context.Context, st *station, m *sl651.Message, fault error, body []byte) {
	s := c.server
	st.saw(m, c.last, s.opts.Zone)
	if fault != nil {
		s.n.faults.Add(1)
		s.opts.Log.Warn("the body of a station's message cannot be read wholly; what could be read is given on", "station", st.address.String(), "function", m.Function.String(), "err", fault)
	}
	st.handling.Lock()
	key := keyOf(m)
	known, conflict := st.known.look(key, body)
	var err error
	switch {
	case known:
		s.n.repeats.Add(1)
	case conflict && m.Packets > 0:
		// Packets of another message got among those of one that is over.
		s.n.conflicts.Add(1)
		err = errMixed
	default:
		if conflict {
			s.n.conflicts.Add(1)
			s.opts.Log.Warn("a station sent a message again with other values; both are given on", "station", st.address.String(), "function", m.Function.String(), "serial", m.Serial)
		}
		s.n.messages.Add(1)
		err = s.opts.Handle(ctx, Message{Message: m.Clone(), Received: c.last, Remote: c.remote, Fault: fault, Conflict: conflict})
		if err == nil {
			st.known.add(key, body)
		}
	}
	st.handling.Unlock()
	if err != nil {
		s.n.failed.Add(1)
		s.opts.Log.Warn("a station's message is not safe and is not answered; the station will send it again", "station", st.address.String(), "function", m.Function.String(), "err", err)
		return
	}
	st.answered(m)
	if s.opts.Silent != nil && s.opts.Silent(st.address) {
		return
	}
	end := sl651.ESC
	switch {
	case m.End == sl651.ETB:
		end = sl651.ACK
	case s.opts.HangUp:
		end = sl651.EOT
	}
	c.send(m.Answer(end, c.now(), 0))
}

func (c *session) now() sl651.Stamp {
	return sl651.StampOf(c.server.opts.Now().In(c.server.opts.Zone))
}

// send writes one frame. A connection that does not take it is closed: the
// station sends again over the next one.
func (c *session) send(m *sl651.Message) {
	raw, err := m.Append(nil)
	if err == nil {
		err = c.writeFrame(raw)
	}
	if err != nil {
		c.server.opts.Log.Info("a frame could not be sent to a station", "station", m.Station.String(), "err", err)
	}
}

func (c *session) writeFrame(raw []byte) error {
	c.write.Lock()
	defer c.write.Unlock()
	if err := c.conn.SetWriteDeadline(c.server.opts.Now().Add(c.server.opts.Write)); err != nil {
		return fmt.Errorf("send: %w: %w", hydro.ErrUnavailable, err)
	}
	if _, err := c.conn.Write(raw); err != nil {
		_ = c.conn.Close()
		return fmt.Errorf("send: %w: %w", hydro.ErrUnavailable, err)
	}
	return nil
}

// packet takes one packet of several. No packet is answered but the last, when
// the message is whole or packets are missing.
//
// Only the first packet says which message it is of. So a message begins with it,
// and what comes before it is left for later: the last packets of a message that
// is over, sent twice by the link, would make one message with the first packet of
// the next, at the time of the one and with the values of the other.
func (c *session) packet(ctx context.Context, st *station, f *sl651.Frame) {
	s := c.server
	p := c.assembly(f)
	p.due = c.last.Add(s.opts.Packets)
	if s.assembled.Load()+int64(len(f.Body)) > s.opts.Assembled {
		s.opts.Log.Warn("too many messages in packets are unfinished; one is given up", "station", st.address.String())
		c.drop(p)
		return
	}
	switch {
	case f.Packet == 1 && len(f.Body) < headBytes(f.Mode):
		// What follows could be of any message.
		s.opts.Log.Warn("the first packet of a message does not hold its serial number and send time; the message is not taken", "station", st.address.String(), "bytes", len(f.Body))
		c.drop(p)
		return
	case f.Packet == 1:
		if p.Under() && !p.Begins(f) {
			s.n.givenUp.Add(1)
			p.Reset()
		}
		p.last = 1
	case !p.Under(): // of a message whose beginning is not here
		c.count(p)
		if f.End == sl651.ETX && p.asked != 1 {
			p.expect(f)
			c.ask(p)
		}
		return
	case f.Packet > p.last:
		p.last = f.Packet
	case f.Packet != p.asked && !p.Holds(f):
		s.opts.Log.Warn("packets of two messages came mixed; the station will send them again", "station", st.address.String())
		c.drop(p)
		return
	}
	if f.Packet == p.asked {
		p.asked = 0
	}
	if !p.Holds(f) {
		p.naks = 0
	}
	restarted, err := p.Add(f)
	if restarted || err != nil {
		s.opts.Log.Warn("packets of two messages came mixed; the station will send them again", "station", st.address.String(), "err", err)
		c.drop(p)
		return
	}
	c.count(p)
	switch {
	case p.Whole():
		m, fault := p.Message()
		c.forget(p)
		c.message(ctx, st, m, fault, m.AppendBody(nil))
	case f.End == sl651.ETX: // the last one, or one that was asked for
		c.ask(p)
	}
}

// headBytes is how long serial number and send time are.
func headBytes(mode sl651.Mode) int {
	if mode == sl651.ASCII {
		return 16
	}
	return 8
}

// count accounts for the bytes that p holds.
func (c *session) count(p *parts) {
	c.server.assembled.Add(int64(p.Size()) - p.size)
	p.size = int64(p.Size())
}

// expect notes the header of a packet whose message's first one is missing.
func (p *parts) expect(f *sl651.Frame) {
	p.first = *f
	p.first.Body = nil
}

// assembly returns what the packet belongs to, beginning it if need be.
func (c *session) assembly(f *sl651.Frame) *parts {
	for _, p := range c.parts {
		if p.of == f.Station {
			return p
		}
	}
	if len(c.parts) >= maxParts {
		c.drop(c.parts[0])
	}
	p := &parts{of: f.Station}
	c.parts = append(c.parts, p)
	return p
}

// ask tells the station which packet is missing first, one at a time.
func (c *session) ask(p *parts) {
	s := c.server
	head, missing := p.Head(), uint16(1)
	if p.Under() {
		missing = p.Missing()[0]
	} else {
		head = sl651.HeadOf(&p.first)
	}
	if head.Packets == 0 || p.naks >= attempts {
		if head.Packets > 0 {
			s.opts.Log.Warn("a message in packets never became whole and is given up", "station", p.of.String(), "missing", missing)
		}
		c.drop(p)
		return
	}
	p.naks++
	p.asked = missing
	s.n.naks.Add(1)
	c.send(head.Answer(sl651.NAK, c.now(), missing))
	p.due = s.opts.Now().Add(s.opts.Packets)
}

// overdue asks for packets that did not come.
func (c *session) overdue(now time.Time) {
	for _, p := range slices.Clone(c.parts) {
		if now.Before(p.due) {
			continue
		}
		c.ask(p)
	}
}

func (c *session) drop(p *parts) {
	c.server.n.givenUp.Add(1)
	c.forget(p)
}

func (c *session) forget(p *parts) {
	c.server.assembled.Add(-p.size)
	for i, other := range c.parts {
		if other == p {
			c.parts = append(c.parts[:i], c.parts[i+1:]...)
			return
		}
	}
}
