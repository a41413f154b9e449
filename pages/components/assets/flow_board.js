// The patient flow board. Python sends columns and cards; the board sends back a list of moves, each with an id, and
// paints them at once. A move stays in the list until Python has answered it, so that none is lost when several are
// made quickly. All text reaches the page through textContent.
const boards = new WeakMap()

const icon = path => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  svg.setAttribute("viewBox", "0 0 24 24")
  svg.setAttribute("aria-hidden", "true")
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path")
  line.setAttribute("d", path)
  line.setAttribute("fill", "none")
  line.setAttribute("stroke", "currentColor")
  line.setAttribute("stroke-width", "2")
  line.setAttribute("stroke-linecap", "round")
  line.setAttribute("stroke-linejoin", "round")
  svg.append(line)
  return svg
}
const ARROW = "M5 12h14M13 6l6 6-6 6"
const DOTS = "M5 12h.01M12 12h.01M19 12h.01"
const SEX = { female: "♀", male: "♂" }
const ROOMY = 150, TIGHT = 112, RAIL = 34, GAP = 8 // widths in pixels, as in flow_board.css
const NEEDS_REASON = ["declined", "held_overnight", "died"]

class Board {
  constructor(root) {
    this.root = root
    this.data = null
    this.cards = new Map() // id -> {card, node, parts}
    this.columns = new Map() // id -> {spec, node, list, count, word}
    this.outbox = []
    this.folded = new Map()
    this.selected = null
    this.current = null
    this.query = ""
    this.build()
  }

