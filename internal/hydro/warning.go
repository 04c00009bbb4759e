package hydro

import "time"

// A Warning is one change of a station's stage, or of whether it can be seen: a
// station may lose or regain sight while a stage is held, and then From equals
// To and Cause says whether it is blind.
type Warning struct {
	ID        string // "<basin>/<time>/<station>", equal in every replay
	Basin     string
	Station   string
	At        time.Time // engine time of the decision
	From, To  Stage
	Observed  Leg // what the observations say
	Forecast  Leg // what the forecast says
	ReasonZH  string
	ReasonEN  string
	Cause     string // why the observations are blind, "" if they are not: "silent since …", "refused: …", "quality: …", "never reported"
	Catalogue string // version of the rules
	// ForecastIssuedAt names the run behind the forecast leg; zero if none.
	ForecastIssuedAt time.Time
	Illustrative     bool   // thresholds are illustrative: an example, not an official table
	Group            string // the id of the group that it belongs to
	Escalated        bool   // it is blind on a rising reach: somebody must look. A change to true with From equal to To is a warning
	EscalatedAs      Stage  // of an escalated one: the highest stage around it, Blue at least; else Clear
}

// Raised reports whether the warning goes up the ladder. Going blind and coming
// back to sight are neither raised nor lowered.
func (w Warning) Raised() bool { return w.From != Blind && w.To != Blind && w.To > w.From }

// Lowered reports whether the warning goes down the ladder.
func (w Warning) Lowered() bool { return w.From != Blind && w.To != Blind && w.To < w.From }

// A Leg is one half of a decision: the stage that one kind of evidence asks
// for, and that evidence.
type Leg struct {
	Stage     Stage
	Variable  Variable      // 0: the leg has no evidence
	Window    time.Duration // of a rain accumulation, a rise, or a chance
	Basis     Basis         // what Value is of the variable
	Value     float64       // the value that decided
	Threshold float64       // the threshold it met; 0 where Stage is Clear
	Datum     Datum
	At        time.Time // of the value: observed at, or forecast to cross at
	PeakValue float64   // of the forecast leg
	PeakAt    time.Time
	Limit     float64 // the limit level that an excess is above, or the threshold that may be met; 0 of other measures
}

// A StationStatus is where a station stands now.
type StationStatus struct {
	Station  string
	Stage    Stage
	Since    time.Time
	ReasonZH string
	ReasonEN string
	Observed Leg
	Forecast Leg
	Cause    string

	Escalated bool // blind on a rising reach
}
