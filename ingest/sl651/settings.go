package sl651

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Settings say how the messages of each station are to be understood. They do
// not change and may be shared.
type Settings struct {
	stations map[Address]*Station
	others   *Station // nil: stations that are not listed are refused
}

// A Station is what is set for one station.
type Station struct {
	Name       string // "": the code in the address
	Department hydro.Department
	Zone       *time.Location // of the station's clock
	Datum      hydro.Datum    // of its levels
	Level      ID             // the element that is the water level: 39, 3A or 3B; 0: what the class says
	Rain       ID             // the one element that rain is taken from; 0: none
	Arrays     ArrayStart
	Zeros      ZeroLevels
	Bases      [8]Base // of the channels F5 to FC
	Elements   map[ID]Meaning
	Missing    []float64 // values that mean "no value"
	Clock      ClockRule
	Ahead      time.Duration // how far ahead of the receive time an observation may be
	Behind     time.Duration // and how old
	Password   *uint16       // checked if set
}

// A Base turns the relative levels of a channel into levels.
type Base struct {
	Metres float64
	Sensor uint8
	Set    bool
}

// A Meaning is what an element is taken for. Variable 0: for nothing, it is an
// extra.
type Meaning struct {
	Variable hydro.Variable
	Sensor   uint8
	Factor   float64
}

// An ArrayStart says what the observation time of twelve five-minute values is.
type ArrayStart uint8

// The conventions, see docs/formats/sl651.md.
const (
	StartAuto  ArrayStart = iota // told by the minute and by the send time
	StartFirst                   // of the first value: the standard
	StartEnd                     // of the last value: Guangdong
	StartHour                    // now: values from the hour's beginning, the rest unfilled
)

// ZeroLevels says what a relative level of 0 is.
type ZeroLevels uint8

// The rules for zeros.
const (
	ZeroAuto    ZeroLevels = iota // no value where only zeros follow a value that is none
	ZeroMissing                   // never a value
	ZeroValue                     // always a value
)

// A ClockRule says what becomes of values whose time is impossible.
type ClockRule uint8

// The rules for clocks.
const (
	ClockRefuse  ClockRule = iota // refused, with the receive time in the problem
	ClockReceive                  // what is measured at an instant takes the receive time
)

// The limits of plausible times unless set.
const (
	DefaultAhead  = 10 * time.Minute
	DefaultBehind = 40 * 24 * time.Hour
)

// Beijing is the zone of stations' clocks unless set. The standard names none.
var Beijing = time.FixedZone("+08:00", 8*60*60)

// File is the form of settings in YAML.
type File struct {
	Unlisted string        `yaml:"unlisted"` // take or refuse stations that are not listed
	Defaults StationFile   `yaml:"defaults"`
	Stations []StationFile `yaml:"stations"`
}

// StationFile is one station in YAML. What is left out is taken from the
// defaults.
type StationFile struct {
	Address    string             `yaml:"address"`
	Station    string             `yaml:"station"`
	Department string             `yaml:"department"`
	Zone       string             `yaml:"zone"`
	Datum      string             `yaml:"datum"`
	Level      string             `yaml:"level"`
	Rain       string             `yaml:"rain"`
	ArrayStart string             `yaml:"array_start"`
	ZeroLevels string             `yaml:"zero_levels"`
	Bases      map[string]float64 `yaml:"bases"`
	Elements   []ElementFile      `yaml:"elements"`
	Missing    []float64          `yaml:"missing"`
	Clock      string             `yaml:"clock"`
	Ahead      string             `yaml:"ahead"`
	Behind     string             `yaml:"behind"`
	Password   string             `yaml:"password"`
}

// ElementFile is what one element means, in YAML.
type ElementFile struct {
	Element  string   `yaml:"element"`
	Variable string   `yaml:"variable"`
	Sensor   int      `yaml:"sensor"`
	Factor   *float64 `yaml:"factor"`
}

// carried lists what the departments' reports can carry.
var carried = map[hydro.Department][]hydro.Variable{
	hydro.Weather:        {hydro.Rain},
	hydro.Hydrology:      {hydro.WaterLevel, hydro.Discharge, hydro.Rain, hydro.RainCounter, hydro.PanEvaporation},
	hydro.WaterResources: {hydro.WaterLevel, hydro.Storage, hydro.Inflow, hydro.Outflow, hydro.GateOpening},
}

// rainOver is the interval of the elements of rain over an interval.
var rainOver = map[ID]time.Duration{
	0x21: time.Minute, 0x22: 5 * time.Minute, 0x23: 10 * time.Minute, 0x24: 30 * time.Minute,
	0x1A: time.Hour, 0x1B: 2 * time.Hour, 0x1C: 3 * time.Hour, 0x1D: 6 * time.Hour, 0x1E: 12 * time.Hour, 0x1F: 24 * time.Hour,
	idRains: 5 * time.Minute,
}

// counters are the elements that count rain up and are set back: at the day's
// beginning, or on 1 January and by hand.
var counters = []ID{0x20, 0x26}

