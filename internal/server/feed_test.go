package server_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/server"
	freshetv1 "freshet/proto/freshet/v1"
)

func feedWarning(basin string, i int) hydro.Warning {
	return hydro.Warning{
		ID: fmt.Sprintf("%s/%d/0", basin, i+1), Basin: basin, Station: puqiao, At: begin.Add(time.Duration(i) * time.Minute),
		From: hydro.Clear, To: hydro.Blue, ReasonZH: "蒲桥：示例。", ReasonEN: "Puqiao: example.", Catalogue: "v", Illustrative: true,
	}
}

// publish appends warnings from to (exclusive) of a basin to its out-log, each
// behind an observation that the feed must pass over.
func (b *bench) publish(ctx context.Context, basin string, from, to int, change ...func(*hydro.Warning)) error {
	last, err := b.journal.LastOutput(ctx, basin)
	if err != nil {
		return err
	}
	p := b.journal.Publisher(basin, last)
	for i := from; i < to; i++ {
		w := feedWarning(basin, i)
		for _, f := range change {
			f(&w)
		}
		o := observation(hydro.Key{Station: puqiao, Variable: hydro.WaterLevel}, w.At, 1, hydro.Pass)
		if err := p.Publish(ctx, uint64(i+1), []hydro.Output{{Observations: []hydro.Observation{o}}, {Warning: &w}}); err != nil {
			return err
		}
	}
	return p.Flush(ctx)
}

func (b *bench) watch(ctx context.Context, t *testing.T, req *freshetv1.WatchWarningsRequest) *watcher {
	t.Helper()
	stream, err := freshetv1.NewWarningServiceClient(b.conn).WatchWarnings(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	return &watcher{t: t, recv: stream.Recv}
}

type watcher struct {
	t    *testing.T
	recv func() (*freshetv1.WatchWarningsResponse, error)
}

func (w *watcher) next() *freshetv1.WatchWarningsResponse {
	w.t.Helper()
	m, err := w.recv()
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// warning passes over heartbeats.
func (w *watcher) warning() *freshetv1.WatchWarningsResponse {
	w.t.Helper()
	for {
		if m := w.next(); m.GetWarning() != nil {
			return m
		}
	}
}

func TestAFeedWithRandomDisconnectsHasNoGapAndNoRepeat(t *testing.T) {
	b := newBench(t)
	const n = 150 // per basin
	published := make(chan error, 2)
	for _, basin := range []string{riverBasin, quietBasin} {
		go func() {
			var err error
			for i := 0; i < n && err == nil; i += 10 {
				err = b.publish(t.Context(), basin, i, i+10)
			}
			published <- err
		}()
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	got := map[string][]string{}
	token, seen, breaks := "", 0, 0
	for seen < 2*n {
		ctx, cancel := context.WithCancel(t.Context())
		w := b.watch(ctx, t, &freshetv1.WatchWarningsRequest{ResumeToken: token, FromStart: token == ""})
		for range rnd.IntN(12) {
			m := w.next()
			token = m.GetResumeToken()
			if m.GetWarning() != nil {
				got[m.GetWarning().GetBasin()] = append(got[m.GetWarning().GetBasin()], m.GetWarning().GetId())
				if seen++; seen == 2*n {
					break
				}
			}
		}
		cancel() // at any moment, answers still under way
		breaks++
	}
	for range 2 {
		if err := <-published; err != nil {
			t.Fatal(err)
		}
	}
	for _, basin := range []string{riverBasin, quietBasin} {
		var want []string
		for i := range n {
			want = append(want, feedWarning(basin, i).ID)
		}
		if diff := cmp.Diff(want, got[basin]); diff != "" {
			t.Errorf("%s, after %d disconnects (-want +got):\n%s", basin, breaks, diff)
		}
	}
}

func TestAStalledWatcherDelaysNobody(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stalled := b.watch(ctx, t, &freshetv1.WatchWarningsRequest{FromStart: true})
	stalled.next() // is open, and reads no further
	const n, size = 200, 32 << 10
	large := func(w *hydro.Warning) { w.Cause = strings.Repeat("x", size) } // 6 MB in all: more than all buffers on the way
	if err := b.publish(t.Context(), riverBasin, 0, n, large); err != nil {
		t.Fatal(err)
	}
	other := b.watch(ctx, t, &freshetv1.WatchWarningsRequest{FromStart: true})
	for i := range n {
		if m := other.warning(); m.GetWarning().GetId() != feedWarning(riverBasin, i).ID {
			t.Fatalf("warning %d is %s", i, m.GetWarning().GetId())
		}
	}
	// The stalled one has lost nothing either.
	for i := range n {
		if m := stalled.warning(); m.GetWarning().GetId() != feedWarning(riverBasin, i).ID {
			t.Fatalf("warning %d of the stalled watcher is %s", i, m.GetWarning().GetId())
		}
	}
}

func TestAFeedWithoutTokenBeginsNow(t *testing.T) {
	b := newBench(t)
	if err := b.publish(t.Context(), riverBasin, 0, 3); err != nil {
		t.Fatal(err)
	}
	w := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{})
	opening := w.next()
	if opening.GetWarning() != nil || opening.GetResumeToken() == "" {
		t.Errorf("opening: %v", opening)
	}
	if err := b.publish(t.Context(), riverBasin, 3, 4); err != nil {
		t.Fatal(err)
	}
	if m := w.warning(); m.GetWarning().GetId() != feedWarning(riverBasin, 3).ID || !m.GetNow().AsTime().Equal(today) {
		t.Errorf("%v", m)
	}
	// The opening's token is a place too: who lost the link before the first
	// warning misses nothing.
	again := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{ResumeToken: opening.GetResumeToken()})
	if m := again.warning(); m.GetWarning().GetId() != feedWarning(riverBasin, 3).ID {
		t.Errorf("%v", m)
	}
}

func TestUnseenCountsWhatWaits(t *testing.T) {
	b := newBench(t)
	if err := b.publish(t.Context(), riverBasin, 0, 5); err != nil {
		t.Fatal(err)
	}
	w := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{FromStart: true, Basins: []string{riverBasin}})
	for want := uint64(4); ; want-- {
		if m := w.warning(); m.GetUnseen() != want {
			t.Errorf("unseen %d, want %d", m.GetUnseen(), want)
		}
		if want == 0 {
			return
		}
	}
}

