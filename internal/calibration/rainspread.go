package calibration

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"freshet/forecast/band"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/replay"
	"freshet/internal/verify"
)

// RainSpreadMethod is the name of the method that RunRainSpread is.
const RainSpreadMethod = "rain_spread"

// The roles of its columns beside observed.
const (
	issuedRole   = "issued"
	leadRole     = "lead"
	forecastRole = "forecast"
)

// mostCV and the means are what a catalogue takes.
const (
	mostCV             = 3
	leastMean, topMean = 0.1, 10
)

// RainSpreadOptions say from what to learn by what factors forecasts of rain err.
type RainSpreadOptions struct {
	// Source has one row for each interval of each forecast: issued, when it was
	// issued; lead, h from there to the interval's end; forecast and observed, mm of it.
	Source     Source
	Leads      []time.Duration // where windows of lead end, ascending; none: each 24 h
	Least      float64         // mm in a window, of forecast and observed: below it a ratio says nothing
	Split      float64         // share of the forecasts, the first ones, that is fitted; 1: all
	Fit, Check []string        // periods FROM..TO of issued
}

// A RainSpreadReport is the result.
type RainSpreadReport struct {
	Method   string            `json:"method"`
	File     string            `json:"file"`
	LeastMM  float64           `json:"least_mm"`
	Leads    []RainLead        `json:"leads"`
	Fit      RainSpreadPeriod  `json:"fit"`
	Check    *RainSpreadPeriod `json:"check"` // null: nothing was checked
	Notes    []string          `json:"notes"`
	Fragment string            `json:"fragment"` // YAML
}

// A RainLead is what the factors of a window of lead are, as the fragment has them.
type RainLead struct {
	FromHours float64 `json:"from_h"`
	ToHours   float64 `json:"to_h"`
	CV        float64 `json:"cv"`
	Mean      float64 `json:"mean"`
	Pairs     int     `json:"pairs"`
}

// A RainSpreadPeriod says what of the observed rain lay within the factors' quantiles.
type RainSpreadPeriod struct {
	From      time.Time      `json:"from"` // issued
	To        time.Time      `json:"to"`
	Forecasts int            `json:"forecasts"`
	Leads     []RainCoverage `json:"leads"`
	// Whole is of the depth of all windows together, each with the factor of the same rank.
	Whole RainCoverage `json:"whole"`
}

// RainCoverage is of the windows of which the forecast had the least depth or more,
// whatever fell.
type RainCoverage struct {
	N      int          `json:"n"`
	Eighty verify.Score `json:"within_80"` // share of them between the quantiles at 10 and 90 %
	Ninety verify.Score `json:"within_90"` // 5 and 95 %
	Below  verify.Score `json:"below_80"`  // less than the quantile at 10 %
	// Missed windows had less than that forecast, and more observed: no factor makes
	// rain of none. Share is of all observed rain.
	Missed      int          `json:"missed"`
	MissedShare verify.Score `json:"missed_depth_share"`
}

// A rainIssue is one forecast: depths of each window, NaN where a row is missing.
type rainIssue struct {
	at                 time.Time
	forecast, observed []float64
	rows               []int
	use                Use
}

