package main

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

const (
	maxScenarioFile   = 1 << 20
	maxScenarioFaults = 20
)

// scenarioFaults is an error that lists what is wrong with a scenario file, one a line.
type scenarioFaults []catalog.Problem

func (f scenarioFaults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns hydro.ErrInvalid.
func (f scenarioFaults) Unwrap() error { return hydro.ErrInvalid }

// A misfit is a value that cannot be read, and where it stands.
type misfit struct {
	at   *token.Token
	text string
}

func (m *misfit) Error() string { return m.text }

// misread says what a value should be.
func misread(n ast.Node, want string) error {
	return &misfit{n.GetToken(), fmt.Sprintf("%q: %s", written(n), want)}
}

// written is a plain value as it stands in the file; "" of anything else.
func written(n ast.Node) string {
	if _, plain := n.(ast.ScalarNode); !plain || n.GetToken() == nil {
		return ""
	}
	return n.GetToken().Value
}

// parseScenario reads a file of that name. The error lists all that is wrong with it,
// with line, column and what would be right.
func parseScenario(name string, data []byte) (f *scenarioFile, err error) {
	defer func() { // the YAML parser is not ours
		if r := recover(); r != nil {
			f, err = nil, scenarioFaults{{File: name, Message: fmt.Sprintf("not readable as YAML: %v", r)}}
		}
	}()
	if len(data) > maxScenarioFile {
		return nil, scenarioFaults{{File: name, Message: "larger than 1 MB"}}
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, scenarioFaults{catalog.YAMLProblem(name, err)}
	}
	var body ast.Node
	if len(tree.Docs) > 0 {
		body = tree.Docs[0].Body
	}
	if len(tree.Docs) > 1 {
		line, column := 0, 0
		if t := tree.Docs[1].Start; t != nil {
			line, column = t.Position.Line, t.Position.Column
		}
		return nil, scenarioFaults{{File: name, Line: line, Column: column, Message: "a second document: put each scenario into a file of its own"}}
	}
	if _, comment := body.(*ast.CommentGroupNode); comment {
		body = nil
	}
	// The decoder stops at the first mistake: that value is noted and left out, and the
	// rest is read again, until nothing is wrong with it.
	var faults scenarioFaults
	for {
		f = &scenarioFile{name: name}
		if body == nil {
			break
		}
		err := yaml.NodeToValue(body, f, yaml.Strict())
		if err == nil {
			break
		}
		p, at := fault(name, body, err)
		faults = append(faults, p)
		if at == nil || len(faults) == maxScenarioFaults || !leaveOut(body, at) {
			break
		}
	}
	f.tree = tree
	for i, s := range f.Soil {
		if s.Filled != nil && s.Change != nil {
			faults = append(faults, f.problem(fmt.Sprintf("soil[%d].change", i), "filled and change: give one of them"))
		}
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b catalog.Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, faults
	}
	return f, nil
}

// fault says what the decoder found wrong, and where.
func fault(name string, body ast.Node, err error) (catalog.Problem, *token.Token) {
	p := catalog.Problem{File: name, Message: err.Error()}
	var at *token.Token
	if m, ok := errors.AsType[*misfit](err); ok {
		at = m.at
	} else if e, ok := errors.AsType[yaml.Error](err); ok {
		at, p.Message = e.GetToken(), e.GetMessage()
	}
	if at == nil {
		return p, nil
	}
	p.Line, p.Column = at.Position.Line, at.Position.Column
	if _, ok := errors.AsType[*yaml.UnknownFieldError](err); ok {
		p.Message = fmt.Sprintf("unknown key %q: write one of %s", at.Value, strings.Join(keysBeside(body, at), ", "))
	}
	if e, ok := errors.AsType[*yaml.TypeError](err); ok {
		p.Message = fmt.Sprintf("%q is not %s", at.Value, kindOf(e.DstType))
	}
	if e, ok := errors.AsType[*yaml.OverflowError](err); ok {
		p.Message = fmt.Sprintf("%q is not %s", at.Value, kindOf(e.DstType))
	}
	if e, ok := errors.AsType[*yaml.UnexpectedNodeTypeError](err); ok {
		want := kindOf(reflect.TypeFor[struct{}]())
		if e.Expected == ast.SequenceType {
			want = kindOf(reflect.TypeFor[[]int]())
		}
		p.Message = fmt.Sprintf("%q is not %s", at.Value, want)
	}
	return p, at
}

// kindOf says what a value of a type looks like.
func kindOf(t reflect.Type) string {
	switch t.Kind() { //nolint:exhaustive // what a scenarioFile has
	case reflect.Pointer:
		return kindOf(t.Elem())
	case reflect.Float64:
		return "a number"
	case reflect.Uint32, reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Slice:
		return "a list, such as [a, b]"
	case reflect.Struct, reflect.Map:
		return "a mapping, such as {key: value}"
	}
	return "text"
}

// keysBeside returns the keys that there are where an unknown one stands.
func keysBeside(body ast.Node, at *token.Token) []string {
	path := "$"
	ast.Walk(visitor(func(n ast.Node) {
		if p, ok := n.(*ast.MappingValueNode); ok && p.Key.GetToken() == at {
			path = p.Key.GetPath()
		}
	}), body)
	t := reflect.TypeFor[scenarioFile]()
	steps := strings.Split(path, ".")
	for _, step := range steps[1:max(1, len(steps)-1)] {
		key, _, _ := strings.Cut(step, "[")
		for t.Kind() != reflect.Struct {
			t = t.Elem()
		}
		for i := range t.NumField() {
			if t.Field(i).Tag.Get("yaml") == key {
				t = t.Field(i).Type
				break
			}
		}
	}
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var out []string
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			if tag := t.Field(i).Tag.Get("yaml"); tag != "" {
				out = append(out, tag)
			}
		}
	}
	return out
}

