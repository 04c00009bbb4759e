package forecast_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"freshet/forecast"
	"freshet/forecast/reservoir"
	"freshet/internal/hydro"
)

// Whatever sets a release is told in Chinese as forecast/reservoir says it.
func TestTheStoryOfAReleaseIsToldInChinese(t *testing.T) {
	for b := reservoir.ByClosed; ; b++ {
		if strings.HasPrefix(b.String(), "Binding(") {
			break
		}
		zh, en := b.Text()
		f := hydro.Forecast{Notes: []string{"reservoir dam: " + en + ", at most 15 m³/s; from 2026-06-01 12:20Z " + en + ", at most 112.94 m³/s, and so on"}}
		if want := "水库dam：" + zh + "，最大15 m³/s，自2026-06-01 20:20起" + zh + "，最大112.94 m³/s，余略；"; !strings.Contains(f.HonestyZH(), want) {
			t.Errorf("%s: %s, want %s in it", b, f.HonestyZH(), want)
		}
	}
}

// English words of a reason, other than names and units, are none in Chinese.
var english = regexp.MustCompile(`\b(of|the|is|at|step|part|no|after|between|and|with|in|to|its|panic)\b`)

// Why there is no solution is told in Chinese, in a hole and in the notes.
func TestWhyThereIsNoSolutionIsToldInChinese(t *testing.T) {
	for _, why := range []string{
		"between 2026-06-01 00:00Z and 2026-06-01 01:00Z: part 1 of 2, step 3: mct: water of 12 m³ with inflow 3 m³/s: 0.5 m³ off at a depth of 2 m after 100 iterations: no convergence",
		"part 1 of 2, step 3: normal depth of 3 m³/s: between 1 and 2 m after 9 iterations: no convergence",
		"part 1 of 2: muskingum-cunge: outflow NaN m³/s at depth 2 m: no convergence",
		"normal depth of 3 m³/s: more than 1000 m after 9 iterations: no convergence",
		"nonlinear muskingum: step 3: the inflow's part at 3 m³/s exceeds the storage of 4 m³: no real outflow",
		"nonlinear muskingum: step 3: storage of -1 m³ after 4 m³ at inflow 3 m³/s: no real outflow",
		"reservoir: step 3: the outlets would empty the reservoir 20 times within 300 s: the step is too long for it",
		"reservoir: step 3: no convergence after 100 trials: balance open by 2·10⁶ m³ at a storage of 3·10⁶ m³",
		"sub-basin head: runoff is NaN m³/s",
		"flow is +Inf m³/s",
		"discharge at mid is +Inf m³/s",
		"outflow of NaN m³/s at 2026-06-01 00:00Z with 3 m³/s at its head",
		"its release is set by what the river bears at mid, and what joins on the way is not known: reach a-b: no solution: runoff at node mid: no solution: sub-basin x: runoff is NaN m³/s",
		"panic: 溢出",
	} {
		for _, note := range []string{why, "no forecast at a, b: node dam: no solution: " + why, "node dam: no solution from its last state (" + why + "): started anew"} {
			zh := hydro.NoteZH(note)
			if note == why {
				zh = hydro.ReasonZH(why)
			}
			if found := english.FindString(zh); found != "" {
				t.Errorf("%q is in %q", found, zh)
			}
		}
	}
}

// Officers read the Chinese line: no note may stay in English there.
func TestTheNotesOfARunAreToldInChinese(t *testing.T) {
	now := t0.Add(12 * time.Hour)
	c := dammed()
	c.Ratings[0].Loop = 0.2
	m := compile(t, c)
	f, _ := run(t, m, m.Start(now), now, flood(now).source)
	f.Notes = append(f.Notes,
		"at mid 22 % of the computed flow (8.15 m³/s) lastingly does not arrive: taken off",
		"the last state is of 2026-05-01 00:00Z, more than a week ago: started anew",
		"at mid the wave lastingly comes 1.5 h earlier than computed: shifted",
		"at mid the wave lastingly comes 1.5 h later than computed: shifted",
		"at mid the wave lastingly comes 7.0 h earlier than computed: too far off for a lasting error of timing, none is applied",
		"at mid the wave lastingly comes 7.0 h later than computed: too far off for a lasting error of timing, none is applied",
		"updating at mid is switched off in part: what it observes does not run on downstream",
		"updating at mid is switched off in part: no lasting loss is learnt",
		"updating at mid is switched off in part: no lasting error of timing is learnt",
		"updating at mid is switched off in part: its error fades as the settings say, whatever the past says",
		"updating at mid is switched off in part: its error is not carried into the forecast",
		"at mid 12 % more than the computed flow (8.15 m³/s) lastingly arrives: added",
		"at mid the observed flow is 4 % of the computed one: too far off for a lasting loss, none is applied",
		"reach a-b: attenuation bounded in 23 % of its steps, 99 of 430, to keep its outflow from ringing or falling below 0: another number of sub_reaches would suit the step better",
		"no recent level of reservoir dam: its rules are not used",
		"soil moisture at node mid is not adjusted: it takes a gauge that corrects the flow, to which no river comes and soil drains",
		"soil moisture above up: in the day to 2026-06-03 00:00Z the runoff was 8.7 mm off, observed less computed: 14.6 mm of water added",
		"soil moisture above up: in the day to 2026-06-03 00:00Z the runoff was -4.6 mm off, observed less computed: 13.3 mm of water taken away",
	)
	for part := range strings.SplitSeq(f.HonestyZH(), "；") {
		if !strings.ContainsFunc(part, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("not in Chinese: %q", part)
		}
	}
}

// A reservoir with a gauge at its node has no band of its own, whatever inflow it
// observes, and the note says that and no other reason.
func TestWhyAReservoirWithAGaugeHasNoBand(t *testing.T) {
	for _, gauged := range []bool{false, true} {
		c := small()
		if gauged {
			below := c.Stations[5]
			below.ID = "weir"
			c.Stations = append(c.Stations, below)
			c.Basins[0].Nodes[1].Gauge = "weir"
		}
		m := compile(t, c)
		f, _ := run(t, m, m.Start(t0), t0, storm(t0, t0).source)
		const en, zh = "no band at dam: at a reservoir with a gauge below its dam the gauge's flow alone is learnt from", "dam无不确定性区间（坝下设有测站的水库，只检验测站流量的预报误差）"
		if noted(f, en) != gauged || strings.Contains(f.HonestyZH(), zh) != gauged || noted(f, "no band at dam: no observed inflow") {
			t.Errorf("with a gauge: %t: %q", gauged, f.Notes)
		}
	}
}

// An engine that had no time yet when its catalogue came starts at the beginning of
// time: that is no outage of two thousand years.
func TestAFirstRunTellsOfNoOutage(t *testing.T) {
	m := compile(t, small())
	b := storm(t0.Add(-24*time.Hour), t0)
	outage := func(s forecast.State) bool {
		f, _ := run(t, m, s, t0, b.source)
		return noted(f, "more than a week ago: started anew")
	}
	if outage(m.Start(time.Time{})) {
		t.Error("a first run tells of a state of long ago")
	}
	if !outage(m.Start(t0.Add(-30 * 24 * time.Hour))) {
		t.Error("a state of a month ago is not told of")
	}
}
