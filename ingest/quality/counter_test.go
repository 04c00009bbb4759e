package quality_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/ingest/quality"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func TestACounterThatGoesDownWasResetAndIsNotRain(t *testing.T) {
	p := &catalog.Parameter{Variable: hydro.RainCounter, Interval: 5 * time.Minute}
	s := newSeries(t, p)
	var rains []hydro.Observation
	rainSeries := newSeries(t, rain())
	for i, v := range []float64{100, 100.2, 101.5, 0.5, 0.7} {
		got := s.put(5*i, v)
		if reset := got[0].Tests&hydro.TestCounterReset != 0; reset != (i == 3) {
			t.Errorf("sample %d: %+v", i, got[0])
		}
		for _, r := range quality.Differences("a", s.p, time.UTC, &s.h, got[0].At, nil) {
			for _, o := range rainSeries.reading(r, r.At) {
				o.Ran &^= hydro.TestStuck // known of no rain, not yet of some
				if i == 1 {
					o.Ran |= hydro.TestGap // nothing stands before it
				}
				rains = append(rains, o)
			}
		}
	}
	at := func(i int, mm float64) hydro.Observation {
		at := t0.Add(time.Duration(i) * 5 * time.Minute)
		return hydro.Observation{
			Reading: hydro.Reading{Key: rainKey, At: at, Interval: 5 * time.Minute, Raw: mm, Value: mm},
			Quality: hydro.Pass, Ran: hydro.TestRange | hydro.TestGap | hydro.TestLate, ReceivedAt: at,
		}
	}
	reset := at(3, 0)
	reset.Quality, reset.Tests, reset.Failed = hydro.Fail, hydro.TestCounterReset, hydro.TestCounterReset
	reset.Why = "counter_reset: the counter was reset or failed; what fell in 5m is not known"
	if d := cmp.Diff([]hydro.Observation{at(1, 0.2), at(2, 1.3), reset, at(4, 0.2)}, rains); d != "" {
		t.Error(d)
	}
}

type counter struct {
	p     *catalog.Parameter
	h     hydro.History
	rain  hydro.History
	given []hydro.Observation // rain
	zone  *time.Location
}

func newCounter() *counter {
	return &counter{zone: time.UTC, p: &catalog.Parameter{
		Variable: hydro.RainCounter, Interval: 5 * time.Minute, Limits: catalog.Limits{HasRange: true, High: 1000},
	}}
}

func (c *counter) put(at time.Time, v float64) {
	quality.Check(c.p, catalog.RainStation, &c.h, reading(c.p, at, v), at, nil)
	for _, r := range quality.Differences("a", c.p, c.zone, &c.h, at, nil) {
		c.given = quality.Check(rain(), catalog.RainStation, &c.rain, r, at, c.given)
	}
}

func (c *counter) minutes(values ...float64) {
	for i, v := range values {
		c.put(t0.Add(time.Duration(5*i)*time.Minute), v)
	}
}

func (c *counter) stands() string {
	var out []string
	for _, s := range c.rain.Samples {
		mm := strconv.FormatFloat(s.Value, 'g', -1, 64)
		if s.Quality == hydro.Fail {
			mm = "-"
		}
		out = append(out, strconv.Itoa(int(s.Time().Sub(t0)/time.Minute))+"/"+strconv.Itoa(int(s.Interval/60))+":"+mm)
	}
	return strings.Join(out, " ")
}

