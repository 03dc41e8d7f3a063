// What a directory holds, as rows of a list.

import {done} from "/app/api.js";

const PICTURES = /\.(jpe?g|png|webp|gif|bmp|tiff?)$/i;
const TEXTS = /\.(txt|md|markdown|csv|tsv|json|ya?ml|toml|ini|conf|cfg|log|xml|html?|css|js|ts|py|rs|go|c|h|cpp|java|sh|tex|rst|org|ics|vcf|srt|svg)$/i;

export const isPicture = (entry) => entry.kind === "file" && PICTURES.test(entry.path);
export const isText = (entry) => entry.kind === "file" && TEXTS.test(entry.path);
export const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1) || "Files";
export const above = (path) => path.slice(0, path.lastIndexOf("/")) || "/";

export function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 999.5 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
  return `${unit && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

const day = new Intl.DateTimeFormat(undefined, {dateStyle: "medium"});
const moment = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "short"});
export const whenOf = (entry) => moment.format(new Date(entry.mtime_ms));

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("class", "icon");
  picture.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  picture.append(use);
  return picture;
}

function signOf(entry) {
  if (entry.kind === "directory") return "folder";
  if (entry.kind === "link") return "link";
  return isPicture(entry) ? "picture" : isText(entry) ? "text" : "file";
}

/** Directories first, then by name as people sort. */
export function inOrder(entries) {
  const names = new Intl.Collator(undefined, {numeric: true, sensitivity: "base"});
  const rank = (entry) => (entry.kind === "directory" ? 0 : 1);
  return [...entries].sort((a, b) => rank(a) - rank(b) || names.compare(a.path, b.path));
}

/** A row; of a directory a link to it, of a file a button that opens it. */
export function row(entry, open, withPlace) {
  const sign = element("span", {class: `sign ${entry.kind}`}, icon(signOf(entry)));
  const about = [];
  if (entry.kind === "file") about.push(size(entry.size));
  if (entry.kind !== "directory") about.push(day.format(new Date(entry.mtime_ms)));
  if (withPlace) about.unshift(above(entry.path));
  const text = element("span", {}, element("span", {class: "name"}, nameOf(entry.path)));
  if (about.length) text.append(element("span", {class: "about"}, about.join(" · ")));
  let made;
  if (entry.kind === "directory") {
    made = element("a", {class: "entry", href: "#" + encodeURI(entry.path).replaceAll("#", "%23")});
  } else {
    made = element("button", {class: "entry", type: "button"});
    made.addEventListener("click", () => open(entry, made));
  }
  made.append(sign, text);
  if (isPicture(entry)) seen.observe(Object.assign(sign, {entry}));
  return element("li", {}, made);
}

// --- small copies of pictures: fetched when they are seen, a few at a time ---

const made = new Map();  // version → address of the copy in memory
const queue = [];
let busy = 0;

const seen = new IntersectionObserver((changes) => {
  for (const {isIntersecting, target} of changes) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    queue.push(target);
    next();
  }
}, {rootMargin: "200px"});

async function next() {
  if (busy >= 3 || !queue.length) return;
  const sign = queue.shift();
  busy += 1;
  try {
    if (sign.isConnected) {
      const picture = element("img", {alt: ""});
      picture.src = await copyOf(sign.entry, 128);
      sign.replaceChildren(picture);
    }
  } catch { /* the sign stays */ } finally {
    busy -= 1;
    next();
  }
}

export async function copyOf(entry, pixels) {
  const key = `${entry.version} ${pixels}`;
  if (!made.has(key)) {
    const params = {node: entry.node, thumbnail: pixels};
    const answer = await done("GET", "content", {params});
    made.set(key, URL.createObjectURL(await answer.blob()));
    if (made.size > 400) {
      const [oldest, address] = made.entries().next().value;
      URL.revokeObjectURL(address);
      made.delete(oldest);
    }
  }
  return made.get(key);
}
