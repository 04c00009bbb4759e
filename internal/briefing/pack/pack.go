// Package pack writes the briefing pack 会商材料 of a situation: a page for A4
// print in black and white, a workbook, and a text of standard sentences.
//
// The three are written from one [Document], whose cells are formatted once (see
// format.go): a number that stands in two of them is the same number, in the same
// digits. What is not known is named; nothing is left blank or becomes 0. The
// package reads no clock and no file; the same pack gives the same page and text.
package pack

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/plot"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// A Pack is what a briefing has before it.
type Pack struct {
	Situation *freshetv1.Situation
	Hash      string
	Diff      *freshetv1.SituationDiff // nil: no earlier briefing to compare with
	Templates *Templates               // nil: those shipped
	Lang      termui.Lang
}

// A Document is a pack made ready to be written.
type Document struct {
	Lang     termui.Lang
	Head     Head
	Sections []Section
	Minutes  []Blank // to be filled in and signed
}

// A Blank is a line of the minutes. A tall one has room for several sentences: its
// line in the template ends with a colon.
type Blank struct {
	Label string
	Tall  bool
}

// Head stands on each page.
type Head struct {
	Title, Basin string
	AsOf, At     Cell
	Hash         string
	Mark         string // that numbers are illustrative; "" where none is
	Zone         string
}

// A Section is one subject.
type Section struct {
	ID, Title string
	Text      []string // the sentences, by paragraph
	Tables    []Table
	Charts    []*plot.Figure
	Notes     []string
}

// A Table is rows of cells; a sheet of its own in the workbook.
type Table struct {
	ID, Title string
	Columns   []Column
	Rows      [][]Cell
	Empty     string // said instead of an empty table
	Note      string
}

// A Column has its unit in its head.
type Column struct {
	Title, Unit string
	Wide        bool // of text that wraps
}

// Class is how the page sets a table: full over the page's width where it has text
// that wraps, so that short columns stand close together; broad in smaller letters.
func (t *Table) Class() string {
	switch {
	case len(t.Columns) > 9:
		return "full broad"
	case slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Wide }):
		return "full"
	}
	return ""
}

// Head is the title with its unit.
func (c Column) Head() string {
	if c.Unit == "" {
		return c.Title
	}
	return c.Title + " (" + c.Unit + ")"
}

// maker holds what all parts are made from.
type maker struct {
	Pack
	s     *freshetv1.Situation
	zone  *time.Location
	names map[string]name
	board map[string]*freshetv1.BoardRow
	marks map[string]*freshetv1.StationThresholds
	subs  map[string]*freshetv1.NetworkSubBasin
	all   []series
}

type name struct{ zh, en string }

// Document puts a pack together. The error is the templates', or that there is no
// situation.
func (p Pack) Document() (*Document, error) {
	m, err := p.maker()
	if err != nil {
		return nil, err
	}
	facts := m.facts()
	templates := p.Templates
	if templates == nil {
		templates = Shipped()
	}
	d := &Document{Lang: p.Lang, Head: m.head()}
	for _, part := range parts {
		s := Section{ID: part.id, Title: m.pick(part.zh, part.en)}
		if s.Text, err = templates.paragraphs(part.id, p.Lang, facts); err != nil {
			return nil, err
		}
		if part.fill != nil {
			part.fill(m, &s)
		}
		d.Sections = append(d.Sections, s)
	}
	minutes, err := templates.paragraphs("minutes", p.Lang, facts)
	if err != nil {
		return nil, err
	}
	for _, line := range minutes {
		label := strings.TrimRight(line, ":：")
		d.Minutes = append(d.Minutes, Blank{Label: label, Tall: label != line})
	}
	return d, nil
}

// parts are the subjects, in the order of a briefing.
var parts = []struct {
	id, zh, en string
	fill       func(*maker, *Section)
}{
	{"rain", "雨情", "Rain", (*maker).rainPart},
	{"water", "水情", "Rivers", (*maker).waterPart},
	{"works", "工情", "Reservoirs and gates", (*maker).worksPart},
	{"forecast", "预报", "Forecast", (*maker).forecastPart},
	{"warnings", "预警", "Warnings", (*maker).warningPart},
	{"blind", "盲区与数据健康", "Blind spots and data", (*maker).blindPart},
	{"changes", "与上次会商的变化", "Since the last briefing", (*maker).changesPart},
	{"plans", "预案与措施", "Plans and measures", (*maker).plansPart},
	{"proposals", "建议", "For decision", nil},
}

