package reporting_test

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/reporting"
)

var begin = time.Date(2026, 6, 8, 0, 0, 0, 0, time.UTC)

// A river: up and side meet at middle, which drains to low. At low stand two
// stations; w rains above up; quick reports each minute already.
const river = `catalog: {name: t, title: T}
profiles:
  - {id: slow, parameters: [{variable: water_level, every: 5m}]}
stations:
  - {id: up, name: U, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: STATION, profile: slow}
  - {id: side, name: S, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: STATION, profile: slow}
  - {id: quick, name: Q, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: STATION, parameters: [{variable: water_level, every: 1m}]}
  - {id: low, name: L, department: hydrology, kind: level, basin: b, at: [112, 22], zone: UTC, datum: PEARL_RIVER, profile: slow}
  - {id: mate, name: M, department: water_resources, kind: level, basin: b, at: [112, 22], zone: UTC, datum: PEARL_RIVER, profile: slow}
  - {id: w, name: W, department: weather, kind: rain, basin: b, at: [112, 22], zone: UTC, parameters: [{variable: rain, every: 5m}]}
sites:
  - {id: s, name: S, stations: [low, mate], authority: {water_level: low}}
basins:
  - id: b
    name: B
    settings: {report_faster: {from: yellow, every: 1m}}
    nodes: [{id: n1, name: N, gauge: up}, {id: n2, name: N, gauge: side}, {id: n3, name: N, gauge: quick}, {id: n4, name: N, gauge: low}]
    reaches:
      - {id: r1, from: n1, to: n3, length: 10, k: 2h, x: 0.2}
      - {id: r2, from: n2, to: n3, length: 10, k: 2h, x: 0.2}
      - {id: r3, from: n3, to: n4, length: 10, k: 2h, x: 0.2}
    sub_basins:
      - {id: c1, name: C, node: n1, area: 100, centre: [112, 22], gauges: [w]}
`

func compile(tb testing.TB, text string) *reporting.Rules {
	tb.Helper()
	c, problems := catalog.Load([]hydro.File{{Name: "c.yaml", Data: []byte(text)}})
	if len(problems) > 0 {
		tb.Fatal(catalog.Problems(problems))
	}
	return reporting.Compile(c, "b")
}

func standing(at map[string]hydro.Stage) []reporting.Standing {
	var out []reporting.Standing
	for _, id := range []string{"low", "mate", "quick", "side", "up", "w"} {
		out = append(out, reporting.Standing{Station: id, Stage: at[id]})
	}
	return out
}

func asked(s reporting.State) string {
	var out []string
	for _, q := range s.Requests {
		out = append(out, q.Station+"<"+q.Cause)
	}
	return strings.Join(out, " ")
}

func TestWhoIsAsked(t *testing.T) {
	everywhere := strings.Replace(river, "every: 1m}}\n", "every: 1m, where: basin}}\n", 1)
	for _, c := range []struct {
		name, text string
		at         map[string]hydro.Stage
		want       string
	}{
		{"nobody", river, map[string]hydro.Stage{"up": hydro.Blue}, ""},
		{"itself and what lies below, and its site; not who is quick enough", river, map[string]hydro.Stage{"up": hydro.Yellow}, "low<up mate<up up<up"},
		{"nobody above", river, map[string]hydro.Stage{"low": hydro.Red}, "low<low mate<low"},
		{"rain asks where it drains to", river, map[string]hydro.Stage{"w": hydro.Orange}, "low<w mate<w up<w w<w"},
		{"the highest stage is the reason", river, map[string]hydro.Stage{"side": hydro.Yellow, "up": hydro.Red}, "low<up mate<up side<side up<up"},
		{"blind asks for nothing", river, map[string]hydro.Stage{"up": hydro.Blind}, ""},
		{"the basin", everywhere, map[string]hydro.Stage{"low": hydro.Yellow}, "low<low mate<low side<low up<low w<low"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, changes := compile(t, c.text).Evaluate(reporting.State{}, standing(c.at), begin)
			if got := asked(s); got != c.want {
				t.Errorf("asked %q, want %q", got, c.want)
			}
			if diff := cmp.Diff(s.Requests, changes); len(s.Requests) > 0 && diff != "" {
				t.Errorf("told otherwise than in force (-in force +told):\n%s", diff)
			}
			for _, q := range s.Requests {
				if q.Every != time.Minute || !q.Since.Equal(begin) || !q.Until.Equal(begin.Add(reporting.Lease)) || q.ReasonEN() == "" || q.ReasonZH() == "" {
					t.Errorf("%+v", q)
				}
			}
		})
	}
}

