package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
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
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir, SyncAlways: true,
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

func testOutputsSurvive(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	p := j.Publisher(basin, lastOutput(t, j))
	publish(t, p, 1, warning(10), audit(11), warning(12))
	publish(t, p, 2)
	publish(t, p, 3, audit(30))
	publish(t, p, 5, warning(50), audit(51))
	flush(t, p)
	closeNow(t, j)

	j = open(t, opts)
	last := lastOutput(t, j)
	if want := (journal.Position{Seq: 6, InputSeq: 5, Index: 1}); last != want {
		t.Fatalf("last output %+v, want %+v", last, want)
	}
	p = j.Publisher(basin, last)
	publish(t, p, 3, audit(30)) // replayed
	publish(t, p, 5, warning(50), audit(51), audit(52))
	publish(t, p, 6, audit(60))
	flush(t, p)
	got := takeOutputs(t, j, 0, 8)
	if want := "1/0 1/1 1/2 3/0 5/0 5/1 5/2 6/0"; places(got) != want {
		t.Errorf("got %s, want %s", places(got), want)
	}
	if diff := cmp.Diff(warning(50), got[4].Output); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func testFencing(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	first, second := j.Publisher(basin, lastOutput(t, j)), j.Publisher(basin, lastOutput(t, j))
	publish(t, first, 1, audit(1))
	flush(t, first)

	err := second.Publish(t.Context(), 1, []hydro.Output{audit(1), audit(2)})
	if err == nil {
		err = second.Flush(t.Context())
	}
	if !errors.Is(err, hydro.ErrConflict) {
		t.Fatalf("got %v, want ErrConflict", err)
	}
	if err := second.Publish(t.Context(), 2, []hydro.Output{audit(3)}); !errors.Is(err, hydro.ErrConflict) {
		t.Errorf("after the conflict: got %v, want ErrConflict", err)
	}
	publish(t, first, 2, audit(2))
	flush(t, first)
	if got := places(takeOutputs(t, j, 0, 2)); got != "1/0 2/0" {
		t.Errorf("got %s, want 1/0 2/0", got)
	}
	if last := lastOutput(t, j); last.Seq != 2 {
		t.Errorf("%d messages, want 2", last.Seq)
	}
}

func testOvertaken(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	old := j.Publisher(basin, lastOutput(t, j))
	publish(t, old, 1, audit(1))
	flush(t, old)
	fresh := j.Publisher(basin, lastOutput(t, j))
	publish(t, fresh, 2, audit(2))
	flush(t, fresh)
	// Many at once: none of a chain gets through when its first is refused.
	err := old.Publish(t.Context(), 2, slices.Repeat([]hydro.Output{audit(9)}, 40))
	if err == nil {
		err = old.Flush(t.Context())
	}
	if !errors.Is(err, hydro.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
	publish(t, fresh, 3, audit(3))
	flush(t, fresh)
	if got := places(takeOutputs(t, j, 0, 3)); got != "1/0 2/0 3/0" {
		t.Errorf("got %s", got)
	}
}

func testKinds(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	p := j.Publisher(basin, lastOutput(t, j))
	for i := range 5 {
		publish(t, p, uint64(i+1), observations(2), warning(i), audit(i))
	}
	flush(t, p)
	got := takeOutputs(t, j, 0, 5, "warning")
	for i, r := range got {
		if r.Output.Warning == nil || r.InputSeq != uint64(i+1) || r.Index != 1 || r.Seq != uint64(3*i+2) {
			t.Errorf("record %d is %+v", i, r)
		}
		if want := uint64(4 - i); r.Pending != want {
			t.Errorf("record %d: %d pending, want %d", i, r.Pending, want)
		}
	}
	if got, want := places(takeOutputs(t, j, 0, 6, "audit", "warning", "audit")), "1/1 1/2 2/1 2/2 3/1 3/2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := places(takeOutputs(t, j, 0, 4)), "1/0 1/1 1/2 2/0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for r, err := range j.Outputs(t.Context(), basin, 0, "rumour") {
		if !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("got %v, %v, want ErrInvalid", r, err)
		}
	}
}

func testFromSequence(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	p := j.Publisher(basin, lastOutput(t, j))
	for i := range 300 { // more than a reader prefetches
		publish(t, p, uint64(i+1), audit(i))
	}
	flush(t, p)
	seq := uint64(7)
	for _, r := range takeOutputs(t, j, seq, 293) {
		if seq++; r.Seq != seq {
			t.Fatalf("got %d, want %d", r.Seq, seq)
		}
	}
	// Behind the end, a reader waits for what comes.
	for r, err := range j.Outputs(t.Context(), basin, 299) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq == 301 {
			break
		}
		publish(t, p, 301, audit(301))
	}
}

