(function () {
  "use strict";
  var self = document.currentScript.dataset;
  // Session Management 1.0 §3.1: ask every few seconds; whoever answers must be
  // the issuer's frame.
  var frame, timer;
  function ask() {
    frame.contentWindow.postMessage(self.message, self.issuer);
  }
  function tell(answer) {
    window.parent.postMessage({ type: "oidckit.session", session: answer }, window.location.origin);
  }
  window.addEventListener("message", function (e) {
    if (!frame || e.origin !== self.issuer || e.source !== frame.contentWindow) {
      return;
    }
    if (e.data !== "unchanged") {
      clearInterval(timer);
    }
    if (e.data === "unchanged" || e.data === "changed" || e.data === "error") {
      tell(e.data);
    }
  });
  window.addEventListener("DOMContentLoaded", function () {
    frame = document.getElementById("issuer");
    if (!frame) {
      tell("none");
      return;
    }
    frame.addEventListener("load", function () {
      ask();
      clearInterval(timer);
      timer = setInterval(ask, 5000);
    });
    frame.src = self.frame;
  });
})();
