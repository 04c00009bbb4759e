package sl651

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Field is one part of a frame, for people.
type Field struct {
	Offset  int
	Bytes   []byte
	ZH, EN  string // what it is
	Value   string // what it says; "" if its name says all
	ValueEN string // in English, if that differs
}

// An Explanation takes a frame apart for people.
type Explanation struct {
	Mode   Mode
	Length int // of the frame; of what is no frame, of all that could be read
	Fields []Field
	Fault  error // a *Fault or a *BodyFault; nil of a sound frame
	Frame  *Frame
}

// Explain takes the frame that data begins with apart, also a bad one as far as
// it can be read.
func Explain(data []byte) Explanation {
	var (
		f Frame
		n int
	)
	fault := decodeFrame(data, &f, &n)
	x := explainer{data: data, out: Explanation{Length: len(data)}}
	if fault == nil {
		x.out.Length, x.out.Frame = n, &f
	} else {
		x.out.Fault = fault
	}
	if len(data) == 0 || fault != nil && fault.Kind == BadStart {
		return x.out
	}
	x.explain(&f, n)
	return x.out
}

type explainer struct {
	data []byte
	at   int
	out  Explanation
}

// add appends a field of n bytes, or of what is left of them.
func (x *explainer) add(n int, zh, en, value, valueEN string) {
	n = max(0, min(n, len(x.data)-x.at))
	if n == 0 {
		return
	}
	x.out.Fields = append(x.out.Fields, Field{Offset: x.at, Bytes: x.data[x.at : x.at+n], ZH: zh, EN: en, Value: value, ValueEN: valueEN})
	x.at += n
}

func (x *explainer) explain(f *Frame, n int) {
	data := x.data
	unit, head := 1, hexHead // how many bytes one byte of the header takes
	x.out.Mode = Hex
	if data[0] == soh {
		x.out.Mode, unit, head = ASCII, 2, textHead
		x.add(1, "帧起始符 SOH", "start, SOH", "字符编码", "ASCII mode")
	} else {
		x.add(2, "帧起始符", "start", "HEX/BCD 编码", "HEX/BCD mode")
	}
	if len(data) < head {
		x.add(len(data), "报头（不完整）", "header, not complete", "", "")
		return
	}
	direction, length := data[11]>>4, int(data[11]&0x0F)<<8|int(data[12])
	if x.out.Mode == ASCII {
		v, _ := unhexAll(data[19:23])
		direction, length = byte(v>>12), int(v&0xFFF)
	}
	station := func() {
		a := data[x.at:min(len(data), x.at+5*unit)]
		text := string(a)
		if unit == 1 {
			text = hexText(a)
		}
		value := text
		if parsed, err := ParseAddress(text); err == nil {
			value = parsed.String() + "，编码 " + parsed.Code()
			text = parsed.String() + ", code " + parsed.Code()
		}
		x.add(5*unit, "遥测站地址", "station", value, text)
	}
	centre := func() {
		text := string(data[x.at : x.at+unit])
		if unit == 1 {
			text = hexText(data[x.at : x.at+1])
		}
		x.add(unit, "中心站地址", "centre", text, "")
	}
	if direction == 8 {
		station()
		centre()
	} else {
		centre()
		station()
	}
	x.add(2*unit, "密码", "password", "", "")
	var function Function
	if unit == 1 {
		function = Function(data[x.at])
	} else {
		v, _ := unhexAll(data[x.at : x.at+2])
		function = Function(v)
	}
	zh, en := function.Names()
	x.add(unit, "功能码", "function code", function.String()+" "+zh, function.String()+" "+en)
	switch direction {
	case 0:
		x.add(2*unit, "上下行标识及长度", "direction and length", fmt.Sprintf("上行，正文 %d 字节", length), fmt.Sprintf("up, body of %d bytes", length))
	case 8:
		x.add(2*unit, "上下行标识及长度", "direction and length", fmt.Sprintf("下行，正文 %d 字节", length), fmt.Sprintf("down, body of %d bytes", length))
	default:
		x.add(2*unit, "上下行标识及长度", "direction and length", fmt.Sprintf("标识 %X 无效", direction), fmt.Sprintf("direction %X is none", direction))
	}
	start := data[x.at]
	switch start {
	case stx:
		x.add(1, "报文起始符 STX", "start of text, STX", "", "")
	case syn:
		x.add(1, "多包报文起始符 SYN", "start of a packet, SYN", "", "")
	default:
		x.add(1, "报文起始符", "start of text", "无效", "none")
		x.add(len(data), "其余", "the rest", "", "")
		return
	}
	body := x.at + length
	first := true
	if start == syn && length >= 3*unit {
		first = f.Packet == 1 || direction == 8
		x.add(3*unit, "包总数及序列号", "packets and number", fmt.Sprintf("共 %d 包，第 %d 包", f.Packets, f.Packet), fmt.Sprintf("packet %d of %d", f.Packet, f.Packets))
	}
	whole := body <= len(data)
	part := data[x.at:max(x.at, min(body, len(data)))]
	if first {
		x.body(f, part, whole)
	}
	x.add(x.at0(body), "后续数据", "continued data", fmt.Sprintf("%d 字节", max(0, min(body, len(data))-x.at)), fmt.Sprintf("%d bytes", max(0, min(body, len(data))-x.at)))
	if !whole {
		return
	}
	if x.at < len(data) {
		end := End(data[x.at])
		zh, en := endNames(end)
		x.add(1, "报文结束符 "+end.String(), "end mark "+end.String(), zh, en)
	}
	size := 2 * unit
	if n > 0 && x.at+size <= len(data) {
		want := CRC(data[:x.at])
		got, _ := unhexAll([]byte(hexText(data[x.at : x.at+size])))
		if unit == 2 {
			got, _ = unhexAll(data[x.at : x.at+size])
		}
		if uint16(got) == want {
			x.add(size, "校验码", "check", "正确", "right")
		} else {
			x.add(size, "校验码", "check", fmt.Sprintf("错误，应为 %04X", want), fmt.Sprintf("wrong, should be %04X", want))
		}
	}
}

