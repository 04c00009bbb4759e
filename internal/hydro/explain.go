package hydro

import "time"

// An Explanation is why a warning was given: all that was looked at, as it stood at
// the tick that gave it.
type Explanation struct {
	Warning  Warning // as it was given when the explanation was made
	InputSeq uint64  // of the tick, on the basin's in-log

	// The rules.
	HasTable      bool // a stage table was in force
	TableFrom     time.Time
	TableDatum    Datum // of level thresholds, as the table has them
	TableSource   string
	TableProfile  string // that thresholds come from, with its source; "" if none
	Illustrative  bool
	DeadBand      float64 // m, for levels
	DeadBandShare float64 // of the threshold, for the rest
	Quantities    []ExplainedQuantity

	// What was seen.
	Readings []ExplainedReading
	Sights   []ExplainedSight
	Refusal  *Refusal // the latest within the blind window
	Run      *ExplainedRun
}

// An ExplainedQuantity is one quantity of one leg.
type ExplainedQuantity struct {
	Forecast bool // of the forecast leg; else of the observed leg
	Variable Variable
	Window   time.Duration
	Basis    Basis
	From, To Stage // before and after the tick
	Decides  bool  // it gave its leg the stage
	Evidence bool  // there is any that is not out of sight or expired
	Value    float64
	At       time.Time // observed at, or the time of issue
	PeakAt   time.Time // of the forecast leg
	Fallen   float64   // of a sum of rain that is forecast: mm of Value that had fallen by the run's issue
	// Of a forecast: Extrapolated is beyond a rating's measured range, Uncalibrated a
	// chance that has not been near what happened, or of which that is not known.
	Extrapolated, Uncalibrated bool

	Raise       time.Duration // a threshold must be met so long; of the observed leg
	Lower       time.Duration // and be undercut by the dead-band so long
	Persistence int           // runs that must agree; of the forecast leg
	Steps       []ExplainedStep
}

// An ExplainedStep is one threshold of a quantity.
type ExplainedStep struct {
	Stage      Stage
	Given      float64   // as the table has it
	Threshold  float64   // on the station's datum
	Met        bool      // by the latest value
	MetSince   time.Time // of the observed leg; zero if it is not
	BelowSince time.Time // by the dead-band
	MetRuns    int       // in a row; of the forecast leg
	BelowRuns  int
	CrossAt    time.Time // zero: the run does not cross it
}

// An ExplainedReading is one observation that was looked at, with its way from what
// was reported to the station's datum.
type ExplainedReading struct {
	Observation
	Usable bool
	// Of a level that was converted: the datum that it was reported on, what was
	// added, and where that number comes from.
	ReportedDatum Datum
	Added         float64
	AddedSource   string
}

// An ExplainedSight is what was seen of one class of gauges.
type ExplainedSight struct {
	Class   string    // "river", "sky" or "works"
	Seen    time.Time // its latest usable observation; zero: none
	Window  time.Duration
	Out     bool // out of sight
	Waiting bool // not yet reported since the start
}

// An ExplainedRun is the forecast run that was the latest.
type ExplainedRun struct {
	IssuedAt, ValidUntil time.Time
	Valid                bool // at the tick
	Trigger              string
	Counted              bool // it was counted by the forecast leg at this tick or before
	RainAssumed          string
	Plan                 string
	RainCoverage         float64
	MissingGauges        []string
	Notes                []string
	HonestyZH, HonestyEN string
	Station              *StationForecast // what it says of the station; nil: nothing
}
