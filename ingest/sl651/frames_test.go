package sl651_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/ingest/sl651"
	"freshet/internal/hydro"
)

// frames are the foreign frames of ../shared/data/sl651, collected from public
// repositories which the file names.
func frames(t testing.TB) [][]byte {
	t.Helper()
	data, err := os.ReadFile("../../../shared/data/sl651/frames.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		cells := strings.Split(line, "\t")
		out = append(out, unhex(t, cells[4]))
	}
	if len(out) != 41 {
		t.Fatalf("%d frames, the file held 41", len(out))
	}
	return out
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read writes what a message says, one group a word or line.
func read(t testing.TB, m *sl651.Message) string {
	t.Helper()
	var out []string
	for i := range m.Groups {
		g := &m.Groups[i]
		e, ok := m.Meaning(g)
		name := e.Name
		if !ok {
			name = g.ID.String()
		}
		switch g.Form {
		case sl651.StationID:
			a, class, err := g.Address()
			if err != nil {
				t.Fatal(err)
			}
			text := "ST " + a.String()
			if class != 0 {
				text += string(rune(class))
			}
			out = append(out, text)
		case sl651.Observed:
			s, _ := g.Stamp()
			out = append(out, "TT "+s.String()[2:16])
		case sl651.Step:
			d, h, n, _ := g.Step()
			out = append(out, "step "+strconv.Itoa(d)+" "+strconv.Itoa(h)+" "+strconv.Itoa(n))
		case sl651.Rains, sl651.Levels:
			v, ok, err := g.Slots()
			if err != nil {
				t.Fatal(err)
			}
			words := []string{name}
			for i := range v {
				if !ok[i] {
					words = append(words, "x")
					continue
				}
				words = append(words, strconv.Itoa(v[i]))
			}
			out = append(out, strings.Join(words, " "))
		case sl651.Series:
			words := []string{name}
			for _, v := range g.Values() {
				words = append(words, strconv.FormatFloat(v, 'g', -1, 64))
			}
			out = append(out, strings.Join(words, " "))
		case sl651.Text:
			out = append(out, name+" "+string(g.Data))
		case sl651.Value:
			if bits, ok := g.Status(); ok && g.ID == 0x45 {
				out = append(out, name+" "+strconv.FormatUint(uint64(bits), 16))
				continue
			}
			v, err := g.Number()
			text := strconv.FormatFloat(v, 'g', -1, 64)
			if errors.Is(err, sl651.ErrNoValue) {
				text = "x"
			} else if err != nil {
				text = err.Error()
			}
			out = append(out, name+" "+text)
		default:
			out = append(out, name+" "+hex.EncodeToString(g.Data))
		}
	}
	return strings.Join(out, "; ")
}

// TestForeignFrames holds the values that the frames' own sources state, or that
// follow from the standard: collected with the frames.
func TestForeignFrames(t *testing.T) {
	type want struct {
		function sl651.Function
		down     bool
		centre   uint8
		station  string
		serial   uint16
		sent     string
		end      sl651.End
		body     string
	}
	wants := []want{
		{0x2F, false, 1, "0012345678", 3, "2059-10-11 15:51:11", sl651.ETX, ""}, // S1
		{0x30, false, 1, "0012345678", 3, "2059-10-11 15:49:47", sl651.ETX, "ST 0012345678H; TT 59-10-11 15:49; PJ 0.5; PT 0.5; Z 0.127; VT 11.15"},
		{0x30, true, 1, "0012345678", 3, "2059-10-11 15:49:47", sl651.ESC, ""}, // S2a
		{0x32, false, 5, "0011223344", 52, "2017-07-18 11:00:16", sl651.ETX, "ST 0011223344H; TT 17-07-18 11:00; PJ 4; PT 4; Z 10.49; VT 10.99"},
		{0x32, true, 5, "0011223344", 52, "2017-07-18 11:00:16", sl651.ESC, ""}, // answer to T1
		{0x33, false, 5, "0011223344", 38, "2017-07-18 10:22:02", sl651.ETX, "ST 0011223344H; TT 17-07-18 10:22; PJ 4; PT 4; Z 10.49; VT 11.02"},
		{0x34, false, 5, "0011223344", 51, "2017-07-18 11:00:14", sl651.ETX, "ST 0011223344H; TT 17-07-18 10:05; DRP 5 0 0 0 20 x x x x x 0 0; TT 17-07-18 11:00; PT 4; TT 17-07-18 10:05; DRZ1 12 12 28 49 49 x x x x x 49 49; TT 17-07-18 11:00; Z 10.49; PJ 4; VT 10.99"},
		{0x31, false, 0x62, "0044556677", 126, "2014-01-21 17:00:15", sl651.ETX, "ST 0044556677H; TT 14-01-21 16:05; step 0 0 0; Z 2.001 2.118 2.14 2.139 2.144 2.168 2.203 2.213 2.233 2.236 2.262 2.271"},
		{0x34, false, 0x62, "0044556677", 125, "2014-01-21 17:00:10", sl651.ETX, "ST 0044556677H; TT 14-01-21 16:05; DRP 10 5 5 10 0 15 5 10 10 10 10 10; TT 14-01-21 17:00; PT 11; TT 14-01-21 16:05; DRZ1 100 111 114 113 114 116 120 121 123 123 126 127; TT 14-01-21 17:00; PJ 11; Z 2.271; VT 11.53"},
		{0x34, false, 16, "0012345678", 1, "2014-06-12 02:00:00", sl651.ETX, "ST 0012345678P; TT 14-06-12 02:00; DRP 0 0 0 0 0 0 0 0 0 0 0 0; PT 0; PJ 0; P1 0; VT 12.9"},
		{0x35, false, 16, "0012345678", 15, "2013-03-25 09:58:04", sl651.ETX, "RGZS yanyu1988:YCZ-2A-101!!!"},
		{0x33, true, 16, "0012305678", 12, "2014-06-12 02:00:15", sl651.EOT, ""},
		{0x32, false, 1, "0010100001", 12, "2020-07-24 17:23:49", sl651.ETX, "ST 0010100001H; TT 20-07-24 17:23; PJ 13; PN05 4; Z 0.55; VT 12.68"},
		{0x32, true, 1, "0010100001", 12, "2020-07-24 17:23:49", sl651.ACK, ""},
		{0x32, false, 0x25, "00418D2337", 0x0C06, "2023-06-01 01:03:14", sl651.ETX, "ST 00418D2337K; TT 23-06-01 01:00; PJ 0; ZU 37.865; PN05 0; PT 0; VT 12.85"},
		{0x32, false, 1, "0030746200", 0x4465, "2026-07-01 06:00:36", sl651.ETX, "ST 0030746200H; TT 26-07-01 06:00; PT 311.3; ZT 600481; VT 12.87; FF09 20; FF33 20.5"},
		{0x34, false, 16, "0030700300", 0xBE3F, "2026-07-01 06:00:00", sl651.ETX, "ST 0030700300H; TT 26-07-01 06:00; DRP 0 0 0 0 0 0 0 0 0 0 0 0; DRZ1 428 428 428 428 428 428 428 428 428 428 428 428; PT 0; Z 4.28; VT 13.7"},
		{0x34, false, 0, "0081100006", 0x25B7, "2026-07-01 06:30:04", sl651.ETX, "ST 0081100006H; TT 26-07-01 06:30; DRZ1 107 107 107 107 107 107 107 0 0 0 0 0; Z 1.08; VT 12"},
		{0x32, false, 1, "0030503768", 0x0A02, "2026-07-01 06:01:14", sl651.ETX, "ST 0030503768H; TT 26-07-01 06:00; Z 33.66; VA 0.11; Q 4.32; FF22 0.11; VT 12.3"},
		{0x32, false, 1, "1122334455", 3, "2024-01-09 15:30:00", sl651.ETX, "ST 1122334455H; TT 24-01-09 15:30; PN05 0; PJ 3.5; Z x; FF11 0.008; VT 12.44"},
		{0x34, false, 255, "8004040135", 0x070B, "2022-09-26 09:30:01", sl651.ETX, "ST 8004040135H; TT 22-09-26 09:30; DRP 0 0 0 0 0 0 x x x x x x; DRZ1 x x x x x x x x x x x x; PT 234.5; PJ 0; P1 0; Z x; VT 13.38"},
		{0x38, true, 1, "1122334455", 3, "2024-01-09 17:15:01", sl651.ENQ, "00 2401091624010917; step 0 0 5; DRP "}, // D4
		{0x32, false, 0, "40590235C2", 2, "2024-11-11 10:29:42", sl651.ETX, "ST 40590235C2Z; TT 24-11-11 10:29; 76 -1.72; 77 -0.21; 78 1.52"},
		{0x32, false, 0, "0010000000", 0x24F3, "2020-03-14 19:18:56", sl651.ETX, "ST 0010000000P; TT 20-03-14 19:18; Z 9999.999; PJ 0; PT 0; VT 24"},
		{0x32, false, 8, "0012341234", 0x015F, "2014-04-02 10:00:02", sl651.ETX, "ST 0012341234G; TT 14-04-02 10:00; H 0.15; C 15.4; VT 8.73"},
		{0x37, false, 0, "1000000006", 0x013D, "2022-12-06 10:07:58", sl651.ETX, "ST 1000000006H; TT 22-12-06 10:07; PJ 0; PT 0; Z x; VT 11.43"},
		{0x34, false, 16, "0012345678", 3, "2014-06-12 02:00:00", sl651.ETX, "ST 0012345678H; TT 14-06-12 02:00; DRZ1 2730 2730 x x x x x x x x x x; Z 27.3; VT 12.9"},
		{0x46, false, 5, "0011223344", 35, "2017-07-18 10:20:08", sl651.ETX, "ST 0011223344; ZT 400"},
	}
	packets := 0
	for _, raw := range frames(t) {
		f, n, err := sl651.DecodeFrame(raw)
		if err != nil || n != len(raw) {
			t.Errorf("%X: %v, %d bytes", raw, err, n)
			continue
		}
		if f.Packets > 0 {
			packets++
			continue
		}
		m, err := sl651.Parse(f)
		if err != nil {
			t.Errorf("%X: %v", raw, err)
			continue
		}
		got := want{f.Function, f.Down, f.Centre, f.Station.String(), m.Serial, m.Sent.String(), m.End, read(t, m)}
		i := slices.Index(wants, got)
		if i < 0 {
			t.Errorf("%X: unexpected %+v", raw, got)
			continue
		}
		wants = slices.Delete(wants, i, i+1)
	}
	for _, w := range wants {
		t.Errorf("not found: %+v", w)
	}
	if packets != 13 {
		t.Errorf("%d packets of the picture, want 13", packets)
	}
}

func TestForeignFramesAreWrittenAsTheyWere(t *testing.T) {
	for _, raw := range frames(t) {
		f, _, err := sl651.DecodeFrame(raw)
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.Append(nil)
		if err != nil || !bytes.Equal(out, raw) {
			t.Errorf("%X: written as %X, %v", raw, out, err)
		}
		if f.Packets > 0 {
			continue
		}
		m, err := sl651.Parse(f)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := m.Append(nil); err != nil || !bytes.Equal(out, raw) {
			t.Errorf("%X: its message written as %X, %v", raw, out, err)
		}
	}
}

func TestBadFramesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		want      uint16
	}{
		{"NEG1 looks right", "7E7E010011111112000032002B02002B200321153057F1F1001111111248F0F020032115303922000098362019000000261900000038122400037B54", 0xD001},
		{"NEG2 edited text", "7E7E0100123456781234350011020004591011155145F2F251312E32333420034602", 0xD76F},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := unhex(t, c.hex)
			_, _, err := sl651.DecodeFrame(raw)
			fault, ok := errors.AsType[*sl651.Fault](err)
			if !ok || fault.Kind != sl651.BadCRC || fault.Want != c.want || !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("error %v, want a bad check that should be %04X", err, c.want)
			}
			var s sl651.Splitter
			s.Write(raw)
			if f, ok := s.Next(); ok {
				t.Fatalf("the splitter took it: %+v", f)
			}
			if s.Stats().BadCRC != 1 {
				t.Errorf("stats %+v", s.Stats())
			}
		})
	}
}

