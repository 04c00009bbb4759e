package hydro

import (
	"math"
	"regexp"
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

// utcStamp is how the forecast writes an instant inside a reason or a note.
var utcStamp = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\dZ`)

// inBeijing rewrites the instants inside a reason or a note.
func inBeijing(s string) string {
	return utcStamp.ReplaceAllStringFunc(s, func(stamp string) string {
		t, err := time.Parse("2006-01-02 15:04Z", stamp)
		if err != nil {
			return stamp
		}
		return beijingTime(t, stamp)
	})
}

// HonestyEN returns in one English sentence what the forecast stands on: the
// data's cut-off, the gauges' coverage, what is missing, what was assumed, the
// notes, how long to trust it, and the mark of illustrative numbers. Times are
// Beijing time. Print it wherever the forecast is shown.
func (f *Forecast) HonestyEN() string {
	parts := []string{
		"data up to " + beijingTime(f.DataCutoff, "(none)") + " Beijing time (+08:00)",
		"rain gauges cover " + percent(f.RainCoverage) + " of the area",
	}
	if len(f.MissingGauges) == 0 {
		parts = append(parts, "no gauge missing")
	} else {
		parts = append(parts, "missing: "+inBeijing(strings.Join(f.MissingGauges, ", ")))
	}
	band := ""
	if f.BandBasis != "" {
		band = "band: " + f.BandBasis
	}
	for _, p := range append([]string{f.RainAssumed, f.Plan, band}, f.Notes...) {
		if p != "" {
			parts = append(parts, inBeijing(p))
		}
	}
	parts = append(parts, "valid until "+beijingTime(f.ValidUntil, "(not stated)"))
	if f.Illustrative {
		parts = append(parts, "illustrative catalogue data, not official")
	}
	return "Forecast of " + beijingTime(f.IssuedAt, "(no time)") + ": " + strings.Join(parts, "; ") + "."
}

// phrasesZH are the phrases that forecasts are made of, in Chinese; ${1} and
// on are what stood in the brackets. What is not here stays as it is.
var phrasesZH = []struct {
	en *regexp.Regexp
	zh string
}{
	{regexp.MustCompile(`^no further rain assumed$`), "假定此后无雨"},
	{regexp.MustCompile(`^last observed outflow held$`), "水库出流按最近实测值维持"},
	{regexp.MustCompile(`^no reservoir plan used$`), "未采用水库调度方案"},
	{regexp.MustCompile(`^no data$`), "无数据"},
	{regexp.MustCompile(`^silent since (.*)$`), "自${1}起无报汛"},
	{regexp.MustCompile(`^silent$`), "无报汛"},
	{regexp.MustCompile(`^fail(.*) since (.*)$`), "自${2}起质控不通过${1}"},
	{regexp.MustCompile(`^suspect(.*) since (.*)$`), "自${2}起质控存疑${1}"},
	{regexp.MustCompile(`^no observation at all: .*$`), "无任何实测资料，仅按河道基流计算"},
	{regexp.MustCompile(`^(\S+) has no rating in force: .*$`), "${1}无现行水位流量关系，不参与校正"},
	{regexp.MustCompile(`^no observed flow at (\S+) yet: its base flow of (\S+) m³/s is assumed$`), "${1}尚无实测流量，按基流${2} m³/s计"},
	{regexp.MustCompile(`^level at (\S+) lies outside the rating's measured range (\S+) to (\S+) m at some time$`), "${1}水位部分时段超出水位流量关系实测范围（${2}至${3} m）"},
	{regexp.MustCompile(`^flow at (\S+) is of levels outside the rating's measured range (\S+) to (\S+) m: .*$`), "${1}流量由超出水位流量关系实测范围（${2}至${3} m）的水位推求，本站及下游校正为外延"},
	{regexp.MustCompile(`^no rain gauge spoke in the last (\S+) h for sub-basin (.*): no rain is assumed to have fallen then$`), "此前${1}小时内下列子流域曾无雨量资料，缺测时段按无雨计：${2}"},
	{regexp.MustCompile(`^no recent outflow of reservoir (\S+): .*$`), "水库${1}无近期出流资料，按入流下泄"},
	{regexp.MustCompile(`^reservoir (\S+) reports no outflow: .*$`), "水库${1}不报出流，按入流下泄"},
	{regexp.MustCompile(`^level at (\S+) depends on the tide .*$`), "${1}水位受潮汐影响，不作预报，不参与校正"},
	{regexp.MustCompile(`^(\S+) measures a level but has no rating: .*$`), "${1}仅测水位，无水位流量关系，不参与校正，不作水位预报"},
	{regexp.MustCompile(`^thresholds of (\S+) are on datum (\S+) and its levels on (\S+): .*$`), "${1}特征值基面（${2}）与水位基面（${3}）不同，不作超限判断"},
	{regexp.MustCompile(`^rain forecast of (.*), issued (\S+ \S+), valid until (\S+ \S+)$`), "采用降雨预报：${1}（${2}发布，有效期至${3}）"},
	{regexp.MustCompile(`^rain forecast of (.*), issued (\S+ \S+), expired at (\S+ \S+): not used$`), "降雨预报${1}（${2}发布）已于${3}过期，未采用"},
	{regexp.MustCompile(`^rain forecast of (.*), issued (\S+ \S+), ended at (\S+ \S+): not used$`), "降雨预报${1}（${2}发布）时效止于${3}，未采用"},
	{regexp.MustCompile(`^rain forecast of (.*), issued (\S+ \S+), is held and not used: that of (.*) comes first$`), "另有降雨预报${1}（${2}发布）未采用，以${3}为准"},
	{regexp.MustCompile(`^rain forecast of (.*), issued (\S+ \S+), is held and not used: those of (.*) come first$`), "另有降雨预报${1}（${2}发布）未采用，以${3}为准"},
	{regexp.MustCompile(`^rain forecast of (.*), issued (\S+ \S+), reaches no sub-basin: not used$`), "降雨预报${1}（${2}发布）未覆盖任何子流域，未采用"},
	{regexp.MustCompile(`^rain forecast of (.*), issued (\S+ \S+), reaches less than half of (.*): another is taken there$`), "降雨预报${1}（${2}发布）对下列子流域覆盖不足一半，改用其他来源：${3}"},
	{regexp.MustCompile(`^rain forecast of (.*) is taken in (.*)$`), "降雨预报${1}用于子流域${2}"},
	{regexp.MustCompile(`^the rain forecasts leave out (\d+ %) of the area: no rain is assumed in (.*)$`), "各降雨预报均未含流域面积的${1}，假定${2}无雨"},
	{regexp.MustCompile(`^cells of the rain forecast of (.*) cover (\d+ %) of where it is taken; .*$`), "降雨预报${1}的格点覆盖其采用区域的${2}，以其平均代表全部"},
	{regexp.MustCompile(`^members of the rain forecast of (.*) differ in (.*) alone: .*$`), "降雨预报${1}的集合成员仅在子流域${2}各不相同，其余子流域各成员降雨相同"},
	{regexp.MustCompile(`^the (\d+) members of the rain forecast of (.*) are not told apart: .*$`), "降雨预报${2}的${1}个集合成员未分别采用：不同来源的成员不相对应"},
	{regexp.MustCompile(`^rain forecast of (.*) is the mean of (\d+) members$`), "降雨预报${1}取${2}个集合成员的平均"},
	{regexp.MustCompile(`^rain forecast of (.*) begins at (\S+ \S+): .*$`), "降雨预报${1}自${2}起，此前假定无雨"},
	{regexp.MustCompile(`^rain forecast of (.*) ends at (\S+ \S+): .*$`), "降雨预报${1}至${2}止，此后假定无雨"},
	{regexp.MustCompile(`^rain forecast of (.*) leaves out (\d+ %) of the area: no rain is assumed in (.*)$`), "降雨预报${1}未含流域面积的${2}，假定${3}无雨"},
	{regexp.MustCompile(`^cells of the rain forecast of (.*) cover (\d+ %) of the rest; .*$`), "降雨预报${1}的格点覆盖其余面积的${2}，以其平均代表全部"},
	{regexp.MustCompile(`^rain forecast of (.*) speaks of sub-basins that the catalogue does not have: (.*)$`), "降雨预报${1}所列子流域不在现行基础资料中：${2}"},
	{regexp.MustCompile(`^release plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+), valid (\S+ \S+) to (\S+ \S+)$`), "采用水库${1}调度方案（${2}于${3}下达，有效期${4}至${5}）"},
	{regexp.MustCompile(`^release plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+), expired at (\S+ \S+): not used$`), "水库${1}调度方案（${2}于${3}下达）已于${4}过期，未采用"},
	{regexp.MustCompile(`^release plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+), begins at (\S+ \S+): not used yet$`), "水库${1}调度方案（${2}于${3}下达）自${4}起，本次预报未采用"},
	{regexp.MustCompile(`^release plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+): not used, because .*$`), "水库${1}调度方案（${2}于${3}下达）未采用，现行基础资料无此水库"},
	{regexp.MustCompile(`^release plan of reservoir (\S+) ends at (\S+ \S+): its last release of (\S+) m³/s is held$`), "水库${1}调度方案至${2}止，此后维持最后下泄流量${3} m³/s"},
	{regexp.MustCompile(`^release plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+), withdrawn at (\S+ \S+) by (.*): not used$`), "水库${1}调度方案（${2}于${3}下达）已由${5}于${4}撤销，未采用"},
	{regexp.MustCompile(`^rain forecast of (.*), issued (\S+ \S+), withdrawn at (\S+ \S+) by (.*): not used$`), "降雨预报${1}（${2}发布）已由${4}于${3}撤销，未采用"},
	{regexp.MustCompile(`^gauge (\S+) lies where the tide turns the flow: .*$`), "${1}受潮汐影响，不参与流量校正"},
	{regexp.MustCompile(`^level at (\S+) is not forecast: no tide at (\S+) is in force$`), "${1}未作水位预报：${2}无有效潮位预报"},
	{regexp.MustCompile(`^level at (\S+) is extrapolated: the flow leaves the (\S+) to (\S+) m³/s that .*$`), "${1}水位为外推：上游流量超出潮位相关率定范围（${2}至${3} m³/s）"},
	{regexp.MustCompile(`^level at (\S+) is extrapolated: the tide leaves the (\S+) to (\S+) m that .*$`), "${1}水位为外推：潮位超出潮位相关率定范围（${2}至${3} m）"},
	{regexp.MustCompile(`^level at (\S+) is of tide and flow alone: .*$`), "${1}水位仅按潮位与上游流量推求：近一潮周期实测水位或潮位资料不足，未作余水位（增水）校正"},
	{regexp.MustCompile(`^tide of (.*) at (\S+), issued (\S+ \S+), withdrawn at (\S+ \S+) by (.*): not used$`), "${2}潮位预报${1}（${3}发布）已由${5}于${4}撤销，未采用"},
	{regexp.MustCompile(`^tide of (.*) at (\S+), issued (\S+ \S+), expired at (\S+ \S+): not used$`), "${2}潮位预报${1}（${3}发布）已于${4}过期，未采用"},
	{regexp.MustCompile(`^tide of (.*) at (\S+), issued (\S+ \S+), ended at (\S+ \S+): not used$`), "${2}潮位预报${1}（${3}发布）时效止于${4}，未采用"},
	{regexp.MustCompile(`^tide of (.*) at (\S+), issued (\S+ \S+), is held and not used: that of (.*) was issued later$`), "${2}另有潮位预报${1}（${3}发布）未采用，以发布较晚的${4}为准"},
	{regexp.MustCompile(`^tide of (.*) at (\S+), issued (\S+ \S+), is held and not used: no level is forecast .*$`), "${2}潮位预报${1}（${3}发布）未采用，无测站据该站潮位作水位预报"},
	{regexp.MustCompile(`^tide of (.*) at (\S+), issued (\S+ \S+): not used, because .*$`), "${2}潮位预报${1}（${3}发布）未采用，现行基础资料无此潮位站"},
	{regexp.MustCompile(`^tide of (.*) at (\S+), issued (\S+ \S+): not used: its levels are on (.*), the station's on (.*), and .*$`), "${2}潮位预报${1}（${3}发布）未采用：其基面${4}与测站基面${5}无换算关系"},
	{regexp.MustCompile(`^tide of (.*) at (\S+), issued (\S+ \S+), valid until (\S+ \S+): used for the level at (.*)$`), "采用${2}潮位预报${1}（${3}发布，有效期至${4}）推求${5}水位"},
	{regexp.MustCompile(`^tide of (.*) at (\S+) ends at (\S+ \S+): .*$`), "${2}潮位预报${1}至${3}止，此后不据以预报水位"},
	{regexp.MustCompile(`^tide of (.*) at (\S+) begins at (\S+ \S+): .*$`), "${2}潮位预报${1}自${3}起，此前不据以预报水位"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+), valid (\S+ \S+) to (\S+ \S+)$`), "采用水库${1}闸门调度方案（${2}于${3}下达，有效期${4}至${5}）"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+), withdrawn at (\S+ \S+) by (.*): not used$`), "水库${1}闸门调度方案（${2}于${3}下达）已由${5}于${4}撤销，未采用"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+), expired at (\S+ \S+): not used$`), "水库${1}闸门调度方案（${2}于${3}下达）已于${4}过期，未采用"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+), begins at (\S+ \S+): not used yet$`), "水库${1}闸门调度方案（${2}于${3}下达）自${4}起，本次预报未采用"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+): not used, because .*$`), "水库${1}闸门调度方案（${2}于${3}下达）未采用，现行基础资料无此水库"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+): not used: no level of .*$`), "水库${1}闸门调度方案（${2}于${3}下达）未采用，无水库水位可推算下泄流量"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+): not used: the catalogue gives .*$`), "水库${1}闸门调度方案（${2}于${3}下达）未采用，现行基础资料无该水库泄流设施或水位站"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+): not used: setting (\d+): no outlet (.*)$`), "水库${1}闸门调度方案（${2}于${3}下达）未采用，第${4}项：现行基础资料无泄流设施${5}"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+): not used: setting (\d+): outlet (.*): nobody can close it$`), "水库${1}闸门调度方案（${2}于${3}下达）未采用，第${4}项：泄流设施${5}不可控"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+), ordered by (.*), issued (\S+ \S+): not used: setting (\d+): outlet (.*) set to (\S+): want 0 to (\S+)$`), "水库${1}闸门调度方案（${2}于${3}下达）未采用，第${4}项：泄流设施${5}开度${6}超出0至${7}"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+) ends at (\S+ \S+): its last openings are held$`), "水库${1}闸门调度方案至${2}止，此后维持最后开度"},
	{regexp.MustCompile(`^gate plan of reservoir (\S+) does not name (.*): taken as closed$`), "水库${1}闸门调度方案未列${2}，按关闭计"},
	{regexp.MustCompile(`^no rain gauge speaks for sub-basin (\S+) now: .*$`), "子流域${1}现无雨量站可用，假定无雨"},
	{regexp.MustCompile(`^rain at site (\S+) differs over the hour to (\S+ \S+): (\S+) (\S+) mm, (\S+) (\S+) mm; areal rain takes that of (\S+)$`), "站点${1}截至${2}一小时雨量不一致：${3} ${4} mm，${5} ${6} mm，面雨量采用${7}"},
	{regexp.MustCompile(`^level of reservoir (\S+) leaves its storage curve: .*$`), "水库${1}水位超出库容曲线"},
	{regexp.MustCompile(`^reservoir (\S+): its release is not cut for (\S+) from the trial on .*$`), "水库${1}未能为下游${2}进一步减小下泄（试算河道演算无解）"},
	{regexp.MustCompile(`^bands end after (\S+): those of (\d+) stations to the horizon are too much for one run$`), "不确定性区间只到${1}：${2}站至预见期末的区间过大，超出一次预报的容量"},
	{regexp.MustCompile(`^level of reservoir (\S+), (\S+) m, is outside its storage curve: .*$`), "水库${1}实测水位${2}米超出库容曲线，库容与此后水位为外推"},
	{regexp.MustCompile(`^level of reservoir (\S+) leaves the table of an outlet$`), "水库${1}水位超出泄流曲线"},
	{regexp.MustCompile(`^limit of (\S+) m³/s for the river below reservoir (\S+) holds for the release alone: .*$`), "水库${2}下游安全泄量${1} m³/s只限制水库下泄，未计坝下汇入的区间来水，下游河道流量可能超过安全泄量"},
	{regexp.MustCompile(`^below reservoir (\S+) the river at (\S+) carries up to (\S+) m³/s, at (\S+ \S+), more than the (\S+) m³/s that it bears: .*$`), "水库${1}下游${2}最大流量${3} m³/s（${4}），超过安全泄量${5} m³/s，水库调度已无余地"},
	{regexp.MustCompile(`^releases by the reservoirs' own rules and limits$`), "水库按自身调度规则与限制水位下泄"},
	{regexp.MustCompile(`^no recent level of reservoir (\S+): .*$`), "水库${1}无近期水位资料，未采用其调度规则"},
	{regexp.MustCompile(`^reservoir (\S+) reports no level: .*$`), "水库${1}不报水位，无法采用其泄流设施与调度规则"},
	{regexp.MustCompile(`^reservoir (\S+): its rules are not used: reservoir: level (\S+) m: want (\S+) to (\S+) m$`), "水库${1}未采用其调度规则：水位${2} m超出库容曲线范围（${3}至${4} m）"},
	{regexp.MustCompile(`^reservoir (\S+): its rules are not used: .*(?:no convergence|empty the reservoir).*$`), "水库${1}未采用其调度规则：调洪演算未收敛"},
	{regexp.MustCompile(`^reservoir (\S+): its rules are not used: .*$`), "水库${1}未采用其调度规则：调洪演算未能进行"},
	{regexp.MustCompile(`^rating (\S+) of (\S+) is one line for a loop of (\S+) m: .*$`), "${2}水位流量关系${1}以单线代替绳套（幅度${3} m），涨水时水位可偏低、落水时可偏高各一半"},
	{regexp.MustCompile(`^rating (\S+) of (\S+) leaps from (\S+) to (\S+) m³/s at (\S+) m$`), "${2}水位流量关系${1}在${5} m处由${3}跳至${4} m³/s"},
	{regexp.MustCompile(`^diversion at node (\S+) out of the basin: (\S+) m³/s in the mean to the horizon, (\d+ %) of what arrives$`), "节点${1}引水（流域外）预见期内平均${2} m³/s，占来水${3}"},
	{regexp.MustCompile(`^diversion at node (\S+) to node (\S+): (\S+) m³/s in the mean to the horizon, (\d+ %) of what arrives$`), "节点${1}引水至节点${2}，预见期内平均${3} m³/s，占来水${4}"},
	{regexp.MustCompile(`^diversion at node (\S+) takes less than asked for during (\S+) h: (\S+) m³/s stay in the river$`), "节点${1}引水有${2}小时不足所需：河道须保留流量${3} m³/s"},
	{regexp.MustCompile(`^diversion at node (\S+) takes less than asked for during (\S+) h: the river has no more$`), "节点${1}引水有${2}小时不足所需：河道来水不足"},
	{regexp.MustCompile(`^(\d+) more diversions take (\S+) m³/s in all in the mean to the horizon$`), "另有${1}处引水，预见期内平均合计${2} m³/s"},
	{regexp.MustCompile(`^lateral inflow by the catalogue, by month, is assumed along (.*): (\S+) m³/s in all in the mean of the year$`), "假定河段旁侧入流按基础资料逐月取值（${1}），年平均合计${2} m³/s"},
	{regexp.MustCompile(`^lateral inflow by the catalogue, always the same, is assumed along (.*): (\S+) m³/s in all$`), "假定河段旁侧入流按基础资料取常值（${1}），合计${2} m³/s"},
	{regexp.MustCompile(`^reach (\S+): attenuation bounded in (\d+ %) of its steps, .*$`), "河段${1}有${2}的时段坦化受限，宜另选sub_reaches"},
	{regexp.MustCompile(`^in (\d+) reaches the iteration of t-route's Muskingum-Cunge did not come to its end in (\d+) of (\d+) steps from now on$`), "此后${1}个河段的t-route马斯京根-康吉迭代在${3}步中有${2}步未收敛"},
	{regexp.MustCompile(`^no forecast at ([^:]*): reach (\S+): no solution: (.*)$`), "${1}无预报：河段${2}无解（${3}）"},
	{regexp.MustCompile(`^no forecast at ([^:]*): node (\S+): no solution: (.*)$`), "${1}无预报：节点${2}无解（${3}）"},
	{regexp.MustCompile(`^no forecast at ([^:]*): runoff at node (\S+): no solution: (.*)$`), "${1}无预报：节点${2}产流无解（${3}）"},
	{regexp.MustCompile(`^tide of (.+) at (\S+), issued (\S+ \S+), is held and not used: it begins at (\S+ \S+), that of (.+) has begun$`), "${2}潮位预报（${1}，${3}发布）未采用：自${4}起始，现用${5}"},
	{regexp.MustCompile(`^the last state is of (\S+ \S+), more than a week ago: started anew$`), "上次状态为${1}，距今超过一周，已重新起算"},
	{regexp.MustCompile(`^sub-basin (\S+): no solution from its last state \((.*)\): started anew$`), "子流域${1}由上次状态计算无解（${2}），已重新起算"},
	{regexp.MustCompile(`^node (\S+): no solution from its last state \((.*)\): started anew$`), "节点${1}由上次状态计算无解（${2}），已重新起算"},
	{regexp.MustCompile(`^reach (\S+): no solution from its last state \((.*)\): started anew$`), "河段${1}由上次状态计算无解（${2}），已重新起算"},
	{regexp.MustCompile(`^no band at (\S+): no solution for member (\d+) of the rain ahead$`), "${1}本次无不确定性区间：降雨预报第${2}成员计算无解"},
	{regexp.MustCompile(`^no band yet at (.*): fewer than (\d+) past errors in a situation like this$`), "${1}暂无不确定性区间（类似情形的历史误差不足${2}次）"},
	{regexp.MustCompile(`^no band at (.*): the tide hides .*$`), "${1}无不确定性区间（受潮汐影响，预报误差无法辨识）"},
	{regexp.MustCompile(`^no band at (.*): no flow is observed .*$`), "${1}无不确定性区间（无实测流量，亦无水位流量关系）"},
	{regexp.MustCompile(`^no band at (.*): no observed inflow .*$`), "${1}无不确定性区间（水库无实测入库流量可供检验）"},
	{regexp.MustCompile(`^no band at (.*): at a reservoir with a gauge .*$`), "${1}无不确定性区间（坝下设有测站的水库，只检验测站流量的预报误差）"},
	{regexp.MustCompile(`^bands learn nothing from (\S+ \S+) .*$`), "不确定性区间未能采用${1}的后报：该次计算失败"},
	{regexp.MustCompile(`^no bands in this run: .*$`), "本次预报无不确定性区间：集合计算失败"},
	{regexp.MustCompile(`^no bands: a warm-up of (\S+) and a horizon of (\S+) hold no lead of (\S+)$`), "预热期${1}与预见期${2}不足${3}，不作不确定性区间"},
	{regexp.MustCompile(`^pan (\S+) has no usable value since (\S+ \S+): evaporation of sub-basin (.*) is by the catalogue from then on$`), "蒸发站${1}自${2}起无可用蒸发量，此后子流域${3}蒸发按基础资料所列数值计"},
	{regexp.MustCompile(`^pan (\S+) has no usable value: evaporation of sub-basin (.*) is by the catalogue$`), "蒸发站${1}无可用蒸发量，子流域${2}蒸发按基础资料所列数值计"},
	{regexp.MustCompile(`^pan (\S+) has no usable value for (\S+) h after (\S+ \S+): evaporation of sub-basin (.*) is by the catalogue there$`), "蒸发站${1}自${3}起有${2}小时无可用蒸发量，该时段子流域${4}蒸发按基础资料所列数值计"},
	{regexp.MustCompile(`^updating is switched off at (\S+): .*$`), "${1}已关闭实时校正"},
	{regexp.MustCompile(`^updating at (\S+) is switched off in part: what it observes does not run on downstream$`), "${1}实时校正部分关闭：实测流量不向下游传递"},
	{regexp.MustCompile(`^updating at (\S+) is switched off in part: no lasting loss is learnt$`), "${1}实时校正部分关闭：不学习持续损失"},
	{regexp.MustCompile(`^updating at (\S+) is switched off in part: no lasting error of timing is learnt$`), "${1}实时校正部分关闭：不学习持续时差"},
	{regexp.MustCompile(`^updating at (\S+) is switched off in part: its error fades .*$`), "${1}实时校正部分关闭：误差按设定的半衰期消退，不按历史拟合"},
	{regexp.MustCompile(`^updating at (\S+) is switched off in part: its error is not carried .*$`), "${1}实时校正部分关闭：误差不带入预报"},
	{regexp.MustCompile(`^soil moisture at node (\S+) is not adjusted: .*$`), "节点${1}不作土壤含水量校正：须为参与校正、无上游来水且有产流子流域直接汇入的测站"},
	{regexp.MustCompile(`^soil moisture above (\S+): in the day to (\S+ \S+) the runoff was (\S+) mm off, .*: (\S+) mm of water added$`), "${1}以上土壤含水量已校正：截至${2}一日径流深实测减计算为${3} mm，增加水量${4} mm"},
	{regexp.MustCompile(`^soil moisture above (\S+): in the day to (\S+ \S+) the runoff was (\S+) mm off, .*: (\S+) mm of water taken away$`), "${1}以上土壤含水量已校正：截至${2}一日径流深实测减计算为${3} mm，减少水量${4} mm"},
	{regexp.MustCompile(`^at (\S+) the observed flow is (\d+ %) of the computed one: .*$`), "${1}实测流量为计算值的${2}，偏差过大，不按持续损失校正"},
	{regexp.MustCompile(`^at (\S+) (\d+ %) of the computed flow \((\S+) m³/s\) lastingly does not arrive: taken off$`), "${1}计算流量的${2}（${3} m³/s）持续未到达，已扣除"},
	{regexp.MustCompile(`^at (\S+) (\d+ %) more than the computed flow \((\S+) m³/s\) lastingly arrives: added$`), "${1}实际来水持续比计算流量多${2}（${3} m³/s），已计入"},
	{regexp.MustCompile(`^at (\S+) the wave lastingly comes (\S+ h) earlier than computed: shifted$`), "${1}洪水波持续比计算早到${2}，已平移"},
	{regexp.MustCompile(`^at (\S+) the wave lastingly comes (\S+ h) later than computed: shifted$`), "${1}洪水波持续比计算晚到${2}，已平移"},
	{regexp.MustCompile(`^at (\S+) the wave lastingly comes (\S+ h) earlier than computed: too far .*$`), "${1}洪水波持续比计算早到${2}，偏差过大，不按持续时差校正"},
	{regexp.MustCompile(`^at (\S+) the wave lastingly comes (\S+ h) later than computed: too far .*$`), "${1}洪水波持续比计算晚到${2}，偏差过大，不按持续时差校正"},
	{regexp.MustCompile(`^errors of past runs without a rain forecast$`), "历次无降雨预报时的预报误差"},
	{regexp.MustCompile(`^errors of past runs with the rain that fell$`), "历次按实况降雨计算的预报误差"},
	{regexp.MustCompile(`^beyond (\S+) h widened as they grew up to there$`), "${1}小时以后按此前增长率外推放宽"},
	{regexp.MustCompile(`^(\d+) rain members?$`), "降雨预报${1}个集合成员"},
	{regexp.MustCompile(`^rain forecast times (\d+) factors, coefficient of variation (\S+)$`), "降雨预报乘以${1}个系数（变差系数${2}）"},
	{regexp.MustCompile(`^rain forecast times (\d+) factors by lead, coefficient of variation (\S+) to (\S+), mean (\S+) to (\S+)$`), "降雨预报按预见期乘以${1}个系数（变差系数${2}至${3}，均值${4}至${5}）"},
	{regexp.MustCompile(`^soil water now times (\d+) factors, coefficient of variation (\S+)$`), "当前土壤含水量乘以${1}个系数（变差系数${2}）"},
	{regexp.MustCompile(`^levels of reservoirs at (.*): the band is of the members of the rain ahead alone, .*$`), "${1}的水库水位区间仅由未来降雨的集合成员推算，未含历史误差，其概率未经率定检验"},
	{regexp.MustCompile(`^levels of reservoirs at (.*): the band is of the members of the rain ahead and of the soil now alone, .*$`), "${1}的水库水位区间仅由未来降雨与当前土壤含水量的集合成员推算，未含历史误差，其概率未经率定检验"},
	{regexp.MustCompile(`^levels of reservoirs at (.*): the band is of the members of the soil now alone, .*$`), "${1}的水库水位区间仅由当前土壤含水量的集合成员推算，未含历史误差，其概率未经率定检验"},
	{regexp.MustCompile(`^no band of the level at (.*): a member of the ensemble has none$`), "${1}无水库水位区间：有集合成员未能算出水位"},
	{regexp.MustCompile(`^the band does not hold the uncertainty of the rain forecast itself: .*$`), "不确定性区间未含降雨预报本身的误差：无集合成员，基础资料亦无rain_spread"},
}

