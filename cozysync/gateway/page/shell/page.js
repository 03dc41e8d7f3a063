// Signing in, and going about: what is shown follows the address behind the #.

import {Away, Problem, forget, get, recall, remember} from "/app/api.js";
import {above, element, inOrder, nameOf, row, size} from "/app/entries.js";
import {upload} from "/app/uploads.js";
import {prepare, view} from "/app/viewer.js";

const $ = (id) => document.getElementById(id);
const WAIT_S = 50;

let leaving = new AbortController();
let status = null;

// --- signing in ---

$("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  remember($("name").value.trim(), $("password").value.trim(), $("stay").checked);
  try {
    await begin();
    $("password").value = "";
  } catch (error) {
    forget();
    const wrong = error.status === 401;
    tellSignIn(wrong ? "That name or password is wrong, or this phone was revoked." : error.message);
  }
});

function tellSignIn(text) {
  $("sign-in-error").textContent = text;
  $("sign-in-error").hidden = !text;
}

function signIn(text = "") {
  leaving.abort();
  $("app").hidden = true;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  $("entries").replaceChildren();
  $("sign-in").hidden = false;
  tellSignIn(text);
  $("name").focus();
}

async function begin() {
  await lookAtStatus();
  tellSignIn("");
  $("sign-in").hidden = true;
  $("app").hidden = false;
  go();
}

async function lookAtStatus() {
  status = await get("status");
  $("badge").textContent = status.conflicts;
  $("badge").hidden = !status.conflicts;
  $("tab-status").setAttribute(
    "aria-label", status.conflicts ? `Status, ${count(status.conflicts, "conflict")}` : "Status");
}

// --- going about ---

addEventListener("hashchange", go);

function go() {
  if ($("app").hidden) return;
  leaving.abort();
  leaving = new AbortController();
  const at = location.hash.slice(1) || "/";
  const tab = at === "search" || at === "status" ? at : "files";
  for (const each of ["files", "search", "status"]) {
    if (each === tab) $(`tab-${each}`).setAttribute("aria-current", "page");
    else $(`tab-${each}`).removeAttribute("aria-current");
  }
  $("search-form").hidden = tab !== "search";
  $("status").hidden = tab !== "status";
  $("entries").replaceChildren();
  tell("");
  $("add").hidden = true;
  $("up").hidden = true;
  if (tab === "files") again(showDirectory, decoded(at));
  if (tab === "search") showSearch();
  if (tab === "status") again(showStatus);
}

function decoded(at) {
  try {
    return decodeURIComponent(at);
  } catch {
    return "/";
  }
}

function head(title, trail = "") {
  $("title").textContent = title;
  $("trail").textContent = trail;
  document.title = title === "Files" ? "cozysync" : `${title} – cozysync`;
}

function tell(text, nothing = false) {
  $("told").textContent = text;
  $("told").classList.toggle("nothing", nothing);
}

/** Do it until it is done: the gateway may be away for a while, and this page is left meanwhile. */
async function again(work, ...rest) {
  const {signal} = leaving;
  for (let pause = 1; !signal.aborted; pause = Math.min(pause * 2, 30)) {
    try {
      await work(signal, ...rest);
      $("offline").hidden = true;
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) {
        forget();
        signIn("This phone was signed out: its password does not hold any more.");
        return;
      }
      if (error instanceof Problem && error.status < 500 && ![410, 429].includes(error.status)) {
        tell([error.message, error.remedy].filter(Boolean).join(" "), true);
        return;
      }
      $("offline").hidden = !(error instanceof Away);
      if (!(error instanceof Away)) tell(error.message);
      await new Promise((wake) => setTimeout(wake, pause * 1000));
    }
  }
}

// --- files ---

async function showDirectory(signal, path) {
  head(nameOf(path), above(path) === "/" ? "" : above(path));
  $("up").hidden = path === "/";
  $("up").href = "#" + encodeURI(above(path)).replaceAll("#", "%23");
  for (;;) {
    const {cursor} = await get("cursor", {path}, signal);  // before the look: nothing is missed
    const {entries} = await get("children", {path}, signal);
    $("offline").hidden = true;
    $("entries").replaceChildren(...inOrder(entries).map((entry) => row(entry, view)));
    tell(entries.length ? "" : "Nothing is here yet.", !entries.length);
    $("add").hidden = path === "/" || status.read_only;
    await changed(path, cursor, signal);
    lookAtStatus().catch(() => {});
  }
}

/** Wait until something changes below a directory. */
async function changed(path, cursor, signal) {
  for (;;) {
    const page = await get("changes", {path, cursor, wait: WAIT_S}, signal);
    $("offline").hidden = true;
    if (page.changed.length || page.removed.length) return;
    cursor = page.cursor;
  }
}

