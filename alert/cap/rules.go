package cap

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// Rules make messages of one basin's warnings, as one catalogue has them. They do
// not change.
type Rules struct {
	basin string
	cat   *catalog.Catalog
	conf  *catalog.CAP
	unit  string // head of GB/T 35965.1 identifiers; "": plain ones
}

// Compile returns the rules of a basin; nil if its catalogue asks for no messages.
func Compile(cat *catalog.Catalog, basin string) *Rules {
	if cat == nil || cat.CAP == nil {
		return nil
	}
	r := &Rules{basin: basin, cat: cat, conf: cat.CAP}
	for _, u := range cat.CAP.Units {
		if u.Basin == basin {
			r.unit = u.Code
		}
	}
	return r
}

// automatic reports whether messages of a stage go out without a person.
func (r *Rules) automatic(s hydro.Stage) bool { return slices.Contains(r.conf.Automatic, s) }

// needed returns how many persons must approve a message of a stage while one of
// the stage out is out: two for orange and red, for their end and for their
// withdrawal.
func (r *Rules) needed(stage, out hydro.Stage) int {
	switch worst := max(stage, out); {
	case worst >= hydro.Orange:
		return 2
	case r.automatic(worst):
		return 0
	default:
		return 1
	}
}

// Step makes messages of the warnings of a tick, and renews those that would
// expire. It returns the events that tell of it.
func (r *Rules) Step(s State, now time.Time, warnings []hydro.Warning) (State, []hydro.DutyEvent) {
	if r == nil || len(warnings) == 0 && !r.due(&s, now) {
		return s, nil
	}
	s = s.clone()
	var events []hydro.DutyEvent
	for i := range warnings {
		events = r.warn(&s, now, &warnings[i], events)
	}
	events = r.renew(&s, now, events)
	s.tidy()
	return s, events
}

// warn makes the message that a warning asks for, if it asks for one.
func (r *Rules) warn(s *State, now time.Time, w *hydro.Warning, events []hydro.DutyEvent) []hydro.DutyEvent {
	if w.To == hydro.Blind || w.From == w.To { // that sight is lost or regained says nothing of the river
		return events
	}
	to := w.To
	if to < r.conf.MinStage {
		to = hydro.Clear
	}
	c := s.chain(w.Station)
	c.Want = to
	draft := s.message(c.Draft)
	spoken := c.Stage
	if draft != nil {
		spoken = draft.Stage
	}
	if spoken == to && (draft == nil || draft.Alert.MsgType != "Cancel") {
		return events // nothing new for the public
	}
	if draft != nil {
		events = append(events, r.move(draft, Superseded, now, ""))
		c.Draft = ""
	}
	if c.Stage == to { // back to what is out
		return events
	}
	m := Message{Basin: r.basin, Station: w.Station, Warning: w.ID, Stage: to, Needed: r.needed(to, c.Stage)}
	m.Alert = r.alert(w, to, c.Stage)
	return r.propose(s, c, m, now, events)
}

// propose names a message and lets it out, or lets it wait.
func (r *Rules) propose(s *State, c *Chain, m Message, now time.Time, events []hydro.DutyEvent) []hydro.DutyEvent {
	m.Alert.Identifier = r.identifier(s, now, m.Station)
	r.date(&m.Alert, c, now)
	if m.Needed > len(m.Approvals) {
		events = append(events, r.move(&m, Draft, now, ""))
		c.Draft = m.ID()
		s.Messages = append(s.Messages, m)
		return events
	}
	s.Messages = append(s.Messages, m)
	return append(events, r.issue(&s.Messages[len(s.Messages)-1], c, now))
}

// date gives a message its time, its end and what it replaces.
func (r *Rules) date(a *Alert, c *Chain, now time.Time) {
	if now.Before(c.Sent) { // a tick may be a moment behind a command
		now = c.Sent
	}
	a.Sent = Time(now)
	a.MsgType = msgType(a.MsgType, len(c.Issued) > 0)
	a.References = strings.Join(c.Issued, " ")
	a.Infos = slices.Clone(a.Infos)
	for i := range a.Infos {
		a.Infos[i].Effective, a.Infos[i].Expires = a.Sent, Time(now.Add(r.conf.Expires))
	}
}

func msgType(said string, follows bool) string {
	switch {
	case said == "Cancel":
		return said
	case follows:
		return "Update"
	default:
		return "Alert"
	}
}

