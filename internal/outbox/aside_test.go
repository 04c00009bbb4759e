package outbox_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"freshet/alert/notify"
	"freshet/internal/hydro"
	"freshet/internal/outbox"
)

// A picky receiver answers each key with a status of its own.
type picky struct {
	*httptest.Server
	mu    sync.Mutex
	says  func(key string, try int) int
	tries map[string]int
	taken []string
}

func newPicky(t testing.TB, says func(key string, try int) int) *picky {
	p := &picky{says: says, tries: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		key := r.Header.Get(notify.HeaderKey)
		p.tries[key]++
		status := p.says(key, p.tries[key])
		if status == http.StatusOK {
			p.taken = append(p.taken, key)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(p.Close)
	return p
}

// Whichever messages a receiver refuses for ever, all others come in order, each
// refused one is set aside once, and what is sent again afterwards comes with its
// own key. What a receiver only cannot take now is never set aside.
func TestARefusedMessageHoldsUpNobodyAndIsNotLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		outs, ids := flood("a", 0, rapid.IntRange(2, 12).Draw(rt, "outputs"))
		no := []int{400, 403, 404, 413, 422, 499}
		later := []int{408, 425, 429, 500, 503, 599}
		refuses := map[string]int{}
		var sound []string
		for _, id := range ids {
			if rapid.Bool().Draw(rt, "refused") {
				refuses[id] = rapid.SampledFrom(no).Draw(rt, "no")
			} else {
				sound = append(sound, id)
			}
		}
		wait := rapid.IntRange(0, 8).Draw(rt, "tries in vain")
		open := false
		p := newPicky(t, func(key string, try int) int {
			switch {
			case open:
				return http.StatusOK
			case refuses[key] != 0 && try%2 == 1: // in between it is not reached
				return refuses[key]
			case refuses[key] != 0 || try <= wait:
				return later[try%len(later)]
			}
			return http.StatusOK
		})
		defer p.Close()
		s := newSource()
		registry := prometheus.NewRegistry()
		o := options(receiver(t, "{name: r, kind: webhook, set_aside_after: 3, url: '"+p.URL+"'}"), "a")
		o.Metrics, o.Aside = outbox.NewMetrics(registry), t.TempDir()
		begin(t, s, o)
		s.append("a", outs...)
		stop := run(t, s, o)
		s.wait("outbox.r.a", behind(outs))
		stop()
		if diff := cmp.Diff(sound, p.taken); diff != "" {
			rt.Fatalf("what is not refused (-want +taken):\n%s", diff)
		}
		letters, err := outbox.Letters(o.Aside)
		if err != nil {
			rt.Fatal(err)
		}
		var aside, want []string
		for _, l := range letters {
			aside = append(aside, l.ID)
			if l.Refusals != 3 || !strings.Contains(l.Error, "answered") || l.Title == "" || l.Resend || p.tries[l.ID] != 5 {
				rt.Fatalf("%+v after %d tries", l, p.tries[l.ID])
			}
		}
		for _, id := range ids {
			if refuses[id] != 0 {
				want = append(want, id)
			}
		}
		if diff := cmp.Diff(want, aside); diff != "" {
			rt.Fatalf("set aside (-want +got):\n%s", diff)
		}
		if value(t, registry, "freshet_outbox_set_aside_messages", "r") != float64(len(aside)) || value(t, registry, "freshet_outbox_set_aside_total", "r") != float64(len(aside)) ||
			value(t, registry, "freshet_outbox_queue_items", "r") != 0 {
			rt.Fatal("the metrics do not show what is set aside")
		}

		open, p.taken = true, nil // somebody has mended the receiver
		for _, l := range letters {
			if err := outbox.Resend(o.Aside, l); err != nil {
				rt.Fatal(err)
			}
			if err := outbox.Resend(o.Aside, l); !errors.Is(err, hydro.ErrNotFound) {
				rt.Fatalf("asked for twice: %v", err)
			}
		}
		more, fresh := flood("a", len(outs), 2)
		s.append("a", more...)
		stop = run(t, s, o)
		s.wait("outbox.r.a", uint64(len(outs))+behind(more))
		stop()
		if diff := cmp.Diff(slices.Concat(aside, fresh), p.taken); diff != "" {
			rt.Fatalf("sent again, and then what follows (-want +taken):\n%s", diff)
		}
		if letters, err := outbox.Letters(o.Aside); err != nil || len(letters) > 0 {
			rt.Fatalf("still there: %v, %v", letters, err)
		}
	})
}

// behind is the place of who is done with all outputs that are messages.
func behind(outs []hydro.Output) (place uint64) {
	for i, o := range outs {
		if o.Warning != nil {
			place = uint64(i + 2)
		}
	}
	return place
}

// A mail that the server refuses goes alone, so that those which came with it
// arrive.
func TestOneBadMailOfABundleIsSetAsideAlone(t *testing.T) {
	m := &mailbox{plain: true}
	m.serve(t, false, false)
	r := receiver(t, "{name: r, kind: email, server: '"+m.address+"', tls: none, from: a@example.org, to: [b@example.org], kinds: [warning], set_aside_after: 2}")
	s := newSource()
	o := options(r, "a")
	o.Aside = t.TempDir()
	begin(t, s, o)
	outs, ids := flood("a", 0, 6)
	m.bad = outs[1].Warning.At.In(beijing).Format("2006-01-02 15:04") // stands in the text
	s.append("a", outs...)
	stop := run(t, s, o)
	s.wait("outbox.r.a", behind(outs))
	stop()
	letters, err := outbox.Letters(o.Aside)
	if err != nil || len(letters) != 1 || letters[0].ID != ids[1] || letters[0].Refusals != 2 || !strings.Contains(letters[0].Error, "554") {
		t.Errorf("%+v, %v", letters, err)
	}
	if arrived := strings.Count(strings.Join(m.mails, "\n"), "2026-06-15 12:0"); arrived != len(ids)-1 {
		t.Errorf("%d of %d items arrived: %q", arrived, len(ids)-1, m.mails)
	}
}

var beijing = time.FixedZone("", 8*60*60)

// Where there is no folder, or it cannot be written, nothing is passed over.
func TestNothingIsPassedOverThatCannotBeSetAside(t *testing.T) {
	for _, folder := range []string{"", "a file"} {
		p := newPicky(t, func(string, int) int { return http.StatusBadRequest })
		s := newSource()
		o := options(receiver(t, "{name: r, kind: webhook, set_aside_after: 1, url: '"+p.URL+"'}"), "a")
		if o.Aside = folder; folder != "" {
			o.Aside = filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(o.Aside, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		begin(t, s, o)
		outs, ids := flood("a", 0, 5)
		tried := make(chan struct{})
		o.Wait = waitOnce(tried)
		s.append("a", outs...)
		stop := run(t, s, o)
		<-tried
		stop()
		if len(p.tries) != 1 || p.tries[ids[0]] != 1 || s.checkpoints["outbox.r.a"] != 1 {
			t.Errorf("folder %q: offered %v, place %d", folder, p.tries, s.checkpoints["outbox.r.a"])
		}
	}
}
