package journal_test

import (
	"bytes"
	"errors"
	"testing"

	"freshet/internal/hydro"
	"freshet/internal/journal"
)

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
