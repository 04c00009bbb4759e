package sl651_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/ingest/sl651"
)

var modes = rapid.SampledFrom([]sl651.Mode{sl651.Hex, sl651.ASCII})

var ends = rapid.SampledFrom([]sl651.End{sl651.ETX, sl651.ETB, sl651.ENQ, sl651.ACK, sl651.NAK, sl651.EOT, sl651.ESC})

// drawFrame draws any frame that the standard allows.
func drawFrame(t *rapid.T) sl651.Frame {
	f := sl651.Frame{
		Mode: modes.Draw(t, "mode"), Down: rapid.Bool().Draw(t, "down"), Centre: rapid.Uint8().Draw(t, "centre"),
		Password: rapid.Uint16().Draw(t, "password"), Function: sl651.Function(rapid.Uint8().Draw(t, "function")),
		Body: rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "body"), End: ends.Draw(t, "end"),
	}
	copy(f.Station[:], rapid.SliceOfN(rapid.Byte(), 5, 5).Draw(t, "station"))
	if rapid.IntRange(0, 50).Draw(t, "long") == 0 {
		f.Body = bytes.Repeat([]byte{0x7E, 0x01}, 2040)
	}
	if rapid.Bool().Draw(t, "packets") {
		f.Packets = rapid.Uint16Range(1, 4095).Draw(t, "total")
		f.Packet = rapid.Uint16Range(1, f.Packets).Draw(t, "number")
	}
	return f
}

func encode(t interface{ Fatalf(string, ...any) }, f *sl651.Frame) []byte {
	out, err := f.Append(nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return out
}

func TestAnyFrameIsReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFrame(t)
		raw := encode(t, &f)
		got, n, err := sl651.DecodeFrame(append(raw, 0xAA))
		if err != nil || n != len(raw) {
			t.Fatalf("%v, %d of %d bytes", err, n, len(raw))
		}
		if diff := cmp.Diff(f, got, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestOneWrongBitIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFrame(t)
		raw := encode(t, &f)
		bit := rapid.IntRange(0, 8*len(raw)-1).Draw(t, "bit")
		raw[bit/8] ^= 1 << (bit % 8)
		if got, n, err := sl651.DecodeFrame(raw); err == nil {
			// in ASCII mode a letter of a field may become the same digit in lower case
			back, _ := got.Append(nil)
			if f.Mode == sl651.Hex || !bytes.Equal(bytes.ToUpper(raw[len(raw)-4:n]), back[len(back)-4:]) {
				t.Fatalf("bit %d of %X", bit, raw)
			}
		}
	})
}

