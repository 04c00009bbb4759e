package ingest_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/ingest"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

var now = time.Date(2026, 6, 1, 4, 0, 0, 0, time.UTC)

func testCatalog() *catalog.Catalog {
	f := func(v float64) *float64 { return &v }
	p := func(v hydro.Variable, sensor uint8) catalog.Parameter {
		return catalog.Parameter{Variable: v, Sensor: sensor, Interval: 5 * time.Minute}
	}
	return &catalog.Catalog{
		Stations: []catalog.Station{
			{
				ID: "enping", Department: hydro.Hydrology, Aliases: []string{"81100101"}, Basin: "tanjiang",
				Parameters: []catalog.Parameter{p(hydro.WaterLevel, 0), p(hydro.Discharge, 0), p(hydro.Rain, 0)},
				Datum: catalog.Datum{
					Name: hydro.PearlRiver, To1985: f(0.744), To1985Source: "levelled 2019",
					Accepts: []catalog.DatumOffset{{From: hydro.Huanghai1956, Add: -0.586, Source: "levelled 2019"}},
				},
			},
			{
				ID: "shigong", Department: hydro.Hydrology, Basin: "tanjiang",
				Parameters: []catalog.Parameter{p(hydro.WaterLevel, 0), p(hydro.RainCounter, 0), p(hydro.Rain, 0), p(hydro.PanEvaporation, 0)},
				Datum:      catalog.Datum{Name: hydro.PearlRiver, To1985: f(0.744), To1985Assumed: true},
			},
			{
				ID: "g1234", Department: hydro.Weather, Aliases: []string{"81100101", "59477"}, Basin: "tanjiang",
				Parameters: []catalog.Parameter{p(hydro.Rain, 0)},
			},
			{
				ID: "jinjiang-res", Department: hydro.WaterResources, Basin: "other",
				Parameters: []catalog.Parameter{p(hydro.WaterLevel, 0), p(hydro.Storage, 0), p(hydro.Inflow, 0), p(hydro.Outflow, 0), p(hydro.GateOpening, 1), p(hydro.GateOpening, 2)},
				Datum:      catalog.Datum{Name: hydro.StationDatum},
			},
		},
	}
}

func level(station string, v float64) hydro.Raw {
	return hydro.Raw{Field: "water_level", Station: station, Variable: hydro.WaterLevel, Value: v, Unit: hydro.UnitOwn, At: now, Datum: hydro.PearlRiver}
}

func rainOf(v float64, unit hydro.Unit) hydro.Raw {
	return hydro.Raw{Field: "rain", Station: "g1234", Variable: hydro.Rain, Value: v, Unit: unit, At: now, Interval: 5 * time.Minute}
}

func storage(v float64, unit hydro.Unit) hydro.Raw {
	return hydro.Raw{Field: "storage", Station: "jinjiang-res", Variable: hydro.Storage, Value: v, Unit: unit, At: now}
}

func panOf(v float64, over time.Duration) hydro.Raw {
	return hydro.Raw{Field: "pan_evaporation", Station: "shigong", Variable: hydro.PanEvaporation, Value: v, Unit: hydro.UnitOwn, At: now, Interval: over}
}

func one(d hydro.Department, raw hydro.Raw) *ingest.Result {
	var out ingest.Result
	ingest.New(testCatalog(), ingest.Limits{}).Normalize(d, []hydro.Raw{raw}, now, &out)
	return &out
}

