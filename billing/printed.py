"""HTML on standard input, PDF on standard output: the child process that prints a receipt.

It runs apart from the app (``python -m billing.printed``), so that a slow or broken document can be given up on.
Nothing is fetched but the fonts beside forms/.
"""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path

FONTS = Path(__file__).resolve().parent.parent / "forms" / "fonts"
SECONDS = 40


def main() -> int:
    """Convert; exit code 1 when xhtml2pdf found the document wanting."""
    from xhtml2pdf import pisa
    from xhtml2pdf.config.resources import ResourceAccessPolicy

    logging.disable(logging.CRITICAL)
    target = io.BytesIO()
    policy = ResourceAccessPolicy.server(FONTS, allow_remote=False)
    status = pisa.CreatePDF(
        sys.stdin.buffer.read().decode("utf-8"), dest=target, encoding="utf-8", resource_policy=policy
    )
    if status.err:
        return 1
    sys.stdout.buffer.write(target.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
