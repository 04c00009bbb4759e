package season_test

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/ingest/accumulation"
	"freshet/internal/hydro"
	"freshet/internal/season"
)

func TestASumIsThatOfItsReports(t *testing.T) {
	p := plan(t, basin, start)
	rapid.Check(t, func(t *rapid.T) {
		reports := drawReports(t)
		at := start.Add(time.Duration(rapid.IntRange(60, hoursOfAll*60+500).Draw(t, "minutes")) * time.Minute)
		r := sum(p, map[string][]hydro.Sample{"a1": reports}, at)
		if r.To.After(at) || at.Sub(r.To) >= time.Hour && !r.Ended || r.To.After(p.Until) {
			t.Fatalf("at %s the sum goes to %s", at, r.To)
		}
		got := &r.Stations[0]
		mm, covered := spread(reports, p.From, r.To)
		if covered == 0 {
			if !math.IsNaN(got.Rain) {
				t.Fatalf("%g mm of no report", got.Rain)
			}
			return
		}
		if !near(got.Rain, mm) || !near(got.Coverage, covered) {
			t.Fatalf("%g mm at coverage %g, want %g at %g", got.Rain, got.Coverage, mm, covered)
		}
		if got.Full+got.Part+got.Missing != r.Hours {
			t.Fatalf("%d full, %d part and %d missing hours of %d", got.Full, got.Part, got.Missing, r.Hours)
		}
		total, cover := 0.0, 0.0
		for _, d := range got.Days {
			mm, covered := spread(reports, d.From, d.To)
			switch {
			case !d.From.Before(r.To):
				if !math.IsNaN(d.Rain) || !math.IsNaN(d.Total) {
					t.Fatalf("the day from %s is still to come and has %g mm", d.From, d.Rain)
				}
				continue
			case covered == 0 && !math.IsNaN(d.Rain), covered > 0 && !near(d.Rain, mm), !near(d.Coverage, covered):
				t.Fatalf("day from %s: %g mm at coverage %g, want %g at %g", d.From, d.Rain, d.Coverage, mm, covered)
			}
			total, cover = total+mm, cover+covered
			if cover > 0 && !near(d.Total, total) {
				t.Fatalf("to the end of the day from %s: %g mm, want %g", d.From, d.Total, total)
			}
		}
	})
}

// Reports that overlap, such as hourly totals beside five-minute reports, are summed up
// as accumulations are: hour by hour or at once.
func TestHoursAddUpToTheAccumulation(t *testing.T) {
	p := plan(t, basin, start)
	rapid.Check(t, func(t *rapid.T) {
		var h hydro.History
		for i := range 12 * 30 {
			if rapid.IntRange(0, 9).Draw(t, "lost") > 0 {
				h.Put(sample(start.Add(time.Duration(i+1)*5*time.Minute), 5*time.Minute, float64(rapid.IntRange(0, 50).Draw(t, "mm"))/10))
			}
		}
		for i := range 30 {
			if rapid.Bool().Draw(t, "total") { // on the minute, beside the reports
				h.Put(sample(start.Add(time.Duration(i+1)*time.Hour+time.Minute), time.Hour, float64(rapid.IntRange(0, 200).Draw(t, "mm"))/10))
			}
		}
		if rapid.Bool().Draw(t, "day") {
			h.Put(sample(start.Add(24*time.Hour+2*time.Minute), 24*time.Hour, float64(rapid.IntRange(0, 900).Draw(t, "mm"))/10))
		}
		n := 40
		hours := p.Hours(h.Samples, n)
		total, cover := 0.0, 0.0
		for i := range n {
			total, cover = total+hours.Rain[i], cover+hours.Cover[i]
		}
		want := accumulation.Between(&h, p.From, p.From.Add(time.Duration(n)*time.Hour))
		if !near(total, want.Rain) || !near(cover/float64(n), want.Coverage) {
			t.Fatalf("%g mm at coverage %g, want %g at %g", total, cover/float64(n), want.Rain, want.Coverage)
		}
	})
}

