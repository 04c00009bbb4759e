package hydro

import (
	"fmt"
	"time"
)

// A CommandKind is what a command asks for.
type CommandKind string

// The kinds of command, by the part of the engine that obeys them.
const (
	// Of alarms: alert/duty.
	Acknowledge  CommandKind = "acknowledge"
	Shelve       CommandKind = "shelve"
	Unshelve     CommandKind = "unshelve"
	OutOfService CommandKind = "out_of_service"
	InService    CommandKind = "in_service"
	// Of calls: alert/callout.
	CallAttempt CommandKind = "call_attempt"
	CallConfirm CommandKind = "call_confirm"
	// Of responses and their measures: alert/plan.
	Declare      CommandKind = "declare"
	StandDown    CommandKind = "stand_down"
	MeasureStart CommandKind = "measure_start"
	MeasureDone  CommandKind = "measure_done"
	MeasureNote  CommandKind = "measure_note"
	// Of messages that wait for a second person: alert/cap.
	Approve CommandKind = "approve"
	Reject  CommandKind = "reject"
)

// CommandKinds lists all kinds of command.
var CommandKinds = []CommandKind{
	Acknowledge, Shelve, Unshelve, OutOfService, InService, CallAttempt, CallConfirm,
	Declare, StandDown, MeasureStart, MeasureDone, MeasureNote, Approve, Reject,
}

// A Command is what a person on duty does. Which of the fields below Kind are
// used is the kind's; the others are empty. An engine obeys a command once: one
// whose ID it has seen is a resend.
type Command struct {
	ID       string // idempotency key, chosen by the client
	Basin    string
	At       time.Time // by the server's clock
	By       Person
	Kind     CommandKind
	Station  string
	Warning  string
	Group    string
	Person   string
	Response string
	Measure  string
	Message  string
	Stage    Stage
	Until    time.Time
	Text     string
}

// A Person is who gave a command: by their credential, or, on a server that asks
// nobody who they are, by their own word.
type Person struct {
	ID         string // of the credential; "" without one
	Name       string
	Department Department // zero: none
	Role       string     // of the credential; Unauthenticated without one
}

// Unauthenticated is the role of a person who has proved nothing.
const Unauthenticated = "unauthenticated"

// A DutyEvent is what follows from a command, or from time: an alarm acknowledged,
// a call to make, a measure overdue.
type DutyEvent struct {
	ID       string // "<basin>/<sequence number of the command's input>/<n>", or of a tick "<basin>/<time>/<n>": equal in every replay
	Basin    string
	At       time.Time // engine time, or later by less than a tick: of the command
	Kind     string
	Station  string
	Warning  string
	Group    string
	Person   string
	Response string
	Measure  string
	Message  string
	By       Person // zero: it follows from time
	From, To string // states, named by the part whose event it is
	Stage    Stage
	Until    time.Time
	Command  string // ID of the command; "" if it follows from time
	TextZH   string
	TextEN   string
}

// Refused is the kind of the event of a command that may not be done.
const Refused = "refused"

// A CommandError says why a command may not be done.
type CommandError struct{ ZH, EN string }

func (e *CommandError) Error() string { return e.EN }

// Bounds of a command.
const (
	MaxCommandID   = 160  // characters of its ID
	MaxName        = 200  // characters of a name or id in it
	MaxCommandText = 2000 // characters of Text: a reason, a note
)

// Check returns what is wrong with c in itself. It does not know whether it can be
// done.
func (c *Command) Check() []*FieldError {
	var errs []*FieldError
	bounded := func(path, s string, most int) {
		if n := len([]rune(s)); n > most {
			errs = append(errs, field(path, "%d characters: at most %d", n, most))
		}
	}
	needed := func(path string, missing bool) {
		if missing {
			errs = append(errs, field(path, "missing"))
		}
	}
	needed("id", c.ID == "")
	needed("basin", c.Basin == "")
	needed("at", c.At.IsZero())
	needed("kind", c.Kind == "")
	needed("by.name", c.By.Name == "")
	bounded("id", c.ID, MaxCommandID)
	for _, f := range [...]struct{ path, text string }{
		{"basin", c.Basin},
		{"kind", string(c.Kind)},
		{"by.id", c.By.ID},
		{"by.name", c.By.Name},
		{"by.role", c.By.Role},
		{"station", c.Station},
		{"warning", c.Warning},
		{"group", c.Group},
		{"person", c.Person},
		{"response", c.Response},
		{"measure", c.Measure},
		{"message", c.Message},
	} {
		bounded(f.path, f.text, MaxName)
	}
	bounded("text", c.Text, MaxCommandText)
	return errs
}

// Same reports whether d says what c says: all but when.
func (c *Command) Same(d *Command) bool {
	x, y := *c, *d
	x.At, y.At = time.Time{}, time.Time{}
	sameUntil := x.Until.Equal(y.Until)
	x.Until, y.Until = time.Time{}, time.Time{}
	return sameUntil && x == y
}

// String names c in a sentence: "shelve by 张三 (hydrology, officer)".
func (c *Command) String() string { return fmt.Sprintf("%s by %s", c.Kind, c.By) }

// String is the person's name and, in brackets, what else is known.
func (p Person) String() string {
	switch {
	case p.Department != 0 && p.Role != "":
		return fmt.Sprintf("%s (%s, %s)", p.Name, p.Department, p.Role)
	case p.Role != "":
		return fmt.Sprintf("%s (%s)", p.Name, p.Role)
	}
	return p.Name
}
