package feed

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"freshet/internal/hydro"
)

// maxRow bounds one row, and with it the memory that reading takes: an unclosed
// quote must not swallow a whole file.
const maxRow = 1 << 20

var errRowTooLong = fmt.Errorf("a row is longer than 1 MB; is a quote not closed? %w", hydro.ErrInvalid)

// Read reads rows to the end and emits each. Mistakes of a row are its own
// problems and do not stop the others; the error wraps hydro.ErrInvalid if the
// file cannot be read as what the map says it is, and is else the reader's or
// emit's. What was emitted before an error stands.
func (f *File) Read(r io.Reader, emit func(Row) error) error {
	if f.Encoding == GB18030 {
		r = simplifiedchinese.GB18030.NewDecoder().Reader(r)
	}
	limit := &limited{in: r, left: maxRow}
	b := bufio.NewReaderSize(limit, 1<<16)
	if mark, err := b.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3) // what a spreadsheet puts before UTF-8
	}
	for range f.Skip {
		if err := skipLine(b); err != nil {
			return err
		}
		limit.left = maxRow
	}
	switch f.Format {
	case JSON:
		return f.array(b, limit, emit)
	case JSONLines:
		return f.lines(b, limit, emit)
	default:
		return f.csv(b, limit, emit)
	}
}

// limited passes on at most left bytes: whoever reads rows from it sets left
// anew at each.
type limited struct {
	in   io.Reader
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := l.in.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}

