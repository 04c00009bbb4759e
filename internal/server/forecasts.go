package server

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/internal/forecastcsv"
	"freshet/internal/hydro"
	"freshet/internal/journal"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// runStamp is the time of issue in the link to a run.
const runStamp = "20060102T150405Z"

// issuedAt reads the name of a run in a link; nil is the latest.
func issuedAt(name string) (*timestamppb.Timestamp, error) {
	if name == "latest" {
		return nil, nil //nolint:nilnil // that is what it means
	}
	for _, layout := range []string{runStamp, time.RFC3339} {
		if t, err := time.Parse(layout, name); err == nil {
			return timestamppb.New(t), nil
		}
	}
	return nil, badField("issued_at", fmt.Sprintf("%q: write latest, or a time of issue as 20260610T063500Z", name))
}

// serveForecast gives a run as /v1/forecasts/{basin}/{issued_at}.csv or .json.
func (s *Server) serveForecast(w http.ResponseWriter, r *http.Request) {
	name, kind := r.PathValue("file"), ""
	for _, k := range []string{"csv", "json"} {
		if cut, ok := strings.CutSuffix(name, "."+k); ok {
			name, kind = cut, k
		}
	}
	if kind == "" {
		webError(w, StatusError(fmt.Errorf("%q: a run is <issued_at>.csv, <issued_at>.json, latest.csv or latest.json, or <issued_at>/st_forecast_f.csv: %w", name, hydro.ErrNotFound)))
		return
	}
	s.writeForecast(w, r, name, kind)
}

// serveSL323 gives a run as /v1/forecasts/{basin}/{issued_at}/st_forecast_f.csv. What
// the run does not hold comes from the query: unit (UNITNAME) and plan (PLCD).
func (s *Server) serveSL323(w http.ResponseWriter, r *http.Request) {
	s.writeForecast(w, r, r.PathValue("file"), "st_forecast_f")
}

