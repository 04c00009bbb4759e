package sl651

import (
	"encoding/hex"
	"fmt"
	"strings"

	"freshet/internal/hydro"
)

// A Mode is how a system writes its frames. One system uses one of the two, and
// the first byte tells them apart.
type Mode uint8

// The modes.
const (
	Hex   Mode = iota // HEX/BCD, begins with 7E 7E
	ASCII             // characters, begins with SOH
)

func (m Mode) String() string {
	if m == ASCII {
		return "ASCII"
	}
	return "HEX/BCD"
}

// The control characters.
const (
	soh = 0x01 // begins a frame in ASCII mode
	tag = 0x7E // twice: begins a frame in HEX/BCD mode
	stx = 0x02 // begins the body
	syn = 0x16 // begins the body of one packet of several
)

// An End is the control character that ends a frame's body.
type End uint8

// The ends. The first two are a station's, the others the centre's.
const (
	ETX End = 0x03 // nothing follows
	ETB End = 0x17 // more follows
	ENQ End = 0x05 // a query or a command
	ACK End = 0x06 // received, send the next
	NAK End = 0x15 // send the packet again
	EOT End = 0x04 // received, you may leave
	ESC End = 0x1B // received, stay on line
)

func (e End) String() string {
	switch e {
	case ETX:
		return "ETX"
	case ETB:
		return "ETB"
	case ENQ:
		return "ENQ"
	case ACK:
		return "ACK"
	case NAK:
		return "NAK"
	case EOT:
		return "EOT"
	case ESC:
		return "ESC"
	}
	return fmt.Sprintf("%02X", uint8(e))
}

// known reports whether e may end a frame. Stations that end with a mark of the
// centre's are heard all the same: the check has already said that the byte is
// what was sent.
func (e End) known() bool {
	switch e {
	case ETX, ETB, ENQ, ACK, NAK, EOT, ESC:
		return true
	}
	return false
}

// An Address names a station: five bytes A5 to A1. They are no number: real
// stations have letters in them.
type Address [5]byte

// ParseAddress reads ten hexadecimal digits, or the eight characters of a
// hydrological station's code.
func ParseAddress(s string) (a Address, err error) {
	full := s
	if len(s) == 8 {
		full = "00" + s
	}
	if len(full) != 10 {
		return a, fmt.Errorf("address %q: write its ten hexadecimal digits, or the eight of a hydrological station's code: %w", s, hydro.ErrInvalid)
	}
	if _, err := hex.Decode(a[:], []byte(full)); err != nil {
		return a, fmt.Errorf("address %q: %w: %w", s, err, hydro.ErrInvalid)
	}
	return a, nil
}

const upperHex = "0123456789ABCDEF"

func (a Address) String() string {
	var b [10]byte
	for i, x := range a {
		b[2*i], b[2*i+1] = upperHex[x>>4], upperHex[x&15]
	}
	return string(b[:])
}

// Hydrological reports whether the address holds the eight characters of SL 502.
func (a Address) Hydrological() bool { return a[0] == 0 }

// Code returns the station's code as people know it: eight characters of a
// hydrological station; else the six digits of the administrative division and
// the number in it, six digits.
func (a Address) Code() string {
	if a.Hydrological() {
		return a.String()[2:]
	}
	return fmt.Sprintf("%s%06d", a.String()[:6], int(a[3])<<8|int(a[4]))
}

// A Class is the kind of a station.
type Class byte

var classes = map[Class][2]string{
	'P': {"降水", "rain"}, 'H': {"河道", "river"}, 'K': {"水库（湖泊）", "reservoir or lake"}, 'Z': {"闸坝", "gate or dam"}, 'D': {"泵站", "pumping station"},
	'T': {"潮汐", "tide"}, 'M': {"墒情", "soil moisture"}, 'G': {"地下水", "groundwater"}, 'Q': {"水质", "water quality"}, 'I': {"取水口", "intake"}, 'O': {"排水口", "outlet"},
}

// Names returns what the class is called; "" if the standard does not name it.
func (c Class) Names() (zh, en string) { n := classes[c]; return n[0], n[1] }

// dammed reports whether a station of the class measures its level above a dam
// or gate, as element 3B.
func (c Class) dammed() bool { return c == 'K' || c == 'Z' || c == 'D' }

// A Function is a frame's function code.
type Function uint8