func TestAcceptedValuesAreCanonical(t *testing.T) {
	with := func(r hydro.Raw, f func(*hydro.Raw)) hydro.Raw { f(&r); return r }
	for _, c := range []struct {
		name       string
		department hydro.Department
		raw        hydro.Raw
		value, as  float64 // Value and Raw
		notes      hydro.Tests
		at         time.Time
	}{
		{"a level on the station's datum stays", hydro.Hydrology, level("enping", 5.2), 5.2, 5.2, 0, now},
		{"a department's code names the station", hydro.Hydrology, level("81100101", 5.2), 5.2, 5.2, 0, now},
		{"a declared datum is converted and noted", hydro.Hydrology, with(level("enping", 5.2), func(r *hydro.Raw) { r.Datum = hydro.Huanghai1956 }), 4.614, 5.2, hydro.NoteDatumConverted, now},
		{"a surveyed offset to 1985 converts from 1985", hydro.Hydrology, with(level("enping", 5.2), func(r *hydro.Raw) { r.Datum = hydro.National1985 }), 4.456, 5.2, hydro.NoteDatumConverted, now},
		{"rain in mm stays", hydro.Weather, rainOf(12.5, hydro.UnitOwn), 12.5, 12.5, 0, now},
		{"rain in tenths is divided", hydro.Weather, rainOf(125, hydro.TenthMM), 12.5, 12.5, 0, now},
		{"32700 in tenths is a trace", hydro.Weather, rainOf(32700, hydro.TenthMM), 0, 0, hydro.NoteTrace, now},
		{"999990 is a trace", hydro.Weather, rainOf(999990, hydro.UnitOwn), 0, 0, hydro.NoteTrace, now},
		{"30xxx carries the amount in xxx", hydro.Weather, rainOf(30125, hydro.TenthMM), 12.5, 12.5, 0, now},
		{"31xxx carries the amount in xxx", hydro.Weather, rainOf(31004, hydro.TenthMM), 0.4, 0.4, 0, now},
		{"32xxx carries the amount in xxx", hydro.Weather, rainOf(32001, hydro.TenthMM), 0.1, 0.1, 0, now},
		{"126.3 mm in an hour is rain, not an error", hydro.Weather, with(rainOf(126.3, hydro.UnitOwn), func(r *hydro.Raw) { r.Interval = time.Hour }), 126.3, 126.3, 0, now},
		{"storage in m3", hydro.WaterResources, storage(119_700_000, hydro.CubicMetre), 119.7, 119.7, 0, now},
		{"storage in wan m3", hydro.WaterResources, storage(11_970, hydro.WanCubicMetre), 119.7, 119.7, 0, now},
		{"9999.9 wan m3 is a volume", hydro.WaterResources, storage(9999.9, hydro.WanCubicMetre), 99.999, 99.999, 0, now},
		{"storage in yi m3", hydro.WaterResources, storage(4.91, hydro.YiCubicMetre), 491, 491, 0, now},
		{"storage in its own unit", hydro.WaterResources, storage(119.7, hydro.UnitOwn), 119.7, 119.7, 0, now},
		{
			"9999 m3/s is a flow", hydro.Hydrology,
			hydro.Raw{Station: "enping", Variable: hydro.Discharge, Value: 9999, Unit: hydro.UnitOwn, At: now},
			9999, 9999, 0, now,
		},
		{
			"a tide turns the flow", hydro.Hydrology,
			hydro.Raw{Station: "enping", Variable: hydro.Discharge, Value: -820, Unit: hydro.UnitOwn, At: now},
			-820, -820, 0, now,
		},
		{
			"a gate that the catalogue declares", hydro.WaterResources,
			hydro.Raw{Station: "jinjiang-res", Variable: hydro.GateOpening, Sensor: 2, Value: 1.5, Unit: hydro.UnitOwn, At: now},
			1.5, 1.5, 0, now,
		},
		{"a day of a pan", hydro.Hydrology, panOf(6.4, 24*time.Hour), 6.4, 6.4, 0, now},
		{"local time with a name", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At, r.Local, r.Zone = time.Time{}, "2026-06-01 11:55", "Asia/Shanghai" }), 5, 5, 0, now.Add(-5 * time.Minute)},
		{"local time with an offset", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At, r.Local, r.Zone = time.Time{}, "2026-06-01 11:55:30", "+08:00" }), 5, 5, 0, now.Add(-5*time.Minute + 30*time.Second)},
		{"local time in UTC", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At, r.Local, r.Zone = time.Time{}, "2026-06-01 04:00", "UTC" }), 5, 5, 0, now},
		{"the clock may be ten minutes ahead", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At = now.Add(10 * time.Minute) }), 5, 5, 0, now.Add(10 * time.Minute)},
		{"an instant is kept to the millisecond", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At = now.Add(1_999_999) }), 5, 5, 0, now.Add(time.Millisecond)},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := one(c.department, c.raw)
			if len(out.Rejections) != 0 || out.Accepted != 1 || len(out.Basins) != 1 || len(out.Basins[0].Readings) != 1 {
				t.Fatalf("not accepted: %+v", out)
			}
			r := out.Basins[0].Readings[0]
			if math.Abs(r.Value-c.value) > 1e-9 || math.Abs(r.Raw-c.as) > 1e-9 || r.Notes != c.notes || !r.At.Equal(c.at) || r.At.Location() != time.UTC {
				t.Errorf("got %+v, want value %g, raw %g, notes %v, at %s", r, c.value, c.as, c.notes.Names(), c.at)
			}
			if err := r.Check(); err != nil {
				t.Error(err)
			}
			if r.Variable == hydro.WaterLevel && r.Datum == hydro.NoDatum || r.Variable != hydro.WaterLevel && r.Datum != hydro.NoDatum {
				t.Errorf("datum is %q", r.Datum)
			}
		})
	}
}

