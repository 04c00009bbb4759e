package sheet_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/sheet"
)

var (
	zone = time.FixedZone("", 8*3600)
	at   = time.Date(2026, 6, 9, 4, 0, 0, 0, zone)
)

func responses() []hydro.Response {
	by := hydro.Person{Name: "示例甲", Department: hydro.WaterResources, Role: "officer"}
	return []hydro.Response{{
		Plan: "water", NameZH: "水利响应", NameEN: "Water response", BodyZH: "水利局", BodyEN: "Water bureau", Department: hydro.WaterResources, Illustrative: true,
		Proposed: hydro.ResponseIII, ProposedAt: at, ReasonZH: "2站达黄色", ReasonEN: "2 at yellow", Declared: hydro.ResponseIV, DeclaredAt: at.Add(-time.Hour), By: by, Text: "<会商> & co",
		Measures: []hydro.Measure{
			{ID: "open", Level: hydro.ResponseIV, NameZH: "加强值班", NameEN: "More people", Department: hydro.WaterResources, PersonZH: "示例乙", PersonEN: "Example B", StepsZH: []string{"到岗"}, StepsEN: []string{"come in"}, EvidenceZH: "名单", EvidenceEN: "list", State: hydro.MeasureOpened, Opened: at, Within: 90 * time.Minute, Deadline: at.Add(-10 * time.Minute), Late: true},
			{ID: "begun", Level: hydro.ResponseIV, NameZH: "加测", NameEN: "Gaugings", Department: hydro.Hydrology, State: hydro.MeasureBegun, Started: at},
			{ID: "done", Level: hydro.ResponseIV, NameZH: "日报", NameEN: "Report", Department: hydro.Weather, State: hydro.MeasureFinished, Ended: at, Notes: []hydro.MeasureRemark{{At: at, By: by, Text: "号 7"}}},
			{ID: "closed", Level: hydro.ResponseIV, NameZH: "巡查", NameEN: "Patrol", Department: hydro.Weather, State: hydro.MeasureDropped, Ended: at},
		},
		Ladder: []hydro.Rung{{Level: hydro.ResponseIV, WhenZH: []string{"1站达蓝色"}, WhenEN: []string{"1 at blue"}, Measures: []hydro.Measure{{ID: "open", Level: hydro.ResponseIV, NameZH: "加强值班", NameEN: "More people", Department: hydro.WaterResources, Within: 90 * time.Minute}}}},
	}}
}

func write(t *testing.T, f func(io.Writer, []hydro.Response, sheet.Options) error, o sheet.Options) string {
	t.Helper()
	o.Zone = zone
	var b bytes.Buffer
	if err := f(&b, responses(), o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestASheetSaysWhatStands(t *testing.T) {
	for name, f := range map[string]func(io.Writer, []hydro.Response, sheet.Options) error{"html": sheet.HTML, "text": sheet.Text} {
		for _, c := range []struct {
			o    sheet.Options
			want []string
		}{
			{sheet.Options{Chinese: true, At: at, Mark: "示例数据", Server: "s:1"}, []string{
				"水利响应", "水利局", "示例预案，非正式文件", "IV级响应 · 2026-06-09 03:00 由示例甲宣布", "系统建议：III级响应。2站达黄色", "☐", "☑", "☒", "超时！待办", "办理中，自 2026-06-09 04:00",
				"完成 2026-06-09 04:00", "关闭 2026-06-09 04:00", "水利 示例乙", "到岗", "凭据：名单", "号 7", "2026-06-09 03:50", "示例数据", "截至 2026-06-09 04:00 · s:1", "无时限",
			}},
			{sheet.Options{At: at}, []string{
				"Water response", "Example, not an official plan", "Level IV · declared 2026-06-09 03:00 by 示例甲", "The service proposes level III: 2 at yellow", "LATE! open", "begun 2026-06-09 04:00",
				"water resources Example B", "come in", "Evidence: list", "no deadline",
			}},
			{sheet.Options{}, []string{"Level IV", "proposed when: 1 at blue", "within 1 h 30 min", "Empty sheet"}},
			{sheet.Options{Chinese: true}, []string{"IV级响应", "建议条件：1站达蓝色", "宣布后 1 小时 30 分钟", "空白表"}},
		} {
			got := write(t, f, c.o)
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("%s: no %q in\n%s", name, w, got)
				}
			}
		}
	}
}

// An empty sheet does not tell of what stands, and paper has no colours.
func TestASheetIsForPaper(t *testing.T) {
	empty := write(t, sheet.HTML, sheet.Options{})
	if strings.Contains(empty, "declared 2026") || strings.Contains(empty, "LATE") {
		t.Error("an empty sheet tells of what stands")
	}
	page := write(t, sheet.HTML, sheet.Options{Chinese: true, At: at})
	for _, bad := range []string{"http", "src=", "<script", "@import", "url(", "rgb("} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q: it must need nothing beside it", bad)
		}
	}
	for _, part := range strings.Split(page, "#")[1:] {
		if c := strings.FieldsFunc(part, func(r rune) bool { return r == ';' || r == ' ' })[0]; c != "000" && c != "fff" {
			t.Errorf("colour #%s: paper is black and white", c)
		}
	}
	if !strings.Contains(page, "size: A4") || !strings.Contains(page, `lang="zh-CN"`) {
		t.Error("no A4, or no language")
	}
	if !strings.Contains(page, "&lt;会商&gt; &amp; co") || strings.Contains(page, "<会商>") {
		t.Error("what people wrote is not escaped")
	}
	d := xml.NewDecoder(strings.NewReader(page)) // well formed
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	if depth != 0 {
		t.Errorf("%d elements are not closed", depth)
	}
}