// Build checks f and turns it into settings. Every mistake is told to fail with
// the YAML path of what is wrong, such as "$.stations[3].rain".
func (f *File) Build(fail func(path, format string, args ...any)) *Settings {
	s := &Settings{stations: map[Address]*Station{}}
	root := Station{
		Zone: Beijing, Missing: []float64{9999.999, 99999.999}, Ahead: DefaultAhead, Behind: DefaultBehind, Rain: unset,
	}
	b := builder{fail: fail}
	if f.Defaults.Address != "" || f.Defaults.Station != "" {
		fail("$.defaults", "an address and a station's name belong to one station, under stations")
	}
	defaults := b.station("$.defaults", &f.Defaults, root)
	switch f.Unlisted {
	case "", "take":
		if f.Defaults.Department == "" {
			fail("$.defaults.department", "name the department that stations which are not listed belong to, %s; or write unlisted: refuse", departmentNames())
		}
		others := defaults
		others.settle()
		s.others = &others
	case "refuse":
	default:
		fail("$.unlisted", "%q is neither take nor refuse", f.Unlisted)
	}
	for i := range f.Stations {
		at := fmt.Sprintf("$.stations[%d]", i)
		one := &f.Stations[i]
		st := b.station(at, one, defaults)
		if st.Department == 0 && one.Department == "" && f.Defaults.Department == "" {
			fail(at+".department", "name the department, here or under defaults: %s", departmentNames())
		}
		st.settle()
		a, err := ParseAddress(one.Address)
		switch {
		case one.Address == "":
			fail(at+".address", "name the station's address: its ten hexadecimal digits, in quotes")
		case err != nil:
			fail(at+".address", "%q is no address: write its ten hexadecimal digits, or the eight of a hydrological station's code, in quotes", one.Address)
		case s.stations[a] != nil:
			fail(at+".address", "%s is listed twice", a)
		default:
			s.stations[a] = &st
		}
	}
	return s
}

// unset marks a rain source that nobody stated.
const unset ID = 0xFFFF

// settle fills in what follows from the department.
func (s *Station) settle() {
	if s.Rain != unset {
		return
	}
	switch s.Department {
	case hydro.Hydrology:
		s.Rain = 0x26
	case hydro.Weather:
		s.Rain = idRains
	default:
		s.Rain = 0
	}
}

type builder struct {
	fail func(path, format string, args ...any)
}

func (b *builder) station(at string, f *StationFile, s Station) Station {
	if f.Station != "" {
		s.Name = f.Station
	}
	if f.Department != "" {
		d, err := hydro.ParseDepartment(f.Department)
		if err != nil {
			b.fail(at+".department", "%q is no department; one of %s", f.Department, departmentNames())
		}
		s.Department = d
	}
	if f.Zone != "" {
		zone, err := catalog.ParseZone(f.Zone)
		if err != nil {
			b.fail(at+".zone", "%v", err)
		} else {
			s.Zone = zone
		}
	}
	if f.Datum != "" {
		s.Datum = hydro.Datum(f.Datum)
	}
	switch f.Level {
	case "":
	case "auto":
		s.Level = 0
	default:
		id, ok := ElementNamed(f.Level)
		if !ok || id != 0x39 && id != 0x3A && id != 0x3B {
			b.fail(at+".level", "%q is no element of the water level: auto, 39 (river or tide), 3A (below the dam) or 3B (above the dam)", f.Level)
		}
		s.Level = id
	}
	s.Rain = b.rain(at+".rain", f.Rain, s.Rain, s.Department)
	s.Arrays = pick(b, at+".array_start", f.ArrayStart, s.Arrays, "auto", "first", "end", "hour")
	s.Zeros = pick(b, at+".zero_levels", f.ZeroLevels, s.Zeros, "auto", "missing", "value")
	s.Clock = pick(b, at+".clock", f.Clock, s.Clock, "refuse", "receive")
	s.Ahead = b.duration(at+".ahead", f.Ahead, s.Ahead)
	s.Behind = b.duration(at+".behind", f.Behind, s.Behind)
	if f.Missing != nil {
		s.Missing = f.Missing
	}
	for _, name := range sortedKeys(f.Bases) {
		id, ok := ElementNamed(name)
		if !ok || id < idLevels1 || id > idLevels8 {
			b.fail(at+".bases", "%q is no channel of relative levels: F5 to FC", name)
			continue
		}
		base := &s.Bases[id-idLevels1]
		base.Metres, base.Set = f.Bases[name], true
		if id != idLevels1 && !base.mapped(s.Elements, f.Elements, id) {
			b.fail(at+".bases", "say under elements which sensor channel %s is: the water level is channel F5", name)
		}
	}
	s.Elements = b.elements(at+".elements", f.Elements, s)
	for i := range s.Bases {
		if m, ok := s.Elements[idLevels1+ID(i)]; ok {
			s.Bases[i].Sensor = m.Sensor
		}
	}
	if f.Password != "" {
		v, ok := unhexAll([]byte(f.Password))
		if !ok || len(f.Password) != 4 {
			b.fail(at+".password", "write the password's four hexadecimal digits, in quotes")
		}
		p := uint16(v)
		s.Password = &p
	}
	return s
}

