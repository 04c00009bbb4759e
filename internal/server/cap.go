package server

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"freshet/alert/cap"
	"freshet/internal/engine"
	"freshet/internal/hydro"
	"freshet/internal/wire"
	freshetv1 "freshet/proto/freshet/v1"
)

// CAP says how messages are served.
type CAP struct {
	// Public lets everybody who reaches the HTTP listener read the messages that are
	// out and meant for the public.
	Public bool
	// Sign puts a signature into a document; nil: messages are not signed.
	Sign func(document string) (string, error)
}

// capServer is a server as the CAP service sees it.
type capServer struct {
	freshetv1.UnimplementedCapServiceServer
	s *Server
}

// messages returns those of all basins, or of one, newest first.
func (s *Server) messages(basin string) ([]cap.Message, error) {
	ids := s.basinIDs
	if basin != "" {
		if _, err := s.basin(basin); err != nil {
			return nil, err
		}
		ids = []string{basin}
	}
	var out []cap.Message
	for _, id := range ids {
		s.basins[id].Engine.Query(func(e *engine.Engine) { out = append(out, e.Messages()...) })
	}
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b cap.Message) int { return b.At.Compare(a.At) })
	return out, nil
}

// ListMessages implements CapService.
func (c *capServer) ListMessages(_ context.Context, req *freshetv1.ListMessagesRequest) (*freshetv1.ListMessagesResponse, error) {
	all, err := c.s.messages(req.GetBasin())
	if err != nil {
		return nil, err
	}
	resp := &freshetv1.ListMessagesResponse{}
	for i := range all {
		m := &all[i]
		if len(req.GetStandings()) > 0 && !slices.Contains(req.GetStandings(), string(m.Standing)) {
			continue
		}
		p := fromMessage(m)
		if req.GetDocuments() {
			if p.Document, err = m.Alert.Encode(); err != nil {
				return nil, err
			}
		}
		resp.Messages = append(resp.Messages, p)
	}
	return resp, nil
}

func fromMessage(m *cap.Message) *freshetv1.CapMessage {
	p := &freshetv1.CapMessage{
		Id: m.ID(), Basin: m.Basin, Station: m.Station, Warning: m.Warning, Stage: wire.FromStage(m.Stage), Standing: string(m.Standing), At: wire.FromTime(m.At),
		MsgType: m.Alert.MsgType, Status: m.Alert.Status, Needed: int32(m.Needed), Text: m.Text, //nolint:gosec // 0 to 2
	}
	for _, in := range m.Alert.Infos {
		if strings.HasPrefix(in.Language, "zh") {
			p.HeadlineZh = in.Headline
		} else {
			p.HeadlineEn = in.Headline
		}
	}
	for i := range m.Approvals {
		p.Approvals = append(p.Approvals, &freshetv1.CapApproval{By: wire.FromPerson(&m.Approvals[i].By), At: wire.FromTime(m.Approvals[i].At)})
	}
	return p
}

// Approve implements CapService.
func (c *capServer) Approve(ctx context.Context, req *freshetv1.ApproveRequest) (*freshetv1.ApproveResponse, error) {
	events, err := c.s.command(ctx, req.GetBy(), hydro.Command{ID: req.GetRequestId(), Basin: req.GetBasin(), Kind: hydro.Approve, Message: req.GetMessage()})
	if err != nil {
		return nil, err
	}
	return &freshetv1.ApproveResponse{Events: dutyEvents(events)}, nil
}

// Reject implements CapService.
func (c *capServer) Reject(ctx context.Context, req *freshetv1.RejectRequest) (*freshetv1.RejectResponse, error) {
	events, err := c.s.command(ctx, req.GetBy(), hydro.Command{
		ID: req.GetRequestId(), Basin: req.GetBasin(), Kind: hydro.Reject, Message: req.GetMessage(), Text: req.GetText(),
	})
	if err != nil {
		return nil, err
	}
	return &freshetv1.RejectResponse{Events: dutyEvents(events)}, nil
}

// issued returns the messages that are out and that a reader of /cap/ may see,
// newest first.
func (s *Server) issued() []cap.Message {
	all, _ := s.messages("") // no basin is named, so none is unknown
	return slices.DeleteFunc(all, func(m cap.Message) bool {
		return m.Standing != cap.Issued || s.opts.CAP.Public && m.Alert.Scope != "Public"
	})
}

// serveMessage gives one message that is out, as /cap/{identifier}.xml, signed.
func (s *Server) serveMessage(w http.ResponseWriter, r *http.Request) {
	id, ok := strings.CutSuffix(r.PathValue("file"), ".xml")
	all := s.issued()
	i := slices.IndexFunc(all, func(m cap.Message) bool { return m.Alert.Identifier == id })
	if !ok || i < 0 {
		plain(w, http.StatusNotFound, "no message of that name is out\n")
		return
	}
	text, err := all[i].Alert.Encode()
	if err == nil && s.opts.CAP.Sign != nil {
		text, err = s.opts.CAP.Sign(text)
	}
	if err != nil { // an unsigned message where signed ones are promised would pass for a forged one
		s.opts.Logger.ErrorContext(r.Context(), "a CAP message is not served", "id", id, "err", err)
		plain(w, http.StatusInternalServerError, "the message cannot be signed, see the log of the server\n")
		return
	}
	w.Header().Set("Content-Type", "application/cap+xml; charset=utf-8")
	_, _ = w.Write([]byte(text)) // the client has gone: nobody to tell
}

// The feed, by RFC 4287.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  atomAuthor  `xml:"author"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID      string   `xml:"id"`
	Title   string   `xml:"title"`
	Updated string   `xml:"updated"`
	Summary string   `xml:"summary,omitempty"`
	Link    atomLink `xml:"link"`
}

// maxEntries is how many messages the feed names.
const maxEntries = 100

// serveAtom gives the messages that are out as an Atom feed.
func (s *Server) serveAtom(w http.ResponseWriter, _ *http.Request) {
	feed := atomFeed{ID: "urn:freshet:cap", Title: "预警信息 Warnings", Updated: time.Unix(0, 0).UTC().Format(time.RFC3339), Links: []atomLink{{Rel: "self", Href: "/cap/feed.atom"}}}
	if c := s.opts.Catalog(); c != nil {
		feed.ID += ":" + url.PathEscape(c.Name)
		if c.CAP != nil {
			feed.Author.Name = c.CAP.SenderNameZH
		}
	}
	if feed.Author.Name == "" {
		feed.Author.Name = "Freshet"
	}
	all := s.issued()
	for i := range all[:min(len(all), maxEntries)] {
		m := &all[i]
		if i == 0 {
			feed.Updated = m.Alert.Sent
		}
		p := fromMessage(m)
		feed.Entries = append(feed.Entries, atomEntry{
			ID: "urn:freshet:cap:" + url.PathEscape(m.ID()), Title: p.GetHeadlineZh(), Updated: m.Alert.Sent, Summary: p.GetHeadlineEn(),
			Link: atomLink{Rel: "alternate", Type: "application/cap+xml", Href: "/cap/" + url.PathEscape(m.ID()) + ".xml"},
		})
	}
	out, err := xml.MarshalIndent(feed, "", "  ")
	if err != nil {
		plain(w, http.StatusInternalServerError, fmt.Sprintf("feed: %v\n", err))
		return
	}
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	_, _ = w.Write([]byte(xml.Header + string(out) + "\n")) // the client has gone: nobody to tell
}
