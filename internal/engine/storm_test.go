package engine_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/alert/group"
	"freshet/alert/notify"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// A flood is a storm over a made-up basin of 100 river gauges, a main stem of 40
// with 12 tributaries of 5, and 100 rain gauges, one at each of their sub-basins. A
// belt of rain moves down the basin, and a wave follows it from every headwater.
type flood struct {
	cat   *catalog.Catalog
	nodes []bend
}

// A bend is one node of the flood.
type bend struct {
	id    string
	down  int       // -1: the mouth
	from  float64   // hours that the wave travels from the headwaters to here
	crest float64   // m³/s
	steps []float64 // thresholds of blue to red, m³/s
}

const (
	floodHours = 20
	floodStep  = 10 * time.Minute // of reports and of the model
)

func newFlood(tb testing.TB) *flood {
	tb.Helper()
	f := &flood{}
	for i := range 40 {
		f.nodes = append(f.nodes, bend{id: fmt.Sprintf("m%02d", i), down: i + 1, from: float64(i) * 0.2})
	}
	f.nodes[39].down = -1
	for i := range 12 {
		for j := range 5 {
			b := bend{id: fmt.Sprintf("t%02d%d", i, j), down: len(f.nodes) + 1, from: 1 + float64(j)*0.2}
			if j == 4 {
				b.down = 3 * (i + 1)
			}
			f.nodes = append(f.nodes, b)
		}
	}
	var y strings.Builder
	w := func(format string, args ...any) { fmt.Fprintf(&y, format+"\n", args...) }
	w("catalog: {name: flood, title: Flood}")
	w("profiles:\n  - {id: flow, parameters: [{variable: discharge, every: 10m}]}\n  - {id: gauge, parameters: [{variable: rain, every: 10m}]}")
	w("stations:")
	for i, n := range f.nodes {
		lon, lat := 112+float64(i%10)/50, 22+float64(i/10)/50
		w("  - {id: h-%s, name: H%s, department: hydrology, kind: hydrological, basin: flood, river: R, at: [%.2f, %.2f], zone: Asia/Shanghai, datum: STATION, profile: flow}", n.id, n.id, lon, lat)
		w("  - {id: w-%s, name: W%s, department: weather, kind: rain, basin: flood, at: [%.2f, %.2f], zone: Asia/Shanghai, profile: gauge}", n.id, n.id, lon, lat)
	}
	w("basins:\n  - id: flood\n    name: F\n    settings: {step: 10m, output_step: 30m, horizon: 24h, every: 30m, warmup: 6h, error_half_life: 6h, dead_band: 0, dead_band_share: 0, dwell_raise: 0s, dwell_lower: 0s, persistence: 1, blind_after: 2, band: off}")
	w("    season: {name: S, from: 05-21, to: 06-20, day_start: 08:00, zone: Asia/Shanghai}\n    nodes:")
	for _, n := range f.nodes {
		w("      - {id: %s, name: N, gauge: h-%s, base_flow: 20}", n.id, n.id)
	}
	w("    reaches:")
	for _, n := range f.nodes {
		if n.down >= 0 {
			w("      - {id: r-%s, from: %s, to: %s, length: 3, k: 12m, x: 0.1}", n.id, n.id, f.nodes[n.down].id)
		}
	}
	w("    sub_basins:")
	for i, n := range f.nodes {
		w("      - {id: c-%s, name: C, node: %s, area: 30, centre: [%.2f, %.2f], gauges: [w-%s], runoff: {capacity: 130, exponent: 0.3, initial_store: 0.7, base_share: 0.3, base_recession: 40h, uh_reservoirs: 2, uh_scale: 1h}}",
			n.id, n.id, 112+float64(i%10)/50, 22+float64(i/10)/50, n.id)
	}
	w("people: [{id: p, name: P, department: hydrology, phones: ['1']}, {id: q, name: Q, department: hydrology, phones: ['2']}]") // neither answers
	w("rosters: [{id: d, name: D, department: hydrology, always: [p, q]}]")
	w("stage_tables:")
	for i := range f.nodes {
		n := &f.nodes[i]
		n.crest = 100 + 40*n.from
		for k := range 4 { // every third crest stops at blue, every third at orange
			n.steps = append(n.steps, n.crest*(0.5+0.1*float64(k))*[]float64{1, 1.2, 1.6}[i%3])
		}
		w("  - {station: h-%s, valid_from: 2026-01-01, source: t, datum: STATION, thresholds: [{variable: discharge, blue: %.3f, yellow: %.3f, orange: %.3f, red: %.3f}]}", n.id, n.steps[0], n.steps[1], n.steps[2], n.steps[3])
		w("  - {station: w-%s, valid_from: 2026-01-01, source: t, thresholds: [{variable: rain, window: 1h, blue: 20, yellow: 30, orange: 40, red: 50, legs: [observed]}]}", n.id)
		for k := range n.steps { // as the catalogue has them
			n.steps[k] = math.Round(n.steps[k]*1000) / 1000
		}
	}
	cat, problems := catalog.Load([]hydro.File{{Name: "flood.yaml", Data: []byte(y.String())}})
	if len(problems) > 0 {
		tb.Fatal(catalog.Problems(problems))
	}
	f.cat = cat
	return f
}

