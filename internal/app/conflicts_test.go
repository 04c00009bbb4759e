package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/journal"
	freshetv1 "freshet/proto/freshet/v1"
)

// disputed is the shipped catalogue with more said in it.
func disputed(t *testing.T, more string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(shipped)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "more.yaml"), []byte(more), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A conflict is told by gRPC and REST, stands across a restart since when it
// began, and is on the record once.
func TestAConflictStandsAcrossARestart(t *testing.T) {
	o := options(t)
	o.Catalog = disputed(t, "claims:\n  - {station: h-enping, department: water_resources, valid_from: 2026-06-01T00:00:00Z, source: their plan, thresholds: [{variable: water_level, yellow: 7}]}\n")
	list := func(url string) []struct {
		ID    string
		Since time.Time
	} {
		t.Helper()
		resp, err := http.Get(url + "/v1/conflicts")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %s %v", resp.StatusCode, data, err)
		}
		var got struct {
			Conflicts []struct {
				ID    string
				Since time.Time
			}
		}
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		return got.Conflicts
	}
	const id = "tanjiang/threshold/h-enping/water_level/yellow"
	since := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	a := start(t, o)
	for i := range 3 {
		if err := advance(t, a, noon.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
		got := list("http://" + a.HTTPAddr())
		if len(got) != 1 || got[0].ID != id || !got[0].Since.Equal(since) {
			t.Errorf("pass %d: %+v", i, got)
		}
		if i == 1 {
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			a = start(t, o)
		}
	}
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	resp, err := freshetv1.NewStationServiceClient(conn).ListConflicts(t.Context(), &freshetv1.ListConflictsRequest{Basin: "tanjiang"})
	if err != nil || len(resp.GetConflicts()) != 1 || resp.GetConflicts()[0].GetStoodS() != noon.Add(2*time.Minute).Sub(since).Seconds() {
		t.Errorf("%v, %v", resp, err)
	}
	opened := 0
	for _, r := range recorded(t, a, o, "audit") {
		if r.Output.Audit.Kind == "conflict_opened" && r.Output.Audit.Station == "h-enping" {
			opened++
		}
	}
	if opened != 1 {
		t.Errorf("on the record %d times, want once", opened)
	}
}

// recorded closes the server and returns what its out-log holds of a kind.
func recorded(t *testing.T, a *app.App, o app.Options, kind string) []journal.Record {
	t.Helper()
	return recordedOf(t, a, o, "tanjiang", kind)
}

func recordedOf(t *testing.T, a *app.App, o app.Options, basin, kind string) []journal.Record {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(t.Context(), journal.Options{Dir: filepath.Join(o.Data, "log")})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	last, err := j.LastOutput(t.Context(), basin)
	if err != nil {
		t.Fatal(err)
	}
	var out []journal.Record
	for r, err := range j.Outputs(t.Context(), basin, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Output.Kind() == kind {
			out = append(out, r)
		}
		if r.Seq >= last.Seq {
			break
		}
	}
	return out
}
