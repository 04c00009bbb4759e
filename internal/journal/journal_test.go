package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"freshet/internal/hydro"
	"freshet/internal/journal"
)

const basin = "tanjiang"

// start is the instant of the first input of all tests.
var start = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func tick(i int) hydro.Input {
	return hydro.Input{Tick: &hydro.Tick{At: start.Add(time.Duration(i) * time.Second)}}
}

func audit(i int) hydro.Output {
	return hydro.Output{Audit: &hydro.Audit{At: start.Add(time.Duration(i) * time.Second), Kind: "refused", Text: fmt.Sprint(i)}}
}

func warning(i int) hydro.Output {
	return hydro.Output{Warning: &hydro.Warning{
		ID: fmt.Sprintf("%s/%d", basin, i), Basin: basin, Station: "GD-ZQ-001", At: start.Add(time.Duration(i) * time.Second), To: hydro.Red,
	}}
}

func observations(n int) hydro.Output {
	obs := make([]hydro.Observation, n)
	for i := range obs {
		obs[i] = hydro.Observation{
			Reading: hydro.Reading{
				Key: hydro.Key{Station: fmt.Sprintf("GD-PP-%03d", i%40), Variable: hydro.Rain}, At: start.Add(time.Duration(i) * time.Second),
				Interval: time.Minute, Value: float64(i), Raw: float64(i),
			},
			Quality: hydro.Pass, ReceivedAt: start,
		}
	}
	return hydro.Output{Observations: obs}
}

// backends are the two ways to have a log. Each returns the options of a fresh
// one, with which it can be opened again.
var backends = map[string]func(*testing.T) journal.Options{
	"Embedded": func(t *testing.T) journal.Options { return journal.Options{Dir: t.TempDir()} },
	"External": func(t *testing.T) journal.Options {
		return journal.Options{URL: startServer(t, t.TempDir(), server.RANDOM_PORT).ClientURL()}
	},
}

// startServer starts a NATS server as a user would run it beside Freshet.
func startServer(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: true, MaxPayload: 8 << 20, StoreDir: dir, SyncAlways: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { stopServer(srv) })
	for !srv.ReadyForConnections(time.Second) {
		if t.Context().Err() != nil {
			t.Fatal("server is not ready")
		}
	}
	return srv
}

func stopServer(srv *server.Server) {
	srv.Shutdown()
	srv.WaitForShutdown()
}

func open(t *testing.T, opts journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := j.EnsureBasin(t.Context(), basin); err != nil {
		t.Fatal(err)
	}
	return j
}

func closeNow(t *testing.T, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func appendTicks(t *testing.T, j *journal.Journal, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		seq, err := j.AppendInput(t.Context(), basin, tick(i))
		if err != nil {
			t.Fatal(err)
		}
		if seq != uint64(i) {
			t.Fatalf("input %d was stored as %d", i, seq)
		}
	}
}

// takeInputs reads n inputs behind after.
func takeInputs(t *testing.T, j *journal.Journal, after uint64, n int) []hydro.Input {
	t.Helper()
	var got []hydro.Input
	for in, err := range j.Inputs(t.Context(), basin, after) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, in); len(got) == n {
			break
		}
	}
	return got
}

// takeOutputs reads n outputs behind after.
func takeOutputs(t *testing.T, j *journal.Journal, after uint64, n int, kinds ...string) []journal.Record {
	t.Helper()
	var got []journal.Record
	for r, err := range j.Outputs(t.Context(), basin, after, kinds...) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, r); len(got) == n {
			break
		}
	}
	return got
}

