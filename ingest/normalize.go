package ingest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"freshet/ingest/reconcile"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A Normalizer turns the values of reports into canonical readings of one
// catalogue's stations. It never changes after New and may be shared.
type Normalizer struct {
	limits Limits
	cat    *catalog.Catalog
	// byName leads from a station's id or a department's code to the station:
	// one map for each department, because codes may repeat across departments.
	byName [maxDepartment + 1]map[string]*station
	basins int
}

const (
	maxDepartment = hydro.WaterResources
	maxVariable   = hydro.PanEvaporation
)

// A station is what the hot path needs to know of a catalog.Station.
type station struct {
	number      int // in the catalogue
	id          string
	basin       string
	basinNumber int
	department  hydro.Department
	declared    uint32      // bit v: variable v of sensor 0 is declared
	sensors     []sensorKey // declared parameters of other sensors
	counters    []uint8     // sensors whose rain follows from their rain counter
	fine        []uint8     // sensors whose rain comes in short intervals
	datum       hydro.Datum
	offsets     []catalog.DatumOffset
	assumed     bool // the station states an offset to NATIONAL_1985, but only as an assumption
}

type sensorKey struct {
	variable hydro.Variable
	sensor   uint8
}

// New prepares the normalizer of a catalogue. Zero limits take their defaults.
func New(cat *catalog.Catalog, limits Limits) *Normalizer {
	if limits.Future <= 0 {
		limits.Future = DefaultFuture
	}
	if limits.Past <= 0 {
		limits.Past = DefaultPast
	}
	n := &Normalizer{limits: limits, cat: cat}
	for d := range n.byName {
		n.byName[d] = make(map[string]*station)
	}
	numbers := make(map[string]int)
	stations := make([]station, len(cat.Stations))
	for i := range cat.Stations {
		c, s := &cat.Stations[i], &stations[i]
		number, ok := numbers[c.Basin]
		if !ok {
			number = len(numbers)
			numbers[c.Basin] = number
		}
		*s = station{number: i, id: c.ID, basin: c.Basin, basinNumber: number, department: c.Department, datum: c.Datum.Name}
		for _, p := range c.Parameters {
			if p.Variable == hydro.Rain && p.Interval > 0 && p.Interval <= FineRain {
				s.fine = append(s.fine, p.Sensor)
			}
			switch {
			case !c.Takes(p.Variable, p.Sensor):
				s.counters = append(s.counters, p.Sensor)
			case p.Sensor == 0:
				s.declared |= 1 << p.Variable
			default:
				s.sensors = append(s.sensors, sensorKey{p.Variable, p.Sensor})
			}
		}
		s.offsets = append(s.offsets, c.Datum.Accepts...)
		if to := c.Datum.To1985; to != nil && c.Datum.Name != hydro.National1985 {
			if c.Datum.To1985Assumed {
				s.assumed = true
			} else {
				s.offsets = append(s.offsets, catalog.DatumOffset{From: hydro.National1985, Add: -*to, Source: c.Datum.To1985Source})
			}
		}
		if int(c.Department) < len(n.byName) {
			for _, code := range c.Aliases {
				n.byName[c.Department][code] = s
			}
		}
	}
	n.basins = len(numbers)
	for i := range stations { // ids go before codes, as in catalog.Resolve
		for d := range n.byName {
			n.byName[d][stations[i].id] = &stations[i]
		}
	}
	return n
}

// Catalog returns the catalogue that n was made of.
func (n *Normalizer) Catalog() *catalog.Catalog { return n.cat }

// A Scope is the stations of a catalogue that somebody may write. It does not
// change.
type Scope struct{ may []bool } // by number

// Scope returns the stations for which may is true.
func (n *Normalizer) Scope(may func(*catalog.Station) bool) *Scope {
	s := &Scope{may: make([]bool, len(n.cat.Stations))}
	for i := range s.may {
		s.may[i] = may(&n.cat.Stations[i])
	}
	return s
}

// Normalize judges the values of one frame of department d at the instant now
// and replaces what out held. Every raw value becomes either one reading in
// out.Basins or one rejection. Accepted values allocate nothing once out has
// grown to the frame's size.
func (n *Normalizer) Normalize(d hydro.Department, raws []hydro.Raw, now time.Time, out *Result) {
	n.NormalizeWithin(nil, d, raws, now, out)
}

