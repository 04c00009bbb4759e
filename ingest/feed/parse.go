package feed

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const (
	maxMapBytes = 1 << 20
	maxSkip     = 1000
)

// Parse reads a map. If it is wrong the error is [Mistakes], which lists all of
// them with line and column; name is what it calls the file.
func Parse(name string, data []byte) (*Map, error) { return ParseFor(name, data, nil) }

// ParseFor is [Parse], and checks the map against a catalogue as [Map.Check]
// does, so that the mistakes of both kinds are listed together.
func ParseFor(name string, data []byte, cat *catalog.Catalog) (m *Map, err error) {
	defer func() { // the YAML parser is not ours
		if r := recover(); r != nil {
			m, err = nil, Mistakes{{File: name, Message: fmt.Sprintf("not readable as YAML: %v", r)}}
		}
	}()
	p := mapParser{mistakes: mistakes{name: name}}
	m = p.parse(data)
	if cat != nil && m != nil {
		p.check(m, cat)
	}
	if len(p.list) > 0 {
		slices.SortStableFunc(p.list, func(a, b catalog.Problem) int {
			return cmp.Or(a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Message, b.Message))
		})
		return nil, p.list
	}
	return m, nil
}

type mapParser struct{ mistakes }

func (p *mapParser) parse(data []byte) *Map {
	if len(data) > maxMapBytes {
		p.list = append(p.list, catalog.Problem{File: p.name, Message: "larger than 1 MB"})
		return nil
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		p.yaml(err)
		return nil
	}
	p.tree = tree
	var f mapFile
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		ast.Walk(spellNulls{}, doc.Body)
		if err := yaml.NewDecoder(strings.NewReader(""), yaml.Strict()).DecodeFromNode(doc.Body, &f); err != nil {
			p.yaml(err)
			return nil
		}
		break // one document is a map
	}
	m := &Map{Step: p.duration("$.step", f.Step, 5*time.Minute), name: p.name, tree: tree}
	// Readings of a step reach the server before its clock is there, and a
	// reading more than 10 min ahead of the clock is refused.
	if m.Step < time.Second || m.Step > 10*time.Minute {
		p.fail("$.step", "must be 1s to 10m")
	}
	if f.Department != "" {
		if m.department, err = hydro.ParseDepartment(f.Department); err != nil {
			p.fail("$.department", "%q is none of weather, hydrology, water_resources", f.Department)
		}
	}
	if len(f.Files) == 0 {
		p.fail("$.files", "name at least one file")
	}
	seen := map[hydro.Key]series{}
	for i := range f.Files {
		if f.Files[i].File == "" && len(f.Files) > 1 {
			p.fail(fmt.Sprintf("$.files[%d].file", i), "name the file, or a glob such as *-level.csv: there are several shapes")
		}
		m.Files = append(m.Files, p.file(fmt.Sprintf("$.files[%d]", i), m.department, &f.Files[i], seen))
	}
	if len(p.list) == 0 {
		for i := range m.Files {
			m.Files[i].plan = m.Files[i].planned()
		}
	}
	return m
}

// A series is a column that is named already.
type series struct {
	name     string
	filtered bool
	column   Column
}

func (p *mapParser) file(at string, d hydro.Department, f *fileFile, seen map[hydro.Key]series) File {
	out := File{
		Pattern: string(f.File), Delimiter: ',', Missing: texts(f.Missing), Trace: texts(f.Trace), Station: string(f.Station),
		Where: p.filters(at+".where", f.Where), Except: p.filters(at+".except", f.Except),
	}
	if _, err := path.Match(out.Pattern, ""); err != nil {
		p.fail(at+".file", "%q is neither a file's name nor a glob such as *-level.csv", out.Pattern)
	}
	p.shape(at, f, &out)
	out.Time = p.time(at+".time", &f.Time, f.Columns)
	if len(f.Columns) == 0 {
		p.fail(at+".columns", "name at least one column")
	}
	for i := range f.Columns {
		where := fmt.Sprintf("%s.columns[%d]", at, i)
		c := p.column(where, d, &f.Columns[i], out.Station)
		out.Columns = append(out.Columns, c)
		if c.Variable == 0 || c.Station == "" && out.Station == "" || c.SensorFrom != "" {
			continue
		}
		id := hydro.Key{Station: c.Station, Variable: c.Variable, Sensor: c.Sensor}
		name := id.String()
		if c.Station == "" {
			id.Station = at // the stations of one table
			name = c.Variable.String()
		}
		now := series{name: out.Pattern + ", column " + c.Column, filtered: len(c.Where) > 0, column: c}
		before, twice := seen[id]
		switch {
		case twice && c.Variable == hydro.Rain && !sameInterval(&before.column, &c):
			p.fail(where, "%s is already the series of %s, over another interval: the same rain would count twice; leave one of the two out", name, before.name)
		case twice && (!now.filtered || !before.filtered):
			p.fail(where, "%s is already the series of %s", name, before.name)
		}
		seen[id] = now
	}
	if f.Header != nil && !*f.Header {
		p.numbers(at, &out)
	}
	return out
}

