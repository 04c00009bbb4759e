package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// briefed answers with what it holds and remembers what it was asked.
type briefed struct {
	freshetv1.UnimplementedBriefingServiceServer
	situation *freshetv1.Situation
	diff      *freshetv1.SituationDiff
	asked     []time.Time
}

func (b *briefed) GetSituation(_ context.Context, req *freshetv1.GetSituationRequest) (*freshetv1.GetSituationResponse, error) {
	b.asked = []time.Time{req.GetAsOf().AsTime()}
	return &freshetv1.GetSituationResponse{Situation: b.situation, Hash: strings.Repeat("ab", 32)}, nil
}

func (b *briefed) CompareSituations(_ context.Context, req *freshetv1.CompareSituationsRequest) (*freshetv1.CompareSituationsResponse, error) {
	b.asked = []time.Time{req.GetFrom().AsTime(), req.GetTo().AsTime()}
	return &freshetv1.CompareSituationsResponse{Diff: b.diff}, nil
}

func TestABriefingIsPrintedForPeople(t *testing.T) {
	at := time.Date(2026, 6, 15, 0, 0, 0, 0, time.UTC)
	orange, blind := freshetv1.Stage_STAGE_ORANGE, freshetv1.Stage_STAGE_BLIND
	point := &freshetv1.SituationPoint{AsOf: timestamppb.New(at), At: timestamppb.New(at)}
	b := &briefed{
		situation: &freshetv1.Situation{
			Basin: "tanjiang", NameZh: "潭江", NameEn: "Tanjiang", AsOf: timestamppb.New(at), At: timestamppb.New(at), Zone: "Asia/Shanghai", Illustrative: true, Mark: "an example",
			Board: []*freshetv1.BoardRow{
				{Station: "h", NameEn: "Enping", Stage: orange, Level: &freshetv1.BoardValue{Value: 7.125}, OverWarning: new(0.825)},
				{Station: "k", NameEn: "Kaiping", NameZh: "开平", Stage: blind, Cause: "silent"},
				{Station: "s", NameEn: "Sanbu", Stage: freshetv1.Stage_STAGE_RED},
				{Station: "c", NameEn: "Calm", Stage: freshetv1.Stage_STAGE_CLEAR},
			},
			ForecastWatch: &freshetv1.ForecastWatch{Standing: freshetv1.ForecastStanding_FORECAST_STANDING_PARTIAL, Detail: "The forecast is partial: no forecast at Sanbu."},
			Forecast: &freshetv1.Forecast{IssuedAt: timestamppb.New(at), Stations: []*freshetv1.StationForecast{
				{Station: "h", Peak: &freshetv1.ForecastPeak{At: timestamppb.New(at.Add(3 * time.Hour)), Level: 7.5, Discharge: 900}},
			}},
		},
		diff: &freshetv1.SituationDiff{
			From: point, To: point,
			Worse: []*freshetv1.StationChange{{Station: "h", NameEn: "Enping", From: freshetv1.Stage_STAGE_BLUE, To: orange, ReasonEn: "above orange"}},
			Lost:  []*freshetv1.StationChange{{Station: "k", NameEn: "Kaiping", From: orange, To: blind}},
			Rain:  []*freshetv1.RainSince{{Station: "r", Rain: 52.5, Coverage: 0.5}},
			Forecasts: []*freshetv1.ForecastChange{{
				Station: "h", From: &freshetv1.ForecastPeak{At: timestamppb.New(at), Level: 7}, To: &freshetv1.ForecastPeak{At: timestamppb.New(at), Level: 7.5},
				LevelChange: new(0.5), LaterS: proto.Float64(-5400),
			}},
		},
	}
	address := serveTest(t, func(s *grpc.Server) { freshetv1.RegisterBriefingServiceServer(s, b) })
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		c := root()
		c.SetArgs(append([]string{"briefing"}, append(args, "--server", address)...))
		c.SetOut(&out)
		err := c.ExecuteContext(t.Context())
		return strings.Join(strings.Fields(out.String()), " "), err
	}
	for _, x := range []struct {
		args  []string
		asked []time.Time
		want  []string
		not   string
	}{
		{
			[]string{"situation", "--as-of", "2026-06-15 08:00", "--lang", "en"},
			[]time.Time{at},
			[]string{
				"Tanjiang tanjiang · as of 2026-06-15 08:00:00 +08:00", "[illustrative, not official] an example", "SHA-256 abab", "stations 4: RED 1, BLIND 1, ORANGE 1", "The forecast is partial: no forecast at Sanbu.",
				"RED Sanbu s – – – – BLIND Kaiping k – – – – silent ORANGE Enping h 7.12 +0.82", "Enping h 7.50 900 06-15 11:00",
			},
			"Calm",
		},
		{[]string{"situation", "--as-of", "2026-06-15T00:00:00Z", "--lang", "zh"}, []time.Time{at}, []string{"潭江 tanjiang · 截至", "橙色 1", "看不见", "失明 开平 k – – – – 无来报"}, "Calm"},
		{
			[]string{"diff", "--from", "2026-06-14 20:00", "--to", "2026-06-15 00:00", "--zone", "+00:00", "--lang", "en"},
			[]time.Time{at.Add(-4 * time.Hour), at},
			[]string{"Worse (1) Enping h BLUE → ORANGE – above orange", "Lost from sight (1) Kaiping k ORANGE → BLIND", "+0.50", "1:30 sooner", "r 52.5 covered 50 %"},
			"Better",
		},
	} {
		got, err := run(x.args...)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range x.want {
			if !strings.Contains(got, w) {
				t.Errorf("%v does not say %q:\n%s", x.args, w, got)
			}
		}
		if strings.Contains(got, x.not) {
			t.Errorf("%v says %q:\n%s", x.args, x.not, got)
		}
		if len(b.asked) != len(x.asked) || !b.asked[0].Equal(x.asked[0]) || !b.asked[len(b.asked)-1].Equal(x.asked[len(x.asked)-1]) {
			t.Errorf("%v asks for %v, want %v", x.args, b.asked, x.asked)
		}
	}
	if _, err := run("situation", "--as-of", "eight o'clock"); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "2026-06-15 08:00") {
		t.Errorf("no time: %v", err)
	}
}