func TestAQuietFeedBeats(t *testing.T) {
	b := newBench(t)
	w := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{Basins: []string{riverBasin}})
	for range 3 {
		m := w.next()
		if m.GetWarning() != nil || m.GetResumeToken() == "" || !m.GetNow().AsTime().Equal(today) {
			t.Errorf("%v", m)
		}
	}
}

func TestTokensThatCannotBeHonouredAreRefusedWithAWayOut(t *testing.T) {
	var foreign string
	t.Run("elsewhere", func(t *testing.T) {
		foreign = newBench(t).watch(t.Context(), t, &freshetv1.WatchWarningsRequest{}).next().GetResumeToken()
	})
	b := newBench(t)
	if err := b.publish(t.Context(), riverBasin, 0, 2); err != nil {
		t.Fatal(err)
	}
	mine := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{}).next().GetResumeToken()
	quiet := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{Basins: []string{quietBasin}}).next().GetResumeToken()
	flipped := []byte(mine)
	flipped[len(flipped)/2] ^= 1

	for _, c := range []struct {
		name, token string
		basins      []string
	}{
		{"of another installation", foreign, nil},
		{"not base64", "***", nil},
		{"damaged", string(flipped), nil},
		{"cut short", mine[:len(mine)-3], nil},
		{"empty bytes", base64.RawURLEncoding.EncodeToString(make([]byte, 12)), nil},
		{"of other basins", quiet, []string{riverBasin}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{ResumeToken: c.token, Basins: c.basins})
			_, err := w.recv()
			if diff := cmp.Diff([]string{"resume_token"}, violated(t, err)); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(status.Convert(err).Message(), "from_start") {
				t.Errorf("no way out: %v", err)
			}
		})
	}
	w := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{Basins: []string{"amazon"}})
	if _, err := w.recv(); status.Code(err) != codes.NotFound {
		t.Errorf("unknown basin: %v", err)
	}
}

// An agedLog has dropped its oldest records.
type agedLog struct {
	*journal.Journal
	first uint64
}

func (l agedLog) FirstOutput(context.Context, string) (uint64, error) { return l.first, nil }