// issue lets a message out.
func (r *Rules) issue(m *Message, c *Chain, now time.Time) hydro.DutyEvent {
	r.date(&m.Alert, c, now)
	c.Issued = append(slices.Clone(c.Issued), m.Alert.Reference())
	c.Last, c.Stage = m.ID(), m.Stage
	if now.After(c.Sent) {
		c.Sent = now
	}
	if c.Draft == m.ID() {
		c.Draft = ""
	}
	if m.Stage == hydro.Clear || m.Alert.MsgType == "Cancel" { // the end of the chain
		c.Issued, c.Last, c.Stage = nil, "", hydro.Clear
	}
	return r.move(m, Issued, now, m.Text)
}

// due reports whether a message that is out would expire before long: two thirds
// of its time are over.
func (r *Rules) due(s *State, now time.Time) bool {
	return slices.ContainsFunc(s.Chains, func(c Chain) bool { return r.old(&c, now) })
}

func (r *Rules) old(c *Chain, now time.Time) bool {
	return len(c.Issued) > 0 && !now.Before(c.Sent.Add(r.conf.Expires*2/3))
}

// renew says again what still stands, before it expires. It says nothing new, so
// nobody has to approve it again.
func (r *Rules) renew(s *State, now time.Time, events []hydro.DutyEvent) []hydro.DutyEvent {
	for i := range s.Chains {
		c := &s.Chains[i]
		last := s.message(c.Last)
		if !r.old(c, now) || last == nil {
			continue
		}
		m := Message{Alert: last.Alert, Basin: r.basin, Station: c.Station, Stage: c.Stage}
		m.Alert.MsgType, m.Alert.Note = "Update", "Renewed unchanged 内容不变，延长有效期"
		m.Alert.Identifier = r.identifier(s, now, m.Station)
		s.Messages = append(s.Messages, m)
		events = append(events, r.issue(&s.Messages[len(s.Messages)-1], c, now))
	}
	return events
}

// identifier names a message: of time, station and number, so that every replay
// gives the same.
func (r *Rules) identifier(s *State, now time.Time, station string) string {
	if second := now.Unix(); second > s.Second {
		s.Second, s.Number = second, 0
	}
	n := s.Number
	if r.unit != "" && n > 9 { // one digit: what is too much for a second is named by the next
		s.Second, n = s.Second+1, 0
	}
	s.Number = n + 1
	at := time.Unix(s.Second, 0)
	if r.unit != "" {
		return fmt.Sprintf("%s_%s_%d", r.unit, at.In(beijing).Format("20060102150405"), n)
	}
	return fmt.Sprintf("%s.%s.%s.%d", r.basin, at.UTC().Format("20060102T150405Z"), station, n)
}

// move gives a message another standing and returns the event that tells it.
func (r *Rules) move(m *Message, to Standing, now time.Time, text string) hydro.DutyEvent {
	from := m.Standing
	m.Standing, m.At, m.Text = to, now, text
	head := headline(&m.Alert)
	zh, en := standingZH[to], "Message "+string(to)
	if to == Draft {
		zh += fmt.Sprintf("（须%d人批准）", m.Needed)
		en += fmt.Sprintf(" (%d must approve)", m.Needed)
	}
	if text != "" {
		zh, en = zh+"（"+text+"）", en+" ("+text+")"
	}
	return hydro.DutyEvent{
		At: now, Kind: "message_" + string(to), Station: m.Station, Warning: m.Warning, Message: m.ID(), From: string(from), To: string(to), Stage: m.Stage,
		TextZH: zh + "：" + head[0], TextEN: en + ": " + head[1],
	}
}

var standingZH = map[Standing]string{Draft: "预警信息待批准", Issued: "预警信息已发布", Rejected: "预警信息被否决", Superseded: "待批预警信息被取代"}

func headline(a *Alert) [2]string {
	switch {
	case len(a.Infos) > 1:
		return [2]string{a.Infos[0].Headline, a.Infos[1].Headline}
	case len(a.Infos) == 1:
		return [2]string{a.Infos[0].Headline, a.Infos[0].Headline}
	default:
		return [2]string{a.Identifier, a.Identifier}
	}
}

func cannot(zh, en string, args ...any) error {
	return &hydro.CommandError{ZH: fmt.Sprintf(zh, args...), EN: fmt.Sprintf(en, args...)}
}

