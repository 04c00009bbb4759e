package demo_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/app"
	"freshet/internal/briefing"
	"freshet/internal/catalog"
	"freshet/internal/client"
	"freshet/internal/demo/scenario"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/server"
	freshetv1 "freshet/proto/freshet/v1"
)

// situations are those of instants drawn from the whole storm, asked for as soon as
// engine time had reached each of them.
type situations struct {
	instants []time.Time // ascending
	answers  []*freshetv1.GetSituationResponse
}

func newSituations(t *testing.T, n int) *situations {
	t.Helper()
	cat, err := catalog.LoadDir(options(nil).App.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	storm, err := scenario.New(cat, 1)
	if err != nil {
		t.Fatal(err)
	}
	s := &situations{}
	r := rand.New(rand.NewPCG(6, 1))
	for range n {
		s.instants = append(s.instants, storm.Start().Add(time.Duration(r.Int64N(int64(storm.Duration()))).Truncate(time.Millisecond)))
	}
	slices.SortFunc(s.instants, time.Time.Compare)
	s.instants[n-1] = storm.Start().Add(storm.Duration() / 2 / storm.Step() * storm.Step()) // one of them is a tick
	slices.SortFunc(s.instants, time.Time.Compare)
	return s
}

// ask asks for the instants that engine time has reached now.
func (s *situations) ask(ctx context.Context, a *app.App, now time.Time) (err error) {
	if len(s.answers) == len(s.instants) || s.instants[len(s.answers)].After(now) {
		return nil
	}
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	briefings := freshetv1.NewBriefingServiceClient(conn)
	for len(s.answers) < len(s.instants) {
		at := s.instants[len(s.answers)]
		resp, err := briefings.GetSituation(ctx, &freshetv1.GetSituationRequest{AsOf: timestamppb.New(at)})
		if at.After(now) {
			if status.Code(err) != codes.FailedPrecondition {
				return errors.Join(errors.New("a situation that is still to come was not refused"), err)
			}
			return nil
		}
		if err != nil {
			return err
		}
		s.answers = append(s.answers, resp)
	}
	return nil
}

// check compares the answers with those of a server started anew on the log and its
// milestones, in another order, and with a replay of nothing but the log.
func (s *situations) check(t *testing.T, data string) {
	if len(s.answers) != len(s.instants) {
		t.Fatalf("%d of %d situations were asked for", len(s.answers), len(s.instants))
	}
	o := options(nil).App
	o.Data, o.Clock = data, "driven"
	a, err := app.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := a.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := client.Dial(a.GRPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	briefings := freshetv1.NewBriefingServiceClient(conn)
	for _, i := range rand.New(rand.NewPCG(6, 2)).Perm(len(s.instants)) {
		resp, err := briefings.GetSituation(t.Context(), &freshetv1.GetSituationRequest{AsOf: timestamppb.New(s.instants[i])})
		if err != nil {
			t.Fatal(err)
		}
		s.same(t, "after a restart", i, resp.GetSituation(), resp.GetHash())
	}
	diff, err := briefings.CompareSituations(t.Context(), &freshetv1.CompareSituationsRequest{
		From: timestamppb.New(s.instants[0]), To: timestamppb.New(s.instants[len(s.instants)-1]),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := briefing.Diff(s.answers[0].GetSituation(), s.answers[len(s.answers)-1].GetSituation())
	want.From.Hash, want.To.Hash = s.answers[0].GetHash(), s.answers[len(s.answers)-1].GetHash()
	if !proto.Equal(diff.GetDiff(), want) {
		t.Errorf("compared are %v, want %v", diff.GetDiff(), want)
	}
	s.replay(t, a)
}

// replay folds the log from its start on an engine that has nothing else.
func (s *situations) replay(t *testing.T, a *app.App) {
	t.Helper()
	e := engine.New("tanjiang")
	done := 0
	var between []hydro.Input // since the last tick
	for in, err := range a.Inputs(t.Context(), "tanjiang") {
		if err != nil {
			t.Fatal(err)
		}
		between = append(between, in)
		if in.Tick == nil {
			continue
		}
		for ; done < len(s.instants) && s.instants[done].Before(in.Tick.At); done++ {
			situation := server.SituationOf(e, s.instants[done])
			hash, err := briefing.Hash(situation)
			if err != nil {
				t.Fatal(err)
			}
			s.same(t, "from the log alone", done, situation, hash)
		}
		if done == len(s.instants) {
			return
		}
		for _, in := range between {
			if _, err := e.Apply(in); err != nil {
				t.Fatal(err)
			}
		}
		between = between[:0]
	}
	t.Errorf("the log alone gives %d of %d situations", done, len(s.instants))
}

func (s *situations) same(t *testing.T, how string, i int, got *freshetv1.Situation, hash string) {
	t.Helper()
	want := s.answers[i]
	if hash != want.GetHash() {
		t.Errorf("as of %s, %s: hash %s, at once it was %s; equal but for the bytes: %t",
			s.instants[i].Format(time.RFC3339Nano), how, hash, want.GetHash(), proto.Equal(got, want.GetSituation()))
	}
}
