package sl651

import (
	"bytes"
	"fmt"

	"freshet/internal/hydro"
)

// A Message is what one side told the other: the header of its frame, and the
// body taken apart into groups. Groups keep the bytes as they came.
type Message struct {
	Mode     Mode
	Down     bool
	Centre   uint8
	Station  Address
	Password uint16
	Function Function
	Packets  uint16 // of how many packets it was put together; 0: one frame
	Packet   uint16 // of the centre's answer to packets: which one it is about
	End      End

	Serial uint16
	Sent   Stamp
	Groups []Group
	Rest   []byte // what could not be read, after Groups; empty of a sound message

	headless bool // Rest is the whole body: not even serial number and send time could be read
}

// A Form says how a group's data are to be read.
type Form uint8

// The forms of groups.
const (
	Value      Form = iota + 1 // one number of an element or parameter, or bits
	StationID                  // F1 F1: whose data follow
	Observed                   // F0 F0: when they were observed
	Step                       // 04 18: time step of a series
	Series                     // values of one element, one after the other
	Rains                      // F4: 12 five-minute rains, 1 byte each
	Levels                     // F5 to FC: 12 relative levels, 2 bytes each
	Text                       // F2 F2: manual data, the rest of the body
	Image                      // F3 F3: a picture, the rest of the body
	Batch                      // FD F6: flow velocities, the rest of the body
	Identifier                 // an identifier without data, in a query
	Period                     // the hours from and to of a query, without identifier
	Tail                       // data without identifier, as the function code says
)

// A Group is an identifier and its data. Of ASCII mode, Name and Data are
// characters.
type Group struct {
	Form Form
	ID   ID
	Def  byte   // definition byte: upper 5 bits bytes of data, lower 3 decimals
	Name string // as written in ASCII mode; of a Series all names
	Data []byte
}

// An ID names an element or parameter: its leader byte, or FF and one more byte
// as 0xFF00 and that byte. 0 is one that ASCII mode names and the standard does
// not.
type ID uint16

// The identifiers with a form of their own.
const (
	idObserved ID = 0xF0
	idStation  ID = 0xF1
	idText     ID = 0xF2
	idImage    ID = 0xF3
	idRains    ID = 0xF4
	idLevels1  ID = 0xF5
	idLevels8  ID = 0xFC
	idBatch    ID = 0xFD
	idStep     ID = 0x04
	idStatus   ID = 0x45
	extended   ID = 0xFF00
)

func (id ID) String() string {
	if id >= extended {
		return fmt.Sprintf("FF%02X", uint8(id))
	}
	return fmt.Sprintf("%02X", uint8(id))
}

// A BodyFault says why a body, or the rest of one, cannot be read although its
// frame is sound. It wraps hydro.ErrInvalid.
type BodyFault struct {
	Offset int // in the body
	Detail string
}

func (b *BodyFault) Error() string { return fmt.Sprintf("body, offset %d: %s", b.Offset, b.Detail) }

// Unwrap returns hydro.ErrInvalid.
func (b *BodyFault) Unwrap() error { return hydro.ErrInvalid }

// HeadOf returns the message of a frame, without its body.
func HeadOf(f *Frame) *Message {
	return &Message{
		Mode: f.Mode, Down: f.Down, Centre: f.Centre, Station: f.Station, Password: f.Password, Function: f.Function,
		Packets: f.Packets, Packet: f.Packet, End: f.End,
	}
}

// Parse takes the body of a frame apart. The groups' data are parts of the
// frame's body. If the error is not nil the message holds what could be read, and
// the rest in Rest.
//
// A frame that is one packet of several cannot be read alone, unless it is the
// centre's answer: see [Assembly].
func Parse(f Frame) (*Message, error) {
	m := HeadOf(&f)
	p := bodyParser{m: m, body: f.Body}
	err := p.parse()
	if m.headless = p.at == 0; m.headless {
		m.Serial, m.Sent = 0, Stamp{}
	}
	m.Rest = p.body[p.at:]
	return m, err
}

type bodyParser struct {
	m    *Message
	body []byte
	at   int
}

func (p *bodyParser) fail(at int, format string, args ...any) error {
	return &BodyFault{Offset: at, Detail: fmt.Sprintf(format, args...)}
}

func (p *bodyParser) parse() error {
	if p.m.Mode == ASCII {
		return p.parseText()
	}
	if len(p.body) < 8 {
		return p.fail(len(p.body), "%d bytes, serial number and send time need 8", len(p.body))
	}
	p.m.Serial = uint16(p.body[0])<<8 | uint16(p.body[1])
	copy(p.m.Sent[:], p.body[2:8])
	p.at = 8
	p.m.Groups = make([]Group, 0, 8)
	f := p.m.Function
	if f == QueryPeriod && p.m.Down && len(p.body) >= p.at+8 {
		p.take(Period, 0, 0, 0, 8)
	}
	step := false
	for p.at < len(p.body) {
		rest := p.body[p.at:]
		id, head := ID(rest[0]), 2
		if rest[0] == 0xFF && len(rest) > 1 {
			id, head = extended|ID(rest[1]), 3
		}
		if f.tailed(p.m.Down) && (p.m.Down || id != idStation || len(p.m.Groups) > 0) {
			p.take(Tail, 0, 0, 0, len(rest))
			continue
		}
		if len(rest) < head {
			return p.fail(p.at, "identifier %s has no definition byte", id)
		}
		def := rest[head-1]
		form, n := p.form(id, def, len(rest)-head, step)
		switch {
		case form == StationID:
			n = p.address(rest[head:])
		case form == Series && n > 0:
			size := n
			n = (len(rest) - head) / size * size
		}
		if head+n > len(rest) {
			return p.fail(p.at, "%s %02X states %d bytes of data, %d are left", id, def, n, len(rest)-head)
		}
		p.take(form, id, def, head, n)
		step = step || form == Step
	}
	return nil
}

