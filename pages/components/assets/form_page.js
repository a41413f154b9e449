// One page of a form as a picture; a click on a field chooses it. The list beside it is the way for keys.
const leaves = new WeakMap()

class Leaf {
  constructor(root) {
    this.root = root
    this.born = Math.random().toString(36).slice(2)
    this.count = 0
    this.outbox = []
    this.picture = document.createElement("img")
    this.layer = document.createElement("div")
    this.layer.className = "layer"
    this.layer.setAttribute("aria-hidden", "true")
    root.append(this.picture, this.layer)
  }

  receive({ data, setStateValue }) {
    this.outbox = this.outbox.filter(wish => wish.n > data.done)
    if (this.picture.src !== data.picture) this.picture.src = data.picture
    this.picture.alt = data.alt
    this.root.style.aspectRatio = data.ratio
    this.layer.replaceChildren(...data.places.map(place => {
      const node = document.createElement("div")
      node.className = place.zone ? "zone" : `place${place.id === data.chosen ? " on" : ""}`
      node.style.left = `${place.x * 100}%`
      node.style.top = `${place.y * 100}%`
      node.style.width = `${place.w * 100}%`
      node.style.height = `${place.h * 100}%`
      if (!place.zone) {
        node.title = place.label
        node.onclick = () => {
          this.count += 1
          this.outbox.push({ born: this.born, n: this.count, id: place.id })
          this.outbox = this.outbox.slice(-20)
          this.layer.querySelectorAll(".on").forEach(other => other.classList.remove("on"))
          node.classList.add("on")
          setStateValue("wishes", [...this.outbox])
        }
      }
      return node
    }))
  }
}

export default function (component) {
  const root = component.parentElement.querySelector(".leaf")
  if (!root) return
  let leaf = leaves.get(root)
  if (!leaf) {
    leaf = new Leaf(root)
    leaves.set(root, leaf)
  }
  leaf.receive(component)
}
