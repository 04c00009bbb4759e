// Package sheet writes emergency plans for paper: the measures of the responses
// that stand, or empty ones, as HTML that needs nothing beside it and prints on A4
// in black and white, or as text.
package sheet

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"freshet/internal/hydro"
)

// Options say how a sheet is written.
type Options struct {
	Chinese bool
	At      time.Time      // engine time; zero: an empty sheet, of no instant
	Zone    *time.Location // of the times on it
	Mark    string         // of the catalogue, where its numbers are an example; ""
	Server  string         // where it comes from; ""
}

//go:embed sheet.html
var page string

// HTML writes a page for each response.
func HTML(w io.Writer, responses []hydro.Response, o Options) error {
	t := template.Must(template.New("sheet").Parse(page)) // of this package: a test parses it
	if err := t.Execute(w, view(responses, &o)); err != nil {
		return fmt.Errorf("sheet: %w", err)
	}
	return nil
}

// Text writes the same as text, for a terminal or a message.
func Text(w io.Writer, responses []hydro.Response, o Options) error {
	var b strings.Builder
	v := view(responses, &o)
	for i := range v.Responses {
		r := &v.Responses[i]
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s · %s\n", r.Title, r.Body)
		for _, line := range r.Head {
			fmt.Fprintf(&b, "  %s\n", line)
		}
		for _, part := range r.Parts {
			if part.Title != "" {
				fmt.Fprintf(&b, "\n  %s\n", part.Title)
			}
			for _, line := range part.When {
				fmt.Fprintf(&b, "    %s\n", line)
			}
			for _, m := range part.Measures {
				fmt.Fprintf(&b, "  %s %s  %s\n", m.Box, m.ID, m.Name)
				fmt.Fprintf(&b, "       %s · %s · %s\n", m.Owner, m.Due, m.State)
				for k, s := range m.Steps {
					fmt.Fprintf(&b, "       %d. %s\n", k+1, s)
				}
				if m.Evidence != "" {
					fmt.Fprintf(&b, "       %s%s\n", v.Words.Evidence, m.Evidence)
				}
				for _, n := range m.Notes {
					fmt.Fprintf(&b, "       - %s\n", n)
				}
			}
		}
	}
	if len(v.Responses) == 0 {
		fmt.Fprintln(&b, v.Words.None)
	}
	for _, line := range v.Foot {
		fmt.Fprintf(&b, "\n%s\n", line)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("sheet: %w", err)
	}
	return nil
}

// The views are what the page shows, in one language.
type (
	document struct {
		Lang      string
		Words     words
		Responses []responseView
		Mark      string
		Foot      []string
	}
	words struct {
		Measure, Owner, Due, State, Evidence, Sign, None string
	}
	responseView struct {
		Title, Body string
		Head        []string
		Parts       []part
	}
	part struct {
		Title    string
		When     []string
		Measures []measureView
	}
	measureView struct {
		Box, ID, Name, Owner, Due, State, Evidence string
		Steps, Notes                               []string
	}
)

var departments = [...][2]string{{"", ""}, {"气象", "weather"}, {"水文", "hydrology"}, {"水利", "water resources"}}

// pick returns one of two texts by the language.
func (o *Options) pick(zh, en string) string {
	if o.Chinese {
		return zh
	}
	return en
}

func (o *Options) clock(t time.Time) string { return t.In(o.Zone).Format("2006-01-02 15:04") }

func view(responses []hydro.Response, o *Options) *document {
	d := &document{
		Lang: o.pick("zh-CN", "en"), Mark: o.Mark,
		Words: words{
			Measure: o.pick("措施", "Measure"), Owner: o.pick("责任", "Owner"), Due: o.pick("时限", "Due"), State: o.pick("状态", "State"),
			Evidence: o.pick("凭据：", "Evidence: "), Sign: o.pick("完成时间与签名", "Done at, signed"), None: o.pick("无预案。", "No plan."),
		},
	}
	for i := range responses {
		d.Responses = append(d.Responses, o.response(&responses[i]))
	}
	if o.Mark != "" {
		d.Foot = append(d.Foot, o.Mark)
	}
	made := o.pick("空白表", "Empty sheet")
	if !o.At.IsZero() {
		made = o.pick("截至 ", "As of ") + o.clock(o.At)
	}
	if o.Server != "" {
		made += " · " + o.Server
	}
	d.Foot = append(d.Foot, made+" · Freshet")
	return d
}

