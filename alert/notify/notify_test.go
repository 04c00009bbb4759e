package notify_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/alert/notify"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const shipped = "../../deploy/catalog/tanjiang"

var noon = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)

func warning(from, to hydro.Stage) hydro.Warning {
	return hydro.Warning{
		ID: "tanjiang/20260615T040000Z/81200500", Basin: "tanjiang", Station: "81200500", At: noon, From: from, To: to,
		ReasonZH: "潭江 81200500 水位 12.3 m", ReasonEN: "level 12.3 m",
	}
}

func item(t testing.TB, w hydro.Warning) notify.Item {
	t.Helper()
	it, ok := notify.ItemOf(hydro.Output{Warning: &w}, nil)
	if !ok {
		t.Fatal("a warning is no item")
	}
	return it
}

// receivers parses a notify.yaml that must be right.
func receivers(t testing.TB, text string) []notify.Receiver {
	t.Helper()
	rs, err := notify.Parse("notify.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func receiver(t testing.TB, kind, more string) *notify.Receiver {
	t.Helper()
	head := "receivers:\n  - name: r\n    kind: " + kind + "\n"
	switch kind {
	case "webhook":
		head += "    url: https://example.org/hook\n"
	case "email":
		head += "    server: mail.example.org:587\n    from: a@example.org\n    to: [b@example.org]\n"
	default:
		head += "    url_file: url\n"
	}
	return &receivers(t, head+more)[0]
}

func TestOutputsThatAreNoNewsAreNoItems(t *testing.T) {
	for _, o := range []hydro.Output{{}, {Audit: &hydro.Audit{}}, {Forecast: &hydro.Forecast{}}, {Rate: &hydro.RateChange{}}} {
		if _, ok := notify.ItemOf(o, nil); ok {
			t.Errorf("%s is an item", o.Kind())
		}
	}
}

func TestAWarningSaysWhatHappened(t *testing.T) {
	for _, c := range []struct {
		from, to hydro.Stage
		cause    string
		event    string
		zh, en   string
	}{
		{hydro.Clear, hydro.Red, "", "raised", "【红色】s：解除升至红色", "[RED] s: from clear to RED"},
		{hydro.Blue, hydro.Orange, "silent", "raised", "【橙色】s：蓝色升至橙色", "[ORANGE] s: from BLUE to ORANGE"},
		{hydro.Red, hydro.Yellow, "", "lowered", "【黄色】s：红色降至黄色", "[YELLOW] s: down from RED"},
		{hydro.Blue, hydro.Clear, "", "lowered", "【解除】s：蓝色解除", "[clear] s: down from BLUE"},
		{hydro.Clear, hydro.Blind, "silent", "blind", "【失明】s：监测中断", "[BLIND] s: nobody can see"},
		{hydro.Red, hydro.Red, "silent", "blind", "【失明】s：监测中断，维持红色", "[BLIND] s: nobody can see, RED is held"},
		{hydro.Blind, hydro.Clear, "", "sight", "【恢复】s：监测恢复，无预警", "[SEEN] s: seen again, clear"},
		{hydro.Red, hydro.Red, "", "sight", "【恢复】s：监测恢复，红色", "[SEEN] s: seen again, RED"},
		{hydro.Blind, hydro.Red, "", "raised", "【红色】s：失明升至红色", "[RED] s: from BLIND to RED"},
	} {
		w := warning(c.from, c.to)
		w.Station, w.Cause = "s", c.cause
		it := item(t, w)
		got := []string{it.Event, it.Title("zh"), it.Title("en"), it.Title("both")}
		if diff := cmp.Diff([]string{c.event, c.zh, c.en, c.zh + " / " + c.en}, got); diff != "" {
			t.Errorf("%s to %s %q (-want +got):\n%s", c.from, c.to, c.cause, diff)
		}
	}
}

func TestAnItemTellsNamesAndLocalTime(t *testing.T) {
	cat, err := catalog.LoadDir(shipped)
	if err != nil {
		t.Fatal(err)
	}
	s := &cat.Stations[0]
	w := warning(hydro.Clear, hydro.Blue)
	w.Station = s.ID
	it, _ := notify.ItemOf(hydro.Output{Warning: &w}, cat)
	if it.StationZH != s.NameZH || len(it.Departments) != 1 || it.Departments[0] != s.Department {
		t.Errorf("the item knows %q of %v, the catalogue %q of %v", it.StationZH, it.Departments, s.NameZH, s.Department)
	}
	if text := it.Text("zh", noon); !strings.Contains(text, "2026-06-15 12:00 +08:00") || strings.Contains(text, "迟到") {
		t.Errorf("text %q", text)
	}
	if text := it.Text("both", noon.Add(62*time.Minute)); !strings.Contains(text, "迟到 1h2m0s") || !strings.Contains(text, "sent 1h2m0s late") {
		t.Errorf("an hour late, the text is %q", text)
	}
}

// Who heard of a stage hears how it goes on, and who asked for sight hears of
// blindness whatever the stage.
func TestAFilterNeverHidesTheEndOfWhatItLetThrough(t *testing.T) {
	stages := rapid.SampledFrom(hydro.Stages)
	rapid.Check(t, func(t *rapid.T) {
		r := notify.Receiver{
			Kinds: notify.Kinds, Blind: rapid.Bool().Draw(t, "blind"),
			MinStage: rapid.SampledFrom(hydro.Stages[:hydro.Blind]).Draw(t, "min"),
		}
		stage, told := stages.Draw(t, "first"), false
		for range rapid.IntRange(1, 30).Draw(t, "changes") {
			w := warning(stage, stages.Draw(t, "to"))
			w.Cause = rapid.SampledFrom([]string{"", "silent"}).Draw(t, "cause")
			it, _ := notify.ItemOf(hydro.Output{Warning: &w}, nil)
			wants := r.Wants(&it)
			if w.To != hydro.Blind && w.To >= r.MinStage && !wants {
				t.Fatalf("%s to %s is not told from %s on", w.From, w.To, r.MinStage)
			}
			if r.Blind && w.To == hydro.Blind && w.From != hydro.Blind && !wants {
				t.Fatal("blindness is not told")
			}
			if told && w.Lowered() && w.From >= r.MinStage && !wants {
				t.Fatalf("%s was told, its end is not", w.From)
			}
			stage, told = w.To, told && !w.Lowered() || wants && w.To != hydro.Blind && w.To >= r.MinStage
		}
	})
}

func TestFiltersByBasinDepartmentAndKind(t *testing.T) {
	it := item(t, warning(hydro.Clear, hydro.Red))
	it.Departments = []hydro.Department{hydro.Hydrology}
	for _, c := range []struct {
		text string
		want bool
	}{
		{"", true},
		{"    basins: [tanjiang]\n", true},
		{"    basins: [other]\n", false},
		{"    departments: [hydrology, weather]\n", true},
		{"    departments: [weather]\n", false},
		{"    min_stage: red\n", true},
		{"    kinds: [warning]\n", true},
	} {
		if got := receiver(t, "webhook", c.text).Wants(&it); got != c.want {
			t.Errorf("%q wants a red warning: %t", c.text, got)
		}
	}
	it.Departments = nil // nobody knows whose it is: better told twice than not at all
	if !receiver(t, "webhook", "    departments: [weather]\n").Wants(&it) {
		t.Error("an item of no department is told to nobody")
	}
}

func TestBlindOnARisingReachIsToldToEverybody(t *testing.T) {
	w := warning(hydro.Blind, hydro.Blind)
	w.Cause, w.Escalated = "silent", true
	it := item(t, w)
	if !receiver(t, "webhook", "    min_stage: red\n    blind: false\n").Wants(&it) || it.Title("en") != "[BLIND] 81200500: blind on a rising reach, somebody must look" {
		t.Errorf("%s: %s", it.Event, it.Title("en"))
	}
}

// Who gets groups only, and asked not to hear of gauges, hears of a blind group when
// one of it lies on a rising reach.
func TestABlindGroupOnARisingReachIsToldToEverybody(t *testing.T) {
	g := hydro.GroupChange{
		ID: "tanjiang/blind/20260615T030000Z/h-enping", Basin: "tanjiang", Kind: hydro.BlindGroup, Event: hydro.GroupRaised, At: noon, OpenedAt: noon,
		Stage: hydro.Blind, Highest: hydro.Blind, Stations: []hydro.GroupStation{{Station: "h-enping", Stage: hydro.Blind}}, Count: 1,
	}
	r := receiver(t, "email", "    min_stage: red\n    blind: false\n")
	for _, escalated := range []bool{false, true} {
		g.Stations[0].Escalated = escalated
		it, ok := notify.ItemOf(hydro.Output{Group: &g}, nil)
		if !ok || r.Wants(&it) != escalated {
			t.Errorf("escalated %t: wanted %t", escalated, r.Wants(&it))
		}
	}
}

func TestGroupsAndDutyAreToldWithKeysOfTheirOwn(t *testing.T) {
	g := hydro.GroupChange{
		ID: "tanjiang/wave/20260615T030000Z/h-enping", Basin: "tanjiang", Kind: hydro.WaveGroup, Event: hydro.GroupOpened, At: noon, OpenedAt: noon, Stage: hydro.Orange,
		Highest: hydro.Red, Station: "h-enping", Stations: []hydro.GroupStation{{Station: "h-enping", Stage: hydro.Orange}}, Count: 1,
		TextZH: "潭江洪水。恩平橙色", TextEN: "A wave. Enping is orange",
	}
	raised := g
	raised.Event = hydro.GroupRaised
	later := g
	later.At = noon.Add(time.Minute)
	d := hydro.DutyEvent{ID: "tanjiang/20260615T040000Z/1", Basin: "tanjiang", At: noon, Kind: "message_draft", Station: "h-enping", Stage: hydro.Red, Message: "m", TextZH: "待批准", TextEN: "waits"}
	w := warning(hydro.Clear, hydro.Red)
	w.ID = d.ID // a station may be called 1
	keys := map[string]bool{}
	outs := []hydro.Output{{Group: &g}, {Group: &raised}, {Group: &later}, {Duty: &d}, {Warning: &w}}
	for _, o := range outs {
		it, ok := notify.ItemOf(o, nil)
		if !ok {
			t.Fatalf("%s is no item", o.Kind())
		}
		keys[it.ID] = true
		if string(it.Kind) != o.Kind() {
			t.Errorf("an item of kind %s of an output of kind %s", it.Kind, o.Kind())
		}
	}
	if len(keys) != len(outs) {
		t.Errorf("keys %v", keys)
	}
	it, _ := notify.ItemOf(outs[0], nil)
	if it.Title("both") != "【橙色】潭江洪水 / [ORANGE] A wave" {
		t.Errorf("title %q", it.Title("both"))
	}
	red := receiver(t, "webhook", "    min_stage: red\n")
	people := receiver(t, "wecom", "")
	if warned, _ := notify.ItemOf(outs[4], nil); !red.Wants(&it) || !people.Wants(&it) || people.Wants(&warned) {
		t.Error("a wave that was red is not told, or people are told station by station")
	}
	q, err := red.Request([]notify.Item{it}, noon, noon, "", 1)
	var body struct {
		Group struct {
			ID       string
			Stations []struct{ ID, Stage string }
		}
	}
	if err != nil || json.Unmarshal(q.Body, &body) != nil || body.Group.ID != g.ID || len(body.Group.Stations) != 1 || body.Group.Stations[0].Stage != "orange" {
		t.Errorf("%v, %s", err, q.Body)
	}
	it, _ = notify.ItemOf(outs[3], nil)
	if q, err = red.Request([]notify.Item{it}, noon, noon, "", 1); err != nil || !strings.Contains(string(q.Body), `"duty":{"id":"tanjiang/20260615T040000Z/1","message":"m","stage":"red"}`) {
		t.Errorf("%v, %s", err, q.Body)
	}
	if _, ok := notify.ItemOf(hydro.Output{Duty: &hydro.DutyEvent{Kind: hydro.Refused}}, nil); ok {
		t.Error("a refusal is news")
	}
}

func TestASignatureHoldsForItsBodyAndTimeAlone(t *testing.T) {
	// By another implementation (Python's hmac).
	const want = "t=1781496000,v1=" + webhookVector
	if got := notify.Sign("key", time.Unix(1781496000, 0), []byte(`{"a":1}`)); got != want {
		t.Errorf("signed %s, want %s", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		secret, body := rapid.StringN(1, 40, 40).Draw(t, "secret"), rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0)
		header := notify.Sign(secret, at, body)
		if err := notify.Verify(secret, header, body, at.Add(4*time.Minute), 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"another secret":  notify.Verify(secret+"x", header, body, at, 5*time.Minute),
			"a longer body":   notify.Verify(secret, header, append(body, 0), at, 5*time.Minute),
			"another instant": notify.Verify(secret, strings.Replace(header, "t=", "t=1", 1), body, at, math.MaxInt64),
			"replayed":        notify.Verify(secret, header, body, at.Add(6*time.Minute), 5*time.Minute),
			"from the future": notify.Verify(secret, header, body, at.Add(-6*time.Minute), 5*time.Minute),
			"no signature":    notify.Verify(secret, "", body, at, 5*time.Minute),
		} {
			if err == nil {
				t.Errorf("%s passes", what)
			}
		}
	})
}

