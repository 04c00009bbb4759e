package notify_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"freshet/alert/notify"
	"freshet/internal/hydro"
)

func TestAForecastThatIsGoneGoesOutToWhoeverHearsOfSight(t *testing.T) {
	at := time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)
	w := hydro.ForecastWatch{
		Basin: "b", At: at, Since: at, IssuedAt: at.Add(-10 * time.Minute), ValidUntil: at, Standing: hydro.ForecastPartial,
		Holes: []hydro.ForecastHole{{Node: "n", Station: "h-n", Why: "reach r: no convergence", WhyZH: "河段r不收敛"}},
	}
	name := func(string) (string, string) { return "恩平", "Enping" }
	seen := map[string]bool{}
	for _, s := range hydro.ForecastStandings {
		if w.Standing = s; s >= hydro.ForecastExpired {
			w.Holes = nil
		}
		w.Tell("no solution", name)
		it, ok := notify.ItemOf(hydro.Output{Watch: &w}, nil)
		if !ok || it.Kind != notify.Forecast || it.Event != s.String() || it.ID == "" {
			t.Fatalf("%+v", it)
		}
		zh, en := it.Title("zh"), it.Title("en")
		if !strings.HasPrefix(zh, "【预报】b：") || !strings.HasPrefix(en, "[FORECAST] b: The") || seen[zh] || strings.ContainsAny(zh+en, "\n。") {
			t.Errorf("%s: %q, %q", s, zh, en)
		}
		seen[zh] = true
		if text := it.Text("both", at); !strings.Contains(text, w.DetailZH) || !strings.Contains(text, w.Detail) {
			t.Errorf("%s: %q", s, text)
		}
		doc, err := json.Marshal(notify.Document(&it, at))
		if err != nil || !strings.Contains(string(doc), `"forecast_watch":{"standing":"`+s.String()+`"`) {
			t.Errorf("%v: %s", err, doc)
		}
		if s == hydro.ForecastPartial && (!strings.Contains(w.DetailZH, "恩平无预报（河段r不收敛）") || !strings.Contains(w.Detail, "no forecast at Enping (reach r: no convergence)")) {
			t.Errorf("%s\n%s", w.DetailZH, w.Detail)
		}
	}
	// Those that name no kinds get it, people too; one who wants to hear of no blindness
	// and of orange alone does not.
	rs, err := notify.Parse("n.yaml", []byte(`receivers:
  - {name: hook, kind: webhook, url: "https://example.org/x", min_stage: red}
  - {name: chiefs, kind: email, server: "mail.example.org:587", from: a@example.org, to: [b@example.org], min_stage: orange}
  - {name: group, kind: dingtalk, url_file: u, departments: [weather]}
  - {name: only, kind: webhook, url: "https://example.org/x", kinds: [warning]}
  - {name: stages, kind: webhook, url: "https://example.org/x", min_stage: orange, blind: false}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	it, _ := notify.ItemOf(hydro.Output{Watch: &w}, nil)
	for _, r := range rs {
		if got, want := r.Wants(&it), r.Name != "only" && r.Name != "stages"; got != want {
			t.Errorf("%s wants it: %t", r.Name, got)
		}
	}
}
