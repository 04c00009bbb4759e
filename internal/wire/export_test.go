package wire

import "freshet/internal/hydro"

// DecodeInputGenerated is DecodeInput by the generated code alone.
func DecodeInputGenerated(data []byte) (hydro.Input, error) { return decodeInput(data) }

// ReadInput reports whether the data is read without the generated code.
func ReadInput(data []byte) bool { _, ok := readInput(data); return ok }

// DecodeOutputGenerated is DecodeOutput by the generated code alone.
func DecodeOutputGenerated(data []byte) (inputSeq uint64, index int, out hydro.Output, err error) {
	return decodeOutputGenerated(data)
}

// ReadOutput reports whether the data is read without the generated code.
func ReadOutput(data []byte) bool { _, _, _, ok := readOutput(data); return ok }
