package wire

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// FromRainForecast returns f as it is submitted, sharing its slices of values.
func FromRainForecast(f *hydro.RainForecast) *freshetv1.SubmitRainForecastRequest {
	p := &freshetv1.SubmitRainForecastRequest{
		Source: f.Source, Basin: f.Basin, IssuedAt: FromTime(f.IssuedAt), ValidUntil: FromTime(f.ValidUntil),
		StepS: seconds(f.Step), StartAt: FromTime(f.From),
	}
	for i := range f.Areas {
		a := &f.Areas[i]
		var members []*freshetv1.RainMember
		for _, m := range a.Members {
			members = append(members, &freshetv1.RainMember{Rain: m})
		}
		if a.SubBasin != "" {
			p.SubBasins = append(p.SubBasins, &freshetv1.SubBasinRain{SubBasin: a.SubBasin, Rain: a.Rain, Members: members})
			continue
		}
		c := a.Cell
		p.Cells = append(p.Cells, &freshetv1.RainCell{West: c.West, South: c.South, East: c.East, North: c.North, Rings: fromRings(a.Rings), Rain: a.Rain, Members: members})
	}
	return p
}

// ToRainForecast returns the rain forecast, sharing p's slices of values, with
// ReceivedAt zero. An error that can be told by field is a [hydro.FieldError].
func ToRainForecast(p *freshetv1.SubmitRainForecastRequest) (hydro.RainForecast, error) {
	f, err := RainForecastUnchecked(p)
	if err != nil {
		return hydro.RainForecast{}, err
	}
	if err := checkRainForecast(&f); err != nil {
		return hydro.RainForecast{}, err
	}
	return f, nil
}

// RainForecastUnchecked is [ToRainForecast] before [hydro.RainForecast.Check],
// for a caller who wants to tell all that is wrong.
func RainForecastUnchecked(p *freshetv1.SubmitRainForecastRequest) (hydro.RainForecast, *hydro.FieldError) {
	f := hydro.RainForecast{Source: p.GetSource(), Basin: p.GetBasin(), Step: time.Duration(p.GetStepS()) * time.Second}
	var err *hydro.FieldError
	if f.IssuedAt, err = fieldTime("issued_at", p.GetIssuedAt()); err != nil {
		return f, err
	}
	if f.ValidUntil, err = fieldTime("valid_until", p.GetValidUntil()); err != nil {
		return f, err
	}
	f.From = f.IssuedAt
	if p.GetStartAt() != nil {
		if f.From, err = fieldTime("start_at", p.GetStartAt()); err != nil {
			return f, err
		}
	}
	if len(p.GetSubBasins()) > 0 && len(p.GetCells()) > 0 {
		return f, &hydro.FieldError{Field: "cells", Text: "sub_basins are given too: one of the two"}
	}
	for i, a := range p.GetSubBasins() {
		if a.GetSubBasin() == "" {
			return f, &hydro.FieldError{Field: fmt.Sprintf("sub_basins[%d].sub_basin", i), Text: "missing"}
		}
		f.Areas = append(f.Areas, hydro.RainArea{SubBasin: a.GetSubBasin(), Rain: a.GetRain(), Members: members(a.GetMembers())})
	}
	for i, a := range p.GetCells() {
		rings, err := toRings(i, a.GetRings())
		if err != nil {
			return f, err
		}
		f.Areas = append(f.Areas, hydro.RainArea{
			Rings: rings,
			Cell:  hydro.Cell{West: a.GetWest(), South: a.GetSouth(), East: a.GetEast(), North: a.GetNorth()},
			Rain:  a.GetRain(), Members: members(a.GetMembers()),
		})
	}
	return f, nil
}

func fromRings(rings []hydro.Ring) []*freshetv1.Ring {
	var out []*freshetv1.Ring
	for _, r := range rings {
		p := &freshetv1.Ring{LonLat: make([]float64, 0, 2*len(r))}
		for _, at := range r {
			p.LonLat = append(p.LonLat, at[0], at[1])
		}
		out = append(out, p)
	}
	return out
}

