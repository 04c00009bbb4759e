package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"freshet/ingest/gateway/ledger"
	"freshet/ingest/reconcile"
	"freshet/internal/hydro"
)

// A history is a centre whose copy can be spoilt. The whole way to a real one is
// tested in internal/e2e.
type history struct {
	held    map[string]map[int64]reconcile.Item
	deaf    bool // loses what is sent again
	sent    int
	queried int
}

func name(d hydro.Department, k hydro.Key) string { return fmt.Sprint(d, k) }

func (h *history) put(d hydro.Department, r hydro.Raw) {
	k := name(d, hydro.Key{Station: r.Station, Variable: r.Variable, Sensor: r.Sensor})
	if h.held[k] == nil {
		h.held[k] = map[int64]reconcile.Item{}
	}
	it := reconcile.Item{At: r.At.UnixMilli(), Interval: uint32(r.Interval / time.Second), Raw: r.Value}
	if r.Unit == hydro.TenthMM {
		it.Raw /= 10
	}
	h.held[k][it.At] = it
}

func (h *history) CompareDays(_ context.Context, d ledger.Day, series []ledger.Series) (out []ledger.Held, err error) {
	if len(series) > 100 {
		return nil, fmt.Errorf("%d series: %w", len(series), hydro.ErrInvalid)
	}
	for i, s := range series {
		h.queried++
		var items []reconcile.Item
		for at, it := range h.held[name(d.Department, s.Key)] {
			if at >= d.From.UnixMilli() && at < d.To().UnixMilli() {
				items = append(items, it)
			}
		}
		if items = reconcile.Sort(items); !reconcile.Compare(s.Items, items).Equal() {
			out = append(out, ledger.Held{Series: i, Items: items})
		}
	}
	return out, nil
}

func (h *history) SendAgain(_ context.Context, d hydro.Department, raws []hydro.Raw) error {
	h.sent += len(raws)
	for _, r := range raws {
		if !h.deaf {
			h.put(d, r)
		}
	}
	return nil
}

func TestHealingFindsAllAndSendsOnlyWhatDiffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, err := ledger.Open(ledger.Options{Dir: "ledger", FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		h := &history{held: map[string]map[int64]reconcile.Item{}}
		spoilt := 0
		for range rapid.IntRange(1, 3).Draw(t, "frames") {
			d := rapid.SampledFrom(hydro.Departments).Draw(t, "department")
			raws := rapid.SliceOfN(rapid.Custom(drawRaw), 1, 300).Draw(t, "raws")
			for i := range raws {
				raws[i].Station = fmt.Sprint(raws[i].Station, i%130)
				h.put(d, raws[i])
			}
			if err := l.Record(d, raws, start); err != nil {
				t.Fatal(err)
			}
		}
		keys := make([]string, 0, len(h.held))
		for k := range h.held {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			ats := make([]int64, 0, len(h.held[k]))
			for at := range h.held[k] {
				ats = append(ats, at)
			}
			slices.Sort(ats)
			for _, at := range ats {
				switch rapid.IntRange(0, 9).Draw(t, "fate") {
				case 0:
					delete(h.held[k], at)
					spoilt++
				case 1:
					it := h.held[k][at]
					it.Raw++
					h.held[k][at] = it
					spoilt++
				}
			}
		}
		opts := ledger.HealOptions{Now: start.Add(96 * time.Hour), After: time.Hour, Wait: func(context.Context) error { return nil }}
		found := 0
		opts.Found = func(f ledger.Finding) { found += f.Missing + f.Changed }
		early := opts
		early.Now = start.Add(-24 * time.Hour)
		if r, err := l.Heal(t.Context(), h, early); err != nil || r.Days != 0 {
			t.Fatalf("before any day is over: %+v, %v", r, err)
		}
		r, err := l.Heal(t.Context(), h, opts)
		if err != nil || r.Sent != spoilt || found != spoilt || h.sent != spoilt || r.Unhealed != 0 {
			t.Fatalf("%d spoilt: %+v, found %d, %v", spoilt, r, found, err)
		}
		h.queried = 0
		if r, err = l.Heal(t.Context(), h, opts); err != nil || r.Days != 0 || h.queried != 0 {
			t.Fatalf("a second time: %+v, %v", r, err)
		}
	})
}

// What cannot be healed is said to be so, and is tried again the next time.
func TestWhatDoesNotHealWaits(t *testing.T) {
	l, err := ledger.Open(ledger.Options{Dir: "ledger", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	h := &history{held: map[string]map[int64]reconcile.Item{}, deaf: true}
	raw := hydro.Raw{Station: "a", Variable: hydro.Discharge, Value: 1, Unit: hydro.UnitOwn, At: start}
	if err := l.Record(hydro.Hydrology, []hydro.Raw{raw}, start); err != nil {
		t.Fatal(err)
	}
	waits := 0
	opts := ledger.HealOptions{Now: start, All: true, Wait: func(context.Context) error { waits++; return nil }}
	r, err := l.Heal(t.Context(), h, opts)
	if err != nil || r.Unhealed != 1 || r.Findings != 1 || r.Sent != 3 || waits != 2 {
		t.Errorf("%+v, %d waits, %v", r, waits, err)
	}
	h.deaf = false
	if r, err = l.Heal(t.Context(), h, opts); err != nil || r.Unhealed != 0 || r.Sent != 1 {
		t.Errorf("once it hears: %+v, %v", r, err)
	}
}
