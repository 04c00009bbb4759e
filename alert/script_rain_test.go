package alert_test

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"freshet/internal/hydro"
)

// A qpf is the rain forecast at one station.
type qpf struct {
	station string
	expires time.Time // zero: never
	hydro.RainAhead
}

// rainAhead reads ID from +0m step 1h [expires +3h]: VALUES.
func (s *scenario) rainAhead(words, values []string) error {
	q := qpf{station: words[0], RainAhead: hydro.RainAhead{Source: "qpf", IssuedAt: s.now, Step: time.Hour}}
	for i := 1; i+1 < len(words); i += 2 {
		var err error
		switch words[i] {
		case "from":
			q.From, err = s.offset(words[i+1])
		case "step":
			q.Step, err = time.ParseDuration(words[i+1])
		case "expires":
			q.expires, err = s.offset(words[i+1])
		default:
			err = fmt.Errorf("unknown word %q", words[i])
		}
		if err != nil {
			return err
		}
	}
	for _, v := range values {
		x, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return err
		}
		q.Rain = append(q.Rain, x)
	}
	s.qpf = append(s.qpf, q)
	return nil
}

// ahead is the rain forecast that the latest run used at a station.
func (s *scenario) ahead(station string) (hydro.RainAhead, bool) {
	if s.run == nil {
		return hydro.RainAhead{}, false
	}
	for _, q := range slices.Backward(s.qpf) {
		if q.station == station && (q.expires.IsZero() || s.run.IssuedAt.Before(q.expires)) {
			return q.RainAhead, true
		}
	}
	return hydro.RainAhead{}, false
}
