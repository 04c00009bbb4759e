package season

import (
	"fmt"
	"math"
	"strings"
)

const stamp = "2006-01-02 15:04"

// Line says in one sentence what the sums stand on.
func (r *Result) Line() (zh, en string) {
	s := &r.Plan.Basin.Season
	from, to := r.Plan.From.In(r.Plan.Zone).Format(stamp), r.To.In(r.Plan.Zone).Format(stamp)
	var c, e strings.Builder
	fmt.Fprintf(&c, "%s %s 至 %s（%d/%d 小时", s.NameZH, from, to, r.Hours, r.All)
	fmt.Fprintf(&e, "%s, %s to %s (%d of %d hours", s.NameEN, from, to, r.Hours, r.All)
	if r.Ended {
		c.WriteString("，已结束")
		e.WriteString(", ended")
	}
	w := &r.Whole
	if math.IsNaN(w.Rain) {
		fmt.Fprintf(&c, "）：%s无雨量资料，面雨量未知", w.NameZH)
		fmt.Fprintf(&e, "): no rain was reported for %s, so that its areal rain is not known", w.NameEN)
	} else {
		fmt.Fprintf(&c, "）：%s面雨量 %s mm，资料覆盖 %s", w.NameZH, w.Bound.sign()+mm(w.Rain), Percent(w.Coverage))
		fmt.Fprintf(&e, "): areal rain of %s is %s mm, reports cover %s", w.NameEN, w.Bound.en()+mm(w.Rain), Percent(w.Coverage))
		if w.Incomplete() {
			fmt.Fprintf(&c, "，有 %d 小时不全、%d 小时缺测，不插补：缺测处不计雨量，邻站代表", w.Part, w.Missing)
			fmt.Fprintf(&e, "; %d hours are incomplete and %d without any report, and nothing is filled in: neighbours speak for silent gauges, an hour without any counts nothing", w.Part, w.Missing)
		}
	}
	r.compared(&c, &e)
	if r.Example {
		c.WriteString("；常年值和历年值为示例，非官方")
		e.WriteString("; normals and years are an example, not official")
	}
	c.WriteString("。")
	e.WriteString(".")
	return c.String(), e.String()
}

// compared says how the basin stands against normal and years.
func (r *Result) compared(c, e *strings.Builder) {
	n, b := r.Whole.Normal, r.Whole.Bound
	if r.Whole.Withheld {
		zh, en := r.Withheld(&r.Whole)
		c.WriteString("；" + zh)
		e.WriteString("; " + en)
		return
	}
	switch {
	case n == nil:
		c.WriteString("；目录未给常年值")
		e.WriteString("; the catalogue gives no normal")
	case !math.IsNaN(n.Anomaly):
		fmt.Fprintf(c, "；常年同期 %.1f mm，距平 %s", n.ToDate, b.sign()+Signed(n.Anomaly))
		fmt.Fprintf(e, "; normal to date is %.1f mm, anomaly %s", n.ToDate, b.en()+Signed(n.Anomaly))
	case !math.IsNaN(n.Share):
		fmt.Fprintf(c, "；为常年全季 %.1f mm 的 %s（季已过 %s；无逐日常年值，不算同期距平）", n.Total, b.sign()+Percent(n.Share), Percent(n.Passed))
		fmt.Fprintf(e, "; that is %s of the whole season's normal of %.1f mm, of which %s has passed (the normal is not given by day, so that there is no anomaly to date)", b.en()+Percent(n.Share), n.Total, Percent(n.Passed))
	}
	k := r.Whole.Rank
	switch {
	case k == nil && len(r.Whole.Years) > 0 && !math.IsNaN(r.Whole.Rain):
		c.WriteString("；历年无逐日值，季末前不排位")
		e.WriteString("; the years are not given by day, and are not ranked before the season has ended")
	case k == nil:
	case k.Basis == WholeSeason:
		fmt.Fprintf(c, "；与历年全季比，%d 年中居%s", k.Of, b.rankZH(k.Place))
		fmt.Fprintf(e, "; of %d years, by whole seasons, it is %s", k.Of, b.rankEN(k.Place))
	default:
		fmt.Fprintf(c, "；与历年同期比，%d 年中居%s", k.Of, b.rankZH(k.Place))
		fmt.Fprintf(e, "; of %d years, up to the same date, it is %s", k.Of, b.rankEN(k.Place))
		if k.NotCompared > 0 {
			fmt.Fprintf(c, "，另 %d 年无逐日值，季末前不比", k.NotCompared)
			fmt.Fprintf(e, ", %d more have no days and are not compared before the season has ended", k.NotCompared)
		}
	}
}

// Withheld says why share, anomaly and rank of a place are withheld, if they are.
func (r *Result) Withheld(x *Rain) (zh, en string) {
	if !x.Withheld {
		return "", ""
	}
	has, needs := Percent(x.Coverage), Percent(r.Plan.Basin.Season.LeastCoverage)
	return fmt.Sprintf("资料覆盖 %s，低于可比的下限 %s（目录设定，非官方）：不给距平、占比和位次，报到的雨少不等于下得少", has, needs),
		fmt.Sprintf("reports cover %s, below the %s that a comparison needs here (a setting of the catalogue, not official): anomaly, share and rank are withheld, for little that was reported is not little that fell", has, needs)
}

func mm(x float64) string { return fmt.Sprintf("%.1f", x) }

// sign is what stands before a number.
func (b Bound) sign() string {
	switch b {
	case AtLeast:
		return "≥ "
	case About:
		return "≈ "
	default:
		return ""
	}
}

// en is the same in words.
func (b Bound) en() string {
	switch b {
	case AtLeast:
		return "at least "
	case About:
		return "about "
	default:
		return ""
	}
}

func (b Bound) rankZH(place int) string {
	switch {
	case b == AtLeast && place > 1:
		return fmt.Sprintf("第 %d 位或更前", place)
	case b == About:
		return fmt.Sprintf("约第 %d 位", place)
	default: // nobody is before the first
		return fmt.Sprintf("第 %d 位", place)
	}
}

func (b Bound) rankEN(place int) string {
	switch {
	case b == AtLeast && place > 1:
		return fmt.Sprintf("number %d or higher", place)
	case b == About:
		return fmt.Sprintf("about number %d", place)
	default:
		return fmt.Sprintf("number %d", place)
	}
}

// Percent writes a share. It is cut, not rounded: 100 % is all of it.
func Percent(x float64) string {
	return fmt.Sprintf("%.1f %%", math.Floor(1000*x+1e-6)/10)
}

// Signed writes an anomaly with its sign.
func Signed(x float64) string { return fmt.Sprintf("%+.1f %%", 100*x) }
