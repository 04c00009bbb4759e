package replay

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"freshet/ingest"
	"freshet/ingest/feed"
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
	r := reader{data: &Data{}, m: m}
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
	m        *Map
	data     *Data
	problems Problems
}

var errEnough = errors.New("enough mistakes")

func (r *reader) open(path string, f *feed.File) error {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	defer func() { _ = in.Close() }() // only read
	name := filepath.Base(path)
	err = f.Read(in, func(row feed.Row) error {
		r.row(name, &row)
		if len(r.problems) >= maxProblems {
			return errEnough
		}
		return nil
	})
	if whole, ok := errors.AsType[feed.Problems](err); ok {
		for i := range whole {
			r.problem(name, &whole[i])
		}
		return nil
	}
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("data: %s: %w", name, err)
	}
	return nil
}

func (r *reader) row(file string, row *feed.Row) {
	r.data.Missing += row.Missing
	for i := range row.Problems {
		switch p := &row.Problems[i]; p.Reason {
		case feed.MissingValue, feed.QualityRefused:
			r.data.Missing++
		default:
			r.problem(file, p)
		}
	}
	for i := range row.Raws {
		raw := &row.Raws[i]
		reading := Reading{
			Key: hydro.Key{Station: raw.Station, Variable: raw.Variable, Sensor: raw.Sensor},
			At:  raw.At, Interval: raw.Interval, Value: raw.Value, Datum: raw.Datum,
		}
		if raw.Unit != hydro.UnitOwn {
			v, notes, reason := ingest.Canonical(raw.Variable, raw.Unit, raw.Value)
			switch {
			case reason != 0:
				r.data.Missing++
				continue
			case notes&hydro.NoteTrace == 0: // else the code goes out, for the server to note it
				reading.Value = v
			}
		}
		if cat := r.m.Catalog; cat != nil {
			s, ok := r.m.Station(cat, raw.Station)
			if !ok {
				r.problem(file, &feed.Problem{Line: row.Line, Message: fmt.Sprintf("%q is no station of the catalogue %s", raw.Station, cat.Name)})
				continue
			}
			reading.Station, reading.Department = s.ID, s.Department
		}
		r.data.Readings = append(r.data.Readings, reading)
	}
}

func (r *reader) problem(file string, p *feed.Problem) {
	r.problems = append(r.problems, catalog.Problem{File: file, Line: p.Line, Column: cmp.Or(p.Column, 1), Message: p.Message})
}
