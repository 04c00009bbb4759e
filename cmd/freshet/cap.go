package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"freshet/alert/cap"
	"freshet/internal/capsign"
	"freshet/internal/hydro"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// capCommand is `freshet cap`: messages of the Common Alerting Protocol.
func capCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cap",
		Short: "List, approve, reject and check CAP messages",
		Long: `CAP messages are what the public gets of the warnings (docs/formats/cap.md). Those
of orange and red, their end and their withdrawal wait until two persons have
approved them: each with a token of their own (--token-file, FRESHET_TOKEN), on a
server that asks for one.`,
	}
	c.AddCommand(capListCommand(), capDecideCommand(true), capDecideCommand(false), capValidateCommand())
	return c
}

func capListCommand() *cobra.Command {
	var (
		server      serverFlags
		basin, lang string
		standings   []string
		asJSON      bool
		timeout     time.Duration
	)
	c := &cobra.Command{
		Use:   "list",
		Short: "List messages, newest first; drafts first of all",
		Long: `List shows the messages that wait for approval, and those that are out. The exit
code is 0 whether there are any or not. Times are Beijing time.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			language, err := termui.ParseLang(lang)
			if err != nil {
				return err
			}
			conn, err := server.dial()
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }() // nothing is under way
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			resp, err := freshetv1.NewCapServiceClient(conn).ListMessages(ctx, &freshetv1.ListMessagesRequest{Basin: basin, Standings: standings, Documents: asJSON})
			if err != nil {
				return callError(server.address, err)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), resp)
			}
			_, err = io.WriteString(cmd.OutOrStdout(), messagesText(resp, language))
			return err
		},
	}
	f := c.Flags()
	server.add(f)
	f.StringVar(&basin, "basin", "", "only this basin")
	f.StringSliceVar(&standings, "standing", []string{"draft", "issued"}, "of draft, issued, rejected, superseded")
	f.BoolVar(&asJSON, "json", false, "print one JSON object, with the XML of each")
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	f.DurationVar(&timeout, "timeout", 10*time.Second, "give up after this long")
	return c
}

var standingText = map[string][2]string{
	"draft": {"待批准", "draft"}, "issued": {"已发布", "issued"}, "rejected": {"已否决", "rejected"}, "superseded": {"已被取代", "superseded"},
}

// messagesText is the list for people.
func messagesText(resp *freshetv1.ListMessagesResponse, lang termui.Lang) string {
	pick := lang.Pick
	messages := slices.Clone(resp.GetMessages())
	slices.SortStableFunc(messages, func(a, b *freshetv1.CapMessage) int {
		first := func(m *freshetv1.CapMessage) int {
			if m.GetStanding() == "draft" {
				return 0
			}
			return 1
		}
		return first(a) - first(b)
	})
	var b strings.Builder
	if len(messages) == 0 {
		b.WriteString(pick("没有预警信息", "no messages") + "\n")
	}
	for _, m := range messages {
		s := standingText[m.GetStanding()]
		fmt.Fprintf(&b, "%s  %s  %s  %s %s  %s\n", m.GetAt().AsTime().In(termui.Beijing).Format("01-02 15:04"), pick(s[0], s[1]),
			pick(m.GetHeadlineZh(), m.GetHeadlineEn()), m.GetStatus(), m.GetMsgType(), m.GetId())
		if m.GetStanding() == "draft" {
			fmt.Fprintf(&b, "             %s\n", pick(fmt.Sprintf("须 %d 人批准，已有 %d 人", m.GetNeeded(), len(m.GetApprovals())), fmt.Sprintf("%d must approve, %d have", m.GetNeeded(), len(m.GetApprovals()))))
		}
		for _, a := range m.GetApprovals() {
			fmt.Fprintf(&b, "             %s %s %s\n", pick("批准", "approved"), a.GetAt().AsTime().In(termui.Beijing).Format("01-02 15:04"), a.GetBy().GetName())
		}
		if m.GetText() != "" {
			fmt.Fprintf(&b, "             %s%s\n", pick("理由：", "why: "), m.GetText())
		}
	}
	return b.String()
}

// capDecideCommand is `freshet cap approve` and `freshet cap reject`.
func capDecideCommand(yes bool) *cobra.Command {
	var (
		server                     serverFlags
		basin, by, text, requestID string
		timeout                    time.Duration
	)
	c := &cobra.Command{
		Use:   "approve MESSAGE",
		Short: "Approve a draft: one person's yes",
		Long: `Approve is your yes to a draft, by its identifier (freshet cap list). A message of
orange or red, its end and its withdrawal go out with the yes of a second person.
The exit code is 1, and it is said why, if you may not approve it.`,
		Args: cobra.ExactArgs(1),
	}
	if !yes {
		c.Use, c.Short = "reject MESSAGE", "Reject a draft, or propose to withdraw what is out"
		c.Long = `Reject drops a draft. Of the newest message of a station that is out, it proposes
to withdraw it: a message that cancels it, which is approved like any other.`
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if !yes && strings.TrimSpace(text) == "" {
			return fmt.Errorf("--text: say why: %w", hydro.ErrInvalid)
		}
		conn, err := server.dial()
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }() // the command is answered or not
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		if requestID == "" {
			requestID = "cli-" + strings.ToLower(rand.Text())
		}
		api := freshetv1.NewCapServiceClient(conn)
		if basin == "" {
			if basin, err = basinOf(ctx, api, args[0]); err != nil {
				return callError(server.address, err)
			}
		}
		var events []*freshetv1.DutyEvent
		if yes {
			var resp *freshetv1.ApproveResponse
			resp, err = api.Approve(ctx, &freshetv1.ApproveRequest{Basin: basin, Message: args[0], RequestId: requestID, By: by})
			events = resp.GetEvents()
		} else {
			var resp *freshetv1.RejectResponse
			resp, err = api.Reject(ctx, &freshetv1.RejectRequest{Basin: basin, Message: args[0], RequestId: requestID, By: by, Text: text})
			events = resp.GetEvents()
		}
		if err != nil {
			return callError(server.address, err)
		}
		for _, e := range events {
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n", e.GetTextZh(), e.GetTextEn())
		}
		return nil
	}
	f := c.Flags()
	server.add(f)
	f.StringVar(&basin, "basin", "", "of the message; empty: looked up")
	f.StringVar(&by, "by", "", "your name, on a server that asks nobody for a token")
	f.StringVar(&requestID, "request-id", "", "name this request; sent again with it, it is obeyed once")
	f.DurationVar(&timeout, "timeout", 40*time.Second, "give up after this long")
	if !yes {
		f.StringVar(&text, "text", "", "why")
	}
	return c
}

func basinOf(ctx context.Context, api freshetv1.CapServiceClient, id string) (string, error) {
	resp, err := api.ListMessages(ctx, &freshetv1.ListMessagesRequest{})
	if err != nil {
		return "", err
	}
	for _, m := range resp.GetMessages() {
		if m.GetId() == id {
			return m.GetBasin(), nil
		}
	}
	return "", fmt.Errorf("no message is called %s; see freshet cap list --standing draft,issued,rejected,superseded: %w", id, hydro.ErrNotFound)
}

// capValidateCommand is `freshet cap validate`.
func capValidateCommand() *cobra.Command {
	var asJSON bool
	var certificate string
	c := &cobra.Command{
		Use:   "validate FILE",
		Short: "Say what is wrong with a CAP message",
		Long: `Validate checks any CAP 1.2 message: its elements and their order, its words and
times, its references, its areas, and what the standard says in words only. With
--certificate its XML signature too. FILE may be - for standard input. The exit code
is 0 if nothing is wrong and 2 if something is.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var data []byte
			var err error
			if args[0] == "-" {
				data, err = io.ReadAll(cmd.InOrStdin())
			} else {
				data, err = os.ReadFile(args[0])
			}
			if err != nil {
				return fmt.Errorf("%w: %w", err, hydro.ErrInvalid)
			}
			problems := []string{}
			if a, err := cap.Decode(data); err != nil {
				problems = append(problems, forPeople(err))
			} else {
				problems = append(problems, a.Check()...)
			}
			if certificate != "" {
				leaf, err := readCertificate(certificate)
				if err != nil {
					return err
				}
				if err := capsign.Verify(string(data), leaf); err != nil {
					problems = append(problems, forPeople(err))
				}
			}
			out := cmd.OutOrStdout()
			if asJSON {
				if err := json.NewEncoder(out).Encode(map[string]any{"problems": problems}); err != nil {
					return err
				}
			} else {
				for _, p := range problems {
					fmt.Fprintln(out, p)
				}
			}
			if len(problems) > 0 {
				return fmt.Errorf("%s: %d problems: %w", args[0], len(problems), hydro.ErrInvalid)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().StringVar(&certificate, "certificate", "", "file of the certificate that must have signed it, PEM")
	return c
}

func readCertificate(file string) (*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--certificate: %w: %w", err, hydro.ErrInvalid)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("--certificate: no PEM in %s: %w", file, hydro.ErrInvalid)
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("--certificate: %s: %w: %w", file, err, hydro.ErrInvalid)
	}
	return leaf, nil
}
