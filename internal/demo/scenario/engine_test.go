package scenario_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"freshet/ingest"
	"freshet/internal/demo/scenario"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
)

// english finds a word that is no unit and no station's id.
var english = regexp.MustCompile(`(?:^|[^A-Za-z-])[a-z_]{3,}(?:[^a-z-]|$)`)

// An outcome is what the normalizer and the engine made of a storm.
type outcome struct {
	accepted  int
	refused   map[hydro.RefusalReason]int
	warnings  []hydro.Warning
	explained []hydro.Explanation // each warning, right after the tick that gave it
	forecasts int
	flags     map[string]map[hydro.Tests][]time.Time // station -> test -> observed at
	statuses  map[string]hydro.StationStatus
	enping    []issued // each two hours
}

// An issued is the forecast of one station.
type issued struct {
	at    time.Time
	level []float64
}

// play sends a storm through the normalizer and an engine, without a server.
func play(t *testing.T, s *scenario.Storm) outcome {
	t.Helper()
	c := tanjiang(t)
	n, e := ingest.New(c, ingest.Limits{}), engine.New("tanjiang")
	out := outcome{refused: map[hydro.RefusalReason]int{}, flags: map[string]map[hydro.Tests][]time.Time{}, statuses: map[string]hydro.StationStatus{}}
	var seq uint64
	apply := func(in hydro.Input) {
		seq++
		in.Seq = seq
		outputs, err := e.Apply(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range outputs {
			if o.Warning != nil {
				out.warnings = append(out.warnings, *o.Warning)
				out.explained = append(out.explained, e.Explain(*o.Warning))
			}
			if o.Forecast != nil {
				out.forecasts++
				if n := len(out.enping); n == 0 || o.Forecast.IssuedAt.Sub(out.enping[n-1].at) >= 2*time.Hour {
					at := slices.IndexFunc(o.Forecast.Stations, func(f hydro.StationForecast) bool { return f.Station == "h-enping" })
					out.enping = append(out.enping, issued{o.Forecast.IssuedAt, o.Forecast.Stations[at].Level})
				}
			}
			for _, x := range o.Observations {
				if x.Tests == 0 {
					continue
				}
				if zh := hydro.WhyZH(x.Why); english.MatchString(zh) {
					t.Errorf("%q is English in Chinese: %q", x.Why, zh)
				}
				if out.flags[x.Station] == nil {
					out.flags[x.Station] = map[hydro.Tests][]time.Time{}
				}
				for bit := hydro.TestRange; bit <= hydro.NoteDatumConverted; bit <<= 1 {
					if x.Tests&bit != 0 {
						out.flags[x.Station][bit] = append(out.flags[x.Station][bit], x.At)
					}
				}
			}
		}
	}
	apply(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: s.Start()}})
	var r ingest.Result
	for i := range s.Steps() {
		f := s.Frames(i)
		for _, d := range hydro.Departments {
			var raws []hydro.Raw
			switch d {
			case hydro.Weather:
				raws = wire.WeatherRaw(nil, f.Weather)
			case hydro.Hydrology:
				raws = wire.HydrologyRaw(nil, f.Hydrology)
			case hydro.WaterResources:
				raws = wire.WaterResourcesRaw(nil, f.WaterResources)
			}
			n.Normalize(d, raws, f.At, &r)
			out.accepted += r.Accepted
			for _, x := range r.Rejections {
				out.refused[x.Reason]++
			}
			for _, b := range r.Basins {
				apply(hydro.Input{Batch: &hydro.Batch{Basin: b.Basin, ReceivedAt: f.At, Readings: slices.Clone(b.Readings), Refusals: slices.Clone(b.Refusals)}})
			}
		}
		apply(hydro.Input{Tick: &hydro.Tick{At: f.At}})
	}
	for _, x := range e.Statuses() {
		out.statuses[x.Station] = x
	}
	return out
}

