"use strict"
// Everything here is a convenience: the pages work without.

// A field's text can be shown. It is hidden again before the form goes, so that
// no browser remembers it as ordinary text.
for (const button of document.querySelectorAll("button[data-shows]")) {
  const field = document.getElementById(button.dataset.shows)
  const show = (shown) => {
    field.type = shown ? "text" : "password"
    button.setAttribute("aria-pressed", shown)
  }
  button.hidden = false
  button.addEventListener("click", () => show(field.type === "password"))
  field.form.addEventListener("submit", () => show(false))
}

// Times are told as the reader's clock has them.
for (const time of document.querySelectorAll("time")) {
  time.textContent = new Date(time.dateTime).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" })
}

// An answer for a client goes to it at once. A field may be called submit.
for (const form of document.querySelectorAll("form[data-at-once]")) HTMLFormElement.prototype.submit.call(form)
