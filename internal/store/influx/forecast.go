package influx

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/store"
	"freshet/internal/store/record"
)

const (
	forecastRuns     = "forecast_run"     // one point a run
	forecastStations = "forecast_station" // one point a run and station: everything, in full resolution
	forecasts        = "forecast"         // values at some lead times, for dashboards
	forecastLatest   = "forecast_latest"  // the newest value for each full hour, for dashboards

	// A query for runs reads this many at once, because each is large.
	pageRuns = 8
)

// leads are the values of the tag `lead`, in hours. Few of them, because each
// is a series per station.
var leads = []int{1, 2, 3, 6, 12, 24, 36, 48, 72}

// WriteForecast implements [store.Writer]. The run's own point is the last of
// the request: a run that shows is whole, or its writer is about to repeat it.
func (s *Store) WriteForecast(ctx context.Context, f hydro.Forecast) error {
	if err := store.CheckForecast(&f); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var l line
	for i := range f.Stations {
		appendStationForecast(&l, &f, &f.Stations[i])
		appendDashboard(&l, &f, &f.Stations[i])
		if len(l.b) >= requestBytes {
			if err := s.send(ctx, l.b); err != nil {
				return fmt.Errorf("write forecast of %s: %w", f.Basin, err)
			}
			l.b = l.b[:0]
		}
	}
	appendRun(&l, &f)
	if err := s.send(ctx, l.b); err != nil {
		return fmt.Errorf("write forecast of %s: %w", f.Basin, err)
	}
	return nil
}

func appendRun(l *line, f *hydro.Forecast) {
	l.start(forecastRuns)
	l.tag("basin", f.Basin)
	l.text("trigger", f.Trigger)
	l.text("catalogue", f.Catalogue)
	l.int("stations", int64(len(f.Stations)))
	appendInstant(l, "data_cutoff_ms", f.DataCutoff)
	appendInstant(l, "valid_until_ms", f.ValidUntil)
	l.int("missing_gauges", int64(len(f.MissingGauges)))
	l.text("missing", strings.Join(f.MissingGauges, "; "))
	l.float("rain_coverage", f.RainCoverage)
	l.text("rain_assumed", f.RainAssumed)
	l.text("plan", f.Plan)
	l.text("band_basis", f.BandBasis)
	l.text("notes", strings.Join(f.Notes, "; "))
	l.bool("illustrative", f.Illustrative)
	l.bytes("record", record.AppendForecastHeader(nil, f))
	l.end(f.IssuedAt, 0)
}

func appendStationForecast(l *line, f *hydro.Forecast, station *hydro.StationForecast) {
	l.start(forecastStations)
	l.tag("basin", f.Basin)
	l.tag("station", station.Station)
	l.float("now_level", station.NowLevel)
	l.float("now_discharge", station.NowDischarge)
	l.float("peak_level", station.Peak.Level)
	l.float("peak_discharge", station.Peak.Discharge)
	appendInstant(l, "peak_ms", station.Peak.At)
	l.bool("peak_at_end", station.Peak.AtEnd)
	l.bool("updated", station.Updated)
	l.bool("extrapolated", station.Extrapolated)
	bare := *station
	bare.Discharge, bare.Level, bare.Band = nil, nil, nil
	l.bytes("record", record.AppendStationForecast(nil, &bare))
	l.bytes("discharge", encodeFloats(station.Discharge)) // apart, so that each stays below 64 kB
	l.bytes("level", encodeFloats(station.Level))
	appendBandFields(l, station.Band)
	l.end(f.IssuedAt, 0)
}

// appendDashboard writes the values that dashboards draw. Reads do not need
// them.
func appendDashboard(l *line, f *hydro.Forecast, station *hydro.StationForecast) {
	for _, lead := range leads {
		appendValue(l, f, station, forecasts, time.Duration(lead)*time.Hour, strconv.Itoa(lead))
	}
	// Each full hour of the first twelve, then each third: the same hours from
	// every run, so that a newer run leaves no value of an older one standing.
	for at := f.IssuedAt.Truncate(time.Hour).Add(time.Hour); ; at = at.Add(time.Hour) {
		lead := at.Sub(f.IssuedAt)
		if lead > time.Duration(len(station.Level))*f.Step {
			return
		}
		if lead <= 12*time.Hour || at.Hour()%3 == 0 {
			appendValue(l, f, station, forecastLatest, lead, "")
		}
	}
}

func appendValue(l *line, f *hydro.Forecast, station *hydro.StationForecast, measurement string, lead time.Duration, tag string) {
	level := interpolate(station.NowLevel, station.Level, f.Step, lead)
	discharge := interpolate(station.NowDischarge, station.Discharge, f.Step, lead)
	if math.IsNaN(level) && math.IsNaN(discharge) {
		return
	}
	l.start(measurement)
	l.tag("basin", f.Basin)
	if tag != "" {
		l.tag("lead", tag)
	}
	l.tag("station", station.Station)
	l.float("level", level)
	l.float("discharge", discharge)
	appendInstant(l, "issued_ms", f.IssuedAt)
	appendBandAt(l, f, station, lead)
	l.end(f.IssuedAt.Add(lead), 0)
}

