package hydro

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// refusalPhrasesZH are the refusals of readings as ingest writes them, in Chinese:
// ${1} and on are what stood in the brackets, #{1} and on the same in Chinese.
var refusalPhrasesZH = func() []refusalPhrase {
	out := make([]refusalPhrase, 0, 32)
	for _, p := range [][2]string{
		{`No station has the id or (\S+) code "(.*)"; as a code of the (\S+) department it names station (\S+)\. .*`, "没有测站的站码或#{1}部门编码为“${2}”；在#{3}部门它是测站 ${4}。请更正编码，或由该部门的通道报送。"},
		{`No station has the id or (\S+) code "(.*)"\. .*`, "没有测站的站码或#{1}部门编码为“${2}”。请加入基础资料，或更正编码。"},
		{`This gateway may not write station "(.*)"\. .*`, "该网关无权报送测站“${1}”。请在其令牌或证书中加入该站，或更正映射。"},
		{`Station (\S+) belongs to the (\S+) department, not to (\S+)\. .*`, "测站 ${1} 属#{2}部门，不属#{3}部门。请由#{2}部门的通道报送。"},
		{`Station (\S+): (.+) follows from its rain counter; .*`, "测站 ${1}：#{2}由其累计雨量算出，另行报送会与之冲突。请只报累计雨量，或从基础资料中去掉 rain_counter。"},
		{`Station (\S+) declares no (.+) in the catalogue\. .*`, "测站 ${1} 在基础资料中未声明#{2}。请声明该要素，或更正映射。"},
		{`Station (\S+): (.+) (\S+) is a code for "no value", .*`, "测站 ${1}：#{2} ${3} 是表示“无值”的代码，没有读数。无须处理。"},
		{`Station (\S+): (.+) is (\S+), not a finite number\. .*`, "测站 ${1}：#{2}为 ${3}，不是有限的数。请修正解码程序。"},
		{`Station (\S+): "(.*)" in zone "(.*)" is not a local time that exists there, .*`, "测站 ${1}：时区“${3}”中没有“${2}”这一时刻，或格式不符。请修正解码程序。"},
		{`Station (\S+): (.+) has no observation time\. .*`, "测站 ${1}：#{2}没有观测时间。请写明时刻，或当地时间及其时区。"},
		{`Station (\S+): (.+) at (\S+) is (\S+) ahead of the server's clock, at most (\S+) is taken\. .*`, "测站 ${1}：#{2}的观测时间 #{3} 比服务器时钟快 #{4}，最多接受快 #{5}。请校正测站时钟或时区。"},
		{`Station (\S+): (.+) at (\S+) is older than the (\S+) taken live\. .*`, "测站 ${1}：#{2}的观测时间 #{3} 早于实时接收的期限 #{4}。请按历史资料导入。"},
		{`Station (\S+): the unit of (.+) (\S+) is not stated, or is not one of .*`, "测站 ${1}：#{2} ${3} 的单位未写明，或不适用于该要素。请写明单位。"},
		{`Station (\S+): the local time "(.*)" has no zone\. .*`, "测站 ${1}：当地时间“${2}”没有时区。请写明时区，如 Asia/Shanghai 或 +08:00。"},
		{`Station (\S+): "(.*)" is not a zone\. .*`, "测站 ${1}：“${2}”不是时区。请写明时区，如 Asia/Shanghai 或 +08:00。"},
		{`Station (\S+): the level (\S+) m has no datum\. State the datum; the station's own is (.+)\.`, "测站 ${1}：水位 ${2} 米没有写明基面。请写明基面；该站自身基面为 #{3}。"},
		{`Station (\S+): the level (\S+) m is on datum "(.*)", the station's datum is (.+), and its offset to NATIONAL_1985 is only assumed\. .*`, "测站 ${1}：水位 ${2} 米的基面为 ${3}，该站基面为 #{4}，两者的换算值只是假定。请按该站基面报送，或在基础资料中声明实测换算值。"},
		{`Station (\S+): the level (\S+) m is on datum "(.*)", the station's datum is (.+), and the catalogue declares no offset between the two\. .*`, "测站 ${1}：水位 ${2} 米的基面为 ${3}，该站基面为 #{4}，基础资料中没有两者的换算值。请按该站基面报送，或在基础资料中声明实测换算值。"},
		{`Station (\S+): (.+) (\S+) over (\S+) is the total of a day, .*`, "测站 ${1}：#{2} ${3}（#{4}）是日雨量，而基础资料中该站按更短的时段报送：日量会占去最后一个时段的雨量。请从映射中去掉日量。"},
		{`Station (\S+): (.+) (\S+) over an interval of (\S+)\. State an interval of .*`, "测站 ${1}：#{2} ${3} 的时段长为 #{4}，应为 1 分钟至 24 小时。"},
		{`Station (\S+): (.+) (\S+) is impossible; possible are (\S+) to (\S+) .*`, "测站 ${1}：#{2} ${3} 不可能出现，可能范围为 ${4} 至 ${5}。请核对单位，或修正解码程序。"},
	} {
		out = append(out, refusalPhrase{regexp.MustCompile("^" + p[0] + "$"), p[1]})
	}
	return out
}()

