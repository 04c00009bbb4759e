package sl651

import (
	"fmt"
	"time"
)

// A Stamp is a local time as it is on the wire, two digits each: year, month,
// day, hour, minute and, of a send time, second. It need not be a time that
// exists.
type Stamp [6]byte

// StampOf returns the stamp of t in its own location.
func StampOf(t time.Time) Stamp {
	y, m, d := t.Date()
	return Stamp{bcd(y % 100), bcd(int(m)), bcd(d), bcd(t.Hour()), bcd(t.Minute()), bcd(t.Second())}
}

func bcd(v int) byte { return byte(v/10<<4 | v%10) }

// Time returns the instant that s is in a zone, in the years 2000 to 2099, or
// false if there is none.
func (s Stamp) Time(zone *time.Location) (time.Time, bool) {
	var f [6]int
	for i, b := range s {
		if b>>4 > 9 || b&15 > 9 {
			return time.Time{}, false
		}
		f[i] = int(b>>4)*10 + int(b&15)
	}
	t := time.Date(2000+f[0], time.Month(f[1]), f[2], f[3], f[4], f[5], 0, zone)
	if t.Day() != f[2] || int(t.Month()) != f[1] || t.Hour() != f[3] || t.Minute() != f[4] || t.Second() != f[5] {
		return time.Time{}, false
	}
	return t, true
}

// String writes "2017-07-18 11:00:16", also of what is no time.
func (s Stamp) String() string {
	return fmt.Sprintf("20%02X-%02X-%02X %02X:%02X:%02X", s[0], s[1], s[2], s[3], s[4], s[5])
}
