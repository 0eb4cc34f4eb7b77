// Package secret makes, compares, hashes and seals what must not be read.
//
//	token := secret.Token()                      // 256 random bits, base64url
//	box := secret.NewBox(ring, "rp transaction") // one key for each purpose
//	cookie := box.SealText(plain, cookieName)    // bound to where it is used
//	plain, err := box.OpenText(cookie, cookieName)
//
// Sealing is AES-256-GCM with a random nonce under keys derived from the
// app's key ring; a sealed value names the key that sealed it, so that rings
// can rotate. It does not hash passwords.
package secret
