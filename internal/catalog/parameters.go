package catalog

import (
	"cmp"
	"slices"
	"time"

	"freshet/internal/hydro"
)

func (l *loader) parametersOf(m *mapping) []Parameter {
	var base []Parameter
	if v, ok := m.take("profile"); ok {
		id, _ := v.text()
		p, known := l.profileNodes[id]
		if !known {
			v.fail("profile: %q is not defined under profiles", id)
		} else {
			quiet := len(l.problems) // the profile's own mistakes are reported once, in checkProfiles
			base = l.readParameters(p.list("parameters"), nil)
			l.problems = l.problems[:quiet]
		}
	}
	out := l.readParameters(m.list("parameters"), base)
	if len(out) == 0 && m.values["profile"].n == nil && m.values["parameters"].n == nil {
		l.report(m.at(), "parameters: missing; say what the station reports, by profile or parameters")
	}
	return out
}

// readParameters reads a list of parameters on top of base: what a parameter
// of base does not have restated stays.
func (l *loader) readParameters(items []node, base []Parameter) []Parameter {
	out := slices.Clone(base)
	type id struct {
		v hydro.Variable
		s uint8
	}
	seen := map[id]bool{}
	for _, item := range items {
		m, ok := item.mapping()
		if !ok {
			continue
		}
		v, ok := parsed(m, "variable", hydro.ParseVariable, variableWords)
		sensor := uint8(m.whole("sensor", 0, 0, 255))
		if ok && v == hydro.GateOpening && sensor == 0 && m.values["sensor"].n == nil {
			l.report(m.at(), "sensor: missing; it is the gate's number, from 1")
		}
		if ok && seen[id{v, sensor}] {
			l.report(m.at(), "%s given twice", hydro.Key{Variable: v, Sensor: sensor})
		}
		seen[id{v, sensor}] = true
		p := Parameter{Variable: v, Sensor: sensor}
		at := slices.IndexFunc(out, func(p Parameter) bool { return p.Variable == v && p.Sensor == sensor })
		if at >= 0 {
			p = out[at]
		}
		l.readParameter(m, &p)
		m.done()
		switch {
		case !ok:
		case at >= 0:
			out[at] = p
		default:
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Parameter) int {
		return cmp.Or(cmp.Compare(a.Variable, b.Variable), cmp.Compare(a.Sensor, b.Sensor))
	})
	return out
}

func (l *loader) readParameter(m *mapping, p *Parameter) {
	if p.Interval == 0 {
		m.need("every")
	}
	p.Interval = m.duration("every", p.Interval, time.Minute)
	if p.Interval > 24*time.Hour {
		l.report(m.place("every"), "every: %s is longer than a day", p.Interval)
	}
	lim := &p.Limits
	if v, ok := m.take("fail_outside"); ok {
		if r, ok := v.span(); ok {
			if !lim.HasRange {
				lim.SuspectLow, lim.SuspectHigh = r[0], r[1]
			}
			lim.HasRange, lim.Low, lim.High = true, r[0], r[1]
		}
	}
	if v, ok := m.take("suspect_outside"); ok {
		if r, ok := v.span(); ok {
			if !lim.HasRange {
				v.fail("suspect_outside: needs fail_outside too")
			}
			lim.SuspectLow, lim.SuspectHigh = r[0], r[1]
		}
	} else if lim.HasRange { // a range narrowed by the station narrows what its profile suspects
		lim.SuspectLow, lim.SuspectHigh = max(lim.SuspectLow, lim.Low), min(lim.SuspectHigh, lim.High)
	}
	if lim.HasRange && (lim.SuspectLow < lim.Low || lim.SuspectHigh > lim.High || lim.SuspectLow > lim.SuspectHigh) {
		l.report(m.place("suspect_outside"), "suspect_outside: [%g, %g] must lie within fail_outside [%g, %g]", lim.SuspectLow, lim.SuspectHigh, lim.Low, lim.High)
	}
	if v, ok := m.take("step"); ok {
		if s, ok := v.mapping(); ok {
			lim.StepSuspect = s.number("suspect", lim.StepSuspect, notNegative)
			lim.StepFail = s.number("fail", lim.StepFail, notNegative)
			lim.DownSuspect = s.number("down_suspect", lim.DownSuspect, notNegative)
			lim.DownFail = s.number("down_fail", lim.DownFail, notNegative)
			lim.StepPer = s.duration("per", max(lim.StepPer, 0), time.Minute)
			if lim.StepFail > 0 && lim.StepSuspect > lim.StepFail {
				v.fail("step: suspect %g is above fail %g", lim.StepSuspect, lim.StepFail)
			}
			if suspect, fail := lim.Down(); fail > 0 && suspect > fail {
				v.fail("step: of a fall suspect %g is above fail %g", suspect, fail)
			}
			s.done()
		}
	}
	if lim.StepPer == 0 {
		lim.StepPer = 5 * time.Minute
	}
	if v, ok := m.take("stuck"); ok {
		if s, ok := v.mapping(); ok {
			lim.StuckAfter = s.duration("after", lim.StuckAfter, time.Minute)
			lim.StuckDelta = s.number("delta", lim.StuckDelta, notNegative)
			if _, ok := s.take("above"); ok {
				lim.StuckAbove, lim.HasStuckAbove = s.number("above", 0, anyNumber), true
				if p.Variable != 0 && p.Variable != hydro.WaterLevel && p.Variable != hydro.Discharge {
					l.report(s.place("above"), "stuck: above is for water_level and discharge, where low flow stands still")
				}
			}
			if lim.StuckAfter == 0 && s.values["after"].n == nil {
				v.fail("stuck: needs after, as in stuck: {after: 6h, delta: 0.005}")
			}
			s.done()
		}
	}
	l.readChecks(m, p)
}
