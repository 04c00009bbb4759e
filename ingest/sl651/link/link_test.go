package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/ingest/sl651"
	"freshet/ingest/sl651/link"
	"freshet/internal/hydro"
)

// A centre is a server with one connection in memory, inside a bubble of time.
type centre struct {
	t      *testing.T
	server *link.Server
	ctx    context.Context
	wg     sync.WaitGroup

	mu   sync.Mutex
	got  []link.Message
	fail error
}

func newCentre(t *testing.T, change func(*link.Options)) *centre {
	c := &centre{t: t}
	opts := link.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Handle: func(_ context.Context, m link.Message) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.fail != nil {
			return c.fail
		}
		c.got = append(c.got, m)
		return nil
	}}
	if change != nil {
		change(&opts)
	}
	s, err := link.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	c.server = s
	ctx, cancel := context.WithCancel(t.Context())
	c.ctx = ctx
	t.Cleanup(func() {
		cancel()
		c.wg.Wait()
	})
	return c
}

func (c *centre) messages() []link.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]link.Message(nil), c.got...)
}

func (c *centre) setFail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = err
}

// A line is a station's end of a connection.
type line struct {
	t    *testing.T
	conn net.Conn
	in   chan sl651.Frame
	gone chan struct{}
}

func (c *centre) dial() *line {
	near, far := net.Pipe()
	c.wg.Go(func() { c.server.ServeConn(c.ctx, far) })
	l := &line{t: c.t, conn: near, in: make(chan sl651.Frame, 100), gone: make(chan struct{})}
	c.wg.Go(func() {
		defer close(l.gone)
		var s sl651.Splitter
		buf := make([]byte, 100)
		for {
			n, err := near.Read(buf)
			s.Write(buf[:n])
			for {
				f, ok := s.Next()
				if !ok {
					break
				}
				f.Body = bytes.Clone(f.Body)
				l.in <- f
			}
			if err != nil {
				return
			}
		}
	})
	c.t.Cleanup(func() { _ = near.Close() })
	return l
}

func (l *line) send(raw []byte) {
	l.t.Helper()
	if _, err := l.conn.Write(raw); err != nil {
		l.t.Fatal(err)
	}
}

// answer returns the next frame of the centre.
func (l *line) answer() *sl651.Message {
	l.t.Helper()
	synctest.Wait()
	select {
	case f := <-l.in:
		m, err := sl651.Parse(f)
		if err != nil {
			l.t.Fatal(err)
		}
		return m
	default:
		l.t.Fatal("the centre did not answer")
		return nil
	}
}

func (l *line) silence() {
	l.t.Helper()
	synctest.Wait()
	select {
	case f := <-l.in:
		l.t.Fatalf("the centre answered %+v", f)
	default:
	}
}

func (l *line) closed() bool {
	synctest.Wait()
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

var address = sl651.Address{0, 0x12, 0x34, 0x56, 0x78}

// timer is a timer report with one level.
func timer(t *testing.T, serial uint16, z float64, change func(*sl651.Message)) []byte {
	t.Helper()
	at := time.Date(2026, 6, 1, 8, 0, 7, 0, time.UTC)
	m := &sl651.Message{Centre: 1, Station: address, Password: 0x1234, Function: sl651.Timer, End: sl651.ETX, Serial: serial, Sent: sl651.StampOf(at)}
	g, err := sl651.NumberGroup(sl651.Hex, 0x39, z)
	if err != nil {
		t.Fatal(err)
	}
	m.Groups = []sl651.Group{sl651.StationGroup(sl651.Hex, address, 'H'), sl651.ObservedGroup(sl651.Hex, m.Sent), g}
	if change != nil {
		change(m)
	}
	raw, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestAReportIsAnsweredOnlyOnceItIsSafe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCentre(t, nil)
		l := c.dial()
		c.setFail(errors.New("the disk is full"))
		raw := timer(t, 7, 10.49, nil)
		l.send(raw)
		l.silence()
		c.setFail(nil)
		l.send(raw) // the station sends again
		a := l.answer()
		if a.Function != sl651.Timer || a.Serial != 7 || a.End != sl651.ESC || a.Station != address || a.Centre != 1 || a.Password != 0x1234 || len(a.Groups) != 0 {
			t.Fatalf("answer %+v", a)
		}
		if got := c.messages(); len(got) != 1 || got[0].Serial != 7 || got[0].Conflict || got[0].Fault != nil || got[0].Received.IsZero() {
			t.Fatalf("handled %+v", got)
		}
		if st := c.server.Stats(); st.Failed != 1 || st.Messages != 2 {
			t.Errorf("%+v", st)
		}
	})
}

