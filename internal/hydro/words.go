package hydro

import (
	"regexp"
	"strings"
)

// Words in Chinese of what the log and the API name in English. Causes of
// blindness and the findings of quality control are made in English, once, by
// alert and ingest/quality; people who read Chinese get them through here.

var (
	qualitiesZH = [...]string{"未检查", "合格", "可疑", "错误"}
	testsZH     = [testCount]string{
		"超出合理范围", "变化过快", "尖峰", "卡滞", "此前缺报", "重复", "更正", "计数器归零", "迟到", "微量降水", "已换算基面",
		"与邻站不符", "雨量筒疑似堵塞", "与同址传感器不符", "与库容曲线不符", "与降雨不符", "日雨量超限", "时钟偏差", "维护时段", "与降雨不符（提示）",
	}
	refusalsZH = [...]string{
		"", "站码不明", "部门不符", "要素不符", "无值", "非有限值", "缺时间",
		"时间在未来", "时间过旧", "单位不明", "时区不明", "未注明基面", "基面不符", "时段无效", "数值不可能",
		"无权报送",
	}
)

// ZH returns the verdict in Chinese.
func (q Quality) ZH() string {
	if int(q) < len(qualitiesZH) {
		return qualitiesZH[q]
	}
	return q.String()
}

// ZH returns the names in t in Chinese, in order.
func (t Tests) ZH() []string {
	var out []string
	for i, n := range testsZH {
		if t&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// ZH returns the reason in Chinese.
func (r RefusalReason) ZH() string {
	if int(r) < len(refusalsZH) && refusalsZH[r] != "" {
		return refusalsZH[r]
	}
	return r.String()
}

// causesZH are the causes of blindness by what they begin with, as alert and
// alert/group write them.
var causesZH = []struct{ en, zh string }{
	{"never reported", "从未来报"},
	{"never_reported", "从未来报"},
	{"not yet reported since the restart", "重启后尚未来报"},
	{"not yet reported", "启动后尚未来报"},
	{"maintenance", "正在维护"},
	{"silent since ", "无可用数据，自 "},
	{"silent", "无来报"},
	{"refused", "来报被拒收"},
	{"quality", "未通过质量检查"},
}

// CauseZH writes a [Warning.Cause], or that of a group or of a [BlindSet], in
// Chinese. The detail of a refusal is left out: it is written for who reads the
// cause itself. What is no such cause stays as it is.
func CauseZH(cause string) string {
	at, k := -1, -1
	for i, c := range causesZH {
		if j := strings.Index(cause, c.en); j >= 0 && (j == 0 || cause[j-1] == ' ') && (at < 0 || j < at) {
			at, k = j, i
		}
	}
	if k < 0 {
		return cause
	}
	var what []string
	for name := range strings.SplitSeq(strings.TrimSpace(cause[:at]), " and ") {
		if name != "" {
			what = append(what, quantityZH(name))
		}
	}
	zh, rest := causesZH[k].zh, cause[at+len(causesZH[k].en):]
	switch causesZH[k].en {
	case "silent since ":
		zh += rest + " 起"
	case "refused":
		name, _, _ := strings.Cut(strings.TrimPrefix(rest, ": "), ": ")
		if reason, err := ParseRefusalReason(name); err == nil {
			zh += "（" + reason.ZH() + "）"
		}
	case "quality":
		if tests, err := ParseTests(strings.Split(strings.TrimPrefix(rest, ": "), ", ")); err == nil {
			zh += "（" + strings.Join(tests.ZH(), "、") + "）"
		}
	}
	if len(what) > 0 {
		zh = strings.Join(what, "、") + zh
	}
	return zh
}

// quantityZH names a variable that is written for people.
func quantityZH(en string) string {
	if en == "flow" {
		return Discharge.ZH()
	}
	if v, err := ParseVariable(strings.ReplaceAll(en, " ", "_")); err == nil {
		return v.ZH()
	}
	return en
}

// findingsZH are the findings of quality control, as ingest/quality writes them.
var findingsZH = func() []struct {
	en *regexp.Regexp
	zh string
} {
	out := make([]struct {
		en *regexp.Regexp
		zh string
	}, 0, 32)
	for _, f := range [][2]string{
		{`range: (\S+) mm of rain is negative`, "超出合理范围：雨量 ${1} 毫米为负"},
		{`range: (\S+) mm in (\S+) is above the possible (\S+) mm`, "超出合理范围：${2} 内 ${1} 毫米，超过可能的最大值 ${3} 毫米"},
		{`range: (\S+) mm in (\S+) is above (\S+) mm`, "超出合理范围：${2} 内 ${1} 毫米，超过 ${3} 毫米"},
		{`range: (\S+) (.+) is outside the possible (\S+) to (\S+) .+`, "超出合理范围：${1} ${2}，可能范围 ${3} 至 ${4}"},
		{`range: (\S+) (.+) is outside the usual (\S+) to (\S+) .+`, "超出合理范围：${1} ${2}，通常范围 ${3} 至 ${4}"},
		{`step: (\S+) to (\S+) (.+) in (\S+), limit (\S+) .+ per (\S+)`, "变化过快：${4} 内由 ${1} 至 ${2} ${3}，限值每 ${6} ${5}"},
		{`step: too far from what stood before`, "变化过快：与此前数值相差过大"},
		{`spike: back at (\S+) (.+) (\S+) later`, "尖峰：${3} 后回到 ${1} ${2}"},
		{`spike`, "尖峰"},
		{`stuck: (\S+) mm repeated for (\S+), limit (\S+)`, "卡滞：${1} 毫米重复 ${2}，限值 ${3}"},
		{`stuck: (\S+) (.+) did not move by more than (\S+) .+ for (\S+), limit (\S+)`, "卡滞：${1} ${2} 在 ${4} 内变化不超过 ${3}，限值 ${5}"},
		{`counter_reset: the counter was reset or failed; what fell in (\S+) is not known`, "计数器归零：${1} 内的雨量不明"},
		{`counter_reset: (\S+) to (\S+) mm`, "计数器归零：由 ${1} 至 ${2} 毫米"},
		{`gap: (\S+) since the report before, interval (\S+)`, "此前缺报：距上次来报 ${1}，报送间隔 ${2}"},
		{`revision: (\d+) of this instant`, "更正：同一时刻第 ${1} 次"},
		{`late: arrived (\S+) after its instant`, "迟到：晚 ${1} 到达"},
		{`late: (\S+) old, beyond the (\S+) that quality control remembers`, "迟到：已过 ${1}，超出质量检查所记的 ${2}"},
		{`clock: the last (\d+) reports are stamped about (\S+) ahead of their arrival`, "时钟偏差：最近 ${1} 次来报的时间约比到达时间快 ${2}"},
		{`clock: the last (\d+) reports are stamped about (\S+) behind their arrival`, "时钟偏差：最近 ${1} 次来报的时间约比到达时间慢 ${2}"},
		{`maintenance: (.*)`, "维护时段：${1}"},
		{`storage_curve: (\S+) 1e6 m3 at (\S+) m, the curve has (\S+)`, "与库容曲线不符：水位 ${2} 米时蓄水 ${1} 百万立方米，曲线为 ${3}"},
		{`site: (\S+) m, (\S+) has (\S+) m, limit (\S+) m, (\d+) reports in a row`, "与同址传感器不符：${1} 米，${2} 为 ${3} 米，限值 ${4} 米，连续 ${5} 次"},
		{`site: (\S+) mm in (\S+), (\S+) has (\S+) mm, limit (\S+) mm`, "与同址传感器不符：${2} 内 ${1} 毫米，${3} 为 ${4} 毫米，限值 ${5} 毫米"},
		{`rain_level(?:_note)?: rose by (\S+) m in (\S+), the gauges above had (\S+) mm at most`, "与降雨不符：${2} 内涨 ${1} 米，上游雨量站最多 ${3} 毫米"},
		{`rain_level(?:_note)?: (\S+) mm at every gauge above, rose by (\S+) m in the (\S+) behind it, expected (\S+) m`, "与降雨不符：上游各雨量站均达 ${1} 毫米，其后 ${3} 内涨 ${2} 米，应涨 ${4} 米"},
		{`neighbour: (\S+) mm in (\S+), (\d+) gauges within (\S+) km had (\S+) mm at most, limit (\S+) mm`, "与邻站不符：${2} 内 ${1} 毫米，${4} 千米内 ${3} 站最多 ${5} 毫米，限值 ${6} 毫米"},
		{`blocked: (\S+) mm in (\S+) while (\d+) of (\d+) gauges around had (\S+) mm or more, (\S+) mm in the mean`, "雨量筒疑似堵塞：${2} 内 ${1} 毫米，周围 ${4} 站中 ${3} 站达 ${5} 毫米，平均 ${6} 毫米"},
		{`day_total: (\S+) mm since the day began, limit (\S+) mm`, "日雨量超限：日初以来 ${1} 毫米，限值 ${2} 毫米"},
		{`neighbour: far more than the gauges around`, "与邻站不符：远多于周围各站"},
		{`blocked: little or nothing while it poured around`, "雨量筒疑似堵塞：周围大雨而本站极少或无雨"},
		{`site: differs from another sensor of the site`, "与同址传感器不符"},
		{`storage_curve: does not fit the level`, "与库容曲线不符"},
		{`rain_level(?:_note)?: the rain above does not explain it`, "与降雨不符：上游降雨不能解释"},
		{`day_total: above the limit of the day`, "日雨量超限"},
	} {
		out = append(out, struct {
			en *regexp.Regexp
			zh string
		}{regexp.MustCompile("^" + f[0] + "$"), f[1]})
	}
	return out
}()

// findingStart is where one finding ends and the next begins.
var findingStart = regexp.MustCompile(`; (range|step|spike|stuck|counter_reset|gap|revision|late|clock|maintenance|storage_curve|site|rain_level|rain_level_note|neighbour|blocked|day_total)\b`)

// WhyZH writes an [Observation.Why] in Chinese. A finding that it does not know
// stays as it is.
func WhyZH(why string) string {
	if why == "" {
		return ""
	}
	var parts []string
	from := 0
	for _, m := range append(findingStart.FindAllStringIndex(why, -1), []int{len(why), len(why)}) {
		parts = append(parts, findingZH(why[from:m[0]]))
		from = min(m[0]+2, len(why))
	}
	return strings.Join(parts, "；")
}

func findingZH(finding string) string {
	for _, f := range findingsZH {
		if f.en.MatchString(finding) {
			return f.en.ReplaceAllString(finding, f.zh)
		}
	}
	return finding
}
