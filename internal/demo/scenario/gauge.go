package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// The losses of single reports, by chance.
const (
	lostShare      = 0.006
	lateShare      = 0.003
	twiceShare     = 0.010
	noValueShare   = 0.0015
	levelNoise     = 0.005 // m, standard deviation
	dischargeNoise = 0.02  // share
)

// A gauge turns the truth at one station into its reports.
type gauge struct {
	storm   *Storm
	station *catalog.Station
	r       *rand.Rand
	name    string // id or code, as its gateway knows it
	level   []float64
	flow    []float64
	pool    *reservoir
	x, y    float64
	rain    rainField

	stuckAt  float64 // the level that a stuck gauge shows
	bucket   float64 // mm that wait for the next tip
	tip      float64 // mm
	catchBy  float64 // share of the rain that the funnel catches
	counter  float64 // mm
	tenths   bool
	timeKind int
}

// Barrages stand on the river near a node: their pool rises with its flow.
var barrages = map[string]struct {
	node string
	pool float64
}{
	"g-encheng": {"enping", 6.4}, "g-tangzhou": {"enping", 5.2}, "g-jiangzhou": {"puqiao", 3.4}, "g-heshan": {"huangbutou", 2.2},
}

func (s *Storm) newGauge(st *catalog.Station, b *catalog.Basin, v *river, rain rainField, r *rand.Rand) (*gauge, error) {
	g := &gauge{storm: s, station: st, r: r, name: st.ID, rain: rain, stuckAt: math.NaN()}
	g.x, g.y = toPlane(st.Lon, st.Lat)
	g.tip = []float64{0.1, 0.1, 0.2, 0.5}[r.IntN(4)]
	g.catchBy = 0.94 + 0.1*r.Float64()
	g.counter = math.Round(200 + 300*r.Float64())
	g.tenths = r.IntN(2) == 0
	g.timeKind = r.IntN(3)
	if len(st.Aliases) > 0 && r.IntN(2) == 0 {
		g.name = st.Aliases[0]
	}
	for i := range b.Nodes {
		if b.Nodes[i].Gauge == st.ID {
			g.level, g.flow = v.level[b.Nodes[i].ID], v.flow[b.Nodes[i].ID]
			s.truth[st.ID], s.flow[st.ID] = g.level, g.flow
		}
	}
	switch st.Kind {
	case catalog.ReservoirStation:
		i := slices.IndexFunc(b.Reservoirs, func(x catalog.Reservoir) bool { return x.Station == st.ID })
		if i >= 0 {
			g.pool = v.pools[b.Reservoirs[i].ID]
		}
		if g.pool == nil { // a small one that stands at no node
			g.pool = smallPool(v)
		}
		g.level = make([]float64, steps)
		for k := range g.level {
			g.level[k] = g.pool.at(g.pool.volume[k])
		}
		s.truth[st.ID] = g.level
	case catalog.GateStation:
		w, ok := barrages[st.ID]
		if !ok {
			return nil, fmt.Errorf("scenario: nothing is told of the gate %q: %w", st.ID, hydro.ErrInvalid)
		}
		g.flow = v.flow[w.node]
		g.level = make([]float64, steps)
		for k := range g.level {
			g.level[k] = w.pool + 2.5*math.Pow(g.flow[k]/1500, 0.8)
		}
		s.truth[st.ID] = g.level
	case catalog.LevelStation, catalog.HydrologicalStation, catalog.TideStation:
		if g.level == nil {
			return nil, fmt.Errorf("scenario: nothing is told of the river at station %q: %w", st.ID, hydro.ErrInvalid)
		}
	case catalog.RainStation:
	}
	return g, nil
}

// smallPool is a reservoir of 40 km² in the 白沙水 that lets out a steady
// trickle and spills when it is full.
func smallPool(v *river) *reservoir {
	p := &reservoir{
		volume: make([]float64, steps), inflow: make([]float64, steps), outflow: make([]float64, steps),
		curve: []catalog.LevelVolume{{Level: 20, Volume: 1}, {Level: 30, Volume: 8}, {Level: 40, Volume: 25}},
	}
	q := v.flow["hezailang"]
	volume := 14.0
	for i := range steps {
		in := 5.0
		if i < len(q) {
			in = q[i] * 40 / 383
		}
		out := 2 + math.Max(0, volume-14)*9
		volume += (in - out) * step.Seconds() / 1e6
		p.volume[i], p.inflow[i], p.outflow[i] = volume, in, out
	}
	return p
}

