package sl651

import (
	"fmt"
	"strconv"
	"strings"
)

// A Named is one value of data that have no identifiers: of pumps, valves, gates,
// the software version and the record of events.
type Named struct {
	ZH, EN  string
	Value   string
	ValueEN string // if it differs
}

// events are the kinds of events that are counted [std table 82].
var events = [][2]string{
	{"历史数据初始化", "memory cleared"},
	{"参数变更", "parameters changed"},
	{"状态量变位", "status changed"},
	{"传感器及仪表故障", "sensor faults"},
	{"密码修改", "password changed"},
	{"终端故障", "station faults"},
	{"交流失电", "mains lost"},
	{"蓄电池电压低", "battery low"},
	{"终端箱非法打开", "box opened"},
	{"水泵故障", "pump faults"},
	{"剩余水量超限", "volume left alarms"},
	{"水位超限", "level alarms"},
	{"水压超限", "pressure alarms"},
	{"水质参数超限", "water quality alarms"},
	{"数据出错", "data errors"},
	{"发报文", "messages sent"},
	{"收报文", "messages received"},
	{"发报文出错", "errors of sending"},
}

// Named takes the data of a Tail apart, as the function code says; nil if they do
// not have its form. In ASCII mode they are hexadecimal characters.
func (m *Message) Named(g *Group) []Named {
	if g.Form != Tail {
		return nil
	}
	data := g.Data
	if m.Mode == ASCII {
		text := strings.TrimRight(string(data), " ")
		if len(text)%2 != 0 {
			return nil
		}
		data = make([]byte, len(text)/2)
		for i := range data {
			v, ok := unhexAll([]byte(text[2*i : 2*i+2]))
			if !ok {
				return nil
			}
			data[i] = byte(v)
		}
	}
	if len(data) == 0 {
		return nil
	}
	n := int(data[0])
	switch m.Function {
	case QueryVersion:
		if len(data) != 1+n {
			return nil
		}
		return []Named{{ZH: "软件版本", EN: "software version", Value: strconv.Quote(string(data[1:]))}}
	case ControlPumps:
		return switches(data, "号泵", "pump", "开", "关", "on", "off")
	case ControlValves:
		return switches(data, "号阀门", "valve", "开", "关", "open", "shut")
	case ControlGates:
		return gates(data, n)
	case ControlVolume:
		if len(data) == 1 && (n == 0 || n == 0xFF) {
			on := n == 0xFF
			return []Named{{ZH: "定值控制", EN: "fixed-volume control", Value: either(on, "投入", "退出"), ValueEN: either(on, "on", "off")}}
		}
	case QueryEvents:
		if len(data) != 64 {
			return nil
		}
		var out []Named
		for i, e := range events {
			if count := int(data[2*i])<<8 | int(data[2*i+1]); count > 0 {
				out = append(out, Named{ZH: fmt.Sprintf("ERC%d %s", i+1, e[0]), EN: fmt.Sprintf("ERC%d %s", i+1, e[1]), Value: strconv.Itoa(count)})
			}
		}
		return out
	default:
	}
	return nil
}

// switches reads how many bytes follow and a bit for each pump or valve.
func switches(data []byte, zh, en, onZH, offZH, onEN, offEN string) []Named {
	if len(data) != 1+int(data[0]) {
		return nil
	}
	out := make([]Named, 0, 8*len(data))
	for i := range 8 * (len(data) - 1) {
		on := data[1+i/8]>>(i%8)&1 == 1
		out = append(out, Named{ZH: fmt.Sprintf("%d%s", i+1, zh), EN: fmt.Sprintf("%s %d", en, i+1), Value: either(on, onZH, offZH), ValueEN: either(on, onEN, offEN)})
	}
	return out
}

// gates reads how many gates there are, a bit for each, and the openings in cm.
func gates(data []byte, n int) []Named {
	skip := 1 + (n+7)/8
	if len(data) != skip && len(data) != skip+2*n {
		return nil
	}
	out := make([]Named, 0, n)
	for i := range n {
		open := data[1+i/8]>>(i%8)&1 == 1
		g := Named{ZH: fmt.Sprintf("%d号闸门", i+1), EN: fmt.Sprintf("gate %d", i+1), Value: either(open, "开", "关"), ValueEN: either(open, "open", "shut")}
		if len(data) > skip {
			height := "-"
			if v, err := number(data[skip+2*i:skip+2*i+2], 2); err == nil {
				height = strconv.FormatFloat(v, 'f', 2, 64) + " m"
			}
			g.Value += " " + height
			g.ValueEN += " " + height
		}
		out = append(out, g)
	}
	return out
}

func either(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// tailText writes what a Tail says in one line.
func (m *Message) tailText(g *Group) (zh, en string) {
	named := m.Named(g)
	if named == nil {
		raw := hexOrText(g, m.Mode)
		return raw, raw
	}
	var z, e []string
	for _, n := range named {
		valueEN := n.ValueEN
		if valueEN == "" {
			valueEN = n.Value
		}
		z, e = append(z, n.ZH+" "+n.Value), append(e, n.EN+" "+valueEN)
	}
	return strings.Join(z, "，"), strings.Join(e, ", ")
}
