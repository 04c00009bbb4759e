package notify

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// feishuColour is the colour of a card's head.
var feishuColour = [...]string{"green", "blue", "yellow", "orange", "red", "grey"}

// robot returns the request to the robot of a chat group.
func (r *Receiver) robot(items []Item, now, sent time.Time, secret string) (Request, error) {
	heading := func(h string) string { return "### " + h }
	if r.Format == "text" {
		heading = func(h string) string { return h }
	}
	title, text, templateErr := r.bundle(items, now, heading)
	if r.Format == "markdown" { // a single line break is a space in Markdown
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\n\n", "\x00"), "\n", "\n\n")
		text = cut(strings.ReplaceAll(text, "\x00", "\n\n"), r.textLimit())
	}
	q := Request{Query: url.Values{}, Header: map[string]string{"Content-Type": "application/json; charset=utf-8"}, TemplateError: templateErr}
	var message map[string]any
	switch r.Channel {
	case DingTalk:
		if message = map[string]any{"msgtype": "markdown", "markdown": map[string]any{"title": title, "text": text}}; r.Format == "text" {
			message = map[string]any{"msgtype": "text", "text": map[string]any{"content": text}}
		}
		if secret != "" {
			timestamp, sign := dingTalkSign(secret, sent)
			q.Query.Set("timestamp", timestamp)
			q.Query.Set("sign", sign)
		}
	case WeCom:
		message = map[string]any{"msgtype": r.Format, r.Format: map[string]any{"content": text}}
	case Feishu:
		if message = map[string]any{"msg_type": "interactive", "card": map[string]any{
			"config":   map[string]any{"wide_screen_mode": true},
			"header":   map[string]any{"template": feishuColour[worst(items)], "title": map[string]any{"tag": "plain_text", "content": title}},
			"elements": []any{map[string]any{"tag": "markdown", "content": strings.ReplaceAll(text, "### ", "")}},
		}}; r.Format == "text" {
			message = map[string]any{"msg_type": "text", "content": map[string]any{"text": text}}
		}
		if secret != "" {
			message["timestamp"], message["sign"] = feishuSign(secret, sent)
		}
	case Webhook, Email:
		return Request{}, fmt.Errorf("%s is no robot: %w", r.Channel, hydro.ErrInvalid)
	}
	body, err := json.Marshal(message)
	q.Body = body
	return q, err
}

// worst returns the highest stage that now stands among items; Blind only if all
// of them are.
func worst(items []Item) hydro.Stage {
	out, seen := hydro.Clear, false
	for i := range items {
		if to := items[i].To; to != hydro.Blind {
			out, seen = max(out, to), true
		}
	}
	if !seen {
		return hydro.Blind
	}
	return out
}

// An AnswerError says that a receiver did not take what it was sent.
type AnswerError struct {
	Status int    // of HTTP
	Code   int    // of a robot, which says 200 to everything
	Text   string // what it says, shortened
}

func (e *AnswerError) Error() string {
	s := fmt.Sprintf("answered %d", e.Status)
	if e.Code != 0 {
		s += fmt.Sprintf(" with code %d", e.Code)
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// Refused reports whether that was a no to this very message: a status of 4xx, or a
// robot's code. Statuses that ask to come again later are none, nor are those that
// speak of the address or of who sends: they meet every message, and end when
// somebody mends the receiver. What codes of robots mean is not known here; some ask
// to come again later, too.
func (e *AnswerError) Refused() bool {
	switch e.Status {
	case 401, 403, 404, 405, 407, 408, 410, 421, 425, 426, 429:
		return false
	}
	return e.Code != 0 || e.Status >= 400 && e.Status <= 499
}

// maxAnswer is how much of an answer is repeated in an error.
const maxAnswer = 200

// Answer returns nil if the receiver took what it was sent, and an [AnswerError]
// that wraps nothing otherwise. Any status but 2xx is a refusal, and a robot's
// answer must say so in words too.
func (r *Receiver) Answer(status int, body []byte) error {
	text := cut(strings.ToValidUTF8(strings.Join(strings.Fields(string(body)), " "), "?"), maxAnswer)
	if status < 200 || status > 299 {
		return &AnswerError{Status: status, Text: text}
	}
	if !r.Channel.Robot() {
		return nil
	}
	var a struct {
		ErrCode    *int `json:"errcode"`    // DingTalk, WeCom
		Code       *int `json:"code"`       // Feishu
		StatusCode *int `json:"StatusCode"` // Feishu, formerly
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return &AnswerError{Status: status, Text: "no JSON: " + text}
	}
	said := []*int{a.ErrCode}
	if r.Channel == Feishu {
		said = []*int{a.Code, a.StatusCode}
	}
	found := false
	for _, code := range said {
		if code == nil {
			continue
		}
		found = true
		if *code != 0 {
			return &AnswerError{Status: status, Code: *code, Text: text}
		}
	}
	if !found {
		return &AnswerError{Status: status, Text: "without the code of a robot: " + text}
	}
	return nil
}
