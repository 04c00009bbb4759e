package quality

import (
	"fmt"
	"math"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// why says which tests fired on samples[i], on what numbers, for people. Detail is
// what the tests between series say; without it they are named alone.
func (l *limits) why(samples []hydro.Sample, i int, detail string) string {
	s := &samples[i]
	if s.Tests&^notes == hydro.TestLate { // all of a backlog: without the formatter
		return late(s)
	}
	unit := l.p.Variable.Unit()
	lim := &l.p.Limits
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }

	if s.Tests&hydro.TestRange != 0 {
		switch {
		case l.p.Variable == hydro.Rain:
			suspect, wall := l.rainLimits(s)
			d := short(time.Duration(s.Interval) * time.Second)
			switch {
			case s.Value < 0:
				say("range: %s mm of rain is negative", num(s.Value))
			case s.Value > wall:
				say("range: %s mm in %s is above the possible %s mm", num(s.Value), d, num(wall))
			default:
				say("range: %s mm in %s is above %s mm", num(s.Value), d, num(suspect))
			}
		case s.Failed&hydro.TestRange != 0 && (s.Value < lim.Low || s.Value > lim.High):
			say("range: %s %s is outside the possible %s to %s %s", num(s.Value), unit, num(lim.Low), num(lim.High), unit)
		default:
			say("range: %s %s is outside the usual %s to %s %s", num(s.Value), unit, num(lim.SuspectLow), num(lim.SuspectHigh), unit)
		}
	}
	if s.Tests&hydro.TestStep != 0 {
		if a := reference(samples, i); a >= 0 {
			b := &samples[a]
			limit, fail := l.stepLimits(b, s)
			if l.step(b, s) == hydro.Fail {
				limit = fail
			}
			per := lim.StepPer
			if per <= 0 {
				per = 5 * time.Minute
			}
			say("step: %s to %s %s in %s, limit %s %s per %s", num(b.Value), num(s.Value), unit,
				short(time.Duration(s.At-b.At)*time.Millisecond), num(limit), unit, short(per))
		} else {
			say("step: too far from what stood before")
		}
	}
	if s.Tests&hydro.TestSpike != 0 {
		after := ""
		for k := i + 1; k < len(samples); k++ {
			if samples[k].Own.Usable() {
				after = fmt.Sprintf(": back at %s %s %s later", num(samples[k].Value), unit,
					short(time.Duration(samples[k].At-s.At)*time.Millisecond))
				break
			}
		}
		say("spike%s", after)
	}
	if s.Tests&hydro.TestStuck != 0 {
		since := s.At
		for k := i - 1; k >= 0; k-- {
			if math.Abs(samples[k].Value-s.Value) <= lim.StuckDelta {
				since = samples[k].At
			} else if !outlier(&samples[k]) {
				break
			}
		}
		held := time.Duration(s.At-since) * time.Millisecond
		limit := time.Duration(l.stillFor(s)) * time.Millisecond
		if l.p.Variable == hydro.Rain {
			say("stuck: %s mm repeated for %s, limit %s", num(s.Value), short(held), short(limit))
		} else {
			say("stuck: %s %s did not move by more than %s %s for %s, limit %s", num(s.Value), unit,
				num(lim.StuckDelta), unit, short(held), short(limit))
		}
	}
	switch {
	case s.Tests&hydro.TestCounterReset == 0:
	case l.p.Variable == hydro.Rain:
		say("counter_reset: the counter was reset or failed; what fell in %s is not known", short(time.Duration(s.Interval)*time.Second))
	default:
		for k := i - 1; k >= 0; k-- {
			if samples[k].Own != hydro.Fail {
				say("counter_reset: %s to %s mm", num(samples[k].Value), num(s.Value))
				break
			}
		}
	}
	if s.Tests&hydro.TestGap != 0 && i > 0 {
		d := time.Duration(s.At-samples[i-1].At) * time.Millisecond
		say("gap: %s since the report before, interval %s", short(d), short(l.p.Interval))
	}
	if s.Tests&hydro.TestRevision != 0 {
		say("revision: %d of this instant", s.Revision)
	}
	if s.Tests&hydro.TestLate != 0 {
		parts = append(parts, late(s))
	}
	if s.Tests&hydro.NoteClock != 0 {
		ahead, _ := l.clock(samples, i)
		way := "ahead of"
		if ahead < 0 {
			way, ahead = "behind", -ahead
		}
		say("clock: the last %d reports are stamped about %s %s their arrival", clockSamples, short(time.Duration(ahead)*time.Millisecond), way)
	}
	if s.Tests&hydro.NoteMaintenance != 0 {
		w, _ := catalog.Maintained(l.p.Maintenance, s.At)
		parts = append(parts, "maintenance: "+w.Why)
	}
	if detail != "" {
		parts = append(parts, detail)
	} else {
		for _, b := range briefly {
			if s.Tests&b.test != 0 {
				parts = append(parts, b.text)
			}
		}
	}
	return strings.Join(parts, "; ")
}

// briefly names the verdicts of a Network without their numbers.
var briefly = [...]struct {
	test hydro.Tests
	text string
}{
	{hydro.TestNeighbour, "neighbour: far more than the gauges around"},
	{hydro.TestBlocked, "blocked: little or nothing while it poured around"},
	{hydro.TestSite, "site: differs from another sensor of the site"},
	{hydro.TestStorageCurve, "storage_curve: does not fit the level"},
	{hydro.TestRainLevel, "rain_level: the rain above does not explain it"},
	{hydro.TestDayTotal, "day_total: above the limit of the day"},
	{hydro.NoteRainLevel, "rain_level_note: the rain above does not explain it"},
}

func late(s *hydro.Sample) string {
	return "late: arrived " + short(time.Duration(s.Received-s.At)*time.Millisecond) + " after its instant"
}

// num prints a value to the millimetre of a level, without trailing zeros.
func num(v float64) string {
	s := fmt.Sprintf("%.3f", v)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// short prints a duration without its zero parts: "1h30m", not "1h30m0s".
func short(d time.Duration) string {
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