func sameInterval(a, b *Column) bool {
	return a.Interval == b.Interval && a.IntervalFrom == b.IntervalFrom && (a.Day == nil) == (b.Day == nil)
}

// shape reads how the rows of a file are written.
func (p *mapParser) shape(at string, f *fileFile, out *File) {
	switch f.Format {
	case "", "csv":
	case "json":
		out.Format = JSON
	case "jsonl":
		out.Format = JSONLines
	default:
		p.fail(at+".format", "%q is none of csv, json, jsonl", f.Format)
	}
	switch strings.ToLower(f.Encoding) {
	case "", "utf-8", "utf8":
	case "gbk", "gb2312", "gb18030":
		out.Encoding = GB18030
	default:
		p.fail(at+".encoding", "%q is none of utf-8, gbk, gb18030", f.Encoding)
	}
	if f.Delimiter != "" {
		out.Delimiter = p.character(at+".delimiter", f.Delimiter)
	}
	if f.Comment != "" {
		if out.Comment = p.character(at+".comment", f.Comment); out.Comment == out.Delimiter {
			p.fail(at+".comment", "%q is the delimiter", f.Comment)
		}
	}
	if out.Skip = f.Skip; f.Skip < 0 || f.Skip > maxSkip {
		p.fail(at+".skip", "%d is not 0 to %d lines", f.Skip, maxSkip)
	}
	switch f.Decimal {
	case "", ".":
	case ",":
		out.Comma = true
	default:
		p.fail(at+".decimal", `%q is neither "." nor ","`, f.Decimal)
	}
	if out.Comma && out.Delimiter == ',' && out.Format == CSV && f.Delimiter != "" {
		p.fail(at+".decimal", "the comma is the delimiter already")
	} else if out.Comma && f.Delimiter == "" && out.Format == CSV {
		out.Delimiter = ';' // what programs that write decimal commas put between cells
	}
	if f.Rows != "" {
		if out.Rows = strings.Split(string(f.Rows), "."); out.Format != JSON {
			p.fail(at+".rows", "only format: json has rows at a path")
		}
	}
	out.NoHeader = f.Header != nil && !*f.Header
	if out.Format != CSV {
		whole := out.Format == JSON
		p.needless(at, "format: "+f.Format, key{"delimiter", f.Delimiter != ""}, key{"header", f.Header != nil}, key{"skip", f.Skip != 0 && whole}, key{"comment", f.Comment != "" && whole})
	}
}

func (p *mapParser) character(at, s string) rune {
	r := []rune(s)
	if len(r) != 1 || r[0] == '"' || r[0] == '\r' || r[0] == '\n' || r[0] == 0xFFFD || r[0] == 0 {
		p.fail(at, "%q is not one character", s)
		return ','
	}
	return r[0]
}

// numbers checks that the columns of a file without a header are named by
// number.
func (p *mapParser) numbers(at string, f *File) {
	names := (&File{Station: f.Station, Time: f.Time, Where: f.Where, Except: f.Except, Columns: f.Columns}).planned().names
	for _, name := range names {
		if n, err := strconv.Atoi(name); err != nil || n < 1 || n > 10_000 {
			p.fail(at+".header", "without a header, columns are named by their number, from 1: %q is none", name)
		}
	}
}

func (p *mapParser) filters(at string, in map[scalar][]scalar) []Filter {
	var out []Filter
	for _, column := range slices.Sorted(maps.Keys(in)) {
		if len(in[column]) == 0 || column == "" {
			p.fail(at, "name the values of the column %q", string(column))
		}
		out = append(out, Filter{Column: string(column), Values: texts(in[column])})
	}
	return out
}

