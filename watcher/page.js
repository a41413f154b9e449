// The page says by itself that it is old, and brings itself up to date. Without this script it stands as it was made.
(function () {
  "use strict";
  var skew = 0; // what this machine's clock is off, by the server's
  function age() {
    var time = document.getElementById("checked");
    return time ? (Date.now() + skew - Date.parse(time.dateTime)) / 1000 : 0;
  }
  function said(seconds) {
    if (seconds < 90) { var whole = Math.max(0, Math.round(seconds)); return whole + (whole === 1 ? " second ago" : " seconds ago"); }
    if (seconds < 5400) return Math.round(seconds / 60) + " minutes ago";
    if (seconds < 172800) return Math.round(seconds / 3600) + " hours ago";
    return Math.round(seconds / 86400) + " days ago";
  }
  function tell() {
    var old = age() > Number(document.body.dataset.oldAfter);
    document.body.classList.toggle("old", old);
    var ago = document.getElementById("ago");
    if (ago) ago.textContent = "(" + said(age()) + ")";
  }
  function bring() {
    if (!/^http/.test(location.protocol)) return;
    fetch(location.pathname, { cache: "no-store", credentials: "omit" }).then(function (answer) {
      if (!answer.ok) return null;
      var date = Date.parse(answer.headers.get("Date") || "");
      if (date) skew = date - Date.now();
      return answer.text();
    }).then(function (text) {
      var made = text && new DOMParser().parseFromString(text, "text/html");
      var live = made && made.getElementById("live"), here = document.getElementById("live");
      if (live && here) {
        var open = Array.prototype.map.call(here.querySelectorAll("details[open]"), function (one) { return one.id; });
        here.replaceWith(document.adoptNode(live));
        open.forEach(function (id) { var one = id && document.getElementById(id); if (one) one.open = true; });
        document.title = made.title;
      }
      tell();
    }).catch(tell);
  }
  tell();
  setInterval(tell, 5000);
  setInterval(function () { if (!document.hidden) bring(); }, 30000);
  document.addEventListener("visibilitychange", function () { if (!document.hidden) bring(); });
  bring();
})();
