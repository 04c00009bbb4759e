package spool_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/ingest/gateway/spool"
	"freshet/internal/hydro"
)

var start = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// A clock is moved by hand.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func open(t testing.TB, fs vfs.FS, c *clock, change ...func(*spool.Options)) *spool.Spool {
	t.Helper()
	o := spool.Options{Dir: "spool", FS: fs, Now: c.read, MinFree: 1 << 16}
	for _, f := range change {
		f(&o)
	}
	s, err := spool.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func level(station string, at time.Time, value float64) hydro.Raw {
	return hydro.Raw{Station: station, Variable: hydro.WaterLevel, Unit: hydro.UnitOwn, Value: value, At: at, Datum: hydro.PearlRiver}
}

// text is a value as tests compare it: NaN is equal to itself.
func text(r hydro.Raw) string { return fmt.Sprintf("%+v", r) }

func drawRaw(t *rapid.T, now time.Time) hydro.Raw {
	r := hydro.Raw{
		Station:  rapid.StringN(0, 12, 40).Draw(t, "station"),
		Variable: hydro.Variable(rapid.IntRange(0, 255).Draw(t, "variable")),
		Unit:     hydro.Unit(rapid.IntRange(0, 255).Draw(t, "unit")),
		Value:    rapid.OneOf(rapid.Float64(), rapid.Just(math.NaN()), rapid.Just(math.Inf(-1))).Draw(t, "value"),
		Sensor:   rapid.Byte().Draw(t, "sensor"),
		Interval: time.Duration(rapid.Int64Range(-1e6, 1e9).Draw(t, "interval")) * time.Millisecond,
		Datum:    hydro.Datum(rapid.StringN(0, 8, 20).Draw(t, "datum")),
	}
	if rapid.Bool().Draw(t, "instant") {
		r.At = now.Add(-time.Duration(rapid.Int64Range(-1e6, 3e9).Draw(t, "age")) * time.Millisecond).Truncate(time.Millisecond)
	} else {
		r.Local, r.Zone = rapid.StringN(0, 8, 32).Draw(t, "local"), rapid.SampledFrom([]string{"", "UTC", "+08:00", "Asia/Shanghai", "nowhere"}).Draw(t, "zone")
	}
	return r
}

