package feed_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"freshet/ingest/feed"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// base is a sound map that the cases spoil.
const base = `department: hydrology
files:
  - file: "*.csv"
    station: STCD
    time: {column: TM, layout: "2006-01-02 15:04", zone: Asia/Shanghai}
    columns:
      - {column: Z, variable: water_level, unit: m, datum: PEARL_RIVER}
      - {column: P, variable: rain, unit: mm, interval: 1h}
`

func TestMistakesOfAMapAreListedWithTheirPlace(t *testing.T) {
	for name, c := range map[string]struct{ old, with, want string }{
		"an unknown key":                {"station: STCD", "stations: STCD", "map.yaml:4:5: unknown field"},
		"a list for a word":             {"station: STCD", "station: [STCD]", "map.yaml:4:14: one word or number is meant here"},
		"a department":                  {"department: hydrology", "department: water", `map.yaml:1:13: department: "water" is none of weather`},
		"another department's variable": {"department: hydrology", "department: weather", "map.yaml:7:31: files[0].columns[0].variable: reports of the department weather cannot carry water_level"},
		"no station":                    {"    station: STCD\n", "", "files[0].columns[0].station: name the station, or for the whole file the column that names it"},
		"a long station":                {"column: Z,", "column: Z, station: " + strings.Repeat("a", 65) + ",", "at most 64 characters"},
		"a broken glob":                 {`"*.csv"`, `"[.csv"`, "map.yaml:3:11: files[0].file"},
		"a format":                      {"station: STCD", "station: STCD\n    format: xlsx", `map.yaml:5:13: files[0].format: "xlsx" is none of csv, json, jsonl`},
		"an encoding":                   {"station: STCD", "station: STCD\n    encoding: big5", `"big5" is none of utf-8, gbk, gb18030`},
		"a delimiter of JSON":           {"station: STCD", "station: STCD\n    format: json\n    delimiter: ;", "files[0].delimiter: format: json has no delimiter"},
		"rows of CSV":                   {"station: STCD", "station: STCD\n    rows: data", "files[0].rows: only format: json"},
		"a decimal mark":                {"station: STCD", "station: STCD\n    decimal: \"'\"", "files[0].decimal"},
		"two meanings of a comma":       {"station: STCD", "station: STCD\n    decimal: \",\"\n    delimiter: \",\"", "the comma is the delimiter already"},
		"two meanings of a mark":        {"station: STCD", "station: STCD\n    comment: \",\"", "is the delimiter"},
		"too much skipped":              {"station: STCD", "station: STCD\n    skip: 1001", "1001 is not 0 to 1000 lines"},
		"names without a header":        {"station: STCD", "station: 1\n    header: false", `columns are named by their number, from 1: "TM" is none`},
		"a filter of nothing":           {"station: STCD", "station: STCD\n    where: {A: []}", `files[0].where: name the values of the column "A"`},
		"two ways to the time":          {"column: TM", "column: TM, columns: [A, B]", "files[0].time.columns: name one column or several, not both"},
		"no column of the time":         {"column: TM, ", "", "files[0].time.column: name the column"},
		"an abbreviated zone":           {"15:04\", zone", "15:04 MST\", zone", "CST is one of China and one of America"},
		"a zone twice":                  {"2006-01-02 15:04", "2006-01-02 15:04Z07:00", "files[0].time.zone: the layout carries the zone"},
		"no zone":                       {", zone: Asia/Shanghai", "", "files[0].time.zone: state the zone of the times"},
		"dates of hourly rain":          {"2006-01-02 15:04", "2006-01-02", "has no time of day"},
		"stamps":                        {"zone: Asia/Shanghai", "zone: Asia/Shanghai, stamps: middle", "neither end nor start"},
		"no unit":                       {", unit: m,", ",", "map.yaml:7:9: files[0].columns[0].unit: state the unit of water_level: one of cm, ft, m, mm"},
		"a datum twice":                 {"datum: PEARL_RIVER", "datum: PEARL_RIVER, datum_from: {column: D}", "state the datum or the column that tells it, not both"},
		"no datum":                      {", datum: PEARL_RIVER", "", "state the datum of the levels"},
		"a datum of rain":               {"interval: 1h", "interval: 1h, datum: X", "rain has no datum"},
		"a long datum":                  {"PEARL_RIVER", strings.Repeat("a", 41), "at most 40 characters"},
		"no interval":                   {", interval: 1h", "", "state the interval of the rain, 1m to 24h"},
		"an interval of a level":        {"datum: PEARL_RIVER", "datum: PEARL_RIVER, interval: 1h", "water_level has no interval"},
		"no notation":                   {"interval: 1h", "interval_from: {column: INTV}", "state how it writes intervals: one of HH.mm, seconds, minutes, hours, ISO 8601"},
		"a notation":                    {"interval: 1h", "interval_from: {column: INTV, notation: HH:mm}", "interval_from.notation"},
		"a day and an interval":         {"interval: 1h", `interval: 24h, day: {ends: "08:00", zone: Asia/Shanghai}`, "state no other interval"},
		"a day without an end":          {"interval: 1h", "day: {zone: Asia/Shanghai}", "state when the day ends"},
		"a day without a zone":          {"interval: 1h", `day: {ends: "08:00"}`, "day.zone: state the zone of the day's end"},
		"two sensors":                   {"interval: 1h", "interval: 1h, sensor: 1, sensor_from: NO", "state the number or the column that tells it, not both"},
		"a wrong sensor":                {"interval: 1h", "interval: 1h, sensor: 256", "256 is not 0 to 255"},
		"no codes":                      {"interval: 1h", "interval: 1h, quality: {column: Q}", "name the column of the codes"},
		"a series twice":                {"interval: 1h}", "interval: 1h}\n      - {column: P2, variable: rain, unit: mm, interval: 1h}", "map.yaml:9:9: files[0].columns[2]: rain is already the series of *.csv, column P"},
		"a day beside its hours":        {"interval: 1h}", "interval: 1h}\n      - {column: P2, variable: rain, unit: mm, day: {ends: \"08:00\", zone: Asia/Shanghai}, where: {A: [1]}}", "the same rain would count twice"},
		"shapes without names":          {"  - file: \"*.csv\"\n    station: STCD", "  - {file: a, station: s, time: {column: t, layout: unix}, columns: [{column: q, variable: discharge, unit: m3/s}]}\n  - station: STCD", "files[1].file: name the file, or a glob such as *-level.csv: there are several shapes"},
	} {
		if strings.Count(base, c.old) != 1 && c.old != "PEARL_RIVER" {
			t.Fatalf("%s: %q is there %d times", name, c.old, strings.Count(base, c.old))
		}
		_, err := feed.Parse("map.yaml", []byte(strings.Replace(base, c.old, c.with, 1)))
		if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
	if _, err := feed.Parse("map.yaml", []byte(strings.NewReplacer("unit: m,", "unit: x,", "unit: mm", "unit: y", "Asia/Shanghai", "z").Replace(base))); err == nil || !strings.HasPrefix(err.Error(), "map: 3 problems\nmap.yaml:5:58: ") {
		t.Errorf("%v", err)
	}
}

func TestAGateNeedsItsNumber(t *testing.T) {
	text := "department: water_resources\nfiles: [{station: s, time: {column: t, layout: unix}, columns: [{column: e, variable: gate_opening, unit: m}]}]"
	if _, err := feed.Parse("map.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "state the number of the gate") {
		t.Errorf("%v", err)
	}
	m := parse(t, strings.Replace(text, "unit: m", "unit: m, sensor_from: NO", 1))
	same(t, m, "s,t,e,NO\na,1780272000,1.5,2\na,1780272000,1.5,\na,1780272000,1.5,0\na,1780272000,1.5,256\n",
		"2 a gate_opening/2 1.5 2026-06-01T00:00Z",
		`3:14 sensor_unreadable e: the number in NO is "", which is not 1 to 255: which one is meant is not known`,
		`4:14 sensor_unreadable e: the number in NO is "0", which is not 1 to 255: which one is meant is not known`,
		`5:14 sensor_unreadable e: the number in NO is "256", which is not 1 to 255: which one is meant is not known`)
}

func TestAMapIsCheckedAgainstACatalogueOnItsOwn(t *testing.T) {
	cat, err := catalog.LoadDir("../../deploy/catalog/tanjiang")
	if err != nil {
		t.Fatal(err)
	}
	const text = `files:
  - time: {column: t, layout: unix}
    columns:
      - {column: a, station: h-enping, variable: water_level, unit: m, datum: PEARL_RIVER}
      - {column: b, station: EX80A102, variable: water_level, unit: m, datum: PEARL_RIVER}
      - {column: c, station: h-huangbutou, variable: rain, unit: mm, interval: 1h}
      - {column: d, station: w-datian, variable: rain, unit: mm, interval: 1h}
`
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"of any department": {text, []string{`map.yaml:5:30: files[0].columns[1].station: "EX80A102" is no station of the catalogue tanjiang`, "map.yaml:6:54: files[0].columns[2].variable: the catalogue's station h-huangbutou does not measure rain"}},
		"of one":            {"department: hydrology\n" + text, []string{"map.yaml:7:54: files[0].columns[2].variable", "map.yaml:8:30: files[0].columns[3].station: w-datian belongs to the department weather"}},
	} {
		err := parse(t, c.text).Check(cat)
		var mistakes feed.Mistakes
		if !errors.As(err, &mistakes) || len(mistakes) != len(c.want) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v; want %q", name, err, w)
			}
		}
	}
}