func (p Pack) maker() (*maker, error) {
	s := p.Situation
	switch {
	case s == nil:
		return nil, fmt.Errorf("briefing pack: no situation: %w", hydro.ErrInvalid)
	case s.GetAt() == nil || s.GetAsOf() == nil:
		return nil, fmt.Errorf("briefing pack: the situation has no instant: %w", hydro.ErrInvalid)
	}
	zone, err := catalog.ParseZone(s.GetZone())
	if err != nil {
		return nil, fmt.Errorf("briefing pack: %w", err)
	}
	m := &maker{
		Pack: p, s: s, zone: zone, names: map[string]name{}, board: map[string]*freshetv1.BoardRow{},
		marks: map[string]*freshetv1.StationThresholds{}, subs: map[string]*freshetv1.NetworkSubBasin{},
	}
	for _, r := range s.GetBoard() {
		m.names[r.GetStation()] = name{r.GetNameZh(), r.GetNameEn()}
		m.board[r.GetStation()] = r
	}
	for _, t := range s.GetThresholds() {
		m.marks[t.GetStation()] = t
	}
	for _, b := range s.GetSubBasins() {
		m.subs[b.GetId()] = b
	}
	for _, x := range s.GetSeries() {
		m.all = append(m.all, seriesOf(x, s.GetAt().AsTime()))
	}
	return m, nil
}

func (m *maker) pick(zh, en string) string { return m.Lang.Pick(zh, en) }

// name is what people call a station: the id where the catalogue has no name.
func (m *maker) name(station string) string {
	n := m.names[station]
	if s := m.pick(n.zh, n.en); s != "" {
		return s
	}
	return station
}

func (m *maker) list(stations []string) string {
	if len(stations) == 0 {
		return m.pick("无", "none")
	}
	var out strings.Builder
	for i, s := range stations {
		if i > 0 {
			out.WriteString(m.pick("、", ", "))
		}
		out.WriteString(m.name(s))
	}
	return out.String()
}

func (m *maker) head() Head {
	s := m.s
	basin := m.pick(s.GetNameZh(), s.GetNameEn())
	if basin == "" {
		basin = s.GetBasin()
	}
	h := Head{
		Title: basin + m.pick("会商材料", " briefing"), Basin: basin, AsOf: m.instant(s.GetAsOf()), At: m.instant(s.GetAt()), Hash: m.Hash, Zone: m.zoneName(),
	}
	if s.GetIllustrative() {
		h.Mark = m.pick("示例数据，非正式", "ILLUSTRATIVE, not official")
		if s.GetMark() != "" {
			h.Mark += " · " + s.GetMark()
		}
	}
	return h
}

// Text writes the sentences with their head.
func (p Pack) Text(w io.Writer) error {
	d, err := p.Document()
	if err != nil {
		return err
	}
	return d.Text(w)
}

// Text writes the sentences of a document.
func (d *Document) Text(w io.Writer) error {
	pick := d.Lang.Pick
	var out strings.Builder
	out.WriteString(d.Head.Title + "\n" + pick("截至 ", "As of ") + d.Head.AsOf.String() + " (" + d.Head.Zone + ")\n")
	if d.Head.Mark != "" {
		out.WriteString("【" + d.Head.Mark + "】\n")
	}
	for i := range d.Sections {
		out.WriteString("\n" + pick("【"+d.Sections[i].Title+"】", d.Sections[i].Title) + "\n")
		for _, t := range d.Sections[i].Text {
			out.WriteString(t + "\n")
		}
	}
	out.WriteString("\n" + pick("情景指纹 ", "Situation ") + d.Head.Hash + " · Freshet\n")
	if _, err := io.WriteString(w, out.String()); err != nil {
		return fmt.Errorf("briefing text: %w", err)
	}
	return nil
}

// errChart is a chart that has nothing to draw.
var errChart = plot.ErrEmpty

func empty(err error) bool { return errors.Is(err, errChart) }

// FileName is what a file of the pack is called: basin and instant, so that the
// packs of two briefings lie beside each other.
func (p Pack) FileName(name string) string {
	s := p.Situation
	return s.GetBasin() + "-" + s.GetAsOf().AsTime().UTC().Format("20060102T150405Z") + "-" + name
}
