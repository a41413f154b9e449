// Back entry: the queue, and one screen for each visit with the scanned paper beside every field. Keyboard first: Tab and
// Enter go on in the order of the paper, digits choose, mod+Enter saves. What is typed is sent as a draft a moment after
// each change and as a whole on saving. All text reaches the page through textContent.
const forms = new WeakMap()

const button = (className, text, act, key) => {
  const node = el("button", className, text)
  node.type = "button"
  node.onclick = act
  if (key) node.append(" ", el("kbd", "", key))
  return node
}
const MAC = navigator.platform.startsWith("Mac")
const SAVE = MAC ? "⌘↵" : "Ctrl ↵"
const MISS = MAC ? "⌥N" : "Alt N"
const WAIT = 700, PAGE = 1000 // a draft goes out so many ms after the last key; a page is drawn as wide as this in pixels
const LEGIBLE = 620 // on a phone a page is never drawn narrower than this; what does not fit is pushed sideways
const BLANK = "-"
const WRITTEN = ["text", "digits", "bubble_digits", "time", "date", "initials"]
const STATES = { begun: "Begun", waiting: "To key", printed: "Not scanned", entered: "Entered", away: "Nothing to key" }

class Form {
  constructor(root) {
    this.root = root
    this.pictures = new Map() // page id -> promise of {url, w, h}
    this.controls = []
    this.values = {}
    this.open = new Set()
    this.queue = el("nav", "queue")
    this.queue.setAttribute("aria-label", "What is to be keyed")
    this.main = el("section", "main")
    this.toast = el("div", "toast")
    this.toast.setAttribute("role", "status")
    this.toast.hidden = true
    root.append(this.queue, this.main, this.toast)
    root.addEventListener("keydown", event => this.onKey(event))
    this.onLost = event => { if (event.composedPath()[0] === document.body) this.onKey(event) }
    document.addEventListener("keydown", this.onLost)
    this.resize = new ResizeObserver(() => this.fit())
    this.resize.observe(root)
    this.onLeave = () => this.flush()
    window.addEventListener("pagehide", this.onLeave)
  }

  close() {
    this.flush()
    document.removeEventListener("keydown", this.onLost)
    window.removeEventListener("pagehide", this.onLeave)
    this.resize.disconnect()
    clearTimeout(this.toastTimer)
    for (const told of this.pictures.values()) told.then(({ url }) => URL.revokeObjectURL(url), () => {})
  }

  fit() {
    const narrow = this.root.clientWidth < 760
    if (narrow === this.narrow && this.width === this.root.clientWidth) return
    this.narrow = narrow
    this.width = this.root.clientWidth
    this.root.classList.toggle("narrow", narrow)
    for (const place of this.main.querySelectorAll(".crop")) place.draw?.()
  }

  receive(component) {
    const { data, setStateValue, setTriggerValue } = component
    this.sendDraft = body => setStateValue("draft", body)
    this.send = body => setTriggerValue("act", body)
    this.data = data
    this.root.classList.toggle("dark", isDark(getComputedStyle(this.root).getPropertyValue("--st-background-color").trim()))
    this.fit()
    const fresh = data.stamp !== this.stamp
    if (fresh) this.show(data)
    this.paintQueue()
    if (data.answer && data.answer.id !== this.answered) {
      this.answered = data.answer.id
      this.saving = false
      this.paintFoot()
      if (data.answer.message) this.say(data.answer.message, data.answer.ok)
      if (!fresh) this.mark(data.answer.problems || [])
    }
    if (this.people && JSON.stringify(data.matches) !== this.matched) {
      this.matched = JSON.stringify(data.matches)
      this.people.replaceChildren(...this.known(data.matches || []))
    }
  }

  show(data) {
    const first = this.stamp === undefined
    clearTimeout(this.timer)
    this.timer = null
    this.stamp = data.stamp
    this.matched = ""
    this.values = structuredClone(data.values || {})
    this.saving = false
    this.build()
    if (!first || data.entry) setTimeout(() => (this.controls.find(one => !one.sure) || this.main.querySelector("button"))?.focus({ preventScroll: true }), 0)
    if (!first) this.root.scrollIntoView({ block: "start" })
  }

