// Package group makes one item of the warnings that belong together: one wave of
// a river, from headwater to mouth, is one group with the times at which it reaches
// each station, and stations that go out of sight together are one group.
//
// It is pure: [Rules] are compiled from a catalogue, [State] goes in and comes
// out, and time is an argument. Stages, dwell and blindness are package alert's;
// nothing here raises or lowers anything.
//
// # Waves
//
// A station that stands at Blue or more is a member of one wave. When it rises it
// joins, of the open waves,
//
//  1. the one with the nearest standing member upstream of it: the wave has come
//     down to it;
//  2. else the one with the nearest standing member downstream of it;
//  3. else the newest;
//
// and for 2 and 3 only one that has grown within [Span] and that the station has
// not left before: a station that has gone back and rises again with nothing
// upstream of it is a new wave, also while the old one is on its way to the mouth.
// If there is none it opens one. Rain gauges stand at the node that their rain
// arrives at, so that rain and the river that it feeds are one group. Rain of a
// long window stands for days: it counts as upstream only within Span of its last
// rise.
//
// A member that goes back leaves; within [Quiet] of that a rise is the same wave.
// A member that goes blind stays, for at most [BlindHold]: the river has not
// fallen because nobody sees it. A wave is closed when no member has stood for
// Quiet.
//
// # Blind groups
//
// Whoever is not seen is in one blind group: that of its department and the kind
// of its cause which has grown within [Outage], or which it was in before. It is
// closed when all have been seen for [Seen]. It is raised when one of it is found to
// lie on a rising reach.
//
// # Feed items
//
// A [hydro.GroupChange] is all of a group as it stands. The first orange and the
// first red of a wave are told at once. Other changes of a group wait until [Every],
// [EveryJoin] or [EveryEase] has passed since its last item, and for room among the
// basin's items of the last [Window]; what has waited is told as it then stands, so that the last item of a
// group is its last state.
package group

import (
	"time"

	"freshet/internal/hydro"
)

// How far apart in time warnings belong together, and how often groups speak.
// These are Freshet's own choices; no authority has set them.
const (
	Span      = 24 * time.Hour   // since a wave last grew, for stations that nothing has come down to
	Quiet     = time.Hour        // without a standing member until a wave is closed
	BlindHold = 24 * time.Hour   // how long a member that went blind holds its wave open
	Seen      = 15 * time.Minute // with all in sight until a blind group is closed: a doubtful gauge comes and goes
	Outage    = time.Hour        // since a blind group last grew, for more stations to be of the same outage
	Keep      = 24 * time.Hour   // how long a closed group is shown
	Window    = 10 * time.Minute // in which a basin has MaxItems, unless more than that are a wave's first orange or red
	MaxItems  = 10
	Every     = 5 * time.Minute  // between items of a group that are not urgent
	EveryJoin = 15 * time.Minute // if no station has risen to orange or red
	EveryEase = 30 * time.Minute // if it only falls, or forecast arrivals have moved
	Moved     = time.Hour        // by how much an arrival moves before that alone is news
)

// Of the MaxItems some are kept free for what is more urgent.
const (
	roomToOpen   = 8 // items in the window up to which groups are opened and raised
	roomToExtend = 6 // and up to which they are extended, lowered and closed
)

// maxStations of one change keep its message below 1 MB.
const maxStations = 2000

// rungs is the number of stages from Blue to Red.
const rungs = 4

// State is all that the rules remember. It is a plain value, made to be stored:
// everything is keyed by ids, so that it survives a catalogue change.
type State struct {
	Groups []Group     // open, and closed within Keep or not yet told; in the order in which they opened
	Items  []time.Time // when items were told within Window, ascending
	Run    time.Time   // time of issue of the last run looked at
}

// A Group is the memory of one group.
type Group struct {
	ID         string
	Kind       hydro.GroupKind
	OpenedAt   time.Time
	ClosedAt   time.Time        // zero while it is open
	Cause      string           // of a blind group: the kind of its cause
	Department hydro.Department // of a blind group
	Highest    hydro.Stage
	GrewAt     time.Time // when a station last joined or rose
	BackAt     time.Time // since when no member stands; zero while one does
	Escalated  int       // how often it became known of a member that it is blind on a rising reach
	Members    []Member  // ascending by station
	Moved      bool      // forecast arrivals have moved since they were told
	Told       Told
}

// A Member is a station of a group.
type Member struct {
	Station  string
	Stage    hydro.Stage // now, or when it left
	Highest  hydro.Stage
	JoinedAt time.Time
	RoseAt   time.Time // when it joined or last rose
	LeftAt   time.Time // zero while it stands
	BlindAt  time.Time // since when a standing member is blind; zero if it is not
	RisesAt  time.Time // since when a standing member is known to be blind on a rising reach; zero if it is not
	Cause    string

	Reached  [rungs]time.Time // when the river was observed to reach each stage; zero if it was not
	Variable hydro.Variable   // of the crest; 0: none was observed
	Crest    float64          // the highest value observed
	CrestAt  time.Time
}

// stands reports whether m has not gone back.
func (m *Member) stands() bool { return m.LeftAt.IsZero() }

// Told is what the last item of a group said; the zero value if there was none.
type Told struct {
	At        time.Time
	Event     hydro.GroupEvent
	Stage     hydro.Stage
	Highest   hydro.Stage
	Standing  int
	Sum       int       // of what only grows: see [Group.sum]
	Grave     int       // of how far stations have risen above yellow
	Escalated int       // of Group.Escalated
	Arrivals  []Arrival // forecast, ascending by station
	Closed    bool
}

// An Arrival is when a wave is forecast to reach the next stage of a station.
type Arrival struct {
	Station string
	At      time.Time
}

// stage returns the highest stage of the members that stand.
func (g *Group) stage() hydro.Stage {
	stage := hydro.Clear
	for i := range g.Members {
		if m := &g.Members[i]; m.stands() && height(m.Stage) > height(stage) {
			stage = m.Stage
		}
	}
	if g.Kind == hydro.BlindGroup && stage != hydro.Clear {
		return hydro.Blind // what a blind station holds is its wave's matter
	}
	return stage
}

// height orders stages for a group: a wave of which only blind stations are left
// is below one that is seen, and above one that has gone back.
func height(s hydro.Stage) int {
	switch s {
	case hydro.Clear:
		return 0
	case hydro.Blind:
		return 1
	default:
		return int(s) + 1
	}
}

// standing counts the members that stand.
func (g *Group) standing() int {
	n := 0
	for i := range g.Members {
		if g.Members[i].stands() {
			n++
		}
	}
	return n
}

// grave grows by each step above yellow that a station rises to in this group.
func (g *Group) grave() int {
	n := 0
	for i := range g.Members {
		if s := g.Members[i].Highest; risen(s) && s > hydro.Yellow {
			n += int(s - hydro.Yellow)
		}
	}
	return n
}

// sum grows by each station that joins, each stage that one rises to in this group
// and each that the river is observed to reach.
func (g *Group) sum() int {
	n := 0
	for i := range g.Members {
		m := &g.Members[i]
		n += 1 + height(m.Highest)
		for _, at := range m.Reached {
			if !at.IsZero() {
				n++
			}
		}
	}
	return n
}
