package cap

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"freshet/internal/hydro"
)

// A Standing is where a message stands.
type Standing string

// The standings of a message.
const (
	Draft      Standing = "draft"      // waits for persons to approve it
	Issued     Standing = "issued"     // is out
	Rejected   Standing = "rejected"   // a person said no; it never was out
	Superseded Standing = "superseded" // a newer one took its place before it was out
)

// A Message is one message and what became of it.
type Message struct {
	Alert    Alert // of a draft: with the time and the references that it would have now
	Basin    string
	Station  string
	Warning  string      // ID of the warning that asked for it; "" of a renewal or a withdrawal
	Stage    hydro.Stage // that it speaks of
	Standing Standing
	At       time.Time // of that standing
	Needed   int       // persons who must approve
	// Approvals are those who have, in order.
	Approvals []Approval
	Text      string // why it was rejected, or withdrawn
}

// ID is the message's identifier.
func (m *Message) ID() string { return m.Alert.Identifier }

// An Approval is a person's yes.
type Approval struct {
	By hydro.Person
	At time.Time
}

// A State is what the rules remember. The zero State is the one at the start.
// States share memory: nothing behind one is written to.
type State struct {
	Chains   []Chain   // of stations of which something is out or waits, ascending by station
	Messages []Message // the newest, oldest first; all of open chains
	Second   int64     // of the last identifier, Unix time
	Number   int       // how many that second has had
}

// A Chain is the messages of one station, from the first alert to its end.
type Chain struct {
	Station string
	Issued  []string // references of those that are out, oldest first
	Last    string   // identifier of the newest of them
	Sent    time.Time
	Stage   hydro.Stage // that the newest speaks of
	Draft   string      // identifier of the one that waits; "" if none does
	Want    hydro.Stage // that the newest warning asks for
}

// keep is how many messages a state holds besides those of open chains.
const keep = 200

// clone returns a state that may be written to.
func (s State) clone() State {
	s.Chains = slices.Clone(s.Chains)
	s.Messages = slices.Clone(s.Messages)
	return s
}

// chain returns the chain of a station, a new one if there is none.
func (s *State) chain(station string) *Chain {
	i, found := slices.BinarySearchFunc(s.Chains, station, func(c Chain, id string) int { return strings.Compare(c.Station, id) })
	if !found {
		s.Chains = slices.Insert(s.Chains, i, Chain{Station: station})
	}
	return &s.Chains[i]
}

func (s *State) message(id string) *Message {
	for i := range s.Messages {
		if s.Messages[i].Alert.Identifier == id && id != "" {
			return &s.Messages[i]
		}
	}
	return nil
}

// tidy drops chains of which nothing is out, waits or is asked for, and the oldest messages of
// closed chains.
func (s *State) tidy() {
	s.Chains = slices.DeleteFunc(s.Chains, func(c Chain) bool { return len(c.Issued) == 0 && c.Draft == "" && c.Want == hydro.Clear })
	if len(s.Messages) <= keep {
		return
	}
	needed := map[string]bool{}
	for i := range s.Chains {
		needed[s.Chains[i].Draft] = true
		for _, ref := range s.Chains[i].Issued {
			if parts := strings.Split(ref, ","); len(parts) == 3 {
				needed[parts[1]] = true
			}
		}
	}
	free := 0
	for i := range s.Messages {
		if !needed[s.Messages[i].ID()] {
			free++
		}
	}
	s.Messages = slices.DeleteFunc(s.Messages, func(m Message) bool {
		if needed[m.ID()] || free <= keep {
			return false
		}
		free--
		return true
	})
}

// others reports whether a and b are two persons who have both proved who they
// are: by different credentials, and of different names. One person with two
// tokens is one person; so is one who writes their name with a space more.
func others(a, b hydro.Person) bool {
	return proved(a) && proved(b) && a.ID != b.ID && fold(a.Name) != fold(b.Name)
}

// proved reports whether somebody has shown a credential that may approve.
func proved(p hydro.Person) bool {
	return p.ID != "" && fold(p.Name) != "" && (p.Role == "officer" || p.Role == "admin")
}

// fold takes from a name what does not make another person: case, spaces and
// marks on, between and after its letters, and in which of several codes or forms
// a letter is written (wide, raised, of an older standard).
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKD.String(name))
}