// A release's story is "reservoir <id>: <why>, at most <n> m³/s; from <instant>
// <why>, …".
var (
	releaseStory = regexp.MustCompile(`^reservoir (\S+): (.*)$`)
	releasePart  = regexp.MustCompile(`^(?:from (\S+ \S+) )?(.*), at most (\S+) m³/s(, and so on)?$`)
)

// releasesZH is what sets a release, as forecast/reservoir says it.
var releasesZH = map[string]string{
	"no order, gates closed": "无调度指令，闸门关闭", "no order, release held": "无调度指令，维持现有下泄",
	"no order, inflow passed": "无调度指令，按来水下泄", "no order, level kept": "无调度指令，维持目标水位",
	"as planned": "按调度计划下泄", "raised to the minimum release": "按最小下泄流量（生态流量）控制", "raised by the limit level": "受汛限水位控制",
	"cut by what the river below bears": "受下游安全泄量限制", "set by outlets that cannot be closed": "无控制泄水建筑物自由泄流",
	"cut by the capacity of the outlets": "受泄流能力限制", "cut because the reservoir is empty": "库水已放空至最低水位",
	"reservoir full, water goes over its top": "库满，漫顶泄流",
}

// storyZH writes a release's story in Chinese. It reports false for anything
// else.
func storyZH(phrase string) (string, bool) {
	m := releaseStory.FindStringSubmatch(phrase)
	if m == nil {
		return "", false
	}
	var parts []string
	for part := range strings.SplitSeq(m[2], "; ") {
		p := releasePart.FindStringSubmatch(part)
		if p == nil {
			return "", false
		}
		why := releasesZH[p[2]]
		if place, ok := strings.CutPrefix(p[2], "cut by what the river bears at "); ok {
			why = "受下游" + place + "安全泄量限制"
		}
		if why == "" {
			return "", false
		}
		text := why + "，最大" + p[3] + " m³/s"
		if p[1] != "" {
			text = "自" + p[1] + "起" + text
		}
		if p[4] != "" {
			text += "，余略"
		}
		parts = append(parts, text)
	}
	return "水库" + m[1] + "：" + strings.Join(parts, "，"), true
}

