package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
)

// Env names the environment variable with the path of Chromium.
const Env = "OIDCKIT_TEST_CHROMIUM"

// stepTimeout bounds one step. It is a deadline, far wider than a step takes.
const stepTimeout = 45 * time.Second

// Browser is one Chromium with a profile of its own and one open page. It is
// used by one test at a time.
type Browser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	messages []string
}

// New starts a browser that ends with the test. The test is skipped where no
// Chromium is named.
func New(t *testing.T) *Browser {
	t.Helper()
	path := os.Getenv(Env)
	if path == "" {
		t.Skipf("%s is not set: no Chromium to test with (make test finds or installs one)", Env)
	}
	profile, err := os.MkdirTemp("", "oidckit-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.Headless,
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(stepTimeout),
	}
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(alloc, chromedp.WithErrorf(t.Logf))
	b := &Browser{t: t, ctx: ctx}
	t.Cleanup(func() {
		chromedp.Cancel(ctx)
		stop()
		stopAlloc()
		os.RemoveAll(profile)
		b.checkMessages()
	})
	// The first call starts the browser, whose life its context bounds.
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return b
}

// Tab opens a further page of the same browser, with the same cookies, that is
// closed with the test.
func (b *Browser) Tab() *Browser {
	b.t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx)
	tab := &Browser{t: b.t, ctx: ctx}
	b.t.Cleanup(func() {
		stop()
		tab.checkMessages()
	})
	if err := chromedp.Listen(ctx, tab.listen); err != nil {
		b.t.Fatalf("open a tab: %v", err)
	}
	return tab
}

func (b *Browser) listen(ev any) {
	if e, ok := ev.(*cdplog.EventEntryAdded); ok && e.Entry.Source == "security" {
		b.mu.Lock()
		b.messages = append(b.messages, e.Entry.Text)
		b.mu.Unlock()
	}
}

// checkMessages fails the test for a page that its own policy has stopped.
func (b *Browser) checkMessages() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		// Browsers ask for an icon on their own.
		if strings.Contains(m, "Content Security Policy") && !strings.Contains(m, "favicon.ico") {
			b.t.Errorf("the browser reports: %s", m)
		}
	}
}

// step runs an action under the step's deadline; failing tells where it stood.
func step[T any](b *Browser, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.where())
	}
	return v
}

func (b *Browser) where() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	address, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "the browser does not answer: " + err.Error()
	}
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	return fmt.Sprintf("the browser stands on %s, which reads:\n%s", withoutQuery(address), text)
}

// withoutQuery keeps codes and states out of the test's output.
func withoutQuery(address string) string {
	before, _, _ := strings.Cut(address, "?")
	return before
}

// Open goes to an address and waits until the page is there, redirects
// followed. It returns the status of the last answer.
func (b *Browser) Open(address string) int {
	b.t.Helper()
	resp := step(b, "open "+withoutQuery(address), chromedp.NavigateResponse(address))
	if resp == nil {
		return 0
	}
	return int(resp.Status)
}

// Click clicks the element and waits until the page it leads to is there. It
// returns the status of the last answer.
func (b *Browser) Click(selector string) int {
	b.t.Helper()
	return b.follow("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Press sends keys to what has the focus and waits for the page they lead to.
func (b *Browser) Press(keys string) int {
	b.t.Helper()
	return b.follow("press a key", chromedp.KeyEvent(keys))
}

func (b *Browser) follow(what string, action chromedp.Action[chromedp.Void]) int {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	resp, err := chromedp.RunResponse(ctx, action)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", what, err, b.where())
	}
	if resp == nil {
		return 0
	}
	return int(resp.Status)
}

// Keys sends keys to what has the focus; no page follows.
func (b *Browser) Keys(keys string) {
	b.t.Helper()
	step(b, "press keys", chromedp.KeyEvent(keys))
}

// Fill types text into a field, in place of what it held.
func (b *Browser) Fill(selector, text string) {
	b.t.Helper()
	field := chromedp.CSS(selector)
	step(b, "fill "+selector, chromedp.Steps(chromedp.WaitVisible(field), chromedp.Clear(field), chromedp.SendKeys(field, text)))
}

// URL returns the address of the page.
func (b *Browser) URL() string {
	b.t.Helper()
	return step(b, "read the address", chromedp.Location())
}

// WaitURL waits until the page has an address: where a script leads to it.
func (b *Browser) WaitURL(address string) {
	b.t.Helper()
	for deadline := time.Now().Add(stepTimeout); b.URL() != address; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("wait for %s: %s", withoutQuery(address), b.where())
		}
	}
}

// Text returns the visible text of the first element that matches.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	return step(b, "read "+selector, chromedp.Text(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Has reports whether the page holds an element that matches, now.
func (b *Browser) Has(selector string) bool {
	b.t.Helper()
	return Eval[bool](b, fmt.Sprintf("document.querySelector(%q) !== null", selector))
}

// Focus returns the name attribute, or else the tag, of what has the focus.
func (b *Browser) Focus() string {
	b.t.Helper()
	return Eval[string](b, `document.activeElement.getAttribute("name") || document.activeElement.tagName`)
}

// Eval returns what a script gives in the page, run as a page's own script
// would be; where it gives a promise, that is awaited.
func Eval[T any](b *Browser, script string) T {
	b.t.Helper()
	return step(b, "run a script", chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// Cookies returns the values of all cookies of the profile, by name.
func (b *Browser) Cookies() map[string]string {
	b.t.Helper()
	values := map[string]string{}
	for _, c := range b.cookies() {
		values[c.Name] = c.Value
	}
	return values
}

func (b *Browser) cookies() []*network.Cookie {
	b.t.Helper()
	return step(b, "read cookies", func(ctx context.Context, t *chromedp.Target) (storage.GetCookiesResult, error) {
		return cdp.Call(ctx, t, storage.GetCookies, storage.GetCookiesParams{})
	}).Cookies
}

// JSON gets an address as a program does that has the browser's cookies and
// wants JSON. It follows no redirect, and leaves body empty where the answer
// is no object.
func (b *Browser) JSON(address string) (status int, body map[string]any) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	for _, c := range b.cookies() {
		// Cookies know the host and no port (RFC 6265 §8.5).
		if c.Domain == req.URL.Hostname() {
			req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		body = nil
	}
	return resp.StatusCode, body
}

// Window sets the size of the page and the colours that the person prefers.
func (b *Browser) Window(width, height int64, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	step(b, "set the window", chromedp.EmulateViewport(width, height))
	step(b, "set the colours", func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		feature := &emulation.MediaFeature{Name: "prefers-color-scheme", Value: scheme}
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{feature}})
	})
}

// Screenshot writes a picture of the whole page to a file.
func (b *Browser) Screenshot(file string) {
	b.t.Helper()
	png := step(b, "take a picture", chromedp.FullScreenshot(100))
	if err := os.WriteFile(file, png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
