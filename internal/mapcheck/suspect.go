package mapcheck

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/ingest/feed"
	"freshet/ingest/quality"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const (
	fewest     = 6             // values until they can all be suspiciously alike
	zoneOff    = 8 * time.Hour // Beijing time less UTC
	zoneSlack  = 30 * time.Minute
	listed     = 3    // how many stations a sentence names
	mostMedian = 2000 // values of a column that its median is taken of
)

// suspects collects what is suspicious of values that would be taken.
type suspects struct {
	opts    Options
	f       *feed.File
	columns map[string]*column
	series  map[hydro.Key]*seen
	newest  map[string]time.Time // by station
	refused map[string]bool      // columns with values that are refused, and so told of already
	old     time.Time            // the newest of the values that are too old
	ratios  []float64            // stored volume over that of the level, by reservoirs' curves
	curve   string               // one of these reservoirs
	offset  map[string]*converted
	twice   int
	first   string // of twice
}

// A column is what is remembered of one of the map's columns.
type column struct {
	*feed.Column
	n, outside int // of values with a range in the catalogue
	inside     map[string]int
	values     []float64 // not 0
	whole      int       // of these
	all        int
	equal      bool
	one        float64
	above      int // rain above the wall
}

// seen is what is remembered of one series.
type seen struct {
	n        int
	at       time.Time
	value    float64
	overlaps int // rows whose interval reaches behind the row before
	step     time.Duration
	over     time.Duration
}

type converted struct {
	station  *catalog.Station
	declared hydro.Datum
	n        int
}

func newSuspects(f *feed.File, opts Options) *suspects {
	s := &suspects{opts: opts, f: f, columns: map[string]*column{}, series: map[hydro.Key]*seen{}, newest: map[string]time.Time{}, refused: map[string]bool{}, offset: map[string]*converted{}}
	for i := range f.Columns {
		c := &f.Columns[i]
		s.columns[name(c.Column, c.Variable)] = &column{Column: c, inside: map[string]int{}, equal: true}
	}
	return s
}

func name(field string, v hydro.Variable) string { return field + "\x00" + v.String() }

// value notes a value that would be taken.
func (s *suspects) value(v *Value) {
	c := s.columns[name(v.Field, v.Variable)]
	if c == nil {
		return
	}
	if c.all++; c.all == 1 {
		c.one = v.Value
	}
	c.equal = c.equal && v.Value == c.one
	if v.Value != 0 && len(c.values) < mostMedian {
		c.values = append(c.values, math.Abs(v.Value))
		if v.Value == math.Trunc(v.Value) {
			c.whole++
		}
	}
	if v.Variable == hydro.Rain {
		if _, wall := quality.RainLimits(v.Interval); v.Value > wall {
			c.above++
		}
	}
	station := cmp.Or(v.Station, v.Named)
	s.inRange(c, v, station)
	if len(s.newest) < maxSeries || !s.newest[station].IsZero() {
		if v.At.After(s.newest[station]) {
			s.newest[station] = v.At
		}
	}
	k := hydro.Key{Station: station, Variable: v.Variable, Sensor: v.Sensor}
	one := s.series[k]
	if one == nil {
		if len(s.series) >= maxSeries {
			return
		}
		one = &seen{}
		s.series[k] = one
	} else {
		d := v.At.Sub(one.at)
		if d == 0 && v.Value != one.value {
			if s.twice++; s.first == "" {
				s.first = fmt.Sprintf("%s %s", station, v.At.In(beijing).Format("2006-01-02 15:04"))
			}
		}
		if d > 0 && v.Interval > d+d/5 {
			one.overlaps++
			one.step, one.over = d, v.Interval
		}
	}
	one.n++
	one.at, one.value = v.At, v.Value
}

// refusal notes a value that would not be taken.
func (s *suspects) refusal(v *Value) {
	s.refused[v.Field] = true
	if v.Reason == hydro.TimeTooOld.String() && v.At.After(s.old) {
		s.old = v.At
	}
}