  // ---- the queue ----------------------------------------------------------------------------------------------------
  paintQueue() {
    const { queue, entry } = this.data
    const mark = JSON.stringify([queue, entry?.id, this.narrow])
    if (mark === this.queueMark) return
    this.queueMark = mark
    const left = queue.filter(one => ["waiting", "begun", "printed"].includes(one.state)).length
    const list = el("ul")
    for (const one of queue) {
      const item = el("li")
      const row = button("row", undefined, () => this.go(one.id))
      row.dataset.id = one.id
      if (entry && one.id === entry.id) row.setAttribute("aria-current", "true")
      const words = el("span", "who")
      words.append(el("b", "", one.title), el("small", "", one.detail))
      const state = el("span", `tag ${one.state}`, one.verify ? "Verify" : one.odd && one.state === "entered" ? `${one.odd} to look at` : one.word || STATES[one.state])
      if (one.verify) state.classList.add("verify")
      row.append(words, state)
      item.append(row)
      list.append(item)
    }
    const head = el("div", "queue-head", left ? `${left} of ${queue.length} left to key` : queue.length ? "Everything is keyed" : "Nothing to key")
    this.queue.replaceChildren(head, list)
    const here = this.queue.querySelector("[aria-current]")
    if (here) list.scrollTop = here.offsetTop - list.clientHeight / 2
  }

  step(by) {
    const ids = this.data.queue.map(one => one.id)
    const next = ids[ids.indexOf(this.data.entry?.id) + by]
    if (next) this.go(next)
  }

  go(id) {
    this.flush()
    this.act("open", { entry: id, values: this.values })
  }

  act(kind, more) {
    clearTimeout(this.timer)
    this.timer = null
    this.send({ id: newId(), stamp: this.stamp, kind, ...more })
  }

  // ---- one screen ---------------------------------------------------------------------------------------------------
  build() {
    const { entry } = this.data
    this.controls = []
    this.marks = new Map()
    this.people = null
    if (!entry) {
      this.main.replaceChildren(el("p", "nothing", this.data.empty))
      return
    }
    const head = el("header", "head")
    const words = el("div", "facts")
    words.append(el("h2", "", entry.title), el("p", "", [entry.detail, entry.dayText].filter(Boolean).join(" · ")))
    head.append(words)
    const parts = [head]
    if (entry.kind === "unbound") parts.push(this.whose())
    if (entry.kind === "walk_in" || entry.kind === "bottle") parts.push(this.beside(entry))
    for (const sheet of entry.sheets) parts.push(this.sheet(sheet))
    if (!entry.sheets.length) parts.push(el("p", "nothing", "No sheet was printed for this visit. Print one, or mark a no-show."))
    this.foot = el("footer", "foot")
    parts.push(this.foot)
    this.main.replaceChildren(...parts)
    this.paintFoot()
  }

  paintFoot() {
    if (!this.foot) return
    const { entry } = this.data
    const keyed = entry.sheets.some(sheet => sheet.mode === "key") && entry.kind !== "unbound"
    const kids = []
    if (keyed) {
      const save = button("main-act", this.saving ? "Saving…" : "Save and take the next", () => this.save(), this.saving ? "" : SAVE)
      save.disabled = !!this.saving
      kids.push(save)
    }
    if (entry.mayMiss) kids.push(button("", "Mark as no-show", () => this.miss(), MISS))
    if (!keyed) kids.push(button("", "Go to the next", () => this.step(1), "Alt ↓"))
    this.kept = el("span", "kept", keyed ? "What you type is kept as you type." : "")
    this.foot.replaceChildren(...kids, this.kept)
  }

