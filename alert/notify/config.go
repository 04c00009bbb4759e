package notify

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// The wire form.
type configFile struct {
	Receivers []receiverFile `yaml:"receivers"`
}

type receiverFile struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"`

	URL        string `yaml:"url"`
	URLFile    string `yaml:"url_file"`
	SecretFile string `yaml:"secret_file"`
	CA         string `yaml:"ca"`

	Server       string   `yaml:"server"`
	TLS          string   `yaml:"tls"`
	Username     string   `yaml:"username"`
	PasswordFile string   `yaml:"password_file"`
	From         string   `yaml:"from"`
	To           []string `yaml:"to"`

	Language  string `yaml:"language"`
	Format    string `yaml:"format"`
	Timeout   string `yaml:"timeout"`
	PerMinute *int   `yaml:"per_minute"`
	Bundle    *int   `yaml:"bundle"`

	SetAsideAfter *int `yaml:"set_aside_after"`

	Basins      []string `yaml:"basins"`
	Departments []string `yaml:"departments"`
	MinStage    string   `yaml:"min_stage"`
	Blind       *bool    `yaml:"blind"`
	Kinds       []string `yaml:"kinds"`

	Templates templatesFile `yaml:"templates"`
}

type templatesFile struct {
	Title string `yaml:"title"`
	Text  string `yaml:"text"`
	Body  string `yaml:"body"`
}

// Mistakes is an error that lists every mistake of a notify.yaml, one a line. It
// wraps hydro.ErrInvalid.
type Mistakes []catalog.Problem

