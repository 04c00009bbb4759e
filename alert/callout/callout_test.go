package callout_test

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/alert/callout"
	"freshet/internal/hydro"
)

// stored sends a state through its stored form, as a restart does.
func stored(t interface{ Fatal(...any) }, s callout.State) callout.State {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		t.Fatal(err)
	}
	var out callout.State
	if err := gob.NewDecoder(&b).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A step of a drawn season: a tick with its warnings, then commands.
type step struct {
	at       time.Time
	warnings []hydro.Warning
	commands []hydro.Command
}

var people = []string{"w1", "w2", "h1", "h2", "r1", "chief"}

// season draws two stations that rise and fall, in one wave, in two, or in none
// that has a name, with people who now and then answer.
func season(t *rapid.T) []step {
	stage := map[string]hydro.Stage{"a": hydro.Clear, "c": hydro.Clear}
	group := map[string]string{}
	at, n := start, 0
	var out []step
	for i := range rapid.IntRange(1, 24).Draw(t, "steps") {
		gap := rapid.SampledFrom([]time.Duration{10 * time.Second, 10 * time.Second, 50 * time.Second, 100 * time.Second, 7 * time.Minute, time.Hour}).Draw(t, "gap")
		at = at.Add(gap)
		s := step{at: at}
		for _, id := range []string{"a", "c"} {
			if rapid.IntRange(0, 3).Draw(t, "change") != 0 {
				continue
			}
			to := rapid.SampledFrom([]hydro.Stage{hydro.Clear, hydro.Blue, hydro.Yellow, hydro.Orange, hydro.Orange, hydro.Red, hydro.Blind}).Draw(t, "to")
			if to == stage[id] {
				continue
			}
			if stage[id] == hydro.Clear {
				n++
				group[id] = rapid.SampledFrom([]string{"", "g", "g" + strconv.Itoa(n)}).Draw(t, "group")
			} else if group[id] == "" && rapid.IntRange(0, 4).Draw(t, "joins") == 0 {
				group[id] = "late" + strconv.Itoa(n)
			}
			s.warnings = append(s.warnings, warn(id, at, stage[id], to, group[id]))
			stage[id] = to
		}
		for k := range rapid.IntRange(0, 2).Draw(t, "commands") {
			s.commands = append(s.commands, hydro.Command{
				ID: fmt.Sprintf("c%d.%d", i, k), At: at, By: officer, Text: "by telephone",
				Kind:   rapid.SampledFrom([]hydro.CommandKind{hydro.CallAttempt, hydro.CallConfirm, hydro.CallConfirm}).Draw(t, "kind"),
				Person: rapid.SampledFrom(people).Draw(t, "person"),
				Stage:  rapid.SampledFrom([]hydro.Stage{hydro.Clear, hydro.Clear, hydro.Orange, hydro.Red}).Draw(t, "stage"),
			})
		}
		out = append(out, s)
	}
	for range 30 { // long enough for every clock to run out
		at = at.Add(100 * time.Second)
		out = append(out, step{at: at})
	}
	return out
}

