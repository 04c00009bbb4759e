package server

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"slices"
)

// A resume token is the base64url text, without padding, of
//
//	byte     version, 1
//	uvarint  number of basins
//	per basin, ascending by name:
//	  uvarint  length of the basin's name
//	  bytes    the name
//	  8 bytes  hash of the identity of the basin's out-log, big endian
//	  uvarint  sequence number of the last record that the reader has
//	4 bytes  CRC-32 (IEEE) of all before, big endian
//
// Clients treat it as opaque. The identity makes a token of another
// installation, or of a log that was wiped, refused instead of taken for a
// place in this one.
type token []place

// A place is where a reader stands in the out-log of one basin.
type place struct {
	basin string
	log   uint64 // hash of the log's identity
	seq   uint64
}

const tokenVersion = 1

// maxTokenBasins bounds what a forged token can make the server allocate.
const maxTokenBasins = 256

func logHash(identity string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(identity)) // a hash never fails
	return h.Sum64()
}

func (t token) encode() string {
	sorted := slices.SortedFunc(slices.Values(t), func(a, b place) int { return cmp.Compare(a.basin, b.basin) })
	b := make([]byte, 0, 16+24*len(sorted))
	b = append(b, tokenVersion)
	b = binary.AppendUvarint(b, uint64(len(sorted)))
	for _, p := range sorted {
		b = binary.AppendUvarint(b, uint64(len(p.basin)))
		b = append(b, p.basin...)
		b = binary.BigEndian.AppendUint64(b, p.log)
		b = binary.AppendUvarint(b, p.seq)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeToken returns false for everything that encode did not make.
func decodeToken(s string) (token, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < 6 || b[0] != tokenVersion {
		return nil, false
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return nil, false
	}
	rest := body[1:]
	uvarint := func() (uint64, bool) {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			return 0, false
		}
		rest = rest[n:]
		return v, true
	}
	count, ok := uvarint()
	if !ok || count > maxTokenBasins {
		return nil, false
	}
	var t token
	for range count {
		length, ok := uvarint()
		if !ok || length > uint64(len(rest)) {
			return nil, false
		}
		p := place{basin: string(rest[:length])}
		rest = rest[length:]
		if len(rest) < 8 {
			return nil, false
		}
		p.log = binary.BigEndian.Uint64(rest)
		rest = rest[8:]
		if p.seq, ok = uvarint(); !ok {
			return nil, false
		}
		t = append(t, p)
	}
	return t, len(rest) == 0
}

// find returns the place of a basin.
func (t token) find(basin string) (place, bool) {
	for _, p := range t {
		if p.basin == basin {
			return p, true
		}
	}
	return place{}, false
}
