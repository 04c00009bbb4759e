package rehearse_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/engine"
	"freshet/internal/rehearse"
)

func stage(tb testing.TB, e *engine.Engine) *rehearse.Stage {
	tb.Helper()
	f, ok := e.Fork().Footing()
	if !ok {
		tb.Fatal("no footing")
	}
	s, err := rehearse.NewStage(tb.Context(), f)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func ask(tb testing.TB, s *rehearse.Stage, x rehearse.Scenario) *rehearse.Outcome {
	tb.Helper()
	o, err := s.Ask(tb.Context(), x, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func hm(t0, at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	d := at.Sub(t0)
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// told is a walk as a table of what happens.
func told(o *rehearse.Outcome) []string {
	var out []string
	w, t0 := &o.Asked.Walk, o.T0
	for _, c := range w.Changes {
		out = append(out, strings.TrimRight(fmt.Sprintf("%s %s %s>%s %s", hm(t0, c.At), c.Station, c.From, c.To, c.Leg), " "))
	}
	for _, r := range w.Reached {
		out = append(out, fmt.Sprintf("reached %s %s stands %s river %s", r.Station, r.Stage, hm(t0, r.At), hm(t0, r.Observed)))
	}
	for _, p := range w.Proposals {
		out = append(out, fmt.Sprintf("%s plan %s %s>%s assumed %v", hm(t0, p.At), p.Plan, p.From, p.To, p.Assumed))
	}
	for _, m := range w.Measures {
		out = append(out, fmt.Sprintf("measure %s %s..%s", m.Measure.ID, hm(t0, m.Opened), hm(t0, m.Deadline)))
	}
	for _, c := range w.Clashes {
		out = append(out, strings.TrimRight(fmt.Sprintf("clash %s %s %s..%s %s", c.Kind, c.A, hm(t0, c.From), hm(t0, c.Until), c.B), " "))
	}
	for _, h := range w.Held {
		out = append(out, fmt.Sprintf("held %s: %s", h.Station, h.EN))
	}
	return out
}

// Both dams let out 40 m³/s, 90 from 2 h, 150 from 6 h and 20 from 12 h on. An hour
// later the town has 80, 180, 300 and 40 m³/s, at 0.8, 1.8, 3.0 and 0.4 m: above blue
// (1.5) from 3:00, above yellow (2.5) and
// orange (280 m³/s) from 7:00, below all from 13:00.
//
// By hand. The forecast is issued each 10 min; the second in a row, at 0:20, raises
// blue and yellow, which forecasts raise; orange is for observations alone. The river
// at orange from 7:00 has dwelt 10 min at 7:10. At 12:50 the last run that sees the
// crest is past, at 13:00 two in a row have not seen it; the river's hour below, from
// 13:00, is over at 14:00. Plan water proposes at 0:20 level III (and with it the
// measures of IV), at 7:10 level II.
func TestThePlanWalkIsTheTableMadeByHand(t *testing.T) {
	c := twinCatalog(t, "")
	s := stage(t, live(t, c, nil))
	releases := []rehearse.Release{{0, 40}, {2 * time.Hour, 90}, {6 * time.Hour, 150}, {12 * time.Hour, 20}}
	o := ask(t, s, rehearse.Scenario{Schedules: []rehearse.Schedule{{Reservoir: "one", Releases: releases}, {Reservoir: "two", Releases: releases}}})
	want := []string{
		"00:20 town clear>yellow forecast",
		"07:10 town yellow>orange observed",
		"14:00 town orange>clear",
		"reached town blue stands 00:20 river 03:00",
		"reached town yellow stands 00:20 river 07:00",
		"reached town orange stands 07:10 river 07:00",
		"00:20 plan water >III assumed true",
		"07:10 plan water III>II assumed true",
		"14:00 plan water II> assumed false",
		"measure duty 00:20..01:20",
		"measure gauge 00:20..00:50",
		"measure consult 00:20..02:20",
		"measure patrol 00:20..08:20",
		"measure move 07:10..09:10",
		"measure watch 07:10..-",
		"clash person duty 00:20..01:20 consult",
		"clash time patrol 07:00..08:20",
		"clash time move 07:00..09:10",
		"held creek: no forecast: it stays at its last values",
	}
	if diff := cmp.Diff(want, told(o)); diff != "" {
		t.Errorf("-by hand +walked\n%s", diff)
	}
	if len(o.Base.Walk.Changes)+len(o.Base.Walk.Proposals) > 0 {
		t.Errorf("as it is: %v, %v", o.Base.Walk.Changes, o.Base.Walk.Proposals)
	}
}
