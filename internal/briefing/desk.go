package briefing

import (
	"cmp"
	"slices"

	freshetv1 "freshet/proto/freshet/v1"
)

func responses(d *freshetv1.SituationDiff, a, b *freshetv1.Situation) {
	for _, p := range both(a.GetResponses(), b.GetResponses(), (*freshetv1.Response).GetPlan) {
		of := cmp.Or(p.b, p.a)
		if p.a.GetProposed() != p.b.GetProposed() || p.a.GetDeclared() != p.b.GetDeclared() {
			d.Responses = append(d.Responses, &freshetv1.ResponseChange{
				Plan: of.GetPlan(), NameZh: of.GetNameZh(), NameEn: of.GetNameEn(),
				ProposedFrom: p.a.GetProposed(), ProposedTo: p.b.GetProposed(), DeclaredFrom: p.a.GetDeclared(), DeclaredTo: p.b.GetDeclared(),
				ReasonZh: p.b.GetReasonZh(), ReasonEn: p.b.GetReasonEn(), DeclaredAt: p.b.GetDeclaredAt(), By: p.b.GetBy(),
			})
		}
		measures(d, of, p.a.GetMeasures(), p.b.GetMeasures())
	}
	slices.SortFunc(d.GetResponses(), func(x, y *freshetv1.ResponseChange) int { return cmp.Compare(x.GetPlan(), y.GetPlan()) })
	for _, list := range [][]*freshetv1.MeasureChange{d.GetOpened(), d.GetStarted(), d.GetDone(), d.GetLate(), d.GetClosed()} {
		slices.SortFunc(list, func(x, y *freshetv1.MeasureChange) int {
			return cmp.Or(cmp.Compare(x.GetPlan(), y.GetPlan()), cmp.Compare(x.GetMeasure().GetLevel(), y.GetMeasure().GetLevel()),
				cmp.Compare(x.GetMeasure().GetId(), y.GetMeasure().GetId()), x.GetMeasure().GetOpened().AsTime().Compare(y.GetMeasure().GetOpened().AsTime()))
		})
	}
}

// A task is a measure of one response: when it is opened again, it is another.
type task struct {
	id     string
	level  freshetv1.ResponseLevel
	opened int64
}

func measures(d *freshetv1.SituationDiff, plan *freshetv1.Response, a, b []*freshetv1.Measure) {
	key := func(m *freshetv1.Measure) task {
		return task{m.GetId(), m.GetLevel(), m.GetOpened().AsTime().UnixNano()}
	}
	for _, p := range both(a, b, key) {
		if p.b == nil { // the plan was declared anew, or the catalogue has left it out: whether it was done is not in b
			if p.a.GetState() == freshetv1.MeasureState_MEASURE_STATE_OPEN || p.a.GetState() == freshetv1.MeasureState_MEASURE_STATE_STARTED {
				d.Closed = append(d.Closed, measure(plan, p.a))
			}
			continue
		}
		c := measure(plan, p.b)
		was, is := p.a.GetState(), p.b.GetState()
		if p.a == nil {
			d.Opened = append(d.Opened, c)
		}
		if p.b.GetStarted() != nil && p.a.GetStarted() == nil {
			d.Started = append(d.Started, c)
		}
		if p.b.GetLate() && !p.a.GetLate() {
			d.Late = append(d.Late, c)
		}
		if is == freshetv1.MeasureState_MEASURE_STATE_DONE && was != is {
			d.Done = append(d.Done, c)
		}
		if is == freshetv1.MeasureState_MEASURE_STATE_CLOSED && was != is {
			d.Closed = append(d.Closed, c)
		}
	}
}

func measure(plan *freshetv1.Response, m *freshetv1.Measure) *freshetv1.MeasureChange {
	return &freshetv1.MeasureChange{Plan: plan.GetPlan(), PlanZh: plan.GetNameZh(), PlanEn: plan.GetNameEn(), Measure: m}
}

func conflicts(d *freshetv1.SituationDiff, a, b *freshetv1.Situation) {
	for _, p := range both(a.GetConflicts(), b.GetConflicts(), (*freshetv1.Conflict).GetId) {
		switch {
		case p.a == nil:
			d.ConflictsOpened = append(d.ConflictsOpened, p.b)
		case p.b == nil:
			d.ConflictsSettled = append(d.ConflictsSettled, p.a)
		}
	}
}

// A cause is what a blind set's stations have in common.
type cause struct {
	cause      string
	department freshetv1.Department
	gateway    string
}

