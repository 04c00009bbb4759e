// Package sl651 reads and writes the frames of SL 651-2014 水文监测数据通信规约, by
// which stations (RTUs) and their centre talk: both directions, HEX/BCD and
// ASCII mode.
//
// A [Splitter] finds the frames in a stream of bytes, [Parse] takes a frame's
// body apart into groups, and [Settings.Read] turns the groups into values for
// the department's stream, under what is set for each station. Bytes are kept as
// they came, so that what was read can be written again: see [Frame.Append] and
// [Message.AppendBody].
//
// The package is pure: no clock, no I/O. Sources: the text of the standard before
// its final numbering (报批稿), cited as [std], and frames of real stations; see
// docs/formats/sl651.md for where the two differ.
package sl651

import (
	"errors"
	"fmt"

	"freshet/internal/hydro"
)

// A Frame is one packet on the line.
type Frame struct {
	Mode     Mode
	Down     bool // from the centre to the station
	Centre   uint8
	Station  Address
	Password uint16
	Function Function
	Packets  uint16 // of a message in several packets (SYN); 0 of any other
	Packet   uint16 // from 1
	Body     []byte // without the packet numbers
	End      End
}

const (
	maxBody  = 4095
	hexHead  = 14 // up to and including STX
	hexTail  = 3
	textHead = 24
	textTail = 5
)

// MaxFrame is the length of the longest frame, bytes.
const MaxFrame = textHead + maxBody + textTail

// A Fault says why bytes are no frame. It wraps hydro.ErrInvalid.
type Fault struct {
	Kind   FaultKind
	Offset int // of the first byte that is wrong
	Need   int // of Incomplete: how many bytes are needed to say more
	Detail string
	Want   uint16 // of BadCRC: what the check should be
	Got    uint16
}

// A FaultKind tells faults apart.
type FaultKind uint8

// The kinds of faults.
const (
	Incomplete FaultKind = iota + 1 // more bytes are needed
	BadStart                        // neither 7E7E nor SOH
	BadHeader                       // a field of the header is impossible
	BadEnd                          // no end mark where the length says it is
	BadCRC                          // the check does not hold
)

func (f *Fault) Error() string {
	return fmt.Sprintf("offset %d: %s", f.Offset, f.Detail)
}

// Unwrap returns hydro.ErrInvalid.
func (f *Fault) Unwrap() error { return hydro.ErrInvalid }

// DecodeFrame reads the frame that data begins with and returns its length. The
// body is part of data, not a copy. The error is a [*Fault].
func DecodeFrame(data []byte) (f Frame, n int, err error) {
	if fault := decodeFrame(data, &f, &n); fault != nil {
		return Frame{}, 0, fault
	}
	return f, n, nil
}

func decodeFrame(data []byte, f *Frame, n *int) *Fault {
	switch {
	case len(data) == 0:
		return &Fault{Kind: Incomplete, Need: 2, Detail: "no bytes"}
	case data[0] == soh:
		return decodeText(data, f, n)
	case data[0] != tag:
		return &Fault{Kind: BadStart, Detail: fmt.Sprintf("%02X begins no frame: 7E7E (HEX/BCD) or 01 (ASCII) does", data[0])}
	case len(data) == 1:
		return &Fault{Kind: Incomplete, Offset: 1, Need: 2, Detail: "the frame ends after one byte"}
	case data[1] != tag:
		return &Fault{Kind: BadStart, Offset: 1, Detail: fmt.Sprintf("7E%02X begins no frame: 7E7E does", data[1])}
	case len(data) < hexHead:
		return &Fault{Kind: Incomplete, Offset: len(data), Need: hexHead, Detail: fmt.Sprintf("the frame ends within its header, after %d bytes", len(data))}
	}
	length := int(data[11]&0x0F)<<8 | int(data[12])
	if fault := header(f, data[11]>>4, data[13], length, 11, 13, 3); fault != nil {
		return fault
	}
	if f.Down {
		copy(f.Station[:], data[2:7])
		f.Centre = data[7]
	} else {
		f.Centre = data[2]
		copy(f.Station[:], data[3:8])
	}
	f.Mode, f.Password, f.Function = Hex, uint16(data[8])<<8|uint16(data[9]), Function(data[10])
	total := hexHead + length + hexTail
	if len(data) < total {
		return short(data, total, length)
	}
	body := data[hexHead : hexHead+length]
	if data[13] == syn {
		f.Packets = uint16(body[0])<<4 | uint16(body[1])>>4
		f.Packet = uint16(body[1]&0x0F)<<8 | uint16(body[2])
		body = body[3:]
	}
	f.Body, *n = body, total
	return finish(data[:total], f, uint16(data[total-2])<<8|uint16(data[total-1]), 2)
}

