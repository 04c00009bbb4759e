package catalog

import (
	"time"

	"github.com/goccy/go-yaml/ast"
)

// A RainSpread is what rain forecasts without members err by, up to a lead: what fell
// is what was forecast times a factor, lognormal with this mean and coefficient of
// variation.
type RainSpread struct {
	To   time.Duration // from when the forecast was issued; 0: at every lead. The last one holds beyond, too
	CV   float64       // 0 to 3
	Mean float64       // of the factor: observed over forecast
}

// rainSpread reads one coefficient of variation, or a list of them by lead.
func rainSpread(m *mapping) []RainSpread {
	v := m.values["rain_spread"].n
	if _, list := v.(*ast.SequenceNode); !list {
		if cv := m.number("rain_spread", 0, between(0, 3)); cv > 0 {
			return []RainSpread{{CV: cv, Mean: 1}}
		}
		return nil
	}
	var out []RainSpread
	for _, item := range m.list("rain_spread") {
		e, ok := item.mapping()
		if !ok {
			continue
		}
		s := RainSpread{To: e.needDuration("to", time.Minute), CV: e.needNumber("cv", between(0, 3)), Mean: e.number("mean", 1, between(0.1, 10))}
		if n := len(out); n > 0 && s.To <= out[n-1].To {
			m.l.report(e.place("to"), "to: %s is not later than the %s before it", s.To, out[n-1].To)
		}
		out = append(out, s)
		e.done()
	}
	return out
}
