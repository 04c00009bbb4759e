package forecast_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// preferring is small() whose flat prefers the zones, and all of it the grid.
func preferring() *catalog.Catalog {
	c := small()
	c.Basins[0].Settings.RainSources = []string{"grid", "zones"}
	c.Basins[0].SubBasins[2].RainSources = []string{"zones"}
	return c
}

// only leaves a rain forecast the areas of those sub-basins.
func only(f *hydro.RainForecast, subs ...string) *hydro.RainForecast {
	f.Areas = slices.DeleteFunc(f.Areas, func(a hydro.RainArea) bool { return !slices.Contains(subs, a.SubBasin) })
	return f
}

func TestEachSubBasinTakesThePreferredRainForecastThatReachesIt(t *testing.T) {
	day := slices.Repeat([]float64{2}, 48)
	issued := t0.Add(-4 * time.Hour)
	grid := func() *hydro.RainForecast { return qpf("grid", issued, day...) }
	zones := func() *hydro.RainForecast { return qpf("zones", issued.Add(-time.Hour), day...) }
	other := func() *hydro.RainForecast { return qpf("other", issued.Add(time.Hour), day...) }
	named := func(source string, at time.Time) string {
		return "rain forecast of " + source + ", issued " + at.Format("2006-01-02 15:04Z") + ", valid until " + at.Add(12*time.Hour).Format("2006-01-02 15:04Z")
	}
	gridIs, zonesIs := named("grid", issued), named("zones", issued.Add(-time.Hour))
	withdrawn := func(f *hydro.RainForecast) *hydro.RainForecast {
		f.Withdrawn = &hydro.Withdrawal{By: "chief", At: t0, ReceivedAt: t0}
		return f
	}
	// A cell that holds one of head's points, and one that holds none of another's.
	corner := func(south float64) *hydro.RainForecast {
		f := qpf("grid", issued)
		f.Areas = []hydro.RainArea{{Cell: hydro.Cell{West: 112.13, South: south, East: 112.17, North: 22.35}, Rain: day}, {Cell: hydro.Cell{West: 111.9, South: 22.1, East: 112.13, North: 22.5}, Rain: day}}
		return f
	}
	elsewhere := grid()
	elsewhere.Areas = []hydro.RainArea{{SubBasin: "gone", Rain: day}}
	for _, c := range []struct {
		name    string
		rain    []*hydro.RainForecast
		at      time.Time
		of      []int // of head, lake and flat
		assumed string
		notes   []string
	}{
		{"its own source first, then the basin's", []*hydro.RainForecast{grid(), other(), zones()}, t0, []int{0, 0, 2}, gridIs + "; " + zonesIs, []string{
			"rain forecast of other, issued 2026-05-31 21:00Z, is held and not used: those of grid, zones come first",
			"rain forecast of grid is taken in head, lake", "rain forecast of zones is taken in flat",
		}},
		{"one for all", []*hydro.RainForecast{grid()}, t0, []int{0, 0, 0}, gridIs, nil},
		{"the preferred has expired", []*hydro.RainForecast{grid(), zones()}, t0.Add(7 * time.Hour), []int{0, 0, 0}, gridIs, []string{
			"rain forecast of zones, issued 2026-05-31 19:00Z, expired at 2026-06-01 07:00Z: not used",
			"rain forecast of grid ends at 2026-06-03 00:00Z: no rain is assumed after it",
		}},
		{"the preferred is withdrawn", []*hydro.RainForecast{withdrawn(grid()), zones()}, t0, []int{1, 1, 1}, zonesIs, []string{
			"rain forecast of grid, issued 2026-05-31 20:00Z, withdrawn at 2026-06-01 00:00Z by chief: not used",
		}},
		{"the preferred does not reach", []*hydro.RainForecast{only(grid(), "head"), zones()}, t0, []int{0, 1, 1}, gridIs + "; " + zonesIs, []string{
			"rain forecast of grid, issued 2026-05-31 20:00Z, reaches less than half of lake: another is taken there",
			"rain forecast of grid is taken in head", "rain forecast of zones is taken in lake, flat",
		}},
		{"nobody reaches", []*hydro.RainForecast{only(grid(), "head"), only(zones(), "flat")}, t0, []int{0, -1, 1}, gridIs + "; " + zonesIs, []string{
			"rain forecast of grid is taken in head", "rain forecast of zones is taken in flat",
			"the rain forecasts leave out 23 % of the area: no rain is assumed in lake",
		}},
		{"all that there is reaches nothing", []*hydro.RainForecast{elsewhere}, t0, []int{-1, -1, -1}, "no further rain assumed", []string{
			"rain forecast of grid, issued 2026-05-31 20:00Z, reaches no sub-basin: not used",
		}},
		{"half of it is enough", []*hydro.RainForecast{corner(22.25), only(zones(), "head")}, t0, []int{0, 0, 0}, gridIs, []string{
			"rain forecast of zones, issued 2026-05-31 19:00Z, reaches less than half of flat: another is taken there",
			"rain forecast of zones, issued 2026-05-31 19:00Z, is held and not used: that of grid comes first",
			"cells of the rain forecast of grid cover 83 % of the rest; their mean stands for all of it",
		}},
		{"unlisted ones come last, the newest first", []*hydro.RainForecast{qpf("third", issued, day...), other()}, t0, []int{1, 1, 1}, named("other", issued.Add(time.Hour)), []string{
			"rain forecast of third, issued 2026-05-31 20:00Z, is held and not used: that of other comes first",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := compile(t, preferring())
			a := rainAhead(m, c.rain...)
			for i, f := range c.rain {
				a.Rain[i].Withdrawn = f.Withdrawn
			}
			if diff := cmp.Diff(c.of, m.RainOf(a, c.at)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			f := runAhead(t, m, c.at, storm(t0.Add(-24*time.Hour), c.at).source, a)
			if f.RainAssumed != c.assumed {
				t.Errorf("rain %q, want %q", f.RainAssumed, c.assumed)
			}
			got := slices.DeleteFunc(slices.Clone(f.Notes), func(n string) bool { return !strings.Contains(n, "rain forecast") })
			if diff := cmp.Diff(c.notes, got); diff != "" && len(c.notes)+len(got) > 0 {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			if c.name == "its own source first, then the basin's" {
				for _, want := range []string{"采用降雨预报：grid（2026-06-01 04:00发布，有效期至2026-06-01 16:00）；采用降雨预报：zones（", "降雨预报grid用于子流域head, lake；", "未采用，以grid, zones为准"} {
					if zh := f.HonestyZH(); !strings.Contains(zh, want) {
						t.Errorf("no %q in %s", want, zh)
					}
				}
			}
		})
	}
}

// Without rain_sources all of the basin takes the newest, whatever it reaches; a
// sub-basin's own list speaks for that sub-basin alone.
func TestSourcesOfASubBasinAreItsOwn(t *testing.T) {
	c := small()
	m := compile(t, c)
	fs := []*hydro.RainForecast{qpf("old", t0.Add(-2*time.Hour), 1), only(qpf("new", t0.Add(-time.Hour), 1), "head")}
	if got := m.RainOf(rainAhead(m, fs...), t0); !slices.Equal(got, []int{1, 1, 1}) {
		t.Errorf("without a list: %v", got)
	}
	c.Basins[0].SubBasins[1].RainSources = []string{"new", "old"}
	m = compile(t, c)
	if got := m.RainOf(rainAhead(m, fs...), t0); !slices.Equal(got, []int{1, 0, 1}) {
		t.Errorf("with a list of lake: %v", got)
	}
}

// A station hears of the rain that its sub-basin takes.
func TestRainAheadIsOfTheSubBasinsSource(t *testing.T) {
	c := asking() // p1, at head
	c.Basins[0].SubBasins[0].RainSources = []string{"zones"}
	m := compile(t, c)
	a := rainAhead(m, qpf("grid", t0, 1, 2), qpf("zones", t0.Add(-time.Hour), 3, 4))
	if got, ok := m.RainAhead(a, t0, "p1"); !ok || got.Source != "zones" || !slices.Equal(got.Rain, []float64{3, 4}) {
		t.Errorf("%+v, %v", got, ok)
	}
}

// A run whose sub-basins take several forecasts is, bit by bit, the run with one that
// has the values of each, on whatever steps they come and in whatever order they are
// held; so is each member.
func TestAMixtureIsTheForecastThatHasEachValue(t *testing.T) {
	m := compile(t, preferring())
	b := storm(t0.Add(-24*time.Hour), t0)
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.SliceOfN(rapid.Float64Range(0, 40), 6, 6)
		from := t0.Add(time.Duration(rapid.IntRange(-25, 120).Draw(t, "from min")) * time.Minute)
		step := time.Duration(rapid.SampledFrom([]int{5, 7, 30, 60, 180}).Draw(t, "step min")) * time.Minute
		make := func(source string) *hydro.RainForecast {
			f := qpf(source, t0)
			f.From, f.Step = from, step
			return f
		}
		grid, zones, whole := make("grid"), make("zones"), make("grid")
		for i := range whole.Areas {
			v, members := depth.Draw(t, "rain"), [][]float64{depth.Draw(t, "member"), depth.Draw(t, "member")}
			noise := depth.Draw(t, "noise")
			grid.Areas[i].Rain, zones.Areas[i].Rain = v, noise
			grid.Areas[i].Members, whole.Areas[i].Members = members, members
			if whole.Areas[i].SubBasin == "flat" {
				grid.Areas[i].Rain, zones.Areas[i].Rain = noise, v
				whole.Areas[i].Members = [][]float64{v, v}
			}
			whole.Areas[i].Rain = v
		}
		a, one := rainAhead(m, grid, zones), rainAhead(m, whole)
		if rapid.Bool().Draw(t, "other order") {
			slices.Reverse(a.Rain)
		}
		same := func(what string, a, b hydro.Forecast) {
			t.Helper()
			a.Notes, b.Notes, a.RainAssumed, b.RainAssumed = nil, nil, "", ""
			if diff := diffForecasts(a, b); diff != "" {
				t.Fatalf("%s:\n%s", what, diff)
			}
		}
		same("the run", runAhead(t, m, t0, b.source, one), runAhead(t, m, t0, b.source, a))
		mixed := m.RainFor(a, t0)
		if mixed == nil || mixed.Members != 2 {
			t.Fatalf("%+v", mixed)
		}
		k := rapid.IntRange(0, 1).Draw(t, "member")
		same("a member", runAhead(t, m, t0, b.source, forecast.Ahead{Rain: []forecast.Rain{one.Rain[0].Member(k)}}),
			runAhead(t, m, t0, b.source, forecast.Ahead{Rain: []forecast.Rain{mixed.Member(k)}}))
	})
}

