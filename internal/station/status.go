package station

import (
	"context"
	_ "embed" // the page
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"freshet/ingest/gateway"
	"freshet/ingest/gateway/input"
)

// A Status is what `freshet gateway status` shows.
type Status struct {
	Name    string         `json:"name"`
	Server  string         `json:"server"`
	At      time.Time      `json:"at"`
	Started time.Time      `json:"started"`
	Inputs  []input.Status `json:"inputs"`
	gateway.Status
	Reconcile *ReconcileStatus `json:"reconcile,omitempty"` // nil: nothing is compared
	Troubles  []Trouble        `json:"troubles"`
}

// A Trouble is something that somebody should look at.
type Trouble struct {
	Code string `json:"code"` // "spool_full", "dropping", "link_down", "input_stuck", "refused"
	Zh   string `json:"zh"`
	En   string `json:"en"`
}

// Status returns the state now.
func (s *Station) Status(refused int) (Status, error) {
	g, err := s.gateway.Status(refused)
	if err != nil {
		return Status{}, err
	}
	out := Status{Name: s.config.Name, Server: s.config.Server.Address, At: s.opts.Now().UTC(), Started: s.started.UTC(), Status: g}
	for _, in := range s.inlets {
		out.Inputs = append(out.Inputs, in.Status())
	}
	if s.healer != nil {
		out.Reconcile = s.healer.status()
	}
	out.Troubles = troubles(&out)
	return out, nil
}

func troubles(s *Status) []Trouble {
	out := []Trouble{} // a list also where it is empty
	if s.Spool.Full != "" {
		out = append(out, Trouble{"spool_full", "缓存已满, 停止接收: " + s.Spool.Full, "The spool is full and takes nothing: " + s.Spool.Full})
	}
	if s.Dropped > 0 {
		out = append(out, Trouble{"dropping", fmt.Sprintf("已丢弃最旧数据 %d 个", s.Dropped), fmt.Sprintf("%d of the oldest values were dropped", s.Dropped)})
	}
	for _, d := range s.Departments {
		if d.Link.State == "down" {
			out = append(out, Trouble{"link_down", "与中心的链路中断 (" + d.Department + "): " + d.Link.Error, "The link to the centre is down (" + d.Department + "): " + d.Link.Error})
		}
	}
	for _, in := range s.Inputs {
		if in.Error != "" {
			out = append(out, Trouble{"input_stuck", "输入受阻 (" + in.Name + "): " + in.Error, "An input does not get on (" + in.Name + "): " + in.Error})
		}
	}
	if r := s.Reconcile; r != nil && r.Error != "" {
		out = append(out, Trouble{"not_compared", "与中心数据核对未完成: " + r.Error, "Days could not be compared with the centre: " + r.Error})
	} else if r != nil && r.Last.Unhealed > 0 {
		out = append(out, Trouble{"not_healed", fmt.Sprintf("核对后仍有 %d 个序列与中心不一致", r.Last.Unhealed), fmt.Sprintf("%d series still differ from the centre's history", r.Last.Unhealed)})
	}
	if s.Spool.Refused > 0 {
		out = append(out, Trouble{"refused", fmt.Sprintf("有 %d 个数据被拒收, 见清单", s.Spool.Refused), fmt.Sprintf("%d values were refused: see their list", s.Spool.Refused)})
	}
	return out
}

//go:embed status.html
var pageText string

var page = template.Must(template.New("status").Funcs(template.FuncMap{
	"mb":    func(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) },
	"local": func(t time.Time) string { return local(t, "–") },
}).Parse(pageText))

// local is an instant as people at the station read it.
func local(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.In(time.FixedZone("+08:00", 8*3600)).Format("2006-01-02 15:04:05")
}

// shownRefused is how many refused values the page and the JSON list.
const shownRefused = 50

// serveHTTP serves the status page, /status.json, /metrics and /healthz.
func (s *Station) serveHTTP(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		st, err := s.Status(shownRefused)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := page.Execute(w, st); err != nil {
			s.opts.Logger.Warn("status page", "err", err)
		}
	})
	mux.HandleFunc("GET /status.json", func(w http.ResponseWriter, _ *http.Request) {
		st, err := s.Status(shownRefused)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(st); err != nil {
			s.opts.Logger.Warn("status", "err", err)
		}
	})
	mux.HandleFunc("POST /reconcile", func(w http.ResponseWriter, r *http.Request) {
		if s.healer == nil {
			http.Error(w, "reconcile.keep is off: nothing is remembered that could be compared", http.StatusNotFound)
			return
		}
		report, err := s.healer.heal(r.Context(), true)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(report); err != nil {
			s.opts.Logger.Warn("reconcile", "err", err)
		}
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		switch st, err := s.Status(0); {
		case err != nil:
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		case st.Spool.Full != "":
			http.Error(w, st.Spool.Full, http.StatusServiceUnavailable)
		default: // a link that is down is what the spool is for
			_, _ = w.Write([]byte("ok\n"))
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.opts.Registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(s.http); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("status page: %w", err)
	}
	return nil
}
