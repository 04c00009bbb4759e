package auth_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"freshet/internal/auth"
	"freshet/internal/hydro"
)

func grants() *rapid.Generator[auth.Grant] {
	return rapid.Custom(func(t *rapid.T) auth.Grant {
		g := auth.Grant{
			Name: rapid.StringMatching(`[a-z0-9\p{Han}]{1,12}`).Draw(t, "name"),
			Role: rapid.SampledFrom(auth.Roles).Draw(t, "role").String(),
		}
		if g.Role == "gateway" || rapid.Bool().Draw(t, "of a department") {
			g.Department = rapid.SampledFrom(hydro.Departments).Draw(t, "department").String()
		}
		if g.Role == "gateway" {
			names := rapid.SliceOfN(rapid.StringMatching(`[A-Z0-9-]{1,8}`), 1, 3)
			switch rapid.IntRange(0, 2).Draw(t, "scope") {
			case 0:
				g.AllStations = true
			case 1:
				g.Stations = names.Draw(t, "stations")
			case 2:
				g.Prefixes = names.Draw(t, "prefixes")
			}
		}
		return g
	})
}

// A token that was made is known, by itself and nothing else; nothing that is
// kept holds it.
func TestATokenIsKnownAndNothingKeptHoldsIt(t *testing.T) {
	path := auth.PathIn(t.TempDir())
	rapid.Check(t, func(rt *rapid.T) {
		g := grants().Draw(rt, "grant")
		f := &auth.File{Version: 1}
		_, text, err := f.NewToken(g, noon, nil)
		if err != nil {
			rt.Fatal(err)
		}
		kept, err := json.Marshal(f)
		if err != nil {
			rt.Fatal(err)
		}
		if err := os.WriteFile(path, kept, 0o600); err != nil {
			rt.Fatal(err)
		}
		b, err := auth.Open(path, func() time.Time { return noon })
		if err != nil {
			rt.Fatal(err)
		}
		want, err := g.Principal()
		if err != nil {
			rt.Fatal(err)
		}
		cred, no := auth.Show(text, nil)
		if no != nil {
			rt.Fatal(no)
		}
		who, no := b.Check(cred)
		if no != nil {
			rt.Fatal(no)
		}
		if diff := cmp.Diff(want, who); diff != "" {
			rt.Fatalf("-want +got:\n%s", diff)
		}
		_, secret, _ := strings.Cut(strings.TrimPrefix(text, "freshet_"), "_")
		if len(secret) != 52 || bytes.Contains(kept, []byte(secret)) || strings.Contains(cred.Name(), secret) {
			rt.Fatalf("the secret is kept: %s", kept)
		}

		// Another letter anywhere, and it is nobody's.
		i := rapid.IntRange(0, len(text)-1).Draw(rt, "at")
		letter := rapid.SampledFrom([]string{"a", "b", "7", "_", "A", " ", "é"}).Draw(rt, "letter")
		if other := text[:i] + letter + text[i+1:]; other != text {
			cred, no := auth.Show(other, nil)
			if no == nil {
				_, no = b.Check(cred)
			}
			if no == nil || no.Reason != auth.BadToken || strings.Contains(no.Text, secret) {
				rt.Fatalf("another token is taken: %v", no)
			}
		}
	})
}