func TestSeasonProperties(t *testing.T) {
	rules := compile(t, strings.Replace(rosters, "interval: 100s}", "interval: 100s, repeat: never}", 1)) // TestWhoConfirmedNothingIsCalledAgain is the rest
	rapid.Check(t, func(t *rapid.T) {
		var s, again callout.State
		var log, replayed []hydro.DutyEvent
		type key struct {
			wave   string
			stage  hydro.Stage
			person string
		}
		tries := map[key]int{}
		lastDue := map[key]time.Time{}
		missing := map[key]bool{} // unreached, by the log alone
		waveOf := map[string]string{}
		note := func(events []hydro.DutyEvent, s callout.State) {
			if len(events) == 0 {
				return
			}
			for _, round := range rules.Rounds(s) { // a round is named by what its events carry
				waveOf[fmt.Sprint(round.Group, round.Station, round.Warning, round.Stage)] = round.Wave
			}
			for _, e := range events {
				k := key{waveOf[fmt.Sprint(e.Group, e.Station, e.Warning, e.Stage)], e.Stage, e.Person}
				switch e.Kind {
				case callout.Due:
					tries[k]++
					if e.From != strconv.Itoa(tries[k]) {
						t.Fatalf("%v: try %s told as number %d", k, e.From, tries[k])
					}
					if last, ok := lastDue[k]; ok && e.At.Sub(last) < 100*time.Second {
						t.Fatalf("%v: tried again after %s", k, e.At.Sub(last))
					}
					lastDue[k] = e.At
				case callout.Unreached:
					if tries[k] != 3 {
						t.Fatalf("%v given up after %d tries", k, tries[k])
					}
					missing[k] = true
				case callout.Confirm:
					for m := range missing {
						if m.wave == k.wave && m.person == k.person && m.stage <= k.stage {
							delete(missing, m)
						}
					}
				}
			}
		}
		for i, step := range season(t) {
			var before callout.State
			if i%16 == 0 {
				before = stored(t, s)
			}
			next, events := rules.Step(s, step.at, step.warnings)
			if i%16 == 0 {
				if diff := cmp.Diff(before, stored(t, s), cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("Step changed the state it was given:\n%s", diff)
				}
				again = stored(t, again)
			}
			s = next
			note(events, s)
			log = append(log, events...)
			// Every warning from orange on is called for, now or before, at its stage or a higher one.
			for _, w := range step.warnings {
				if w.To < hydro.Orange || w.To == hydro.Blind {
					continue
				}
				if !slices.ContainsFunc(rules.Rounds(s), func(x hydro.CallRound) bool {
					return x.Stage >= w.To && (w.Group != "" && x.Group == w.Group || w.Group == "" && strings.HasPrefix(x.Wave, w.Station+"@"))
				}) {
					t.Fatalf("%s: nobody is called for %s of %s", step.at, w.To, w.Station)
				}
			}
			again, events = rules.Step(again, step.at, step.warnings)
			replayed = append(replayed, events...)
			for _, c := range step.commands {
				next, events, err := rules.Do(s, c)
				s = next
				note(events, s)
				log = append(log, events...)
				var twice error
				again, events, twice = rules.Do(again, c)
				replayed = append(replayed, events...)
				if fmt.Sprint(err) != fmt.Sprint(twice) {
					t.Fatalf("%v, and %v in the replay", err, twice)
				}
			}
			// No clock stands still: what is due by now has been told.
			for _, round := range rules.Rounds(s) {
				for i := range round.Calls {
					if c := &round.Calls[i]; c.Outcome == hydro.Calling && !c.Next().After(step.at) {
						t.Fatalf("%s: the clock of %s, due %s, stands still", step.at, c.Person, c.Next())
					}
				}
			}
		}
		if diff := cmp.Diff(log, replayed); diff != "" {
			t.Fatalf("a replay over stored states differs:\n%s", diff)
		}
		rounds := map[string]bool{}
		calls := 0
		for _, round := range rules.Rounds(s) {
			id := round.Wave + " " + round.Stage.String()
			if rounds[id] {
				t.Fatalf("two rounds of %s", id)
			}
			rounds[id] = true
			if round.Done.IsZero() {
				t.Fatalf("the round of %s never ends", id)
			}
			seen := map[string]bool{}
			for _, c := range round.Calls {
				if seen[c.Person] {
					t.Fatalf("%s is called twice for %s", c.Person, id)
				}
				seen[c.Person] = true
				calls++
				if c.Outcome == hydro.Calling {
					t.Fatalf("the clock of %s never ends for %s", c.Person, id)
				}
			}
			for _, chain := range round.Chains {
				reached := slices.ContainsFunc(chain.People, func(p string) bool { return round.Call(p).Outcome == hydro.CallConfirmed })
				if chain.Outcome == hydro.CallConfirmed && !reached {
					t.Fatalf("%s: roster %s is confirmed by nobody", id, chain.Roster)
				}
				if chain.Outcome == hydro.CallUnreached && reached && !late(&round, &chain) {
					t.Fatalf("%s: roster %s is unreached although somebody confirmed", id, chain.Roster)
				}
			}
		}
		if calls != len(tries) {
			t.Fatalf("%d calls, but first tries of %d were told", calls, len(tries))
		}
		got := map[key]bool{}
		for _, u := range rules.Unreached(s) {
			got[key{u.Wave, u.Stage, u.Call.Person}] = true
		}
		if diff := cmp.Diff(missing, got, cmp.AllowUnexported(key{})); diff != "" {
			t.Fatalf("unreached: by the log, and by the list:\n%s", diff)
		}
	})
}

// late reports whether somebody of a lower round was reached only by the round of
// a higher stage: the roster stays unreached in the lower one.
func late(round *hydro.CallRound, chain *hydro.CallChain) bool {
	return slices.ContainsFunc(chain.People, func(p string) bool {
		c := round.Call(p)
		return c.Outcome == hydro.CallConfirmed && c.Ended.After(chain.Ended)
	})
}

func run(t *testing.T, r *callout.Rules, s callout.State, at time.Time, w ...hydro.Warning) (callout.State, []string) {
	t.Helper()
	s, events := r.Step(s, at, w)
	var out []string
	for _, e := range events {
		out = append(out, strings.TrimSpace(e.Kind+" "+e.Person+" "+e.To))
	}
	return s, out
}