// RunRainSpread fits the factors by which observed rain differs from forecast rain, by
// lead. The error wraps hydro.ErrInvalid if the options or the file are wrong.
func RunRainSpread(o RainSpreadOptions) (*RainSpreadReport, error) {
	if !(o.Split > 0 && o.Split <= 1) {
		return nil, fmt.Errorf("--split %g: want a share above 0, at most 1: %w", o.Split, hydro.ErrInvalid)
	}
	if !(o.Least > 0) || math.IsInf(o.Least, 0) {
		return nil, fmt.Errorf("--least %g: want a depth above 0 mm: %w", o.Least, hydro.ErrInvalid)
	}
	for i, l := range o.Leads {
		if l < time.Minute || i > 0 && l <= o.Leads[i-1] {
			return nil, fmt.Errorf("--leads: %s: want ascending durations, e.g. 24h,48h,72h: %w", l, hydro.ErrInvalid)
		}
	}
	issues, left, err := o.read()
	if err != nil {
		return nil, err
	}
	if err := o.deal(issues); err != nil {
		return nil, err
	}
	r := &RainSpreadReport{Method: RainSpreadMethod, File: filepath.Base(o.Source.File), LeastMM: o.Least, Notes: []string{}}
	if left > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d windows of a forecast have a row without a value, or fewer rows than others: they were left out", left))
	}
	from := 0.0
	for k, to := range o.Leads {
		var forecast, observed []float64
		for i := range issues {
			if x := &issues[i]; x.use == ForFit && x.known(k) {
				forecast, observed = append(forecast, x.forecast[k]), append(observed, x.observed[k])
			}
		}
		cv, mean, err := band.Spread(forecast, observed, o.Least)
		if err != nil {
			return nil, fmt.Errorf("%s, leads from %g to %g h: %w of both forecast and observed in the fit: widen the windows with --leads, or lower --least: %w",
				r.File, from, to.Hours(), err, hydro.ErrInvalid)
		}
		n := 0
		for i := range forecast {
			if forecast[i] >= o.Least && observed[i] >= o.Least {
				n++
			}
		}
		l := RainLead{FromHours: from, ToHours: to.Hours(), CV: math.Round(100*cv) / 100, Mean: math.Round(100*mean) / 100, Pairs: n}
		if l.CV > mostCV {
			r.Notes = append(r.Notes, fmt.Sprintf("leads to %g h: the coefficient of variation %g is more than the %d that a catalogue takes: such forecasts say little", l.ToHours, l.CV, mostCV))
			l.CV = mostCV
		}
		if l.Mean < leastMean || l.Mean > topMean {
			return nil, fmt.Errorf("%s, leads to %g h: %g times as much fell as was forecast: are both in mm of the same interval? %w", r.File, l.ToHours, mean, hydro.ErrInvalid)
		}
		r.Leads = append(r.Leads, l)
		from = l.ToHours
	}
	r.Fit = r.period(issues, ForFit)
	if c := r.period(issues, ForCheck); c.Forecasts > 0 {
		r.Check = &c
	}
	r.Fragment = r.fragment()
	return r, nil
}

func (x *rainIssue) known(k int) bool {
	return !math.IsNaN(x.forecast[k]) && !math.IsNaN(x.observed[k])
}

// A rainRow is a row of the file.
type rainRow struct {
	at                 time.Time
	lead               time.Duration
	forecast, observed float64 // NaN: not known
}

// read returns the forecasts, ascending, with their depths by window, and how many
// windows were left out. It fills Leads if there are none.
func (o *RainSpreadOptions) read() (issues []rainIssue, left int, err error) {
	rows, err := o.rows()
	if err != nil {
		return nil, 0, err
	}
	longest := time.Duration(0)
	for _, row := range rows {
		longest = max(longest, row.lead)
	}
	if len(o.Leads) == 0 {
		for to := 24 * time.Hour; to < longest+24*time.Hour; to += 24 * time.Hour {
			o.Leads = append(o.Leads, to)
		}
	}
	for _, row := range rows {
		if n := len(issues); n == 0 || !issues[n-1].at.Equal(row.at) {
			issues = append(issues, rainIssue{at: row.at, forecast: make([]float64, len(o.Leads)), observed: make([]float64, len(o.Leads)), rows: make([]int, len(o.Leads))})
		}
		x := &issues[len(issues)-1]
		if k := slices.IndexFunc(o.Leads, func(to time.Duration) bool { return row.lead <= to }); k >= 0 {
			x.forecast[k] += row.forecast
			x.observed[k] += row.observed
			x.rows[k]++
		}
	}
	for k := range o.Leads {
		most := 0
		for i := range issues {
			most = max(most, issues[i].rows[k])
		}
		for i := range issues {
			if x := &issues[i]; x.rows[k] < most || !x.known(k) {
				x.forecast[k], x.observed[k] = math.NaN(), math.NaN()
				left++
			}
		}
	}
	return issues, left, nil
}

