package forecast

import (
	"errors"
	"fmt"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// What a run is given and what it gives, by names that can be written outside this
// module, too.
type (
	// A File is a file of a catalogue, docs/formats/catalogue.md.
	File = hydro.File
	// A Key names a series.
	Key = hydro.Key
	// A Variable says what a series is of.
	Variable = hydro.Variable
	// A History is the recent past of a series, as a [Source] gives it.
	History = hydro.History
	// A Sample is one value of a history.
	Sample = hydro.Sample
	// Quality is the verdict on a sample.
	Quality = hydro.Quality
	// A Forecast is what a run gives.
	Forecast = hydro.Forecast
	// A StationForecast is that of one station.
	StationForecast = hydro.StationForecast
	// A RainForecast is what [Model.Rain] puts on sub-basins.
	RainForecast = hydro.RainForecast
	// A RainArea is a part of a rain forecast.
	RainArea = hydro.RainArea
	// A DispatchPlan is what was ordered for a reservoir.
	DispatchPlan = hydro.DispatchPlan
	// A Release is a step of a plan of releases.
	Release = hydro.Release
	// A GateSetting is a step of a plan of gates.
	GateSetting = hydro.GateSetting
	// A Cell is a rectangle of a rain forecast, in degrees.
	Cell = hydro.Cell
	// A Withdrawal takes a rain forecast or a plan back.
	Withdrawal = hydro.Withdrawal
	// A Tide is the predicted level at a tide station.
	Tide = hydro.Tide
)

// What series a run reads, and the quality of samples that it uses: it takes Pass and
// no judgement, and leaves doubtful and failed ones.
const (
	WaterLevel = hydro.WaterLevel // m above the station's datum
	Discharge  = hydro.Discharge  // m³/s
	RainDepth  = hydro.Rain       // mm over the sample's interval, which ends at its instant
	Inflow     = hydro.Inflow     // of a reservoir, m³/s
	Outflow    = hydro.Outflow    // of a reservoir, m³/s
	Pass       = hydro.Pass
	Suspect    = hydro.Suspect
	Fail       = hydro.Fail
)

// Load compiles the model of a basin from the files of a catalogue. The error names
// all that is wrong with them, with file, line and column, or is that of [Compile].
func Load(files []File, basin string) (*Model, error) {
	c, problems := catalog.Load(files)
	if len(problems) > 0 {
		errs := make([]error, len(problems))
		for i, p := range problems {
			errs[i] = errors.New(p.String())
		}
		return nil, fmt.Errorf("forecast: catalogue: %w: %w", hydro.ErrInvalid, errors.Join(errs...))
	}
	return Compile(c, basin)
}