func TestOneWaveCallsOnce(t *testing.T) {
	r := compile(t, rosters)
	for _, c := range []struct {
		name   string
		second hydro.Warning
		want   []string
	}{
		{"another station of the group", warn("c", start.Add(time.Hour), hydro.Clear, hydro.Orange, "g"), nil},
		{"a station of another group", warn("c", start.Add(time.Hour), hydro.Clear, hydro.Orange, "g2"), []string{"call_due w2 3", "call_due h1 3", "call_due r1 3"}},
		{"a station without a group", warn("c", start.Add(time.Hour), hydro.Clear, hydro.Orange, ""), []string{"call_due w2 3", "call_due h1 3", "call_due r1 3"}},
		{"the same station goes blind", warn("a", start.Add(time.Hour), hydro.Orange, hydro.Blind, "g"), nil},
		{"a lower stage", warn("c", start.Add(time.Hour), hydro.Clear, hydro.Yellow, "g2"), nil},
		{"a higher stage of the group", warn("c", start.Add(time.Hour), hydro.Clear, hydro.Red, "g"), []string{"call_due w2 3", "call_due h1 3", "call_due r1 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := run(t, r, callout.State{}, start, warn("a", start, hydro.Clear, hydro.Orange, "g"))
			for _, p := range []string{"w2", "h1", "r1"} {
				var err error
				if s, _, err = r.Do(s, hydro.Command{Kind: hydro.CallConfirm, At: start, By: officer, Person: p, Text: "by telephone"}); err != nil {
					t.Fatal(err)
				}
			}
			_, got := run(t, r, s, start.Add(time.Hour), c.second)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("called (-want +got):\n%s", diff)
			}
		})
	}
}

func TestANewRiseOfAStationWithoutGroupIsAnotherWave(t *testing.T) {
	r := compile(t, rosters)
	s, first := run(t, r, callout.State{}, start, warn("a", start, hydro.Clear, hydro.Orange, ""))
	s, falls := run(t, r, s, start.Add(10*time.Second), warn("a", start.Add(10*time.Second), hydro.Orange, hydro.Blue, ""))
	s, again := run(t, r, s, start.Add(20*time.Second), warn("a", start.Add(20*time.Second), hydro.Blue, hydro.Orange, ""))
	s, over := run(t, r, s, start.Add(30*time.Second), warn("a", start.Add(30*time.Second), hydro.Orange, hydro.Clear, ""))
	_, second := run(t, r, s, start.Add(40*time.Second), warn("a", start.Add(40*time.Second), hydro.Clear, hydro.Orange, ""))
	want := []string{"call_due w2 3", "call_due h1 3", "call_due r1 3"}
	if diff := cmp.Diff([][]string{want, nil, nil, nil, want}, [][]string{first, falls, again, over, second}); diff != "" {
		t.Error(diff)
	}
}

