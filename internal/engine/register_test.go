package engine_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// loadDisputed is load with claims, and with a request for a faster rate from blue
// on if faster says so.
func loadDisputed(tb testing.TB, faster bool) (*catalog.Catalog, string) {
	tb.Helper()
	c, _ := load(tb)
	files := slices.Clone(c.Files())
	for i, f := range files {
		if faster {
			files[i].Data = bytes.Replace(f.Data, []byte("    settings:\n"), []byte("    settings:\n      report_faster: {from: blue, every: 1m}\n"), 1)
		}
	}
	files = append(files, hydro.File{Name: "zz-claims.yaml", Data: []byte(
		"claims:\n  - {station: h-enping, department: water_resources, valid_from: 2026-06-08T00:20:00Z, source: s, to_1985: 0.7, thresholds: [{variable: water_level, yellow: 7}]}\n",
	)})
	d, problems := catalog.Load(files)
	if len(problems) > 0 {
		tb.Fatal(catalog.Problems(problems))
	}
	if b := d.Basins[0]; faster == (b.Settings.ReportFaster.From == hydro.Clear) {
		tb.Fatalf("report_faster %+v", b.Settings.ReportFaster)
	}
	return d, d.Basins[0].ID
}

func asJSON(tb rapid.TB, v any) string {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// An engine that is stored and restored after any tick opens, settles, requests
// and withdraws as one that never stopped, and a request for a faster rate changes
// no warning: a station that cannot obey is not blind sooner.
func TestRegisterAndRatesSurviveARestartAndChangeNoWarning(t *testing.T) {
	c, basin := loadDisputed(t, true)
	off, _ := loadDisputed(t, false)
	first, plain := begin(t, c, basin), begin(t, off, basin)
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, c, basin)
		whole, stopped, without := first.Fork(), first.Fork(), plain.Fork()
		seq := uint64(1)
		conflicts := 0
		apply := func(in hydro.Input) {
			seq++
			in.Seq = seq
			a, err := whole.Apply(in)
			if err != nil {
				t.Fatal(err)
			}
			b, err := stopped.Apply(in)
			if err != nil {
				t.Fatal(err)
			}
			n, err := without.Apply(in)
			if err != nil {
				t.Fatal(err)
			}
			var ra, rb, wa, wn []any
			for _, o := range a {
				switch {
				case o.Rate != nil:
					ra = append(ra, *o.Rate)
				case o.Audit != nil:
					ra = append(ra, *o.Audit)
					if o.Audit.Kind == "conflict_opened" {
						conflicts++
					}
				case o.Warning != nil:
					w := *o.Warning
					w.Catalogue = ""
					wa = append(wa, w)
				}
			}
			for _, o := range b {
				switch {
				case o.Rate != nil:
					rb = append(rb, *o.Rate)
				case o.Audit != nil:
					rb = append(rb, *o.Audit)
				}
			}
			for _, o := range n {
				if o.Warning != nil {
					w := *o.Warning
					w.Catalogue = ""
					wn = append(wn, w)
				}
				if o.Rate != nil {
					t.Fatal("a rate was requested without report_faster")
				}
			}
			if diff := cmp.Diff(asJSON(t, ra), asJSON(t, rb)); diff != "" {
				t.Fatalf("a restarted engine told otherwise:\n%s", diff)
			}
			if diff := cmp.Diff(asJSON(t, wn), asJSON(t, wa)); diff != "" {
				t.Fatalf("warnings changed because a faster rate was asked for:\n%s", diff)
			}
		}
		stop := rapid.IntRange(0, len(h.ticks)-1).Draw(t, "restart")
		for i, at := range h.ticks {
			for _, b := range h.batches[i] {
				apply(hydro.Input{Batch: &b})
			}
			apply(hydro.Input{Tick: &hydro.Tick{At: at}})
			if i != stop {
				continue
			}
			data, err := stopped.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			if stopped, err = engine.Restore(data); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(asJSON(t, whole.Conflicts()), asJSON(t, stopped.Conflicts())); diff != "" {
				t.Fatalf("other conflicts after a restart:\n%s", diff)
			}
			if diff := cmp.Diff(asJSON(t, whole.Rates()), asJSON(t, stopped.Rates())); diff != "" {
				t.Fatalf("other requests after a restart:\n%s", diff)
			}
		}
		if now := whole.Now(); !now.Before(start.Add(4*step)) && conflicts == 0 {
			t.Fatalf("the claims came into force before %s and opened nothing", now)
		}
	})
}
