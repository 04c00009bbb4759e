package hydro

import (
	"regexp"
	"strings"
)

// reasonsZH are the parts that the reasons of "no solution" are made of, in Chinese.
// A reason may hold another one, so each is replaced wherever it stands, in this order.
var reasonsZH = []struct {
	en *regexp.Regexp
	zh string
}{
	{regexp.MustCompile(`its release is set by what the river bears at (\S+), and what joins on the way is not known: `), "其下泄受下游${1}安全泄量控制，而区间来水未知："},
	{regexp.MustCompile(`runoff at node (\S+): no solution: `), "节点${1}产流无解："},
	{regexp.MustCompile(`(^|[：（ ])reach (\S+): no solution: `), "${1}河段${2}无解："},
	{regexp.MustCompile(`(^|[：（ ])node (\S+): no solution: `), "${1}节点${2}无解："},
	{regexp.MustCompile(`between (\S+ \S+) and (\S+ \S+): `), "${1}至${2}："},
	{regexp.MustCompile(`part (\d+) of (\d+), step (\d+): `), "第${1}段（共${2}段）第${3}步："},
	{regexp.MustCompile(`part (\d+) of (\d+): `), "第${1}段（共${2}段）："},
	{regexp.MustCompile(`sub-basin (\S+): `), "子流域${1}："},
	{regexp.MustCompile(`mct: water of (\S+) m³ with inflow (\S+) m³/s: (\S+) m³ off at a depth of (\S+) m after (\d+) iterations(?:: no convergence)?`), "MCT法：入流${2} m³/s、水量${1} m³，迭代${5}次后水深${4} m处仍差${3} m³，未收敛"},
	{regexp.MustCompile(`normal depth of (\S+) m³/s: more than (\S+) m after (\d+) iterations(?:: no convergence)?`), "流量${1} m³/s的正常水深迭代${3}次后仍大于${2} m，未收敛"},
	{regexp.MustCompile(`normal depth of (\S+) m³/s: between (\S+) and (\S+) m after (\d+) iterations(?:: no convergence)?`), "流量${1} m³/s的正常水深迭代${4}次后仍在${2}至${3} m之间，未收敛"},
	{regexp.MustCompile(`muskingum-cunge: outflow (\S+) m³/s at depth (\S+) m: no convergence`), "马斯京根-康吉法：水深${2} m处出流${1} m³/s，未收敛"},
	{regexp.MustCompile(`nonlinear muskingum: step (\d+): the inflow's part at (\S+) m³/s exceeds the storage of (\S+) m³: no real outflow`), "非线性马斯京根法：第${1}步入流${2} m³/s所占槽蓄超过总槽蓄${3} m³，出流无实数解"},
	{regexp.MustCompile(`nonlinear muskingum: step (\d+): storage of (\S+) m³ after (\S+) m³ at inflow (\S+) m³/s: no real outflow`), "非线性马斯京根法：第${1}步入流${4} m³/s时槽蓄由${3} m³变为${2} m³，出流无实数解"},
	{regexp.MustCompile(`the outlets would empty the reservoir (\S+) times within (\S+) s: the step is too long for it`), "泄流设施在${2}秒内可将水库放空${1}次，计算时段过长"},
	{regexp.MustCompile(`no convergence after (\d+) trials: balance open by (\S+)·10⁶ m³ at a storage of (\S+)·10⁶ m³`), "试算${1}次未收敛：库容${3}·10⁶ m³时水量差${2}·10⁶ m³"},
	{regexp.MustCompile(`reservoir: step (\d+): `), "水库调洪第${1}步："},
	{regexp.MustCompile(`outflow of (\S+) m³/s at (\S+ \S+) with (\S+) m³/s at its head`), "${2}河段出流${1} m³/s（河段首入流${3} m³/s）"},
	{regexp.MustCompile(`discharge at (\S+) is (\S+) m³/s`), "${1}流量为${2} m³/s"},
	{regexp.MustCompile(`(^|[：（ ])runoff is (\S+) m³/s`), "${1}产流为${2} m³/s"},
	{regexp.MustCompile(`(^|[：（ ])flow is (\S+) m³/s`), "${1}流量为${2} m³/s"},
	{regexp.MustCompile(`(^|[：（ ])panic: `), "${1}程序异常："},
	{regexp.MustCompile(`([：（ ])reach (\d+): `), "${1}第${2}河段："},
}

// ReasonZH returns in Chinese why something has no solution, the instants in it in
// UTC as they are. What has no Chinese, e.g. the words of a panic, stays as it is.
func ReasonZH(reason string) string {
	for _, p := range reasonsZH {
		reason = p.en.ReplaceAllString(reason, p.zh)
	}
	return reason
}

// solved translates the reason in a note that tells of no solution.
func solved(phrase, zh string) string {
	if strings.Contains(phrase, "no solution") {
		return ReasonZH(zh)
	}
	return zh
}
