const MARKS = { ok: "✓", waiting: "…", problem: "!" };

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".board");
  const state = (root.state ||= { outage: null });
  if (state.outage !== data.outage) {
    const first = data.tabs.find((tab) => tab.open) || data.tabs[0];
    Object.assign(state, { outage: data.outage, tab: first && first.id, all: false, only: null, word: "", chosen: new Set() });
  }
  if (!data.tabs.some((tab) => tab.id === state.tab)) state.tab = data.tabs[0] && data.tabs[0].id;
  const known = new Map(data.rows.map((row) => [row.id, row]));
  for (const id of [...state.chosen]) if (!known.get(id) || !known.get(id).open) state.chosen.delete(id);

  if (state.stamp !== data.stamp) state.chosen.clear();
  state.stamp = data.stamp;

  const made = (kind, name, text, more) => {
    const one = document.createElement(kind);
    if (name) one.className = name;
    if (text) one.textContent = text;
    return Object.assign(one, more || {});
  };
  const focusKept = (draw) => {
    const at = root.getRootNode().activeElement;
    const key = at && at.dataset ? at.dataset.key : null;
    draw();
    if (key) {
      const again = [...root.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
      if (again) again.focus();
    }
  };
  const keyed = (one, key) => { one.dataset.key = key; return one; };
  const again = () => focusKept(draw);

  function sums() {
    const box = made("div", "sums");
    for (const one of data.identities) {
      const card = made("div", "sum" + (one.equal ? "" : " odd"));
      const mark = made("span", "mark", one.equal ? "✓" : "≠");
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", one.title + (one.equal ? ": equal" : ": not equal"));
      const lines = made("div");
      one.lines.forEach((terms, at) => {
        const line = made("div", "line");
        terms.forEach((term, place) => {
          if (term.sign) line.append(made("span", "sign", term.sign));
          const number = keyed(made("button"), `sum-${one.key}-${at}-${place}`);
          number.type = "button";
          number.disabled = !term.rows.length;
          number.title = term.rows.length ? "Show the rows behind this number" : "";
          number.append(made("b", "", term.text), made("span", "", term.label));
          number.onclick = () => {
            state.only = new Set(term.rows);
            state.word = term.text + " " + term.label;
            again();
            root.querySelector(".bar").scrollIntoView({ block: "nearest", behavior: "smooth" });
          };
          line.append(number);
        });
        lines.append(line);
      });
      card.append(mark, lines);
      if (one.note) card.append(made("div", "note soft", one.note));
      box.append(card);
    }
    return box;
  }

  function shown() {
    if (state.only) return data.rows.filter((row) => state.only.has(row.id));
    return data.rows.filter((row) => row.tab === state.tab && (state.all || row.open));
  }

  function bar() {
    const box = made("div", "bar");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Which rows");
    if (state.only) {
      const back = keyed(made("button", "tab", `Behind ${state.word}  ✕`), "back");
      back.setAttribute("aria-pressed", "true");
      back.setAttribute("aria-label", `Showing the rows behind ${state.word}; show all rows again`);
      back.onclick = () => { state.only = null; again(); };
      box.append(back);
      return box;
    }
    for (const tab of data.tabs) {
      const one = keyed(made("button", "tab", tab.label), "tab-" + tab.id);
      one.append(made("i", "", tab.open ? String(tab.open) : "✓"));
      one.setAttribute("aria-pressed", String(tab.id === state.tab));
      one.setAttribute("aria-label", `${tab.label}, ${tab.open} of ${tab.count} open`);
      one.onclick = () => { state.tab = tab.id; again(); };
      box.append(one);
    }
    box.append(made("span", "space"));
    const label = made("label");
    const box2 = keyed(made("input", "", "", { type: "checkbox", checked: state.all }), "all");
    box2.onchange = () => { state.all = box2.checked; again(); };
    label.append(box2, made("span", "", "Settled rows too"));
    box.append(label);
    return box;
  }

  function unused() {
    const box = made("div", "unused");
    if (state.only || state.tab !== "form_sheet") return box;
    for (const one of data.unused) {
      if (one.rows.every((id) => state.chosen.has(id))) continue;
      const pick = keyed(made("button", "tab", one.label), "unused-" + one.id + one.label);
      pick.type = "button";
      pick.onclick = () => { for (const id of one.rows) state.chosen.add(id); again(); };
      box.append(pick);
    }
    return box;
  }

  function cell(one) {
    const box = made("div", "cell " + one.s);
    const mark = made("b", "", MARKS[one.s]);
    mark.setAttribute("aria-hidden", "true");
    box.append(mark, made("span", "", one.w));
    return box;
  }

  function line(row, columns) {
    const tr = made("tr", row.waivers.length ? "gone" : "");
    if (data.may) {
      const pick = made("td", "pick");
      if (row.open) {
        const box = keyed(made("input", "", "", { type: "checkbox", checked: state.chosen.has(row.id) }), "pick-" + row.id);
        box.setAttribute("aria-label", "Choose " + row.title);
        box.onchange = () => { state.chosen[box.checked ? "add" : "delete"](row.id); again(); };
        pick.append(box);
      }
      tr.append(pick);
    }
    const who = made("td", "who");
    who.append(made("b", "", row.title), made("span", "soft", row.detail));
    for (const note of row.notes) who.append(made("span", "notice", note));
    for (const waiver of row.waivers) {
      const said = made("span", "waiver", `Let go by ${waiver.who}: ${waiver.reason} `);
      if (data.may && waiver.undo) {
        const undo = keyed(made("button", "", "Take back"), "undo-" + waiver.id);
        undo.onclick = () => setTriggerValue("undo", waiver.id);
        said.append(undo);
      }
      who.append(said);
    }
    tr.append(who);
    for (const column of columns) {
      const td = made("td");
      td.dataset.label = data.columns[column];
      if (row.cells[column]) td.append(cell(row.cells[column]));
      tr.append(td);
    }
    const go = made("td", "go");
    if (row.go) {
      const button = keyed(made("button", "", row.go), "go-" + row.id);
      button.setAttribute("aria-label", `${row.go}: ${row.title}`);
      button.onclick = () => setTriggerValue("open", row.id);
      go.append(button);
    }
    tr.append(go);
    return tr;
  }

  function table(rows) {
    const frame = made("div", "frame");
    if (!rows.length) {
      frame.append(made("div", "none soft", state.only ? "No row stands behind this number." : data.nothing[state.tab] || "Nothing is open here."));
      return frame;
    }
    const all = state.only ? rows : data.rows.filter((row) => row.tab === state.tab);
    const columns = Object.keys(data.columns).filter((name) => all.some((row) => row.cells[name]));
    const grid = made("table");
    const head = made("thead"), top = made("tr");
    if (data.may) {
      const pick = made("th", "pick");
      const open = rows.filter((row) => row.open);
      if (open.length) {
        const box = keyed(made("input", "", "", { type: "checkbox", checked: open.every((row) => state.chosen.has(row.id)) }), "pick-all");
        box.setAttribute("aria-label", "Choose all rows shown");
        box.onchange = () => { for (const row of open) state.chosen[box.checked ? "add" : "delete"](row.id); again(); };
        pick.append(box);
      }
      top.append(pick);
    }
    top.append(made("th", "", "Row"), ...columns.map((name) => made("th", "", data.columns[name])), made("th"));
    head.append(top);
    const body = made("tbody");
    body.append(...rows.map((row) => line(row, columns)));
    grid.append(head, body);
    frame.append(grid);
    return frame;
  }

  function draw() {
    const parts = [sums(), bar(), unused(), table(shown())];
    if (state.chosen.size) {
      const box = made("div", "chosen");
      box.append(made("span", "", state.chosen.size === 1 ? "One row chosen" : `${state.chosen.size} rows chosen`));
      const go = keyed(made("button", "do", state.chosen.size === 1 ? "Let it go" : "Let them go"), "waive");
      go.onclick = () => setTriggerValue("waive", [...state.chosen]);
      box.append(go);
      parts.push(box);
    }
    root.replaceChildren(...parts);
  }

  again();
}
