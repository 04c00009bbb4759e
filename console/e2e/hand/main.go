// Command hand is the stage hand of the console's browser tests: it plays the
// synthetic storm of `freshet demo` through three gateways into a server whose
// clock is driven. It reads a command on each line of its input, e.g.
// {"play": 359}, and answers with one line.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"google.golang.org/grpc"

	"freshet/internal/catalog"
	"freshet/internal/client"
	"freshet/internal/demo/scenario"
	"freshet/internal/hydro"
	"freshet/internal/replay"
	freshetv1 "freshet/proto/freshet/v1"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "hand:", err)
		os.Exit(1)
	}
}

// A command asks for one thing.
type command struct {
	Play    int  `json:"play"`    // play the storm up to this step
	Connect bool `json:"connect"` // connect, or connect anew after a restart of the server
	Silent  bool `json:"silent"`  // from now on no gateway says anything while the clock goes on
	// Hide is a station of hydrology that reports no more; "-": all report again.
	Hide string `json:"hide"`
}

// An answer says where the storm is.
type answer struct {
	Step  int    `json:"step"`
	Now   string `json:"now"`
	Error string `json:"error,omitempty"`
}

// A hand plays one storm.
type hand struct {
	addr, tokens string
	storm        *scenario.Storm
	step         int
	silent       bool
	hidden       string
	conns        []*grpc.ClientConn
	clock        *client.Clock
	gateways     []*client.Gateway
}

func run() error {
	addr := flag.String("grpc", "", "address of the gRPC server")
	folder := flag.String("catalog", "", "folder of the catalogue")
	tokens := flag.String("tokens", "", "folder of the tokens: admin, weather, hydrology, water_resources")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cat, err := catalog.LoadDir(*folder)
	if err != nil {
		return err
	}
	storm, err := scenario.New(cat, 1)
	if err != nil {
		return err
	}
	h := &hand{addr: *addr, tokens: *tokens, storm: storm}
	defer h.close()
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for in.Scan() {
		var c command
		err := json.Unmarshal(in.Bytes(), &c)
		if err == nil {
			err = h.do(ctx, c)
		}
		a := answer{Step: h.step, Now: h.now()}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return in.Err()
}

func (h *hand) do(ctx context.Context, c command) error {
	h.silent = h.silent || c.Silent
	if c.Hide != "" {
		h.hidden = c.Hide
	}
	switch {
	case c.Connect:
		return h.connect(ctx)
	case c.Play > h.storm.Steps():
		return fmt.Errorf("the storm has %d steps: %w", h.storm.Steps(), hydro.ErrInvalid)
	default:
		return replay.Drive(ctx, h.clock, h.steps(c.Play), replay.DriveOptions{Stepped: func(replay.Step) error { h.step++; return nil }})
	}
}

func (h *hand) now() string {
	if h.step == 0 {
		return h.storm.Start().Format("2006-01-02T15:04:05Z")
	}
	return h.storm.Frames(h.step - 1).At.Format("2006-01-02T15:04:05Z")
}

func (h *hand) steps(to int) iter.Seq2[replay.Step, error] {
	return func(yield func(replay.Step, error) bool) {
		for i := h.step; i < to; i++ {
			f := h.storm.Frames(i)
			step := replay.Step{To: f.At}
			hydrology := slices.DeleteFunc(f.Hydrology, func(r *freshetv1.HydrologyReport) bool { return r.GetStation() == h.hidden })
			for d, r := range []client.Reports{{Weather: f.Weather}, {Hydrology: hydrology}, {WaterResources: f.WaterResources}} {
				if r.Len() > 0 && !h.silent {
					step.Frames = append(step.Frames, replay.Frame{Gateway: h.gateways[d], Reports: r})
				}
			}
			if !yield(step, nil) {
				return
			}
		}
	}
}

// connect opens the gateways, each with its own token, and the clock.
func (h *hand) connect(ctx context.Context) error {
	h.close()
	dial := func(who string) (*grpc.ClientConn, error) {
		conn, err := client.Security{TokenFile: filepath.Join(h.tokens, who)}.Dial(h.addr)
		if err == nil {
			h.conns = append(h.conns, conn)
		}
		return conn, err
	}
	conn, err := dial("admin")
	if err != nil {
		return err
	}
	h.clock = client.NewClock(conn, client.Backoff{})
	if h.step == 0 {
		if err := h.clock.Advance(ctx, h.storm.Start()); err != nil {
			return err
		}
	}
	for _, d := range hydro.Departments {
		if conn, err = dial(d.String()); err != nil {
			return err
		}
		g, err := client.Open(ctx, conn, d, "demo-"+d.String(), client.Options{})
		if err != nil {
			return err
		}
		h.gateways = append(h.gateways, g)
	}
	return nil
}

func (h *hand) close() {
	for _, g := range h.gateways {
		g.Close()
	}
	var errs []error
	for _, c := range h.conns {
		errs = append(errs, c.Close())
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, "hand: close:", err)
	}
	h.gateways, h.conns = nil, nil
}
