package plot

import (
	"fmt"
	"math"
	"strings"
	"time"

	"freshet/internal/hydro"
	"freshet/internal/termui"
)

var colours = map[hydro.Stage]string{hydro.Blue: "#1d4ed8", hydro.Yellow: "#a87900", hydro.Orange: "#d9580d", hydro.Red: "#c81e1e"}

var stagesZH = map[hydro.Stage]string{hydro.Blue: "蓝色", hydro.Yellow: "黄色", hydro.Orange: "橙色", hydro.Red: "红色"}

var datumsZH = map[hydro.Datum]string{
	hydro.National1985: "1985国家高程基准", hydro.Huanghai1956: "1956黄海高程", hydro.PearlRiver: "珠江基面", hydro.StationDatum: "测站基面",
}

// StageLine returns the line of a stage's threshold with its caption.
func StageLine(stage hydro.Stage, v hydro.Variable, threshold float64, lang termui.Lang) Threshold {
	label := fmt.Sprintf("%s %s %s", lang.Pick(stagesZH[stage], strings.ToUpper(stage.String())), termui.Number(v, threshold), termui.Unit(v))
	return Threshold{Value: threshold, Label: label, Colour: colours[stage]}
}

// Caption returns what the axis of a variable says: a level names its datum.
func Caption(v hydro.Variable, datum hydro.Datum, lang termui.Lang) string {
	if v != hydro.WaterLevel {
		return lang.Pick("流量", "discharge") + ", " + termui.Unit(v)
	}
	name := lang.Pick(datumsZH[datum], string(datum))
	if datum == hydro.NoDatum {
		name = lang.Pick("基面未注明", "datum not stated")
	}
	return lang.Pick("水位", "water level") + ", m (" + name + ")"
}

// RainCaption says whose rain it is, over which interval, and how much in all.
func RainCaption(who string, every time.Duration, bars []Bar, lang termui.Lang) string {
	unit := fmt.Sprintf("mm/%d h", int(every/time.Hour))
	if every == time.Hour {
		unit = "mm/h"
	}
	sum := 0.0
	for _, b := range bars {
		if !math.IsNaN(b.Depth) {
			sum += b.Depth
		}
	}
	return fmt.Sprintf(lang.Pick("雨量 %s，%s，共 %s mm", "rain %s, %s, %s mm in all"), unit, who, termui.Number(hydro.Rain, sum))
}

// MeanOf names the mean of n gauges.
func MeanOf(n int, lang termui.Lang) string {
	return lang.Pick(fmt.Sprintf("%d 站算术平均", n), fmt.Sprintf("mean of %d gauges", n))
}

// ZoneName names the zone of the figures that the commands draw.
func ZoneName(lang termui.Lang) string {
	return lang.Pick("北京时间 +08:00", "Beijing time +08:00")
}
