package hydro

import (
	"fmt"
	"time"
)

// A Withdrawal takes back, before it expires, the plan of a reservoir, the rain
// forecast of a source or the tide of a source at a station, that was issued at an
// instant.
type Withdrawal struct {
	Basin      string
	Reservoir  string    // whose plan is withdrawn; "" of all else
	Station    string    // whose tide by Source is withdrawn; "" of all else
	Source     string    // whose rain forecast or tide is withdrawn; "" of a plan
	IssuedAt   time.Time // of what is withdrawn
	By         string
	At         time.Time // not before IssuedAt
	Reason     string
	ReceivedAt time.Time // by the server's clock; not part of what was said
}

// Check returns what is wrong with w in itself. It does not know what is held.
func (w *Withdrawal) Check() []*FieldError {
	var errs []*FieldError
	add := func(path, format string, args ...any) { errs = append(errs, field(path, format, args...)) }
	if w.Basin == "" {
		add("basin", "missing")
	}
	switch {
	case w.Reservoir == "" && w.Station != "" && w.Source == "":
		add("source", "missing: whose tide at %s is withdrawn", w.Station)
	case w.Reservoir == "" && w.Source == "":
		add("reservoir", "missing, and no source: one of the two")
	case w.Reservoir != "" && w.Source != "":
		add("source", "a reservoir is given too: one of the two")
	case w.Reservoir != "" && w.Station != "":
		add("station", "a reservoir is given too: one of the two")
	}
	if w.IssuedAt.IsZero() {
		add("issued_at", "missing")
	}
	if w.By == "" {
		add("withdrawn_by", "missing")
	}
	switch {
	case w.At.IsZero():
		add("withdrawn_at", "missing")
	case w.At.Before(w.IssuedAt):
		add("withdrawn_at", "%s is before issued_at %s", w.At.Format(time.RFC3339), w.IssuedAt.Format(time.RFC3339))
	}
	switch n := len([]rune(w.Reason)); {
	case n == 0:
		add("reason", "missing")
	case n > MaxReasonText:
		add("reason", "%d characters: at most %d", n, MaxReasonText)
	}
	return errs
}

// Same reports whether v says what w says: all but when it was received.
func (w *Withdrawal) Same(v *Withdrawal) bool {
	return w.Basin == v.Basin && w.Reservoir == v.Reservoir && w.Station == v.Station && w.Source == v.Source && w.IssuedAt.Equal(v.IssuedAt) &&
		w.By == v.By && w.At.Equal(v.At) && w.Reason == v.Reason
}

// Text says when and by whom, as "withdrawn at 2026-06-01 19:00Z by 江门三防".
func (w *Withdrawal) Text(stamp func(time.Time) string) string {
	return fmt.Sprintf("withdrawn at %s by %s", stamp(w.At), w.By)
}
