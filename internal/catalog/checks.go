package catalog

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/goccy/go-yaml/ast"

	"freshet/internal/hydro"
)

// A Window is a stretch of time in which somebody works at a station.
type Window struct {
	From, To time.Time // UTC; From counts, To does not
	Why      string
}

// Maintained reports whether an instant, in Unix milliseconds, lies in one of the
// windows, and in which.
func Maintained(windows []Window, at int64) (Window, bool) {
	for _, w := range windows {
		if at >= w.From.UnixMilli() && at < w.To.UnixMilli() {
			return w, true
		}
	}
	return Window{}, false
}

// Down returns the limits of a fall.
func (l *Limits) Down() (suspect, fail float64) {
	return cmp.Or(l.DownSuspect, l.StepSuspect), cmp.Or(l.DownFail, l.StepFail)
}

// Resets say when a rain counter goes back to 0 by itself, in the zone of its
// station: never (the zero value), each day, or each year. SL 651's PJ does so at
// 08:00, its PT on 1 January.
type Resets struct {
	Every      string // "", "day" or "year"
	Month, Day int    // of a year
	At         time.Duration
}

// Last returns the latest reset before the instant.
func (r Resets) Last(before time.Time, zone *time.Location) (time.Time, bool) {
	local := before.In(zone)
	hour, minute := int(r.At/time.Hour), int(r.At%time.Hour/time.Minute)
	switch r.Every {
	case "day":
		for d := range 2 {
			t := time.Date(local.Year(), local.Month(), local.Day()-d, hour, minute, 0, 0, zone)
			if t.Before(before) {
				return t.UTC(), true
			}
		}
	case "year":
		for y := range 2 {
			t := time.Date(local.Year()-y, time.Month(r.Month), r.Day, hour, minute, 0, 0, zone)
			if t.Before(before) {
				return t.UTC(), true
			}
		}
	}
	return time.Time{}, false
}

// A RainCheck compares a level with the rain above it. It is off without gauges,
// and only for small basins: what a dam releases is not rain.
type RainCheck struct {
	Gauges []string      // rain stations above it
	Within time.Duration // both are looked at over this long
	Rise   float64       // a rise by more, m,
	Dry    float64       // with less than this at every gauge, mm, is not explained by rain
	Heavy  float64       // this much at every gauge, mm,
	Expect float64       // must raise the level by this, m; 0: not asked
	Note   bool          // say so, and hold nothing back
}

// Neighbours say which rain gauges check each other, and when they object. A
// Count of 0 switches the tests off.
type Neighbours struct {
	Count  int           // of the nearest gauges that are asked
	Reach  float64       // km beyond which a gauge says nothing about another
	Climb  float64       // km by which 100 m of height between two gauges part them
	Excess float64       // mm in an hour (or in a longer report) more than Factor times the most around is suspect
	Factor float64       //
	Pour   float64       // mm in an hour around a gauge from which on it should have rain too
	Share  float64       // of the mean around; with less than this its funnel is blocked
	Hold   time.Duration // for how long a blocked funnel stays suspect, unless it measures again
}

// DefaultNeighbours returns the settings of a basin that states none.
func DefaultNeighbours() Neighbours {
	return Neighbours{Count: 5, Reach: 30, Climb: 2, Excess: 50, Factor: 4, Pour: 20, Share: 0.05, Hold: 6 * time.Hour}
}

func (m *mapping) neighbours(n Neighbours) Neighbours {
	v, ok := m.take("rain_neighbours")
	if !ok {
		return n
	}
	if s, plain := v.n.(*ast.StringNode); plain {
		if s.Value != "off" {
			v.fail("rain_neighbours: expected off or {count: 5, reach: 30, …}")
		}
		return Neighbours{}
	}
	k, ok := v.mapping()
	if !ok {
		return n
	}
	defer k.done()
	n.Count = k.whole("count", n.Count, 2, 20)
	n.Reach = k.number("reach", n.Reach, between(1, 500))
	n.Climb = k.number("climb", n.Climb, between(0, 50))
	n.Excess = k.number("excess", n.Excess, between(5, 600))
	n.Factor = k.number("factor", n.Factor, between(1, 100))
	n.Pour = k.number("pour", n.Pour, between(1, 600))
	n.Share = k.number("share", n.Share, between(0, 0.5))
	n.Hold = k.duration("hold", n.Hold, 0)
	if n.Hold > 24*time.Hour {
		k.l.report(k.place("hold"), "hold: %s is longer than 24h", n.Hold)
	}
	return n
}

// maintenance reads the windows of a station.
func (m *mapping) maintenance(zone *time.Location) []Window {
	var out []Window
	for _, item := range m.list("maintenance") {
		k, ok := item.mapping()
		if !ok {
			continue
		}
		w := Window{From: k.instant("from", zone), To: k.instant("to", zone), Why: k.needText("why")}
		if !w.From.IsZero() && !w.To.IsZero() && !w.From.Before(w.To) {
			m.l.report(k.place("to"), "maintenance: to %s is not after from", w.To.In(zone).Format(time.RFC3339))
		}
		k.done()
		out = append(out, w)
	}
	slices.SortStableFunc(out, func(a, b Window) int { return a.From.Compare(b.From) })
	return out
}

