package calibration

import (
	"bytes"
	"cmp"
	"context"
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

	"freshet/forecast/calibrate"
	"freshet/forecast/param"
	"freshet/forecast/rating"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
	"freshet/internal/replay"
	"freshet/internal/verify"
)

// RatingOptions say what rating to fit.
type RatingOptions struct {
	Source      Source // roles level and flow, and time if there are periods
	ID, Station string
	Datum       string // of the levels; needed
	ValidFrom   string // a date; needed
	Ranges      int    // power laws; 0: as many of 1 to 3 as the criterion of Schwarz takes
	Split       float64
	Fit, Check  []string // periods FROM..TO of the pairs' times
	Evaluations int      // 0: 1000 for each parameter
	Seed        uint64
	Bounds      []string // depth=LO:HI, in m
	Progress    func(calibrate.Progress)
}

// A RatingReport is the result.
type RatingReport struct {
	Method      string        `json:"method"` // rating
	ID          string        `json:"id"`
	Station     string        `json:"station"`
	Datum       string        `json:"datum"`
	ValidFrom   string        `json:"valid_from"`
	File        string        `json:"file"`
	Ranges      []RatingLaw   `json:"ranges"`
	Fit         RatingPeriod  `json:"fit"`
	Check       *RatingPeriod `json:"check"` // null: nothing was checked
	Left        int           `json:"pairs_left_out"`
	Evaluations int           `json:"evaluations"`
	Reason      string        `json:"reason"`
	Notes       []string      `json:"notes"`
	Fragment    string        `json:"fragment"`
}

// A RatingLaw is discharge = c (level - h0)^b from one level to another.
type RatingLaw struct {
	From float64 `json:"from_m"`
	To   float64 `json:"to_m"`
	C    float64 `json:"c"`
	H0   float64 `json:"h0_m"`
	B    float64 `json:"b"`
}

// A RatingPeriod is how far the rating lies from the pairs of the fit or the check:
// relative errors, rating less measured over measured.
type RatingPeriod struct {
	N      int            `json:"n"`
	Median verify.Score   `json:"median_error"` // of the amounts
	P95    verify.Score   `json:"p95_error"`    // of the amounts
	Bias   verify.Score   `json:"bias"`         // mean
	Ranges []verify.Score `json:"bias_by_range"`
	// Chances with which a curve that lies in the middle of the pairs is as bad by
	// accident: as many signs alike, as few changes of sign along the level, as large a
	// mean error. They suppose pairs that know nothing of each other, as gaugings.
	Sign  verify.Score `json:"sign_test_p"`
	Run   verify.Score `json:"run_test_p"`
	Shift verify.Score `json:"deviation_test_p"`
}

type pair struct {
	at          time.Time
	level, flow float64
	use         Use
}

// depth is looked for in place of h0: how far it lies below where its range begins.
// So it is below the lowest level whatever the search tries.
var depth = param.Param{Name: "depth", Unit: "m", Lo: 0, Hi: 1000, Above: true, Doc: "level where a range begins less h0", Sought: param.Sought{Lo: 0.005, Hi: 10, Log: true}}

// place is a break's, as a share of the way from the lowest to the highest level.
var place = param.Param{Name: "break", Unit: "–", Lo: 0, Hi: 1, Doc: "where a range ends, as a share of the levels", Sought: param.Sought{Lo: 0.02, Hi: 0.98}}

