package catalog

import (
	"math"
	"slices"
	"strings"
)

// ratingLaw reads the points or the ranges of a rating, and the range of level
// that they cover.
func (l *loader) ratingLaw(m *mapping, r *Rating) {
	points, hasPoints := m.take("points")
	ranges, hasRanges := m.take("ranges")
	switch {
	case hasPoints && hasRanges:
		ranges.fail("ranges: a rating has points or ranges, not both")
	case hasRanges:
		r.Ranges = ratingRanges(ranges)
		if len(r.Ranges) > 0 {
			r.MeasuredLow, r.MeasuredHigh = r.Ranges[0].Low, r.Ranges[len(r.Ranges)-1].High
		}
	case hasPoints:
		r.Points = ratingPoints(points, "points")
		if len(r.Points) < 2 {
			points.fail("points: a rating needs two good points at least")
		}
		if len(r.Points) > 0 {
			r.MeasuredLow, r.MeasuredHigh = r.Points[0].Level, r.Points[len(r.Points)-1].Level
		}
	default:
		l.report(m.at(), "points: missing; a rating has points or ranges")
	}
}

func ratingPoints(v node, key string) []RatingPoint {
	var out []RatingPoint
	for _, item := range v.list() {
		x, ok := item.pair("level, discharge")
		if !ok {
			continue
		}
		p := RatingPoint{x[0], x[1]}
		if n := len(out); n > 0 && (p.Level <= out[n-1].Level || p.Discharge <= out[n-1].Discharge) {
			item.fail("%s: [%g, %g] does not rise above [%g, %g]: level and discharge must both ascend", key, p.Level, p.Discharge, out[n-1].Level, out[n-1].Discharge)
			continue
		}
		if p.Discharge < 0 {
			item.fail("%s: discharge %g is negative", key, p.Discharge)
			continue
		}
		out = append(out, p)
	}
	return out
}

// ratingRanges reads power laws. What forecast/rating refuses is reported here
// with its place.
func ratingRanges(v node) []RatingRange {
	var out []RatingRange
	items := v.list()
	for _, item := range items {
		m, ok := item.mapping()
		if !ok {
			continue
		}
		r := RatingRange{
			Low: m.needNumber("from", anyNumber), High: m.needNumber("to", anyNumber),
			C: m.needNumber("c", positive), H0: m.needNumber("h0", anyNumber), B: m.needNumber("b", between(0.01, 10)),
		}
		m.done()
		if r.C == 0 || r.B == 0 {
			continue // reported
		}
		switch {
		case r.Low >= r.High:
			m.l.report(m.place("to"), "to: %g m is not above from: %g m", r.High, r.Low)
			continue
		case r.H0 > r.Low:
			m.l.report(m.place("h0"), "h0: %g m lies above from: %g m, where the range begins", r.H0, r.Low)
			continue
		}
		if n := len(out); n > 0 {
			if before := out[n-1]; math.Abs(r.Low-before.High) > 1e-9 {
				m.l.report(m.place("from"), "from: %g m, but the range before ends at %g m: ranges must meet", r.Low, before.High)
			} else if falls(before, r) {
				m.l.report(m.place("from"), "from: at %g m discharge falls from %.6g to %.6g m³/s, and the laws do not cross within 0.01 m of it", r.Low, before.at(r.Low), r.at(r.Low))
			}
		}
		out = append(out, r)
	}
	if len(items) == 0 {
		v.fail("ranges: empty")
	}
	return out
}

func (r RatingRange) at(level float64) float64 { return r.C * math.Pow(max(0, level-r.H0), r.B) }

// falls reports whether b gives less than a all around the level where they
// meet, as far as a join may be moved.
func falls(a, b RatingRange) bool {
	for _, level := range []float64{b.Low, max(a.Low, b.Low-0.01, b.H0), min(b.High, b.Low+0.01)} {
		if b.at(level) >= a.at(level) {
			return false
		}
	}
	return true
}

// outletKinds names for each kind of outlet the key of its level.
var outletKinds = map[string]string{"weir": "crest", "gate": "sill", "orifice": "centre", "turbines": "min_level", "curve": ""}

// outlets reads the outlets and the rules of a reservoir.
func (n *network) outlets(m *mapping, r *Reservoir) {
	rules, hasRules := m.take("rules")
	list, ok := m.take("outlets")
	if !ok {
		if hasRules {
			rules.fail("rules: a reservoir without outlets follows none; give its outlets")
		}
		return
	}
	names := map[string]bool{}
	items := list.list()
	for _, item := range items {
		o, ok := item.mapping()
		if !ok {
			continue
		}
		x := n.outlet(o, r)
		o.done()
		if names[x.Name] && x.Name != "" {
			n.report(o.place("name"), "outlet %q given twice", x.Name)
		}
		names[x.Name] = true
		r.Outlets = append(r.Outlets, x)
	}
	if len(items) == 0 {
		list.fail("outlets: empty")
	}
	if len(r.Storage) == 0 {
		list.fail("outlets: need a storage_curve")
	} else if top := r.Storage[len(r.Storage)-1].Level; r.DamCrest > top {
		n.report(m.place("storage_curve"), "storage_curve: ends at %g m, below the dam crest %g m: with outlets it must reach it", top, r.DamCrest)
	} else if low := r.Storage[0].Level; r.DamCrest != 0 && r.DamCrest <= low {
		n.report(m.place("dam_crest"), "dam_crest: %g m is not above the lowest point of the storage curve, %g m", r.DamCrest, low)
	}
	if !hasRules {
		r.Rules = ReservoirRules{Otherwise: "hold"}
		return
	}
	if o, ok := rules.mapping(); ok {
		n.rules[r.ID] = o
		r.Rules = n.rulesOf(o, r)
		o.done()
	}
}

