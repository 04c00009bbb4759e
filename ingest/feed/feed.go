// Package feed reads what departments hand over as it is: rows of CSV files, of
// JSON and of data bases.
//
// A [Map], written in YAML (docs/formats/feed-map.md), says which column is
// which variable of which station, in which unit, zone, datum and interval, and
// which cells mean that there is no value. Nothing is guessed: what the map does
// not say is a mistake of the map, and what a row does not say is a [Problem] of
// that row, with the others untouched.
//
// The values go out as [hydro.Raw], as written as far as their unit allows:
// codes for "no value", stations, datums and times are judged by the server's
// normalizer, in one place for all ways in.
package feed

import (
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"freshet/internal/hydro"
)

// A Map says what the columns of a department's files or tables are.
type Map struct {
	Step  time.Duration // of engine time in a replay; 5 min unless stated, 10 min at most
	Files []File

	department hydro.Department
	name       string
	tree       *ast.File // where things stand, for mistakes that show later
}

// A File is files, tables or messages of one shape.
type File struct {
	Pattern   string // file name or glob; "" matches every name
	Format    Format
	Encoding  Encoding
	Delimiter rune // of CSV; 0: a comma
	Comment   rune // lines that begin with it are left out; 0: none
	Skip      int  // lines before the header
	NoHeader  bool // columns are named by their number, from 1
	Comma     bool // decimal comma
	Rows      []string
	Station   string // column of the station's name or code; "": each column names its station
	Time      Time
	Where     []Filter // rows that are not meant are left out
	Except    []Filter
	Missing   []string // cells that mean "no value", besides the empty one
	Trace     []string // cells that mean rain too little to measure
	Columns   []Column

	plan *plan
}

// A Format is how rows are written.
type Format uint8

// The formats.
const (
	CSV       Format = iota
	JSON             // one array of objects, at File.Rows
	JSONLines        // one object a line
)

// An Encoding is how characters are written.
type Encoding uint8

// The encodings.
const (
	UTF8    Encoding = iota // with or without a byte order mark
	GB18030                 // GBK and GB 2312 are parts of it
)

// Time says how instants are written.
type Time struct {
	Columns []string       // one, or the parts of the time, which are joined with blanks
	Layout  string         // as Go writes it, or "unix" or "unix_ms"
	Zone    *time.Location // of a layout that carries none
	AtStart bool           // the stamp of an interval is its start and not its end

	dateOnly bool // only totals of days can have such stamps
}

// A Filter names the values that a column may have.
type Filter struct {
	Column string
	Values []string
}

// A Column is one series, or the like series of all stations of a table.
type Column struct {
	Column       string
	Station      string // "": the row's, from File.Station
	Variable     hydro.Variable
	Sensor       uint8
	SensorFrom   string                 // column of the sensor's or gate's number
	Unit         hydro.Unit             // of the value that goes out
	Factor       float64                // from the written unit to it; 1: as written
	Datum        hydro.Datum            // of levels
	Datums       map[string]hydro.Datum // the same by station, before Datum
	DatumFrom    string                 // column of the datum's name
	DatumNames   map[string]hydro.Datum // of what that column says
	Interval     time.Duration          // of an amount; where IntervalFrom says nothing
	IntervalFrom string                 // column of the interval
	Notation     Notation               // of that column
	Day          *Day                   // the amount is a day's total
	Where        []Filter               // rows that speak of another series
	Except       []Filter
	Quality      *Filter // codes of the department's own check under which the value is taken

	codes hydro.Unit // in which codes for "no value" are known, where Factor is not 1
}

// A Day is a department's day. A day's total is rain over the 24 hours that end
// at its boundary, and is never moved into another department's day.
type Day struct {
	Ends time.Duration // after midnight
	Zone *time.Location
}

// A Row is what became of one row.
type Row struct {
	Line     int // from 1 in a file of lines; in a JSON array the number of the row
	Raws     []hydro.Raw
	Problems []Problem
	Missing  int  // values that the row does not report
	Filtered bool // the map leaves the row out
}

// A Problem is one value, or a row of them, that could not be understood.
type Problem struct {
	Line    int
	Column  int    // where in the line, from 1; 0 if it has no place
	Field   string // the column's name; "" if it concerns the row
	Station string // "" if not known
	Written string // the cell, cut if it is long
	Reason  Reason
	Message string // what is wrong, and how to mend it
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.Message
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Message)
}

// A Reason says in a word why a value was not understood.
type Reason string

// The reasons.
const (
	RowUnreadable      Reason = "row_unreadable"
	ColumnMissing      Reason = "column_missing"
	StationMissing     Reason = "station_missing"
	TimeUnreadable     Reason = "time_unreadable"
	NotANumber         Reason = "not_a_number"
	MissingValue       Reason = "missing_value" // a code for "no value" in a unit that is converted here
	IntervalUnreadable Reason = "interval_unreadable"
	SensorUnreadable   Reason = "sensor_unreadable"
	DayBoundary        Reason = "day_boundary"
	QualityRefused     Reason = "quality_refused" // the department's own check
)

// Reasons lists all reasons in order.
var Reasons = []Reason{
	RowUnreadable, ColumnMissing, StationMissing, TimeUnreadable, NotANumber, MissingValue,
	IntervalUnreadable, SensorUnreadable, DayBoundary, QualityRefused,
}

// Problems is an error that says why a file could not be read at all. It wraps
// hydro.ErrInvalid.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns hydro.ErrInvalid.
func (p Problems) Unwrap() error { return hydro.ErrInvalid }

// Department returns the department whose values these are, or 0 if the map
// leaves that to a catalogue.
func (m *Map) Department() hydro.Department { return m.department }

// File returns the shape of the file of that name: the first whose pattern
// matches.
func (m *Map) File(name string) (*File, bool) {
	for i := range m.Files {
		f := &m.Files[i]
		if ok, err := path.Match(f.Pattern, name); f.Pattern == "" || err == nil && ok {
			return f, true
		}
	}
	return nil, false
}

// Read reads rows of the map's only shape; see [File.Read]. A map of several
// shapes needs [Map.File].
func (m *Map) Read(r io.Reader, emit func(Row) error) error {
	if len(m.Files) != 1 {
		return fmt.Errorf("the map %s has %d shapes of files: which one is meant must be told by name: %w", m.name, len(m.Files), hydro.ErrInvalid)
	}
	return m.Files[0].Read(r, emit)
}

// Record converts one row of a table or message of the map's first shape; see
// [File.Record].
func (m *Map) Record(line int, get func(column string) (string, bool)) Row {
	return m.Files[0].Record(line, get)
}
