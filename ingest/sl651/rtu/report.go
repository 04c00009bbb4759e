package rtu

import (
	"time"

	"freshet/ingest/sl651"
)

// due makes the reports that are due and returns how long it is until the next
// one; negative if there will be none.
func (r *RTU) due(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nextAt.IsZero() {
		r.nextAt = now
	}
	for !r.complete() && !r.nextAt.After(now) {
		r.make(sl651.Timer, false)
		r.nextAt = r.nextAt.Add(r.opts.Every)
	}
	every := time.Duration(r.params[sl651.ParamExtra]) * r.opts.Minute
	if every == 0 {
		r.extraAt = time.Time{}
	} else if r.extraAt.IsZero() {
		r.extraAt = now.Add(every)
	}
	for every > 0 && !r.complete() && !r.extraAt.After(now) {
		r.make(sl651.ExtraReport, true)
		r.extraAt = r.extraAt.Add(every)
	}
	if r.complete() {
		return -1
	}
	next := r.nextAt
	if every > 0 && r.extraAt.Before(next) {
		next = r.extraAt
	}
	return max(0, next.Sub(now))
}

func (r *RTU) complete() bool { return r.opts.Reports > 0 && r.made >= r.opts.Reports }

// make puts one report into the queue.
func (r *RTU) make(function sl651.Function, extra bool) {
	clock := r.clock()
	at := clock.Truncate(time.Minute)
	if r.opts.Step > 0 {
		at = r.opts.Start.In(r.opts.Zone).Add(time.Duration(r.made) * r.opts.Step)
	}
	if r.serial++; r.serial == 0 {
		r.serial = 1
	}
	report := Report{Address: r.opts.Address, Function: function, Serial: r.serial, At: at, Values: r.opts.Values(r.made, at), Extra: extra}
	r.made++
	r.counts.Made++
	m := r.message(function, clock)
	m.Serial = r.serial
	m.Groups = r.groups(at, report.Values)
	p := pending{report: report, frames: []sl651.Frame{m.Frame()}}
	if r.opts.PacketSize > 0 {
		if frames, err := m.Split(r.opts.PacketSize); err == nil {
			p.frames = frames
		}
	}
	r.queue = append(r.queue, p)
	if len(r.queue) > r.opts.Backlog {
		r.queue = r.queue[1:]
		r.counts.Dropped++
	}
}

func (r *RTU) message(function sl651.Function, clock time.Time) *sl651.Message {
	return &sl651.Message{
		Mode: r.opts.Mode, Centre: r.opts.Centre, Station: r.opts.Address, Password: r.opts.Password, Function: function, End: sl651.ETX,
		Serial: max(1, r.serial), Sent: sl651.StampOf(clock),
	}
}

// groups writes station, observation time and values. What the standard has no
// form for is left out.
func (r *RTU) groups(at time.Time, values []Value) []sl651.Group {
	out := []sl651.Group{
		sl651.StationGroup(r.opts.Mode, r.opts.Address, r.opts.Class),
		sl651.ObservedGroup(r.opts.Mode, sl651.StampOf(at)),
	}
	for _, v := range values {
		if g, err := sl651.NumberGroup(r.opts.Mode, v.ID, v.Value); err == nil {
			out = append(out, g)
		}
	}
	return out
}

func (r *RTU) keepAlive() *sl651.Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.message(sl651.KeepAlive, r.clock()).Frame()
	return &f
}

func (r *RTU) first() (pending, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return pending{}, false
	}
	return r.queue[0], true
}

func (r *RTU) acknowledged(p pending) {
	r.mu.Lock()
	if len(r.queue) > 0 && r.queue[0].report.Serial == p.report.Serial { // else it was dropped meanwhile
		r.queue = r.queue[1:]
	}
	r.counts.Acked++
	r.mu.Unlock()
	if r.opts.Acked != nil {
		r.opts.Acked(p.report)
	}
}
