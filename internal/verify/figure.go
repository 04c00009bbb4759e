package verify

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/plot"
	"freshet/internal/store"
	"freshet/internal/termui"
)

// Figures draws each event of a report: what was observed, the runs that were
// judged by their time of issue, rain, and thresholds. It calls draw with a name
// that is fit for a file, "<station>-<time of the peak>", and stops at its first
// error. The options are those that the report was made with.
func Figures(ctx context.Context, r store.Reader, cat *catalog.Catalog, rep *Report, lang termui.Lang, draw func(name string, f *plot.Figure) error) error {
	for i := range rep.Stations {
		s := &rep.Stations[i]
		st, ok := cat.Station(s.Station)
		basin, known := cat.Basin(s.Basin)
		if !ok || !known {
			continue // the report is of another catalogue
		}
		for k := range s.Events.Events {
			e := &s.Events.Events[k]
			d := eventFigure{r: r, cat: cat, basin: basin, rep: rep, s: s, st: st, e: e, lang: lang}
			f, err := d.draw(ctx)
			if err != nil {
				return err
			}
			name := s.Station + "-" + e.PeakAt.In(termui.Beijing).Format("20060102T1504")
			if err := draw(name, f); err != nil {
				return fmt.Errorf("figure %s: %w", name, err)
			}
		}
	}
	return nil
}

type eventFigure struct {
	r     store.Reader
	cat   *catalog.Catalog
	basin *catalog.Basin
	rep   *Report
	s     *Station
	st    *catalog.Station
	e     *Event
	lang  termui.Lang
}

func (d *eventFigure) draw(ctx context.Context) (*plot.Figure, error) {
	e, v, pick := d.e, d.s.Events.Variable, d.lang.Pick
	margin := max(6*time.Hour, e.To.Sub(e.From)/4)
	from, to := e.From.Add(-margin), e.To.Add(margin)
	for i := range e.Runs {
		if e.Runs[i].IssuedAt.Before(from) {
			from = e.Runs[i].IssuedAt
		}
	}
	datum := hydro.NoDatum
	if v == hydro.WaterLevel {
		datum = d.st.Datum.Name
	}
	f := &plot.Figure{
		Title: pick(d.s.NameZH, d.s.NameEN) + "  " + pick("洪水过程与预报", "flood and its forecasts"),
		Subtitle: strings.Join([]string{
			d.s.Station, pick("洪峰 ", "peak ") + termui.Number(v, float64(e.Peak)) + " " + termui.Unit(v) + " " + e.PeakAt.In(termui.Beijing).Format("2006-01-02 15:04"), d.rep.Standard,
		}, "  ·  "),
		Mark: d.rep.Illustrative, Axis: plot.Caption(v, datum, d.lang), Number: func(x float64) string { return termui.Number(v, x) },
		Zone: termui.Beijing, ZoneName: plot.ZoneName(d.lang), From: from, To: to,
		DoubtfulLabel: pick("质控存疑或不通过", "held back by quality control"),
		Peaks:         []plot.Peak{{Point: plot.Point{At: e.PeakAt, Value: float64(e.Peak)}, Label: pick("洪峰 ", "peak ") + termui.Number(v, float64(e.Peak))}},
	}
	if table, ok := d.cat.StageTable(d.s.Station, e.PeakAt); ok {
		for _, h := range table.Thresholds {
			if h.Variable == v {
				f.Thresholds = append(f.Thresholds, plot.StageLine(h.Stage, v, h.Value, d.lang))
			}
		}
	}
	p, _ := d.st.Parameter(v, 0)
	apart := 0
	line := plot.Line{Label: pick("实测", "observed"), Style: plot.Observed, Gap: max(2*p.Interval, 10*time.Minute)}
	for o, err := range d.r.Observations(ctx, hydro.Key{Station: d.s.Station, Variable: v}, from, to.Add(time.Millisecond)) {
		if err != nil {
			return nil, fmt.Errorf("read observations of %s: %w", d.s.Station, err)
		}
		if v == hydro.WaterLevel && o.Datum != datum { // never two datums on one axis
			apart++
			continue
		}
		q := plot.Point{At: o.At, Value: o.Value}
		if o.Quality.Usable() {
			line.Points = append(line.Points, q)
		} else {
			f.Doubtful = append(f.Doubtful, q)
		}
	}
	f.Lines = append(f.Lines, line)
	if err := d.runs(ctx, f); err != nil {
		return nil, err
	}
	if err := d.rain(ctx, f); err != nil {
		return nil, err
	}
	if apart > 0 {
		f.Notes = append(f.Notes, pick(
			fmt.Sprintf("另有%d个实测水位不在%s基面上，未绘出。", apart, datum), fmt.Sprintf("%d levels observed at %s are not on %s: they are not drawn.", apart, d.s.Station, datum)))
	}
	if e.Cut {
		f.Notes = append(f.Notes, pick("资料起止于洪水过程之中，不评定。", "The record begins or ends within the event: it is not judged."))
	}
	return f, nil
}

