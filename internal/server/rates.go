package server

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// A RateBoard tells the gateways' streams which stations are asked to report
// faster. It says nothing before a basin that may ask was set.
type RateBoard struct {
	mu      sync.Mutex
	basins  map[string][]hydro.RateRequest
	open    bool
	all     []hydro.RateRequest // of all basins, ascending by station; never changed in place
	changed chan struct{}       // closed and replaced whenever all changes
}

// NewRateBoard returns a board that says nothing yet.
func NewRateBoard() *RateBoard {
	return &RateBoard{basins: map[string][]hydro.RateRequest{}, changed: make(chan struct{})}
}

// Set replaces what a basin asks for. May says that it may ask at some time: then
// streams are told also that nothing is asked for.
func (b *RateBoard) Set(basin string, may bool, requests []hydro.RateRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.basins[basin] = requests
	b.open = b.open || may || len(requests) > 0
	b.all = nil
	for _, id := range slices.Sorted(maps.Keys(b.basins)) {
		b.all = append(b.all, b.basins[id]...)
	}
	slices.SortStableFunc(b.all, func(x, y hydro.RateRequest) int { return cmp.Compare(x.Station, y.Station) })
	close(b.changed)
	b.changed = make(chan struct{})
}

// current returns what is asked for, whether streams are to be told of it, and
// what is closed when that changes.
func (b *RateBoard) current() (all []hydro.RateRequest, open bool, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all, b.open, b.changed
}

// A rateTeller is what one stream has been told.
type rateTeller struct {
	server     *IngestServer
	department hydro.Department
	told       bool
	last       []hydro.RateRequest
}

// news returns what the stream has not been told yet, or nil, and what is closed
// when there may be more.
func (t *rateTeller) news() (*freshetv1.RateRequests, <-chan struct{}) {
	board := t.server.opts.Rates
	if board == nil {
		return nil, nil
	}
	all, open, changed := board.current()
	if !open {
		return nil, changed
	}
	c := t.server.normalizer.Load().Catalog()
	out := &freshetv1.RateRequests{}
	var own []hydro.RateRequest
	for i := range all {
		if st, ok := c.Station(all[i].Station); ok && st.Department == t.department {
			own = append(own, all[i])
			out.Requests = append(out.Requests, wire.FromRateRequest(&all[i], st))
		}
	}
	if t.told && slices.Equal(own, t.last) {
		return nil, changed
	}
	t.told, t.last = true, own
	return out, changed
}

// ListRateRequests lists the stations that are asked to report faster.
func (s *Server) ListRateRequests(_ context.Context, req *freshetv1.ListRateRequestsRequest) (*freshetv1.ListRateRequestsResponse, error) {
	c, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	basins, err := s.someBasins(req.GetBasin())
	if err != nil {
		return nil, err
	}
	var (
		earliest time.Time
		all      []hydro.RateRequest
	)
	for i, b := range basins {
		b.Engine.Query(func(e *engine.Engine) {
			if now := e.Now(); i == 0 || now.Before(earliest) {
				earliest = now
			}
			all = append(all, e.Rates()...)
		})
	}
	slices.SortStableFunc(all, func(x, y hydro.RateRequest) int { return cmp.Compare(x.Station, y.Station) })
	resp := &freshetv1.ListRateRequestsResponse{Now: timestamp(earliest)}
	for i := range all {
		st, _ := c.Station(all[i].Station)
		resp.Requests = append(resp.Requests, wire.FromRateRequest(&all[i], st))
	}
	return resp, nil
}
