package forecast_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// issueWith runs m with a rain forecast of so many mm in each of twelve hours, issued
// some time ago.
func issueWith(t *testing.T, m *forecast.Model, s forecast.State, now, issued time.Time, b book, mm float64, members ...float64) hydro.Forecast {
	t.Helper()
	rows := make([][]float64, len(members))
	for i, x := range members {
		rows[i] = slices.Repeat([]float64{x}, 12)
	}
	f := storms(issued, slices.Repeat([]float64{mm}, 12), rows...)
	f.From, f.ValidUntil = now, now.Add(12*time.Hour)
	out, _, err := m.Run(s, now, "schedule", b.source, rainAhead(m, f))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func between(b *hydro.BandStep) float64 { return b.Discharge[6] - b.Discharge[0] }

// The factors of the rain are those of its lead, counted from its issue.
func TestFactorsOfTheRainAreByLead(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	c := banded()
	m := compile(t, c)
	s, now := taught(t, m, b, 5*time.Hour)
	with := func(spread ...catalog.RainSpread) *forecast.Model {
		c.Basins[0].Settings.RainSpread = spread
		return compile(t, c)
	}
	const early, late = 3, 11 // steps of the band, of an hour
	alike := func(a, b hydro.Forecast) string {
		return cmp.Diff(station(t, a, "up").Band, station(t, b, "up").Band, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 0))
	}
	one := catalog.RainSpread{CV: 0.8, Mean: 1}
	flat := issueWith(t, with(one), s, now, now, b, 0.05)
	same := issueWith(t, with(catalog.RainSpread{To: 4 * time.Hour, CV: 0.8, Mean: 1}, catalog.RainSpread{To: 12 * time.Hour, CV: 0.8, Mean: 1}), s, now, now, b, 0.05)
	if diff := alike(flat, same); diff != "" {
		t.Errorf("equal spreads at all leads are one:\n%s", diff)
	}
	none := issueWith(t, with(catalog.RainSpread{To: 12 * time.Hour, CV: 0, Mean: 1}), s, now, now, b, 0.05)
	later := with(catalog.RainSpread{To: 4 * time.Hour, CV: 0, Mean: 1}, catalog.RainSpread{To: 48 * time.Hour, CV: 0.8, Mean: 1})
	grows := issueWith(t, later, s, now, now, b, 0.05)
	old := issueWith(t, later, s, now, now.Add(-4*time.Hour), b, 0.05)
	for _, x := range []struct {
		name   string
		f      hydro.Forecast
		lead   int
		widens bool
	}{{"of four hours sure", grows, early, false}, {"of later ones not", grows, late, true}, {"issued four hours ago", old, early, true}} {
		got, sure := between(&station(t, x.f, "up").Band[x.lead]), between(&station(t, none, "up").Band[x.lead])
		if widens := got > sure+1e-4; widens != x.widens {
			t.Errorf("%s, lead %d h: width %g m³/s, of a sure forecast %g", x.name, x.lead+1, got, sure)
		}
	}
	wet := issueWith(t, with(catalog.RainSpread{CV: 0.8, Mean: 2}), s, now, now, b, 0.03)
	twice := issueWith(t, with(one), s, now, now, b, 0.06)
	if n := min(len(station(t, twice, "up").Band), len(station(t, wet, "up").Band)); n <= late {
		t.Fatalf("%d leads: %q", n, wet.Notes)
	}
	if diff := cmp.Diff(station(t, twice, "up").Band[late].Discharge, station(t, wet, "up").Band[late].Discharge, cmpopts.EquateApprox(1e-4, 0)); diff != "" {
		t.Errorf("factors of mean 2 are those of mean 1 of twice the rain:\n%s", diff)
	}
	const basis = "; rain forecast times 9 factors by lead, coefficient of variation 0 to 0.8, mean 1 to 1"
	if !strings.HasSuffix(grows.BandBasis, basis) {
		t.Errorf("%q", grows.BandBasis)
	}
	if zh := grows.HonestyZH(); !strings.Contains(zh, "降雨预报按预见期乘以9个系数（变差系数0至0.8，均值1至1）") {
		t.Errorf("%s", zh)
	}
}

