// Package catalog holds what Freshet knows before the first reading arrives:
// departments' stations, sites, the river network, ratings and stage tables.
//
// A Catalog is loaded from human-written YAML files in one pass (see [Load]),
// validated as a whole, named by the hash of its files, and never changed
// afterwards. It is safe for concurrent use.
package catalog

import (
	"slices"
	"time"

	"freshet/internal/hydro"
)

// A Catalog is an immutable, validated catalogue. All slices are sorted by ID,
// where nothing else is said, and belong to the catalogue: do not write to them.
type Catalog struct {
	Version      string // "sha256:" and 16 hex digits of the hash of the files
	Name         string
	TitleZH      string
	TitleEN      string
	Illustrative string // not empty: the mark that must be shown with the numbers
	Departments  []DepartmentInfo
	Stations     []Station
	Sites        []Site
	Basins       []Basin
	Ratings      []Rating
	StageTables  []StageTable
	Marks        []Marks
	Claims       []Claim // ascending by station, department and start
	Contacts     []Contact
	Rosters      []Roster // in the order of the files: who is called first
	Plans        []Plan   // in the order of the files
	CAP          *CAP     // nil: warnings give no messages

	ReturnPeriods []ReturnPeriods // ascending by station, variable and start

	stations map[string]int // id -> index into Stations
	aliases  map[alias]int
	files    []hydro.File
	warnings []Problem
}

type alias struct {
	department hydro.Department
	code       string
}

// A DepartmentInfo names a department as its people do.
type DepartmentInfo struct {
	Department hydro.Department
	NameZH     string
	NameEN     string
}

// A Kind is what a station is.
type Kind string

// The kinds of station.
const (
	RainStation         Kind = "rain"         // PP
	LevelStation        Kind = "level"        // ZZ
	HydrologicalStation Kind = "hydrological" // ZQ: level and discharge
	ReservoirStation    Kind = "reservoir"    // RR
	GateStation         Kind = "gate"         // DD
	TideStation         Kind = "tide"         // TT
)

// A Station is one department's station.
type Station struct {
	ID           string
	NameZH       string
	NameEN       string
	Department   hydro.Department
	Aliases      []string // codes that the department uses for it
	Kind         Kind
	Basin        string
	Site         string // "" if it shares its place with no other
	Gateway      string // through which its readings come; "" if the files do not say
	River        string
	Lon, Lat     float64 // degrees, WGS84
	Elevation    float64 // m; of use only where HasElevation
	HasElevation bool
	Maintenance  []Window // when somebody works at it, ascending
	Zone         string   // IANA name or offset: the zone of its local times and of its hydrological day
	Parameters   []Parameter
	Datum        Datum
	Area         [][2]float64 // where its warnings hold: corners, longitude and latitude; nil: not stated
	Illustrative bool

	location *time.Location // of Zone; Load sets it
}

// Parameter returns the parameter of that variable and sensor.
func (s *Station) Parameter(v hydro.Variable, sensor uint8) (Parameter, bool) {
	for _, p := range s.Parameters {
		if p.Variable == v && p.Sensor == sensor {
			return p, true
		}
	}
	return Parameter{}, false
}

// Takes reports whether readings of that variable and sensor may come from the
// station. Rain beside a rain counter of the same sensor may not: it follows
// from the counter, and the parameter only gives its limits. Were both taken,
// which one stands would hang on which came last.
func (s *Station) Takes(v hydro.Variable, sensor uint8) bool {
	_, declared := s.Parameter(v, sensor)
	if v != hydro.Rain {
		return declared
	}
	_, follows := s.Parameter(hydro.RainCounter, sensor)
	return declared && !follows
}

// Reports says whether the station reports a variable, on any sensor. A rain
// counter is rain too.
func (s *Station) Reports(v hydro.Variable) bool {
	return slices.ContainsFunc(s.Parameters, func(p Parameter) bool {
		return p.Variable == v || v == hydro.Rain && p.Variable == hydro.RainCounter
	})
}

// A Parameter is one series of a station, and the limits of its quality tests.
type Parameter struct {
	Variable hydro.Variable
	Sensor   uint8
	Interval time.Duration // between reports
	Limits   Limits
	Resets   Resets    // of a rain counter, besides those that maintenance brings
	Rain     RainCheck // of a water level

	Maintenance []Window // the station's
}

