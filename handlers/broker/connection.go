package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/discovery"
	"github.com/oidckit/oidckit/internal/httpx"
	"github.com/oidckit/oidckit/internal/jose"
	"github.com/oidckit/oidckit/internal/safeurl"
	"github.com/oidckit/oidckit/internal/strictjson"
)

const (
	// connectionTimeout bounds a whole test.
	connectionTimeout = 10 * time.Second
	// maxProbed bounds what is read of an answer, in bytes.
	maxProbed = 512 << 10
)

// ConnectionStep is what one step of a connection test has found. Its text is
// the kit's own: nothing of what the provider answers is in it but a status.
type ConnectionStep struct {
	Step    string `json:"step"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// TestConnection tries what a login through a record would use, and logs in
// nobody: the metadata, the keys, the endpoints, and with a code that was never
// given out whether the token endpoint takes the client's credentials. Nothing
// is stored. A masked secret stands for the stored one, if the record leads to
// the same hosts. It takes 10 seconds at most.
func (r *Registry) TestConnection(ctx context.Context, p IdentityProvider) []ConnectionStep {
	ctx, cancel := context.WithTimeout(ctx, connectionTimeout)
	defer cancel()
	p = normalise(p)
	if wrong := r.wrongAddresses(ctx, &p); len(wrong) > 0 {
		return []ConnectionStep{{"settings", false, wrong.Error()}}
	}
	r.revealStored(ctx, &p)
	t := &connectionTest{record: &p, http: r.out.client(), callback: r.callback(p.UUID)}
	if p.Issuer != "" {
		m, err := r.metadata(ctx, p.Issuer)
		if err != nil {
			return []ConnectionStep{{"discovery", false, failureText(err)}}
		}
		t.steps = append(t.steps, ConnectionStep{"discovery", true, "The metadata is the issuer's."})
		if err := t.discovered(m, r.out); err != nil {
			return append(t.steps, ConnectionStep{"discovery", false, "The metadata names an endpoint that " + err.Error() + "."})
		}
	}
	t.run(ctx)
	return t.steps
}

// wrongAddresses returns what is wrong with the addresses of a record that is
// not complete yet.
func (r *Registry) wrongAddresses(ctx context.Context, p *IdentityProvider) FieldErrors {
	e := &fieldErrors{}
	p.checkEndpoints(e, r.out)
	return append(e.list, r.lookup(ctx, p, e.list)...)
}

// revealStored puts the stored secret in the place of its mask, or none.
func (r *Registry) revealStored(ctx context.Context, p *IdentityProvider) {
	if p.ClientSecret != MaskedSecret {
		return
	}
	p.ClientSecret = ""
	current, err := r.Get(ctx, p.UUID)
	if err != nil || movesSecret(p, current) {
		return
	}
	if plain, err := r.open(current); err == nil {
		p.ClientSecret = plain
	}
}

// connectionTest is one test under way.
type connectionTest struct {
	record   *IdentityProvider
	http     *http.Client
	callback string
	steps    []ConnectionStep
}

// discovered takes the endpoints that the record leaves to the metadata.
func (t *connectionTest) discovered(m *oidckit.ProviderMetadata, out Outbound) error {
	for _, e := range []struct{ own, found *string }{
		{&t.record.AuthorizeEndpoint, &m.AuthorizationEndpoint}, {&t.record.TokenEndpoint, &m.TokenEndpoint},
		{&t.record.UserInfoEndpoint, &m.UserinfoEndpoint}, {&t.record.JWKSURI, &m.JWKSURI},
	} {
		if *e.own != "" || *e.found == "" {
			continue
		}
		if err := out.checkURL(*e.found); err != nil {
			return err
		}
		*e.own = *e.found
	}
	return nil
}

// run does the steps that do not wait for each other at once.
func (t *connectionTest) run(ctx context.Context) {
	p := t.record
	probes := []struct {
		name, address string
		needed        bool
		probe         func(ctx context.Context, address string) (bool, string)
	}{
		{"keys", p.JWKSURI, p.Issuer != "", t.keys},
		{"authorize", p.AuthorizeEndpoint, true, t.reach},
		{"token", p.TokenEndpoint, true, t.credentials},
		{"userinfo", p.UserInfoEndpoint, p.Issuer == "", t.reach},
		{"introspection", p.IntrospectionEndpoint, false, t.reach},
	}
	results := make([]ConnectionStep, len(probes))
	var wg sync.WaitGroup
	for i, probe := range probes {
		switch {
		case probe.address != "":
			wg.Go(func() {
				ok, message := probe.probe(ctx, probe.address)
				results[i] = ConnectionStep{probe.name, ok, message}
			})
		case probe.needed:
			results[i] = ConnectionStep{probe.name, false, "There is no such endpoint, neither in the record nor in the metadata."}
		}
	}
	wg.Wait()
	t.steps = append(t.steps, slices.DeleteFunc(results, func(s ConnectionStep) bool { return s.Step == "" })...)
}

func (t *connectionTest) get(ctx context.Context, address string) (*httpx.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	return httpx.Do(t.http, req, maxProbed)
}

func (t *connectionTest) keys(ctx context.Context, address string) (bool, string) {
	resp, err := t.get(ctx, address)
	if err != nil {
		return false, failureText(err)
	}
	if resp.Status != http.StatusOK {
		return false, statusText(resp.Status)
	}
	keys, _, err := jose.ParseJWKS(resp.Body)
	if err != nil || len(keys) == 0 {
		return false, "The key set has no key that can verify an ID token."
	}
	return true, fmt.Sprintf("The key set has %d usable keys.", len(keys))
}

// reach takes any answer of a server that is there: without a login it is one of
// refusal.
func (t *connectionTest) reach(ctx context.Context, address string) (bool, string) {
	resp, err := t.get(ctx, address)
	switch {
	// A login page may be of any size.
	case errors.Is(err, httpx.ErrTooLarge):
		return true, "The endpoint answers."
	case err != nil:
		return false, failureText(err)
	case resp.Status == http.StatusNotFound, resp.Status >= http.StatusInternalServerError:
		return false, statusText(resp.Status)
	}
	return true, "The endpoint answers."
}

// refusedCredentials are the errors of a client that is not known, or not by
// this secret. The last one is GitHub's.
var refusedCredentials = []string{string(oidckit.InvalidClient), string(oidckit.UnauthorizedClient), "incorrect_client_credentials"}

// credentials redeems a code that nobody has given out: whoever complains of the
// code has taken the client.
func (t *connectionTest) credentials(ctx context.Context, address string) (bool, string) {
	if t.record.ClientSecret == "" {
		return t.reachToken(ctx, address)
	}
	form := url.Values{"grant_type": {oidckit.GrantTypeAuthorizationCode}, "code": {"connection-test"}, "redirect_uri": {t.callback}}
	if !t.record.ClientCredentialsHeaderEnabled {
		form.Set("client_id", t.record.ClientID)
		form.Set("client_secret", t.record.ClientSecret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return false, failureText(err)
	}
	if t.record.ClientCredentialsHeaderEnabled {
		// RFC 6749 §2.3.1: both are form-encoded first
		req.SetBasicAuth(url.QueryEscape(t.record.ClientID), url.QueryEscape(t.record.ClientSecret))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := httpx.Do(t.http, req, maxProbed)
	if err != nil {
		return false, failureText(err)
	}
	var answer struct {
		Error string `json:"error"`
	}
	_ = strictjson.Unmarshal(resp.Body, &answer)
	switch {
	case resp.Status == http.StatusUnauthorized, slices.Contains(refusedCredentials, answer.Error):
		return false, "The token endpoint does not take the client id and secret in this way."
	case answer.Error == string(oidckit.InvalidGrant), answer.Error == "bad_verification_code":
		return true, "The token endpoint takes the client id and secret."
	case answer.Error != "":
		return true, "The token endpoint answers, and has not said whether it takes the client id and secret."
	}
	return false, statusText(resp.Status)
}

func (t *connectionTest) reachToken(ctx context.Context, address string) (bool, string) {
	ok, message := t.reach(ctx, address)
	if ok {
		message = "The endpoint answers. Without the client secret the credentials were not tried."
	}
	return ok, message
}

func statusText(status int) string {
	return fmt.Sprintf("The endpoint answered with status %d.", status)
}

// failureText says what has failed in the kit's own words.
func failureText(err error) string {
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, safeurl.ErrAddress):
		return "It " + errAddress.Error() + "."
	case errors.Is(err, discovery.ErrIssuer):
		return "The metadata is another issuer's."
	case errors.Is(err, httpx.ErrTooLarge):
		return "The answer is too large."
	case errors.As(err, &certificate):
		return "The certificate of the server is not trusted."
	case httpx.IsTimeout(err):
		return "There was no answer in time."
	}
	return "There was no answer that could be read."
}
