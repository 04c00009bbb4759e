package sl651

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// A Report is what a message says, under the settings of its stations.
type Report struct {
	Raws     []hydro.Raw // in no particular order
	Extras   []Extra     // values that have no place in the department's stream
	Problems []Problem
	Sent     time.Time     // by the station's clock; zero if that is no time
	Skew     time.Duration // receive time less send time: how slow the station's clock is, and the way

	departments []hydro.Department // of Raws
}

// Departments returns the departments that readings are of, ascending. Mostly it
// is one: only a message of several stations can hold readings of more.
func (r *Report) Departments() []hydro.Department {
	out := slices.Clone(r.departments)
	slices.Sort(out)
	return slices.Compact(out)
}

// Of returns the readings of a department.
func (r *Report) Of(d hydro.Department) []hydro.Raw {
	var out []hydro.Raw
	for i, raw := range r.Raws {
		if r.departments[i] == d {
			out = append(out, raw)
		}
	}
	return out
}

// An Extra is a value without a place among the variables, or that the settings
// do not take: voltage, temperature, status, rain of a second source.
type Extra struct {
	Address Address
	Station string
	Element Element
	Value   float64 // NaN if it is not a number
	Text    string
	At      time.Time // zero if not known
}

// A Problem is a value that was not taken, or something to know about those that
// were. Message says what, where and how to mend it.
type Problem struct {
	Address  Address
	Station  string
	Element  string // identifier and ASCII name, such as "39 Z"
	Variable hydro.Variable
	Value    float64
	At       time.Time           // by the station's clock; zero if that is no time
	Reason   hydro.RefusalReason // 0: nothing was refused
	Message  string
}

// Readings returns what Read returns, without extras.
func Readings(m *Message, s *Settings, received time.Time) ([]hydro.Raw, []Problem) {
	r := s.Read(m, received)
	return r.Raws, r.Problems
}

// carries reports whether a station's message of that function code is made of
// elements that are readings.
func (f Function) carries() bool {
	switch f {
	case Uniform, Timer, ExtraReport, Hourly, QueryNow, QueryPeriod, QueryElements, ControlGates:
		return true
	default:
		return false
	}
}

// Read turns a station's message into values of its department. Each value of
// the message becomes a Raw, an Extra or a Problem, and only one of them. The
// centre's messages say nothing.
//
// A test report (30) belongs into a test store: all its values are extras.
func (s *Settings) Read(m *Message, received time.Time) Report {
	var r Report
	if m.Down {
		return r
	}
	rd := reader{m: m, settings: s, received: received, out: &r}
	rd.enter(m.Station, 0)
	if rd.st == nil {
		return r
	}
	if sent, ok := m.Sent.Time(rd.st.Zone); ok {
		r.Sent, r.Skew = sent, received.Sub(sent)
	} else {
		rd.problem(Element{}, 0, 0, "the send time %s is no time: mend the station's clock", m.Sent)
	}
	if rd.st.Password != nil && *rd.st.Password != m.Password {
		rd.problem(Element{}, 0, 0, "the message carries a password that is not the one in the settings: nothing of it is taken")
		return r
	}
	for i := range m.Groups {
		rd.group(&m.Groups[i])
	}
	rd.settleLevels()
	if len(m.Rest) > 0 {
		rd.problem(Element{}, 0, 0, "the last %d bytes of the body cannot be read and were left out: %s", len(m.Rest), hexText(m.Rest[:min(len(m.Rest), 32)]))
	}
	return r
}

type reader struct {
	m        *Message
	settings *Settings
	received time.Time
	out      *Report

	address  Address
	class    Class
	st       *Station
	at       time.Time // observed
	atKnown  bool
	gate     int // number of the gate that the next opening is of
	step     time.Duration
	stepZero bool
	levels   []level
}

// A level waits until the whole message is known: which of its elements is the
// water level, and whether an array repeats it.
type level struct {
	address  Address
	class    Class
	st       *Station
	element  Element
	relative bool
	at       time.Time
	value    float64
	missing  bool
}

// enter begins the values of a station.
func (r *reader) enter(a Address, class Class) {
	r.address, r.class, r.atKnown, r.gate = a, class, false, 0
	st, ok := r.settings.Of(a)
	if r.st = st; !ok {
		r.st = nil
		r.problem(Element{}, 0, 0, "station %s is not listed in the settings and its values are not taken: list it, or write unlisted: take", a)
		r.out.Problems[len(r.out.Problems)-1].Reason = hydro.UnknownStation
	}
}

