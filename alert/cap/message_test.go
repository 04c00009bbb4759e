package cap_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"freshet/alert/cap"
	"freshet/internal/hydro"
)

// The schema of OASIS, by xmllint; deploy/install-xml.sh installs it.
func TestMessagesAreValidByTheSchemaOfOASIS(t *testing.T) {
	// Without a copy of the schema xmllint says only whether the documents are XML;
	// the checks of cap are made always.
	_, missing := os.Stat(schema)
	r := rules(t, "  status: Actual\n  scope: Restricted\n  restriction: for the drill\n  automatic: [blue, yellow]\n  expires: 6h\n  web: https://example.org/a?b=1&c=2\n  contact: 0750-1\n"+
		"  instructions: {blue: {zh: 注意 & 防范, en: Watch & wait}}\n")
	one, two := person("t1", "张三"), person("t2", "李四")
	var s cap.State
	now := noon
	do := func(c hydro.Command) {
		t.Helper()
		var err error
		if s, _, err = r.Do(s, now, c); err != nil {
			t.Fatal(err)
		}
	}
	for _, to := range []hydro.Stage{hydro.Blue, hydro.Red, hydro.Yellow, hydro.Clear, hydro.Blue} {
		for i, id := range []string{"a", "c"} {
			w := warning(now, id, hydro.Blind, to)
			if i == 1 {
				w.Forecast, w.Observed = w.Observed, hydro.Leg{}
				w.Forecast.At = now.Add(3 * time.Hour)
			}
			s, _ = r.Step(s, now, []hydro.Warning{w})
			if m := newest(t, s); m.Standing == cap.Draft {
				do(approve(m.ID(), one))
				do(approve(m.ID(), two))
			}
		}
		now = now.Add(5 * time.Hour) // longer than two thirds: renewed
		s, _ = r.Step(s, now, nil)
	}
	do(hydro.Command{ID: "c", Kind: hydro.Reject, Message: newest(t, s).ID(), By: one, Text: "an error"})
	dir := t.TempDir()
	args := []string{"--noout", "--nonet"}
	if missing == nil {
		args = append(args, "--schema", schema)
	}
	for i := range s.Messages {
		if err := s.Messages[i].Alert.Check(); err != nil {
			t.Error(err)
		}
		text, err := s.Messages[i].Alert.Encode()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, fmt.Sprintf("%02d.xml", i))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	if out, err := exec.Command("xmllint", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	types := map[string]int{}
	for i := range s.Messages {
		types[s.Messages[i].Alert.MsgType]++
	}
	if types["Alert"] < 2 || types["Update"] < 8 || types["Cancel"] < 1 {
		t.Errorf("too little was tried: %v", types)
	}
	if missing != nil {
		return
	}
	// The test would see a mistake: the schema wants no Z.
	bad := s.Messages[0].Alert
	bad.Sent = "2026-06-15T04:00:00Z"
	text, err := bad.Encode()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "bad.xml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if exec.Command("xmllint", append(args[:4:4], file)...).Run() == nil {
		t.Error("xmllint finds nothing wrong with a Z")
	}
}

// sound is a message as others write it: an update with two references, several
// areas, a signature at the end.
const sound = `<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>x-3</identifier><sender>s@example.org</sender><sent>2026-06-15T12:00:00-05:00</sent>
  <status>Actual</status><msgType>Update</msgType><source>desk</source><scope>Public</scope><code>p:1</code><code>p:2</code><note>n</note>
  <references>s@example.org,x-1,2026-06-15T10:00:00-05:00 s@example.org,x-2,2026-06-15T11:00:00-05:00</references>
  <info><language>en-US</language><category>Met</category><category>Geo</category><event>flood</event><responseType>AllClear</responseType>
    <urgency>Past</urgency><severity>Minor</severity><certainty>Observed</certainty><audience>all</audience>
    <eventCode><valueName>profile</valueName><value>flood</value></eventCode><expires>2026-06-15T13:00:00-05:00</expires><headline>ended &amp; over</headline>
    <resource><resourceDesc>map</resourceDesc><mimeType>image/png</mimeType></resource>
    <area><areaDesc>here</areaDesc><polygon>1,1 1,2 2,2 1,1</polygon><polygon>3,3 3,4 4,4 3,3</polygon><circle>1,1 0</circle><altitude>1</altitude><ceiling>2</ceiling></area>
    <area><areaDesc>there</areaDesc></area></info>
  <Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/></Signature>
</alert>`