func TestTheStormPassesThroughTheEngine(t *testing.T) {
	s := theStorm(t)
	got := play(t, s)

	t.Run("every stage is reached and lowered again", func(t *testing.T) {
		for _, station := range []string{"h-enping", "h-puqiao", "h-changsha"} {
			seen := map[hydro.Stage]bool{}
			for _, w := range got.warnings {
				if w.Station == station {
					seen[w.To] = true
				}
			}
			for _, stage := range []hydro.Stage{hydro.Blue, hydro.Yellow, hydro.Orange, hydro.Red} {
				if !seen[stage] {
					t.Errorf("%s was never %s", station, stage)
				}
			}
			if now := got.statuses[station].Stage; now != hydro.Clear {
				t.Errorf("%s ends %s", station, now)
			}
		}
	})

	t.Run("a steady release holds the river below it", func(t *testing.T) {
		// From the 36th hour on hardly any rain falls above Enping, and nobody knows of the
		// later changes of the release: what is forecast falls, and does not rise again.
		worst := 0.0
		for _, f := range got.enping {
			if f.at.Before(s.Start().Add(36 * time.Hour)) {
				continue
			}
			low := f.level[0]
			for _, h := range f.level {
				low = min(low, h)
				worst = max(worst, h-low)
			}
		}
		t.Logf("the forecast at Enping rises by %.2f m at most after it has fallen", worst)
		if worst > 0.5 {
			t.Errorf("the forecast at Enping dips and rises again by %.2f m", worst)
		}
	})

	t.Run("each fault is named", func(t *testing.T) {
		blind := func(station, cause string, from, to time.Time) bool {
			return slices.ContainsFunc(got.warnings, func(w hydro.Warning) bool {
				return w.Station == station && strings.Contains(w.Cause, cause) && w.At.After(from) && !w.At.After(to)
			})
		}
		flagged := func(station string, test hydro.Tests, from, to time.Time) bool {
			return slices.ContainsFunc(got.flags[station][test], func(at time.Time) bool { return !at.Before(from) && at.Before(to) })
		}
		for _, f := range s.Faults() {
			ok := true
			switch f.Kind {
			case scenario.Stuck:
				ok = flagged(f.Station, hydro.TestStuck, f.From, f.To) && blind(f.Station, "stuck", f.From, f.To)
			case scenario.Silent:
				ok = blind(f.Station, "silent", f.From, f.From.Add(15*time.Minute))
			case scenario.WrongDatum:
				ok = got.refused[hydro.DatumMismatch] > 600 && blind(f.Station, "datum_mismatch", f.From, f.From.Add(15*time.Minute))
			case scenario.Spike:
				ok = flagged(f.Station, hydro.TestSpike, f.From, f.To) || flagged(f.Station, hydro.TestRange, f.From, f.To)
			case scenario.Gap:
				ok = flagged(f.Station, hydro.TestGap, f.To.Add(-time.Minute), f.To.Add(10*time.Minute))
			case scenario.Late:
				ok = flagged(f.Station, hydro.TestLate, f.From, f.To)
			case scenario.Sentinel:
				ok = got.refused[hydro.MissingValue] > 8
			case scenario.CounterReset:
				ok = flagged(f.Station, hydro.TestCounterReset, f.From, f.To)
			case scenario.Duplicate: // shows in nothing, which is the point
			}
			if !ok {
				t.Errorf("%s of %s at hour %.1f was not named", f.Kind, f.Station, f.From.Sub(s.Start()).Hours())
			}
		}
		for _, station := range []string{"h-shizui", "w-longsheng"} {
			if now := got.statuses[station].Stage; now != hydro.Blind {
				t.Errorf("%s is silent for good and ends %s", station, now)
			}
		}
	})

	t.Run("nothing else is refused", func(t *testing.T) {
		for reason, n := range got.refused {
			if reason != hydro.MissingValue && reason != hydro.DatumMismatch {
				t.Errorf("%d readings refused: %s", n, reason)
			}
		}
	})

	t.Run("sound gauges are not called wrong", func(t *testing.T) {
		told := map[string]bool{}
		for _, f := range s.Faults() {
			told[f.Station] = true
		}
		for station, tests := range got.flags {
			if told[station] {
				continue
			}
			for _, test := range []hydro.Tests{hydro.TestRange, hydro.TestStep, hydro.TestSpike, hydro.TestStuck} {
				if n := len(tests[test]); n > 0 {
					t.Errorf("%s: %v fired %d times", station, test.Names(), n)
				}
			}
		}
	})

	t.Run("a second run is equal", func(t *testing.T) {
		again := play(t, s)
		if diff := cmp.Diff(got.warnings, again.warnings); diff != "" {
			t.Errorf("warnings differ (-first +second):\n%s", diff)
		}
		for i := range min(len(got.explained), len(again.explained)) { // as messages, where one NaN equals another
			one, two := wire.FromExplanation(&got.explained[i]), wire.FromExplanation(&again.explained[i])
			if !proto.Equal(one, two) {
				t.Fatalf("%s is explained otherwise: %q, then %q", got.warnings[i].ID, one.GetLinesEn(), two.GetLinesEn())
			}
		}
		if got.accepted != again.accepted || got.forecasts != again.forecasts {
			t.Errorf("%d readings and %d forecasts, then %d and %d", got.accepted, got.forecasts, again.accepted, again.forecasts)
		}
	})
}
