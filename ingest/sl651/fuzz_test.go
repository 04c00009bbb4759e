package sl651_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"freshet/ingest/sl651"
	"freshet/internal/hydro"
)

// textFrames are reports in ASCII mode, written by this package.
func textFrames(t testing.TB) [][]byte {
	var out [][]byte
	for _, c := range []struct {
		function sl651.Function
		down     bool
		end      sl651.End
		body     string
	}{
		{sl651.Timer, false, sl651.ETX, "0001260701060000ST 0012345678 H TT 2607010600 PT 311.3 Z -2.271 VT 12.87 "},
		{sl651.Hourly, false, sl651.ETX, "0002260701060010ST 0012345678 P TT 2607010505 DRP 000000000000050A14FF0000 DRZ1 006B006B006B006B006B006B006B00000000000000000000 PJ 3.5 "},
		{sl651.Uniform, false, sl651.ETX, "0003260701060010ST 0012345678 H TT 2607010505 DRN05 Z Q 2.001 4.3 2.118 M 2.140 4.5 "},
		{sl651.QueryPeriod, true, sl651.ENQ, "00002607010600002607010026070106DRH01 P1 "},
		{sl651.QueryElements, true, sl651.ENQ, "0000260701060000Z PT "},
		{sl651.Manual, false, sl651.ETX, "0004260701060000RGZS 2026-07-01 NN"},
		{sl651.WriteRunning, true, sl651.ENQ, "000026070106000021 05 28 10.000 "},
		{sl651.ControlGates, false, sl651.ETX, "0005260701060000ST 0012345678 0301"},
	} {
		f := sl651.Frame{Mode: sl651.ASCII, Down: c.down, Centre: 1, Station: sl651.Address{0, 0x12, 0x34, 0x56, 0x78}, Function: c.function, Body: []byte(c.body), End: c.end}
		raw, err := f.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}

func TestASCIIBodiesAreReadWholly(t *testing.T) {
	want := []string{
		"ST 0012345678H; TT 26-07-01 06:00; PT 311.3; Z -2.271; VT 12.87",
		"ST 0012345678P; TT 26-07-01 05:05; DRP 0 0 0 0 0 0 0 5 10 20 x 0 0",
		"", "", "", "RGZS 2026-07-01 NN", "", "",
	}
	want[1] = "ST 0012345678P; TT 26-07-01 05:05; DRP 0 0 0 0 0 0 5 10 20 x 0 0; DRZ1 107 107 107 107 107 107 107 0 0 0 0 0; PJ 3.5"
	for i, raw := range textFrames(t) {
		f, _, err := sl651.DecodeFrame(raw)
		if err != nil {
			t.Fatal(err)
		}
		m, err := sl651.Parse(f)
		if err != nil {
			t.Errorf("%q: %v", raw, err)
			continue
		}
		if got := read(t, m); want[i] != "" && got != want[i] {
			t.Errorf("%q: %s", raw, got)
		}
		if back, err := m.Append(nil); err != nil || !bytes.Equal(back, raw) {
			t.Errorf("%q is written as %q", raw, back)
		}
	}
	// two elements in one series, the second without its second value
	f, _, _ := sl651.DecodeFrame(textFrames(t)[2])
	m, _ := sl651.Parse(f)
	r := settings(t, hydrology).Read(m, time.Date(2026, 7, 1, 6, 0, 10, 0, sl651.Beijing))
	same(t, []string{"05:05 4.30", "05:15 4.50"}, values(r, hydro.Discharge))
	same(t, []string{"05:05 2.00", "05:10 2.12", "05:15 2.14"}, values(r, hydro.WaterLevel))
}

var fuzzReceived = time.Date(2026, 7, 1, 6, 0, 0, 0, time.UTC)

// check holds what must be true of any bytes that are a frame.
func check(t *testing.T, set *sl651.Settings, f sl651.Frame, raw []byte) {
	back, err := f.Append(nil)
	if err != nil {
		t.Fatalf("%X: %v", raw, err)
	}
	if f.Mode == sl651.Hex && !bytes.Equal(back, raw) {
		t.Fatalf("%X is written as %X", raw, back)
	}
	again, n, err := sl651.DecodeFrame(back)
	if err != nil || n != len(back) || !cmp.Equal(f, again, cmp.Comparer(bytes.Equal)) {
		t.Fatalf("%X: %v", raw, err)
	}
	m, err := sl651.Parse(f)
	if err != nil && !errors.Is(err, hydro.ErrInvalid) {
		t.Fatalf("%v is not ErrInvalid", err)
	}
	if got := m.AppendBody(nil); !bytes.EqualFold(got, f.Body) {
		t.Fatalf("body %X is written as %X", f.Body, got)
	}
	if m.Clone().Serial != m.Serial {
		t.Fatal("clone")
	}
	set.Read(m, fuzzReceived)
	sl651.Explain(raw)
}

func FuzzDecode(f *testing.F) {
	for _, raw := range append(frames(f), textFrames(f)...) {
		f.Add(raw)
	}
	set := settings(f, "defaults: {department: hydrology, datum: STATION, rain: DRP, bases: {F5: 1}, clock: receive}")
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, n, err := sl651.DecodeFrame(data)
		if err != nil {
			if !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
			sl651.Explain(data)
			return
		}
		check(t, set, frame, data[:n])
	})
}

