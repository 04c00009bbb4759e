// Package input holds the ways in which values come to a gateway: files in a
// folder, lines of the standard input, MQTT, rows of a database, and RTUs that
// dial in with SL 651.
//
// All of them acknowledge to their source only after the gateway's Put has
// returned nil, and keep their source waiting while the spool is full: the file
// stays in its folder, the message is not acknowledged, the RTU is not answered.
package input

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"freshet/ingest/feed"
	"freshet/internal/hydro"
)

// Put makes values safe; see gateway.Gateway.Put.
type Put func(ctx context.Context, d hydro.Department, raws []hydro.Raw) error

// Common is what every input needs.
type Common struct {
	Name   string
	Put    Put
	Now    func() time.Time
	Logger *slog.Logger
}

// chunk is how many values go into one Put.
const chunk = 1000

// keepProblems is how many of the last problems a status shows.
const keepProblems = 20

// A Status is what an input did since the start.
type Status struct {
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`
	State    string    `json:"state"`           // what it is doing, e.g. "waiting"
	Error    string    `json:"error,omitempty"` // why it does not get on, if it does not
	Units    int64     `json:"units"`           // files, lines, messages or queries
	Values   int64     `json:"values"`          // that are safe
	Problems int64     `json:"problems"`        // values and rows that could not be understood
	Last     time.Time `json:"last,omitzero"`   // when values came last
	Recent   []string  `json:"recent_problems,omitempty"`
}

// A meter keeps a Status. Its zero value is ready.
type meter struct {
	mu sync.Mutex
	s  Status
}

func (m *meter) status(c *Common, kind string) Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.s
	s.Name, s.Kind = c.Name, kind
	s.Recent = append([]string(nil), s.Recent...)
	return s
}

func (m *meter) state(state string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.s.State, m.s.Error = state, ""
	if err != nil {
		m.s.Error = err.Error()
	}
}

func (m *meter) unit() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.s.Units++
}

func (m *meter) safe(n int, at time.Time) {
	if n == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.s.Values += int64(n)
	m.s.Last = at
}

func (m *meter) problem(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.s.Problems++
	if len(m.s.Recent) == keepProblems {
		m.s.Recent = append(m.s.Recent[:0], m.s.Recent[1:]...)
	}
	m.s.Recent = append(m.s.Recent, text)
}

// insist puts raws until they are safe or ctx is done: while there is no room,
// whoever brings values waits.
func (c *Common) insist(ctx context.Context, m *meter, d hydro.Department, raws []hydro.Raw) error {
	for try := 0; ; try++ {
		err := c.Put(ctx, d, raws)
		if err == nil {
			m.safe(len(raws), c.Now())
			if try > 0 {
				m.state("running", nil)
			}
			return nil
		}
		if ctx.Err() != nil || !errors.Is(err, hydro.ErrUnavailable) {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		m.state("waiting for room in the spool", err)
		if err := wait(ctx, backoff(try)); err != nil {
			return err
		}
	}
}

// backoff returns how long to wait before another try: from a quarter of a
// second to half a minute, each a fifth more or less.
func backoff(try int) time.Duration {
	d := 30 * time.Second
	if try < 7 {
		d = 250 * time.Millisecond << try
	}
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// department returns the department of a map, which it must name.
func department(m *feed.Map) (hydro.Department, error) {
	if m == nil || m.Department() == 0 {
		return 0, fmt.Errorf("the map names no department: %w", hydro.ErrInvalid)
	}
	return m.Department(), nil
}
