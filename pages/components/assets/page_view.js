// A scanned page: fitted, enlarged by wheel, keys or two fingers, dragged, turned. A field that another part of the
// page asks about (the event ballast-look) is brought near and framed.
const views = new WeakMap()

class View {
  constructor(root) {
    this.stage = root.querySelector(".stage")
    this.paper = root.querySelector(".paper")
    this.img = root.querySelector("img")
    this.name = root.querySelector(".name")
    this.frame = root.querySelector(".frame")
    this.x = this.y = this.turn = 0
    this.zoom = 1
    this.fingers = new Map()
    this.paper.style.transition = "none" // until the first picture lies where it belongs
    const act = { in: () => this.by(1.3), out: () => this.by(1 / 1.3), fit: () => this.fit(), turn: () => this.rotate() }
    for (const button of root.querySelectorAll("button")) button.onclick = act[button.dataset.act]
    this.stage.addEventListener("wheel", event => {
      if (!event.ctrlKey && !event.metaKey && this.zoom === 1) return
      event.preventDefault()
      this.by(event.deltaY < 0 ? 1.15 : 1 / 1.15, event)
    }, { passive: false })
    this.stage.onpointerdown = event => {
      this.stage.setPointerCapture(event.pointerId)
      this.fingers.set(event.pointerId, event)
    }
    this.stage.onpointermove = event => {
      const before = this.fingers.get(event.pointerId)
      if (!before) return
      if (this.fingers.size === 2) {
        const other = [...this.fingers.values()].find(one => one.pointerId !== event.pointerId)
        const far = one => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY)
        this.by(far(event) / Math.max(far(before), 1), event)
      } else {
        this.x += event.clientX - before.clientX
        this.y += event.clientY - before.clientY
        this.draw()
      }
      this.fingers.set(event.pointerId, event)
    }
    this.stage.onpointerup = this.stage.onpointercancel = event => this.fingers.delete(event.pointerId)
    this.stage.ondblclick = event => (this.zoom > 1 ? this.fit() : this.by(2.5, event))
    this.onLook = event => { this.wanted = { key: event.detail, at: performance.now() }; this.look(event.detail) }
    this.onKey = event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return
      const target = event.composedPath()[0]
      if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable) return
      const key = { "+": act.in, "=": act.in, "-": act.out, "#": act.fit, t: act.turn }[event.key]
      if (key) { key(); event.preventDefault() }
    }
    window.addEventListener("ballast-look", this.onLook)
    window.addEventListener("keydown", this.onKey)
    this.size = new ResizeObserver(() => this.draw())
    this.size.observe(this.stage)
    this.img.onload = () => {
      this.draw()
      requestAnimationFrame(() => requestAnimationFrame(() => { this.paper.style.transition = "" }))
      const wanted = this.wanted || window.ballastLooked // asked for before the picture was here
      if (wanted && performance.now() - wanted.at < 2500) this.look(wanted.key)
    }
  }

  receive(data) {
    this.name.textContent = data.name
    this.img.alt = data.name
    this.stage.classList.toggle("low", Boolean(data.low))
    this.places = data.places
    if (this.img.src !== data.picture) {
      // Another page: whoever works by keyboard goes on beside it, not from the top of the window.
      if (this.img.src && document.activeElement === document.body) this.stage.focus({ preventScroll: true })
      this.img.src = data.picture
      this.turn = 0
      this.frame.hidden = true
      this.fit()
    }
  }

  fit() { this.zoom = 1; this.x = this.y = 0; this.draw() }
  rotate() { this.turn = (this.turn + 90) % 360; this.fit() }

  by(factor, event) {
    const before = this.zoom
    this.zoom = Math.min(8, Math.max(1, this.zoom * factor))
    const real = this.zoom / before
    const box = this.stage.getBoundingClientRect()
    const px = (event ? event.clientX - box.left : box.width / 2) - box.width / 2
    const py = (event ? event.clientY - box.top : box.height / 2) - box.height / 2
    this.x = px - (px - this.x) * real
    this.y = py - (py - this.y) * real
    if (this.zoom === 1) this.x = this.y = 0
    this.draw()
  }

  base() {
    const sideways = this.turn % 180 !== 0
    const w = this.img.naturalWidth || 1, h = this.img.naturalHeight || 1
    const scale = Math.min(this.stage.clientWidth / (sideways ? h : w), this.stage.clientHeight / (sideways ? w : h))
    return [w * scale, h * scale]
  }

  draw() {
    const [w, h] = this.base()
    const roomX = Math.max(0, (w * this.zoom - this.stage.clientWidth) / 2) + 40
    const roomY = Math.max(0, (h * this.zoom - this.stage.clientHeight) / 2) + 40
    if (this.zoom > 1) {
      this.x = Math.min(roomX, Math.max(-roomX, this.x))
      this.y = Math.min(roomY, Math.max(-roomY, this.y))
    } else this.x = this.y = 0
    this.paper.style.width = `${w}px`
    this.paper.style.height = `${h}px`
    this.paper.style.transform =
      `translate(-50%, -50%) translate(${this.x}px, ${this.y}px) rotate(${this.turn}deg) scale(${this.zoom})`
    this.stage.classList.toggle("near", this.zoom > 1)
  }

  look(key) {
    const place = (this.places || {})[key]
    if (!place) return
    const [left, top, width, height] = place
    const air = 0.006
    Object.assign(this.frame.style, {
      left: `${(left - air) * 100}%`, top: `${(top - air) * 100}%`,
      width: `${(width + 2 * air) * 100}%`, height: `${(height + 2 * air) * 100}%`,
    })
    this.frame.hidden = false
    const [w, h] = this.base()
    this.turn = 0
    this.zoom = Math.max(1, Math.min(2.2, (this.stage.clientWidth * 0.8) / (width * w)))
    this.x = (0.5 - left - width / 2) * w * this.zoom
    this.y = (0.5 - top - height / 2) * h * this.zoom
    this.draw()
  }

  close() {
    window.removeEventListener("ballast-look", this.onLook)
    window.removeEventListener("keydown", this.onKey)
    this.size.disconnect()
  }
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".view")
  if (!root) return
  let view = views.get(root)
  if (!view) {
    view = new View(root)
    views.set(root, view)
  }
  view.receive(data)
  return () => { view.close(); views.delete(root) }
}
