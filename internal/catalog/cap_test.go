package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const capSection = `cap:
  sender: flood@example.org
  sender_name: {zh: 中, en: C}
  automatic: [blue, yellow]
  expires: 12h
  gbt35965_units: {b: "44078300000000"}
  instructions: {red: {zh: 走, en: Go}, blue: 看}
`

func TestACAPSectionIsRead(t *testing.T) {
	c, problems := load(strings.Replace(small, "kind: level, basin: b, at: [112, 22],", "kind: level, basin: b, area: [[112, 22], [112, 23], [113, 22], [112, 22]], at: [112, 22],", 1) + capSection)
	if len(problems) > 0 {
		t.Fatal(catalog.Problems(problems))
	}
	want := &catalog.CAP{
		Sender: "flood@example.org", SenderNameZH: "中", SenderNameEN: "C", Status: "Test", Scope: "Public", MinStage: hydro.Blue,
		Automatic: []hydro.Stage{hydro.Blue, hydro.Yellow}, Expires: 12 * time.Hour, Radius: 5, Units: []catalog.CAPUnit{{Basin: "b", Code: "44078300000000"}},
		Instructions: []catalog.CAPInstruction{{Stage: hydro.Blue, ZH: "看", EN: "看"}, {Stage: hydro.Red, ZH: "走", EN: "Go"}},
	}
	if diff := cmp.Diff(want, c.CAP); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if s, _ := c.Station("a"); !cmp.Equal(s.Area, [][2]float64{{112, 22}, {112, 23}, {113, 22}}) {
		t.Errorf("area %v", s.Area)
	}
	if c, _ := load(small); c.CAP != nil {
		t.Error("messages that nobody asked for")
	}
}

func TestMistakesInCAPAreNamed(t *testing.T) {
	const station = "id: a, name: A, department: hydrology, codes: [X1],"
	for _, c := range []struct{ name, old, new, want string }{
		{"sender", "sender: flood@example.org", "sender: a b", `sender: "a b": write a domain`},
		{"no sender", "  sender: flood@example.org\n", "", "sender: missing"},
		{"status", "  expires", "  status: Real\n  expires", `status: "Real" is none of`},
		{"restriction", "  expires", "  restriction: us\n  expires", "restriction: a message of scope Restricted"},
		{"automatic red", "[blue, yellow]", "[blue, red]", "automatic: red goes out when two persons"},
		{"automatic orange", "[blue, yellow]", "[orange]", "automatic: orange goes out when two persons"},
		{"automatic nonsense", "[blue, yellow]", "[green]", `automatic: "green" is neither`},
		{"expires", "12h", "1m", "expires"},
		{"unit", `"44078300000000"`, `"440783"`, "14 characters"},
		{"basin", `{b: "44`, `{x: "44`, `no basin "x"`},
		{"instruction", "{red: {", "{pink: {", `unknown key "pink"`},
		{"unknown", "  expires", "  expire: 1h\n  expires", `unknown key "expire"`},
		{"min stage", "  expires", "  min_stage: blind\n  expires", "min_stage"},
		{"Actual of illustrative numbers", "catalog: {name: small,", "catalog: {name: small, illustrative: numbers are made up,", ""},
		{"area of two", station, station + " area: [[112, 22], [113, 22]],", "area: 2 corners"},
		{"area that crosses itself", station, station + " area: [[112, 22], [113, 23], [113, 22], [112, 23]],", "area: crosses itself"},
	} {
		text := small + capSection
		if strings.Count(text, c.old) != 1 {
			t.Fatalf("%s: %q stands %d times in the catalogue", c.name, c.old, strings.Count(text, c.old))
		}
		text = strings.Replace(text, c.old, c.new, 1)
		if c.want == "" {
			if _, problems := load(text); len(problems) > 0 {
				t.Errorf("%s: %v", c.name, catalog.Problems(problems))
			}
			c.want = "status: Actual: this catalogue is marked illustrative"
			text += "  status: Actual\n"
		}
		_, problems := load(text)
		if len(problems) == 0 || !strings.Contains(catalog.Problems(problems).Error(), c.want) {
			t.Errorf("%s: no %q in %v", c.name, c.want, catalog.Problems(problems))
		}
		for _, p := range problems {
			if p.Line == 0 || p.Column == 0 {
				t.Errorf("%s: no place: %v", c.name, p)
			}
		}
	}
}
