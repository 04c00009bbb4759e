package wire_test

import (
	"math"
	"time"

	"pgregory.net/rapid"

	"freshet/internal/hydro"
)

func text() *rapid.Generator[string] { return rapid.StringN(0, 12, -1) }

func ids() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"GD-PP-001", "GD-ZQ-014", "GD-RR-002", "站", "x"})
}

// millis draws an instant of whole milliseconds, never the zero time or 1970.
func millis() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		ms := rapid.Int64Range(-62135596799999, 253402300799999).Draw(t, "ms")
		if ms == 0 {
			ms = 1
		}
		return time.UnixMilli(ms).UTC()
	})
}

// instant draws an instant of whole nanoseconds, never the zero time.
func instant() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return millis().Draw(t, "at").Add(time.Duration(rapid.IntRange(0, 999999).Draw(t, "ns")))
	})
}

func maybe(g *rapid.Generator[time.Time]) *rapid.Generator[time.Time] {
	return rapid.OneOf(rapid.Just(time.Time{}), g)
}

func finite() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1.23, math.SmallestNonzeroFloat64}))
}

func number() *rapid.Generator[float64] {
	return rapid.OneOf(finite(), rapid.Just(math.NaN()), rapid.Just(math.Inf(1)))
}

func reading(at *rapid.Generator[time.Time], unit time.Duration, again bool) *rapid.Generator[hydro.Reading] {
	return rapid.Custom(func(t *rapid.T) hydro.Reading {
		r := hydro.Reading{
			Key: hydro.Key{
				Station:  ids().Draw(t, "station"),
				Variable: rapid.SampledFrom(hydro.Variables).Draw(t, "variable"),
				Sensor:   rapid.SampledFrom([]uint8{0, 0, 1, 255}).Draw(t, "sensor"),
			},
			At:    at.Draw(t, "at"),
			Value: finite().Draw(t, "value"),
			Datum: rapid.SampledFrom([]hydro.Datum{hydro.NoDatum, hydro.PearlRiver, "NAVD88"}).Draw(t, "datum"),
			Notes: rapid.SampledFrom([]hydro.Tests{0, hydro.NoteTrace, hydro.NoteDatumConverted}).Draw(t, "notes"),
		}
		r.Raw = r.Value
		if again {
			r.Again = rapid.Bool().Draw(t, "again")
		}
		if rapid.Bool().Draw(t, "converted") {
			r.Raw = finite().Draw(t, "raw")
		}
		if r.Variable.Amount() || rapid.Bool().Draw(t, "interval") {
			r.Interval = unit * time.Duration(rapid.Int64Range(1, 4_000_000).Draw(t, "length"))
		}
		return r
	})
}

func observation(at *rapid.Generator[time.Time], unit time.Duration) *rapid.Generator[hydro.Observation] {
	return rapid.Custom(func(t *rapid.T) hydro.Observation {
		o := hydro.Observation{
			Reading:    reading(at, unit, false).Draw(t, "reading"),
			Quality:    rapid.SampledFrom([]hydro.Quality{hydro.NotEvaluated, hydro.Pass, hydro.Suspect, hydro.Fail}).Draw(t, "quality"),
			Why:        text().Draw(t, "why"),
			Revision:   rapid.Uint32().Draw(t, "revision"),
			ReceivedAt: at.Draw(t, "received"),
		}
		o.Tests = hydro.Tests(rapid.Uint32Range(0, uint32(hydro.AllTests)).Draw(t, "tests")) &^ (hydro.NoteTrace | hydro.NoteDatumConverted)
		o.Tests |= o.Notes
		o.Ran = hydro.Tests(rapid.Uint32Range(0, uint32(hydro.AllTests)).Draw(t, "ran"))
		o.Failed = rapid.SampledFrom([]hydro.Tests{0, o.Tests, hydro.TestRange}).Draw(t, "failed")
		return o
	})
}

func refusal() *rapid.Generator[hydro.Refusal] {
	return rapid.Custom(func(t *rapid.T) hydro.Refusal {
		return hydro.Refusal{
			Station:  ids().Draw(t, "station"),
			Variable: rapid.SampledFrom(append([]hydro.Variable{0}, hydro.Variables...)).Draw(t, "variable"),
			Reason:   rapid.SampledFrom(hydro.RefusalReasons()).Draw(t, "reason"),
			Detail:   text().Draw(t, "detail"),
			Count:    rapid.IntRange(0, math.MaxInt32).Draw(t, "count"),
			LastAt:   maybe(millis()).Draw(t, "last"),
		}
	})
}

