package briefing_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"freshet/internal/briefing"
	freshetv1 "freshet/proto/freshet/v1"
)

var eight = time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)

func at(minutes int) *timestamppb.Timestamp {
	return timestamppb.New(eight.Add(time.Duration(minutes) * time.Minute))
}

// stages are those that a board can show.
var stages = []freshetv1.Stage{
	freshetv1.Stage_STAGE_CLEAR, freshetv1.Stage_STAGE_BLUE, freshetv1.Stage_STAGE_YELLOW, freshetv1.Stage_STAGE_ORANGE, freshetv1.Stage_STAGE_RED, freshetv1.Stage_STAGE_BLIND,
}

var ids = []string{"a", "b", "c", "d"}

// some draws some of the names, each once.
func some(t *rapid.T, what string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 0, len(ids), rapid.ID[string]).Draw(t, what)
}

// drawSituation draws a situation that stands on the minute.
func drawSituation(t *rapid.T, minute int) *freshetv1.Situation {
	s := &freshetv1.Situation{
		Basin: "x", AsOf: at(minute), At: at(minute), InputSeq: uint64(minute), Catalogue: "v",
		Forecast: &freshetv1.Forecast{IssuedAt: at(minute - minute%5)},
	}
	maybe := rapid.IntRange(minute-60, minute+600)
	for _, id := range some(t, "stations") {
		r := &freshetv1.BoardRow{Station: id, NameZh: id, Stage: rapid.SampledFrom(stages).Draw(t, "stage")}
		if r.GetStage() == freshetv1.Stage_STAGE_BLIND || rapid.Bool().Draw(t, "partly blind") {
			r.Cause = "silent"
		}
		if rapid.Bool().Draw(t, "level") {
			r.Level = &freshetv1.BoardValue{
				Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, Datum: rapid.SampledFrom([]string{"P", "Q"}).Draw(t, "datum"), Value: float64(rapid.IntRange(0, 3).Draw(t, "value")), At: at(minute),
			}
		}
		s.Board = append(s.Board, r)
		f := &freshetv1.StationForecast{Station: id, Datum: "P", Peak: &freshetv1.ForecastPeak{At: at(maybe.Draw(t, "peak")), Level: float64(rapid.IntRange(0, 3).Draw(t, "crest"))}}
		for _, x := range []float64{1, 2} {
			c := &freshetv1.ThresholdCrossing{Stage: freshetv1.Stage_STAGE_RED, Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, Threshold: x}
			if rapid.Bool().Draw(t, "crosses") {
				c.At = at(max(minute-minute%5, maybe.Draw(t, "crossing")))
			}
			f.Crossings = append(f.Crossings, c)
		}
		s.Forecast.Stations = append(s.Forecast.Stations, f)
	}
	for _, id := range some(t, "plans") {
		r := &freshetv1.Response{Plan: id, Declared: freshetv1.ResponseLevel(rapid.IntRange(0, 4).Draw(t, "declared"))}
		for _, m := range some(t, "measures") {
			r.Measures = append(r.Measures, &freshetv1.Measure{Id: m, State: freshetv1.MeasureState(rapid.IntRange(1, 4).Draw(t, "state")), Late: rapid.Bool().Draw(t, "late")})
		}
		s.Responses = append(s.Responses, r)
	}
	for _, id := range some(t, "conflicts") {
		s.Conflicts = append(s.Conflicts, &freshetv1.Conflict{Id: id})
	}
	for _, id := range some(t, "blind") {
		s.Blind = append(s.Blind, &freshetv1.BlindSet{Cause: id, CauseZh: "因 " + id, Stations: some(t, "of the set")})
	}
	for _, id := range some(t, "groups") {
		g := &freshetv1.WarningGroup{Id: id, Stage: rapid.SampledFrom(stages).Draw(t, "height")}
		if rapid.Bool().Draw(t, "closed") {
			g.ClosedAt = at(minute)
		}
		s.Groups = append(s.Groups, g)
	}
	for _, id := range some(t, "unreached") {
		s.Unreached = append(s.Unreached, &freshetv1.Unreached{Wave: "w", Call: &freshetv1.Call{Person: id}})
	}
	return s
}

// lists are the diff without its two ends.
func lists(d *freshetv1.SituationDiff) *freshetv1.SituationDiff {
	d = proto.CloneOf(d)
	d.Basin, d.From, d.To, d.UnacknowledgedFrom, d.UnacknowledgedTo = "", nil, nil, 0, 0
	return d
}

func TestNothingChangedBetweenASituationAndItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t, rapid.IntRange(0, 1000).Draw(t, "minute"))
		if d := lists(briefing.Diff(s, proto.CloneOf(s))); !proto.Equal(d, &freshetv1.SituationDiff{}) {
			t.Errorf("changed: %v", d)
		}
	})
}

func names[T any](all []T, name func(T) string) []string {
	var out []string
	for _, x := range all {
		out = append(out, name(x))
	}
	slices.Sort(out)
	return out
}

// What a station, a conflict, a blind spot or a person gains on the way there it loses
// on the way back.
func TestTheWayBackIsTheReverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawSituation(t, 100), drawSituation(t, rapid.IntRange(100, 700).Draw(t, "later"))
		there, back := briefing.Diff(a, b), briefing.Diff(b, a)
		station := (*freshetv1.StationChange).GetStation
		seen := func(all []*freshetv1.StationChange) []*freshetv1.StationChange { // a blind one that is found high has not got better on the way back
			return slices.DeleteFunc(slices.Clone(all), func(c *freshetv1.StationChange) bool { return c.GetFrom() == freshetv1.Stage_STAGE_BLIND })
		}
		for _, x := range []struct {
			what       string
			one, other []string
		}{
			{"new", names(there.GetNew(), station), names(back.GetGone(), station)},
			{"gone", names(there.GetGone(), station), names(back.GetNew(), station)},
			{"worse", names(seen(there.GetWorse()), station), names(back.GetBetter(), station)},
			{"better", names(there.GetBetter(), station), names(seen(back.GetWorse()), station)},
			{"lost", names(there.GetLost(), station), names(back.GetBack(), station)},
			{"back", names(there.GetBack(), station), names(back.GetLost(), station)},
			{"conflicts", names(there.GetConflictsOpened(), (*freshetv1.Conflict).GetId), names(back.GetConflictsSettled(), (*freshetv1.Conflict).GetId)},
			{"blind", names(there.GetBlindOpened(), (*freshetv1.BlindSet).String), names(back.GetBlindSettled(), (*freshetv1.BlindSet).String)},
			{"unreached", names(there.GetUnreachedSettled(), (*freshetv1.Unreached).String), names(back.GetUnreachedOpened(), (*freshetv1.Unreached).String)},
		} {
			if d := cmp.Diff(x.one, x.other); d != "" {
				t.Errorf("%s there and on the way back: %s", x.what, d)
			}
		}
		for _, x := range there.GetBlindOpened() {
			if x.GetCauseZh() != "因 "+x.GetCause() {
				t.Errorf("%v has lost its cause in Chinese", x)
			}
		}
		for _, v := range there.GetValues() {
			i := slices.IndexFunc(back.GetValues(), func(w *freshetv1.ValueChange) bool { return w.GetStation() == v.GetStation() })
			if i < 0 || back.GetValues()[i].GetChange() != -v.GetChange() {
				t.Errorf("%v is not undone", v)
			}
		}
	})
}

// The order in which a situation lists things does not show.
func TestTheOrderOfASituationDoesNotShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawSituation(t, 100), drawSituation(t, 300)
		want := briefing.Diff(a, b)
		slices.Reverse(b.GetBoard())
		slices.Reverse(a.GetBoard())
		slices.Reverse(b.GetForecast().GetStations())
		slices.Reverse(b.GetResponses())
		slices.Reverse(a.GetBlind())
		slices.Reverse(b.GetGroups())
		slices.Reverse(b.GetUnreached())
		if d := cmp.Diff(want, briefing.Diff(a, b), protocmp.Transform()); d != "" {
			t.Errorf("(-as listed +the other way round)\n%s", d)
		}
	})
}

// A blind station is never better, and one that is found to be high is worse.
func TestBlindIsNeverBetter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := briefing.Diff(drawSituation(t, 100), drawSituation(t, 200))
		for _, c := range d.GetBetter() {
			if c.GetTo() == freshetv1.Stage_STAGE_BLIND || c.GetFrom() == freshetv1.Stage_STAGE_BLIND || c.GetTo() >= c.GetFrom() {
				t.Errorf("better: %v", c)
			}
		}
		for _, list := range [][]*freshetv1.StationChange{d.GetLost(), d.GetBack()} {
			for _, c := range list {
				if c.GetFrom() == freshetv1.Stage_STAGE_BLIND && c.GetTo() > freshetv1.Stage_STAGE_CLEAR && c.GetTo() < freshetv1.Stage_STAGE_BLIND && !slices.Contains(d.GetWorse(), c) {
					t.Errorf("was blind, stands at %s, and is not among the worse", c.GetTo())
				}
			}
		}
	})
}