// NormalizeWithin is Normalize for somebody who may write only the stations of
// scope, which is one of n; nil holds all. What is said of any other station is
// refused and counted in out.NotAllowed, and nothing of it reaches out.Basins.
func (n *Normalizer) NormalizeWithin(scope *Scope, d hydro.Department, raws []hydro.Raw, now time.Time, out *Result) {
	out.reset(n.basins)
	if d > maxDepartment {
		d = 0
	}
	names := n.byName[d]
	latest, oldest := now.Add(n.limits.Future), now.Add(-n.limits.Past)
	var (
		name string   // of the value before: the values of one report stand together
		s    *station // and its station
		part *BasinResult
	)
	for i := range raws {
		raw := &raws[i]
		if s == nil || raw.Station != name {
			var ok bool
			if s, ok = names[raw.Station]; !ok {
				out.refuse(raw, nil, time.Time{}, hydro.UnknownStation, n.unknownStation(d, raw.Station))
				continue
			}
			if scope != nil && !scope.may[s.number] {
				s = nil
				out.NotAllowed++
				out.refuse(raw, nil, time.Time{}, hydro.NotAllowed, fmt.Sprintf("This gateway may not write station %q. Have it added to the gateway's token or certificate, or correct the mapping.", raw.Station))
				continue
			}
			name, part = raw.Station, nil
		}
		at, reason := out.zones.Instant(raw)
		switch {
		case s.department != d:
			reason = hydro.WrongDepartment
		case !s.declares(raw.Variable, raw.Sensor):
			reason = hydro.UnknownVariable
		case reason != 0:
		case at.After(latest):
			reason = hydro.TimeInFuture
		case at.Before(oldest):
			reason = hydro.TimeTooOld
		}
		if reason != 0 {
			out.refuse(raw, s, at, reason, n.explain(d, raw, s, at, now, reason))
			part = nil // refuse may have moved out.Basins
			continue
		}
		if part == nil {
			part = out.basin(s.basinNumber, s.basin)
		}
		k := len(part.Readings)
		if cap(part.Readings) == 0 { // a gateway's stations mostly are of one basin
			part.Readings = make([]hydro.Reading, 0, len(raws)-i)
		}
		if k < cap(part.Readings) {
			part.Readings = part.Readings[:k+1]
		} else {
			part.Readings = append(part.Readings, hydro.Reading{})
		}
		r := &part.Readings[k]
		r.Station, r.Variable, r.Sensor = s.id, raw.Variable, raw.Sensor
		r.At, r.Interval, r.Datum, r.Again = at, 0, hydro.NoDatum, false
		if reason = s.value(raw, r); reason != 0 {
			part.Readings = part.Readings[:k]
			out.refuse(raw, s, at, reason, n.explain(d, raw, s, at, now, reason))
			part = nil
			continue
		}
		out.Accepted++
	}
}

// declares reports whether the catalogue gives the station that parameter.
func (s *station) declares(v hydro.Variable, sensor uint8) bool {
	if sensor == 0 {
		return v <= maxVariable && s.declared&(1<<v) != 0
	}
	for _, k := range s.sensors {
		if k.variable == v && k.sensor == sensor {
			return true
		}
	}
	return false
}

// value fills the value, interval, datum and notes of r from raw, or says why
// it cannot.
func (s *station) value(raw *hydro.Raw, r *hydro.Reading) hydro.RefusalReason {
	if math.IsNaN(raw.Value) || math.IsInf(raw.Value, 0) {
		return hydro.NotFinite
	}
	v, notes, reason := Canonical(raw.Variable, raw.Unit, raw.Value)
	if reason != 0 {
		return reason
	}
	r.Raw, r.Value, r.Notes = v, v, notes
	switch raw.Variable {
	case hydro.Rain, hydro.PanEvaporation:
		if raw.Interval < MinRainInterval || raw.Interval > MaxRainInterval {
			return hydro.IntervalInvalid
		}
		if raw.Interval > DayTotal && s.dayBesideFine(raw) {
			return hydro.IntervalInvalid
		}
		r.Interval = raw.Interval
	case hydro.WaterLevel:
		if raw.Datum == hydro.NoDatum {
			return hydro.DatumMissing
		}
		r.Datum = s.datum
		if raw.Datum != s.datum {
			add, ok := s.offset(raw.Datum)
			if !ok {
				return hydro.DatumMismatch
			}
			r.Value += add
			r.Notes |= hydro.NoteDatumConverted
		}
	default:
	}
	if b := &possible[raw.Variable]; v < b.low || v > b.high {
		return hydro.ValueImpossible
	}
	return 0
}

