package forecastcsv_test

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/internal/forecastcsv"
	"freshet/internal/hydro"
)

func run(t *rapid.T) *hydro.Forecast {
	f := &hydro.Forecast{
		Basin: "b", IssuedAt: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "issued"), 0).UTC(), Step: 5 * time.Minute, BandStep: 10 * time.Minute,
		Notes: []string{"a note, with a comma and \"quotes\"\nand a second line"},
	}
	f.DataCutoff = f.IssuedAt.Add(-5 * time.Minute)
	for _, id := range []string{"a", "b", "c"} {
		s := hydro.StationForecast{Station: id, Datum: hydro.PearlRiver}
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			s.Discharge = append(s.Discharge, rapid.Float64Range(0, 1e5).Draw(t, "flow"))
			s.Level = append(s.Level, rapid.OneOf(rapid.Just(math.NaN()), rapid.Float64Range(-10, 100)).Draw(t, "level"))
		}
		for k := range len(s.Discharge) / 2 {
			b := hydro.BandStep{}
			for q := range b.Level {
				b.Level[q], b.Discharge[q] = float64(10*k+q), float64(100*k+q)
			}
			s.Band = append(s.Band, b)
		}
		f.Stations = append(f.Stations, s)
	}
	return f
}

func read(t *rapid.T, b *bytes.Buffer, header []string) []map[string]string {
	rows, err := csv.NewReader(b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, r := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			if name != header[i] {
				t.Fatalf("column %d is %s", i, name)
			}
			m[name] = r[i]
		}
		out = append(out, m)
	}
	return out
}

func TestEveryValueOfARunIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := run(t)
		var b bytes.Buffer
		if err := forecastcsv.Write(&b, f, func(id string) (string, string) { return "站" + id, "St " + id }); err != nil {
			t.Fatal(err)
		}
		rows := read(t, &b, forecastcsv.Header)
		n := 0
		for _, s := range f.Stations {
			for k := range s.Discharge {
				r := rows[n]
				n++
				at := f.IssuedAt.Add(time.Duration(k+1) * f.Step)
				if r["station"] != s.Station || r["name_zh"] != "站"+s.Station || r["valid_at_utc"] != at.Format(time.DateTime) ||
					r["valid_at_utc8"] != at.Add(8*time.Hour).Format(time.DateTime) || r["lead_min"] != strconv.Itoa(5*(k+1)) || r["datum"] != "PEARL_RIVER" {
					t.Fatalf("%v", r)
				}
				if q, err := strconv.ParseFloat(r["discharge_m3s"], 64); err != nil || q != s.Discharge[k] {
					t.Fatalf("%v, want %g", r, s.Discharge[k])
				}
				z, err := strconv.ParseFloat(r["water_level_m"], 64)
				if known := !math.IsNaN(s.Level[k]); known != (err == nil) || known && z != s.Level[k] || !known && r["water_level_m"] != "" {
					t.Fatalf("%v, want %g", r, s.Level[k])
				}
				q50 := ""
				if k%2 == 1 {
					q50 = strconv.Itoa(100*(k/2) + 3)
				}
				if r["discharge_q50_m3s"] != q50 || r["honesty_en"] != f.HonestyEN() || r["honesty_zh"] != f.HonestyZH() {
					t.Fatalf("%v", r)
				}
			}
		}
		if n != len(rows) {
			t.Fatalf("%d rows, want %d", len(rows), n)
		}
	})
}

func TestRowsInTheFormOfTheStandard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := run(t)
		var b bytes.Buffer
		without, err := forecastcsv.WriteSL323(&b, f, forecastcsv.SL323{Unit: "某局", Plan: "P1", Code: func(id string) (string, bool) {
			return forecastcsv.Code(map[string][]string{"a": {"a", "80300100"}, "b": {"b", "8030"}}[id])
		}})
		if err != nil || len(without) != 2 || without[0] != "b" || without[1] != "c" {
			t.Fatalf("%v, %v", without, err)
		}
		rows := read(t, &b, forecastcsv.HeaderSL323)
		if len(rows) != len(f.Stations[0].Discharge) {
			t.Fatalf("%d rows", len(rows))
		}
		for k, r := range rows {
			at := f.IssuedAt.Add(time.Duration(k+1)*f.Step + 8*time.Hour)
			if r["STCD"] != "80300100" || r["UNITNAME"] != "某局" || r["PLCD"] != "P1" || r["YMDH"] != at.Format(time.DateTime) ||
				r["FYMDH"] != f.IssuedAt.Add(8*time.Hour).Format(time.DateTime) || r["IYMDH"] != f.DataCutoff.Add(8*time.Hour).Format(time.DateTime) {
				t.Fatalf("%v", r)
			}
			if q, err := strconv.ParseFloat(r["Q"], 64); err != nil || math.Abs(q-f.Stations[0].Discharge[k]) > 0.0005001 {
				t.Fatalf("%v, want %g", r, f.Stations[0].Discharge[k])
			}
		}
	})
}
