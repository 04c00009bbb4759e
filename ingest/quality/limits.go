package quality

import (
	"math"
	"time"

	"freshet/internal/hydro"
)

// rangeVerdict is NotEvaluated where there is no range.
func (l *limits) rangeVerdict(s *hydro.Sample) hydro.Quality {
	if l.p.Variable == hydro.Rain {
		suspect, wall := l.rainLimits(s)
		switch {
		case s.Value < 0 || s.Value > wall:
			return hydro.Fail
		case s.Value > suspect:
			return hydro.Suspect
		}
		return hydro.Pass
	}
	lim := &l.p.Limits
	switch {
	case !lim.HasRange:
		return hydro.NotEvaluated
	case s.Value < lim.Low || s.Value > lim.High:
		return hydro.Fail
	case lim.SuspectHigh > lim.SuspectLow && (s.Value < lim.SuspectLow || s.Value > lim.SuspectHigh):
		return hydro.Suspect
	}
	return hydro.Pass
}

// rainLimits returns the limits of a rain sample. A range of the catalogue is
// and a wall of it are for reports of the parameter's own interval. The range
// makes rain above it suspect: only the wall fails, because extreme rain is never dropped on one test.
func (l *limits) rainLimits(s *hydro.Sample) (suspect, wall float64) {
	d := time.Duration(s.Interval) * time.Second
	suspect, wall = RainLimits(d)
	if lim := &l.p.Limits; lim.HasRange && (l.p.Interval == 0 || d == l.p.Interval) {
		suspect = lim.High
		if lim.SuspectHigh > lim.SuspectLow {
			suspect = min(suspect, lim.SuspectHigh)
		}
	}
	if l.p.Limits.Wall > 0 && (l.p.Interval == 0 || d == l.p.Interval) {
		wall = l.p.Limits.Wall
	}
	return suspect, wall
}

// rainTable has the limits of rain by length of interval: the wall of 40 mm/min
// and 600 mm/h is the CMA's, the rest is chosen so that the storms that the
// Guangdong coast has seen (142.6 mm/h, 239.8 mm/3 h, 1034 mm/24 h) stay clear
// of failing.
var rainTable = [...]struct {
	minutes       float64
	suspect, wall float64 // mm
}{
	{1, 8, 40}, {5, 20, 200}, {15, 45, 600}, {60, 120, 600}, {180, 250, 900}, {1440, 600, 1500},
}

// RainLimits returns above how many millimetres over the interval rain is
// suspect, and above how many it is impossible, where the catalogue gives no
// limits. Between the lengths of the table they are interpolated, outside it
// they are in proportion to the length.
func RainLimits(interval time.Duration) (suspect, wall float64) {
	m := interval.Minutes()
	a := rainTable[0]
	if m <= a.minutes {
		return a.suspect * m / a.minutes, a.wall * m / a.minutes
	}
	for _, b := range rainTable[1:] {
		if m <= b.minutes {
			w := (m - a.minutes) / (b.minutes - a.minutes)
			return a.suspect + w*(b.suspect-a.suspect), a.wall + w*(b.wall-a.wall)
		}
		a = b
	}
	return a.suspect * m / a.minutes, a.wall * m / a.minutes
}

// hasStep reports whether the step test applies. Rain comes and goes at once,
// a pan stands still in rain, and a gate is moved by hand.
func (l *limits) hasStep() bool {
	switch l.p.Variable {
	case hydro.Rain, hydro.RainCounter, hydro.GateOpening, hydro.PanEvaporation:
		return false
	default:
		lim := &l.p.Limits
		return lim.StepSuspect > 0 || lim.StepFail > 0 || lim.DownSuspect > 0 || lim.DownFail > 0
	}
}

// stepVerdict compares samples[i] with its reference. After a
// true jump (a gate opened, a gauge mended) the samples on the new level are
// condemned at first; when settle of them agree with each other, the next that
// agrees too is believed.
func (l *limits) stepVerdict(samples []hydro.Sample, i int) hydro.Quality {
	a := reference(samples, i)
	if a < 0 {
		return hydro.NotEvaluated
	}
	v := l.step(&samples[a], &samples[i])
	if v == hydro.Pass || i < settle {
		return v
	}
	for k := i - settle; k < i; k++ {
		if samples[k].Tests&hydro.TestStep == 0 || l.rangeVerdict(&samples[k]) == hydro.Fail ||
			l.step(&samples[k], &samples[k+1]) != hydro.Pass {
			return v
		}
	}
	return hydro.Pass
}

// step judges the change from a to b, a being earlier. A change within less
// than StepPer is held against the limit for StepPer, so that fast sampling
// does not turn noise into a rate.
func (l *limits) step(a, b *hydro.Sample) hydro.Quality {
	change := math.Abs(b.Value - a.Value)
	n := l.periods(a, b)
	switch suspect, fail := l.stepLimits(a, b); {
	case fail > 0 && change > fail*n:
		return hydro.Fail
	case suspect > 0 && change > suspect*n:
		return hydro.Suspect
	}
	return hydro.Pass
}

