// A file, looked at: a picture, a text, or what is known of anything else.

import {done} from "/app/api.js";
import {copyOf, element, isPicture, isText, nameOf, size, whenOf} from "/app/entries.js";

const MOST_TEXT = 1024 * 1024;
const MOST_SAVED = 512 * 1024 * 1024;

const $ = (id) => document.getElementById(id);
let shown = null;
let opener = null;

export function prepare() {
  $("viewer-close").addEventListener("click", () => $("viewer").close());
  $("viewer-save").addEventListener("click", save);
  $("viewer").addEventListener("close", () => {
    if ($("viewer").open) return;  // told late: another file is looked at already
    $("viewer-content").replaceChildren();
    shown = null;
    opener?.focus();
  });
}

export async function view(entry, from) {
  shown = entry;
  opener = from;
  $("viewer-title").textContent = nameOf(entry.path);
  $("viewer-about").textContent = `${size(entry.size)} · ${whenOf(entry)}`;
  $("viewer-content").replaceChildren(element("p", {class: "plain", role: "status"}, "Loading…"));
  $("viewer-save").disabled = entry.kind !== "file";
  $("viewer").showModal();
  $("viewer-title").focus();
  let content;
  try {
    content = await contentOf(entry);
  } catch (error) {
    content = plain([error.message, error.remedy].filter(Boolean).join(" "));
  }
  if (shown === entry) $("viewer-content").replaceChildren(content);
}

async function contentOf(entry) {
  if (entry.kind === "link") return plain("A link. It is followed on your devices alone.");
  if (isPicture(entry)) {
    const pixels = Math.max(innerWidth, innerHeight) * devicePixelRatio;
    const picture = element("img", {alt: nameOf(entry.path)});
    picture.src = await copyOf(entry, pixels > 1024 ? 2048 : 1024);
    return picture;
  }
  if (isText(entry) && entry.size <= MOST_TEXT) {
    const answer = await done("GET", "content", {params: {node: entry.node}});
    return element("pre", {}, await answer.text());
  }
  return plain("This page shows pictures and texts. Save the file to open it.");
}

const plain = (text) => element("p", {class: "plain"}, text);

async function save() {
  const entry = shown;
  if (entry.size > MOST_SAVED) {
    $("viewer-about").textContent = "Too large to save from this page: use WebDAV.";
    return;
  }
  $("viewer-about").textContent = "Saving…";
  try {
    const answer = await done("GET", "content", {params: {node: entry.node}});
    const address = URL.createObjectURL(await answer.blob());
    element("a", {href: address, download: nameOf(entry.path)}).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    $("viewer-about").textContent = `${size(entry.size)} · ${whenOf(entry)}`;
  } catch (error) {
    $("viewer-about").textContent = error.message;
  }
}
