package termui_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/termui"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
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
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

var now = time.Date(2026, 6, 10, 6, 35, 0, 0, time.UTC)

func warning(before time.Duration, from, to hydro.Stage, zh, en string) hydro.Warning {
	return hydro.Warning{ID: zh, Station: "s", At: now.Add(-before), From: from, To: to, ReasonZH: zh, ReasonEN: en}
}

func storm(lang termui.Lang) termui.State {
	crest := make([]float64, 72)
	for i := range crest {
		crest[i] = 3 + 2.4*math.Exp(-math.Pow(float64(i-20)/9, 2))
	}
	return termui.State{
		Lang: lang, TitleZH: "潭江", TitleEN: "Tanjiang", Synthetic: true, Illustrative: true,
		Now: now, Speed: 600, Progress: 0.38, Elapsed: 134 * time.Second,
		Total: 41,
		Warnings: []hydro.Warning{
			warning(0, hydro.Yellow, hydro.Orange,
				"潢步头：06-10 14:30 实测水位 8.12 米（珠江基面），达到橙色阈值 8.00 米（示例阈值，非正式）。",
				"Huangbutou: observed water level 8.12 m (PEARL_RIVER) at 06-10 14:30, at or above the ORANGE threshold 8.00 m (illustrative thresholds, not official)."),
			warning(5*time.Minute, hydro.Clear, hydro.Blind,
				"赤坎：失明，数据未通过质量检查（卡滞）。", "Chikan: BLIND, its data fail quality control (stuck)."),
			warning(20*time.Minute, hydro.Blue, hydro.Yellow,
				"三埠：预计 06-10 23:10 水位达到黄色阈值 3.60 米，提前 8 小时 55 分，最高 4.02 米（珠江基面）（06-11 02:00）（示例阈值，非正式）。",
				"Sanbu: forecast to reach the YELLOW threshold of water level 3.60 m at 06-10 23:10, lead time 8 h 55 min, peak 4.02 m (PEARL_RIVER) at 06-11 02:00 (illustrative thresholds, not official)."),
			warning(65*time.Minute, hydro.Blue, hydro.Clear,
				"大沙河水库：06-10 13:30 实测水位 34.10 米（珠江基面），低于蓝色阈值 34.50 米；蓝色解除。",
				"Dashahe Reservoir: observed water level 34.10 m (PEARL_RIVER) at 06-10 13:30, below the BLUE threshold 34.50 m; lowered from BLUE to clear."),
			warning(80*time.Minute, hydro.Blind, hydro.Blue, "恩城：观测恢复；预报最高水位 9.31 米。", "Encheng: observations are back; forecast peak water level 9.31 m."),
		},
		Stations: []termui.Station{
			{NameZH: "潢步头", NameEN: "Huangbutou", Stage: hydro.Orange, Variable: hydro.WaterLevel, Value: 8.12, Threshold: 8.8, Next: hydro.Red, Trend: termui.Rising, Age: 5 * time.Minute},
			{NameZH: "三埠", NameEN: "Sanbu", Stage: hydro.Yellow, Variable: hydro.WaterLevel, Value: 2.9, Threshold: 4.1, Next: hydro.Orange, Trend: termui.Rising, Age: 3 * time.Minute},
			{NameZH: "圣堂雨量站", NameEN: "Shengtang rain gauge", Stage: hydro.Yellow, Variable: hydro.Rain, Window: 3 * time.Hour, Value: 112.5, Threshold: math.NaN(), Trend: termui.Steady, Age: 14 * time.Minute, Overdue: true},
			{NameZH: "锦江水库", NameEN: "Jinjiang Reservoir", Stage: hydro.Blue, Variable: hydro.Inflow, Value: 1240, Threshold: 1500, Next: hydro.Yellow, Trend: termui.Falling, Age: 35 * time.Minute},
			{NameZH: "新昌", NameEN: "Xinchang", Stage: hydro.Blue, Threshold: math.NaN()},
		},
		Peaks: []termui.Peak{
			{NameZH: "潢步头", NameEN: "Huangbutou", Variable: hydro.WaterLevel, Now: 8.12, Value: 8.64, At: now.Add(3*time.Hour + 25*time.Minute), Stage: hydro.Orange, Values: crest},
			{NameZH: "三埠", NameEN: "Sanbu", Variable: hydro.WaterLevel, Now: 2.9, Value: 4.02, At: now.Add(11*time.Hour + 25*time.Minute), Stage: hydro.Yellow, Values: crest[:40]},
			{NameZH: "石咀", NameEN: "Shizui", Variable: hydro.Discharge, Now: 812, Value: 2410, At: now.Add(70 * time.Hour), Stage: hydro.Blue, AtEnd: true, Values: crest[:18]},
			{NameZH: "恩城", NameEN: "Encheng", Variable: hydro.WaterLevel, Now: 9.31, Value: 9.31, At: now, Stage: hydro.Blue, Values: crest[20:]},
		},
		Blind: []hydro.StationStatus{
			{Station: "a", Stage: hydro.Blind, ReasonZH: "赤坎：失明，数据未通过质量检查（卡滞）。", ReasonEN: "Chikan: BLIND, its data fail quality control (stuck)."},
			{Station: "b", Stage: hydro.Blind, ReasonZH: "双门：失明，自 06-10 02:15 起无可用数据。", ReasonEN: "Shuangmen: BLIND, no usable data since 06-10 02:15."},
			{Station: "c", Stage: hydro.Blind, ReasonZH: "义兴：失明，数据被拒收（基面不符）。", ReasonEN: "Yixing: BLIND, its reports are refused (datum_mismatch: HUANGHAI_1956 has no declared offset)."},
		},
		Counters: termui.Counters{Sent: 148220, Acked: 148010, Refused: 96, Archived: 147311, Lag: 12, Forecasts: 438, Raised: 27, Lowered: 8},
	}
}