func depths(steps int) *rapid.Generator[[]float64] {
	return rapid.SliceOfN(rapid.Float64Range(0, hydro.MaxRainDepth), steps, steps)
}

// rainForecast draws one that passes its Check; ReceivedAt is zero.
func rainForecast() *rapid.Generator[hydro.RainForecast] {
	return rapid.Custom(func(t *rapid.T) hydro.RainForecast {
		f := hydro.RainForecast{
			Basin: name().Draw(t, "basin"), Source: name().Draw(t, "source"), IssuedAt: instant().Draw(t, "issued"), From: instant().Draw(t, "from"),
			Step: time.Duration(rapid.IntRange(60, 86400).Draw(t, "step")) * time.Second,
		}
		if f.IssuedAt.Year() > 9990 {
			f.IssuedAt = f.IssuedAt.AddDate(-10, 0, 0)
		}
		f.ValidUntil = f.IssuedAt.Add(time.Duration(rapid.Int64Range(1, 1e16).Draw(t, "valid")))
		steps, members := rapid.IntRange(1, 6).Draw(t, "steps"), rapid.IntRange(0, 3).Draw(t, "members")
		control, cells := members == 0 || rapid.Bool().Draw(t, "control"), rapid.Bool().Draw(t, "cells")
		for range rapid.IntRange(1, 4).Draw(t, "areas") {
			var a hydro.RainArea
			switch {
			case cells && rapid.Bool().Draw(t, "rings"):
				w, s := rapid.Float64Range(-180, 170).Draw(t, "west"), rapid.Float64Range(-90, 80).Draw(t, "south")
				a.Rings = []hydro.Ring{{{w, s}, {w + 9, s}, {w + 9, s + 9}, {w, s + 9}, {w, s}}, {{w + 1, s + 1}, {w + 2, s + 1}, {w + 2, s + 2}, {w + 1, s + 1}}}
			case cells:
				a.Cell.West, a.Cell.South = rapid.Float64Range(-180, 179).Draw(t, "west"), rapid.Float64Range(-90, 89).Draw(t, "south")
				a.Cell.East, a.Cell.North = a.Cell.West+1, a.Cell.South+1
			default:
				a.SubBasin = name().Draw(t, "sub-basin")
			}
			if control {
				a.Rain = depths(steps).Draw(t, "rain")
			}
			for range members {
				a.Members = append(a.Members, depths(steps).Draw(t, "member"))
			}
			f.Areas = append(f.Areas, a)
		}
		return f
	})
}

// dispatchPlan draws one that passes its Check; ReceivedAt is zero.
func dispatchPlan() *rapid.Generator[hydro.DispatchPlan] {
	return rapid.Custom(func(t *rapid.T) hydro.DispatchPlan {
		from := time.Unix(rapid.Int64Range(-1e10, 1e11).Draw(t, "from"), 1)
		p := hydro.DispatchPlan{
			Basin: name().Draw(t, "basin"), Reservoir: name().Draw(t, "reservoir"), OrderedBy: name().Draw(t, "by"),
			IssuedAt: instant().Draw(t, "issued"), ValidFrom: from.UTC(), ValidUntil: from.Add(hydro.MaxPlanSpan).UTC(),
		}
		if rapid.Bool().Draw(t, "by gates") {
			for at := range rapid.IntRange(1, 5).Draw(t, "settings") {
				p.Gates = append(p.Gates, hydro.GateSetting{
					From: p.ValidFrom.Add(time.Duration(at) * time.Hour), Outlet: "gate", Opening: rapid.Float64Range(0, hydro.MaxOpening).Draw(t, "opening"),
				})
			}
			return p
		}
		for at := range rapid.IntRange(1, 5).Draw(t, "releases") {
			p.Releases = append(p.Releases, hydro.Release{
				From: p.ValidFrom.Add(time.Duration(at) * time.Hour), Outflow: rapid.Float64Range(0, hydro.MaxRelease).Draw(t, "outflow"),
			})
		}
		return p
	})
}