func toRings(cell int, ps []*freshetv1.Ring) ([]hydro.Ring, *hydro.FieldError) {
	var out []hydro.Ring
	for j, p := range ps {
		v := p.GetLonLat()
		if len(v)%2 != 0 {
			return nil, &hydro.FieldError{Field: fmt.Sprintf("cells[%d].rings[%d].lon_lat", cell, j), Text: fmt.Sprintf("%d numbers: give longitude and latitude in turn", len(v))}
		}
		r := make(hydro.Ring, len(v)/2)
		for k := range r {
			r[k] = [2]float64{v[2*k], v[2*k+1]}
		}
		out = append(out, r)
	}
	return out, nil
}

func members(ps []*freshetv1.RainMember) [][]float64 {
	if len(ps) == 0 {
		return nil
	}
	out := make([][]float64, len(ps))
	for i, m := range ps {
		out[i] = m.GetRain()
	}
	return out
}

// checkRainForecast returns an error unless f can go to the log and come back
// equal.
func checkRainForecast(f *hydro.RainForecast) error {
	if !validTimes(f.IssuedAt, f.ValidUntil, f.From) {
		return fmt.Errorf("a time is out of range: %w", hydro.ErrInvalid)
	}
	return hydro.Firsts(f.Check())
}

// FromDispatchPlan returns p as it is submitted.
func FromDispatchPlan(p *hydro.DispatchPlan) *freshetv1.SubmitDispatchPlanRequest {
	out := &freshetv1.SubmitDispatchPlanRequest{
		Basin: p.Basin, Reservoir: p.Reservoir, OrderedBy: p.OrderedBy,
		IssuedAt: FromTime(p.IssuedAt), ValidFrom: FromTime(p.ValidFrom), ValidUntil: FromTime(p.ValidUntil),
	}
	for _, r := range p.Releases {
		out.Releases = append(out.Releases, &freshetv1.Release{From: FromTime(r.From), Outflow: r.Outflow})
	}
	for _, g := range p.Gates {
		out.Gates = append(out.Gates, &freshetv1.GateSetting{From: FromTime(g.From), Outlet: g.Outlet, Opening: g.Opening})
	}
	return out
}

// ToDispatchPlan returns the plan, with ReceivedAt zero. An error that can be
// told by field is a [hydro.FieldError].
func ToDispatchPlan(p *freshetv1.SubmitDispatchPlanRequest) (hydro.DispatchPlan, error) {
	d, err := DispatchPlanUnchecked(p)
	if err != nil {
		return hydro.DispatchPlan{}, err
	}
	if err := checkDispatchPlan(&d); err != nil {
		return hydro.DispatchPlan{}, err
	}
	return d, nil
}

// DispatchPlanUnchecked is [ToDispatchPlan] before [hydro.DispatchPlan.Check],
// for a caller who wants to tell all that is wrong.
func DispatchPlanUnchecked(p *freshetv1.SubmitDispatchPlanRequest) (hydro.DispatchPlan, *hydro.FieldError) {
	d := hydro.DispatchPlan{Basin: p.GetBasin(), Reservoir: p.GetReservoir(), OrderedBy: p.GetOrderedBy()}
	var err *hydro.FieldError
	if d.IssuedAt, err = fieldTime("issued_at", p.GetIssuedAt()); err != nil {
		return d, err
	}
	if d.ValidFrom, err = fieldTime("valid_from", p.GetValidFrom()); err != nil {
		return d, err
	}
	if d.ValidUntil, err = fieldTime("valid_until", p.GetValidUntil()); err != nil {
		return d, err
	}
	for i, r := range p.GetReleases() {
		at, err := fieldTime(fmt.Sprintf("releases[%d].from", i), r.GetFrom())
		if err != nil {
			return d, err
		}
		d.Releases = append(d.Releases, hydro.Release{From: at, Outflow: r.GetOutflow()})
	}
	for i, g := range p.GetGates() {
		at, err := fieldTime(fmt.Sprintf("gates[%d].from", i), g.GetFrom())
		if err != nil {
			return d, err
		}
		d.Gates = append(d.Gates, hydro.GateSetting{From: at, Outlet: g.GetOutlet(), Opening: g.GetOpening()})
	}
	return d, nil
}

