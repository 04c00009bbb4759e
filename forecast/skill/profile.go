package skill

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A Profile is the numbers of one edition of a standard. They are data, because
// editions differ and because not all of them could be read in the standard's
// own text: Basis says which.
type Profile struct {
	ID   string // as a command line names it
	Name string // with the edition

	DC [3]float64 // least DC of grades A, B, C
	QR [3]float64 // least share of qualified forecasts of grades A, B, C, 0 to 1

	// Greatest error over permissible error (GRD) of one forecast that is excellent,
	// good, qualified.
	Single [3]float64

	// Permissible error of a flood peak of a rainfall-runoff forecast, as a share
	// of the observed one, by the basin's area: the first row whose Above is
	// exceeded counts. Descending by Above.
	Peak []AreaShare
	// Permissible error of a value forecast for a river reach, a share of the
	// observed change during the lead time, and not less than a floor.
	ChangeShare float64
	FlowFloor   float64 // share of the observed flow
	LevelFloor  float64 // m
	// Permissible error of the time of a peak, a share of the time from issue to
	// the observed peak, and not less than the floor or one step of the forecast.
	PeakTimeShare float64
	PeakTimeFloor time.Duration
	// Permissible error of an event's runoff depth, a share of the observed one
	// within bounds.
	DepthShare float64
	DepthLeast float64 // mm
	DepthMost  float64 // mm

	// Basis says of each number where it comes from. What a file changed is Given.
	Basis []Basis
}

// An AreaShare is a share that holds for basins above an area.
type AreaShare struct {
	Above float64 // km²
	Share float64
}

// A Basis says how far an item of a profile can be trusted.
type Basis struct {
	Item   string // dc, qr, single, peak, change, flow_floor, level_floor, peak_time, runoff_depth or scheme
	Trust  Trust
	Source string
}

// Trust is how a number of a standard came to be known.
type Trust string

// The ways, best first.
const (
	ReadInOlder Trust = "verified in older text" // of the industry standard that the national one grew from
	ReadInCode  Trust = "verified in code"       // in somebody's published code that cites the standard
	Recalled    Trust = "recalled"               // from memory of the field, no text at hand
	OwnChoice   Trust = "this project's rule"    // the standard does not say, or not known to
	GivenByUser Trust = "given by a file"
)

const (
	oldText  = "text of the 2000 industry standard SL 250-2000, a public copy"
	newCode  = "public code for the edition of 2026, Inupedia/hydro-agent gbt22482.py"
	bookCode = "public code citing 水文预报, 4th ed., p. 328"
)

// GBT22482of2008 is GB/T 22482-2008 水文情报预报规范, in force until 2027-02-01
// as far as is known.
var GBT22482of2008 = Profile{
	ID: "gbt22482-2008", Name: "GB/T 22482-2008",
	DC: [3]float64{0.90, 0.70, 0.50}, QR: [3]float64{0.85, 0.70, 0.60}, Single: [3]float64{0.25, 0.50, 1},
	Peak:        []AreaShare{{0, 0.20}},
	ChangeShare: 0.20, FlowFloor: 0.05, LevelFloor: 0.10,
	PeakTimeShare: 0.30, PeakTimeFloor: 3 * time.Hour,
	DepthShare: 0.20, DepthLeast: 3, DepthMost: 20,
	Basis: []Basis{
		{"dc", Recalled, "equal to the edition of 2026, which is " + string(ReadInCode)},
		{"qr", Recalled, "equal to the edition of 2026, which is " + string(ReadInCode)},
		{"single", Recalled, "equal to the edition of 2026, which is " + string(ReadInCode)},
		{"peak", ReadInOlder, oldText},
		{"change", ReadInOlder, oldText},
		{"flow_floor", ReadInCode, bookCode},
		{"level_floor", Recalled, "the field's practice"},
		{"peak_time", Recalled, "equal to the edition of 2026; the text of 2000 says one computing step"},
		{"runoff_depth", ReadInOlder, oldText + " for the share and the most; the least of 3 mm by " + newCode},
		{"scheme", OwnChoice, "the lower of the grades of DC and QR, as in the edition of 2026"},
	},
}

