"""Whose certificates our own calls over HTTPS trust."""

from __future__ import annotations

import functools
import ssl

import httpx


@functools.cache
def trusted() -> ssl.SSLContext:
    """What httpx trusts by itself, read once: reading takes 20 ms, and a client reads it for each of its proxies."""
    return httpx.create_ssl_context()
