package skill

import (
	"fmt"
	"math"
	"time"
)

// A Grade is 精度等级, the class of a forecast scheme.
type Grade uint8

// The grades, best first. The zero value is no grade: the score is not defined.
const (
	Ungraded Grade = iota
	GradeA         // 甲
	GradeB         // 乙
	GradeC         // 丙: for reference only
	BelowC         // an estimate, not a forecast
)

var gradeNames = [...][2]string{{"—", "—"}, {"甲", "A"}, {"乙", "B"}, {"丙", "C"}, {"丙以下", "below C"}}

// ZH returns the grade's Chinese name.
func (g Grade) ZH() string { return g.name(0) }

// String returns the grade's English name.
func (g Grade) String() string { return g.name(1) }

// MarshalText writes the English name, "" for no grade.
func (g Grade) MarshalText() ([]byte, error) {
	if g == Ungraded {
		return nil, nil
	}
	return []byte(g.String()), nil
}

func (g Grade) name(language int) string {
	if int(g) < len(gradeNames) {
		return gradeNames[g][language]
	}
	return fmt.Sprintf("grade(%d)", g)
}

// A Profile is the numbers of one edition of a standard. They are data, because
// editions differ.
type Profile struct {
	Name string     // with the edition
	DC   [3]float64 // least DC of grades A, B, C
	QR   [3]float64 // least share of qualified forecasts of grades A, B, C

	// Permissible error of a value forecast for a river reach: this share of the
	// observed change during the lead time, and not less than a floor.
	ChangeShare   float64
	FlowFloor     float64       // share of the observed flow
	LevelFloor    float64       // m
	PeakShare     float64       // permissible error of a flood peak, share of the observed one
	PeakTimeShare float64       // permissible error of its time, share of the time from issue to peak
	PeakTimeFloor time.Duration // and not less than this
}

// GBT22482of2008 is GB/T 22482-2008 水文情报预报规范.
var GBT22482of2008 = Profile{
	Name: "GB/T 22482-2008",
	DC:   [3]float64{0.90, 0.70, 0.50}, QR: [3]float64{0.85, 0.70, 0.60},
	ChangeShare: 0.20, FlowFloor: 0.05, LevelFloor: 0.10,
	PeakShare: 0.20, PeakTimeShare: 0.30, PeakTimeFloor: 3 * time.Hour,
}

// FlowTolerance returns the permissible error of a discharge forecast that was
// issued when the flow was from and for which observed came, in m³/s.
func (p Profile) FlowTolerance(from, observed float64) float64 {
	return max(p.ChangeShare*math.Abs(observed-from), p.FlowFloor*math.Abs(observed))
}

// LevelTolerance is the same for levels, in m.
func (p Profile) LevelTolerance(from, observed float64) float64 {
	return max(p.ChangeShare*math.Abs(observed-from), p.LevelFloor)
}

// GradeDC returns the grade of an NSE.
func (p Profile) GradeDC(nse float64) Grade { return grade(p.DC, nse) }

// GradeQR returns the grade of a share of qualified forecasts, 0 to 1.
func (p Profile) GradeQR(share float64) Grade { return grade(p.QR, share) }

// Lower returns the lower of two grades, and Ungraded if one of them is.
func Lower(a, b Grade) Grade {
	if a == Ungraded || b == Ungraded {
		return Ungraded
	}
	return max(a, b)
}

func grade(least [3]float64, score float64) Grade {
	if math.IsNaN(score) {
		return Ungraded
	}
	for i, l := range least {
		if score >= l {
			return GradeA + Grade(i)
		}
	}
	return BelowC
}
