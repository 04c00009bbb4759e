package sl651

import (
	"fmt"
	"slices"
)

// An Element is what an identifier means.
type Element struct {
	ID       ID
	Name     string // in ASCII mode
	ZH, EN   string
	Unit     string
	Digits   int // as the standard writes the number; stations may send others
	Decimals int
}

// Bytes returns how many bytes of BCD the element's number needs.
func (e *Element) Bytes() int { return (e.Digits + 1) / 2 }

// ElementOf returns what an identifier means in a message that carries elements.
func ElementOf(id ID) (*Element, bool) {
	i, ok := slices.BinarySearchFunc(elements, id, func(e Element, id ID) int { return int(e.ID) - int(id) })
	if !ok {
		return nil, false
	}
	return &elements[i], true
}

// ElementNamed returns the element of an ASCII name or of an identifier in
// hexadecimal digits, such as "Z", "39" and "FF11". Of the extended identifiers,
// which users define, and of the reserved ones, it knows no more than that.
func ElementNamed(s string) (ID, bool) {
	if id, ok := byName[s]; ok {
		return id, true
	}
	id := idOf(s, true)
	return id, id != 0
}

// elements is table C.1 [std], ascending by identifier.
var elements = func() []Element {
	e := []Element{
		{0x01, "AC", "断面面积", "cross-section", "m²", 8, 2},
		{0x02, "AI", "瞬时气温", "air temperature", "°C", 3, 1},
		{0x03, "C", "瞬时水温", "water temperature", "°C", 3, 1},
		{0x04, "DRxnn", "时间步长码", "time step", "d h min", 6, 0},
		{0x05, "DT", "时段长", "duration", "HH.mm", 4, 2},
		{0x06, "ED", "日蒸发量", "evaporation of the day", "mm", 5, 1},
		{0x07, "EJ", "当前蒸发", "evaporation since the day began", "mm", 5, 1},
		{0x08, "FL", "气压", "air pressure", "hPa", 5, 0},
		{0x09, "GH", "闸门开启高度", "gate opening", "m", 5, 2},
		{0x0A, "GN", "闸门（组）编号", "number of the gate", "", 3, 0},
		{0x0B, "GS", "输水设备类别", "kind of outlet", "", 1, 0},
		{0x0C, "GT", "闸门开启孔数", "gates open", "", 3, 0},
		{0x0D, "GTP", "地温", "soil temperature", "°C", 3, 1},
		{0x0E, "H", "地下水瞬时埋深", "depth to groundwater", "m", 6, 2},
		{0x0F, "HW", "波浪高度", "wave height", "m", 5, 2},
		{0x18, "MST", "湿度", "humidity", "%", 4, 1},
		{0x19, "NS", "开机台数", "pumps running", "", 2, 0},
		{0x1A, "P1", "1小时时段降水量", "rain of 1 h", "mm", 5, 1},
		{0x1B, "P2", "2小时时段降水量", "rain of 2 h", "mm", 5, 1},
		{0x1C, "P3", "3小时时段降水量", "rain of 3 h", "mm", 5, 1},
		{0x1D, "P6", "6小时时段降水量", "rain of 6 h", "mm", 5, 1},
		{0x1E, "P12", "12小时时段降水量", "rain of 12 h", "mm", 5, 1},
		{0x1F, "PD", "日降水量", "rain of the day", "mm", 5, 1},
		{0x20, "PJ", "当前降水量", "rain since the day began", "mm", 5, 1},
		{0x21, "PN01", "1分钟时段降水量", "rain of 1 min", "mm", 5, 1},
		{0x22, "PN05", "5分钟时段降水量", "rain of 5 min", "mm", 5, 1},
		{0x23, "PN10", "10分钟时段降水量", "rain of 10 min", "mm", 5, 1},
		{0x24, "PN30", "30分钟时段降水量", "rain of 30 min", "mm", 5, 1},
		{0x25, "PR", "暴雨量", "rain of the storm", "mm", 5, 1},
		{0x26, "PT", "降水量累计值", "cumulative rain", "mm", 6, 1},
		{0x27, "Q", "瞬时流量", "discharge", "m³/s", 9, 3},
		{0x30, "QA", "总出库流量", "total outflow", "m³/s", 9, 3},
		{0x31, "QZ", "过闸流量", "flow through the gates", "m³/s", 9, 3},
		{0x32, "SW", "输沙量", "sediment load", "10⁴ t", 11, 3},
		{0x33, "UC", "风向", "wind direction", "1-16", 2, 0},
		{0x34, "UE", "风力", "wind force", "", 2, 0},
		{0x35, "US", "风速", "wind speed", "m/s", 4, 1},
		{0x36, "VA", "断面平均流速", "mean velocity", "m/s", 5, 3},
		{0x37, "VJ", "当前瞬时流速", "velocity", "m/s", 5, 3},
		{0x38, "VT", "电源电压", "supply voltage", "V", 4, 2},
		{0x39, "Z", "瞬时河道水位、潮位", "water level of river or tide", "m", 7, 3},
		{0x3A, "ZB", "库（闸、站）下水位", "water level below the dam", "m", 7, 3},
		{0x3B, "ZU", "库（闸、站）上水位", "water level above the dam", "m", 7, 3},
		{0x44, "SQ", "含沙量", "sediment concentration", "kg/m³", 9, 3},
		{0x45, "ZT", "状态及报警信息", "status and alarms", "", 0, 0},
		{0x46, "pH", "pH 值", "pH", "", 4, 2},
		{0x47, "DO", "溶解氧", "dissolved oxygen", "mg/l", 4, 1},
		{0x48, "COND", "电导率", "conductivity", "µS/cm", 5, 0},
		{0x49, "TURB", "浊度", "turbidity", "", 3, 0},
		{0x4A, "CODMN", "高锰酸盐指数", "permanganate index", "mg/l", 4, 1},
		{0x4B, "REDOX", "氧化还原电位", "redox potential", "mV", 5, 1},
		{0x4C, "NH4N", "氨氮", "ammonia nitrogen", "mg/l", 6, 2},
		{0x4D, "TP", "总磷", "phosphorus", "mg/l", 5, 3},
		{0x4E, "TN", "总氮", "nitrogen", "mg/l", 5, 2},
		{0x4F, "TOC", "总有机碳", "organic carbon", "mg/l", 4, 2},
		{0x50, "CU", "铜", "copper", "mg/l", 7, 4},
		{0x51, "ZN", "锌", "zinc", "mg/l", 6, 4},
		{0x52, "SE", "硒", "selenium", "mg/l", 7, 5},
		{0x53, "AS", "砷", "arsenic", "mg/l", 7, 5},
		{0x54, "THG", "总汞", "mercury", "mg/l", 7, 5},
		{0x55, "CD", "镉", "cadmium", "mg/l", 7, 5},
		{0x56, "PB", "铅", "lead", "mg/l", 7, 5},
		{0x57, "CHLA", "叶绿素a", "chlorophyll a", "mg/l", 4, 2},
		{idObserved, "TT", "观测时间", "observed at", "", 10, 0},
		{idStation, "ST", "测站编码", "station", "", 10, 0},
		{idText, "RGZS", "人工置数", "manual data", "", 0, 0},
		{idImage, "PIC", "图片信息", "picture", "", 0, 0},
		{idRains, "DRP", "1小时内每5分钟时段雨量", "12 five-minute rains", "mm", 0, 1},
		{idBatch, "DATA", "流速批量数据", "flow velocities", "", 0, 0},
	}
	for i, depth := range []int{10, 20, 30, 40, 50, 60, 80, 100} {
		e = append(e, Element{ID(0x10 + i), fmt.Sprintf("M%d", depth), fmt.Sprintf("%d厘米处土壤含水量", depth), fmt.Sprintf("soil moisture at %d cm", depth), "%", 4, 1})
	}
	for i, phase := range []string{"A", "B", "C"} {
		e = append(e,
			Element{ID(0x70 + i), "VT" + phase, "交流" + phase + "相电压", "voltage of phase " + phase, "V", 4, 1},
			Element{ID(0x73 + i), "VI" + phase, "交流" + phase + "相电流", "current of phase " + phase, "A", 4, 1})
	}
	for i := range 8 {
		n := i + 1
		e = append(e,
			Element{ID(0x28 + i), fmt.Sprintf("Q%d", n), fmt.Sprintf("取（排）水口流量%d", n), fmt.Sprintf("flow of intake %d", n), "m³/s", 9, 3},
			Element{ID(0x3C + i), fmt.Sprintf("Z%d", n), fmt.Sprintf("取（排）水口水位%d", n), fmt.Sprintf("water level of intake %d", n), "m", 7, 3},
			Element{ID(0x58 + i), fmt.Sprintf("WP%d", n), fmt.Sprintf("水压%d", n), fmt.Sprintf("water pressure %d", n), "kPa", 5, 2},
			Element{ID(0x60 + i), fmt.Sprintf("SYL%d", n), fmt.Sprintf("水表%d剩余水量", n), fmt.Sprintf("volume left of meter %d", n), "m³", 11, 3},
			Element{ID(0x68 + i), fmt.Sprintf("SBL%d", n), fmt.Sprintf("水表%d每小时水量", n), fmt.Sprintf("hourly volume of meter %d", n), "m³/h", 10, 2},
			Element{idLevels1 + ID(i), fmt.Sprintf("DRZ%d", n), fmt.Sprintf("1小时内5分钟间隔相对水位%d", n), fmt.Sprintf("12 relative levels, channel %d", n), "m", 0, 2})
	}
	slices.SortFunc(e, func(a, b Element) int { return int(a.ID) - int(b.ID) })
	return e
}()