// The splitter finds each good frame in noise, whatever the stream is cut into,
// and keeps no more than a frame.
func TestSplitterFindsEveryFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want []string
		noise := rapid.OneOf(
			rapid.SliceOfN(rapid.Byte(), 0, 30),
			rapid.SliceOfN(rapid.SampledFrom([]byte{0x7E, 0x01, 0x02, 0x16, 0x00, 0x80, '0'}), 0, 60),
			// a header that lies: it promises up to 4,095 bytes
			rapid.Map(rapid.Uint16Range(1, 4095), func(n uint16) []byte {
				return append([]byte{0x7E, 0x7E, 1, 0, 1, 2, 3, 4, 0, 0, 0x32}, byte(n>>8), byte(n), 0x02)
			}),
			rapid.Map(rapid.Uint16Range(1, 4095), func(n uint16) []byte { return fmt.Appendf(nil, "\x010100123456780000320%03X\x02", n) }),
		)
		for range rapid.IntRange(1, 6).Draw(t, "frames") {
			stream = append(stream, noise.Draw(t, "noise")...)
			f := drawFrame(t)
			raw := encode(t, &f)
			stream = append(stream, raw...)
			want = append(want, fmt.Sprintf("%X", raw))
		}
		var s sl651.Splitter
		var got []string
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "cut")
			s.Write(stream[:n])
			stream = stream[n:]
			for {
				f, ok := s.Next()
				if !ok {
					break
				}
				got = append(got, fmt.Sprintf("%X", encode(t, &f)))
			}
			if s.Buffered() > sl651.MaxFrame {
				t.Fatalf("%d bytes are kept", s.Buffered())
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// numbers that every group of the drawn messages may carry.
var drawn = []sl651.ID{0x39, 0x3A, 0x3B, 0x27, 0x26, 0x20, 0x1A, 0x22, 0x38, 0x02, 0x46, 0x76 - 0x60}

// drawMessage draws a station's report in terms of values, and builds it in both
// modes.
func drawMessage(t *rapid.T) (both [2]*sl651.Message, say []string) {
	serial := rapid.Uint16Range(1, 65535).Draw(t, "serial")
	sent := time.Unix(rapid.Int64Range(946684800, 4102444799).Draw(t, "sent"), 0).In(time.UTC)
	var a sl651.Address
	copy(a[:], rapid.SliceOfN(rapid.Byte(), 5, 5).Draw(t, "station"))
	class := sl651.Class(rapid.SampledFrom([]byte("HPKZDTMGQIO")).Draw(t, "class"))
	for i, mode := range []sl651.Mode{sl651.Hex, sl651.ASCII} {
		both[i] = &sl651.Message{Mode: mode, Centre: 1, Station: a, Function: sl651.Timer, End: sl651.ETX, Serial: serial, Sent: sl651.StampOf(sent)}
	}
	add := func(build func(mode sl651.Mode) ([]sl651.Group, error)) {
		for _, m := range both {
			g, err := build(m.Mode)
			if err != nil {
				t.Fatalf("%v", err)
			}
			m.Groups = append(m.Groups, g...)
		}
	}
	one := func(g sl651.Group, err error) ([]sl651.Group, error) { return []sl651.Group{g}, err }
	add(func(mode sl651.Mode) ([]sl651.Group, error) { return one(sl651.StationGroup(mode, a, class), nil) })
	add(func(mode sl651.Mode) ([]sl651.Group, error) {
		return one(sl651.ObservedGroup(mode, sl651.StampOf(sent)), nil)
	})
	value := func(label string, low, high int, unit float64) float64 {
		if rapid.IntRange(0, 9).Draw(t, label+" missing") == 0 {
			return math.NaN()
		}
		return float64(rapid.IntRange(low, high).Draw(t, label)) / unit
	}
	text := func(v float64) string {
		if math.IsNaN(v) {
			return "-"
		}
		return fmt.Sprintf("%.3f", v)
	}
	if rapid.IntRange(0, 3).Draw(t, "series") == 0 {
		for _, m := range both {
			m.Function = sl651.Uniform
		}
		values := make([]float64, rapid.IntRange(1, 20).Draw(t, "n"))
		line := "39"
		for i := range values {
			values[i] = value("z", 0, 9998998, 1000)
			line += " " + text(values[i])
		}
		add(func(mode sl651.Mode) ([]sl651.Group, error) { return sl651.SeriesGroups(mode, 0x39, 'N', 5, values) })
		return both, append(say, line)
	}
	for range rapid.IntRange(0, 6).Draw(t, "groups") {
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			var mm [12]float64
			line := "F4"
			for i := range mm {
				mm[i] = value("rain", 0, 254, 10)
				line += " " + text(mm[i])
			}
			add(func(mode sl651.Mode) ([]sl651.Group, error) { return one(sl651.RainsGroup(mode, mm)) })
			say = append(say, line)
		case 1:
			var m [12]float64
			line := "F6"
			for i := range m {
				m[i] = value("level", 0, 65534, 100)
				line += " " + text(m[i])
			}
			add(func(mode sl651.Mode) ([]sl651.Group, error) { return one(sl651.LevelsGroup(mode, 2, m)) })
			say = append(say, line)
		default:
			id := rapid.SampledFrom(drawn).Draw(t, "element")
			e, _ := sl651.ElementOf(id)
			limit := int(math.Pow10(e.Digits)) - 1
			v := value("v", -limit, limit, math.Pow10(e.Decimals))
			add(func(mode sl651.Mode) ([]sl651.Group, error) { return one(sl651.NumberGroup(mode, id, v)) })
			say = append(say, id.String()+" "+text(v))
		}
	}
	return both, say
}

