package auth_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/internal/auth"
	"freshet/internal/hydro"
)

var noon = time.Date(2026, 6, 8, 4, 0, 0, 0, time.UTC)

// record writes n refusals and closes.
func record(t testing.TB, dir string, size int64, keep, n int) {
	t.Helper()
	a, err := auth.OpenAudit(dir, size, keep, noon)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := a.Write(auth.Event{At: noon, Reason: auth.BadToken, Who: fmt.Sprintf("token %d", i), Address: "10.0.0.1"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheRecordIsOneChainOverRestartsAndFiles(t *testing.T) {
	dir := t.TempDir()
	for range 5 {
		record(t, dir, 2000, 100, 20)
	}
	r, err := auth.VerifyAudit(dir, auth.Hash{})
	if err != nil || r.Lines != 5*21 || r.First != 1 || r.Last != 105 || r.Files < 5 || r.Torn != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	record(t, dir, 2000, 100, 3)
	if _, err := auth.VerifyAudit(dir, r.Head); err != nil {
		t.Errorf("the head noted before is not found: %v", err)
	}
	if _, err := auth.VerifyAudit(dir, auth.Hash{1}); !errors.Is(err, hydro.ErrConflict) {
		t.Errorf("a head that never was is found: %v", err)
	}
}

func TestOldFilesGoAndTheRestIsStillAChain(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, 1000, 2, 200)
	r, err := auth.VerifyAudit(dir, auth.Hash{})
	if err != nil || r.Files != 3 || r.First < 2 || r.Last != 201 {
		t.Fatalf("%+v %v", r, err)
	}
}

func TestALineThatACrashCutOffIsToldAndTheChainGoesOn(t *testing.T) {
	dir := t.TempDir()
	record(t, dir, 1<<20, 2, 3)
	name := filepath.Join(dir, "audit.log")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data[:len(data)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := auth.VerifyAudit(dir, auth.Hash{}); err != nil || r.Torn == 0 || r.Lines != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	record(t, dir, 1<<20, 2, 1)
	r, err := auth.VerifyAudit(dir, auth.Hash{})
	if err != nil || r.Lines != 6 || r.Torn != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	if data, err = os.ReadFile(name); err != nil || !bytes.Contains(data, []byte("record_torn")) {
		t.Errorf("it is not told: %s %v", data, err)
	}
}

// Whatever is changed in one place is found.
func TestAnyChangeOfTheRecordIsFound(t *testing.T) {
	whole := t.TempDir()
	record(t, whole, 1500, 100, 40)
	report, err := auth.VerifyAudit(whole, auth.Hash{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(whole, "*.log"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "audit")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			rt.Fatal(err)
		}
		file := filepath.Join(dir, filepath.Base(rapid.SampledFrom(files).Draw(rt, "file")))
		data, err := os.ReadFile(file)
		if err != nil {
			rt.Fatal(err)
		}
		lines := strings.SplitAfter(strings.TrimSuffix(string(data), "\n"), "\n")
		k := rapid.IntRange(0, len(lines)-1).Draw(rt, "line")
		var changed string
		switch what := rapid.SampledFrom([]string{"flip", "drop", "double", "swap", "remove file"}).Draw(rt, "what"); what {
		case "flip":
			i := rapid.IntRange(0, len(data)-1).Draw(rt, "byte")
			changed = string(data[:i]) + string([]byte{data[i] ^ 1}) + string(data[i+1:])
		case "drop":
			changed = strings.Join(append(append([]string{}, lines[:k]...), lines[k+1:]...), "")
		case "double":
			changed = strings.Join(append(append([]string{}, lines[:k+1]...), lines[k:]...), "")
		case "swap":
			j := (k + 1) % len(lines)
			lines[len(lines)-1] += "\n"
			lines[k], lines[j] = lines[j], lines[k]
			if changed = strings.Join(lines, ""); j == k {
				changed = "{}\n" // one line: another in its place
			}
		case "remove file":
			if err := os.Remove(file); err != nil {
				rt.Fatal(err)
			}
		}
		if changed != "" {
			if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
				rt.Fatal(err)
			}
		}
		r, err := auth.VerifyAudit(dir, report.Head)
		if err == nil && r.Torn == 0 && r.First == report.First {
			rt.Fatalf("not found: %+v", r)
		}
	})
}

// Whatever stands in the file, it is judged without a panic, and a server writes
// on: a record that was whole stays so.
func FuzzAudit(f *testing.F) {
	dir := f.TempDir()
	record(f, dir, 1<<20, 2, 2)
	whole, err := os.ReadFile(filepath.Join(dir, "audit.log"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "audit.log"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, before := auth.VerifyAudit(dir, auth.Hash{})
		if before != nil && !errors.Is(before, hydro.ErrConflict) {
			t.Fatalf("of no kind: %v", before)
		}
		record(t, dir, 1<<20, 2, 1)
		if _, err := auth.VerifyAudit(dir, auth.Hash{}); before == nil && err != nil {
			t.Fatalf("whole before, and then: %v", err)
		}
	})
}