// dayBesideFine reports whether raw is the total of a day from a gauge whose rain
// comes in short intervals: a series holds one value an instant, and the day's
// would stand for the last hour's.
func (s *station) dayBesideFine(raw *hydro.Raw) bool {
	return raw.Variable == hydro.Rain && slices.Contains(s.fine, raw.Sensor)
}

// offset returns what to add to a level on that datum.
func (s *station) offset(from hydro.Datum) (float64, bool) {
	for i := range s.offsets {
		if s.offsets[i].From == from {
			return s.offsets[i].Add, true
		}
	}
	return 0, false
}

// possible are the bounds of physics, in the variable's unit; what is merely
// doubtful is accepted and flagged by quality control. Discharge may be
// negative where the tide turns it, an inflow where it is computed from a water
// balance.
var possible = [maxVariable + 1]struct{ low, high float64 }{
	hydro.WaterLevel:     {-500, 9000},
	hydro.Discharge:      {-500_000, 500_000}, // the Amazon carries about 300,000
	hydro.Rain:           {0, 2000},           // the record for 24 h is 1,825 mm
	hydro.RainCounter:    {0, 100_000},
	hydro.Storage:        {0, 1_000_000}, // the largest reservoir holds about 200,000
	hydro.Inflow:         {-500_000, 500_000},
	hydro.Outflow:        {0, 500_000},
	hydro.GateOpening:    {0, 100},
	hydro.PanEvaporation: {0, 100}, // the sun above the air could evaporate 20 mm in a day
}

// Canonical returns v in the variable's own unit, with NoteTrace if it is a code
// for trace rain, or the reason why it is no value. Whoever converts a unit
// before the normalizer sees the value must ask first: −9999 cm would become a
// level.
//
// The codes are those of real feeds: 9999.999 and its like from RTUs (SL 651
// frames), FFFF read as a number, 32766, 32744, 32700 and 30xxx to 32xxx of
// surface record files, 999999, 999998 and 999990 of weather data interfaces.
func Canonical(variable hydro.Variable, unit hydro.Unit, v float64) (float64, hydro.Tests, hydro.RefusalReason) {
	switch variable {
	case hydro.Rain:
		return rain(unit, v)
	case hydro.PanEvaporation:
		if isNines(v, 4, 0) || isNines(v, 5, 0) || v == 999998 || v == 6553.5 || v == 65535 || v < 0 && isNines(v, 3, 0) {
			return 0, 0, hydro.MissingValue
		}
	case hydro.Storage:
		// 9999.9 万m³ is a volume, 9999.999 of any unit is not.
		if isNines(v, 4, 3) || v < 0 && isNines(v, 3, 0) {
			return 0, 0, hydro.MissingValue
		}
		switch unit {
		case hydro.UnitOwn:
			return v, 0, 0
		case hydro.CubicMetre:
			return v / 1e6, 0, 0
		case hydro.WanCubicMetre:
			return v / 100, 0, 0
		case hydro.YiCubicMetre:
			return v * 100, 0, 0
		default:
			return 0, 0, hydro.UnitUnknown
		}
	case hydro.WaterLevel, hydro.GateOpening:
		if isNines(v, 3, 0) && (v < 0 || v > 9000) || v == 65535 {
			return 0, 0, hydro.MissingValue
		}
	case hydro.RainCounter:
		if v == 999999 || v == 999998 || v == 65535 || isNines(v, 4, 3) || isNines(v, 5, 0) || v < 0 && isNines(v, 3, 0) {
			return 0, 0, hydro.MissingValue
		}
	default: // flows: 9999 and 9999.9 m³/s are flows of the Xijiang, 9999.999 is not
		if isNines(v, 4, 2) || isNines(v, 5, 0) || v < 0 && isNines(v, 4, 0) || v == 65535 {
			return 0, 0, hydro.MissingValue
		}
	}
	if unit > hydro.UnitOwn {
		return 0, 0, hydro.UnitUnknown
	}
	return v, 0, 0
}

