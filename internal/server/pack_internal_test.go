package server

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/ingest"
	"freshet/internal/briefing"
	"freshet/internal/briefing/pack"
	"freshet/internal/catalog"
	"freshet/internal/demo/scenario"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/termui"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// situations are those of the demo's storm after some hours.
func situations(t *testing.T, hours ...int) []*freshetv1.Situation {
	t.Helper()
	c, err := catalog.LoadDir("../../deploy/catalog/tanjiang")
	if err != nil {
		t.Fatal(err)
	}
	files := append(c.Files(), hydro.File{Name: "zz_marks.yaml", Data: []byte(`marks:
  - {station: h-enping, valid_from: 2026-01-01, datum: PEARL_RIVER, warning: 1, guarantee: 8.5, highest: {level: 1.5, on: 1998-06-24, source: test}, source: test}
`)})
	c, problems := catalog.Load(files)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	s, err := scenario.New(c, scenario.DefaultSeed)
	if err != nil {
		t.Fatal(err)
	}
	n, e := ingest.New(c, ingest.Limits{}), engine.New("tanjiang")
	var seq uint64
	apply := func(in hydro.Input) {
		seq++
		in.Seq = seq
		if _, err := e.Apply(in); err != nil {
			t.Fatal(err)
		}
	}
	apply(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: c.Version, Files: c.Files(), At: s.Start()}})
	var r ingest.Result
	var out []*freshetv1.Situation
	for i := 0; i <= hours[len(hours)-1]*12; i++ {
		f := s.Frames(i)
		raws := [][]hydro.Raw{wire.WeatherRaw(nil, f.Weather), wire.HydrologyRaw(nil, f.Hydrology), wire.WaterResourcesRaw(nil, f.WaterResources)}
		for k, d := range []hydro.Department{hydro.Weather, hydro.Hydrology, hydro.WaterResources} {
			n.Normalize(d, raws[k], f.At, &r)
			for _, b := range r.Basins {
				apply(hydro.Input{Batch: &hydro.Batch{Basin: b.Basin, ReceivedAt: f.At, Readings: slices.Clone(b.Readings), Refusals: slices.Clone(b.Refusals)}})
			}
		}
		apply(hydro.Input{Tick: &hydro.Tick{At: f.At}})
		if i%12 == 0 && slices.Contains(hours, i/12) {
			out = append(out, SituationOf(e, f.At))
		}
	}
	return out
}

// told is every number, instant and text of messages.
type told struct {
	numbers []float64
	times   map[int64]bool // minutes since 1970
	texts   []string
}

func (x *told) add(m protoreflect.Message) {
	if ts, ok := m.Interface().(*timestamppb.Timestamp); ok {
		x.times[ts.GetSeconds()/60] = true
		return
	}
	one := func(d protoreflect.FieldDescriptor, v protoreflect.Value) {
		switch d.Kind() {
		case protoreflect.MessageKind:
			x.add(v.Message())
		case protoreflect.DoubleKind:
			x.numbers = append(x.numbers, v.Float())
		case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
			x.numbers = append(x.numbers, float64(v.Uint()))
		case protoreflect.StringKind:
			x.texts = append(x.texts, v.String())
		default:
		}
	}
	m.Range(func(d protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !d.IsList() {
			one(d, v)
			return true
		}
		x.numbers = append(x.numbers, float64(v.List().Len()))
		for i := range v.List().Len() {
			one(d, v.List().Get(i))
		}
		return true
	})
}

// derived adds what the pack may compute: units changed, instants of columns, and
// the means of the rain.
func (x *told) derived(s *freshetv1.Situation, d *freshetv1.SituationDiff) {
	x.numbers = append(x.numbers, 0)
	for _, r := range s.GetBoard() {
		x.numbers = append(x.numbers, r.GetAgeS()/60)
	}
	for _, c := range d.GetForecasts() {
		x.numbers = append(x.numbers, c.GetLaterS()/3600)
	}
	at, issued := s.GetAt().AsTime(), s.GetForecast().GetIssuedAt().AsTime()
	for _, y := range s.GetSeries() {
		for _, off := range y.GetOffsetMs() {
			x.times[at.Add(time.Duration(off)*time.Millisecond).Unix()/60] = true
			x.times[at.Add(time.Duration(off)*time.Millisecond+time.Duration(y.GetIntervalS())*time.Second).Unix()/60] = true // a gap begins
		}
	}
	for i := range 1000 {
		for _, step := range []uint32{s.GetForecast().GetStepS(), s.GetForecast().GetBandStepS()} {
			x.times[issued.Add(time.Duration(i)*time.Duration(step)*time.Second).Unix()/60] = true
		}
	}
	area, known, rain := 0.0, 0.0, 0.0
	areas := map[string]float64{}
	for _, b := range s.GetSubBasins() {
		areas[b.GetId()] = b.GetAreaKm2()
		area += b.GetAreaKm2()
	}
	for _, r := range s.GetForecast().GetArealRain() {
		if r.Last_24H != nil {
			known += areas[r.GetSubBasin()]
			rain += r.GetLast_24H() * areas[r.GetSubBasin()]
		}
	}
	sum, n := 0.0, 0.0
	for _, r := range s.GetBoard() {
		for _, w := range r.GetRain() {
			if w.GetWindowS() == 86400 && w.GetCoverage() > 0 {
				sum += w.GetRain()
				n++
			}
		}
	}
	x.numbers = append(x.numbers, rain/known, known/area, sum/n)
	x.numbers = slices.DeleteFunc(x.numbers, math.IsNaN)
	slices.Sort(x.numbers)
}

