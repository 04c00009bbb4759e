package pack

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// Workbook writes an .xlsx: the sentences, then a sheet for each table with real
// numbers and dates, and the hydrographs with charts.
func (p Pack) Workbook(w io.Writer) error {
	m, err := p.maker()
	if err != nil {
		return err
	}
	d, err := p.Document()
	if err != nil {
		return err
	}
	return m.workbook(w, d)
}

// A book is a workbook under way.
type book struct {
	file   *excelize.File
	m      *maker
	styles map[styleKey]int
	foot   string
}

type styleKey struct {
	kind         Kind
	strong, wrap bool
	head         bool
}

func (m *maker) workbook(w io.Writer, d *Document) (err error) {
	b := &book{file: excelize.NewFile(), m: m, styles: map[styleKey]int{}}
	defer func() {
		if cerr := b.file.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("workbook: %w", cerr)
		}
	}()
	b.foot = d.Head.Title + " " + d.Head.AsOf.String() + " " + d.Head.Mark
	if err := b.fill(d); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	if err := b.file.Write(w); err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	return nil
}

func (b *book) fill(d *Document) error {
	made := b.m.s.GetAt().AsTime().Format(time.RFC3339)
	if err := b.file.SetDocProps(&excelize.DocProperties{Creator: "Freshet", Title: d.Head.Title, Identifier: d.Head.Hash, Created: made, Modified: made}); err != nil {
		return err
	}
	if err := b.summary(d); err != nil {
		return err
	}
	for i := range d.Sections {
		for k := range d.Sections[i].Tables {
			if err := b.table(&d.Sections[i].Tables[k]); err != nil {
				return err
			}
		}
		if d.Sections[i].ID == "forecast" {
			if err := b.hydrographs(); err != nil {
				return err
			}
		}
	}
	return nil
}

// style returns the id of a style, made once.
func (b *book) style(k styleKey) (int, error) {
	if id, ok := b.styles[k]; ok {
		return id, nil
	}
	s := &excelize.Style{Alignment: &excelize.Alignment{Vertical: "top", WrapText: k.wrap || k.head}, Font: &excelize.Font{Bold: k.strong || k.head}}
	if format := formats[k.kind].excel; k.kind != Words {
		s.CustomNumFmt = &format
	}
	if k.head {
		s.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E6E6E6"}}
		s.Border = []excelize.Border{{Type: "bottom", Color: "000000", Style: 1}}
	}
	id, err := b.file.NewStyle(s)
	b.styles[k] = id
	return id, err
}

// sheet opens one with its page set for A4, its first row frozen and repeated.
func (b *book) sheet(title string, rows int) error {
	if _, err := b.file.NewSheet(title); err != nil {
		return err
	}
	size, orientation, wide, high, fit := 9, "landscape", 1, 0, true
	if err := b.file.SetPageLayout(title, &excelize.PageLayoutOptions{Size: &size, Orientation: &orientation, FitToWidth: &wide, FitToHeight: &high}); err != nil {
		return err
	}
	if err := b.file.SetSheetProps(title, &excelize.SheetPropsOptions{FitToPage: &fit}); err != nil {
		return err
	}
	if err := b.file.SetHeaderFooter(title, &excelize.HeaderFooterOptions{OddHeader: header(b.foot), OddFooter: "&L&A&R&P / &N"}); err != nil {
		return err
	}
	if rows == 0 {
		return nil
	}
	if err := b.file.SetPanes(title, &excelize.Panes{Freeze: true, XSplit: 1, YSplit: 1, TopLeftCell: "B2", ActivePane: "bottomRight"}); err != nil {
		return err
	}
	return b.file.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Titles", RefersTo: "'" + title + "'!$1:$1", Scope: title})
}

// header is a text as the head of each page, which takes no more than 255 characters;
// the first sheet has the whole of it.
func header(text string) string {
	var out strings.Builder
	out.WriteString("&L")
	left := 252
	for _, r := range text {
		c, units := string(r), 1 // of UTF-16, which is what is counted
		if r > 0xffff {
			units = 2
		}
		if r == '&' {
			c, units = "&&", 2
		}
		if left -= units; left < 0 {
			out.WriteString("…")
			break
		}
		out.WriteString(c)
	}
	return out.String()
}