// runs adds the forecasts, each once, and their judgement to the notes.
func (d *eventFigure) runs(ctx context.Context, f *plot.Figure) error {
	v, pick := d.s.Events.Variable, d.lang.Pick
	drawn := map[time.Time]bool{}
	for i := range d.e.Runs {
		run := &d.e.Runs[i]
		f.Notes = append(f.Notes, d.judged(run))
		if drawn[run.IssuedAt] {
			continue
		}
		drawn[run.IssuedAt] = true
		forecast, err := d.r.Forecast(ctx, d.s.Basin, run.IssuedAt)
		if errors.Is(err, hydro.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read forecast of %s issued %s: %w", d.s.Basin, run.IssuedAt.Format(time.RFC3339), err)
		}
		line := plot.Line{
			Label: fmt.Sprintf("%s %g h (%s)", pick("预见期", "lead"), run.Hours, termui.Clock(run.IssuedAt)), Style: plot.Issue(i, len(d.e.Runs)),
		}
		for k, x := range forecastOf(&forecast, d.s.Station, v, d.st.Datum.Name) {
			line.Points = append(line.Points, plot.Point{At: run.IssuedAt.Add(time.Duration(k+1) * forecast.Step), Value: x})
		}
		f.Lines = append(f.Lines, line)
	}
	return nil
}

// judged says in a line how a run did.
func (d *eventFigure) judged(run *PeakRun) string {
	v, pick := d.s.Events.Variable, d.lang.Pick
	verdict := func(ok *bool) string {
		switch {
		case ok == nil:
			return pick("不评定", "not judged")
		case *ok:
			return pick("合格", "qualified")
		default:
			return pick("不合格", "not qualified")
		}
	}
	signed := func(x float64) string {
		sign := ""
		if x >= 0 {
			sign = "+"
		}
		return sign + termui.Number(v, x)
	}
	text := fmt.Sprintf("%s %g h: %s %s %s", pick("预见期", "lead"), run.Hours, pick("洪峰差", "peak error"), signed(float64(run.Error)), termui.Unit(v))
	if !math.IsNaN(float64(run.Permissible)) {
		text += fmt.Sprintf(" (%s %s)", pick("许可", "permissible"), termui.Number(v, float64(run.Permissible)))
	}
	text += " " + pick(run.Rating.ZH(), run.Rating.String())
	text += fmt.Sprintf(pick("；峰时差 %+.1f h (许可 %.1f) %s", "; peak time %+.1f h (permissible %.1f) %s"), run.LateHours, run.LateMost, verdict(&run.InTime))
	if !math.IsNaN(float64(run.DC)) {
		text += fmt.Sprintf("; DC %.2f", float64(run.DC))
	}
	if run.DepthQualified != nil {
		text += fmt.Sprintf(pick("；径流深 %+.1f mm / %.1f %s", "; runoff depth %+.1f mm of %.1f %s"), float64(run.DepthError), float64(run.Depth), verdict(run.DepthQualified))
	}
	return text
}

// rain adds the station's own rain, else the mean of the gauges that its
// catchment knows.
func (d *eventFigure) rain(ctx context.Context, f *plot.Figure) error {
	gauges := []string{d.s.Station}
	if _, ok := d.st.Parameter(hydro.Rain, 0); !ok {
		gauges = d.gauges()
	}
	var falls [][]plot.Fall
	var whose []string
	for _, id := range gauges {
		var one []plot.Fall
		for o, err := range d.r.Observations(ctx, hydro.Key{Station: id, Variable: hydro.Rain}, f.From, f.To.Add(24*time.Hour)) {
			if err != nil {
				return fmt.Errorf("read rain of %s: %w", id, err)
			}
			if o.Quality.Usable() && o.Interval > 0 {
				one = append(one, plot.Fall{From: o.At.Add(-o.Interval), To: o.At, Depth: o.Value})
			}
		}
		if len(one) > 0 {
			falls, whose = append(falls, one), append(whose, id)
		}
	}
	if len(falls) == 0 {
		return nil
	}
	every := plot.RainStep(f.To.Sub(f.From))
	who := plot.MeanOf(len(whose), d.lang)
	if st, ok := d.cat.Station(whose[0]); ok && len(whose) == 1 {
		who = d.lang.Pick(st.NameZH, st.NameEN)
	}
	bars := plot.MeanRain(f.From, f.To, every, falls)
	f.Rain = &plot.Rain{Caption: plot.RainCaption(who, every, bars, d.lang), Bars: bars}
	return nil
}

// gauges are the rain stations of the sub-basins above the station.
func (d *eventFigure) gauges() []string {
	above := above(d.basin, d.s.Station)
	var out []string
	for _, sub := range d.basin.SubBasins {
		if !above[sub.Node] {
			continue
		}
		if len(sub.Gauges) == 0 { // any of the basin may serve it
			out = nil
			for i := range d.cat.Stations {
				if st := &d.cat.Stations[i]; st.Basin == d.basin.ID {
					if _, ok := st.Parameter(hydro.Rain, 0); ok {
						out = append(out, st.ID)
					}
				}
			}
			return out
		}
		out = append(out, sub.Gauges...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
