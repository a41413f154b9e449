// The pieces of a form as a tree. Python sends rows; the tree sends back a list of wishes, each with a number, and drops
// those that Python has carried out. All text reaches the page through textContent.
const trees = new WeakMap()

const TOOLS = [
  ["up", "Move up", "Alt+↑", "M12 19V5M6 11l6-6 6 6"],
  ["down", "Move down", "Alt+↓", "M12 5v14M6 13l6 6 6-6"],
  ["copy", "Duplicate", "D", "M9 9h10v10H9zM5 15V5h10"],
  ["remove", "Take out", "Delete", "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12"],
  ["undo", "Undo", "Ctrl+Z", "M9 7L4 12l5 5M4 12h10a5 5 0 0 1 5 5v1"],
  ["redo", "Redo", "Ctrl+Y", "M15 7l5 5-5 5M20 12H10a5 5 0 0 0-5 5v1"],
]

class Tree {
  constructor(root) {
    this.root = root
    this.born = Math.random().toString(36).slice(2)
    this.count = 0
    this.outbox = []
    this.tools = el("div", "tools")
    this.tools.setAttribute("role", "toolbar")
    this.tools.setAttribute("aria-label", "Change the chosen piece")
    this.buttons = {}
    for (const [name, words, keys, path] of TOOLS) {
      const button = el("button", "tool")
      button.type = "button"
      button.title = `${words} (${keys})`
      button.setAttribute("aria-label", words)
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
      svg.setAttribute("viewBox", "0 0 24 24")
      svg.setAttribute("aria-hidden", "true")
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path")
      line.setAttribute("d", path)
      svg.append(line)
      button.append(svg)
      button.onclick = () => this.act(name, this.chosen)
      this.buttons[name] = button
      this.tools.append(button)
    }
    this.list = el("ul", "tree")
    this.list.setAttribute("role", "tree")
    this.list.setAttribute("aria-label", "Sections and fields of the form")
    this.list.onkeydown = event => this.onKey(event)
    this.list.ondragover = event => this.onOver(event)
    this.list.ondrop = event => this.onDrop(event)
    this.list.ondragleave = event => { if (!this.list.contains(event.relatedTarget)) this.mark(null) }
    this.live = el("div", "sr")
    this.live.setAttribute("aria-live", "polite")
    root.append(this.tools, this.list, this.live)
  }

  receive({ data, setStateValue }) {
    this.send = wishes => setStateValue("wishes", wishes)
    this.outbox = this.outbox.filter(wish => wish.n > data.done)
    const moved = this.chosen !== data.chosen
    if (!this.outbox.length) this.chosen = data.chosen
    this.data = data
    this.paint(moved)
  }

  paint(scroll) {
    const { rows } = this.data
    const held = this.list.contains(this.root.getRootNode().activeElement)
    rows.forEach((row, place) => {
      let node = this.list.children[place]
      if (!node) {
        node = el("li")
        node.setAttribute("role", "treeitem")
        node.append(el("span", "label"), el("span", "star"), el("span", "note"), el("span", "kind"))
        node.onclick = () => { this.choose(node.dataset.id); node.focus({ preventScroll: true }) }
        node.ondragstart = event => this.onStart(event, node)
        node.ondragend = () => { this.dragged = null; this.mark(null) }
        this.list.append(node)
      }
      const on = row.id === this.chosen
      node.dataset.id = row.id
      node.className = `level${row.level}${on ? " on" : ""}${row.wrong ? " wrong" : ""}`
      node.draggable = row.level > 0
      node.setAttribute("aria-level", row.level + 1)
      node.setAttribute("aria-selected", String(on))
      node.tabIndex = on ? 0 : -1
      node.children[0].textContent = row.label
      node.children[1].textContent = row.starred ? "*" : ""
      node.children[2].textContent = row.note
      node.children[3].textContent = row.kind
      node.title = row.wrong ? "Something here needs mending" : ""
      node.setAttribute("aria-label", `${row.label}, ${row.kind}${row.note ? `, ${row.note}` : ""}` +
        `${row.starred ? ", needed" : ""}${row.wrong ? ", needs mending" : ""}`)
    })
    while (this.list.children.length > rows.length) this.list.lastChild.remove()
    const chosen = [...this.list.children].find(node => node.dataset.id === this.chosen)
    if (chosen && scroll) this.show(chosen)
    if (chosen && held) chosen.focus({ preventScroll: true })
    for (const name of ["up", "down", "copy", "remove"]) this.buttons[name].disabled = this.chosen === "form"
    this.buttons.undo.disabled = !this.data.undo
    this.buttons.redo.disabled = !this.data.redo
  }

