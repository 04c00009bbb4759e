package qualify

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"freshet/ingest/feed"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/replay"
)

// Labels say what is known of recorded readings from elsewhere: a column of the
// agency's own flags, or ranges of values. The zero value knows nothing.
type Labels struct {
	rules   []rule
	columns map[hydro.Key]map[int64]string
}

type rule struct {
	Station  string   `yaml:"station"`
	Variable string   `yaml:"variable"`
	Sensor   uint8    `yaml:"sensor"`
	AtLeast  *float64 `yaml:"at_least"`
	AtMost   *float64 `yaml:"at_most"`
	Label    string   `yaml:"label"`
	Column   string   `yaml:"column"`

	variable hydro.Variable
}

const maxLabelBytes = 1 << 20

// ParseLabels reads a file of labels and checks it against the catalogue. The
// first rule that fits a reading names it. Without a map, rules with a column are
// mistakes. If the file is wrong the error is a [replay.Problems], which lists all
// mistakes with their line.
func ParseLabels(name string, data []byte, cat *catalog.Catalog, m *replay.Map, dir string) (l *Labels, err error) {
	defer func() { // the YAML parser is not ours
		if r := recover(); r != nil {
			l, err = nil, replay.Problems{{File: name, Message: fmt.Sprintf("not readable as YAML: %v", r)}}
		}
	}()
	if len(data) > maxLabelBytes {
		return nil, replay.Problems{{File: name, Message: "larger than 1 MB"}}
	}
	var file struct {
		Labels []rule `yaml:"labels"`
	}
	tree, err := parser.ParseBytes(data, 0)
	if err == nil {
		err = yaml.UnmarshalWithOptions(data, &file, yaml.Strict())
	}
	if err != nil {
		return nil, replay.Problems{catalog.YAMLProblem(name, err)}
	}
	l = &Labels{columns: map[hydro.Key]map[int64]string{}}
	var problems replay.Problems
	for i := range file.Labels {
		r := &file.Labels[i]
		fail := func(format string, args ...any) {
			line, column := catalog.Locate(tree, fmt.Sprintf("$.labels[%d]", i))
			problems = append(problems, catalog.Problem{File: name, Line: line, Column: column, Message: fmt.Sprintf(format, args...)})
		}
		if r.variable, err = hydro.ParseVariable(r.Variable); err != nil {
			fail("variable: %q is not known: write water_level, rain, discharge …", r.Variable)
		}
		if _, ok := cat.Station(r.Station); r.Station != "" && !ok {
			fail("station: the catalogue has no station %q", r.Station)
		}
		switch {
		case (r.Label == "") == (r.Column == ""):
			fail("needs either label, a text, or column, a column of the recorded files")
		case r.Column == "":
			l.rules = append(l.rules, *r)
		case m == nil:
			fail("column: there is no map that says where it stands")
		case r.Station == "":
			fail("column: needs a station")
		case r.variable != 0:
			if err := l.read(dir, m, hydro.Key{Station: r.Station, Variable: r.variable, Sensor: r.Sensor}, r.Column); err != nil {
				fail("column: %v", err)
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return l, nil
}

// read reads a column of labels out of the file that holds the series.
func (l *Labels) read(dir string, m *replay.Map, k hydro.Key, column string) error {
	for i := range m.Files {
		f := &m.Files[i]
		for _, c := range f.Columns {
			if c.Station != k.Station || c.Variable != k.Variable || c.Sensor != k.Sensor {
				continue
			}
			names, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(f.Pattern)))
			if err != nil {
				return err
			}
			for _, name := range names {
				if err := l.file(name, f, k, column, c.Interval); err != nil {
					return fmt.Errorf("%s: %w", filepath.Base(name), err)
				}
			}
			return nil
		}
	}
	return fmt.Errorf("the map has no column of %s", k)
}

func (l *Labels) file(name string, f *feed.File, k hydro.Key, column string, interval time.Duration) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	rows := csv.NewReader(in)
	rows.Comma, rows.TrimLeadingSpace = cmp.Or(f.Delimiter, ','), true
	header, err := rows.Read()
	if err != nil {
		return err
	}
	at, flag := -1, -1
	for i, h := range header {
		switch strings.TrimSpace(h) {
		case f.Time.Columns[0]:
			at = i
		case column:
			flag = i
		}
	}
	if at < 0 || flag < 0 {
		return fmt.Errorf("there is no column %q", column)
	}
	if l.columns[k] == nil {
		l.columns[k] = map[int64]string{}
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		t, err := time.ParseInLocation(f.Time.Layout, strings.TrimSpace(row[at]), f.Time.Zone)
		if err != nil {
			line, _ := rows.FieldPos(at)
			return fmt.Errorf("line %d: time %q is not written as %q", line, row[at], f.Time.Layout)
		}
		if f.Time.AtStart {
			t = t.Add(interval)
		}
		l.columns[k][t.UnixMilli()] = strings.TrimSpace(row[flag])
	}
}

// of returns the label of an observation.
func (l *Labels) of(o *hydro.Observation) string {
	if l == nil {
		return ""
	}
	if held, ok := l.columns[o.Key]; ok {
		return held[o.At.UnixMilli()]
	}
	for i := range l.rules {
		r := &l.rules[i]
		if r.variable == o.Variable && (r.Station == "" || r.Station == o.Station && r.Sensor == o.Sensor) &&
			(r.AtLeast == nil || o.Value >= *r.AtLeast) && (r.AtMost == nil || o.Value <= *r.AtMost) {
			return r.Label
		}
	}
	return ""
}

type labelled struct {
	variable hydro.Variable
	label    string
}

// missing counts the rows of columns of labels that have no value.
func (l *Labels) missing(verdicts map[hydro.Key][]Verdict) map[labelled]int {
	out := map[labelled]int{}
	if l == nil {
		return out
	}
	for k, held := range l.columns {
		there := map[int64]bool{}
		for _, v := range verdicts[k] {
			there[v.Observation.At.UnixMilli()] = true
		}
		for at, label := range held {
			if !there[at] {
				out[labelled{k.Variable, label}]++
			}
		}
	}
	return out
}
