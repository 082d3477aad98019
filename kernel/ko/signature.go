package ko

import (
	"bytes"
	"encoding/binary"
)

// signatureMagic ends a signed module (include/linux/module_signature.h, scripts/sign-file.c).
const signatureMagic = "~Module signature appended~\n"

// cutSignature takes a signature off the end of a module file and reports whether a whole one was
// there. The bench trusts any well-formed signature: it has no keys.
//
//	body · signer · key id · signature · struct module_signature (12 bytes,
//	length big-endian) · magic
func cutSignature(file []byte) (body []byte, signed bool) {
	rest, ok := bytes.CutSuffix(file, []byte(signatureMagic))
	if !ok || len(rest) < 12 {
		return file, false
	}
	h := rest[len(rest)-12:]
	rest = rest[:len(rest)-12]
	n := uint64(binary.BigEndian.Uint32(h[8:])) + uint64(h[3]) + uint64(h[4])
	const pkcs7 = 2
	if h[2] != pkcs7 || n == 0 || n > uint64(len(rest)) {
		return file, false
	}
	return rest[:uint64(len(rest))-n], true
}
