package duty_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"freshet/alert/duty"
)

var update = flag.Bool("update", false, "write the tables of docs/models/duty.md")

const (
	doc   = "../../docs/models/duty.md"
	begin = "<!-- begin: written by go test ./alert/duty -update -->\n"
	end   = "<!-- end -->\n"
)

// tables is what the document says of the state machine.
func tables() string {
	var b strings.Builder
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	head, rule := []string{"trigger"}, []string{"---"}
	for _, s := range duty.Statuses {
		head, rule = append(head, s.ZH()+" `"+s.String()+"`"), append(rule, "---")
	}
	row(head)
	row(rule)
	refusals, order := map[string][]string{}, []string(nil)
	for _, t := range duty.Triggers {
		name := t.String()
		if c := t.Command(); c != "" {
			name = "command `" + c + "`"
		}
		cells := []string{name}
		for _, s := range duty.Statuses {
			to, zh, en := duty.Next(s, t)
			switch to {
			case duty.Never:
				to = "–"
			case duty.Resumes:
				to = "→ *resumes*"
			case duty.Refused:
				to = "refused"
				text := zh + " / " + en
				if refusals[text] == nil {
					order = append(order, text)
				}
				refusals[text] = append(refusals[text], "`"+t.Command()+"` in `"+s.String()+"`")
			default:
				to = "→ `" + to + "`"
			}
			cells = append(cells, to)
		}
		row(cells)
	}
	b.WriteString("\n| refused | because |\n|---|---|\n")
	for _, text := range order {
		row([]string{strings.Join(refusals[text], ", "), text})
	}
	return b.String()
}

func TestTheDocumentShowsTheTable(t *testing.T) {
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	held, after, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		t.Fatalf("%s has no place for the tables: %s…%s", doc, begin, end)
	}
	if *update {
		if err := os.WriteFile(doc, bytes.Join([][]byte{before, []byte(begin), []byte(tables()), []byte(end), after}, nil), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(held) != tables() {
		t.Errorf("%s does not show the table of the code: run go test ./alert/duty -update", doc)
	}
}
