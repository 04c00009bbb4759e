package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/plot"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// seasonCommand is `freshet season`: the rain of the season so far.
func seasonCommand() *cobra.Command {
	var (
		f             briefingFlags
		asOf, station string
		svg, table    string
	)
	c := &cobra.Command{
		Use:   "season",
		Short: "The season's rain 龙舟水 by basin, sub-basin and station, against normal and other years",
		Long: `Season prints the rain since the season's first day, of the season that is on or else
the last one: by basin, sub-basin and station, with the share that reports cover,
against what is normal and the other years that the catalogue gives. Nothing is put
in the place of what was not reported: a sum marked ≥ is a lower bound, and so is what
is made of it. Where reports cover less than the catalogue asks for (90 %), anomaly,
share and rank are withheld. A dotted curve is what is normal, where the catalogue
says so by day.`,
		Example: `  freshet season
  freshet season --as-of "2026-06-08 08:00" --station h-enping --svg enping.svg
  freshet season --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s *freshetv1.Season
			call := func(ctx context.Context, conn *grpc.ClientConn) (proto.Message, error) {
				req := &freshetv1.GetSeasonRequest{Basin: f.basin, Station: station}
				if asOf != "" {
					at, err := parseBriefingInstant("as-of", asOf, f.zone)
					if err != nil {
						return nil, err
					}
					req.AsOf = timestamppb.New(at)
				}
				resp, err := freshetv1.NewSeasonServiceClient(conn).GetSeason(ctx, req)
				s = resp.GetSeason()
				return resp, err
			}
			err := f.ask(cmd, call, func(_ proto.Message, lang termui.Lang) string {
				width, _ := termui.Size(cmd.OutOrStdout())
				return newSeasonPage(s, station, lang).text(width)
			})
			if err != nil {
				return err
			}
			page := newSeasonPage(s, station, termui.Lang(f.lang))
			if svg != "" {
				if err := writeFile(svg, page.figure().SVG, cmd.ErrOrStderr()); err != nil {
					return err
				}
			}
			if table != "" {
				return writeFile(table, page.csv, cmd.ErrOrStderr())
			}
			return nil
		},
	}
	f.add(c.Flags())
	c.Flags().StringVar(&asOf, "as-of", "", "up to this instant; left out: engine time")
	c.Flags().StringVar(&station, "station", "", "station whose days are drawn, in the place of the basin's")
	c.Flags().StringVar(&svg, "svg", "", "draw the curve into this file")
	c.Flags().StringVar(&table, "csv", "", "write the days of basin, sub-basins and the station to this file")
	return c
}

// A seasonPage is a season for people.
type seasonPage struct {
	*briefingPage

	season *freshetv1.Season
	drawn  *freshetv1.SeasonRain // whose curve is shown
}

func newSeasonPage(s *freshetv1.Season, station string, lang termui.Lang) *seasonPage {
	p := &seasonPage{briefingPage: newBriefingPage(s.GetZone(), lang), season: s, drawn: s.GetBasinRain()}
	for _, st := range s.GetStations() {
		if station != "" && len(st.GetDays()) > 0 { // the only one that has days
			p.drawn = st
		}
	}
	return p
}

// bounded writes what hangs on a place's rain, as its rain is meant.
func bounded(r *freshetv1.SeasonRain, text string) string {
	switch r.GetBound() {
	case freshetv1.SeasonBound_SEASON_BOUND_AT_LEAST:
		return "≥ " + text
	case freshetv1.SeasonBound_SEASON_BOUND_ABOUT:
		return "≈ " + text
	default:
		return text
	}
}

func (p *seasonPage) mm(r *freshetv1.SeasonRain) string {
	if r.Rain == nil {
		return p.lang.Pick("未知", "unknown")
	}
	return bounded(r, fmt.Sprintf("%.1f", r.GetRain()))
}

// compared writes a number that compares a place's rain.
func compared(r *freshetv1.SeasonRain, x *float64, format string) string {
	if x == nil {
		return "–"
	}
	return bounded(r, fmt.Sprintf(format, 100**x))
}

// rank writes the place among years: under a lower bound it is that or higher.
func (p *seasonPage) rank(r *freshetv1.SeasonRain) string {
	k := r.GetRank()
	if k == nil {
		return "–"
	}
	basis, place := p.lang.Pick("同期", "to date"), fmt.Sprintf("%d/%d", k.GetPlace(), k.GetOf())
	if k.GetBasis() == freshetv1.SeasonBasis_SEASON_BASIS_WHOLE_SEASON {
		basis = p.lang.Pick("全季", "whole")
	}
	switch {
	case r.GetBound() == freshetv1.SeasonBound_SEASON_BOUND_AT_LEAST && k.GetPlace() > 1:
		basis += p.lang.Pick("，或更前", " or higher")
	case r.GetBound() == freshetv1.SeasonBound_SEASON_BOUND_ABOUT:
		place = "≈ " + place
	}
	return place + " " + basis
}

func optional(x *float64, format string, scale float64) string {
	if x == nil {
		return "–"
	}
	return fmt.Sprintf(format, scale**x)
}

// cut writes a share. It is cut, not rounded: 100 is all of it.
func cut(x float64) string { return fmt.Sprintf("%.1f", math.Floor(1000*x+1e-6)/10) }

func (p *seasonPage) row(r *freshetv1.SeasonRain) []string {
	normal, toDate, anomaly, share, rank := "–", "–", "–", "–", p.rank(r)
	if n := r.GetNormal(); n != nil {
		normal, toDate, anomaly, share = fmt.Sprintf("%.1f", n.GetRain()), optional(n.ToDate, "%.1f", 1), compared(r, n.Anomaly, "%+.1f"), compared(r, n.Share, "%.1f")
	}
	if r.GetWithheldEn() != "" {
		no := p.lang.Pick("不给*", "withheld*")
		anomaly, share, rank = no, no, no
	}
	return []string{
		p.name(r.GetNameZh(), r.GetNameEn(), r.GetId()), p.mm(r), cut(r.GetCoverage()),
		fmt.Sprintf("%d/%d/%d", r.GetFullHours(), r.GetPartHours(), r.GetMissingHours()), toDate, anomaly, normal, share, rank,
	}
}

func (p *seasonPage) text(width int) string {
	s, pick := p.season, p.lang.Pick
	if s.GetIllustrative() {
		fmt.Fprintln(p, "【"+pick("示例 · 非官方", "EXAMPLE · not official")+"】"+s.GetMark())
	}
	for _, line := range termui.Wrap(pick(s.GetLineZh(), s.GetLineEn()), max(40, width)) {
		fmt.Fprintln(p, line)
	}
	p.WriteString("\n" + p.plot(width))
	if p.drawn.GetWithheldEn() != "" {
		for _, line := range termui.Wrap("⚠ "+pick(p.drawn.GetWithheldZh(), p.drawn.GetWithheldEn()), max(40, width)) {
			fmt.Fprintln(p, line)
		}
	}
	head := []string{
		pick("地点", "place"), pick("累计 mm", "rain mm"), pick("覆盖 %", "cover %"), pick("全/缺/无 时", "full/part/no h"),
		pick("常年同期", "normal to date"), pick("距平 %", "anomaly %"), pick("常年全季", "normal season"), pick("占全季 %", "of season %"), pick("位次", "rank"),
	}
	rows := [][]string{p.row(s.GetBasinRain())}
	for _, r := range s.GetSubBasins() {
		rows = append(rows, p.row(r))
	}
	p.part("面雨量", "Areal rain", head, rows)
	rows = nil
	for _, r := range s.GetStations() {
		rows = append(rows, p.row(r))
	}
	p.part("测站", "Stations", head, rows)
	p.withheld(width)
	rows = nil
	for _, y := range p.drawn.GetYears() {
		mark := ""
		if y.GetIllustrative() {
			mark = pick("示例", "example")
		}
		rows = append(rows, []string{strconv.Itoa(int(y.GetYear())), fmt.Sprintf("%.1f", y.GetRain()), optional(y.ToDate, "%.1f", 1), y.GetSource(), mark})
	}
	p.part("历年（丰水在前）", "Other years, the wettest first", []string{pick("年", "year"), pick("全季 mm", "season mm"), pick("同期 mm", "to date mm"), pick("来源", "source"), ""}, rows)
	if n := p.drawn.GetNormal(); n != nil {
		fmt.Fprintf(p, "\n%s %s\n", pick("常年值来源：", "Source of the normal:"), n.GetSource())
	}
	r := s.GetRead()
	fmt.Fprintf(p, "%s\n", pick(
		fmt.Sprintf("读取归档雨量报文 %d 份，其中质控剔除 %d 份；归档落后 %d 条。≥ 为下限：缺测不插补；≈ 为邻站代表。", r.GetReports(), r.GetLeftOut(), r.GetArchiveBehind()),
		fmt.Sprintf("%d reports of rain were read from the archive, %d of them left out by quality control; it is %d outputs behind. ≥ is a lower bound: nothing missing is filled in; ≈ is by neighbours of silent gauges.", r.GetReports(), r.GetLeftOut(), r.GetArchiveBehind())))
	return p.String()
}

// withheld says what * means, once, if it stands in a table.
func (p *seasonPage) withheld(width int) {
	s := p.season
	for _, r := range slices.Concat([]*freshetv1.SeasonRain{s.GetBasinRain()}, s.GetSubBasins(), s.GetStations()) {
		if r.GetWithheldEn() == "" {
			continue
		}
		needs := cut(s.GetLeastCoverage())
		for _, line := range termui.Wrap(p.lang.Pick(
			"* 资料覆盖低于可比的下限 "+needs+" %（目录设定，非官方）：不给距平、占比和位次，报到的雨少不等于下得少。",
			"* Reports cover less than the "+needs+" % that a comparison needs here (a setting of the catalogue, not official): little that was reported is not little that fell."), max(40, width)) {
			fmt.Fprintln(p, line)
		}
		return
	}
}

// caption names the curve, and says of one that must not be compared why.
func (p *seasonPage) caption() string {
	if r := p.drawn; r.GetWithheldEn() != "" {
		return p.title() + p.lang.Pick("（覆盖 "+cut(r.GetCoverage())+" %，不可比）", " (cover "+cut(r.GetCoverage())+" %, not to be compared)")
	}
	return p.title()
}

func (p *seasonPage) title() string {
	return p.lang.Pick(p.season.GetNameZh()+"累计雨量 mm · ", p.season.GetNameEn()+", rain since its start, mm · ") + p.name(p.drawn.GetNameZh(), p.drawn.GetNameEn(), p.drawn.GetId())
}

// plot draws what has fallen, and what is normal, from the start to the season's end.
func (p *seasonPage) plot(width int) string {
	days := p.drawn.GetDays()
	total, normal := []float64{0}, []float64{math.NaN()}
	for _, d := range days {
		total, normal = append(total, number64(d.Total)), append(normal, number64(d.Normal))
		if d.Normal != nil {
			normal[0] = 0
		}
	}
	if p.drawn.Rain == nil {
		total[0] = math.NaN()
	}
	from := p.season.GetFrom().AsTime()
	return termui.Plot{
		Values: total, Low: normal, BandLabel: p.lang.Pick("常年", "normal"), Start: from.Add(-24 * time.Hour), Step: 24 * time.Hour,
		Variable: hydro.Rain, Caption: p.title(), Threshold: math.NaN(),
	}.Render(min(width, 100), 12)
}

func number64(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// figure is the curve for a file.
func (p *seasonPage) figure() *plot.Figure {
	s, pick := p.season, p.lang.Pick
	f := &plot.Figure{
		Title: p.caption(), Subtitle: p.time(s.GetFrom()) + " – " + p.time(s.GetTo()), Axis: pick("累计 mm", "mm since the start"),
		Number: func(v float64) string { return fmt.Sprintf("%.0f", v) }, Zone: p.zone, ZoneName: s.GetZone(),
		From: s.GetFrom().AsTime(), To: s.GetUntil().AsTime(), Notes: []string{pick(s.GetLineZh(), s.GetLineEn())},
	}
	if s.GetIllustrative() {
		f.Mark = strings.TrimSpace(pick("示例，非官方 ", "example, not official ") + s.GetMark())
	}
	if p.drawn.GetWithheldEn() != "" && p.drawn != s.GetBasinRain() { // the line has the basin's
		f.Notes = append(f.Notes, pick(p.drawn.GetWithheldZh(), p.drawn.GetWithheldEn()))
	}
	total := plot.Line{Label: bounded(p.drawn, pick("今年", "this season")), Style: plot.Observed}
	normal := plot.Line{Label: pick("常年", "normal"), Style: plot.Forecast}
	var bars []plot.Bar
	for i, d := range p.drawn.GetDays() {
		if i == 0 && d.Normal != nil {
			normal.Points = append(normal.Points, plot.Point{At: d.GetFrom().AsTime()})
		}
		if d.Normal != nil {
			normal.Points = append(normal.Points, plot.Point{At: d.GetTo().AsTime(), Value: d.GetNormal()})
		}
		if !d.GetFrom().AsTime().Before(s.GetTo().AsTime()) {
			continue
		}
		if d.Total != nil {
			if len(total.Points) == 0 {
				total.Points = append(total.Points, plot.Point{At: d.GetFrom().AsTime()})
			}
			total.Points = append(total.Points, plot.Point{At: d.GetTo().AsTime(), Value: d.GetTotal()})
		}
		bars = append(bars, plot.Bar{From: d.GetFrom().AsTime(), To: d.GetTo().AsTime(), Depth: number64(d.Rain)})
	}
	for _, line := range []plot.Line{total, normal} {
		if len(line.Points) > 0 {
			f.Lines = append(f.Lines, line)
		}
	}
	if len(bars) > 0 {
		f.Rain = &plot.Rain{Caption: pick("日雨量 mm", "rain of a day, mm"), Bars: bars}
	}
	return f
}

// csv writes the days. What is not known is empty.
func (p *seasonPage) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"kind", "id", "from", "to", "rain_mm", "coverage", "total_mm", "normal_mm", "bound", "comparable"}}
	plain := func(x *float64) string {
		if x == nil {
			return ""
		}
		return strconv.FormatFloat(*x, 'f', -1, 64)
	}
	add := func(kind string, r *freshetv1.SeasonRain) { // the last two are of the place's whole sum
		bound := strings.TrimSpace(bounded(r, ""))
		for _, d := range r.GetDays() {
			rows = append(rows, []string{
				kind, r.GetId(), d.GetFrom().AsTime().Format(time.RFC3339), d.GetTo().AsTime().Format(time.RFC3339),
				plain(d.Rain), strconv.FormatFloat(d.GetCoverage(), 'f', -1, 64), plain(d.Total), plain(d.Normal),
				bound, strconv.FormatBool(r.Rain != nil && r.GetWithheldEn() == ""),
			})
		}
	}
	add("basin", p.season.GetBasinRain())
	for _, r := range p.season.GetSubBasins() {
		add("sub_basin", r)
	}
	for _, r := range p.season.GetStations() {
		add("station", r)
	}
	return out.WriteAll(rows)
}
