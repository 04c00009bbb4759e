package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"freshet/internal/hydro"
)

// InfluxOptions say where the same points go as line protocol.
type InfluxOptions struct {
	URL       string // of InfluxDB 1.8 or 2.x
	Database  string // created through /query (1.8); the bucket of 2.x must exist
	Org       string // 2.x
	Token     string // 2.x
	BatchSize int    // lines per request; 0 means 5000
	Client    *http.Client
}

// An InfluxResult is what the peer measured.
type InfluxResult struct {
	Lines     int     `json:"lines"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"lines_per_s"` // acknowledged by InfluxDB
}

// Influx writes the load of o straight into InfluxDB through /api/v2/write: the
// same points, one line each, with as many concurrent writers as o has streams.
// A line is as short as the point allows (station as the only tag, one field,
// seconds), which is what InfluxDB takes fastest.
func Influx(ctx context.Context, o Options, p InfluxOptions) (InfluxResult, error) {
	if err := o.Validate(); err != nil {
		return InfluxResult{}, err
	}
	if p.BatchSize <= 0 {
		p.BatchSize = 5000
	}
	if p.Client == nil {
		transport := &http.Transport{MaxIdleConnsPerHost: o.Streams, MaxConnsPerHost: o.Streams}
		defer transport.CloseIdleConnections()
		p.Client = &http.Client{Transport: transport, Timeout: 5 * time.Minute}
	}
	base := strings.TrimSuffix(p.URL, "/")
	if p.Token == "" {
		create := base + "/query?" + url.Values{"q": {fmt.Sprintf("CREATE DATABASE %q", p.Database)}}.Encode()
		if err := p.post(ctx, create, nil, http.StatusOK); err != nil {
			return InfluxResult{}, fmt.Errorf("create database: %w", err)
		}
	}
	write := base + "/api/v2/write?" + url.Values{"org": {p.Org}, "bucket": {p.Database}, "precision": {"s"}}.Encode()
	begin := o.Now()
	g, ctx := errgroup.WithContext(ctx)
	all := gateways(&o)
	for i := range all {
		w := &all[i]
		g.Go(func() error {
			var body []byte
			lines, reports := 0, w.reports()
			for k := range reports {
				body = w.appendLines(body, k)
				if lines += w.values; lines >= p.BatchSize || k == reports-1 {
					if err := p.post(ctx, write, body, http.StatusNoContent); err != nil {
						return fmt.Errorf("write %d lines: %w", lines, err)
					}
					body, lines = body[:0], 0
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return InfluxResult{}, err
	}
	var r InfluxResult
	for i := range all {
		r.Lines += all[i].reports() * all[i].values
	}
	r.Seconds = o.Now().Sub(begin).Seconds()
	r.PerSecond = float64(r.Lines) / r.Seconds
	return r, nil
}

func (p *InfluxOptions) post(ctx context.Context, to string, body []byte, want int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	if p.Token != "" {
		req.Header.Set("Authorization", "Token "+p.Token)
	}
	resp, err := p.Client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(text))
	}
	return nil
}

// appendLines appends the i-th report of the gateway as line protocol.
func (g *gateway) appendLines(b []byte, i int) []byte {
	station, at := g.report(i)
	phase := g.phase(station, at)
	line := func(measurement hydro.Variable, value float64) {
		b = append(b, measurement.String()...)
		b = append(b, ",station="...)
		b = append(b, g.stations[station]...)
		b = append(b, " value="...)
		b = strconv.AppendFloat(b, value, 'g', -1, 64)
		b = append(b, ' ')
		b = strconv.AppendInt(b, at.Unix(), 10)
		b = append(b, '\n')
	}
	switch g.department {
	case hydro.Hydrology:
		line(hydro.WaterLevel, waves.level[phase])
		line(hydro.Discharge, waves.discharge[phase])
		line(hydro.Rain, waves.rain[phase])
	case hydro.Weather:
		line(hydro.Rain, waves.rain[phase])
	default:
		line(hydro.WaterLevel, waves.level[phase]+60)
		line(hydro.Storage, waves.storage[phase])
		line(hydro.Inflow, waves.discharge[phase])
		line(hydro.Outflow, waves.discharge[(phase+1000)&1023])
		line(hydro.GateOpening, 0.5+waves.rain[phase])
	}
	return b
}