// checkDispatchPlan returns an error unless p can go to the log and come back
// equal.
func checkDispatchPlan(p *hydro.DispatchPlan) error {
	if !validTimes(p.IssuedAt, p.ValidFrom, p.ValidUntil) {
		return fmt.Errorf("a time is out of range: %w", hydro.ErrInvalid)
	}
	for i := range p.Releases {
		if !validTimes(p.Releases[i].From) {
			return fmt.Errorf("releases[%d].from: out of range: %w", i, hydro.ErrInvalid)
		}
	}
	for i := range p.Gates {
		if !validTimes(p.Gates[i].From) {
			return fmt.Errorf("gates[%d].from: out of range: %w", i, hydro.ErrInvalid)
		}
	}
	return hydro.Firsts(p.Check())
}

// FromWithdrawal returns w as it is submitted.
func FromWithdrawal(w *hydro.Withdrawal) *freshetv1.WithdrawRequest {
	return &freshetv1.WithdrawRequest{
		Basin: w.Basin, Reservoir: w.Reservoir, Station: w.Station, Source: w.Source, IssuedAt: FromTime(w.IssuedAt),
		WithdrawnBy: w.By, WithdrawnAt: FromTime(w.At), Reason: w.Reason,
	}
}

// ToWithdrawal returns the withdrawal, with ReceivedAt zero. An error that can be
// told by field is a [hydro.FieldError].
func ToWithdrawal(p *freshetv1.WithdrawRequest) (hydro.Withdrawal, error) {
	w, err := WithdrawalUnchecked(p)
	if err != nil {
		return hydro.Withdrawal{}, err
	}
	if err := checkWithdrawal(&w); err != nil {
		return hydro.Withdrawal{}, err
	}
	return w, nil
}

// WithdrawalUnchecked is [ToWithdrawal] before [hydro.Withdrawal.Check], for a
// caller who wants to tell all that is wrong.
func WithdrawalUnchecked(p *freshetv1.WithdrawRequest) (hydro.Withdrawal, *hydro.FieldError) {
	w := hydro.Withdrawal{Basin: p.GetBasin(), Reservoir: p.GetReservoir(), Station: p.GetStation(), Source: p.GetSource(), By: p.GetWithdrawnBy(), Reason: p.GetReason()}
	var err *hydro.FieldError
	if w.IssuedAt, err = fieldTime("issued_at", p.GetIssuedAt()); err != nil {
		return w, err
	}
	w.At, err = fieldTime("withdrawn_at", p.GetWithdrawnAt())
	return w, err
}

// checkWithdrawal returns an error unless w can go to the log and come back equal.
func checkWithdrawal(w *hydro.Withdrawal) error {
	if !validTimes(w.IssuedAt, w.At) {
		return fmt.Errorf("a time is out of range: %w", hydro.ErrInvalid)
	}
	return hydro.Firsts(w.Check())
}

// fieldTime is ToTime whose error names the field.
func fieldTime(name string, p *timestamppb.Timestamp) (time.Time, *hydro.FieldError) {
	switch {
	case p == nil:
		return time.Time{}, &hydro.FieldError{Field: name, Text: "missing"}
	case !p.IsValid() || p.AsTime().IsZero():
		return time.Time{}, &hydro.FieldError{Field: name, Text: "out of range"}
	}
	return p.AsTime(), nil
}
