package auth_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/internal/auth"
	"freshet/internal/hydro"
)

// Whatever is done in whatever order, a session is good exactly as long as it was
// not ended, not pushed out, not idle, not too old, and its token good.
func TestASessionLivesAsLongAsWhatItStandsOn(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(folder, "book")
		if err != nil {
			rt.Fatal(err)
		}
		path := filepath.Join(dir, "auth.json")
		now := noon
		book, err := auth.Open(path, func() time.Time { return now })
		if err != nil {
			rt.Fatal(err)
		}
		bounds := auth.SessionBounds{Idle: time.Hour, Absolute: 6 * time.Hour, Each: 3}
		var sessions *auth.Sessions
		restart := func() {
			sessions = auth.NewSessions(book, nil, func() time.Time { return now }, bounds)
			sessions.Keep(auth.SessionsIn(dir), func(err error) { rt.Fatal(err) })
		}
		restart()
		type token struct {
			text, id string
			revoked  bool
		}
		type open struct {
			id          string
			cred        auth.Credential
			token       *token
			start, used time.Time
			ended       bool
		}
		var tokens []*token
		var all []*open
		good := func(o *open) bool {
			return !o.ended && !o.token.revoked && now.Sub(o.used) < bounds.Idle && now.Sub(o.start) < bounds.Absolute
		}
		update := func(f func(*auth.File) error) {
			file, err := auth.Load(path)
			if err == nil {
				err = f(file)
			}
			data, _ := json.Marshal(file)
			// Not Update, which waits for the disk.
			if err = errors.Join(err, os.WriteFile(path, data, 0o600)); err != nil {
				rt.Fatal(err)
			}
			if _, err := book.Refresh(); err != nil {
				rt.Fatal(err)
			}
		}
		newToken := func(*rapid.T) {
			if len(tokens) == 3 {
				return
			}
			update(func(f *auth.File) error {
				made, text, err := f.NewToken(auth.Grant{Name: "duty", Role: "officer"}, now, nil)
				tokens = append(tokens, &token{text: text, id: made.ID})
				return err
			})
		}
		newToken(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"token": newToken,
			"sign in": func(rt *rapid.T) {
				tok := rapid.SampledFrom(tokens).Draw(rt, "token")
				shown, no := auth.Show(tok.text, nil)
				if no != nil {
					rt.Fatal(no)
				}
				id, cred, _, no := sessions.Start(shown)
				if (no == nil) == tok.revoked {
					rt.Fatalf("revoked %t: %v", tok.revoked, no)
				}
				if no != nil {
					return
				}
				var mine []*open
				for _, o := range all {
					if o.token == tok && good(o) {
						mine = append(mine, o)
					}
				}
				if len(mine) == bounds.Each { // the one used longest ago goes; a tie may go either way
					gone := 0
					for _, o := range mine {
						if _, no := sessions.Show(o.id); no != nil {
							o.ended = true
							gone++
						}
					}
					for _, o := range mine {
						for _, kept := range mine {
							if o.ended && !kept.ended && kept.used.Before(o.used) {
								rt.Fatal("one that was used later made room")
							}
						}
					}
					if gone != 1 {
						rt.Fatalf("%d made room", gone)
					}
				}
				all = append(all, &open{id: id, cred: cred, token: tok, start: now, used: now})
			},
			"sign out": func(rt *rapid.T) {
				if len(all) > 0 {
					o := rapid.SampledFrom(all).Draw(rt, "session")
					sessions.End(o.cred)
					o.ended = true
				}
			},
			"revoke": func(rt *rapid.T) {
				tok := rapid.SampledFrom(tokens).Draw(rt, "token")
				update(func(f *auth.File) error { return f.Revoke(tok.id, now) })
				tok.revoked = true
			},
			"restart": func(*rapid.T) {
				sessions.Sweep() // as a server does each second
				for _, o := range all {
					if o.ended = !good(o); !o.ended { // a restart is use
						o.used = now
					}
				}
				restart()
			},
			"time": func(rt *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 70).Draw(rt, "minutes")) * time.Minute)
				if rapid.Bool().Draw(rt, "sweep") {
					sessions.Sweep()
				}
			},
			"use": func(rt *rapid.T) {
				if len(all) == 0 {
					return
				}
				o := rapid.SampledFrom(all).Draw(rt, "session")
				want := good(o)
				cred, no := sessions.Show(o.id)
				if no == nil {
					_, no = sessions.Check(cred)
				}
				if (no == nil) != want {
					rt.Fatalf("good %t: %v", want, no)
				}
				if want {
					o.used = now
				}
			},
		})
	})
}

func TestAGatewayHasNoSession(t *testing.T) {
	path := auth.PathIn(t.TempDir())
	var text string
	if err := auth.Update(t.Context(), path, func(f *auth.File) (err error) {
		_, text, err = f.NewToken(auth.Grant{Name: "g", Role: "gateway", Department: "weather", AllStations: true}, noon, nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	book, err := auth.Open(path, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	cred, no := auth.Show(text, nil)
	if no != nil {
		t.Fatal(no)
	}
	if _, _, _, no := auth.NewSessions(book, nil, func() time.Time { return noon }, auth.SessionBounds{}).Start(cred); no == nil || no.Reason != auth.NotPermitted {
		t.Errorf("a gateway signs in: %v", no)
	}
}

// A file of sessions that cannot be read is told, and lets nobody in.
func FuzzSessions(f *testing.F) {
	f.Add([]byte(`{"version":1,"sessions":[{"sha256":"0000000000000000000000000000000000000000000000000000000000000001","token":"aaaaaaaa","token_hash":"0000000000000000000000000000000000000000000000000000000000000001","expires_at":"2027-01-01T00:00:00Z"}]}`))
	f.Add([]byte(`{"version":1,"sessions":[]}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(auth.SessionsIn(dir), data, 0o600); err != nil {
			t.Fatal(err)
		}
		book, err := auth.Open(auth.PathIn(dir), func() time.Time { return noon })
		if err != nil {
			t.Fatal(err)
		}
		s := auth.NewSessions(book, nil, func() time.Time { return noon }, auth.SessionBounds{})
		s.Keep(auth.SessionsIn(dir), func(err error) {
			if !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("of no kind: %v", err)
			}
		})
		if _, no := s.Show("anything"); no == nil {
			t.Fatal("somebody is let in")
		}
	})
}