func blind(d *freshetv1.SituationDiff, a, b *freshetv1.Situation) {
	key := func(s *freshetv1.BlindSet) cause { return cause{s.GetCause(), s.GetDepartment(), s.GetGateway()} }
	for _, p := range both(a.GetBlind(), b.GetBlind(), key) {
		if s := without(p.b, p.a); s != nil {
			d.BlindOpened = append(d.BlindOpened, s)
		}
		if s := without(p.a, p.b); s != nil {
			d.BlindSettled = append(d.BlindSettled, s)
		}
	}
	for _, list := range [][]*freshetv1.BlindSet{d.GetBlindOpened(), d.GetBlindSettled()} {
		slices.SortFunc(list, func(x, y *freshetv1.BlindSet) int {
			return cmp.Or(cmp.Compare(x.GetCause(), y.GetCause()), cmp.Compare(x.GetDepartment(), y.GetDepartment()), cmp.Compare(x.GetGateway(), y.GetGateway()))
		})
	}
}

// without is a set without the stations of another; nil if none is left.
func without(s, other *freshetv1.BlindSet) *freshetv1.BlindSet {
	keep := func(all []string) (left []string) {
		for _, id := range all {
			if !slices.Contains(other.GetStations(), id) {
				left = append(left, id)
			}
		}
		return left
	}
	left := keep(s.GetStations())
	if len(left) == 0 {
		return nil
	}
	return &freshetv1.BlindSet{
		Basin: s.GetBasin(), Cause: s.GetCause(), CauseZh: s.GetCauseZh(), Department: s.GetDepartment(), Gateway: s.GetGateway(), Whole: s.GetWhole(),
		Stations: left, Escalated: keep(s.GetEscalated()), Since: s.GetSince(),
	}
}

func groups(d *freshetv1.SituationDiff, a, b *freshetv1.Situation) {
	for _, p := range both(a.GetGroups(), b.GetGroups(), (*freshetv1.WarningGroup).GetId) {
		was, is := p.a != nil && p.a.GetClosedAt() == nil, p.b != nil && p.b.GetClosedAt() == nil
		m := move(p, was, is)
		if p.a == nil {
			d.GroupsOpened = append(d.GroupsOpened, m)
		}
		switch {
		case !is && (was || p.a == nil):
			d.GroupsClosed = append(d.GroupsClosed, m)
		case was && is && height(p.b.GetStage()) > height(p.a.GetStage()):
			d.GroupsRaised = append(d.GroupsRaised, m)
		case was && is && height(p.b.GetStage()) < height(p.a.GetStage()):
			d.GroupsLowered = append(d.GroupsLowered, m)
		}
	}
	for _, list := range [][]*freshetv1.GroupMove{d.GetGroupsOpened(), d.GetGroupsRaised(), d.GetGroupsLowered(), d.GetGroupsClosed()} {
		slices.SortFunc(list, func(x, y *freshetv1.GroupMove) int { return cmp.Compare(x.GetId(), y.GetId()) })
	}
}

// move is how a group stands otherwise; was and is say whether it was and is open.
func move(p pair[*freshetv1.WarningGroup], was, is bool) *freshetv1.GroupMove {
	of := cmp.Or(p.b, p.a)
	m := &freshetv1.GroupMove{
		Id: of.GetId(), Kind: of.GetKind(), OpenedAt: of.GetOpenedAt(), ClosedAt: of.GetClosedAt(), Station: of.GetStation(),
		StationCount: of.GetStationCount(), TextZh: of.GetTextZh(), TextEn: of.GetTextEn(),
	}
	if was {
		m.From = p.a.GetStage()
	}
	if is {
		m.To = p.b.GetStage()
	}
	return m
}

func unreached(d *freshetv1.SituationDiff, a, b *freshetv1.Situation) {
	for _, x := range a.GetAlarms() {
		d.UnacknowledgedFrom += count(x)
	}
	for _, x := range b.GetAlarms() {
		d.UnacknowledgedTo += count(x)
	}
	type call struct {
		wave   string
		stage  freshetv1.Stage
		person string
	}
	key := func(u *freshetv1.Unreached) call { return call{u.GetWave(), u.GetStage(), u.GetCall().GetPerson()} }
	for _, p := range both(a.GetUnreached(), b.GetUnreached(), key) {
		switch {
		case p.a == nil:
			d.UnreachedOpened = append(d.UnreachedOpened, p.b)
		case p.b == nil:
			d.UnreachedSettled = append(d.UnreachedSettled, p.a)
		}
	}
	for _, list := range [][]*freshetv1.Unreached{d.GetUnreachedOpened(), d.GetUnreachedSettled()} {
		slices.SortFunc(list, func(x, y *freshetv1.Unreached) int {
			return cmp.Or(cmp.Compare(x.GetWave(), y.GetWave()), cmp.Compare(x.GetStage(), y.GetStage()), cmp.Compare(x.GetCall().GetPerson(), y.GetCall().GetPerson()))
		})
	}
}

func count(a *freshetv1.Alarm) uint32 {
	if s := a.GetState(); s == freshetv1.AlarmState_ALARM_STATE_UNACKNOWLEDGED || s == freshetv1.AlarmState_ALARM_STATE_RETURNED_UNACKNOWLEDGED {
		return 1
	}
	return 0
}