func TestAGatewayWritesWhatItsGrantNames(t *testing.T) {
	p := &auth.Principal{Name: "g", Role: auth.Gateway, Department: hydro.Hydrology, Stations: []string{"h-enping"}, Prefixes: []string{"808"}}
	all := &auth.Principal{Name: "g", Role: auth.Gateway, Department: hydro.Hydrology, AllStations: true}
	for _, c := range []struct {
		p     *auth.Principal
		d     hydro.Department
		names []string
		want  bool
	}{
		{p, hydro.Hydrology, []string{"h-enping"}, true},
		{p, hydro.Hydrology, []string{"h-enping2"}, false},
		{p, hydro.Hydrology, []string{"h-x", "80812345"}, true},
		{p, hydro.Hydrology, []string{"h-808"}, false},
		{p, hydro.Weather, []string{"h-enping"}, false},
		{p, 0, []string{"h-enping"}, false},
		{p, hydro.Hydrology, nil, false},
		{all, hydro.Hydrology, []string{"anything"}, true},
		{all, hydro.WaterResources, []string{"anything"}, false},
		{&auth.Principal{Name: "o", Role: auth.Officer, Department: hydro.Hydrology, AllStations: true}, hydro.Hydrology, []string{"h-enping"}, false},
	} {
		if got := c.p.Writes(c.d, c.names...); got != c.want {
			t.Errorf("%s writes %v of %s: %t", c.p, c.names, c.d, got)
		}
	}
}

func TestGrantsThatMeanNothingOrTooMuchAreRefused(t *testing.T) {
	for _, g := range []auth.Grant{
		{},
		{Name: "x"},
		{Name: "x", Role: "root"},
		{Name: "x\n", Role: "admin"},
		{Name: "x", Role: "gateway", AllStations: true},
		{Name: "x", Role: "gateway", Department: "hydrology"},
		{Name: "x", Role: "gateway", Department: "hydrology", Prefixes: []string{""}},
		{Name: "x", Role: "gateway", Department: "hydrology", Stations: []string{"a"}, AllStations: true},
		{Name: "x", Role: "gateway", Department: "fisheries", AllStations: true},
		{Name: "x", Role: "officer", Stations: []string{"a"}},
	} {
		f := &auth.File{Version: 1}
		if _, _, err := f.NewToken(g, noon, nil); !errors.Is(err, hydro.ErrInvalid) || len(f.Tokens) > 0 {
			t.Errorf("%+v: %v", g, err)
		}
	}
	past := noon.Add(-time.Second)
	if _, _, err := (&auth.File{}).NewToken(auth.Grant{Name: "x", Role: "admin"}, noon, &past); !errors.Is(err, hydro.ErrInvalid) {
		t.Errorf("expired when made: %v", err)
	}
}

