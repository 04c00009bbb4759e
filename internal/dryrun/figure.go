package dryrun

import (
	"cmp"
	"fmt"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/plot"
	"freshet/internal/termui"
)

// Figures draws, for each station with a level, what was observed, the thresholds
// of both rules, and where each rule's stage stood.
func (r *Report) Figures(lang termui.Lang, each func(name string, f *plot.Figure) error) error {
	pick := lang.Pick
	for i := range r.Stations {
		s := &r.Stations[i]
		if len(s.levels.At) == 0 {
			continue
		}
		f := &plot.Figure{
			Title:    pick("规则试演 ", "Rule dry-run ") + pick(cmp.Or(s.NameZH, s.Station), cmp.Or(s.NameEN, s.Station)) + " " + s.Station,
			Subtitle: fmt.Sprintf("%s – %s", r.From.In(termui.Beijing).Format(time.DateOnly), r.To.In(termui.Beijing).Format(time.DateOnly)),
			Mark:     r.Illustrative, Axis: pick("水位 m", "water level, m"), Number: func(x float64) string { return termui.Number(hydro.WaterLevel, x) },
			Zone: termui.Beijing, ZoneName: pick("北京时间", "Beijing time"), From: r.From, To: r.To,
			Lines: []plot.Line{line(s, r, pick("实测", "observed"))},
			Notes: []string{
				pick("圈点为升级时刻：“现行”为记录时的规则，“新”为试演的规则。", "Marks are rises of the stage: old by the rules as they were recorded, new by those that are tried."),
			},
		}
		for _, side := range []struct {
			cat    *catalog.Catalog
			name   string
			colour string
			score  *Score
		}{{r.was, pick("现行", "old"), "#6b7280", &s.Recorded}, {r.tried, pick("新", "new"), "#b4400f", &s.Changed}} {
			for _, h := range levels(side.cat, s.Station, r.From) {
				if h.Variable == hydro.WaterLevel {
					f.Thresholds = append(f.Thresholds, plot.Threshold{Value: h.Value, Label: side.name + " " + termui.StageTag(h.Stage, false), Colour: side.colour})
				}
			}
			for k := range side.score.warnings {
				w := &side.score.warnings[k]
				if v, ok := at(s, w.At); ok && w.Raised() && !w.At.Before(r.From) {
					f.Peaks = append(f.Peaks, plot.Peak{Point: plot.Point{At: w.At, Value: v}, Label: side.name + " " + termui.StageTag(w.To, false)})
				}
			}
		}
		if err := each(s.Station, f); err != nil {
			return err
		}
	}
	return nil
}

func line(s *Station, r *Report, label string) plot.Line {
	l := plot.Line{Label: label, Gap: s.levels.Within, Style: plot.Observed}
	for i, t := range s.levels.At {
		if !t.Before(r.From) && !t.After(r.To) {
			l.Points = append(l.Points, plot.Point{At: t, Value: s.levels.Values[i]})
		}
	}
	return l
}

// at returns the level that stood at an instant.
func at(s *Station, t time.Time) (v float64, ok bool) {
	for i, x := range s.levels.At {
		if x.After(t) {
			break
		}
		v, ok = s.levels.Values[i], t.Sub(x) <= s.levels.Within
	}
	return v, ok
}
