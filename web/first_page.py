"""The one HTML page a browser loads: Streamlit's index with our name, icons, manifest and phone settings in its head.

It is the same for every clinic and every visitor, so that nothing about either can be learnt from it.
"""

from __future__ import annotations

TITLE = b"<title>Streamlit</title>"
HEAD = b"""<title>Ballast</title>
    <link rel="icon" type="image/png" href="/icons/icon-192.png" />
    <link rel="apple-touch-icon" href="/icons/icon-180.png" />
    <link rel="manifest" href="/manifest.webmanifest" />
    <meta name="mobile-web-app-capable" content="yes" />
    <meta name="apple-mobile-web-app-capable" content="yes" />
    <meta name="apple-mobile-web-app-title" content="Ballast" />
    <meta name="apple-mobile-web-app-status-bar-style" content="default" />
    <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f6f7f9" />
    <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#161b22" />
    <meta name="robots" content="noindex, nofollow" />
    <meta name="description" content="Sign in to Ballast" />
    <script>
      window.__streamlit = {BACKEND_BASE_URL: location.origin + "/", MAIN_PAGE_BASE_URL: location.origin + "/"}
    </script>
    <script src="/watch.js" defer></script>"""
OWN_ICON = b'<link rel="shortcut icon" href="./favicon.png" />'
AGENT_LINK = b'<link rel="service-desc" href="./_stcore/agent/openapi.json" />'


def is_first_page(body: bytes) -> bool:
    """Whether this is Streamlit's index page."""
    return TITLE in body


def dressed(body: bytes) -> bytes:
    """Streamlit's index page as ours. Assets are addressed from the root, whatever page was asked for."""
    body = body.replace(TITLE, HEAD, 1).replace(OWN_ICON, b"", 1).replace(AGENT_LINK, b"", 1)
    return body.replace(b'"./static/', b'"/static/')
