// Package influx is the store of a real installation: InfluxDB 1.8 (with
// flux-enabled = true) or 2.x, through its v2 write and query APIs. The schema,
// made for Grafana, is in docs/formats/influxdb.md.
//
// # How the contract is kept
//
// InfluxDB overwrites a point of equal measurement, tags and time, field by
// field, whatever the value's revision. So every point is written with all its
// fields, and an observation of revision r > 0 is written twice: to
// `observation`, which shows dashboards the last word, and to
// `observation_revised` at r nanoseconds after its millisecond, where no other
// revision can displace it. A read takes the highest revision of both.
//
// InfluxDB refuses NaN and has no message that names the point; observations
// are checked before a byte is sent.
package influx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"freshet/internal/hydro"
	"freshet/internal/store"
)

// Options say where the store is.
type Options struct {
	// URL is the server's, such as "http://127.0.0.1:8086".
	URL string
	// Org is the organisation; InfluxDB 1.8 has none and ignores it.
	Org string
	// Bucket is the bucket of 2.x, or the database of 1.8, or
	// "database/retention policy".
	Bucket string
	// Token is the API token of 2.x, or "user:password" of 1.8, or "".
	Token string
	// CreateBucket makes the bucket, with endless retention, if it is missing.
	// The token must be allowed to.
	CreateBucket bool
	// Timeout bounds one request; 0 means 30 s.
	Timeout time.Duration
}

func (o *Options) validate() error {
	u, err := url.Parse(o.URL)
	if err != nil {
		return fmt.Errorf("url: %w: %w", hydro.ErrInvalid, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("url: %q is not http://… or https://…: %w", o.URL, hydro.ErrInvalid)
	}
	if o.Bucket == "" {
		return fmt.Errorf("bucket: missing: %w", hydro.ErrInvalid)
	}
	if o.Timeout < 0 {
		return fmt.Errorf("timeout: negative: %w", hydro.ErrInvalid)
	}
	return nil
}

const (
	defaultTimeout = 30 * time.Second
	// requestBytes bounds the body of a write. Servers refuse 25 MB by default,
	// and larger bodies are no faster.
	requestBytes = 4 << 20
)

// A Store is a [store.Store] in InfluxDB. Use [Open].
type Store struct {
	options Options
	http    *http.Client
	client  influxdb2.Client
	write   api.WriteAPIBlocking // without batching: it returns nil for what it only buffered

	mu    sync.Mutex
	ready bool // the bucket was seen since the last failure
}

var _ store.Store = (*Store)(nil)

// Open returns the store. It does not reach for the server, which may be down:
// each call says so then. It returns ErrInvalid for options that cannot be.
func Open(o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("open InfluxDB: %w", err)
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Org == "" {
		o.Org = "-" // the API wants one even where the server has none
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client := &http.Client{Transport: transport, Timeout: o.Timeout}
	influx := influxdb2.NewClientWithOptions(o.URL, o.Token,
		influxdb2.DefaultOptions().SetHTTPClient(client).SetPrecision(time.Nanosecond).SetLogLevel(0).SetApplicationName("freshet"))
	return &Store{
		options: o, http: client, client: influx,
		write: influx.WriteAPIBlocking(o.Org, o.Bucket),
	}, nil
}

// Close gives up the connections.
func (s *Store) Close() error {
	s.client.Close()
	s.http.CloseIdleConnections()
	return nil
}

// do runs a request once the bucket is there, and translates its error.
func (s *Store) do(ctx context.Context, request func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.ensureBucket(ctx)
	if err == nil {
		err = request()
	}
	if err == nil {
		return nil
	}
	s.mu.Lock()
	s.ready = false
	s.mu.Unlock()
	return failure(ctx, err)
}

// failure translates the client's errors, by type and status, into kinds.
//
// Of the 4xx only those that are about the data are ErrInvalid. A wrong token,
// a missing bucket, too many requests: these are mended by people or by time,
// and data must wait for that as it waits for a server that is down.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, hydro.ErrInvalid) || errors.Is(err, hydro.ErrUnavailable) || errors.Is(err, hydro.ErrNotFound) {
		return err
	}
	if answer, ok := errors.AsType[*influxhttp.Error](err); ok {
		switch answer.StatusCode {
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			return fmt.Errorf("InfluxDB answers %d: %w: %w", answer.StatusCode, hydro.ErrInvalid, err)
		}
		if answer.StatusCode != 0 {
			return fmt.Errorf("InfluxDB answers %d: %w: %w", answer.StatusCode, hydro.ErrUnavailable, err)
		}
	}
	return fmt.Errorf("InfluxDB: %w: %w", hydro.ErrUnavailable, err) // no answer: refused, cut, timed out
}