func TestPictureOf13Packets(t *testing.T) {
	var parts []sl651.Frame
	for _, raw := range frames(t) {
		if f, _, err := sl651.DecodeFrame(raw); err == nil && f.Packets > 0 {
			parts = append(parts, f)
		}
	}
	for _, c := range []struct {
		name  string
		order func([]sl651.Frame) []sl651.Frame
	}{
		{"in order", func(p []sl651.Frame) []sl651.Frame { return p }},
		{"backwards", func(p []sl651.Frame) []sl651.Frame { p = slices.Clone(p); slices.Reverse(p); return p }},
		{"each twice", func(p []sl651.Frame) []sl651.Frame { return append(slices.Clone(p[:12]), p...) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a sl651.Assembly
			order := c.order(parts)
			for i := range order {
				if restarted, err := a.Add(&order[i]); err != nil || restarted {
					t.Fatalf("packet %d: %v, restarted %v", order[i].Packet, err, restarted)
				}
			}
			if !a.Whole() {
				t.Fatalf("missing %v", a.Missing())
			}
			m, err := a.Message()
			if err != nil {
				t.Fatal(err)
			}
			g := m.Groups[len(m.Groups)-1]
			if g.Form != sl651.Image || len(g.Data) != 3313 || !bytes.HasPrefix(g.Data, []byte{0xFF, 0xD8, 0xFF, 0xE0}) || m.Serial != 0x0005 {
				t.Fatalf("form %d, %d bytes %X…, serial %d", g.Form, len(g.Data), g.Data[:4], m.Serial)
			}
		})
	}
	var a sl651.Assembly
	for _, i := range []int{0, 1, 4, 12} {
		if _, err := a.Add(&parts[i]); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]uint16{3, 4, 6, 7, 8, 9, 10, 11, 12}, a.Missing()); diff != "" {
		t.Error(diff)
	}
}

