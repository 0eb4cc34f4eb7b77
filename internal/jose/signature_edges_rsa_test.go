package jose

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" // a digest that no algorithm here has
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"slices"
	"testing"
)

// rawRSA applies the private key to an encoded message of the modulus' length.
func rawRSA(key *rsa.PrivateKey, encoded []byte) []byte {
	c := new(big.Int).Exp(new(big.Int).SetBytes(encoded), key.D, key.N)
	return c.FillBytes(make([]byte, key.Size()))
}

// digestInfo is the DER of RFC 8017 §9.2, made by encoding/asn1.
func digestInfo(t *testing.T, oid asn1.ObjectIdentifier, parameters asn1.RawValue, digest []byte) []byte {
	t.Helper()
	type algorithmIdentifier struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	der, err := asn1.Marshal(struct {
		DigestAlgorithm algorithmIdentifier
		Digest          []byte
	}{algorithmIdentifier{oid, parameters}, digest})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

var (
	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidSHA1   = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
)

// lengths are the signature that any RSA algorithm takes in one form only.
func lengths(key *rsa.PublicKey, sig []byte) []edge {
	s, size := new(big.Int).SetBytes(sig), key.Size()
	long := func(n *big.Int) []byte { return n.FillBytes(make([]byte, size+1)) }
	one := big.NewInt(1)
	edges := []edge{
		{"as it was made", sig, true},
		{"a zero before", append([]byte{0}, sig...), false},
		{"a zero after", append(bytes.Clone(sig), 0), false},
		{"without its first byte", sig[1:], false},
		{"without its last byte", sig[:size-1], false},
		{"twice", append(bytes.Clone(sig), sig...), false},
		{"plus the modulus, one byte longer", long(shifted(s, 1, key.N)), false},
		{"minus, modulo the modulus", shifted(key.N, -1, s).FillBytes(make([]byte, size)), false},
		{"0", make([]byte, size), false},
		{"1", one.FillBytes(make([]byte, size)), false},
		{"n-1", shifted(key.N, -1, one).FillBytes(make([]byte, size)), false},
		{"n", key.N.FillBytes(make([]byte, size)), false},
		{"all ones", bytes.Repeat([]byte{0xff}, size), false},
		{"one byte", []byte{1}, false},
	}
	if sum := shifted(s, 1, key.N); sum.BitLen() <= 8*size {
		edges = append(edges, edge{"plus the modulus", sum.FillBytes(make([]byte, size)), false})
	}
	return edges
}

func TestSignatureEdgesPKCS1(t *testing.T) {
	for alg, oid := range map[string]asn1.ObjectIdentifier{"RS256": oidSHA256, "RS384": oidSHA384, "RS512": oidSHA512} {
		input, sig, signer := signedText(t, alg)
		key, hash := signer.(*rsa.PrivateKey), lookup(alg).hash
		digest := digestOf(hash, input)
		null := asn1.NullRawValue
		info := digestInfo(t, oid, null, digest)
		// made returns the signature over 00 type FF… 00 info rest, with as much
		// filling as fits or, where that is given, as many bytes of it.
		made := func(kind, fill byte, filling int, info []byte, rest byte) []byte {
			room := key.Size() - 3 - len(info)
			if filling < 0 {
				filling = room
			}
			em := slices.Concat([]byte{0, kind}, bytes.Repeat([]byte{fill}, filling), []byte{0}, info, bytes.Repeat([]byte{rest}, room-filling))
			return rawRSA(key, em)
		}
		of := func(info []byte) []byte { return made(1, 0xff, -1, info, 0) }
		wrongByte := bytes.Clone(info)
		wrongByte[len(wrongByte)-1] ^= 1
		longLength := slices.Concat([]byte{0x30, 0x81}, info[1:])
		other := oidSHA256
		if alg == "RS256" {
			other = oidSHA512
		}
		holed := slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 20), []byte{0xfe}, bytes.Repeat([]byte{0xff}, key.Size()-24-len(info)), []byte{0}, info)
		early := slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 20), []byte{0}, bytes.Repeat([]byte{0xff}, key.Size()-24-len(info)), []byte{0}, info)
		edges := append(lengths(&key.PublicKey, sig), []edge{
			{"made here", of(info), true},
			{"RFC 8017 §9.2 8 bytes of filling, zeros after the digest", made(1, 0xff, 8, info, 0), false},
			{"8 bytes of filling, others after the digest", made(1, 0xff, 8, info, 0xa5), false},
			{"one byte of filling less, one after the digest", made(1, 0xff, key.Size()-4-len(info), info, 0), false},
			{"no filling", made(1, 0xff, 0, info, 0), false},
			{"filled with zeros", made(1, 0, -1, info, 0), false},
			{"filled with FE", made(1, 0xfe, -1, info, 0), false},
			{"another byte in the filling", rawRSA(key, holed), false},
			{"a zero in the filling", rawRSA(key, early), false},
			{"type 0", made(0, 0, -1, info, 0), false},
			{"type 2", made(2, 0xff, -1, info, 0), false},
			{"the digest alone", of(digest), false},
			{"RFC 8017 §9.2 no parameters", of(digestInfo(t, oid, asn1.RawValue{}, digest)), false},
			{"other parameters", of(digestInfo(t, oid, asn1.RawValue{Tag: asn1.TagOctetString, Bytes: []byte("x")}, digest)), false},
			{"the prefix of another hash", of(digestInfo(t, other, null, digest)), false},
			{"SHA-1 under the prefix of SHA-1", of(digestInfo(t, oidSHA1, null, digestOf(crypto.SHA1, input))), false},
			{"SHA-1 under the right prefix", of(digestInfo(t, oid, null, digestOf(crypto.SHA1, input))), false},
			{"a digest cut short", of(digestInfo(t, oid, null, digest[:len(digest)-1])), false},
			{"a digest too long", of(digestInfo(t, oid, null, append(bytes.Clone(digest), 0))), false},
			{"another digest", of(wrongByte), false},
			{"a length in long form", of(longLength), false},
			{"bytes after the digest within", of(append(bytes.Clone(info), 0, 0)), false},
			{"a PSS signature", rawRSA(key, encodePSS(key, hash, hash.New().Size(), digest, pssWish{})), false},
		}...)
		runEdges(t, alg, input, &key.PublicKey, edges)
		runEdges(t, alg, input+"A", &key.PublicKey, []edge{{"of another text", sig, false}})
	}
}

