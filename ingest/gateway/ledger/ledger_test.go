package ledger_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"freshet/ingest/gateway/ledger"
	"freshet/ingest/reconcile"
	"freshet/internal/hydro"
)

var start = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

type place struct {
	department hydro.Department
	day        time.Time
	key        hydro.Key
}

func drawRaw(t *rapid.T) hydro.Raw {
	r := hydro.Raw{
		Station:  rapid.SampledFrom([]string{"a", "ab", "江门", "b"}).Draw(t, "station"),
		Variable: rapid.SampledFrom([]hydro.Variable{hydro.WaterLevel, hydro.Rain, hydro.GateOpening}).Draw(t, "variable"),
		Sensor:   rapid.SampledFrom([]uint8{0, 0, 1}).Draw(t, "sensor"),
		Value:    float64(rapid.IntRange(0, 50).Draw(t, "value")), Unit: hydro.UnitOwn,
		At: start.Add(time.Duration(rapid.IntRange(-300, 3000).Draw(t, "minute")) * time.Minute),
	}
	switch r.Variable {
	case hydro.Rain:
		r.Interval, r.Unit = time.Hour, hydro.TenthMM
	case hydro.WaterLevel:
		r.Datum = hydro.PearlRiver
	default:
	}
	return r
}

// What was recorded is told by day and series, the last value of an instant, also
// after the ledger was opened anew; and days wait until they were compared.
func TestTheLedgerHoldsWhatWasAcknowledged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewMem()
		open := func() *ledger.Ledger {
			l, err := ledger.Open(ledger.Options{Dir: "ledger", FS: fs})
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		l := open()
		defer func() { _ = l.Close() }()
		want := map[place]map[int64]reconcile.Item{}
		marks := map[place]time.Time{} // by department and day
		for now := range rapid.IntRange(1, 8).Draw(t, "frames") {
			d := rapid.SampledFrom(hydro.Departments).Draw(t, "department")
			raws := rapid.SliceOfN(rapid.Custom(drawRaw), 0, 20).Draw(t, "raws")
			at := start.Add(time.Duration(now) * time.Second)
			if err := l.Record(d, raws, at); err != nil {
				t.Fatal(err)
			}
			for _, r := range raws {
				p := place{d, r.At.Truncate(24 * time.Hour), hydro.Key{Station: r.Station, Variable: r.Variable, Sensor: r.Sensor}}
				if want[p] == nil {
					want[p] = map[int64]reconcile.Item{}
				}
				it := reconcile.Item{At: r.At.UnixMilli(), Raw: r.Value}
				if r.Variable == hydro.Rain {
					it.Interval, it.Raw = 3600, r.Value/10
				}
				want[p][it.At] = it
				marks[place{department: d, day: p.day}] = at
			}
			if rapid.Bool().Draw(t, "reopen") {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				l = open()
			}
		}
		days, err := l.Days()
		if err != nil {
			t.Fatal(err)
		}
		got := map[place]map[int64]reconcile.Item{}
		for _, d := range days {
			if at := marks[place{department: d.Department, day: d.From}]; !d.Recorded.Equal(at) {
				t.Fatalf("%v: recorded at %v", d, at)
			}
			err := l.Series(d, func(s ledger.Series) error {
				p := place{d.Department, d.From, s.Key}
				got[p] = map[int64]reconcile.Item{}
				for _, it := range s.Items {
					got[p][it.At] = it
				}
				for i, r := range s.Raws(s.Items) {
					if r.At.UnixMilli() != s.Items[i].At || r.Value != s.Items[i].Raw || (r.Variable == hydro.WaterLevel) != (r.Datum == hydro.PearlRiver) {
						t.Fatalf("%+v to be sent again for %+v", r, s.Items[i])
					}
				}
				if !slices.IsSortedFunc(s.Items, func(a, b reconcile.Item) int { return int(a.At - b.At) }) {
					t.Fatalf("not ascending: %v", s.Items)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(days) != len(marks) {
			t.Fatalf("%d days, recorded in %d", len(days), len(marks))
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(place{})); diff != "" {
			t.Fatalf("-recorded +held:\n%s", diff)
		}
		// Later only the younger days are left, and those that wait and are written
		// to still.
		limit := start.Add(24*time.Hour + time.Duration(rapid.IntRange(0, 10).Draw(t, "late"))*time.Second - time.Duration(rapid.SampledFrom([]int{0, 24}).Draw(t, "hours"))*time.Hour)
		missed, err := l.Forget(limit)
		if err != nil {
			t.Fatal(err)
		}
		left := maps.Clone(marks)
		maps.DeleteFunc(left, func(p place, at time.Time) bool { return !p.day.Add(24*time.Hour).After(limit) && !at.After(limit) })
		if days, err = l.Days(); err != nil || len(days) != len(left) || len(missed) != len(marks)-len(left) {
			t.Fatalf("%d left of %d, %d missed, %d recorded, %v", len(days), len(left), len(missed), len(marks), err)
		}
		for _, d := range missed {
			if err := l.Series(d, func(s ledger.Series) error { t.Fatalf("%v is still there", s.Key); return nil }); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A day that was compared waits again only if something was recorded in it since.
func TestAComparedDayWaitsNoMore(t *testing.T) {
	l, err := ledger.Open(ledger.Options{Dir: "ledger", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	raw := hydro.Raw{Station: "a", Variable: hydro.Discharge, Value: 1, Unit: hydro.UnitOwn, At: start}
	record := func(v float64, at time.Time) ledger.Day {
		raw.Value = v
		if err := l.Record(hydro.Hydrology, []hydro.Raw{raw}, at); err != nil {
			t.Fatal(err)
		}
		days, err := l.Days()
		if err != nil || len(days) != 1 {
			t.Fatalf("%v, %v", days, err)
		}
		return days[0]
	}
	before := record(1, start)
	since := record(2, start.Add(time.Second))
	for _, c := range []struct {
		day  ledger.Day
		left int
	}{{before, 1}, {since, 0}} {
		if err := l.Compared(c.day); err != nil {
			t.Fatal(err)
		}
		if days, err := l.Days(); err != nil || len(days) != c.left {
			t.Fatalf("after %v: %v, %v", c.day, days, err)
		}
	}
}
