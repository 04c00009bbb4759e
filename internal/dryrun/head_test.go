package dryrun_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/dryrun"
	"freshet/internal/hydro"
)

// A headless log has lost its first inputs to --log-max-age, which is minutes at least.
type headless struct{ err error }

func (headless) Last(context.Context) (uint64, error) { return 900, nil }

func (h headless) Inputs(context.Context) iter.Seq2[hydro.Input, error] {
	return func(yield func(hydro.Input, error) bool) { yield(hydro.Input{}, h.err) }
}

func (headless) Warnings(context.Context, time.Time) ([]hydro.Warning, error) { return nil, nil }

// A log that no longer begins with its first input is refused, by the numbers of what
// is gone and with what to do, whether it is a folder's or a server's.
func TestALogWithoutItsHeadIsRefused(t *testing.T) {
	gone := "inputs 1 to 812 are no longer on the log"
	for _, err := range []error{fmt.Errorf("%s: %w", gone, hydro.ErrNotFound), status.Error(codes.NotFound, gone)} {
		_, got := dryrun.Run(t.Context(), headless{err}, dryrun.Options{Basin: "river_don", Files: don2007(t, nil)})
		if !errors.Is(got, hydro.ErrNotFound) || !strings.Contains(got.Error(), gone) || !strings.Contains(got.Error(), "plays the log from its first input") || !strings.Contains(got.Error(), "--log-max-age 0") {
			t.Errorf("%v", got)
		}
	}
	other := status.Error(codes.PermissionDenied, "administrators only")
	if _, got := dryrun.Run(t.Context(), headless{other}, dryrun.Options{Basin: "river_don", Files: don2007(t, nil)}); strings.Contains(got.Error(), "first input") {
		t.Errorf("%v", got)
	}
}
