"""People are called by their name, and a title is none."""

from pages.components import show


def test_a_title_is_neither_a_first_name_nor_an_initial():
    assert [show.called(name) for name in ("Sam Rivera", "Dr. Claire Novak", "Cher", "Dr.", "")] == [
        "Sam", "Dr. Novak", "Cher", "Dr.", "",
    ]  # fmt: skip
    assert [show.initials(name) for name in ("Sam Rivera", "Dr. Claire Novak", "Cher", "Dr.", "")] == [
        "SR", "CN", "C", "D", "",
    ]  # fmt: skip
