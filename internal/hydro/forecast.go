package hydro

import "time"

// A Forecast is one run for one basin: what was computed, and the honesty line
// that says from what.
type Forecast struct {
	Basin     string
	IssuedAt  time.Time // T0, the engine time of the run; with Basin it identifies the run
	Trigger   string    // "schedule", or "rise at <station>"
	Catalogue string    // version of the catalogue
	Step      time.Duration
	Horizon   time.Duration
	BandStep  time.Duration     // of the stations' bands; 0: the run has none
	Stations  []StationForecast // ascending by station id
	ArealRain []ArealRain       // of each sub-basin, in the catalogue's order
	Holes     []ForecastHole    // nodes without a forecast, upstream first; their stations are not in Stations

	// The honesty line.
	DataCutoff    time.Time     // the latest observation used
	ValidUntil    time.Time     // when the next run is overdue and this one must not be trusted
	MissingGauges []string      // stations whose data should have entered and did not, with the reason after a colon
	RainCoverage  float64       // share of the basin's area with a reporting rain gauge in reach, 0 to 1
	RainAssumed   string        // e.g. "no further rain assumed"
	Plan          string        // reservoir releases used, e.g. "last observed outflow held"
	BandBasis     string        // what the bands hold, e.g. "errors of past runs without a rain forecast"; "" if there is no band
	Notes         []string      // e.g. "level at x is above the rating's measured range"
	Illustrative  bool          // built on illustrative catalogue data
	Elapsed       time.Duration `json:"-"` // set by the caller that has a clock; not part of the run's identity
}

// An ArealRain is the rain of one sub-basin: what its gauges say of the hours up
// to IssuedAt, to the last full step of the run, and what is assumed from then on.
type ArealRain struct {
	SubBasin string
	// mm, by the gauges that reported; NaN where none did in more than a tenth of those
	// hours, and where the warm-up does not reach so far back or the step is longer.
	Last1h, Last3h, Last6h, Last24h float64
	Coverage                        float64  // share of the area with a reporting gauge in reach at IssuedAt, 0 to 1
	MissingGauges                   []string // gauges that would count and do not report at IssuedAt; of several at one site the site
	Assumed                         float64  // mm from IssuedAt to the horizon
}

// A StationForecast is the forecast at one station. Discharge and Level have
// equal length; value i is for IssuedAt + (i+1)·Step. A level is NaN where the
// station has no rating.
type StationForecast struct {
	Station   string
	Datum     Datum
	Discharge []float64 // m³/s
	Level     []float64 // m above Datum
	// The values at IssuedAt, observed where a gauge reported.
	NowDischarge float64
	NowLevel     float64
	Peak         Peak
	Crossings    []Crossing // of the station's stage thresholds, lowest first
	Updated      bool       // a gauge's observation corrected this forecast
	Extrapolated bool       // a level lies outside the rating's range
	Band         []BandStep // at 1, 2, ... BandStep from IssuedAt, as far as it is known; empty: no band
}

// BandLevels are the probabilities of non-exceedance of a band's quantiles.
var BandLevels = [7]float64{0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95}

// A BandStep is how uncertain a forecast is at one lead: the quantiles at
// BandLevels, ascending.
type BandStep struct {
	Discharge [7]float64 // m³/s
	Level     [7]float64 // m above the station's datum; NaN where no level is forecast
	Errors    int        // of past forecasts in a situation like this, on which it rests
	// Extrapolated says that a level of it lies outside the rating's measured range.
	Extrapolated bool
}

// A Peak is the highest point of a forecast, found at the routing step.
type Peak struct {
	At        time.Time
	Discharge float64
	Level     float64
	AtEnd     bool // still rising when the forecast ends: the peak is not known
}

// A Crossing says when a forecast reaches a threshold. A zero At means "no
// crossing within the horizon".
type Crossing struct {
	Stage     Stage
	Variable  Variable
	Threshold float64
	At        time.Time
	Chance    Chance
}

// A Chance is what a band says of a crossing: how probable it is that the
// threshold is met by Until, the end of the band, and when, if it is met.
type Chance struct {
	Until       time.Time // zero: no band tells
	Probability float64   // 0 to 1
	// Early, Middle and Late are the quantiles at 10, 50 and 90 % of the time of
	// crossing under the condition that there is one; zero if Probability is 0.
	Early, Middle, Late time.Time
	// Extrapolated says that the threshold, or the flow now, is known by the rating
	// outside its measured range alone.
	Extrapolated bool
	// Uncalibrated says that such chances have told more or fewer crossings here than
	// there were, or that there were too few to say.
	Uncalibrated bool
}

// Identity returns what names the run: basin and time of issue.
func (f *Forecast) Identity() (string, time.Time) { return f.Basin, f.IssuedAt }