// The soil's members change the band where it rains, with rain members and without, and
// leave the forecast itself and the state alone to the last bit.
func TestMembersOfTheSoilLeaveTheForecastAlone(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	for _, name := range []string{"saturation", "xinanjiang"} {
		t.Run(name, func(t *testing.T) {
			c := banded()
			for i := range c.Basins[0].SubBasins {
				of := &c.Basins[0].SubBasins[i].Runoff
				if name == "xinanjiang" {
					*of = kinds()[3].runoff // with nash
				}
				of.Evaporation = 0.5 // the soil stays wet
			}
			m := compile(t, c)
			s, now := taught(t, m, b, 5*time.Hour)
			c.Basins[0].Settings.InitialSpread = 0.3
			soil := compile(t, c)
			for _, members := range [][]float64{nil, {0.02, 0.06, 0.08}, {0.06}} {
				plain, spread := issueWith(t, m, s, now, now, b, 0.06, members...), issueWith(t, soil, s, now, now, b, 0.06, members...)
				_, next, err := m.Run(s, now, "schedule", b.source, forecast.Ahead{})
				if err != nil {
					t.Fatal(err)
				}
				_, after, err := soil.Run(s, now, "schedule", b.source, forecast.Ahead{})
				if err != nil {
					t.Fatal(err)
				}
				if string(stored(t, next)) != string(stored(t, after)) {
					t.Errorf("%d members: the states differ", len(members))
				}
				if diff := cmp.Diff(bare(plain), bare(spread), cmpopts.EquateNaNs()); diff != "" {
					t.Errorf("%d members: the forecasts differ:\n%s", len(members), diff)
				}
				last := min(len(station(t, plain, "up").Band), len(station(t, spread, "up").Band)) - 1
				if last < 5 {
					t.Fatalf("%d members: %d leads, %q", len(members), last+1, spread.Notes)
				}
				a, z := &station(t, plain, "up").Band[last], &station(t, spread, "up").Band[last]
				if math.Abs(between(z)-between(a)) < 1e-5 {
					t.Errorf("%d members: widths %g m³/s, with members of the soil %g", len(members), between(a), between(z))
				}
				// Levels of a reservoir are those of the members alone.
				dam := station(t, spread, "dam")
				if q, h := dam.Band[11].Level, dam.Level[23]; !(q[0] < h-1e-6 && h <= q[6]+1e-9) || name == "xinanjiang" && !(h+1e-6 < q[6]) { // the other soil is full
					t.Errorf("%d members: levels %v around %g m", len(members), q, h)
				}
				if want := fmt.Sprintf("; soil water now times %d factors, coefficient of variation 0.3", 9); !strings.HasSuffix(spread.BandBasis, want) {
					t.Errorf("%q, want %q", spread.BandBasis, want)
				}
				if !strings.Contains(spread.HonestyZH(), "当前土壤含水量乘以9个系数（变差系数0.3）") {
					t.Errorf("%s", spread.HonestyZH())
				}
				if alone := slices.ContainsFunc(spread.Notes, func(n string) bool { return strings.HasPrefix(n, "the band does not hold the uncertainty of the rain") }); alone != (members == nil) {
					t.Errorf("%d members: notes %q", len(members), spread.Notes)
				}
			}
			f, _ := run(t, soil, s, now, b.source)
			if f.BandBasis != "errors of past runs without a rain forecast" || len(station(t, f, "up").Band) == 0 {
				t.Errorf("without a rain forecast: %q", f.BandBasis)
			}
		})
	}
}

// bare is a forecast without what bands say.
func bare(f hydro.Forecast) hydro.Forecast {
	f.BandStep, f.BandBasis, f.Notes = 0, "", nil
	f.Stations = slices.Clone(f.Stations)
	for i := range f.Stations {
		s := &f.Stations[i]
		s.Band, s.Crossings = nil, slices.Clone(s.Crossings)
		for j := range s.Crossings {
			s.Crossings[j].Chance = hydro.Chance{}
		}
	}
	return f
}

