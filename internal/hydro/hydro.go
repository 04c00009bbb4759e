// Package hydro is Freshet's domain: stations' readings, observations with
// their quality, forecasts, warnings, and the inputs and outputs of the engine.
//
// Everything in it is a plain value. Instants are UTC. A unit belongs to the
// variable, once: see [Variable]. A value is finite; a gap is an absent
// reading, and only the regular series of a forecast mark a gap with NaN.
//
// The package imports nothing but the standard library and neither reads a
// clock nor does I/O.
package hydro

import (
	"errors"
	"fmt"
)

// The kinds of error that cross package borders. Wrap them with what was being
// done; only internal/server turns them into status codes.
var (
	ErrNotFound    = errors.New("not found")
	ErrInvalid     = errors.New("invalid")
	ErrConflict    = errors.New("conflict")
	ErrUnavailable = errors.New("unavailable")
)

// A Department is one of the three services whose readings are fused.
type Department uint8

// The departments. Zero is none.
const (
	Weather        Department = iota + 1 // 气象
	Hydrology                            // 水文
	WaterResources                       // 水利
)

// Departments lists all departments in order.
var Departments = []Department{Weather, Hydrology, WaterResources}

var departmentNames = [...]string{"", "weather", "hydrology", "water_resources"}

func (d Department) String() string { return name(departmentNames[:], int(d), "department") }

// ParseDepartment returns the department of that name.
func ParseDepartment(s string) (Department, error) {
	return parse[Department](departmentNames[:], s, "department")
}

// A Variable is what a reading measures, and with it the reading's unit.
type Variable uint8

// The variables. Zero is none.
const (
	WaterLevel     Variable = iota + 1 // of a river, tide or reservoir, m above the station's datum, at Reading.At
	Discharge                          // of a river, m³/s, at Reading.At
	Rain                               // depth over the interval that ends at Reading.At, mm
	RainCounter                        // reading of a cumulative rain counter, mm; a decrease is a reset
	Storage                            // volume in a reservoir, 10⁶ m³
	Inflow                             // into a reservoir, m³/s
	Outflow                            // out of a reservoir, all outlets, m³/s
	GateOpening                        // of the gate numbered Key.Sensor, m
	PanEvaporation                     // of a pan, depth over the interval that ends at Reading.At, mm
	variableCount  = int(PanEvaporation) + 1
)

// Variables lists all variables in order.
var Variables = []Variable{WaterLevel, Discharge, Rain, RainCounter, Storage, Inflow, Outflow, GateOpening, PanEvaporation}

var (
	variableNames = [...]string{"", "water_level", "discharge", "rain", "rain_counter", "storage", "inflow", "outflow", "gate_opening", "pan_evaporation"}
	variableUnits = [...]string{"", "m", "m3/s", "mm", "mm", "1e6 m3", "m3/s", "m3/s", "m", "mm"}
)

func (v Variable) String() string { return name(variableNames[:], int(v), "variable") }

// Amount reports whether a value of v is an amount over the reading's interval:
// it must state one, and a sum of values means something where a mean would not.
func (v Variable) Amount() bool { return v == Rain || v == PanEvaporation }

// Unit returns the unit of v as text.
func (v Variable) Unit() string {
	if int(v) < variableCount {
		return variableUnits[v]
	}
	return ""
}

// ParseVariable returns the variable of that name.
func ParseVariable(s string) (Variable, error) {
	return parse[Variable](variableNames[:], s, "variable")
}

// A Datum names the surface that levels are measured from. Two levels can be
// compared only when their datums are equal or the station declares an offset.
// The names below are known; a catalogue may use others, such as NAVD88.
type Datum string

// Datums in use in Guangdong.
const (
	NoDatum      Datum = ""              // not stated
	National1985 Datum = "NATIONAL_1985" // 1985国家高程基准
	Huanghai1956 Datum = "HUANGHAI_1956" // 1956黄海高程
	PearlRiver   Datum = "PEARL_RIVER"   // 珠江基面
	StationDatum Datum = "STATION"       // 测站基面, 冻结基面, gauge zero: local to one station
)

// A Stage is the colour of a warning. The order is by urgency, and Blind stands
// apart: it says that nobody can see, and is never a step of the ladder.
type Stage uint8

