package capsign_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"freshet/alert/cap"
	"freshet/internal/capsign"
	"freshet/internal/certs/certstest"
	"freshet/internal/hydro"
)

// schema is read in place, where a copy is.
const schema = "../../../shared/data/cap/CAP-v1.2.xsd"

func message(t *testing.T) string {
	t.Helper()
	a := cap.Alert{
		Identifier: "tanjiang.20260615T040000Z.a.0", Sender: "flood@example.org", Sent: "2026-06-15T12:00:00+08:00", Status: "Test", MsgType: "Alert", Scope: "Public",
		Infos: []cap.Info{{
			Language: "zh-CN", Categories: []string{"Met"}, Event: "洪水", Urgency: "Immediate", Severity: "Severe", Certainty: "Observed",
			Headline: "甲站洪水橙色预警 & 说明", Areas: []cap.Area{{Desc: "甲站", Circles: []string{"22,112 5"}}},
		}},
	}
	text, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rsaPair writes a self-signed certificate with an RSA key.
func rsaPair(t *testing.T) (cert, key string, leaf *x509.Certificate) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "flood centre"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cap.pem"), filepath.Join(dir, "cap.key")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, leaf
}

func TestASignatureHoldsForTheWholeMessageByTwoImplementations(t *testing.T) {
	text := message(t)
	cert, key, leaf := rsaPair(t)
	_, _, stranger := rsaPair(t)
	s, err := capsign.Open(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := cap.Decode([]byte(signed)); err != nil || len(a.Check()) > 0 || a.Infos[0].Headline != "甲站洪水橙色预警 & 说明" {
		t.Errorf("the signed message: %v", err)
	}
	// xmlsec1 of Debian: deploy/install-xml.sh installs it.
	second := func(document string) error {
		file := filepath.Join(t.TempDir(), "m.xml")
		if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("xmlsec1", "--verify", "--pubkey-cert-pem", cert, "--enabled-key-data", "key-name,rsa", file).CombinedOutput()
		if err != nil {
			return errors.Join(err, errors.New(string(out)))
		}
		return nil
	}
	if err := capsign.Verify(signed, leaf); err != nil {
		t.Error(err)
	}
	if err := second(signed); err != nil {
		t.Error(err)
	}
	for old, changed := range map[string]string{"橙色": "红色", "Severe": "Minor", "<status>Test": "<status>Actual", "22,112 5": "22,112 50"} {
		forged := strings.Replace(signed, old, changed, 1)
		if forged == signed || capsign.Verify(forged, leaf) == nil || second(forged) == nil {
			t.Errorf("%s for %s passes", changed, old)
		}
	}
	if capsign.Verify(signed, stranger) == nil || capsign.Verify(text, leaf) == nil || !errors.Is(capsign.Verify("", leaf), hydro.ErrInvalid) {
		t.Error("a stranger's signature, or none, passes")
	}
	if _, err := os.Stat(schema); err != nil {
		return // no copy of the schema here
	}
	file := filepath.Join(t.TempDir(), "m.xml")
	if err := os.WriteFile(file, []byte(signed), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("xmllint", "--noout", "--nonet", "--schema", schema, file).CombinedOutput(); err != nil {
		t.Errorf("the signed message by the schema: %v\n%s", err, out)
	}
}

func TestKeysThatCannotSignAreRefused(t *testing.T) {
	cert, key, _ := rsaPair(t)
	other, _, _ := rsaPair(t)
	ecdsa := certstest.New(t).Issue(t, t.TempDir(), certstest.Identity{Name: "cap"})
	for name, files := range map[string][2]string{"no certificate": {"none", key}, "no key": {cert, "none"}, "another's key": {other, key}, "ECDSA": {ecdsa.Cert, ecdsa.Key}} {
		if _, err := capsign.Open(files[0], files[1]); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, err := capsign.Open(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign("no XML"); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("signed what is no document: %v", err)
	}
}
