package feed

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"

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
	problem.Line, problem.Column = catalog.Locate(p.tree, at)
	p.list = append(p.list, problem)
}

func (p *mistakes) yaml(err error) { p.list = append(p.list, catalog.YAMLProblem(p.name, err)) }
