package wire

import (
	"fmt"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

var (
	standingsFrom = [...]freshetv1.ForecastStanding{
		freshetv1.ForecastStanding_FORECAST_STANDING_UNSPECIFIED,
		hydro.ForecastValid:   freshetv1.ForecastStanding_FORECAST_STANDING_VALID,
		hydro.ForecastPartial: freshetv1.ForecastStanding_FORECAST_STANDING_PARTIAL,
		hydro.ForecastFailed:  freshetv1.ForecastStanding_FORECAST_STANDING_FAILED,
		hydro.ForecastExpired: freshetv1.ForecastStanding_FORECAST_STANDING_EXPIRED,
		hydro.ForecastNone:    freshetv1.ForecastStanding_FORECAST_STANDING_NONE,
	}
	standingsTo = [...]hydro.ForecastStanding{
		freshetv1.ForecastStanding_FORECAST_STANDING_UNSPECIFIED: 0,
		freshetv1.ForecastStanding_FORECAST_STANDING_VALID:       hydro.ForecastValid,
		freshetv1.ForecastStanding_FORECAST_STANDING_PARTIAL:     hydro.ForecastPartial,
		freshetv1.ForecastStanding_FORECAST_STANDING_FAILED:      hydro.ForecastFailed,
		freshetv1.ForecastStanding_FORECAST_STANDING_EXPIRED:     hydro.ForecastExpired,
		freshetv1.ForecastStanding_FORECAST_STANDING_NONE:        hydro.ForecastNone,
	}
)

// FromForecastWatch returns w as protobuf.
func FromForecastWatch(w *hydro.ForecastWatch) *freshetv1.ForecastWatch {
	p := &freshetv1.ForecastWatch{
		Basin: w.Basin, Since: FromTime(w.Since), IssuedAt: FromTime(w.IssuedAt), ValidUntil: FromTime(w.ValidUntil),
		Holes: fromHoles(w.Holes), Detail: w.Detail, DetailZh: w.DetailZH, At: FromTime(w.At),
	}
	if int(w.Standing) < len(standingsFrom) {
		p.Standing = standingsFrom[w.Standing]
	}
	return p
}

// ToForecastWatch returns the standing. Basin, standing and time must be there.
func ToForecastWatch(p *freshetv1.ForecastWatch) (hydro.ForecastWatch, error) {
	w := hydro.ForecastWatch{Basin: p.GetBasin(), Detail: p.GetDetail(), DetailZH: p.GetDetailZh()}
	if s := p.GetStanding(); s < 0 || int(s) >= len(standingsTo) {
		return w, fmt.Errorf("standing: %d is not known: %w", s, hydro.ErrInvalid)
	}
	w.Standing = standingsTo[p.GetStanding()]
	var err error
	if w.Since, err = optionalTime("since", p.GetSince()); err != nil {
		return w, err
	}
	if w.IssuedAt, err = optionalTime("issued_at", p.GetIssuedAt()); err != nil {
		return w, err
	}
	if w.ValidUntil, err = optionalTime("valid_until", p.GetValidUntil()); err != nil {
		return w, err
	}
	if w.At, err = ToTime("at", p.GetAt()); err != nil {
		return w, err
	}
	if w.Holes, err = toHoles(p.GetHoles()); err != nil {
		return w, err
	}
	return w, checkForecastWatch(&w)
}

// checkForecastWatch returns an error unless w can go to the log and come back equal.
func checkForecastWatch(w *hydro.ForecastWatch) error {
	switch {
	case w.Basin == "":
		return fmt.Errorf("basin: missing: %w", hydro.ErrInvalid)
	case w.Standing == 0 || int(w.Standing) >= len(standingsFrom):
		return fmt.Errorf("standing: %d is missing or not known: %w", w.Standing, hydro.ErrInvalid)
	case w.At.IsZero():
		return fmt.Errorf("at: missing: %w", hydro.ErrInvalid)
	case !validTimes(w.At, w.Since, w.IssuedAt, w.ValidUntil):
		return fmt.Errorf("a time is out of range: %w", hydro.ErrInvalid)
	}
	return checkHoles(w.Holes)
}

func fromHoles(holes []hydro.ForecastHole) []*freshetv1.ForecastHole {
	var out []*freshetv1.ForecastHole
	for i := range holes {
		h := &holes[i]
		out = append(out, &freshetv1.ForecastHole{Node: h.Node, Station: h.Station, Why: h.Why, WhyZh: h.WhyZH, From: FromTime(h.From)})
	}
	return out
}

func toHoles(holes []*freshetv1.ForecastHole) ([]hydro.ForecastHole, error) {
	var out []hydro.ForecastHole
	for i, p := range holes {
		h := hydro.ForecastHole{Node: p.GetNode(), Station: p.GetStation(), Why: p.GetWhy(), WhyZH: p.GetWhyZh()}
		var err error
		if h.From, err = optionalTime("from", p.GetFrom()); err != nil {
			return nil, fmt.Errorf("holes[%d].%w", i, err)
		}
		out = append(out, h)
	}
	return out, checkHoles(out)
}

func checkHoles(holes []hydro.ForecastHole) error {
	for i := range holes {
		switch {
		case holes[i].Node == "":
			return fmt.Errorf("holes[%d].node: missing: %w", i, hydro.ErrInvalid)
		case !validTimes(holes[i].From):
			return fmt.Errorf("holes[%d].from: out of range: %w", i, hydro.ErrInvalid)
		}
	}
	return nil
}
