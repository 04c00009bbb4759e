package demo

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// lines prints an event per line as JSON. Feed, gateways and driver write from
// their own goroutines: a line is whole, the order between them is theirs.
type lines struct {
	mu      sync.Mutex
	enc     *json.Encoder
	player  *player
	refused map[refusedKey]bool // told once per station's field and reason
	last    time.Time           // engine time of the last progress line
}

type refusedKey struct{ field, reason, message string }

func newLines(out io.Writer, p *player) *lines {
	return &lines{enc: json.NewEncoder(out), player: p, refused: map[refusedKey]bool{}}
}

func (l *lines) write(v any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enc.Encode(v)
}

func (l *lines) warning(w hydro.Warning) error {
	return l.write(struct {
		Type     string    `json:"type"`
		At       time.Time `json:"at"`
		Station  string    `json:"station"`
		From     string    `json:"from"`
		To       string    `json:"to"`
		ReasonZH string    `json:"reason_zh"`
		ReasonEN string    `json:"reason_en"`
		Cause    string    `json:"cause,omitempty"`
		ID       string    `json:"id"`
	}{"warning", w.At, w.Station, w.From.String(), w.To.String(), w.ReasonZH, w.ReasonEN, w.Cause, w.ID})
}

// rejected tells the first refusal of each kind: a gauge on a wrong datum is
// refused at every report.
func (l *lines) rejected(r *freshetv1.Rejection) {
	k := refusedKey{r.GetField(), r.GetReason().String(), r.GetMessage()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused[k] {
		return
	}
	l.refused[k] = true
	_ = l.enc.Encode(struct { // a broken pipe shows at the next line of the driver
		Type    string `json:"type"`
		Field   string `json:"field"`
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}{"refused", k.field, k.reason, k.message})
}

// step tells every six hours of engine time where things stand.
func (l *lines) step(now time.Time) error {
	if now.Sub(l.last) < 6*time.Hour {
		return nil
	}
	l.last = now
	s := l.player.stats()
	_, warnings := l.player.feed.newest(0)
	return l.write(struct {
		Type     string    `json:"type"`
		Now      time.Time `json:"now"`
		Sent     int       `json:"readings_sent"`
		Acked    int       `json:"readings_acked"`
		Refused  int       `json:"readings_refused"`
		Warnings int       `json:"warnings"`
	}{"progress", now, s.Sent, s.Accepted, s.RefusedTotal(), warnings})
}

func (l *lines) summary(s Summary) error { return l.write(s) }
