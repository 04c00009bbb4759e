package calibration

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"freshet/ingest/feed"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/replay"
)

// A Source says what a CSV file holds.
type Source struct {
	File      string
	Columns   map[string]string // role to the column's name; a role's own name unless given
	Delimiter rune              // 0: comma
	Layout    string            // of times, as Go writes it; "": one of the usual ones
	Zone      *time.Location    // of times without an offset
	AtStart   bool              // rain and pet of a row are those of the step that begins at its time
	Missing   []string          // cells that mean "no value", besides the empty one
	Flow      float64           // factor from the unit of flows to m³/s; 0: 1
}

// The roles that columns play.
const (
	timeRole = "time"
	Inflow   = "inflow"
	Outflow  = "outflow"
	Rain     = "rain"
	PET      = "pet"
	Flow     = "flow"
	Lateral  = "lateral"
	Level    = "level"
	Computed = "computed"
	Observed = "observed"
)

// A Record is series of equal step, by role. A gap is NaN.
type Record struct {
	Name  string // of the file
	Start time.Time
	Step  time.Duration
	N     int
	Zone  *time.Location

	series map[string][]float64
}

// At returns the instant of step i.
func (r *Record) At(i int) time.Time { return r.Start.Add(time.Duration(i) * r.Step).In(r.Zone) }

// Series returns the values of a role, or nil if the file has none.
func (r *Record) Series(role string) []float64 { return r.series[role] }

// layouts are the usual ways to write times.
var layouts = []string{
	time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006/1/2 15:04:05", "2006/1/2 15:04",
	time.DateOnly, "2006/1/2",
}

// Read reads the roles that are needed, and those of the optional ones that have
// a column. A mistake of the file is an error that names file, line and column.
func Read(src Source, needed, optional []string) (*Record, error) {
	if src.Delimiter == 0 {
		src.Delimiter = ','
	}
	if src.Flow == 0 {
		src.Flow = 1
	}
	name := filepath.Base(src.File)
	header, first, err := peek(src)
	if err != nil {
		return nil, err
	}
	column := func(role string) string {
		if c := src.Columns[role]; c != "" {
			return c
		}
		return role
	}
	for _, role := range slices.Sorted(maps.Keys(src.Columns)) {
		c := src.Columns[role]
		if role != timeRole && !slices.Contains(needed, role) && !slices.Contains(optional, role) {
			return nil, fmt.Errorf("--column %s=%s: this method has no such series; it has %s: %w", role, c, strings.Join(append(slices.Clone(needed), optional...), ", "), hydro.ErrInvalid)
		}
	}
	roles := slices.Clone(needed)
	for _, role := range optional {
		if src.Columns[role] != "" || slices.Contains(header, role) {
			roles = append(roles, role)
		}
	}
	if src.Layout == "" {
		at := slices.Index(header, column(timeRole))
		if at >= 0 && at < len(first) { // else the reader says that there is no such column
			if src.Layout = layoutOf(first[at], src.Zone); src.Layout == "" {
				return nil, replay.Problems{{File: name, Line: 2, Column: 1, Message: fmt.Sprintf("time %q is written in none of the usual ways: state --layout", first[at])}}
			}
		}
	}
	f := feed.File{Pattern: escape(name), Delimiter: src.Delimiter, Missing: src.Missing, Time: feed.Time{Columns: []string{column(timeRole)}, Layout: src.Layout, Zone: src.Zone}}
	for _, role := range roles {
		factor := src.Flow
		if role == Rain || role == PET || role == Tide || role == Level {
			factor = 1
		}
		f.Columns = append(f.Columns, feed.Column{Column: column(role), Station: role, Variable: hydro.Discharge, Unit: hydro.UnitOwn, Factor: factor})
	}
	data, err := replay.Read(filepath.Dir(src.File), &replay.Map{Map: &feed.Map{Files: []feed.File{f}}})
	if err != nil {
		return nil, err
	}
	return regular(name, src, roles, data.Readings)
}

// peek returns the header and the first row.
func peek(src Source) (header, first []string, err error) {
	in, err := os.Open(src.File)
	if err != nil {
		return nil, nil, fmt.Errorf("--data: %w: %w", err, hydro.ErrInvalid)
	}
	defer func() { _ = in.Close() }() // only read
	b := bufio.NewReader(in)
	if mark, err := b.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3) // as replay.Read does
	}
	rows := csv.NewReader(b)
	rows.Comma, rows.TrimLeadingSpace = src.Delimiter, true
	for _, row := range []*[]string{&header, &first} {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil, nil, fmt.Errorf("%s: holds no row: %w", filepath.Base(src.File), hydro.ErrInvalid)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w: %w", filepath.Base(src.File), err, hydro.ErrInvalid)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		*row = cells
	}
	return header, first, nil
}

func layoutOf(s string, zone *time.Location) string {
	for _, l := range layouts {
		if _, err := time.ParseInLocation(l, s, zone); err == nil {
			return l
		}
	}
	return ""
}