// rain is what fell at a node in the interval that ends so many hours after start.
func (b *bend) rain(hours float64) float64 {
	d := hours - 3 - b.from/2
	return math.Round(9*math.Exp(-d*d)*10) / 10
}

// flow is the discharge at a node.
func (b *bend) flow(hours float64) float64 {
	d := hours - 6 - b.from
	return math.Round((20+(b.crest-20)*math.Exp(-d*d/4))*10) / 10
}

// due are the reports that stations send in one minute: each has its own minute of
// the ten. Hydrology is silent from 12 h to 14 h.
func (f *flood) due(at time.Time) *hydro.Batch {
	b := &hydro.Batch{Basin: "flood", ReceivedAt: at}
	hours := at.Sub(start).Hours()
	minute := int(at.Sub(start) / time.Minute)
	for i := range f.nodes {
		if n := &f.nodes[i]; i%10 == minute%10 {
			q, mm := n.flow(hours), n.rain(hours)
			if hours < 12 || hours >= 14 {
				b.Readings = append(b.Readings, hydro.Reading{Key: hydro.Key{Station: "h-" + n.id, Variable: hydro.Discharge}, At: at, Value: q, Raw: q})
			}
			b.Readings = append(b.Readings, hydro.Reading{Key: hydro.Key{Station: "w-" + n.id, Variable: hydro.Rain}, At: at, Interval: floodStep, Value: mm, Raw: mm})
		}
	}
	return b
}

// met is the highest stage whose threshold v meets.
func (b *bend) met(v float64) hydro.Stage {
	stage := hydro.Clear
	for k, step := range b.steps {
		if v >= step {
			stage = hydro.Blue + hydro.Stage(k)
		}
	}
	return stage
}