func (o *Options) response(r *hydro.Response) responseView {
	v := responseView{Title: o.pick(r.NameZH, r.NameEN), Body: o.pick(r.BodyZH, r.BodyEN)}
	if r.Illustrative {
		v.Head = append(v.Head, o.pick("示例预案，非正式文件", "Example, not an official plan"))
	}
	if o.At.IsZero() {
		for i := range r.Ladder {
			v.Parts = append(v.Parts, o.rung(&r.Ladder[i]))
		}
		return v
	}
	switch {
	case r.Declared != hydro.NoResponse:
		v.Head = append(v.Head, o.pick(
			fmt.Sprintf("%s级响应 · %s 由%s宣布", r.Declared, o.clock(r.DeclaredAt), r.By.Name),
			fmt.Sprintf("Level %s · declared %s by %s", r.Declared, o.clock(r.DeclaredAt), r.By.Name)))
	case !r.DeclaredAt.IsZero():
		v.Head = append(v.Head, o.pick("响应已终止 · "+o.clock(r.DeclaredAt)+" 由"+r.By.Name+"宣布", "Stood down "+o.clock(r.DeclaredAt)+" by "+r.By.Name))
	default:
		v.Head = append(v.Head, o.pick("未启动响应", "No response has been declared"))
	}
	if r.Text != "" {
		v.Head = append(v.Head, o.pick("说明：", "Said: ")+r.Text)
	}
	if !r.ProposedAt.IsZero() {
		level := o.pick("不启动或终止响应", "no response")
		if r.Proposed != hydro.NoResponse {
			level = o.pick(r.Proposed.String()+"级响应", "level "+r.Proposed.String())
		}
		v.Head = append(v.Head, o.pick("系统建议："+level+"。"+r.ReasonZH, "The service proposes "+level+": "+r.ReasonEN))
	}
	p := part{}
	for i := range r.Measures {
		p.Measures = append(p.Measures, o.measure(&r.Measures[i]))
	}
	v.Parts = []part{p}
	return v
}

func (o *Options) rung(r *hydro.Rung) part {
	p := part{Title: o.pick(r.Level.String()+"级响应", "Level "+r.Level.String())}
	when := r.WhenEN
	if o.Chinese {
		when = r.WhenZH
	}
	for _, w := range when {
		p.When = append(p.When, o.pick("建议条件：", "proposed when: ")+w)
	}
	for i := range r.Measures {
		p.Measures = append(p.Measures, o.measure(&r.Measures[i]))
	}
	return p
}

func (o *Options) measure(m *hydro.Measure) measureView {
	v := measureView{
		ID: m.ID, Name: "[" + m.Level.String() + "] " + o.pick(m.NameZH, m.NameEN), Steps: m.StepsEN, Evidence: o.pick(m.EvidenceZH, m.EvidenceEN),
		Due: o.pick("无时限", "no deadline"), Box: "☐", State: o.pick("待办", "open"),
	}
	if o.Chinese {
		v.Steps = m.StepsZH
	}
	if int(m.Department) < len(departments) {
		v.Owner = o.pick(departments[m.Department][0], departments[m.Department][1])
	}
	if m.PersonZH != "" {
		v.Owner += " " + o.pick(m.PersonZH, m.PersonEN)
	}
	switch {
	case !m.Deadline.IsZero():
		v.Due = o.clock(m.Deadline)
	case m.Within > 0:
		v.Due = o.pick("宣布后 "+m.Within.String(), "within "+m.Within.String())
	}
	switch m.State {
	case hydro.MeasureBegun:
		v.State = o.pick("办理中，自 ", "begun ") + o.clock(m.Started)
	case hydro.MeasureFinished:
		v.Box, v.State = "☑", o.pick("完成 ", "done ")+o.clock(m.Ended)
	case hydro.MeasureDropped:
		v.Box, v.State = "☒", o.pick("关闭 ", "closed ")+o.clock(m.Ended)
	case hydro.MeasureOpened:
	}
	if m.Late {
		v.State = o.pick("超时！", "LATE! ") + v.State
	}
	for _, n := range m.Notes {
		if n.Text != "" {
			v.Notes = append(v.Notes, fmt.Sprintf("%s %s: %s", o.clock(n.At), n.By.Name, n.Text))
		}
	}
	return v
}
