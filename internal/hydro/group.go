package hydro

import (
	"slices"
	"time"
)

// A GroupKind is what holds the warnings of a group together.
type GroupKind uint8

// The kinds of group. Zero is none.
const (
	WaveGroup  GroupKind = iota + 1 // one wave of a river, with the rain that feeds it
	BlindGroup                      // stations of one department that went out of sight together, for one cause
)

// GroupKinds lists all kinds in order.
var GroupKinds = []GroupKind{WaveGroup, BlindGroup}

var groupKindNames = [...]string{"", "wave", "blind"}

func (k GroupKind) String() string { return name(groupKindNames[:], int(k), "group kind") }

// A GroupEvent is what happened to a group.
type GroupEvent uint8

// The events. Zero is none.
const (
	GroupOpened   GroupEvent = iota + 1
	GroupRaised              // it stands higher than it was last told
	GroupExtended            // stations have joined, or times have moved, at the same height
	GroupLowered             // it stands lower, or stations have gone back
	GroupClosed
)

// GroupEvents lists all events in order.
var GroupEvents = []GroupEvent{GroupOpened, GroupRaised, GroupExtended, GroupLowered, GroupClosed}

var groupEventNames = [...]string{"", "opened", "raised", "extended", "lowered", "closed"}

func (e GroupEvent) String() string { return name(groupEventNames[:], int(e), "group event") }

// A GroupChange is a group as it stands when it has changed: all of it, so that
// the last one heard is all that one needs to know.
type GroupChange struct {
	ID         string // "<basin>/<kind>/<opened at>/<first station>", equal in every replay
	Basin      string
	Kind       GroupKind
	Event      GroupEvent
	At         time.Time // engine time of the change
	OpenedAt   time.Time
	ClosedAt   time.Time  // zero while it is open
	Stage      Stage      // the highest of its stations now; Blind if there are only blind ones
	Highest    Stage      // that it has stood at
	Station    string     // that stands highest, the first along the river if there are several
	Cause      string     // of a blind group: "silent", "refused", "quality", "maintenance" or "never_reported"
	Department Department // of a blind group
	Headwater  string     // the first of a wave's stations along the river
	Mouth      string     // the last
	Stations   []GroupStation
	Count      int // stations, also those that Stations has no room for
	Standing   int // stations at Blue or more, or blind
	TextZH     string
	TextEN     string
	// ForecastIssuedAt names the run that the forecast times are of; zero if none.
	ForecastIssuedAt time.Time
	Illustrative     bool // thresholds of one of its stations are illustrative
}

// Closed reports whether the group is over.
func (g *GroupChange) Closed() bool { return !g.ClosedAt.IsZero() }

// Escalated reports whether one of the group is blind on a rising reach.
func (g *GroupChange) Escalated() bool {
	return slices.ContainsFunc(g.Stations, func(s GroupStation) bool { return s.Escalated })
}

// A GroupStation is one station of a group. Stations stand along the river,
// headwater first.
type GroupStation struct {
	Station  string
	Stage    Stage          // now
	Highest  Stage          // in this group
	JoinedAt time.Time      // zero: the wave has yet to reach it
	LeftAt   time.Time      // zero while it stands
	Arrivals []GroupArrival // lowest stage first

	// The crest: observed once it is past, forecast before that.
	PeakAt       time.Time // zero: nothing tells
	PeakValue    float64
	PeakVariable Variable
	PeakObserved bool

	Rain  bool   // it tells the rain that feeds the river, and no river
	Cause string // why it is not seen, "" if it is

	Escalated bool // it is blind on a rising reach
}

// A GroupArrival says when a station reaches a stage.
type GroupArrival struct {
	Stage    Stage
	At       time.Time
	Observed bool // else it is forecast
}
