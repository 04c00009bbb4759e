package calibration_test

import (
	"os"
	"strings"
	"testing"

	"freshet/internal/calibration"
)

func TestTheBoundsOfTheDocsAreThoseOfTheCode(t *testing.T) {
	data, err := os.ReadFile("../../docs/models/calibration.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "<!-- bounds -->\n\n" + calibration.BoundsTable(); !strings.Contains(string(data), want) {
		t.Errorf("docs/models/calibration.md should have\n%s", want)
	}
}
