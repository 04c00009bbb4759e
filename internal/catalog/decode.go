package catalog

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"freshet/internal/hydro"
)

const (
	maxFileBytes = 8 << 20
	maxNesting   = 100
)

// A place is where something stands in the files.
type place struct {
	file         string
	line, column int
}

// A node is a part of a file: a scalar, a list or a mapping.
type node struct {
	l    *loader
	file string
	n    ast.Node
}

func tokenPlace(file string, t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{file: file}
	}
	return place{file, t.Position.Line, t.Position.Column}
}

// at returns where the node begins.
func (v node) at() place { return tokenPlace(v.file, begin(v.n)) }

func (v node) fail(format string, args ...any) { v.l.report(v.at(), format, args...) }

func (l *loader) report(at place, format string, args ...any) {
	l.problems = append(l.problems, Problem{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

// readFile parses one file and files its sections.
func (l *loader) readFile(f hydro.File) {
	body, err := parse(f)
	if err != nil {
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			l.report(tokenPlace(f.Name, syntax.Token), "%s", syntax.Message)
			return
		}
		l.report(place{file: f.Name}, "%v", err)
		return
	}
	for _, doc := range body.Docs {
		if doc.Body == nil {
			continue
		}
		if _, comment := doc.Body.(*ast.CommentGroupNode); comment {
			continue
		}
		m, ok := node{l, f.Name, doc.Body}.mapping()
		if !ok {
			continue
		}
		for _, s := range l.sections() {
			if v, ok := m.take(s.name); ok {
				*s.into = append(*s.into, v)
			}
		}
		m.done()
	}
}

// parse turns a file into a syntax tree. The parser is not ours: a panic in it
// becomes an error of that file.
func parse(f hydro.File) (body *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			body, err = nil, fmt.Errorf("not readable as YAML: %v", r)
		}
	}()
	if len(f.Data) > maxFileBytes {
		return nil, fmt.Errorf("larger than %d MB: split it", maxFileBytes>>20)
	}
	depth := 0
	for _, b := range f.Data {
		switch b {
		case '[', '{':
			if depth++; depth > maxNesting {
				return nil, fmt.Errorf("brackets nested deeper than %d", maxNesting)
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return parser.ParseBytes(f.Data, 0, parser.AllowDuplicateMapKey())
}

// A mapping is a node whose keys are taken one by one; what nobody took is an
// unknown key.
type mapping struct {
	node
	values map[string]node
	keys   []key
	asked  []string
}

type key struct {
	name string
	at   place
}

// mapping returns the node as a mapping, or reports that it is none.
func (v node) mapping() (*mapping, bool) {
	m := &mapping{node: v, values: map[string]node{}}
	var pairs []*ast.MappingValueNode
	switch n := v.n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		v.fail("expected keys and values, found %s", kindOf(v.n))
		return nil, false
	}
	for _, p := range pairs {
		k := p.Key.GetToken()
		at := tokenPlace(v.file, k)
		name := k.Value
		if _, ok := p.Key.(ast.ScalarNode); !ok || name == "" || p.Key.IsMergeKey() {
			v.l.report(at, "a key must be a plain word; anchors, merges and complex keys are not part of the format")
			continue
		}
		if _, twice := m.values[name]; twice {
			v.l.report(at, "key %q given twice", name)
			continue
		}
		m.keys = append(m.keys, key{name, at})
		m.values[name] = node{v.l, v.file, p.Value}
	}
	return m, true
}

func kindOf(n ast.Node) string {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias, which is not part of the format (use profiles)"
	case *ast.TagNode:
		return "a tag, which is not part of the format"
	default:
		return fmt.Sprintf("%q", strings.TrimSpace(n.String()))
	}
}

// take returns the value of a key, if the mapping has it. A key without a value
// counts as absent.
func (m *mapping) take(name string) (node, bool) {
	m.asked = append(m.asked, name)
	v, ok := m.values[name]
	if !ok {
		return node{}, false
	}
	if _, null := v.n.(*ast.NullNode); null || v.n == nil {
		return node{}, false
	}
	return v, true
}

// need is take, and reports a missing key.
func (m *mapping) need(name string) (node, bool) {
	v, ok := m.take(name)
	if !ok {
		m.l.report(m.place(name), "%s: missing", name)
	}
	return v, ok
}

// place returns where the value of a key stands, the key if it has no value, or
// the mapping if it has no such key.
func (m *mapping) place(name string) place {
	v, ok := m.values[name]
	if !ok {
		return m.at()
	}
	if _, null := v.n.(*ast.NullNode); null || v.n == nil {
		for _, k := range m.keys {
			if k.name == name {
				return k.at
			}
		}
	}
	return v.at()
}

// done reports the keys that nobody asked for.
func (m *mapping) done() {
	for _, k := range m.keys {
		if !slices.Contains(m.asked, k.name) {
			known := slices.Clone(m.asked)
			slices.Sort(known)
			m.l.report(k.at, "unknown key %q; known here: %s", k.name, strings.Join(slices.Compact(known), ", "))
		}
	}
}

// skip takes all keys: what is unknown in a mapping that cannot be read is not
// reported beside that.
func (m *mapping) skip() {
	for _, k := range m.keys {
		m.asked = append(m.asked, k.name)
	}
}

// list returns the items of a list.
func (v node) list() []node {
	s, ok := v.n.(*ast.SequenceNode)
	if !ok {
		v.fail("expected a list, found %s", kindOf(v.n))
		return nil
	}
	out := make([]node, 0, len(s.Values))
	for _, n := range s.Values {
		out = append(out, node{v.l, v.file, n})
	}
	return out
}

func (m *mapping) list(name string) []node {
	v, ok := m.take(name)
	if !ok {
		return nil
	}
	return v.list()
}

// text returns a scalar as it is written, whatever YAML would make of it: a
// station code 00123 stays 00123.
func (v node) text() (string, bool) {
	switch n := v.n.(type) {
	case *ast.LiteralNode:
		if n.Value != nil && n.Value.GetToken() != nil {
			return strings.TrimSpace(n.Value.GetToken().Value), true
		}
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return v.n.GetToken().Value, true
	}
	v.fail("expected a text or a number, found %s", kindOf(v.n))
	return "", false
}

func (m *mapping) text(name string) string {
	v, ok := m.take(name)
	if !ok {
		return ""
	}
	s, _ := v.text()
	return s
}

func (m *mapping) needText(name string) string {
	v, ok := m.need(name)
	if !ok {
		return ""
	}
	s, ok := v.text()
	if ok && s == "" {
		v.fail("%s: empty", name)
	}
	return s
}

// id returns an identifier: letters, digits, '_' and '-', at most 64.
func (m *mapping) id(name string) string {
	v, ok := m.need(name)
	if !ok {
		return ""
	}
	s, ok := v.text()
	if ok && !isID(s) {
		v.fail("%s: %q is no identifier: use 1 to 64 letters, digits, '_' or '-'", name, s)
		return ""
	}
	return s
}

func isID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, b := range []byte(s) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '_', b == '-':
		default:
			return false
		}
	}
	return true
}

