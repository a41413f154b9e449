// Counts down to the sign-out in the browser, so that a sleeping tab blanks by itself. What a person types or clicks is
// told to the server (at most every 20 seconds); timed refreshes of a page never are.
(() => {
  "use strict";
  const ASK_EVERY = 15000, TELL_EVERY = 20000, WARN = 120;
  let endsAt = null, lastsUntil = null, told = 0, touched = 0, bar = null, gone = false;

  const here = () => location.pathname + location.search;
  function leave(over) {
    if (gone) return;
    gone = true;
    document.documentElement.style.visibility = "hidden";
    location.replace("/auth/out?next=" + encodeURIComponent(here()) + (over ? "&over=1" : ""));
  }
  async function ask(method) {
    let answer;
    try {
      const response = await fetch("/auth/left", {method, cache: "no-store", credentials: "same-origin"});
      if (!response.ok) return;
      answer = await response.json();
    } catch { return; }
    if (answer.kind === "display") { endsAt = null; return; }
    if (answer.left === null) {
      if (endsAt !== null) leave(Date.now() >= endsAt - 3000);
      return;
    }
    endsAt = Date.now() + answer.left * 1000;
    lastsUntil = Date.now() + answer.end * 1000;
    draw();
  }
  function tell() {
    touched = Date.now();
    if (endsAt === null || touched - told < TELL_EVERY) return;
    told = touched;
    ask("POST");
  }
  function draw() {
    if (endsAt === null) return;
    const left = Math.round((endsAt - Date.now()) / 1000);
    if (left <= 0) return leave(true);
    if (left > WARN) { if (bar) { bar.remove(); bar = null; } return; }
    const final = lastsUntil - endsAt < 2000;
    if (!bar) {
      bar = document.createElement("div");
      bar.id = "ballast-countdown";
      bar.setAttribute("role", "alertdialog");
      bar.setAttribute("aria-label", "You will be signed out soon");
      bar.style.cssText = "position:fixed;left:50%;bottom:24px;transform:translateX(-50%);z-index:1000000;display:flex;" +
        "gap:16px;align-items:center;max-width:calc(100vw - 32px);padding:12px 16px;border-radius:10px;background:#1c2430;" +
        "color:#fff;font:15px/1.4 'Source Sans',system-ui,sans-serif;box-shadow:0 8px 30px rgb(0 0 0/.35)";
      const words = document.createElement("span");
      bar.append(words);
      if (!final) {
        const stay = document.createElement("button");
        stay.type = "button";
        stay.textContent = "Stay signed in";
        stay.style.cssText = "flex:none;border:0;border-radius:8px;padding:9px 14px;min-height:40px;background:#2dd4bf;" +
          "color:#10231f;font:600 15px/1.2 'Source Sans',system-ui,sans-serif;cursor:pointer";
        stay.addEventListener("click", () => { told = 0; tell(); });
        bar.append(stay);
      }
      document.body.append(bar);
    }
    const clock = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
    bar.firstChild.textContent = final
      ? "Your sign-in ends in " + clock + ". Save your work and sign in again."
      : "You will be signed out in " + clock + ", as nothing was typed or clicked.";
  }
  for (const kind of ["pointerdown", "keydown", "touchstart"]) addEventListener(kind, tell, {capture: true, passive: true});
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { draw(); ask("GET"); } });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  setInterval(draw, 1000);
  setInterval(() => ask("GET"), ASK_EVERY);
  ask("GET");
})();
