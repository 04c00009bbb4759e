package demo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"freshet/internal/demo/scenario"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/termui"
)

// A Summary is what came of a demo. All counts of readings are made at
// different places: Sent and Acked by the gateways, OnLog by reading the in-log
// from its start, Archived by looking each reading of the log up in the store.
type Summary struct {
	Type         string    `json:"type"` // "summary"
	Synthetic    bool      `json:"synthetic"`
	Illustrative string    `json:"illustrative,omitempty"`
	Catalogue    string    `json:"catalogue"`
	From         time.Time `json:"from"`
	To           time.Time `json:"to"`

	Sent     int            `json:"readings_sent"`
	Acked    int            `json:"readings_acked"` // accepted and acknowledged
	OnLog    int            `json:"readings_on_log"`
	Archived int            `json:"readings_archived"` // readings of the log that the store holds
	Refused  map[string]int `json:"refused"`           // by reason

	Observations int            `json:"observations_archived"` // points in the store: resends share one, rain from counters adds some
	ByQuality    map[string]int `json:"observations_by_quality"`
	ByTest       map[string]int `json:"observations_by_test"`
	Forecasts    int            `json:"forecasts_issued"`

	Warnings      int            `json:"warnings"`
	Raised        map[string]int `json:"warnings_raised"`  // by the stage raised to
	Lowered       map[string]int `json:"warnings_lowered"` // by the stage lowered from
	WentBlind     int            `json:"went_blind"`
	SightRegained int            `json:"sight_regained"`
	WarningsHash  string         `json:"warnings_sha256"` // of all warnings in the feed's order

	Blind  []Blind `json:"blind_stations"` // at the end
	Faults []Fault `json:"faults"`         // injected, and whether Freshet named them

	WallSeconds float64 `json:"wall_seconds"`
}

// A Blind is a station that nobody can see at the end.
type Blind struct {
	Station string    `json:"station"`
	Since   time.Time `json:"since"`
	Cause   string    `json:"cause"`
}

