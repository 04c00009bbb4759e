package server

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc/status"

	"freshet/internal/briefing/pack"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// packPolicy lets the page for print have its own style, and nothing else: it has
// no script, and loads nothing.
const packPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// packKinds are the files of a briefing pack.
var packKinds = []struct {
	name, content string
	write         func(pack.Pack, *bytes.Buffer) error
}{
	{"pack.html", "text/html; charset=utf-8", func(p pack.Pack, b *bytes.Buffer) error { return p.HTML(b) }},
	{"pack.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", func(p pack.Pack, b *bytes.Buffer) error { return p.Workbook(b) }},
	{"pack.txt", "text/plain; charset=utf-8", func(p pack.Pack, b *bytes.Buffer) error { return p.Text(b) }},
}

// servePack gives a briefing pack. Query parameters: basin, as_of, since (the last
// briefing; may be left out), lang (zh, en). The situation is asked for by the call
// that others use, so that who may not make it gets no pack either.
func (s *Server) servePack(name, content string, write func(pack.Pack, *bytes.Buffer) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := s.pack(r)
		if err != nil {
			if _, ok := status.FromError(err); !ok {
				err = StatusError(err)
			}
			webError(w, err)
			return
		}
		var b bytes.Buffer
		if err := write(p, &b); err != nil {
			webError(w, StatusError(err))
			return
		}
		h := w.Header()
		h.Set("Content-Type", content)
		h.Set("Content-Security-Policy", packPolicy)
		h.Set("Cache-Control", "no-store")
		how := "inline"
		if name == "pack.xlsx" {
			how = "attachment"
		}
		h.Set("Content-Disposition", fmt.Sprintf("%s; filename=%q", how, p.FileName(name)))
		_, _ = w.Write(b.Bytes()) // the client has gone: nobody to tell
	})
}

// pack asks for what a pack is made of.
func (s *Server) pack(r *http.Request) (pack.Pack, error) {
	q := r.URL.Query()
	p := pack.Pack{Lang: termui.Chinese, Templates: s.opts.PackTemplates}
	if text := q.Get("lang"); text != "" {
		var err error
		if p.Lang, err = termui.ParseLang(text); err != nil {
			return p, badField("lang", err.Error())
		}
	}
	asOf, err := queryInstant(q.Get("as_of"), "as_of")
	if err != nil {
		return p, err
	}
	calls := freshetv1.NewBriefingServiceClient(s.loopConn)
	got, err := calls.GetSituation(r.Context(), &freshetv1.GetSituationRequest{Basin: q.Get("basin"), AsOf: timestamp(asOf)})
	if err != nil {
		return p, err
	}
	p.Situation, p.Hash = got.GetSituation(), got.GetHash()
	if q.Get("since") == "" {
		return p, nil
	}
	since, err := queryInstant(q.Get("since"), "since")
	if err != nil {
		return p, err
	}
	diff, err := calls.CompareSituations(r.Context(), &freshetv1.CompareSituationsRequest{Basin: q.Get("basin"), From: timestamp(since), To: timestamp(asOf)})
	p.Diff = diff.GetDiff()
	return p, err
}

func queryInstant(text, field string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, badField(field, fmt.Sprintf("%q is no instant: write 2026-06-15T08:00:00+08:00 (in a link, + is %%2B)", text))
	}
	return at.UTC(), nil
}
