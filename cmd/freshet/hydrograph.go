package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/plot"
	"freshet/internal/termui"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// drawing says what `freshet forecast` writes to files.
type drawing struct {
	svg, png, csv, font string
	past                time.Duration // observations before the issue
}

func (d *drawing) wanted() bool { return d.svg != "" || d.png != "" || d.csv != "" }

// write makes the files that were asked for, and says so on notes.
func (d *drawing) write(ctx context.Context, conn grpc.ClientConnInterface, v *forecastView, notes io.Writer) error {
	h := hydrograph{view: v, past: d.past}
	one := len(v.run.Stations) == 1
	if (d.svg != "" || d.png != "") && !one {
		return fmt.Errorf("--svg and --png draw one station: name it with --station: %w", hydro.ErrInvalid)
	}
	if one {
		h.station = &v.run.Stations[0]
		if err := h.history(ctx, conn); err != nil {
			return err
		}
	}
	if d.svg != "" {
		f := h.figure(v.lang, v.name)
		if err := writeFile(d.svg, f.SVG, notes); err != nil {
			return err
		}
	}
	if d.png != "" {
		if err := d.writePNG(&h, notes); err != nil {
			return err
		}
	}
	if d.csv != "" {
		return writeFile(d.csv, h.csv, notes)
	}
	return nil
}

// writePNG draws with the built-in font, which knows no Chinese, in English.
func (d *drawing) writePNG(h *hydrograph, notes io.Writer) error {
	lang := h.view.lang
	var face *plot.Font
	var err error
	if d.font != "" {
		data, err := os.ReadFile(d.font)
		if err != nil {
			return fmt.Errorf("--font: %w: %w", err, hydro.ErrInvalid)
		}
		if face, err = plot.ParseFont(data); err != nil {
			return fmt.Errorf("--font %s: %w: %w", d.font, err, hydro.ErrInvalid)
		}
	} else {
		if face, err = plot.BuiltinFont(); err != nil {
			return err
		}
		if lang == termui.Chinese {
			fmt.Fprintln(notes, "PNG 内置字体无汉字，改用英文标注；用 --font 指定中文字体，或用 --svg / the font of PNG files has no Chinese: captions are in English; give one with --font, or use --svg")
			lang = termui.English
		}
	}
	f := h.figure(lang, func(id string) string { // the name that the font can write, else the id
		if s := h.view.names[id]; s != nil {
			for _, name := range []string{lang.Pick(s.GetNameZh(), s.GetNameEn()), s.GetNameEn()} {
				if _, missing := face.Missing(name); !missing && name != "" {
					return name
				}
			}
		}
		return id
	})
	return writeFile(d.png, func(w io.Writer) error { return f.PNG(w, face) }, notes)
}

// writeFile writes a file whole or not at all.
func writeFile(path string, write func(io.Writer) error, notes io.Writer) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	_, _ = fmt.Fprintln(notes, path) // nothing depends on it
	return nil
}

// A hydrograph is a station's forecast with what was observed around it.
type hydrograph struct {
	view     *forecastView
	past     time.Duration
	station  *hydro.StationForecast // nil: only the numbers of all stations are asked for
	observed map[hydro.Variable][]hydro.Observation
	rain     []plot.Bar
	rainStep time.Duration
	gauges   []string // whose rain it is
	unread   string   // why there are no observations
}

// history reads the observations from before the issue to as far as there are
// any. A store that is away costs the observations, not the forecast.
func (h *hydrograph) history(ctx context.Context, conn grpc.ClientConnInterface) error {
	run := &h.view.run
	from, to := run.IssuedAt.Add(-h.past), run.IssuedAt.Add(run.Horizon)
	stations := freshetv1.NewStationServiceClient(conn)
	h.observed = map[hydro.Variable][]hydro.Observation{}
	var own *freshetv1.Station
	if own = h.view.names[h.station.Station]; own == nil {
		h.unread = "station is not in the catalogue in force"
		return nil
	}
	for _, v := range []hydro.Variable{hydro.WaterLevel, hydro.Discharge} {
		if !measures(own, v) {
			continue
		}
		obs, err := readHistory(ctx, stations, own.GetId(), v, from, to)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			h.unread = linkText(err.Error())
			return nil
		}
		h.observed[v] = obs
	}
	var falls [][]plot.Fall
	for _, s := range h.gaugesOf(own) {
		obs, err := readHistory(ctx, stations, s.GetId(), hydro.Rain, from, to)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			h.unread = linkText(err.Error())
			return nil
		}
		if len(obs) == 0 {
			continue
		}
		h.gauges = append(h.gauges, s.GetId())
		var f []plot.Fall
		for _, o := range obs {
			if o.Quality.Usable() && o.Interval > 0 {
				f = append(f, plot.Fall{From: o.At.Add(-o.Interval), To: o.At, Depth: o.Value})
			}
		}
		falls = append(falls, f)
	}
	if len(falls) > 0 {
		h.rainStep = plot.RainStep(h.past + run.Horizon)
		end := run.IssuedAt
		for _, f := range falls {
			if len(f) > 0 && f[len(f)-1].To.After(end) {
				end = f[len(f)-1].To
			}
		}
		h.rain = plot.MeanRain(from, end, h.rainStep, falls)
	}
	return nil
}

