package scenario_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"freshet/internal/catalog"
	"freshet/internal/demo/scenario"
	"freshet/internal/hydro"
)

func tanjiang(t testing.TB) *catalog.Catalog {
	t.Helper()
	c, err := catalog.LoadDir(filepath.Join("..", "..", "..", "deploy", "catalog", "tanjiang"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The storm that most tests look at; storms are immutable.
var shown struct {
	once  sync.Once
	storm *scenario.Storm
}

// theStorm returns the storm of the default seed.
func theStorm(t testing.TB) *scenario.Storm {
	t.Helper()
	shown.once.Do(func() { shown.storm = storm(t, tanjiang(t), scenario.DefaultSeed) })
	if shown.storm == nil {
		t.Fatal("no storm")
	}
	return shown.storm
}

func storm(t testing.TB, c *catalog.Catalog, seed uint64) *scenario.Storm {
	t.Helper()
	s, err := scenario.New(c, seed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// levels returns the level thresholds of a station, blue to red.
func levels(t testing.TB, c *catalog.Catalog, s *scenario.Storm, station string) map[hydro.Stage]float64 {
	t.Helper()
	table, ok := c.StageTable(station, s.Start())
	if !ok {
		t.Fatalf("%s has no stage table", station)
	}
	out := map[hydro.Stage]float64{}
	for _, h := range table.Thresholds {
		if h.Variable == hydro.WaterLevel {
			out[h.Stage] = h.Value
		}
	}
	return out
}

func TestTheRiverClimbsThroughTheStagesAndComesDownAgain(t *testing.T) {
	c := tanjiang(t)
	for _, seed := range []uint64{scenario.DefaultSeed, 2, 7} {
		s := storm(t, c, seed)
		for station, reaches := range map[string]hydro.Stage{
			"h-enping": hydro.Red, "h-puqiao": hydro.Red, "h-changsha": hydro.Red,
			"h-huangbutou": hydro.Orange, "h-cangcheng": hydro.Orange, "h-hezailang": hydro.Orange, "h-taicheng": hydro.Yellow,
		} {
			truth, at := s.Truth(station), levels(t, c, s, station)
			if truth[0] >= at[hydro.Blue]-0.5 {
				t.Errorf("seed %d: %s begins at %.2f m, blue is %.2f m", seed, station, truth[0], at[hydro.Blue])
			}
			for stage := hydro.Blue; stage <= reaches; stage++ {
				// Two hours above it, so that a dwell does not hide it, and
				// at least eight hours below it at the end.
				above, last := 0, 0
				for i, h := range truth {
					if h >= at[stage]+0.05 {
						above++
					}
					if h >= at[stage]-0.15 {
						last = i
					}
				}
				if above < 24 {
					t.Errorf("seed %d: %s stands above %s (%.2f m) for %d min only", seed, station, stage, at[stage], above*5)
				}
				if rest := time.Duration(s.Steps()-1-last) * s.Step(); rest < 8*time.Hour {
					t.Errorf("seed %d: %s falls below %s only %s before the end", seed, station, stage, rest)
				}
			}
		}
	}
}

func TestTwoStormsOfOneSeedAreEqual(t *testing.T) {
	c := tanjiang(t)
	a, b, other := theStorm(t), storm(t, c, scenario.DefaultSeed), storm(t, c, 6)
	different := false
	for i := range a.Steps() {
		x, y, z := a.Frames(i), b.Frames(i), other.Frames(i)
		if len(x.Weather) != len(y.Weather) || len(x.Hydrology) != len(y.Hydrology) || len(x.WaterResources) != len(y.WaterResources) {
			t.Fatalf("step %d has other counts", i)
		}
		for k := range x.Weather {
			if !proto.Equal(x.Weather[k], y.Weather[k]) {
				t.Fatalf("step %d: %v and %v", i, x.Weather[k], y.Weather[k])
			}
		}
		for k := range x.Hydrology {
			if !proto.Equal(x.Hydrology[k], y.Hydrology[k]) {
				t.Fatalf("step %d: %v and %v", i, x.Hydrology[k], y.Hydrology[k])
			}
			different = different || k < len(z.Hydrology) && !proto.Equal(x.Hydrology[k], z.Hydrology[k])
		}
		for k := range x.WaterResources {
			if !proto.Equal(x.WaterResources[k], y.WaterResources[k]) {
				t.Fatalf("step %d: %v and %v", i, x.WaterResources[k], y.WaterResources[k])
			}
		}
	}
	if !different {
		t.Error("another seed gives the same storm")
	}
}

func TestEveryStationReportsAndNothingFromTheFuture(t *testing.T) {
	c := tanjiang(t)
	s := theStorm(t)
	count := map[string]int{}
	see := func(d hydro.Department, name string) {
		st, ok := c.Resolve(d, name)
		if !ok || st.Department != d {
			t.Fatalf("%s %q is no station", d, name)
		}
		count[st.ID]++
	}
	for i := range s.Steps() {
		f := s.Frames(i)
		if want := s.Start().Add(time.Duration(i) * s.Step()); !f.At.Equal(want) {
			t.Fatalf("frame %d is at %s, want %s", i, f.At, want)
		}
		for _, m := range f.Weather {
			see(hydro.Weather, m.GetStation())
			if ms := m.GetObservedAt().GetUnixMs(); ms > f.At.UnixMilli() {
				t.Fatalf("frame %d holds a report from the future: %v", i, m)
			}
		}
		for _, m := range f.Hydrology {
			see(hydro.Hydrology, m.GetStation())
			if m.WaterLevel != nil && m.GetDatum() == "" {
				t.Fatalf("a level without datum: %v", m)
			}
		}
		for _, m := range f.WaterResources {
			see(hydro.WaterResources, m.GetStation())
			if m.Storage != nil && m.GetStorageUnit() == 0 {
				t.Fatalf("a storage without unit: %v", m)
			}
		}
	}
	for _, st := range c.Stations {
		want := s.Steps() * 95 / 100
		switch st.ID {
		case "w-longsheng":
			want = 26 * 12 * 95 / 100
		case "h-shizui":
			want = 55 * 12 * 95 / 100
		}
		if count[st.ID] < want {
			t.Errorf("%s sent %d reports, want %d or more", st.ID, count[st.ID], want)
		}
	}
}

func TestTheFaultsAreInTheReports(t *testing.T) {
	c := tanjiang(t)
	s := theStorm(t)
	kinds := map[scenario.FaultKind]int{}
	for _, f := range s.Faults() {
		kinds[f.Kind]++
		if _, ok := c.Station(f.Station); !ok || !f.From.Before(f.To) || f.TextZH == "" || f.TextEN == "" {
			t.Errorf("fault %+v", f)
		}
	}
	for _, k := range []scenario.FaultKind{scenario.Stuck, scenario.Silent, scenario.WrongDatum, scenario.Spike, scenario.Gap, scenario.Late, scenario.Duplicate, scenario.Sentinel, scenario.CounterReset} {
		if kinds[k] == 0 {
			t.Errorf("no fault of kind %s", k)
		}
	}
	stuck := map[float64]int{}
	var wrong, noLevel, noRain, traces int
	resent := 0
	for i := range s.Steps() {
		f := s.Frames(i)
		hour := float64(i) / 12
		for _, m := range f.Hydrology {
			st, _ := c.Resolve(hydro.Hydrology, m.GetStation())
			if st.ID == "h-hezailang" && hour >= 24 && hour < 46 && m.GetWaterLevel() != 9999.999 {
				stuck[m.GetWaterLevel()]++
			}
			if st.ID == "h-sanbu" && m.GetDatum() == "NATIONAL_1985" {
				wrong++
			}
			if m.GetWaterLevel() == 9999.999 {
				noLevel++
			}
			if st.ID == "h-changsha" && i == 36*12 {
				resent++
			}
		}
		for _, m := range f.Weather {
			switch m.GetRain() {
			case 999999, 32766:
				noRain++
			case 999990, 32700:
				traces++
			}
		}
	}
	if len(stuck) != 1 {
		t.Errorf("the stuck gauge shows %d values", len(stuck))
	}
	if wrong < 60*12*95/100 || noLevel < 5 || noRain < 10 || traces < 20 || resent < 20 {
		t.Errorf("%d levels on the wrong datum, %d and %d codes for no value, %d traces, %d resent", wrong, noLevel, noRain, traces, resent)
	}
}

func TestTheRainIsTheStormsTotal(t *testing.T) {
	s := theStorm(t)
	var sum float64
	for _, mm := range s.ArealRain() {
		sum += mm
	}
	if sum < 139.9 || sum > 140.1 {
		t.Errorf("%.2f mm fell, want 140", sum)
	}
}

// The forecast must not be a copy of the truth: its ratings are off by some
// percent, and off by more where nobody measured.
func TestRatingsDifferFromTheTruthAsGaugingsDo(t *testing.T) {
	c := tanjiang(t)
	s := theStorm(t)
	b, _ := c.Basin("tanjiang")
	for _, n := range b.Nodes {
		rating, ok := c.Rating(n.Rating, s.Start())
		if !ok {
			continue
		}
		flow, level := s.TrueFlow(n.Gauge), s.Truth(n.Gauge)
		var worst float64
		for i := range flow {
			for k := 1; k < len(rating.Points); k++ {
				p, q := rating.Points[k-1], rating.Points[k]
				if level[i] < p.Level || level[i] >= q.Level || level[i] < 2.5+rating.Points[0].Level {
					continue
				}
				by := p.Discharge + (q.Discharge-p.Discharge)*(level[i]-p.Level)/(q.Level-p.Level)
				worst = max(worst, by/flow[i]-1, flow[i]/by-1)
			}
		}
		if worst < 0.01 || worst > 0.30 {
			t.Errorf("%s: the rating is off by up to %.0f %%", n.ID, worst*100)
		}
	}
}

func TestACatalogueWithoutTheRiverIsRefused(t *testing.T) {
	if _, err := scenario.New(&catalog.Catalog{}, 1); err == nil {
		t.Error("an empty catalogue makes a storm")
	}
}

func BenchmarkNew(b *testing.B) {
	c := tanjiang(b)
	for b.Loop() {
		storm(b, c, scenario.DefaultSeed)
	}
}
