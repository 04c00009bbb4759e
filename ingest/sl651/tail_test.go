package sl651_test

import (
	"strings"
	"testing"

	"freshet/ingest/sl651"
)

func TestDataWithoutIdentifiersAreNamed(t *testing.T) {
	const station = "0001" + "260701060100" + "F1F1" + "0012345678"
	for _, c := range []struct {
		name     string
		function sl651.Function
		tail     string
		want     string
	}{
		{"version", sl651.QueryVersion, "0556312E3037", `software version "V1.07"`},
		{"pumps", sl651.ControlPumps, "0105", "pump 1 on, pump 2 off, pump 3 on, pump 4 off, pump 5 off, pump 6 off, pump 7 off, pump 8 off"},
		{"valves", sl651.ControlValves, "0180", "valve 1 shut, valve 2 shut, valve 3 shut, valve 4 shut, valve 5 shut, valve 6 shut, valve 7 shut, valve 8 open"},
		{"gates", sl651.ControlGates, "03" + "05" + "0125" + "0000" + "0310", "gate 1 open 1.25 m, gate 2 shut 0.00 m, gate 3 open 3.10 m"},
		{"volume", sl651.ControlVolume, "FF", "fixed-volume control on"},
		{"events", sl651.QueryEvents, "0000" + "0003" + strings.Repeat("0000", 9) + "0102" + strings.Repeat("0000", 20), "ERC2 parameters changed 3, ERC12 level alarms 258"},
		{"no form", sl651.ControlPumps, "0905", "0905"},
	} {
		f := sl651.Frame{Centre: 1, Station: sl651.Address{0, 0x12, 0x34, 0x56, 0x78}, Function: c.function, Body: unhex(t, station+c.tail), End: sl651.ETX}
		raw, err := f.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		x := sl651.Explain(raw)
		if x.Fault != nil || len(x.Fields) < 4 {
			t.Fatalf("%s: %+v", c.name, x)
		}
		if got := x.Fields[len(x.Fields)-3]; got.EN != "data" || got.ValueEN != c.want {
			t.Errorf("%s: %q: %q", c.name, got.EN, got.ValueEN)
		}
	}
}
