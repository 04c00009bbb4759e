package sl651

import (
	"fmt"
	"math"
	"strconv"

	"freshet/internal/hydro"
)

// StationGroup returns the group that says whose values follow. Class 0 writes
// none.
func StationGroup(mode Mode, a Address, class Class) Group {
	if mode == ASCII {
		data := a.String()
		if class != 0 {
			data += " " + string(rune(class))
		}
		return Group{Form: StationID, ID: idStation, Name: "ST", Data: []byte(data)}
	}
	data := append(make([]byte, 0, 6), a[:]...)
	if class != 0 {
		data = append(data, byte(class))
	}
	return Group{Form: StationID, ID: idStation, Def: 0xF1, Data: data}
}

// ObservedGroup returns the group that says when what follows was observed.
func ObservedGroup(mode Mode, s Stamp) Group {
	if mode == ASCII {
		return Group{Form: Observed, ID: idObserved, Name: "TT", Data: appendHex(nil, s[:5])}
	}
	return Group{Form: Observed, ID: idObserved, Def: 0xF0, Data: append([]byte(nil), s[:5]...)}
}

// NumberGroup returns a group of one number with the digits and decimals that the
// standard gives the element. NaN stands for "no value".
func NumberGroup(mode Mode, id ID, v float64) (Group, error) {
	e, ok := ElementOf(id)
	if !ok || e.Digits == 0 {
		return Group{}, fmt.Errorf("element %s is no number of the standard: %w", id, hydro.ErrInvalid)
	}
	return numberGroup(mode, id, e.Name, e.Bytes(), e.Decimals, v)
}

// ParameterGroup is NumberGroup for a running parameter.
func ParameterGroup(mode Mode, id ID, v float64) (Group, error) {
	e, ok := runningParameters[id]
	if !ok || e.Digits == 0 {
		return Group{}, fmt.Errorf("%s is no running parameter that can be written: %w", id, hydro.ErrInvalid)
	}
	return numberGroup(mode, id, e.Name, e.Bytes(), e.Decimals, v)
}

func numberGroup(mode Mode, id ID, name string, size, decimals int, v float64) (Group, error) {
	if mode == ASCII {
		text := "M"
		if !math.IsNaN(v) {
			text = strconv.FormatFloat(v, 'f', decimals, 64)
		}
		return Group{Form: Value, ID: id, Name: name, Data: []byte(text)}, nil
	}
	data, err := appendNumber(nil, size, decimals, v)
	if err != nil {
		return Group{}, fmt.Errorf("element %s: %w", id, err)
	}
	return Group{Form: Value, ID: id, Def: byte(len(data)<<3 | decimals), Data: data}, nil
}

// appendNumber writes packed BCD of size bytes, one more if it is negative.
func appendNumber(dst []byte, size, decimals int, v float64) ([]byte, error) {
	if math.IsNaN(v) {
		for range size {
			dst = append(dst, 0xFF)
		}
		return dst, nil
	}
	scaled := math.Round(math.Abs(v) * pow10[decimals])
	if scaled >= math.Pow(10, float64(2*size)) || scaled > 1e15 {
		return nil, fmt.Errorf("%g needs more than %d digits: %w", v, 2*size, hydro.ErrInvalid)
	}
	if v < 0 && scaled > 0 {
		dst = append(dst, 0xFF)
	}
	n := uint64(scaled)
	at := len(dst)
	for range size {
		dst = append(dst, 0)
	}
	for i := size - 1; i >= 0; i-- {
		dst[at+i] = bcd(int(n % 100))
		n /= 100
	}
	return dst, nil
}

// RainsGroup returns the group of twelve five-minute rains, mm; NaN for no value.
func RainsGroup(mode Mode, mm [slots]float64) (Group, error) {
	data := make([]byte, 0, slots)
	for _, v := range mm {
		tenths := math.Round(v * 10)
		switch {
		case math.IsNaN(v):
			data = append(data, 0xFF)
		case tenths < 0 || tenths > 254:
			return Group{}, fmt.Errorf("five-minute rain %g mm: possible are 0 to 25.4, carry the rest over: %w", v, hydro.ErrInvalid)
		default:
			data = append(data, byte(tenths))
		}
	}
	return arrayGroup(mode, Rains, idRains, "DRP", data), nil
}

// LevelsGroup returns the group of twelve relative levels of a channel from 1, m;
// NaN for no value.
func LevelsGroup(mode Mode, channel int, m [slots]float64) (Group, error) {
	if channel < 1 || channel > 8 {
		return Group{}, fmt.Errorf("channel %d is not 1 to 8: %w", channel, hydro.ErrInvalid)
	}
	data := make([]byte, 0, 2*slots)
	for _, v := range m {
		cm := math.Round(v * 100)
		switch {
		case math.IsNaN(v):
			cm = 0xFFFF
		case cm < 0 || cm > 0xFFFE:
			return Group{}, fmt.Errorf("relative level %g m: possible are 0 to 655.34: %w", v, hydro.ErrInvalid)
		}
		data = append(data, byte(int(cm)>>8), byte(int(cm)))
	}
	return arrayGroup(mode, Levels, idLevels1+ID(channel-1), fmt.Sprintf("DRZ%d", channel), data), nil
}

