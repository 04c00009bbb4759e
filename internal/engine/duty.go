package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"freshet/alert/callout"
	"freshet/alert/cap"
	"freshet/alert/duty"
	"freshet/alert/plan"
	"freshet/alert/standing"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// What people on duty do comes as commands, and what follows from it, or from
// time, is decided by parts: pure packages that come after the alert rules. A
// part has a field in dutyRules and in dutyState, one line in compileDuty, one in
// stepDuty and one in doDuty; nothing else in the engine knows it. A part does
// not write to the memory behind a state that it was given: forks share it.

// dutyRules are the rules of the parts, as the catalogue in force has them.
type dutyRules struct {
	callout  *callout.Rules
	plan     *plan.Rules
	alarms   *duty.Rules
	messages *cap.Rules // nil: none are asked for
}

// dutyState is what the parts remember, and which commands were given. It is
// stored whole.
type dutyState struct {
	Answers  []Answer // in the order of the log
	Callout  callout.State
	Plan     plan.State
	Alarms   duty.State
	Messages cap.State
}

// An Answer is what followed from a command.
type Answer struct {
	Command hydro.Command
	Events  []hydro.DutyEvent
}

// remember is how long a command's ID is known, in engine time: a resend within
// it changes nothing.
const remember = 48 * time.Hour

// mostAnswers bounds what is remembered, the newest, against a client gone wild.
const mostAnswers = 20_000

// compileDuty returns the rules of all parts.
func compileDuty(c *catalog.Catalog, basin string) (r dutyRules, err error) {
	if r.alarms, err = duty.Compile(c, basin); err != nil {
		return r, err
	}
	if r.callout, err = callout.Compile(c, basin); err != nil {
		return r, err
	}
	if r.plan, err = plan.Compile(c, basin); err != nil {
		return r, err
	}
	r.messages = cap.Compile(c, basin)
	return r, nil
}

// stepDuty lets every part see a tick, after the alert rules, with the warnings
// that they gave on it.
func (e *Engine) stepDuty(warnings []hydro.Warning) (events []hydro.DutyEvent) {
	var more []hydro.DutyEvent
	e.duty.Alarms, more = e.parts.alarms.Step(e.duty.Alarms, e.now, warnings)
	events = append(events, more...)
	var escalated []string // that this is over is told by no warning
	for _, x := range e.rules.Standings(e.alertState) {
		if !x.Escalated.IsZero() {
			escalated = append(escalated, x.Station)
		}
	}
	e.duty.Callout.Standing = standing.Calm(e.duty.Callout.Standing, escalated)
	e.duty.Plan.Standing = standing.Calm(e.duty.Plan.Standing, escalated)
	e.duty.Callout, more = e.parts.callout.Step(e.duty.Callout, e.now, warnings)
	events = append(events, more...)
	e.duty.Plan, more = e.parts.plan.Step(e.duty.Plan, e.now, warnings)
	events = append(events, more...)
	e.duty.Messages, more = e.parts.messages.Step(e.duty.Messages, e.now, warnings)
	events = append(events, more...)
	return events
}

// doDuty lets the part whose it is obey a command. The error says why it may not
// be done; the state is then as it was.
func (e *Engine) doDuty(c hydro.Command) (events []hydro.DutyEvent, err error) {
	switch {
	case duty.Does(c.Kind):
		e.duty.Alarms, events, err = e.parts.alarms.Do(e.duty.Alarms, c)
		return events, err
	case callout.Does(c.Kind):
		e.duty.Callout, events, err = e.parts.callout.Do(e.duty.Callout, c)
		return events, err
	case plan.Does(c.Kind):
		e.duty.Plan, events, err = e.parts.plan.Do(e.duty.Plan, c)
		return events, err
	case c.Kind == hydro.Approve, c.Kind == hydro.Reject:
		e.duty.Messages, events, err = e.parts.messages.Do(e.duty.Messages, c.At, c)
		return events, err
	}
	return nil, &hydro.CommandError{ZH: fmt.Sprintf("没有名为 %q 的命令", c.Kind), EN: fmt.Sprintf("no command is called %q", c.Kind)}
}

// applyTickDuty is the parts' share of a tick.
func (e *Engine) applyTickDuty(warnings []hydro.Warning, outs []hydro.Output) []hydro.Output {
	old := func(a Answer) bool { return e.now.Sub(a.Command.At) > remember }
	if slices.ContainsFunc(e.duty.Answers, old) {
		e.duty.Answers = slices.DeleteFunc(slices.Clone(e.duty.Answers), old) // forks share it
	}
	return e.tellDuty(e.now.UTC().Format("20060102T150405.999Z"), e.stepDuty(warnings), outs)
}

// applyCommand obeys a command, once.
func (e *Engine) applyCommand(seq uint64, c hydro.Command) []hydro.Output {
	if _, again := e.Answer(c.ID); again {
		return nil
	}
	if c.At.Before(e.now) { // the clocks of a server and of its ticks are read one after the other
		c.At = e.now
	}
	var events []hydro.DutyEvent
	var err error = &hydro.CommandError{ZH: "尚无生效的基础资料目录", EN: "no catalogue is in force yet"}
	if e.cat != nil {
		events, err = e.doDuty(c)
	}
	if err != nil {
		events = []hydro.DutyEvent{refused(c, err)}
	}
	for i := range events {
		events[i].By, events[i].Command = c.By, c.ID
	}
	outs := e.tellDuty(fmt.Sprint(seq), events, nil)
	kept := e.duty.Answers[max(0, len(e.duty.Answers)+1-mostAnswers):]
	e.duty.Answers = append(slices.Clip(kept), Answer{c, events})
	return outs
}

// refused is the event of a command that may not be done.
func refused(c hydro.Command, err error) hydro.DutyEvent {
	d := hydro.DutyEvent{
		At: c.At, Kind: hydro.Refused, Station: c.Station, Warning: c.Warning, Group: c.Group, Person: c.Person,
		Response: c.Response, Measure: c.Measure, Message: c.Message, TextZH: err.Error(), TextEN: err.Error(),
	}
	if both, ok := errors.AsType[*hydro.CommandError](err); ok {
		d.TextZH, d.TextEN = both.ZH, both.EN
	}
	return d
}

// tellDuty names the events of one input and appends them to its outputs.
func (e *Engine) tellDuty(input string, events []hydro.DutyEvent, outs []hydro.Output) []hydro.Output {
	for i := range events {
		d := &events[i]
		d.ID, d.Basin = fmt.Sprintf("%s/%s/%d", e.basin, input, i+1), e.basin
		outs = append(outs, hydro.Output{Duty: d})
	}
	return outs
}

// Answer returns what followed from the command of that ID, if it was given in the
// last 48 hours of engine time. It is never changed afterwards.
func (e *Engine) Answer(command string) (Answer, bool) {
	i := slices.IndexFunc(e.duty.Answers, func(a Answer) bool { return a.Command.ID == command })
	if i < 0 {
		return Answer{}, false
	}
	return e.duty.Answers[i], true
}

// Alarms returns the alarms that are not normal, ascending by station. They are
// never changed afterwards.
func (e *Engine) Alarms() []duty.Alarm { return e.duty.Alarms.Alarms }

// Messages returns the CAP messages that are remembered, oldest first. They are
// never changed afterwards.
func (e *Engine) Messages() []cap.Message { return e.duty.Messages.Messages }
