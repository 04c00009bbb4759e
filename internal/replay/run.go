package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/grpc"

	"freshet/internal/app"
	"freshet/internal/catalog"
	"freshet/internal/client"
	"freshet/internal/hydro"
	"freshet/internal/store"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// RunOptions say what to replay and where.
type RunOptions struct {
	Catalog string // folder of the catalogue
	Map     string // file of the map
	Data    string // folder of the recorded files
	// Server is the address of a server with a driven clock and this catalogue;
	// "": one is started in this process, and talked to over loopback.
	Server string
	// Security is how that server and this program know each other.
	Security client.Security
	// Keep is the folder that the server in this process keeps its log and store
	// in; "": one that is removed at the end.
	Keep     string
	From, To time.Time        // only readings in [From, To); zero: all
	Speed    float64          // seconds of engine time per second; 0: as fast as it goes
	Now      func() time.Time // the wall's clock
	Logger   *slog.Logger     // of the server in this process; nil: silent

	// Opened, Warning and Progress tell of the replay as it goes; nil: nobody is
	// told. They are called from several goroutines, but never two of one at once.
	Opened   func(Opened)
	Warning  func(hydro.Warning) error
	Progress func(Progress)
}

// Opened is what is known when the replay begins.
type Opened struct {
	Catalog  *catalog.Catalog
	Server   string // address
	Readings int
	Missing  int
	From, To time.Time
}

// A Summary is what came of a replay.
type Summary struct {
	Type         string         `json:"type"` // "summary"
	Catalogue    string         `json:"catalogue"`
	Version      string         `json:"version"`
	Illustrative string         `json:"illustrative,omitempty"` // the mark to show with the numbers
	From         time.Time      `json:"from"`                   // first and last reading
	To           time.Time      `json:"to"`
	Sent         int            `json:"sent"`               // readings
	Acked        int            `json:"acked"`              // readings accepted and on disk
	Refused      map[string]int `json:"refused"`            // readings by reason
	Missing      int            `json:"missing"`            // cells of the files that mean "no value"
	Archived     *int           `json:"archived,omitempty"` // observations in the store; not known of another's server
	Flagged      map[string]int `json:"flagged,omitempty"`  // of these, by test that fired
	Forecasts    *int           `json:"forecasts,omitempty"`
	Warnings     int            `json:"warnings"`
	Raised       map[string]int `json:"raised"`        // warnings up the ladder, by the stage reached
	Lowered      map[string]int `json:"lowered"`       // warnings down the ladder, by the stage reached
	WentBlind    int            `json:"went_blind"`    // warnings
	WarningsHash string         `json:"warnings_hash"` // of all warnings in order: equal in every replay of the same data
	Blind        []string       `json:"blind"`         // stations that are blind at the end, with the cause
	Seconds      float64        `json:"wall_seconds"`
}

// Run plays recorded files and returns what came of it. The error wraps
// hydro.ErrInvalid if the catalogue, the map or the data are wrong.
func Run(ctx context.Context, opts RunOptions) (s Summary, err error) {
	started := opts.Now()
	cat, err := catalog.LoadDir(opts.Catalog)
	if err != nil {
		return s, err
	}
	text, err := os.ReadFile(opts.Map)
	if err != nil {
		return s, fmt.Errorf("map: %w: %w", err, hydro.ErrInvalid)
	}
	m, err := ParseMap(filepath.Base(opts.Map), text, cat)
	if err != nil {
		return s, err
	}
	data, err := Read(opts.Data, m)
	if err != nil {
		return s, err
	}
	readings := slices.DeleteFunc(data.Readings, func(r Reading) bool {
		return r.At.Before(opts.From) || !opts.To.IsZero() && !r.At.Before(opts.To)
	})
	if len(readings) == 0 {
		return s, fmt.Errorf("data: no reading in the time asked for: %w", hydro.ErrInvalid)
	}
	s = Summary{
		Type: "summary", Catalogue: cat.Name, Version: cat.Version, Illustrative: cat.Illustrative,
		From: readings[0].At, To: readings[len(readings)-1].At, Missing: data.Missing,
		Refused: map[string]int{}, Raised: map[string]int{}, Lowered: map[string]int{}, Blind: []string{},
	}

	addr := opts.Server
	var local *app.App
	if addr == "" {
		var stop func() error
		if local, stop, err = startServer(ctx, opts); err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, stop()) }()
		addr = local.GRPCAddr()
	}
	if local != nil {
		opts.Security = client.Security{}
	}
	conn, err := opts.Security.Dial(addr)
	if err != nil {
		return s, err
	}
	defer func() { _ = conn.Close() }() // nothing is on its way any more
	if opts.Opened != nil {
		opts.Opened(Opened{Catalog: cat, Server: addr, Readings: len(readings), Missing: data.Missing, From: s.From, To: s.To})
	}

	f := follow(ctx, conn, opts.Warning)
	defer f.stop()
	if err := f.opened(ctx); err != nil {
		return s, err
	}
	before, _, err := client.NewClock(conn, client.Backoff{}).Now(ctx)
	if err != nil {
		return s, err
	}
	stats, err := Play(ctx, conn, readings, Options{Step: m.Step, Speed: opts.Speed, Now: opts.Now, Progress: opts.Progress})
	s.Sent, s.Acked, s.Refused = stats.Sent, stats.Accepted, stats.Refused
	if err != nil {
		return s, err
	}
	if local != nil {
		if err := s.count(ctx, local, f, before); err != nil {
			return s, err
		}
	} else if err := f.quiet(ctx, s.To); err != nil {
		return s, err
	}
	if err := s.stages(ctx, conn, cat); err != nil {
		return s, err
	}
	f.stop()
	s.warnings(f.warnings)
	s.Seconds = opts.Now().Sub(started).Seconds()
	return s, nil
}

