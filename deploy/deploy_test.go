// Package deploy_test checks what an installation consists of: what can be run
// here is run, the rest is linted. See README.md for what is unrun.
package deploy_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"

	"freshet/internal/app"
)

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// tool returns the path of a program that install-prometheus.sh provides.
func tool(t testing.TB, name string) string {
	t.Helper()
	find := func() (string, error) {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
		return exec.LookPath(filepath.Join("..", ".build", "bin", name))
	}
	path, err := find()
	if err != nil {
		if err := install(); err != nil {
			t.Fatal(err)
		}
		if path, err = find(); err != nil {
			t.Fatal(err)
		}
	}
	if path, err = filepath.Abs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

var install = sync.OnceValue(func() error {
	if out, err := exec.Command("./install-prometheus.sh").CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	return nil
})

// run runs a program that must succeed and returns what it printed.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// options are the flags of freshet serve.
func options() (*app.Options, *pflag.FlagSet) {
	opts := app.DefaultOptions()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	opts.Flags(flags)
	return &opts, flags
}

func TestTheExampleConfigurationIsAccepted(t *testing.T) {
	opts, flags := options()
	if err := app.Configure(flags, "freshet.yaml", nil); err != nil {
		t.Fatal(err)
	}
	if err := opts.Validate(); err != nil {
		t.Fatal(err)
	}
	if opts.Data != "/var/lib/freshet" || opts.Catalog != "/etc/freshet/catalog" {
		t.Fatalf("data %q, catalog %q: not where the container and the unit have them", opts.Data, opts.Catalog)
	}
}

// compose is the part of compose.yaml that is checked.
type compose struct {
	Services map[string]struct {
		Image       string
		Build       struct{ Context, Dockerfile string }
		Environment map[string]string
		Ports       []string
		Volumes     []string
		DependsOn   map[string]any `yaml:"depends_on"`
		SecurityOpt []string       `yaml:"security_opt"`
		CapDrop     []string       `yaml:"cap_drop"`
		ReadOnly    bool           `yaml:"read_only"`
	}
	Volumes map[string]any
}

// serve configures a server as a container does, by its environment.
func serve(t testing.TB, environment map[string]string) (app.Options, error) {
	t.Helper()
	opts, flags := options()
	var environ []string
	for key, value := range environment {
		environ = append(environ, key+"="+value)
	}
	if err := app.Configure(flags, "freshet.yaml", environ); err != nil {
		t.Fatal(err)
	}
	return *opts, opts.Validate()
}

// imageEnvironment is what the Dockerfile sets.
func imageEnvironment(t testing.TB) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, in := range lastStage(t) {
		if in.name != "ENV" {
			continue
		}
		for kv := range strings.FieldsSeq(in.args) {
			key, value, _ := strings.Cut(kv, "=")
			env[key] = value
		}
	}
	return env
}

func TestTheContainerStartsOnlyWithTLSOrWithTheWord(t *testing.T) {
	if _, err := serve(t, imageEnvironment(t)); err == nil || !strings.Contains(err.Error(), "--tls-cert") || !strings.Contains(err.Error(), "--insecure") {
		t.Errorf("the image alone: %v", err)
	}
	env := imageEnvironment(t)
	for _, c := range []struct {
		file     string
		insecure bool
	}{{"compose.yaml", true}, {"compose.tls.yaml", false}} { // the second on top of the first
		var f compose
		if err := yaml.Unmarshal([]byte(read(t, c.file)), &f); err != nil {
			t.Fatal(err)
		}
		for key, value := range f.Services["freshet"].Environment {
			if !strings.HasPrefix(value, "${") {
				env[key] = value
			}
		}
		opts, err := serve(t, env)
		if err != nil || opts.Insecure != c.insecure || (opts.TLSCert != "") == c.insecure {
			t.Errorf("%s: insecure %t, certificate %q, %v", c.file, opts.Insecure, opts.TLSCert, err)
		}
	}
}

func TestComposeRefersToWhatExists(t *testing.T) {
	lintCompose(t, "compose.yaml", "freshet", "influxdb", "prometheus", "grafana")
	lintCompose(t, "compose.tls.yaml", "freshet", "prometheus")
}

