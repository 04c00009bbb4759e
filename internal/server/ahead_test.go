package server_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/server"
	freshetv1 "freshet/proto/freshet/v1"
)

func rainRequest() *freshetv1.SubmitRainForecastRequest {
	return &freshetv1.SubmitRainForecastRequest{
		Source: "QPF", Basin: "north", IssuedAt: timestamppb.New(ingestNow.Add(-time.Hour)), ValidUntil: timestamppb.New(ingestNow.Add(time.Hour)), StepS: 3600,
		SubBasins: []*freshetv1.SubBasinRain{{SubBasin: "n1", Rain: []float64{1, 2}}, {SubBasin: "n2", Rain: []float64{3, 4}}},
	}
}

// zone is a rectangle as a ring, with a corner in each of its sides.
func zone(west, south, east, north float64) *freshetv1.RainCell {
	lon, lat := (west+east)/2, (south+north)/2
	return &freshetv1.RainCell{Rain: []float64{1}, Rings: []*freshetv1.Ring{{LonLat: []float64{
		west, south, lon, south, east, south, east, lat, east, north, lon, north, west, north, west, lat, west, south,
	}}}}
}

func planRequest() *freshetv1.SubmitDispatchPlanRequest {
	return &freshetv1.SubmitDispatchPlanRequest{
		Reservoir: "lake", OrderedBy: "duty desk", IssuedAt: timestamppb.New(ingestNow), ValidFrom: timestamppb.New(ingestNow),
		ValidUntil: timestamppb.New(ingestNow.Add(24 * time.Hour)),
		Releases:   []*freshetv1.Release{{From: timestamppb.New(ingestNow), Outflow: 300}},
	}
}

// wrong returns the fields that an error names, after its code.
func wrong(err error) []string {
	out := []string{status.Code(err).String()}
	for _, d := range status.Convert(err).Details() {
		if b, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range b.GetFieldViolations() {
				out = append(out, v.GetField())
			}
		}
	}
	return out
}

func TestARainForecastIsOnTheLogBeforeItIsAnswered(t *testing.T) {
	log := &memoryLog{gate: make(chan error)}
	b := newIngest(t, log, 0)
	answered := make(chan *freshetv1.SubmitRainForecastResponse)
	go func() {
		r, err := b.server.SubmitRainForecast(t.Context(), rainRequest())
		if err != nil {
			t.Error(err)
		}
		answered <- r
	}()
	select {
	case <-answered:
		t.Fatal("answered before it was on the log")
	case log.gate <- nil:
	}
	if r := <-answered; r.GetId() != "north/2026-06-01T03:00:00Z/QPF" {
		t.Errorf("id %q", r.GetId())
	}
	f := log.ahead[0].RainForecast
	if f == nil || f.Basin != "north" || !f.From.Equal(ingestNow.Add(-time.Hour)) || !f.ReceivedAt.Equal(ingestNow) || f.Areas[1].Rain[1] != 4 {
		t.Errorf("on the log: %+v", f)
	}
}

func TestAPlanFindsItsBasin(t *testing.T) {
	log := &memoryLog{}
	b := newIngest(t, log, 0)
	r, err := b.server.SubmitDispatchPlan(t.Context(), planRequest())
	if err != nil || r.GetId() != "north/2026-06-01T04:00:00Z/lake" {
		t.Fatalf("%v, %v", r, err)
	}
	if p := log.ahead[0].DispatchPlan; p == nil || p.Basin != "north" || p.Releases[0].Outflow != 300 || !p.ReceivedAt.Equal(ingestNow) {
		t.Errorf("on the log: %+v", p)
	}
	m := planRequest()
	m.Reservoir = "pond" // both basins have one
	if _, err := b.server.SubmitDispatchPlan(t.Context(), m); !slices.Equal(wrong(err), []string{"InvalidArgument", "basin"}) {
		t.Errorf("ambiguous: %v", err)
	}
	m.Basin = "south"
	if r, err := b.server.SubmitDispatchPlan(t.Context(), m); err != nil || !strings.HasPrefix(r.GetId(), "south/") {
		t.Errorf("%v, %v", r, err)
	}
}

var lakeWithOutlets = catalog.Reservoir{ID: "lake", Station: "hy-1", Outlets: []catalog.Outlet{
	{Name: "gate", Kind: "gate", Height: 5, Controlled: true}, {Name: "spillway", Kind: "weir"}, {Name: "power", Kind: "turbines"},
}}

func gateRequest() *freshetv1.SubmitDispatchPlanRequest {
	m := planRequest()
	at := m.GetValidFrom()
	m.Releases = nil
	m.Gates = []*freshetv1.GateSetting{{From: at, Outlet: "gate", Opening: 5}, {From: at, Outlet: "power", Opening: 0.5}}
	return m
}

