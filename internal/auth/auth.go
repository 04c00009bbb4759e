// Package auth knows who may do what: principals with a role, the tokens and
// certificates that prove them, the file that lists both, and the chained record
// of what was refused.
//
// It knows neither gRPC nor HTTP, and it never holds a secret for longer than it
// takes to hash it. Which calls a role may make is a table of internal/server.
package auth

import (
	"fmt"
	"slices"
	"strings"

	"freshet/internal/hydro"
)

// A Role is what a principal is there for.
type Role uint8

// The roles. Zero is none.
const (
	Gateway  Role = iota + 1 // sends the readings of its stations
	Officer                  // follows the warnings: a person on duty
	Briefing                 // reads situations and forecasts: joint briefings, screens, Prometheus
	Admin                    // everything but to send readings
)

// Roles lists all roles in order.
var Roles = []Role{Gateway, Officer, Briefing, Admin}

var roleNames = [...]string{"", "gateway", "officer", "briefing", "admin"}

func (r Role) String() string {
	if int(r) < len(roleNames) && r != 0 {
		return roleNames[r]
	}
	return fmt.Sprintf("role %d", uint8(r))
}

// ParseRole returns the role of that name.
func ParseRole(s string) (Role, error) {
	if i := slices.Index(roleNames[1:], s); i >= 0 {
		return Role(i + 1), nil
	}
	return 0, fmt.Errorf("role %q is none of %s: %w", s, strings.Join(roleNames[1:], ", "), hydro.ErrInvalid)
}

// A Principal is somebody who has proved who they are. It does not change.
type Principal struct {
	Name       string // for logs and records
	Role       Role
	Department hydro.Department // zero: none; a gateway always has one
	// Stations and Prefixes are what a gateway may write, by the station's id or a
	// code that its department uses for it. AllStations means all stations of its
	// department.
	Stations    []string
	Prefixes    []string
	AllStations bool
}

// Writes reports whether p may write a station of that department with these
// names.
func (p *Principal) Writes(d hydro.Department, names ...string) bool {
	if p.Role != Gateway || d != p.Department {
		return false
	}
	if p.AllStations {
		return true
	}
	for _, name := range names {
		if slices.Contains(p.Stations, name) || slices.ContainsFunc(p.Prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			return true
		}
	}
	return false
}

func (p *Principal) String() string {
	s := p.Role.String() + " " + p.Name
	if p.Department != 0 {
		s += " of " + p.Department.String()
	}
	return s
}

// check says what is wrong with p.
func (p *Principal) check() error {
	switch {
	case p.Name == "" || len(p.Name) > 64:
		return fmt.Errorf("name %q: give one of 1 to 64 bytes: %w", p.Name, hydro.ErrInvalid)
	case strings.ContainsFunc(p.Name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("name %q holds a control character: %w", p.Name, hydro.ErrInvalid)
	case p.Role == 0 || int(p.Role) >= len(roleNames):
		return fmt.Errorf("%s: no role; give one of %s: %w", p.Name, strings.Join(roleNames[1:], ", "), hydro.ErrInvalid)
	}
	scoped := len(p.Stations)+len(p.Prefixes) > 0
	if p.Role != Gateway {
		if scoped || p.AllStations {
			return fmt.Errorf("%s: stations are for gateways, the role is %s: %w", p.Name, p.Role, hydro.ErrInvalid)
		}
		return nil
	}
	switch {
	case p.Department == 0:
		return fmt.Errorf("%s: a gateway needs the department whose stations it writes: %w", p.Name, hydro.ErrInvalid)
	case scoped == p.AllStations:
		return fmt.Errorf("%s: say what the gateway may write: either stations or prefixes, or all stations of its department: %w", p.Name, hydro.ErrInvalid)
	case slices.Contains(p.Stations, "") || slices.Contains(p.Prefixes, ""):
		return fmt.Errorf("%s: an empty station or prefix: %w", p.Name, hydro.ErrInvalid)
	}
	return nil
}

// A Reason says why somebody was refused. It is a label of a metric: the list is
// closed.
type Reason string

// The reasons.
const (
	NoCredential       Reason = "no_credential"       // neither token nor certificate
	BadToken           Reason = "bad_token"           // unknown, damaged or wrong
	Revoked            Reason = "revoked"             // a token
	Expired            Reason = "expired"             // a token or a certificate
	UnknownCertificate Reason = "unknown_certificate" // valid, but bound to nobody
	DeniedCertificate  Reason = "denied_certificate"  // on the deny list
	NotPermitted       Reason = "not_permitted"       // the role or department may not make this call
	NotItsStation      Reason = "not_its_station"     // a gateway may not write this station
	TooMany            Reason = "too_many"            // calls, streams or failed attempts
	BadHandshake       Reason = "bad_handshake"       // no TLS, or a certificate that nobody trusts
	NoSession          Reason = "no_session"          // the cookie's session has ended or never was
	BadLogin           Reason = "bad_login"           // what came back from the OpenID Connect provider is not good
	CrossSite          Reason = "cross_site"          // a page of another site made the browser ask
)

// Reasons lists all reasons.
var Reasons = []Reason{NoCredential, BadToken, Revoked, Expired, UnknownCertificate, DeniedCertificate, NotPermitted, NotItsStation, TooMany, BadHandshake, NoSession, BadLogin, CrossSite}

// A Refusal is the error of somebody who was not let in. Its text never holds a
// secret.
type Refusal struct {
	Reason Reason
	Text   string // what is wrong and how to mend it
}

func (r *Refusal) Error() string { return r.Text }

func refuse(reason Reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Text: fmt.Sprintf(format, args...)}
}
