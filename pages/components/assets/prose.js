// A text area with chips that write a name's place where the cursor stands.
export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".prose")
  if (!root.firstChild) {
    const label = document.createElement("label")
    label.htmlFor = "text"
    const area = document.createElement("textarea")
    area.id = "text"
    area.spellcheck = true
    const more = document.createElement("details")
    const head = document.createElement("summary")
    head.textContent = "Put in a name or a fact"
    const chips = document.createElement("div")
    chips.className = "chips"
    more.append(head, chips)
    root.append(label, area, more)
  }
  const [label, area, more] = root.children
  label.textContent = data.label
  area.maxLength = data.longest
  if (area.dataset.born !== data.born) {
    area.dataset.born = data.born
    area.value = data.text
    area.sent = data.text
  }
  const send = () => {
    clearTimeout(area.pause)
    if (area.sent === area.value) return
    area.sent = area.value
    setStateValue("text", area.value)
  }
  area.oninput = () => {
    clearTimeout(area.pause)
    area.pause = setTimeout(send, data.pause)
  }
  area.onblur = send
  more.hidden = !data.chips.length
  more.lastChild.replaceChildren(...data.chips.map(chip => {
    const button = document.createElement("button")
    button.type = "button"
    button.textContent = chip.words
    button.title = `Writes ${chip.write}`
    button.onmousedown = event => event.preventDefault()
    button.onclick = () => {
      const from = area.selectionStart, before = area.value.slice(0, from), after = area.value.slice(area.selectionEnd)
      const lead = before && !/\s$/.test(before) ? " " : ""
      const tail = after && !/^[\s.,;:!?)]/.test(after) ? " " : ""
      area.value = before + lead + chip.write + tail + after
      area.focus()
      area.selectionStart = area.selectionEnd = (before + lead + chip.write + tail).length
      send()
    }
    return button
  }))
}
