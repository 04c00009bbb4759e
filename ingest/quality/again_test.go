package quality_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A reading that is sent again because the archive lost it is given out once
// more as it stands; one that stands otherwise, even if it was replaced, counts.
func TestAReadingThatIsSentAgainIsGivenOut(t *testing.T) {
	s := newSeries(t, level())
	first := s.put(0, 2)
	s.put(5, 2.1)
	r := reading(s.p, t0, 2)
	if out := s.reading(r, t0.Add(time.Hour)); len(out) > 0 {
		t.Fatalf("a plain resend: %v", out)
	}
	r.Again = true
	if diff := cmp.Diff(first, s.reading(r, t0.Add(time.Hour))); diff != "" {
		t.Errorf("sent again (-first +again):\n%s", diff)
	}
	s.reading(reading(s.p, t0, 2.05), t0.Add(time.Hour))
	if out := s.reading(r, t0.Add(2*time.Hour)); len(out) != 1 || out[0].Value != 2 || out[0].Revision != 2 {
		t.Errorf("the value that a revision replaced, sent again: %v", out)
	}
}
