package qualify_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/qualify"
	"freshet/internal/replay"
)

const (
	deploy = "../../deploy/catalog/"
	data   = "../../../shared/data/"
)

// check runs a shipped catalogue and its labels over recorded readings beside the
// project.
func check(t *testing.T, name, folder string) (qualify.Report, []replay.Reading) {
	t.Helper()
	cat, err := catalog.LoadDir(deploy + name)
	if err != nil {
		t.Fatal(err)
	}
	var m *replay.Map
	var readings []replay.Reading
	if name == "gsdr" {
		if readings, err = qualify.ReadGSDR(data+folder, cat); err != nil {
			t.Fatal(err)
		}
	} else {
		text, err := os.ReadFile(deploy + name + "/replay/map.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if m, err = replay.ParseMap("map.yaml", text, cat); err != nil {
			t.Fatal(err)
		}
		recorded, err := replay.Read(data+folder, m)
		if err != nil {
			t.Fatal(err)
		}
		readings = recorded.Readings
	}
	text, err := os.ReadFile(deploy + name + "/replay/labels.yaml")
	if err != nil {
		t.Fatal(err)
	}
	labels, err := qualify.ParseLabels("labels.yaml", text, cat, m, data+folder)
	if err != nil {
		t.Fatal(err)
	}
	return qualify.Run(cat, readings, labels), readings
}

func of(t *testing.T, r *qualify.Report, variable, label string) qualify.Count {
	t.Helper()
	for _, c := range r.Counts {
		if c.Variable == variable && c.Label == label {
			return c
		}
	}
	t.Fatalf("no readings of %s with the label %q", variable, label)
	return qualify.Count{}
}

func TestTheBadGaugesImpossibleHoursFailAndItsNeighboursDoNot(t *testing.T) {
	r, readings := check(t, "gsdr", "gsdr_rain_network")
	bad := of(t, &r, "rain", "impossible")
	hours := 0
	for _, x := range readings {
		if x.Station == "de-02483" && x.Value >= 400 {
			hours++
		}
	}
	if hours == 0 || bad.Readings != hours || bad.Fail != hours {
		t.Errorf("of %d hours of 400 mm and more %d failed", hours, bad.Fail)
	}
	sound := of(t, &r, "rain", "wet hour of a sound gauge")
	if sound.Readings < 60000 {
		t.Errorf("only %d wet hours of sound gauges", sound.Readings)
	}
	if failed := float64(sound.Fail) / float64(sound.Readings); failed >= 0.001 {
		t.Errorf("%.3f %% of wet hours of sound gauges failed, want fewer than 0.1 %%", 100*failed)
	}
	if suspected := float64(sound.Suspect) / float64(sound.Readings); suspected >= 0.02 {
		t.Errorf("%.3f %% of wet hours of sound gauges are suspect, want fewer than 2 %%", 100*suspected)
	}
	dry := of(t, &r, "rain", "dry hour of a sound gauge")
	if dry.Fail > 0 || dry.Noticed() > 0.001 {
		t.Errorf("dry hours of sound gauges: %+v", dry)
	}
	if doubtful := of(t, &r, "rain", "doubtful"); doubtful.Suspect < doubtful.Readings/2 {
		t.Errorf("of %d hours of round numbers only %d are suspect", doubtful.Readings, doubtful.Suspect)
	}
}

func TestNoTrueFloodValueOfTheDonFailsAndWhatTheAgencyFlagsIsNoticed(t *testing.T) {
	r, _ := check(t, "river_don", "river_don")
	readings := 0
	for _, c := range r.Counts {
		readings += c.Readings
		if c.Fail > 0 {
			t.Errorf("%s %q: %d failed", c.Variable, c.Label, c.Fail)
		}
		switch c.Label {
		case "U;BL>": // above what the rating covers
			if c.Readings != 41 || c.Suspect != c.Readings {
				t.Errorf("of %d flows above the rating %d are suspect", c.Readings, c.Suspect)
			}
		case "M", "M;Ed":
			if c.Readings > 0 || c.Missing == 0 {
				t.Errorf("%s %q: %+v", c.Variable, c.Label, c)
			}
		default:
			if c.Suspect > 0 {
				t.Errorf("%s %q: %d suspect", c.Variable, c.Label, c.Suspect)
			}
		}
	}
	if readings < 70000 {
		t.Errorf("only %d readings", readings)
	}
	// Two holes, in each variable: the reports behind them say so.
	level, edited, flow := of(t, &r, "water_level", "G"), of(t, &r, "water_level", "G;Ed"), of(t, &r, "discharge", "G;WR")
	if level.Tests["gap"]+edited.Tests["gap"] != 2 || flow.Tests["gap"] != 2 {
		t.Errorf("gaps: %v, %v, %v", level.Tests, edited.Tests, flow.Tests)
	}
}

