package skill

import (
	"fmt"
	"math"
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

// A Rating is 作业预报等级, the class of one forecast.
type Rating uint8

// The ratings, best first. The zero value is none: the profile does not say what
// is permissible.
const (
	Unrated     Rating = iota
	Excellent          // 优秀
	Good               // 良好
	Qualified          // 合格
	Unqualified        // 不合格
)

var ratingNames = [...][2]string{{"不评定", "not judged"}, {"优秀", "excellent"}, {"良好", "good"}, {"合格", "qualified"}, {"不合格", "not qualified"}}

// ZH returns the rating's Chinese name.
func (r Rating) ZH() string { return r.name(0) }

// String returns the rating's English name.
func (r Rating) String() string { return r.name(1) }

// MarshalText writes the English name, "" for none.
func (r Rating) MarshalText() ([]byte, error) {
	if r == Unrated {
		return nil, nil
	}
	return []byte(r.String()), nil
}

func (r Rating) name(language int) string {
	if int(r) < len(ratingNames) {
		return ratingNames[r][language]
	}
	return fmt.Sprintf("rating(%d)", r)
}

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
