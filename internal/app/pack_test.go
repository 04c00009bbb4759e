package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"freshet/internal/app"
	"freshet/internal/auth"
	"freshet/internal/client"
	"freshet/internal/hydro"
)

// The briefing pack over HTTP: to those who may read, and to nobody else; of an
// instant that has come, of a basin that is; and what is wrong is said.
func TestThePackIsServedToReaders(t *testing.T) {
	g := guard(t)
	admin := g.token(all(auth.Admin, 0), nil)
	clock := client.NewClock(g.dial(admin), client.Backoff{})
	for i := range 3 {
		if err := clock.Advance(t.Context(), noon.Add(time.Duration(i)*10*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	reader := g.token(all(auth.Briefing, 0), nil)
	get := func(p person, file string, query url.Values) (*http.Response, string) {
		t.Helper()
		resp := g.rest(t.Context(), p, http.MethodGet, "/v1/briefings/"+file+"?"+query.Encode(), "", nil)
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
	at := noon.Add(15 * time.Minute).Format(time.RFC3339)
	resp, situation := get(reader, "situation", url.Values{"as_of": {at}})
	var said struct{ Hash string }
	if err := json.Unmarshal([]byte(situation), &said); err != nil || resp.StatusCode != http.StatusOK || len(said.Hash) != 64 {
		t.Fatalf("%s, %v: %.200s", resp.Status, err, situation)
	}
	for file, want := range map[string]struct{ content, how string }{
		"pack.html": {"text/html; charset=utf-8", "inline"},
		"pack.txt":  {"text/plain; charset=utf-8", "inline"},
		"pack.xlsx": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "attachment"},
	} {
		for lang, words := range map[string]string{"": "潭江会商材料", "zh": "潭江会商材料", "en": "Tanjiang briefing"} {
			resp, body := get(reader, file, url.Values{"as_of": {at}, "basin": {"tanjiang"}, "lang": {lang}})
			if h := resp.Header; resp.StatusCode != http.StatusOK || h.Get("Content-Type") != want.content || h.Get("Cache-Control") != "no-store" ||
				h.Get("Content-Disposition") != want.how+`; filename="tanjiang-20260608T041500Z-`+file+`"` {
				t.Errorf("%s, %q: %s, %v", file, lang, resp.Status, resp.Header)
			}
			if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "script-src") {
				t.Errorf("%s may do %q", file, policy)
			}
			if file == "pack.xlsx" {
				body = summary(t, body)
			}
			if !strings.Contains(body, words) || !strings.Contains(body, said.Hash) {
				t.Errorf("%s, %q: no %q or hash in %.300s", file, lang, words, body)
			}
		}
	}
	if _, body := get(reader, "pack.txt", url.Values{"as_of": {at}, "since": {noon.Format(time.RFC3339)}}); !strings.Contains(body, "自6月8日12:00上次会商以来") {
		t.Errorf("nothing of the last briefing in\n%s", body)
	}
	for name, c := range map[string]struct {
		who   person
		query url.Values
		code  int
		want  string
	}{
		"no instant":            {reader, nil, http.StatusBadRequest, "as_of: \"\" is no instant"},
		"a plus that was eaten": {reader, url.Values{"as_of": {"2026-06-08T12:00:00 08:00"}}, http.StatusBadRequest, "%2B"},
		"an instant to come":    {reader, url.Values{"as_of": {noon.Add(time.Hour).Format(time.RFC3339)}}, http.StatusBadRequest, "still to come"},
		"before the log":        {reader, url.Values{"as_of": {noon.Add(-time.Hour).Format(time.RFC3339)}}, http.StatusNotFound, "2026-06-08"},
		"another basin":         {reader, url.Values{"as_of": {at}, "basin": {"nile"}}, http.StatusNotFound, "nile"},
		"another language":      {reader, url.Values{"as_of": {at}, "lang": {"fr"}}, http.StatusBadRequest, "lang: "},
		"last briefing unknown": {reader, url.Values{"as_of": {at}, "since": {"yesterday"}}, http.StatusBadRequest, "since: \"yesterday\" is no instant"},
		"last briefing to come": {reader, url.Values{"as_of": {noon.Format(time.RFC3339)}, "since": {at}}, http.StatusBadRequest, "to: "},
		"a gateway":             {g.token(all(auth.Gateway, hydro.Weather), nil), url.Values{"as_of": {at}}, http.StatusForbidden, ""},
		"nobody":                {person{name: "nobody", security: client.Security{CA: g.ca.File}}, url.Values{"as_of": {at}}, http.StatusUnauthorized, ""},
	} {
		for _, file := range []string{"pack.html", "pack.xlsx", "pack.txt"} {
			if resp, body := get(c.who, file, c.query); resp.StatusCode != c.code || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), c.want) {
				t.Errorf("%s, %s: %s, want %d and %q: %s", name, file, resp.Status, c.code, c.want, body)
			}
		}
	}
}

// An office's own sentences are in the pack; a mistake in them stops the start, with
// its file and line, and not the briefing.
func TestAServerTakesAnOfficesSentences(t *testing.T) {
	o := options(t)
	o.Templates = t.TempDir()
	own := filepath.Join(o.Templates, "rain.zh.tmpl")
	if err := os.WriteFile(own, []byte("本办雨情：\n{{.Rain.Snow}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--briefing-templates "+o.Templates) || !strings.Contains(err.Error(), "rain.zh.tmpl:2:") {
		t.Fatalf("a mistake in a template: %v", err)
	}
	if err := os.WriteFile(own, []byte("本办雨情：{{.Basin}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := start(t, o)
	defer a.Close()
	if err := advance(t, a, noon); err != nil {
		t.Fatal(err)
	}
	code, body := fetch(t, http.DefaultClient, "http://"+a.HTTPAddr()+"/v1/briefings/pack.txt?as_of="+noon.Format(time.RFC3339))
	if code != http.StatusOK || !strings.Contains(body, "本办雨情：潭江\n") || !strings.Contains(body, "【水情】") {
		t.Errorf("%d: %s", code, body)
	}
}

// summary is the text of a workbook's first sheet.
func summary(t *testing.T, workbook string) string {
	t.Helper()
	f, err := excelize.OpenReader(strings.NewReader(workbook))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := f.GetRows(f.GetSheetList()[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, r := range rows {
		out.WriteString(strings.Join(r, " ") + "\n")
	}
	return out.String()
}
