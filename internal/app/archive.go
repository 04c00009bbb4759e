package app

import (
	"context"
	"sync/atomic"

	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/store"
)

// interimArchive copies the out-log to the store until the archive package is in.
type interimArchive struct {
	basin    string
	log      *journal.Journal
	store    store.Store
	seq      atomic.Uint64
	archived atomic.Uint64
}

func (a *interimArchive) Run(ctx context.Context) error {
	var obs []hydro.Observation
	for r, err := range a.log.Outputs(ctx, a.basin, 0) {
		if err != nil {
			return err
		}
		o := r.Output
		obs = append(obs, o.Observations...)
		if r.Pending == 0 || len(obs) > 5000 {
			if err := a.store.WriteObservations(ctx, a.basin, obs); err != nil {
				return err
			}
			a.archived.Add(uint64(len(obs)))
			obs = obs[:0]
		}
		if o.Forecast != nil {
			err = a.store.WriteForecast(ctx, *o.Forecast)
		}
		if o.Warning != nil {
			err = a.store.WriteWarning(ctx, *o.Warning)
		}
		if err != nil {
			return err
		}
		a.seq.Store(r.Seq)
	}
	return nil
}
