// Package quality judges readings: it says which of them forecasts and stages
// may use, which test spoke against the others, and on what numbers.
//
// It is pure. [Check] is a function of the parameter's limits, the series'
// history and the reading; the raw value is never changed and nothing is ever
// dropped. What a series' own tests say does not depend on the order in which its
// readings arrived (only the notes "late", "clock" and "revision" do), and never
// on other series: a reading that arrives out of order is judged by what stood
// before its instant, and the verdicts behind it that it changes are given out
// again.
//
// A [Network] holds the tests that compare series with each other: rain gauges
// with their neighbours, sensors of one site, storage with its level, a level
// with the rain above it. [Network.Judge] is a function of the histories alone,
// called when time moves and not when readings arrive, so that the order in which
// they came cannot show; when a late neighbour changes a verdict, it is given out
// again.
//
// A sample's Own is what its series says; its Quality is the overall verdict. The
// tests of a series read Own, so that no other series has a part in them.
//
// The tests are those of the WMO chain for automatic stations: plausible value,
// plausible rate of change, spike, minimum required change, consistency within
// the station and between stations; docs/models/quality.md has the numbers used
// where a catalogue gives none, and their sources.
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

	// clockSamples is how many reports in a row must be off for a clock to be.
	clockSamples = 6
	// clockAhead and clockBehind are the least that counts as off.
	clockAhead  = time.Minute
	clockBehind = 5 * time.Minute

	notes = hydro.NoteTrace | hydro.NoteDatumConverted
	// cross are the verdicts that a Network gives, and doubts those of them that
	// speak against a value.
	cross = hydro.TestNeighbour | hydro.TestBlocked | hydro.TestSite | hydro.TestStorageCurve | hydro.TestRainLevel |
		hydro.TestDayTotal | hydro.NoteMaintenance | hydro.NoteRainLevel
	doubts = cross &^ hydro.Notes
)

