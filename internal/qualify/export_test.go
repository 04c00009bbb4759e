package qualify

// ParseGSDR is the decoder of one file, for fuzzing.
var ParseGSDR = parseGSDR
