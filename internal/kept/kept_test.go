package kept_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/hydro"
	"freshet/internal/kept"
)

func TestWhatIsKeptIsFoundByItsIDUntilItIsDeleted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "folder")
	f := kept.Open(dir, 2)
	if ids, err := f.IDs(); err != nil || len(ids) > 0 {
		t.Fatal(ids, err)
	}
	const a, b, c = "00000000000000aa", "00000000000000bb", "00000000000000cc"
	for id, data := range map[string]string{a: "first", b: "second"} {
		if err := f.Put(id, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Put(c, nil); !errors.Is(err, hydro.ErrConflict) {
		t.Errorf("a third of two: %v", err)
	}
	if err := f.Put(a, []byte("again")); err != nil { // in place of itself there is room
		t.Fatal(err)
	}
	for _, again := range []*kept.Folder{f, kept.Open(dir, 2)} {
		if got, err := again.Get(a); err != nil || !bytes.Equal(got, []byte("again")) {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "new-torn"), []byte("half"), 0o600); err != nil { // of a power cut
		t.Fatal(err)
	}
	ids, err := f.IDs()
	if diff := cmp.Diff([]string{a, b}, ids); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if err := errors.Join(f.Delete(a), f.Put(c, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Get(a); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if err := f.Delete(a); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestAnIDLeadsNowhereElse(t *testing.T) {
	f := kept.Open(t.TempDir(), 9)
	for _, id := range []string{"", "..", "../../0000000000000a", "00000000000000AA", "0000000000000000a", "000000000000000/"} {
		_, get := f.Get(id)
		if err := f.Put(id, nil); !errors.Is(err, hydro.ErrInvalid) || !errors.Is(get, hydro.ErrInvalid) || !errors.Is(f.Delete(id), hydro.ErrInvalid) {
			t.Errorf("%q: %v, %v", id, err, get)
		}
	}
}
