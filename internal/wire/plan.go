package wire

import (
	"fmt"
	"time"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

var responseLevels = map[hydro.ResponseLevel]freshetv1.ResponseLevel{
	hydro.NoResponse:  freshetv1.ResponseLevel_RESPONSE_LEVEL_UNSPECIFIED,
	hydro.ResponseI:   freshetv1.ResponseLevel_RESPONSE_LEVEL_I,
	hydro.ResponseII:  freshetv1.ResponseLevel_RESPONSE_LEVEL_II,
	hydro.ResponseIII: freshetv1.ResponseLevel_RESPONSE_LEVEL_III,
	hydro.ResponseIV:  freshetv1.ResponseLevel_RESPONSE_LEVEL_IV,
}

var measureStates = map[hydro.MeasureState]freshetv1.MeasureState{
	0:                     freshetv1.MeasureState_MEASURE_STATE_UNSPECIFIED,
	hydro.MeasureOpened:   freshetv1.MeasureState_MEASURE_STATE_OPEN,
	hydro.MeasureBegun:    freshetv1.MeasureState_MEASURE_STATE_STARTED,
	hydro.MeasureFinished: freshetv1.MeasureState_MEASURE_STATE_DONE,
	hydro.MeasureDropped:  freshetv1.MeasureState_MEASURE_STATE_CLOSED,
}

// measureActions are the commands of UpdateMeasure.
var measureActions = map[freshetv1.MeasureAction]hydro.CommandKind{
	freshetv1.MeasureAction_MEASURE_ACTION_START: hydro.MeasureStart,
	freshetv1.MeasureAction_MEASURE_ACTION_DONE:  hydro.MeasureDone,
	freshetv1.MeasureAction_MEASURE_ACTION_NOTE:  hydro.MeasureNote,
}

// ToMeasureAction returns the command of an action.
func ToMeasureAction(p freshetv1.MeasureAction) (hydro.CommandKind, error) {
	k, ok := measureActions[p]
	if !ok {
		return "", fmt.Errorf("action %d: %w", p, hydro.ErrInvalid)
	}
	return k, nil
}

// back returns the key of a value in a table whose values differ.
func back[K, V comparable](table map[K]V, v V, kind string) (K, error) {
	for k, x := range table {
		if x == v {
			return k, nil
		}
	}
	var none K
	return none, fmt.Errorf("%s %v: %w", kind, v, hydro.ErrInvalid)
}

// ToResponseLevel returns the level, none if it is not set.
func ToResponseLevel(p freshetv1.ResponseLevel) (hydro.ResponseLevel, error) {
	return back(responseLevels, p, "response level")
}

// FromResponse returns a response of a basin as people see it.
func FromResponse(basin string, r *hydro.Response) *freshetv1.Response {
	out := &freshetv1.Response{
		Basin: basin, Plan: r.Plan, NameZh: r.NameZH, NameEn: r.NameEN, BodyZh: r.BodyZH, BodyEn: r.BodyEN, Department: FromDepartment(r.Department),
		Source: r.Source, Illustrative: r.Illustrative, Proposed: responseLevels[r.Proposed], ProposedAt: FromTime(r.ProposedAt),
		ReasonZh: r.ReasonZH, ReasonEn: r.ReasonEN, Blind: r.Blind, Declared: responseLevels[r.Declared], DeclaredAt: FromTime(r.DeclaredAt),
		By: FromPerson(&r.By), Text: r.Text, Measures: fromMeasures(r.Measures),
	}
	for i := range r.Ladder {
		l := &r.Ladder[i]
		out.Ladder = append(out.Ladder, &freshetv1.Rung{Level: responseLevels[l.Level], WhenZh: l.WhenZH, WhenEn: l.WhenEN, Measures: fromMeasures(l.Measures)})
	}
	return out
}

func fromMeasures(measures []hydro.Measure) []*freshetv1.Measure {
	var out []*freshetv1.Measure
	for i := range measures {
		m := &measures[i]
		p := &freshetv1.Measure{
			Id: m.ID, Level: responseLevels[m.Level], NameZh: m.NameZH, NameEn: m.NameEN, Department: FromDepartment(m.Department), Person: m.Person,
			PersonZh: m.PersonZH, PersonEn: m.PersonEN, StepsZh: m.StepsZH, StepsEn: m.StepsEN, EvidenceZh: m.EvidenceZH, EvidenceEn: m.EvidenceEN,
			State: measureStates[m.State], Opened: FromTime(m.Opened), WithinS: seconds(m.Within), Deadline: FromTime(m.Deadline),
			Started: FromTime(m.Started), Ended: FromTime(m.Ended), Late: m.Late,
		}
		for k := range m.Notes {
			n := &m.Notes[k]
			p.Notes = append(p.Notes, &freshetv1.MeasureRemark{At: FromTime(n.At), By: FromPerson(&n.By), Kind: string(n.Kind), Text: n.Text})
		}
		out = append(out, p)
	}
	return out
}

// ToResponse returns the response, and its basin.
func ToResponse(p *freshetv1.Response) (basin string, r hydro.Response, err error) {
	r = hydro.Response{
		Plan: p.GetPlan(), NameZH: p.GetNameZh(), NameEN: p.GetNameEn(), BodyZH: p.GetBodyZh(), BodyEN: p.GetBodyEn(), Source: p.GetSource(),
		Illustrative: p.GetIllustrative(), ReasonZH: p.GetReasonZh(), ReasonEN: p.GetReasonEn(), Blind: p.GetBlind(), Text: p.GetText(),
	}
	if r.Department, err = ToDepartment(p.GetDepartment()); err != nil {
		return "", r, err
	}
	if r.Proposed, err = ToResponseLevel(p.GetProposed()); err != nil {
		return "", r, err
	}
	if r.Declared, err = ToResponseLevel(p.GetDeclared()); err != nil {
		return "", r, err
	}
	if r.ProposedAt, err = optionalTime("proposed_at", p.GetProposedAt()); err != nil {
		return "", r, err
	}
	if r.DeclaredAt, err = optionalTime("declared_at", p.GetDeclaredAt()); err != nil {
		return "", r, err
	}
	if r.By, err = ToPerson(p.GetBy()); err != nil {
		return "", r, err
	}
	if r.Measures, err = toMeasures(p.GetMeasures()); err != nil {
		return "", r, err
	}
	for _, l := range p.GetLadder() {
		rung := hydro.Rung{WhenZH: l.GetWhenZh(), WhenEN: l.GetWhenEn()}
		if rung.Level, err = ToResponseLevel(l.GetLevel()); err != nil {
			return "", r, err
		}
		if rung.Measures, err = toMeasures(l.GetMeasures()); err != nil {
			return "", r, err
		}
		r.Ladder = append(r.Ladder, rung)
	}
	return p.GetBasin(), r, nil
}

func toMeasures(measures []*freshetv1.Measure) ([]hydro.Measure, error) {
	var out []hydro.Measure
	for _, p := range measures {
		m := hydro.Measure{
			ID: p.GetId(), NameZH: p.GetNameZh(), NameEN: p.GetNameEn(), Person: p.GetPerson(), PersonZH: p.GetPersonZh(), PersonEN: p.GetPersonEn(),
			StepsZH: p.GetStepsZh(), StepsEN: p.GetStepsEn(), EvidenceZH: p.GetEvidenceZh(), EvidenceEN: p.GetEvidenceEn(),
			Within: time.Duration(p.GetWithinS()) * time.Second, Late: p.GetLate(),
		}
		var err error
		if m.Level, err = ToResponseLevel(p.GetLevel()); err != nil {
			return nil, err
		}
		if m.Department, err = ToDepartment(p.GetDepartment()); err != nil {
			return nil, err
		}
		if m.State, err = back(measureStates, p.GetState(), "measure state"); err != nil {
			return nil, err
		}
		if m.Opened, err = optionalTime("opened", p.GetOpened()); err != nil {
			return nil, err
		}
		if m.Deadline, err = optionalTime("deadline", p.GetDeadline()); err != nil {
			return nil, err
		}
		if m.Started, err = optionalTime("started", p.GetStarted()); err != nil {
			return nil, err
		}
		if m.Ended, err = optionalTime("ended", p.GetEnded()); err != nil {
			return nil, err
		}
		for _, n := range p.GetNotes() {
			note := hydro.MeasureRemark{Kind: hydro.CommandKind(n.GetKind()), Text: n.GetText()}
			if note.At, err = ToTime("at", n.GetAt()); err != nil {
				return nil, err
			}
			if note.By, err = ToPerson(n.GetBy()); err != nil {
				return nil, err
			}
			m.Notes = append(m.Notes, note)
		}
		out = append(out, m)
	}
	return out, nil
}
