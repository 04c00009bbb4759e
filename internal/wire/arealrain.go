package wire

import (
	"math"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

func fromArealRain(rains []hydro.ArealRain) []*freshetv1.ArealRain {
	var out []*freshetv1.ArealRain
	for i := range rains {
		r := &rains[i]
		out = append(out, &freshetv1.ArealRain{
			SubBasin: r.SubBasin, Coverage: r.Coverage, MissingGauges: r.MissingGauges, Assumed: r.Assumed,
			Last_1H: known(r.Last1h), Last_3H: known(r.Last3h), Last_6H: known(r.Last6h), Last_24H: known(r.Last24h),
		})
	}
	return out
}

func toArealRain(ps []*freshetv1.ArealRain) []hydro.ArealRain {
	var out []hydro.ArealRain
	for _, p := range ps {
		if p == nil {
			p = &freshetv1.ArealRain{}
		}
		out = append(out, hydro.ArealRain{
			SubBasin: p.GetSubBasin(), Coverage: p.GetCoverage(), MissingGauges: p.GetMissingGauges(), Assumed: p.GetAssumed(),
			Last1h: orNaN(p.Last_1H), Last3h: orNaN(p.Last_3H), Last6h: orNaN(p.Last_6H), Last24h: orNaN(p.Last_24H),
		})
	}
	return out
}

// known is nil for NaN.
func known(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}
