// The doubtful fields of a page, one under the other: what stands there enlarged, and the answers to choose from.
// Number keys choose, Enter goes on, Enter on the last one hands all answers over. All text goes through textContent.
const forms = new WeakMap()

class Boxes {
  constructor(root, tell) {
    this.root = root
    this.tell = tell
    this.id = null
  }

  receive(data) {
    if (this.id === data.id) return
    this.id = data.id
    this.values = new Map()
    this.sent = false
    this.cards = data.fields.map((field, place) => this.card(field, place, data.fields.length))
    this.send = el("button", "send", data.send)
    this.send.append(el("kbd", "", "↵"))
    this.send.type = "button"
    this.send.onclick = () => this.hand()
    this.root.replaceChildren(...this.cards.map(card => card.node), this.send)
    this.paint()
    setTimeout(() => this.cards[0] && this.cards[0].node.focus({ preventScroll: true }), 60)
  }

  card(field, place, count) {
    const node = el("section", "card")
    node.tabIndex = 0
    node.setAttribute("role", "group")
    node.setAttribute("aria-label", `${field.label}. ${field.why}`)
    const head = el("header")
    head.append(el("b", "", field.label), el("span", "why", field.why))
    node.append(head)
    if (field.picture) {
      const picture = el("img")
      picture.src = field.picture
      picture.alt = ""
      node.append(picture)
    }
    const card = { field, node, buttons: [], place }
    const row = el("div", "row")
    if (field.kind === "number") {
      const input = el("input")
      input.type = "text"
      input.inputMode = "decimal"
      input.autocomplete = "off"
      input.setAttribute("aria-label", field.label)
      input.placeholder = field.hint
      input.oninput = () => {
        const text = input.value.trim().replace(",", ".")
        if (text) this.values.set(field.key, text)
        else this.values.delete(field.key)
        this.paint()
      }
      card.input = input
      row.append(input)
      if (field.unit) row.append(el("span", "unit", field.unit))
      row.append(this.option(card, { value: null, label: "Nothing readable" }, ""))
    } else {
      field.options.forEach((option, number) => row.append(this.option(card, option, number < 9 ? `${number + 1}` : "")))
      if (field.kind === "single") row.append(this.option(card, { value: null, label: "Nothing marked" }, "0"))
      if (field.kind === "multi") row.append(this.option(card, { value: [], label: "Nothing marked" }, "0"))
    }
    node.append(row)
    node.addEventListener("focusin", () => {
      window.ballastLooked = { key: field.key, at: performance.now() }
      window.dispatchEvent(new CustomEvent("ballast-look", { detail: field.key }))
    })
    node.onkeydown = event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const typing = event.composedPath()[0] === card.input
      if (event.key === "Enter") {
        event.preventDefault()
        event.stopPropagation()
        if (this.values.has(field.key) || this.complete()) this.next(place, count)
      } else if (!typing && /^[0-9]$/.test(event.key)) {
        const found = card.buttons.find(button => button.dataset.key === event.key)
        if (found) { found.click(); event.preventDefault(); event.stopPropagation() }
        else if (card.input) card.input.focus()
      }
    }
    return card
  }

  option(card, option, key) {
    const button = el("button", "option")
    button.type = "button"
    button.tabIndex = -1
    button.dataset.key = key
    if (key) button.append(el("kbd", "", key))
    button.append(el("span", "", option.label))
    button.value_ = option.value
    button.onclick = () => {
      const name = card.field.key
      if (card.field.kind === "multi" && option.value !== null && !Array.isArray(option.value)) {
        const now = new Set(this.values.get(name) || [])
        now.has(option.value) ? now.delete(option.value) : now.add(option.value)
        this.values.set(name, [...now])
      } else this.values.set(name, option.value)
      if (card.input) card.input.value = ""
      this.paint()
    }
    card.buttons.push(button)
    return button
  }

  complete() { return this.cards.every(card => this.values.has(card.field.key)) }

  next(place, count) {
    if (place + 1 < count) {
      const node = this.cards[place + 1].node
      const wanted = this.cards[place + 1].input || node
      wanted.focus({ preventScroll: true })
      node.scrollIntoView({ block: "nearest" })
    } else if (this.complete()) this.hand()
    else this.cards.find(card => !this.values.has(card.field.key)).node.focus()
  }

  paint() {
    for (const card of this.cards) {
      const has = this.values.has(card.field.key), value = this.values.get(card.field.key)
      card.node.classList.toggle("done", has)
      for (const button of card.buttons) {
        const mine = button.value_
        const on = has && (Array.isArray(value)
          ? (Array.isArray(mine) ? value.length === 0 : value.includes(mine))
          : value === mine)
        button.setAttribute("aria-pressed", on)
      }
    }
    this.send.disabled = this.sent || !this.complete()
  }

  hand() {
    if (this.sent || !this.complete()) return
    this.sent = true
    this.paint()
    this.tell({ page: this.id, values: Object.fromEntries(this.values) })
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".boxes")
  if (!root) return
  let form = forms.get(root)
  if (!form) {
    form = new Boxes(root)
    forms.set(root, form)
  }
  form.tell = told => setTriggerValue("settled", told)
  if (form.id === data.id && data.again !== form.again && form.cards) { form.sent = false; form.paint() }
  form.again = data.again
  form.receive(data)
}
