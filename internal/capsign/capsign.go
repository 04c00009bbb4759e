// Package capsign signs CAP messages by XML signature, enveloped, as CAP 1.2
// 3.3.4.2 describes, with a key and a certificate from files.
package capsign

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"freshet/internal/hydro"
)

// A Signer signs with a key pair in files. They are read for each message, so
// that a replaced certificate counts at once.
type Signer struct{ cert, key string }

// Open returns a signer. It returns an error that wraps hydro.ErrInvalid if the
// files hold no certificate and key that fit. The key must be RSA.
func Open(cert, key string) (*Signer, error) {
	s := &Signer{cert, key}
	_, err := s.context()
	return s, err
}

func (s *Signer) context() (*dsig.SigningContext, error) {
	pair, err := tls.LoadX509KeyPair(s.cert, s.key)
	if err != nil {
		return nil, fmt.Errorf("CAP signature: %w: %w", err, hydro.ErrInvalid)
	}
	// goxmldsig 1.6.1 writes ECDSA signatures in ASN.1, where XML signatures want the
	// two numbers side by side: xmlsec1 refuses them.
	key, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("CAP signature: %s: the key must be an RSA key: %w", s.key, hydro.ErrInvalid)
	}
	ctx, err := dsig.NewSigningContext(key, pair.Certificate[:1])
	if err != nil {
		return nil, fmt.Errorf("CAP signature: %w: %w", err, hydro.ErrInvalid)
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	ctx.IdAttribute = "" // the signature is of the whole document
	if err := ctx.SetSignatureMethod(dsig.RSASHA256SignatureMethod); err != nil {
		return nil, fmt.Errorf("CAP signature: %w: %w", err, hydro.ErrInvalid)
	}
	return ctx, nil
}

// Sign returns a message with a signature at its end.
func (s *Signer) Sign(document string) (string, error) {
	ctx, err := s.context()
	if err != nil {
		return "", err
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromString(document); err != nil || doc.Root() == nil {
		return "", fmt.Errorf("CAP signature: no XML document: %w", errors.Join(err, hydro.ErrInvalid))
	}
	signed, err := ctx.SignEnveloped(doc.Root())
	if err != nil {
		return "", fmt.Errorf("CAP signature: %w", err)
	}
	doc.SetRoot(signed)
	return doc.WriteToString()
}

// Verify returns an error that wraps hydro.ErrInvalid unless the document carries
// a signature of its whole self by a key of one of these certificates.
func Verify(document string, trusted ...*x509.Certificate) error {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(document); err != nil || doc.Root() == nil {
		return fmt.Errorf("CAP signature: no XML document: %w", errors.Join(err, hydro.ErrInvalid))
	}
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: trusted})
	ctx.IdAttribute = ""
	if _, err := ctx.Validate(doc.Root()); err != nil {
		return fmt.Errorf("CAP signature: %w: %w", err, hydro.ErrInvalid)
	}
	return nil
}