// RunRating fits a rating. Errors are as those of [Run].
func RunRating(ctx context.Context, o RatingOptions) (*RatingReport, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	pairs, left, err := readPairs(o)
	if err != nil {
		return nil, err
	}
	if err := o.deal(pairs); err != nil {
		return nil, err
	}
	r := &RatingReport{
		Method: "rating", ID: o.ID, Station: o.Station, Datum: o.Datum, ValidFrom: o.ValidFrom, File: filepath.Base(o.Source.File),
		Left: left, Notes: []string{},
	}
	if left > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d rows without a level or with no flow above 0 were left out: a power law has none", left))
	}
	most := []int{o.Ranges}
	if o.Ranges == 0 {
		most = []int{1, 2, 3}
	}
	best := math.Inf(1)
	var reason error
	for _, k := range most {
		f := newRatingFit(pairs, k)
		if f.problem.Parameters[0].Lo, f.problem.Parameters[0].Hi, err = o.bound(f.problem.Parameters[0]); err != nil {
			return nil, err
		}
		for i := range f.problem.Parameters[:k] {
			f.problem.Parameters[i].Lo, f.problem.Parameters[i].Hi = f.problem.Parameters[0].Lo, f.problem.Parameters[0].Hi
		}
		n := len(f.problem.Parameters)
		found, err := calibrate.Minimize(f.problem, calibrate.Options{
			Seed: o.Seed, Evaluations: cmp.Or(o.Evaluations, 1000*n), Progress: o.Progress, Cancelled: func() bool { return ctx.Err() != nil },
		})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r.Evaluations += found.Evaluations
		if err != nil {
			reason = err
			continue
		}
		// [Schwarz78]: ln c and b, h0 and a break of each range but the first.
		criterion := f.weight*found.Value + float64(3*k+k-1)*math.Log(f.weight)
		if criterion < best {
			best = criterion
			laws, _, err := f.laws(found.X, true)
			if err != nil {
				return nil, fmt.Errorf("the fit as found: %w", err)
			}
			r.Ranges, r.Reason = asPublished(laws), string(found.Reason)
		}
	}
	if r.Ranges == nil {
		return nil, fmt.Errorf("%w: take fewer --ranges, or move the bounds with --bound depth=LO:HI: %w", reason, hydro.ErrInvalid)
	}
	if r.Reason != string(calibrate.Agreed) {
		r.Notes = append(r.Notes, "the search ended because "+r.Reason+": more --evaluations may find better")
	}
	if err := r.score(pairs); err != nil {
		return nil, err
	}
	r.Fragment = r.fragment()
	return r, nil
}

func (o *RatingOptions) check() error {
	if o.Datum == "" {
		return fmt.Errorf("--datum: name the datum of the levels, e.g. PEARL_RIVER: a rating without one is a guess: %w", hydro.ErrInvalid)
	}
	if strings.ContainsAny(o.Datum, " :#{}[],\"'\n") {
		return fmt.Errorf("--datum %q: write its name as in the catalogue, e.g. PEARL_RIVER: %w", o.Datum, hydro.ErrInvalid)
	}
	if o.Station == "" {
		return fmt.Errorf("--station: name the station whose rating it is: %w", hydro.ErrInvalid)
	}
	if _, err := time.Parse(time.DateOnly, o.ValidFrom); err != nil {
		return fmt.Errorf("--valid-from %q: write the day from which it holds, e.g. 2026-01-01: %w", o.ValidFrom, hydro.ErrInvalid)
	}
	if o.Ranges < 0 || o.Ranges > 5 {
		return fmt.Errorf("--ranges %d: want 1 to 5, or 0 to have it chosen: %w", o.Ranges, hydro.ErrInvalid)
	}
	if !(o.Split > 0 && o.Split <= 1) {
		return fmt.Errorf("--split %g: want a share above 0, at most 1: %w", o.Split, hydro.ErrInvalid)
	}
	return nil
}

func (o *RatingOptions) bound(p calibrate.Parameter) (lo, hi float64, err error) {
	lo, hi = p.Lo, p.Hi
	for _, text := range o.Bounds {
		limits, ok := strings.CutPrefix(text, "depth=")
		a, b, two := strings.Cut(limits, ":")
		if ok && two {
			if lo, err = strconv.ParseFloat(a, 64); err == nil {
				hi, err = strconv.ParseFloat(b, 64)
			}
		}
		if !ok || !two || err != nil || !(lo > 0 && lo < hi && hi <= depth.Hi) {
			return 0, 0, fmt.Errorf("--bound %s: a rating has depth=LO:HI, m from h0 up to where a range begins, above 0: %w", text, hydro.ErrInvalid)
		}
	}
	return lo, hi, nil
}

