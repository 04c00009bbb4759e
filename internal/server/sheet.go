package server

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/sheet"
)

// serveSheet gives the plans for paper, as they stand now: a page that a browser
// prints on A4. Query parameters: basin, plan, lang (zh or en), and empty=true for
// the sheets of all levels with nothing declared.
func (s *Server) serveSheet(w http.ResponseWriter, r *http.Request) {
	page, err := s.sheet(r)
	if err != nil {
		webError(w, StatusError(err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store") // a sheet is of its instant
	_, _ = w.Write(page)                        // the client has gone: nobody to tell
}

func (s *Server) sheet(r *http.Request) ([]byte, error) {
	q := r.URL.Query()
	o := sheet.Options{Chinese: true, Zone: beijing, Server: r.Host}
	switch q.Get("lang") {
	case "", "zh":
	case "en":
		o.Chinese = false
	default:
		return nil, badField("lang", fmt.Sprintf("%q is no language of the sheet: zh or en", q.Get("lang")))
	}
	empty := q.Get("empty") == "true"
	c, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	o.Mark = c.Illustrative
	basins, err := s.someBasins(q.Get("basin"))
	if err != nil {
		return nil, err
	}
	var responses []hydro.Response
	now := look(basins, func(_ string, e *engine.Engine) {
		for _, x := range e.Responses() {
			if id := q.Get("plan"); id == "" || x.Plan == id {
				responses = append(responses, x)
			}
		}
	})
	switch {
	case len(responses) == 0 && q.Get("plan") != "":
		return nil, fmt.Errorf("no plan %q: %w", q.Get("plan"), hydro.ErrNotFound)
	case empty:
		now = time.Time{}
	case now.IsZero():
		return nil, fmt.Errorf("the server has had no tick yet: %w", hydro.ErrUnavailable)
	}
	o.At = now
	var b bytes.Buffer // whole, or an error
	if err := sheet.HTML(&b, responses, o); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
