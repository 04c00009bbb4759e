package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/forecast/skill"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/plot"
	"freshet/internal/store"
	"freshet/internal/store/memory"
	"freshet/internal/termui"
	"freshet/internal/verify"
)

// crest is a flood of Smithville's level: above blue (0.72 m) from hour 40 to 56
// with its peak of 0.90 m at hour 48, so above red (0.85 m) from hour 46 to 50.
func crest(at time.Time) float64 {
	h := at.Sub(t0).Hours()
	return max(0.5, 0.90-0.0225*math.Abs(h-48))
}

// fillFlood writes 5 days with one flood; runs each hour are off by rise in
// level and come late by late. The gauge has a gap and a spike.
func fillFlood(t *testing.T, s store.Store, rise float64, late time.Duration) {
	t.Helper()
	var batch []hydro.Observation
	for i := range 5*24*12 + 1 {
		at := t0.Add(time.Duration(i) * 5 * time.Minute)
		if h := at.Sub(t0).Hours(); h > 30 && h < 33 {
			continue
		}
		for v, x := range map[hydro.Variable]float64{hydro.WaterLevel: crest(at), hydro.Discharge: 40 * crest(at)} {
			o := hydro.Observation{Reading: hydro.Reading{Key: hydro.Key{Station: "smithville", Variable: v}, At: at, Raw: x, Value: x}, Quality: hydro.Pass, ReceivedAt: at}
			if v == hydro.WaterLevel {
				o.Datum = hydro.StationDatum
			}
			if i == 45*12 {
				o.Value, o.Raw, o.Quality, o.Tests = x+0.02, x+0.02, hydro.Suspect, hydro.TestSpike
			}
			batch = append(batch, o)
		}
	}
	if err := s.WriteObservations(t.Context(), "lower_colorado", batch); err != nil {
		t.Fatal(err)
	}
	const step = 30 * time.Minute
	for h := range 96 {
		f := hydro.Forecast{Basin: "lower_colorado", IssuedAt: t0.Add(time.Duration(h) * time.Hour), Step: step, Horizon: 36 * time.Hour}
		sf := hydro.StationForecast{Station: "smithville", Datum: hydro.StationDatum}
		for k := range 72 {
			x := crest(f.IssuedAt.Add(time.Duration(k+1)*step - late))
			sf.Level = append(sf.Level, x+rise)
			sf.Discharge = append(sf.Discharge, 40*(x+rise))
		}
		f.Stations = []hydro.StationForecast{sf}
		if err := s.WriteForecast(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
}

func warn(t *testing.T, s store.Store, hours float64, from, to hydro.Stage) {
	t.Helper()
	at := t0.Add(time.Duration(hours * float64(time.Hour)))
	w := hydro.Warning{ID: "lower_colorado/" + at.Format(time.RFC3339) + "/smithville", Basin: "lower_colorado", Station: "smithville", At: at, From: from, To: to}
	if err := s.WriteWarning(t.Context(), w); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, s store.Store, opts verify.Options) verify.Report {
	t.Helper()
	if opts.Leads == nil {
		opts.Leads = []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour}
	}
	r, err := verify.Run(t.Context(), s, load(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAFloodIsFoundAndItsForecastsAreJudged(t *testing.T) {
	s := memory.New()
	fillFlood(t, s, 0.15, 4*time.Hour)
	e := run(t, s, verify.Options{}).Stations[0].Events
	if e.Variable != hydro.WaterLevel || e.Threshold != 0.72 || e.Because != "lowest stage threshold" || len(e.Events) != 1 || e.Events[0].Cut {
		t.Fatalf("%+v", e)
	}
	flood := e.Events[0]
	if h := flood.PeakAt.Sub(t0).Hours(); h != 48 || flood.Peak != 0.90 || flood.From.Sub(t0) != 40*time.Hour || flood.To.Sub(t0) != 56*time.Hour {
		t.Errorf("%+v", flood)
	}
	for i, want := range []struct {
		hours, permissible, latest float64
		qualified, inTime          bool
	}{ // level at issue: 0.8775, 0.765, 0.5
		{1, 0.1, 3, false, false},
		{6, 0.1, 3, false, false},
		{24, 0.1, 7.2, false, true}, // 20 % of 0.4 m is below the floor; 30 % of 24 h is not
	} {
		r := flood.Runs[i]
		if r.Hours != want.hours || math.Abs(float64(r.Error)-0.15) > 1e-9 || math.Abs(float64(r.Permissible)-want.permissible) > 1e-9 ||
			*r.Qualified != want.qualified || r.LateHours != 4 || math.Abs(r.LateMost-want.latest) > 1e-9 || r.InTime != want.inTime || !math.IsNaN(float64(r.Share)) {
			t.Errorf("%+v, want %+v", r, want)
		}
	}
	for _, l := range e.Leads {
		if l.N != 1 || l.Qualified != 0 || l.Grade != skill.BelowC || l.MeanLate != 4 {
			t.Errorf("%+v", l)
		}
	}
}

func TestPeaksOfFlowAreJudgedByTheRuleOfTheScheme(t *testing.T) {
	s := memory.New()
	fillFlood(t, s, 0.15, 0) // 6 m³/s of a peak of 36
	for _, c := range []struct {
		rule        verify.Rule
		permissible float64
		qualified   bool
	}{
		{verify.RainfallRunoff, 7.2, true}, // 20 % of the peak
		{verify.Reach, 3.2, false},         // 20 % of the change from 20
		{"", 3.2, false},                   // nothing but gauges upstream is known here
	} {
		e := run(t, s, verify.Options{Leads: []time.Duration{24 * time.Hour}, Events: verify.EventOptions{
			Variable: hydro.Discharge, Rule: c.rule, Above: map[string]float64{"smithville": 30},
		}}).Stations[0].Events
		if e.Because != "given" || len(e.Events) != 1 || len(e.Events[0].Runs) != 1 {
			t.Fatalf("%+v", e)
		}
		r := e.Events[0].Runs[0]
		if math.Abs(float64(r.Permissible)-c.permissible) > 1e-9 || *r.Qualified != c.qualified || math.Abs(float64(r.Share)-6.0/36) > 1e-9 || r.LateHours != 0 || !r.InTime {
			t.Errorf("%s: %+v, want %+v", c.rule, r, c)
		}
	}
}

func TestWithoutThresholdsAFloodIsTheHighestTenth(t *testing.T) {
	s := memory.New()
	fillFlood(t, s, 0, 0)
	e := run(t, s, verify.Options{Events: verify.EventOptions{Variable: hydro.Discharge}}).Stations[0].Events
	if e.Because != "90 % quantile" || len(e.Events) != 1 || e.Threshold <= 20 || e.Threshold >= 36 {
		t.Errorf("%+v", e)
	}
}

func TestWarningsAreComparedWithCrossings(t *testing.T) {
	s := memory.New()
	fillFlood(t, s, 0, 0)
	warn(t, s, 0, hydro.Blind, hydro.Clear)
	warn(t, s, 10, hydro.Clear, hydro.Yellow) // comes to nothing
	warn(t, s, 12, hydro.Yellow, hydro.Clear)
	warn(t, s, 34, hydro.Clear, hydro.Blue)   // 6 h before 0.72 m is met
	warn(t, s, 43, hydro.Blue, hydro.Orange)  // 0.81 m is met at 44, 0.77 m at 42.2222 → 42.25
	warn(t, s, 44, hydro.Orange, hydro.Blind) // nobody took orange back
	warn(t, s, 45, hydro.Blind, hydro.Orange) //
	warn(t, s, 46.5, hydro.Orange, hydro.Red) // 0.85 m is met at 45.7778 → 45.8333
	warn(t, s, 51, hydro.Red, hydro.Blue)     //
	warn(t, s, 58, hydro.Blue, hydro.Clear)   //
	stages := run(t, s, verify.Options{}).Stations[0].Warnings
	type row struct {
		Stage                                string
		Crossed, InTime, Late, Missed, False int
		POD, FAR                             float64
		Lead                                 float64
	}
	var got []row
	for _, w := range stages {
		lead := math.NaN()
		if len(w.Leads) == 1 && w.Leads[0] == w.Median && w.Leads[0] == w.Least {
			lead = math.Round(float64(w.Leads[0])*1e4) / 1e4
		}
		got = append(got, row{w.Stage, w.Crossings, w.InTime, w.Late, w.Missed, w.FalseAlarms, float64(w.POD), float64(w.FAR), lead})
	}
	want := []row{
		{"blue", 1, 1, 0, 0, 1, 1, 0.5, 6},
		{"yellow", 1, 0, 1, 0, 1, 0, 1, -0.75},
		{"orange", 1, 1, 0, 0, 0, 1, 0, 1},
		{"red", 1, 0, 1, 0, 0, 0, math.NaN(), -0.6667},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })); diff != "" {
		t.Error(diff)
	}
}

func TestABandIsHeldAgainstItsNominalShare(t *testing.T) {
	s := memory.New()
	fill(t, s, "smithville", func(time.Duration) float64 { return 0 })
	shifted := func(f *hydro.Forecast, sf *hydro.StationForecast, v hydro.Variable) []verify.Quantile {
		if v != hydro.Discharge {
			t.Errorf("asked for %s", v)
		}
		line := func(p, by float64) verify.Quantile {
			q := verify.Quantile{P: p}
			for _, x := range sf.Discharge {
				q.Values = append(q.Values, x+by)
			}
			return q
		}
		low := -1.0
		if f.IssuedAt.Sub(t0).Hours() >= 36 { // a band that misses from then on
			low = 0.5
		}
		return []verify.Quantile{line(0.05, -2), line(0.1, low), line(0.5, 0), line(0.9, 1), line(0.95, 2)}
	}
	l := run(t, s, verify.Options{Leads: []time.Duration{time.Hour}, Band: shifted}).Stations[0].Leads[0]
	want := []verify.Coverage{{Band: 0.9, N: 72, Held: 1}, {Band: 0.8, N: 72, Held: 0.5}}
	near := cmp.Comparer(func(a, b verify.Score) bool { return math.Abs(float64(a-b)) < 1e-9 })
	if diff := cmp.Diff(want, l.Band, near); diff != "" {
		t.Error(diff)
	}
	if l := run(t, s, verify.Options{Leads: []time.Duration{time.Hour}}).Stations[0].Leads[0]; len(l.Band) != 0 {
		t.Errorf("a band without quantiles: %+v", l.Band)
	}
}

func TestExceedancesAreCountedByLead(t *testing.T) {
	s := memory.New()
	fillFlood(t, s, 0, 2*time.Hour)
	c := load(t)
	st, ok := c.Station("smithville")
	if !ok {
		t.Fatal("no smithville")
	}
	st.Parameters = slices.DeleteFunc(slices.Clone(st.Parameters), func(p catalog.Parameter) bool { return p.Variable == hydro.Discharge })
	r, err := verify.Run(t.Context(), s, c, verify.Options{Leads: []time.Duration{time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	blue := r.Stations[0].Leads[0].Exceeded[0]
	// Observed from hour 40 to 56, forecast from 42 to 58: 15 of 17 are hit.
	if blue.Stage != "blue" || blue.Hits != 15 || blue.Misses != 2 || blue.FalseAlarms != 2 || math.Abs(float64(blue.CSI)-15.0/19) > 1e-9 {
		t.Errorf("%+v", blue)
	}
}

func TestFiguresShowTheFloodItsRunsAndItsThresholds(t *testing.T) {
	s := memory.New()
	fillFlood(t, s, 0.15, 4*time.Hour)
	cat := load(t)
	r := run(t, s, verify.Options{})
	n := 0
	err := verify.Figures(t.Context(), s, cat, &r, termui.English, func(name string, f *plot.Figure) error {
		n++
		if name != "smithville-20260603T0800" { // Beijing time
			t.Errorf("name %q", name)
		}
		if len(f.Lines) != 4 || len(f.Thresholds) != 4 || f.Thresholds[0].Label != "BLUE 0.72 m" || len(f.Doubtful) != 1 || f.Rain != nil || f.Mark == "" || !strings.Contains(f.Axis, "STATION") {
			t.Errorf("%d lines, thresholds %+v, %d doubtful, axis %q", len(f.Lines), f.Thresholds, len(f.Doubtful), f.Axis)
		}
		if len(f.Notes) != 3 || !strings.Contains(f.Notes[2], "lead 24 h: peak error +0.15 m (permissible 0.10) not qualified; peak time +4.0 h (permissible 7.2) qualified") {
			t.Errorf("notes %q", f.Notes)
		}
		for i, h := range []int{47, 42, 24} {
			if first := f.Lines[i+1].Points[0].At; !first.Equal(t0.Add(time.Duration(h)*time.Hour + 30*time.Minute)) {
				t.Errorf("run %d begins at %s", i, first)
			}
		}
		var b bytes.Buffer
		if err := f.SVG(&b); err != nil {
			return err
		}
		return xml.Unmarshal(b.Bytes(), new(struct{}))
	})
	if err != nil || n != 1 {
		t.Errorf("%d figures, %v", n, err)
	}
	stop := errors.New("disk full")
	if err := verify.Figures(t.Context(), s, cat, &r, termui.English, func(string, *plot.Figure) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

func TestTheReportSaysHowItsStandardIsKnown(t *testing.T) {
	s := memory.New()
	fillFlood(t, s, 0, 0)
	r := run(t, s, verify.Options{Profile: skill.GBT22482of2026})
	if r.Standard != "GB/T 22482-2026" || len(r.Profile) != 10 {
		t.Fatalf("%s, %d items", r.Standard, len(r.Profile))
	}
	data, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(data), `{"item":"dc","trust":"verified in code"`) || strings.Contains(string(data), "NaN") {
		t.Errorf("%.300s, %v", data, err)
	}
}

func TestProfilesAreNamedOrRead(t *testing.T) {
	for _, p := range skill.Profiles {
		if got, err := verify.LoadProfile(p.ID); err != nil || got.Name != p.Name {
			t.Errorf("%s: %s, %v", p.ID, got.Name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "ours.yaml")
	text := "base: gbt22482-2026\nname: 某省细则\nsource: 汛办〔2030〕1号\nqr: [0.9, 0.8, 0.7]\npeak: [{above_km2: 1000, share: 0.15}, {above_km2: 0, share: 0.25}]\nlevel_floor_m: 0.2\npeak_time_floor: 2h\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := verify.LoadProfile(path)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "某省细则" || p.GradeQR(0.85) != skill.GradeB || p.GradeDC(0.9) != skill.GradeA || p.PeakTolerance(100, 500) != 25 || p.LevelTolerance(3, 3) != 0.2 || p.PeakTimeTolerance(0, 0) != 2*time.Hour {
		t.Errorf("%+v", p)
	}
	if got := p.Trusted(skill.GivenByUser); !slices.Equal(got, []string{"qr", "peak", "level_floor", "peak_time"}) {
		t.Errorf("given by the file: %v", got)
	}
	if skill.GBT22482of2026.Basis[1].Trust == skill.GivenByUser {
		t.Error("reading a file changed the built-in profile")
	}
}

func TestProfilesThatCannotBeReadSayWhy(t *testing.T) {
	for text, want := range map[string]string{
		"qr: [0.9, 0.8, 0.7]":                       "name: missing",
		"name: x\nbase: sl250":                      `base "sl250"`,
		"name: x\nquality: 3":                       "quality",
		"name: x\nqr: [85, 70, 60]":                 "qr [85 70 60]",
		"name: x\npeak_time_floor: three hours":     "peak_time_floor",
		"name: x\npeak: [{above_km2: 0, share: 0}]": "share 0",
	} {
		if _, err := verify.ParseProfile([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, name := range []string{"gbt22482", "nowhere.yaml"} {
		if _, err := verify.LoadProfile(name); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, o := range map[string]verify.EventOptions{
		"rain":       {Variable: hydro.Rain},
		"a rule":     {Rule: "guess"},
		"separation": {Separation: -time.Hour},
		"not finite": {Above: map[string]float64{"smithville": math.NaN()}},
	} {
		if _, err := verify.Run(context.Background(), memory.New(), load(t), verify.Options{Events: o}); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Enping has 724 km² of sub-basins above it: a run that forecasts nine tenths of
// the flow misses a tenth of the depth.
func TestRunoffDepthIsJudgedWhereTheAreaIsKnown(t *testing.T) {
	cat, err := catalog.LoadDir("../../deploy/catalog/tanjiang")
	if err != nil {
		t.Fatal(err)
	}
	s := memory.New()
	flow := func(at time.Time) float64 { return max(20, 800-40*math.Abs(at.Sub(t0).Hours()-48)) }
	for i := range 4*48 + 1 {
		at := t0.Add(time.Duration(i) * 30 * time.Minute)
		o := hydro.Observation{Reading: hydro.Reading{Key: hydro.Key{Station: "h-enping", Variable: hydro.Discharge}, At: at, Raw: flow(at), Value: flow(at)}, Quality: hydro.Pass, ReceivedAt: at}
		if err := s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{o}); err != nil {
			t.Fatal(err)
		}
	}
	f := hydro.Forecast{Basin: "tanjiang", IssuedAt: t0.Add(24 * time.Hour), Step: 30 * time.Minute, Horizon: 72 * time.Hour}
	sf := hydro.StationForecast{Station: "h-enping"}
	volume := 0.0 // m³, observed from issue to the last value at or above 100 m³/s: hour 65.5
	for k := range 144 {
		at := f.IssuedAt.Add(time.Duration(k+1) * f.Step)
		sf.Discharge, sf.Level = append(sf.Discharge, 0.9*flow(at)), append(sf.Level, math.NaN())
		if h := at.Sub(t0).Hours(); h >= 24.5 && h <= 65.5 {
			volume += flow(at) * 1800
		}
	}
	f.Stations = []hydro.StationForecast{sf}
	if err := s.WriteForecast(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	opts := verify.Options{Leads: []time.Duration{24 * time.Hour}, Events: verify.EventOptions{
		Variable: hydro.Discharge, Separation: 100 * time.Hour, Above: map[string]float64{"h-enping": 100},
	}}
	opts.Stations = []string{"h-enping"}
	r, err := verify.Run(t.Context(), s, cat, opts)
	if err != nil {
		t.Fatal(err)
	}
	st := r.Stations[0]
	if st.Area != 724 || st.Rule != verify.RainfallRunoff || len(st.Events.Events) != 1 || len(st.Events.Events[0].Runs) != 1 {
		t.Fatalf("%+v", st)
	}
	run := st.Events.Events[0].Runs[0]
	depth := volume / 724e6 * 1000
	if math.Abs(float64(run.Depth)-depth) > 1e-9 || math.Abs(float64(run.DepthError)+0.1*depth) > 1e-9 || !*run.DepthQualified {
		t.Errorf("depth %g, off by %g; want %g, off by %g", run.Depth, run.DepthError, depth, -0.1*depth)
	}
	if math.Abs(float64(run.Permissible)-160) > 1e-9 || math.Abs(float64(run.Error)+80) > 1e-9 || !*run.Qualified { // 20 % of 800
		t.Errorf("%+v", run)
	}
	opts.Profile = skill.GBT22482of2026 // 724 km²: 30 %
	if l := r.Stations[0].Events.Leads[0]; math.Abs(float64(run.Ratio)-0.5) > 1e-9 || run.Rating != skill.Good || l.Excellent != 0 || l.Good != 1 || l.Fair != 0 {
		t.Errorf("half of the permissible error is rated %s at %g; of all %+v", run.Rating, float64(run.Ratio), l)
	}
	if r, err = verify.Run(t.Context(), s, cat, opts); err != nil || math.Abs(float64(r.Stations[0].Events.Events[0].Runs[0].Permissible)-240) > 1e-9 {
		t.Errorf("%v", err)
	}
}

// What a run says between its issue and the flood is in its DC, too: the rise is
// part of what it foretold.
func TestTheCoefficientOfARunBeginsWithItsIssue(t *testing.T) {
	s := memory.New()
	fillFlood(t, s, 0, 0)
	lead := []time.Duration{24 * time.Hour}
	if dc := run(t, s, verify.Options{Leads: lead}).Stations[0].Events.Events[0].Runs[0].DC; math.Abs(float64(dc)-1) > 1e-9 {
		t.Fatalf("a perfect run has a DC of %g", float64(dc))
	}
	f, err := s.Forecast(t.Context(), "lower_colorado", t0.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 { // ten hours, which end six before the flood begins
		f.Stations[0].Level[i] += 0.3
	}
	if err := s.WriteForecast(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	e := run(t, s, verify.Options{Leads: lead}).Stations[0].Events.Events[0]
	if dc := float64(e.Runs[0].DC); !(dc < 0.9) {
		t.Errorf("DC %g of a run that was 0.3 m too high for ten hours of the flood's rise", dc)
	}
	if e.Runs[0].Error != 0 {
		t.Errorf("peak %+v: what comes long before the flood is not its peak", e.Runs[0])
	}
}

func TestATableThatIsReplacedWithinThePeriodIsTold(t *testing.T) {
	s := memory.New()
	fillFlood(t, s, 0, 0)
	c := load(t)
	told := func() []time.Time {
		r, err := verify.Run(t.Context(), s, c, verify.Options{Leads: []time.Duration{time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Stations[0].Changes
	}
	if got := told(); len(got) != 0 {
		t.Errorf("changes %v", got)
	}
	at := t0.Add(45 * time.Hour)
	for _, x := range c.StageTables {
		if x.Station == "smithville" {
			x.ValidFrom = at
			c.StageTables = append(c.StageTables, x)
			break
		}
	}
	if diff := cmp.Diff([]time.Time{at}, told()); diff != "" {
		t.Error(diff)
	}
}