// told reports whether the story has a fault of that kind at hour h, and its
// size.
func (g *gauge) told(kind FaultKind, h float64) (float64, bool) {
	for _, f := range story {
		if f.station == g.station.ID && f.kind == kind && h >= f.from-1e-9 && h < f.to-1e-9 {
			return f.by, true
		}
	}
	return 0, false
}

// report puts the station's reports into the frames. Chance is drawn for every
// step alike, so that one fault does not move all that follows.
func (g *gauge) report() {
	for i := range steps {
		h := float64(i) * stepHours
		lost, late, twice, noValue := g.r.Float64(), g.r.Float64(), g.r.Float64(), g.r.Float64()
		delay := 4 + g.r.IntN(33) // 20 min to 3 h
		message := g.measure(i, h, noValue < noValueShare)
		if _, silent := g.told(Silent, h); silent {
			continue
		}
		if _, gap := g.told(Gap, h); gap || lost < lostShare {
			continue
		}
		deliver := i
		if _, held := g.told(Late, h); held {
			for _, f := range story {
				if f.station == g.station.ID && f.kind == Late {
					deliver = int(math.Round((f.from + f.by) * 12))
				}
			}
		} else if late < lateShare {
			deliver = min(i+delay, steps-1)
		}
		g.deliver(deliver, message)
		if twice < twiceShare {
			g.deliver(min(deliver+1, steps-1), message)
		}
		if _, again := g.told(Duplicate, h); again {
			for _, f := range story {
				if f.station == g.station.ID && f.kind == Duplicate {
					g.deliver(int(math.Round(f.to*12)), message)
				}
			}
		}
	}
}

func (g *gauge) deliver(i int, message proto.Message) {
	f := &g.storm.frames[i]
	switch m := message.(type) {
	case *freshetv1.WeatherReport:
		f.Weather = append(f.Weather, m)
	case *freshetv1.HydrologyReport:
		f.Hydrology = append(f.Hydrology, m)
	case *freshetv1.WaterResourcesReport:
		f.WaterResources = append(f.WaterResources, m)
	}
}

// measure returns the report of step i, which is hour h.
func (g *gauge) measure(i int, h float64, noValue bool) proto.Message {
	if _, told := g.told(Sentinel, h); told {
		noValue = true
	}
	switch g.station.Department {
	case hydro.Weather:
		return g.weather(i, h, noValue)
	case hydro.WaterResources:
		return g.waterResources(i, h)
	default:
		return g.hydrology(i, h, noValue)
	}
}

// observedAt states the time in one of the three ways that the contract allows.
func (g *gauge) observedAt(i int) *freshetv1.ObservedAt {
	t := start.Add(time.Duration(i) * step)
	switch g.timeKind {
	case 0:
		return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_UnixMs{UnixMs: t.UnixMilli()}}
	case 1:
		return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Instant{Instant: timestamppb.New(t)}}
	}
	if g.station.Zone == "UTC" {
		return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Local{Local: t.Format("2006-01-02 15:04")}, Zone: "UTC"}
	}
	return &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Local{Local: t.Add(8 * time.Hour).Format("2006-01-02 15:04")}, Zone: "+08:00"}
}

// tipped returns the rain of step i as the gauge counts it: in whole tips, with
// what is left over kept for the next; trace says that there was rain, but no
// tip.
func (g *gauge) tipped(i int) (mm float64, trace bool) {
	// Rain at one place comes in gusts that no cell resolves: log-normal, mean 1.
	gust := math.Exp(0.35*g.r.NormFloat64() - 0.35*0.35/2)
	fell := g.rain.over(g.x, g.y, i) * g.catchBy * gust
	g.bucket += fell
	tips := math.Floor(g.bucket/g.tip + 1e-9)
	g.bucket -= tips * g.tip
	return round(tips*g.tip, 0.1), tips == 0 && fell > 0.01
}

