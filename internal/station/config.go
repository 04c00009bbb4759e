// Package station runs a gateway: its configuration, its inputs, its spool, its
// link to the centre and its status page. It is the composition root of
// `freshet gateway`.
package station

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"freshet/ingest/feed"
	"freshet/ingest/sl651"
	"freshet/internal/catalog"
	"freshet/internal/client"
	"freshet/internal/hydro"
)

// A Config is what a gateway.yaml says; see docs/formats/gateway.md.
type Config struct {
	Name   string
	Server Server
	Spool  Spool
	Status string // address of the status page; "": none

	Reconcile Reconcile
	Inputs    []Input
}

// A Server is the centre, and how the two know each other.
type Server struct {
	Address   string
	CA        string
	Cert, Key string
	TokenFile string
	Insecure  bool
	Gzip      bool
}

// A Spool is what waits for the centre.
type Spool struct {
	Dir          string
	MaxBytes     int64
	MinFree      int64
	DropOldest   bool
	Live         time.Duration
	BacklogShare float64
	KeepRefused  int
}

// Reconcile says how what the centre acknowledged is compared with its history.
type Reconcile struct {
	Keep  time.Duration // for so long it is remembered; 0: not at all, and nothing is compared
	After time.Duration // a day is compared so long after its end
	Every time.Duration // between looks for days to compare
}

// An Input is one way in: what is not of its kind is zero.
type Input struct {
	Name, Kind string
	Map        *feed.Map

	Dir, Files          string // folder
	Settle, Every, Keep time.Duration

	Listen   string // sl651
	MaxConns int
	HangUp   bool
	Stations *sl651.Settings

	Broker, ClientID, Username, PasswordFile, CA string // mqtt
	Topics                                       []string

	Driver, DSNFile, Query, TimeColumn string // sql
	Overlap, Reach                     time.Duration
}

// The kinds of input, and the keys that each has beside name, kind and, but for
// sl651, map.
var kinds = map[string][]string{
	"folder": {"dir", "files", "settle", "every", "keep"},
	"stdin":  {},
	"sl651":  {"listen", "max_connections", "hang_up", "settings"},
	"mqtt":   {"broker", "topics", "client_id", "username", "password_file", "ca"},
	"sql":    {"driver", "dsn_file", "query", "time_column", "every", "overlap", "reach"},
}

// The wire form.
type configFile struct {
	Name   string     `yaml:"name"`
	Server serverFile `yaml:"server"`
	Spool  spoolFile  `yaml:"spool"`
	Status statusFile `yaml:"status"`

	Reconcile reconcileFile `yaml:"reconcile"`
	Inputs    []inputFile   `yaml:"inputs"`
}

type serverFile struct {
	Address     string `yaml:"address"`
	CA          string `yaml:"ca"`
	Cert        string `yaml:"cert"`
	Key         string `yaml:"key"`
	TokenFile   string `yaml:"token_file"`
	Insecure    bool   `yaml:"insecure"`
	Compression string `yaml:"compression"`
}

type spoolFile struct {
	Dir          string   `yaml:"dir"`
	MaxSize      string   `yaml:"max_size"`
	MinFree      string   `yaml:"min_free"`
	OnFull       string   `yaml:"on_full"`
	Live         string   `yaml:"live"`
	BacklogShare *float64 `yaml:"backlog_share"`
	KeepRefused  int      `yaml:"keep_refused"`
}

type statusFile struct {
	Listen *string `yaml:"listen"`
}

type reconcileFile struct {
	Keep  string `yaml:"keep"`
	After string `yaml:"after"`
	Every string `yaml:"every"`
}

type inputFile struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"`
	Map  string `yaml:"map"`

	Dir    string `yaml:"dir"`
	Files  string `yaml:"files"`
	Settle string `yaml:"settle"`
	Every  string `yaml:"every"`
	Keep   string `yaml:"keep"`

	Listen         string      `yaml:"listen"`
	MaxConnections int         `yaml:"max_connections"`
	HangUp         bool        `yaml:"hang_up"`
	Settings       *sl651.File `yaml:"settings"`

	Broker       string   `yaml:"broker"`
	Topics       []string `yaml:"topics"`
	ClientID     string   `yaml:"client_id"`
	Username     string   `yaml:"username"`
	PasswordFile string   `yaml:"password_file"`
	CA           string   `yaml:"ca"`

	Driver     string `yaml:"driver"`
	DSNFile    string `yaml:"dsn_file"`
	Query      string `yaml:"query"`
	TimeColumn string `yaml:"time_column"`
	Overlap    string `yaml:"overlap"`
	Reach      string `yaml:"reach"`
}

