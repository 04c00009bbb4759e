package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func runCatalog(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := catalogCommand()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	err := c.Execute()
	return out.String(), err
}

func TestCatalogCheckPassesTheShippedCatalogues(t *testing.T) {
	for _, name := range []string{"tanjiang", "lower_colorado", "upper_calder", "gsdr", "river_don"} {
		out, err := runCatalog(t, "check", filepath.Join("..", "..", "deploy", "catalog", name))
		if err != nil || !strings.Contains(out, ": sound") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if !strings.Contains(out, "not official") {
			t.Errorf("%s: the mark is not shown:\n%s", name, out)
		}
	}
}

func TestCatalogCheckListsEveryMistake(t *testing.T) {
	dir := t.TempDir()
	text := "catalog: {name: x, title: X, colour: blue}\nstations:\n  - {id: a}\n"
	if err := os.WriteFile(filepath.Join(dir, "x.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runCatalog(t, "check", dir)
	if err == nil || !strings.Contains(out, `x.yaml:1:30: unknown key "colour"`) || !strings.Contains(out, "x.yaml:3:5: kind: missing") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = runCatalog(t, "check", "--json", dir)
	var got catalogReport
	if jsonErr := json.NewDecoder(strings.NewReader(out)).Decode(&got); jsonErr != nil {
		t.Fatalf("%v\n%s", jsonErr, out)
	}
	if err == nil || got.OK || len(got.Problems) < 5 || got.Problems[0].Line != 1 {
		t.Errorf("%v, %+v", err, got)
	}
}

// What is doubtful is listed and is in force all the same.
func TestCatalogCheckListsWarnings(t *testing.T) {
	dir := t.TempDir()
	text := `catalog: {name: x, title: X}
departments: [{id: hydrology, name: H}]
stations:
  - {id: a, name: A, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: PEARL_RIVER, parameters: [{variable: water_level, every: 5m}]}
basins: [{id: b, name: B, nodes: [{id: o, name: O, gauge: a}]}]
stage_tables:
  - {station: a, valid_from: 2026-01-01, datum: PEARL_RIVER, thresholds: [{variable: water_level, red: 2.9}]}
marks:
  - {station: a, valid_from: 2026-01-01, datum: PEARL_RIVER, warning: 3, source: s}
`
	if err := os.WriteFile(filepath.Join(dir, "x.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	place := fmt.Sprintf("x.yaml:7:%d: ", strings.Index(strings.Split(text, "\n")[6], "2.9")+1)
	out, err := runCatalog(t, "check", dir)
	if err != nil || !strings.Contains(out, place+"warning: red: 2.9 m lies below the warning level") || !strings.Contains(out, ": sound") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = runCatalog(t, "check", "--strict", dir); err == nil || !strings.Contains(err.Error(), "1 warning") {
		t.Errorf("strict: %v\n%s", err, out)
	}
	out, err = runCatalog(t, "check", "--json", dir)
	var got catalogReport
	if jsonErr := json.Unmarshal([]byte(out), &got); jsonErr != nil {
		t.Fatalf("%v\n%s", jsonErr, out)
	}
	if err != nil || !got.OK || len(got.Warnings) != 1 || got.Warnings[0].Line != 7 {
		t.Errorf("%v, %+v", err, got)
	}
}
