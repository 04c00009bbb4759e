package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A Member is somebody for whom an OpenID Connect provider has spoken.
type Member struct {
	Subject string              // whom the provider means; it never changes
	Claims  map[string][]string // what it says of them
}

// Members says who members are here, by a file that may change at any time. Its
// methods may be called from many goroutines.
type Members struct {
	path string

	mu    sync.Mutex // of Refresh
	seen  fs.FileInfo
	rules atomic.Pointer[memberRules]
}

type memberRules struct {
	Name   string       `yaml:"name"`
	Rules  []memberRule `yaml:"members"`
	Denied []string     `yaml:"denied"`
}

type memberRule struct {
	Claim      string `yaml:"claim"`
	Value      string `yaml:"value"`
	Role       string `yaml:"role"`
	Department string `yaml:"department"`

	grant Principal
}

const maxMemberBytes = 1 << 20

// ParseMembers reads a file of members. If it is wrong, the error lists every
// mistake with line and column.
func ParseMembers(name string, data []byte) (err error) {
	_, err = parseMembers(name, data)
	return err
}

func parseMembers(name string, data []byte) (m *memberRules, err error) {
	defer func() { // the YAML parser is not ours
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("%s: not readable as YAML: %v: %w", name, r, hydro.ErrInvalid)
		}
	}()
	if len(data) > maxMemberBytes {
		return nil, fmt.Errorf("%s: larger than 1 MB: %w", name, hydro.ErrInvalid)
	}
	tree, err := parser.ParseBytes(data, 0)
	m = &memberRules{}
	if err == nil {
		err = yaml.UnmarshalWithOptions(data, m, yaml.Strict())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", catalog.YAMLProblem(name, err), hydro.ErrInvalid)
	}
	var errs []error
	wrong := func(path, format string, args ...any) {
		line, column := catalog.Locate(tree, path)
		problem := catalog.Problem{File: name, Line: line, Column: column, Message: fmt.Sprintf(format, args...)}
		errs = append(errs, fmt.Errorf("%s: %w", problem, hydro.ErrInvalid))
	}
	if len(m.Rules) == 0 {
		wrong("$", "members: nobody could sign in: write `members:` and under it `- {claim: groups, value: flood-duty, role: officer, department: hydrology}`")
	}
	for i := range m.Rules {
		r, at := &m.Rules[i], func(field string) string { return fmt.Sprintf("$.members[%d]%s", i, field) }
		if r.Claim == "" || r.Value == "" {
			wrong(at(""), "needs a claim and the value that it must have")
		}
		role, err := ParseRole(r.Role)
		switch {
		case err != nil:
			wrong(at(".role"), "role: %q is none of officer, briefing, admin", r.Role)
		case role == Gateway:
			wrong(at(".role"), "role: a gateway has a token or a certificate; people are officer, briefing or admin")
		}
		r.grant.Role = role
		if r.Department != "" {
			if r.grant.Department, err = hydro.ParseDepartment(r.Department); err != nil {
				wrong(at(".department"), "department: %q is none of weather, hydrology, water_resources", r.Department)
			}
		}
	}
	for i, d := range m.Denied {
		if d == "" {
			wrong(fmt.Sprintf("$.denied[%d]", i), "empty: write the subject or the name of whom to keep out")
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return m, nil
}

// OpenMembers reads the file of members at path.
func OpenMembers(path string) (*Members, error) {
	m := &Members{path: path}
	_, err := m.Refresh()
	return m, err
}

// Refresh reads the file again if it has changed, and reports whether it had. With
// an error what was read before stays good.
func (m *Members) Refresh() (changed bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	info, err := os.Stat(m.path)
	if err != nil {
		return false, fmt.Errorf("members: %w", err)
	}
	if m.seen != nil && os.SameFile(info, m.seen) && info.ModTime().Equal(m.seen.ModTime()) && info.Size() == m.seen.Size() {
		return false, nil
	}
	data, err := os.ReadFile(m.path)
	if err != nil {
		return false, fmt.Errorf("members: %w", err)
	}
	rules, err := parseMembers(m.path, data)
	if err != nil {
		return false, err
	}
	m.seen = info
	m.rules.Store(rules)
	return true, nil
}

// name returns what a member is called here.
func (m *Members) name(who *Member, rules *memberRules) string {
	claims := []string{rules.Name}
	if rules.Name == "" {
		claims = []string{"name", "preferred_username", "email"}
	}
	for _, c := range claims {
		if v := who.Claims[c]; len(v) == 1 && v[0] != "" {
			return short(v[0])
		}
	}
	return short(who.Subject)
}

// short fits a name of elsewhere into what a principal may be called.
func short(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	for len(s) > 64 {
		s = strings.ToValidUTF8(s[:64], "")
	}
	return s
}

// Check returns who a member is here now: by the first rule that fits.
func (m *Members) Check(who *Member) (*Principal, *Refusal) {
	rules := m.rules.Load()
	name := m.name(who, rules)
	if slices.Contains(rules.Denied, who.Subject) || slices.Contains(rules.Denied, name) {
		return nil, refuse(NotPermitted, "%s is kept out by the file of members", name)
	}
	for i := range rules.Rules {
		if r := &rules.Rules[i]; slices.Contains(who.Claims[r.Claim], r.Value) {
			p := r.grant
			p.Name = name
			if p.Name == "" {
				return nil, refuse(BadLogin, "the provider gives no name and no subject")
			}
			return &p, nil
		}
	}
	return nil, refuse(NotPermitted, "%s has none of the roles that the file of members gives: ask for one", name)
}

// ShowMember returns the credential of somebody for whom a provider has spoken.
func ShowMember(m *Member) Credential { return Credential{member: m} }