// Mistakes is an error that lists every mistake of a configuration and of the
// maps that it names, one a line. It wraps hydro.ErrInvalid.
type Mistakes []catalog.Problem

func (m Mistakes) Error() string {
	lines := []string{fmt.Sprintf("gateway configuration: %d problems", len(m))}
	if len(m) == 1 {
		lines[0] = "gateway configuration: 1 problem"
	}
	for _, one := range m {
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns hydro.ErrInvalid.
func (m Mistakes) Unwrap() error { return hydro.ErrInvalid }

// maxConfig bounds the file.
const maxConfig = 8 << 20

// Load reads a gateway.yaml and the maps that it names. Relative names of files
// and folders are relative to the configuration's own folder. If something is
// wrong the error is a [Mistakes] with file, line and column of each.
func Load(file string) (*Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("gateway configuration: %w: %w", err, hydro.ErrInvalid)
	}
	return Parse(file, data)
}

// Parse is [Load] for what was read from a file of that name.
func Parse(file string, data []byte) (c *Config, err error) {
	defer func() { // the YAML parser is not ours
		if r := recover(); r != nil {
			c, err = nil, Mistakes{{File: file, Message: fmt.Sprintf("not readable as YAML: %v", r)}}
		}
	}()
	p := configParser{name: file, dir: filepath.Dir(file)}
	c = p.parse(data)
	if len(p.mistakes) > 0 {
		return nil, p.mistakes
	}
	return c, nil
}

type configParser struct {
	name, dir string
	tree      *ast.File
	mistakes  Mistakes
}

func (p *configParser) fail(path, format string, args ...any) {
	m := catalog.Problem{File: p.name, Message: strings.TrimPrefix(path, "$.") + ": " + fmt.Sprintf(format, args...)}
	m.Line, m.Column = catalog.Locate(p.tree, path)
	p.mistakes = append(p.mistakes, m)
}

func (p *configParser) yaml(err error) {
	p.mistakes = append(p.mistakes, catalog.YAMLProblem(p.name, err))
}

func (p *configParser) parse(data []byte) *Config {
	if len(data) > maxConfig {
		p.mistakes = append(p.mistakes, catalog.Problem{File: p.name, Message: "larger than 8 MB"})
		return nil
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		p.yaml(err)
		return nil
	}
	p.tree = tree
	var f configFile
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		p.yaml(err)
		return nil
	}
	c := &Config{Name: f.Name, Status: "127.0.0.1:7071"}
	if n := len([]rune(f.Name)); n == 0 || n > 64 {
		p.fail("$.name", "name this gateway, in 1 to 64 characters: the centre's log calls it so")
	}
	c.Server = p.server(&f.Server)
	c.Spool = p.spool(&f.Spool)
	c.Reconcile = p.reconcile(&f.Reconcile)
	if f.Status.Listen != nil {
		c.Status = *f.Status.Listen
	}
	if _, _, err := net.SplitHostPort(c.Status); c.Status != "" && (err != nil || !client.Local(c.Status)) {
		p.fail("$.status.listen", "%q is no address of this machine only, such as 127.0.0.1:7071: the page has no lock", c.Status)
	}
	if len(f.Inputs) == 0 {
		p.fail("$.inputs", "name at least one input")
	}
	names := map[string]bool{}
	for i := range f.Inputs {
		at := fmt.Sprintf("$.inputs[%d]", i)
		in := p.input(at, &f.Inputs[i])
		if names[in.Name] {
			p.fail(at+".name", "%q is already the name of another input", in.Name)
		}
		names[in.Name] = true
		c.Inputs = append(c.Inputs, in)
	}
	return c
}

func (p *configParser) server(f *serverFile) Server {
	s := Server{
		Address: f.Address, CA: p.file(f.CA), Cert: p.file(f.Cert), Key: p.file(f.Key), TokenFile: p.file(f.TokenFile), Insecure: f.Insecure,
	}
	if _, _, err := net.SplitHostPort(f.Address); err != nil {
		p.fail("$.server.address", "%q is no address such as centre.example:7070", f.Address)
	}
	if (f.Cert == "") != (f.Key == "") {
		p.fail("$.server", "cert and key belong together: give both or none")
	}
	switch f.Compression {
	case "", "gzip":
		s.Gzip = true
	case "none":
	default:
		p.fail("$.server.compression", "%q is neither gzip nor none", f.Compression)
	}
	return s
}

