package wire_test

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

func seedInputs() []hydro.Input {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	return []hydro.Input{
		{Tick: &hydro.Tick{At: at}},
		{Catalogue: &hydro.CatalogueChange{Version: "v", At: at, Files: []hydro.File{{Name: "a.yaml", Data: []byte("x")}}}},
		{RainForecast: &hydro.RainForecast{
			Basin: "tanjiang", Source: "s", IssuedAt: at, ValidUntil: at.Add(time.Hour), From: at, Step: time.Hour, ReceivedAt: at,
			Areas: []hydro.RainArea{{Cell: hydro.Cell{West: 112, South: 22, East: 113, North: 23}, Rain: []float64{1, 2}, Members: [][]float64{{1, 2}, {3, 4}}}},
		}},
		{RainForecast: &hydro.RainForecast{
			Basin: "tanjiang", Source: "s", IssuedAt: at, ValidUntil: at.Add(time.Hour), From: at, Step: time.Hour, ReceivedAt: at,
			Areas: []hydro.RainArea{{Rings: []hydro.Ring{{{112, 22}, {113, 22}, {113, 23}, {112, 22}}, {{112.8, 22.2}, {112.9, 22.2}, {112.9, 22.3}, {112.8, 22.2}}}, Rain: []float64{1, 2}}},
		}},
		{DispatchPlan: &hydro.DispatchPlan{
			Basin: "tanjiang", Reservoir: "r", OrderedBy: "o", IssuedAt: at, ValidFrom: at, ValidUntil: at.Add(time.Hour), ReceivedAt: at,
			Releases: []hydro.Release{{From: at, Outflow: 300}},
		}},
		{DispatchPlan: &hydro.DispatchPlan{
			Basin: "tanjiang", Reservoir: "r", OrderedBy: "o", IssuedAt: at, ValidFrom: at, ValidUntil: at.Add(time.Hour), ReceivedAt: at,
			Gates: []hydro.GateSetting{{From: at, Outlet: "gate", Opening: 1.5}},
		}},
		{Tide: &hydro.Tide{
			Basin: "tanjiang", Station: "sea", Source: "s", IssuedAt: at, ValidUntil: at.Add(time.Hour), Datum: hydro.PearlRiver, ReceivedAt: at,
			Turns: []hydro.TideTurn{{At: at, Level: 1}, {At: at.Add(6 * time.Hour), Level: -1}},
		}},
		{Tide: &hydro.Tide{
			Basin: "tanjiang", Station: "sea", Source: "s", IssuedAt: at, ValidUntil: at.Add(time.Hour), Datum: hydro.PearlRiver, ReceivedAt: at,
			From: at, Step: time.Hour, Levels: []float64{1, 2},
		}},
		{Withdrawal: &hydro.Withdrawal{Basin: "tanjiang", Station: "sea", Source: "s", IssuedAt: at, By: "o", At: at, Reason: "w", ReceivedAt: at}},
		{Withdrawal: &hydro.Withdrawal{Basin: "tanjiang", Reservoir: "r", IssuedAt: at, By: "o", At: at, Reason: "w", ReceivedAt: at}},
		{Command: &hydro.Command{ID: "1", Basin: "tanjiang", At: at, By: hydro.Person{ID: "token a", Name: "b", Department: hydro.Hydrology, Role: "officer"}, Kind: hydro.Shelve, Station: "s", Until: at, Text: "t"}},
		{Batch: &hydro.Batch{
			Basin: "tanjiang", ReceivedAt: at,
			Readings: batchOf(3),
			Refusals: []hydro.Refusal{{Station: "a", Variable: hydro.Rain, Reason: hydro.TimeTooOld, Detail: "d", Count: 2, LastAt: at}},
		}},
	}
}

