package pack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	freshetv1 "freshet/proto/freshet/v1"
)

func (m *maker) forecastFacts() ForecastFacts {
	run := m.s.GetForecast()
	f := ForecastFacts{Issued: m.clock(run.GetIssuedAt()), Until: m.clock(run.GetHonesty().GetValidUntil())}
	f.Doubt = m.unsound()
	if run == nil {
		return f
	}
	f.Known, f.Hours, f.Stations = true, int(run.GetHorizonS()/3600), len(run.GetStations())
	f.Line = m.pick(run.GetHonesty().GetLineZh(), run.GetHonesty().GetLineEn())
	f.Missing = run.GetHonesty().GetMissingGauges()
	f.Expired = m.expired()
	for _, s := range run.GetStations() {
		p := m.peak(s)
		if len(s.GetCrossings()) == 0 {
			f.WithoutThresholds++
			f.WithoutThresholdList = append(f.WithoutThresholdList, m.named(s.GetStation()))
			continue
		}
		if len(p.Crossings) == 0 {
			f.Below++
			continue
		}
		f.Peaks = append(f.Peaks, p)
	}
	return f
}

// unsound tells in a sentence why the forecast is not whole and valid. It is empty where
// it is, before the first run, and in a situation of an older version.
func (m *maker) unsound() string {
	switch w := m.s.GetForecastWatch(); w.GetStanding() {
	case freshetv1.ForecastStanding_FORECAST_STANDING_UNSPECIFIED, freshetv1.ForecastStanding_FORECAST_STANDING_VALID:
		return ""
	default:
		return m.pick(w.GetDetailZh(), w.GetDetail())
	}
}

// expired says that the run is not to be trusted at the situation's instant.
func (m *maker) expired() bool {
	until := m.s.GetForecast().GetHonesty().GetValidUntil()
	return until != nil && m.s.GetAt().AsTime().After(until.AsTime())
}

// falling says that the water falls from the start of a forecast: its peak is
// where it begins.
func (m *maker) falling(s *freshetv1.StationForecast) bool {
	return s.GetPeak() != nil && !s.GetPeak().GetAt().AsTime().After(m.s.GetForecast().GetIssuedAt().AsTime())
}

func (m *maker) peak(s *freshetv1.StationForecast) PeakFacts {
	p := PeakFacts{Name: m.name(s.GetStation()), Level: m.absent(), Flow: m.absent(), At: m.clock(s.GetPeak().GetAt()), AtEnd: s.GetPeak().GetAtEnd(), Falling: m.falling(s)}
	if s.GetPeak() != nil {
		p.Level, p.Flow = m.number(Level, s.GetPeak().GetLevel()), m.number(Flow, s.GetPeak().GetDischarge())
		if !p.Level.known {
			p.Level = missing(m.pick("不预报水位", "no level forecast"))
		}
	}
	highest := freshetv1.Stage_STAGE_UNSPECIFIED
	for _, c := range s.GetCrossings() {
		if c.GetAt() == nil {
			continue
		}
		highest = max(highest, c.GetStage())
		n := Named{Name: m.stage(c.GetStage()).show, Value: m.threshold(c.GetVariable(), c.GetThreshold()), Unit: m.unit(c.GetVariable()), At: m.clock(c.GetAt())}
		if c.GetAt().AsTime().Compare(m.s.GetForecast().GetIssuedAt().AsTime()) <= 0 {
			n.Text = m.pick("发布时已达", "met at the time of issue")
		}
		p.Crossings = append(p.Crossings, n)
	}
	if highest != freshetv1.Stage_STAGE_UNSPECIFIED {
		p.Highest = m.stage(highest).show
	}
	return p
}

func kindOf(v freshetv1.Variable) Kind {
	switch v {
	case freshetv1.Variable_VARIABLE_WATER_LEVEL:
		return Level
	case freshetv1.Variable_VARIABLE_RAIN:
		return Depth
	default: // discharge, inflow, outflow
		return Flow
	}
}

// unit is the unit of a variable in a sentence.
func (m *maker) unit(v freshetv1.Variable) string {
	k := kindOf(v)
	return m.pick(map[Kind]string{Level: "米", Depth: "毫米", Flow: "立方米每秒"}[k], unitOf(k))
}

func unitOf(k Kind) string { return map[Kind]string{Level: "m", Depth: "mm", Flow: "m³/s"}[k] }

func (m *maker) threshold(v freshetv1.Variable, x float64) Cell { return m.number(kindOf(v), x) }

