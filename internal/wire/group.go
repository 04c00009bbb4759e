package wire

import (
	"fmt"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

var (
	groupKindsFrom = [...]freshetv1.GroupKind{
		hydro.WaveGroup:  freshetv1.GroupKind_GROUP_KIND_WAVE,
		hydro.BlindGroup: freshetv1.GroupKind_GROUP_KIND_BLIND,
	}
	groupKindsTo = [...]hydro.GroupKind{
		freshetv1.GroupKind_GROUP_KIND_WAVE:  hydro.WaveGroup,
		freshetv1.GroupKind_GROUP_KIND_BLIND: hydro.BlindGroup,
	}
	groupEventsFrom = [...]freshetv1.GroupEvent{
		hydro.GroupOpened:   freshetv1.GroupEvent_GROUP_EVENT_OPENED,
		hydro.GroupRaised:   freshetv1.GroupEvent_GROUP_EVENT_RAISED,
		hydro.GroupExtended: freshetv1.GroupEvent_GROUP_EVENT_EXTENDED,
		hydro.GroupLowered:  freshetv1.GroupEvent_GROUP_EVENT_LOWERED,
		hydro.GroupClosed:   freshetv1.GroupEvent_GROUP_EVENT_CLOSED,
	}
	groupEventsTo = [...]hydro.GroupEvent{
		freshetv1.GroupEvent_GROUP_EVENT_OPENED:   hydro.GroupOpened,
		freshetv1.GroupEvent_GROUP_EVENT_RAISED:   hydro.GroupRaised,
		freshetv1.GroupEvent_GROUP_EVENT_EXTENDED: hydro.GroupExtended,
		freshetv1.GroupEvent_GROUP_EVENT_LOWERED:  hydro.GroupLowered,
		freshetv1.GroupEvent_GROUP_EVENT_CLOSED:   hydro.GroupClosed,
	}
)

// FromGroup returns g as protobuf.
func FromGroup(g *hydro.GroupChange) *freshetv1.WarningGroup {
	p := &freshetv1.WarningGroup{
		Id:               g.ID,
		Basin:            g.Basin,
		Kind:             from(groupKindsFrom[:], g.Kind),
		Event:            from(groupEventsFrom[:], g.Event),
		At:               FromTime(g.At),
		OpenedAt:         FromTime(g.OpenedAt),
		ClosedAt:         FromTime(g.ClosedAt),
		Stage:            FromStage(g.Stage),
		Highest:          FromStage(g.Highest),
		Station:          g.Station,
		Cause:            g.Cause,
		CauseZh:          hydro.CauseZH(g.Cause),
		Department:       FromDepartment(g.Department),
		Headwater:        g.Headwater,
		Mouth:            g.Mouth,
		StationCount:     uint32(g.Count),
		Standing:         uint32(g.Standing),
		TextZh:           g.TextZH,
		TextEn:           g.TextEN,
		Illustrative:     g.Illustrative,
		ForecastIssuedAt: FromTime(g.ForecastIssuedAt),
	}
	for i := range g.Stations {
		s := &g.Stations[i]
		ps := &freshetv1.GroupStation{
			Station:      s.Station,
			Stage:        FromStage(s.Stage),
			Highest:      FromStage(s.Highest),
			JoinedAt:     FromTime(s.JoinedAt),
			LeftAt:       FromTime(s.LeftAt),
			PeakAt:       FromTime(s.PeakAt),
			PeakValue:    s.PeakValue,
			PeakVariable: FromVariable(s.PeakVariable),
			PeakObserved: s.PeakObserved,
			Rain:         s.Rain,
			Cause:        s.Cause,
			CauseZh:      hydro.CauseZH(s.Cause),
			Escalated:    s.Escalated,
		}
		for _, a := range s.Arrivals {
			ps.Arrivals = append(ps.Arrivals, &freshetv1.GroupArrival{Stage: FromStage(a.Stage), At: FromTime(a.At), Observed: a.Observed})
		}
		p.Stations = append(p.Stations, ps)
	}
	return p
}

// ToGroup returns the group. Its id, basin, kind, event, times and stages must be
// there, and those of its stations.
func ToGroup(p *freshetv1.WarningGroup) (hydro.GroupChange, error) {
	g := hydro.GroupChange{
		ID:           p.GetId(),
		Basin:        p.GetBasin(),
		Station:      p.GetStation(),
		Cause:        p.GetCause(),
		Headwater:    p.GetHeadwater(),
		Mouth:        p.GetMouth(),
		Count:        int(p.GetStationCount()),
		Standing:     int(p.GetStanding()),
		TextZH:       p.GetTextZh(),
		TextEN:       p.GetTextEn(),
		Illustrative: p.GetIllustrative(),
	}
	var err error
	if g.Kind, err = to(groupKindsTo[:], p.GetKind(), "group kind"); err != nil {
		return hydro.GroupChange{}, fmt.Errorf("kind: %w", err)
	}
	if g.Event, err = to(groupEventsTo[:], p.GetEvent(), "group event"); err != nil {
		return hydro.GroupChange{}, fmt.Errorf("event: %w", err)
	}
	if p.GetDepartment() != 0 {
		if g.Department, err = ToDepartment(p.GetDepartment()); err != nil {
			return hydro.GroupChange{}, fmt.Errorf("department: %w", err)
		}
	}
	if g.At, err = ToTime("at", p.GetAt()); err != nil {
		return hydro.GroupChange{}, err
	}
	if g.OpenedAt, err = ToTime("opened_at", p.GetOpenedAt()); err != nil {
		return hydro.GroupChange{}, err
	}
	if g.ClosedAt, err = optionalTime("closed_at", p.GetClosedAt()); err != nil {
		return hydro.GroupChange{}, err
	}
	if g.ForecastIssuedAt, err = optionalTime("forecast_issued_at", p.GetForecastIssuedAt()); err != nil {
		return hydro.GroupChange{}, err
	}
	if g.Stage, err = ToStage(p.GetStage()); err != nil {
		return hydro.GroupChange{}, fmt.Errorf("stage: %w", err)
	}
	if g.Highest, err = ToStage(p.GetHighest()); err != nil {
		return hydro.GroupChange{}, fmt.Errorf("highest: %w", err)
	}
	for i, ps := range p.GetStations() {
		s, err := toGroupStation(ps)
		if err != nil {
			return hydro.GroupChange{}, fmt.Errorf("stations[%d].%w", i, err)
		}
		g.Stations = append(g.Stations, s)
	}
	return g, checkGroup(&g)
}

func toGroupStation(p *freshetv1.GroupStation) (hydro.GroupStation, error) {
	s := hydro.GroupStation{Station: p.GetStation(), PeakValue: p.GetPeakValue(), PeakObserved: p.GetPeakObserved(), Rain: p.GetRain(), Cause: p.GetCause(), Escalated: p.GetEscalated()}
	var err error
	if s.Stage, err = ToStage(p.GetStage()); err != nil {
		return hydro.GroupStation{}, fmt.Errorf("stage: %w", err)
	}
	if s.Highest, err = ToStage(p.GetHighest()); err != nil {
		return hydro.GroupStation{}, fmt.Errorf("highest: %w", err)
	}
	if s.JoinedAt, err = optionalTime("joined_at", p.GetJoinedAt()); err != nil {
		return hydro.GroupStation{}, err
	}
	if s.LeftAt, err = optionalTime("left_at", p.GetLeftAt()); err != nil {
		return hydro.GroupStation{}, err
	}
	if s.PeakAt, err = optionalTime("peak_at", p.GetPeakAt()); err != nil {
		return hydro.GroupStation{}, err
	}
	if s.PeakVariable, err = optionalVariable(p.GetPeakVariable()); err != nil {
		return hydro.GroupStation{}, fmt.Errorf("peak_variable: %w", err)
	}
	for i, pa := range p.GetArrivals() {
		a := hydro.GroupArrival{Observed: pa.GetObserved()}
		if a.Stage, err = ToStage(pa.GetStage()); err != nil {
			return hydro.GroupStation{}, fmt.Errorf("arrivals[%d].stage: %w", i, err)
		}
		if a.At, err = ToTime("at", pa.GetAt()); err != nil {
			return hydro.GroupStation{}, fmt.Errorf("arrivals[%d].%w", i, err)
		}
		s.Arrivals = append(s.Arrivals, a)
	}
	return s, nil
}

// checkGroup returns an error unless g can go to the log and come back equal.
func checkGroup(g *hydro.GroupChange) error {
	switch {
	case g.ID == "":
		return fmt.Errorf("id: missing: %w", hydro.ErrInvalid)
	case g.Basin == "":
		return fmt.Errorf("basin: missing: %w", hydro.ErrInvalid)
	case from(groupKindsFrom[:], g.Kind) == 0:
		return fmt.Errorf("kind: %d is not known: %w", g.Kind, hydro.ErrInvalid)
	case from(groupEventsFrom[:], g.Event) == 0:
		return fmt.Errorf("event: %d is not known: %w", g.Event, hydro.ErrInvalid)
	case g.At.IsZero() || g.OpenedAt.IsZero():
		return fmt.Errorf("at or opened_at: missing: %w", hydro.ErrInvalid)
	case !validTimes(g.At, g.OpenedAt, g.ClosedAt, g.ForecastIssuedAt):
		return fmt.Errorf("a time is out of range: %w", hydro.ErrInvalid)
	case FromStage(g.Stage) == 0 || FromStage(g.Highest) == 0:
		return fmt.Errorf("stage: %d, highest %d is not known: %w", g.Stage, g.Highest, hydro.ErrInvalid)
	case g.Count < len(g.Stations) || int(uint32(g.Count)) != g.Count || g.Standing < 0 || g.Standing > g.Count:
		return fmt.Errorf("station_count: %d, with %d listed and %d standing: %w", g.Count, len(g.Stations), g.Standing, hydro.ErrInvalid)
	}
	for i := range g.Stations {
		s := &g.Stations[i]
		switch {
		case s.Station == "":
			return fmt.Errorf("stations[%d].station: missing: %w", i, hydro.ErrInvalid)
		case FromStage(s.Stage) == 0 || FromStage(s.Highest) == 0 || s.PeakVariable != 0 && FromVariable(s.PeakVariable) == 0:
			return fmt.Errorf("stations[%d]: a stage or variable is not known: %w", i, hydro.ErrInvalid)
		case !validTimes(s.JoinedAt, s.LeftAt, s.PeakAt):
			return fmt.Errorf("stations[%d]: a time is out of range: %w", i, hydro.ErrInvalid)
		}
		for k, a := range s.Arrivals {
			if FromStage(a.Stage) == 0 || a.At.IsZero() || !validTimes(a.At) {
				return fmt.Errorf("stations[%d].arrivals[%d]: its stage or time is not known: %w", i, k, hydro.ErrInvalid)
			}
		}
	}
	return nil
}