// A Fault is what was wrong with a simulated sensor.
type Fault struct {
	Station string    `json:"station"`
	Kind    string    `json:"kind"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Text    string    `json:"text"`
	Named   string    `json:"named"` // how Freshet named it: a quality test, a refusal or the cause of a blind stage; "" if it did not
}

// summarise waits for archive and feed and counts.
func (p *player) summarise(ctx context.Context) (Summary, error) {
	if err := p.app.WaitArchived(ctx); err != nil {
		return Summary{}, fmt.Errorf("wait for the archive: %w", err)
	}
	stats := p.stats()
	cat := p.app.Catalog()
	s := Summary{
		Type: "summary", Synthetic: true, Illustrative: cat.Illustrative, Catalogue: cat.Version,
		From: p.storm.Start(), Sent: stats.Sent, Acked: stats.Accepted, Refused: map[string]int{},
		ByQuality: map[string]int{}, ByTest: map[string]int{}, Raised: map[string]int{}, Lowered: map[string]int{},
		Blind: []Blind{}, Faults: []Fault{},
	}
	maps.Copy(s.Refused, stats.Refused)
	var statuses []hydro.StationStatus
	p.app.Query(p.basin, func(e *engine.Engine) { s.To, statuses = e.Now(), e.Statuses() })
	for _, st := range statuses {
		if st.Stage == hydro.Blind || st.Cause != "" {
			s.Blind = append(s.Blind, Blind{st.Station, st.Since, st.Cause})
		}
	}

	tests := map[string]hydro.Tests{} // by station
	if err := p.countReadings(ctx, &s, tests); err != nil {
		return Summary{}, err
	}
	for _, err := range p.app.Store().Forecasts(ctx, p.basin, time.Time{}, s.To.Add(time.Hour)) {
		if err != nil {
			return Summary{}, err
		}
		s.Forecasts++
	}
	stored := 0
	for _, err := range p.app.Store().Warnings(ctx, p.basin, time.Time{}, s.To.Add(time.Hour)) {
		if err != nil {
			return Summary{}, err
		}
		stored++
	}
	warnings, err := p.feed.wait(ctx, stored)
	if err != nil {
		return Summary{}, fmt.Errorf("wait for the feed: %w", err)
	}
	if err := s.countWarnings(warnings); err != nil {
		return Summary{}, err
	}
	for _, f := range p.storm.Faults() {
		s.Faults = append(s.Faults, Fault{f.Station, string(f.Kind), f.From, f.To, f.TextEN, named(f, tests[f.Station], warnings, statuses)})
	}
	s.WallSeconds = p.opts.Now().Sub(p.started).Seconds()
	return s, nil
}

// countReadings reads the in-log from its start and looks every reading up in
// the store.
func (p *player) countReadings(ctx context.Context, s *Summary, tests map[string]hydro.Tests) error {
	onLog := map[hydro.Key]map[int64]int{}
	for in, err := range p.app.Inputs(ctx, p.basin) {
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if in.Batch == nil {
			continue
		}
		for _, r := range in.Batch.Readings {
			if onLog[r.Key] == nil {
				onLog[r.Key] = map[int64]int{}
			}
			onLog[r.Key][r.At.UnixMilli()]++
			s.OnLog++
		}
	}
	for _, st := range p.app.Catalog().Stations {
		for _, k := range seriesOf(st.ID, onLog) {
			for o, err := range p.app.Store().Observations(ctx, k, time.Time{}, s.To.Add(24*time.Hour)) {
				if err != nil {
					return fmt.Errorf("read the store: %w", err)
				}
				s.Observations++
				s.Archived += onLog[k][o.At.UnixMilli()]
				s.ByQuality[o.Quality.String()]++
				for _, t := range o.Tests.Names() {
					s.ByTest[t]++
				}
				tests[st.ID] |= o.Tests
			}
		}
	}
	return nil
}

// seriesOf returns the series that a station can have in the store: those on
// the log, and rain that follows from a counter.
func seriesOf(station string, onLog map[hydro.Key]map[int64]int) []hydro.Key {
	var keys []hydro.Key
	for _, v := range hydro.Variables {
		for sensor := range 256 {
			k := hydro.Key{Station: station, Variable: v, Sensor: uint8(sensor)}
			counter := hydro.Key{Station: station, Variable: hydro.RainCounter, Sensor: uint8(sensor)}
			if onLog[k] != nil || v == hydro.Rain && onLog[counter] != nil {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

func (s *Summary) countWarnings(warnings []hydro.Warning) error {
	hash := sha256.New()
	enc := json.NewEncoder(hash)
	s.Warnings = len(warnings)
	for _, w := range warnings {
		if err := enc.Encode(w); err != nil {
			return err
		}
		switch {
		case w.Raised():
			s.Raised[w.To.String()]++
		case w.Lowered():
			s.Lowered[w.From.String()]++
		case w.To == hydro.Blind:
			s.WentBlind++
		case w.From == hydro.Blind:
			s.SightRegained++
		}
	}
	s.WarningsHash = hex.EncodeToString(hash.Sum(nil))
	return nil
}

// named returns how Freshet named a fault.
func named(f scenario.Fault, tests hydro.Tests, warnings []hydro.Warning, statuses []hydro.StationStatus) string {
	if t, ok := testOf[f.Kind]; ok && tests&t != 0 {
		return "quality test: " + (tests & t).Names()[0]
	}
	for _, w := range warnings {
		if w.Station == f.Station && w.Cause != "" && !w.At.Before(f.From) {
			return "blind: " + w.Cause
		}
	}
	for _, st := range statuses {
		if st.Station == f.Station && st.Cause != "" {
			return "blind: " + st.Cause
		}
	}
	return ""
}

// WriteSummary writes s for people.
func WriteSummary(w io.Writer, s Summary, lang termui.Lang) {
	p := func(zh, en string, args ...any) { fmt.Fprintf(w, lang.Pick(zh, en)+"\n", args...) }
	p("\n演示结束：合成暴雨 %s 至 %s，用时 %.0f 秒", "\nThe demo is over: synthetic storm %s to %s, played in %.0f s",
		termui.Clock(s.From), termui.Clock(s.To), s.WallSeconds)
	p("读数：发送 %d，确认 %d，日志 %d，入库 %d", "readings: sent %d, acked %d, on the log %d, archived %d", s.Sent, s.Acked, s.OnLog, s.Archived)
	for _, reason := range slices.Sorted(maps.Keys(s.Refused)) {
		p("  拒收 %s：%d", "  refused %s: %d", reason, s.Refused[reason])
	}
	p("观测入库 %d 条，预报 %d 次，预警 %d 条", "observations archived %d, forecasts %d, warnings %d", s.Observations, s.Forecasts, s.Warnings)
	for _, stage := range []hydro.Stage{hydro.Blue, hydro.Yellow, hydro.Orange, hydro.Red} {
		p("  %s 升级 %d 次，解除 %d 次", "  %s raised %d, lowered %d", stage, s.Raised[stage.String()], s.Lowered[stage.String()])
	}
	p("注入的故障与识别结果：", "faults injected, and how they were named:")
	for _, f := range s.Faults {
		named := f.Named
		if named == "" {
			named = lang.Pick("未识别", "not named")
		}
		fmt.Fprintf(w, "  %s  %s  →  %s\n", f.Station, f.Text, named)
	}
	if s.Illustrative != "" {
		fmt.Fprintln(w, s.Illustrative)
	}
}

// testOf says which quality tests name a kind of fault.
var testOf = map[scenario.FaultKind]hydro.Tests{
	scenario.Stuck:        hydro.TestStuck,
	scenario.Spike:        hydro.TestSpike | hydro.TestStep | hydro.TestRange,
	scenario.Gap:          hydro.TestGap,
	scenario.Late:         hydro.TestLate,
	scenario.CounterReset: hydro.TestCounterReset,
}