  whose() {
    const box = el("div", "panel")
    const label = el("label", "", "Nobody said yet whose sheet this is. Number of the visit on the roster")
    const input = el("input")
    label.append(input)
    input.inputMode = "numeric"
    const bind = () => input.value.trim() && this.act("bind", { entry: this.data.entry.id, number: input.value.trim() })
    input.addEventListener("keydown", event => { if (event.key === "Enter") { event.preventDefault(); bind() } })
    this.controls.push(input)
    box.append(label, button("", "Bind to this visit", bind))
    for (const [number, name] of this.data.entry.near) {
      box.append(button("", `${name}, visit ${number}`, () => this.act("bind", { entry: this.data.entry.id, number })))
    }
    return box
  }

  beside(entry) {
    const box = el("div", "panel line")
    const [sheet] = entry.sheets
    const mine = (this.values[sheet.id] ||= {})
    const day = el("label", "", "Day of the paper")
    const input = el("input")
    input.type = "date"
    input.required = true
    input.value = mine._day || entry.day
    input.oninput = () => { mine._day = input.value; this.changed() }
    day.append(input)
    box.append(day)
    if (entry.kind === "walk_in" && Object.keys(entry.places).length > 1) {
      const place = el("label", "", "Location")
      const select = el("select")
      for (const [id, name] of Object.entries(entry.places)) select.append(new Option(name, id, false, id === mine._location))
      select.onchange = () => { mine._location = select.value; this.changed() }
      place.append(select)
      box.append(place)
    }
    if (entry.kind === "walk_in") {
      this.people = el("div", "people")
      this.people.setAttribute("aria-live", "polite")
      box.append(this.people)
    }
    return box
  }

  known(matches) {
    const mine = this.values[this.data.entry.sheets[0].id]
    if (!matches.length) return []
    const parts = [el("span", "", "Is it one of these?")]
    for (const one of matches) {
      const chosen = mine._client === one.id
      const node = button(chosen ? "chosen" : "", `${one.name} · ${one.detail}`, () => {
        if (chosen) delete mine._client
        else mine._client = one.id
        delete mine._patient
        this.changed()
        this.choose(matches, parts.indexOf(node))
      })
      node.setAttribute("aria-pressed", String(chosen))
      parts.push(node)
      if (!chosen) continue
      for (const [id, name] of one.patients) {
        const same = mine._patient === id
        const animal = button(same ? "chosen" : "", name, () => {
          if (same) delete mine._patient
          else mine._patient = id
          this.changed()
          this.choose(matches, parts.indexOf(animal))
        })
        animal.setAttribute("aria-pressed", String(same))
        parts.push(animal)
      }
    }
    return parts
  }

  choose(matches, place) {
    this.people.replaceChildren(...this.known(matches))
    this.people.children[place]?.focus()
  }

  sheet(sheet) {
    const box = el("article", `sheet ${sheet.mode}`)
    const head = el("div", "sheet-head")
    head.append(el("h3", "", sheet.title), el("span", "serial", `sheet ${sheet.serial}`))
    for (const [number, id] of sheet.pages) head.append(button("page", `Page ${number}`, () => this.whole(id, `${sheet.title}, page ${number}`)))
    if (sheet.note) head.append(el("span", sheet.missing.length && sheet.pages.length ? "note warm" : "note", sheet.note))
    box.append(head)
    const body = el("div", "fields")
    box.append(body)
    if (sheet.mode === "key") {
      const mine = (this.values[sheet.id] ||= {})
      if (!sheet.pages.length && !this.has(mine) && this.data.entry.sheets.length > 1) {
        const more = button("", "Key this sheet from the paper", () => { more.remove(); this.fields(sheet, body, mine); this.order(); body.querySelector("[data-key]")?.focus() })
        body.append(more)
      } else this.fields(sheet, body, mine)
    } else this.done(sheet, box, body)
    return box
  }

  has(values) {
    return Object.entries(values).some(([key, value]) => !key.startsWith("_") && value !== "" && value !== false && !(Array.isArray(value) && !value.length))
  }

  fields(sheet, body, mine, fixed = false) {
    let section = ""
    this.open.add(sheet.id)
    for (const field of sheet.fields) {
      if (fixed && !this.told(field, mine)) continue
      if (field.section && field.section !== section) body.append(el("h4", "", field.section))
      section = field.section
      body.append(field.kind === "grid" ? this.grid(sheet, field, mine, fixed) : this.field(sheet, field, mine, fixed))
    }
  }