// pssWish is what is to be wrong about an encoding.
type pssWish struct {
	trailer, separator, filling, top byte
	mgf                              crypto.Hash
	flip                             bool
}

// encodePSS is EMSA-PSS of RFC 8017 §9.1.1, with a salt of fives.
func encodePSS(key *rsa.PrivateKey, hash crypto.Hash, saltLen int, digest []byte, wish pssWish) []byte {
	bits := key.N.BitLen() - 1
	size, hLen := (bits+7)/8, hash.Size()
	salt := bytes.Repeat([]byte{5}, saltLen)
	h := digestOf(hash, string(slices.Concat(make([]byte, 8), digest, salt)))
	if wish.flip {
		h[0] ^= 1
	}
	db := make([]byte, size-hLen-1)
	db[len(db)-saltLen-1] = 1 ^ wish.separator
	copy(db[len(db)-saltLen:], salt)
	if wish.filling != 0 {
		db[1] = wish.filling
	}
	mgf := wish.mgf
	if mgf == 0 {
		mgf = hash
	}
	for i, mask := 0, []byte(nil); len(mask) < len(db); i++ {
		mask = append(mask, digestOf(mgf, string(binary.BigEndian.AppendUint32(bytes.Clone(h), uint32(i))))...)
		for at := i * mgf.Size(); at < min(len(mask), len(db)); at++ {
			db[at] ^= mask[at]
		}
	}
	db[0] &= 0xff >> (8*size - bits)
	db[0] |= wish.top
	return slices.Concat(db, h, []byte{0xbc ^ wish.trailer})
}

func TestSignatureEdgesPSS(t *testing.T) {
	for _, alg := range []string{"PS256", "PS384", "PS512"} {
		input, sig, signer := signedText(t, alg)
		key, hash := signer.(*rsa.PrivateKey), lookup(alg).hash
		digest, size := digestOf(hash, input), lookup(alg).hash.Size()
		of := func(salt int, wish pssWish) []byte { return rawRSA(key, encodePSS(key, hash, salt, digest, wish)) }
		mgf := crypto.SHA1
		otherMGF := crypto.SHA512
		if alg == "PS512" {
			otherMGF = crypto.SHA256
		}
		edges := append(lengths(&key.PublicKey, sig), []edge{
			{"made here", of(size, pssWish{}), true},
			{"RFC 7518 §3.5 no salt", of(0, pssWish{}), false},
			{"a salt of 20 bytes", of(20, pssWish{}), false},
			{"a salt one byte short", of(size-1, pssWish{}), false},
			{"a salt one byte long", of(size+1, pssWish{}), false},
			{"the longest salt", of((key.N.BitLen()-1+7)/8-size-2, pssWish{}), false},
			{"RFC 8017 §9.1.2 trailer CC", of(size, pssWish{trailer: 0xbc ^ 0xcc}), false},
			{"trailer 00", of(size, pssWish{trailer: 0xbc}), false},
			{"separator 00", of(size, pssWish{separator: 1}), false},
			{"separator 02", of(size, pssWish{separator: 3}), false},
			{"a byte in the filling", of(size, pssWish{filling: 1}), false},
			{"the top bit", of(size, pssWish{top: 0x80}), false},
			{"a mask by SHA-1", of(size, pssWish{mgf: mgf}), false},
			{"a mask by another hash", of(size, pssWish{mgf: otherMGF}), false},
			{"another hash within", of(size, pssWish{flip: true}), false},
			{"the digest of SHA-1", rawRSA(key, encodePSS(key, crypto.SHA1, 20, digestOf(crypto.SHA1, input), pssWish{})), false},
			{"the digest of a digest", rawRSA(key, encodePSS(key, hash, size, digestOf(hash, string(digest)), pssWish{})), false},
		}...)
		runEdges(t, alg, input, &key.PublicKey, edges)
		runEdges(t, alg, input+"A", &key.PublicKey, []edge{{"of another text", sig, false}})
	}
}