// readPairs reads the rows that have a level and a flow above 0, and counts the
// others.
func readPairs(o RatingOptions) (pairs []pair, left int, err error) {
	data, err := os.ReadFile(o.Source.File)
	if err != nil {
		return nil, 0, fmt.Errorf("--data: %w: %w", err, hydro.ErrInvalid)
	}
	name := filepath.Base(o.Source.File)
	rows := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	rows.Comma, rows.TrimLeadingSpace = cmp.Or(o.Source.Delimiter, ','), true
	header, err := rows.Read()
	if err != nil {
		return nil, 0, fmt.Errorf("%s: no header: %w: %w", name, err, hydro.ErrInvalid)
	}
	timed := len(o.Fit)+len(o.Check) > 0
	column := map[string]int{}
	for _, role := range []string{Level, Flow, timeRole} {
		want := cmp.Or(o.Source.Columns[role], role)
		column[role] = slices.IndexFunc(header, func(h string) bool { return strings.TrimSpace(h) == want })
		if column[role] < 0 && (role != timeRole || timed) {
			return nil, 0, replay.Problems{{File: name, Line: 1, Column: 1, Message: fmt.Sprintf("there is no column %q; the header has %s: say --column %s=NAME", want, strings.Join(header, ", "), role)}}
		}
	}
	var problems replay.Problems
	layout := o.Source.Layout
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w: %w", name, err, hydro.ErrInvalid)
		}
		var p pair
		whole := true
		fail := func(role, says string) {
			line, at := rows.FieldPos(column[role])
			problems = append(problems, catalog.Problem{File: name, Line: line, Column: at, Message: role + ": " + says})
		}
		for role, into := range map[string]*float64{Level: &p.level, Flow: &p.flow} {
			cell := strings.TrimSpace(row[column[role]])
			if cell == "" || slices.Contains(o.Source.Missing, cell) {
				whole = false
				continue
			}
			if *into, err = strconv.ParseFloat(cell, 64); err != nil || math.IsNaN(*into) || math.IsInf(*into, 0) {
				fail(role, fmt.Sprintf("%q is neither a number nor one of --missing", cell))
			}
		}
		if timed {
			cell := strings.TrimSpace(row[column[timeRole]])
			if layout == "" {
				layout = layoutOf(cell, o.Source.Zone)
			}
			if p.at, err = time.ParseInLocation(layout, cell, o.Source.Zone); err != nil || layout == "" {
				fail(timeRole, fmt.Sprintf("%q is no time: state --layout", cell))
			}
		}
		if p.flow *= cmp.Or(o.Source.Flow, 1); !whole || p.flow <= 0 {
			left++
			continue
		}
		pairs = append(pairs, p)
	}
	if len(problems) > 0 {
		slices.SortFunc(problems, func(a, b catalog.Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, 0, problems[:min(len(problems), 20)]
	}
	if len(pairs) < 5 {
		return nil, 0, fmt.Errorf("%s: %d pairs of a level and a flow above 0: want 5 or more: %w", name, len(pairs), hydro.ErrInvalid)
	}
	return pairs, left, nil
}

// deal says what each pair is for: by its time if there are periods, else in turn
// along the level, so that fit and check see low and high water alike.
func (o *RatingOptions) deal(pairs []pair) error {
	for _, p := range []struct {
		periods []string
		use     Use
	}{{o.Fit, ForFit}, {o.Check, ForCheck}} {
		for _, text := range p.periods {
			from, to, err := ParsePeriod(text, o.Source.Zone)
			if err != nil {
				return fmt.Errorf("--%s: %w", p.use, err)
			}
			for i := range pairs {
				if !pairs[i].at.Before(from) && !pairs[i].at.After(to) {
					if pairs[i].use == ForFit && p.use == ForCheck {
						return fmt.Errorf("--check %s: shares the pair of %s with --fit: a check is of what the fit did not see; let one end before the other begins: %w", text, stamp(pairs[i].at, o.Source.Zone), hydro.ErrInvalid)
					}
					pairs[i].use = p.use
				}
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(a.flow, b.flow)) })
	if len(o.Fit)+len(o.Check) > 0 {
		if !slices.ContainsFunc(pairs, func(p pair) bool { return p.use == ForFit }) {
			return fmt.Errorf("no pair to fit: name a period with --fit: %w", hydro.ErrInvalid)
		}
		return nil
	}
	for i := range pairs {
		if pairs[i].use = ForCheck; math.Floor(float64(i+1)*o.Split) > math.Floor(float64(i)*o.Split) || o.Split == 1 {
			pairs[i].use = ForFit
		}
	}
	return nil
}

// A ratingFit looks for the breaks and the levels of zero flow; the rest follows.
type ratingFit struct {
	problem   calibrate.Problem
	pairs     []rating.Pair
	low, high float64
	weight    float64
	k         int
}

func newRatingFit(pairs []pair, k int) *ratingFit {
	f := &ratingFit{k: k, low: pairs[0].level}
	for _, p := range pairs { // ascending
		if p.use != ForFit {
			continue
		}
		f.weight++
		f.high = p.level
		if n := len(f.pairs); n > 0 && f.pairs[n-1].Level == p.level && f.pairs[n-1].Discharge == p.flow {
			f.pairs[n-1].Weight++
			continue
		}
		f.pairs = append(f.pairs, rating.Pair{Level: p.level, Discharge: p.flow, Weight: 1})
	}
	for i := range 2*k - 1 {
		p, name := depth, fmt.Sprintf("depth%d", i+1)
		if i >= k {
			p, name = place, fmt.Sprintf("break%d", i-k+1)
		}
		q := within(p, name, 0)
		f.problem.Parameters = append(f.problem.Parameters, q.Parameter)
	}
	f.problem.Objective = func(x []float64) (float64, error) {
		_, rest, err := f.laws(x, false)
		return math.Log(rest/f.weight + 1e-14), err // its orders of magnitude count, and a fit may be all but exact
	}
	return f
}

// laws returns the laws for x, with the breaks to a millimetre if they are to be
// written.
func (f *ratingFit) laws(x []float64, written bool) ([]rating.Range, float64, error) {
	begin := f.pairs[0].Level
	breaks := make([]float64, f.k-1)
	for i := range breaks {
		if breaks[i] = begin + x[f.k+i]*(f.high-begin); written {
			breaks[i] = math.Round(breaks[i]*1000) / 1000
		}
	}
	slices.Sort(breaks)
	h0 := make([]float64, f.k)
	for i := range h0 {
		h0[i] = f.low - x[i] // of the first: below the lowest level, that of the check too
		if i > 0 {
			h0[i] = breaks[i-1] - x[i]
		}
	}
	laws, rest, err := rating.FitLaws(f.pairs, breaks, h0)
	return laws, rest, err
}

// asPublished rounds the laws as a catalogue has them, so that each begins where the
// one before ends and discharge never falls at the join.
func asPublished(laws []rating.Range) []RatingLaw {
	var out []RatingLaw
	for i, r := range laws {
		l := RatingLaw{From: r.Low, To: r.High, H0: math.Floor(r.H0*1e5) / 1e5, B: math.Round(r.B*1e5) / 1e5}
		if i == 0 {
			l.C = significant(r.C*math.Pow(r.Low-r.H0, r.B)/math.Pow(r.Low-l.H0, l.B), math.Round)
		} else {
			before := out[i-1]
			l.C = significant(before.C*math.Pow(before.To-before.H0, before.B)/math.Pow(l.From-l.H0, l.B), math.Ceil)
		}
		out = append(out, l)
	}
	return out
}

// significant rounds to seven digits.
func significant(v float64, round func(float64) float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v))-6)
	w, err := strconv.ParseFloat(strconv.FormatFloat(round(v/unit)*unit, 'g', 7, 64), 64)
	if err != nil {
		return v
	}
	return w
}