  show(node) {
    const top = node.offsetTop - this.list.offsetTop
    if (top < this.list.scrollTop) this.list.scrollTop = top - 8
    else if (top + node.offsetHeight > this.list.scrollTop + this.list.clientHeight) {
      this.list.scrollTop = top + node.offsetHeight - this.list.clientHeight + 8
    }
  }

  act(what, id, more) {
    this.count += 1
    this.outbox.push({ born: this.born, n: this.count, do: what, id, ...more })
    this.outbox = this.outbox.slice(-40)
    this.send([...this.outbox])
  }

  choose(id) {
    if (id === this.chosen) return
    this.chosen = id
    this.act("choose", id)
    this.paint(true)
  }

  onKey(event) {
    const nodes = [...this.list.children]
    const at = nodes.findIndex(node => node.dataset.id === this.chosen)
    const to = place => { const node = nodes[Math.max(0, Math.min(place, nodes.length - 1))]; this.choose(node.dataset.id); node.focus({ preventScroll: true }) }
    const command = event.ctrlKey || event.metaKey
    const key = event.key.toLowerCase()
    let done = true
    if (command && key === "z") this.act(event.shiftKey ? "redo" : "undo", this.chosen)
    else if (command && key === "y") this.act("redo", this.chosen)
    else if (command) done = false
    else if (event.altKey && key === "arrowup") this.act("up", this.chosen)
    else if (event.altKey && key === "arrowdown") this.act("down", this.chosen)
    else if (key === "arrowup") to(at - 1)
    else if (key === "arrowdown") to(at + 1)
    else if (key === "home") to(0)
    else if (key === "end") to(nodes.length - 1)
    else if (key === "d" && this.chosen !== "form") this.act("copy", this.chosen)
    else if ((key === "delete" || key === "backspace") && this.chosen !== "form") {
      this.act("remove", this.chosen)
      this.live.textContent = "Taken out. Ctrl+Z brings it back."
    } else done = false
    if (done) { event.preventDefault(); event.stopPropagation() }
  }

  onStart(event, node) {
    this.dragged = node.dataset.id
    event.dataTransfer.effectAllowed = "move"
    event.dataTransfer.setData("text/plain", node.textContent)
  }

  fits(id) {
    const kind = this.dragged ? this.dragged[0] : ""
    if (kind === "c") return id.startsWith(this.dragged.split(".")[0] + ".")
    if (kind === "s") return id.startsWith("s:")
    return kind === "f" && /^[fs]:/.test(id)
  }

  onOver(event) {
    if (!this.dragged) return
    event.preventDefault()
    const nodes = [...this.list.children].filter(node => this.fits(node.dataset.id))
    const next = nodes.find(node => {
      const box = node.getBoundingClientRect()
      return event.clientY < box.top + box.height / 2
    })
    this.mark(next || null, nodes[nodes.length - 1])
  }

  mark(next, last) {
    this.list.querySelectorAll(".before, .behind").forEach(node => node.classList.remove("before", "behind"))
    this.next = next ? next.dataset.id : ""
    if (next) next.classList.add("before")
    else if (last) last.classList.add("behind")
  }

  onDrop(event) {
    event.preventDefault()
    const { dragged, next } = this
    this.mark(null)
    this.dragged = null
    if (dragged && dragged !== next) this.act("drop", dragged, { before: next })
  }
}

export default function (component) {
  const root = component.parentElement.querySelector(".outline")
  if (!root) return
  let tree = trees.get(root)
  if (!tree) {
    tree = new Tree(root)
    trees.set(root, tree)
  }
  tree.receive(component)
}
