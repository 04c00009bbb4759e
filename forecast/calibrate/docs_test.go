package calibrate_test

import (
	"os"
	"strings"
	"testing"

	"freshet/forecast/calibrate"
	"freshet/forecast/param"
	"freshet/forecast/routing"
)

func TestTheDocsOfCalibrationAreThoseOfTheCode(t *testing.T) {
	data, err := os.ReadFile("../../docs/models/calibration.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "<!-- nonlinear -->\n\n" + param.Table(routing.NonlinearParams); !strings.Contains(string(data), want) {
		t.Errorf("docs/models/calibration.md should have\n%s", want)
	}
	for _, m := range calibrate.Measures {
		if !strings.Contains(string(data), "\n    "+m.Name+" ") {
			t.Errorf("docs/models/calibration.md should say what %s is", m.Name)
		}
	}
}