// score compares the rating, as a run of the forecast has it, with the pairs.
func (r *RatingReport) score(pairs []pair) error {
	ranges := make([]rating.Range, len(r.Ranges))
	for i, l := range r.Ranges {
		ranges[i] = rating.Range{Low: l.From, High: l.To, C: l.C, H0: l.H0, B: l.B}
	}
	table, err := rating.NewRanges(ranges, rating.Options{Datum: r.Datum})
	if err != nil {
		return fmt.Errorf("the rating as written: %w", err)
	}
	r.Fit = r.period(table, pairs, ForFit)
	if c := r.period(table, pairs, ForCheck); c.N > 0 {
		r.Check = &c
	}
	return nil
}

func (r *RatingReport) period(table *rating.Table, pairs []pair, use Use) RatingPeriod {
	var off, amounts []float64
	sums, counts := make([]float64, len(r.Ranges)), make([]float64, len(r.Ranges))
	for _, p := range pairs {
		if p.use != use {
			continue
		}
		q, _ := table.Discharge(p.level)
		e := q/p.flow - 1
		off, amounts = append(off, e), append(amounts, math.Abs(e))
		at := 0
		for at+1 < len(r.Ranges) && p.level >= r.Ranges[at+1].From {
			at++
		}
		sums[at] += e
		counts[at]++
	}
	n := len(off)
	x := RatingPeriod{N: n}
	if n == 0 {
		return x
	}
	slices.Sort(amounts)
	x.Median, x.P95 = verify.Score(amounts[n/2]), verify.Score(amounts[min(n-1, n*95/100)])
	mean := 0.0
	for i := range sums {
		mean += sums[i] / float64(n)
		x.Ranges = append(x.Ranges, verify.Score(sums[i]/counts[i])) // none: NaN
	}
	x.Bias = verify.Score(mean)
	x.Sign, x.Run, x.Shift = residualTests(off, mean)
	return x
}

