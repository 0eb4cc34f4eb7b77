// Package frontchannel is OpenID Connect Front-Channel Logout 1.0: the page
// after a logout loads an address of each app that was used, in a frame, so
// that the app can end its own session with the person's cookies.
//
//	frames, err := h.Frames(ctx, session)
//
// Browsers keep cookies from frames of other sites more and more: an app that
// wants to be sure registers for back-channel logout.
package frontchannel
