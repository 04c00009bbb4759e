package callout

import (
	"fmt"
	"slices"

	"freshet/internal/hydro"
)

// Does reports whether commands of that kind are of this package.
func Does(k hydro.CommandKind) bool {
	return k == hydro.CallAttempt || k == hydro.CallConfirm
}

// Do carries out a command: a try that was made, or a confirmation. The person is
// named by Command.Person and Text says how it went; Group or Station say which
// wave, Stage which round of it: without them it is the newest round in which the
// person has a call that is open. What may not be done is a [hydro.CommandError]
// that says why. The state given is not changed.
func (r *Rules) Do(s State, c hydro.Command) (State, []hydro.DutyEvent, error) {
	s = s.clone()
	t := turn{r: r, s: &s, now: c.At}
	w, round, err := t.find(&c)
	if err != nil {
		return s, nil, err
	}
	call := round.Call(c.Person)
	switch {
	case call.Outcome == hydro.CallConfirmed:
		return s, nil, refuse(fmt.Sprintf("%s已于%s确认，由%s记录", call.NameZH, t.clock(call.Ended), call.By.Name), fmt.Sprintf("%s has confirmed already, at %s, recorded by %s", call.NameEN, t.clock(call.Ended), call.By.Name))
	case c.Text == "":
		return s, nil, refuse("请说明经过：哪条线路，何人应答", "say how it went: by which line, who answered")
	}
	if c.Kind == hydro.CallAttempt {
		if call.Outcome != hydro.Calling && call.Outcome != hydro.CallUnreached {
			return s, nil, refuse(fmt.Sprintf("已不再呼叫%s：%s", call.NameZH, outcomeZH[call.Outcome]), fmt.Sprintf("%s is not being called any more: %s", call.NameEN, call.Outcome))
		}
		if recorded(call) >= maxAttempts {
			return s, nil, refuse(fmt.Sprintf("%s已记录%d次呼叫，不再增加", call.NameZH, maxAttempts), fmt.Sprintf("%s: %d tries are recorded, more are not kept", call.NameEN, maxAttempts))
		}
		if len(call.Attempts) >= maxAttempts { // of earlier tries, before the roster was called again
			call.Attempts = call.Attempts[1:]
		}
		call.Attempts = append(call.Attempts, hydro.CallTry{At: c.At, By: c.By, Text: c.Text})
		t.tellAttempt(w, round, call, &c)
		return s, t.events, nil
	}
	call.Outcome, call.Ended, call.By, call.How = hydro.CallConfirmed, c.At, c.By, c.Text
	t.tellConfirm(w, round, call, &c)
	t.confirmed(w, round, c.Person)
	return s, t.events, nil
}

// recorded returns how many of a call's tries are on record. Those of earlier calls of
// the same round stay on record too and are not counted.
func recorded(c *hydro.Call) int {
	n := 0
	for _, a := range c.Attempts {
		if !a.At.Before(c.Began) {
			n++
		}
	}
	return n
}

// refuse is why a command may not be done.
func refuse(zh, en string) error { return &hydro.CommandError{ZH: zh, EN: en} }

// confirmed ends what waited for a person. Who was reached about a stage was
// reached about the lower stages of the wave too.
func (t *turn) confirmed(w *Wave, round *hydro.CallRound, person string) {
	confirmation := *round.Call(person)
	for i := range w.Rounds {
		x := &w.Rounds[i]
		if x.Stage >= round.Stage {
			continue
		}
		if lower := x.Call(person); lower != nil && lower.Unreached() {
			lower.Outcome, lower.Ended, lower.By, lower.How = hydro.CallConfirmed, confirmation.Ended, confirmation.By, confirmation.How
		}
	}
	for i := range round.Chains {
		chain := &round.Chains[i]
		if slices.Contains(chain.Called(), person) && (chain.Outcome == hydro.Calling || chain.Outcome == hydro.CallUnreached) {
			chain.Outcome, chain.Ended = hydro.CallConfirmed, t.now
		}
	}
	t.stop(round, hydro.CallStopped)
	t.finish(w, round)
}

// find returns the round that a command is about.
func (t *turn) find(c *hydro.Command) (*Wave, *hydro.CallRound, error) {
	var wave *Wave
	var found *hydro.CallRound
	for i := range t.s.Waves {
		w := &t.s.Waves[i]
		if c.Group != "" && c.Group != w.Group && c.Group != w.ID || c.Station != "" && !t.has(w, c.Station) {
			continue
		}
		var of *hydro.CallRound // of this wave
		for k := range w.Rounds {
			x := &w.Rounds[k]
			if call := x.Call(c.Person); call != nil && (c.Stage == x.Stage || c.Stage == hydro.Clear && newer(x, of, c.Person)) {
				of = x
			}
		}
		switch {
		case of == nil:
		case found == nil, !open(found.Call(c.Person)) && open(of.Call(c.Person)):
			wave, found = w, of
		case open(found.Call(c.Person)) && open(of.Call(c.Person)):
			return nil, nil, refuse(fmt.Sprintf("%s正为两次过程被呼叫：%s、%s，请以组或站指明", c.Person, wave.ID, w.ID), fmt.Sprintf("%s is called for two waves, %s and %s: name one by group or station", c.Person, wave.ID, w.ID))
		case !open(found.Call(c.Person)):
			wave, found = w, of // neither is open: the later wave says why not
		}
	}
	if found == nil {
		which := ""
		if c.Group != "" || c.Station != "" || c.Stage != hydro.Clear {
			which = " of that wave and stage"
		}
		return nil, nil, refuse(fmt.Sprintf("叫应中没有%q：可由 freshet calls list 查看", c.Person), fmt.Sprintf("nobody calls %q in a round%s: freshet calls list shows who is called", c.Person, which))
	}
	return wave, found, nil
}

// open reports whether a confirmation would change something.
func open(c *hydro.Call) bool {
	return c.Outcome == hydro.Calling || c.Outcome == hydro.CallUnreached
}

// newer prefers an open call to one that has ended, and then the later round.
func newer(x, than *hydro.CallRound, person string) bool {
	return than == nil || open(x.Call(person)) || !open(than.Call(person))
}

// has reports whether a station is of a wave.
func (t *turn) has(w *Wave, station string) bool {
	if w.Station == station || slices.ContainsFunc(w.Rounds, func(x hydro.CallRound) bool { return x.Station == station }) {
		return true
	}
	for i := range t.s.Standing {
		if x := &t.s.Standing[i]; x.Station == station && w.Group != "" && (x.Group == w.Group || x.Escalation.Group == w.Group) {
			return true
		}
	}
	return false
}