func TestLateAndCorrectedReportsHealAndNothingElseChanges(t *testing.T) {
	p := plan(t, basin, start)
	rapid.Check(t, func(t *rapid.T) {
		var h hydro.History
		for _, s := range drawReports(t) {
			h.Put(s)
		}
		i := rapid.IntRange(0, len(h.Samples)-1).Draw(t, "which")
		with := slices.Clone(h.Samples)
		without := slices.Delete(slices.Clone(h.Samples), i, i+1)
		end := p.Until.Add(time.Hour)
		before, after := sum(p, map[string][]hydro.Sample{"a1": without}, end), sum(p, map[string][]hydro.Sample{"a1": with}, end)
		late, covers := spread(with[i:i+1], p.From, p.Until)
		if got := after.Stations[0].Rain - before.Stations[0].Rain; !near(got, late) {
			t.Fatalf("a late report of %g mm in the season added %g", late, got)
		}
		if got := after.Stations[0].Coverage - before.Stations[0].Coverage; !near(got, covers) {
			t.Fatalf("it covers %g of the season and added %g", covers, got)
		}
		for k := range after.Stations[0].Days {
			a, b := &after.Stations[0].Days[k], &before.Stations[0].Days[k]
			if mm, _ := spread(with[i:i+1], a.From, a.To); mm == 0 && a.Coverage == b.Coverage && !cmp.Equal(a.Rain, b.Rain, cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-9, 1e-9)) {
				t.Fatalf("day from %s had %g mm and has %g", a.From, b.Rain, a.Rain)
			}
		}
		corrected := slices.Clone(with)
		corrected[i].Value += 7
		if corrected[i].Quality != hydro.Fail {
			more, _ := spread(corrected[i:i+1], p.From, p.Until)
			got := sum(p, map[string][]hydro.Sample{"a1": corrected}, end).Stations[0].Rain
			if !near(got-after.Stations[0].Rain, more-late) {
				t.Fatalf("a correction by %g mm changed the sum by %g", more-late, got-after.Stations[0].Rain)
			}
		}
	})
}

// A gap is told and never filled: taking reports away only ever takes their rain away.
func TestNoGapOfAStationIsFilled(t *testing.T) {
	p := plan(t, basin, start)
	all := hourly(hoursOfAll, 2)
	at := p.Until.Add(time.Hour)
	holes := slices.Concat(all[:10], all[13:50], all[51:])
	got := station(t, sum(p, map[string][]hydro.Sample{"a1": holes}, at), "a1")
	if got.Rain != 2*(hoursOfAll-4) || !near(got.Coverage, float64(hoursOfAll-4)/hoursOfAll) || got.Missing != 4 || got.Part != 0 || !got.Incomplete() {
		t.Errorf("%+v", got)
	}
	want := []season.Gap{{start.Add(10 * time.Hour), start.Add(13 * time.Hour)}, {start.Add(50 * time.Hour), start.Add(51 * time.Hour)}}
	if diff := cmp.Diff(want, got.Gaps); diff != "" {
		t.Error(diff)
	}
	got = station(t, sum(p, map[string][]hydro.Sample{"a1": all}, at), "a1")
	if got.Rain != 2*hoursOfAll || got.Coverage != 1 || got.Incomplete() || len(got.Gaps) != 0 {
		t.Errorf("%+v", got)
	}
	silent := station(t, sum(p, nil, at), "a1")
	if !math.IsNaN(silent.Rain) || silent.Coverage != 0 || silent.Missing != hoursOfAll || len(silent.Gaps) != 1 {
		t.Errorf("of no report: %+v", silent)
	}
	var every []hydro.Sample // second hour
	for i := range hoursOfAll / 2 {
		every = append(every, all[2*i])
	}
	got = station(t, sum(p, map[string][]hydro.Sample{"a1": every}, at), "a1")
	if len(got.Gaps) != hoursOfAll/2 || got.MoreGaps != 0 {
		t.Errorf("%d gaps and %d more, want %d", len(got.Gaps), got.MoreGaps, hoursOfAll/2)
	}
}

