package deploy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"freshet/ingest/feed"
	"freshet/internal/catalog"
	"freshet/internal/mapcheck"
)

// TestEveryMapOfFeedsReadsItsSample holds the maps and their samples against the
// example catalogue; README.md lists them.
func TestEveryMapOfFeedsReadsItsSample(t *testing.T) {
	cat, err := catalog.LoadDir("catalog/tanjiang")
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "feeds/README.md")
	maps, err := filepath.Glob("feeds/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type counts struct{ rows, accepted, notReported, refused int }
	want := map[string]counts{
		"cma_hourly.yaml": {6, 3, 2, 1}, "cma_tenths.yaml": {5, 4, 1, 0}, "cma_daily.yaml": {3, 3, 0, 0},
		"sl323_pptn.yaml": {5, 4, 1, 0}, "sl323_pptn_daily.yaml": {2, 2, 0, 0}, "sl323_river.yaml": {4, 7, 1, 0}, "sl323_tide.yaml": {3, 3, 0, 0},
		"sl323_rsvr.yaml": {3, 11, 1, 0}, "sl323_was.yaml": {2, 1, 1, 0}, "sl323_gate.yaml": {2, 2, 0, 0}, "plain_csv.yaml": {3, 7, 2, 0},
	}
	if len(maps) != len(want) {
		t.Errorf("there are %d maps", len(maps))
	}
	for _, path := range maps {
		name := filepath.Base(path)
		_, row, found := strings.Cut(text, "| `"+name+"` |")
		parts := strings.Split(row, "|")
		if !found || len(parts) < 2 {
			t.Errorf("README.md does not list %s", name)
			continue
		}
		sample := strings.Trim(parts[1], " `")
		m, err := feed.ParseFor(name, []byte(read(t, path)), cat)
		if err != nil {
			t.Error(err)
			continue
		}
		f, ok := m.File(sample)
		if !ok {
			t.Errorf("%s does not mean %s", name, sample)
			continue
		}
		in, err := os.Open("feeds/samples/" + sample)
		if err != nil {
			t.Fatal(err)
		}
		stations := cat
		if strings.HasSuffix(name, "_daily.yaml") { // whose stations report nothing finer; those of the example do
			stations = nil
		}
		r, err := mapcheck.Check(m, f, in, mapcheck.Options{Catalog: stations, Now: time.Date(2026, 6, 1, 4, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = in.Close() // only read
		if got := (counts{r.Rows, r.Accepted, r.NotReported, r.Refused}); got != want[name] || len(r.Suspicions) > 0 {
			t.Errorf("%s: %+v, %+v, %+v", name, got, r.Reasons, r.Suspicions)
		}
		if data, err := os.ReadFile("feeds/samples/" + sample); err != nil || !strings.Contains(strings.SplitN(string(data), "\n", 2)[0], "synthetic") {
			t.Errorf("%s does not say in its first line that it is synthetic: %v", sample, err)
		}
	}
}