// The function codes that the code of this project names.
const (
	KeepAlive     Function = 0x2F
	Test          Function = 0x30
	Uniform       Function = 0x31
	Timer         Function = 0x32
	ExtraReport   Function = 0x33
	Hourly        Function = 0x34
	Manual        Function = 0x35
	Picture       Function = 0x36
	QueryNow      Function = 0x37
	QueryPeriod   Function = 0x38
	QueryManual   Function = 0x39
	QueryElements Function = 0x3A
	WriteBasic    Function = 0x40
	ReadBasic     Function = 0x41
	WriteRunning  Function = 0x42
	ReadRunning   Function = 0x43
	QueryPumps    Function = 0x44
	QueryVersion  Function = 0x45
	QueryStatus   Function = 0x46
	ClearMemory   Function = 0x47
	FactoryReset  Function = 0x48
	SetPassword   Function = 0x49
	SetClock      Function = 0x4A
	SetCard       Function = 0x4B
	ControlPumps  Function = 0x4C
	ControlValves Function = 0x4D
	ControlGates  Function = 0x4E
	ControlVolume Function = 0x4F
	QueryEvents   Function = 0x50
	QueryClock    Function = 0x51
)

var functions = map[Function][2]string{
	KeepAlive: {"链路维持报", "keep-alive"}, Test: {"测试报", "test report"}, Uniform: {"均匀时段水文信息报", "report of equal intervals"},
	Timer: {"定时报", "timer report"}, ExtraReport: {"加报报", "extra report"}, Hourly: {"小时报", "hourly report"}, Manual: {"人工置数报", "manual report"},
	Picture: {"图片报", "picture"}, QueryNow: {"查询实时数据", "query of the present values"}, QueryPeriod: {"查询时段数据", "query of a period"},
	QueryManual: {"查询人工置数", "query of manual data"}, QueryElements: {"查询指定要素", "query of given elements"},
	WriteBasic: {"修改基本配置表", "write basic configuration"}, ReadBasic: {"读取基本配置表", "read basic configuration"},
	WriteRunning: {"修改运行参数配置表", "write running parameters"}, ReadRunning: {"读取运行参数配置表", "read running parameters"},
	QueryPumps: {"查询水泵电机实时工作数据", "query of pump motors"}, QueryVersion: {"查询软件版本", "query of the software version"},
	QueryStatus: {"查询状态和报警信息", "query of status and alarms"}, ClearMemory: {"初始化固态存储数据", "clear the memory"},
	FactoryReset: {"恢复出厂设置", "factory reset"}, SetPassword: {"修改密码", "change the password"}, SetClock: {"设置时钟", "set the clock"},
	SetCard: {"设置 IC 卡状态", "set the IC card's state"}, ControlPumps: {"控制水泵/水泵状态", "pumps"}, ControlValves: {"控制阀门/阀门状态", "valves"},
	ControlGates: {"控制闸门/闸门状态", "gates"}, ControlVolume: {"水量定值控制", "fixed-volume control"}, QueryEvents: {"查询事件记录", "query of events"},
	QueryClock: {"查询时钟", "query of the clock"},
}

// Names returns what the function is called.
func (f Function) Names() (zh, en string) {
	if n, ok := functions[f]; ok {
		return n[0], n[1]
	}
	if f >= 0xE0 {
		return "用户自定义", "user defined"
	}
	return "保留", "reserved"
}

func (f Function) String() string { return fmt.Sprintf("%02X", uint8(f)) }

// classed reports whether the address group of a station's message carries its
// class: the reports and what answers queries for values do, the answers to
// settings do not.
func (f Function) classed() bool { return f < WriteBasic || f == QueryPumps }

// parameters reports whether the groups are of the parameter tables and not
// elements.
func (f Function) parameters() bool {
	return f >= WriteBasic && f <= ReadRunning || f == SetPassword || f == ClearMemory || f == FactoryReset
}

// identifiers reports whether the centre's query lists identifiers without data.
func (f Function) identifiers() bool {
	return f == QueryElements || f == ReadBasic || f == ReadRunning
}

// tailed reports whether the body ends with data that have no identifier.
func (f Function) tailed(down bool) bool {
	switch f {
	case ControlPumps, ControlValves, ControlGates, ControlVolume:
		return true
	case QueryVersion, QueryEvents:
		return !down
	default:
		return false
	}
}

// series reports whether the groups are one identifier and then its values, one
// after the other.
func (f Function) series() bool { return f == Uniform || f == QueryPeriod }

// Queries reports whether f is a question or command of the centre, which a
// station answers with its message: it is not acknowledged.
func (f Function) Queries() bool { return f >= QueryNow && f <= QueryClock }

func hexText(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }
