package catalog_test

import (
	"path/filepath"
	"testing"

	"freshet/internal/catalog"
)

func shipped(t testing.TB, name string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.LoadDir(filepath.Join("..", "..", "deploy", "catalog", name))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTanjiangIsSound(t *testing.T) {
	c := shipped(t, "tanjiang")
	if len(c.Stations) != 40 {
		t.Errorf("%d stations, want 40", len(c.Stations))
	}
	b, ok := c.Basin("tanjiang")
	if !ok {
		t.Fatal("no basin tanjiang")
	}
	var area float64
	for _, s := range b.SubBasins {
		area += s.Area
	}
	if area != 5068 {
		t.Errorf("sub-basins add up to %g km², want 5068", area)
	}
	if c.Illustrative == "" {
		t.Error("not marked as illustrative")
	}
}
