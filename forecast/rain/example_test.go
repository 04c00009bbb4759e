package rain_test

import (
	"fmt"
	"slices"
	"time"

	"freshet/forecast/rain"
)

// Hourly reports on steps of half an hour; of the second hour there is none.
func ExampleProrate() {
	hour := time.Hour.Milliseconds()
	depth := make([]float64, 6)
	latest := rain.Prorate(slices.Values([]rain.Report{{At: hour, Length: hour, MM: 6}, {At: 3 * hour, Length: hour, MM: 2}}), 0, hour/2, 3*hour, depth)
	fmt.Printf("%.1f up to hour %d\n", depth, latest/hour)
	// Output: [3.0 3.0 NaN NaN 1.0 1.0] up to hour 3
}
