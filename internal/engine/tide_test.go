package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/engine"
	"freshet/internal/hydro"
)

const sea = "h-yamen" // the tide station of the shipped catalogue

// tide gives the tide of a source: six turns from its issue on, valid for 12 h.
func (a *announcer) tide(source string, issued time.Time, high float64, datum hydro.Datum) []string {
	a.t.Helper()
	v := hydro.Tide{Basin: a.basin, Station: sea, Source: source, IssuedAt: issued, ValidUntil: issued.Add(12 * time.Hour), Datum: datum, ReceivedAt: start}
	for i := range 6 {
		v.Turns = append(v.Turns, hydro.TideTurn{At: issued.Add(time.Duration(i) * 6 * time.Hour), Level: high * float64(1-2*(i%2))})
	}
	return a.give(hydro.Input{Tide: &v})
}

func notes(f *hydro.Forecast, about string) (out []string) {
	for _, n := range f.Notes {
		if strings.HasPrefix(n, about) {
			out = append(out, n)
		}
	}
	return out
}

func TestTheNewestTideOfASourceIsHeld(t *testing.T) {
	a := announcing(t)
	for _, c := range []struct {
		name      string
		got, want []string
	}{
		{"the first", a.tide("table", start, 1, hydro.PearlRiver), []string{"tide"}},
		{"again", a.tide("table", start, 1, hydro.PearlRiver), nil},
		{"another content under the same name", a.tide("table", start, 2, hydro.PearlRiver), []string{"not_used"}},
		{"an older one", a.tide("table", start.Add(-time.Hour), 2, hydro.PearlRiver), []string{"not_used"}},
		{"another source", a.tide("model", start.Add(-time.Hour), 2, hydro.PearlRiver), []string{"tide"}},
		{"a newer one", a.tide("table", start.Add(time.Minute), 3, hydro.PearlRiver), []string{"tide"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	held := a.e.Ahead().Tides
	if len(held) != 2 || held[0].Source != "model" || held[1].Turns[0].Level != 3 {
		t.Errorf("held: %+v", held)
	}
}

// A tide is named in each run: as withdrawn, expired, on an unknown datum; a restart
// from a snapshot says the same.
func TestATideThatIsNotUsedIsNamedWithTheReason(t *testing.T) {
	a := announcing(t)
	a.tick(start)
	a.tide("table", start, 1, hydro.PearlRiver)
	a.tide("chart", start, 1, "CHART_YAMEN")
	a.tide("withdrawn", start, 1, hydro.PearlRiver)
	w := hydro.Withdrawal{Basin: a.basin, Station: sea, Source: "withdrawn", IssuedAt: start, By: "chief", At: start.Add(step), Reason: "wrong year", ReceivedAt: start}
	if k := a.give(hydro.Input{Withdrawal: &w}); !slices.Equal(k, []string{"withdrawal"}) {
		t.Fatalf("audits %q", k)
	}
	if k := a.give(hydro.Input{Withdrawal: &w}); k != nil {
		t.Errorf("a withdrawal again: %q", k)
	}
	if k := a.tide("withdrawn", start, 1, hydro.PearlRiver); k != nil {
		t.Errorf("a resend of what was withdrawn: %q", k)
	}
	other := w
	other.Source = "nobody"
	if k := a.give(hydro.Input{Withdrawal: &other}); !slices.Equal(k, []string{"not_used"}) {
		t.Errorf("of another source: %q", k)
	}
	snap, err := a.e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored, err := engine.Restore(snap, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, a.e = range []*engine.Engine{a.e, restored} {
		f := a.tick(start.Add(step))
		if diff := cmp.Diff([]string{
			"tide of chart at h-yamen, issued 2026-06-08 00:00Z: not used: its levels are on CHART_YAMEN, the station's on PEARL_RIVER, and the catalogue gives no offset",
			"tide of table at h-yamen, issued 2026-06-08 00:00Z, is held and not used: no level is forecast from the tide at h-yamen",
			"tide of withdrawn at h-yamen, issued 2026-06-08 00:00Z, withdrawn at 2026-06-08 00:05Z by chief: not used",
		}, notes(f, "tide of ")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if zh := f.HonestyZH(); strings.Contains(zh, "tide of") || !strings.Contains(zh, "h-yamen潮位预报withdrawn（2026-06-08 08:00发布）已由chief于2026-06-08 08:05撤销，未采用") {
			t.Error(zh)
		}
		f = a.tick(start.Add(12 * time.Hour))
		if n := notes(f, "tide of table at h-yamen, issued 2026-06-08 00:00Z, expired at 2026-06-08 12:00Z: not used"); len(n) != 1 {
			t.Errorf("expired: %q", notes(f, "tide of "))
		}
		if f = a.tick(start.Add(108*time.Hour + step)); len(notes(f, "tide of ")) != 0 || len(a.e.Ahead().Tides) != 0 {
			t.Errorf("for ever: %q", notes(f, "tide of "))
		}
	}
}

// The table of next year takes no place of the one that runs.
func TestATideOfLaterDoesNotReplaceOneThatRuns(t *testing.T) {
	a := announcing(t)
	a.tick(start)
	a.tide("table", start.Add(-time.Minute), 1, hydro.PearlRiver)
	next := hydro.Tide{Basin: a.basin, Station: sea, Source: "table", IssuedAt: start, ValidUntil: start.Add(2000 * time.Hour), Datum: hydro.PearlRiver, ReceivedAt: start}
	for i := range 6 {
		next.Turns = append(next.Turns, hydro.TideTurn{At: start.Add(1000*time.Hour + time.Duration(i)*6*time.Hour), Level: float64(1 - 2*(i%2))})
	}
	if k := a.give(hydro.Input{Tide: &next}); !slices.Equal(k, []string{"not_used"}) {
		t.Errorf("audits %q", k)
	}
	if held := a.e.Ahead().Tides; len(held) != 1 || !held[0].Begin().Equal(start.Add(-time.Minute)) {
		t.Errorf("held: %+v", held)
	}
}
