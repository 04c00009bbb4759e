package plot

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// scale is how many pixels of a PNG are one of the figure: enough for print.
const scale = 2

// A Font is what the text of a PNG is set in.
type Font struct {
	regular, bold *sfnt.Font
}

// BuiltinFont returns the Go fonts. They know no Chinese.
func BuiltinFont() (*Font, error) {
	regular, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, fmt.Errorf("built-in font: %w", err)
	}
	bold, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return nil, fmt.Errorf("built-in font: %w", err)
	}
	return &Font{regular, bold}, nil
}

// ParseFont reads a TrueType or OpenType font, or the first font of a
// collection.
func ParseFont(data []byte) (*Font, error) {
	c, err := opentype.ParseCollection(data)
	if err != nil {
		return nil, fmt.Errorf("font: %w", err)
	}
	f, err := c.Font(0)
	if err != nil {
		return nil, fmt.Errorf("font: %w", err)
	}
	return &Font{f, f}, nil
}

// Missing returns the first character of s that the font has no glyph for, and
// whether there is one.
func (f *Font) Missing(s string) (rune, bool) {
	for _, r := range s {
		if i, err := f.regular.GlyphIndex(nil, r); r != ' ' && (err != nil || i == 0) {
			return r, true
		}
	}
	return 0, false
}

// PNG writes the figure as PNG, two pixels to one of the SVG. A character that
// the font does not have is an error, not a box.
func (f *Figure) PNG(w io.Writer, font *Font) error {
	l, ok := f.plan()
	if !ok {
		return fmt.Errorf("%s: %w", f.Title, ErrEmpty)
	}
	p := &raster{image: image.NewRGBA(image.Rect(0, 0, int(math.Ceil(l.width*scale)), int(math.Ceil(l.height*scale)))), font: font}
	l.draw(p)
	if p.err != nil {
		return p.err
	}
	if err := png.Encode(w, p.image); err != nil {
		return fmt.Errorf("write PNG: %w", err)
	}
	return nil
}

// A raster is a canvas of pixels. Its first error stays.
type raster struct {
	image *image.RGBA
	font  *Font
	err   error
}

func parseColour(s string, opacity float64) color.NRGBA {
	v, err := strconv.ParseUint(strings.TrimPrefix(s, "#"), 16, 32)
	if err != nil || len(s) != 7 {
		panic("plot: a colour that is not #rrggbb")
	}
	return color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), uint8(math.Round(opacity * 255))}
}

// fill paints outlines that all turn the same way, so that overlaps add up.
func (r *raster) fill(outlines [][]xy, colour string, opacity float64) {
	box := extent(outlines).Intersect(r.image.Bounds())
	if box.Empty() {
		return
	}
	z := vector.NewRasterizer(box.Dx(), box.Dy()) // as small as the stroke: painting costs by area
	for _, o := range outlines {
		area := 0.0
		for i, p := range o {
			q := o[(i+1)%len(o)]
			area += p.x*q.y - q.x*p.y
		}
		for i := range o {
			p := o[i]
			if area < 0 {
				p = o[len(o)-1-i]
			}
			if x, y := float32(p.x*scale-float64(box.Min.X)), float32(p.y*scale-float64(box.Min.Y)); i == 0 {
				z.MoveTo(x, y)
			} else {
				z.LineTo(x, y)
			}
		}
		z.ClosePath()
	}
	z.Draw(r.image, box, image.NewUniform(parseColour(colour, opacity)), image.Point{})
}

// extent returns the pixels that outlines touch.
func extent(outlines [][]xy) image.Rectangle {
	var box image.Rectangle
	for _, o := range outlines {
		for _, p := range o {
			x, y := int(math.Floor(p.x*scale)), int(math.Floor(p.y*scale))
			box = box.Union(image.Rect(x, y, x+2, y+2))
		}
	}
	return box
}

func (r *raster) polygon(_ string, p []xy, colour string, opacity float64) {
	r.fill([][]xy{p}, colour, opacity)
}

func (r *raster) rect(_ string, x, y, w, h float64, fill string, opacity float64, border string) {
	corners := []xy{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}}
	if fill != "" {
		r.fill([][]xy{corners}, fill, opacity)
	}
	if border != "" {
		r.path("", [][]xy{append(corners, corners[0])}, stroke{colour: border, width: 1})
	}
}

func disc(x, y, radius float64) []xy {
	out := make([]xy, 24)
	for i := range out {
		s, c := math.Sincos(2 * math.Pi * float64(i) / float64(len(out)))
		out[i] = xy{x + radius*c, y + radius*s}
	}
	return out
}

