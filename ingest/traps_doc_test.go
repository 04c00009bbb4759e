package ingest_test

import (
	"bytes"
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

// TestTheListOfTrapsIsWhole holds docs/traps.md against the test functions of
// the whole module, both ways.
func TestTheListOfTrapsIsWhole(t *testing.T) {
	const root = ".."
	text, err := os.ReadFile(filepath.Join(root, "docs", "traps.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed, section := map[string]bool{}, ""
	heading, row := regexp.MustCompile("^## .*`([a-z0-9/_]+)`"), regexp.MustCompile("^\\|.*\\| `(TestTrap[A-Za-z0-9]+)` \\|$")
	for i, line := range strings.Split(string(text), "\n") {
		if m := heading.FindStringSubmatch(line); m != nil {
			section = m[1]
		}
		m := row.FindStringSubmatch(line)
		if m == nil {
			if strings.Contains(line, "TestTrap") {
				t.Errorf("docs/traps.md:%d names a test outside the last cell of its row", i+1)
			}
			continue
		}
		if name := section + " " + m[1]; listed[name] {
			t.Errorf("docs/traps.md:%d: %s is there twice", i+1, name)
		} else {
			listed[name] = true
		}
		if cells := strings.Split(line, "|"); len(cells) != 6 || strings.TrimSpace(cells[1]) == "" || strings.TrimSpace(cells[2]) == "" || strings.TrimSpace(cells[3]) == "" {
			t.Errorf("docs/traps.md:%d does not say what is sent and what happens", i+1)
		}
	}
	if len(listed) < 30 {
		t.Errorf("%d traps", len(listed))
	}
	tested := map[string]bool{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(data, []byte("func TestTrap")) {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, data, 0)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, one := range file.Decls {
			if f, ok := one.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "TestTrap") {
				tested[filepath.ToSlash(dir)+" "+f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range listed {
		if !tested[name] {
			t.Errorf("docs/traps.md lists %s, which no test file has", name)
		}
	}
	for name := range tested {
		if !listed[name] {
			t.Errorf("docs/traps.md does not list %s", name)
		}
	}
}