// summary is the first sheet: the head and the sentences.
func (b *book) summary(d *Document) error {
	title := d.Lang.Pick("概要", "Summary")
	if err := b.file.SetSheetName("Sheet1", title); err != nil {
		return err
	}
	if err := b.sheet(title, 0); err != nil {
		return err
	}
	pick := d.Lang.Pick
	rows := [][2]Cell{
		{words(pick("流域", "Basin")), words(d.Head.Title)},
		{words(pick("截至", "As of") + " (" + d.Head.Zone + ")"), d.Head.AsOf},
		{words(pick("依据数据时刻", "Stands on") + " (" + d.Head.Zone + ")"), d.Head.At},
		{words(pick("情景指纹", "Situation")), words(d.Head.Hash)},
	}
	if d.Head.Mark != "" {
		rows = append(rows, [2]Cell{words(pick("注意", "Mind")), words(d.Head.Mark).strong(true)})
	}
	for i := range d.Sections {
		for _, t := range d.Sections[i].Text {
			rows = append(rows, [2]Cell{words(d.Sections[i].Title).strong(true), words(t)})
		}
	}
	for i, r := range rows {
		for k, c := range r {
			if err := b.set(title, k+1, i+1, c, true); err != nil {
				return err
			}
		}
		if err := b.height(title, i+1, lines(r[1].show, summaryWidth)); err != nil {
			return err
		}
	}
	if err := b.file.SetColWidth(title, "A", "A", 24); err != nil {
		return err
	}
	return b.file.SetColWidth(title, "B", "B", summaryWidth)
}

// summaryWidth is that of the sentences, in characters.
const summaryWidth = 110

// lines is how many a wrapped text takes in a column of so many characters.
func lines(text string, width float64) int {
	return 1 + int(float64(termui.Width(text))*1.1/width)
}

// height makes a row as high as its wrapped text: not every program does so by itself
// when it opens a workbook, and the lines would lie over each other.
func (b *book) height(sheet string, row, lines int) error {
	if lines < 2 {
		return nil
	}
	return b.file.SetRowHeight(sheet, row, min(float64(lines)*15, 405))
}

// set writes a cell: a number as a number, an instant as a date in the basin's
// zone, a missing value as the words for it.
func (b *book) set(sheet string, column, row int, c Cell, wrap bool) error {
	at, err := excelize.CoordinatesToCellName(column, row)
	if err != nil {
		return err
	}
	k := styleKey{kind: Words, strong: c.Strong, wrap: wrap}
	if c.known {
		k.kind = c.Kind
	}
	style, err := b.style(k)
	if err != nil {
		return err
	}
	if err := b.file.SetCellStyle(sheet, at, at, style); err != nil {
		return err
	}
	return b.file.SetCellValue(sheet, at, value(c))
}

// value is what a cell of the workbook holds. A lower bound stays the number that
// it is: the page shows ≥ before it, the sheet has the share covered beside it.
func value(c Cell) any {
	switch {
	case !c.known || c.Kind == Words:
		return c.show
	case c.Kind == Instant || c.Kind == Day:
		return naive(c.At)
	}
	return c.Number
}

// naive is the wall clock of an instant's zone, as a workbook has it.
func naive(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

func (b *book) table(t *Table) error {
	if err := b.sheet(t.Title, len(t.Rows)); err != nil {
		return err
	}
	head, err := b.style(styleKey{head: true})
	if err != nil {
		return err
	}
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		at, err := excelize.CoordinatesToCellName(i+1, 1)
		if err != nil {
			return err
		}
		if err := b.file.SetCellValue(t.Title, at, c.Head()); err != nil {
			return err
		}
		if err := b.file.SetCellStyle(t.Title, at, at, head); err != nil {
			return err
		}
		widths[i] = min(termui.Width(c.Head()), 14)
	}
	if len(t.Rows) == 0 {
		if err := b.set(t.Title, 1, 2, missing(t.Empty), false); err != nil {
			return err
		}
	}
	for i, row := range t.Rows {
		for k, c := range row {
			if err := b.set(t.Title, k+1, i+2, c, t.Columns[k].Wide); err != nil {
				return err
			}
			widths[k] = max(widths[k], termui.Width(c.show))
		}
	}
	if t.Note != "" {
		if err := b.set(t.Title, 1, len(t.Rows)+3, words(t.Note), false); err != nil {
			return err
		}
	}
	high := make([]int, 1+len(t.Rows)) // lines
	for i, n := range widths {
		name, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		most := 32
		if t.Columns[i].Wide {
			most = 60
		}
		width := float64(min(n, most) + 2)
		if err := b.file.SetColWidth(t.Title, name, name, width); err != nil {
			return err
		}
		high[0] = max(high[0], lines(t.Columns[i].Head(), width))
		for k, row := range t.Rows {
			if t.Columns[i].Wide {
				high[k+1] = max(high[k+1], lines(row[i].show, width))
			}
		}
	}
	for i, n := range high {
		if err := b.height(t.Title, i+1, n); err != nil {
			return err
		}
	}
	if t.ID == "rain" && len(t.Rows) > 0 {
		return b.rainBars(t)
	}
	return nil
}

