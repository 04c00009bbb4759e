package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// A rain forecast raises the forecast leg on rain together with what has fallen; once
// it has expired it raises and lowers nothing; a restart in between changes nothing,
// and the warning is explained.
func TestForecastRainAndWhatHasFallenRaiseALeg(t *testing.T) {
	c, _ := load(t)
	files := slices.Clone(c.Files())
	for i := range files {
		files[i].Data = forecastRain(files[i].Data)
	}
	c, problems := catalog.Load(files)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	basin := c.Basins[0].ID
	e := begin(t, c, basin)
	station := ""
	for i := range c.StageTables {
		for _, h := range c.StageTables[i].Thresholds {
			if h.Variable == hydro.Rain && h.Forecast && h.Window == 3*time.Hour && h.Stage == hydro.Orange && station == "" && h.Value == 50 {
				if s, _ := c.Station(c.StageTables[i].Station); measures(*s, hydro.Rain) {
					station = s.ID
				}
			}
		}
	}
	if station == "" {
		t.Fatal("no station of the catalogue has a forecast leg on 3 h of rain")
	}
	persistence := c.Basins[0].Settings.Persistence
	var own []hydro.Warning
	give := func(in hydro.Input) {
		t.Helper()
		in.Seq = e.Seq() + 1
		outs, err := e.Apply(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range outs {
			if o.Warning != nil && o.Warning.Station == station && o.Warning.Forecast.Variable == hydro.Rain {
				own = append(own, *o.Warning)
			}
		}
	}
	now := start
	pass := func(mm float64) {
		t.Helper()
		now = now.Add(step)
		give(hydro.Input{Batch: &hydro.Batch{Basin: basin, ReceivedAt: now, Readings: []hydro.Reading{
			{Key: hydro.Key{Station: station, Variable: hydro.Rain}, At: now, Interval: step, Raw: mm, Value: mm},
		}}})
		give(hydro.Input{Tick: &hydro.Tick{At: now}})
	}
	for range 12 {
		pass(1)
	}
	f := &hydro.RainForecast{Basin: basin, Source: "QPF", IssuedAt: now, ValidUntil: now.Add(time.Hour), From: now, Step: time.Hour, ReceivedAt: now}
	for i := range c.Basins[0].SubBasins {
		f.Areas = append(f.Areas, hydro.RainArea{SubBasin: c.Basins[0].SubBasins[i].ID, Rain: []float64{15, 20, 30, 5, 0, 0}})
	}
	give(hydro.Input{RainForecast: f})
	if len(own) != 0 {
		t.Fatalf("warned before there was a rain forecast: %+v", own)
	}
	for range persistence {
		pass(0)
	}
	if len(own) != 1 || own[0].To != hydro.Orange || own[0].Forecast.PeakValue < 60 {
		t.Fatalf("after %d runs: %+v", persistence, own)
	}
	x := e.Explain(own[0])
	zh, en := x.Lines()
	for _, want := range []string{"最大 ", "其中已降 ", "QPF"} {
		if text := strings.Join(zh, "\n"); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if text := strings.Join(en, "\n"); !strings.Contains(text, "of which ") {
		t.Errorf("no part that has fallen in\n%s", text)
	}
	// The whole and the one that was stored and read go on alike, past the expiry.
	data, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again, err := engine.Restore(data, c)
	if err != nil {
		t.Fatal(err)
	}
	whole, from := e, now
	var said [2]string
	for i, part := range []*engine.Engine{whole, again} {
		e, now, own = part, from, nil
		for now.Before(f.ValidUntil.Add(time.Hour)) {
			pass(0)
		}
		said[i] = fmt.Sprint(own)
		at, _ := slices.BinarySearchFunc(e.Statuses(), station, func(s hydro.StationStatus, id string) int { return strings.Compare(s.Station, id) })
		if s := e.Statuses()[at]; s.Forecast.Stage != hydro.Orange || !strings.Contains(s.ReasonEN, "no valid rain forecast since the run of") {
			t.Errorf("an hour after the rain forecast has expired: %+v", s)
		}
	}
	if said[0] != said[1] {
		t.Errorf("the whole said\n%s\nthe one restored\n%s", said[0], said[1])
	}
}