func (p *mapParser) time(at string, f *timeFile, columns []columnFile) Time {
	t := Time{Columns: texts(f.Columns), Layout: f.Layout}
	switch {
	case f.Column != "" && len(f.Columns) > 0:
		p.fail(at+".columns", "name one column or several, not both")
	case f.Column != "":
		t.Columns = []string{string(f.Column)}
	case len(f.Columns) == 0:
		p.fail(at+".column", "name the column of the time")
		t.Columns = []string{""}
	}
	if slices.Contains(t.Columns, "") && len(f.Columns) > 0 {
		p.fail(at+".columns", "name each column of the time")
	}
	p.layout(at, &t, columns)
	switch {
	case f.Zone == "" && !carriesZone(f.Layout):
		p.fail(at+".zone", "state the zone of the times, e.g. UTC, Asia/Shanghai or +08:00: guessing costs hours")
	case f.Zone != "" && carriesZone(f.Layout):
		p.fail(at+".zone", "the layout carries the zone: leave it out")
	case f.Zone != "":
		t.Zone = p.zone(at+".zone", f.Zone)
	default:
		t.Zone = time.UTC
	}
	switch f.Stamps {
	case "", "end":
	case "start":
		t.AtStart = true
	default:
		p.fail(at+".stamps", "%q is neither end nor start (of the interval)", f.Stamps)
	}
	return t
}

// layout checks that a layout can tell apart the parts of an instant.
func (p *mapParser) layout(at string, t *Time, columns []columnFile) {
	switch t.Layout {
	case "":
		p.fail(at+".layout", `say how times are written, e.g. "2006-01-02 15:04", unix or unix_ms`)
		return
	case unixSeconds, unixMillis:
		return
	}
	if strings.Contains(t.Layout, "MST") {
		p.fail(at+".layout", "abbreviations of zones are not unique (CST is one of China and one of America): have times written with their offset, or state zone")
		return
	}
	switch resolve(t.Layout) {
	case nothing:
		p.fail(at+".layout", `%q is no layout of date and time; write 2006-01-02 15:04:05 the way the file writes times`, t.Layout)
	case days:
		t.dateOnly = true
		for i := range columns {
			if columns[i].Day == nil {
				p.fail(at+".layout", `%q has no time of day, which only totals of a day (day: {ends: ...}) can do without; write 2006-01-02 15:04:05 the way the file writes times`, t.Layout)
				return
			}
		}
	case hours, minutes:
	}
}

func (p *mapParser) zone(at, s string) *time.Location {
	loc, err := catalog.ParseZone(s)
	if err != nil {
		p.fail(at, "%v", err)
		return time.UTC
	}
	return loc
}

func (p *mapParser) column(at string, d hydro.Department, f *columnFile, stations string) Column {
	c := Column{
		Column: string(f.Column), Station: string(f.Station), Factor: 1, SensorFrom: string(f.SensorFrom),
		Where: p.filters(at+".where", f.Where), Except: p.filters(at+".except", f.Except),
	}
	if f.Column == "" {
		p.fail(at+".column", "name the column")
	}
	if utf8.RuneCountInString(c.Station) > maxName {
		p.fail(at+".station", "a station's name has at most %d characters", maxName)
	}
	if f.Station == "" && stations == "" {
		p.fail(at+".station", "name the station, or for the whole file the column that names it")
	}
	v, err := hydro.ParseVariable(f.Variable)
	if err != nil {
		p.fail(at+".variable", "%q is no variable; one of %s", f.Variable, variableNames())
	}
	c.Variable = v
	p.sensor(at, f, &c)
	if q := f.Quality; q != nil {
		if c.Quality = (&Filter{string(q.Column), texts(q.Take)}); q.Column == "" || len(q.Take) == 0 {
			p.fail(at+".quality", "name the column of the codes, and under take those with which a value is taken")
		}
	}
	if v == 0 {
		return c
	}
	if d != 0 && !slices.Contains(reported[d], v) {
		p.fail(at+".variable", "reports of the department %s cannot carry %s", d, v)
	}
	u, ok := units[v][f.Unit]
	if !ok {
		p.fail(at+".unit", "state the unit of %s: one of %s", v, unitNames(v))
		u = own(1)
	}
	c.Unit, c.Factor, c.codes = u.raw, u.factor, hydro.UnitOwn
	if d == hydro.Hydrology && u.raw == hydro.TenthMM { // whose reports carry rain in mm only
		c.Unit, c.Factor, c.codes = hydro.UnitOwn, 0.1, hydro.TenthMM
	}
	p.datum(at, f, &c)
	p.interval(at, f, &c)
	return c
}