func (r *raster) circle(_ string, x, y, radius float64, fill, border string) {
	if border != "" {
		r.fill([][]xy{disc(x, y, radius+0.5)}, border, 1)
		radius -= 0.5
	}
	r.fill([][]xy{disc(x, y, radius)}, fill, 1)
}

// path paints each segment as a bar, with discs where it bends.
func (r *raster) path(_ string, parts [][]xy, k stroke) {
	var outlines [][]xy
	half := k.width / 2
	for _, part := range parts {
		for _, run := range dashes(part, k.dash) {
			for i := 1; i < len(run); i++ {
				a, b := run[i-1], run[i]
				length := math.Hypot(b.x-a.x, b.y-a.y)
				if length == 0 {
					continue
				}
				dx, dy := (b.y-a.y)/length*half, (a.x-b.x)/length*half
				outlines = append(outlines, []xy{{a.x + dx, a.y + dy}, {b.x + dx, b.y + dy}, {b.x - dx, b.y - dy}, {a.x - dx, a.y - dy}})
				if i > 1 && half > 0.6 {
					outlines = append(outlines, disc(a.x, a.y, half))
				}
			}
		}
	}
	if len(outlines) > 0 {
		r.fill(outlines, k.colour, 1)
	}
}

// dashes cuts a line into its drawn pieces.
func dashes(line []xy, dash []float64) [][]xy {
	if dash == nil {
		return [][]xy{line}
	}
	var out [][]xy
	on, rest := true, dash[0]
	piece := []xy{line[0]}
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		for at := 0.0; at < length; {
			step := min(rest, length-at)
			at += step
			rest -= step
			p := xy{a.x + (b.x-a.x)*at/length, a.y + (b.y-a.y)*at/length}
			if on {
				piece = append(piece, p)
			}
			if rest <= 1e-9 {
				if on {
					out = append(out, piece)
				}
				on = !on
				piece, rest = []xy{p}, dash[map[bool]int{true: 0, false: 1}[on]]
			}
		}
	}
	if on && len(piece) > 1 {
		out = append(out, piece)
	}
	return out
}

func (r *raster) text(_ string, x, y float64, s string, t typeface) {
	if s == "" || r.err != nil {
		return
	}
	if c, missing := r.font.Missing(s); missing {
		r.err = fmt.Errorf("the font has no %q, in %q", c, s)
		return
	}
	source := r.font.regular
	if t.bold {
		source = r.font.bold
	}
	face, err := opentype.NewFace(source, &opentype.FaceOptions{Size: t.size * scale, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		r.err = fmt.Errorf("font: %w", err)
		return
	}
	width := font.MeasureString(face, s)
	if t.upward {
		r.upward(face, x, y, s, width, t)
		return
	}
	dot := fixed.Point26_6{X: fixed.Int26_6(x * scale * 64), Y: fixed.Int26_6(y * scale * 64)}
	switch t.at {
	case middle:
		dot.X -= width / 2
	case end:
		dot.X -= width
	case start:
	}
	d := font.Drawer{Dst: r.image, Face: face}
	if t.halo {
		d.Src = image.NewUniform(color.White)
		for _, o := range disc(0, 0, 3) {
			d.Dot = dot.Add(fixed.Point26_6{X: fixed.Int26_6(o.x * 64), Y: fixed.Int26_6(o.y * 64)})
			d.DrawString(s)
		}
	}
	d.Src, d.Dot = image.NewUniform(parseColour(t.colour, 1)), dot
	d.DrawString(s)
}

// upward sets text aside and turns it to the left, its middle at (x, y).
func (r *raster) upward(face font.Face, x, y float64, s string, width fixed.Int26_6, t typeface) {
	m := face.Metrics()
	w, h := width.Ceil()+2, (m.Ascent+m.Descent).Ceil()+2
	flat := image.NewRGBA(image.Rect(0, 0, w, h))
	d := font.Drawer{Dst: flat, Face: face, Src: image.NewUniform(parseColour(t.colour, 1)), Dot: fixed.Point26_6{X: fixed.I(1), Y: m.Ascent + fixed.I(1)}}
	d.DrawString(s)
	turned := image.NewRGBA(image.Rect(0, 0, h, w))
	for i := range w {
		for j := range h {
			turned.Set(j, w-1-i, flat.At(i, j))
		}
	}
	at := image.Pt(int(x*scale)-m.Ascent.Ceil()-1, int(y*scale)-w/2)
	draw.Draw(r.image, turned.Bounds().Add(at), turned, image.Point{}, draw.Over)
}
