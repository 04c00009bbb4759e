package server

import (
	"context"
	"fmt"

	"freshet/internal/auth"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// SubmitTide implements IngestService.
func (s *IngestServer) SubmitTide(ctx context.Context, m *freshetv1.SubmitTideRequest) (*freshetv1.SubmitTideResponse, error) {
	now, cat, err := s.present()
	if err != nil {
		return nil, err
	}
	t, wrong := wire.TideUnchecked(m)
	if wrong != nil {
		return nil, fieldErrors(wrong)
	}
	var errs []*hydro.FieldError
	st, wrong := tideStation(cat, &t.Basin, t.Station)
	if wrong != nil {
		errs = append(errs, wrong)
		t.Basin = "?" // told already
	}
	errs = append(errs, t.Check()...)
	errs = append(errs, s.issuedAhead(t.IssuedAt, now)...)
	if err := mayTellTide(ctx, st); err != nil {
		return nil, err
	}
	if st != nil && len(errs) == 0 {
		errs = append(errs, plausibleTide(st, &t)...)
	}
	if len(errs) > 0 {
		return nil, fieldErrors(errs...)
	}
	t.ReceivedAt = now
	if err := s.append(ctx, t.Basin, hydro.Input{Tide: &t}); err != nil {
		return nil, err
	}
	return &freshetv1.SubmitTideResponse{Id: submissionID(t.Basin, t.IssuedAt, t.Station+"/"+t.Source)}, nil
}

// tideStation returns the station that a tide is for, and fills in its basin.
func tideStation(cat *catalog.Catalog, basin *string, id string) (*catalog.Station, *hydro.FieldError) {
	st, ok := cat.Station(id)
	switch {
	case !ok:
		return nil, fieldError("station", "no station %q in the catalogue", id)
	case st.Kind != catalog.TideStation:
		return nil, fieldError("station", "%s is of kind %s: a tide is for a station of kind %s", id, st.Kind, catalog.TideStation)
	case *basin != "" && *basin != st.Basin:
		return nil, fieldError("basin", "station %s is in basin %s", id, st.Basin)
	}
	*basin = st.Basin
	return st, nil
}

// mayTellTide refuses a gateway that speaks of a station it may not write; st is nil
// where there is none.
func mayTellTide(ctx context.Context, st *catalog.Station) error {
	c := callerOf(ctx)
	if c == nil || st == nil {
		return nil
	}
	if who := c.who.Load(); who.Role == auth.Gateway && !writes(who, st) {
		return c.notItsStation(ctx, st.ID)
	}
	return nil
}

// plausibleTide says which levels cannot be brought to the station's datum, or lie
// outside the range that the catalogue gives for its level.
func plausibleTide(st *catalog.Station, t *hydro.Tide) []*hydro.FieldError {
	add, ok := st.Datum.Convert(t.Datum)
	if !ok {
		return []*hydro.FieldError{fieldError("datum", "%q is not the datum of %s (%s), and the catalogue gives no offset between them: convert the levels, or give the station the offset (accepts)", t.Datum, st.ID, st.Datum.Name)}
	}
	p, ok := st.Parameter(hydro.WaterLevel, 0)
	if !ok || !p.Limits.HasRange {
		return nil
	}
	var errs []*hydro.FieldError
	check := func(path string, level float64) {
		if v := level + add; v < p.Limits.Low || v > p.Limits.High {
			errs = append(errs, fieldError(path, "%g m on %s is outside the range of levels at %s, %g to %g m", v, st.Datum.Name, st.ID, p.Limits.Low, p.Limits.High))
		}
	}
	for i, w := range t.Turns {
		check(fmt.Sprintf("turns[%d].level", i), w.Level)
	}
	for i, v := range t.Levels {
		check(fmt.Sprintf("levels[%d]", i), v)
	}
	return errs
}
