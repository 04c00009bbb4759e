package verify

import (
	"math"
	"time"

	"freshet/forecast/skill"
	"freshet/internal/hydro"
)

// A Flood is what a profile's rules ask of one flood and of what was said about it.
type Flood struct {
	Event    skill.Event
	Variable hydro.Variable // level or discharge
	Rule     Rule           // for peaks of discharge
	Area     float64        // of the basin, km²; 0: not known
	Step     time.Duration  // of the forecast
	Now      float64        // observed at the issue; NaN: not known

	Observed, Forecast []float64 // pairs from the issue to the end of the flood
	Whole              bool      // none of them is missing
}

// Judge fills in what follows for r from its Peak, PeakAt and IssuedAt: errors, what
// the profile permits, and the scores of the pairs.
func (r *PeakRun) Judge(p *skill.Profile, f *Flood) {
	e := &f.Event
	nan := Score(math.NaN())
	r.Error, r.Share = r.Peak-Score(e.Peak), nan
	if f.Variable == hydro.Discharge && e.Peak > 0 { // a share of a level is a share of nothing
		r.Share = r.Error / Score(e.Peak)
	}
	known := !math.IsNaN(f.Now)
	tolerance := math.NaN()
	switch {
	case f.Variable == hydro.Discharge && f.Rule == RainfallRunoff:
		tolerance = p.PeakTolerance(e.Peak, f.Area)
	case f.Variable == hydro.Discharge && known:
		tolerance = p.FlowTolerance(f.Now, e.Peak)
	case f.Variable == hydro.WaterLevel && known:
		tolerance = p.LevelTolerance(f.Now, e.Peak)
	}
	r.Permissible = Score(tolerance)
	ratio, rating := p.Rate(float64(r.Error), tolerance)
	r.Ratio, r.Rating, r.Qualified = Score(ratio), rating, nil
	if !math.IsNaN(tolerance) {
		r.Qualified = new(math.Abs(float64(r.Error)) <= tolerance)
	}
	late := time.Duration(0) // within a flat crest
	switch {
	case r.PeakAt.Before(e.PeakAt):
		late = r.PeakAt.Sub(e.PeakAt)
	case r.PeakAt.After(e.PeakUntil):
		late = r.PeakAt.Sub(e.PeakUntil)
	}
	most := p.PeakTimeTolerance(e.PeakAt.Sub(r.IssuedAt), f.Step)
	r.LateHours, r.LateMost, r.InTime = late.Hours(), most.Hours(), late.Abs() <= most
	r.DC = Score(skill.NSE(f.Observed, f.Forecast))
	r.Depth, r.DepthError, r.DepthQualified = nan, nan, nil
	if f.Variable == hydro.Discharge && f.Area > 0 && f.Whole && len(f.Observed) > 0 {
		mm := f.Step.Seconds() / (f.Area * 1000) // of 1 m³/s over a step
		var came, forecast float64
		for i := range f.Observed {
			came, forecast = came+f.Observed[i]*mm, forecast+f.Forecast[i]*mm
		}
		r.Depth, r.DepthError = Score(came), Score(forecast-came)
		r.DepthQualified = new(math.Abs(forecast-came) <= p.DepthTolerance(came))
	}
}

// PeaksAt sums up the runs of events at a lead time. Shares of nothing are NaN.
func PeaksAt(p *skill.Profile, events []Event, lead time.Duration) PeakLead {
	l := PeakLead{Hours: lead.Hours()}
	var size, share, late mean
	var qualified, inTime, depth mean
	for _, e := range events {
		for _, r := range e.Runs {
			if r.Lead != lead {
				continue
			}
			l.N++
			size.add(math.Abs(float64(r.Error)))
			if !math.IsNaN(float64(r.Share)) {
				share.add(math.Abs(float64(r.Share)))
			}
			late.add(math.Abs(r.LateHours))
			inTime.yes(&r.InTime)
			switch r.Rating {
			case skill.Excellent:
				l.Excellent++
			case skill.Good:
				l.Good++
			case skill.Qualified:
				l.Fair++
			case skill.Unrated, skill.Unqualified:
			}
			qualified.yes(r.Qualified)
			depth.yes(r.DepthQualified)
		}
	}
	l.MeanError, l.MeanShare, l.MeanLate, l.Qualified, l.InTime, l.DepthQualified = size.score(), share.score(), late.score(), qualified.score(), inTime.score(), depth.score()
	l.Grade = p.GradeQR(float64(l.Qualified))
	return l
}