func TestWhatIsWrongWithAMessageIsNamed(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"", "", ""},
		{"x-3", "x 3", "identifier"},
		{"<identifier>x-3", "<identifier>", "identifier"},
		{"<sender>s@", "<sender>s,", "sender"},
		{"12:00:00-05:00", "12:00:00Z", "sent"},
		{"12:00:00-05:00", "12:00:00.5-05:00", "sent"},
		{"2026-06-15T12:00:00-05:00", "2026-02-30T12:00:00-05:00", "sent"},
		{"Actual", "Real", "status"},
		{"<msgType>Update", "<msgType>update", "msgType"},
		{"Public", "Restricted", "restriction: missing"},
		{"Public", "Private", "addresses: missing"},
		{"</scope>", "</scope><restriction>r</restriction>", "restriction: only"},
		{"s@example.org,x-1,2026-06-15T10:00:00-05:00 s@example.org,x-2,2026-06-15T11:00:00-05:00", "", "references: missing"},
		{"s@example.org,x-1,", "s@example.org,x-3,", "names itself"},
		{",x-1,2026-06-15T10", ",x-1,2026-06-15T13", "after this message"},
		{"s@example.org,x-1,", "x-1,", "no sender,identifier,sent"},
		{",x-2,2026-06-15T11", ",x-1,2026-06-15T10", "twice"},
		{"<category>Geo", "<category>Flood", "category"},
		{"AllClear", "Run", "responseType"},
		{"<urgency>Past", "<urgency>Soon", "urgency"},
		{"<severity>Minor", "<severity>Red", "severity"},
		{"<certainty>Observed", "<certainty>Very Likely", "certainty"},
		{"13:00:00-05:00", "11:00:00-05:00", "expires"},
		{"ended &amp; over", "&lt;b&gt;ended&lt;/b&gt;", "mark-up"},
		{"1,1 1,2 2,2 1,1", "1,1 1,2 2,2 2,1", "not closed"},
		{"1,1 1,2 2,2 1,1", "1,1 1,2 1,1", "3 points"},
		{"1,1 1,2 2,2 1,1", "1,1 2,2 1,2 2,1 1,1", "crosses itself"},
		{"1,1 1,2 2,2 1,1", "1,1 1,200 2,2 1,1", "no lat,lon"},
		{"1,1 1,2 2,2 1,1", "1,1 1,NaN 2,2 1,1", "no lat,lon"},
		{"<circle>1,1 0", "<circle>1,1", "circle"},
		{"<circle>1,1 0", "<circle>1,1 -1", "circle"},
		{"<altitude>1</altitude>", "", "ceiling"},
		{"<language>en-US", "<language>en_US", "language"},
		{"<areaDesc>there", "<areaDesc>", "areaDesc"},
		{"</info>", "</info><info><language>zh-CN</language><category>Met</category><event>flood</event><urgency>Past</urgency><severity>Minor</severity><certainty>Observed</certainty></info>", "another language"},
		// of shape
		{"<status>Actual</status>", "", "<status>"},
		{"<scope>Public</scope>", "", "<scope>"},
		{"<sent>", "<status>Actual</status><sent>", "<sent>"},
		{"<msgType>", "<colour>red</colour><msgType>", "<colour>"},
		{"<note>n</note>", "<note>n</note><note>m</note>", "twice"},
		{"<event>flood</event>", "", "<event>"},
		{"<areaDesc>there</areaDesc>", "", "<areaDesc>"},
		{"urn:oasis:names:tc:emergency:cap:1.2", "urn:oasis:names:tc:emergency:cap:1.1", "name space"},
		{"<alert ", "<!DOCTYPE alert [<!ENTITY a \"b\">]><alert ", "document type"},
		{"</alert>", "text</alert>", "text in <alert>"},
		{"</alert>", "", "EOF"},
		{"</alert>", "</alert><alert xmlns=\"urn:oasis:names:tc:emergency:cap:1.2\"/>", "one <alert>"},
	} {
		text := strings.Replace(sound, c.old, c.new, 1)
		a, err := cap.Decode([]byte(text))
		var problems []string
		if err != nil {
			if !errors.Is(err, hydro.ErrInvalid) {
				t.Errorf("%q: %v is no ErrInvalid", c.new, err)
			}
			problems = []string{err.Error()}
		} else {
			problems = a.Check()
		}
		if c.want == "" && len(problems) > 0 || c.want != "" && (len(problems) == 0 || !strings.Contains(strings.Join(problems, "\n"), c.want)) {
			t.Errorf("%q for %q: found %q, want %q", c.new, c.old, problems, c.want)
		}
	}
	if _, err := cap.Decode(nil); err == nil {
		t.Error("nothing is a message")
	}
	if _, err := cap.Decode(make([]byte, 5<<20)); err == nil {
		t.Error("5 MB are a message")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte(`<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>a</identifier></alert>`))
	f.Fuzz(func(t *testing.T, document []byte) {
		a, err := cap.Decode(document)
		if err != nil {
			return
		}
		a.Check()
		text, err := a.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := cap.Decode([]byte(text))
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if diff := cmp.Diff(a, back, cmpopts.IgnoreFields(cap.Alert{}, "XMLName"), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("written and read (-was +is):\n%s", diff)
		}
	})
}