  told(field, mine) {
    if (field.kind === "grid") return Object.keys(mine).some(key => key.startsWith(`${field.key}.`))
    const value = mine[field.key]
    return value !== undefined && value !== "" && value !== false && !(Array.isArray(value) && !value.length)
  }

  done(sheet, box, body) {
    box.append(el("p", "by", sheet.by))
    if (sheet.odd.length) {
      const odd = el("ul", "odd")
      for (const sentence of sheet.odd) odd.append(el("li", "", sentence))
      box.append(odd)
    }
    const acts = el("div", "acts")
    if (sheet.verify) {
      box.append(el("p", "hint", "Hold every drug line against the paper."))
      this.fields({ ...sheet, fields: sheet.fields.filter(field => field.drugs) }, body, sheet.typed, true)
      acts.append(button("main-act", "Drug lines are right", () => this.act("verify", { entry: this.data.entry.id, sheet: sheet.id }), SAVE))
    } else {
      const more = el("details")
      more.append(el("summary", "", "What was keyed"))
      const inner = el("div", "fields")
      more.ontoggle = () => { if (!inner.childElementCount) this.fields(sheet, inner, sheet.typed, true) }
      more.append(inner)
      body.append(more)
    }
    const why = el("input")
    why.placeholder = "Why it is opened again"
    why.setAttribute("aria-label", `Why ${sheet.title}, sheet ${sheet.serial}, is opened again`)
    const again = () => why.value.trim() && this.act("reopen", { entry: this.data.entry.id, sheet: sheet.id, reason: why.value.trim() })
    why.addEventListener("keydown", event => { if (event.key === "Enter") { event.preventDefault(); again() } })
    acts.append(why, button("", "Open it again", again))
    box.append(acts)
  }

  field(sheet, field, mine, fixed) {
    const row = el("div", "field")
    row.classList.toggle("critical", field.critical)
    const id = `f${this.controls.length}-${field.key}`
    const label = el("label", "label", field.label || field.key)
    if (field.unit) label.append(el("small", "", field.unit))
    const hint = el("div", "hint")
    const control = WRITTEN.includes(field.kind)
      ? this.input(sheet, field, field.key, mine, hint, fixed)
      : this.choice(sheet, field, field.key, mine, hint, fixed)
    control.id = id
    control.sure = field.state === "read" && !field.critical
    if (control.tagName === "INPUT") label.htmlFor = id
    else control.setAttribute("aria-label", field.label || field.key)
    const answer = el("div", "answer")
    answer.append(control, hint)
    if (field.state === "review" || (field.critical && field.machine !== null && field.machine !== "" && !(Array.isArray(field.machine) && !field.machine.length))) this.suggest(field, answer, control, fixed)
    row.classList.toggle("wide", !!field.seen && field.seen.w > 0.34)
    row.append(label, answer, this.crop(field.seen, field.label))
    return row
  }

  suggest(field, answer, control, fixed) {
    if (fixed) return
    if (field.machine === null || field.machine === undefined || field.machine === "" || field.machine === false) {
      answer.append(el("div", "read", "Not clear on the paper: look at it."))
      return
    }
    const words = Array.isArray(field.machine) ? field.machine : [field.machine]
    const labels = Object.fromEntries(field.options)
    const text = words.map(word => (word === true ? "marked" : labels[word] || word)).join(", ")
    const take = button("read", `Read: ${text}`, () => { control.put(field.machine); control.focus() }, "Space")
    take.tabIndex = -1
    answer.append(take)
    control.suggested = field.machine
  }

