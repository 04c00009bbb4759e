package feed

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"freshet/ingest"
	"freshet/internal/hydro"
)

// trace is the weather interfaces' code for rain too little to measure, which
// the normalizer knows: that is how a Raw says so.
const trace = 999990

// maxName and maxDatum are what reports can carry: one longer name would have
// the frame around it refused whole.
const (
	maxName  = 64
	maxDatum = 40
)

// A plan is a file's columns by number, so that a row looks nothing up by name.
type plan struct {
	names   []string // of the columns that are needed, each once
	must    []bool   // names that a row cannot do without
	station int      // -1: none
	time    []int
	filters []matcher
	columns []columnPlan
	missing values
	trace   values
}

type columnPlan struct {
	*Column
	cell, sensor, datum, interval int // -1: none
	filters                       []matcher
	quality                       *matcher
}

// A matcher is a filter: the cell must be, or must not be, one of the values.
type matcher struct {
	cell   int
	values values
	not    bool
}

// values are cells that mean the same: by text, or as numbers if both are one.
type values struct {
	texts   []string
	numbers []float64
	comma   bool
}

func (f *File) values(texts []string) values {
	v := values{texts: texts, comma: f.Comma}
	for _, t := range texts {
		n, err := number(t, f.Comma)
		if err != nil {
			n, err = number(t, false) // the map writes points
		}
		if err == nil {
			v.numbers = append(v.numbers, n)
		}
	}
	return v
}

func (v *values) has(cell string) bool {
	if slices.Contains(v.texts, cell) {
		return true
	}
	if len(v.numbers) == 0 {
		return false
	}
	n, err := number(cell, v.comma)
	return err == nil && slices.Contains(v.numbers, n)
}

func (f *File) planned() *plan {
	if f.plan != nil {
		return f.plan
	}
	p := &plan{missing: f.values(f.Missing), trace: f.values(f.Trace)}
	index := map[string]int{}
	at := func(name string, must bool) int {
		if name == "" {
			return -1
		}
		i, ok := index[name]
		if !ok {
			i = len(p.names)
			index[name] = i
			p.names, p.must = append(p.names, name), append(p.must, false)
		}
		p.must[i] = p.must[i] || must
		return i
	}
	matchers := func(out []matcher, filters []Filter, not bool) []matcher {
		for _, one := range filters {
			out = append(out, matcher{at(one.Column, false), f.values(one.Values), not})
		}
		return out
	}
	p.station = at(f.Station, true)
	for _, c := range f.Time.Columns {
		p.time = append(p.time, at(c, true))
	}
	p.filters = matchers(matchers(nil, f.Where, false), f.Except, true)
	for i := range f.Columns {
		c := &f.Columns[i]
		one := columnPlan{
			Column: c, cell: at(c.Column, false), sensor: at(c.SensorFrom, false),
			datum: at(c.DatumFrom, false), interval: at(c.IntervalFrom, false),
			filters: matchers(matchers(nil, c.Where, false), c.Except, true),
		}
		if c.Quality != nil {
			one.quality = &matcher{cell: at(c.Quality.Column, false), values: f.values(c.Quality.Values)}
		}
		p.columns = append(p.columns, one)
	}
	return p
}

// cells is one row: the cell of the plan's column i, and whether the row has
// that column; and where in the line it stands, 0 if that has no meaning.
type cells interface {
	cell(i int) (string, bool)
	place(i int) int
}

// row converts one row.
func (f *File) row(p *plan, line int, c cells) Row {
	r := Row{Line: line}
	get := func(i int) string {
		s, _ := c.cell(i)
		return strings.TrimSpace(s)
	}
	passes := func(filters []matcher) bool {
		for i := range filters {
			if m := &filters[i]; m.values.has(get(m.cell)) == m.not {
				return false
			}
		}
		return true
	}
	if !passes(p.filters) {
		r.Filtered = true
		return r
	}
	fail := func(i int, station string, reason Reason, err error) {
		r.Problems = append(r.Problems, Problem{Line: line, Column: c.place(i), Field: p.names[i], Station: station, Written: short(get(i)), Reason: reason, Message: err.Error()})
	}
	for i, must := range p.must {
		if _, there := c.cell(i); must && !there {
			fail(i, "", ColumnMissing, fmt.Errorf("there is no column %q", p.names[i]))
			return r
		}
	}
	station := ""
	if p.station >= 0 {
		if station = strings.Clone(get(p.station)); station == "" || p.missing.has(station) {
			fail(p.station, "", StationMissing, fmt.Errorf("%s: no station is named", f.Station))
			return r
		}
		if !utf8.ValidString(station) || utf8.RuneCountInString(station) > maxName {
			fail(p.station, "", StationMissing, fmt.Errorf("%s: %q is no station's name: it has more than %d characters, or is not UTF-8 (if it is GBK, state encoding: gb18030)", f.Station, short(station), maxName))
			return r
		}
	}
	stamp := get(p.time[0])
	if len(p.time) > 1 {
		parts := make([]string, len(p.time))
		for k, i := range p.time {
			parts[k] = get(i)
		}
		stamp = strings.Join(parts, " ")
	}
	at, err := f.Time.parse(stamp)
	if err != nil {
		fail(p.time[0], station, TimeUnreadable, err)
		return r
	}
	for i := range p.columns {
		col := &p.columns[i]
		if !passes(col.filters) {
			continue
		}
		written := get(col.cell)
		if written == "" || p.missing.has(written) {
			r.Missing++
			continue
		}
		raw, reason, err := f.raw(p, col, written, at, get)
		raw.Station = cmp.Or(raw.Station, station)
		if err != nil {
			fail(col.cell, raw.Station, reason, fmt.Errorf("%s: %w", p.names[col.cell], err))
			continue
		}
		if d, ok := col.Datums[raw.Station]; ok && col.Variable == hydro.WaterLevel && col.DatumFrom == "" {
			raw.Datum = d
		}
		r.Raws = append(r.Raws, raw)
	}
	return r
}

