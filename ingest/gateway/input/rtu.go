package input

import (
	"context"
	"fmt"
	"net"
	"sync"

	"freshet/ingest/sl651"
	"freshet/ingest/sl651/link"
	"freshet/internal/hydro"
)

// RTUOptions say where stations dial in.
type RTUOptions struct {
	Common
	Listen   net.Listener    // closed by Run
	Settings *sl651.Settings // of the stations
	MaxConns int             // 0 means 5000
	HangUp   bool            // tell stations to leave after their report
	Faster   string          // file that keeps how stations that report faster did before; "": not kept
}

// An RTU takes the reports of stations that dial in with SL 651 over TCP. A
// station is answered when its values are safe. While the spool is full it is
// not answered, and keeps its report; so is a station that the settings do not
// know.
type RTU struct {
	o      RTUOptions
	server *link.Server
	pace   *pace
	meter  meter
}

// NewRTU returns an input of stations.
func NewRTU(o RTUOptions) (*RTU, error) {
	if o.Settings == nil || o.Listen == nil {
		return nil, fmt.Errorf("sl651: settings and a listener are needed: %w", hydro.ErrInvalid)
	}
	r := &RTU{o: o}
	var err error
	r.server, err = link.New(link.Options{
		Handle: r.handle, Now: o.Now, Log: o.Logger, MaxConns: o.MaxConns, HangUp: o.HangUp,
		Admit: func(f *sl651.Frame) error {
			err := o.Settings.Admit(f)
			if err != nil {
				r.meter.problem(err.Error())
			}
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	if r.pace, err = newPace(r.server, o.Settings, o.Faster, &r.o.Common); err != nil {
		return nil, err
	}
	return r, nil
}

// ReportFaster takes all of the centre's requests for a faster reporting rate that
// are in force for a department's stations. Those that are connected are told;
// the others when they dial in.
func (r *RTU) ReportFaster(d hydro.Department, asked []Faster) { r.pace.ask(d, asked) }

// Status implements the gateway's inputs.
func (r *RTU) Status() Status {
	s := r.meter.status(&r.o.Common, "sl651")
	if n := r.server.Stats(); s.Error == "" {
		s.State = fmt.Sprintf("%d stations connected", n.Conns)
		if asked, obey := r.pace.counts(); asked > 0 {
			s.State += fmt.Sprintf(", %d of %d asked to report faster do", obey, asked)
		}
	}
	return s
}

// Addr returns where stations dial in.
func (r *RTU) Addr() net.Addr { return r.o.Listen.Addr() }

// Run serves stations until ctx is done.
func (r *RTU) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var pacing sync.WaitGroup
	pacing.Go(func() { r.pace.run(ctx) })
	defer pacing.Wait()
	defer cancel()
	if err := r.server.Serve(ctx, r.o.Listen); err != nil {
		return fmt.Errorf("%s: %w", r.o.Name, err)
	}
	return nil
}

// handle makes a message safe. Its error leaves the station unanswered.
func (r *RTU) handle(ctx context.Context, m link.Message) error {
	r.meter.unit()
	if r.pace.due(m.Station) {
		r.pace.nudge()
	}
	if m.Fault != nil {
		r.problem(fmt.Sprintf("station %s: %v", m.Station, m.Fault))
	}
	report := r.o.Settings.Read(m.Message, m.Received)
	for _, p := range report.Problems {
		r.problem(fmt.Sprintf("station %s: %s", p.Address, p.Message))
	}
	if len(report.Raws) == 0 {
		return nil
	}
	for _, d := range report.Departments() {
		if err := r.o.Put(ctx, d, report.Of(d)); err != nil {
			r.meter.state("stations are not answered", err)
			return err
		}
	}
	r.meter.state("", nil)
	r.meter.safe(len(report.Raws), r.o.Now())
	return nil
}

func (r *RTU) problem(text string) {
	r.meter.problem(text)
	r.o.Logger.Warn("a value of a station", "input", r.o.Name, "problem", text)
}
