package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"freshet/internal/hydro"
)

// FileName is the name of the file of credentials in the data folder.
const FileName = "auth.json"

// PathIn returns the path of the file of credentials in a data folder.
func PathIn(data string) string { return filepath.Join(data, FileName) }

// A File lists who is let in. It holds no secret that opens anything.
type File struct {
	Version      int           `json:"version"` // 1
	Tokens       []Token       `json:"tokens"`
	Certificates []Certificate `json:"certificates"`
	Denied       []Denial      `json:"denied_certificates"`
}

// A Grant is the part of a token or a certificate that says what it is good for.
type Grant struct {
	Name        string   `json:"name"`
	Role        string   `json:"role"`
	Department  string   `json:"department,omitempty"`
	Stations    []string `json:"stations,omitempty"`
	Prefixes    []string `json:"prefixes,omitempty"`
	AllStations bool     `json:"all_stations,omitempty"`
}

// A Token is one token, known by its hash.
type Token struct {
	ID string `json:"id"`
	Grant
	Hash    Hash       `json:"hash"`
	Created time.Time  `json:"created_at"`
	Expires *time.Time `json:"expires_at,omitempty"` // nil: never
	Revoked *time.Time `json:"revoked_at,omitempty"`
}

// A Certificate binds the identity in a client certificate to what its owner may
// do. The identity is the certificate's one URI of the form
// freshet://<department>/<gateway>.
type Certificate struct {
	Identity string `json:"identity"`
	Grant
	Created time.Time `json:"created_at"`
}

// A Denial shuts one certificate out, whatever its identity.
type Denial struct {
	SHA256 Hash      `json:"sha256"` // of the certificate in DER
	Denied time.Time `json:"denied_at"`
	Reason string    `json:"reason,omitempty"`
}

// Principal returns what a grant stands for, or says what is wrong with it.
func (g *Grant) Principal() (*Principal, error) {
	p := &Principal{Name: g.Name, Stations: g.Stations, Prefixes: g.Prefixes, AllStations: g.AllStations}
	var err error
	if p.Role, err = ParseRole(g.Role); err != nil {
		return nil, err
	}
	if g.Department != "" {
		if p.Department, err = hydro.ParseDepartment(g.Department); err != nil {
			return nil, err
		}
	}
	return p, p.check()
}

var identityForm = regexp.MustCompile(`^freshet://(weather|hydrology|water_resources)/([A-Za-z0-9._-]{1,64})$`)

// Identity returns the identity of a gateway's certificate.
func Identity(d hydro.Department, gateway string) (string, error) {
	id := "freshet://" + d.String() + "/" + gateway
	if !identityForm.MatchString(id) {
		return "", fmt.Errorf("gateway %q: the name in a certificate has 1 to 64 letters, digits, dots, hyphens or underscores: %w", gateway, hydro.ErrInvalid)
	}
	return id, nil
}

