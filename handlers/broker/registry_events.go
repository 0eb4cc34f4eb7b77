package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/oidckit/oidckit"
	"github.com/oidckit/oidckit/handlers/rpstore"
)

func (r *Registry) report(ctx context.Context, name oidckit.EventName, uuid string, fields []string) {
	r.events.Send(ctx, oidckit.Event{Name: name, Subject: by(ctx), IdentityProvider: uuid, Fields: fields})
}

// preferredBefore returns the record that a new default is about to take it
// from, "" where there is none.
func (r *Registry) preferredBefore(ctx context.Context, next *IdentityProvider) (string, error) {
	if !next.IsDefault {
		return "", nil
	}
	page, _, err := r.store.ListIdentityProviders(ctx, rpstore.IdentityProviderSelector{Default: true}, 0, 1)
	if err != nil || len(page) == 0 {
		return "", err
	}
	return page[0].UUID, nil
}

func (r *Registry) reportLostDefault(ctx context.Context, before string, now *IdentityProvider) {
	if before != "" && before != now.UUID {
		r.report(ctx, oidckit.EventIdentityProviderUpdated, before, []string{"isDefault"})
	}
}

// changedFields returns the names of the fields in which two records differ.
func changedFields(before, after *IdentityProvider, sameSecret bool) []string {
	var names []string
	a, b := reflect.ValueOf(*before), reflect.ValueOf(*after)
	for i := range a.NumField() {
		name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
		switch name {
		case "", "-", "uuid", "oauthCallBackUrl":
		case "clientSecret":
			if !sameSecret {
				names = append(names, name)
			}
		default:
			if !sameJSON(a.Field(i).Interface(), b.Field(i).Interface()) {
				names = append(names, name)
			}
		}
	}
	return names
}

// sameJSON compares two values of a field; no list and an empty one are the
// same.
func sameJSON(a, b any) bool {
	one, errOne := json.Marshal(a)
	other, errOther := json.Marshal(b)
	empty := func(doc []byte) []byte { return bytes.Replace(doc, []byte("null"), []byte("[]"), 1) }
	return errOne == nil && errOther == nil && (bytes.Equal(one, other) || reflect.ValueOf(a).Kind() == reflect.Slice && bytes.Equal(empty(one), empty(other)))
}
