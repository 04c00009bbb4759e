package hydro

// An Outcome is what one test said of one value.
type Outcome uint8

// The outcomes.
const (
	NotRun    Outcome = iota // the test could not be evaluated, or is none for this variable
	Passed                   //
	Noted                    // it fired, and does not speak against the value
	Suspected                //
	Condemned                // the value is wrong by this test alone
)

// Outcome returns what the test t, a single one, said of o.
func (o *Observation) Outcome(t Tests) Outcome {
	switch {
	case o.Tests&o.Failed&t != 0:
		return Condemned
	case o.Tests&t&Notes != 0:
		return Noted
	case o.Tests&t != 0:
		return Suspected
	case o.Ran&t != 0:
		return Passed
	}
	return NotRun
}

// TestsOf returns the tests that there are for values of v. Which of them can be
// evaluated depends on the catalogue and on what else is known.
func TestsOf(v Variable) Tests {
	const all = TestRange | TestGap | TestLate
	switch v {
	case WaterLevel:
		return all | TestStep | TestSpike | TestStuck | TestSite | TestRainLevel
	case Discharge:
		return all | TestStep | TestSpike | TestStuck
	case Rain:
		return all | TestStuck | TestNeighbour | TestBlocked | TestSite | TestDayTotal
	case RainCounter:
		return all | TestCounterReset
	case Storage:
		return all | TestStep | TestSpike | TestStorageCurve
	case Inflow, Outflow:
		return all | TestStep | TestSpike
	default:
		return all
	}
}

// What outside code sets call a value that is absent.
const (
	QARTODMissing = 9
	CMAMissing    = 8
)

// QARTOD returns the primary flag of the IOOS manuals for q: 1 pass, 2 not
// evaluated, 3 suspect, 4 fail. What is no verdict is not evaluated.
func (q Quality) QARTOD() uint32 {
	if q > Fail {
		q = NotEvaluated
	}
	return [...]uint32{NotEvaluated: 2, Pass: 1, Suspect: 3, Fail: 4}[q]
}

// CMA returns the quality code of the China Meteorological Administration for
// q: 0 correct, 1 suspect, 2 wrong, 9 not checked. What is no verdict is not
// checked.
func (q Quality) CMA() uint32 {
	if q > Fail {
		q = NotEvaluated
	}
	return [...]uint32{NotEvaluated: 9, Pass: 0, Suspect: 1, Fail: 2}[q]
}

// RainCounts reports whether rain with this verdict is evidence: it enters sums,
// and shows that its station can see. Suspect rain is, because it is extreme rain
// that is suspect; what a blocked funnel missed or somebody poured into a gauge
// under maintenance is not.
func RainCounts(q Quality, t Tests) bool {
	return q != Fail && t&(TestBlocked|NoteMaintenance) == 0
}
