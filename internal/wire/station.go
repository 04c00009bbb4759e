package wire

import (
	"fmt"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// FromStation returns a station of c as people see it, with the stage table
// that is in force at the instant.
func FromStation(c *catalog.Catalog, s *catalog.Station, at time.Time) *freshetv1.Station {
	p := &freshetv1.Station{
		Id:            s.ID,
		NameZh:        s.NameZH,
		NameEn:        s.NameEN,
		Department:    FromDepartment(s.Department),
		Basin:         s.Basin,
		River:         s.River,
		Kind:          string(s.Kind),
		Longitude:     s.Lon,
		Latitude:      s.Lat,
		Datum:         string(s.Datum.Name),
		OffsetTo_1985: s.Datum.To1985,
		OffsetSource:  s.Datum.To1985Source,
		Site:          s.Site,
		Illustrative:  s.Illustrative,
	}
	var seen hydro.Variable
	for i := range s.Parameters {
		if v := s.Parameters[i].Variable; v != seen { // several gates are one variable
			p.Variables = append(p.Variables, FromVariable(v))
			seen = v
		}
	}
	if t, ok := c.StageTable(s.ID, at); ok {
		for _, th := range t.Thresholds {
			p.Thresholds = append(p.Thresholds, &freshetv1.StageThreshold{
				Stage: FromStage(th.Stage), Variable: FromVariable(th.Variable), WindowS: seconds(th.Window),
				Value: th.Value, Illustrative: t.Illustrative,
			})
		}
	}
	return p
}

// FromStatus returns where a station stands, with the names and the mark of s,
// which may be nil.
func FromStatus(st *hydro.StationStatus, s *catalog.Station) *freshetv1.StationStage {
	p := &freshetv1.StationStage{
		Station:  st.Station,
		Stage:    FromStage(st.Stage),
		Since:    FromTime(st.Since),
		ReasonZh: st.ReasonZH,
		ReasonEn: st.ReasonEN,
		Cause:    st.Cause,
		CauseZh:  hydro.CauseZH(st.Cause),
		Observed: FromLeg(&st.Observed),
		Forecast: FromLeg(&st.Forecast),

		Escalated: st.Escalated,
	}
	if s != nil {
		p.NameZh, p.NameEn, p.Illustrative = s.NameZH, s.NameEN, s.Illustrative
	}
	return p
}

// ToStatus returns the status. Its station and stage must be there; Since is
// zero for a station that never changed its stage.
func ToStatus(p *freshetv1.StationStage) (hydro.StationStatus, error) {
	st := hydro.StationStatus{
		Station: p.GetStation(), ReasonZH: p.GetReasonZh(), ReasonEN: p.GetReasonEn(), Cause: p.GetCause(), Escalated: p.GetEscalated(),
	}
	if st.Station == "" {
		return hydro.StationStatus{}, fmt.Errorf("station: missing: %w", hydro.ErrInvalid)
	}
	var err error
	if st.Stage, err = ToStage(p.GetStage()); err != nil {
		return hydro.StationStatus{}, err
	}
	if st.Since, err = optionalTime("since", p.GetSince()); err != nil {
		return hydro.StationStatus{}, err
	}
	if st.Observed, err = ToLeg(p.GetObserved()); err != nil {
		return hydro.StationStatus{}, fmt.Errorf("observed.%w", err)
	}
	if st.Forecast, err = ToLeg(p.GetForecast()); err != nil {
		return hydro.StationStatus{}, fmt.Errorf("forecast.%w", err)
	}
	return st, nil
}
