package main

import (
	"context"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/client"
	"freshet/internal/hydro"
	"freshet/internal/termui"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// past returns what the test's gauges observed in the 24 h before the issue: a
// level and a flow each half hour, silent for 3 h, with one suspect level; rain
// each hour.
func past(station string, v hydro.Variable) []hydro.Observation {
	var out []hydro.Observation
	for i := range 49 {
		at := issued.Add(time.Duration(i-48) * 30 * time.Minute)
		o := hydro.Observation{Reading: hydro.Reading{Key: hydro.Key{Station: station, Variable: v}, At: at}, Quality: hydro.Pass, ReceivedAt: at}
		switch {
		case v == hydro.Rain && i%2 == 0 && i > 0:
			o.Value, o.Interval = float64(i%7), time.Hour
		case v == hydro.WaterLevel && (i < 20 || i > 25):
			o.Value, o.Datum = 4+float64(i)/36, hydro.PearlRiver
			if i == 30 {
				o.Value, o.Quality, o.Tests = 6.5, hydro.Suspect, hydro.TestSpike
			}
		case v == hydro.Discharge && (i < 20 || i > 25):
			o.Value = 200 + 4.8*float64(i)
		default:
			continue
		}
		o.Raw = o.Value
		out = append(out, o)
	}
	return out
}

// GetHistory pages: no answer holds more than 30 observations.
func (f fixedServer) GetHistory(_ context.Context, req *freshetv1.GetHistoryRequest) (*freshetv1.GetHistoryResponse, error) {
	if f.run.Basin == "without a store" {
		return nil, status.Error(codes.Unavailable, "the store is away")
	}
	v, err := wire.ToVariable(req.GetVariable())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	resp := &freshetv1.GetHistoryResponse{}
	for _, o := range past(req.GetStation(), v) {
		if o.At.Before(req.GetFrom().AsTime()) || !o.At.Before(req.GetTo().AsTime()) {
			continue
		}
		if len(resp.Observations) == 30 {
			resp.Truncated = true
			break
		}
		resp.Observations = append(resp.Observations, wire.FromObservation(&o))
	}
	return resp, nil
}

func TestForecastDrawsTheHydrographOfAStation(t *testing.T) {
	server := serveForecast(t, issued.Add(time.Minute))
	dir := t.TempDir()
	for _, lang := range []string{"zh", "en"} {
		path := filepath.Join(dir, lang+".svg")
		_, notes, err := run(t.Context(), nil, "forecast", "--server", server, "--lang", lang, "--station", "h-enping", "--svg", path)
		if err != nil || strings.TrimSpace(notes) != path {
			t.Fatalf("%q, %v", notes, err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal(data, new(struct{})); err != nil {
			t.Error(err)
		}
		golden := filepath.Join("testdata", "forecast-"+lang+".svg")
		if *updateGolden {
			if err := os.WriteFile(golden, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(data)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", golden, diff)
		}
		f := testForecast()
		honesty := map[string]string{"zh": f.HonestyZH(), "en": f.HonestyEN()}[lang]
		text := regexp.MustCompile(`<text class="note"[^>]*>([^<]*)</text>`).FindAllStringSubmatch(string(data), -1)
		var printed strings.Builder
		for _, m := range text {
			printed.WriteString(strings.ReplaceAll(m[1], "&#39;", "'"))
		}
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if !strings.Contains(squeeze(printed.String()), squeeze(honesty)) {
			t.Errorf("%s: the honesty line is not in the figure:\n%s", lang, printed.String())
		}
		for _, want := range map[string][]string{
			"zh": {"恩平", "示例数据，非正式", "橙色 8.00 m", "珠江基面", "洪峰 8.30 m", "80 % 区间", "50 % 区间", `<polygon class="band"`, "2 站", "水位流量关系外延"},
			"en": {"Enping", "illustrative numbers, not official", "ORANGE 8.00 m", "PEARL_RIVER", "peak 8.30 m", "80 % of cases", "50 % (25–75 %)", `<polygon class="band"`, "mean of 2", "Rating extrapolated"},
		}[lang] {
			if !strings.Contains(string(data), want) {
				t.Errorf("%s: %q is not in the figure", lang, want)
			}
		}
	}
}

func TestForecastPNGIsAPictureWithEnglishCaptions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.png")
	_, notes, err := run(t.Context(), nil, "forecast", "--server", serveForecast(t, issued.Add(time.Hour)), "--lang", "zh", "--station", "h-enping", "--png", path)
	if err != nil || !strings.Contains(notes, "--font") || !strings.Contains(notes, path) {
		t.Fatalf("%q, %v", notes, err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.Decode(f); err != nil || img.Bounds().Dx() != 2000 {
		t.Errorf("%v", err)
	}
}

func TestForecastCSVHasTheNumbersOfTheAPI(t *testing.T) {
	server := serveForecast(t, issued.Add(time.Minute))
	path := filepath.Join(t.TempDir(), "f.csv")
	for _, station := range []string{"", "h-enping"} {
		args := []string{"forecast", "--server", server, "--csv", path}
		f := testForecast()
		if station != "" {
			args = append(args, "--station", station)
			f.Stations = f.Stations[:1]
		}
		if _, _, err := run(t.Context(), nil, args...); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(data), "# "+f.HonestyEN()+"\n# "+f.HonestyZH()+"\n") {
			t.Errorf("begins with %.200s", data)
		}
		r := csv.NewReader(strings.NewReader(string(data)))
		r.Comment = '#'
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(csvHeader, rows[0]); diff != "" {
			t.Error(diff)
		}
		number := func(s string) float64 {
			if s == "" {
				return math.NaN()
			}
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		type line struct {
			Station, Kind, At, Datum, Quality string
			Lead, Flow, Level                 float64
			Band                              string
		}
		var got, want []line
		for _, c := range rows[1:] {
			got = append(got, line{c[0], c[1], c[2], c[6], c[7], number(c[3]), number(c[4]), number(c[5]), strings.Join(c[8:], " ")})
		}
		noBand := strings.Repeat(" ", 14) // 15 empty cells
		stamp := func(at time.Time) string { return at.In(termui.Beijing).Format(time.RFC3339) }
		lead := func(at time.Time) float64 { return at.Sub(issued).Hours() }
		for _, s := range f.Stations {
			if station != "" {
				for _, o := range past(station, hydro.Discharge) {
					want = append(want, line{s.Station, "observed", stamp(o.At), "", o.Quality.String(), lead(o.At), o.Value, math.NaN(), noBand})
				}
				for _, o := range past(station, hydro.WaterLevel) {
					want = append(want, line{s.Station, "observed", stamp(o.At), "PEARL_RIVER", o.Quality.String(), lead(o.At), math.NaN(), o.Value, noBand})
				}
			}
			want = append(want, line{s.Station, "now", stamp(issued), string(s.Datum), "", 0, s.NowDischarge, s.NowLevel, noBand})
			for k := range s.Discharge {
				at := issued.Add(time.Duration(k+1) * f.Step)
				quantiles := noBand
				if (k+1)%4 == 0 && (k+1)/4 <= len(s.Band) { // the band is hourly, the forecast each 15 min
					b := s.Band[(k+1)/4-1]
					quantiles = strings.Trim(fmt.Sprint(b.Discharge), "[]") + " " + strings.Trim(fmt.Sprint(b.Level), "[]") + " 412"
				}
				want = append(want, line{s.Station, "forecast", stamp(at), string(s.Datum), "", lead(at), s.Discharge[k], s.Level[k], quantiles})
			}
		}
		same := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
		if diff := cmp.Diff(want, got, same); diff != "" {
			t.Errorf("station %q (-want +got):\n%s", station, diff)
		}
	}
}

func TestForecastFilesWithoutWhatTheyNeed(t *testing.T) {
	server := serveForecast(t, issued)
	dir := t.TempDir()
	for want, args := range map[string][]string{
		"name it with --station": {"--svg", filepath.Join(dir, "a.svg")},
		"no such file":           {"--station", "h-enping", "--svg", filepath.Join(dir, "none", "a.svg")},
		"--font":                 {"--station", "h-enping", "--png", filepath.Join(dir, "a.png"), "--font", filepath.Join(dir, "none.ttf")},
	} {
		_, _, err := run(t.Context(), nil, append([]string{"forecast", "--server", server}, args...)...)
		if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q, invalid", err, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// dialTest serves f and returns a link to it.
func dialTest(t *testing.T, f fixedServer) *grpc.ClientConn {
	t.Helper()
	conn, err := client.Dial(serveTest(t, func(s *grpc.Server) { freshetv1.RegisterStationServiceServer(s, f) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestAStoreThatIsAwayCostsTheObservationsAlone(t *testing.T) {
	v := &forecastView{lang: termui.English, run: testForecast(), now: issued, names: map[string]*freshetv1.Station{"h-enping": {Id: "h-enping", Variables: []freshetv1.Variable{freshetv1.Variable_VARIABLE_WATER_LEVEL}}}}
	v.run.Stations = v.run.Stations[:1]
	h := hydrograph{view: v, past: time.Hour, station: &v.run.Stations[0]}
	conn := dialTest(t, fixedServer{run: hydro.Forecast{Basin: "without a store"}})
	if err := h.history(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	f := h.figure(termui.English, v.name)
	if len(f.Lines) != 1 || !strings.Contains(strings.Join(f.Notes, "\n"), "Observations could not be read: ") || !strings.Contains(strings.Join(f.Notes, "\n"), "the store is away") {
		t.Errorf("%d lines, notes %q", len(f.Lines), f.Notes)
	}
}

func TestLevelsOnAnotherDatumAreNotDrawn(t *testing.T) {
	v := &forecastView{lang: termui.English, run: testForecast(), now: issued, names: map[string]*freshetv1.Station{"h-enping": {Id: "h-enping", Variables: []freshetv1.Variable{freshetv1.Variable_VARIABLE_WATER_LEVEL}}}}
	v.run.Stations = v.run.Stations[:1]
	h := hydrograph{view: v, past: 24 * time.Hour, station: &v.run.Stations[0]}
	observed := past("h-enping", hydro.WaterLevel)
	for i := range observed {
		switch i {
		case 0, 1:
			observed[i].Datum, observed[i].Value = hydro.National1985, 90
		case 2:
			observed[i].Datum, observed[i].Value = hydro.NoDatum, 91
		}
	}
	h.observed = map[hydro.Variable][]hydro.Observation{hydro.WaterLevel: observed}
	f := h.figure(termui.English, v.name)
	for _, line := range f.Lines {
		for _, p := range line.Points {
			if p.Value > 80 {
				t.Errorf("%g m of another datum is on the axis", p.Value)
			}
		}
	}
	notes := strings.Join(f.Notes, "\n")
	for _, want := range []string{
		"2 levels observed at h-enping are on NATIONAL_1985 and the forecast is on PEARL_RIVER: not comparable and not drawn",
		"1 levels observed at h-enping are on no stated datum and the forecast is on PEARL_RIVER",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in %q", want, notes)
		}
	}
}
