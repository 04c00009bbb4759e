package auth_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"freshet/internal/auth"
	"freshet/internal/hydro"
)

func TestAFileOfMembersIsReadWholeAndMistakesArePlaced(t *testing.T) {
	good := "name: email\nmembers:\n- {claim: groups, value: flood, role: officer, department: weather}\n- claim: groups\n  value: admins\n  role: admin\ndenied: [someone]\n"
	if err := auth.ParseMembers("m.yaml", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		"": {"m.yaml: members: nobody could sign in"},
		"members:\n- {claim: groups, value: flood, role: king}\n- {claim: groups, role: gateway, department: navy}\ndenied: ['']\n": {
			`m.yaml:2:39: role: "king" is none of officer, briefing, admin`,
			`m.yaml:3:3: needs a claim and the value`,
			`m.yaml:3:25: role: a gateway has a token`,
			`m.yaml:3:46: department: "navy" is none of`,
			`m.yaml:4:10: empty`,
		},
		"members:\n- {claim: groups, values: flood}\n": {"m.yaml:2:19: "},
		"members: [": {"m.yaml:1:"},
	} {
		err := auth.ParseMembers("m.yaml", []byte(text))
		if !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		for _, w := range want {
			found := false
			for _, l := range lines {
				found = found || strings.HasPrefix(l, w)
			}
			if !found {
				t.Errorf("%q: no line %q in\n%v", text, w, err)
			}
		}
		if diff := cmp.Diff(len(want), len(lines)); diff != "" && !strings.Contains(text, "[") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzMembers(f *testing.F) {
	f.Add([]byte("members:\n- {claim: groups, value: flood, role: officer, department: weather}\n"))
	f.Add([]byte("denied: ['']\nmembers:\n- {claim: groups, role: gateway, department: navy}\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := auth.ParseMembers("m.yaml", data); err != nil && !errors.Is(err, hydro.ErrInvalid) {
			t.Fatalf("of no kind: %v", err)
		}
	})
}
