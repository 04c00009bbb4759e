package calibration

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"freshet/forecast/tidal"
	"freshet/internal/hydro"
	"freshet/internal/verify"
)

// Tide is the role of the predicted tide of a tidal relation.
const Tide = "tide"

// Where a tidal relation is looked for.
const (
	mostLag    = 12 * time.Hour
	mostTravel = 72 * time.Hour
)

// tidalLeads are the lead times of the table of skill.
var tidalLeads = []time.Duration{3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 36 * time.Hour}

// halfLives are those that the residual's is chosen from, h; 0: it is not used.
var halfLives = []float64{0, 1.5, 3, 6, 12, 24, 48}

// TidalOptions say what relation of level to tide and flow to fit.
type TidalOptions struct {
	Source           Source // roles time, tide, flow and level
	Station, FlowAt  string // of the fragment
	Datum, TideDatum string // of level and tide; needed
	Split            float64
}

// A TidalReport is the result.
type TidalReport struct {
	Method   string       `json:"method"` // tidal
	File     string       `json:"file"`
	Fitted   tidal.Level  `json:"fitted"`
	LagS     float64      `json:"lag_s"`
	TravelS  float64      `json:"travel_s"`
	HalfLife float64      `json:"half_life_s"`
	Flow     [2]float64   `json:"fitted_flow_m3s"`
	Tide     [2]float64   `json:"fitted_tide_m"`
	RMSE     float64      `json:"fit_rmse_m"`
	N        int          `json:"fit_n"`
	Checked  bool         `json:"checked"` // else the table is of what was fitted
	Skill    []TidalSkill `json:"skill"`
	Notes    []string     `json:"notes"`
	Fragment string       `json:"fragment"`
}

// A TidalSkill is one lead time of the table.
type TidalSkill struct {
	LeadS       float64    `json:"lead_s"`
	Relation    TidalScore `json:"relation"`
	Persistence TidalScore `json:"persistence"`
	TideAlone   TidalScore `json:"tide_alone"`
}

// A TidalScore is how far forecasts lie from what was observed.
type TidalScore struct {
	N          int          `json:"n"`
	RMSE       verify.Score `json:"rmse_m"`
	Bias       verify.Score `json:"bias_m"`
	HighWaters int          `json:"high_waters"`
	HighWater  verify.Score `json:"high_water_rmse_m"`
	HighTime   verify.Score `json:"high_water_time_error_s"`
}

// RunTidal fits the relation of level to tide and flow, and scores it by lead time on
// the part that it did not see. Errors are as those of [Run].
func RunTidal(o TidalOptions) (*TidalReport, error) {
	for _, d := range []struct{ flag, name string }{{"--datum", o.Datum}, {"--tide-datum", o.TideDatum}} {
		if d.name == "" || strings.ContainsAny(d.name, " :#{}[],\"'\n") {
			return nil, fmt.Errorf("%s %q: name the datum as in the catalogue, e.g. PEARL_RIVER: levels without one are a guess: %w", d.flag, d.name, hydro.ErrInvalid)
		}
	}
	if !(o.Split > 0 && o.Split <= 1) {
		return nil, fmt.Errorf("--split %g: want a share above 0, at most 1: %w", o.Split, hydro.ErrInvalid)
	}
	rec, err := Read(o.Source, []string{Tide, Flow, Level}, nil)
	if err != nil {
		return nil, err
	}
	if rec.Step > time.Hour {
		return nil, fmt.Errorf("%s: a step of %s: a tide takes an hour or less: %w", rec.Name, rec.Step, hydro.ErrInvalid)
	}
	step := rec.Step.Seconds()
	r := &tidal.Record{Step: step, Tide: rec.Series(Tide), Flow: rec.Series(Flow), Level: rec.Series(Level)}
	cut := int(math.Round(o.Split * float64(rec.N)))
	f, err := tidal.Fit(r, 0, cut, 2.0/3, int(mostLag/rec.Step), int(mostTravel/rec.Step))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", rec.Name, err, hydro.ErrInvalid)
	}
	var leads []int
	for _, l := range tidalLeads {
		if l%rec.Step == 0 {
			leads = append(leads, int(l/rec.Step))
		}
	}
	out := &TidalReport{
		Method: "tidal", File: filepath.Base(o.Source.File), Fitted: f.Level, LagS: float64(f.Lag) * step, TravelS: float64(f.Travel) * step,
		Flow: f.Flow, Tide: f.Tide, RMSE: f.RMSE, N: f.N, Checked: cut < rec.N, Notes: []string{},
	}
	best := math.Inf(1)
	for _, h := range halfLives {
		sum := 0.0
		for _, s := range tidal.Skills(r, &f, 0, cut, 0, cut, 3600*h, leads) {
			sum += s.Relation.RMSE
		}
		if sum < best {
			best, out.HalfLife = sum, 3600*h
		}
	}
	from := cut
	if !out.Checked {
		from = 0
		out.Notes = append(out.Notes, "nothing was checked: the table is of the values that were fitted, and flatters")
	}
	if f.Lag == int(mostLag/rec.Step) || f.Travel == int(mostTravel/rec.Step) {
		out.Notes = append(out.Notes, fmt.Sprintf("lag %s or travel %s lies at the end of where it was looked for", duration(out.LagS), duration(out.TravelS)))
	}
	if f.Level.Damping == 0 {
		out.Notes = append(out.Notes, "no damping of the tide by the flow was found: the record may hold no flood")
	}
	for _, s := range tidal.Skills(r, &f, 0, cut, from, rec.N, out.HalfLife, leads) {
		out.Skill = append(out.Skill, TidalSkill{float64(s.Lead) * step, scored(s.Relation), scored(s.Persistence), scored(s.TideOnly)})
	}
	out.fragment(&o)
	return out, nil
}

