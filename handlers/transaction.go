package handlers

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/secret"
)

const (
	loginPrefix   = "login-"
	loginLifetime = 10 * time.Minute
	// At most this many logins are under way in one browser, and their cookies
	// leave room in the 4 KB of headers that servers are sure to take.
	maxLogins     = 20
	maxLoginBytes = 3800

	transactionVersion = 1
	// silentLogin is added to the version of a silent login's record.
	silentLogin   = 0x80
	nonceBytes    = 16
	verifierBytes = 32
	stampBytes    = 4
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

func (rp *RelyingParty) loginCookieName(state string) string {
	return rp.site.cookieName(loginPrefix + nameHash(8, rp.id, state))
}

// loginPlace binds a sealed login to this registration, its state and its
// time.
func (rp *RelyingParty) loginPlace(state string, stamp []byte) []byte {
	return slices.Concat([]byte(rp.id), []byte(state), stamp)
}

// sealLogin makes the cookie: the time in clear, so that the oldest can be
// found, then what is sealed.
func (rp *RelyingParty) sealLogin(tx *transaction) *http.Cookie {
	stamp := binary.BigEndian.AppendUint32(make([]byte, 0, stampBytes), uint32(tx.created.Unix()))
	value := append(stamp, rp.logins.Seal(tx.encode(), rp.loginPlace(tx.state, stamp))...)
	return rp.loginCookie(rp.loginCookieName(tx.state), base64url.EncodeToString(value), int(loginLifetime/time.Second))
}

// openLogin finds the login that a state belongs to. The time limit is ours:
// a browser may keep a cookie for as long as it likes.
func (rp *RelyingParty) openLogin(r *http.Request, state string) (*transaction, error) {
	if len(state) != base64url.EncodedLen(nonceBytes) {
		return nil, errTransaction
	}
	cookies := r.CookiesNamed(rp.loginCookieName(state))
	if len(cookies) != 1 {
		return nil, errTransaction
	}
	raw, ok := decodeText(cookies[0].Value)
	if !ok || len(raw) < stampBytes {
		return nil, errTransaction
	}
	stamp := raw[:stampBytes]
	plain, err := rp.logins.Open(raw[stampBytes:], rp.loginPlace(state, stamp))
	tx := &transaction{state: state, created: time.Unix(int64(binary.BigEndian.Uint32(stamp)), 0)}
	if err != nil || !tx.decode(plain) {
		return nil, errTransaction
	}
	return tx, nil
}

// expired reports whether the login took too long, or began in the future.
func (tx *transaction) expired(now time.Time) bool {
	age := now.Sub(tx.created)
	return age > loginLifetime || age < -client.Leeway
}

// decodeText refuses the line breaks that the decoder skips.
func decodeText(s string) ([]byte, bool) {
	raw, err := base64url.DecodeString(s)
	return raw, err == nil && base64url.EncodedLen(len(raw)) == len(s)
}

// forgetLogin removes a login's cookie from the browser.
func (rp *RelyingParty) forgetLogin(w http.ResponseWriter, state string) {
	http.SetCookie(w, rp.loginCookie(rp.loginCookieName(state), "", -1))
}

// makeRoom removes the cookies of expired logins, and of the oldest ones where
// a new one would make them too many or too large.
func (rp *RelyingParty) makeRoom(w http.ResponseWriter, r *http.Request, fresh *http.Cookie) {
	type pending struct {
		name  string
		size  int
		stamp uint32
	}
	var list []pending
	prefix := rp.site.cookieName(loginPrefix)
	total := cookieSize(fresh)
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, prefix) {
			continue
		}
		p := pending{name: c.Name, size: cookieSize(c)}
		if raw, ok := decodeText(c.Value); ok && len(raw) >= stampBytes {
			p.stamp = binary.BigEndian.Uint32(raw)
		}
		list = append(list, p)
		total += p.size
	}
	slices.SortFunc(list, func(a, b pending) int { return int(int64(a.stamp) - int64(b.stamp)) })
	oldest := time.Now().Add(-loginLifetime).Unix()
	for i, p := range list {
		if int64(p.stamp) >= oldest && len(list)-i < maxLogins && total <= maxLoginBytes {
			return
		}
		http.SetCookie(w, rp.loginCookie(p.name, "", -1))
		total -= p.size
	}
}

// cookieSize is what a cookie takes in a request's header.
func cookieSize(c *http.Cookie) int { return len(c.Name) + len("=; ") + len(c.Value) }
