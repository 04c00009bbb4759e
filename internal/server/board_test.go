package server_test

import (
	"io"
	"math"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/server"
	freshetv1 "freshet/proto/freshet/v1"
)

// marked is a server whose catalogue has marks of the rising river.
func marked(t *testing.T) *bench {
	t.Helper()
	return newBench(t, func(o *server.Options) {
		files := append(o.Catalog().Files(), hydro.File{Name: "zz_marks.yaml", Data: []byte(`marks:
  - {station: h-puqiao, valid_from: 2026-01-01, datum: PEARL_RIVER, warning: 1.4, guarantee: 2.5, highest: {level: 1.3, on: 2008-06-13, source: test}, source: test}
`)})
		c, problems := catalog.Load(files)
		if len(problems) > 0 {
			t.Fatal(catalog.Problems(problems))
		}
		o.Catalog = func() *catalog.Catalog { return c }
		o.Basins[0].Engine = &lentEngine{e: risingRiver(t, c)}
		o.Lag = func(basin string) uint64 { return uint64(len(basin)) }
	})
}

func TestTheBoardHasOneRowForEachStation(t *testing.T) {
	b := marked(t)
	got, err := b.stations().ListBoard(t.Context(), &freshetv1.ListBoardRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.GetRows()) != len(b.catalog.Stations) {
		t.Fatalf("%d rows of %d stations", len(got.GetRows()), len(b.catalog.Stations))
	}
	rain := []uint32{3600, 3 * 3600, 6 * 3600, 24 * 3600, 0}
	for i, row := range got.GetRows() {
		st := &b.catalog.Stations[i]
		if row.GetStation() != st.ID || row.GetNameZh() != st.NameZH || row.GetRiver() != st.River || row.GetDepartment() == freshetv1.Department_DEPARTMENT_UNSPECIFIED {
			t.Errorf("%v is not the row of %s", row, st.ID)
		}
		switch row.GetStation() {
		case puqiao:
			if l := row.GetLevel(); math.Abs(l.GetValue()-1.48) > 1e-9 || l.GetDatum() != "PEARL_RIVER" || !l.GetAt().AsTime().Equal(today) || l.GetOverdue() {
				t.Errorf("level %v", l)
			}
			if row.AgeS == nil || row.GetAgeS() != 0 || row.GetTrend().GetTrend() != freshetv1.Trend_TREND_RISING || math.Abs(row.GetTrend().GetChange()-0.24) > 1e-9 {
				t.Errorf("age %g, trend %v", row.GetAgeS(), row.GetTrend())
			}
			if row.OverWarning == nil || math.Abs(row.GetOverWarning()-0.08) > 1e-9 || row.OverGuarantee == nil || math.Abs(row.GetOverGuarantee()+1.02) > 1e-9 {
				t.Errorf("超警 %v, 超保 %v", row.OverWarning, row.OverGuarantee)
			}
			if row.OverHighest == nil || math.Abs(row.GetOverHighest()-0.18) > 1e-9 || row.OverFloodLimit != nil || row.FloodLimit != nil {
				t.Errorf("over the record %v, over a limit level %v", row.OverHighest, row.OverFloodLimit)
			}
			if len(row.GetRain()) != 0 {
				t.Errorf("rain of a level gauge: %v", row.GetRain())
			}
		case "w-datian":
			if len(row.GetRain()) != len(rain) {
				t.Fatalf("rain %v", row.GetRain())
			}
			for k, r := range row.GetRain() {
				// The reports cover 2 h and 5 min; the hydrological day began 2 h ago.
				want := 37.5
				switch rain[k] {
				case 0:
					want = 36
				case 3600:
					want = 18
				}
				if r.GetWindowS() != rain[k] || math.Abs(r.GetRain()-want) > 1e-9 || (rain[k] == 24*3600) != (r.GetCoverage() < 0.1) {
					t.Errorf("rain of %d s: %v, want %g mm", rain[k], r, want)
				}
			}
			if row.Level != nil || row.Flow != nil || row.Trend != nil {
				t.Errorf("a rain gauge has a level: %v", row)
			}
		default: // has never reported: never green, and nothing is made up
			if row.GetStage() != freshetv1.Stage_STAGE_BLIND || row.GetCause() == "" || row.AgeS != nil || row.OverWarning != nil || row.Level != nil {
				t.Errorf("%v", row)
			}
		}
	}
	weather, err := b.stations().ListBoard(t.Context(), &freshetv1.ListBoardRequest{Basin: riverBasin, Department: freshetv1.Department_DEPARTMENT_WEATHER})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range b.catalog.Stations {
		if b.catalog.Stations[i].Department == hydro.Weather {
			n++
		}
	}
	if len(weather.GetRows()) != n || n == 0 {
		t.Errorf("%d rows of weather, want %d", len(weather.GetRows()), n)
	}
	if _, err := b.stations().ListBoard(t.Context(), &freshetv1.ListBoardRequest{Basin: "amazon"}); status.Code(err) != codes.NotFound {
		t.Errorf("unknown basin: %v", err)
	}
}

