package callout

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"freshet/internal/hydro"
)

var (
	stageZH      = [...]string{"解除", "蓝色", "黄色", "橙色", "红色", "失明"}
	departmentZH = [...]string{"", "气象", "水文", "水利"}
	outcomeZH    = [...]string{"", "呼叫中", "已确认", "未接通", "已停呼", "已升级另呼"}
)

// clock is an instant as people read it, in the zone of the basin.
func (t *turn) clock(at time.Time) string { return at.In(t.r.zone).Format("01-02 15:04:05") }

// aboutZH says what a round is about: the station whose warning opened it, and the stage.
func (t *turn) aboutZH(round *hydro.CallRound) string {
	name := round.Station
	if st, ok := t.r.cat.Station(round.Station); ok {
		name = st.NameZH
	}
	if round.Blind {
		return name + "失明且河段上涨（按" + stageZH[round.Stage] + "叫应）"
	}
	return name + stageZH[round.Stage] + "预警"
}

func (t *turn) aboutEN(round *hydro.CallRound) string {
	name := round.Station
	if st, ok := t.r.cat.Station(round.Station); ok {
		name = st.NameEN
	}
	if round.Blind {
		return name + ", blind on a rising reach (as " + round.Stage.String() + ")"
	}
	return round.Stage.String() + " at " + name
}

// who names a person with title and department.
func who(c *hydro.Call) (zh, en string) {
	en = c.NameEN
	if c.TitleEN != "" {
		en = c.TitleEN + " " + en
	}
	if int(c.Department) < len(departmentZH) {
		zh = departmentZH[c.Department]
	}
	return zh + c.TitleZH + c.NameZH, en + " of " + c.Department.String()
}

// tell adds an event of a round.
func (t *turn) tell(w *Wave, round *hydro.CallRound, e hydro.DutyEvent) {
	e.Basin, e.At = t.r.basin, t.now
	e.Group, e.Station, e.Warning, e.Stage = w.Group, round.Station, round.Warning, round.Stage
	t.events = append(t.events, e)
}

func (t *turn) tellDue(w *Wave, round *hydro.CallRound, c *hydro.Call) {
	zh, en := who(c)
	t.tell(w, round, hydro.DutyEvent{
		Kind: Due, Person: c.Person, From: strconv.Itoa(c.Given), To: strconv.Itoa(c.Tries), Until: c.Next(),
		TextZH: fmt.Sprintf("叫应%s：请呼叫%s，第%d次（共%d次），%s前须确认。", t.aboutZH(round), zh, c.Given, c.Tries, t.clock(c.Next())),
		TextEN: fmt.Sprintf("call for %s: call %s, try %d of %d, confirmation due by %s", t.aboutEN(round), en, c.Given, c.Tries, t.clock(c.Next())),
	})
}

func (t *turn) tellAttempt(w *Wave, round *hydro.CallRound, c *hydro.Call, cmd *hydro.Command) {
	zh, en := who(c)
	n := len(c.Attempts)
	t.tell(w, round, hydro.DutyEvent{
		Kind: Attempt, Person: c.Person, By: cmd.By, Command: cmd.ID, From: strconv.Itoa(n), To: strconv.Itoa(c.Tries),
		TextZH: fmt.Sprintf("叫应%s：已呼叫%s，记录第%d次：%s。", t.aboutZH(round), zh, n, cmd.Text),
		TextEN: fmt.Sprintf("call for %s: %s was called, try %d on record: %s", t.aboutEN(round), en, n, cmd.Text),
	})
}

func (t *turn) tellConfirm(w *Wave, round *hydro.CallRound, c *hydro.Call, cmd *hydro.Command) {
	zh, en := who(c)
	t.tell(w, round, hydro.DutyEvent{
		Kind: Confirm, Person: c.Person, By: cmd.By, Command: cmd.ID,
		TextZH: fmt.Sprintf("叫应%s：%s已确认：%s（%s记录）。", t.aboutZH(round), zh, cmd.Text, cmd.By.Name),
		TextEN: fmt.Sprintf("call for %s: %s confirmed: %s (recorded by %s)", t.aboutEN(round), en, cmd.Text, cmd.By.Name),
	})
}