func (v node) number() (float64, bool) {
	s, ok := v.text()
	if !ok {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		v.fail("%q is no number", s)
		return 0, false
	}
	return x, true
}

// A bound says which numbers are allowed, for one key.
type bound struct {
	ok   func(float64) bool
	says string
}

var (
	anyNumber   = bound{func(float64) bool { return true }, ""}
	positive    = bound{func(x float64) bool { return x > 0 }, "must be above 0"}
	notNegative = bound{func(x float64) bool { return x >= 0 }, "must not be negative"}
	share       = bound{func(x float64) bool { return x >= 0 && x <= 1 }, "must be from 0 to 1"}
)

func between(lo, hi float64) bound {
	return bound{func(x float64) bool { return x >= lo && x <= hi }, fmt.Sprintf("must be from %g to %g", lo, hi)}
}

// number returns the number of a key, or def if the key is absent.
func (m *mapping) number(name string, def float64, b bound) float64 {
	v, ok := m.take(name)
	if !ok {
		return def
	}
	x, ok := v.number()
	if !ok {
		return def
	}
	if !b.ok(x) {
		v.fail("%s: %g %s", name, x, b.says)
		return def
	}
	return x
}

func (m *mapping) needNumber(name string, b bound) float64 {
	if _, ok := m.need(name); !ok {
		return 0
	}
	return m.number(name, 0, b)
}

func (m *mapping) whole(name string, def, lo, hi int) int {
	v, ok := m.take(name)
	if !ok {
		return def
	}
	s, ok := v.text()
	if !ok {
		return def
	}
	x, err := strconv.Atoi(s)
	if err != nil || x < lo || x > hi {
		v.fail("%s: %q must be a whole number from %d to %d", name, s, lo, hi)
		return def
	}
	return x
}

func (m *mapping) flag(name string) bool {
	v, ok := m.take(name)
	if !ok {
		return false
	}
	if b, ok := v.n.(*ast.BoolNode); ok {
		return b.Value
	}
	v.fail("%s: expected true or false, found %s", name, kindOf(v.n))
	return false
}

