package pack_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/xuri/excelize/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/briefing/pack"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

var at = timestamppb.New(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))

func TestTemplateMistakesAreNamedWithFileAndLine(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"unknown file", "rian.zh.tmpl", "x", "rian.zh.tmpl: no such template"},
		{"does not parse", "rain.zh.tmpl", "one\n{{if}}", "rain.zh.tmpl:2: missing value for if"},
		{"unknown fact", "rain.zh.tmpl", "one\n\n{{.Rain.Snow}}", "rain.zh.tmpl:3:7"},
		{"unknown fact behind a condition", "works.en.tmpl", "{{range .Works.Limit.Stations}}\n{{.Nmae}}{{end}}", "works.en.tmpl:2:2"},
		{"unknown function", "water.en.tmpl", "{{shout .Basin}}", `water.en.tmpl:1: function "shout" not defined`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := pack.LoadTemplates(fstest.MapFS{c.file: {Data: []byte(c.text)}, "minutes.zh.tmpl": {Data: []byte("x")}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

func TestAnOfficesTemplateReplacesOneOnly(t *testing.T) {
	own, err := pack.LoadTemplates(fstest.MapFS{"rain.zh.tmpl": {Data: []byte("本办自编：{{.Basin}}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	p := pack.Pack{Situation: &freshetv1.Situation{Basin: "b", NameZh: "某江", AsOf: at, At: at, Zone: "+08:00"}, Templates: own, Lang: termui.Chinese}
	var out bytes.Buffer
	if err := p.Text(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"本办自编：某江", "水情不明", "2026-06-09 08:00"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// A situation with nothing in it is told as not known, in both languages and on
// page, workbook and text; never as good news.
func TestNothingKnownIsSaid(t *testing.T) {
	for lang, want := range map[termui.Lang][]string{
		termui.Chinese: {"目录中无雨量站，雨情不明", "水情不明", "尚无预报", "各站状态未知", "未指定上次会商"},
		termui.English: {"nothing is known of the rain", "nothing is known of the rivers", "No forecast has been issued", "Where the stations stand is not known", "No earlier briefing"},
	} {
		p := pack.Pack{Situation: &freshetv1.Situation{Basin: "b", AsOf: at, At: at, Zone: "UTC"}, Lang: lang}
		var page, book, text bytes.Buffer
		for _, err := range []error{p.HTML(&page), p.Workbook(&book), p.Text(&text)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, w := range want {
			if !strings.Contains(text.String(), w) || !strings.Contains(page.String(), w) {
				t.Errorf("%s: no %q in\n%s", lang, w, text.String())
			}
		}
	}
}

// That a forecast was not whole at the instant is on page and text, whatever an
// office's template says; a whole one has no such sentence.
func TestTheStandingOfTheForecastIsSaid(t *testing.T) {
	own, err := pack.LoadTemplates(fstest.MapFS{"forecast.zh.tmpl": {Data: []byte("x\n")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, standing := range []freshetv1.ForecastStanding{1, 2, 3, 4, 5} {
		for _, templates := range []*pack.Templates{nil, own} {
			s := &freshetv1.Situation{Basin: "b", AsOf: at, At: at, Zone: "UTC", ForecastWatch: &freshetv1.ForecastWatch{Standing: standing, DetailZh: "预报如何如何。"}}
			p := pack.Pack{Situation: s, Templates: templates, Lang: termui.Chinese}
			var page, text bytes.Buffer
			for _, err := range []error{p.HTML(&page), p.Text(&text)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			want := 0
			if standing != freshetv1.ForecastStanding_FORECAST_STANDING_VALID {
				want = 1
			}
			if n := strings.Count(page.String(), "预报如何如何。"); n != want {
				t.Errorf("%s: %d times on the page", standing, n)
			}
			if n := strings.Count(text.String(), "预报如何如何。"); templates == nil && n != want {
				t.Errorf("%s: %d times in\n%s", standing, n, text.String())
			}
		}
	}
}

func TestWordsOfTheSituationCannotBecomeMarkup(t *testing.T) {
	evil := `</style><script>alert(1)</script>"`
	s := &freshetv1.Situation{Basin: "b", NameZh: evil, AsOf: at, At: at, Zone: "UTC", Illustrative: true, Mark: evil, Board: []*freshetv1.BoardRow{{Station: "a", NameZh: evil, Kind: "level"}}}
	var page bytes.Buffer
	if err := (pack.Pack{Situation: s, Hash: "h", Lang: termui.Chinese}).HTML(&page); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "<script") || strings.Count(page.String(), "</style>") != 1 {
		t.Error("text of the situation became markup")
	}
}

// LibreOffice gives a wrapped text one line if the workbook does not say more, and
// lays the rest over the rows below.
func TestARowOfTheWorkbookIsAsHighAsItsText(t *testing.T) {
	long := strings.Repeat("二百八十个字", 50)
	s := &freshetv1.Situation{Basin: "b", NameZh: "流域", AsOf: at, At: at, Zone: "UTC", Illustrative: true, Mark: long, Board: []*freshetv1.BoardRow{{Station: "a", NameZh: "甲", Kind: "level"}}}
	var book bytes.Buffer
	if err := (pack.Pack{Situation: s, Hash: "h", Lang: termui.Chinese}).Workbook(&book); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&book)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := f.GetRows("概要")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for i, r := range rows {
		wrapped := len(r) > 1 && strings.Contains(r[1], long)
		found = found || wrapped
		if h, err := f.GetRowHeight("概要", i+1); err != nil || (h >= 6*15) != wrapped {
			t.Errorf("row %d, %q: %g points high, %v", i+1, r, h, err)
		}
	}
	if !found {
		t.Errorf("no mark in %q", rows)
	}
}
