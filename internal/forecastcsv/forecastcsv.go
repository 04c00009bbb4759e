// Package forecastcsv writes forecasts as tables that other departments' systems and
// spreadsheets read: a row for each station and step. docs/formats/forecast-csv.md
// describes the columns.
package forecastcsv

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"time"

	"freshet/internal/hydro"
)

// Header is the first line of Write. Units are in the names.
var Header = []string{
	"basin", "issued_at_utc", "valid_at_utc", "valid_at_utc8", "lead_min", "station", "name_zh", "name_en",
	"water_level_m", "datum", "discharge_m3s", "water_level_q10_m", "water_level_q50_m", "water_level_q90_m",
	"discharge_q10_m3s", "discharge_q50_m3s", "discharge_q90_m3s", "updated", "extrapolated", "catalogue",
	"data_cutoff_utc", "valid_until_utc", "illustrative", "honesty_zh", "honesty_en",
}

// Names returns a station's names.
type Names func(station string) (zh, en string)

// beijing is the time of the standard's tables.
var beijing = time.FixedZone("UTC+8", 8*3600)

const layout = "2006-01-02 15:04:05" // that spreadsheets read as a time

func instant(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format(layout)
}

// number is x to its last digit; what is not known is empty, never 0.
func number(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return ""
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// quantiles 10, 50 and 90 % of a band.
var shown = [3]int{1, 3, 5}

// Write writes a run: stations in the run's order, steps ascending.
func Write(w io.Writer, f *hydro.Forecast, names Names) error {
	c := csv.NewWriter(w)
	_ = c.Write(Header) // an error stays and is read below
	head := []string{f.Basin, instant(f.IssuedAt, time.UTC)}
	tail := []string{
		f.Catalogue, instant(f.DataCutoff, time.UTC), instant(f.ValidUntil, time.UTC), strconv.FormatBool(f.Illustrative), f.HonestyZH(), f.HonestyEN(),
	}
	for i := range f.Stations {
		s := &f.Stations[i]
		zh, en := names(s.Station)
		for k := range s.Discharge {
			lead := time.Duration(k+1) * f.Step
			at := f.IssuedAt.Add(lead)
			row := append(append([]string{}, head...), instant(at, time.UTC), instant(at, beijing), strconv.FormatInt(int64(lead/time.Minute), 10), s.Station, zh, en,
				number(s.Level[k]), string(s.Datum), number(s.Discharge[k]))
			row = append(row, band(f, s, lead)...)
			_ = c.Write(append(append(row, strconv.FormatBool(s.Updated), strconv.FormatBool(s.Extrapolated)), tail...))
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("forecast as CSV: %w", err)
	}
	return nil
}

// band returns the shown quantiles at a lead, empty where the band has no step.
func band(f *hydro.Forecast, s *hydro.StationForecast, lead time.Duration) []string {
	out := make([]string, 6)
	if f.BandStep <= 0 || lead%f.BandStep != 0 || int(lead/f.BandStep) > len(s.Band) {
		return out
	}
	b := &s.Band[lead/f.BandStep-1]
	for i, q := range shown {
		out[i], out[i+3] = number(b.Level[q]), number(b.Discharge[q])
	}
	return out
}

// HeaderSL323 is the first line of WriteSL323.
var HeaderSL323 = []string{"STCD", "UNITNAME", "PLCD", "FYMDH", "IYMDH", "YMDH", "Z", "Q"}

// SL323 says what rows in the form of ST_FORECAST_F need and a run does not hold.
type SL323 struct {
	Unit string // UNITNAME, who forecasts
	Plan string // PLCD, the forecast scheme
	// Code returns the station's code, STCD.
	Code func(station string) (string, bool)
}

var stcd = regexp.MustCompile(`^[0-9A-Z]{8}$`)

// Code returns the first of a station's names that has the form of an STCD, eight
// digits or capital letters.
func Code(names []string) (string, bool) {
	for _, n := range names {
		if stcd.MatchString(n) {
			return n, true
		}
	}
	return "", false
}

// WriteSL323 writes a run in the form of ST_FORECAST_F, times in Beijing time, levels
// to 0.001 m, flows to 0.001 m³/s. Stations without a code cannot be rows: they are
// returned, ascending.
func WriteSL323(w io.Writer, f *hydro.Forecast, o SL323) (without []string, err error) {
	c := csv.NewWriter(w)
	_ = c.Write(HeaderSL323) // an error stays and is read below
	fixed := func(x float64) string {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return ""
		}
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
	for i := range f.Stations {
		s := &f.Stations[i]
		code, ok := o.Code(s.Station)
		if !ok {
			without = append(without, s.Station)
			continue
		}
		for k := range s.Discharge {
			at := f.IssuedAt.Add(time.Duration(k+1) * f.Step)
			_ = c.Write([]string{code, o.Unit, o.Plan, instant(f.IssuedAt, beijing), instant(f.DataCutoff, beijing), instant(at, beijing), fixed(s.Level[k]), fixed(s.Discharge[k])})
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return nil, fmt.Errorf("forecast as ST_FORECAST_F: %w", err)
	}
	return without, nil
}