// at0 returns how many bytes there are up to an offset.
func (x *explainer) at0(offset int) int { return max(0, offset-x.at) }

func endNames(e End) (zh, en string) {
	switch e {
	case ETX:
		return "后续无报文", "nothing follows"
	case ETB:
		return "后续有报文", "more follows"
	case ENQ:
		return "询问", "a query or command"
	case ACK:
		return "肯定确认，继续发送", "received, send the next"
	case NAK:
		return "否定应答，反馈重发", "send the packet again"
	case EOT:
		return "传输结束，退出", "received, you may leave"
	case ESC:
		return "传输结束，终端保持在线", "received, stay on line"
	}
	return "无效：长度有误或缺字节", "none: the length is wrong or bytes are missing"
}

// body explains the body of one frame, or of the first packet of several.
func (x *explainer) body(f *Frame, body []byte, whole bool) {
	part := *f
	part.Body, part.Mode = body, x.out.Mode
	m, err := Parse(part)
	unit := 1
	if x.out.Mode == ASCII {
		unit = 2
	}
	if len(body) < 8*unit {
		if x.out.Fault == nil {
			x.out.Fault = err
		}
		return
	}
	x.add(2*unit, "流水号", "serial number", strconv.Itoa(int(m.Serial)), "")
	x.add(6*unit, "发报时间", "sent", m.Sent.String(), "")
	for i := range m.Groups {
		g := &m.Groups[i]
		zh, en, value, valueEN := m.explainGroup(g)
		x.add(len(g.append(nil, m.Mode)), zh, en, value, valueEN)
	}
	if err != nil && whole && f.Packets <= 1 {
		if fault, ok := errors.AsType[*BodyFault](err); ok {
			x.add(len(m.Rest), "无法解析", "cannot be read", fault.Detail, "")
		}
		if x.out.Fault == nil {
			x.out.Fault = err
		}
	}
}

