package callout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/alert/callout"
	"freshet/alert/standing"
	"freshet/internal/hydro"
)

// lost is a station that is blind; of the group, which is of the lost.
func lost(station string, at time.Time, from hydro.Stage, group string, as hydro.Stage) hydro.Warning {
	w := warn(station, at, from, hydro.Blind, group)
	w.Cause, w.Escalated, w.EscalatedAs = "silent since …", as != hydro.Clear, as
	return w
}

var everyDesk = []string{"call_due w2 3", "call_due h1 3", "call_due r1 3"}

// A blind station has no stage of its own, and is the one that somebody must look
// at when the reach around it rises.
func TestABlindStationOnARisingReachIsCalledForAsItsRosterSays(t *testing.T) {
	for _, c := range []struct {
		name, blind string
		around      hydro.Stage
		want        []string
		as          hydro.Stage
	}{
		{"as the reach, which is below the stage of the calls", "reach", hydro.Yellow, nil, 0},
		{"as the reach, from that stage on", "reach", hydro.Orange, everyDesk, hydro.Orange},
		{"as the reach, above it", "reach", hydro.Red, everyDesk, hydro.Red},
		{"as a colour, whatever the reach says", "orange", hydro.Blue, everyDesk, hydro.Orange},
		{"as a colour, of a reach that is higher", "orange", hydro.Red, everyDesk, hydro.Red},
		{"as a colour below the stage of the calls", "yellow", hydro.Blue, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := compile(t, strings.Replace(rosters, "interval: 100s}", "interval: 100s, blind: "+c.blind+"}", 1))
			s, told := run(t, r, callout.State{}, start, lost("a", start, hydro.Clear, "b/blind/1/a", hydro.Clear))
			if len(told) > 0 {
				t.Fatalf("a blind station on a calm river: %v", told)
			}
			at := start.Add(time.Minute)
			s, events := r.Step(s, at, []hydro.Warning{lost("a", at, hydro.Blind, "b/blind/1/a", c.around)})
			var got []string
			for _, e := range events {
				got = append(got, e.Kind+" "+e.Person+" "+e.To)
				if e.Group != "b/blind/1/a" || e.Station != "a" || e.Stage != c.as || !strings.Contains(e.TextZH, "A失明且河段上涨") || !strings.Contains(e.TextEN, "A, blind on a rising reach (as "+c.as.String()+")") {
					t.Errorf("%+v", e)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("called (-want +got):\n%s", diff)
			}
			if len(c.want) == 0 {
				return
			}
			if round := r.Rounds(s)[0]; !round.Blind || round.Warning != "b/20260608T190100Z/a" || round.Opened != at {
				t.Errorf("%+v", round)
			}
			// The same is not called for again: not on the next tick, not by a station that
			// was lost with it, not after a calm.
			for i, w := range [][]hydro.Warning{
				nil,
				{lost("c", at, hydro.Clear, "b/blind/1/a", c.around)},
				{lost("a", at, hydro.Blind, "b/blind/1/a", c.around)},
			} {
				at = at.Add(10 * time.Second)
				var told []string
				if s, told = run(t, r, s, at, w...); len(told) > 0 {
					t.Errorf("%d: called again: %v", i, told)
				}
			}
		})
	}
}

// A station that went blind while it stood in a wave is of that wave: who has been
// called for it at that stage is not called again, and is at a higher one.
func TestAStationLostInAWaveIsCalledForInThatWave(t *testing.T) {
	for _, c := range []struct {
		around hydro.Stage
		want   []string
	}{
		{hydro.Orange, nil},
		{hydro.Red, append([]string{"call_done  superseded"}, everyDesk...)},
	} {
		r := compile(t, rosters)
		s, _ := run(t, r, callout.State{}, start, warn("a", start, hydro.Clear, hydro.Orange, "g"))
		at := start.Add(10 * time.Second)
		s, told := run(t, r, s, at, lost("a", at, hydro.Orange, "g", hydro.Clear))
		if len(told) > 0 {
			t.Fatalf("blind: %v", told)
		}
		at = at.Add(10 * time.Second)
		s, told = run(t, r, s, at, lost("a", at, hydro.Blind, "g", c.around))
		if diff := cmp.Diff(c.want, told); diff != "" {
			t.Errorf("escalated at %s (-want +got):\n%s", c.around, diff)
		}
		for _, round := range r.Rounds(s) {
			if round.Wave != "g" {
				t.Errorf("a round of wave %s", round.Wave)
			}
		}
	}
}

