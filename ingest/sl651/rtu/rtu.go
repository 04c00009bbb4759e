// Package rtu simulates stations (RTUs) that speak SL 651-2014 over TCP, for
// tests and demonstrations, and a bad link for them to speak over.
//
// An [RTU] dials its centre, reports, sends each report again until it is
// answered, keeps what is not across connections, and obeys the centre: clock,
// questions, and how often to report.
package rtu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	"freshet/ingest/sl651"
	"freshet/internal/hydro"
)

// Options configure an RTU. Zeros take the values stated.
type Options struct {
	Address  sl651.Address
	Centre   uint8       // 1
	Class    sl651.Class // H
	Password uint16
	Mode     sl651.Mode
	Zone     *time.Location // Beijing
	Now      func() time.Time
	Dial     func(context.Context) (net.Conn, error)

	Every   time.Duration // between reports; 5 min
	Reports int           // how many to send before Run returns; 0: until the context ends
	// Start and Step make a clock of their own for the observation times, which have
	// no seconds: report n (from 0) was observed at Start + n·Step. Step 0: the clock.
	Start time.Time
	Step  time.Duration
	// Values are the values of report n; Z, PT and VT of a slow flood if nil.
	Values func(n int, at time.Time) []Value

	Answer     time.Duration // until the centre answers; 20 s
	KeepAlive  time.Duration // 40 s
	Minute     time.Duration // how long a minute of parameter 21 is; 1 min
	Redial     time.Duration // the first pause before dialling again, doubled up to 32 times; 1 s
	PacketSize int           // send reports in packets of so many bytes; 0: in one frame
	Backlog    int           // reports kept while nobody answers, the oldest goes first; 10,000

	Acked func(Report) // told of each report that the centre has acknowledged
}

// A Value is one element of a report.
type Value struct {
	ID    sl651.ID
	Value float64
}

// A Report is what an RTU sent.
type Report struct {
	Address  sl651.Address
	Function sl651.Function
	Serial   uint16
	At       time.Time
	Values   []Value
	Extra    bool // because the centre asked for more
}

// Counts say what an RTU did.
type Counts struct {
	Made, Acked, Resent, Dropped, Dials, Answered int
}

// An RTU is one simulated station.
type RTU struct {
	opts Options

	mu      sync.Mutex
	counts  Counts
	params  map[sl651.ID]float64
	offset  time.Duration // of its clock
	serial  uint16
	made    int
	queue   []pending
	nextAt  time.Time
	extraAt time.Time
}

type pending struct {
	report Report
	frames []sl651.Frame
}

// New prepares an RTU.
func New(opts Options) (*RTU, error) {
	if opts.Dial == nil || opts.Now == nil {
		return nil, fmt.Errorf("rtu: Dial and Now are needed: %w", hydro.ErrInvalid)
	}
	if opts.Centre == 0 {
		opts.Centre = 1
	}
	if opts.Class == 0 {
		opts.Class = 'H'
	}
	if opts.Zone == nil {
		opts.Zone = sl651.Beijing
	}
	if opts.Values == nil {
		opts.Values = flood
	}
	if opts.Backlog <= 0 {
		opts.Backlog = 10_000
	}
	for d, standard := range map[*time.Duration]time.Duration{
		&opts.Every: 5 * time.Minute, &opts.Answer: 20 * time.Second, &opts.KeepAlive: 40 * time.Second, &opts.Minute: time.Minute, &opts.Redial: time.Second,
	} {
		if *d <= 0 {
			*d = standard
		}
	}
	return &RTU{opts: opts, params: map[sl651.ID]float64{sl651.ParamTimer: 1, sl651.ParamExtra: 0, sl651.ParamDayStart: 8, sl651.ParamBase1: 0}}, nil
}

// flood is a level that rises and falls in 400 reports, and the rain before it.
func flood(n int, _ time.Time) []Value {
	x := float64(n%400) / 400
	return []Value{
		{0x39, math.Round(1000*(2+3*math.Sin(math.Pi*x)*math.Sin(math.Pi*x))) / 1000},
		{0x26, math.Round(10*0.5*float64(n)) / 10},
		{0x38, 12.6},
	}
}

// Counts returns what the RTU has done so far.
func (r *RTU) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}

// Waiting returns how many reports are not acknowledged.
func (r *RTU) Waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.queue)
}

// Parameter returns a running parameter, as the centre last set it.
func (r *RTU) Parameter(id sl651.ID) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.params[id]
}

