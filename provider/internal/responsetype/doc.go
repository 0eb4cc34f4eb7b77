// Package responsetype knows response types and response modes (OAuth 2.0
// Multiple Response Type Encoding Practices, OAuth 2.0 Form Post Response
// Mode): what a request may ask for, in whatever order, and where its answer
// goes.
//
//	t, ok := responsetype.Parse("id_token code")   // t.String() == "code id_token"
//	t.Has(responsetype.IDToken)                    // the answer brings an ID token
//	t.GrantTypes()                                 // what a client registers for it
//
// Whether an issuer offers a type, and whether a client may use it, is for
// others to say.
package responsetype