// explainGroup says what a group is and what it says.
func (m *Message) explainGroup(g *Group) (zh, en, value, valueEN string) {
	e, known := m.Meaning(g)
	zh, en = e.ZH, e.EN
	if !known {
		zh, en = "自定义或保留要素", "user defined or reserved"
	}
	if g.Form != Tail && g.Form != Period {
		name := g.ID.String()
		if m.Mode == ASCII {
			name = g.Name
		} else if known && e.Name != name {
			name += " " + e.Name
		}
		zh, en = name+" "+zh, name+" "+en
	}
	same := func(s string) (string, string, string, string) { return zh, en, s, "" }
	switch g.Form {
	case StationID:
		a, class, err := g.Address()
		if err != nil {
			return same(err.Error())
		}
		value, valueEN = a.String(), a.String()
		if class != 0 {
			classZH, classEN := class.Names()
			value += fmt.Sprintf("，类别 %02X %s", byte(class), classZH)
			valueEN += fmt.Sprintf(", class %02X %s", byte(class), classEN)
		}
		return zh, en, value, valueEN
	case Observed:
		s, ok := g.Stamp()
		if !ok {
			return zh, en, "无效", "no time"
		}
		return same(s.String()[:16])
	case Step:
		d, h, n, ok := g.Step()
		if !ok {
			return zh, en, "无效", "none"
		}
		if d+h+n == 0 {
			return zh, en, "0：其后为 1 小时组合数据", "0: twelve values of an hour follow"
		}
		return zh, en, fmt.Sprintf("%d 日 %d 时 %d 分", d, h, n), fmt.Sprintf("%d d %d h %d min", d, h, n)
	case Series:
		words := []string{}
		for _, v := range g.Values() {
			words = append(words, orMissing(v))
		}
		return same(strings.Join(words, " ") + " " + e.Unit)
	case Rains, Levels:
		v, ok, err := g.Slots()
		if err != nil {
			return same(err.Error())
		}
		text := joinSlots(v, ok, 10, 1)
		if g.Form == Levels {
			text = joinSlots(v, ok, 100, 2)
		}
		if g.Name == "" && int(g.Def>>3) != len(g.Data) {
			return zh, en, text + fmt.Sprintf(" %s（数据定义 %02X 有误，按 %d 字节解析）", e.Unit, g.Def, len(g.Data)), text + fmt.Sprintf(" %s (definition byte %02X is wrong, read as %d bytes)", e.Unit, g.Def, len(g.Data))
		}
		return same(text + " " + e.Unit)
	case Text:
		return same(strconv.Quote(string(g.Data)))
	case Image, Batch:
		return zh, en, fmt.Sprintf("%d 字节", len(g.Data)), fmt.Sprintf("%d bytes", len(g.Data))
	case Identifier:
		return same("")
	case Period:
		return "起止时间", "from and to", hexOrText(g, m.Mode), ""
	case Tail:
		value, valueEN = m.tailText(g)
		return "数据", "data", value, valueEN
	case Value:
	}
	if g.ID == idStatus && !m.Function.parameters() {
		if bits, ok := g.Status(); ok {
			z, e := statusNames(bits)
			return zh, en, fmt.Sprintf("%08X %s", bits, z), fmt.Sprintf("%08X %s", bits, e)
		}
	}
	v, err := g.Number()
	switch {
	case errors.Is(err, ErrNoValue):
		return zh, en, "无数据", "no value"
	case err != nil:
		return same(hexOrText(g, m.Mode))
	}
	if g.Name == "" {
		return same(strings.TrimSpace(strconv.FormatFloat(v, 'f', int(g.Def&7), 64) + " " + e.Unit))
	}
	return same(strings.TrimSpace(string(g.Data) + " " + e.Unit))
}

func orMissing(v float64) string {
	if v != v {
		return "-"
	}
	return formatNumber(v)
}

func hexOrText(g *Group, mode Mode) string {
	if mode == ASCII {
		return strconv.QuoteToASCII(string(g.Data))
	}
	return hexText(g.Data)
}

// statusBits are the bits that say something is wrong, and what [std table 58].
var statusBits = []struct {
	bit    uint
	set    bool // wrong when set, else when not
	zh, en string
}{
	{0, true, "停电", "mains off"},
	{1, true, "电池电压低", "battery low"},
	{2, true, "水位超限", "level alarm"},
	{3, true, "流量超限", "flow alarm"},
	{4, true, "水质超限", "water quality alarm"},
	{5, true, "流量仪表故障", "flow meter fault"},
	{6, true, "水位仪表故障", "level meter fault"},
	{7, false, "箱门开启", "door open"},
	{8, true, "存储器异常", "memory fault"},
	{10, true, "水泵停机", "pump stopped"},
	{11, true, "剩余水量超限", "volume left alarm"},
}

func statusNames(bits uint32) (zh, en string) {
	var z, e []string
	for _, s := range statusBits {
		if bits>>s.bit&1 == 1 == s.set {
			z, e = append(z, s.zh), append(e, s.en)
		}
	}
	return strings.Join(z, "、"), strings.Join(e, ", ")
}