func (s *Server) writeForecast(w http.ResponseWriter, r *http.Request, name, kind string) {
	at, err := issuedAt(name)
	var got *freshetv1.GetForecastResponse
	if err == nil {
		got, err = s.GetForecast(r.Context(), &freshetv1.GetForecastRequest{Basin: r.PathValue("basin"), IssuedAt: at})
	}
	var f hydro.Forecast
	if err == nil {
		f, err = wire.ToForecast(got.GetForecast())
	}
	var body []byte
	if err == nil {
		body, err = s.tableOf(w, r, &f, got, kind)
	}
	if err != nil {
		webError(w, StatusError(err))
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache") // a run of the past may come to be archived anew; latest moves on
	h.Set("ETag", fmt.Sprintf("%q", f.Basin+"/"+f.IssuedAt.UTC().Format(runStamp)))
	h.Set("X-Freshet-Issued-At", f.IssuedAt.UTC().Format(time.RFC3339))
	_, _ = w.Write(body) // the client has gone: nobody to tell
}

// tableOf writes a run and says in the header what it is.
func (s *Server) tableOf(w http.ResponseWriter, r *http.Request, f *hydro.Forecast, got *freshetv1.GetForecastResponse, kind string) ([]byte, error) {
	cat, err := s.catalogue()
	if err != nil {
		return nil, err
	}
	if kind == "json" {
		w.Header().Set("Content-Type", "application/json")
		return protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(got)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	var b bytes.Buffer
	if kind == "csv" {
		err := forecastcsv.Write(&b, f, func(id string) (zh, en string) {
			if st, ok := cat.Station(id); ok {
				return st.NameZH, st.NameEN
			}
			return "", ""
		})
		return b.Bytes(), err
	}
	without, err := forecastcsv.WriteSL323(&b, f, forecastcsv.SL323{Unit: r.URL.Query().Get("unit"), Plan: r.URL.Query().Get("plan"), Code: func(id string) (string, bool) {
		st, ok := cat.Station(id)
		if !ok {
			return forecastcsv.Code([]string{id})
		}
		return forecastcsv.Code(append([]string{st.ID}, st.Aliases...))
	}})
	if len(without) > 0 {
		w.Header().Set("X-Freshet-Stations-Without-Code", strings.Join(without, " "))
	}
	return b.Bytes(), err
}

// WatchForecasts gives runs as they are issued. Each watcher reads the log through a
// reader of its own.
func (s *Server) WatchForecasts(req *freshetv1.WatchForecastsRequest, stream grpc.ServerStreamingServer[freshetv1.WatchForecastsResponse]) error {
	if err := s.check(req); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	// Where a feed of warnings would begin, a feed of runs does too.
	at, err := s.startPlaces(ctx, &freshetv1.WatchWarningsRequest{
		Basins: req.GetBasins(), ResumeToken: req.GetResumeToken(), FromStart: req.GetResumeToken() == "" && req.GetIssuedAfter() != nil,
	})
	if err != nil {
		return err
	}
	after := time.Time{}
	if req.GetResumeToken() == "" && req.GetIssuedAfter() != nil {
		after = req.GetIssuedAfter().AsTime()
		for k := range at {
			if at[k].seq, err = s.behindRun(ctx, at[k].basin, after); err != nil {
				return cmpErr(ctx, err)
			}
		}
	}
	type run struct {
		place  int
		record journal.Record
	}
	runs := make(chan run)
	for k, p := range at {
		go func() {
			for r, err := range s.opts.Feed.Outputs(ctx, p.basin, p.seq, "forecast") {
				if err != nil {
					cancel(err)
					return
				}
				select {
				case runs <- run{k, r}:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	beat := func() error {
		return stream.Send(&freshetv1.WatchForecastsResponse{ResumeToken: at.encode(), Now: timestamp(s.earliestNow(at))})
	}
	ticker := time.NewTicker(s.opts.Heartbeat)
	defer ticker.Stop()
	if err := beat(); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			if err := beat(); err != nil {
				return err
			}
		case r := <-runs:
			at[r.place].seq = r.record.Seq
			f := r.record.Output.Forecast
			if f == nil || !f.IssuedAt.After(after) {
				continue
			}
			if err := stream.Send(&freshetv1.WatchForecastsResponse{
				Forecast: wire.FromForecast(f), ResumeToken: at.encode(), Unseen: r.record.Pending, Now: timestamp(s.earliestNow(at)),
			}); err != nil {
				return err //nolint:wrapcheck // a status
			}
		}
	}
}

// behindRun returns a place in a basin's log behind which the runs issued after an
// instant stand, and no other. Runs ascend by their time of issue, so it is found by
// halving.
func (s *Server) behindRun(ctx context.Context, basin string, issued time.Time) (uint64, error) {
	first, err := s.opts.Feed.FirstOutput(ctx, basin)
	if err != nil {
		return 0, err
	}
	end, err := s.opts.Feed.LastOutput(ctx, basin)
	if err != nil {
		return 0, err
	}
	lo, hi := max(first, 1)-1, end.Seq
	for at := lo; lo < hi; at = lo + (hi-lo)/2 {
		page, err := s.opts.Feed.Page(ctx, basin, at, 1, "forecast")
		if err != nil {
			return 0, err
		}
		switch {
		case len(page) == 0 || page[0].Seq > hi || page[0].Output.Forecast.IssuedAt.After(issued):
			if at+1 == first && first > 1 && len(page) > 0 {
				return 0, badField("issued_after", fmt.Sprintf(
					"the log of basin %s no longer reaches back to a run issued at %s, so runs may be missing in between: read them with ListForecasts, and watch from a later time", basin, issued.Format(time.RFC3339)))
			}
			hi = at
		default:
			lo = page[0].Seq
		}
	}
	return lo, nil
}

// A page token of ListForecasts is the time of issue of the last run of the page
// before: the next one holds older runs.
func pageEnd(token string, to time.Time) (time.Time, error) {
	if token == "" {
		return to, nil
	}
	t, err := time.Parse(time.RFC3339Nano, token)
	if err != nil || t.After(to) {
		return to, badField("page_token", "it is none of this list's: give next_page_token of the page before, with the same from and to")
	}
	return t, nil
}
