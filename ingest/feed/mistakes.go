package feed

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Mistakes is an error that lists every mistake of a map, one a line. It wraps
// hydro.ErrInvalid.
type Mistakes []catalog.Problem

func (m Mistakes) Error() string {
	lines := []string{fmt.Sprintf("map: %d problems", len(m))}
	if len(m) == 1 {
		lines[0] = "map: 1 problem"
	}
	for _, one := range m {
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns hydro.ErrInvalid.
func (m Mistakes) Unwrap() error { return hydro.ErrInvalid }

// mistakes collects what is wrong with a map.
type mistakes struct {
	name string
	tree *ast.File
	list Mistakes
}

// fail notes a mistake at a YAML path, or at the nearest part of it that is in
// the file.
func (p *mistakes) fail(at, format string, args ...any) {
	problem := catalog.Problem{File: p.name, Message: strings.TrimPrefix(at, "$.") + ": " + fmt.Sprintf(format, args...)}
	for p.tree != nil && at != "" && at != "$" {
		if path, err := yaml.PathString(at); err == nil {
			if n, err := path.FilterFile(p.tree); err == nil && n != nil {
				problem.Line, problem.Column = position(n)
				break
			}
		}
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
	}
	p.list = append(p.list, problem)
}

// position returns where a node begins. A block mapping begins at its first key.
func position(n ast.Node) (line, column int) {
	t := n.GetToken()
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			t = n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		t = n.Key.GetToken()
	}
	return tokenPosition(t)
}

func tokenPosition(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil {
		return 0, 0
	}
	return t.Position.Line, t.Position.Column
}

func (p *mistakes) yaml(err error) {
	problem := catalog.Problem{File: p.name, Message: err.Error()}
	if located, ok := errors.AsType[yaml.Error](err); ok {
		problem.Message = located.GetMessage()
		problem.Line, problem.Column = tokenPosition(located.GetToken())
	}
	p.list = append(p.list, problem)
}
