package forecast_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/forecast"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func TestAChangedCatalogueKeepsTheWater(t *testing.T) {
	b := storm(t0.Add(-24*time.Hour), t0.Add(30*time.Hour))
	m := compile(t, small())
	s := m.Start(t0)
	for i := range 30 {
		_, s = run(t, m, s, t0.Add(time.Duration(i)*time.Hour), b.source)
	}
	now := t0.Add(30 * time.Hour)
	want, _ := run(t, m, s, now, b.source)
	t.Run("same network", func(t *testing.T) {
		c := small()
		c.StageTables = nil
		c.Version = "sha256:other"
		n := compile(t, c)
		got, _ := run(t, n, n.Adopt(s, now), now, b.source)
		if diff := cmp.Diff(station(t, want, "up"), station(t, got, "up")); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("without a tributary", func(t *testing.T) {
		c := small()
		bb := &c.Basins[0]
		bb.Nodes = slices.Delete(bb.Nodes, 1, 2)
		bb.Reaches = slices.Delete(bb.Reaches, 1, 2)
		bb.SubBasins = slices.Delete(bb.SubBasins, 1, 2)
		bb.Reservoirs = nil
		n := compile(t, c)
		before := stored(t, s)
		adopted := n.Adopt(s, now)
		if !adopted.At.Equal(s.At) || len(adopted.Nodes) != 3 {
			t.Errorf("adopted %s with %d nodes", adopted.At, len(adopted.Nodes))
		}
		got, _ := run(t, n, s, now, b.source) // Run adopts by itself
		if diff := cmp.Diff(station(t, want, "up").Discharge, station(t, got, "up").Discharge); diff != "" {
			t.Error(diff)
		}
		if string(stored(t, s)) != string(before) {
			t.Error("the old state was written to")
		}
	})
	t.Run("another step", func(t *testing.T) {
		c := small()
		c.Basins[0].Settings.Step = 10 * time.Minute
		n := compile(t, c)
		if adopted := n.Adopt(s, now); !adopted.At.Equal(now.Add(-24 * time.Hour)) {
			t.Errorf("adopted at %s, want a fresh start", adopted.At)
		}
	})
}

func TestABadNetworkIsRefusedWithAllItsFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(b *catalog.Basin)
		says []string
	}{
		{"no step", func(b *catalog.Basin) { b.Settings.Step = 0 }, []string{"step 0s"}},
		{"output between steps", func(b *catalog.Basin) { b.Settings.OutputStep = 7 * time.Minute }, []string{"output step 7m0s: want a multiple"}},
		{"a ring", func(b *catalog.Basin) { b.Nodes[3].Downstream = "up" }, []string{"ring"}},
		{"an unknown node", func(b *catalog.Basin) { b.Nodes[3].Downstream = "moon" }, []string{`"moon" is not another node`}},
		{"a missing reach", func(b *catalog.Basin) { b.Reaches = b.Reaches[1:] }, []string{`node "up": no reach leads to its downstream node "mid"`}},
		{"two unstable reaches", func(b *catalog.Basin) {
			b.Reaches[0].SubReaches, b.Reaches[2].K = 1, time.Minute
		}, []string{`reach "up-mid"`, "stable with 15 to 57 sub-reaches", `reach "mid-sea"`, "use a step of at most 108 s"}},
		{"an unknown gauge", func(b *catalog.Basin) { b.Nodes[0].Gauge = "x" }, []string{`station "x" is not in the catalogue`}},
		{"an unknown rating", func(b *catalog.Basin) { b.Nodes[0].Rating = "x" }, []string{`rating "x" is not in the catalogue`}},
		{"an unknown reservoir", func(b *catalog.Basin) { b.Nodes[1].Reservoir = "x" }, []string{`reservoir "x" is not in the basin`}},
		{"bad runoff", func(b *catalog.Basin) { b.SubBasins[0].Runoff.Capacity = 0 }, []string{"WM = 0 mm"}},
		{"no points", func(b *catalog.Basin) { b.SubBasins[0].Points = nil }, []string{"no sample points"}},
		{"a river gauge for rain", func(b *catalog.Basin) { b.SubBasins[0].Gauges = []string{"up"} }, []string{`"up" is no rain station`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cat := small()
			c.do(&cat.Basins[0])
			_, err := forecast.Compile(cat, "b")
			if !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("error %v, want one that wraps ErrInvalid", err)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error lacks %q:\n%v", s, err)
				}
			}
		})
	}
	if _, err := forecast.Compile(small(), "nowhere"); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("unknown basin: %v", err)
	}
	t.Run("two datums", func(t *testing.T) {
		c := small()
		c.Ratings[0].Datum = hydro.Huanghai1956
		if _, err := forecast.Compile(c, "b"); err == nil || !strings.Contains(err.Error(), "two datums") {
			t.Errorf("error %v", err)
		}
	})
}

func TestNodesMayStandInAnyOrder(t *testing.T) {
	c := small()
	slices.Reverse(c.Basins[0].Nodes)
	b := storm(t0.Add(-24*time.Hour), t0)
	m, n := compile(t, small()), compile(t, c)
	f, _ := run(t, m, m.Start(t0), t0, b.source)
	g, _ := run(t, n, n.Start(t0), t0, b.source)
	if diff := cmp.Diff(station(t, f, "mid").Discharge, station(t, g, "mid").Discharge); diff != "" {
		t.Error(diff)
	}
}
