package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/replay"
	freshetv1 "freshet/proto/freshet/v1"
)

const deploy = "../../deploy/catalog/"

func load(t testing.TB, name string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.LoadDir(deploy + name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// write puts files into a new folder.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestShippedMapsAreSound(t *testing.T) {
	for _, name := range []string{"lower_colorado", "upper_calder"} {
		data, err := os.ReadFile(deploy + name + "/replay/map.yaml")
		if err != nil {
			t.Fatal(err)
		}
		cat := load(t, name)
		m, err := replay.ParseMap("map.yaml", data, cat)
		if err != nil {
			t.Fatal(err)
		}
		columns := 0
		for _, f := range m.Files {
			columns += len(f.Columns)
		}
		parameters := 0
		for _, s := range cat.Stations {
			parameters += len(s.Parameters)
		}
		if columns != parameters || m.Step != 5*time.Minute {
			t.Errorf("%s: %d columns for %d series", name, columns, parameters)
		}
	}
}

const good = `
files:
  - file: a.csv
    time: {column: t, layout: "2006-01-02 15:04", zone: "+08:00"}
    missing: [NaN, "-999"]
    columns:
      - {column: h, station: bastrop, variable: water_level, unit: cm, datum: STATION}
      - {column: q, station: bastrop, variable: discharge, unit: m3/s}
`

func TestRecordedFilesBecomeReadings(t *testing.T) {
	m, err := replay.ParseMap("map.yaml", []byte(good), load(t, "lower_colorado"))
	if err != nil {
		t.Fatal(err)
	}
	dir := write(t, map[string]string{"a.csv": "\xef\xbb\xbft,q,h,other\n" +
		"2020-06-01 08:05,25.5,-999,x\n" +
		"2020-06-01 08:00, 25 ,96,\n" +
		"2020-06-01 08:10,NaN,\"97\",\n"})
	d, err := replay.Read(dir, m)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2020, 6, 1, 0, 0, 0, 0, time.UTC)
	reading := func(min int, v hydro.Variable, x float64) replay.Reading {
		r := replay.Reading{
			Key: hydro.Key{Station: "bastrop", Variable: v}, Department: hydro.Hydrology, At: at.Add(time.Duration(min) * time.Minute), Value: x,
		}
		if v == hydro.WaterLevel {
			r.Datum = hydro.StationDatum
		}
		return r
	}
	want := []replay.Reading{
		reading(0, hydro.WaterLevel, 0.96), reading(0, hydro.Discharge, 25), reading(5, hydro.Discharge, 25.5), reading(10, hydro.WaterLevel, 0.97),
	}
	if diff := cmp.Diff(want, d.Readings); diff != "" || d.Missing != 2 {
		t.Errorf("missing %d\n%s", d.Missing, diff)
	}
	r := replay.Reports(hydro.Hydrology, d.Readings)
	if len(r.Hydrology) != 3 || r.Readings() != 4 {
		t.Fatalf("%v", r.Hydrology)
	}
	first := r.Hydrology[0]
	if first.GetWaterLevel() != 0.96 || first.GetDischarge() != 25 || first.GetDatum() != "STATION" || first.GetObservedAt().GetUnixMs() != at.UnixMilli() {
		t.Errorf("%v", first)
	}
}

