package demo

import (
	"context"
	"slices"
	"sync"

	"freshet/internal/hydro"
)

// A feed collects the warnings that the feed delivered, in its order.
type feed struct {
	mu       sync.Mutex
	warnings []hydro.Warning
	changed  chan struct{} // closed at the next warning, if anybody waits
}

func (f *feed) add(w hydro.Warning) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.warnings = append(f.warnings, w)
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// newest returns up to n warnings, newest first, and how many there are.
func (f *feed) newest(n int) ([]hydro.Warning, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := slices.Clone(f.warnings[max(0, len(f.warnings)-n):])
	slices.Reverse(out)
	return out, len(f.warnings)
}

// wait returns all warnings once there are n.
func (f *feed) wait(ctx context.Context, n int) ([]hydro.Warning, error) {
	for {
		f.mu.Lock()
		if len(f.warnings) >= n {
			defer f.mu.Unlock()
			return slices.Clone(f.warnings), nil
		}
		if f.changed == nil {
			f.changed = make(chan struct{})
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
