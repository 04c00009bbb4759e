package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"freshet/internal/hydro"
)

// A histogram adds up the latencies of processes that begin anew.
type histogram struct {
	base, last map[float64]float64 // cumulative counts, by upper bound
	apart      map[float64]float64 // those of the restarts
}

const liveBuckets = "freshet_gateway_live_ack_seconds_bucket{le=\""

func (h *histogram) take(metrics []byte) error {
	now := map[float64]float64{}
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), liveBuckets)
		if !ok {
			continue
		}
		bound, count, ok := strings.Cut(rest, "\"} ")
		le, err := strconv.ParseFloat(bound, 64)
		n, err2 := strconv.ParseFloat(count, 64)
		if !ok || err != nil || err2 != nil {
			return fmt.Errorf("metrics: %q: %w", lines.Text(), hydro.ErrInvalid)
		}
		now[le] = n
	}
	begun := false
	for le, n := range h.last {
		begun = begun || now[le] < n
	}
	if begun { // another process: keep what the last one had said
		if h.base == nil {
			h.base = map[float64]float64{}
		}
		for le, n := range h.last {
			h.base[le] += n
		}
	}
	h.last = now
	return lines.Err()
}

// totals returns the cumulative counts over all processes.
func (h *histogram) totals() map[float64]float64 {
	out := make(map[float64]float64, len(h.last))
	for le := range h.last {
		out[le] = h.last[le] + h.base[le]
	}
	return out
}

// exclude counts apart what came since before and took longer than some seconds.
func (h *histogram) exclude(before map[float64]float64, longer float64) {
	if h.apart == nil {
		h.apart = map[float64]float64{}
	}
	now := h.totals()
	lower, below, sum := 0.0, 0.0, 0.0 // of the bucket, the count up to it, and what was excluded up to it
	for _, le := range slices.Sorted(maps.Keys(now)) {
		came := now[le] - before[le]
		if lower >= longer {
			sum += came - below
		}
		h.apart[le] += sum
		lower, below = le, came
	}
}

func (h *histogram) count() float64 { return total(h.totals()) }

func total(counts map[float64]float64) float64 {
	n := 0.0
	for _, c := range counts {
		n = max(n, c)
	}
	return n
}

// bucketQuantile returns the smallest bound that holds that share of the latencies.
func bucketQuantile(counts map[float64]float64, q float64) float64 {
	for _, le := range slices.Sorted(maps.Keys(counts)) {
		if counts[le] >= q*total(counts) {
			return le
		}
	}
	return 0
}
