package rehearse_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/hydro"
	"freshet/internal/rehearse"
)

// flood is a storm over both dams, whose waves would meet at the town.
func flood() rehearse.Scenario {
	full := 0.9
	return rehearse.Scenario{
		Rain: rehearse.Rain{Kind: rehearse.Storm, Total: 70, Duration: 6 * time.Hour, Peak: 0.4},
		Soil: []rehearse.Soil{{Filled: &full}},
	}
}

func limits() []rehearse.Limits {
	none := math.NaN()
	return []rehearse.Limits{
		{Reservoir: "one", Least: 20, Most: 500, Highest: 46, EndLeast: none, EndMost: 44},
		{Reservoir: "two", Least: 20, Most: 400, Ramp: 120, Highest: 45, EndLeast: none, EndMost: none},
	}
}

// outcome asks for schedules and returns the town's crest, m, and the pools.
func outcome(t *testing.T, s *rehearse.Stage, schedules []rehearse.Schedule) (float64, []rehearse.Pool) {
	t.Helper()
	x := flood()
	x.Schedules = schedules
	o, err := s.Water(x)
	if err != nil {
		t.Fatal(err)
	}
	for i := range o.Stations {
		if o.Forecast.Stations[i].Station == "town" {
			return o.Stations[i].Peak.Level, o.Pools
		}
	}
	t.Fatal("no town")
	return 0, nil
}

// kept reports whether pools keep the limits, told by other means than the search.
func kept(pools []rehearse.Pool, slack float64) bool {
	for i, l := range limits() {
		p := &pools[i]
		end := p.Path.Level[len(p.Path.Level)-1]
		if p.PeakLevel > l.Highest+slack || end > l.EndMost+slack || slices.Min(p.Path.Outflow) < l.Least-slack || slices.Max(p.Path.Outflow) > l.Most+slack {
			return false
		}
		for k := range p.Path.Outflow { // thinned to half an hour
			before := p.Path.BeginOut
			if k > 0 {
				before = p.Path.Outflow[k-1]
			}
			if l.Ramp > 0 && math.Abs(p.Path.Outflow[k]-before) > l.Ramp/2+slack {
				return false
			}
		}
	}
	return true
}

