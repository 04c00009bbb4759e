package sl651_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"freshet/ingest/sl651"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func TestSettingsAreCheckedWhole(t *testing.T) {
	const text = `unlisted: maybe
defaults:
  department: rivers
stations:
  - address: "00123"
    rain: PX
  - {address: "0012345678", department: water_resources, rain: PT, level: "38"}
  - address: "0012345678"
    department: hydrology
    array_start: late
    bases: {F5: 10, F6: 1, F4: 2}
    elements:
      - {element: PT, variable: rain_counter}
      - {element: ZB, variable: storage}
    ahead: soon
    zone: Local
    password: xyz
  - station: nameless
`
	_, err := sl651.ParseSettings("sl651.yaml", []byte(text))
	problems, ok := errors.AsType[catalog.Problems](err)
	if !ok || !errors.Is(err, hydro.ErrInvalid) {
		t.Fatalf("error %v", err)
	}
	all := problems.Error()
	for _, want := range []string{
		`sl651.yaml:1:11: unlisted: "maybe" is neither take nor refuse`,
		`sl651.yaml:3:15: defaults.department: "rivers" is no department`,
		`sl651.yaml:5:14: stations[0].address: "00123" is no address`,
		`sl651.yaml:6:11: stations[0].rain: "PX" is no element of rain`,
		`stations[1].rain: reports of the department water_resources cannot carry rain`,
		`stations[1].level: "38" is no element of the water level`,
		`sl651.yaml:8:14: stations[2].address: 0012345678 is listed twice`,
		`sl651.yaml:10:18: stations[2].array_start: "late" is not one of auto, first, end, hour`,
		`"F4" is no channel of relative levels`,
		`say under elements which sensor channel F6 is`,
		`name it under rain`,
		`reports of the department hydrology cannot carry storage`,
		`stations[2].ahead: "soon" is no duration`,
		`stations[2].zone: zone "Local"`,
		`write the password's four hexadecimal digits`,
		`stations[3].address: name the station's address`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("not told: %s", want)
		}
	}
	if t.Failed() {
		t.Log(all)
	}
}

func TestSettingsNeedADepartment(t *testing.T) {
	for _, text := range []string{"", "stations: []", "defaults: {datum: STATION}"} {
		if _, err := sl651.ParseSettings("f", []byte(text)); err == nil || !strings.Contains(err.Error(), "name the department") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"unlisted: refuse", hydrology, "x: 1", "a: [", "\x00"} {
		_, err := sl651.ParseSettings("f", []byte(text))
		if sound := text == "unlisted: refuse" || text == hydrology; sound != (err == nil) || err != nil && !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAStationTakesFromTheDefaultsWhatItDoesNotSay(t *testing.T) {
	s := settings(t, `
defaults: {department: hydrology, datum: PEARL_RIVER, rain: DRP, ahead: 1h}
unlisted: refuse
stations:
  - {address: "81100006", station: xinhui, rain: none, password: "12ab", elements: [{element: FF09, variable: discharge, factor: 0.5}]}
`)
	a, _ := sl651.ParseAddress("0081100006")
	st, ok := s.Of(a)
	if !ok || st.Name != "xinhui" || st.Datum != hydro.PearlRiver || st.Rain != 0 || st.Ahead != time.Hour || st.Department != hydro.Hydrology || *st.Password != 0x12AB {
		t.Fatalf("%+v, %v", st, ok)
	}
	f := sl651.Frame{Station: a, Password: 0x12AB}
	if err := s.Admit(&f); err != nil {
		t.Error(err)
	}
	f.Password = 0
	if err := s.Admit(&f); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("wrong password: %v", err)
	}
	f.Station[4]++
	if err := s.Admit(&f); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("unlisted station: %v", err)
	}
	if _, ok := s.Of(f.Station); ok {
		t.Error("an unlisted station was taken")
	}
}

