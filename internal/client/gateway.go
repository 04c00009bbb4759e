package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// maxReports is how many reports go into one frame; the contract allows 10,000,
// and the frame must stay below 4 MB.
const maxReports = 5000

// keepRejections is how many rejections Stats shows.
const keepRejections = 20

// Reports are reports of one department: exactly the slice of the gateway's
// department is set. Again says that they are sent again because CompareDays found
// the centre's copy to differ.
type Reports struct {
	Again          bool
	Weather        []*freshetv1.WeatherReport
	Hydrology      []*freshetv1.HydrologyReport
	WaterResources []*freshetv1.WaterResourcesReport
}

// Len returns the number of reports.
func (r Reports) Len() int { return len(r.Weather) + len(r.Hydrology) + len(r.WaterResources) }

// Readings returns the number of readings in r, as the server counts them: one
// per value, and one per report without any value, which will be refused.
func (r Reports) Readings() int {
	n := len(r.Weather)
	for _, h := range r.Hydrology {
		n += max(1, count(h.WaterLevel != nil, h.Discharge != nil, h.Rain != nil, h.RainCounter != nil, h.PanEvaporation != nil))
	}
	for _, w := range r.WaterResources {
		n += max(1, len(w.GetGates())+count(w.ReservoirLevel != nil, w.Storage != nil, w.Inflow != nil, w.Outflow != nil))
	}
	return n
}

// first splits off the first n reports.
func (r Reports) first(n int) (head, tail Reports) {
	cut := func(l int) int { return min(n, l) }
	w, h, s := cut(len(r.Weather)), cut(len(r.Hydrology)), cut(len(r.WaterResources))
	return Reports{r.Again, r.Weather[:w], r.Hydrology[:h], r.WaterResources[:s]}, Reports{r.Again, r.Weather[w:], r.Hydrology[h:], r.WaterResources[s:]}
}

func count(present ...bool) int {
	n := 0
	for _, p := range present {
		if p {
			n++
		}
	}
	return n
}

// Options are a gateway's settings; the zero value is good.
type Options struct {
	// Window is how many frames may be unacknowledged at most; 0 means 16. The
	// server may ask for fewer.
	Window int
	// FirstSequence is the number of the first frame; 0 means 1.
	FirstSequence uint64
	Backoff       Backoff
	// Acked is told of every frame that is dealt with for good, in order, from the
	// gateway's own goroutine: it must not call the gateway.
	Acked func(sequence uint64)
	// Rejected is told of every reading that was refused, once, before Acked is
	// told of its frame. The same rules hold.
	Rejected func(*freshetv1.Rejection)
	// Connected, if not nil, is told of each change of the link: nil when the first
	// answer came over a new stream, else why the old one broke. The rules of Acked
	// hold.
	Connected func(error)
	// Rates is told all requests for a faster reporting rate that are in force for
	// the department's stations: at the start of a stream and whenever that changes.
	// What was told before and is not there is withdrawn, and what is past its
	// `until` is not to be obeyed. The same rules hold.
	Rates func([]*freshetv1.RateRequest)
	// Dropped returns how many values were let go before they could be sent, ever: the
	// server is told with each frame. nil: none.
	Dropped func() uint64
	// Logger hears of lost links; nil means nobody does.
	Logger *slog.Logger
}

// Stats count readings; see [Reports.Readings]. Sent = Accepted + all of
// Refused when everything is acknowledged.
type Stats struct {
	Sent       int                    // given to Send
	Accepted   int                    // acknowledged and on the server's disk
	Refused    map[string]int         // acknowledged and not accepted, by reason, e.g. "unknown_station"
	Rejections []*freshetv1.Rejection // the first 20
	Frames     int                    // given to Send
	Acked      int                    // frames
	Reconnects int                    // times that a broken stream was opened again
	Resent     int                    // frames sent more than once
}

// RefusedTotal returns the sum over all reasons.
func (s Stats) RefusedTotal() int {
	n := 0
	for _, c := range s.Refused {
		n += c
	}
	return n
}

