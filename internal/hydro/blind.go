package hydro

import "time"

// A BlindSet is stations that are not seen for one cause, of one department
// and behind one gateway: what one call can mend.
type BlindSet struct {
	// "silent", "never reported", "not yet reported", "maintenance",
	// "refused: <reason>" or "quality: <tests>".
	Cause      string
	Department Department
	Gateway    string // through which they report, by the catalogue; "" if it does not say, or if Whole says that the department is silent
	// Whole says that nothing else is seen either: no station of the gateway, or,
	// without a gateway, no station of the department.
	Whole     bool
	Stations  []string  // ascending
	Escalated []string  // those of them on a rising reach, ascending
	Since     time.Time // the latest usable observation of the one that has been out of sight for longest; zero if one never reported
}
