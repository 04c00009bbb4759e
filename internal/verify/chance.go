package verify

import (
	"cmp"
	"math"
	"slices"
	"time"

	"freshet/internal/hydro"
)

// BandOf returns the quantiles of the band that a run itself carries, at the
// band's own steps and NaN between them: what Options.Band is unless told
// otherwise.
func BandOf(f *hydro.Forecast, s *hydro.StationForecast, v hydro.Variable) []Quantile {
	if len(s.Band) == 0 || f.Step <= 0 || f.BandStep <= 0 || f.BandStep%f.Step != 0 {
		return nil
	}
	every := int(f.BandStep / f.Step)
	out := make([]Quantile, len(hydro.BandLevels))
	for i, p := range hydro.BandLevels {
		values := make([]float64, every*len(s.Band))
		for k := range values {
			values[k] = math.NaN()
			if (k+1)%every != 0 {
				continue
			}
			b := &s.Band[(k+1)/every-1]
			if v == hydro.WaterLevel {
				values[k] = b.Level[i]
			} else {
				values[k] = b.Discharge[i]
			}
		}
		out[i] = Quantile{P: p, Values: values}
	}
	return out
}

// Chances say how well runs told how probable it was that a threshold would be
// met. A run counts if it gave a chance, the gauge was read when it was issued
// and stood below the threshold, and was then read until the threshold was met
// or, without a gap, until the chance's end.
type Chances struct {
	Stage     string `json:"stage"`
	Measured  string `json:"variable"`
	Unit      string `json:"unit"`
	Threshold Score  `json:"threshold"`
	N         int    `json:"n"`   // runs that count
	Met       int    `json:"met"` // of them, how many saw the threshold met
	Mean      Score  `json:"mean_probability"`
	Base      Score  `json:"base_rate"`  // Met / N, known only afterwards
	Brier     Score  `json:"brier"`      // mean of (probability − met)²
	BaseBrier Score  `json:"base_brier"` // of always saying the base rate
	Skill     Score  `json:"brier_skill"`
}

// A chanceCase is what one run said of one threshold.
type chanceCase struct {
	issued time.Time
	of     hydro.Crossing
}

func (c *cases) takeChances(f *hydro.Forecast, s *hydro.StationForecast) {
	for i := range s.Crossings {
		if x := &s.Crossings[i]; !x.Chance.Until.IsZero() {
			c.chances = append(c.chances, chanceCase{f.IssuedAt, *x})
		}
	}
}

// met reports whether what was observed in (from, until] reaches a threshold,
// and whether that is known.
func (o *observed) met(threshold float64, from, until time.Time) (met, known bool) {
	i, found := slices.BinarySearchFunc(o.at, from, time.Time.Compare)
	if found {
		i++
	}
	last, whole := from, true
	for ; i < len(o.at) && !o.at[i].After(until); i++ {
		if o.values[i] >= threshold {
			return true, true
		}
		whole = whole && o.at[i].Sub(last) <= o.within
		last = o.at[i]
	}
	return false, whole && until.Sub(last) <= o.within
}

// scoreChances scores the cases of each threshold, mildest stage first.
func (c *cases) scoreChances(by map[hydro.Variable]*observed) []Chances {
	type key struct {
		stage     hydro.Stage
		variable  hydro.Variable
		threshold float64
	}
	sums := map[key]*Chances{}
	var order []key
	for i := range c.chances {
		x := &c.chances[i]
		o := by[x.of.Variable]
		if o == nil {
			continue // not observed
		}
		if now, ok := o.latest(x.issued); !ok || now >= x.of.Threshold {
			continue
		}
		met, known := o.met(x.of.Threshold, x.issued, x.of.Chance.Until)
		if !known {
			continue
		}
		k := key{x.of.Stage, x.of.Variable, x.of.Threshold}
		s := sums[k]
		if s == nil {
			s = &Chances{Stage: k.stage.String(), Measured: k.variable.String(), Unit: k.variable.Unit(), Threshold: Score(k.threshold)}
			sums[k] = s
			order = append(order, k)
		}
		came := 0.0
		if met {
			came = 1
			s.Met++
		}
		p := x.of.Chance.Probability
		s.N++
		s.Mean += Score(p)
		s.Brier += Score((p - came) * (p - came))
	}
	slices.SortFunc(order, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(a.variable, b.variable), cmp.Compare(a.threshold, b.threshold))
	})
	out := []Chances{}
	for _, k := range order {
		s := *sums[k]
		n := Score(s.N)
		s.Mean, s.Brier, s.Base = s.Mean/n, s.Brier/n, Score(s.Met)/n
		s.BaseBrier = s.Base * (1 - s.Base)
		s.Skill = Score(math.NaN()) // where the threshold is met always or never the base rate is perfect
		if s.BaseBrier > 0 {
			s.Skill = 1 - s.Brier/s.BaseBrier
		}
		out = append(out, s)
	}
	return out
}
