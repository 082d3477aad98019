package kmod

import (
	"bytes"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"strings"
)

const signatureMagic = "~Module signature appended~\n"

// Signature is what a signed module says of its signature ([modsig]). Nothing is verified.
type Signature struct {
	ID     string // "PKCS#7", "X509", "PGP"
	Signer string
	Key    []byte // the certificate's serial number, or the key's identifier
	Hash   string // "sha256"
	Data   []byte
}

// ParseSignature finds the signature that sign-file appended to a module, false if there is none.
//
//	module, [signer, key identifier,] signature, struct module_signature (12 bytes), magic text
func ParseSignature(image []byte) (Signature, bool) {
	const infoSize = 12
	image, ok := bytes.CutSuffix(image, []byte(signatureMagic))
	if !ok || len(image) < infoSize {
		return Signature{}, false
	}
	info := image[len(image)-infoSize:]
	image = image[:len(image)-infoSize]
	algo, hash, id, signerLen, keyLen := info[0], info[1], info[2], int(info[3]), int(info[4])
	hashes := [...]string{"md4", "md5", "sha1", "rmd160", "sha256", "sha384", "sha512", "sha224", "sm3"}
	ids := [...]string{"PGP", "X509", "PKCS#7"}
	sigLen := uint64(binary.BigEndian.Uint32(info[8:]))
	if algo > 1 || int(hash) >= len(hashes) || int(id) >= len(ids) ||
		sigLen == 0 || uint64(signerLen+keyLen)+sigLen > uint64(len(image)) {
		return Signature{}, false
	}
	sig := image[len(image)-int(sigLen):]
	if ids[id] == "PKCS#7" {
		return parsePKCS7(sig)
	}
	image = image[:len(image)-int(sigLen)]
	key := image[len(image)-keyLen:]
	image = image[:len(image)-keyLen]
	signer, _, _ := strings.Cut(string(image[len(image)-signerLen:]), "\x00")
	return Signature{ID: ids[id], Signer: signer, Key: key, Hash: hashes[hash], Data: sig}, true
}

// withoutSignature is the module before its signature, if it has one.
func withoutSignature(image []byte) []byte {
	rest, ok := bytes.CutSuffix(image, []byte(signatureMagic))
	if !ok || len(rest) < 12 {
		return image
	}
	info := rest[len(rest)-12:]
	n := 12 + uint64(info[3]) + uint64(info[4]) + uint64(binary.BigEndian.Uint32(info[8:]))
	if n > uint64(len(rest)) {
		return image
	}
	return rest[:uint64(len(rest))-n]
}

// The parts of a [CMS] SignedData that are of interest.
type (
	contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,optional,tag:0"`
	}
	signedData struct {
		Version int
		Digests asn1.RawValue
		Content contentInfo
		Certs   asn1.RawValue `asn1:"optional,tag:0"`
		CRLs    asn1.RawValue `asn1:"optional,tag:1"`
		Signers []signerInfo  `asn1:"set"`
	}
	signerInfo struct {
		Version   int
		Issuer    issuerAndSerial
		Digest    algorithm
		Attrs     asn1.RawValue `asn1:"optional,tag:0"`
		Algorithm algorithm
		Signature []byte
		Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
	}
	issuerAndSerial struct {
		Name   []relativeNameSET
		Serial *big.Int
	}
	algorithm struct {
		OID    asn1.ObjectIdentifier
		Params asn1.RawValue `asn1:"optional"`
	}
	attribute struct {
		OID   asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	// relativeNameSET is a SET to encoding/asn1 because of its name.
	relativeNameSET []attribute
)

func parsePKCS7(der []byte) (Signature, bool) {
	var ci contentInfo
	if _, err := asn1.Unmarshal(der, &ci); err != nil {
		return Signature{}, false
	}
	var sd signedData
	if _, err := asn1.Unmarshal(ci.Content.Bytes, &sd); err != nil || len(sd.Signers) == 0 {
		return Signature{}, false
	}
	si := sd.Signers[0]
	s := Signature{ID: "PKCS#7", Hash: digestName(si.Digest.OID), Data: si.Signature}
	if si.Issuer.Serial != nil {
		s.Key = si.Issuer.Serial.Bytes()
	}
	commonName := asn1.ObjectIdentifier{2, 5, 4, 3}
naming:
	for _, set := range si.Issuer.Name { // the common name, else the last part
		for _, a := range set {
			s.Signer, _, _ = strings.Cut(string(a.Value.Bytes), "\x00")
			if a.OID.Equal(commonName) {
				break naming
			}
		}
	}
	return s, s.Hash != ""
}

func digestName(oid asn1.ObjectIdentifier) string {
	switch oid.String() {
	case "1.2.840.113549.2.4":
		return "md4"
	case "1.2.840.113549.2.5":
		return "md5"
	case "1.3.14.3.2.26":
		return "sha1"
	case "1.3.36.3.2.1":
		return "rmd160"
	case "2.16.840.1.101.3.4.2.1":
		return "sha256"
	case "2.16.840.1.101.3.4.2.2":
		return "sha384"
	case "2.16.840.1.101.3.4.2.3":
		return "sha512"
	case "2.16.840.1.101.3.4.2.4":
		return "sha224"
	case "1.2.156.10197.1.401":
		return "sm3"
	}
	return ""
}

// Fields are the lines that modinfo adds for a signed module.
func (s Signature) Fields() []Field {
	return []Field{
		{"sig_id", s.ID},
		{"signer", s.Signer},
		{"sig_key", colonHex(s.Key)},
		{"sig_hashalgo", s.Hash},
		{"signature", colonHex(s.Data)},
	}
}

// colonHex prints bytes as "01:AB:...", 20 on a line, the following lines indented.
func colonHex(p []byte) string {
	var b strings.Builder
	for i, c := range p {
		b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{c})))
		if i < len(p)-1 {
			b.WriteByte(':')
			if (i+1)%20 == 0 {
				b.WriteString("\n\t\t")
			}
		}
	}
	return b.String()
}
