package outbox_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"freshet/internal/certs/certstest"
	"freshet/internal/outbox"
)

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// A mailbox is a real SMTP server that wants TLS and a password.
type mailbox struct {
	mu      sync.Mutex
	mails   []string
	refuse  int    // the first so many mails are refused for now
	bad     string // mails that hold it are refused for ever
	plain   bool   // no password is asked
	change  chan struct{}
	address string
}

func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{m: m}, nil }

type session struct {
	m      *mailbox
	authed bool
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if s.authed = user == "freshet" && password == "pass word"; !s.authed {
			return errors.New("wrong password")
		}
		return nil
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error {
	if !s.authed && !s.m.plain {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (*session) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (*session) Reset()                               {}
func (*session) Logout() error                        { return nil }

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.m.refuse > 0 {
		s.m.refuse--
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "come again"}
	}
	if s.m.bad != "" && strings.Contains(string(text), s.m.bad) {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "not like this"}
	}
	s.m.mails = append(s.m.mails, string(text))
	close(s.m.change)
	s.m.change = make(chan struct{})
	return nil
}

// serve starts the server; implicit is TLS from the first byte.
func (m *mailbox) serve(t *testing.T, implicit, offer bool) (ca string) {
	t.Helper()
	authority := certstest.New(t)
	pair := authority.Issue(t, t.TempDir(), certstest.Identity{Name: "mail", Server: true})
	cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(m)
	server.Domain = "localhost"
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.address, m.change = l.Addr().String(), make(chan struct{})
	if implicit {
		l = tls.NewListener(l, config)
	} else if offer {
		server.TLSConfig = config
	}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return authority.File
}

func (m *mailbox) wait(n int) {
	for {
		m.mu.Lock()
		have, change := len(m.mails), m.change
		m.mu.Unlock()
		if have >= n {
			return
		}
		<-change
	}
}

func TestMailsArriveOverTLSWithAPasswordInOrderAndNamedByTheirItems(t *testing.T) {
	for _, mode := range []string{"starttls", "tls"} {
		t.Run(mode, func(t *testing.T) {
			m := &mailbox{refuse: 1}
			ca := m.serve(t, mode == "tls", true)
			r := receiver(t, "{name: r, kind: email, server: '"+m.address+"', tls: "+mode+", username: freshet, password_file: password, ca: "+ca+
				", from: 'Freshet <freshet@example.org>', to: [duty@example.org, chief@example.org], language: both, bundle: 2, kinds: [warning]}")
			if err := os.WriteFile(filepath.Join(filepath.Dir(r.PasswordFile), "password"), []byte("pass word\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			s := newSource()
			o := options(r, "a")
			outs, ids := flood("a", 0, 5) // four warnings
			// The first is refused once; meanwhile the others come, and of those at hand
			// two go into one mail.
			o.Wait = func(ctx context.Context, _ time.Duration) error {
				s.append("a", outs[1:]...)
				s.waitRead(4)
				return ctx.Err()
			}
			begin(t, s, o)
			s.append("a", outs[0])
			stop := run(t, s, o)
			m.wait(2)
			stop()
			var names []string
			for i, text := range m.mails[:2] {
				msg, err := mail.ReadMessage(strings.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
				if err != nil || !strings.Contains(subject, "】s") || strings.Contains(subject, "(+1)") != (i == 1) {
					t.Errorf("mail %d has the subject %q, %v", i, subject, err)
				}
				if msg.Header.Get("Idempotency-Key") != ids[i] || !strings.Contains(msg.Header.Get("To"), "chief@example.org") || msg.Header.Get("Date") == "" {
					t.Errorf("header %v", msg.Header)
				}
				names = append(names, msg.Header.Get("Message-ID"))
			}
			if names[0] == names[1] || !strings.HasSuffix(names[0], "@example.org>") {
				t.Errorf("Message-IDs %q", names)
			}
		})
	}
}

// A password never crosses a line that others can read, and a certificate that
// nobody vouches for is none.
func TestNoMailGoesOutWithoutTheTLSThatWasAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		offer, ca bool
		want      string
	}{
		"no STARTTLS":         {false, true, "STARTTLS"},
		"unknown certificate": {true, false, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &mailbox{}
			ca := m.serve(t, false, c.offer)
			text := "{name: r, kind: email, server: '" + m.address + "', username: freshet, password_file: secret, from: a@example.org, to: [b@example.org], kinds: [warning]"
			if c.ca {
				text += ", ca: " + ca
			}
			var log strings.Builder
			s := newSource()
			o := options(receiver(t, text+"}"), "a")
			o.Logger = logger(&log)
			tried := make(chan struct{}, 1000)
			o.Wait = waitOnce(tried)
			begin(t, s, o)
			outs, _ := flood("a", 0, 1)
			s.append("a", outs...)
			stop := run(t, s, o)
			<-tried
			stop()
			if !strings.Contains(log.String(), c.want) || len(m.mails) > 0 || strings.Contains(log.String(), secretText) {
				t.Errorf("%d mails; the log says %s", len(m.mails), log.String())
			}
		})
	}
}

var _ outbox.Source = (*source)(nil)
