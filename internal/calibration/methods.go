package calibration

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"freshet/forecast/calibrate"
	"freshet/forecast/param"
	"freshet/forecast/routing"
	"freshet/forecast/runoff"
	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
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
	{"saturation", "sub-basin: saturation excess with a slow store and Nash's unit hydrograph", []string{Rain, Flow}, []string{PET}, Flow, 60 * 24 * time.Hour, 1000, 0, saturation},
	{"xinanjiang", "sub-basin: Xinanjiang, three layers and three sources, with Nash's unit hydrograph", []string{Rain, Flow}, []string{PET}, Flow, 365 * 24 * time.Hour, 1000, 0, threeSources},
	{"scs", "sub-basin: curve number with Nash's unit hydrograph, for events on dry ground", []string{Rain, Flow}, nil, Flow, 0, 2000, 0, scs},
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
}

// A parameter is looked for in a part of what the method accepts.
type parameter struct {
	calibrate.Parameter
	valid param.Param
}

// within makes a parameter of p that is called name and looked for from lo to hi.
func within(p param.Param, name string, lo, hi float64) parameter {
	q := parameter{valid: p}
	q.Param = p
	q.Name, q.Lo, q.Hi = name, lo, hi
	return q
}

func (p parameter) log() parameter   { p.Log = true; return p }
func (p parameter) whole() parameter { p.Whole = true; return p }

// muskingum looks for the travel time, the weighting factor and the number of
// sub-reaches. It begins each event with a reach in which the first inflow has
// been flowing for long.
func muskingum(r *Record, _ *Options) (*model, error) {
	dt := r.Step.Seconds()
	in := r.Series(Inflow)
	m := &model{parameters: []parameter{
		within(routing.Params[0], "k", dt/2, 200*dt).log(),
		within(routing.Params[1], "x", 0, 0.5),
		within(routing.Params[3], "sub_reaches", 1, 100).log().whole(),
	}}
	m.simulate = func(x []float64, from, to int, out []float64) error {
		reach, err := routing.NewMuskingum(x[0], x[1], dt, int(x[2]))
		if err != nil {
			return err
		}
		out[from] = in[from]
		reach.Route(reach.Steady(in[from]), in[from+1:to], out[from+1:to])
		return nil
	}
	m.fragment = func(b *strings.Builder, id string, x []float64) {
		fmt.Fprintf(b, "# x and sub_reaches belong to the step of %s. As a whole the reach has X = %s: at another step keep k and choose\n", duration(dt), number((1-(1-2*x[1])/x[2])/2)) // [Cunge69], see forecast/routing
		fmt.Fprintf(b, "# x and sub_reaches with (1 - (1 - 2x)/sub_reaches)/2 = X, see docs/models/forecast.md.\n")
		fmt.Fprintf(b, "reaches:\n  - id: %s # add from, to and length\n    k: %s\n    x: %s\n    sub_reaches: %d\n", id, duration(x[0]), number(x[1]), int(x[2]))
	}
	return m, nil
}

// nonlinear looks for the storage equation of a reach. In place of K, whose unit
// depends on the exponents, it looks for the travel time k at the mean inflow q:
// K (x q^a1 + (1-x) q^a2)^m = k q.
func nonlinear(form int) func(*Record, *Options) (*model, error) {
	return func(r *Record, o *Options) (*model, error) {
		dt := r.Step.Seconds()
		in := r.Series(Inflow)
		_, present := calibrate.Pairs(nil, nil, in, in, calibrate.Span{To: r.N})
		mean := stat.Mean(present, nil)
		if !(mean > 0) {
			return nil, fmt.Errorf("%s: the mean inflow is %g m³/s: want > 0: %w", r.Name, mean, hydro.ErrInvalid)
		}
		p := routing.NonlinearParams
		most := 0.5
		if form == 5 {
			most = 0.99
		}
		k := param.Param{Name: "k", Unit: "s", Hi: math.Inf(1), Above: true, Doc: "travel time at the mean inflow"}
		m := &model{parameters: []parameter{within(k, "k", dt/2, 200*dt).log(), within(p[1], "x", 0, most), within(p[2], "m", 0.5, 10).log()}}
		switch form {
		case 4:
			m.parameters = append(m.parameters, within(p[3], "a", 0.05, 10).log())
		case 5:
			m.parameters = append(m.parameters, within(p[3], "a1", 0.05, 10).log(), within(p[4], "a2", 0.05, 10).log())
		}
		if o.Lateral {
			m.parameters = append(m.parameters, within(p[5], "beta", -0.5, 0.5))
		}
		parametersOf := func(x []float64) routing.NonlinearParameters {
			n := routing.NonlinearParameters{X: x[1], M: x[2], A1: 1, A2: 1}
			switch form {
			case 4:
				n.A1, n.A2 = x[3], x[3]
			case 5:
				n.A1, n.A2 = x[3], x[4]
			}
			if o.Lateral {
				n.Lateral = x[len(x)-1]
			}
			n.K = x[0] * mean / math.Pow(n.X*math.Pow(mean, n.A1)+(1-n.X)*math.Pow(mean, n.A2), n.M)
			return n
		}
		m.simulate = func(x []float64, from, to int, out []float64) error {
			reach, err := routing.NewNonlinear(parametersOf(x), dt)
			if err != nil {
				return err
			}
			out[from] = in[from]
			_, err = reach.Route(reach.State(in[from], in[from]), in[from+1:to], out[from+1:to])
			return err
		}
		m.fragment = func(b *strings.Builder, id string, x []float64) {
			n := parametersOf(x)
			fmt.Fprintf(b, "# The catalogue has no nonlinear reaches: these are for routing.NewNonlinear at a step of %s.\n", duration(dt))
			fmt.Fprintf(b, "# reach %s: K %.6g, x %s, m %s, a1 %s, a2 %s, beta %s\n", id, n.K, number(n.X), number(n.M), number(n.A1), number(n.A2), number(n.Lateral))
		}
		return m, nil
	}
}

