package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// A Contact is somebody who can be called. Phones are for the screen of the
// people on duty: they go into no log, no metric and no event.
type Contact struct {
	ID               string
	NameZH, NameEN   string
	TitleZH, TitleEN string
	Department       hydro.Department
	Phones           []string
	Illustrative     bool // an invented person
}

// A Roster says who of a department is called 叫应, in which order and how.
type Roster struct {
	ID             string
	NameZH, NameEN string
	Department     hydro.Department
	Basins         []string // empty: all
	Call           Calling
	Shifts         []Shift
	Always         []string // people who come after those on duty, in order
	Then           string   // roster that is called when nobody of this one confirmed; ""
	Only           bool     // called only as another's Then, never by a warning
	Illustrative   bool
}

// A Calling says when calls begin and how often somebody is tried.
type Calling struct {
	From     hydro.Stage   // stages from this one on call
	Tries    int           // per person
	Interval time.Duration // between two tries, and from the last to the next person
	// Blind is the stage as which a station counts that is blind on a rising reach, if
	// the river around it stands no higher; Clear: as what is around it.
	Blind hydro.Stage
	// Repeat is how long after a roster has nobody left it is called again from its top,
	// as long as its wave stands and nobody has confirmed; 0: never.
	Repeat time.Duration
}

// DefaultCalling is three tries in five minutes, from orange on: the practice of
// county desks and no rule of any department. That it begins anew after a quarter of
// an hour is Freshet's own choice.
func DefaultCalling() Calling {
	return Calling{From: hydro.Orange, Tries: 3, Interval: 100 * time.Second, Repeat: 15 * time.Minute}
}

// A Shift is a part of the day with the people on duty in it.
type Shift struct {
	NameZH, NameEN string
	From, To       time.Duration  // after midnight; To not after From: until that time of the next day
	Days           []time.Weekday // on which it begins; empty: all
	First, Last    string         // days on which it begins, "2026-05-21", both included; "": no bound
	People         []string       // in the order in which they are called
}

// On reports whether the shift is on at an instant, in the zone of its basin.
func (s *Shift) On(at time.Time, zone *time.Location) bool {
	at = at.In(zone)
	clock := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second
	if s.To > s.From {
		return clock >= s.From && clock < s.To && s.begins(at)
	}
	return clock >= s.From && s.begins(at) || clock < s.To && s.begins(at.AddDate(0, 0, -1))
}

func (s *Shift) begins(day time.Time) bool {
	date := day.Format(time.DateOnly)
	return (len(s.Days) == 0 || slices.Contains(s.Days, day.Weekday())) && date >= s.First && (s.Last == "" || date <= s.Last)
}

// Serves reports whether the roster is for a basin.
func (r *Roster) Serves(basin string) bool {
	return len(r.Basins) == 0 || slices.Contains(r.Basins, basin)
}

// Contact returns the person of that id.
func (c *Catalog) Contact(id string) (*Contact, bool) {
	i, ok := slices.BinarySearchFunc(c.Contacts, id, func(p Contact, id string) int { return cmp.Compare(p.ID, id) })
	if !ok {
		return nil, false
	}
	return &c.Contacts[i], true
}

const maxTries = 20

func (l *loader) calling(m *mapping, def Calling) Calling {
	c := def
	if v, ok := m.take("from"); ok {
		s, isText := v.text()
		stage, err := hydro.ParseStage(s)
		switch {
		case !isText:
		case err != nil || stage == hydro.Clear || stage == hydro.Blind:
			v.fail("from: calls cannot begin at %q: write blue, yellow, orange or red", s)
		default:
			c.From = stage
		}
	}
	if v, ok := m.take("blind"); ok {
		s, isText := v.text()
		stage, err := hydro.ParseStage(s)
		switch {
		case !isText:
		case s == "reach":
			c.Blind = hydro.Clear
		case err != nil || stage == hydro.Clear || stage == hydro.Blind:
			v.fail("blind: a station that is blind on a rising reach cannot count as %q: write reach (as the river around it), blue, yellow, orange or red", s)
		default:
			c.Blind = stage
		}
	}
	c.Tries = m.whole("tries", c.Tries, 1, maxTries)
	c.Interval = m.duration("interval", c.Interval, 10*time.Second)
	if v, ok := m.take("repeat"); ok {
		if s, isText := v.text(); isText {
			d, isDuration := time.Duration(0), true
			if s != "never" {
				d, isDuration = v.duration()
			}
			switch {
			case isDuration && (s == "never" || d >= time.Minute):
				c.Repeat = d
			case isDuration:
				v.fail("repeat: %s is shorter than 1m0s: write how long after a roster has nobody left it is called again, or never", s)
			}
		}
	}
	return c
}

