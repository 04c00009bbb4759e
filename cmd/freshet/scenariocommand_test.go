package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/hydro"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// stormServer is a whole server at noon of a dry day in June, and its data folder.
func stormServer(t *testing.T) (*app.App, string) {
	t.Helper()
	o := app.DefaultOptions()
	o.Data, o.Catalog, o.Clock = t.TempDir(), "../../deploy/catalog/tanjiang", "driven"
	o.GRPC, o.HTTP, o.Logger = "127.0.0.1:0", "127.0.0.1:0", slog.New(slog.DiscardHandler)
	a, err := app.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() }) // again, where a test has closed it
	if err := a.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := client.NewClock(conn, client.Backoff{}).Advance(t.Context(), time.Date(2026, 6, 8, 4, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	return a, o.Data
}

// What a briefing does with rehearsals, over a whole server: asked, kept, drawn,
// listed, shown, compared, searched, deleted; everything says that it is none of what is.
func TestScenariosOverAServer(t *testing.T) {
	a, _ := stormServer(t)
	scenario := func(args ...string) (out, errs string, err error) {
		return run(t.Context(), nil, append(append([]string{"scenario"}, args...), "--server", a.GRPCAddr())...)
	}
	good := func(args ...string) string {
		t.Helper()
		out, errs, err := scenario(args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, errs)
		}
		return out
	}
	holds := func(what, text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", what, want, text)
			}
		}
	}
	dir := t.TempDir()
	file, svg := filepath.Join(dir, "s.yaml"), filepath.Join(dir, "s.svg")
	if err := os.WriteFile(file, []byte(`name: {zh: 暴雨, en: storm}
rain: {kind: storm, total: 150, duration: 6h, peak: 0.4}
soil: [{filled: 0.9}]
lost: [h-puqiao]
thresholds: [{station: h-enping, stage: blue, value: 6.2}]
search: {reservoirs: [{reservoir: jinjiang, least: 10, most: 800, ramp: 200}], targets: [{station: h-enping}], pieces: 2, runs: 40, points: 1}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	const mark = "演练 · 情景推演，非实况"
	zh := good("run", file, "--keep", "--svg", svg, "--station", "h-enping", "--lang", "zh")
	holds("run", zh, mark, "REHEARSAL", "暴雨", "恩平", "各级首次达到（起报后）与持续时间", "蓝色 6.2 m +", "锦江水库", "预案推演", "建议", "设为缺测：起报时刻起无数据：蒲桥", "起报时失明")
	if strings.Contains(zh, "rain forecast of") || strings.Contains(zh, "h0m0s") {
		t.Errorf("English or a Go duration in Chinese:\n%s", zh)
	}
	drawn, err := os.ReadFile(svg)
	if err != nil {
		t.Fatal(err)
	}
	holds("figure", string(drawn), `class="rehearsal"`, "非实况", "恩平")

	var kept struct {
		ID        string `json:"id"`
		Rehearsal bool   `json:"rehearsal"`
	}
	if err := json.Unmarshal([]byte(good("run", "--storm", "250/6h", "--soil", "1", "--name", "big", "--keep", "--json")), &kept); err != nil || len(kept.ID) != 16 || !kept.Rehearsal {
		t.Fatalf("%+v %v", kept, err)
	}
	list := good("list", "--lang", "en")
	holds("list", list, "not the live situation", "storm", "big", kept.ID)
	var first string
	for line := range strings.Lines(list) {
		if strings.Contains(line, "storm") {
			first, _, _ = strings.Cut(line, " ")
		}
	}
	holds("show", good("show", first, "--lang", "en"), mark, "REHEARSAL", "storm", "when each stage is met", "as it is")
	holds("compare", good("compare", first, kept.ID, "--lang", "en"), mark, "A "+first, "B "+kept.ID, "peak of A", "Enping")
	out, errs, err := scenario("search", file, "--lang", "zh")
	if err != nil {
		t.Fatal(err)
	}
	holds("search", out, mark, "最差超标", "泄流方案", "权衡")
	holds("progress", errs, "搜索泄流方案", "/40")

	for _, c := range []struct {
		args []string
		says string
		kind error
	}{
		{[]string{"run", "--lost", "moon", "--lost", "sun"}, "lost[0]: \"moon\" is no station of basin tanjiang: freshet network shows them\nlost[1]: \"sun\"", hydro.ErrInvalid},
		{[]string{"run", "--rain-factor", "2"}, "no rain forecast is in force at T0", hydro.ErrInvalid},
		{[]string{"run", "--storm", "big"}, "write mm/duration", hydro.ErrInvalid},
		{[]string{"run", "nowhere.yaml"}, "nowhere.yaml", hydro.ErrInvalid},
		{[]string{"run", file, "--svg", svg, "--station", "nowhere"}, "does not tell of it", hydro.ErrNotFound},
		{[]string{"show", "0123456789abcdef"}, "nothing of this id is kept", hydro.ErrNotFound},
		{[]string{"compare", first, "xyz"}, "", hydro.ErrInvalid},
	} {
		if _, _, err := scenario(c.args...); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
	good("delete", first)
	if _, _, err := scenario("show", first); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}

// A dry-run by the command, of a running server and of its folder once it is stopped:
// the same rules say the same.
func TestADryRunByTheCommand(t *testing.T) {
	a, data := stormServer(t)
	dry := func(args ...string) (out, errs string, err error) {
		return run(t.Context(), nil, append([]string{"dry-run", "--catalog", "../../deploy/catalog/tanjiang"}, args...)...)
	}
	type report struct {
		Basin      string `json:"basin"`
		Inputs     int    `json:"inputs"`
		Reproduced struct {
			Exact bool `json:"exact"`
		} `json:"reproduced"`
	}
	read := func(args ...string) (r report, out string) {
		t.Helper()
		out, errs, err := dry(append(args, "--json")...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, errs)
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		return r, out
	}
	live, text := read("--server", a.GRPCAddr())
	if live.Basin != "tanjiang" || live.Inputs < 2 || !live.Reproduced.Exact {
		t.Errorf("%+v", live)
	}
	if _, _, err := dry("--data", data); !errors.Is(err, hydro.ErrConflict) || !strings.Contains(err.Error(), "ask it with --server") {
		t.Errorf("the folder of a running server: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, again := read("--data", data); again != text {
		t.Errorf("of the server\n%s\nof its folder\n%s", text, again)
	}
	out, errs, err := dry("--data", data, "--lang", "zh")
	if err != nil || !strings.Contains(out, "规则试演 tanjiang") || !strings.Contains(out, "逐字节相同") || !strings.Contains(errs, "已重演") {
		t.Errorf("%v\n%s%s", err, out, errs)
	}
	for _, c := range []struct {
		args []string
		kind error
	}{
		{[]string{"--data", t.TempDir()}, hydro.ErrNotFound},
		{[]string{"--data", data, "--truth", "mine"}, hydro.ErrInvalid},
		{[]string{"--data", data, "--from", "2026-06-09", "--to", "2026-06-08"}, hydro.ErrInvalid},
		{[]string{"--data", data, "--basin", "nile"}, hydro.ErrInvalid},
	} {
		if _, _, err := dry(c.args...); !errors.Is(err, c.kind) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}

// Each release of a schedule that was found stands beside its reservoir and its time.
func TestAFoundScheduleIsPrinted(t *testing.T) {
	releases := func(afterS uint32, outflow float64) []*freshetv1.ScenarioRelease {
		return []*freshetv1.ScenarioRelease{{Outflow: 10}, {AfterS: afterS, Outflow: outflow}}
	}
	text := foundText(&freshetv1.SearchResult{
		Feasible: true, Rehearsal: &freshetv1.Rehearsal{T0: timestamppb.New(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))},
		Schedules: []*freshetv1.ScenarioSchedule{{Reservoir: "jinjiang", Releases: releases(3600, 250)}, {Reservoir: "zhenhai", Releases: releases(7200, 80)}},
	}, termui.English)
	text = strings.Join(strings.Fields(text), " ")
	if want := "jinjiang 06-09 08:00 10.0 jinjiang 06-09 09:00 250.0 zhenhai 06-09 08:00 10.0 zhenhai 06-09 10:00 80.0"; !strings.Contains(text, want) {
		t.Errorf("no %q in %s", want, text)
	}
}
