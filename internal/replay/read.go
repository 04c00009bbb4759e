package replay

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// maxProblems is how many mistakes of the data Read lists before it gives up.
const maxProblems = 20

// A Reading is one value of a recorded file.
type Reading struct {
	hydro.Key
	Department hydro.Department
	At         time.Time     // UTC; the end of the interval of Rain
	Interval   time.Duration // of Rain
	Value      float64       // in the variable's unit
	Datum      hydro.Datum   // of WaterLevel
}

// Data is what Read found.
type Data struct {
	Readings []Reading // ascending by time; of one instant in the order of the map
	Missing  int       // cells that mean "no value"
	Files    []string  // that were read
}

// Read reads the files of m in dir. A cell that is neither a number nor a mark
// for a missing value is a mistake: the error is then a [Problems] with
// file, line and column.
func Read(dir string, m *Map) (*Data, error) {
	r := reader{data: &Data{}}
	for i := range m.Files {
		f := &m.Files[i]
		names, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(f.Pattern)))
		if err != nil {
			return nil, fmt.Errorf("data: %q: %w: %w", f.Pattern, err, hydro.ErrInvalid)
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("data: no file %s in %s: %w", f.Pattern, dir, hydro.ErrNotFound)
		}
		slices.Sort(names)
		for _, name := range names {
			if err := r.open(name, f); err != nil {
				return nil, err
			}
			r.data.Files = append(r.data.Files, filepath.Base(name))
		}
	}
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	if len(r.data.Readings) == 0 {
		return nil, fmt.Errorf("data: the files hold no reading: %w", hydro.ErrInvalid)
	}
	slices.SortStableFunc(r.data.Readings, func(a, b Reading) int { return a.At.Compare(b.At) })
	return r.data, nil
}

type reader struct {
	data     *Data
	problems Problems
}

func (r *reader) open(name string, f *File) error {
	in, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	defer func() { _ = in.Close() }() // only read
	if err := r.file(filepath.Base(name), in, f); err != nil {
		return fmt.Errorf("data: %s: %w", filepath.Base(name), err)
	}
	return nil
}

func (r *reader) file(name string, in io.Reader, f *File) error {
	b := bufio.NewReaderSize(in, 1<<16)
	if mark, err := b.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3) // what a spreadsheet puts before UTF-8
	}
	rows := csv.NewReader(b)
	rows.Comma = f.Delimiter
	rows.ReuseRecord = true
	rows.TrimLeadingSpace = true
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("is empty: %w", hydro.ErrInvalid)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	index := map[string]int{}
	for i, h := range header {
		index[strings.TrimSpace(h)] = i
	}
	at := func(column string) int {
		i, ok := index[column]
		if !ok {
			r.problem(name, 1, 0, "there is no column %q; the header has %s", column, strings.Join(header, ", "))
			return -1
		}
		return i
	}
	timeColumn := at(f.Time.Column)
	columns := make([]int, len(f.Columns))
	bad := timeColumn < 0
	for i := range f.Columns {
		columns[i] = at(f.Columns[i].Column)
		bad = bad || columns[i] < 0
	}
	if bad {
		return nil
	}
	for len(r.problems) < maxProblems {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			r.problem(name, parse.Line, parse.Column, "%v", parse.Err)
			continue
		}
		if err != nil {
			return err
		}
		line, _ := rows.FieldPos(0)
		instant, err := f.Time.parse(strings.TrimSpace(row[timeColumn]))
		if err != nil {
			_, column := rows.FieldPos(timeColumn)
			r.problem(name, line, column, "%v", err)
			continue
		}
		for i := range f.Columns {
			c := &f.Columns[i]
			cell := strings.TrimSpace(row[columns[i]])
			if cell == "" || slices.Contains(f.Missing, cell) {
				r.data.Missing++
				continue
			}
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				_, column := rows.FieldPos(columns[i])
				r.problem(name, line, column, "%s: %q is neither a number nor listed under missing", c.Column, cell)
				continue
			}
			reading := Reading{
				Key:        hydro.Key{Station: c.Station, Variable: c.Variable, Sensor: c.Sensor},
				Department: c.Department, At: instant, Interval: c.Interval, Value: v * c.Factor, Datum: c.Datum,
			}
			if f.Time.AtStart {
				reading.At = instant.Add(c.Interval)
			}
			r.data.Readings = append(r.data.Readings, reading)
		}
	}
	return nil
}

func (r *reader) problem(file string, line, column int, format string, args ...any) {
	r.problems = append(r.problems, catalog.Problem{File: file, Line: line, Column: cmp.Or(column, 1), Message: fmt.Sprintf(format, args...)})
}

func (t *Time) parse(s string) (time.Time, error) {
	if t.fromUnix != 0 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("time %q is no whole number", s)
		}
		return time.UnixMilli(n * t.fromUnix).UTC(), nil
	}
	at, err := time.ParseInLocation(t.Layout, s, t.Zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q is not written as %q", s, t.Layout)
	}
	return at.UTC(), nil
}
