"""A refusal quotes what people typed; none of it becomes a picture, a link or a formula in the reader's page."""

from streamlit.testing.v1 import AppTest


def refused():
    from pages.components import frame
    from records.documents import AlreadyAttached

    with frame.refusals():
        raise AlreadyAttached(title="![x](/auth/out) [read](https://evil.example) <b>`$x$")


def test_a_title_in_a_refusal_is_shown_as_it_was_typed():
    (error,) = AppTest.from_function(refused).run().error
    assert error.value == (
        r"This very file is already attached as '!\[x\](/auth/out) \[read\](https://evil.example) \<b>\`\$x\$'. "
        "Nothing was added."
    )
