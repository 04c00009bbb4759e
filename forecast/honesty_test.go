package forecast_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

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

// Officers read the Chinese line: no note may stay in English there.
func TestTheNotesOfARunAreToldInChinese(t *testing.T) {
	now := t0.Add(12 * time.Hour)
	c := dammed()
	c.Ratings[0].Loop = 0.2
	m := compile(t, c)
	f, _ := run(t, m, m.Start(now), now, flood(now).source)
	f.Notes = append(f.Notes,
		"at mid 22 % of the computed flow (8.15 m³/s) lastingly does not arrive: taken off",
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
