package engine

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"maps"
	"slices"
	"time"

	"freshet/alert"
	"freshet/alert/group"
	"freshet/forecast"
	"freshet/ingest/quality"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/register"
	"freshet/internal/reporting"
)

// snapshotVersion changes when a stored state can no longer be read; the engine
// is then rebuilt from the log.
const snapshotVersion = 12

// A snapshot is the whole state of an engine but its series, which follow it one
// by one: they are nearly all of it, and one message of all of them would be
// copied again and again while it grows. The catalogue travels as its files, so
// that a state needs nothing beside it.
type snapshot struct {
	Version       int
	Basin         string
	Seq           uint64
	Now           time.Time
	Files         []hydro.File
	Series        int // how many follow
	Refusals      []refusal
	RainForecasts []*hydro.RainForecast
	Plans         []hydro.DispatchPlan
	Tides         []hydro.Tide
	ForecastState forecast.State
	AlertState    alert.State
	Conflicts     register.State
	Rates         reporting.State
	Duty          dutyState
	Groups        group.State
	Latest        *hydro.Forecast
	LastRun       time.Time
	Forecasts     uint64
	Watch         watchState
}

// Snapshot returns the engine's state as bytes that Restore reads.
func (e *Engine) Snapshot() ([]byte, error) {
	s := snapshot{
		Version: snapshotVersion, Basin: e.basin, Seq: e.seq, Now: e.now, Series: len(e.series), Refusals: e.refusals,
		ForecastState: e.forecastState, AlertState: e.alertState, Conflicts: e.conflicts, Rates: e.rateState, Duty: e.duty, Groups: e.groupState,
		Latest: e.latest, LastRun: e.lastRun, Forecasts: e.forecasts, Watch: e.watch,
	}
	for _, r := range e.rains {
		s.RainForecasts = append(s.RainForecasts, r.forecast)
	}
	s.Plans, s.Tides = e.plans, e.tides
	if e.cat != nil {
		s.Files = e.cat.Files()
	}
	var b bytes.Buffer
	samples := 0
	for i := range e.series {
		samples += len(e.series[i].History.Samples)
	}
	b.Grow(1<<16 + 128*len(e.series) + 32*samples)
	enc := gob.NewEncoder(&b)
	err := enc.Encode(s)
	for i := 0; i < len(e.series) && err == nil; i++ {
		err = enc.Encode(&e.series[i])
	}
	if err != nil {
		return nil, fmt.Errorf("snapshot of %s: %w", e.basin, err)
	}
	return b.Bytes(), nil
}

// Restore returns the engine whose state Snapshot wrote. The error wraps
// hydro.ErrInvalid if the bytes are of another version or damaged: rebuild the
// engine from the log then. Reading a catalogue takes longer than all the rest:
// known, which may be nil, stands in for it if its files are the same.
func Restore(data []byte, known *catalog.Catalog) (*Engine, error) {
	var s snapshot
	dec := gob.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&s); err != nil {
		return nil, fmt.Errorf("snapshot: %w: %w", err, hydro.ErrInvalid)
	}
	if s.Version != snapshotVersion {
		return nil, fmt.Errorf("snapshot of version %d, this program reads %d: %w", s.Version, snapshotVersion, hydro.ErrInvalid)
	}
	if s.Series < 0 || s.Series > len(data) {
		return nil, fmt.Errorf("snapshot with %d series: %w", s.Series, hydro.ErrInvalid)
	}
	e := New(s.Basin)
	if s.Series > 0 {
		e.series = make([]series, s.Series)
	}
	for i := range e.series {
		if err := dec.Decode(&e.series[i]); err != nil {
			return nil, fmt.Errorf("snapshot: series %d of %d: %w: %w", i+1, s.Series, err, hydro.ErrInvalid)
		}
	}
	e.seq, e.now, e.refusals = s.Seq, s.Now, s.Refusals
	e.forecastState, e.alertState, e.latest, e.lastRun, e.forecasts = s.ForecastState, s.AlertState, s.Latest, s.LastRun, s.Forecasts
	e.conflicts, e.rateState, e.duty, e.groupState, e.watch = s.Conflicts, s.Rates, s.Duty, s.Groups, s.Watch
	if len(s.Files) > 0 {
		cat := known
		if cat == nil || !slices.EqualFunc(cat.Files(), s.Files, func(a, b hydro.File) bool { return a.Name == b.Name && bytes.Equal(a.Data, b.Data) }) {
			var problems []catalog.Problem
			if cat, problems = catalog.Load(s.Files); len(problems) > 0 {
				return nil, fmt.Errorf("snapshot: catalogue: %s: %w", problems[0].Message, hydro.ErrInvalid)
			}
		}
		model, err := forecast.Compile(cat, s.Basin)
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		rules, err := alert.Compile(cat, s.Basin)
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		parts, err := compileDuty(cat, s.Basin)
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		groups, err := group.Compile(cat, s.Basin)
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
		e.cat, e.model, e.rules, e.parts, e.groups = cat, model, rules, parts, groups
		e.register, e.net = register.Compile(cat, s.Basin), quality.NewNetwork(cat, s.Basin)
		e.rates = reporting.Compile(cat, s.Basin)
		for _, f := range s.RainForecasts {
			e.rains = append(e.rains, heldRain{forecast: f})
		}
		e.plans, e.tides = s.Plans, s.Tides
		e.remap()
	}
	for i := range e.series {
		e.index[e.series[i].Key] = i
		if e.cat != nil {
			e.bind(&e.series[i])
		}
	}
	return e, nil
}

// Fork returns an engine that goes its own way from here: what is applied to it
// never shows in e, nor the other way round. It shares what neither changes in
// place (catalogue, model, rules, issued forecasts).
func (e *Engine) Fork() *Engine {
	f := *e
	f.index = maps.Clone(e.index)
	f.refusals = slices.Clone(e.refusals)
	f.rains, f.plans, f.tides = slices.Clone(e.rains), slices.Clone(e.plans), slices.Clone(e.tides)
	f.series = slices.Clone(e.series)
	for i := range f.series {
		f.series[i].History.Samples = slices.Clone(f.series[i].History.Samples)
	}
	f.scratch = scratch{}
	return &f
}
