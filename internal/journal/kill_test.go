package journal_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"freshet/internal/hydro"
	"freshet/internal/journal"
)

// childDir names, in the environment, the folder of the log that this process
// is to write to until it is killed.
const childDir = "FRESHET_JOURNAL_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1) // a child does not end by itself
	}
	if text := os.Getenv(nodeOf); text != "" {
		if err := node(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// child appends inputs from several goroutines and says on its output which
// were acknowledged; a last goroutine follows them and publishes what an engine
// would, saves snapshots, and resumes where the child before was killed.
func child(ctx context.Context, dir string) error {
	j, err := journal.Open(ctx, journal.Options{Dir: dir})
	if err != nil {
		return err
	}
	if err := j.EnsureBasin(ctx, basin); err != nil {
		return err
	}
	failed := make(chan error, 4)
	var mu sync.Mutex
	for w := range 3 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				seq, err := j.AppendInput(ctx, basin, hydro.Input{Catalogue: &hydro.CatalogueChange{Version: id, At: start}})
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Printf("%d %s\n", seq, id)
				mu.Unlock()
			}
		}()
	}
	go func() { failed <- engine(ctx, j, 0) }()
	return <-failed
}

// engine publishes two outputs for each input and a snapshot now and then, up
// to the input until (0: for ever).
func engine(ctx context.Context, j *journal.Journal, until uint64) error {
	last, err := j.LastOutput(ctx, basin)
	if err != nil {
		return err
	}
	p := j.Publisher(basin, last)
	for in, err := range j.Inputs(ctx, basin, 0) {
		if err != nil {
			return err
		}
		if err := p.Publish(ctx, in.Seq, []hydro.Output{
			{Audit: &hydro.Audit{At: in.Catalogue.At, Text: in.Catalogue.Version}},
			{Audit: &hydro.Audit{At: in.Catalogue.At, Text: "second"}},
		}); err != nil {
			return err
		}
		if in.Seq%50 == 0 {
			if err := p.Flush(ctx); err != nil {
				return err
			}
			if err := j.SaveSnapshot(ctx, basin, in.Seq, fmt.Appendf(nil, "state after %d", in.Seq)); err != nil {
				return err
			}
		}
		if in.Seq == until {
			break
		}
	}
	return p.Flush(ctx)
}

func TestWhatWasAcknowledgedSurvivesKill(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	acked := map[uint64]string{}
	for range 6 {
		killAfter(t, dir, 1+r.IntN(150), acked)

		j := open(t, journal.Options{Dir: dir})
		last, err := j.LastInput(t.Context(), basin)
		if err != nil {
			t.Fatal(err)
		}
		inputs := takeInputs(t, j, 0, int(last))
		found := 0
		for i, in := range inputs {
			if in.Seq != uint64(i+1) {
				t.Fatalf("input %d stands at %d", in.Seq, i+1)
			}
			if id, ok := acked[in.Seq]; ok {
				if found++; id != in.Catalogue.Version {
					t.Fatalf("input %d is %s, acknowledged was %s", in.Seq, in.Catalogue.Version, id)
				}
			}
		}
		if found != len(acked) {
			t.Fatalf("%d of %d acknowledged inputs are there", found, len(acked))
		}
		// What is out so far is a beginning of what an undisturbed engine says.
		if out := lastOutput(t, j); out.Seq > 0 {
			checkOutputs(t, inputs, takeOutputs(t, j, 0, int(out.Seq)))
		}
		if seq, state, err := j.LoadSnapshot(t.Context(), basin); err == nil {
			if want := fmt.Sprintf("state after %d", seq); string(state) != want {
				t.Errorf("snapshot %q, want %q", state, want)
			}
		}
		closeNow(t, j)
	}

	j := open(t, journal.Options{Dir: dir})
	last, err := j.LastInput(t.Context(), basin)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine(t.Context(), j, last); err != nil {
		t.Fatal(err)
	}
	outs := takeOutputs(t, j, 0, int(2*last))
	checkOutputs(t, takeInputs(t, j, 0, int(last)), outs)
	if out := lastOutput(t, j); out.Seq != 2*last {
		t.Errorf("%d outputs of %d inputs", out.Seq, last)
	}
	t.Logf("%d inputs, %d acknowledged to the parent, %d outputs", last, len(acked), len(outs))
}

// checkOutputs checks that outs are, in order and each once, two for each input.
func checkOutputs(t *testing.T, inputs []hydro.Input, outs []journal.Record) {
	t.Helper()
	for i, r := range outs {
		if r.Seq != uint64(i+1) || r.InputSeq != uint64(i/2+1) || r.Index != i%2 {
			t.Fatalf("message %d is %d/%d at %d", i+1, r.InputSeq, r.Index, r.Seq)
		}
		want := "second"
		if i%2 == 0 {
			want = inputs[i/2].Catalogue.Version
		}
		if r.Output.Audit.Text != want {
			t.Fatalf("output %d/%d says %q, want %q", r.InputSeq, r.Index, r.Output.Audit.Text, want)
		}
	}
}

// killAfter runs a child until it has acknowledged n inputs, kills it, and adds
// what it acknowledged to acked.
func killAfter(t *testing.T, dir string, n int, acked map[uint64]string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ { // to the end: what was said before the kill counts
		var (
			seq uint64
			id  string
		)
		if _, err := fmt.Sscanf(lines.Text(), "%d %s\n", &seq, &id); err != nil {
			t.Errorf("the child says %q", lines.Text())
			continue
		}
		if was, ok := acked[seq]; ok {
			t.Errorf("input %d was acknowledged twice: %s and %s", seq, was, id)
		}
		acked[seq] = id
		if i+1 == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
}
