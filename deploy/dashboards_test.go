package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	influxdb2 "github.com/influxdata/influxdb-client-go/v2"

	"freshet/internal/hydro"
	"freshet/internal/store/influx"
	"freshet/internal/store/influx/influxtest"
)

// metrics are the series that a running server exposes; the scrape test holds
// this list against a real one.
var metrics = []string{
	"freshet_archive_errors_total", "freshet_archive_lag_outputs", "freshet_archive_missed_outputs_total", "freshet_archive_written_total",
	"freshet_engine_apply_seconds", "freshet_engine_time_seconds", "freshet_feed_warnings_sent_total", "freshet_feed_watchers",
	"freshet_forecast_duration_seconds",
	"freshet_forecast_standing",
	"freshet_ingest_accepted_total", "freshet_ingest_ack_seconds", "freshet_ingest_queued_readings", "freshet_ingest_refused_total", "freshet_ingest_streams",
	"freshet_log_lag_inputs", "freshet_stations_by_stage", "freshet_tls_certificate_expires_timestamp_seconds",
	"process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds",
}

// faults are series that begin with the first fault of their kind, or with a file
// of receivers.
var faults = []string{"freshet_archive_refused_total", "freshet_outbox_down", "freshet_outbox_set_aside_messages"}

type dashboard struct {
	UID        string
	Title      string
	Panels     []panel
	Templating struct {
		List []struct {
			Name       string
			Datasource datasource
			Query      struct{ Query string }
		}
	}
}

type panel struct {
	Title       string
	Type        string
	Description string
	Datasource  datasource
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct {
		RefID       string `json:"refId"`
		Datasource  datasource
		Expr, Query string
	}
}

type datasource struct{ Type, UID string }

func dashboards(t *testing.T) []dashboard {
	t.Helper()
	files, err := filepath.Glob("grafana/dashboards/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("dashboards: %v %v", files, err)
	}
	var out []dashboard
	for _, f := range files {
		var d dashboard
		if err := json.Unmarshal([]byte(read(t, f)), &d); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out = append(out, d)
	}
	return out
}

func TestDashboardsAskProvisionedSourcesAndDoNotOverlap(t *testing.T) {
	var provisioned struct{ Datasources []struct{ UID, Type string } }
	if err := yaml.Unmarshal([]byte(read(t, "grafana/provisioning/datasources/freshet.yaml")), &provisioned); err != nil {
		t.Fatal(err)
	}
	var sources []datasource
	for _, s := range provisioned.Datasources {
		sources = append(sources, datasource{s.Type, s.UID})
	}
	var provider struct {
		Providers []struct{ Options struct{ Path string } }
	}
	if err := yaml.Unmarshal([]byte(read(t, "grafana/provisioning/dashboards/freshet.yaml")), &provider); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(read(t, "compose.yaml"), "./grafana/dashboards:"+provider.Providers[0].Options.Path+":ro") {
		t.Error("the dashboards are not mounted where the provider looks")
	}
	seen := map[string]bool{}
	for _, d := range dashboards(t) {
		if d.UID == "" || seen[d.UID] {
			t.Errorf("%s: uid %q is empty or double", d.Title, d.UID)
		}
		seen[d.UID] = true
		taken := map[[2]int]string{}
		for _, p := range d.Panels {
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other, ok := taken[[2]int{x, y}]; ok || x >= 24 {
						t.Fatalf("%s: %s lies on %s or outside", d.Title, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if p.Type == "text" {
				continue
			}
			if p.Description == "" || len(p.Targets) == 0 {
				t.Errorf("%s: %s has no description or asks nothing", d.Title, p.Title)
			}
			refs := map[string]bool{}
			for _, target := range p.Targets {
				if !slices.Contains(sources, target.Datasource) || target.Datasource != p.Datasource {
					t.Errorf("%s: %s asks %v, which is not provisioned", d.Title, p.Title, target.Datasource)
				}
				if refs[target.RefID] {
					t.Errorf("%s: %s has two queries %s", d.Title, p.Title, target.RefID)
				}
				refs[target.RefID] = true
			}
		}
	}
}

var metricName = regexp.MustCompile(`\b(?:freshet|process)_[a-z0-9_]+`)

func TestDashboardsAndRulesUseOnlyMetricsThatExist(t *testing.T) {
	used := map[string][]string{"rules": {read(t, "prometheus/freshet.rules.yml")}}
	var rules strings.Builder
	rules.WriteString("groups: [{name: g, rules: [\n")
	n := 0
	for _, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if target.Expr == "" {
					continue
				}
				used[d.Title+"/"+p.Title] = append(used[d.Title+"/"+p.Title], target.Expr)
				expr := strings.NewReplacer("$__rate_interval", "1m", "$basin", ".*").Replace(target.Expr)
				fmt.Fprintf(&rules, "{record: 'r%d', expr: %q},\n", n, expr)
				n++
			}
		}
	}
	rules.WriteString("]}]\n")
	for where, texts := range used {
		for _, text := range texts {
			for _, name := range metricName.FindAllString(text, -1) {
				base := name
				for _, suffix := range []string{"_bucket", "_count", "_sum"} {
					base = strings.TrimSuffix(base, suffix)
				}
				if !slices.Contains(metrics, name) && !slices.Contains(faults, name) && !slices.Contains(metrics, base) && !strings.Contains(text, ":"+name) {
					t.Errorf("%s uses %s", where, name)
				}
			}
		}
	}
	if n == 0 {
		t.Fatal("no PromQL in the dashboards")
	}
	file := filepath.Join(t.TempDir(), "dashboards.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, tool(t, "promtool"), "check", "rules", file)
}