func TestARepeatIsAnsweredAndNotHandledTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCentre(t, nil)
		l := c.dial()
		raw := timer(t, 7, 10.49, nil)
		l.send(append(append([]byte{}, raw...), raw...))
		l.answer()
		l.answer()
		l = c.dial() // the answer was lost with the connection
		l.send(raw)
		l.answer()
		if got := c.messages(); len(got) != 1 {
			t.Fatalf("handled %d times", len(got))
		}
		if st := c.server.Stats(); st.Repeats != 2 || st.Superseded != 1 {
			t.Errorf("%+v", st)
		}
	})
}

// The same serial number and send time with other values is not a repeat: both
// are given on.
func TestTrapDuplicatedPacketWithOtherValues(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCentre(t, nil)
		l := c.dial()
		l.send(timer(t, 7, 10.49, nil))
		l.send(timer(t, 7, 12.49, nil))
		l.send(timer(t, 7, 10.49, nil))
		l.answer()
		l.answer()
		l.answer()
		got := c.messages()
		if len(got) != 2 || got[0].Conflict || !got[1].Conflict {
			t.Fatalf("%+v", got)
		}
		v, _ := got[1].Groups[2].Number()
		if v != 12.49 || c.server.Stats().Conflicts != 1 {
			t.Errorf("%g, %+v", v, c.server.Stats())
		}
	})
}

func TestWhatIsNotAnswered(t *testing.T) {
	for name, raw := range map[string]func(t *testing.T) []byte{
		"a keep-alive": func(t *testing.T) []byte {
			return timer(t, 1, 1, func(m *sl651.Message) { m.Function, m.Groups = sl651.KeepAlive, nil })
		},
		"a bad check": func(t *testing.T) []byte { r := timer(t, 1, 1, nil); r[20] ^= 1; return r },
		"an echo": func(t *testing.T) []byte {
			return timer(t, 1, 1, func(m *sl651.Message) { m.Down, m.End = true, sl651.ENQ })
		},
		"a stranger": func(t *testing.T) []byte { return timer(t, 1, 1, func(m *sl651.Message) { m.Password = 0 }) },
		"a station of mode M1": func(t *testing.T) []byte {
			return timer(t, 1, 1, func(m *sl651.Message) { m.Station[4] = 0x99 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := newCentre(t, func(o *link.Options) {
					o.Admit = func(f *sl651.Frame) error {
						if f.Password != 0x1234 {
							return hydro.ErrInvalid
						}
						return nil
					}
					o.Silent = func(a sl651.Address) bool { return a[4] == 0x99 }
				})
				l := c.dial()
				l.send(raw(t))
				l.silence()
				if got := c.messages(); (len(got) == 1) != strings.Contains(name, "M1") {
					t.Errorf("handled %+v", got)
				}
			})
		})
	}
}

func TestTheEndOfAnAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCentre(t, func(o *link.Options) { o.HangUp = true })
		l := c.dial()
		l.send(timer(t, 1, 1, func(m *sl651.Message) { m.End = sl651.ETB }))
		if a := l.answer(); a.End != sl651.ACK {
			t.Errorf("more follows, answered with %s", a.End)
		}
		l.send(timer(t, 2, 1, nil))
		if a := l.answer(); a.End != sl651.EOT {
			t.Errorf("nothing follows, answered with %s", a.End)
		}
	})
}

func TestABodyThatCannotBeReadIsGivenOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCentre(t, nil)
		l := c.dial()
		l.send(timer(t, 1, 1.5, func(m *sl651.Message) { m.Rest = []byte{0x38, 0x12, 0x12} }))
		l.answer()
		got := c.messages()
		if len(got) != 1 || !errors.Is(got[0].Fault, hydro.ErrInvalid) || len(got[0].Groups) != 3 || c.server.Stats().Faults != 1 {
			t.Fatalf("%+v", got)
		}
	})
}

