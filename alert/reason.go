package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// What a blind station's cause begins with.
const (
	causeNever       = "never reported"
	causeSilent      = "silent since "
	causeRefused     = "refused: "
	causeQuality     = "quality: "
	causeWaiting     = "not yet reported"
	causeMaintenance = "maintenance"
	sinceRestart     = " since the restart"
)

func refusedCause(ref hydro.Refusal) string {
	if ref.Detail == "" {
		return causeRefused + ref.Reason.String()
	}
	return causeRefused + ref.Reason.String() + ": " + ref.Detail
}

// qualityCause names the tests that made observations unusable.
func qualityCause(t hydro.Tests) string {
	failing := t & (hydro.TestRange | hydro.TestStep | hydro.TestSpike | hydro.TestStuck | hydro.TestNeighbour | hydro.TestBlocked |
		hydro.TestSite | hydro.TestRainLevel | hydro.TestDayTotal | hydro.TestStorageCurve | hydro.NoteMaintenance)
	if failing == 0 {
		failing = t
	}
	return causeQuality + strings.Join(failing.Names(), ", ")
}

var (
	stageZH = [...]string{"解除", "蓝色", "黄色", "橙色", "红色", "失明"}
	stageEN = [...]string{"clear", "BLUE", "YELLOW", "ORANGE", "RED", "BLIND"}
	datumZH = map[hydro.Datum]string{
		hydro.National1985: "1985国家高程基准", hydro.Huanghai1956: "1956黄海高程", hydro.PearlRiver: "珠江基面", hydro.StationDatum: "测站基面",
	}
)

// clock writes an instant as people in the basin read it. Beijing time goes
// without saying; any other zone is named, because screens show Beijing time.
func (r *Rules) clock(t time.Time) string {
	t = t.In(r.zone)
	if _, offset := t.Zone(); offset != 8*60*60 {
		return t.Format("01-02 15:04 MST")
	}
	return t.Format("01-02 15:04")
}

// reason says in one sentence why a station stands where it stands. Before is
// its state before the change, or the same state where nothing changed; held is
// the observed ladder that stood highest then, or -1.
func (r *Rules) reason(st *station, t *table, state *StationState, ladders []Ladder, before StationState, held int, now time.Time) (zh, en string) {
	zhName, enName := st.names()
	var zhParts, enParts []string
	blind := state.Cause != "" || state.Waiting
	if blind {
		z, e := st.blindness(t, state)
		if seen := lost(ladders); seen > hydro.Clear {
			z += "，中断前实测为" + stageZH[seen]
			e += ", last observed at " + stageEN[seen]
		}
		zhParts, enParts = append(zhParts, z), append(enParts, e)
	} else if before.Cause != "" {
		zhParts, enParts = append(zhParts, "观测恢复"), append(enParts, "observations are back")
	}
	if state.escalated() {
		z, e := r.escalation(state)
		zhParts, enParts = append(zhParts, z), append(enParts, e)
	}
	i := -1
	if state.Stage != hydro.Blind {
		i = deciding(ladders, false)
		if i >= 0 && state.Stage < before.Stage && before.Stage != hydro.Blind {
			if held >= 0 && ladders[held].At != 0 && ladders[held].Stage == ladders[i].Stage {
				i = held
			}
		}
		if f := deciding(ladders, true); i < 0 || f >= 0 && (blind && state.inSight(ladders) == hydro.Clear || ladders[f].Stage > ladders[i].Stage) {
			i = f
		}
		switch {
		case i < 0 && !blind && t == nil:
			zhParts, enParts = append(zhParts, "有数据，未设阈值"), append(enParts, "data arrive, no thresholds are set")
		case i < 0 && !blind:
			zhParts, enParts = append(zhParts, "有数据"), append(enParts, "data arrive")
		case i >= 0:
			z, e := r.evidence(st, t, ladders, i, before, state.Stage, now)
			if blind && ladders[i].Forecast && !ladders[i].Lost {
				z, e = "预报代为值守，"+z, "the forecast keeps watch, "+e
			}
			zhParts, enParts = append(zhParts, z), append(enParts, e)
		}
	}
	if f := deciding(ladders, true); blind && i < 0 && f >= 0 && !ladders[f].Lost {
		z, e := r.evidence(st, t, ladders, f, before, state.Stage, now)
		zhParts, enParts = append(zhParts, "预报代为值守，"+z+"，未达阈值"), append(enParts, "the forecast keeps watch, "+e+", below every threshold")
	}
	if at, rain := unforeseen(ladders); at != 0 && (i < 0 || !ladders[i].Forecast) {
		z, e := r.noForecast(at, rain)
		zhParts, enParts = append(zhParts, z), append(enParts, e)
	}
	switch {
	case state.Stage == hydro.Blind || before.Stage == hydro.Blind && state.Stage == hydro.Clear:
	case state.Stage < before.Stage && before.Stage != hydro.Blind:
		zhParts = append(zhParts, "由"+stageZH[before.Stage]+"降为"+stageZH[state.Stage])
		if state.Stage == hydro.Clear {
			zhParts[len(zhParts)-1] = stageZH[before.Stage] + "解除"
		}
		enParts = append(enParts, "lowered from "+stageEN[before.Stage]+" to "+stageEN[state.Stage])
	}
	zh = zhName + "：" + strings.Join(zhParts, "；")
	en = enName + ": " + strings.Join(enParts, "; ")
	if t != nil && t.illustrative && state.Stage != hydro.Blind {
		zh += "（示例阈值，非正式）"
		en += " (illustrative thresholds, not official)"
	}
	return zh + "。", en + "."
}

