package calibrate

import (
	"fmt"
	"math"
	"strings"

	"freshet/forecast/skill"
)

// A Measure says how good a simulated series is against the observed one: 1 is
// perfect and more is better. It is NaN where the series do not define it.
type Measure struct {
	Name  string
	Doc   string
	Score func(observed, simulated []float64) float64
}

// Measures are those that a fit can ask for, by name.
var Measures = []Measure{
	{"kge", "Kling-Gupta efficiency of 2009: correlation, variability and volume weigh the same", skill.KGE},
	{"kge2012", "Kling-Gupta efficiency of 2012: variability relative to the mean", skill.KGE2012},
	{"nse", "Nash-Sutcliffe efficiency, the DC of GB/T 22482: peaks weigh most", skill.NSE},
	{"mix", "mean of kge and nse", mix},
	{"nselog", "mean of nse and the nse of the flows' logarithms: peaks and low water weigh the same", nselog},
}

func mix(observed, simulated []float64) float64 {
	return (skill.KGE(observed, simulated) + skill.NSE(observed, simulated)) / 2
}

// nselog takes the logarithms of the flows and a hundredth of the observed mean, as
// [Pushpalatha12] advise: a flow of zero has one too.
func nselog(observed, simulated []float64) float64 {
	little := 0.0
	for _, v := range observed {
		little += v / 100 / float64(len(observed))
	}
	o, s := make([]float64, len(observed)), make([]float64, len(observed))
	for i := range observed {
		o[i], s[i] = math.Log(observed[i]+little), math.Log(simulated[i]+little)
	}
	return (skill.NSE(observed, simulated) + skill.NSE(o, s)) / 2
}

// MeasureOf returns the measure of that name. It fails if there is none, and says which
// there are.
func MeasureOf(name string) (Measure, error) {
	var names []string
	for _, m := range Measures {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Measure{}, fmt.Errorf("calibrate: objective %q: want one of %s", name, strings.Join(names, " "))
}

// A Span is the steps From to To of a record, To excluded.
type Span struct{ From, To int }

// Len returns the number of steps.
func (s Span) Len() int { return s.To - s.From }

// Split cuts a record of n steps in two for a split-sample test [Klemes86]: the
// fit sees the first part, share of the steps, and what it found is judged on the
// rest. It fails unless 0 < share < 1 and both parts have at least 2 steps.
func Split(n int, share float64) (fit, check Span, err error) {
	if !(share > 0 && share < 1) {
		return Span{}, Span{}, fmt.Errorf("calibrate: split at %g of the record: want a share between 0 and 1", share)
	}
	cut := int(math.Round(share * float64(n)))
	if cut < 2 || n-cut < 2 {
		return Span{}, Span{}, fmt.Errorf("calibrate: a record of %d steps split at %g leaves %d and %d: want at least 2 in both", n, share, cut, n-cut)
	}
	return Span{0, cut}, Span{cut, n}, nil
}

// Pairs appends to o and s the observed and simulated values of the spans where
// there is an observed one, which is not NaN, and returns them. Both series are
// of the whole record. It panics if they differ in length or a span leaves them.
func Pairs(o, s, observed, simulated []float64, spans ...Span) (os, ss []float64) {
	if len(observed) != len(simulated) {
		panic("calibrate: observed and simulated have unequal length")
	}
	for _, span := range spans {
		if span.From < 0 || span.To > len(observed) || span.From > span.To {
			panic("calibrate: span outside of the record")
		}
		for i := span.From; i < span.To; i++ {
			if !math.IsNaN(observed[i]) {
				o, s = append(o, observed[i]), append(s, simulated[i])
			}
		}
	}
	return o, s
}