// Add adds the counts of o, for the sum over several gateways.
func (s Stats) Add(o Stats) Stats {
	s.Sent += o.Sent
	s.Accepted += o.Accepted
	s.Frames += o.Frames
	s.Acked += o.Acked
	s.Reconnects += o.Reconnects
	s.Resent += o.Resent
	refused := maps.Clone(s.Refused)
	if refused == nil {
		refused = map[string]int{}
	}
	for reason, n := range o.Refused {
		refused[reason] += n
	}
	s.Refused = refused
	s.Rejections = slices.Concat(s.Rejections, o.Rejections)
	s.Rejections = s.Rejections[:min(len(s.Rejections), keepRejections)]
	return s
}

// A Gateway sends one department's reports over one stream. It keeps every
// frame until the server has said that it is on disk, and after a broken link
// sends again all that is not. Its methods may be called from many goroutines;
// frames go out in the order of Send.
type Gateway struct {
	name       string
	department hydro.Department
	opts       Options
	open       func(context.Context) (link, error)
	cancel     context.CancelFunc
	done       chan struct{} // closed when run has ended

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever something below changes
	unacked []*frame
	sent    int // how many of unacked went out on the present stream
	next    uint64
	window  int
	err     error // why the gateway gave up; nothing is sent any more
	stats   Stats
}

// A frame is what Send was given, until it is acknowledged.
type frame struct {
	sequence uint64
	reports  Reports
	readings int
	tries    int
	rejected []*freshetv1.Rejection // heard of on the present stream
	dropped  uint64                 // when it was last sent
}

// A link is one stream, whatever its department.
type link interface {
	send(gateway string, f *frame) error
	recv() (*freshetv1.Ack, error)
}

// Open returns a gateway of that department and name and begins to connect. It
// lives until ctx is done or Close is called.
func Open(ctx context.Context, conn grpc.ClientConnInterface, department hydro.Department, name string, opts Options) (*Gateway, error) {
	if name == "" {
		return nil, fmt.Errorf("gateway: name: missing: %w", hydro.ErrInvalid)
	}
	if opts.Window <= 0 {
		opts.Window = 16
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	opts.Backoff = opts.Backoff.orDefault()
	g := &Gateway{
		name: name, department: department, opts: opts, done: make(chan struct{}),
		changed: make(chan struct{}), next: max(opts.FirstSequence, 1), window: opts.Window,
		stats: Stats{Refused: map[string]int{}},
	}
	c := freshetv1.NewIngestServiceClient(conn)
	switch department {
	case hydro.Weather:
		g.open = func(ctx context.Context) (link, error) {
			s, err := c.StreamWeather(ctx)
			return weatherLink{s}, err
		}
	case hydro.Hydrology:
		g.open = func(ctx context.Context) (link, error) {
			s, err := c.StreamHydrology(ctx)
			return hydrologyLink{s}, err
		}
	case hydro.WaterResources:
		g.open = func(ctx context.Context) (link, error) {
			s, err := c.StreamWaterResources(ctx)
			return waterResourcesLink{s}, err
		}
	default:
		return nil, fmt.Errorf("gateway %s: %s: %w", name, department, hydro.ErrInvalid)
	}
	ctx, g.cancel = context.WithCancel(ctx)
	go g.run(ctx)
	return g, nil
}

// Send hands reports over to the gateway, which keeps them: do not change them
// any more. It waits while the window is full, and returns the number of the
// last frame that it made of them. An error means that the gateway has given up
// (a frame broke the contract, or the server will not have this gateway), was
// closed, or that ctx is done; then the last frames may not have been taken.
func (g *Gateway) Send(ctx context.Context, reports Reports) (sequence uint64, err error) {
	own := map[hydro.Department]int{
		hydro.Weather: len(reports.Weather), hydro.Hydrology: len(reports.Hydrology), hydro.WaterResources: len(reports.WaterResources),
	}[g.department]
	if own != reports.Len() {
		return 0, fmt.Errorf("gateway %s: reports of another department: %w", g.name, hydro.ErrInvalid)
	}
	for reports.Len() > 0 {
		var head Reports
		head, reports = reports.first(maxReports)
		f := &frame{reports: head, readings: head.Readings()}
		if err := g.await(ctx, func() bool { return len(g.unacked) < g.window }, func() {
			f.sequence = g.next
			g.next++
			g.unacked = append(g.unacked, f)
			g.stats.Frames++
			g.stats.Sent += f.readings
		}); err != nil {
			return sequence, err
		}
		sequence = f.sequence
	}
	return sequence, nil
}

// Flush waits until everything that Send took is acknowledged.
func (g *Gateway) Flush(ctx context.Context) error {
	return g.await(ctx, func() bool { return len(g.unacked) == 0 }, nil)
}

// Stats returns the counts so far.
func (g *Gateway) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stats
	s.Refused = maps.Clone(s.Refused)
	s.Rejections = slices.Clone(s.Rejections)
	return s
}

