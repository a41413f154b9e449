"use strict";
// The page: set up, unlock, show. Everything is written as text; nothing that was typed can become markup.

(() => {
  const IDLE_MINUTES = 10, REFRESH_MINUTES = 3, AMBER = 30, RED = 240;
  const KIND = "ballast-snapshot-1";
  const page = document.getElementById("page");
  const stick = document.getElementById("stick") ? JSON.parse(document.getElementById("stick").textContent) : null;
  const on = {facts: null, forms: null, about: null, secret: null, tab: "roster", day: "", find: "", state: "", loose: "", seen: Date.now()};

  // --- small things ----------------------------------------------------------------------------------------------

  function h(tag, facts = {}, ...children) {
    const one = document.createElement(tag);
    for (const [name, value] of Object.entries(facts)) {
      if (name.startsWith("on")) one.addEventListener(name.slice(2), value);
      else if (value === true) one.setAttribute(name, "");
      else if (value !== false && value !== undefined && value !== null) one.setAttribute(name, String(value));
    }
    one.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
    return one;
  }
  const show = (...children) => page.replaceChildren(...children.filter(Boolean));
  const mark = () => h("span", {class: "mark", "aria-hidden": "true"});

  function save(name, type, bytes) {
    const url = URL.createObjectURL(new Blob([bytes], {type}));
    const link = h("a", {href: url, download: name});
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  }

  const FORMULA = /^\s*[=+\-@\t\r\n|%＝＋－＠]/;
  const cell = (words) => `"${(FORMULA.test(words) ? `'${words}` : words).replaceAll('"', '""')}"`;
  const csv = (heads, rows) => `\ufeff${[heads, ...rows].map((row) => row.map((one) => cell(String(one ?? ""))).join(",")).join("\r\n")}\r\n`;

  const dayOf = (instant, zone) => new Intl.DateTimeFormat("en-CA", {timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit"}).format(instant);

  function asOf() {
    const {madeAt, zone, locale} = on.about || {};
    if (!madeAt) return {words: "Nothing stored yet", age: "", level: "red"};
    const made = new Date(madeAt), minutes = Math.max(0, Math.floor((Date.now() - made) / 60000));
    const same = dayOf(made, zone) === dayOf(new Date(), zone);
    const words = new Intl.DateTimeFormat(locale, {timeZone: zone, hour: "numeric", minute: "2-digit", ...(same ? {} : {weekday: "short", month: "short", day: "numeric"})}).format(made);
    const plural = (count, unit) => `${count} ${unit}${count === 1 ? "" : "s"} old`;
    const age = minutes < 1 ? "just now" : minutes < 120 ? plural(minutes, "minute") : minutes < 2880 ? plural(Math.floor(minutes / 60), "hour") : plural(Math.floor(minutes / 1440), "day");
    return {words: `As of ${words}`, age, level: minutes >= RED ? "red" : minutes >= AMBER ? "amber" : "green"};
  }

  const STATES = {
    offline: "No connection to Ballast. This is the last copy; what was written on paper since is not in it.",
    unknown: "Ballast no longer knows this computer, so this copy does not refresh. Set it up again with a new code.",
    trouble: "Ballast answers, but could not give a new copy. This is the last one.",
  };

  function banner() {
    const {words, age, level} = asOf();
    const said = stick ? "A copy on a stick: it does not change. What was written on paper since is not in it." : STATES[on.state] || on.loose;
    return h("div", {class: `asof ${level}`, id: "asof"}, h("strong", {}, words), h("span", {class: "age"}, age), said ? h("span", {class: "said", role: "status"}, said) : null);
  }

  function strength(passphrase) {
    const lowered = passphrase.toLowerCase(), different = new Set(lowered).size;
    if (passphrase.length < 14) return "Use at least 14 characters; four or five words in a row are easy to keep in mind.";
    if (passphrase.length > 200) return "That is longer than 200 characters.";
    if (different < 7) return "That repeats the same few characters. Use other words.";
    if (/(password|passphrase|123456|qwerty|letmein|welcome|iloveyou|ballast|snapshot|clinic|veterinary)/.test(lowered)
      && lowered.replace(/(password|passphrase|123456|qwerty|letmein|welcome|iloveyou|ballast|snapshot|clinic|veterinary|[\s\d-])/g, "").length < 8) {
      return "That is among the first that are tried. Use other words.";
    }
    return "";
  }

  function suggestion() {
    const drawn = crypto.getRandomValues(new Uint32Array(6));
    return [...drawn].map((one) => WORDS[one % WORDS.length]).join(" ");
  }

  // --- before it is open -----------------------------------------------------------------------------------------

  function door(title, ...children) {
    on.facts = on.forms = on.secret = null;
    document.body.classList.remove("is-open");
    show(h("main", {class: "door"}, h("div", {class: "brand"}, mark(), h("div", {}, h("h1", {}, title), h("p", {class: "soft"}, (on.about && on.about.clinic) || "Ballast snapshot"))), ...children));
    const first = page.querySelector("input");
    if (first) first.focus();
  }

  function field(label, facts, help) {
    const input = h("input", {autocapitalize: "none", autocomplete: "off", spellcheck: "false", ...facts});
    return [input, h("label", {for: facts.id}, label), input, help ? h("p", {class: "soft small"}, help) : null];
  }

  function form(button, submit, ...children) {
    const problem = h("p", {class: "problem", role: "alert"}), go = h("button", {class: "primary", type: "submit"}, button);
    return h("form", {onsubmit: async (event) => {
      event.preventDefault();
      if (go.disabled) return;
      go.disabled = true;
      problem.textContent = "";
      const waits = go.textContent;
      go.textContent = "One moment…";
      const said = await submit(problem).catch(() => "That did not work. Load this page again and try once more.");
      if (go.isConnected) { go.disabled = false; go.textContent = waits; problem.textContent = said || ""; }
    }}, ...children, problem, go);
  }

  function setUp(said) {
    const [code, ...codeParts] = field("Code", {id: "code", placeholder: "K7QF-2MWD", maxlength: 12, class: "code", required: true});
    const [first, ...firstParts] = field("Passphrase for this computer", {id: "passphrase", type: "password", autocomplete: "new-password", required: true},
      "It opens the copy when nothing else works. It stays on this computer; nobody can look it up for you.");
    const [again, ...againParts] = field("The same passphrase again", {id: "again", type: "password", autocomplete: "new-password", required: true});
    const idea = h("output", {class: "idea"});
    const suggest = h("button", {type: "button", class: "link", onclick: () => {
      const words = suggestion();
      idea.textContent = words;
      first.value = again.value = words;
    }}, "Suggest one");
    door("Keep a copy on this computer", said ? h("p", {class: "problem", role: "alert"}, said) : null,
      h("p", {}, "Roster, drug log, phone numbers and blank forms, encrypted in this browser, to open when Ballast or the network is down."),
      form("Set up this computer", async () => {
        const weak = strength(first.value);
        if (weak) { first.focus(); return weak; }
        if (first.value !== again.value) { again.focus(); return "The two passphrases differ. Type the same one twice."; }
        const problem = await Store.enrol(code.value, first.value);
        if (problem) return problem;
        on.about = await Store.get("about");
        await Store.refresh();
        install();
        return unlocked(first.value);
      }, codeParts, h("p", {class: "soft small"}, "An administrator makes it under Settings, Snapshot computers."), firstParts, h("div", {class: "row"}, suggest, idea), againParts));
  }

  function locked(said) {
    const [typed, ...parts] = field("Passphrase", {id: "passphrase", type: "password", autocomplete: "current-password", required: true});
    const {words, age, level} = asOf();
    door("The snapshot is locked", h("p", {class: `asof small ${level}`}, h("strong", {}, words), " ", h("span", {class: "age"}, age)),
      said ? h("p", {class: "soft", role: "status"}, said) : null,
      form("Open the snapshot", async (problem) => {
        const wait = Math.min(30, 2 ** Math.max(0, (on.about.tries || 0) - 2));
        if (on.about.tries > 2) {
          problem.textContent = `Tried wrongly before: this takes ${wait} seconds.`;
          await new Promise((done) => setTimeout(done, 1000 * wait));
        }
        const wrong = await unlocked(typed.value);
        if (wrong) typed.select();
        return wrong;
      }, parts),
      stick ? null : h("details", {}, h("summary", {}, "Forgotten?"),
        h("p", {class: "soft"}, "Nobody can open this copy without its passphrase. Starting over erases it here; then set this computer up with a new code. Do that only while Ballast works."),
        h("button", {type: "button", class: "danger", onclick: async () => { await Store.leave(); on.about = null; setUp("The copy on this computer is erased."); }}, "Erase this copy and start over")));
  }

  async function count(tries) {
    on.about = {...on.about, tries};
    if (!stick) await Store.change("about", (one) => ({...one, tries}));
  }

  async function unlocked(passphrase) {
    const secret = stick ? await openStick(passphrase) : await Store.unwrap(await Store.get("keys"), passphrase);
    if (!secret) {
      await count((on.about.tries || 0) + 1);
      return "This passphrase is wrong.";
    }
    await count(0);
    on.secret = stick ? null : secret;
    on.seen = Date.now();
    if (!stick) await load();
    else { on.facts = JSON.parse(secret.data); on.forms = JSON.parse(secret.forms).forms; }
    if (on.facts && on.facts.kind !== KIND) return "This copy was made by another version. Refresh it while Ballast works.";
    draw();
    if (!stick) refresh();
    return "";
  }

  async function openStick(passphrase) {
    const bytes = (words) => Uint8Array.from(atob(words), (letter) => letter.charCodeAt(0));
    const key = await Store.fromPassphrase(passphrase, bytes(stick.salt), stick.rounds);
    try {
      const plain = await crypto.subtle.decrypt({name: "AES-GCM", iv: bytes(stick.iv), additionalData: new TextEncoder().encode("stick")}, key, bytes(stick.body));
      return JSON.parse(new TextDecoder().decode(plain));
    } catch {
      return null;
    }
  }

  async function load() {
    on.about = await Store.get("about");
    const data = await Store.get("data"), forms = await Store.get("forms");
    on.facts = data ? JSON.parse(await Store.unlock(on.secret, "data", data)) : null;
    on.forms = forms ? JSON.parse(await Store.unlock(on.secret, "forms", forms)).forms : [];
    if (on.facts && !on.facts.days.some((one) => one.day === on.day)) on.day = today();
  }

  function today() {
    const now = dayOf(new Date(), on.facts.zone);
    return (on.facts.days.find((one) => one.day === now) || on.facts.days[0]).day;
  }

  // --- what is in it ---------------------------------------------------------------------------------------------

  const TABS = {roster: "Roster", drugs: "Drug log", bottles: "Bottles", phones: "Phone numbers", forms: "Blank forms"};

  function draw() {
    const kept = document.activeElement && document.activeElement.id;
    document.body.classList.add("is-open");
    if (!on.facts) {
      show(header(), h("main", {}, h("p", {class: "empty"}, "There is no copy yet. It comes as soon as Ballast answers.")));
      return;
    }
    if (!on.facts.days.some((one) => one.day === on.day)) on.day = today();
    show(header(), tabs(), h("main", {id: "shown", role: "tabpanel", "aria-labelledby": `tab-${on.tab}`}, ...VIEWS[on.tab]()));
    narrow();
    if (kept && document.getElementById(kept)) document.getElementById(kept).focus();
  }

  function header() {
    return h("header", {}, h("div", {class: "bar"}, mark(), h("div", {class: "who"}, h("h1", {}, (on.about && on.about.clinic) || "Snapshot"), h("p", {class: "soft"}, stick ? "Snapshot on a stick" : `Snapshot on ${(on.about && on.about.name) || "this computer"}`)),
      h("div", {class: "acts"}, stick ? null : h("button", {type: "button", id: "refresh", onclick: refresh}, "Refresh"), h("button", {type: "button", id: "lock", onclick: () => lock()}, "Lock"))), banner());
  }

  function tabs() {
    const names = Object.keys(TABS);
    const list = h("nav", {class: "tabs", role: "tablist", "aria-label": "Parts of the snapshot", onkeydown: (event) => {
      const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (!step) return;
      event.preventDefault();
      open(names[(names.indexOf(on.tab) + step + names.length) % names.length]);
      document.getElementById(`tab-${on.tab}`).focus();
    }}, names.map((name) => h("button", {type: "button", role: "tab", id: `tab-${name}`, "aria-selected": String(name === on.tab), tabindex: name === on.tab ? 0 : -1, onclick: () => open(name)}, TABS[name])));
    return list;
  }

  function open(name) { on.tab = name; on.find = ""; draw(); window.scrollTo(0, 0); }

  function days() {
    return h("div", {class: "days", role: "group", "aria-label": "Day"}, on.facts.days.map((one) => h("button", {type: "button", id: `day-${one.day}`, "aria-pressed": String(one.day === on.day), onclick: () => { on.day = one.day; draw(); }}, one.short)));
  }

  function tools(name, title, made, withDays) {
    const find = h("input", {type: "search", id: "find", placeholder: "Find a name or number", "aria-label": "Find", oninput: (event) => { on.find = event.target.value; narrow(); }});
    find.value = on.find;
    const pdf = h("button", {type: "button", id: "pdf", onclick: async () => {
      pdf.disabled = true;
      try { save(`${name}.pdf`, "application/pdf", await printed(title, made())); } finally { pdf.disabled = false; }
    }}, "Download PDF");
    return h("div", {class: "tools"}, withDays ? days() : null, find, h("div", {class: "acts"}, pdf,
      h("button", {type: "button", id: "csv", onclick: () => { const {columns, rows} = made().csv; save(`${name}.csv`, "text/csv", csv(columns, rows)); }}, "Download CSV"),
      h("button", {type: "button", id: "print", onclick: () => window.print()}, "Print")));
  }

  let letters = null;
  async function fonts() {
    if (!letters) {
      const read = (name) => stick
        ? Uint8Array.from(atob(document.getElementById(name).textContent.trim()), (letter) => letter.charCodeAt(0)).buffer
        : fetch(`/snapshot/${name}.ttf`).then((answer) => answer.arrayBuffer());
      letters = {regular: await read("font"), bold: await read("font-bold")};
    }
    return letters;
  }

  async function printed(title, made) {
    const {facts} = on, said = asOf();
    return Pdf.tables(await fonts(), {
      paper: facts.paper, landscape: made.landscape, clinic: facts.clinic, title, facts: made.facts, size: made.size || 8,
      footer: `${said.words}, from the snapshot. What was written on paper since is not in it.`, sections: made.sections,
    });
  }

  const needle = (words) => words.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "");

  // Hide what does not hold the words looked for.
  function narrow() {
    const words = needle(on.find).split(/\s+/).filter(Boolean);
    let left = 0;
    for (const one of document.querySelectorAll("[data-find]")) {
      const there = needle(one.textContent), digits = there.replace(/\D/g, "");
      one.hidden = !words.every((word) => there.includes(word) || (/^\d{3,}$/.test(word) && digits.includes(word)));
      if (!one.hidden) left++;
    }
    const none = document.getElementById("none");
    if (none) none.hidden = left > 0 || !words.length;
  }

  function table(columns, rows, label, empty, shape) {
    if (!rows.length) return h("p", {class: "empty"}, empty);
    const bare = (i) => !columns[i].box && rows.every((row) => !row[i]);
    const shown = (cells) => cells.filter((_one, i) => !bare(i));
    return h("div", {class: "scroll"}, h("table", {"aria-label": label, class: shape},
      h("thead", {}, h("tr", {}, shown(columns.map((one) => h("th", {scope: "col", class: one.right ? "right" : null}, one.label))))),
      h("tbody", {}, rows.map((row) => h("tr", {"data-find": true}, shown(row.map((words, i) => h("td", {"data-label": columns[i].label, class: [`c${i}`, columns[i].right ? "right" : "", columns[i].bold ? "strong" : "", columns[i].whole ? "whole" : "", words ? "" : "bare", columns[i].box && !words ? "box" : ""].join(" ").trim()}, String(words ?? "")))))))));
  }

  const plain = (...labels) => labels.map((label) => ({label}));
  const none = () => h("p", {class: "empty", id: "none", hidden: true}, "Nothing here holds these words.");
  const withheld = (day) => day.withheld ? `${day.withheld} restricted ${day.withheld === 1 ? "record is" : "records are"} left out: ask an administrator.` : "";

  function rosterView() {
    const day = on.facts.days.find((one) => one.day === on.day);
    const columns = on.facts.columns.map((one, i) => ({...one, bold: i === 2 || i === 4}));
    const made = () => ({
      landscape: true, size: 7.5, facts: [day.facts, withheld(day)].filter(Boolean).join(" · "),
      sections: [{columns, rows: day.rows, empty: "Nobody is booked for this day."}],
      csv: {columns: columns.map((one) => one.label), rows: day.rows},
    });
    return [tools(`roster-${day.day}`, `Roster, ${day.heading}`, made, true), h("h2", {}, day.heading), h("p", {class: "soft"}, day.facts),
      day.withheld ? h("p", {class: "note"}, withheld(day)) : null, table(columns, day.rows, `Roster of ${day.heading}`, "Nobody is booked for this day.", "visits"), none()].filter(Boolean);
  }

  const DRUG = ["Time", "Drug", "Given", "Wasted", "Bottle", "Route", "By", "Witness"];
  const when = (line, day) => line.on === day ? line.time : `${line.day}, ${line.time}`;
  const drugCells = (line, day) => [when(line, day), line.drug, line.given, line.wasted, line.bottle, line.route, line.by, line.witness];

  function drugsView() {
    const day = on.facts.days.find((one) => one.day === on.day);
    const mine = on.facts.patients.filter((one) => one.day === on.day);
    const columns = plain("No.", "Patient", on.facts.owner, "Weight", "Stage", ...DRUG);
    const rows = mine.flatMap((one) => {
      const who = [String(one.number), one.name, one.owner, one.weight, one.stage];
      return one.lines.length ? one.lines.map((line) => [...who, ...drugCells(line, on.day)]) : [[...who, "Nothing given", ...Array(DRUG.length - 1).fill("")]];
    });
    const given = mine.filter((one) => one.lines.length).length;
    const facts = `${mine.length} patients, ${given} received something`;
    const made = () => ({landscape: true, size: 7.5, facts, csv: {columns: columns.map((one) => one.label), rows},
      sections: [{columns: columns.map((one, i) => ({...one, bold: i === 1})), rows, empty: "Nobody is booked for this day."}]});
    return [tools(`drug-log-${day.day}`, `Drug log, ${day.heading}`, made, true), h("h2", {}, `Drug log, ${day.heading}`), h("p", {class: "soft"}, `${facts}. Every line of the last 14 days that stands.`),
      ...(mine.length ? [] : [h("p", {class: "empty"}, "Nobody is booked for this day.")]),
      ...mine.map((one) => h("section", {class: "card", "data-find": true},
        h("div", {class: "cardhead"}, h("h3", {}, one.name), h("span", {class: "soft"}, [one.owner, one.details].filter(Boolean).join(" · ")), one.weight ? h("b", {class: "weight"}, one.weight) : null, h("span", {class: "stage"}, one.stage)),
        h("p", {class: "soft small"}, [`Visit ${one.number}`, one.since || one.time, one.services].filter(Boolean).join(" · ")),
        one.caution ? h("p", {class: "caution"}, one.caution) : null,
        one.lines.length ? h("div", {class: "scroll"}, h("table", {"aria-label": `Drugs of ${one.name}`, class: "given"}, h("thead", {}, h("tr", {}, DRUG.map((label) => h("th", {scope: "col"}, label)))),
          h("tbody", {}, one.lines.map((line) => h("tr", {}, drugCells(line, on.day).map((words, i) => h("td", {"data-label": DRUG[i], class: [`c${i}`, i === 1 ? "strong" : "", words ? "" : "bare"].join(" ").trim() || null}, words)))))))
          : h("p", {class: "soft small"}, "Nothing given yet."))), none()];
  }

  function bottlesView() {
    const columns = [{label: "Drug", bold: true}, {label: "Bottle"}, {label: "Balance", right: true, bold: true}, {label: "Size", right: true}, {label: "Lot"}, {label: "Expires"}, {label: "Schedule"}, {label: "State"}, {label: "Look at"}];
    const rows = on.facts.bottles.map((one) => [`${one.drug} ${one.strength}`.trim(), one.number, one.balance, one.size, one.lot, one.expires, one.schedule, one.state, one.flags.join(", ")]);
    const facts = `${rows.length} bottles. Balance: what the log says was left at the time of this copy.`;
    const made = () => ({landscape: true, size: 8, facts, csv: {columns: columns.map((one) => one.label), rows}, sections: [{columns, rows, empty: "No bottle is in stock."}]});
    return [tools("bottles", "Bottles", made), h("h2", {}, "Bottles"), h("p", {class: "soft"}, facts), table(columns, rows, "Bottles", "No bottle is in stock."), none()];
  }

  function phonesView() {
    const {facts} = on;
    const parts = [
      ["In an outage", [{label: "Whom or where", bold: true}, {label: "Number"}], facts.phones.map((one) => [one.name, one.number])],
      ["Staff", [{label: "Name", bold: true}, {label: "Role"}, {label: "Phone"}, {label: "E-mail"}], facts.staff.map((one) => [one.name, one.role, one.phone, one.email])],
      ["Clients of these days", [{label: facts.owner, bold: true}, {label: "Phone"}, {label: "Other phone"}, {label: "E-mail"}, {label: "Patients"}, {label: "Days"}], facts.clients.map((one) => [one.name, one.phone, one.other, one.email, one.patients, one.days])],
    ];
    const made = () => ({landscape: false, size: 8.5, facts: facts.address, sections: parts.map(([heading, columns, rows]) => ({heading, columns, rows, empty: "Nobody."})),
      csv: {columns: ["Group", "Name", "Phone", "Other phone", "E-mail", "More"], rows: [
        ...facts.phones.map((one) => ["In an outage", one.name, one.number, "", "", ""]), ...facts.staff.map((one) => ["Staff", one.name, one.phone, "", one.email, one.role]),
        ...facts.clients.map((one) => ["Client", one.name, one.phone, one.other, one.email, one.patients])]}});
    return [tools("phone-numbers", "Phone numbers", made), ...parts.flatMap(([heading, columns, rows]) => [h("h2", {}, heading), table(columns, rows, heading, "Nobody.")]), none()];
  }

  function formsView() {
    const bytes = (words) => Uint8Array.from(atob(words), (letter) => letter.charCodeAt(0));
    return [h("h2", {}, "Blank forms"),
      h("p", {class: "soft"}, "Take the printed stock with codes first. These have no code: write whose they are on every page; later the scan is attached by hand."),
      on.forms && on.forms.length ? h("ul", {class: "forms"}, on.forms.map((one) => h("li", {}, h("span", {}, h("b", {}, one.title), h("span", {class: "soft"}, ` · ${one.pages} ${one.pages === 1 ? "page" : "pages"}`)),
        h("button", {type: "button", onclick: () => save(`${one.slug}-blank.pdf`, "application/pdf", bytes(one.pdf))}, "Download PDF"))))
        : h("p", {class: "empty"}, "The forms are not here yet. They come with the next refresh.")];
  }

  const VIEWS = {roster: rosterView, drugs: drugsView, bottles: bottlesView, phones: phonesView, forms: formsView};

  // --- staying fresh, and locking --------------------------------------------------------------------------------

  let busy = false, asked = false;
  async function refresh() {
    if (busy) { asked = true; return; }
    busy = true;
    const button = document.getElementById("refresh");
    if (button) { button.disabled = true; button.textContent = "Refreshing…"; }
    try {
      await heard(await Store.refresh().catch(() => "trouble"));
    } finally {
      busy = false;
    }
    if (asked) { asked = false; await refresh(); }
    const after = document.getElementById("refresh");
    if (after) { after.disabled = false; after.textContent = "Refresh"; }
  }

  async function heard(state) {
    on.state = state;
    if (state === "revoked") {
      on.about = null;
      setUp("This computer was taken off the list, and its copy is erased.");
      return;
    }
    if (state === "none") return;
    on.about = {...await Store.get("about"), tries: on.about ? on.about.tries : 0};
    if (!on.secret) { tick(); return; }
    if (state === "new" || !on.facts || !on.forms || !on.forms.length) { await load(); draw(); } else tick();
  }

  function tick() {
    const there = document.getElementById("asof");
    if (there) there.replaceWith(banner());
    else {
      const small = document.querySelector(".door .asof");
      if (small) { const {words, age, level} = asOf(); small.className = `asof small ${level}`; small.replaceChildren(h("strong", {}, words), " ", h("span", {class: "age"}, age)); }
    }
  }

  function lock(said) {
    on.find = "";
    locked(said);
  }

  function idle() {
    if (on.facts && Date.now() - on.seen > IDLE_MINUTES * 60000) lock("Locked after ten minutes without a key or a click.");
  }

  function install() {
    const loose = "This browser does not keep the page itself, so that it opens only while Ballast answers. Leave it open, or use another browser.";
    if (!("serviceWorker" in navigator)) { on.loose = loose; return; }
    let address = "/snapshot/worker.js";
    if (self.trustedTypes) address = trustedTypes.createPolicy("ballast-worker", {createScriptURL: (words) => { if (words !== "/snapshot/worker.js") throw new TypeError(words); return words; }}).createScriptURL(address);
    install = () => {};  // once
    navigator.serviceWorker.register(address, {scope: "/snapshot/", updateViaCache: "none"}).then(async (there) => {
      await navigator.serviceWorker.ready;
      try { await there.periodicSync.register("snapshot", {minInterval: 15 * 60000}); } catch { /* not in this browser, or not installed */ }
    }).catch(() => { on.loose = loose; tick(); });
    if (navigator.storage && navigator.storage.persist) navigator.storage.persist();
  }

  async function begin() {
    if (!self.crypto || !crypto.subtle) {
      show(h("main", {class: "door"}, h("p", {class: "problem"}, "This browser opens the snapshot only over HTTPS. Use the clinic's own address.")));
      return;
    }
    for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => { on.seen = Date.now(); }, {capture: true, passive: true});
    setInterval(() => { idle(); tick(); }, 15000);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) { idle(); tick(); } });
    if (stick) {
      on.about = {clinic: stick.clinic, madeAt: stick.made_at, zone: stick.zone, locale: stick.locale, tries: 0};
      locked();
      return;
    }
    install();
    const keys = await Store.get("keys");
    on.about = keys ? await Store.get("about") : null;
    if (keys) locked();
    else setUp();
    const again = async () => { if (on.about && !document.hidden) await refresh(); };
    setInterval(() => { if (on.about) refresh(); }, REFRESH_MINUTES * 60000);
    addEventListener("focus", again);
    addEventListener("online", again);
    if (self.BroadcastChannel) new BroadcastChannel(Store.NAME).addEventListener("message", (event) => { if (!busy) heard(event.data); });
    if (on.about) await refresh();
  }

  begin();
})();
