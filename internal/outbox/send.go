package outbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"freshet/alert/notify"
	"freshet/internal/hydro"
)

// A message is what is sent in one go.
type message struct {
	items   []notify.Item
	now     time.Time // by the engines
	sent    time.Time // by the machine
	attempt int
}

// A sender sends a message once. TemplateErr says that the words of the
// configuration could not be used. Errors never hold a secret, nor the address of
// a robot, which is one.
type sender interface {
	send(ctx context.Context, m message) (templateErr, err error)
	// close lets go of connections that wait for the next message.
	close()
}

// maxRetryAfter bounds how long a receiver may tell us to stay away.
const maxRetryAfter = 10 * time.Minute

// newSender checks what the receiver names, so that a mistake shows at the start
// and not in the flood.
func newSender(r *notify.Receiver) (sender, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.CAFile != "" {
		pem, err := os.ReadFile(r.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca: %w: %w", err, hydro.ErrInvalid)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: no certificate in %s: %w", r.CAFile, hydro.ErrInvalid)
		}
	}
	for _, file := range []string{r.SecretFile, r.PasswordFile} {
		if _, err := secret(file); err != nil {
			return nil, fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
		}
	}
	if r.Channel == notify.Email {
		return &mailer{r, config}, nil
	}
	p := &poster{receiver: r, client: &http.Client{
		Timeout: r.Timeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true, MaxIdleConns: 1, IdleConnTimeout: time.Minute,
			TLSHandshakeTimeout: r.Timeout,
		},
		// A redirect would carry the message to where nobody decided it may go.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if _, err := p.address(); err != nil {
		return nil, err
	}
	return p, nil
}

// secret reads a secret each time it is needed: a replaced file counts at once.
func secret(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	s := strings.TrimSpace(string(data))
	if s == "" {
		return "", fmt.Errorf("the file %s is empty", file)
	}
	return s, nil
}

// A poster sends by HTTP.
type poster struct {
	receiver *notify.Receiver
	client   *http.Client
}

func (p *poster) address() (*url.URL, error) {
	s := p.receiver.URL
	if p.receiver.URLFile != "" {
		var err error
		if s, err = secret(p.receiver.URLFile); err != nil {
			return nil, fmt.Errorf("url_file: %w: %w", err, hydro.ErrInvalid)
		}
		if err := notify.CheckURL(s); err != nil {
			return nil, fmt.Errorf("url_file: in %s stands %w", p.receiver.URLFile, err)
		}
	}
	return url.Parse(s)
}

func (p *poster) close() { p.client.CloseIdleConnections() }

// A stayAway error comes with the time after which to come again.
type stayAway struct {
	error
	after time.Duration
}

func (e stayAway) Unwrap() error { return e.error }

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[stayAway](err); ok {
		return e.after
	}
	return 0
}

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

func (p *poster) send(ctx context.Context, m message) (templateErr, err error) {
	key, err := secret(p.receiver.SecretFile)
	if err != nil {
		return nil, err
	}
	to, err := p.address()
	if err != nil {
		return nil, err
	}
	q, err := p.receiver.Request(m.items, m.now, m.sent, key, m.attempt)
	if err != nil {
		return nil, err
	}
	query := to.Query()
	maps.Copy(query, q.Query)
	to.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(q.Body))
	if err != nil {
		return nil, withoutURL(err)
	}
	req.Header.Set("User-Agent", "freshet")
	for k, v := range q.Header {
		req.Header.Set(k, v)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil && p.receiver.Channel.Robot() { // a webhook's status has said all
		return nil, withoutURL(err)
	}
	if err := p.receiver.Answer(res.StatusCode, answer); err != nil {
		if seconds, e := strconv.Atoi(res.Header.Get("Retry-After")); e == nil && seconds > 0 {
			return nil, stayAway{err, time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second}
		}
		return nil, err
	}
	return q.TemplateError, nil
}

// withoutURL takes the address out of an error of net/http: it can be a secret.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// A mailer sends by SMTP.
type mailer struct {
	receiver *notify.Receiver
	tls      *tls.Config
}

func (s *mailer) send(ctx context.Context, m message) (templateErr, err error) {
	r := s.receiver
	mail := r.Mail(m.items, m.now)
	msg := gomail.NewMsg()
	if err := msg.From(r.From); err != nil {
		return nil, err
	}
	if err := msg.To(r.To...); err != nil {
		return nil, err
	}
	msg.Subject(mail.Subject)
	msg.SetDateWithValue(m.sent)
	msg.SetMessageIDWithValue(messageID(r, m.items))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // so that nobody's holiday notice answers
	msg.SetGenHeader(notify.HeaderKey, mail.Key)
	msg.SetBodyString(gomail.TypeTextPlain, mail.Text)

	host, port, err := net.SplitHostPort(r.Server)
	if err != nil {
		return nil, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, err
	}
	config := s.tls.Clone()
	config.ServerName = host
	// The connection is ours to close: the library leaves one open whose farewell
	// fails, and does not end a step when ctx is done.
	var line net.Conn
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if line = c; r.TLS == "tls" {
			return tls.Client(c, config), nil
		}
		return c, nil
	}
	options := []gomail.Option{
		gomail.WithPort(number), gomail.WithTimeout(r.Timeout), gomail.WithTLSConfig(config), gomail.WithDialContextFunc(dial),
	}
	switch r.TLS {
	case "tls":
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic)) // the line that dial gives it is TLS
	case "none":
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if r.Username != "" {
		password, err := secret(r.PasswordFile)
		if err != nil {
			return nil, err
		}
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(r.Username), gomail.WithPassword(password))
	}
	client, err := gomail.NewClient(host, options...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if line != nil {
			_ = line.Close()
		}
	}()
	if err := client.DialWithContext(ctx); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = line.Close() })
	defer stop()
	err = client.Send(msg)
	_ = client.Close() // what the server has taken stays taken, however the farewell ends
	if err != nil {
		return nil, err
	}
	return mail.TemplateError, nil
}

func (*mailer) close() {} // each mail has its own connection

// messageID names the items of a mail, so that mail systems can tell a second
// copy. Another set of items has another name.
func messageID(r *notify.Receiver, items []notify.Item) string {
	h := sha256.New()
	h.Write([]byte(r.Name))
	for i := range items {
		h.Write([]byte("\x00" + items[i].ID))
	}
	domain := "freshet.invalid"
	if a, err := mail.ParseAddress(r.From); err == nil {
		if _, d, ok := strings.Cut(a.Address, "@"); ok {
			domain = d
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:32] + "@" + domain
}
