package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A server that comes back under the same catalogue takes readings at once, one
// with another catalogue only when that is in force.
func TestIngestNeedsNoReplayUnderTheCatalogueThatIsInForce(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../deploy/catalog/tanjiang")); err != nil {
		t.Fatal(err)
	}
	o := DefaultOptions()
	o.Data, o.Catalog, o.GRPC, o.HTTP, o.Logger = t.TempDir(), dir, "127.0.0.1:0", "127.0.0.1:0", slog.New(slog.DiscardHandler)
	once := func(clock string) bool {
		t.Helper()
		o.Clock = clock
		a, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}()
		if err := a.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		return a.early
	}
	if once("wall") {
		t.Error("early on an empty log, which holds no catalogue")
	}
	if !once("wall") {
		t.Error("not early under the catalogue in force")
	}
	if once("driven") {
		t.Error("early on a driven clock, whose time comes with the replay")
	}
	name := filepath.Join(dir, "stations.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(text), "\n", "\n# changed\n", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if once("wall") {
		t.Error("early under a catalogue that is not yet in force")
	}
	if !once("wall") {
		t.Error("not early once it is")
	}
}