func (r *reader) group(g *Group) {
	if r.st == nil && g.Form != StationID {
		return
	}
	e, known := r.m.Meaning(g)
	if !known {
		e = Element{ID: g.ID, Name: g.Name}
		if e.Name == "" {
			e.Name = g.ID.String()
		}
	}
	switch g.Form {
	case StationID:
		a, class, err := g.Address()
		if err != nil {
			r.problem(e, 0, 0, "%v", err)
			return
		}
		r.enter(a, class)
	case Observed:
		stamp, ok := g.Stamp()
		r.at, r.atKnown = time.Time{}, false
		if ok {
			r.at, r.atKnown = stamp.Time(r.st.Zone)
		}
		if !r.atKnown {
			r.problem(e, 0, hydro.TimeMissing, "the observation time %s is no time: the values behind it are not taken; mend the station's clock", hexText(g.Data))
		}
	case Step:
		d, h, n, ok := g.Step()
		if !ok {
			r.problem(e, 0, 0, "the time step %s is none", hexText(g.Data))
			return
		}
		r.step = time.Duration(d)*24*time.Hour + time.Duration(h)*time.Hour + time.Duration(n)*time.Minute
		r.stepZero = r.step == 0
	case Series:
		r.series(g, e)
	case Rains, Levels:
		r.array(g, e)
	case Text, Image, Batch:
		text := fmt.Sprintf("%d bytes", len(g.Data))
		if g.Form == Text {
			text = string(g.Data)
		}
		r.extra(e, math.NaN(), text)
	case Tail:
		if r.m.Function == ControlGates {
			r.gates(g)
			return
		}
		zh, _ := r.m.tailText(g)
		r.extra(Element{}, math.NaN(), zh)
	case Value:
		r.value(g, e)
	case Identifier, Period:
	}
}

func (r *reader) value(g *Group, e Element) {
	if r.m.Function.parameters() {
		r.extra(e, math.NaN(), hexText(g.Data))
		return
	}
	if g.ID == idStatus {
		if bits, ok := g.Status(); ok {
			r.extra(e, float64(bits), fmt.Sprintf("%08X", bits))
			return
		}
	}
	v, err := g.Number()
	switch g.ID {
	case 0x0A: // the number of the gate that the next openings are of
		if r.gate = 0; err == nil && v >= 1 && v <= 255 {
			r.gate = int(v)
		}
	case 0x09:
		if r.opening(e, v, err) {
			return
		}
	default:
	}
	r.take(e, r.at, v, err)
}

// take gives one number at an instant to where it belongs.
func (r *reader) take(e Element, at time.Time, v float64, err error) {
	variable, sensor, factor, over := r.meaning(e.ID)
	isLevel := e.ID == 0x39 || e.ID == 0x3A || e.ID == 0x3B
	if _, set := r.st.Elements[e.ID]; set {
		isLevel = false
	}
	switch {
	case !r.m.Function.carries():
		text := ""
		if err != nil {
			v, text = math.NaN(), err.Error()
		}
		r.extraAt(e, at, v, text)
		return
	case errors.Is(err, ErrNoValue):
		if isLevel {
			r.levels = append(r.levels, level{address: r.address, class: r.class, st: r.st, element: e, at: at, missing: true})
		}
		if variable != 0 || isLevel {
			r.problem(e, variable, hydro.MissingValue, "the station says it has no value: look after the sensor")
		}
		return
	case err != nil && variable == 0 && !isLevel:
		r.extraAt(e, at, math.NaN(), err.Error())
		return
	case err != nil:
		r.problem(e, variable, hydro.NotFinite, "%v: mend the station", err)
		return
	case slices.Contains(r.st.Missing, v) || (variable == hydro.WaterLevel || isLevel) && v >= 9999:
		if isLevel {
			r.levels = append(r.levels, level{address: r.address, class: r.class, st: r.st, element: e, at: at, missing: true})
		}
		r.problem(e, variable, hydro.MissingValue, "%s stands for no value: look after the sensor", formatNumber(v))
		r.last().Value = v
		return
	case isLevel:
		if r.atKnown {
			r.levels = append(r.levels, level{address: r.address, class: r.class, st: r.st, element: e, at: at, value: v})
			return
		}
		variable = hydro.WaterLevel // which is refused for want of a time
	case variable == 0:
		r.extraAt(e, at, v, "")
		return
	}
	r.emit(e, variable, sensor, v*factor, at, over)
}

