// What htmx cannot say in attributes: a page with a customer in it that cannot ask whether it may still
// be shown is hidden, and no browser brings one back from its memory.
"use strict";

function hide() {
  const gone = document.getElementById("gone");
  if (gone) {
    document.getElementById("content").replaceChildren(gone.content.cloneNode(true));
  }
}

for (const trouble of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(trouble, (event) => {
    if (event.target.id === "still") {
      hide();
    }
  });
}

window.addEventListener("pageshow", (event) => {
  if (event.persisted && document.getElementById("gone")) {
    hide();
    window.location.reload();
  }
});

// A result that was asked for by POST gets an address that asks again, sealed by the server.
const address = document.getElementById("address");
if (address) {
  history.replaceState(null, "", address.href);
}

// Half a word is not looked up: nothing is asked while an input method composes, and what it composed is.
let composing = false;
document.addEventListener("compositionstart", () => {
  composing = true;
});
document.addEventListener("compositionend", (event) => {
  composing = false;
  event.target.dispatchEvent(new Event("input", { bubbles: true }));
});
document.addEventListener("htmx:beforeRequest", (event) => {
  if (composing && event.target.id === "lookup") {
    event.preventDefault();
  }
});

// The session ended while words were typed: they are sent once, for the server to keep them for their writer.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const form = document.getElementById("lookup");
  const leadsTo = event.detail.xhr.getResponseHeader("HX-Redirect");
  if (event.target.id === "still" && leadsTo && leadsTo.startsWith("/login/") && form && form.elements.words.value) {
    event.preventDefault();
    document.getElementById("results").replaceChildren();
    form.submit();
  }
});