// inRange holds a value against the catalogue's range, in the map's unit and in
// the others that the column could be in.
func (s *suspects) inRange(c *column, v *Value, id string) {
	if s.opts.Catalog == nil {
		return
	}
	station, ok := s.opts.Catalog.Station(id)
	if !ok {
		return
	}
	if v.Datum != "" && v.Datum != station.Datum.Name {
		o := s.offset[id]
		if o == nil {
			o = &converted{station: station, declared: v.Datum}
			s.offset[id] = o
		}
		o.n++
	}
	p, _ := station.Parameter(v.Variable, v.Sensor)
	if !p.Limits.HasRange || v.Variable.Amount() {
		return
	}
	c.n++
	if v.Value >= p.Limits.Low && v.Value <= p.Limits.High {
		return
	}
	c.outside++
	v.Range = []float64{p.Limits.Low, p.Limits.High}
	for unit, factor := range feed.Units(v.Variable) {
		if x := v.Value * factor / s.factor(c); x >= p.Limits.Low && x <= p.Limits.High {
			c.inside[unit]++
		}
	}
}

// factor returns the factor from the column's written unit to the variable's own.
func (s *suspects) factor(c *column) float64 {
	carried := map[hydro.Unit]float64{hydro.TenthMM: 0.1, hydro.CubicMetre: 1e-6, hydro.WanCubicMetre: 0.01, hydro.YiCubicMetre: 100}
	return c.Factor * cmp.Or(carried[c.Unit], 1)
}

// row holds the level and the volume of one row of a reservoir against each
// other.
func (s *suspects) row(values []Value) {
	if s.opts.Catalog == nil || len(s.ratios) >= mostMedian {
		return
	}
	var level, storage *Value
	for i := range values {
		switch v := &values[i]; v.Variable {
		case hydro.WaterLevel:
			level = v
		case hydro.Storage:
			storage = v
		default:
		}
	}
	if level == nil || storage == nil || level.Station != storage.Station {
		return
	}
	for i := range s.opts.Catalog.Basins {
		for _, r := range s.opts.Catalog.Basins[i].Reservoirs {
			if r.Station != level.Station {
				continue
			}
			if v, ok := volume(r.Storage, level.Value); ok && v > 0 {
				s.ratios, s.curve = append(s.ratios, storage.Value/v), r.Station
			}
		}
	}
}

// volume returns the volume at a level, within the curve.
func volume(curve []catalog.LevelVolume, level float64) (float64, bool) {
	for i := 1; i < len(curve); i++ {
		a, b := curve[i-1], curve[i]
		if level >= a.Level && level <= b.Level && b.Level > a.Level {
			return a.Volume + (b.Volume-a.Volume)*(level-a.Level)/(b.Level-a.Level), true
		}
	}
	return 0, false
}

var beijing = time.FixedZone("+08:00", int(zoneOff/time.Second))

// tell adds the suspicions to the report.
func (s *suspects) tell(r *Report) {
	say := func(kind, zh, en string) { r.Suspicions = append(r.Suspicions, Suspicion{kind, zh, en}) }
	// A replay takes the department of each station from the catalogue.
	fixed := s.opts.Catalog != nil && !slices.ContainsFunc(s.f.Columns, func(c feed.Column) bool { return c.Station == "" })
	if r.Department == "" && !fixed {
		say("department", "映射没有写 department：网关不知道以哪个部门的名义上报", "the map states no department: a gateway would not know on whose behalf to send")
	}
	if r.Unclaimed > 0 {
		say("unclaimed", fmt.Sprintf("有 %d 行不属于任何列：请核对各列的 where", r.Unclaimed), fmt.Sprintf("%d rows belong to no column: check the columns' where", r.Unclaimed))
	}
	s.clocks(r, say)
	for _, k := range slices.Sorted(maps.Keys(s.columns)) {
		s.column(s.columns[k], r, say)
	}
	s.spacing(say)
	s.datums(say)
	s.curves(say)
	if s.twice > 0 {
		say("twice", fmt.Sprintf("同一测站同一时刻有 %d 次不同的值（首次：%s）：后到的作为修正；是否少写了 where 或闸门编号？", s.twice, s.first),
			fmt.Sprintf("%d times one instant of a series has another value (first: %s): the later would count as a correction; is a where or a gate's number missing?", s.twice, s.first))
	}
}

