package input

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"freshet/ingest/feed"
	"freshet/internal/hydro"
)

// SQLOptions say which rows are taken.
type SQLOptions struct {
	Common
	Driver     string        // "postgres" or "mysql"
	DSNFile    string        // holds the driver's address of the database, with user and password; read at each connection
	Query      string        // with {since} where the instant stands from which rows are wanted
	TimeColumn string        // of the answer: what {since} is compared with
	Map        *feed.Map     // of one shape; its zone is that of the time column
	Every      time.Duration // between queries
	Overlap    time.Duration // how late rows may be written
	Reach      time.Duration // how far back the first query goes
	MarkFile   string        // keeps the high-water mark; "": it is forgotten with the process
}

// A SQL asks a database again and again for rows from its high-water mark, less
// the overlap, on. The mark is the latest instant of the time column among the
// rows that are safe, but not later than the clock. Rows of the overlap are read
// again each time, which does no harm. It asks in read-only transactions.
type SQL struct {
	o          SQLOptions
	department hydro.Department
	shape      *feed.File
	query      string
	mark       time.Time
	meter      meter
}

// NewSQL returns an input of rows. The error wraps hydro.ErrInvalid.
func NewSQL(o SQLOptions) (*SQL, error) {
	d, err := department(o.Map)
	if err != nil {
		return nil, err
	}
	if len(o.Map.Files) != 1 || strings.Count(o.Query, "{since}") != 1 || o.DSNFile == "" || o.Every <= 0 || o.Overlap < 0 || o.Reach <= 0 {
		return nil, fmt.Errorf("a map of one shape, a query with {since}, a DSN file and intervals are needed: %w", hydro.ErrInvalid)
	}
	s := &SQL{o: o, department: d, shape: &o.Map.Files[0]}
	if !slices.Contains(s.shape.Time.Columns, o.TimeColumn) || len(s.shape.Time.Columns) != 1 {
		return nil, fmt.Errorf("the map's time must be the column %s alone: %w", o.TimeColumn, hydro.ErrInvalid)
	}
	switch o.Driver {
	case "postgres":
		s.query = strings.Replace(o.Query, "{since}", "$1", 1)
	case "mysql":
		s.query = strings.Replace(o.Query, "{since}", "?", 1)
	default:
		return nil, fmt.Errorf("driver %q is neither postgres nor mysql: %w", o.Driver, hydro.ErrInvalid)
	}
	if o.MarkFile != "" {
		text, err := os.ReadFile(o.MarkFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("high-water mark: %w", err)
		default:
			if s.mark, err = time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text))); err != nil {
				return nil, fmt.Errorf("high-water mark %s: %w: %w", o.MarkFile, err, hydro.ErrInvalid)
			}
		}
	}
	return s, nil
}

// Status implements the gateway's inputs.
func (s *SQL) Status() Status { return s.meter.status(&s.o.Common, "sql") }

// Run asks until ctx is done. A database that is gone is asked again.
func (s *SQL) Run(ctx context.Context) error {
	for try := 0; ; {
		pause := s.o.Every
		if err := s.Ask(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			s.meter.state("waiting", err)
			s.o.Logger.Error("the database cannot be asked", "input", s.o.Name, "err", err)
			pause = min(pause, backoff(try))
			try++
		} else {
			s.meter.state("waiting", nil)
			try = 0
		}
		if wait(ctx, pause) != nil {
			return nil
		}
	}
}

// Ask asks once.
func (s *SQL) Ask(ctx context.Context) (err error) {
	db, err := s.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it has changed nothing
	now := s.o.Now()
	since := now.Add(-s.o.Reach)
	if !s.mark.IsZero() {
		since = s.mark.Add(-s.o.Overlap)
	}
	rows, err := tx.QueryContext(ctx, s.query, s.write(since))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	s.meter.unit()
	mark, err := s.take(ctx, rows)
	if err != nil {
		return err
	}
	if mark.After(now) { // a clock that is wrong must not hide the rows of all others
		mark = now
	}
	if mark.After(s.mark) {
		s.mark = mark
		return s.keep()
	}
	return nil
}

