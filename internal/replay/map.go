package replay

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A Map says what recorded CSV files hold: which column is which series of the
// catalogue, in which unit, zone and datum. It is written in YAML; see
// docs/formats/replay-map.md and deploy/catalog/lower_colorado/replay/map.yaml.
type Map struct {
	Step  time.Duration // of engine time; 5 min unless stated, 10 min at most
	Files []File
}

// A File is CSV files of one shape.
type File struct {
	Pattern   string // file name or glob, relative to the data folder
	Delimiter rune
	Time      Time
	Missing   []string // cells that mean "no value", besides the empty one
	Columns   []Column
}

// Time says how instants are written.
type Time struct {
	Column   string
	Layout   string         // as Go writes it, or "unix" or "unix_ms"
	Zone     *time.Location // of a layout that carries none
	AtStart  bool           // the stamp of an interval is its start and not its end
	fromUnix int64          // ms per unit; 0: a layout
}

// A Column is one series.
type Column struct {
	Column     string
	Station    string
	Department hydro.Department // from the catalogue
	Variable   hydro.Variable
	Sensor     uint8
	Factor     float64 // from the column's unit to the variable's
	Datum      hydro.Datum
	Interval   time.Duration // of an amount
}

const maxMapBytes = 1 << 20

// Units that columns may be in, with the factor to the variable's own unit.
var units = map[hydro.Variable]map[string]float64{
	hydro.WaterLevel:  {"m": 1, "cm": 0.01, "mm": 0.001, "ft": 0.3048},
	hydro.GateOpening: {"m": 1, "cm": 0.01, "ft": 0.3048},
	hydro.Discharge:   flowUnits, hydro.Inflow: flowUnits, hydro.Outflow: flowUnits,
	hydro.Rain: rainUnits, hydro.RainCounter: rainUnits, hydro.PanEvaporation: rainUnits,
	hydro.Storage: {"1e6 m3": 1, "m3": 1e-6, "1e4 m3": 0.01, "1e8 m3": 100},
}

var (
	flowUnits = map[string]float64{"m3/s": 1, "l/s": 0.001, "ft3/s": 0.028316846592}
	rainUnits = map[string]float64{"mm": 1, "0.1 mm": 0.1, "cm": 10, "in": 25.4}
)

// The wire form of a map.
type mapFile struct {
	Step  string     `yaml:"step"`
	Files []fileFile `yaml:"files"`
}

type fileFile struct {
	File      string       `yaml:"file"`
	Delimiter string       `yaml:"delimiter"`
	Time      timeFile     `yaml:"time"`
	Missing   []string     `yaml:"missing"`
	Columns   []columnFile `yaml:"columns"`
}

type timeFile struct {
	Column string `yaml:"column"`
	Layout string `yaml:"layout"`
	Zone   string `yaml:"zone"`
	Stamps string `yaml:"stamps"`
}

type columnFile struct {
	Column   string `yaml:"column"`
	Station  string `yaml:"station"`
	Variable string `yaml:"variable"`
	Sensor   int    `yaml:"sensor"`
	Unit     string `yaml:"unit"`
	Datum    string `yaml:"datum"`
	Interval string `yaml:"interval"`
}

// Problems is an error that lists every mistake of a map or of recorded files,
// one a line. It wraps hydro.ErrInvalid.
type Problems []catalog.Problem

