package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"freshet/alert/notify"
	"freshet/internal/hydro"
	"freshet/internal/outbox"
)

// openNotify reads the receivers and makes an outbox for each.
func (a *App) openNotify() ([]*outbox.Outbox, error) {
	if a.opts.Notify == "" {
		return nil, nil
	}
	data, err := os.ReadFile(a.opts.Notify)
	if err != nil {
		return nil, fmt.Errorf("--notify: %w: %w", err, hydro.ErrInvalid)
	}
	receivers, err := notify.Parse(a.opts.Notify, data, a.catalog)
	if err != nil {
		return nil, err
	}
	metrics := outbox.NewMetrics(a.opts.Registry)
	var out []*outbox.Outbox
	var errs []error
	for _, r := range receivers {
		var basins []string
		for _, b := range a.basins {
			if r.FollowsBasin(b.id) {
				basins = append(basins, b.id)
			}
		}
		o, err := outbox.New(a.journal, outbox.Options{
			Receiver: r, Basins: basins, Catalog: a.catalog, Now: a.clock.Now, Wall: time.Now, Wait: a.opts.NotifyWait, Logger: a.logger, Metrics: metrics,
			Aside: filepath.Join(a.opts.Data, outbox.AsideDir),
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.opts.Notify, err))
			continue
		}
		out = append(out, o)
	}
	return out, errors.Join(errs...)
}
