package sl651

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"freshet/internal/hydro"
)

// ErrNoValue means that the station says it has no value: all F, all A, or M in
// ASCII mode.
var ErrNoValue = errors.New("no value")

// Number returns the number of a Value group: packed BCD with the decimals of
// the definition byte, a leading FF for minus; decimal characters in ASCII mode.
// The error is ErrNoValue or wraps hydro.ErrInvalid.
func (g *Group) Number() (float64, error) {
	if g.Name != "" {
		return textNumber(string(g.Data))
	}
	return number(g.Data, int(g.Def&7))
}

// Values returns the values of a Series; NaN where there is none.
func (g *Group) Values() []float64 {
	n, at := g.numbers()
	out := make([]float64, n)
	for i := range out {
		v, err := at(i)
		if err != nil {
			v = math.NaN()
		}
		out[i] = v
	}
	return out
}

// numbers returns how many values a Series has, and a function for each.
func (g *Group) numbers() (n int, at func(i int) (float64, error)) {
	if g.Name != "" {
		words := strings.Fields(string(g.Data))
		return len(words), func(i int) (float64, error) { return textNumber(words[i]) }
	}
	size := int(g.Def >> 3)
	if size == 0 {
		return 0, nil
	}
	return len(g.Data) / size, func(i int) (float64, error) {
		return number(g.Data[i*size:(i+1)*size], int(g.Def&7))
	}
}

var pow10 = [...]float64{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7}

// number reads packed BCD. The quotient of two exact floats is the float nearest
// to the decimal number, as if it had been written with its point.
func number(data []byte, decimals int) (float64, error) {
	if len(data) == 0 {
		return 0, fmt.Errorf("no bytes of data: %w", hydro.ErrInvalid)
	}
	if all(data, 0xFF) || all(data, 0xAA) {
		return 0, ErrNoValue
	}
	sign, digits := 1.0, data
	if data[0] == 0xFF {
		sign, digits = -1, data[1:]
	}
	var v uint64
	for _, b := range digits {
		if b>>4 > 9 || b&15 > 9 || v > 1e15 {
			return 0, fmt.Errorf("%s is no decimal number: %w", hexText(data), hydro.ErrInvalid)
		}
		v = v*100 + uint64(b>>4)*10 + uint64(b&15)
	}
	return sign * float64(v) / pow10[decimals], nil
}

func all(data []byte, b byte) bool {
	for _, x := range data {
		if x != b {
			return false
		}
	}
	return true
}

func textNumber(s string) (float64, error) {
	if s == "M" || strings.Trim(s, "F") == "" || strings.Trim(s, "A") == "" {
		return 0, ErrNoValue
	}
	for i := range len(s) { // ParseFloat takes more than the standard means: hexadecimal, NaN, underscores
		if c := s[i]; (c < '0' || c > '9') && c != '.' && (c != '-' || i > 0) {
			return 0, fmt.Errorf("%q is no decimal number: %w", s, hydro.ErrInvalid)
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is no decimal number: %w", s, hydro.ErrInvalid)
	}
	return v, nil
}

// slots of an hour.
const slots = 12

// Slots returns the twelve values of a Rains or Levels group, in 0.1 mm or in
// cm; what is not ok is no value.
func (g *Group) Slots() (v [slots]int, ok [slots]bool, err error) {
	data := g.Data
	size := 1
	if g.Form == Levels {
		size = 2
	}
	if g.Name != "" {
		if len(data)%2 != 0 {
			return v, ok, fmt.Errorf("%d hexadecimal characters are no whole bytes: %w", len(data), hydro.ErrInvalid)
		}
		raw := make([]byte, len(data)/2)
		for i := range raw {
			x, good := unhexAll(data[2*i : 2*i+2])
			if !good {
				return v, ok, fmt.Errorf("%q is not hexadecimal: %w", data, hydro.ErrInvalid)
			}
			raw[i] = byte(x)
		}
		data = raw
	}
	if len(data) != slots*size {
		return v, ok, fmt.Errorf("%d bytes of data, 12 values need %d: %w", len(data), slots*size, hydro.ErrInvalid)
	}
	for i := range slots {
		none := 0xFF
		v[i] = int(data[i])
		if size == 2 {
			v[i], none = int(data[2*i])<<8|int(data[2*i+1]), 0xFFFF
		}
		ok[i] = v[i] != none
	}
	return v, ok, nil
}

// Address returns the address and class of a StationID group; class 0 if it
// carries none.
func (g *Group) Address() (a Address, class Class, err error) {
	if g.Name != "" {
		words := strings.Fields(string(g.Data))
		if len(words) == 0 || len(words[0]) != 10 {
			return a, 0, fmt.Errorf("%q is no station's address of ten characters: %w", g.Data, hydro.ErrInvalid)
		}
		if len(words) > 1 {
			class = Class(words[1][0])
		}
		a, err = ParseAddress(words[0])
		return a, class, err
	}
	if len(g.Data) < 5 {
		return a, 0, fmt.Errorf("%d bytes are no address: %w", len(g.Data), hydro.ErrInvalid)
	}
	copy(a[:], g.Data)
	if len(g.Data) > 5 {
		class = Class(g.Data[5])
	}
	return a, class, nil
}

// Stamp returns the time of an Observed group.
func (g *Group) Stamp() (s Stamp, ok bool) {
	if g.Name != "" {
		if len(g.Data) != 10 {
			return s, false
		}
		for i := range 5 {
			v, ok := unhexAll(g.Data[2*i : 2*i+2])
			if !ok {
				return s, false
			}
			s[i] = byte(v)
		}
		return s, true
	}
	return s, copy(s[:], g.Data) == 5
}

// Step returns the time step of a Step group; 0 stands for the array of one hour
// that follows.
func (g *Group) Step() (days, hours, minutes int, ok bool) {
	if g.Name != "" { // DRH01
		n := int(g.Name[3]-'0')*10 + int(g.Name[4]-'0')
		switch g.Name[2] {
		case 'D':
			return n, 0, 0, true
		case 'H':
			return 0, n, 0, true
		default:
			return 0, 0, n, true
		}
	}
	if len(g.Data) != 3 {
		return 0, 0, 0, false
	}
	var v [3]int
	for i, b := range g.Data {
		if b>>4 > 9 || b&15 > 9 {
			return 0, 0, 0, false
		}
		v[i] = int(b>>4)*10 + int(b&15)
	}
	return v[0], v[1], v[2], true
}

// Status returns the 32 bits of a status group (45).
func (g *Group) Status() (uint32, bool) {
	if g.Name != "" {
		v, ok := unhexAll(g.Data)
		return uint32(v), ok && len(g.Data) == 8
	}
	if len(g.Data) != 4 {
		return 0, false
	}
	return uint32(g.Data[0])<<24 | uint32(g.Data[1])<<16 | uint32(g.Data[2])<<8 | uint32(g.Data[3]), true
}

// Hours returns from which full hour to which a Period group asks.
func (g *Group) Hours() (from, to Stamp, ok bool) {
	data := g.Data
	if len(data) == 16 { // ASCII mode
		data = make([]byte, 8)
		for i := range data {
			v, good := unhexAll(g.Data[2*i : 2*i+2])
			if !good {
				return from, to, false
			}
			data[i] = byte(v)
		}
	}
	if len(data) != 8 {
		return from, to, false
	}
	copy(from[:4], data[:4])
	copy(to[:4], data[4:])
	return from, to, true
}
