(function () {
  "use strict";
  function browserState() {
    var parts = document.cookie.split("; ");
    for (var i = 0; i < parts.length; i++) {
      if (parts[i].indexOf("COOKIE=") === 0) {
        return parts[i].slice("COOKIE=".length);
      }
    }
    return "";
  }
  function hex(buffer) {
    return Array.from(new Uint8Array(buffer), function (b) {
      return b.toString(16).padStart(2, "0");
    }).join("");
  }
  // Session Management 1.0 §3.2: the message is the client_id, a space, and the
  // session_state: a hash, a dot, and the salt.
  window.addEventListener("message", function (e) {
    function answer(text) {
      e.source.postMessage(text, e.origin);
    }
    if (typeof e.data !== "string" || !e.source || e.origin === "null") {
      return;
    }
    var space = e.data.lastIndexOf(" ");
    var dot = e.data.lastIndexOf(".");
    if (space < 1 || dot < space || dot === e.data.length - 1) {
      answer("error");
      return;
    }
    var id = e.data.slice(0, space), salt = e.data.slice(dot + 1);
    var text = id + " " + e.origin + " " + browserState() + " " + salt;
    if (!window.crypto || !crypto.subtle) {
      answer("error");
      return;
    }
    crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)).then(function (sum) {
      answer(hex(sum) === e.data.slice(space + 1, dot) ? "unchanged" : "changed");
    });
  });
})();
