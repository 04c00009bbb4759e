package server

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"freshet/internal/auth"
	freshetv1 "freshet/proto/freshet/v1"
)

// methods are all methods of the contract, and those of gRPC's own services that
// the server offers.
func methods() []string {
	var out []string
	protoregistry.GlobalFiles.RangeFilesByPackage("freshet.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for k := range s.Methods().Len() {
				out = append(out, "/"+string(s.FullName())+"/"+string(s.Methods().Get(k).Name()))
			}
		}
		return true
	})
	own := grpc.NewServer()
	healthv1.RegisterHealthServer(own, health.NewServer())
	reflection.Register(own)
	for name, s := range own.GetServiceInfo() {
		for _, m := range s.Methods {
			out = append(out, "/"+name+"/"+m.Name)
		}
	}
	slices.Sort(out)
	return out
}

func TestEveryMethodHasARule(t *testing.T) {
	all := methods()
	if !slices.Contains(all, freshetv1.WarningService_WatchWarnings_FullMethodName) {
		t.Fatalf("methods: %v", all)
	}
	for _, m := range all {
		r, ok := rules[m]
		if !ok {
			t.Errorf("%s has no rule: nobody may call it where callers are asked who they are. Say in rules (access.go) who may", m)
			continue
		}
		if !r.open && len(r.permits) == 0 {
			t.Errorf("%s: its rule permits nobody", m)
		}
	}
	for m := range rules {
		if !slices.Contains(all, m) {
			t.Errorf("a rule for %s, which is not there", m)
		}
	}
}

// accessTable is the table of docs/security.md.
func accessTable() string {
	var b strings.Builder
	b.WriteString("| call |")
	for _, role := range auth.Roles {
		fmt.Fprintf(&b, " %s |", role)
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(auth.Roles)+1) + "\n")
	for _, m := range methods() {
		r := rules[m]
		short := strings.TrimPrefix(strings.TrimPrefix(m, "/"), "freshet.v1.")
		fmt.Fprintf(&b, "| `%s` |", short)
		for _, role := range auth.Roles {
			cell := "–"
			for _, p := range r.permits {
				if p.role != role {
					continue
				}
				if cell = "yes"; len(p.departments) > 0 {
					var names []string
					for _, d := range p.departments {
						names = append(names, d.String())
					}
					cell = "of " + strings.Join(names, ", ")
				}
			}
			if r.open {
				cell = "open"
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestTheDocumentShowsWhoMayDoWhat(t *testing.T) {
	doc, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := accessTable(); !strings.Contains(string(doc), want) {
		t.Errorf("docs/security.md does not hold the table; it must be:\n%s", want)
	}
}

func TestTheDocumentsTestsAreThere(t *testing.T) {
	doc, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	if err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".build" || d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			there[m[1]] = true
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	_, model, found := strings.Cut(string(doc), "## Threats")
	model, _, _ = strings.Cut(model, "\n## ")
	named := regexp.MustCompile(`(?:Test|Fuzz)[A-Z]\w+`)
	rows := 0
	for line := range strings.Lines(model) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| threat") {
			continue
		}
		rows++
		tests := named.FindAllString(line, -1)
		if len(tests) == 0 {
			t.Errorf("no test is named for: %s", line)
		}
		for _, name := range tests {
			if !there[name] {
				t.Errorf("there is no %s", name)
			}
		}
	}
	if !found || rows < 10 {
		t.Errorf("%d threats", rows)
	}
}