// variablesZH names the variables in Chinese.
var variablesZH = map[string]string{
	"water_level": "水位", "discharge": "流量", "rain": "雨量", "rain_counter": "累计雨量",
	"storage": "蓄水量", "inflow": "入库流量", "outflow": "出库流量", "gate_opening": "闸门开度",
	"pan_evaporation": "蒸发量",
}

// ZH returns the name of v in Chinese.
func (v Variable) ZH() string { return variablesZH[v.String()] }

// andRain stands between the rain forecasts of a run that takes several.
const andRain = "; rain forecast of "

func zh(phrase string) string {
	if story, ok := storyZH(phrase); ok {
		return inBeijing(story)
	}
	if one, others, ok := strings.Cut(phrase, andRain); ok && strings.HasPrefix(phrase, andRain[2:]) {
		return zh(one) + "；" + zh(andRain[2:]+others)
	}
	for _, p := range phrasesZH {
		if p.en.MatchString(phrase) {
			return inBeijing(solved(phrase, p.en.ReplaceAllString(phrase, p.zh)))
		}
	}
	return inBeijing(phrase)
}

// NoteEN writes a note, or another phrase of the honesty line, for people:
// instants in Beijing time.
func NoteEN(note string) string { return inBeijing(note) }

// NoteZH is [NoteEN] in Chinese. What has no Chinese stays as it is.
func NoteZH(note string) string { return zh(note) }

