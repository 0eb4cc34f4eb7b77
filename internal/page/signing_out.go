package page

import (
	"net/url"
	"slices"
	"strings"
)

// SigningOut tells that the session has ended, and lets the apps that were
// used hear of it: each has a frame, which the person does not see (OpenID
// Connect Front-Channel Logout 1.0 §2).
type SigningOut struct {
	// Frames are the addresses of the apps; the caller has checked that they are
	// registered. One that no policy can name is left out.
	Frames []string
	// Next is where the person goes on to when the frames have loaded, or after a
	// few seconds; the caller has checked it. Empty stays.
	Next string
	// ReturnURL and ReturnLabel are those of SignedOut, where Next is empty.
	ReturnURL, ReturnLabel string
}

func (p SigningOut) page(_ int, l *Language) view {
	p.Frames = slices.DeleteFunc(slices.Clone(p.Frames), func(raw string) bool { return frameOrigin(raw) == "" })
	v := view{template: "signingout", title: l.Text("signed_out.title"), data: p}
	for _, frame := range p.Frames {
		v.frames = append(v.frames, frameOrigin(frame))
	}
	slices.Sort(v.frames)
	v.frames = slices.Compact(v.frames)
	if p.Next != "" {
		v.script = leaveScript
	}
	return v
}

// leaveScript goes where the page's link leads once all frames have loaded: the
// page counts as loaded only then.
const leaveScript = `(function(){var gone=false;function go(){if(!gone){gone=true;` +
	`location.replace(document.getElementById("next").getAttribute("href"))}}` +
	`window.addEventListener("load",go);setTimeout(go,4000)})()`

// frameOrigin returns the source expression that stands for a frame's address
// (CSP3 §2.3.1), "" where there is none.
func frameOrigin(raw string) string {
	u, err := url.Parse(webLink(raw))
	if err != nil || !imageHost.MatchString(u.Host) {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}
