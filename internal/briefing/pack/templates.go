package pack

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

//go:embed templates/*.tmpl
var shippedFiles embed.FS

// Templates are the sentences of a pack, a file for each section and language:
// rain.zh.tmpl, rain.en.tmpl and so on. Each is a text/template over [Facts].
type Templates struct {
	set   *template.Template
	files map[string]string // by name
}

var shipped = func() *Templates {
	sub, err := fs.Sub(shippedFiles, "templates")
	if err != nil {
		panic(err) // of the package's own files: a test loads them
	}
	t := &Templates{set: template.New("").Funcs(functions).Option("missingkey=error"), files: map[string]string{}}
	for _, name := range templateNames() {
		data, err := fs.ReadFile(sub, name)
		if err != nil {
			panic(err)
		}
		template.Must(t.set.New(name).Parse(string(data)))
		t.files[name] = string(data)
	}
	return t
}()

// Shipped are the templates that come with the package.
func Shipped() *Templates { return shipped }

// Files gives the templates by file name.
func (t *Templates) Files() map[string]string { return t.files }

// TemplateNames are the files that there are, in the order of a briefing.
func TemplateNames() []string { return templateNames() }

func templateNames() []string {
	var out []string
	for _, lang := range []termui.Lang{termui.Chinese, termui.English} {
		for _, p := range parts {
			out = append(out, p.id+"."+string(lang)+".tmpl")
		}
		out = append(out, "minutes."+string(lang)+".tmpl")
	}
	return out
}