func TestADayBelongsToTheHydrologicalDayOfItsBasin(t *testing.T) {
	p := plan(t, basin, start)
	if !p.From.Equal(start) || !p.Until.Equal(start.Add(4*24*time.Hour)) {
		t.Fatalf("from %s until %s", p.From, p.Until)
	}
	reports := []hydro.Sample{
		sample(start, 5*time.Minute, 1),                                 // ends with 08:00: of the day before, and of no season
		sample(start.Add(5*time.Minute), 5*time.Minute, 2),              // begins at 08:00
		sample(start.Add(24*time.Hour), 5*time.Minute, 4),               // 07:55 to 08:00: still of the first day
		sample(start.Add(24*time.Hour+5*time.Minute), 5*time.Minute, 8), // of the second
		sample(p.Until, 5*time.Minute, 16),                              // the last of the last
		sample(p.Until.Add(5*time.Minute), 5*time.Minute, 32),           // after the season
	}
	got := station(t, sum(p, map[string][]hydro.Sample{"a1": reports}, p.Until.Add(48*time.Hour)), "a1")
	var days []float64
	for _, d := range got.Days {
		days = append(days, d.Rain)
	}
	if diff := cmp.Diff([]float64{6, 8, math.NaN(), 16}, days, cmpopts.EquateNaNs()); diff != "" || got.Rain != 30 {
		t.Errorf("%g mm\n%s", got.Rain, diff)
	}
}

func TestTheSeasonIsTheLatestThatHasBegun(t *testing.T) {
	for at, want := range map[time.Time]time.Time{
		start:                         start,
		start.Add(-time.Second):       start.AddDate(-1, 0, 0),
		start.AddDate(0, 6, 0):        start,
		start.AddDate(0, 7, 11):       start, // 1 January in Beijing
		start.Add(100 * time.Hour):    start,
		start.AddDate(1, 0, 0):        start.AddDate(1, 0, 0),
		start.AddDate(0, 0, -150):     start.AddDate(-1, 0, 0),
		start.Add(4 * 24 * time.Hour): start,
	} {
		if p := plan(t, basin, at); !p.From.Equal(want) {
			t.Errorf("at %s: the season from %s, want %s", at, p.From, want)
		}
	}
	c := load(t, basin)
	c.Basins[0].Season.FromMonth = 0
	if _, err := season.At(c, "b", nil, start); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("of a basin without a season: %v", err)
	}
	if _, err := season.At(c, "x", nil, start); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("of no basin: %v", err)
	}
}

// By hand: west has its own gauge alone, east too; the basin weighs them 1 to 3.
func TestArealRainIsByGaugeAndByArea(t *testing.T) {
	p := plan(t, basin, start)
	at := start.Add(10 * time.Hour)
	full := map[string][]hydro.Sample{"a1": hourly(10, 4), "a2": hourly(10, 9), "b1": hourly(10, 8)}
	check := func(what string, got *season.Rain, rain, coverage float64, whole, part, missing int) {
		t.Helper()
		if !cmp.Equal(got.Rain, rain, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9)) || !near(got.Coverage, coverage) || got.Full != whole || got.Part != part || got.Missing != missing {
			t.Errorf("%s: %g mm at coverage %g, hours %d, %d, %d; want %g at %g, %d, %d, %d", what, got.Rain, got.Coverage, got.Full, got.Part, got.Missing, rain, coverage, whole, part, missing)
		}
	}
	r := sum(p, full, at)
	check("west", &r.SubBasins[west], 40, 1, 10, 0, 0)
	check("east", &r.SubBasins[east], 80, 1, 10, 0, 0)
	check("basin", &r.Whole, (40+3*80)/4.0, 1, 10, 0, 0)
	if diff := cmp.Diff([]string{"a1", "a2", "b1"}, r.Whole.Gauges); diff != "" {
		t.Error(diff)
	}

	// The one with authority falls silent: its neighbour at the site stands in, as in forecasts.
	full["a1"] = hourly(5, 4)
	r = sum(p, full, at)
	check("west of two", &r.SubBasins[west], 5*4+5*9, 1, 10, 0, 0)

	// The site falls silent: the other gauge speaks, and coverage says that nothing is known there.
	full["a2"] = hourly(5, 9)
	r = sum(p, full, at)
	check("west of none", &r.SubBasins[west], 5*4+5*8, 0.5, 5, 5, 0)
	check("basin of one", &r.Whole, (60+3*80)/4.0, 0.25*0.5+0.75, 5, 5, 0)

	// Nobody reports: nothing is known and nothing is counted.
	full["b1"] = hourly(5, 8)
	r = sum(p, full, at)
	check("west of nobody", &r.SubBasins[west], 20, 0.5, 5, 0, 5)
	check("basin of nobody", &r.Whole, (20+3*40)/4.0, 0.5, 5, 0, 5)
	r = sum(p, nil, at)
	check("nothing at all", &r.Whole, math.NaN(), 0, 0, 0, 10)

	// Of an hour of which a gauge has less than half it does not speak while another does.
	full = map[string][]hydro.Sample{"a1": {sample(start.Add(20*time.Minute), 20*time.Minute, 30)}, "b1": hourly(1, 8)}
	r = sum(p, full, start.Add(time.Hour))
	check("a third of an hour beside a whole one", &r.SubBasins[west], 8, 0, 0, 1, 0)
	delete(full, "b1")
	r = sum(p, full, start.Add(time.Hour))
	check("a third of an hour alone", &r.SubBasins[west], 30, 1.0/3, 0, 1, 0)
}