func TestRainDerivedBeforeIsReplacedWhenTheCounterIsRevised(t *testing.T) {
	for _, c := range []struct {
		name, want string
		at         int
		values     []float64
	}{
		{"to another value", "5/5:2 10/5:3 15/5:1", 5, []float64{12}},
		{"so that an interval becomes a reset", "5/5:- 10/5:7 15/5:1", 5, []float64{8}},
		{"so that the interval behind becomes a reset", "5/5:9 10/5:- 15/5:1", 5, []float64{19}},
		{"to a value that fails", "5/5:- 10/10:5 15/5:1", 5, []float64{5000}},
		{"to a value that fails, at the start", "5/5:- 10/5:4 15/5:1", 0, []float64{5000}},
		{"to a reset and back", "5/5:2 10/5:3 15/5:1", 5, []float64{8, 12}},
		{"to fail and back", "5/5:1 10/5:4 15/5:1", 5, []float64{5000, 11}},
	} {
		s := newCounter()
		s.minutes(10, 11, 15, 16)
		for _, v := range c.values {
			s.put(t0.Add(time.Duration(c.at)*time.Minute), v)
		}
		if got := s.stands(); got != c.want {
			t.Errorf("revised %s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestDerivedRainMayReturnToTheValueThatItHadBefore(t *testing.T) {
	s := newCounter()
	s.minutes(0, 10, 15)
	s.put(t0.Add(10*time.Minute), 16)
	s.put(t0.Add(5*time.Minute), 11)
	if got := s.stands(); got != "5/5:11 10/5:5" {
		t.Error(got)
	}
}

func TestNoRainAndAnIntervalOfAResetAreNotTheSame(t *testing.T) {
	s := newCounter()
	s.minutes(10, 10)
	s.put(t0.Add(5*time.Minute), 8)
	if got := s.stands(); got != "5/5:-" {
		t.Error(got)
	}
}

func TestALateCounterSampleShortensTheIntervalBehindIt(t *testing.T) {
	s := newCounter()
	s.put(t0, 10)
	s.put(t0.Add(10*time.Minute), 16)
	s.put(t0.Add(5*time.Minute), 18) // and turns it into a reset
	if got := s.stands(); got != "5/5:8 10/5:-" {
		t.Error(got)
	}
	last := s.given[len(s.given)-1]
	if !last.At.Equal(t0.Add(10*time.Minute)) || last.Revision != 1 || last.Tests&hydro.TestCounterReset == 0 || last.Quality != hydro.Fail {
		t.Errorf("given out: %+v", last)
	}
}

func TestCounterSamplesWithinASecondLoseNoRain(t *testing.T) {
	s := newCounter()
	s.put(t0, 10)
	s.put(t0.Add(5*time.Minute), 12)
	s.put(t0.Add(5*time.Minute+500*time.Millisecond), 13)
	s.put(t0.Add(10*time.Minute), 14)
	if n := len(s.rain.Samples); n != 3 || s.rain.Samples[1].Value != 3 || s.rain.Samples[2].Value != 1 {
		t.Errorf("got %+v", s.rain.Samples)
	}
}

func TestDerivedRainDoesNotDependOnTheOrderOfArrivalOrOnWhatWasRevised(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type sample struct {
			at time.Time
			v  float64
		}
		value := rapid.SampledFrom([]float64{0, 1, 2, 3, 5, 5, 8, 20, 5000})
		var samples []sample
		at := t0
		for range rapid.IntRange(1, 12).Draw(t, "n") {
			at = at.Add(rapid.SampledFrom([]time.Duration{5 * time.Minute, 5 * time.Minute, time.Hour, 300 * time.Millisecond}).Draw(t, "step"))
			samples = append(samples, sample{at, value.Draw(t, "v")})
		}
		ordered, other := newCounter(), newCounter()
		for _, s := range samples {
			ordered.put(s.at, s.v)
		}
		held := map[int64]hydro.Observation{} // by a reader of the outputs
		for _, s := range rapid.Permutation(samples).Draw(t, "order") {
			if wrong := value.Draw(t, "wrong"); rapid.Bool().Draw(t, "revised") {
				other.put(s.at, wrong)
			}
			other.put(s.at, s.v)
		}
		for _, o := range other.given {
			if was := held[o.At.UnixMilli()]; o.Revision >= was.Revision {
				held[o.At.UnixMilli()] = o
			}
		}
		rains := func(h *hydro.History) []hydro.Sample {
			out := verdicts(h.Samples)
			for i := range out {
				out[i].Revision, out[i].Superseded = 0, 0
				out[i].Tests &^= hydro.TestRevision
			}
			return out
		}
		if d := cmp.Diff(rains(&ordered.rain), rains(&other.rain)); d != "" {
			t.Fatal(d)
		}
		for _, s := range other.rain.Samples {
			if o := held[s.At]; o.Value != s.Value || o.Quality != s.Quality || o.Tests != s.Tests || o.Interval != time.Duration(s.Interval)*time.Second {
				t.Fatalf("given out %+v, held %+v", o, s)
			}
		}
	})
}

func TestALateCounterSampleSplitsTheRainAroundIt(t *testing.T) {
	s := newSeries(t, &catalog.Parameter{Variable: hydro.RainCounter, Interval: 5 * time.Minute})
	s.put(0, 10)
	s.put(10, 16)
	s.put(5, 11)
	got := quality.Differences("a", s.p, time.UTC, &s.h, t0.Add(5*time.Minute), nil)
	if len(got) != 2 || got[0].Raw != 1 || got[1].Raw != 5 || got[1].Interval != 5*time.Minute || !got[1].At.Equal(t0.Add(10*time.Minute)) {
		t.Errorf("got %+v", got)
	}
	// The rain of the second half replaces that of the whole although the instant is the same.
	rainSeries := newSeries(t, rain())
	whole := reading(rainSeries.p, t0.Add(10*time.Minute), 5)
	whole.Interval = 10 * time.Minute
	rainSeries.reading(whole, t0)
	if obs := rainSeries.reading(got[1], t0); len(obs) != 1 || obs[0].Revision != 1 || obs[0].Interval != 5*time.Minute {
		t.Errorf("got %+v", obs)
	}
}