// ParseFile reads a file of credentials. Errors name every entry that is wrong.
func ParseFile(data []byte) (*File, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	f := new(File)
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("text behind the end of the object: %w", hydro.ErrInvalid)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

// check returns one error that lists everything wrong with f.
func (f *File) check() error {
	var errs []error
	bad := func(what string, i int, err error) { errs = append(errs, fmt.Errorf("%s[%d]: %w", what, i, err)) }
	if f.Version != 1 {
		errs = append(errs, fmt.Errorf("version is %d; this program reads 1: %w", f.Version, hydro.ErrInvalid))
	}
	ids := map[string]bool{}
	for i := range f.Tokens {
		t := &f.Tokens[i]
		if !isBase(t.ID, idBytes) {
			bad("tokens", i, fmt.Errorf("id %q is none: %w", t.ID, hydro.ErrInvalid))
		}
		if ids[t.ID] {
			bad("tokens", i, fmt.Errorf("id %q stands twice: %w", t.ID, hydro.ErrInvalid))
		}
		ids[t.ID] = true
		if t.Hash == (Hash{}) {
			bad("tokens", i, fmt.Errorf("token %s has no hash: %w", t.ID, hydro.ErrInvalid))
		}
		if _, err := t.Principal(); err != nil {
			bad("tokens", i, err)
		}
	}
	clear(ids)
	for i := range f.Certificates {
		c := &f.Certificates[i]
		m := identityForm.FindStringSubmatch(c.Identity)
		if m == nil {
			bad("certificates", i, fmt.Errorf("identity %q is not freshet://DEPARTMENT/GATEWAY: %w", c.Identity, hydro.ErrInvalid))
		}
		if ids[c.Identity] {
			bad("certificates", i, fmt.Errorf("identity %q stands twice: %w", c.Identity, hydro.ErrInvalid))
		}
		ids[c.Identity] = true
		p, err := c.Principal()
		switch {
		case err != nil:
			bad("certificates", i, err)
		case p.Role != Gateway:
			bad("certificates", i, fmt.Errorf("%s: certificates are for gateways, the role is %s: %w", c.Identity, p.Role, hydro.ErrInvalid))
		case m != nil && m[1] != p.Department.String():
			bad("certificates", i, fmt.Errorf("%s: the identity names another department than the grant, %s: %w", c.Identity, p.Department, hydro.ErrInvalid))
		}
	}
	for i, d := range f.Denied {
		if d.SHA256 == (Hash{}) {
			bad("denied_certificates", i, fmt.Errorf("no fingerprint: %w", hydro.ErrInvalid))
		}
	}
	return errors.Join(errs...)
}

// Load reads a file of credentials. One that is not there lists nobody.
func Load(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &File{Version: 1}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	f, err := ParseFile(data)
	if err != nil {
		return nil, fmt.Errorf("credentials %s: %w", path, err)
	}
	return f, nil
}

// Update changes a file of credentials: change gets what it holds and what it
// returns without error replaces it, whole or not at all, and is on disk when
// Update returns. Several programs may update one file at the same time.
func Update(ctx context.Context, path string, change func(*File) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return fmt.Errorf("credentials: wait for %s.lock: %w", path, err)
	}
	defer func() { _ = lock.Close() }() // the end of the process would free it too
	f, err := Load(path)
	if err != nil {
		return err
	}
	if err := change(f); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	if err := replace(path, append(data, '\n')); err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	return errors.Join(keepOwner(filepath.Dir(path), path, path+".lock"))
}

// replace writes data to path, whole or not at all.
func replace(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), FileName+".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = keepOwner(filepath.Dir(path), tmp.Name())
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// NewToken adds a token and returns its text, which is kept nowhere.
func (f *File) NewToken(g Grant, now time.Time, expires *time.Time) (t Token, text string, err error) {
	if expires != nil && !expires.After(now) {
		return t, "", fmt.Errorf("%s: expires at %s, which is past: %w", g.Name, expires.Format(time.RFC3339), hydro.ErrInvalid)
	}
	if _, err := g.Principal(); err != nil {
		return t, "", err
	}
	t = Token{Grant: g, Created: now, Expires: expires}
	for t.ID == "" || slices.ContainsFunc(f.Tokens, func(o Token) bool { return o.ID == t.ID }) {
		t.ID, text, t.Hash = newToken()
	}
	f.Tokens = append(f.Tokens, t)
	return t, text, nil
}

// Revoke ends a token, named by its id, or what a certificate's identity may do.
func (f *File) Revoke(what string, now time.Time) error {
	if strings.Contains(what, "://") {
		n := len(f.Certificates)
		f.Certificates = slices.DeleteFunc(f.Certificates, func(c Certificate) bool { return c.Identity == what })
		if len(f.Certificates) == n {
			return fmt.Errorf("no certificate is bound as %q: %w", what, hydro.ErrNotFound)
		}
		return nil
	}
	if id, _, err := splitToken(what); err == nil {
		what = id // somebody gave the whole token
	}
	for i := range f.Tokens {
		if t := &f.Tokens[i]; t.ID == what {
			if t.Revoked == nil {
				t.Revoked = &now
			}
			return nil
		}
	}
	if strings.HasPrefix(what, tokenPrefix) {
		what = "what was given"
	}
	return fmt.Errorf("no token has the id %s: %w", what, hydro.ErrNotFound)
}

// Bind lets the gateway's certificate of that identity do what g says.
func (f *File) Bind(g Grant, gateway string, now time.Time) (Certificate, error) {
	p, err := g.Principal()
	if err != nil {
		return Certificate{}, err
	}
	identity, err := Identity(p.Department, gateway)
	if err != nil {
		return Certificate{}, err
	}
	c := Certificate{Identity: identity, Grant: g, Created: now}
	f.Certificates = append(slices.DeleteFunc(f.Certificates, func(o Certificate) bool { return o.Identity == identity }), c)
	return c, nil
}

// Deny shuts out the certificate with that fingerprint.
func (f *File) Deny(fingerprint Hash, reason string, now time.Time) {
	if slices.ContainsFunc(f.Denied, func(d Denial) bool { return d.SHA256 == fingerprint }) {
		return
	}
	f.Denied = append(f.Denied, Denial{SHA256: fingerprint, Denied: now, Reason: reason})
}