func TestNormalYearsAndRank(t *testing.T) {
	p := plan(t, basin+figures, start)
	nan := math.NaN()
	type standing struct {
		Share, Passed, ToDate, Anomaly float64
		Rank                           *season.Rank
		YearsBelow                     int
	}
	of := func(r *season.Rain) standing {
		return standing{r.Normal.Share, r.Normal.Passed, r.Normal.ToDate, r.Normal.Anomaly, r.Rank, r.YearsBelow}
	}
	for _, c := range []struct {
		name        string
		at          time.Time
		mm          float64 // an hour, everywhere
		whole, west standing
	}{
		{
			"a day and a half", start.Add(36 * time.Hour), 1, // 36 mm
			standing{0.36, 0.375, 20, 0.8, &season.Rank{Place: 2, Of: 3, Basis: season.ToDate, NotCompared: 1}, 1}, // 75 and 5 mm in the others
			standing{0.36, 0.375, nan, nan, nil, 0},
		},
		{
			"the end", p.Until, 1, // 96 mm
			standing{0.96, 1, 100, -0.04, &season.Rank{Place: 2, Of: 4, Basis: season.WholeSeason}, 2},
			standing{0.96, 1, 100, -0.04, &season.Rank{Place: 1, Of: 2, Basis: season.WholeSeason}, 1},
		},
		{
			"nothing has passed", start, 1,
			standing{nan, 0, 0, nan, nil, 0},
			standing{nan, 0, nan, nan, nil, 0},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			rain := hourly(hoursOfAll, c.mm)
			r := sum(p, map[string][]hydro.Sample{"a1": rain, "b1": rain}, c.at)
			opts := []cmp.Option{cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9)}
			if diff := cmp.Diff(c.whole, of(&r.Whole), opts...); diff != "" {
				t.Errorf("basin (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.west, of(&r.SubBasins[west]), opts...); diff != "" {
				t.Errorf("west (-want +got):\n%s", diff)
			}
			if !r.Example {
				t.Error("it is not said that a year is an example")
			}
			if x := &r.SubBasins[east]; x.Normal != nil || x.Rank != nil || len(x.Years) != 0 {
				t.Errorf("of a sub-basin of which nothing is said: %+v", x)
			}
		})
	}
	rain := hourly(36, 1)
	a1 := station(t, sum(p, map[string][]hydro.Sample{"a1": rain}, start.Add(36*time.Hour)), "a1")
	if n := a1.Normal; n.ToDate != 0 || !math.IsNaN(n.Anomaly) {
		t.Errorf("where nothing falls as a rule: %+v", n)
	}
	var curve []float64
	for _, d := range a1.Days {
		curve = append(curve, d.Normal)
	}
	if diff := cmp.Diff([]float64{0, 0, 10, 20}, curve); diff != "" {
		t.Error(diff)
	}
	// A year does not compete with itself.
	again := plan(t, basin+figures, start.AddDate(-4, 0, 0))
	if r := again.Sum(nil, again.Until); r.Whole.Rank != nil {
		t.Errorf("rank of a season of which nothing is known: %+v", r.Whole.Rank)
	}
	var reports []hydro.Sample
	for i := range hoursOfAll {
		reports = append(reports, sample(again.From.Add(time.Duration(i+1)*time.Hour), time.Hour, 61.0/hoursOfAll))
	}
	h := again.Hours(reports, hoursOfAll)
	if r := again.Sum(map[hydro.Key]*season.Hours{key("a1"): &h, key("b1"): &h}, again.Until); r.Whole.Rank.Of != 3 || r.Whole.Rank.Place != 2 {
		t.Errorf("rank of 2022 among 2008 and 2010: %+v", r.Whole.Rank)
	}
}

