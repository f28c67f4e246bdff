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
