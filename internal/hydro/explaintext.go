package hydro

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var (
	measuresZH = [...]string{"", "涨幅", "超汛限", "概率"}
	measuresEN = [...]string{"", " rise", " above the limit level", " chance"}
	sightsZH   = map[string]string{"river": "水情", "sky": "雨情", "works": "工情", "water_level": "水位", "discharge": "流量", "inflow": "入库流量"}
)

// Lines says an explanation in sentences, in the order in which one asks: what was
// decided, from what, by which rules, the other leg, the run, and what is not seen.
func (x *Explanation) Lines() (zh, en []string) {
	say := func(z, e string) { zh, en = append(zh, z), append(en, e) }
	w := &x.Warning
	say(w.ReasonZH, w.ReasonEN)
	say(fmt.Sprintf("由%s变为%s；实测支%s，预报支%s。", stageText(w.From), stageText(w.To), stageText(w.Observed.Stage), stageText(w.Forecast.Stage)),
		fmt.Sprintf("From %s to %s; the observed leg stands at %s, the forecast leg at %s.", w.From, w.To, w.Observed.Stage, w.Forecast.Stage))
	for i := range x.Quantities {
		q := &x.Quantities[i]
		if q.Decides || q.From != q.To {
			z, e := x.quantity(q)
			say(z, e)
		}
	}
	for i := len(x.Readings) - 1; i >= 0; i-- {
		if r := &x.Readings[i]; !w.Observed.At.IsZero() && r.Variable == w.Observed.Variable && r.At.Equal(w.Observed.At) {
			z, e := r.line()
			say(z, e)
			break
		}
	}
	switch {
	case x.HasTable:
		z := fmt.Sprintf("规则：目录 %s，阈值表自 %s 起有效，来源：%s", w.Catalogue, beijingTime(x.TableFrom, "–"), x.TableSource)
		e := fmt.Sprintf("Rules: catalogue %s, stage table valid from %s, source: %s", w.Catalogue, beijingTime(x.TableFrom, "–"), x.TableSource)
		if x.TableProfile != "" {
			z, e = z+"；模板 "+x.TableProfile, e+"; profile "+x.TableProfile
		}
		if x.Illustrative {
			z, e = z+"；示例阈值，非正式", e+"; illustrative, not official"
		}
		say(z+"。", e+".")
	case w.Catalogue != "":
		say("规则：目录 "+w.Catalogue+"，本站无阈值表。", "Rules: catalogue "+w.Catalogue+", no stage table of the station is in force.")
	}
	if r := x.Run; r != nil {
		state, stateEN := "有效", "valid"
		if !r.Valid {
			state, stateEN = "已过期", "expired"
		}
		say(fmt.Sprintf("预报：%s 发布（%s，至 %s）；缺测 %d 站。%s", beijingTime(r.IssuedAt, "–"), state, beijingTime(r.ValidUntil, "–"), len(r.MissingGauges), r.HonestyZH),
			fmt.Sprintf("Forecast run of %s (%s, until %s); %d gauges missing. %s", beijingTime(r.IssuedAt, "–"), stateEN, beijingTime(r.ValidUntil, "–"), len(r.MissingGauges), r.HonestyEN))
	} else {
		say("预报：尚无。", "No forecast run yet.")
	}
	for i := range x.Sights {
		s := &x.Sights[i]
		if !s.Out && !s.Waiting {
			continue
		}
		say(fmt.Sprintf("看不见：%s，最后可用 %s，时限 %s；%s。", sightsZH[s.Class], beijingTime(s.Seen, "从无"), span(s.Window), CauseZH(w.Cause)),
			fmt.Sprintf("Not seen: the %s; last usable %s, window %s; %s.", s.Class, beijingTime(s.Seen, "never"), span(s.Window), w.Cause))
	}
	return zh, en
}

func stageText(s Stage) string {
	switch s {
	case Clear:
		return "解除"
	case Blind:
		return "失明"
	default:
		return stageZH[s]
	}
}

