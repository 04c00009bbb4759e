// Package cap makes messages of the Common Alerting Protocol, CAP 1.2, out of
// warnings: which message a warning asks for and what it replaces, who must
// approve it, how it is written as XML, and what is wrong with one. It is pure.
//
// Sources: [CAP] OASIS Standard CAP-V1.2, 1 July 2010. [GBT] GB/T 35965.1-2018,
// its identifiers only, as one public page gives them; not verified.
// docs/formats/cap.md says what maps to what.
package cap

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// Namespace is that of CAP 1.2.
const Namespace = "urn:oasis:names:tc:emergency:cap:1.2"

// An Alert is one message. The order of fields is that of the standard, which
// counts.
type Alert struct {
	XMLName     xml.Name `xml:"urn:oasis:names:tc:emergency:cap:1.2 alert"`
	Identifier  string   `xml:"identifier"`
	Sender      string   `xml:"sender"`
	Sent        string   `xml:"sent"` // see Time
	Status      string   `xml:"status"`
	MsgType     string   `xml:"msgType"`
	Source      string   `xml:"source,omitempty"`
	Scope       string   `xml:"scope"`
	Restriction string   `xml:"restriction,omitempty"`
	Addresses   string   `xml:"addresses,omitempty"`
	Codes       []string `xml:"code,omitempty"`
	Note        string   `xml:"note,omitempty"`
	References  string   `xml:"references,omitempty"` // see Reference
	Incidents   string   `xml:"incidents,omitempty"`
	Infos       []Info   `xml:"info,omitempty"`
}

// An Info is what a message says in one language.
type Info struct {
	Language      string     `xml:"language,omitempty"`
	Categories    []string   `xml:"category"`
	Event         string     `xml:"event"`
	ResponseTypes []string   `xml:"responseType,omitempty"`
	Urgency       string     `xml:"urgency"`
	Severity      string     `xml:"severity"`
	Certainty     string     `xml:"certainty"`
	Audience      string     `xml:"audience,omitempty"`
	EventCodes    []Value    `xml:"eventCode,omitempty"`
	Effective     string     `xml:"effective,omitempty"`
	Onset         string     `xml:"onset,omitempty"`
	Expires       string     `xml:"expires,omitempty"`
	SenderName    string     `xml:"senderName,omitempty"`
	Headline      string     `xml:"headline,omitempty"`
	Description   string     `xml:"description,omitempty"`
	Instruction   string     `xml:"instruction,omitempty"`
	Web           string     `xml:"web,omitempty"`
	Contact       string     `xml:"contact,omitempty"`
	Parameters    []Value    `xml:"parameter,omitempty"`
	Resources     []Resource `xml:"resource,omitempty"`
	Areas         []Area     `xml:"area,omitempty"`
}

// A Value is a name and what it stands for.
type Value struct {
	Name  string `xml:"valueName"`
	Value string `xml:"value"`
}

// A Resource is a file that goes with a message.
type Resource struct {
	Desc     string `xml:"resourceDesc"`
	MIMEType string `xml:"mimeType"`
	Size     string `xml:"size,omitempty"`
	URI      string `xml:"uri,omitempty"`
	DerefURI string `xml:"derefUri,omitempty"`
	Digest   string `xml:"digest,omitempty"`
}

// An Area is where a message holds: "lat,lon lat,lon …" in WGS84, closed, or
// "lat,lon radius" in km.
type Area struct {
	Desc     string   `xml:"areaDesc"`
	Polygons []string `xml:"polygon,omitempty"`
	Circles  []string `xml:"circle,omitempty"`
	Geocodes []Value  `xml:"geocode,omitempty"`
	Altitude string   `xml:"altitude,omitempty"`
	Ceiling  string   `xml:"ceiling,omitempty"`
}

// timeLayout is how CAP writes an instant. Z and fractions of a second are not
// CAP.
const timeLayout = "2006-01-02T15:04:05-07:00"

var beijing = time.FixedZone("+08:00", 8*60*60)

// Time writes an instant as CAP does, in Beijing time.
func Time(t time.Time) string { return t.In(beijing).Format(timeLayout) }

// Reference is how later messages name a.
func (a *Alert) Reference() string { return a.Sender + "," + a.Identifier + "," + a.Sent }

// Encode returns a as an XML document. Characters that XML cannot hold come out
// as U+FFFD.
func (a *Alert) Encode() (string, error) {
	out, err := xml.MarshalIndent(a, "", "  ")
	if err != nil {
		return "", fmt.Errorf("cap %s: %w: %w", a.Identifier, err, hydro.ErrInvalid)
	}
	return xml.Header + string(out) + "\n", nil
}

// maxDocument bounds what Decode reads.
const maxDocument = 4 << 20

// Decode reads an XML document, whose elements must be those of CAP 1.2, in its
// order; signatures are passed over. The error wraps hydro.ErrInvalid. [Alert.Check]
// says what else is wrong with it.
func Decode(document []byte) (*Alert, error) {
	if len(document) > maxDocument {
		return nil, fmt.Errorf("cap: larger than %d MB: %w", maxDocument>>20, hydro.ErrInvalid)
	}
	if err := checkShape(document); err != nil {
		return nil, fmt.Errorf("cap: %w: %w", err, hydro.ErrInvalid)
	}
	a := &Alert{}
	if err := xml.Unmarshal(document, a); err != nil {
		return nil, fmt.Errorf("cap: %w: %w", err, hydro.ErrInvalid)
	}
	return a, nil
}

// clean makes text fit for a message: no mark-up, no characters that XML cannot
// hold.
func clean(s string) string {
	s = strings.NewReplacer("<", "＜", ">", "＞", "\r\n", "\n", "\r", "\n").Replace(s)
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t', r >= ' ' && r <= 0xd7ff, r >= 0xe000 && r <= 0xfffd, r >= 0x10000:
			return r
		default:
			return -1
		}
	}, strings.ToValidUTF8(s, "")))
}