// Limits are the limits of quality tests. A zero limit switches that leg of the
// test off, except for the level range, where HasRange says so.
type Limits struct {
	HasRange    bool
	Low, High   float64 // fail outside, unit of the variable
	SuspectLow  float64 // suspect outside, if HasRange; else unused
	SuspectHigh float64 //
	StepSuspect float64 // suspect a rise faster than this, unit per StepPer
	StepFail    float64 // fail above this
	DownSuspect float64 // the same for a fall; 0: as for a rise
	DownFail    float64
	StepPer     time.Duration // 5 min unless the file says otherwise
	StuckAfter  time.Duration // suspect a value that did not move for this long while it should have
	StuckDelta  float64       // moving less than this is not moving
	StuckAbove  float64       // of a level or flow: standing still is normal up to here (low flow), if HasStuckAbove
	Wall        float64       // of rain: fail above this, mm in one report; 0: the CMA's wall, see ingest/quality
	DayTotal    float64       // of rain: suspect what takes the hydrological day above this, mm; 0: off

	HasStuckAbove bool
}

// A Datum is a station's datum and how it relates to others.
type Datum struct {
	Name          hydro.Datum
	To1985        *float64 // m to add to get a level on NATIONAL_1985; nil: not known
	To1985Source  string   // where that number comes from
	To1985Assumed bool     // an assumption, not a survey
	Accepts       []DatumOffset
}

// A DatumOffset lets a station accept levels on another datum.
type DatumOffset struct {
	From   hydro.Datum
	Add    float64 // m to add to a level on From to get one on the station's datum
	Source string
}

// A Site is a place with stations of several departments.
type Site struct {
	ID        string
	NameZH    string
	NameEN    string
	Stations  []string
	Authority map[hydro.Variable]string // the station whose value counts
	Disagree  Disagreement
	Apart     map[hydro.Variable]float64 // sensors that differ by more are suspect: m of a level, mm in an hour of rain; absent: not compared
}

// A Basin is one river system with one engine.
type Basin struct {
	ID         string
	NameZH     string
	NameEN     string
	Settings   Settings
	Season     Season
	Nodes      []Node // in topological order, upstream first
	Reaches    []Reach
	SubBasins  []SubBasin
	Reservoirs []Reservoir
}

// Settings steer a basin's forecast, quality and alert rules.
type Settings struct {
	Step          time.Duration // of computation, 5 min
	OutputStep    time.Duration // of a forecast's values, a multiple of Step
	Horizon       time.Duration // 72 h
	Every         time.Duration // between scheduled runs, 5 min
	Warmup        time.Duration // how far back a run starts from its stored state; late data within it heal
	RiseTrigger   float64       // a rise of an observed level by this much m within RiseWindow triggers a run; 0 off
	RiseWindow    time.Duration
	ErrorHalfLife time.Duration // in which the correction of a gauge decays
	DeadBand      float64       // m below (or share of, for flow and rain) a threshold before a stage lowers; see DeadBandShare
	DeadBandShare float64       // share of the threshold, for flow and rain
	DwellRaise    time.Duration // an observed threshold must be met for this long before a stage rises; 0 at once
	DwellLower    time.Duration // must be below for this long before a stage lowers
	Persistence   int           // consecutive runs that must agree before a forecast leg raises or lowers
	BlindAfter    int           // missed reports until a station is blind, 2
	Updating      Updating      // what is switched off at all nodes
	NoBand        bool          // no bands are learnt nor told
	RainSpread    []RainSpread  // what a rain forecast without members errs by, for bands; none: not stated
	InitialSpread float64       // coefficient of variation of the soil water at now, for bands; 0: not stated

	ArealRain         ArealMethod // how gauges make areal rain; "": Thiessen
	ArealPower        float64     // exponent of inverse distance; 0: 2
	RainDisagreeMM    float64     // gauges of one site that differ by more than this in an hour disagree, mm; 0: they are not compared
	RainDisagreeShare float64     // and by more than this share of the larger
	RainSources       []string    // sources of rain forecasts, the preferred one first

	Neighbours   Neighbours   // which rain gauges check each other
	ReportFaster ReportFaster // the zero value asks nobody

	ShelveMax time.Duration // an alarm is shelved for at most this long; 0: 8 h
}

