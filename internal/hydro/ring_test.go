package hydro_test

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/internal/hydro"
)

// zones is a forecast for cells with those rings.
func zones(cells ...[]hydro.Ring) *hydro.RainForecast {
	f := &hydro.RainForecast{Basin: "b", Source: "s", IssuedAt: day, ValidUntil: day.Add(time.Hour), From: day, Step: time.Hour}
	for _, rings := range cells {
		f.Areas = append(f.Areas, hydro.RainArea{Rings: rings, Rain: []float64{1}})
	}
	return f
}

func TestRingsAreCheckedOneByOne(t *testing.T) {
	good := hydro.Ring{{112, 22}, {113, 22}, {113, 23}, {112, 22}}
	comb := hydro.Ring{}
	for i := range hydro.MaxCellPositions / 2 {
		comb = append(comb, [2]float64{112 + float64(i)*1e-4, 22}, [2]float64{112 + float64(i)*1e-4, 22.5 + float64(i%7)})
	}
	for _, c := range []struct {
		name  string
		rings []hydro.Ring
		want  string // a part of the only error; "": none
		at    string
	}{
		{"a triangle", []hydro.Ring{good}, "", ""},
		{"a hole and a part that touches", []hydro.Ring{{{1, 1}, {5, 1}, {5, 5}, {1, 5}, {1, 1}}, {{2, 2}, {3, 2}, {3, 3}, {2, 2}}, {{5, 5}, {6, 5}, {6, 6}, {5, 5}}}, "", ""},
		{"a corner given twice", []hydro.Ring{{{112, 22}, {113, 22}, {113, 22}, {113, 23}, {112, 22}}}, "", ""},
		{"three positions", []hydro.Ring{good, {{112, 22}, {113, 22}, {112, 22}}}, "3 positions: a ring has 4 at least", "cells[0].rings[1].lon_lat"},
		{"empty", []hydro.Ring{{}}, "0 positions", "cells[0].rings[0].lon_lat"},
		{"not closed", []hydro.Ring{{{112, 22}, {113, 22}, {113, 23}, {112, 23}}}, "not closed: it begins at 112 22 and ends at 112 23", "cells[0].rings[0].lon_lat"},
		{"swapped", []hydro.Ring{{{22, 112}, {22, 113}, {23, 113}, {22, 112}}}, "position 0: longitude 22, latitude 112: are the two swapped?", "cells[0].rings[0].lon_lat"},
		{"in metres", []hydro.Ring{{{500000, 2500000}, {1, 1}, {1, 2}, {500000, 2500000}}}, "want -180 to 180 and -90 to 90", "cells[0].rings[0].lon_lat"},
		{"no number", []hydro.Ring{{{112, 22}, {113, math.NaN()}, {113, 23}, {112, 22}}}, "position 1: longitude 113, latitude NaN", "cells[0].rings[0].lon_lat"},
		{"a line", []hydro.Ring{{{112, 22}, {113, 23}, {112.5, 22.5}, {112, 22}}}, "encloses no area", "cells[0].rings[0].lon_lat"},
		{"a bow tie", []hydro.Ring{{{112, 22}, {113, 23}, {113, 22}, {112, 23.5}, {112, 22}}}, "crosses itself: the line from position 0, 112 22 to 113 23, crosses that from position 2, 113 22 to 112 23.5", "cells[0].rings[0].lon_lat"},
		{"two rings", []hydro.Ring{{{1, 1}, {5, 1}, {5, 5}, {1, 5}, {1, 1}}, {{4, 2}, {6, 2}, {6, 3}, {4, 2}}}, "crosses rings[0]: the line from position 0, 4 2 to 6 2, crosses that from its position 1, 5 1 to 5 5", "cells[0].rings[1].lon_lat"},
		{"too many positions", []hydro.Ring{append(comb, [2]float64{112, 21}, comb[0])}, "more than 4000 positions in one cell", "cells[0].rings[0].lon_lat"},
	} {
		t.Run(c.name, func(t *testing.T) {
			errs := zones(c.rings).Check()
			if c.want == "" {
				if len(errs) > 0 {
					t.Fatalf("refused: %v", errs[0])
				}
				return
			}
			if len(errs) != 1 || errs[0].Field != c.at || !strings.Contains(errs[0].Text, c.want) {
				t.Errorf("%v, want %s: …%s…", errs, c.at, c.want)
			}
		})
	}
	both := zones([]hydro.Ring{good})
	both.Areas[0].Cell = hydro.Cell{West: 1, East: 2, North: 1}
	if errs := both.Check(); len(errs) != 1 || errs[0].Field != "cells[0].rings" {
		t.Errorf("a rectangle beside rings: %v", errs)
	}
	named := zones([]hydro.Ring{good})
	named.Areas[0].SubBasin = "x"
	if errs := named.Check(); len(errs) != 1 || errs[0].Field != "sub_basins[0].rings" {
		t.Errorf("a sub-basin with rings: %v", errs)
	}
	many := zones(slices.Repeat([][]hydro.Ring{{append(comb[:2000:2000], [2]float64{112, 21}, comb[0])}}, 21)...)
	if errs := many.Check(); len(errs) != 1 || errs[0].Field != "cells[0].rings" || !strings.Contains(errs[0].Text, "at most 40000") {
		t.Errorf("too many in all: %v", errs)
	}
	if other := zones([]hydro.Ring{{{112, 22}, {113, 22}, {113, 23.5}, {112, 22}}}); zones([]hydro.Ring{good}).Same(other) || !other.Same(other) {
		t.Error("what lies elsewhere is the same")
	}
}

