package wire_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

func hole() *rapid.Generator[hydro.ForecastHole] {
	return rapid.Custom(func(t *rapid.T) hydro.ForecastHole {
		return hydro.ForecastHole{
			Node: name().Draw(t, "node"), Station: text().Draw(t, "station"), Why: text().Draw(t, "why"), WhyZH: text().Draw(t, "why in Chinese"),
			From: maybe(instant()).Draw(t, "from"),
		}
	})
}

func forecastWatch() *rapid.Generator[hydro.ForecastWatch] {
	return rapid.Custom(func(t *rapid.T) hydro.ForecastWatch {
		w := hydro.ForecastWatch{
			Basin: name().Draw(t, "basin"), Standing: rapid.SampledFrom(hydro.ForecastStandings).Draw(t, "standing"),
			Since: maybe(instant()).Draw(t, "since"), IssuedAt: maybe(instant()).Draw(t, "issued"), ValidUntil: maybe(instant()).Draw(t, "valid"),
			Holes: rapid.SliceOfN(hole(), 0, 3).Draw(t, "holes"), Detail: text().Draw(t, "detail"), DetailZH: text().Draw(t, "detail in Chinese"), At: instant().Draw(t, "at"),
		}
		if len(w.Holes) == 0 {
			w.Holes = nil
		}
		return w
	})
}

func TestAStandingThatCannotComeBackIsRefused(t *testing.T) {
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for name, change := range map[string]func(*hydro.ForecastWatch){
		"basin":          func(w *hydro.ForecastWatch) { w.Basin = "" },
		"no standing":    func(w *hydro.ForecastWatch) { w.Standing = 0 },
		"other standing": func(w *hydro.ForecastWatch) { w.Standing = 99 },
		"time":           func(w *hydro.ForecastWatch) { w.At = time.Time{} },
		"node":           func(w *hydro.ForecastWatch) { w.Holes = []hydro.ForecastHole{{}} },
		"since":          func(w *hydro.ForecastWatch) { w.Since = time.Unix(1<<40, 0) },
	} {
		w := hydro.ForecastWatch{Basin: "b", Standing: hydro.ForecastFailed, At: at}
		change(&w)
		if _, err := wire.EncodeOutput(1, 0, hydro.Output{Watch: &w}); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, p := range []*freshetv1.ForecastWatch{nil, {Basin: "b", Standing: 99, At: wire.FromTime(at)}, {Basin: "b", Standing: -1, At: wire.FromTime(at)}} {
		if _, err := wire.ToForecastWatch(p); !errors.Is(err, hydro.ErrInvalid) {
			t.Errorf("%v: %v", p, err)
		}
	}
}
