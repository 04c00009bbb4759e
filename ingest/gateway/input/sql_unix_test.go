//go:build unix

package input_test

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver

	"freshet/ingest/gateway/input"
)

// postgres starts a real PostgreSQL and returns its address. It is Debian's
// package; deploy/install-postgres.sh installs it where it is missing.
func postgres(t *testing.T) string {
	t.Helper()
	program := func(name string) string {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
		found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s is not installed: run deploy/install-postgres.sh", name)
		}
		return found[len(found)-1]
	}
	dir, err := os.MkdirTemp("", "freshet-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 { // as which PostgreSQL does not run
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(program("initdb"), "-D", data, "-U", "freshet", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	server := exec.Command(program("postgres"), "-D", data, "-k", dir, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
	server.SysProcAttr, server.Dir = attr, dir
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT) // fast shutdown
		_ = server.Wait()
	})
	return fmt.Sprintf("postgres://freshet@127.0.0.1:%d/postgres?sslmode=disable", port)
}

const rivers = `department: hydrology
files:
  - station: STCD
    time: {column: TM, layout: "2006-01-02 15:04:05", zone: Asia/Shanghai}
    columns:
      - {column: Z, variable: water_level, unit: m, datum: PEARL_RIVER}
      - {column: Q, variable: discharge, unit: m3/s}
`

// Rows of an SL 323 table, in a real PostgreSQL: each is taken, also those that
// are written late and those behind one with a wrong clock; nothing is written.
func TestRowsAreTakenFromTheMarkOnWithLateOnes(t *testing.T) {
	dsn := postgres(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	await(t, func() bool { return db.PingContext(t.Context()) == nil })
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE ST_RIVER_R (STCD char(8), TM timestamp, Z numeric(7,3), Q numeric(9,3), PRIMARY KEY (STCD, TM))`)
	insert := func(code, at string, z, q any) {
		t.Helper()
		exec(`INSERT INTO ST_RIVER_R VALUES ($1, $2, $3, $4)`, code, at, z, q)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "dsn")
	if err := os.WriteFile(file, []byte(dsn+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	beijing := time.FixedZone("", 8*3600)
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, beijing)
	s := newSink()
	open := func(query string) *input.SQL {
		c := common(s)
		c.Now = func() time.Time { return now }
		in, err := input.NewSQL(input.SQLOptions{
			Common: c, Driver: "postgres", DSNFile: file, Query: query, TimeColumn: "TM", Map: parseMap(t, rivers),
			Every: time.Minute, Overlap: time.Hour, Reach: 24 * time.Hour, MarkFile: filepath.Join(dir, "mark"),
		})
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	const query = `SELECT STCD, TM, Z, Q FROM ST_RIVER_R WHERE TM >= {since} ORDER BY TM`
	in := open(query)
	ask := func(want ...string) {
		t.Helper()
		s.got = nil
		if err := in.Ask(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, s.got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	insert("80000001", "2026-05-31 11:00:00", 9.5, nil) // before the reach
	insert("80000001", "2026-06-01 10:00:00", 2.125, 31.5)
	insert("80000001", "2026-06-01 11:30:00", 2.25, nil)
	ask("hydrology 80000001 water_level 2.125 2026-06-01 02:00:00", "hydrology 80000001 discharge 31.5 2026-06-01 02:00:00",
		"hydrology 80000001 water_level 2.25 2026-06-01 03:30:00")
	insert("80000002", "2026-06-01 10:45:00", 4, nil) // late
	insert("80000003", "2027-01-01 00:00:00", 5, nil) // a wrong clock
	ask("hydrology 80000002 water_level 4 2026-06-01 02:45:00", "hydrology 80000001 water_level 2.25 2026-06-01 03:30:00",
		"hydrology 80000003 water_level 5 2026-12-31 16:00:00")
	now = now.Add(90 * time.Minute)
	insert("80000001", "2026-06-01 12:55:00", 2.5, nil)
	in = open(query)                                               // the mark outlives the process
	ask("hydrology 80000001 water_level 2.25 2026-06-01 03:30:00", // of the overlap: the mark is not that of the wrong clock
		"hydrology 80000001 water_level 2.5 2026-06-01 04:55:00", "hydrology 80000003 water_level 5 2026-12-31 16:00:00")

	writing := open(`WITH gone AS (DELETE FROM ST_RIVER_R RETURNING *) SELECT * FROM gone WHERE TM >= {since}`)
	if err := writing.Ask(t.Context()); err == nil {
		t.Error("a query that writes was let through")
	}
	var n int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM ST_RIVER_R`).Scan(&n); err != nil || n != 6 {
		t.Errorf("%d rows are in the table, want 6 (%v)", n, err)
	}
}
