package routing_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"freshet/forecast/routing"
)

// Reference steps of t-route's kernel, built in double precision with the first
// residual of the secant defined as 0: computed with the public Fortran and
// handed down with the project (forecast-anchors). Inputs, then outputs.
var vectors = []struct {
	name                                                       string
	dt, qup, quc, qdp, ql, dx, bw, tw, twcc, n, ncc, cs, s0, d float64
	qdc, velc, depthc, ck, cn, x                               float64
}{
	{"demo_low_f32", 60, 0.04598825052380562, 0.04598825052380562, 0.21487340331077576, 40, 1800, 112, 448, 623.5999755859375, 0.02800000086426735, 0.03136000037193298, 1.399999976158142, 0.0017999999690800905, 0.010033470578491688, 0.75701070108483193, 0.123736053362915, 0.023344515099999998, 0.20618452448647923, 0.0068728174828826408, 0.4984868625496901},
	{"demo_compound", 60, 45009, 50098, 50014, 40, 1800, 112, 248, 623.5999755859375, 0.02800000086426735, 0.03136000037193298, 0.42, 0.007999999690800905, 30, 46502.349667521536, 17.765805420818896, 17.226544888244973, 25.47465866874019, 0.84915528895800629, 0.3425177757139003},
	{"nwm_median", 300, 1.0, 1.2, 0.9, 0.05, 1549, 2.769, 4.615, 13.845, 0.06, 0.12, 0.5944, 0.006, 0.25, 0.80424342950057104, 0.5955548998560356, 0.39353483600576294, 0.87362628567576239, 0.16919811859440201, 0.49393792653090612},
	{"nwm_rising", 300, 5.0, 8.0, 4.0, 0.2, 1549, 2.769, 4.615, 13.845, 0.06, 0.12, 0.5944, 0.006, 0.9, 1.9297776331075776, 0.88585934168344171, 0.81895109413656397, 0.59531883933935725, 0.1152973865731486, 0.49395656606284016},
	{"nwm_overbank", 300, 60, 80, 55, 1.0, 2631, 4.889, 8.148, 24.443, 0.06, 0.12, 0.7012, 0.001, 3.5, 48.731790227546291, 0.97748896049063561, 4.6169476281927482, 1.0011381543515365, 0.1141548636660817, 0.32132404446134522},
	{"mainstem", 300, 1500, 1600, 1450, 5.0, 5000, 180, 300, 900, 0.035, 0.07, 0.6, 0.0003, 6.0, 1437.1701267608505, 1.4381761982329839, 5.2608749929893142, 2.3034840326274071, 0.13820904195764441, 0.25},
	{"mainstem_dt3600", 3600, 1500, 1600, 1450, 5.0, 5000, 180, 300, 900, 0.035, 0.07, 0.6, 0.0003, 6.0, 1514, 1.4706687970903718, 5.4510782991119822, 2.3525850481428519, 1.6938612346628532, 0.25},
	{"steep_short", 300, 2, 2, 2, 0.01, 100, 3, 5, 15, 0.05, 0.1, 0.5, 0.1, 0.3, 2.0099622657533658, 2.2564713765766982, 0.25084823821486329, 3.4026684962162648, 10.208005488648794, 0.49621228267059792},
	{"flat_long", 300, 20, 25, 18, 0.5, 20000, 20, 33.3, 100, 0.06, 0.12, 0.6, 0.00001, 3.0, 16.341698678987402, 0.10964309921873007, 4, 0.071754412789033703, 0.0010763161918355055, 0.25},
	{"dry", 300, 0, 0, 0, 0, 1549, 2.769, 4.615, 13.845, 0.06, 0.12, 0.5944, 0.006, 0, 0, 0, 0, 0.098790646189635525, 0.019133114174880991, 0},
	{"first_wet", 300, 0, 0, 0, 0.1, 1549, 2.769, 4.615, 13.845, 0.06, 0.12, 0.5944, 0.006, 0, 0.00368453403843318, 0.060416253524232487, 0.01020658656943008, 0.10012440426087103, 0.019391427552137706, 0.49028477069859211},
	{"chan_loss", 300, 1.0, 1.0, 1.0, -0.5, 1549, 2.769, 4.615, 13.845, 0.06, 0.12, 0.5944, 0.006, 0.25, 0.85491116731854322, 0.60716696331425002, 0.40743869137553146, 0.88850657014197199, 0.17208003295196359, 0.49376394868857876},
	{"no_floodplain", 300, 60, 80, 55, 1.0, 2631, 4.889, 8.148, 0, 0.06, 0.12, 0.7012, 0.001, 3.5, 49.391308794627612, 0.96151534639504144, 4.4775244076027283, 1.2909518921614034, 0.14720089990437896, 0.32727262185942813},
	{"bw_eq_tw", 300, 5, 6, 5, 0.1, 2000, 5, 5, 15, 0.05, 0.1, 0.5, 0.002, 1.0, 4.2855553585981117, 0.89599678331880694, 1.4594461464696327, 0.69262861453722735, 0.1038942921805841, 0.47466970179074891},
}

