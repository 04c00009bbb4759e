package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"freshet/forecast"
	"freshet/internal/auth"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/rehearse"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// A Shelf keeps rehearsals: *kept.Folder is one.
type Shelf interface {
	Put(id string, data []byte) error
	Get(id string) ([]byte, error)
	Delete(id string) error
	IDs() ([]string, error)
}

// maxWaiting rehearsals wait for the one that is computed; more are turned away.
const maxWaiting = 16

// A rehearsalRoom computes rehearsals, one run at a time beside what is live, and
// remembers the last situation as it is, which many are asked of.
type rehearsalRoom struct {
	slot    chan struct{} // holds one element while a run is computed
	waiting chan struct{}

	mu   sync.Mutex // guards last
	last map[string]*rehearse.Stage
}

func newRehearsalRoom() *rehearsalRoom {
	return &rehearsalRoom{slot: make(chan struct{}, 1), waiting: make(chan struct{}, maxWaiting+1), last: map[string]*rehearse.Stage{}}
}

// enter waits for the room. Leave must be called after it.
func (r *rehearsalRoom) enter(ctx context.Context) (leave func(), err error) {
	select {
	case r.waiting <- struct{}{}:
	default:
		return nil, status.Errorf(codes.ResourceExhausted, "%d rehearsals are waiting: ask again later", maxWaiting)
	}
	select {
	case r.slot <- struct{}{}:
		return func() { <-r.slot; <-r.waiting }, nil
	case <-ctx.Done():
		<-r.waiting
		return nil, fmt.Errorf("waiting for another rehearsal: %w", context.Cause(ctx))
	}
}

// fork returns an engine of the caller's own as of an instant, or as it is now.
func (s *Server) fork(_ context.Context, b Basin, asOf time.Time) (e *engine.Engine, err error) {
	if !asOf.IsZero() {
		return nil, status.Error(codes.FailedPrecondition, "as_of: this server rehearses from the present situation alone: leave it out")
	}
	b.Engine.Query(func(live *engine.Engine) { e = live.Fork() })
	return e, nil
}

// stage returns the situation that a scenario is asked of. The room must have been
// entered.
func (s *Server) stage(ctx context.Context, b Basin, asOf time.Time) (*rehearse.Stage, error) {
	s.room.mu.Lock()
	last := s.room.last[b.ID]
	s.room.mu.Unlock()
	if last != nil && asOf.IsZero() {
		var now time.Time
		var seq uint64
		b.Engine.Query(func(e *engine.Engine) { now, seq = e.Now(), e.Seq() })
		if last.Footing.Now.Equal(now) && last.Footing.Seq == seq {
			return last, nil
		}
	}
	e, err := s.fork(ctx, b, asOf)
	if err != nil {
		return nil, err
	}
	f, ok := e.Footing()
	if !ok {
		return nil, errNoTime
	}
	if last != nil && last.Footing.Now.Equal(f.Now) && last.Footing.Seq == f.Seq {
		return last, nil
	}
	st, err := rehearse.NewStage(ctx, f)
	if err != nil {
		return nil, err
	}
	s.room.mu.Lock()
	s.room.last[b.ID] = st
	s.room.mu.Unlock()
	return st, nil
}

// scenarioError turns what is wrong with a scenario into BadRequest.
func scenarioError(err error) error {
	wrong, _ := errors.AsType[rehearse.Invalid](err)
	if f, ok := errors.AsType[*hydro.FieldError](err); ok {
		wrong = rehearse.Invalid{f}
	}
	if len(wrong) == 0 {
		return err
	}
	var under []*hydro.FieldError
	for _, f := range wrong {
		under = append(under, &hydro.FieldError{Field: "scenario." + f.Field, Text: f.Text})
	}
	return fieldErrors(under...)
}

// pastRain returns where a past storm is read: nil where the situation remembers it,
// else the store.
func (s *Server) pastRain(ctx context.Context, f *engine.Footing, r *rehearse.Rain) (forecast.Source, error) {
	if r.Kind != rehearse.PastStorm || !r.From.Before(f.Now.Add(-engine.Remembers)) {
		return nil, nil
	}
	book := map[hydro.Key]*hydro.History{} // only ever looked up
	for i := range f.Catalogue.Stations {
		st := &f.Catalogue.Stations[i]
		if st.Basin != f.Basin {
			continue
		}
		for _, p := range st.Parameters {
			if p.Variable != hydro.Rain && p.Variable != hydro.RainCounter {
				continue
			}
			key := hydro.Key{Station: st.ID, Variable: hydro.Rain, Sensor: p.Sensor}
			h := &hydro.History{}
			for o, err := range s.opts.Store.Observations(ctx, key, r.From, r.Until.Add(time.Millisecond)) {
				if err != nil {
					return nil, fmt.Errorf("past storm: history of %s: %w", key, err)
				}
				h.Put(hydro.Sample{
					At: o.At.UnixMilli(), Received: o.ReceivedAt.UnixMilli(), Value: o.Value, Raw: o.Raw, Interval: int32(o.Interval / time.Second),
					Quality: o.Quality, Own: o.Quality, Tests: o.Tests, Ran: o.Ran, Failed: o.Failed, Revision: o.Revision,
				})
			}
			book[key] = h
		}
	}
	return func(k hydro.Key) *hydro.History { return book[k] }, nil
}

