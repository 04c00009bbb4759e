package scenario

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

const (
	step      = 5 * time.Minute
	stepHours = 1.0 / 12
	hours     = 96
	steps     = hours*12 + 1
)

// start is midnight in Beijing.
var start = time.Date(2026, 6, 7, 16, 0, 0, 0, time.UTC)

// DefaultSeed is the seed of the storm that the demo shows.
const DefaultSeed = 1

// A Storm is 96 hours of rain, river and reports. It is immutable and safe for
// concurrent use.
type Storm struct {
	frames []Frames
	faults []Fault
	truth  map[string][]float64 // station -> level, m above its datum, by step
	flow   map[string][]float64 // station -> m³/s, by step
	rain   []float64            // areal mean, mm by step
}

// Frames are the reports that reach the three gateways at one instant. Do not
// write to them.
type Frames struct {
	At             time.Time
	Weather        []*freshetv1.WeatherReport
	Hydrology      []*freshetv1.HydrologyReport
	WaterResources []*freshetv1.WaterResourcesReport
}

// A FaultKind says what a station or its gateway does wrong.
type FaultKind string

// The kinds of fault.
const (
	Stuck        FaultKind = "stuck"         // the level does not move: to be flagged
	Silent       FaultKind = "silent"        // no reports: the station must go blind
	WrongDatum   FaultKind = "wrong_datum"   // levels on a datum that the station does not declare: to be refused
	Spike        FaultKind = "spike"         // one value far off: to be flagged
	Gap          FaultKind = "gap"           // reports missing for a short while
	Late         FaultKind = "late"          // reports that arrive long after their time
	Duplicate    FaultKind = "duplicate"     // reports sent again: to change nothing
	Sentinel     FaultKind = "sentinel"      // codes for "no value": to be refused as missing
	CounterReset FaultKind = "counter_reset" // a rain counter set back to zero: no rain
)

// A Fault is one thing that was made wrong on purpose. Beside the listed ones,
// single reports of all stations are lost (6 in 1000), late (3 in 1000), sent
// twice (10 in 1000) or carry a code for "no value" (1.5 in 1000).
type Fault struct {
	Station  string
	Kind     FaultKind
	From, To time.Time // of the observations concerned; To is exclusive
	TextZH   string
	TextEN   string
}

// New makes the storm of a seed over the basin "tanjiang" of a catalogue. Equal
// catalogues and seeds give equal storms. The error wraps hydro.ErrInvalid: the
// catalogue lacks the basin, or has nodes or stations that the story does not
// tell of.
func New(cat *catalog.Catalog, seed uint64) (*Storm, error) {
	b, ok := cat.Basin("tanjiang")
	if !ok {
		return nil, fmt.Errorf("scenario: the catalogue has no basin tanjiang: %w", hydro.ErrInvalid)
	}
	r := random(seed, "storm")
	rain := newRainField(r)
	v, err := run(b, &rain, steps, r)
	if err != nil {
		return nil, err
	}
	s := &Storm{frames: make([]Frames, steps), truth: map[string][]float64{}, flow: map[string][]float64{}, rain: v.rainMean}
	for i := range s.frames {
		s.frames[i].At = start.Add(time.Duration(i) * step)
	}
	for i := range cat.Stations {
		st := &cat.Stations[i]
		if st.Basin != b.ID {
			continue
		}
		g, err := s.newGauge(st, b, v, rain, random(seed, st.ID))
		if err != nil {
			return nil, err
		}
		g.report()
	}
	for _, f := range story {
		if _, ok := cat.Station(f.station); !ok {
			return nil, fmt.Errorf("scenario: the catalogue has no station %q: %w", f.station, hydro.ErrInvalid)
		}
		s.faults = append(s.faults, Fault{f.station, f.kind, at(f.from), at(f.to), f.zh, f.en})
	}
	slices.SortStableFunc(s.faults, func(a, b Fault) int { return a.From.Compare(b.From) })
	return s, nil
}

// random returns a generator of its own for each name, so that one station's
// story does not change another's.
func random(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // cannot fail
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// at returns the instant an hour of the story.
func at(hour float64) time.Time { return start.Add(time.Duration(hour * float64(time.Hour))) }

// Start returns when the storm begins, midnight of 8 June 2026 in Beijing.
func (s *Storm) Start() time.Time { return start }

// Duration returns the length of the storm, 96 h.
func (s *Storm) Duration() time.Duration { return hours * time.Hour }

// Step returns the time between frames, 5 min.
func (s *Storm) Step() time.Duration { return step }

// Steps returns the number of frames; the first is for Start, the last for
// Start plus Duration.
func (s *Storm) Steps() int { return steps }

// Frames returns what reaches the gateways at step i. It panics unless
// 0 ≤ i < Steps.
func (s *Storm) Frames(i int) Frames { return s.frames[i] }

// Faults returns what was made wrong on purpose, ascending by begin.
func (s *Storm) Faults() []Fault { return slices.Clone(s.faults) }

// Truth returns the true level at a station by step, in m above its datum; nil
// if it has none. Do not write to it.
func (s *Storm) Truth(station string) []float64 { return s.truth[station] }

// TrueFlow returns the true discharge at a river station by step, in m³/s; nil
// if it has none. Do not write to it.
func (s *Storm) TrueFlow(station string) []float64 { return s.flow[station] }

// ArealRain returns the true mean rain over the basin by step, in mm per 5 min.
// Do not write to it.
func (s *Storm) ArealRain() []float64 { return s.rain }