var byName = func() map[string]ID {
	m := map[string]ID{}
	for _, e := range elements {
		if e.ID != idStep {
			m[e.Name] = e.ID
		}
	}
	return m
}()

// The running parameters that this project sets or shows by name [std D.4].
const (
	ParamTimer       ID = 0x20 // interval of timer reports, h
	ParamExtra       ID = 0x21 // interval of extra reports by time, min; 0: none
	ParamDayStart    ID = 0x22 // hour at which the day of rain begins
	ParamSampling    ID = 0x23 // s
	ParamLevelStore  ID = 0x24 // min
	ParamRainStep    ID = 0x25 // of the rain gauge, mm
	ParamRainTrigger ID = 0x27 // mm
	ParamBase1       ID = 0x28 // base level of channel 1, m; 29 to 2F those of 2 to 8
	paramClear       ID = 0x97
	paramReset       ID = 0x98
)

var runningParameters = func() map[ID]Element {
	m := map[ID]Element{}
	add := func(id ID, zh, en, unit string, digits, decimals int) {
		m[id] = Element{ID: id, Name: fmt.Sprintf("%02X", uint8(id)), ZH: zh, EN: en, Unit: unit, Digits: digits, Decimals: decimals}
	}
	add(ParamTimer, "定时报时间间隔", "interval of timer reports", "h", 2, 0)
	add(ParamExtra, "加报时间间隔", "interval of extra reports", "min", 2, 0)
	add(ParamDayStart, "降水量日起始时间", "hour at which the day of rain begins", "h", 2, 0)
	add(ParamSampling, "采样间隔", "sampling interval", "s", 4, 0)
	add(ParamLevelStore, "水位数据存储间隔", "interval of stored levels", "min", 2, 0)
	add(ParamRainStep, "雨量计分辨力", "resolution of the rain gauge", "mm", 2, 1)
	add(0x26, "水位计分辨力", "resolution of the level gauge", "cm", 2, 1)
	add(ParamRainTrigger, "雨量加报阈值", "rain that triggers an extra report", "mm", 2, 0)
	for i := range 8 {
		n := i + 1
		add(ParamBase1+ID(i), fmt.Sprintf("水位基值%d", n), fmt.Sprintf("base level %d", n), "m", 7, 3)
		add(0x30+ID(i), fmt.Sprintf("水位修正基值%d", n), fmt.Sprintf("level correction %d", n), "m", 5, 3)
		add(0x38+ID(i), fmt.Sprintf("加报水位%d", n), fmt.Sprintf("level for extra reports %d", n), "m", 4, 2)
	}
	add(0x40, "加报水位以上加报阈值", "step above the level for extra reports", "m", 3, 2)
	add(0x41, "加报水位以下加报阈值", "step below the level for extra reports", "m", 3, 2)
	add(0x42, "流量加报阈值", "flow step for extra reports", "m³/s", 6, 3)
	add(0x43, "流速加报阈值", "velocity step for extra reports", "m/s", 5, 3)
	add(0x44, "闸位加报阈值", "gate step for extra reports", "m", 3, 2)
	add(paramClear, "固态存储数据初始化", "clear the memory", "", 0, 0)
	add(paramReset, "恢复出厂设置", "factory reset", "", 0, 0)
	return m
}()

