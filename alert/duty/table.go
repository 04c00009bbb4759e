package duty

import "freshet/internal/hydro"

// A Status is a state of the life of an alarm.
type Status uint8

// The states. Zero is Normal.
const (
	Normal         Status = iota // the station is clear, and nothing is open
	Unacknowledged               // the condition stands, and nobody has said that they know
	Acknowledged                 // the condition stands, and somebody has
	Returned                     // the condition has gone before anybody has said so
	Shelved                      // set aside by a person, with a reason, for a time
	OutOfService                 // put out of service by a person, with a reason, until a person puts it back
	statuses       = int(OutOfService) + 1

	resume = Status(100) // what stands is Unacknowledged, what came and went unheard is Returned, else Normal
	none   = Status(101) // cannot be, or may not be done
)

// Statuses lists all states in order.
var Statuses = []Status{Normal, Unacknowledged, Acknowledged, Returned, Shelved, OutOfService}

var statusNames = [statuses]string{"normal", "unacknowledged", "acknowledged", "returned_unacknowledged", "shelved", "out_of_service"}

// String is the name that the wire uses.
func (s Status) String() string {
	if int(s) < statuses {
		return statusNames[s]
	}
	return "?"
}

// A Trigger is what moves an alarm.
type Trigger uint8

// The triggers.
const (
	Raise        Trigger = iota // a warning: the colour goes up, or sight is lost
	Escalate                    // a warning: who is blind lies on a rising reach
	RaiseCovered                // a warning: the same, no further than the shelf covers
	Lower                       // a warning: a lower colour, or sight is back, and the condition stands
	Return                      // a warning: the condition is gone
	Acknowledge                 // command
	Shelve                      // command
	Unshelve                    // command
	Expire                      // the time of a shelf is over
	TakeOut                     // command out_of_service
	PutBack                     // command in_service
	triggerCount = int(PutBack) + 1
)

// Triggers lists all triggers in order.
var Triggers = []Trigger{Raise, Escalate, RaiseCovered, Lower, Return, Acknowledge, Shelve, Unshelve, Expire, TakeOut, PutBack}

var triggerNames = [triggerCount]string{
	"raised", "escalated", "raised within the shelf", "lowered", "returned", "acknowledge", "shelve", "unshelve", "shelf expires", "out of service", "in service",
}

func (t Trigger) String() string { return triggerNames[t] }

// triggers are the commands.
var triggers = map[hydro.CommandKind]Trigger{
	hydro.Acknowledge: Acknowledge, hydro.Shelve: Shelve, hydro.Unshelve: Unshelve, hydro.OutOfService: TakeOut, hydro.InService: PutBack,
}

// Does reports whether commands of that kind are for alarms.
func Does(k hydro.CommandKind) bool {
	_, ok := triggers[k]
	return ok
}

// done names the events of commands.
var done = map[Trigger]string{
	Acknowledge: "acknowledged", Shelve: "shelved", Unshelve: "unshelved", TakeOut: "out_of_service", PutBack: "in_service",
}

// A cell is what a trigger does to an alarm in a state. Of a command that may not
// be done, to is none and the texts say why; of a trigger that cannot come, they
// are empty.
type cell struct {
	to     Status
	zh, en string
}

func to(s Status) cell { return cell{to: s} }

var (
	never       = cell{to: none}
	quiet       = cell{none, "目前正常，没有可确认的警报", "it is normal: there is nothing to acknowledge"}
	quietShelf  = cell{none, "目前正常，没有可搁置的警报", "it is normal: there is nothing to shelve"}
	already     = cell{none, "已被确认", "it is acknowledged already"}
	onShelf     = cell{none, "已被搁置：先取消搁置", "it is shelved: unshelve it first"}
	notOnShelf  = cell{none, "未被搁置", "it is not shelved"}
	out         = cell{none, "已停用：先恢复使用", "it is out of service: return it to service first"}
	alreadyOut  = cell{none, "已停用", "it is out of service already"}
	inServiceNo = cell{none, "未停用", "it is not out of service"}
)

// table is the whole state machine.
var table = [statuses][triggerCount]cell{
	Normal: {
		Raise: to(Unacknowledged), Escalate: to(Unacknowledged), RaiseCovered: never, Lower: never, Return: to(Normal),
		Acknowledge: quiet, Shelve: quietShelf, Unshelve: notOnShelf, Expire: never, TakeOut: to(OutOfService), PutBack: inServiceNo,
	},
	Unacknowledged: {
		Raise: to(Unacknowledged), Escalate: to(Unacknowledged), RaiseCovered: never, Lower: to(Unacknowledged), Return: to(Returned),
		Acknowledge: to(Acknowledged), Shelve: to(Shelved), Unshelve: notOnShelf, Expire: never, TakeOut: to(OutOfService), PutBack: inServiceNo,
	},
	Acknowledged: {
		Raise: to(Unacknowledged), Escalate: to(Unacknowledged), RaiseCovered: never, Lower: to(Acknowledged), Return: to(Normal),
		Acknowledge: already, Shelve: to(Shelved), Unshelve: notOnShelf, Expire: never, TakeOut: to(OutOfService), PutBack: inServiceNo,
	},
	Returned: {
		Raise: to(Unacknowledged), Escalate: to(Unacknowledged), RaiseCovered: never, Lower: never, Return: to(Returned),
		Acknowledge: to(Normal), Shelve: to(Shelved), Unshelve: notOnShelf, Expire: never, TakeOut: to(OutOfService), PutBack: inServiceNo,
	},
	Shelved: {
		Raise: to(Unacknowledged), Escalate: to(Unacknowledged), RaiseCovered: to(Shelved), Lower: to(Shelved), Return: to(Shelved),
		Acknowledge: onShelf, Shelve: to(Shelved), Unshelve: to(resume), Expire: to(resume), TakeOut: to(OutOfService), PutBack: inServiceNo,
	},
	OutOfService: {
		Raise: to(OutOfService), Escalate: to(OutOfService), RaiseCovered: never, Lower: to(OutOfService), Return: to(OutOfService),
		Acknowledge: out, Shelve: out, Unshelve: out, Expire: never, TakeOut: alreadyOut, PutBack: to(resume),
	},
}
