package forecast_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A level is a flow by the rating that was in force when it was observed, not by
// that of the run.
func TestEachLevelIsAFlowByTheRatingOfItsTime(t *testing.T) {
	c := small()
	i := slices.IndexFunc(c.Ratings, func(r catalog.Rating) bool { return r.ID == "mid" })
	later := c.Ratings[i]
	later.ValidFrom = t0 // after a flood that washed the bed out
	later.ID, later.Points = "mid", slices.Clone(later.Points)
	for j := range later.Points {
		later.Points[j].Discharge *= 2
	}
	c.Ratings = append(c.Ratings, later)
	b := storm(t0.Add(-48*time.Hour), t0.Add(48*time.Hour))
	b.fill("mid", hydro.WaterLevel, t0.Add(-48*time.Hour), t0.Add(48*time.Hour), constant(2))
	m := compile(t, c)
	for _, x := range []struct {
		now  time.Duration
		flow float64 // a day before, of 2 m
	}{{12 * time.Hour, 80}, {30 * time.Hour, 160}} {
		_, next := run(t, m, m.Start(t0.Add(-12*time.Hour)), t0.Add(x.now), b.source)
		for _, n := range next.Nodes {
			if n.ID == "mid" && math.Abs(n.Flow-x.flow) > 1e-6 {
				t.Errorf("at %s mid carries %g m³/s, want %g", next.At, n.Flow, x.flow)
			}
		}
	}
}
