package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/termui"
)

func TestQuantilesRunFromNowThroughTheBandsSteps(t *testing.T) {
	f := &hydro.Forecast{Step: 30 * time.Minute, BandStep: time.Hour}
	s := &hydro.StationForecast{Band: []hydro.BandStep{{Discharge: [7]float64{10, 12}}, {Discharge: [7]float64{20, 22}}}}
	got := quantileLine(f, s, hydro.Discharge, 4, q10, 6)
	for i, want := range []float64{8, 12, 17, 22, math.NaN(), math.NaN()} { // each half hour; the band ends at 2 h
		if got[i] != want && !(math.IsNaN(want) && math.IsNaN(got[i])) {
			t.Errorf("at step %d: %g, want %g", i, got[i], want)
		}
	}
	f.BandStep = 0
	if got := quantileLine(f, s, hydro.Discharge, 4, q10, 1); !math.IsNaN(got[0]) {
		t.Errorf("a run without a band has a quantile of %g", got[0])
	}
}

func TestAChanceIsNeverQuiteSure(t *testing.T) {
	for p, want := range map[float64]string{0: "<1 %", 0.004: "<1 %", 0.01: "1 %", 0.625: "62 %", 0.99: "99 %", 0.995: ">99 %", 1: ">99 %"} {
		if got := likely(p); got != want {
			t.Errorf("%g: %s, want %s", p, got, want)
		}
	}
}

func TestWithoutABandItSaysSoOnceAndWhy(t *testing.T) {
	for _, c := range []struct {
		name, want string
		lang       termui.Lang
		change     func(*hydro.Forecast)
	}{
		{"the run's note", "no band yet at h-chikan, h-enping: fewer than 24 past errors in a situation like this", termui.English, func(f *hydro.Forecast) {
			f.Notes = []string{"no band yet at h-enping-2: else", "no band yet at h-chikan, h-enping: fewer than 24 past errors in a situation like this"}
		}},
		{"in Chinese", "h-enping暂无不确定性区间（类似情形的历史误差不足24次）", termui.Chinese, func(f *hydro.Forecast) {
			f.Notes = []string{"no band yet at h-enping: fewer than 24 past errors in a situation like this"}
		}},
		{"a run of before there were bands", "this run has no band", termui.English, func(f *hydro.Forecast) { f.BandStep, f.BandBasis, f.Notes = 0, "", nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &forecastView{lang: c.lang, width: 110, run: testForecast()}
			s := &v.run.Stations[0]
			c.change(&v.run)
			s.Band = nil
			for i := range s.Crossings {
				s.Crossings[i].Chance = hydro.Chance{}
			}
			var b strings.Builder
			v.station(&b, s)
			if n := strings.Count(b.String(), c.want); n != 1 {
				t.Errorf("%q stands there %d times:\n%s", c.want, n, b.String())
			}
			for _, word := range []string{"likely", "可能性", "8 times in 10", "十次有八次"} {
				if strings.Contains(b.String(), word) {
					t.Errorf("%q without a band:\n%s", word, b.String())
				}
			}
		})
	}
}