// withdrawal draws one that passes its Check; ReceivedAt is zero.
func withdrawal() *rapid.Generator[hydro.Withdrawal] {
	return rapid.Custom(func(t *rapid.T) hydro.Withdrawal {
		issued := time.Unix(rapid.Int64Range(-1e10, 1e11).Draw(t, "issued"), 1).UTC()
		w := hydro.Withdrawal{
			Basin: name().Draw(t, "basin"), By: name().Draw(t, "by"), Reason: name().Draw(t, "reason"),
			IssuedAt: issued, At: issued.Add(time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "after"))),
		}
		switch rapid.IntRange(0, 2).Draw(t, "of") {
		case 0:
			w.Reservoir = name().Draw(t, "reservoir")
		case 1:
			w.Station = name().Draw(t, "station")
			w.Source = name().Draw(t, "source")
		default:
			w.Source = name().Draw(t, "source")
		}
		return w
	})
}

// tide draws one that passes its Check; ReceivedAt is zero.
func tide() *rapid.Generator[hydro.Tide] {
	return rapid.Custom(func(t *rapid.T) hydro.Tide {
		issued := time.Unix(rapid.Int64Range(-1e10, 1e11).Draw(t, "issued"), 1).UTC()
		v := hydro.Tide{
			Basin: name().Draw(t, "basin"), Station: name().Draw(t, "station"), Source: name().Draw(t, "source"), Datum: hydro.Datum(name().Draw(t, "datum")),
			IssuedAt: issued, ValidUntil: issued.Add(time.Duration(rapid.Int64Range(1, 1e16).Draw(t, "valid"))),
		}
		n, level := rapid.IntRange(2, 8).Draw(t, "values"), rapid.Float64Range(0, hydro.MaxTideRange/2)
		if rapid.Bool().Draw(t, "regular") {
			v.From, v.Step = issued, time.Duration(rapid.IntRange(60, 3600).Draw(t, "step"))*time.Second
			v.Levels = rapid.SliceOfN(level, n, n).Draw(t, "levels")
			return v
		}
		at := issued
		for i := range n {
			v.Turns = append(v.Turns, hydro.TideTurn{At: at, Level: float64(1-2*(i%2)) * (0.001 + 0.9*level.Draw(t, "level"))})
			at = at.Add(time.Duration(rapid.Int64Range(int64(hydro.MinTideTurn), int64(hydro.MaxTideTurn)).Draw(t, "apart")))
		}
		return v
	})
}

func input() *rapid.Generator[hydro.Input] {
	return rapid.Custom(func(t *rapid.T) hydro.Input {
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 7:
			v := tide().Draw(t, "tide")
			v.ReceivedAt = millis().Draw(t, "received")
			return hydro.Input{Tide: &v}
		case 6:
			c := command().Draw(t, "command")
			return hydro.Input{Command: &c}
		case 5:
			w := withdrawal().Draw(t, "withdrawal")
			w.ReceivedAt = millis().Draw(t, "received")
			return hydro.Input{Withdrawal: &w}
		case 3:
			f := rainForecast().Draw(t, "rain")
			f.ReceivedAt = millis().Draw(t, "received")
			return hydro.Input{RainForecast: &f}
		case 4:
			p := dispatchPlan().Draw(t, "plan")
			p.ReceivedAt = millis().Draw(t, "received")
			return hydro.Input{DispatchPlan: &p}
		case 0:
			return hydro.Input{Tick: &hydro.Tick{At: millis().Draw(t, "at"), Settle: time.Duration(rapid.IntRange(0, 3_600_000).Draw(t, "settle")) * time.Millisecond}}
		case 1:
			return hydro.Input{Catalogue: &hydro.CatalogueChange{
				Version: text().Draw(t, "version"),
				At:      millis().Draw(t, "at"),
				Files: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) hydro.File {
					return hydro.File{Name: text().Draw(t, "name"), Data: rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "data")}
				}), 0, 3).Draw(t, "files"),
			}}
		}
		return hydro.Input{Batch: &hydro.Batch{
			Basin:      ids().Draw(t, "basin"),
			ReceivedAt: millis().Draw(t, "received"),
			Readings:   rapid.SliceOfN(reading(millis(), time.Millisecond, true), 0, 8).Draw(t, "readings"),
			Refusals:   rapid.SliceOfN(refusal(), 0, 3).Draw(t, "refusals"),
		}}
	})
}

