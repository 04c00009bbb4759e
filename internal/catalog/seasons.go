package catalog

import (
	"cmp"
	"math"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// A SeasonPlace is what the catalogue says of a season's rain in one place: what is
// normal there, and what other years had. No number has a default: where nobody has
// given one, there is none.
type SeasonPlace struct {
	ID     string        // sub-basin or station; "" of the whole basin
	Normal *SeasonFigure // nil: not given
	Years  []SeasonYear  // the wettest first, of equals the later
}

// A SeasonFigure is the rain of a whole season.
type SeasonFigure struct {
	Total        float64   // mm
	Daily        []float64 // mm of each hydrological day, the sum of which Total is; nil: not given
	Source       string
	Illustrative bool
}

// A SeasonYear is the rain of another year's season.
type SeasonYear struct {
	Year int // in which it begins
	SeasonFigure
}

// Configured reports whether the season has dates.
func (s *Season) Configured() bool { return s.FromMonth > 0 && s.ToMonth > 0 }

// Span returns the season that begins in a year: from the start of the hydrological
// day of its first date to the end of that of its last, in a zone. A season whose last
// date lies before its first ends in the next year.
func (s *Season) Span(year int, zone *time.Location) (from, until time.Time) {
	at := func(year, month, day int) time.Time {
		start := s.HydrologicalDayStart
		return time.Date(year, time.Month(month), day, int(start/time.Hour), int(start%time.Hour/time.Minute), 0, 0, zone)
	}
	end := year
	if s.ToMonth < s.FromMonth || s.ToMonth == s.FromMonth && s.ToDay < s.FromDay {
		end++
	}
	return at(year, s.FromMonth, s.FromDay), at(end, s.ToMonth, s.ToDay+1)
}

// days returns how many days the season has, and whether every year's has as many.
func (s *Season) days() (n int, always bool) {
	for i, year := range [...]int{2021, 2023, 2024} { // before, at and after the turn to a leap year
		from, until := s.Span(year, time.UTC)
		d := int(until.Sub(from) / (24 * time.Hour))
		if i > 0 && d != n {
			return n, false
		}
		n = d
	}
	return n, true
}

func findSeasonPlace(all []SeasonPlace, id string) *SeasonPlace {
	i, ok := slices.BinarySearchFunc(all, id, func(p SeasonPlace, id string) int { return cmp.Compare(p.ID, id) })
	if !ok {
		return nil
	}
	return &all[i]
}

// SubBasin returns what is said of a sub-basin, or nil.
func (s *Season) SubBasin(id string) *SeasonPlace { return findSeasonPlace(s.SubBasins, id) }

// Station returns what is said of a station, or nil.
func (s *Season) Station(id string) *SeasonPlace { return findSeasonPlace(s.Stations, id) }

// buildSeason reads what is normal in a basin's season, and what other years had.
func (l *loader) buildSeason(m *mapping) {
	r := &seasonReader{loader: l, source: m.text("source"), illustrative: m.flag("illustrative")}
	v, ok := m.need("basin")
	if !ok {
		m.skip()
		return
	}
	id, _ := v.text()
	at := slices.IndexFunc(l.cat.Basins, func(b Basin) bool { return b.ID == id })
	if at < 0 {
		v.fail("basin: no basin %q", id)
		m.skip()
		return
	}
	b := &l.cat.Basins[at]
	r.season = &b.Season
	if !r.season.Configured() {
		v.fail("seasons: basin %q has no season: give season: {name: …, from: 05-21, to: 06-20} there", id)
		m.skip()
		return
	}
	if slices.Contains(l.seasonsOf, id) {
		v.fail("seasons: basin %q given twice", id)
	}
	l.seasonsOf = append(l.seasonsOf, id)
	r.season.LeastCoverage = m.number("least_coverage", r.season.LeastCoverage, share)
	before := r.season.Whole.Normal
	r.season.Whole = r.place(m)
	if before != nil {
		if r.season.Whole.Normal != nil {
			l.report(m.place("normal"), "normal: the season of basin %q has a normal_mm already: leave one of them out", id)
		}
		r.season.Whole.Normal = before
	}
	r.season.SubBasins = r.places(m, "sub_basins", func(item *mapping, id string) {
		if !slices.ContainsFunc(b.SubBasins, func(s SubBasin) bool { return s.ID == id }) {
			l.report(item.place("id"), "id: basin %q has no sub-basin %q", b.ID, id)
		}
	})
	r.season.Stations = r.places(m, "stations", func(item *mapping, id string) {
		s, ok := l.cat.Station(id)
		switch {
		case !ok:
			l.report(item.place("id"), "id: no station %q", id)
		case s.Basin != b.ID:
			l.report(item.place("id"), "id: station %q is in basin %q, not in %q", id, s.Basin, b.ID)
		case !s.Reports(hydro.Rain):
			l.report(item.place("id"), "id: station %q reports no rain", id)
		}
	})
}

// A seasonReader reads one item of the section.
type seasonReader struct {
	*loader
	season       *Season
	source       string // of figures that name none
	illustrative bool   // all of them
}

func (r *seasonReader) places(m *mapping, name string, check func(item *mapping, id string)) []SeasonPlace {
	var out []SeasonPlace
	for _, v := range m.list(name) {
		item, ok := v.mapping()
		if !ok {
			continue
		}
		id := item.id("id")
		p := r.place(item)
		item.done()
		if p.ID = id; id == "" {
			continue
		}
		check(item, id)
		if p.Normal == nil && len(p.Years) == 0 {
			r.report(item.at(), "%s: neither normal nor years of %q are given", name, id)
		}
		if slices.ContainsFunc(out, func(o SeasonPlace) bool { return o.ID == id }) {
			r.report(item.place("id"), "id: %q given twice", id)
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b SeasonPlace) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (r *seasonReader) place(m *mapping) SeasonPlace {
	var p SeasonPlace
	if v, ok := m.take("normal"); ok {
		if k, ok := v.mapping(); ok {
			f := r.figure(k)
			p.Normal = &f
			k.done()
		}
	}
	for _, v := range m.list("years") {
		k, ok := v.mapping()
		if !ok {
			continue
		}
		if _, ok := k.need("year"); !ok {
			k.skip()
			continue
		}
		y := SeasonYear{Year: k.whole("year", 0, 1800, 2261)}
		y.SeasonFigure = r.figure(k)
		k.done()
		if slices.ContainsFunc(p.Years, func(o SeasonYear) bool { return o.Year == y.Year }) && y.Year != 0 {
			r.report(k.place("year"), "year: %d given twice", y.Year)
		}
		p.Years = append(p.Years, y)
	}
	slices.SortStableFunc(p.Years, func(a, b SeasonYear) int { return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Year, a.Year)) })
	return p
}

// figure reads a total, or the days that make one.
func (r *seasonReader) figure(m *mapping) SeasonFigure {
	f := SeasonFigure{Source: m.text("source"), Illustrative: m.flag("illustrative") || r.illustrative}
	if f.Source == "" {
		f.Source = r.source
	}
	if f.Source == "" {
		r.report(m.at(), "source: missing, here and for all of the basin: say where the figure comes from")
	}
	_, hasTotal := m.take("total")
	daily, hasDaily := m.take("daily")
	switch {
	case hasTotal == hasDaily:
		r.report(m.at(), "give total, the mm of the whole season, or daily, the mm of each day of it, and not both")
	case hasTotal:
		f.Total = m.number("total", 0, notNegative)
	default:
		f.Daily = r.daily(daily)
		for _, mm := range f.Daily {
			f.Total += mm
		}
		f.Total = math.Round(1e6*f.Total) / 1e6 // 571.7 and not 571.6999999999999
	}
	return f
}

func (r *seasonReader) daily(v node) []float64 {
	n, always := r.season.days()
	if !always {
		v.fail("daily: the season holds 29 February in some years, so that its days cannot be told apart: give total")
		return nil
	}
	items := v.list()
	out := make([]float64, 0, len(items))
	for _, item := range items {
		mm, ok := item.number()
		if ok && mm < 0 {
			item.fail("daily: %g must not be negative", mm)
		}
		out = append(out, mm)
	}
	if len(items) != n {
		v.fail("daily: %d values, and the season from %02d-%02d to %02d-%02d has %d days", len(items), r.season.FromMonth, r.season.FromDay, r.season.ToMonth, r.season.ToDay, n)
	}
	return out
}
