// Keeps the page itself, so that it opens without a net; nothing of what it shows is ever kept.

const KEPT = "cozysync-page";
const PAGE = [
  "/", "/app/page.css", "/app/page.js", "/app/api.js", "/app/entries.js", "/app/uploads.js",
  "/app/viewer.js", "/app/icon.svg", "/app/manifest.webmanifest",
];

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(PAGE)));
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const {pathname, origin} = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin || !PAGE.includes(pathname)) return;
  event.respondWith(newest(pathname));
});

/** From the gateway when it answers, else as it was last. */
async function newest(pathname) {
  const kept = await caches.open(KEPT);
  try {
    const answer = await fetch(pathname, {credentials: "omit"});
    if (answer.ok) await kept.put(pathname, answer.clone());
    return answer;
  } catch (error) {
    const old = await kept.match(pathname);
    if (old) return old;
    throw error;
  }
}