// stepLimits returns the limits of a change from a to b: of a rise or a fall.
func (l *limits) stepLimits(a, b *hydro.Sample) (suspect, fail float64) {
	if b.Value < a.Value {
		return l.p.Limits.Down()
	}
	return l.p.Limits.StepSuspect, l.p.Limits.StepFail
}

// periods returns the time from a to b in units of StepPer, at least 1.
func (l *limits) periods(a, b *hydro.Sample) float64 {
	per := l.p.Limits.StepPer
	if per <= 0 {
		per = 5 * time.Minute
	}
	return max(1, float64(b.At-a.At)/float64(per.Milliseconds()))
}

// spikes marks the samples that samples[i] shows to have been a spike: one or
// two that the step test caught, between two usable samples that they stand off
// from on one side. It returns the index of the first, or i.
func (l *limits) spikes(samples []hydro.Sample, i int) int {
	if !l.hasStep() || !samples[i].Own.Usable() {
		return i
	}
	a := usableBefore(samples, i)
	if a < 0 || a == i-1 || a < i-1-spikeSamples {
		return i
	}
	first := i
	back := samples[i].Value - samples[a].Value
	for k := a + 1; k < i; k++ {
		samples[k].Ran |= hydro.TestSpike
	}
	for k := i - 1; k > a; k-- {
		s := &samples[k]
		off := s.Value - samples[a].Value
		// On the far side of both, and nearer to neither: not a fast rise on its way.
		if s.Tests&hydro.TestStep != 0 && off*(s.Value-samples[i].Value) > 0 && 2*math.Abs(back) < math.Abs(off) {
			s.Own, s.Tests = hydro.Fail, s.Tests|hydro.TestSpike
			s.Ran, s.Failed = s.Ran|hydro.TestSpike, s.Failed|hydro.TestSpike
			s.Quality = overall(l.p.Variable, s)
			first = k
		} else if first != i {
			return first
		}
	}
	return first
}

// stillFor returns for how long, in ms, the series may stand still at s; 0 for
// ever.
func (l *limits) stillFor(s *hydro.Sample) int64 {
	switch l.p.Variable {
	case hydro.WaterLevel, hydro.Discharge:
		if lim := &l.p.Limits; lim.HasStuckAbove && s.Value <= lim.StuckAbove {
			return 0 // low flow stands still
		}
		return l.stuckAfter
	case hydro.Rain:
		after := l.stuckAfter
		if after == 0 {
			after = RainStuckAfter.Milliseconds()
		}
		if s.Value <= drizzle {
			after *= drizzlePatience
		}
		return after
	default:
		return 0 // reservoirs, gates and counters may stand for days
	}
}

// reach returns how far back, in ms, the test for standing still looks at most:
// over its time, and where it finds only outliers there, as far again.
func (l *limits) reach() int64 {
	if l.p.Variable != hydro.Rain {
		return 2 * l.stuckAfter
	}
	return 2 * l.stillFor(&hydro.Sample{})
}

// still reports whether samples[i] and all before it, back over the time after
// (ms), lie within delta of each other; for rain, whether they are one value
// and not 0. It asks for enough samples and for a history that reaches back.
// Outliers are left out: a gauge that stands still but for its spikes is stuck.
// Where the history ends before that can be told, known is false.
func still(samples []hydro.Sample, i int, after int64, delta float64, rain bool) (stuck, known bool) {
	s := &samples[i]
	need := stuckSamples
	if rain {
		if s.Value == 0 {
			return false, true
		}
		delta, need = 0, rainStuckSamples
	}
	since := s.At - after
	agree := 0
	for k := i - 1; k >= 0; k-- {
		b := &samples[k]
		if math.Abs(b.Value-s.Value) > delta || rain && b.Interval != s.Interval {
			if !outlier(b) || b.At <= since-after {
				return false, true
			}
			continue
		}
		agree++
		if b.At <= since && agree >= need { // hourly reports need more than the time
			return true, true
		}
	}
	return false, false
}

// outlier reports whether s is too far off to show that the gauge moves: it
// jumped or failed. A value that is merely unusual, as at the crest of a flood,
// is none. Marking a spike does not change it.
func outlier(s *hydro.Sample) bool { return s.Tests&hydro.TestStep != 0 || s.Own == hydro.Fail }

// reference returns the nearest sample before i that a step is measured from, or
// -1: a usable one, or one that is suspect only because the gauge is stuck. If
// stuck samples did not count, the time since the last usable one would grow
// until any spike passed for a slow change.
func reference(samples []hydro.Sample, i int) int {
	const others = hydro.TestStep | hydro.TestRange
	for k := i - 1; k >= 0; k-- {
		if s := &samples[k]; s.Own.Usable() || s.Own == hydro.Suspect && s.Tests&hydro.TestStuck != 0 && s.Tests&others == 0 {
			return k
		}
	}
	return -1
}

func usableBefore(samples []hydro.Sample, i int) int {
	for k := i - 1; k >= 0; k-- {
		if samples[k].Own.Usable() {
			return k
		}
	}
	return -1
}
