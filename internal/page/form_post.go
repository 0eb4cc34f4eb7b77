package page

// FormPost is a form that sends itself to a client (OAuth 2.0 Form Post
// Response Mode). Where scripts do not run, its button does.
type FormPost struct {
	// Action is the client's address; the caller has checked it.
	Action string
	Fields []Field
}

func (p FormPost) page(_ int, l *Language) view {
	return view{template: "formpost", title: l.Text("continue"), submits: true, tellsOrigin: true, script: submitScript, data: p}
}

const submitScript = `document.addEventListener("DOMContentLoaded",function(){document.forms[0].submit()})`
