package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/termui"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// forecastCommand is `freshet forecast`: the latest run as a table, or one
// station's as a hydrograph.
func forecastCommand() *cobra.Command {
	var (
		server                       serverFlags
		basin, station, issued, lang string
		asJSON                       bool
		timeout                      time.Duration
		files                        drawing
	)
	c := &cobra.Command{
		Use:   "forecast",
		Short: "Show the latest forecast of a basin or a station",
		Long: `Forecast shows where each station stands, its forecast peak with time and lead
time, and when it crosses which threshold. With --station it draws the
hydrograph. What the forecast stands on is printed below it, in Chinese and
English: read it. Times are Beijing time. Where the run has an uncertainty band,
each threshold has the chance of being met by the end of the band, and --station
shows what 1 case in 10 lies above and below.

--svg and --png write the hydrograph of one station to a file: rain from the top,
what was observed, the instant of issue, the forecast with its bands of 80 and
50 %, the thresholds, and what the forecast stands on. A PNG has English captions unless --font names a font
with Chinese. --csv writes the numbers, of all stations or, with what was
observed, of one; its lines that begin with # are remarks.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			req := &freshetv1.GetForecastRequest{Basin: basin, Station: station}
			if issued != "" {
				at, err := parseInstant(issued)
				if err != nil {
					return fmt.Errorf("--issued-at: %w", err)
				}
				req.IssuedAt = timestamppb.New(at)
			}
			conn, err := server.dial()
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }() // nothing is under way
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			resp, err := freshetv1.NewForecastServiceClient(conn).GetForecast(ctx, req)
			if err != nil {
				return callError(server.address, err)
			}
			out := cmd.OutOrStdout()
			if asJSON && !files.wanted() {
				return printJSON(out, resp)
			}
			v := &forecastView{lang: language, colour: termui.Colours(out), width: 110}
			if termui.Terminal(out) {
				v.width, _ = termui.Size(out)
			}
			if err := v.load(ctx, conn, resp.GetForecast(), issued == ""); err != nil {
				return callError(server.address, err)
			}
			if files.wanted() {
				if err := files.write(ctx, conn, v, cmd.ErrOrStderr()); err != nil {
					return callError(server.address, err)
				}
			}
			if asJSON {
				return printJSON(out, resp)
			}
			_, err = io.WriteString(out, v.render(station != ""))
			return err
		},
	}
	c.AddCommand(forecastExportCommand())
	f := c.Flags()
	server.add(f)
	f.StringVar(&basin, "basin", "", "basin; may be left out if the server has one")
	f.StringVar(&station, "station", "", "only this station, by id or code, with its hydrograph")
	f.StringVar(&issued, "issued-at", "", "the run issued at this time (RFC 3339, or Beijing time as 2026-06-10T14:35) instead of the latest")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&lang, "lang", locale(), "language of captions, zh or en")
	f.DurationVar(&timeout, "timeout", 10*time.Second, "give up after this long")
	f.StringVar(&files.svg, "svg", "", "write the station's hydrograph to this file")
	f.StringVar(&files.png, "png", "", "write the station's hydrograph to this file, captions in English")
	f.StringVar(&files.csv, "csv", "", "write the numbers to this file")
	f.StringVar(&files.font, "font", "", "TrueType or OpenType file for --png")
	f.DurationVar(&files.past, "past", 24*time.Hour, "how much of what was observed before the issue goes into the files")
	return c
}

// parseSpan reads --from and --to; what is not given is zero.
func parseSpan(from, to string) (begin, end time.Time, err error) {
	for _, p := range []struct {
		flag, text string
		into       *time.Time
	}{{"from", from, &begin}, {"to", to, &end}} {
		if p.text == "" {
			continue
		}
		if *p.into, err = parseInstant(p.text); err != nil {
			return begin, end, fmt.Errorf("--%s: %w", p.flag, err)
		}
	}
	return begin, end, nil
}

// parseInstant reads an instant with its offset, or Beijing time without one.
func parseInstant(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, s, termui.Beijing); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q: write 2026-06-10T14:35 (Beijing time) or 2026-06-10T06:35:00Z: %w", s, hydro.ErrInvalid)
}

// callError says in a sentence what went wrong with a call, and keeps the kind.
func callError(server string, err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	switch s.Code() { //nolint:exhaustive // the rest is told as it is
	case codes.Unavailable, codes.DeadlineExceeded:
		return plain{fmt.Sprintf("no answer from %s: %s (is `freshet serve` running with that --grpc address, and ready?)", server, linkText(s.Message())), hydro.ErrUnavailable}
	case codes.NotFound:
		return plain{s.Message(), hydro.ErrNotFound}
	case codes.InvalidArgument:
		return plain{s.Message(), hydro.ErrInvalid}
	}
	return plain{s.Message(), err}
}

// A forecastView writes one run for people.
type forecastView struct {
	lang   termui.Lang
	colour bool
	width  int
	run    hydro.Forecast
	now    time.Time // engine time; zero if not known or a past run
	names  map[string]*freshetv1.Station
}

func (v *forecastView) load(ctx context.Context, conn grpc.ClientConnInterface, p *freshetv1.Forecast, latest bool) (err error) {
	if v.run, err = wire.ToForecast(p); err != nil {
		return fmt.Errorf("the server sent a forecast that cannot be read: %w", err)
	}
	stations, err := freshetv1.NewStationServiceClient(conn).ListStations(ctx, &freshetv1.ListStationsRequest{Basin: v.run.Basin})
	if err != nil {
		return err
	}
	v.names = map[string]*freshetv1.Station{}
	for _, s := range stations.GetStations() {
		v.names[s.GetId()] = s
	}
	if !latest {
		return nil
	}
	clock, err := freshetv1.NewClockServiceClient(conn).GetClock(ctx, &freshetv1.GetClockRequest{})
	if err != nil {
		return err
	}
	if clock.GetNow().IsValid() {
		v.now = clock.GetNow().AsTime()
	}
	return nil
}

func (v *forecastView) name(id string) string {
	s, ok := v.names[id]
	if !ok {
		return id
	}
	if name := v.lang.Pick(s.GetNameZh(), s.GetNameEn()); name != "" {
		return name
	}
	return id
}

func (v *forecastView) render(one bool) string {
	var b strings.Builder
	f := &v.run
	pick := v.lang.Pick
	horizon := fmt.Sprintf("%d %s", int(f.Horizon/time.Hour), pick("小时", "h"))
	head := fmt.Sprintf("%s %s  %s %s  %s  %s %s", pick("洪水预报", "Forecast"), f.Basin,
		f.IssuedAt.In(termui.Beijing).Format("2006-01-02 15:04"), pick("发布", "issued"), v.trigger(), pick("预见期", "horizon"), horizon)
	b.WriteString(strings.Join(termui.Wrap(head, max(40, v.width)), "\n") + "\n")
	if v.expired() {
		b.WriteString(pick("！本次预报已过有效期，不可采用（系统时间 ", "! This forecast has EXPIRED, do not use it (engine time ") + termui.Clock(v.now) + pick("）", ")") + "\n")
	}
	if f.Illustrative {
		b.WriteString(pick("［示例数据，非正式］", "[illustrative numbers, not official]") + "\n")
	}
	b.WriteString("\n")
	if len(f.Stations) == 0 {
		b.WriteString(pick("本次预报没有测站。", "This run covers no station.") + "\n")
	}
	if one {
		for i := range f.Stations {
			v.station(&b, &f.Stations[i])
		}
	} else if len(f.Stations) > 0 {
		v.table(&b)
	}
	if !one {
		v.arealRain(&b)
	}
	b.WriteString("\n")
	for _, line := range []string{f.HonestyZH(), f.HonestyEN()} {
		b.WriteString(strings.Join(termui.Wrap(line, max(40, v.width-1)), "\n") + "\n")
	}
	return b.String()
}

// expired reports whether the run must not be trusted any more.
func (v *forecastView) expired() bool {
	return !v.now.IsZero() && !v.run.ValidUntil.IsZero() && v.now.After(v.run.ValidUntil)
}

func (v *forecastView) trigger() string {
	if station, ok := strings.CutPrefix(v.run.Trigger, "rise at "); ok {
		return v.lang.Pick("因 "+v.name(station)+" 急涨加报", "triggered by a rise at "+v.name(station))
	}
	return v.lang.Pick("定时", "on schedule")
}

// shown picks what a station is shown by: its level, or its flow where it has
// no rating.
func shown(s *hydro.StationForecast) (variable hydro.Variable, values []float64, now, peak float64) {
	if !math.IsNaN(s.NowLevel) && slices.ContainsFunc(s.Level, func(x float64) bool { return !math.IsNaN(x) }) {
		return hydro.WaterLevel, s.Level, s.NowLevel, s.Peak.Level
	}
	return hydro.Discharge, s.Discharge, s.NowDischarge, s.Peak.Discharge
}

// worst returns the highest stage that a forecast reaches.
func worst(s *hydro.StationForecast) hydro.Stage {
	stage := hydro.Clear
	for _, c := range s.Crossings {
		if !c.At.IsZero() && c.Stage != hydro.Blind {
			stage = max(stage, c.Stage)
		}
	}
	return stage
}

// indent is where the lines below a station's row begin.
const indent = termui.StageWidth + 1

// chanceIndent is where the line of a crossing's chance begins.
const chanceIndent = indent + 5

func (v *forecastView) table(b *strings.Builder) {
	pick := v.lang.Pick
	f := &v.run
	name := 16
	if v.width >= 120 {
		name = 24
	}
	spark := max(0, min(40, v.width-name-65))
	if spark < 12 {
		spark = 0
	}
	row := func(tag, station, now, peak, unit, at, lead, plot string) {
		line := tag + strings.Repeat(" ", indent-termui.StageWidth) + termui.Pad(station, name) + termui.PadLeft(now, 8) + termui.PadLeft(peak, 9) + " " +
			termui.Pad(unit, 5) + termui.Pad(at, 13) + termui.Pad(lead, 16) + plot
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	row(termui.Pad(pick("将达", "reaches"), termui.StageWidth), pick("测站", "station"), pick("现值", "now"), pick("洪峰", "peak"), pick("单位", "unit"),
		pick("峰现时间", "peak at"), pick("预见期", "lead"), "")
	stations := slices.Clone(f.Stations)
	slices.SortStableFunc(stations, func(a, b hydro.StationForecast) int { return int(worst(&b)) - int(worst(&a)) })
	var none, unset, extrapolated, uncorrected, unbanded []string
	for i := range stations {
		s := &stations[i]
		station := v.name(s.Station)
		variable, values, now, peak := shown(s)
		at, lead := termui.Clock(s.Peak.At), v.lang.Span(s.Peak.At.Sub(f.IssuedAt))
		switch {
		case s.Peak.AtEnd:
			at, lead = pick("期末仍涨", "still rising"), pick("峰未定", "peak not known")
		case !s.Peak.At.After(f.IssuedAt):
			at, lead = pick("现在", "now"), ""
		}
		row(termui.StageTag(worst(s), v.colour), station, termui.Number(variable, now), termui.Number(variable, peak), termui.Unit(variable), at, lead,
			termui.Spark(values, spark))
		reached := v.crossings(s)
		for _, line := range lines(reached, pick("；", "; "), max(40, v.width-indent)) {
			b.WriteString(strings.Repeat(" ", indent) + line + "\n")
		}
		switch {
		case len(s.Crossings) == 0:
			unset = append(unset, station)
		case len(reached) == 0:
			none = append(none, station)
		}
		if s.Extrapolated {
			extrapolated = append(extrapolated, station)
		}
		if !s.Updated {
			uncorrected = append(uncorrected, station)
		}
		if !banded(s, variable) {
			unbanded = append(unbanded, station)
		}
	}
	b.WriteString("\n")
	v.datums(b, stations)
	v.group(b, v.within(), none)
	v.group(b, pick("未设阈值", "no thresholds set"), unset)
	v.group(b, pick(extrapolatedZH, extrapolatedEN), extrapolated)
	v.group(b, pick(uncorrectedZH, uncorrectedEN), uncorrected)
	if f.BandStep == 0 {
		b.WriteString(v.noBand("") + "\n")
	} else { // the notes below say why
		v.group(b, pick("无不确定性区间", "no band"), unbanded)
	}
}

const (
	extrapolatedZH, extrapolatedEN = "水位流量关系外延", "rating extrapolated"
	uncorrectedZH, uncorrectedEN   = "未经实测校正", "not corrected by a gauge"
)

// group writes what holds for several stations in one line.
func (v *forecastView) group(b *strings.Builder, what string, stations []string) {
	if len(stations) > 0 {
		text := what + v.lang.Pick("：", ": ") + strings.Join(stations, v.lang.Pick("、", ", "))
		b.WriteString(strings.Join(termui.Wrap(text, max(40, v.width-1)), "\n") + "\n")
	}
}

// lines joins items into lines of at most width columns and breaks none of them.
func lines(items []string, separator string, width int) []string {
	var out []string
	for i, item := range items {
		switch last := len(out) - 1; {
		case i > 0 && termui.Width(out[last]+separator+item) <= width:
			out[last] += separator + item
		default:
			out = append(out, item)
		}
	}
	return out
}

// crossings lists the thresholds that are reached or may be, lowest first.
func (v *forecastView) crossings(s *hydro.StationForecast) []string {
	var reached []string
	for _, c := range s.Crossings {
		possible := !c.Chance.Until.IsZero() && c.Chance.Probability >= slim
		if c.At.IsZero() && !possible {
			continue
		}
		text := strings.TrimSpace(termui.StageTag(c.Stage, false)) + " " + termui.Number(c.Variable, c.Threshold) + " " + termui.Unit(c.Variable) + " "
		switch lead := c.At.Sub(v.run.IssuedAt); {
		case c.At.IsZero():
			text += v.lang.Pick("预报线未达，", "not by this forecast, but ") + v.short(&c.Chance)
		case lead > 0:
			text += termui.Clock(c.At)
			told := !c.Chance.Until.IsZero()
			if !told || v.width >= 100 { // a narrow terminal has no room for both
				text += " (" + v.lang.Span(lead) + ")"
			}
			if told {
				text += v.lang.Pick("，", ", ") + v.short(&c.Chance)
			}
		default:
			text += v.lang.Pick("已达", "now")
		}
		reached = append(reached, text)
	}
	return reached
}

// within says that nothing is crossed.
func (v *forecastView) within() string {
	hours := int(v.run.Horizon / time.Hour)
	return v.lang.Pick(fmt.Sprintf("%d 小时内不超阈", hours), fmt.Sprintf("no crossing within %d h", hours))
}

// datums says what the levels are measured from.
func (v *forecastView) datums(b *strings.Builder, stations []hydro.StationForecast) {
	by := map[hydro.Datum][]string{}
	var order []hydro.Datum
	for i := range stations {
		s := &stations[i]
		if variable, _, _, _ := shown(s); variable != hydro.WaterLevel {
			continue
		}
		if by[s.Datum] == nil {
			order = append(order, s.Datum)
		}
		by[s.Datum] = append(by[s.Datum], v.name(s.Station))
	}
	for _, d := range order {
		which := ""
		if len(order) > 1 {
			which = v.lang.Pick("：", ": ") + strings.Join(by[d], v.lang.Pick("、", ", "))
		}
		name := string(d)
		if d == hydro.NoDatum {
			name = v.lang.Pick("未注明", "not stated")
		}
		b.WriteString(strings.Join(termui.Wrap(v.lang.Pick("水位基面 ", "levels above ")+name+which, max(40, v.width-1)), "\n") + "\n")
	}
}

// station writes one station in full.
func (v *forecastView) station(b *strings.Builder, s *hydro.StationForecast) {
	pick := v.lang.Pick
	f := &v.run
	variable, values, now, peak := shown(s)
	unit := termui.Unit(variable)
	if variable == hydro.WaterLevel && s.Datum != hydro.NoDatum {
		unit += " (" + string(s.Datum) + ")"
	}
	what := pick("流量", "flow")
	if variable == hydro.WaterLevel {
		what = pick("水位", "water level")
	}
	caption := fmt.Sprintf("%s %s  %s, %s", v.name(s.Station), s.Station, what, unit)
	// The highest threshold that is reached, or the lowest one.
	threshold, label := math.NaN(), ""
	for _, c := range s.Crossings {
		if c.Variable == variable && (math.IsNaN(threshold) || !c.At.IsZero()) {
			threshold, label = c.Threshold, strings.TrimSpace(termui.StageTag(c.Stage, false))
		}
	}
	b.WriteString(termui.Plot{
		Values: values, Start: f.IssuedAt, Step: f.Step, Variable: variable, Caption: caption,
		Threshold: threshold, Label: label, PeakAt: s.Peak.At,
		Low: quantileLine(f, s, variable, now, q10, len(values)), High: quantileLine(f, s, variable, now, q90, len(values)),
		BandLabel: pick("10 % 与 90 %：十次有八次在其间", "10 % and 90 %: 8 times in 10 between them"),
	}.Render(min(v.width, 120), 10))
	b.WriteString("\n")
	fmt.Fprintf(b, "%s %s %s", pick("现值", "now "), termui.Number(variable, now), termui.Unit(variable))
	if variable == hydro.WaterLevel && !math.IsNaN(s.NowDischarge) {
		fmt.Fprintf(b, "  %s %s m³/s", pick("流量", "flow"), termui.Number(hydro.Discharge, s.NowDischarge))
	}
	fmt.Fprintf(b, "\n%s %s %s", pick("洪峰", "peak"), termui.Number(variable, peak), termui.Unit(variable))
	if variable == hydro.WaterLevel && !math.IsNaN(s.Peak.Discharge) {
		fmt.Fprintf(b, "  %s %s m³/s", pick("流量", "flow"), termui.Number(hydro.Discharge, s.Peak.Discharge))
	}
	switch {
	case s.Peak.AtEnd:
		b.WriteString("  " + pick("预报期末仍在上涨，峰未定", "still rising when the forecast ends: the peak is not known"))
	case !s.Peak.At.After(f.IssuedAt):
		b.WriteString("  " + pick("现为最高", "the present is the highest"))
	default:
		fmt.Fprintf(b, "  %s  %s %s", termui.Clock(s.Peak.At), pick("预见期", "lead"), v.lang.Span(s.Peak.At.Sub(f.IssuedAt)))
	}
	b.WriteString("\n")
	v.bandTable(b, s, variable)
	if len(s.Crossings) == 0 {
		b.WriteString(pick("未设阈值", "no thresholds set") + "\n")
	}
	for _, c := range s.Crossings {
		when := v.within()
		switch {
		case c.At.IsZero() && !c.Chance.Until.IsZero():
			when = pick("预报线未达", "not by this forecast")
		case c.At.IsZero():
		case !c.At.After(f.IssuedAt):
			when = pick("已达", "reached now")
		default:
			when = termui.Clock(c.At) + "  " + pick("预见期 ", "lead ") + v.lang.Span(c.At.Sub(f.IssuedAt))
		}
		fmt.Fprintf(b, "  %s %s %s  %s\n", termui.StageTag(c.Stage, v.colour), termui.PadLeft(termui.Number(c.Variable, c.Threshold), 9),
			termui.Pad(termui.Unit(c.Variable), 4), when)
		if text := v.chance(&c.Chance); text != "" && (c.At.IsZero() || c.At.After(f.IssuedAt)) {
			for _, line := range termui.Wrap(text, max(40, v.width-chanceIndent-1)) {
				b.WriteString(strings.Repeat(" ", chanceIndent) + line + "\n")
			}
		}
	}
	if s.Extrapolated {
		b.WriteString(pick(extrapolatedZH, extrapolatedEN) + "\n")
	}
	if !s.Updated {
		b.WriteString(pick(uncorrectedZH, uncorrectedEN) + "\n")
	}
}
