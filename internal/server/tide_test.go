package server_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

func tideRequest() *freshetv1.SubmitTideRequest {
	m := &freshetv1.SubmitTideRequest{
		Station: "h-yamen", Source: "table", IssuedAt: timestamppb.New(ingestNow.Add(-time.Hour)), ValidUntil: timestamppb.New(ingestNow.Add(48 * time.Hour)), Datum: "PEARL_RIVER",
	}
	for i := range 4 {
		m.Turns = append(m.Turns, &freshetv1.TideTurn{At: timestamppb.New(ingestNow.Add(time.Duration(i) * 6 * time.Hour)), Level: float64(1 - 2*(i%2))})
	}
	return m
}

func tidal(t *testing.T, log *memoryLog) *ingestBench {
	t.Helper()
	c, err := catalog.LoadDir("../../deploy/catalog/tanjiang")
	if err != nil {
		t.Fatal(err)
	}
	b := newIngest(t, log, 0)
	b.server.SetCatalog(c)
	return b
}

func TestATideGoesToTheLogOfItsStationsBasin(t *testing.T) {
	log := &memoryLog{}
	b := tidal(t, log)
	r, err := b.server.SubmitTide(t.Context(), tideRequest())
	if err != nil || r.GetId() != "tanjiang/2026-06-01T03:00:00Z/h-yamen/table" {
		t.Fatalf("%v, %v", r, err)
	}
	if v := log.ahead[0].Tide; v == nil || v.Basin != "tanjiang" || v.Datum != hydro.PearlRiver || v.Turns[1].Level != -1 || !v.ReceivedAt.Equal(ingestNow) {
		t.Errorf("on the log: %+v", v)
	}
	back := &freshetv1.WithdrawRequest{
		Station: "h-yamen", Source: "table", IssuedAt: timestamppb.New(ingestNow.Add(-time.Hour)), WithdrawnBy: "chief", WithdrawnAt: timestamppb.New(ingestNow), Reason: "wrong year",
	}
	w, err := b.server.Withdraw(t.Context(), back)
	if err != nil || w.GetId() != r.GetId() || log.ahead[1].Withdrawal.Station != "h-yamen" {
		t.Errorf("%v, %v", w, err)
	}
	for field, change := range map[string]func(*freshetv1.WithdrawRequest){
		"station": func(m *freshetv1.WithdrawRequest) { m.Reservoir, m.Source = "jinjiang", "" },
		"source":  func(m *freshetv1.WithdrawRequest) { m.Source = "" },
		"basin":   func(m *freshetv1.WithdrawRequest) { m.Basin = "west" },
	} {
		m := &freshetv1.WithdrawRequest{Station: back.Station, Source: back.Source, IssuedAt: back.IssuedAt, WithdrawnBy: "x", WithdrawnAt: back.WithdrawnAt, Reason: "x"}
		change(m)
		if _, err := b.server.Withdraw(t.Context(), m); !slices.Equal(wrong(err), []string{"InvalidArgument", field}) {
			t.Errorf("%v, want %s", err, field)
		}
	}
}

// No level is taken on a datum that the catalogue does not relate to the station's,
// nor by an offset that is only assumed.
func TestATideThatIsWrongIsToldByField(t *testing.T) {
	log := &memoryLog{}
	b := tidal(t, log)
	for _, c := range []struct {
		name   string
		change func(*freshetv1.SubmitTideRequest)
		want   []string
	}{
		{"chart datum", func(m *freshetv1.SubmitTideRequest) { m.Datum = "CHART" }, []string{"datum"}},
		{"an assumed offset", func(m *freshetv1.SubmitTideRequest) { m.Datum = "NATIONAL_1985" }, []string{"datum"}},
		{"no datum", func(m *freshetv1.SubmitTideRequest) { m.Datum = "" }, []string{"datum"}},
		{"no such station", func(m *freshetv1.SubmitTideRequest) { m.Station = "sea" }, []string{"station"}},
		{"a river's", func(m *freshetv1.SubmitTideRequest) { m.Station = "h-sanbu" }, []string{"station"}},
		{"of another basin", func(m *freshetv1.SubmitTideRequest) { m.Basin = "west" }, []string{"basin"}},
		{"tomorrow", func(m *freshetv1.SubmitTideRequest) { m.IssuedAt = timestamppb.New(ingestNow.Add(time.Hour)) }, []string{"issued_at"}},
		{"above what the gauge can see", func(m *freshetv1.SubmitTideRequest) { m.Turns[2].Level = 5.1 }, []string{"turns[2].level"}},
		{"two lows", func(m *freshetv1.SubmitTideRequest) { m.Turns[2].Level = -2 }, []string{"turns[2].level"}},
		{"a turn without a time", func(m *freshetv1.SubmitTideRequest) { m.Turns[1].At = nil }, []string{"turns[1].at"}},
		{"a step without levels", func(m *freshetv1.SubmitTideRequest) { m.StepS = 3600 }, []string{"levels"}},
	} {
		m := tideRequest()
		c.change(m)
		_, err := b.server.SubmitTide(t.Context(), m)
		if got := wrong(err); len(got) < 2 || got[0] != "InvalidArgument" || !slices.Equal(got[1:2], c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if len(log.ahead) > 0 {
		t.Errorf("on the log: %+v", log.ahead)
	}
	if _, err := b.server.SubmitTide(t.Context(), &freshetv1.SubmitTideRequest{}); !strings.Contains(err.Error(), "issued_at") {
		t.Error(err)
	}
}