func seedOutputs() []hydro.Output {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	return []hydro.Output{
		{Observations: observationsOf(3)},
		{Forecast: &hydro.Forecast{
			Basin: "tanjiang", IssuedAt: at, ValidUntil: at, Step: time.Hour, Horizon: 2 * time.Hour, BandStep: time.Hour, BandBasis: "errors of past runs",
			Stations: []hydro.StationForecast{{
				Station: "a", Discharge: []float64{1, 2}, Level: []float64{math.NaN(), 3},
				Crossings: []hydro.Crossing{{Stage: hydro.Red, Variable: hydro.WaterLevel, Threshold: 4, At: at, Chance: hydro.Chance{Until: at, Probability: 0.5, Early: at, Middle: at, Late: at}}},
				Band:      []hydro.BandStep{{Discharge: [7]float64{1, 2, 3, 4, 5, 6, 7}, Level: [7]float64{1, 2, 3, 4, 5, 6, 7}, Errors: 9}},
			}},
		}},
		{Warning: &hydro.Warning{ID: "i", Basin: "b", Station: "s", At: at, To: hydro.Red, Observed: hydro.Leg{Variable: hydro.Rain, Window: time.Hour}}},
		{Audit: &hydro.Audit{At: at, Kind: "catalogue", Text: "x"}},
		{Duty: &hydro.DutyEvent{ID: "b/1/1", Basin: "b", At: at, Kind: "acknowledged", Station: "s", By: hydro.Person{Name: "n"}, From: "x", To: "y", Stage: hydro.Red, Command: "1"}},
		{Rate: &hydro.RateChange{At: at, Requests: []hydro.RateRequest{{Station: "a", Every: time.Minute, Since: at, Until: at.Add(time.Hour), Cause: "b", Stage: hydro.Red}}}},
		{Group: &hydro.GroupChange{
			ID: "g", Basin: "b", Kind: hydro.WaveGroup, Event: hydro.GroupRaised, At: at, OpenedAt: at, Stage: hydro.Red, Highest: hydro.Red, Count: 1, Standing: 1,
			Stations: []hydro.GroupStation{{Station: "s", Stage: hydro.Red, JoinedAt: at, Arrivals: []hydro.GroupArrival{{Stage: hydro.Blue, At: at, Observed: true}}}},
		}},
	}
}

func FuzzDecodeInput(f *testing.F) {
	for _, in := range seedInputs() {
		data, err := wire.EncodeInput(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := wire.DecodeInput(data)
		slow, slowErr := wire.DecodeInputGenerated(data)
		if diff := cmp.Diff(slow, in, equal); diff != "" || (err == nil) != (slowErr == nil) {
			t.Fatalf("the generated code reads it differently: %v, %v (-generated +got):\n%s", slowErr, err, diff)
		}
		if err != nil {
			if !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
			return
		}
		encoded, err := wire.EncodeInput(in)
		if err != nil {
			t.Fatalf("what was decoded does not encode: %v", err)
		}
		again, err := wire.DecodeInput(encoded)
		if err != nil {
			t.Fatalf("what was encoded does not decode: %v", err)
		}
		if diff := cmp.Diff(in, again, equal); diff != "" {
			t.Fatalf("(-first +second):\n%s", diff)
		}
		if twice, err := wire.EncodeInput(again); err != nil || !bytes.Equal(encoded, twice) {
			t.Fatalf("encoding differs the second time: %v", err)
		}
	})
}

func FuzzDecodeOutput(f *testing.F) {
	for i, out := range seedOutputs() {
		data, err := wire.EncodeOutput(7, i, out)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		seq, index, out, err := wire.DecodeOutput(data)
		slowSeq, slowIndex, slow, slowErr := wire.DecodeOutputGenerated(data)
		if diff := cmp.Diff(slow, out, equal); diff != "" || (err == nil) != (slowErr == nil) || slowSeq != seq || slowIndex != index {
			t.Fatalf("the generated code reads it differently: %v, %v (-generated +got):\n%s", slowErr, err, diff)
		}
		if err != nil {
			if !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
			return
		}
		encoded, err := wire.EncodeOutput(seq, index, out)
		if err != nil {
			t.Fatalf("what was decoded does not encode: %v", err)
		}
		seq2, index2, again, err := wire.DecodeOutput(encoded)
		if err != nil || seq2 != seq || index2 != index {
			t.Fatalf("what was encoded does not decode: %d/%d, %v", seq2, index2, err)
		}
		if diff := cmp.Diff(out, again, equal); diff != "" {
			t.Fatalf("(-first +second):\n%s", diff)
		}
		// What people are shown of it can be made, too.
		for _, o := range out.Observations {
			wire.FromObservation(&o)
		}
		if out.Forecast != nil {
			if _, err := protojson.Marshal(wire.FromForecast(out.Forecast)); err != nil {
				t.Fatalf("forecast as JSON: %v", err)
			}
		}
		if out.Warning != nil {
			if _, err := protojson.Marshal(wire.FromWarning(out.Warning)); err != nil {
				t.Fatalf("warning as JSON: %v", err)
			}
		}
	})
}

