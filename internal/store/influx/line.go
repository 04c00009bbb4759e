package influx

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"
)

// A line builds points in line protocol. Building it by hand is the hot path of
// the archive: the client's points sort and copy each tag and field.
//
// Call start, tag (ascending by key; the values must pass store.CheckName),
// the fields, and end, in this order.
type line struct {
	b      []byte
	fields bool // the point has a field
}

func (l *line) start(measurement string) {
	l.b = append(l.b, measurement...)
	l.fields = false
}

func (l *line) tag(key, value string) {
	l.b = append(l.b, ',')
	l.b = append(l.b, key...)
	l.b = append(l.b, '=')
	if strings.ContainsAny(value, " ,=") {
		for i := range len(value) {
			switch c := value[i]; c {
			case ' ', ',', '=':
				l.b = append(l.b, '\\', c)
			default:
				l.b = append(l.b, c)
			}
		}
		return
	}
	l.b = append(l.b, value...)
}

func (l *line) field(key string) {
	if l.fields {
		l.b = append(l.b, ',')
	} else {
		l.b = append(l.b, ' ')
		l.fields = true
	}
	l.b = append(l.b, key...)
	l.b = append(l.b, '=')
}

// float writes nothing for a value that is not finite: a gap is an absent field.
func (l *line) float(key string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	l.field(key)
	l.b = strconv.AppendFloat(l.b, v, 'g', -1, 64)
}

func (l *line) int(key string, v int64) {
	l.field(key)
	l.b = append(strconv.AppendInt(l.b, v, 10), 'i')
}

func (l *line) bool(key string, v bool) {
	l.field(key)
	l.b = strconv.AppendBool(l.b, v)
}

func (l *line) text(key, v string) {
	l.field(key)
	l.b = append(l.b, '"')
	if strings.ContainsAny(v, `"\`) {
		for i := range len(v) {
			if c := v[i]; c == '"' || c == '\\' {
				l.b = append(l.b, '\\')
			}
			l.b = append(l.b, v[i])
		}
	} else {
		l.b = append(l.b, v...)
	}
	l.b = append(l.b, '"')
}

// bytes writes v as base64 text.
func (l *line) bytes(key string, v []byte) {
	l.field(key)
	l.b = append(l.b, '"')
	l.b = base64.StdEncoding.AppendEncode(l.b, v)
	l.b = append(l.b, '"')
}

// end ends the point, whose time is t cut to milliseconds, plus nanoseconds.
func (l *line) end(t time.Time, nanoseconds int64) {
	l.b = append(l.b, ' ')
	l.b = strconv.AppendInt(l.b, t.UnixMilli()*int64(time.Millisecond)+nanoseconds, 10)
	l.b = append(l.b, '\n')
}
