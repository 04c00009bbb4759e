package standing_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/alert/standing"
	"freshet/internal/hydro"
)

var at = time.Date(2026, 6, 9, 3, 0, 0, 0, time.UTC)

func TestAStationStandsWhereItWasLastSeen(t *testing.T) {
	w := func(minute int, from, to hydro.Stage, group, cause string) hydro.Warning {
		when := at.Add(time.Duration(minute) * time.Minute)
		return hydro.Warning{ID: when.Format("15:04"), Station: "a", At: when, From: from, To: to, Group: group, Cause: cause, ReasonEN: to.String()}
	}
	type stand struct {
		Stage          hydro.Stage
		Blind          bool
		Group, Warning string
	}
	var s standing.State
	for _, c := range []struct {
		w    hydro.Warning
		want stand
	}{
		{w(0, hydro.Clear, hydro.Yellow, "", ""), stand{hydro.Yellow, false, "", "03:00"}},
		{w(1, hydro.Yellow, hydro.Red, "g", ""), stand{hydro.Red, false, "g", "03:01"}},
		{w(2, hydro.Red, hydro.Red, "g", "silent"), stand{hydro.Red, true, "g", "03:01"}},      // lost, its stage held
		{w(3, hydro.Red, hydro.Blind, "lost", "silent"), stand{hydro.Red, true, "g", "03:01"}}, // no all-clear, and not of another wave
		{w(4, hydro.Blind, hydro.Orange, "g", ""), stand{hydro.Orange, false, "g", "03:04"}},
		{w(5, hydro.Orange, hydro.Clear, "g", ""), stand{}},
		{w(6, hydro.Clear, hydro.Blind, "lost", "silent"), stand{hydro.Clear, true, "", "03:06"}},
		{w(7, hydro.Blind, hydro.Clear, "", ""), stand{}},
	} {
		s = standing.Step(s, []hydro.Warning{c.w})
		got := stand{}
		if len(s) > 0 {
			got = stand{s[0].Stage, s[0].Blind, s[0].Group, s[0].Warning}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s→%s (-want +got):\n%s", c.w.From, c.w.To, diff)
		}
	}
	if len(s) != 0 {
		t.Errorf("%v is left", s)
	}
}

// The state ascends by station, holds exactly those that are not Clear or not
// seen, and is never changed in place.
func TestStandingProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s standing.State
		last := map[string]hydro.Stage{}
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			id := rapid.SampledFrom([]string{"c", "a", "b", "d"}).Draw(t, "station")
			to := rapid.SampledFrom(hydro.Stages).Draw(t, "to")
			before := append(standing.State(nil), s...)
			next := standing.Step(s, []hydro.Warning{{Station: id, At: at.Add(time.Duration(i) * time.Minute), From: last[id], To: to}})
			if diff := cmp.Diff(before, s, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("the state given was changed:\n%s", diff)
			}
			s = next
			last[id] = to
			n := 0
			for _, stage := range last {
				if stage != hydro.Clear {
					n++
				}
			}
			if len(s) != n {
				t.Fatalf("%d stations stand, want %d: %v", len(s), n, last)
			}
			for k := range s {
				if k > 0 && s[k-1].Station >= s[k].Station {
					t.Fatalf("%v does not ascend", s)
				}
				if want := last[s[k].Station]; want != hydro.Blind && s[k].Stage != want || (want == hydro.Blind) != s[k].Blind {
					t.Fatalf("%+v, last warning %s", s[k], want)
				}
			}
		}
	})
}

func TestAnEscalationThatIsOverIsForgotten(t *testing.T) {
	w := func(station string) hydro.Warning {
		return hydro.Warning{ID: station, Station: station, At: at, From: hydro.Clear, To: hydro.Blind, Cause: "silent", Escalated: true, EscalatedAs: hydro.Orange}
	}
	s := standing.Step(nil, []hydro.Warning{w("a"), w("b")})
	before := cmp.Diff(nil, s)
	calmed := standing.Calm(s, []string{"b"})
	if calmed[0].Escalation != (standing.Escalation{}) || !calmed[0].Blind || calmed[1] != s[1] {
		t.Errorf("%+v", calmed)
	}
	if after := cmp.Diff(nil, s); after != before {
		t.Errorf("the state given was changed: %s", after)
	}
}
