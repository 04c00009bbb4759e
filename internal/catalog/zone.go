package catalog

import (
	"fmt"
	"time"
	_ "time/tzdata" // the same zones on every machine, also on one that has none

	"freshet/internal/hydro"
)

// ParseZone returns the zone of an IANA name ("Asia/Shanghai") or of an offset
// ("+08:00", "-06:00", "UTC").
func ParseZone(s string) (*time.Location, error) {
	switch s {
	case "":
		return nil, fmt.Errorf("zone: not stated: %w", hydro.ErrInvalid)
	case "UTC", "Z":
		return time.UTC, nil
	case "Local":
		return nil, fmt.Errorf("zone %q differs from machine to machine; name it: %w", s, hydro.ErrInvalid)
	}
	if s[0] == '+' || s[0] == '-' {
		t, err := time.Parse("-07:00", s)
		if err != nil {
			return nil, fmt.Errorf("zone %q is neither an offset such as +08:00 nor an IANA name: %w", s, hydro.ErrInvalid)
		}
		_, seconds := t.Zone()
		return time.FixedZone(s, seconds), nil
	}
	loc, err := time.LoadLocation(s)
	if err != nil {
		return nil, fmt.Errorf("zone %q is neither an offset such as +08:00 nor an IANA name: %w", s, hydro.ErrInvalid)
	}
	return loc, nil
}