// gaugesOf returns the station itself if it measures rain, else the rain gauges
// of its basin.
func (h *hydrograph) gaugesOf(own *freshetv1.Station) []*freshetv1.Station {
	if measures(own, hydro.Rain) {
		return []*freshetv1.Station{own}
	}
	var out []*freshetv1.Station
	for _, s := range h.view.names {
		if s.GetBasin() == own.GetBasin() && measures(s, hydro.Rain) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *freshetv1.Station) int { return strings.Compare(a.GetId(), b.GetId()) })
	return out
}

func measures(s *freshetv1.Station, v hydro.Variable) bool {
	return slices.Contains(s.GetVariables(), wire.FromVariable(v))
}

// readHistory reads the observations of a series in [from, to], page by page.
func readHistory(ctx context.Context, c freshetv1.StationServiceClient, station string, v hydro.Variable, from, to time.Time) ([]hydro.Observation, error) {
	var out []hydro.Observation
	for {
		resp, err := c.GetHistory(ctx, &freshetv1.GetHistoryRequest{
			Station: station, Variable: wire.FromVariable(v), From: timestamppb.New(from), To: timestamppb.New(to.Add(time.Millisecond)), Limit: 100000,
		})
		if err != nil {
			return nil, err
		}
		for _, p := range resp.GetObservations() {
			o, err := wire.ToObservation(p)
			if err != nil {
				return nil, fmt.Errorf("the server sent an observation that cannot be read: %w", err)
			}
			out = append(out, o)
		}
		if !resp.GetTruncated() || len(resp.GetObservations()) == 0 {
			return out, nil
		}
		from = out[len(out)-1].At.Add(time.Millisecond)
	}
}

func (h *hydrograph) figure(lang termui.Lang, name func(id string) string) *plot.Figure {
	run, s, pick := &h.view.run, h.station, lang.Pick
	variable, values, now, _ := shown(s)
	issue := run.IssuedAt.In(termui.Beijing).Format("2006-01-02 15:04")
	f := &plot.Figure{
		Title: name(s.Station) + "  " + pick("洪水预报过程线", "flood forecast"),
		Subtitle: strings.Join([]string{
			s.Station, pick(issue+" 发布", "issued "+issue),
			fmt.Sprintf("%s %d %s", pick("预见期", "horizon"), int(run.Horizon/time.Hour), pick("小时", "h")), run.Basin,
		}, "  ·  "),
		Axis: plot.Caption(variable, s.Datum, lang), Number: func(v float64) string { return termui.Number(variable, v) },
		Zone: termui.Beijing, ZoneName: plot.ZoneName(lang), From: run.IssuedAt.Add(-h.past), To: run.IssuedAt.Add(time.Duration(len(values)) * run.Step),
		Now: run.IssuedAt, NowLabel: pick("发布 ", "issued ") + termui.Clock(run.IssuedAt),
		DoubtfulLabel: pick("质控存疑或不通过", "held back by quality control"),
	}
	var marks []string
	if run.Illustrative {
		marks = append(marks, pick("示例数据，非正式", "illustrative numbers, not official"))
	}
	if h.view.expired() {
		marks = append(marks, pick("已过有效期，不可采用", "EXPIRED, do not use"))
	}
	f.Mark = strings.Join(marks, " · ")
	observed := plot.Line{Label: pick("实测", "observed"), Style: plot.Observed}
	apart := map[hydro.Datum]int{} // never two datums on one axis
	for _, o := range h.observed[variable] {
		if variable == hydro.WaterLevel && hydro.CompareDatums(s.Station, "the forecast", s.Datum, "an observation", o.Datum) != nil {
			apart[o.Datum]++
			continue
		}
		p := plot.Point{At: o.At, Value: o.Value}
		if o.Quality.Usable() {
			observed.Points = append(observed.Points, p)
		} else {
			f.Doubtful = append(f.Doubtful, p)
		}
	}
	observed.Gap = gapOf(observed.Points)
	if len(observed.Points) > 0 {
		f.Lines = append(f.Lines, observed)
	}
	forecast := plot.Line{Label: pick("预报", "forecast"), Style: plot.Forecast, Points: []plot.Point{{At: run.IssuedAt, Value: now}}}
	for i, v := range values {
		forecast.Points = append(forecast.Points, plot.Point{At: run.IssuedAt.Add(time.Duration(i+1) * run.Step), Value: v})
	}
	f.Lines = append(f.Lines, forecast)
	f.Bands = h.bands(variable, now, lang)
	for _, c := range s.Crossings {
		if c.Variable == variable {
			f.Thresholds = append(f.Thresholds, plot.StageLine(c.Stage, variable, c.Threshold, lang))
		}
	}
	peak := s.Peak.Discharge
	if variable == hydro.WaterLevel {
		peak = s.Peak.Level
	}
	if s.Peak.At.After(run.IssuedAt) && !s.Peak.AtEnd {
		f.Peaks = append(f.Peaks, plot.Peak{Point: plot.Point{At: s.Peak.At, Value: peak}, Label: fmt.Sprintf("%s %s %s, %s",
			pick("洪峰", "peak"), termui.Number(variable, peak), termui.Unit(variable), termui.Clock(s.Peak.At))})
	}
	if len(h.rain) > 0 {
		who := plot.MeanOf(len(h.gauges), lang)
		if len(h.gauges) == 1 {
			who = name(h.gauges[0])
		}
		f.Rain = &plot.Rain{Caption: plot.RainCaption(who, h.rainStep, h.rain, lang), Bars: h.rain}
	}
	for _, n := range []struct {
		is     bool
		zh, en string
	}{
		{s.Peak.AtEnd, "预报期末仍在上涨，峰未定。", "Still rising when the forecast ends: the peak is not known."},
		{s.Extrapolated, extrapolatedZH + "。", "Rating extrapolated."},
		{len(f.Bands) == 0 && run.BandStep == 0, "本次预报无不确定性区间。", "This run has no band."}, // else a note says why
		{!s.Updated, uncorrectedZH + "。", "Not corrected by a gauge."},
		{h.unread != "", "未读到实测：" + h.unread, "Observations could not be read: " + h.unread},
	} {
		if n.is {
			f.Notes = append(f.Notes, pick(n.zh, n.en))
		}
	}
	for _, d := range slices.Sorted(maps.Keys(apart)) {
		on := cmp.Or(string(d), pick("未注明的基面", "no stated datum"))
		f.Notes = append(f.Notes, pick(
			fmt.Sprintf("%s有%d个实测水位在%s上，预报在%s上，不能比较，未绘出；数值见--csv。", s.Station, apart[d], on, cmp.Or(s.Datum, "?")),
			fmt.Sprintf("%d levels observed at %s are on %s and the forecast is on %s: not comparable and not drawn; --csv has them.", apart[d], s.Station, on, cmp.Or(s.Datum, "?"))))
	}
	f.Notes = append(f.Notes, pick(run.HonestyZH(), run.HonestyEN()))
	return f
}