func testLargeObservations(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	big := observations(40_000)
	for i := range big.Observations {
		if i%3 == 0 {
			big.Observations[i].Why = strings.Repeat("w", i%200)
		}
	}
	p := j.Publisher(basin, lastOutput(t, j))
	publish(t, p, 1, audit(1), big, audit(2))
	flush(t, p)
	last := lastOutput(t, j)
	n := int(last.Seq)
	if n < 5 {
		t.Fatalf("%d messages", n)
	}
	all := takeOutputs(t, j, 0, n)
	var joined []hydro.Observation
	for i, r := range all {
		if r.Index != i || r.InputSeq != 1 {
			t.Fatalf("message %d is %d/%d", i, r.InputSeq, r.Index)
		}
		joined = append(joined, r.Output.Observations...)
	}
	if !slices.Equal(big.Observations, joined) {
		t.Fatal("observations changed on the way")
	}
	if all[0].Output.Audit == nil || all[n-1].Output.Audit == nil {
		t.Error("the outputs around the observations moved")
	}

	// A restarted engine whose log ends amid the observations goes on there.
	other := "other"
	if err := j.EnsureBasin(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	whole := j.Publisher(other, journal.Position{})
	if err := whole.Publish(t.Context(), 1, []hydro.Output{all[0].Output, all[1].Output, all[2].Output}); err != nil {
		t.Fatal(err)
	}
	if err := whole.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	amid, err := j.LastOutput(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if amid.Index != 2 {
		t.Fatalf("a message was cut again: %+v", amid)
	}
	rest := j.Publisher(other, amid)
	if err := rest.Publish(t.Context(), 1, []hydro.Output{audit(1), big, audit(2)}); err != nil {
		t.Fatal(err)
	}
	if err := rest.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	i := 0
	for r, err := range j.Outputs(t.Context(), other, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(all[i].Output.Observations, r.Output.Observations) || r.Index != i {
			t.Fatalf("message %d differs from the run that was not broken", i)
		}
		if i++; i == n {
			break
		}
	}
}

func testZeroPosition(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	if p := lastOutput(t, j); p != (journal.Position{}) {
		t.Errorf("got %+v", p)
	}
	if seq, err := j.LastInput(t.Context(), basin); err != nil || seq != 0 {
		t.Errorf("got %d, %v", seq, err)
	}
}

func testExpiredOutputs(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	p := j.Publisher(basin, lastOutput(t, j))
	publish(t, p, 1, audit(1), audit(2))
	flush(t, p)
	_, stream := manage(t, opts, "OUT_"+basin)
	if stream == nil {
		return
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := lastOutput(t, j)
	if last != (journal.Position{Seq: 2}) {
		t.Fatalf("got %+v, want only Seq 2", last)
	}
	p = j.Publisher(basin, last)
	publish(t, p, 7, audit(7))
	flush(t, p)
	if got := takeOutputs(t, j, 0, 1); got[0].Seq != 3 || got[0].InputSeq != 7 {
		t.Errorf("got %+v", got[0])
	}
}

func testSnapshots(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	if _, _, err := j.LoadSnapshot(t.Context(), basin); !errors.Is(err, hydro.ErrNotFound) {
		t.Fatalf("got %v, want ErrNotFound", err)
	}
	for i, size := range []int{0, 1, 512 << 10, 3<<20 + 17, 5} {
		want := bytes.Repeat([]byte{byte(i + 1)}, size)
		if err := j.SaveSnapshot(t.Context(), basin, uint64(i+1), want); err != nil {
			t.Fatal(err)
		}
		seq, got, err := j.LoadSnapshot(t.Context(), basin)
		if err != nil || seq != uint64(i+1) || !bytes.Equal(got, want) {
			t.Fatalf("snapshot %d: got %d bytes of input %d, %v", i+1, len(got), seq, err)
		}
	}
	closeNow(t, j)
	j = open(t, opts)
	if seq, got, err := j.LoadSnapshot(t.Context(), basin); err != nil || seq != 5 || len(got) != 5 {
		t.Errorf("after opening: got %d bytes of input %d, %v", len(got), seq, err)
	}
	if _, stream := manage(t, opts, "SNAP_"+basin); stream != nil {
		// The last two are kept: 7 chunks and a manifest, a chunk and a manifest.
		if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 10 {
			t.Errorf("%d messages, %v, want 10", info.State.Msgs, err)
		}
	}
}

func testSnapshotCutShort(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	if err := j.SaveSnapshot(t.Context(), basin, 1, []byte("old")); err != nil {
		t.Fatal(err)
	}
	js, stream := manage(t, opts, "SNAP_"+basin)
	if stream == nil {
		return
	}
	// What a crash in mid-save leaves behind: chunks without a manifest.
	if _, err := js.Publish(t.Context(), "snap."+basin+".chunk", []byte("ne")); err != nil {
		t.Fatal(err)
	}
	if seq, got, err := j.LoadSnapshot(t.Context(), basin); err != nil || seq != 1 || string(got) != "old" {
		t.Errorf("got %q of input %d, %v", got, seq, err)
	}
	for i := uint64(2); i <= 3; i++ {
		if err := j.SaveSnapshot(t.Context(), basin, i, []byte("new")); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := stream.Info(t.Context()); err != nil || info.State.Msgs != 4 {
		t.Errorf("%d messages, %v, want 4: the leftover goes", info.State.Msgs, err)
	}
}

func testSnapshotDamaged(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	for i, s := range []string{"old", "new"} {
		if err := j.SaveSnapshot(t.Context(), basin, uint64(i+1), []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	_, stream := manage(t, opts, "SNAP_"+basin)
	if stream == nil {
		return
	}
	if err := stream.DeleteMsg(t.Context(), 3); err != nil { // the chunk of the new one
		t.Fatal(err)
	}
	if seq, got, err := j.LoadSnapshot(t.Context(), basin); err != nil || seq != 1 || string(got) != "old" {
		t.Errorf("got %q of input %d, %v, want the old one", got, seq, err)
	}
	if err := stream.DeleteMsg(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, _, err := j.LoadSnapshot(t.Context(), basin); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func testCheckpoints(t *testing.T, opts journal.Options) {
	j := open(t, opts)
	const name = "archive." + basin
	if seq, err := j.LoadCheckpoint(t.Context(), name); err != nil || seq != 0 {
		t.Fatalf("got %d, %v, want 0", seq, err)
	}
	for _, seq := range []uint64{7, 1<<63 + 5} {
		if err := j.SaveCheckpoint(t.Context(), name, seq); err != nil {
			t.Fatal(err)
		}
	}
	closeNow(t, j)
	j = open(t, opts)
	if seq, err := j.LoadCheckpoint(t.Context(), name); err != nil || seq != 1<<63+5 {
		t.Errorf("got %d, %v", seq, err)
	}
	if seq, err := j.LoadCheckpoint(t.Context(), "archive.other"); err != nil || seq != 0 {
		t.Errorf("another name: got %d, %v, want 0", seq, err)
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

func TestAReaderOutlivesTheServersRestart(t *testing.T) {
	dir := t.TempDir()
	srv := startServer(t, dir, server.RANDOM_PORT)
	port := srv.Addr().(*net.TCPAddr).Port
	j := open(t, journal.Options{URL: srv.ClientURL()})
	appendTicks(t, j, 1, 5)
	n := 0
	for in, err := range j.Inputs(t.Context(), basin, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; in.Seq != uint64(n) {
			t.Fatalf("got input %d, want %d", in.Seq, n)
		}
		if n == 3 {
			stopServer(srv)
			if _, err := j.AppendInput(t.Context(), basin, tick(6)); !errors.Is(err, hydro.ErrUnavailable) {
				t.Fatalf("append while the server is away: got %v, want ErrUnavailable", err)
			}
			srv = startServer(t, dir, port)
		}
		if n == 5 { // whatever the reader had ahead is used up
			appendUntilAccepted(t, j, 6)
		}
		if n == 6 {
			break
		}
	}
}

// appendUntilAccepted appends again while the connection comes back.
func appendUntilAccepted(t *testing.T, j *journal.Journal, i int) {
	t.Helper()
	for {
		_, err := j.AppendInput(t.Context(), basin, tick(i))
		if err == nil {
			return
		}
		if !errors.Is(err, hydro.ErrUnavailable) {
			t.Fatal(err)
		}
	}
}

func TestAReaderOutlivesTheLossOfItsConsumer(t *testing.T) {
	opts := backends["External"](t)
	j := open(t, opts)
	_, stream := manage(t, opts, "IN_"+basin)
	appendTicks(t, j, 1, 1)
	n := 0
	for in, err := range j.Inputs(t.Context(), basin, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; in.Seq != uint64(n) {
			t.Fatalf("got input %d, want %d", in.Seq, n)
		}
		if n == 4 {
			break
		}
		names := stream.ConsumerNames(t.Context())
		for name := range names.Name() {
			if err := stream.DeleteConsumer(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if err := names.Err(); err != nil {
			t.Fatal(err)
		}
		appendTicks(t, j, n+1, n+1)
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
