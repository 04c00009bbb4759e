package wire

import (
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

var callOutcomes = [...]freshetv1.CallOutcome{
	hydro.Calling:        freshetv1.CallOutcome_CALL_OUTCOME_CALLING,
	hydro.CallConfirmed:  freshetv1.CallOutcome_CALL_OUTCOME_CONFIRMED,
	hydro.CallUnreached:  freshetv1.CallOutcome_CALL_OUTCOME_UNREACHED,
	hydro.CallStopped:    freshetv1.CallOutcome_CALL_OUTCOME_STOPPED,
	hydro.CallSuperseded: freshetv1.CallOutcome_CALL_OUTCOME_SUPERSEDED,
}

// FromCallRound returns a round of a basin as people see it.
func FromCallRound(basin string, r *hydro.CallRound) *freshetv1.CallRound {
	out := &freshetv1.CallRound{
		Basin: basin, Wave: r.Wave, Group: r.Group, Stage: FromStage(r.Stage), Station: r.Station, Warning: r.Warning,
		ReasonZh: r.ReasonZH, ReasonEn: r.ReasonEN, Opened: FromTime(r.Opened), Done: FromTime(r.Done), Blind: r.Blind,
	}
	for i := range r.Chains {
		c := &r.Chains[i]
		out.Chains = append(out.Chains, &freshetv1.CallChain{
			Roster: c.Roster, NameZh: c.NameZH, NameEn: c.NameEN, Department: FromDepartment(c.Department), At: c.Now,
			Outcome: from(callOutcomes[:], c.Outcome), People: c.Called(), Again: uint32(c.Again), Ended: FromTime(c.Ended),
		})
	}
	for i := range r.Calls {
		out.Calls = append(out.Calls, FromCall(&r.Calls[i]))
	}
	return out
}

// FromCall returns the clock of one person as people see it.
func FromCall(c *hydro.Call) *freshetv1.Call {
	out := &freshetv1.Call{
		Person: c.Person, NameZh: c.NameZH, NameEn: c.NameEN, TitleZh: c.TitleZH, TitleEn: c.TitleEN, Department: FromDepartment(c.Department),
		Roster: c.Roster, Phones: c.Phones, Outcome: from(callOutcomes[:], c.Outcome), Tries: uint32(c.Tries), Given: uint32(c.Given), Missed: uint32(c.Missed),
		IntervalS: seconds(c.Interval), Began: FromTime(c.Began), Next: FromTime(c.Next()), Ended: FromTime(c.Ended), By: FromPerson(&c.By), How: c.How,
	}
	for i := range c.Attempts {
		a := &c.Attempts[i]
		out.Attempts = append(out.Attempts, &freshetv1.CallAttempt{At: FromTime(a.At), By: FromPerson(&a.By), Text: a.Text})
	}
	return out
}

// FromUnreached returns somebody who was not reached as people see it.
func FromUnreached(basin string, u *hydro.Unreached) *freshetv1.Unreached {
	return &freshetv1.Unreached{Basin: basin, Wave: u.Wave, Group: u.Group, Stage: FromStage(u.Stage), Call: FromCall(&u.Call)}
}
