package duty

import (
	"fmt"
	"strings"
	"time"

	"freshet/internal/hydro"
)

var (
	stageZH = map[hydro.Stage]string{hydro.Clear: "解除", hydro.Blue: "蓝色", hydro.Yellow: "黄色", hydro.Orange: "橙色", hydro.Red: "红色", hydro.Blind: "失明"}

	statusZH = [statuses]string{"正常", "未确认", "已确认", "已恢复未确认", "搁置", "停用"}
	statusEN = [statuses]string{"normal", "unacknowledged", "acknowledged", "returned, unacknowledged", "shelved", "out of service"}
)

// ZH is the state's name in Chinese.
func (s Status) ZH() string {
	if int(s) < statuses {
		return statusZH[s]
	}
	return "?"
}

// no is a refusal. Both formats take the same arguments.
func no(zh, en string, args ...any) error {
	if len(args) == 0 {
		return &hydro.CommandError{ZH: zh, EN: en}
	}
	return &hydro.CommandError{ZH: fmt.Sprintf(zh, args...), EN: fmt.Sprintf(en, args...)}
}

// name is the station for people.
func (r *Rules) name(station string) (zh, en string) {
	n := r.stations[station]
	zh, en = station, station
	if n.zh != "" {
		zh = n.zh + "（" + station + "）"
	}
	if n.en != "" {
		en = n.en + " (" + station + ")"
	}
	return zh, en
}

func (r *Rules) clock(t time.Time) string { return t.In(r.zone).Format("2006-01-02 15:04") }

func span(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "0s")
	if strings.Contains(s, "h") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// stands says where the condition stands.
func stands(a *Alarm) (zh, en string) {
	switch {
	case a.Stage == hydro.Clear:
		return "已解除", "clear"
	case a.Stage == hydro.Blind:
		return "失明（" + a.Cause + "）", "blind (" + a.Cause + ")"
	case a.Cause != "":
		return stageZH[a.Stage] + "且部分失明（" + a.Cause + "）", a.Stage.String() + ", partly blind (" + a.Cause + ")"
	}
	return stageZH[a.Stage], a.Stage.String()
}

// notNow refuses what the table does not allow.
func (r *Rules) notNow(a *Alarm, c cell) error {
	zh, en := r.name(a.Station)
	zh, en = zh+c.zh, en+": "+c.en
	if a.By.Name == "" {
		return &hydro.CommandError{ZH: zh, EN: en}
	}
	zh += fmt.Sprintf("（%s，%s", a.By.Name, r.clock(a.Since))
	en += fmt.Sprintf(" (by %s, %s", a.By.Name, r.clock(a.Since))
	if a.Status == Shelved {
		zh, en = zh+"，至 "+r.clock(a.Until), en+", until "+r.clock(a.Until)
	}
	return &hydro.CommandError{ZH: zh + "）", EN: en + ")"}
}

// overtaken refuses a command about a warning that is not the one that stands.
func (r *Rules) overtaken(a *Alarm, c *hydro.Command) error {
	zh, en := r.name(a.Station)
	nowZH, nowEN := stands(a)
	return &hydro.CommandError{
		ZH: fmt.Sprintf("%s：预警 %s 之后又有变化，现为%s，自 %s：请看过 %s 再操作", zh, c.Warning, nowZH, r.clock(a.Risen), a.Raised),
		EN: fmt.Sprintf("%s: warning %s is not the one that stands; it is now %s since %s: look at %s first", en, c.Warning, nowEN, r.clock(a.Risen), a.Raised),
	}
}

// doneText says what a person did.
func (r *Rules) doneText(t Trigger, before *Alarm, after Alarm, c *hydro.Command) (zh, en string) {
	nameZH, nameEN := r.name(before.Station)
	nowZH, nowEN := stands(before)
	switch t {
	case Acknowledge:
		zh, en = c.By.Name+"确认"+nameZH+"警报："+nowZH, c.By.Name+" acknowledged the alarm at "+nameEN+": "+nowEN
	case Shelve:
		zh = fmt.Sprintf("%s将%s警报搁置至 %s：%s", c.By.Name, nameZH, r.clock(c.Until), nowZH)
		en = fmt.Sprintf("%s shelved the alarm at %s until %s: %s", c.By.Name, nameEN, r.clock(c.Until), nowEN)
	case Unshelve:
		zh, en = c.By.Name+"取消搁置"+nameZH+"警报："+nowZH, c.By.Name+" took the alarm at "+nameEN+" off the shelf: "+nowEN
	case TakeOut:
		zh, en = c.By.Name+"停用"+nameZH+"警报："+nowZH, c.By.Name+" put the alarm at "+nameEN+" out of service: "+nowEN
	case PutBack:
		zh, en = c.By.Name+"恢复使用"+nameZH+"警报："+nowZH, c.By.Name+" returned the alarm at "+nameEN+" to service: "+nowEN
	case Raise, Escalate, RaiseCovered, Lower, Return, Expire: // nobody does these
	}
	if c.Text != "" {
		zh, en = zh+"，理由："+c.Text, en+"; reason: "+c.Text
	}
	if t == Unshelve || t == PutBack {
		zh, en = zh+"，转为"+after.Status.ZH(), en+"; it is "+statusEN[after.Status]
	}
	return zh, en
}

// endText says that the time of a shelf is over.
func (r *Rules) endText(before *Alarm, after Alarm) (zh, en string) {
	nameZH, nameEN := r.name(before.Station)
	nowZH, nowEN := stands(before)
	return fmt.Sprintf("%s警报搁置到期：%s，转为%s", nameZH, nowZH, after.Status.ZH()),
		fmt.Sprintf("the shelf of the alarm at %s is over: %s; it is %s", nameEN, nowEN, statusEN[after.Status])
}

// endedText says that a rise has ended a shelf before its time.
func (r *Rules) endedText(t Trigger, before *Alarm, after Alarm) (zh, en string) {
	nameZH, nameEN := r.name(before.Station)
	nowZH, nowEN := stands(&after)
	if t == Escalate {
		nowZH, nowEN = nowZH+"且河段上涨", nowEN+" on a rising reach"
	}
	return fmt.Sprintf("%s警报升级为%s，%s所作搁置（原至 %s）提前结束，转为%s", nameZH, nowZH, before.By.Name, r.clock(before.Until), after.Status.ZH()),
		fmt.Sprintf("the alarm at %s rose to %s: that ends the shelf by %s, which was to last until %s; it is %s", nameEN, nowEN, before.By.Name, r.clock(before.Until), statusEN[after.Status])
}

// removedText says that a station out of service has left the catalogue.
func (r *Rules) removedText(before *Alarm) (zh, en string) {
	return "测站 " + before.Station + " 已不在基础资料目录中，停用结束",
		"station " + before.Station + " is no longer in the catalogue: it is no longer out of service"
}