// span writes a dwell or a window without the zeros at its end.
func span(d time.Duration) string {
	s := d.String()
	if d >= time.Minute {
		s = strings.TrimSuffix(s, "0s")
	}
	if d >= time.Hour {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// quantity says where one quantity stands, and its clocks.
func (x *Explanation) quantity(q *ExplainedQuantity) (zh, en string) {
	unit := q.Variable.Unit()
	if q.Basis == Likelihood {
		unit = ""
	}
	number := func(v float64) string { return strings.TrimSpace(strconv.FormatFloat(v, 'f', 2, 64) + " " + unit) }
	leg, legEN := "实测", "Observed "
	if q.Forecast {
		leg, legEN = "预报", "Forecast "
	}
	zh, en = leg+q.Variable.ZH(), legEN+strings.ReplaceAll(q.Variable.String(), "_", " ")
	if int(q.Basis) < len(measuresZH) {
		zh, en = zh+measuresZH[q.Basis], en+measuresEN[q.Basis]
	}
	if q.Window > 0 {
		zh, en = zh+"（"+span(q.Window)+"）", en+" ("+span(q.Window)+")"
	}
	switch {
	case !q.Evidence:
		zh, en = zh+"：无有效依据", en+": no evidence"
	case q.Forecast && q.Variable == Rain:
		zh += fmt.Sprintf("：最大 %s（至 %s，其中已降 %s）", number(q.Value), beijingTime(q.PeakAt, "–"), number(q.Fallen))
		en += fmt.Sprintf(": highest %s by %s, of which %s has fallen", number(q.Value), beijingTime(q.PeakAt, "–"), number(q.Fallen))
	case q.Forecast:
		zh += fmt.Sprintf("：洪峰 %s（%s）", number(q.Value), beijingTime(q.PeakAt, "–"))
		en += fmt.Sprintf(": peak %s at %s", number(q.Value), beijingTime(q.PeakAt, "–"))
	default:
		zh += fmt.Sprintf("：%s（%s）", number(q.Value), beijingTime(q.At, "–"))
		en += fmt.Sprintf(": %s at %s", number(q.Value), beijingTime(q.At, "–"))
	}
	if q.Extrapolated {
		zh, en = zh+"；超出水位流量或库容曲线实测范围，为外延值", en+"; extrapolated: outside the measured range of the rating or storage curve"
	}
	if q.Uncalibrated {
		zh, en = zh+"；该概率在本站尚未检验合格，只作量级参考", en+"; the chance is not calibrated here: read it as an order, not a number"
	}
	for i := range q.Steps {
		s := &q.Steps[i]
		if s.Stage > max(q.From, q.To)+1 {
			continue
		}
		z, e := fmt.Sprintf("；%s %s", stageText(s.Stage), number(s.Threshold)), fmt.Sprintf("; %s %s", s.Stage, number(s.Threshold))
		if s.Given != s.Threshold {
			add := fmt.Sprintf("%s %.3f %+.3f", x.TableDatum, s.Given, s.Threshold-s.Given)
			z, e = z+"（表 "+add+"）", e+" (table "+add+")"
		}
		switch {
		case q.Forecast && s.Met:
			z += fmt.Sprintf(" 连续 %d/%d 次达到", s.MetRuns, q.Persistence)
			e += fmt.Sprintf(" reached by %d runs in a row of %d needed", s.MetRuns, q.Persistence)
			if !s.CrossAt.IsZero() {
				z, e = z+"，"+beijingTime(s.CrossAt, "–"), e+", at "+beijingTime(s.CrossAt, "–")
			}
		case q.Forecast:
			z, e = z+fmt.Sprintf(" 连续 %d/%d 次低于", s.BelowRuns, q.Persistence), e+fmt.Sprintf(" undercut by %d runs in a row of %d needed", s.BelowRuns, q.Persistence)
		case s.Met:
			z, e = z+fmt.Sprintf(" 自 %s 达到（需 %s）", beijingTime(s.MetSince, "–"), span(q.Raise)), e+fmt.Sprintf(" met since %s (%s needed)", beijingTime(s.MetSince, "–"), span(q.Raise))
		case !s.BelowSince.IsZero():
			z, e = z+fmt.Sprintf(" 自 %s 低于（需 %s）", beijingTime(s.BelowSince, "–"), span(q.Lower)), e+fmt.Sprintf(" undercut since %s (%s needed)", beijingTime(s.BelowSince, "–"), span(q.Lower))
		default:
			z, e = z+" 未达到", e+" not met"
		}
		zh, en = zh+z, en+e
	}
	return zh + "。", en + "."
}

// line says one reading with its flags and its way to the station's datum.
func (r *ExplainedReading) line() (zh, en string) {
	value := fmt.Sprintf("%.3f %s", r.Value, r.Variable.Unit())
	zh = fmt.Sprintf("依据：%s %s %s（%s 收到），质量 %s", beijingTime(r.At, "–"), r.Variable.ZH(), value, beijingTime(r.ReceivedAt, "–"), r.Quality.ZH())
	en = fmt.Sprintf("Reading: %s %s %s (received %s), quality %s", beijingTime(r.At, "–"), r.Variable, value, beijingTime(r.ReceivedAt, "–"), r.Quality)
	if names := r.Tests.Names(); len(names) > 0 {
		zh, en = zh+"，"+strings.Join(r.Tests.ZH(), "、"), en+", "+strings.Join(names, ", ")
	}
	if r.Added != 0 {
		way := fmt.Sprintf("%s %.3f %+.3f = %s %.3f", r.ReportedDatum, r.Raw, r.Added, r.Datum, r.Value)
		zh, en = zh+"；基面 "+way+"（"+r.AddedSource+"）", en+"; datum "+way+" ("+r.AddedSource+")"
	}
	return zh + "。", en + "."
}