func skipLine(b *bufio.Reader) error {
	for {
		_, err := b.ReadSlice('\n')
		switch {
		case err == nil:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("the file ends before its header: %w", hydro.ErrInvalid)
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// A csvRow is a row of CSV.
type csvRow struct {
	fields []string
	index  []int // by the plan's column
	reader *csv.Reader
}

func (c *csvRow) cell(i int) (string, bool) { return c.fields[c.index[i]], true }

func (c *csvRow) place(i int) int {
	_, column := c.reader.FieldPos(c.index[i])
	return column
}

func (f *File) csv(b *bufio.Reader, limit *limited, emit func(Row) error) error {
	p := f.planned()
	rows := csv.NewReader(b)
	rows.Comma, rows.Comment = cmp.Or(f.Delimiter, ','), f.Comment
	rows.ReuseRecord = true
	rows.TrimLeadingSpace = true
	c := &csvRow{reader: rows, index: make([]int, len(p.names))}
	if f.NoHeader {
		for i, name := range p.names {
			n, err := strconv.Atoi(name)
			if err != nil || n < 1 {
				return Problems{{Message: fmt.Sprintf("%q is no number of a column", name)}}
			}
			c.index[i] = n - 1
		}
	} else if err := f.header(rows, p, c.index); err != nil {
		return err
	}
	for {
		limit.left = maxRow
		fields, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			line := parse.Line + f.Skip
			err := emit(Row{Line: line, Problems: []Problem{{Line: line, Column: parse.Column, Reason: RowUnreadable, Message: parse.Err.Error()}}})
			if err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		line, _ := rows.FieldPos(0)
		line += f.Skip
		if f.NoHeader { // the first row says how many there are, the reader holds the others to it
			for i, n := range c.index {
				if n >= len(fields) {
					return Problems{{Line: line, Column: 1, Field: p.names[i], Reason: ColumnMissing, Message: fmt.Sprintf("there is no column %d: the row has %d", n+1, len(fields))}}
				}
			}
		}
		c.fields = fields
		if err := emit(f.row(p, line, c)); err != nil {
			return err
		}
	}
}

// header finds the plan's columns in the header.
func (f *File) header(rows *csv.Reader, p *plan, index []int) error {
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("is empty: %w", hydro.ErrInvalid)
	}
	if _, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	if err != nil {
		return err
	}
	line, _ := rows.FieldPos(0)
	line += f.Skip
	known := make([]string, len(header))
	for i, h := range header {
		known[i] = strings.TrimSpace(h)
	}
	hint := ""
	if !utf8.ValidString(strings.Join(known, "")) {
		hint = "; it is not UTF-8: if it is GBK, state encoding: gb18030 in the map"
	}
	var problems Problems
	for i, name := range p.names {
		index[i] = -1
		for k, h := range known {
			switch {
			case h != name:
			case index[i] < 0:
				index[i] = k
			default:
				problems = append(problems, Problem{Line: line, Column: 1, Field: name, Reason: ColumnMissing, Message: fmt.Sprintf("the header has the column %q twice: which one is meant cannot be told", name)})
			}
		}
		if index[i] < 0 {
			problems = append(problems, Problem{Line: line, Column: 1, Field: name, Reason: ColumnMissing, Message: fmt.Sprintf("there is no column %q; the header has %s%s", name, short(strings.Join(known, ", ")), hint)})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// short cuts what a file says to what fits in a sentence.
func short(s string) string {
	const most = 300
	if s = strings.ToValidUTF8(s, "?"); len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}

// A tableRow is a row whose columns are asked for by name.
type tableRow struct {
	names []string
	get   func(column string) (string, bool)
}

func (t *tableRow) cell(i int) (string, bool) { return t.get(t.names[i]) }

func (t *tableRow) place(int) int { return 0 }

// Record converts one row of a table or a message. For a value that is NULL get
// returns "" or false; a column of a station or of a time must be there.
func (f *File) Record(line int, get func(column string) (string, bool)) Row {
	p := f.planned()
	return f.row(p, line, &tableRow{p.names, get})
}

// array reads one document that holds an array of rows.
func (f *File) array(b io.Reader, limit *limited, emit func(Row) error) error {
	d := json.NewDecoder(b)
	d.UseNumber()
	broken := func(err error) error {
		if errors.Is(err, errRowTooLong) {
			return err
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("not readable as JSON at byte %d: %w: %w", d.InputOffset(), err, hydro.ErrInvalid)
	}
	depth, err := f.seek(d, limit)
	if errors.Is(err, hydro.ErrInvalid) {
		return err
	}
	if err != nil {
		return broken(err)
	}
	p := f.planned()
	for n := 1; d.More(); n++ {
		limit.left = maxRow
		var object any
		if err := d.Decode(&object); err != nil {
			return broken(err)
		}
		if err := emit(f.object(p, n, object)); err != nil {
			return err
		}
	}
	// To the end, lest half a file pass for a whole one.
	for depth++; depth > 0; {
		limit.left = maxRow
		token, err := d.Token()
		if err != nil {
			return broken(err)
		}
		depth += nesting(token)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something stands behind the document, at byte %d: %w", d.InputOffset(), hydro.ErrInvalid)
	}
	return nil
}

// seek reads up to the first row and returns in how many objects it stands.
func (f *File) seek(d *json.Decoder, limit *limited) (depth int, err error) {
	for i, step := range f.Rows {
		token, err := d.Token()
		if err != nil {
			return 0, err
		}
		if token != json.Delim('{') {
			return 0, fmt.Errorf("there is no %q: %v is no object: %w", strings.Join(f.Rows[:i+1], "."), token, hydro.ErrInvalid)
		}
		for {
			limit.left = maxRow
			key, err := d.Token()
			if err != nil {
				return 0, err
			}
			if key == json.Delim('}') {
				return 0, fmt.Errorf("there is no %q: %w", strings.Join(f.Rows[:i+1], "."), hydro.ErrInvalid)
			}
			if key == step {
				break
			}
			for open := 0; ; { // another key's value
				limit.left = maxRow
				token, err := d.Token()
				if err != nil {
					return 0, err
				}
				if open += nesting(token); open == 0 {
					break
				}
			}
		}
	}
	token, err := d.Token()
	if err != nil {
		return 0, err
	}
	if token != json.Delim('[') {
		return 0, fmt.Errorf("the rows are no array but %v; state rows: the path to the array: %w", token, hydro.ErrInvalid)
	}
	return len(f.Rows), nil
}

func nesting(token json.Token) int {
	switch token {
	case json.Delim('{'), json.Delim('['):
		return 1
	case json.Delim('}'), json.Delim(']'):
		return -1
	default:
		return 0
	}
}

// lines reads one object a line.
func (f *File) lines(b io.Reader, limit *limited, emit func(Row) error) error {
	p := f.planned()
	s := bufio.NewScanner(b)
	s.Buffer(nil, maxRow)
	for line := f.Skip + 1; s.Scan(); line++ {
		limit.left = 2 * maxRow // the scanner reads ahead
		text := bytes.TrimSpace(s.Bytes())
		if len(text) == 0 || f.Comment != 0 && bytes.HasPrefix(text, []byte(string(f.Comment))) {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var object any
		err := d.Decode(&object)
		if err == nil && d.More() {
			err = errors.New("more than one object")
		}
		row := Row{Line: line, Problems: []Problem{{Line: line, Reason: RowUnreadable, Message: fmt.Sprintf("not readable as JSON: %v", err)}}}
		if err == nil {
			row = f.object(p, line, object)
		}
		if err := emit(row); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return errRowTooLong
	}
	return s.Err()
}

// object converts one row that is a JSON object.
func (f *File) object(p *plan, line int, object any) Row {
	if _, ok := object.(map[string]any); !ok {
		return Row{Line: line, Problems: []Problem{{Line: line, Reason: RowUnreadable, Message: "the row is no object"}}}
	}
	return f.row(p, line, &tableRow{p.names, func(column string) (string, bool) { return lookup(object, column) }})
}

// lookup returns the value at a path such as data.rain.0 as text: a key of that
// whole name goes before its parts.
func lookup(v any, column string) (string, bool) {
	for {
		switch at := v.(type) {
		case map[string]any:
			if whole, ok := at[column]; ok {
				return text(whole), true
			}
			key, rest, more := strings.Cut(column, ".")
			next, ok := at[key]
			if !ok || !more {
				return "", false
			}
			v, column = next, rest
		case []any:
			key, rest, more := strings.Cut(column, ".")
			i, err := strconv.ParseUint(key, 10, 31)
			if err != nil || int(i) >= len(at) {
				return "", false
			}
			if !more {
				return text(at[i]), true
			}
			v, column = at[i], rest
		default:
			return "", false
		}
	}
}

// text returns a JSON value as a cell: null is empty, and what is no scalar will
// be no number either.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	default:
		return short(fmt.Sprintf("%T", v))
	}
}