func TestTheUpperCaldersRainAndLevelsAllPass(t *testing.T) {
	r, _ := check(t, "upper_calder", "upper_calder_network")
	gaps := 0
	for _, c := range r.Counts {
		if c.Pass != c.Readings {
			t.Errorf("%s %q: %+v", c.Variable, c.Label, c)
		}
		gaps += c.Tests["gap"]
	}
	if storm := of(t, &r, "rain", "5 mm or more in 15 min"); storm.Readings == 0 {
		t.Error("the storm cell of 8 September is not there")
	}
	if gaps == 0 {
		t.Error("the holes of the record are not noticed")
	}
}

func TestMistakesOfLabelsAreListedWithTheirPlace(t *testing.T) {
	cat, err := catalog.LoadDir(deploy + "gsdr")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want string }{
		{"labels:\n  - {variable: rian, label: x}\n", `labels.yaml:2:5: variable: "rian" is not known`},
		{"labels:\n  - {variable: rain, label: x}\n  - {station: nobody, variable: rain, label: x}\n", `labels.yaml:3:5: station: the catalogue has no station "nobody"`},
		{"labels:\n  - {variable: rain}\n", "labels.yaml:2:5: needs either label"},
		{"labels:\n  - {station: de-02483, variable: rain, column: flag}\n", "labels.yaml:2:5: column: there is no map"},
		{"labels:\n  - {variable: rain, lable: x}\n", "labels.yaml:2:22: unknown field"},
		{"labels: [", "labels.yaml:1:9"},
	} {
		_, err := qualify.ParseLabels("labels.yaml", []byte(c.text), cat, nil, "")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}

const file = `Station ID: DE_02483
Time Zone: CET
Start datetime: 2006010100
No data value: -999
New Timestep: 1hr
New Units: mm
Other:
0.5
-999
1.5
`

func TestFilesOfTheGSDRBecomeReadings(t *testing.T) {
	cat, err := catalog.LoadDir(deploy + "gsdr")
	if err != nil {
		t.Fatal(err)
	}
	read := func(text string) ([]replay.Reading, error) {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/a.txt", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return qualify.ReadGSDR(dir, cat)
	}
	got, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	first := time.Date(2005, 12, 31, 23, 0, 0, 0, time.UTC)
	if len(got) != 2 || !got[0].At.Equal(first) || !got[1].At.Equal(first.Add(2*time.Hour)) || got[1].Value != 1.5 || got[0].Interval != time.Hour || got[0].Station != "de-02483" {
		t.Errorf("got %+v", got)
	}
	for _, c := range []struct{ old, with, want string }{
		{"DE_02483", "DE_1", `a.txt:7:1: Station ID: the catalogue has no station of the code "DE_1"`},
		{"CET", "MEZ", "a.txt:7:1: Time Zone: expected CET or UTC"},
		{"mm", "in", "a.txt:7:1: New Units"},
		{"1.5", "1,5", `a.txt:10:1: "1,5" is no amount of rain`},
		{"2006010100", "1 January", "a.txt:7:1: Start datetime"},
		{"Other:\n", "", "a.txt:7:1: expected a line like"},
	} {
		if _, err := read(strings.Replace(file, c.old, c.with, 1)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v, want %s", c.with, c.old, err, c.want)
		}
	}
}

func FuzzParseGSDR(f *testing.F) {
	f.Add([]byte(file))
	f.Add([]byte("Station ID: DE_02483\nOther:\n"))
	cat, err := catalog.LoadDir(deploy + "gsdr")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := qualify.ParseGSDR("a.txt", strings.NewReader(string(text)), cat)
		if err != nil && !strings.Contains(err.Error(), "a.txt:") {
			t.Fatalf("no place: %v", err)
		}
		for _, r := range got {
			if err := (hydro.Reading{Key: r.Key, At: r.At, Interval: r.Interval, Raw: r.Value, Value: r.Value}).Check(); err != nil && !r.At.IsZero() {
				t.Fatalf("%+v: %v", r, err)
			}
		}
	})
}

func FuzzParseLabels(f *testing.F) {
	f.Add([]byte("labels:\n  - {variable: rain, at_least: 1, label: x}\n"))
	f.Add([]byte("labels:\n  - {station: de-02483, variable: rain, column: flag}\n"))
	cat, err := catalog.LoadDir(deploy + "gsdr")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := qualify.ParseLabels("l.yaml", text, cat, nil, "")
		if (l == nil) == (err == nil) {
			t.Fatalf("labels %v and error %v", l, err)
		}
		if err != nil && !strings.Contains(err.Error(), "l.yaml") {
			t.Fatalf("no place: %v", err)
		}
	})
}
