package ingest

import (
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// maxZones bounds the zones that Zones remember.
const maxZones = 256

// Zones remember the zones of local times, because looking one up reads a data
// base. The zero value is ready. They are not for use by many goroutines at once.
type Zones struct {
	known map[string]*time.Location // nil value: known to be no zone
}

// Instant returns the observation time of raw in UTC, to the millisecond, or why it
// has none.
func (z *Zones) Instant(raw *hydro.Raw) (time.Time, hydro.RefusalReason) {
	if !raw.At.IsZero() {
		return raw.At.Truncate(time.Millisecond).UTC(), 0
	}
	if raw.Local == "" {
		return time.Time{}, hydro.TimeMissing
	}
	f, ok := parseLocal(raw.Local)
	if !ok {
		return time.Time{}, hydro.TimeMissing
	}
	zone := z.find(raw.Zone)
	if zone == nil {
		return time.Time{}, hydro.ZoneUnknown
	}
	t := time.Date(f.year, time.Month(f.month), f.day, f.hour, f.minute, f.second, 0, zone)
	// February 30th, and the hour that a change to summer time leaves out.
	if t.Day() != f.day || t.Hour() != f.hour || t.Minute() != f.minute {
		return time.Time{}, hydro.TimeMissing
	}
	return t.UTC(), 0
}

// find returns the zone of that name, or nil if there is none.
func (z *Zones) find(name string) *time.Location {
	if zone, ok := z.known[name]; ok {
		return zone
	}
	if z.known == nil || len(z.known) >= maxZones {
		z.known = make(map[string]*time.Location)
	}
	zone, err := catalog.ParseZone(name)
	if err != nil {
		zone = nil
	}
	z.known[strings.Clone(name)] = zone // name may be part of a whole message
	return zone
}

type localTime struct{ year, month, day, hour, minute, second int }

// parseLocal reads "2006-01-02 15:04" and "2006-01-02 15:04:05".
func parseLocal(s string) (f localTime, ok bool) {
	const pattern = "0000-00-00 00:00:00"
	if len(s) != len("0000-00-00 00:00") && len(s) != len(pattern) {
		return f, false
	}
	for i := range len(s) {
		if digit := s[i]-'0' < 10; digit != (pattern[i] == '0') || !digit && s[i] != pattern[i] {
			return f, false
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	f = localTime{two(0)*100 + two(2), two(5), two(8), two(11), two(14), 0}
	if len(s) == len(pattern) {
		f.second = two(17)
	}
	return f, f.month >= 1 && f.month <= 12 && f.day >= 1 && f.day <= 31 && f.hour < 24 && f.minute < 60 && f.second < 60
}
