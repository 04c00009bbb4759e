package forecast

import (
	"errors"
	"fmt"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// The types of what a run is given and what it gives, by names that can be written
// outside this module, too.
type (
	File            = hydro.File            // of a catalogue, docs/formats/catalogue.md
	Key             = hydro.Key             // names a series
	Variable        = hydro.Variable        // of a series
	History         = hydro.History         // of a series, as a [Source] gives it
	Sample          = hydro.Sample          // of a history
	Quality         = hydro.Quality         // of a sample
	Forecast        = hydro.Forecast        // of one run
	StationForecast = hydro.StationForecast // of one station in it
	RainForecast    = hydro.RainForecast    // before it is put on sub-basins by [Model.Rain]
	RainArea        = hydro.RainArea        // of a rain forecast
	DispatchPlan    = hydro.DispatchPlan    // of a reservoir
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