// gapOf returns how far apart two observations of a line may be: thrice the
// usual interval.
func gapOf(p []plot.Point) time.Duration {
	if len(p) < 2 {
		return 0
	}
	between := make([]time.Duration, len(p)-1)
	for i := range between {
		between[i] = p[i+1].At.Sub(p[i].At)
	}
	slices.Sort(between)
	return 3 * between[len(between)/2]
}

// csvHeader is the first line behind the remarks.
var csvHeader = append([]string{"station", "kind", "at", "lead_h", "discharge_m3s", "level_m", "datum", "quality"}, bandColumns()...)

// csv writes the numbers as the API gives them, to the last digit: a line each
// for the values at issue, of the forecast and, of one station, observed. The
// honesty line stands above as remarks.
func (h *hydrograph) csv(w io.Writer) error {
	run := &h.view.run
	for _, line := range []string{run.HonestyEN(), run.HonestyZH()} {
		if _, err := io.WriteString(w, "# "+line+"\n"); err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
	}
	c := csv.NewWriter(w)
	number := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	_ = c.Write(csvHeader) // an error stays and is read below
	none := make([]string, len(bandColumns()))
	row := func(station, kind string, at time.Time, flow, level float64, datum hydro.Datum, quality string, band []string) {
		_ = c.Write(append([]string{
			station, kind, at.In(termui.Beijing).Format(time.RFC3339), number(at.Sub(run.IssuedAt).Hours()), number(flow), number(level), string(datum), quality,
		}, band...))
	}
	nan := math.NaN()
	for i := range run.Stations {
		s := &run.Stations[i]
		for _, o := range h.observed[hydro.Discharge] {
			row(s.Station, "observed", o.At, o.Value, nan, "", o.Quality.String(), none)
		}
		for _, o := range h.observed[hydro.WaterLevel] {
			row(s.Station, "observed", o.At, nan, o.Value, o.Datum, o.Quality.String(), none)
		}
		row(s.Station, "now", run.IssuedAt, s.NowDischarge, s.NowLevel, s.Datum, "", none)
		for k := range s.Discharge {
			row(s.Station, "forecast", run.IssuedAt.Add(time.Duration(k+1)*run.Step), s.Discharge[k], s.Level[k], s.Datum, "", bandCells(run, s, k, number))
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}
