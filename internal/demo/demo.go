// Package demo plays the synthetic Dragon Boat storm through a whole server:
// embedded log and store, three simulated gateways over real gRPC, the warning
// feed, and a view of it all for people or a line per event for machines.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/demo/scenario"
	"freshet/internal/hydro"
	"freshet/internal/replay"
	"freshet/internal/termui"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// Options steer a demo.
type Options struct {
	App   app.Options // catalogue, addresses and store; log and clock are the demo's
	Speed float64     // seconds of engine time per second; 0 as fast as it goes
	Steps int         // stop after this many steps; 0 plays the whole storm
	Seed  uint64      // of the storm
	JSON  bool        // a line per event instead of the view
	Lang  termui.Lang // of the view
	Out   io.Writer   // where view or lines go
	Now   func() time.Time
	Data  string // keeps log and store in this folder; "": a temporary one that is removed
	// Stepped is called after each step with its time, which engine time then is; nil:
	// nothing.
	Stepped func(context.Context, *app.App, time.Time) error
	// Done is called when the storm is over, while the server still runs; nil: nothing.
	Done func(context.Context, *app.App) error
}

// A player is one run of the demo.
type player struct {
	opts     Options
	app      *app.App
	storm    *scenario.Storm
	basin    string
	started  time.Time
	gateways []*client.Gateway
	feed     feed
	view     *view  // nil with JSON
	lines    *lines // nil without
}

// Run plays the storm and returns what came of it. It needs nothing but a
// folder for temporary files.
func Run(ctx context.Context, opts Options) (_ Summary, err error) {
	dir := opts.Data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "freshet-demo-"); err != nil {
			return Summary{}, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	opts.App.Data, opts.App.Clock = dir, "driven"
	if opts.App.Logger == nil {
		opts.App.Logger = slog.New(slog.DiscardHandler) // the screen is the view's
	}
	a, err := app.Start(ctx, opts.App)
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.WaitReady(ctx); err != nil {
		return Summary{}, err
	}
	if err := tellAddress(opts, a); err != nil {
		return Summary{}, err
	}
	storm, err := scenario.New(a.Catalog(), opts.Seed)
	if err != nil {
		return Summary{}, err
	}
	p := &player{opts: opts, app: a, storm: storm, basin: a.Catalog().Basins[0].ID, started: opts.Now()}
	return p.run(ctx)
}

// tellAddress says at once where to look, before the view or the events begin.
func tellAddress(opts Options, a *app.App) error {
	url := "http://" + a.HTTPAddr()
	if opts.JSON {
		return json.NewEncoder(opts.Out).Encode(struct {
			Type    string `json:"type"`
			Console string `json:"console"`
			GRPC    string `json:"grpc"`
		}{"serving", url, a.GRPCAddr()})
	}
	_, err := fmt.Fprintf(opts.Out, "%sconsole: %s\n", opts.Lang.Pick("值班台 ", ""), url)
	return err
}

func (p *player) run(ctx context.Context) (_ Summary, err error) {
	conn, err := client.Dial(p.app.GRPCAddr())
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if p.opts.JSON {
		p.lines = newLines(p.opts.Out, p)
	} else {
		p.view = newView(p.opts.Out, p)
		defer func() { err = errors.Join(err, p.view.close()) }()
	}

	watching, stop := context.WithCancel(ctx)
	defer stop()
	var g errgroup.Group
	g.Go(func() error { return p.watch(watching, conn) })
	err = p.play(ctx, conn)
	var s Summary
	if err == nil {
		s, err = p.summarise(ctx)
	}
	if err == nil && p.opts.Done != nil {
		err = p.opts.Done(ctx, p.app)
	}
	stop()
	if werr := g.Wait(); werr != nil && !errors.Is(werr, context.Canceled) {
		err = errors.Join(err, fmt.Errorf("warning feed: %w", werr))
	}
	if err == nil && p.lines != nil {
		err = p.lines.summary(s)
	}
	return s, err
}

// watch takes the warnings from the feed, as an officer's screen would.
func (p *player) watch(ctx context.Context, conn grpc.ClientConnInterface) error {
	return client.Watch(ctx, conn, client.WatchOptions{FromStart: true}, func(r *freshetv1.WatchWarningsResponse) error {
		w, err := wire.ToWarning(r.GetWarning())
		if err != nil {
			return err
		}
		if p.lines != nil {
			if err := p.lines.warning(w); err != nil {
				return err
			}
		}
		p.feed.add(w) // whoever waits for it finds its line written
		return nil
	})
}

// play sends the storm through three gateways, one for each department.
func (p *player) play(ctx context.Context, conn grpc.ClientConnInterface) error {
	clock := client.NewClock(conn, client.Backoff{})
	if err := clock.Advance(ctx, p.storm.Start()); err != nil {
		return err
	}
	for _, d := range hydro.Departments {
		opts := client.Options{}
		if p.lines != nil {
			opts.Rejected = p.lines.rejected
		}
		g, err := client.Open(ctx, conn, d, "demo-"+d.String(), opts)
		if err != nil {
			return err
		}
		defer g.Close()
		p.gateways = append(p.gateways, g)
	}
	opts := replay.DriveOptions{Speed: p.opts.Speed, Now: p.opts.Now, Stepped: func(s replay.Step) error { return p.stepped(ctx, s) }}
	return replay.Drive(ctx, clock, p.steps(), opts)
}

func (p *player) steps() iter.Seq2[replay.Step, error] {
	return func(yield func(replay.Step, error) bool) {
		for i := range p.total() {
			f := p.storm.Frames(i)
			var frames []replay.Frame
			for d, r := range []client.Reports{{Weather: f.Weather}, {Hydrology: f.Hydrology}, {WaterResources: f.WaterResources}} {
				if r.Len() > 0 {
					frames = append(frames, replay.Frame{Gateway: p.gateways[d], Reports: r})
				}
			}
			if !yield(replay.Step{To: f.At, Frames: frames}, nil) {
				return
			}
		}
	}
}

func (p *player) total() int {
	n := p.storm.Steps()
	if p.opts.Steps > 0 {
		n = min(n, p.opts.Steps)
	}
	return n
}

func (p *player) stepped(ctx context.Context, s replay.Step) error {
	if p.opts.Stepped != nil {
		if err := p.opts.Stepped(ctx, p.app, s.To); err != nil {
			return err
		}
	}
	if p.lines != nil {
		return p.lines.step(s.To)
	}
	return p.view.draw(s.To)
}

// stats sums up the gateways.
func (p *player) stats() client.Stats {
	var sum client.Stats
	for _, g := range p.gateways {
		sum = sum.Add(g.Stats())
	}
	return sum
}