// rainBars draws the rain of 24 h, station by station.
func (b *book) rainBars(t *Table) error {
	last := len(t.Rows) + 1
	ref := func(column string) string { return fmt.Sprintf("'%s'!$%s$2:$%s$%d", t.Title, column, column, last) }
	return b.file.AddChart(t.Title, fmt.Sprintf("A%d", last+4), &excelize.Chart{
		Type: excelize.Col, Title: excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: t.Columns[5].Head()}}}, Legend: excelize.ChartLegend{Position: "none"},
		Series: []excelize.ChartSeries{{
			Name: fmt.Sprintf("'%s'!$F$1", t.Title), Categories: ref("A"), Values: ref("F"),
			Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"404040"}},
		}},
		Dimension: excelize.ChartDimension{Width: 900, Height: 320},
	})
}

// A run is a stretch of rows on the sheet of hydrographs that is one line.
type run struct {
	label       string
	first, last int
	dash        excelize.LineDashType
	width       float64
	points      bool
}

// hydrographs is the sheet of what was observed and is forecast of the stations
// that have a chart on paper: a row for each value, and a chart for each station.
func (b *book) hydrographs() error {
	m := b.m
	stations := m.charted()
	if len(stations) == 0 {
		return nil
	}
	title := m.pick("过程线", "Hydrographs")
	if err := b.sheet(title, 1); err != nil {
		return err
	}
	w, err := b.file.NewStreamWriter(title)
	if err != nil {
		return err
	}
	head, err := b.style(styleKey{head: true})
	if err != nil {
		return err
	}
	if err := w.SetColWidth(1, 2, 16); err != nil {
		return err
	}
	if err := w.SetColWidth(3, 5, 20); err != nil {
		return err
	}
	if err := w.SetPanes(&excelize.Panes{Freeze: true, XSplit: 1, YSplit: 1, TopLeftCell: "B2", ActivePane: "bottomRight"}); err != nil {
		return err
	}
	var heads []any
	for _, c := range m.columns("站名", "Station", "要素", "What", m.at("时间"), m.at("Time"), "数值|m, m³/s", "Value|m, m³/s", "类别", "Kind") {
		heads = append(heads, excelize.Cell{StyleID: head, Value: c.Head()})
	}
	if err := w.SetRow("A1", heads); err != nil {
		return err
	}
	row := 1
	lines := make([][]run, len(stations))
	for i, s := range stations {
		if lines[i], err = b.stationRows(w, s, &row); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i, s := range stations {
		if err := b.chart(title, fmt.Sprintf("G%d", 2+22*i), s, lines[i]); err != nil {
			return err
		}
	}
	return nil
}

// stationRows writes what a station's chart shows. Between observations that are
// too far apart stands a row that says so, without a number: charts leave a gap.
func (b *book) stationRows(w *excelize.StreamWriter, s *freshetv1.StationForecast, row *int) ([]run, error) {
	m, f := b.m, b.m.s.GetForecast()
	v, _, values := drawn(s)
	k, what := kindOf(v), m.pick("水位", "level")
	if k == Flow {
		what = m.pick("流量", "flow")
	}
	instant, err := b.style(styleKey{kind: Instant})
	if err != nil {
		return nil, err
	}
	number, err := b.style(styleKey{kind: k})
	if err != nil {
		return nil, err
	}
	write := func(at time.Time, x float64, kind string) error {
		*row++
		cell := excelize.Cell{StyleID: number}
		if !math.IsNaN(x) {
			cell.Value = x
		}
		return w.SetRow(fmt.Sprintf("A%d", *row), []any{m.name(s.GetStation()), what, excelize.Cell{StyleID: instant, Value: naive(at.In(m.zone))}, cell, kind})
	}
	var out []run
	stretch := func(label string, dash excelize.LineDashType, width float64, points bool, f func() error) error {
		first := *row + 1
		if err := f(); err != nil {
			return err
		}
		if *row >= first {
			out = append(out, run{label: label, first: first, last: *row, dash: dash, width: width, points: points})
		}
		return nil
	}
	observed, doubtful := m.pick("实测", "observed"), m.pick("实测存疑", "observed, held back")
	if o := m.observedOf(s.GetStation(), v); o != nil && (k != Level || o.datum == s.GetDatum()) {
		for _, usable := range []bool{true, false} {
			label := observed
			if !usable {
				label = doubtful
			}
			err := stretch(label, excelize.LineDashSolid, 2, !usable, func() error {
				var last time.Time
				for _, p := range o.points {
					if p.usable != usable {
						continue
					}
					if usable && !last.IsZero() && o.every > 0 && p.at.Sub(last) > 3*o.every {
						if err := write(last.Add(o.every), math.NaN(), m.pick("缺测", "missing")); err != nil {
							return err
						}
					}
					if err := write(p.at, p.value, label); err != nil {
						return err
					}
					last = p.at
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	ahead := m.pick("预报", "forecast")
	if err := stretch(ahead, excelize.LineDashDash, 2, false, func() error {
		for i, x := range values {
			label := ahead
			if math.IsNaN(x) {
				label = m.pick("无预报", "no forecast")
			}
			if err := write(stepAt(f, i), x, label); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	bands := m.bands(s, v, math.NaN())
	if len(bands) > 0 {
		for _, q := range []struct {
			label  string
			values []float64
		}{{"5%", bands[0].Low}, {"95%", bands[0].High}} {
			if err := stretch(ahead+" "+q.label, excelize.LineDashSysDot, 1, false, func() error {
				for i, at := range bands[0].At {
					if math.IsNaN(q.values[i]) {
						continue
					}
					if err := write(at, q.values[i], ahead+" "+q.label); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// chart draws a station's rows.
func (b *book) chart(sheet, at string, s *freshetv1.StationForecast, lines []run) error {
	c := &excelize.Chart{
		Type: excelize.Scatter, Title: excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: b.m.name(s.GetStation()) + " " + b.m.datumOf(s)}}},
		Legend: excelize.ChartLegend{Position: "bottom"}, ShowBlanksAs: "gap", Dimension: excelize.ChartDimension{Width: 820, Height: 400},
		XAxis: excelize.ChartAxis{NumFmt: excelize.ChartNumFmt{CustomNumFmt: "mm-dd hh:mm"}, MajorGridLines: true}, YAxis: excelize.ChartAxis{MajorGridLines: true},
	}
	for _, l := range lines {
		ref := func(column string) string {
			return fmt.Sprintf("'%s'!$%s$%d:$%s$%d", sheet, column, l.first, column, l.last)
		}
		x := excelize.ChartSeries{
			Name: fmt.Sprintf("'%s'!$E$%d", sheet, l.first), Categories: ref("C"), Values: ref("D"), Marker: excelize.ChartMarker{Symbol: "none"},
			Line: excelize.LineOptions{Type: excelize.LineSolid, Width: l.width, Dash: l.dash, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"202020"}}},
		}
		if l.points {
			x.Marker = excelize.ChartMarker{Symbol: "circle", Size: 4}
			x.Line.Type = excelize.LineNone
		}
		c.Series = append(c.Series, x)
	}
	return b.file.AddChart(sheet, at, c)
}

// datumOf is what a station's chart measures.
func (m *maker) datumOf(s *freshetv1.StationForecast) string {
	if v, _, _ := drawn(s); kindOf(v) == Level {
		return m.pick("水位", "level") + " m (" + m.datum(s.GetDatum()) + ")"
	}
	return m.pick("流量", "flow") + " m³/s"
}
