package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// A shortFeed has a fixed feed and breaks the link after every second warning.
// Its tokens are the number of warnings behind which they stand.
type shortFeed struct {
	freshetv1.UnimplementedWarningServiceServer
	warnings []hydro.Warning
	watch    *hydro.ForecastWatch // at the end, if not nil
}

func (f *shortFeed) WatchWarnings(req *freshetv1.WatchWarningsRequest, stream grpc.ServerStreamingServer[freshetv1.WatchWarningsResponse]) error {
	at := len(f.warnings)
	if req.GetFromStart() {
		at = 0
	}
	if req.GetResumeToken() != "" {
		n, err := strconv.Atoi(req.GetResumeToken())
		if err != nil {
			return status.Error(codes.InvalidArgument, "resume_token: the resume token belongs to another installation")
		}
		at = n
	}
	if err := stream.Send(&freshetv1.WatchWarningsResponse{ResumeToken: strconv.Itoa(at)}); err != nil {
		return err
	}
	for range 2 {
		if at == len(f.warnings) {
			if f.watch != nil {
				if err := stream.Send(&freshetv1.WatchWarningsResponse{ForecastWatch: wire.FromForecastWatch(f.watch), ResumeToken: strconv.Itoa(at)}); err != nil {
					return err
				}
			}
			<-stream.Context().Done()
			return nil
		}
		at++
		m := &freshetv1.WatchWarningsResponse{
			Warning: wire.FromWarning(&f.warnings[at-1]), ResumeToken: strconv.Itoa(at), Unseen: uint64(len(f.warnings) - at),
		}
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return status.Error(codes.Unavailable, "the server is going down")
}

func serveTest(t *testing.T, register func(*grpc.Server)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	register(srv)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func testWarnings() []hydro.Warning {
	begin := time.Date(2026, 6, 10, 0, 0, 0, 0, time.UTC)
	var out []hydro.Warning
	for i := range 5 {
		out = append(out, hydro.Warning{
			ID: "b/" + strconv.Itoa(i+1) + "/0", Basin: "b", Station: "s", At: begin.Add(time.Duration(i) * time.Hour),
			From: hydro.Stage(i), To: hydro.Stage(i + 1), ReasonZH: "站：第 " + strconv.Itoa(i+1) + " 条。", ReasonEN: "Station: number " + strconv.Itoa(i+1) + ".", Catalogue: "v",
		})
	}
	return out
}

// A countdown is an output that calls done when it holds so many lines.
type countdown struct {
	text  bytes.Buffer
	lines int
	done  func()
}

func (c *countdown) Write(p []byte) (int, error) {
	n, err := c.text.Write(p)
	if bytes.Count(c.text.Bytes(), []byte("\n")) >= c.lines {
		c.done()
	}
	return n, err
}

// run executes a command and stops it when ctx is done. Its output goes through
// count, if that is not nil.
func run(ctx context.Context, count *countdown, args ...string) (stdout, stderr string, err error) {
	c := root()
	if count == nil {
		count = &countdown{done: func() {}}
	}
	var notes bytes.Buffer
	c.SetArgs(args)
	c.SetOut(count)
	c.SetErr(&notes)
	err = c.ExecuteContext(ctx)
	return count.text.String(), notes.String(), err
}

func TestWatchPrintsEachWarningOnceOverBrokenLinks(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	feed := &shortFeed{warnings: testWarnings()}
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterWarningServiceServer(s, feed) })
	token := filepath.Join(t.TempDir(), "token")
	out, notes, err := run(ctx, &countdown{lines: 5, done: cancel}, "watch", "--server", address, "--from-start", "--place-file", token, "--lang", "en")
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	want := `06-10 08:00  ▲ 蓝色 BLUE   Station: number 1.
06-10 09:00  ▲ 黄色 YELLOW Station: number 2.
06-10 10:00  ▲ 橙色 ORANGE Station: number 3.
06-10 11:00  ▲ 红色 RED    Station: number 4.
06-10 12:00  ✕ 失明 BLIND  Station: number 5.
`
	if out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	for _, want := range []string{"5 warnings were waiting", "silence does not mean safety", "link is back"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not said:\n%s", want, notes)
		}
	}
	saved, err := os.ReadFile(token)
	if err != nil || string(saved) != "5\n" {
		t.Errorf("token file: %q, %v", saved, err)
	}
}

func TestWatchGoesOnFromTheTokenFile(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	feed := &shortFeed{warnings: testWarnings()}
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterWarningServiceServer(s, feed) })
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err := run(ctx, &countdown{lines: 2, done: cancel}, "watch", "--server", address, "--from-start", "--place-file", token, "--json")
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	var ids []string
	for line := range strings.Lines(out) {
		var m struct {
			Warning struct{ ID string } `json:"warning"`
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		ids = append(ids, m.Warning.ID)
	}
	if got := strings.Join(ids, " "); got != "b/4/0 b/5/0" {
		t.Errorf("got %s", got)
	}
}

func TestWatchSaysWhatToDoWithARefusedToken(t *testing.T) {
	feed := &shortFeed{warnings: testWarnings()}
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterWarningServiceServer(s, feed) })
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("elsewhere"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := run(t.Context(), nil, "watch", "--server", address, "--place-file", token)
	if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "another installation") || !strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "rpc error") {
		t.Errorf("%v", err)
	}
}

func TestLanguagesAreZhAndEn(t *testing.T) {
	for _, command := range []string{"watch", "forecast"} {
		if _, _, err := run(t.Context(), nil, command, "--lang", "fr"); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func TestWatchTellsThatAForecastHasExpired(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	at := time.Date(2026, 6, 10, 0, 5, 0, 0, time.UTC)
	feed := &shortFeed{watch: &hydro.ForecastWatch{
		Basin: "b", Standing: hydro.ForecastExpired, At: at, Since: at, IssuedAt: at.Add(-time.Hour), ValidUntil: at, Detail: "The forecast has expired.", DetailZH: "预报已过期。",
	}}
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterWarningServiceServer(s, feed) })
	out, _, err := run(ctx, &countdown{lines: 1, done: cancel}, "watch", "--server", address, "--lang", "zh")
	if want := "06-10 08:05  ◇ 预报已过期 FORECAST EXPIRED  b  预报已过期。\n"; out != want || !errors.Is(err, context.Canceled) {
		t.Errorf("%v: got\n%swant\n%s", err, out, want)
	}
}
