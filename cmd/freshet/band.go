package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/plot"
	"freshet/internal/termui"
)

// The quantiles that people see, as indexes into hydro.BandLevels.
const (
	q10, q25, q50, q75, q90 = 1, 2, 3, 4, 5
)

// quantiles returns a step's values of a variable.
func quantiles(b *hydro.BandStep, v hydro.Variable) *[len(hydro.BandLevels)]float64 {
	if v == hydro.WaterLevel {
		return &b.Level
	}
	return &b.Discharge
}

// banded reports whether the band says something of a variable.
func banded(s *hydro.StationForecast, v hydro.Variable) bool {
	return slices.ContainsFunc(s.Band, func(b hydro.BandStep) bool { return !math.IsNaN(quantiles(&b, v)[q50]) })
}

// quantileLine returns a quantile at the n steps of a run, linear between the
// band's own steps and from what is now; NaN behind the band's end.
func quantileLine(f *hydro.Forecast, s *hydro.StationForecast, v hydro.Variable, now float64, q, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
		if f.BandStep <= 0 {
			continue
		}
		lead := time.Duration(i+1) * f.Step
		k, rest := int(lead/f.BandStep), lead%f.BandStep
		if k > len(s.Band) || k == len(s.Band) && rest > 0 {
			continue
		}
		low := now
		if k > 0 {
			low = quantiles(&s.Band[k-1], v)[q]
		}
		out[i] = low
		if share := float64(rest) / float64(f.BandStep); share > 0 {
			out[i] = low*(1-share) + quantiles(&s.Band[k], v)[q]*share
		}
	}
	return out
}

// noBand says why a station has no band, in the view's language.
func (v *forecastView) noBand(station string) string {
	for _, note := range v.run.Notes {
		rest, ok := strings.CutPrefix(note, "no band yet at ")
		if stations, _, found := strings.Cut(rest, ": "); ok && found && slices.Contains(strings.Split(stations, ", "), station) {
			return v.lang.Pick(hydro.NoteZH(note), hydro.NoteEN(note))
		}
	}
	if v.run.BandStep == 0 {
		return v.lang.Pick("本次预报无不确定性区间", "this run has no band")
	}
	return v.lang.Pick("无不确定性区间", "no band")
}

// bandTable writes the quantiles at a few leads.
func (v *forecastView) bandTable(b *strings.Builder, s *hydro.StationForecast, variable hydro.Variable) {
	pick := v.lang.Pick
	if !banded(s, variable) {
		b.WriteString(strings.Join(termui.Wrap(v.noBand(s.Station), max(40, v.width-1)), "\n") + "\n")
		return
	}
	const head, cell = 24, 11
	var steps []int
	for _, lead := range []time.Duration{time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 72 * time.Hour} {
		if k := int(lead/v.run.BandStep) - 1; lead%v.run.BandStep == 0 && k >= 0 && k < len(s.Band)-1 {
			steps = append(steps, k)
		}
	}
	steps = append(steps, len(s.Band)-1)
	if most := max(1, (v.width-head)/cell); len(steps) > most { // the last always shows
		steps = append(steps[:most-1], len(s.Band)-1)
	}
	row := func(name string, value func(k int) string) {
		cells := []string{termui.Pad(name, head)}
		for _, k := range steps {
			cells = append(cells, termui.PadLeft(value(k), cell))
		}
		b.WriteString(strings.TrimRight(strings.Join(cells, ""), " ") + "\n")
	}
	at := func(k int) time.Time { return v.run.IssuedAt.Add(time.Duration(k+1) * v.run.BandStep) }
	row(pick("可能范围, ", "likely range, ")+termui.Unit(variable), func(k int) string { return fmt.Sprintf("+%g h", at(k).Sub(v.run.IssuedAt).Hours()) })
	row("", func(k int) string { return termui.Clock(at(k))[len("06-10 "):] })
	for _, q := range []struct {
		index  int
		zh, en string
	}{
		{q90, "  十次有一次高于", "  1 in 10 above"}, {q50, "  高低各半", "  even odds"}, {q10, "  十次有一次低于", "  1 in 10 below"},
	} {
		row(pick(q.zh, q.en), func(k int) string { return termui.Number(variable, quantiles(&s.Band[k], variable)[q.index]) })
	}
}

