// Package console holds the web console, built by Vite from the sources in this
// folder (`make console`, which needs Node), and serves it. It is pages and
// scripts only and holds no data.
package console

import (
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed all:dist
var embedded embed.FS

const (
	index       = "index.html"
	placeholder = "placeholder.html" // of a binary that was built without the console
)

// Handler serves the console that this binary was built with or, if it was built
// without one, a page that says so.
func Handler() http.Handler {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		panic("console: " + err.Error()) // the folder is embedded
	}
	return New(dist)
}

// Built reports whether this binary was built with the console.
func Built() bool {
	_, err := fs.Stat(embedded, "dist/"+index)
	return err == nil
}

// New serves a console from the folder that Vite built it in. Its pages have
// addresses of their own, which only its scripts know: a browser that asks for a
// page, and not for a file, gets the index whatever the address.
func New(dist fs.FS) http.Handler {
	page := index
	if _, err := fs.Stat(dist, index); err != nil {
		page = placeholder
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		switch {
		case name == "" || name == index:
			serve(w, r, dist, page, "no-cache")
		case isFile(dist, name):
			cache := "no-cache"
			if strings.HasPrefix(name, "assets/") { // their names change with what they hold
				cache = "public, max-age=31536000, immutable"
			}
			serve(w, r, dist, name, cache)
		case path.Ext(name) == "" && strings.Contains(r.Header.Get("Accept"), "text/html"):
			serve(w, r, dist, page, "no-cache")
		default:
			http.NotFound(w, r)
		}
	})
}

// isFile tells files of the console from what Vite and the build leave beside them.
func isFile(dist fs.FS, name string) bool {
	if !fs.ValidPath(name) || strings.HasPrefix(name, ".") || name == placeholder {
		return false
	}
	info, err := fs.Stat(dist, name)
	return err == nil && info.Mode().IsRegular()
}

// serve sends a file, as small as the browser can take it.
func serve(w http.ResponseWriter, r *http.Request, dist fs.FS, name, cache string) {
	h := w.Header()
	h.Set("Cache-Control", cache)
	h.Set("Content-Type", contentType(name))
	h.Add("Vary", "Accept-Encoding")
	for _, e := range []struct{ coding, ext string }{{"br", ".br"}, {"gzip", ".gz"}} {
		if !accepts(r.Header.Get("Accept-Encoding"), e.coding) {
			continue
		}
		if data, err := fs.ReadFile(dist, name+e.ext); err == nil {
			h.Set("Content-Encoding", e.coding)
			send(w, r, data)
			return
		}
	}
	data, err := fs.ReadFile(dist, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	send(w, r, data)
}

func send(w http.ResponseWriter, r *http.Request, data []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(data) // the client has gone: nobody to tell
}

// contentType does not ask the machine's own table, which may hold anything.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".wav":
		return "audio/wav"
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// accepts reports whether an Accept-Encoding names a coding and does not refuse it.
func accepts(header, coding string) bool {
	return slices.ContainsFunc(strings.Split(header, ","), func(part string) bool {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			return false
		}
		q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		v, err := strconv.ParseFloat(q, 64)
		return !ok || err == nil && v > 0
	})
}
