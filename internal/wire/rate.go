package wire

import (
	"fmt"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// FromRateRequest returns a request as gateways and people see it. S, which may be
// nil, gives the station's codes.
func FromRateRequest(r *hydro.RateRequest, s *catalog.Station) *freshetv1.RateRequest {
	p := logRateRequest(r)
	p.ReasonZh, p.ReasonEn = r.ReasonZH(), r.ReasonEN()
	if s != nil {
		p.Codes = s.Aliases
	}
	return p
}

func logRateRequest(r *hydro.RateRequest) *freshetv1.RateRequest {
	return &freshetv1.RateRequest{
		Station: r.Station, IntervalS: seconds(r.Every), Until: FromTime(r.Until), Since: FromTime(r.Since), Cause: r.Cause, Stage: FromStage(r.Stage),
	}
}

// ToRateRequest returns the request. The codes and sentences of p are not read.
func ToRateRequest(p *freshetv1.RateRequest) (hydro.RateRequest, error) {
	r := hydro.RateRequest{Station: p.GetStation(), Every: time.Duration(p.GetIntervalS()) * time.Second, Cause: p.GetCause()}
	if r.Station == "" {
		return hydro.RateRequest{}, fmt.Errorf("station: missing: %w", hydro.ErrInvalid)
	}
	var err error
	if r.Until, err = ToTime("until", p.GetUntil()); err != nil {
		return hydro.RateRequest{}, err
	}
	if r.Since, err = ToTime("since", p.GetSince()); err != nil {
		return hydro.RateRequest{}, err
	}
	if r.Stage, err = ToStage(p.GetStage()); err != nil {
		return hydro.RateRequest{}, err
	}
	return r, nil
}

func fromRateChange(c *hydro.RateChange) (*freshetv1.LogRateChange, error) {
	at, err := fromMillis("at", c.At)
	if err != nil {
		return nil, err
	}
	if len(c.Requests) == 0 {
		return nil, fmt.Errorf("requests: none: %w", hydro.ErrInvalid)
	}
	p := &freshetv1.LogRateChange{AtMs: at, Requests: make([]*freshetv1.RateRequest, len(c.Requests))}
	for i := range c.Requests {
		r := &c.Requests[i]
		p.Requests[i] = logRateRequest(r)
		if r.Every < 0 || r.Every%time.Second != 0 {
			return nil, fmt.Errorf("requests[%d].every: %s is not whole seconds: %w", i, r.Every, hydro.ErrInvalid)
		}
		if _, err := ToRateRequest(p.Requests[i]); err != nil {
			return nil, fmt.Errorf("requests[%d].%w", i, err)
		}
	}
	return p, nil
}

func toRateChange(p *freshetv1.LogRateChange) (*hydro.RateChange, error) {
	at, err := toMillis("at", p.GetAtMs())
	if err != nil {
		return nil, err
	}
	if len(p.GetRequests()) == 0 {
		return nil, fmt.Errorf("requests: none: %w", hydro.ErrInvalid)
	}
	c := &hydro.RateChange{At: at, Requests: make([]hydro.RateRequest, len(p.GetRequests()))}
	for i, r := range p.GetRequests() {
		if c.Requests[i], err = ToRateRequest(r); err != nil {
			return nil, fmt.Errorf("requests[%d].%w", i, err)
		}
	}
	return c, nil
}