func TestTRoutesReferenceStepsAreMet(t *testing.T) {
	worst, where := 0.0, ""
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			c := routing.Channel{Length: v.dx, Slope: v.s0, Bottom: v.bw, Top: v.tw, Compound: v.twcc, N: v.n, NCompound: v.ncc, Side: v.cs}
			s, err := routing.NewCunge(c, v.dt)
			if err != nil {
				t.Fatal(err)
			}
			r := s.Step(v.qup, v.quc, v.qdp, v.ql, v.d)
			for _, x := range []struct {
				name      string
				got, want float64
			}{
				{"qdc", r.Outflow, v.qdc}, {"velc", r.Velocity, v.velc}, {"depthc", r.Depth, v.depthc}, {"ck", r.Celerity, v.ck}, {"cn", r.Courant, v.cn}, {"X", r.X, v.x},
			} {
				e := math.Abs(x.got - x.want)
				if x.want != 0 {
					e /= math.Abs(x.want)
				}
				if !(e <= 1e-6) {
					t.Errorf("%s = %.12g, want %.12g: off by %.1e", x.name, x.got, x.want, e)
				}
				if e > worst {
					worst, where = e, v.name+" "+x.name
				}
			}
		})
	}
	t.Logf("largest relative difference %.1e, at %s", worst, where)
}

// Where t-route says nothing, a count does.
func TestWhatTheSolverCouldNotDoIsCounted(t *testing.T) {
	c := routing.Channel{Length: 20000, Slope: 1e-5, Bottom: 20, Top: 33.3, Compound: 100, N: 0.06, NCompound: 0.12, Side: 0.6}
	s, err := routing.NewCunge(c, 300)
	if err != nil {
		t.Fatal(err)
	}
	if r := s.Step(20, 25, 18, 0.5, 3); r.Tally != (routing.Tally{Steps: 1, Iterations: 1, Abandoned: 1}) { // the reference step flat_long
		t.Errorf("a secant that leads below the bed: %+v", r.Tally)
	}
	c.Slope = 1e-3
	if s, err = routing.NewCunge(c, 300); err != nil {
		t.Fatal(err)
	}
	if r := s.Step(0.1, 500, 0.1, 0, 0.1); r.Tally.Clipped != 1 || r.Outflow < 0 {
		t.Errorf("a rise that makes the outflow of a long reach negative: %+v", r)
	}
	c = routing.Channel{Length: 190.80251403529925, Slope: 0.005614957740198951, Bottom: 4.6266872098202345, Top: 13.323428638282955, N: 0.052443722134666096, Side: 0.8631604329295096}
	if s, err = routing.NewCunge(c, 300); err != nil {
		t.Fatal(err)
	}
	r := s.Step(0.0018105179983781583, 1.13457353657446, 43.8674182277738, 0, 9.679793456523399) // found at random
	if want := (routing.Tally{Steps: 1, Iterations: 101 + 126 + 151 + 176 + 201, Unconverged: 1}); r.Tally != want {
		t.Errorf("an iteration that circles: %+v, want %+v", r.Tally, want)
	}
}

func TestCungeCarriesSteadyFlowUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, dt := drawChannel(t), drawStep(t)
		s, err := routing.NewCunge(c, dt)
		if err != nil {
			t.Fatal(err)
		}
		q := c.Bottom * math.Pow(10, rapid.Float64Range(-3, 1).Draw(t, "log q"))
		depth := rapid.Float64Range(0, 5).Draw(t, "depth")
		for range 20 {
			r := s.Step(q, q, q, 0, depth)
			if math.Abs(r.Outflow-q) > 1e-9*q || !(r.Depth >= 0) {
				t.Fatalf("outflow %g m³/s at depth %g m, inflow %g m³/s", r.Outflow, r.Depth, q)
			}
			depth = r.Depth
		}
	})
}