func TestLiveViewFitsTheScreenAndReadsTheSame(t *testing.T) {
	for _, c := range []struct {
		lang          termui.Lang
		width, height int
	}{
		{termui.Chinese, 80, 24}, {termui.English, 80, 24}, {termui.Chinese, 120, 40}, {termui.English, 120, 40}, {termui.English, 60, 12}, {termui.English, 36, 5},
	} {
		t.Run(fmt.Sprintf("%s-%dx%d", c.lang, c.width, c.height), func(t *testing.T) {
			got := termui.Render(storm(c.lang), c.width, c.height)
			lines := strings.Split(got, "\n")
			if len(lines) > c.height {
				t.Errorf("%d lines, room for %d", len(lines), c.height)
			}
			for _, line := range lines {
				if w := termui.Width(line); w > c.width {
					t.Errorf("%d columns, room for %d: %q", w, c.width, line)
				}
			}
			golden(t, fmt.Sprintf("live-%s-%dx%d", c.lang, c.width, c.height), got+"\n")
		})
	}
}

func TestAnEmptyStateSaysThatItWaits(t *testing.T) {
	golden(t, "live-empty", termui.Render(termui.State{Lang: termui.English, TitleEN: "Tanjiang", Progress: math.NaN()}, 80, 24)+"\n")
}

func TestColourOnlyRepeatsWhatTheWordsSay(t *testing.T) {
	plain := termui.Render(storm(termui.English), 120, 40)
	coloured := storm(termui.English)
	coloured.Colour = true
	got := termui.Render(coloured, 120, 40)
	if !strings.Contains(got, "\x1b[") {
		t.Fatal("no colour")
	}
	if diff := cmp.Diff(plain, strip(got)); diff != "" {
		t.Errorf("without its colours the picture differs:\n%s", diff)
	}
}

func strip(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		s = s[i:]
		s = s[strings.IndexByte(s, 'm')+1:]
	}
}

func TestNoPictureIsLargerThanItsScreen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := storm(rapid.SampledFrom([]termui.Lang{termui.Chinese, termui.English}).Draw(t, "lang"))
		s.Warnings = s.Warnings[:rapid.IntRange(0, len(s.Warnings)).Draw(t, "warnings")]
		s.Total = len(s.Warnings)
		s.Stations = s.Stations[:rapid.IntRange(0, len(s.Stations)).Draw(t, "stations")]
		s.Peaks = s.Peaks[:rapid.IntRange(0, len(s.Peaks)).Draw(t, "peaks")]
		s.Blind = s.Blind[:rapid.IntRange(0, len(s.Blind)).Draw(t, "blind")]
		width, height := rapid.IntRange(28, 200).Draw(t, "width"), rapid.IntRange(1, 60).Draw(t, "height")
		lines := strings.Split(termui.Render(s, width, height), "\n")
		if len(lines) > height {
			t.Fatalf("%d lines", len(lines))
		}
		for _, line := range lines {
			if termui.Width(line) > width {
				t.Fatalf("%d columns: %q", termui.Width(line), line)
			}
		}
	})
}

