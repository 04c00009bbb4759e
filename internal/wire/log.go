package wire

import (
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// maxSettle bounds how long readings may be given to come in.
const maxSettle = time.Hour

// EncodeInput returns in as a message of the log. Exactly one field of in must
// be set; Seq is the message's place on the log and stays out of it. Instants
// are cut to the millisecond. A reading that fails [hydro.Reading.Check], or an
// interval that is not whole milliseconds or above 49 days, is an error that
// wraps [hydro.ErrInvalid]: what is on the log can be read back.
func EncodeInput(in hydro.Input) ([]byte, error) {
	b, err := encodeInput(in)
	if err != nil {
		return nil, fmt.Errorf("encode input: %w", err)
	}
	return b, nil
}

func encodeInput(in hydro.Input) ([]byte, error) {
	switch in.Kind() {
	case "batch":
		e := newEncoder()
		defer e.free()
		data, err := e.encodeBatch(in.Batch)
		if err != nil {
			return nil, fmt.Errorf("batch.%w", err)
		}
		return data, nil
	case "tick":
		at, err := fromMillis("at", in.Tick.At)
		if err != nil {
			return nil, fmt.Errorf("tick.%w", err)
		}
		if in.Tick.Settle < 0 || in.Tick.Settle > maxSettle {
			return nil, fmt.Errorf("tick.settle: %s is not between 0 and %s: %w", in.Tick.Settle, maxSettle, hydro.ErrInvalid)
		}
		return marshal(&freshetv1.LogInput{Input: &freshetv1.LogInput_Tick{Tick: &freshetv1.Tick{AtMs: at, SettleMs: uint32(in.Tick.Settle.Milliseconds())}}})
	case "catalogue":
		at, err := fromMillis("at", in.Catalogue.At)
		if err != nil {
			return nil, fmt.Errorf("catalogue.%w", err)
		}
		c := &freshetv1.CatalogueChange{Version: in.Catalogue.Version, AtMs: at}
		for _, f := range in.Catalogue.Files {
			c.Files = append(c.Files, &freshetv1.CatalogueFile{Name: f.Name, Data: f.Data})
		}
		return marshal(&freshetv1.LogInput{Input: &freshetv1.LogInput_Catalogue{Catalogue: c}})
	case "rain_forecast":
		f := in.RainForecast
		received, err := fromMillis("received_at", f.ReceivedAt)
		if err == nil {
			err = checkRainForecast(f)
		}
		if err != nil {
			return nil, fmt.Errorf("rain_forecast.%w", err)
		}
		return marshal(&freshetv1.LogInput{Input: &freshetv1.LogInput_RainForecast{
			RainForecast: &freshetv1.LogRainForecast{ReceivedAtMs: received, Forecast: FromRainForecast(f)},
		}})
	case "dispatch_plan":
		p := in.DispatchPlan
		received, err := fromMillis("received_at", p.ReceivedAt)
		if err == nil {
			err = checkDispatchPlan(p)
		}
		if err != nil {
			return nil, fmt.Errorf("dispatch_plan.%w", err)
		}
		return marshal(&freshetv1.LogInput{Input: &freshetv1.LogInput_DispatchPlan{
			DispatchPlan: &freshetv1.LogDispatchPlan{ReceivedAtMs: received, Plan: FromDispatchPlan(p)},
		}})
	case "withdrawal":
		w := in.Withdrawal
		received, err := fromMillis("received_at", w.ReceivedAt)
		if err == nil {
			err = checkWithdrawal(w)
		}
		if err != nil {
			return nil, fmt.Errorf("withdrawal.%w", err)
		}
		return marshal(&freshetv1.LogInput{Input: &freshetv1.LogInput_Withdrawal{
			Withdrawal: &freshetv1.LogWithdrawal{ReceivedAtMs: received, Withdrawal: FromWithdrawal(w)},
		}})
	case "tide":
		return encodeTide(in.Tide)
	case "command":
		if err := checkCommand(in.Command); err != nil {
			return nil, fmt.Errorf("command.%w", err)
		}
		return marshal(&freshetv1.LogInput{Input: &freshetv1.LogInput_Command{Command: FromCommand(in.Command)}})
	}
	return nil, fmt.Errorf("not exactly one kind is set: %w", hydro.ErrInvalid)
}

// DecodeInput returns the input of a message of the log, with Seq 0. It keeps
// nothing of data. Data that is no such message, and one that holds what
// [EncodeInput] refuses, is an error that wraps [hydro.ErrInvalid].
func DecodeInput(data []byte) (hydro.Input, error) {
	if in, ok := readInput(data); ok {
		return in, nil
	}
	in, err := decodeInput(data)
	if err != nil {
		return hydro.Input{}, fmt.Errorf("decode input: %w", err)
	}
	return in, nil
}

func decodeInput(data []byte) (hydro.Input, error) {
	var m freshetv1.LogInput
	if err := unmarshal(data, &m); err != nil {
		return hydro.Input{}, err
	}
	switch p := m.Input.(type) {
	case *freshetv1.LogInput_Batch:
		b, err := toBatch(p.Batch)
		if err != nil {
			return hydro.Input{}, fmt.Errorf("batch.%w", err)
		}
		return hydro.Input{Batch: b}, nil
	case *freshetv1.LogInput_Tick:
		at, err := toMillis("at", p.Tick.GetAtMs())
		if err != nil {
			return hydro.Input{}, fmt.Errorf("tick.%w", err)
		}
		settle := time.Duration(p.Tick.GetSettleMs()) * time.Millisecond
		if settle > maxSettle {
			return hydro.Input{}, fmt.Errorf("tick.settle_ms: %s is above %s: %w", settle, maxSettle, hydro.ErrInvalid)
		}
		return hydro.Input{Tick: &hydro.Tick{At: at, Settle: settle}}, nil
	case *freshetv1.LogInput_Catalogue:
		at, err := toMillis("at", p.Catalogue.GetAtMs())
		if err != nil {
			return hydro.Input{}, fmt.Errorf("catalogue.%w", err)
		}
		change := &hydro.CatalogueChange{Version: p.Catalogue.GetVersion(), At: at}
		for _, f := range p.Catalogue.GetFiles() {
			change.Files = append(change.Files, hydro.File{Name: f.GetName(), Data: f.GetData()})
		}
		return hydro.Input{Catalogue: change}, nil
	case *freshetv1.LogInput_RainForecast:
		f, err := ToRainForecast(p.RainForecast.GetForecast())
		if err == nil {
			f.ReceivedAt, err = toMillis("received_at", p.RainForecast.GetReceivedAtMs())
		}
		if err != nil {
			return hydro.Input{}, fmt.Errorf("rain_forecast.%w", err)
		}
		return hydro.Input{RainForecast: &f}, nil
	case *freshetv1.LogInput_DispatchPlan:
		plan, err := ToDispatchPlan(p.DispatchPlan.GetPlan())
		if err == nil {
			plan.ReceivedAt, err = toMillis("received_at", p.DispatchPlan.GetReceivedAtMs())
		}
		if err != nil {
			return hydro.Input{}, fmt.Errorf("dispatch_plan.%w", err)
		}
		return hydro.Input{DispatchPlan: &plan}, nil
	case *freshetv1.LogInput_Withdrawal:
		w, err := ToWithdrawal(p.Withdrawal.GetWithdrawal())
		if err == nil {
			w.ReceivedAt, err = toMillis("received_at", p.Withdrawal.GetReceivedAtMs())
		}
		if err != nil {
			return hydro.Input{}, fmt.Errorf("withdrawal.%w", err)
		}
		return hydro.Input{Withdrawal: &w}, nil
	case *freshetv1.LogInput_Tide:
		return decodeTide(p.Tide)
	case *freshetv1.LogInput_Command:
		c, err := ToCommand(p.Command)
		if err != nil {
			return hydro.Input{}, fmt.Errorf("command.%w", err)
		}
		return hydro.Input{Command: &c}, nil
	}
	return hydro.Input{}, fmt.Errorf("of no known kind: %w", hydro.ErrInvalid)
}

// EncodeOutput returns out as a message of the log, the index-th one (from 0)
// that follows from the input of that sequence number. Exactly one field of out
// must be set. The demands and the precision are those of [EncodeInput] for
// observations and audits; the instants of forecasts and warnings are kept
// whole.
func EncodeOutput(inputSeq uint64, index int, out hydro.Output) ([]byte, error) {
	b, err := encodeOutput(inputSeq, index, out)
	if err != nil {
		return nil, fmt.Errorf("encode output %d/%d: %w", inputSeq, index, err)
	}
	return b, nil
}

func encodeOutput(inputSeq uint64, index int, out hydro.Output) ([]byte, error) {
	if index < 0 || index > math.MaxInt32 {
		return nil, fmt.Errorf("index: out of range: %w", hydro.ErrInvalid)
	}
	set := 0
	for _, is := range [...]bool{len(out.Observations) > 0, out.Forecast != nil, out.Warning != nil, out.Audit != nil, out.Rate != nil, out.Duty != nil, out.Group != nil, out.Watch != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return nil, fmt.Errorf("not exactly one kind is set: %w", hydro.ErrInvalid)
	}
	p := &freshetv1.LogOutput{InputSeq: inputSeq, Index: uint32(index)}
	switch {
	case out.Forecast != nil:
		if err := checkForecast(out.Forecast); err != nil {
			return nil, fmt.Errorf("forecast.%w", err)
		}
		f := storedHead(out.Forecast)
		f.Stations = make([]*freshetv1.StationForecast, len(out.Forecast.Stations))
		for i := range out.Forecast.Stations {
			f.Stations[i] = FromStationForecast(&out.Forecast.Stations[i])
		}
		p.Output = &freshetv1.LogOutput_Forecast{Forecast: f}
	case out.Warning != nil:
		if err := checkWarning(out.Warning); err != nil {
			return nil, fmt.Errorf("warning.%w", err)
		}
		p.Output = &freshetv1.LogOutput_Warning{Warning: FromWarning(out.Warning)}
	case out.Rate != nil:
		c, err := fromRateChange(out.Rate)
		if err != nil {
			return nil, fmt.Errorf("rate.%w", err)
		}
		p.Output = &freshetv1.LogOutput_Rate{Rate: c}
	case out.Duty != nil:
		if err := checkDutyEvent(out.Duty); err != nil {
			return nil, fmt.Errorf("duty.%w", err)
		}
		p.Output = &freshetv1.LogOutput_Duty{Duty: FromDutyEvent(out.Duty)}
	case out.Group != nil:
		if err := checkGroup(out.Group); err != nil {
			return nil, fmt.Errorf("group.%w", err)
		}
		p.Output = &freshetv1.LogOutput_Group{Group: FromGroup(out.Group)}
	case out.Watch != nil:
		if err := checkForecastWatch(out.Watch); err != nil {
			return nil, fmt.Errorf("forecast_watch.%w", err)
		}
		p.Output = &freshetv1.LogOutput_ForecastWatch{ForecastWatch: FromForecastWatch(out.Watch)}
	case out.Audit != nil:
		a := out.Audit
		at, err := fromMillis("at", a.At)
		if err != nil {
			return nil, fmt.Errorf("audit.%w", err)
		}
		p.Output = &freshetv1.LogOutput_Audit{Audit: &freshetv1.Audit{
			AtMs: at, Kind: a.Kind, Station: a.Station, Text: a.Text, Before: a.Before, After: a.After,
		}}
	default:
		e := newEncoder()
		defer e.free()
		data, err := e.encodeObservations(inputSeq, index, out.Observations)
		if err != nil {
			return nil, fmt.Errorf("observations%w", err)
		}
		return data, nil
	}
	return marshal(p)
}

// DecodeOutput is the reverse of [EncodeOutput]. It keeps nothing of data.
func DecodeOutput(data []byte) (inputSeq uint64, index int, out hydro.Output, err error) {
	if inputSeq, index, obs, ok := readOutput(data); ok {
		return inputSeq, index, hydro.Output{Observations: obs}, nil
	}
	return decodeOutputGenerated(data)
}

func decodeOutputGenerated(data []byte) (inputSeq uint64, index int, out hydro.Output, err error) {
	var m freshetv1.LogOutput
	if err = unmarshal(data, &m); err == nil {
		out, err = decodeOutput(&m)
	}
	if err != nil {
		return 0, 0, hydro.Output{}, fmt.Errorf("decode output: %w", err)
	}
	return m.InputSeq, int(m.Index), out, nil
}

func decodeOutput(m *freshetv1.LogOutput) (hydro.Output, error) {
	if m.Index > math.MaxInt32 {
		return hydro.Output{}, fmt.Errorf("index: out of range: %w", hydro.ErrInvalid)
	}
	switch p := m.Output.(type) {
	case *freshetv1.LogOutput_Observations:
		obs, err := toObservations(p.Observations)
		if err != nil {
			return hydro.Output{}, fmt.Errorf("observations.%w", err)
		}
		return hydro.Output{Observations: obs}, nil
	case *freshetv1.LogOutput_Forecast:
		f, err := ToForecast(p.Forecast)
		if err != nil {
			return hydro.Output{}, fmt.Errorf("forecast.%w", err)
		}
		return hydro.Output{Forecast: &f}, nil
	case *freshetv1.LogOutput_Warning:
		w, err := ToWarning(p.Warning)
		if err != nil {
			return hydro.Output{}, fmt.Errorf("warning.%w", err)
		}
		return hydro.Output{Warning: &w}, nil
	case *freshetv1.LogOutput_Rate:
		c, err := toRateChange(p.Rate)
		if err != nil {
			return hydro.Output{}, fmt.Errorf("rate.%w", err)
		}
		return hydro.Output{Rate: c}, nil
	case *freshetv1.LogOutput_Duty:
		d, err := ToDutyEvent(p.Duty)
		if err != nil {
			return hydro.Output{}, fmt.Errorf("duty.%w", err)
		}
		return hydro.Output{Duty: &d}, nil
	case *freshetv1.LogOutput_Group:
		g, err := ToGroup(p.Group)
		if err != nil {
			return hydro.Output{}, fmt.Errorf("group.%w", err)
		}
		return hydro.Output{Group: &g}, nil
	case *freshetv1.LogOutput_ForecastWatch:
		w, err := ToForecastWatch(p.ForecastWatch)
		if err != nil {
			return hydro.Output{}, fmt.Errorf("forecast_watch.%w", err)
		}
		return hydro.Output{Watch: &w}, nil
	case *freshetv1.LogOutput_Audit:
		at, err := toMillis("at", p.Audit.GetAtMs())
		if err != nil {
			return hydro.Output{}, fmt.Errorf("audit.%w", err)
		}
		return hydro.Output{Audit: &hydro.Audit{
			At: at, Kind: p.Audit.GetKind(), Station: p.Audit.GetStation(), Text: p.Audit.GetText(),
			Before: p.Audit.GetBefore(), After: p.Audit.GetAfter(),
		}}, nil
	}
	return hydro.Output{}, fmt.Errorf("of no known kind: %w", hydro.ErrInvalid)
}

func marshal(m proto.Message) ([]byte, error) {
	b, err := proto.Marshal(m)
	if err != nil { // text that is not UTF-8
		return nil, fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	return b, nil
}

// unmarshal drops fields that this version does not know.
func unmarshal(data []byte, m proto.Message) error {
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, m); err != nil {
		return fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
	}
	return nil
}

func toBatch(b *freshetv1.Batch) (*hydro.Batch, error) {
	if b.GetBasin() == "" {
		return nil, fmt.Errorf("basin: missing: %w", hydro.ErrInvalid)
	}
	received, err := toMillis("received_at", b.GetReceivedAtMs())
	if err != nil {
		return nil, err
	}
	n, err := checkColumns(b)
	if err != nil {
		return nil, err
	}
	out := &hydro.Batch{Basin: b.Basin, ReceivedAt: received}
	if n > 0 {
		out.Readings = make([]hydro.Reading, n)
		r := reader{b: b}
		for i := range out.Readings {
			if err := r.next(i, &out.Readings[i]); err != nil {
				return nil, fmt.Errorf("readings[%d].%w", i, err)
			}
		}
	}
	if len(b.Refusals) > 0 {
		out.Refusals = make([]hydro.Refusal, len(b.Refusals))
	}
	for i, p := range b.Refusals {
		if out.Refusals[i], err = toRefusal(p); err != nil {
			return nil, fmt.Errorf("refusals[%d].%w", i, err)
		}
	}
	return out, nil
}

func toObservations(p *freshetv1.ObservationBatch) ([]hydro.Observation, error) {
	b := p.GetReadings()
	n, err := checkColumns(b)
	if err != nil {
		return nil, fmt.Errorf("readings.%w", err)
	}
	for _, col := range [...]struct {
		name     string
		len      int
		optional bool
	}{
		{"quality", len(p.GetQuality()), false},
		{"tests", len(p.GetTests()), true},
		{"revision", len(p.GetRevision()), true},
		{"received_at_ms", len(p.GetReceivedAtMs()), true},
		{"ran", len(p.GetRan()), true},
		{"failed", len(p.GetFailed()), true},
	} {
		if col.len != n && (!col.optional || col.len != 0) {
			return nil, fmt.Errorf("%s: %d values in %d rows: %w", col.name, col.len, n, hydro.ErrInvalid)
		}
	}
	if n == 0 {
		return nil, fmt.Errorf("none: %w", hydro.ErrInvalid)
	}
	var received time.Time
	if len(p.ReceivedAtMs) == 0 {
		if received, err = toMillis("received_at", b.ReceivedAtMs); err != nil {
			return nil, err
		}
	}
	out := make([]hydro.Observation, n)
	r := reader{b: b}
	for i := range out {
		o := &out[i]
		if err := r.next(i, &o.Reading); err != nil {
			return nil, fmt.Errorf("[%d].%w", i, err)
		}
		if o.Quality, err = ToQuality(freshetv1.Quality(p.Quality[i])); err != nil {
			return nil, fmt.Errorf("[%d].%w", i, err)
		}
		o.ReceivedAt = received
		if len(p.ReceivedAtMs) > 0 {
			if o.ReceivedAt, err = toMillis("received_at", p.ReceivedAtMs[i]); err != nil {
				return nil, fmt.Errorf("[%d].%w", i, err)
			}
		}
		if len(p.Tests) > 0 {
			o.Tests = hydro.Tests(p.Tests[i])
		}
		if len(p.Revision) > 0 {
			o.Revision = p.Revision[i]
		}
		if len(p.Ran) > 0 {
			o.Ran = hydro.Tests(p.Ran[i])
		}
		if len(p.Failed) > 0 {
			o.Failed = hydro.Tests(p.Failed[i])
		}
	}
	for i, w := range p.Why {
		if int64(w.GetRow()) >= int64(n) {
			return nil, fmt.Errorf("why[%d].row: %d is not below %d: %w", i, w.GetRow(), n, hydro.ErrInvalid)
		}
		out[w.GetRow()].Why = w.GetText()
	}
	return out, nil
}

func fromRefusal(r *hydro.Refusal) (*freshetv1.LogRefusal, error) {
	reason := FromRefusalReason(r.Reason)
	variable := FromVariable(r.Variable)
	switch {
	case reason == freshetv1.RefusalReason_REFUSAL_REASON_UNSPECIFIED:
		return nil, fmt.Errorf("reason: %d is unknown: %w", r.Reason, hydro.ErrInvalid)
	case variable == freshetv1.Variable_VARIABLE_UNSPECIFIED && r.Variable != 0:
		return nil, fmt.Errorf("variable: %d is unknown: %w", r.Variable, hydro.ErrInvalid)
	case r.Count < 0 || r.Count > math.MaxInt32:
		return nil, fmt.Errorf("count: %d is out of range: %w", r.Count, hydro.ErrInvalid)
	}
	p := &freshetv1.LogRefusal{
		Station: r.Station, Variable: uint32(variable), Reason: uint32(reason), Detail: r.Detail, Count: uint32(r.Count),
	}
	if !r.LastAt.IsZero() { // any instant can be refused, so any is let through
		p.LastAtMs = r.LastAt.UnixMilli()
	}
	return p, nil
}

func toRefusal(p *freshetv1.LogRefusal) (hydro.Refusal, error) {
	r := hydro.Refusal{Station: p.GetStation(), Detail: p.GetDetail(), Count: int(p.GetCount())}
	if p.GetCount() > math.MaxInt32 {
		return r, fmt.Errorf("count: out of range: %w", hydro.ErrInvalid)
	}
	var err error
	if r.Reason, err = to(refusalsTo[:], p.GetReason(), "reason"); err != nil {
		return r, err
	}
	if p.GetVariable() != 0 {
		if r.Variable, err = to(variablesTo[:], p.GetVariable(), "variable"); err != nil {
			return r, err
		}
	}
	if p.GetLastAtMs() != 0 {
		r.LastAt = time.UnixMilli(p.GetLastAtMs()).UTC()
	}
	return r, nil
}
