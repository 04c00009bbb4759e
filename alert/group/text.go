package group

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"freshet/internal/hydro"
)

var (
	stageZH     = [...]string{"解除", "蓝色", "黄色", "橙色", "红色", "失明"}
	stageEN     = [...]string{"clear", "BLUE", "YELLOW", "ORANGE", "RED", "BLIND"}
	eventZH     = [...]string{"", "", "升级", "发展", "减弱", "结束"}
	eventEN     = [...]string{"", "", " rises", " spreads", " falls", " is over"}
	departments = [...]struct{ zh, en string }{{"", "Stations"}, {"气象", "Weather"}, {"水文", "Hydrology"}, {"水利", "Water resources"}}
)

// maxNames is how many stations a sentence names.
const maxNames = 4

// describe puts a group into words.
func (r *Rules) describe(g *Group, c *hydro.GroupChange) {
	if g.Kind == hydro.BlindGroup {
		c.TextZH, c.TextEN = r.outage(c)
		return
	}
	c.TextZH, c.TextEN = r.waveText(c)
}

// waveText says of a wave how many stand, how high, where it is and where it comes
// next.
func (r *Rules) waveText(c *hydro.GroupChange) (zh, en string) {
	zh, en = r.subject(c)
	zh += eventZH[c.Event]
	en += eventEN[c.Event]
	joined, up, blind := 0, 0, 0
	for i := range c.Stations {
		s := &c.Stations[i]
		if s.JoinedAt.IsZero() {
			continue
		}
		joined++
		switch {
		case !s.LeftAt.IsZero():
		case s.Stage == hydro.Blind:
			blind++
		default:
			up++
		}
	}
	nameZH, nameEN := r.names(c.Station)
	switch {
	case c.Closed():
		hours := c.ClosedAt.Sub(c.OpenedAt).Round(time.Hour) / time.Hour
		zh += fmt.Sprintf("：历时 %d 小时，先后 %d 站预警，最高%s（%s）", hours, joined, stageZH[c.Highest], nameZH)
		en += fmt.Sprintf(": %d h, %s, highest %s (%s)", hours, plural(joined), stageEN[c.Highest], nameEN)
		if blind := unseen(c); blind > 0 {
			zh += fmt.Sprintf("；其中 %d 站失明，未见回落", blind)
			en += fmt.Sprintf("; %d of them are blind and were not seen to fall", blind)
		}
	case up > 0:
		zh += fmt.Sprintf("：%d 站预警，最高%s（%s）", up, stageZH[c.Stage], nameZH)
		en += fmt.Sprintf(": %s warned, highest %s (%s)", plural(up), stageEN[c.Stage], nameEN)
	case blind > 0:
		zh += "：其余各站已回落"
		en += ": the others have gone back"
	default:
		zh += fmt.Sprintf("：%d 站均已回落，最高曾达%s（%s）", joined, stageZH[c.Highest], nameZH)
		en += fmt.Sprintf(": %s gone back, highest was %s (%s)", plural(joined), stageEN[c.Highest], nameEN)
	}
	if blind > 0 && !c.Closed() {
		zh += fmt.Sprintf("，%d 站失明", blind)
		en += fmt.Sprintf(", %d blind", blind)
	}
	if up > 0 {
		z, e := r.times(c)
		zh, en = zh+z, en+e
	}
	if c.Illustrative {
		zh += "（示例阈值，非正式）"
		en += " (illustrative thresholds, not official)"
	}
	return zh + "。", en + "."
}

// unseen counts the stations of a closed wave that left it blind.
func unseen(c *hydro.GroupChange) int {
	n := 0
	for i := range c.Stations {
		if c.Stations[i].Stage == hydro.Blind {
			n++
		}
	}
	return n
}

// subject names a wave: by its river if it is on one only, else by the basin.
func (r *Rules) subject(c *hydro.GroupChange) (zh, en string) {
	river, many, rain := "", false, true
	for i := range c.Stations {
		if s := &c.Stations[i]; !s.JoinedAt.IsZero() && !s.Rain {
			name := r.places[s.Station].river
			many = many || name == "" || river != "" && name != river
			river, rain = name, false
		}
	}
	zh, en = river, r.nameEN // catalogues name rivers in one language
	if river == "" || many {
		zh = r.nameZH + "流域"
		if strings.HasSuffix(r.nameZH, "流域") {
			zh = r.nameZH
		}
	}
	if rain {
		return zh + "强降雨", en + ": heavy rain"
	}
	return zh + "洪水波", en + ": flood wave"
}

