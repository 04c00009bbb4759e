package mapcheck

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"freshet/ingest"
	"freshet/ingest/feed"
	"freshet/internal/catalog"
	"freshet/internal/hydro"
)

// reasonsZH are the reasons in a word.
var reasonsZH = map[string]string{
	string(feed.RowUnreadable): "整行无法读取", string(feed.ColumnMissing): "缺列", string(feed.StationMissing): "无测站编码",
	string(feed.TimeUnreadable): "时间无法识别", string(feed.NotANumber): "不是数字", string(feed.IntervalUnreadable): "时段长无法识别",
	string(feed.SensorUnreadable): "无闸门编号", string(feed.DayBoundary): "日分界不符", string(feed.QualityRefused): "质量码不收",
	hydro.UnknownStation.String(): "未知测站", hydro.WrongDepartment.String(): "他部门测站", hydro.UnknownVariable.String(): "未声明的要素",
	hydro.MissingValue.String(): "无值", hydro.NotFinite.String(): "不是有限数", hydro.TimeMissing.String(): "无时间",
	hydro.TimeInFuture.String(): "时间在未来", hydro.TimeTooOld.String(): "时间过旧", hydro.UnitUnknown.String(): "单位不明",
	hydro.ZoneUnknown.String(): "时区不明", hydro.DatumMissing.String(): "无基面", hydro.DatumMismatch.String(): "基面不符",
	hydro.IntervalInvalid.String(): "时段长不可用", hydro.ValueImpossible.String(): "不可能的值",
	hydro.NotAllowed.String(): "无权写该站",
}

// ReasonZH returns a reason in a word of Chinese.
func ReasonZH(reason string) string { return cmp.Or(reasonsZH[reason], reason) }

// problemZH says in Chinese what feed says in English.
func problemZH(p *feed.Problem) string {
	at := ""
	if p.Field != "" {
		at = fmt.Sprintf("列 %s 的 %q：", p.Field, p.Written)
	}
	switch p.Reason {
	case feed.RowUnreadable:
		return "整行无法读取：列数与表头不符、引号未闭合，或不是一个 JSON 对象"
	case feed.ColumnMissing:
		return fmt.Sprintf("没有列 %q", p.Field)
	case feed.StationMissing:
		return at + "没有测站编码（或过长、不是 UTF-8；若为 GBK，请在映射中写 encoding: gb18030）"
	case feed.TimeUnreadable:
		return at + "时间不符合映射中的 layout，或该时区没有这一时刻"
	case feed.NotANumber:
		return at + "既不是数字，也不在 missing 之列；若逗号为小数点，请写 decimal: \",\""
	case feed.MissingValue:
		return at + "是表示“无值”的代码，没有读数"
	case feed.IntervalUnreadable:
		return at + "时段长无法识别，请核对 interval_from 的 notation（SL 323 的 0.05 是 5 分钟）"
	case feed.SensorUnreadable:
		return at + "没有闸门（或传感器）编号，不知道是哪一个"
	case feed.DayBoundary:
		return at + "日量所在行的时刻不是映射所写的日分界；日量不能移到另一种日里"
	case feed.QualityRefused:
		return at + "本部门的质量码不在映射的 take 之列"
	default:
		return at + string(p.Reason)
	}
}

// refusalZH says in Chinese what the normalizer says in English.
func refusalZH(reason hydro.RefusalReason, raw *hydro.Raw, s *catalog.Station, now time.Time) string {
	switch reason {
	case hydro.UnknownStation:
		return fmt.Sprintf("目录中没有本部门的测站 %q：请加入目录或更正编码", raw.Station)
	case hydro.WrongDepartment:
		return fmt.Sprintf("测站 %q 属于另一部门", raw.Station)
	case hydro.UnknownVariable:
		return fmt.Sprintf("目录中测站 %q 没有这一要素：请在目录中声明，或更正映射", raw.Station)
	case hydro.MissingValue:
		return fmt.Sprintf("%g 是表示“无值”的代码，没有读数；无须处理", raw.Value)
	case hydro.NotFinite:
		return "不是有限的数"
	case hydro.TimeMissing:
		return "没有观测时间"
	case hydro.TimeInFuture:
		return fmt.Sprintf("观测时间在现在之后 %s：请核对时区（UTC 还是北京时间）与测站时钟", span(raw.At.Sub(now)))
	case hydro.TimeTooOld:
		return fmt.Sprintf("观测时间在现在之前 %s，超过实时接收的期限；旧样本可加 --now", span(now.Sub(raw.At)))
	case hydro.UnitUnknown:
		return "单位未写明或不适用"
	case hydro.ZoneUnknown:
		return "时区未写明"
	case hydro.DatumMissing:
		return "水位没有写明基面"
	case hydro.DatumMismatch:
		own := "未声明"
		if s != nil && s.Datum.Name != "" {
			own = string(s.Datum.Name)
		}
		return fmt.Sprintf("水位基面写为 %s，测站基面为 %s，目录中没有实测的换算值：请核对基面", raw.Datum, own)
	case hydro.IntervalInvalid:
		if raw.Interval > ingest.DayTotal && raw.Interval <= ingest.MaxRainInterval {
			return "是日雨量，而目录中该站按更短的时段上报：日量会占去最后一个时段的雨量，请从映射中去掉"
		}
		return fmt.Sprintf("时段长 %s 不可用，应为 1 分钟至 24 小时", raw.Interval)
	case hydro.ValueImpossible:
		return fmt.Sprintf("%g 超出物理可能：请核对单位", raw.Value)
	case hydro.NotAllowed:
		return "该网关无权写该站"
	default:
		return reason.String()
	}
}

func span(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%.0f 天", math.Floor(d.Hours()/24))
	}
	return fmt.Sprintf("%d 小时 %d 分", int(d.Hours()), int(d.Minutes())%60)
}
