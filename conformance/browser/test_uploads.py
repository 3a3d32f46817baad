"""Photographs go from a page straight to the store and back, on every backend, without the page knowing which."""

from __future__ import annotations

import pytest

PNG = "image/png"


def choose(page, path):
    page.set_input_files("#file", str(path))


def message(page):
    return page.inner_text("#message")


def test_a_photograph_is_sent_by_a_form_and_shown(page, shop, photo):
    choose(page, photo)
    with page.expect_navigation(url=f"{shop.url}/done?**", timeout=60_000):
        page.evaluate("postByForm()")
    assert page.inner_text("h1") == "done"
    found = shop.state.objects.get("photos/Größe Ω.png")
    assert found.data == photo.read_bytes()
    assert found.info.content_type == PNG
    page.goto(shop.url)
    assert page.evaluate("show('photos/Größe Ω.png')") == [700, 600]


def test_a_photograph_is_put_by_fetch_and_read_by_script(page, shop, photo):
    choose(page, photo)
    page.evaluate("putByFetch('fetched.png')")
    assert message(page) == "stored"
    found = shop.state.objects.get("fetched.png")
    assert found.data == photo.read_bytes()
    assert (found.info.content_type, found.info.metadata) == (PNG, {"who": "ada"})
    assert page.evaluate("show('fetched.png')") == [700, 600]
    assert page.evaluate("download('fetched.png')") == photo.stat().st_size


def test_a_put_says_how_far_it_is(page, shop, photo):
    choose(page, photo)
    page.evaluate("putWithProgress('progress.png')")
    assert message(page) == "stored"
    assert page.evaluate("document.getElementById('progress').value") == 1
    assert shop.state.objects.stat("progress.png").size == photo.stat().st_size


def test_a_put_if_absent_is_refused_the_second_time(page, shop, photo):
    choose(page, photo)
    page.evaluate("putByFetch('once.png')")
    assert message(page) == "stored"
    page.evaluate("putByFetch('once.png')")
    assert message(page).startswith("The photograph was not stored (")


def test_a_form_by_script_is_stored(page, shop, photo):
    choose(page, photo)
    page.evaluate("postByFetch()")
    assert message(page) == "stored"


def test_a_photograph_that_is_too_large_is_refused_in_words(page, shop, large):
    choose(page, large)
    page.evaluate("postByFetch()")
    assert message(page) == "This photograph is too large."
    assert not shop.state.objects.exists("photos/large.png")


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml"])
def test_an_uploaded_page_does_not_run(page, shop, content_type):
    script = b"<html><script>document.title = 'ran'</script></html>"
    shop.state.objects.put("page", script, content_type=content_type, content_disposition="inline")
    url = shop.state.objects.presign_get("page").url
    with page.expect_download() as download:
        page.evaluate("(url) => { window.location = url; }", url)
    assert download.value.path().read_bytes() == script
    assert page.title() == "Photographs"
