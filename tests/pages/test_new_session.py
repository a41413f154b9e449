"""The theme and settings told to the browser are the same whether worked out or kept."""

from streamlit.proto.NewSession_pb2 import Config, CustomThemeConfig
from streamlit.runtime import app_session

from pages.components import new_session

SECTIONS = ("theme", "theme.light", "theme.dark", "theme.sidebar", "theme.light.sidebar", "theme.dark.sidebar")


def told(fill_theme, fill_config):
    theme, config = CustomThemeConfig(), Config()
    fill_theme(theme)
    for section in SECTIONS[1:]:
        part = theme
        for name in section.split(".")[1:]:
            part = getattr(part, name)
        fill_theme(part, section)
    fill_config(config)
    return theme.SerializeToString(deterministic=True), config.SerializeToString(deterministic=True)


def test_what_is_kept_equals_what_streamlit_works_out(monkeypatch):
    asked = []
    fill = app_session._populate_theme_msg
    theme, config = app_session._populate_theme_msg, app_session._populate_config_msg
    worked_out = told(theme, config)
    kept_theme = new_session.kept(lambda *args: (asked.append(args[1:]), fill(*args)))
    kept_config = new_session.kept(config)
    assert told(kept_theme, kept_config) == worked_out
    assert told(kept_theme, kept_config) == worked_out
    assert len(worked_out[0]) > 100, "our theme is in it"
    assert len(asked) == len(SECTIONS), "each section worked out once"


def test_streamlit_fills_its_message_with_the_functions_that_are_wrapped(monkeypatch):
    for name in new_session.PARTS:
        monkeypatch.setattr(app_session, name, getattr(app_session, name))
    new_session.keep_what_stands()
    first = app_session._populate_theme_msg
    new_session.keep_what_stands()
    assert app_session._populate_theme_msg is first, "wrapped once"
    code = app_session.AppSession._create_new_session_message.__code__
    assert set(new_session.PARTS) <= set(code.co_names)