func TestARequestIsRenewedAndWithdrawn(t *testing.T) {
	r := compile(t, river)
	var s reporting.State
	var told []string
	for m := 0; m <= 60; m++ {
		at := map[string]hydro.Stage{"low": hydro.Yellow}
		if m >= 50 {
			at = nil
		}
		var changes []hydro.RateRequest
		s, changes = r.Evaluate(s, standing(at), begin.Add(time.Duration(m)*time.Minute))
		for _, q := range changes {
			if q.Station == "low" {
				told = append(told, fmt.Sprint(m, " ", q.Every, " until ", q.Until.Sub(begin)))
			}
		}
	}
	want := []string{"0 1m0s until 30m0s", "16 1m0s until 46m0s", "32 1m0s until 1h2m0s", "48 1m0s until 1h18m0s", "50 0s until 50m0s"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAStationThatGoesBlindInAFloodGoesOnToAskForADay(t *testing.T) {
	r := compile(t, river)
	var s reporting.State
	for h := 0; h <= 40; h++ {
		at := map[string]hydro.Stage{"up": hydro.Red}
		if h >= 2 {
			at["up"] = hydro.Blind
		}
		s, _ = r.Evaluate(s, standing(at), begin.Add(time.Duration(h)*time.Hour))
		if got, want := len(s.Requests) > 0, h <= 1+24; got != want {
			t.Errorf("hour %d: asked %t", h, got)
		}
	}
}

func TestACatalogueThatAsksNobodyWithdrawsWhatStands(t *testing.T) {
	at := standing(map[string]hydro.Stage{"up": hydro.Red})
	s, _ := compile(t, river).Evaluate(reporting.State{}, at, begin)
	off := compile(t, strings.Replace(river, "    settings: {report_faster: {from: yellow, every: 1m}}\n", "", 1))
	if off.On() {
		t.Fatal("on by default")
	}
	s, changes := off.Evaluate(s, at, begin.Add(time.Minute))
	if len(s.Requests) != 0 || len(changes) != 3 || changes[0].Every != 0 {
		t.Errorf("%+v, %+v", s.Requests, changes)
	}
}

// Whoever follows the changes alone holds what is in force, at every instant, and
// no request in force is past its end; a stored state goes on as one that was not.
func TestTheChangesTellWhatIsInForce(t *testing.T) {
	r := compile(t, river)
	rapid.Check(t, func(t *rapid.T) {
		var s, stored reporting.State
		held := map[string]hydro.RateRequest{}
		now := begin
		for range rapid.IntRange(1, 12).Draw(t, "ticks") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{10, 60, 300, 3600}).Draw(t, "step")) * time.Second)
			at := map[string]hydro.Stage{}
			for _, id := range []string{"low", "side", "up", "w"} {
				at[id] = rapid.SampledFrom(hydro.Stages).Draw(t, id)
			}
			var changes, again []hydro.RateRequest
			s, changes = r.Evaluate(s, standing(at), now)
			var b bytes.Buffer
			if err := gob.NewEncoder(&b).Encode(stored); err != nil {
				t.Fatal(err)
			}
			stored = reporting.State{}
			if err := gob.NewDecoder(&b).Decode(&stored); err != nil {
				t.Fatal(err)
			}
			stored, again = r.Evaluate(stored, standing(at), now)
			if diff := cmp.Diff(changes, again); diff != "" {
				t.Fatalf("a stored state went on otherwise:\n%s", diff)
			}
			for _, q := range changes {
				if held[q.Station] = q; q.Every == 0 {
					delete(held, q.Station)
				}
			}
			if len(held) != len(s.Requests) || !slices.IsSortedFunc(changes, func(a, b hydro.RateRequest) int { return strings.Compare(a.Station, b.Station) }) {
				t.Fatalf("told %v, in force %v", held, s.Requests)
			}
			for _, q := range s.Requests {
				if held[q.Station] != q || !q.Until.After(now) {
					t.Fatalf("in force at %s: %+v, told %+v", now, q, held[q.Station])
				}
			}
			for id, stage := range at {
				_, asks := held[id]
				if (stage >= hydro.Yellow && stage <= hydro.Red) && !asks {
					t.Fatalf("%s stands at %s and is not asked", id, stage)
				}
			}
		}
	})
}
