// Package duty keeps the life of alarms: who has seen what, what is shelved, and
// what is out of service, after ANSI/ISA-18.2.
//
// There is one alarm a station, and its condition is the station's stage: any but
// Clear, Blind included. The alarm rises when the colour goes up, sight is lost, or
// a blind station is found to lie on a rising reach, and only then: a stage that goes
// down, and sight that comes back, ask nobody anything. What a person has acknowledged does not stay so when it rises again.
//
// A shelf covers what stood when it was made, and no more: a colour above it, or
// sight that is lost beside it, ends the shelf at once, and so does an escalation,
// always: when the shelf was made the reach was not known to rise as it does now. When a shelf or being out of
// service ends, what stands is unacknowledged again. So nothing that is active
// leaves the list of alarms, and nothing that has risen is off the bell but by what
// a person did knowing it.
//
// The whole state machine is the table in table.go; docs/models/duty.md shows it,
// and a test holds the two equal.
//
// It is pure: [Rules] are compiled from a catalogue, [State] goes in and comes out,
// and time is an argument. It does not write to the memory behind a state.
package duty

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// State is all that the rules remember. It is a plain value, made to be stored.
type State struct {
	Alarms []Alarm // all that are not Normal, ascending by station
}

// An Alarm is where one station's alarm is.
type Alarm struct {
	Station string
	Status  Status
	Since   time.Time   // of Status
	Stage   hydro.Stage // as it stands; Clear: it has returned
	Cause   string      // why the station, or a part of it, is blind; "" if all is seen
	Risen   time.Time   // when it last rose
	Raised  string      // the warning that last raised it; "": none has
	Latest  string      // the newest warning of the station

	Was       hydro.Stage // the stage as it last was, if that is Clear
	WasBlind  bool
	By        hydro.Person // who acknowledged, shelved or put it out of service
	Reason    string       // their words
	Until     time.Time    // of a shelf
	Cover     hydro.Stage  // of a shelf: the highest colour it covers
	CoverSees bool         // of a shelf: it does not cover blindness
	Unheard   bool         // it rose while it was shelved or out of service
}

// Active reports whether the alarm's condition stands.
func (a *Alarm) Active() bool { return a.Stage != hydro.Clear }

func (a *Alarm) blind() bool { return a.Stage == hydro.Blind || a.Cause != "" }

// colour is the stage as a step of the ladder, on which Blind is none.
func colour(s hydro.Stage) hydro.Stage {
	if s == hydro.Blind {
		return hydro.Clear
	}
	return s
}

// Rules are what the catalogue says about alarms.
type Rules struct {
	basin    string
	shelf    time.Duration // the longest
	stations map[string]names
	zone     *time.Location
}

type names struct{ zh, en string }

// DefaultShelf is the longest shelf of a basin that states none.
const DefaultShelf = 8 * time.Hour

// Compile reads the basin's part of c.
func Compile(c *catalog.Catalog, basin string) (*Rules, error) {
	b, ok := c.Basin(basin)
	if !ok {
		return nil, fmt.Errorf("duty: basin %q: %w", basin, hydro.ErrNotFound)
	}
	zone, err := catalog.ParseZone(cmp.Or(b.Season.Zone, "Asia/Shanghai"))
	if err != nil {
		return nil, fmt.Errorf("duty: basin %s: %w", basin, err)
	}
	r := &Rules{basin: basin, shelf: cmp.Or(b.Settings.ShelveMax, DefaultShelf), stations: map[string]names{}, zone: zone}
	for i := range c.Stations {
		if st := &c.Stations[i]; st.Basin == basin {
			r.stations[st.ID] = names{st.NameZH, st.NameEN}
		}
	}
	return r, nil
}

// find returns the place of a station's alarm.
func find(alarms []Alarm, station string) (int, bool) {
	return slices.BinarySearchFunc(alarms, station, func(a Alarm, id string) int { return cmp.Compare(a.Station, id) })
}

// get returns the alarm of a station, Normal if there is none.
func (s State) get(station string) Alarm {
	if i, ok := find(s.Alarms, station); ok {
		return s.Alarms[i]
	}
	return Alarm{Station: station}
}

