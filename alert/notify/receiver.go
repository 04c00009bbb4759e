package notify

import (
	"slices"
	"text/template"
	"time"

	"freshet/internal/hydro"
)

// A Channel is the way to a receiver.
type Channel string

// The channels.
const (
	Webhook  Channel = "webhook"
	Email    Channel = "email"
	DingTalk Channel = "dingtalk"
	WeCom    Channel = "wecom"
	Feishu   Channel = "feishu"
)

// Channels lists all channels in order.
var Channels = []Channel{Webhook, Email, DingTalk, WeCom, Feishu}

// Robot reports whether messages go to the robot of a chat group.
func (c Channel) Robot() bool { return c == DingTalk || c == WeCom || c == Feishu }

// A Receiver is one entry of a notify.yaml: where its items go, and which.
type Receiver struct {
	Name    string // also of its place on the log: another name begins anew
	Channel Channel

	URL        string // webhook and robots; "" if it is in URLFile
	URLFile    string // a robot's URL is its key
	SecretFile string // signs; "": unsigned
	CAFile     string // who signed the receiver's certificate; "": whom the machine trusts

	Server       string // email: host:port
	TLS          string // email: "starttls", "tls" or "none"
	Username     string
	PasswordFile string
	From         string
	To           []string

	Language  string // "zh", "en" or "both"
	Format    string // robots: "markdown" or "text"
	Timeout   time.Duration
	PerMinute int // messages in a minute at the most; 0: no bound
	Bundle    int // items in one message at the most, where several wait
	// SetAsideAfter is how often a message may be refused before it is set aside for
	// those behind it; 0: never.
	SetAsideAfter int

	Basins      []string
	Departments []hydro.Department
	MinStage    hydro.Stage
	Blind       bool   // also of stations that nobody can see
	Kinds       []Kind // also single ones of Calls

	TitleTemplate *template.Template // nil: the words of this package
	TextTemplate  *template.Template
	BodyTemplate  *template.Template // webhook: the whole body
}

// Wants reports whether an item goes to r.
func (r *Receiver) Wants(it *Item) bool {
	if !r.takes(it) || len(r.Basins) > 0 && !slices.Contains(r.Basins, it.Basin) {
		return false
	}
	if len(r.Departments) > 0 && len(it.Departments) > 0 &&
		!slices.ContainsFunc(it.Departments, func(d hydro.Department) bool { return slices.Contains(r.Departments, d) }) {
		return false
	}
	if it.Blind && (r.Blind || it.Event == "escalated" || it.Group != nil && it.Group.Escalated()) {
		return true // nobody knows how bad it is
	}
	if it.Kind == Duty && it.Stage == hydro.Clear {
		return true // of no stage, or of its end
	}
	return it.Stage >= r.MinStage
}

// FollowsBasin reports whether r may want anything of a basin.
func (r *Receiver) FollowsBasin(id string) bool {
	return len(r.Basins) == 0 || slices.Contains(r.Basins, id)
}
