package page

// Chooser asks at which identity provider a person signs in: by e-mail address
// (field email), whose domain decides, or by a button for each (field idp).
type Chooser struct {
	// Client is the app that the person goes on to. Optional.
	Client Client
	// Providers are the buttons, in their order.
	Providers []ProviderChoice
	// AskEmail shows the field for the address, before the buttons. Email is
	// filled in: what was typed before, or login_hint.
	AskEmail bool
	Email    string
	// Action is where the forms are posted.
	Action string
	// Hidden is posted along.
	Hidden []Field
	// Error is a sentence about the attempt before, empty on the first one.
	Error string
}

// ProviderChoice is one identity provider to choose.
type ProviderChoice struct {
	// ID is posted; Name is shown.
	ID, Name string
	// LastUsed marks the one that the person took the last time.
	LastUsed bool
}

func (p Chooser) page(_ int, l *Language) view {
	title := "chooser.title"
	if p.Error != "" {
		title = "login.failed_title"
	}
	return view{template: "chooser", title: l.Text(title), submits: true, image: p.Client.Logo(), data: p}
}
