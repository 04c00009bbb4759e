package wire

import (
	"fmt"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

var (
	measuresFrom = [...]freshetv1.Measure{
		hydro.Itself:     freshetv1.Measure_MEASURE_UNSPECIFIED, // as it was before there were others
		hydro.Rise:       freshetv1.Measure_MEASURE_RISE,
		hydro.OverLimit:  freshetv1.Measure_MEASURE_OVER_LIMIT,
		hydro.Likelihood: freshetv1.Measure_MEASURE_CHANCE,
	}
	measuresTo = [...]hydro.Measure{
		freshetv1.Measure_MEASURE_UNSPECIFIED: hydro.Itself,
		freshetv1.Measure_MEASURE_RISE:        hydro.Rise,
		freshetv1.Measure_MEASURE_OVER_LIMIT:  hydro.OverLimit,
		freshetv1.Measure_MEASURE_CHANCE:      hydro.Likelihood,
	}
)

// FromMeasure returns m as protobuf; that of an unknown one is the value itself.
func FromMeasure(m hydro.Measure) freshetv1.Measure {
	if int(m) >= len(measuresFrom) {
		return freshetv1.Measure_MEASURE_UNSPECIFIED
	}
	return measuresFrom[m]
}

// ToMeasure returns the measure.
func ToMeasure(p freshetv1.Measure) (hydro.Measure, error) {
	if p < 0 || int(p) >= len(measuresTo) {
		return 0, fmt.Errorf("measure: %d is not known: %w", p, hydro.ErrInvalid)
	}
	return measuresTo[p], nil
}

// FromBlind returns what is not seen of a basin as protobuf.
func FromBlind(basin string, sets []hydro.BlindSet) []*freshetv1.BlindSet {
	out := make([]*freshetv1.BlindSet, 0, len(sets))
	for i := range sets {
		s := &sets[i]
		out = append(out, &freshetv1.BlindSet{
			Basin: basin, Cause: s.Cause, Department: FromDepartment(s.Department), Gateway: s.Gateway, Whole: s.Whole,
			Stations: s.Stations, Escalated: s.Escalated, Since: FromTime(s.Since),
		})
	}
	return out
}