func scored(s tidal.Score) TidalScore {
	return TidalScore{s.N, verify.Score(s.RMSE), verify.Score(s.Bias), s.HighWaters, verify.Score(s.HighWater), verify.Score(s.HighTime)}
}

// fragment writes the section tide of a node, with the table as comments.
func (r *TidalReport) fragment(o *TidalOptions) {
	var b strings.Builder
	part := "the part that was not fitted"
	if !r.Checked {
		part = "what was fitted"
	}
	fmt.Fprintf(&b, "# Level by tide and flow, of %s: root mean square error %.3f m of %d values fitted.\n", r.File, r.RMSE, r.N)
	fmt.Fprintf(&b, "# Errors in m on %s; of high waters in m and min. The flow is held from the issue on, the tide is as predicted.\n", part)
	fmt.Fprintf(&b, "# %5s  %-34s  %-34s  %s\n", "lead", "this relation", "persistence", "tide alone")
	cell := func(s TidalScore) string {
		return fmt.Sprintf("%6.3f, bias %+6.3f, HW %5.3f %3.0f", float64(s.RMSE), float64(s.Bias), float64(s.HighWater), float64(s.HighTime)/60)
	}
	for _, s := range r.Skill {
		fmt.Fprintf(&b, "# %3.0f h  %-34s  %-34s  %s\n", s.LeadS/3600, cell(s.Relation), cell(s.Persistence), cell(s.TideAlone))
	}
	l := r.Fitted
	names := [2]string{o.Station, o.FlowAt}
	for i, d := range []string{"TIDE-STATION", "NODE"} {
		if names[i] == "" {
			names[i] = d
		}
	}
	fmt.Fprintf(&b, "tidal: true\ntide: {station: %s, tide_datum: %s, datum: %s, flow_at: %s, lag: %s, travel: %s, mean: %s, rise: %s, gain: %s, damping: %s, half_life: %s, fitted_flow: [%s, %s], fitted_tide: [%s, %s], source: fitted to %s}\n",
		names[0], o.TideDatum, o.Datum, names[1], duration(r.LagS), duration(r.TravelS), number(l.Mean), number(l.Rise), number(l.Gain), number(l.Damping), duration(r.HalfLife),
		number(r.Flow[0]), number(r.Flow[1]), number(r.Tide[0]), number(r.Tide[1]), quoted(r.File))
	r.Fragment = b.String()
}

// quoted is a name as it may stand in a flow mapping of YAML.
func quoted(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(c rune) bool { return strings.ContainsRune(" ,{}[]:#\"'\n", c) }), "_")
}