// put returns s with that alarm, in memory of its own.
func (s State) put(a Alarm) State {
	i, ok := find(s.Alarms, a.Station)
	alarms := slices.Clone(s.Alarms)
	switch {
	case a.Status == Normal && ok:
		alarms = slices.Delete(alarms, i, i+1)
	case a.Status == Normal:
	case ok:
		alarms[i] = a
	default:
		alarms = slices.Insert(alarms, i, a)
	}
	return State{alarms}
}

// Step takes a tick and the warnings that the alert rules gave on it, with their
// IDs. It returns what is to be said beside them: shelves that ended.
func (r *Rules) Step(s State, now time.Time, warnings []hydro.Warning) (State, []hydro.DutyEvent) {
	var events []hydro.DutyEvent
	for _, a := range s.Alarms {
		if a.Status == Shelved && !now.Before(a.Until) {
			var event hydro.DutyEvent
			s, event = r.expire(s, a, now)
			events = append(events, event)
		}
	}
	for i := range warnings {
		var event *hydro.DutyEvent
		if s, event = r.warn(s, &warnings[i]); event != nil {
			events = append(events, *event)
		}
	}
	for _, a := range s.Alarms { // a station that the catalogue no longer has is nobody's to put back
		if _, known := r.stations[a.Station]; !known && a.Status == OutOfService && !a.Active() {
			before := a
			s = s.put(a.move(PutBack, now))
			event := r.event("in_service", &before, s.get(a.Station), now)
			event.TextZH, event.TextEN = r.removedText(&before)
			events = append(events, event)
		}
	}
	return s, events
}

// expire ends a shelf whose time is over.
func (r *Rules) expire(s State, a Alarm, now time.Time) (State, hydro.DutyEvent) {
	s = s.put(a.move(Expire, now))
	event := r.event("shelf_expired", &a, s.get(a.Station), now)
	event.Until = a.Until
	event.TextZH, event.TextEN = r.endText(&a, s.get(a.Station))
	return s, event
}

// warn takes one warning.
func (r *Rules) warn(s State, w *hydro.Warning) (State, *hydro.DutyEvent) {
	a := s.get(w.Station)
	before := a
	trigger := a.meet(w)
	if w.To == hydro.Clear && a.Active() {
		a.Was, a.WasBlind = a.Stage, a.blind()
	}
	a.Stage, a.Cause, a.Latest = w.To, w.Cause, w.ID
	if w.To == hydro.Clear { // also of a station that the catalogue has lost while blind
		a.Cause = ""
	}
	if trigger == Raise || trigger == Escalate || trigger == RaiseCovered {
		a.Risen, a.Raised = w.At, w.ID
	}
	after := a.move(trigger, w.At)
	s = s.put(after)
	if before.Status != Shelved || after.Status == Shelved {
		return s, nil
	}
	event := r.event("shelf_ended", &before, after, w.At)
	event.Until = before.Until
	event.TextZH, event.TextEN = r.endedText(trigger, &before, after)
	return s, &event
}

// meet says what a warning does to the alarm.
func (a *Alarm) meet(w *hydro.Warning) Trigger {
	blind := w.To == hydro.Blind || w.Cause != ""
	switch {
	case blind && w.Escalated && (w.From == w.To || !a.blind()): // as package alert tells of an escalation, once
		return Escalate
	case w.To == hydro.Clear:
		return Return
	case colour(w.To) > colour(a.Stage), blind && !a.blind(), blind && w.From == w.To && w.Cause != a.Cause:
		if a.Status == Shelved && colour(w.To) <= a.Cover && (!blind || !a.CoverSees) {
			return RaiseCovered
		}
		return Raise
	}
	return Lower
}

// move returns the alarm after a trigger that the table allows; of one that it does
// not, the alarm as it is.
func (a Alarm) move(t Trigger, at time.Time) Alarm {
	to := table[a.Status][t].to
	held := a.Status == Shelved || a.Status == OutOfService
	switch {
	case to == resume && a.Active():
		to = Unacknowledged
	case to == resume && a.Unheard:
		to = Returned
	case to == resume:
		to = Normal
	case to == none:
		return a
	}
	if held && (t == Raise || t == Escalate || t == RaiseCovered) {
		a.Unheard = true
	}
	if to != Shelved && to != OutOfService {
		a.Unheard = false
	}
	if to != a.Status || to == Unacknowledged && (t == Raise || t == Escalate) || t == Shelve {
		a.Since = at
	}
	if to == Unacknowledged || to == Returned && held {
		a.By, a.Reason = hydro.Person{}, ""
	}
	if to != Shelved {
		a.Until, a.Cover, a.CoverSees = time.Time{}, hydro.Clear, false
	}
	a.Status = to
	return a
}

