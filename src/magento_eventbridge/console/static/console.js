// What the console does beyond forms and links: figures that renew themselves, and the live tail.
"use strict";

// Parts that are loaded again every few seconds, unless nobody looks or somebody uses them.
for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(async () => {
    if (document.hidden || part.contains(document.activeElement) || part.querySelector("g:hover")) return;
    try {
      const answer = await fetch(part.dataset.refresh);
      if (answer.redirected) location.reload(); // the login has ended
      else if (answer.ok) part.innerHTML = await answer.text();
    } catch {
      // The bridge is away: what was shown stays until it is back.
    }
  }, Number(part.dataset.every) * 1000);
}

// The live tail: a row that is known is replaced, a new one comes on top.
const MOST_ROWS = 200;

function show(table, text) {
  const holder = document.createElement("template");
  holder.innerHTML = text;
  const row = holder.content.querySelector("tr");
  const former = document.getElementById(row.id);
  if (former) {
    former.replaceWith(row);
  } else {
    row.classList.add("fresh");
    table.tBodies[0].prepend(row);
    document.querySelector(`[data-empty="${table.id}"]`)?.remove();
    while (table.tBodies[0].rows.length > MOST_ROWS) table.tBodies[0].lastElementChild.remove();
  }
}

for (const table of document.querySelectorAll("[data-tail]")) {
  const button = document.querySelector(`[data-live="${table.id}"]`);
  let source = null;
  const begin = () => {
    source = new EventSource(table.dataset.tail);
    source.onopen = () => button.classList.remove("lost");
    source.onerror = () => button.classList.add("lost");
    source.addEventListener("row", (event) => show(table, event.data));
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const isOn = source === null;
    button.setAttribute("aria-pressed", String(isOn));
    if (isOn) {
      begin();
    } else {
      source.close();
      source = null;
    }
  });
  begin();
}

// A form that takes a while says so, and is not sent twice.
for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", () => {
    const button = form.querySelector("button");
    button.disabled = true;
    button.textContent = form.dataset.busy;
  });
}