// GBT22482of2026 is GB/T 22482-2026, said to be published on 2026-07-30 and in
// force from 2027-02-01. One public code is all that was found of it.
var GBT22482of2026 = Profile{
	ID: "gbt22482-2026", Name: "GB/T 22482-2026",
	DC: [3]float64{0.90, 0.70, 0.50}, QR: [3]float64{0.85, 0.70, 0.60}, Single: [3]float64{0.25, 0.50, 1},
	Peak:        []AreaShare{{3000, 0.20}, {200, 0.30}},
	ChangeShare: 0.20, FlowFloor: 0.05, LevelFloor: 0.10,
	PeakTimeShare: 0.30, PeakTimeFloor: 3 * time.Hour,
	DepthShare: 0.20, DepthLeast: 3, DepthMost: 20,
	Basis: []Basis{
		{"dc", ReadInCode, newCode},
		{"qr", ReadInCode, newCode},
		{"single", ReadInCode, newCode},
		{"peak", ReadInCode, newCode + "; for 200 km² and less nothing is known"},
		{"change", Recalled, "as in the edition of 2008"},
		{"flow_floor", Recalled, "as in the edition of 2008"},
		{"level_floor", Recalled, "as in the edition of 2008"},
		{"peak_time", ReadInCode, newCode},
		{"runoff_depth", ReadInCode, newCode},
		{"scheme", ReadInCode, newCode + ": the lower of the grades of DC and QR"},
	},
}

// Profiles are the profiles that can be named; the first is the default.
var Profiles = []Profile{GBT22482of2008, GBT22482of2026}

// Check returns an error with the number that cannot be: shares outside 0 to 1,
// grades that do not descend, a floor below 0, areas that do not descend.
func (p Profile) Check() error {
	for _, g := range []struct {
		name  string
		least [3]float64
	}{{"dc", p.DC}, {"qr", p.QR}} {
		for i, l := range g.least {
			if !(l > 0 && l <= 1) || i > 0 && l >= g.least[i-1] {
				return fmt.Errorf("profile %s: %s %v: three numbers above 0 and up to 1, descending, are needed", p.Name, g.name, g.least)
			}
		}
	}
	for i, g := range p.Single {
		if !(g > 0) || math.IsInf(g, 0) || i > 0 && g <= p.Single[i-1] {
			return fmt.Errorf("profile %s: single %v: three numbers above 0, ascending, are needed", p.Name, p.Single)
		}
	}
	for i, a := range p.Peak {
		if !(a.Above >= 0) || math.IsInf(a.Above, 0) || i > 0 && a.Above >= p.Peak[i-1].Above {
			return fmt.Errorf("profile %s: peak: row %d is for areas above %g km²: at least 0 and descending is needed", p.Name, i+1, a.Above)
		}
		if !(a.Share > 0 && a.Share <= 1) {
			return fmt.Errorf("profile %s: peak: share %g is not above 0 and up to 1", p.Name, a.Share)
		}
	}
	if len(p.Peak) == 0 {
		return fmt.Errorf("profile %s: peak: no row", p.Name)
	}
	for _, s := range []struct {
		name  string
		value float64
	}{{"change", p.ChangeShare}, {"peak_time", p.PeakTimeShare}, {"runoff_depth", p.DepthShare}} {
		if !(s.value > 0 && s.value <= 1) {
			return fmt.Errorf("profile %s: %s: share %g is not above 0 and up to 1", p.Name, s.name, s.value)
		}
	}
	switch {
	case !(p.FlowFloor >= 0 && p.FlowFloor <= 1):
		return fmt.Errorf("profile %s: flow_floor: share %g is not 0 to 1", p.Name, p.FlowFloor)
	case !(p.LevelFloor >= 0) || math.IsInf(p.LevelFloor, 0):
		return fmt.Errorf("profile %s: level_floor: %g m is below 0 or not finite", p.Name, p.LevelFloor)
	case p.PeakTimeFloor < 0:
		return fmt.Errorf("profile %s: peak_time: floor %s is below 0", p.Name, p.PeakTimeFloor)
	case !(p.DepthLeast >= 0 && p.DepthMost >= p.DepthLeast) || math.IsInf(p.DepthMost, 0):
		return fmt.Errorf("profile %s: runoff_depth: least %g mm and most %g mm do not fit together", p.Name, p.DepthLeast, p.DepthMost)
	}
	return nil
}

// FlowTolerance returns the permissible error of a discharge forecast for a
// river reach that was issued when the flow was from and for which observed
// came, in m³/s.
func (p Profile) FlowTolerance(from, observed float64) float64 {
	return max(p.ChangeShare*math.Abs(observed-from), p.FlowFloor*math.Abs(observed))
}

// LevelTolerance is the same for levels, in m.
func (p Profile) LevelTolerance(from, observed float64) float64 {
	return max(p.ChangeShare*math.Abs(observed-from), p.LevelFloor)
}