// escape makes a name a pattern that means just it.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// regular puts readings, ascending by time, on the shortest step between two of
// them.
func regular(name string, src Source, roles []string, readings []replay.Reading) (*Record, error) {
	r := &Record{Name: name, Start: readings[0].At, Zone: src.Zone, series: map[string][]float64{}}
	for i := range readings[1:] {
		if d := readings[i+1].At.Sub(readings[i].At); d > 0 && (r.Step == 0 || d < r.Step) {
			r.Step = d
		}
	}
	if r.Step == 0 {
		return nil, fmt.Errorf("%s: all rows are of one instant: %w", name, hydro.ErrInvalid)
	}
	n := int64(readings[len(readings)-1].At.Sub(r.Start)/r.Step) + 1
	if n > 10_000_000 {
		return nil, fmt.Errorf("%s: %d steps of %s from the first row to the last are more than 10 million: %w", name, n, r.Step, hydro.ErrInvalid)
	}
	r.N = int(n)
	for _, role := range roles {
		s := make([]float64, r.N)
		for i := range s {
			s[i] = math.NaN()
		}
		r.series[role] = s
	}
	for _, v := range readings {
		past := v.At.Sub(r.Start)
		if past%r.Step != 0 {
			return nil, fmt.Errorf("%s: the row of %s is not a whole number of steps of %s after the first: %w", name, stamp(v.At, src.Zone), r.Step, hydro.ErrInvalid)
		}
		i, s := int(past/r.Step), r.series[v.Station]
		if !math.IsNaN(s[i]) {
			return nil, fmt.Errorf("%s: two values of %s at %s: %w", name, v.Station, stamp(v.At, src.Zone), hydro.ErrInvalid)
		}
		if v.Value < 0 && v.Station != Tide && v.Station != Level {
			return nil, fmt.Errorf("%s: %s is %g at %s: want >= 0, or its mark under --missing: %w", name, v.Station, v.Value, stamp(v.At, src.Zone), hydro.ErrInvalid)
		}
		s[i] = v.Value
	}
	if src.AtStart {
		for _, role := range []string{Rain, PET} {
			if s := r.series[role]; s != nil { // what fell from the row's time on belongs to the next one
				copy(s[1:], s)
				s[0] = 0
			}
		}
	}
	return r, nil
}

func stamp(t time.Time, zone *time.Location) string { return t.In(zone).Format("2006-01-02 15:04") }

// whole returns an error if a series has a gap from step from to step to.
func (r *Record) whole(role string, from, to int) error {
	for i := from; i < to; i++ {
		if math.IsNaN(r.series[role][i]) {
			return fmt.Errorf("%s: %s has no value at %s: mend the gap or leave its time out with --fit and --check: %w", r.Name, role, stamp(r.At(i), r.Zone), hydro.ErrInvalid)
		}
	}
	return nil
}

// ParsePeriod reads FROM..TO, both rows included, in the zone of the record; a TO
// that is a date means the whole of that day.
func ParsePeriod(s string, zone *time.Location) (from, to time.Time, err error) {
	a, b, ok := strings.Cut(s, "..")
	if ok {
		if from, _, err = parseTime(a, zone); err == nil {
			var day bool
			if to, day, err = parseTime(b, zone); day {
				to = to.AddDate(0, 0, 1).Add(-time.Nanosecond)
			}
		}
	}
	if !ok || err != nil || to.Before(from) {
		return from, to, fmt.Errorf("period %q: write FROM..TO, e.g. 2004-11-01..2005-12-31 or 2004-11-01T06:00..2004-11-03T18:00: %w", s, hydro.ErrInvalid)
	}
	return from, to, nil
}

func parseTime(s string, zone *time.Location) (t time.Time, day bool, err error) {
	for _, l := range layouts {
		if t, err = time.ParseInLocation(l, strings.TrimSpace(s), zone); err == nil {
			return t, !strings.Contains(l, "15"), nil
		}
	}
	return t, false, err
}

// steps returns the steps of the record from one instant to another, both
// included.
func (r *Record) steps(from, to time.Time) (a, b int) {
	a = int(max(0, (from.Sub(r.Start)+r.Step-1)/r.Step))
	if to.Before(r.Start) {
		return a, a
	}
	return a, min(r.N, int(to.Sub(r.Start)/r.Step)+1)
}

// ReadEvents reads a CSV file with the columns from and to, and if it has it use:
// fit or check.
func ReadEvents(file string, zone *time.Location) ([]Event, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--events: %w: %w", err, hydro.ErrInvalid)
	}
	defer func() { _ = in.Close() }() // only read
	name := filepath.Base(file)
	rows := csv.NewReader(in)
	rows.TrimLeadingSpace = true
	var events []Event
	var problems replay.Problems
	columns := map[string]int{"from": -1, "to": -1, "use": -1}
	for n := 0; ; n++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", name, err, hydro.ErrInvalid)
		}
		line, _ := rows.FieldPos(0)
		if n == 0 {
			for i, h := range row {
				columns[strings.TrimSpace(h)] = i
			}
			if columns["from"] < 0 || columns["to"] < 0 {
				return nil, replay.Problems{{File: name, Line: 1, Column: 1, Message: fmt.Sprintf("want the columns from and to; the header has %s", strings.Join(row, ", "))}}
			}
			continue
		}
		e := Event{}
		e.From, e.To, err = ParsePeriod(row[columns["from"]]+".."+row[columns["to"]], zone)
		if err != nil {
			_, c := rows.FieldPos(columns["from"])
			problems = append(problems, catalog.Problem{File: name, Line: line, Column: c, Message: fmt.Sprintf("%q to %q is no period of times such as 2004-11-01T06:00", row[columns["from"]], row[columns["to"]])})
			continue
		}
		if c := columns["use"]; c >= 0 {
			switch e.Use = Use(strings.TrimSpace(row[c])); e.Use {
			case "", ForFit, ForCheck:
			default:
				_, at := rows.FieldPos(c)
				problems = append(problems, catalog.Problem{File: name, Line: line, Column: at, Message: fmt.Sprintf("use %q: want fit, check or nothing", row[c])})
			}
		}
		events = append(events, e)
	}
	switch {
	case len(problems) > 0:
		return nil, problems
	case len(events) == 0:
		return nil, fmt.Errorf("%s: holds no event: %w", name, hydro.ErrInvalid)
	}
	return events, nil
}