func TestEveryBlindStationIsNamedOrCounted(t *testing.T) {
	s := storm(termui.English)
	for height := 14; height <= 40; height++ {
		got := termui.Render(s, 100, height)
		named := 0
		for _, b := range s.Blind {
			if strings.Contains(got, b.ReasonEN[:40]) {
				named++
			}
		}
		if left := len(s.Blind) - named; left > 0 && !strings.Contains(got, fmt.Sprintf("… %d more", left)) {
			t.Errorf("height %d: %d blind stations are neither named nor counted:\n%s", height, left, got)
		}
	}
}

func TestWarningTextWrapsTheWholeReason(t *testing.T) {
	var b strings.Builder
	for _, lang := range []termui.Lang{termui.Chinese, termui.English} {
		for _, w := range storm(lang).Warnings {
			b.WriteString(termui.WarningText(w, lang, 80, false))
		}
	}
	golden(t, "warnings-80", b.String())
}

func TestWrapLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-z]{1,12}|[水位雨量，。]{1,6}`)).Draw(t, "words")
		s := strings.Join(words, " ")
		lines := termui.Wrap(s, rapid.IntRange(2, 40).Draw(t, "width"))
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if got := squeeze(strings.Join(lines, "")); got != squeeze(s) {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

func TestHydrographShowsPeakAndThreshold(t *testing.T) {
	values := make([]float64, 288)
	for i := range values {
		values[i] = 2 + 3*math.Exp(-math.Pow(float64(i-90)/40, 2))
	}
	values[200], values[201], values[202] = math.NaN(), math.NaN(), math.NaN()
	p := termui.Plot{
		Values: values, Start: now, Step: 15 * time.Minute, Variable: hydro.WaterLevel, Caption: "潢步头 Huangbutou, m (PEARL_RIVER)",
		Threshold: 4.5, Label: "橙色 ORANGE", PeakAt: now.Add(91 * 15 * time.Minute),
	}
	golden(t, "plot-80", p.Render(80, 8))
	p.Values = nil
	if got := p.Render(80, 8); got != "" {
		t.Errorf("nothing to draw drew %q", got)
	}
}

func TestSparkKeepsAShortCrest(t *testing.T) {
	values := make([]float64, 100)
	values[50] = 1
	if got := termui.Spark(values, 10); !strings.Contains(got, "█") {
		t.Errorf("%q has lost the crest", got)
	}
	if got, want := termui.Spark([]float64{1, math.NaN(), 3}, 3), "▁ █"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPlainScreenWritesEachWarningOnce(t *testing.T) {
	var out bytes.Buffer
	screen := termui.NewScreen(&out)
	s := storm(termui.English)
	all := s.Warnings
	for n := 0; n <= len(all); n++ {
		s.Warnings, s.Total = all[len(all)-n:], n
		for range 2 {
			if err := screen.Draw(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := screen.Close(); err != nil {
		t.Fatal(err)
	}
	golden(t, "append", out.String())
}

func TestLangIsChineseOrEnglish(t *testing.T) {
	if _, err := termui.ParseLang("fr"); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("fr: %v", err)
	}
	if termui.LangOf("zh_CN.UTF-8") != termui.Chinese || termui.LangOf("C.UTF-8") != termui.English {
		t.Error("locale")
	}
}

func TestAPlotShowsTheEdgesOfABand(t *testing.T) {
	line := make([]float64, 60)
	low, high := make([]float64, 60), make([]float64, 60)
	for i := range line {
		line[i], low[i], high[i] = 5, math.NaN(), math.NaN()
		if i < 30 {
			low[i], high[i] = 4, 7
		}
	}
	p := termui.Plot{Values: line, Start: now, Step: time.Hour, Variable: hydro.WaterLevel, Threshold: math.NaN(), Low: low, High: high, BandLabel: "8 in 10"}
	rows := strings.Split(p.Render(80, 4), "\n")[1:]
	// The axis reaches from 4 to 7: the upper edge is in the first row, the lower in the last, and both end half way.
	for _, i := range []int{0, 3} {
		_, dots, _ := strings.Cut(rows[i], "┤")
		if n := termui.Width(dots); n < 30 || n > 40 {
			t.Errorf("an edge of %d columns, want half of 70:\n%s", n, strings.Join(rows, "\n"))
		}
	}
	if !strings.HasPrefix(strings.TrimSpace(rows[0]), "7.00") || !strings.HasPrefix(strings.TrimSpace(rows[3]), "4.00") || !strings.Contains(strings.Join(rows, "\n"), "8 in 10") {
		t.Errorf("\n%s", strings.Join(rows, "\n"))
	}
	p.Low, p.High = nil, nil
	if got := p.Render(80, 4); strings.Contains(got, "8 in 10") {
		t.Errorf("a band that is not there:\n%s", got)
	}
}