// meaning returns what an element is taken for; variable 0: for nothing.
func (r *reader) meaning(id ID) (variable hydro.Variable, sensor uint8, factor float64, over time.Duration) {
	factor = 1
	if m, ok := r.st.Elements[id]; ok {
		if over = 0; m.Variable == hydro.PanEvaporation {
			over = 24 * time.Hour
		}
		return m.Variable, m.Sensor, m.Factor, over
	}
	if id == r.st.Rain && id != 0 {
		if over = rainOver[id]; over > 0 {
			return hydro.Rain, 0, 1, over
		}
		return hydro.RainCounter, 0, 1, 0
	}
	switch id {
	case 0x27:
		variable = hydro.Discharge
	case 0x30:
		variable = hydro.Outflow
	case 0x06:
		variable, over = hydro.PanEvaporation, 24*time.Hour
	default:
	}
	if !slices.Contains(carried[r.st.Department], variable) {
		variable = 0
	}
	return variable, sensor, factor, over
}

// emit makes a Raw of one value, if its time is possible.
func (r *reader) emit(e Element, variable hydro.Variable, sensor uint8, v float64, at time.Time, over time.Duration) {
	if !r.atKnown {
		r.problem(e, variable, hydro.TimeMissing, "there is no observation time before it: mend the station")
		r.last().Value = v
		return
	}
	at, ok := r.plausible(e, variable, v, at, over)
	if !ok {
		return
	}
	r.out.departments = append(r.out.departments, r.st.Department)
	r.out.Raws = append(r.out.Raws, hydro.Raw{
		Field: fieldName(e), Station: r.st.NameOf(r.address), Variable: variable, Sensor: sensor, Value: v, Unit: hydro.UnitOwn,
		At: at.UTC(), Interval: over, Datum: r.datum(variable),
	})
}

func (r *reader) datum(v hydro.Variable) hydro.Datum {
	if v == hydro.WaterLevel {
		return r.st.Datum
	}
	return hydro.NoDatum
}

// plausible judges an observation time against the receive time, and says what
// time the value takes.
func (r *reader) plausible(e Element, variable hydro.Variable, v float64, at time.Time, over time.Duration) (time.Time, bool) {
	var reason hydro.RefusalReason
	switch {
	case at.After(r.received.Add(r.st.Ahead)):
		reason = hydro.TimeInFuture
	case at.Before(r.received.Add(-r.st.Behind)):
		reason = hydro.TimeTooOld
	default:
		return at, true
	}
	// A clock that is wrong tells how long ago the value was observed, if the
	// message was sent by the same clock. Amounts are not moved: sent again they
	// would count twice.
	age := r.out.Sent.Sub(at)
	if r.st.Clock == ClockReceive && over == 0 && !r.out.Sent.IsZero() && age >= 0 && age <= time.Hour {
		moved := r.received.Add(-age)
		r.problem(e, variable, 0, "the station's clock says %s, which is impossible: taken as of %s, by the receive time; set the station's clock (4A)", at.Format(time.DateTime), moved.In(at.Location()).Format(time.DateTime))
		r.last().Value, r.last().At = v, at
		return moved, true
	}
	r.problem(e, variable, reason, "the station's clock says %s, received %s: set the station's clock (4A), or its zone in the settings", at.Format(time.DateTime), r.received.In(at.Location()).Format(time.DateTime))
	r.last().Value, r.last().At = v, at
	return at, false
}

// opening takes a gate's opening, and reports whether it did: not if the settings
// say what the element is.
func (r *reader) opening(e Element, v float64, err error) bool {
	if _, set := r.st.Elements[e.ID]; set || err != nil || !r.m.Function.carries() || r.st.Department != hydro.WaterResources {
		return false
	}
	switch v { // [std E.3.2.2]
	case 444:
		v = 0
	case 555, 888, 999:
		r.extra(e, v, map[float64]string{555: "without a gate", 888: "lifted out of the water", 999: "fully open"}[v])
		return true
	}
	if r.gate == 0 {
		r.problem(e, hydro.GateOpening, hydro.UnknownVariable, "an opening of %s m without the number of its gate (0A) before it: say under elements which gate (sensor) 09 is", formatNumber(v))
		r.last().Value = v
		return true
	}
	r.emit(e, hydro.GateOpening, uint8(r.gate), v, r.at, 0)
	return true
}

