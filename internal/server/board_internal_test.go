package server

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// TestTheTrendIsThatOfTheNearestUsableValueAnHourBefore compares with a plain
// search over all samples.
func TestTheTrendIsThatOfTheNearestUsableValueAnHourBefore(t *testing.T) {
	seen := map[freshetv1.Trend]int{}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom([]hydro.Variable{hydro.WaterLevel, hydro.Discharge}).Draw(t, "variable")
		h := &hydro.History{}
		at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		for range rapid.IntRange(1, 40).Draw(t, "samples") {
			at += int64(rapid.IntRange(1, 40).Draw(t, "minutes")) * time.Minute.Milliseconds()
			h.Put(hydro.Sample{At: at, Value: rapid.Float64Range(1, 2).Draw(t, "value"), Quality: rapid.SampledFrom([]hydro.Quality{hydro.Pass, hydro.NotEvaluated, hydro.Suspect, hydro.Fail}).Draw(t, "quality")})
		}
		last, ok := h.LastUsable()
		if !ok {
			return
		}
		got := trendOf(h, last, v)
		var from *hydro.Sample
		hour := time.Hour.Milliseconds()
		for i := range h.Samples {
			s := &h.Samples[i]
			off := math.Abs(float64(s.At - (last.At - hour)))
			if s.Quality.Usable() && s.At < last.At && off <= 30*60e3 && (from == nil || off < math.Abs(float64(from.At-(last.At-hour)))) {
				from = s
			}
		}
		want := freshetv1.Trend_TREND_UNSPECIFIED
		if from != nil {
			change, band := last.Value-from.Value, 0.02
			if v == hydro.Discharge {
				band = 0.05 * max(last.Value, from.Value)
			}
			switch {
			case change > band:
				want = freshetv1.Trend_TREND_RISING
			case change < -band:
				want = freshetv1.Trend_TREND_FALLING
			default:
				want = freshetv1.Trend_TREND_STEADY
			}
			if got.GetChange() != change || !got.GetFrom().AsTime().Equal(from.Time()) || !got.GetTo().AsTime().Equal(last.Time()) {
				t.Fatalf("%v, want a change of %g since %s", got, change, from.Time())
			}
		}
		if got.GetTrend() != want {
			t.Fatalf("%v, want %s", got, want)
		}
		seen[want]++
	})
	for _, trend := range []freshetv1.Trend{freshetv1.Trend_TREND_UNSPECIFIED, freshetv1.Trend_TREND_RISING, freshetv1.Trend_TREND_FALLING, freshetv1.Trend_TREND_STEADY} {
		if seen[trend] == 0 {
			t.Errorf("%s was never drawn", trend)
		}
	}
}

func TestTheFloodLimitIsThatOfTheDay(t *testing.T) {
	r := &catalog.Reservoir{FloodLimits: []catalog.FloodLimit{
		{FromMonth: 4, FromDay: 15, ToMonth: 10, ToDay: 15, Level: 2},
		{FromMonth: 10, FromDay: 16, ToMonth: 4, ToDay: 14, Level: 3},
	}}
	for day, want := range map[string]float64{"2026-04-14": 3, "2026-04-15": 2, "2026-10-15": 2, "2026-10-16": 3, "2026-12-31": 3, "2026-01-01": 3} {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		if got := floodLimit(&catalog.Catalog{}, r, at); got == nil || *got != want {
			t.Errorf("%s: %v, want %g", day, got, want)
		}
	}
	r.FloodLimits = r.FloodLimits[:1]
	if got := floodLimit(&catalog.Catalog{}, r, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); got != nil {
		t.Errorf("out of season: %g", *got)
	}
}

// TestTheBookCountsStreamsWhateverTheirOrder drives streams that are named, used
// and ended in any order, against a plain count.
func TestTheBookCountsStreamsWhateverTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wall := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
		book := NewGatewayBook(func() time.Time { return wall })
		type hand struct {
			s            *gatewayStream
			name         string
			named, ended bool
		}
		var hands []*hand
		accepted, refused := map[string]uint64{}, map[string]uint64{}
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				hands = append(hands, &hand{s: book.stream(hydro.Weather), name: fmt.Sprint("g", rapid.IntRange(0, 2).Draw(t, "name"))})
			},
			"use": func(t *rapid.T) {
				if len(hands) == 0 {
					return
				}
				wall = wall.Add(time.Second)
				h := rapid.SampledFrom(hands).Draw(t, "hand")
				switch rapid.SampledFrom([]string{"named", "took", "end"}).Draw(t, "what") {
				case "named":
					h.s.named(h.name)
					h.named = h.named || !h.ended
				case "took":
					f := &frame{newest: wall}
					f.result.Accepted = 3
					f.result.Rejections = []hydro.Rejection{{Reason: hydro.UnknownStation, Message: "no"}}
					h.s.took([]*frame{f})
					if h.named {
						accepted[h.name] += 3
						refused[h.name]++
					}
				case "end":
					h.s.end()
					h.ended = true
				}
			},
			"": func(t *rapid.T) {
				streams := map[string]uint32{}
				for _, h := range hands {
					if h.named && !h.ended {
						streams[h.name]++
					} else if h.named {
						streams[h.name] += 0
					}
				}
				got := book.statuses(freshetv1.Department_DEPARTMENT_UNSPECIFIED, wall)
				if len(got) != len(streams) {
					t.Fatalf("%d gateways, want %d", len(got), len(streams))
				}
				for i, g := range got {
					n := g.GetGateway()
					if g.GetStreams() != streams[n] || g.GetAccepted() != accepted[n] || g.GetRefused() != refused[n] {
						t.Fatalf("%v, want %d streams, %d accepted, %d refused", g, streams[n], accepted[n], refused[n])
					}
					if (g.GetDisconnectedAt() != nil) != (streams[n] == 0) || g.GetConnectedSince() == nil {
						t.Fatalf("%v with %d streams", g, streams[n])
					}
					if i > 0 && got[i-1].GetStreams() == 0 && g.GetStreams() > 0 {
						t.Fatalf("an open stream after a closed one: %v", got)
					}
				}
			},
		})
	})
}

func TestTheBookForgetsGatewaysThatEndedLongAgo(t *testing.T) {
	wall := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	book := NewGatewayBook(func() time.Time { return wall })
	open := book.stream(hydro.Hydrology)
	open.named("stays")
	for i := range 2 * rememberedGateways {
		wall = wall.Add(time.Second)
		s := book.stream(hydro.Weather)
		s.named(fmt.Sprintf("g%04d", i))
		s.end()
	}
	got := book.statuses(freshetv1.Department_DEPARTMENT_UNSPECIFIED, wall)
	if len(got) != rememberedGateways+1 || got[0].GetGateway() != "stays" || got[1].GetGateway() != fmt.Sprintf("g%04d", rememberedGateways) {
		t.Errorf("%d gateways, first %v", len(got), got[:2])
	}
}

func TestWordsAreCutBetweenRunes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 300, -1).Draw(t, "text")
		got := []rune(shortened(text))
		want := []rune(text)
		if len(text) <= maxRefusalText {
			if string(got) != text {
				t.Fatalf("%q", string(got))
			}
			return
		}
		if n := len(got) - 1; string(got[:n]) != string(want[:n]) || got[n] != '…' || len(string(got[:n])) > maxRefusalText {
			t.Fatalf("%q of %q", string(got), text)
		}
	})
}