// residualTests returns the chances of the sign test, the run test and the test of
// the mean, of errors along the level: normal approximations, the first two with the
// correction for continuity, the second one-sided.
func residualTests(off []float64, mean float64) (sign, run, shift verify.Score) {
	plus, changes, n := 0, 0, float64(len(off))
	squares := 0.0
	for i, e := range off {
		if e > 0 {
			plus++
		}
		if i > 0 && (e > 0) != (off[i-1] > 0) {
			changes++
		}
		squares += (e - mean) * (e - mean)
	}
	tail := distuv.UnitNormal.Survival
	sign = verify.Score(2 * tail(max(0, math.Abs(float64(plus)-n/2)-0.5)/(math.Sqrt(n)/2)))
	run = verify.Score(tail(((n-1)/2 - float64(changes) - 0.5) / (math.Sqrt(n-1) / 2)))
	shift = verify.Score(2 * tail(math.Abs(mean)/math.Sqrt(squares/(n-1)/n)))
	return sign, run, shift
}

func (r *RatingReport) fragment() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# freshet calibrate: rating of %s fitted to %s, least squares of ln Q, levels on %s\n", r.Station, r.File, r.Datum)
	for _, p := range []struct {
		name   string
		period *RatingPeriod
	}{{"fit", &r.Fit}, {"check", r.Check}} {
		q := p.period
		if q == nil {
			fmt.Fprintf(&b, "# %-5s  none: the rating was not tried on any pair that the fit did not see\n", p.name)
			continue
		}
		var by []string
		for _, v := range q.Ranges {
			by = append(by, score(100*v, "%+.3g"))
		}
		fmt.Fprintf(&b, "# %-5s  %d pairs: error %s in the median, %s at 95 %%, bias %s (by range %s %%)\n", p.name, q.N,
			score(100*q.Median, "%.3g %%"), score(100*q.P95, "%.3g %%"), score(100*q.Bias, "%+.3g %%"), strings.Join(by, ", "))
		fmt.Fprintf(&b, "#        by accident as bad, of independent pairs: signs %s, runs %s, mean %s\n", score(q.Sign, "%.3g"), score(q.Run, "%.3g"), score(q.Shift, "%.3g"))
	}
	fmt.Fprintf(&b, "# %d evaluations: %s\n", r.Evaluations, r.Reason)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "# %s\n", n)
	}
	last := len(r.Ranges) - 1
	fmt.Fprintf(&b, "ratings:\n  - id: %s\n    station: %s\n    datum: %s\n    valid_from: %s\n", r.ID, r.Station, r.Datum, r.ValidFrom)
	fmt.Fprintf(&b, "    measured: [%s, %s] # m; what lies outside is extrapolated\n", plain(r.Ranges[0].From), plain(r.Ranges[last].To))
	fmt.Fprintf(&b, "    source: freshet calibrate, %d pairs of %s\n    ranges:\n", r.Fit.N, r.File)
	for _, l := range r.Ranges {
		fmt.Fprintf(&b, "      - {from: %s, to: %s, c: %s, h0: %s, b: %s}\n", plain(l.From), plain(l.To), plain(l.C), plain(l.H0), plain(l.B))
	}
	return b.String()
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
