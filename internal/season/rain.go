package season

import (
	"math"
	"time"

	"freshet/internal/catalog"
)

var nan = math.NaN()

// A Rain is the season's rain in one place.
type Rain struct {
	ID, NameZH, NameEN  string
	Rain                float64 // mm of what was reported; NaN: nothing was
	Coverage            float64 // share of the hours and of the area that reports cover
	Full, Part, Missing int     // hours
	Gaps                []Gap   // of a station
	MoreGaps            int
	Days                []Day
	Normal              *Normal
	Years               []Year // the wettest first
	YearsBelow          int    // whose whole season had less
	Rank                *Rank  // nil: none, or withheld
	Withheld            bool   // share, anomaly and rank, for want of coverage
	Bound               Bound  // of Rain, and with it of share, anomaly and rank
	Gauges              []string
}

// Incomplete reports whether something is missing.
func (r *Rain) Incomplete() bool { return r.Part+r.Missing > 0 }

// A Bound is how a sum is meant of which something is missing.
type Bound uint8

// The bounds.
const (
	Exact   Bound = iota // nothing is missing, or nothing is known
	AtLeast              // more may have fallen
	About                // of an area: neighbours spoke for silent gauges in every hour
)

// A Gap is a time without full reports.
type Gap struct{ From, To time.Time }

// A Day is a hydrological day. Of one that is still to come only Normal is known.
type Day struct {
	From, To time.Time // To is not after Result.To while the day lasts
	Rain     float64   // mm; NaN: not known
	Coverage float64
	Total    float64 // from the start of the season to To, mm; NaN: nothing of it is known
	Normal   float64 // from the start of the season to To, mm; NaN: not given by day
}

// A Normal is what falls as a rule.
type Normal struct {
	catalog.SeasonFigure
	Share   float64 // rain so far as a share of the total; NaN: not known or withheld
	Passed  float64 // share of the season's hours that has passed
	ToDate  float64 // mm; NaN: not given
	Anomaly float64 // rain above ToDate as a share of it; NaN: not known or withheld
}

// A Year is another year's season.
type Year struct {
	Year   int
	Rain   float64 // of the whole season, mm
	ToDate float64 // mm; NaN: not given
	catalog.SeasonFigure
}

// A Basis is what years are compared by.
type Basis uint8

// The bases.
const (
	ToDate      Basis = iota + 1 // rain up to the same date
	WholeSeason                  // rain of the whole season, after its end
)

// A Rank is where the season stands among other years.
type Rank struct {
	Place       int // 1 is the wettest
	Of          int // years that are compared, this one included
	Basis       Basis
	NotCompared int // for want of days
}

// rain sums up one place and compares it with what is said of it, which may be nil.
func (r *Result) rain(p *place, said *catalog.SeasonPlace) Rain {
	out := Rain{Rain: nan, Gauges: p.gauges}
	sum, cover := 0.0, 0.0
	for i := range r.Hours {
		sum += p.rain[i]
		cover += min(1, p.cover[i])
		switch {
		case p.whole(i):
			out.Full++
		case p.known(i):
			out.Part++
		default:
			out.Missing++
		}
	}
	if out.Full+out.Part > 0 {
		out.Rain = sum
	}
	if r.Hours > 0 {
		out.Coverage = cover / float64(r.Hours)
	}
	switch {
	case math.IsNaN(out.Rain) || !out.Incomplete():
	case out.Missing > 0 || p.full == nil: // of a station, every hour that is not whole
		out.Bound = AtLeast
	default:
		out.Bound = About
	}
	r.compare(&out, said)
	r.withhold(&out)
	r.days(&out, p)
	return out
}

