package dryrun

import (
	"slices"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
)

// Commands is what became, under the changed rules, of what people did under the
// recorded ones.
type Commands struct {
	Given   int       `json:"given"`
	Same    int       `json:"same"`    // obeyed as it was given, or refused by both
	Carried int       `json:"carried"` // to what stands in the place of what it names
	Dropped int       `json:"dropped"` // obeyed by the recorded rules alone
	Named   []Command `json:"named"`   // the first of those carried and dropped
}

// A Command is one that did not go to both sides alike.
type Command struct {
	Input   uint64            `json:"input"`
	At      time.Time         `json:"at"`
	Kind    hydro.CommandKind `json:"kind"`
	By      string            `json:"by"`
	Station string            `json:"station,omitempty"`
	Person  string            `json:"person,omitempty"`
	Named   string            `json:"named,omitempty"` // the warning, wave, message or response that it names
	Carried bool              `json:"carried"`         // else dropped
	WhyZH   string            `json:"why_zh"`          // the changed rules refused it as it was given
	WhyEN   string            `json:"why_en"`
}

// mostNamed bounds what is listed; all are counted.
const mostNamed = 200

// carry returns what the changed rules are given in place of a recorded command: the
// command itself if they obey it or if the recorded rules refused it too, else one
// that names the station or the person and leaves it to the rules which alarm or
// call of theirs that is. A command that is refused in every form goes as it was
// given, and is named.
func (p *player) carry(in hydro.Input, outs []hydro.Output) *hydro.Command {
	c := in.Command
	p.commands.Given++
	if len(outs) == 0 || refusal(outs) != nil || !p.started {
		p.commands.Same++
		return c
	}
	no := refusedBy(p.tried.engine, in)
	if no == nil {
		p.commands.Same++
		return c
	}
	note := Command{
		Input: in.Seq, At: c.At, Kind: c.Kind, By: c.By.String(), Station: c.Station, Person: c.Person, WhyZH: no.TextZH, WhyEN: no.TextEN,
	}
	for _, name := range [...]string{c.Warning, c.Group, c.Message, c.Response} {
		if name != "" {
			note.Named = name
			break
		}
	}
	if looser, ok := loosen(c, outs); ok {
		in.Command = &looser
		if refusedBy(p.tried.engine, in) == nil {
			note.Carried = true
			c = &looser
		}
	}
	if note.Carried {
		p.commands.Carried++
	} else {
		p.commands.Dropped++
	}
	if len(p.commands.Named) < mostNamed {
		p.commands.Named = append(p.commands.Named, note)
	}
	return c
}

// loosen returns a command about the same station or person that names no warning,
// wave or stage of the recorded rules.
func loosen(c *hydro.Command, outs []hydro.Output) (hydro.Command, bool) {
	l := *c
	switch c.Kind { //nolint:exhaustive // the others name what every rules have, or a message that has no other name
	case hydro.Acknowledge, hydro.Shelve, hydro.Unshelve, hydro.OutOfService, hydro.InService:
		if l.Station == "" { // the warning named it
			for _, o := range outs {
				if o.Duty != nil && o.Duty.Station != "" {
					l.Station = o.Duty.Station
					break
				}
			}
		}
		l.Warning = ""
		return l, l.Station != ""
	case hydro.CallAttempt, hydro.CallConfirm:
		l.Group, l.Station, l.Stage = "", "", hydro.Clear
		return l, l.Person != ""
	}
	return l, false
}

// refusedBy returns why the engine would refuse a command, nil if it would not.
func refusedBy(e *engine.Engine, in hydro.Input) *hydro.DutyEvent {
	outs, err := e.Fork().Apply(in)
	if err != nil { // of the log's contract: Apply on the engine itself tells it
		return nil
	}
	return refusal(outs)
}

func refusal(outs []hydro.Output) *hydro.DutyEvent {
	i := slices.IndexFunc(outs, func(o hydro.Output) bool { return o.Duty != nil && o.Duty.Kind == hydro.Refused })
	if i < 0 {
		return nil
	}
	return outs[i].Duty
}