// picture is a message in packets.
func picture(t *testing.T, serial uint16, size int) ([]sl651.Frame, []byte) {
	t.Helper()
	image := bytes.Repeat([]byte{0xFF, 0xD8, 0x7E, 0x7E, 0x01}, 100)
	m := &sl651.Message{Centre: 1, Station: address, Function: sl651.Picture, End: sl651.ETX, Serial: serial, Sent: sl651.Stamp{0x26, 6, 1, 8, 0, 0}}
	m.Groups = []sl651.Group{sl651.StationGroup(sl651.Hex, address, 'H'), sl651.ObservedGroup(sl651.Hex, m.Sent), {Form: sl651.Image, ID: 0xF3, Def: 0xF3, Data: image}}
	parts, err := m.Split(size)
	if err != nil {
		t.Fatal(err)
	}
	return parts, image
}

func encode(t *testing.T, f sl651.Frame) []byte {
	t.Helper()
	raw, err := f.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestPacketsAreAskedForAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCentre(t, nil)
		l := c.dial()
		parts, image := picture(t, 5, 100)
		for i, p := range parts {
			raw := encode(t, p)
			if i == 1 {
				raw[30] ^= 0x10 // bad
			}
			if i != 3 { // lost
				l.send(raw)
			}
		}
		for _, missing := range []uint16{2, 4} {
			a := l.answer()
			if a.End != sl651.NAK || a.Packet != missing || a.Packets != uint16(len(parts)) || a.Serial != 5 {
				t.Fatalf("answer %+v, want a NAK of packet %d", a, missing)
			}
			again := parts[missing-1]
			again.End = sl651.ETX
			l.send(encode(t, again))
		}
		a := l.answer()
		if a.End != sl651.ESC || a.Packet != uint16(len(parts)) || a.Serial != 5 {
			t.Fatalf("answer %+v", a)
		}
		got := c.messages()
		if len(got) != 1 || !bytes.Equal(got[0].Groups[2].Data, image) {
			t.Fatalf("%+v", got)
		}
		for _, p := range parts { // the answer was lost
			l.send(encode(t, p))
		}
		l.answer()
		if len(c.messages()) != 1 || c.server.Stats().Repeats != 1 {
			t.Errorf("%+v", c.server.Stats())
		}
	})
}

func TestAPacketThatNeverComesIsAskedForByTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCentre(t, func(o *link.Options) { o.Packets = 30 * time.Second })
		l := c.dial()
		parts, _ := picture(t, 5, 200)
		for _, p := range parts[:len(parts)-1] {
			l.send(encode(t, p))
		}
		l.silence()
		time.Sleep(29 * time.Second)
		l.silence()
		time.Sleep(2 * time.Second)
		if a := l.answer(); a.End != sl651.NAK || a.Packet != uint16(len(parts)) {
			t.Fatalf("%+v", a)
		}
		time.Sleep(10 * time.Minute) // asked for a few times, then given up
		n := 0
		for len(l.in) > 0 {
			<-l.in
			n++
		}
		if st := c.server.Stats(); st.GivenUp != 1 || n != 2 {
			t.Fatalf("asked %d times more, %+v", n, st)
		}
		for _, p := range parts {
			l.send(encode(t, p))
		}
		if a := l.answer(); a.End != sl651.ESC {
			t.Fatalf("%+v", a)
		}
	})
}

func TestUnfinishedMessagesAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCentre(t, func(o *link.Options) { o.Assembled = 1000 })
		l := c.dial()
		parts, _ := picture(t, 5, 100)
		for station := range byte(20) {
			p := parts[0]
			p.Station[4] = station
			l.send(encode(t, p))
		}
		synctest.Wait()
		if st := c.server.Stats(); st.GivenUp < 12 {
			t.Fatalf("%+v", st)
		}
		_ = l.conn.Close()
		l2 := c.dial()
		for _, p := range parts {
			l2.send(encode(t, p))
		}
		if a := l2.answer(); a.End != sl651.ESC {
			t.Fatalf("%+v", a)
		}
	})
}

