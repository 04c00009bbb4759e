package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"freshet/internal/app"
	"freshet/internal/briefing/pack"
	"freshet/internal/client"
	"freshet/internal/forecastcsv"
	"freshet/internal/hydro"
)

var packNoon = time.Date(2026, 6, 8, 4, 0, 0, 0, time.UTC)

// realServer is one whose engine time has come to twenty minutes past noon in
// Beijing, with a run each ten minutes.
func realServer(t *testing.T) *app.App {
	t.Helper()
	o := app.DefaultOptions()
	o.Data, o.Catalog, o.Clock, o.GRPC, o.HTTP = t.TempDir(), "../../deploy/catalog/tanjiang", "driven", "127.0.0.1:0", "127.0.0.1:0"
	o.Logger = slog.New(slog.DiscardHandler)
	a, err := app.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := a.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range 3 {
		if err := client.NewClock(conn, client.Backoff{}).Advance(t.Context(), packNoon.Add(time.Duration(i)*10*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.WaitArchived(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// ran is what a command wrote.
func ran(t *testing.T, args ...string) (out, warned string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	c := root()
	c.SetArgs(args)
	c.SetOut(&o)
	c.SetErr(&e)
	err = c.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

func TestThePackIsWrittenFromARealServer(t *testing.T) {
	a := realServer(t)
	t.Run("pack", func(t *testing.T) { packIsWritten(t, a.GRPCAddr()) })
	t.Run("export", func(t *testing.T) { forecastIsExported(t, a.HTTPAddr()) })
}

func packIsWritten(t *testing.T, address string) {
	on := func(args ...string) []string {
		return append(append([]string{"briefing"}, args...), "--server", address)
	}
	out, _, err := ran(t, on("situation", "--as-of", "2026-06-08 12:15", "--json")...)
	var said struct{ Hash string }
	if err == nil {
		err = json.Unmarshal([]byte(out), &said)
	}
	if err != nil || len(said.Hash) != 64 {
		t.Fatalf("%v: %.200s", err, out)
	}
	for _, words := range [][]string{{}, {"pack"}} {
		dir := filepath.Join(t.TempDir(), "of", "today")
		for range 2 { // the second time files are there
			out, _, err := ran(t, on(append(words, "--as-of", "2026-06-08T12:15", "--since", "2026-06-08T04:00:00Z", "-o", dir, "--lang", "zh")...)...)
			if err != nil || strings.Count(out, "\n") != 3 {
				t.Fatalf("%v: %s", err, out)
			}
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 3 {
			t.Errorf("%v, %v", left, err)
		}
		for _, name := range []string{"briefing.html", "briefing.txt"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || !strings.Contains(string(text), said.Hash) || !strings.Contains(string(text), "自6月8日12:00上次会商以来") {
				t.Errorf("%s, %v: %.300s", name, err, text)
			}
		}
		f, err := excelize.OpenFile(filepath.Join(dir, "briefing.xlsx"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(f.GetSheetList(), "雨量站") {
			t.Errorf("sheets %q", f.GetSheetList())
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	bad := t.TempDir()
	if err := os.WriteFile(filepath.Join(bad, "water.en.tmpl"), []byte("one\n{{.Water.Fish}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		kind error
		want string
	}{
		"no folder":              {[]string{"pack", "--as-of", "2026-06-08 12:15"}, hydro.ErrInvalid, "-o: name the folder"},
		"a folder that is none":  {[]string{"--as-of", "2026-06-08 12:15", "-o", filepath.Join(bad, "water.en.tmpl")}, hydro.ErrInvalid, "-o: "},
		"no time":                {[]string{"--as-of", "noon", "-o", bad}, hydro.ErrInvalid, `--as-of "noon" is no time like 2026-06-15T08:00:00+08:00`},
		"no earlier time":        {[]string{"--as-of", "2026-06-08 12:15", "--since", "noon", "-o", bad}, hydro.ErrInvalid, `--since "noon" is no time`},
		"still to come":          {[]string{"--as-of", "2026-06-08 13:00", "-o", bad}, nil, "still to come"},
		"another basin":          {[]string{"--as-of", "2026-06-08 12:15", "--basin", "nile", "-o", bad}, hydro.ErrNotFound, "nile"},
		"another language":       {[]string{"--as-of", "2026-06-08 12:15", "--lang", "fr", "-o", bad}, hydro.ErrInvalid, "fr"},
		"a bad template":         {[]string{"--as-of", "2026-06-08 12:15", "--templates", bad, "-o", bad}, hydro.ErrInvalid, "water.en.tmpl:2:"},
		"a situation of no time": {[]string{"situation", "--as-of", "noon"}, hydro.ErrInvalid, "--as-of"},
		"a situation to come":    {[]string{"situation", "--as-of", "2026-06-08 13:00"}, nil, "still to come"},
		"a diff backwards":       {[]string{"diff", "--from", "2026-06-08 12:10", "--to", "2026-06-08 12:00"}, hydro.ErrInvalid, "to"},
		"a diff from nowhere":    {[]string{"diff"}, hydro.ErrInvalid, "from"},
	} {
		if _, _, err := ran(t, on(c.args...)...); err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if left, err := os.ReadDir(bad); err != nil || len(left) != 1 {
		t.Errorf("a call that failed wrote %v, %v", left, err)
	}
}

func TestTheShippedTemplatesAreWrittenAndCheckedAndNeverReplaced(t *testing.T) {
	out, _, err := ran(t, "briefing", "templates")
	if err != nil || strings.Count(out, "--- ") != len(pack.TemplateNames()) {
		t.Fatalf("%v: %.200s", err, out)
	}
	dir := t.TempDir()
	if _, _, err := ran(t, "briefing", "templates", "-o", dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ran(t, "briefing", "templates", "--check", "-o", dir); err != nil {
		t.Errorf("what is shipped is wrong: %v", err)
	}
	if _, _, err := ran(t, "briefing", "templates", "-o", dir); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "never replaced") {
		t.Errorf("over files that are there: %v", err)
	}
	for name, text := range map[string]string{"rain.zh.tmpl": "one\n\n{{.Rain.Snow}}", "blind.en.tmpl": "{{if}}"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = ran(t, "briefing", "templates", "--check", "-o", dir)
	if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "rain.zh.tmpl:3:") || !strings.Contains(err.Error(), "blind.en.tmpl:1:") {
		t.Errorf("two mistakes: %v", err)
	}
}

// What is exported is what the links give, whatever it goes to; what is wrong is said.
func forecastIsExported(t *testing.T, address string) {
	on := func(args ...string) []string {
		return append(append([]string{"forecast", "export"}, args...), "--http", address)
	}
	out, _, err := ran(t, on("--basin", "tanjiang")...)
	rows, readErr := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || readErr != nil || len(rows) < 100 || !slices.Equal(rows[0], forecastcsv.Header) || rows[1][1] != "2026-06-08 04:20:00" {
		t.Fatalf("%v, %v, %d rows: %.300s", err, readErr, len(rows), out)
	}
	file := filepath.Join(t.TempDir(), "run.csv")
	for range 2 {
		if said, _, err := ran(t, on("--basin", "tanjiang", "-o", file)...); err != nil || said != "" {
			t.Fatalf("%v: %s", err, said)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != out {
		t.Errorf("the file is another than standard output: %v", err)
	}
	old, _, err := ran(t, on("--basin", "tanjiang", "--issued-at", "2026-06-08 12:10", "--format", "json")...)
	var run struct{ Forecast struct{ IssuedAt time.Time } }
	if err == nil {
		err = json.Unmarshal([]byte(old), &run)
	}
	if err != nil || !run.Forecast.IssuedAt.Equal(packNoon.Add(10*time.Minute)) {
		t.Errorf("%v: a run of %s", err, run.Forecast.IssuedAt)
	}
	form, warned, err := ran(t, on("--basin", "tanjiang", "--format", "st_forecast_f", "--unit", "局 & 站", "--plan", "P1")...)
	rows, readErr = csv.NewReader(strings.NewReader(form)).ReadAll()
	if err != nil || readErr != nil || !slices.Equal(rows[0], forecastcsv.HeaderSL323) {
		t.Fatalf("%v, %v: %.300s", err, readErr, form)
	}
	for _, r := range rows[1:] {
		if len(r[0]) != 8 || r[1] != "局 & 站" || r[2] != "P1" {
			t.Fatalf("a row %q", r)
		}
	}
	if len(rows) == 1 && !strings.Contains(warned, "no rows, because they have no code") {
		t.Errorf("no rows and no word of it: %q", warned)
	}
	for name, c := range map[string]struct {
		args []string
		kind error
		want string
	}{
		"no basin":      {nil, hydro.ErrInvalid, "basin"},
		"another basin": {[]string{"--basin", "nile"}, hydro.ErrNotFound, "nile"},
		"no such run":   {[]string{"--basin", "tanjiang", "--issued-at", "2026-06-01 00:00"}, hydro.ErrNotFound, "2026-05-31"},
		"no time":       {[]string{"--basin", "tanjiang", "--issued-at", "noon"}, hydro.ErrInvalid, "--issued-at"},
		"no format":     {[]string{"--basin", "tanjiang", "--format", "xml"}, hydro.ErrInvalid, "st_forecast_f"},
		"no server":     {[]string{"--basin", "tanjiang", "--http", "127.0.0.1:1"}, hydro.ErrUnavailable, "127.0.0.1:1"},
	} {
		args := on(c.args...)
		if name == "no server" {
			args = append([]string{"forecast", "export"}, c.args...)
		}
		if said, _, err := ran(t, args...); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || said != "" {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