// gates takes the openings of a gate message (4E): how many gates, a bit for
// each, and the openings in cm, two bytes each. It carries no observation time.
func (r *reader) gates(g *Group) {
	e, _ := ElementOf(0x09)
	data := g.Data
	if g.Name != "" || r.m.Mode == ASCII || len(data) == 0 || r.st.Department != hydro.WaterResources {
		r.extra(*e, math.NaN(), hexText(data))
		return
	}
	n := int(data[0])
	skip := 1 + (n+7)/8
	if len(data) < skip+2*n {
		r.problem(*e, hydro.GateOpening, hydro.NotFinite, "%d gates need %d bytes, %d are there", n, skip+2*n, len(data))
		return
	}
	r.at, r.atKnown = r.out.Sent, !r.out.Sent.IsZero()
	for i := range n {
		v, err := number(data[skip+2*i:skip+2*i+2], 2)
		if err != nil {
			r.problem(*e, hydro.GateOpening, hydro.MissingValue, "gate %d: %v", i+1, err)
			continue
		}
		r.emit(*e, hydro.GateOpening, uint8(i+1), v, r.at, 0)
	}
}

// series takes values at equal steps from the observation time on.
func (r *reader) series(g *Group, e Element) {
	n, at := g.numbers()
	names := 1
	if g.Name != "" {
		names = len(strings.Fields(g.Name))
	}
	step := r.step
	if r.stepZero {
		// Step 0 belongs to the arrays of one hour. Real stations send it with twelve
		// values of another element, which are five minutes apart.
		if n/names != slots {
			r.problem(e, 0, hydro.IntervalInvalid, "%d values with time step 0: the step is not known and they are not taken; mend the station", n)
			return
		}
		step = 5 * time.Minute
	}
	if !r.atKnown {
		r.problem(e, 0, hydro.TimeMissing, "%d values without an observation time: mend the station", n)
		return
	}
	elements := []Element{e}
	if names > 1 {
		elements = elements[:0]
		for name := range strings.FieldsSeq(g.Name) {
			one, ok := ElementOf(byName[name])
			if !ok {
				one = &Element{Name: name}
			}
			elements = append(elements, *one)
		}
	}
	first := r.at
	for i := range n {
		v, err := at(i)
		r.at = first.Add(time.Duration(i/names) * step)
		r.take(elements[i%names], r.at, v, err)
	}
	r.at = first
}

func (r *reader) extra(e Element, v float64, text string) { r.extraAt(e, r.at, v, text) }

func (r *reader) extraAt(e Element, at time.Time, v float64, text string) {
	x := Extra{Address: r.address, Station: r.st.NameOf(r.address), Element: e, Value: v, Text: text}
	if r.atKnown {
		x.At = at.UTC()
	}
	r.out.Extras = append(r.out.Extras, x)
}

func (r *reader) problem(e Element, v hydro.Variable, reason hydro.RefusalReason, format string, args ...any) {
	p := Problem{Address: r.address, Station: r.address.Code(), Variable: v, Reason: reason, Element: fieldName(e)}
	if r.st != nil {
		p.Station = r.st.NameOf(r.address)
	}
	if r.atKnown {
		p.At = r.at
	}
	p.Message = "Station " + p.Station + ": "
	if p.Element != "" {
		p.Message += p.Element + ": "
	}
	p.Message += fmt.Sprintf(format, args...)
	r.out.Problems = append(r.out.Problems, p)
}

func (r *reader) last() *Problem { return &r.out.Problems[len(r.out.Problems)-1] }

// fieldName names an element for people: "39 Z".
func fieldName(e Element) string {
	switch {
	case e.ID == 0:
		return e.Name
	case e.Name == "" || e.Name == e.ID.String():
		return e.ID.String()
	}
	return e.ID.String() + " " + e.Name
}

func joinSlots(v [slots]int, ok [slots]bool, scale float64, decimals int) string {
	words := make([]string, slots)
	for i := range v {
		words[i] = "-"
		if ok[i] {
			words[i] = strconv.FormatFloat(float64(v[i])/scale, 'f', decimals, 64)
		}
	}
	return strings.Join(words, " ")
}