func TestMistakesOfAMapAreListedWithTheirPlace(t *testing.T) {
	cat := load(t, "lower_colorado")
	for name, c := range map[string]struct{ text, want string }{
		"an unknown key":   {strings.Replace(good, "missing:", "mising:", 1), "map.yaml:5:5: unknown field"},
		"no YAML":          {"files: [", "map.yaml:1:"},
		"no file":          {"step: 5m\n", "files: name at least one file"},
		"a long step":      {"step: 1h" + good, "map.yaml:1:7: step: must be 1s to 10m"},
		"no zone":          {strings.Replace(good, `, zone: "+08:00"`, "", 1), "map.yaml:4:11: files[0].time.zone: state the zone"},
		"a wrong zone":     {strings.Replace(good, "+08:00", "Nowhere", 1), "files[0].time.zone"},
		"a layout":         {strings.Replace(good, "2006-01-02 15:04", "yyyy-mm-dd", 1), "map.yaml:4:31: files[0].time.layout"},
		"12 h clocks":      {strings.Replace(good, "15:04", "03:04", 1), "files[0].time.layout"},
		"a station":        {strings.Replace(good, "station: bastrop, variable: discharge", "station: austin, variable: discharge", 1), `map.yaml:8:30: files[0].columns[1].station: "austin" is no station`},
		"a variable":       {strings.Replace(good, "variable: discharge", "variable: flow", 1), `map.yaml:8:49: files[0].columns[1].variable: "flow" is no variable`},
		"a series":         {strings.Replace(good, "variable: discharge, unit: m3/s", "variable: rain, unit: mm, interval: 1h", 1), "does not measure rain"},
		"no unit":          {strings.Replace(good, "unit: cm, ", "", 1), "files[0].columns[0].unit: state the unit of water_level: one of cm, ft, m, mm"},
		"a foreign unit":   {strings.Replace(good, "unit: cm", "unit: m3/s", 1), "map.yaml:7:68: files[0].columns[0].unit"},
		"no datum":         {strings.Replace(good, ", datum: STATION", "", 1), "state the datum"},
		"a needless datum": {strings.Replace(good, "unit: m3/s", "unit: m3/s, datum: STATION", 1), "discharge has no datum"},
		"a series twice":   {good + "      - {column: z, station: bastrop, variable: discharge, unit: l/s}\n", "map.yaml:9:9: files[0].columns[2]: bastrop/discharge is already the series of a.csv, column q"},
		"a wrong sensor":   {strings.Replace(good, "unit: m3/s", "unit: m3/s, sensor: 300", 1), "300 is not 0 to 255"},
		"a delimiter":      {strings.Replace(good, "missing:", "delimiter: ab\n    missing:", 1), `"ab" is not one character`},
	} {
		_, err := replay.ParseMap("map.yaml", []byte(c.text), cat)
		if err == nil || !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	// All at once.
	_, err := replay.ParseMap("map.yaml", []byte(strings.NewReplacer("unit: cm", "unit: x", "unit: m3/s", "unit: y", "+08:00", "z").Replace(good)), cat)
	var problems replay.Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Errorf("%v", err)
	}
}

func TestMistakesOfTheDataAreListedWithTheirPlace(t *testing.T) {
	m, err := replay.ParseMap("map.yaml", []byte(good), load(t, "lower_colorado"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		kind error
		want []string
	}{
		"cells":           {"t,h,q\n2020-06-01 08:00,1,2\n2020-06-01 08:05,one,+Inf\n1 June,1,2\n", hydro.ErrInvalid, []string{`a.csv:3:18: h: "one"`, `a.csv:3:22: q: "+Inf"`, `a.csv:4:1: time "1 June"`}},
		"a short row":     {"t,h,q\n2020-06-01 08:00,1\n", hydro.ErrInvalid, []string{"a.csv:2:1: wrong number of fields"}},
		"a column":        {"t,h\n", hydro.ErrInvalid, []string{`a.csv:1:1: there is no column "q"`}},
		"an empty file":   {"", hydro.ErrInvalid, []string{"a.csv: is empty"}},
		"nothing but gap": {"t,h,q\n2020-06-01 08:00,,\n", hydro.ErrInvalid, []string{"no reading"}},
	} {
		_, err := replay.Read(write(t, map[string]string{"a.csv": c.text}), m)
		if !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v; want %q", name, err, w)
			}
		}
	}
	if _, err := replay.Read(t.TempDir(), m); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("no file: %v", err)
	}
}