// A ReportFaster says when stations are asked to report faster 加报.
type ReportFaster struct {
	From  hydro.Stage   // stages from this one on ask; Clear: never
	Every time.Duration // between reports, at most
	Basin bool          // the whole basin is asked; else the station, its site and the network below it
}

// An Updating says what of the correction by observations is switched off; see
// forecast/updating. The zero value switches nothing off.
type Updating struct {
	NoInsertion bool // observed flow does not run on downstream
	NoLoss      bool // no lasting loss is learnt
	NoLag       bool // no lasting error of timing is learnt
	NoFit       bool // errors fade by ErrorHalfLife, whatever the past says
	NoError     bool // no error is carried into the forecast
	Moisture    bool // soil moisture is adjusted: the one part that is off unless asked for
}

// NoUpdating switches everything off: the gauge is shown and corrects nothing.
var NoUpdating = Updating{NoInsertion: true, NoLoss: true, NoLag: true, NoFit: true, NoError: true}

// Or returns what u or v switches off. Soil moisture is adjusted if one of them
// asks for it, unless the other switches everything off.
func (u Updating) Or(v Updating) Updating {
	if u == NoUpdating || v == NoUpdating {
		return NoUpdating
	}
	return Updating{
		Moisture:    u.Moisture || v.Moisture,
		NoInsertion: u.NoInsertion || v.NoInsertion, NoLoss: u.NoLoss || v.NoLoss, NoLag: u.NoLag || v.NoLag,
		NoFit: u.NoFit || v.NoFit, NoError: u.NoError || v.NoError,
	}
}

// An ArealMethod makes areal rain of gauges' rain.
type ArealMethod string

// The methods of areal rain.
const (
	Thiessen        ArealMethod = "thiessen"
	InverseDistance ArealMethod = "idw"
)

// A Season is the part of the year whose rain is summed up.
type Season struct {
	NameZH, NameEN       string
	FromMonth, FromDay   int
	ToMonth, ToDay       int
	HydrologicalDayStart time.Duration // after midnight, 8 h
	Zone                 string        // of the basin's days and months, "Asia/Shanghai"
	Whole                SeasonPlace   // what is normal in the whole basin
	SubBasins, Stations  []SeasonPlace // of which something is said
	LeastCoverage        float64       // share that reports must cover for rain to be compared, 0.9; not official
}

// A Node is a point of the river network: a gauge, a confluence, a dam or the
// mouth.
type Node struct {
	ID         string
	NameZH     string
	NameEN     string
	Gauge      string  // station that observes level or discharge here; "" if none
	Rating     string  // rating that turns discharge to level here; "" if none
	Reservoir  string  // reservoir whose dam is here; its observed outflow replaces the inflow downstream
	Tidal      bool    // levels here depend on the tide: routed levels are not given
	BaseFlow   float64 // m³/s that the node carries before the first observation
	Diversion  Diversion
	Downstream string   // node at the end of the reach that leaves here; "" at the outlet
	Updating   Updating // what is switched off here, besides what the settings switch off

	Tide *TidalLevel // how the level follows from tide and flow; nil: it is not forecast
}

// A Reach carries flow from one node to the next.
type Reach struct {
	ID           string
	From, To     string
	Length       float64       // km
	Method       RoutingMethod // empty: Muskingum
	K            time.Duration // travel time of the reach; of LagRoute the storage constant, 0: none
	X            float64       // weighting factor of Muskingum, 0 to 0.5
	SubReaches   int           // equal parts; 0: as many as stability asks for, of MCT as its channel asks for, of Cunge 1
	Lag          time.Duration // of LagRoute
	Channel      Channel       // of MCT and Cunge
	ShortStep    bool          // of Cunge: t-route's assume_short_ts, the inflow of a step is that at its beginning
	Nonlinear    NonlinearReach
	Lateral      []float64 // m³/s that join along the reach: one value, or one for each month; empty: none
	Illustrative bool
}

// A RoutingMethod says how a reach moves a flood.
type RoutingMethod string

// Methods of reaches; forecast/routing describes them.
const (
	Muskingum RoutingMethod = "muskingum" // linear
	MCT       RoutingMethod = "mct"       // Muskingum-Cunge-Todini: variable parameters, conserving mass
	LagRoute  RoutingMethod = "lag"       // lag and route
	Cunge     RoutingMethod = "cunge"     // Muskingum-Cunge by t-route's conventions, does not conserve mass
	Nonlinear RoutingMethod = "nonlinear" // nonlinear Muskingum
)