func (l *loader) buildCallout() {
	l.callout = DefaultCalling()
	if len(l.callouts) == 0 {
		return
	}
	for _, extra := range l.callouts[1:] {
		extra.fail("callout: given twice; it stands in one file only")
	}
	if m, ok := l.callouts[0].mapping(); ok {
		l.callout = l.calling(m, l.callout)
		m.done()
	}
}

func (l *loader) buildContact(m *mapping) {
	p := Contact{ID: m.id("id"), Illustrative: m.flag("illustrative")}
	p.NameZH, p.NameEN = m.name("name")
	if _, ok := m.take("title"); ok {
		p.TitleZH, p.TitleEN = m.name("title")
	}
	p.Department, _ = parsed(m, "department", hydro.ParseDepartment, "weather, hydrology or water_resources")
	m.need("phones")
	items := m.list("phones")
	if v, ok := m.values["phones"]; ok && len(items) == 0 {
		v.fail("phones: empty: somebody who cannot be called stands in no roster")
	}
	for _, v := range items {
		phone, ok := v.text()
		switch {
		case !ok:
		case phone == "" || len(phone) > 64:
			v.fail("phones: %q is no number: 1 to 64 bytes", phone)
		case slices.Contains(p.Phones, phone):
			v.fail("phones: %q given twice", phone)
		default:
			p.Phones = append(p.Phones, phone)
		}
	}
	if p.ID == "" {
		return
	}
	if slices.ContainsFunc(l.cat.Contacts, func(o Contact) bool { return o.ID == p.ID }) {
		l.report(m.place("id"), "person %q given twice", p.ID)
		return
	}
	l.cat.Contacts = append(l.cat.Contacts, p)
}

// people reads a list of persons' ids.
func (l *loader) people(m *mapping, name string) []string {
	var out []string
	for _, v := range m.list(name) {
		id, ok := v.text()
		switch {
		case !ok:
		case !slices.ContainsFunc(l.cat.Contacts, func(p Contact) bool { return p.ID == id }):
			v.fail("%s: no person %q under people", name, id)
		case slices.Contains(out, id):
			v.fail("%s: %q given twice", name, id)
		default:
			out = append(out, id)
		}
	}
	return out
}

func (l *loader) buildRoster(m *mapping) {
	r := Roster{ID: m.id("id"), Illustrative: m.flag("illustrative"), Only: m.flag("only_then")}
	r.NameZH, r.NameEN = m.name("name")
	r.Department, _ = parsed(m, "department", hydro.ParseDepartment, "weather, hydrology or water_resources")
	for _, v := range m.list("basins") {
		if id, ok := v.text(); ok {
			if _, known := l.cat.Basin(id); !known {
				v.fail("basins: no basin %q", id)
			}
			r.Basins = append(r.Basins, id)
		}
	}
	r.Call = l.calling(m, l.callout)
	for _, item := range m.list("shifts") {
		if s, ok := item.mapping(); ok {
			r.Shifts = append(r.Shifts, l.shift(s))
			s.done()
		}
	}
	r.Always = l.people(m, "always")
	r.Then = m.text("then")
	if len(r.Always) == 0 {
		if hole := uncovered(r.Shifts); hole != "" {
			l.report(m.at(), "shifts: nobody is on duty on %s: give shifts without bounds of dates for the whole week, or somebody under always", hole)
		}
	}
	if r.ID == "" {
		return
	}
	if slices.ContainsFunc(l.cat.Rosters, func(o Roster) bool { return o.ID == r.ID }) {
		l.report(m.place("id"), "roster %q given twice", r.ID)
		return
	}
	l.cat.Rosters = append(l.cat.Rosters, r)
	l.rosterAt = append(l.rosterAt, m)
}

