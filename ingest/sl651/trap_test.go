package sl651_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/ingest/sl651"
	"freshet/internal/hydro"
)

// settings parses a YAML text that must be sound.
func settings(t testing.TB, text string) *sl651.Settings {
	t.Helper()
	s, err := sl651.ParseSettings("sl651.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const hydrology = "defaults: {department: hydrology, datum: PEARL_RIVER}\n"

// report reads a frame given in hexadecimal under settings, received at the send
// time if no other is given.
func report(t testing.TB, text, frame string, received time.Time) sl651.Report {
	t.Helper()
	f, _, err := sl651.DecodeFrame(unhex(t, frame))
	if err != nil {
		t.Fatal(err)
	}
	m, err := sl651.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	if received.IsZero() {
		received, _ = m.Sent.Time(sl651.Beijing)
	}
	return settings(t, text).Read(m, received)
}

// values writes the readings of a variable, in the order of their times.
func values(r sl651.Report, v hydro.Variable) []string {
	out := []string{}
	for _, raw := range r.Raws {
		if raw.Variable == v {
			text := raw.At.In(sl651.Beijing).Format("15:04") + fmt.Sprintf(" %.2f", raw.Value)
			out = append(out, text)
		}
	}
	return out
}

func find(t testing.TB, r sl651.Report, reason hydro.RefusalReason, text string) sl651.Problem {
	t.Helper()
	for _, p := range r.Problems {
		if p.Reason == reason && strings.Contains(p.Message, text) {
			return p
		}
	}
	t.Fatalf("no problem %v that says %q in %+v", reason, text, r.Problems)
	return sl651.Problem{}
}

func same(t testing.TB, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

const (
	frameS2 = "7E7E010012345678123430002B020003591011154947F1F1001234567848F0F0591011154920190000052619000005392300000127381211150320FA"
	frameT5 = "7E7E05001122334403E8340068020033170718110014F1F1001122334448F0F01707181005F4600500000014FFFFFFFFFF0000F0F017071811002619000040F0F01707181005F5C0000C000C001C00310031FFFFFFFFFFFFFFFFFFFF00310031F0F0170718110039230001049020190000403812109903F502"
	frameB4 = "7E7E100030700300123434004E02BE3F260701060000F1F1003070030048F0F02607010600F460000000000000000000000000F5C001AC01AC01AC01AC01AC01AC01AC01AC01AC01AC01AC01AC26190000003923000042803812137003F8F7"
	frameB5 = "7E7E000081100006FFFF34003B0225B7260701063004F1F1008110000648F0F02607010630F5C0006B006B006B006B006B006B006B000000000000000000003923000010803812120003AE6E"
	frameD3 = "7E7EFF8004040135123434005702070B220926093001F1F1800404013548F0F02209260930F460000000000000FFFFFFFFFFFFF5C0FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF261900234520190000001A19000000391AFFFFFF381213380334E6"
	frameF1 = "7E7E100012345678123434003A020003140612020000F1F1001234567848F0F01406120200F55C0AAA0AAAFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF391A0027303812129003ADF7"
	frameD1 = "7E7E011122334455AAAA320032020003240109153000F1F1112233445548F0F02401091530221900000020190000353923AAAAAAAAFF11230000000838121244030827"
	frameK1 = "7E7E000010000000C95932002B0224F3200314191856F1F1001000000050F0F020031419183923099999992019000000261900000038122400035E89"
	frameS3 = "7E7E62004455667704D231004E02007E140121170015F1F1004455667748F0F014012116050418000000392300002001000021180000214000002139000021440000216800002203000022130000223300002236000022620000227103A3BE"
	frameS5 = "7E7E62004455667704D234006802007D140121170010F1F1004455667748F0F01401211605F4600A05050A000F050A0A0A0A0AF0F014012117002619000110F0F01401211605F5C00064006F007200710072007400780079007B007B007E007FF0F01401211700201900011039230000227138121153030111"
	frameN1 = "7E7E2500418D23370000320030020C06230601010314F1F100418D23374BF0F0230601010020190000003B23000378652219000000261900000038121285035AC6"
)

// reseal gives a frame that was changed on purpose the check of its new bytes.
func reseal(t testing.TB, frame string) string {
	t.Helper()
	raw := unhex(t, frame)
	crc := sl651.CRC(raw[:len(raw)-2])
	return fmt.Sprintf("%X%04X", raw[:len(raw)-2], crc)
}

// A clock that says 2059: nothing is stored in the future, and the message says
// when it really came.
func TestTrapYear59(t *testing.T) {
	timer := reseal(t, strings.Replace(frameS2, "123430", "123432", 1)) // a timer report: the test report has no readings
	received := time.Date(2026, 6, 1, 8, 0, 0, 0, sl651.Beijing)
	r := report(t, hydrology, timer, received)
	if len(r.Raws) != 0 {
		t.Fatalf("readings %+v", r.Raws)
	}
	p := find(t, r, hydro.TimeInFuture, "received 2026-06-01 08:00:00")
	if p.Element != "26 PT" || p.Value != 0.5 {
		t.Errorf("%+v", p)
	}
	find(t, r, hydro.TimeInFuture, "39 Z")

	r = report(t, "defaults: {department: hydrology, datum: PEARL_RIVER, clock: receive}", timer, received)
	same(t, []string{"07:59 0.13"}, values(r, hydro.WaterLevel)) // sent 47 s after it was observed
	find(t, r, 0, "by the receive time")

	r = report(t, "defaults: {department: hydrology, rain: P1, clock: receive}", reseal(t, strings.Replace(timer, "2019000005", "1A19000005", 1)), received)
	same(t, []string{}, values(r, hydro.Rain)) // an amount is not moved: sent again it would count twice
	find(t, r, hydro.TimeInFuture, "1A P1")
}

func TestTrapArrayStartStandard(t *testing.T) {
	r := report(t, "defaults: {department: hydrology, datum: STATION, rain: DRP, bases: {F5: 10.0}}", frameT5, time.Time{})
	same(t, []string{"10:05 0.50", "10:10 0.00", "10:15 0.00", "10:20 0.00", "10:25 2.00", "10:55 0.00", "11:00 0.00"}, values(r, hydro.Rain))
	same(t, []string{"11:00 10.49", "10:05 10.12", "10:10 10.12", "10:15 10.28", "10:20 10.49", "10:25 10.49", "10:55 10.49"}, values(r, hydro.WaterLevel))
	for _, raw := range r.Raws {
		if raw.Variable == hydro.Rain && raw.Interval != 5*time.Minute || raw.Variable == hydro.WaterLevel && raw.Datum != hydro.StationDatum {
			t.Errorf("%+v", raw)
		}
	}
	r = report(t, "defaults: {department: hydrology, datum: STATION, rain: DRP, bases: {F5: 1.0}}", frameS5, time.Time{})
	sum := 0.0
	for _, raw := range r.Raws {
		if raw.Variable == hydro.Rain {
			sum += raw.Value
		}
	}
	if math.Abs(sum-10) > 1e-9 {
		t.Errorf("rain of the hour %g mm, want 10.0", sum)
	}
}

func TestTrapArrayStartGuangdong(t *testing.T) {
	r := report(t, "defaults: {department: hydrology, datum: STATION, rain: DRP, bases: {F5: 0}}", frameB4, time.Time{})
	got := values(r, hydro.Rain)
	if len(got) != 12 || got[0] != "05:05 0.00" || got[11] != "06:00 0.00" {
		t.Errorf("%v", got)
	}
	levels := values(r, hydro.WaterLevel)
	if len(levels) != 12 || levels[1] != "05:05 4.28" || levels[11] != "05:55 4.28" || levels[0] != "06:00 4.28" {
		t.Errorf("%v", levels)
	}
}

func TestTrapArrayStartWithinTheHour(t *testing.T) {
	r := report(t, "defaults: {department: hydrology, datum: STATION, rain: DRP, bases: {F5: 0}}", frameB5, time.Time{})
	same(t, []string{"06:30 1.08", "06:00 1.07", "06:05 1.07", "06:10 1.07", "06:15 1.07", "06:20 1.07", "06:25 1.07"}, values(r, hydro.WaterLevel))
	r = report(t, "defaults: {department: hydrology, datum: STATION, rain: DRP, bases: {F5: 0}}", frameD3, time.Time{})
	same(t, []string{"09:05 0.00", "09:10 0.00", "09:15 0.00", "09:20 0.00", "09:25 0.00", "09:30 0.00"}, values(r, hydro.Rain))
	// rain that a station writes behind the present is not taken
	r = report(t, "defaults: {department: hydrology, rain: DRP}", reseal(t, strings.Replace(frameD3, "F460000000000000FF", "F46000000000000007", 1)), time.Time{})
	find(t, r, hydro.TimeInFuture, "value 7 of 12")
}

func TestTrapArrayStartThatCannotBeTold(t *testing.T) {
	late := reseal(t, strings.Replace(frameB4, "BE3F260701060000", "BE3F260701063500", 1)) // observed 06:00, sent 06:35
	r := report(t, "defaults: {department: hydrology, datum: STATION, rain: DRP}", late, time.Time{})
	same(t, []string{}, values(r, hydro.Rain))
	find(t, r, hydro.TimeMissing, "set array_start")
	for rule, want := range map[string]string{"first": "06:00 0.00", "end": "05:05 0.00"} {
		r = report(t, "defaults: {department: hydrology, rain: DRP, array_start: "+rule+"}", late, time.Date(2026, 7, 1, 7, 0, 0, 0, sl651.Beijing))
		if got := values(r, hydro.Rain); len(got) != 12 || got[0] != want {
			t.Errorf("%s: %v, want it to begin with %s", rule, got, want)
		}
	}
}

func TestTrapZeroLevelSlots(t *testing.T) {
	text := "defaults: {department: hydrology, datum: STATION, bases: {F5: 0}, array_start: end"
	for rule, want := range map[string]int{"auto": 8, "missing": 8, "value": 12} { // seven real levels and the instantaneous one; "value" believes the zeros
		r := report(t, text+", zero_levels: "+rule+"}", frameB5, time.Time{})
		if got := values(r, hydro.WaterLevel); rule != "value" && len(got) != want {
			t.Errorf("%s: %v", rule, got)
		} else if rule == "value" {
			// the last slot would be 06:30, 0.00: it contradicts the level of 06:30, so the array is not taken
			find(t, r, hydro.DatumMismatch, "are not taken")
			same(t, []string{"06:30 1.08"}, got)
		}
	}
}

func TestTrapBaseLevelWrong(t *testing.T) {
	r := report(t, "defaults: {department: hydrology, datum: STATION, bases: {F5: 9.0}}", frameT5, time.Time{})
	same(t, []string{"11:00 10.49"}, values(r, hydro.WaterLevel))
	find(t, r, hydro.DatumMismatch, "make 9.49 m, the level of the same instant is 10.490 m")
	r = report(t, hydrology, frameT5, time.Time{}) // no base: relative levels are no levels
	same(t, []string{"11:00 10.49"}, values(r, hydro.WaterLevel))
	find(t, r, hydro.DatumMissing, "set bases")
}

func TestTrapWrongDefinitionByteF55C(t *testing.T) {
	r := report(t, "defaults: {department: hydrology, datum: STATION, bases: {F5: 0}}", frameF1, time.Time{})
	same(t, []string{"02:00 27.30", "01:05 27.30", "01:10 27.30"}, values(r, hydro.WaterLevel))
}

func TestTrapRainByteFF(t *testing.T) {
	r := report(t, "defaults: {department: hydrology, rain: DRP}", frameT5, time.Time{})
	for _, raw := range r.Raws {
		if raw.Variable == hydro.Rain && raw.Value > 2 {
			t.Errorf("FF was taken for %g mm", raw.Value)
		}
	}
	find(t, r, hydro.MissingValue, "5 of 12")
}

func TestTrapSentinels(t *testing.T) {
	for name, frame := range map[string]string{"AAAAAAAA": frameD1, "FFFFFF": frameD3, "9999.999": frameK1} {
		r := report(t, hydrology, frame, time.Time{})
		if got := values(r, hydro.WaterLevel); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
		find(t, r, hydro.MissingValue, "39 Z")
	}
}

func TestTrapStray7E(t *testing.T) {
	good := unhex(t, frameF1)
	var s sl651.Splitter
	stream := append(append(append([]byte{}, good...), 0x7E), good...)
	got := 0
	for _, b := range append(append(stream, 0x7E, 0x7E, 0x7E), good...) {
		s.Write([]byte{b})
		for {
			f, ok := s.Next()
			if !ok {
				break
			}
			if f.Station.String() != "0012345678" {
				t.Errorf("station %s", f.Station)
			}
			got++
		}
	}
	if st := s.Stats(); got != 3 || st.Stray != 4 || st.Noise != 4 || st.BadCRC != 0 {
		t.Fatalf("%d frames, %+v", got, st)
	}
}

// PT goes back at 1 January or when somebody resets it, PJ every day at 08:00:
// both are given on as counters, and nothing is made of the difference here.
func TestTrapCountersThatAreReset(t *testing.T) {
	for _, c := range []struct{ source, element string }{{"PT", "2619"}, {"PJ", "2019"}} {
		var got []string
		for i, tenths := range []string{"002345", "002350", "000000", "000005"} {
			frame := reseal(t, strings.Replace(strings.Replace(frameD3, "2619002345", c.element+tenths, 1), "20190000001A19", "30190000001A19", 1))
			r := report(t, "defaults: {department: hydrology, rain: "+c.source+"}", frame, time.Time{})
			if len(values(r, hydro.Rain)) != 0 {
				t.Errorf("%s %d: %+v", c.source, i, r.Raws)
			}
			got = append(got, values(r, hydro.RainCounter)...)
		}
		same(t, []string{"09:30 234.50", "09:30 235.00", "09:30 0.00", "09:30 0.50"}, got)
	}
}

// PJ, PT, P1 and DRP all hold the same rain: one is taken.
func TestTrapRainCountedTwice(t *testing.T) {
	for source, want := range map[string][2]int{"PT": {1, 0}, "PJ": {1, 0}, "P1": {0, 1}, "DRP": {0, 6}, "none": {0, 0}} {
		r := report(t, "defaults: {department: hydrology, rain: "+source+"}", frameD3, time.Time{})
		if counters, rains := len(values(r, hydro.RainCounter)), len(values(r, hydro.Rain)); [2]int{counters, rains} != want {
			t.Errorf("%s: %d counters, %d rains", source, counters, rains)
		}
	}
}

// Time step 0 belongs to arrays of an hour; a real station sends it with twelve
// levels.
func TestTrapTimeStepZero(t *testing.T) {
	r := report(t, hydrology, frameS3, time.Time{})
	got := values(r, hydro.WaterLevel)
	if len(got) != 12 || got[0] != "16:05 2.00" || got[11] != "17:00 2.27" {
		t.Errorf("%v", got)
	}
}

func TestTrapTestReportIsNoReading(t *testing.T) {
	r := report(t, hydrology, frameS2, time.Time{})
	if len(r.Raws) != 0 || len(r.Extras) != 4 {
		t.Errorf("%+v", r)
	}
}

func TestTrapLettersInAddress(t *testing.T) {
	r := report(t, "defaults: {department: water_resources, datum: STATION}", frameN1, time.Time{})
	same(t, []string{"01:00 37.87"}, values(r, hydro.WaterLevel))
	if r.Raws[0].Station != "418D2337" {
		t.Errorf("station %q", r.Raws[0].Station)
	}
}
