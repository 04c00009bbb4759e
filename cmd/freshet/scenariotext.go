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
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// banner is the frame that nobody can overlook.
func banner(r interface {
	GetBannerZh() string
	GetBannerEn() string
},
) string {
	line := strings.Repeat("═", 72)
	return line + "\n  " + r.GetBannerZh() + "\n  " + r.GetBannerEn() + "\n" + line + "\n"
}

// rehearsalText is a rehearsal as tables.
func rehearsalText(r *freshetv1.Rehearsal, lang termui.Lang) string {
	var b strings.Builder
	pick := lang.Pick
	b.WriteString(banner(r))
	t0 := r.GetT0().AsTime()
	fmt.Fprintf(&b, "%s  %s  T0 %s  %s %s\n", r.GetId(), pick(r.GetScenario().GetNameZh(), r.GetScenario().GetNameEn()), termui.Clock(t0), pick("目录", "catalogue"), r.GetCatalogue())
	if r.GetIllustrative() != "" {
		b.WriteString(pick("示例数据：", "illustrative: ") + r.GetIllustrative() + "\n")
	}
	b.WriteString(pick(r.GetBasis().GetLineZh(), r.GetBasis().GetLineEn()) + "\n")
	for _, n := range r.GetNotes() {
		b.WriteString("  " + n + "\n")
	}
	row := func(cells ...string) {
		var line strings.Builder
		line.WriteString(termui.Pad(cells[0], 18))
		for _, c := range cells[1:] {
			line.WriteString(termui.PadLeft(c, 13))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	b.WriteString("\n")
	row(pick("测站", "station"), pick("现状峰值", "as it is"), pick("情景峰值", "asked"), pick("差", "change"), pick("峰现", "peak at"), pick("推后h", "later h"), pick("首次达到", "reaches"), pick("水量差Mm³", "10⁶ m³ more"))
	for _, s := range r.GetStations() {
		name := pick(s.GetNameZh(), s.GetNameEn())
		if s.GetAsked() == nil {
			continue
		}
		p, q := s.GetBase().GetPeak(), s.GetAsked().GetPeak()
		before, after, change := figure(p.GetLevel(), 2)+" m", figure(q.GetLevel(), 2)+" m", figure(s.GetLevel(), 2)
		if math.IsNaN(q.GetLevel()) {
			before, after, change = figure(p.GetDischarge(), 0)+" m³/s", figure(q.GetDischarge(), 0)+" m³/s", figure(s.GetDischarge(), 0)
		}
		reach := "–"
		for _, x := range s.GetAsked().GetStages() {
			if stage, err := wire.ToStage(x.GetStage()); err == nil && x.GetAt() != nil {
				reach = fmt.Sprintf("%s +%.1fh", pick(stageShort[stage], stage.String()), x.GetHours())
			}
		}
		row(name, before, after, change, termui.Clock(q.GetAt().AsTime()), later(s.GetLaterS()), reach, figure(s.GetVolume(), 1))
	}
	metText(&b, r, lang)
	if len(r.GetReservoirs()) > 0 {
		b.WriteString("\n")
		row(pick("水库", "reservoir"), pick("现状最高", "as it is"), pick("情景最高", "asked"), pick("期末", "at the end"), pick("最大入库", "most in"), pick("最大出库", "most out"), pick("超汛限h", "h over limit"), pick("不平衡", "residual"))
		for _, x := range r.GetReservoirs() {
			p, q := x.GetBase(), x.GetAsked()
			row(pick(x.GetNameZh(), x.GetNameEn()), figure(p.GetPeakLevel(), 2), figure(q.GetPeakLevel(), 2), figure(q.GetEndLevel(), 2), figure(q.GetPeakInflow(), 0), figure(q.GetPeakOutflow(), 0), figure(float64(q.GetOverLimitS())/3600, 1), figure(q.GetResidual(), 6))
		}
	}
	walkText(&b, r, lang)
	return b.String()
}

// later is by how many hours a peak comes later; negative: earlier.
func later(seconds int64) string {
	if seconds == 0 {
		return "0"
	}
	return fmt.Sprintf("%+.1f", float64(seconds)/3600)
}

// metText is when each station meets each stage, and for how long it stands at it or
// above.
func metText(b *strings.Builder, r *freshetv1.Rehearsal, lang termui.Lang) {
	pick, headed := lang.Pick, false
	for _, s := range r.GetStations() {
		var parts []string
		for i, x := range s.GetAsked().GetStages() {
			stage, err := wire.ToStage(x.GetStage())
			if err != nil {
				continue
			}
			met := func(x *freshetv1.RehearsedStage) string {
				if x.GetAt() == nil {
					return pick("不达到", "not met")
				}
				return fmt.Sprintf(pick("+%.1fh 持续%.1fh", "+%.1fh for %.1fh"), x.GetHours(), float64(x.GetAboveS())/3600)
			}
			was := s.GetBase().GetStages()
			if x.GetAt() == nil && (i >= len(was) || was[i].GetAt() == nil) {
				continue
			}
			unit := "m"
			if x.GetVariable() != freshetv1.Variable_VARIABLE_WATER_LEVEL {
				unit = "m³/s"
			}
			part := fmt.Sprintf("%s %g %s %s", pick(stageShort[stage], stage.String()), x.GetValue(), unit, met(x))
			if i < len(was) && was[i].GetAt() != nil {
				part += fmt.Sprintf(pick("（现状%s）", " (as it is %s)"), met(was[i]))
			}
			parts = append(parts, part)
		}
		if len(parts) == 0 {
			continue
		}
		if !headed {
			b.WriteString("\n" + pick("各级首次达到（起报后）与持续时间", "when each stage is met, from T0, and how long it is stood at or above") + "\n")
			headed = true
		}
		fmt.Fprintf(b, "  %s%s\n", termui.Pad(pick(s.GetNameZh(), s.GetNameEn()), 20), strings.Join(parts, pick("；", "; ")))
	}
}

// walkText is the plan walk.
func walkText(b *strings.Builder, r *freshetv1.Rehearsal, lang termui.Lang) {
	pick, w := lang.Pick, r.GetWalk()
	if w == nil {
		return
	}
	b.WriteString("\n" + pick("预案推演（假定建议即宣布）", "the plans walked (what is proposed is taken as declared)") + "\n")
	for _, p := range w.GetProposals() {
		fmt.Fprintf(b, "  %s  %s\n", termui.Clock(p.GetAt().AsTime()), pick(p.GetTextZh(), p.GetTextEn()))
	}
	for _, m := range w.GetMeasures() {
		until := "–"
		if m.GetDeadline() != nil {
			until = termui.Clock(m.GetDeadline().AsTime())
		}
		fmt.Fprintf(b, "  %s → %s  %s\n", termui.Clock(m.GetOpened().AsTime()), until, pick(m.GetPlanZh()+"："+m.GetMeasure().GetNameZh(), m.GetPlanEn()+": "+m.GetMeasure().GetNameEn()))
	}
	for _, c := range w.GetClashes() {
		fmt.Fprintf(b, "  ! %s → %s  %s\n", termui.Clock(c.GetFrom().AsTime()), termui.Clock(c.GetUntil().AsTime()), pick(c.GetTextZh(), c.GetTextEn()))
	}
	// Of many stations the same is said: once.
	names := map[string][]string{} // by what is said; only ever looked up
	var order []string
	for _, h := range w.GetHeld() {
		name, text := h.GetStation(), pick(h.GetTextZh(), h.GetTextEn())
		for _, s := range r.GetStations() {
			if s.GetStation() == h.GetStation() {
				name = pick(s.GetNameZh(), s.GetNameEn())
			}
		}
		if names[text] == nil {
			order = append(order, text)
		}
		names[text] = append(names[text], name)
	}
	for _, text := range order {
		fmt.Fprintf(b, "  · %s%s%s\n", text, pick("：", ": "), strings.Join(names[text], pick("、", ", ")))
	}
}

func comparisonText(c *freshetv1.CompareScenariosResponse, lang termui.Lang) string {
	var b strings.Builder
	pick := lang.Pick
	b.WriteString(banner(c))
	fmt.Fprintf(&b, "A %s %s\nB %s %s\n", c.GetA().GetId(), pick(c.GetA().GetScenario().GetNameZh(), c.GetA().GetScenario().GetNameEn()), c.GetB().GetId(), pick(c.GetB().GetScenario().GetNameZh(), c.GetB().GetScenario().GetNameEn()))
	notes := c.GetNotesEn()
	if pick("zh", "en") == "zh" {
		notes = c.GetNotesZh()
	}
	for _, n := range notes {
		b.WriteString("! " + n + "\n")
	}
	fmt.Fprintf(&b, "%s%s%s%s%s%s\n", termui.Pad(pick("测站", "station"), 20), termui.PadLeft(pick("A峰值", "peak of A"), 14), termui.PadLeft(pick("B峰值", "peak of B"), 14), termui.PadLeft(pick("B−A", "B − A"), 10),
		termui.PadLeft(pick("推后h", "later h"), 12), termui.PadLeft(pick("水量差Mm³", "10⁶ m³ more"), 14))
	peak := func(r *freshetv1.Rehearsal, station string, level bool) string {
		for _, s := range r.GetStations() {
			if p := s.GetAsked().GetPeak(); s.GetStation() == station && p != nil {
				if level {
					return figure(p.GetLevel(), 2) + " m"
				}
				return figure(p.GetDischarge(), 0) + " m³/s"
			}
		}
		return "–"
	}
	for _, s := range c.GetStations() {
		level, more := !math.IsNaN(s.GetLevel()), figure(s.GetDischarge(), 0)
		if level {
			more = figure(s.GetLevel(), 2)
		}
		fmt.Fprintf(&b, "%s%s%s%s%s%s\n", termui.Pad(pick(s.GetNameZh(), s.GetNameEn()), 20), termui.PadLeft(peak(c.GetA(), s.GetStation(), level), 14), termui.PadLeft(peak(c.GetB(), s.GetStation(), level), 14),
			termui.PadLeft(more, 10), termui.PadLeft(later(s.GetLaterS()), 12), termui.PadLeft(figure(s.GetVolume(), 1), 14))
	}
	return b.String()
}

func foundText(r *freshetv1.SearchResult, lang termui.Lang) string {
	var b strings.Builder
	pick := lang.Pick
	if !r.GetFeasible() {
		b.WriteString(pick("！未找到满足全部限制的方案，以下为最接近者\n", "! no schedule was found that keeps every limit; what follows is the nearest\n"))
	}
	fmt.Fprintf(&b, pick("最差超标 %s（现状 %s），%s，%d 次计算\n", "worst exceedance %s (as it is %s) at %s, %d runs\n"), figure(r.GetWorst(), 2), figure(r.GetBaseWorst(), 2), r.GetWorstStation(), r.GetRuns())
	b.WriteString(pick("泄流方案（至下一时刻前不变），m³/s\n", "releases, each until the next one, m³/s\n"))
	t0 := r.GetRehearsal().GetT0().AsTime()
	for _, s := range r.GetSchedules() {
		for _, x := range s.GetReleases() {
			fmt.Fprintf(&b, "  %s  %s  %8s\n", termui.Pad(s.GetReservoir(), 16), termui.Clock(t0.Add(time.Duration(x.GetAfterS())*time.Second)), figure(x.GetOutflow(), 1))
		}
	}
	if len(r.GetBounds()) > 0 {
		b.WriteString(pick("起约束作用的限制\n", "limits that bind\n"))
	}
	for _, x := range r.GetBounds() {
		fmt.Fprintf(&b, "  %s: %s\n", x.GetReservoir(), pick(x.GetTextZh(), x.GetTextEn()))
	}
	b.WriteString(pick("权衡：库水位最多上升 m → 最差超标\n", "trade-off: highest rise of a reservoir, m, against the worst exceedance\n"))
	for _, t := range r.GetTradeOff() {
		mark := ""
		if !t.GetFeasible() {
			mark = pick("  （限制未满足）", "  (limits not kept)")
		}
		fmt.Fprintf(&b, "  %8s  %8s%s\n", figure(t.GetRise(), 2), figure(t.GetWorst(), 2), mark)
	}
	return b.String()
}

// rehearsalFigure draws one station as it is and as asked, marked so that nobody can
// take it for live.
func rehearsalFigure(r *freshetv1.Rehearsal, station string, lang termui.Lang) (*plot.Figure, error) {
	i := slices.IndexFunc(r.GetStations(), func(s *freshetv1.RehearsedStation) bool { return s.GetStation() == station })
	if i < 0 || r.GetStations()[i].GetAsked() == nil {
		return nil, fmt.Errorf("--station %q: the rehearsal does not tell of it: %w", station, hydro.ErrNotFound)
	}
	s, t0, pick := r.GetStations()[i], r.GetT0().AsTime(), lang.Pick
	variable, step := hydro.WaterLevel, time.Duration(r.GetStepS())*time.Second
	values := func(f *freshetv1.RehearsedFigures) (float64, []float64) { return f.GetNowLevel(), f.GetLevel() }
	if v := s.GetAsked().GetLevel(); len(v) == 0 || math.IsNaN(v[0]) {
		variable = hydro.Discharge
		values = func(f *freshetv1.RehearsedFigures) (float64, []float64) { return f.GetNowDischarge(), f.GetDischarge() }
	}
	line := func(label string, f *freshetv1.RehearsedFigures, style plot.Style) plot.Line {
		now, v := values(f)
		l := plot.Line{Label: label, Style: style, Points: []plot.Point{{At: t0, Value: now}}}
		for i, x := range v {
			l.Points = append(l.Points, plot.Point{At: t0.Add(time.Duration(i+1) * step), Value: x})
		}
		return l
	}
	var marks []plot.Threshold
	for _, x := range s.GetAsked().GetStages() {
		stage, err := wire.ToStage(x.GetStage())
		if v, wrong := wire.ToVariable(x.GetVariable()); err == nil && wrong == nil && v == variable {
			marks = append(marks, plot.StageLine(stage, variable, x.GetValue(), lang))
		}
	}
	return &plot.Figure{
		Title: pick(s.GetNameZh(), s.GetNameEn()) + "  " + pick("情景推演过程线", "rehearsed hydrograph"), Rehearsal: pick("演练 非实况", "REHEARSAL"),
		Subtitle: r.GetId() + "  ·  " + pick(r.GetScenario().GetNameZh(), r.GetScenario().GetNameEn()), Mark: pick(r.GetBannerZh(), r.GetBannerEn()),
		Axis: plot.Caption(variable, hydro.Datum(s.GetDatum()), lang), Number: func(v float64) string { return termui.Number(variable, v) },
		Zone: termui.Beijing, ZoneName: plot.ZoneName(lang), Now: t0, NowLabel: "T0 " + termui.Clock(t0),
		// Grey and whole beside violet, wide and dashed: told apart on a grey print too.
		Lines: []plot.Line{
			line(pick("现状", "as it is"), s.GetBase(), plot.Style{Colour: "#4b5563", Width: 1.5}),
			line(pick("情景", "as asked"), s.GetAsked(), plot.Style{Colour: "#7a1fa2", Width: 2.5, Dashed: true}),
		},
		Thresholds: marks,
		Notes:      []string{pick(r.GetBasis().GetLineZh(), r.GetBasis().GetLineEn())},
	}, nil
}