const (
	// RainStuckAfter is for how long one non-zero rain value may repeat where
	// the catalogue gives no limit. A value of at most 0.2 mm, one tip of a common
	// gauge, may repeat four times as long: drizzle does.
	RainStuckAfter = 3 * time.Hour
	// TideStuckAfter is for how long a tidal level may stand still where the
	// catalogue gives no limit.
	TideStuckAfter = 2 * time.Hour
	// ReservoirStuckAfter is the same for a reservoir, which may stand still for
	// days. Other levels have no limit of their own: a river in low flow is still.
	ReservoirStuckAfter = 72 * time.Hour
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
// p must be the parameter of r's series and r must have passed
// [hydro.Reading.Check]. Instants are kept to the millisecond.
func Check(p *catalog.Parameter, kind catalog.Kind, h *hydro.History, r hydro.Reading, received time.Time, out []hydro.Observation) []hydro.Observation {
	l := limitsOf(p, kind)
	s := hydro.Sample{
		At: r.At.UnixMilli(), Received: received.UnixMilli(),
		Value: r.Value, Raw: r.Raw,
		Interval: int32(r.Interval / time.Second),
		Tests:    r.Notes & notes,
	}
	if r.Derived {
		s.Tests |= r.Notes & hydro.TestCounterReset
	}
	if len(p.Maintenance) > 0 {
		if _, ok := catalog.Maintained(p.Maintenance, s.At); ok {
			s.Tests |= hydro.NoteMaintenance
		}
	}
	i, found := h.Find(s.At)
	if i == len(h.Samples) { // in order: nearly every call
		h.Samples = append(h.Samples, s)
		l.judge(h.Samples, i)
		out = l.append(out, h.Samples, i, r)
		if i > 0 && !h.Samples[i-1].Own.Usable() {
			for k := l.spikes(h.Samples, i); k < i; k++ {
				out = l.append(out, h.Samples, k, r)
			}
		}
		return out
	}
	if found {
		old := &h.Samples[i]
		if old.Raw == s.Raw && old.Value == s.Value && old.Interval == s.Interval && (old.Tests^s.Tests)&l.came() == 0 {
			return out
		}
		if !r.Derived && old.Revision > 0 && old.Superseded == s.Value && old.Own != hydro.Fail {
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
		was, ran, wasOutlier := verdict{s.Quality, s.Tests}, s.Ran, outlier(s)
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
		// it, at settle and clockSamples samples of any verdict, and to the first
		// sample that is older by reach. Where none of these can have changed, nothing
		// further changes.
		if s.Quality == was.quality && s.Tests == was.tests && s.Ran == ran {
			same++
		} else {
			same = 0
		}
		if same > max(settle, clockSamples) && s.Own.Usable() && s.At-samples[moved+1].At >= l.reach() {
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

func limitsOf(p *catalog.Parameter, kind catalog.Kind) limits {
	l := limits{p: p, stuckAfter: p.Limits.StuckAfter.Milliseconds()}
	if l.stuckAfter == 0 && p.Variable == hydro.WaterLevel {
		switch kind {
		case catalog.TideStation:
			l.stuckAfter = TideStuckAfter.Milliseconds()
		case catalog.ReservoirStation:
			l.stuckAfter = ReservoirStuckAfter.Milliseconds()
		default:
		}
	}
	return l
}

// kept returns the tests and notes that a sample came with, which judging anew
// keeps. Rain that follows from a counter says so when the counter was reset.
func (l *limits) kept() hydro.Tests {
	return notes | cross | l.came()
}

// came is what of a sample's tests makes it another reading.
func (l *limits) came() hydro.Tests {
	if l.p.Variable == hydro.Rain {
		return hydro.TestCounterReset
	}
	return 0
}

// judge sets the verdict of samples[i] from the samples before it. It reads of
// those their values, whether they are usable by their own series, outliers or
// merely stuck, and TestStep: nothing that spikes changes, so that judging anew from any place on
// gives what judging from the start would.
func (l *limits) judge(samples []hydro.Sample, i int) {
	s := &samples[i]
	q, t := hydro.NotEvaluated, s.Tests&l.kept()
	ran, failed := s.Ran&cross|hydro.TestLate, hydro.Tests(0)
	rain := l.p.Variable == hydro.Rain
	switch v := l.rangeVerdict(s); v {
	case hydro.Suspect, hydro.Fail:
		q, t, ran = v, t|hydro.TestRange, ran|hydro.TestRange
		if v == hydro.Fail {
			failed |= hydro.TestRange
		}
	case hydro.Pass:
		q, ran = v, ran|hydro.TestRange
	case hydro.NotEvaluated:
	}
	if rain && t&hydro.TestCounterReset != 0 {
		q, failed = hydro.Fail, failed|hydro.TestCounterReset
	}
	if i > 0 {
		prev := &samples[i-1]
		if l.p.Interval > 0 {
			ran |= hydro.TestGap
			if 2*(s.At-prev.At) > 3*l.p.Interval.Milliseconds() {
				t |= hydro.TestGap
			}
		}
		if l.p.Variable == hydro.RainCounter {
			ran |= hydro.TestCounterReset
			if l.reset(samples, i) {
				t |= hydro.TestCounterReset
			}
		}
		if l.hasStep() {
			v := l.stepVerdict(samples, i)
			switch {
			case v == hydro.Pass: // so it cannot turn out to be a spike
				ran |= hydro.TestStep | hydro.TestSpike
			case v >= hydro.Suspect:
				t, ran = t|hydro.TestStep, ran|hydro.TestStep
				if v == hydro.Fail {
					failed |= hydro.TestStep
				}
			}
			q = max(q, v)
		}
		if after := l.stillFor(s); after > 0 {
			stuck, known := still(samples, i, after, l.p.Limits.StuckDelta, rain)
			if known {
				ran |= hydro.TestStuck
			}
			if stuck {
				q, t = max(q, hydro.Suspect), t|hydro.TestStuck
			} else {
				q = max(q, hydro.Pass)
			}
		}
		if i+1 >= clockSamples {
			if d := s.Received - s.At; d < -clockAhead.Milliseconds() || d > l.clockBehind() {
				if _, off := l.clock(samples, i); off {
					t |= hydro.NoteClock
				}
			}
		}
	}
	if s.Revision > 0 {
		t |= hydro.TestRevision
	}
	if s.Received-s.At > max(lateIntervals*l.p.Interval, lateAtLeast).Milliseconds() {
		t |= hydro.TestLate
	}
	s.Own, s.Tests, s.Ran, s.Failed = q, t, ran, failed
	s.Quality = overall(l.p.Variable, s)
}

// overall returns the verdict of all tests on s: what its own series says, and
// worse where other series speak against it. Rain fails by two independent tests
// where one of them compares gauges: no single one but the wall fails extreme
// rain.
func overall(v hydro.Variable, s *hydro.Sample) hydro.Quality {
	if s.Tests&doubts == 0 {
		if s.Own == hydro.NotEvaluated && s.Ran&cross != 0 {
			return hydro.Pass
		}
		return s.Own
	}
	q := max(s.Own, hydro.Suspect)
	if v == hydro.Rain && q == hydro.Suspect {
		n := 0
		for _, kind := range independent {
			if s.Tests&kind != 0 {
				n++
			}
		}
		if n >= 2 {
			return hydro.Fail
		}
	}
	return q
}

// independent are the tests of rain by what they compare it with: what has ever
// been seen, what came before, the gauges around, the gauge beside.
var independent = [...]hydro.Tests{
	hydro.TestRange | hydro.TestDayTotal, hydro.TestStuck, hydro.TestNeighbour | hydro.TestBlocked, hydro.TestSite,
}

// clockBehind is by how many ms all reports must be late for the clock to be
// off: an interval is what a store-and-forward link may keep them.
func (l *limits) clockBehind() int64 { return max(l.p.Interval, clockBehind).Milliseconds() }

// clock reports whether samples[i] and the clockSamples-1 before it all arrived
// before their instants, or all longer after them than reports take, by nearly
// the same time: a backlog is late, too, but by less and less. It returns by how
// many ms the clock is ahead, negative if it is behind; a delay of the link
// cannot be told from a clock that is behind.
func (l *limits) clock(samples []hydro.Sample, i int) (ahead int64, off bool) {
	lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
	for k := i + 1 - clockSamples; k <= i; k++ {
		d := samples[k].Received - samples[k].At
		lo, hi = min(lo, d), max(hi, d)
	}
	near := max(l.p.Interval/2, clockAhead).Milliseconds()
	return -(lo + hi) / 2, hi-lo <= near && (hi < -clockAhead.Milliseconds() || lo > l.clockBehind())
}

// append appends samples[i] as an observation of r's series.
func (l *limits) append(out []hydro.Observation, samples []hydro.Sample, i int, r hydro.Reading) []hydro.Observation {
	why := ""
	if samples[i].Tests&^notes != 0 {
		why = l.why(samples, i, "")
	}
	return observe(out, r.Key, r.Datum, &samples[i], why)
}

// observe appends s as an observation.
func observe(out []hydro.Observation, k hydro.Key, datum hydro.Datum, s *hydro.Sample, why string) []hydro.Observation {
	out = append(out, hydro.Observation{})
	o := &out[len(out)-1]
	o.Key = k
	o.At = s.Time()
	o.Interval = time.Duration(s.Interval) * time.Second
	o.Raw, o.Value = s.Raw, s.Value
	o.Datum = datum
	o.Notes = s.Tests & notes
	o.Quality, o.Tests, o.Ran, o.Failed, o.Why = s.Quality, s.Tests, s.Ran, s.Failed, why
	o.Revision = s.Revision
	o.ReceivedAt = time.UnixMilli(s.Received).UTC()
	return out
}