func TestExtrasAreNotLost(t *testing.T) {
	r := report(t, hydrology, frameN1, time.Time{})
	got := map[string]float64{}
	for _, x := range r.Extras {
		got[x.Element.Name] = x.Value
	}
	same(t, map[string]float64{"PJ": 0, "PN05": 0, "VT": 12.85}, got)
	if r.Skew != 0 || r.Sent.IsZero() {
		t.Errorf("skew %v, sent %v", r.Skew, r.Sent)
	}
	// the same frame, for a station whose rain is another department's
	r = report(t, "defaults: {department: water_resources, datum: STATION}", frameN1, time.Time{})
	if len(r.Extras) != 4 || len(r.Raws) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestDischargeOfARiver(t *testing.T) {
	const frameB6 = "7E7E0100305037680000320033020A02260701060114F1F1003050376848F0F02607010600392300033660361B000110272B0000004320FF221B00011038121230032B97"
	r := report(t, hydrology, frameB6, time.Time{})
	same(t, []string{"06:00 4.32"}, values(r, hydro.Discharge))
	same(t, []string{"06:00 33.66"}, values(r, hydro.WaterLevel))
	if r.Raws[0].Datum != hydro.NoDatum && r.Raws[0].Variable == hydro.Discharge {
		t.Errorf("%+v", r.Raws[0])
	}
	r = report(t, "defaults: {department: hydrology, elements: [{element: FF22, variable: discharge, factor: 10}, {element: \"27\", variable: none}]}", frameB6, time.Time{})
	same(t, []string{"06:00 1.10"}, values(r, hydro.Discharge))
}

func TestGates(t *testing.T) {
	// GN 2, GH 1.25 m; GN 3, GH 444: shut; GN 4, GH 999: fully open, no height
	body := "0001" + "260701060100" + "F1F1" + "0012345678" + "5A" + "F0F02607010600" +
		"0A10" + "0002" + "091A" + "000125" + "0A10" + "0003" + "091A" + "044400" + "0A10" + "0004" + "091A" + "099900" + "3B23" + "00037865" + "3A23" + "00021000"
	frame := sl651.Frame{Centre: 1, Station: sl651.Address{0, 0x12, 0x34, 0x56, 0x78}, Function: sl651.Timer, Body: unhex(t, body), End: sl651.ETX}
	m, err := sl651.Parse(frame)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 7, 1, 6, 1, 0, 0, sl651.Beijing)
	r := settings(t, "defaults: {department: water_resources, datum: STATION}").Read(m, at)
	got := map[uint8]float64{}
	for _, raw := range r.Raws {
		if raw.Variable == hydro.GateOpening {
			got[raw.Sensor] = raw.Value
		}
	}
	same(t, map[uint8]float64{2: 1.25, 3: 0}, got)
	same(t, []string{"06:00 37.87"}, values(r, hydro.WaterLevel)) // above the dam; the level below is an extra
	r = settings(t, "defaults: {department: water_resources, datum: STATION, level: ZB}").Read(m, at)
	same(t, []string{"06:00 21.00"}, values(r, hydro.WaterLevel))

	// 4E: three gates, openings in cm
	frame.Function, frame.Body = sl651.ControlGates, unhex(t, "0001"+"260701060100"+"F1F1"+"0012345678"+"03"+"05"+"0125"+"0000"+"0310")
	if m, err = sl651.Parse(frame); err != nil {
		t.Fatal(err)
	}
	r = settings(t, "defaults: {department: water_resources, datum: STATION}").Read(m, at)
	same(t, []string{"06:01 1.25", "06:01 0.00", "06:01 3.10"}, values(r, hydro.GateOpening))
}

// A message may hold several stations: each is read under its own settings.
func TestSeveralStationsInOneMessage(t *testing.T) {
	body := "0001" + "260701060100" +
		"F1F1" + "0012345678" + "48" + "F0F02607010600" + "3923" + "00037865" +
		"F1F1" + "0087654321" + "48" + "F0F02607010555" + "3923" + "00001000"
	m, err := sl651.Parse(sl651.Frame{Function: sl651.Timer, Body: unhex(t, body), End: sl651.ETX})
	if err != nil {
		t.Fatal(err)
	}
	r := settings(t, "unlisted: refuse\ndefaults: {department: hydrology, datum: STATION}\nstations: [{address: \"0000000000\"}, {address: \"12345678\", station: a}, {address: \"87654321\", station: b, datum: PEARL_RIVER, zone: UTC}]").Read(m, time.Date(2026, 7, 1, 6, 1, 0, 0, time.UTC))
	if len(r.Raws) != 2 || r.Raws[0].Station != "a" || r.Raws[1].Station != "b" || r.Raws[1].Datum != hydro.PearlRiver || r.Raws[1].At.Hour() != 5 || r.Raws[0].At.Hour() != 22 {
		t.Fatalf("%+v %+v", r.Raws, r.Problems)
	}
	same(t, []hydro.Department{hydro.Hydrology}, r.Departments())
	r = settings(t, "defaults: {department: hydrology, datum: STATION}\nstations: [{address: \"87654321\", department: water_resources}]").Read(m, time.Date(2026, 7, 1, 6, 1, 0, 0, sl651.Beijing))
	same(t, []hydro.Department{hydro.Hydrology, hydro.WaterResources}, r.Departments())
	if a, b := r.Of(hydro.Hydrology), r.Of(hydro.WaterResources); len(a) != 1 || a[0].Station != "12345678" || len(b) != 1 || b[0].Station != "87654321" {
		t.Errorf("%+v, %+v", a, b)
	}
	r = settings(t, "unlisted: refuse\ndefaults: {department: hydrology}\nstations: [{address: \"0000000000\"}, {address: \"12345678\"}]").Read(m, time.Date(2026, 7, 1, 6, 1, 0, 0, sl651.Beijing))
	if len(r.Raws) != 1 {
		t.Fatalf("%+v", r.Raws)
	}
	find(t, r, hydro.UnknownStation, "0087654321")
}
