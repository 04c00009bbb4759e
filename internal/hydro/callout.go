package hydro

import (
	"slices"
	"time"
)

// A CallOutcome is how a call, or a roster's part of a round, stands.
type CallOutcome uint8

// The outcomes. Zero is none.
const (
	Calling        CallOutcome = iota + 1 // the clock runs
	CallConfirmed                         // somebody confirmed
	CallUnreached                         // all tries ran out
	CallStopped                           // another of the roster confirmed before
	CallSuperseded                        // a higher stage began a round of its own
)

var callOutcomeNames = [...]string{"", "calling", "confirmed", "unreached", "stopped", "superseded"}

func (o CallOutcome) String() string { return name(callOutcomeNames[:], int(o), "call outcome") }

// ParseCallOutcome returns the outcome of that name.
func ParseCallOutcome(s string) (CallOutcome, error) {
	return parse[CallOutcome](callOutcomeNames[:], s, "call outcome")
}

// A CallRound is one round of call-and-confirm 叫应: of one wave, at one stage.
type CallRound struct {
	Wave     string // the group, or "<station>@<time>" of a station without one
	Group    string // "" if the station has none
	Stage    Stage
	Station  string // whose warning opened the round
	Warning  string
	ReasonZH string
	ReasonEN string
	Opened   time.Time
	Done     time.Time // when the last roster's part ended; zero: calls go on
	Chains   []CallChain
	Calls    []Call // one per person, in the order in which they began
	Blind    bool   // Station is blind on a rising reach: Stage is what the call goes by, and not what was seen
}

// Call returns the call of a person, nil if there is none.
func (r *CallRound) Call(person string) *Call {
	for i := range r.Calls {
		if r.Calls[i].Person == person {
			return &r.Calls[i]
		}
	}
	return nil
}

// A CallChain is the part of one roster in a round: people one after another
// until one confirms.
type CallChain struct {
	Roster         string
	NameZH, NameEN string
	Department     Department
	Now            string // roster that is being called: itself, or one that comes after it
	Outcome        CallOutcome
	People         []string // called so far, in order
	Ended          time.Time
	Again          int      // how often it was begun anew from its top, because nobody was left
	Before         []string // people called before that, in order
}

// Called returns everybody whom the part has called, in the order of their first
// calls.
func (c *CallChain) Called() []string {
	out := slices.Clone(c.Before)
	for _, p := range c.People {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// A Call is the clock of one person in a round.
type Call struct {
	Person           string
	NameZH, NameEN   string
	TitleZH, TitleEN string
	Department       Department
	Roster           string
	Outcome          CallOutcome
	Tries            int // that the clock gives
	Interval         time.Duration
	Given            int       // tries that fell due, since the call was begun or begun anew
	Again            int       // how often it was begun anew
	Missed           int       // how often its tries ran out
	Began            time.Time // first try due
	Last             time.Time // latest try due
	Ended            time.Time
	Attempts         []CallTry // recorded
	By               Person    // who recorded the confirmation
	How              string    // by what it was confirmed
	Phones           []string  // for the screen only: never stored, never in an event
}

// A CallTry is one try that somebody, or a channel, recorded.
type CallTry struct {
	At   time.Time
	By   Person
	Text string
}

// Unreached reports whether tries ran out and the person has not confirmed since,
// whether or not they are being called anew.
func (c *Call) Unreached() bool { return c.Missed > 0 && c.Outcome != CallConfirmed }

// Next returns when the clock of a running call moves on: the next try, or the
// next person.
func (c *Call) Next() time.Time {
	if c.Outcome != Calling {
		return time.Time{}
	}
	return c.Last.Add(c.Interval)
}

// An Unreached is somebody whose tries ran out without a confirmation.
type Unreached struct {
	Wave  string
	Group string
	Stage Stage
	Call  Call
}
