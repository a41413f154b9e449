"""A card processor for tests: a real server on 127.0.0.1 that speaks the four protocols, takes test cards on a page a
browser can fill, sends signed messages, settles, and fails on purpose."""

from tests.fake_processor.server import Fake, running

__all__ = ["Fake", "running"]