func TestWhatChangedIsSaidByHowMuch(t *testing.T) {
	red, level := freshetv1.Stage_STAGE_RED, freshetv1.Variable_VARIABLE_WATER_LEVEL
	run := func(issued int, peak *freshetv1.ForecastPeak, crossing *timestamppb.Timestamp) *freshetv1.Forecast {
		return &freshetv1.Forecast{IssuedAt: at(issued), Stations: []*freshetv1.StationForecast{{
			Station: "a", Datum: "P", Peak: peak, Crossings: []*freshetv1.ThresholdCrossing{{Stage: red, Variable: level, Threshold: 3, At: crossing}},
		}}}
	}
	rain := &freshetv1.SituationSeries{
		Station: "a", Variable: freshetv1.Variable_VARIABLE_RAIN, IntervalS: 3600, OffsetMs: []int32{-7_200_000, -3_600_000, 0}, Value: []float64{5, 7, 100},
		Quality: []freshetv1.Quality{2, 2, 4}, FellInS: []uint32{3600, 3600, 3600}, NotCounted: []uint32{2},
	}
	base := func(minute int) *freshetv1.Situation {
		return &freshetv1.Situation{Basin: "x", At: at(minute), Board: []*freshetv1.BoardRow{{Station: "a", Stage: freshetv1.Stage_STAGE_CLEAR}}}
	}
	a, b := base(0), base(180)
	a.Forecast = run(0, &freshetv1.ForecastPeak{At: at(600), Level: 2, Discharge: 100}, nil)
	b.Forecast = run(180, &freshetv1.ForecastPeak{At: at(570), Level: 3.5, Discharge: 150}, at(500))
	b.Series = []*freshetv1.SituationSeries{rain}
	d := briefing.Diff(a, b)
	want := &freshetv1.ForecastChange{
		Station: "a", Datum: "P", From: a.GetForecast().GetStations()[0].GetPeak(), To: b.GetForecast().GetStations()[0].GetPeak(),
		LevelChange: new(1.5), DischargeChange: proto.Float64(50), LaterS: proto.Float64(-1800),
		Crossings: []*freshetv1.CrossingChange{{Stage: red, Variable: level, Threshold: 3, To: at(500)}},
	}
	if x := cmp.Diff([]*freshetv1.ForecastChange{want}, d.GetForecasts(), protocmp.Transform()); x != "" {
		t.Errorf("forecasts (-want +got)\n%s", x)
	}
	// Two of three hours are known: the third hour's funnel was blocked.
	if x := cmp.Diff([]*freshetv1.RainSince{{Station: "a", Rain: 12, Coverage: 2. / 3}}, d.GetRain(), protocmp.Transform()); x != "" {
		t.Errorf("rain (-want +got)\n%s", x)
	}

	// The threshold is met and the water falls: no crest to come, and nothing "sooner".
	c := base(700)
	c.Forecast = run(700, &freshetv1.ForecastPeak{At: at(700), Level: 3.4}, at(700))
	f := briefing.Diff(b, c).GetForecasts()
	if len(f) != 1 || !f[0].GetFallingTo() || f[0].LaterS != nil || f[0].LevelChange != nil || len(f[0].GetCrossings()) != 1 || !f[0].GetCrossings()[0].GetMetTo() || f[0].GetCrossings()[0].LaterS != nil {
		t.Errorf("%v", f)
	}
	// An hour on it still falls and still is met: that is no news.
	e := base(760)
	e.Forecast = run(760, &freshetv1.ForecastPeak{At: at(760), Level: 3.2}, at(760))
	if f := briefing.Diff(c, e).GetForecasts(); len(f) != 0 {
		t.Errorf("%v", f)
	}
}

func TestAHashIsOfAllOfIt(t *testing.T) {
	s := &freshetv1.Situation{Basin: "x", Board: []*freshetv1.BoardRow{{Station: "a"}, {Station: "b"}}}
	one, err := briefing.Hash(s)
	if err != nil || len(one) != 64 {
		t.Fatal(one, err)
	}
	slices.Reverse(s.GetBoard())
	if two, _ := briefing.Hash(s); one == two {
		t.Error("another order has the same hash")
	}
	if _, err := briefing.Hash(&freshetv1.Situation{Basin: "\xff"}); err == nil {
		t.Error("what cannot be sent has a hash")
	}
}
