package scenario

// story is what goes wrong, by hour after the start. The last step is hour 96,
// so that a fault to hour 97 lasts to the end.
var story = []struct {
	station  string
	kind     FaultKind
	from, to float64
	by       float64 // spike: m or mm; late: h until the packets arrive, from the first of them
	zh, en   string
}{
	{"h-hezailang", Stuck, 20, 50, 0, "水位计卡住，水位不变", "the level gauge is stuck"},
	{"h-shizui", Silent, 30, 35, 0, "通信中断五小时", "silent for five hours"},
	{"h-shizui", Silent, 60, 97, 0, "再次中断，未恢复", "silent again, for good"},
	{"w-longsheng", Silent, 26, 97, 0, "雨量站遭雷击，无数据", "struck by lightning, silent for good"},
	{"h-sanbu", WrongDatum, 10, 70, 0, "网关误标为1985国家高程基准", "its gateway labels levels NATIONAL_1985, which the station does not declare"},

	{"h-enping", Spike, 19, 19.01, 1.6, "水位跳变 +1.60 m", "level off by +1.60 m, once"},
	{"h-changsha", Spike, 23, 23.01, 3.0, "水位跳变 +3.00 m", "level off by +3.00 m, once"},
	{"h-puqiao", Spike, 41, 41.01, -1.2, "水位跳变 -1.20 m", "level off by -1.20 m, once"},
	{"h-yamen", Spike, 51, 51.01, 1.1, "潮位跳变 +1.10 m", "tide off by +1.10 m, once"},
	{"r-jinjiang", Spike, 18, 18.01, 4.0, "库水位跳变 +4.00 m", "reservoir level off by +4.00 m, once"},
	{"w-shahu", Spike, 12, 12.01, 85, "五分钟雨量误报 85 mm", "85 mm in five minutes, reported in error"},

	{"w-niujiang", Gap, 12, 12.5, 0, "缺报半小时", "reports missing for half an hour"},
	{"h-enping", Gap, 61, 61.34, 0, "缺报二十分钟", "reports missing for twenty minutes"},

	{"h-puqiao", Late, 29, 30.5, 1.5, "数据积压，迟到", "packets held up, all arrive at hour 30.5"},
	{"w-chikan", Late, 26.5, 28, 3, "数据积压三小时", "packets held up, all arrive at hour 29.5"},

	{"h-changsha", Duplicate, 34, 36, 0, "断线后重发两小时数据", "two hours sent again after a broken link, at hour 36"},

	{"h-taicheng", Sentinel, 13, 13.26, 0, "水位报 9999.999", "level reported as 9999.999"},
	{"w-dasha", Sentinel, 6, 6.26, 0, "雨量报缺测码", "rain reported as the code for no value"},

	{"h-yueshan", CounterReset, 41, 41.01, 0, "检修后雨量计清零", "the rain counter is set to zero after maintenance"},
}

// converted is the stretch in which the gateway of h-enping sends levels on
// NATIONAL_1985, which the station declares: they are to be converted, not
// refused.
var converted = struct {
	station  string
	from, to float64
	offset   float64
}{"h-enping", 5, 8, 0.744}
