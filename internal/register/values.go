package register

import (
	"math"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A pair is two gauges of one site that measure the same. One of them is that of
// the station whose value counts.
type pair struct {
	id       string
	site     *catalog.Site
	variable hydro.Variable
	a, b     gauge
	limit    float64       // m, share of the larger discharge, or mm
	share    float64       // of the larger rain
	dwell    time.Duration // see catalog.Disagreement
	on       catalog.CommonDatum
}

// A gauge is one series of a pair.
type gauge struct {
	station *catalog.Station
	key     hydro.Key
	window  time.Duration // older values are not compared: the gauge is as good as blind
}

// comparePairs lays out which gauges of a site are compared: those of the same
// variable with that of the station that has the authority for it. Levels without
// a common datum are never compared.
func (r *Rules) comparePairs(s *site, settings *catalog.Settings) {
	d := &s.site.Disagree
	for _, v := range []hydro.Variable{hydro.WaterLevel, hydro.Discharge, hydro.Rain} {
		p := pair{site: s.site, variable: v, dwell: d.Dwell}
		switch v {
		case hydro.WaterLevel:
			p.limit = d.Level
		case hydro.Discharge:
			p.limit = d.Discharge
		default:
			p.limit, p.share = settings.RainDisagreeMM, settings.RainDisagreeShare
		}
		authority := s.site.Authority[v]
		var ok bool
		for _, st := range s.stations {
			if st.ID == authority {
				p.a, ok = gaugeOf(st, v, settings)
			}
		}
		if p.limit <= 0 || !ok {
			continue
		}
		for _, st := range s.stations {
			if st.ID == authority {
				continue
			}
			if p.b, ok = gaugeOf(st, v, settings); !ok {
				continue
			}
			if v == hydro.WaterLevel {
				if p.on, ok = catalog.Common(p.a.station.Datum, st.Datum); !ok {
					continue
				}
			}
			p.id = r.id(hydro.ValueConflict, "@"+s.site.ID, v.String(), st.ID)
			r.pairs = append(r.pairs, p)
		}
	}
}

// gaugeOf returns the first gauge of that variable, measured or from a counter.
func gaugeOf(st *catalog.Station, v hydro.Variable, settings *catalog.Settings) (gauge, bool) {
	for _, p := range st.Parameters {
		if p.Variable == v || v == hydro.Rain && p.Variable == hydro.RainCounter {
			grace := max(time.Minute, min(p.Interval/4, 5*time.Minute))
			return gauge{st, hydro.Key{Station: st.ID, Variable: v, Sensor: p.Sensor}, time.Duration(settings.BlindAfter)*p.Interval + grace}, true
		}
	}
	return gauge{}, false
}

// ofValues compares the pairs and returns their new state, with the conflicts
// that stand added to out.
//
// Two values are compared at the latest instant that both have reached, the one
// as observed, the other between its observations around then, so that a river
// which rises fast does not make a conflict of two clocks. Where one of the gauges
// is silent nothing is compared: what stands goes on to stand.
func (r *Rules) ofValues(s State, ev Evidence, out []hydro.Conflict) ([]Pair, []hydro.Conflict) {
	next := make([]Pair, len(r.pairs))
	held := s.Pairs
	open := s.Open
	for i := range r.pairs {
		p := &r.pairs[i]
		for len(held) > 0 && held[0].ID < p.id {
			held = held[1:]
		}
		state := Pair{ID: p.id}
		if len(held) > 0 && held[0].ID == p.id {
			state = held[0]
		}
		for len(open) > 0 && open[0].ID < p.id {
			open = open[1:]
		}
		var stands *hydro.Conflict
		if len(open) > 0 && open[0].ID == p.id {
			stands = &open[0]
		}
		c, compared := p.compare(ev)
		if compared {
			if c.apart != state.Apart || state.At.IsZero() || stands == nil && c.at.Sub(state.At) > 2*max(p.a.window, p.b.window) {
				// Turned, or not compared for so long that nobody knows what was in between.
				state.Changed, state.Apart = c.at, c.apart
			}
			state.At = c.at
		}
		next[i] = state
		lasting := !state.At.IsZero() && state.At.Sub(state.Changed) >= p.dwell
		switch {
		case stands != nil && compared && !state.Apart && lasting: // settled
		case stands != nil && !compared:
			out = append(out, *stands)
		case stands != nil || state.Apart && lasting:
			found := p.conflict(r.basin, c)
			found.Since = state.Changed
			out = append(out, found)
		}
	}
	return next, out
}

// A comparison is what two gauges say of one instant.
type comparison struct {
	at    time.Time
	a, b  float64 // as each station has it
	limit float64 // how far apart they may be, unit of the variable
	apart bool
}

func (p *pair) compare(ev Evidence) (comparison, bool) {
	ha, hb := ev.History(p.a.key), ev.History(p.b.key)
	if ha == nil || hb == nil {
		return comparison{}, false
	}
	la, okA := ha.LastUsable()
	lb, okB := hb.LastUsable()
	if !okA || !okB || ev.Now.Sub(la.Time()) > p.a.window || ev.Now.Sub(lb.Time()) > p.b.window {
		return comparison{}, false
	}
	at := min(la.At, lb.At)
	if p.variable == hydro.Rain {
		return p.compareRain(ha, hb, at)
	}
	c := comparison{at: time.UnixMilli(at).UTC(), limit: p.limit}
	c.a, okA = valueAt(ha, at, p.a.window)
	c.b, okB = valueAt(hb, at, p.b.window)
	if !okA || !okB {
		return comparison{}, false
	}
	if p.variable == hydro.Discharge {
		c.limit = p.limit * max(math.Abs(c.a), math.Abs(c.b))
	}
	c.apart = math.Abs(c.a+p.on.AddA-c.b-p.on.AddB) > c.limit
	return c, true
}

// compareRain compares the sums of the hour that ends at the latest instant that
// both have reached, if both have reported all of it.
func (p *pair) compareRain(ha, hb *hydro.History, at int64) (comparison, bool) {
	c := comparison{at: time.UnixMilli(at).UTC()}
	var okA, okB bool
	c.a, okA = hourTo(ha, at)
	c.b, okB = hourTo(hb, at)
	if !okA || !okB {
		return comparison{}, false
	}
	c.limit = max(p.limit, p.share*max(c.a, c.b))
	c.apart = math.Abs(c.a-c.b) > c.limit
	return c, true
}

// hourTo sums the usable rain of the hour up to an instant. It is false where
// reports do not cover all of the hour, or one of them reaches over its edge.
func hourTo(h *hydro.History, at int64) (sum float64, ok bool) {
	var covered int64
	from := at - time.Hour.Milliseconds()
	for _, s := range h.Between(from, at) {
		if !s.Quality.Usable() || s.At-int64(s.Interval)*1000 < from {
			continue
		}
		sum += s.Value
		covered += int64(s.Interval) * 1000
	}
	return sum, covered >= time.Hour.Milliseconds()
}

// valueAt returns the usable value at an instant, between the observations around
// it if they are no further apart than the window.
func valueAt(h *hydro.History, at int64, window time.Duration) (float64, bool) {
	i, _ := h.Find(at)
	after := i
	for after < len(h.Samples) && !h.Samples[after].Quality.Usable() {
		after++
	}
	if after == len(h.Samples) {
		return 0, false
	}
	y := &h.Samples[after]
	if y.At == at {
		return y.Value, true
	}
	before := i - 1
	for before >= 0 && !h.Samples[before].Quality.Usable() {
		before--
	}
	if before < 0 || y.At-h.Samples[before].At > window.Milliseconds() {
		return 0, false
	}
	x := &h.Samples[before]
	return x.Value + (y.Value-x.Value)*float64(at-x.At)/float64(y.At-x.At), true
}

func (p *pair) conflict(basin string, c comparison) hydro.Conflict {
	out := hydro.Conflict{
		ID: p.id, Kind: hydro.ValueConflict, Basin: basin, Site: p.site.ID, Variable: p.variable, Limit: c.limit,
		Parties: []hydro.Party{
			{Station: p.a.station.ID, Department: p.a.station.Department, HasValue: true, Value: c.a, At: c.at, Source: "authority"},
			{Station: p.b.station.ID, Department: p.b.station.Department, HasValue: true, Value: c.b, At: c.at},
		},
	}
	if p.variable == hydro.Rain {
		out.Window = time.Hour
	}
	if p.variable == hydro.WaterLevel { // both on the common datum, so that the numbers can be compared
		out.Parties[0].Value += p.on.AddA
		out.Parties[1].Value += p.on.AddB
		out.Parties[0].Datum, out.Parties[1].Datum = p.on.On, p.on.On
		if p.on.Assumed {
			out.Parties[1].Source = "converted by an assumed offset"
		}
	}
	return out
}
