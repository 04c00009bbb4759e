package influx

import (
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// fluxTime is a Flux literal of an instant, in nanoseconds since 1970.
func fluxTime(ns int64) string {
	return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.999999999Z")
}

// fluxText is a Flux literal of s. The dollar is escaped because "${" starts an
// interpolation in some versions.
func fluxText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\x24`).Replace(s) + `"`
}

// A selection is the start of every query: the points of a measurement between
// two milliseconds, both included, whose tags have these values. Tags come in
// pairs of key and value.
func (s *Store) selection(measurement string, firstNs, lastNs int64, tags ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "from(bucket: %s)\n|> range(start: %s, stop: %s)\n|> filter(fn: (r) => r._measurement == %s",
		fluxText(s.options.Bucket), fluxTime(firstNs), fluxTime(lastNs+1), fluxText(measurement))
	for i := 0; i < len(tags); i += 2 {
		fmt.Fprintf(&b, " and r.%s == %s", tags[i], fluxText(tags[i+1]))
	}
	b.WriteString(")\n")
	if firstNs <= 0 {
		// InfluxDB 1.8 takes bounds at or before 1970 for none. This filter is
		// not pushed down to its storage, but such queries are rare.
		fmt.Fprintf(&b, "|> filter(fn: (r) => r._time >= %s and r._time < %s)\n", fluxTime(firstNs), fluxTime(lastNs+1))
	}
	return b.String()
}

// Columns are the values of one row of an answer, by name.
type columns struct {
	names  map[string]int
	values []string
}

func (c columns) text(name string) string {
	if i, ok := c.names[name]; ok && i < len(c.values) {
		return c.values[i]
	}
	return ""
}

func (c columns) float(name string) (float64, error) {
	v, err := strconv.ParseFloat(c.text(name), 64)
	if err != nil {
		return 0, fmt.Errorf("column %s: %w", name, err)
	}
	return v, nil
}

func (c columns) int(name string) (int64, error) {
	v, err := strconv.ParseInt(c.text(name), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("column %s: %w", name, err)
	}
	return v, nil
}

func (c columns) bytes(name string) ([]byte, error) {
	v, err := base64.StdEncoding.DecodeString(c.text(name))
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", name, err)
	}
	return v, nil
}

// ns is the row's time in nanoseconds since 1970.
func (c columns) ns() (int64, error) {
	t, err := time.Parse(time.RFC3339Nano, c.text("_time"))
	if err != nil {
		return 0, fmt.Errorf("column _time: %w", err)
	}
	return t.UnixNano(), nil
}

// readCSV calls row for each row of an annotated answer. Annotations, which are
// the rows whose first column is not empty, and a header open each group of
// tables; an error in the midst of an answer is a table of its own.
func readCSV(answer string, row func(columns) error) error {
	r := csv.NewReader(strings.NewReader(answer))
	r.FieldsPerRecord = -1
	r.ReuseRecord = true
	var c columns
	opening := true
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read answer: %w: %w", hydro.ErrUnavailable, err)
		}
		switch {
		case record[0] != "":
			opening = true
		case opening && len(record) > 1 && record[1] == "error":
			c.names, opening = nil, false // the next row is the message
		case opening:
			opening = false
			c.names = make(map[string]int, len(record))
			for i, name := range record {
				c.names[name] = i
			}
		case c.names == nil:
			return fmt.Errorf("InfluxDB breaks off: %s: %w", strings.Join(record, " "), hydro.ErrUnavailable)
		default:
			c.values = record
			if err := row(c); err != nil {
				return fmt.Errorf("row %q: %w", strings.Join(record, ","), err)
			}
		}
	}
}