// LoadTemplates reads an office's own templates; a section without a file there
// keeps the shipped one. All mistakes are reported, each with its file and line: a
// file that is none of the names, one that cannot be parsed, and one that asks for
// a fact that there is not.
func LoadTemplates(dir fs.FS) (*Templates, error) {
	set, err := shipped.set.Clone()
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	t := &Templates{set: set, files: map[string]string{}}
	maps.Copy(t.files, shipped.files)
	found, err := fs.Glob(dir, "*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	var wrong []error
	if len(found) == 0 {
		wrong = append(wrong, fmt.Errorf("no file *.tmpl: the names are %s", strings.Join(templateNames(), ", ")))
	}
	for _, name := range found {
		if !slices.Contains(templateNames(), path.Base(name)) {
			wrong = append(wrong, fmt.Errorf("%s: no such template; the names are %s", name, strings.Join(templateNames(), ", ")))
			continue
		}
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
			continue
		}
		if _, err := set.New(name).Parse(string(data)); err != nil {
			wrong = append(wrong, said(err))
			continue
		}
		t.files[name] = string(data)
		lang := termui.Chinese
		if strings.HasSuffix(name, ".en.tmpl") {
			lang = termui.English
		}
		for _, f := range samples(lang) {
			if _, err := t.run(name, f); err != nil {
				wrong = append(wrong, err)
				break
			}
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("templates: %w: %w", errors.Join(wrong...), hydro.ErrInvalid)
	}
	return t, nil
}

// said drops the library's prefix: file, line and what is wrong remain.
func said(err error) error { return errors.New(strings.TrimPrefix(err.Error(), "template: ")) }

func (t *Templates) run(name string, f *Facts) (string, error) {
	var b strings.Builder
	if err := t.set.ExecuteTemplate(&b, name, f); err != nil {
		return "", said(err)
	}
	return b.String(), nil
}

// paragraphs runs a section's template: a paragraph is a line, empty ones are
// dropped.
func (t *Templates) paragraphs(id string, lang termui.Lang, f *Facts) ([]string, error) {
	text, err := t.run(id+"."+string(lang)+".tmpl", f)
	if err != nil {
		return nil, fmt.Errorf("template %w: %w", err, hydro.ErrInvalid)
	}
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out, nil
}

// functions are those of the templates.
var functions = template.FuncMap{
	// names joins names, each once.
	"names": func(sep string, all []Named) string {
		var out []string
		for _, n := range all {
			if !slices.Contains(out, n.Name) {
				out = append(out, n.Name)
			}
		}
		return strings.Join(out, sep)
	},
	// first keeps the first n.
	"first": func(n int, all []Named) []Named { return all[:min(n, len(all))] },
}

// samples are facts to try templates on: a situation with nothing in it, and one
// with one of each thing.
func samples(lang termui.Lang) []*Facts {
	at := timestamppb.New(sampleTime)
	one := 1.0
	bare := &freshetv1.Situation{AsOf: at, At: at, Zone: "+08:00"}
	marks := []*freshetv1.ThresholdLine{
		{Mark: freshetv1.Mark_MARK_WARNING}, {Mark: freshetv1.Mark_MARK_GUARANTEE}, {Mark: freshetv1.Mark_MARK_HIGHEST}, {Mark: freshetv1.Mark_MARK_FLOOD_LIMIT},
	}
	level := &freshetv1.BoardValue{Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, Value: 1, At: at}
	rain := []*freshetv1.BoardRain{{WindowS: 3600, Rain: 60, Coverage: 1}, {WindowS: 3 * 3600, Coverage: 0.5}, {WindowS: 6 * 3600, Coverage: 1}, {WindowS: 24 * 3600, Rain: 60, Coverage: 0.5}, {Coverage: 1}}
	measure := &freshetv1.Measure{State: freshetv1.MeasureState_MEASURE_STATE_OPEN, Late: true, Deadline: at}
	change := []*freshetv1.StationChange{{Station: "a", From: freshetv1.Stage_STAGE_CLEAR, To: freshetv1.Stage_STAGE_BLUE, CauseTo: "silent", Since: at}}
	moved := []*freshetv1.MeasureChange{{Measure: measure}}
	blind := []*freshetv1.BlindSet{{Cause: "silent", Gateway: "g", Stations: []string{"a", "b"}, Escalated: []string{"a"}}}
	full := &freshetv1.Situation{
		AsOf: at, At: at, Zone: "+08:00", Illustrative: true, Mark: "mark",
		Board: []*freshetv1.BoardRow{
			{Station: "a", Kind: "hydrological", Level: level, OverWarning: &one, OverGuarantee: &one, OverHighest: &one, Trend: &freshetv1.BoardTrend{}, Rain: rain},
			{Station: "b", Kind: "reservoir", Level: level, OverFloodLimit: &one},
			{Station: "c", Kind: "rain", Rain: rain},
			{Station: "d", Kind: "level"},
			{Station: "e", Kind: "reservoir"},
			{Station: "f", Kind: "rain"},
			{Station: "g", Kind: "level"},
		},
		Stages: []*freshetv1.StationStage{{Station: "a", Stage: freshetv1.Stage_STAGE_RED, Since: at}, {Station: "b", Stage: freshetv1.Stage_STAGE_BLIND}},
		Forecast: &freshetv1.Forecast{
			IssuedAt: at, HorizonS: 3600, StepS: 3600, Honesty: &freshetv1.Honesty{ValidUntil: at, MissingGauges: []string{"a"}, LineZh: "x", LineEn: "x"},
			ArealRain: []*freshetv1.ArealRain{{SubBasin: "s", Last_1H: &one, Last_24H: &one}},
			Stations: []*freshetv1.StationForecast{
				{Station: "a", Peak: &freshetv1.ForecastPeak{At: at, AtEnd: true}, Crossings: []*freshetv1.ThresholdCrossing{{Stage: freshetv1.Stage_STAGE_BLUE, At: at}}},
				{Station: "d"},
				{Station: "b", Crossings: []*freshetv1.ThresholdCrossing{{Stage: freshetv1.Stage_STAGE_BLUE}}},
			},
		},
		ForecastWatch: &freshetv1.ForecastWatch{Standing: freshetv1.ForecastStanding_FORECAST_STANDING_EXPIRED, Detail: "x", DetailZh: "x"},
		SubBasins:     []*freshetv1.NetworkSubBasin{{Id: "s", AreaKm2: 1}}, Blind: blind,
		Thresholds: []*freshetv1.StationThresholds{{Station: "a", Lines: marks}, {Station: "d", Lines: marks}, {Station: "b", Lines: marks}, {Station: "e", Lines: marks}},
		Groups:     []*freshetv1.WarningGroup{{Kind: freshetv1.GroupKind_GROUP_KIND_WAVE, TextZh: "x", TextEn: "x"}},
		Alarms:     []*freshetv1.Alarm{{Station: "a", State: freshetv1.AlarmState_ALARM_STATE_UNACKNOWLEDGED, Since: at}, {Station: "b", State: freshetv1.AlarmState_ALARM_STATE_SHELVED}},
		Unreached:  []*freshetv1.Unreached{{Stage: freshetv1.Stage_STAGE_RED, Call: &freshetv1.Call{NameZh: "x", NameEn: "x"}}},
		Conflicts:  []*freshetv1.Conflict{{}},
		Responses:  []*freshetv1.Response{{NameZh: "x", NameEn: "x", Proposed: freshetv1.ResponseLevel_RESPONSE_LEVEL_IV, Measures: []*freshetv1.Measure{measure}}},
	}
	peak := &freshetv1.ForecastPeak{At: at}
	diff := &freshetv1.SituationDiff{
		From: &freshetv1.SituationPoint{AsOf: at}, New: change, Gone: change, Worse: change, Better: change, Lost: change, Back: change,
		Rain: []*freshetv1.RainSince{{Station: "c", Rain: 1, Coverage: 0.5}}, Forecasts: []*freshetv1.ForecastChange{{Station: "a", From: peak, To: peak, LevelChange: &one, LaterS: &one}},
		Opened: moved, Started: moved, Done: moved, Late: moved, Closed: moved, Responses: []*freshetv1.ResponseChange{{}}, BlindOpened: blind, BlindSettled: blind,
	}
	var out []*Facts
	for _, p := range []Pack{{Situation: bare, Lang: lang}, {Situation: full, Diff: diff, Lang: lang}} {
		if m, err := p.maker(); err == nil { // they have an instant
			out = append(out, m.facts())
		}
	}
	return out
}