func TestClocksThatAreChangedAreNotGuessedAt(t *testing.T) {
	m := parse(t, `files: [{station: s, time: {column: t, layout: "2006-01-02 15:04", zone: Europe/Berlin}, columns: [{column: q, variable: discharge, unit: m3/s}]}]`)
	same(t, m, "s,t,q\na,2026-03-29 01:59,1\na,2026-03-29 02:30,2\na,2026-03-29 03:00,3\na,2026-10-25 02:30,4\na,2026-10-25 03:00,5\n",
		"2 a discharge 1 2026-03-29T00:59Z",
		`3:3 time_unreadable time "2026-03-29 02:30" does not exist in Europe/Berlin: clocks were put forward over it`,
		"4 a discharge 3 2026-03-29T01:00Z",
		`5:3 time_unreadable time "2026-10-25 02:30" is there twice in Europe/Berlin, as clocks were put back: which one is meant cannot be told; have the times written in UTC`,
		"6 a discharge 5 2026-10-25T02:00Z")
}

func FuzzParse(f *testing.F) {
	f.Add(base)
	f.Add(river)
	f.Add("step: 5m\nfiles: [{file: a, time: {column: t, layout: unix}, columns: [{column: a, datums: {1: x}, quality: {take: [~]}}]}]")
	f.Add("files: &a [*a]")
	f.Add("files: [{missing: [NULL, null, ~, .nan, 0x1F, 01], where: {~: [NULL]}}]\n---\nfiles: 1")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := feed.Parse("map.yaml", []byte(text))
		if err != nil {
			if !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("%v", err)
			}
			return
		}
		if len(m.Files) == 0 || m.Step <= 0 {
			t.Errorf("%+v", m)
		}
		for i := range m.Files {
			r := m.Files[i].Record(1, func(string) (string, bool) { return "1", true })
			if r.Line != 1 {
				t.Errorf("%+v", r)
			}
		}
	})
}

