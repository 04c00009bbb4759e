package sl651

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"freshet/internal/catalog"
)

const maxSettings = 8 << 20

// ParseSettings reads settings in YAML. If they are wrong the error is a
// [catalog.Problems], which lists all mistakes with line and column; name is what
// it calls the file.
func ParseSettings(name string, data []byte) (s *Settings, err error) {
	defer func() { // the YAML parser is not ours
		if r := recover(); r != nil {
			s, err = nil, catalog.Problems{{File: name, Message: fmt.Sprintf("not readable as YAML: %v", r)}}
		}
	}()
	if len(data) > maxSettings {
		return nil, catalog.Problems{{File: name, Message: fmt.Sprintf("larger than %d MB", maxSettings>>20)}}
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, catalog.Problems{problemOf(name, err)}
	}
	var f File
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		return nil, catalog.Problems{problemOf(name, err)}
	}
	var problems catalog.Problems
	s = f.Build(func(path, format string, args ...any) {
		p := catalog.Problem{File: name, Message: strings.TrimPrefix(path, "$.") + ": " + fmt.Sprintf(format, args...)}
		p.Line, p.Column = Locate(tree, path)
		problems = append(problems, p)
	})
	if len(problems) > 0 {
		return nil, problems
	}
	return s, nil
}

// Locate returns where the value of a YAML path stands, or the nearest part of
// the path that the file has; 0 if none.
func Locate(tree *ast.File, path string) (line, column int) {
	for path != "" && path != "$" {
		if p, err := yaml.PathString(path); err == nil {
			if n, err := p.FilterFile(tree); err == nil && n != nil {
				return position(n)
			}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0, 0
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

func problemOf(name string, err error) catalog.Problem {
	problem := catalog.Problem{File: name, Message: err.Error()}
	if located, ok := errors.AsType[yaml.Error](err); ok {
		problem.Message = located.GetMessage()
		problem.Line, problem.Column = tokenPosition(located.GetToken())
	}
	return problem
}
