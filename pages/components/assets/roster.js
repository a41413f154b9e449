// The roster: one row an appointment. Text reaches the page as text, never as markup.
// Sends the trigger "act": {kind: open|check_in, id}.

const cell = (kind, ...parts) => {
  const node = el("td", kind);
  node.append(...parts.filter(Boolean));
  return node;
};
const small = (text) => (text ? el("small", "", text) : "");

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".roster");
  const focused = parentElement.activeElement?.dataset?.name;
  const send = (kind, id) => setTriggerValue("act", { kind, id });

  const line = (row) => {
    const tr = el("tr", `row ${row.group}`);
    tr.style.setProperty("--tone", row.colour);
    const name = el("button", "name", row.animal);
    name.type = "button";
    name.dataset.name = row.id;
    name.setAttribute("aria-label", `Open the appointment of ${row.animal}, ${row.owner}`);
    name.onclick = (event) => { event.stopPropagation(); send("open", row.id); };
    const caution = row.caution ? el("span", "warn", row.caution) : "";
    const consent = el("span", row.consentBad ? "bad" : "", row.consent);
    const owed = row.owed ? el("span", "bad", row.owed) : "";
    const state = cell("stage");
    if (row.canCheckIn && data.may) {
      const go = el("button", "go", "Check in");
      go.type = "button";
      go.dataset.name = `in ${row.id}`;
      go.setAttribute("aria-label", `Check in ${row.animal}, ${row.owner}`);
      go.onclick = (event) => { event.stopPropagation(); go.disabled = true; send("check_in", row.id); };
      state.append(go, small(row.stageNote));
    } else {
      state.append(el("b", "", row.stage), small(row.arrived));
    }
    tr.append(
      cell("time", row.time, small(row.walkIn)),
      cell("number right", row.number),
      cell("owner", el("b", "", row.owner), small(row.phone)),
      cell("animal", name, small(row.details)),
      cell("services", row.services, small(row.funding)),
      cell("notes", caution, small(row.notes)),
      cell("consent", consent),
      cell("money right", owed, small(row.deposit)),
      state,
    );
    tr.onclick = () => send("open", row.id);
    return tr;
  };

  if (!data.rows.length) {
    root.replaceChildren(el("div", "empty", data.empty));
    return;
  }
  const table = el("table");
  table.setAttribute("aria-label", data.label);
  const top = el("tr");
  for (const [label, kind] of data.heads) {
    const th = el("th", kind, label);
    th.scope = "col";
    top.append(th);
  }
  const thead = el("thead");
  thead.append(top);
  const tbody = el("tbody");
  tbody.append(...data.rows.map(line));
  table.append(thead, tbody);
  root.replaceChildren(table);
  if (focused) [...root.querySelectorAll("button")].find((button) => button.dataset.name === focused)?.focus();
  root.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.target.tagName !== "BUTTON") return;
    const names = [...root.querySelectorAll(".name")];
    const here = event.target.closest("tr").querySelector(".name");
    names[names.indexOf(here) + step]?.focus();
    event.preventDefault();
  };
}
