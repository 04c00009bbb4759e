package callout_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/alert/callout"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const one = "\npeople:\n  - {id: p, name: P, department: weather, phones: [\"1\"]}\n  - {id: q, name: Q, department: weather, phones: [\"2\"]}\n" +
	"rosters: [{id: d, name: D, department: weather, always: [p, q], tries: 2, interval: 100s, repeat: 15m}]\n"

// A shift is one wave with an accelerated clock.
type shift struct {
	t   *testing.T
	r   *callout.Rules
	s   callout.State
	at  time.Time
	log []string
}

func onShift(t *testing.T, text string) *shift {
	t.Helper()
	x := &shift{t: t, r: compile(t, text), at: start}
	x.step(warn("a", start, hydro.Clear, hydro.Orange, "g"))
	return x
}

func (x *shift) step(warnings ...hydro.Warning) {
	next, events := x.r.Step(x.s, x.at, warnings)
	x.s = stored(x.t, next) // a restart after each tick
	for _, e := range events {
		x.log = append(x.log, strings.TrimSpace(fmt.Sprintf("%s %s %s%s", e.At.Sub(start), e.Kind, e.Person, e.From)))
	}
}

func (x *shift) until(d time.Duration) {
	for x.at.Before(start.Add(d)) {
		x.at = x.at.Add(10 * time.Second)
		x.step()
	}
}

func (x *shift) confirm(person string) {
	x.t.Helper()
	next, _, err := x.r.Do(x.s, hydro.Command{Kind: hydro.CallConfirm, At: x.at, By: officer, Person: person, Text: "by telephone"})
	if err != nil {
		x.t.Fatal(err)
	}
	x.s = next
}

// told returns what was told since the last call.
func (x *shift) told() []string {
	out := x.log
	x.log = nil
	return out
}

func (x *shift) unreached() string {
	var out []string
	for _, u := range x.r.Unreached(x.s) {
		out = append(out, u.Call.Person)
	}
	return strings.Join(out, " ")
}

func TestWhoConfirmedNothingIsCalledAgain(t *testing.T) {
	x := onShift(t, one)
	x.until(10 * time.Minute)
	want := []string{
		"0s call_due p1", "1m40s call_due p2", "3m20s call_unreached p", "3m20s call_escalated qp", "3m20s call_due q1",
		"5m0s call_due q2", "6m40s call_unreached q", "6m40s call_exhausted d", "6m40s call_done",
	}
	if diff := cmp.Diff(want, x.told()); diff != "" {
		t.Fatalf("the first time (-want +got):\n%s", diff)
	}
	if x.unreached() != "p q" || x.r.Rounds(x.s)[0].Done.IsZero() {
		t.Fatalf("unreached %q, %+v", x.unreached(), x.r.Rounds(x.s)[0])
	}
	x.until(30 * time.Minute)
	want = []string{
		"21m40s call_repeated d", "21m40s call_due p1", "23m20s call_due p2", "25m0s call_unreached p", "25m0s call_escalated qp", "25m0s call_due q1",
		"26m40s call_due q2", "28m20s call_unreached q", "28m20s call_exhausted d", "28m20s call_done",
	}
	if diff := cmp.Diff(want, x.told()); diff != "" {
		t.Fatalf("the second time (-want +got):\n%s", diff)
	}
	x.until(44 * time.Minute)
	if diff := cmp.Diff([]string{"43m20s call_repeated d", "43m20s call_due p1"}, x.told()); diff != "" {
		t.Fatalf("the third time (-want +got):\n%s", diff)
	}
	if x.unreached() != "p q" { // also who is being called at this moment
		t.Errorf("unreached %q", x.unreached())
	}
	// Q calls back while P is called for the third time: nobody is called any more.
	x.confirm("q")
	if x.unreached() != "p" {
		t.Errorf("unreached %q", x.unreached())
	}
	x.until(3 * time.Hour)
	if got := x.told(); len(got) > 0 {
		t.Errorf("after the confirmation: %v", got)
	}
	round := x.r.Rounds(x.s)[0]
	if c := round.Chains[0]; c.Outcome != hydro.CallConfirmed || c.Again != 2 || !slices.Equal(c.Called(), []string{"p", "q"}) || round.Done.IsZero() {
		t.Errorf("%+v", round)
	}
	if len(round.Calls) != 2 || round.Calls[0].Missed != 2 {
		t.Errorf("%+v", round.Calls)
	}
}

func TestCallsAreNotBegunAnew(t *testing.T) {
	for _, c := range []struct {
		name string
		text string
		then func(x *shift)
	}{
		{"once the wave is over", one, func(x *shift) { x.step(warn("a", x.at, hydro.Orange, hydro.Clear, "g")) }},
		{"if the roster says so", strings.Replace(one, "repeat: 15m", "repeat: never", 1), func(*shift) {}},
		{"once somebody calls back", one, func(x *shift) { x.confirm("p") }},
		{"of a lower stage", strings.Replace(one, "repeat: 15m", "repeat: 1h", 1), func(x *shift) {
			x.step(warn("a", x.at, hydro.Orange, hydro.Red, "g"))
			x.confirm("p")
		}},
		{"of a roster that has left", one, func(x *shift) {
			x.r = compile(x.t, strings.Replace(one, "[{id: d", "[{id: e", 1))
			x.step()
			x.confirm("p")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := onShift(t, c.text)
			x.until(10 * time.Minute)
			c.then(x)
			x.told()
			x.until(5 * time.Hour)
			if got := x.told(); len(got) > 0 {
				t.Errorf("%v", got)
			}
		})
	}
}

// Who is on duty is asked anew: the shift may have changed meanwhile.
func TestARepeatedCallIsOfWhoIsOnDutyThen(t *testing.T) {
	const text = "\npeople:\n  - {id: p, name: P, department: weather, phones: [\"1\"]}\n  - {id: q, name: Q, department: weather, phones: [\"2\"]}\n" +
		"rosters: [{id: d, name: D, department: weather, shifts: [{from: 03:10, to: 03:00, people: [q]}, {from: 03:00, to: 03:10, people: [p]}], tries: 1, interval: 100s}]\n"
	x := onShift(t, text)
	x.until(20 * time.Minute)
	want := []string{"0s call_due p1", "1m40s call_unreached p", "1m40s call_exhausted d", "1m40s call_done", "16m40s call_repeated d", "16m40s call_due q1", "18m20s call_unreached q", "18m20s call_exhausted d", "18m20s call_done"}
	if diff := cmp.Diff(want, x.told()); diff != "" {
		t.Errorf("by default after 15 min (-want +got):\n%s", diff)
	}
	if catalog.DefaultCalling().Repeat != 15*time.Minute || x.unreached() != "p q" {
		t.Errorf("%v, unreached %q", catalog.DefaultCalling().Repeat, x.unreached())
	}
}

// In drawn seasons: as long as a wave stands no roster is left alone for longer than
// its pause, everybody has one clock, tries count from one each time, and who was not
// reached stays on the list until they confirm.
func TestNoRosterIsLeftAlone(t *testing.T) {
	rules := compile(t, strings.Replace(rosters, "interval: 100s}", "interval: 100s, repeat: 10m}", 1))
	repeated := 0
	rapid.Check(t, func(t *rapid.T) {
		var s, again callout.State
		tries := map[string]int{}
		missed := map[string]bool{}
		for i, step := range season(t) {
			var events, twice []hydro.DutyEvent
			if i%16 == 0 {
				again = stored(t, again)
			}
			s, events = rules.Step(s, step.at, step.warnings)
			again, twice = rules.Step(again, step.at, step.warnings)
			if diff := cmp.Diff(events, twice); diff != "" {
				t.Fatalf("a replay over stored states differs:\n%s", diff)
			}
			for _, e := range events {
				k := strings.Join([]string{e.Station, e.Warning, e.Stage.String(), e.Person}, "|")
				switch e.Kind {
				case callout.Repeated:
					repeated++
				case callout.Due:
					if tries[k]++; e.From == "1" {
						tries[k] = 1
					}
					if e.From != strconv.Itoa(tries[k]) {
						t.Fatalf("%s: try %s told as number %d", k, e.From, tries[k])
					}
				case callout.Unreached:
					if tries[k] != 3 {
						t.Fatalf("%s given up after %d tries", k, tries[k])
					}
				}
			}
			for _, c := range step.commands {
				s, _, _ = rules.Do(s, c)
				again, _, _ = rules.Do(again, c)
			}
			list := map[string]bool{}
			for _, u := range rules.Unreached(s) {
				list[u.Wave+u.Stage.String()+u.Call.Person] = true
			}
			for _, w := range s.Waves {
				for i := range w.Rounds {
					round := &w.Rounds[i]
					seen := map[string]bool{}
					for k := range round.Calls {
						c := &round.Calls[k]
						id := w.ID + round.Stage.String() + c.Person
						if seen[c.Person] {
							t.Fatalf("%s has two clocks", id)
						}
						seen[c.Person] = true
						if missed[id] = missed[id] || c.Outcome == hydro.CallUnreached; missed[id] && c.Outcome != hydro.CallConfirmed && !list[id] {
							t.Fatalf("%s was not reached and is not on the list", id)
						}
						if c.Outcome == hydro.Calling && !c.Next().After(step.at) {
							t.Fatalf("the clock of %s, due %s, stands still at %s", id, c.Next(), step.at)
						}
					}
					for _, chain := range round.Chains {
						higher := slices.ContainsFunc(w.Rounds, func(o hydro.CallRound) bool {
							return o.Stage > round.Stage && slices.ContainsFunc(o.Chains, func(c hydro.CallChain) bool { return c.Roster == chain.Roster })
						})
						if w.Quiet.IsZero() && !higher && chain.Outcome == hydro.CallUnreached && step.at.Sub(chain.Ended) >= 10*time.Minute {
							t.Fatalf("%s of %s has been left alone since %s at %s", chain.Roster, w.ID, chain.Ended, step.at)
						}
					}
				}
			}
		}
	})
	if repeated < 100 {
		t.Errorf("%d rosters were begun anew: the test shows too little", repeated)
	}
}