func TestAConfirmationMayNameTheBlindStation(t *testing.T) {
	r := compile(t, rosters)
	s, _ := run(t, r, callout.State{}, start, lost("a", start, hydro.Clear, "b/blind/1/a", hydro.Orange), lost("c", start, hydro.Clear, "b/blind/1/a", hydro.Orange))
	for person, station := range map[string]string{"w2": "a", "h1": "c"} {
		var err error
		if s, _, err = r.Do(s, hydro.Command{Kind: hydro.CallConfirm, At: start, By: officer, Person: person, Station: station, Text: "sent a car"}); err != nil {
			t.Errorf("%s by %s: %v", person, station, err)
		}
	}
}

// What was seen of a station that had been blind is a wave of its own.
func TestWhatIsSeenAfterwardsIsCalledForByItsStage(t *testing.T) {
	r := compile(t, rosters)
	s, _ := run(t, r, callout.State{}, start, lost("a", start, hydro.Clear, "b/blind/1/a", hydro.Orange))
	at := start.Add(10 * time.Second)
	s, told := run(t, r, s, at, warn("a", at, hydro.Blind, hydro.Orange, "g"))
	if diff := cmp.Diff(everyDesk, told); diff != "" {
		t.Errorf("it is seen at orange (-want +got):\n%s", diff)
	}
	if len(s.Waves) != 2 || s.Waves[0].Quiet != at {
		t.Errorf("the blind wave goes on: %+v", s.Waves)
	}
}

// A gauge that a flood destroyed stays blind for weeks. Once the reach around it has
// calmed nobody is called for it any more; when the reach rises again, somebody is.
func TestWhenTheReachHasCalmedTheNextRiseIsCalledForAgain(t *testing.T) {
	r := compile(t, strings.Replace(rosters, "interval: 100s}", "interval: 100s, blind: orange, repeat: 15m}", 1))
	const group = "b/blind/1/a"
	first := []hydro.Warning{lost("a", start, hydro.Clear, group, hydro.Blue)}
	s, told := run(t, r, callout.State{}, start, first...)
	if diff := cmp.Diff(everyDesk, told); diff != "" {
		t.Fatalf("the first rise (-want +got):\n%s", diff)
	}
	// Nobody confirms: the roster is called again and again while the reach rises.
	at, again := start, 0
	for at.Before(start.Add(3 * time.Hour)) {
		at = at.Add(time.Minute)
		s.Standing = standing.Calm(s.Standing, []string{"a"})
		s, told = run(t, r, s, at)
		again += strings.Count(strings.Join(told, "\n"), "call_repeated")
	}
	if again < 3 {
		t.Fatalf("called again %d times in three hours", again)
	}
	// The reach calms, and the gauge stays dead: what has begun is called to its end, nothing more.
	late := 0
	for at.Before(start.Add(24 * time.Hour)) {
		at = at.Add(time.Minute)
		s.Standing = standing.Calm(s.Standing, nil)
		s, told = run(t, r, s, at)
		if strings.Contains(strings.Join(told, "\n"), "call_repeated") || len(told) > 0 && at.After(start.Add(5*time.Hour)) {
			late++
		}
	}
	if late > 0 {
		t.Errorf("%d times somebody was called for a reach that had calmed", late)
	}
	for n := range 2 { // it rises again, twice
		at = at.Add(24 * time.Hour)
		s, told = run(t, r, s, at, lost("a", at, hydro.Blind, group, hydro.Blue))
		if diff := cmp.Diff(everyDesk, told); diff != "" {
			t.Fatalf("rise %d after the calm (-want +got):\n%s", n+1, diff)
		}
		var ids []string
		for _, w := range s.Waves {
			ids = append(ids, w.ID)
		}
		if want := group + "@" + at.Format("20060102T150405Z"); ids[len(ids)-1] != want {
			t.Errorf("waves %q, want the last %s", ids, want)
		}
		for range 120 { // and calms: what has begun is called to its end
			at = at.Add(time.Minute)
			s.Standing = standing.Calm(s.Standing, nil)
			s, _ = run(t, r, s, at)
		}
	}
}

// What was tried when a roster was called before says nothing of who was tried now.
func TestATryOfAnEarlierCallIsNotOneOfThis(t *testing.T) {
	x := onShift(t, one)
	next, _, err := x.r.Do(x.s, hydro.Command{Kind: hydro.CallAttempt, At: x.at, By: officer, Person: "p", Text: "no answer"})
	if err != nil {
		t.Fatal(err)
	}
	x.s = next
	var said []string
	for x.at.Before(start.Add(40 * time.Minute)) {
		x.at = x.at.Add(10 * time.Second)
		next, events := x.r.Step(x.s, x.at, nil)
		x.s = next
		for _, e := range events {
			if e.Kind == callout.Unreached && e.Person == "p" {
				said = append(said, e.TextEN)
			}
		}
	}
	if len(said) < 2 || !strings.HasSuffix(said[0], "1 on record") || !strings.HasSuffix(said[1], "none of them on record") {
		t.Errorf("%q", said)
	}
}
