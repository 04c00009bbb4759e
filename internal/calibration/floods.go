package calibration

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"freshet/forecast/skill"
	"freshet/internal/hydro"
	"freshet/internal/verify"
)

// fewFloods is how many floods a grade needs: fewer are marked.
const fewFloods = 10

// Floods is how a period's floods were met, judged by a profile as if each had been
// forecast [Options].Lead before its peak. An event of a file is one flood; in other
// periods a flood is what stands above a threshold.
type Floods struct {
	Threshold  verify.Score    `json:"flood_threshold"` // m³/s
	Floods     []verify.Event  `json:"floods"`
	Peaks      verify.PeakLead `json:"peaks"`            // over the floods
	WorstShare verify.Score    `json:"worst_peak_error"` // the farthest from 0, as a share of the observed peak
	WorstLate  verify.Score    `json:"worst_peak_time_error_h"`
	GradeDC    skill.Grade     `json:"grade_dc"`
	GradeTime  skill.Grade     `json:"grade_peak_time"`
	GradeDepth skill.Grade     `json:"grade_depth"`
	// Grade is that of the scheme: the lower one of DC's and of the least share of
	// qualified peaks, times and, of a sub-basin, depths.
	Grade skill.Grade `json:"grade"`
	Few   bool        `json:"few_floods"` // fewer than 10: too few for a grade
}

// checkFloods completes and checks what says how floods are judged.
func (o *Options) checkFloods() error {
	o.Lead, o.Separation = cmp.Or(o.Lead, 6*time.Hour), cmp.Or(o.Separation, 6*time.Hour)
	if o.Profile.Name == "" {
		o.Profile = skill.Profiles[0]
	}
	switch {
	case o.Lead < 0:
		return fmt.Errorf("--lead %s: want above 0: %w", o.Lead, hydro.ErrInvalid)
	case o.Separation < 0:
		return fmt.Errorf("--separation %s: want 0 or more: %w", o.Separation, hydro.ErrInvalid)
	case !(o.FloodAbove >= 0) || math.IsInf(o.FloodAbove, 0):
		return fmt.Errorf("--flood-above %g: want a flow above 0, m³/s, or 0: %w", o.FloodAbove, hydro.ErrInvalid)
	}
	return nil
}

// threshold finds what floods of periods exceed.
func (j *job) threshold() {
	if j.above = j.opts.FloodAbove; j.above > 0 {
		return
	}
	var all []float64
	for _, w := range slices.Concat(j.fit, j.check) {
		for _, v := range j.record.Series(j.method.Observed)[w.From:w.To] {
			if !math.IsNaN(v) {
				all = append(all, v)
			}
		}
	}
	slices.Sort(all)
	if len(all) > 0 {
		j.above = all[(len(all)-1)*9/10] // as freshet verify does
	}
}

// floodsOf returns the floods that were observed in a window; their indices are those
// of the window.
func (j *job) floodsOf(w window) ([]skill.Event, error) {
	seen := j.record.Series(j.method.Observed)[w.From:w.To]
	at := make([]time.Time, len(seen))
	for i := range at {
		at[i] = j.record.At(w.From + i)
	}
	if !w.one {
		return skill.Events(at, seen, j.above, j.opts.Separation)
	}
	e := skill.Event{From: at[0], To: at[len(at)-1], Peak: math.NaN(), Last: len(at) - 1}
	for i, v := range seen {
		switch {
		case math.IsNaN(v):
		case math.IsNaN(e.Peak) || v > e.Peak:
			e.Peak, e.PeakAt, e.PeakUntil = v, at[i], at[i]
		case v == e.Peak && e.PeakUntil.Equal(at[i-1]):
			e.PeakUntil = at[i]
		}
	}
	if math.IsNaN(e.Peak) {
		return nil, nil
	}
	return []skill.Event{e}, nil
}

// floods judges how the model with x meets the floods of windows, over which its NSE
// is nse.
func (j *job) floods(x []float64, windows []window, nse float64) (Floods, error) {
	p := &j.opts.Profile
	out := Floods{Threshold: verify.Score(j.above), Floods: []verify.Event{}, WorstShare: verify.Score(math.NaN()), WorstLate: verify.Score(math.NaN())}
	for _, w := range windows {
		if err := j.model.simulate(x, w.begin, w.To, j.out); err != nil {
			return out, err
		}
		events, err := j.floodsOf(w)
		if err != nil {
			return out, err
		}
		for i, e := range events {
			f := verify.Event{From: e.From, To: e.To, PeakAt: e.PeakAt, Crest: e.PeakUntil, Peak: verify.Score(e.Peak), Cut: e.Cut, Runs: []verify.PeakRun{}}
			if !e.Cut {
				run := j.judge(w, events, i)
				f.Runs = append(f.Runs, run)
				if !(math.Abs(float64(run.Share)) <= math.Abs(float64(out.WorstShare))) {
					out.WorstShare = run.Share
				}
				if !(math.Abs(run.LateHours) <= math.Abs(float64(out.WorstLate))) {
					out.WorstLate = verify.Score(run.LateHours)
				}
			}
			out.Floods = append(out.Floods, f)
		}
	}
	q := verify.PeaksAt(p, out.Floods, j.opts.Lead)
	out.Peaks, out.Few = q, q.N < fewFloods
	out.GradeDC, out.GradeTime, out.GradeDepth = p.GradeDC(nse), p.GradeQR(float64(q.InTime)), p.GradeQR(float64(q.DepthQualified))
	least := min(float64(q.Qualified), float64(q.InTime)) // NaN if one of them is
	if d := float64(q.DepthQualified); !math.IsNaN(d) {
		least = min(least, d)
	}
	out.Grade = p.Scheme(nse, least)
	return out, nil
}

