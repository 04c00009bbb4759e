package callout_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/alert/callout"
	"freshet/internal/hydro"
)

var update = flag.Bool("update", false, "write the golden log anew")

// The drill of acceptance 6: three departments, one person who cannot be reached,
// then an upgrade. Escalation order and log are exact.
func TestDrillOfThreeDepartments(t *testing.T) {
	r := compile(t, rosters)
	var s callout.State
	var log strings.Builder
	const orange, red = hydro.Orange, hydro.Red
	warnings := map[string][]hydro.Warning{
		"03:00:00": {warn("a", start, hydro.Yellow, orange, "g1")},
		"03:02:00": {warn("c", start.Add(2*time.Minute), hydro.Yellow, orange, "g1")}, // the same wave downstream
		"03:08:00": {warn("a", start.Add(8*time.Minute), orange, hydro.Yellow, "g1")},
		"03:09:00": {warn("a", start.Add(9*time.Minute), hydro.Yellow, orange, "g1")}, // and up again
		"03:20:00": {warn("c", start.Add(20*time.Minute), orange, red, "g1")},
	}
	commands := map[string][]hydro.Command{
		"03:00:30": {
			{Kind: hydro.CallAttempt, Person: "h1", Text: "no answer"},
			{Kind: hydro.CallConfirm, Person: "w2", Text: "by telephone"},
		},
		"03:02:10": {{Kind: hydro.CallAttempt, Person: "h1", Text: "no answer"}},
		"03:02:40": {{Kind: hydro.CallConfirm, Person: "r1", Group: "g1", Text: "by telephone, second try"}},
		"03:06:00": {{Kind: hydro.CallConfirm, Person: "h2", Text: "by telephone"}},
		"03:20:40": {
			{Kind: hydro.CallConfirm, Person: "w2", Text: "by telephone"},
			{Kind: hydro.CallConfirm, Person: "r1", Text: "by telephone"},
		},
	}
	for at := start; !at.After(start.Add(45 * time.Minute)); at = at.Add(10 * time.Second) {
		clock := at.In(zone).Format("15:04:05")
		var events []hydro.DutyEvent
		s, events = r.Step(s, at, warnings[clock])
		lines(&log, events)
		for _, c := range commands[clock] {
			c.At, c.By, c.ID = at, officer, "cmd "+clock+" "+c.Person
			var err error
			if s, events, err = r.Do(s, c); err != nil {
				t.Fatalf("%s: %v", clock, err)
			}
			lines(&log, events)
		}
	}
	log.WriteString("unreached:\n")
	for _, u := range r.Unreached(s) {
		log.WriteString("  " + u.Wave + " " + u.Stage.String() + " " + u.Call.Person + " " + strings.Join(u.Call.Phones, ",") + "\n")
	}
	file := filepath.Join("testdata", "drill.txt")
	if *update {
		if err := os.WriteFile(file, []byte(log.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(log.String(), "\n")); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
