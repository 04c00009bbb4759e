package wire

import (
	"fmt"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

var (
	basesFrom = [...]freshetv1.Basis{
		hydro.Itself:     freshetv1.Basis_BASIS_UNSPECIFIED, // as it was before there were others
		hydro.Rise:       freshetv1.Basis_BASIS_RISE,
		hydro.OverLimit:  freshetv1.Basis_BASIS_OVER_LIMIT,
		hydro.Likelihood: freshetv1.Basis_BASIS_CHANCE,
	}
	basesTo = [...]hydro.Basis{
		freshetv1.Basis_BASIS_UNSPECIFIED: hydro.Itself,
		freshetv1.Basis_BASIS_RISE:        hydro.Rise,
		freshetv1.Basis_BASIS_OVER_LIMIT:  hydro.OverLimit,
		freshetv1.Basis_BASIS_CHANCE:      hydro.Likelihood,
	}
)

// FromBasis returns m as protobuf; that of an unknown one is the value itself.
func FromBasis(m hydro.Basis) freshetv1.Basis {
	if int(m) >= len(basesFrom) {
		return freshetv1.Basis_BASIS_UNSPECIFIED
	}
	return basesFrom[m]
}

// ToBasis returns the measure.
func ToBasis(p freshetv1.Basis) (hydro.Basis, error) {
	if p < 0 || int(p) >= len(basesTo) {
		return 0, fmt.Errorf("measure: %d is not known: %w", p, hydro.ErrInvalid)
	}
	return basesTo[p], nil
}

// FromBlind returns what is not seen of a basin as protobuf.
func FromBlind(basin string, sets []hydro.BlindSet) []*freshetv1.BlindSet {
	out := make([]*freshetv1.BlindSet, 0, len(sets))
	for i := range sets {
		s := &sets[i]
		out = append(out, &freshetv1.BlindSet{
			Basin: basin, Cause: s.Cause, CauseZh: hydro.CauseZH(s.Cause), Department: FromDepartment(s.Department), Gateway: s.Gateway, Whole: s.Whole,
			Stations: s.Stations, Escalated: s.Escalated, Since: FromTime(s.Since),
		})
	}
	return out
}
