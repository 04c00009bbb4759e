package catalog

import (
	"regexp"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// CAP says how warnings become messages of the Common Alerting Protocol.
type CAP struct {
	Sender       string // globally one: a domain or an address
	SenderNameZH string
	SenderNameEN string
	Status       string // "Actual", "Exercise" or "Test"
	Scope        string // "Public" or "Restricted"
	Restriction  string
	Web, Contact string
	MinStage     hydro.Stage   // lower ones give no message
	Automatic    []hydro.Stage // go out without a person: Blue, Yellow or both
	Expires      time.Duration
	Radius       float64 // km, of the circle around a station without an area
	BySubBasin   bool    // a station without an area speaks for sub-basins: see [Catalog.AreasOf]
	Units        []CAPUnit
	Instructions []CAPInstruction // ascending by stage
}

// A CAPUnit is the head of a basin's identifiers by GB/T 35965.1.
type CAPUnit struct{ Basin, Code string }

// A CAPInstruction is what people are told to do at a stage.
type CAPInstruction struct {
	Stage  hydro.Stage
	ZH, EN string
}

var (
	capName = regexp.MustCompile(`^[^\s,<&]{1,100}$`)
	capUnit = regexp.MustCompile(`^[0-9A-Za-z]{14}$`)
)

func (l *loader) buildCAP(m *mapping) {
	if l.cat.CAP != nil {
		m.fail("cap: given twice: a catalogue has one")
		return
	}
	c := &CAP{
		Sender: m.needText("sender"), Restriction: m.text("restriction"), Web: m.text("web"), Contact: m.text("contact"),
		Expires: m.duration("expires", 24*time.Hour, time.Hour), Radius: m.number("radius_km", 5, between(0.1, 200)),
	}
	if c.Sender != "" && !capName.MatchString(c.Sender) {
		l.report(m.place("sender"), "sender: %q: write a domain or an address such as flood@example.org, without space, comma, < or &", c.Sender)
	}
	c.SenderNameZH, c.SenderNameEN = m.name("sender_name")
	c.Status = m.oneOf("status", "Test", "Exercise", "Actual")
	if c.Status == "Actual" && l.cat.Illustrative != "" {
		l.report(m.place("status"), "status: Actual: this catalogue is marked illustrative, and what it says must never pass for a real warning: use Test or Exercise")
	}
	c.Scope = m.oneOf("scope", "Public", "Restricted")
	if (c.Scope == "Restricted") != (c.Restriction != "") {
		l.report(m.place("restriction"), "restriction: a message of scope Restricted says whom it is for, and no other does")
	}
	c.MinStage = hydro.Blue
	c.BySubBasin = m.oneOf("areas", "circle", "sub_basins") == "sub_basins"
	for _, b := range l.cat.Basins {
		for _, s := range b.SubBasins {
			if c.BySubBasin && selfCrossing(s.Boundary) {
				l.report(m.place("areas"), "areas: the boundary of sub-basin %q crosses itself, so that it can be no area of a message: give its corners in their order around it", s.ID)
			}
		}
	}
	if _, ok := m.take("min_stage"); ok {
		if s, ok := parsed(m, "min_stage", parseColour, "blue, yellow, orange or red"); ok {
			c.MinStage = s
		}
	}
	for _, v := range m.list("automatic") {
		text, _ := v.text()
		s, err := parseColour(text)
		switch {
		case err != nil:
			v.fail("automatic: %q is neither blue nor yellow", text)
		case s >= hydro.Orange:
			v.fail("automatic: %s goes out when two persons have approved it: only blue and yellow can be automatic", s)
		case !slices.Contains(c.Automatic, s):
			c.Automatic = append(c.Automatic, s)
		}
	}
	if v, ok := m.take("gbt35965_units"); ok {
		if units, ok := v.mapping(); ok {
			for _, k := range units.keys {
				code := units.text(k.name)
				if !capUnit.MatchString(code) {
					l.report(units.place(k.name), "gbt35965_units: %q is no code of 14 characters: 6 of the administrative code, 3 of the industry, 3 of the unit, 2 of the extension", code)
				}
				if _, ok := l.cat.Basin(k.name); !ok {
					l.report(k.at, "gbt35965_units: no basin %q", k.name)
				}
				for _, u := range c.Units {
					if u.Code == code {
						l.report(units.place(k.name), "gbt35965_units: %q is already the code of %s: two basins would give two messages one name", code, u.Basin)
					}
				}
				c.Units = append(c.Units, CAPUnit{k.name, code})
			}
			units.done()
		}
	}
	if v, ok := m.take("instructions"); ok {
		if list, ok := v.mapping(); ok {
			for _, s := range []hydro.Stage{hydro.Blue, hydro.Yellow, hydro.Orange, hydro.Red} {
				if _, ok := list.take(s.String()); ok {
					zh, en := list.name(s.String())
					c.Instructions = append(c.Instructions, CAPInstruction{s, zh, en})
				}
			}
			list.done()
		}
	}
	l.cat.CAP = c
}

// AreasOf returns the sub-basins for which a station speaks that has no area of
// its own: those that drain to its node, if it measures one, else the one that it
// lies in. Only those with an outline count.
func (c *Catalog) AreasOf(st *Station) []*SubBasin {
	b, ok := c.Basin(st.Basin)
	if !ok {
		return nil
	}
	at := map[string]bool{}
	for _, n := range b.Nodes {
		if n.Gauge == st.ID {
			at[n.ID] = true
		}
	}
	for _, r := range b.Reservoirs {
		if r.Station == st.ID {
			at[r.Node] = true
		}
	}
	var out []*SubBasin
	for i := range b.SubBasins {
		s := &b.SubBasins[i]
		if len(s.Boundary) < 3 {
			continue
		}
		if len(at) > 0 && at[s.Node] || len(at) == 0 && inRing(s.Boundary, [2]float64{st.Lon, st.Lat}) {
			out = append(out, s)
		}
	}
	return out
}

// oneOf returns the word of a key, the first if it is absent.
func (m *mapping) oneOf(name string, words ...string) string {
	if _, ok := m.take(name); !ok {
		return words[0]
	}
	s := m.text(name)
	if !slices.Contains(words, s) {
		m.l.report(m.place(name), "%s: %q is none of %v", name, s, words)
		return words[0]
	}
	return s
}

// buildArea reads where a station's warnings hold: corners as longitude and
// latitude, like every place of a catalogue, closed by itself.
func (m *mapping) buildArea() [][2]float64 {
	v, ok := m.take("area")
	if !ok {
		return nil
	}
	ring := v.positions()
	if n := len(ring); n > 1 && ring[0] == ring[n-1] {
		ring = ring[:n-1]
	}
	if len(ring) < 3 {
		v.fail("area: %d corners: give three or more, each as longitude, latitude", len(ring))
		return nil
	}
	if selfCrossing(ring) {
		v.fail("area: crosses itself: give the corners in their order around it")
	}
	return ring
}

// selfCrossing reports whether sides of a ring meet other than at the corner
// that they share.
func selfCrossing(ring [][2]float64) bool {
	if len(ring) > 1 && ring[0] == ring[len(ring)-1] {
		ring = ring[:len(ring)-1]
	}
	n := len(ring)
	side := func(a, b, p [2]float64) float64 { return (b[0]-a[0])*(p[1]-a[1]) - (b[1]-a[1])*(p[0]-a[0]) }
	on := func(a, b, p [2]float64) bool {
		return side(a, b, p) == 0 && min(a[0], b[0]) <= p[0] && p[0] <= max(a[0], b[0]) && min(a[1], b[1]) <= p[1] && p[1] <= max(a[1], b[1])
	}
	for i := range n {
		for j := i + 2; j < n; j++ {
			if i == 0 && j == n-1 {
				continue
			}
			a, b, c, d := ring[i], ring[(i+1)%n], ring[j], ring[(j+1)%n]
			if side(a, b, c)*side(a, b, d) < 0 && side(c, d, a)*side(c, d, b) < 0 || on(a, b, c) || on(a, b, d) || on(c, d, a) || on(c, d, b) {
				return true
			}
		}
	}
	return false
}
