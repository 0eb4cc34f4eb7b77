package page

import (
	"errors"
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Language is what the pages say in one language. It is immutable and safe for
// concurrent use.
type Language struct {
	tag, direction string
	texts          map[string]string
	templates      func() *template.Template
}

var (
	tagForm     = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
)

// NewLanguage returns a language from its tag (BCP 47) and its texts, by the
// ids and with the placeholders of English. The error names every problem.
func NewLanguage(tag string, rightToLeft bool, texts map[string]string) (*Language, error) {
	var errs []error
	if !tagForm.MatchString(tag) {
		errs = append(errs, fmt.Errorf("%q is not a language tag", tag))
	}
	for _, id := range slices.Sorted(maps.Keys(English.texts)) {
		text, ok := texts[id]
		if !ok || strings.TrimSpace(text) == "" {
			errs = append(errs, fmt.Errorf("message %q is missing", id))
			continue
		}
		if got, want := placeholders(text), placeholders(English.texts[id]); !slices.Equal(got, want) {
			errs = append(errs, fmt.Errorf("message %q has the placeholders %v, must have %v", id, got, want))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(texts)) {
		_, known := English.texts[id]
		if !known && !strings.HasPrefix(id, "scope.") && !strings.HasPrefix(id, "error.") {
			errs = append(errs, fmt.Errorf("message %q is not one of the pages'", id))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return newLanguage(tag, rightToLeft, texts), nil
}

func newLanguage(tag string, rightToLeft bool, texts map[string]string) *Language {
	l := &Language{tag: tag, direction: "ltr", texts: maps.Clone(texts)}
	if rightToLeft {
		l.direction = "rtl"
	}
	// Parsed at the first page, so that a program which shows none does not pay
	// for it at start.
	l.templates = sync.OnceValue(func() *template.Template {
		return template.Must(template.New("").Funcs(template.FuncMap{
			"clip": clip, "legal": newLegal, "link": link, "way": newWay, "checked": checked, "t": l.Text, "say": l.say, "fill": l.Fill, "date": l.Date,
		}).Parse(pagesText))
	})
	return l
}

// mustLanguage makes the languages of this package; a test checks them.
func mustLanguage(tag string, texts map[string]string) *Language {
	return newLanguage(tag, false, texts)
}

// checked marks an address as one that the caller has checked.
func checked(address string) template.URL { return template.URL(address) }

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return found
}

// Tag is the language's BCP 47 tag.
func (l *Language) Tag() string { return l.tag }

// RightToLeft reports the direction of the script.
func (l *Language) RightToLeft() bool { return l.direction == "rtl" }

// Texts returns a copy of the texts by message id.
func (l *Language) Texts() map[string]string { return maps.Clone(l.texts) }

// Text returns a text, "" for an id that the language does not have.
func (l *Language) Text(id string) string { return l.texts[id] }

// Fill returns a text with its placeholders replaced: name, value pairs.
func (l *Language) Fill(id string, pairs ...string) string {
	text := l.texts[id]
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, "{"+pairs[i]+"}", pairs[i+1])
	}
	return text
}

// say is Fill for HTML: the values stand out, and cannot change the direction
// of what surrounds them.
func (l *Language) say(id string, pairs ...string) template.HTML {
	replacements := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		value := template.HTMLEscapeString(clip(pairs[i+1]))
		replacements = append(replacements, "{"+pairs[i]+"}", "<bdi>"+value+"</bdi>")
	}
	return template.HTML(strings.NewReplacer(replacements...).Replace(template.HTMLEscapeString(l.texts[id])))
}

// Scope returns a scope in words. fallback is what the issuer's config says,
// which in English goes before the words of this package.
func (l *Language) Scope(name, fallback string) string {
	text := l.texts["scope."+name]
	switch {
	case text == "", l == English && fallback != "":
		return fallback
	}
	return text
}

// Date returns a day as the language writes it, in UTC.
func (l *Language) Date(t time.Time) string { return t.UTC().Format(l.texts["date"]) }

// parameterName is a word of a protocol.
var parameterName = regexp.MustCompile(`[A-Za-z0-9]_[A-Za-z0-9]`)

// explain returns an error's description in this language. English says what
// was written, unless it names a parameter, which says nothing to a person;
// other languages know some descriptions, by the text that they have in English.
func (l *Language) explain(description string) (text string, known bool) {
	if l == English && !parameterName.MatchString(description) || description == "" {
		return sentence(description), true
	}
	if id, ok := describedErrors()[description]; ok {
		return sentence(l.texts[id]), true
	}
	if text, ok := l.texts["error."+description]; ok {
		return sentence(text), true
	}
	return "", false
}

// describedErrors finds the messages of errors by their English text.
var describedErrors = sync.OnceValue(func() map[string]string {
	ids := map[string]string{}
	for id, text := range English.texts {
		if strings.HasPrefix(id, "error.") {
			ids[text] = id
		}
	}
	return ids
})