// Whatever happens in whatever order, the spool holds what was put and is not
// done, and hands each of it out once until it is returned. A crash loses
// nothing that Put returned for, and may bring back what was done.
func TestHoldsWhatWasPutAndIsNotDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewCrashableMem()
		c := &clock{now: start}
		s := open(tb(t), fs, c)
		defer func() { _ = s.Close() }()
		held := map[hydro.Department]map[string]int{} // by text
		for _, d := range hydro.Departments {
			held[d] = map[string]int{}
		}
		flying := map[hydro.Department][][]spool.Entry{}
		done := map[hydro.Department]map[string]int{} // since the last orderly start
		n := 0
		check := func(d hydro.Department, after map[string]int) {
			got := map[string]int{}
			for _, lane := range []spool.Lane{spool.Live, spool.Backlog} {
				for s.Has(d, lane) {
					entries, err := s.Take(d, lane, 3)
					if err != nil {
						t.Fatal(err)
					}
					if len(entries) == 0 {
						break
					}
					for _, e := range entries {
						for _, r := range e.Raws {
							got[text(r)]++
						}
					}
				}
			}
			for k, want := range held[d] {
				if got[k] < want || got[k] > want+after[k] {
					t.Fatalf("%s: %d of %s, want %d and at most %d that were done", d, got[k], k, want, after[k])
				}
			}
			for k := range got {
				if got[k] > held[d][k]+after[k] {
					t.Fatalf("%s: %d of %s, want %d", d, got[k], k, held[d][k])
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				d := rapid.SampledFrom(hydro.Departments).Draw(t, "department")
				raws := make([]hydro.Raw, rapid.IntRange(1, 5).Draw(t, "values"))
				for i := range raws {
					raws[i] = drawRaw(t, c.now)
					raws[i].Station += fmt.Sprint("/", n) // all different
					n++
				}
				if err := s.Put(t.Context(), d, raws, nil); err != nil {
					t.Fatal(err)
				}
				for _, r := range raws {
					held[d][text(r)]++
				}
			},
			"take": func(t *rapid.T) {
				d := rapid.SampledFrom(hydro.Departments).Draw(t, "department")
				lane := rapid.SampledFrom([]spool.Lane{spool.Live, spool.Backlog}).Draw(t, "lane")
				entries, err := s.Take(d, lane, rapid.IntRange(1, 10).Draw(t, "readings"))
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					for _, r := range e.Raws {
						if held[d][text(r)] != 1 {
							t.Fatalf("took %s, which is not held", text(r))
						}
						for _, f := range flying[d] {
							for _, g := range f {
								if g.ID == e.ID {
									t.Fatalf("took %d twice", e.ID)
								}
							}
						}
					}
				}
				if len(entries) > 0 {
					flying[d] = append(flying[d], entries)
				}
			},
			"done": func(t *rapid.T) {
				d := rapid.SampledFrom(hydro.Departments).Draw(t, "department")
				if len(flying[d]) == 0 {
					return
				}
				i := rapid.IntRange(0, len(flying[d])-1).Draw(t, "frame")
				if err := s.Done(flying[d][i], nil); err != nil {
					t.Fatal(err)
				}
				for _, e := range flying[d][i] {
					for _, r := range e.Raws {
						delete(held[d], text(r))
						if done[d] == nil {
							done[d] = map[string]int{}
						}
						done[d][text(r)]++
					}
				}
				flying[d] = slices.Delete(flying[d], i, i+1)
			},
			"return": func(t *rapid.T) {
				d := rapid.SampledFrom(hydro.Departments).Draw(t, "department")
				s.Return(d)
				flying[d] = nil
				check(d, nil)
				s.Return(d)
			},
			"time passes": func(t *rapid.T) {
				c.now = c.now.Add(time.Duration(rapid.Int64Range(-60, 1200).Draw(t, "seconds")) * time.Second)
			},
			"start again": func(t *rapid.T) {
				crash := rapid.Bool().Draw(t, "crash")
				if crash {
					percent := rapid.IntRange(0, 100).Draw(t, "unsynced")
					fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(uint64(n), 1))})
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(tb(t), fs, c)
				clear(flying)
				for _, d := range hydro.Departments {
					check(d, done[d])
					s.Return(d)
					// What came back is held again, or the sets drift apart.
					if crash {
						for lane := range 2 {
							for {
								entries, err := s.Take(d, spool.Lane(lane), 1)
								if err != nil {
									t.Fatal(err)
								}
								if len(entries) == 0 {
									break
								}
								for _, e := range entries {
									for _, r := range e.Raws {
										held[d][text(r)] = 1
									}
								}
							}
						}
						s.Return(d)
					}
				}
				clear(done)
			},
			"": func(t *rapid.T) {
				st, err := s.Stats()
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range hydro.Departments {
					if got := st.Departments[d].Readings; got != int64(len(held[d])) {
						t.Fatalf("%s: counts %d values, holds %d", d, got, len(held[d]))
					}
				}
			},
		})
	})
}

// tb lets helpers fail a rapid check.
func tb(t *rapid.T) testing.TB { return rapidTB{TB: nil, t: t} }

type rapidTB struct {
	testing.TB
	t *rapid.T
}

func (r rapidTB) Helper()           {}
func (r rapidTB) Fatal(args ...any) { r.t.Fatal(args...) }

func TestFreshOvertakesAndPassesIntoTheBacklogWithTime(t *testing.T) {
	c := &clock{now: start}
	s := open(t, vfs.NewMem(), c)
	defer s.Close()
	put := func(r hydro.Raw) {
		t.Helper()
		if err := s.Put(t.Context(), hydro.Hydrology, []hydro.Raw{r}, nil); err != nil {
			t.Fatal(err)
		}
	}
	take := func(lane spool.Lane) string {
		t.Helper()
		entries, err := s.Take(hydro.Hydrology, lane, 1000)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			for _, r := range e.Raws {
				names = append(names, r.Station)
			}
		}
		return strings.Join(names, " ")
	}
	put(level("before", c.now, 1))
	c.now = c.now.Add(20 * time.Minute)
	put(level("history", c.now.Add(-time.Hour), 1))
	put(hydro.Raw{Station: "local-history", Local: "2026-06-01 07:00", Zone: "+08:00", Variable: hydro.Discharge})
	put(level("now", c.now, 1))
	put(hydro.Raw{Station: "local-now", Local: "2026-06-01 08:15", Zone: "+08:00", Variable: hydro.Discharge})
	put(hydro.Raw{Station: "no-time", Variable: hydro.Discharge})
	if got, want := take(spool.Live), "now local-now no-time"; got != want {
		t.Errorf("live: %q, want %q", got, want)
	}
	if got, want := take(spool.Backlog), "before history local-history"; got != want {
		t.Errorf("backlog: %q, want %q", got, want)
	}
	s.Return(hydro.Hydrology)
	c.now = c.now.Add(10*time.Minute + time.Second)
	if got := take(spool.Live); got != "" {
		t.Errorf("live after it has grown old: %q, want nothing", got)
	}
	if got, want := take(spool.Backlog), "before now local-now no-time history local-history"; got != want {
		t.Errorf("backlog after live has grown old: %q, want %q", got, want)
	}
}

