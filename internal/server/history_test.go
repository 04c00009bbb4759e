package server_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

func (b *bench) history(t *testing.T, req *freshetv1.GetHistoryRequest) *freshetv1.GetHistoryResponse {
	t.Helper()
	got, err := b.stations().GetHistory(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func observation(k hydro.Key, at time.Time, value float64, q hydro.Quality) hydro.Observation {
	o := hydro.Observation{Reading: hydro.Reading{Key: k, At: at, Raw: value, Value: value}, Quality: q, ReceivedAt: at.Add(time.Second)}
	if k.Variable.Amount() {
		o.Interval = 30 * time.Minute
	}
	if k.Variable == hydro.WaterLevel {
		o.Datum = hydro.PearlRiver
	}
	return o
}

func TestHistoryIsCutAtTheLimitAndSaysSo(t *testing.T) {
	b := newBench(t)
	k := hydro.Key{Station: puqiao, Variable: hydro.WaterLevel}
	var all []hydro.Observation
	for i := range 5 {
		all = append(all, observation(k, begin.Add(time.Duration(i)*time.Minute), float64(i), hydro.Pass))
	}
	if err := b.store.WriteObservations(t.Context(), riverBasin, all); err != nil {
		t.Fatal(err)
	}
	req := &freshetv1.GetHistoryRequest{
		Station: puqiao, Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, From: timestamppb.New(begin), To: timestamppb.New(begin.Add(4 * time.Minute)),
	}
	if got := b.history(t, req); len(got.GetObservations()) != 4 || got.GetTruncated() {
		t.Errorf("[from, to) gave %d, truncated %t", len(got.GetObservations()), got.GetTruncated())
	}
	req.Limit = 4
	if got := b.history(t, req); len(got.GetObservations()) != 4 || got.GetTruncated() {
		t.Errorf("exactly the limit: %d, truncated %t", len(got.GetObservations()), got.GetTruncated())
	}
	req.Limit = 3
	if got := b.history(t, req); len(got.GetObservations()) != 3 || !got.GetTruncated() {
		t.Errorf("%d, truncated %t", len(got.GetObservations()), got.GetTruncated())
	}
}

func TestDownSampledLevelsAreMeansOfUsableValues(t *testing.T) {
	b := newBench(t)
	k := hydro.Key{Station: puqiao, Variable: hydro.WaterLevel}
	if err := b.store.WriteObservations(t.Context(), riverBasin, []hydro.Observation{
		observation(k, begin, 1, hydro.Pass),
		observation(k, begin.Add(20*time.Minute), 2, hydro.NotEvaluated),
		observation(k, begin.Add(40*time.Minute), 99, hydro.Suspect),
		observation(k, begin.Add(time.Hour), 3, hydro.Pass), // starts the second bucket
		observation(k, begin.Add(3*time.Hour), 77, hydro.Fail),
	}); err != nil {
		t.Fatal(err)
	}
	req := &freshetv1.GetHistoryRequest{
		Station: puqiao, Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, From: timestamppb.New(begin), To: timestamppb.New(begin.Add(24 * time.Hour)), EveryS: 3600,
	}
	point := func(hour int, value, low, high float64, count, held uint32) *freshetv1.HistoryPoint {
		return &freshetv1.HistoryPoint{At: timestamppb.New(begin.Add(time.Duration(hour) * time.Hour)), Value: value, Min: low, Max: high, Count: count, HeldBack: held}
	}
	nan := math.NaN()
	want := &freshetv1.GetHistoryResponse{Points: []*freshetv1.HistoryPoint{point(0, 1.5, 1, 2, 2, 1), point(1, 3, 3, 3, 1, 0), point(3, nan, nan, nan, 0, 1)}}
	if diff := cmp.Diff(want, b.history(t, req), protocmp.Transform(), nanEqual); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	req.Limit = 2
	want.Points, want.Truncated = want.Points[:2], true
	if diff := cmp.Diff(want, b.history(t, req), protocmp.Transform(), nanEqual); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A mean of levels on two datums means nothing, nor does a curve through both:
// refused, with station, datums and what to do. Each by itself is given.
func TestLevelsOnTwoDatumsAreNotDownSampledTogether(t *testing.T) {
	b := newBench(t)
	k := hydro.Key{Station: puqiao, Variable: hydro.WaterLevel}
	moved := observation(k, begin.Add(2*time.Hour), 1.744, hydro.Pass)
	moved.Datum = hydro.National1985
	if err := b.store.WriteObservations(t.Context(), riverBasin, []hydro.Observation{observation(k, begin, 1, hydro.Pass), moved}); err != nil {
		t.Fatal(err)
	}
	req := &freshetv1.GetHistoryRequest{
		Station: puqiao, Variable: freshetv1.Variable_VARIABLE_WATER_LEVEL, From: timestamppb.New(begin), To: timestamppb.New(begin.Add(24 * time.Hour)), EveryS: 3600,
	}
	_, err := freshetv1.NewStationServiceClient(b.conn).GetHistory(t.Context(), req)
	if status.Code(err) != codes.InvalidArgument {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{puqiao, "PEARL_RIVER", "NATIONAL_1985", "ask for each by itself"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	req.To = timestamppb.New(begin.Add(time.Hour))
	if got := b.history(t, req); len(got.GetPoints()) != 1 {
		t.Errorf("%v", got)
	}
	req.To, req.EveryS = timestamppb.New(begin.Add(24*time.Hour)), 0
	if got := b.history(t, req); len(got.GetObservations()) != 2 || got.GetObservations()[1].GetDatum() != "NATIONAL_1985" {
		t.Errorf("%v", got)
	}
}

var nanEqual = cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })

func TestDownSampledAmountsAreTheSumOfPeriodsThatEndInTheBucket(t *testing.T) {
	for _, v := range []hydro.Variable{hydro.Rain, hydro.PanEvaporation} {
		t.Run(v.String(), func(t *testing.T) {
			b := newBench(t)
			k := hydro.Key{Station: "w-datian", Variable: v}
			var all []hydro.Observation
			for i := 0; i <= 4; i++ { // at 0:00 the period before the range ends
				all = append(all, observation(k, begin.Add(time.Duration(i)*30*time.Minute), float64(i+1), hydro.Pass))
			}
			if err := b.store.WriteObservations(t.Context(), riverBasin, all); err != nil {
				t.Fatal(err)
			}
			got := b.history(t, &freshetv1.GetHistoryRequest{
				Station: "w-datian", Variable: wire.FromVariable(v), From: timestamppb.New(begin), To: timestamppb.New(begin.Add(2 * time.Hour)), EveryS: 3600,
			})
			var sums []float64
			for _, p := range got.GetPoints() {
				sums = append(sums, p.GetValue())
			}
			if diff := cmp.Diff([]float64{2 + 3, 4 + 5}, sums); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
