package rating

import (
	"fmt"
	"math"
	"sort"

	"freshet/forecast/param"
)

// Params are the parameters of a [Range] and the loop of [Options].
var Params = []param.Param{
	{Name: "c", Unit: "m³/s", Lo: 0, Hi: math.Inf(1), Above: true, Doc: "discharge of the range's law 1 m above h0", Source: "[ISO18320]"},
	{Name: "h0", Unit: "m", Lo: -500, Hi: 9000, Doc: "level of zero flow of the range's law; at most the level where the range begins", Source: "[ISO18320]"},
	{Name: "b", Unit: "–", Lo: 0, Hi: 10, Above: true, Doc: "exponent of the range's law", Source: "[ISO18320]"},
	{Name: "Loop", Unit: "m", Lo: 0, Hi: math.Inf(1), Doc: "difference of level between a rising and a falling river at one discharge; 0: not stated", Source: "[ISO18320]"},
}

// A Range is a range of level in which Q = C (h - H0)^B.
type Range struct {
	Low, High float64 // m; from Low up to, but without, High
	C, H0, B  float64 // see Params
}

// A Join is a level where one range ends and the next begins. Coefficients are
// rounded when they are published, so two laws seldom agree there.
type Join struct {
	Given        float64 // m, where the ranges say they meet
	Level        float64 // m, where the rating goes over from one law to the next
	Below, Above float64 // m³/s at Given by the law below and by the law above
}

// Jump returns by how much, m³/s, the rating leaps up at the join; 0 where the
// join was moved to the crossing of both laws.
func (j Join) Jump() float64 {
	if j.Level != j.Given {
		return 0
	}
	return j.Above - j.Below
}

// joinReach is how far, m, a join may be moved to where two laws cross. Levels
// are read to a centimetre.
const joinReach = 0.01

// A law is a Range that begins at low, where its discharge is from.
type law struct {
	low, c, h0, b, from float64
}

func (l *law) discharge(level float64) float64 {
	return l.c * math.Pow(max(0, level-l.h0), l.b) // [ISO18320]
}

func (l *law) level(q float64) float64 {
	return l.h0 + math.Pow(max(0, q)/l.c, 1/l.b)
}

// NewRanges returns the rating of the ranges, which ascend and meet: each begins
// where the one before ends, to 1e-9 m. Where the law above gives less at the
// join than the law below, discharge would fall while the level rises; the join
// is then moved to the level where both agree if that lies within a centimetre,
// and the ranges are refused with the numbers if not. A leap upwards stays as it
// is. [Table.Joins] tells of both.
func NewRanges(ranges []Range, o Options) (*Table, error) {
	if len(ranges) == 0 {
		return nil, fmt.Errorf("rating: no range: want at least 1")
	}
	t := &Table{}
	for i, r := range ranges {
		for k, v := range []float64{r.C, r.H0, r.B} {
			if err := Params[k].Check(v); err != nil || math.IsInf(v, 0) {
				return nil, fmt.Errorf("rating: range %d: %s = %g: want a finite number, %s", i+1, Params[k].Name, v, Params[k].Range())
			}
		}
		if !(r.Low < r.High) || !(r.H0 <= r.Low) || math.IsInf(r.Low, 0) || math.IsInf(r.High, 0) {
			return nil, fmt.Errorf("rating: range %d (%g to %g m, h0 = %g m): want low below high and h0 not above low", i+1, r.Low, r.High, r.H0)
		}
		l := law{low: r.Low, c: r.C, h0: r.H0, b: r.B}
		if i > 0 {
			before := ranges[i-1]
			if math.Abs(r.Low-before.High) > 1e-9 {
				return nil, fmt.Errorf("rating: range %d begins at %g m and the one before ends at %g m: ranges must meet", i+1, r.Low, before.High)
			}
			j, err := join(&t.laws[i-1], &l, max(t.laws[i-1].low, r.Low-joinReach, r.H0), min(r.High, r.Low+joinReach))
			if err != nil {
				return nil, fmt.Errorf("rating: ranges %d and %d: %w", i, i+1, err)
			}
			l.low = j.Level
			t.joins = append(t.joins, j)
		}
		l.from = l.discharge(l.low)
		t.laws = append(t.laws, l)
	}
	if err := o.check(ranges[0].Low, ranges[len(ranges)-1].High); err != nil {
		return nil, err
	}
	t.o = o
	return t, nil
}

// join says where a goes over to b: where b begins, or where they cross between
// lo and hi if b gives less than a there.
func join(a, b *law, lo, hi float64) (Join, error) {
	less := func(h float64) float64 { return a.discharge(h) - b.discharge(h) }
	j := Join{Given: b.low, Level: b.low, Below: a.discharge(b.low), Above: b.discharge(b.low)}
	if j.Above >= j.Below {
		return j, nil
	}
	in, out := b.low, lo // less(in) > 0 >= less(out)
	if less(out) > 0 || out == in {
		out = hi
	}
	if less(out) > 0 {
		return j, fmt.Errorf("discharge falls from %.6g to %.6g m³/s at %g m, and the laws do not cross within %g m of it", j.Below, j.Above, j.Given, joinReach)
	}
	for range 100 { // bisection: halves 0.01 m to less than one unit in the last place
		mid := in + (out-in)/2
		if less(mid) > 0 {
			in = mid
		} else {
			out = mid
		}
	}
	j.Level = out
	return j, nil
}

// Joins returns where the ranges meet, ascending, and what the laws give there.
// The caller must not write to it. A rating of points has none.
func (t *Table) Joins() []Join { return t.joins }

// lawAt returns the law that holds at a level; beyond the ends the outer ones go
// on.
func (t *Table) lawAt(level float64) *law {
	i := sort.Search(len(t.laws), func(i int) bool { return t.laws[i].low > level })
	return &t.laws[max(0, i-1)]
}

func (t *Table) lawLevel(q float64) float64 {
	i := max(0, sort.Search(len(t.laws), func(i int) bool { return t.laws[i].from > q })-1)
	level := t.laws[i].level(q)
	if i+1 < len(t.laws) { // in a jump
		level = min(level, t.laws[i+1].low)
	}
	return level
}
