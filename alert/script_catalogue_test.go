package alert_test

import (
	"fmt"
	"sort"
	"strconv"
	"time"

	"freshet/alert"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

func (s *scenario) set(words []string) error {
	for i := 0; i+1 < len(words); i += 2 {
		var err error
		set, v := &s.basin.Settings, words[i+1]
		switch words[i] {
		case "dead_band":
			set.DeadBand, err = strconv.ParseFloat(v, 64)
		case "dead_band_share":
			set.DeadBandShare, err = strconv.ParseFloat(v, 64)
		case "dwell_raise":
			set.DwellRaise, err = time.ParseDuration(v)
		case "dwell_lower":
			set.DwellLower, err = time.ParseDuration(v)
		case "persistence":
			set.Persistence, err = strconv.Atoi(v)
		case "blind_after":
			set.BlindAfter, err = strconv.Atoi(v)
		case "tick":
			s.tick, err = time.ParseDuration(v)
		default:
			err = fmt.Errorf("unknown setting %q", words[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *scenario) station(words []string) error {
	st := catalog.Station{ID: words[0], NameZH: words[0] + "站", NameEN: words[0], Basin: "b"}
	st.Datum.Name = hydro.PearlRiver
	every := 5 * time.Minute
	var err error
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "every":
			i++
			if every, err = time.ParseDuration(words[i]); err != nil {
				return err
			}
		case "datum":
			i++
			st.Datum.Name = hydro.Datum(words[i])
		case "accepts":
			add, err := strconv.ParseFloat(words[i+2], 64)
			if err != nil {
				return err
			}
			st.Datum.Accepts = append(st.Datum.Accepts, catalog.DatumOffset{From: hydro.Datum(words[i+1]), Add: add})
			i += 2
		default:
			v, err := hydro.ParseVariable(words[i])
			if err != nil {
				return err
			}
			st.Parameters = append(st.Parameters, catalog.Parameter{Variable: v, Interval: every})
		}
	}
	s.cat.Stations = append(s.cat.Stations, st)
	sort.Slice(s.cat.Stations, func(i, j int) bool { return s.cat.Stations[i].ID < s.cat.Stations[j].ID })
	return nil
}

func (s *scenario) table(words []string) error {
	t := catalog.StageTable{Station: words[0], Datum: hydro.PearlRiver, ValidFrom: s.start.AddDate(-1, 0, 0)}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "from":
			at, err := s.offset(words[i+1])
			if err != nil {
				return err
			}
			t.ValidFrom = at
			i++
		case "datum":
			t.Datum = hydro.Datum(words[i+1])
			i++
		case "illustrative":
			t.Illustrative = true
		}
	}
	s.cat.StageTables = append(s.cat.StageTables, t)
	return nil
}

func (s *scenario) threshold(words []string) error {
	stage, err := hydro.ParseStage(words[0])
	if err != nil {
		return err
	}
	v, err := hydro.ParseVariable(words[1])
	if err != nil {
		return err
	}
	th := catalog.Threshold{Stage: stage, Variable: v}
	rest := words[2:]
	if v == hydro.Rain {
		if th.Window, err = time.ParseDuration(rest[0]); err != nil {
			return err
		}
		rest = rest[1:]
	}
	if th.Value, err = strconv.ParseFloat(rest[0], 64); err != nil {
		return err
	}
	th.Observed = rest[1] != "forecast"
	th.Forecast = rest[1] != "observed"
	t := &s.cat.StageTables[len(s.cat.StageTables)-1]
	t.Thresholds = append(t.Thresholds, th)
	return nil
}

func (s *scenario) compile() error {
	s.cat.Basins = []catalog.Basin{s.basin}
	rules, err := alert.Compile(&s.cat, "b")
	s.rules = rules
	return err
}