// refusalPlace is where a phrase takes what stood in a bracket.
var refusalPlace = regexp.MustCompile(`[$#]\{\d\}`)

type refusalPhrase struct {
	en *regexp.Regexp
	zh string
}

// RefusalZH writes why a reading was refused in Chinese. Detail is what ingest says
// of it in English; what is not known, or has been cut short, is told by its reason
// alone.
func RefusalZH(reason RefusalReason, detail string) string {
	for _, p := range refusalPhrasesZH {
		m := p.en.FindStringSubmatch(detail)
		if m == nil {
			continue
		}
		return refusalPlace.ReplaceAllStringFunc(p.zh, func(place string) string {
			n, _ := strconv.Atoi(place[2 : len(place)-1]) // at most 5
			if place[0] == '#' {
				return refusalWordZH(m[n])
			}
			return m[n]
		})
	}
	return reason.ZH()
}

var departmentsZH = [...]string{"（未注明）", "气象", "水文", "水利"}

// sensorOf is how ingest names a variable of a sensor.
const sensorOf = " of sensor "

// refusalWordZH writes the name of a quantity or a department, a time or a duration
// in Chinese, and leaves all else.
func refusalWordZH(word string) string {
	name, sensor, _ := strings.Cut(word, sensorOf)
	if v, err := ParseVariable(name); err == nil {
		if sensor != "" {
			return v.ZH() + "（传感器 " + sensor + "）"
		}
		return v.ZH()
	}
	if d, err := ParseDepartment(word); err == nil && int(d) < len(departmentsZH) {
		return departmentsZH[d]
	}
	if t, err := time.Parse(time.RFC3339, word); err == nil {
		return beijingTime(t, word)
	}
	if d, err := time.ParseDuration(word); err == nil && word != "0" {
		return spanZH(d)
	}
	if word == "not declared" {
		return "未声明"
	}
	return word
}

// spanZH writes a duration for people, to the minute from an hour on.
func spanZH(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return strconv.Itoa(int(d/(24*time.Hour))) + " 天"
	case d >= time.Hour && d%time.Hour < time.Minute:
		return strconv.Itoa(int(d/time.Hour)) + " 小时"
	case d >= time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " 小时 " + strconv.Itoa(int(d%time.Hour/time.Minute)) + " 分"
	case d >= time.Minute && d%time.Minute < time.Second:
		return strconv.Itoa(int(d/time.Minute)) + " 分钟"
	case d >= time.Minute:
		return strconv.Itoa(int(d/time.Minute)) + " 分 " + strconv.Itoa(int(d%time.Minute/time.Second)) + " 秒"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " 秒"
}