// likely writes a probability as whole per cent that is never quite sure.
func likely(p float64) string {
	switch {
	case p < 0.01:
		return "<1 %"
	case p > 0.99:
		return ">99 %"
	}
	return fmt.Sprintf("%.0f %%", 100*p)
}

// slim is the probability from which a crossing that the line itself does not
// make is told in a table.
const slim = 0.05

// chance says in a sentence how probable a crossing is and when; "" where no
// band tells.
func (v *forecastView) chance(c *hydro.Chance) string {
	if c.Until.IsZero() {
		return ""
	}
	pick := v.lang.Pick
	text := fmt.Sprintf(pick("%[2]s 前达到的可能性 %[1]s", "%s likely by %s"), likely(c.Probability), termui.Clock(c.Until))
	if c.Uncalibrated {
		text += pick("（未经检验，只作量级参考）", " (not calibrated: an order, not a number)")
	}
	if c.Extrapolated {
		text += pick("（"+extrapolatedZH+"）", " ("+extrapolatedEN+")")
	}
	if c.Probability < 0.01 { // when it comes, if it hardly does, is nothing to plan with
		return text
	}
	day := ""
	clock := func(t time.Time) string { // the day is said where it is another
		s := termui.Clock(t)
		if s[:5] == day {
			return s[6:]
		}
		day = s[:5]
		return s
	}
	early, middle := clock(c.Early), clock(c.Middle)
	return text + fmt.Sprintf(pick("；若达到：八成在 %s 至 %[3]s，中值 %[2]s", "; if so, 8 in 10 between %s and %[3]s, as likely before as after %[2]s"),
		early, middle, clock(c.Late))
}

// short is chance for a table.
func (v *forecastView) short(c *hydro.Chance) string {
	return fmt.Sprintf(v.lang.Pick("%[2]s 前可能性 %[1]s", "%s likely by %s"), likely(c.Probability), termui.Clock(c.Until))
}

// bands returns the areas of 80 and 50 %, beginning at what is now.
func (h *hydrograph) bands(variable hydro.Variable, now float64, lang termui.Lang) []plot.Band {
	run, s := &h.view.run, h.station
	if !banded(s, variable) {
		return nil
	}
	var out []plot.Band
	for _, b := range []struct {
		low, high int
		zh, en    string
	}{
		{q10, q90, "80 % 区间 (10–90 %)", "80 % of cases (10–90 %)"}, {q25, q75, "50 % 区间 (25–75 %)", "50 % (25–75 %)"},
	} {
		band := plot.Band{Label: lang.Pick(b.zh, b.en), At: []time.Time{run.IssuedAt}, Low: []float64{now}, High: []float64{now}}
		for k := range s.Band {
			q := quantiles(&s.Band[k], variable)
			band.At = append(band.At, run.IssuedAt.Add(time.Duration(k+1)*run.BandStep))
			band.Low, band.High = append(band.Low, q[b.low]), append(band.High, q[b.high])
		}
		out = append(out, band)
	}
	return out
}

// bandColumns are the columns of the quantiles in the CSV file.
func bandColumns() []string {
	var out []string
	for _, q := range []struct{ what, unit string }{{"discharge", "m3s"}, {"level", "m"}} {
		for _, p := range hydro.BandLevels {
			out = append(out, fmt.Sprintf("%s_q%02.0f_%s", q.what, 100*p, q.unit))
		}
	}
	return append(out, "band_errors")
}

// bandCells are the values of those columns at an output step, counted from 0;
// empty between the band's steps and behind its end.
func bandCells(f *hydro.Forecast, s *hydro.StationForecast, step int, number func(float64) string) []string {
	out := make([]string, len(bandColumns()))
	lead := time.Duration(step+1) * f.Step
	if f.BandStep <= 0 || lead%f.BandStep != 0 || int(lead/f.BandStep) > len(s.Band) {
		return out
	}
	b := &s.Band[int(lead/f.BandStep)-1]
	for i := range hydro.BandLevels {
		out[i], out[len(hydro.BandLevels)+i] = number(b.Discharge[i]), number(b.Level[i])
	}
	out[len(out)-1] = fmt.Sprint(b.Errors)
	return out
}