// FuzzSubmissions feeds rain forecasts, plans, tides and withdrawals as they come from the network.
func FuzzSubmissions(f *testing.F) {
	for _, in := range seedInputs() {
		var m proto.Message
		switch {
		case in.RainForecast != nil:
			m = wire.FromRainForecast(in.RainForecast)
		case in.DispatchPlan != nil:
			m = wire.FromDispatchPlan(in.DispatchPlan)
		case in.Tide != nil:
			m = wire.FromTide(in.Tide)
		case in.Withdrawal != nil:
			m = wire.FromWithdrawal(in.Withdrawal)
		default:
			continue
		}
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		at := time.Unix(1, 0).UTC()
		var (
			rain freshetv1.SubmitRainForecastRequest
			plan freshetv1.SubmitDispatchPlanRequest
			tide freshetv1.SubmitTideRequest
			back freshetv1.WithdrawRequest
			ins  []hydro.Input
		)
		if proto.Unmarshal(data, &rain) == nil {
			if v, err := wire.ToRainForecast(&rain); err == nil {
				v.ReceivedAt = at
				ins = append(ins, hydro.Input{RainForecast: &v})
			} else if !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
		}
		if proto.Unmarshal(data, &plan) == nil {
			if v, err := wire.ToDispatchPlan(&plan); err == nil {
				v.ReceivedAt = at
				ins = append(ins, hydro.Input{DispatchPlan: &v})
			} else if !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
		}
		if proto.Unmarshal(data, &tide) == nil {
			if v, err := wire.ToTide(&tide); err == nil {
				v.ReceivedAt = at
				ins = append(ins, hydro.Input{Tide: &v})
			} else if !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
		}
		if proto.Unmarshal(data, &back) == nil {
			if v, err := wire.ToWithdrawal(&back); err == nil {
				v.ReceivedAt = at
				ins = append(ins, hydro.Input{Withdrawal: &v})
			} else if !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
		}
		for _, in := range ins {
			encoded, err := wire.EncodeInput(in)
			if err != nil {
				t.Fatalf("what was accepted cannot go to the log: %v", err)
			}
			again, err := wire.DecodeInput(encoded)
			if err != nil {
				t.Fatalf("what was encoded does not decode: %v", err)
			}
			if diff := cmp.Diff(in, again, equal); diff != "" {
				t.Fatalf("(-sent +from the log):\n%s", diff)
			}
		}
	})
}

// FuzzReports feeds frames as they come from the network, before validation.
func FuzzReports(f *testing.F) {
	at := unixMS(1)
	for _, m := range []proto.Message{
		&freshetv1.StreamWeatherRequest{Sequence: 1, Reports: []*freshetv1.WeatherReport{{Station: "a", ObservedAt: at, IntervalS: 300, Rain: proto.Float64(1)}}},
		&freshetv1.StreamHydrologyRequest{Sequence: 1, Reports: []*freshetv1.HydrologyReport{{Station: "a", ObservedAt: at, WaterLevel: proto.Float64(1), Datum: "X"}}},
		&freshetv1.StreamWaterResourcesRequest{Sequence: 1, Reports: []*freshetv1.WaterResourcesReport{
			{Station: "a", ObservedAt: at, Storage: proto.Float64(1), Gates: []*freshetv1.GateOpening{{Gate: 1, OpeningM: 2}}},
		}},
	} {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		check := func(raws []hydro.Raw, reports, values int) {
			if len(raws) != values {
				t.Fatalf("%d values became %d", values, len(raws))
			}
			for _, r := range raws {
				if r.Report < 0 || r.Report >= reports || r.Field == "" || r.Variable == 0 || (!r.At.IsZero() && r.Local != "") {
					t.Fatalf("bad value %+v", r)
				}
			}
		}
		count := func(vs ...*float64) (n int) {
			for _, v := range vs {
				if v != nil {
					n++
				}
			}
			return n
		}
		var (
			weather   freshetv1.StreamWeatherRequest
			hydrology freshetv1.StreamHydrologyRequest
			water     freshetv1.StreamWaterResourcesRequest
		)
		if proto.Unmarshal(data, &weather) == nil {
			n := 0
			for _, r := range weather.Reports {
				n += count(r.Rain)
			}
			check(wire.WeatherRaw(nil, weather.Reports), len(weather.Reports), n)
		}
		if proto.Unmarshal(data, &hydrology) == nil {
			n := 0
			for _, r := range hydrology.Reports {
				n += count(r.WaterLevel, r.Discharge, r.Rain, r.RainCounter, r.PanEvaporation)
			}
			check(wire.HydrologyRaw(nil, hydrology.Reports), len(hydrology.Reports), n)
		}
		if proto.Unmarshal(data, &water) == nil {
			n := 0
			for _, r := range water.Reports {
				n += count(r.ReservoirLevel, r.Storage, r.Inflow, r.Outflow) + len(r.Gates)
			}
			check(wire.WaterResourcesRaw(nil, water.Reports), len(water.Reports), n)
		}
	})
}