func TestRefusalsNameWhatWhereAndHowToMend(t *testing.T) {
	with := func(r hydro.Raw, f func(*hydro.Raw)) hydro.Raw { f(&r); return r }
	flow := hydro.Raw{Field: "discharge", Station: "enping", Variable: hydro.Discharge, Unit: hydro.UnitOwn, At: now}
	for _, c := range []struct {
		name       string
		department hydro.Department
		raw        hydro.Raw
		reason     hydro.RefusalReason
		says       []string
	}{
		{"unknown station", hydro.Hydrology, level("nowhere", 5), hydro.UnknownStation, []string{`"nowhere"`, "hydrology", "Add it to the catalogue"}},
		{"another department's code", hydro.Hydrology, level("59477", 5), hydro.UnknownStation, []string{"weather", "g1234"}},
		{"wrong department", hydro.Weather, level("enping", 5), hydro.WrongDepartment, []string{"enping", "hydrology", "weather"}},
		{"undeclared variable", hydro.Hydrology, with(flow, func(r *hydro.Raw) { r.Station = "shigong" }), hydro.UnknownVariable, []string{"shigong", "discharge"}},
		{"rain is not a counter", hydro.Hydrology, with(flow, func(r *hydro.Raw) { r.Variable = hydro.RainCounter }), hydro.UnknownVariable, []string{"rain_counter"}},
		{
			"rain beside its counter", hydro.Hydrology,
			hydro.Raw{Station: "shigong", Variable: hydro.Rain, Value: 0.5, At: now, Interval: 5 * time.Minute},
			hydro.UnknownVariable,
			[]string{"shigong", "follows from its rain counter", "Send the counter alone"},
		},
		{"undeclared gate", hydro.WaterResources, hydro.Raw{Station: "jinjiang-res", Variable: hydro.GateOpening, Sensor: 3, At: now}, hydro.UnknownVariable, []string{"sensor 3"}},
		{"9999.999 m", hydro.Hydrology, level("enping", 9999.999), hydro.MissingValue, []string{"9999.999", "no value"}},
		{"99999.999 m", hydro.Hydrology, level("enping", 99999.999), hydro.MissingValue, nil},
		{"9999 m", hydro.Hydrology, level("enping", 9999), hydro.MissingValue, nil},
		{"-9999 m", hydro.Hydrology, level("enping", -9999), hydro.MissingValue, nil},
		{"65535 m", hydro.Hydrology, level("enping", 65535), hydro.MissingValue, nil},
		{"9999.999 m3/s", hydro.Hydrology, with(flow, func(r *hydro.Raw) { r.Value = 9999.999 }), hydro.MissingValue, nil},
		{"999999.999 m3/s", hydro.Hydrology, with(flow, func(r *hydro.Raw) { r.Value = 999999.999 }), hydro.MissingValue, nil},
		{"9999.999 wan m3", hydro.WaterResources, storage(9999.999, hydro.WanCubicMetre), hydro.MissingValue, nil},
		{"999999 mm", hydro.Weather, rainOf(999999, hydro.UnitOwn), hydro.MissingValue, nil},
		{"999998 mm", hydro.Weather, rainOf(999998, hydro.UnitOwn), hydro.MissingValue, nil},
		{"32766 tenths", hydro.Weather, rainOf(32766, hydro.TenthMM), hydro.MissingValue, nil},
		{"32744 tenths", hydro.Weather, rainOf(32744, hydro.TenthMM), hydro.MissingValue, nil},
		{"999999 tenths", hydro.Weather, rainOf(999999, hydro.TenthMM), hydro.MissingValue, nil},
		{"FFFF tenths", hydro.Weather, rainOf(65535, hydro.TenthMM), hydro.MissingValue, nil},
		{"-9999 mm", hydro.Weather, rainOf(-9999, hydro.UnitOwn), hydro.MissingValue, nil},
		{"undefined code", hydro.Weather, rainOf(32750, hydro.TenthMM), hydro.ValueImpossible, nil},
		{"not a number", hydro.Hydrology, level("enping", math.NaN()), hydro.NotFinite, []string{"NaN"}},
		{"infinite", hydro.Hydrology, level("enping", math.Inf(-1)), hydro.NotFinite, []string{"-Inf"}},
		{"no time", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At = time.Time{} }), hydro.TimeMissing, []string{"enping", "State an instant"}},
		{"no such day", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At, r.Local, r.Zone = time.Time{}, "2026-06-31 08:00", "UTC" }), hydro.TimeMissing, []string{"2026-06-31 08:00"}},
		{"another format", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At, r.Local, r.Zone = time.Time{}, "01/06/2026 08:00", "UTC" }), hydro.TimeMissing, nil},
		{"the hour that summer time leaves out", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At, r.Local, r.Zone = time.Time{}, "2026-03-29 02:30", "Europe/Berlin" }), hydro.TimeMissing, nil},
		{"local without zone", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At, r.Local = time.Time{}, "2026-06-01 08:00" }), hydro.ZoneUnknown, []string{"Asia/Shanghai"}},
		{"the machine's zone", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At, r.Local, r.Zone = time.Time{}, "2026-06-01 08:00", "Local" }), hydro.ZoneUnknown, []string{`"Local"`}},
		{"eight hours ahead", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At = now.Add(8 * time.Hour) }), hydro.TimeInFuture, []string{"8h0m0s ahead"}},
		{"41 days old", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At = now.AddDate(0, 0, -41) }), hydro.TimeTooOld, []string{"Import it as history"}},
		{"the year of a faulty clock", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.At = time.UnixMilli(0) }), hydro.TimeTooOld, nil},
		{"storage without unit", hydro.WaterResources, storage(119.7, hydro.UnitUnstated), hydro.UnitUnknown, []string{"storage", "State the unit"}},
		{"rain without unit", hydro.Weather, rainOf(1, hydro.UnitUnstated), hydro.UnitUnknown, nil},
		{"a level in a unit of volume", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.Unit = hydro.WanCubicMetre }), hydro.UnitUnknown, nil},
		{"no datum", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.Datum = "" }), hydro.DatumMissing, []string{"enping", "PEARL_RIVER"}},
		{
			"undeclared datum", hydro.Hydrology, with(level("enping", 5), func(r *hydro.Raw) { r.Datum = "WUSONG" }), hydro.DatumMismatch,
			[]string{"enping", "WUSONG", "PEARL_RIVER", "declare a surveyed offset"},
		},
		{
			"an assumed offset is a guess", hydro.Hydrology, with(level("shigong", 5), func(r *hydro.Raw) { r.Datum = hydro.National1985 }), hydro.DatumMismatch,
			[]string{"shigong", "NATIONAL_1985", "PEARL_RIVER", "only assumed"},
		},
		{"rain without interval", hydro.Weather, with(rainOf(1, hydro.UnitOwn), func(r *hydro.Raw) { r.Interval = 0 }), hydro.IntervalInvalid, []string{"60 s to 24 h"}},
		{"rain over a week", hydro.Weather, with(rainOf(1, hydro.UnitOwn), func(r *hydro.Raw) { r.Interval = 168 * time.Hour }), hydro.IntervalInvalid, nil},
		{"a day's rain beside five minutes'", hydro.Weather, with(rainOf(48.5, hydro.UnitOwn), func(r *hydro.Raw) { r.Interval = 24 * time.Hour }), hydro.IntervalInvalid, []string{"total of a day", "Leave the total out"}},
		{"a pan without interval", hydro.Hydrology, panOf(4, 0), hydro.IntervalInvalid, []string{"pan_evaporation 4", "60 s to 24 h"}},
		{"a pan over two days", hydro.Hydrology, panOf(4, 48*time.Hour), hydro.IntervalInvalid, []string{"48h0m0s"}},
		{"a pan in tenths", hydro.Hydrology, with(panOf(42, 24*time.Hour), func(r *hydro.Raw) { r.Unit = hydro.TenthMM }), hydro.UnitUnknown, nil},
		{"no value of a pan", hydro.Hydrology, panOf(9999.9, 24*time.Hour), hydro.MissingValue, []string{"no value"}},
		{"a pan at FFFF", hydro.Hydrology, panOf(6553.5, 24*time.Hour), hydro.MissingValue, nil},
		{"a pan that fills", hydro.Hydrology, panOf(-0.2, 24*time.Hour), hydro.ValueImpossible, []string{"0 to 100 mm"}},
		{"a pan that boils", hydro.Hydrology, panOf(101, 24*time.Hour), hydro.ValueImpossible, nil},
		{"negative rain", hydro.Weather, rainOf(-0.1, hydro.UnitOwn), hydro.ValueImpossible, []string{"-0.1", "0 to 2000 mm"}},
		{"negative storage", hydro.WaterResources, storage(-1, hydro.UnitOwn), hydro.ValueImpossible, nil},
		{"an opening of a kilometre", hydro.WaterResources, hydro.Raw{Station: "jinjiang-res", Variable: hydro.GateOpening, Sensor: 1, Value: 1000, Unit: hydro.UnitOwn, At: now}, hydro.ValueImpossible, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.raw.Report = 7
			out := one(c.department, c.raw)
			if out.Accepted != 0 || len(out.Rejections) != 1 {
				t.Fatalf("not refused: %+v", out)
			}
			r := out.Rejections[0]
			if r.Reason != c.reason || r.Report != 7 || r.Field != c.raw.Field {
				t.Errorf("got %+v, want %s", r, c.reason)
			}
			for _, s := range c.says {
				if !strings.Contains(r.Message, s) {
					t.Errorf("%q does not say %q", r.Message, s)
				}
			}
			if !strings.HasSuffix(r.Message, ".") {
				t.Errorf("%q is no sentence", r.Message)
			}
			if zh := hydro.RefusalZH(r.Reason, r.Message); zh == r.Reason.ZH() || !strings.HasSuffix(zh, "。") || strings.Contains(zh, "{") {
				t.Errorf("%q is %q in Chinese", r.Message, zh)
			}
			if known := c.reason != hydro.UnknownStation; known != (len(out.Basins) == 1 && len(out.Basins[0].Refusals) == 1) {
				t.Errorf("refusals of known stations: %+v", out.Basins)
			}
		})
	}
}