// listen writes what a message says, as drawMessage does.
func listen(t *rapid.T, m *sl651.Message) (out []string) {
	text := func(v float64, ok bool) string {
		if !ok || math.IsNaN(v) {
			return "-"
		}
		return fmt.Sprintf("%.3f", v)
	}
	for i := range m.Groups {
		g := &m.Groups[i]
		switch g.Form {
		case sl651.Value:
			v, err := g.Number()
			out = append(out, g.ID.String()+" "+text(v, err == nil))
		case sl651.Series:
			line := g.ID.String()
			for _, v := range g.Values() {
				line += " " + text(v, true)
			}
			out = append(out, line)
		case sl651.Rains, sl651.Levels:
			v, ok, err := g.Slots()
			if err != nil {
				t.Fatalf("%v", err)
			}
			line, scale := g.ID.String(), 10.0
			if g.Form == sl651.Levels {
				scale = 100
			}
			for i := range v {
				line += " " + text(float64(v[i])/scale, ok[i])
			}
			out = append(out, line)
		default:
		}
	}
	return out
}

func TestAnyReportIsReadAsWrittenInBothModes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		both, say := drawMessage(t)
		for _, m := range both {
			raw, err := m.Append(nil)
			if err != nil {
				t.Fatalf("%v", err)
			}
			f, n, err := sl651.DecodeFrame(raw)
			if err != nil || n != len(raw) {
				t.Fatalf("%v, %d of %d", err, n, len(raw))
			}
			got, err := sl651.Parse(f)
			if err != nil {
				t.Fatalf("%v: %q", err, raw)
			}
			if diff := cmp.Diff(say, listen(t, got)); diff != "" {
				t.Fatalf("%s: %q: %s", m.Mode, raw, diff)
			}
			if got.Serial != m.Serial || got.Sent != m.Sent || got.Station != m.Station {
				t.Fatalf("%+v", got)
			}
			a, class, err := got.Groups[0].Address()
			wantA, wantClass, _ := m.Groups[0].Address()
			if err != nil || a != wantA || class != wantClass {
				t.Fatalf("%s %c, %v", a, class, err)
			}
			if back, err := got.Append(nil); err != nil || !bytes.Equal(back, raw) {
				t.Fatalf("%q is written as %q, %v", raw, back, err)
			}
		}
	})
}

// A message in packets, in any order and mode, is the message.
func TestPacketsMakeTheMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		both, _ := drawMessage(t)
		m := both[rapid.IntRange(0, 1).Draw(t, "mode")]
		parts, err := m.Split(rapid.IntRange(1, 40).Draw(t, "size"))
		if err != nil {
			t.Fatalf("%v", err)
		}
		var a sl651.Assembly
		for _, i := range rapid.Permutation(indexes(len(parts))).Draw(t, "order") {
			raw := encode(t, &parts[i])
			f, _, err := sl651.DecodeFrame(raw)
			if err != nil {
				t.Fatalf("%v", err)
			}
			if restarted, err := a.Add(&f); err != nil || restarted {
				t.Fatalf("%v, %v", restarted, err)
			}
		}
		got, err := a.Message()
		if err != nil || !bytes.Equal(got.AppendBody(nil), m.AppendBody(nil)) {
			t.Fatalf("%v: %q", err, got.AppendBody(nil))
		}
	})
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// Every value of a message is told: as a reading, an extra or a problem.
func TestNoValueIsLostSilently(t *testing.T) {
	set := settings(t, "defaults: {department: hydrology, datum: STATION, rain: PT}")
	rapid.Check(t, func(t *rapid.T) {
		both, _ := drawMessage(t)
		for _, m := range both {
			sent, _ := m.Sent.Time(sl651.Beijing)
			r := set.Read(m, sent)
			n := 0
			for i := range m.Groups {
				switch g := &m.Groups[i]; g.Form {
				case sl651.Value:
					if v, err := g.Number(); err == nil || v != 0 {
						n++
					}
				case sl651.Rains, sl651.Levels:
					n++ // one extra each: neither is taken under these settings
				case sl651.Series:
					for _, v := range g.Values() {
						if !math.IsNaN(v) {
							n++
						}
					}
				default:
				}
			}
			if told := len(r.Raws) + len(r.Extras) + len(r.Problems); told < n {
				t.Fatalf("%d values, %d told: %+v", n, told, r)
			}
			for _, raw := range r.Raws {
				if math.IsNaN(raw.Value) || raw.At.IsZero() || raw.Station == "" || raw.Variable == 0 {
					t.Fatalf("%+v", raw)
				}
			}
		}
	})
}
