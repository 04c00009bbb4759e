package replay_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/replay"
	"freshet/internal/store/pebble"
	"freshet/internal/verify"
)

// recorded returns the folder of a recorded river beside the repository.
func recorded(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data", name)
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("the recorded data belong beside the project: %v", err)
	}
	return dir
}

// run replays a recorded river through a whole server.
func run(t *testing.T, name, data string, change func(*replay.RunOptions)) (replay.Summary, []hydro.Warning) {
	t.Helper()
	var warnings []hydro.Warning
	o := replay.RunOptions{
		Catalog: deploy + name, Map: deploy + name + "/replay/map.yaml", Data: data, Now: time.Now,
		Warning: func(w hydro.Warning) error {
			warnings = append(warnings, w)
			return nil
		},
	}
	if change != nil {
		change(&o)
	}
	s, err := replay.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s, warnings
}

func TestLowerColoradoForecastsBeatPersistenceAndReachTheirSkill(t *testing.T) {
	data := recorded(t, "lower_colorado_chain")
	keep := t.TempDir()
	steps := 0
	s, warnings := run(t, "lower_colorado", data, func(o *replay.RunOptions) {
		o.Keep = keep
		o.Progress = func(replay.Progress) { steps++ }
	})
	t.Logf("%+v", s)
	if s.Sent != 8*5328 || s.Acked != s.Sent || len(s.Refused) != 0 || *s.Archived != s.Acked || steps < 5328 {
		t.Errorf("sent %d, acked %d, refused %v, archived %d, %d steps", s.Sent, s.Acked, s.Refused, *s.Archived, steps)
	}
	if len(warnings) != s.Warnings || s.Raised["red"] == 0 || len(s.Blind) != 0 {
		t.Errorf("%d warnings told: %+v", len(warnings), s)
	}
	// The dropout is the only reading of a gauge that is in doubt.
	if s.Flagged["spike"] != 1 {
		t.Errorf("flagged: %v", s.Flagged)
	}

	st, err := pebble.Open(pebble.Options{Dir: filepath.Join(keep, "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	dropout := time.Date(2020, 6, 2, 16, 25, 0, 0, time.UTC)
	seen := 0
	for o, err := range st.Observations(t.Context(), hydro.Key{Station: "lagrange", Variable: hydro.WaterLevel}, dropout.Add(-5*time.Minute), dropout.Add(6*time.Minute)) {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if fail := o.At.Equal(dropout); (o.Quality == hydro.Fail) != fail || !fail && o.Quality != hydro.Pass || fail && o.Raw != 0 {
			t.Errorf("%+v", o)
		}
	}
	if seen != 3 {
		t.Errorf("%d observations around the dropout", seen)
	}

	r, err := verify.Run(t.Context(), st, load(t, "lower_colorado"), verify.Options{Leads: []time.Duration{6 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	for _, station := range r.Stations {
		least, ok := map[string]verify.Score{"smithville": 0.90, "lagrange": 0.90, "columbus": 0.80}[station.Station]
		if !ok {
			continue
		}
		l := station.Leads[0]
		t.Logf("%s: n %d, NSE %.3f, persistence %.3f, grade %s", station.Station, l.N, l.NSE, l.Persistence, l.Grade)
		if l.NSE < least || !l.Beats || l.N < 400 || station.Variable != hydro.Discharge {
			t.Errorf("%s: %+v; want NSE of at least %.2f and above persistence", station.Station, l, least)
		}
	}
}

func TestTheDropoutMovesNoForecast(t *testing.T) {
	data := recorded(t, "lower_colorado_chain")
	text, err := os.ReadFile(filepath.Join(data, "lower_colorado_5min_20200601_0619.csv"))
	if err != nil {
		t.Fatal(err)
	}
	mended := write(t, map[string]string{
		"lower_colorado_5min_20200601_0619.csv": replaceOnce(t, string(text), "2020-06-02 16:25,20.99,0.93,28.89,0.67,27.56,0.0,", "2020-06-02 16:25,20.99,0.93,28.89,0.67,27.56,1.09,"),
	})
	var runs [2]map[time.Time]string
	for i, dir := range []string{data, mended} {
		keep := t.TempDir()
		run(t, "lower_colorado", dir, func(o *replay.RunOptions) {
			o.Keep = keep
			o.From, o.To = time.Date(2020, 6, 2, 12, 0, 0, 0, time.UTC), time.Date(2020, 6, 2, 20, 0, 0, 0, time.UTC)
		})
		runs[i] = forecasts(t, filepath.Join(keep, "store"))
	}
	if len(runs[0]) < 8 || len(runs[0]) != len(runs[1]) {
		t.Fatalf("%d and %d forecasts", len(runs[0]), len(runs[1]))
	}
	for at, f := range runs[0] {
		if f != runs[1][at] {
			t.Errorf("the forecast of %s moved:\n%s\n%s", at, f, runs[1][at])
		}
	}
}

func TestUpperCalderReplayIsTheSameEveryTime(t *testing.T) {
	data := recorded(t, "upper_calder_network")
	storm := func(o *replay.RunOptions) { // the wettest days of the record
		o.From, o.To = time.Date(2025, 9, 10, 0, 0, 0, 0, time.UTC), time.Date(2025, 9, 13, 0, 0, 0, 0, time.UTC)
	}
	first, _ := run(t, "upper_calder", data, storm)
	second, _ := run(t, "upper_calder", data, storm)
	t.Logf("%+v", first)
	if first.WarningsHash != second.WarningsHash || first.Raised["red"] == 0 || first.Warnings != second.Warnings {
		t.Errorf("%d warnings %s, then %d warnings %s", first.Warnings, first.WarningsHash, second.Warnings, second.WarningsHash)
	}
	if first.Acked != first.Sent || *first.Archived != first.Acked || len(first.Flagged) != 0 || first.Sent < 9*96*3*9/10 {
		t.Errorf("%+v", first)
	}
}

func TestWhatIsWrongIsSaidBeforeAServerStarts(t *testing.T) {
	data := write(t, map[string]string{"a.csv": "t,h,q\n2020-06-01 08:00,1,2\n", "map.yaml": good})
	for name, c := range map[string]struct {
		change func(*replay.RunOptions)
		kind   error
	}{
		"a catalogue": {func(o *replay.RunOptions) { o.Catalog = "nowhere" }, hydro.ErrNotFound},
		"a map":       {func(o *replay.RunOptions) { o.Map = "nowhere" }, hydro.ErrInvalid},
		"data":        {func(o *replay.RunOptions) { o.Data = t.TempDir() }, hydro.ErrNotFound},
		"a time":      {func(o *replay.RunOptions) { o.From = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }, hydro.ErrInvalid},
	} {
		o := replay.RunOptions{Catalog: deploy + "lower_colorado", Map: filepath.Join(data, "map.yaml"), Data: data, Now: time.Now}
		c.change(&o)
		if _, err := replay.Run(t.Context(), o); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
