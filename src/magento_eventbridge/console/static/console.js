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

// "Select all" of a table; without a script each row has its own box.
for (const all of document.querySelectorAll("[data-all]")) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of all.closest("table").querySelectorAll("tbody input[type=checkbox]")) box.checked = all.checked;
  });
}

// Searches that this browser keeps.
const SAVED = "saved-searches";
const savedPart = document.querySelector("[data-saved-searches]");

function savedSearches() {
  try {
    const kept = JSON.parse(localStorage.getItem(SAVED) ?? "[]");
    return Array.isArray(kept) ? kept.filter((query) => typeof query === "string") : [];
  } catch {
    return [];
  }
}

function showSaved() {
  const kept = savedSearches();
  savedPart.hidden = kept.length === 0;
  savedPart.firstElementChild.replaceChildren(
    ...kept.map((query) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = `/events?${query}`;
      link.textContent = [...new URLSearchParams(query).values()].join(", ");
      const remove = document.createElement("button");
      remove.type = "button";
      remove.className = "plain";
      remove.textContent = "×";
      remove.setAttribute("aria-label", `Forget the search ${link.textContent}`);
      remove.addEventListener("click", () => {
        localStorage.setItem(SAVED, JSON.stringify(savedSearches().filter((one) => one !== query)));
        showSaved();
      });
      item.append(link, remove);
      return item;
    }),
  );
}

if (savedPart) {
  showSaved();
  const save = document.querySelector("[data-save-search]");
  if (save) {
    save.hidden = false;
    save.addEventListener("click", () => {
      const query = new URLSearchParams(location.search);
      for (const [name, value] of [...query]) if (!value || name === "before" || name === "done") query.delete(name);
      localStorage.setItem(SAVED, JSON.stringify([...new Set([...savedSearches(), query.toString()])]));
      showSaved();
    });
  }
}

// Copy buttons beside each block of code.
for (const block of document.querySelectorAll("pre")) {
  if (!navigator.clipboard) break; // only over HTTPS and on this machine
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  block.before(button);
}

// Keys: / to search, j and k to move through a list, ? for what there is.
const isTyping = (target) => target.closest("input, select, textarea, [contenteditable]");
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "/") {
    const field = document.querySelector("input[type=search]");
    if (!field) return location.assign("/history");
    event.preventDefault();
    field.focus();
  } else if (event.key === "j" || event.key === "k") {
    const links = [...document.querySelectorAll("main tbody th a")];
    const at = links.indexOf(document.activeElement);
    links[Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), links.length - 1)]?.focus();
  } else if (event.key === "?") {
    document.querySelector("[data-keys]")?.toggleAttribute("open");
  }
});