func TestRefusalsOfAStationAreCountedByVariableAndReason(t *testing.T) {
	raws := []hydro.Raw{level("enping", 9999.999), level("enping", 5), level("81100101", 99999.999), level("nowhere", 1), level("shigong", 9999.999)}
	raws[0].At, raws[2].At = now.Add(-time.Hour), now.Add(-2*time.Hour)
	raws = append(raws, hydro.Raw{Station: "enping", Variable: hydro.Discharge, Value: math.NaN(), At: now, Unit: hydro.UnitOwn})
	for i := range raws {
		raws[i].Report = i
	}
	var out ingest.Result
	n := ingest.New(testCatalog(), ingest.Limits{})
	for range 2 { // a Result that is used again starts empty
		n.Normalize(hydro.Hydrology, raws, now, &out)
	}
	if len(out.Basins) != 1 || out.Basins[0].Basin != "tanjiang" || len(out.Basins[0].Readings) != 1 || len(out.Rejections) != 5 || out.Accepted != 1 {
		t.Fatalf("got %+v", out)
	}
	var got []string
	for _, r := range out.Basins[0].Refusals {
		got = append(got, fmt.Sprintf("%s %s %s %d %s", r.Station, r.Variable, r.Reason, r.Count, r.LastAt.Format("15:04")))
	}
	want := []string{"enping water_level missing_value 2 03:00", "shigong water_level missing_value 1 04:00", "enping discharge not_finite 1 04:00"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestReadingsAreSplitByBasin(t *testing.T) {
	cat := testCatalog()
	cat.Stations[1].Basin = "other"
	var out ingest.Result
	ingest.New(cat, ingest.Limits{}).Normalize(hydro.Hydrology, []hydro.Raw{level("enping", 5), level("shigong", 6), level("enping", 7)}, now, &out)
	if len(out.Basins) != 2 || out.Basins[0].Basin != "tanjiang" || len(out.Basins[0].Readings) != 2 || out.Basins[1].Basin != "other" || len(out.Basins[1].Readings) != 1 {
		t.Errorf("got %+v", out.Basins)
	}
}

func TestAcceptedReadingsAllocateNothing(t *testing.T) {
	n, raws := ingest.New(testCatalog(), ingest.Limits{}), frame(1000)
	var out ingest.Result
	n.Normalize(hydro.Hydrology, raws, now, &out)
	if out.Accepted != len(raws) {
		t.Fatalf("accepted %d of %d: %+v", out.Accepted, len(raws), out.Rejections[0])
	}
	if a := testing.AllocsPerRun(20, func() { n.Normalize(hydro.Hydrology, raws, now, &out) }); a != 0 {
		t.Errorf("%g allocations", a)
	}
}

// frame returns the values of that many hydrology reports.
func frame(reports int) []hydro.Raw {
	var raws []hydro.Raw
	for i := range reports {
		at := now.Add(-time.Duration(i) * time.Minute)
		raws = append(raws,
			hydro.Raw{Report: i, Field: "water_level", Station: "81100101", Variable: hydro.WaterLevel, Value: 5.25, Unit: hydro.UnitOwn, At: at, Datum: hydro.PearlRiver},
			hydro.Raw{Report: i, Field: "discharge", Station: "81100101", Variable: hydro.Discharge, Value: 315.2, Unit: hydro.UnitOwn, At: at},
			hydro.Raw{Report: i, Field: "rain", Station: "81100101", Variable: hydro.Rain, Value: 2.5, Unit: hydro.UnitOwn, At: at, Interval: 5 * time.Minute},
			hydro.Raw{Report: i, Field: "water_level", Station: "shigong", Variable: hydro.WaterLevel, Value: 4.11, Unit: hydro.UnitOwn, At: at, Datum: hydro.PearlRiver},
		)
	}
	return raws
}

// What lies within a scope is judged as ever; of the rest nothing is kept but that
// it was refused.
func TestAScopeHidesTheOtherStationsAndChangesNothingElse(t *testing.T) {
	cat := testCatalog()
	n := ingest.New(cat, ingest.Limits{})
	rapid.Check(t, func(t *rapid.T) {
		may := map[string]bool{}
		for i := range cat.Stations {
			may[cat.Stations[i].ID] = rapid.Bool().Draw(t, cat.Stations[i].ID)
		}
		scope := n.Scope(func(s *catalog.Station) bool { return may[s.ID] })
		var raws, mine []hydro.Raw
		notAllowed := 0
		for i := range rapid.IntRange(0, 30).Draw(t, "values") {
			st := rapid.SampledFrom(cat.Stations).Draw(t, "station")
			name := rapid.SampledFrom(append([]string{st.ID}, st.Aliases...)).Draw(t, "name")
			raw := hydro.Raw{
				Report: i, Field: "water_level", Station: name, Variable: hydro.WaterLevel, Value: rapid.Float64Range(-10, 10000).Draw(t, "value"),
				Unit: hydro.UnitOwn, At: now.Add(-time.Minute), Datum: rapid.SampledFrom([]hydro.Datum{st.Datum.Name, hydro.NoDatum}).Draw(t, "datum"),
			}
			raws = append(raws, raw)
			known := name // an id goes before a code, and the codes are hydrology's
			for _, s := range cat.Stations {
				if s.Department == hydro.Hydrology && slices.Contains(s.Aliases, name) {
					known = s.ID
				}
			}
			if mayWrite, ok := may[known]; !ok || mayWrite {
				mine = append(mine, raw)
			} else {
				notAllowed++
			}
		}
		var within, alone ingest.Result
		n.NormalizeWithin(scope, hydro.Hydrology, raws, now, &within)
		n.Normalize(hydro.Hydrology, mine, now, &alone)
		if within.NotAllowed != notAllowed || within.Accepted != alone.Accepted {
			t.Fatalf("not allowed %d, want %d; accepted %d, want %d", within.NotAllowed, notAllowed, within.Accepted, alone.Accepted)
		}
		if diff := cmp.Diff(alone.Basins, within.Basins); diff != "" {
			t.Fatalf("-alone +within:\n%s", diff)
		}
		var rest []hydro.Rejection
		for _, r := range within.Rejections {
			if r.Reason != hydro.NotAllowed {
				rest = append(rest, r)
			}
		}
		if diff := cmp.Diff(append([]hydro.Rejection(nil), alone.Rejections...), rest); diff != "" {
			t.Fatalf("-alone +within:\n%s", diff)
		}
	})
}

func BenchmarkNormalize(b *testing.B) {
	instant, local := frame(1000), frame(1000)
	for i := range local {
		local[i].Local, local[i].Zone, local[i].At = local[i].At.Format("2006-01-02 15:04"), "UTC", time.Time{}
	}
	for _, c := range []struct {
		name   string
		raws   []hydro.Raw
		scoped bool
	}{{"reports=1000/time=instant", instant, false}, {"reports=1000/time=local", local, false}, {"reports=1000/time=instant/scope=all", instant, true}} {
		b.Run(c.name, func(b *testing.B) {
			n := ingest.New(testCatalog(), ingest.Limits{})
			var scope *ingest.Scope
			if c.scoped {
				scope = n.Scope(func(*catalog.Station) bool { return true })
			}
			var out ingest.Result
			b.ReportAllocs()
			for b.Loop() {
				n.NormalizeWithin(scope, hydro.Hydrology, c.raws, now, &out)
			}
			if out.Accepted != len(c.raws) {
				b.Fatalf("accepted %d of %d", out.Accepted, len(c.raws))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(c.raws)), "ns/reading")
		})
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add(uint8(2), "enping", uint8(1), uint8(0), 5.2, uint8(1), int64(1780286400000), "", "", int64(300), "PEARL_RIVER")
	f.Add(uint8(1), "59477", uint8(3), uint8(0), 32700.0, uint8(2), int64(0), "2026-06-01 11:55", "Asia/Shanghai", int64(300), "")
	f.Add(uint8(3), "jinjiang-res", uint8(8), uint8(2), 9999.999, uint8(1), int64(0), "2026-06-01 11:55:61", "+08:00", int64(0), "STATION")
	n := ingest.New(testCatalog(), ingest.Limits{})
	var out ingest.Result
	f.Fuzz(func(t *testing.T, department uint8, station string, variable, sensor uint8, value float64, unit uint8, ms int64, local, zone string, interval int64, datum string) {
		raw := hydro.Raw{
			Report: 1, Field: "x", Station: station, Variable: hydro.Variable(variable), Sensor: sensor, Value: value, Unit: hydro.Unit(unit),
			Local: local, Zone: zone, Interval: time.Duration(interval) * time.Second, Datum: hydro.Datum(datum),
		}
		if ms != 0 {
			raw.At = time.UnixMilli(ms)
		}
		n.Normalize(hydro.Department(department), []hydro.Raw{raw}, now, &out)
		if out.Accepted+len(out.Rejections) != 1 {
			t.Fatalf("one value became %d readings and %d rejections", out.Accepted, len(out.Rejections))
		}
		for _, b := range out.Basins {
			for _, r := range b.Readings {
				if err := r.Check(); err != nil {
					t.Fatal(err)
				}
				if r.At.Before(now.Add(-ingest.DefaultPast)) || r.At.After(now.Add(ingest.DefaultFuture)) {
					t.Fatalf("accepted at %s", r.At)
				}
			}
			for _, r := range b.Refusals {
				if r.Detail == "" || r.Count != 1 {
					t.Fatalf("refusal %+v", r)
				}
			}
		}
		for _, r := range out.Rejections {
			if r.Message == "" || r.Reason == 0 {
				t.Fatalf("rejection %+v", r)
			}
		}
	})
}