// crosses compares each line with each other.
func crosses(rings []hydro.Ring) bool {
	type line struct{ a, b [2]float64 }
	var lines []line
	for _, r := range rings {
		for i := 1; i < len(r); i++ {
			lines = append(lines, line{r[i-1], r[i]})
		}
	}
	left := func(l line, p [2]float64) float64 {
		return (l.b[0]-l.a[0])*(p[1]-l.a[1]) - (l.b[1]-l.a[1])*(p[0]-l.a[0])
	}
	for i, x := range lines {
		for _, y := range lines[i+1:] {
			if left(x, y.a)*left(x, y.b) < 0 && left(y, x.a)*left(y, x.b) < 0 {
				return true
			}
		}
	}
	return false
}

// drawn are closed rings over a small grid of whole degrees, where corners meet and
// lines touch often.
func drawn(t *rapid.T) []hydro.Ring {
	corner := rapid.Custom(func(t *rapid.T) [2]float64 {
		return [2]float64{float64(rapid.IntRange(0, 6).Draw(t, "lon")), float64(rapid.IntRange(0, 6).Draw(t, "lat"))}
	})
	var rings []hydro.Ring
	for range rapid.IntRange(1, 3).Draw(t, "rings") {
		r := hydro.Ring(rapid.SliceOfN(corner, 3, 7).Draw(t, "ring"))
		rings = append(rings, append(r, r[0]))
	}
	return rings
}

// What is refused as crossing is what crosses, whichever way the rings wind.
func TestCrossingsAreThoseOfEachLineWithEachOther(t *testing.T) {
	refused, let := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		rings := drawn(t)
		errs := zones(rings).Check()
		if len(errs) == 1 && strings.Contains(errs[0].Text, "encloses no area") {
			return
		}
		says := len(errs) == 1 && strings.Contains(errs[0].Text, "crosses")
		if len(errs) > 0 != says || says != crosses(rings) {
			t.Fatalf("%v of rings that cross: %v", errs, crosses(rings))
		}
		if says {
			refused++
		} else {
			let++
		}
		for i := range rings {
			if rapid.Bool().Draw(t, "other way") {
				rings[i] = slices.Clone(rings[i])
				slices.Reverse(rings[i])
			}
		}
		if again := zones(rings).Check(); (len(again) > 0) != says {
			t.Fatalf("wound the other way: %v", again)
		}
	})
	if refused == 0 || let == 0 {
		t.Errorf("%d refused, %d let through: nothing is told apart", refused, let)
	}
}

// Whatever numbers come as rings, the check ends, and what it lets through is closed and
// on the Earth.
func FuzzRings(f *testing.F) {
	bytes := func(v ...float64) (b []byte) {
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
		return b
	}
	f.Add(bytes(112, 22, 113, 22, 113, 23, 112, 22), uint8(9))
	f.Add(bytes(112, 22, 113, 23, 113, 22, 112, 23, 112, 22), uint8(9))
	f.Add(bytes(1, 1, 5, 1, 5, 5, 1, 1, 2, 2, 3, 2, 3, 3, 2, 2), uint8(4))
	f.Add(bytes(math.NaN(), math.Inf(1), 1e-320, 0, 180, 90, -180, -90), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		var all hydro.Ring
		for len(data) >= 16 && len(all) < 400 {
			all = append(all, [2]float64{math.Float64frombits(binary.LittleEndian.Uint64(data)), math.Float64frombits(binary.LittleEndian.Uint64(data[8:]))})
			data = data[16:]
		}
		var rings []hydro.Ring
		for len(all) > 0 {
			n := min(len(all), 1+int(size))
			rings = append(rings, all[:n:n])
			all = all[n:]
		}
		if len(rings) == 0 {
			return
		}
		errs := zones(rings).Check()
		if len(errs) > 1 || len(errs) == 1 && (errs[0].Text == "" || !strings.HasPrefix(errs[0].Field, "cells[0].rings[")) {
			t.Fatalf("%v", errs)
		}
		if len(errs) > 0 {
			return
		}
		for _, r := range rings {
			if len(r) < 4 || r[0] != r[len(r)-1] {
				t.Fatalf("let through: %v", r)
			}
			for _, p := range r {
				if !(math.Abs(p[0]) <= 180 && math.Abs(p[1]) <= 90) {
					t.Fatalf("let through: %v", r)
				}
			}
		}
	})
}