// take appends a group of head bytes of identifier and n bytes of data.
func (p *bodyParser) take(form Form, id ID, def byte, head, n int) {
	from := p.at + head
	p.m.Groups = append(p.m.Groups, Group{Form: form, ID: id, Def: def, Data: p.body[from : from+n : from+n]})
	p.at = from + n
}

// form returns how the data behind an identifier are to be read, and how many
// bytes they are; of a series, each value. Some identifiers have a fixed length
// whatever the definition byte says: real stations write 5C for C0.
func (p *bodyParser) form(id ID, def byte, left int, step bool) (Form, int) {
	f := p.m.Function
	n := int(def >> 3)
	if f.parameters() {
		if p.m.Down && f.identifiers() {
			return Identifier, 0
		}
		if id == idStation && def == 0xF1 {
			return StationID, 5
		}
		if id == 0x0E && (f == WriteBasic || f == ReadBasic) {
			return Value, int(def) // all eight bits are the length [std D.1]
		}
		return Value, n
	}
	switch {
	case id == idStation && def == 0xF1:
		return StationID, 5
	case id == idObserved && def == 0xF0:
		return Observed, 5
	case id == idText && def == 0xF2:
		return Text, left
	case id == idImage && def == 0xF3:
		return Image, left
	case id == idBatch && def == 0xF6:
		return Batch, left
	case p.m.Down && f == QueryElements, p.m.Down && f == QueryPeriod && step:
		return Identifier, 0
	case id == idRains:
		return Rains, 12
	case id >= idLevels1 && id <= idLevels8:
		return Levels, 24
	case id == idStep:
		return Step, n
	case f.series() && step:
		return Series, n
	}
	return Value, n
}

// address returns how many bytes of an address group there are: five, and the
// class if there is one. Where the function code does not tell, the observation
// time that follows does.
func (p *bodyParser) address(rest []byte) int {
	observed := func(at int) bool {
		return len(rest) >= at+2 && rest[at] == byte(idObserved) && rest[at+1] == byte(idObserved)
	}
	switch {
	case len(rest) < 6 || observed(5):
		return 5
	case observed(6) || p.m.Function.classed():
		return 6
	}
	return 5
}

// AppendBody writes the message's body behind dst: the bytes that Parse read.
func (m *Message) AppendBody(dst []byte) []byte {
	switch {
	case m.headless:
	case m.Mode == ASCII:
		dst = appendHex(dst, []byte{byte(m.Serial >> 8), byte(m.Serial)})
		dst = appendHex(dst, m.Sent[:])
	default:
		dst = append(dst, byte(m.Serial>>8), byte(m.Serial))
		dst = append(dst, m.Sent[:]...)
	}
	for i := range m.Groups {
		dst = m.Groups[i].append(dst, m.Mode)
	}
	return append(dst, m.Rest...)
}

func (g *Group) append(dst []byte, mode Mode) []byte {
	switch {
	case g.Form == Period || g.Form == Tail:
		return append(dst, g.Data...)
	case mode == ASCII:
		return g.appendText(dst)
	case g.ID >= extended:
		dst = append(dst, 0xFF, byte(g.ID))
	default:
		dst = append(dst, byte(g.ID))
	}
	return append(append(dst, g.Def), g.Data...)
}

// Frame returns the message as one frame. Packets is what the message states: 0
// of any but an answer to packets.
func (m *Message) Frame() Frame {
	return Frame{
		Mode: m.Mode, Down: m.Down, Centre: m.Centre, Station: m.Station, Password: m.Password, Function: m.Function,
		Packets: m.Packets, Packet: m.Packet, Body: m.AppendBody(nil), End: m.End,
	}
}

// Append writes the message as one frame behind dst.
func (m *Message) Append(dst []byte) ([]byte, error) {
	f := m.Frame()
	return f.Append(dst)
}

// Split cuts the message into packets whose frames carry at most size bytes of
// body each.
func (m *Message) Split(size int) ([]Frame, error) {
	body := m.AppendBody(nil)
	if size < 1 || (len(body)+size-1)/size > maxBody {
		return nil, fmt.Errorf("%d bytes in packets of %d are more than %d packets: %w", len(body), size, maxBody, hydro.ErrInvalid)
	}
	f := m.Frame()
	f.Packets = uint16((len(body) + size - 1) / size)
	out := make([]Frame, 0, f.Packets)
	for i := range f.Packets {
		f.Packet, f.End = i+1, ETB
		if f.Packet == f.Packets {
			f.End = ETX
		}
		f.Body = body[int(i)*size : min(len(body), int(i+1)*size)]
		out = append(out, f)
	}
	return out, nil
}

// Clone returns a copy that shares no bytes with m.
func (m *Message) Clone() *Message {
	c := *m
	c.Groups = make([]Group, len(m.Groups))
	for i, g := range m.Groups {
		g.Data = bytes.Clone(g.Data)
		c.Groups[i] = g
	}
	c.Rest = bytes.Clone(m.Rest)
	return &c
}

// Answer returns the centre's confirmation of a station's message: function code
// and serial number are copied, the body is the serial number and a time. Of a
// message in packets it names the last one, or with NAK the one to be sent again.
func (m *Message) Answer(end End, sent Stamp, packet uint16) *Message {
	a := &Message{
		Mode: m.Mode, Down: true, Centre: m.Centre, Station: m.Station, Password: m.Password, Function: m.Function,
		End: end, Serial: m.Serial, Sent: sent,
	}
	if m.Packets > 0 {
		a.Packets, a.Packet = m.Packets, m.Packets
		if end == NAK {
			a.Packet = packet
		}
	}
	return a
}