func (p Problems) Error() string {
	lines := make([]string, 0, len(p)+1)
	if len(p) == 1 {
		lines = append(lines, "replay: 1 problem")
	} else {
		lines = append(lines, fmt.Sprintf("replay: %d problems", len(p)))
	}
	for _, one := range p {
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns hydro.ErrInvalid.
func (p Problems) Unwrap() error { return hydro.ErrInvalid }

// ParseMap reads a map and checks it against the catalogue. If it is wrong the
// error is a [Problems], which lists all mistakes with line and column;
// name is what it calls the file.
func ParseMap(name string, data []byte, cat *catalog.Catalog) (m *Map, err error) {
	defer func() { // the YAML parser is not ours
		if r := recover(); r != nil {
			m, err = nil, Problems{{File: name, Message: fmt.Sprintf("not readable as YAML: %v", r)}}
		}
	}()
	p := mapParser{name: name, cat: cat}
	m = p.parse(data)
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return m, nil
}

type mapParser struct {
	name     string
	cat      *catalog.Catalog
	tree     *ast.File
	problems Problems
}

func (p *mapParser) parse(data []byte) *Map {
	if len(data) > maxMapBytes {
		p.problems = append(p.problems, catalog.Problem{File: p.name, Message: "larger than 1 MB"})
		return nil
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		p.yaml(err)
		return nil
	}
	p.tree = tree
	var f mapFile
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		p.yaml(err)
		return nil
	}
	m := &Map{Step: p.duration("$.step", f.Step, 5*time.Minute)}
	// Readings of a step reach the server before its clock is there, and a
	// reading more than 10 min ahead of the clock is refused.
	if m.Step < time.Second || m.Step > 10*time.Minute {
		p.fail("$.step", "must be 1s to 10m")
	}
	if len(f.Files) == 0 {
		p.fail("$.files", "name at least one file")
	}
	seen := map[hydro.Key]string{}
	for i := range f.Files {
		m.Files = append(m.Files, p.file(fmt.Sprintf("$.files[%d]", i), &f.Files[i], seen))
	}
	return m
}

func (p *mapParser) file(at string, f *fileFile, seen map[hydro.Key]string) File {
	out := File{Pattern: f.File, Delimiter: ',', Missing: f.Missing}
	if f.File == "" {
		p.fail(at+".file", "name a CSV file, or a glob such as *-level.csv")
	}
	if f.Delimiter != "" {
		r := []rune(f.Delimiter)
		if len(r) != 1 || r[0] == '"' || r[0] == '\n' {
			p.fail(at+".delimiter", "%q is not one character", f.Delimiter)
		} else {
			out.Delimiter = r[0]
		}
	}
	out.Time = p.time(at+".time", &f.Time)
	if len(f.Columns) == 0 {
		p.fail(at+".columns", "name at least one column")
	}
	for i := range f.Columns {
		where := fmt.Sprintf("%s.columns[%d]", at, i)
		c := p.column(where, &f.Columns[i])
		key := hydro.Key{Station: c.Station, Variable: c.Variable, Sensor: c.Sensor}
		if before, twice := seen[key]; twice && c.Variable != 0 && c.Station != "" {
			p.fail(where, "%s is already the series of %s", key, before)
		}
		seen[key] = f.File + ", column " + c.Column
		out.Columns = append(out.Columns, c)
	}
	return out
}

func (p *mapParser) time(at string, f *timeFile) Time {
	t := Time{Column: f.Column, Layout: f.Layout}
	if f.Column == "" {
		p.fail(at+".column", "name the column of the time")
	}
	switch f.Layout {
	case "":
		p.fail(at+".layout", `say how times are written, e.g. "2006-01-02 15:04", unix or unix_ms`)
	case "unix":
		t.fromUnix = 1000
	case "unix_ms":
		t.fromUnix = 1
	default:
		// A layout is right when it can tell apart the parts of an instant.
		probe := time.Date(2021, 11, 28, 17, 43, 0, 0, time.UTC)
		if back, err := time.Parse(f.Layout, probe.Format(f.Layout)); err != nil || !back.Equal(probe) {
			p.fail(at+".layout", `%q is no layout of date and time; write 2006-01-02 15:04:05 the way the file writes times`, f.Layout)
		}
	}
	carriesZone := strings.Contains(f.Layout, "Z07") || strings.Contains(f.Layout, "-07") || t.fromUnix != 0
	switch {
	case f.Zone == "" && !carriesZone:
		p.fail(at+".zone", "state the zone of the times, e.g. UTC, Asia/Shanghai or +08:00: guessing costs hours")
	case f.Zone != "" && carriesZone:
		p.fail(at+".zone", "the layout carries the zone: leave it out")
	case f.Zone != "":
		loc, err := catalog.ParseZone(f.Zone)
		if err != nil {
			p.fail(at+".zone", "%v", err)
		}
		t.Zone = loc
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

func (p *mapParser) column(at string, f *columnFile) Column {
	c := Column{Column: f.Column, Factor: 1, Datum: hydro.Datum(f.Datum)}
	if f.Column == "" {
		p.fail(at+".column", "name the column")
	}
	v, err := hydro.ParseVariable(f.Variable)
	if err != nil {
		p.fail(at+".variable", "%q is no variable; one of %s", f.Variable, variableNames())
	}
	c.Variable = v
	if f.Sensor < 0 || f.Sensor > math.MaxUint8 {
		p.fail(at+".sensor", "%d is not 0 to 255", f.Sensor)
	} else {
		c.Sensor = uint8(f.Sensor)
	}
	s, ok := p.cat.Station(f.Station)
	switch {
	case f.Station == "":
		p.fail(at+".station", "name the station")
	case !ok:
		p.fail(at+".station", "%q is no station of the catalogue %s", f.Station, p.cat.Name)
	default:
		c.Station, c.Department = s.ID, s.Department
		if v != 0 {
			p.series(at, f, s, c)
		}
	}
	if v == 0 {
		return c
	}
	if c.Factor, ok = units[v][f.Unit]; !ok {
		names := make([]string, 0, len(units[v]))
		for name := range units[v] {
			names = append(names, name)
		}
		slices.Sort(names)
		p.fail(at+".unit", "state the unit of %s: one of %s", v, strings.Join(names, ", "))
	}
	if v == hydro.WaterLevel && f.Datum == "" {
		p.fail(at+".datum", "state the datum of the levels")
	}
	if v != hydro.WaterLevel && f.Datum != "" {
		p.fail(at+".datum", "%s has no datum", v)
	}
	if v.Amount() {
		if c.Interval = p.duration(at+".interval", f.Interval, 0); c.Interval < time.Minute || c.Interval > 24*time.Hour || c.Interval%time.Second != 0 {
			p.fail(at+".interval", "state the interval of the %s, 1m to 24h", v)
		}
	} else if f.Interval != "" {
		p.fail(at+".interval", "%s has no interval", v)
	}
	return c
}

// series checks that the station measures this, and that its department can
// report it.
func (p *mapParser) series(at string, f *columnFile, s *catalog.Station, c Column) {
	if _, ok := s.Parameter(c.Variable, c.Sensor); !ok {
		p.fail(at+".variable", "the catalogue's station %s does not measure %s", s.ID, f.Variable)
		return
	}
	if !slices.Contains(reported[s.Department], c.Variable) {
		p.fail(at+".variable", "reports of the department %s cannot carry %s", s.Department, f.Variable)
	}
}

// reported lists what the departments' reports can carry.
var reported = map[hydro.Department][]hydro.Variable{
	hydro.Weather:        {hydro.Rain},
	hydro.Hydrology:      {hydro.WaterLevel, hydro.Discharge, hydro.Rain, hydro.RainCounter, hydro.PanEvaporation},
	hydro.WaterResources: {hydro.WaterLevel, hydro.Storage, hydro.Inflow, hydro.Outflow, hydro.GateOpening},
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

// fail notes a mistake at a YAML path, or at the nearest part of it that is in
// the file.
func (p *mapParser) fail(at, format string, args ...any) {
	problem := catalog.Problem{File: p.name, Message: strings.TrimPrefix(at, "$.") + ": " + fmt.Sprintf(format, args...)}
	for at != "" && at != "$" {
		if path, err := yaml.PathString(at); err == nil {
			if n, err := path.FilterFile(p.tree); err == nil && n != nil {
				problem.Line, problem.Column = position(n)
				break
			}
		}
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	p.problems = append(p.problems, problem)
}

// position returns where a node begins. A block mapping begins at its first key.
func position(n ast.Node) (line, column int) {
	t := n.GetToken()
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			t = n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		t = n.Key.GetToken()
	}
	return tokenPosition(t)
}

func tokenPosition(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil {
		return 0, 0
	}
	return t.Position.Line, t.Position.Column
}

func (p *mapParser) yaml(err error) {
	problem := catalog.Problem{File: p.name, Message: err.Error()}
	if located, ok := errors.AsType[yaml.Error](err); ok {
		problem.Message = located.GetMessage()
		problem.Line, problem.Column = tokenPosition(located.GetToken())
	}
	p.problems = append(p.problems, problem)
}

func variableNames() string {
	names := make([]string, len(hydro.Variables))
	for i, v := range hydro.Variables {
		names[i] = v.String()
	}
	return strings.Join(names, ", ")
}
