package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"freshet/internal/hydro"
	"freshet/internal/termui"
	freshetv1 "freshet/proto/freshet/v1"
)

// groupsCommand is `freshet groups`: waves and outages.
func groupsCommand() *cobra.Command {
	var (
		server       serverFlags
		basin, lang  string
		asJSON, open bool
		timeout      time.Duration
	)
	c := &cobra.Command{
		Use:   "groups",
		Short: "List the waves and outages that warnings belong to",
		Long: `Groups lists the warnings that belong together as one: a wave of a river from
headwater to mouth, with the times at which it reaches each station, observed or
forecast, and stations that went out of sight together. Those that are open come
first, the highest first, then those that closed within a day. Times are Beijing
time. The exit code is 0 whether there are groups or not.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, conn *grpc.ClientConn) (*freshetv1.ListGroupsResponse, error) {
				return freshetv1.NewWarningServiceClient(conn).ListGroups(ctx, &freshetv1.ListGroupsRequest{Basin: basin, OpenOnly: open})
			}
			_, err := list(cmd, &server, lang, asJSON, timeout, call, groupsText)
			return err
		},
	}
	f := c.Flags()
	server.add(f)
	f.StringVar(&basin, "basin", "", "only this basin")
	f.BoolVar(&open, "open", false, "without those that have closed")
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.StringVar(&lang, "lang", locale(), "language of sentences, zh or en")
	f.DurationVar(&timeout, "timeout", 10*time.Second, "give up after this long")
	return c
}

var stagesText = map[freshetv1.Stage][2]string{
	freshetv1.Stage_STAGE_CLEAR:  {"解除", "clear"},
	freshetv1.Stage_STAGE_BLUE:   {"蓝色", "BLUE"},
	freshetv1.Stage_STAGE_YELLOW: {"黄色", "YELLOW"},
	freshetv1.Stage_STAGE_ORANGE: {"橙色", "ORANGE"},
	freshetv1.Stage_STAGE_RED:    {"红色", "RED"},
	freshetv1.Stage_STAGE_BLIND:  {"失明", "BLIND"},
}

// groupsText is the list for people.
func groupsText(resp *freshetv1.ListGroupsResponse, lang termui.Lang, width int) string {
	pick := lang.Pick
	at := pick("（系统尚未计时）", "(before the first tick)")
	if resp.GetNow() != nil {
		at = resp.GetNow().AsTime().In(termui.Beijing).Format("2006-01-02 15:04")
	}
	open := 0
	for _, g := range resp.GetGroups() {
		if g.GetClosedAt() == nil {
			open++
		}
	}
	var b strings.Builder
	fmt.Fprintln(&b, pick(fmt.Sprintf("%d 组在预警，%d 组已结束 · %s", open, len(resp.GetGroups())-open, at),
		fmt.Sprintf("%d open, %d closed at %s", open, len(resp.GetGroups())-open, at)))
	for _, g := range resp.GetGroups() {
		stage := stagesText[g.GetStage()]
		state := pick(stage[0], stage[1])
		if g.GetClosedAt() != nil {
			state = pick("已结束", "closed")
		}
		fmt.Fprintf(&b, "\n%s  %s\n", termui.Pad(state, 6), g.GetId())
		for _, line := range termui.Wrap(pick(g.GetTextZh(), g.GetTextEn()), max(40, width-5)) {
			fmt.Fprintf(&b, "    %s\n", line)
		}
		if g.GetKind() != freshetv1.GroupKind_GROUP_KIND_WAVE {
			continue
		}
		widest := 0
		for _, s := range g.GetStations() {
			widest = max(widest, termui.Width(s.GetStation()))
		}
		for _, s := range g.GetStations() {
			line := "    " + termui.Pad(s.GetStation(), widest) + "  " + termui.Pad(stationState(s, pick), 6) + "  " + stationTimes(s, pick)
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		if more := int(g.GetStationCount()) - len(g.GetStations()); more > 0 {
			fmt.Fprintln(&b, pick(fmt.Sprintf("    另有 %d 站", more), fmt.Sprintf("    and %d more", more)))
		}
	}
	return b.String()
}

// stationState says where a station of a wave stands.
func stationState(s *freshetv1.GroupStation, pick func(zh, en string) string) string {
	switch {
	case s.GetJoinedAt() == nil:
		return pick("未到", "ahead")
	case s.GetLeftAt() != nil && s.GetStage() == freshetv1.Stage_STAGE_CLEAR:
		return pick("回落", "back")
	}
	stage := stagesText[s.GetStage()]
	return pick(stage[0], stage[1])
}

// stationTimes says when a wave reaches the stages of a station, and its crest.
func stationTimes(s *freshetv1.GroupStation, pick func(zh, en string) string) string {
	var parts []string
	for _, a := range s.GetArrivals() {
		stage := stagesText[a.GetStage()]
		how := pick("预计 ", "expected ")
		if a.GetObserved() {
			how = ""
		}
		parts = append(parts, pick(stage[0], stage[1])+" "+how+a.GetAt().AsTime().In(termui.Beijing).Format("01-02 15:04"))
	}
	if s.GetRain() {
		parts = append(parts, pick("雨量站", "rain"))
	}
	if s.GetPeakAt() != nil {
		how := pick("洪峰预计 ", "crest expected ")
		if s.GetPeakObserved() {
			how = pick("最高 ", "highest ")
		}
		unit := " m"
		if s.GetPeakVariable() != freshetv1.Variable_VARIABLE_WATER_LEVEL {
			unit = " m³/s"
		}
		parts = append(parts, fmt.Sprintf("%s%s %.2f%s", how, s.GetPeakAt().AsTime().In(termui.Beijing).Format("01-02 15:04"), s.GetPeakValue(), unit))
	}
	if s.GetCause() != "" {
		parts = append(parts, pick("失明："+hydro.CauseZH(s.GetCause()), "blind: "+s.GetCause()))
	}
	return strings.Join(parts, "  ")
}