// A Channel is the cross section of a reach: a trapezoid, and a flood plain
// above it.
type Channel struct {
	Slope    float64 // of the bed, –
	Bottom   float64 // width, m
	Top      float64 // width at bank-full, m
	Compound float64 // width of channel and flood plain above bank-full, m; 0: no flood plain
	N        float64 // Manning's roughness of the channel, s/m^(1/3)
	NPlain   float64 // and of the flood plain
	Side     float64 // slope of the banks, rise over run
}

// A SubBasin is a catchment that drains to a node.
type SubBasin struct {
	ID           string
	NameZH       string
	NameEN       string
	Node         string
	Along        string       // reach along which it drains, which ends at Node; empty: it drains to the node itself
	Area         float64      // km²
	Points       [][2]float64 // lon, lat of a grid that samples the area, for areal rain; at least one
	Boundary     [][2]float64 // lon, lat of the outline, not closed; empty: the file gives points or a centre
	Gauges       []string     // rain stations that may serve it; empty: all of the basin
	Reach        float64      // km beyond which a rain gauge does not speak for a point; 0: no limit
	ArealRain    ArealMethod  // "": the basin's
	ArealPower   float64      // 0: the basin's
	RainSources  []string     // sources of rain forecasts that come before the basin's, the preferred one first
	Runoff       Runoff
	Illustrative bool
}

// A Reservoir stands at a node.
type Reservoir struct {
	ID                string
	NameZH            string
	NameEN            string
	Station           string
	Node              string
	Datum             hydro.Datum   // of all its levels: the station's
	Storage           []LevelVolume // ascending
	FloodLimits       []FloodLimit
	Outlets           []Outlet // empty: the forecast holds the last observed outflow
	Rules             ReservoirRules
	Normal, DamCrest  float64 // m
	CapacityMillionM3 float64
	Illustrative      bool
}

// A LevelVolume is a point of a storage curve.
type LevelVolume struct {
	Level  float64 // m
	Volume float64 // 10⁶ m³
}

// An Outlet is a way out of a reservoir. What its fields mean for each kind is
// said in docs/formats/catalogue.md; those that its kind does not use are 0.
type Outlet struct {
	Name        string
	Kind        string        // weir, gate, orifice, turbines or curve
	Level       float64       // m: crest, sill, centre or lowest level of operation
	Width       float64       // m
	Height      float64       // m
	Area        float64       // m²
	Coefficient float64       // m^½/s of a weir, without unit of a gate or an orifice
	Capacity    float64       // m³/s
	Points      []RatingPoint // of a curve, ascending, the first with 0 m³/s
	Controlled  bool          // somebody can close it
}

// Opening returns how far the outlet can be opened, with its unit: " m" of a gate,
// "" of a share. ok is false of one that nobody can close.
func (o *Outlet) Opening() (widest float64, unit string, ok bool) {
	switch {
	case o.Kind == "gate":
		return o.Height, " m", true
	case o.Kind == "turbines" || o.Controlled:
		return 1, "", true
	}
	return 0, "", false
}

// ReservoirRules are what is done at a reservoir without an order, and what
// limits its release.
type ReservoirRules struct {
	Otherwise       string        // hold, pass_inflow, keep_level or closed
	Level           float64       // m, of keep_level
	Approach        time.Duration // in which the distance to Level, or to a limit level from above, falls to 1/e; 0: at once
	Downstream      float64       // m³/s that the river below bears; 0: no such limit
	DownstreamAt    string        // node where it does, all that joins on the way counted; "": of the release alone, nothing that joins is counted
	DownstreamUntil float64       // m from which on the dam comes first; 0: the crest
	Minimum         []Floor       // releases that the river below has at least
}

// DamFirst returns the level, m, from which on the dam comes first, and the river
// below no longer limits the release. It needs a storage curve.
func (r *Reservoir) DamFirst() float64 {
	switch {
	case r.Rules.DownstreamUntil != 0:
		return r.Rules.DownstreamUntil
	case r.DamCrest != 0:
		return r.DamCrest
	}
	return r.Storage[len(r.Storage)-1].Level
}

// A Floor is the least release of a part of the year, such as an ecological flow
// 生态流量. A day's is the highest of the periods that hold it.
type Floor struct {
	FromMonth, FromDay int
	ToMonth, ToDay     int
	Release            float64 // m³/s
}

