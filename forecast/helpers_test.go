package forecast_test

import (
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/internal/hydro"
)

// diffForecasts compares to the last bit; NaN equals NaN.
func diffForecasts(a, b hydro.Forecast) string { return cmp.Diff(a, b, cmpopts.EquateNaNs()) }