  build() {
    const { root } = this
    this.bar = el("div", "bar")
    this.search = el("input")
    this.search.type = "search"
    this.search.placeholder = "Find patient, client or number"
    this.search.setAttribute("aria-label", "Find patient, client or number")
    this.search.oninput = () => { this.query = this.search.value.trim().toLowerCase(); this.paint() }
    this.facts = el("div", "facts")
    this.stale = el("span", "stale")
    this.stale.hidden = true
    this.keys = el("span", "keys")
    for (const [key, what] of [["/", "find"], ["↵", "move on"], ["⌫", "undo"], ["M", "move to"], ["O", "open"]]) {
      this.keys.append(el("kbd", "", key), ` ${what}  `)
    }
    this.bar.append(this.search, this.facts, this.stale, this.keys)
    this.picker = el("div", "picker")
    this.picker.setAttribute("role", "group")
    this.picker.setAttribute("aria-label", "Stage")
    this.lanes = el("div", "lanes")
    this.nothing = el("div", "nothing")
    this.nothing.hidden = true
    this.toast = el("div", "toast")
    this.toast.setAttribute("role", "status")
    this.toast.hidden = true
    this.live = el("div", "sr")
    this.live.setAttribute("aria-live", "polite")
    this.dialog = el("dialog")
    root.append(this.bar, this.picker, this.lanes, this.nothing, this.toast, this.live, this.dialog)
    root.addEventListener("keydown", event => this.onKey(event))
    this.onSlash = event => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return
      const at = event.composedPath()[0]
      if (at instanceof HTMLElement && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName))) return
      event.preventDefault()
      this.search.focus()
    }
    document.addEventListener("keydown", this.onSlash)
    this.resize = new ResizeObserver(() => this.fit())
    this.resize.observe(root)
    this.timer = setInterval(() => this.tick(), 1000)
  }

  close() {
    document.removeEventListener("keydown", this.onSlash)
    this.resize.disconnect()
    clearInterval(this.timer)
    clearTimeout(this.toastTimer)
    if (this.drag) this.endDrag()
  }

  fit() {
    const width = this.root.clientWidth
    if (!width || width === this.width) return
    this.width = width
    this.narrow = width < 620
    this.root.classList.toggle("narrow", this.narrow)
    this.paint()
  }

  // Every stage on the screen: tight cards first, then those who are only expected fold away too.
  foldsFor(per) {
    const folds = new Map()
    for (const [id, column] of this.columns) {
      folds.set(id, this.folded.has(id) ? this.folded.get(id) : column.spec.fold || !per.get(id).length)
    }
    const taken = lane => [...folds.values()].reduce((sum, folded) => sum + (folded ? RAIL : lane) + GAP, 0)
    const first = this.data.columns[0]
    if (!this.narrow && first && first.drop === "booked" && !this.folded.has(first.id) && taken(TIGHT) > this.width) {
      folds.set(first.id, true)
    }
    this.root.classList.toggle("tight", !this.narrow && taken(ROOMY) > this.width)
    return folds
  }

  // ---- what Python sent -------------------------------------------------------------------------------------------
  receive(component) {
    const { data, setStateValue, setTriggerValue } = component
    this.send = moves => setStateValue("moves", moves)
    this.openRecord = id => setTriggerValue("open", id)
    this.data = data
    this.offset = data.now - Date.now()
    this.heard = Date.now()
    for (const answer of data.answers) {
      const index = this.outbox.findIndex(move => move.id === answer.id)
      if (index < 0) continue
      const [move] = this.outbox.splice(index, 1)
      if (!answer.ok) this.say(answer.message)
      else if (move.kind !== "undo") this.offerUndo(move, answer)
      else { this.toast.hidden = true; this.announce(answer.message) }
    }
    const ground = getComputedStyle(this.root).getPropertyValue("--st-background-color").trim()
    this.root.classList.toggle("dark", isDark(ground))
    this.layColumns()
    this.paint()
  }

  stageOf(card) {
    for (let i = this.outbox.length - 1; i >= 0; i--) {
      if (this.outbox[i].card === card.id && this.outbox[i].to) return this.outbox[i].to
    }
    return card.stage
  }

  columnOf(stage) {
    return this.data.columns.find(column => column.stages.includes(stage))
  }

  // ---- painting ---------------------------------------------------------------------------------------------------
  layColumns() {
    const wanted = this.data.columns.map(column => column.id)
    for (const [id, column] of this.columns) {
      if (!wanted.includes(id)) { column.node.remove(); this.columns.delete(id) }
    }
    this.data.columns.forEach((spec, place) => {
      let column = this.columns.get(spec.id)
      if (!column) {
        const node = el("section", "col")
        const head = el("h2")
        const fold = el("button", "fold")
        fold.type = "button"
        const dot = el("span", "dot")
        const word = el("span", "word")
        const count = el("span", "count")
        fold.append(dot, word, " ", count)
        fold.onclick = () => { this.folded.set(spec.id, !node.classList.contains("rail")); this.paint() }
        head.append(fold)
        const list = el("ul")
        node.append(head, list)
        node.dataset.column = spec.id
        column = { node, list, dot, word, count, fold }
        this.columns.set(spec.id, column)
      }
      column.spec = spec
      column.word.textContent = spec.label
      column.dot.style.background = spec.colour
      column.list.setAttribute("aria-label", spec.label)
      if (this.lanes.children[place] !== column.node) this.lanes.insertBefore(column.node, this.lanes.children[place])
    })
  }

  matches(card) {
    if (!this.query) return true
    return `${card.patient} ${card.client} ${card.number}`.toLowerCase().includes(this.query)
  }

  paint() {
    if (!this.data) return
    const { cards } = this.data
    const known = new Set(cards.map(card => card.id))
    for (const [id, held] of this.cards) {
      if (!known.has(id)) { held.node.remove(); this.cards.delete(id) }
    }
    const per = new Map(this.data.columns.map(column => [column.id, []]))
    for (const card of cards) {
      const column = this.columnOf(this.stageOf(card))
      if (column && this.matches(card)) per.get(column.id).push(card)
    }
    if (!this.current || !per.has(this.current)) {
      this.current = (this.data.columns.find(column => per.get(column.id).length) || this.data.columns[0] || {}).id
    }
    const folds = this.foldsFor(per)
    for (const [id, column] of this.columns) {
      const list = per.get(id)
      const rail = !this.narrow && folds.get(id) && !(this.query && list.length)
      column.node.classList.toggle("rail", rail)
      column.node.classList.toggle("current", id === this.current)
      column.count.textContent = list.length
      column.fold.setAttribute("aria-expanded", String(!rail))
      list.forEach((card, place) => {
        const node = this.drawCard(card, column.spec)
        if (column.list.children[place] !== node) {
          const focused = node.contains(this.root.getRootNode().activeElement)
          column.list.insertBefore(node, column.list.children[place] || null)
          if (focused) node.focus({ preventScroll: true })
        }
      })
      while (column.list.children.length > list.length) column.list.lastChild.remove()
      if (!list.length) column.list.append(el("li", "empty", this.query ? "No match" : "Nobody"))
    }
    this.nothing.hidden = cards.length > 0
    this.lanes.hidden = cards.length === 0
    this.nothing.textContent = this.data.empty
    this.drawPicker(per)
    this.tick(true)
    this.roving()
  }

  drawPicker(per) {
    this.data.columns.forEach((spec, place) => {
      let button = this.picker.children[place]
      if (!button) {
        button = el("button")
        button.type = "button"
        button.append(el("span", "dot"), el("span", "word"), el("span", "count"))
        button.onclick = () => { this.current = button.dataset.column; this.paint() }
        this.picker.append(button)
      }
      button.dataset.column = spec.id
      button.children[0].style.background = spec.colour
      button.children[1].textContent = spec.label
      button.children[2].textContent = per.get(spec.id).length
      button.setAttribute("aria-pressed", String(spec.id === this.current))
    })
    while (this.picker.children.length > this.data.columns.length) this.picker.lastChild.remove()
  }

  drawCard(card, spec) {
    let held = this.cards.get(card.id)
    if (!held) {
      const node = el("li", "card")
      node.tabIndex = -1
      const top = el("div", "row"), middle = el("div", "row"), foot = el("div", "row foot")
      const p = {
        number: el("span", "number"), name: el("a", "name"), time: el("span", "time"), sub: el("span", "sub"),
        flags: el("div", "flags"), services: el("span", "services"), who: el("span", "who"),
        more: el("button", "more"), go: el("button", "go"),
      }
      p.name.draggable = false // a link drags itself, which would end our own dragging
      p.more.type = p.go.type = "button"
      p.more.append(icon(DOTS))
      p.go.append(icon(ARROW))
      top.append(p.name, p.number, p.time)
      middle.append(p.sub, p.who)
      foot.append(p.services, p.more, p.go)
      node.append(top, middle, p.flags, foot)
      held = { node, p }
      this.cards.set(card.id, held)
      p.go.onclick = event => { event.stopPropagation(); this.advance(held.card) }
      p.more.onclick = event => { event.stopPropagation(); this.choose(held.card) }
      p.name.onclick = event => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return event.stopPropagation()
        event.preventDefault()
      }
      node.onclick = event => {
        if (this.swallow || event.ctrlKey || event.metaKey || event.shiftKey) return
        this.select(card.id)
        this.openRecord(card.id)
      }
      node.onfocus = () => this.select(card.id)
      node.addEventListener("pointerdown", event => this.press(event, held))
    }
    const { node, p } = held
    const stage = this.stageOf(card)
    const was = held.stage
    held.card = card
    held.stage = stage
    held.spec = spec
    const pending = this.outbox.some(move => move.card === card.id)
    node.classList.toggle("pending", pending)
    if (was && was !== stage && !pending) this.flash(node)
    const next = this.nextOf(card, stage)
    set(p.number, String(card.number))
    set(p.name, card.patient)
    p.name.href = card.href
    const sex = SEX[card.sex] || ""
    set(p.sub, [`${sex} ${card.species}`.trim(), card.client].filter(Boolean).join(" · "))
    const flags = JSON.stringify(card.flags)
    if (held.flags !== flags) {
      held.flags = flags
      p.flags.replaceChildren(...card.flags.map(([tone, text]) => {
        const flag = el("span", `flag ${tone === "red" ? "red" : ""}`, text)
        flag.title = text
        return flag
      }))
    }
    set(p.services, card.services.join(", "))
    p.services.title = card.services.join(", ")
    set(p.who, card.surgeon)
    p.who.hidden = !card.surgeon
    p.who.style.display = card.surgeon ? "" : "none"
    p.more.setAttribute("aria-label", `Move ${card.patient} to another stage`)
    p.more.style.display = this.data.may ? "" : "none"
    p.go.style.display = this.data.may && next ? "" : "none"
    if (next) {
      const label = this.checksOut(card) ? `Check out ${card.patient}` : `Move ${card.patient} to ${this.labelOf(next)}`
      p.go.setAttribute("aria-label", label)
      p.go.title = label
    }
    return node
  }

  nextOf(card, stage) {
    if (stage === card.stage) return card.next
    const index = this.data.order.indexOf(stage)
    return index < 0 ? null : this.data.order[index + 1] || null
  }

  labelOf(stage) {
    return this.data.labels[stage] || stage
  }

  flash(node) {
    node.classList.remove("arrived")
    void node.offsetWidth
    node.classList.add("arrived")
  }

  tick(force) {
    if (!this.data) return
    const now = Date.now() + this.offset
    const minute = Math.floor(now / 15000)
    if (force || minute !== this.minute) {
      this.minute = minute
      let house = 0, long = 0
      for (const { card, p, node, spec, stage } of this.cards.values()) {
        const since = stage === card.stage ? card.since : now
        const minutes = Math.max(0, Math.floor((now - since) / 60000))
        const ticking = spec.long > 0
        set(p.time, ticking ? words(minutes) : card.clock)
        p.time.title = ticking ? `${minutes} minutes in ${spec.label}` : ""
        node.classList.toggle("long", ticking && minutes >= spec.long && minutes < spec.veryLong)
        node.classList.toggle("very-long", ticking && minutes >= spec.veryLong)
        if (this.data.inHouse.includes(stage)) house++
        if (ticking && minutes >= spec.veryLong) long++
        node.setAttribute("aria-label", [
          `${card.patient}, number ${card.number}`, this.labelOf(stage), ticking ? `${minutes} minutes` : "",
          ...card.flags.map(([, text]) => text),
        ].filter(Boolean).join(", "))
      }
      this.drawFacts(house, long)
    }
    const silent = Date.now() - this.heard
    this.stale.hidden = silent < 20000
    if (silent >= 20000) set(this.stale, `Not refreshed for ${Math.round(silent / 1000)} s`)
  }

  drawFacts(house, long) {
    const done = this.data.cards.filter(card => this.stageOf(card) === "checked_out").length
    const parts = [["", this.data.cards.length, "patients"], ["", house, "in the house"], ["", done, "checked out"]]
    const nodes = []
    parts.forEach(([, number, what], place) => {
      nodes.push(place ? " · " : "", el("b", "", number), ` ${what}`)
    })
    if (long) nodes.push(" · ", el("span", "late", `${long} waiting too long`))
    const text = nodes.map(node => node.textContent ?? node).join("")
    if (this.facts.textContent !== text) this.facts.replaceChildren(...nodes)
  }

  // ---- selecting and keys -----------------------------------------------------------------------------------------
  select(id) {
    if (this.selected === id) return
    this.selected = id
    this.roving()
  }

  roving() {
    if (!this.cards.has(this.selected)) this.selected = null
    let tabbable = this.selected
    if (!tabbable) {
      const first = this.lanes.querySelector(".col:not(.rail) .card")
      for (const [id, held] of this.cards) if (held.node === first) tabbable = id
    }
    for (const [id, { node, p }] of this.cards) {
      const on = id === tabbable
      node.tabIndex = on ? 0 : -1
      for (const part of [p.name, p.more, p.go]) part.tabIndex = on && id === this.selected ? 0 : -1
      node.classList.toggle("selected", id === this.selected)
    }
  }

  grid() {
    return [...this.lanes.children]
      .filter(node => !node.classList.contains("rail") && (!this.narrow || node.classList.contains("current")))
      .map(node => [...node.querySelectorAll(".card")])
      .filter(list => list.length)
  }

  onKey(event) {
    if (this.dialog.open || event.ctrlKey || event.metaKey || event.altKey) return
    const at = event.composedPath()[0]
    if (at === this.search) {
      if (event.key === "Escape") { this.search.value = this.query = ""; this.paint() }
      if (event.key === "ArrowDown" || event.key === "Enter") this.step(0, 0, event)
      return
    }
    if (event.key === "Escape" && this.drag) return this.endDrag()
    const moves = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }
    if (moves[event.key]) return this.step(...moves[event.key], event)
    const held = this.cards.get(this.selected)
    if (!held || !at.closest || !at.closest(".card")) return
    const onControl = at.tagName === "BUTTON" || at.tagName === "A"
    if (event.key === "Enter" && !onControl) { event.preventDefault(); this.advance(held.card) }
    else if (event.key === "Enter" && at.tagName === "A") { event.preventDefault(); this.openRecord(held.card.id) }
    else if (event.key === "Backspace") { event.preventDefault(); this.undo(held.card) }
    else if (event.key.toLowerCase() === "m") { event.preventDefault(); this.choose(held.card) }
    else if (event.key.toLowerCase() === "o") { event.preventDefault(); this.openRecord(held.card.id) }
  }

  step(dx, dy, event) {
    event.preventDefault()
    const grid = this.grid()
    if (!grid.length) return
    const held = this.cards.get(this.selected)
    let x = held ? grid.findIndex(list => list.includes(held.node)) : -1
    let y = x >= 0 ? grid[x].indexOf(held.node) : 0
    if (x < 0) { x = 0; y = 0 } else {
      x = Math.min(Math.max(x + dx, 0), grid.length - 1)
      y = Math.min(Math.max(y + dy, 0), grid[x].length - 1)
    }
    grid[x][y].focus()
    grid[x][y].scrollIntoView({ block: "nearest", inline: "nearest" })
  }

  // ---- moving -----------------------------------------------------------------------------------------------------
  request(card, kind, to, reason) {
    if (!this.data.may) return
    const move = { id: newId(), session: this.data.session, card: card.id, kind, from: this.stageOf(card), to, reason }
    this.outbox.push(move)
    const held = this.cards.get(card.id)
    const focused = held && held.node.contains(this.root.getRootNode().activeElement)
    this.paint()
    if (focused && !this.narrow) {
      if (held.node.closest(".rail")) this.step(0, 0, { preventDefault() {} })
      else held.node.focus({ preventScroll: true })
    }
    this.send(this.outbox.map(item => ({ ...item })))
  }

  checksOut(card) {
    return this.data.mayCheckOut && card.stage === "ready" && this.stageOf(card) === "ready"
  }

  advance(card) {
    const next = this.nextOf(card, this.stageOf(card))
    if (this.checksOut(card)) this.openRecord(`checkout:${card.id}`)
    else if (next) this.request(card, "move", next, "")
  }

  undo(card) {
    this.request(card, "undo", null, "")
  }

  drop(card, column) {
    const stage = this.stageOf(card)
    if (column.stages.includes(stage) || !column.drop) return
    if (NEEDS_REASON.includes(column.drop)) this.choose(card, column.drop)
    else this.request(card, "move", column.drop, "")
  }

  choose(card, preset) {
    if (!this.data.may) return
    const { dialog } = this
    const stage = this.stageOf(card)
    const title = el("h3", "", `Move ${card.patient} to`)
    title.id = "title"
    dialog.setAttribute("aria-labelledby", "title")
    const choices = el("div", "choices")
    const why = el("label", "why", "Why?")
    const reason = el("input")
    reason.maxLength = 200
    why.append(reason)
    why.hidden = true
    const acts = el("div", "acts")
    const back = el("button", "", "Undo last move"), cancel = el("button", "", "Close"), main = el("button", "main")
    for (const button of [back, cancel, main]) button.type = "button"
    main.hidden = true
    let chosen = null
    const pick = target => {
      if (!NEEDS_REASON.includes(target)) { dialog.close(); this.request(card, "move", target, ""); return }
      chosen = target
      why.hidden = main.hidden = false
      main.textContent = `Move to ${this.labelOf(target)}`
      for (const button of choices.children) {
        button.setAttribute("aria-pressed", String(button.dataset.stage === target))
      }
      reason.focus()
    }
    for (const target of this.data.targets) {
      const button = el("button")
      button.type = "button"
      button.dataset.stage = target
      const dot = el("span", "dot")
      dot.style.background = (this.columnOf(target) || {}).colour || "var(--muted)"
      button.append(dot, el("span", "", this.labelOf(target)))
      button.disabled = target === stage
      button.onclick = () => pick(target)
      choices.append(button)
    }
    const finish = () => {
      if (!reason.value.trim()) { reason.focus(); return }
      dialog.close()
      this.request(card, "move", chosen, reason.value.trim())
    }
    main.onclick = finish
    reason.onkeydown = event => { if (event.key === "Enter") { event.preventDefault(); finish() } }
    back.onclick = () => { dialog.close(); this.undo(card) }
    cancel.onclick = () => dialog.close()
    dialog.onclose = () => { const held = this.cards.get(card.id); if (held) held.node.focus({ preventScroll: true }) }
    acts.append(back, cancel, main)
    dialog.replaceChildren(title, choices, why, acts)
    dialog.showModal()
    if (preset) pick(preset)
  }

  // ---- dragging: mouse at once, finger after a short hold ----------------------------------------------------------
  press(event, held) {
    if (event.button !== 0 || !this.data.may || event.target.closest("button")) return
    const { node } = held
    const start = { x: event.clientX, y: event.clientY }
    const touch = event.pointerType === "touch"
    let timer = touch ? setTimeout(() => begin(start), 320) : null
    const begin = at => {
      timer = null
      const box = node.getBoundingClientRect()
      const ghost = node.cloneNode(true)
      ghost.className = "card ghost"
      ghost.removeAttribute("tabindex")
      ghost.setAttribute("aria-hidden", "true")
      ghost.style.width = `${box.width}px`
      this.root.append(ghost)
      this.drag = { held, ghost, dx: start.x - box.left, dy: start.y - box.top, over: null }
      node.classList.add("lifted")
      if (touch && navigator.vibrate) navigator.vibrate(10)
      follow(at)
    }
    const follow = at => {
      const { ghost, dx, dy } = this.drag
      ghost.style.transform = `translate(${at.x - dx}px, ${at.y - dy}px)`
      const under = this.root.getRootNode().elementFromPoint(at.x, at.y)
      const column = under && under.closest ? under.closest(".col, .picker button") : null
      if (column !== this.drag.over) {
        if (this.drag.over) this.drag.over.classList.remove("over")
        if (column) column.classList.add("over")
        this.drag.over = column
      }
      const lanes = this.lanes.getBoundingClientRect()
      if (at.x > lanes.right - 40) this.lanes.scrollLeft += 12
      if (at.x < lanes.left + 40) this.lanes.scrollLeft -= 12
    }
    const onMove = at => {
      const far = Math.hypot(at.clientX - start.x, at.clientY - start.y)
      if (this.drag) { at.preventDefault(); follow({ x: at.clientX, y: at.clientY }) }
      else if (touch) { if (far > 10) off() }
      else if (far > 6) begin({ x: at.clientX, y: at.clientY })
    }
    const onTouch = at => { if (this.drag) at.preventDefault() }
    const onUp = () => {
      const { drag } = this
      off()
      if (!drag) return
      this.swallow = true
      setTimeout(() => { this.swallow = false }, 60)
      const target = drag.over && this.data.columns.find(column => column.id === drag.over.dataset.column)
      this.endDrag()
      if (target) this.drop(held.card, target)
    }
    const off = () => {
      clearTimeout(timer)
      window.removeEventListener("pointermove", onMove)
      window.removeEventListener("pointerup", onUp)
      window.removeEventListener("pointercancel", onCancel)
      window.removeEventListener("touchmove", onTouch)
    }
    const onCancel = () => { off(); if (this.drag) this.endDrag() }
    window.addEventListener("pointermove", onMove)
    window.addEventListener("pointerup", onUp)
    window.addEventListener("pointercancel", onCancel)
    window.addEventListener("touchmove", onTouch, { passive: false })
  }

  endDrag() {
    const { held, ghost, over } = this.drag
    held.node.classList.remove("lifted")
    if (over) over.classList.remove("over")
    ghost.remove()
    this.drag = null
  }

  // ---- saying -----------------------------------------------------------------------------------------------------
  say(message, action) {
    clearTimeout(this.toastTimer)
    this.toast.replaceChildren(el("span", "", message))
    if (action) {
      const button = el("button", "", action.label)
      button.type = "button"
      button.onclick = () => { this.toast.hidden = true; action.act() }
      this.toast.append(button)
    }
    this.toast.hidden = false
    this.toastTimer = setTimeout(() => { this.toast.hidden = true }, action ? 6000 : 9000)
  }

  announce(message) {
    this.live.textContent = message
  }

  offerUndo(move, answer) {
    const card = this.data.cards.find(item => item.id === move.card)
    if (!card) return this.announce(answer.message)
    this.say(answer.message, { label: "Undo", act: () => this.undo(card) })
  }
}

const set = (node, text) => { if (node.textContent !== text) node.textContent = text }

const words = minutes => {
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours} h ${String(minutes % 60).padStart(2, "0")}` : `${Math.floor(hours / 24)} d`
}

export default function (component) {
  const { parentElement } = component
  const root = parentElement.querySelector(".board")
  if (!root) return
  let board = boards.get(root)
  if (!board) {
    board = new Board(root)
    boards.set(root, board)
  }
  board.receive(component)
  return () => { board.close(); boards.delete(root) }
}
