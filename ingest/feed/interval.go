package feed

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Notation is how a column writes intervals.
type Notation string

// The notations.
const (
	// HoursMinutes is SL 323's: the hours before the point, the minutes behind it
	// in two digits, so that 0.05 is 5 min and 0.5, which is 0.50 without its last
	// zero, is 50 min and not half an hour.
	HoursMinutes Notation = "HH.mm"
	Seconds      Notation = "seconds"
	Minutes      Notation = "minutes"
	Hours        Notation = "hours" // decimal
	ISO8601      Notation = "ISO 8601"
)

// Notations lists the notations.
var Notations = []Notation{HoursMinutes, Seconds, Minutes, Hours, ISO8601}

// maxInterval only keeps arithmetic in bounds: what rain may be over is the
// normalizer's to judge.
const maxInterval = 10 * 366 * 24 * time.Hour

var (
	hoursMinutes = regexp.MustCompile(`^(\d{1,4})(?:\.(\d{1,2})0*)?$`)
	iso8601      = regexp.MustCompile(`^P(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?$`)
)

// parse reads an interval.
func (n Notation) parse(s string) (time.Duration, error) {
	switch n {
	case HoursMinutes:
		m := hoursMinutes.FindStringSubmatch(s)
		if m == nil {
			return 0, fmt.Errorf("interval %q is not written as HH.mm, such as 1.00 for an hour and 0.05 for 5 min", s)
		}
		hours, _ := strconv.Atoi(m[1]) // only digits
		minutes := 0
		if m[2] != "" {
			minutes, _ = strconv.Atoi((m[2] + "0")[:2])
		}
		if minutes > 59 {
			return 0, fmt.Errorf("interval %q is not written as HH.mm: %d minutes; if these are decimal hours, state notation: hours", s, minutes)
		}
		return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute, nil
	case ISO8601:
		m := iso8601.FindStringSubmatch(s)
		if m == nil || s == "P" || strings.HasSuffix(s, "T") {
			return 0, fmt.Errorf("interval %q is not written as in ISO 8601, such as PT1H or PT5M", s)
		}
		var d time.Duration
		for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
			v, _ := strconv.Atoi(m[i+1]) // digits, or nothing for 0
			d += time.Duration(v) * unit
		}
		return d, nil
	default:
		unit := map[Notation]time.Duration{Seconds: time.Second, Minutes: time.Minute, Hours: time.Hour}[n]
		v, err := number(s, false)
		if err != nil || v < 0 || v*float64(unit) > float64(maxInterval) {
			return 0, fmt.Errorf("interval %q is no number of %s", s, n)
		}
		return time.Duration(math.Round(v*unit.Seconds())) * time.Second, nil
	}
}

// parseClock reads a time of day such as 08:00.
func parseClock(s string) (time.Duration, error) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("%q is no time of day such as 08:00", s)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// end returns the boundary that the stamp t of a day's total means, and the
// length of that day; false if t is not at a boundary. A stamp without a time of
// day means the boundary on its date.
func (d *Day) end(t time.Time, dateOnly, atStart bool) (time.Time, time.Duration, bool) {
	boundary := func(y int, m time.Month, day int) time.Time {
		return time.Date(y, m, day, int(d.Ends/time.Hour), int(d.Ends%time.Hour/time.Minute), 0, 0, d.Zone)
	}
	var at time.Time
	if dateOnly {
		at = boundary(t.Date()) // t is in the zone of the stamps: the date is as written
	} else if at = boundary(t.In(d.Zone).Date()); !at.Equal(t) {
		return time.Time{}, 0, false
	}
	y, m, day := at.Date()
	if atStart {
		to := boundary(y, m, day+1)
		return to, to.Sub(at), true
	}
	return at, at.Sub(boundary(y, m, day-1)), true
}
