package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"freshet/forecast/skill"
	"freshet/internal/hydro"
	"freshet/internal/termui"
	"freshet/internal/verify"
)

// A verificationPrinter writes a report for people.
type verificationPrinter struct {
	b    strings.Builder
	lang termui.Lang
}

func printVerification(out io.Writer, r verify.Report, lang termui.Lang) error {
	p := verificationPrinter{lang: lang}
	b := &p.b
	fmt.Fprintln(b, lang.Pick(
		fmt.Sprintf("%d 次预报，%s 至 %s 发布；评级按 %s", r.Forecasts, stamp(r.From), stamp(r.To), r.Standard),
		fmt.Sprintf("%d forecasts issued %s to %s; grades after %s", r.Forecasts, stamp(r.From), stamp(r.To), r.Standard)))
	p.basis(r.Profile)
	if r.Illustrative != "" {
		fmt.Fprintln(b, r.Illustrative)
	}
	for i := range r.Stations {
		s := &r.Stations[i]
		p.head(s)
		p.changes(s)
		p.leads(s)
		p.chances(s.Chances)
		p.floods(&s.Events, s.Rule)
		p.stages(s.Warnings)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// trust names how numbers of the standard are known.
var trust = map[skill.Trust][2]string{
	skill.ReadInOlder: {"据2000年行业标准文本核实", "verified in the text of 2000"}, skill.ReadInCode: {"据公开程序核实", "verified in public code"},
	skill.Recalled: {"凭记忆，未核实", "recalled, not verified"}, skill.OwnChoice: {"本系统约定", "this project's rule"}, skill.GivenByUser: {"用户文件给定", "given by a file"},
}

// basis says in a line or two how the profile's numbers are known.
func (p *verificationPrinter) basis(basis []verify.Basis) {
	var known []string
	for _, t := range []skill.Trust{skill.ReadInOlder, skill.ReadInCode, skill.GivenByUser, skill.OwnChoice, skill.Recalled} {
		var items []string
		for _, b := range basis {
			if b.Trust == string(t) {
				items = append(items, b.Item)
			}
		}
		if len(items) > 0 {
			known = append(known, p.lang.Pick(trust[t][0], trust[t][1])+p.lang.Pick("：", ": ")+strings.Join(items, ", "))
		}
	}
	for _, line := range termui.Wrap(strings.Join(known, p.lang.Pick("；", "; ")), 110) {
		fmt.Fprintln(&p.b, line)
	}
}

func (p *verificationPrinter) head(s *verify.Station) {
	unit := s.Unit
	if s.Datum != "" {
		unit += " " + string(s.Datum)
	}
	held := 0
	for _, n := range s.HeldBack {
		held += n
	}
	what := map[hydro.Variable]string{
		hydro.Discharge: p.lang.Pick("流量", "discharge"), hydro.WaterLevel: p.lang.Pick("水位", "water level"),
	}[s.Variable]
	fmt.Fprintf(&p.b, "\n%s (%s)  %s, %s  %s\n", p.lang.Pick(s.NameZH, s.NameEN), s.Station, what, unit, p.lang.Pick(
		fmt.Sprintf("实测 %d，质控剔除 %d", s.Observed, held), fmt.Sprintf("observed %d, held back by quality control %d", s.Observed, held)))
	for _, d := range slices.Sorted(maps.Keys(s.Apart)) {
		fmt.Fprintln(&p.b, p.lang.Pick(
			fmt.Sprintf("%s：%d 个水位或预报的基面为 %s，目录基面为 %s，未作比较：请分段评定", s.Station, s.Apart[d], d, s.LevelDatum),
			fmt.Sprintf("%s: %d levels or runs are on %s, the catalogue's levels on %s: not compared; verify each period by itself, with its catalogue", s.Station, s.Apart[d], d, s.LevelDatum)))
	}
}

// changes tells that thresholds changed within the period.
func (p *verificationPrinter) changes(s *verify.Station) {
	for _, at := range s.Changes {
		fmt.Fprintln(&p.b, p.lang.Pick(
			fmt.Sprintf("%s：预警指标表于 %s 更换，全时段仍按更换前的表评定；请以 --to 与 --from 在该时刻分段评定", s.Station, stamp(at)),
			fmt.Sprintf("%s: another stage table is in force from %s, and all of the period is judged by the one before: verify each part by itself, with --to and --from at that time", s.Station, stamp(at))))
	}
}

// row writes cells, each as wide as its column.
func (p *verificationPrinter) row(widths []int, cells ...string) {
	for i, c := range cells {
		p.b.WriteString(termui.PadLeft(c, widths[i]))
	}
	p.b.WriteByte('\n')
}

func (p *verificationPrinter) grade(g skill.Grade) string {
	if p.lang == termui.Chinese {
		return g.ZH()
	}
	return g.String()
}

func (p *verificationPrinter) leads(s *verify.Station) {
	pick := p.lang.Pick
	widths := []int{6, 7, 8, 8, 9, 8, 9, 9, 9, 9, 9, 7, 8}
	row := func(cells ...string) { p.row(widths, cells...) }
	head := []string{
		pick("预见期", "lead"), "n", "NSE/DC", "KGE", pick("均差", "bias"), "RMSE", pick("峰值差", "peak"), pick("峰时差", "peak t"),
		pick("持续性", "persist"), pick("技巧", "skill"), pick("优于否", "beats it"), "QR", pick("等级", "grade"),
	}
	var bands []string
	for _, l := range s.Leads {
		for _, c := range l.Band {
			if name := score(100*c.Band, "%.0f%%") + pick("带", " band"); len(bands) < len(l.Band) {
				bands = append(bands, name)
				widths = append(widths, 10)
			}
		}
	}
	row(append(head, bands...)...)
	for _, l := range s.Leads {
		grade := p.grade(l.Grade)
		if l.N == 0 {
			grade = "–"
		}
		cells := []string{
			fmt.Sprintf("%g h", l.Hours), fmt.Sprint(l.N), score(l.NSE, "%.3f"), score(l.KGE, "%.3f"), score(l.MeanError, "%+.2f"), score(l.RMSE, "%.2f"),
			score(l.PeakError, "%+.2f"), score(l.PeakLate, "%+.1f h"), score(l.Persistence, "%.3f"), score(l.Skill, "%.3f"),
			map[bool]string{true: pick("是", "yes"), false: pick("否", "no")}[l.Beats], score(100*l.Qualified, "%.0f%%"), grade,
		}
		for _, c := range l.Band {
			cells = append(cells, score(100*c.Held, "%.0f%%"))
		}
		row(cells...)
	}
}

// chances writes a line for each threshold of which runs gave a probability.
func (p *verificationPrinter) chances(chances []verify.Chances) {
	if len(chances) == 0 {
		return
	}
	pick := p.lang.Pick
	widths := []int{9, 14, 8, 8, 14, 12, 8, 15, 8}
	p.row(widths, pick("超阈概率", "chance of"), "", pick("次数", "runs"), pick("达到", "met"), pick("平均概率", "mean chance"), pick("实际频率", "base rate"), "Brier",
		pick("频率Brier", "of base rate"), pick("技巧", "skill"))
	for _, c := range chances {
		p.row(widths, c.Stage, fmt.Sprintf("%g %s", float64(c.Threshold), c.Unit), fmt.Sprint(c.N), fmt.Sprint(c.Met), score(100*c.Mean, "%.0f%%"), score(100*c.Base, "%.0f%%"),
			score(c.Brier, "%.3f"), score(c.BaseBrier, "%.3f"), score(c.Skill, "%.3f"))
	}
}

// floods writes a line for each flood and one for each lead time over all.
func (p *verificationPrinter) floods(e *verify.Events, rule verify.Rule) {
	pick := p.lang.Pick
	if math.IsNaN(float64(e.Threshold)) {
		return
	}
	because := map[string]string{"lowest stage threshold": "最低预警阈值", "90 % quantile": "90% 分位", "given": "指定"}[e.Because]
	fmt.Fprintf(&p.b, "%s %s %s (%s)", pick("洪水场次：高于", "floods above"), termui.Number(e.Variable, float64(e.Threshold)), termui.Unit(e.Variable), pick(because, e.Because))
	if e.Variable == hydro.Discharge {
		p.b.WriteString(map[verify.Rule]string{
			verify.RainfallRunoff: pick("，洪峰按降雨径流预报评定", ", peaks judged as of rainfall-runoff forecasts"),
			verify.Reach:          pick("，洪峰按河道预报评定", ", peaks judged as of reach forecasts"),
		}[rule])
	}
	p.b.WriteByte('\n')
	if len(e.Events) == 0 {
		fmt.Fprintln(&p.b, "  "+pick("无", "none"))
		return
	}
	for _, x := range e.Events {
		fmt.Fprintf(&p.b, "  %s  %s %s%s\n", stamp(x.PeakAt), termui.Number(e.Variable, float64(x.Peak)), termui.Unit(e.Variable),
			map[bool]string{true: pick("  资料不全，不评定", "  record begins or ends within it: not judged")}[x.Cut])
	}
	if len(e.Leads) == 0 {
		return
	}
	widths := []int{6, 7, 13, 8, 13, 11, 15, 13, 13, 8}
	p.row(widths, pick("预见期", "lead"), pick("场次", "floods"), pick("洪峰差(均)", "peak error"), "%", pick("峰时差(均)", "peak t error"), pick("峰 QR", "peak QR"), pick("优/良/合", "exc/good/qual"),
		pick("峰时合格", "time QR"), pick("径流合格", "depth QR"), pick("等级", "grade"))
	for _, l := range e.Leads {
		p.row(widths, fmt.Sprintf("%g h", l.Hours), fmt.Sprint(l.N), termui.Number(e.Variable, float64(l.MeanError)), score(100*l.MeanShare, "%.0f%%"), score(l.MeanLate, "%.1f h"), score(100*l.Qualified, "%.0f%%"), fmt.Sprintf("%d/%d/%d", l.Excellent, l.Good, l.Fair),
			score(100*l.InTime, "%.0f%%"), score(100*l.DepthQualified, "%.0f%%"), p.grade(l.Grade))
	}
}

func (p *verificationPrinter) stages(stages []verify.Stage) {
	if len(stages) == 0 {
		return
	}
	pick := p.lang.Pick
	widths := []int{9, 9, 9, 7, 8, 8, 11, 8, 8, 8, 13, 10}
	p.row(widths, pick("预警", "warning"), pick("超阈次数", "crossed"), pick("提前", "in time"), pick("滞后", "late"), pick("漏报", "missed"), pick("空报", "false"), pick("不定", "undecided"),
		"POD", "FAR", "CSI", pick("提前量中位", "median lead"), pick("最短", "least"))
	for _, s := range stages {
		p.row(widths, s.Stage, fmt.Sprint(s.Crossings), fmt.Sprint(s.InTime), fmt.Sprint(s.Late), fmt.Sprint(s.Missed), fmt.Sprint(s.FalseAlarms), fmt.Sprint(s.Undecided),
			score(s.POD, "%.2f"), score(s.FAR, "%.2f"), score(s.CSI, "%.2f"), score(s.Median, "%.1f h"), score(s.Least, "%.1f h"))
	}
}

// score prints a score that may be undefined.
func score(s verify.Score, format string) string {
	v := float64(s)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return fmt.Sprintf(format, v)
}
