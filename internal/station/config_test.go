package station_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/hydro"
	"freshet/internal/station"
)

func TestTheShippedExampleIsRight(t *testing.T) {
	c, err := station.Load("../../deploy/gateway/gateway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, in := range c.Inputs {
		kinds = append(kinds, in.Kind)
	}
	if d := cmp.Diff([]string{"sl651", "folder", "sql", "mqtt"}, kinds); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestAllMistakesAreListedWithTheirPlaces(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte("department: hydrology\nfiles:\n  - station: S\n    time: {column: T, layout: unix}\n    columns: [{column: Z, variable: water_level, unit: furlong, datum: X}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := station.Parse(filepath.Join(dir, "gateway.yaml"), []byte(`name: ""
server: {address: centre, cert: a.pem}
spool:
  max_size: much
  on_full: panic
  backlog_share: 0.9
status: {listen: "0.0.0.0:7071"}
inputs:
  - {kind: pigeon}
  - {kind: folder, map: bad.yaml, broker: x}
  - {kind: sl651, listen: here, settings: {unlisted: refuse, stations: [{address: "1"}]}}
  - {kind: sql, map: none.yaml, driver: oracle, query: SELECT 1}
  - {kind: stdin, name: folder}
`))
	if !errors.Is(err, hydro.ErrInvalid) {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{
		"gateway.yaml:1:7: name:", "gateway.yaml:2:", "server.address:", "cert and key belong together",
		"gateway.yaml:4:13: spool.max_size:", "gateway.yaml:5:12: spool.on_full:", "gateway.yaml:6:18: spool.backlog_share:", "spool.dir: name the folder",
		"gateway.yaml:7:18: status.listen:", "inputs[0].kind: \"pigeon\"", "bad.yaml:5:", "inputs[1].broker: an input of kind folder has no such key", "inputs[1].dir:",
		"inputs[2].listen:", "inputs[2].settings.stations[0].address:", "inputs[3].map:", "inputs[3].driver:", "inputs[3].query:", "inputs[4].name: \"folder\" is already",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said", want)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

// Whatever a configuration holds, it is read or its mistakes are told.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"../../deploy/gateway/gateway.yaml", "../../deploy/gateway/river.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("inputs: [{kind: sl651, settings: {stations: [{}]}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := station.Parse("/nowhere/gateway.yaml", text)
		if (c == nil) == (err == nil) || err != nil && !errors.Is(err, hydro.ErrInvalid) {
			t.Fatalf("%v, %v", c, err)
		}
	})
}