func arrayGroup(mode Mode, form Form, id ID, name string, data []byte) Group {
	if mode == ASCII {
		return Group{Form: form, ID: id, Name: name, Data: appendHex(nil, data)}
	}
	return Group{Form: form, ID: id, Def: byte(len(data) << 3), Data: data}
}

// SeriesGroups returns the time step and the series of one element, at least one
// value; NaN for no value. The step is whole days, hours or minutes.
func SeriesGroups(mode Mode, id ID, unit byte, step int, values []float64) ([]Group, error) {
	e, ok := ElementOf(id)
	if !ok || e.Digits == 0 || len(values) == 0 || step < 1 || step > 99 {
		return nil, fmt.Errorf("series of %d values of element %s, step %d: %w", len(values), id, step, hydro.ErrInvalid)
	}
	stepped, err := stepGroup(mode, unit, step)
	if err != nil {
		return nil, err
	}
	if mode == ASCII {
		var data []byte
		for _, v := range values {
			g, err := numberGroup(mode, id, e.Name, e.Bytes(), e.Decimals, v)
			if err != nil {
				return nil, err
			}
			data = append(append(data, g.Data...), ' ')
		}
		return []Group{
			stepped,
			{Form: Series, ID: id, Name: e.Name, Data: data},
		}, nil
	}
	size := e.Bytes()
	var data []byte
	for _, v := range values {
		if v < 0 {
			return nil, fmt.Errorf("a series of negative values has no length of its own: %w", hydro.ErrInvalid)
		}
		if data, err = appendNumber(data, size, e.Decimals, v); err != nil {
			return nil, err
		}
	}
	return []Group{
		stepped,
		{Form: Series, ID: id, Def: byte(size<<3 | e.Decimals), Data: data},
	}, nil
}

// StatusGroup returns the group of status and alarm bits.
func StatusGroup(mode Mode, bits uint32) Group {
	data := []byte{byte(bits >> 24), byte(bits >> 16), byte(bits >> 8), byte(bits)}
	if mode == ASCII {
		return Group{Form: Value, ID: idStatus, Name: "ZT", Data: appendHex(nil, data)}
	}
	return Group{Form: Value, ID: idStatus, Def: 0x20, Data: data}
}

// IdentifierGroups returns the identifiers of a question, without data: of
// elements, or of running parameters.
func IdentifierGroups(mode Mode, parameters bool, ids ...ID) ([]Group, error) {
	out := make([]Group, 0, len(ids))
	for _, id := range ids {
		var e Element
		if parameters {
			e = runningParameters[id]
		} else if known, ok := ElementOf(id); ok {
			e = *known
		}
		if e.ID == 0 {
			return nil, fmt.Errorf("%s names nothing that can be asked for: %w", id, hydro.ErrInvalid)
		}
		out = append(out, identifierGroup(mode, &e))
	}
	return out, nil
}

func identifierGroup(mode Mode, e *Element) Group {
	if mode == ASCII {
		return Group{Form: Identifier, ID: e.ID, Name: e.Name}
	}
	def := byte(e.Bytes()<<3 | e.Decimals)
	switch {
	case e.ID == idRains:
		def = slots << 3
	case e.ID >= idLevels1 && e.ID <= idLevels8:
		def = 2 * slots << 3
	case e.ID == idStatus:
		def = 4 << 3
	}
	return Group{Form: Identifier, ID: e.ID, Def: def}
}

// PeriodGroups returns what a question for a period carries: from which full hour
// to which, in what steps, of which element.
func PeriodGroups(mode Mode, from, to Stamp, unit byte, step int, id ID) ([]Group, error) {
	e, ok := ElementOf(id)
	if !ok {
		return nil, fmt.Errorf("element %s is none of the standard: %w", id, hydro.ErrInvalid)
	}
	period := append(append([]byte(nil), from[:4]...), to[:4]...)
	if mode == ASCII {
		period = appendHex(nil, period)
	}
	stepped, err := stepGroup(mode, unit, step)
	if err != nil {
		return nil, err
	}
	return []Group{{Form: Period, Data: period}, stepped, identifierGroup(mode, e)}, nil
}

func stepGroup(mode Mode, unit byte, step int) (Group, error) {
	at := map[byte]int{'D': 0, 'H': 1, 'N': 2}
	i, ok := at[unit]
	if !ok || step < 0 || step > 99 {
		return Group{}, fmt.Errorf("time step %d of unit %q: 0 to 99 of D, H or N are possible: %w", step, unit, hydro.ErrInvalid)
	}
	if mode == ASCII {
		return Group{Form: Step, ID: idStep, Name: stepName(unit, step)}, nil
	}
	data := make([]byte, 3)
	data[i] = bcd(step)
	return Group{Form: Step, ID: idStep, Def: 0x18, Data: data}, nil
}
