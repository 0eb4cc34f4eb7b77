package provider

import (
	"errors"
	"fmt"

	"github.com/oidckit/oidckit/internal/page"
)

// Language is what the issuer's pages say in one language. An app adds its own
// by changing a copy of another one:
//
//	french := provider.English()
//	french.Tag = "fr"
//	french.Messages["login.title"] = "Connexion"
//
// New refuses a language that lacks a message or a placeholder, and names
// every one. Beside the messages of English, a language may have
// "scope.orders:read" for a scope of the app's own, and "error." followed by
// the English description of an error of the app's own.
type Language struct {
	// Tag is the BCP 47 tag: "de", "pt-BR". It is matched with ui_locales and
	// the browser's Accept-Language, and stands in ui_locales_supported.
	Tag string
	// RightToLeft is the direction of the script.
	RightToLeft bool
	// Messages are the texts by message id. Words in braces are placeholders.
	Messages map[string]string
}

// English returns the pages' texts in English, to be changed freely.
func English() Language { return languageOf(page.English) }

// German returns the pages' texts in German, to be changed freely.
func German() Language { return languageOf(page.German) }

func languageOf(l *page.Language) Language {
	return Language{Tag: l.Tag(), RightToLeft: l.RightToLeft(), Messages: l.Texts()}
}

// newSite checks the languages and returns the site that they make.
func (c *Config) newSite() (*page.Site, error) {
	var errs []error
	var languages []*page.Language
	for i, l := range c.Languages {
		made, err := page.NewLanguage(l.Tag, l.RightToLeft, l.Messages)
		if err != nil {
			errs = append(errs, fmt.Errorf("Languages[%d]: %w", i, err))
			continue
		}
		languages = append(languages, made)
	}
	site, err := page.NewSite(c.Name, languages...)
	if err != nil {
		errs = append(errs, fmt.Errorf("Languages: %w", err))
	}
	return site, errors.Join(errs...)
}
