package rtu

import (
	"net"
	"time"

	"freshet/ingest/sl651"
)

// obey answers a question or command of the centre. What it does not know it does
// not answer, as the standard wants it.
func (r *RTU) obey(conn net.Conn, m *sl651.Message) error {
	answer := r.answer(m)
	if answer == nil {
		return nil
	}
	f := answer.Frame()
	return r.write(conn, &f)
}

func (r *RTU) answer(m *sl651.Message) *sl651.Message {
	if m.End != sl651.ENQ || m.Station != r.opts.Address || m.Mode != r.opts.Mode {
		return nil // a late confirmation, or not for this station
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.Function == sl651.SetClock {
		if at, ok := m.Sent.Time(r.opts.Zone); ok {
			r.offset = at.Sub(r.opts.Now())
		}
	}
	clock := r.clock()
	a := r.message(m.Function, clock)
	station := sl651.StationGroup(r.opts.Mode, r.opts.Address, 0)
	at := clock.Truncate(time.Minute)
	values := r.opts.Values(r.made, at)
	switch m.Function {
	case sl651.QueryNow:
		a.Groups = r.groups(at, values)
	case sl651.QueryElements:
		var asked []Value
		for i := range m.Groups {
			for _, v := range values {
				if v.ID == m.Groups[i].ID {
					asked = append(asked, v)
				}
			}
		}
		a.Groups = r.groups(at, asked)
	case sl651.QueryPeriod:
		if a.Groups = r.period(m); a.Groups == nil {
			return nil
		}
	case sl651.WriteRunning:
		a.Groups = append(a.Groups, station)
		for i := range m.Groups {
			g := m.Groups[i]
			v, err := g.Number()
			if err != nil || g.Form != sl651.Value {
				return nil
			}
			r.params[g.ID] = v
			a.Groups = append(a.Groups, g)
		}
	case sl651.ReadRunning:
		a.Groups = append(a.Groups, station)
		for i := range m.Groups {
			if g, err := sl651.ParameterGroup(r.opts.Mode, m.Groups[i].ID, r.params[m.Groups[i].ID]); err == nil {
				a.Groups = append(a.Groups, g)
			}
		}
	case sl651.SetClock, sl651.QueryClock, sl651.ClearMemory, sl651.FactoryReset:
		a.Groups = append(a.Groups, station)
	case sl651.QueryStatus:
		a.Groups = append(a.Groups, station, sl651.StatusGroup(r.opts.Mode, 1<<7))
	case sl651.QueryVersion:
		const version = "freshet rtu"
		a.Groups = append(a.Groups, station, sl651.Group{Form: sl651.Tail, Data: append([]byte{byte(len(version))}, version...)})
	default:
		return nil
	}
	r.counts.Answered++
	return a
}

// period answers a question for values of one element from one hour to another,
// with the values that a report would carry.
func (r *RTU) period(m *sl651.Message) []sl651.Group {
	if len(m.Groups) != 3 || m.Groups[0].Form != sl651.Period || m.Groups[1].Form != sl651.Step {
		return nil
	}
	from, to, ok := m.Groups[0].Hours()
	d, h, n, known := m.Groups[1].Step()
	step := time.Duration(d)*24*time.Hour + time.Duration(h)*time.Hour + time.Duration(n)*time.Minute
	if !ok || !known || step == 0 {
		return nil
	}
	first, ok := from.Time(r.opts.Zone)
	last, sound := to.Time(r.opts.Zone)
	if !ok || !sound {
		return nil
	}
	var values []float64
	id := m.Groups[2].ID
	for at := first; !at.After(last) && len(values) < 500; at = at.Add(step) {
		for _, v := range r.opts.Values(r.made, at) {
			if v.ID == id {
				values = append(values, v.Value)
			}
		}
	}
	unit, count := byte('N'), n
	switch {
	case d > 0:
		unit, count = 'D', d
	case h > 0:
		unit, count = 'H', h
	}
	series, err := sl651.SeriesGroups(r.opts.Mode, id, unit, count, values)
	if err != nil {
		return nil
	}
	return append(r.groups(first, nil), series...)
}