// judge compares the computed flows of a window with one of its floods. The computed
// peak is looked for as far around the flood as that is long, at least one
// separation, and no nearer to another flood than to this one.
func (j *job) judge(w window, events []skill.Event, i int) verify.PeakRun {
	r, o, e := j.record, j.opts, events[i]
	seen, said := r.Series(j.method.Observed), j.out
	around := e.Last - e.First + int(o.Separation/r.Step)
	from, to := max(0, e.First-around), min(w.Len()-1, e.Last+around)
	if i > 0 {
		from = max(from, (events[i-1].Last+e.First+1)/2)
	}
	if i+1 < len(events) {
		to = min(to, (e.Last+events[i+1].First)/2)
	}
	run := verify.PeakRun{Lead: o.Lead, Hours: o.Lead.Hours(), IssuedAt: e.PeakAt.Add(-o.Lead)}
	for k := from; k <= to; k++ {
		if v := verify.Score(said[w.From+k]); k == from || v > run.Peak {
			run.Peak, run.PeakAt = v, r.At(w.From+k)
		}
	}
	f := verify.Flood{Event: e, Variable: hydro.Discharge, Rule: verify.Reach, Step: r.Step, Now: math.NaN(), Whole: true}
	if j.method.Observed == Flow {
		f.Rule, f.Area = verify.RainfallRunoff, o.Area
	}
	if k, _ := r.steps(run.IssuedAt, run.IssuedAt); k < r.N && !run.IssuedAt.Before(r.Start) {
		f.Now = seen[k]
	}
	for k := w.From + e.First; k <= w.From+e.Last; k++ {
		if math.IsNaN(seen[k]) {
			f.Whole = false
			continue
		}
		f.Observed, f.Forecast = append(f.Observed, seen[k]), append(f.Forecast, said[k])
	}
	run.Judge(&o.Profile, &f)
	return run
}

// peaks says in a line how peaks were met.
func (f *Floods) peaks() string {
	switch q := &f.Peaks; q.N {
	case 0:
		return "no whole flood"
	case 1:
		return fmt.Sprintf("peak %s at %+.3g h", score(100*f.WorstShare, "%+.1f %%"), float64(f.WorstLate))
	default:
		return fmt.Sprintf("peaks of %d floods off by %s and %.3g h on average, at worst %s and %+.3g h",
			q.N, score(100*q.MeanShare, "%.1f %%"), float64(q.MeanLate), score(100*f.WorstShare, "%+.1f %%"), float64(f.WorstLate))
	}
}

// grades writes the scheme's grades as comments.
func (j *job) grades(b *strings.Builder, r *Report) {
	rule := fmt.Sprintf("as forecast %s before the peak", duration(j.opts.Lead.Seconds()))
	for _, p := range []struct {
		en, zh string
		period *Period
	}{{"fit", "率定", &r.Fit}, {"check", "检验", r.Check}} {
		if p.period == nil {
			continue
		}
		q, g := &p.period.Peaks, p.period
		if q.N == 0 {
			fmt.Fprintf(b, "# %-5s  no grade by %s: no whole flood above %s m³/s. 无完整洪水过程，不评定。\n", p.en, r.Profile, number(float64(g.Threshold)))
			continue
		}
		few, fewZH := "", ""
		if g.Few {
			few = fmt.Sprintf("; too few floods for a grade, which takes %d or more", fewFloods)
			fewZH = fmt.Sprintf("；洪水仅 %d 场，不足 %d 场，等级仅供参考", q.N, fewFloods)
		}
		depth, depthZH := "", ""
		if !math.IsNaN(float64(q.DepthQualified)) {
			depth = fmt.Sprintf(", of depths %s (%s)", score(100*q.DepthQualified, "%.0f %%"), g.GradeDepth)
			depthZH = fmt.Sprintf("，径流深 %s（%s）", score(100*q.DepthQualified, "%.0f %%"), g.GradeDepth.ZH())
		}
		fmt.Fprintf(b, "# %-5s  by %s, %s: grade %s. DC %s (%s); floods: %d, qualified of their peaks %s (%s), of the times of these %s (%s)%s%s\n", p.en, r.Profile, rule, g.Grade,
			score(g.NSE, "%.2f"), g.GradeDC, q.N, score(100*q.Qualified, "%.0f %%"), q.Grade, score(100*q.InTime, "%.0f %%"), g.GradeTime, depth, few)
		fmt.Fprintf(b, "# %s：方案等级 %s（%s）。DC %s（%s）；洪水 %d 场，合格率：洪峰 %s（%s），峰现时间 %s（%s）%s%s\n", p.zh, g.Grade.ZH(), r.Profile,
			score(g.NSE, "%.2f"), g.GradeDC.ZH(), q.N, score(100*q.Qualified, "%.0f %%"), q.Grade.ZH(), score(100*q.InTime, "%.0f %%"), g.GradeTime.ZH(), depthZH, fewZH)
	}
}
