package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"freshet/internal/hydro"
)

// A Request is an HTTP POST, ready but for the address it goes to.
type Request struct {
	Query  url.Values // to add to the receiver's URL
	Header map[string]string
	Body   []byte
	// TemplateError says that a template of the configuration failed on this item,
	// and that the words of this package stand in its place: a mistake in a
	// template must not cost a warning.
	TemplateError error
}

// A Mail is an e-mail, ready but for its addresses.
type Mail struct {
	Key           string // of the first item: the Message-ID is made of it
	Subject, Text string
	TemplateError error // as in Request
}

// textLimit is how many bytes of text the channel takes, by what its service
// publishes, with room for the rest of the message. That of Feishu is for the
// whole request, in which a character may take six bytes.
func (r *Receiver) textLimit() int {
	switch r.Channel {
	case DingTalk:
		return 18_000
	case WeCom:
		if r.Format == "text" {
			return 2000
		}
		return 4000
	case Feishu:
		return 6000
	default:
		return 1 << 20
	}
}

// Data is what a template sees.
type Data struct {
	Item
	Language string
	Title    string // by this package
	Text     string
	Stage    string // name of the stage that now stands: "red"
	StageZH  string
	Now      time.Time
}

func (r *Receiver) data(it *Item, now time.Time) Data {
	return Data{
		Item: *it, Language: r.Language, Title: it.Title(r.Language), Text: it.Text(r.Language, now),
		Stage: it.To.String(), StageZH: stageZH[min(int(it.To), len(stageZH)-1)], Now: now,
	}
}

// render executes t, or returns fallback.
func render(t *template.Template, d Data, fallback string) (string, error) {
	if t == nil {
		return fallback, nil
	}
	var b strings.Builder
	if err := t.Execute(&b, d); err != nil {
		return fallback, err
	}
	if strings.TrimSpace(b.String()) == "" {
		return fallback, fmt.Errorf("template %s: nothing comes out of it for %s: %w", t.Name(), d.ID, hydro.ErrInvalid)
	}
	return b.String(), nil
}

// words returns title and text of an item.
func (r *Receiver) words(it *Item, now time.Time) (title, text string, err error) {
	d := r.data(it, now)
	title, err = render(r.TitleTemplate, d, d.Title)
	text, err2 := render(r.TextTemplate, d, d.Text)
	if err == nil {
		err = err2
	}
	return strings.Join(strings.Fields(title), " "), text, err
}

// Fit returns how many of the items, at least one and at most r.Bundle, fit
// into one message.
func (r *Receiver) Fit(items []Item, now time.Time) int {
	if r.Channel == Webhook {
		return 1
	}
	size := 0
	for i := range items {
		title, text, _ := r.words(&items[i], now)
		size += len(title) + len(text) + 40
		if i > 0 && (i >= r.Bundle || size > r.textLimit()) {
			return i
		}
	}
	return len(items)
}

// bundle returns the words of a message for items: one after the other, each
// with its title. What is too long for the channel is cut, and says so.
func (r *Receiver) bundle(items []Item, now time.Time, heading func(string) string) (title, text string, err error) {
	var b strings.Builder
	for i := range items {
		head, body, e := r.words(&items[i], now)
		if e != nil && err == nil {
			err = e
		}
		if i == 0 {
			title = head
		} else {
			b.WriteString("\n\n")
		}
		if len(items) > 1 || r.Channel.Robot() {
			b.WriteString(heading(head) + "\n\n")
		}
		b.WriteString(body)
	}
	if n := len(items); n > 1 {
		title = fmt.Sprintf("%s (+%d)", title, n-1)
	}
	return title, cut(b.String(), r.textLimit()), err
}