func (l *loader) shift(m *mapping) Shift {
	var s Shift
	if _, ok := m.take("name"); ok {
		s.NameZH, s.NameEN = m.name("name")
	}
	m.need("from")
	m.need("to")
	s.From, s.To = m.timeOfDay("from", 0), m.timeOfDay("to", 0)
	for _, v := range m.list("days") {
		word, ok := v.text()
		i := slices.Index(weekdays, word)
		switch {
		case !ok:
		case i < 0:
			v.fail("days: %q is no day: write %s", word, strings.Join(weekdays, ", "))
		case slices.Contains(s.Days, time.Weekday(i)):
			v.fail("days: %q given twice", word)
		default:
			s.Days = append(s.Days, time.Weekday(i))
		}
	}
	s.First, s.Last = m.day("first"), m.day("last")
	if s.First != "" && s.Last != "" && s.Last < s.First {
		l.report(m.place("last"), "last: %s is before first %s", s.Last, s.First)
	}
	m.need("people")
	s.People = l.people(m, "people")
	if v, ok := m.values["people"]; ok && len(s.People) == 0 {
		v.fail("people: nobody; a shift names who is on duty")
	}
	return s
}

// day returns a date as it is written, "" if the key is absent.
func (m *mapping) day(name string) string {
	v, ok := m.take(name)
	if !ok {
		return ""
	}
	s, ok := v.text()
	if !ok {
		return ""
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		v.fail("%s: %q is no date: write 2026-05-21", name, s)
		return ""
	}
	return s
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// uncovered returns the first minute of a week in which no shift is on that
// stands in every week, "" if there is none.
func uncovered(shifts []Shift) string {
	monday := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for minute := range 7 * 24 * 60 {
		at := monday.Add(time.Duration(minute) * time.Minute)
		if !slices.ContainsFunc(shifts, func(s Shift) bool { return s.First == "" && s.Last == "" && s.On(at, time.UTC) }) {
			return fmt.Sprintf("%s at %s", at.Weekday(), at.Format("15:04"))
		}
	}
	return ""
}

// checkRosters follows each roster's then: to one that exists, in no circle, and
// into the same basins.
func (l *loader) checkRosters() {
	at := func(id string) int {
		return slices.IndexFunc(l.cat.Rosters, func(r Roster) bool { return r.ID == id })
	}
	for i := range l.cat.Rosters {
		r, m := &l.cat.Rosters[i], l.rosterAt[i]
		if r.Then == "" {
			continue
		}
		next := at(r.Then)
		if next < 0 {
			l.report(m.place("then"), "then: no roster %q", r.Then)
			continue
		}
		for k, steps := next, 0; k >= 0 && steps <= len(l.cat.Rosters); k, steps = at(l.cat.Rosters[k].Then), steps+1 {
			if k == i {
				l.report(m.place("then"), "then: roster %q leads back to itself", r.ID)
				break
			}
		}
		for _, b := range l.cat.Basins {
			if r.Serves(b.ID) && !l.cat.Rosters[next].Serves(b.ID) {
				l.report(m.place("then"), "then: roster %q is not for basin %q", r.Then, b.ID)
				break
			}
		}
	}
	for i := range l.cat.Rosters {
		r := &l.cat.Rosters[i]
		if r.Only && !slices.ContainsFunc(l.cat.Rosters, func(o Roster) bool { return o.Then == r.ID }) {
			l.report(l.rosterAt[i].place("only_then"), "only_then: no roster names %q under then: it would never be called", r.ID)
		}
	}
}
