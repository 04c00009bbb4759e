package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A Book answers who somebody is, by a file of credentials that may change at any
// time. Its methods may be called from many goroutines.
type Book struct {
	path string
	now  func() time.Time

	mu   sync.Mutex // of Refresh
	seen fs.FileInfo
	page atomic.Pointer[page]
}

// A page is the file as it was last read. It does not change.
type page struct {
	tokens       map[string]*tokenEntry // by id
	certificates map[string]*Principal  // by identity
	denied       map[Hash]bool
}

type tokenEntry struct {
	principal *Principal
	hash      Hash
	expires   time.Time // zero: never
	revoked   bool
}

// Open reads the file of credentials at path. now tells when they expire.
func Open(path string, now func() time.Time) (*Book, error) {
	b := &Book{path: path, now: now}
	if _, err := b.Refresh(); err != nil {
		return nil, err
	}
	return b, nil
}

// Refresh reads the file again if it has changed, and reports whether it had.
// With an error the book stays as it was: a file that somebody has damaged must
// not cut off those who follow a flood. A file that is gone lets nobody in.
func (b *Book) Refresh() (changed bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	info, err := os.Stat(b.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if b.seen == nil && b.page.Load() != nil {
			return false, nil
		}
		b.seen = nil
		b.page.Store(newPage(&File{Version: 1}))
		return true, nil
	case err != nil:
		return false, fmt.Errorf("credentials: %w", err)
	case b.seen != nil && os.SameFile(info, b.seen) && info.ModTime().Equal(b.seen.ModTime()) && info.Size() == b.seen.Size():
		return false, nil
	}
	f, err := Load(b.path)
	if err != nil {
		return false, err
	}
	b.seen = info
	b.page.Store(newPage(f))
	return true, nil
}

func newPage(f *File) *page {
	p := &page{tokens: map[string]*tokenEntry{}, certificates: map[string]*Principal{}, denied: map[Hash]bool{}}
	for i := range f.Tokens {
		t := &f.Tokens[i]
		who, err := t.Principal()
		if err != nil {
			continue // Load has refused it
		}
		e := &tokenEntry{principal: who, hash: t.Hash, revoked: t.Revoked != nil}
		if t.Expires != nil {
			e.expires = *t.Expires
		}
		p.tokens[t.ID] = e
	}
	for i := range f.Certificates {
		if who, err := f.Certificates[i].Principal(); err == nil {
			p.certificates[f.Certificates[i].Identity] = who
		}
	}
	for _, d := range f.Denied {
		p.denied[d.SHA256] = true
	}
	return p
}

// Empty reports whether the book lets nobody in.
func (b *Book) Empty() bool {
	p := b.page.Load()
	return len(p.tokens)+len(p.certificates) == 0
}

// A Credential is what somebody has shown. It holds no secret, so that it can be
// checked again for as long as a stream is open.
type Credential struct {
	id   string // of the token; "" if only a certificate was shown
	hash Hash   // of the token's secret

	identity    string // of the certificate; "" if only a token was shown or it has none
	fingerprint Hash
	notAfter    time.Time
	certificate bool

	member  *Member // for whom a provider has spoken; nil: no provider
	session Hash    // of the session that it was shown in; zero: of none
}

// Show returns the credential of a token, a client certificate that has been
// verified, or both; "" and nil stand for neither.
func Show(token string, certificate *x509.Certificate) (Credential, *Refusal) {
	var c Credential
	if certificate != nil {
		c.certificate, c.fingerprint, c.notAfter = true, Fingerprint(certificate), certificate.NotAfter
		for _, u := range certificate.URIs {
			if s := u.String(); identityForm.MatchString(s) {
				if c.identity != "" { // whose would it be?
					return c, refuse(UnknownCertificate, "the certificate has more than one identity of the form freshet://DEPARTMENT/GATEWAY")
				}
				c.identity = s
			}
		}
	}
	if token != "" {
		id, secret, err := splitToken(token)
		if err != nil {
			return c, err
		}
		c.id, c.hash = id, hashSecret(id, secret)
	}
	return c, nil
}

// Fingerprint returns the SHA-256 of a certificate.
func Fingerprint(c *x509.Certificate) Hash { return sha256.Sum256(c.Raw) }

// Name returns how records call the credential. It is not a secret.
func (c Credential) Name() string {
	switch {
	case c.member != nil:
		return "openid " + short(c.member.Subject)
	case c.id != "":
		return "token " + c.id
	case c.identity != "":
		return c.identity
	case c.certificate:
		return fmt.Sprintf("certificate %x", c.fingerprint[:8])
	default:
		return "nobody"
	}
}

// Check returns who stands behind a credential now. The pointer is the same for
// as long as the file has not changed. A token decides before a certificate; a
// certificate that is shut out spoils both.
func (b *Book) Check(c Credential) (*Principal, *Refusal) {
	p, now := b.page.Load(), b.now()
	if c.certificate {
		if p.denied[c.fingerprint] {
			return nil, refuse(DeniedCertificate, "this certificate is shut out: ask for another")
		}
		if now.After(c.notAfter) {
			return nil, refuse(Expired, "the certificate has expired at %s: renew it", c.notAfter.UTC().Format(time.RFC3339))
		}
	}
	switch {
	case c.id != "":
		e, ok := p.tokens[c.id]
		if !ok {
			e = &tokenEntry{} // the hash of nothing: takes as long, matches never
		}
		if subtle.ConstantTimeCompare(e.hash[:], c.hash[:]) != 1 || !ok {
			return nil, refuse(BadToken, "this token is not known here: was it made for this server?")
		}
		if e.revoked {
			return nil, refuse(Revoked, "token %s has been revoked: ask for another", c.id)
		}
		if !e.expires.IsZero() && !now.Before(e.expires) {
			return nil, refuse(Expired, "token %s has expired at %s: ask for another", c.id, e.expires.UTC().Format(time.RFC3339))
		}
		return e.principal, nil
	case c.identity != "":
		if who, ok := p.certificates[c.identity]; ok {
			return who, nil
		}
		return nil, refuse(UnknownCertificate, "the certificate's identity %s is bound to nothing here: freshet token bind-cert", c.identity)
	case c.certificate:
		return nil, refuse(UnknownCertificate, "the certificate has no identity: it needs a URI of the form freshet://DEPARTMENT/GATEWAY")
	}
	return nil, refuse(NoCredential, "no token and no client certificate: send `Authorization: Bearer TOKEN`, or use a certificate")
}