// duration parses "5m", "90s", "11h30m" or "3d".
func (v node) duration() (time.Duration, bool) {
	s, ok := v.text()
	if !ok {
		return 0, false
	}
	if days, found := strings.CutSuffix(s, "d"); found {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, true
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d%time.Second != 0 {
		v.fail("%q is no duration in whole seconds: write 90s, 5m, 6h, 11h30m or 3d", s)
		return 0, false
	}
	return d, true
}

// duration returns the duration of a key, at least lo and at most a hundred
// years, or def if the key is absent.
func (m *mapping) duration(name string, def, lo time.Duration) time.Duration {
	v, ok := m.take(name)
	if !ok {
		return def
	}
	d, ok := v.duration()
	if !ok {
		return def
	}
	if d < lo {
		if lo == 0 {
			v.fail("%s: %s must not be negative", name, d)
		} else {
			v.fail("%s: %s is shorter than %s", name, d, lo)
		}
		return def
	}
	return d
}

func (m *mapping) needDuration(name string, lo time.Duration) time.Duration {
	if _, ok := m.need(name); !ok {
		return lo
	}
	return m.duration(name, lo, lo)
}

// instant parses a date, which begins at midnight in the zone, or an RFC 3339
// time.
func (m *mapping) instant(name string, zone *time.Location) time.Time {
	v, ok := m.need(name)
	if !ok {
		return time.Time{}
	}
	s, ok := v.text()
	if !ok {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, s, zone)
	if err != nil {
		t, err = time.Parse(time.RFC3339, s)
	}
	if err != nil || t.Year() < 1800 || t.Year() > 2261 {
		v.fail("%s: %q is no date: write 2026-04-15 (midnight in the station's zone) or 2026-04-15T08:00:00+08:00", name, s)
		return time.Time{}
	}
	return t.UTC()
}

// monthDay parses "05-21".
func (m *mapping) monthDay(name string) (month, day int) {
	v, ok := m.need(name)
	if !ok {
		return 0, 0
	}
	s, ok := v.text()
	if !ok {
		return 0, 0
	}
	t, err := time.Parse("2006-01-02", "2024-"+s) // a leap year: 29 February is a day
	if err != nil {
		v.fail("%s: %q is no day of the year: write month and day, as in 05-21", name, s)
		return 0, 0
	}
	return int(t.Month()), t.Day()
}

// timeOfDay parses "08:00" as time after midnight.
func (m *mapping) timeOfDay(name string, def time.Duration) time.Duration {
	v, ok := m.take(name)
	if !ok {
		return def
	}
	s, ok := v.text()
	if !ok {
		return def
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		v.fail("%s: %q is no time of day: write 08:00", name, s)
		return def
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// pair returns a list of exactly two numbers.
func (v node) pair(what string) (out [2]float64, ok bool) {
	items, isList := v.n.(*ast.SequenceNode)
	if !isList || len(items.Values) != len(out) {
		v.fail("expected [%s]", what)
		return out, false
	}
	for i, item := range v.list() {
		x, ok := item.number()
		if !ok {
			return out, false
		}
		out[i] = x
	}
	return out, true
}

// position returns a longitude and a latitude.
func (v node) position() ([2]float64, bool) {
	x, ok := v.pair("longitude, latitude")
	if !ok {
		return x, false
	}
	if x[0] < -180 || x[0] > 180 || x[1] < -90 || x[1] > 90 {
		v.fail("[%g, %g] is no place: longitude comes first, both in degrees WGS84", x[0], x[1])
		return [2]float64{}, false
	}
	return [2]float64{x[0], x[1]}, true
}

func (v node) positions() [][2]float64 {
	var out [][2]float64
	for _, item := range v.list() {
		if p, ok := item.position(); ok {
			out = append(out, p)
		}
	}
	return out
}

// name returns {zh, en}; one of them may stand for both, and a plain text too.
func (m *mapping) name(name string) (zh, en string) {
	v, ok := m.need(name)
	if !ok {
		return "", ""
	}
	if _, plain := v.n.(ast.ScalarNode); plain {
		s, _ := v.text()
		return s, s
	}
	n, ok := v.mapping()
	if !ok {
		return "", ""
	}
	defer n.done()
	zh, en = n.text("zh"), n.text("en")
	switch {
	case zh == "" && en == "":
		n.fail("%s: needs zh, en or both", name)
	case zh == "":
		zh = en
	case en == "":
		en = zh
	}
	return zh, en
}

// zone returns a zone's name and location.
func (m *mapping) zone(name, def string) (string, *time.Location) {
	s := def
	if _, ok := m.take(name); ok {
		s = m.text(name)
	}
	if loc, ok := m.l.zones[s]; ok {
		return s, loc
	}
	loc, err := ParseZone(s)
	if err != nil {
		m.l.report(m.place(name), "%s: %q is no zone: write an IANA name such as Asia/Shanghai, UTC, or an offset such as +08:00", name, s)
		return def, time.UTC
	}
	m.l.zones[s] = loc
	return s, loc
}