const (
	webhookVector  = "568d6358edc4853423d7bedc08a37c84078701dc440ca4764638e356e5d35e66"
	dingTalkVector = "7rw90QtEqIgRIVrDY94paEA8zY2KCT1OQvSS6RDJ6hQ="
	feishuVector   = "8wiwpto5AyYeXWdfTAdw9XDQfNu+RS5GsuExrNozrcM="
)

func TestRobotsGetWhatTheirServicesDescribe(t *testing.T) {
	sent := time.Unix(1781496000, 0)
	items := []notify.Item{item(t, warning(hydro.Clear, hydro.Orange))}
	request := func(kind, more string) (q notify.Request, body map[string]any) {
		q, err := receiver(t, kind, more).Request(items, noon, sent, "SECabc", 1)
		if err != nil || q.TemplateError != nil {
			t.Fatal(err, q.TemplateError)
		}
		if err := json.Unmarshal(q.Body, &body); err != nil {
			t.Fatal(err)
		}
		return q, body
	}
	const title, text = "【橙色】81200500：解除升至橙色", "潭江 81200500 水位 12.3 m\n\n时间：2026-06-15 12:00 +08:00"

	q, body := request("dingtalk", "    secret_file: s\n")
	if diff := cmp.Diff(map[string]any{
		"msgtype": "markdown", "markdown": map[string]any{"title": title, "text": "### " + title + "\n\n" + text},
	}, body); diff != "" {
		t.Errorf("DingTalk (-want +got):\n%s", diff)
	}
	if q.Query.Get("timestamp") != "1781496000000" || q.Query.Get("sign") != dingTalkVector {
		t.Errorf("DingTalk is signed %v", q.Query)
	}
	_, body = request("dingtalk", "    format: text\n")
	if diff := cmp.Diff(map[string]any{
		"msgtype": "text", "text": map[string]any{"content": title + "\n\n" + strings.ReplaceAll(text, "\n\n", "\n")},
	}, body); diff != "" {
		t.Errorf("DingTalk, text (-want +got):\n%s", diff)
	}

	q, body = request("wecom", "")
	if diff := cmp.Diff(map[string]any{"msgtype": "markdown", "markdown": map[string]any{"content": "### " + title + "\n\n" + text}}, body); diff != "" || len(q.Query) > 0 {
		t.Errorf("WeCom, query %v (-want +got):\n%s", q.Query, diff)
	}

	_, body = request("feishu", "    secret_file: s\n")
	if diff := cmp.Diff(map[string]any{
		"timestamp": "1781496000", "sign": feishuVector, "msg_type": "interactive",
		"card": map[string]any{
			"config":   map[string]any{"wide_screen_mode": true},
			"header":   map[string]any{"template": "orange", "title": map[string]any{"tag": "plain_text", "content": title}},
			"elements": []any{map[string]any{"tag": "markdown", "content": title + "\n\n" + text}},
		},
	}, body); diff != "" {
		t.Errorf("Feishu (-want +got):\n%s", diff)
	}
	_, body = request("feishu", "    format: text\n")
	if body["msg_type"] != "text" {
		t.Errorf("Feishu, text: %v", body)
	}
}