// A storm of 200 stations is at most ten feed items in ten minutes, every station
// stands where its own readings and the run say, and the groups' times are the
// engine's own.
func TestAStormOf200StationsIsAFewItems(t *testing.T) {
	f := newFlood(t)
	e := engine.New("flood")
	var (
		seq      uint64
		items    []hydro.GroupChange
		warnings int
		told     = map[string]hydro.GroupChange{}
		latest   *hydro.Forecast
		seen     = map[string][4]time.Time{} // when each stage was first met, by the readings
		last     = map[string]float64{}      // the latest discharge
		reds     = map[string]bool{}         // stations that stood at red
		restored *engine.Engine
		compared int
		people   []time.Time // when a receiver of mails or of a robot was told something, by default
	)
	receivers, err := notify.Parse("notify.yaml", []byte("receivers: [{name: x, kind: email, server: 'm.example.org:25', tls: none, from: a@example.org, to: [b@example.org]}]"), f.cat)
	if err != nil {
		t.Fatal(err)
	}
	apply := func(in hydro.Input) {
		t.Helper()
		seq++
		in.Seq = seq
		outs, err := e.Apply(in)
		if err != nil {
			t.Fatal(err)
		}
		if restored != nil {
			again, err := restored.Apply(in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(outs, again, cmpopts.EquateNaNs()); diff != "" {
				t.Fatalf("input %d: an engine that was restored goes another way (-whole +restored):\n%s", seq, diff)
			}
		}
		for _, o := range outs {
			if it, ok := notify.ItemOf(o, f.cat); ok && receivers[0].Wants(&it) {
				people = append(people, e.Now())
			}
			switch {
			case o.Forecast != nil:
				latest = o.Forecast
			case o.Warning != nil:
				warnings++
				if o.Warning.Group == "" {
					t.Fatalf("%s belongs to no group", o.Warning.ID)
				}
			case o.Group != nil:
				items = append(items, *o.Group)
				told[o.Group.ID] = *o.Group
				compared += f.checkArrivals(t, o.Group, latest, seen)
			}
		}
	}
	apply(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: f.cat.Version, Files: f.cat.Files(), At: start}})
	for m := range floodHours * 60 {
		at := start.Add(time.Duration(m) * time.Minute)
		b := f.due(at)
		for _, r := range b.Readings {
			if r.Variable != hydro.Discharge {
				continue
			}
			last[r.Station] = r.Value
			met := seen[r.Station]
			for k, step := range f.node(r.Station).steps {
				switch {
				case r.Value < step:
					met[k] = time.Time{}
				case met[k].IsZero():
					met[k] = at
				}
			}
			seen[r.Station] = met
		}
		apply(hydro.Input{Batch: b})
		apply(hydro.Input{Tick: &hydro.Tick{At: at}})
		if m%10 == 9 {
			f.checkStages(t, e, last, latest, at)
		}
		for _, s := range e.Statuses() {
			if s.Stage == hydro.Red {
				reds[s.Station] = true
			}
		}
		switch m { // across the height of the storm, and the outage
		case 7 * 60:
			data, err := e.Snapshot()
			if err == nil {
				restored, err = engine.Restore(data, f.cat)
			}
			if err != nil {
				t.Fatal(err)
			}
		case 9 * 60:
			one, err := e.Snapshot()
			two, err2 := restored.Snapshot()
			if err != nil || err2 != nil || !bytes.Equal(one, two) {
				t.Fatalf("the states differ after two hours: %v, %v", err, err2)
			}
			restored = nil
		}
	}

	busiest, first, waves, outages := 0, 0, 0, 0
	for i := range items {
		for items[i].At.Sub(items[first].At) >= group.Window {
			first++
		}
		busiest = max(busiest, i-first+1)
		if items[i].Event == hydro.GroupOpened {
			switch {
			case items[i].Kind == hydro.WaveGroup:
				waves++
			case items[i].Cause == "silent":
				outages++
			}
		}
	}
	most, begins := 0, 0
	for i := range people {
		for people[i].Sub(people[begins]) >= group.Window {
			begins++
		}
		most = max(most, i-begins+1)
	}
	t.Logf("people are told of %d things by default, at most %d in 10 min; machines get %d warnings one by one", len(people), most, warnings)
	if most > group.MaxItems || len(people) <= len(items) {
		t.Errorf("people are told of %d things, at most %d in 10 minutes, want at most %d; %d of them are groups", len(people), most, group.MaxItems, len(items))
	}
	t.Logf("%d warnings, %d stations red, %d items, at most %d in 10 min; %d waves, %d outages; %d times compared", warnings, len(reds), len(items), busiest, waves, outages, compared)
	if busiest > group.MaxItems {
		t.Errorf("%d items in 10 minutes, want at most %d", busiest, group.MaxItems)
	}
	if waves != 1 || outages != 1 {
		t.Errorf("%d waves and %d outages by silence, want one of each", waves, outages)
	}
	if warnings < 500 || len(reds) < 100 || compared < 1000 {
		t.Errorf("this is no storm: %d warnings, %d stations red, %d times compared", warnings, len(reds), compared)
	}
	for _, g := range e.Groups() {
		if l := told[g.ID]; !g.Closed() || !l.Closed() || l.Highest != g.Highest || l.Count != g.Count {
			t.Errorf("%s ends %s, closed %t, and was last told as %s, closed %t", g.ID, g.Stage, g.Closed(), l.Stage, l.Closed())
		}
	}
}

