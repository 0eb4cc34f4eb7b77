package cookies

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oidckit/oidckit/internal/secret"
)

const (
	// Lifetime is how long a login may take.
	Lifetime = 10 * time.Minute
	// At most this many logins are under way in one browser, and their cookies
	// leave room in the 4 KB of headers that servers are sure to take.
	maxPending      = 20
	maxPendingBytes = 3800

	stampBytes  = 4
	stateLength = 22
	skew        = time.Minute
)

// ErrNone says that no login under way has this state. It says nothing more,
// on purpose.
var ErrNone = errors.New("cookies: no login under way has this state")

var base64url = base64.RawURLEncoding.Strict()

// Pending is a login under way. It lives in one sealed cookie, which only its
// own state opens.
type Pending struct {
	// State is that of the authorization request: 22 characters, of secret.ID.
	State string
	// Created is when the login began, to the second.
	Created time.Time
	// Content is what the login has to remember.
	Content []byte
}

// Expired reports whether a login that began at created took too long, or began
// in the future. The limit is ours: a browser may keep a cookie for as long as
// it likes.
func Expired(created, now time.Time) bool {
	age := now.Sub(created)
	return age > Lifetime || age < -skew
}

// Jar is the logins under way of one registration. It is safe for concurrent
// use.
type Jar struct {
	site      Site
	box       *secret.Box
	prefix    string
	id        string
	crossSite bool
}

// NewJar returns a jar whose cookies' names begin with prefix. id names the
// registration: what one has sealed no other opens.
func NewJar(site Site, box *secret.Box, prefix, id string) *Jar {
	return &Jar{site: site, box: box, prefix: prefix, id: id}
}

// CrossSite returns the jar for logins whose answers come as forms of another
// site.
func (j *Jar) CrossSite() *Jar {
	own := *j
	own.crossSite = true
	return &own
}

// cookie makes one that comes along with the answer. No browser sends a Lax
// cookie with another site's form; browsers take Secure on http from loopback,
// where SameSite=None needs it too.
func (j *Jar) cookie(name, value string, maxAge int) *http.Cookie {
	c := j.site.Cookie(name, value, maxAge)
	if j.crossSite {
		c.SameSite, c.Secure = http.SameSiteNoneMode, true
	}
	return c
}

func (j *Jar) name(state string) string {
	return j.site.Name(j.prefix + NameHash(8, j.id, state))
}

// place binds what is sealed to the registration, its state and its time.
func (j *Jar) place(state string, stamp []byte) []byte {
	return slices.Concat([]byte(j.id), []byte(state), stamp)
}

// Seal makes the cookie: the time in clear, so that the oldest can be found,
// then what is sealed.
func (j *Jar) Seal(p Pending) *http.Cookie {
	stamp := binary.BigEndian.AppendUint32(make([]byte, 0, stampBytes), uint32(p.Created.Unix()))
	value := append(stamp, j.box.Seal(p.Content, j.place(p.State, stamp))...)
	return j.cookie(j.name(p.State), base64url.EncodeToString(value), int(Lifetime/time.Second))
}

// Open finds the login that a state belongs to, or returns ErrNone. Whether it
// has expired is for the caller to ask.
func (j *Jar) Open(r *http.Request, state string) (*Pending, error) {
	if len(state) != stateLength {
		return nil, ErrNone
	}
	found := r.CookiesNamed(j.name(state))
	// Two of the name: one of them is not ours.
	if len(found) != 1 {
		return nil, ErrNone
	}
	raw, ok := decode(found[0].Value)
	if !ok || len(raw) < stampBytes {
		return nil, ErrNone
	}
	stamp := raw[:stampBytes]
	content, err := j.box.Open(raw[stampBytes:], j.place(state, stamp))
	if err != nil {
		return nil, ErrNone
	}
	return &Pending{State: state, Created: time.Unix(int64(binary.BigEndian.Uint32(stamp)), 0), Content: content}, nil
}

// decode refuses the line breaks that the decoder skips.
func decode(s string) ([]byte, bool) {
	raw, err := base64url.DecodeString(s)
	return raw, err == nil && base64url.EncodedLen(len(raw)) == len(s)
}

// Forget removes a login's cookie from the browser.
func (j *Jar) Forget(w http.ResponseWriter, state string) {
	http.SetCookie(w, j.cookie(j.name(state), "", -1))
}

// MakeRoom removes the cookies of expired logins, and of the oldest ones where
// a new one would make them too many or too large.
func (j *Jar) MakeRoom(w http.ResponseWriter, r *http.Request, fresh *http.Cookie) {
	type pending struct {
		name  string
		size  int
		stamp uint32
	}
	var list []pending
	prefix := j.site.Name(j.prefix)
	total := size(fresh)
	for _, c := range r.Cookies() {
		if !strings.HasPrefix(c.Name, prefix) {
			continue
		}
		p := pending{name: c.Name, size: size(c)}
		if raw, ok := decode(c.Value); ok && len(raw) >= stampBytes {
			p.stamp = binary.BigEndian.Uint32(raw)
		}
		list = append(list, p)
		total += p.size
	}
	slices.SortFunc(list, func(a, b pending) int { return int(int64(a.stamp) - int64(b.stamp)) })
	oldest := time.Now().Add(-Lifetime).Unix()
	for i, p := range list {
		if int64(p.stamp) >= oldest && len(list)-i < maxPending && total <= maxPendingBytes {
			return
		}
		http.SetCookie(w, j.cookie(p.name, "", -1))
		total -= p.size
	}
}

// size is what a cookie takes in a request's header.
func size(c *http.Cookie) int { return len(c.Name) + len("=; ") + len(c.Value) }