// Do obeys a command of the kinds acknowledge, shelve, unshelve, out_of_service and
// in_service. Its Station may be empty if its Warning, which names the station, is
// given. The error is a [hydro.CommandError]; the state is then as it was.
func (r *Rules) Do(s State, c hydro.Command) (State, []hydro.DutyEvent, error) {
	trigger, ok := triggers[c.Kind]
	if !ok {
		return s, nil, no("警报没有名为 %q 的操作", "an alarm has no %q", c.Kind)
	}
	station, err := r.target(s, &c)
	if err != nil {
		return s, nil, err
	}
	a := s.get(station)
	if err := r.refuse(&a, trigger, &c); err != nil {
		return s, nil, err
	}
	before := a
	a = a.move(trigger, c.At)
	a.By, a.Reason = c.By, c.Text
	if trigger == TakeOut {
		a.Unheard = false
	}
	if trigger == Shelve {
		a.Until, a.Unheard = c.Until, false
		a.Cover, a.CoverSees = colour(before.Stage), !before.blind()
		if !before.Active() {
			a.Cover, a.CoverSees = colour(before.Was), !before.WasBlind
		}
	}
	if a.Status == Unacknowledged || a.Status == Returned { // it is nobody's again
		a.By, a.Reason = hydro.Person{}, ""
	}
	s = s.put(a)
	event := r.event(done[trigger], &before, a, c.At)
	event.Until = a.Until
	event.TextZH, event.TextEN = r.doneText(trigger, &before, a, &c)
	return s, []hydro.DutyEvent{event}, nil
}

// target returns the station that a command is about.
func (r *Rules) target(s State, c *hydro.Command) (string, error) {
	station := c.Station
	if c.Warning != "" {
		named, ok := stationOf(r.basin, c.Warning)
		if !ok || station != "" && named != station {
			return "", no("预警 %q 不是本流域该站的预警", "warning %q is none of this basin's, or of another station", c.Warning)
		}
		station = named
	}
	_, known := r.stations[station]
	if _, alarmed := find(s.Alarms, station); !known && !alarmed {
		return "", no("流域 %[2]s 没有测站 %[1]q", "no station %q in basin %s", station, r.basin)
	}
	return station, nil
}

// stationOf returns the station of the warning "<basin>/<time>/<station>".
func stationOf(basin, warning string) (string, bool) {
	rest, ok := strings.CutPrefix(warning, basin+"/")
	_, station, named := strings.Cut(rest, "/")
	return station, ok && named && station != ""
}

// refuse says why a command may not be done.
func (r *Rules) refuse(a *Alarm, t Trigger, c *hydro.Command) error {
	cell := table[a.Status][t]
	if cell.to == none {
		return r.notNow(a, cell)
	}
	// IDs of one station's warnings ascend with time.
	if c.Warning != "" && (t == Acknowledge || t == Shelve) && (c.Warning < a.Raised || c.Warning > a.Latest) {
		return r.overtaken(a, c)
	}
	if t == TakeOut && c.Text == "" {
		return no("停用须说明理由", "say why it is out of service")
	}
	if t == Shelve {
		switch longest := c.At.Add(r.shelf); {
		case c.Text == "":
			return no("搁置须说明理由", "say why it is shelved")
		case !c.Until.After(c.At):
			return no("搁置须有截止时间，且晚于现在（%s）", "say until when it is shelved, later than now (%s)", r.clock(c.At))
		case c.Until.After(longest):
			return no("搁置最长 %[1]s，即至 %[2]s", "a shelf lasts at most %s, until %s", span(r.shelf), r.clock(longest))
		}
	}
	return nil
}

// event is what is said of an alarm that has moved.
func (r *Rules) event(kind string, before *Alarm, after Alarm, at time.Time) hydro.DutyEvent {
	return hydro.DutyEvent{
		At: at, Kind: kind, Station: before.Station, Warning: after.Raised, From: before.Status.String(), To: after.Status.String(), Stage: after.Stage,
	}
}
