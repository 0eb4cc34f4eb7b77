// The page knows who is signed in and what the API answers. It never sees a
// token: the cookie, which it cannot read, is all that the browser has.
"use strict";

const element = (id) => document.getElementById(id);

function show(identity, loginURL) {
  element("signed-in").hidden = !identity;
  element("signed-out").hidden = !!identity;
  if (identity) {
    element("name").textContent = identity.claims.name || identity.sub;
    return;
  }
  element("log-in").href = loginURL || "/auth/login";
}

// call returns the answer of our own backend, and shows the way to log in
// where the session has ended.
async function call(path, options) {
  const response = await fetch(path, { ...options, headers: { Accept: "application/json" } });
  const text = await response.text();
  if (response.status === 401) {
    let loginURL;
    try {
      loginURL = JSON.parse(text).login_url;
    } catch {
      loginURL = undefined;
    }
    show(null, loginURL);
  }
  return { status: response.status, text };
}

async function ask(path, options) {
  const answer = await call(path, options);
  element("answer").textContent = answer.status + "\n" + answer.text;
}

async function start() {
  const answer = await call("/auth/me");
  if (answer.status === 200) {
    show(JSON.parse(answer.text));
  } else if (answer.status !== 401) {
    element("message").textContent = "Who is signed in could not be found out. Please reload the page in a moment.";
  }
}

element("list").addEventListener("click", () => ask("/api/orders"));
element("place").addEventListener("click", () => ask("/api/orders", { method: "POST" }));
start();
