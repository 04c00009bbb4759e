package sl651

import (
	"bytes"
	"fmt"

	"freshet/internal/hydro"
)

// An Assembly puts the packets of one message together. Packets may come in any
// order and more than once.
type Assembly struct {
	head  Frame
	parts map[uint16][]byte
	size  int
}

// MaxAssembly bounds the body of a message in packets: a picture.
const MaxAssembly = 1 << 20

// Add takes one packet. It reports whether the packet begins another message
// than the one under way, which is then given up; the first packet of all begins
// one without giving anything up.
//
// Two packets belong together if they state the same centre, station, function
// code and total; nothing else in them tells. A packet that was there already
// with other bytes belongs to another message.
func (a *Assembly) Add(f *Frame) (restarted bool, err error) {
	if f.Packets == 0 {
		return false, fmt.Errorf("the frame is no packet: %w", hydro.ErrInvalid)
	}
	_, there := a.parts[f.Packet]
	if !a.same(f) || there && !a.Holds(f) {
		restarted = a.Under()
		*a = Assembly{head: *f, parts: map[uint16][]byte{}}
		a.head.Body = nil
	}
	if _, there := a.parts[f.Packet]; there {
		return restarted, nil
	}
	if a.size += len(f.Body); a.size > MaxAssembly {
		a.Reset()
		return restarted, fmt.Errorf("a message of more than %d bytes in packets: %w", MaxAssembly, hydro.ErrInvalid)
	}
	a.parts[f.Packet] = bytes.Clone(f.Body)
	return restarted, nil
}

// Begins reports whether f is the first packet of the message under way.
func (a *Assembly) Begins(f *Frame) bool { return a.same(f) && f.Packet == 1 && a.Holds(f) }

// Holds reports whether the packet is there with the same bytes.
func (a *Assembly) Holds(f *Frame) bool {
	p, there := a.parts[f.Packet]
	return there && bytes.Equal(p, f.Body)
}

// same reports whether f can belong to the message under way, by its header.
func (a *Assembly) same(f *Frame) bool {
	return a.parts != nil && a.head.Mode == f.Mode && a.head.Down == f.Down && a.head.Centre == f.Centre && a.head.Station == f.Station &&
		a.head.Function == f.Function && a.head.Packets == f.Packets
}

// Reset gives up what is under way.
func (a *Assembly) Reset() { *a = Assembly{} }

// Under reports whether a message is under way.
func (a *Assembly) Under() bool { return len(a.parts) > 0 }

// Size returns how many bytes are held.
func (a *Assembly) Size() int { return a.size }

// Whole reports whether all packets are there.
func (a *Assembly) Whole() bool { return len(a.parts) > 0 && len(a.parts) == int(a.head.Packets) }

// Missing returns the numbers of the packets that are not there, ascending.
func (a *Assembly) Missing() []uint16 {
	var out []uint16
	for n := uint16(1); n <= a.head.Packets; n++ {
		if _, there := a.parts[n]; !there {
			out = append(out, n)
		}
	}
	return out
}

// Head returns the message's header, for an answer; the serial number is that of
// the first packet, if it is there.
func (a *Assembly) Head() *Message {
	m := HeadOf(&a.head)
	p := a.parts[1]
	switch {
	case m.Mode == Hex && len(p) >= 2:
		m.Serial = uint16(p[0])<<8 | uint16(p[1])
	case m.Mode == ASCII && len(p) >= 4:
		v, _ := unhexAll(p[:4])
		m.Serial = uint16(v)
	}
	return m
}

// Message reads the message once it is whole.
func (a *Assembly) Message() (*Message, error) {
	if !a.Whole() {
		return nil, fmt.Errorf("%d of %d packets: %w", len(a.parts), a.head.Packets, hydro.ErrInvalid)
	}
	f := a.head
	f.Body = make([]byte, 0, a.size)
	for n := uint16(1); n <= a.head.Packets; n++ {
		f.Body = append(f.Body, a.parts[n]...)
	}
	f.Packet, f.End = f.Packets, ETX
	return Parse(f)
}
