package engine

import (
	"cmp"
	"math"
	"slices"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// explainedReadings is how many observations of a series an explanation shows, the
// latest ones, and explainedSince how far back: as far as a dwell or a rain window
// of some hours.
const (
	explainedReadings = 40
	explainedSince    = 3 * time.Hour
)

// Explain says why w was given. It must be called right after the input that gave
// w was applied. It is computed from the engine's state alone, so that a replay of
// the log says the same.
func (e *Engine) Explain(w hydro.Warning) hydro.Explanation {
	x := hydro.Explanation{Warning: w, InputSeq: e.seq, Illustrative: w.Illustrative}
	if e.cat == nil || !e.rules.Explain(&x, e.alertBefore, e.alertState, w.Station) {
		return x // it has left the catalogue
	}
	st, _ := e.cat.Station(w.Station)
	if t, ok := e.cat.StageTable(w.Station, e.now); ok {
		x.HasTable, x.TableFrom, x.TableDatum, x.TableSource = true, t.ValidFrom.UTC(), t.Datum, t.Source
		if p := t.Profile; p != nil {
			x.TableProfile = p.NameEN + ": " + p.Source
			if p.Unverified != "" {
				x.TableProfile += "; not verified: " + p.Unverified
			}
		}
		if add, ok := e.rules.Offset(w.Station, t.Datum); ok {
			for i := range x.Quantities {
				if q := &x.Quantities[i]; q.Variable == hydro.WaterLevel && q.Basis == hydro.Itself {
					for k := range q.Steps {
						q.Steps[k].Given = given(t, q, &q.Steps[k], add)
					}
				}
			}
		}
	}
	for _, p := range st.Parameters {
		x.Readings = e.explainSeries(x.Readings, st, hydro.Key{Station: st.ID, Variable: p.Variable, Sensor: p.Sensor})
		if p.Variable == hydro.RainCounter {
			x.Readings = e.explainSeries(x.Readings, st, hydro.Key{Station: st.ID, Variable: hydro.Rain, Sensor: p.Sensor})
		}
	}
	if r, ok := e.refusal(st.ID); ok {
		x.Refusal = &r
	}
	if f := e.latest; f != nil {
		run := &hydro.ExplainedRun{
			IssuedAt: f.IssuedAt.UTC(), ValidUntil: f.ValidUntil.UTC(), Valid: f.ValidUntil.After(e.now), Trigger: f.Trigger,
			Counted: f.IssuedAt.Equal(e.alertState.Run), RainAssumed: f.RainAssumed, Plan: f.Plan, RainCoverage: f.RainCoverage,
			MissingGauges: f.MissingGauges, Notes: f.Notes, HonestyZH: f.HonestyZH(), HonestyEN: f.HonestyEN(),
		}
		i, found := slices.BinarySearchFunc(f.Stations, w.Station, func(s hydro.StationForecast, id string) int { return cmp.Compare(s.Station, id) })
		if found {
			run.Station = &f.Stations[i]
		}
		x.Run = run
	}
	return x
}

// given returns a level threshold as its table has it: add was added to it.
func given(t *catalog.StageTable, q *hydro.ExplainedQuantity, s *hydro.ExplainedStep, add float64) float64 {
	best, off := s.Threshold-add, math.Inf(1)
	for _, th := range t.Thresholds { // the number itself, without a rounding of the sum
		if d := math.Abs(th.Value + add - s.Threshold); th.Stage == s.Stage && th.Variable == q.Variable && d < off {
			best, off = th.Value, d
		}
	}
	return best
}

// explainSeries adds the latest observations of a series.
func (e *Engine) explainSeries(out []hydro.ExplainedReading, st *catalog.Station, k hydro.Key) []hydro.ExplainedReading {
	i, ok := e.index[k]
	if !ok {
		return out
	}
	s := &e.series[i]
	samples := s.History.Between(e.now.Add(-explainedSince).UnixMilli(), e.now.UnixMilli())
	if last, ok := s.History.Last(); ok && len(samples) == 0 { // the one that was seen last
		samples = []hydro.Sample{last}
	}
	samples = samples[max(0, len(samples)-explainedReadings):]
	for _, x := range samples {
		r := hydro.ExplainedReading{
			Observation: hydro.Observation{
				Reading: hydro.Reading{
					Key: k, At: x.Time(), Interval: time.Duration(x.Interval) * time.Second, Raw: x.Raw, Value: x.Value,
					Notes: x.Tests & (hydro.NoteTrace | hydro.NoteDatumConverted),
				},
				Quality: x.Quality, Tests: x.Tests, Ran: x.Ran, Failed: x.Failed, Revision: x.Revision, ReceivedAt: time.UnixMilli(x.Received).UTC(),
			},
			Usable: x.Quality.Usable(),
		}
		if k.Variable == hydro.Rain || k.Variable == hydro.RainCounter {
			r.Usable = hydro.RainCounts(x.Quality, x.Tests)
		}
		if s.WhyAt == x.At {
			r.Why = s.Why
		}
		if k.Variable == hydro.WaterLevel {
			r.Datum = s.Datum
			if x.Tests&hydro.NoteDatumConverted != 0 {
				r.ReportedDatum, r.Added, r.AddedSource = reported(st, x.Value-x.Raw)
			}
		}
		out = append(out, r)
	}
	return out
}

// reported finds the datum for which a station declares the offset that was added.
func reported(st *catalog.Station, added float64) (datum hydro.Datum, add float64, source string) {
	add = added
	off := math.Inf(1)
	for _, o := range st.Datum.Accepts {
		if d := math.Abs(o.Add - added); d < off && d < 1e-6 {
			datum, add, source, off = o.From, o.Add, o.Source, d
		}
	}
	return datum, add, source
}
