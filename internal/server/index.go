package server

import (
	"html/template"
	"net/http"
	"time"
)

// People see Beijing time.
var beijing = time.FixedZone("UTC+8", 8*60*60)

var indexPage = template.Must(template.New("index").Parse(`<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Freshet</title>
<style>
body { font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1b2733; background: #fff }
h1 { margin-bottom: 0 }
.mark { border-left: .4rem solid #b35900; padding: .3rem .8rem; background: #fff6e8 }
td, th { text-align: left; padding: .2rem 1.2rem .2rem 0; vertical-align: top }
code { background: #f1f4f7; padding: 0 .3em }
</style>
<h1>Freshet</h1>
<p>雨情、水情、工情汇集，洪水预报与分级预警。<br>Rain, river and reservoir readings in; flood forecasts and staged warnings out.</p>
{{if .Catalogue}}<p>目录 Catalogue: {{.Title}} <code>{{.Catalogue}}</code></p>{{end}}
{{if .Mark}}<p class="mark"><strong>示例数据 Illustrative.</strong> {{.Mark}}</p>{{end}}
<p>状态 State: {{if .NotReady}}<strong>尚未就绪 not ready</strong>: {{.NotReady}}{{else}}就绪 ready{{end}}
{{if .Now}}· 系统时间 engine time {{.Now}}{{end}}</p>
<table>
<tr><th>地址 Address<th>内容 What is there
<tr><td><a href="/v1/stages">/v1/stages</a><td>各站现状 where every station stands
<tr><td><a href="/v1/warnings/feed?from_start=true">/v1/warnings/feed</a><td>预警消息流（SSE，可续传）the alert feed, resumes by Last-Event-ID
<tr><td><a href="/v1/stations">/v1/stations</a><td>测站 stations
<tr><td><a href="/v1/conflicts">/v1/conflicts</a><td>各部门不一致之处 what departments say differently
<tr><td><a href="/v1/rate-requests">/v1/rate-requests</a><td>加报要求 stations asked to report faster
{{range .Basins}}<tr><td><a href="/v1/forecasts/latest?basin={{.}}">/v1/forecasts/latest?basin={{.}}</a><td>最新预报 latest forecast
{{end}}<tr><td><a href="/openapi.json">/openapi.json</a><td>REST 接口说明 description of the REST interface
<tr><td><a href="/metrics">/metrics</a><td>运行指标 metrics for Prometheus
<tr><td><a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a><td>存活、就绪 alive, ready
</table>
<p>gRPC: <code>freshet.v1</code>, with reflection and health service. 命令行 command line: <code>freshet watch</code>, <code>freshet forecast</code>.</p>
</html>
`))

// serveIndex says what is here.
func (s *Server) serveIndex(w http.ResponseWriter, _ *http.Request) {
	page := struct {
		Catalogue, Title, Mark, NotReady, Now string
		Basins                                []string
	}{Basins: s.basinIDs}
	if c := s.opts.Catalog(); c != nil {
		page.Catalogue, page.Title, page.Mark = c.Version, c.TitleZH+" "+c.TitleEN, c.Illustrative
	}
	if err := s.opts.Ready(); err != nil {
		page.NotReady = err.Error()
	}
	if now := s.opts.Clock.Now(); !now.IsZero() {
		page.Now = now.In(beijing).Format("2006-01-02 15:04 (UTC+8)")
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = indexPage.Execute(w, page) // the client has gone: nobody to tell
}
