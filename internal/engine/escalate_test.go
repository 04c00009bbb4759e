package engine_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"freshet/alert/callout"
	"freshet/alert/duty"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Whoever acknowledged that a gauge is dead is asked again when the reach around it
// rises: the alarm is unacknowledged, people are called, and the item that everybody
// gets by default says it. Each once.
func TestAnEscalationReachesTheDeskTheCallsAndTheFeed(t *testing.T) {
	w := watched(t).fork(t)
	files, found := slices.Clone(w.c.Files()), 0
	for i, f := range files {
		found += bytes.Count(f.Data, []byte("interval: 100s}"))
		files[i].Data = bytes.ReplaceAll(f.Data, []byte("interval: 100s}"), []byte("interval: 100s, blind: orange}"))
	}
	c, problems := catalog.Load(files)
	if found != 1 || len(problems) > 0 {
		t.Fatalf("%d desks changed, problems %v", found, problems)
	}
	w.c = c
	w.apply(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: files, At: w.now}})
	const dead = "h-puqiao"
	alarm := func() duty.Alarm {
		i := slices.IndexFunc(w.e.Alarms(), func(a duty.Alarm) bool { return a.Station == dead })
		if i < 0 {
			return duty.Alarm{}
		}
		return w.e.Alarms()[i]
	}
	w.silent[dead] = true
	w.until(w.now.Add(30 * time.Minute))
	ack := command(w.e.Basin(), "ack", hydro.Acknowledge)
	ack.Station, ack.At = dead, w.now
	w.apply(hydro.Input{Command: ack})
	if a := alarm(); a.Status != duty.Acknowledged || a.Stage != hydro.Blind || len(w.e.Calls()) > 0 {
		t.Fatalf("%+v, %d rounds", a, len(w.e.Calls()))
	}
	w.outs = nil
	for range 4 { // 10 cm in 5 min: more than 30 cm in 30 min
		w.rise["h-enping"] += 0.1
		w.until(w.now.Add(step))
	}
	a := alarm()
	if a.Status != duty.Unacknowledged || a.Stage != hydro.Blind {
		t.Fatalf("after the escalation: %+v", a)
	}
	w.until(w.now.Add(20 * time.Minute))
	raised, escalated := 0, 0
	var due []string
	for _, o := range w.outs {
		switch {
		case o.Group != nil && o.Group.Escalated():
			raised++
			if o.Group.Event != hydro.GroupRaised || o.Group.Kind != hydro.BlindGroup || o.Group.At != a.Risen {
				t.Errorf("the item that says it: %s of %s at %v, risen at %v", o.Group.Event, o.Group.Kind, o.Group.At, a.Risen)
			}
		case o.Warning != nil && o.Warning.Station == dead && o.Warning.Escalated:
			escalated++
		case o.Duty != nil && o.Duty.Kind == callout.Due && o.Duty.From == "1":
			due = append(due, o.Duty.Person)
		}
	}
	if raised != 1 || escalated != 1 {
		t.Errorf("%d items and %d warnings say that it is escalated, want one of each", raised, escalated)
	}
	rounds := w.e.Calls()
	if len(rounds) != 1 || !rounds[0].Blind || rounds[0].Stage != hydro.Orange || rounds[0].Station != dead || len(due) < 3 {
		t.Errorf("rounds %+v, people called %v", rounds, due)
	}
	if alarm() != a {
		t.Errorf("it asked again: %+v, before %+v", alarm(), a)
	}
	// The reach calms and rises again, with the gauge still dead: that is another call.
	w.until(w.now.Add(6 * time.Hour))
	w.outs = nil
	for range 4 {
		w.rise["h-enping"] += 0.1
		w.until(w.now.Add(step))
	}
	w.until(w.now.Add(5 * time.Minute))
	escalated = 0
	for _, o := range w.outs {
		if o.Warning != nil && o.Warning.Station == dead && o.Warning.Escalated {
			escalated++
		}
	}
	if rounds := w.e.Calls(); escalated != 1 || len(rounds) != 2 || rounds[0].Wave == rounds[1].Wave || rounds[0].Group != rounds[1].Group || !rounds[0].Blind {
		t.Errorf("of the next rise: %d warnings, rounds %+v", escalated, rounds)
	}
}
