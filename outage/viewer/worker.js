// Keeps the page itself (never what it shows) so that it opens with no network, and refreshes the copy in the background.
// It is served behind store.js, as one file.

const VERSION = "";
const SHELL = `ballast-snapshot-page-${VERSION}`;
const PARTS = ["/snapshot/", ...[
  "viewer.css", "words.js", "store.js", "pdf.js", "viewer.js", "manifest.webmanifest", "font.ttf", "font-bold.ttf",
  "mark.svg", "icon-192.png", "icon-512.png",
].map((name) => `/snapshot/${name}`)];

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(SHELL);
    await cache.addAll(PARTS.map((path) => new Request(path, {cache: "no-store"})));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("ballast-snapshot-page-") && name !== SHELL) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const {request} = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  const path = request.mode === "navigate" ? "/snapshot/" : url.pathname;
  if (!PARTS.includes(path)) return;
  event.respondWith((async () => {
    const cache = await caches.open(SHELL);
    return (await cache.match(path)) || fetch(request);
  })());
});

self.addEventListener("periodicsync", (event) => {
  if (event.tag === "snapshot") event.waitUntil(Store.refresh());
});
self.addEventListener("sync", (event) => {
  if (event.tag === "snapshot") event.waitUntil(Store.refresh());
});