// standing returns the observed ladder that stands highest, -1 if none is above
// Clear.
func standing(ladders []Ladder) int {
	best := -1
	for i := range ladders {
		if l := &ladders[i]; !l.Forecast && l.Stage > hydro.Clear && (best < 0 || l.Stage > ladders[best].Stage) {
			best = i
		}
	}
	return best
}

// lost returns the highest stage of the observed ladders without evidence.
func lost(ladders []Ladder) hydro.Stage {
	stage := hydro.Clear
	for i := range ladders {
		if l := &ladders[i]; !l.Forecast && l.Lost {
			stage = max(stage, l.Stage)
		}
	}
	return stage
}

// unforeseen returns the issue of the last run that spoke for a station, Unix
// milliseconds, 0 if there was none or a valid one does; and whether it spoke of
// nothing but rain.
func unforeseen(ladders []Ladder) (issued int64, rain bool) {
	rain = true
	for i := range ladders {
		if l := &ladders[i]; l.Forecast && l.At != 0 {
			if !l.Lost {
				return 0, false
			}
			issued, rain = max(issued, l.At), rain && l.Variable == hydro.Rain
		}
	}
	return issued, rain
}

// noForecast says since when there is no valid forecast: of rain, that no run has
// used one since.
func (r *Rules) noForecast(issued int64, rain bool) (zh, en string) {
	at := r.clock(time.UnixMilli(issued))
	if rain {
		return at + " 的预报之后无有效降雨预报", "no valid rain forecast since the run of " + at
	}
	return at + " 的预报之后无有效预报", "no valid forecast since the run of " + at
}

// blindness says why a station, or a part of it, cannot be seen.
func (st *station) blindness(t *table, state *StationState) (zh, en string) {
	whatZH, whatEN := variableNames(st.missing(t, state))
	part := whatEN != ""
	if state.Waiting {
		if part {
			whatEN += " "
		}
		return "启动后尚未收到" + whatZH + "数据", "no " + whatEN + "report yet since the start"
	}
	switch cause := state.Cause; {
	case cause == causeMaintenance:
		zh, en = "正在维护"+aside(whatZH), strings.TrimSpace(whatEN+" under maintenance")
	case cause == causeNever:
		zh, en = "从未收到"+whatZH+"数据", whatEN+" never reported"
	case strings.HasPrefix(cause, causeSilent):
		at := strings.TrimPrefix(cause, causeSilent)
		zh, en = "自 "+at+" 起无可用"+whatZH+"数据", "no usable data since "+at
		if part {
			en = whatEN + " not seen since " + at
		}
	case strings.HasPrefix(cause, causeRefused):
		reason, detail, _ := strings.Cut(strings.TrimPrefix(cause, causeRefused), ": ")
		zh, en = whatZH+"数据被拒收", "its reports are refused ("+reason
		if part {
			en = whatEN + " reports are refused (" + reason
		}
		if parsed, err := hydro.ParseRefusalReason(reason); err == nil {
			zh += "（" + parsed.ZH() + "）"
		}
		if detail != "" {
			en += ": " + detail
		}
		en += ")"
	case strings.HasPrefix(cause, causeQuality):
		tests := strings.TrimPrefix(cause, causeQuality)
		names := strings.Split(tests, ", ")
		if parsed, err := hydro.ParseTests(names); err == nil {
			names = parsed.ZH()
		}
		zh, en = whatZH+"数据未通过质量检查（"+strings.Join(names, "、")+"）", "its data fail quality control ("+tests+")"
		if part {
			en = whatEN + " data fail quality control (" + tests + ")"
		}
	default:
		zh, en = cause, cause
	}
	if part && state.Stage != hydro.Blind { // the rest is seen, and holds a stage
		return zh, en
	}
	return "失明，" + zh, "BLIND, " + strings.TrimSpace(en)
}