// readChecks reads what tests of a parameter need besides its own limits.
func (l *loader) readChecks(m *mapping, p *Parameter) {
	rain := p.Variable == hydro.Rain || p.Variable == 0
	if _, ok := m.take("wall"); ok {
		p.Limits.Wall = m.number("wall", 0, positive)
		if !rain {
			l.report(m.place("wall"), "wall: is for rain; the wall of %s is fail_outside", p.Variable)
		}
	}
	if _, ok := m.take("day_total"); ok {
		p.Limits.DayTotal = m.number("day_total", 0, positive)
		if !rain {
			l.report(m.place("day_total"), "day_total: is for rain, not for %s", p.Variable)
		}
	}
	if lim := &p.Limits; rain && lim.Wall > 0 && lim.HasRange && lim.High > lim.Wall {
		l.report(m.place("wall"), "wall: %g mm is below %g mm, from which on rain is suspect", lim.Wall, lim.High)
	}
	if v, ok := m.take("resets"); ok {
		if k, ok := v.mapping(); ok {
			if p.Variable != hydro.RainCounter && p.Variable != 0 {
				v.fail("resets: is for rain_counter, not for %s", p.Variable)
			}
			p.Resets = k.resets()
			k.done()
		}
	}
	if v, ok := m.take("rain"); ok {
		if k, ok := v.mapping(); ok {
			if p.Variable != hydro.WaterLevel && p.Variable != 0 {
				v.fail("rain: compares a water_level with the rain above it, not %s", p.Variable)
			}
			p.Rain = k.rainCheck()
			k.done()
		}
	}
}

func (m *mapping) resets() Resets {
	var r Resets
	r.Every, _ = parsed(m, "every", func(s string) (string, error) {
		if s == "day" || s == "year" {
			return s, nil
		}
		return "", hydro.ErrInvalid
	}, "day or year")
	r.At = m.timeOfDay("at", 0)
	if r.Every == "year" {
		r.Month, r.Day = 1, 1
		if _, ok := m.take("on"); ok {
			r.Month, r.Day = m.monthDay("on")
		}
	}
	return r
}

func (m *mapping) rainCheck() RainCheck {
	var c RainCheck
	m.need("gauges")
	for _, v := range m.list("gauges") {
		id, ok := v.text()
		switch {
		case !ok:
		case slices.Contains(c.Gauges, id):
			v.fail("gauges: %q given twice", id)
		default:
			c.Gauges = append(c.Gauges, id)
			m.l.rainGauges = append(m.l.rainGauges, v)
		}
	}
	c.Within = m.needDuration("within", 10*time.Minute)
	if c.Within > 24*time.Hour {
		m.l.report(m.place("within"), "within: %s is longer than 24h", c.Within)
	}
	c.Rise = m.number("rise", 0, positive)
	c.Dry = m.number("dry", 0, positive)
	c.Heavy = m.number("heavy", 0, positive)
	c.Expect = m.number("expect", 0, positive)
	if (c.Rise > 0) != (c.Dry > 0) {
		m.fail("rain: rise and dry belong together: a rise by so many m is not explained by less than so many mm")
	}
	if (c.Heavy > 0) != (c.Expect > 0) {
		m.fail("rain: heavy and expect belong together: so many mm must raise the level by so many m")
	}
	if c.Rise == 0 && c.Heavy == 0 {
		m.fail("rain: needs rise and dry, heavy and expect, or all four")
	}
	if v, ok := m.take("then"); ok {
		switch s, _ := v.text(); s {
		case "note":
			c.Note = true
		case "suspect":
		default:
			v.fail("then: expected note or suspect")
		}
	} else {
		c.Note = true
	}
	return c
}

// checkRainChecks reports gauges of rain checks that are none.
func (l *loader) checkRainChecks() {
	for _, v := range l.rainGauges {
		if s, ok := v.station("gauges"); ok && !reports(s, hydro.Rain) {
			v.fail("gauges: station %q reports no rain", s.ID)
		}
	}
}

// disagree reads from where on sensors of a site disagree.
func (l *loader) disagree(m *mapping, s *Site) {
	v, ok := m.take("disagree")
	if !ok {
		return
	}
	k, ok := v.mapping()
	if !ok {
		return
	}
	defer k.done()
	s.Disagree = map[hydro.Variable]float64{}
	for _, variable := range []hydro.Variable{hydro.WaterLevel, hydro.Rain} {
		if _, ok := k.take(variable.String()); !ok {
			continue
		}
		limit := k.number(variable.String(), 0, positive)
		var who []*Station
		for _, id := range s.Stations {
			if st, ok := l.cat.Station(id); ok && reports(st, variable) {
				who = append(who, st)
			}
		}
		if len(who) < 2 {
			l.report(k.place(variable.String()), "disagree: fewer than two stations of the site report %s", variable)
			continue
		}
		if variable == hydro.WaterLevel {
			for _, st := range who {
				switch {
				case st.Datum.Name == hydro.StationDatum:
					l.report(k.place(variable.String()), "disagree: levels of %q are on a datum of its own and cannot be compared with others", st.ID)
				case st.Datum.Name != who[0].Datum.Name:
					l.report(k.place(variable.String()), "disagree: levels of %q (%s) and %q (%s) cannot be compared: they need one datum",
						who[0].ID, who[0].Datum.Name, st.ID, st.Datum.Name)
				default:
					continue
				}
				limit = 0
				break
			}
		}
		if limit > 0 {
			s.Disagree[variable] = limit
		}
	}
}

// Apart returns how far apart two stations are for rain, in km: over the ground,
// and as if 100 m of height were climb km, where both heights are known.
func Apart(a, b *Station, climb float64) float64 {
	z := 0.0
	if a.HasElevation && b.HasElevation {
		z = (a.Elevation - b.Elevation) / 100 * climb
	}
	return math.Hypot(Distance([2]float64{a.Lon, a.Lat}, [2]float64{b.Lon, b.Lat}), z)
}