func TestAnswersAreThoseOfTheSources(t *testing.T) {
	for _, c := range []struct {
		name, up, down string
		end            sl651.End
	}{
		{"S2", "7E7E010012345678123430002B020003591011154947F1F1001234567848F0F0591011154920190000052619000005392300000127381211150320FA", "7E7E00123456780112343080080200035910111549471B75D4", sl651.ESC},
		{"T1", "7E7E05001122334403E832002B020034170718110016F1F1001122334448F0F01707181100201900004026190000403923000104903812109903A421", "7E7E00112233440503E83280080200341707181100161BE5D4", sl651.ESC},
		{"K0", "7E7E010010100001A00032002B02000C200724172349F1F1001010000148F0F020072417232019000130221900004039230000055038121268038397", "7E7E001010000101A00032800802000C20072417234906DB17", sl651.ACK},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _, err := sl651.DecodeFrame(unhex(t, c.up))
			if err != nil {
				t.Fatal(err)
			}
			m, err := sl651.Parse(f)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := m.Answer(c.end, m.Sent, 0).Append(nil)
			if err != nil || !bytes.Equal(answer, unhex(t, c.down)) {
				t.Fatalf("answer %X, %v, the source has %s", answer, err, c.down)
			}
		})
	}
}

func TestCRC(t *testing.T) {
	if got := sl651.CRC([]byte("123456789")); got != 0x4B37 { // CRC-16/MODBUS
		t.Fatalf("%04X", got)
	}
}

func TestAddress(t *testing.T) {
	for in, want := range map[string]string{"0081100006": "81100006", "00418D2337": "418D2337", "40590235C2": "405902013762", "81100006": "81100006"} {
		a, err := sl651.ParseAddress(in)
		if err != nil || a.Code() != want {
			t.Errorf("%s: %s, %v, want %s", in, a.Code(), err, want)
		}
	}
	for _, bad := range []string{"", "1234567", "00123456789", "001234567X"} {
		if _, err := sl651.ParseAddress(bad); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestStamp(t *testing.T) {
	at := time.Date(2026, 6, 1, 8, 5, 9, 0, sl651.Beijing)
	s := sl651.StampOf(at)
	if back, ok := s.Time(sl651.Beijing); !ok || !back.Equal(at) {
		t.Errorf("%v, %v", back, ok)
	}
	for _, bad := range []sl651.Stamp{{0x26, 0x02, 0x30, 0, 0, 0}, {0x26, 0x13, 1, 0, 0, 0}, {0x26, 0x0A, 1, 0, 0, 0}, {0x26, 6, 1, 0x24, 0, 0}, {}} {
		if at, ok := bad.Time(sl651.Beijing); ok {
			t.Errorf("%v is taken for %v", bad, at)
		}
	}
}