var basicParameters = func() map[ID]Element {
	m := map[ID]Element{}
	for i, n := range [][2]string{
		{"中心站地址", "centre addresses"},
		{"遥测站地址", "station address"},
		{"密码", "password"},
		{"中心站1主信道", "main channel of centre 1"},
		{"中心站1备用信道", "spare channel of centre 1"},
		{"中心站2主信道", "main channel of centre 2"},
		{"中心站2备用信道", "spare channel of centre 2"},
		{"中心站3主信道", "main channel of centre 3"},
		{"中心站3备用信道", "spare channel of centre 3"},
		{"中心站4主信道", "main channel of centre 4"},
		{"中心站4备用信道", "spare channel of centre 4"},
		{"工作方式", "way of working"},
		{"采集要素设置", "elements measured"},
		{"中继站服务地址范围", "addresses that the relay serves"},
		{"通信设备识别号", "number of the modem"},
	} {
		id := ID(i + 1)
		m[id] = Element{ID: id, Name: fmt.Sprintf("%02X", uint8(id)), ZH: n[0], EN: n[1]}
	}
	return m
}()

// Meaning returns what the group's identifier means in m.
func (m *Message) Meaning(g *Group) (Element, bool) {
	switch {
	case !m.Function.parameters() || g.Form == StationID:
		if e, ok := ElementOf(g.ID); ok {
			return *e, true
		}
	case m.Function == WriteBasic || m.Function == ReadBasic || m.Function == SetPassword:
		e, ok := basicParameters[g.ID]
		return e, ok
	default:
		e, ok := runningParameters[g.ID]
		return e, ok
	}
	return Element{}, false
}
