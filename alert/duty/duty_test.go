package duty_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/alert/duty"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

var (
	start = time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC)
	zhang = hydro.Person{ID: "token a", Name: "张三", Department: hydro.Hydrology, Role: "officer"}
	li    = hydro.Person{ID: "token b", Name: "李四", Department: hydro.Hydrology, Role: "officer"}
)

func rules(t interface{ Fatal(...any) }) *duty.Rules {
	r, err := duty.Compile(&catalog.Catalog{
		Basins:   []catalog.Basin{{ID: "b", Settings: catalog.Settings{ShelveMax: 4 * time.Hour}}},
		Stations: []catalog.Station{{ID: "h-1", NameZH: "恩平", NameEN: "Enping", Basin: "b"}, {ID: "h-2", Basin: "b"}, {ID: "h-9", Basin: "c"}},
	}, "b")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A desk is one state and the time.
type desk struct {
	t     interface{ Fatal(...any) }
	rules *duty.Rules
	state duty.State
	now   time.Time
	stage map[string]hydro.Stage // that the last warning gave
	last  map[string]string      // the last warning
}

func sit(t interface{ Fatal(...any) }) *desk {
	return &desk{t, rules(t), duty.State{}, start, map[string]hydro.Stage{}, map[string]string{}}
}

// warn is a tick a minute later, on which the station's stage changes.
func (d *desk) warn(station string, to hydro.Stage, cause string) []hydro.DutyEvent {
	d.now = d.now.Add(time.Minute)
	w := hydro.Warning{
		ID: fmt.Sprintf("b/%s/%s", d.now.Format("20060102T150405Z"), station), Basin: "b", Station: station, At: d.now,
		From: d.stage[station], To: to, Cause: cause,
	}
	d.stage[station], d.last[station] = to, w.ID
	return d.step([]hydro.Warning{w})
}

func (d *desk) step(warnings []hydro.Warning) []hydro.DutyEvent {
	before := clone(d.t, d.state)
	held := d.state
	next, events := d.rules.Step(d.state, d.now, warnings)
	if diff := cmp.Diff(before, clone(d.t, held)); diff != "" {
		d.t.Fatal("Step wrote to the state that it was given (-was +is):\n" + diff)
	}
	d.state = next
	return events
}

func (d *desk) tick(later time.Duration) []hydro.DutyEvent {
	d.now = d.now.Add(later)
	return d.step(nil)
}

func (d *desk) do(kind hydro.CommandKind, station string, change ...func(*hydro.Command)) ([]hydro.DutyEvent, error) {
	c := hydro.Command{ID: "c", Basin: "b", At: d.now, By: zhang, Kind: kind, Station: station, Text: "检修"}
	if kind == hydro.Shelve {
		c.Until = d.now.Add(time.Hour)
	}
	for _, f := range change {
		f(&c)
	}
	before := clone(d.t, d.state)
	held := d.state
	next, events, err := d.rules.Do(d.state, c)
	if diff := cmp.Diff(before, clone(d.t, held)); diff != "" {
		d.t.Fatal("Do wrote to the state that it was given (-was +is):\n" + diff)
	}
	if err != nil && !cmp.Equal(before, clone(d.t, next)) {
		d.t.Fatal("a refused command changed the state")
	}
	d.state = next
	return events, err
}

func (d *desk) must(kind hydro.CommandKind, station string, change ...func(*hydro.Command)) []hydro.DutyEvent {
	events, err := d.do(kind, station, change...)
	if err != nil {
		d.t.Fatal(fmt.Sprintf("%s: %v", kind, err))
	}
	return events
}

// alarm returns the station's alarm; a normal one is not in the list.
func (d *desk) alarm(station string) duty.Alarm {
	i := slices.IndexFunc(d.state.Alarms, func(a duty.Alarm) bool { return a.Station == station })
	if i < 0 {
		return duty.Alarm{Station: station}
	}
	return d.state.Alarms[i]
}

func clone(t interface{ Fatal(...any) }, s duty.State) duty.State {
	var b bytes.Buffer
	var out duty.State
	if err := errors.Join(gob.NewEncoder(&b).Encode(s), gob.NewDecoder(&b).Decode(&out)); err != nil {
		t.Fatal(err)
	}
	return out
}

// grid is the state machine in other words than the table: one row a trigger, one
// column a state in the order of duty.Statuses. N normal, U unacknowledged, A
// acknowledged, R returned, S shelved, O out of service, - refused, . cannot come;
// of what ends a shelf or being out of service, the state of an alarm whose
// condition stands.
const grid = `
raised                    U U U U U O
escalated                 U U U U U O
raised within the shelf   . . . . S .
lowered                   . U A . S O
returned                  N R N R S O
acknowledge               - A - N - -
shelve                    - S S S S -
unshelve                  - - - - U -
shelf expires             . . . . U .
out of service            O O O O O -
in service                - - - - - U
`

// reach brings station h-1 into a state, with its condition standing at yellow
// unless the state says that it does not.
func reach(d *desk, s duty.Status) {
	if s != duty.Normal {
		d.warn("h-1", hydro.Yellow, "")
	}
	switch s {
	case duty.Acknowledged:
		d.must(hydro.Acknowledge, "h-1")
	case duty.Returned:
		d.warn("h-1", hydro.Clear, "")
	case duty.Shelved:
		d.must(hydro.Shelve, "h-1")
		d.warn("h-1", hydro.Blue, "") // so that a raise within the shelf can come
	case duty.OutOfService:
		d.must(hydro.OutOfService, "h-1")
	default:
	}
	if got := d.alarm("h-1").Status; got != s {
		d.t.Fatal(fmt.Sprintf("reached %s, not %s", got, s))
	}
}

func TestEveryCellOfTheStateMachineDoesWhatItSays(t *testing.T) {
	letters := map[byte]duty.Status{'N': duty.Normal, 'U': duty.Unacknowledged, 'A': duty.Acknowledged, 'R': duty.Returned, 'S': duty.Shelved, 'O': duty.OutOfService}
	lines := strings.Split(strings.TrimSpace(grid), "\n")
	if len(lines) != len(duty.Triggers) {
		t.Fatalf("%d rows, %d triggers", len(lines), len(duty.Triggers))
	}
	cells := 0
	for i, trigger := range duty.Triggers {
		line := lines[i]
		if !strings.HasPrefix(line, trigger.String()+"  ") {
			t.Fatalf("row %d is %q, the trigger %q", i, line, trigger)
		}
		columns := strings.Fields(line[len(trigger.String()):])
		for k, s := range duty.Statuses {
			cells++
			letter := columns[k][0]
			name := trigger.String() + " in " + s.String()
			to, zh, en := duty.Next(s, trigger)
			d := sit(t)
			reach(d, s)
			var err error
			switch {
			case letter == '.':
				if to != duty.Never {
					t.Errorf("%s: the table says %s, want that it cannot come", name, to)
				}
				continue
			case trigger == duty.Raise:
				d.warn("h-1", hydro.Red, "")
			case trigger == duty.Escalate:
				d.escalate(hydro.Blind)
			case trigger == duty.RaiseCovered:
				d.warn("h-1", hydro.Yellow, "")
			case trigger == duty.Lower:
				d.warn("h-1", hydro.Blue, "")
			case trigger == duty.Return:
				d.warn("h-1", hydro.Clear, "")
			case trigger == duty.Expire:
				d.tick(2 * time.Hour)
			default:
				_, err = d.do(hydro.CommandKind(trigger.Command()), "h-1")
			}
			if letter == '-' {
				no, ok := errors.AsType[*hydro.CommandError](err)
				if !ok || to != duty.Refused || zh == "" || en == "" || !strings.Contains(no.ZH, zh) || !strings.Contains(no.EN, en) || !strings.Contains(no.ZH, "h-1") && s != duty.Normal {
					t.Errorf("%s: %v, the table says %s (%s, %s)", name, err, to, zh, en)
				}
				if got := d.alarm("h-1").Status; got != s {
					t.Errorf("%s: refused, and yet %s", name, got)
				}
				continue
			}
			want := letters[letter]
			if got := d.alarm("h-1").Status; err != nil || got != want {
				t.Errorf("%s: %s, want %s (%v)", name, got, want, err)
			}
			if to != want.String() && to != duty.Resumes {
				t.Errorf("%s: the table says %s, want %s", name, to, want)
			}
		}
	}
	if cells != len(duty.Statuses)*len(duty.Triggers) {
		t.Errorf("%d cells", cells)
	}
}

// What resumes depends on what happened meanwhile.
func TestWhatComesBackFromAShelfOrFromServiceIsNeverQuieterThanItIs(t *testing.T) {
	for _, away := range []struct{ away, back hydro.CommandKind }{{hydro.Shelve, hydro.Unshelve}, {hydro.Shelve, ""}, {hydro.OutOfService, hydro.InService}} {
		for _, c := range []struct {
			name      string
			meanwhile []hydro.Stage
			want      duty.Status
		}{
			{"it stands", nil, duty.Unacknowledged},
			{"it went", []hydro.Stage{hydro.Clear}, duty.Normal},
			{"it went and came", []hydro.Stage{hydro.Clear, hydro.Blue}, duty.Unacknowledged},
			{"it went and came and went", []hydro.Stage{hydro.Clear, hydro.Blue, hydro.Clear}, duty.Returned},
		} {
			d := sit(t)
			reach(d, duty.Acknowledged)
			d.must(away.away, "h-1")
			for _, s := range c.meanwhile {
				d.warn("h-1", s, "")
			}
			if away.back == "" {
				d.tick(2 * time.Hour)
			} else {
				d.must(away.back, "h-1")
			}
			if got := d.alarm("h-1"); got.Status != c.want || got.By != (hydro.Person{}) || !got.Until.IsZero() {
				t.Errorf("%s, %s, back by %q: %+v, want %s", away.away, c.name, away.back, got, c.want)
			}
		}
	}
}

func TestAShelfCoversWhatStoodAndNoMore(t *testing.T) {
	type seen struct {
		stage hydro.Stage
		cause string
	}
	for _, c := range []struct {
		name   string
		before []seen
		then   seen
		ends   bool
	}{
		{"a higher colour", []seen{{hydro.Yellow, ""}}, seen{hydro.Orange, ""}, true},
		{"the same colour again", []seen{{hydro.Yellow, ""}, {hydro.Clear, ""}}, seen{hydro.Yellow, ""}, false},
		{"a lower colour again", []seen{{hydro.Yellow, ""}, {hydro.Clear, ""}}, seen{hydro.Blue, ""}, false},
		{"a colour that stood before, but not when it was shelved", []seen{{hydro.Orange, ""}, {hydro.Yellow, ""}}, seen{hydro.Orange, ""}, true},
		{"blindness beside a colour", []seen{{hydro.Yellow, ""}}, seen{hydro.Yellow, "silent"}, true},
		{"blindness again", []seen{{hydro.Blind, "silent"}, {hydro.Clear, ""}}, seen{hydro.Blind, "silent"}, false},
		{"a colour after blindness", []seen{{hydro.Blind, "silent"}}, seen{hydro.Blue, ""}, true},
		{"both after both", []seen{{hydro.Yellow, "silent"}, {hydro.Clear, ""}}, seen{hydro.Yellow, "silent"}, false},
		{"blind for another reason", []seen{{hydro.Blind, "silent"}}, seen{hydro.Blind, "refused"}, false},
	} {
		d := sit(t)
		for _, s := range c.before {
			d.warn("h-1", s.stage, s.cause)
		}
		d.must(hydro.Shelve, "h-1")
		events := d.warn("h-1", c.then.stage, c.then.cause)
		a := d.alarm("h-1")
		if c.ends != (a.Status == duty.Unacknowledged) || !c.ends && a.Status != duty.Shelved {
			t.Errorf("%s: %s", c.name, a.Status)
		}
		if !c.ends {
			if len(events) > 0 {
				t.Errorf("%s: %+v", c.name, events)
			}
			continue
		}
		if len(events) != 1 || events[0].Kind != "shelf_ended" || !strings.Contains(events[0].TextZH, "张三") || !strings.Contains(events[0].TextZH, "提前结束") || events[0].From != "shelved" || events[0].To != "unacknowledged" {
			t.Errorf("%s: nobody is told that the shelf ended: %+v", c.name, events)
		}
	}
}

func TestACommandMustSayWhatItNeeds(t *testing.T) {
	until := func(d time.Duration) func(*hydro.Command) {
		return func(c *hydro.Command) { c.Until = c.At.Add(d) }
	}
	silent := func(c *hydro.Command) { c.Text = "" }
	for _, c := range []struct {
		name   string
		kind   hydro.CommandKind
		in     duty.Status
		change []func(*hydro.Command)
		zh, en string // "": it is obeyed
	}{
		{"a shelf of the longest", hydro.Shelve, duty.Unacknowledged, []func(*hydro.Command){until(4 * time.Hour)}, "", ""},
		{"a shelf too long", hydro.Shelve, duty.Unacknowledged, []func(*hydro.Command){until(4*time.Hour + 1)}, "搁置最长 4h，即至 2026-06-09 12:01", "a shelf lasts at most 4h, until 2026-06-09 12:01"},
		{"a shelf into the past", hydro.Shelve, duty.Unacknowledged, []func(*hydro.Command){until(0)}, "晚于现在", "later than now (2026-06-09 08:01)"},
		{"a shelf without a reason", hydro.Shelve, duty.Unacknowledged, []func(*hydro.Command){silent}, "理由", "say why"},
		{"out of service without a reason", hydro.OutOfService, duty.Normal, []func(*hydro.Command){silent}, "理由", "say why"},
		{"an acknowledgement without a note", hydro.Acknowledge, duty.Unacknowledged, []func(*hydro.Command){silent}, "", ""},
		{"another basin's station", hydro.Acknowledge, duty.Unacknowledged, []func(*hydro.Command){func(c *hydro.Command) { c.Station = "h-9" }}, `流域 b 没有测站 "h-9"`, `no station "h-9" in basin b`},
		{"another kind", hydro.Declare, duty.Unacknowledged, nil, "declare", "declare"},
		{"a warning of another station", hydro.Acknowledge, duty.Unacknowledged, []func(*hydro.Command){func(c *hydro.Command) { c.Warning = "b/20260609T000100Z/h-2" }}, "不是", "another station"},
		{"no warning", hydro.Acknowledge, duty.Unacknowledged, []func(*hydro.Command){func(c *hydro.Command) { c.Warning = "c/20260609T000100Z/h-1" }}, "不是", "none of this basin's"},
		{"a warning that has not been", hydro.Acknowledge, duty.Unacknowledged, []func(*hydro.Command){func(c *hydro.Command) { c.Warning = "b/20990609T000100Z/h-1" }}, "请看过", "look at"},
		{"the warning alone", hydro.Acknowledge, duty.Unacknowledged, []func(*hydro.Command){func(c *hydro.Command) { c.Station, c.Warning = "", "b/20260609T000100Z/h-1" }}, "", ""},
	} {
		d := sit(t)
		reach(d, c.in)
		_, err := d.do(c.kind, "h-1", c.change...)
		if c.zh == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if no, ok := errors.AsType[*hydro.CommandError](err); !ok || !strings.Contains(no.ZH, c.zh) || !strings.Contains(no.EN, c.en) {
			t.Errorf("%s: %#v, want %s, %s", c.name, err, c.zh, c.en)
		}
	}
}

func TestNobodyAcknowledgesWhatTheyHaveNotSeen(t *testing.T) {
	d := sit(t)
	d.warn("h-1", hydro.Yellow, "")
	seen := d.last["h-1"]
	of := func(w string) func(*hydro.Command) { return func(c *hydro.Command) { c.Warning = w } }
	d.warn("h-1", hydro.Orange, "")
	raised := d.last["h-1"]
	for _, kind := range []hydro.CommandKind{hydro.Acknowledge, hydro.Shelve} {
		_, err := d.do(kind, "h-1", of(seen))
		if no, ok := errors.AsType[*hydro.CommandError](err); !ok || !strings.Contains(no.EN, "it is now orange since 2026-06-09 08:02: look at "+raised) {
			t.Errorf("%s of an overtaken warning: %v", kind, err)
		}
	}
	d.warn("h-1", hydro.Blue, "") // a fall hides nothing that the officer has seen
	d.must(hydro.Acknowledge, "h-1", of(raised))
	if a := d.alarm("h-1"); a.Status != duty.Acknowledged || a.By != zhang || a.Stage != hydro.Blue {
		t.Errorf("%+v", a)
	}
}

func TestEventsSayWhoDidWhat(t *testing.T) {
	d := sit(t)
	d.warn("h-1", hydro.Orange, "")
	got := d.must(hydro.Acknowledge, "h-1")
	want := []hydro.DutyEvent{{
		At: d.now, Kind: "acknowledged", Station: "h-1", Warning: d.last["h-1"], From: "unacknowledged", To: "acknowledged", Stage: hydro.Orange,
		TextZH: "张三确认恩平（h-1）警报：橙色，理由：检修", TextEN: "张三 acknowledged the alarm at Enping (h-1): orange; reason: 检修",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got = d.must(hydro.Shelve, "h-1")
	if e := got[0]; !e.Until.Equal(d.now.Add(time.Hour)) || !strings.Contains(e.TextZH, "搁置至 2026-06-09 09:01") {
		t.Errorf("%+v", e)
	}
	got = d.tick(time.Hour)
	if len(got) != 1 || got[0].Kind != "shelf_expired" || got[0].To != "unacknowledged" || !strings.Contains(got[0].TextEN, "is over: orange; it is unacknowledged") {
		t.Errorf("%+v", got)
	}
}

func TestAStationThatLeavesTheCatalogueDoesNotStayOutOfServiceForEver(t *testing.T) {
	d := sit(t)
	d.warn("h-1", hydro.Blind, "silent")
	d.must(hydro.OutOfService, "h-1")
	small, err := duty.Compile(&catalog.Catalog{Basins: []catalog.Basin{{ID: "b"}}}, "b")
	if err != nil {
		t.Fatal(err)
	}
	d.rules = small
	d.tick(time.Minute)
	if d.alarm("h-1").Status != duty.OutOfService {
		t.Errorf("back in service while it stands: %+v", d.alarm("h-1"))
	}
	events := d.warn("h-1", hydro.Clear, "") // as the alert rules close it
	if len(events) != 1 || events[0].Kind != "in_service" || len(d.state.Alarms) != 0 {
		t.Errorf("%+v, %+v", events, d.state)
	}
	// One that is unacknowledged stays until somebody says that they know.
	d.rules = rules(t)
	d.warn("h-2", hydro.Red, "")
	d.rules = small
	d.warn("h-2", hydro.Clear, "")
	if d.alarm("h-2").Status != duty.Returned {
		t.Errorf("%+v", d.alarm("h-2"))
	}
	d.must(hydro.Acknowledge, "h-2")
	if len(d.state.Alarms) != 0 {
		t.Errorf("%+v", d.state)
	}
}

// A book is a second description of the rules, by what has been heard and by whom
// it is held, from which the state follows.
type book struct {
	stage    hydro.Stage
	cause    string
	heard    bool // nothing has risen that nobody has spoken of
	shelf    bool
	until    time.Time
	top      hydro.Stage // of the shelf
	deaf     bool        // the shelf is for blindness too
	out      bool
	wasStage hydro.Stage // when it last stood
	wasCause string
}

func (b *book) status() duty.Status {
	switch {
	case b.out:
		return duty.OutOfService
	case b.shelf:
		return duty.Shelved
	case b.stage != hydro.Clear && !b.heard:
		return duty.Unacknowledged
	case b.stage != hydro.Clear:
		return duty.Acknowledged
	case !b.heard:
		return duty.Returned
	}
	return duty.Normal
}

func (b *book) warn(to hydro.Stage, cause string) {
	height := func(s hydro.Stage) int {
		return map[hydro.Stage]int{hydro.Blue: 1, hydro.Yellow: 2, hydro.Orange: 3, hydro.Red: 4}[s]
	}
	blind, was := cause != "", b.cause != ""
	rises := height(to) > height(b.stage) || blind && (!was || b.stage == to && cause != b.cause)
	if b.stage != hydro.Clear {
		b.wasStage, b.wasCause = b.stage, b.cause
	}
	b.stage, b.cause = to, cause
	if to == hydro.Clear || !rises {
		return
	}
	b.heard = false
	if height(to) > height(b.top) || blind && !b.deaf {
		b.shelf = false
	}
}

func (b *book) back() {
	b.shelf, b.out = false, false
	if b.stage != hydro.Clear {
		b.heard = false
	}
}

func (b *book) command(kind hydro.CommandKind, now, until time.Time) bool {
	s := b.status()
	switch kind {
	case hydro.Acknowledge:
		if s != duty.Unacknowledged && s != duty.Returned {
			return false
		}
		b.heard = true
	case hydro.Shelve:
		if s == duty.Normal || s == duty.OutOfService || !until.After(now) || until.Sub(now) > 4*time.Hour {
			return false
		}
		b.shelf, b.until, b.heard = true, until, true
		b.top, b.deaf = b.stage, b.cause != ""
		if b.stage == hydro.Clear {
			b.top, b.deaf = b.wasStage, b.wasCause != ""
		}
	case hydro.Unshelve:
		if s != duty.Shelved {
			return false
		}
		b.back()
	case hydro.OutOfService:
		if s == duty.OutOfService {
			return false
		}
		b.out, b.shelf, b.heard = true, false, true
	case hydro.InService:
		if s != duty.OutOfService {
			return false
		}
		b.back()
	default:
		return false
	}
	return true
}

func TestNothingActiveDisappearsUnseen(t *testing.T) {
	met := map[string]int{} // states that checks have seen
	rapid.Check(t, func(t *rapid.T) {
		d := sit(t)
		books := map[string]*book{"h-1": {heard: true}, "h-2": {heard: true}}
		stations := []string{"h-1", "h-2"}
		cut := rapid.IntRange(0, 40).Draw(t, "cut")
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			station := rapid.SampledFrom(stations).Draw(t, "station")
			b := books[station]
			if i == cut { // a restart shows in nothing
				d.state = clone(t, d.state)
			}
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				to := rapid.SampledFrom(hydro.Stages).Draw(t, "to")
				cause := rapid.SampledFrom([]string{"", "silent", "refused"}).Draw(t, "cause")
				switch {
				case to == hydro.Clear:
					cause = ""
				case to == hydro.Blind && cause == "":
					cause = "silent"
				}
				if to == b.stage && cause == b.cause {
					continue // the alert rules say nothing
				}
				for _, other := range books { // shelves end before the tick's warnings count
					if other.shelf && !d.now.Add(time.Minute).Before(other.until) {
						other.back()
					}
				}
				d.warn(station, to, cause)
				b.warn(to, cause)
			case 2:
				later := time.Duration(rapid.IntRange(1, 180).Draw(t, "minutes")) * time.Minute
				for _, other := range books {
					if other.shelf && !d.now.Add(later).Before(other.until) {
						other.back()
					}
				}
				d.tick(later)
			default:
				kind := rapid.SampledFrom([]hydro.CommandKind{hydro.Acknowledge, hydro.Shelve, hydro.Shelve, hydro.Unshelve, hydro.OutOfService, hydro.InService, hydro.Declare}).Draw(t, "kind")
				until := d.now.Add(time.Duration(rapid.IntRange(-1, 6).Draw(t, "hours")) * time.Hour)
				who := rapid.SampledFrom([]hydro.Person{zhang, li}).Draw(t, "who")
				_, err := d.do(kind, station, func(c *hydro.Command) {
					c.By = who
					if kind == hydro.Shelve {
						c.Until = until
					}
				})
				if obeyed := b.command(kind, d.now, until); obeyed != (err == nil) {
					t.Fatalf("%s: obeyed %t, %v", kind, obeyed, err)
				}
			}
			for id, b := range books {
				a := d.alarm(id)
				want := b.status()
				met[want.String()]++
				if a.Status != want || a.Active() != (b.stage != hydro.Clear) {
					t.Fatalf("%s: %+v, want %s of %+v", id, a, want, *b)
				}
				// Whatever the books say: what stands is listed, and what has been quietened
				// has a person's name.
				if b.stage != hydro.Clear && a.Status == duty.Normal {
					t.Fatalf("%s stands at %s and is not listed", id, b.stage)
				}
				if quiet := a.Status == duty.Acknowledged || a.Status == duty.Shelved || a.Status == duty.OutOfService; quiet != (a.By.Name != "") {
					t.Fatalf("%s is quiet %t by %q", id, quiet, a.By.Name)
				}
			}
		}
	})
	for _, s := range duty.Statuses {
		if met[s.String()] < 20 {
			t.Errorf("%s was met %d times: the test shows too little", s, met[s.String()])
		}
	}
}
