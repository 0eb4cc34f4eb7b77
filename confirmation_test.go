package oidckit_test

import (
	"testing"

	"github.com/oidckit/oidckit"
)

func TestParseConfirmation(t *testing.T) {
	for _, row := range []struct {
		name, cnf string
		want      oidckit.Confirmation
		bad       bool
	}{
		{"RFC 9449 §6.1", `{"jkt":"0ZcO"}`, oidckit.Confirmation{JWKThumbprint: "0ZcO"}, false},
		{"RFC 8705 §3.1", `{"x5t#S256":"bwcK"}`, oidckit.Confirmation{CertificateThumbprint: "bwcK"}, false},
		{"both", `{"jkt":"a","x5t#S256":"b"}`, oidckit.Confirmation{JWKThumbprint: "a", CertificateThumbprint: "b"}, false},
		{"RFC 7800 §3.2 jwk", `{"jwk":{}}`, oidckit.Confirmation{Unknown: true}, false},
		{"a member more than is known", `{"jkt":"a","x5t#S512":"b"}`, oidckit.Confirmation{JWKThumbprint: "a", Unknown: true}, false},
		{"names are exact", `{"JKT":"a"}`, oidckit.Confirmation{Unknown: true}, false},
		{"bound to nothing", `{}`, oidckit.Confirmation{Unknown: true}, false},
		{"null", `null`, oidckit.Confirmation{}, true},
		{"an array", `["jkt"]`, oidckit.Confirmation{}, true},
		{"absent", ``, oidckit.Confirmation{}, true},
		{"a number", `{"jkt":1}`, oidckit.Confirmation{}, true},
		{"an empty string", `{"jkt":""}`, oidckit.Confirmation{}, true},
		{"ATK-037 twice", `{"jkt":"a","jkt":"b"}`, oidckit.Confirmation{}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := oidckit.ParseConfirmation([]byte(row.cnf))
			if row.bad {
				if err == nil || got != nil {
					t.Fatalf("%+v, %v", got, err)
				}
				return
			}
			if err != nil || *got != row.want {
				t.Errorf("%+v, %v, want %+v", got, err, row.want)
			}
		})
	}
}