// Below the coverage that the catalogue asks for nothing is compared, whatever fell; from
// there on everything is, as the rain is meant.
func TestRainIsComparedOnlyWhereEnoughOfItIsKnown(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		least := rapid.SampledFrom([]string{"", "0", "0.5", "0.95", "1"}).Draw(rt, "least_coverage")
		text, needs := basin+figures, 0.9
		if least != "" {
			text += "    least_coverage: " + least + "\n"
			needs, _ = strconv.ParseFloat(least, 64)
		}
		p := plan(t, text, start)
		hours := rapid.IntRange(1, hoursOfAll).Draw(rt, "hours")
		series := map[string][]hydro.Sample{}
		for _, id := range []string{"a1", "b1"} {
			heard := rapid.IntRange(0, hours).Draw(rt, id)
			if rapid.Bool().Draw(rt, id+" whole") {
				heard = hours
			}
			series[id] = hourly(heard, rapid.Float64Range(0, 9).Draw(rt, id+" mm"))
		}
		r := sum(p, series, start.Add(time.Duration(hours)*time.Hour))
		complete := map[hydro.Key]*season.Hours{}
		for _, id := range []string{"a1", "b1"} {
			h := p.Hours(hourly(hours, 1), hours)
			complete[key(id)] = &h
		}
		full := p.Sum(complete, r.AsOf)
		check := func(x, all *season.Rain, station bool) {
			enough := x.Coverage >= needs-1e-9
			zh, en := r.Withheld(x)
			if x.Withheld != (zh != "") || x.Withheld != (en != "") {
				rt.Fatalf("%s: withheld %v, and the reasons are %q, %q", x.ID, x.Withheld, zh, en)
			}
			anomaly := x.Normal != nil && !math.IsNaN(x.Normal.Anomaly)
			share := x.Normal != nil && !math.IsNaN(x.Normal.Share)
			could := all.Rank != nil || all.Normal != nil && !(math.IsNaN(all.Normal.Share) && math.IsNaN(all.Normal.Anomaly))
			switch {
			case math.IsNaN(x.Rain):
				if x.Withheld || anomaly || share || x.Rank != nil || x.Bound != season.Exact {
					rt.Fatalf("of no report: %+v", x)
				}
			case enough:
				if x.Withheld || share != (all.Normal != nil && !math.IsNaN(all.Normal.Share)) || anomaly != (all.Normal != nil && !math.IsNaN(all.Normal.Anomaly)) || (x.Rank != nil) != (all.Rank != nil) {
					rt.Fatalf("%s at coverage %g of %g is not compared: %+v", x.ID, x.Coverage, needs, x)
				}
			case anomaly || share || x.Rank != nil || x.Withheld != could:
				rt.Fatalf("%s at coverage %g of %g: %+v", x.ID, x.Coverage, needs, x)
			}
			if math.IsNaN(x.Rain) {
				return
			}
			want := season.Exact
			switch {
			case x.Missing > 0 || station && x.Part > 0:
				want = season.AtLeast
			case x.Part > 0:
				want = season.About
			}
			if x.Bound != want {
				rt.Fatalf("%s with hours %d, %d, %d is meant as %d, want %d", x.ID, x.Full, x.Part, x.Missing, x.Bound, want)
			}
		}
		check(&r.Whole, &full.Whole, false)
		for i := range r.SubBasins {
			check(&r.SubBasins[i], &full.SubBasins[i], false)
		}
		for i := range r.Stations {
			if r.Stations[i].ID != "a2" { // it stays silent in both
				check(&r.Stations[i], &full.Stations[i], true)
			}
		}
		zh, en := r.Line()
		if r.Whole.Withheld && (strings.Contains(zh, "距平 ") || strings.Contains(zh, "居第") || strings.Contains(en, "anomaly ") || strings.Contains(en, "it is number") || !strings.Contains(zh, "不给距平") || !strings.Contains(en, "withheld")) {
			rt.Fatalf("%s\n%s", zh, en)
		}
	})
}