func (g *gauge) weather(i int, h float64, noValue bool) *freshetv1.WeatherReport {
	mm, trace := g.tipped(i)
	traceShown := g.r.IntN(4) == 0
	if by, told := g.told(Spike, h); told {
		mm = by
	}
	m := &freshetv1.WeatherReport{Station: g.name, ObservedAt: g.observedAt(i), IntervalS: uint32(step.Seconds())}
	value, unit := mm, freshetv1.RainUnit_RAIN_UNIT_MM
	codes := [2]float64{999999, 999990}
	if g.tenths {
		value, unit = math.Round(mm*10), freshetv1.RainUnit_RAIN_UNIT_TENTH_MM
		codes = [2]float64{32766, 32700}
	}
	switch {
	case noValue:
		value = codes[0]
	case trace && traceShown:
		value = codes[1]
	}
	m.Rain, m.RainUnit = new(value), unit
	return m
}

func (g *gauge) hydrology(i int, h float64, noValue bool) *freshetv1.HydrologyReport {
	m := &freshetv1.HydrologyReport{Station: g.name, ObservedAt: g.observedAt(i)}
	_, hasRain := g.station.Parameter(hydro.Rain, 0)
	_, hasCounter := g.station.Parameter(hydro.RainCounter, 0)
	if hasRain || hasCounter {
		mm, _ := g.tipped(i)
		g.counter = round(g.counter+mm, 0.1)
		if _, told := g.told(CounterReset, h); told {
			g.counter = 0
		}
		if hasCounter {
			m.RainCounter = new(g.counter)
		} else {
			m.Rain, m.RainIntervalS = new(mm), uint32(step.Seconds())
			if noValue && g.level == nil {
				m.Rain = new(9999.999)
			}
		}
	}
	if g.level == nil {
		return m
	}
	value, datum := g.levelAt(i, h), g.station.Datum.Name
	if _, told := g.told(WrongDatum, h); told {
		value, datum = round(value+0.744, 0.01), hydro.National1985
	}
	if g.station.ID == converted.station && h >= converted.from && h < converted.to {
		value, datum = round(value+converted.offset, 0.001), hydro.National1985
	}
	if noValue {
		value = 9999.999
	}
	m.WaterLevel, m.Datum = new(value), string(datum)
	noise := 1 + dischargeNoise*g.r.NormFloat64()
	if _, ok := g.station.Parameter(hydro.Discharge, 0); ok {
		m.Discharge = new(significant(g.flow[i] * noise))
	}
	return m
}

// levelAt returns the level as the sensor shows it, in cm.
func (g *gauge) levelAt(i int, h float64) float64 {
	value := round(g.level[i]+levelNoise*g.r.NormFloat64(), 0.01)
	if by, told := g.told(Spike, h); told {
		value = round(value+by, 0.01)
	}
	if _, told := g.told(Stuck, h); told {
		if math.IsNaN(g.stuckAt) {
			g.stuckAt = value
		}
		value = g.stuckAt
	}
	return value
}

func (g *gauge) waterResources(i int, h float64) *freshetv1.WaterResourcesReport {
	m := &freshetv1.WaterResourcesReport{
		Station: g.name, ObservedAt: g.observedAt(i),
		ReservoirLevel: new(g.levelAt(i, h)), Datum: string(g.station.Datum.Name),
	}
	if g.pool == nil {
		opening := round(math.Min(6, 0.3+g.flow[i]/220), 0.1)
		m.Gates = []*freshetv1.GateOpening{{Gate: 1, OpeningM: opening}, {Gate: 2, OpeningM: round(opening*0.8, 0.1)}}
		return m
	}
	volume := g.pool.volume[i] // 10⁶ m³; each office writes its own unit
	switch g.station.ID {
	case "r-jinjiang":
		m.Storage, m.StorageUnit = new(round(volume/100, 0.0001)), freshetv1.StorageUnit_STORAGE_UNIT_YI_M3
	case "r-zhenhai":
		m.Storage, m.StorageUnit = new(round(volume*100, 1)), freshetv1.StorageUnit_STORAGE_UNIT_WAN_M3
	default:
		m.Storage, m.StorageUnit = new(round(volume, 0.01)), freshetv1.StorageUnit_STORAGE_UNIT_MILLION_M3
	}
	m.Inflow = new(significant(g.pool.inflow[i] * (1 + 0.05*g.r.NormFloat64())))
	m.Outflow = new(significant(g.pool.outflow[i]))
	return m
}

func round(x, to float64) float64 {
	n := math.Round(1 / to)
	return math.Round(x*n) / n
}

// significant rounds to three digits.
func significant(x float64) float64 {
	if x == 0 {
		return 0
	}
	n := math.Pow(10, 2-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*n) / n
}