// cut shortens s to limit bytes at the end of a character.
func cut(s string, limit int) string {
	const mark = "…"
	if len(s) <= limit {
		return s
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// Mail returns the mail for items, at least one, as it reads at now.
func (r *Receiver) Mail(items []Item, now time.Time) Mail {
	subject, text, err := r.bundle(items, now, func(h string) string { return h })
	return Mail{Key: items[0].ID, Subject: subject, Text: text + "\n", TemplateError: err}
}

// Request returns the request for items, at least one and for a webhook exactly
// one. Now is what the words call now; sent, the instant by the machine's clock,
// is what is signed.
func (r *Receiver) Request(items []Item, now, sent time.Time, secret string, attempt int) (Request, error) {
	if r.Channel == Webhook {
		return r.webhook(&items[0], now, sent, secret, attempt)
	}
	return r.robot(items, now, sent, secret)
}

func (r *Receiver) webhook(it *Item, now, sent time.Time, secret string, attempt int) (Request, error) {
	body, err := json.Marshal(Document(it, now))
	if err != nil {
		return Request{}, fmt.Errorf("%s: %w: %w", it.ID, err, hydro.ErrInvalid)
	}
	q := Request{Header: map[string]string{
		"Content-Type": "application/json; charset=utf-8",
		HeaderKey:      it.ID, HeaderKind: string(it.Kind), HeaderAttempt: strconv.Itoa(attempt),
	}}
	text, err := render(r.BodyTemplate, r.data(it, now), string(body))
	if err == nil && !json.Valid([]byte(text)) {
		text, err = string(body), fmt.Errorf("body of %s is no JSON: put texts through `json`: %w", it.ID, hydro.ErrInvalid)
	}
	q.Body, q.TemplateError = []byte(text), err
	if secret != "" {
		q.Header[HeaderSignature] = Sign(secret, sent, q.Body)
	}
	return q, nil
}

// The document of a webhook; docs/formats/notify.md describes it.
type document struct {
	Format       string           `json:"format"`
	ID           string           `json:"id"`
	Kind         Kind             `json:"kind"`
	Event        string           `json:"event"`
	Basin        string           `json:"basin"`
	Station      *stationDocument `json:"station,omitempty"`
	At           time.Time        `json:"at"`
	SentAt       time.Time        `json:"sent_at"`
	From         string           `json:"from,omitempty"`
	To           string           `json:"to,omitempty"`
	TitleZH      string           `json:"title_zh"`
	TitleEN      string           `json:"title_en"`
	TextZH       string           `json:"text_zh"`
	TextEN       string           `json:"text_en"`
	Illustrative bool             `json:"illustrative"`
	Warning      *warningDocument `json:"warning,omitempty"`
	Group        *groupDocument   `json:"group,omitempty"`
	Duty         *dutyDocument    `json:"duty,omitempty"`

	Forecast *forecastDocument `json:"forecast_watch,omitempty"`
}

type groupDocument struct {
	ID       string                 `json:"id"`
	Kind     string                 `json:"kind"`
	OpenedAt time.Time              `json:"opened_at"`
	ClosedAt *time.Time             `json:"closed_at,omitempty"`
	Stage    string                 `json:"stage"`
	Highest  string                 `json:"highest"`
	Cause    string                 `json:"cause,omitempty"`
	Stations []groupStationDocument `json:"stations"`
	Count    int                    `json:"count"`
}

type groupStationDocument struct {
	ID    string `json:"id"`
	Stage string `json:"stage"`
}

type dutyDocument struct {
	ID       string     `json:"id"`
	Warning  string     `json:"warning,omitempty"`
	Group    string     `json:"group,omitempty"`
	Person   string     `json:"person,omitempty"`
	Response string     `json:"response,omitempty"`
	Measure  string     `json:"measure,omitempty"`
	Message  string     `json:"message,omitempty"`
	By       string     `json:"by,omitempty"`
	From     string     `json:"from,omitempty"`
	To       string     `json:"to,omitempty"`
	Stage    string     `json:"stage,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
}

type stationDocument struct {
	ID         string `json:"id"`
	NameZH     string `json:"name_zh"`
	NameEN     string `json:"name_en"`
	Department string `json:"department,omitempty"`
}

type warningDocument struct {
	Observed         *legDocument `json:"observed,omitempty"`
	Forecast         *legDocument `json:"forecast,omitempty"`
	Cause            string       `json:"cause,omitempty"`
	Catalogue        string       `json:"catalogue,omitempty"`
	ForecastIssuedAt *time.Time   `json:"forecast_issued_at,omitempty"`
}

type legDocument struct {
	Stage     string     `json:"stage"`
	Variable  string     `json:"variable"`
	WindowS   int64      `json:"window_s,omitempty"`
	Basis     string     `json:"basis"`
	Value     *float64   `json:"value,omitempty"`
	Threshold *float64   `json:"threshold,omitempty"`
	Datum     string     `json:"datum,omitempty"`
	At        *time.Time `json:"at,omitempty"`
	PeakValue *float64   `json:"peak_value,omitempty"`
	PeakAt    *time.Time `json:"peak_at,omitempty"`
	Limit     *float64   `json:"limit,omitempty"`
}

// Document returns what a webhook's body is made of: a value for encoding/json.
func Document(it *Item, now time.Time) any {
	zone := it.At.Location()
	d := document{
		Format: "freshet.notify.v1", ID: it.ID, Kind: it.Kind, Event: it.Event, Basin: it.Basin, At: it.At, SentAt: now.In(zone).Truncate(time.Second),
		TitleZH: it.titleZH(), TitleEN: it.titleEN(), TextZH: it.TextZH, TextEN: it.TextEN, Illustrative: it.Illustrative,
	}
	if it.Station != "" {
		d.Station = &stationDocument{ID: it.Station, NameZH: it.StationZH, NameEN: it.StationEN}
		if len(it.Departments) == 1 {
			d.Station.Department = it.Departments[0].String()
		}
	}
	if w := it.Warning; w != nil {
		d.From, d.To = w.From.String(), w.To.String()
		d.Warning = &warningDocument{
			Observed: leg(&w.Observed, zone), Forecast: leg(&w.Forecast, zone), Cause: w.Cause, Catalogue: w.Catalogue,
			ForecastIssuedAt: instant(w.ForecastIssuedAt, zone),
		}
	}
	if g := it.Group; g != nil {
		d.Group = &groupDocument{
			ID: g.ID, Kind: g.Kind.String(), OpenedAt: g.OpenedAt.In(zone), ClosedAt: instant(g.ClosedAt, zone), Stage: g.Stage.String(), Highest: g.Highest.String(),
			Cause: g.Cause, Count: g.Count, Stations: []groupStationDocument{},
		}
		for i := range g.Stations {
			d.Group.Stations = append(d.Group.Stations, groupStationDocument{g.Stations[i].Station, g.Stations[i].Stage.String()})
		}
	}
	if f := it.Forecast; f != nil {
		d.Forecast = forecastDocumentOf(f, zone)
	}
	if e := it.Duty; e != nil {
		d.Duty = &dutyDocument{
			ID: e.ID, Warning: e.Warning, Group: e.Group, Person: e.Person, Response: e.Response, Measure: e.Measure, Message: e.Message, By: e.By.Name,
			From: e.From, To: e.To, Until: instant(e.Until, zone),
		}
		if e.Stage != hydro.Clear {
			d.Duty.Stage = e.Stage.String()
		}
	}
	return d
}

// leg leaves out a leg without evidence.
func leg(l *hydro.Leg, zone *time.Location) *legDocument {
	if l.Variable == 0 {
		return nil
	}
	d := &legDocument{
		Stage: l.Stage.String(), Variable: l.Variable.String(), WindowS: int64(l.Window / time.Second), Basis: l.Basis.String(),
		Value: number(l.Value), Datum: string(l.Datum), At: instant(l.At, zone),
	}
	if l.Stage != hydro.Clear {
		d.Threshold = number(l.Threshold)
	}
	if l.Basis == hydro.OverLimit || l.Basis == hydro.Likelihood {
		d.Limit = number(l.Limit)
	}
	if !l.PeakAt.IsZero() {
		d.PeakValue, d.PeakAt = number(l.PeakValue), instant(l.PeakAt, zone)
	}
	return d
}

// number leaves out what JSON cannot write.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func instant(t time.Time, zone *time.Location) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.In(zone)
	return &t
}

// asJSON is what templates call json.
func asJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}