// header judges what both modes' headers share.
func header(f *Frame, direction, start byte, length, directionAt, startAt, numbers int) *Fault {
	switch direction {
	case 0:
		f.Down = false
	case 8:
		f.Down = true
	default:
		return &Fault{Kind: BadHeader, Offset: directionAt, Detail: fmt.Sprintf("direction %X is neither 0 (up) nor 8 (down)", direction)}
	}
	if start != stx && start != syn {
		return &Fault{Kind: BadHeader, Offset: startAt, Detail: fmt.Sprintf("%02X is no start of text: 02 (STX) or 16 (SYN) is", start)}
	}
	if start == syn && length < numbers {
		return &Fault{Kind: BadHeader, Offset: directionAt, Detail: fmt.Sprintf("length %d leaves no room for the packet numbers after SYN", length)}
	}
	return nil
}

func short(data []byte, total, length int) *Fault {
	return &Fault{Kind: Incomplete, Offset: len(data), Need: total, Detail: fmt.Sprintf("length %d makes a frame of %d bytes, %d are here", length, total, len(data))}
}

// finish judges the end mark, the packet numbers and the check.
func finish(frame []byte, f *Frame, got uint16, size int) *Fault {
	checked := frame[:len(frame)-size]
	f.End = End(checked[len(checked)-1])
	if !f.End.known() {
		return &Fault{Kind: BadEnd, Offset: len(checked) - 1, Detail: fmt.Sprintf("the length leads to %02X, which is no end mark (03, 17; 04, 05, 06, 15, 1B): the length is wrong or bytes are missing", uint8(f.End))}
	}
	if want := CRC(checked); want != got {
		return &Fault{Kind: BadCRC, Offset: len(checked), Want: want, Got: got, Detail: fmt.Sprintf("the check is %04X, of these bytes it should be %04X", got, want)}
	}
	if isPacket(frame, f.Mode) && (f.Packet == 0 || f.Packet > f.Packets) {
		at := hexHead
		if f.Mode == ASCII {
			at = textHead
		}
		return &Fault{Kind: BadHeader, Offset: at, Detail: fmt.Sprintf("packet %d of %d is impossible", f.Packet, f.Packets)}
	}
	return nil
}

func isPacket(frame []byte, mode Mode) bool {
	if mode == ASCII {
		return frame[textHead-1] == syn
	}
	return frame[hexHead-1] == syn
}