// Done returns a channel that is closed when the gateway has given up or was
// closed; see Err.
func (g *Gateway) Done() <-chan struct{} { return g.done }

// Err returns why the gateway gave up; nil while it has not.
func (g *Gateway) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// Close ends the gateway. What is not acknowledged may or may not have arrived:
// Flush first.
func (g *Gateway) Close() {
	g.cancel()
	<-g.done
}

// await waits until cond holds and then does act, both under the lock.
func (g *Gateway) await(ctx context.Context, cond func() bool, act func()) error {
	for {
		g.mu.Lock()
		switch {
		case g.err != nil:
			err := g.err
			g.mu.Unlock()
			return err
		case cond():
			if act != nil {
				act()
				g.wake()
			}
			g.mu.Unlock()
			return nil
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wake tells all who wait; the lock is held.
func (g *Gateway) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// run connects, and connects again, until ctx is done or the server says that
// it is in vain.
func (g *Gateway) run(ctx context.Context) {
	defer close(g.done)
	tries := 0
	for {
		acked, err := g.stream(ctx)
		if acked {
			tries = 0
		}
		switch {
		case ctx.Err() != nil:
			g.giveUp(fmt.Errorf("gateway %s: closed: %w", g.name, context.Cause(ctx)))
			return
		case !openAgain(err):
			g.giveUp(fmt.Errorf("gateway %s: %w", g.name, kind(err)))
			return
		}
		g.opts.Logger.WarnContext(ctx, "link lost, will connect again and resend", "gateway", g.name, "err", err)
		if g.opts.Connected != nil {
			g.opts.Connected(err)
		}
		if g.opts.Backoff.wait(ctx, tries) == nil {
			tries++
			g.mu.Lock()
			g.stats.Reconnects++
			g.mu.Unlock()
		}
	}
}

func (g *Gateway) giveUp(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
	g.wake()
}

// stream is the life of one stream. It reports whether a frame was acknowledged
// on it, and returns why it ended.
func (g *Gateway) stream(ctx context.Context) (acked bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	g.mu.Lock()
	g.sent = 0
	for _, f := range g.unacked {
		f.rejected = nil // will be heard of anew
	}
	g.mu.Unlock()
	l, err := g.open(ctx)
	if err != nil {
		cancel()
		return false, err
	}
	ended := make(chan error, 1)
	go func() {
		var accepted uint64 // on this stream
		for first := true; ; first = false {
			a, err := l.recv()
			if err == nil && first && g.opts.Connected != nil {
				g.opts.Connected(nil)
			}
			if err == nil {
				var some bool
				some, err = g.acknowledge(a, &accepted)
				acked = acked || some
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	for {
		g.mu.Lock()
		var f *frame
		if g.sent < min(len(g.unacked), g.window) {
			f = g.unacked[g.sent]
			g.sent++
			f.tries++
			if f.tries == 2 {
				g.stats.Resent++
			}
		}
		changed := g.changed
		g.mu.Unlock()
		if f != nil {
			if g.opts.Dropped != nil {
				f.dropped = g.opts.Dropped()
			}
			err := l.send(g.name, f)
			if err == nil {
				continue
			}
			if !errors.Is(err, io.EOF) { // with EOF, recv has the reason
				cancel()
				return acked, errors.Join(err, <-ended)
			}
			changed = nil
		}
		select {
		case <-changed:
		case err := <-ended:
			cancel()
			return acked, err
		}
	}
}

// acknowledge takes one answer in. The counts move only with the frames that it
// acknowledges, because what the server says of the others it will say again
// after a broken link.
func (g *Gateway) acknowledge(a *freshetv1.Ack, accepted *uint64) (some bool, err error) {
	if a.GetRates() != nil && g.opts.Rates != nil {
		g.opts.Rates(a.GetRates().GetRequests())
	}
	g.mu.Lock()
	sent := g.unacked[:g.sent]
	for _, r := range a.GetRejections() {
		if i, ok := slices.BinarySearchFunc(sent, r.GetSequence(), func(f *frame, seq uint64) int {
			return int(int64(f.sequence - seq))
		}); ok {
			sent[i].rejected = append(sent[i].rejected, r)
		}
	}
	n := 0
	for n < len(sent) && sent[n].sequence <= a.GetAckedSequence() {
		n++
	}
	if n == 0 && len(sent) == 0 && len(g.unacked) > 0 && a.GetAckedSequence() >= g.unacked[0].sequence {
		g.mu.Unlock()
		return false, fmt.Errorf("the server acknowledged frame %d, which was not sent to it", a.GetAckedSequence())
	}
	dealt := slices.Clone(sent[:n])
	if w := int(a.GetWindow()); w > 0 {
		g.window = min(w, g.opts.Window)
	}
	g.mu.Unlock()
	// The hooks come first and outside the lock: when Flush returns, they have
	// heard of everything.
	for _, f := range dealt {
		if g.opts.Rejected != nil {
			for _, r := range f.rejected {
				g.opts.Rejected(r)
			}
		}
		if g.opts.Acked != nil {
			g.opts.Acked(f.sequence)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unacked = slices.Delete(g.unacked, 0, n) // nobody else removes, and sent only grows meanwhile
	g.sent -= n
	g.stats.Acked += n
	for _, f := range dealt {
		for _, r := range f.rejected {
			g.stats.Refused[reason(r.GetReason())]++
			if len(g.stats.Rejections) < keepRejections {
				g.stats.Rejections = append(g.stats.Rejections, r)
			}
		}
	}
	if n > 0 {
		g.stats.Accepted += int(a.GetAccepted() - *accepted)
		*accepted = a.GetAccepted()
	}
	g.wake()
	return n > 0, nil
}

// reason returns a reason's name as the domain writes it: "unknown_station".
func reason(r freshetv1.RefusalReason) string {
	return strings.ToLower(strings.TrimPrefix(r.String(), "REFUSAL_REASON_"))
}

type weatherLink struct {
	s grpc.BidiStreamingClient[freshetv1.StreamWeatherRequest, freshetv1.StreamWeatherResponse]
}

func (l weatherLink) send(gateway string, f *frame) error {
	return l.s.Send(&freshetv1.StreamWeatherRequest{Gateway: gateway, Sequence: f.sequence, Reports: f.reports.Weather, Again: f.reports.Again, Dropped: f.dropped})
}

func (l weatherLink) recv() (*freshetv1.Ack, error) {
	m, err := l.s.Recv()
	return m.GetAck(), err
}

type hydrologyLink struct {
	s grpc.BidiStreamingClient[freshetv1.StreamHydrologyRequest, freshetv1.StreamHydrologyResponse]
}

func (l hydrologyLink) send(gateway string, f *frame) error {
	return l.s.Send(&freshetv1.StreamHydrologyRequest{Gateway: gateway, Sequence: f.sequence, Reports: f.reports.Hydrology, Again: f.reports.Again, Dropped: f.dropped})
}

func (l hydrologyLink) recv() (*freshetv1.Ack, error) {
	m, err := l.s.Recv()
	return m.GetAck(), err
}

type waterResourcesLink struct {
	s grpc.BidiStreamingClient[freshetv1.StreamWaterResourcesRequest, freshetv1.StreamWaterResourcesResponse]
}

func (l waterResourcesLink) send(gateway string, f *frame) error {
	return l.s.Send(&freshetv1.StreamWaterResourcesRequest{Gateway: gateway, Sequence: f.sequence, Reports: f.reports.WaterResources, Again: f.reports.Again, Dropped: f.dropped})
}

func (l waterResourcesLink) recv() (*freshetv1.Ack, error) {
	m, err := l.s.Recv()
	return m.GetAck(), err
}
