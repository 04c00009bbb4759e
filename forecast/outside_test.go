package forecast_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// outside is a program of a module of its own: it may import nothing internal, and
// can write down no type that has no name outside.
const outside = `package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"time"

	"freshet/forecast"
	"freshet/forecast/band"
	"freshet/forecast/calibrate"
	"freshet/forecast/loss"
	"freshet/forecast/network"
	"freshet/forecast/param"
	"freshet/forecast/rain"
	"freshet/forecast/rating"
	"freshet/forecast/reservoir"
	"freshet/forecast/routing"
	"freshet/forecast/runoff"
	"freshet/forecast/skill"
	"freshet/forecast/tidal"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/updating"
	"freshet/forecast/xinanjiang"
)

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

const dt, steps, area = 3600.0, 24, 100.0 // s, –, km²

func main() {
	// Rain: one gauge reports for three hours, the other is silent.
	ms := int64(dt * 1000)
	depth := make([]float64, steps)
	var reports []rain.Report
	for i := range steps {
		mm := 0.0
		if i < 3 {
			mm = 20
		}
		reports = append(reports, rain.Report{At: int64(i+1) * ms, Length: ms, MM: mm})
	}
	rain.Prorate(slices.Values(reports), 0, ms, steps*ms, depth)
	places := []rain.Place{{Lon: 112, Lat: 22}, {Lon: 112.1, Lat: 22}}
	weights := must(rain.New(places, places, 0)).Weights()
	nan := make([]float64, 1)
	updating.Resample(slices.Values([]updating.Sample(nil)), 0, ms, ms, ms, nan)

	// Runoff by three methods, a unit hydrograph, a reach, a network of one reach.
	one := must(runoff.New(runoff.Parameters{Capacity: 120, Exponent: 0.3, Evaporation: 3}, dt))
	xaj := must(xinanjiang.New(xinanjiang.Parameters{K: 0.9, WUM: 20, WLM: 60, WDM: 40, C: 0.15, B: 0.3, IM: 0.02, SM: 20, EX: 1.2, KI: 0.3, KG: 0.4, CI: 0.7, CG: 0.98}, dt))
	cn := must(loss.NewCurveNumber(75, 0.2))
	uh := must(unithydrograph.Nash(2, 3600, dt))
	s, x, storm := runoff.State{Tension: 90}, xaj.Start(0.8), loss.Storm{}
	flow := make([]float64, steps+len(uh))
	var other [2]float64
	for t := range steps {
		mm := weights.Areal([]float64{depth[t], nan[0]}).Rain
		var f runoff.Flux
		s, f = one.Step(s, mm)
		uh.Add(flow[t:], f.Fast*area*1000/dt)
		var g xinanjiang.Flux
		x, g = xaj.Step(x, mm, 0.1)
		var excess float64
		storm, excess = cn.Step(storm, mm)
		other[0] += g.Total()
		other[1] += excess
	}
	flow = flow[:steps]
	reach := must(routing.NewMuskingum(7200, 0.2, dt, 0))
	routed := make([]float64, steps)
	reach.Route(reach.Steady(0), flow, routed)
	tree := must(network.NewTree([]int{-1}))
	reaches := must(routing.NewMuskingumReaches([]routing.Muskingum{reach}, routing.Current))
	net := must(network.New(tree, reaches, network.DefaultOptions()))
	peak := 0.0
	must(net.Run(&network.Run{Steps: steps, Lateral: func(_, from int, q []float64) { copy(q, flow[from:]) }, Flow: func(_, _ int, q []float64) { peak = max(peak, slices.Max(q)) }}))

	// A correction, a rating, a band, a score, a reservoir, a fit.
	c := must(updating.NewCorrector(6*3600, dt, updating.Parts{}))
	corrected := make([]float64, steps)
	c.Correct(updating.Error{}, routed, flow, corrected)
	table := must(rating.New([]rating.Point{{Level: 0, Discharge: 0}, {Level: 4, Discharge: 800}}, "pearl", 0, 4))
	level, _ := table.Level(slices.Max(routed))
	b := must(band.New(band.Parameters{Leads: 1, Offset: 1, Gain: 0.01}))
	state, bands := b.Start(), make([]band.Band, 1)
	for i := range 500 {
		b.Step(&state, 90+float64(i*i*7919%201)/10, []float64{100})
	}
	b.Quantiles(&state, [][]float64{{100}}, bands)
	limit := reservoir.LimitOn(nil, 6, 1)
	tides := tidal.Turns([]tidal.Turn{{At: 0, Level: 1}, {At: 6 * 3600_000, Level: -1}})
	below := must(tidal.New(tidal.Level{Mean: 0.5, Gain: 0.8, Damping: 0.001, Exponent: 1}))
	fit := must(calibrate.Minimize(calibrate.Problem{
		Parameters: []calibrate.Parameter{{Param: param.Param{Name: "x", Unit: "–", Lo: 0, Hi: 10}}},
		Objective:  func(x []float64) (float64, error) { return (x[0] - 3) * (x[0] - 3), nil },
	}, calibrate.Options{Seed: 1}))
	fmt.Printf("%.0f m³/s, %.0f m³/s routed, %.0f by the network, %.2f m, 90 %% below %.0f, runoff %.0f and %.0f mm, NSE %.1f, no limit level %t, x %.2f, below the tide limit %.2f m\n",
		slices.Max(flow), slices.Max(routed), peak, level, bands[0].Quantile[5], other[0], other[1], skill.NSE(flow, flow), limit != limit, fit.X[0], below.At(tides.At(0), 100))

	// The model of a basin: files in, a forecast out.
	var files []forecast.File
	for _, name := range must(filepath.Glob(filepath.Join(os.Args[1], "*.yaml"))) {
		files = append(files, forecast.File{Name: filepath.Base(name), Data: must(os.ReadFile(name))})
	}
	m := must(forecast.Load(files, "tanjiang"))
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	var asked []forecast.Key
	f, next, err := m.Run(m.Start(now), now, "by hand", func(k forecast.Key) *forecast.History { asked = append(asked, k); return nil }, forecast.Ahead{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d stations, asked for series: %t, next from %s, %s\n", len(f.Stations), len(asked) > 0, next.At.Format(time.RFC3339), f.RainAssumed)

	// With rain by cells, a release plan, and a gate plan that was taken back.
	west := forecast.RainForecast{Source: "grid", IssuedAt: now, ValidUntil: now.Add(48 * time.Hour), From: now, Step: time.Hour,
		Areas: []forecast.RainArea{{Cell: forecast.Cell{West: 111, South: 21, East: 114, North: 23}, Rain: []float64{20, 10, 0}}}}
	ordered := forecast.DispatchPlan{Reservoir: "jinjiang", OrderedBy: "office", IssuedAt: now, ValidFrom: now, ValidUntil: now.Add(24 * time.Hour),
		Releases: []forecast.Release{{From: now, Outflow: 50}}}
	back := forecast.DispatchPlan{Reservoir: "zhenhai", OrderedBy: "office", IssuedAt: now, ValidFrom: now, ValidUntil: now.Add(24 * time.Hour),
		Gates: []forecast.GateSetting{{From: now, Outlet: "gate", Opening: 1}}, Withdrawn: &forecast.Withdrawal{By: "office", At: now, Reason: "mistaken"}}
	f, _, err = m.Run(m.Start(now), now, "by hand", func(forecast.Key) *forecast.History { return nil },
		forecast.Ahead{Rain: []forecast.Rain{m.Rain(&west)}, Plans: []forecast.DispatchPlan{ordered, back}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s; %s\n", f.RainAssumed, f.Plan)
}
`

