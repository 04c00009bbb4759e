package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"freshet/internal/hydro"
)

// SessionsIn returns the path of the file of open sessions in a data folder.
func SessionsIn(data string) string { return filepath.Join(data, "sessions.json") }

// A sessionFile keeps sessions over a restart: in the midst of a flood nobody is
// to look for their token. It holds hashes only, and no session is good by it
// alone: what it stands on is looked up again.
type sessionFile struct {
	Version  int            `json:"version"` // 1
	Sessions []savedSession `json:"sessions"`
}

type savedSession struct {
	SHA256    Hash      `json:"sha256"` // of the id
	Token     string    `json:"token,omitempty"`
	TokenHash Hash      `json:"token_hash"`
	Member    *Member   `json:"member,omitempty"`
	Expires   time.Time `json:"expires_at"`
}

func parseSessions(data []byte) (*sessionFile, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	f := new(sessionFile)
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("sessions: %w: %w", err, hydro.ErrInvalid)
	}
	if f.Version != 1 {
		return nil, fmt.Errorf("sessions: version is %d; this program reads 1: %w", f.Version, hydro.ErrInvalid)
	}
	for i, s := range f.Sessions {
		if s.SHA256 == (Hash{}) || (s.Member == nil) == (s.Token == "") || s.Expires.IsZero() {
			return nil, fmt.Errorf("sessions: sessions[%d] has no hash, no owner or no end: %w", i, hydro.ErrInvalid)
		}
	}
	return f, nil
}

// Keep takes over the sessions that a file holds and keeps it up to date from now
// on. What is wrong with it is told to failed, and nobody is kept out by it.
func (s *Sessions) Keep(path string, failed func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.path, s.failed = path, failed
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var f *sessionFile
	if err == nil {
		f, err = parseSessions(data)
	}
	if err != nil {
		failed(fmt.Errorf("%w: everybody must sign in again", err))
		return
	}
	now := s.now()
	for _, k := range f.Sessions {
		s.open[k.SHA256] = &session{
			cred:    Credential{id: k.Token, hash: k.TokenHash, member: k.Member, session: k.SHA256},
			expires: k.Expires, used: now,
		}
	}
	s.sweep(now)
}

// save writes the file anew. The caller holds the lock.
func (s *Sessions) save() {
	if s.path == "" {
		return
	}
	f := sessionFile{Version: 1, Sessions: []savedSession{}}
	for _, o := range s.open {
		if o.cred.certificate { // stands on what only the connection shows
			continue
		}
		f.Sessions = append(f.Sessions, savedSession{o.cred.session, o.cred.id, o.cred.hash, o.cred.member, o.expires})
	}
	data, err := json.Marshal(&f)
	if err == nil {
		// Whole or not at all, but not waited for: who is lost signs in again.
		if err = os.WriteFile(s.path+".new", data, 0o600); err == nil {
			err = os.Rename(s.path+".new", s.path)
		}
	}
	if err != nil {
		s.failed(fmt.Errorf("sessions: they will not outlive a restart: %w", err))
	}
}
