package archive_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/store"
	"freshet/internal/store/archive"
	"freshet/internal/store/memory"
)

func observation(station string, minute int, revision uint32) hydro.Observation {
	at := noon.Add(time.Duration(minute) * time.Minute)
	v := float64(minute) + float64(revision)/100
	return hydro.Observation{
		Reading: hydro.Reading{Key: hydro.Key{Station: station, Variable: hydro.WaterLevel}, At: at, Raw: v, Value: v},
		Quality: hydro.Pass, Revision: revision, ReceivedAt: at,
	}
}

// storm is a log of n outputs: observations with revisions, each seventh a
// forecast, each fifth a warning, each eleventh an audit, which no store takes.
func storm(n int) []hydro.Output {
	var log []hydro.Output
	for i := range n {
		at := noon.Add(time.Duration(i) * time.Minute)
		switch {
		case i%11 == 10:
			log = append(log, hydro.Output{Audit: &hydro.Audit{At: at}})
		case i%7 == 6:
			log = append(log, hydro.Output{Forecast: &hydro.Forecast{Basin: basin, IssuedAt: at, Trigger: fmt.Sprint(i)}})
		case i%5 == 4:
			log = append(log, hydro.Output{Warning: &hydro.Warning{ID: fmt.Sprintf("%s/%d/0", basin, i), Basin: basin, Station: "a", At: at, To: hydro.Red}})
		default:
			log = append(log, hydro.Output{Observations: []hydro.Observation{
				observation("a", i, 0), observation("b", i, 0), observation("a", i/2, 1), observation("b", i/3, uint32(i%4)),
			}})
		}
	}
	return log
}

// A source is a log in memory.
type source struct {
	mu          sync.Mutex
	log         []hydro.Output
	grown       chan struct{} // closed when the log grows
	checkpoints map[string]uint64
	saves       int
	dropped     int          // outputs that the log has dropped, from its start
	fail        func() error // of the next call, if set
}

func newSource(log []hydro.Output) *source {
	return &source{log: log, grown: make(chan struct{}), checkpoints: map[string]uint64{}}
}

func (s *source) append(o ...hydro.Output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, o...)
	close(s.grown)
	s.grown = make(chan struct{})
}

func (s *source) at(i int) (o hydro.Output, behind int, grown chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return o, 0, nil, err
		}
	}
	if i < len(s.log) {
		return s.log[i], len(s.log) - 1 - i, nil, nil
	}
	return o, 0, s.grown, nil
}

func (s *source) Outputs(ctx context.Context, name string, after uint64, kinds ...string) iter.Seq2[journal.Record, error] {
	if name != basin || len(kinds) != 0 {
		panic("unexpected arguments")
	}
	return func(yield func(journal.Record, error) bool) {
		for i := max(int(after), s.dropped); ctx.Err() == nil; {
			o, behind, grown, err := s.at(i)
			if err != nil {
				yield(journal.Record{}, err)
				return
			}
			if grown != nil {
				select {
				case <-grown:
					continue
				case <-ctx.Done():
					return
				}
			}
			i++
			if !yield(journal.Record{Seq: uint64(i), InputSeq: uint64(i), Pending: uint64(behind), Output: o}, nil) {
				return
			}
		}
	}
}

func (s *source) LastOutput(context.Context, string) (journal.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return journal.Position{Seq: uint64(len(s.log))}, nil
}

func (s *source) LoadCheckpoint(_ context.Context, name string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return 0, err
		}
	}
	return s.checkpoints[name], nil
}

func (s *source) SaveCheckpoint(_ context.Context, name string, seq uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if seq < s.checkpoints[name] {
		return errors.New("a checkpoint went back")
	}
	s.checkpoints[name] = seq
	s.saves++
	return nil
}

func (s *source) checkpoint() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checkpoints["archive.memory."+basin]
}

// A faulty store is a memory store whose writes fail as fault says; the writes
// that reach it are listed in order.
type faulty struct {
	*memory.Store
	mu      sync.Mutex
	fault   func(what string) error
	reached []string
}

func newFaulty() *faulty { return &faulty{Store: memory.New()} }

func (f *faulty) try(what string, write func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault != nil {
		if err := f.fault(what); err != nil {
			return err
		}
	}
	if err := write(); err != nil {
		return err
	}
	f.reached = append(f.reached, what)
	return nil
}

func (f *faulty) WriteObservations(ctx context.Context, basin string, os []hydro.Observation) error {
	return f.try(fmt.Sprint("observations ", len(os)), func() error { return f.Store.WriteObservations(ctx, basin, os) })
}

func (f *faulty) WriteForecast(ctx context.Context, fc hydro.Forecast) error {
	return f.try("forecast "+fc.Trigger, func() error { return f.Store.WriteForecast(ctx, fc) })
}

func (f *faulty) WriteWarning(ctx context.Context, w hydro.Warning) error {
	return f.try("warning "+w.ID, func() error { return f.Store.WriteWarning(ctx, w) })
}

func (f *faulty) set(fault func(string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

func contents(t testing.TB, s store.Store) []any {
	t.Helper()
	ctx, from, to := context.Background(), noon.Add(-time.Hour), noon.Add(1000*time.Hour)
	var all []any
	for _, station := range []string{"a", "b"} {
		for o, err := range s.Observations(ctx, hydro.Key{Station: station, Variable: hydro.WaterLevel}, from, to) {
			all = append(all, o, err)
		}
	}
	for f, err := range s.Forecasts(ctx, basin, from, to) {
		all = append(all, f, err)
	}
	for w, err := range s.Warnings(ctx, basin, from, to) {
		all = append(all, w, err)
	}
	return all
}

// ideal is what a store holds after the log without any fault.
func ideal(t testing.TB, log []hydro.Output) []any {
	t.Helper()
	s := memory.New()
	for _, o := range log {
		var err error
		switch {
		case o.Forecast != nil:
			err = s.WriteForecast(context.Background(), *o.Forecast)
		case o.Warning != nil:
			err = s.WriteWarning(context.Background(), *o.Warning)
		default:
			err = s.WriteObservations(context.Background(), basin, o.Observations)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return contents(t, s)
}

func same(t testing.TB, got, want []any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("the store differs (-want +got):\n%.3000s", d)
	}
}

func options() archive.Options {
	return archive.Options{Basin: basin, Store: "memory", BatchObservations: 16, Now: time.Now}
}

// metric returns the value of a metric of the basin, and of the kind if it has
// one.
func metric(t testing.TB, r *prometheus.Registry, name, kind string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			of := ""
			for _, l := range m.GetLabel() {
				if l.GetName() == "kind" {
					of = l.GetValue()
				}
			}
			if f.GetName() == name && of == kind {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s of kind %q", name, kind)
	return 0
}

// start runs an archive until stop is called, which returns its error. Inside a
// synctest bubble only.
func start(t testing.TB, src archive.Source, to store.Writer, o archive.Options) (*archive.Archive, func() error) {
	t.Helper()
	a, err := archive.New(src, to, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	return a, func() error { cancel(); return <-done }
}

func stopped(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v, want context.Canceled", err)
	}
}
