// Package preset translates the requests that two vendors' documents describe
// into those of the standards, before the strict endpoints see them: an
// endpoint never knows that a client speaks a dialect.
//
//	fn := preset.Token{Dialect: preset.MiniOrange, Clients: clients, Codes: codes, Grants: grants}.Wrap(token.Serve)
//
// What cannot be said as a standard request is not here: a refresh token
// without offline_access and claims in ID tokens are switches of the packages
// that issue them.
package preset