// Sent returns a raw value as a comparison with the history counts it: its
// instant, and its value in the variable's unit, on the datum it was sent on. It
// is false for what no catalogue could make a reading of.
func Sent(raw *hydro.Raw, zones *Zones) (reconcile.Item, bool) {
	at, reason := zones.Instant(raw)
	if reason != 0 || math.IsNaN(raw.Value) || math.IsInf(raw.Value, 0) {
		return reconcile.Item{}, false
	}
	v, _, reason := Canonical(raw.Variable, raw.Unit, raw.Value)
	if reason != 0 {
		return reconcile.Item{}, false
	}
	item := reconcile.Item{At: at.UnixMilli(), Raw: v}
	if raw.Variable.Amount() {
		item.Interval = uint32(raw.Interval / time.Second)
	}
	return item, true
}

// rain is canonical for rain over an interval.
func rain(unit hydro.Unit, v float64) (float64, hydro.Tests, hydro.RefusalReason) {
	if v > 9000 || v < 0 {
		switch {
		case v == 999990:
			return 0, hydro.NoteTrace, 0
		case v == 999999, v == 999998, v == 65535, isNines(v, 5, 0), v < 0 && isNines(v, 3, 0):
			return 0, 0, hydro.MissingValue
		}
	}
	switch unit {
	case hydro.UnitOwn:
		if v == 6553.5 || v > 9000 && isNines(v, 4, 0) {
			return 0, 0, hydro.MissingValue
		}
		return v, 0, 0
	case hydro.TenthMM:
		switch {
		case v < 30000:
			return v / 10, 0, 0
		case v == 32766, v == 32744:
			return 0, 0, hydro.MissingValue
		case v == 32700:
			return 0, hydro.NoteTrace, 0
		case v < 32700: // 30xxx rain with snow, 31xxx snow, 32xxx fog and dew: the amount is in xxx
			return math.Mod(v, 1000) / 10, 0, 0
		}
		return 0, 0, hydro.ValueImpossible
	default:
		return 0, 0, hydro.UnitUnknown
	}
}

// isNines reports whether |v| is written with nines only: at least digits of
// them before the point, and behind it at least decimals and at most four.
func isNines(v float64, digits, decimals int) bool {
	a := math.Abs(v)
	if a < 999 || a >= 1e9 {
		return false
	}
	p, n := 1000.0, 3
	for a >= p {
		p, n = p*10, n+1
	}
	if n < digits {
		return false
	}
	gap := p - a // 1 for 9999, 0.001 for 9999.999
	for d, g := range [...]float64{1, 0.1, 0.01, 0.001, 0.0001} {
		if d >= decimals && math.Abs(gap-g) < g/100 {
			return true
		}
	}
	return false
}

func (n *Normalizer) unknownStation(d hydro.Department, name string) string {
	for other := range n.byName {
		if s, ok := n.byName[other][name]; ok && other != int(d) {
			return fmt.Sprintf("No station has the id or %s code %q; as a code of the %s department it names station %s. Correct the code or send it on that department's stream.", d, name, hydro.Department(other), s.id)
		}
	}
	return fmt.Sprintf("No station has the id or %s code %q. Add it to the catalogue or correct the code.", d, name)
}