func TestRevokingWhatIsNotThereIsAnErrorWithoutSecrets(t *testing.T) {
	f := &auth.File{Version: 1}
	_, text, err := f.NewToken(auth.Grant{Name: "x", Role: "admin"}, noon, nil)
	if err != nil {
		t.Fatal(err)
	}
	other := &auth.File{Version: 1}
	if err := other.Revoke(text, noon); !errors.Is(err, hydro.ErrNotFound) || strings.Contains(err.Error(), text[20:]) {
		t.Errorf("%v", err)
	}
	if err := other.Revoke("freshet://hydrology/x", noon); !errors.Is(err, hydro.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if err := f.Revoke(text, noon); err != nil || f.Tokens[0].Revoked == nil { // by the token itself
		t.Errorf("%v", err)
	}
}

// Programs that change the file at the same time lose nothing of each other.
func TestChangesAtTheSameTimeAreAllKept(t *testing.T) {
	path := auth.PathIn(t.TempDir())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := auth.Update(t.Context(), path, func(f *auth.File) error {
				_, _, err := f.NewToken(auth.Grant{Name: "x", Role: "officer"}, noon, nil)
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	f, err := auth.Load(path)
	if err != nil || len(f.Tokens) != 8 {
		t.Fatalf("%d tokens, %v", len(f.Tokens), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v %v", info.Mode(), err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(files) != 2 { // and the lock
		t.Errorf("left over: %v", files)
	}
}

func TestOneIdentityInACertificate(t *testing.T) {
	certificate := func(uris ...string) *x509.Certificate {
		c := &x509.Certificate{Raw: []byte(strings.Join(uris, " ")), NotAfter: noon.Add(time.Hour)}
		for _, u := range uris {
			uri, err := url.Parse(u)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, uri)
		}
		return c
	}
	path := auth.PathIn(t.TempDir())
	if err := auth.Update(t.Context(), path, func(f *auth.File) error {
		_, err := f.Bind(auth.Grant{Name: "e", Role: "gateway", Department: "hydrology", AllStations: true}, "enping-1", noon)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	b, err := auth.Open(path, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		uris []string
		want auth.Reason // "": let in
	}{
		{[]string{"freshet://hydrology/enping-1"}, ""},
		{[]string{"spiffe://else/where", "freshet://hydrology/enping-1"}, ""},
		{[]string{"freshet://hydrology/enping-1", "freshet://weather/enping-1"}, auth.UnknownCertificate},
		{[]string{"freshet://weather/enping-1"}, auth.UnknownCertificate},
		{[]string{"freshet://hydrology/enping-1/"}, auth.UnknownCertificate},
		{[]string{"freshet://user@hydrology/enping-1"}, auth.UnknownCertificate},
		{[]string{"freshet://hydrology/enping-1?x"}, auth.UnknownCertificate},
		{[]string{"freshet://hydrology:1/enping-1"}, auth.UnknownCertificate},
		{nil, auth.UnknownCertificate},
	} {
		cred, no := auth.Show("", certificate(c.uris...))
		if no == nil {
			_, no = b.Check(cred)
		}
		if (no == nil) != (c.want == "") || no != nil && no.Reason != c.want {
			t.Errorf("%v: %v", c.uris, no)
		}
	}
}

func TestEveryMistakeOfTheFileIsListed(t *testing.T) {
	_, err := auth.ParseFile([]byte(`{"version": 2,
		"tokens": [{"id": "x", "name": "a", "role": "root"}, {"id": "aaaaaaaa", "name": "", "role": "admin", "hash": "` + strings.Repeat("0", 64) + `"}],
		"certificates": [{"identity": "http://x", "name": "c", "role": "officer"}, {"identity": "freshet://weather/x", "name": "c", "role": "gateway", "department": "hydrology", "all_stations": true}],
		"denied_certificates": [{}]}`))
	if !errors.Is(err, hydro.ErrInvalid) {
		t.Fatal(err)
	}
	for _, want := range []string{"version is 2", `tokens[0]: id "x"`, `tokens[0]: role "root"`, "tokens[1]: token aaaaaaaa has no hash", "tokens[1]: name", "certificates[0]: identity", "certificates[1]", "denied_certificates[0]"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%v", want, err)
		}
	}
}

func FuzzParseFile(f *testing.F) {
	seed := &auth.File{Version: 1}
	if _, _, err := seed.NewToken(auth.Grant{Name: "x", Role: "officer"}, noon, nil); err != nil {
		f.Fatal(err)
	}
	if _, err := seed.Bind(auth.Grant{Name: "e", Role: "gateway", Department: "hydrology", Prefixes: []string{"80"}}, "e", noon); err != nil {
		f.Fatal(err)
	}
	seed.Deny(auth.Hash{1}, "stolen", noon)
	data, err := json.Marshal(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":1}{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := auth.ParseFile(data)
		if err != nil {
			if !errors.Is(err, hydro.ErrInvalid) {
				t.Fatalf("of no kind: %v", err)
			}
			return
		}
		again, err := json.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		same, err := auth.ParseFile(again)
		if err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
		if diff := cmp.Diff(file, same, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzShow(f *testing.F) {
	_, text, err := (&auth.File{}).NewToken(auth.Grant{Name: "x", Role: "officer"}, noon, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("freshet_aaaaaaaa_")
	f.Fuzz(func(t *testing.T, text string) {
		cred, no := auth.Show(text, nil)
		if no != nil {
			if len(text) > 12 && strings.Contains(no.Text, text) {
				t.Fatalf("the refusal repeats what was shown: %s", no.Text)
			}
			return
		}
		if text != "" && (cred.Name() != "token "+text[8:16] || len(text) != 69 || auth.CheckToken(text) != nil) {
			t.Fatalf("%q passes for a token", text)
		}
	})
}
