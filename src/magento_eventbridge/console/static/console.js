// Refresh figures, and show the live tail; everything else works by forms and links.
"use strict";

// Whether the bridge answers: said at the top, in the title and by the icon.
const lost = document.querySelector("[data-lost]");
const icon = document.querySelector("link[rel=icon]");
const known = { title: document.title, icon: icon.href, at: Date.now() };

const time = (at) => new Date(at).toISOString().slice(11, 19);

function answered() {
  known.at = Date.now();
  if (lost.hidden) return;
  lost.hidden = true;
  document.body.classList.remove("is-lost");
  document.title = known.title;
  icon.href = known.icon;
}

function unanswered() {
  if (!lost.hidden) return;
  lost.textContent = `No answer since ${time(known.at)} UTC. The figures below are not current. Trying again every few seconds.`;
  lost.hidden = false;
  document.body.classList.add("is-lost");
  document.title = `No answer · ${known.title}`;
  icon.href = icon.dataset.lostHref;
}

// fetch() without an answer in time fails: a bridge that hangs must not look alive.
async function load(address) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(10000) });
  if (answer.redirected) location.reload(); // the login has ended
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.text();
}

// Parts that are loaded again every few seconds, and left alone while somebody uses them.
for (const part of document.querySelectorAll("[data-refresh]")) {
  let isLoading = false;
  setInterval(async () => {
    if (document.hidden || isLoading) return;
    isLoading = true;
    try {
      const text = await load(part.dataset.refresh);
      answered();
      if (!part.contains(document.activeElement) && !part.querySelector("g:hover")) part.innerHTML = text;
      const word = part.querySelector("[data-word]");
      if (word) document.title = known.title = `${word.dataset.word} · magento-eventbridge`;
    } catch {
      unanswered();
    } finally {
      isLoading = false;
    }
  }, Number(part.dataset.every) * 1000);
}

// The live tail: a known row is replaced, a new one is added on top.
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
    source.onopen = () => {
      button.classList.remove("lost");
      button.textContent = "Live";
      answered();
    };
    source.onerror = () => {
      button.classList.add("lost");
      button.textContent = "Not live: reconnecting";
      unanswered();
      // The browser gives up after some answers, such as an error page.
      if (source.readyState === EventSource.CLOSED) {
        const failed = source;
        setTimeout(() => failed === source && begin(), 5000);
      }
    };
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
      button.textContent = "Paused";
      button.classList.remove("lost");
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
