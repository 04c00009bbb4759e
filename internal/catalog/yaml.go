package catalog

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Locate returns where the value of a YAML path stands, or the nearest part of
// the path that the file has; 0 if none.
func Locate(tree *ast.File, path string) (line, column int) {
	for tree != nil && path != "" && path != "$" {
		if p, err := yaml.PathString(path); err == nil {
			if n, err := p.FilterFile(tree); err == nil && n != nil {
				at := tokenPlace("", begin(n))
				return at.line, at.column
			}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0, 0
}

// begin returns where a node begins. A block mapping begins at its first key.
func begin(n ast.Node) *token.Token {
	switch n := n.(type) {
	case nil:
		return nil
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return n.Values[0].Key.GetToken()
		}
	}
	return n.GetToken()
}

// YAMLProblem returns what the YAML parser says is wrong with a file, and where.
func YAMLProblem(file string, err error) Problem {
	problem := Problem{File: file, Message: err.Error()}
	if located, ok := errors.AsType[yaml.Error](err); ok {
		problem.Message = located.GetMessage()
		at := tokenPlace(file, located.GetToken())
		problem.Line, problem.Column = at.line, at.column
	}
	return problem
}