// Clock returns the RTU's time.
func (r *RTU) Clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock()
}

func (r *RTU) clock() time.Time { return r.opts.Now().Add(r.offset).In(r.opts.Zone) }

// SetClock makes the RTU's clock wrong by d.
func (r *RTU) SetClock(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offset = d
}

// Run reports until the context ends, or until all reports are acknowledged, and
// then returns nil.
func (r *RTU) Run(ctx context.Context) error {
	pause := r.opts.Redial
	for {
		r.mu.Lock()
		r.counts.Dials++
		r.mu.Unlock()
		conn, err := r.opts.Dial(ctx)
		if err == nil {
			if err = r.session(ctx, conn); err == nil {
				return nil
			}
			if errors.Is(err, errAnswered) {
				pause = r.opts.Redial
			}
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of the context is how Run ends
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		pause = min(2*pause, 32*r.opts.Redial)
	}
}

var (
	errSilent   = errors.New("the centre does not answer")
	errAnswered = errors.New("the connection broke after an answer")
)

// session speaks over one connection. It returns nil when the RTU has done all.
func (r *RTU) session(ctx context.Context, conn net.Conn) error {
	heard := make(chan *sl651.Message)
	broken := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() { _ = conn.Close() }()
	defer cancel()
	wg.Go(func() { listen(ctx, conn, heard, broken) })

	lost := errSilent
	alive := time.NewTicker(r.opts.KeepAlive)
	defer alive.Stop()
	for {
		now := r.opts.Now()
		wait := r.due(now)
		first, ok := r.first()
		if !ok && wait < 0 {
			return nil // all is sent and acknowledged
		}
		if !ok {
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-broken:
				timer.Stop()
				return lost
			case m := <-heard:
				timer.Stop()
				if err := r.obey(conn, m); err != nil {
					return lost
				}
			case <-alive.C:
				timer.Stop()
				if err := r.write(conn, r.keepAlive()); err != nil {
					return lost
				}
			case <-timer.C:
			}
			continue
		}
		switch err := r.deliver(ctx, conn, first, heard, broken); {
		case err == nil:
			lost = errAnswered
		case ctx.Err() != nil:
			return nil
		default:
			return errors.Join(lost, err)
		}
	}
}

// deliver sends a report, three times if it is not answered, and then gives the
// connection up.
func (r *RTU) deliver(ctx context.Context, conn net.Conn, p pending, heard <-chan *sl651.Message, broken <-chan struct{}) error {
	for attempt := range 3 {
		if attempt > 0 {
			r.mu.Lock()
			r.counts.Resent++
			r.mu.Unlock()
		}
		for i := range p.frames {
			if err := r.write(conn, &p.frames[i]); err != nil {
				return err
			}
		}
		timer := time.NewTimer(r.opts.Answer)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				timer.Stop()
				return ctx.Err()
			case <-broken:
				timer.Stop()
				return net.ErrClosed
			case <-timer.C:
				waiting = false
			case m := <-heard:
				mine := m.Function == p.report.Function && m.Serial == p.report.Serial
				switch {
				case mine && m.End == sl651.NAK && len(p.frames) > 0 && m.Packet >= 1 && int(m.Packet) <= len(p.frames):
					again := p.frames[m.Packet-1]
					again.End = sl651.ETX
					if err := r.write(conn, &again); err != nil {
						timer.Stop()
						return err
					}
					timer.Reset(r.opts.Answer)
				case mine && (m.End == sl651.ESC || m.End == sl651.EOT || m.End == sl651.ACK):
					timer.Stop()
					r.acknowledged(p)
					return nil
				default:
					if err := r.obey(conn, m); err != nil {
						timer.Stop()
						return err
					}
				}
			}
		}
	}
	return errSilent
}

// listen reads the centre's messages until the connection ends.
func listen(ctx context.Context, conn net.Conn, heard chan<- *sl651.Message, broken chan<- struct{}) {
	defer close(broken)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var s sl651.Splitter
	buf := make([]byte, 1024)
	for {
		n, err := conn.Read(buf)
		s.Write(buf[:n])
		for {
			f, ok := s.Next()
			if !ok {
				break
			}
			m, bad := sl651.Parse(f)
			if bad != nil || !f.Down {
				continue
			}
			select {
			case heard <- m.Clone():
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (r *RTU) write(conn net.Conn, f *sl651.Frame) error {
	raw, err := f.Append(nil)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := conn.SetWriteDeadline(r.opts.Now().Add(r.opts.Answer)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if _, err := conn.Write(raw); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
