// The calendar: days with their load and appointments. Text reaches the page as text, never as markup.
// It sends one wish at a time as the trigger "act": {kind: open|book|day, id, day, time}.

const loads = (list, kind) => {
  const box = el("div", kind);
  for (const one of list) {
    const load = el("div", "load" + (one.taken >= one.capacity ? " full" : ""));
    load.style.setProperty("--tone", one.colour);
    load.append(el("span", "", one.label), el("b", "", `${one.taken}/${one.capacity}`));
    const bar = el("div", "bar");
    const fill = el("i");
    fill.style.width = `${one.capacity ? Math.min(100, (100 * one.taken) / one.capacity) : 100}%`;
    bar.append(fill);
    bar.setAttribute("aria-hidden", "true");
    load.append(bar);
    load.title = `${one.label}: ${one.taken} of ${one.capacity} places taken`;
    box.append(load);
  }
  return box;
};

const spoken = (entry) =>
  `${entry.time}, ${entry.animal}, ${entry.owner}, ${entry.type}, ${entry.label}` + (entry.caution ? ", caution" : "");

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".calendar");
  const focused = parentElement.activeElement?.dataset?.name;
  const send = (wish) => setTriggerValue("act", wish);
  root.style.setProperty("--columns", data.days.length);
  root.classList.toggle("may", data.may);

  const opener = (kind, entry) => {
    const button = el("button", `${kind} ${entry.group}`);
    button.type = "button";
    button.dataset.name = entry.id;
    button.style.setProperty("--tone", entry.colour);
    button.setAttribute("aria-label", spoken(entry));
    button.title = `${entry.animal}, ${entry.owner} · ${entry.type} · ${entry.label}`;
    button.onclick = () => send({ kind: "open", id: entry.id });
    return button;
  };

  const adder = (day, time, label) => {
    const button = el("button", "add", "+");
    button.type = "button";
    button.dataset.name = `add ${day} ${time}`;
    button.title = label;
    button.setAttribute("aria-label", label);
    button.onclick = () => send({ kind: "book", day, time });
    return button;
  };

  const item = (entry) => {
    const row = el("li");
    const button = opener("item", entry);
    const who = el("span", "who");
    who.append(el("b", "", entry.animal), el("span", "", ` ${entry.surname}`));
    button.append(el("time", "", entry.short), who);
    if (entry.mark || entry.caution) {
      const mark = el("span", entry.caution ? "mark warn" : "mark", entry.caution ? "▲" : entry.mark);
      button.append(mark);
    }
    row.append(button);
    return row;
  };

  const card = (entry) => {
    const row = el("li");
    const button = opener("card", entry);
    const who = el("span", "who");
    who.append(el("b", "", entry.animal), el("span", "", ` · ${entry.owner}`));
    button.append(el("time", "", entry.time), who, el("span", "stage", entry.label));
    button.append(el("span", "sub", entry.sub));
    row.append(button);
    return row;
  };

  const column = (day) => {
    const box = el("section", "day" + (day.today ? " today" : "") + (day.open ? "" : " closed"));
    box.classList.toggle("chosen", day.iso === root.dataset.chosen);
    box.setAttribute("aria-label", day.long);
    const top = el("div", "daytop");
    const line = el("div", "dayline");
    const name = el("button", "dayname");
    name.type = "button";
    name.dataset.name = `day ${day.iso}`;
    name.title = `Show ${day.long}`;
    name.append(el("small", "", day.weekday), el("b", "", day.number));
    name.onclick = () => send({ kind: "day", day: day.iso });
    line.append(name);
    if (data.may) line.append(adder(day.iso, "", `Book on ${day.long}`));
    top.append(line, day.loads.length ? loads(day.loads, "loads") : el("div", "shut", day.open ? "" : "Closed"));
    box.append(top);
    const mine = data.entries.filter((entry) => entry.day === day.iso);
    const list = el("ul", "list");
    list.append(...mine.filter((entry) => entry.group !== "out").map(item));
    const out = mine.filter((entry) => entry.group === "out");
    if (list.children.length) box.append(list);
    else if (day.open) box.append(el("div", "none", "Nobody booked"));
    if (out.length) {
      const fold = el("details");
      fold.append(el("summary", "", `${out.length} canceled or missed`));
      const rest = el("ul", "list");
      rest.append(...out.map(item));
      fold.append(rest);
      box.append(fold);
    }
    return box;
  };

  const choose = (iso) => {
    root.dataset.chosen = iso;
    root.querySelectorAll(".pick").forEach((pick) => pick.setAttribute("aria-selected", pick.dataset.iso === iso));
    root.querySelectorAll(".day").forEach((day, index) => day.classList.toggle("chosen", data.days[index].iso === iso));
  };

  const week = () => {
    if (data.chosen !== root.dataset.asked || !data.days.some((day) => day.iso === root.dataset.chosen)) {
      root.dataset.asked = root.dataset.chosen = data.chosen;
    }
    const picker = el("div", "picker");
    picker.setAttribute("role", "tablist");
    picker.setAttribute("aria-label", "Day");
    for (const day of data.days) {
      const pick = el("button", "pick" + (day.today ? " today" : "") + (day.open ? "" : " closed"));
      pick.type = "button";
      pick.dataset.iso = day.iso;
      pick.setAttribute("role", "tab");
      pick.setAttribute("aria-label", `${day.long}, ${day.count}`);
      pick.setAttribute("aria-selected", day.iso === root.dataset.chosen);
      pick.append(el("small", "", day.weekday), el("b", "", day.number));
      pick.onclick = () => choose(day.iso);
      picker.append(pick);
    }
    const grid = el("div", "week");
    grid.append(...data.days.map(column));
    return [picker, grid];
  };

  const oneDay = () => {
    const day = data.days[0];
    const parts = [];
    if (day.loads.length) parts.push(loads(day.loads, "dayloads"));
    const hours = el("div", "hours");
    for (const hour of data.hours) {
      const row = el("div", "hour" + (hour.now ? " now" : ""));
      const cards = el("ul", "cards");
      cards.append(...data.entries.filter((entry) => entry.slot === hour.slot).map(card));
      row.append(el("time", "", hour.label), cards);
      if (data.may) row.append(adder(day.iso, hour.slot, `Book at ${hour.label}`));
      hours.append(row);
    }
    parts.push(hours);
    return parts;
  };

  root.replaceChildren(...(data.mode === "day" ? oneDay() : week()));
  if (focused) [...root.querySelectorAll("button")].find((button) => button.dataset.name === focused)?.focus();

  root.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || event.target.tagName !== "BUTTON") return;
    const sideways = event.key === "ArrowLeft" || event.key === "ArrowRight";
    const visible = (node) => node.offsetParent !== null;
    if (sideways && data.mode === "week" && event.target.closest(".day")) {
      const days = [...root.querySelectorAll(".day")].filter(visible);
      const here = event.target.closest(".day");
      const at = [...here.querySelectorAll("button")].indexOf(event.target);
      const there = days[days.indexOf(here) + step]?.querySelectorAll("button");
      if (there?.length) there[Math.min(at, there.length - 1)].focus();
    } else {
      const scope = event.target.closest(".day") || event.target.closest(".picker") || root;
      const buttons = [...scope.querySelectorAll("button")].filter(visible);
      buttons[buttons.indexOf(event.target) + step]?.focus();
    }
    event.preventDefault();
  };
}