func TestMembersOfOneSourceStandForTheRun(t *testing.T) {
	m := compile(t, preferring())
	wet, dry := []float64{9, 9}, []float64{0, 0}
	members := func(source string, n int) *hydro.RainForecast {
		f := qpf(source, t0, 1, 1)
		for i := range f.Areas {
			f.Areas[i].Members = slices.Repeat([][]float64{wet, dry}, n)
		}
		return f
	}
	const differ = "members of the rain forecast of grid differ in head, lake alone: elsewhere each has the same rain"
	for _, c := range []struct {
		name    string
		rain    []*hydro.RainForecast
		members int
		notes   []string
	}{
		{"the source that has some", []*hydro.RainForecast{qpf("grid", t0, 1, 1), members("zones", 1)}, 2, []string{"members of the rain forecast of zones differ in flat alone: elsewhere each has the same rain"}},
		{"of two the one of more area", []*hydro.RainForecast{members("grid", 1), members("zones", 2)}, 2, []string{differ, "the 4 members of the rain forecast of zones are not told apart: members of two sources do not belong together"}},
		{"none", []*hydro.RainForecast{qpf("grid", t0, 1, 1), qpf("zones", t0, 1, 1)}, 0, nil},
	} {
		a := rainAhead(m, c.rain...)
		f := runAhead(t, m, t0, book{}.source, a)
		got := slices.DeleteFunc(slices.Clone(f.Notes), func(n string) bool { return !strings.Contains(n, "members") })
		if diff := cmp.Diff(c.notes, got); diff != "" && len(c.notes)+len(got) > 0 {
			t.Errorf("%s: notes (-want +got):\n%s", c.name, diff)
		}
		if r := m.RainFor(a, t0); r.Members != c.members {
			t.Errorf("%s: %d members", c.name, r.Members)
		}
	}
}
