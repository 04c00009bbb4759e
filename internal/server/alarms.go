package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"freshet/alert/duty"
	"freshet/internal/auth"
	"freshet/internal/catalog"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// maxDutyEvents bounds one ListDutyEvents; more is refused, never cut in silence.
const maxDutyEvents = 10000

// urgency is the order of the list of alarms.
var urgency = [...]int{duty.Unacknowledged: 0, duty.Returned: 1, duty.Acknowledged: 2, duty.Shelved: 3, duty.OutOfService: 4, duty.Normal: 5}

// ListAlarms implements DutyService.
func (s *Server) ListAlarms(_ context.Context, req *freshetv1.ListAlarmsRequest) (*freshetv1.ListAlarmsResponse, error) {
	c, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	var all []standingAlarm
	resp := &freshetv1.ListAlarmsResponse{}
	resp.Now = timestamp(look(basins, func(id string, e *engine.Engine) { all = append(all, alarmsOf(id, e)...) }))
	sortAlarms(all)
	for i := range all {
		p := all[i].wire(c)
		if len(req.GetStates()) > 0 && !slices.Contains(req.GetStates(), p.GetState()) ||
			len(req.GetDepartments()) > 0 && !slices.Contains(req.GetDepartments(), p.GetDepartment()) {
			continue
		}
		if all[i].Status == duty.Unacknowledged || all[i].Status == duty.Returned {
			resp.Unacknowledged++
		}
		resp.Alarms = append(resp.Alarms, p)
	}
	return resp, nil
}

// A standingAlarm is an alarm of a basin.
type standingAlarm struct {
	duty.Alarm
	basin string
}

func (a *standingAlarm) wire(c *catalog.Catalog) *freshetv1.Alarm {
	st, _ := c.Station(a.Station)
	return wire.FromAlarm(a.basin, &a.Alarm, st)
}

func alarmsOf(basin string, e *engine.Engine) []standingAlarm {
	var all []standingAlarm
	for _, a := range e.Alarms() {
		all = append(all, standingAlarm{a, basin})
	}
	return all
}

// sortAlarms puts the most urgent first.
func sortAlarms(all []standingAlarm) {
	// A blind station may be at any stage: it stands behind red only.
	height := func(s hydro.Stage) int {
		if s == hydro.Blind {
			return 2*int(hydro.Red) - 1
		}
		return 2 * int(s)
	}
	slices.SortFunc(all, func(a, b standingAlarm) int {
		return cmp.Or(cmp.Compare(urgency[a.Status], urgency[b.Status]), cmp.Compare(height(b.Stage), height(a.Stage)),
			a.Since.Compare(b.Since), cmp.Compare(a.basin, b.basin), cmp.Compare(a.Station, b.Station))
	})
}

// Acknowledge implements DutyService.
func (s *Server) Acknowledge(ctx context.Context, req *freshetv1.AcknowledgeRequest) (*freshetv1.AcknowledgeResponse, error) {
	events, err := s.alarms(ctx, hydro.Command{ID: req.GetRequestId(), Kind: hydro.Acknowledge, Text: req.GetNote()}, req.GetBy(), req.GetStations(), req.GetWarnings())
	if err != nil {
		return nil, err
	}
	return &freshetv1.AcknowledgeResponse{Events: dutyEvents(events)}, nil
}

// Shelve implements DutyService.
func (s *Server) Shelve(ctx context.Context, req *freshetv1.ShelveRequest) (*freshetv1.ShelveResponse, error) {
	until, err := wire.ToTime("until", req.GetUntil())
	if err != nil {
		return nil, err
	}
	events, err := s.alarms(ctx, hydro.Command{ID: req.GetRequestId(), Kind: hydro.Shelve, Until: until, Text: req.GetReason()}, req.GetBy(), req.GetStations(), req.GetWarnings())
	if err != nil {
		return nil, err
	}
	return &freshetv1.ShelveResponse{Events: dutyEvents(events)}, nil
}

// Unshelve implements DutyService.
func (s *Server) Unshelve(ctx context.Context, req *freshetv1.UnshelveRequest) (*freshetv1.UnshelveResponse, error) {
	events, err := s.alarms(ctx, hydro.Command{ID: req.GetRequestId(), Kind: hydro.Unshelve, Text: req.GetNote()}, req.GetBy(), req.GetStations(), nil)
	if err != nil {
		return nil, err
	}
	return &freshetv1.UnshelveResponse{Events: dutyEvents(events)}, nil
}

// TakeOutOfService implements DutyService.
func (s *Server) TakeOutOfService(ctx context.Context, req *freshetv1.TakeOutOfServiceRequest) (*freshetv1.TakeOutOfServiceResponse, error) {
	events, err := s.alarms(ctx, hydro.Command{ID: req.GetRequestId(), Kind: hydro.OutOfService, Text: req.GetReason()}, req.GetBy(), req.GetStations(), nil)
	if err != nil {
		return nil, err
	}
	return &freshetv1.TakeOutOfServiceResponse{Events: dutyEvents(events)}, nil
}

// ReturnToService implements DutyService.
func (s *Server) ReturnToService(ctx context.Context, req *freshetv1.ReturnToServiceRequest) (*freshetv1.ReturnToServiceResponse, error) {
	events, err := s.alarms(ctx, hydro.Command{ID: req.GetRequestId(), Kind: hydro.InService, Text: req.GetNote()}, req.GetBy(), req.GetStations(), nil)
	if err != nil {
		return nil, err
	}
	return &freshetv1.ReturnToServiceResponse{Events: dutyEvents(events)}, nil
}