func aside(zh string) string {
	if zh == "" {
		return ""
	}
	return "（" + zh + "）"
}

// variableNames names variables for people, "" if there are none.
func variableNames(vars []hydro.Variable) (zh, en string) {
	zhs, ens := make([]string, 0, len(vars)), make([]string, 0, len(vars))
	for _, v := range vars {
		q, ok := quantities[v]
		if !ok {
			q.zh, q.en = v.ZH(), strings.ReplaceAll(v.String(), "_", " ")
		}
		zhs, ens = append(zhs, q.zh), append(ens, q.en)
	}
	return strings.Join(zhs, "、"), strings.Join(ens, " and ")
}

// evidence says what the ladder i shows.
func (r *Rules) evidence(st *station, t *table, ladders []Ladder, i int, before StationState, to hydro.Stage, now time.Time) (zh, en string) {
	l := &ladders[i]
	leg := st.leg(t, ladders, i)
	switch {
	case l.Basis == hydro.Likelihood:
		return r.chance(t.steps(i), l, leg, before, to)
	case l.Forecast && l.Variable == hydro.Rain:
		return r.rainAhead(t.steps(i), l, leg, before, to, now)
	}
	what := measured(l)
	hoursZH, hoursEN := "", ""
	if l.Window > 0 {
		hoursZH, hoursEN = windowText(l.Window)
	}
	value, unitZH, unitEN := number2(l.Variable, l.Value), what.unitZH, what.unitEN
	datumZH, datumEN := datumText(leg)
	// The threshold to compare with: of the stage that holds, or, when lowered,
	// of the stage that was left.
	stage := l.Stage
	if before.Stage != hydro.Blind && before.Stage > to {
		stage = before.Stage
	}
	limit, known := stepOf(t.steps(i), stage)
	threshold := number2(l.Variable, limit.value)

	if !l.Forecast {
		zh = fmt.Sprintf("%s 实测%s%s %s %s%s", r.clock(leg.At), hoursZH, what.zh, value, unitZH, datumZH)
		en = fmt.Sprintf("observed %s%s %s %s%s at %s", hoursEN, what.en, value, unitEN, datumEN, r.clock(leg.At))
	} else {
		issued := r.clock(time.UnixMilli(l.At))
		zh = fmt.Sprintf("预报最高%s %s %s%s（%s）", what.zh, value, unitZH, datumZH, r.clock(leg.PeakAt))
		en = fmt.Sprintf("forecast peak %s %s %s%s at %s", what.en, value, unitEN, datumEN, r.clock(leg.PeakAt))
		if l.Lost { // it may not announce as still to come what it once expected
			zh = issued + " 的预报之后无有效预报，其" + zh
			en = "no valid forecast since the run of " + issued + ", its " + en
		}
	}
	if l.Basis == hydro.OverLimit {
		limitZH, limitEN := r.limitText(leg)
		zh, en = zh+limitZH, en+limitEN
	}
	if !known {
		return zh, en
	}
	colourZH, colourEN := stageZH[stage], stageEN[stage]
	if limit.years > 0 {
		years := strconv.FormatFloat(limit.years, 'g', -1, 64)
		unitZH += "（" + years + " 年一遇）"
		unitEN += " (" + years + "-year return period)"
	}
	switch above := l.Value >= limit.value; {
	case l.Forecast && above && l.Lost:
		zh += fmt.Sprintf("，曾预计 %s 达到%s阈值 %s %s", r.clock(leg.At), colourZH, threshold, unitZH)
		en += fmt.Sprintf(", which expected the %s threshold %s %s at %s", colourEN, threshold, unitEN, r.clock(leg.At))
	case l.Forecast && above:
		zh = fmt.Sprintf("预计 %s %s%s达到%s阈值 %s %s", r.clock(leg.At), strings.TrimSpace(hoursZH), what.zh, colourZH, threshold, unitZH)
		en = fmt.Sprintf("forecast to reach the %s threshold of %s%s %s %s at %s", colourEN, hoursEN, what.en, threshold, unitEN, r.clock(leg.At))
		if lead := leg.At.Sub(now); lead >= time.Minute {
			leadZH, leadEN := leadText(lead)
			zh += "，提前 " + leadZH
			en += ", lead time " + leadEN
		}
		zh += fmt.Sprintf("，最高 %s %s%s（%s）", value, what.unitZH, datumZH, r.clock(leg.PeakAt))
		en += fmt.Sprintf(", peak %s %s%s at %s", value, what.unitEN, datumEN, r.clock(leg.PeakAt))
		if l.Basis == hydro.OverLimit {
			limitZH, limitEN := r.limitText(leg)
			zh, en = zh+limitZH, en+limitEN
		}
	case above:
		zh += fmt.Sprintf("，达到%s阈值 %s %s", colourZH, threshold, unitZH)
		en += fmt.Sprintf(", at or above the %s threshold %s %s", colourEN, threshold, unitEN)
	case stage == l.Stage && before.Stage <= to: // holds
		zh += fmt.Sprintf("，%s阈值 %s %s，回落未稳", colourZH, threshold, unitZH)
		en += fmt.Sprintf(", %s held, not yet safely below the threshold %s %s", colourEN, threshold, unitEN)
	default:
		zh += fmt.Sprintf("，低于%s阈值 %s %s", colourZH, threshold, unitZH)
		en += fmt.Sprintf(", below the %s threshold %s %s", colourEN, threshold, unitEN)
	}
	if l.Lost && !l.Forecast {
		zh += "（此后无数据）"
		en += " (no data since)"
	}
	restZH, restEN := rests(l)
	zh, en = zh+restZH, en+restEN
	if limit.profile && t.profile != nil {
		zh += "（内部条件，取自" + t.profile.NameZH + "，非官方预警信号）"
		en += " (internal condition by profile " + t.profile.ID + ", " + t.profile.NameEN + "; not an official signal)"
	}
	return zh, en
}