// flagged finds the tests that made a gauge's values unusable.
var flagged = regexp.MustCompile(` \(([a-z_, ]+)\) since `)

// missingZH writes one of MissingGauges, "<station>: [<variable>: ]<reason>".
func missingZH(gauge string) string {
	station, reason, ok := strings.Cut(gauge, ": ")
	if !ok {
		return gauge
	}
	variable := ""
	if v, rest, ok := strings.Cut(reason, ": "); ok && variablesZH[v] != "" {
		variable, reason = variablesZH[v], rest
	}
	reason = flagged.ReplaceAllStringFunc(reason, func(part string) string {
		tests, err := ParseTests(strings.Split(part[2:strings.IndexByte(part, ')')], ", "))
		if err != nil {
			return part
		}
		return "：" + strings.Join(tests.ZH(), "、") + " since "
	})
	return station + variable + "（" + zh(reason) + "）"
}

// HonestyZH is [Forecast.HonestyEN] in Chinese.
func (f *Forecast) HonestyZH() string {
	parts := []string{
		"数据截至北京时间（+08:00）" + beijingTime(f.DataCutoff, "（无）"),
		"雨量站控制流域面积的" + percent(f.RainCoverage),
	}
	if len(f.MissingGauges) == 0 {
		parts = append(parts, "无缺测站")
	} else {
		missing := make([]string, len(f.MissingGauges))
		for i, g := range f.MissingGauges {
			missing[i] = missingZH(g)
		}
		parts = append(parts, "缺测："+strings.Join(missing, "、"))
	}
	var band []string // "<errors>; <rain>" is two phrases
	for p := range strings.SplitSeq(f.BandBasis, "; ") {
		if p != "" {
			band = append(band, zh(p))
		}
	}
	// Plan holds one phrase for each reservoir that has a plan.
	for _, p := range append([]string{f.RainAssumed}, strings.Split(f.Plan, "; ")...) {
		if p != "" {
			parts = append(parts, zh(p))
		}
	}
	if len(band) > 0 {
		parts = append(parts, "不确定性区间依据："+strings.Join(band, "，"))
	}
	for _, p := range f.Notes {
		if p != "" {
			parts = append(parts, zh(p))
		}
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