func TestAFullSpoolRefusesWholeAndTakesAgainAfterAcks(t *testing.T) {
	c := &clock{now: start}
	s := open(t, vfs.NewMem(), c, func(o *spool.Options) { o.MaxBytes = 2000 })
	defer s.Close()
	var kept int64
	var err error
	for err == nil {
		if err = s.Put(t.Context(), hydro.Hydrology, []hydro.Raw{level(fmt.Sprint("s", kept), c.now, 1)}, nil); err == nil {
			kept++
		}
	}
	if !errors.Is(err, spool.ErrFull) || !errors.Is(err, hydro.ErrUnavailable) {
		t.Fatalf("a full spool says %v", err)
	}
	st, err := s.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if st.Readings != kept || st.Bytes > 2000 || st.Bytes < 1900 || st.Full == nil || st.Fulls != 1 {
		t.Errorf("after %d values: %+v", kept, st)
	}
	entries, err := s.Take(hydro.Hydrology, spool.Live, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Done(entries, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), hydro.Hydrology, []hydro.Raw{level("again", c.now, 1)}, nil); err != nil {
		t.Errorf("after an acknowledgement: %v", err)
	}
	if st, err = s.Stats(); err != nil || st.Full != nil {
		t.Errorf("still full: %v, %v", st.Full, err)
	}
}

// Values put = values held + values dropped, by station, and the newest stay.
func TestDropOldestCountsExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{now: start}
		fs := vfs.NewMem()
		limit := func(o *spool.Options) { o.MaxBytes, o.DropOldest = 1500, true }
		s := open(tb(t), fs, c, limit)
		defer func() { _ = s.Close() }()
		put := map[string]int64{}
		var order []hydro.Raw
		for range rapid.IntRange(1, 60).Draw(t, "puts") {
			c.now = c.now.Add(time.Second)
			d := rapid.SampledFrom(hydro.Departments).Draw(t, "department")
			raws := make([]hydro.Raw, rapid.IntRange(1, 6).Draw(t, "values"))
			for i := range raws {
				raws[i] = level(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "station"), c.now, float64(len(order)))
				put[raws[i].Station]++
				order = append(order, raws[i])
			}
			if err := s.Put(t.Context(), d, raws, nil); err != nil {
				t.Fatal(err)
			}
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(tb(t), fs, c, limit)
			}
		}
		st, err := s.Stats()
		if err != nil {
			t.Fatal(err)
		}
		held := map[string]int64{}
		var values []float64
		for _, d := range hydro.Departments {
			entries, err := s.Take(d, spool.Live, 1e6)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				for _, r := range e.Raws {
					held[r.Station]++
					values = append(values, r.Value)
				}
			}
		}
		slices.Sort(values)
		for i, v := range values {
			if want := float64(len(order) - len(values) + i); v != want {
				t.Fatalf("value %g is held in place %d of the newest, want %g", v, i, want)
			}
		}
		dropped := map[string]int64{}
		for station, d := range st.Dropped {
			dropped[station] = d.Count
		}
		for station := range put {
			if put[station] != held[station]+dropped[station] {
				t.Fatalf("station %s: %d put, %d held, %d counted as dropped", station, put[station], held[station], dropped[station])
			}
		}
		if n := len(order) - len(values); n > 0 {
			first, last := order[0].At, order[n-1].At
			var got spool.Drops
			for _, d := range slices.Collect(maps.Values(st.Dropped)) {
				if got.Count == 0 || d.Oldest.Before(got.Oldest) {
					got.Oldest = d.Oldest
				}
				if got.Count == 0 || d.Newest.After(got.Newest) {
					got.Newest = d.Newest
				}
				got.Count += d.Count
			}
			if want := (spool.Drops{Count: int64(n), Oldest: first, Newest: last}); got != want || st.DroppedTotal() != int64(n) {
				t.Fatalf("dropped: %+v, want %+v", got, want)
			}
		}
	})
}

