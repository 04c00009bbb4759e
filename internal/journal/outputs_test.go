package journal_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/hydro"
	"freshet/internal/journal"
)

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
