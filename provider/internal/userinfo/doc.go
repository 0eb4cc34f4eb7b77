// Package userinfo is the UserInfo endpoint (OpenID Connect Core 1.0 §5.3):
// claims about the person, as the scope of the access token allows.
package userinfo
