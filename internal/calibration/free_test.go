package calibration_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"freshet/forecast/unithydrograph"
	"freshet/forecast/xinanjiang"
	"freshet/internal/calibration"
)

// What a Xinanjiang model holds is looked for where it is bounded and held elsewhere
// where it is set: the impervious share of the truth is found back beside them, and
// with nothing left to look for the truth is graded as it stands.
func TestHeldParametersAreFreedAndSet(t *testing.T) {
	truth := xinanjiang.Parameters{
		K: 1, WUM: 15, WLM: 60, WDM: 40, C: 0.12, B: 0.3, IM: 0.15, SM: 20, EX: 1.2, KI: 0.3, KG: 0.3, CI: 0.7, CG: 0.98, Slice: 5, Division: xinanjiang.FixedCapacity,
	}
	m, err := xinanjiang.New(truth, 3600)
	if err != nil {
		t.Fatal(err)
	}
	u, err := unithydrograph.Nash(2, 5400, 3600)
	if err != nil {
		t.Fatal(err)
	}
	const n = 300
	s, flow, text := m.Start(0.6), make([]float64, n+len(u)), "time,rain,flow\n"
	for i := range n {
		rain := max(0, 9*math.Sin(float64(i)/7)*math.Sin(float64(i)/23))
		var f xinanjiang.Flux
		s, f = m.Step(s, rain, 3.0/24)
		u.Add(flow[i:], f.Total())
		text += fmt.Sprintf("%s,%.17g,%.17g\n", june.Add(time.Duration(i)*time.Hour).Format("2006-01-02 15:04"), rain, flow[i]*100/3.6)
	}
	o := options(write(t, "basin.csv", text), "xinanjiang")
	o.Area, o.Evaluations, o.Bounds = 100, 400, []string{"im=0:0.3"}
	o.Set = strings.Fields("evaporation=3 wlm=60 wdm=40 b=0.3 sm=20 ex=1.2 kg_share=0.5 ci=0.7 cg=0.98 leak=0 wum=15 c=0.12 ki_kg=0.6 slice=5 division=fixed uh_reservoirs=2 uh_scale=90m")
	r, err := calibration.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if im := value(t, r, "im"); math.Abs(im-0.15) > 1e-4 || r.Fit.NSE < 0.999999 {
		t.Errorf("im %g, NSE %g: the truth is 0.15", im, r.Fit.NSE)
	}
	fragment(t, r, map[string]string{"ki": "0.3", "kg": "0.3", "slice": "5", "division": "fixed", "wum": "15", "c": "0.12"}, "kg_share", "ki_kg", "division")
	for _, p := range r.Parameters {
		if p.Held == (p.Name == "im") || p.Held && p.AtBound {
			t.Errorf("%+v", p)
		}
	}
	o.Bounds, o.Set = nil, append(o.Set, "im=0.15")
	if r, err = calibration.Run(t.Context(), o); err != nil || r.Evaluations != 0 || r.Fit.NSE < 0.999999 || !strings.Contains(r.Fragment, "all parameters are held") {
		t.Errorf("%v: %+v", err, r)
	}
	o.Set = o.Set[:len(o.Set)-1] // held where the method holds it
	if r, err = calibration.Run(t.Context(), o); err != nil || value(t, r, "im") != 0.01 || r.Fit.NSE > 0.9999 {
		t.Errorf("%v: %+v", err, r)
	}
}
