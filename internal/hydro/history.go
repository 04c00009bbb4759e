package hydro

import (
	"slices"
	"sort"
	"time"
)

// A Sample is an observation inside a History.
type Sample struct {
	At         int64 // Unix milliseconds
	Received   int64 // Unix milliseconds
	Value, Raw float64
	Superseded float64 // the Value that this one replaced; means nothing where Revision is 0
	Interval   int32   // seconds
	Revision   uint32
	Quality    Quality // the overall verdict
	Own        Quality // what the tests of the series alone say; Quality is this or worse
	Tests      Tests   // the tests that fired and the notes
	Ran        Tests   // the tests that could be evaluated: those of them not in Tests passed
	Failed     Tests   // those of Tests that make the value wrong by themselves
}

// Time returns the sample's instant in UTC.
func (s Sample) Time() time.Time { return time.UnixMilli(s.At).UTC() }

// A History is the recent past of one series: samples ascending by At, at most
// one per instant. It is the memory that quality tests, accumulations,
// forecasts and stages share; the zero value is empty and ready. Its fields are
// exported so that a state can be stored as it is; use the methods.
type History struct {
	Samples []Sample
}

// Find returns the index of the sample at the instant at (Unix milliseconds),
// or the index where it would stand and false.
func (h *History) Find(at int64) (int, bool) {
	n := len(h.Samples)
	if n == 0 || h.Samples[n-1].At < at { // nearly every call
		return n, false
	}
	i := sort.Search(n, func(i int) bool { return h.Samples[i].At >= at })
	return i, i < n && h.Samples[i].At == at
}

// Put stores s, replacing a sample of the same instant.
func (h *History) Put(s Sample) {
	i, found := h.Find(s.At)
	if found {
		h.Samples[i] = s
		return
	}
	h.Samples = slices.Insert(h.Samples, i, s)
}

// Last returns the latest sample.
func (h *History) Last() (Sample, bool) {
	if len(h.Samples) == 0 {
		return Sample{}, false
	}
	return h.Samples[len(h.Samples)-1], true
}

// LastUsable returns the latest sample that forecasts and stages may use.
func (h *History) LastUsable() (Sample, bool) {
	for _, v := range slices.Backward(h.Samples) {
		if v.Quality.Usable() {
			return v, true
		}
	}
	return Sample{}, false
}

// Between returns the samples with from < At <= to (Unix milliseconds). The
// slice aliases the history and is valid until the next Put or Prune.
func (h *History) Between(from, to int64) []Sample {
	i := sort.Search(len(h.Samples), func(i int) bool { return h.Samples[i].At > from })
	j := i + sort.Search(len(h.Samples)-i, func(k int) bool { return h.Samples[i+k].At > to })
	return h.Samples[i:j]
}

// Prune drops samples at or before the instant before (Unix milliseconds). It
// moves memory only when a quarter of the samples have gone, so that its cost
// is spread over many calls.
func (h *History) Prune(before int64) {
	i := sort.Search(len(h.Samples), func(i int) bool { return h.Samples[i].At > before })
	if i > 16 && i*4 >= len(h.Samples) {
		h.Samples = slices.Delete(h.Samples, 0, i)
	}
}