// The kernels, and the model by Load, serve a program of another module, offline: with
// what go mod download has fetched.
func TestAModuleOfItsOwnUsesTheForecast(t *testing.T) {
	top := root(t)
	dir := t.TempDir()
	mod, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go .+$`).Find(mod)
	sum, err := os.ReadFile(filepath.Join(top, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod":  fmt.Sprintf("module outside\n\n%s\n\nrequire freshet v0.0.0\n\nreplace freshet => %s\n", version, top),
		"go.sum":  string(sum),
		"main.go": outside,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Every kernel is used there, and none imports what is internal.
	kernels, err := filepath.Glob(filepath.Join(top, "forecast", "*", "*.go"))
	if err != nil || len(kernels) == 0 {
		t.Fatal(err)
	}
	for _, file := range kernels {
		if name := "freshet/forecast/" + filepath.Base(filepath.Dir(file)); !strings.Contains(outside, `"`+name+`"`) {
			t.Errorf("%s is not used from outside", name)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") && strings.Contains(string(text), `"freshet/internal/`) {
			t.Errorf("%s imports something internal", file)
		}
	}
	c := exec.Command("go", "run", ".", filepath.Join(top, "deploy", "catalog", "tanjiang"))
	c.Dir = dir
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod -trimpath", "GOPROXY=off", "GOTOOLCHAIN=local", "GOWORK=off", "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := "223 m³/s, 169 m³/s routed, 171 by the network, 0.84 m, 90 % below 109, runoff 20 and 15 mm, NSE 1.0, no limit level true, x 3.00, below the tide limit 1.20 m\n" +
		"13 stations, asked for series: true, next from 2026-05-31T00:00:00Z, no further rain assumed\n" +
		"rain forecast of grid, issued 2026-06-01 00:00Z, valid until 2026-06-03 00:00Z; release plan of reservoir jinjiang, ordered by office, issued 2026-06-01 00:00Z, valid 2026-06-01 00:00Z to 2026-06-02 00:00Z\n"
	if got := string(out); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