// Two dams, two pieces each. All 256 schedules of four releases a piece are run one
// by one, and three more such grids, each closer around the best of the one before, and
// one around what the search found. The search, which does not stand on grids, is within
// 1 % of the lowest crest that keeps every limit, or better; it keeps them itself, told
// by other means, and no water is lost.
func TestTheSearchFindsWhatAnExhaustiveOneFinds(t *testing.T) {
	s := stage(t, live(t, twinCatalog(t, outlets), nil))
	found, err := s.Search(t.Context(), rehearse.Search{Scenario: flood(), Limits: limits(), Pieces: 2, Runs: 600, Points: 3, Seed: 7}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := limits()
	ramped := func(l *rehearse.Limits, pieces ...float64) rehearse.Schedule { // each 10 min for 24 h, from 40 m³/s on
		x := rehearse.Schedule{Reservoir: l.Reservoir}
		now := 40.0
		for k := range 144 {
			want := pieces[k*len(pieces)/144]
			if l.Ramp > 0 {
				want = min(max(want, now-l.Ramp/6), now+l.Ramp/6)
			}
			x.Releases = append(x.Releases, rehearse.Release{After: time.Duration(k) * 10 * time.Minute, Outflow: want})
			now = want
		}
		return x
	}
	const grid = 4
	best, keeping, runs := math.Inf(1), 0, 0
	low, high := [4]float64{all[0].Least, all[0].Least, all[1].Least, all[1].Least}, [4]float64{all[0].Most, all[0].Most, all[1].Most, all[1].Most}
	for stage := range 5 { // each grid closer, around the best of the one before, the last one around what was found
		if stage == 4 {
			for d := range low {
				l, x := &all[d/2], found.Schedules[d/2].Releases
				near := x[0].Outflow // of each half, once the ramp is over
				for _, r := range x {
					if h := r.After.Hours(); d%2 == 0 && h < 6 || d%2 == 1 && h < 18 {
						near = r.Outflow
					}
				}
				low[d], high[d] = max(l.Least, near-0.03*(l.Most-l.Least)), min(l.Most, near+0.03*(l.Most-l.Least))
			}
		}
		var where [4]float64
		lowest := math.Inf(1)
		for i := range grid * grid * grid * grid {
			var x [4]float64
			for d, k := 0, i; d < 4; d, k = d+1, k/grid {
				x[d] = low[d] + (high[d]-low[d])*float64(k%grid)/(grid-1)
			}
			crest, pools := outcome(t, s, []rehearse.Schedule{ramped(&all[0], x[0], x[1]), ramped(&all[1], x[2], x[3])})
			runs++
			if kept(pools, 1e-6) {
				keeping++
				if crest < lowest {
					lowest, where = crest, x
				}
			}
		}
		best = min(best, lowest)
		for d := range where {
			l, step := &all[d/2], (high[d]-low[d])/(grid-1)
			low[d], high[d] = max(l.Least, where[d]-step), min(l.Most, where[d]+step)
		}
	}
	crest, pools := outcome(t, s, found.Schedules)
	t.Logf("%d of %d schedules keep the limits, the lowest crest is %.4f m; found %.4f m in %d runs, as it is %.4f m over", keeping, runs, best, crest, found.Runs, found.BaseWorst)
	if keeping < 10 || keeping > runs-10 {
		t.Fatalf("%d schedules keep the limits: that is no case", keeping)
	}
	if !found.Feasible || !kept(pools, 1e-5) {
		t.Errorf("feasible %v; %+v", found.Feasible, found.Bounds)
	}
	if crest > best*1.01 {
		t.Errorf("found %.4f m, the exhaustive search %.4f m", crest, best)
	}
	if math.Abs(crest-1.5-found.Worst) > 1e-9 {
		t.Errorf("the crest is %.4f m, the search says %.4f m above blue", crest, found.Worst)
	}
	for _, p := range pools {
		if !(math.Abs(p.Residual) < 1e-6*(1+p.VolumeIn)) {
			t.Errorf("%s: %g million m³ do not balance", p.Reservoir, p.Residual)
		}
	}
	if found.Residual > 1e-4 || len(found.Bounds) == 0 {
		t.Errorf("residual %g, bounds %v", found.Residual, found.Bounds)
	}
	for i := 1; i < len(found.Curve); i++ { // the higher they may rise, the lower the crest
		if a, b := found.Curve[i-1], found.Curve[i]; a.Feasible && b.Feasible && (b.Rise < a.Rise || b.Worst > a.Worst) {
			t.Errorf("%+v", found.Curve)
		}
	}
	if len(found.Curve) < 2 {
		t.Errorf("a curve of %d points", len(found.Curve))
	}
}

func TestASearchIsTheSameAgainAndEndsWhenItIsToldTo(t *testing.T) {
	s := stage(t, live(t, twinCatalog(t, outlets), nil))
	q := rehearse.Search{Scenario: flood(), Limits: limits(), Pieces: 2, Runs: 200, Seed: 3}
	told := 0
	a, err := s.Search(t.Context(), q, nil, nil, func(rehearse.Progress) { told++ })
	if err != nil || told == 0 {
		t.Fatal(told, err)
	}
	b, err := s.Search(t.Context(), q, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the second time\n%s", diff)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	gone := errors.New("the caller has gone")
	runs := 0
	_, err = s.Search(ctx, q, nil, func(context.Context) (func(), error) {
		if runs++; runs == 50 {
			stop(gone)
		}
		return func() {}, nil
	}, nil)
	if !errors.Is(err, gone) || runs > 52 {
		t.Errorf("after %d runs: %v", runs, err)
	}
}

func TestABadSearchSaysWhatWhereAndHow(t *testing.T) {
	s := stage(t, live(t, twinCatalog(t, outlets), nil))
	nan := math.NaN()
	good := rehearse.Limits{Reservoir: "one", Most: 100, Highest: nan, EndLeast: nan, EndMost: nan}
	for _, c := range []struct {
		q    rehearse.Search
		want string
	}{
		{rehearse.Search{}, "reservoirs: none: name the reservoirs whose releases are searched; write one of one, two"},
		{rehearse.Search{Limits: []rehearse.Limits{{Reservoir: "x", Most: 1}}}, `reservoirs[0].reservoir: "x" is no reservoir`},
		{rehearse.Search{Limits: []rehearse.Limits{{Reservoir: "one", Least: 5, Most: 5}}}, "reservoirs[0].most: least 5 and most 5"},
		{rehearse.Search{Limits: []rehearse.Limits{good, good}}, `reservoirs[1].reservoir: "one" twice`},
		{rehearse.Search{Limits: []rehearse.Limits{good}, Runs: 3}, "runs: 3 is not between 20"},
		{rehearse.Search{Limits: []rehearse.Limits{good}, Targets: []rehearse.Target{{Station: "creek", Value: 1}}}, `targets[0].station: "creek": no run tells of it`},
		{rehearse.Search{Limits: []rehearse.Limits{good}, Targets: []rehearse.Target{{Station: "town", Value: 1}, {Station: "town", Variable: hydro.Discharge, Value: 1}}}, "targets[1].variable: discharge beside water_level"},
		{rehearse.Search{Limits: []rehearse.Limits{good}, Scenario: rehearse.Scenario{Lost: []string{"moon"}}}, "scenario.lost[0]"},
	} {
		_, err := s.Search(t.Context(), c.q, nil, nil, nil)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v\nwant %s", err, c.want)
		}
	}
}
