package catalog

import (
	"math"
	"time"

	"freshet/internal/hydro"
)

// Marks are the levels of a river station that people measure a flood by: what
// stands above them is told as 超警 and 超保. They ask for no stage; stage tables
// do. No number has a default: where the competent department has given none,
// there is none.
type Marks struct {
	Station      string
	ValidFrom    time.Time
	Datum        hydro.Datum
	Warning      float64 // 警戒水位, m; NaN: not given
	Guarantee    float64 // 保证水位, m; NaN: not given
	Highest      Highest
	Source       string
	Illustrative bool
}

// Highest is the highest level on record 历史最高水位 of a station.
type Highest struct {
	Level  float64   // m; NaN: not given
	On     time.Time // midnight of its day in the station's zone; zero: not given
	Source string
}

// MarksOf returns the marks of a station that are in force at the instant.
func (c *Catalog) MarksOf(station string, at time.Time) (*Marks, bool) {
	var best *Marks
	for i := range c.Marks {
		m := &c.Marks[i]
		if m.Station == station && !m.ValidFrom.After(at) && (best == nil || m.ValidFrom.After(best.ValidFrom)) {
			best = m
		}
	}
	return best, best != nil
}

func (l *loader) buildMarks(m *mapping) {
	x := Marks{Source: m.needText("source"), Illustrative: m.flag("illustrative")}
	zone := time.UTC
	if v, ok := m.need("station"); ok {
		if s, ok := v.station("station"); ok {
			x.Station, zone = s.ID, l.locations[s.ID]
			if !s.Reports(hydro.WaterLevel) {
				v.fail("marks: station %q reports no water_level, so nothing can stand above a mark", s.ID)
			}
		}
	}
	x.ValidFrom = m.instant("valid_from", zone)
	x.Datum = l.tableDatum(m, x.Station, "the marks")
	x.Warning = m.number("warning", math.NaN(), anyNumber)
	x.Guarantee = m.number("guarantee", math.NaN(), anyNumber)
	x.Highest = m.highest(zone)
	switch {
	case m.values["warning"].n == nil && m.values["guarantee"].n == nil && m.values["highest"].n == nil:
		l.report(m.at(), "marks: no mark is given; give warning, guarantee, highest or several of them")
	case x.Guarantee <= x.Warning:
		l.report(m.place("guarantee"), "guarantee: %g is not above warning %g: 保证水位 lies above 警戒水位", x.Guarantee, x.Warning)
	}
	for _, o := range l.cat.Marks {
		if o.Station == x.Station && x.Station != "" && o.ValidFrom.Equal(x.ValidFrom) && !x.ValidFrom.IsZero() {
			l.report(m.place("valid_from"), "station %q has other marks with the same valid_from", x.Station)
		}
	}
	l.cat.Marks = append(l.cat.Marks, x)
}

// highest reads the highest level on record. It may lie below the other marks: a
// record need not be long.
func (m *mapping) highest(zone *time.Location) Highest {
	h := Highest{Level: math.NaN()}
	v, ok := m.take("highest")
	if !ok {
		return h
	}
	k, ok := v.mapping()
	if !ok {
		return h
	}
	h.Level = k.needNumber("level", anyNumber)
	if k.values["on"].n != nil {
		h.On = k.instant("on", zone)
	}
	h.Source = k.needText("source")
	k.done()
	return h
}
