package handlers

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/cookies"
	"github.com/oidckit/oidckit/internal/secret"
)

const (
	loginPrefix = "login-"

	transactionVersion = 1
	// silentLogin is added to the version of a silent login's record.
	silentLogin   = 0x80
	nonceBytes    = 16
	verifierBytes = 32
)

var errTransaction = errors.New("handlers: no login under way has this state")

var base64url = base64.RawURLEncoding.Strict()

// transaction is a login under way. It lives in one sealed cookie, which only
// its own state opens.
type transaction struct {
	state    string
	created  time.Time
	nonce    [nonceBytes]byte
	verifier [verifierBytes]byte
	returnTo string
	maxAge   *time.Duration
	acr      []string
	// renews is the session that a silent login (prompt=none) is for, whose tokens
	// were lost; zero for any other login.
	renews oidckit.TokenHash
}

func (tx *transaction) silent() bool { return !tx.renews.IsZero() }

// newTransaction draws state, nonce and verifier, each of 128 bits or more
// (RFC 6749 §10.10, RFC 7636 §7.1).
func newTransaction(req oidckit.LoginRequest) *transaction {
	tx := &transaction{
		state: secret.ID(), created: time.Now().Truncate(time.Second),
		returnTo: req.ReturnTo, maxAge: req.MaxAge, acr: req.ACRValues,
	}
	rand.Read(tx.nonce[:])
	rand.Read(tx.verifier[:])
	return tx
}

func (tx *transaction) nonceText() string { return base64url.EncodeToString(tx.nonce[:]) }

// codeVerifier has 43 characters (RFC 7636 §4.1).
func (tx *transaction) codeVerifier() string { return base64url.EncodeToString(tx.verifier[:]) }

// expected is what the ID token has to answer.
func (tx *transaction) expected() client.Expected {
	return client.Expected{Nonce: tx.nonceText(), Started: tx.created, MaxAge: tx.maxAge, ACRValues: tx.acr}
}

func (tx *transaction) encode() []byte {
	w := record{transactionVersion}
	if tx.silent() {
		w[0] |= silentLogin
	}
	w = append(w, tx.nonce[:]...)
	w = append(w, tx.verifier[:]...)
	w.text(tx.returnTo)
	w.int(encodeSeconds(tx.maxAge))
	w.texts(tx.acr)
	if tx.silent() {
		w.text(string(tx.renews[:]))
	}
	return w
}

func (tx *transaction) decode(b []byte) bool {
	if len(b) < 1+nonceBytes+verifierBytes || b[0]&^silentLogin != transactionVersion {
		return false
	}
	silent, b := b[0]&silentLogin != 0, b[1:]
	copy(tx.nonce[:], b)
	copy(tx.verifier[:], b[nonceBytes:])
	r := recordReader{s: string(b[nonceBytes+verifierBytes:])}
	tx.returnTo = r.text()
	tx.maxAge = decodeSeconds(r.int())
	tx.acr = r.texts()
	if silent {
		key := r.text()
		if len(key) != len(tx.renews) {
			return false
		}
		copy(tx.renews[:], key)
	}
	return r.done()
}

// encodeSeconds keeps nil apart from zero.
func encodeSeconds(d *time.Duration) int64 {
	if d == nil {
		return 0
	}
	return int64(*d/time.Second) + 1
}

func decodeSeconds(n int64) *time.Duration {
	if n <= 0 || n > int64(maxLifetime/time.Second) {
		return nil
	}
	d := time.Duration(n-1) * time.Second
	return &d
}

// sealLogin makes the cookie of a login under way.
func (rp *RelyingParty) sealLogin(tx *transaction) *http.Cookie {
	return rp.logins.Seal(cookies.Pending{State: tx.state, Created: tx.created, Content: tx.encode()})
}

// openLogin finds the login that a state belongs to.
func (rp *RelyingParty) openLogin(r *http.Request, state string) (*transaction, error) {
	p, err := rp.logins.Open(r, state)
	if err != nil {
		return nil, errTransaction
	}
	tx := &transaction{state: p.State, created: p.Created}
	if !tx.decode(p.Content) {
		return nil, errTransaction
	}
	return tx, nil
}