func TestTimesInOtherForms(t *testing.T) {
	cat := load(t, "upper_calder")
	for name, c := range map[string]struct{ time, cell, zone string }{
		"unix":               {"layout: unix", "1755302400", ""},
		"unix_ms":            {"layout: unix_ms", "1755302400000", ""},
		"with its zone":      {`layout: "2006-01-02T15:04:05Z07:00"`, "2025-08-16T08:00:00+08:00", ""},
		"summer in a region": {`layout: "02.01.2006 15:04", zone: Europe/London`, "16.08.2025 01:00", ""},
	} {
		m, err := replay.ParseMap("map.yaml", []byte("files:\n  - file: '*.csv'\n    delimiter: ';'\n    time: {column: at, stamps: start, "+c.time+
			"}\n    columns: [{column: r, station: bacup, variable: rain, unit: in, interval: 15m}]\n"), cat)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d, err := replay.Read(write(t, map[string]string{"x.csv": "at;r\n" + c.cell + ";0.1\n"}), m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := time.Date(2025, 8, 16, 0, 15, 0, 0, time.UTC) // the end of the interval
		if r := d.Readings[0]; !r.At.Equal(want) || r.Interval != 15*time.Minute || r.Value < 2.539 || r.Value > 2.541 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestReportsOfEveryDepartmentCarryEveryVariable(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	reading := func(d hydro.Department, v hydro.Variable, sensor uint8, x float64) replay.Reading {
		return replay.Reading{Key: hydro.Key{Station: "s", Variable: v, Sensor: sensor}, Department: d, At: at, Value: x, Interval: map[bool]time.Duration{true: time.Hour}[v.Amount()]}
	}
	readings := []replay.Reading{
		reading(hydro.Weather, hydro.Rain, 0, 1),
		reading(hydro.Hydrology, hydro.WaterLevel, 0, 2), reading(hydro.Hydrology, hydro.Discharge, 0, 3), reading(hydro.Hydrology, hydro.Rain, 0, 4), reading(hydro.Hydrology, hydro.RainCounter, 0, 5),
		reading(hydro.Hydrology, hydro.PanEvaporation, 0, 5.5),
		reading(hydro.Hydrology, hydro.WaterLevel, 0, 2.5), // of the same instant: a revision, so another report
		reading(hydro.WaterResources, hydro.WaterLevel, 0, 6), reading(hydro.WaterResources, hydro.Storage, 0, 7), reading(hydro.WaterResources, hydro.Inflow, 0, 8),
		reading(hydro.WaterResources, hydro.Outflow, 0, 9), reading(hydro.WaterResources, hydro.GateOpening, 1, 10), reading(hydro.WaterResources, hydro.GateOpening, 2, 11),
	}
	w := replay.Reports(hydro.Weather, readings).Weather
	if len(w) != 1 || w[0].GetRain() != 1 || w[0].GetIntervalS() != 3600 || w[0].GetRainUnit() != freshetv1.RainUnit_RAIN_UNIT_MM {
		t.Errorf("%v", w)
	}
	h := replay.Reports(hydro.Hydrology, readings).Hydrology
	if len(h) != 2 || h[0].GetWaterLevel() != 2 || h[0].GetDischarge() != 3 || h[0].GetRain() != 4 || h[0].GetRainIntervalS() != 3600 || h[0].GetRainCounter() != 5 ||
		h[0].GetPanEvaporation() != 5.5 || h[0].GetPanIntervalS() != 3600 || h[1].GetWaterLevel() != 2.5 {
		t.Errorf("%v", h)
	}
	r := replay.Reports(hydro.WaterResources, readings).WaterResources
	if len(r) != 1 || r[0].GetReservoirLevel() != 6 || r[0].GetStorage() != 7 || r[0].GetStorageUnit() != freshetv1.StorageUnit_STORAGE_UNIT_MILLION_M3 ||
		r[0].GetInflow() != 8 || r[0].GetOutflow() != 9 || len(r[0].GetGates()) != 2 {
		t.Errorf("%v", r)
	}
}

func FuzzParseMapNeverPanicsAndFailsWithPlaces(f *testing.F) {
	f.Add(good)
	f.Add("step: 5m\nfiles: [{file: a, time: {column: t, layout: unix}, columns: [{column: a}]}]")
	f.Add("files: &a [*a]")
	cat := load(f, "lower_colorado")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := replay.ParseMap("map.yaml", []byte(text), cat)
		switch {
		case err != nil && !errors.Is(err, hydro.ErrInvalid):
			t.Errorf("%v", err)
		case err == nil && (len(m.Files) == 0 || m.Step <= 0):
			t.Errorf("%+v", m)
		}
	})
}
