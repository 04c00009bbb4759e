//go:build !race

package e2e_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A storm is played twice: once left alone, once with kill -9 at 25 random
// moments while readings come in, the archive writes, an officer watches and a
// webhook is told.
// Nobody may be able to tell the difference.
func TestKillAtRandomMomentsLosesAndDoublesNothing(t *testing.T) {
	const kills = 25
	cat, storm := loadStorm(t)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()

	alone := newServer(t)
	quiet := newSender(cat)
	started := time.Now()
	if err := quiet.play(ctx, alone.spec.GRPC, storm, killSteps, nil); err != nil {
		t.Fatal(err)
	}
	took := time.Since(started)
	alone.stop()
	want := storedWarnings(t, alone.spec.Data)
	checkStore(t, alone.spec.Data, quiet.acked)
	if len(want) < 40 {
		t.Fatalf("the undisturbed run gave %d warnings: too few to show anything", len(want))
	}

	// The moments follow from nothing but this seed and how fast the machine is.
	seed := rand.Uint64()
	t.Logf("undisturbed: %d warnings, %d readings in %s; seed of the moments %d", len(want), len(quiet.acked), took.Round(time.Millisecond), seed)
	r := rand.New(rand.NewPCG(seed, 0))
	duty := newHook(t)
	srv := newServerTelling(t, catalogDir, duty.config)
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	officer, watched := watch(watching, srv.spec.GRPC)

	disturbed := newSender(cat)
	progress := make(chan int, killSteps)
	finished := make(chan error, 1)
	go func() {
		finished <- disturbed.play(ctx, srv.spec.GRPC, storm, killSteps, func(i int) error { progress <- i; return nil })
	}()
	// One kill in each 26th of the storm, at a random step and then a random
	// part of the time that a few steps take.
	const window = killSteps / (kills + 1)
	for k := range kills {
		at := k*window + r.IntN(window)
		for step := -1; step < at; {
			select {
			case step = <-progress:
			case err := <-finished:
				t.Fatalf("the storm ended after %d of %d kills: %v", k, kills, err)
			}
		}
		moment := time.NewTimer(time.Duration(r.Int64N(int64(took / killSteps * 3))))
		<-moment.C
		srv.kill()
		srv.start()
		if k%5 == 4 { // and now and then an orderly stop, which must not do worse
			for len(progress) > 0 { // of before the kill
				<-progress
			}
			for range 2 { // one may have been on its way; with the second it serves again
				<-progress
			}
			srv.stop()
			srv.start()
		}
	}
	if err := <-finished; err != nil {
		t.Fatal(err)
	}
	got, err := officer.wait(ctx, len(want))
	if err != nil {
		t.Fatal(err)
	}
	keys, calls, err := duty.wait(ctx, len(want))
	if err != nil {
		t.Fatal(err)
	}
	srv.stop()
	stopWatching()
	if err := <-watched; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}

	checkStore(t, srv.spec.Data, disturbed.acked)
	if d := cmp.Diff(quiet.acked, disturbed.acked); d != "" {
		t.Errorf("acknowledged readings differ (-undisturbed +killed):\n%.2000s", d)
	}
	var ids []string
	for _, w := range want {
		ids = append(ids, w.ID)
	}
	if d := cmp.Diff(ids, keys); d != "" {
		t.Errorf("what the webhook was sent, each key once, differs (-undisturbed +killed):\n%.4000s", d)
	}
	t.Logf("the webhook had %d messages for %d warnings", calls, len(keys))
	same := cmp.Options{cmpopts.EquateNaNs()}
	if d := cmp.Diff(want, got, same); d != "" {
		t.Errorf("the officer's feed differs (-undisturbed +killed):\n%.4000s", d)
	}
	if d := cmp.Diff(want, storedWarnings(t, srv.spec.Data), same); d != "" {
		t.Errorf("stored warnings differ (-undisturbed +killed):\n%.4000s", d)
	}
}
