package sl651

import (
	"fmt"
	"math"
	"time"

	"freshet/internal/hydro"
)

const slot = 5 * time.Minute

// array takes the twelve five-minute values of an hour.
func (r *reader) array(g *Group, e Element) {
	v, ok, err := g.Slots()
	isRain := g.Form == Rains
	variable := hydro.WaterLevel
	if isRain {
		variable = hydro.Rain
	}
	if err != nil {
		r.problem(e, variable, hydro.NotFinite, "%v", err)
		return
	}
	var base Base
	switch {
	case isRain && (r.st.Rain != idRains || !r.m.Function.carries()):
		r.extra(e, math.NaN(), joinSlots(v, ok, 10, 1))
		return
	case !isRain:
		base = r.st.Bases[g.ID-idLevels1]
		if !base.Set || !r.m.Function.carries() {
			r.extra(e, math.NaN(), joinSlots(v, ok, 100, 2))
			if g.ID == idLevels1 && anyOK(ok) && r.m.Function.carries() {
				r.problem(e, variable, hydro.DatumMissing, "relative levels without a base level: set bases: {F5: ...} to the station's parameter 28")
			}
			return
		}
	}
	if !r.atKnown {
		r.problem(e, variable, hydro.TimeMissing, "twelve values without an observation time: mend the station")
		return
	}
	filled := fill(v, ok, isRain, r.st.Zeros)
	first, last, why := arrayTimes(r.st.Arrays, r.at, r.out.Sent, isRain, filled)
	if why != "" {
		r.problem(e, variable, hydro.TimeMissing, "%s: set array_start of the station: %s", why, joinSlots(v, ok, map[bool]float64{true: 10, false: 100}[isRain], 2))
		return
	}
	missing := 0
	observed := r.at
	for i := range v {
		at := first.Add(time.Duration(i) * slot)
		if i > last {
			if filled[i] && v[i] != 0 {
				r.problem(e, variable, hydro.TimeInFuture, "value %d of 12 lies behind the observation time and is not taken: check array_start of the station", i+1)
			}
			continue
		}
		if !filled[i] {
			missing++
			continue
		}
		r.at = at
		if isRain {
			r.emit(e, hydro.Rain, 0, float64(v[i])/10, at, slot)
			continue
		}
		r.levels = append(r.levels, level{
			address: r.address, class: r.class, st: r.st, element: e, relative: true, at: at, value: base.Metres + float64(v[i])/100,
		})
	}
	r.at = observed
	if missing > 0 {
		r.problem(e, variable, hydro.MissingValue, "%d of 12 values are no values: look after the sensor", missing)
	}
}

func anyOK(ok [slots]bool) bool {
	for _, o := range ok {
		if o {
			return true
		}
	}
	return false
}

// fill says which slots hold values: of levels, zeros may stand for none.
func fill(v [slots]int, ok [slots]bool, isRain bool, rule ZeroLevels) [slots]bool {
	if isRain || rule == ZeroValue {
		return ok
	}
	if rule == ZeroMissing {
		for i := range v {
			ok[i] = ok[i] && v[i] != 0
		}
		return ok
	}
	for i := slots - 1; i >= 0 && (v[i] == 0 || !ok[i]); i-- { // zeros behind the last value that is none
		if i == 0 {
			return ok // nothing but zeros: the level may be at its base
		}
		if !ok[i-1] || v[i-1] == 0 {
			continue
		}
		for j := i; j < slots; j++ {
			ok[j] = ok[j] && v[j] != 0
		}
		break
	}
	return ok
}