func (p *configParser) spool(f *spoolFile) Spool {
	s := Spool{
		Dir: p.file(f.Dir), MaxBytes: p.size("$.spool.max_size", f.MaxSize, 4<<30, 1<<20), MinFree: p.size("$.spool.min_free", f.MinFree, 256<<20, 1<<20),
		Live: p.duration("$.spool.live", f.Live, 10*time.Minute), BacklogShare: 0.25, KeepRefused: 10_000,
	}
	if f.Dir == "" {
		p.fail("$.spool.dir", "name the folder of the spool")
	}
	switch f.OnFull {
	case "", "refuse":
	case "drop_oldest":
		s.DropOldest = true
	default:
		p.fail("$.spool.on_full", "%q is neither refuse nor drop_oldest", f.OnFull)
	}
	if f.BacklogShare != nil {
		s.BacklogShare = *f.BacklogShare
	}
	if s.BacklogShare < 0.01 || s.BacklogShare > 0.5 {
		p.fail("$.spool.backlog_share", "%g is not 0.01 to 0.5", s.BacklogShare)
	}
	switch {
	case f.KeepRefused < 0 || f.KeepRefused > 1_000_000:
		p.fail("$.spool.keep_refused", "%d is not 1 to 1000000", f.KeepRefused)
	case f.KeepRefused > 0:
		s.KeepRefused = f.KeepRefused
	}
	return s
}

func (p *configParser) reconcile(f *reconcileFile) Reconcile {
	r := Reconcile{
		After: p.duration("$.reconcile.after", f.After, time.Hour), Every: p.duration("$.reconcile.every", f.Every, 10*time.Minute),
	}
	if f.Keep == "off" {
		return r
	}
	r.Keep = p.duration("$.reconcile.keep", f.Keep, 7*24*time.Hour)
	if least := 24*time.Hour + r.After; r.Keep < least {
		p.fail("$.reconcile.keep", "%s is less than a day and after, %s; or write off", r.Keep, least)
	}
	return r
}

func (p *configParser) input(at string, f *inputFile) Input {
	in := Input{Name: f.Name, Kind: f.Kind}
	if in.Name == "" {
		in.Name = f.Kind
	}
	keys, ok := kinds[f.Kind]
	if !ok {
		names := make([]string, 0, len(kinds))
		for name := range kinds {
			names = append(names, name)
		}
		slices.Sort(names)
		p.fail(at+".kind", "%q is no kind of input; one of %s", f.Kind, strings.Join(names, ", "))
		return in
	}
	p.only(at, f, keys)
	if f.Kind == "sl651" {
		p.rtu(at, f, &in)
		return in
	}
	in.Map = p.feedMap(at+".map", f.Map)
	switch f.Kind {
	case "folder":
		in.Dir, in.Files = p.file(f.Dir), f.Files
		if f.Dir == "" {
			p.fail(at+".dir", "name the folder in which files are dropped")
		}
		if _, err := filepath.Match(f.Files, ""); err != nil {
			p.fail(at+".files", "%q is no glob such as *.csv", f.Files)
		}
		in.Settle, in.Every, in.Keep = p.duration(at+".settle", f.Settle, 5*time.Second), p.duration(at+".every", f.Every, 2*time.Second), p.duration(at+".keep", f.Keep, 30*24*time.Hour)
	case "stdin":
		if in.Map != nil && (len(in.Map.Files) != 1 || in.Map.Files[0].Format == feed.JSON) {
			p.fail(at+".map", "lines need a map of one shape, csv or jsonl")
		}
	case "mqtt":
		p.mqtt(at, f, &in)
	case "sql":
		p.sql(at, f, &in)
	}
	return in
}

func (p *configParser) rtu(at string, f *inputFile, in *Input) {
	in.Listen, in.MaxConns, in.HangUp = f.Listen, f.MaxConnections, f.HangUp
	if _, _, err := net.SplitHostPort(f.Listen); err != nil {
		p.fail(at+".listen", "%q is no address such as :5651", f.Listen)
	}
	if f.MaxConnections < 0 || f.MaxConnections > 100_000 {
		p.fail(at+".max_connections", "%d is not 1 to 100000", f.MaxConnections)
	}
	if f.Settings == nil {
		p.fail(at+".settings", "say what the stations are: unlisted, defaults, stations")
		return
	}
	in.Stations = f.Settings.Build(func(path, format string, args ...any) {
		p.fail(at+".settings"+strings.TrimPrefix(path, "$"), format, args...)
	})
}

