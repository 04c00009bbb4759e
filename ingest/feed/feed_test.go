package feed_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"
	"pgregory.net/rapid"

	"freshet/ingest/feed"
	"freshet/internal/hydro"
)

func parse(t testing.TB, text string) *feed.Map {
	t.Helper()
	m, err := feed.Parse("map.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func read(t testing.TB, m *feed.Map, data string) []feed.Row {
	t.Helper()
	var rows []feed.Row
	if err := m.Read(strings.NewReader(data), func(r feed.Row) error { rows = append(rows, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return rows
}

// say prints what became of rows, one value or problem a line.
func say(rows []feed.Row) string {
	var b strings.Builder
	for _, r := range rows {
		for _, raw := range r.Raws {
			fmt.Fprintf(&b, "%d %s %s", r.Line, raw.Station, raw.Variable)
			if raw.Sensor != 0 {
				fmt.Fprintf(&b, "/%d", raw.Sensor)
			}
			fmt.Fprintf(&b, " %s", strconv.FormatFloat(raw.Value, 'g', 12, 64))
			if raw.Unit != hydro.UnitOwn {
				fmt.Fprintf(&b, " unit %d", raw.Unit)
			}
			fmt.Fprintf(&b, " %s", raw.At.Format("2006-01-02T15:04Z07:00"))
			if raw.Interval != 0 {
				fmt.Fprintf(&b, " over %s", raw.Interval)
			}
			if raw.Datum != "" {
				fmt.Fprintf(&b, " on %s", raw.Datum)
			}
			b.WriteString("\n")
		}
		for _, p := range r.Problems {
			fmt.Fprintf(&b, "%d:%d %s %s\n", p.Line, p.Column, p.Reason, p.Message)
		}
		if r.Missing > 0 {
			fmt.Fprintf(&b, "%d missing %d\n", r.Line, r.Missing)
		}
		if r.Filtered {
			fmt.Fprintf(&b, "%d filtered\n", r.Line)
		}
	}
	return b.String()
}

// same compares what became of data with lines of [say].
func same(t *testing.T, m *feed.Map, data string, want ...string) {
	t.Helper()
	if d := cmp.Diff(strings.Join(want, "\n")+"\n", say(read(t, m, data))); d != "" {
		t.Error(d)
	}
}

const river = `
department: hydrology
files:
  - station: STCD
    time: {column: TM, layout: "2006-01-02 15:04:05", zone: Asia/Shanghai}
    missing: [NULL]
    columns:
      - {column: Z, variable: water_level, unit: m, datum: PEARL_RIVER, datums: {00103: NATIONAL_1985}}
      - {column: Q, variable: discharge, unit: m3/s}
`

func TestRowsOfOneTableBecomeValuesOfTheirStations(t *testing.T) {
	m := parse(t, river)
	if m.Department() != hydro.Hydrology {
		t.Errorf("department %s", m.Department())
	}
	same(t, m, "STCD,TM,Z,Q,WPTN\n00101   ,2026-06-01 08:00:00,5.21,315.2,5\n00103,2026-06-01 08:00:00,7.02,,4\n00101,2026-06-01 08:05:00,NULL,NULL,\n",
		"2 00101 water_level 5.21 2026-06-01T00:00Z on PEARL_RIVER", "2 00101 discharge 315.2 2026-06-01T00:00Z",
		"3 00103 water_level 7.02 2026-06-01T00:00Z on NATIONAL_1985", "3 missing 1",
		"4 missing 2")
}

func TestAMistakeOfARowLeavesTheOthersAlone(t *testing.T) {
	same(t, parse(t, river), "STCD,TM,Z,Q\n,2026-06-01 08:00:00,5,1\n00101,2026-06-01 8h,5,1\n00101,2026-06-01 08:00:00,five,1\n00101,2026-06-01 08:05:00,5\n00101,2026-06-01 08:05:00,0x1p3,NaN\n\"00101,2026-06-01 08:10:00\"x,1,1\n00101,2026-06-01 08:15:00,5.5,1\n",
		"2:1 station_missing STCD: no station is named",
		`3:7 time_unreadable time "2026-06-01 8h" is not written as "2006-01-02 15:04:05"`,
		"4 00101 discharge 1 2026-06-01T00:00Z", `4:27 not_a_number Z: "five" is neither a number nor listed under missing`,
		"5:1 row_unreadable wrong number of fields",
		`6:27 not_a_number Z: "0x1p3" is neither a number nor listed under missing`, `6:33 not_a_number Q: "NaN" is neither a number nor listed under missing`,
		`7:27 row_unreadable extraneous or missing " in quoted-field`,
		"8 00101 water_level 5.5 2026-06-01T00:15Z on PEARL_RIVER", "8 00101 discharge 1 2026-06-01T00:15Z")
}

func TestAVariableMayComeFromAColumn(t *testing.T) {
	m := parse(t, `
department: hydrology
files:
  - station: id
    time: {columns: [day, hour], layout: "20060102 15", zone: "+08:00"}
    where: {source: [live, 1]}
    except: {state: [test]}
    columns:
      - {column: value, where: {element: [Z, level]}, variable: water_level, unit: m, datum: PEARL_RIVER}
      - {column: value, where: {element: [P1]}, variable: rain, unit: mm, interval: 1h}
`)
	same(t, m, "id,day,hour,element,value,source,state\n"+
		"a,20260601,8,Z,5.2,live,\na,20260601,09,P1,12.5,1.0,ok\na,20260601,9,T,31,live,\na,20260601,9,Z,5,live,test\na,20260601,9,Z,5,archive,\n",
		"2 a water_level 5.2 2026-06-01T00:00Z on PEARL_RIVER", "3 a rain 12.5 2026-06-01T01:00Z over 1h0m0s", "5 filtered", "6 filtered")
}

func TestIntervalsComeFromAColumn(t *testing.T) {
	table := func(notation, extra string) *feed.Map {
		return parse(t, `
files:
  - station: id
    time: {column: t, layout: unix}
    columns: [{column: p, variable: rain, unit: mm, interval_from: {column: i, notation: `+notation+`}`+extra+`}]
`)
	}
	for _, c := range []struct{ notation, written, want string }{
		{"HH.mm", "1.00", "1h0m0s"},
		{"HH.mm", "1", "1h0m0s"},
		{"HH.mm", "0.05", "5m0s"},
		{"HH.mm", "0.5", "50m0s"},
		{"HH.mm", "0.30", "30m0s"},
		{"HH.mm", "24.00", "24h0m0s"},
		{"HH.mm", "1.3000", "1h30m0s"},
		{"HH.mm", "0.75", "75 minutes"},
		{"HH.mm", "0.055", "not written as HH.mm"},
		{"HH.mm", "-1.00", "not written as HH.mm"},
		{"HH.mm", "1:00", "not written as HH.mm"},
		{"hours", "0.5", "30m0s"},
		{"hours", "1e300", "no number of hours"},
		{"minutes", "5", "5m0s"},
		{"seconds", "300", "5m0s"},
		{"seconds", "-300", "no number of seconds"},
		{"ISO 8601", "PT1H", "1h0m0s"},
		{"ISO 8601", "P1DT30M", "24h30m0s"},
		{"ISO 8601", "PT", "not written as in ISO 8601"},
		{"ISO 8601", "1h", "not written as in ISO 8601"},
		{"ISO 8601", "", "i does not say over which time the rain fell"},
	} {
		got := say(read(t, table(c.notation, ""), "id,t,p,i\na,1780272000,2,"+c.written+"\n"))
		if !strings.Contains(got, c.want) {
			t.Errorf("%s %q: %swant %s", c.notation, c.written, got, c.want)
		}
	}
	same(t, table("HH.mm", ", interval: 1h"), "id,t,p,i\na,1780272000,2,\n", "2 a rain 2 2026-06-01T00:00Z over 1h0m0s")
}

func TestADayEndsAtItsDepartmentsBoundary(t *testing.T) {
	day := func(time, day string) *feed.Map {
		return parse(t, "files: [{station: id, time: {"+time+"}, columns: [{column: p, variable: rain, unit: mm, day: "+day+"}]}]")
	}
	for _, c := range []struct{ name, time, day, stamp, want string }{
		{"the row of 08:00", `column: t, layout: "2006-01-02 15:04", zone: Asia/Shanghai`, `{ends: "08:00", zone: Asia/Shanghai}`, "2026-06-02 08:00", "rain 9 2026-06-02T00:00Z over 24h0m0s"},
		{"another row", `column: t, layout: "2006-01-02 15:04", zone: Asia/Shanghai`, `{ends: "08:00", zone: Asia/Shanghai}`, "2026-06-02 20:00", "day_boundary p: a total of the day that ends at 08:00 (Asia/Shanghai) in a row of 2026-06-02 20:00"},
		{"20:00 in UTC stamps", `column: t, layout: "2006-01-02 15:04", zone: UTC`, `{ends: "20:00", zone: Asia/Shanghai}`, "2026-06-02 12:00", "rain 9 2026-06-02T12:00Z over 24h0m0s"},
		{"a date that ends it", `column: t, layout: "20060102", zone: Asia/Shanghai`, `{ends: "20:00", zone: Asia/Shanghai}`, "20260602", "rain 9 2026-06-02T12:00Z over 24h0m0s"},
		{"a date that begins it", `column: t, layout: "20060102", zone: Asia/Shanghai, stamps: start`, `{ends: "08:00", zone: Asia/Shanghai}`, "20260601", "rain 9 2026-06-02T00:00Z over 24h0m0s"},
		{"midnight", `column: t, layout: "20060102", zone: Asia/Shanghai, stamps: start`, `{ends: "00:00", zone: Asia/Shanghai}`, "20260601", "rain 9 2026-06-01T16:00Z over 24h0m0s"},
		{"a short day", `column: t, layout: "20060102", zone: Europe/Berlin`, `{ends: "07:00", zone: Europe/Berlin}`, "20260329", "rain 9 2026-03-29T05:00Z over 23h0m0s"},
	} {
		if got := say(read(t, day(c.time, c.day), "id,t,p\na,"+c.stamp+",9\n")); !strings.Contains(got, c.want) {
			t.Errorf("%s: %swant %s", c.name, got, c.want)
		}
	}
}

func TestUnitsAreThoseThatRawsCanCarryOrAreConverted(t *testing.T) {
	for _, c := range []struct{ department, column, written, want string }{
		{"hydrology", "variable: water_level, unit: cm, datum: X", "521", "water_level 5.21 "},
		{"hydrology", "variable: water_level, unit: ft, datum: X", "10", "water_level 3.048 "},
		{"hydrology", "variable: water_level, unit: cm, datum: X", "-9999", `missing_value v: "-9999" is a code for "no value"`},
		{"hydrology", "variable: water_level, unit: m, datum: X", "-9999", "water_level -9999 "}, // the normalizer's to judge
		{"hydrology", "variable: discharge, unit: ft3/s", "1000", "discharge 28.316846592 "},
		{"hydrology", "variable: discharge, unit: ft3/s", "9999", "discharge 283.140149073 "},
		{"weather", "variable: rain, unit: 0.1 mm, interval: 1h", "125", "rain 125 unit 2 "},
		{"hydrology", "variable: rain, unit: 0.1 mm, interval: 1h", "125", "rain 12.5 "},
		{"hydrology", "variable: rain, unit: 0.1 mm, interval: 1h", "30125", "rain 12.5 "},
		{"hydrology", "variable: rain, unit: 0.1 mm, interval: 1h", "32700", "rain 999990 "},
		{"hydrology", "variable: rain, unit: 0.1 mm, interval: 1h", "32766", "missing_value"},
		{"weather", "variable: rain, unit: mm, interval: 1h", "T", "rain 999990 "},
		{"weather", "variable: rain, unit: mm, interval: 1h", "微量", "rain 999990 "},
		{"hydrology", "variable: rain_counter, unit: 0.1 mm", "99999", "missing_value"},
		{"hydrology", "variable: rain_counter, unit: 0.1 mm", "1235", "rain_counter 123.5 "},
		{"water_resources", "variable: storage, unit: 1e6 m3", "119.7", "storage 119.7 "},
		{"water_resources", "variable: storage, unit: 1e4 m3", "11970", "storage 11970 unit 4 "},
		{"water_resources", "variable: storage, unit: m3", "119700000", "storage 119700000 unit 3 "},
		{"water_resources", "variable: gate_opening, sensor: 2, unit: cm", "150", "gate_opening/2 1.5 "},
	} {
		m := parse(t, "department: "+c.department+"\nfiles: [{station: id, trace: [T, 微量], time: {column: t, layout: unix}, columns: [{column: v, "+c.column+"}]}]")
		if got := say(read(t, m, "id,t,v\na,1780272000,"+c.written+"\n")); !strings.Contains(got, c.want) {
			t.Errorf("%s, %s: %swant %s", c.column, c.written, got, c.want)
		}
	}
}

func TestFilesInOtherForms(t *testing.T) {
	gbk, err := simplifiedchinese.GBK.NewEncoder().String("# 合成数据\n水文站,时间,水位\n恩平,2026-06-01 08:00,5.21\n")
	if err != nil {
		t.Fatal(err)
	}
	const want = "2026-06-01T00:00Z on X\n"
	for name, c := range map[string]struct{ shape, data, want string }{
		"GBK":             {`encoding: gbk, comment: "#", station: 水文站, time: {column: 时间, layout: "2006-01-02 15:04", zone: "+08:00"}, columns: [{column: 水位`, gbk, "3 恩平 water_level 5.21 " + want},
		"byte order mark": {`station: s, time: {column: t, layout: "2006-01-02 15:04", zone: "+08:00"}, columns: [{column: z`, "\xef\xbb\xbfs,t,z\r\na,2026-06-01 08:00,5\r\n", "2 a water_level 5 " + want},
		"decimal comma":   {`decimal: ",", station: s, time: {column: t, layout: "02.01.2006 15:04", zone: "+08:00"}, columns: [{column: z`, "s;t;z\na;01.06.2026 08:00;5,25\n", "2 a water_level 5.25 " + want},
		"no header":       {`header: false, skip: 1, delimiter: "|", station: 1, time: {column: 3, layout: "2006-01-02 15:04", zone: "+08:00"}, columns: [{column: 2`, "REPORT\na|5.25|2026-06-01 08:00\n", "2 a water_level 5.25 " + want},
		"an array":        {`format: json, station: s.id, time: {column: t, layout: unix}, columns: [{column: v.0.z`, `[{"s":{"id":"a"},"t":1780272000,"v":[{"z":5.0}]}]`, "1 a water_level 5 " + want},
		"a path":          {`format: json, rows: data.rows, station: s, time: {column: t, layout: unix_ms}, columns: [{column: z`, `{"n":[1,{"rows":[]}],"data":{"x":{},"rows":[{"s":"a","t":1780272000000,"z":"5.0"},{"s":"a","t":1780272000000,"z":null},{"s":"a","t":1780272000000}],"y":1},"e":[]}`, "1 a water_level 5 " + want + "2 missing 1\n3 missing 1\n"},
		"lines":           {`format: jsonl, station: s, time: {column: t, layout: unix}, columns: [{column: z.m`, "{\"s\":59477,\"t\":1780272000,\"z.m\":5.25}\n\n{\"s\":\n[1]\n{} {}\n{\"s\":\"a\",\"t\":1780272000,\"z\":{\"m\":[]}}\n", "1 59477 water_level 5.25 " + want + "3:0 row_unreadable not readable as JSON: unexpected EOF\n4:0 row_unreadable the row is no object\n5:0 row_unreadable not readable as JSON: more than one object\n6:0 not_a_number z.m: \"[]interface {}\" is neither a number nor listed under missing\n"},
		"no column of it": {`format: jsonl, station: s, time: {column: t, layout: unix}, columns: [{column: z`, "{\"t\":1780272000,\"z\":1}\n", "1:0 column_missing there is no column \"s\"\n"},
	} {
		m := parse(t, "files: [{"+c.shape+", variable: water_level, unit: m, datum: X}]}]")
		if d := cmp.Diff(c.want, say(read(t, m, c.data))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestFilesThatAreNotWhatTheMapSaysAreErrors(t *testing.T) {
	const columns = `station: s, time: {column: t, layout: unix}, columns: [{column: z, variable: water_level, unit: m, datum: X}]`
	for name, c := range map[string]struct{ shape, data, want string }{
		"empty":            {"", "", "is empty"},
		"no such columns":  {"", "s,t\n", `line 1: there is no column "z"; the header has s, t`},
		"a column twice":   {"", "s,t,z,z\n", `line 1: the header has the column "z" twice`},
		"GBK for UTF-8":    {"", "s,t,\xca\xb1\xbc\xe4\n", "state encoding: gb18030"},
		"an open quote":    {"", "s,t,z\na,1,\"" + strings.Repeat("5,", 1<<20), "is a quote not closed?"},
		"skipped all":      {"skip: 3, ", "s,t,z\n", "ends before its header"},
		"no array":         {"format: json, ", `{"s":1}`, "state rows"},
		"no path":          {"format: json, rows: a.b, ", `{"a":{"c":[]}}`, `there is no "a.b"`},
		"a path to text":   {"format: json, rows: a.b, ", `{"a":"b"}`, `there is no "a.b"`},
		"half a file":      {"format: json, ", `[{"s":"a","t":1,"z":1}`, "unexpected EOF"},
		"half an envelope": {"format: json, rows: a, ", `{"a":[{"s":"a","t":1,"z":1}]`, "unexpected EOF"},
		"two documents":    {"format: json, ", `[] []`, "something stands behind"},
		"a huge row":       {"format: json, ", `[{"s":"` + strings.Repeat("a", 1<<21) + `"}]`, "longer than 1 MB"},
		"a huge line":      {"format: jsonl, ", `{"s":"` + strings.Repeat("a", 1<<21) + `"}`, "longer than 1 MB"},
	} {
		err := parse(t, "files: [{"+c.shape+columns+"}]").Read(strings.NewReader(c.data), func(feed.Row) error { return nil })
		if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %s", name, err, c.want)
		}
	}
	boom := errors.New("boom")
	m := parse(t, "files: [{"+columns+"}]")
	if err := m.Read(strings.NewReader("s,t,z\na,1,1\n"), func(feed.Row) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("of emit: %v", err)
	}
	if err := m.Read(io.MultiReader(strings.NewReader("s,t,z\na,1,1\n"), broken{boom}), func(feed.Row) error { return nil }); !errors.Is(err, boom) || errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("of the reader: %v", err)
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func TestMemoryIsBoundedByARowAndNotByTheFile(t *testing.T) {
	m := parse(t, river)
	rows := 0
	line := []byte("00101,2026-06-01 08:00:00,5.21,315.2\n")
	in := io.MultiReader(strings.NewReader("STCD,TM,Z,Q\n"), &repeated{line: line, left: 20_000 * len(line)})
	allocated := testing.AllocsPerRun(1, func() {
		rows = 0
		if err := m.Read(in, func(r feed.Row) error { rows += len(r.Raws); return nil }); err != nil && rows > 0 {
			t.Fatal(err)
		}
		in = io.MultiReader(strings.NewReader("STCD,TM,Z,Q\n"), &repeated{line: line, left: 20_000 * len(line)})
	})
	if rows != 40_000 || allocated > 20_000*12 {
		t.Errorf("%d values, %g allocations", rows, allocated)
	}
}

// repeated is one line many times over.
type repeated struct {
	line []byte
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && r.left > 0 {
		c := copy(p[n:min(len(p), n+r.left)], r.line[(len(r.line)-r.left%len(r.line))%len(r.line):])
		n, r.left = n+c, r.left-c
	}
	return n, nil
}

func TestOneRowIsUnderstoodAlikeHoweverItComes(t *testing.T) {
	const shape = `station: s, time: {column: t, layout: "2006-01-02 15:04", zone: Asia/Shanghai, stamps: start}, missing: [NULL, "-9999"], trace: [T],
    where: {w: [a, "1"]}, columns: [
      {column: z, variable: water_level, unit: cm, datum_from: {column: d, names: {珠江基面: PEARL_RIVER}}},
      {column: p, variable: rain, unit: mm, interval_from: {column: i, notation: HH.mm}, quality: {column: q, take: [0, 9]}}]`
	maps := []*feed.Map{parse(t, "files: [{"+shape+"}]"), parse(t, "files: [{format: json, rows: x, "+shape+"}]"), parse(t, "files: [{format: jsonl, "+shape+"}]")}
	names := []string{"s", "t", "w", "z", "d", "p", "i", "q"}
	cell := rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "1", "1.0", "NULL", "-9999", "-9999.0", "T", "5.21", "521", "1.00", "0.05", "0.75", "9", "珠江基面", "2026-06-01 08:00", "1e3", "5,2", " 7 "}),
		rapid.StringMatching(`[ -~]{0,8}`))
	rapid.Check(t, func(t *rapid.T) {
		var row []string
		object := map[string]string{}
		for _, n := range names {
			v := cell.Draw(t, n)
			switch n { // mostly sound, so that the values are reached
			case "s":
				v = rapid.SampledFrom([]string{"00101", "恩平", v}).Draw(t, "station")
			case "t":
				v = rapid.SampledFrom([]string{"2026-06-01 08:00", "2026-06-01 08:05", v}).Draw(t, "time")
			case "w":
				v = rapid.SampledFrom([]string{"a", "1.00", v}).Draw(t, "where")
			}
			row, object[n] = append(row, v), v
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		_ = w.WriteAll([][]string{names, row}) // to a buffer
		one, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		record := maps[0].Record(1, func(column string) (string, bool) { v, ok := object[column]; return v, ok })
		for i, text := range []string{b.String(), `{"x":[` + string(one) + `]}`, string(one) + "\n"} {
			var got []feed.Row
			if err := maps[i].Read(strings.NewReader(text), func(r feed.Row) error { got = append(got, r); return nil }); err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 {
				t.Fatalf("%d rows of %s", len(got), text)
			}
			got[0].Line = 1
			for k := range got[0].Problems {
				got[0].Problems[k].Line, got[0].Problems[k].Column = 1, 0
			}
			if d := cmp.Diff(record, got[0]); d != "" {
				t.Fatalf("%s\n%s", text, d)
			}
		}
		if n := len(record.Raws) + len(record.Problems) + record.Missing; !record.Filtered && n == 0 {
			t.Fatalf("nothing is said of %v", object)
		}
		for _, r := range record.Raws {
			if r.Station == "" || r.At.IsZero() || r.At.Location() != time.UTC || r.Variable.Amount() != (r.Interval != 0) && r.Interval != 0 {
				t.Fatalf("%+v", r)
			}
		}
	})
}
