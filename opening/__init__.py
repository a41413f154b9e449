"""How a clinic begins: its first settings and owner, and the demo clinic."""