func (m *maker) warningFacts() WarningFacts {
	f := WarningFacts{Stations: len(m.s.GetStages())}
	for stage := freshetv1.Stage_STAGE_RED; stage >= freshetv1.Stage_STAGE_BLUE; stage-- {
		x := StageFacts{Stage: m.stage(stage).show}
		for _, s := range m.s.GetStages() {
			if s.GetStage() == stage {
				x.Stations = append(x.Stations, Named{Name: m.name(s.GetStation()), At: m.clock(s.GetSince()), Text: m.pick(s.GetReasonZh(), s.GetReasonEn())})
			}
		}
		if x.Count = len(x.Stations); x.Count > 0 {
			f.Stages = append(f.Stages, x)
		}
	}
	for _, s := range m.s.GetStages() {
		switch s.GetStage() {
		case freshetv1.Stage_STAGE_CLEAR:
			f.Clear++
		case freshetv1.Stage_STAGE_BLIND, freshetv1.Stage_STAGE_UNSPECIFIED:
			f.Blind++
		default: // a colour, counted above
		}
	}
	for _, g := range m.s.GetGroups() {
		if g.GetClosedAt() == nil && g.GetKind() == freshetv1.GroupKind_GROUP_KIND_WAVE {
			f.Waves = append(f.Waves, m.pick(g.GetTextZh(), g.GetTextEn()))
		}
	}
	for _, a := range m.s.GetAlarms() {
		n := Named{Name: m.name(a.GetStation()), At: m.clock(a.GetSince()), Text: m.pick(alarmWords[a.GetState()].zh, alarmWords[a.GetState()].en)}
		switch a.GetState() {
		case freshetv1.AlarmState_ALARM_STATE_UNACKNOWLEDGED, freshetv1.AlarmState_ALARM_STATE_RETURNED_UNACKNOWLEDGED:
			f.Unacknowledged = append(f.Unacknowledged, n)
		case freshetv1.AlarmState_ALARM_STATE_SHELVED, freshetv1.AlarmState_ALARM_STATE_OUT_OF_SERVICE:
			f.Shelved = append(f.Shelved, n)
		default: // somebody has it
		}
	}
	for _, u := range m.s.GetUnreached() {
		f.Unreached = append(f.Unreached, Named{Name: m.pick(u.GetCall().GetNameZh(), u.GetCall().GetNameEn()), Text: m.stage(u.GetStage()).show})
	}
	return f
}

func (m *maker) blindFacts() BlindFacts {
	f := BlindFacts{Of: len(m.s.GetBoard()), Conflicts: len(m.s.GetConflicts())}
	seen, urgent := map[string]bool{}, map[string]bool{}
	for _, b := range m.s.GetBlind() {
		x := BlindSet{Department: m.department(b.GetDepartment()), Cause: m.cause(b.GetCause()), Gateway: b.GetGateway(), Stations: m.nameds(b.GetStations()), Since: m.since(b.GetSince())}
		f.Sets = append(f.Sets, x)
		for _, s := range b.GetStations() {
			seen[s] = true
		}
		for _, s := range b.GetEscalated() {
			if !urgent[s] {
				urgent[s] = true
				f.Escalated = append(f.Escalated, m.named(s))
			}
		}
	}
	f.Stations = len(seen)
	return f
}

// since is when something was last seen.
func (m *maker) since(t *timestamppb.Timestamp) Cell {
	if t == nil {
		return missing(m.pick("从未见过", "never seen"))
	}
	return m.clock(t)
}

func (m *maker) planFacts() []PlanFacts {
	var out []PlanFacts
	for _, r := range m.s.GetResponses() {
		p := PlanFacts{
			Name: m.pick(r.GetNameZh(), r.GetNameEn()), Body: m.pick(r.GetBodyZh(), r.GetBodyEn()), Proposed: m.level(r.GetProposed()),
			Declared: m.declared(r.GetDeclared()), Differs: r.GetProposed() != r.GetDeclared(), Reason: m.pick(r.GetReasonZh(), r.GetReasonEn()),
		}
		for _, x := range r.GetMeasures() {
			switch x.GetState() {
			case freshetv1.MeasureState_MEASURE_STATE_OPEN:
				p.Open++
			case freshetv1.MeasureState_MEASURE_STATE_STARTED:
				p.Started++
			case freshetv1.MeasureState_MEASURE_STATE_DONE:
				p.Done++
			case freshetv1.MeasureState_MEASURE_STATE_CLOSED:
				p.Dropped++
			default: // none is without a state
			}
			if x.GetLate() {
				p.Late++
				p.LateMeasures = append(p.LateMeasures, m.measureName(x))
			}
		}
		out = append(out, p)
	}
	return out
}

func (m *maker) measureName(x *freshetv1.Measure) Named {
	return Named{Name: m.pick(x.GetNameZh(), x.GetNameEn()), At: m.clock(x.GetDeadline()), Text: m.owner(x)}
}

func (m *maker) owner(x *freshetv1.Measure) string {
	return strings.TrimSpace(m.department(x.GetDepartment()) + " " + m.pick(x.GetPersonZh(), x.GetPersonEn()))
}

