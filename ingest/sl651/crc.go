package sl651

// crcTable holds the remainders of the polynomial x¹⁶+x¹⁵+x²+1, reflected.
var crcTable = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xA001
			} else {
				c >>= 1
			}
		}
		t[i] = c
	}
	return t
}()

// CRC returns the check of a frame's bytes before it: CRC-16/MODBUS. A frame
// carries it high byte first, where Modbus sends the low byte first.
func CRC(data []byte) uint16 {
	c := uint16(0xFFFF)
	for _, b := range data {
		c = c>>8 ^ crcTable[byte(c)^b]
	}
	return c
}