// The stages. The zero value is Clear; a station that never reported is Blind
// by decision of the alert rules, not by its zero value.
const (
	Clear Stage = iota
	Blue
	Yellow
	Orange
	Red
	Blind
)

// Stages lists all stages in order.
var Stages = []Stage{Clear, Blue, Yellow, Orange, Red, Blind}

var stageNames = [...]string{"clear", "blue", "yellow", "orange", "red", "blind"}

func (s Stage) String() string { return name(stageNames[:], int(s), "stage") }

// ParseStage returns the stage of that name.
func ParseStage(s string) (Stage, error) { return parse[Stage](stageNames[:], s, "stage") }

// Quality is the verdict of quality control on one observation.
type Quality uint8

// The verdicts, mildest first. The numbers follow no external code set: QARTOD
// and CMA codes are mapped at the edges because 0 and 1 mean different things
// there.
const (
	NotEvaluated Quality = iota // no test could run
	Pass
	Suspect // doubtful: shown hollow, not used to change a forecast or raise a stage alone
	Fail    // wrong: never used
)

var qualityNames = [...]string{"not_evaluated", "pass", "suspect", "fail"}

func (q Quality) String() string { return name(qualityNames[:], int(q), "quality") }

// ParseQuality returns the verdict of that name.
func ParseQuality(s string) (Quality, error) { return parse[Quality](qualityNames[:], s, "quality") }

// Usable reports whether an observation with this verdict may enter forecasts
// and stages.
func (q Quality) Usable() bool { return q == Pass || q == NotEvaluated }

// Tests is a set of quality tests and notes about an observation.
type Tests uint32

// The quality tests and notes. They are stored as bits: new ones go to the end.
const (
	TestRange          Tests = 1 << iota // outside the station's plausible range
	TestStep                             // changed faster than the station can
	TestSpike                            // left and came back within two samples
	TestStuck                            // does not move although it should
	TestGap                              // first value after missed reports
	TestDuplicate                        // equal to one already held: harmless resend
	TestRevision                         // replaces an earlier value of the same instant
	TestCounterReset                     // rain counter went down: reset, not rain
	TestLate                             // arrived long after its instant
	NoteTrace                            // trace rain, stored as 0
	NoteDatumConverted                   // level converted by an offset that the station declares
	TestNeighbour                        // rain far above what all gauges around had
	TestBlocked                          // little or no rain while it poured around: a blocked funnel
	TestSite                             // differs from another sensor at the same site
	TestStorageCurve                     // storage does not fit the level by the reservoir's curve
	TestRainLevel                        // level moved as the rain cannot explain, or did not although it should
	TestDayTotal                         // rain of the hydrological day above the station's limit
	NoteClock                            // the station's clock is off: its reports are all early or all late
	NoteMaintenance                      // taken in a maintenance window of the station: kept, not used
	NoteRainLevel                        // as TestRainLevel, where the station asks for a note only

	testCount = 20
)

// AllTests is the set of all tests and notes.
const AllTests Tests = 1<<testCount - 1

// Notes are the members of Tests that say something about a value and do not
// speak against it.
const Notes = TestGap | TestDuplicate | TestRevision | TestCounterReset | TestLate | NoteTrace | NoteDatumConverted | NoteClock | NoteRainLevel

var testNames = [testCount]string{
	"range", "step", "spike", "stuck", "gap", "duplicate", "revision", "counter_reset", "late", "trace", "datum_converted",
	"neighbour", "blocked", "site", "storage_curve", "rain_level", "day_total", "clock", "maintenance", "rain_level_note",
}

// Names returns the names in t, in order.
func (t Tests) Names() []string {
	var out []string
	for i, n := range testNames {
		if t&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// ParseTests returns the set of the named tests.
func ParseTests(names []string) (Tests, error) {
	var t Tests
next:
	for _, n := range names {
		for i, known := range testNames {
			if n == known {
				t |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("test %q: %w", n, ErrInvalid)
	}
	return t, nil
}

func name(names []string, i int, kind string) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", kind, i)
}

func parse[T ~uint8](names []string, s, kind string) (T, error) {
	for i, n := range names {
		if n == s && s != "" {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("%s %q: %w", kind, s, ErrInvalid)
}
