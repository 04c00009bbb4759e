package sl651

// A Splitter finds the frames in a stream of bytes. Noise is skipped: each
// offset is tried, and what has the form of a frame and the right check is one,
// also in the middle of what pretended to be a longer one. It keeps at most the
// bytes of one frame and of the last Write. The zero Splitter is ready.
type Splitter struct {
	buf     []byte
	start   int     // what is before is done with
	scanned int     // offsets before it were looked at
	pending []begun // beginnings of frames that are not all there, ascending
	stats   Stats
}

type begun struct{ at, need int } // need counts from the beginning

// Stats counts what a Splitter has seen.
type Stats struct {
	Frames int
	Noise  int // bytes that belong to no frame
	Stray  int // of these 7E between frames, which some stations send after each
	BadCRC int // what had the form of a frame but a wrong check
}

// Stats returns the counts so far.
func (s *Splitter) Stats() Stats { return s.stats }

// Write adds bytes of the stream. It invalidates the bodies of frames that Next
// has returned. Call Next until it finds nothing before the next Write, or the
// bound on memory does not hold.
func (s *Splitter) Write(p []byte) {
	if s.start > 0 {
		n := copy(s.buf, s.buf[s.start:])
		s.buf = s.buf[:n]
		s.scanned -= s.start
		for i := range s.pending {
			s.pending[i].at -= s.start
		}
		s.start = 0
	}
	s.buf = append(s.buf, p...)
}

// Buffered returns how many bytes wait for the rest of their frame.
func (s *Splitter) Buffered() int { return len(s.buf) - s.start }

// Next returns the next whole frame. Its body is valid until the next Write.
func (s *Splitter) Next() (f Frame, ok bool) {
	kept := s.pending[:0]
	for i, b := range s.pending {
		if b.at+b.need > len(s.buf) {
			kept = append(kept, b)
			continue
		}
		n, need := s.try(b.at, &f)
		if n > 0 {
			s.pending = append(kept, s.pending[i+1:]...)
			s.take(b.at, n)
			return f, true
		}
		if need > 0 {
			kept = append(kept, begun{b.at, need})
		}
	}
	s.pending = kept
	for ; s.scanned < len(s.buf); s.scanned++ {
		if c := s.buf[s.scanned]; c != tag && c != soh {
			continue
		}
		n, need := s.try(s.scanned, &f)
		if n > 0 {
			s.take(s.scanned, n)
			return f, true
		}
		if need > 0 {
			s.pending = append(s.pending, begun{s.scanned, need})
		}
	}
	end := len(s.buf)
	if len(s.pending) > 0 {
		end = s.pending[0].at
	}
	s.skip(end)
	return Frame{}, false
}

// try decodes at an offset: n bytes are a frame, or need bytes are needed to say
// more, or both are 0.
func (s *Splitter) try(at int, f *Frame) (n, need int) {
	if hopeless(s.buf[at:]) {
		return 0, 0
	}
	fault := decodeFrame(s.buf[at:], f, &n)
	if fault == nil {
		return n, 0
	}
	*f = Frame{}
	switch fault.Kind {
	case Incomplete:
		return 0, fault.Need
	case BadCRC:
		s.stats.BadCRC++
	default:
	}
	return 0, 0
}

// hopeless tells most of noise without a Fault, which says why and costs more:
// somebody may send nothing but noise.
func hopeless(b []byte) bool {
	if b[0] == soh {
		if len(b) < 2 {
			return false
		}
		_, ok := unhex(b[1])
		return !ok
	}
	return len(b) > 1 && b[1] != tag ||
		len(b) >= hexHead && (b[11]&0x70 != 0 || b[13] != stx && b[13] != syn)
}

// take consumes the frame of n bytes at an offset. What lies before is noise.
func (s *Splitter) take(at, n int) {
	s.skip(at)
	s.start = at + n
	s.scanned = max(s.scanned, s.start)
	for len(s.pending) > 0 && s.pending[0].at < s.start {
		s.pending = s.pending[1:]
	}
	s.stats.Frames++
}

func (s *Splitter) skip(end int) {
	if end <= s.start {
		return
	}
	stray := true
	for _, c := range s.buf[s.start:end] {
		stray = stray && c == tag
	}
	if stray {
		s.stats.Stray += end - s.start
	}
	s.stats.Noise += end - s.start
	s.start = end
}
