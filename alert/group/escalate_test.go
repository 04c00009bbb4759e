package group_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/internal/hydro"
)

// rise marks a station as known to be blind on a rising reach from now on, or not.
func (w *walk) rise(station string, rises bool) {
	s := w.at[station]
	s.Escalated = time.Time{}
	if rises {
		s.Escalated = w.now
	}
	w.at[station] = s
}

// What people hear by default are the groups: a blind group says it when one of it
// is found to lie on a rising reach, at once the first time, and once each time.
func TestABlindGroupIsRaisedWhenOneOfItIsEscalated(t *testing.T) {
	w := newWalk(t)
	told, _ := w.step(time.Minute, "up=blind silent", "mid=blind silent")
	if len(told) != 1 || told[0].Event != hydro.GroupOpened || told[0].Escalated() {
		t.Fatalf("%+v", told)
	}
	raised := func(stations ...string) {
		t.Helper()
		if len(told) != 1 || told[0].Event != hydro.GroupRaised || told[0].Kind != hydro.BlindGroup || !told[0].Escalated() {
			t.Fatalf("%+v, want that it is raised", told)
		}
		var up []string
		for _, s := range told[0].Stations {
			if s.Escalated {
				up = append(up, s.Station)
			}
		}
		if !slices.Equal(up, stations) || !strings.Contains(told[0].TextZH, "失明升级") || !strings.Contains(told[0].TextZH, "须派人查看：") || !strings.Contains(told[0].TextEN, "have somebody look: ") {
			t.Fatalf("escalated %v, want %v: %s %s", up, stations, told[0].TextZH, told[0].TextEN)
		}
	}
	w.rise("up", true)
	told, _ = w.step(time.Minute) // the first does not wait for the group's pause
	raised("up")
	for range 30 {
		if told, _ = w.step(time.Minute); len(told) > 0 {
			t.Fatalf("told again: %+v", told)
		}
	}
	w.rise("mid", true)
	told, _ = w.step(time.Minute)
	raised("up", "mid")
	w.rise("up", false)
	w.rise("mid", false)
	if told, _ = w.step(time.Hour); len(told) > 0 {
		t.Fatalf("that the reach has calmed is not news of its own: %+v", told)
	}
	w.rise("up", true)
	told, _ = w.step(time.Minute)
	raised("up")
	told, _ = w.step(time.Minute, "up=clear", "mid=clear")
	if len(told) > 0 {
		t.Fatalf("%+v", told)
	}
	if told, _ = w.step(time.Hour); len(told) != 1 || told[0].Event != hydro.GroupClosed || told[0].Escalated() {
		t.Fatalf("%+v", told)
	}
}

func TestAGroupThatOpensEscalatedSaysSoOnce(t *testing.T) {
	w := newWalk(t)
	w.now = w.now.Add(time.Minute)
	w.rise("up", true)
	told, _ := w.step(0, "up=blind silent")
	if len(told) != 1 || told[0].Event != hydro.GroupOpened || !told[0].Escalated() || !strings.Contains(told[0].TextZH, "须派人查看：上") {
		t.Fatalf("%+v", told)
	}
	for range 30 {
		if told, _ := w.step(time.Minute); len(told) > 0 {
			t.Fatalf("told again: %+v", told)
		}
	}
}

// The bound of acceptance 4 holds, and what has waited is told.
func TestAnEscalationWaitsOnlyForTheBoundOfItems(t *testing.T) {
	w := newWalk(t)
	w.step(time.Minute, "up=blind silent")
	for len(w.state.Items) < 10 {
		w.state.Items = append(w.state.Items, w.now)
	}
	w.rise("up", true)
	if told, _ := w.step(time.Minute); len(told) > 0 {
		t.Fatalf("an eleventh item within ten minutes: %+v", told)
	}
	if told, _ := w.step(10 * time.Minute); len(told) != 1 || told[0].Event != hydro.GroupRaised || !told[0].Escalated() {
		t.Fatalf("%+v, want what has waited", told)
	}
}