// Do obeys a command to approve or reject a message. The error, a
// [hydro.CommandError], says why it may not be done; the state is then s.
func (r *Rules) Do(s State, now time.Time, c hydro.Command) (State, []hydro.DutyEvent, error) {
	if r == nil {
		return s, nil, cannot("本目录未启用预警信息发布", "the catalogue asks for no messages: it has no cap section")
	}
	t := s.clone()
	m := t.message(c.Message)
	if m == nil {
		return s, nil, cannot("没有编号为 %s 的预警信息", "no message is called %s", c.Message)
	}
	ch := t.chain(m.Station)
	var events []hydro.DutyEvent
	var err error
	switch c.Kind {
	case hydro.Approve:
		events, err = r.approve(m, ch, now, c.By)
	case hydro.Reject:
		events, err = r.reject(&t, m, ch, now, &c)
	default:
		err = cannot("%s 不适用于预警信息", "%s is nothing to do with a message", c.Kind)
	}
	if err != nil {
		return s, nil, err
	}
	t.tidy()
	return t, events, nil
}

// approve is one person's yes; the last that is needed lets the message out.
func (r *Rules) approve(m *Message, ch *Chain, now time.Time, by hydro.Person) ([]hydro.DutyEvent, error) {
	if m.Standing == Rejected && m.Alert.MsgType != "Cancel" && m.Stage == ch.Want && ch.Draft == "" && ch.Stage != ch.Want {
		m.Standing, m.Approvals, m.Text = Draft, nil, "" // said no to in error, and the river still asks for it
		ch.Draft = m.ID()
	}
	if m.Standing != Draft {
		return nil, cannot("%s 不是待批信息（%s）", "%s is no draft any more: it is %s", m.ID(), m.Standing)
	}
	if m.Needed > 1 {
		if !proved(by) {
			return nil, cannot("橙色和红色信息须由两名经认证的人员批准：请以本人令牌登录", "orange and red are approved by two persons who have proved who they are: use a token of your own, on a server that asks for one")
		}
		for _, a := range m.Approvals {
			if !others(a.By, by) {
				return nil, cannot("%s 已批准：须由另一人（不同令牌、不同姓名）批准", "%s has approved it already: another person must, with another token and another name", a.By.Name)
			}
		}
	}
	m.Approvals = append(slices.Clone(m.Approvals), Approval{by, now})
	if len(m.Approvals) >= m.Needed {
		return []hydro.DutyEvent{r.issue(m, ch, now)}, nil
	}
	head := headline(&m.Alert)
	return []hydro.DutyEvent{{
		At: now, Kind: "message_approved", Station: m.Station, Warning: m.Warning, Message: m.ID(), From: string(Draft), To: string(Draft), Stage: m.Stage,
		TextZH: fmt.Sprintf("%s 已批准（%d/%d）：%s", by.Name, len(m.Approvals), m.Needed, head[0]),
		TextEN: fmt.Sprintf("%s approved (%d of %d): %s", by.Name, len(m.Approvals), m.Needed, head[1]),
	}}, nil
}

// reject drops a draft, or proposes to withdraw what is out: a message cannot be
// unsaid by one person where it took two to say it.
func (r *Rules) reject(s *State, m *Message, ch *Chain, now time.Time, c *hydro.Command) ([]hydro.DutyEvent, error) {
	text := clean(c.Text)
	if text == "" {
		return nil, cannot("请写明理由", "say why")
	}
	switch {
	case m.Standing == Draft:
		if m.Needed > 1 && !proved(c.By) {
			return nil, cannot("橙色和红色信息须由经认证的人员处理", "orange and red are decided by persons who have proved who they are: use a token of your own, on a server that asks for one")
		}
		ch.Draft = ""
		return []hydro.DutyEvent{r.move(m, Rejected, now, text)}, nil
	case m.Standing != Issued || m.ID() != ch.Last:
		return nil, cannot("%s 不是最新已发布信息（%s）", "%s is neither a draft nor the newest that is out: it is %s", m.ID(), m.Standing)
	}
	needed := max(1, r.needed(m.Stage, ch.Stage))
	if needed > 1 && !proved(c.By) {
		return nil, cannot("撤销橙色和红色信息须由两名经认证的人员", "to withdraw orange or red takes two persons who have proved who they are: use a token of your own, on a server that asks for one")
	}
	var events []hydro.DutyEvent
	if draft := s.message(ch.Draft); draft != nil {
		events = append(events, r.move(draft, Superseded, now, ""))
		ch.Draft = ""
	}
	w := Message{Alert: r.withdrawal(&m.Alert, text), Basin: r.basin, Station: m.Station, Stage: m.Stage, Needed: needed, Approvals: []Approval{{c.By, now}}, Text: text}
	return r.propose(s, ch, w, now, events), nil
}