func TestTheSentenceSaysWhatTheSumsStandOn(t *testing.T) {
	p := plan(t, basin+figures, start)
	at := start.Add(36*time.Hour + 30*time.Minute)
	part := hourly(30, 1)
	for _, c := range []struct {
		name           string
		a1, b1         []hydro.Sample
		wantZH, wantEN string
	}{
		{
			"too much is missing", part, part,
			"龙舟水 2026-05-21 08:00 至 2026-05-22 20:00（36/96 小时）：小河面雨量 ≥ 30.0 mm，资料覆盖 83.3 %，有 0 小时不全、6 小时缺测，不插补：缺测处不计雨量，邻站代表；资料覆盖 83.3 %，低于可比的下限 90.0 %（目录设定，非官方）：不给距平、占比和位次，报到的雨少不等于下得少；常年值和历年值为示例，非官方。",
			"Dragon Boat rain, 2026-05-21 08:00 to 2026-05-22 20:00 (36 of 96 hours): areal rain of Brook is at least 30.0 mm, reports cover 83.3 %; 0 hours are incomplete and 6 without any report, and nothing is filled in: neighbours speak for silent gauges, an hour without any counts nothing; reports cover 83.3 %, below the 90.0 % that a comparison needs here (a setting of the catalogue, not official): anomaly, share and rank are withheld, for little that was reported is not little that fell; normals and years are an example, not official.",
		},
		{
			"little is missing", hourly(33, 1), hourly(33, 1),
			"龙舟水 2026-05-21 08:00 至 2026-05-22 20:00（36/96 小时）：小河面雨量 ≥ 33.0 mm，资料覆盖 91.6 %，有 0 小时不全、3 小时缺测，不插补：缺测处不计雨量，邻站代表；常年同期 20.0 mm，距平 ≥ +65.0 %；与历年同期比，3 年中居第 2 位或更前，另 1 年无逐日值，季末前不比；常年值和历年值为示例，非官方。",
			"Dragon Boat rain, 2026-05-21 08:00 to 2026-05-22 20:00 (36 of 96 hours): areal rain of Brook is at least 33.0 mm, reports cover 91.6 %; 0 hours are incomplete and 3 without any report, and nothing is filled in: neighbours speak for silent gauges, an hour without any counts nothing; normal to date is 20.0 mm, anomaly at least +65.0 %; of 3 years, up to the same date, it is number 2 or higher, 1 more have no days and are not compared before the season has ended; normals and years are an example, not official.",
		},
		{
			"a neighbour speaks", hourly(34, 1), hourly(36, 1),
			"龙舟水 2026-05-21 08:00 至 2026-05-22 20:00（36/96 小时）：小河面雨量 ≈ 36.0 mm，资料覆盖 98.6 %，有 2 小时不全、0 小时缺测，不插补：缺测处不计雨量，邻站代表；常年同期 20.0 mm，距平 ≈ +80.0 %；与历年同期比，3 年中居约第 2 位，另 1 年无逐日值，季末前不比；常年值和历年值为示例，非官方。",
			"Dragon Boat rain, 2026-05-21 08:00 to 2026-05-22 20:00 (36 of 96 hours): areal rain of Brook is about 36.0 mm, reports cover 98.6 %; 2 hours are incomplete and 0 without any report, and nothing is filled in: neighbours speak for silent gauges, an hour without any counts nothing; normal to date is 20.0 mm, anomaly about +80.0 %; of 3 years, up to the same date, it is about number 2, 1 more have no days and are not compared before the season has ended; normals and years are an example, not official.",
		},
	} {
		zh, en := sum(p, map[string][]hydro.Sample{"a1": c.a1, "b1": c.b1}, at).Line()
		if diff := cmp.Diff([]string{c.wantZH, c.wantEN}, []string{zh, en}); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
	zh, _ := sum(plan(t, basin, start), nil, start.Add(time.Hour)).Line()
	if want := "龙舟水 2026-05-21 08:00 至 2026-05-21 09:00（1/96 小时）：小河无雨量资料，面雨量未知；目录未给常年值。"; zh != want {
		t.Error(cmp.Diff(want, zh))
	}
}

func BenchmarkSeason(b *testing.B) {
	text := basin
	p := plan(b, text, start)
	var five []hydro.Sample
	for i := range 31 * 288 {
		five = append(five, sample(start.Add(time.Duration(i+1)*5*time.Minute), 5*time.Minute, 0.1))
	}
	p.Until = p.From.AddDate(0, 0, 31)
	b.Run("hours/days=31/every=5min", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Hours(five, 744)
		}
	})
	h := p.Hours(five, 744)
	series := map[hydro.Key]*season.Hours{key("a1"): &h, key("b1"): &h}
	b.Run("sum/days=31/stations=3", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Sum(series, p.Until)
		}
	})
}