// FuzzBody reaches the bodies, which FuzzDecode cannot for want of checks: it
// draws the body and writes the frame itself.
func FuzzBody(f *testing.F) {
	for _, raw := range append(frames(f), textFrames(f)...) {
		frame, _, err := sl651.DecodeFrame(raw)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame.Body, byte(frame.Function), frame.Down, frame.Mode == sl651.ASCII)
	}
	set := settings(f, "defaults: {department: water_resources, datum: STATION, bases: {F5: 1}, zero_levels: missing}")
	f.Fuzz(func(t *testing.T, body []byte, function byte, down, text bool) {
		frame := sl651.Frame{Down: down, Function: sl651.Function(function), Body: body, End: sl651.ETX}
		if text {
			frame.Mode = sl651.ASCII
		}
		raw, err := frame.Append(nil)
		if err != nil {
			return // too long for one frame
		}
		check(t, set, frame, raw)
	})
}

// FuzzASCII is FuzzBody for ASCII mode, with a body of the right form to begin
// with.
func FuzzASCII(f *testing.F) {
	for _, raw := range textFrames(f) {
		frame, _, err := sl651.DecodeFrame(raw)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(frame.Body[16:]), byte(frame.Function), frame.Down)
	}
	set := settings(f, "defaults: {department: hydrology, datum: STATION, rain: PJ, bases: {F5: 1}}")
	f.Fuzz(func(t *testing.T, groups string, function byte, down bool) {
		frame := sl651.Frame{Mode: sl651.ASCII, Down: down, Function: sl651.Function(function), Body: []byte("0001260701060000" + groups), End: sl651.ETX}
		raw, err := frame.Append(nil)
		if err != nil {
			return
		}
		check(t, set, frame, raw)
	})
}

// FuzzSplitter cuts a stream in two ways: all frames that one finds the other
// finds too, as long as no frame lies within another.
func FuzzSplitter(f *testing.F) {
	var all []byte
	for _, raw := range append(frames(f)[:12], textFrames(f)...) {
		all = append(append(all, raw...), 0x7E)
	}
	f.Add(all, uint16(1))
	f.Add(append([]byte{0x7E, 0x7E, 1, 0, 1, 2, 3, 4, 0, 0, 0x32, 0x0F, 0xFF, 2}, all...), uint16(7))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		size := int(cut)%len64(data) + 1
		pieces := split(t, data, size)
		for _, p := range split(t, data, len64(data)) {
			if len(pieces) > 0 && pieces[0] == p {
				pieces = pieces[1:]
			}
		}
		if len(pieces) > 0 {
			// Bytes that come in pieces may show a frame before the one around it is
			// whole. Then the outer frame was there in one piece.
			whole := fmt.Sprint(split(t, data, len64(data)))
			for _, p := range pieces {
				if !bytes.Contains([]byte(whole), []byte(p)) {
					t.Fatalf("%s is found only in pieces of %d bytes", p, size)
				}
			}
		}
	})
}

func len64(data []byte) int { return max(1, len(data)) }

func split(t *testing.T, data []byte, size int) (out []string) {
	var s sl651.Splitter
	taken := 0
	for from := 0; from < len(data); from += size {
		s.Write(data[from:min(len(data), from+size)])
		for {
			f, ok := s.Next()
			if !ok {
				break
			}
			raw, err := f.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			taken += len(raw)
			out = append(out, fmt.Sprintf("%X", raw))
		}
		if s.Buffered() > sl651.MaxFrame {
			t.Fatalf("%d bytes are kept", s.Buffered())
		}
	}
	if st := s.Stats(); st.Noise+taken+s.Buffered() != len(data) || st.Frames != len(out) {
		t.Fatalf("%d bytes: %+v, %d in frames, %d kept", len(data), st, taken, s.Buffered())
	}
	return out
}

func FuzzSettings(f *testing.F) {
	for _, text := range []string{
		"", hydrology, "unlisted: refuse",
		"defaults: {department: hydrology}\nstations:\n  - {address: \"0012345678\", rain: DRP, level: ZU, bases: {F5: 1.5}, clock: receive, behind: 1h, password: \"12ab\"}\n",
		"defaults: {department: rivers}\nstations: [{address: 12, elements: [{element: FF09, variable: storage, factor: .inf, sensor: 300}]}]",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := sl651.ParseSettings("f", data)
		if (s == nil) != (err != nil) || err != nil && !errors.Is(err, hydro.ErrInvalid) {
			t.Fatalf("%v, %v", s, err)
		}
	})
}
