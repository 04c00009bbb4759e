package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the Makefile has tested without the race detector starts no goroutine,
// neither in its code nor in its tests.
func TestWhatIsTestedWithoutTheRaceDetectorStartsNoGoroutine(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	list := func(name string) []string {
		m := regexp.MustCompile(`(?m)^` + name + ` := (.+)$`).FindSubmatch(text)
		if m == nil {
			t.Fatalf("the Makefile has no list %s", name)
		}
		return strings.Fields(string(m[1]))
	}
	var alone []string
	for _, p := range list("ALONE") {
		if p == "$(NUMBERS)" {
			alone = append(alone, list("NUMBERS")...)
			continue
		}
		alone = append(alone, p)
	}
	read := 0
	file := func(path string) {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		read++
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt:
				t.Errorf("%s: a goroutine or a channel: keep it out of here, or take the package from ALONE", fset.Position(n.Pos()))
			case *ast.SelectorExpr:
				switch n.Sel.Name {
				case "Go", "Parallel", "RunParallel", "AfterFunc": // of a group, a test, a benchmark, a timer
					t.Errorf("%s: %s starts a goroutine: keep it out of here, or take the package from ALONE", fset.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
	for _, p := range alone {
		dir, all := strings.CutSuffix(p, "/...")
		before := read
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && path != filepath.Join(root, dir) && !all:
				return fs.SkipDir
			case filepath.Ext(path) == ".go":
				file(path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if read < before+2 {
			t.Errorf("%s: %d Go files", p, read-before)
		}
	}
}