func TestOnlyAYesIsAYes(t *testing.T) {
	for _, c := range []struct {
		kind, body string
		status     int
		ok         bool
	}{
		{"webhook", "", 200, true},
		{"webhook", "anything", 204, true},
		{"webhook", "", 199, false},
		{"webhook", "", 302, false},
		{"webhook", "no", 500, false},
		{"dingtalk", `{"errcode":0,"errmsg":"ok"}`, 200, true},
		{"dingtalk", `{"errcode":310000,"errmsg":"sign not match"}`, 200, false},
		{"dingtalk", ``, 200, false},
		{"dingtalk", `{}`, 200, false},
		{"wecom", `{"errcode":0}`, 200, true},
		{"wecom", `{"errcode":45009,"errmsg":"api freq out of limit"}`, 200, false},
		{"feishu", `{"code":0,"msg":"success"}`, 200, true},
		{"feishu", `{"StatusCode":0,"StatusMessage":"success"}`, 200, true},
		{"feishu", `{"code":19021,"msg":"sign match fail"}`, 200, false},
		{"feishu", `{"code":0}`, 502, false},
		{"feishu", `{"errcode":0}`, 200, false},
	} {
		if err := receiver(t, c.kind, "").Answer(c.status, []byte(c.body)); (err == nil) != c.ok {
			t.Errorf("%s answers %d %q: %v", c.kind, c.status, c.body, err)
		}
	}
}

