package alert_test

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"freshet/alert"
	"freshet/ingest/accumulation"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// A scenario plays one script of testdata. A script is lines; # begins a
// comment. Times are local to the script's zone: +20m and +1h30m count from its
// start. Commands:
//
//	set dead_band 0.10 | dead_band_share 0.05 | dwell_raise 10m | dwell_lower 30m | persistence 2 | blind_after 2 | tick 1m
//	start 2024-06-09T08:00                        the first tick, Beijing time
//	station ID every 5m VARIABLE... [datum D] [accepts D +0.5]
//	table ID from +0m [datum D] [illustrative]    begins a stage table
//	threshold STAGE VARIABLE [WINDOW] VALUE both|observed|forecast
//	load ID VARIABLE every 5m from +0m [arriving +3h]: VALUES
//	                                              7.5, 7.5x4 (repeated), 7.5!stuck (suspect), 7.5!!range (fail), 7.5@1 (revision), _ (gap);
//	                                              each arrives at its own instant unless arriving says when
//	rain ID every 5m from +0m [arriving +3h]: VALUES
//	forecast +10m [valid 30m] [step 1h] ID level|discharge: VALUES [; ID …]
//	qpf ID from +0m step 1h [expires +3h]: VALUES the rain forecast that runs use there from now on (till expires), mm a step;
//	                                              of several for one station the last one counts
//	run +10m [valid 30m] [step 1h]                a run that says nothing but its rain; horizon 24 h
//	refuse ID VARIABLE REASON from +0m to +2h     reports are refused
//	at +20m warning none
//	at +20m warning [FROM->]STAGE ID [cause "…"] [illustrative]; …    all warnings since the last warning line
//	at +20m stage STAGE ID [cause "…"]            what the statuses show
//	at +20m zh ID "…" | en ID "…"                 the reason in the last warning of the station
//	at +20m now ID "…"                            the English reason that the statuses show
//	reload                                        goes through gob, and adopts
//	remove ID                                     takes a station out of the catalogue, for the next reload
//	stop until +20m                               nothing is evaluated before that instant
type scenario struct {
	t        *testing.T
	line     int
	start    time.Time
	now      time.Time
	tick     time.Duration
	cat      catalog.Catalog
	basin    catalog.Basin
	rules    *alert.Rules
	state    alert.State
	pending  []arrival
	held     map[hydro.Key]*hydro.History
	runs     []*hydro.Forecast // not yet issued
	run      *hydro.Forecast
	qpf      []qpf
	refusals []refusal
	warnings []hydro.Warning
	last     map[string]hydro.Warning
}

type arrival struct {
	at     time.Time
	key    hydro.Key
	sample hydro.Sample
}

type refusal struct {
	hydro.Refusal
	from, to time.Time
}

var beijing = time.FixedZone("Beijing", 8*60*60)

func TestScenariosOfTheRulesHold(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { play(t, file) })
	}
}

