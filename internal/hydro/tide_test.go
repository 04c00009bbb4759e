package hydro_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/internal/hydro"
)

func turns(levels ...float64) []hydro.TideTurn {
	var out []hydro.TideTurn
	for i, v := range levels {
		out = append(out, hydro.TideTurn{At: day.Add(time.Duration(i) * 6 * time.Hour), Level: v})
	}
	return out
}

func TestATideSaysWhatIsWrongWithIt(t *testing.T) {
	sound := func() hydro.Tide {
		return hydro.Tide{
			Basin: "b", Station: "sea", Source: "table", IssuedAt: day, ValidUntil: day.Add(time.Hour), Datum: hydro.PearlRiver,
			Turns: turns(1, -0.5, 0.8, -0.7),
		}
	}
	regular := func(t *hydro.Tide) {
		t.Turns, t.From, t.Step, t.Levels = nil, day, time.Hour, []float64{0, 0.5, 1}
	}
	first := sound()
	for _, c := range []struct {
		name   string
		change func(*hydro.Tide)
		want   []string
	}{
		{"sound", func(*hydro.Tide) {}, nil},
		{"regular", regular, nil},
		{"nothing", func(v *hydro.Tide) { *v = hydro.Tide{} }, []string{"basin", "station", "source", "issued_at", "valid_until", "datum", "turns"}},
		{"no datum", func(v *hydro.Tide) { v.Datum = "" }, []string{"datum"}},
		{"expired when issued", func(v *hydro.Tide) { v.ValidUntil = day }, []string{"valid_until"}},
		{"both", func(v *hydro.Tide) { v.Levels = []float64{1, 2} }, []string{"levels"}},
		{"one turn", func(v *hydro.Tide) { v.Turns = v.Turns[:1] }, []string{"turns"}},
		{"does not ascend", func(v *hydro.Tide) { v.Turns[1].At = day }, []string{"turns[1].at"}},
		{"too soon", func(v *hydro.Tide) { v.Turns[3].At = v.Turns[2].At.Add(hydro.MinTideTurn - 1) }, []string{"turns[3].at"}},
		{"too late", func(v *hydro.Tide) { v.Turns[3].At = v.Turns[2].At.Add(hydro.MaxTideTurn + 1) }, []string{"turns[3].at"}},
		{"a diurnal tide", func(v *hydro.Tide) { v.Turns[3].At = v.Turns[2].At.Add(13 * time.Hour) }, nil},
		{"a turn left out", func(v *hydro.Tide) { v.Turns = slices.Delete(turns(1, -0.5, 0.8, -0.7, 1.1), 1, 2) }, []string{"turns[2].level"}},
		{"two high waters", func(v *hydro.Tide) { v.Turns = turns(0, 1, 2) }, []string{"turns[2].level"}},
		{"no change", func(v *hydro.Tide) { v.Turns = turns(1, 1) }, []string{"turns[1].level"}},
		{"no number", func(v *hydro.Tide) { v.Turns[0].Level = math.NaN() }, []string{"turns[0].level"}},
		{"no time", func(v *hydro.Tide) { v.Turns[0].At = time.Time{} }, []string{"turns[0].at", "turns[1].at", "turns"}},
		{"centimetres", func(v *hydro.Tide) { v.Turns = turns(102, -44) }, []string{"turns"}},
		{"regular, and no start", func(v *hydro.Tide) { regular(v); v.From = time.Time{} }, []string{"start_at"}},
		{"regular, two hours", func(v *hydro.Tide) { regular(v); v.Step = 2 * time.Hour }, []string{"step_s"}},
		{"regular, no number", func(v *hydro.Tide) { regular(v); v.Levels[2] = math.Inf(1) }, []string{"levels[2]"}},
		{"regular, too wide", func(v *hydro.Tide) { regular(v); v.Levels[2] = 21 }, []string{"levels"}},
		{"regular, two years", func(v *hydro.Tide) { regular(v); v.Levels = make([]float64, 2*8766) }, []string{"levels"}},
	} {
		v := sound()
		c.change(&v)
		var got []string
		for _, e := range v.Check() {
			got = append(got, e.Field)
		}
		if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", c.name, diff, v.Check())
		}
		if v.Same(&first) != (c.name == "sound") {
			t.Errorf("%s: same as the sound one: %v", c.name, v.Same(&first))
		}
	}
	a, b := sound(), sound()
	if regular(&b); !a.End().Equal(day.Add(18*time.Hour)) || !b.End().Equal(day.Add(2*time.Hour)) || !a.Begin().Equal(day) {
		t.Errorf("ends %s and %s", a.End(), b.End())
	}
}