func TestGatesAreThoseOfTheCatalogue(t *testing.T) {
	log := &memoryLog{}
	b := newIngest(t, log, 0)
	if _, err := b.server.SubmitDispatchPlan(t.Context(), gateRequest()); err != nil {
		t.Fatal(err)
	}
	if p := log.ahead[0].DispatchPlan; len(p.Gates) != 2 || p.Gates[1] != (hydro.GateSetting{From: ingestNow, Outlet: "power", Opening: 0.5}) {
		t.Errorf("on the log: %+v", p)
	}
	for want, change := range map[string]func(*freshetv1.SubmitDispatchPlanRequest){
		"gates[0].outlet":  func(m *freshetv1.SubmitDispatchPlanRequest) { m.Gates[0].Outlet = "door" },
		"gates[1].outlet":  func(m *freshetv1.SubmitDispatchPlanRequest) { m.Gates[1].Outlet = "spillway" },
		"gates[0].opening": func(m *freshetv1.SubmitDispatchPlanRequest) { m.Gates[0].Opening = 5.1 },
		"gates[1].opening": func(m *freshetv1.SubmitDispatchPlanRequest) { m.Gates[1].Opening = 1.1 },
		"gates":            func(m *freshetv1.SubmitDispatchPlanRequest) { m.Reservoir, m.Basin = "pond", "north" },
		"gates[1].from":    func(m *freshetv1.SubmitDispatchPlanRequest) { m.Gates[1].From = nil },
	} {
		m := gateRequest()
		change(m)
		if _, err := b.server.SubmitDispatchPlan(t.Context(), m); !slices.Equal(wrong(err), []string{"InvalidArgument", want}) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestAWithdrawalGoesToTheLog(t *testing.T) {
	log := &memoryLog{}
	b := newIngest(t, log, 0)
	request := func() *freshetv1.WithdrawRequest {
		return &freshetv1.WithdrawRequest{
			Reservoir: "lake", IssuedAt: timestamppb.New(ingestNow.Add(-time.Hour)), WithdrawnBy: "chief", WithdrawnAt: timestamppb.New(ingestNow), Reason: "by telephone",
		}
	}
	r, err := b.server.Withdraw(t.Context(), request())
	if err != nil || r.GetId() != "north/2026-06-01T03:00:00Z/lake" {
		t.Fatalf("%v, %v", r, err)
	}
	if w := log.ahead[0].Withdrawal; w == nil || w.Basin != "north" || w.By != "chief" || !w.ReceivedAt.Equal(ingestNow) {
		t.Errorf("on the log: %+v", w)
	}
	for _, c := range []struct {
		name   string
		change func(*freshetv1.WithdrawRequest)
		want   []string
	}{
		{"of nothing", func(m *freshetv1.WithdrawRequest) { m.Reservoir, m.Basin = "", "north" }, []string{"reservoir"}},
		{"of two things", func(m *freshetv1.WithdrawRequest) { m.Source = "QPF" }, []string{"source"}},
		{"no such reservoir", func(m *freshetv1.WithdrawRequest) { m.Reservoir = "sea" }, []string{"reservoir"}},
		{"no such basin", func(m *freshetv1.WithdrawRequest) { m.Reservoir, m.Source, m.Basin = "", "QPF", "west" }, []string{"basin"}},
		{"rain of which basin", func(m *freshetv1.WithdrawRequest) { m.Reservoir, m.Source = "", "QPF" }, []string{"basin"}},
		{"tomorrow", func(m *freshetv1.WithdrawRequest) { m.WithdrawnAt = timestamppb.New(ingestNow.Add(time.Hour)) }, []string{"withdrawn_at"}},
		{"before it was issued", func(m *freshetv1.WithdrawRequest) { m.WithdrawnAt = timestamppb.New(ingestNow.Add(-2 * time.Hour)) }, []string{"withdrawn_at"}},
		{"without a reason", func(m *freshetv1.WithdrawRequest) { m.Reason = "" }, []string{"reason"}},
	} {
		m := request()
		c.change(m)
		if _, err := b.server.Withdraw(t.Context(), m); !slices.Equal(wrong(err), append([]string{"InvalidArgument"}, c.want...)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestSubmissionsThatAreWrongAreToldByField(t *testing.T) {
	for _, c := range []struct {
		name string
		rain func(*freshetv1.SubmitRainForecastRequest)
		plan func(*freshetv1.SubmitDispatchPlanRequest)
		want []string
	}{
		{name: "no such basin", rain: func(m *freshetv1.SubmitRainForecastRequest) { m.Basin = "west" }, want: []string{"basin"}},
		{name: "no such sub-basin, one twice", rain: func(m *freshetv1.SubmitRainForecastRequest) {
			m.SubBasins[0].SubBasin = "x"
			m.SubBasins = append(m.SubBasins, m.SubBasins[1])
		}, want: []string{"sub_basins[0].sub_basin", "sub_basins[2].sub_basin"}},
		{name: "no time of issue", rain: func(m *freshetv1.SubmitRainForecastRequest) { m.IssuedAt = nil }, want: []string{"issued_at"}},
		{name: "issued in the future", rain: func(m *freshetv1.SubmitRainForecastRequest) {
			m.IssuedAt = timestamppb.New(ingestNow.Add(11 * time.Minute))
		}, want: []string{"issued_at"}},
		{name: "bad values", rain: func(m *freshetv1.SubmitRainForecastRequest) {
			m.SubBasins[0].Rain[0], m.SubBasins[1].Rain[1] = -1, 3000
		}, want: []string{"sub_basins[0].rain[0]", "sub_basins[1].rain[1]"}},
		{name: "cells and sub-basins", rain: func(m *freshetv1.SubmitRainForecastRequest) { m.Cells = []*freshetv1.RainCell{{}} }, want: []string{"cells"}},
		{name: "cells elsewhere", rain: func(m *freshetv1.SubmitRainForecastRequest) {
			m.SubBasins, m.Cells = nil, []*freshetv1.RainCell{{West: 22, South: 22, East: 23, North: 23, Rain: []float64{1}}}
		}, want: []string{"cells"}},
		{name: "zones that overlap at a point of the basin", rain: func(m *freshetv1.SubmitRainForecastRequest) {
			m.SubBasins = nil
			m.Cells = []*freshetv1.RainCell{zone(111, 21, 112.2, 23), zone(112.2, 21, 113, 23), zone(112.4, 21.5, 113.5, 22.5)}
		}, want: []string{"cells[2]"}},
		{name: "a zone over a rectangle", rain: func(m *freshetv1.SubmitRainForecastRequest) {
			m.SubBasins, m.Cells = nil, []*freshetv1.RainCell{zone(111, 21, 112.2, 23), {West: 111, South: 21, East: 112.2, North: 23, Rain: []float64{1}}}
		}, want: []string{"cells[1]"}},
		{name: "zones elsewhere", rain: func(m *freshetv1.SubmitRainForecastRequest) {
			m.SubBasins, m.Cells = nil, []*freshetv1.RainCell{zone(22, 22, 23, 23)}
		}, want: []string{"cells"}},
		{name: "a ring of an odd number of numbers", rain: func(m *freshetv1.SubmitRainForecastRequest) {
			m.SubBasins, m.Cells = nil, []*freshetv1.RainCell{{Rings: []*freshetv1.Ring{{LonLat: []float64{111, 21, 113}}}, Rain: []float64{1}}}
		}, want: []string{"cells[0].rings[0].lon_lat"}},
		{name: "rings that are not closed, or cross", rain: func(m *freshetv1.SubmitRainForecastRequest) {
			m.SubBasins, m.Cells = nil, []*freshetv1.RainCell{
				zone(111, 21, 113, 23),
				{Rings: []*freshetv1.Ring{{LonLat: []float64{111, 23, 113, 23, 113, 24, 111, 24}}}, Rain: []float64{1}},
				{Rings: []*freshetv1.Ring{{LonLat: []float64{111, 25, 113, 27, 113, 25, 111, 26, 111, 25}}}, Rain: []float64{1}},
			}
		}, want: []string{"cells[1].rings[0].lon_lat", "cells[2].rings[0].lon_lat"}},
		{name: "nothing at all", rain: func(m *freshetv1.SubmitRainForecastRequest) { m.SubBasins = nil }, want: []string{"sub_basins"}},
		{name: "no such reservoir", plan: func(m *freshetv1.SubmitDispatchPlanRequest) { m.Reservoir = "sea" }, want: []string{"reservoir"}},
		{name: "not of that basin", plan: func(m *freshetv1.SubmitDispatchPlanRequest) { m.Basin = "south" }, want: []string{"reservoir"}},
		{name: "ordered in the future", plan: func(m *freshetv1.SubmitDispatchPlanRequest) { m.IssuedAt = timestamppb.New(ingestNow.Add(time.Hour)) }, want: []string{"issued_at"}},
		{name: "a release without a time", plan: func(m *freshetv1.SubmitDispatchPlanRequest) { m.Releases[0].From = nil }, want: []string{"releases[0].from"}},
		{name: "water flows back", plan: func(m *freshetv1.SubmitDispatchPlanRequest) { m.Releases[0].Outflow = -5 }, want: []string{"releases[0].outflow"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := &memoryLog{}
			b := newIngest(t, log, 0)
			var err error
			if c.rain != nil {
				m := rainRequest()
				c.rain(m)
				_, err = b.server.SubmitRainForecast(t.Context(), m)
			} else {
				m := planRequest()
				c.plan(m)
				_, err = b.server.SubmitDispatchPlan(t.Context(), m)
			}
			if diff := cmp.Diff(append([]string{"InvalidArgument"}, c.want...), wrong(err)); diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if len(log.ahead) > 0 {
				t.Errorf("it is on the log: %+v", log.ahead)
			}
		})
	}
}

func TestSubmissionsComeAgainWhileTheLogOrTheTimeIsAway(t *testing.T) {
	b := newIngest(t, &memoryLog{gate: make(chan error, 1)}, 0)
	b.log.gate <- hydro.ErrUnavailable
	if _, err := b.server.SubmitRainForecast(t.Context(), rainRequest()); status.Code(err) != codes.Unavailable {
		t.Errorf("log away: %v", err)
	}
	b.log.gate <- errors.New("disk on fire")
	if _, err := b.server.SubmitDispatchPlan(t.Context(), planRequest()); status.Code(err) != codes.Internal || strings.Contains(status.Convert(err).Message(), "fire") {
		t.Errorf("unknown fault: %v", err)
	}
	b.now.Store(new(time.Time))
	if _, err := b.server.SubmitDispatchPlan(t.Context(), planRequest()); status.Code(err) != codes.Unavailable {
		t.Errorf("no time: %v", err)
	}
}

// The rules in the contract hold for both calls, by gRPC and by REST.
func TestSubmissionsOverREST(t *testing.T) {
	log := &memoryLog{}
	b := newBench(t, func(o *server.Options) { o.Ingest = newIngest(t, log, 0).server })
	post := func(path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, b.http+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(data)
	}
	code, body := post("/v1/rain-forecasts", `{"source":"QPF","basin":"north","issued_at":"2026-06-01T03:00:00Z","valid_until":"2026-06-01T12:00:00+08:00",
		"step_s":3600,"cells":[{"west":111,"south":21,"east":113,"north":23,"rain":[1,2.5],"members":[{"rain":[0,0]},{"rain":[2,5]}]}]}`)
	if code != http.StatusOK || !strings.Contains(body, `"north/2026-06-01T03:00:00Z/QPF"`) || len(log.ahead) != 1 || log.ahead[0].RainForecast.Members() != 2 {
		t.Errorf("rain: %d %s", code, body)
	}
	code, body = post("/v1/rain-forecasts", `{"source":"zones","basin":"north","issued_at":"2026-06-01T03:00:00Z","valid_until":"2026-06-01T12:00:00+08:00",
		"step_s":3600,"cells":[{"rings":[{"lon_lat":[111,21, 113,21, 112,24, 111,21]}],"rain":[1,2.5]}]}`)
	if code != http.StatusOK || len(log.ahead) != 2 || len(log.ahead[1].RainForecast.Areas[0].Rings) != 1 || log.ahead[1].RainForecast.Areas[0].Rings[0][2] != [2]float64{112, 24} {
		t.Errorf("zones: %d %s", code, body)
	}
	log.ahead = log.ahead[:1]
	code, body = post("/v1/dispatch-plans", `{"reservoir":"lake","ordered_by":"duty desk","issued_at":"2026-06-01T04:00:00Z","valid_from":"2026-06-01T04:00:00Z",
		"valid_until":"2026-06-02T04:00:00Z","releases":[{"from":"2026-06-01T04:00:00Z","outflow":300}]}`)
	if code != http.StatusOK || !strings.Contains(body, "north/2026-06-01T04:00:00Z/lake") || len(log.ahead) != 2 {
		t.Errorf("plan: %d %s", code, body)
	}
	code, body = post("/v1/dispatch-plans", `{"reservoir":"lake","releases":[{"outflow":-1}]}`)
	for _, field := range []string{"ordered_by", "valid_from", "valid_until", "issued_at", "releases[0].from", "releases[0].outflow"} {
		if code != http.StatusBadRequest || !strings.Contains(body, `"`+field+`"`) {
			t.Errorf("%d %s does not name %s", code, body, field)
		}
	}
	if code, body = post("/v1/tides", `{"station":"x","source":"s","datum":"PEARL_RIVER"}`); code != http.StatusBadRequest || !strings.Contains(body, `"issued_at"`) {
		t.Errorf("tide: %d %s", code, body)
	}
	client := freshetv1.NewIngestServiceClient(b.conn)
	m := rainRequest()
	m.StepS, m.Source = 30, strings.Repeat("x", 65)
	if _, err := client.SubmitRainForecast(t.Context(), m); !slices.Equal(wrong(err), []string{"InvalidArgument", "source", "step_s"}) {
		t.Errorf("contract's rules: %v", wrong(err))
	}
	if _, err := client.SubmitRainForecast(t.Context(), proto.CloneOf(rainRequest())); err != nil {
		t.Error(err)
	}
}
