package storetest

import (
	"fmt"
	"reflect"
	"time"
)

// fill sets every field that v points to, however deep, to a value of its own,
// so that a field which a store forgets shows, also one that is added to hydro
// long after the store was written. Seed makes two filled values differ.
func fill(v any, seed int) {
	n := seed * 1000
	fillValue(reflect.ValueOf(v).Elem(), &n)
}

func fillValue(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(noon.Add(time.Duration(*n) * time.Second)))
			return
		}
		for _, field := range v.Fields() {
			fillValue(field, n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			fillValue(v.Index(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fillValue(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text-%05d", *n))
	case reflect.Float64:
		v.SetFloat(float64(*n) / 7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(uint64(*n%5 + 1)) // within every enumeration
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n) * 1e6)
	default:
		panic(fmt.Sprintf("storetest: cannot fill a %s", v.Type()))
	}
}
