package bench

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/demo/scenario"
	"freshet/internal/hydro"
	"freshet/internal/replay"
	freshetv1 "freshet/proto/freshet/v1"
)

// ScenarioOptions say what [Scenario] measures.
type ScenarioOptions struct {
	App   app.Options
	Hours int // of the demo's storm before the rehearsals
	Count int // rehearsals
	Now   func() time.Time
	CPU   func() time.Duration // processor time of this process so far, 0 where it cannot be told
}

// A ScenarioResult is what one run measured.
type ScenarioResult struct {
	Stations   int     `json:"stations"`
	HorizonH   float64 `json:"horizon_h"`
	Rehearsals int     `json:"rehearsals"`
	FirstMS    float64 `json:"first_ms"` // with the situation as it is, which the others share
	MedianMS   float64 `json:"median_ms"`
	P99MS      float64 `json:"p99_ms"`
	MostMS     float64 `json:"most_ms"`
	Seconds    float64 `json:"seconds"` // of all
	CPUSeconds float64 `json:"cpu_seconds,omitempty"`
	Changes    int     `json:"stage_changes"` // of the walks, all told
}

// Scenario starts a server, plays hours of the demo's storm to it, and times
// rehearsals over gRPC, one after the other, each of another design storm with soil
// and releases changed.
func Scenario(ctx context.Context, o ScenarioOptions) (r ScenarioResult, err error) {
	if o.Hours < 1 || o.Hours > 90 || o.Count < 2 || o.Count > 10_000 || o.Now == nil || o.CPU == nil {
		return r, fmt.Errorf("bench: hours %d is not in 1 to 90, or count %d not in 2 to 10000, or clocks are missing: %w", o.Hours, o.Count, hydro.ErrInvalid)
	}
	o.App.Clock = "driven"
	a, err := app.Start(ctx, o.App)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := a.WaitReady(ctx); err != nil {
		return r, err
	}
	storm, err := scenario.New(a.Catalog(), scenario.DefaultSeed)
	if err != nil {
		return r, err
	}
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	clock := client.NewClock(conn, client.Backoff{})
	if err := clock.Advance(ctx, storm.Start().Add(-storm.Step())); err != nil {
		return r, err
	}
	var gateways []*client.Gateway
	for _, d := range hydro.Departments {
		g, err := client.Open(ctx, conn, d, "bench-"+d.String(), client.Options{})
		if err != nil {
			return r, err
		}
		defer g.Close()
		gateways = append(gateways, g)
	}
	if err := replay.Drive(ctx, clock, stormSteps(storm, gateways, o.Hours), replay.DriveOptions{}); err != nil {
		return r, err
	}
	c := freshetv1.NewForecastServiceClient(conn)
	var took []float64
	began, cpu := o.Now(), o.CPU()
	for i := range o.Count {
		x := &freshetv1.Scenario{
			Rain:      &freshetv1.ScenarioRain{Kind: freshetv1.ScenarioRainKind_SCENARIO_RAIN_KIND_STORM, Total: 50 + float64(i%100)*2, DurationS: 6 * 3600, Peak: 0.4},
			Soil:      []*freshetv1.ScenarioSoil{{Water: &freshetv1.ScenarioSoil_Change{Change: 0.3}}},
			Schedules: []*freshetv1.ScenarioSchedule{{Reservoir: a.Catalog().Basins[0].Reservoirs[0].ID, Releases: []*freshetv1.ScenarioRelease{{Outflow: 100}, {AfterS: 6 * 3600, Outflow: 300}}}},
		}
		from := o.Now()
		got, err := c.RunScenario(ctx, &freshetv1.RunScenarioRequest{Scenario: x})
		if err != nil {
			return r, err
		}
		took = append(took, o.Now().Sub(from).Seconds()*1000)
		p := got.GetRehearsal()
		r.Stations, r.HorizonH, r.Changes = len(p.GetStations()), float64(p.GetHorizonS())/3600, r.Changes+len(p.GetWalk().GetChanges())
	}
	r.Rehearsals, r.Seconds, r.CPUSeconds = o.Count, o.Now().Sub(began).Seconds(), (o.CPU() - cpu).Seconds()
	r.FirstMS = took[0]
	slices.Sort(took)
	r.MedianMS, r.P99MS, r.MostMS = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	return r, nil
}

// stormSteps are the first hours of a storm.
func stormSteps(storm *scenario.Storm, gateways []*client.Gateway, hours int) iter.Seq2[replay.Step, error] {
	return func(yield func(replay.Step, error) bool) {
		for i := range min(storm.Steps(), hours*int(time.Hour/storm.Step())) {
			f := storm.Frames(i)
			var frames []replay.Frame
			for d, r := range []client.Reports{{Weather: f.Weather}, {Hydrology: f.Hydrology}, {WaterResources: f.WaterResources}} {
				if r.Len() > 0 {
					frames = append(frames, replay.Frame{Gateway: gateways[d], Reports: r})
				}
			}
			if !yield(replay.Step{To: f.At, Frames: frames}, nil) {
				return
			}
		}
	}
}