// A FloodLimit is the flood-limit level 汛限水位 of a part of the year.
type FloodLimit struct {
	FromMonth, FromDay int
	ToMonth, ToDay     int
	Level              float64 // m
}

// A Rating relates level and discharge at a station.
type Rating struct {
	ID           string
	Station      string
	Datum        hydro.Datum
	ValidFrom    time.Time
	Points       []RatingPoint // ascending in level and discharge; or
	Ranges       []RatingRange // ascending, each begins where the one before ends
	MeasuredLow  float64       // range of level that measurements cover, m; outside it values are extrapolated
	MeasuredHigh float64
	Loop         float64 // m by which the level at one discharge differs between a rising and a falling river; 0: not stated
	Source       string
	Illustrative bool
}

// A RatingPoint is one point of a rating table.
type RatingPoint struct {
	Level     float64 // m
	Discharge float64 // m³/s
}

// A RatingRange is a range of level in which discharge is C (level - H0)^B.
type RatingRange struct {
	Low, High float64 // m
	C         float64 // m³/s
	H0        float64 // m
	B         float64
}

// A StageTable is the thresholds of one station from an instant on.
type StageTable struct {
	Station      string
	ValidFrom    time.Time
	Datum        hydro.Datum // of the level thresholds
	Thresholds   []Threshold
	Conditions   []Condition // on what follows from values
	Profile      *Profile    // that some of the thresholds come from; nil: none
	Source       string
	Illustrative bool
}

// A Threshold asks for a stage when a value is met or exceeded.
type Threshold struct {
	Stage    hydro.Stage    // Blue to Red
	Variable hydro.Variable // WaterLevel, Discharge, Inflow or Rain
	Window   time.Duration  // of a rain accumulation; 0 otherwise
	Value    float64
	Observed bool // applies to observations
	Forecast bool // applies to forecasts

	Years   float64 // the return period by which the file gives Value; 0: it gives Value
	Profile bool    // it comes from the table's profile
	Timing  *Timing // nil: the settings'
}

// Station returns the station of that id.
func (c *Catalog) Station(id string) (*Station, bool) {
	i, ok := c.stations[id]
	if !ok {
		return nil, false
	}
	return &c.Stations[i], true
}

// StationIndex returns the place of a station in Stations, or -1.
func (c *Catalog) StationIndex(id string) int {
	if i, ok := c.stations[id]; ok {
		return i
	}
	return -1
}

// Resolve returns the station with that id or that code of the department.
func (c *Catalog) Resolve(d hydro.Department, code string) (*Station, bool) {
	if s, ok := c.Station(code); ok {
		return s, true
	}
	if i, ok := c.aliases[alias{d, code}]; ok {
		return &c.Stations[i], true
	}
	return nil, false
}

// Basin returns the basin of that id.
func (c *Catalog) Basin(id string) (*Basin, bool) {
	for i := range c.Basins {
		if c.Basins[i].ID == id {
			return &c.Basins[i], true
		}
	}
	return nil, false
}

// Rating returns the rating of that id which is in force at the instant: ratings
// of one id and later valid-from replace each other.
func (c *Catalog) Rating(id string, at time.Time) (*Rating, bool) {
	var best *Rating
	for i := range c.Ratings {
		r := &c.Ratings[i]
		if r.ID == id && !r.ValidFrom.After(at) && (best == nil || r.ValidFrom.After(best.ValidFrom)) {
			best = r
		}
	}
	return best, best != nil
}

// StageTable returns the stage table of a station that is in force at the
// instant.
func (c *Catalog) StageTable(station string, at time.Time) (*StageTable, bool) {
	var best *StageTable
	for i := range c.StageTables {
		t := &c.StageTables[i]
		if t.Station == station && !t.ValidFrom.After(at) && (best == nil || t.ValidFrom.After(best.ValidFrom)) {
			best = t
		}
	}
	return best, best != nil
}

// Files returns the files that the catalogue was loaded from, ascending by
// name. They are what the log carries.
func (c *Catalog) Files() []hydro.File { return c.files }

// Location returns the zone of the station's local times.
func (s *Station) Location() *time.Location {
	if s.location == nil { // not made by Load
		loc, err := ParseZone(s.Zone)
		if err != nil {
			return time.UTC
		}
		return loc
	}
	return s.location
}
