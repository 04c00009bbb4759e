package station_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	pebbledb "github.com/cockroachdb/pebble/v2"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/internal/app"
	"freshet/internal/client"
	"freshet/internal/demo/scenario"
	"freshet/internal/hydro"
	"freshet/internal/station"
	"freshet/internal/wire"
)

// Readings vanish from the centre's history and others change in it, behind
// everybody's back. A gateway that was started anew since finds each of them and
// sends again these and no others; then the history is what it was, quality and
// all.
func TestAGatewayFindsAndHealsWhatTheHistoryLost(t *testing.T) {
	const steps, faults, basin = 60, 1000, "tanjiang"
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	opts := app.DefaultOptions()
	opts.Catalog, opts.Clock, opts.LogLevel = catalogDir, "driven", "error"
	opts.Data, opts.GRPC, opts.HTTP = t.TempDir(), freeAddr(t), "127.0.0.1:0"
	centre := func() *app.App {
		t.Helper()
		a, err := app.Start(ctx, opts)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	silence, voice := io.Pipe() // an input that never says anything
	defer func() { _ = voice.Close() }()
	conf := configure(t, t.TempDir(), opts.GRPC, "  - {kind: stdin, map: levels.yaml}\n")
	gateway := func() *station.Station {
		t.Helper()
		s, err := station.Start(ctx, conf, station.Options{Now: time.Now, Stdin: silence, Backoff: quick})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, g := centre(), gateway()
	cat := a.Catalog()
	storm, err := scenario.New(cat, scenario.DefaultSeed)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(opts.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	clock := client.NewClock(conn, quick)
	if err := clock.Advance(ctx, storm.Start()); err != nil {
		t.Fatal(err)
	}
	series := map[hydro.Key]bool{}
	for i := range steps {
		f := storm.Frames(i)
		for d, raws := range map[hydro.Department][]hydro.Raw{
			hydro.Weather: wire.WeatherRaw(nil, f.Weather), hydro.Hydrology: wire.HydrologyRaw(nil, f.Hydrology),
			hydro.WaterResources: wire.WaterResourcesRaw(nil, f.WaterResources),
		} {
			if err := g.Gateway().Put(ctx, d, raws); err != nil {
				t.Fatal(err)
			}
			for _, r := range raws {
				if st, ok := cat.Resolve(d, r.Station); ok {
					series[hydro.Key{Station: st.ID, Variable: r.Variable, Sensor: r.Sensor}] = true
				}
			}
		}
		if err := g.Drained(ctx); err != nil {
			t.Fatal(err)
		}
		if err := clock.Advance(ctx, f.At); err != nil {
			t.Fatal(err)
		}
	}
	from, to := storm.Start().Add(-time.Hour), storm.Start().Add(steps*storm.Step())
	history := func(a *app.App) (all []hydro.Observation) {
		t.Helper()
		if err := a.WaitArchived(ctx); err != nil {
			t.Fatal(err)
		}
		for k := range series {
			for o, err := range a.Store().Observations(ctx, k, from, to) {
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, o)
			}
		}
		slices.SortFunc(all, func(x, y hydro.Observation) int {
			return cmp.Or(cmp.Compare(x.String(), y.String()), x.At.Compare(y.At))
		})
		return all
	}
	before := history(a)
	if len(before) < 2*faults {
		t.Fatalf("only %d readings", len(before))
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	// Half of the faults are deletions, from the files of the store.
	db, err := pebbledb.Open(filepath.Join(opts.Data, "store"), &pebbledb.Options{
		Merger: &pebbledb.Merger{Name: "freshet.highest-revision", Merge: func(_, value []byte) (pebbledb.ValueMerger, error) { return &newest{slices.Clone(value)}, nil }},
		Logger: quiet{}, FormatMajorVersion: pebbledb.FormatNewest,
	})
	if err != nil {
		t.Fatal(err)
	}
	var changed []hydro.Observation
	for n, i := range rand.New(rand.NewPCG(1, 2)).Perm(len(before))[:faults] {
		o := before[i]
		if n%2 == 0 {
			if err := db.Delete(storeKey(&o), nil); err != nil {
				t.Fatal(err)
			}
			continue
		}
		o.Raw, o.Value = o.Raw+0.01, o.Value+0.01
		changed = append(changed, o)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	a = centre()
	defer func() { _ = a.Close() }()
	if err := a.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if err := a.Store().WriteObservations(ctx, basin, changed); err != nil {
		t.Fatal(err)
	}
	if len(history(a)) != len(before)-faults/2 {
		t.Fatal("nothing was deleted")
	}

	g = gateway()
	defer func() { _ = g.Close() }()
	reconcile := func() (r station.ReconcileReport) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.HTTPAddr()+"/reconcile", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if err := json.NewDecoder(resp.Body).Decode(&r); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v", resp.Status, err)
		}
		return r
	}
	if r := reconcile(); r.Sent != faults || r.Unhealed != 0 || r.Differ == 0 || r.Differ > len(series) {
		t.Errorf("%d faults in %d series: %+v", faults, len(series), r)
	}
	// Which tests could be run may have become more since a reading was written first.
	if diff := gocmp.Diff(before, history(a), cmpopts.IgnoreFields(hydro.Observation{}, "Ran")); diff != "" {
		t.Errorf("the history is not what it was (-before +after):\n%s", diff)
	}
	if r := reconcile(); r.Days != 0 {
		t.Errorf("compared again although nothing was recorded since: %+v", r)
	}
	if st := ask(t, g); st.Reconcile == nil || len(st.Reconcile.Findings) == 0 || st.Reconcile.Last.Sent != faults {
		t.Errorf("status: %+v", st.Reconcile)
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
