package hydro

import "time"

// A Raw is one value of a department's report before normalisation: the
// station by any of its names, the unit, zone and datum as stated.
type Raw struct {
	Report   int    // index of the report in its frame
	Field    string // the field of that report, e.g. "water_level"
	Station  string // Freshet's id or a code of the department
	Variable Variable
	Sensor   uint8
	Value    float64
	Unit     Unit
	At       time.Time     // if the report states an instant
	Local    string        // else its local time, "2006-01-02 15:04[:05]"
	Zone     string        // and the zone of that
	Interval time.Duration // of rain
	Datum    Datum         // of a level
}

// A Unit is a unit that reports may use. Inside Freshet a value is in its
// variable's unit.
type Unit uint8

// The units of reports.
const (
	UnitUnstated  Unit = iota // not stated, or not known, although the variable needs it stated
	UnitOwn                   // the variable's own unit
	TenthMM                   // 0.1 mm, of rain
	CubicMetre                // of storage
	WanCubicMetre             // 万m³, 10⁴ m³
	YiCubicMetre              // 亿m³, 10⁸ m³
)

// A Rejection is one value of a frame that was not accepted.
type Rejection struct {
	Report  int
	Field   string
	Reason  RefusalReason
	Message string // what, where, and how to mend it
}
