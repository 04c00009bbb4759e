package cap

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The words that CAP allows.
var (
	statuses   = []string{"Actual", "Exercise", "System", "Test", "Draft"}
	msgTypes   = []string{"Alert", "Update", "Cancel", "Ack", "Error"}
	scopes     = []string{"Public", "Restricted", "Private"}
	categories = []string{"Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"}
	responses  = []string{"Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"}
	urgencies  = []string{"Immediate", "Expected", "Future", "Past", "Unknown"}
	severities = []string{"Extreme", "Severe", "Moderate", "Minor", "Unknown"}
	certainty  = []string{"Observed", "Likely", "Possible", "Unlikely", "Unknown"}
)

var (
	nameForm = regexp.MustCompile(`^[^ ,<&\s]+$`)
	timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d$`)
	langForm = regexp.MustCompile(`^[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*$`)
	markup   = regexp.MustCompile(`(?i)</?[a-z][^>]*>|&(lt|gt|amp|nbsp|#\d+);`)
)

// A checker collects what is wrong.
type checker struct {
	sent  time.Time
	found []string
}

func (c *checker) fail(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// Check returns what is wrong with a, each with its place and what would be
// right; nothing if all is well. It asks for more than the schema does: for
// references where something is replaced, for closed polygons, and for what
// [CAP] says in words only.
func (a *Alert) Check() []string {
	c := &checker{}
	for _, n := range []struct{ name, value string }{{"identifier", a.Identifier}, {"sender", a.Sender}} {
		if !nameForm.MatchString(n.value) {
			c.fail("%s: %q: must not be empty or hold a space, comma, < or &", n.name, n.value)
		}
	}
	c.sent, _ = c.instant("sent", a.Sent, true)
	c.word("status", a.Status, statuses)
	c.word("msgType", a.MsgType, msgTypes)
	c.word("scope", a.Scope, scopes)
	switch {
	case a.Scope == "Restricted" && a.Restriction == "":
		c.fail("restriction: missing: a message of scope Restricted says whom it is for")
	case a.Scope != "Restricted" && a.Restriction != "":
		c.fail("restriction: only a message of scope Restricted has one; this one is %s", a.Scope)
	}
	if a.Scope == "Private" && a.Addresses == "" {
		c.fail("addresses: missing: a message of scope Private names whom it goes to")
	}
	c.references(a)
	c.plain("note", a.Note)
	if len(a.Infos) == 0 && (a.MsgType == "Alert" || a.MsgType == "Update") {
		c.fail("info: missing: a message of type %s says what is the matter", a.MsgType)
	}
	for i := range a.Infos {
		c.info(fmt.Sprintf("info[%d].", i), &a.Infos[i])
	}
	c.languages(a.Infos)
	return c.found
}

func (c *checker) word(at, value string, words []string) {
	if !slices.Contains(words, value) {
		c.fail("%s: %q is none of %s", at, value, strings.Join(words, ", "))
	}
}

func (c *checker) instant(at, value string, needed bool) (time.Time, bool) {
	if value == "" && !needed {
		return time.Time{}, false
	}
	t, err := time.Parse(timeLayout, value)
	if !timeForm.MatchString(value) || err != nil {
		c.fail("%s: %q: write 2026-06-15T12:00:00+08:00, without Z and without fractions of a second", at, value)
		return time.Time{}, false
	}
	return t, true
}

// references: [CAP] 3.2.1; a message that replaces others names them all.
func (c *checker) references(a *Alert) {
	refs := strings.Fields(a.References)
	if len(refs) == 0 && a.MsgType != "Alert" && slices.Contains(msgTypes, a.MsgType) {
		c.fail("references: missing: a message of type %s names what it is about, as sender,identifier,sent", a.MsgType)
	}
	seen := map[string]bool{}
	for i, ref := range refs {
		at := fmt.Sprintf("references[%d]", i)
		parts := strings.Split(ref, ",")
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
			c.fail("%s: %q is no sender,identifier,sent", at, ref)
			continue
		}
		if seen[ref] {
			c.fail("%s: %q twice", at, ref)
		}
		seen[ref] = true
		if parts[0] == a.Sender && parts[1] == a.Identifier {
			c.fail("%s: the message names itself", at)
		}
		if t, ok := c.instant(at, parts[2], true); ok && t.After(c.sent) {
			c.fail("%s: sent at %s, after this message, %s", at, parts[2], a.Sent)
		}
	}
}

// plain: text is text, and no mark-up.
func (c *checker) plain(at, text string) {
	if m := markup.FindString(text); m != "" {
		c.fail("%s: holds mark-up, %q: write plain text", at, m)
	}
}

func (c *checker) info(at string, in *Info) {
	if in.Language != "" && !langForm.MatchString(in.Language) {
		c.fail("%slanguage: %q is no language such as zh-CN", at, in.Language)
	}
	if len(in.Categories) == 0 {
		c.fail("%scategory: missing", at)
	}
	for _, w := range in.Categories {
		c.word(at+"category", w, categories)
	}
	for _, w := range in.ResponseTypes {
		c.word(at+"responseType", w, responses)
	}
	if in.Event == "" {
		c.fail("%sevent: missing", at)
	}
	c.word(at+"urgency", in.Urgency, urgencies)
	c.word(at+"severity", in.Severity, severities)
	c.word(at+"certainty", in.Certainty, certainty)
	_, _ = c.instant(at+"effective", in.Effective, false)
	onset, hasOnset := c.instant(at+"onset", in.Onset, false)
	if expires, ok := c.instant(at+"expires", in.Expires, false); ok {
		if !expires.After(c.sent) {
			c.fail("%sexpires: %s is not after sent", at, in.Expires)
		}
		if hasOnset && !expires.After(onset) {
			c.fail("%sexpires: %s is not after onset", at, in.Expires)
		}
	}
	for _, t := range []struct{ name, text string }{
		{"event", in.Event}, {"senderName", in.SenderName}, {"headline", in.Headline}, {"description", in.Description},
		{"instruction", in.Instruction}, {"contact", in.Contact},
	} {
		c.plain(at+t.name, t.text)
	}
	for i, p := range in.Parameters {
		if p.Name == "" {
			c.fail("%sparameter[%d]: without a name", at, i)
		}
	}
	for i := range in.Areas {
		c.area(fmt.Sprintf("%sarea[%d].", at, i), &in.Areas[i])
	}
}

func (c *checker) area(at string, a *Area) {
	if a.Desc == "" {
		c.fail("%sareaDesc: missing", at)
	}
	if a.Ceiling != "" && a.Altitude == "" {
		c.fail("%sceiling: needs an altitude", at)
	}
	for i, p := range a.Polygons {
		c.polygon(fmt.Sprintf("%spolygon[%d]", at, i), p)
	}
	for i, s := range a.Circles {
		at := fmt.Sprintf("%scircle[%d]", at, i)
		centre, radius, ok := strings.Cut(s, " ")
		r, err := strconv.ParseFloat(radius, 64)
		if _, valid := point(centre); !ok || !valid || err != nil || !(r >= 0) || math.IsInf(r, 0) {
			c.fail("%s: %q is no lat,lon radius, in degrees of WGS84 and km", at, s)
		}
	}
}

func (c *checker) polygon(at, s string) {
	var ring [][2]float64
	for pair := range strings.FieldsSeq(s) {
		p, ok := point(pair)
		if !ok {
			c.fail("%s: %q is no lat,lon in degrees of WGS84", at, pair)
			return
		}
		ring = append(ring, p)
	}
	switch {
	case len(ring) < 4:
		c.fail("%s: %d points: give four or more, the last equal to the first", at, len(ring))
	case ring[0] != ring[len(ring)-1]:
		c.fail("%s: not closed: the last point must be the first, %s", at, strings.Fields(s)[0])
	case crosses(ring):
		c.fail("%s: crosses itself", at)
	}
}

func point(s string) (p [2]float64, ok bool) {
	lat, lon, found := strings.Cut(s, ",")
	y, err1 := strconv.ParseFloat(lat, 64)
	x, err2 := strconv.ParseFloat(lon, 64)
	ok = found && err1 == nil && err2 == nil && math.Abs(y) <= 90 && math.Abs(x) <= 180
	return [2]float64{y, x}, ok
}

// crosses reports whether two sides of a closed ring meet other than where one
// follows the other.
func crosses(ring [][2]float64) bool {
	n := len(ring) - 1
	for i := range n {
		for j := i + 2; j < n; j++ {
			if (i != 0 || j != n-1) && meet(ring[i], ring[i+1], ring[j], ring[j+1]) {
				return true
			}
		}
	}
	return false
}

// meet reports whether the segments ab and cd have a point in common.
func meet(a, b, c, d [2]float64) bool {
	d1, d2, d3, d4 := side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)
	if d1*d2 < 0 && d3*d4 < 0 {
		return true
	}
	return d1 == 0 && within(a, b, c) || d2 == 0 && within(a, b, d) || d3 == 0 && within(c, d, a) || d4 == 0 && within(c, d, b)
}

// side is on which side of ab p lies.
func side(a, b, p [2]float64) float64 {
	return (b[0]-a[0])*(p[1]-a[1]) - (b[1]-a[1])*(p[0]-a[0])
}

// within reports whether p, which lies on the line ab, lies between them.
func within(a, b, p [2]float64) bool {
	return min(a[0], b[0]) <= p[0] && p[0] <= max(a[0], b[0]) && min(a[1], b[1]) <= p[1] && p[1] <= max(a[1], b[1])
}

// languages: the same words in two languages are words in one of them.
func (c *checker) languages(infos []Info) {
	for i := range infos {
		for j := range i {
			a, b := &infos[j], &infos[i]
			if strings.EqualFold(a.Language, b.Language) {
				continue
			}
			for _, t := range []struct{ name, a, b string }{
				{"event", a.Event, b.Event}, {"headline", a.Headline, b.Headline}, {"description", a.Description, b.Description},
				{"instruction", a.Instruction, b.Instruction},
			} {
				if t.a != "" && t.a == t.b {
					c.fail("info[%d].%s: the same text as in info[%d], in another language", i, t.name, j)
				}
			}
		}
	}
}
