package duty_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/alert/duty"
	"freshet/internal/hydro"
)

// escalate is a tick a minute later, on which h-1 is found to be blind on a
// rising reach, at that stage.
func (d *desk) escalate(to hydro.Stage) []hydro.DutyEvent {
	const station = "h-1"
	d.now = d.now.Add(time.Minute)
	w := hydro.Warning{
		ID: "b/" + d.now.Format("20060102T150405Z") + "/" + station, Basin: "b", Station: station, At: d.now,
		From: d.stage[station], To: to, Cause: "silent", Escalated: true, EscalatedAs: hydro.Orange,
	}
	d.stage[station], d.last[station] = to, w.ID
	return d.step([]hydro.Warning{w})
}

// A blind station that somebody has acknowledged, or shelved, asks again when the
// reach around it rises: what they knew is no longer what stands.
func TestAnEscalationReArmsWhateverWasSaidOfTheBlindness(t *testing.T) {
	for _, c := range []struct {
		name  string
		stage hydro.Stage // at which it is blind
		quiet func(d *desk)
		ends  bool
		want  duty.Status
	}{
		{"acknowledged", hydro.Blind, func(d *desk) { d.must(hydro.Acknowledge, "h-1") }, false, duty.Unacknowledged},
		{"acknowledged, with a colour that is held", hydro.Yellow, func(d *desk) { d.must(hydro.Acknowledge, "h-1") }, false, duty.Unacknowledged},
		{"shelved", hydro.Blind, func(d *desk) { d.must(hydro.Shelve, "h-1") }, true, duty.Unacknowledged},
		{"shelved, with a colour that is held", hydro.Yellow, func(d *desk) { d.must(hydro.Shelve, "h-1") }, true, duty.Unacknowledged},
		{"nobody has said anything", hydro.Blind, func(*desk) {}, false, duty.Unacknowledged},
		{"out of service", hydro.Blind, func(d *desk) { d.must(hydro.OutOfService, "h-1") }, false, duty.OutOfService},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := sit(t)
			d.warn("h-1", c.stage, "silent")
			c.quiet(d)
			events := d.escalate(c.stage)
			a := d.alarm("h-1")
			if a.Status != c.want || !a.Risen.Equal(d.now) || a.Raised != d.last["h-1"] {
				t.Fatalf("%+v, want %s and risen at %v by %s", a, c.want, d.now, d.last["h-1"])
			}
			if c.want == duty.Unacknowledged && (!a.Since.Equal(d.now) || a.By != (hydro.Person{})) {
				t.Errorf("it is asked for anew: %+v", a)
			}
			if ended := len(events) == 1 && events[0].Kind == "shelf_ended" && strings.Contains(events[0].TextZH, "且河段上涨") && strings.Contains(events[0].TextEN, "on a rising reach") && strings.Contains(events[0].TextZH, "提前结束"); ended != c.ends || !c.ends && len(events) > 0 {
				t.Errorf("events %+v, the shelf ends: %t", events, c.ends)
			}
		})
	}
}

func TestAnEscalationAsksOnce(t *testing.T) {
	d := sit(t)
	d.warn("h-1", hydro.Blind, "silent")
	d.escalate(hydro.Blind)
	d.must(hydro.Acknowledge, "h-1")
	for range 5 {
		d.tick(time.Minute)
	}
	// Its forecast rises and falls while it stays blind on the rising reach.
	d.now = d.now.Add(time.Minute)
	d.step([]hydro.Warning{{ID: "b/x/h-1", Basin: "b", Station: "h-1", At: d.now, From: hydro.Yellow, To: hydro.Blind, Cause: "silent", Escalated: true}})
	if a := d.alarm("h-1"); a.Status != duty.Acknowledged {
		t.Fatalf("a warning that is no escalation asked again: %+v", a)
	}
	d.escalate(hydro.Blind) // the reach calmed, and rises again
	if a := d.alarm("h-1"); a.Status != duty.Unacknowledged {
		t.Fatalf("a second rise of the reach asked nobody: %+v", a)
	}
}

// In every drawn sequence: what a person did before an escalation quietens nothing
// after it, but for being out of service.
func TestNothingQuietensAnEscalationBeforeItComes(t *testing.T) {
	asked := 0
	rapid.Check(t, func(t *rapid.T) {
		d := sit(t)
		blind := false
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				to := rapid.SampledFrom(hydro.Stages).Draw(t, "to")
				cause := ""
				if blind = to == hydro.Blind || to != hydro.Clear && rapid.Bool().Draw(t, "blind"); blind {
					cause = "silent"
				}
				d.warn("h-1", to, cause)
			case 1:
				to := d.stage["h-1"]
				switch {
				case !blind: // it is lost and escalated at once
					to = rapid.SampledFrom([]hydro.Stage{hydro.Blind, hydro.Yellow}).Draw(t, "held")
				case to == hydro.Clear:
					continue
				}
				before := d.alarm("h-1").Status
				d.escalate(to)
				blind = true
				asked++
				if got := d.alarm("h-1").Status; got != duty.Unacknowledged && (before != duty.OutOfService || got != duty.OutOfService) {
					t.Fatalf("an escalation of what was %s is %s", before, got)
				}
			case 2:
				d.tick(time.Duration(rapid.IntRange(1, 180).Draw(t, "minutes")) * time.Minute)
			default:
				kind := rapid.SampledFrom([]hydro.CommandKind{hydro.Acknowledge, hydro.Shelve, hydro.Unshelve, hydro.OutOfService, hydro.InService}).Draw(t, "kind")
				_, _ = d.do(kind, "h-1") // refused or not
			}
		}
	})
	if asked < 50 {
		t.Errorf("%d escalations: the test shows too little", asked)
	}
}