// arrayTimes returns the time of the first slot and the number of the last one
// that may hold a value, or why it cannot.
func arrayTimes(rule ArrayStart, at, sent time.Time, isRain bool, filled [slots]bool) (first time.Time, last int, why string) {
	minute := at.Minute()
	wait := sent.Sub(at)
	if rule == StartAuto {
		if sent.IsZero() {
			return first, 0, "the send time is none, so what the observation time stands for cannot be told"
		}
		switch {
		case minute == 5 && wait >= 50*time.Minute:
			rule = StartFirst
		case minute == 0 && wait >= -time.Minute && wait <= slot:
			rule = StartEnd
		case minute == 0 || minute == 5 && wait > slot:
			return first, 0, fmt.Sprintf("observed %s and sent %s: whether the observation time is that of the first value or of the last cannot be told", at.Format("15:04"), sent.Format("15:04"))
		default:
			rule = StartHour
		}
	}
	switch rule {
	case StartFirst:
		return at, slots - 1, ""
	case StartEnd:
		return at.Add(-(slots - 1) * slot), slots - 1, ""
	default:
	}
	if minute == 0 { // the hour is over
		return at.Add(-(slots - 1) * slot), slots - 1, ""
	}
	// A rain's first slot ends five minutes after the hour's beginning. Of levels,
	// some stations put the one on the hour first: then one slot more is filled.
	hour := at.Add(-time.Duration(minute)*time.Minute - time.Duration(at.Second())*time.Second)
	n := minute / 5
	if !isRain {
		count := 0
		for i, f := range filled {
			if f {
				count = i + 1
			}
		}
		if count == n+1 {
			return hour, n, ""
		}
	}
	return hour.Add(slot), n - 1, ""
}

// tolerance is how far a relative level may be from the level of the same
// instant, m: it is rounded to cm. One that is further than gross is on another
// base.
const (
	tolerance = 0.02
	gross     = 0.10
)

// settleLevels decides which element is each station's water level, and leaves
// out relative levels of an instant that has a level.
func (r *reader) settleLevels() {
	type instant struct {
		address Address
		at      int64
	}
	has := map[Address]map[ID]bool{}
	for i := range r.levels {
		l := &r.levels[i]
		if !l.relative {
			if has[l.address] == nil {
				has[l.address] = map[ID]bool{}
			}
			has[l.address][l.element.ID] = true
		}
	}
	taken := map[instant]float64{}
	for i := range r.levels {
		l := &r.levels[i]
		if l.relative || l.missing {
			continue
		}
		r.resume(l)
		if l.element.ID != levelElement(l, has[l.address]) || !canCarryLevel(l.st) {
			r.extraAt(l.element, l.at, l.value, "")
			continue
		}
		taken[instant{l.address, l.at.Unix()}] = l.value
		r.emit(l.element, hydro.WaterLevel, 0, l.value, l.at, 0)
	}
	// A base level that does not agree with the station's own is told, and what it
	// would make of the array is not taken if it is plainly wrong.
	wrong := map[Address]bool{}
	for i := range r.levels {
		l := &r.levels[i]
		v, twice := taken[instant{l.address, l.at.Unix()}]
		if !l.relative || !twice || l.sensor() != 0 || math.Abs(v-l.value) <= tolerance {
			continue
		}
		r.resume(l)
		reason, fate := hydro.RefusalReason(0), "the levels are taken"
		if math.Abs(v-l.value) > gross {
			wrong[l.address] = true
			reason, fate = hydro.DatumMismatch, "the relative levels are not taken"
		}
		r.problem(l.element, hydro.WaterLevel, reason, "base level and relative level make %.2f m, the level of the same instant is %.3f m; %s; check the base level in the settings against the station's parameter 28", l.value, v, fate)
		r.last().Value = l.value
	}
	for i := range r.levels {
		l := &r.levels[i]
		if _, twice := taken[instant{l.address, l.at.Unix()}]; !l.relative || l.sensor() == 0 && (twice || wrong[l.address]) {
			continue
		}
		r.resume(l)
		if !canCarryLevel(l.st) {
			r.extraAt(l.element, l.at, l.value, "")
			continue
		}
		r.emit(l.element, hydro.WaterLevel, l.sensor(), l.value, l.at, 0)
	}
}

// sensor returns the sensor of a relative level's channel.
func (l *level) sensor() uint8 { return l.st.Bases[l.element.ID-idLevels1].Sensor }

// resume goes back to the station and time of a level.
func (r *reader) resume(l *level) {
	r.address, r.class, r.st, r.at, r.atKnown = l.address, l.class, l.st, l.at, true
}

func canCarryLevel(s *Station) bool {
	return s.Department != hydro.Weather
}

// levelElement returns which element is the water level of a station.
func levelElement(l *level, has map[ID]bool) ID {
	if l.st.Level != 0 {
		return l.st.Level
	}
	prefer, other := ID(0x39), ID(0x3B)
	if l.class.dammed() {
		prefer, other = other, prefer
	}
	if has[prefer] {
		return prefer
	}
	return other
}
