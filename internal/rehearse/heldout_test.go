package rehearse_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/rehearse"
)

var heldOut = flag.Int("heldout", 2, "drawn cases of two reservoirs that TestHeldOutCasesOfTheSearch looks at")

// A drawn is a case of two reservoirs: their valley, what falls, what is allowed and
// where it counts.
type drawn struct {
	catalogue *catalog.Catalog
	curves    [2][][2]float64 // m, 10⁶ m³
	scenario  rehearse.Scenario
	limits    []rehearse.Limits
	targets   []rehearse.Target
}

// draw makes the case of a seed.
func draw(tb testing.TB, seed uint64) drawn {
	tb.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	between := func(a, b float64) float64 { return math.Round(100*(a+(b-a)*r.Float64())) / 100 }
	minutes := func(a, b int) string { return fmt.Sprintf("%dm", 10*(a+r.IntN(b-a+1))) }
	var d drawn
	text := fmt.Sprintf(twin, outlets, outlets)
	put := func(from, to string) {
		if !strings.Contains(text, from) {
			tb.Fatalf("twin has no %q", from)
		}
		text = strings.Replace(text, from, to, 1)
	}
	put("output_step: 30m", "output_step: 10m") // every step is looked at
	for i := range d.curves {
		full := between(60, 240)
		d.curves[i] = [][2]float64{{0, 0}, {30, math.Round(full * between(0.2, 0.5))}, {60, full}}
		var points []string
		for _, p := range d.curves[i] {
			points = append(points, fmt.Sprintf("[%g, %g]", p[0], p[1]))
		}
		put("capacity: 120, storage_curve: [[0, 0], [60, 120]]", fmt.Sprintf("capacity: %g, storage_curve: [%s]", full, strings.Join(points, ", ")))
		put("area: 200", fmt.Sprintf("area: %g", between(80, 400)))
		put("length: 10, method: lag, lag: 1h", "length: 11, method: lag, lag: "+minutes(3, 20))
	}
	put("uh_scale: 40m", "uh_scale: "+minutes(3, 18))
	put("uh_scale: 2h", "uh_scale: "+minutes(3, 18))
	// The town's curve goes through what it stood at: 0.8 m, 80 m³/s.
	put("[[0, 0], [20, 2000]]", fmt.Sprintf("[[0, 0], [0.8, 80], [2, %g], [4, %g], [20, 12000]]", between(180, 350), between(450, 1100)))
	port := r.IntN(2) == 0
	if port { // a second town below, with water of its own
		put("    reaches:\n", "      - {id: np, name: NP, gauge: creek, rating: creek, base_flow: 10}\n    reaches:\n      - {id: r3, from: nt, to: np, length: 10, method: lag, lag: "+minutes(3, 18)+"}\n")
		put("    reservoirs:\n", fmt.Sprintf("      - {id: s3, name: S3, node: np, area: %g, centre: [112.05, 22.0], runoff: {capacity: 100, exponent: 0.3, impervious: 0, initial_store: 0.5, evaporation: 0, base_share: 0, base_recession: 10h, uh_reservoirs: 3, uh_scale: %s}}\n    reservoirs:\n", between(20, 120), minutes(3, 12)))
		put("ratings:\n", fmt.Sprintf("ratings:\n  - {id: creek, station: creek, datum: STATION, valid_from: 2026-01-01, source: t, points: [[0, 0], [1, %g], [3, %g], [20, 12000]]}\n", between(60, 150), between(350, 900)))
	}
	c, problems := catalog.Load([]hydro.File{{Name: "drawn.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		tb.Fatal(catalog.Problems(problems))
	}
	d.catalogue = c

	wet := between(0.5, 1)
	d.scenario.Soil = []rehearse.Soil{{Filled: &wet}}
	if r.IntN(3) > 0 {
		d.scenario.Rain = rehearse.Rain{
			Kind: rehearse.Storm, Total: between(60, 220), Duration: time.Duration(2+r.IntN(11)) * time.Hour, Peak: between(0, 1), After: time.Duration(r.IntN(5)) * time.Hour,
		}
	} else { // two bursts over each dam, each at its own time
		d.scenario.Rain = rehearse.Rain{Kind: rehearse.OwnSeries, Step: time.Hour}
		for _, id := range []string{"s1", "s2"} {
			x := rehearse.SubBasinRain{SubBasin: id, Depth: make([]float64, 18)}
			for range 2 {
				at, wide, most := 1+12*r.Float64(), 1+2*r.Float64(), 8+25*r.Float64()
				for h := range x.Depth {
					x.Depth[h] += most * math.Exp(-math.Pow((float64(h)-at)/wide, 2))
				}
			}
			d.scenario.Rain.Series = append(d.scenario.Rain.Series, x)
		}
	}
	maybe := func(a, b float64) float64 {
		if r.IntN(2) == 0 {
			return math.NaN()
		}
		return between(a, b)
	}
	for _, id := range []string{"one", "two"} {
		l := rehearse.Limits{Reservoir: id, Least: between(0, 40), Most: between(180, 600), Highest: between(41, 49), EndLeast: maybe(34, 39), EndMost: maybe(39, 45)}
		if r.IntN(2) == 0 {
			l.Ramp = between(50, 300)
		}
		d.limits = append(d.limits, l)
	}
	switch {
	case port:
		d.targets = []rehearse.Target{{Station: "town", Variable: hydro.WaterLevel, Value: between(1, 2.5)}, {Station: "creek", Variable: hydro.WaterLevel, Value: between(1, 2.5)}}
	case r.IntN(2) == 0:
		d.targets = []rehearse.Target{{Station: "town", Variable: hydro.Discharge, Value: between(100, 300)}}
	default:
		d.targets = []rehearse.Target{{Station: "town", Variable: hydro.WaterLevel, Value: between(1, 2.5)}}
	}
	return d
}

// run is what schedules come to: the worst exceedance, the crest that it is of, and
// the reservoirs at each step.
func (d *drawn) run(tb testing.TB, s *rehearse.Stage, schedules []rehearse.Schedule) (worst, crest float64, pools []rehearse.Pool) {
	tb.Helper()
	x := d.scenario
	x.Schedules = schedules
	o, err := s.Water(x)
	if err != nil {
		tb.Fatal(err)
	}
	worst = math.Inf(-1)
	for _, t := range d.targets {
		for i := range o.Forecast.Stations {
			f := &o.Forecast.Stations[i]
			v := f.Level
			if t.Variable == hydro.Discharge {
				v = f.Discharge
			}
			if f.Station == t.Station && slices.Max(v)-t.Value > worst {
				worst, crest = slices.Max(v)-t.Value, slices.Max(v)
			}
		}
	}
	return worst, crest, o.Pools
}

// before is the first value at the town, m or m³/s: no release has come there yet.
func (d *drawn) before(tb testing.TB, s *rehearse.Stage) float64 {
	tb.Helper()
	o, err := s.Water(d.scenario)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range o.Forecast.Stations {
		if f := &o.Forecast.Stations[i]; f.Station == d.targets[0].Station {
			if d.targets[0].Variable == hydro.Discharge {
				return f.Discharge[0]
			}
			return f.Level[0]
		}
	}
	return math.NaN()
}

// breaks says which limit the reservoirs break, and at which step; "" says none. It
// is told by other means than the search.
func (d *drawn) breaks(pools []rehearse.Pool, slack float64) string {
	for i, l := range d.limits {
		p := &pools[i].Path
		before := p.BeginOut
		for k, q := range p.Outflow {
			switch {
			case p.Level[k] > l.Highest+slack: // false for NaN
				return fmt.Sprintf("%s stands at %.4f m in step %d, highest is %g", l.Reservoir, p.Level[k], k, l.Highest)
			case q < l.Least-slack || q > l.Most+slack:
				return fmt.Sprintf("%s releases %.4f m³/s in step %d, allowed are %g to %g", l.Reservoir, q, k, l.Least, l.Most)
			case l.Ramp > 0 && math.Abs(q-before) > l.Ramp/6+slack:
				return fmt.Sprintf("%s goes from %.4f to %.4f m³/s in step %d, allowed are %g in an hour", l.Reservoir, before, q, k, l.Ramp)
			}
			before = q
		}
		if end := p.Level[len(p.Level)-1]; end > l.EndMost+slack || end < l.EndLeast-slack {
			return fmt.Sprintf("%s ends at %.4f m, allowed are %g to %g", l.Reservoir, end, l.EndLeast, l.EndMost)
		}
	}
	return ""
}

// lost is the water that does not balance, 10⁶ m³, by the curves as they were drawn.
func (d *drawn) lost(pools []rehearse.Pool) float64 {
	most := 0.0
	for i := range d.limits {
		p := &pools[i].Path
		volume := func(level float64) float64 {
			c := d.curves[i]
			k := 1
			for k < len(c)-1 && level > c[k][0] {
				k++
			}
			return c[k-1][1] + (c[k][1]-c[k-1][1])*(level-c[k-1][0])/(c[k][0]-c[k-1][0])
		}
		in, held := p.Begin, volume(p.Start)
		for k := range p.Level {
			held += ((in+p.Inflow[k])/2 - p.Outflow[k]) * 600 / 1e6
			in = p.Inflow[k]
			most = max(most, math.Abs(volume(p.Level[k])-held))
		}
	}
	return most
}

// ramped is a schedule of pieces as the search makes them: each 10 min for 24 h, from
// 40 m³/s on.
func ramped(l *rehearse.Limits, pieces ...float64) rehearse.Schedule {
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

// An exhausted is what grids came to.
type exhausted struct {
	best          float64 // the lowest worst exceedance that keeps every limit
	crest, before float64 // of the best, and what there is at the beginning
	plain         float64 // share of the first grid that keeps the limits
	where         [4]float64
	runs, keeping int
}

// exhaust runs every schedule of a grid of two pieces a reservoir, and then grids of
// three values a piece that close in around the best (see closer).
func (d *drawn) exhaust(tb testing.TB, s *rehearse.Stage, grid int) exhausted {
	tb.Helper()
	out := exhausted{best: math.Inf(1)}
	out.before = d.before(tb, s)
	d.all(tb, s, &out, grid, func(l *rehearse.Limits, _, k int) float64 {
		return l.Least + (l.Most-l.Least)*float64(k)/float64(grid-1)
	})
	out.plain = float64(out.keeping) / float64(out.runs)
	if math.IsInf(out.best, 1) {
		return out
	}
	d.closer(tb, s, &out, 0.5/float64(grid-1))
	return out
}

// all runs every schedule of n values a piece.
func (d *drawn) all(tb testing.TB, s *rehearse.Stage, out *exhausted, n int, at func(l *rehearse.Limits, piece, k int) float64) {
	tb.Helper()
	for i := range n * n * n * n {
		var x [4]float64
		for j, k := 0, i; j < 4; j, k = j+1, k/n {
			x[j] = at(&d.limits[j/2], j, k%n)
		}
		worst, crest, pools := d.run(tb, s, []rehearse.Schedule{ramped(&d.limits[0], x[0], x[1]), ramped(&d.limits[1], x[2], x[3])})
		out.runs++
		if d.breaks(pools, 1e-6) != "" {
			continue
		}
		out.keeping++
		if worst < out.best {
			out.best, out.crest, out.where = worst, crest, x
		}
	}
}

// closer runs grids of three values a piece around the best, which move with it and
// close in when nothing is gained, until their mesh is 1/500 of the range.
func (d *drawn) closer(tb testing.TB, s *rehearse.Stage, out *exhausted, mesh float64) {
	tb.Helper()
	for mesh > 1./500 {
		centre, before := out.where, out.best
		d.all(tb, s, out, 3, func(l *rehearse.Limits, piece, k int) float64 {
			return min(max(centre[piece]+mesh*(l.Most-l.Least)*float64(k-1), l.Least), l.Most)
		})
		if !(out.best < before-1e-6) {
			mesh /= 2
		}
	}
}

// pieces are what the found releases stand at, each half's once its ramp is over.
func pieces(all []rehearse.Schedule) (out [4]float64) {
	for i, x := range all {
		for _, r := range x.Releases {
			if r.After < 12*time.Hour {
				out[2*i] = r.Outflow
			}
			out[2*i+1] = r.Outflow
		}
	}
	return out
}

// On cases that the search was not made for, drawn with other valleys, storms, curves,
// limits and towns, it is within 1 % of the best of grids that close in around their
// best, and of others that close in around what it found itself.
// Every limit is kept at every step, told by other means, and no water is lost. Cases
// in which hardly a schedule of the grid keeps the limits are drawn again.
//
//	go test ./internal/rehearse -run HeldOut -heldout 24 -v
//
// looks at more of them than the gate has time for; docs/models/rehearsal.md has the
// result.
func TestHeldOutCasesOfTheSearch(t *testing.T) {
	grid, sum, most, done := 3, 0.0, math.Inf(-1), 0
	if *heldOut > 2 {
		grid = 5
	}
	for seed := uint64(1); done < *heldOut; seed++ {
		d := draw(t, seed)
		s := stage(t, live(t, d.catalogue, nil))
		want := d.exhaust(t, s, grid)
		if want.plain < 0.05 || want.plain > 0.9 || !(want.crest > 1.1*want.before) {
			t.Logf("seed %d: %.0f %% of the grid keep the limits, the best crest is %.2f, it began at %.2f: no case", seed, 100*want.plain, want.crest, want.before)
			continue
		}
		done++
		found, err := s.Search(t.Context(), rehearse.Search{Scenario: d.scenario, Limits: d.limits, Targets: d.targets, Pieces: 2, Runs: 600, Points: 3, Seed: seed}, nil, nil, nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		worst, crest, pools := d.run(t, s, found.Schedules)
		near := exhausted{best: math.Inf(1), where: pieces(found.Schedules)}
		d.closer(t, s, &near, 0.02)
		off := (worst - min(want.best, near.best)) / crest
		sum, most = sum+off, max(most, off)
		t.Logf("seed %d: %d of %d schedules keep the limits, the best comes to %.4f, around what was found %.4f; found %.4f in %d runs, a crest %+.2f %% off; %d limits bind",
			seed, want.keeping, want.runs, want.best, near.best, worst, found.Runs, 100*off, len(found.Bounds))
		if off > 0.01 {
			t.Errorf("seed %d: found %.4f over, the grids %.4f: the crest is %.2f %% higher", seed, worst, min(want.best, near.best), 100*off)
		}
		if math.Abs(worst-found.Worst) > 1e-9 {
			t.Errorf("seed %d: it is %.6f over, the search says %.6f", seed, worst, found.Worst)
		}
		if why := d.breaks(pools, 1e-5); why != "" || !found.Feasible {
			t.Errorf("seed %d: feasible %v; %s", seed, found.Feasible, why)
		}
		if gone := d.lost(pools); !(gone < 1e-4) {
			t.Errorf("seed %d: %g million m³ do not balance", seed, gone)
		}
	}
	t.Logf("%d cases, the crest %+.2f %% off the grids' on the mean, %+.2f %% at most", done, 100*sum/float64(done), 100*most)
}