func lastOutput(t *testing.T, j *journal.Journal) journal.Position {
	t.Helper()
	p, err := j.LastOutput(t.Context(), basin)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func publish(t *testing.T, p *journal.Publisher, inputSeq uint64, outs ...hydro.Output) {
	t.Helper()
	if err := p.Publish(t.Context(), inputSeq, outs); err != nil {
		t.Fatal(err)
	}
}

func flush(t *testing.T, p *journal.Publisher) {
	t.Helper()
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// places lists input and index of records, as "1/0 1/1 2/0".
func places(rs []journal.Record) string {
	var b strings.Builder
	for i, r := range rs {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d/%d", r.InputSeq, r.Index)
	}
	return b.String()
}

func TestJournal(t *testing.T) {
	for name, test := range map[string]func(*testing.T, journal.Options){
		"InputsSurviveCloseAndOpen":               testInputsSurvive,
		"ConcurrentInputsGetOnePlaceEach":         testConcurrentInputs,
		"InputsUnderWayKeepTheirOrder":            testStartAppend,
		"AReaderOfInputsWaitsForMore":             testInputsFollow,
		"AReaderStopsWithItsContext":              testReaderStops,
		"CloseEndsReaders":                        testCloseEndsReaders,
		"InputsOfEveryKindComeBack":               testInputKinds,
		"DroppedInputsAreAnErrorAndNotAGap":       testDroppedInputs,
		"OutputsSurviveAndAreNotPublishedTwice":   testOutputsSurvive,
		"OfTwoPublishersTheSecondIsRefused":       testFencing,
		"AnOvertakenPublisherIsRefusedToo":        testOvertaken,
		"OutputsAreFilteredByKindAndCountPending": testKinds,
		"OutputsBehindASequenceNumber":            testFromSequence,
		"LargeObservationsAreCutTheSameWayAgain":  testLargeObservations,
		"AnEmptyOutLogHasTheZeroPosition":         testZeroPosition,
		"AnOutLogThatLostItsLastMessageGoesOn":    testExpiredOutputs,
		"TheNewestSnapshotCounts":                 testSnapshots,
		"ASnapshotCutShortDoesNotCount":           testSnapshotCutShort,
		"ADamagedSnapshotFallsBack":               testSnapshotDamaged,
		"CheckpointsAreKept":                      testCheckpoints,
		"UnknownBasinsAreNotFound":                testUnknownBasin,
		"BadNamesAreInvalid":                      testBadNames,
		"InputsAboveThePayloadAreInvalid":         testTooLarge,
		"BasinsAreApart":                          testBasinsApart,
	} {
		for backend, options := range backends {
			t.Run(name+"/"+backend, func(t *testing.T) {
				t.Parallel()
				test(t, options(t))
			})
		}
	}
}

func testInputsSurvive(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	appendTicks(t, j, 1, 10)
	closeNow(t, j)

	j = open(t, opts)
	if last, err := j.LastInput(t.Context(), basin); err != nil || last != 10 {
		t.Fatalf("last input %d, %v, want 10", last, err)
	}
	appendTicks(t, j, 11, 12)
	got := takeInputs(t, j, 3, 9)
	for i, in := range got {
		want := tick(4 + i)
		want.Seq = uint64(4 + i)
		if diff := cmp.Diff(want, in); diff != "" {
			t.Errorf("input %d (-want +got):\n%s", 4+i, diff)
		}
	}
}

func testConcurrentInputs(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	const writers, each = 8, 10
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		want = map[uint64]time.Time{}
	)
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				in := tick(w*each + i)
				seq, err := j.AppendInput(t.Context(), basin, in)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				want[seq] = in.Tick.At
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	got := map[uint64]time.Time{}
	for _, in := range takeInputs(t, j, 0, writers*each) {
		got[in.Seq] = in.Tick.At
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-acked +read):\n%s", diff)
	}
}

