package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/termui"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

var issued = time.Date(2026, 6, 10, 6, 35, 0, 0, time.UTC)

// steps is how many values the test's forecasts have.
const steps = 288

func wave(base, height float64, peak int) []float64 {
	out := make([]float64, steps)
	for i := range out {
		out[i] = base + height*math.Exp(-math.Pow(float64(i-peak)/40, 2))
	}
	return out
}

// band widens with the lead from what the forecast says, hourly for a day; the
// level's half as far below as above, as rivers are.
func band(discharge, level []float64) []hydro.BandStep {
	from := [7]float64{-0.9, -0.7, -0.35, 0, 0.5, 1.2, 1.8}
	out := make([]hydro.BandStep, 24)
	for i := range out {
		width := math.Sqrt(float64(i+1) / 24)
		for k, x := range from {
			out[i].Discharge[k] = discharge[4*i+3] * (1 + 0.3*x*width)
			out[i].Level[k] = level[4*i+3] + 0.8*x*width
		}
		out[i].Errors = 412
	}
	return out
}

func testForecast() hydro.Forecast {
	at := func(i int) time.Time { return issued.Add(time.Duration(i+1) * 15 * time.Minute) }
	nan := make([]float64, steps)
	for i := range nan {
		nan[i] = math.NaN()
	}
	level := func(stage hydro.Stage, threshold float64, when time.Time) hydro.Crossing {
		return hydro.Crossing{Stage: stage, Variable: hydro.WaterLevel, Threshold: threshold, At: when}
	}
	end := issued.Add(24 * time.Hour)
	chance := func(p float64, early, middle, late int) hydro.Chance {
		return hydro.Chance{Until: end, Probability: p, Early: at(early), Middle: at(middle), Late: at(late)}
	}
	crossings := []hydro.Crossing{level(hydro.Blue, 5, issued), level(hydro.Yellow, 7, at(35)), level(hydro.Orange, 8, at(48)), level(hydro.Red, 9, time.Time{})}
	crossings[0].Chance = hydro.Chance{Until: end, Probability: 1, Early: issued, Middle: issued, Late: issued}
	crossings[1].Chance = chance(0.97, 28, 35, 50)
	crossings[2].Chance = chance(0.62, 38, 50, 78)
	crossings[3].Chance = chance(0.13, 45, 58, 80)
	return hydro.Forecast{
		BandStep: time.Hour, BandBasis: "errors of past runs without a rain forecast", Notes: []string{
			"no band yet at h-puqiao, h-shizui: fewer than 24 past errors in a situation like this",
		},
		Basin: "tanjiang", IssuedAt: issued, Trigger: "rise at h-enping", Catalogue: "sha256:0", Step: 15 * time.Minute, Horizon: 72 * time.Hour,
		DataCutoff: issued, ValidUntil: issued.Add(10 * time.Minute), MissingGauges: []string{"h-chikan: stuck"}, RainCoverage: 0.94,
		RainAssumed: "no further rain assumed", Plan: "last observed outflow held", Illustrative: true,
		Stations: []hydro.StationForecast{
			{
				Station: "h-enping", Datum: hydro.PearlRiver, Discharge: wave(400, 900, 60), Level: wave(5.2, 3.1, 60), NowDischarge: 430, NowLevel: 5.31,
				Peak: hydro.Peak{At: at(60), Discharge: 1300, Level: 8.3}, Updated: true, Extrapolated: true,
				Crossings: crossings, Band: band(wave(400, 900, 60), wave(5.2, 3.1, 60)),
			},
			{
				Station: "h-puqiao", Datum: hydro.PearlRiver, Discharge: wave(400, 100, 0), Level: wave(2, 0.4, 0), NowDischarge: 500, NowLevel: 2.4,
				Peak: hydro.Peak{At: issued, Discharge: 500, Level: 2.4}, Updated: true,
				Crossings: []hydro.Crossing{level(hydro.Blue, 4, time.Time{}), level(hydro.Yellow, 5, time.Time{})},
			},
			{
				Station: "h-shizui", Discharge: wave(800, 2200, 287), Level: nan, NowDischarge: 812, NowLevel: math.NaN(),
				Peak: hydro.Peak{At: at(287), Discharge: 3000, Level: math.NaN(), AtEnd: true},
			},
		},
	}
}

// A fixedServer answers with one forecast.
type fixedServer struct {
	freshetv1.UnimplementedForecastServiceServer
	freshetv1.UnimplementedStationServiceServer
	freshetv1.UnimplementedClockServiceServer
	run hydro.Forecast
	now time.Time
}

func (f fixedServer) GetForecast(_ context.Context, req *freshetv1.GetForecastRequest) (*freshetv1.GetForecastResponse, error) {
	run := f.run
	if id := req.GetStation(); id != "" {
		i := slices.IndexFunc(run.Stations, func(s hydro.StationForecast) bool { return s.Station == id })
		if i < 0 {
			return nil, status.Errorf(codes.NotFound, "station %q: not found", id)
		}
		run.Stations = run.Stations[i : i+1]
	}
	return &freshetv1.GetForecastResponse{Forecast: wire.FromForecast(&run)}, nil
}

