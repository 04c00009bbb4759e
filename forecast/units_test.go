package forecast_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unit is a word by which a doc says what its numbers are of. What has no unit says
// so, as a share, a number of something, an index or an exponent.
var unit = regexp.MustCompile(`(^|[\s(,;])(m³/s|10⁶ m³|m³|m²|km²|km|mm|m|mm/h|mm/d|1/d|s|ms|degrees|steps?|hours?|–|dimensionless|no unit|one unit|unit of|in the unit|share|shares|probability|exponent)($|[\s.,:;)])`)

// numeric reports whether a type is one of real numbers, or slices of them.
func numeric(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "float64"
	case *ast.ArrayType:
		return numeric(e.Elt)
	case *ast.Ellipsis:
		return numeric(e.Elt)
	}
	return false
}

func takesNumbers(l *ast.FieldList) bool {
	return l != nil && slices.ContainsFunc(l.List, func(f *ast.Field) bool { return numeric(f.Type) })
}

// Whoever calls a function by its doc alone knows the units of what it takes and gives
// back; a package with equations names where they are from.
func TestTheDocsOfTheKernelsGiveUnitsAndSources(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(root(t), "forecast", "*"))
	if err != nil {
		t.Fatal(err)
	}
	functions := 0
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // a file
		}
		about := ""
		var decls []*ast.FuncDecl
		fset := token.NewFileSet()
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			f, err := parser.ParseFile(fset, filepath.Join(dir, e.Name()), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			about += f.Doc.Text()
			for _, d := range f.Decls {
				if d, ok := d.(*ast.FuncDecl); ok && d.Name.IsExported() && exportedReceiver(d) {
					decls = append(decls, d)
				}
			}
		}
		if equation := regexp.MustCompile(`(?m)^    ?\t?.* = `); equation.MatchString(about) && !regexp.MustCompile(`\[[\p{L}]+\d{2,}\]|Sources?:|this package`).MatchString(about) {
			t.Errorf("%s: equations without a source", filepath.Base(dir))
		}
		for _, d := range decls {
			if !takesNumbers(d.Type.Params) && !takesNumbers(d.Type.Results) {
				continue
			}
			functions++
			if !unit.MatchString(d.Doc.Text()) {
				t.Errorf("%s: %s: say in which unit its numbers are, or that they have none", fset.Position(d.Pos()), d.Name.Name)
			}
		}
	}
	if functions < 50 {
		t.Errorf("%d functions: this says little", functions)
	}
}

// exportedReceiver reports whether d is a function, or a method of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	e := d.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	name, ok := e.(*ast.Ident)
	return ok && name.IsExported()
}