// take puts all rows and returns the latest instant of their time column.
func (s *SQL) take(ctx context.Context, rows *sql.Rows) (mark time.Time, err error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return mark, err
	}
	index := make(map[string]int, len(types)) // databases fold the case of names, each its own way
	cells := make([]any, len(types))
	places := make([]any, len(types))
	for i, t := range types {
		index[strings.ToLower(t.Name())] = i
		places[i] = &cells[i]
	}
	var raws []hydro.Raw
	for line := 1; rows.Next(); line++ {
		if err := rows.Scan(places...); err != nil {
			return mark, err
		}
		get := func(column string) (string, bool) {
			i, ok := index[strings.ToLower(column)]
			if !ok || cells[i] == nil {
				return "", ok
			}
			return s.text(cells[i], types[i].DatabaseTypeName()), true
		}
		row := s.shape.Record(line, get)
		for _, p := range row.Problems {
			s.meter.problem(p.String())
			s.o.Logger.Warn("a row could not be used", "input", s.o.Name, "problem", p.String())
		}
		raws = append(raws, row.Raws...)
		if text, ok := get(s.o.TimeColumn); ok {
			if at, ok := s.read(text); ok && at.After(mark) {
				mark = at
			}
		}
		if len(raws) >= chunk {
			if err := s.o.insist(ctx, &s.meter, s.department, raws); err != nil {
				return mark, err
			}
			raws = nil
		}
	}
	if err := rows.Err(); err != nil {
		return mark, err
	}
	if len(raws) > 0 {
		return mark, s.o.insist(ctx, &s.meter, s.department, raws)
	}
	return mark, nil
}

// text is a cell as the map reads it.
func (s *SQL) text(cell any, kind string) string {
	switch v := cell.(type) {
	case []byte:
		return string(v)
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		// A time without a zone comes as if it were UTC: what the table says stands.
		if zone := s.shape.Time.Zone; zone != nil && kind == "TIMESTAMPTZ" {
			v = v.In(zone)
		}
		if strings.HasPrefix(s.shape.Time.Layout, "unix") {
			return v.Format(time.RFC3339Nano) // no number: the map will say so
		}
		return v.Format(s.shape.Time.Layout)
	default:
		return fmt.Sprint(v)
	}
}

// write is an instant as the query compares it.
func (s *SQL) write(t time.Time) any {
	switch s.shape.Time.Layout {
	case "unix":
		return t.Unix()
	case "unix_ms":
		return t.UnixMilli()
	}
	if s.shape.Time.Zone != nil {
		t = t.In(s.shape.Time.Zone)
	}
	return t.Format(s.shape.Time.Layout)
}

// read is the other way of write.
func (s *SQL) read(text string) (time.Time, bool) {
	switch s.shape.Time.Layout {
	case "unix", "unix_ms":
		n, err := strconv.ParseInt(text, 10, 64)
		if s.shape.Time.Layout == "unix" {
			return time.Unix(n, 0), err == nil
		}
		return time.UnixMilli(n), err == nil
	}
	zone := s.shape.Time.Zone
	if zone == nil {
		zone = time.UTC
	}
	t, err := time.ParseInLocation(s.shape.Time.Layout, text, zone)
	return t, err == nil
}

// open opens a connection. Its errors do not repeat the password.
func (s *SQL) open() (*sql.DB, error) {
	data, err := os.ReadFile(s.o.DSNFile)
	if err != nil {
		return nil, fmt.Errorf("address of the database: %w", err)
	}
	dsn := strings.TrimSpace(string(data))
	if s.o.Driver == "mysql" {
		conf, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, fmt.Errorf("%s is no address such as user:password@tcp(host:3306)/database: %w", s.o.DSNFile, hydro.ErrInvalid)
		}
		conf.ParseTime = false // times as the table writes them
		c, err := mysql.NewConnector(conf)
		if err != nil {
			return nil, fmt.Errorf("%s: the address is not usable: %w", s.o.DSNFile, hydro.ErrInvalid)
		}
		return sql.OpenDB(c), nil
	}
	conf, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("%s is no address such as postgres://user:password@host:5432/database: %w", s.o.DSNFile, hydro.ErrInvalid)
	}
	conf.ConnectTimeout = 10 * time.Second
	return stdlib.OpenDB(*conf), nil
}

// keep writes the mark, whole or not at all.
func (s *SQL) keep() error {
	if s.o.MarkFile == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(s.o.MarkFile), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(s.o.MarkFile+".new", []byte(s.mark.UTC().Format(time.RFC3339Nano)+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(s.o.MarkFile+".new", s.o.MarkFile)
}