// explain says why raw was refused: what, where, and how to mend it.
func (n *Normalizer) explain(d hydro.Department, raw *hydro.Raw, s *station, at, now time.Time, reason hydro.RefusalReason) string {
	value := strconv.FormatFloat(raw.Value, 'g', -1, 64)
	what := raw.Variable.String()
	if raw.Sensor != 0 {
		what += " of sensor " + strconv.Itoa(int(raw.Sensor))
	}
	switch reason {
	case hydro.WrongDepartment:
		return fmt.Sprintf("Station %s belongs to the %s department, not to %s. Send it on the %s stream.", s.id, s.department, d, s.department)
	case hydro.UnknownVariable:
		if raw.Variable == hydro.Rain && slices.Contains(s.counters, raw.Sensor) {
			return fmt.Sprintf("Station %s: %s follows from its rain counter; sent beside it, it would be counted against it. Send the counter alone, or take rain_counter out of the catalogue.", s.id, what)
		}
		return fmt.Sprintf("Station %s declares no %s in the catalogue. Declare the parameter or correct the mapping.", s.id, what)
	case hydro.MissingValue:
		return fmt.Sprintf("Station %s: %s %s is a code for \"no value\", so there is no reading. Nothing needs mending here.", s.id, what, value)
	case hydro.NotFinite:
		return fmt.Sprintf("Station %s: %s is %s, not a finite number. Mend the decoder.", s.id, what, value)
	case hydro.TimeMissing:
		if raw.Local != "" {
			return fmt.Sprintf("Station %s: %q in zone %q is not a local time that exists there, of the form \"2006-01-02 15:04\" or \"2006-01-02 15:04:05\". Mend the decoder.", s.id, raw.Local, raw.Zone)
		}
		return fmt.Sprintf("Station %s: %s has no observation time. State an instant, or a local time with its zone.", s.id, what)
	case hydro.TimeInFuture:
		return fmt.Sprintf("Station %s: %s at %s is %s ahead of the server's clock, at most %s is taken. Set the station's clock or its zone.", s.id, what, at.Format(time.RFC3339), at.Sub(now).Round(time.Second), n.limits.Future)
	case hydro.TimeTooOld:
		return fmt.Sprintf("Station %s: %s at %s is older than the %s taken live. Import it as history.", s.id, what, at.Format(time.RFC3339), n.limits.Past)
	case hydro.UnitUnknown:
		return fmt.Sprintf("Station %s: the unit of %s %s is not stated, or is not one of %s. State the unit.", s.id, what, value, raw.Variable)
	case hydro.ZoneUnknown:
		if raw.Zone == "" {
			return fmt.Sprintf("Station %s: the local time %q has no zone. State an IANA name such as \"Asia/Shanghai\" or an offset such as \"+08:00\".", s.id, raw.Local)
		}
		return fmt.Sprintf("Station %s: %q is not a zone. State an IANA name such as \"Asia/Shanghai\" or an offset such as \"+08:00\".", s.id, raw.Zone)
	case hydro.DatumMissing:
		return fmt.Sprintf("Station %s: the level %s m has no datum. State the datum; the station's own is %s.", s.id, value, orNone(s.datum))
	case hydro.DatumMismatch:
		return s.explainDatum(raw, value)
	case hydro.IntervalInvalid:
		if raw.Interval > DayTotal && raw.Interval <= MaxRainInterval && s.dayBesideFine(raw) {
			return fmt.Sprintf("Station %s: %s %s over %s is the total of a day, but the catalogue has the station report rain more often: the total would stand for the rain of the last of these intervals. Leave the total out of the mapping.", s.id, what, value, raw.Interval)
		}
		return fmt.Sprintf("Station %s: %s %s over an interval of %s. State an interval of 60 s to 24 h.", s.id, what, value, raw.Interval)
	case hydro.ValueImpossible:
		b := possible[raw.Variable]
		return fmt.Sprintf("Station %s: %s %s is impossible; possible are %g to %g %s. Mend the unit or the decoder.", s.id, what, value, b.low, b.high, raw.Variable.Unit())
	default:
		return fmt.Sprintf("Station %s: %s %s was refused (%s).", s.id, what, value, reason)
	}
}

func (s *station) explainDatum(raw *hydro.Raw, value string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Station %s: the level %s m is on datum %q, the station's datum is %s", s.id, value, string(raw.Datum), orNone(s.datum))
	if s.assumed && raw.Datum == hydro.National1985 {
		b.WriteString(", and its offset to NATIONAL_1985 is only assumed")
	} else {
		b.WriteString(", and the catalogue declares no offset between the two")
	}
	b.WriteString(". Report on the station's datum, or declare a surveyed offset under the station's datum in the catalogue.")
	return b.String()
}

func orNone(d hydro.Datum) string {
	if d == hydro.NoDatum {
		return "not declared"
	}
	return string(d)
}
