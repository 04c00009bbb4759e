package notify_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"freshet/alert/callout"
	"freshet/alert/notify"
	"freshet/internal/hydro"
)

// Mails and robots hear by default that nobody could be reached, whatever department
// they follow, and not of each try that falls due.
func TestPeopleHearByDefaultThatNobodyCouldBeReached(t *testing.T) {
	for _, c := range []struct {
		text string
		of   map[string]bool
	}{
		{"", map[string]bool{callout.Exhausted: true, callout.Unreached: true, callout.Due: false, callout.Repeated: false, callout.Done: false, "acknowledged": false}},
		{"    departments: [weather]\n", map[string]bool{callout.Exhausted: true, callout.Unreached: true}},
		{"    min_stage: red\n", map[string]bool{callout.Exhausted: false}},
		{"    kinds: [group, call_due]\n", map[string]bool{callout.Exhausted: false, callout.Due: true}},
		{"    kinds: [duty]\n", map[string]bool{callout.Exhausted: true, callout.Due: true, "acknowledged": true}},
		{"    kinds: [group]\n", map[string]bool{callout.Exhausted: false, callout.Unreached: false}},
	} {
		for _, kind := range []string{"email", "dingtalk", "wecom", "feishu"} {
			r := receiver(t, kind, c.text)
			for event, want := range c.of {
				it, ok := notify.ItemOf(hydro.Output{Duty: &hydro.DutyEvent{ID: "b/1/1", Basin: "tanjiang", At: noon, Kind: event, Station: "81200500", Stage: hydro.Orange, TextZH: "叫", TextEN: "call"}}, nil)
				if got := r.Wants(&it); !ok || got != want {
					t.Errorf("%s %q: told of %s: %t", kind, c.text, event, got)
				}
			}
		}
	}
}

func TestKindsNameDutyEventsOfCallsOnly(t *testing.T) {
	want := []notify.Kind{callout.Due, callout.Attempt, callout.Confirm, callout.Escalated, callout.Unreached, callout.Exhausted, callout.Repeated, callout.Done}
	if diff := cmp.Diff(want, notify.Calls); diff != "" {
		t.Errorf("as package callout has them (-want +got):\n%s", diff)
	}
	for _, name := range notify.Calls {
		receiver(t, "email", "    kinds: ["+string(name)+"]\n")
	}
	if _, err := notify.Parse("notify.yaml", []byte("receivers:\n  - {name: x, kind: webhook, url: 'https://example.org/', kinds: [acknowledged]}\n"), nil); err == nil {
		t.Error("a kind that is none of calls was taken")
	}
}