func stage() *rapid.Generator[hydro.Stage] { return rapid.SampledFrom(hydro.Stages) }

func leg() *rapid.Generator[hydro.Leg] {
	return rapid.Custom(func(t *rapid.T) hydro.Leg {
		return hydro.Leg{
			Stage:     stage().Draw(t, "stage"),
			Variable:  rapid.SampledFrom(append([]hydro.Variable{0}, hydro.Variables...)).Draw(t, "variable"),
			Window:    time.Duration(rapid.Uint32().Draw(t, "window")) * time.Second,
			Value:     number().Draw(t, "value"),
			Threshold: number().Draw(t, "threshold"),
			Datum:     hydro.Datum(text().Draw(t, "datum")),
			At:        maybe(instant()).Draw(t, "at"),
			PeakValue: number().Draw(t, "peak"),
			PeakAt:    maybe(instant()).Draw(t, "peak_at"),
			Basis:     rapid.SampledFrom(hydro.Bases()).Draw(t, "measure"),
			Limit:     number().Draw(t, "limit"),
		}
	})
}

func name() *rapid.Generator[string] { return rapid.StringN(1, 12, -1) }

func warning() *rapid.Generator[hydro.Warning] {
	return rapid.Custom(func(t *rapid.T) hydro.Warning {
		return hydro.Warning{
			ID: name().Draw(t, "id"), Basin: name().Draw(t, "basin"), Station: name().Draw(t, "station"),
			At: instant().Draw(t, "at"), From: stage().Draw(t, "from"), To: stage().Draw(t, "to"),
			Observed: leg().Draw(t, "observed"), Forecast: leg().Draw(t, "forecast"),
			ReasonZH: text().Draw(t, "zh"), ReasonEN: text().Draw(t, "en"), Cause: text().Draw(t, "cause"),
			Catalogue: text().Draw(t, "catalogue"), ForecastIssuedAt: maybe(instant()).Draw(t, "issued"),
			Illustrative: rapid.Bool().Draw(t, "illustrative"), Group: text().Draw(t, "group"), Escalated: rapid.Bool().Draw(t, "escalated"),
			EscalatedAs: rapid.SampledFrom(hydro.Stages).Draw(t, "escalated as"),
		}
	})
}

func stationForecast() *rapid.Generator[hydro.StationForecast] {
	return rapid.Custom(func(t *rapid.T) hydro.StationForecast {
		n := rapid.IntRange(0, 5).Draw(t, "n")
		return hydro.StationForecast{
			Station: text().Draw(t, "station"), Datum: hydro.Datum(text().Draw(t, "datum")),
			Discharge:    rapid.SliceOfN(number(), n, n).Draw(t, "discharge"),
			Level:        rapid.SliceOfN(number(), n, n).Draw(t, "level"),
			NowDischarge: number().Draw(t, "now_q"), NowLevel: number().Draw(t, "now_z"),
			Peak: hydro.Peak{
				At: maybe(instant()).Draw(t, "peak_at"), Discharge: number().Draw(t, "peak_q"),
				Level: number().Draw(t, "peak_z"), AtEnd: rapid.Bool().Draw(t, "at_end"),
			},
			Crossings: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) hydro.Crossing {
				return hydro.Crossing{
					Stage: stage().Draw(t, "stage"), Variable: rapid.SampledFrom(hydro.Variables).Draw(t, "variable"),
					Threshold: number().Draw(t, "threshold"), At: maybe(instant()).Draw(t, "at"), Chance: chance().Draw(t, "chance"),
				}
			}), 0, 3).Draw(t, "crossings"),
			Updated: rapid.Bool().Draw(t, "updated"), Extrapolated: rapid.Bool().Draw(t, "extrapolated"),
		}
	})
}

