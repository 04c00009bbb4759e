package app_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/journal"
)

const shipped = "../../deploy/catalog/tanjiang"

var noon = time.Date(2026, 6, 8, 4, 0, 0, 0, time.UTC)

func options(t *testing.T) app.Options {
	t.Helper()
	o := app.DefaultOptions()
	o.Data, o.Catalog, o.Clock = t.TempDir(), shipped, "driven"
	o.GRPC, o.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	o.Logger = slog.New(slog.DiscardHandler)
	return o
}

func start(t *testing.T, o app.Options) *app.App {
	t.Helper()
	a, err := app.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

func advance(t *testing.T, a *app.App, to time.Time) error {
	t.Helper()
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return client.NewClock(conn, client.Backoff{}).Advance(t.Context(), to)
}

func TestAStopLeavesNothingBehindAndARestartGoesOn(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o := options(t)
	a := start(t, o)
	if err := advance(t, a, noon); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = start(t, o)
	var now time.Time
	var forecasts uint64
	a.Query("tanjiang", func(e *engine.Engine) { now, forecasts = e.Now(), e.ForecastCount() })
	if !now.Equal(noon) || forecasts != 1 {
		t.Errorf("after a restart engine time is %s with %d forecasts, want %s with 1", now, forecasts, noon)
	}
	if err := advance(t, a, noon.Add(-time.Minute)); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("time went back after a restart: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAChangedCatalogueComesIntoForceAtTheNextStart(t *testing.T) {
	o := options(t)
	o.Catalog = t.TempDir()
	if err := os.CopyFS(o.Catalog, os.DirFS(shipped)); err != nil {
		t.Fatal(err)
	}
	a := start(t, o)
	first := a.Catalog().Version
	if err := advance(t, a, noon); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(o.Catalog, "tables.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, "\n# reviewed\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	a = start(t, o)
	defer a.Close()
	var inForce string
	var now time.Time
	a.Query("tanjiang", func(e *engine.Engine) { inForce, now = e.Catalog().Version, e.Now() })
	if inForce == first || inForce != a.Catalog().Version {
		t.Errorf("in force is %s, the folder holds %s, before it was %s", inForce, a.Catalog().Version, first)
	}
	if !now.Equal(noon) {
		t.Errorf("the change moved engine time to %s", now)
	}
}

func TestAStartThatFailsSaysWhyAndLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o := options(t)
	o.Catalog = t.TempDir()
	if err := os.WriteFile(filepath.Join(o.Catalog, "a.yaml"), []byte("stations:\n  - id: 3\n    nam: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := app.Start(t.Context(), o)
	if !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "a.yaml:") {
		t.Errorf("a bad catalogue: %v", err)
	}

	o = options(t)
	a := start(t, o)
	defer a.Close()
	twin := options(t)
	twin.Data = o.Data
	if _, err := app.Start(t.Context(), twin); !errors.Is(err, hydro.ErrConflict) {
		t.Errorf("a second server on the same folder: %v", err)
	}
	taken := options(t)
	taken.GRPC = a.GRPCAddr()
	if _, err := app.Start(t.Context(), taken); err == nil || !strings.Contains(err.Error(), "--grpc") {
		t.Errorf("a second server on the same address: %v", err)
	}
}

// Warnings must not wait for a store: a server starts and runs without its
// InfluxDB.
func TestAServerStartsWithoutItsInfluxDB(t *testing.T) {
	o := options(t)
	o.Store, o.InfluxURL = "influx", "http://127.0.0.1:1"
	a := start(t, o)
	if err := advance(t, a, noon); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := a.WaitArchived(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("archived without a store: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// A store that was deleted is filled again from the log, which still has it all.
func TestADeletedStoreIsFilledAgainFromTheLog(t *testing.T) {
	o := options(t)
	a := start(t, o)
	if err := advance(t, a, noon); err != nil {
		t.Fatal(err)
	}
	if err := a.WaitArchived(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(o.Data, "store")); err != nil {
		t.Fatal(err)
	}
	a = start(t, o)
	defer a.Close()
	if err := a.WaitArchived(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Store().Forecast(t.Context(), "tanjiang", noon); err != nil {
		t.Errorf("the forecast of noon is not in the new store: %v", err)
	}
}

// A log that lost its end must not be written on: new inputs would get numbers
// that the engine takes for old ones, and be ignored.
func TestALogShorterThanItsSnapshotIsRefused(t *testing.T) {
	o := options(t)
	a := start(t, o)
	for i := range 5 {
		if err := advance(t, a, noon.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(t.Context(), journal.Options{Dir: filepath.Join(o.Data, "log")})
	if err != nil {
		t.Fatal(err)
	}
	_, snapshot, err := j.LoadSnapshot(t.Context(), "tanjiang")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	// The same snapshot beside a log that was begun anew.
	o.Data = t.TempDir()
	if j, err = journal.Open(t.Context(), journal.Options{Dir: filepath.Join(o.Data, "log")}); err != nil {
		t.Fatal(err)
	}
	if err := j.EnsureBasin(t.Context(), "tanjiang"); err != nil {
		t.Fatal(err)
	}
	if err := j.SaveSnapshot(t.Context(), "tanjiang", 6, snapshot); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Start(t.Context(), o); !errors.Is(err, hydro.ErrConflict) || !strings.Contains(err.Error(), "restore the log") {
		t.Errorf("error: %v", err)
	}
}
