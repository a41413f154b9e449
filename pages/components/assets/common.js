// What every component of ours begins with. Text goes through textContent alone.
const el = (tag, className, text) => {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined && text !== null) node.textContent = text
  return node
}

const newId = () => {
  if (crypto.randomUUID) return crypto.randomUUID()
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("")
}

const isDark = colour => {
  const probe = document.createElement("canvas").getContext("2d")
  probe.fillStyle = colour || "#ffffff"
  const value = parseInt(probe.fillStyle.slice(1), 16)
  return ((value >> 16) & 255) * 0.3 + ((value >> 8) & 255) * 0.59 + (value & 255) * 0.11 < 128
}
