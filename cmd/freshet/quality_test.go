package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"freshet/internal/qualify"
)

func runQuality(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := qualityCommand()
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	err := c.Execute()
	return out.String(), err
}

func TestQualityCheckPrintsAConfusionTable(t *testing.T) {
	args := []string{
		"check", "--catalog", "../../deploy/catalog/river_don", "--map", "../../deploy/catalog/river_don/replay/map.yaml",
		"--labels", "../../deploy/catalog/river_don/replay/labels.yaml", "--data", "../../../shared/data/river_don",
	}
	out, err := runQuality(t, append(args, "--lang", "en")...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"discharge\n", "known to be", "U;BL>", "41 (100.00%)", "held back", "203 m3/s is outside the usual 0 to 200 m3/s"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out, err = runQuality(t, append(args, "--lang", "zh")...); err != nil || !strings.Contains(out, "可疑") {
		t.Errorf("in Chinese: %v\n%s", err, out)
	}
	if out, err = runQuality(t, append(args, "--json")...); err != nil {
		t.Fatal(err)
	}
	var r qualify.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Held) != 41 || r.Held[0].QARTOD != 3 || r.Held[0].CMA != 1 || r.Held[0].Label != "U;BL>" {
		t.Errorf("%d held back, the first %+v", len(r.Held), r.Held)
	}
}

func TestQualityCheckSaysWhatIsWrongWithTheCall(t *testing.T) {
	const catalog = "../../deploy/catalog/river_don"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--data", "x"}, "--catalog is needed"},
		{[]string{"--catalog", catalog}, "--data is needed"},
		{[]string{"--catalog", catalog, "--data", "x"}, "one of --map and --gsdr is needed"},
		{[]string{"--catalog", catalog, "--data", "x", "--gsdr", "--map", "y"}, "one of --map and --gsdr is needed"},
		{[]string{"--catalog", catalog, "--data", "x", "--gsdr"}, "no file *.txt in x"},
		{[]string{"--catalog", catalog, "--data", "x", "--gsdr", "--lang", "la"}, "zh and en are spoken"},
	} {
		if _, err := runQuality(t, append([]string{"check"}, c.args...)...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.args, err, c.want)
		}
	}
}
