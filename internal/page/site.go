package page

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Site is whose pages they are, and in which languages. It is immutable and
// safe for concurrent use; nil is a site without a name, in English.
type Site struct {
	brand     string
	languages []*Language
}

// NewSite returns a site. The first language is for readers who ask for none
// that there is; none at all means English.
func NewSite(brand string, languages ...*Language) (*Site, error) {
	s, seen := &Site{brand: brand, languages: languages}, map[string]bool{}
	var errs []error
	for _, l := range languages {
		if tag := strings.ToLower(l.tag); seen[tag] {
			errs = append(errs, fmt.Errorf("%q is there twice", l.tag))
		} else {
			seen[tag] = true
		}
	}
	if len(languages) == 0 {
		s.languages = []*Language{English}
	}
	return s, errors.Join(errs...)
}

// Tags lists the languages: ui_locales_supported.
func (s *Site) Tags() []string {
	var tags []string
	for _, l := range s.languages {
		tags = append(tags, l.tag)
	}
	return tags
}

// Language returns the language for a reader: the first of locales that there
// is (OpenID Connect Core 1.0 §3.1.2.1, ui_locales), else the browser's best.
func (s *Site) Language(r *http.Request, locales []string) *Language {
	if s == nil {
		return English
	}
	if len(s.languages) == 1 {
		return s.languages[0]
	}
	for _, tag := range locales {
		if l := s.lookup(tag); l != nil {
			return l
		}
	}
	best, weight := s.languages[0], 0.0
	for _, w := range acceptLanguage(r.Header.Get("Accept-Language")) {
		if w.weight <= weight {
			continue
		}
		if l := s.lookup(w.tag); l != nil {
			best, weight = l, w.weight
		}
	}
	return best
}

// lookup is RFC 4647 §3.4: the tag, then without its last part, and so on.
func (s *Site) lookup(tag string) *Language {
	for tag != "" {
		for _, l := range s.languages {
			if strings.EqualFold(l.tag, tag) {
				return l
			}
		}
		i := strings.LastIndexByte(tag, '-')
		if i < 0 {
			return nil
		}
		tag = tag[:i]
		// A single letter or digit stands for nothing by itself.
		if i := strings.LastIndexByte(tag, '-'); i >= 0 && len(tag)-i == 2 {
			tag = tag[:i]
		}
	}
	return nil
}

// maxAccepted bounds what is read of an Accept-Language header.
const maxAccepted = 20

type weighted struct {
	tag    string
	weight float64
}

// acceptLanguage reads RFC 9110 §12.5.4. What is malformed counts for nothing.
func acceptLanguage(header string) []weighted {
	var out []weighted
	for i, part := range strings.SplitN(header, ",", maxAccepted+1) {
		if i == maxAccepted {
			break
		}
		tag, params, _ := strings.Cut(part, ";")
		w := weighted{strings.TrimSpace(tag), 1}
		if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			weight, err := strconv.ParseFloat(q, 64)
			if err != nil || !(weight >= 0 && weight <= 1) {
				continue
			}
			w.weight = weight
		}
		if tagForm.MatchString(w.tag) {
			out = append(out, w)
		}
	}
	return out
}

// Write answers with p in the reader's language. Nothing has been written when
// it returns an error that is not the connection's.
func (s *Site) Write(w http.ResponseWriter, r *http.Request, locales []string, status int, p Page) error {
	brand := ""
	if s != nil {
		brand = s.brand
	}
	return write(w, s.Language(r, locales), brand, status, p)
}
