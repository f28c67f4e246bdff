// Switching the language loses nothing that was typed: the page comes in the other language, and its fields
// are filled in again from this window's memory, for what is typed about a customer lies on no disk.
"use strict";

// The forms that are filled in, each field with its place among those of its name.
function* fieldsToFill(root) {
  for (const form of root.querySelectorAll("main form")) {
    if (form.method === "post") {
      const seen = new Map();
      for (const field of form.elements) {
        if (field.name && !["hidden", "submit", "button"].includes(field.type)) {
          const place = seen.get(field.name) || 0;
          seen.set(field.name, place + 1);
          yield [JSON.stringify([form.action, field.name, place]), field];
        }
      }
    }
  }
}

function isTyped(field) {
  if (field.type === "checkbox" || field.type === "radio") {
    return field.checked !== field.defaultChecked;
  }
  if (field.options) {
    const options = [...field.options];
    if (field.type === "select-one" && !options.some((option) => option.defaultSelected)) {
      return field.selectedIndex > 0; // the browser itself shows the first
    }
    return options.some((option) => option.selected !== option.defaultSelected);
  }
  return field.type === "file" ? field.files.length > 0 : field.value !== field.defaultValue;
}

function fillIn(field, typed) {
  if (field.type !== typed.type) {
    return;
  }
  if (field.type === "checkbox" || field.type === "radio") {
    field.checked = typed.checked;
  } else if (field.options) {
    const chosen = new Set([...typed.options].filter((one) => one.selected).map((one) => one.value));
    for (const option of field.options) {
      option.selected = chosen.has(option.value);
    }
  } else if (field.type === "file") {
    field.files = typed.files;
  } else {
    field.value = typed.value;
  }
}

async function switchLanguage(form, button) {
  const sent = new URLSearchParams(new FormData(form, button));
  const answer = await fetch(form.action, {method: "POST", body: sent});
  if (!answer.ok) {
    throw new Error(`${answer.status}`);
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const typed = new Map(fieldsToFill(document));
  window.history.replaceState(null, "", answer.url);
  document.title = page.title;
  document.documentElement.lang = page.documentElement.lang;
  document.body.replaceWith(page.body);
  for (const [place, field] of fieldsToFill(document)) {
    if (typed.has(place)) {
      fillIn(field, typed.get(place));
    }
  }
  window.htmx.process(document.body);
  document.querySelector("form.language button").focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form.language")) {
    return;
  }
  // A page with scripts of its own begins anew, and asks before it empties a form.
  const others = [...document.scripts].some((one) => !/\/(django_htmx|portal)\//.test(one.src));
  if (others) {
    const fields = [...fieldsToFill(document)].map(([, field]) => field);
    const filled = document.querySelector("main .errornote, main .errorlist") || fields.some(isTyped);
    if (filled && !window.confirm(form.dataset.ask)) {
      event.preventDefault();
    }
    return;
  }
  event.preventDefault();
  switchLanguage(form, event.submitter).catch(() => {
    if (window.confirm(form.dataset.ask)) {
      form.append(Object.assign(document.createElement("input"), {
        type: "hidden", name: event.submitter.name, value: event.submitter.value,
      }));
      form.submit();
    }
  });
});