// raw converts one value, except for the row's station.
func (f *File) raw(p *plan, c *columnPlan, written string, at time.Time, get func(int) string) (hydro.Raw, Reason, error) {
	raw := hydro.Raw{
		Field: c.Column.Column, Station: c.Station, Variable: c.Variable, Sensor: c.Sensor,
		Unit: c.Unit, At: at.UTC(), Datum: c.Datum,
	}
	if q := c.quality; q != nil && !q.values.has(get(q.cell)) {
		return raw, QualityRefused, fmt.Errorf("%q has the code %q in %s, which the map does not take", written, get(q.cell), p.names[q.cell])
	}
	if c.Variable == hydro.Rain && p.trace.has(written) {
		raw.Value, raw.Unit = trace, hydro.UnitOwn
	} else {
		v, err := number(written, f.Comma)
		if err != nil {
			return raw, NotANumber, fmt.Errorf("%q %w", written, err)
		}
		raw.Value = v * c.Factor
		if c.Factor != 1 { // codes must be known by their written form
			as, notes, reason := ingest.Canonical(c.Variable, c.codes, v)
			switch {
			case reason == hydro.MissingValue:
				return raw, MissingValue, fmt.Errorf(`%q is a code for "no value"`, written)
			case notes&hydro.NoteTrace != 0:
				raw.Value = trace
			case c.codes == hydro.TenthMM && reason == 0:
				raw.Value = as // such codes also carry amounts
			}
		}
	}
	if c.sensor >= 0 {
		n, err := strconv.ParseUint(get(c.sensor), 10, 8)
		if err != nil || n == 0 {
			return raw, SensorUnreadable, fmt.Errorf("the number in %s is %q, which is not 1 to 255: which one is meant is not known", c.SensorFrom, get(c.sensor))
		}
		raw.Sensor = uint8(n)
	}
	if c.datum >= 0 {
		raw.Datum = hydro.Datum(strings.Clone(get(c.datum)))
		if d, ok := c.DatumNames[string(raw.Datum)]; ok {
			raw.Datum = d
		} else if !utf8.ValidString(string(raw.Datum)) || utf8.RuneCountInString(string(raw.Datum)) > maxDatum {
			raw.Datum = hydro.NoDatum
		}
	}
	switch {
	case c.Day != nil:
		end, length, ok := c.Day.end(at, f.Time.dateOnly, f.Time.AtStart)
		if !ok {
			return raw, DayBoundary, fmt.Errorf("a total of the day that ends at %s (%s) in a row of %s: a day is not moved into another; correct the map's day or the row",
				clock(c.Day.Ends), c.Day.Zone, at.In(c.Day.Zone).Format("2006-01-02 15:04"))
		}
		raw.At, raw.Interval = end.UTC(), length
	case c.Variable.Amount():
		raw.Interval = c.Interval
		if c.interval >= 0 {
			if s := get(c.interval); s != "" && !p.missing.has(s) {
				d, err := c.Notation.parse(s)
				if err != nil {
					return raw, IntervalUnreadable, fmt.Errorf("%s: %w", c.IntervalFrom, err)
				}
				raw.Interval = d
			} else if c.Interval == 0 {
				return raw, IntervalUnreadable, fmt.Errorf("%s does not say over which time the %s fell", c.IntervalFrom, c.Variable)
			}
		}
		if f.Time.AtStart {
			raw.At = raw.At.Add(raw.Interval)
		}
	}
	return raw, "", nil
}

var (
	errNoNumber = errors.New("is neither a number nor listed under missing")
	errComma    = errors.New("has a comma: if that is the decimal mark, state decimal: \",\" in the map; groups of thousands must go")
	errPoint    = errors.New("has a point, but the map says that commas are the decimal mark")
)

// number reads a decimal number, with exponent or without.
func number(s string, comma bool) (float64, error) {
	point := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == 'e', c == 'E':
		case c == '.' && !comma, c == ',' && comma:
			point = true
		case c == ',':
			return 0, errComma
		case c == '.':
			return 0, errPoint
		default:
			return 0, errNoNumber
		}
	}
	if comma && point {
		s = strings.Replace(s, ",", ".", 1) // a second one makes it no number
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, errNoNumber
	}
	return v, nil
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d/time.Hour), int(d%time.Hour/time.Minute))
}