  input(sheet, field, key, mine, hint, fixed) {
    const input = el("input")
    input.type = "text"
    input.autocomplete = "off"
    input.spellcheck = false
    input.dataset.key = `${sheet.id} ${key}`
    input.value = mine[key] ?? ""
    if (["digits", "bubble_digits"].includes(field.kind)) input.inputMode = "decimal"
    input.disabled = fixed
    if (field.target === "drug_log.drug") input.tabIndex = -1 // the bottle tells the drug
    const tell = () => this.hint(field, input, hint)
    input.put = value => { input.value = value ?? ""; mine[key] = input.value; tell(); this.changed() }
    input.oninput = () => { mine[key] = input.value; tell(); this.clear(input); this.changed() }
    input.onblur = () => {
      if (field.kind === "time" && input.value.trim()) {
        const read = this.clock(input.value)
        if (read && read !== input.value) input.put(read)
      }
      this.check(field, input, hint)
    }
    input.onfocus = () => { input.select(); this.bring(input) }
    input.addEventListener("keydown", event => {
      if (event.key === " " && input.suggested !== undefined && !input.value) { event.preventDefault(); input.put(input.suggested) }
    })
    this.add(input, hint, fixed)
    if (input.value) tell()
    return input
  }

  choice(sheet, field, key, mine, hint, fixed) {
    const several = field.kind === "multi", tick = ["check", "signature"].includes(field.kind)
    const options = tick ? [[true, field.kind === "signature" ? "Signed" : "Yes"]] : field.options
    const box = el("div", "choice")
    box.tabIndex = fixed ? -1 : 0
    box.dataset.key = `${sheet.id} ${key}`
    box.setAttribute("role", several || tick ? "group" : "radiogroup")
    const nodes = options.map(([value, label], at) => {
      const node = button("option", undefined, () => { box.pick(value); box.focus() })
      node.append(el("kbd", "", tick ? "1" : at < 9 ? String(at + 1) : ""), el("span", "", label))
      node.tabIndex = -1
      node.disabled = fixed
      node.setAttribute("role", several || tick ? "checkbox" : "radio")
      return node
    })
    const blank = el("span", "blank", "left empty on the paper")
    box.append(...nodes, blank)
    box.paint = () => {
      const value = mine[key]
      nodes.forEach((node, at) => {
        const on = several ? Array.isArray(value) && value.includes(options[at][0]) : value === options[at][0]
        node.setAttribute("aria-checked", String(on))
      })
      blank.hidden = value !== BLANK
    }
    box.put = value => { mine[key] = value; box.paint(); this.clear(box); this.changed() }
    box.pick = value => {
      if (several) {
        const old = Array.isArray(mine[key]) ? mine[key] : []
        box.put(old.includes(value) ? old.filter(one => one !== value) : [...old, value])
      } else box.put(mine[key] === value ? (tick ? false : "") : value)
    }
    box.onfocus = () => this.bring(box)
    box.addEventListener("keydown", event => {
      if (fixed || event.ctrlKey || event.metaKey || event.altKey) return
      const number = Number(event.key)
      if (event.key === " ") {
        event.preventDefault()
        if (box.suggested !== undefined && !this.told(field, mine)) box.put(box.suggested)
        else if (tick) box.pick(true)
      } else if (number >= 1 && number <= options.length) {
        event.preventDefault()
        box.pick(options[number - 1][0])
      } else if (event.key === BLANK) box.put(BLANK)
      else if (["Backspace", "Delete"].includes(event.key)) { event.preventDefault(); box.put(several ? [] : tick ? false : "") }
      else if (["ArrowRight", "ArrowLeft"].includes(event.key) && !several && !tick) {
        event.preventDefault()
        const at = options.findIndex(([value]) => value === mine[key])
        box.put(options[(at + (event.key === "ArrowRight" ? 1 : -1) + options.length) % options.length][0])
      } else if (/^[a-z]$/i.test(event.key)) {
        if (tick && "xy".includes(event.key.toLowerCase())) return box.put(true)
        const found = options.filter(([, label]) => label.toLowerCase().startsWith(event.key.toLowerCase()))
        if (!found.length) return
        const at = several ? 0 : (found.findIndex(([value]) => value === mine[key]) + 1) % found.length
        several ? box.pick(found[at][0]) : box.put(found[at][0])
      }
    })
    this.add(box, hint, fixed)
    box.paint()
    return box
  }