// interpolate returns the value at lead > 0, linear between the values, of
// which number i is at (i+1)·step and now at 0. It is NaN beyond the last.
func interpolate(now float64, values []float64, step, lead time.Duration) float64 {
	if step <= 0 {
		return math.NaN()
	}
	i, rest := int(lead/step), lead%step
	at := func(i int) float64 {
		switch {
		case i == 0:
			return now
		case i > len(values):
			return math.NaN()
		}
		return values[i-1]
	}
	if rest == 0 {
		return at(i)
	}
	share := float64(rest) / float64(step)
	return at(i)*(1-share) + at(i+1)*share
}

func appendInstant(l *line, key string, t time.Time) {
	if !t.IsZero() {
		l.int(key, t.UnixMilli())
	}
}

func encodeFloats(values []float64) []byte {
	b := make([]byte, 0, 8*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func floats(b []byte) ([]float64, error) {
	if len(b)%8 != 0 {
		return nil, fmt.Errorf("%d bytes of values: %w", len(b), record.ErrCorrupt)
	}
	if len(b) == 0 {
		return nil, nil
	}
	values := make([]float64, len(b)/8)
	for i := range values {
		values[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return values, nil
}

// Forecast implements [store.Reader].
func (s *Store) Forecast(ctx context.Context, basin string, issuedAt time.Time) (hydro.Forecast, error) {
	at := time.UnixMilli(issuedAt.UnixMilli())
	for f, err := range s.Forecasts(ctx, basin, at, at.Add(time.Millisecond)) {
		return f, err
	}
	if err := ctx.Err(); err != nil {
		return hydro.Forecast{}, err
	}
	return hydro.Forecast{}, fmt.Errorf("forecast of %s at %s: %w", basin, issuedAt.Format(time.RFC3339), hydro.ErrNotFound)
}

// Forecasts implements [store.Reader]. It reads by pages.
func (s *Store) Forecasts(ctx context.Context, basin string, from, to time.Time) iter.Seq2[hydro.Forecast, error] {
	return func(yield func(hydro.Forecast, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(hydro.Forecast{}, err)
			return
		}
		first, last, ok := store.Range(from, to)
		if !ok || store.CheckName("basin", basin) != nil {
			return
		}
		for first <= last {
			runs, err := s.runs(ctx, basin, first, last)
			if err != nil {
				yield(hydro.Forecast{}, fmt.Errorf("read forecasts of %s: %w", basin, err))
				return
			}
			for _, f := range runs {
				if !yield(f, nil) {
					return
				}
				first = f.IssuedAt.UnixMilli() + 1
			}
			if len(runs) < pageRuns {
				return
			}
		}
	}
}

// runs returns the first runs, whole and ascending, of those issued between two
// milliseconds, both included.
func (s *Store) runs(ctx context.Context, basin string, first, last int64) ([]hydro.Forecast, error) {
	const ms = int64(time.Millisecond)
	var runs []hydro.Forecast
	err := s.ask(ctx, s.selection(forecastRuns, first*ms, last*ms, "basin", basin, "_field", "record")+
		fmt.Sprintf("|> limit(n: %d)\n|> keep(columns: [\"_time\", \"_value\"])", pageRuns),
		func(c columns) error {
			b, err := c.bytes("_value")
			if err != nil {
				return err
			}
			f, err := record.ForecastHeader(b)
			if err != nil {
				return err
			}
			runs = append(runs, f)
			return nil
		})
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	slices.SortFunc(runs, func(a, b hydro.Forecast) int { return a.IssuedAt.Compare(b.IssuedAt) })
	stations, err := s.stations(ctx, basin, runs[0].IssuedAt.UnixMilli(), runs[len(runs)-1].IssuedAt.UnixMilli())
	if err != nil {
		return nil, err
	}
	for _, f := range runs {
		for i := range f.Stations {
			station, ok := stations[stationRun{f.Stations[i].Station, f.IssuedAt.UnixMilli()}]
			if !ok {
				return nil, fmt.Errorf("run at %s: station %s is missing: %w", f.IssuedAt.Format(time.RFC3339), f.Stations[i].Station, hydro.ErrUnavailable)
			}
			f.Stations[i] = station
		}
	}
	return runs, nil
}

type stationRun struct {
	station string
	issued  int64 // ms
}

func (s *Store) stations(ctx context.Context, basin string, first, last int64) (map[stationRun]hydro.StationForecast, error) {
	const ms = int64(time.Millisecond)
	found := make(map[stationRun]hydro.StationForecast)
	err := s.ask(ctx, s.selection(forecastStations, first*ms, last*ms, "basin", basin)+
		`|> filter(fn: (r) => r._field == "record" or r._field == "discharge" or r._field == "level" or
    r._field == "band_discharge" or r._field == "band_level" or r._field == "band_errors" or r._field == "band_extrapolated")
|> keep(columns: ["_time", "_value", "_field", "station"])
|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")`,
		func(c columns) error {
			ns, err := c.ns()
			if err != nil {
				return err
			}
			b, err := c.bytes("record")
			if err != nil {
				return err
			}
			station, err := record.StationForecast(b)
			if err != nil {
				return err
			}
			if b, err = c.bytes("discharge"); err != nil {
				return err
			}
			if station.Discharge, err = floats(b); err != nil {
				return err
			}
			if b, err = c.bytes("level"); err != nil {
				return err
			}
			if station.Level, err = floats(b); err != nil {
				return err
			}
			if station.Band, err = bandOf(c); err != nil {
				return err
			}
			found[stationRun{station.Station, ns / ms}] = station
			return nil
		})
	return found, err
}
