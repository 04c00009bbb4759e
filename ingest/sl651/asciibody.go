package sl651

import (
	"bytes"
	"fmt"
	"slices"
)

// parseText is parse for ASCII mode. Behind serial number and send time, which
// no space ends, stand names and values, each with a space behind it.
//
// No frame in ASCII mode by anyone else was found: what the standard leaves open
// was decided here. The class of a station stands as a value of its own behind
// the address.
func (p *bodyParser) parseText() error {
	const head = 4 + 12
	if len(p.body) < head {
		return p.fail(len(p.body), "%d characters, serial number and send time need %d", len(p.body), head)
	}
	serial, ok := unhexAll(p.body[:4])
	if !ok {
		return p.fail(0, "the serial number %q is not hexadecimal", p.body[:4])
	}
	p.m.Serial = uint16(serial)
	for i := range p.m.Sent {
		v, ok := unhexAll(p.body[4+2*i : 6+2*i])
		if !ok {
			return p.fail(4+2*i, "the send time %q is not a number", p.body[4:head])
		}
		p.m.Sent[i] = byte(v)
	}
	p.at = head
	f := p.m.Function
	if f == QueryPeriod && p.m.Down && len(p.body) >= p.at+16 {
		p.take(Period, 0, 0, 0, 16)
	}
	step := false
	for p.at < len(p.body) {
		name := p.word(p.at)
		if f.tailed(p.m.Down) && (p.m.Down || name != "ST" || len(p.m.Groups) > 0) {
			p.take(Tail, 0, 0, 0, len(p.body)-p.at)
			continue
		}
		if name == "" {
			return p.fail(p.at, "an identifier is missing, or the space behind it")
		}
		g := Group{Form: Value, Name: name, ID: idOf(name, f.parameters())}
		value := p.at + len(name) + 1
		end := value
		switch {
		case p.m.Down && (f.identifiers() || f == QueryPeriod && step):
			g.Form = Identifier
		case g.ID == idStep && !f.parameters():
			g.Form, step = Step, true // DRH01: the name holds the step
		case g.ID == idText && !f.parameters():
			g.Form, end = Text, len(p.body)
		case g.ID == idImage && !f.parameters():
			g.Form, end = Image, len(p.body)
		case g.ID == idBatch && !f.parameters():
			g.Form, end = Batch, len(p.body)
		case f.series() && step && g.ID != idRains && (g.ID < idLevels1 || g.ID > idLevels8):
			for { // all names before the first value
				next := p.word(value)
				if next == "" || idOf(next, false) == 0 {
					break
				}
				g.Name += " " + next
				value += len(next) + 1
			}
			g.Form, end = Series, len(p.body)
		default:
			word := p.word(value)
			if word == "" {
				return p.fail(value, "%s has no value, or no space is behind it", name)
			}
			end = value + len(word)
			switch {
			case g.ID == idStation:
				g.Form = StationID
				if class := p.word(end + 1); len(class) == 1 && (f.classed() || p.word(end+3) == "TT") {
					end += 2
				}
			case g.ID == idObserved:
				g.Form = Observed
			case g.ID == idRains:
				g.Form = Rains
			case g.ID >= idLevels1 && g.ID <= idLevels8:
				g.Form = Levels
			}
		}
		g.Data = p.body[value:end:end]
		p.m.Groups = append(p.m.Groups, g)
		p.at = end
		if g.spaced() {
			p.at++
		}
	}
	return nil
}

// word returns the characters from at up to the next space, or "" if there is no
// space or nothing before it.
func (p *bodyParser) word(at int) string {
	if at >= len(p.body) {
		return ""
	}
	n := bytes.IndexByte(p.body[at:], ' ')
	if n < 0 {
		return ""
	}
	return string(p.body[at : at+n])
}

// spaced reports whether a space ends the group's data: not of data that are the
// rest of the body, whatever it is.
func (g *Group) spaced() bool {
	switch g.Form {
	case Text, Image, Batch, Series, Identifier, Step, Tail, Period:
		return false
	default:
		return true
	}
}

func (g *Group) appendText(dst []byte) []byte {
	dst = append(append(dst, g.Name...), ' ')
	dst = append(dst, g.Data...)
	if g.spaced() {
		dst = append(dst, ' ')
	}
	return dst
}

// idOf returns the identifier of an ASCII name, 0 if the standard has none.
func idOf(name string, parameter bool) ID {
	if parameter {
		if name == "ST" {
			return idStation
		}
		v, ok := unhexAll([]byte(name))
		switch {
		case !ok || len(name) != 2 && len(name) != 4 || len(name) == 4 && v < uint64(extended):
			return 0
		default:
			return ID(v)
		}
	}
	if len(name) == 5 && name[:2] == "DR" && slices.Contains([]byte("DHN"), name[2]) && digits(name[3:]) {
		return idStep
	}
	return byName[name]
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// stepName writes the time step as ASCII mode names it.
func stepName(unit byte, n int) string { return fmt.Sprintf("DR%c%02d", unit, n) }