func (m *maker) changeFacts() *ChangeFacts {
	d := m.Diff
	changes := func(in []*freshetv1.StationChange, cause bool) []Named {
		var out []Named
		for _, c := range in {
			n := Named{Name: m.changed(c), At: m.clock(c.GetSince()), Text: m.stage(c.GetFrom()).show + "→" + m.stage(c.GetTo()).show}
			if cause {
				n.Text = m.cause(cmp.Or(c.GetCauseTo(), c.GetCauseFrom()))
			}
			out = append(out, n)
		}
		return out
	}
	measures := func(in []*freshetv1.MeasureChange) []Named {
		var out []Named
		for _, c := range in {
			out = append(out, m.measureName(c.GetMeasure()))
		}
		return out
	}
	f := &ChangeFacts{
		From: m.clock(d.GetFrom().GetAsOf()), New: changes(d.GetNew(), false), Gone: changes(d.GetGone(), false), Worse: changes(d.GetWorse(), false),
		Better: changes(d.GetBetter(), false), Lost: changes(d.GetLost(), true), Back: changes(d.GetBack(), true),
		Opened: measures(d.GetOpened()), Started: measures(d.GetStarted()), Done: measures(d.GetDone()), Late: measures(d.GetLate()), Closed: measures(d.GetClosed()),
		ConflictsOpened: len(d.GetConflictsOpened()), ConflictsSettled: len(d.GetConflictsSettled()),
		UnacknowledgedBefore: int(d.GetUnacknowledgedFrom()), Unacknowledged: int(d.GetUnacknowledgedTo()),
		UnreachedOpened: len(d.GetUnreachedOpened()), UnreachedSettled: len(d.GetUnreachedSettled()),
		BlindOpened: stationsOf(d.GetBlindOpened()), BlindSettled: stationsOf(d.GetBlindSettled()),
		WavesOpened: len(d.GetGroupsOpened()), WavesRaised: len(d.GetGroupsRaised()), WavesClosed: len(d.GetGroupsClosed()),
	}
	for _, r := range d.GetRain() {
		if r.GetCoverage() > 0 {
			n := Named{Name: m.pick(r.GetNameZh(), r.GetNameEn()), Value: m.number(Depth, r.GetRain())}
			if r.GetCoverage() < 1 {
				n.Text = m.pick("不少于", "at least")
			}
			f.Rain = append(f.Rain, n)
		}
	}
	for _, c := range d.GetForecasts() {
		if c.LevelChange == nil && c.DischargeChange == nil && c.LaterS == nil {
			continue
		}
		n := Named{Name: m.pick(c.GetNameZh(), c.GetNameEn()), Value: m.number(Level, c.GetTo().GetLevel()), Unit: m.pick("米", "m"), Over: m.optional(Over, c.LevelChange, "—"), At: m.clock(c.GetTo().GetAt())}
		if !n.Value.known {
			n.Value, n.Unit, n.Over = m.number(Flow, c.GetTo().GetDischarge()), m.pick("立方米每秒", "m³/s"), m.optional(Moved, c.DischargeChange, "—")
		}
		if c.LaterS != nil {
			n.Text = m.number(Hours, c.GetLaterS()/3600).show
		}
		f.Peaks = append(f.Peaks, n)
	}
	for _, r := range d.GetResponses() {
		f.Responses = append(f.Responses, Named{
			Name: m.pick(r.GetNameZh(), r.GetNameEn()),
			Text: fmt.Sprintf(m.pick("建议%s→%s，宣布%s→%s", "proposed %s → %s, declared %s → %s"), m.level(r.GetProposedFrom()), m.level(r.GetProposedTo()), m.level(r.GetDeclaredFrom()), m.level(r.GetDeclaredTo())),
		})
	}
	return f
}

// changed is the name of a station that may no longer be in the catalogue.
func (m *maker) changed(c *freshetv1.StationChange) string {
	return cmp.Or(m.pick(c.GetNameZh(), c.GetNameEn()), c.GetStation())
}

func stationsOf(sets []*freshetv1.BlindSet) int {
	seen := map[string]bool{}
	for _, b := range sets {
		for _, s := range b.GetStations() {
			seen[s] = true
		}
	}
	return len(seen)
}

// stepAt is the instant of value i of a run.
func stepAt(run *freshetv1.Forecast, i int) time.Time {
	return run.GetIssuedAt().AsTime().Add(time.Duration(i+1) * time.Duration(run.GetStepS()) * time.Second)
}

// ranked are the run's stations: those with the highest stage first, else in the
// order of the run, which follows the river.
func (m *maker) ranked() []*freshetv1.StationForecast {
	out := slices.Clone(m.s.GetForecast().GetStations())
	rank := func(s *freshetv1.StationForecast) freshetv1.Stage {
		r := m.board[s.GetStation()]
		return max(r.GetObserved(), r.GetForecast())
	}
	slices.SortStableFunc(out, func(a, b *freshetv1.StationForecast) int { return cmp.Compare(rank(b), rank(a)) })
	return out
}