func (n *network) outlet(m *mapping, r *Reservoir) Outlet {
	x := Outlet{Name: m.id("name")}
	v, ok := m.need("kind")
	if !ok {
		return x
	}
	if x.Kind, ok = v.text(); !ok {
		return x
	}
	key, known := outletKinds[x.Kind]
	if !known {
		v.fail("kind: %q is not known: write weir, gate, orifice, turbines or curve", x.Kind)
		m.asked = append(m.asked, "crest", "sill", "centre", "min_level", "width", "height", "area", "coefficient", "capacity", "points", "controlled")
		return x
	}
	begins, at := math.NaN(), key
	if key != "" {
		x.Level = m.needNumber(key, anyNumber)
		begins = x.Level
	}
	switch x.Kind {
	case "weir":
		x.Width, x.Coefficient = m.needNumber("width", positive), m.needNumber("coefficient", between(1, 2.5))
		x.Controlled = m.flag("controlled")
	case "gate":
		x.Width, x.Height, x.Coefficient = m.needNumber("width", positive), m.needNumber("height", positive), m.needNumber("coefficient", between(0.3, 1))
		x.Controlled = true
	case "orifice":
		x.Area, x.Coefficient = m.needNumber("area", positive), m.needNumber("coefficient", between(0.3, 1))
		x.Controlled = m.flag("controlled")
		begins -= math.Sqrt(x.Area) / 2 // as high as it is wide
	case "turbines":
		x.Capacity = m.needNumber("capacity", positive)
		x.Controlled = true
	case "curve":
		x.Controlled = m.flag("controlled")
		p, ok := m.need("points")
		if !ok {
			break
		}
		x.Points, at = ratingPoints(p, "points"), "points"
		switch {
		case len(x.Points) < 2:
			p.fail("points: needs two good points at least")
		case x.Points[0].Discharge != 0:
			p.fail("points: begin with the level where it begins to flow, at 0 m³/s")
		default:
			begins = x.Points[0].Level
		}
	}
	if len(r.Storage) > 0 && m.values[at].n != nil && begins < r.Storage[0].Level {
		n.report(m.place(at), "%s: the outlet begins at %g m, below the lowest point of the storage curve, %g m", at, begins, r.Storage[0].Level)
	}
	return x
}

func (n *network) rulesOf(m *mapping, r *Reservoir) ReservoirRules {
	x := ReservoirRules{
		Otherwise: "hold", Approach: m.duration("approach", 0, 0),
		Downstream: m.number("downstream", 0, positive), DownstreamUntil: m.number("downstream_until", 0, anyNumber),
		DownstreamAt: m.text("downstream_at"),
	}
	x.Minimum = n.minimum(m, x.Downstream)
	if v, ok := m.take("otherwise"); ok {
		known := []string{"hold", "pass_inflow", "keep_level", "closed"}
		if s, ok := v.text(); ok && !slices.Contains(known, s) {
			v.fail("otherwise: %q is not known: write %s", s, strings.Join(known, ", "))
		} else if ok {
			x.Otherwise = s
		}
	}
	if x.Otherwise == "keep_level" {
		x.Level = m.needNumber("level", anyNumber)
	} else if v, ok := m.take("level"); ok {
		v.fail("level: only otherwise: keep_level has one; limit levels are flood_limits")
	}
	if x.Downstream == 0 && m.values["downstream"].n == nil && x.DownstreamUntil != 0 {
		n.report(m.place("downstream_until"), "downstream_until: there is no downstream limit")
	}
	if x.DownstreamAt != "" && m.values["downstream"].n == nil {
		n.report(m.place("downstream_at"), "downstream_at: there is no downstream limit that could count at %q: give downstream in m³/s", x.DownstreamAt)
	}
	if len(r.Storage) == 0 {
		return x
	}
	low, top := r.Storage[0].Level, r.Storage[len(r.Storage)-1].Level
	if r.DamCrest != 0 {
		top = r.DamCrest
	}
	within := func(key string, level float64) {
		if m.values[key].n != nil && (level < low || level > top) {
			n.report(m.place(key), "%s: %g m lies outside the reservoir, %g to %g m", key, level, low, top)
		}
	}
	if x.Otherwise == "keep_level" {
		within("level", x.Level)
	}
	within("downstream_until", x.DownstreamUntil)
	return x
}
