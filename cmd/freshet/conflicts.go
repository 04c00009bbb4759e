package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// conflictsCommand is `freshet conflicts`: what departments say differently.
func conflictsCommand() *cobra.Command {
	var (
		server      serverFlags
		basin, lang string
		asJSON      bool
		timeout     time.Duration
	)
	c := &cobra.Command{
		Use:   "conflicts",
		Short: "List where departments say different things of one station or site",
		Long: `Conflicts is a work-list: two thresholds for one stage, two datums or two offsets
of one station, levels at one site without a common datum, and values at one site
that lie too far apart for too long. Each says since when it stands, who says what,
and how it is settled; the longest standing comes first. Nothing that Freshet
computes follows from it. Times are Beijing time. The exit code is 0 whether there
are conflicts or not.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, conn *grpc.ClientConn) (*freshetv1.ListConflictsResponse, error) {
				return freshetv1.NewStationServiceClient(conn).ListConflicts(ctx, &freshetv1.ListConflictsRequest{Basin: basin})
			}
			_, err := list(cmd, &server, lang, asJSON, timeout, call, conflictsText)
			return err
		},
	}
	f := c.Flags()
	server.add(f)
	f.StringVar(&basin, "basin", "", "only this basin")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	f.DurationVar(&timeout, "timeout", 10*time.Second, "give up after this long")
	return c
}

var departmentsText = map[freshetv1.Department][2]string{
	freshetv1.Department_DEPARTMENT_WEATHER:         {"气象", "weather"},
	freshetv1.Department_DEPARTMENT_HYDROLOGY:       {"水文", "hydrology"},
	freshetv1.Department_DEPARTMENT_WATER_RESOURCES: {"水利", "water resources"},
}

// conflictsText is the work-list for people.
func conflictsText(resp *freshetv1.ListConflictsResponse, lang termui.Lang, width int) string {
	pick := lang.Pick
	var b strings.Builder
	at := pick("（系统尚未计时）", "(before the first tick)")
	if resp.GetNow() != nil {
		at = resp.GetNow().AsTime().In(termui.Beijing).Format("2006-01-02 15:04")
	}
	switch n := len(resp.GetConflicts()); n {
	case 0:
		b.WriteString(pick("无待处理的不一致 · "+at, "no conflicts at "+at) + "\n")
		return b.String()
	case 1:
		b.WriteString(pick("1 项不一致待处理 · "+at, "1 conflict at "+at) + "\n")
	default:
		b.WriteString(pick(fmt.Sprintf("%d 项不一致待处理 · %s", n, at), fmt.Sprintf("%d conflicts at %s", n, at)) + "\n")
	}
	for _, c := range resp.GetConflicts() {
		stood := time.Duration(c.GetStoodS()) * time.Second
		subject := c.GetStation()
		switch {
		case subject == "":
			subject = pick("站址 ", "site ") + c.GetSite()
		case c.GetSite() != "":
			subject += pick("（站址 ", " (site ") + c.GetSite() + pick("）", ")")
		}
		b.WriteString("\n")
		fmt.Fprintf(&b, "%s  %s  %s\n", pick(
			"自 "+c.GetSince().AsTime().In(termui.Beijing).Format("2006-01-02 15:04")+" 起，已 "+lang.Span(stood),
			"since "+c.GetSince().AsTime().In(termui.Beijing).Format("2006-01-02 15:04")+", for "+lang.Span(stood)),
			subject, pick(c.GetWhatZh(), c.GetWhatEn()))
		names := make([]string, len(c.GetParties()))
		widest, texts := 0, 0
		for i, p := range c.GetParties() {
			names[i] = partyName(p, lang)
			widest, texts = max(widest, termui.Width(names[i])), max(texts, termui.Width(p.GetText()))
		}
		for i, p := range c.GetParties() {
			line := "    " + termui.Pad(names[i], widest) + "  " + termui.Pad(p.GetText(), texts) + "  " + p.GetSource()
			if p.GetAt() != nil {
				when := p.GetAt().AsTime().In(termui.Beijing).Format("2006-01-02 15:04")
				if c.GetKind() == freshetv1.ConflictKind_CONFLICT_KIND_VALUE {
					line += "  " + when
				} else {
					line += pick("  自 "+when+" 起有效", "  in force since "+when)
				}
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		for _, line := range termui.Wrap(pick("处理：", "to settle: ")+pick(c.GetSettleZh(), c.GetSettleEn()), max(40, width-5)) {
			b.WriteString("    " + line + "\n")
		}
	}
	return b.String()
}

// partyName says whose word it is.
func partyName(p *freshetv1.ConflictParty, lang termui.Lang) string {
	who, known := departmentsText[p.GetDepartment()]
	department := lang.Pick(who[0], who[1])
	switch {
	case p.GetStation() != "" && known:
		return p.GetStation() + lang.Pick("（"+department+"）", " ("+department+")")
	case p.GetStation() != "":
		return p.GetStation()
	case known:
		return department
	}
	return lang.Pick("基础资料", "catalogue")
}