// rows reads the file, ascending by issue and lead.
func (o *RainSpreadOptions) rows() ([]rainRow, error) {
	data, err := os.ReadFile(o.Source.File)
	if err != nil {
		return nil, fmt.Errorf("--data: %w: %w", err, hydro.ErrInvalid)
	}
	name := filepath.Base(o.Source.File)
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	in.Comma, in.TrimLeadingSpace = cmp.Or(o.Source.Delimiter, ','), true
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: no header: %w: %w", name, err, hydro.ErrInvalid)
	}
	roles := []string{issuedRole, leadRole, forecastRole, Observed}
	column := make([]int, len(roles))
	for i, role := range roles {
		want := cmp.Or(o.Source.Columns[role], role)
		if column[i] = slices.IndexFunc(header, func(h string) bool { return strings.TrimSpace(h) == want }); column[i] < 0 {
			return nil, replay.Problems{{File: name, Line: 1, Column: 1, Message: fmt.Sprintf("there is no column %q; the header has %s: say --column %s=NAME", want, strings.Join(header, ", "), role)}}
		}
	}
	var out []rainRow
	var problems replay.Problems
	layout := o.Source.Layout
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", name, err, hydro.ErrInvalid)
		}
		fail := func(i int, says string) {
			line, at := in.FieldPos(column[i])
			problems = append(problems, catalog.Problem{File: name, Line: line, Column: at, Message: roles[i] + ": " + says})
		}
		var r rainRow
		cell := strings.TrimSpace(row[column[0]])
		if layout == "" {
			layout = layoutOf(cell, o.Source.Zone)
		}
		if r.at, err = time.ParseInLocation(layout, cell, o.Source.Zone); err != nil || layout == "" {
			fail(0, fmt.Sprintf("%q is no time: state --layout", cell))
		}
		hours, err := strconv.ParseFloat(strings.TrimSpace(row[column[1]]), 64)
		if err != nil || !(hours > 0 && hours <= 30*24) {
			fail(1, fmt.Sprintf("%q: want hours from the issue to the end of the interval, above 0 and at most 720", row[column[1]]))
		}
		r.lead = time.Duration(math.Round(hours*3600)) * time.Second
		for i, into := range []*float64{&r.forecast, &r.observed} {
			cell := strings.TrimSpace(row[column[2+i]])
			if cell == "" || slices.Contains(o.Source.Missing, cell) {
				*into = math.NaN()
				continue
			}
			if *into, err = strconv.ParseFloat(cell, 64); err != nil || !(*into >= 0) || math.IsInf(*into, 0) {
				fail(2+i, fmt.Sprintf("%q is neither a depth of 0 mm or more nor one of --missing", cell))
			}
		}
		out = append(out, r)
	}
	if len(problems) > 0 {
		return nil, problems[:min(len(problems), 20)]
	}
	slices.SortStableFunc(out, func(a, b rainRow) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.lead, b.lead)) })
	for i := 1; i < len(out); i++ {
		if out[i].at.Equal(out[i-1].at) && out[i].lead == out[i-1].lead {
			return nil, fmt.Errorf("%s: two rows of the forecast of %s at a lead of %g h: %w", name, stamp(out[i].at, o.Source.Zone), out[i].lead.Hours(), hydro.ErrInvalid)
		}
	}
	return out, nil
}

// deal says what each forecast is for: by when it was issued.
func (o *RainSpreadOptions) deal(issues []rainIssue) error {
	for _, p := range []struct {
		periods []string
		use     Use
	}{{o.Fit, ForFit}, {o.Check, ForCheck}} {
		for _, text := range p.periods {
			from, to, err := ParsePeriod(text, o.Source.Zone)
			if err != nil {
				return fmt.Errorf("--%s: %w", p.use, err)
			}
			for i := range issues {
				if !issues[i].at.Before(from) && !issues[i].at.After(to) {
					issues[i].use = p.use
				}
			}
		}
	}
	if len(o.Fit)+len(o.Check) > 0 {
		return nil // without one to fit there are no pairs, which is said
	}
	for i := range issues {
		if issues[i].use = ForCheck; float64(i) < o.Split*float64(len(issues)) {
			issues[i].use = ForFit
		}
	}
	return nil
}