  grid(sheet, field, mine, fixed) {
    const box = el("div", "grid")
    box.setAttribute("role", "group")
    box.setAttribute("aria-label", field.label || field.section)
    const columns = field.cells.map(cell => `minmax(${cell.kind === "text" ? 58 : 46}px, ${Math.max(cell.width, 1)}fr)`).join(" ")
    const used = Object.keys(mine).filter(key => key.startsWith(`${field.key}.`)).map(key => Number(key.split(".")[1]))
    const lines = Math.max(field.lines, ...used.filter(number => number < 61), 1)
    const spots = new Map(field.spots)
    const heads = el("div", "cells heads")
    heads.style.gridTemplateColumns = columns
    for (const cell of field.cells) heads.append(el("span", "", cell.label))
    box.append(heads)
    for (let line = 1; line <= lines; line += 1) {
      const told = Object.keys(mine).some(key => key.startsWith(`${field.key}.${line}.`) && mine[key])
      if (fixed && !told) continue
      const seen = around(field.cells.map(cell => spots.get(`${line}.${cell.key}`)).filter(Boolean))
      const row = el("div", "cells")
      row.style.gridTemplateColumns = columns
      const hint = el("div", "hint")
      const first = this.controls.length
      for (const cell of field.cells) {
        const key = `${field.key}.${line}.${cell.key}`
        const told = { ...cell, machine: null, state: "" }
        const control = WRITTEN.includes(cell.kind)
          ? this.input(sheet, told, key, mine, hint, fixed)
          : this.choice(sheet, told, key, mine, hint, fixed)
        control.setAttribute("aria-label", `${cell.label}, line ${line}`)
        control.above = line > 1 ? `${field.key}.${line - 1}.${cell.key}` : ""
        control.mine = mine
        control.line = { box, row, mine, prefix: `${field.key}.${line}.` }
        control.title = cell.target === "drug_log.drug" ? "Only where it differs from the bottle's" : ""
        row.append(control)
      }
      if (this.controls[first]) this.controls[first].starts = true
      box.append(this.crop(seen, `line ${line}`), row, hint)
    }
    return box
  }

  add(control, hint, fixed) {
    if (fixed) return
    control.hintNode = hint
    if (control.tabIndex >= 0) this.controls.push(control)
  }

  order() {
    this.controls = [...this.main.querySelectorAll("[data-key]")].filter(node => !node.disabled && node.tabIndex >= 0)
  }

  // ---- the paper beside it --------------------------------------------------------------------------------------------
  picture(id) {
    if (!this.pictures.has(id)) {
      this.pictures.set(id, fetch(`/scanned/${id}`, { credentials: "same-origin" }).then(async answer => {
        if (!answer.ok) throw new Error(String(answer.status))
        const url = URL.createObjectURL(await answer.blob())
        const image = new Image()
        image.src = url
        await image.decode()
        return { url, w: image.naturalWidth, h: image.naturalHeight }
      }))
    }
    return this.pictures.get(id)
  }

  crop(seen, label) {
    const place = el("div", "crop"), ink = el("div", "ink")
    if (!seen) { place.hidden = true; return place }
    place.append(ink)
    place.setAttribute("role", "img")
    place.setAttribute("aria-label", `The paper: ${label || "this field"}`)
    place.title = "Open the page"
    place.onclick = () => this.whole(seen.page, "Scanned page")
    this.picture(seen.page).then(told => {
      place.draw = () => {
        const room = place.parentElement ? place.parentElement.clientWidth - (beside(place.parentElement) && !this.narrow ? 432 : 4) : PAGE
        const scale = Math.min(PAGE, Math.max(Math.max(room, 120) / seen.w, this.narrow ? LEGIBLE : 0))
        const tall = scale * told.h / told.w
        place.style.width = `${Math.min(seen.w * scale + 2, Math.max(room, 120))}px`
        ink.style.width = `${seen.w * scale}px`
        ink.style.height = `${seen.h * tall}px`
        ink.style.backgroundImage = `url("${told.url}")`
        ink.style.backgroundSize = `${scale}px ${tall}px`
        ink.style.backgroundPosition = `${-seen.x * scale}px ${-seen.y * tall}px`
      }
      place.draw()
    }, () => { place.hidden = true })
    return place
  }