func testStartAppend(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	const n = 50
	var waits []func(context.Context) (uint64, error)
	for i := range n {
		wait, err := j.StartAppend(basin, tick(i+1))
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, wait)
	}
	for i, wait := range waits {
		if seq, err := wait(t.Context()); err != nil || seq != uint64(i+1) {
			t.Fatalf("input %d is at %d, %v", i+1, seq, err)
		}
	}
	for i, in := range takeInputs(t, j, 0, n) {
		if !in.Tick.At.Equal(tick(i + 1).Tick.At) {
			t.Errorf("input %d is the tick of %s", i+1, in.Tick.At)
		}
	}
	if _, err := j.StartAppend(basin, hydro.Input{}); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("an empty input: %v", err)
	}
	wait, err := j.StartAppend("nowhere", tick(1))
	if err == nil {
		_, err = wait(t.Context())
	}
	if !errors.Is(err, hydro.ErrUnavailable) && !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("an unknown basin: %v", err)
	}
	closeNow(t, j)
	if wait, err = j.StartAppend(basin, tick(1)); err == nil {
		_, err = wait(t.Context())
	}
	if !errors.Is(err, hydro.ErrUnavailable) {
		t.Errorf("a closed log: %v", err)
	}
}

func testInputsFollow(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	appendTicks(t, j, 1, 1)
	n := 1
	for in, err := range j.Inputs(t.Context(), basin, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if in.Seq != uint64(n) {
			t.Fatalf("got input %d, want %d", in.Seq, n)
		}
		if n++; n > 20 {
			break
		}
		appendTicks(t, j, n, n) // while the reader is open
	}
}

func testReaderStops(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	appendTicks(t, j, 1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range j.Inputs(ctx, basin, 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		cancel() // there is nothing more to read
	}
	if n != 1 {
		t.Errorf("%d inputs, want 1", n)
	}
}

func testCloseEndsReaders(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	appendTicks(t, j, 1, 1)
	p := j.Publisher(basin, lastOutput(t, j))
	reading := make(chan struct{})
	ended := make(chan error)
	go func() {
		var last error
		for _, err := range j.Inputs(t.Context(), basin, 0) {
			if last = err; err == nil {
				close(reading)
			}
		}
		ended <- last
	}()
	<-reading
	closeNow(t, j)
	if err := <-ended; !errors.Is(err, hydro.ErrUnavailable) {
		t.Errorf("reader: got %v, want ErrUnavailable", err)
	}
	if _, err := j.AppendInput(t.Context(), basin, tick(2)); !errors.Is(err, hydro.ErrUnavailable) {
		t.Errorf("append: got %v, want ErrUnavailable", err)
	}
	if err := p.Publish(t.Context(), 1, []hydro.Output{audit(1)}); !errors.Is(err, hydro.ErrUnavailable) {
		t.Errorf("publish: got %v, want ErrUnavailable", err)
	}
}

func testInputKinds(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	obs := observations(3)
	var readings []hydro.Reading
	for _, o := range obs.Observations {
		readings = append(readings, o.Reading)
	}
	want := []hydro.Input{
		{Catalogue: &hydro.CatalogueChange{Version: "v1", At: start, Files: []hydro.File{{Name: "a.yaml", Data: []byte("x: 1")}}}},
		{Batch: &hydro.Batch{Basin: basin, ReceivedAt: start, Readings: readings}},
		tick(1),
	}
	for i := range want {
		seq, err := j.AppendInput(t.Context(), basin, want[i])
		if err != nil {
			t.Fatal(err)
		}
		want[i].Seq = seq
	}
	if diff := cmp.Diff(want, takeInputs(t, j, 0, 3)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// manage returns a stream of an external server, to do to it what time and
// accidents do. On an embedded one, where nobody can, it returns nil.
func manage(t *testing.T, opts journal.Options, name string) (jetstream.JetStream, jetstream.Stream) {
	t.Helper()
	if opts.URL == "" {
		return nil, nil
	}
	nc, err := nats.Connect(opts.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return js, s
}

func testDroppedInputs(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	appendTicks(t, j, 1, 5)
	_, stream := manage(t, opts, "IN_"+basin)
	if stream == nil {
		return
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(4)); err != nil {
		t.Fatal(err)
	}
	for in, err := range j.Inputs(t.Context(), basin, 1) {
		if !errors.Is(err, hydro.ErrNotFound) {
			t.Fatalf("got input %d, %v, want ErrNotFound", in.Seq, err)
		}
	}
	if got := takeInputs(t, j, 3, 2); got[0].Seq != 4 || got[1].Seq != 5 {
		t.Errorf("got %d and %d, want 4 and 5", got[0].Seq, got[1].Seq)
	}
}

func testUnknownBasin(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	ctx := t.Context()
	if _, err := j.LastInput(ctx, "none"); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("last input: got %v", err)
	}
	if _, err := j.LastOutput(ctx, "none"); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("last output: got %v", err)
	}
	if _, _, err := j.LoadSnapshot(ctx, "none"); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("snapshot: got %v", err)
	}
	n := 0
	for _, err := range j.Outputs(ctx, "none", 0) {
		if n++; !errors.Is(err, hydro.ErrNotFound) {
			t.Errorf("outputs: got %v", err)
		}
	}
	if n != 1 {
		t.Errorf("outputs yielded %d times", n)
	}
}

func testBadNames(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	ctx := t.Context()
	for _, bad := range []string{"", "Tanjiang", "a.b", "a b", "潭江", "*", ">", strings.Repeat("x", 65)} {
		_, appendErr := j.AppendInput(ctx, bad, tick(1))
		_, lastErr := j.LastOutput(ctx, bad)
		_, _, loadErr := j.LoadSnapshot(ctx, bad)
		var readErr error
		for _, readErr = range j.Inputs(ctx, bad, 0) {
		}
		for call, err := range map[string]error{
			"ensure": j.EnsureBasin(ctx, bad), "append": appendErr, "last": lastErr, "load": loadErr, "read": readErr,
			"save":       j.SaveSnapshot(ctx, bad, 1, nil),
			"publish":    j.Publisher(bad, journal.Position{}).Publish(ctx, 1, []hydro.Output{audit(1)}),
			"checkpoint": j.SaveCheckpoint(ctx, bad+".", 1),
		} {
			if !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("%s %q: got %v, want ErrInvalid", call, bad, err)
			}
		}
	}
	if _, err := j.AppendInput(ctx, basin, hydro.Input{}); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("empty input: got %v", err)
	}
}