func (p *configParser) mqtt(at string, f *inputFile, in *Input) {
	in.Broker, in.Topics, in.ClientID, in.Username = f.Broker, f.Topics, f.ClientID, f.Username
	in.PasswordFile, in.CA = p.file(f.PasswordFile), p.file(f.CA)
	scheme, _, ok := strings.Cut(f.Broker, "://")
	if !ok || !slices.Contains([]string{"mqtt", "mqtts", "tcp", "tls", "ssl"}, scheme) {
		p.fail(at+".broker", "%q is no address such as mqtt://broker:1883 or mqtts://broker:8883", f.Broker)
	}
	if len(f.Topics) == 0 {
		p.fail(at+".topics", "name at least one topic")
	}
	if in.Map != nil && len(in.Map.Files) != 1 {
		p.fail(at+".map", "messages need a map of one shape")
	}
}

func (p *configParser) sql(at string, f *inputFile, in *Input) {
	in.Driver, in.DSNFile, in.Query, in.TimeColumn = f.Driver, p.file(f.DSNFile), f.Query, f.TimeColumn
	in.Every, in.Overlap, in.Reach = p.duration(at+".every", f.Every, time.Minute), p.duration(at+".overlap", f.Overlap, 2*time.Hour), p.duration(at+".reach", f.Reach, 24*time.Hour)
	if f.Driver != "postgres" && f.Driver != "mysql" {
		p.fail(at+".driver", "%q is neither postgres nor mysql", f.Driver)
	}
	if f.DSNFile == "" {
		p.fail(at+".dsn_file", "name the file that holds the address, user and password of the database")
	}
	if n := strings.Count(f.Query, "{since}"); n != 1 {
		p.fail(at+".query", "the query must name {since} once: the instant from which rows are wanted, as in WHERE TM >= {since} ORDER BY TM")
	}
	if f.TimeColumn == "" {
		p.fail(at+".time_column", "name the column of the query's answer that {since} is compared with, such as TM")
	}
	switch {
	case in.Map == nil:
	case len(in.Map.Files) != 1:
		p.fail(at+".map", "rows need a map of one shape")
	case len(in.Map.Files[0].Time.Columns) != 1 || in.Map.Files[0].Time.Columns[0] != f.TimeColumn:
		p.fail(at+".time_column", "%q must be the one column of the map's time", f.TimeColumn)
	}
}

// only refuses keys that belong to other kinds of input.
func (p *configParser) only(at string, f *inputFile, keys []string) {
	set := map[string]bool{
		"map": f.Map != "" && f.Kind == "sl651",
		"dir": f.Dir != "", "files": f.Files != "", "settle": f.Settle != "", "every": f.Every != "", "keep": f.Keep != "",
		"listen": f.Listen != "", "max_connections": f.MaxConnections != 0, "hang_up": f.HangUp, "settings": f.Settings != nil,
		"broker": f.Broker != "", "topics": f.Topics != nil, "client_id": f.ClientID != "", "username": f.Username != "",
		"password_file": f.PasswordFile != "", "ca": f.CA != "",
		"driver": f.Driver != "", "dsn_file": f.DSNFile != "", "query": f.Query != "", "time_column": f.TimeColumn != "",
		"overlap": f.Overlap != "", "reach": f.Reach != "",
	}
	var wrong []string
	for key, there := range set {
		if there && !slices.Contains(keys, key) {
			wrong = append(wrong, key)
		}
	}
	slices.Sort(wrong)
	for _, key := range wrong {
		p.fail(at+"."+key, "an input of kind %s has no such key", f.Kind)
	}
}

// file returns a name relative to the configuration's folder.
func (p *configParser) file(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.dir, name)
}

func (p *configParser) feedMap(at, name string) *feed.Map {
	if name == "" {
		p.fail(at, "name the file of the map (see docs/formats/feed-map.md)")
		return nil
	}
	file := p.file(name)
	data, err := os.ReadFile(file)
	if err != nil {
		p.fail(at, "%v", err)
		return nil
	}
	m, err := feed.Parse(file, data)
	if mistakes, ok := errors.AsType[feed.Mistakes](err); ok {
		p.mistakes = append(p.mistakes, mistakes...)
		return nil
	}
	if err != nil {
		p.fail(at, "%v", err)
		return nil
	}
	if m.Department() == 0 {
		p.fail(at, "the map %s names no department", name)
		return nil
	}
	return m
}

func (p *configParser) duration(at, s string, unset time.Duration) time.Duration {
	if s == "" {
		return unset
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		p.fail(at, "%q is no duration above zero such as 30s, 10m or 72h", s)
		return unset
	}
	return d
}

// units of sizes.
var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}}

func (p *configParser) size(at, s string, unset, least int64) int64 {
	if s == "" {
		return unset
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || v*float64(u.bytes) < float64(least) || v*float64(u.bytes) > 1<<50 {
			break
		}
		return int64(v * float64(u.bytes))
	}
	p.fail(at, "%q is no size of at least 1 MiB such as 512MiB or 4GiB", s)
	return unset
}
