// Command samebook compares two workbooks cell by cell: that of a briefing pack, and
// the same one read and written again by another program, such as LibreOffice.
// docs/models/briefing-pack.md says how.
package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"

	"github.com/xuri/excelize/v2"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: samebook ONE.xlsx OTHER.xlsx")
		os.Exit(2)
	}
	numbers, words, err := compare(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stdout, "equal: %d numbers, %d texts\n", numbers, words)
}

// compare counts the cells that are equal, and names all that are not.
func compare(one, other string) (numbers, words int, err error) {
	a, err := excelize.OpenFile(one)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", one, err)
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	b, err := excelize.OpenFile(other)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", other, err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if x, y := a.GetSheetList(), b.GetSheetList(); !slices.Equal(x, y) {
		return 0, 0, fmt.Errorf("sheets %q and %q", x, y)
	}
	var wrong []error
	for _, sheet := range a.GetSheetList() {
		x, err := a.GetRows(sheet, excelize.Options{RawCellValue: true})
		if err != nil {
			return numbers, words, fmt.Errorf("%s: %s: %w", one, sheet, err)
		}
		y, err := b.GetRows(sheet, excelize.Options{RawCellValue: true})
		if err != nil {
			return numbers, words, fmt.Errorf("%s: %s: %w", other, sheet, err)
		}
		for r := range max(len(x), len(y)) {
			for c := range max(len(row(x, r)), len(row(y, r))) {
				at, err := excelize.CoordinatesToCellName(c+1, r+1)
				if err != nil {
					return numbers, words, err
				}
				p, q := cell(row(x, r), c), cell(row(y, r), c)
				isNumber := number(a, sheet, at)
				switch {
				case isNumber != number(b, sheet, at):
					wrong = append(wrong, fmt.Errorf("%s!%s: %q is a number in one, and %q is none in the other", sheet, at, p, q))
				case !same(p, q, isNumber):
					wrong = append(wrong, fmt.Errorf("%s!%s: %q and %q", sheet, at, p, q))
				case isNumber && p != "":
					numbers++
				case p != "":
					words++
				}
			}
		}
	}
	return numbers, words, errors.Join(wrong...)
}

func row(rows [][]string, r int) []string {
	if r < len(rows) {
		return rows[r]
	}
	return nil
}

func cell(row []string, c int) string {
	if c < len(row) {
		return row[c]
	}
	return ""
}

func number(f *excelize.File, sheet, at string) bool {
	kind, err := f.GetCellType(sheet, at)
	return err == nil && (kind == excelize.CellTypeUnset || kind == excelize.CellTypeNumber)
}

// same lets a number differ in the sixteenth digit, and a time by a millisecond of a
// workbook's day.
func same(p, q string, isNumber bool) bool {
	if p == q || !isNumber {
		return p == q
	}
	x, err1 := strconv.ParseFloat(p, 64)
	y, err2 := strconv.ParseFloat(q, 64)
	return err1 == nil && err2 == nil && math.Abs(x-y) <= max(1e-8, 1e-14*math.Abs(x))
}