func (p *mapParser) sensor(at string, f *columnFile, c *Column) {
	switch {
	case f.Sensor < 0 || f.Sensor > math.MaxUint8:
		p.fail(at+".sensor", "%d is not 0 to 255", f.Sensor)
	case f.Sensor != 0 && f.SensorFrom != "":
		p.fail(at+".sensor", "state the number or the column that tells it, not both")
	case f.Sensor == 0 && f.SensorFrom == "" && c.Variable == hydro.GateOpening:
		p.fail(at+".sensor", "state the number of the gate, from 1, or under sensor_from the column that tells it")
	default:
		c.Sensor = uint8(f.Sensor)
	}
}

func (p *mapParser) datum(at string, f *columnFile, c *Column) {
	stated := f.Datum != "" || len(f.Datums) > 0 || f.DatumFrom != nil
	switch {
	case c.Variable == hydro.WaterLevel && !stated:
		p.fail(at+".datum", "state the datum of the levels")
	case c.Variable != hydro.WaterLevel && stated:
		p.fail(at+".datum", "%s has no datum", c.Variable)
	}
	c.Datum = p.datumName(at+".datum", f.Datum)
	if len(f.Datums) > 0 {
		c.Datums = map[string]hydro.Datum{}
	}
	for station, name := range f.Datums {
		c.Datums[string(station)] = p.datumName(at+".datums", name)
	}
	if from := f.DatumFrom; from != nil {
		if from.Column == "" {
			p.fail(at+".datum_from.column", "name the column of the datum")
		}
		if f.Datum != "" || len(f.Datums) > 0 {
			p.fail(at+".datum_from", "state the datum or the column that tells it, not both")
		}
		c.DatumFrom, c.DatumNames = string(from.Column), map[string]hydro.Datum{}
		for written, name := range from.Names {
			c.DatumNames[string(written)] = p.datumName(at+".datum_from.names", name)
		}
	}
}

func (p *mapParser) datumName(at, name string) hydro.Datum {
	if utf8.RuneCountInString(name) > maxDatum {
		p.fail(at, "a datum's name has at most %d characters", maxDatum)
	}
	return hydro.Datum(name)
}

func (p *mapParser) interval(at string, f *columnFile, c *Column) {
	v := c.Variable
	if !v.Amount() {
		p.needless(at, v.String(), key{"interval", f.Interval != ""}, key{"interval_from", f.IntervalFrom != nil}, key{"day", f.Day != nil})
		return
	}
	if f.Day != nil {
		if f.Interval != "" || f.IntervalFrom != nil {
			p.fail(at+".day", "a day's total is over its day: state no other interval")
		}
		c.Day = &Day{Zone: time.UTC}
		ends, err := parseClock(string(f.Day.Ends))
		if err != nil {
			p.fail(at+".day.ends", "state when the day ends: 08:00 of hydrologists, 20:00 of the weather service, 00:00")
		}
		c.Day.Ends = ends
		if f.Day.Zone == "" {
			p.fail(at+".day.zone", "state the zone of the day's end, e.g. Asia/Shanghai")
		} else {
			c.Day.Zone = p.zone(at+".day.zone", f.Day.Zone)
		}
		return
	}
	if from := f.IntervalFrom; from != nil {
		if from.Column == "" {
			p.fail(at+".interval_from.column", "name the column of the interval")
		}
		c.IntervalFrom, c.Notation = string(from.Column), Notation(from.Notation)
		if !slices.Contains(Notations, c.Notation) {
			p.fail(at+".interval_from.notation", "state how it writes intervals: one of %s", notationNames())
		}
		if f.Interval == "" {
			return
		}
	}
	if c.Interval = p.duration(at+".interval", f.Interval, 0); c.Interval < time.Minute || c.Interval > 24*time.Hour || c.Interval%time.Second != 0 {
		p.fail(at+".interval", "state the interval of the %s, 1m to 24h", v)
	}
}

func notationNames() string {
	names := make([]string, len(Notations))
	for i, n := range Notations {
		names[i] = string(n)
	}
	return strings.Join(names, ", ")
}

// A key is one of a map, and whether it is stated.
type key struct {
	name   string
	stated bool
}

// needless notes the keys that are stated although they mean nothing there.
func (p *mapParser) needless(at, what string, keys ...key) {
	for _, k := range keys {
		if k.stated {
			p.fail(at+"."+k.name, "%s has no %s", what, strings.ReplaceAll(k.name, "_from", ""))
		}
	}
}

func (p *mapParser) duration(at, s string, unset time.Duration) time.Duration {
	if s == "" {
		return unset
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		p.fail(at, "%q is no duration such as 5m or 1h", s)
		return unset
	}
	return d
}