type visitor func(ast.Node)

func (v visitor) Visit(n ast.Node) ast.Visitor { v(n); return v }

// leaveOut takes the smallest value out of a tree whose key or value stands at a
// token. It reports whether there was one.
func leaveOut(body ast.Node, at *token.Token) bool {
	is := func(n ast.Node) bool { return n != nil && n.GetToken() == at }
	done := false
	ast.Walk(visitor(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.MappingNode:
			for i, v := range n.Values {
				if is(v.Key) || is(v.Value) {
					n.Values, done = slices.Delete(slices.Clone(n.Values), i, i+1), true
					return
				}
			}
		case *ast.SequenceNode:
			for i, v := range n.Values {
				if is(v) {
					n.Values, done = slices.Delete(slices.Clone(n.Values), i, i+1), true
					return
				}
			}
		}
	}), body)
	return done
}

// problem says that something is wrong with a field, by its path in the file.
func (f *scenarioFile) problem(path, text string) catalog.Problem {
	p := catalog.Problem{File: f.name, Message: path + ": " + text}
	p.Line, p.Column = catalog.Locate(f.tree, "$."+path) // or of what it would be in
	return p
}

// refused says by line and column what a server found wrong with a scenario that came
// from a file; nil: from flags alone.
func (f *scenarioFile) refused(err error) error {
	s, ok := status.FromError(err)
	if !ok || s.Code() != codes.InvalidArgument {
		return err
	}
	var faults scenarioFaults
	for _, d := range s.Details() {
		bad, ok := d.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, v := range bad.GetFieldViolations() {
			if f == nil {
				faults = append(faults, catalog.Problem{Message: strings.TrimPrefix(v.GetField(), "scenario.") + ": " + v.GetDescription()})
			} else {
				faults = append(faults, f.problem(f.path(v.GetField()), v.GetDescription()))
			}
		}
	}
	if len(faults) == 0 {
		return err
	}
	return faults
}

var (
	seriesField = regexp.MustCompile(`^rain\.series\[(\d+)\](?:\.sub_basin|\.depth)?`)
	inSeconds   = regexp.MustCompile(`\b(shift|step|duration|after)_s\b`)
)

// path returns where a field of the request stands in the file.
func (f *scenarioFile) path(field string) string {
	field = inSeconds.ReplaceAllString(field, "$1")
	of, found := strings.CutPrefix(field, "scenario.")
	if !found {
		return "search." + field
	}
	of = strings.NewReplacer("name_zh", "name.zh", "name_en", "name.en").Replace(of)
	if rest, ok := strings.CutPrefix(of, "schedules["); ok {
		return "reservoirs[" + rest
	}
	if m := seriesField.FindStringSubmatch(of); m != nil {
		names := make([]string, 0, len(f.Rain.Series))
		for name := range f.Rain.Series {
			names = append(names, name)
		}
		slices.Sort(names) // as they are sent
		if i, err := strconv.Atoi(m[1]); err == nil && i < len(names) {
			return "rain.series." + names[i] + of[len(m[0]):]
		}
	}
	return of
}
