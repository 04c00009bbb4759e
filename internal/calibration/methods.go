package calibration

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"freshet/forecast/calibrate"
	"freshet/forecast/param"
	"freshet/internal/hydro"
)

// A Method is a model that can be fitted.
type Method struct {
	Name     string
	Doc      string
	Needs    []string // roles of columns
	May      []string // roles that are used if there is a column
	Observed string   // the role that the model should give
	Warmup   time.Duration
	Budget   int     // evaluations for each parameter, unless told otherwise
	Pull     float64 // to the middle of the bounds, unless told otherwise; see Options

	build func(*Record, *Options) (*model, error)
}

// Methods are all that can be fitted, by name.
var Methods = []Method{
	{"muskingum", "reach: linear Muskingum in sub-reaches", []string{Inflow, Outflow}, nil, Outflow, 0, 5000, 0, muskingum},
	{"nl3", "reach: nonlinear Muskingum, S = K (x I + (1-x) O)^m", []string{Inflow, Outflow}, nil, Outflow, 0, 5000, 0, nonlinear(3)},
	{"nl4", "reach: nonlinear Muskingum, S = K (x I^a + (1-x) O^a)^m", []string{Inflow, Outflow}, nil, Outflow, 0, 5000, 0, nonlinear(4)},
	{"nl5", "reach: nonlinear Muskingum, S = K (x I^a1 + (1-x) O^a2)^m", []string{Inflow, Outflow}, nil, Outflow, 0, 5000, 0, nonlinear(5)},
	{"lag", "reach: lag and route, the flow moved by a time and through a linear reservoir", []string{Inflow, Outflow}, nil, Outflow, 0, 5000, 0, lagRoute},
	{"mct", "reach: Muskingum-Cunge-Todini in a trapezoid of given --length and --slope", []string{Inflow, Outflow}, nil, Outflow, 0, 5000, 0, mct},
	{"cunge", "reach: Muskingum-Cunge by t-route's conventions, channel and flood plain, of given --length and --slope", []string{Inflow, Outflow}, []string{Lateral}, Outflow, 0, 2000, 0, cunge},
	{"network", "reaches of a whole network by t-route's Muskingum-Cunge: factors of n and widths, of --network and --network-lateral", []string{Flow}, nil, Flow, 48 * time.Hour, 100, 0, wholeNetwork},
	{"saturation", "sub-basin: saturation excess with a slow store", []string{Rain, Flow}, []string{PET}, Flow, 60 * 24 * time.Hour, 1000, 0, subBasin(saturation)},
	{"xinanjiang", "sub-basin: Xinanjiang, three layers and three sources", []string{Rain, Flow}, []string{PET}, Flow, 365 * 24 * time.Hour, 1000, 0, subBasin(threeSources)},
	{"scs", "sub-basin: curve number, for events on dry ground", []string{Rain, Flow}, nil, Flow, 0, 2000, 0, subBasin(scs)},
	{"phi", "sub-basin: φ-index, a constant loss rate, for events", []string{Rain, Flow}, nil, Flow, 0, 2000, 0, subBasin(phi)},
	{"error", "gauge: half-life and parts of updating, by forecasts --lead ahead", []string{Computed, Observed}, nil, Observed, 4 * 24 * time.Hour, 30, 0, errorModel},
}

// MethodOf returns the method of that name.
func MethodOf(name string) (Method, error) {
	var names []string
	for _, m := range Methods {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Method{}, fmt.Errorf("--method %q: want one of %s: %w", name, strings.Join(names, ", "), hydro.ErrInvalid)
}

// A model is a method on a record.
type model struct {
	parameters []parameter
	// simulate writes to out[from:to] what the model gives for these steps when it
	// is begun at from. Both x and out are the caller's.
	simulate func(x []float64, from, to int, out []float64) error
	// fragment writes the part of a catalogue that holds x.
	fragment func(b *strings.Builder, id string, x []float64)
	// complete, if not nil, appends to x the values of the parameters derived, which
	// follow from x and the windows. What simulate and fragment get is completed.
	complete func(x []float64, windows []window) ([]float64, error)
	derived  []parameter
	// given, if not nil, is x before anything was fitted: the report compares with it.
	given []float64
	event bool // it knows events alone
}

// A parameter is looked for in a part of what the method accepts.
type parameter struct {
	calibrate.Parameter
	valid param.Param
	held  *float64 // its value, where it is not looked for
}

// within makes a parameter of p that is called name and looked for where the table
// of its method says, at a step of dt s.
func within(p param.Param, name string, dt float64) parameter {
	q := parameter{valid: p}
	q.Param, q.Name, q.Log, q.Whole = p, name, p.Sought.Log, p.Sought.Whole
	q.Lo, q.Hi = p.Sought.Bounds(dt)
	q.Above = false
	return q
}

// holding makes a parameter of p that is held at v unless --bound frees it.
func holding(p param.Param, name string, v float64) parameter {
	q := parameter{valid: p}
	q.Param, q.Name, q.Whole = p, name, p.Sought.Whole
	q.hold(v)
	return q
}

// number writes five digits, and an exponent only where a value is so small that it
// would lose them.
func number(v float64) string {
	if v != 0 && math.Abs(v) < smallest {
		return strconv.FormatFloat(v, 'g', 5, 64)
	}
	digits := max(0, 4-int(math.Floor(math.Log10(max(math.Abs(v), 1e-2)))))
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if digits > 0 {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

const smallest = 1e-3

// duration writes seconds as the catalogue does.
func duration(seconds float64) string {
	s := (time.Duration(math.Round(seconds)) * time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// written returns the value as a catalogue holds it, up to a digit up or down.
func (p parameter) written(v float64, steps int) float64 {
	switch {
	case p.Whole:
		return v
	case p.Unit == "s":
		return math.Round(v) + float64(steps)
	}
	digit := math.Pow(10, math.Floor(math.Log10(max(math.Abs(v), 1e-2)))-4)
	if v != 0 && math.Abs(v) < smallest {
		digit = math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-4)
	}
	w, err := strconv.ParseFloat(number(v+float64(steps)*digit), 64)
	if err != nil {
		return v
	}
	return w
}