func (x *told) has(v float64) bool {
	i, _ := slices.BinarySearch(x.numbers, v-1e-9)
	return i < len(x.numbers) && x.numbers[i] < v+1e-9
}

// near reports whether text shows one of the numbers, or its percentage.
func (x *told) near(text string) bool {
	v, err := strconv.ParseFloat(text, 64)
	digits := len(text) - strings.IndexByte(text, '.') - 1
	slack := 0.5000001 * math.Pow(10, -float64(digits))
	return err == nil && slices.ContainsFunc(x.numbers, func(y float64) bool {
		return math.Abs(math.Abs(y)-math.Abs(v)) <= slack || math.Abs(100*y-v) <= slack
	})
}

var (
	tableOf = regexp.MustCompile(`(?s)<h3>([^<]*)</h3>\s*<table id="t-([a-z]+)".*?<tbody>(.*?)</tbody>`)
	rowOf   = regexp.MustCompile(`(?s)<tr>(.*?)</tr>`)
	cellOf  = regexp.MustCompile(`(?s)<td class="[a-z ]*">(.*?)</td>`)
	tagOf   = regexp.MustCompile(`<[^>]*>`)
	decimal = regexp.MustCompile(`\d+\.\d+`)
)

// Acceptance 5 of the briefing room: every number of the pack is the API's.
func TestEveryNumberOfThePackIsTheAPIs(t *testing.T) {
	all := situations(t, 4, 8, 12)
	for i, s := range all {
		hash, err := briefing.Hash(s)
		if err != nil {
			t.Fatal(err)
		}
		p := pack.Pack{Situation: s, Hash: hash, Lang: termui.Chinese}
		if i > 0 {
			p.Diff = briefing.Diff(all[i-1], s)
		}
		x := &told{times: map[int64]bool{}}
		x.add(s.ProtoReflect())
		x.add(p.Diff.ProtoReflect())
		x.derived(s, p.Diff)
		var book, page, text bytes.Buffer
		for _, err := range []error{p.Workbook(&book), p.HTML(&page), p.Text(&text)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		f, err := excelize.OpenReader(&book)
		if err != nil {
			t.Fatal(err)
		}
		sheets := sameNumbers(t, f, x)
		samePage(t, page.String(), sheets)
		sameStations(t, s, sheets)
		// What the sentences quote from the API is its own; the rest must be numbers of it.
		rest := text.String()
		slices.SortFunc(x.texts, func(a, b string) int { return len(b) - len(a) })
		for _, q := range x.texts {
			if len(q) > 6 {
				rest = strings.ReplaceAll(rest, q, "")
			}
		}
		found := decimal.FindAllString(strings.ReplaceAll(rest, hash, ""), -1)
		for _, n := range found {
			if !x.near(n) {
				t.Errorf("%s: the text says %s, which the API does not", s.GetAt().AsTime(), n)
			}
		}
		if len(found) < 10 || !strings.Contains(rest, "未配置") || !strings.Contains(text.String(), hash) || !strings.Contains(page.String(), "示例数据") {
			t.Errorf("%d numbers in the text:\n%s", len(found), text.String())
		}
		if strings.Contains(page.String(), "<script") || strings.Contains(page.String(), "http://") && strings.Count(page.String(), "http://") != strings.Count(page.String(), `xmlns="http://www.w3.org/2000/svg"`) {
			t.Error("the page needs more than itself")
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// sameNumbers holds every cell of a workbook that has a number against the API and
// returns the sheets' raw values.
func sameNumbers(t *testing.T, f *excelize.File, x *told) map[string][][]string {
	t.Helper()
	out := map[string][][]string{}
	numbers := 0
	for _, sheet := range f.GetSheetList() {
		rows, err := f.GetRows(sheet, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		out[sheet] = rows
		if len(rows) == 0 {
			t.Errorf("%s is empty", sheet)
			continue
		}
		for r, row := range rows {
			for c, raw := range row {
				at, _ := excelize.CoordinatesToCellName(c+1, r+1)
				kind, err := f.GetCellType(sheet, at)
				if err != nil {
					t.Fatal(err)
				}
				if kind != excelize.CellTypeUnset && kind != excelize.CellTypeNumber {
					continue
				}
				v, err := strconv.ParseFloat(raw, 64)
				if err != nil {
					continue
				}
				numbers++
				if when := (v - 25569) * 86400; v > 40000 && x.times[int64(math.Round(when)-8*3600)/60] {
					continue
				}
				if !x.has(v) {
					t.Errorf("%s!%s is %s, which the API does not say", sheet, at, raw)
				}
			}
		}
	}
	if numbers < 1000 {
		t.Errorf("only %d numbers in the workbook", numbers)
	}
	return out
}

// samePage holds the page's tables against the sheets of that name.
func samePage(t *testing.T, page string, sheets map[string][][]string) {
	t.Helper()
	tables := 0
	for _, m := range tableOf.FindAllStringSubmatch(page, -1) {
		sheet := sheets[html.UnescapeString(m[1])]
		for r, row := range rowOf.FindAllStringSubmatch(m[3], -1) {
			for c, cell := range cellOf.FindAllStringSubmatch(row[1], -1) {
				shown, raw := html.UnescapeString(tagOf.ReplaceAllString(cell[1], "")), ""
				if r+1 < len(sheet) && c < len(sheet[r+1]) {
					raw = sheet[r+1][c]
				}
				if shown == "" {
					t.Errorf("%s, row %d, column %d is blank on paper", m[1], r, c)
				}
				if !shows(shown, raw) {
					t.Errorf("%s, row %d, column %d: the page shows %q, the workbook has %q", m[1], r, c, shown, raw)
				}
			}
		}
		tables++
	}
	if tables < 8 {
		t.Errorf("only %d tables on the page", tables)
	}
}

// shows reports whether words on paper are a raw cell's.
func shows(shown, raw string) bool {
	if shown == raw {
		return true
	}
	v, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		return false
	}
	if at, err := time.Parse("2006-01-02 15:04", shown); err == nil {
		return math.Abs(float64(at.Unix())-(v-25569)*86400) < 60
	}
	text := strings.TrimPrefix(strings.TrimSuffix(shown, "（存疑）"), "≥")
	if share, ok := strings.CutSuffix(text, "%"); ok {
		text, v = share, 100*v
	}
	number, err := strconv.ParseFloat(text, 64)
	_, after, _ := strings.Cut(text, ".")
	return err == nil && math.Abs(number-v) <= 0.5000001*math.Pow(10, -float64(len(after)))
}

// sameStations holds the rows against the stations that they are of.
func sameStations(t *testing.T, s *freshetv1.Situation, sheets map[string][][]string) {
	t.Helper()
	find := func(sheet, station string, of ...string) []string { // two departments may have a station of one name
		for _, row := range sheets[sheet] {
			if row[0] == station && (len(of) == 0 || row[1] == of[0]) {
				return row
			}
		}
		t.Errorf("%s has no row of %s", sheet, station)
		return make([]string, 20)
	}
	departments := map[freshetv1.Department]string{
		freshetv1.Department_DEPARTMENT_WEATHER: "气象", freshetv1.Department_DEPARTMENT_HYDROLOGY: "水文", freshetv1.Department_DEPARTMENT_WATER_RESOURCES: "水利",
	}
	say := func(v *float64, why string) string {
		if v == nil {
			return why
		}
		return fmt.Sprint(*v)
	}
	equal := func(what, got, want string) {
		g, err1 := strconv.ParseFloat(got, 64)
		w, err2 := strconv.ParseFloat(want, 64)
		if got != want && (err1 != nil || err2 != nil || math.Abs(g-w) > 1e-9) { // a cell is read to 15 digits
			t.Errorf("%s: the workbook has %q, the API %q", what, got, want)
		}
	}
	for _, b := range s.GetBoard() {
		for _, w := range b.GetRain() {
			if w.GetWindowS() == 86400 && w.GetCoverage() > 0 {
				equal(b.GetStation(), find("雨量站", b.GetNameZh(), departments[b.GetDepartment()])[5], fmt.Sprint(w.GetRain()))
			}
		}
		switch b.GetKind() {
		case "hydrological", "level", "tide":
			row := find("河道与潮位站", b.GetNameZh())
			if b.GetLevel() != nil {
				equal(b.GetStation(), row[2], fmt.Sprint(b.GetLevel().GetValue()))
			}
			if b.GetStation() == "h-enping" {
				equal("超警", row[9], say(b.OverWarning, "无法比较"))
				equal("超历史", row[13], say(b.OverHighest, "无法比较"))
			} else {
				equal("超警 without a mark", row[9], "未配置")
			}
		case "reservoir":
			if b.FloodLimit != nil {
				equal("超汛限", find("水库与闸站", b.GetNameZh())[8], say(b.OverFloodLimit, "无法比较"))
			}
		}
	}
	for _, f := range s.GetForecast().GetStations() {
		name := ""
		for _, b := range s.GetBoard() {
			if b.GetStation() == f.GetStation() {
				name = b.GetNameZh()
			}
		}
		want := "缺测"
		if !math.IsNaN(f.GetPeak().GetLevel()) {
			want = fmt.Sprint(f.GetPeak().GetLevel())
		}
		equal("peak of "+name, find("预报洪峰", name)[3], want)
	}
}
