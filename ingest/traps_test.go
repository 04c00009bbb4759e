package ingest_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"freshet/ingest"
	"freshet/ingest/accumulation"
	"freshet/ingest/feed"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func TestTrapFeetForMetres(t *testing.T) {
	l := newLane(t)
	// 17.1 ft, which is 5.2 m: 17.1 m is above any level that the station can have.
	l.allFlagged(l.send(sheet("hydrology", levelColumn), l.series(enping, 5*time.Minute, 17.1, 17.2, 17.4)), 3, hydro.Fail, hydro.TestRange)
	// A level that would be possible is far from what stood before.
	l = newLane(t)
	l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 11:50,3\n")
	l.flagged(l.one(l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 11:55,9.9\n")), hydro.Fail, hydro.TestStep)
	l.suspected(sheet("hydrology", levelColumn), l.series(enping, 5*time.Minute, 17.1, 17.2, 17.4), "would be inside if they were in ft")
	// Said in the map, they are metres.
	if o := l.one(newLane(t).send(sheet("hydrology", strings.Replace(levelColumn, "unit: m,", "unit: ft,", 1)), l.series(enping, 0, 17))); math.Abs(o.Value-5.1816) > 1e-9 {
		t.Errorf("%g m", o.Value)
	}
}

func TestTrapMinus9999AsALevel(t *testing.T) {
	l := newLane(t)
	for _, v := range []float64{-9999, 9999, 9999.999, 99999, -999} {
		l.refuses(l.send(sheet("hydrology", levelColumn), l.series(enping, 0, v)), hydro.MissingValue, "no reading")
	}
	// In another unit it must be known before it is converted: −99.99 m is a level.
	l.doubts(l.send(sheet("hydrology", strings.Replace(levelColumn, "unit: m,", "unit: cm,", 1)), l.series(enping, 0, -9999)), feed.MissingValue, "-9999")
}

func TestTrapUTCTakenForBeijing(t *testing.T) {
	l := newLane(t)
	data := "s,t,v\n" + enping + ",2026-06-01 03:50,5\n" + enping + ",2026-06-01 03:55,5.1\n"  // of now, in UTC
	l.allFlagged(l.send(sheet("hydrology", levelColumn), data), 2, hydro.Pass, hydro.TestLate) // known to be eight hours late, every one
	l.suspected(sheet("hydrology", levelColumn), data, "UTC read as Beijing time")
	if o := newLane(t).send(zoned("hydrology", "UTC", levelColumn), data).taken[1]; !o.At.Equal(now.Add(-5*time.Minute)) || o.Tests&hydro.TestLate != 0 {
		t.Errorf("%+v", o)
	}
}

func TestTrapBeijingTakenForUTC(t *testing.T) {
	l := newLane(t)
	data := l.series(enping, 5*time.Minute, 5, 5.1)
	l.refuses(l.send(zoned("hydrology", "UTC", levelColumn), data), hydro.TimeInFuture, "Set the station's clock or its zone")
	l.suspected(zoned("hydrology", "UTC", levelColumn), data, "Beijing time read as UTC")
}

func TestTrapWeatherDayForHydrologicalDay(t *testing.T) {
	// A gauge that reports days only.
	l := newLane(t)
	l.change("at: [112.1, 22.36], zone: UTC, profile: rain_gauge,", "at: [112.1, 22.36], zone: UTC, profile: rain_gauge, parameters: [{variable: rain, every: 24h}],")
	day := func(ends string) string {
		return sheet("weather", `{column: v, variable: rain, unit: mm, day: {ends: "`+ends+`", zone: Asia/Shanghai}}`)
	}
	row := "s,t,v\nEXG1001,2026-05-31 20:00,86\n"
	l.doubts(l.send(day("08:00"), row), feed.DayBoundary, "a day is not moved into another")
	o := l.one(l.send(day("20:00"), row))
	if !o.At.Equal(time.Date(2026, 5, 31, 12, 0, 0, 0, time.UTC)) || o.Interval != 24*time.Hour {
		t.Errorf("%+v", o)
	}
	// Of the day to 20:00 only 12 h are of the hydrological day to 08:00.
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	sums := accumulation.Sums(l.engine.History(o.Key), at, 8*time.Hour, time.FixedZone("", 8*3600), nil)
	if s := sums[len(sums)-1]; s.Rain != 43 || s.Coverage != 0.5 {
		t.Errorf("%+v", s)
	}
}

func TestTrapHourMinuteIntervals(t *testing.T) {
	l := newLane(t)
	pptn := sheet("hydrology", "{column: v, variable: rain, unit: mm, interval_from: {column: i, notation: HH.mm}}")
	for written, want := range map[string]time.Duration{"0.05": 5 * time.Minute, "0.3": 30 * time.Minute, "0.50": 50 * time.Minute, "1": time.Hour, "1.30": 90 * time.Minute} {
		if o := l.one(newLane(t).send(pptn, "s,t,v,i\nEX80P301,2026-06-01 08:00,2.5,"+written+"\n")); o.Interval != want || !o.At.Equal(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: %+v", written, o)
		}
	}
	l.doubts(l.send(pptn, "s,t,v,i\nEX80P301,2026-06-01 08:00,2.5,0.75\n"), feed.IntervalUnreadable, "75 minutes")
	l.doubts(l.send(pptn, "s,t,v,i\nEX80P301,2026-06-01 08:00,2.5,NULL\n"), feed.IntervalUnreadable, "does not say over which time")
	l.refuses(l.send(pptn, "s,t,v,i\nEX80P301,2026-06-01 08:00,2.5,0.00\n"), hydro.IntervalInvalid, "60 s to 24 h")
}

func TestTrapTraceCodes(t *testing.T) {
	tenths := strings.Replace(hourColumn, "unit: mm", "unit: 0.1 mm", 1)
	for _, c := range []struct{ department, station, column, written string }{
		{"weather", "EXG1001", hourColumn, "999990"},
		{"weather", "EXG1001", hourColumn, "T"},
		{"weather", "EXG1001", tenths, "32700"},
		{"hydrology", "EX80P301", tenths, "32700"},
		{"hydrology", "EX80P301", hourColumn, "T"},
	} {
		l := newLane(t)
		if o := l.one(l.send(sheet(c.department, c.column), "s,t,v\n"+c.station+",2026-06-01 12:00,"+c.written+"\n")); o.Value != 0 || o.Notes&hydro.NoteTrace == 0 || !o.Quality.Usable() {
			t.Errorf("%s: %+v", c.written, o)
		}
	}
}

func TestTrapSnowAndDewCodes(t *testing.T) {
	l := newLane(t)
	tenths := strings.Replace(hourColumn, "unit: mm", "unit: 0.1 mm", 1)
	for _, c := range []struct{ department, station string }{{"weather", "EXG1001"}, {"hydrology", "EX80P301"}} {
		if o := l.one(newLane(t).send(sheet(c.department, tenths), "s,t,v\n"+c.station+",2026-06-01 12:00,30125\n")); o.Value != 12.5 {
			t.Errorf("%s: %+v", c.department, o)
		}
	}
	l.refuses(l.send(sheet("weather", hourColumn), "s,t,v\nEXG1001,2026-06-01 12:00,30125\n"), hydro.ValueImpossible, "Mend the unit")
}

func TestTrapMissingCodesOfWeatherInterfaces(t *testing.T) {
	l := newLane(t)
	l.refuses(l.send(sheet("weather", hourColumn), l.series("EXG1001", time.Hour, 999999, 999998)), hydro.MissingValue, "no value")
	tenths := strings.Replace(hourColumn, "unit: mm", "unit: 0.1 mm", 1)
	l.refuses(l.send(sheet("weather", tenths), l.series("EXG1001", time.Hour, 999999, 32766, 32744, 65535)), hydro.MissingValue, "no value")
}

func TestTrapCounterReset(t *testing.T) {
	l := newLane(t)
	out := l.send(sheet("hydrology", counterColumn), l.series("EX80P302", 5*time.Minute, 120, 121.5, 0.5, 2))
	l.flagged(out.taken[2], hydro.Pass, hydro.TestCounterReset)
	if fell := total(l.rain); fell != 3 { // 1.5 before and 1.5 after: what fell meanwhile is not known
		t.Errorf("%g mm", fell)
	}
	if o := l.rain[1]; o.Quality != hydro.Fail || o.Value != 0 {
		t.Errorf("over the reset: %+v", o)
	}
}

func TestTrapCounterAtFirstOfJanuary(t *testing.T) {
	l := newLane(t)
	l.now = time.Date(2027, 1, 1, 0, 5, 0, 0, time.UTC)
	out := l.send(sheet("hydrology", counterColumn), "s,t,v\nEX80P302,2026-12-31 23:55,1845.5\nEX80P302,2027-01-01 00:00,0\nEX80P302,2027-01-01 00:05,0.5\n")
	l.flagged(out.taken[1], hydro.Pass, hydro.TestCounterReset)
	if fell := total(l.rain); fell != 0.5 || len(out.refused) > 0 {
		t.Errorf("%g mm", fell)
	}
}

// total sums up what counts.
func total(rain []hydro.Observation) float64 {
	sum := 0.0
	for _, o := range rain {
		if o.Quality != hydro.Fail {
			sum += o.Value
		}
	}
	return sum
}

func TestTrapDatumSwap(t *testing.T) {
	l := newLane(t)
	// Stated: 1985 where the offset is surveyed is converted, where it is assumed refused.
	national := strings.Replace(levelColumn, "PEARL_RIVER", "NATIONAL_1985", 1)
	if o := l.one(l.send(sheet("hydrology", national), l.series(enping, 0, 6))); math.Abs(o.Value-5.256) > 1e-9 || o.Raw != 6 || o.Notes&hydro.NoteDatumConverted == 0 {
		t.Errorf("%+v", o)
	}
	l.refuses(l.send(sheet("hydrology", national), l.series("EX80A102", 0, 6)), hydro.DatumMismatch, "only assumed")
	l.suspected(sheet("hydrology", national), l.series(enping, 0, 6), "the map states the datum NATIONAL_1985, the station's is PEARL_RIVER")
	// Unstated: the jump of 0.744 m is held back.
	l = newLane(t)
	l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 11:50,4\n"+enping+",2026-06-01 11:55,4.02\n")
	l.flagged(l.one(l.send(sheet("hydrology", levelColumn), l.series(enping, 0, 4.764))), hydro.Suspect, hydro.TestStep)
}

func TestTrapStationRenumbered(t *testing.T) {
	l := newLane(t)
	l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 11:55,5\n")
	renumbered := "s,t,v\nEX80A901,2026-06-01 12:00,5.1\n"
	l.refuses(l.send(sheet("hydrology", levelColumn), renumbered), hydro.UnknownStation, `"EX80A901". Add it to the catalogue or correct the code`)
	// Once the catalogue has the new code beside the old, both are one series.
	l.change("codes: [EX80A101]", "codes: [EX80A101, EX80A901]")
	if o := l.one(l.send(sheet("hydrology", levelColumn), renumbered)); o.Station != "h-enping" || len(l.engine.History(o.Key).Samples) != 2 {
		t.Errorf("%+v", o)
	}
}

func TestTrapSpreadsheetAteTheZeros(t *testing.T) {
	l := newLane(t)
	l.change("codes: [EX80A101]", `codes: ["00112233"]`)
	l.refuses(l.send(sheet("hydrology", levelColumn), l.series("112233", 0, 5)), hydro.UnknownStation, `"112233"`)
	l.refuses(l.send(sheet("hydrology", levelColumn), l.series("1.12E+05", 0, 5)), hydro.UnknownStation, "")
	// In a map the code keeps its zeros although YAML takes it for a number.
	fixed := "department: hydrology\nfiles: [{time: {column: t, layout: \"2006-01-02 15:04\", zone: Asia/Shanghai}, columns: [{column: v, station: 00112233, variable: water_level, unit: m, datum: PEARL_RIVER}]}]"
	if o := l.one(l.send(fixed, l.series("", 0, 5))); o.Station != "h-enping" {
		t.Errorf("%+v", o)
	}
}

func TestTrapCodeOfAnotherDepartment(t *testing.T) {
	l := newLane(t)
	l.refuses(l.send(sheet("hydrology", levelColumn), l.series("EXRR401", 0, 85)), hydro.UnknownStation, "as a code of the water_resources department it names station r-jinjiang")
	l.refuses(l.send(sheet("hydrology", levelColumn), l.series("r-jinjiang", 0, 85)), hydro.WrongDepartment, "Send it on the water_resources stream")
}

func TestTrapYear59InARow(t *testing.T) {
	short := strings.Replace(sheet("hydrology", levelColumn), "2006-01-02", "06-01-02", 1)
	l := newLane(t)
	l.refuses(l.send(short, "s,t,v\n"+enping+",59-06-01 12:00,5\n"), hydro.TimeInFuture, "ahead of the server's clock")
	l.refuses(l.send(short, "s,t,v\n"+enping+",00-01-01 00:00,5\n"), hydro.TimeTooOld, "Import it as history")
	l.one(l.send(short, "s,t,v\n"+enping+",26-06-01 12:00,5\n"))
}

func TestTrapMillisecondsForSeconds(t *testing.T) {
	unix := strings.NewReplacer("\"2006-01-02 15:04\"", "unix", ", zone: \"Asia/Shanghai\"", "").Replace(sheet("hydrology", levelColumn))
	l := newLane(t)
	l.refuses(l.send(unix, fmt.Sprintf("s,t,v\n%s,%d,5\n", enping, now.UnixMilli())), hydro.TimeInFuture, "")
	l.refuses(l.send(strings.Replace(unix, "unix", "unix_ms", 1), fmt.Sprintf("s,t,v\n%s,%d,5\n", enping, now.Unix())), hydro.TimeTooOld, "")
	l.one(l.send(unix, fmt.Sprintf("s,t,v\n%s,%d,5\n", enping, now.Unix())))
}

func TestTrapFutureStamp(t *testing.T) {
	l := newLane(t)
	l.refuses(l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 12:11,5\n"), hydro.TimeInFuture, "11m0s ahead")
	l.one(l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 12:10,5\n")) // a clock may be a little fast
}

func TestTrapZoneMissing(t *testing.T) {
	wrong(t, strings.Replace(sheet("hydrology", levelColumn), `, zone: "Asia/Shanghai"`, "", 1), "state the zone of the times")
	wrong(t, strings.Replace(sheet("hydrology", levelColumn), "15:04", "15:04 MST", 1), "CST is one of China and one of America")
	wrong(t, zoned("hydrology", "CST", levelColumn), "zone")
	var out ingest.Result
	newLane(t).n.Normalize(hydro.Hydrology, []hydro.Raw{{Station: enping, Variable: hydro.WaterLevel, Unit: hydro.UnitOwn, Value: 5, Datum: hydro.PearlRiver, Local: "2026-06-01 12:00"}}, now, &out)
	if out.Accepted != 0 || out.Rejections[0].Reason != hydro.ZoneUnknown {
		t.Errorf("%+v", out)
	}
}

func TestTrapLocalTimeThatDoesNotExist(t *testing.T) {
	berlin := zoned("hydrology", "Europe/Berlin", levelColumn)
	l := newLane(t)
	l.doubts(l.send(berlin, "s,t,v\n"+enping+",2026-03-29 02:30,5\n"), feed.TimeUnreadable, "does not exist")
	l.doubts(l.send(berlin, "s,t,v\n"+enping+",2026-10-25 02:30,5\n"), feed.TimeUnreadable, "there twice")
	l.doubts(l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-31 08:00,5\n"+enping+",2026-06-01 24:00,5\n"), feed.TimeUnreadable, "")
}

func TestTrapDuplicatedRowWithAnotherValue(t *testing.T) {
	l := newLane(t)
	out := l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 12:00,5\n"+enping+",2026-06-01 12:00,5\n"+enping+",2026-06-01 12:00,5.1\n")
	if len(out.taken) != 2 { // the same again is not told again
		t.Fatalf("%+v", out)
	}
	if o := out.taken[1]; o.Revision != 1 || o.Tests&hydro.TestRevision == 0 || o.Value != 5.1 {
		t.Errorf("%+v", o)
	}
	if h := l.engine.History(out.taken[0].Key); len(h.Samples) != 1 {
		t.Errorf("%d samples", len(h.Samples))
	}
	l.suspected(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 12:00,5\n"+enping+",2026-06-01 12:00,5.1\n", "has another value")
}

func TestTrapOldValueResentOverItsRevision(t *testing.T) {
	l := newLane(t)
	out := l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 12:00,5\n"+enping+",2026-06-01 12:00,5.1\n"+enping+",2026-06-01 12:00,5\n")
	if h := l.engine.History(out.taken[0].Key); len(out.taken) != 2 || h.Samples[0].Value != 5.1 || h.Samples[0].Revision != 1 {
		t.Errorf("%+v", out)
	}
}

func TestTrapDayTotalBesideHourlyRain(t *testing.T) {
	const day = `{column: d, variable: rain, unit: mm, day: {ends: "08:00", zone: Asia/Shanghai}}`
	wrong(t, sheet("hydrology", hourColumn+", "+day), "the same rain would count twice")
	// By a map of its own it comes to the same series: the total is refused, the hours stand.
	l := newLane(t)
	out := l.send(sheet("hydrology", hourColumn), "s,t,v\nEX80P301,2026-06-01 07:00,20\nEX80P301,2026-06-01 08:00,28.5\n")
	l.refuses(l.send(sheet("hydrology", day), "s,t,d\nEX80P301,2026-06-01 08:00,48.5\n"), hydro.IntervalInvalid, "is the total of a day")
	sums := accumulation.Sums(l.engine.History(out.taken[0].Key), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), 8*time.Hour, time.FixedZone("", 8*3600), nil)
	if s := sums[len(sums)-1]; s.Rain != 48.5 {
		t.Errorf("%+v", s)
	}
}

func TestTrapFineAndCoarseRainOfTheSameTime(t *testing.T) {
	l := newLane(t)
	data := "s,t,v,i\n"
	for m := 5; m < 60; m += 5 {
		data += fmt.Sprintf("EX80P301,2026-06-01 11:%02d,1,0.05\n", m)
	}
	out := l.send(sheet("hydrology", "{column: v, variable: rain, unit: mm, interval_from: {column: i, notation: HH.mm}}"), data+"EX80P301,2026-06-01 12:00,12,1.00\n")
	sums := accumulation.Sums(l.engine.History(out.taken[0].Key), now, 8*time.Hour, time.FixedZone("", 8*3600), nil)
	if s := sums[slices.IndexFunc(sums, func(s accumulation.Sum) bool { return s.Window == time.Hour })]; math.Abs(s.Rain-12) > 1e-9 {
		t.Errorf("%g mm in the hour, want 12 and not 23", s.Rain)
	}
}

func TestTrapRunningTotalForIntervals(t *testing.T) {
	newLane(t).suspected(sheet("weather", hourColumn), newLane(t).series("EXG1001", 5*time.Minute, 2, 4, 5.5, 7), "a row every 5 min, each over 1 h")
}

func TestTrapCentimetresForMetres(t *testing.T) {
	l := newLane(t)
	data := l.series(enping, 5*time.Minute, 521, 522, 523)
	l.allFlagged(l.send(sheet("hydrology", levelColumn), data), 3, hydro.Fail, hydro.TestRange)
	l.suspected(sheet("hydrology", levelColumn), data, "would be inside if they were in cm")
}

func TestTrapTenThousandForMillionCubicMetres(t *testing.T) {
	l := newLane(t)
	column := strings.Replace(storageColumn, "column: w", "column: v", 1)
	l.flagged(l.one(l.send(sheet("water_resources", column), l.series("EXRR401", 0, 22490))), hydro.Fail, hydro.TestRange)
	l.suspected(sheet("water_resources", column), l.series("EXRR401", time.Hour, 22490, 22500, 22510), "1e4 m3")
	if o := l.one(newLane(t).send(sheet("water_resources", strings.Replace(column, "1e6", "1e4", 1)), l.series("EXRR401", 0, 22490))); o.Value != 224.9 {
		t.Errorf("%g", o.Value)
	}
	wrong(t, sheet("water_resources", strings.Replace(column, ", unit: 1e6 m3", "", 1)), "state the unit of storage")
}

func TestTrapStorageAgainstItsLevel(t *testing.T) {
	l := newLane(t)
	columns := levelColumn + ", " + storageColumn
	// Both are possible on their own; by the curve 85.75 m hold 224.9 million m³.
	const data = "s,t,v,w\nEXRR401,2026-06-01 10:00,85.75,112\nEXRR401,2026-06-01 11:00,85.8,113\nEXRR401,2026-06-01 12:00,85.9,114\n"
	l.suspected(sheet("water_resources", columns), data, "times that of the level by the storage curve")
	if out := l.send(sheet("water_resources", columns), data); len(out.taken) != 6 {
		t.Fatalf("%+v", out)
	}
	for _, o := range l.tick() {
		if o.Variable == hydro.Storage {
			l.flagged(o, hydro.Suspect, hydro.TestStorageCurve)
			return
		}
	}
	t.Error("the volume was not doubted")
}

func TestTrapReservoirLevelOnAnotherDatum(t *testing.T) {
	l := newLane(t)
	l.refuses(l.send(sheet("water_resources", strings.Replace(levelColumn, "PEARL_RIVER", "NATIONAL_1985", 1)), l.series("EXRR401", 0, 86.5)), hydro.DatumMismatch, "declare a surveyed offset")
	l.refuses(l.send(sheet("water_resources", strings.Replace(levelColumn, "datum: PEARL_RIVER", "datum_from: {column: d}", 1)), "s,t,v,d\nEXRR401,2026-06-01 12:00,86.5,\n"), hydro.DatumMissing, "the station's own is PEARL_RIVER")
	wrong(t, sheet("water_resources", strings.Replace(levelColumn, ", datum: PEARL_RIVER", "", 1)), "state the datum of the levels")
}

func TestTrapNegativeRain(t *testing.T) {
	l := newLane(t)
	l.refuses(l.send(sheet("weather", hourColumn), l.series("EXG1001", time.Hour, -0.2, -3)), hydro.ValueImpossible, "0 to 2000 mm")
}

func TestTrapTenthsTakenForMillimetres(t *testing.T) {
	l := newLane(t)
	l.flagged(l.one(l.send(sheet("weather", hourColumn), l.series("EXG1001", 0, 451))), hydro.Suspect, hydro.TestRange) // 45.1 mm
	l.suspected(sheet("weather", hourColumn), l.series("EXG1001", time.Hour, 12, 7, 0, 31, 64, 102, 8), "is the unit 0.1 mm?")
}

func TestTrapIntervalStartForEnd(t *testing.T) {
	l := newLane(t)
	start := strings.Replace(sheet("weather", hourColumn), "zone:", "stamps: start, zone:", 1)
	if o := l.one(l.send(start, "s,t,v\nEXG1001,2026-06-01 11:00,5\n")); !o.At.Equal(now) || o.Interval != time.Hour {
		t.Errorf("%+v", o)
	}
	// The end of the running hour taken for its start would lie in the future.
	l.refuses(l.send(start, "s,t,v\nEXG1001,2026-06-01 12:00,5\n"), hydro.TimeInFuture, "1h0m0s ahead")
	wrong(t, strings.Replace(start, "start", "middle", 1), "neither end nor start")
}

func TestTrapNullTakenForZero(t *testing.T) {
	l := newLane(t)
	out := l.send(sheet("hydrology", hourColumn), "s,t,v\nEX80P301,2026-06-01 10:00,NULL\nEX80P301,2026-06-01 11:00,\nEX80P301,2026-06-01 12:00,0\n")
	if o := l.one(out); out.missing != 2 || o.Value != 0 || !o.At.Equal(now) {
		t.Errorf("%+v", out)
	}
	lines := strings.Replace(sheet("hydrology", hourColumn), "files: [{", "files: [{format: jsonl, ", 1)
	if out = l.send(lines, `{"s":"EX80P301","t":"2026-06-01 11:00","v":null}`+"\n"+`{"s":"EX80P301","t":"2026-06-01 11:00"}`); out.missing != 2 || len(out.taken) > 0 {
		t.Errorf("%+v", out)
	}
	// A NULL that the map does not list is no zero either.
	l.doubts(l.send(sheet("hydrology", hourColumn), "s,t,v\nEX80P301,2026-06-01 12:00,null\nEX80P301,2026-06-01 12:00,-\n"), feed.NotANumber, "neither a number nor listed under missing")
	l.suspected(sheet("hydrology", "{column: v, variable: discharge, unit: m3/s}"), l.series(enping, 5*time.Minute, 0, 0, 0, 0, 0, 0), "is NULL written as 0?")
}

func TestTrapDecimalComma(t *testing.T) {
	l := newLane(t)
	l.doubts(l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 12:00,\"5,21\"\n"), feed.NotANumber, "state decimal")
	l.doubts(l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 12:00,5,21\n"), feed.RowUnreadable, "wrong number of fields") // not 5 m
	l.doubts(l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 12:00,\"1,005.21\"\n"), feed.NotANumber, "groups of thousands must go")
	comma := strings.Replace(sheet("hydrology", levelColumn), "files: [{", `files: [{decimal: ",", `, 1)
	if o := l.one(l.send(comma, "s;t;v\n"+enping+";2026-06-01 12:00;5,21\n")); o.Value != 5.21 {
		t.Errorf("%+v", o)
	}
	l.doubts(l.send(comma, "s;t;v\n"+enping+";2026-06-01 12:00;5.210\n"), feed.NotANumber, "commas are the decimal mark")
}

func TestTrapGateNumberMissing(t *testing.T) {
	l := newLane(t)
	l.doubts(l.send(sheet("water_resources", gateColumn), "s,t,v,no\nEXDD501,2026-06-01 12:00,1.5,\nEXDD501,2026-06-01 12:00,1.5,0\n"), feed.SensorUnreadable, "which one is meant is not known")
	l.refuses(l.send(sheet("water_resources", gateColumn), "s,t,v,no\nEXDD501,2026-06-01 12:00,1.5,3\n"), hydro.UnknownVariable, "sensor 3")
	wrong(t, sheet("water_resources", "{column: v, variable: gate_opening, unit: m}"), "state the number of the gate")
	if o := l.one(l.send(sheet("water_resources", gateColumn), "s,t,v,no\nEXDD501,2026-06-01 12:00,1.5,2\n")); o.Sensor != 2 {
		t.Errorf("%+v", o)
	}
}

func TestTrapPanTakenForItsCatchment(t *testing.T) {
	files := hydro.File{Name: "x.yaml", Data: []byte("catalog: {name: x, title: {zh: x, en: x}}\nbasins:\n  - id: b\n    sub_basins:\n      - {id: s, runoff: {method: xinanjiang, pan: e, evaporation: 4}}\n")}
	_, problems := catalog.Load([]hydro.File{files})
	if !slices.ContainsFunc(problems, func(p catalog.Problem) bool { return strings.Contains(p.Message, "pan_factor") }) {
		t.Errorf("a pan without its coefficient is not refused: %v", problems)
	}
	l := newLane(t)
	l.change("[{variable: water_level, fail_outside: [1.5, 14]}]", "[{variable: water_level, fail_outside: [1.5, 14]}, {variable: pan_evaporation, every: 24h}]")
	pan := sheet("hydrology", `{column: v, variable: pan_evaporation, unit: mm, day: {ends: "08:00", zone: Asia/Shanghai}}`)
	if o := l.one(l.send(pan, "s,t,v\n"+enping+",2026-06-01 08:00,6.4\n")); o.Value != 6.4 || o.Interval != 24*time.Hour { // as the pan says: the coefficient is the catchment's
		t.Errorf("%+v", o)
	}
	l.refuses(l.send(pan, "s,t,v\n"+enping+",2026-05-31 08:00,640\n"), hydro.ValueImpossible, "0 to 100 mm")
}

func TestTrapFrozenSensor(t *testing.T) {
	l := newLane(t)
	still := make([]float64, 74) // a little over 6 h
	for i := range still {
		still[i] = 5.123
	}
	out := l.send(sheet("hydrology", levelColumn), l.series(enping, 5*time.Minute, still...))
	l.flagged(out.taken[len(out.taken)-1], hydro.Suspect, hydro.TestStuck)
	l.suspected(sheet("hydrology", levelColumn), l.series(enping, 5*time.Minute, still...), "all 74 values of v are 5.123")
}

func TestTrapSpike(t *testing.T) {
	l := newLane(t)
	out := l.send(sheet("hydrology", levelColumn), l.series(enping, 5*time.Minute, 5, 5.02, 8.9, 5.03))
	last := map[time.Time]hydro.Observation{}
	for _, o := range out.taken {
		last[o.At] = o
	}
	l.flagged(last[now.Add(-5*time.Minute)], hydro.Fail, hydro.TestSpike)
	if o := last[now]; o.Quality != hydro.Pass {
		t.Errorf("after the spike: %+v", o)
	}
}

func TestTrapGBKNames(t *testing.T) {
	named := "department: hydrology\nfiles: [{encoding: gbk, station: 测站, time: {column: 时间, layout: \"2006-01-02 15:04\", zone: Asia/Shanghai}, columns: [{column: 水位, variable: water_level, unit: m, datum: PEARL_RIVER}]}]"
	data, err := simplifiedchinese.GBK.NewEncoder().String("测站,时间,水位\n恩平,2026-06-01 12:00,5.21\n")
	if err != nil {
		t.Fatal(err)
	}
	l := newLane(t)
	l.change("codes: [EX80A101]", "codes: [EX80A101, 恩平]")
	if o := l.one(l.send(named, data)); o.Station != "h-enping" || o.Value != 5.21 {
		t.Errorf("%+v", o)
	}
	if out := l.send(strings.Replace(named, "encoding: gbk, ", "", 1), data); !errors.Is(out.err, hydro.ErrInvalid) || !strings.Contains(out.err.Error(), "state encoding: gb18030") {
		t.Errorf("read as UTF-8: %+v", out)
	}
	if out := l.send(sheet("hydrology", levelColumn), "s,t,v\n\xb6\xf7\xc6\xbd,2026-06-01 12:00,5\n"); len(out.problems) != 1 || out.problems[0].Reason != feed.StationMissing {
		t.Errorf("a name in GBK: %+v", out)
	}
}

func TestTrapRelativeLevelFFFF(t *testing.T) {
	l := newLane(t)
	relative := strings.Replace(levelColumn, "unit: m,", "unit: cm,", 1)
	l.doubts(l.send(sheet("hydrology", relative), l.series(enping, 0, 65535)), feed.MissingValue, "65535") // 655.35 m
	l.refuses(l.send(sheet("hydrology", levelColumn), l.series(enping, 0, 65535)), hydro.MissingValue, "no value")
}

func TestTrapDoubtedStormOfTheWeatherService(t *testing.T) {
	l := newLane(t)
	cma := sheet("weather", "{column: v, variable: rain, unit: mm, interval: 1h, quality: {column: q, take: [0, 1, 3, 4, 9]}}")
	if o := l.one(l.send(cma, "s,t,v,q\nEXG1001,2026-06-01 12:00,118.5,1\n")); !o.Quality.Usable() { // code 1, suspect: the heaviest rain is doubted first
		t.Errorf("%+v", o)
	}
	l.doubts(l.send(cma, "s,t,v,q\nEXG1001,2026-06-01 12:00,301,2\nEXG1001,2026-06-01 12:00,1,\n"), feed.QualityRefused, "which the map does not take")
}

func TestTrapColumnsMoved(t *testing.T) {
	l := newLane(t)
	two := sheet("hydrology", "{column: z, variable: water_level, unit: m, datum: PEARL_RIVER}, {column: q, variable: discharge, unit: m3/s}")
	out := l.send(two, "q,t,s,new,z\n315.2,2026-06-01 12:00,"+enping+",1,5.21\n")
	if len(out.taken) != 2 || out.taken[0].Value != 5.21 || out.taken[1].Value != 315.2 {
		t.Errorf("%+v", out)
	}
	for _, header := range []string{"s,t,z\n", "s,t,z,q,z\n"} { // a column is gone, a column is there twice
		if out := l.send(two, header+enping+",2026-06-01 12:00,5.21\n"); !errors.Is(out.err, hydro.ErrInvalid) || len(out.taken) > 0 {
			t.Errorf("%q: %+v", header, out)
		}
	}
}

func TestTrapHalfAFile(t *testing.T) {
	l := newLane(t)
	array := strings.Replace(sheet("hydrology", levelColumn), "files: [{", "files: [{format: json, ", 1)
	if out := l.send(array, `[{"s":"`+enping+`","t":"2026-06-01 12:00","v":5}`); !errors.Is(out.err, io.ErrUnexpectedEOF) || !errors.Is(out.err, hydro.ErrInvalid) || len(out.taken) != 1 {
		t.Errorf("%+v", out)
	}
	l.doubts(l.send(sheet("hydrology", levelColumn), "s,t,v\n"+enping+",2026-06-01 1"), feed.RowUnreadable, "wrong number of fields")
}

func TestTrapUnclosedQuote(t *testing.T) {
	out := newLane(t).send(sheet("hydrology", levelColumn), "s,t,v\n\""+enping+",2026-06-01 12:00,5\n"+strings.Repeat("x,2026-06-01 12:00,5\n", 60_000))
	if !errors.Is(out.err, hydro.ErrInvalid) || !strings.Contains(out.err.Error(), "is a quote not closed?") {
		t.Errorf("%v", out.err)
	}
}