// decodeText is decodeFrame for ASCII mode: each field of the header as
// hexadecimal characters, the control characters as single bytes.
func decodeText(data []byte, f *Frame, n *int) *Fault {
	var head [11]byte // centre 1, station 5, password 2, function 1, direction and length 2
	for i := 1; i < textHead-1; i++ {
		if i >= len(data) {
			return &Fault{Kind: Incomplete, Offset: len(data), Need: textHead, Detail: fmt.Sprintf("the frame ends within its header, after %d bytes", len(data))}
		}
		d, ok := unhex(data[i])
		if !ok {
			return &Fault{Kind: BadHeader, Offset: i, Detail: fmt.Sprintf("%q is no hexadecimal character of a header", data[i])}
		}
		head[(i-1)/2] = head[(i-1)/2]<<4 | d
	}
	if len(data) < textHead {
		return &Fault{Kind: Incomplete, Offset: len(data), Need: textHead, Detail: "the frame ends before its start of text"}
	}
	length := int(head[9]&0x0F)<<8 | int(head[10])
	if fault := header(f, head[9]>>4, data[textHead-1], length, 19, textHead-1, 6); fault != nil {
		return fault
	}
	if f.Down {
		copy(f.Station[:], head[:5])
		f.Centre = head[5]
	} else {
		f.Centre = head[0]
		copy(f.Station[:], head[1:6])
	}
	f.Mode, f.Password, f.Function = ASCII, uint16(head[6])<<8|uint16(head[7]), Function(head[8])
	total := textHead + length + textTail
	if len(data) < total {
		return short(data, total, length)
	}
	body := data[textHead : textHead+length]
	if data[textHead-1] == syn {
		numbers, ok := unhexAll(body[:6])
		if !ok {
			return &Fault{Kind: BadHeader, Offset: textHead, Detail: fmt.Sprintf("the packet numbers %q are not hexadecimal", body[:6])}
		}
		f.Packets, f.Packet = uint16(numbers>>12), uint16(numbers&0xFFF)
		body = body[6:]
	}
	got, ok := unhexAll(data[total-4 : total])
	if !ok {
		return &Fault{Kind: BadCRC, Offset: total - 4, Want: CRC(data[:total-4]), Detail: fmt.Sprintf("the check %q is not hexadecimal, it should be %04X", data[total-4:total], CRC(data[:total-4]))}
	}
	f.Body, *n = body, total
	return finish(data[:total], f, uint16(got), 4)
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

func unhexAll(s []byte) (v uint64, ok bool) {
	for _, c := range s {
		d, ok := unhex(c)
		if !ok {
			return 0, false
		}
		v = v<<4 | uint64(d)
	}
	return v, true
}

// ErrTooLong means that a body does not fit into one frame: send it in packets.
var ErrTooLong = errors.New("the body is longer than a frame carries")

// Append writes the frame behind dst, with its check.
func (f *Frame) Append(dst []byte) ([]byte, error) {
	numbers := 0
	if f.Packets > 0 {
		if f.Packet == 0 || f.Packet > f.Packets || f.Packets > maxBody {
			return dst, fmt.Errorf("packet %d of %d is impossible: %w", f.Packet, f.Packets, hydro.ErrInvalid)
		}
		numbers = 3
		if f.Mode == ASCII {
			numbers = 6
		}
	}
	length := numbers + len(f.Body)
	if length > maxBody {
		return dst, fmt.Errorf("%d bytes: %w: %w", length, ErrTooLong, hydro.ErrInvalid)
	}
	if !f.End.known() {
		return dst, fmt.Errorf("%02X is no end mark: %w", uint8(f.End), hydro.ErrInvalid)
	}
	var head [11]byte
	if f.Down {
		copy(head[:5], f.Station[:])
		head[5] = f.Centre
		head[9] = 0x80
	} else {
		head[0] = f.Centre
		copy(head[1:6], f.Station[:])
	}
	head[6], head[7], head[8] = byte(f.Password>>8), byte(f.Password), byte(f.Function)
	head[9], head[10] = head[9]|byte(length>>8), byte(length)
	start := byte(stx)
	if f.Packets > 0 {
		start = syn
	}
	at := len(dst)
	if f.Mode == ASCII {
		dst = append(dst, soh)
		dst = appendHex(dst, head[:])
		dst = append(dst, start)
		if f.Packets > 0 {
			for shift := 20; shift >= 0; shift -= 4 {
				dst = append(dst, upperHex[(uint32(f.Packets)<<12|uint32(f.Packet))>>shift&15])
			}
		}
		dst = append(append(dst, f.Body...), byte(f.End))
		crc := CRC(dst[at:])
		return appendHex(dst, []byte{byte(crc >> 8), byte(crc)}), nil
	}
	dst = append(dst, tag, tag)
	dst = append(dst, head[:]...)
	dst = append(dst, start)
	if f.Packets > 0 {
		dst = append(dst, byte(f.Packets>>4), byte(f.Packets<<4)|byte(f.Packet>>8), byte(f.Packet))
	}
	dst = append(append(dst, f.Body...), byte(f.End))
	crc := CRC(dst[at:])
	return append(dst, byte(crc>>8), byte(crc)), nil
}

func appendHex(dst, src []byte) []byte {
	for _, b := range src {
		dst = append(dst, upperHex[b>>4], upperHex[b&15])
	}
	return dst
}
