package input

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"freshet/ingest/sl651"
	"freshet/ingest/sl651/link"
	"freshet/internal/hydro"
)

// A Faster is the centre's request that a station report faster 加报.
type Faster struct {
	Names []string      // the station's: the centre's id and the department's codes
	Every time.Duration // between reports, at most
	Until time.Time     // not to be obeyed from then on, unless it is renewed
}

const (
	fasterEvery    = 2 * time.Second  // between looks at requests that have run out
	fasterAtOnce   = 16               // stations that are told at the same time
	firstFasterTry = 30 * time.Second // until a station that did not answer is told again, twice as long each time
	lastFasterTry  = 30 * time.Minute
	longestExtra   = 59 * time.Minute // that the parameter can hold
)

// A pace makes stations report as often as the centre asks, by parameter 21 of SL
// 651, and gives them back what they had when it asks no more. What a station had
// is on the disk before it is changed, so that a gateway that was killed meanwhile
// gives it back all the same.
type pace struct {
	server   *link.Server
	settings *sl651.Settings
	file     string // "": nothing is kept
	common   *Common
	wake     chan struct{}

	mu    sync.Mutex
	asked map[hydro.Department][]Faster
	told  map[string]told // by address
	tries map[string]try
}

// told is what a station was told, in minutes between extra reports; 0 is none.
type told struct {
	Minutes int  `json:"minutes"`
	Before  int  `json:"before"` // the station's own
	Obeys   bool `json:"obeys"`  // it has answered with Minutes
	restore bool // it is to have Before again
}

type try struct {
	wait time.Duration
	next time.Time
}

func newPace(server *link.Server, settings *sl651.Settings, file string, common *Common) (*pace, error) {
	p := &pace{
		server: server, settings: settings, file: file, common: common, wake: make(chan struct{}, 1),
		asked: map[hydro.Department][]Faster{}, told: map[string]told{}, tries: map[string]try{},
	}
	if file == "" {
		return p, nil
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &p.told)
	}
	if err != nil {
		return nil, fmt.Errorf("what stations were told of their reporting rate cannot be read; move %s away, and see that no station reports faster for ever: %w", file, err)
	}
	return p, nil
}

// ask takes all requests that are in force for a department's stations.
func (p *pace) ask(d hydro.Department, asked []Faster) {
	p.mu.Lock()
	p.asked[d] = slices.Clone(asked)
	p.mu.Unlock()
	p.nudge()
}

// nudge has the stations looked at soon.
func (p *pace) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// counts returns how many stations are asked, and how many of them obey.
func (p *pace) counts() (asked, obey int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.told {
		if !t.restore {
			asked++
			if t.Obeys {
				obey++
			}
		}
	}
	return asked, obey
}

// run tells stations until ctx is done.
func (p *pace) run(ctx context.Context) {
	t := time.NewTicker(fasterEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-t.C:
		}
		var g errgroup.Group
		g.SetLimit(fasterAtOnce)
		for _, st := range p.server.Stations() {
			if !st.Connected || !p.due(st.Address) {
				continue
			}
			g.Go(func() error {
				p.tell(ctx, st.Address)
				return nil
			})
		}
		_ = g.Wait() // what fails is logged and tried again
	}
}

// wanted returns the minutes that a station is asked for, 0 if it is not.
func (p *pace) wanted(a sl651.Address) int {
	st, ok := p.settings.Of(a)
	if !ok {
		return 0
	}
	name, now := st.NameOf(a), p.common.Now()
	for _, f := range p.asked[st.Department] {
		if f.Every > 0 && f.Until.After(now) && slices.Contains(f.Names, name) {
			return int(math.Ceil(min(f.Every, longestExtra).Minutes()))
		}
	}
	return 0
}

// due reports whether a station is to be told something now.
func (p *pace) due(a sl651.Address) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	want := p.wanted(a)
	was, known := p.told[a.String()]
	if want == 0 && !known || known && !was.restore && was.Obeys && was.Minutes == want {
		return false
	}
	return !p.common.Now().Before(p.tries[a.String()].next)
}

// tell has a station report as it is asked to, or as it did before.
func (p *pace) tell(ctx context.Context, a sl651.Address) {
	err := p.change(ctx, a)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.tries, a.String())
		return
	}
	t := p.tries[a.String()]
	t.wait = min(max(2*t.wait, firstFasterTry), lastFasterTry)
	t.next = p.common.Now().Add(t.wait)
	p.tries[a.String()] = t
	if ctx.Err() == nil {
		p.common.Logger.Warn("a station was not told how fast to report, trying again", "input", p.common.Name, "station", a, "wait", t.wait, "err", err)
	}
}

func (p *pace) change(ctx context.Context, a sl651.Address) error {
	id := a.String()
	p.mu.Lock()
	want := p.wanted(a)
	t, known := p.told[id]
	p.mu.Unlock()
	if !known {
		before, err := p.server.ExtraEvery(ctx, a)
		if err != nil {
			return err
		}
		t.Before = int(before.Minutes())
	}
	t.Obeys, t.restore = false, want == 0
	if t.Minutes = want; want == 0 || t.Before > 0 && t.Before < want {
		t.Minutes = t.Before
	}
	if err := p.remember(id, &t); err != nil {
		return err
	}
	got, err := p.server.ReportEvery(ctx, a, time.Duration(t.Minutes)*time.Minute)
	if err != nil {
		return err
	}
	if got != time.Duration(t.Minutes)*time.Minute {
		return fmt.Errorf("station %s was told to report every %d minutes and answers with %s: %w", a, t.Minutes, got, hydro.ErrInvalid)
	}
	p.common.Logger.Info("a station was told how fast to report", "input", p.common.Name, "station", a, "minutes", t.Minutes, "asked", want > 0)
	if want == 0 {
		return p.remember(id, nil)
	}
	t.Minutes, t.Obeys = want, true
	return p.remember(id, &t)
}

// remember keeps what a station was told; nil: that it has its own again.
func (p *pace) remember(id string, t *told) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t == nil {
		delete(p.told, id)
	} else {
		p.told[id] = *t
	}
	if p.file == "" {
		return nil
	}
	data, err := json.Marshal(p.told)
	if err == nil {
		err = os.WriteFile(p.file+".tmp", data, 0o600)
	}
	if err == nil {
		err = os.Rename(p.file+".tmp", p.file)
	}
	if err != nil {
		return fmt.Errorf("what station %s was told: %w", id, err)
	}
	return nil
}
