package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	natsserver "github.com/nats-io/nats-server/v2/server"

	"freshet/internal/app"
	"freshet/internal/demo"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

func options(out io.Writer) demo.Options {
	o := demo.Options{App: app.DefaultOptions(), Now: time.Now, Seed: 1, Lang: termui.English, Out: out}
	o.App.Catalog = "../../deploy/catalog/tanjiang"
	o.App.GRPC, o.App.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	return o
}

// The storm of `freshet demo`, twice: everything arrives, every stage is reached
// and left again, the faulty gauges are named, both runs say the same, and every
// warning of the first is explained from its log, which also gives its situations.
func TestTheStormIsWholeNamedAndRepeatable(t *testing.T) {
	var runs []demo.Summary
	var feeds [][]string
	data := t.TempDir()
	var live []*freshetv1.ExplainWarningResponse // the first twenty
	frozen := newSituations(t, 20)
	for i := range 2 {
		var out bytes.Buffer
		o := options(&out)
		o.JSON = true
		if i == 0 {
			o.Data = data
			o.Stepped = frozen.ask
			o.Done = func(ctx context.Context, a *app.App) (err error) {
				all := ids(t, warningLines(t, out.Bytes()))
				live, err = explain(ctx, a, all[:20]...)
				return err
			}
		} else {
			o.App.MilestoneEvery = 0 // nobody asks for what has been: whether they are made must show nowhere else
		}
		s, err := demo.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, s)
		feeds = append(feeds, warningLines(t, out.Bytes()))
	}
	s := runs[0]
	if s.Acked == 0 || s.Acked != s.OnLog || s.OnLog != s.Archived {
		t.Errorf("acked %d, on the log %d, archived %d: want one number", s.Acked, s.OnLog, s.Archived)
	}
	refused := 0
	for _, n := range s.Refused {
		refused += n
	}
	if s.Sent != s.Acked+refused {
		t.Errorf("sent %d, acked %d, refused %d: something is unaccounted for", s.Sent, s.Acked, refused)
	}
	for _, stage := range []string{"blue", "yellow", "orange", "red"} {
		if s.Raised[stage] == 0 || s.Lowered[stage] == 0 {
			t.Errorf("%s: raised %d times, lowered %d times; want both", stage, s.Raised[stage], s.Lowered[stage])
		}
	}
	for _, f := range s.Faults {
		if want := map[string]string{"stuck": "stuck", "silent": "silent", "wrong_datum": "datum_mismatch"}[f.Kind]; want != "" && !strings.Contains(f.Named, want) {
			t.Errorf("%s is %s and was named %q", f.Station, f.Kind, f.Named)
		}
	}
	for _, kind := range []string{"stuck", "silent", "wrong_datum", "spike", "gap", "late", "duplicate"} {
		if !slices.ContainsFunc(s.Faults, func(f demo.Fault) bool { return f.Kind == kind }) {
			t.Errorf("no %s was injected", kind)
		}
	}
	for _, b := range s.Blind { // at the end nothing but what was injected may be dark
		if !slices.ContainsFunc(s.Faults, func(f demo.Fault) bool { return f.Station == b.Station && f.Kind == "silent" && f.To.After(s.To) }) {
			t.Errorf("%s is blind at the end without a fault: %s", b.Station, b.Cause)
		}
	}
	if d := cmp.Diff(feeds[0], feeds[1]); d != "" {
		t.Errorf("two runs warned differently (-first +second):\n%.3000s", d)
	}
	if len(feeds[0]) != s.Warnings {
		t.Errorf("%d warnings on the feed, %d in the summary", len(feeds[0]), s.Warnings)
	}
	runs[0].WallSeconds, runs[1].WallSeconds = 0, 0
	if d := cmp.Diff(runs[0], runs[1]); d != "" {
		t.Errorf("two runs counted differently (-first +second):\n%.3000s", d)
	}
	t.Run("a server on its log", func(t *testing.T) {
		a := startAgain(t, data)
		t.Run("explains every warning", func(t *testing.T) { checkExplanations(t, a, feeds[0], live) })
		t.Run("has its CAP messages", func(t *testing.T) { checkMessages(t, a) })
	})
	t.Run("situations", func(t *testing.T) { frozen.check(t, data) })
}

func warningLines(t *testing.T, out []byte) []string {
	t.Helper()
	var lines []string
	for line := range bytes.Lines(out) {
		var l struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%q is not JSON: %v", line, err)
		}
		if l.Type == "warning" {
			lines = append(lines, string(line))
		}
	}
	return lines
}

// What people see when the output is no terminal: warnings as lines, and a
// summary that says what it is and is not.
func TestThePlainViewSaysSyntheticAndIllustrative(t *testing.T) {
	var out bytes.Buffer
	o := options(&out)
	o.Steps = 120
	s, err := demo.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	demo.WriteSummary(&out, s, termui.English)
	for _, want := range []string{"SYNTHETIC", "illustrative", "BLUE", "archived", "faults injected"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output does not say %q:\n%s", want, out.String())
		}
	}
}

// The same code runs on an existing NATS server: nothing that anybody can see
// differs.
func TestAnExternalNATSGivesTheSameWarnings(t *testing.T) {
	srv, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, MaxPayload: 8 << 20, StoreDir: t.TempDir(), SyncAlways: true, NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	defer func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	}()
	if !srv.ReadyForConnections(30 * time.Second) {
		t.Fatal("the NATS server does not come up")
	}
	run := func(url string) demo.Summary {
		o := options(io.Discard)
		o.JSON, o.Steps, o.App.NATS = true, 200, url
		s, err := demo.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		s.WallSeconds = 0
		return s
	}
	embedded, external := run(""), run(srv.ClientURL())
	if embedded.Warnings == 0 {
		t.Fatal("no warnings: nothing is shown")
	}
	if d := cmp.Diff(embedded, external); d != "" {
		t.Errorf("an external log makes a difference (-embedded +external):\n%s", d)
	}
}

// A caller is an output that looks at the console as soon as it is told where.
type caller struct {
	t     *testing.T
	whole bytes.Buffer
	asked bool
	kind  string
}

func (c *caller) Write(p []byte) (int, error) {
	c.whole.Write(p)
	first, _, whole := strings.Cut(c.whole.String(), "\n")
	if c.asked || !whole {
		return len(p), nil
	}
	c.asked = true
	_, url, ok := strings.Cut(first, "console: ")
	if !ok {
		c.t.Errorf("the first line is %q; want where the console is", first)
		return len(p), nil
	}
	r, err := http.Get(url)
	if err != nil {
		c.t.Error(err)
		return len(p), nil
	}
	defer r.Body.Close()
	c.kind = r.Status + " " + r.Header.Get("Content-Type")
	return len(p), nil
}

// The first that a demo says is where its console is, and it is there already.
func TestTheConsoleIsToldFirst(t *testing.T) {
	out := &caller{t: t}
	o := options(out)
	o.Steps = 1
	if _, err := demo.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if out.kind != "200 OK text/html; charset=utf-8" {
		t.Errorf("the console answers %q", out.kind)
	}
}
