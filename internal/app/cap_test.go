package app_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"freshet/alert/cap"
	"freshet/internal/app"
	"freshet/internal/auth"
	"freshet/internal/capsign"
	"freshet/internal/certs/certstest"
	"freshet/internal/client"
	"freshet/internal/hydro"
	freshetv1 "freshet/proto/freshet/v1"
)

// signing returns files of a certificate and key that sign.
func signing(t *testing.T) (cert, key string, leaf *x509.Certificate) {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "c"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cap.pem"), filepath.Join(dir, "cap.key")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, leaf
}

// raise lets Enping rise until its stage is orange, over these connections.
func raise(t *testing.T, gateway, clock *grpc.ClientConn) {
	t.Helper()
	g, err := client.Open(t.Context(), gateway, hydro.Hydrology, "riverside", client.Options{Backoff: client.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	c := client.NewClock(clock, client.Backoff{})
	for i := range 18 {
		now, level := noon.Add(time.Duration(i+1)*5*time.Minute), min(5+0.19*float64(i), 7.5)
		if _, err := g.Send(t.Context(), client.Reports{Hydrology: []*freshetv1.HydrologyReport{{
			Station: "EX80A101", ObservedAt: &freshetv1.ObservedAt{Time: &freshetv1.ObservedAt_Instant{Instant: timestamppb.New(now)}},
			WaterLevel: &level, Datum: "PEARL_RIVER",
		}}}); err != nil {
			t.Fatal(err)
		}
		if err := g.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Advance(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
}

// fetch gets a page and returns its status and text.
func fetch(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// drafted returns the one draft of Enping.
func drafted(t *testing.T, c freshetv1.CapServiceClient, standing string) *freshetv1.CapMessage {
	t.Helper()
	resp, err := c.ListMessages(t.Context(), &freshetv1.ListMessagesRequest{Basin: "tanjiang", Standings: []string{standing}, Documents: true})
	if err != nil {
		t.Fatal(err)
	}
	var found []*freshetv1.CapMessage
	for _, m := range resp.GetMessages() {
		if m.GetStation() == "h-enping" && m.GetStage() == freshetv1.Stage_STAGE_ORANGE {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d messages of orange at Enping stand as %s: %v", len(found), standing, resp.GetMessages())
	}
	return found[0]
}

// Acceptance 10, over the wire: an orange goes out when two persons have said so,
// across a restart, and not by one person with two tokens.
func TestAnOrangeGoesOutByTwoPersonsSignedAndInTheFeed(t *testing.T) {
	cert, key, leaf := signing(t)
	g := guard(t, func(o *app.Options) {
		o.CAPCert, o.CAPKey, o.CAPPublic = cert, key, true
	})
	with := func(role auth.Role, department hydro.Department, name string) freshetv1.CapServiceClient {
		grant := all(role, department)
		grant.Name = name
		return freshetv1.NewCapServiceClient(g.dial(g.token(grant, nil)))
	}
	officer := func(name string) freshetv1.CapServiceClient { return with(auth.Officer, hydro.Hydrology, name) }
	admin := g.dial(g.token(all(auth.Admin, 0), nil))
	if err := client.NewClock(admin, client.Backoff{}).Advance(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	first, again, second := officer("李三"), officer("李 三"), officer("王四")
	briefing := freshetv1.NewCapServiceClient(g.dial(g.token(all(auth.Briefing, 0), nil)))
	raise(t, g.dial(g.token(all(auth.Gateway, hydro.Hydrology), nil)), admin)

	draft := drafted(t, briefing, "draft")
	if draft.GetNeeded() != 2 || draft.GetStatus() != "Exercise" || draft.GetDocument() == "" {
		t.Errorf("draft %v", draft)
	}
	web := &http.Client{Transport: g.transport(g.ca.Issue(t, g.dir, certstest.Identity{Name: "web"}))} // a certificate that nobody knows: the public
	url := "https://" + g.app.HTTPAddr()
	if code, _ := fetch(t, web, url+"/cap/"+draft.GetId()+".xml"); code != http.StatusNotFound {
		t.Errorf("a draft is served: %d", code)
	}
	n := 0
	approve := func(c freshetv1.CapServiceClient) error {
		n++
		_, err := c.Approve(t.Context(), &freshetv1.ApproveRequest{Basin: "tanjiang", Message: draft.GetId(), RequestId: fmt.Sprint("r", n)})
		return err
	}
	for _, c := range []struct {
		name string
		who  freshetv1.CapServiceClient
		code codes.Code
	}{
		{"a briefing's screen", briefing, codes.PermissionDenied},
		{"the first", first, codes.OK},
		{"the first again", first, codes.FailedPrecondition},
		{"the first with another token", again, codes.FailedPrecondition},
		{"the first with a token of the same name", officer("李三"), codes.FailedPrecondition},
		{"the first with a token of another department", with(auth.Officer, hydro.Weather, "李三"), codes.FailedPrecondition},
		{"the first with an admin's token", with(auth.Admin, 0, "李三"), codes.FailedPrecondition},
		{"the first, written with the other code of the same character", officer("\uf9e1三"), codes.FailedPrecondition},
		{"the first, in marks that are not seen", officer("李\u200b三"), codes.FailedPrecondition},
	} {
		if err := approve(c.who); status.Code(err) != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
	if m := drafted(t, first, "draft"); len(m.GetApprovals()) != 1 || m.GetApprovals()[0].GetBy().GetName() != "李三" {
		t.Errorf("approved by %v", m.GetApprovals())
	}
	if err := approve(second); err != nil {
		t.Fatal(err)
	}
	out := drafted(t, briefing, "issued")
	if len(out.GetApprovals()) != 2 || out.GetMsgType() != "Update" || !strings.HasPrefix(out.GetHeadlineZh(), "【演练】") || !strings.Contains(out.GetHeadlineZh(), "预警升级为橙色") {
		t.Errorf("issued %v", out)
	}

	// The public reads it, signed.
	code, text := fetch(t, web, url+"/cap/"+out.GetId()+".xml")
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, text)
	}
	if err := capsign.Verify(text, leaf); err != nil {
		t.Error(err)
	}
	a, err := cap.Decode([]byte(text))
	if err != nil || len(a.Check()) > 0 {
		t.Fatalf("%v, %v", err, a.Check())
	}
	if refs := strings.Fields(a.References); len(refs) != 2 { // blue and yellow went out by themselves
		t.Errorf("refers to %q", a.References)
	}
	if code, feed := fetch(t, web, url+"/cap/feed.atom"); code != http.StatusOK || !strings.Contains(feed, "/cap/"+out.GetId()+".xml") || !strings.Contains(feed, "潭江洪水中心") {
		t.Errorf("feed %d: %s", code, feed)
	}
	if code, _ := fetch(t, web, url+"/v1/cap/messages"); code != http.StatusUnauthorized {
		t.Errorf("the public lists messages: %d", code)
	}
}

// A server that asks nobody who they are lets out no orange, whatever names it
// is told; what was drafted stands after a restart.
func TestAServerThatAsksNobodyLetsOutNoOrange(t *testing.T) {
	o := options(t)
	a := start(t, o)
	if err := advance(t, a, noon); err != nil {
		t.Fatal(err)
	}
	dial := func() *grpc.ClientConn {
		conn, err := client.Dial(a.GRPCAddr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	conn := dial()
	raise(t, conn, conn)
	before := drafted(t, freshetv1.NewCapServiceClient(conn), "draft")
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = start(t, o)
	defer a.Close()
	c := freshetv1.NewCapServiceClient(dial())
	draft := drafted(t, c, "draft")
	if draft.GetId() != before.GetId() || draft.GetDocument() != before.GetDocument() {
		t.Errorf("after a restart the draft is %v, it was %v", draft, before)
	}
	for i, name := range []string{"张三", "李四"} {
		_, err := c.Approve(context.Background(), &freshetv1.ApproveRequest{Basin: "tanjiang", Message: draft.GetId(), RequestId: fmt.Sprint(i), By: name})
		if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "two persons who have proved who they are") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Reject(context.Background(), &freshetv1.RejectRequest{Basin: "tanjiang", Message: draft.GetId(), RequestId: "no", By: "王五", Text: "x"}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("rejected by a word: %v", err)
	}
	drafted(t, c, "draft")
	code, feed := fetch(t, http.DefaultClient, "http://"+a.HTTPAddr()+"/cap/feed.atom")
	if code != http.StatusOK || strings.Count(feed, "<entry>") != 2 || strings.Contains(feed, draft.GetId()) {
		t.Errorf("%d: %s", code, feed)
	}
	if code, text := fetch(t, http.DefaultClient, "http://"+a.HTTPAddr()+"/v1/cap/messages?basin=tanjiang&standings=draft"); code != http.StatusOK || !strings.Contains(text, draft.GetId()) {
		t.Errorf("%d: %s", code, text)
	}
}

func TestAKeyThatCannotSignStopsTheStart(t *testing.T) {
	o := options(t)
	o.CAPCert = "a.pem"
	if _, err := app.Start(t.Context(), o); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "--cap-cert") {
		t.Errorf("half a pair: %v", err)
	}
	o.CAPKey = "a.key"
	if _, err := app.Start(t.Context(), o); !errors.Is(err, hydro.ErrInvalid) || !strings.Contains(err.Error(), "a.pem") {
		t.Errorf("no such pair: %v", err)
	}
}
