"""What a file is told to be, and for how long it may be kept."""

import pytest

from drafterd.domain.media import cache_control, content_type, content_types


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("a/b.mjs", "text/javascript; charset=utf-8"),
        ("app.webmanifest", "application/manifest+json; charset=utf-8"),
        ("logo.svg", "image/svg+xml; charset=utf-8"),
        ("font.woff2", "font/woff2"),
        ("data.tar.gz", "application/octet-stream"),
        ("LICENSE", "application/octet-stream"),
    ],
)
def test_the_type_by_the_name(name, kind):
    assert content_type(name) == kind


@pytest.mark.parametrize(
    "name",
    [
        "_next/static/chunks/1a2b.js",
        "sub/_next/static/x.css",
        "_astro/index.BZk3.css",
        "_app/immutable/entry/start.x.js",
        "static/js/main.1a2b3c4d.js",
        "static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg",
    ],
)
def test_what_is_named_by_its_content_is_kept_for_ever(name):
    assert cache_control(name) == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        "_next/static/page.html",
        "_astro/page.html",
        "app.js",
        "assets/carousel.js",
        "assets/my-carousel.js",
        "static/js/main.js",
        "static/js/jquery.min.js",
        "_app/version.json",
        "my_next/static/x.js",
    ],
)
def test_all_else_is_asked_for_each_time(name):
    assert cache_control(name) == "no-cache"


def test_the_table_of_types_says_what_each_name_says():
    table = content_types()
    assert {"html", "js", "css", "svg", "woff2"} <= table.keys()
    assert all(content_type(f"x.{ending}") == kind for ending, kind in table.items())
    assert all((ending.isascii() and ending.isalnum()) or ending in {"c++", "h++"} for ending in table)
