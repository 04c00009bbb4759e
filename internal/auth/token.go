package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"

	"freshet/internal/hydro"
)

// A token reads freshet_<id>_<secret>: a prefix that secret scanners can know, an
// id that is no secret and names the token in lists and records, and 256 random
// bits. Of the secret only a hash is kept. That is a plain SHA-256: nobody can
// guess 256 bits, so a slow hash would only slow the server down.
const tokenPrefix = "freshet_"

const (
	idBytes     = 5  // 8 characters
	secretBytes = 32 // 52 characters
)

var base = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// A Hash is what is kept of a secret.
type Hash [sha256.Size]byte

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) {
		return fmt.Errorf("a SHA-256 has %d hexadecimal digits, not %d: %w", 2*len(h), len(text), hydro.ErrInvalid)
	}
	if _, err := hex.Decode(h[:], text); err != nil {
		return fmt.Errorf("a SHA-256 in hexadecimal digits: %w: %w", err, hydro.ErrInvalid)
	}
	return nil
}

// hashSecret binds the secret to its id, so that the hash of one token cannot be
// used in the line of another.
func hashSecret(id, secret string) Hash {
	return sha256.Sum256([]byte("freshet token\x00" + id + "\x00" + secret))
}

// newToken returns a token's id, the text that its owner keeps, and its hash.
func newToken() (id, text string, hash Hash) {
	var b [idBytes + secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	id = base.EncodeToString(b[:idBytes])
	secret := base.EncodeToString(b[idBytes:])
	return id, tokenPrefix + id + "_" + secret, hashSecret(id, secret)
}

// splitToken takes a token apart. The error does not repeat it.
func splitToken(text string) (id, secret string, err *Refusal) {
	rest, ours := strings.CutPrefix(text, tokenPrefix)
	id, secret, two := strings.Cut(rest, "_")
	if !ours || !two || !isBase(id, idBytes) || !isBase(secret, secretBytes) {
		return "", "", refuse(BadToken, "what was given is no token of Freshet (%sID_SECRET): was it copied whole?", tokenPrefix)
	}
	return id, secret, nil
}

// isBase reports whether s encodes that many bytes, in the one way there is.
func isBase(s string, bytes int) bool {
	if len(s) != base.EncodedLen(bytes) {
		return false
	}
	b, err := base.DecodeString(s)
	return err == nil && base.EncodeToString(b) == s // the last character has bits to spare
}

// CheckToken reports whether text has the form of a token. The error does not
// repeat it.
func CheckToken(text string) error {
	if _, _, err := splitToken(text); err != nil {
		return fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	return nil
}
