package pack

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"freshet/internal/termui"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText)) // of this package: a test runs it

// HTML writes the page for print. It needs nothing beside it and runs no script.
func (p Pack) HTML(w io.Writer) error {
	d, err := p.Document()
	if err != nil {
		return err
	}
	return d.HTML(w)
}

// sectionView is a section with its charts drawn.
type sectionView struct {
	Section
	Number  int
	Figures []template.HTML
}

// HTML writes a document as a page.
func (d *Document) HTML(w io.Writer) error {
	pick := d.Lang.Pick
	view := struct {
		*Document
		Tongue   string
		Words    map[string]string
		Sections []sectionView
	}{Document: d, Tongue: pick("zh-CN", "en"), Words: map[string]string{
		"asof": pick("截至", "As of"), "tick": pick("依据数据时刻", "stands on"), "hash": pick("情景指纹", "Situation"), "page": pick("第", "page"), "of": pick("页，共", "of"), "end": "",
		"minutes": pick("会商纪要", "Minutes"), "made": pick("本材料由 Freshet 按情景自动编制，数值与接口一致；指纹相同则内容相同。", "Made by Freshet from the situation; its numbers are the API's, and equal hashes are equal packs."),
	}}
	if d.Lang == termui.Chinese { // Pick would take Chinese where there is no English
		view.Words["end"] = "页"
	}
	for i := range d.Sections {
		v := sectionView{Section: d.Sections[i], Number: i + 1}
		for _, f := range v.Charts {
			var b bytes.Buffer
			err := f.SVG(&b)
			switch {
			case empty(err):
				v.Notes = append(v.Notes, f.Title+pick("：无数据可绘。", ": nothing to draw."))
				continue
			case err != nil:
				return fmt.Errorf("briefing page: %w", err)
			}
			v.Figures = append(v.Figures, template.HTML(b.String())) //nolint:gosec // plot escapes all text
		}
		view.Sections = append(view.Sections, v)
	}
	if err := page.Execute(w, view); err != nil {
		return fmt.Errorf("briefing page: %w", err)
	}
	return nil
}