// period says what lay within the factors' quantiles.
func (r *RainSpreadReport) period(issues []rainIssue, use Use) RainSpreadPeriod {
	var p RainSpreadPeriod
	sums := make([]coverage, len(r.Leads))
	var whole coverage
	for i := range issues {
		x := &issues[i]
		if x.use != use {
			continue
		}
		if p.Forecasts == 0 {
			p.From = x.at
		}
		p.To = x.at
		p.Forecasts++
		all, forecast, observed, quantiles := true, 0.0, 0.0, [4]float64{}
		for k := range r.Leads {
			if all = all && x.known(k); !x.known(k) {
				continue
			}
			var q [4]float64
			for j, at := range [4]float64{0.05, 0.1, 0.9, 0.95} {
				q[j] = x.forecast[k] * r.Leads[k].quantile(at)
				quantiles[j] += q[j]
			}
			sums[k].add(x.forecast[k], x.observed[k], r.LeastMM, q)
			forecast, observed = forecast+x.forecast[k], observed+x.observed[k]
		}
		if all {
			whole.add(forecast, observed, r.LeastMM, quantiles)
		}
	}
	for k := range sums {
		p.Leads = append(p.Leads, sums[k].share())
	}
	p.Whole = whole.share()
	return p
}

// quantile returns that of the factor at p.
func (l *RainLead) quantile(p float64) float64 {
	variance := math.Log1p(l.CV * l.CV)
	return l.Mean * math.Exp(math.Sqrt(variance)*distuv.UnitNormal.Quantile(p)-variance/2)
}

// coverage counts.
type coverage struct {
	n, missed                           int
	eighty, ninety, below, depth, loose float64
}

func (c *coverage) add(forecast, observed, least float64, q [4]float64) {
	c.depth += observed
	if forecast < least {
		if observed >= least {
			c.missed++
			c.loose += observed
		}
		return
	}
	c.n++
	if observed >= q[1] && observed <= q[2] {
		c.eighty++
	}
	if observed >= q[0] && observed <= q[3] {
		c.ninety++
	}
	if observed < q[1] {
		c.below++
	}
}

func (c *coverage) share() RainCoverage {
	n := float64(c.n) // without any the shares are NaN
	return RainCoverage{
		N: c.n, Eighty: verify.Score(c.eighty / n), Ninety: verify.Score(c.ninety / n), Below: verify.Score(c.below / n),
		Missed: c.missed, MissedShare: verify.Score(c.loose / c.depth),
	}
}

func (r *RainSpreadReport) fragment() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# freshet calibrate: factors between observed and forecast rain, of %s, depths of %g mm or more\n", r.File, r.LeastMM)
	for _, p := range []struct {
		name   string
		period *RainSpreadPeriod
	}{{"fit", &r.Fit}, {"check", r.Check}} {
		q := p.period
		if q == nil {
			fmt.Fprintf(&b, "# %-5s  none: the factors were not tried on any forecast that the fit did not see\n", p.name)
			continue
		}
		fmt.Fprintf(&b, "# %-5s  %d forecasts issued %s to %s; share of what fell within the factors' 80 and 90 %%, and below the 80 %%:\n", p.name, q.Forecasts,
			q.From.Format(time.DateOnly), q.To.Format(time.DateOnly))
		line := func(name string, c *RainCoverage) {
			fmt.Fprintf(&b, "#        %s: %s, %s, %s of %d; %d more had no rain forecast, with %s of what fell\n", name,
				score(c.Eighty, "%.2f"), score(c.Ninety, "%.2f"), score(c.Below, "%.2f"), c.N, c.Missed, score(100*c.MissedShare, "%.0f %%"))
		}
		for k := range q.Leads {
			line(fmt.Sprintf("%g to %g h", r.Leads[k].FromHours, r.Leads[k].ToHours), &q.Leads[k])
		}
		line("all of it", &q.Whole)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "# %s\n", n)
	}
	b.WriteString("# Of the basin whose rain was compared:\nsettings:\n  rain_spread:\n")
	for _, l := range r.Leads {
		fmt.Fprintf(&b, "    - {to: %s, cv: %g, mean: %g} # of %d pairs\n", duration(l.ToHours*3600), l.CV, l.Mean, l.Pairs)
	}
	return b.String()
}
