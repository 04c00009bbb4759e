package replay_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"freshet/internal/store"
	"freshet/internal/store/pebble"
)

func replaceOnce(t testing.TB, text, old, with string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q is there %d times", old, strings.Count(text, old))
	}
	return strings.Replace(text, old, with, 1)
}

// forecasts returns the values of all runs in a store as text, by issue.
func forecasts(t testing.TB, dir string) map[time.Time]string {
	t.Helper()
	s, err := pebble.Open(pebble.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out := map[time.Time]string{}
	for f, err := range s.Forecasts(t.Context(), "lower_colorado", store.Earliest, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)) {
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, st := range f.Stations {
			text += fmt.Sprintf("%s %v %v %v\n", st.Station, st.NowLevel, st.Discharge, st.Level)
		}
		out[f.IssuedAt] = text
	}
	return out
}
