// Package proto carries the description of the REST interface that is made from
// the contract in proto/freshet/v1.
package proto

import _ "embed" // for OpenAPI

// OpenAPI is the OpenAPI 2.0 description of all calls under /v1, as JSON.
//
//go:embed freshet.swagger.json
var OpenAPI []byte