// A reservoir has the members' levels, and says that they are all that its band holds.
func TestTheLevelOfAReservoirHasTheMembersBand(t *testing.T) {
	b := season(t0.Add(-aDay), t0.Add(42*aDay))
	c := banded()
	c.StageTables = append(c.StageTables, catalog.StageTable{Station: "dam", Datum: hydro.PearlRiver, Thresholds: []catalog.Threshold{
		{Stage: hydro.Blue, Variable: hydro.WaterLevel, Value: 49, Forecast: true},
		{Stage: hydro.Yellow, Variable: hydro.WaterLevel, Value: 50.3, Forecast: true},
		{Stage: hydro.Orange, Variable: hydro.WaterLevel, Value: 51, Forecast: true},
		{Stage: hydro.Red, Variable: hydro.WaterLevel, Value: 58, Forecast: true},
	}})
	m := compile(t, c)
	s, now := taught(t, m, b, 5*time.Hour)
	single := issueWith(t, m, s, now, now, b, 0.1)
	if dam := station(t, single, "dam"); len(dam.Band) == 0 || !math.IsNaN(dam.Band[0].Level[3]) {
		t.Errorf("without members there is no band of levels: %+v", dam.Band[:min(1, len(dam.Band))])
	}
	mm := []float64{0, 1, 5, 20, 40}
	f := issueWith(t, m, s, now, now, b, 1, mm...)
	var paths [][]float64
	for _, x := range mm {
		one := issueWith(t, m, s, now, now, b, x)
		paths = append(paths, station(t, one, "dam").Level)
	}
	dam := station(t, f, "dam")
	if len(dam.Band) != horizon {
		t.Fatalf("%d leads: %q", len(dam.Band), f.Notes)
	}
	widest := 0.0
	for l := range dam.Band {
		at := make([]float64, len(paths))
		for i := range paths {
			at[i] = paths[i][2*l+1]
		}
		slices.Sort(at)
		q := &dam.Band[l].Level
		widest = max(widest, q[6]-q[0])
		if !slices.IsSorted(q[:]) || math.Abs(q[0]-at[0]) > 1e-9 || math.Abs(q[3]-at[2]) > 1e-9 || math.Abs(q[6]-at[4]) > 1e-9 {
			t.Errorf("lead %d: quantiles %v of the levels %v", l+1, q, at)
		}
		if dam.Band[l].Errors < 24 {
			t.Errorf("lead %d: the inflow's band rests on %d errors", l+1, dam.Band[l].Errors)
		}
	}
	if widest < 0.05 {
		t.Errorf("the members' levels differ by %g m: this says little", widest)
	}
	told := 0
	for _, x := range dam.Crossings {
		if x.Variable != hydro.WaterLevel || x.Chance.Until.IsZero() {
			continue
		}
		told++
		met := 0.0
		for _, p := range paths {
			if slices.ContainsFunc(p, func(h float64) bool { return h >= x.Threshold }) {
				met++
			}
		}
		if want := met / float64(len(paths)); math.Abs(x.Chance.Probability-want) > 1e-9 && x.Chance.Probability != 1 {
			t.Errorf("%g m: chance %g, %g of the members meet it", x.Threshold, x.Chance.Probability, want)
		}
		if !x.Chance.Uncalibrated && dam.NowLevel < x.Threshold {
			t.Errorf("%g m: %+v pretends to be calibrated", x.Threshold, x.Chance)
		}
	}
	if told == 0 {
		t.Errorf("no chance of a level: %+v", dam.Crossings)
	}
	if !noted(f, "levels of reservoirs at dam: the band is of the members of the rain ahead alone, not of past errors, and no chance of theirs is calibrated") {
		t.Errorf("notes %q", f.Notes)
	}
	if zh := f.HonestyZH(); !strings.Contains(zh, "dam的水库水位区间仅由未来降雨的集合成员推算，未含历史误差，其概率未经率定检验") {
		t.Errorf("%s", zh)
	}
}