func play(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &scenario{t: t, tick: time.Minute, held: map[hydro.Key]*hydro.History{}, last: map[string]hydro.Warning{}}
	s.basin = catalog.Basin{ID: "b", Season: catalog.Season{Zone: "Asia/Shanghai"}}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		s.line++
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if err := s.do(text); err != nil {
			t.Fatalf("%s:%d: %s: %v", file, s.line, text, err)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func (s *scenario) do(text string) error {
	head, list, hasList := strings.Cut(text, ":")
	words := strings.Fields(head)
	if words[0] == "at" || words[0] == "start" || words[0] == "table" {
		words, hasList = strings.Fields(text), false
	}
	switch words[0] {
	case "set":
		return s.set(words[1:])
	case "start":
		at, err := time.ParseInLocation("2006-01-02T15:04", words[1], beijing)
		s.start, s.now = at.UTC(), at.UTC()
		return err
	case "station":
		return s.station(words[1:])
	case "table":
		return s.table(words[1:])
	case "threshold":
		return s.threshold(words[1:])
	case "load", "rain":
		if !hasList {
			return fmt.Errorf("no values")
		}
		return s.load(words, strings.Fields(list))
	case "forecast", "run":
		return s.forecast(text)
	case "qpf":
		return s.rainAhead(words[1:], strings.Fields(list))
	case "refuse":
		return s.refuse(words[1:])
	case "reload":
		return s.reload()
	case "remove":
		s.cat.Stations = slices.DeleteFunc(s.cat.Stations, func(st catalog.Station) bool { return st.ID == words[1] })
		s.cat.StageTables = slices.DeleteFunc(s.cat.StageTables, func(t catalog.StageTable) bool { return t.Station == words[1] })
		return nil
	case "stop":
		at, err := s.offset(words[2])
		s.now = at.Add(-s.tick)
		return err
	case "at":
		at, err := s.offset(words[1])
		if err != nil {
			return err
		}
		if err := s.advance(at); err != nil {
			return err
		}
		_, rest, _ := strings.Cut(text, words[1])
		return s.expect(strings.TrimSpace(rest))
	}
	return fmt.Errorf("unknown command")
}

// load queues samples.
func (s *scenario) load(words, values []string) error {
	v, i := hydro.Rain, 2
	if words[0] == "load" {
		var err error
		if v, err = hydro.ParseVariable(words[2]); err != nil {
			return err
		}
		i = 3
	}
	key := hydro.Key{Station: words[1], Variable: v}
	every := 5 * time.Minute
	at, arriving := s.start, time.Time{}
	for ; i+1 < len(words); i += 2 {
		var err error
		switch words[i] {
		case "every":
			every, err = time.ParseDuration(words[i+1])
		case "from":
			at, err = s.offset(words[i+1])
		case "arriving":
			arriving, err = s.offset(words[i+1])
		default:
			err = fmt.Errorf("unknown word %q", words[i])
		}
		if err != nil {
			return err
		}
	}
	for _, text := range values {
		value, times, repeated := strings.Cut(text, "x")
		n := 1
		if repeated {
			var err error
			if n, err = strconv.Atoi(times); err != nil {
				return err
			}
		}
		if value == "_" {
			at = at.Add(time.Duration(n) * every)
			continue
		}
		sample := hydro.Sample{Quality: hydro.Pass}
		if v == hydro.Rain {
			sample.Interval = int32(every / time.Second)
		}
		var tests, revision string
		if value, tests, _ = strings.Cut(value, "!"); tests != "" {
			var err error
			sample.Quality = hydro.Suspect
			if rest, failed := strings.CutPrefix(tests, "!"); failed {
				sample.Quality, tests = hydro.Fail, rest
			}
			if sample.Tests, err = hydro.ParseTests(strings.Split(tests, ",")); err != nil {
				return err
			}
		}
		if value, revision, _ = strings.Cut(value, "@"); revision != "" {
			n, err := strconv.Atoi(revision)
			if err != nil {
				return err
			}
			sample.Revision = uint32(n)
		}
		x, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return err
		}
		sample.Value, sample.Raw = x, x
		for range n {
			sample.At = at.UnixMilli()
			a := arrival{at, key, sample}
			if !arriving.IsZero() {
				a.at = arriving
			}
			s.pending = append(s.pending, a)
			at = at.Add(every)
		}
	}
	sort.SliceStable(s.pending, func(i, j int) bool { return s.pending[i].at.Before(s.pending[j].at) })
	return nil
}

func (s *scenario) forecast(text string) error {
	head, rest, _ := strings.Cut(text, ":")
	words := strings.Fields(head)
	issued, err := s.offset(words[1])
	if err != nil {
		return err
	}
	f := &hydro.Forecast{Basin: "b", IssuedAt: issued, Step: time.Hour, Horizon: 24 * time.Hour, ValidUntil: issued.Add(30 * time.Minute)}
	i := 2
	for ; i < len(words); i += 2 {
		d, err := time.ParseDuration(words[i+1])
		if err != nil {
			break
		}
		if words[i] == "valid" {
			f.ValidUntil = issued.Add(d)
		} else {
			f.Step = d
		}
	}
	names := words[i:]
	if words[0] == "run" {
		s.runs = append(s.runs, f)
		return nil
	}
	for part := range strings.SplitSeq(strings.Join(names, " ")+":"+rest, ";") {
		name, list, _ := strings.Cut(part, ":")
		who := strings.Fields(name)
		var values []float64
		for v := range strings.FieldsSeq(list) {
			x, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return err
			}
			values = append(values, x)
		}
		gaps := make([]float64, len(values))
		for i := range gaps {
			gaps[i] = math.NaN()
		}
		sf := hydro.StationForecast{Station: who[0], Datum: hydro.PearlRiver, Level: values, Discharge: gaps}
		sf.NowLevel, sf.NowDischarge, sf.Peak.Level, sf.Peak.Discharge = math.NaN(), math.NaN(), math.NaN(), math.NaN()
		if who[1] == "discharge" {
			sf.Level, sf.Discharge = gaps, values
		}
		if len(who) > 3 && who[2] == "datum" {
			sf.Datum = hydro.Datum(who[3])
		}
		f.Stations = append(f.Stations, sf)
	}
	sort.Slice(f.Stations, func(i, j int) bool { return f.Stations[i].Station < f.Stations[j].Station })
	s.runs = append(s.runs, f)
	return nil
}

