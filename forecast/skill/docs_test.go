package skill_test

import (
	"os"
	"strings"
	"testing"

	"freshet/forecast/skill"
)

func TestTheProfilesOfTheDocsAreThoseOfTheCode(t *testing.T) {
	data, err := os.ReadFile("../../docs/models/verification.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range skill.Profiles {
		if want := "<!-- " + p.ID + " -->\n\n" + p.Table(); !strings.Contains(string(data), want) {
			t.Errorf("docs/models/verification.md should have\n%s", want)
		}
	}
}
