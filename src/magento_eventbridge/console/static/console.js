// Refresh figures, and show the live tail; everything else works by forms and links.
"use strict";

// Whether the bridge answers: said at the top, in the title and by the icon.
const lost = document.querySelector("[data-lost]");
const icon = document.querySelector("link[rel=icon]");
const known = { title: document.title, icon: icon.href, at: Date.now() };

// Times are UTC, or local where the person prefers that; the browser keeps the choice.
const ZONE = "time-zone";
const zone = document.querySelector("[data-zone]");
let isLocal = false;
try {
  isLocal = localStorage.getItem(ZONE) === "local";
} catch {
  // without storage the choice lasts for the page
}
const FORMATS = { when: [0, 19], clock: [11, 16], second: [11, 19] };

function shown(at, format) {
  const date = new Date(at);
  const inZone = new Date(date.getTime() - (isLocal ? date.getTimezoneOffset() * 60000 : 0));
  return inZone.toISOString().slice(...FORMATS[format]).replace("T", " ");
}

const time = (at) => `${shown(at, "second")} ${isLocal ? "local time" : "UTC"}`;
// Of a link the time is in its id, and the text follows the time in its label.
const labelOf = (slot) => {
  const at = Number(slot.dataset.at ?? slot.id.split("-")[1]);
  return `${shown(at * 1000, "clock")}: ${slot.dataset.text ?? slot.getAttribute("aria-label").slice(7)}`;
};

function showTimes(part) {
  for (const one of part.querySelectorAll("time[datetime]")) one.textContent = shown(one.dateTime, one.dataset.format);
  for (const slot of part.querySelectorAll("a.slot")) slot.setAttribute("aria-label", labelOf(slot));
  for (const name of part.querySelectorAll("[data-zone-name]")) name.textContent = isLocal ? "local time" : "UTC";
}

zone.hidden = false;
zone.addEventListener("click", () => {
  isLocal = !isLocal;
  try {
    localStorage.setItem(ZONE, isLocal ? "local" : "utc");
  } catch {
    // see above
  }
  showZone();
});

function showZone() {
  zone.textContent = isLocal ? "Use UTC" : "Use local time";
  showTimes(document);
}
showZone();

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
  lost.textContent = `No answer since ${time(known.at)}. The figures below are not current, and nothing can be done here until the bridge answers. Trying again every few seconds.`;
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

// Tell people who hear the page what others see change.
const said = document.querySelector("[data-said]");
function say(text) {
  said.textContent = text;
}

// Return what distinguishes an element of a part from others, also after the part was loaded again.
const nameOf = (one) => one.id || one.getAttribute("href") || one.getAttribute("aria-label") || one.textContent;
const FOCUSABLE = "a[href], button, summary, [tabindex]";

// What a person uses in the part stays in use: the focus, and open tables.
function replaceContent(part, text) {
  if (part.querySelector(":active, .slots:hover")) return;
  const used = part.contains(document.activeElement) ? document.activeElement : null;
  const alike = () => [...part.querySelectorAll(FOCUSABLE)].filter((one) => nameOf(one) === nameOf(used));
  const position = used ? alike().indexOf(used) : -1;
  const open = [...part.querySelectorAll("details[open]")].map((one) => one.id);
  part.innerHTML = text;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  showTimes(part);
  if (!used) return;
  const found = alike();
  // What is gone leaves the focus at the page's beginning, not outside of it.
  (found[position] ?? found[0] ?? document.getElementById("main")).focus({ preventScroll: true });
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
      replaceContent(part, text);
      const word = part.querySelector("[data-word]");
      const title = word ? `${word.dataset.word} · magento-eventbridge` : known.title;
      if (title !== known.title) say(word.dataset.word);
      document.title = known.title = title;
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
  showTimes(row);
  const former = document.getElementById(row.id);
  if (former) {
    const used = former.contains(document.activeElement) ? nameOf(document.activeElement) : null;
    former.replaceWith(row);
    if (used !== null) [...row.querySelectorAll(FOCUSABLE)].find((one) => nameOf(one) === used)?.focus();
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

// A login link's form: programs that only show or check a link run no script, and so do not use it.
document.querySelector("[data-sent-at-once]")?.requestSubmit();

// A form that takes a while says so, and is not sent twice. Without a bridge nothing is sent: the
// browser's own error would replace the page, which shows when the bridge answers again.
document.addEventListener("submit", (event) => {
  const { target, submitter } = event;
  if (document.body.classList.contains("is-lost") && target.method === "post") {
    event.preventDefault();
    return;
  }
  if (!submitter?.dataset.busy) return;
  // Later: a browser leaves the name of a disabled button out of what it sends.
  setTimeout(() => {
    for (const button of target.querySelectorAll("button")) button.disabled = true;
    submitter.textContent = submitter.dataset.busy;
  });
});

// What an action did is said once: it has the focus, and a reload does not say it again.
const result = document.querySelector("[data-result]");
if (result) {
  result.tabIndex = -1;
  result.focus();
  const address = new URL(location.href);
  address.searchParams.delete("done");
  history.replaceState(null, "", address);
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

// Copy buttons beside each block of code and each value that people take elsewhere.
for (const block of document.querySelectorAll("pre, [data-copy]")) {
  if (!navigator.clipboard) break; // only over HTTPS and on this machine
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  const label = document.createTextNode("Copy");
  const what = document.createElement("span");
  what.className = "unseen";
  what.textContent = ` ${(block.getAttribute("aria-label") ?? block.textContent).replace(/, JSON$/, "")}`;
  button.append(label, what);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.textContent);
    label.textContent = "Copied";
    say("Copied");
    setTimeout(() => (label.textContent = "Copy"), 2000);
  });
  if (block.matches("pre")) block.before(button);
  else block.after(" ", button);
}

// Charts: the values of a bar on hover and on focus, and arrow keys from bar to bar.
function showValues(slot, isShown) {
  const readout = slot.closest("[data-chart]").querySelector("[data-readout]");
  readout.dataset.summary ??= readout.textContent;
  readout.textContent = isShown ? labelOf(slot) : readout.dataset.summary;
}

for (const [type, isShown] of [["mouseover", true], ["focusin", true], ["mouseout", false], ["focusout", false]]) {
  document.addEventListener(type, (event) => {
    const slot = event.target.closest?.(".slot");
    if (slot) showValues(slot, isShown);
  });
}

document.addEventListener("keydown", (event) => {
  const slot = event.target.closest?.("a.slot");
  if (!slot) return;
  const slots = [...slot.parentElement.querySelectorAll("a.slot")];
  const at = slots.indexOf(slot);
  const goal = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: slots.length - 1 }[event.key];
  if (goal === undefined || !slots[goal]) return;
  event.preventDefault();
  slot.tabIndex = -1;
  slots[goal].tabIndex = 0;
  slots[goal].focus();
});

// Keys: / to search, j and k to move through a list, ? for what there is.
const help = document.querySelector("[data-help]");
const keys = document.querySelector("[data-keys]");
keys.hidden = false;
keys.addEventListener("click", () => help.showModal());

const isTyping = (target) => target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]");
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open || isTyping(event.target)) return;
  if (event.key === "/") {
    event.preventDefault();
    const field = document.querySelector("input[type=search]");
    if (field) field.focus();
    else location.assign("/history");
  } else if (event.key === "j" || event.key === "k") {
    const links = [...document.querySelectorAll("main tbody th a")].filter((link) => link.checkVisibility());
    const at = links.indexOf(document.activeElement);
    links[Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), links.length - 1)]?.focus();
  } else if (event.key === "?") {
    event.preventDefault();
    help.showModal();
  }
});