// clocks looks for stamps that are off by the eight hours between UTC and
// Beijing time.
func (s *suspects) clocks(r *Report, say func(kind, zh, en string)) {
	ahead := 0
	for i := range r.Reasons {
		if r.Reasons[i].Reason == hydro.TimeInFuture.String() {
			ahead = r.Reasons[i].Count
			if d := r.Reasons[i].First.At.Sub(s.opts.Now); d <= zoneOff+zoneSlack {
				say("future", fmt.Sprintf("有 %d 个值的时间在未来，首个超前 %s：北京时间被当作 UTC 时正是如此，请核对 zone", ahead, span(d)),
					fmt.Sprintf("%d values lie in the future, the first by %s: that is how Beijing time read as UTC looks; check zone", ahead, short(d)))
			}
		}
	}
	if r.To.IsZero() {
		if !s.old.IsZero() {
			at := s.old.In(beijing).Format("2006-01-02T15:04:05-07:00")
			say("old", "没有一个值够新：若样本是旧的，可用 --now "+at+" 按当时判断", "no value is new enough: if this is a sample of the past, judge it as of then, by --now "+at)
		}
		return
	}
	if d := s.opts.Now.Sub(r.To); ahead == 0 && (d-zoneOff).Abs() <= zoneSlack {
		say("late", fmt.Sprintf("最新的时间是 %s 以前：UTC 被当作北京时间时正是如此，请核对 zone", span(d)),
			fmt.Sprintf("the newest stamp is %s old: that is how UTC read as Beijing time looks; check zone", short(d)))
	}
	if len(s.newest) < 3 {
		return
	}
	all := slices.SortedFunc(maps.Values(s.newest), time.Time.Compare)
	middle := all[len(all)/2]
	var off []string
	for _, station := range slices.Sorted(maps.Keys(s.newest)) {
		if d := s.newest[station].Sub(middle).Abs(); (d - zoneOff).Abs() <= zoneSlack/2 {
			off = append(off, station)
		}
	}
	if len(off) > 0 {
		say("zone", fmt.Sprintf("%s 与其他测站的最新时间相差 8 小时：时区是否不同？", list(off)), fmt.Sprintf("%s: the newest stamps are 8 h from those of the other stations; is their zone another?", list(off)))
	}
}

// column tells what is suspicious of one of the map's columns.
func (s *suspects) column(c *column, r *Report, say func(kind, zh, en string)) {
	where := c.Column.Column
	if c.all == 0 {
		if r.Rows > r.LeftOut && !s.refused[where] {
			say("empty", fmt.Sprintf("列 %s（%s）没有一个值：列名或 where 是否正确？", where, c.Variable), fmt.Sprintf("the column %s (%s) has no value in any row: is its name, or where, right?", where, c.Variable))
		}
		return
	}
	rain := c.Variable == hydro.Rain
	if c.equal && c.all >= fewest && (!rain || c.one != 0) {
		zero, zeroZH := "", ""
		if c.one == 0 {
			zero, zeroZH = "; is NULL written as 0?", "；是否把 NULL 写成了 0？"
		}
		say("equal", fmt.Sprintf("列 %s 的 %d 个值都是 %g%s", where, c.all, c.one, zeroZH), fmt.Sprintf("all %d values of %s are %g%s", c.all, where, c.one, zero))
	}
	if c.n >= listed && 2*c.outside > c.n {
		best := ""
		for _, unit := range slices.Sorted(maps.Keys(c.inside)) {
			if best == "" || c.inside[unit] > c.inside[best] {
				best = unit
			}
		}
		if best != "" && 10*c.inside[best] >= 9*c.outside {
			say("unit", fmt.Sprintf("列 %s 有 %d/%d 个值超出目录给出的范围，若单位为 %s 则在范围内：单位是否写错？", where, c.outside, c.n, best),
				fmt.Sprintf("%d of %d values of %s are outside the stations' ranges, but would be inside if they were in %s: is the unit right?", c.outside, c.n, where, best))
		} else {
			say("range", fmt.Sprintf("列 %s 有 %d/%d 个值超出目录给出的范围：单位、基面或编码是否写错？", where, c.outside, c.n),
				fmt.Sprintf("%d of %d values of %s are outside the stations' ranges: is the unit, the datum or a code wrong?", c.outside, c.n, where))
		}
	} else if typical := median(c.values); len(c.values) >= listed && typical > large(c.Variable) {
		say("large", fmt.Sprintf("列 %s 的值多在 %g %s 左右：单位是否写错？", where, typical, c.Variable.Unit()), fmt.Sprintf("values of %s are about %g %s: is the unit right?", where, typical, c.Variable.Unit()))
	}
	switch {
	case !rain || c.Unit != hydro.UnitOwn || c.Factor != 1:
	case c.above > 0:
		say("large", fmt.Sprintf("列 %s 有 %d 个雨量超过物理可能的强度：单位是否为 0.1 mm，时段长是否正确？", where, c.above), fmt.Sprintf("%d values of %s are more rain than can fall in their interval: is the unit 0.1 mm, or the interval longer?", c.above, where))
	case len(c.values) >= fewest && c.whole == len(c.values) && median(c.values) >= 5:
		say("tenths", fmt.Sprintf("列 %s 的雨量都是整数，中位数 %g mm：单位是否为 0.1 mm？", where, median(c.values)), fmt.Sprintf("all rain of %s is in whole numbers, half of it above %g mm: is the unit 0.1 mm?", where, median(c.values)))
	}
}