func (m Mistakes) Error() string {
	lines := []string{fmt.Sprintf("receivers: %d problems", len(m))}
	if len(m) == 1 {
		lines[0] = "receivers: 1 problem"
	}
	for _, one := range m {
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns hydro.ErrInvalid.
func (m Mistakes) Unwrap() error { return hydro.ErrInvalid }

const (
	maxConfig    = 1 << 20
	maxReceivers = 100 // each reads the log and has a sender of its own
)

// Parse reads a notify.yaml that was read from a file of that name, and holds
// the basins that it names against cat, which may be nil. Names of files in it
// are relative to its folder. If something is wrong the error is [Mistakes].
func Parse(file string, data []byte, cat *catalog.Catalog) (rs []Receiver, err error) {
	defer func() { // the YAML parser is not ours
		if r := recover(); r != nil {
			rs, err = nil, Mistakes{{File: file, Message: fmt.Sprintf("not readable as YAML: %v", r)}}
		}
	}()
	p := configParser{name: file, dir: filepath.Dir(file), cat: cat}
	rs = p.parse(data)
	if len(p.mistakes) > 0 {
		slices.SortStableFunc(p.mistakes, func(a, b catalog.Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, p.mistakes
	}
	return rs, nil
}

type configParser struct {
	name, dir string
	cat       *catalog.Catalog
	tree      *ast.File
	mistakes  Mistakes
}

func (p *configParser) fail(path, format string, args ...any) {
	m := catalog.Problem{File: p.name, Message: strings.TrimPrefix(path, "$.") + ": " + fmt.Sprintf(format, args...)}
	m.Line, m.Column = catalog.Locate(p.tree, path)
	p.mistakes = append(p.mistakes, m)
}

func (p *configParser) parse(data []byte) []Receiver {
	if len(data) > maxConfig {
		p.mistakes = append(p.mistakes, catalog.Problem{File: p.name, Message: "larger than 1 MB"})
		return nil
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		p.mistakes = append(p.mistakes, catalog.YAMLProblem(p.name, err))
		return nil
	}
	p.tree = tree
	var f configFile
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		p.mistakes = append(p.mistakes, catalog.YAMLProblem(p.name, err))
		return nil
	}
	if n := len(f.Receivers); n == 0 || n > maxReceivers {
		p.fail("$.receivers", "%d receivers; name 1 to %d", n, maxReceivers)
	}
	var out []Receiver
	names := map[string]bool{}
	for i := range f.Receivers {
		at := fmt.Sprintf("$.receivers[%d]", i)
		r := p.receiver(at, &f.Receivers[i])
		if names[r.Name] {
			p.fail(at+".name", "%q is already the name of another receiver", r.Name)
		}
		names[r.Name] = true
		out = append(out, r)
	}
	return out
}

// The keys that only some channels have.
var keysOf = map[Channel][]string{
	Webhook:  {"url", "url_file", "secret_file", "ca", "body"},
	DingTalk: {"url", "url_file", "secret_file", "ca", "format", "bundle", "title", "text"},
	WeCom:    {"url", "url_file", "ca", "format", "bundle", "title", "text"},
	Feishu:   {"url", "url_file", "secret_file", "ca", "format", "bundle", "title", "text"},
	Email:    {"server", "tls", "username", "password_file", "ca", "from", "to", "bundle", "title", "text"},
}

func (p *configParser) receiver(at string, f *receiverFile) Receiver {
	r := Receiver{
		Name: f.Name, Channel: Channel(f.Kind), URL: f.URL, URLFile: p.file(f.URLFile), SecretFile: p.file(f.SecretFile), CAFile: p.file(f.CA),
		Server: f.Server, TLS: f.TLS, Username: f.Username, PasswordFile: p.file(f.PasswordFile), From: f.From, To: f.To,
		Language: p.choice(at+".language", f.Language, "zh", "en", "both"), Timeout: p.duration(at+".timeout", f.Timeout, 10*time.Second),
		Basins: f.Basins, Blind: f.Blind == nil || *f.Blind,
	}
	if !isName(f.Name) {
		p.fail(at+".name", "%q is no name: use 1 to 40 letters a-z, digits, '_' or '-'", f.Name)
	}
	keys, ok := keysOf[r.Channel]
	if !ok {
		p.fail(at+".kind", "%q is no kind of receiver; one of %s", f.Kind, join(Channels))
		return r
	}
	p.only(at, f, keys)
	r.PerMinute, r.Bundle = p.whole(at+".per_minute", f.PerMinute, perMinute[r.Channel], 0, 6000), 1
	r.SetAsideAfter = p.whole(at+".set_aside_after", f.SetAsideAfter, 20, 0, 10_000)
	if r.Channel != Webhook {
		r.Bundle = p.whole(at+".bundle", f.Bundle, 20, 1, 100)
	}
	if r.Channel.Robot() {
		r.Format = p.choice(at+".format", f.Format, "markdown", "text")
	}
	if r.Channel == Email {
		p.email(at, &r)
	} else {
		p.address(at, &r)
	}
	p.filters(at, f, &r)
	r.TitleTemplate = p.template(at+".templates.title", "title", f.Templates.Title, &r)
	r.TextTemplate = p.template(at+".templates.text", "text", f.Templates.Text, &r)
	r.BodyTemplate = p.template(at+".templates.body", "body", f.Templates.Body, &r)
	return r
}

// perMinute is how many messages in a minute a service lets a robot send, by
// what it publishes; more, and it is cut off for minutes.
var perMinute = map[Channel]int{DingTalk: 18, WeCom: 18, Feishu: 90}

func isName(s string) bool {
	return s != "" && len(s) <= 40 && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-'
	})
}

func (p *configParser) address(at string, r *Receiver) {
	switch {
	case r.URL == "" && r.URLFile == "":
		p.fail(at+".url", "name the address that gets the messages, or in url_file the file that holds it")
	case r.URL != "" && r.URLFile != "":
		p.fail(at+".url", "url and url_file are both given: give one")
	case r.URL != "":
		if err := CheckURL(r.URL); err != nil {
			p.fail(at+".url", "%v", strings.TrimSuffix(err.Error(), ": "+hydro.ErrInvalid.Error()))
		}
		if r.Channel.Robot() {
			p.fail(at+".url", "the address of a robot is its key: put it into a file and name that as url_file")
		}
	}
}

// CheckURL returns an error that wraps hydro.ErrInvalid unless s is an address
// that messages can go to. The error does not repeat it: it may be a secret.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("no address such as https://example.org/hook, without a user and without a fragment: %w", hydro.ErrInvalid)
	}
	return nil
}

