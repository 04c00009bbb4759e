package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"freshet/ingest/sl651"
	"freshet/internal/hydro"
	"freshet/internal/termui"
)

// sl651Command is `freshet sl651`: tools for the protocol of stations (RTUs).
func sl651Command() *cobra.Command {
	c := &cobra.Command{Use: "sl651", Short: "Look into frames of SL 651-2014, the protocol of stations"}
	c.AddCommand(sl651DecodeCommand())
	return c
}

func sl651DecodeCommand() *cobra.Command {
	var (
		lang, file string
		asJSON     bool
	)
	c := &cobra.Command{
		Use:   "decode [HEX...]",
		Short: "Print frames field by field",
		Long: `Decode takes frames apart, given as hexadecimal digits: as arguments, in a file, or
at standard input, one or more to a line; spaces, colons and 0x do not matter. It
says of a bad frame why it is bad and what its check should be.

It exits with 1 if any frame is bad.`,
		Example: "  freshet sl651 decode 7E7E01001234567812342F0008020003591011155111036BCA",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			lines, err := hexLines(cmd.InOrStdin(), file, args)
			if err != nil {
				return err
			}
			var all []frameJSON
			bad := 0
			for i, line := range lines {
				for _, x := range explainAll(line) {
					if x.Fault != nil {
						bad++
					}
					if asJSON {
						all = append(all, frameOf(i+1, &x))
						continue
					}
					if err := printFrame(cmd.OutOrStdout(), &x, language); err != nil {
						return err
					}
				}
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				if err := e.Encode(map[string]any{"frames": all}); err != nil {
					return fmt.Errorf("print: %w", err)
				}
			}
			switch {
			case bad == 1:
				return errors.New("1 bad frame")
			case bad > 0:
				return fmt.Errorf("%d bad frames", bad)
			}
			return nil
		},
	}
	c.Flags().StringVar(&lang, "lang", locale(), "language, zh or en")
	c.Flags().StringVar(&file, "file", "", "read frames from a file")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, in both languages")
	return c
}

const maxHexLine = 1 << 20

// hexLines returns the bytes of each line that is not empty.
func hexLines(in io.Reader, file string, args []string) (out [][]byte, err error) {
	from := "argument"
	switch {
	case file != "" && len(args) > 0:
		return nil, fmt.Errorf("give frames as arguments or in --file, not both: %w", hydro.ErrInvalid)
	case file != "":
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read frames: %w: %w", err, hydro.ErrInvalid)
		}
		defer func() { _ = f.Close() }()
		in, from = f, file+", line"
	case len(args) > 0:
		in = strings.NewReader(strings.Join(args, "\n"))
	default:
		from = "line"
	}
	scan := bufio.NewScanner(in)
	scan.Buffer(nil, maxHexLine)
	clean := strings.NewReplacer(" ", "", "\t", "", ":", "", "-", "", ",", "", "0x", "", "0X", "", "\r", "")
	for n := 1; scan.Scan(); n++ {
		text := clean.Replace(scan.Text())
		if text == "" {
			continue
		}
		line, err := hex.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("%s %d: not hexadecimal: %w: %w", from, n, err, hydro.ErrInvalid)
		}
		out = append(out, line)
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("read frames: %w: %w", err, hydro.ErrInvalid)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no frame is given: %w", hydro.ErrInvalid)
	}
	return out, nil
}

// explainAll takes apart what stands in a line: frame after frame, and what
// stands between them as bad ones. 7E between frames, which some stations send
// after each, is left out.
func explainAll(line []byte) (out []sl651.Explanation) {
	for len(line) > 0 {
		x := sl651.Explain(line)
		if x.Frame == nil { // up to the next good one
			for at := 1; at < len(line); at++ {
				if _, _, err := sl651.DecodeFrame(line[at:]); err == nil {
					x = sl651.Explain(line[:at])
					break
				}
			}
			if len(out) > 0 && len(bytes.Trim(line[:x.Length], "\x7E")) == 0 {
				line = line[x.Length:]
				continue
			}
		}
		out = append(out, x)
		line = line[x.Length:]
	}
	return out
}

func printFrame(w io.Writer, x *sl651.Explanation, lang termui.Lang) error {
	const hexWidth = 26
	var b strings.Builder
	fmt.Fprintf(&b, lang.Pick("%d 字节，%s\n", "%d bytes, %s\n"), x.Length, x.Mode)
	for _, f := range x.Fields {
		digits := strings.ToUpper(hex.EncodeToString(f.Bytes))
		value := f.Value
		if lang == termui.English && f.ValueEN != "" {
			value = f.ValueEN
		}
		line := fmt.Sprintf("%5d  %s  %s", f.Offset, termui.Pad(digits, hexWidth), lang.Pick(f.ZH, f.EN))
		if value != "" {
			line += lang.Pick("：", ": ") + value
		}
		b.WriteString(line + "\n")
	}
	if x.Fault != nil {
		fmt.Fprintf(&b, lang.Pick("错误：%v\n", "BAD: %v\n"), x.Fault)
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// frameJSON is one frame for scripts.
type frameJSON struct {
	Line    int         `json:"line"`
	OK      bool        `json:"ok"`
	Mode    string      `json:"mode"`
	Bytes   int         `json:"bytes"`
	Error   string      `json:"error,omitempty"`
	Check   string      `json:"check,omitempty"` // of a bad check: what it should be
	Station string      `json:"station,omitempty"`
	Code    string      `json:"code,omitempty"`
	Fields  []fieldJSON `json:"fields"`
}

type fieldJSON struct {
	Offset  int    `json:"offset"`
	Hex     string `json:"hex"`
	ZH      string `json:"zh"`
	EN      string `json:"en"`
	Value   string `json:"value,omitempty"`
	ValueEN string `json:"value_en,omitempty"`
}

func frameOf(line int, x *sl651.Explanation) frameJSON {
	out := frameJSON{Line: line, OK: x.Fault == nil, Mode: x.Mode.String(), Bytes: x.Length, Fields: []fieldJSON{}}
	if x.Fault != nil {
		out.Error = x.Fault.Error()
		if fault, ok := errors.AsType[*sl651.Fault](x.Fault); ok && fault.Kind == sl651.BadCRC {
			out.Check = fmt.Sprintf("%04X", fault.Want)
		}
	}
	if x.Frame != nil {
		out.Station, out.Code = x.Frame.Station.String(), x.Frame.Function.String()
	}
	for _, f := range x.Fields {
		out.Fields = append(out.Fields, fieldJSON{f.Offset, strings.ToUpper(hex.EncodeToString(f.Bytes)), f.ZH, f.EN, f.Value, f.ValueEN})
	}
	return out
}