// However long and odd the words, a message keeps within what its channel takes,
// is valid UTF-8, and no item is left out of the bundles.
func TestMessagesFitTheirChannels(t *testing.T) {
	limits := map[string]int{"dingtalk": 20_000, "wecom": 4096, "feishu": 20_000}
	odd := rapid.StringOfN(rapid.SampledFrom([]rune("水位<>&\"\\\n\t€😀a中")), 0, 9000, -1)
	for kind, limit := range limits {
		for _, more := range []string{"", "    format: text\n    language: both\n"} {
			r := receiver(t, kind, more)
			if kind == "wecom" && r.Format == "text" {
				limit = 2048
			}
			rapid.Check(t, func(t *rapid.T) {
				var items []notify.Item
				for i := range rapid.IntRange(1, 30).Draw(t, "n") {
					w := warning(hydro.Clear, hydro.Red)
					w.ID, w.ReasonZH, w.ReasonEN = fmt.Sprint(i), odd.Draw(t, "zh"), "x"
					it, _ := notify.ItemOf(hydro.Output{Warning: &w}, nil)
					items = append(items, it)
				}
				for len(items) > 0 {
					n := r.Fit(items, noon)
					if n < 1 || n > min(len(items), r.Bundle) {
						t.Fatalf("%d of %d items in a message", n, len(items))
					}
					q, err := r.Request(items[:n], noon, noon, "s", 1)
					if err != nil {
						t.Fatal(err)
					}
					size := len(q.Body)
					if kind == "wecom" {
						var body map[string]any
						if err := json.Unmarshal(q.Body, &body); err != nil {
							t.Fatal(err)
						}
						size = len(body[r.Format].(map[string]any)["content"].(string))
					}
					if kind == "dingtalk" { // the limit is of the text
						var body map[string]any
						if err := json.Unmarshal(q.Body, &body); err != nil {
							t.Fatal(err)
						}
						size = len(fmt.Sprint(body))
					}
					if size > limit || !utf8.Valid(q.Body) {
						t.Fatalf("%s: a message of %d items has %d bytes", kind, n, size)
					}
					items = items[n:]
				}
			})
		}
	}
}

