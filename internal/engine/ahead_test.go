package engine_test

import (
	stdcmp "cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// announcer feeds one engine with rain forecasts and plans.
type announcer struct {
	t     *testing.T
	e     *engine.Engine
	basin string
	sub   string
	dam   string
}

func announcing(t *testing.T) *announcer {
	c, basin := load(t)
	b, _ := c.Basin(basin)
	return &announcer{t, begin(t, c, basin), basin, b.SubBasins[0].ID, b.Reservoirs[0].ID}
}

// give applies in and returns the kinds of the audits that follow.
func (a *announcer) give(in hydro.Input) []string {
	a.t.Helper()
	in.Seq = a.e.Seq() + 1
	outs, err := a.e.Apply(in)
	if err != nil {
		a.t.Fatal(err)
	}
	var kinds []string
	for _, o := range outs {
		if o.Audit != nil {
			kinds = append(kinds, o.Audit.Kind)
			if o.Audit.At.IsZero() {
				a.t.Errorf("audit without a time: %+v", o.Audit)
			}
		}
	}
	return kinds
}

func (a *announcer) rain(source string, issued time.Time, mm float64) []string {
	a.t.Helper()
	return a.give(hydro.Input{RainForecast: &hydro.RainForecast{
		Basin: a.basin, Source: source, IssuedAt: issued, ValidUntil: issued.Add(6 * time.Hour), From: issued, Step: time.Hour, ReceivedAt: start,
		Areas: []hydro.RainArea{{SubBasin: a.sub, Rain: slices.Repeat([]float64{mm}, 12)}},
	}})
}

func (a *announcer) plan(issued time.Time, q float64) []string {
	a.t.Helper()
	return a.give(hydro.Input{DispatchPlan: &hydro.DispatchPlan{
		Basin: a.basin, Reservoir: a.dam, OrderedBy: "duty desk", IssuedAt: issued, ValidFrom: issued, ValidUntil: issued.Add(6 * time.Hour), ReceivedAt: start,
		Releases: []hydro.Release{{From: issued, Outflow: q}},
	}})
}

func (a *announcer) tick(at time.Time) *hydro.Forecast {
	a.t.Helper()
	a.give(hydro.Input{Tick: &hydro.Tick{At: at}})
	return a.e.Forecast()
}

func TestTheNewestOfASourceIsHeld(t *testing.T) {
	a := announcing(t)
	none := []string(nil)
	for _, c := range []struct {
		name string
		got  []string
		want []string
	}{
		{"the first", a.rain("A", start, 1), []string{"rain_forecast"}},
		{"again", a.rain("A", start, 1), none},
		{"another content under the same name", a.rain("A", start, 2), []string{"not_used"}},
		{"an older one", a.rain("A", start.Add(-time.Hour), 3), []string{"not_used"}},
		{"an older one of another source", a.rain("B", start.Add(-time.Hour), 4), []string{"rain_forecast"}},
		{"a newer one", a.rain("A", start.Add(time.Minute), 5), []string{"rain_forecast"}},
		{"a plan", a.plan(start, 100), []string{"dispatch_plan"}},
		{"the plan again", a.plan(start, 100), none},
		{"another plan under the same name", a.plan(start, 200), []string{"not_used"}},
		{"an older plan", a.plan(start.Add(-time.Hour), 200), []string{"not_used"}},
		{"a newer plan", a.plan(start.Add(time.Hour), 300), []string{"dispatch_plan"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	held := a.e.Ahead()
	if len(held.Rain) != 2 || held.Rain[0].Source != "A" || held.Rain[0].SubBasins[0].Rain[0] != 5 || held.Rain[1].SubBasins[0].Rain[0] != 4 {
		t.Errorf("rain held: %+v", held.Rain)
	}
	if len(held.Plans) != 1 || held.Plans[0].Releases[0].Outflow != 300 {
		t.Errorf("plans held: %+v", held.Plans)
	}
}

func TestRunsUseWhatIsHeldUntilItExpires(t *testing.T) {
	a := announcing(t)
	f := a.tick(start)
	if f.RainAssumed != "no further rain assumed" || strings.Contains(f.Plan, "release plan") {
		t.Fatalf("rain %q, plan %q", f.RainAssumed, f.Plan)
	}
	a.rain("A", start, 20)
	a.plan(start, 900)
	f = a.tick(start.Add(step))
	if !strings.HasPrefix(f.RainAssumed, "rain forecast of A, issued 2026-06-08 00:00Z") || !strings.HasPrefix(f.Plan, "release plan of reservoir "+a.dam) {
		t.Errorf("rain %q, plan %q", f.RainAssumed, f.Plan)
	}
	f = a.tick(start.Add(6 * time.Hour))
	expired := func() (n int) {
		for _, note := range f.Notes {
			if strings.Contains(note, "expired at 2026-06-08 06:00Z: not used") {
				n++
			}
		}
		return n
	}
	if f.RainAssumed != "no further rain assumed" || strings.Contains(f.Plan, "release plan") || expired() != 2 {
		t.Errorf("once they have expired: rain %q, plan %q, notes %q", f.RainAssumed, f.Plan, f.Notes)
	}
	// They are named for as long as observations are remembered, and then forgotten.
	if f = a.tick(start.Add(102 * time.Hour)); expired() != 2 {
		t.Errorf("96 h later: %q", f.Notes)
	}
	if f = a.tick(start.Add(102*time.Hour + step)); expired() != 0 || len(a.e.Ahead().Rain)+len(a.e.Ahead().Plans) != 0 {
		t.Errorf("for ever: %q", f.Notes)
	}
	if kinds := a.rain("A", start, 20); len(kinds) != 1 || kinds[0] != "not_used" {
		t.Errorf("what expired long ago is taken again: %q", kinds)
	}
}

func TestWhatIsWithdrawnIsNamedAndNotUsed(t *testing.T) {
	a := announcing(t)
	dry := a.tick(start)
	withdraw := func(w hydro.Withdrawal) []string {
		w.Basin, w.By, w.At, w.ReceivedAt, w.Reason = a.basin, "chief", start.Add(step), start.Add(step), stdcmp.Or(w.Reason, "by telephone")
		return a.give(hydro.Input{Withdrawal: &w})
	}
	a.rain("A", start, 20)
	a.plan(start, 900)
	if f := a.tick(start.Add(step)); !strings.HasPrefix(f.RainAssumed, "rain forecast of A") || !strings.HasPrefix(f.Plan, "release plan") {
		t.Fatalf("rain %q, plan %q", f.RainAssumed, f.Plan)
	}
	plan, rain := hydro.Withdrawal{Reservoir: a.dam, IssuedAt: start}, hydro.Withdrawal{Source: "A", IssuedAt: start}
	for _, c := range []struct {
		name string
		w    hydro.Withdrawal
		want []string
	}{
		{"of another source", hydro.Withdrawal{Source: "B", IssuedAt: start}, []string{"not_used"}},
		{"of another time", hydro.Withdrawal{Reservoir: a.dam, IssuedAt: start.Add(-step)}, []string{"not_used"}},
		{"the plan", plan, []string{"withdrawal"}},
		{"again", plan, nil},
		{"for another reason", hydro.Withdrawal{Reservoir: a.dam, IssuedAt: start, Reason: "other"}, []string{"not_used"}},
		{"the rain", rain, []string{"withdrawal"}},
		{"again", rain, nil},
	} {
		if diff := cmp.Diff(c.want, withdraw(c.w)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if k := slices.Concat(a.rain("A", start, 20), a.plan(start, 900)); k != nil {
		t.Errorf("a resend of what was withdrawn: %q", k)
	}
	named := func(f *hydro.Forecast) (n int) {
		for _, note := range f.Notes {
			if strings.HasSuffix(note, "withdrawn at 2026-06-08 00:05Z by chief: not used") {
				n++
			}
		}
		return n
	}
	e := a.e
	snap, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored, err := engine.Restore(snap, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, a.e = range []*engine.Engine{e, restored} {
		f := a.tick(start.Add(2 * step))
		if f.RainAssumed != dry.RainAssumed || f.Plan != dry.Plan || named(f) != 2 || strings.Count(f.HonestyZH(), "于2026-06-08 08:05撤销，未采用") != 2 {
			t.Errorf("rain %q, plan %q, notes %q, %s", f.RainAssumed, f.Plan, f.Notes, f.HonestyZH())
		}
		if f = a.tick(start.Add(96*time.Hour + step)); named(f) != 2 {
			t.Errorf("96 h later: %q", f.Notes)
		}
		if f = a.tick(start.Add(96*time.Hour + 2*step)); named(f) != 0 {
			t.Errorf("for ever: %q", f.Notes)
		}
	}
	// A later one is in force.
	if k := a.plan(start.Add(96*time.Hour), 500); !slices.Equal(k, []string{"dispatch_plan"}) {
		t.Errorf("a later plan: %q", k)
	}
}

func TestRainIsMappedAnewWhenTheCatalogueChanges(t *testing.T) {
	a := announcing(t)
	a.give(hydro.Input{RainForecast: &hydro.RainForecast{
		Basin: a.basin, Source: "grid", IssuedAt: start, ValidUntil: start.Add(6 * time.Hour), From: start, Step: time.Hour, ReceivedAt: start,
		Areas: []hydro.RainArea{{Cell: hydro.Cell{West: 110, South: 20, East: 115, North: 25}, Rain: []float64{1}}},
	}})
	c, _ := load(t)
	files := c.Files()
	for i := range files {
		files[i].Data = slices.Clone(files[i].Data)
	}
	files = append(files, hydro.File{Name: "zz.yaml", Data: []byte("profiles: []\n")})
	if kinds := a.give(hydro.Input{Catalogue: &hydro.CatalogueChange{Version: "sha256:x", Files: files, At: start}}); !slices.Equal(kinds, []string{"catalogue"}) {
		t.Fatalf("audits %q", kinds)
	}
	if f := a.tick(start.Add(step)); !strings.HasPrefix(f.RainAssumed, "rain forecast of grid") {
		t.Errorf("rain %q", f.RainAssumed)
	}
	for _, s := range a.e.Ahead().Rain[0].SubBasins {
		if s.Coverage != 1 {
			t.Errorf("sub-basin %s: coverage %g", s.ID, s.Coverage)
		}
	}
}

func TestWhatIsAnnouncedBeforeACatalogueOrElsewhereIsNotTaken(t *testing.T) {
	e := engine.New("b")
	f := hydro.RainForecast{Basin: "b", Source: "s", IssuedAt: start, ValidUntil: start.Add(time.Hour), From: start, Step: time.Hour, ReceivedAt: start, Areas: []hydro.RainArea{{SubBasin: "x", Rain: []float64{1}}}}
	outs, err := e.Apply(hydro.Input{Seq: 1, RainForecast: &f})
	if err != nil || len(outs) != 1 || outs[0].Audit.Kind != "not_used" {
		t.Errorf("%+v, %v", outs, err)
	}
	f.Basin = "c"
	if _, err := e.Apply(hydro.Input{Seq: 2, RainForecast: &f}); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("a forecast for another basin: %v", err)
	}
	if _, err := e.Apply(hydro.Input{Seq: 2, DispatchPlan: &hydro.DispatchPlan{Basin: "c"}}); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("a plan for another basin: %v", err)
	}
	if _, err := e.Apply(hydro.Input{Seq: 2, Tide: &hydro.Tide{Basin: "c"}}); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("a tide for another basin: %v", err)
	}
	if _, err := e.Apply(hydro.Input{Seq: 2, Withdrawal: &hydro.Withdrawal{Basin: "c"}}); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("a withdrawal for another basin: %v", err)
	}
}

// The drawn histories announce something, or the properties above say nothing
// of it.
func TestDrawnHistoriesAnnounceRainAndPlans(t *testing.T) {
	c, basin := loadGated(t)
	base := begin(t, c, basin)
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		for _, o := range apply(t, base.Fork(), drawHistory(t, c, basin).inputs(asSent)) {
			switch {
			case o.Audit != nil:
				seen[o.Audit.Kind]++
			case o.Forecast != nil && strings.HasPrefix(o.Forecast.RainAssumed, "rain forecast"):
				seen["used rain"]++
				if strings.Contains(o.Forecast.RainAssumed, "; rain forecast of ") {
					seen["used several"]++
				}
			}
			if o.Forecast != nil && strings.HasPrefix(o.Forecast.Plan, "release plan") {
				seen["used plan"]++
			}
			if o.Forecast != nil && strings.Contains(o.Forecast.Plan, "gate plan of ") {
				seen["used gate plan"]++
			}
		}
	})
	for _, kind := range []string{"rain_forecast", "dispatch_plan", "tide", "withdrawal", "not_used", "used rain", "used several", "used plan", "used gate plan"} {
		if seen[kind] == 0 {
			t.Errorf("no %s in %v", kind, seen)
		}
	}
}