// A target is one station that a call about alarms is about.
type target struct {
	basin, station, warning string
	department              hydro.Department // zero: the catalogue no longer has the station
}

// alarms has the engines obey one command for each station that a call names.
func (s *Server) alarms(ctx context.Context, c hydro.Command, by string, stations, warnings []string) ([]hydro.DutyEvent, error) {
	targets, err := s.targets(stations, warnings)
	if err != nil {
		return nil, err
	}
	commands := make([]hydro.Command, len(targets))
	for i, t := range targets {
		if c.Kind == hydro.OutOfService || c.Kind == hydro.InService {
			if err := mayPutOut(ctx, t); err != nil {
				return nil, err
			}
		}
		commands[i] = c
		commands[i].ID += "/" + t.station
		commands[i].Basin, commands[i].Station, commands[i].Warning = t.basin, t.station, t.warning
	}
	return s.command(ctx, by, commands...)
}

// targets returns the stations that a call names, each once, in the order of the
// call.
func (s *Server) targets(stations, warnings []string) ([]target, error) {
	if len(stations)+len(warnings) == 0 {
		return nil, badField("stations", "none: name the stations, or their warnings")
	}
	var out []target
	add := func(t target) {
		i := slices.IndexFunc(out, func(o target) bool { return o.basin == t.basin && o.station == t.station })
		switch {
		case i < 0:
			out = append(out, t)
		case t.warning > out[i].warning: // IDs of one station ascend with time
			out[i].warning = t.warning
		}
	}
	for i, id := range warnings {
		basin, rest, _ := strings.Cut(id, "/")
		_, station, ok := strings.Cut(rest, "/")
		if !ok || station == "" {
			return nil, badField(fmt.Sprintf("warnings[%d]", i), fmt.Sprintf("%q is not the id of a warning, which reads basin/time/station", id))
		}
		t, err := s.alarmed(basin, station)
		if err != nil {
			return nil, fmt.Errorf("warnings[%d]: %w", i, err)
		}
		t.warning = id
		add(t)
	}
	for i, name := range stations {
		t, err := s.alarmed("", name)
		if err != nil {
			return nil, fmt.Errorf("stations[%d]: %w", i, err)
		}
		add(t)
	}
	return out, nil
}

// alarmed finds a station by its name in the catalogue or, if it has left that, in
// the list of alarms; of any basin, unless one is given.
func (s *Server) alarmed(basin, name string) (target, error) {
	_, st, err := s.station(name)
	if err == nil && (basin == "" || basin == st.Basin) {
		return target{basin: st.Basin, station: st.ID, department: st.Department}, nil
	}
	for _, id := range s.basinIDs {
		if basin != "" && basin != id {
			continue
		}
		known := false
		s.basins[id].Engine.Query(func(e *engine.Engine) {
			known = slices.ContainsFunc(e.Alarms(), func(a duty.Alarm) bool { return a.Station == name })
		})
		if known {
			return target{basin: id, station: name}, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("station %q is in basin %s, not in %q: %w", name, st.Basin, basin, hydro.ErrNotFound)
	}
	return target{}, err
}

// mayPutOut refuses an officer of another department than the station's, and of
// none. Whether the call may be made at all was found out before.
func mayPutOut(ctx context.Context, t target) error {
	c := callerOf(ctx)
	if c == nil {
		return nil
	}
	who := c.who.Load()
	if who.Role == auth.Admin || t.department != 0 && who.Department == t.department {
		return nil
	}
	of := "a department that the catalogue no longer knows"
	if t.department != 0 {
		of = t.department.String()
	}
	no := &auth.Refusal{Reason: auth.NotItsStation, Text: fmt.Sprintf("%s may not put station %s of %s out of service or back", who, t.station, of)}
	return refusalStatus(c.guard.tell(ctx, no, "DutyService", c.cred, c.host))
}

// ListDutyEvents implements DutyService.
func (s *Server) ListDutyEvents(ctx context.Context, req *freshetv1.ListDutyEventsRequest) (*freshetv1.ListDutyEventsResponse, error) {
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	from, to, err := span(req.GetFrom(), req.GetTo())
	if err != nil {
		return nil, err
	}
	var all []hydro.DutyEvent
	for _, b := range basins {
		last, err := s.opts.Feed.LastOutputOf(ctx, b.ID, "duty")
		if err != nil {
			return nil, fmt.Errorf("duty events of %s: %w", b.ID, err)
		}
		if last == 0 {
			continue
		}
		for rec, err := range s.opts.Feed.Outputs(ctx, b.ID, 0, "duty") {
			if err != nil {
				return nil, fmt.Errorf("duty events of %s: %w", b.ID, err)
			}
			d := rec.Output.Duty
			if !d.At.Before(from) && d.At.Before(to) && (req.GetStation() == "" || req.GetStation() == d.Station) &&
				(len(req.GetKinds()) == 0 || slices.Contains(req.GetKinds(), d.Kind)) {
				if len(all) == maxDutyEvents {
					return nil, badField("from", fmt.Sprintf("more than %d events lie in this range: ask for a shorter one", maxDutyEvents))
				}
				all = append(all, *d)
			}
			if rec.Seq >= last || rec.Pending == 0 {
				break
			}
		}
	}
	slices.SortStableFunc(all, func(a, b hydro.DutyEvent) int { return a.At.Compare(b.At) })
	return &freshetv1.ListDutyEventsResponse{Events: dutyEvents(all)}, nil
}
