package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ErrEmpty says that a figure has no value to draw.
var ErrEmpty = errors.New("plot: no value to draw")

// family lists Chinese fonts of the common systems, then whatever there is.
const family = "'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei','PingFang SC','WenQuanYi Zen Hei',Arial,sans-serif"

// SVG writes the figure as SVG 1.1. The error wraps [ErrEmpty] if there is
// nothing to draw.
func (f *Figure) SVG(w io.Writer) error {
	l, ok := f.plan()
	if !ok {
		return fmt.Errorf("%s: %w", f.Title, ErrEmpty)
	}
	s := &svg{}
	fmt.Fprintf(&s.b, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" font-family="%s" role="img">`+"\n",
		px(l.width), px(l.height), px(l.width), px(l.height), family)
	s.b.WriteString("<title>" + escape(f.Title) + "</title>\n")
	if d := strings.TrimSpace(f.Subtitle + " " + strings.Join(f.Notes, " ")); d != "" {
		s.b.WriteString("<desc>" + escape(d) + "</desc>\n")
	}
	l.draw(s)
	if f.Rehearsal != "" {
		s.watermark(l.width, l.height, f.Rehearsal)
	}
	s.b.WriteString("</svg>\n")
	if _, err := w.Write(s.b.Bytes()); err != nil {
		return fmt.Errorf("write SVG: %w", err)
	}
	return nil
}

type svg struct{ b bytes.Buffer }

// rehearsed is the colour of what is no live figure: no stage has it.
const rehearsed = "#7a1fa2"

// watermark frames a figure and writes across it, over all else, what it is.
func (s *svg) watermark(w, h float64, text string) {
	fmt.Fprintf(&s.b, `<g class="rehearsal"><rect x="2.5" y="2.5" width="%s" height="%s" fill="none" stroke="%s" stroke-width="5" stroke-dasharray="24 8"/>`, px(w-5), px(h-5), rehearsed)
	for _, at := range [3]float64{0.25, 0.55, 0.85} {
		fmt.Fprintf(&s.b, `<text x="%s" y="%s" transform="rotate(-18 %s %s)" text-anchor="middle" font-size="64" font-weight="bold" fill="%s" fill-opacity="0.22">%s</text>`,
			px(w/2), px(h*at), px(w/2), px(h*at), rehearsed, escape(text))
	}
	s.b.WriteString("</g>\n")
}

// px writes a length to the hundredth, without what is not needed.
func px(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes all
	return b.String()
}

func (s *svg) path(class string, parts [][]xy, k stroke) {
	var d strings.Builder
	for _, part := range parts {
		for i, p := range part {
			d.WriteString(map[bool]string{true: "M", false: "L"}[i == 0] + px(p.x) + "," + px(p.y))
		}
	}
	dash := ""
	if k.dash != nil {
		dash = fmt.Sprintf(` stroke-dasharray="%s,%s"`, px(k.dash[0]), px(k.dash[1]))
	}
	fmt.Fprintf(&s.b, `<path class="%s" d="%s" fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round"%s/>`+"\n", class, d.String(), k.colour, px(k.width), dash)
}

func (s *svg) polygon(class string, p []xy, colour string, opacity float64) {
	points := make([]string, len(p))
	for i, q := range p {
		points[i] = px(q.x) + "," + px(q.y)
	}
	fmt.Fprintf(&s.b, `<polygon class="%s" points="%s" fill="%s" fill-opacity="%s"/>`+"\n", class, strings.Join(points, " "), colour, px(opacity))
}

func (s *svg) rect(class string, x, y, w, h float64, fill string, opacity float64, border string) {
	if fill == "" {
		fill = "none"
	}
	if border == "" {
		border = "none"
	}
	fmt.Fprintf(&s.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s" fill="%s" fill-opacity="%s" stroke="%s"/>`+"\n",
		class, px(x), px(y), px(w), px(h), fill, px(opacity), border)
}

func (s *svg) circle(class string, x, y, r float64, fill, border string) {
	if border == "" {
		border = "none"
	}
	fmt.Fprintf(&s.b, `<circle class="%s" cx="%s" cy="%s" r="%s" fill="%s" stroke="%s"/>`+"\n", class, px(x), px(y), px(r), fill, border)
}

func (s *svg) text(class string, x, y float64, text string, t typeface) {
	if text == "" {
		return
	}
	more := ""
	if t.bold {
		more += ` font-weight="bold"`
	}
	switch t.at {
	case middle:
		more += ` text-anchor="middle"`
	case end:
		more += ` text-anchor="end"`
	case start:
	}
	if t.halo {
		more += ` stroke="#ffffff" stroke-width="3" paint-order="stroke"`
	}
	if t.upward {
		more += fmt.Sprintf(` transform="rotate(-90 %s %s)"`, px(x), px(y))
	}
	fmt.Fprintf(&s.b, `<text class="%s" x="%s" y="%s" font-size="%s" fill="%s"%s>%s</text>`+"\n", class, px(x), px(y), px(t.size), t.colour, more, escape(text))
}
