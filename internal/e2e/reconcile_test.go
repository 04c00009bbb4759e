package e2e_test

import (
	"context"
	"encoding/binary"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	pebbledb "github.com/cockroachdb/pebble/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/ingest"
	"freshet/ingest/reconcile"
	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/demo/scenario"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// A sentKey is a series as its gateway names it.
type sentKey struct {
	department hydro.Department
	key        hydro.Key
}

// ledger returns what the gateways sent of each series in the first steps of the
// storm and was not refused.
func (s *sender) ledger(storm *scenario.Storm, steps int) map[sentKey][]reconcile.Item {
	out := map[sentKey][]reconcile.Item{}
	sequence := map[hydro.Department]uint64{}
	var zones ingest.Result
	for i := range steps {
		f := storm.Frames(i)
		for d, raws := range map[hydro.Department][]hydro.Raw{
			hydro.Weather:        wire.WeatherRaw(nil, f.Weather),
			hydro.Hydrology:      wire.HydrologyRaw(nil, f.Hydrology),
			hydro.WaterResources: wire.WaterResourcesRaw(nil, f.WaterResources),
		} {
			if len(raws) == 0 {
				continue
			}
			sequence[d]++
			for k := range raws {
				r := &raws[k]
				if item, ok := ingest.Sent(r, &zones); ok && !s.rejected[d][sequence[d]][[2]any{r.Report, r.Field}] {
					k := sentKey{d, hydro.Key{Station: r.Station, Variable: r.Variable, Sensor: r.Sensor}}
					out[k] = append(out[k], item)
				}
			}
		}
	}
	for k, items := range out {
		out[k] = reconcile.Sort(items)
	}
	return out
}

// Readings vanish from the history, and others change in it, behind everybody's
// back. A comparison of count and hash finds each of them and no other, and
// sending them again makes the history what it was, quality and all.
func TestReconciliationFindsAndHealsWhatTheHistoryLost(t *testing.T) {
	const steps, faults = 60, 1000
	cat, storm := loadStorm(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	opts := app.DefaultOptions()
	opts.Catalog, opts.Clock, opts.LogLevel = catalogDir, "driven", "error"
	opts.Data, opts.GRPC, opts.HTTP = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	start := func() (*app.App, *grpc.ClientConn) {
		a, err := app.Start(ctx, opts)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := client.Dial(a.GRPCAddr())
		if err != nil {
			t.Fatal(err)
		}
		return a, conn
	}
	archived := func(a *app.App) {
		t.Helper()
		if err := a.WaitArchived(ctx); err != nil {
			t.Fatal(err)
		}
	}
	a, conn := start()
	send := newSender(cat)
	if err := send.play(ctx, a.GRPCAddr(), storm, steps, nil); err != nil {
		t.Fatal(err)
	}
	archived(a)
	sent := send.ledger(storm, steps)
	from, to := storm.Start().Add(-time.Hour), storm.Start().Add(steps*storm.Step())
	key := func(k sentKey) hydro.Key {
		st, ok := cat.Resolve(k.department, k.key.Station)
		if !ok {
			t.Fatalf("station %q was accepted and is not in the catalogue", k.key.Station)
		}
		return hydro.Key{Station: st.ID, Variable: k.key.Variable, Sensor: k.key.Sensor}
	}
	history := func(a *app.App) map[sentKey][]hydro.Observation {
		t.Helper()
		out := map[sentKey][]hydro.Observation{}
		for k := range sent {
			for o, err := range a.Store().Observations(ctx, key(k), from, to) {
				if err != nil {
					t.Fatal(err)
				}
				out[k] = append(out[k], o)
			}
		}
		return out
	}
	series := slices.SortedFunc(maps.Keys(sent), func(a, b sentKey) int {
		return slices.Compare([]byte(a.department.String()+a.key.String()), []byte(b.department.String()+b.key.String()))
	})
	compare := func(conn *grpc.ClientConn) map[sentKey]reconcile.Difference {
		t.Helper()
		out := map[sentKey]reconcile.Difference{}
		for _, k := range series {
			resp, err := freshetv1.NewIngestServiceClient(conn).CompareDays(ctx, &freshetv1.CompareDaysRequest{
				Gateway: "e2e", Department: wire.FromDepartment(k.department), Days: []*freshetv1.SeriesDay{wire.FromDay(k.key, from, to, sent[k])},
			}, grpc.WaitForReady(true))
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range resp.GetDifferences() {
				if d.GetProblem() != "" {
					t.Fatalf("%v: %s", k, d.GetProblem())
				}
				out[k] = reconcile.Compare(sent[k], wire.ToItems(d.GetReadings()))
			}
		}
		return out
	}
	if d := compare(conn); len(d) > 0 {
		t.Fatalf("before any fault: %v", d)
	}
	before := history(a)
	_ = conn.Close()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	// Half of the faults are deletions, from the files of the store.
	var all []hydro.Observation
	var names []sentKey
	for _, k := range series {
		for _, o := range before[k] {
			all, names = append(all, o), append(names, k)
		}
	}
	if len(all) < 2*faults {
		t.Fatalf("only %d readings", len(all))
	}
	want := map[sentKey]reconcile.Difference{}
	chosen := rand.New(rand.NewPCG(1, 2)).Perm(len(all))[:faults]
	slices.Sort(chosen)
	item := func(o hydro.Observation) reconcile.Item {
		return reconcile.Item{At: o.At.UnixMilli(), Interval: uint32(o.Interval / time.Second), Raw: o.Raw}
	}
	db, err := pebbledb.Open(filepath.Join(opts.Data, "store"), &pebbledb.Options{
		Merger: &pebbledb.Merger{Name: "freshet.highest-revision", Merge: func(_, value []byte) (pebbledb.ValueMerger, error) { return &newest{value}, nil }},
		Logger: quiet{}, FormatMajorVersion: pebbledb.FormatNewest,
	})
	if err != nil {
		t.Fatal(err)
	}
	var changed []hydro.Observation
	for n, i := range chosen {
		o, k := all[i], names[i]
		d := want[k]
		if n%2 == 0 {
			if err := db.Delete(storeKey(&o), nil); err != nil {
				t.Fatal(err)
			}
			d.Missing = append(d.Missing, item(o))
		} else {
			d.Changed = append(d.Changed, item(o))
			o.Raw, o.Value = o.Raw+0.01, o.Value+0.01
			changed = append(changed, o)
		}
		want[k] = d
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	a, conn = start()
	defer func() { _ = conn.Close(); _ = a.Close() }()
	if err := a.Store().WriteObservations(ctx, basin, changed); err != nil {
		t.Fatal(err)
	}

	found := compare(conn)
	if diff := cmp.Diff(want, found); diff != "" {
		t.Fatalf("found otherwise than made (-made +found):\n%s", diff)
	}
	for _, d := range hydro.Departments {
		g, err := client.Open(ctx, conn, d, "e2e-again", client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range steps {
			f := storm.Frames(i)
			r := map[hydro.Department]client.Reports{
				hydro.Weather: {Weather: f.Weather}, hydro.Hydrology: {Hydrology: f.Hydrology}, hydro.WaterResources: {WaterResources: f.WaterResources},
			}[d]
			if r.Again = true; r.Len() > 0 {
				if _, err := g.Send(ctx, r); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := g.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		g.Close()
	}
	if err := client.NewClock(conn, client.Backoff{}).Advance(ctx, to); err != nil { // the engine has applied what came before
		t.Fatal(err)
	}
	archived(a)
	if left := compare(conn); len(left) > 0 {
		t.Fatalf("not healed: %v", left)
	}
	if diff := cmp.Diff(before, history(a)); diff != "" {
		t.Errorf("the history is not what it was (-before +after):\n%s", diff)
	}
	_, err = freshetv1.NewIngestServiceClient(conn).CompareDays(ctx, &freshetv1.CompareDaysRequest{
		Gateway: "e2e", Department: freshetv1.Department_DEPARTMENT_HYDROLOGY, Days: []*freshetv1.SeriesDay{wire.FromDay(series[0].key, from, from.Add(26*time.Hour), nil)},
	})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("a day of 26 h: %v", err)
	}
}

// storeKey is the key of an observation in the embedded store (see
// internal/store/pebble).
func storeKey(o *hydro.Observation) []byte {
	b := append([]byte{'o'}, o.Station...)
	b = append(b, 0, byte(o.Variable), o.Sensor)
	return binary.BigEndian.AppendUint64(b, uint64(o.At.UnixMilli())^1<<63)
}

// newest keeps the newest of several values: here none has more than one.
type newest struct{ value []byte }

func (n *newest) MergeNewer(value []byte) error { n.value = slices.Clone(value); return nil }
func (n *newest) MergeOlder([]byte) error       { return nil }
func (n *newest) Finish(bool) ([]byte, io.Closer, error) {
	return n.value, nil, nil
}

// quiet is a logger of a database that says nothing.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}
