package param_test

import (
	"math"
	"testing"

	"freshet/forecast/param"
)

func TestRangesAreCheckedAndNamed(t *testing.T) {
	closed := param.Param{Name: "X", Unit: "–", Lo: 0, Hi: 0.5}
	open := param.Param{Name: "K", Unit: "s", Lo: 0, Hi: math.Inf(1), Above: true}
	for _, c := range []struct {
		p  param.Param
		v  float64
		ok bool
	}{{closed, 0, true}, {closed, 0.5, true}, {closed, 0.51, false}, {closed, -1, false}, {closed, math.NaN(), false}, {open, 0, false}, {open, 1, true}, {open, math.NaN(), false}} {
		if err := c.p.Check(c.v); (err == nil) != c.ok {
			t.Errorf("%s = %g: %v, want ok %v", c.p.Name, c.v, err, c.ok)
		}
	}
	if got, want := open.Check(-2).Error(), "K = -2 s: want > 0"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if closed.Range() != "0 to 0.5" {
		t.Errorf("range %q", closed.Range())
	}
}
