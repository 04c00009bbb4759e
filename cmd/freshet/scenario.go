package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/internal/hydro"
	"freshet/internal/plot"
	"freshet/internal/termui"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// scenarioCommand is `freshet scenario`: what would happen if.
func scenarioCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "scenario",
		Short: "Rehearse what would happen if, beside the situation as it is",
		Long: `Scenario asks the server what would happen if: other rain, other releases, a wetter
soil, gauges lost, other thresholds, beside the situation as it is or as it was.
Nothing of it reaches the log, the feed or an answer about what is. What is asked is
in a file (docs/models/rehearsal.md) or in flags.`,
	}
	c.AddCommand(scenarioRunCommand(), scenarioListCommand(), scenarioShowCommand(), scenarioCompareCommand(), scenarioDeleteCommand(), scenarioSearchCommand())
	return c
}

// A scenarioCall is what all of them share.
type scenarioCall struct {
	server       serverFlags
	lang         string
	asJSON       bool
	timeout      time.Duration
	svg, station string
}

func (s *scenarioCall) add(c *cobra.Command, drawing bool) {
	f := c.Flags()
	s.server.add(f)
	f.BoolVar(&s.asJSON, "json", false, "print one JSON object")
	f.StringVar(&s.lang, "lang", locale(), "language of captions, zh or en")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "give up after this long")
	if drawing {
		f.StringVar(&s.svg, "svg", "", "write the hydrograph of --station to this file, marked as a rehearsal")
		f.StringVar(&s.station, "station", "", "station of --svg")
	}
}

func (s *scenarioCall) do(cmd *cobra.Command, call func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error) error {
	lang, err := termui.ParseLang(s.lang)
	if err != nil {
		return err
	}
	if (s.svg == "") != (s.station == "") {
		return fmt.Errorf("--svg and --station belong together: %w", hydro.ErrInvalid)
	}
	conn, err := s.server.dial()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	ctx, cancel := context.WithTimeout(cmd.Context(), s.timeout)
	defer cancel()
	return callError(s.server.address, call(ctx, freshetv1.NewForecastServiceClient(conn), lang))
}

// show prints a rehearsal and draws it if that was asked for.
func (s *scenarioCall) show(cmd *cobra.Command, lang termui.Lang, r *freshetv1.Rehearsal) error {
	if s.svg != "" {
		f, err := rehearsalFigure(r, s.station, lang)
		if err != nil {
			return err
		}
		if err := writeFile(s.svg, f.SVG, cmd.ErrOrStderr()); err != nil {
			return err
		}
	}
	if s.asJSON {
		return printJSON(cmd.OutOrStdout(), r)
	}
	_, err := io.WriteString(cmd.OutOrStdout(), rehearsalText(r, lang))
	return err
}

func scenarioRunCommand() *cobra.Command {
	var (
		s    scenarioCall
		f    scenarioFlags
		keep bool
	)
	c := &cobra.Command{
		Use:   "run [FILE.yaml]",
		Short: "Ask a scenario",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			x := &freshetv1.Scenario{}
			var file *scenarioFile
			if len(args) == 1 {
				var err error
				if file, err = readScenario(args[0]); err != nil {
					return err
				}
				x = file.scenario()
			}
			if err := f.apply(x); err != nil {
				return err
			}
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error {
				got, err := c.RunScenario(ctx, &freshetv1.RunScenarioRequest{Scenario: x, Keep: keep})
				if err != nil {
					return file.refused(err)
				}
				return s.show(cmd, lang, got.GetRehearsal())
			})
		},
	}
	s.add(c, true)
	f.add(c)
	c.Flags().BoolVar(&keep, "keep", false, "keep it: others find it by its id")
	return c
}