// --- search ---

let typing = 0;

function showSearch() {
  head("Search");
  $("query").focus();
  search();
}

$("search-form").addEventListener("submit", (event) => { event.preventDefault(); search(); });
$("query").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(search, 300);
});

function search() {
  leaving.abort();
  leaving = new AbortController();
  const name = $("query").value.trim();
  if (name) again(find, name);
  else {
    $("entries").replaceChildren();
    tell("");
  }
}

async function find(signal, name) {
  const {entries, more} = await get("search", {name}, signal);
  $("entries").replaceChildren(...inOrder(entries).map((entry) => row(entry, view, true)));
  if (!entries.length) tell(`Nothing is called «${name}».`, true);
  else tell(more ? `The first ${entries.length}; write more of the name.` : count(entries.length, "result"));
}

// --- status ---

async function showStatus(signal) {
  head("Status");
  await lookAtStatus();
  if (signal.aborted) return;
  const conflicts = status.conflicts
    ? card("alert", `${count(status.conflicts, "conflict")} to decide`,
      "What was changed at the same time, and could not be brought together, stands side by side. "
      + "Decide on a device: ", element("code", {}, "cozysync conflicts"))
    : card("", "No conflicts", "What was changed at the same time was brought together.");
  const meter = element("meter", {
    min: 0, max: status.used + status.free, value: status.used, "aria-labelledby": "room",
  });
  const room = element("div", {class: "card"}, element("h2", {id: "room"}, "Room"), meter,
    element("p", {}, `${size(status.used)} in your files · ${size(status.free)} free on the gateway`));
  const rights = [
    status.folders === null ? "Sees all folders" : `Sees ${status.folders.join(", ") || "no folder"}`,
    status.read_only ? "may only read" : "may change things",
  ].join(", ") + ".";
  const out = element("button", {type: "button"}, "Sign out");
  out.addEventListener("click", () => { forget(); signIn(); });
  const phone = card("", `Signed in as ${status.phone}`, rights);
  phone.append(out);
  $("status").replaceChildren(element("div", {class: "cards"}, conflicts, room, phone));
}

const card = (kind, title, ...text) => element("div", {class: `card ${kind}`.trim()},
  element("h2", {}, title), element("p", {}, ...text));
const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

// --- adding ---

$("add").addEventListener("click", () => {
  const path = decoded(location.hash.slice(1));
  $("adder-where").textContent = nameOf(path);
  $("by-date").checked = /photo|camera|bilder|fotos/i.test(path);
  $("picked").value = "";
  $("adder-send").disabled = true;
  $("adder").showModal();
});
$("adder-cancel").addEventListener("click", () => $("adder").close());
$("picked").addEventListener("change", () => {
  const files = $("picked").files.length;
  $("adder-send").disabled = !files;
  $("adder-send").textContent = files > 1 ? `Upload ${files}` : "Upload";
});

let waiting = Promise.resolve();
$("adder-form").addEventListener("submit", () => {
  const path = decoded(location.hash.slice(1));
  for (const file of $("picked").files) {
    const about = element("span", {class: "about"}, "Waiting");
    const bar = element("progress", {max: file.size || 1, value: 0, "aria-label": file.name});
    const item = element("li", {class: "upload"}, element("span", {class: "name"}, file.name), about, bar);
    $("upload-list").append(item);
    waiting = waiting.then(() => sendOne(path, file, $("by-date").checked, item, about, bar));
  }
  $("uploads").hidden = false;
});

async function sendOne(path, file, byDate, item, about, bar) {
  try {
    const written = await upload(path, file, byDate, (offset) => {
      about.textContent = offset === null ? "Broken off; going on soon" : `${size(offset)} of ${size(file.size)}`;
      if (offset !== null) bar.value = offset;
    });
    about.textContent = `Done: ${written.entry.path}`;
    bar.remove();
    item.classList.add("done");
  } catch (error) {
    about.textContent = [error.message, error.remedy].filter(Boolean).join(" ");
    bar.remove();
    item.classList.add("failed");
  }
}

$("uploads-hide").addEventListener("click", () => {
  for (const each of document.querySelectorAll(".upload.done, .upload.failed")) each.remove();
  $("uploads").hidden = !$("upload-list").children.length;
});
addEventListener("beforeunload", (event) => {
  if (document.querySelector(".upload progress")) event.preventDefault();
});

// --- beginning ---

prepare();
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/app/worker.js", {scope: "/"}).catch(() => {});
if (recall()) {
  $("app").hidden = false;
  again(async () => begin());
} else signIn();
