package hydro_test

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"freshet/internal/hydro"
)

func TestAHistoryComesBackBitByBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		float := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), -9999}))
		samples := rapid.SliceOf(rapid.Custom(func(t *rapid.T) hydro.Sample {
			return hydro.Sample{
				At: rapid.Int64().Draw(t, "at"), Received: rapid.Int64().Draw(t, "received"),
				Value: float.Draw(t, "value"), Raw: float.Draw(t, "raw"), Superseded: float.Draw(t, "superseded"),
				Interval: rapid.Int32().Draw(t, "interval"), Revision: rapid.Uint32().Draw(t, "revision"),
				Quality: hydro.Quality(rapid.Uint8().Draw(t, "quality")), Own: hydro.Quality(rapid.Uint8().Draw(t, "own")),
				Tests: hydro.Tests(rapid.Uint32().Draw(t, "tests")), Ran: hydro.Tests(rapid.Uint32().Draw(t, "ran")), Failed: hydro.Tests(rapid.Uint32().Draw(t, "failed")),
			}
		})).Draw(t, "samples")
		data, err := hydro.History{Samples: samples}.GobEncode()
		if err != nil {
			t.Fatal(err)
		}
		var got hydro.History
		if err := got.GobDecode(data); err != nil {
			t.Fatal(err)
		}
		if len(got.Samples) != len(samples) {
			t.Fatalf("%d samples came back of %d", len(got.Samples), len(samples))
		}
		bits := func(s hydro.Sample) [3]uint64 {
			return [3]uint64{math.Float64bits(s.Value), math.Float64bits(s.Raw), math.Float64bits(s.Superseded)}
		}
		for i, s := range got.Samples {
			want := samples[i]
			if bits(s) != bits(want) {
				t.Fatalf("sample %d: %v came back as %v", i, want, s)
			}
			s.Value, s.Raw, s.Superseded = 0, 0, 0
			want.Value, want.Raw, want.Superseded = 0, 0, 0
			if s != want {
				t.Fatalf("sample %d: %+v came back as %+v", i, want, s)
			}
		}
		for n := range data {
			if err := new(hydro.History).GobDecode(data[:n]); !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("%d of %d bytes were read as a history: %v", n, len(data), err)
			}
		}
	})
}

func FuzzHistory(f *testing.F) {
	data, err := hydro.History{Samples: []hydro.Sample{{At: 1, Received: 2, Value: 3, Raw: 3, Interval: 300}, {At: 4, Value: 5, Raw: 6, Superseded: 7, Revision: 1}}}.GobEncode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var h hydro.History
		if h.GobDecode(data) != nil {
			return
		}
		once, err := h.GobEncode()
		if err != nil {
			t.Fatal(err)
		}
		var again hydro.History
		if err := again.GobDecode(once); err != nil {
			t.Fatal(err)
		}
		if twice, err := again.GobEncode(); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%x became %x: %v", once, twice, err)
		}
	})
}