// PeakTolerance returns the permissible error of the observed peak of a
// rainfall-runoff forecast, in the peak's unit, for a basin of an area in km².
// An area of 0 is not known, and the strictest share is taken. It is NaN where
// the profile has no share for basins so small: such peaks are not judged.
func (p Profile) PeakTolerance(observed, area float64) float64 {
	if area <= 0 {
		least := math.Inf(1)
		for _, a := range p.Peak {
			least = min(least, a.Share)
		}
		return least * math.Abs(observed)
	}
	for _, a := range p.Peak {
		if area > a.Above {
			return a.Share * math.Abs(observed)
		}
	}
	return math.NaN()
}

// PeakTimeTolerance returns the permissible error of the time of a peak that
// came ahead after the issue of a forecast with that step.
func (p Profile) PeakTimeTolerance(ahead, step time.Duration) time.Duration {
	return max(time.Duration(p.PeakTimeShare*float64(ahead)), p.PeakTimeFloor, step)
}

// DepthTolerance returns the permissible error of an observed runoff depth, mm.
func (p Profile) DepthTolerance(observed float64) float64 {
	return min(max(p.DepthShare*observed, p.DepthLeast), p.DepthMost)
}

// Rate returns the rating of one forecast by its error over the permissible error
// (GRD), both in one unit, and the ratio; the sign of the error does not count. A
// permissible error that is not above 0 gives NaN and no rating.
func (p Profile) Rate(err, permissible float64) (float64, Rating) {
	if !(permissible > 0) || math.IsNaN(err) {
		return math.NaN(), Unrated
	}
	ratio := math.Abs(err) / permissible
	for i, most := range p.Single {
		if ratio <= most {
			return ratio, Excellent + Rating(i)
		}
	}
	return ratio, Unqualified
}

// GradeDC returns the grade of an NSE, dimensionless.
func (p Profile) GradeDC(nse float64) Grade { return grade(p.DC, nse) }

// GradeQR returns the grade of a share of qualified forecasts, 0 to 1.
func (p Profile) GradeQR(share float64) Grade { return grade(p.QR, share) }

// Scheme returns the grade of a scheme from those of DC, the NSE, and of QR, the share
// of qualified forecasts: the lower one.
func (p Profile) Scheme(nse, qualified float64) Grade {
	return Lower(p.GradeDC(nse), p.GradeQR(qualified))
}

// Trusted returns the items of p of that trust, in the order of Basis.
func (p Profile) Trusted(t Trust) []string {
	var items []string
	for _, b := range p.Basis {
		if b.Trust == t {
			items = append(items, b.Item)
		}
	}
	return items
}

// Table returns p as rows of a Markdown table: item, rule, how it is known.
func (p Profile) Table() string {
	percent := func(share float64) string { return fmt.Sprintf("%g %%", math.Round(share*1e6)/1e4) }
	var peaks []string
	for _, a := range p.Peak {
		text := percent(a.Share) + " of the observed peak"
		if a.Above > 0 {
			text += fmt.Sprintf(" above %g km²", a.Above)
		}
		peaks = append(peaks, text)
	}
	rules := []struct{ item, rule string }{
		{"dc", fmt.Sprintf("甲 ≥ %.2f, 乙 ≥ %.2f, 丙 ≥ %.2f", p.DC[0], p.DC[1], p.DC[2])},
		{"qr", fmt.Sprintf("甲 ≥ %s, 乙 ≥ %s, 丙 ≥ %s", percent(p.QR[0]), percent(p.QR[1]), percent(p.QR[2]))},
		{"single", fmt.Sprintf("error over permissible error: excellent ≤ %s, good ≤ %s, qualified ≤ %s", percent(p.Single[0]), percent(p.Single[1]), percent(p.Single[2]))},
		{"peak", strings.Join(peaks, ", ")},
		{"change", percent(p.ChangeShare) + " of the observed change during the lead time"},
		{"flow_floor", "not less than " + percent(p.FlowFloor) + " of the observed flow"},
		{"level_floor", fmt.Sprintf("not less than %g m", p.LevelFloor)},
		{"peak_time", fmt.Sprintf("%s of the time from issue to peak, not less than %g h or one step", percent(p.PeakTimeShare), p.PeakTimeFloor.Hours())},
		{"runoff_depth", fmt.Sprintf("%s of the observed depth, %g mm at least and %g mm at most", percent(p.DepthShare), p.DepthLeast, p.DepthMost)},
		{"scheme", "the lower of the grades of DC and QR"},
	}
	var b strings.Builder
	b.WriteString("| item | rule | known how | source |\n|---|---|---|---|\n")
	for _, r := range rules {
		basis := Basis{Trust: OwnChoice}
		if i := slices.IndexFunc(p.Basis, func(b Basis) bool { return b.Item == r.item }); i >= 0 {
			basis = p.Basis[i]
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.item, r.rule, basis.Trust, basis.Source)
	}
	return b.String()
}