// startServer starts a server in this process, ready and with a driven clock.
func startServer(ctx context.Context, opts RunOptions) (a *app.App, stop func() error, err error) {
	o := app.DefaultOptions()
	o.Catalog, o.Data, o.Clock = opts.Catalog, opts.Keep, "driven"
	o.GRPC, o.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	if o.Logger = opts.Logger; o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	clean := func() error { return nil }
	if o.Data == "" {
		if o.Data, err = os.MkdirTemp("", "freshet-replay-"); err != nil {
			return nil, nil, fmt.Errorf("replay: %w", err)
		}
		clean = func() error { return os.RemoveAll(o.Data) }
	}
	if a, err = app.Start(ctx, o); err != nil {
		return nil, nil, errors.Join(err, clean())
	}
	stop = func() error { return errors.Join(a.Close(), clean()) }
	if err := a.WaitReady(ctx); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return a, stop, nil
}

// count waits until the archive has caught up and counts what it holds, and
// then waits until the feed has told all warnings later than before.
func (s *Summary) count(ctx context.Context, a *app.App, f *warningFeed, before time.Time) error {
	if err := a.WaitArchived(ctx); err != nil {
		return err
	}
	// Everything: also what a kept folder held before.
	from, to := store.Earliest, s.To.Add(24*time.Hour)
	archived, forecasts, warnings := 0, 0, 0
	s.Flagged = map[string]int{}
	cat := a.Catalog()
	for i := range cat.Stations {
		st := &cat.Stations[i]
		series := map[hydro.Key]bool{}
		for _, p := range st.Parameters {
			series[hydro.Key{Station: st.ID, Variable: p.Variable, Sensor: p.Sensor}] = true
			if p.Variable == hydro.RainCounter {
				series[hydro.Key{Station: st.ID, Variable: hydro.Rain, Sensor: p.Sensor}] = true
			}
		}
		for k := range series {
			for o, err := range a.Store().Observations(ctx, k, from, to) {
				if err != nil {
					return fmt.Errorf("count observations: %w", err)
				}
				archived++
				if o.Quality.Usable() {
					continue
				}
				for _, name := range o.Tests.Names() {
					s.Flagged[name]++
				}
			}
		}
	}
	for i := range cat.Basins {
		id := cat.Basins[i].ID
		for _, err := range a.Store().Forecasts(ctx, id, from, to) {
			if err != nil {
				return fmt.Errorf("count forecasts: %w", err)
			}
			forecasts++
		}
		for w, err := range a.Store().Warnings(ctx, id, from, to) {
			if err != nil {
				return fmt.Errorf("count warnings: %w", err)
			}
			if w.At.After(before) {
				warnings++
			}
		}
	}
	s.Archived, s.Forecasts = &archived, &forecasts
	return f.told(ctx, warnings)
}

