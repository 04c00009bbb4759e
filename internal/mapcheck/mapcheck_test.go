package mapcheck_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/ingest/feed"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/mapcheck"
)

var now = time.Date(2026, 6, 1, 4, 0, 0, 0, time.UTC) // 12:00 Beijing time

func tanjiang(t testing.TB) *catalog.Catalog {
	t.Helper()
	cat, err := catalog.LoadDir("../../deploy/catalog/tanjiang")
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// check runs a sample through a map of one shape.
func check(t *testing.T, cat *catalog.Catalog, text, sample string) *mapcheck.Report {
	t.Helper()
	m, err := feed.ParseFor("map.yaml", []byte(text), cat)
	if err != nil {
		t.Fatal(err)
	}
	r, err := mapcheck.Check(m, &m.Files[0], strings.NewReader(sample), mapcheck.Options{Catalog: cat, Rows: 3, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func table(department, zone, columns string) string {
	return fmt.Sprintf("department: %s\nfiles: [{station: s, missing: [NULL], time: {column: t, layout: \"2006-01-02 15:04\", zone: %q}, columns: [%s]}]", department, zone, columns)
}

const (
	level   = "{column: z, variable: water_level, unit: m, datum: PEARL_RIVER}"
	storage = "{column: w, variable: storage, unit: 1e6 m3}"
)

// steps writes a row every so often, ending at 12:00 Beijing time.
func steps(header, station string, every time.Duration, zone *time.Location, values ...string) string {
	var b strings.Builder
	if header != "" {
		b.WriteString(header + "\n")
	}
	for i, v := range values {
		at := now.Add(-every * time.Duration(len(values)-1-i))
		fmt.Fprintf(&b, "%s,%s,%s\n", station, at.In(zone).Format("2006-01-02 15:04"), v)
	}
	return b.String()
}

func TestWhatLooksWrongIsSaid(t *testing.T) {
	beijing := time.FixedZone("", 8*3600)
	for _, c := range []struct {
		name, text, sample, kind, says string
	}{
		{"Beijing time read as UTC", table("hydrology", "UTC", level), steps("s,t,z", "EX80A101", 5*time.Minute, beijing, "5.1", "5.2", "5.3"), "future", "Beijing time read as UTC"},
		{"UTC read as Beijing time", table("hydrology", "Asia/Shanghai", level), steps("s,t,z", "EX80A101", 5*time.Minute, time.UTC, "5.1", "5.2", "5.3"), "late", "UTC read as Beijing time"},
		{
			"one station in another zone", table("hydrology", "Asia/Shanghai", level),
			steps("s,t,z", "EX80A101", time.Hour, beijing, "5.1", "5.2") + steps("", "EX80A102", time.Hour, beijing, "4") + steps("", "EX80A103", time.Hour, beijing, "3") + steps("", "EX80A104", time.Hour, time.UTC, "2"),
			"zone", "h-changsha: the newest stamps are 8 h",
		},
		{"feet for metres", table("hydrology", "+08:00", level), steps("s,t,z", "EX80A101", 5*time.Minute, beijing, "17.1", "17.2", "17.4"), "unit", "would be inside if they were in ft"},
		{"centimetres for metres", table("hydrology", "+08:00", level), steps("s,t,z", "EX80A101", 5*time.Minute, beijing, "521", "522", "524"), "unit", "would be inside if they were in cm"},
		{"millimetres for metres, without a range", table("hydrology", "+08:00", level), steps("s,t,z", "EX80A101", 5*time.Minute, beijing, "5210", "5220", "5240"), "unit", "would be inside if they were in mm"},
		{"another station's level", table("hydrology", "+08:00", level), steps("s,t,z", "EX80A101", 5*time.Minute, beijing, "-1", "-1.1", "-1.2"), "range", "outside the stations' ranges"},
		{"10^4 for 10^6 m3", table("water_resources", "+08:00", storage), steps("s,t,w", "EXRR401", time.Hour, beijing, "22490", "22560", "22600"), "unit", "would be inside if they were in 1e4 m3"},
		{"a volume that does not fit its level", table("water_resources", "+08:00", level+", "+storage), steps("s,t,z,w", "EXRR401", time.Hour, beijing, "85.75,112", "85.8,113", "85.9,114"), "curve", "0.501 times that of the level"},
		{"tenths of a millimetre", table("weather", "+08:00", "{column: p, variable: rain, unit: mm, interval: 1h}"), steps("s,t,p", "EXG1001", time.Hour, beijing, "125", "8", "0", "44", "61", "3", "90"), "tenths", "is the unit 0.1 mm?"},
		{"more rain than can fall", table("weather", "+08:00", "{column: p, variable: rain, unit: mm, interval: 5m}"), steps("s,t,p", "EXG1001", 5*time.Minute, beijing, "301", "8", "0"), "large", "more rain than can fall"},
		{"rain as a running total", table("weather", "+08:00", "{column: p, variable: rain, unit: mm, interval: 1h}"), steps("s,t,p", "EXG1001", 5*time.Minute, beijing, "1.5", "2", "2.5"), "overlap", "a row every 5 min, each over 1 h"},
		{"one value for ever", table("hydrology", "+08:00", level), steps("s,t,z", "EX80A101", 5*time.Minute, beijing, "5.1", "5.1", "5.1", "5.1", "5.1", "5.1"), "equal", "all 6 values of z are 5.1"},
		{"NULL written as 0", table("hydrology", "+08:00", "{column: q, variable: discharge, unit: m3/s}"), steps("s,t,q", "EX80A101", 5*time.Minute, beijing, "0", "0", "0", "0", "0", "0"), "equal", "is NULL written as 0?"},
		{"a datum that is not the station's", table("hydrology", "+08:00", "{column: z, variable: water_level, unit: m, datum: NATIONAL_1985}"), steps("s,t,z", "EX80A101", 5*time.Minute, beijing, "6.1"), "datum", "h-enping: the map states the datum NATIONAL_1985, the station's is PEARL_RIVER"},
		{"a column that is never filled", table("hydrology", "+08:00", level+", {column: q, variable: discharge, unit: m3/s}"), steps("s,t,z,q", "EX80A101", 5*time.Minute, beijing, "5.1,", "5.2,NULL"), "empty", "the column q (discharge) has no value"},
		{"rows for nobody", table("hydrology", "+08:00", "{column: z, where: {e: [Z]}, variable: water_level, unit: m, datum: PEARL_RIVER}"), steps("s,t,z,e", "EX80A101", 5*time.Minute, beijing, "5.1,Z", "5.2,z"), "unclaimed", "1 rows belong to no column"},
		{"two gates in one", table("water_resources", "+08:00", "{column: e, variable: gate_opening, sensor: 1, unit: m}"), "s,t,e\nEXDD501,2026-06-01 12:00,1.5\nEXDD501,2026-06-01 12:00,1.2\n", "twice", "has another value"},
		{"nobody's data", strings.Replace(table("hydrology", "+08:00", level), "department: hydrology\n", "", 1), steps("s,t,z", "h-enping", 5*time.Minute, beijing, "5.1"), "department", "the map states no department"},
		{"a sample of the past", table("hydrology", "+08:00", level), "s,t,z\nEX80A101,2025-06-01 12:00,5.1\nEX80A101,2025-06-01 12:05,5.1\n", "old", "--now 2025-06-01T12:05:00+08:00"},
	} {
		r := check(t, tanjiang(t), c.text, c.sample)
		i := slices.IndexFunc(r.Suspicions, func(s mapcheck.Suspicion) bool { return s.Kind == c.kind })
		if i < 0 || !strings.Contains(r.Suspicions[i].EN, c.says) || r.Suspicions[i].ZH == "" || r.OK() {
			t.Errorf("%s: %+v", c.name, r.Suspicions)
		}
		if len(r.Suspicions) > 1 {
			t.Errorf("%s: said besides: %+v", c.name, r.Suspicions)
		}
	}
}

func TestASoundSampleIsNotSuspected(t *testing.T) {
	beijing := time.FixedZone("", 8*3600)
	r := check(t, tanjiang(t), table("hydrology", "+08:00", level+", {column: p, variable: rain, unit: mm, interval: 5m}"),
		steps("s,t,z,p", "EX80A101", 5*time.Minute, beijing, "5.1,0", "5.1,0", "5.1,0", "5.2,0.5", "5.3,12", "5.5,20", "5.9,NULL"))
	if !r.OK() || r.Accepted != 13 || r.NotReported != 1 || r.Rows != 7 || len(r.Shown) != 6 || !r.To.Equal(now) {
		t.Errorf("%+v", r)
	}
}

func TestRefusalsAreTheServersOwn(t *testing.T) {
	cat := tanjiang(t)
	r := check(t, cat, table("hydrology", "+08:00", "{column: z, variable: water_level, unit: m, datum: PEARL_RIVER}"),
		"s,t,z\nEX80A101,2026-06-01 12:00,5.1\nEX80A106,2026-06-01 12:00,5\nNOWHERE,2026-06-01 12:00,5\nEX80A101,2026-01-01 12:00,5\nEX80A101,2026-06-01 12:00,-9999\nEX80A101,2026-06-01 12:00,x\nNOWHERE,2026-06-01 12:05,5\n")
	got := map[string]int{}
	for _, c := range r.Reasons {
		got[c.Reason] = c.Count
		if c.First.EN == "" || c.First.ZH == "" {
			t.Errorf("%+v", c)
		}
	}
	want := map[string]int{"datum_mismatch": 1, "unknown_station": 2, "time_too_old": 1, "missing_value": 1, "not_a_number": 1}
	if fmt.Sprint(got) != fmt.Sprint(want) || r.Accepted != 1 || r.Refused != 5 || r.NotReported != 1 || r.Reasons[0].Reason != "unknown_station" {
		t.Errorf("%v, %+v", got, r)
	}
	// Without a catalogue only the values are judged.
	r = check(t, nil, table("hydrology", "+08:00", level), "s,t,z\nNOWHERE,2026-06-01 12:00,5\nNOWHERE,2026-06-01 12:00,9999.999\nNOWHERE,2026-06-01 12:00,12000\n")
	if r.Accepted != 1 || r.NotReported != 1 || r.Refused != 1 || r.Shown[2].Reason != "value_impossible" {
		t.Errorf("%+v", r)
	}
}

func TestAShapeIsFoundByTheSamplesName(t *testing.T) {
	const one = "{file: '%s', station: s, time: {column: t, layout: unix}, columns: [{column: q, variable: discharge, unit: m3/s}]}"
	m, err := feed.Parse("map.yaml", []byte("files: ["+fmt.Sprintf(one, "a*")+", "+fmt.Sprintf(one, "b*")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	if f, err := mapcheck.Shape(m, "b.csv"); err != nil || f != &m.Files[1] {
		t.Errorf("%v, %v", f, err)
	}
	if _, err := mapcheck.Shape(m, "c.csv"); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("%v", err)
	}
	m.Files = m.Files[:1]
	if f, err := mapcheck.Shape(m, "c.csv"); err != nil || f != &m.Files[0] {
		t.Errorf("the only one: %v, %v", f, err)
	}
}

func TestEveryReasonHasItsChinese(t *testing.T) {
	var reasons []string
	for _, r := range feed.Reasons {
		reasons = append(reasons, string(r))
	}
	for _, r := range hydro.RefusalReasons() {
		reasons = append(reasons, r.String())
	}
	for _, r := range reasons {
		if mapcheck.ReasonZH(r) == r {
			t.Errorf("%s has none", r)
		}
	}
}

func TestRecordedFilesAreNotSuspected(t *testing.T) {
	for _, c := range []struct {
		catalogue, data, sample string
		now                     time.Time
		rows                    int
	}{
		{"lower_colorado", "lower_colorado_chain", "lower_colorado_5min_20200601_0619.csv", time.Date(2020, 6, 20, 0, 0, 0, 0, time.UTC), 5328},
		{"upper_calder", "upper_calder_network", "Bacup-rainfall-15min.csv", time.Date(2025, 9, 13, 16, 5, 0, 0, time.UTC), 2748},
		{"upper_calder", "upper_calder_network", "Todmorden-Callis-Bridge-level-15min.csv", time.Date(2025, 9, 13, 16, 5, 0, 0, time.UTC), 2743},
	} {
		cat, err := catalog.LoadDir("../../deploy/catalog/" + c.catalogue)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile("../../deploy/catalog/" + c.catalogue + "/replay/map.yaml")
		if err != nil {
			t.Fatal(err)
		}
		m, err := feed.ParseFor("map.yaml", text, cat)
		if err != nil {
			t.Fatal(err)
		}
		f, err := mapcheck.Shape(m, c.sample)
		if err != nil {
			t.Fatal(err)
		}
		in, err := os.Open("../../../shared/data/" + c.data + "/" + c.sample)
		if err != nil {
			t.Fatal(err)
		}
		r, err := mapcheck.Check(m, f, in, mapcheck.Options{Catalog: cat, Now: c.now})
		_ = in.Close() // only read
		if err != nil || !r.OK() || r.Rows != c.rows {
			t.Errorf("%s: %v, %+v", c.sample, err, r)
		}
	}
}