// saturation looks for the parameters of a sub-basin. It begins half full, with a
// slow store that carries the flow observed then.
func saturation(r *Record, o *Options) (*model, error) {
	if err := checkArea(o); err != nil {
		return nil, err
	}
	dt := r.Step.Seconds()
	rain, pet, flow := r.Series(Rain), r.Series(PET), r.Series(Flow)
	unit := o.Area * 1000 / dt // m³/s of 1 mm per step
	p, u := runoff.Params, unithydrograph.Params
	evaporation := within(p[3], "evaporation", 0, 10)
	if pet != nil {
		factor := param.Param{Name: "pet_factor", Unit: "–", Hi: 10, Doc: "from the pet column to potential evaporation"}
		evaporation = within(factor, "pet_factor", 0.3, 2)
	}
	m := &model{parameters: []parameter{
		within(p[0], "capacity", 20, 500), within(p[1], "exponent", 0.05, 2), within(p[2], "impervious", 0, 0.3), evaporation,
		within(p[4], "base_share", 0, 1), within(p[5], "base_recession", 6*3600, 120*86400).log(),
		within(u[0], "uh_reservoirs", 0.5, 10), within(u[1], "uh_scale", max(60, dt/10), max(2*86400, 5*dt)).log(),
	}}
	var on onTheWay
	m.simulate = func(x []float64, from, to int, out []float64) error {
		rp := runoff.Parameters{Capacity: x[0], Exponent: x[1], Impervious: x[2], BaseShare: x[4], BaseRecession: x[5]}
		if pet == nil {
			rp.Evaporation = x[3]
		}
		ground, err := runoff.New(rp, dt)
		if err != nil {
			return err
		}
		uh, err := unithydrograph.Nash(x[6], x[7], dt)
		if err != nil {
			return err
		}
		s := runoff.State{Tension: x[0] / 2}
		if q := flow[from]; !math.IsNaN(q) && x[4] > 0 {
			s.Slow = q / unit * x[5] / dt // its outflow, per step, is the store times dt/k
		}
		fast := on.begin(to - from + len(uh))
		for i := from; i < to; i++ {
			var f runoff.Flux
			if pet == nil {
				s, f = ground.Step(s, rain[i])
			} else {
				s, f = ground.StepEvaporating(s, rain[i], x[3]*pet[i])
			}
			uh.Add(fast[i-from:], f.Fast)
			out[i] = unit * (fast[i-from] + f.Slow)
		}
		return nil
	}
	m.fragment = func(b *strings.Builder, id string, x []float64) {
		e, note := x[3], ""
		if pet != nil {
			mean := meanRate(r)
			e, note = x[3]*mean, fmt.Sprintf(" # %s times the mean of the pet column, %s mm/d", number(x[3]), number(mean))
		}
		fmt.Fprintf(b, "sub_basins:\n  - id: %s # add node and gauges\n    area: %s\n    runoff:\n", id, number(o.Area))
		fmt.Fprintf(b, "      capacity: %s\n      exponent: %s\n      impervious: %s\n      evaporation: %s%s\n", number(x[0]), number(x[1]), number(x[2]), number(e), note)
		fmt.Fprintf(b, "      base_share: %s\n      base_recession: %s\n      uh_reservoirs: %s\n      uh_scale: %s\n", number(x[4]), duration(x[5]), number(x[6]), duration(x[7]))
	}
	return m, nil
}

func checkArea(o *Options) error {
	if !(o.Area > 0) || math.IsInf(o.Area, 0) {
		return fmt.Errorf("--area %g km²: want the area of the sub-basin, > 0: %w", o.Area, hydro.ErrInvalid)
	}
	return nil
}

// onTheWay is the flow that a unit hydrograph has still to give, kept between runs
// for its memory.
type onTheWay []float64

func (w *onTheWay) begin(n int) []float64 {
	if cap(*w) < n {
		*w = make([]float64, n)
	}
	flow := (*w)[:n]
	clear(flow)
	return flow
}

// meanRate returns the mean of the pet column, mm/d.
func meanRate(r *Record) float64 {
	pet := r.Series(PET)
	_, present := calibrate.Pairs(nil, nil, pet, pet, calibrate.Span{To: r.N})
	return stat.Mean(present, nil) * 86400 / r.Step.Seconds()
}

// monthlyRates returns the means of the pet column by month of the record's zone,
// mm/d, if it has all twelve. A step is of the month in which its middle lies.
func monthlyRates(r *Record) (rates xinanjiang.Monthly, ok bool) {
	var n [12]float64
	for i, v := range r.Series(PET) {
		if !math.IsNaN(v) {
			month := r.At(i).Add(-r.Step/2).Month() - 1
			rates[month] += v * 86400 / r.Step.Seconds()
			n[month]++
		}
	}
	ok = true
	for i := range rates {
		rates[i] /= n[i]
		ok = ok && n[i] > 0
	}
	return rates, ok
}

// number writes five digits, without an exponent.
func number(v float64) string {
	digits := max(0, 4-int(math.Floor(math.Log10(max(math.Abs(v), 1e-2)))))
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if digits > 0 {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

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
	w, err := strconv.ParseFloat(number(v+float64(steps)*digit), 64)
	if err != nil {
		return v
	}
	return w
}