// chance draws one, or none.
func chance() *rapid.Generator[hydro.Chance] {
	return rapid.Custom(func(t *rapid.T) hydro.Chance {
		if rapid.Bool().Draw(t, "none") {
			return hydro.Chance{}
		}
		return hydro.Chance{
			Until: instant().Draw(t, "until"), Probability: rapid.Float64Range(0, 1).Draw(t, "probability"),
			Early: maybe(instant()).Draw(t, "early"), Middle: maybe(instant()).Draw(t, "middle"), Late: maybe(instant()).Draw(t, "late"),
		}
	})
}

// bandStep draws quantiles; the levels of some are not known.
func bandStep() *rapid.Generator[hydro.BandStep] {
	return rapid.Custom(func(t *rapid.T) hydro.BandStep {
		b := hydro.BandStep{Errors: rapid.IntRange(0, math.MaxUint32).Draw(t, "errors")}
		known := rapid.Bool().Draw(t, "levels")
		for i := range b.Discharge {
			b.Discharge[i], b.Level[i] = rapid.Float64().Draw(t, "q"), math.NaN()
			if known {
				b.Level[i] = rapid.Float64().Draw(t, "z")
			}
		}
		return b
	})
}

func forecast() *rapid.Generator[hydro.Forecast] {
	return rapid.Custom(func(t *rapid.T) hydro.Forecast {
		f := bare().Draw(t, "bare")
		if rapid.Bool().Draw(t, "band") {
			f.BandStep = time.Duration(rapid.Uint32Min(1).Draw(t, "band step")) * time.Second
			f.BandBasis = text().Draw(t, "band basis")
			for i := range f.Stations {
				f.Stations[i].Band = rapid.SliceOfN(bandStep(), 0, 3).Draw(t, "band")
			}
		}
		return f
	})
}

// bare draws a forecast without bands.
func bare() *rapid.Generator[hydro.Forecast] {
	return rapid.Custom(func(t *rapid.T) hydro.Forecast {
		return hydro.Forecast{
			Basin: name().Draw(t, "basin"), IssuedAt: instant().Draw(t, "issued"), Trigger: text().Draw(t, "trigger"),
			Catalogue:     text().Draw(t, "catalogue"),
			Step:          time.Duration(rapid.Uint32Min(1).Draw(t, "step")) * time.Second,
			Horizon:       time.Duration(rapid.Uint32().Draw(t, "horizon")) * time.Second,
			Stations:      rapid.SliceOfN(stationForecast(), 0, 3).Draw(t, "stations"),
			DataCutoff:    maybe(instant()).Draw(t, "cutoff"),
			ValidUntil:    instant().Draw(t, "valid"),
			MissingGauges: rapid.SliceOfN(text(), 0, 3).Draw(t, "missing"),
			RainCoverage:  number().Draw(t, "coverage"), RainAssumed: text().Draw(t, "rain"), Plan: text().Draw(t, "plan"),
			Notes: rapid.SliceOfN(text(), 0, 3).Draw(t, "notes"), Illustrative: rapid.Bool().Draw(t, "illustrative"),
			ArealRain: rapid.SliceOfN(arealRain(), 0, 3).Draw(t, "areal"), Holes: rapid.SliceOfN(hole(), 0, 3).Draw(t, "holes"),
		}
	})
}

func arealRain() *rapid.Generator[hydro.ArealRain] {
	return rapid.Custom(func(t *rapid.T) hydro.ArealRain {
		mm := rapid.OneOf(rapid.Float64Range(0, 500), rapid.Just(math.NaN()))
		return hydro.ArealRain{
			SubBasin: name().Draw(t, "sub-basin"), Last1h: mm.Draw(t, "1 h"), Last3h: mm.Draw(t, "3 h"), Last6h: mm.Draw(t, "6 h"), Last24h: mm.Draw(t, "24 h"),
			Coverage: number().Draw(t, "coverage"), MissingGauges: rapid.SliceOfN(text(), 0, 3).Draw(t, "missing"), Assumed: number().Draw(t, "assumed"),
		}
	})
}

func rateRequest() *rapid.Generator[hydro.RateRequest] {
	return rapid.Custom(func(t *rapid.T) hydro.RateRequest {
		return hydro.RateRequest{
			Station: name().Draw(t, "station"), Every: time.Duration(rapid.IntRange(0, 3600).Draw(t, "every")) * time.Second,
			Since: instant().Draw(t, "since"), Until: instant().Draw(t, "until"), Cause: text().Draw(t, "cause"),
			Stage: rapid.SampledFrom(hydro.Stages).Draw(t, "stage"),
		}
	})
}

