// Package checksession is the check_session_iframe of OpenID Connect Session
// Management 1.0 §3.3: a page that an app loads in a frame and asks by
// postMessage whether the person's session is still the one it knows.
//
// The page is the same for everybody. Its script compares the session_state
// that the app sends with the browser state in the cookie; nothing is asked of
// the server. A browser that keeps cookies from frames of other sites answers
// "changed" for everyone who is signed in: then the app asks the issuer, with
// prompt=none.
package checksession