  whole(id, title) {
    const back = this.root.getRootNode().activeElement
    const dialog = el("dialog")
    const image = el("img")
    image.alt = title
    this.picture(id).then(({ url }) => { image.src = url })
    dialog.append(button("shut", "Close", () => dialog.close(), "Esc"), image)
    dialog.onclose = () => { dialog.remove(); back?.focus() }
    this.root.append(dialog)
    dialog.showModal()
  }

  bring(node) {
    const around = node.closest(".field, .cells")
    const { top, bottom } = around.getBoundingClientRect()
    if (top < 90 || bottom > window.innerHeight - 110) around.scrollIntoView({ block: "center", behavior: "instant" })
  }

  // ---- light checks: the rules check again ----------------------------------------------------------------------------
  clock(text) {
    const found = text.trim().toLowerCase().match(/^(\d{1,2})(?:[:.h]?(\d{2}))?\s*([ap])?\.?m?\.?$/)
    if (!found) return ""
    let hour = Number(found[1])
    const minute = Number(found[2] || 0)
    if (hour > 23 || minute > 59 || (found[3] && (hour < 1 || hour > 12))) return ""
    if (found[3]) hour = (hour % 12) + (found[3] === "p" ? 12 : 0)
    else if (hour >= 1 && hour <= 6 && !text.trim().startsWith("0")) {
      const [from, to] = this.data.entry.opens
      if (hour * 60 + minute < from - 120 && hour + 12 <= Math.floor(to / 60) + 2) hour += 12
    }
    return `${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`
  }

  hint(field, input, hint) {
    const value = input.value.trim()
    if (!hint.classList.contains("wrong")) hint.textContent = ""
    if (!value) return
    const initials = value.toUpperCase()
    const bottle = Object.keys(this.data.entry.bottles).find(number => number.toLowerCase() === value.toLowerCase())
    let words = ""
    if (field.kind === "initials") words = this.data.entry.people[initials] || ""
    if (field.target === "drug_log.bottle") words = bottle ? this.data.entry.bottles[bottle] : ""
    const drug = field.target === "drug_log.bottle" && input.line?.row.querySelector("input")
    if (drug && drug !== input) drug.placeholder = words
    else if (words) { hint.textContent = words; hint.classList.remove("wrong") }
  }

  check(field, input, hint) {
    const value = input.value.trim()
    let wrong = ""
    if (value === '"' || value === "=") {
      if (input.above) input.put(input.mine[input.above] || "")
      return
    }
    if (!value || value === BLANK || value === "?") { this.tint(input, hint, ""); return }
    if (["digits", "bubble_digits"].includes(field.kind)) {
      const number = Number(value.replace(",", "."))
      if (Number.isNaN(number)) wrong = `${value} is not a number.`
      else if ((field.least !== null && number < field.least) || (field.most !== null && number > field.most)) {
        wrong = `${value} lies outside ${field.least ?? 0} to ${field.most}${field.unit ? ` ${field.unit}` : ""}.`
      }
    }
    if (field.kind === "time" && !this.clock(value)) wrong = `${value} is not a time.`
    if (field.kind === "initials" && value.length < 5 && !value.includes(" ") && !this.data.entry.people[value.toUpperCase()]) wrong = `Nobody signs ${value}. Type ? where nobody can read it.`
    if (field.target === "drug_log.bottle" && !Object.keys(this.data.entry.bottles).some(number => number.toLowerCase() === value.toLowerCase())) wrong = `Bottle ${value} is not known.`
    this.tint(input, hint, wrong)
  }

  tint(node, hint, wrong) {
    node.classList.toggle("wrong", !!wrong)
    node.setAttribute("aria-invalid", String(!!wrong))
    if (wrong) { hint.textContent = wrong; hint.classList.add("wrong") }
    else if (hint.classList.contains("wrong")) { hint.textContent = ""; hint.classList.remove("wrong") }
  }

  clear(node) {
    if (node.classList.contains("wrong")) this.tint(node, node.hintNode, "")
  }

