package briefing

import (
	"cmp"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/ingest/accumulation"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// Diff tells what is different in b from the earlier situation a, of the same basin.
// It keeps parts of both and changes neither. The hashes of the two are the
// caller's to fill in.
func Diff(a, b *freshetv1.Situation) *freshetv1.SituationDiff {
	d := &freshetv1.SituationDiff{Basin: b.GetBasin(), From: point(a), To: point(b)}
	stations(d, a, b)
	values(d, a, b)
	rain(d, a, b)
	forecasts(d, a, b)
	responses(d, a, b)
	conflicts(d, a, b)
	blind(d, a, b)
	groups(d, a, b)
	unreached(d, a, b)
	return d
}

func point(s *freshetv1.Situation) *freshetv1.SituationPoint {
	return &freshetv1.SituationPoint{
		AsOf: s.GetAsOf(), At: s.GetAt(), InputSeq: s.GetInputSeq(), Catalogue: s.GetCatalogue(), ForecastIssuedAt: s.GetForecast().GetIssuedAt(),
	}
}

// A pair is one thing in both situations; the zero value where one has it not.
type pair[T any] struct{ a, b T }

// both matches what has one key, in the order of b and then of what only a has. Of
// several with one key the first counts.
func both[K comparable, T any](a, b []T, key func(T) K) []pair[T] {
	at := map[K]int{}
	var out []pair[T]
	for _, x := range b {
		if _, twice := at[key(x)]; !twice {
			at[key(x)] = len(out)
			out = append(out, pair[T]{b: x})
		}
	}
	seen := map[K]bool{}
	for _, x := range a {
		k := key(x)
		if seen[k] {
			continue
		}
		seen[k] = true
		if i, ok := at[k]; ok {
			out[i].a = x
		} else {
			out = append(out, pair[T]{a: x})
		}
	}
	return out
}

// rank orders stages that are seen; 0: nobody sees it.
func rank(s freshetv1.Stage) int {
	switch s {
	case freshetv1.Stage_STAGE_CLEAR, freshetv1.Stage_STAGE_BLUE, freshetv1.Stage_STAGE_YELLOW, freshetv1.Stage_STAGE_ORANGE, freshetv1.Stage_STAGE_RED:
		return int(s)
	default:
		return 0
	}
}

// height orders all stages: a blind station may be at any, and stands behind red.
func height(s freshetv1.Stage) int {
	if r := rank(s); r > 0 {
		return 2 * r
	}
	return 2*int(freshetv1.Stage_STAGE_RED) - 1
}

func unseen(r *freshetv1.BoardRow) bool { return rank(r.GetStage()) == 0 || r.GetCause() != "" }

func stations(d *freshetv1.SituationDiff, a, b *freshetv1.Situation) {
	clear := rank(freshetv1.Stage_STAGE_CLEAR)
	for _, p := range both(a.GetBoard(), b.GetBoard(), (*freshetv1.BoardRow).GetStation) {
		switch {
		case p.a == nil:
			d.New = append(d.New, change(p.b, nil, p.b))
			continue
		case p.b == nil:
			d.Gone = append(d.Gone, change(p.a, p.a, nil))
			continue
		}
		c := change(p.b, p.a, p.b)
		was, is := rank(p.a.GetStage()), rank(p.b.GetStage())
		switch {
		case is > max(was, clear):
			d.Worse = append(d.Worse, c)
		case is > 0 && is < was:
			d.Better = append(d.Better, c)
		}
		switch {
		case !unseen(p.a) && unseen(p.b):
			d.Lost = append(d.Lost, c)
		case unseen(p.a) && !unseen(p.b):
			d.Back = append(d.Back, c)
		}
	}
	for _, list := range [][]*freshetv1.StationChange{d.GetNew(), d.GetWorse(), d.GetBetter(), d.GetLost(), d.GetBack()} {
		slices.SortFunc(list, func(x, y *freshetv1.StationChange) int {
			return cmp.Or(cmp.Compare(height(y.GetTo()), height(x.GetTo())), cmp.Compare(x.GetStation(), y.GetStation()))
		})
	}
	slices.SortFunc(d.GetGone(), func(x, y *freshetv1.StationChange) int {
		return cmp.Or(cmp.Compare(height(y.GetFrom()), height(x.GetFrom())), cmp.Compare(x.GetStation(), y.GetStation()))
	})
}

// change is a station's change; of says who it is.
func change(of, a, b *freshetv1.BoardRow) *freshetv1.StationChange {
	return &freshetv1.StationChange{
		Station: of.GetStation(), NameZh: of.GetNameZh(), NameEn: of.GetNameEn(), River: of.GetRiver(), Department: of.GetDepartment(), Kind: of.GetKind(),
		From: a.GetStage(), To: b.GetStage(), CauseFrom: a.GetCause(), CauseTo: b.GetCause(),
		Since: of.GetSince(), ReasonZh: of.GetReasonZh(), ReasonEn: of.GetReasonEn(),
	}
}

func values(d *freshetv1.SituationDiff, a, b *freshetv1.Situation) {
	for _, p := range both(a.GetBoard(), b.GetBoard(), (*freshetv1.BoardRow).GetStation) {
		for _, v := range []pair[*freshetv1.BoardValue]{{p.a.GetLevel(), p.b.GetLevel()}, {p.a.GetFlow(), p.b.GetFlow()}} {
			if v.a == nil || v.b == nil || v.a.GetVariable() != v.b.GetVariable() || v.a.GetDatum() != v.b.GetDatum() ||
				v.a.GetValue() == v.b.GetValue() && v.a.GetQuality() == v.b.GetQuality() {
				continue
			}
			d.Values = append(d.Values, &freshetv1.ValueChange{
				Station: p.b.GetStation(), NameZh: p.b.GetNameZh(), NameEn: p.b.GetNameEn(), Variable: v.b.GetVariable(), Datum: v.b.GetDatum(),
				From: v.a.GetValue(), FromAt: v.a.GetAt(), FromQuality: v.a.GetQuality(),
				To: v.b.GetValue(), ToAt: v.b.GetAt(), ToQuality: v.b.GetQuality(), Change: v.b.GetValue() - v.a.GetValue(),
			})
		}
	}
	slices.SortStableFunc(d.GetValues(), func(x, y *freshetv1.ValueChange) int { return cmp.Compare(x.GetStation(), y.GetStation()) })
}

// rain sums up what b's series hold of the time since a. A station whose series has
// gone is in it with no coverage, and not left out.
func rain(d *freshetv1.SituationDiff, a, b *freshetv1.Situation) {
	from, to := a.GetAt().AsTime(), b.GetAt().AsTime()
	if !from.Before(to) {
		return
	}
	rows := map[string]*freshetv1.BoardRow{}
	for _, r := range b.GetBoard() {
		rows[r.GetStation()] = r
	}
	for _, p := range both(rainSeries(a), rainSeries(b), (*freshetv1.SituationSeries).GetStation) {
		station := cmp.Or(p.b.GetStation(), p.a.GetStation())
		row, ok := rows[station]
		if !ok {
			continue
		}
		sum := accumulation.Between(history(p.b, to), from, to)
		d.Rain = append(d.Rain, &freshetv1.RainSince{
			Station: station, NameZh: row.GetNameZh(), NameEn: row.GetNameEn(), Rain: sum.Rain, Coverage: sum.Coverage,
		})
	}
	slices.SortFunc(d.GetRain(), func(x, y *freshetv1.RainSince) int {
		return cmp.Or(cmp.Compare(y.GetRain(), x.GetRain()), cmp.Compare(x.GetStation(), y.GetStation()))
	})
}

func rainSeries(s *freshetv1.Situation) []*freshetv1.SituationSeries {
	return slices.DeleteFunc(slices.Clone(s.GetSeries()), func(x *freshetv1.SituationSeries) bool { return x.GetVariable() != freshetv1.Variable_VARIABLE_RAIN })
}

// history is a series of rain as sums are made of: what enters none is failed.
func history(s *freshetv1.SituationSeries, at time.Time) *hydro.History {
	h := &hydro.History{}
	n := min(len(s.GetValue()), len(s.GetOffsetMs()), len(s.GetFellInS()))
	for i := range n {
		x := hydro.Sample{At: at.UnixMilli() + int64(s.GetOffsetMs()[i]), Value: s.GetValue()[i], Interval: int32(min(s.GetFellInS()[i], math.MaxInt32)), Quality: hydro.Pass}
		if _, left := slices.BinarySearch(s.GetNotCounted(), uint32(i)); left {
			x.Quality = hydro.Fail
		}
		h.Put(x)
	}
	return h
}

func forecasts(d *freshetv1.SituationDiff, a, b *freshetv1.Situation) {
	rows := map[string]*freshetv1.BoardRow{}
	for _, r := range slices.Concat(a.GetBoard(), b.GetBoard()) {
		rows[r.GetStation()] = r
	}
	for _, p := range both(a.GetForecast().GetStations(), b.GetForecast().GetStations(), (*freshetv1.StationForecast).GetStation) {
		station := cmp.Or(p.b.GetStation(), p.a.GetStation())
		c := &freshetv1.ForecastChange{
			Station: station, NameZh: rows[station].GetNameZh(), NameEn: rows[station].GetNameEn(), Datum: cmp.Or(p.b.GetDatum(), p.a.GetDatum()),
			From: p.a.GetPeak(), To: p.b.GetPeak(), Crossings: crossings(a, b, p),
			FallingFrom: met(p.a.GetPeak().GetAt(), a), FallingTo: met(p.b.GetPeak().GetAt(), b),
		}
		moved := !proto.Equal(c.GetFrom(), c.GetTo()) && (!c.GetFallingFrom() || !c.GetFallingTo())
		if moved && c.GetFrom() != nil && c.GetTo() != nil && !c.GetFallingFrom() && !c.GetFallingTo() {
			if p.a.GetDatum() == p.b.GetDatum() {
				c.LevelChange = difference(c.GetFrom().GetLevel(), c.GetTo().GetLevel())
			}
			c.DischargeChange = difference(c.GetFrom().GetDischarge(), c.GetTo().GetDischarge())
			c.LaterS = later(c.GetFrom().GetAt(), c.GetTo().GetAt())
		}
		if moved || len(c.GetCrossings()) > 0 {
			d.Forecasts = append(d.Forecasts, c)
		}
	}
	slices.SortFunc(d.GetForecasts(), func(x, y *freshetv1.ForecastChange) int { return cmp.Compare(x.GetStation(), y.GetStation()) })
}

// met reports whether an instant of a run is its beginning: the crest is behind, the
// threshold met.
func met(at *timestamppb.Timestamp, s *freshetv1.Situation) bool {
	return at != nil && at.AsTime().Equal(s.GetForecast().GetIssuedAt().AsTime())
}

// A threshold is what crossings are matched by.
type threshold struct {
	variable freshetv1.Variable
	stage    freshetv1.Stage
	value    float64
}

func crossings(a, b *freshetv1.Situation, p pair[*freshetv1.StationForecast]) []*freshetv1.CrossingChange {
	key := func(c *freshetv1.ThresholdCrossing) threshold {
		return threshold{c.GetVariable(), c.GetStage(), c.GetThreshold()}
	}
	var out []*freshetv1.CrossingChange
	for _, x := range both(p.a.GetCrossings(), p.b.GetCrossings(), key) {
		k := key(cmp.Or(x.b, x.a))
		c := &freshetv1.CrossingChange{
			Stage: k.stage, Variable: k.variable, Threshold: k.value, From: x.a.GetAt(), To: x.b.GetAt(),
			MetFrom: met(x.a.GetAt(), a), MetTo: met(x.b.GetAt(), b),
		}
		if proto.Equal(c.GetFrom(), c.GetTo()) || c.GetMetFrom() && c.GetMetTo() {
			continue
		}
		if c.GetFrom() != nil && c.GetTo() != nil && !c.GetMetFrom() && !c.GetMetTo() {
			c.LaterS = later(c.GetFrom(), c.GetTo())
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y *freshetv1.CrossingChange) int {
		return cmp.Or(cmp.Compare(x.GetVariable(), y.GetVariable()), cmp.Compare(x.GetStage(), y.GetStage()), cmp.Compare(x.GetThreshold(), y.GetThreshold()))
	})
	return out
}

// difference is b less a, nil where one of them is not known.
func difference(a, b float64) *float64 {
	if math.IsNaN(a) || math.IsNaN(b) {
		return nil
	}
	x := b - a
	return &x
}

// later is by how many seconds b comes after a, nil where one of them does not come.
func later(a, b *timestamppb.Timestamp) *float64 {
	if a == nil || b == nil {
		return nil
	}
	x := b.AsTime().Sub(a.AsTime()).Seconds()
	return &x
}
