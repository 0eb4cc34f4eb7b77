package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/internal/client"
	"github.com/oidckit/oidckit/internal/safeurl"
)

// RegistrationRequest is a client that registers itself.
type RegistrationRequest struct {
	// Issuer is where. Required.
	Issuer string
	// Metadata is what to register: Config.ClientMetadata of the app that is to
	// log people in, with a name for people to recognise.
	Metadata oidckit.ClientMetadata
	// InitialAccessToken is for an issuer that does not register everybody
	// (RFC 7591 §3). Optional.
	InitialAccessToken string
	// HTTPClient reaches the issuer, as Config.HTTPClient does. Optional.
	HTTPClient *http.Client
}

// Register registers the app at an issuer (RFC 7591, OpenID Connect Dynamic
// Client Registration 1.0). The app keeps the answer, which holds a secret, and
// gives its ClientID and ClientSecret to NewRelyingParty; calling again makes
// another client. The issuer may have changed what was asked for, and the
// answer says so. It makes two or three calls of eight seconds at most, and
// repeats none.
//
// A refusal is an *oidckit.Error with the issuer's code: errors.Is(err,
// oidckit.InvalidRedirectURI). An error that matches
// oidckit.TemporarilyUnavailable says that the issuer could not be asked, and
// any other that its answer cannot be used. No text holds a token or a secret.
func Register(ctx context.Context, req RegistrationRequest) (*oidckit.ClientRegistration, error) {
	var errs []error
	if _, err := safeurl.Issuer(req.Issuer); err != nil {
		errs = append(errs, fmt.Errorf("RegistrationRequest.Issuer %w", err))
	}
	// RFC 7591 §3.2.1: the issuer chooses both
	if req.Metadata.ClientID != "" || req.Metadata.ClientSecret != "" {
		errs = append(errs, errors.New("RegistrationRequest.Metadata has a ClientID or a ClientSecret, which the issuer gives out"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	reg, err := client.Register(ctx, req.Issuer, req.HTTPClient, req.Metadata, req.InitialAccessToken)
	if err != nil {
		return nil, registrationError(err)
	}
	return reg, nil
}

// ReadRegistration returns what the app is registered with now (RFC 7592 §2.1).
// The answer takes the place of reg: token and secret may have changed. A nil
// httpClient is as in RegistrationRequest. Errors are those of Register.
func ReadRegistration(ctx context.Context, reg *oidckit.ClientRegistration, httpClient *http.Client) (*oidckit.ClientRegistration, error) {
	now, err := client.ReadRegistration(ctx, httpClient, reg)
	if err != nil {
		return nil, registrationError(err)
	}
	return now, nil
}

// DeleteRegistration ends the registration (RFC 7592 §2.3): nobody logs in
// through it any more. Errors are those of Register.
func DeleteRegistration(ctx context.Context, reg *oidckit.ClientRegistration, httpClient *http.Client) error {
	if err := client.DeleteRegistration(ctx, httpClient, reg); err != nil {
		return registrationError(err)
	}
	return nil
}

func registrationError(err error) error {
	if errors.Is(err, client.ErrUnavailable) {
		return fmt.Errorf("handlers: %w: %w", oidckit.TemporarilyUnavailable, err)
	}
	return fmt.Errorf("handlers: %w", err)
}
