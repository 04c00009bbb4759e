package hydro

import "time"

// An Input is one thing that can change what Freshet believes about a basin. On
// the log it has a sequence number; exactly one of the pointers is set.
type Input struct {
	Seq       uint64
	Catalogue *CatalogueChange
	Batch     *Batch
	Tick      *Tick

	RainForecast *RainForecast
	DispatchPlan *DispatchPlan
	Withdrawal   *Withdrawal
	Tide         *Tide
	Command      *Command
}

// Kind names what in carries: "catalogue", "batch", "tick", "rain_forecast",
// "dispatch_plan", "withdrawal", "tide" or "command", and "" unless that is exactly one
// thing. It is the last part of the input's subject on the log.
func (in Input) Kind() string {
	kind, n := "", 0
	for _, k := range [...]struct {
		set  bool
		name string
	}{
		{in.Catalogue != nil, "catalogue"},
		{in.Batch != nil, "batch"},
		{in.Tick != nil, "tick"},
		{in.RainForecast != nil, "rain_forecast"},
		{in.DispatchPlan != nil, "dispatch_plan"},
		{in.Withdrawal != nil, "withdrawal"},
		{in.Tide != nil, "tide"},
		{in.Command != nil, "command"},
	} {
		if k.set {
			kind = k.name
			n++
		}
	}
	if n != 1 {
		return ""
	}
	return kind
}

// A CatalogueChange puts a catalogue in force. It carries the files, so that a
// replay needs nothing but the log.
type CatalogueChange struct {
	Version string // hash of the files
	Files   []File // ascending by name
	At      time.Time
}

// A File is one file of a catalogue.
type File struct {
	Name string
	Data []byte
}

// A Batch is canonical readings of one basin that share an fsync. They may come
// from many gateways.
type Batch struct {
	Basin      string
	ReceivedAt time.Time // by the server's clock
	Readings   []Reading
	Refusals   []Refusal
}

// A Tick moves engine time. Stages and forecasts are decided on ticks alone, so
// that the order in which gateways' batches interleave cannot show. A tick that
// is not later than the last one changes nothing.
type Tick struct {
	At time.Time
	// Settle is how long ago readings must have been taken to be expected in by
	// now: forecasts start that long before At. 0 where readings come first and
	// the tick after them (replays); some tens of seconds on the wall clock.
	Settle time.Duration
}

// An Output is one conclusion of the engine; exactly one field is set.
type Output struct {
	Observations []Observation
	Forecast     *Forecast
	Warning      *Warning
	Audit        *Audit
	Rate         *RateChange
	Duty         *DutyEvent
	Group        *GroupChange
	Watch        *ForecastWatch
}

// Kind names what o carries: "observations", "forecast", "warning", "audit", "rate",
// "duty", "group" or "forecast_watch". It is the last part of the output's subject on the log.
func (o Output) Kind() string {
	switch {
	case o.Forecast != nil:
		return "forecast"
	case o.Warning != nil:
		return "warning"
	case o.Audit != nil:
		return "audit"
	case o.Rate != nil:
		return "rate"
	case o.Duty != nil:
		return "duty"
	case o.Group != nil:
		return "group"
	case o.Watch != nil:
		return "forecast_watch"
	default:
		return "observations"
	}
}

// AuditWouldHaveWarned is the kind of a note on what late observations would have
// raised: Before is the threshold, After the value.
const AuditWouldHaveWarned = "would_have_warned"

// An Audit is a note for the record: a catalogue put in force, an accumulation
// healed by late data, a forecast run that failed.
type Audit struct {
	At      time.Time
	Kind    string // "catalogue", "accumulation_healed", "would_have_warned", "forecast_failed", "refused", "rain_forecast", "dispatch_plan", "tide", "withdrawal", "not_used", "conflict_opened", "conflict_settled"
	Station string
	Text    string
	Before  float64
	After   float64
}
