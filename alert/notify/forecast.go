package notify

import (
	"fmt"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// forecastItem tells how far a basin's forecast can be used. Like sight it is of no
// stage: nobody knows what a forecast that is missing would have said.
func forecastItem(w *hydro.ForecastWatch) Item {
	it := Item{
		ID:   fmt.Sprintf("forecast_watch/%s/%s", w.Basin, w.At.UTC().Format("20060102T150405Z")),
		Kind: Forecast, Event: w.Standing.String(), Basin: w.Basin, At: w.At.In(beijing), Blind: true,
		TextZH: w.DetailZH, TextEN: w.Detail, Forecast: w,
	}
	if w.Standing != hydro.ForecastValid {
		it.From, it.To = hydro.Blind, hydro.Blind
	}
	return it
}

// firstClause is a sentence's beginning, up to its numbers and reasons.
func firstClause(text string) string {
	for _, end := range []string{"：", ": "} {
		text, _, _ = strings.Cut(text, end)
	}
	return firstLine(text)
}

type forecastDocument struct {
	Standing   string         `json:"standing"`
	Since      *time.Time     `json:"since,omitempty"`
	IssuedAt   *time.Time     `json:"issued_at,omitempty"`
	ValidUntil *time.Time     `json:"valid_until,omitempty"`
	Holes      []holeDocument `json:"holes"`
}

type holeDocument struct {
	Node    string `json:"node"`
	Station string `json:"station,omitempty"`
	Why     string `json:"why"`
	WhyZH   string `json:"why_zh"`
}

func forecastDocumentOf(w *hydro.ForecastWatch, zone *time.Location) *forecastDocument {
	d := &forecastDocument{
		Standing: w.Standing.String(), Since: instant(w.Since, zone), IssuedAt: instant(w.IssuedAt, zone), ValidUntil: instant(w.ValidUntil, zone),
		Holes: []holeDocument{},
	}
	for i := range w.Holes {
		h := &w.Holes[i]
		d.Holes = append(d.Holes, holeDocument{h.Node, h.Station, h.Why, h.WhyZH})
	}
	return d
}