func (t *turn) tellUnreached(w *Wave, round *hydro.CallRound, c *hydro.Call) {
	zh, en := who(c)
	n := recorded(c)
	recordedZH, recordedEN := fmt.Sprintf("记录%d次", n), fmt.Sprintf("%d on record", n)
	if n == 0 {
		recordedZH, recordedEN = "无呼叫记录", "none of them on record"
	}
	t.tell(w, round, hydro.DutyEvent{
		Kind: Unreached, Person: c.Person,
		TextZH: fmt.Sprintf("叫应%s：%s未接通，应呼%d次，%s。", t.aboutZH(round), zh, c.Tries, recordedZH),
		TextEN: fmt.Sprintf("call for %s: %s was not reached in %d tries, %s", t.aboutEN(round), en, c.Tries, recordedEN),
	})
}

func (t *turn) tellEscalated(w *Wave, round *hydro.CallRound, chain *hydro.CallChain, from, to string) {
	nameZH, nameEN := to, to
	if p, ok := t.r.cat.Contact(to); ok {
		nameZH, nameEN = p.NameZH, p.NameEN
	}
	next, _ := t.r.roster(chain.Now)
	t.tell(w, round, hydro.DutyEvent{
		Kind: Escalated, Person: to, From: from, To: to,
		TextZH: fmt.Sprintf("叫应%s：%s升级呼叫%s（%s）。", t.aboutZH(round), chain.NameZH, nameZH, next.NameZH),
		TextEN: fmt.Sprintf("call for %s: %s goes on to %s (%s)", t.aboutEN(round), chain.NameEN, nameEN, next.NameEN),
	})
}

func (t *turn) tellExhausted(w *Wave, round *hydro.CallRound, chain *hydro.CallChain) {
	saidZH, saidEN := fmt.Sprintf("%d人均未确认，无人可再呼", len(chain.People)), fmt.Sprintf("none of %d people confirmed and nobody is left to call", len(chain.People))
	if len(chain.People) == 0 {
		saidZH, saidEN = "无人值班，无人可呼", "nobody is on duty and nobody can be called"
	}
	t.tell(w, round, hydro.DutyEvent{
		Kind: Exhausted, From: chain.Roster,
		TextZH: fmt.Sprintf("叫应%s：%s%s。", t.aboutZH(round), chain.NameZH, saidZH),
		TextEN: fmt.Sprintf("call for %s: %s: %s", t.aboutEN(round), chain.NameEN, saidEN),
	})
}

func (t *turn) tellRepeated(w *Wave, round *hydro.CallRound, chain *hydro.CallChain) {
	t.tell(w, round, hydro.DutyEvent{
		Kind: Repeated, From: chain.Roster, To: strconv.Itoa(chain.Again + 1),
		TextZH: fmt.Sprintf("叫应%s：%s无人确认，重新呼叫，第%d轮。", t.aboutZH(round), chain.NameZH, chain.Again+1),
		TextEN: fmt.Sprintf("call for %s: nobody of %s has confirmed: it is called again, for the %s time", t.aboutEN(round), chain.NameEN, ordinal(chain.Again+1)),
	})
}

func ordinal(n int) string {
	end := "th"
	switch {
	case n%100 >= 11 && n%100 <= 13:
	case n%10 == 1:
		end = "st"
	case n%10 == 2:
		end = "nd"
	case n%10 == 3:
		end = "rd"
	}
	return strconv.Itoa(n) + end
}

func (t *turn) tellDone(w *Wave, round *hydro.CallRound) {
	var zh, en []string
	confirmed, superseded := 0, 0
	for i := range round.Chains {
		chain := &round.Chains[i]
		name := chain.Outcome.String()
		nameZH := outcomeZH[chain.Outcome]
		switch chain.Outcome { //nolint:exhaustive // a chain that ended has one of these
		case hydro.CallConfirmed:
			confirmed++
		case hydro.CallSuperseded:
			superseded++
		}
		zh, en = append(zh, chain.NameZH+nameZH), append(en, chain.NameEN+" "+name)
	}
	to := hydro.CallUnreached
	switch {
	case superseded > 0:
		to = hydro.CallSuperseded
	case confirmed == len(round.Chains):
		to = hydro.CallConfirmed
	}
	t.tell(w, round, hydro.DutyEvent{
		Kind: Done, To: to.String(),
		TextZH: fmt.Sprintf("叫应%s：本轮结束：%s。", t.aboutZH(round), strings.Join(zh, "；")),
		TextEN: fmt.Sprintf("call for %s: the round has ended: %s", t.aboutEN(round), strings.Join(en, "; ")),
	})
}
