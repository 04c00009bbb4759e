package record

import (
	"encoding/binary"

	"freshet/internal/hydro"
)

// A hole is the node, the station, since when, and a byte that says whether its
// reason is that of the hole before it, which it mostly is; else the reason follows.

func appendHoles(b []byte, holes []hydro.ForecastHole) []byte {
	b = binary.AppendUvarint(b, uint64(len(holes)))
	for i := range holes {
		h := &holes[i]
		b = appendText(b, h.Node)
		b = appendText(b, h.Station)
		b = appendTime(b, h.From)
		same := i > 0 && h.SameReason(&holes[i-1])
		if b = appendBool(b, same); !same {
			b = appendText(b, h.Why)
			b = appendText(b, h.WhyZH)
		}
	}
	return b
}

func (r *reader) holes() []hydro.ForecastHole {
	n := r.length(4)
	if n == 0 {
		return nil
	}
	holes := make([]hydro.ForecastHole, n)
	for i := range holes {
		h := &holes[i]
		h.Node, h.Station, h.From = r.text(), r.text(), r.time()
		switch same := r.bool(); {
		case !same:
			h.Why, h.WhyZH = r.text(), r.text()
		case i == 0:
			r.fail()
		default:
			h.Why, h.WhyZH = holes[i-1].Why, holes[i-1].WhyZH
		}
	}
	return holes
}
