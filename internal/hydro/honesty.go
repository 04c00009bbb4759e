package hydro

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// beijing is the zone of all times that people read, +08:00 all year.
var beijing = time.FixedZone("+08:00", 8*60*60)

// beijingTime writes t for people, and says so if there is none.
func beijingTime(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.In(beijing).Format("2006-01-02 15:04")
}

// HonestyEN returns in one English sentence what the forecast stands on: the
// data's cut-off, the gauges' coverage, what is missing, what was assumed, the
// notes, how long to trust it, and the mark of illustrative numbers. Times are
// Beijing time. Print it wherever the forecast is shown.
func (f *Forecast) HonestyEN() string {
	parts := []string{"data up to " + beijingTime(f.DataCutoff, "(none)") + " Beijing time (+08:00)"}
	parts = append(parts, "rain gauges cover "+percent(f.RainCoverage)+" of the area")
	if len(f.MissingGauges) == 0 {
		parts = append(parts, "no gauge missing")
	} else {
		parts = append(parts, "missing: "+strings.Join(f.MissingGauges, ", "))
	}
	if f.RainAssumed != "" {
		parts = append(parts, f.RainAssumed)
	}
	if f.Plan != "" {
		parts = append(parts, "reservoirs: "+f.Plan)
	}
	parts = append(parts, f.Notes...)
	parts = append(parts, "valid until "+beijingTime(f.ValidUntil, "(not stated)"))
	if f.Illustrative {
		parts = append(parts, "illustrative catalogue data, not official")
	}
	return "Forecast of " + beijingTime(f.IssuedAt, "(no time)") + ": " + strings.Join(parts, "; ") + "."
}

// phrasesZH are the phrases of the forecast's own making, in Chinese. What is
// not here stands in the sentence as it is.
var phrasesZH = map[string]string{
	"no further rain assumed":    "假定此后无雨",
	"last observed outflow held": "水库出流按最近实测值维持",
	"silent":                     "无数据",
	"stuck":                      "数值不变",
	"never reported":             "从未上报",
	"failed quality control":     "质控未通过",
	"wrong datum":                "高程基准不符",
}

func zh(phrase string) string {
	if s, ok := phrasesZH[phrase]; ok {
		return s
	}
	return phrase
}

// HonestyZH is [Forecast.HonestyEN] in Chinese.
func (f *Forecast) HonestyZH() string {
	parts := []string{"数据截至北京时间（+08:00）" + beijingTime(f.DataCutoff, "（无）")}
	parts = append(parts, "雨量站控制流域面积的"+percent(f.RainCoverage))
	if len(f.MissingGauges) == 0 {
		parts = append(parts, "无缺测站")
	} else {
		missing := make([]string, len(f.MissingGauges))
		for i, g := range f.MissingGauges {
			station, reason, _ := strings.Cut(g, ": ")
			if missing[i] = station; reason != "" {
				missing[i] += "（" + zh(reason) + "）"
			}
		}
		parts = append(parts, "缺测："+strings.Join(missing, "、"))
	}
	if f.RainAssumed != "" {
		parts = append(parts, zh(f.RainAssumed))
	}
	if f.Plan != "" {
		parts = append(parts, "调度："+zh(f.Plan))
	}
	for _, n := range f.Notes {
		parts = append(parts, zh(n))
	}
	parts = append(parts, "有效期至"+beijingTime(f.ValidUntil, "（未定）"))
	if f.Illustrative {
		parts = append(parts, "基础资料为示例，非官方数据")
	}
	return beijingTime(f.IssuedAt, "（无时间）") + "预报：" + strings.Join(parts, "；") + "。"
}

// percent writes a share as whole per cent, rounded down so that "100 %" is
// said only of all. NaN is an unknown share.
func percent(share float64) string {
	if math.IsNaN(share) {
		return "? %"
	}
	return strconv.Itoa(int(math.Floor(min(max(share, 0), 1)*100+1e-9))) + " %"
}
