package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"freshet/internal/hydro"
)

const feeds = "../../deploy/feeds/"

func runMap(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := mapCommand()
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetIn(strings.NewReader(stdin))
	c.SetArgs(append(args, "--now", "2026-06-01T12:00:00+08:00"))
	err := c.Execute()
	return out.String(), err
}

func TestMapCheckReadsAsTheGoldenFiles(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		out, err := runMap(t, "", "check", feeds+"cma_hourly.yaml", feeds+"samples/cma_hourly.json", "--catalog", "../../deploy/catalog/tanjiang", "--lang", lang)
		if err == nil || errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("a value is refused, and the error is %v", err)
		}
		// The catalogue's version changes with each edit of it.
		i, j := strings.Index(out, " (sha256:"), strings.Index(out, ")\n")
		if i < 0 || j < i {
			t.Fatalf("no version: %s", out)
		}
		out = out[:i] + out[j+1:]
		path := filepath.Join("testdata", "mapcheck-"+lang+".golden")
		if *updateGolden {
			if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if out != string(want) {
			t.Errorf("%s differs:\n%s", path, out)
		}
	}
}

func TestMapCheckExitsAsItSays(t *testing.T) {
	if out, err := runMap(t, "", "check", feeds+"plain_csv.yaml", feeds+"samples/plain.csv", "--lang", "en"); err != nil || !strings.Contains(out, "All is well.") {
		t.Errorf("a sound sample: %v\n%s", err, out)
	}
	for name, c := range map[string]struct {
		args    []string
		stdin   string
		invalid bool
		says    string
	}{
		"no map":             {[]string{"nowhere.yaml", "-"}, "", true, "map: "},
		"a wrong map":        {[]string{feeds + "README.md", "-"}, "", true, "README.md"},
		"no sample":          {[]string{feeds + "sl323_river.yaml", "nowhere.csv"}, "", true, "sample: "},
		"another sample":     {[]string{feeds + "sl323_river.yaml", "-"}, "a,b\n", true, `there is no column "STCD"`},
		"half a sample":      {[]string{feeds + "cma_hourly.yaml", "-"}, `{"DS":[{"Station_Id_C":"a","Datetime":"2026-06-01 03:00:00","PRE_1h":"1","Q_PRE_1h":"0"}`, true, "after row 1"},
		"nothing taken":      {[]string{feeds + "sl323_river.yaml", "-"}, "STCD,TM,Z,Q\na,x,1,1\n", false, "no value of the sample would be taken"},
		"a sample too many":  {[]string{feeds + "sl323_river.yaml", "a", "b"}, "", false, "accepts 2 arg"},
		"rows below nothing": {[]string{feeds + "sl323_river.yaml", "-", "--rows", "-1"}, "", true, "--rows"},
	} {
		_, err := runMap(t, c.stdin, append(append([]string{"check"}, c.args...), "--lang", "en")...)
		if err == nil || errors.Is(err, hydro.ErrInvalid) != c.invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMapCheckJSONIsOneObject(t *testing.T) {
	out, err := runMap(t, "STCD,TM,Z,Q\na,2026-06-01 12:00:00,1,NULL\na,2026-06-01 12:05:00,x,1\n", "check", feeds+"sl323_river.yaml", "-", "--json", "--rows", "1")
	var got struct {
		Rows, Accepted, Refused int
		Reasons                 []struct{ Reason string }
		Shown                   []struct {
			Line     int
			Variable string
			Value    float64
			Unit     string
			At       string
			Datum    string
		}
	}
	if jsonErr := json.Unmarshal([]byte(out), &got); jsonErr != nil {
		t.Fatalf("%v\n%s", jsonErr, out)
	}
	if err == nil || got.Rows != 2 || got.Accepted != 2 || got.Refused != 1 || len(got.Reasons) != 1 || got.Reasons[0].Reason != "not_a_number" || len(got.Shown) != 1 ||
		got.Shown[0].Variable != "water_level" || got.Shown[0].Value != 1 || got.Shown[0].Unit != "m" || got.Shown[0].At != "2026-06-01T04:00:00Z" || got.Shown[0].Datum != "PEARL_RIVER" {
		t.Errorf("%v\n%s", err, out)
	}
}