  mark(problems) {
    let first = null
    for (const [sheet, key, sentence] of problems) {
      const name = `${sheet} ${key}`
      const nodes = this.controls.filter(one => one.dataset.key === name || one.dataset.key?.startsWith(`${name}.`))
      const node = nodes[0]
      if (!node) continue
      this.tint(node, node.hintNode, sentence)
      first ||= node
    }
    first?.focus()
  }

  // ---- keys -----------------------------------------------------------------------------------------------------------
  onKey(event) {
    const at = event.composedPath()[0]
    const mod = event.ctrlKey || event.metaKey
    if (event.key === "Enter" && mod) {
      event.preventDefault()
      at.blur?.()
      if (this.data.entry?.sheets.some(sheet => sheet.mode === "key")) return this.save()
      const sheet = this.data.entry?.sheets.find(one => one.verify)
      if (sheet) this.act("verify", { entry: this.data.entry.id, sheet: sheet.id })
    } else if (event.altKey && ["n", "N", "˜"].includes(event.key)) {
      event.preventDefault()
      if (this.data.entry?.mayMiss) this.miss()
    } else if (event.altKey && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault()
      this.step(event.key === "ArrowDown" ? 1 : -1)
    } else if (event.key === "Enter" && this.controls.includes(at)) {
      event.preventDefault()
      this.next(at)
    }
  }

  next(at) {
    let place = this.controls.indexOf(at) + 1
    const line = at.line
    const empty = line && !Object.entries(line.mine).some(([key, value]) => key.startsWith(line.prefix) && value)
    if (at.starts && empty) while (this.controls[place]?.line?.box === line.box) place += 1 // an empty line ends the table
    while (this.controls[place]?.sure) place += 1 // what was read without doubt needs nobody; Tab goes there
    const next = this.controls[place]
    if (next) next.focus()
    else this.foot.querySelector("button")?.focus()
  }

  miss() {
    this.act("no_show", { entry: this.data.entry.id })
  }

  // ---- keeping and saving ---------------------------------------------------------------------------------------------
  changed() {
    if (this.kept) this.kept.textContent = "Typing…"
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.flush(), WAIT)
  }

  flush() {
    if (!this.timer) return
    clearTimeout(this.timer)
    this.timer = null
    this.sendDraft({ stamp: this.stamp, values: this.clean() })
    if (this.kept) this.kept.textContent = "Kept."
  }

  clean() {
    return JSON.parse(JSON.stringify(this.values))
  }

  save() {
    if (this.saving || !this.data.entry || this.data.entry.kind === "unbound") return
    const values = {}
    for (const sheet of this.data.entry.sheets) {
      if (sheet.mode !== "key" || !this.open.has(sheet.id)) continue
      const mine = this.values[sheet.id] || {}
      if (sheet.pages.length || this.has(mine)) values[sheet.id] = mine
    }
    if (!Object.keys(values).length) return this.say("Nothing is keyed yet.", false)
    this.saving = true
    this.paintFoot()
    this.act("save", { entry: this.data.entry.id, values: JSON.parse(JSON.stringify(values)), all: this.clean() })
  }

  say(message, ok) {
    clearTimeout(this.toastTimer)
    this.toast.textContent = message
    this.toast.className = ok ? "toast" : "toast bad"
    this.toast.hidden = false
    this.toastTimer = setTimeout(() => { this.toast.hidden = true }, ok ? 5000 : 12000)
  }
}

const beside = row => row.classList.contains("field") && !row.classList.contains("wide")

const around = spots => {
  if (!spots.length) return null
  const left = Math.min(...spots.map(one => one.x)), top = Math.min(...spots.map(one => one.y))
  const right = Math.max(...spots.map(one => one.x + one.w)), bottom = Math.max(...spots.map(one => one.y + one.h))
  return { page: spots[0].page, x: left, y: top, w: right - left, h: bottom - top }
}

export default function (component) {
  const root = component.parentElement.querySelector(".entry")
  if (!root) return
  let form = forms.get(root)
  if (!form) {
    form = new Form(root)
    forms.set(root, form)
  }
  form.receive(component)
  return () => { form.close(); forms.delete(root) }
}
