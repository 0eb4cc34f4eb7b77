// Package adminapi is what the REST APIs for operators have in common: how a
// body, a page and a version are read, and how several wrong fields are told
// at once.
//
//	var in Client
//	if err := adminapi.ReadJSON(w, r, &in); err != nil { return err }
//	if err := adminapi.CheckMatch(r, adminapi.ETag(stored.Version)); err != nil { return err }
//	return adminapi.Invalid(oidckit.InvalidRequest, fields)
//
// Failures are *oidckit.Error, for wire.Endpoint; WriteError writes them with
// their fields, and an API with an envelope of its own takes the fields from
// FieldsOf. Who may call is not decided here.
//
// Specs: RFC 9110 §13 (conditional requests), RFC 6585 §3 (428), paging by
// startIndex and count as in RFC 7644 §3.4.2.4.
package adminapi
