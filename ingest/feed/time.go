package feed

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The layouts that are no layout of Go's.
const (
	unixSeconds = "unix"
	unixMillis  = "unix_ms"
)

// parse reads an instant. It stays in the zone of the stamps, so that its date
// is as written.
func (t *Time) parse(s string) (time.Time, error) {
	if t.Layout == unixSeconds || t.Layout == unixMillis {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n > 1<<53 || n < -1<<53 {
			return time.Time{}, fmt.Errorf("time %q is no whole number", s)
		}
		if t.Layout == unixSeconds {
			return time.Unix(n, 0).UTC(), nil
		}
		return time.UnixMilli(n).UTC(), nil
	}
	at, err := time.ParseInLocation(t.Layout, s, t.Zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q is not written as %q", s, t.Layout)
	}
	if carriesZone(t.Layout) || offset(at.Add(-36*time.Hour)) == offset(at.Add(36*time.Hour)) {
		return at, nil
	}
	// Clocks were changed nearby: an hour of the year is not there, another is
	// there twice.
	wall, err := time.Parse(t.Layout, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q is not written as %q", s, t.Layout)
	}
	if !sameClock(at, wall) {
		return time.Time{}, fmt.Errorf("time %q does not exist in %s: clocks were put forward over it", s, t.Zone)
	}
	for _, d := range []time.Duration{-time.Hour, -30 * time.Minute, 30 * time.Minute, time.Hour} {
		if sameClock(at.Add(d), wall) {
			return time.Time{}, fmt.Errorf("time %q is there twice in %s, as clocks were put back: which one is meant cannot be told; have the times written in UTC", s, t.Zone)
		}
	}
	return at, nil
}

// sameClock reports whether calendars and clocks read the same at a and b, each
// in its own zone.
func sameClock(a, b time.Time) bool {
	const clock = "2006-01-02 15:04:05.999999999"
	return a.Format(clock) == b.Format(clock)
}

func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds
}

// carriesZone reports whether stamps of that layout say how far they are from
// UTC.
func carriesZone(layout string) bool {
	return strings.Contains(layout, "Z07") || strings.Contains(layout, "-07") || layout == unixSeconds || layout == unixMillis
}

// resolution says what a layout can tell apart.
type resolution uint8

const (
	nothing resolution = iota
	days
	hours
	minutes
)

func resolve(layout string) resolution {
	full := time.Date(2021, 11, 28, 17, 43, 0, 0, time.UTC)
	for _, c := range []struct {
		probe time.Time
		is    resolution
	}{{full, minutes}, {full.Truncate(time.Hour), hours}, {full.Truncate(24 * time.Hour), days}} {
		if back, err := time.Parse(layout, c.probe.Format(layout)); err == nil && back.Equal(c.probe) {
			return c.is
		}
	}
	return nothing
}