// chance says how probable it is that a threshold is met.
func (r *Rules) chance(steps []step, l *Ladder, leg hydro.Leg, before StationState, to hydro.Stage) (zh, en string) {
	what := quantities[l.Variable]
	windowZH, windowEN := windowText(l.Window)
	windowZH, windowEN = strings.TrimSpace(windowZH), strings.TrimSpace(windowEN)
	issued := r.clock(time.UnixMilli(l.At))
	percent := func(p float64) string { return strconv.FormatFloat(100*p, 'f', 0, 64) + "%" }
	datumZH, datumEN := datumText(leg)
	zh = fmt.Sprintf("%s 预报，%s内%s达到%s阈值 %s %s%s的概率 %s", issued, windowZH, what.zh, stageZH[l.Of], number2(l.Variable, l.Limit), what.unitZH, datumZH, percent(l.Value))
	en = fmt.Sprintf("chance %s that the %s reaches the %s threshold %s %s%s within %s, by the run of %s",
		percent(l.Value), what.en, stageEN[l.Of], number2(l.Variable, l.Limit), what.unitEN, datumEN, windowEN, issued)
	if l.Lost {
		zh, en = "此后无有效预报："+zh, en+", no valid forecast since"
	}
	stage := l.Stage
	if before.Stage != hydro.Blind && before.Stage > to {
		stage = before.Stage
	}
	limit, known := stepOf(steps, stage)
	switch {
	case !known:
	case l.Value >= limit.value:
		zh += "，不低于" + stageZH[stage] + "界限 " + percent(limit.value)
		en += ", at or above the " + stageEN[stage] + " limit of " + percent(limit.value)
	case stage == l.Stage && before.Stage <= to:
		zh += "，" + stageZH[stage] + "界限 " + percent(limit.value) + "，回落未稳"
		en += ", " + stageEN[stage] + " held, not yet safely below the limit of " + percent(limit.value)
	default:
		zh += "，低于" + stageZH[stage] + "界限 " + percent(limit.value)
		en += ", below the " + stageEN[stage] + " limit of " + percent(limit.value)
	}
	restZH, restEN := rests(l)
	return zh + restZH, en + restEN
}

