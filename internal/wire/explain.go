package wire

import (
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// FromExplanation returns x as protobuf, with its sentences.
func FromExplanation(x *hydro.Explanation) *freshetv1.Explanation {
	p := &freshetv1.Explanation{InputSeq: x.InputSeq, Catalogue: x.Warning.Catalogue}
	p.LinesZh, p.LinesEn = x.Lines()
	if x.HasTable {
		p.Table = &freshetv1.ExplainedTable{
			ValidFrom: FromTime(x.TableFrom), Datum: string(x.TableDatum), Source: x.TableSource, Profile: x.TableProfile,
			Illustrative: x.Illustrative, DeadBand: x.DeadBand, DeadBandShare: x.DeadBandShare,
		}
	}
	for i := range x.Quantities {
		q := &x.Quantities[i]
		pq := &freshetv1.ExplainedQuantity{
			Forecast: q.Forecast, Variable: FromVariable(q.Variable), WindowS: seconds(q.Window), Measure: q.Basis.String(),
			From: FromStage(q.From), To: FromStage(q.To), Decides: q.Decides, Evidence: q.Evidence, Value: q.Value, At: FromTime(q.At), PeakAt: FromTime(q.PeakAt),
			DwellRaiseS: seconds(q.Raise), DwellLowerS: seconds(q.Lower), Persistence: uint32(q.Persistence), Fallen: q.Fallen,
			Extrapolated: q.Extrapolated, Uncalibrated: q.Uncalibrated,
		}
		for _, s := range q.Steps {
			pq.Steps = append(pq.Steps, &freshetv1.ExplainedStep{
				Stage: FromStage(s.Stage), Given: s.Given, Threshold: s.Threshold, Met: s.Met, MetSince: FromTime(s.MetSince), BelowSince: FromTime(s.BelowSince),
				MetRuns: uint32(s.MetRuns), BelowRuns: uint32(s.BelowRuns), CrossAt: FromTime(s.CrossAt),
			})
		}
		p.Quantities = append(p.Quantities, pq)
	}
	for i := range x.Readings {
		r := &x.Readings[i]
		p.Readings = append(p.Readings, &freshetv1.ExplainedReading{
			Observation: FromObservation(&r.Observation), Usable: r.Usable, ReportedDatum: string(r.ReportedDatum), Added: r.Added, AddedSource: r.AddedSource,
		})
	}
	for _, s := range x.Sights {
		p.Sights = append(p.Sights, &freshetv1.ExplainedSight{Class: s.Class, Seen: FromTime(s.Seen), WindowS: seconds(s.Window), Out: s.Out, Waiting: s.Waiting})
	}
	if r := x.Refusal; r != nil {
		p.Refusal = &freshetv1.ExplainedRefusal{Variable: FromVariable(r.Variable), Reason: FromRefusalReason(r.Reason), Detail: r.Detail, DetailZh: hydro.RefusalZH(r.Reason, r.Detail)}
	}
	if r := x.Run; r != nil {
		p.Run = &freshetv1.ExplainedRun{
			IssuedAt: FromTime(r.IssuedAt), ValidUntil: FromTime(r.ValidUntil), Valid: r.Valid, Trigger: r.Trigger, Counted: r.Counted,
			RainAssumed: r.RainAssumed, Plan: r.Plan, RainCoverage: r.RainCoverage, MissingGauges: r.MissingGauges, Notes: r.Notes,
			HonestyZh: r.HonestyZH, HonestyEn: r.HonestyEN,
		}
		if r.Station != nil {
			p.Run.Station = FromStationForecast(r.Station)
		}
	}
	return p
}