// scenario reads a scenario and finds its basin.
func (s *Server) scenario(p *freshetv1.Scenario) (Basin, rehearse.Scenario, error) {
	x, err := wire.ToScenario(p)
	if err != nil {
		return Basin{}, x, scenarioError(err)
	}
	b, err := s.basin(x.Basin)
	x.Basin = b.ID
	return b, x, err
}

// RunScenario answers a scenario beside the situation as it is.
func (s *Server) RunScenario(ctx context.Context, req *freshetv1.RunScenarioRequest) (*freshetv1.RunScenarioResponse, error) {
	b, x, err := s.scenario(req.GetScenario())
	if err != nil {
		return nil, err
	}
	leave, err := s.room.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	st, err := s.stage(ctx, b, x.AsOf)
	if err != nil {
		return nil, err
	}
	p, err := s.rehearsal(ctx, st, x)
	if err == nil && req.GetKeep() {
		err = s.keep(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	return &freshetv1.RunScenarioResponse{Rehearsal: p}, nil
}

// rehearsal asks a scenario of a situation.
func (s *Server) rehearsal(ctx context.Context, st *rehearse.Stage, x rehearse.Scenario) (*freshetv1.Rehearsal, error) {
	past, err := s.pastRain(ctx, &st.Footing, &x.Rain)
	if err != nil {
		return nil, err
	}
	o, err := st.Ask(ctx, x, past)
	if err != nil {
		return nil, scenarioError(err)
	}
	p := wire.FromOutcome(o, st.Footing.Catalogue, st.Footing.Now)
	p.Id = rehearsalID(p)
	return p, nil
}

// rehearsalID names a question: the same one of the same situation has the same id.
func rehearsalID(p *freshetv1.Rehearsal) string {
	h := sha256.New()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(p.GetScenario())
	if err != nil {
		panic(err) // made here, of valid text
	}
	fmt.Fprintf(h, "%s %d %d %s\n", p.GetBasin(), p.GetSituationAt().AsTime().UnixMilli(), p.GetInputSeq(), p.GetCatalogue())
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// keep puts a rehearsal on the shelf.
func (s *Server) keep(ctx context.Context, p *freshetv1.Rehearsal) error {
	if s.opts.Rehearsals == nil {
		return fmt.Errorf("this server keeps no rehearsals: %w", hydro.ErrUnavailable)
	}
	p.KeptAt = timestamp(s.opts.Clock.Now())
	if c := callerOf(ctx); c != nil {
		p.KeptBy = c.cred.Name()
	}
	data, err := proto.Marshal(p)
	if err != nil {
		return fmt.Errorf("keep a rehearsal: %w", err)
	}
	return s.opts.Rehearsals.Put(p.GetId(), data)
}

// kept reads a rehearsal from the shelf.
func (s *Server) kept(id string) (*freshetv1.Rehearsal, error) {
	if s.opts.Rehearsals == nil {
		return nil, fmt.Errorf("rehearsal %s: this server keeps none: %w", id, hydro.ErrNotFound)
	}
	data, err := s.opts.Rehearsals.Get(id)
	if err != nil {
		return nil, fmt.Errorf("rehearsal %w", err)
	}
	return decodeKept(id, data)
}

func decodeKept(id string, data []byte) (*freshetv1.Rehearsal, error) {
	p := &freshetv1.Rehearsal{}
	if err := proto.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("rehearsal %s: its file is damaged (%w): delete it and ask again", id, err)
	}
	p.Rehearsal, p.BannerZh, p.BannerEn = true, rehearse.BannerZH, rehearse.BannerEN // whatever a file says
	return p, nil
}

// GetScenario gives a rehearsal that is kept.
func (s *Server) GetScenario(_ context.Context, req *freshetv1.GetScenarioRequest) (*freshetv1.GetScenarioResponse, error) {
	p, err := s.kept(req.GetId())
	if err != nil {
		return nil, err
	}
	return &freshetv1.GetScenarioResponse{Rehearsal: p}, nil
}

// ListScenarios lists what is kept, the newest first, without series and walks. A
// file that is damaged is left out: asked for by its id, it says so.
func (s *Server) ListScenarios(_ context.Context, req *freshetv1.ListScenariosRequest) (*freshetv1.ListScenariosResponse, error) {
	if _, err := s.someBasins(req.GetBasin()); err != nil {
		return nil, err
	}
	resp := &freshetv1.ListScenariosResponse{}
	if s.opts.Rehearsals == nil {
		return resp, nil
	}
	ids, err := s.opts.Rehearsals.IDs()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		p, err := s.kept(id)
		if err != nil {
			s.opts.Logger.Warn("a rehearsal that is kept cannot be read", "id", id, "err", err)
			continue
		}
		if req.GetBasin() != "" && p.GetBasin() != req.GetBasin() {
			continue
		}
		headOnly(p)
		resp.Rehearsals = append(resp.Rehearsals, p)
	}
	slices.SortStableFunc(resp.GetRehearsals(), func(a, b *freshetv1.Rehearsal) int {
		return cmp.Or(b.GetKeptAt().AsTime().Compare(a.GetKeptAt().AsTime()), cmp.Compare(a.GetId(), b.GetId()))
	})
	return resp, nil
}

// headOnly drops what a list has no room for.
func headOnly(p *freshetv1.Rehearsal) {
	p.BaseWalk, p.Walk = nil, nil
	for _, x := range p.GetStations() {
		for _, f := range []*freshetv1.RehearsedFigures{x.GetBase(), x.GetAsked()} {
			if f != nil {
				f.Discharge, f.Level = nil, nil
			}
		}
	}
	for _, x := range p.GetReservoirs() {
		for _, f := range []*freshetv1.RehearsedPool{x.GetBase(), x.GetAsked()} {
			if f != nil {
				f.Inflow, f.Outflow, f.Level, f.Limit = nil, nil, nil, nil
			}
		}
	}
}

// DeleteScenario forgets a rehearsal. Who kept it may, and admins.
func (s *Server) DeleteScenario(ctx context.Context, req *freshetv1.DeleteScenarioRequest) (*freshetv1.DeleteScenarioResponse, error) {
	if s.opts.Rehearsals == nil {
		return nil, fmt.Errorf("rehearsal %s: this server keeps none: %w", req.GetId(), hydro.ErrNotFound)
	}
	if c := callerOf(ctx); c != nil && c.who.Load().Role != auth.Admin {
		if p, err := s.kept(req.GetId()); err != nil {
			return nil, err
		} else if by := p.GetKeptBy(); by != c.cred.Name() {
			return nil, status.Errorf(codes.PermissionDenied, "rehearsal %s is kept by %s: they may delete it, and admins", req.GetId(), cmp.Or(by, "nobody who gave a name"))
		}
	}
	if err := s.opts.Rehearsals.Delete(req.GetId()); err != nil {
		return nil, fmt.Errorf("rehearsal %w", err)
	}
	return &freshetv1.DeleteScenarioResponse{}, nil
}

// CompareScenarios lays two rehearsals that are kept side by side.
func (s *Server) CompareScenarios(_ context.Context, req *freshetv1.CompareScenariosRequest) (*freshetv1.CompareScenariosResponse, error) {
	a, err := s.kept(req.GetA())
	if err != nil {
		return nil, err
	}
	b, err := s.kept(req.GetB())
	if err != nil {
		return nil, err
	}
	if a.GetBasin() != b.GetBasin() {
		return nil, badField("b", fmt.Sprintf("%s is of basin %s, %s of %s: compare two of one basin", b.GetId(), b.GetBasin(), a.GetId(), a.GetBasin()))
	}
	resp := &freshetv1.CompareScenariosResponse{Rehearsal: true, BannerZh: rehearse.BannerZH, BannerEn: rehearse.BannerEN, A: a, B: b}
	note := func(zh, en string) { resp.NotesZh, resp.NotesEn = append(resp.NotesZh, zh), append(resp.NotesEn, en) }
	if x, y := a.GetT0().AsTime(), b.GetT0().AsTime(); !x.Equal(y) {
		note(fmt.Sprintf("起报时刻不同：%s与%s，差异不全由情景造成", x.In(beijing).Format("01-02 15:04"), y.In(beijing).Format("01-02 15:04")),
			fmt.Sprintf("T0 is %s and %s: what differs is not the scenarios' doing alone", x.Format(time.RFC3339), y.Format(time.RFC3339)))
	}
	if a.GetCatalogue() != b.GetCatalogue() {
		note("基础资料版本不同", "they are of two versions of the catalogue")
	}
	for _, x := range a.GetStations() {
		i := slices.IndexFunc(b.GetStations(), func(y *freshetv1.RehearsedStation) bool { return y.GetStation() == x.GetStation() })
		if i < 0 || x.GetAsked() == nil || b.GetStations()[i].GetAsked() == nil {
			continue
		}
		p, q := x.GetAsked(), b.GetStations()[i].GetAsked()
		resp.Stations = append(resp.Stations, &freshetv1.RehearsedDifference{
			Station: x.GetStation(), NameZh: x.GetNameZh(), NameEn: x.GetNameEn(),
			Level: q.GetPeak().GetLevel() - p.GetPeak().GetLevel(), Discharge: q.GetPeak().GetDischarge() - p.GetPeak().GetDischarge(),
			LaterS: int64(q.GetPeak().GetAt().AsTime().Sub(p.GetPeak().GetAt().AsTime()) / time.Second), Volume: q.GetVolume() - p.GetVolume(),
		})
	}
	return resp, nil
}