// times says which stage was observed last, and where the wave is expected next.
func (r *Rules) times(c *hydro.GroupChange) (zh, en string) {
	type arrival struct {
		station string
		hydro.GroupArrival
	}
	var last arrival
	var next []arrival
	for i := range c.Stations {
		s := &c.Stations[i]
		first := true
		for _, a := range s.Arrivals {
			switch {
			case a.Observed:
				if last.station == "" || !a.At.Before(last.At) {
					last = arrival{s.Station, a}
				}
			case first && a.At.After(c.At):
				next = append(next, arrival{s.Station, a})
				first = false
			}
		}
	}
	if last.station != "" {
		z, e := r.names(last.station)
		at := r.clock(last.At, c.At)
		zh += fmt.Sprintf("；%s 实测到 %s（%s）", at, z, stageZH[last.Stage])
		en += fmt.Sprintf("; observed at %s %s (%s)", e, at, stageEN[last.Stage])
	}
	slices.SortStableFunc(next, func(a, b arrival) int { return a.At.Compare(b.At) })
	var zhs, ens []string
	for _, a := range next[:min(len(next), maxNames)] {
		z, e := r.names(a.station)
		at := r.clock(a.At, c.At)
		zhs = append(zhs, fmt.Sprintf("%s 到 %s（%s）", at, z, stageZH[a.Stage]))
		ens = append(ens, fmt.Sprintf("%s %s (%s)", e, at, stageEN[a.Stage]))
	}
	if len(next) > 0 {
		zh += "；预计 " + strings.Join(zhs, "、")
		en += "; expected at " + strings.Join(ens, ", ")
		if more := len(next) - maxNames; more > 0 {
			zh += fmt.Sprintf("，另有 %d 站", more)
			en += fmt.Sprintf(", and %d more", more)
		}
	}
	return zh, en
}

// outage says of a blind group who is not seen, and why.
func (r *Rules) outage(c *hydro.GroupChange) (zh, en string) {
	cause := causes[0]
	cause.zh, cause.en = "原因不明", "not seen"
	for _, k := range causes {
		if k.kind == c.Cause {
			cause = k
		}
	}
	var whose struct{ zh, en string }
	if d := int(c.Department); d < len(departments) {
		whose = departments[d]
	}
	since := r.clock(c.OpenedAt, c.At)
	if c.Closed() {
		return fmt.Sprintf("%s失明结束（%s）：%d 站恢复观测，始于 %s。", whose.zh, cause.zh, c.Count, since),
			fmt.Sprintf("%s blind (%s) is over: %s seen again, it began %s.", whose.en, cause.en, plural(c.Count), since)
	}
	var zhs, ens, upZH, upEN []string
	held, up := 0, 0
	for i := range c.Stations {
		s := &c.Stations[i]
		if !s.LeftAt.IsZero() {
			continue
		}
		if risen(s.Stage) {
			held++
		}
		if s.Escalated {
			if up++; up <= maxNames {
				z, e := r.names(s.Station)
				upZH, upEN = append(upZH, z), append(upEN, e)
			}
		}
		if len(zhs) < maxNames {
			z, e := r.names(s.Station)
			zhs, ens = append(zhs, z), append(ens, e)
		}
	}
	wordZH, wordEN := "失明", "blind"
	if up > 0 {
		wordZH, wordEN = "失明升级", "blind on a rising reach"
	}
	zh = fmt.Sprintf("%s%s（%s）：%d 站，%s 起：%s", whose.zh, wordZH, cause.zh, c.Standing, since, strings.Join(zhs, "、"))
	en = fmt.Sprintf("%s %s (%s): %s since %s: %s", whose.en, wordEN, cause.en, plural(c.Standing), since, strings.Join(ens, ", "))
	if c.Standing > len(zhs) {
		zh += " 等"
		en += fmt.Sprintf(" and %d more", c.Standing-len(zhs))
	}
	if up > 0 {
		zh += fmt.Sprintf("；其中 %d 站所在河段正在上涨，须派人查看：%s", up, strings.Join(upZH, "、"))
		en += fmt.Sprintf("; the reach is rising at %d of them, have somebody look: %s", up, strings.Join(upEN, ", "))
		if up > maxNames {
			zh += " 等"
			en += fmt.Sprintf(" and %d more", up-maxNames)
		}
	}
	if held > 0 {
		zh += fmt.Sprintf("；其中 %d 站预警未解除", held)
		en += fmt.Sprintf("; warnings stand at %d of them", held)
	}
	return zh + "。", en + "."
}

func plural(n int) string {
	if n == 1 {
		return "1 station"
	}
	return fmt.Sprintf("%d stations", n)
}

func (r *Rules) names(station string) (zh, en string) {
	p, ok := r.places[station]
	if !ok {
		return station, station
	}
	if zh, en = p.nameZH, p.nameEN; zh == "" {
		zh = station
	}
	if en == "" {
		en = station
	}
	return zh, en
}

// clock writes an instant as people in the basin read it: without the date if it
// is that of now. Beijing time goes without saying; any other zone is named.
func (r *Rules) clock(t, now time.Time) string {
	t, now = t.In(r.zone), now.In(r.zone)
	form := "01-02 15:04"
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		form = "15:04"
	}
	if _, offset := t.Zone(); offset != 8*60*60 {
		form += " MST"
	}
	return t.Format(form)
}
