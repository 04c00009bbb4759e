package calibrate_test

import (
	"fmt"

	"freshet/forecast/calibrate"
	"freshet/forecast/param"
	"freshet/forecast/routing"
)

// The nonlinear Muskingum model fitted to the flood of Wilson (1974), by the sum of
// squared errors, with the step of the table as the unit of time.
func ExampleMinimize() {
	in := []float64{22, 23, 35, 71, 103, 111, 109, 100, 86, 71, 59, 47, 39, 32, 28, 24, 22, 21, 20, 19, 19, 18}
	observed := []float64{22, 21, 21, 26, 34, 44, 55, 66, 75, 82, 85, 84, 80, 73, 64, 54, 44, 36, 30, 25, 22, 19}
	out := make([]float64, len(in))
	result, err := calibrate.Minimize(calibrate.Problem{
		Parameters: []calibrate.Parameter{
			{Param: param.Param{Name: "K", Lo: 1e-6, Hi: 100}, Log: true},
			{Param: param.Param{Name: "x", Lo: 0, Hi: 0.5}},
			{Param: param.Param{Name: "m", Lo: 0.5, Hi: 10}},
		},
		Objective: func(x []float64) (float64, error) {
			reach, err := routing.NewNonlinear(routing.NonlinearParameters{K: x[0], X: x[1], M: x[2], A1: 1, A2: 1}, 1)
			if err != nil {
				return 0, err
			}
			out[0] = in[0]
			if _, err := reach.Route(reach.State(in[0], in[0]), in[1:], out[1:]); err != nil {
				return 0, err
			}
			sum := 0.0
			for i, o := range observed {
				sum += (out[i] - o) * (out[i] - o)
			}
			return sum, nil
		},
	}, calibrate.Options{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("sum of squared errors %.4f with K %.4f, x %.4f, m %.4f; %s\n", result.Value, result.X[0], result.X[1], result.X[2], result.Reason)
	// Output: sum of squared errors 36.7679 with K 0.0862, x 0.2869, m 1.8681; two restarts came to the same value
}

// The first three years of four, and the rest to check what was found.
func ExampleSplit() {
	fit, check, err := calibrate.Split(1461, 0.75)
	fmt.Println(fit, check, err)
	// Output: {0 1096} {1096 1461} <nil>
}