func scenarioListCommand() *cobra.Command {
	var (
		s     scenarioCall
		basin string
	)
	c := &cobra.Command{
		Use:   "list",
		Short: "List the rehearsals that are kept",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error {
				got, err := c.ListScenarios(ctx, &freshetv1.ListScenariosRequest{Basin: basin})
				if err != nil {
					return err
				}
				if s.asJSON {
					return printJSON(cmd.OutOrStdout(), got)
				}
				var b strings.Builder
				b.WriteString(lang.Pick("留存的情景推演（演练，非实况）\n", "rehearsals that are kept (not the live situation)\n"))
				for _, r := range got.GetRehearsals() {
					name := lang.Pick(r.GetScenario().GetNameZh(), r.GetScenario().GetNameEn())
					fmt.Fprintf(&b, "%s  T0 %s  %s  %s\n", r.GetId(), termui.Clock(r.GetT0().AsTime()), termui.Pad(r.GetBasin(), 12), name)
				}
				_, err = io.WriteString(cmd.OutOrStdout(), b.String())
				return err
			})
		},
	}
	s.add(c, false)
	c.Flags().StringVar(&basin, "basin", "", "only this basin")
	return c
}

func scenarioShowCommand() *cobra.Command {
	var s scenarioCall
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show a rehearsal that is kept",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error {
				got, err := c.GetScenario(ctx, &freshetv1.GetScenarioRequest{Id: args[0]})
				if err != nil {
					return err
				}
				return s.show(cmd, lang, got.GetRehearsal())
			})
		},
	}
	s.add(c, true)
	return c
}

func scenarioDeleteCommand() *cobra.Command {
	var s scenarioCall
	c := &cobra.Command{
		Use:   "delete ID",
		Short: "Forget a rehearsal that is kept",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, _ termui.Lang) error {
				_, err := c.DeleteScenario(ctx, &freshetv1.DeleteScenarioRequest{Id: args[0]})
				return err
			})
		},
	}
	s.add(c, false)
	return c
}

func scenarioCompareCommand() *cobra.Command {
	var s scenarioCall
	c := &cobra.Command{
		Use:   "compare ID ID",
		Short: "Lay two rehearsals that are kept side by side",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error {
				got, err := c.CompareScenarios(ctx, &freshetv1.CompareScenariosRequest{A: args[0], B: args[1]})
				if err != nil {
					return err
				}
				if s.asJSON {
					return printJSON(cmd.OutOrStdout(), got)
				}
				_, err = io.WriteString(cmd.OutOrStdout(), comparisonText(got, lang))
				return err
			})
		},
	}
	s.add(c, false)
	return c
}

