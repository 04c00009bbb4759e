// Package briefing tells what changed between two situations, and names a situation
// by a hash.
//
// It is pure: no clock, no I/O. It works on the messages of the contract, because a
// briefing's numbers are those of the interface and of nothing else.
package briefing

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/proto"

	freshetv1 "freshet/proto/freshet/v1"
)

// Hash returns the SHA-256 of the situation's deterministic bytes, in hex digits.
func Hash(s *freshetv1.Situation) (string, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("hash of the situation of %s: %w", s.GetBasin(), err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
