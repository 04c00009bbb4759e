package engine

import (
	"slices"

	"freshet/internal/hydro"
)

// A watchState is what is known of the standing of the forecast. That a screen shows
// an old run, or none, must never look like a river that stays low.
type watchState struct {
	Failure string // why the latest run failed; "" if it did not
	Now     hydro.ForecastWatch
}

// watchForecast decides how far the forecast can be used, and says so when that has
// changed. A basin that was never told of stands well: a first run that is whole is
// no news.
func (e *Engine) watchForecast(outs []hydro.Output) []hydro.Output {
	w := hydro.ForecastWatch{Basin: e.basin, At: e.now, Standing: e.forecastStanding()}
	if w.Standing == 0 {
		return outs
	}
	if f := e.latest; f != nil {
		w.IssuedAt, w.ValidUntil = f.IssuedAt, f.ValidUntil
		if w.Standing < hydro.ForecastExpired {
			w.Holes = f.Holes
		}
	}
	before := &e.watch.Now
	same := before.Standing == w.Standing
	if w.Since = before.Since; !same {
		w.Since = e.now
	}
	same = same && slices.EqualFunc(before.Holes, w.Holes, func(a, b hydro.ForecastHole) bool { return a.Node == b.Node })
	first := before.Standing == 0 && w.Standing == hydro.ForecastValid
	w.Tell(e.watch.Failure, e.namesOf)
	e.watch.Now = w
	if same || first {
		return outs
	}
	return append(outs, hydro.Output{Watch: &w})
}

func (e *Engine) forecastStanding() hydro.ForecastStanding {
	f := e.latest
	switch {
	case e.lastRun.IsZero():
		return 0
	case f == nil:
		return hydro.ForecastNone
	case !f.ValidUntil.After(e.now):
		return hydro.ForecastExpired
	case e.watch.Failure != "":
		return hydro.ForecastFailed
	case len(f.Holes) > 0:
		return hydro.ForecastPartial
	default:
		return hydro.ForecastValid
	}
}

// namesOf returns a station's names, its id where it has none.
func (e *Engine) namesOf(id string) (zh, en string) {
	zh, en = id, id
	if st, ok := e.cat.Station(id); ok {
		if st.NameZH != "" {
			zh = st.NameZH
		}
		if st.NameEN != "" {
			en = st.NameEN
		}
	}
	return zh, en
}

// ForecastWatch returns the standing of the forecast as of the last tick; 0 if no
// run was due yet.
func (e *Engine) ForecastWatch() hydro.ForecastWatch {
	w := e.watch.Now
	if w.Standing == 0 {
		w = hydro.ForecastWatch{Basin: e.basin, At: e.now}
		w.Tell("", func(id string) (string, string) { return id, id })
	}
	w.Holes = slices.Clone(w.Holes)
	return w
}

// ran notes how a run that was due ended.
func (w *watchState) ran(err error) {
	w.Failure = ""
	if err != nil {
		w.Failure = err.Error()
	}
}
