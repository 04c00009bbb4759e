package param_test

import (
	"fmt"

	"freshet/forecast/param"
)

func ExampleParam_Check() {
	p := param.Param{Name: "WM", Unit: "mm", Lo: 0, Hi: 1000, Above: true}
	fmt.Println(p.Check(120))
	fmt.Println(p.Check(0))
	// Output:
	// <nil>
	// WM = 0 mm: want > 0 to 1000
}
