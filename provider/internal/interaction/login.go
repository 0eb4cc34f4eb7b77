package interaction

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/page"
	"github.com/oidckit/oidckit/internal/wire"
	"github.com/oidckit/oidckit/provider/internal/authorize"
)

const (
	maxUsername = 256
	maxPassword = 1024
)

// Login serves the built-in login page: GET shows it, or the choice of an
// account where that is asked for; POST takes the answer.
func (h *Handler) Login(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return h.showLogin(w, r)
	}
	if err := h.sameOrigin(r); err != nil {
		return err
	}
	form, err := wire.Form(w, r)
	if err != nil {
		return err
	}
	sealed := form.Get("request")
	req, err := h.Authorize.Open(sealed)
	if err != nil {
		return h.startAgain(w, r, req, err)
	}
	if choice := form.Get("account"); choice != "" {
		return h.choose(w, r, req, sealed, choice, form.Get("session"))
	}
	return h.signInWithPassword(w, r, req, sealed, form)
}

func (h *Handler) signInWithPassword(w http.ResponseWriter, r *http.Request, req *authorize.Request, sealed string, form wire.Params) error {
	username, password := form.Get("username"), form.Get("password")
	auth, wait, err := h.TryPassword(r, username, password, h.CheckPassword)
	if wait > 0 {
		return h.tooMany(w, r, req, sealed, username, wait)
	}
	if errors.Is(err, oidckit.ErrUnauthenticated) {
		h.Logger.Warn().Str("endpoint", "login").Str("client_id", req.ClientID).Msg("wrong user name or password")
		h.Events.Send(r.Context(), oidckit.Event{Name: oidckit.EventLoginFailed, Issuer: h.Issuer, ClientID: req.ClientID, Err: err})
		problem := h.Site.Language(r, req.UILocales).Text("login.wrong")
		return h.writeLogin(w, r, http.StatusForbidden, req, sealed, username, problem)
	}
	if err != nil {
		return err
	}
	if err := h.CompleteLogin(w, r, sealed, auth); err != nil {
		return h.startAgain(w, r, req, err)
	}
	return nil
}

// startAgain offers the way on where a request is too old or was answered
// before, and hands on every other error.
func (h *Handler) startAgain(w http.ResponseWriter, r *http.Request, req *authorize.Request, err error) error {
	again := h.Authorize.StartAgain(req)
	if again == "" || !errors.Is(err, errCompleted) && !errors.Is(err, authorize.ErrRequestExpired) && !errors.Is(err, errMayNotSignIn) {
		return err
	}
	e := wire.AsError(err)
	wire.Log(h.Logger, "login", e)
	return h.Site.Write(w, r, req.UILocales, e.HTTPStatus(), page.Error{
		Message: e.Description, RetryURL: again, RetryLabel: h.Site.Language(r, req.UILocales).Text("error.start_again"),
	})
}

var errTooMany = errors.New("too many wrong passwords")

// tooMany answers without a look at the password: a guess must not learn
// whether it was right.
func (h *Handler) tooMany(w http.ResponseWriter, r *http.Request, req *authorize.Request, sealed, username string, wait time.Duration) error {
	h.Logger.Warn().Str("endpoint", "login").Str("client_id", req.ClientID).Msg(errTooMany.Error())
	h.Events.Send(r.Context(), oidckit.Event{Name: oidckit.EventLoginFailed, Issuer: h.Issuer, ClientID: req.ClientID, Err: errTooMany})
	// RFC 6585 §4
	w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
	problem := h.Site.Language(r, req.UILocales).Fill("login.too_many", "minutes", strconv.Itoa(int(wait/time.Minute)+1))
	return h.writeLogin(w, r, http.StatusTooManyRequests, req, sealed, username, problem)
}

// TryPassword returns who the user is, oidckit.ErrUnauthenticated where name
// and password do not belong together, or how long to wait where there were
// too many wrong ones.
func (h *Handler) TryPassword(r *http.Request, username, password string, check PasswordCheck) (oidckit.Authentication, time.Duration, error) {
	return h.Throttle.Check(username, h.ClientAddress(r), check.bounded(r.Context(), username, password))
}

// TryPasswordFromApp is TryPassword for an app that has asked the person
// itself. Nothing is done with the answer after it.
func (h *Handler) TryPasswordFromApp(ctx context.Context, clientID, username, password string, check PasswordCheck) (oidckit.Authentication, time.Duration, error) {
	auth, wait, err := h.Throttle.CheckFromApp(username, clientID, check.bounded(ctx, username, password))
	if wait > 0 || err != nil {
		return auth, wait, err
	}
	auth, err = settled(auth)
	return auth, 0, err
}

// bounded is the check of a name and a password, of lengths that there are.
func (check PasswordCheck) bounded(ctx context.Context, username, password string) func() (oidckit.Authentication, error) {
	return func() (oidckit.Authentication, error) {
		if username == "" || password == "" || len(username) > maxUsername || len(password) > maxPassword {
			return oidckit.Authentication{}, oidckit.ErrUnauthenticated
		}
		return check(ctx, username, password)
	}
}

func (h *Handler) showLogin(w http.ResponseWriter, r *http.Request) error {
	params, err := wire.Query(r)
	if err != nil {
		return err
	}
	sealed := params.Get("request")
	req, err := h.Authorize.Open(sealed)
	if err != nil {
		return h.startAgain(w, r, req, err)
	}
	sess, err := h.choosable(r, req)
	if err != nil {
		return err
	}
	if sess != nil {
		return h.writeChoose(w, r, req, sealed, sess)
	}
	return h.writeLogin(w, r, http.StatusOK, req, sealed, req.LoginHint, "")
}

func (h *Handler) writeLogin(w http.ResponseWriter, r *http.Request, status int, req *authorize.Request, sealed, username, problem string) error {
	client, err := h.client(r.Context(), req)
	if err != nil {
		return err
	}
	return h.Site.Write(w, r, req.UILocales, status, page.Login{
		Client: shown(client), Action: h.LoginPath, Hidden: []page.Field{{Name: "request", Value: sealed}},
		Username: username, Error: problem,
	})
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}
