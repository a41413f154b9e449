"""How an e-mail and a letter look: the frame around the words of a template, the same in every mailbox.

MJML becomes tables that old mailboxes understand, styles are put into the elements, and what remains is the answer to
a dark screen. Nothing is fetched: no font, no style sheet, no picture of ours.
"""

from __future__ import annotations

from html import escape

FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
FOOTERS = {
    "marketing": ("You agreed to news from {clinic}", "Unsubscribe"),
    "reminder": ("A reminder about care at {clinic}", "Choose what we send you"),
    "notice": ("A notice to clients of {clinic}", "Choose what we send you"),
}  # fmt: skip
"""By purpose: why it was sent, and the words of the way out."""

_MAIL = """<mjml lang="en"><mj-head>
<mj-preview>{preheader}</mj-preview>
<mj-attributes><mj-all font-family="{font}" />
<mj-text font-size="16px" line-height="1.55" color="#1f2937" /></mj-attributes>
<mj-style>
.words p {{ margin: 0 0 14px; }} .words h1 {{ font-size: 22px; line-height: 1.3; margin: 0 0 14px; font-weight: 650; }}
.words h2 {{ font-size: 18px; line-height: 1.35; margin: 22px 0 10px; font-weight: 650; }}
.words ul, .words ol {{ margin: 0 0 14px; padding-left: 22px; }} .words li {{ margin: 0 0 6px; }}
.words a {{ color: {link}; }} .words img {{ max-width: 100%; height: auto; border-radius: 6px; }}
.foot a {{ color: #5b6472; }}
@media (prefers-color-scheme: dark) {{
.page, body {{ background: #14181d !important; background-color: #14181d !important; }}
.card, .card table, .card td.panel {{ background: #1d232a !important; background-color: #1d232a !important; }}
.words div, .words p, .words li, .words h1, .words h2 {{ color: #e6e9ed !important; }}
.words a {{ color: #5eead4 !important; }}
.head div, .foot div {{ color: #9aa4b2 !important; }} .foot a {{ color: #b6bfcb !important; }}
}}
</mj-style>
<mj-raw><meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no,date=no,address=no,email=no"></mj-raw>
</mj-head><mj-body background-color="#f3f5f7" css-class="page">
<mj-section padding="22px 8px 10px"><mj-column><mj-text css-class="head" font-size="14px" font-weight="600"
 color="#5b6472" padding="0 17px">{clinic}</mj-text></mj-column></mj-section>
<mj-section padding="8px" css-class="card" background-color="#ffffff" border-radius="10px"><mj-column>
<mj-text css-class="words" padding="18px 17px 6px">{body}</mj-text>{button}</mj-column></mj-section>
<mj-section padding="16px 8px 30px"><mj-column><mj-text css-class="foot" font-size="12.5px" color="#5b6472"
 padding="0 17px">{footer}</mj-text></mj-column></mj-section></mj-body></mjml>"""

_LETTER = """<html><head><meta charset="utf-8"><style>
@page {{ size: {paper}; margin: 20mm 22mm 20mm 22mm; }}
body {{ font-family: DejaVuSans, Helvetica, sans-serif; font-size: 10.5pt; line-height: 1.5; color: #000000; }}
.sender {{ font-size: 8pt; color: #444444; }} .to {{ height: 42mm; padding-top: 4mm; }}
p {{ margin: 0 0 9pt; }} h1 {{ font-size: 14pt; margin: 0 0 9pt; }} h2 {{ font-size: 12pt; margin: 12pt 0 6pt; }}
.day {{ margin: 0 0 14pt; text-align: right; }}
</style></head><body><div class="sender">{clinic}{place}</div><div class="to">{to}</div>
<div class="day">{today}</div>{body}</body></html>"""


def mail(*, preheader: str, body: str, button: str, link: str, colour: str, footer: str, clinic: str) -> str:
    """The finished HTML of an e-mail. ``body``, ``footer`` and ``clinic`` are HTML, the rest is text."""
    import css_inline
    import mrml

    made = ""
    if button:
        made = (
            f'<mj-button href="{escape(link, quote=True)}" background-color="{colour}" color="{_on(colour)}" '
            f'font-size="16px" font-weight="600" inner-padding="13px 24px" border-radius="8px" align="left" '
            f'padding="6px 17px 22px">{escape(button)}</mj-button>'
        )
    source = _MAIL.format(
        preheader=escape(preheader), font=FONT, body=body, button=made, footer=footer, clinic=clinic,
        link=colour if _contrast(colour, "#ffffff") >= 4.5 else "#0f766e",
    )  # fmt: skip
    told = mrml.to_html(source, render_options=mrml.RenderOptions(fonts={})).content
    told = told.replace("<title></title>", f"<title>{clinic}</title>")
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)
    return str(inliner.inline(told))


def letter(*, body: str, clinic: str, place: str, to: str, today: str, paper: str) -> str:
    """The HTML of a letter whose address stands behind the window of an envelope; all of it is HTML already."""
    return _LETTER.format(body=body, clinic=clinic, place=place, to=to, today=today, paper=paper)


def footer(purpose: str, clinic: str, place: str, link: str) -> tuple[str, str]:
    """The end of an e-mail, as HTML and as plain text."""
    why, out = FOOTERS[purpose]
    why = why.format(clinic=clinic)
    html = f'{why}<br>{clinic}{place}<br><a href="{link}">{escape(out)}</a>'
    return html, f"-- \n{why}\n{clinic}{place}\n{out}: {link}"


def _on(colour: str) -> str:
    """White or black, whichever is read better on a colour."""
    return "#ffffff" if _contrast(colour, "#ffffff") >= 4.5 else "#000000"


def _contrast(one: str, other: str) -> float:
    bright, dark = sorted((_light(one), _light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _light(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