// TestWaterLevelDashboardAnswersFromARealInfluxDB stores one of everything and
// asks each query of the dashboard.
func TestWaterLevelDashboardAnswersFromARealInfluxDB(t *testing.T) {
	server := influxtest.Run(t)
	s, err := influx.Open(influx.Options{URL: server.URL, Bucket: "freshet", CreateBucket: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	now := time.Now().UTC().Truncate(time.Minute) // the queries ask for now()
	var observations []hydro.Observation
	for _, v := range []hydro.Variable{hydro.WaterLevel, hydro.Discharge, hydro.Rain} {
		for i, quality := range []hydro.Quality{hydro.Pass, hydro.Suspect, hydro.NotEvaluated} {
			o := hydro.Observation{Quality: quality, ReceivedAt: now}
			o.Key = hydro.Key{Station: "st", Variable: v}
			o.At = now.Add(time.Duration(i-3) * 5 * time.Minute)
			o.Raw, o.Value = float64(i), float64(i)
			if v == hydro.WaterLevel {
				o.Datum = hydro.PearlRiver
			}
			if v == hydro.Rain {
				o.Interval = 5 * time.Minute
			}
			if quality == hydro.Suspect {
				o.Tests, o.Why = hydro.TestStuck, "did not move"
			}
			observations = append(observations, o)
		}
	}
	if err := s.WriteObservations(t.Context(), "b", observations); err != nil {
		t.Fatal(err)
	}
	values := make([]float64, 24)
	for i := range values {
		values[i] = float64(i)
	}
	err = s.WriteForecast(t.Context(), hydro.Forecast{
		Basin: "b", IssuedAt: now, Trigger: "schedule", Catalogue: "c", Step: time.Hour, Horizon: 24 * time.Hour, ValidUntil: now.Add(time.Hour), BandStep: 3 * time.Hour,
		Stations: []hydro.StationForecast{
			{Station: "bare", Datum: hydro.PearlRiver, Level: values, Discharge: values},
			{
				Station: "st", Datum: hydro.PearlRiver, Level: values, Discharge: values, Peak: hydro.Peak{At: now.Add(24 * time.Hour), Level: 23, Discharge: 23},
				Band: []hydro.BandStep{{Discharge: [7]float64{1, 2, 3, 4, 5, 6, 7}, Level: [7]float64{1, 2, 3, 4, 5, 6, 7}, Errors: 100}},
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.WriteWarning(t.Context(), hydro.Warning{
		ID: "b/1/0", Basin: "b", Station: "st", At: now.Add(-time.Minute), From: hydro.Clear, To: hydro.Orange, ReasonZH: "理由", ReasonEN: "reason", Catalogue: "c",
	})
	if err != nil {
		t.Fatal(err)
	}

	client := influxdb2.NewClient(server.URL, "")
	defer client.Close()
	macros := strings.NewReplacer(
		"v.timeRangeStart", now.Add(-24*time.Hour).Format(time.RFC3339), "v.timeRangeStop", now.Add(72*time.Hour).Format(time.RFC3339),
		"${basin}", "b", "${station}", "st")
	asked := 0
	ask := func(what, query string) int {
		asked++
		result, err := client.QueryAPI("").Query(t.Context(), macros.Replace(query))
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, macros.Replace(query))
		}
		rows := 0
		for result.Next() {
			rows++
		}
		if err := result.Err(); err != nil {
			t.Fatalf("%s: %v\n%s", what, err, macros.Replace(query))
		}
		return rows
	}
	some := func(what, query string) {
		if ask(what, query) == 0 {
			t.Errorf("%s: nothing came back\n%s", what, macros.Replace(query))
		}
	}
	bands := 0
	for _, d := range dashboards(t) {
		for _, variable := range d.Templating.List {
			if variable.Datasource.Type == "influxdb" {
				some("variable "+variable.Name, variable.Query.Query)
			}
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if target.Query != "" {
					some(p.Title+" "+target.RefID, target.Query)
				}
				if strings.Contains(target.Query, "_q10") { // a run may have no band at a station
					bands++
					if n := ask(p.Title+" without a band", strings.ReplaceAll(target.Query, "${station}", "bare")); n != 0 {
						t.Errorf("%s: %d rows of a band that is not there", p.Title, n)
					}
				}
			}
		}
	}
	if asked < 10 || bands != 2 {
		t.Fatalf("only %d queries, %d of them for bands", asked, bands)
	}
}