// large is above what typical values of a variable are suspicious anywhere in
// the lowlands that Freshet is for.
func large(v hydro.Variable) float64 {
	switch v {
	case hydro.WaterLevel:
		return 1000
	case hydro.GateOpening:
		return 30
	case hydro.Storage:
		return 45_000 // Three Gorges holds 39,300
	case hydro.Discharge, hydro.Inflow, hydro.Outflow:
		return 100_000
	default:
		return math.Inf(1)
	}
}

// spacing looks for amounts that overlap.
func (s *suspects) spacing(say func(kind, zh, en string)) {
	var overlap []string
	var one *seen
	for _, k := range slices.SortedFunc(maps.Keys(s.series), func(a, b hydro.Key) int { return cmp.Compare(a.String(), b.String()) }) {
		if v := s.series[k]; v.overlaps > 0 && 2*v.overlaps >= v.n-1 {
			overlap = append(overlap, k.Station)
			if one == nil {
				one = v
			}
		}
	}
	if len(overlap) == 0 {
		return
	}
	overlap = slices.Compact(overlap)
	say("overlap", fmt.Sprintf("%s：每 %s 一行，但每行雨量的时段长为 %s，时段互相重叠：时段长是否写错，或为累计值？", list(overlap), one.step, one.over),
		fmt.Sprintf("%s: a row every %s, each over %s, so that they overlap: is the interval wrong, or is this a running total?", list(overlap), short(one.step), short(one.over)))
}

func (s *suspects) datums(say func(kind, zh, en string)) {
	for _, id := range slices.Sorted(maps.Keys(s.offset)) {
		o := s.offset[id]
		say("datum", fmt.Sprintf("%s：映射写的基面是 %s，测站基面是 %s，%d 个值按目录的换算值换算；请确认数据确为 %s", id, o.declared, o.station.Datum.Name, o.n, o.declared),
			fmt.Sprintf("%s: the map states the datum %s, the station's is %s; %d values are converted by the catalogue's offset. Make sure that they are on %s", id, o.declared, o.station.Datum.Name, o.n, o.declared))
	}
}

// curves tells of stored volumes that do not fit their levels.
func (s *suspects) curves(say func(kind, zh, en string)) {
	if len(s.ratios) < listed {
		return
	}
	typical := median(s.ratios)
	if math.Abs(typical-1) <= 0.1 {
		return
	}
	say("curve", fmt.Sprintf("%s 等：蓄水量是水位—库容曲线所得的 %.3g 倍：蓄水量单位（万 m³ 与 10⁶ m³ 差 100 倍）、水位基面或曲线是否有误？", s.curve, typical),
		fmt.Sprintf("%s and the like: the stored volume is %.3g times that of the level by the storage curve: is the unit (1e4 m3 for 1e6 m3 is 100 times), the datum or the curve wrong?", s.curve, typical))
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func list(names []string) string {
	if len(names) <= listed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s … (%d)", strings.Join(names[:listed], ", "), len(names))
}

// short prints a duration without its zero parts.
func short(d time.Duration) string {
	d = d.Round(time.Minute)
	h, m := int(d/time.Hour), int(d%time.Hour/time.Minute)
	switch {
	case h == 0:
		return fmt.Sprintf("%d min", m)
	case m == 0:
		return fmt.Sprintf("%d h", h)
	default:
		return fmt.Sprintf("%d h %02d min", h, m)
	}
}