// stages lists the stations that are blind at the end.
func (s *Summary) stages(ctx context.Context, conn grpc.ClientConnInterface, cat *catalog.Catalog) error {
	c := freshetv1.NewWarningServiceClient(conn)
	for i := range cat.Basins {
		m, err := c.ListStages(ctx, &freshetv1.ListStagesRequest{Basin: cat.Basins[i].ID})
		if err != nil {
			return fmt.Errorf("list stages: %w", err)
		}
		for _, st := range m.GetStages() {
			if st.GetStage() == freshetv1.Stage_STAGE_BLIND {
				s.Blind = append(s.Blind, st.GetStation()+": "+st.GetCause())
			}
		}
	}
	return nil
}

func (s *Summary) warnings(all []hydro.Warning) {
	h := sha256.New()
	for _, w := range all {
		s.Warnings++
		switch {
		case w.Raised():
			s.Raised[w.To.String()]++
		case w.Lowered():
			s.Lowered[w.To.String()]++
		case w.To == hydro.Blind:
			s.WentBlind++
		}
		_, _ = h.Write(Canonical(w)) // never fails
	}
	s.WarningsHash = hex.EncodeToString(h.Sum(nil))
}

// Canonical returns what two runs over the same inputs must agree in, as text:
// all but the ID, whose sequence numbers depend on how gateways' frames shared batches.
func Canonical(x hydro.Warning) []byte {
	return fmt.Appendf(nil, "%s|%s|%s|%s|%s|%+v|%+v|%s|%s|%s|%s|%s|%t\n", x.Basin, x.Station, x.At.UTC().Format(time.RFC3339Nano), x.From, x.To,
		x.Observed, x.Forecast, x.ReasonZH, x.ReasonEN, x.Cause, x.Catalogue, x.ForecastIssuedAt.UTC().Format(time.RFC3339Nano), x.Illustrative)
}

// A warningFeed collects the warnings of a server from the moment it is opened.
type warningFeed struct {
	cancel   context.CancelFunc
	done     chan struct{} // closed when err is set
	err      error
	first    chan struct{} // closed at the first answer
	now      chan time.Time
	counts   chan int
	warnings []hydro.Warning // valid after done
}

func follow(ctx context.Context, conn grpc.ClientConnInterface, each func(hydro.Warning) error) *warningFeed {
	ctx, cancel := context.WithCancel(ctx)
	f := &warningFeed{cancel: cancel, done: make(chan struct{}), first: make(chan struct{}), now: make(chan time.Time), counts: make(chan int)}
	answers := make(chan *freshetv1.WatchWarningsResponse)
	pass := func(m *freshetv1.WatchWarningsResponse) error {
		select {
		case answers <- m:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	watched := make(chan error, 1)
	go func() { watched <- client.Watch(ctx, conn, client.WatchOptions{Heartbeat: pass}, pass) }()
	go func() {
		defer close(f.done)
		defer cancel()
		var beat time.Time // engine time of the latest heartbeat
		open := false
		for {
			select {
			case m := <-answers:
				if !open {
					open = true
					close(f.first)
				}
				if m.GetWarning() == nil {
					beat = m.GetNow().AsTime()
					continue
				}
				w, err := wire.ToWarning(m.GetWarning())
				if err == nil {
					f.warnings = append(f.warnings, w)
					if each != nil {
						err = each(w)
					}
				}
				if err != nil {
					f.err = err
					return
				}
			case f.counts <- len(f.warnings):
			case f.now <- beat:
			case f.err = <-watched:
				return
			}
		}
	}()
	return f
}

// stop ends the feed; its warnings are whole then.
func (f *warningFeed) stop() {
	f.cancel()
	<-f.done
}

func (f *warningFeed) opened(ctx context.Context) error {
	select {
	case <-f.first:
		return nil
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// told waits until the feed has told n warnings.
func (f *warningFeed) told(ctx context.Context, n int) error {
	return poll(ctx, f, f.counts, func(have int) bool { return have >= n })
}

// quiet waits for a heartbeat of engine time to or later: what was on the log by
// then has been told.
func (f *warningFeed) quiet(ctx context.Context, to time.Time) error {
	return poll(ctx, f, f.now, func(beat time.Time) bool { return !beat.Before(to) })
}

func poll[T any](ctx context.Context, f *warningFeed, values <-chan T, enough func(T) bool) error {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case v := <-values:
			if enough(v) {
				return nil
			}
		case <-f.done:
			return f.err
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
