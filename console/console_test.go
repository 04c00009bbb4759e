package console_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"freshet/console"
)

func built() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		"index.html": file("<p>the index"), "index.html.br": file("index as br"), "index.html.gz": file("index as gz"),
		"assets/index-a1.js": file("script"), "assets/index-a1.js.gz": file("script as gz"),
		"sounds/urgent.wav": file("RIFF"), "placeholder.html": file("not built"), ".vite/manifest.json": file("{}"),
	}
}

func ask(t *testing.T, h http.Handler, method, address string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, address, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func TestFilesAreServedAsSmallAsTheBrowserTakesThem(t *testing.T) {
	h := console.New(built())
	for _, c := range []struct{ address, accept, body, coding, kind, cache string }{
		{"/", "", "<p>the index", "", "text/html; charset=utf-8", "no-cache"},
		{"/", "gzip, deflate, br", "index as br", "br", "text/html; charset=utf-8", "no-cache"},
		{"/index.html", "br;q=0, gzip;q=0.5", "index as gz", "gzip", "text/html; charset=utf-8", "no-cache"},
		{"/assets/index-a1.js", "br, gzip", "script as gz", "gzip", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/assets/index-a1.js", "identity", "script", "", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/sounds/urgent.wav", "br", "RIFF", "", "audio/wav", "no-cache"},
	} {
		res, body := ask(t, h, "GET", c.address, "Accept-Encoding", c.accept)
		if res.StatusCode != http.StatusOK || body != c.body {
			t.Errorf("%s for %q: %d %q, want %q", c.address, c.accept, res.StatusCode, body, c.body)
		}
		for name, want := range map[string]string{"Content-Encoding": c.coding, "Content-Type": c.kind, "Cache-Control": c.cache, "Vary": "Accept-Encoding"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s for %q: %s is %q, want %q", c.address, c.accept, name, got, want)
			}
		}
	}
}

func TestPagesAreTheIndexAndFilesAreNot(t *testing.T) {
	h := console.New(built())
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	for _, c := range []struct {
		method, address, accept string
		code                    int
	}{
		{"GET", "/stations/h-enping", browser, http.StatusOK},
		{"HEAD", "/map", browser, http.StatusOK},
		{"GET", "/stations/h-enping", "application/json", http.StatusNotFound}, // a script that has the address wrong
		{"GET", "/assets/index-gone.js", browser, http.StatusNotFound},         // of an older version
		{"GET", "/.vite/manifest.json", "*/*", http.StatusNotFound},
		{"GET", "/placeholder.html", browser, http.StatusNotFound},
		{"GET", "/../../etc/passwd", "*/*", http.StatusNotFound},
		{"GET", "/assets", "*/*", http.StatusNotFound},
		{"POST", "/", browser, http.StatusMethodNotAllowed},
	} {
		res, body := ask(t, h, c.method, c.address, "Accept", c.accept)
		if res.StatusCode != c.code {
			t.Errorf("%s %s: %d, want %d", c.method, c.address, res.StatusCode, c.code)
		}
		if want := c.code == http.StatusOK && c.method == "GET"; strings.Contains(body, "the index") != want {
			t.Errorf("%s %s: %q", c.method, c.address, body)
		}
	}
}

func TestABinaryBuiltWithoutTheConsoleSaysSo(t *testing.T) {
	dist := built()
	for name := range dist {
		if strings.HasPrefix(name, "index.html") {
			delete(dist, name)
		}
	}
	for _, address := range []string{"/", "/stations"} {
		if res, body := ask(t, console.New(dist), "GET", address, "Accept", "text/html"); res.StatusCode != http.StatusOK || body != "not built" {
			t.Errorf("%s: %d %q", address, res.StatusCode, body)
		}
	}
}

// What this binary holds is whole, with the console or without it.
func TestTheEmbeddedConsole(t *testing.T) {
	res, body := ask(t, console.Handler(), "GET", "/")
	want := "make console"
	if console.Built() {
		want = `<div id="app">`
	}
	if res.StatusCode != http.StatusOK || !strings.Contains(body, want) {
		t.Errorf("%d, want a page with %q:\n%s", res.StatusCode, want, body)
	}
	if strings.Contains(body, "<style") || strings.Contains(body, "<script>") {
		t.Error("the content security policy allows no script or style inside the page")
	}
}