// shapes are maps whose files are fuzzed.
var shapes = []string{
	"files: [{station: s, time: {column: t, layout: unix}, missing: [NULL], trace: [T], columns: [{column: z, variable: water_level, unit: cm, datum_from: {column: d}}, {column: p, variable: rain, unit: mm, interval_from: {column: i, notation: HH.mm}}]}]",
	`files: [{encoding: gbk, decimal: ",", comment: "#", skip: 1, station: s, time: {columns: [t, d], layout: "2006-01-02 15", zone: Europe/Berlin, stamps: start}, columns: [{column: p, variable: rain, unit: in, interval_from: {column: i, notation: ISO 8601}, quality: {column: z, take: [0]}}]}]`,
	"files: [{header: false, station: 1, time: {column: 2, layout: unix_ms}, columns: [{column: 3, variable: gate_opening, sensor_from: 4, unit: ft}]}]",
	`files: [{format: json, rows: d.r, station: s, time: {column: t, layout: "20060102", zone: Asia/Shanghai}, columns: [{column: p.0.v, variable: rain, unit: 0.1 mm, day: {ends: "08:00", zone: Asia/Shanghai}}]}]`,
	"files: [{format: jsonl, station: s, time: {column: t, layout: unix}, columns: [{column: z, variable: storage, unit: 1e4 m3}]}]",
}

func FuzzRead(f *testing.F) {
	var maps []*feed.Map
	for i, text := range shapes {
		maps = append(maps, parse(f, text))
		for _, data := range []string{
			"s,t,z,d,p,i\na,1780272000,-9999,X,T,0.05\na,1780272000,1,X,2,1.00\n,,,,,\n\"a",
			"#\ns;t;d;p;i;z\na;2026-10-25;2;1,5;PT1H;0\n# x\n",
			"a,1,1.5,2\nb\n",
			`{"x":[[1,{}]],"d":{"r":[{"s":"a","t":"20260601","p":[{"v":30125}]},{},1,null]}}`,
			"{\"s\":1,\"t\":1780272000,\"z\":\"1e3\"}\nnull\n",
		} {
			f.Add(uint8(i), []byte(data))
		}
	}
	f.Fuzz(func(t *testing.T, shape uint8, data []byte) {
		m, line := maps[int(shape)%len(maps)], 0
		_ = m.Read(strings.NewReader(string(data)), func(r feed.Row) error {
			if r.Line < line {
				t.Errorf("row %d after %d", r.Line, line)
			}
			line = r.Line
			for _, raw := range r.Raws {
				if raw.Station == "" || len(raw.Station) > 4*64 || raw.Variable == 0 || raw.Interval < 0 || raw.Interval%time.Second != 0 || raw.At.Location() != time.UTC {
					t.Errorf("%+v", raw)
				}
			}
			for _, p := range r.Problems {
				if p.Message == "" || p.Reason == "" {
					t.Errorf("%+v", p)
				}
			}
			return nil
		})
	})
}
