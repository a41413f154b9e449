"""The offline snapshot: a page that installs itself in the browser of a key computer."""