func group() *rapid.Generator[hydro.GroupChange] {
	station := rapid.Custom(func(t *rapid.T) hydro.GroupStation {
		return hydro.GroupStation{
			Station: name().Draw(t, "station"), Stage: stage().Draw(t, "stage"), Highest: stage().Draw(t, "highest"),
			JoinedAt: maybe(instant()).Draw(t, "joined"), LeftAt: maybe(instant()).Draw(t, "left"),
			Arrivals: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) hydro.GroupArrival {
				return hydro.GroupArrival{Stage: stage().Draw(t, "stage"), At: instant().Draw(t, "at"), Observed: rapid.Bool().Draw(t, "observed")}
			}), 0, 4).Draw(t, "arrivals"),
			PeakAt: maybe(instant()).Draw(t, "peak"), PeakValue: number().Draw(t, "value"), PeakObserved: rapid.Bool().Draw(t, "seen"),
			PeakVariable: rapid.SampledFrom(append([]hydro.Variable{0}, hydro.Variables...)).Draw(t, "variable"),
			Rain:         rapid.Bool().Draw(t, "rain"), Cause: text().Draw(t, "cause"), Escalated: rapid.Bool().Draw(t, "escalated"),
		}
	})
	return rapid.Custom(func(t *rapid.T) hydro.GroupChange {
		g := hydro.GroupChange{
			ID: name().Draw(t, "id"), Basin: name().Draw(t, "basin"), Kind: rapid.SampledFrom(hydro.GroupKinds).Draw(t, "kind"),
			Event: rapid.SampledFrom(hydro.GroupEvents).Draw(t, "event"), At: instant().Draw(t, "at"), OpenedAt: instant().Draw(t, "opened"),
			ClosedAt: maybe(instant()).Draw(t, "closed"), Stage: stage().Draw(t, "stage"), Highest: stage().Draw(t, "highest"),
			Station: text().Draw(t, "station"), Cause: text().Draw(t, "cause"),
			Department: rapid.SampledFrom(append([]hydro.Department{0}, hydro.Departments...)).Draw(t, "department"),
			Headwater:  text().Draw(t, "headwater"), Mouth: text().Draw(t, "mouth"),
			Stations: rapid.SliceOfN(station, 0, 4).Draw(t, "stations"), TextZH: text().Draw(t, "zh"), TextEN: text().Draw(t, "en"),
			ForecastIssuedAt: maybe(instant()).Draw(t, "issued"), Illustrative: rapid.Bool().Draw(t, "illustrative"),
		}
		g.Count = len(g.Stations) + rapid.IntRange(0, 3).Draw(t, "more")
		g.Standing = rapid.IntRange(0, g.Count).Draw(t, "standing")
		return g
	})
}

func output() *rapid.Generator[hydro.Output] {
	return rapid.Custom(func(t *rapid.T) hydro.Output {
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 7:
			w := forecastWatch().Draw(t, "forecast watch")
			return hydro.Output{Watch: &w}
		case 5:
			d := dutyEvent().Draw(t, "duty")
			return hydro.Output{Duty: &d}
		case 6:
			g := group().Draw(t, "group")
			return hydro.Output{Group: &g}
		case 4:
			return hydro.Output{Rate: &hydro.RateChange{At: millis().Draw(t, "at"), Requests: rapid.SliceOfN(rateRequest(), 1, 5).Draw(t, "requests")}}
		case 0:
			f := forecast().Draw(t, "forecast")
			return hydro.Output{Forecast: &f}
		case 1:
			w := warning().Draw(t, "warning")
			return hydro.Output{Warning: &w}
		case 2:
			return hydro.Output{Audit: &hydro.Audit{
				At: millis().Draw(t, "at"), Kind: text().Draw(t, "kind"), Station: text().Draw(t, "station"),
				Text: text().Draw(t, "text"), Before: number().Draw(t, "before"), After: number().Draw(t, "after"),
			}}
		}
		return hydro.Output{Observations: rapid.SliceOfN(observation(millis(), time.Millisecond), 1, 8).Draw(t, "observations")}
	})
}