func (s *scenario) refuse(words []string) error {
	v, err := hydro.ParseVariable(words[1])
	if err != nil {
		return err
	}
	reason, err := hydro.ParseRefusalReason(words[2])
	if err != nil {
		return err
	}
	from, err := s.offset(words[4])
	if err != nil {
		return err
	}
	to, err := s.offset(words[6])
	if err != nil {
		return err
	}
	s.refusals = append(s.refusals, refusal{hydro.Refusal{Station: words[0], Variable: v, Reason: reason, Detail: "stated elsewhere", Count: 1}, from, to})
	return nil
}

// offset reads +1h30m.
func (s *scenario) offset(text string) (time.Time, error) {
	d, err := time.ParseDuration(strings.TrimPrefix(text, "+"))
	return s.start.Add(d), err
}

// advance plays ticks up to and with the instant.
func (s *scenario) advance(to time.Time) error {
	if s.rules == nil {
		if err := s.compile(); err != nil {
			return err
		}
		s.now = s.start.Add(-s.tick)
		s.state = s.rules.Start(s.start)
	}
	for s.now.Before(to) {
		s.now = s.now.Add(s.tick)
		s.step()
	}
	return nil
}

func (s *scenario) step() {
	for len(s.pending) > 0 && !s.pending[0].at.After(s.now) {
		p := s.pending[0]
		s.pending = s.pending[1:]
		if s.held[p.key] == nil {
			s.held[p.key] = &hydro.History{}
		}
		s.held[p.key].Put(p.sample)
	}
	for len(s.runs) > 0 && !s.runs[0].IssuedAt.After(s.now) {
		s.run, s.runs = s.runs[0], s.runs[1:]
	}
	before := fmt.Sprint(s.state)
	next, warnings := s.rules.Evaluate(s.state, s.evidence())
	if after := fmt.Sprint(s.state); after != before {
		s.t.Fatalf("Evaluate wrote to the state that it was given")
	}
	s.state = next
	for _, w := range warnings {
		s.last[w.Station] = w
	}
	s.warnings = append(s.warnings, warnings...)
}

func (s *scenario) evidence() alert.Evidence {
	return alert.Evidence{
		Now:      s.now,
		History:  func(k hydro.Key) *hydro.History { return s.held[k] },
		Forecast: s.run,
		Rain: func(id string, window time.Duration) (float64, float64, bool) {
			h := s.held[hydro.Key{Station: id, Variable: hydro.Rain}]
			if h == nil {
				return 0, 0, false
			}
			var mm float64
			var covered time.Duration
			for _, x := range h.Between(s.now.Add(-window).UnixMilli(), s.now.UnixMilli()) {
				if x.Quality != hydro.Fail { // as package accumulation does
					mm += x.Value
					covered += time.Duration(x.Interval) * time.Second
				}
			}
			return mm, float64(covered) / float64(window), true
		},
		RainAhead: s.ahead,
		Fallen: func(id string, from, to time.Time) (float64, float64) {
			sum := accumulation.Between(s.held[hydro.Key{Station: id, Variable: hydro.Rain}], from, to)
			return sum.Rain, sum.Coverage
		},
		Refusal: func(id string) (hydro.Refusal, bool) {
			for _, r := range s.refusals {
				if r.Station == id && !s.now.Before(r.from) && s.now.Before(r.to) {
					return r.Refusal, true
				}
			}
			return hydro.Refusal{}, false
		},
	}
}

// reload stores the state, loads it, and adopts it as after a catalogue change.
func (s *scenario) reload() error {
	if err := s.compile(); err != nil {
		return err
	}
	var loaded alert.State
	if err := throughGob(s.state, &loaded); err != nil {
		return err
	}
	s.state = s.rules.Adopt(loaded, s.now)
	return nil
}