func TestNothingIsToldOverAMarkWithoutMarks(t *testing.T) {
	b := newBench(t)
	got, err := b.stations().ListBoard(t.Context(), &freshetv1.ListBoardRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range got.GetRows() {
		if row.OverWarning != nil || row.OverGuarantee != nil || row.WarningLevel != nil {
			t.Errorf("%v", row)
		}
	}
}

func TestThresholdsAreThoseInForceWithTheMarks(t *testing.T) {
	b := marked(t)
	got, err := b.stations().ListThresholds(t.Context(), &freshetv1.ListThresholdsRequest{Basin: riverBasin})
	if err != nil {
		t.Fatal(err)
	}
	lines, names, limits := 0, 0, 0
	for _, st := range got.GetStations() {
		limit := 0.0
		for _, r := range b.catalog.Basins[0].Reservoirs {
			if l, ok := r.FloodLimit(today, time.FixedZone("+08:00", 8*3600)); ok && r.Station == st.GetStation() {
				limit = l
			}
		}
		table, ok := b.catalog.StageTable(st.GetStation(), today)
		if !ok && limit == 0 {
			t.Fatalf("%s has neither table nor limit level", st.GetStation())
		}
		if table == nil {
			table = &catalog.StageTable{}
		}
		if ok && !st.GetValidFrom().AsTime().Equal(table.ValidFrom) || st.GetSource() != table.Source || !st.GetIllustrative() {
			t.Errorf("%v", st)
		}
		n := 0
		for _, l := range st.GetLines() {
			if l.GetMark() == freshetv1.Mark_MARK_FLOOD_LIMIT {
				limits++
				if l.GetValue() != limit || l.GetNameZh() != "汛限水位" {
					t.Errorf("%s: %v, want %g", st.GetStation(), l, limit)
				}
				continue
			}
			if l.GetStage() == freshetv1.Stage_STAGE_UNSPECIFIED {
				names++
				if l.GetNameZh() == "" || l.GetSource() != "test" || st.GetStation() != puqiao {
					t.Errorf("%s: mark %v", st.GetStation(), l)
				}
				continue
			}
			h := table.Thresholds[n]
			if l.GetValue() != h.Value || l.GetObserved() != h.Observed || l.GetForecast() != h.Forecast || int64(l.GetWindowS()) != int64(h.Window.Seconds()) {
				t.Errorf("%s: %v, want %v", st.GetStation(), l, h)
			}
			n++
		}
		if n != len(table.Thresholds) {
			t.Errorf("%s: %d thresholds, want %d", st.GetStation(), n, len(table.Thresholds))
		}
		lines += n
	}
	if lines == 0 || names != 3 || limits == 0 {
		t.Errorf("%d thresholds, %d marks, %d limit levels", lines, names, limits)
	}
	one, err := b.stations().ListThresholds(t.Context(), &freshetv1.ListThresholdsRequest{Station: "EX80A102"})
	if err != nil || len(one.GetStations()) != 1 || one.GetStations()[0].GetStation() != puqiao {
		t.Errorf("by code: %v, %v", one, err)
	}
	if _, err := b.stations().ListThresholds(t.Context(), &freshetv1.ListThresholdsRequest{Station: "nowhere"}); status.Code(err) != codes.NotFound {
		t.Errorf("unknown station: %v", err)
	}
}

func TestTheNetworkCanBeDrawn(t *testing.T) {
	b := newBench(t)
	got, err := b.stations().GetNetwork(t.Context(), &freshetv1.GetNetworkRequest{Basin: riverBasin})
	if err != nil {
		t.Fatal(err)
	}
	basin, _ := b.catalog.Basin(riverBasin)
	if len(got.GetStations()) != len(b.catalog.Stations) || len(got.GetNodes()) != len(basin.Nodes) || len(got.GetReaches()) != len(basin.Reaches) ||
		len(got.GetReservoirs()) != len(basin.Reservoirs) || len(got.GetSubBasins()) != len(basin.SubBasins) || got.GetIllustrative() == "" {
		t.Errorf("%d stations, %d nodes, %d reaches, %d reservoirs, %d sub-basins", len(got.GetStations()), len(got.GetNodes()), len(got.GetReaches()), len(got.GetReservoirs()), len(got.GetSubBasins()))
	}
	at := map[string]*freshetv1.Place{}
	for _, n := range got.GetNodes() {
		if n.GetPlace() == nil {
			t.Errorf("%s has no place", n.GetId())
		}
		at[n.GetId()] = n.GetPlace()
		if st, ok := b.catalog.Station(n.GetGauge()); ok && (n.GetPlaceGuessed() || n.GetPlace().GetLongitude() != st.Lon) {
			t.Errorf("%s does not lie at its gauge", n.GetId())
		}
	}
	for _, r := range got.GetReaches() {
		if l := r.GetLine(); len(l) != 2 || !proto.Equal(l[0], at[r.GetFrom()]) || !proto.Equal(l[1], at[r.GetTo()]) {
			t.Errorf("reach %v", r)
		}
	}
	rain := 0
	for _, s := range got.GetSubBasins() {
		if len(s.GetBoundary()) < 3 {
			t.Errorf("%s has no outline", s.GetId())
		}
		if s.Rain_1H != nil {
			rain++
			if math.IsNaN(s.GetRain_1H()) || s.GetRainAt() == nil {
				t.Errorf("rain of %v", s)
			}
		}
	}
	if rain == 0 || rain == len(got.GetSubBasins()) {
		t.Errorf("rain of %d of %d sub-basins, though one gauge reports", rain, len(got.GetSubBasins()))
	}
	quiet, err := b.stations().GetNetwork(t.Context(), &freshetv1.GetNetworkRequest{Basin: quietBasin})
	if err != nil || len(quiet.GetNodes()) != 0 {
		t.Errorf("a basin without a network: %v, %v", quiet, err)
	}
	if _, err := b.stations().GetNetwork(t.Context(), &freshetv1.GetNetworkRequest{}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("which basin?: %v", err)
	}
}

func TestTheDeskAsksOverHTTPToo(t *testing.T) {
	b := marked(t)
	for path, answer := range map[string]proto.Message{
		"/v1/board?department=DEPARTMENT_WEATHER": new(freshetv1.ListBoardResponse),
		"/v1/thresholds?station=" + puqiao:        new(freshetv1.ListThresholdsResponse),
		"/v1/network?basin=" + riverBasin:         new(freshetv1.GetNetworkResponse),
		"/v1/gateways":                            new(freshetv1.ListGatewaysResponse),
	} {
		resp, err := http.Get(b.http + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s: %s (%v)", path, resp.Status, body, err)
		}
		if err := protojson.Unmarshal(body, answer); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if g, ok := answer.(*freshetv1.ListGatewaysResponse); ok {
			if len(g.GetLags()) != 2 || g.GetLags()[1].GetStoreOutputs() != uint64(len(riverBasin)) || g.GetLags()[1].GetEngineS() != 0 {
				t.Errorf("%v", g)
			}
		}
	}
}
