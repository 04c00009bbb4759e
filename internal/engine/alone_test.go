package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

func makefile(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What the Makefile has tested without the race detector starts no goroutine,
// neither in its code nor in its tests.
func TestWhatIsTestedWithoutTheRaceDetectorStartsNoGoroutine(t *testing.T) {
	text := makefile(t)
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

// A test in a file that the race detector's pass leaves out has the name by which
// the Makefile runs it in another, in a package that it names there.
func TestWhatTheRaceDetectorsPassLeavesOutIsRunInAnother(t *testing.T) {
	text := makefile(t)
	line := regexp.MustCompile(`(?m)^\tgo test .*-run (\w+) (.+)$`).FindSubmatch(text)
	if line == nil {
		t.Fatal("the Makefile does not run them")
	}
	name, packages := string(line[1]), strings.Fields(string(line[2]))
	found := map[string]int{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || len(d.Name()) > 2 && d.Name()[0] == '.'):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !regexp.MustCompile(`(?m)^//go:build .*!race`).Match(data) {
			return nil
		}
		dir := "./" + filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), root+string(filepath.Separator)))
		found[dir]++
		if !slices.Contains(packages, dir) {
			t.Errorf("%s is not under the race detector, and the Makefile does not run %s without it", path, dir)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(t `).FindAllSubmatch(data, -1) {
			if !strings.Contains(string(m[1]), name) {
				t.Errorf("%s: %s is run by nothing: the Makefile asks for %q", path, m[1], name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		if found[p] == 0 {
			t.Errorf("the Makefile runs %s without the race detector, and no file of it asks for that", p)
		}
	}
}

// What the Makefile has tested without vet is vetted by lint: with all of govet's
// analyzers that are on by themselves, of which those of go test are a part, and in
// tests too.
func TestLintVetsWhatIsTestedWithoutVet(t *testing.T) {
	if !strings.Contains(string(makefile(t)), "go test -vet=off") {
		t.Fatal("the Makefile tests with vet: this test is not needed any more")
	}
	text, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []string{`default: none`, `tests: false`, `govet`, `build-tags`} {
		if strings.Contains(string(text), off) {
			t.Errorf(".golangci.yml says %q: go test has to vet again", off)
		}
	}
}
