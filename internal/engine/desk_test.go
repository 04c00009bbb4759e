package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

const drill = "../../alert/callout/testdata"

var beijing = time.FixedZone("", 8*3600)

// The drill of a server (internal/app), here on the engine alone: the log is the
// same. Three departments, one person who cannot be reached, an upgrade.
func TestDrillOnTheEngine(t *testing.T) {
	c, err := catalog.LoadDir(filepath.Join(drill, "catalog"))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 6, 9, 3, 0, 0, 0, beijing).UTC()
	levels := map[string]float64{"02:55:00": 2, "03:00:00": 5.2, "03:20:00": 6.2}
	commands := map[string][]hydro.Command{
		"03:00:40": {{Kind: hydro.CallAttempt, Person: "h1", Text: "no answer"}, {Kind: hydro.CallConfirm, Person: "w2", Text: "by telephone"}},
		"03:02:20": {{Kind: hydro.CallAttempt, Person: "h1", Text: "no answer"}},
		"03:02:40": {{Kind: hydro.CallConfirm, Person: "r1", Text: "by telephone"}},
		"03:06:00": {{Kind: hydro.CallConfirm, Person: "h2", Text: "by telephone"}, {Kind: hydro.CallConfirm, Person: "h2", Text: "twice"}},
		"03:20:40": {{Kind: hydro.CallConfirm, Person: "w2", Text: "by telephone"}, {Kind: hydro.CallConfirm, Person: "r1", Text: "by telephone"}},
	}
	ins := []hydro.Input{{Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: began}}}
	level := 0.0
	for at := began.Add(-5 * time.Minute); !at.After(began.Add(36 * time.Minute)); at = at.Add(20 * time.Second) {
		clock := at.In(beijing).Format("15:04:05")
		if x, ok := levels[clock]; ok {
			level = x
		}
		if at.Equal(at.Truncate(step)) {
			b := &hydro.Batch{Basin: "b", ReceivedAt: at}
			for id, x := range map[string]float64{"a": level, "c": 1} {
				b.Readings = append(b.Readings, hydro.Reading{Key: hydro.Key{Station: id, Variable: hydro.WaterLevel}, At: at, Raw: x, Value: x, Datum: hydro.StationDatum})
			}
			ins = append(ins, hydro.Input{Batch: b})
		}
		ins = append(ins, hydro.Input{Tick: &hydro.Tick{At: at}})
		for i, cmd := range commands[clock] {
			cmd.ID, cmd.Basin, cmd.At, cmd.By = fmt.Sprint(clock, i), "b", at, hydro.Person{Name: "Example O", Role: "officer", Department: hydro.Hydrology}
			ins = append(ins, hydro.Input{Command: &cmd})
		}
	}
	for i := range ins {
		ins[i].Seq = uint64(i + 1)
	}
	var first []hydro.DutyEvent
	for _, stops := range []int{0, 7} { // the second is stored and read again every 7 inputs
		e := engine.New("b")
		var log []hydro.DutyEvent
		ids := map[string]bool{}
		for i, in := range ins {
			for _, o := range apply(t, e, []hydro.Input{in}) {
				if o.Duty != nil && (strings.HasPrefix(o.Duty.Kind, "call_") || o.Duty.Kind == hydro.Refused) {
					log = append(log, *o.Duty)
					if ids[o.Duty.ID] {
						t.Errorf("two events are %s", o.Duty.ID)
					}
					ids[o.Duty.ID] = true
				}
			}
			if stops > 0 && i%stops == 0 {
				data, err := e.Snapshot()
				if err != nil {
					t.Fatal(err)
				}
				if e, err = engine.Restore(data, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		if stops == 0 {
			first = log
			sameLog(t, log)
			var missing []string
			for _, u := range e.Unreached() {
				missing = append(missing, u.Stage.String()+" "+u.Call.Person)
			}
			if diff := cmp.Diff([]string{"red h1", "red h2", "red chief", "orange h1"}, missing); diff != "" {
				t.Errorf("unreached (-want +got):\n%s", diff)
			}
			continue
		}
		if diff := cmp.Diff(first, log); diff != "" {
			t.Errorf("an engine that was stored and read again says otherwise:\n%s", diff)
		}
	}
}

// sameLog compares with the log of the drill, which a server writes too.
func sameLog(t *testing.T, log []hydro.DutyEvent) {
	t.Helper()
	var got strings.Builder
	for i := range log {
		e := &log[i]
		fmt.Fprintf(&got, "%s %s | %s\n", e.At.In(beijing).Format("15:04:05"), e.Kind, e.TextEN)
	}
	want, err := os.ReadFile(filepath.Join(drill, "drill_server.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