func lintCompose(t *testing.T, file string, services ...string) {
	text := read(t, file)
	var c, below compose
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &below); err != nil {
		t.Fatal(err)
	}
	for _, name := range services {
		if _, ok := c.Services[name]; !ok {
			t.Errorf("no service %q", name)
		}
	}
	_, flags := options()
	for name, s := range c.Services {
		if image, tag, _ := strings.Cut(s.Image, ":"); file == "compose.yaml" && tag == "" || tag == "latest" && image != "freshet" {
			t.Errorf("%s: image %q is not pinned", name, s.Image)
		}
		if s.Build.Dockerfile != "" {
			read(t, filepath.Join(s.Build.Context, s.Build.Dockerfile))
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if strings.HasPrefix(source, "./tls") {
				continue // the operator's
			}
			if strings.HasPrefix(source, ".") {
				if _, err := os.Stat(source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else if _, ok := c.Volumes[source]; !ok {
				t.Errorf("%s: volume %q is not declared", name, source)
			}
		}
		for dependency := range s.DependsOn {
			if _, ok := c.Services[dependency]; !ok {
				t.Errorf("%s: depends on %q", name, dependency)
			}
		}
		for _, p := range s.Ports {
			asked := s.Environment["FRESHET_INSECURE"] == "false" && s.Environment["FRESHET_TLS_CERT"] != ""
			if !strings.HasPrefix(p, "127.0.0.1:") && (!asked || !strings.HasPrefix(p, "${FRESHET_BIND:?")) {
				t.Errorf("%s: port %q is open to everybody", name, p)
			}
		}
		if len(s.SecurityOpt) == 0 {
			t.Errorf("%s: no-new-privileges is missing", name)
		}
		for key := range s.Environment {
			if option, ours := strings.CutPrefix(key, "FRESHET_"); ours && flags.Lookup(strings.ReplaceAll(strings.ToLower(option), "_", "-")) == nil {
				t.Errorf("%s: %s is no option of freshet serve", name, key)
			}
		}
	}
	if s := below.Services["freshet"]; !s.ReadOnly || len(s.CapDrop) != 1 || s.CapDrop[0] != "ALL" {
		t.Error("freshet: its container may write or keeps capabilities")
	}
	example := read(t, "env.example")
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+):\?`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(example, "\n"+m[1]+"=") && !strings.Contains(example, "\n# "+m[1]+"=") {
			t.Errorf("env.example lacks %s", m[1])
		}
	}
}

// instruction is one instruction of the Dockerfile's last stage.
type instruction struct{ name, args string }

func lastStage(t testing.TB) []instruction {
	t.Helper()
	var stage []instruction
	for line := range strings.Lines(strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")) {
		name, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || name[0] == '#' {
			continue
		}
		if name == "FROM" {
			stage = nil
		}
		stage = append(stage, instruction{name, strings.TrimSpace(args)})
	}
	return stage
}

func TestTheContainerHasNoShellAndIsNotRoot(t *testing.T) {
	var user bool
	_, flags := options()
	for _, in := range lastStage(t) {
		switch in.name {
		case "FROM":
			if in.args != "scratch" {
				t.Errorf("FROM %s: not empty", in.args)
			}
		case "RUN":
			t.Error("RUN needs a shell")
		case "USER":
			user = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`).MatchString(in.args)
		case "ENTRYPOINT", "CMD":
			if in.args[0] != '[' {
				t.Errorf("%s in shell form", in.name)
			}
		case "HEALTHCHECK":
			if !strings.Contains(in.args, `CMD ["/freshet", "health"]`) {
				t.Errorf("HEALTHCHECK %s", in.args)
			}
		case "EXPOSE":
			if in.args != "7070 8080" {
				t.Errorf("EXPOSE %s", in.args)
			}
		case "COPY":
			source := strings.Fields(in.args)[0]
			if strings.HasPrefix(source, "--") {
				continue
			}
			if _, err := os.Stat(filepath.Join("..", source)); err != nil {
				t.Error(err)
			}
		case "ENV":
			for kv := range strings.FieldsSeq(in.args) {
				key, _, _ := strings.Cut(kv, "=")
				option := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(key, "FRESHET_")), "_", "-")
				if option != "config" && flags.Lookup(option) == nil {
					t.Errorf("ENV %s is no option", key)
				}
			}
		}
	}
	if !user {
		t.Error("USER is root or not a number")
	}
}

func TestPrometheusAcceptsConfigurationAndRules(t *testing.T) {
	promtool := tool(t, "promtool")
	run(t, promtool, "check", "config", "prometheus/prometheus.yml")
	run(t, promtool, "check", "config", "--syntax-only", "prometheus/prometheus.tls.yml") // the files of a TLS client are the operator's
	run(t, promtool, "check", "rules", "--lint=all", "--lint-fatal", "prometheus/freshet.rules.yml")
}

func TestAlertRulesFireWhenTheyShouldAndOnlyThen(t *testing.T) {
	run(t, tool(t, "promtool"), "test", "rules", "prometheus/freshet.rules.test.yml")
}

func TestTheUnitIsValidAndHardened(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	unit := read(t, "systemd/freshet.service")
	_, flags := options()
	start := regexp.MustCompile(`(?m)^ExecStart=(\S+) serve (.*)$`).FindStringSubmatch(unit)
	if start == nil {
		t.Fatal("the unit does not start freshet serve")
	}
	flags.String("config", "", "")
	if err := flags.Parse(strings.Fields(start[2])); err != nil {
		t.Fatal(err)
	}
	// The analyser wants the program to exist: any program will do.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "freshet.service")
	if err := os.WriteFile(file, []byte(strings.Replace(unit, start[1], self, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := run(t, analyze, "verify", "--man=no", file); bytes.Contains([]byte(out), []byte("freshet.service")) {
		t.Fatal(out)
	}
	run(t, analyze, "security", "--offline=yes", "--threshold=15", file) // 1.5 of 10
}