func (f *flood) node(station string) *bend {
	for i := range f.nodes {
		if f.nodes[i].id == station[2:] {
			return &f.nodes[i]
		}
	}
	return nil
}

// checkStages compares where stations stand with what their readings and the run
// say, in other words than the rules', and groups with both.
func (f *flood) checkStages(t *testing.T, e *engine.Engine, last map[string]float64, run *hydro.Forecast, at time.Time) {
	t.Helper()
	hours := at.Sub(start).Hours()
	if hours >= 12 && hours < 14.5 {
		return // nobody sees the river; silence has tests of its own
	}
	ahead := map[string]hydro.Stage{}
	for _, s := range run.Stations {
		n := f.node(s.Station)
		best := 0.0
		if s.Peak.At.After(run.IssuedAt) { // else it is what was observed
			best = s.Peak.Discharge
		}
		for _, q := range s.Discharge {
			best = max(best, q)
		}
		ahead[s.Station] = n.met(best)
	}
	stands := map[string]hydro.Stage{}
	for _, s := range e.Statuses() {
		want := hydro.Clear
		if n := f.node(s.Station); s.Station[0] == 'h' {
			want = max(n.met(last[s.Station]), ahead[s.Station])
		} else {
			sum := 0.0
			for k := range 6 { // the reports of the last hour
				m := int(at.Sub(start)/time.Minute) - 10*k
				for i := range f.nodes {
					if &f.nodes[i] == n {
						m -= ((m-i)%10 + 10) % 10
					}
				}
				if m >= 0 {
					sum += n.rain(float64(m) / 60)
				}
			}
			for k, mm := range []float64{20, 30, 40, 50} {
				if sum >= mm-1e-9 {
					want = hydro.Blue + hydro.Stage(k)
				}
			}
			if math.Abs(math.Mod(sum+5, 10)-5) < 1.5*9/6+3 { // the hour cuts a report in two: the sum is not known so well
				want = s.Stage
			}
		}
		if s.Stage != want {
			t.Fatalf("%s: %s stands at %s, its readings and the run say %s", at, s.Station, s.Stage, want)
		}
		stands[s.Station] = s.Stage
	}
	for _, g := range e.Groups() {
		for _, s := range g.Stations {
			if !g.Closed() && !s.JoinedAt.IsZero() && s.LeftAt.IsZero() && s.Stage != stands[s.Station] {
				t.Fatalf("%s: %s has %s at %s, it stands at %s", at, g.ID, s.Station, s.Stage, stands[s.Station])
			}
		}
	}
}

// checkArrivals compares the times of a group with the run's and with the readings',
// and returns how many it has compared.
func (f *flood) checkArrivals(t *testing.T, g *hydro.GroupChange, run *hydro.Forecast, seen map[string][4]time.Time) int {
	t.Helper()
	n := 0
	if g.Kind != hydro.WaveGroup {
		return 0
	}
	for _, s := range g.Stations {
		for _, a := range s.Arrivals {
			k := a.Stage - hydro.Blue
			if a.Observed {
				if want := seen[s.Station][k]; !want.IsZero() && !a.At.Equal(want) { // zero: it has fallen below since
					t.Fatalf("%s: observed at %s from %s on, said %s", g.At, s.Station, want, a.At)
				}
				n++
				continue
			}
			want, found := time.Time{}, false
			for _, x := range run.Stations {
				for _, c := range x.Crossings {
					if x.Station == s.Station && c.Stage == a.Stage {
						want, found = c.At, !c.At.IsZero()
					}
				}
			}
			if d := a.At.Sub(want); !found || d > floodStep || d < -floodStep {
				t.Fatalf("%s: %s is said to reach %s at %s, the run says %s", g.At, s.Station, a.Stage, a.At, want)
			}
			n++
		}
	}
	return n
}