// Bytes that are no frame hold no connection: neither silence nor a trickle.
func TestConnectionsThatSayNothingAreClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCentre(t, func(o *link.Options) { o.First, o.Idle = time.Minute, 15*time.Minute })
		quiet, slow, alive := c.dial(), c.dial(), c.dial()
		keep := timer(t, 1, 1, func(m *sl651.Message) { m.Function, m.Groups = sl651.KeepAlive, nil })
		raw := timer(t, 1, 1, nil)
		for i := range 60 {
			if i%5 == 0 {
				alive.send(keep)
			}
			if !slow.closed() {
				slow.send(raw[i%40 : i%40+1])
			}
			time.Sleep(30 * time.Second)
		}
		if !quiet.closed() || !slow.closed() || alive.closed() {
			t.Fatalf("quiet closed %v, slow closed %v, alive closed %v", quiet.closed(), slow.closed(), alive.closed())
		}
		time.Sleep(15 * time.Minute)
		if !alive.closed() || c.server.Stats().Silenced != 3 {
			t.Fatalf("%+v", c.server.Stats())
		}
	})
}

func TestTheNewestConnectionOfAStationWins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCentre(t, nil)
		old := c.dial()
		old.send(timer(t, 1, 1, nil))
		old.answer()
		fresh := c.dial()
		fresh.send(timer(t, 2, 1, nil))
		fresh.answer()
		if !old.closed() || fresh.closed() {
			t.Fatal("the old connection stands")
		}
		st := c.server.Stations()
		if len(st) != 1 || !st[0].Connected || st[0].Serial != 2 || st[0].Address != address {
			t.Fatalf("%+v", st)
		}
		_ = fresh.conn.Close()
		synctest.Wait()
		if st := c.server.Stations(); st[0].Connected {
			t.Fatalf("%+v", st)
		}
	})
}

func TestAQuestionIsAskedThreeTimes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCentre(t, func(o *link.Options) { o.Answer = 20 * time.Second })
		if _, err := c.server.Now(t.Context(), address); !errors.Is(err, hydro.ErrUnavailable) {
			t.Fatalf("a station never heard: %v", err)
		}
		l := c.dial()
		l.send(timer(t, 1, 1, nil))
		l.answer()
		failed := make(chan error, 1)
		go func() {
			_, err := c.server.Now(c.ctx, address)
			failed <- err
		}()
		time.Sleep(time.Hour)
		if err := <-failed; !errors.Is(err, hydro.ErrUnavailable) || !strings.Contains(err.Error(), "no answer to 37 after 3 times") {
			t.Fatal(err)
		}
		l = c.dial()
		l.send(timer(t, 2, 1, nil))
		l.answer()
		done := make(chan *sl651.Message, 1)
		go func() {
			m, err := c.server.Elements(c.ctx, address, 0x39, 0x26)
			if err != nil {
				t.Error(err)
			}
			done <- m
		}()
		q := l.answer()
		if q.End != sl651.ENQ || q.Serial != 0 || q.Function != sl651.QueryElements || len(q.Groups) != 2 || q.Groups[0].ID != 0x39 || q.Groups[1].ID != 0x26 {
			t.Fatalf("%+v", q)
		}
		l.send(timer(t, 3, 1, nil)) // a report comes between
		l.answer()
		l.send(timer(t, 4, 2.5, func(m *sl651.Message) { m.Function = sl651.QueryElements }))
		if a := l.answer(); a.End != sl651.ESC || a.Serial != 4 { // confirmed
			t.Fatalf("%+v", a)
		}
		if m := <-done; m.Serial != 4 {
			t.Fatalf("%+v", m)
		}
		if got := c.messages(); len(got) != 4 {
			t.Fatalf("%d messages were handled, want the answer too", len(got))
		}
	})
}

func TestServeRefusesTooManyAndStops(t *testing.T) {
	s, err := link.New(link.Options{
		Now: time.Now, Log: slog.New(slog.DiscardHandler), MaxConns: 1,
		Handle: func(context.Context, link.Message) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	first, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	raw := timer(t, 1, 1, nil)
	if _, err := first.Write(raw); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 25)
	if _, err := io.ReadFull(first, answer); err != nil {
		t.Fatal(err)
	}
	second, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Read(make([]byte, 1)); err == nil {
		t.Fatal("a second connection was served")
	}
	cancel()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if _, err := first.Read(make([]byte, 1)); err == nil {
		t.Fatal("the first connection stands after the end")
	}
	if diff := cmp.Diff(fmt.Sprintf("%+v", link.Stats{Accepted: 1, Full: 1, Frames: 1, Messages: 1}), fmt.Sprintf("%+v", s.Stats())); diff != "" {
		t.Error(diff)
	}
}
