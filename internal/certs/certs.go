// Package certs serves TLS from files that may be replaced at any time: the next
// connection uses what they hold then, without a restart.
package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"freshet/internal/hydro"
)

// Files are the files that TLS is served from.
type Files struct {
	Cert     string // the certificate, with the chain that clients need, PEM
	Key      string // its key, PEM
	ClientCA string // whom client certificates may be signed by, PEM; "": client certificates are not asked for
}

// A Source holds what the files held when they last were good together. Its
// methods may be called from many goroutines.
type Source struct {
	files  Files
	failed func(error)
	every  time.Duration
	now    func() time.Time

	mu      sync.Mutex
	seen    [3]fs.FileInfo
	looked  time.Time
	failing string // the last error, so that it is told once
	cert    *tls.Certificate
	roots   *x509.CertPool
}

// Open reads the files. failed is told of replacements that are not good, once
// each; what was good before stays in use. The files are looked at again at most
// once in every, by the clock now.
func Open(files Files, every time.Duration, now func() time.Time, failed func(error)) (*Source, error) {
	s := &Source{files: files, failed: failed, every: every, now: now}
	if err := s.load(); err != nil {
		return nil, err
	}
	s.looked = now()
	return s, nil
}

// Config returns the configuration of servers. protocols are those of ALPN, the
// best first.
func (s *Source) Config(protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: protocols,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			cert, roots := s.current()
			c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols, Certificates: []tls.Certificate{*cert}}
			if roots != nil {
				// Officers and briefings have tokens: no certificate is asked of them.
				c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, roots
			}
			// A session that was begun with an older certificate or before a change of
			// the client CA must not go on.
			c.SessionTicketsDisabled = true
			return c, nil
		},
	}
}

// Expires returns when the certificate in use expires.
func (s *Source) Expires() time.Time {
	cert, _ := s.current()
	return cert.Leaf.NotAfter
}

// current returns what is to be served now.
func (s *Source) current() (*tls.Certificate, *x509.CertPool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); now.Sub(s.looked) >= s.every || now.Before(s.looked) {
		s.looked = now
		if s.changed() {
			err := s.load()
			if err != nil && err.Error() != s.failing {
				s.failing = err.Error()
				s.failed(err)
			}
			if err == nil {
				s.failing = ""
			}
		}
	}
	return s.cert, s.roots
}

func (s *Source) names() [3]string { return [3]string{s.files.Cert, s.files.Key, s.files.ClientCA} }

// changed reports whether a file is another one than was loaded.
func (s *Source) changed() bool {
	for i, name := range s.names() {
		if name == "" {
			continue
		}
		info, err := os.Stat(name)
		was := s.seen[i]
		if err != nil || !os.SameFile(info, was) || !info.ModTime().Equal(was.ModTime()) || info.Size() != was.Size() {
			return true
		}
	}
	return false
}

// load reads all files and takes over what they hold if all is good.
func (s *Source) load() error {
	var seen [3]fs.FileInfo
	for i, name := range s.names() { // before reading: a change in between is seen next time
		if name == "" {
			continue
		}
		var err error
		if seen[i], err = os.Stat(name); err != nil {
			return fmt.Errorf("TLS: %w: %w", err, hydro.ErrInvalid)
		}
	}
	cert, err := tls.LoadX509KeyPair(s.files.Cert, s.files.Key)
	if err != nil {
		return fmt.Errorf("TLS: %s with %s: %w: %w", s.files.Cert, s.files.Key, err, hydro.ErrInvalid)
	}
	if cert.Leaf == nil {
		return fmt.Errorf("TLS: %s holds no certificate: %w", s.files.Cert, hydro.ErrInvalid)
	}
	if s.now().After(cert.Leaf.NotAfter) {
		err := fmt.Errorf("TLS: %s has expired at %s: renew it: %w", s.files.Cert, cert.Leaf.NotAfter.UTC().Format(time.RFC3339), hydro.ErrInvalid)
		if s.cert != nil {
			return err
		}
		s.failed(err) // at the start there is no other, and the engines must run: clients will see for themselves
	}
	var roots *x509.CertPool
	if s.files.ClientCA != "" {
		if roots, err = Pool(s.files.ClientCA); err != nil {
			return err
		}
	}
	s.seen, s.cert, s.roots = seen, &cert, roots
	return nil
}

// Pool reads a file of certificates to trust.
func Pool(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("TLS: %w: %w", err, hydro.ErrInvalid)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("TLS: %s holds no certificate in PEM: %w", file, hydro.ErrInvalid)
	}
	return pool, nil
}

// Client returns the configuration of clients that trust the certificates in the
// file ca ("": those that the system trusts) and show the certificate in cert,
// which is read again for each connection ("": none).
func Client(ca, cert, key string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		var err error
		if c.RootCAs, err = Pool(ca); err != nil {
			return nil, err
		}
	}
	if (cert == "") != (key == "") {
		return nil, fmt.Errorf("TLS: a client certificate needs both the certificate and its key: %w", hydro.ErrInvalid)
	}
	if cert == "" {
		return c, nil
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("TLS: %s with %s: %w: %w", cert, key, err, hydro.ErrInvalid)
		}
		return &pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return c, nil
}

// Exactly returns the configuration of clients that want the server to show the
// very certificate in a file, whatever names it is for: of a program that asks a
// server on its own machine.
func Exactly(file string) (*tls.Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("TLS: %w: %w", err, hydro.ErrInvalid)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("TLS: %s does not begin with a certificate in PEM: %w", file, hydro.ErrInvalid)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection is stricter
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !bytes.Equal(s.PeerCertificates[0].Raw, block.Bytes) {
				return fmt.Errorf("TLS: the server shows another certificate than %s holds: %w", file, hydro.ErrConflict)
			}
			return nil
		},
	}, nil
}
