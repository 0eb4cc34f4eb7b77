// Package httpx is the one way out: HTTP requests that are bounded in time,
// size and redirects.
//
//	c := httpx.NewClient(httpx.Config{Timeout: 5 * time.Second})
//	resp, err := httpx.Do(c, req, 512<<10)
//	if err != nil {            // refused, timed out, larger than 512 KiB
//	    return err
//	}
//	if resp.Status != http.StatusOK { … }
//
// No client made here follows a redirect (a 3xx is an answer like any other),
// keeps cookies or reads proxies from the environment. The limit of Do counts
// bytes after decompression, so a bomb is stopped where it unfolds.
//
// It retries nothing: whether a request may be sent twice only its caller
// knows.
//
// Specs: RFC 9110, RFC 9700 §4.12 (redirects), OWASP ASVS 5.0 15.3.2.
package httpx
