package pebble_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/store"
	"freshet/internal/store/memory"
	"freshet/internal/store/pebble"
	"freshet/internal/store/storetest"
)

func open(t testing.TB, dir string) *pebble.Store {
	t.Helper()
	s, err := pebble.Open(pebble.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir()) })
}

var noon = time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)

func level(station string, minute int, revision uint32, value float64) hydro.Observation {
	at := noon.Add(time.Duration(minute) * time.Minute)
	return hydro.Observation{
		Reading: hydro.Reading{Key: hydro.Key{Station: station, Variable: hydro.WaterLevel}, At: at, Raw: value, Value: value},
		Quality: hydro.Pass, Revision: revision, ReceivedAt: at.Add(time.Second),
	}
}

func read(t testing.TB, s store.Store, station string) []hydro.Observation {
	t.Helper()
	var all []hydro.Observation
	for o, err := range s.Observations(t.Context(), hydro.Key{Station: station, Variable: hydro.WaterLevel}, noon, noon.Add(24*time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

func TestWhatWasWrittenOutlivesTheProcess(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	want := []hydro.Observation{level("a", 0, 3, 1), level("a", 1, 0, 2)}
	if err := first.WriteObservations(t.Context(), "tanjiang", want); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, dir)
	// A redelivery whose revision is lower than what an earlier process wrote.
	if err := second.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{level("a", 0, 0, 9)}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, read(t, second, "a")); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if _, err := pebble.Open(pebble.Options{Dir: dir}); !errors.Is(err, hydro.ErrUnavailable) {
		t.Errorf("a second open gives %v, want an error that wraps ErrUnavailable", err)
	}
	if _, err := pebble.Open(pebble.Options{}); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("no directory gives %v, want an error that wraps ErrInvalid", err)
	}
}

// Close must not pull the database away under a reader: a query may be under
// way when the server stops.
func TestCloseWaitsForReadersAndLaterCallsAreUnavailable(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{level("a", 0, 0, 1), level("a", 1, 0, 2)}); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	n := 0
	for _, err := range s.Observations(t.Context(), hydro.Key{Station: "a", Variable: hydro.WaterLevel}, noon, noon.Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 {
			go func() { closed <- s.Close() }()
		}
	}
	if err := <-closed; err != nil || n != 2 {
		t.Errorf("read %d of 2, then Close gave %v", n, err)
	}
	if err := s.WriteObservations(t.Context(), "tanjiang", []hydro.Observation{level("a", 0, 0, 1)}); !errors.Is(err, hydro.ErrUnavailable) {
		t.Errorf("a write after Close gives %v, want ErrUnavailable", err)
	}
	for _, err := range s.Warnings(t.Context(), "tanjiang", noon, noon.Add(time.Hour)) {
		if !errors.Is(err, hydro.ErrUnavailable) {
			t.Errorf("a read after Close gives %v, want ErrUnavailable", err)
		}
	}
}

// Any order of writes, revisions and batches gives what the memory store gives,
// also when the operands of a key are merged on the disk.
func TestMergesAgreeWithTheMemoryStore(t *testing.T) {
	s := open(t, t.TempDir())
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		m := memory.New()
		station := fmt.Sprint("s", run)
		for range rapid.IntRange(1, 8).Draw(rt, "batches") {
			var batch []hydro.Observation
			for range rapid.IntRange(0, 12).Draw(rt, "size") {
				batch = append(batch, level(station, rapid.IntRange(0, 5).Draw(rt, "minute"), uint32(rapid.IntRange(0, 3).Draw(rt, "revision")), float64(rapid.IntRange(0, 99).Draw(rt, "value"))))
			}
			for _, to := range []store.Store{m, s} {
				if err := to.WriteObservations(t.Context(), "tanjiang", batch); err != nil {
					rt.Fatal(err)
				}
			}
			if rapid.IntRange(0, 9).Draw(rt, "flush") == 0 {
				if err := s.Flush(); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if d := cmp.Diff(read(t, m, station), read(t, s, station)); d != "" {
			rt.Errorf("-memory +pebble\n%s", d)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	storetest.BenchmarkWrite(b, func(b *testing.B) store.Store { return open(b, b.TempDir()) })
}

func BenchmarkRead(b *testing.B) {
	storetest.BenchmarkRead(b, func(b *testing.B) store.Store { return open(b, b.TempDir()) })
}
