package hydro

import (
	"fmt"
	"slices"
	"time"
)

// A ResponseLevel is a level of an emergency response 应急响应: 1 (I) is the highest, 4
// (IV) the lowest, 0 none. It is another thing than a stage: a body declares it.
type ResponseLevel int

// The levels, lowest first.
const (
	NoResponse  ResponseLevel = 0
	ResponseIV  ResponseLevel = 4
	ResponseIII ResponseLevel = 3
	ResponseII  ResponseLevel = 2
	ResponseI   ResponseLevel = 1
)

// ResponseLevels lists the levels, lowest first.
var ResponseLevels = []ResponseLevel{ResponseIV, ResponseIII, ResponseII, ResponseI}

var levelNames = [...]string{"", "I", "II", "III", "IV"}

// String returns "I" to "IV", and "" for none.
func (l ResponseLevel) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return ""
	}
	return levelNames[l]
}

// Above reports whether l is the higher response: any is above none.
func (l ResponseLevel) Above(o ResponseLevel) bool {
	return l != NoResponse && (o == NoResponse || l < o)
}

// ParseResponse returns the level of that name, "I" to "IV".
func ParseResponse(s string) (ResponseLevel, error) {
	if i := slices.Index(levelNames[:], s); i > 0 {
		return ResponseLevel(i), nil
	}
	return NoResponse, fmt.Errorf("response level %q: write IV, III, II or I: %w", s, ErrInvalid)
}

// A Response is the ladder of one body's emergency responses 应急响应 and where it
// stands. The service proposes a level; a person declares it.
type Response struct {
	Plan           string
	NameZH, NameEN string
	BodyZH, BodyEN string
	Department     Department // whose people may declare
	Source         string
	Illustrative   bool
	Proposed       ResponseLevel // that the conditions of the plan ask for
	ProposedAt     time.Time     // since when; zero: never
	ReasonZH       string        // of the proposal, as of the last tick
	ReasonEN       string
	Blind          []string // stations of the conditions that nobody sees, ascending
	Declared       ResponseLevel
	DeclaredAt     time.Time // since when the level stands, or when it was stood down
	By             Person    // who declared, or stood down
	Text           string    // what they said
	Measures       []Measure // of the response that stands, or of the last one, in the order of the plan
	Ladder         []Rung    // the levels of the plan, lowest first; as the catalogue has them now, never stored
}

// A Rung is a level of a plan, and what proposes it.
type Rung struct {
	Level          ResponseLevel
	WhenZH, WhenEN []string // any of them; none: it is never proposed
	Measures       []Measure
}

// A MeasureState is how far a measure is.
type MeasureState uint8

// The states of a measure. Zero is none.
const (
	MeasureOpened   MeasureState = iota + 1 // nobody has begun
	MeasureBegun                            //
	MeasureFinished                         //
	MeasureDropped                          // not done when its level was left
)

var measureStateNames = [...]string{"", "open", "started", "done", "closed"}

func (s MeasureState) String() string { return name(measureStateNames[:], int(s), "measure state") }

// ParseMeasureState returns the state of that name.
func ParseMeasureState(s string) (MeasureState, error) {
	return parse[MeasureState](measureStateNames[:], s, "measure state")
}

// A Measure is one measure of a response that was declared, with its clock. What
// is to be done is as the plan had it at the declaration.
type Measure struct {
	ID                     string
	Level                  ResponseLevel
	NameZH, NameEN         string
	Department             Department // that owns it
	Person                 string     // who owns it; ""
	PersonZH, PersonEN     string
	StepsZH, StepsEN       []string
	EvidenceZH, EvidenceEN string // what is to be kept; "": nothing
	State                  MeasureState
	Opened                 time.Time
	Within                 time.Duration // of the declaration; 0: no clock
	Deadline               time.Time     // zero: no clock
	Started, Ended         time.Time
	Late                   bool // not done at the deadline
	Notes                  []MeasureRemark
}

// A MeasureRemark is what a person said about a measure.
type MeasureRemark struct {
	At   time.Time
	By   Person
	Kind CommandKind
	Text string // the evidence, of one that is done
}