func TestAnUpgradeEndsTheCallsOfTheLowerStage(t *testing.T) {
	r := compile(t, rosters)
	s, _ := run(t, r, callout.State{}, start, warn("a", start, hydro.Clear, hydro.Orange, "g"))
	_, got := run(t, r, s, start.Add(10*time.Second), warn("a", start.Add(10*time.Second), hydro.Orange, hydro.Red, "g"))
	if diff := cmp.Diff([]string{"call_done  superseded", "call_due w2 3", "call_due h1 3", "call_due r1 3"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAPersonOfTwoRostersHasOneClock(t *testing.T) {
	r := compile(t, strings.ReplaceAll(rosters, "always: [r1]", "always: [h1]"))
	s, got := run(t, r, callout.State{}, start, warn("a", start, hydro.Clear, hydro.Orange, "g"))
	if diff := cmp.Diff([]string{"call_due w2 3", "call_due h1 3"}, got); diff != "" {
		t.Fatal(diff)
	}
	s, _, err := r.Do(s, hydro.Command{Kind: hydro.CallConfirm, At: start, By: officer, Person: "h1", Text: "by telephone"})
	if err != nil {
		t.Fatal(err)
	}
	for _, chain := range r.Rounds(s)[0].Chains[1:] {
		if chain.Outcome != hydro.CallConfirmed {
			t.Errorf("roster %s is %s", chain.Roster, chain.Outcome)
		}
	}
}

func TestWhoIsOnDutyGoesByTheClockOfTheBasin(t *testing.T) {
	r := compile(t, rosters)
	for clock, want := range map[string]string{"07:59": "w2", "08:00": "w1", "19:59": "w1", "20:00": "w2"} {
		at, err := time.ParseInLocation("2006-01-02 15:04", "2026-06-09 "+clock, zone)
		if err != nil {
			t.Fatal(err)
		}
		_, got := run(t, r, callout.State{}, at.UTC(), warn("a", at.UTC(), hydro.Clear, hydro.Orange, "g"))
		if got[0] != "call_due "+want+" 3" {
			t.Errorf("%s: %s, want %s", clock, got[0], want)
		}
	}
}

func TestALateConfirmationTakesThePersonOffTheList(t *testing.T) {
	r := compile(t, rosters)
	s, _ := run(t, r, callout.State{}, start, warn("a", start, hydro.Clear, hydro.Orange, "g"))
	at := start
	for range 100 {
		at = at.Add(100 * time.Second)
		s, _ = run(t, r, s, at)
	}
	var ids []string
	for _, u := range r.Unreached(s) {
		ids = append(ids, u.Call.Person)
	}
	if diff := cmp.Diff([]string{"w2", "h1", "r1", "chief", "h2"}, ids); diff != "" {
		t.Fatalf("unreached (-want +got):\n%s", diff)
	}
	s, _, err := r.Do(s, hydro.Command{Kind: hydro.CallConfirm, At: at, By: officer, Person: "h1", Text: "called back"})
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(r.Unreached(s), func(u hydro.Unreached) bool { return u.Call.Person == "h1" }) {
		t.Error("h1 called back and is still on the list")
	}
}

func TestRefusals(t *testing.T) {
	r := compile(t, rosters)
	s, _ := run(t, r, callout.State{}, start, warn("a", start, hydro.Clear, hydro.Orange, "g"), warn("c", start, hydro.Clear, hydro.Orange, "g2"))
	confirm := hydro.Command{Kind: hydro.CallConfirm, At: start, By: officer, Person: "h1", Group: "g", Text: "by telephone"}
	s, _, err := r.Do(s, confirm)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		edit func(*hydro.Command)
		want string
	}{
		{"confirmed already", func(*hydro.Command) {}, "has confirmed already, at 06-09 03:00:00, recorded by Example O"},
		{"a try after the confirmation", func(c *hydro.Command) { c.Kind = hydro.CallAttempt }, "has confirmed already"},
		{"nobody of that name", func(c *hydro.Command) { c.Person = "nobody" }, "nobody calls \"nobody\""},
		{"not called in this round", func(c *hydro.Command) { c.Person = "chief" }, "nobody calls \"chief\" in a round of that wave"},
		{"no such wave", func(c *hydro.Command) { c.Group = "g3" }, "of that wave and stage: freshet calls list"},
		{"no such stage", func(c *hydro.Command) { c.Stage = hydro.Red }, "of that wave and stage"},
		{"two waves and none named", func(c *hydro.Command) { c.Person, c.Group = "r1", "" }, "r1 is called for two waves, g and g2"},
		{"how is missing", func(c *hydro.Command) { c.Person, c.Text = "r1", "" }, "say how it went"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := confirm
			c.edit(&cmd)
			after, events, err := r.Do(s, cmd)
			if refused, ok := errors.AsType[*hydro.CommandError](err); !ok || !strings.Contains(refused.EN, c.want) || refused.ZH == "" {
				t.Errorf("%v, want %q", err, c.want)
			}
			if len(events) > 0 || cmp.Diff(s, after, cmpopts.EquateEmpty()) != "" {
				t.Error("a refused command changed something")
			}
		})
	}
}

// A roster that comes into force in the middle of a wave is called for where the
// wave stands.
func TestARosterThatComesIntoForceLaterIsCalled(t *testing.T) {
	const people = "\npeople:\n  - {id: p, name: P, department: weather, phones: [\"1\"]}\n"
	none := compile(t, people)
	s, got := run(t, none, callout.State{}, start, warn("a", start, hydro.Clear, hydro.Red, "g"))
	if len(got) > 0 {
		t.Fatalf("%v without any roster", got)
	}
	some := compile(t, people+"rosters: [{id: d, name: D, department: weather, always: [p]}]\n")
	_, got = run(t, some, s, start.Add(10*time.Second))
	if diff := cmp.Diff([]string{"call_due p 3"}, got); diff != "" {
		t.Error(diff)
	}
}

// A roster that leaves the catalogue while its people are called: their clocks go
// on, and what follows is said.
func TestARosterThatLeavesLosesNoClock(t *testing.T) {
	r := compile(t, rosters)
	s, _ := run(t, r, callout.State{}, start, warn("a", start, hydro.Clear, hydro.Orange, "g"))
	none := compile(t, "")
	var got []string
	for at := start.Add(100 * time.Second); !at.After(start.Add(300 * time.Second)); at = at.Add(100 * time.Second) {
		var told []string
		s, told = run(t, none, s, at)
		got = append(got, told...)
	}
	want := []string{
		"call_due w2 3", "call_due h1 3", "call_due r1 3", "call_due w2 3", "call_due h1 3", "call_due r1 3",
		"call_unreached w2", "call_unreached h1", "call_unreached r1", "call_exhausted", "call_exhausted", "call_exhausted", "call_done  unreached",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
