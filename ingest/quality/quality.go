// Package quality judges readings: it says which of them forecasts and stages
// may use, which test spoke against the others, and on what numbers.
//
// It is pure. [Check] is a function of the parameter's limits, the series'
// history and the reading; the raw value is never changed and nothing is ever
// dropped. The verdicts of a series do not depend on the order in which its
// readings arrived (only the notes "late" and "revision" do), and never on
// other series: a reading that arrives out of order is judged by what stood
// before its instant, and the verdicts behind it that it changes are given out
// again.
//
// The tests are those of the WMO chain for automatic stations: plausible value,
// plausible rate of change, spike, minimum required change; the numbers used
// where a catalogue gives none are for rain and tides only and stand beside
// [RainLimits] and [TideStuckAfter].
package quality

import (
	"math"
	"slices"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const (
	// settle is how many consistent samples in a row must stand on a new level
	// until the next one is believed although it is far from the last usable one.
	settle = 3
	// spikeSamples is within how many samples a spike comes back.
	spikeSamples = 2
	// stuckSamples is how many earlier samples must show no movement, so that a
	// long gap alone does not make a value stuck.
	stuckSamples = 3
	// rainStuckSamples is the same for one non-zero rain value.
	rainStuckSamples = 6
	// drizzle is up to how many mm per report a repeated value is given
	// drizzlePatience times the limit; one recorded gauge reported 0.2 mm each
	// quarter of an hour for 5.75 h.
	drizzle         = 0.2
	drizzlePatience = 4
	// lateIntervals and lateAtLeast say when a reading counts as late.
	lateIntervals = 3
	lateAtLeast   = 15 * time.Minute

	notes = hydro.NoteTrace | hydro.NoteDatumConverted
)

const (
	// RainStuckAfter is for how long one non-zero rain value may repeat where
	// the catalogue gives no limit. A value of at most 0.2 mm, one tip of a common
	// gauge, may repeat four times as long: drizzle does.
	RainStuckAfter = 3 * time.Hour
	// TideStuckAfter is for how long a tidal level may stand still where the
	// catalogue gives no limit.
	TideStuckAfter = 2 * time.Hour
)

// Check judges r, stores it in h and appends the resulting observation to out,
// and behind it every other observation of the series whose verdict r changed
// (a spike that is known for one only when the level has come back; a gap that
// a late reading filled), with its revision as it was.
//
// A reading of an instant, raw value, value and interval that h already holds
// changes nothing and appends nothing. Another one for the same instant is a
// revision: the newer one counts, its Revision is one higher. Equal raw values
// on different datums are different values.
//
// Gateways resend old frames after a broken link, so a reading with the value
// that the latest revision replaced changes nothing either, unless what replaced
// it failed. One replaced value is remembered for each instant: where an instant
// has had three values, a resend of the first makes it the newest, and a
// correction back to the value before is not seen as one. Derived readings are
// exempt: they are worked out anew, not resent.
//
// A reading that is sent again because the archive's copy differs
// ([hydro.Reading.Again]) is always appended, and is no old frame: who sends it
// has compared.
//
// p must be the parameter of r's series and r must have passed
// [hydro.Reading.Check]. Instants are kept to the millisecond.
func Check(p *catalog.Parameter, kind catalog.Kind, h *hydro.History, r hydro.Reading, received time.Time, out []hydro.Observation) []hydro.Observation {
	l := limits{p: p, stuckAfter: p.Limits.StuckAfter.Milliseconds()}
	if l.stuckAfter == 0 && kind == catalog.TideStation && p.Variable == hydro.WaterLevel {
		l.stuckAfter = TideStuckAfter.Milliseconds()
	}
	s := hydro.Sample{
		At: r.At.UnixMilli(), Received: received.UnixMilli(),
		Value: r.Value, Raw: r.Raw,
		Interval: int32(r.Interval / time.Second),
		Tests:    r.Notes & notes,
	}
	if r.Derived {
		s.Tests |= r.Notes & hydro.TestCounterReset
	}
	i, found := h.Find(s.At)
	if i == len(h.Samples) { // in order: nearly every call
		h.Samples = append(h.Samples, s)
		l.judge(h.Samples, i)
		out = l.append(out, h.Samples, i, r)
		if i > 0 && !h.Samples[i-1].Quality.Usable() {
			for k := l.spikes(h.Samples, i); k < i; k++ {
				out = l.append(out, h.Samples, k, r)
			}
		}
		return out
	}
	if found {
		old := &h.Samples[i]
		if old.Raw == s.Raw && old.Value == s.Value && old.Interval == s.Interval && (old.Tests^s.Tests)&l.kept()&^notes == 0 {
			if r.Again {
				out = l.append(out, h.Samples, i, r)
			}
			return out
		}
		if !r.Derived && !r.Again && old.Revision > 0 && old.Superseded == s.Value && old.Quality != hydro.Fail {
			return out
		}
		s.Revision, s.Superseded = old.Revision+1, old.Value
		*old = s
	} else {
		h.Samples = slices.Insert(h.Samples, i, s)
	}
	return l.again(h.Samples, i, r, out)
}

// again judges anew what a change at i can reach and appends sample i and every
// other one whose verdict changed.
func (l *limits) again(samples []hydro.Sample, i int, r hydro.Reading, out []hydro.Observation) []hydro.Observation {
	type verdict struct {
		quality hydro.Quality
		tests   hydro.Tests
	}
	first := max(0, i-spikeSamples) // these may become, or cease to be, spikes
	var old []verdict
	same := 0
	moved := i // the last sample that is new, or has become an outlier or ceased to be one
	for j := first; j < len(samples); j++ {
		s := &samples[j]
		was, wasOutlier := verdict{s.Quality, s.Tests}, outlier(s)
		old = append(old, was)
		l.judge(samples, j)
		l.spikes(samples, j)
		if j <= i {
			continue
		}
		if outlier(s) != wasOutlier {
			moved = j
		}
		// A verdict looks back at the latest usable sample and what stands behind
		// it, at settle samples of any verdict, and to the first sample that is older
		// by reach. Where none of these can have changed, nothing further changes.
		if s.Quality == was.quality && s.Tests == was.tests {
			same++
		} else {
			same = 0
		}
		if same > settle && s.Quality.Usable() && s.At-samples[moved+1].At >= l.reach() {
			break
		}
	}
	out = l.append(out, samples, i, r)
	for k, was := range old {
		j := first + k
		if s := &samples[j]; j != i && (s.Quality != was.quality || s.Tests != was.tests) {
			out = l.append(out, samples, j, r)
		}
	}
	return out
}

// limits are the tests of one parameter.
type limits struct {
	p          *catalog.Parameter
	stuckAfter int64 // ms; 0: off, except for rain
}

// kept returns the tests and notes that a sample came with, which judging anew
// keeps. Rain that follows from a counter says so when the counter was reset.
func (l *limits) kept() hydro.Tests {
	if l.p.Variable == hydro.Rain {
		return notes | hydro.TestCounterReset
	}
	return notes
}

// judge sets the verdict of samples[i] from the samples before it. It reads of
// those their values, whether they are usable, outliers or merely stuck, and
// TestStep: nothing that spikes changes, so that judging anew from any place on
// gives what judging from the start would.
func (l *limits) judge(samples []hydro.Sample, i int) {
	s := &samples[i]
	q, t := hydro.NotEvaluated, s.Tests&l.kept()
	rain := l.p.Variable == hydro.Rain
	switch v := l.rangeVerdict(s); v {
	case hydro.Suspect, hydro.Fail:
		q, t = v, t|hydro.TestRange
	case hydro.Pass:
		q = v
	case hydro.NotEvaluated:
	}
	if rain && t&hydro.TestCounterReset != 0 {
		q = hydro.Fail
	}
	if i > 0 {
		prev := &samples[i-1]
		if l.p.Interval > 0 && 2*(s.At-prev.At) > 3*l.p.Interval.Milliseconds() {
			t |= hydro.TestGap
		}
		if l.p.Variable == hydro.RainCounter && l.reset(samples, i) {
			t |= hydro.TestCounterReset
		}
		if l.hasStep() {
			v := l.stepVerdict(samples, i)
			if v >= hydro.Suspect {
				t |= hydro.TestStep
			}
			q = max(q, v)
		}
		if after := l.stillFor(s); after > 0 {
			if still(samples, i, after, l.p.Limits.StuckDelta, rain) {
				q, t = max(q, hydro.Suspect), t|hydro.TestStuck
			} else {
				q = max(q, hydro.Pass)
			}
		}
	}
	if s.Revision > 0 {
		t |= hydro.TestRevision
	}
	if s.Received-s.At > max(lateIntervals*l.p.Interval, lateAtLeast).Milliseconds() {
		t |= hydro.TestLate
	}
	s.Quality, s.Tests = q, t
}

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
// for reports of the parameter's own interval, and makes rain above it suspect:
// only the wall fails, because extreme rain is never dropped on one test.
func (l *limits) rainLimits(s *hydro.Sample) (suspect, wall float64) {
	d := time.Duration(s.Interval) * time.Second
	suspect, wall = RainLimits(d)
	if lim := &l.p.Limits; lim.HasRange && (l.p.Interval == 0 || d == l.p.Interval) {
		suspect = lim.High
		if lim.SuspectHigh > lim.SuspectLow {
			suspect = min(suspect, lim.SuspectHigh)
		}
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
		return l.p.Limits.StepSuspect > 0 || l.p.Limits.StepFail > 0
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
	switch lim := &l.p.Limits; {
	case lim.StepFail > 0 && change > lim.StepFail*n:
		return hydro.Fail
	case lim.StepSuspect > 0 && change > lim.StepSuspect*n:
		return hydro.Suspect
	}
	return hydro.Pass
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
	if !l.hasStep() || !samples[i].Quality.Usable() {
		return i
	}
	a := usableBefore(samples, i)
	if a < 0 || a == i-1 || a < i-1-spikeSamples {
		return i
	}
	first := i
	back := samples[i].Value - samples[a].Value
	for k := i - 1; k > a; k-- {
		s := &samples[k]
		off := s.Value - samples[a].Value
		// On the far side of both, and nearer to neither: not a fast rise on its way.
		if s.Tests&hydro.TestStep != 0 && off*(s.Value-samples[i].Value) > 0 && 2*math.Abs(back) < math.Abs(off) {
			s.Quality, s.Tests = hydro.Fail, s.Tests|hydro.TestSpike
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
func (l *limits) reach() int64 { return 2 * l.stillFor(&hydro.Sample{}) }

// still reports whether samples[i] and all before it, back over the time after
// (ms), lie within delta of each other; for rain, whether they are one value
// and not 0. It asks for enough samples and for a history that reaches back.
// Outliers are left out: a gauge that stands still but for its spikes is stuck.
func still(samples []hydro.Sample, i int, after int64, delta float64, rain bool) bool {
	s := &samples[i]
	need := stuckSamples
	if rain {
		if s.Value == 0 {
			return false
		}
		delta, need = 0, rainStuckSamples
	}
	since := s.At - after
	agree := 0
	for k := i - 1; k >= 0; k-- {
		b := &samples[k]
		if math.Abs(b.Value-s.Value) > delta || rain && b.Interval != s.Interval {
			if !outlier(b) || b.At <= since-after {
				return false
			}
			continue
		}
		agree++
		if b.At <= since {
			return agree >= need
		}
	}
	return false
}

// outlier reports whether s is too far off to show that the gauge moves: it
// jumped or failed. A value that is merely unusual, as at the crest of a flood,
// is none. Marking a spike does not change it.
func outlier(s *hydro.Sample) bool { return s.Tests&hydro.TestStep != 0 || s.Quality == hydro.Fail }

// reset reports whether the counter went down since the latest earlier sample
// that did not fail.
func (l *limits) reset(samples []hydro.Sample, i int) bool {
	for k := i - 1; k >= 0; k-- {
		if samples[k].Quality != hydro.Fail {
			return samples[i].Value < samples[k].Value
		}
	}
	return false
}

// reference returns the nearest sample before i that a step is measured from, or
// -1: a usable one, or one that is suspect only because the gauge is stuck. If
// stuck samples did not count, the time since the last usable one would grow
// until any spike passed for a slow change.
func reference(samples []hydro.Sample, i int) int {
	const others = hydro.TestStep | hydro.TestRange
	for k := i - 1; k >= 0; k-- {
		if s := &samples[k]; s.Quality.Usable() || s.Quality == hydro.Suspect && s.Tests&hydro.TestStuck != 0 && s.Tests&others == 0 {
			return k
		}
	}
	return -1
}

func usableBefore(samples []hydro.Sample, i int) int {
	for k := i - 1; k >= 0; k-- {
		if samples[k].Quality.Usable() {
			return k
		}
	}
	return -1
}

// append appends samples[i] as an observation of r's series.
func (l *limits) append(out []hydro.Observation, samples []hydro.Sample, i int, r hydro.Reading) []hydro.Observation {
	s := &samples[i]
	why := ""
	if s.Tests&^notes != 0 {
		why = l.why(samples, i)
	}
	out = append(out, hydro.Observation{})
	o := &out[len(out)-1]
	o.Key = r.Key
	o.At = s.Time()
	o.Interval = time.Duration(s.Interval) * time.Second
	o.Raw, o.Value = s.Raw, s.Value
	o.Datum = r.Datum
	o.Notes = s.Tests & notes
	o.Quality, o.Tests, o.Why = s.Quality, s.Tests, why
	o.Revision = s.Revision
	o.ReceivedAt = time.UnixMilli(s.Received).UTC()
	return out
}

// Differences appends to out the rain that the samples of a rain counter from
// the instant at on give, as far as the sample at that instant has a part in it:
// over the interval that ends there, over the one that begins there, and over
// those that failed samples between end. Given for every instant whose sample
// came or changed, the readings in their turn replace what was derived before,
// and what stands in the end does not depend on the order of arrival.
//
// Failed samples do not count. A counter that went down was reset: how much fell
// meanwhile is not known. For such an interval, for one that a failed sample
// ends, and for one with nothing but failed samples before it, the reading is 0 mm
// with TestCounterReset among its notes; [Check] fails it, so that it takes the
// place of rain derived earlier and neither adds to a sum nor covers time.
//
// The readings are Derived and have the sensor number 0; a caller with several
// counters at a station sets it.
func Differences(station string, h *hydro.History, at time.Time, out []hydro.Reading) []hydro.Reading {
	i, found := h.Find(at.UnixMilli())
	if !found {
		return out
	}
	next := -1 // the first that counts behind i: what is further off begins there or later
	for k := i; k < len(h.Samples); k++ {
		s := &h.Samples[k]
		if next >= 0 && s.At-h.Samples[next].At >= shortest {
			break
		}
		out = difference(station, h.Samples, k, out)
		if k > i && next < 0 && s.Quality != hydro.Fail {
			next = k
		}
	}
	return out
}

// shortest is the shortest interval of derived rain, ms. Samples closer together
// are not subtracted from each other but from one further back.
const shortest = 1000

// difference appends the rain of the interval that samples[k] ends, if an earlier
// sample begins it.
func difference(station string, samples []hydro.Sample, k int, out []hydro.Reading) []hydro.Reading {
	b := &samples[k]
	r := hydro.Reading{
		Key: hydro.Key{Station: station, Variable: hydro.Rain}, At: b.Time(),
		Notes: hydro.TestCounterReset, Derived: true,
	}
	for j := k - 1; j >= 0; j-- {
		a := &samples[j]
		if b.At-a.At < shortest {
			continue
		}
		counted := b.Quality != hydro.Fail && a.Quality != hydro.Fail
		if counted || r.Interval == 0 {
			r.Interval = time.Duration(b.At-a.At) * time.Millisecond
		}
		if counted && b.Value >= a.Value {
			r.Notes = 0
			r.Raw = math.Round((b.Value-a.Value)*1e6) / 1e6 // counters have at most 0.01 mm: drop the noise of the subtraction
			r.Value = r.Raw
		}
		if counted || b.Quality == hydro.Fail {
			break
		}
	}
	if r.Interval == 0 {
		return out
	}
	return append(out, r)
}
