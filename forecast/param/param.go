// Package param describes the parameters of forecast methods as data: name,
// unit, range and source. One table checks configuration and draws the tables
// of docs/models.
package param

import (
	"fmt"
	"math"
	"strings"
)

// A Param describes one parameter of a method.
type Param struct {
	Name   string
	Unit   string  // "–" if it has none
	Lo, Hi float64 // the range that Check accepts, both ends included
	Above  bool    // Lo itself is refused
	Doc    string
	Source string // tag of the paper, as in the package comment of the method
	Sought Sought // where calibration looks; the zero value: it is not looked for
}

// Sought is the part of a parameter's range in which calibration looks for it
// unless it is told another.
type Sought struct {
	Lo, Hi float64
	// LoSteps and HiSteps are bounds in steps of the data, of a parameter in s. The
	// larger of both lower bounds counts, and the larger of both upper ones.
	LoSteps, HiSteps float64
	Log              bool // its order of magnitude is looked for
	Whole            bool // only whole numbers count
}

// Bounds returns the bounds for data of a step of dt s.
func (s Sought) Bounds(dt float64) (lo, hi float64) {
	return max(s.Lo, s.LoSteps*dt), max(s.Hi, s.HiSteps*dt)
}

// String returns the bounds as text, such as "0.5 to 200 steps".
func (s Sought) String() string {
	bound := func(v, steps float64) string {
		switch {
		case steps == 0:
			return fmt.Sprintf("%g", v)
		case v == 0:
			return fmt.Sprintf("%g steps", steps)
		default:
			return fmt.Sprintf("%g, at least %g steps", v, steps)
		}
	}
	text := bound(s.Lo, s.LoSteps) + " to " + bound(s.Hi, s.HiSteps)
	if s.Whole {
		text += ", whole"
	}
	if s.Log {
		text += ", log"
	}
	return text
}

// Check returns an error that names the parameter, its value and its range
// unless v, in the unit of the parameter, lies in the range. NaN lies in none.
func (p Param) Check(v float64) error {
	if v > p.Lo && v <= p.Hi || v == p.Lo && !p.Above {
		return nil
	}
	return fmt.Errorf("%s = %g %s: want %s", p.Name, v, p.Unit, p.Range())
}

// Range returns the range as text, such as "0 to 1" or "> 0".
func (p Param) Range() string {
	switch {
	case math.IsInf(p.Hi, 1) && p.Above:
		return fmt.Sprintf("> %g", p.Lo)
	case math.IsInf(p.Hi, 1):
		return fmt.Sprintf(">= %g", p.Lo)
	case p.Above:
		return fmt.Sprintf("> %g to %g", p.Lo, p.Hi)
	default:
		return fmt.Sprintf("%g to %g", p.Lo, p.Hi)
	}
}

// Table returns the parameters as a Markdown table.
func Table(params []Param) string {
	var b strings.Builder
	b.WriteString("| parameter | unit | range | meaning | source |\n|---|---|---|---|---|\n")
	for _, p := range params {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", p.Name, p.Unit, p.Range(), p.Doc, p.Source)
	}
	return b.String()
}