func (f fixedServer) ListStations(context.Context, *freshetv1.ListStationsRequest) (*freshetv1.ListStationsResponse, error) {
	return &freshetv1.ListStationsResponse{Stations: []*freshetv1.Station{
		{Id: "h-enping", NameZh: "恩平", NameEn: "Enping", Basin: "tanjiang", Variables: []freshetv1.Variable{freshetv1.Variable_VARIABLE_WATER_LEVEL, freshetv1.Variable_VARIABLE_DISCHARGE}},
		{Id: "w-one", NameEn: "Rain One", Basin: "tanjiang", Variables: []freshetv1.Variable{freshetv1.Variable_VARIABLE_RAIN}},
		{Id: "w-two", NameEn: "Rain Two", Basin: "tanjiang", Variables: []freshetv1.Variable{freshetv1.Variable_VARIABLE_RAIN}},
		{Id: "w-far", NameEn: "Far Away", Basin: "other", Variables: []freshetv1.Variable{freshetv1.Variable_VARIABLE_RAIN}},
		{Id: "h-puqiao", NameZh: "蒲桥", NameEn: "Puqiao"},
		{Id: "h-shizui", NameZh: "石咀", NameEn: "Shizui"},
	}}, nil
}

func (f fixedServer) GetClock(context.Context, *freshetv1.GetClockRequest) (*freshetv1.GetClockResponse, error) {
	return &freshetv1.GetClockResponse{Now: timestamppb.New(f.now)}, nil
}

func serveForecast(t *testing.T, now time.Time) string {
	t.Helper()
	f := fixedServer{run: testForecast(), now: now}
	return serveTest(t, func(s *grpc.Server) {
		freshetv1.RegisterForecastServiceServer(s, f)
		freshetv1.RegisterStationServiceServer(s, f)
		freshetv1.RegisterClockServiceServer(s, f)
	})
}

func TestForecastReadsAsTheGoldenFiles(t *testing.T) {
	fresh, expired := serveForecast(t, issued.Add(time.Minute)), serveForecast(t, issued.Add(time.Hour))
	for _, c := range []struct {
		name string
		args []string
	}{
		{"table-zh", []string{"--server", fresh, "--lang", "zh"}},
		{"table-en", []string{"--server", expired, "--lang", "en"}},
		{"station-zh", []string{"--server", fresh, "--lang", "zh", "--station", "h-enping"}},
		{"station-band-en", []string{"--server", fresh, "--lang", "en", "--station", "h-enping"}},
		{"station-en", []string{"--server", fresh, "--lang", "en", "--station", "h-shizui"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := run(t.Context(), nil, append([]string{"forecast"}, c.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, c.name, got)
		})
	}
}

func TestForecastFitsANarrowTerminal(t *testing.T) {
	v := &forecastView{lang: termui.English, width: 80, run: testForecast(), now: issued, names: map[string]*freshetv1.Station{}}
	got := v.render(false)
	for line := range strings.Lines(got) {
		if w := termui.Width(strings.TrimSuffix(line, "\n")); w > 80 {
			t.Errorf("%d columns: %s", w, line)
		}
	}
	compareGolden(t, "table-80", got)
}

// compareGolden compares all but the honesty line, whose words are internal/hydro's
// and which must stand below in both languages.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	i := strings.LastIndex(got, "\n\n")
	got, honesty := got[:i+1], strings.NewReplacer("\n", "", " ", "").Replace(got[i:])
	f := testForecast()
	if want := strings.ReplaceAll(f.HonestyZH()+f.HonestyEN(), " ", ""); honesty != want {
		t.Errorf("honesty line:\n%s\nwant\n%s", honesty, want)
	}
	path := filepath.Join("testdata", "forecast-"+name+".golden")
	if *updateGolden {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestForecastJSONIsOneLine(t *testing.T) {
	got, _, err := run(t.Context(), nil, "forecast", "--server", serveForecast(t, issued), "--json")
	if err != nil || strings.Count(got, "\n") != 1 || !json.Valid([]byte(got)) {
		t.Errorf("%.200s, %v", got, err)
	}
}

func TestForecastErrorsAreSentences(t *testing.T) {
	_, _, err := run(t.Context(), nil, "forecast", "--server", serveForecast(t, issued), "--station", "nowhere")
	if !errors.Is(err, hydro.ErrNotFound) || err.Error() != `station "nowhere": not found` {
		t.Errorf("%v", err)
	}
	_, _, err = run(t.Context(), nil, "forecast", "--server", "127.0.0.1:1", "--timeout", "200ms")
	if !errors.Is(err, hydro.ErrUnavailable) || !strings.Contains(err.Error(), "freshet serve") {
		t.Errorf("%v", err)
	}
	_, _, err = run(t.Context(), nil, "forecast", "--issued-at", "yesterday")
	if !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestInstantsWithoutOffsetAreBeijingTime(t *testing.T) {
	for _, s := range []string{"2026-06-10T14:35", "2026-06-10 14:35", "2026-06-10T06:35:00Z", "2026-06-10T14:35:00+08:00"} {
		if got, err := parseInstant(s); err != nil || !got.Equal(issued) {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
}