func TestAWebhookCarriesTheItemWhole(t *testing.T) {
	w := warning(hydro.Yellow, hydro.Red)
	w.Observed = hydro.Leg{Stage: hydro.Red, Variable: hydro.WaterLevel, Value: 12.3, Threshold: 12, Datum: hydro.PearlRiver, At: noon}
	w.Forecast = hydro.Leg{Stage: hydro.Red, Variable: hydro.WaterLevel, Value: math.NaN(), Threshold: 12, PeakValue: math.Inf(1), PeakAt: noon.Add(time.Hour)}
	w.Illustrative, w.Catalogue = true, "sha256:1"
	q, err := receiver(t, "webhook", "").Request([]notify.Item{item(t, w)}, noon.Add(time.Minute), noon, "key", 3)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(q.Body, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"format": "freshet.notify.v1", "id": w.ID, "kind": "warning", "event": "raised", "basin": "tanjiang",
		"station": map[string]any{"id": "81200500", "name_zh": "81200500", "name_en": "81200500"},
		"at":      "2026-06-15T12:00:00+08:00", "sent_at": "2026-06-15T12:01:00+08:00", "from": "yellow", "to": "red",
		"title_zh": "【红色】81200500：黄色升至红色", "title_en": "[RED] 81200500: from YELLOW to RED",
		"text_zh": w.ReasonZH, "text_en": w.ReasonEN, "illustrative": true,
		"warning": map[string]any{
			"observed": map[string]any{
				"stage": "red", "variable": "water_level", "basis": "value", "value": 12.3, "threshold": 12.0, "datum": "PEARL_RIVER", "at": "2026-06-15T12:00:00+08:00",
			},
			"forecast":  map[string]any{"stage": "red", "variable": "water_level", "basis": "value", "threshold": 12.0, "peak_at": "2026-06-15T13:00:00+08:00"},
			"catalogue": "sha256:1",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	if q.Header[notify.HeaderKey] != w.ID || q.Header[notify.HeaderAttempt] != "3" || notify.Verify("key", q.Header[notify.HeaderSignature], q.Body, noon, 0) != nil {
		t.Errorf("header %v", q.Header)
	}
}

func TestATemplateReplacesTheWordsAndItsMistakesCostNoWarning(t *testing.T) {
	it := []notify.Item{item(t, warning(hydro.Clear, hydro.Red))}
	r := receiver(t, "webhook", "    templates:\n      body: '{\"x\": {{json .Title}}, \"when\": {{json (clock .At)}}, \"stage\": {{json .Stage}}}'\n")
	q, err := r.Request(it, noon, noon, "", 1)
	if err != nil || q.TemplateError != nil || string(q.Body) != `{"x": "【红色】81200500：解除升至红色", "when": "2026-06-15 12:00 +08:00", "stage": "red"}` {
		t.Errorf("body %s, %v, %v", q.Body, err, q.TemplateError)
	}
	m := receiver(t, "email", "    templates: {title: '{{.Station}} {{.Stage}}', text: '{{.TextEN}}'}\n").Mail(it, noon)
	if m.Subject != "81200500 red" || m.Text != "level 12.3 m\n" {
		t.Errorf("mail %+v", m)
	}
	// What passes at the start can still fail on what comes.
	for _, text := range []string{
		`{"x": "{{.TextZH | printf "%.3s"}}", "y": {{if eq .Station "81200500"}}{{else}}1{{end}}}`,
		`{"x": {{if eq .Station "81200500"}}{{index .Departments 7}}{{else}}1{{end}}}`,
	} {
		r := receiver(t, "webhook", "    templates:\n      body: |\n        "+text+"\n")
		q, err := r.Request(it, noon, noon, "", 1)
		if err != nil || q.TemplateError == nil || !json.Valid(q.Body) || !strings.Contains(string(q.Body), "freshet.notify.v1") {
			t.Errorf("%s: body %s, %v, %v", text, q.Body, err, q.TemplateError)
		}
	}
}

func TestEveryMistakeIsNamedWithItsPlace(t *testing.T) {
	cat, err := catalog.LoadDir(shipped)
	if err != nil {
		t.Fatal(err)
	}
	const text = `receivers:
  - name: Duty Room
    kind: webhook
    url: ftp://example.org
    language: fr
    timeout: 10h
    basins: [nile]
    departments: [fire]
    min_stage: blind
    kinds: [gossip]
    format: text
  - name: robot
    kind: dingtalk
    url: https://oapi.example.org/robot?access_token=1
    bundle: 0
    templates:
      text: "{{.Nothing}}"
      body: "{}"
  - name: robot
    kind: email
    server: mail.example.org
    tls: none
    username: me
    password_file: p
    from: me
    to: []
  - name: x
    kind: pigeon
  - name: y
    kind: webhook
    url_file: u
    templates: {body: '{"a": "{{.TextZH}}"}'}
`
	_, err = notify.Parse("notify.yaml", []byte(text), cat)
	if err == nil {
		t.Fatal("no mistake found")
	}
	var places []string
	for _, line := range strings.Split(err.Error(), "\n")[1:] {
		place, rest, _ := strings.Cut(line, ": ")
		path, _, _ := strings.Cut(rest, ": ")
		places = append(places, strings.TrimPrefix(place, "notify.yaml:")+" "+path)
	}
	want := []string{
		"2:11 receivers[0].name",
		"4:10 receivers[0].url",
		"5:15 receivers[0].language",
		"6:14 receivers[0].timeout",
		"7:14 receivers[0].basins[0]",
		"8:19 receivers[0].departments[0]",
		"9:16 receivers[0].min_stage",
		"10:13 receivers[0].kinds[0]",
		"11:13 receivers[0].format",
		"14:10 receivers[1].url",
		"15:13 receivers[1].bundle",
		"17:13 receivers[1].templates.text",
		"18:13 receivers[1].templates.body",
		"19:11 receivers[2].name",
		"21:13 receivers[2].server",
		"22:10 receivers[2].tls",
		"25:11 receivers[2].from",
		"26:9 receivers[2].to",
		"28:11 receivers[3].kind",
		"32:23 receivers[4].templates.body",
	}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s\n%v", diff, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("receivers:\n  - {name: a, kind: webhook, url: 'https://example.org', templates: {body: '{{json .Title}}'}}\n"))
	f.Add([]byte("receivers:\n  - {name: a, kind: email, server: 'a:1', from: a@b, to: [c@d]}\n  - {name: b, kind: feishu, url_file: u}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rs, err := notify.Parse("notify.yaml", data, nil)
		if (err == nil) == (rs == nil) {
			t.Fatalf("%d receivers and %v", len(rs), err)
		}
		it := []notify.Item{item(t, warning(hydro.Clear, hydro.Red))}
		for i := range rs {
			if rs[i].Channel == notify.Email {
				rs[i].Mail(it, noon)
			} else if q, err := rs[i].Request(it, noon, noon, "s", 1); err != nil || !json.Valid(q.Body) {
				t.Fatalf("%s, %v", q.Body, err)
			}
		}
	})
}