// rests says what to hold of a forecast whose ground is weak.
func rests(l *Ladder) (zh, en string) {
	if !l.Forecast {
		return "", ""
	}
	if l.Extrapolated {
		zh, en = "（超出水位流量或库容曲线实测范围，为外延值）", " (extrapolated: outside the measured range of the rating or storage curve)"
	}
	if l.Uncalibrated {
		zh += "（该概率在本站尚未检验合格，只作量级参考）"
		en += " (the chance is not calibrated here: read it as an order, not a number)"
	}
	return zh, en
}

// limitText names the limit level that an excess is above.
func (r *Rules) limitText(leg hydro.Leg) (zh, en string) {
	return "（汛限水位 " + number2(hydro.WaterLevel, leg.Limit) + " 米）", " (limit level " + number2(hydro.WaterLevel, leg.Limit) + " m)"
}

// A quantity is how people name a variable, or what follows from it.
type quantity struct{ zh, en, unitZH, unitEN string }

// measured names what a ladder compares.
func measured(l *Ladder) quantity {
	switch l.Basis {
	case hydro.Rise:
		return quantity{"水位涨幅", "rise of the water level", "米", "m"}
	case hydro.OverLimit:
		return quantity{"超汛限幅度", "water level above the flood limit", "米", "m"}
	case hydro.Itself, hydro.Likelihood:
	}
	return quantities[l.Variable]
}

var quantities = map[hydro.Variable]quantity{
	hydro.WaterLevel: {"水位", "water level", "米", "m"},
	hydro.Discharge:  {"流量", "flow", "立方米每秒", "m³/s"},
	hydro.Inflow:     {"入库流量", "inflow", "立方米每秒", "m³/s"},
	hydro.Rain:       {"雨量", "rain", "毫米", "mm"},
}

// number2 writes a value as people in the field do: levels to the centimetre,
// rain to 0.1 mm, flow to three figures or whole m³/s.
func number2(v hydro.Variable, x float64) string {
	switch {
	case v == hydro.WaterLevel:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case v == hydro.Rain, x < 100 && x > -100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	default:
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
}

func datumText(leg hydro.Leg) (zh, en string) {
	if leg.Variable != hydro.WaterLevel || leg.Datum == hydro.NoDatum || leg.Basis == hydro.Rise || leg.Basis == hydro.OverLimit {
		return "", ""
	}
	name, ok := datumZH[leg.Datum]
	if !ok {
		name = string(leg.Datum)
	}
	return "（" + name + "）", " (" + string(leg.Datum) + ")"
}

// windowText names the window of an accumulation, as " 3 小时" and "3 h ".
func windowText(d time.Duration) (zh, en string) {
	if d%time.Hour == 0 {
		n := strconv.Itoa(int(d / time.Hour))
		return " " + n + " 小时", n + " h "
	}
	n := strconv.Itoa(int(d / time.Minute))
	return " " + n + " 分钟", n + " min "
}

// leadText writes a lead time to the minute.
func leadText(d time.Duration) (zh, en string) {
	h, m := int(d/time.Hour), int(d%time.Hour/time.Minute)
	switch {
	case h == 0:
		return fmt.Sprintf("%d 分钟", m), fmt.Sprintf("%d min", m)
	case m == 0:
		return fmt.Sprintf("%d 小时", h), fmt.Sprintf("%d h", h)
	}
	return fmt.Sprintf("%d 小时 %d 分", h, m), fmt.Sprintf("%d h %d min", h, m)
}

func (st *station) names() (zh, en string) {
	zh, en = st.nameZH, st.nameEN
	if zh == "" {
		zh = st.id
	}
	if en == "" {
		en = st.id
	}
	return zh, en
}