func TestATokenBehindTheOldestRecordIsRefusedBecauseAGapIsPossible(t *testing.T) {
	for _, c := range []struct {
		name  string
		first uint64
		want  codes.Code
	}{{"next record is held", 3, codes.OK}, {"next record is gone", 4, codes.InvalidArgument}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(o *server.Options) { o.Feed = agedLog{o.Feed.(*journal.Journal), c.first} })
			if err := b.publish(t.Context(), riverBasin, 0, 1); err != nil { // records 1 and 2
				t.Fatal(err)
			}
			only := []string{riverBasin}
			token := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{Basins: only}).next().GetResumeToken()
			_, err := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{Basins: only, ResumeToken: token}).recv()
			if status.Code(err) != c.want {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestATokenOfOneBasinBeginsTheOthersAtTheirOldest(t *testing.T) {
	b := newBench(t)
	token := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{Basins: []string{quietBasin}}).next().GetResumeToken()
	if err := b.publish(t.Context(), riverBasin, 0, 1); err != nil {
		t.Fatal(err)
	}
	w := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{ResumeToken: token})
	if m := w.warning(); m.GetWarning().GetId() != feedWarning(riverBasin, 0).ID {
		t.Errorf("%v", m)
	}
}

func TestStoppingEndsTheFeedWithUnavailable(t *testing.T) {
	b := newBench(t)
	w := b.watch(t.Context(), t, &freshetv1.WatchWarningsRequest{})
	w.next()
	stopped := make(chan error, 1)
	go func() { stopped <- b.stop() }()
	for {
		_, err := w.recv()
		if err == nil {
			continue
		}
		if s := status.Convert(err); s.Code() != codes.Unavailable || !strings.Contains(s.Message(), "resume token") {
			t.Errorf("%v", err)
		}
		break
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// events reads server-sent events.
type events struct {
	t    *testing.T
	body io.ReadCloser
	in   *bufio.Reader
}

func (b *bench) events(ctx context.Context, t *testing.T, query, lastEventID string) *events {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.http+"/v1/warnings/feed"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	return &events{t, resp.Body, bufio.NewReader(resp.Body)}
}

// warning returns the next event of a warning.
func (e *events) warning() (id string, m *freshetv1.WatchWarningsResponse) {
	e.t.Helper()
	return e.item("warning")
}

// item returns the next event of a kind.
func (e *events) item(kind string) (id string, m *freshetv1.WatchWarningsResponse) {
	e.t.Helper()
	event := ""
	for {
		line, err := e.in.ReadString('\n')
		if err != nil {
			e.t.Fatal(err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			if event != kind {
				continue
			}
			m = &freshetv1.WatchWarningsResponse{}
			if err := protojson.Unmarshal([]byte(value), m); err != nil {
				e.t.Fatal(err)
			}
			return id, m
		}
	}
}

func TestServerSentEventsResumeByLastEventID(t *testing.T) {
	b := newBench(t)
	if err := b.publish(t.Context(), riverBasin, 0, 4); err != nil {
		t.Fatal(err)
	}
	token := ""
	for i := range 4 {
		ctx, cancel := context.WithCancel(t.Context())
		query := ""
		if i == 0 {
			query = "?from_start=true"
		}
		e := b.events(ctx, t, query, token)
		id, m := e.warning()
		if m.GetWarning().GetId() != feedWarning(riverBasin, i).ID || id != m.GetResumeToken() {
			t.Errorf("event %d: %s", i, m.GetWarning().GetId())
		}
		token = id
		cancel()
		_ = e.body.Close()
	}
	if code, body := get(t, b.http+"/v1/warnings/feed?resume_token=nonsense"); code != http.StatusBadRequest || !strings.Contains(body, "from_start") {
		t.Errorf("%d %s", code, body)
	}
}

func TestServerSentEventsEndWhenTheServerStops(t *testing.T) {
	b := newBench(t)
	e := b.events(t.Context(), t, "", "")
	defer e.body.Close()
	if _, err := e.in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- b.stop() }()
	if _, err := io.Copy(io.Discard, e.in); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestManyWatchersAreCounted(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	for range 5 {
		b.watch(ctx, t, &freshetv1.WatchWarningsRequest{}).next()
	}
	if got := gauge(t, b.registry, "freshet_feed_watchers"); got != 5 {
		t.Errorf("%v watchers", got)
	}
	cancel()
	if err := b.stop(); err != nil { // waits for the streams
		t.Error(err)
	}
	if got := gauge(t, b.registry, "freshet_feed_watchers"); got != 0 {
		t.Errorf("%v watchers", got)
	}
}
