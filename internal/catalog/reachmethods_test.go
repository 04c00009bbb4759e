package catalog_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/catalog"
)

const linearReach = "length: 10, k: 2h, x: 0.2}\n      - {id: r0"

func withReach(keys string) string {
	return strings.Replace(small, linearReach, "length: 2, "+keys+"}\n      - {id: r0", 1)
}

func TestReachesOfTheMethodsThatDoNotConserveWaterLoad(t *testing.T) {
	c, problems := load(withReach("method: cunge, sub_reaches: 2, short_step: true, slope: 0.001, bottom_width: 20, top_width: 30, n: 0.03, side_slope: 0.5, compound_width: 99, n_compound: 0.1"))
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	want := catalog.Reach{
		ID: "r1", From: "upper", To: "lower", Length: 2, Method: catalog.Cunge, SubReaches: 2, ShortStep: true,
		Channel: catalog.Channel{Slope: 0.001, Bottom: 20, Top: 30, Compound: 99, N: 0.03, NPlain: 0.1, Side: 0.5},
	}
	if diff := cmp.Diff(want, c.Basins[0].Reaches[1]); diff != "" {
		t.Error(diff)
	}
	c, problems = load(withReach("method: nonlinear, k: 1h, at_flow: 50, x: 0.02, m: 1.5, a1: 1.2, beta: 0.1, fitted_step: 5m"))
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	r := c.Basins[0].Reaches[1]
	if diff := cmp.Diff(catalog.NonlinearReach{AtFlow: 50, M: 1.5, A1: 1.2, A2: 1.2, Lateral: 0.1, FittedStep: 5 * time.Minute}, r.Nonlinear); diff != "" {
		t.Error(diff)
	}
	// In steady flow of at_flow it holds k of it.
	p := r.Parameters()
	if s := p.K * math.Pow(p.X*math.Pow(1.1*50, 1.2)+(1-p.X)*math.Pow(50, 1.2), 1.5); math.Abs(s-3600*50) > 1e-6 {
		t.Errorf("K %g stores %g m³ of 50 m³/s, want those of an hour", p.K, s)
	}
}

func TestMistakesOfTheseReachesAreNamedWithTheirPlace(t *testing.T) {
	const nl, mc = "method: nonlinear, k: 1h, at_flow: 50, x: 0.02, m: 1.5, ", "slope: 0.001, bottom_width: 20, top_width: 30, n: 0.03, side_slope: 0.5"
	for _, c := range []struct {
		name, keys string
		want       string
	}{
		{"too long for the step", "method: cunge, length: 100, " + mc, `    - ‸{id: r1 → muskingum-cunge: unstable: at half the bank-full depth a flood needs some 81 steps of 300 s to pass 100000 m, and a sharp rise would make outflows below 0: want at most 50; cut it into 2 parts or more, or take mct`},
		{"no part", "method: cunge, sub_reaches: 0, " + mc, `s: ‸0, s → sub_reaches: "0" must be a whole number from 1 to 1000`},
		{"no fitted step", nl + "a1: 1", `    - ‸{id: r1 → fitted_step: missing`},
		{"another step", nl + "fitted_step: 1h", `p: ‸1h} → fitted_step: 1h0m0s, but the basin's step is 5m0s: these parameters belong to the step of the data that they were fitted to; fit them to data of 5m0s, or take another method`},
		{"x of a form of equal exponents", strings.Replace(nl, "0.02", "0.6", 1) + "fitted_step: 5m", `x: ‸0.6 → x: 0.6 must be from 0 to 0.5 where a1 and a2 are equal`},
		{"too quick", strings.Replace(nl, "k: 1h", "k: 1m", 1) + "fitted_step: 5m", `k: ‸1m, → k: unstable: at 50 m³/s the storage answers 3.4 times within a step of 5m0s, want at most 2: make k longer or the step shorter`},
		{"key of another method", nl + "fitted_step: 5m, sub_reaches: 2", `m, ‸sub_reaches → unknown key "sub_reaches"; known here: a1, a2, at_flow, beta, fitted_step, from, id, illustrative, k`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := withReach(c.keys)
			if strings.Contains(c.keys, "length:") {
				text = strings.Replace(text, "length: 2, ", "", 1)
			}
			_, problems := load(text)
			want := located(t, text, c.want)
			found := false
			var all []string
			for _, p := range problems {
				all = append(all, p.String())
				found = found || strings.HasPrefix(p.String(), want)
			}
			if !found {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(all, "\n"), want)
			}
		})
	}
}