func (p *configParser) email(at string, r *Receiver) {
	host, _, err := net.SplitHostPort(r.Server)
	if err != nil || host == "" {
		p.fail(at+".server", "%q is no address of a mail server such as mail.example.org:587", r.Server)
	}
	r.TLS = p.choice(at+".tls", r.TLS, "starttls", "tls", "none")
	if (r.Username == "") != (r.PasswordFile == "") {
		p.fail(at, "username and password_file belong together: give both or none")
	}
	if r.TLS == "none" && r.Username != "" {
		p.fail(at+".tls", "without TLS the password could be read on the way: use starttls or tls, or give no username")
	}
	if _, err := mail.ParseAddress(r.From); err != nil {
		p.fail(at+".from", "%q is no address such as freshet@example.org", r.From)
	}
	if len(r.To) == 0 {
		p.fail(at+".to", "name at least one address")
	}
	for i, to := range r.To {
		if _, err := mail.ParseAddress(to); err != nil {
			p.fail(fmt.Sprintf("%s.to[%d]", at, i), "%q is no address such as duty@example.org", to)
		}
	}
}

func (p *configParser) filters(at string, f *receiverFile, r *Receiver) {
	for i, id := range f.Basins {
		if p.cat == nil {
			break
		}
		if _, ok := p.cat.Basin(id); !ok {
			p.fail(fmt.Sprintf("%s.basins[%d]", at, i), "%q is no basin of the catalogue %s", id, p.cat.Name)
		}
	}
	for i, name := range f.Departments {
		d, err := hydro.ParseDepartment(name)
		if err != nil {
			p.fail(fmt.Sprintf("%s.departments[%d]", at, i), "%q is no department; one of weather, hydrology, water_resources", name)
		}
		r.Departments = append(r.Departments, d)
	}
	if f.MinStage != "" {
		s, err := hydro.ParseStage(f.MinStage)
		if err != nil || s == hydro.Blind {
			p.fail(at+".min_stage", "%q is no step of the ladder; one of clear, blue, yellow, orange, red", f.MinStage)
		}
		r.MinStage = s
	}
	if f.Kinds == nil {
		r.Kinds = slices.Clone(Kinds)
		if r.Channel != Webhook { // people are not told of one wave once a station
			r.Kinds = slices.Concat([]Kind{Group, Forecast}, unanswered)
		}
	}
	for i, name := range f.Kinds {
		if !slices.Contains(Kinds, Kind(name)) && !slices.Contains(Calls, Kind(name)) {
			p.fail(fmt.Sprintf("%s.kinds[%d]", at, i), "%q is no kind of item; one of %s; or of those of duty only %s", name, join(Kinds), join(Calls))
		}
		r.Kinds = append(r.Kinds, Kind(name))
	}
	if f.Kinds != nil && len(f.Kinds) == 0 {
		p.fail(at+".kinds", "an empty list: leave it out for everything")
	}
}

func join[T ~string](names []T) string {
	var out []string
	for _, n := range names {
		out = append(out, string(n))
	}
	return strings.Join(out, ", ")
}

// template compiles a template and tries it on one item of each shape.
func (p *configParser) template(at, name, text string, r *Receiver) *template.Template {
	if text == "" {
		return nil
	}
	t, err := template.New(name).Option("missingkey=error").Funcs(template.FuncMap{"json": asJSON, "clock": clock}).Parse(text)
	if err != nil {
		p.fail(at, "%v", err)
		return nil
	}
	for _, it := range samples() {
		var b bytes.Buffer
		if err := t.Execute(&b, r.data(&it, it.At)); err != nil {
			p.fail(at, "%v", err)
			return nil
		}
		switch {
		case strings.TrimSpace(b.String()) == "":
			p.fail(at, "nothing comes out of it for an item of kind %s, event %s", it.Kind, it.Event)
			return nil
		case name == "body" && !json.Valid(b.Bytes()):
			p.fail(at, "what comes out of it for an item of kind %s is no JSON: put texts through json, as in {{json .Title}}", it.Kind)
			return nil
		}
	}
	return t
}

