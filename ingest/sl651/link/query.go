package link

import (
	"context"
	"fmt"
	"math"
	"time"

	"freshet/ingest/sl651"
	"freshet/internal/hydro"
)

// Query asks a station that is connected, or commands it, and returns its answer.
// Groups builds what the question carries, in the station's mode; nil: nothing.
// It is sent three times at most. The answer goes to the handler as well, and is
// confirmed to the station.
//
// The error wraps hydro.ErrUnavailable if the station is not connected or does
// not answer.
func (s *Server) Query(ctx context.Context, a sl651.Address, function sl651.Function, groups func(sl651.Mode) ([]sl651.Group, error)) (*sl651.Message, error) {
	s.mu.Lock()
	st := s.stations[a]
	s.mu.Unlock()
	if st == nil {
		return nil, fmt.Errorf("ask station %s: it was never heard: %w", a, hydro.ErrUnavailable)
	}
	st.asking.Lock()
	defer st.asking.Unlock()
	answer := make(chan *sl651.Message, 1)
	st.mu.Lock()
	q := st.head
	st.waiting, st.waitsFor = answer, function
	st.mu.Unlock()
	defer func() {
		st.mu.Lock()
		st.waiting = nil
		st.mu.Unlock()
	}()
	q.Down, q.Function, q.End = true, function, sl651.ENQ
	if groups != nil {
		var err error
		if q.Groups, err = groups(q.Mode); err != nil {
			return nil, fmt.Errorf("ask station %s: %w", a, err)
		}
	}
	for range attempts {
		s.mu.Lock()
		c, gone := st.session, st.gone
		s.mu.Unlock()
		if c == nil {
			return nil, fmt.Errorf("ask station %s: it is not connected: %w", a, hydro.ErrUnavailable)
		}
		q.Sent = c.now() // serial number 0: the centre began
		raw, err := q.Append(nil)
		if err != nil {
			return nil, fmt.Errorf("ask station %s: %w", a, err)
		}
		if err := c.writeFrame(raw); err != nil {
			return nil, fmt.Errorf("ask station %s: %w", a, err)
		}
		timer := time.NewTimer(s.opts.Answer)
		select {
		case m := <-answer:
			timer.Stop()
			return m, nil
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("ask station %s: %w", a, ctx.Err())
		case <-gone: // it may have dialled in anew
			timer.Stop()
		case <-timer.C:
		}
	}
	return nil, fmt.Errorf("ask station %s: no answer to %s after %d times: %w", a, function, attempts, hydro.ErrUnavailable)
}

// SetClock sets a station's clock (4A) to the server's. One that is more than five
// minutes wrong is set twice, as the standard wants it.
func (s *Server) SetClock(ctx context.Context, a sl651.Address) error {
	times := 1
	for _, st := range s.Stations() {
		if st.Address == a && (st.LastSent.IsZero() || st.Skew.Abs() > 5*time.Minute) {
			times = 2
		}
	}
	for range times {
		if _, err := s.Query(ctx, a, sl651.SetClock, nil); err != nil {
			return fmt.Errorf("set the clock: %w", err)
		}
	}
	return nil
}

// Now asks for all present values (37).
func (s *Server) Now(ctx context.Context, a sl651.Address) (*sl651.Message, error) {
	return s.Query(ctx, a, sl651.QueryNow, nil)
}

// Elements asks for the present values of elements (3A).
func (s *Server) Elements(ctx context.Context, a sl651.Address, ids ...sl651.ID) (*sl651.Message, error) {
	return s.Query(ctx, a, sl651.QueryElements, func(mode sl651.Mode) ([]sl651.Group, error) { return sl651.IdentifierGroups(mode, false, ids...) })
}

// Period asks for values of one element from one full hour to another, by the
// station's clock (38). The step is in days, hours or minutes: 'D', 'H' or 'N'.
func (s *Server) Period(ctx context.Context, a sl651.Address, from, to time.Time, unit byte, step int, id sl651.ID) (*sl651.Message, error) {
	return s.Query(ctx, a, sl651.QueryPeriod, func(mode sl651.Mode) ([]sl651.Group, error) {
		return sl651.PeriodGroups(mode, sl651.StampOf(from.In(s.opts.Zone)), sl651.StampOf(to.In(s.opts.Zone)), unit, step, id)
	})
}

// A Parameter is one running parameter and its value.
type Parameter struct {
	ID    sl651.ID
	Value float64
}

// Write sets running parameters (42).
func (s *Server) Write(ctx context.Context, a sl651.Address, parameters ...Parameter) (*sl651.Message, error) {
	return s.Query(ctx, a, sl651.WriteRunning, func(mode sl651.Mode) ([]sl651.Group, error) {
		var out []sl651.Group
		for _, p := range parameters {
			g, err := sl651.ParameterGroup(mode, p.ID, p.Value)
			if err != nil {
				return nil, err
			}
			out = append(out, g)
		}
		return out, nil
	})
}

// Read asks for running parameters (43).
func (s *Server) Read(ctx context.Context, a sl651.Address, ids ...sl651.ID) (*sl651.Message, error) {
	return s.Query(ctx, a, sl651.ReadRunning, func(mode sl651.Mode) ([]sl651.Group, error) { return sl651.IdentifierGroups(mode, true, ids...) })
}

// ReportEvery asks a station to send extra reports (33) at an interval of whole
// minutes, 1 to 59, which it rounds up to; 0 ends it. It returns the interval that
// the station answers with.
func (s *Server) ReportEvery(ctx context.Context, a sl651.Address, every time.Duration) (time.Duration, error) {
	minutes := math.Ceil(every.Minutes())
	if every < 0 || minutes > 59 {
		return 0, fmt.Errorf("report every %s: possible are 1 to 59 minutes, and 0 for never: %w", every, hydro.ErrInvalid)
	}
	m, err := s.Write(ctx, a, Parameter{sl651.ParamExtra, minutes})
	if err != nil {
		return 0, fmt.Errorf("report every %s: %w", every, err)
	}
	got, err := extraOf(m)
	if err != nil {
		return 0, fmt.Errorf("report every %s: station %s %w", every, a, err)
	}
	return got, nil
}

// ExtraEvery asks a station for the interval of its extra reports; 0: it sends none.
func (s *Server) ExtraEvery(ctx context.Context, a sl651.Address) (time.Duration, error) {
	m, err := s.Read(ctx, a, sl651.ParamExtra)
	if err != nil {
		return 0, fmt.Errorf("interval of extra reports: %w", err)
	}
	got, err := extraOf(m)
	if err != nil {
		return 0, fmt.Errorf("interval of extra reports: station %s %w", a, err)
	}
	return got, nil
}

func extraOf(m *sl651.Message) (time.Duration, error) {
	for i := range m.Groups {
		if g := &m.Groups[i]; g.ID == sl651.ParamExtra && g.Form == sl651.Value {
			got, err := g.Number()
			if err != nil {
				return 0, fmt.Errorf("answers with %w", err)
			}
			return time.Duration(got) * time.Minute, nil
		}
	}
	return 0, fmt.Errorf("does not say what it is set to: %w", hydro.ErrUnavailable)
}
