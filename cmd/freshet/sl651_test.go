package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"freshet/ingest/sl651"
	"freshet/ingest/sl651/link"
	"freshet/internal/hydro"
)

const (
	goodFrame = "7E7E05001122334403E832002B020034170718110016F1F1001122334448F0F01707181100201900004026190000403923000104903812109903A421"
	badFrame  = "7E7E010011111112000032002B02002B200321153057F1F1001111111248F0F020032115303922000098362019000000261900000038122400037B54"
)

// decode runs `freshet sl651 decode`.
func decode(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	c := root()
	c.SetArgs(append([]string{"sl651", "decode"}, args...))
	c.SetIn(strings.NewReader(in))
	c.SetOut(&out)
	c.SetErr(&out)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestAFrameIsPrintedFieldByField(t *testing.T) {
	for lang, wants := range map[string][]string{
		"zh": {"60 字节，HEX/BCD", "    3  0011223344                  遥测站地址：0011223344，编码 11223344", "功能码：32 定时报", "上行，正文 43 字节", "流水号：52", "发报时间：2017-07-18 11:00:16", "类别 48 河道", "39 Z 瞬时河道水位、潮位：10.490 m", "   58  A421                        校验码：正确"},
		"en": {"60 bytes, HEX/BCD", "station: 0011223344, code 11223344", "function code: 32 timer report", "up, body of 43 bytes", "serial number: 52", "class 48 river", "39 Z water level of river or tide: 10.490 m", "26 PT cumulative rain: 4.0 mm", "check: right"},
	} {
		out, err := decode(t, "", "--lang", lang, goodFrame)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in\n%s", lang, want, out)
			}
		}
	}
}

func TestABadFrameSaysWhy(t *testing.T) {
	for name, c := range map[string]struct{ frame, want string }{
		"check":   {badFrame, "the check is 7B54, of these bytes it should be D001"},
		"short":   {goodFrame[:60], "makes a frame of 60 bytes, 30 are here"},
		"length":  {strings.Replace(goodFrame, "002B02", "002A02", 1), "which is no end mark"},
		"start":   {"0102", "is no hexadecimal character of a header"},
		"nothing": {"AABB", "AA begins no frame"},
		"mark":    {strings.Replace(goodFrame, "002B02", "002B05", 1), "05 is no start of text"},
	} {
		out, err := decode(t, "", "--lang", "en", c.frame)
		if err == nil || errors.Is(err, hydro.ErrInvalid) || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, %q is not in\n%s", name, err, c.want, out)
		}
	}
	if out, _ := decode(t, "", "--lang", "zh", badFrame); !strings.Contains(out, "校验码：错误，应为 D001") {
		t.Errorf("%s", out)
	}
}

func TestFramesOfAFileOneAfterTheOther(t *testing.T) {
	spaced := ""
	for i := 0; i < len(goodFrame); i += 2 {
		spaced += goodFrame[i:i+2] + " "
	}
	text := goodFrame + "7E" + goodFrame + "\n\n" + badFrame + goodFrame + "\r\n" + spaced + "\n"
	file := filepath.Join(t.TempDir(), "frames.txt")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--json"}, {"--json", "--file", file}} {
		in := ""
		if len(args) == 1 {
			in = text
		}
		out, err := decode(t, in, args...)
		if err == nil || !strings.Contains(err.Error(), "1 bad frame") {
			t.Errorf("%v", err)
		}
		var got struct{ Frames []frameJSON }
		if err := json.Unmarshal([]byte(strings.TrimSuffix(out, "Error: 1 bad frame\n")), &got); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		var shape []bool
		for _, f := range got.Frames {
			shape = append(shape, f.OK)
			n := 0
			for _, field := range f.Fields {
				if field.Offset != n {
					t.Errorf("a field at %d, the one before ended at %d", field.Offset, n)
				}
				n += len(field.Hex) / 2
			}
			if n != f.Bytes {
				t.Errorf("fields of %d bytes, the frame has %d", n, f.Bytes)
			}
		}
		if len(shape) != 5 || !shape[0] || !shape[1] || shape[2] || !shape[3] || !shape[4] || got.Frames[2].Check != "D001" || got.Frames[4].Line != 3 {
			t.Errorf("%v", shape)
		}
	}
	for _, args := range [][]string{{"XYZ"}, {"7E7"}, {}, {"--file", "/nowhere/x"}, {"--file", file, goodFrame}, {"--lang", "fr", goodFrame}} {
		if _, err := decode(t, "", args...); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestRTUReportsWhatWasAcknowledged(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	got := map[sl651.Address]int{}
	enough := make(chan struct{})
	server, err := link.New(link.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Handle: func(_ context.Context, m link.Message) error {
		got[m.Station]++ // one station at a time: there is one
		if got[m.Station] == 5 {
			close(enough)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, ln) }()
	var out strings.Builder
	journal := filepath.Join(t.TempDir(), "acked.jsonl")
	c := root()
	c.SetArgs([]string{"rtu", "--to", ln.Addr().String(), "--stations", "1", "--every", "1ms", "--step", "5m", "--journal", journal})
	c.SetOut(&out)
	running, stop := context.WithCancel(ctx)
	go func() {
		<-enough
		stop()
	}()
	if err := c.ExecuteContext(running); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "1 stations: ") {
		t.Error(out.String())
	}
	data, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "\n"); n < 4 || n > got[sl651.Address{0, 0x81, 0, 0, 1}] {
		t.Errorf("%d lines for %v", n, got)
	}
	for _, args := range [][]string{{}, {"--to", "x", "--stations", "0"}, {"--to", "x", "--every", "-1s"}, {"--to", "x", "--first", "12"}} {
		c := root()
		c.SetArgs(append([]string{"rtu"}, args...))
		c.SetOut(&out)
		if err := c.ExecuteContext(t.Context()); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestAddressesFollowEachOther(t *testing.T) {
	a := sl651.Address{0, 0x81, 0, 0, 0x99}
	if got := following(a, 1).String(); got != "0081000100" {
		t.Error(got)
	}
	seen := map[sl651.Address]bool{}
	for i := range 3000 {
		seen[following(a, i)] = true
	}
	if len(seen) != 3000 {
		t.Errorf("%d addresses", len(seen))
	}
}