func scenarioSearchCommand() *cobra.Command {
	var (
		s    scenarioCall
		keep bool
	)
	c := &cobra.Command{
		Use:   "search FILE.yaml",
		Short: "Search the releases that lower the worst exceedance downstream, within limits",
		Long: `Search looks for the releases of the reservoirs under search: in the file that lower
the worst exceedance downstream and keep every limit, and shows what they cost in
reservoir level. Progress goes to the terminal; an interrupt ends the search.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := readScenario(args[0])
			if err != nil {
				return err
			}
			req := file.search()
			if len(req.GetReservoirs()) == 0 {
				return fmt.Errorf("%s: search: name the reservoirs whose releases are searched, as in search: {reservoirs: [{reservoir: jinjiang, least: 10, most: 800}]}: %w", args[0], hydro.ErrInvalid)
			}
			req.Keep = keep
			return s.do(cmd, func(ctx context.Context, c freshetv1.ForecastServiceClient, lang termui.Lang) error {
				stream, err := c.SearchRelease(ctx, req)
				if err != nil {
					return err
				}
				for {
					m, err := stream.Recv()
					if errors.Is(err, io.EOF) {
						return fmt.Errorf("the search ended without a result: %w", hydro.ErrUnavailable)
					}
					if err != nil {
						return file.refused(err)
					}
					if p := m.GetProgress(); p != nil {
						fmt.Fprintf(cmd.ErrOrStderr(), "%s %d/%d  %s %s\n", lang.Pick(p.GetDoingZh(), p.GetDoingEn()), p.GetRuns(), p.GetOf(), lang.Pick("最差超标", "worst"), figure(p.GetWorst(), 2))
						continue
					}
					if s.asJSON {
						return printJSON(cmd.OutOrStdout(), m)
					}
					if _, err := io.WriteString(cmd.OutOrStdout(), foundText(m.GetResult(), lang)); err != nil {
						return err
					}
					return s.show(cmd, lang, m.GetResult().GetRehearsal())
				}
			})
		},
	}
	s.add(c, true)
	c.Flags().BoolVar(&keep, "keep", false, "keep the best as a rehearsal")
	c.Flags().Lookup("timeout").DefValue = "10m0s"
	s.timeout = 10 * time.Minute
	return c
}

func figure(v float64, digits int) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, v)
}

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
	fmt.Fprintf(&b, "%s %s | %s\n", pick("雨量假定", "rain"), r.GetBasis().GetRainAssumed(), r.GetBasis().GetPlan())
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
	row(pick("测站", "station"), pick("现状峰值", "as it is"), pick("情景峰值", "asked"), pick("差", "change"), pick("峰现", "peak at"), pick("提前/推后", "later by"), pick("首次达到", "reaches"), pick("水量差Mm³", "10⁶ m³ more"))
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
		row(name, before, after, change, termui.Clock(q.GetAt().AsTime()), (time.Duration(s.GetLaterS()) * time.Second).String(), reach, figure(s.GetVolume(), 1))
	}
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
	for _, h := range w.GetHeld() {
		fmt.Fprintf(b, "  · %s %s\n", h.GetStation(), pick(h.GetTextZh(), h.GetTextEn()))
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
	fmt.Fprintf(&b, "%s%s%s%s%s\n", termui.Pad(pick("测站", "station"), 18), termui.PadLeft("m", 10), termui.PadLeft("m³/s", 12), termui.PadLeft(pick("推后", "later"), 12), termui.PadLeft("10⁶ m³", 12))
	for _, s := range c.GetStations() {
		fmt.Fprintf(&b, "%s%s%s%s%s\n", termui.Pad(pick(s.GetNameZh(), s.GetNameEn()), 18), termui.PadLeft(figure(s.GetLevel(), 2), 10), termui.PadLeft(figure(s.GetDischarge(), 0), 12),
			termui.PadLeft((time.Duration(s.GetLaterS())*time.Second).String(), 12), termui.PadLeft(figure(s.GetVolume(), 1), 12))
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
	return &plot.Figure{
		Title: pick(s.GetNameZh(), s.GetNameEn()) + "  " + pick("情景推演过程线", "rehearsed hydrograph"), Rehearsal: pick("演练 非实况", "REHEARSAL"),
		Subtitle: r.GetId() + "  ·  " + pick(r.GetScenario().GetNameZh(), r.GetScenario().GetNameEn()), Mark: pick(r.GetBannerZh(), r.GetBannerEn()),
		Axis: plot.Caption(variable, hydro.Datum(s.GetDatum()), lang), Number: func(v float64) string { return termui.Number(variable, v) },
		Zone: termui.Beijing, ZoneName: plot.ZoneName(lang), Now: t0, NowLabel: "T0 " + termui.Clock(t0),
		Lines: []plot.Line{line(pick("现状", "as it is"), s.GetBase(), plot.Issue(0, 2)), line(pick("情景", "as asked"), s.GetAsked(), plot.Issue(1, 2))},
		Notes: []string{pick(r.GetBasis().GetLineZh(), r.GetBasis().GetLineEn())},
	}, nil
}

// readScenario reads a file.
func readScenario(path string) (*scenarioFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	return parseScenario(path, data)
}

var stageShort = map[hydro.Stage]string{hydro.Blue: "蓝色", hydro.Yellow: "黄色", hydro.Orange: "橙色", hydro.Red: "红色"}
