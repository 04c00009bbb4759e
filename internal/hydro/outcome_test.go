package hydro_test

import (
	"testing"

	"freshet/internal/hydro"
)

// The numbers are those of the two code sets: QARTOD's manuals, and the quality
// codes of the China Meteorological Administration. 0 and 1 mean different things.
func TestVerdictsAsCodesOfOthers(t *testing.T) {
	for _, c := range []struct {
		q           hydro.Quality
		qartod, cma uint32
	}{{hydro.Pass, 1, 0}, {hydro.NotEvaluated, 2, 9}, {hydro.Suspect, 3, 1}, {hydro.Fail, 4, 2}} {
		if c.q.QARTOD() != c.qartod || c.q.CMA() != c.cma {
			t.Errorf("%s is %d and %d, want %d and %d", c.q, c.q.QARTOD(), c.q.CMA(), c.qartod, c.cma)
		}
		if c.q.QARTOD() == hydro.QARTODMissing || c.q.CMA() == hydro.CMAMissing {
			t.Errorf("%s passes for a missing value", c.q)
		}
	}
}

func TestOutcomesOfTests(t *testing.T) {
	o := hydro.Observation{
		Tests:  hydro.TestStep | hydro.TestSpike | hydro.TestGap,
		Ran:    hydro.TestRange | hydro.TestStep | hydro.TestSpike | hydro.TestGap,
		Failed: hydro.TestSpike,
	}
	for test, want := range map[hydro.Tests]hydro.Outcome{
		hydro.TestRange: hydro.Passed, hydro.TestStep: hydro.Suspected, hydro.TestSpike: hydro.Condemned, hydro.TestGap: hydro.Noted, hydro.TestStuck: hydro.NotRun,
	} {
		if got := o.Outcome(test); got != want {
			t.Errorf("%v: %d, want %d", test.Names(), got, want)
		}
	}
}

func TestEveryTestHasANameAndIsReadBack(t *testing.T) {
	names := hydro.AllTests.Names()
	if len(names) != 20 {
		t.Errorf("%d names", len(names))
	}
	got, err := hydro.ParseTests(names)
	if err != nil || got != hydro.AllTests {
		t.Errorf("read back %v, %v", got, err)
	}
	for _, v := range hydro.Variables {
		if of := hydro.TestsOf(v); of == 0 || of&^hydro.AllTests != 0 {
			t.Errorf("%s: %v", v, of.Names())
		}
	}
}
