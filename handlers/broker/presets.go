package broker

import "regexp"

// Forms of parameters: none of them leaves its place in an address.
var (
	hostForm    = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(?::[0-9]{1,5})?$`)
	tenantForm  = regexp.MustCompile(`^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	versionForm = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]$`)
)

// openID is the record of a provider that is discovered.
func openID(identifier, displayName, issuer string, mapping ...AttributeMapping) IdentityProvider {
	return IdentityProvider{
		Identifier: identifier, DisplayName: displayName, Issuer: issuer, GrantType: GrantTypeAuthorization,
		Scope: []string{"openid", "email", "profile"}, ClientCredentialsHeaderEnabled: true, ShowIDPToUsers: true, AttributeMapping: mapping,
	}
}

// Presets returns the presets, in the order of their names.
func Presets() []Preset {
	return []Preset{amazonCognito(), apple(), auth0(), facebook(), github(), gitlab(), google(), keycloak(), entra(), okta()}
}

func amazonCognito() Preset {
	return Preset{
		Name: "amazon-cognito", DisplayName: "Amazon Cognito",
		Parameters: []PresetParameter{
			{Name: "region", Description: "The region of the user pool.", Example: "eu-central-1", form: nameForm},
			{Name: "userPoolId", Description: "The id of the user pool.", Example: "eu-central-1_AbCdEf123", form: nameForm},
		},
		Record: openID("cognito", "Amazon Cognito", "https://cognito-idp.{region}.amazonaws.com/{userPoolId}",
			AttributeMapping{"email", "EMAIL"}, AttributeMapping{"cognito:username", "USERNAME"}, AttributeMapping{"cognito:groups", "groups"}),
		Notes: []string{
			"The user pool needs a domain: without one its metadata has no authorization endpoint.",
			"Userinfo has email_verified as a text, which does not count; the one in the ID token does.",
		},
	}
}

func apple() Preset {
	r := openID("apple", "Apple", "https://appleid.apple.com", AttributeMapping{"email", "EMAIL"})
	r.Scope, r.ResponseMode, r.PKCE = []string{"openid", "email", "name"}, ResponseModeFormPost, PKCENone
	r.ClientCredentialsHeaderEnabled = false
	return Preset{
		Name: "apple", DisplayName: "Sign in with Apple", Parameters: []PresetParameter{}, Record: r,
		Notes: []string{
			"The client id is that of a Services ID. The client secret is a JWT that is signed with a key from the developer account, and ends after six months at the latest: replace it before.",
			"Names and addresses come in a form post only. The name is sent once, at a person's first login, beside the ID token.",
			"email_verified may come as a text, which does not count.",
		},
	}
}

func auth0() Preset {
	return Preset{
		Name: "auth0", DisplayName: "Auth0",
		Parameters: []PresetParameter{{Name: "domain", Description: "The tenant's domain, or the custom one.", Example: "example.eu.auth0.com", form: hostForm}},
		// The slash at the end belongs to the issuer.
		Record: openID("auth0", "Auth0", "https://{domain}/", AttributeMapping{"email", "EMAIL"}, AttributeMapping{"nickname", "USERNAME"}),
		Notes:  []string{"The application is of the type Regular Web Application, and its ID tokens are signed with RS256."},
	}
}

func facebook() Preset {
	return Preset{
		Name: "facebook", DisplayName: "Facebook",
		Parameters: []PresetParameter{{Name: "version", Description: "The version of the Graph API.", Example: "v23.0", Default: "v23.0", form: versionForm}},
		Record: IdentityProvider{
			Identifier: "facebook", DisplayName: "Facebook", GrantType: GrantTypeAuthorization, ShowIDPToUsers: true, PKCE: PKCENone,
			AuthorizeEndpoint: "https://www.facebook.com/{version}/dialog/oauth",
			TokenEndpoint:     "https://graph.facebook.com/{version}/oauth/access_token",
			UserInfoEndpoint:  "https://graph.facebook.com/{version}/me?fields=id,name,first_name,last_name,email,picture",
			Scope:             []string{"email", "public_profile"}, SubjectAttribute: "id",
			AttributeMapping: []AttributeMapping{{"email", "EMAIL"}, {"name", "name"}, {"first_name", "given_name"}, {"last_name", "family_name"}, {"picture.data.url", "picture"}},
		},
		Notes: []string{
			"Plain OAuth 2.0: a person is named by the id, which differs from app to app.",
			"Not everybody has an e-mail address there, and nothing says whether it is verified.",
		},
	}
}

func github() Preset {
	return Preset{
		Name: "github", DisplayName: "GitHub", Parameters: []PresetParameter{},
		Record: IdentityProvider{
			Identifier: "github", DisplayName: "GitHub", GrantType: GrantTypeAuthorization, ShowIDPToUsers: true,
			AuthorizeEndpoint: "https://github.com/login/oauth/authorize", TokenEndpoint: "https://github.com/login/oauth/access_token",
			UserInfoEndpoint: "https://api.github.com/user",
			Scope:            []string{"read:user", "user:email"}, SubjectAttribute: "id",
			AttributeMapping: []AttributeMapping{{"email", "EMAIL"}, {"login", "USERNAME"}, {"name", "name"}, {"avatar_url", "picture"}, {"html_url", "profile"}},
		},
		Notes: []string{
			"Plain OAuth 2.0: a person is named by the number id; a login name can be given to somebody else.",
			"An address that is kept private is not in the answer, and nothing says whether one is verified.",
		},
	}
}

func gitlab() Preset {
	return Preset{
		Name: "gitlab", DisplayName: "GitLab",
		Parameters: []PresetParameter{{Name: "host", Description: "The host of the instance.", Example: "gitlab.example.com", Default: "gitlab.com", form: hostForm}},
		Record: openID("gitlab", "GitLab", "https://{host}",
			AttributeMapping{"email", "EMAIL"}, AttributeMapping{"nickname", "USERNAME"}, AttributeMapping{"groups", "groups"}),
		Notes: []string{"The application is confidential and has the scopes openid, email and profile."},
	}
}

func google() Preset {
	return Preset{
		Name: "google", DisplayName: "Google", Parameters: []PresetParameter{},
		Record: openID("google", "Google", "https://accounts.google.com", AttributeMapping{"email", "EMAIL"}),
		Notes: []string{
			"For the people of one organisation set domainMapping to its domain.",
			"A refresh token comes with the authorize parameter access_type=offline only.",
		},
	}
}

func keycloak() Preset {
	return Preset{
		Name: "keycloak", DisplayName: "Keycloak",
		Parameters: []PresetParameter{
			{Name: "host", Description: "The host of the server.", Example: "sso.example.com", form: hostForm},
			{Name: "realm", Description: "The realm.", Example: "staff", form: nameForm},
		},
		Record: openID("keycloak", "Keycloak", "https://{host}/realms/{realm}",
			AttributeMapping{"email", "EMAIL"}, AttributeMapping{"preferred_username", "USERNAME"}, AttributeMapping{"realm_access.roles", "roles"}),
		Notes: []string{
			"The client has client authentication switched on. Servers before version 17 have /auth before /realms: write the issuer by hand.",
			"Roles are in the ID token only where a mapper of the client puts them there.",
		},
	}
}

func entra() Preset {
	return Preset{
		Name: "microsoft-entra", DisplayName: "Microsoft Entra ID",
		Parameters: []PresetParameter{{Name: "tenant", Description: "The directory (tenant) id.", Example: "a3564079-a229-421d-9af7-20972f1df1c0", form: tenantForm}},
		Record: openID("entra", "Microsoft", "https://login.microsoftonline.com/{tenant}/v2.0",
			AttributeMapping{"email", "EMAIL"}, AttributeMapping{"preferred_username", "USERNAME"}, AttributeMapping{"roles", "roles"}),
		Notes: []string{
			"The tenant is its id: with common, organizations or a domain for it the issuer of the ID tokens is another one.",
			"The address comes without email_verified and can be set by an administrator of the tenant: trustEmail is for a tenant of your own, with a domainMapping.",
			"Groups come as ids, and not at all for a person with very many.",
		},
	}
}

func okta() Preset {
	return Preset{
		Name: "okta", DisplayName: "Okta",
		Parameters: []PresetParameter{{Name: "domain", Description: "The domain of the organisation.", Example: "example.okta.com", form: hostForm}},
		Record: openID("okta", "Okta", "https://{domain}",
			AttributeMapping{"email", "EMAIL"}, AttributeMapping{"preferred_username", "USERNAME"}, AttributeMapping{"groups", "groups"}),
		Notes: []string{"This is the organisation's own authorization server; a custom one has /oauth2/default, or another name, after the domain: write the issuer by hand."},
	}
}