// A disk that fills up under the database: Put says so, nothing that Put
// returned for is lost, acknowledgements are still taken, and once there is
// room Puts are taken again.
func TestADiskWithoutRoomIsAnErrorAndNotALoss(t *testing.T) {
	c := &clock{now: start}
	mem := vfs.NewMem()
	var full atomic.Bool
	var hits atomic.Int64
	ballast := func() bool { _, err := mem.Stat("spool/BALLAST"); return err == nil }
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		write := op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpFileWriteAt
		// The room of the ballast is enough for the database, not for another one.
		if full.Load() && write && (ballast() || strings.HasSuffix(op.Path, "BALLAST")) {
			hits.Add(1)
			return &errorNoSpace{}
		}
		return nil
	}))
	s := open(t, fs, c)
	put := func(i int) error {
		c.now = c.now.Add(2 * time.Second)
		return s.Put(t.Context(), hydro.Hydrology, []hydro.Raw{level(fmt.Sprint("s", i), c.now, float64(i))}, nil)
	}
	kept := 0
	for ; kept < 5; kept++ {
		if err := put(kept); err != nil {
			t.Fatal(err)
		}
	}
	full.Store(true)
	if err := put(kept); err != nil { // it found the disk full and used the room of the ballast
		t.Fatal(err)
	}
	kept++
	if hits.Load() == 0 || ballast() {
		t.Fatalf("the disk was never full: %d refused writes, ballast there: %v", hits.Load(), ballast())
	}
	if err := put(kept); !errors.Is(err, spool.ErrFull) {
		t.Fatalf("with a full disk Put says %v", err)
	}
	entries, err := s.Take(hydro.Hydrology, spool.Live, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Done(entries, nil); err != nil {
		t.Fatal(err)
	}
	full.Store(false)
	if err := put(kept); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	kept++
	if !ballast() {
		t.Error("no room is kept for the next time")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, fs, c)
	defer s.Close()
	if st, err := s.Stats(); err != nil || st.Readings != int64(kept-1) {
		t.Errorf("holds %d values, want %d (%v)", st.Readings, kept-1, err)
	}
}

// errorNoSpace is what the system says.
type errorNoSpace struct{}

func (*errorNoSpace) Error() string { return syscall.ENOSPC.Error() }
func (*errorNoSpace) Unwrap() error { return syscall.ENOSPC }

func TestRefusedValuesStayReadableAndBounded(t *testing.T) {
	c := &clock{now: start}
	fs := vfs.NewMem()
	few := func(o *spool.Options) { o.KeepRefused = 3 }
	s := open(t, fs, c, few)
	var want []spool.Refused
	for i := range 5 {
		c.now = c.now.Add(time.Second)
		r := level(fmt.Sprint("s", i), c.now, math.NaN())
		if err := s.Put(t.Context(), hydro.Hydrology, []hydro.Raw{r}, nil); err != nil {
			t.Fatal(err)
		}
		entries, err := s.Take(hydro.Hydrology, spool.Live, 1)
		if err != nil {
			t.Fatal(err)
		}
		no := spool.NewRefused(hydro.Hydrology, &entries[0].Raws[0], c.now, "not_finite", "Mend the decoder.")
		if err := s.Done(entries, []spool.Refused{no}); err != nil {
			t.Fatal(err)
		}
		want = append(want, no)
	}
	no := spool.NewRefused(hydro.Weather, &hydro.Raw{Local: "yesterday", Zone: "UTC", Variable: hydro.Rain}, c.now, "unsendable", "No station.")
	if err := s.Put(t.Context(), hydro.Weather, nil, []spool.Refused{no}); err != nil {
		t.Fatal(err)
	}
	want = append(want, no)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, fs, c, few)
	defer s.Close()
	got, err := s.Refused(10)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(got)
	if d := cmp.Diff(want[3:], got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if st, err := s.Stats(); err != nil || st.Refused != 3 || st.Readings != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}
