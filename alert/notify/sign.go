package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// The headers of a webhook.
const (
	HeaderKey       = "Idempotency-Key"   // the item's ID: take an item once
	HeaderSignature = "Freshet-Signature" // see Sign
	HeaderKind      = "Freshet-Kind"      // the item's kind
	HeaderAttempt   = "Freshet-Attempt"   // 1 for the first try since the server started
)

// Sign returns the value of [HeaderSignature] for a body that is sent at that
// instant: "t=<Unix seconds>,v1=<hex>", where v1 is the HMAC-SHA256 of
// "<t>.<body>" under the receiver's secret.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	return "t=" + t + ",v1=" + hex.EncodeToString(webhookMAC(secret, t, body))
}

func webhookMAC(secret, t string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(t + "."))
	m.Write(body)
	return m.Sum(nil)
}

// Verify is what a receiver does: it returns an error that wraps
// hydro.ErrInvalid unless the header was made by Sign with that secret for that
// body, at most tolerance before or after now.
func Verify(secret, header string, body []byte, now time.Time, tolerance time.Duration) error {
	var t, v1 string
	for part := range strings.SplitSeq(header, ",") {
		switch k, v, _ := strings.Cut(part, "="); k {
		case "t":
			t = v
		case "v1":
			v1 = v
		}
	}
	seconds, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return fmt.Errorf("%s: no time in %q: %w", HeaderSignature, header, hydro.ErrInvalid)
	}
	mac, err := hex.DecodeString(v1)
	if err != nil || !hmac.Equal(mac, webhookMAC(secret, t, body)) {
		return fmt.Errorf("%s: not the signature of this body by this secret: %w", HeaderSignature, hydro.ErrInvalid)
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > tolerance || d < -tolerance {
		return fmt.Errorf("%s: signed %s from now: %w", HeaderSignature, d, hydro.ErrInvalid)
	}
	return nil
}

// dingTalkSign is the sign of a DingTalk robot: the base64 of the HMAC-SHA256 of
// "<ms>\n<secret>" under the secret.
func dingTalkSign(secret string, at time.Time) (timestamp, sign string) {
	timestamp = strconv.FormatInt(at.UnixMilli(), 10)
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(timestamp + "\n" + secret))
	return timestamp, base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// feishuSign is the sign of a Feishu robot: the base64 of the HMAC-SHA256 of
// nothing under the key "<s>\n<secret>".
func feishuSign(secret string, at time.Time) (timestamp, sign string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	m := hmac.New(sha256.New, []byte(timestamp+"\n"+secret))
	return timestamp, base64.StdEncoding.EncodeToString(m.Sum(nil))
}