func testTooLarge(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	in := hydro.Input{Catalogue: &hydro.CatalogueChange{At: start, Files: []hydro.File{{Name: "a", Data: make([]byte, 9<<20)}}}}
	if _, err := j.AppendInput(t.Context(), basin, in); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

func testBasinsApart(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	if err := j.EnsureBasin(t.Context(), basin+"-2"); err != nil {
		t.Fatal(err)
	}
	appendTicks(t, j, 1, 2)
	if seq, err := j.AppendInput(t.Context(), basin+"-2", tick(1)); err != nil || seq != 1 {
		t.Errorf("got %d, %v, want 1", seq, err)
	}
	if seq, err := j.LastInput(t.Context(), basin); err != nil || seq != 2 {
		t.Errorf("got %d, %v, want 2", seq, err)
	}
}

func TestTheFolderBelongsToOneJournal(t *testing.T) {
	opts := journal.Options{Dir: t.TempDir()}
	j := open(t, opts)
	if _, err := journal.Open(t.Context(), opts); !errors.Is(err, hydro.ErrConflict) {
		t.Fatalf("got %v, want ErrConflict", err)
	}
	appendTicks(t, j, 1, 1) // unharmed
	closeNow(t, j)
	open(t, opts)
}

func TestOptionsAreChecked(t *testing.T) {
	for name, opts := range map[string]journal.Options{
		"Nowhere":          {},
		"EmbeddedReplicas": {Dir: "x", Replicas: 3},
		"ManyReplicas":     {URL: "nats://x", Replicas: 6},
		"NegativeAge":      {Dir: "x", MaxAge: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := journal.Open(t.Context(), opts); !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
		})
	}
}

func TestAnAbsentServerIsUnavailable(t *testing.T) {
	srv := startServer(t, t.TempDir(), server.RANDOM_PORT)
	url := srv.ClientURL()
	stopServer(srv)
	if _, err := journal.Open(t.Context(), journal.Options{URL: url}); !errors.Is(err, hydro.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