func (r *Result) compare(out *Rain, said *catalog.SeasonPlace) {
	if said == nil {
		return
	}
	if f := said.Normal; f != nil {
		n := &Normal{SeasonFigure: *f, Share: nan, Passed: float64(r.Hours) / float64(max(1, r.All)), ToDate: r.toDate(f, r.To), Anomaly: nan}
		if f.Total > 0 {
			n.Share = out.Rain / f.Total // NaN of NaN
		}
		if n.ToDate > 0 {
			n.Anomaly = (out.Rain - n.ToDate) / n.ToDate
		}
		out.Normal = n
		r.Example = r.Example || f.Illustrative
	}
	rank := Rank{Place: 1, Of: 1, Basis: ToDate}
	if r.Ended {
		rank.Basis = WholeSeason
	}
	for i := range said.Years {
		f := &said.Years[i]
		y := Year{Year: f.Year, Rain: f.Total, ToDate: r.toDate(&f.SeasonFigure, r.To), SeasonFigure: f.SeasonFigure}
		out.Years = append(out.Years, y)
		r.Example = r.Example || f.Illustrative
		switch {
		case y.Year == r.Plan.Year(): // itself
		case math.IsNaN(y.ToDate):
			rank.NotCompared++
		default:
			rank.Of++
			if y.ToDate > out.Rain {
				rank.Place++
			}
		}
		if y.Year != r.Plan.Year() && y.Rain < out.Rain {
			out.YearsBelow++
		}
	}
	sortYears(out.Years)
	if rank.Of > 1 && !math.IsNaN(out.Rain) {
		out.Rank = &rank
	}
}

// withhold takes back what compares rain of which too much is missing: little rain in
// the reports would be read as little rain.
func (r *Result) withhold(out *Rain) {
	if math.IsNaN(out.Rain) || out.Coverage >= r.Plan.Basin.Season.LeastCoverage-1e-9 { // coverage is a sum of weights
		return
	}
	if n := out.Normal; n != nil {
		out.Withheld = !math.IsNaN(n.Share) || !math.IsNaN(n.Anomaly)
		n.Share, n.Anomaly = nan, nan
	}
	out.Withheld = out.Withheld || out.Rank != nil
	out.Rank = nil
}

// toDate returns what of a figure falls up to an instant of the season, mm: of a day
// that has not ended the share of it that has passed. NaN if that is not given.
func (r *Result) toDate(f *catalog.SeasonFigure, at time.Time) float64 {
	if !at.Before(r.Plan.Until) {
		return f.Total
	}
	if f.Daily == nil {
		return nan
	}
	sum := 0.0
	for i, mm := range f.Daily {
		from, to := r.Plan.day(i)
		if !to.After(at) {
			sum += mm
			continue
		}
		if at.After(from) {
			sum += mm * float64(at.Sub(from)) / float64(to.Sub(from))
		}
		break
	}
	return sum
}

// day returns the hydrological day number i of the season.
func (p *Plan) day(i int) (from, to time.Time) {
	start := p.From.In(p.Zone)
	at := func(i int) time.Time {
		return time.Date(start.Year(), start.Month(), start.Day()+i, start.Hour(), start.Minute(), 0, 0, p.Zone).UTC()
	}
	return at(i), at(i + 1)
}

// days writes the season day by day. An hour belongs to the day that it begins in.
func (r *Result) days(out *Rain, p *place) {
	total, known := 0.0, false
	h := 0
	for i := 0; ; i++ {
		from, to := r.Plan.day(i)
		if !from.Before(r.Plan.Until) {
			return
		}
		d := Day{From: from, To: to, Rain: nan, Total: nan, Normal: nan}
		if from.Before(r.To) && to.After(r.To) {
			d.To = r.To
		}
		first, sum, heard := h, 0.0, false
		for ; h < r.Hours && r.Plan.From.Add(time.Duration(h)*time.Hour).Before(to); h++ {
			sum += p.rain[h]
			d.Coverage += min(1, p.cover[h])
			heard = heard || p.known(h)
		}
		if h > first {
			d.Coverage /= float64(h - first)
		}
		total, known = total+sum, known || heard
		if heard {
			d.Rain = sum
		}
		if known && h > first {
			d.Total = total
		}
		if out.Normal != nil && out.Normal.Daily != nil {
			d.Normal = r.toDate(&out.Normal.SeasonFigure, d.To)
		}
		out.Days = append(out.Days, d)
	}
}
