package hydro

import "time"

// A Command is what an officer does: an input on the log of its basin.
type Command struct {
	ID       string // idempotency key, chosen by the client
	Basin    string
	At       time.Time // server's clock
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

// A Person is who gives a command, from the token, or from the request on a
// server without authentication.
type Person struct {
	ID, Name   string
	Department Department
	Role       string
}

// A CommandKind says what a command asks for.
type CommandKind string

// The kinds of command.
const (
	CommandAcknowledge  CommandKind = "acknowledge"
	CommandShelve       CommandKind = "shelve"
	CommandUnshelve     CommandKind = "unshelve"
	CommandOutOfService CommandKind = "out_of_service"
	CommandInService    CommandKind = "in_service"
	CommandCallAttempt  CommandKind = "call_attempt"
	CommandCallConfirm  CommandKind = "call_confirm"
	CommandDeclare      CommandKind = "declare"
	CommandStandDown    CommandKind = "stand_down"
	CommandMeasureStart CommandKind = "measure_start"
	CommandMeasureDone  CommandKind = "measure_done"
	CommandMeasureNote  CommandKind = "measure_note"
	CommandApprove      CommandKind = "approve"
	CommandReject       CommandKind = "reject"
)

// A DutyEvent is what follows from a command or from a clock of the duty desk.
type DutyEvent struct {
	ID       string // "<basin>/<input seq>/<n>" or from time, equal in every replay
	Basin    string
	At       time.Time
	Kind     string
	Station  string
	Warning  string
	Group    string
	Person   string
	Response string
	Measure  string
	Message  string
	By       Person
	From, To string
	Stage    Stage
	Until    time.Time
	Command  string
	TextZH   string
	TextEN   string
}
