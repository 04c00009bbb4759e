package hydro

import "time"

// A RateRequest asks a station to report at least so often, until an instant. It
// is renewed while it is needed, so that a withdrawal which gets lost cannot
// leave a station at the fast rate for ever. Nothing is expected of the station
// because of it: blindness goes by the interval of the catalogue.
type RateRequest struct {
	Station string
	Every   time.Duration // between reports; 0: withdrawn
	Since   time.Time     // of the first request without a pause
	Until   time.Time     // not to be obeyed from then on; of a withdrawal, when it was withdrawn
	Cause   string        // the station whose stage asks
	Stage   Stage         // of that station
}

// A RateChange is requests that began, were renewed or withdrawn together,
// ascending by station.
type RateChange struct {
	At       time.Time
	Requests []RateRequest
}

// ReasonEN says why a faster rate is asked for.
func (r *RateRequest) ReasonEN() string {
	if r.Every == 0 {
		return "withdrawn: no stage asks for it any more"
	}
	return r.Cause + " is at " + r.Stage.String()
}

// ReasonZH is [RateRequest.ReasonEN] in Chinese.
func (r *RateRequest) ReasonZH() string {
	if r.Every == 0 {
		return "已撤销加报要求"
	}
	colour := r.Stage.String()
	if int(r.Stage) < len(stageZH) {
		colour = stageZH[r.Stage]
	}
	return r.Cause + "达" + colour + "预警"
}