func (*Base) mapped(have map[ID]Meaning, here []ElementFile, id ID) bool {
	if _, ok := have[id]; ok {
		return true
	}
	return slices.ContainsFunc(here, func(e ElementFile) bool { other, ok := ElementNamed(e.Element); return ok && other == id })
}

func (b *builder) rain(at, s string, before ID, d hydro.Department) ID {
	if s == "" {
		return before
	}
	if s == "none" {
		return 0
	}
	id, ok := ElementNamed(s)
	_, over := rainOver[id]
	switch {
	case !ok || !over && !slices.Contains(counters, id):
		b.fail(at, "%q is no element of rain: none, PT (counter), PJ (counter of the day), DRP (12 five-minute rains), PN01, PN05, PN10, PN30, P1, P2, P3, P6, P12 or PD", s)
	case d == hydro.WaterResources:
		b.fail(at, "reports of the department water_resources cannot carry rain: write none, or name the department that the gauge belongs to")
	case d == hydro.Weather && !over:
		b.fail(at, "reports of the department weather cannot carry a counter: name rain over an interval, such as DRP or P1")
	}
	return id
}

func (b *builder) elements(at string, list []ElementFile, s Station) map[ID]Meaning {
	out := map[ID]Meaning{}
	maps.Copy(out, s.Elements)
	seen := map[ID]bool{}
	for i, f := range list {
		where := fmt.Sprintf("%s[%d]", at, i)
		id, ok := ElementNamed(f.Element)
		if !ok || id == 0 || id == idObserved || id == idStation || id == idStep || id == idText || id == idImage || id == idBatch || id == idStatus {
			b.fail(where+".element", "%q is no element with a number: write its identifier, such as 3A or FF09, or its ASCII name, such as ZB", f.Element)
			continue
		}
		if seen[id] {
			b.fail(where+".element", "%s is listed twice", f.Element)
		}
		seen[id] = true
		m := Meaning{Factor: 1}
		if f.Factor != nil {
			m.Factor = *f.Factor
		}
		if f.Sensor < 0 || f.Sensor > 255 {
			b.fail(where+".sensor", "%d is not 0 to 255", f.Sensor)
		}
		m.Sensor = uint8(f.Sensor)
		if f.Variable == "none" {
			out[id] = m
			continue
		}
		v, err := hydro.ParseVariable(f.Variable)
		_, over := rainOver[id]
		switch {
		case err != nil:
			b.fail(where+".variable", "%q is no variable; none, or one of %s", f.Variable, variableNames())
		case v == hydro.Rain || v == hydro.RainCounter || over || slices.Contains(counters, id):
			b.fail(where, "rain is taken from one element, so that nothing is counted twice: name it under rain")
		case s.Department != 0 && !slices.Contains(carried[s.Department], v):
			b.fail(where+".variable", "reports of the department %s cannot carry %s", s.Department, v)
		case id >= idLevels1 && id <= idLevels8 && v != hydro.WaterLevel:
			b.fail(where+".variable", "%s is a channel of levels: water_level", f.Element)
		}
		m.Variable = v
		out[id] = m
	}
	return out
}

func (b *builder) duration(at, s string, before time.Duration) time.Duration {
	if s == "" {
		return before
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		b.fail(at, "%q is no duration such as 10m or 960h", s)
		return before
	}
	return d
}

func pick[T ~uint8](b *builder, at, s string, before T, names ...string) T {
	if s == "" {
		return before
	}
	i := slices.Index(names, s)
	if i < 0 {
		b.fail(at, "%q is not one of %s", s, strings.Join(names, ", "))
		return before
	}
	return T(i)
}

func sortedKeys(m map[string]float64) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func departmentNames() string {
	names := make([]string, len(hydro.Departments))
	for i, d := range hydro.Departments {
		names[i] = d.String()
	}
	return strings.Join(names, ", ")
}

func variableNames() string {
	names := make([]string, len(hydro.Variables))
	for i, v := range hydro.Variables {
		names[i] = v.String()
	}
	return strings.Join(names, ", ")
}

// Of returns what is set for a station, or false if it is refused.
func (s *Settings) Of(a Address) (*Station, bool) {
	if st := s.stations[a]; st != nil {
		return st, true
	}
	return s.others, s.others != nil
}

// Admit returns an error that wraps hydro.ErrInvalid if a frame comes from a
// station that is refused, or with the wrong password: it is then not answered.
func (s *Settings) Admit(f *Frame) error {
	st, ok := s.Of(f.Station)
	if !ok {
		return fmt.Errorf("station %s is not listed in the settings: list it, or write unlisted: take: %w", f.Station, hydro.ErrInvalid)
	}
	if st.Password != nil && *st.Password != f.Password {
		return fmt.Errorf("station %s sent a password that is not the one in the settings: %w", f.Station, hydro.ErrInvalid)
	}
	return nil
}

// NameOf returns what the department knows the station at an address by.
func (s *Station) NameOf(a Address) string {
	if s.Name != "" {
		return s.Name
	}
	return a.Code()
}

func formatNumber(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