// ensureBucket makes the bucket if it should and has not yet. It is all that
// differs between 1.8 and 2.x.
func (s *Store) ensureBucket(ctx context.Context) error {
	if !s.options.CreateBucket {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready {
		return nil
	}
	old, err := s.isVersion1(ctx)
	if err != nil {
		return fmt.Errorf("ask for the version: %w", err)
	}
	if old {
		err = s.createDatabase(ctx)
	} else {
		err = s.createBucket(ctx)
	}
	if err != nil {
		return fmt.Errorf("create bucket %s: %w", s.options.Bucket, err)
	}
	s.ready = true
	return nil
}

// isVersion1 reports whether the server is 1.x. Those lack the setup API, which
// 2.x answers without a token; version headers are empty in some builds.
func (s *Store) isVersion1(ctx context.Context) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.client.HTTPService().ServerAPIURL()+"setup", http.NoBody)
	if err != nil {
		return false, err
	}
	answer := s.client.HTTPService().DoHTTPRequest(req, nil, func(r *http.Response) error { return r.Body.Close() })
	switch {
	case answer == nil:
		return false, nil
	case answer.StatusCode == http.StatusNotFound:
		return true, nil
	default:
		return false, answer
	}
}

func (s *Store) createDatabase(ctx context.Context) error {
	database, _, _ := strings.Cut(s.options.Bucket, "/")
	form := url.Values{"q": {`CREATE DATABASE "` + strings.ReplaceAll(database, `"`, `\"`) + `"`}}
	var body struct {
		Results []struct{ Error string }
	}
	answer := s.client.HTTPService().DoPostRequest(ctx, strings.TrimSuffix(s.options.URL, "/")+"/query", strings.NewReader(form.Encode()),
		func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") },
		func(r *http.Response) error {
			defer func() { _ = r.Body.Close() }()
			return json.NewDecoder(r.Body).Decode(&body)
		})
	if answer != nil {
		return answer
	}
	for _, result := range body.Results {
		if result.Error != "" {
			return fmt.Errorf("%s: %w", result.Error, hydro.ErrUnavailable)
		}
	}
	return nil
}

func (s *Store) createBucket(ctx context.Context) error {
	buckets := s.client.BucketsAPI()
	if _, err := buckets.FindBucketByName(ctx, s.options.Bucket); err == nil {
		return nil
	}
	org, err := s.client.OrganizationsAPI().FindOrganizationByName(ctx, s.options.Org)
	if err != nil {
		return fmt.Errorf("find organisation %s: %w: %w", s.options.Org, hydro.ErrUnavailable, err)
	}
	if _, err := buckets.CreateBucketWithName(ctx, org, s.options.Bucket); err != nil {
		return fmt.Errorf("%w: %w", hydro.ErrUnavailable, err) // not the data's fault, whatever the status
	}
	return nil
}

// send writes line protocol in one request.
func (s *Store) send(ctx context.Context, lines []byte) error {
	return s.do(ctx, func() error { return s.write.WriteRecord(ctx, string(bytes.TrimSuffix(lines, []byte("\n")))) })
}

// ask runs a Flux query and calls row for each row of the answer.
func (s *Store) ask(ctx context.Context, query string, row func(columns) error) error {
	return s.do(ctx, func() error {
		// A QueryAPI works out its address when it is first used, and not safely for
		// several goroutines (influxdb-client-go 2.14.0): each query has its own.
		answer, err := s.client.QueryAPI(s.options.Org).QueryRaw(ctx, query, api.DefaultDialect())
		if err != nil {
			return err
		}
		return readCSV(answer, row)
	})
}
