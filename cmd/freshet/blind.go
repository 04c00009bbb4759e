package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// blindCommand is `freshet blind`: what is not seen, and whom to call about it.
func blindCommand() *cobra.Command {
	var (
		server       serverFlags
		basin, lang  string
		asJSON, fail bool
		timeout      time.Duration
	)
	c := &cobra.Command{
		Use:   "blind",
		Short: "List stations that are not seen, by department, gateway and cause",
		Long: `Blind lists the stations of which something is not seen, those together that one
call can mend: of one department, behind one gateway, for one cause. Those on a
rising reach come first and are marked: somebody must look. Times are Beijing time.
The exit code is 0 whether there are any or not; with --exit-code it is 1 if there
are.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, conn *grpc.ClientConn) (*freshetv1.ListBlindResponse, error) {
				return freshetv1.NewWarningServiceClient(conn).ListBlind(ctx, &freshetv1.ListBlindRequest{Basin: basin})
			}
			resp, err := list(cmd, &server, lang, asJSON, timeout, call, blindText)
			if n := len(blindStations(resp)); err == nil && fail && n > 0 {
				return fmt.Errorf("%d stations are not seen in full", n)
			}
			return err
		},
	}
	f := c.Flags()
	server.add(f)
	f.StringVar(&basin, "basin", "", "only this basin")
	f.BoolVar(&fail, "exit-code", false, "exit with 1 if anything is not seen")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	f.DurationVar(&timeout, "timeout", 10*time.Second, "give up after this long")
	return c
}

// blindStations returns the stations of all sets, each once.
func blindStations(resp *freshetv1.ListBlindResponse) []string {
	var all []string
	for _, s := range resp.GetSets() {
		all = append(all, s.GetStations()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// blindText is the list for people, one department and gateway after another in the
// order in which the server gives them.
func blindText(resp *freshetv1.ListBlindResponse, lang termui.Lang, width int) string {
	pick := lang.Pick
	at := pick("（系统尚未计时）", "(before the first tick)")
	if resp.GetNow() != nil {
		at = resp.GetNow().AsTime().In(termui.Beijing).Format("2006-01-02 15:04")
	}
	n := len(blindStations(resp))
	if n == 0 {
		return pick("各站均有数据 · "+at, "all stations are seen at "+at) + "\n"
	}
	var b strings.Builder
	english := fmt.Sprintf("%d stations not seen in full at %s", n, at)
	if n == 1 {
		english = "1 station not seen in full at " + at
	}
	fmt.Fprintln(&b, pick(fmt.Sprintf("%d 站数据不全或中断 · %s", n, at), english))
	sets := slices.Clone(resp.GetSets())
	for len(sets) > 0 {
		of := sets[0]
		same := func(s *freshetv1.BlindSet) bool {
			return s.GetDepartment() == of.GetDepartment() && s.GetGateway() == of.GetGateway()
		}
		fmt.Fprintf(&b, "\n%s\n", blindOwner(of, lang))
		for _, s := range sets {
			if same(s) {
				blindSet(&b, s, lang, width)
			}
		}
		sets = slices.DeleteFunc(sets, same)
	}
	return b.String()
}

// blindOwner says whom to call.
func blindOwner(s *freshetv1.BlindSet, lang termui.Lang) string {
	name, known := departmentsText[s.GetDepartment()]
	if !known {
		name = [2]string{"部门未注明", "department not stated"}
	}
	owner := lang.Pick(name[0], name[1])
	if s.GetGateway() != "" {
		owner += lang.Pick(" · 网关 ", " · gateway ") + s.GetGateway()
	}
	return owner
}

// blindSet writes one cause and its stations.
func blindSet(b *strings.Builder, s *freshetv1.BlindSet, lang termui.Lang, width int) {
	pick := lang.Pick
	line := pick(s.GetCauseZh(), s.GetCause())
	if s.GetSince() != nil {
		since := s.GetSince().AsTime().In(termui.Beijing).Format("01-02 15:04")
		line += pick("，最早自 "+since+" 起", ", the first since "+since)
	}
	many := fmt.Sprintf(", %d stations", len(s.GetStations()))
	if len(s.GetStations()) == 1 {
		many = ", 1 station"
	}
	line += pick(fmt.Sprintf("，%d 站", len(s.GetStations())), many)
	switch {
	case s.GetWhole() && s.GetGateway() == "":
		line += pick("（该部门全部）", " (all of the department)")
	case s.GetWhole():
		line += pick("（该网关全部）", " (all of the gateway)")
	}
	fmt.Fprintf(b, "    %s  %s\n", s.GetBasin(), line)
	if up := s.GetEscalated(); len(up) > 0 {
		for _, text := range termui.Wrap(pick("!! 位于涨水河段，须派人查看：", "!! on a rising reach, somebody must look: ")+strings.Join(up, ", "), max(40, width-9)) {
			fmt.Fprintf(b, "        %s\n", text)
		}
	}
	rest := slices.DeleteFunc(slices.Clone(s.GetStations()), func(id string) bool { return slices.Contains(s.GetEscalated(), id) })
	for _, text := range termui.Wrap(strings.Join(rest, ", "), max(40, width-9)) {
		if text != "" {
			fmt.Fprintf(b, "        %s\n", text)
		}
	}
}