// clock is what templates call clock: an instant as people read it.
func clock(t time.Time) string { return t.Format("2006-01-02 15:04 -07:00") }

// samples returns one item of each shape; texts hold what breaks careless JSON.
func samples() []Item {
	at := time.Date(2026, 6, 15, 4, 0, 0, 0, time.UTC)
	var out []Item
	for _, w := range []hydro.Warning{
		{From: hydro.Clear, To: hydro.Red},
		{From: hydro.Red, To: hydro.Clear},
		{From: hydro.Clear, To: hydro.Blind, Cause: "silent"},
		{From: hydro.Blind, To: hydro.Clear},
		{},
	} {
		w.ID, w.Basin, w.Station, w.At = "basin/20260615T040000Z/station", "basin", "station", at
		w.ReasonZH, w.ReasonEN = "“引号\"与换行\n”", "a \"quote\"\nand a line"
		it, _ := ItemOf(hydro.Output{Warning: &w}, nil)
		out = append(out, it)
	}
	for _, o := range []hydro.Output{
		{Group: &hydro.GroupChange{
			ID: "basin/wave/20260615T040000Z/station", Basin: "basin", Kind: hydro.WaveGroup, Event: hydro.GroupOpened, At: at, OpenedAt: at, Stage: hydro.Red, Highest: hydro.Red,
			Station: "station", TextZH: "“一次\"洪水\n”", TextEN: "one \"wave\"\n",
		}},
		{Duty: &hydro.DutyEvent{ID: "basin/7/1", Basin: "basin", At: at, Kind: "acknowledged", Station: "station", TextZH: "“确认\"\n”", TextEN: "\"ack\"\n"}},
		{Watch: &hydro.ForecastWatch{Basin: "basin", Standing: hydro.ForecastExpired, At: at, DetailZH: "“预报\"\n”", Detail: "\"expired\"\n"}},
	} {
		it, _ := ItemOf(o, nil)
		out = append(out, it)
	}
	return out
}

// only refuses keys that belong to other kinds of receiver.
func (p *configParser) only(at string, f *receiverFile, keys []string) {
	for _, k := range []struct {
		name  string
		there bool
	}{
		{"url", f.URL != ""},
		{"url_file", f.URLFile != ""},
		{"secret_file", f.SecretFile != ""},
		{"ca", f.CA != ""},
		{"server", f.Server != ""},
		{"tls", f.TLS != ""},
		{"username", f.Username != ""},
		{"password_file", f.PasswordFile != ""},
		{"from", f.From != ""},
		{"to", f.To != nil},
		{"format", f.Format != ""},
		{"bundle", f.Bundle != nil},
	} {
		if k.there && !slices.Contains(keys, k.name) {
			p.fail(at+"."+k.name, "a receiver of kind %s has no such key", f.Kind)
		}
	}
	for _, k := range []struct{ name, text string }{{"title", f.Templates.Title}, {"text", f.Templates.Text}, {"body", f.Templates.Body}} {
		if k.text != "" && !slices.Contains(keys, k.name) {
			p.fail(at+".templates."+k.name, "a receiver of kind %s has no such template", f.Kind)
		}
	}
}

// file returns a name relative to the configuration's folder.
func (p *configParser) file(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.dir, name)
}

// choice returns s, the first of the words if it is empty.
func (p *configParser) choice(at, s string, words ...string) string {
	if s == "" {
		return words[0]
	}
	if !slices.Contains(words, s) {
		p.fail(at, "%q is none of %s", s, strings.Join(words, ", "))
	}
	return s
}

func (p *configParser) whole(at string, n *int, unset, lo, hi int) int {
	if n == nil {
		return unset
	}
	if *n < lo || *n > hi {
		p.fail(at, "%d is not from %d to %d", *n, lo, hi)
	}
	return *n
}

func (p *configParser) duration(at, s string, unset time.Duration) time.Duration {
	if s == "" {
		return unset
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second || d > 5*time.Minute {
		p.fail(at, "%q is no duration from 1s to 5m", s)
		return unset
	}
	return d
}
