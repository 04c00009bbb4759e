package routing_test

import "strings"

func second[T any](_ T, err error) error { return err }

func contains(err error, s string) bool { return strings.Contains(err.Error(), s) }
