"""The page in a real browser, over a real server with the shipped adapters.

`python -m tests.demo.test_page` takes the screenshots in docs/ anew.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
import requests
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import ROOT
from tests.documents import made
from tests.integration.test_ollama import MODEL, UPSTREAM, answers
from tests.ollama.fake_server import fake_ollama
from tests.server import free_port, running

pytestmark = pytest.mark.integration

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WAIT_MS = 30_000
WHO = "Who built the bridge?"
OFF_TOPIC = "How many moons does Jupiter have?"
# The sandbox of Chromium needs rights that containers and root do not have.
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]

needs_browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium (apt install chromium)")


@contextmanager
def page_of(api: str) -> Iterator[str]:
    """The address of `make demo`'s page over an API."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "demo.py", "--api", api],
        cwd=ROOT,
        env=os.environ | {"PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    ends = time.monotonic() + 60
    try:
        while not _is_up(url):
            assert process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def _is_up(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


@contextmanager
def tab(
    url: str,
    width: int = 1280,
    height: int = 900,
    scheme: Literal["light", "dark"] = "light",
    *,
    at: str = "Ask",
) -> Iterator[Page]:
    """An open page in a browser, at one of its tabs; it may ask for nothing but from this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.set_default_timeout(WAIT_MS)
        foreign: list[str] = []
        page.on("request", lambda one: None if _is_here(one.url) else foreign.append(one.url))
        page.goto(url)
        expect(page.locator("#state")).to_contain_text("API at", timeout=WAIT_MS)
        if at != "Documents":
            # The first tab is open already.
            page.get_by_role("tab", name=at, exact=True).click()
        yield page
        assert foreign == []
        browser.close()


def _is_here(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "blob:"))


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with fake_ollama() as ollama:
        ollama.pieces = ["Dunmore", " and Sons", " built it."]
        # Longer than the pauses in which the browser is looked at.
        ollama.pause_s = 1.5
        settings = {"QA_OLLAMA": "on", "OLLAMA_HOST": ollama.url, "OLLAMA_MODEL": "tiny:1b"}
        # What the page shows of answers is tried with an adapter that always gives one.
        settings["QA_ADAPTER"] = "squad"
        with running(tmp_path_factory.mktemp("api"), **settings) as (api, _), page_of(api) as found:
            yield found


def ask(page: Page, question: str) -> None:
    page.locator("#question textarea").fill(question)
    page.locator("#question textarea").press("Enter")


def choose(page: Page, label: str, name: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=name, exact=True).click()


@needs_browser
def test_answer_is_highlighted_and_adapters_stand_side_by_side(url):
    with tab(url) as page:
        ask(page, WHO)
        answer = page.locator("#answer")
        expect(answer.locator("mark")).to_have_text("Dunmore and Sons", timeout=WAIT_MS)
        expect(answer).to_contain_text(re.compile(r"squad, \d+ % sure"))
        expect(answer.locator("tbody tr")).to_have_count(3)
        choose(page, "Adapter", "squad2")
        ask(page, WHO)
        expect(answer).to_contain_text("squad2,")
        choose(page, "Compare with", "squad")
        page.locator("#ask").click()
        expect(page.locator("#second-answer mark")).to_have_text("Dunmore and Sons")
        expect(page.locator("#second-answer")).to_contain_text("squad,")


@needs_browser
def test_off_topic_question_is_not_answerable(url):
    with tab(url) as page:
        choose(page, "Adapter", "squad2")
        ask(page, OFF_TOPIC)
        expect(page.locator("#answer")).to_contain_text("Not answerable", timeout=WAIT_MS)
        expect(page.locator("#answer mark")).to_have_count(0)


@needs_browser
def test_everything_works_by_keyboard(url):
    with tab(url) as page:
        page.locator("#text textarea").focus()
        page.keyboard.press("Tab")
        page.keyboard.type(WHO)
        reached = []
        for _ in range(3):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.ariaLabel || document.activeElement.id"))
        assert reached == ["Adapter", "Compare with", "ask"]
        page.keyboard.press("Enter")
        expect(page.locator("#answer mark")).to_have_text("Dunmore and Sons", timeout=WAIT_MS)
        expect(page.get_by_role("listbox")).to_have_count(0)
        page.get_by_role("tab", name="Ask").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#open-question")).to_be_visible()


@needs_browser
def test_page_fits_a_phone(url):
    with tab(url, width=390, height=844) as page:
        ask(page, WHO)
        expect(page.locator("#answer mark")).to_be_visible(timeout=WAIT_MS)
        picked = page.get_by_label("Adapter", exact=True)
        expect(picked).to_have_value("squad (default)")
        assert picked.evaluate("input => input.scrollWidth <= input.clientWidth")
        for name in ("Documents", "Ask", "Open question", "Summarise"):
            page.get_by_role("tab", name=name, exact=True).click()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390


@needs_browser
def test_default_adapter_is_named(url):
    with tab(url) as page:
        expect(page.get_by_label("Adapter", exact=True)).to_have_value("squad (default)", timeout=WAIT_MS)
        ask(page, WHO)
        expect(page.locator("#answer")).to_contain_text("squad,", timeout=WAIT_MS)
        page.get_by_label("Adapter", exact=True).click()
        options = page.get_by_role("option").all_inner_texts()
        assert sum("squad" in one and "squad2" not in one and "mpnet" not in one for one in options) == 1


@needs_browser
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844), (844, 390)])
def test_answer_of_a_long_text_is_before_one_s_eyes(url, width, height):
    with tab(url, width, height) as page:
        text = page.locator("#text textarea").input_value()
        lines = "\n".join(f"Note {number}: nothing else happened that day." for number in range(60))
        page.locator("#text textarea").fill(f"{lines}\n{text}\n{lines}")
        ask(page, "Who built the Harbour Bridge?")
        mark = page.locator("#answer mark")
        expect(mark).to_have_text("Dunmore and Sons", timeout=WAIT_MS)
        expect(mark).to_be_in_viewport(ratio=1)
        box, place = page.locator("#answer .qa-text").bounding_box(), mark.bounding_box()
        assert box["y"] <= place["y"]
        assert place["y"] + place["height"] <= box["y"] + box["height"]
        # Asked for again: whoever has gone back to the question is shown it again.
        page.evaluate("scrollTo(0, 0)")
        page.locator("#ask").click()
        expect(mark).to_be_in_viewport(ratio=1, timeout=WAIT_MS)


@needs_browser
def test_page_stays_where_its_reader_is(url):
    """Only what was just asked for moves it."""
    with tab(url, width=390, height=844) as page:
        page.get_by_role("tab", name="Open question").click()
        page.locator("#open-question textarea").fill(WHO)
        page.locator("#open-ask").click()
        expect(page.locator("#open-answer .qa-generated")).to_contain_text("Dunmore", timeout=WAIT_MS)
        page.evaluate("document.body.style.paddingBottom = '3000px'; scrollTo(0, 2000)")
        expect(page.locator("#open-answer")).to_contain_text("Generated by", timeout=WAIT_MS)
        assert page.evaluate("scrollY") == 2000


CONTRAST = """(element) => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  // The browser's own arithmetic: what lies beneath is painted first.
  const chain = [];
  for (let one = element; one; one = one.parentElement) chain.unshift(getComputedStyle(one));
  context.fillStyle = matchMedia("(prefers-color-scheme: dark)").matches ? "black" : "white";
  context.fillRect(0, 0, 1, 1);
  for (const style of chain) { context.fillStyle = style.backgroundColor; context.fillRect(0, 0, 1, 1); }
  const ground = [...context.getImageData(0, 0, 1, 1).data];
  context.globalAlpha = chain.reduce((product, style) => product * style.opacity, 1);
  context.fillStyle = chain.at(-1).color;
  context.fillRect(0, 0, 1, 1);
  const text = [...context.getImageData(0, 0, 1, 1).data];
  const luminance = (rgb) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [dark, light] = [luminance(ground), luminance(text)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}"""
"""The ratio of WCAG 2 between an element's text and its ground, from the colours that are rendered."""


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_written_can_be_read(url, scheme):
    with tab(url, scheme=scheme) as page:
        choose(page, "Compare with", "squad2")
        ask(page, OFF_TOPIC)
        expect(page.locator("#answer mark")).to_be_visible(timeout=WAIT_MS)
        expect(page.locator("#second-answer .qa-verdict")).to_be_visible(timeout=WAIT_MS)
        # No question is sure to get a low score.
        low = "by => by.insertAdjacentHTML('beforeend', '<strong class=qa-low>only</strong>')"
        page.locator("#answer .qa-by").first.evaluate(low)
        ratios = {}
        for selector in ("#ask", "[role=tab]", "label span", "#state .qa-status", ".qa-answer", ".qa-by"):
            ratios |= seen(page, selector)
        for selector in (".qa-low", ".qa-none", ".qa-text", ".qa-text mark", ".qa-table td", ".qa-table th"):
            ratios |= seen(page, selector)
        page.locator("#ask").hover()
        page.wait_for_timeout(400)
        ratios |= {f"{name}, hovered": ratio for name, ratio in seen(page, "#ask").items()}
        page.get_by_role("tab", name="Open question").click()
        page.wait_for_timeout(400)
        ratios |= {f"{name}, other tab": ratio for name, ratio in seen(page, "[role=tab], #open-ask").items()}
        ratios |= seen(page, "#open-stop")
    assert len(ratios) > 15
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


def seen(page: Page, selector: str) -> dict[str, float]:
    """The contrast of all that is visible and is selected so, by what is written there."""
    found = [one for one in page.locator(selector).all() if one.is_visible()]
    assert found, selector
    return {f"{selector} {one.inner_text()[:20]!r}": one.evaluate(CONTRAST) for one in found}


@needs_browser
def test_a_question_asked_before_the_answer_is_there_is_answered_next(url):
    with tab(url) as page:
        text = page.locator("#text textarea").input_value()
        page.locator("#text textarea").fill(f"{'Nothing else happened. ' * 3000} {text}")
        ask(page, WHO)
        ask(page, "When was the bridge opened?")
        expect(page.locator("#answer mark")).to_have_text("9 June 1891", timeout=WAIT_MS)


@needs_browser
def test_long_words_stay_on_a_phone(url):
    with tab(url, width=390, height=844) as page:
        page.locator("#text textarea").fill(f"The word is {'rhubarb' * 40}.")
        ask(page, "What is the word?")
        expect(page.locator("#answer mark")).to_be_visible(timeout=WAIT_MS)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@needs_browser
def test_page_is_as_wide_whatever_it_holds(url):
    with tab(url) as page:
        wide = page.locator(".gradio-container").bounding_box()
        page.locator("#text textarea").fill("Ada. " * 20_000)
        ask(page, WHO)
        expect(page.locator("#answer mark")).to_be_visible(timeout=WAIT_MS)
        assert page.locator(".gradio-container").bounding_box()["width"] == wide["width"] == 1100


@needs_browser
def test_open_question_is_streamed_with_its_source_and_support(url):
    with tab(url) as page:
        text = page.locator("#text textarea").input_value()
        page.get_by_role("tab", name="Open question").click()
        page.locator("#open-text textarea").fill(text)
        page.locator("#open-question textarea").fill(WHO)
        page.locator("#open-ask").click()
        answer = page.locator("#open-answer")
        # A piece of it is there before the whole is.
        expect(answer.locator(".qa-generated")).to_have_text("Dunmore and Sons", timeout=WAIT_MS)
        expect(answer).to_contain_text("Generated by tiny:1b", timeout=WAIT_MS)
        expect(answer).to_contain_text("Its words stand in the text")
        expect(answer.locator("mark")).to_have_text("Dunmore and Sons")


@needs_browser
def test_text_is_summarised(url):
    with tab(url) as page:
        page.get_by_role("tab", name="Summarise").click()
        page.locator("#summarise").click()
        expect(page.locator("#summary")).to_contain_text("Dunmore and Sons built it.", timeout=WAIT_MS)
        expect(page.locator("#summary")).to_contain_text("Ollama's model tiny:1b")


@needs_browser
def test_missing_question_is_asked_for(url):
    with tab(url) as page:
        page.locator("#ask").click()
        expect(page.locator("#answer [role=alert]")).to_have_text(
            "Write the question first.", timeout=WAIT_MS
        )


@needs_browser
def test_what_is_away_is_told_and_may_come_back(tmp_path):
    port = free_port()
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with running(tmp_path / "first", port) as (api, server), page_of(api) as url, tab(url) as page:
        state = page.locator("#state")
        expect(state).to_contain_text("no Ollama server")
        page.get_by_role("tab", name="Open question").click()
        page.locator("#open-question textarea").fill("Why is the sky blue?")
        page.locator("#open-ask").click()
        expect(page.locator("#open-answer [role=alert]")).to_contain_text("OLLAMA_HOST", timeout=WAIT_MS)
        page.get_by_role("tab", name="Summarise").click()
        page.locator("#summarise").click()
        expect(page.locator("#summary [role=alert]")).to_contain_text("QA_SUMMARY_ADAPTER", timeout=WAIT_MS)
        page.get_by_role("tab", name="Ask", exact=True).click()
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 0
        ask(page, WHO)
        expect(page.locator("#answer [role=alert]")).to_contain_text(
            f"{api} does not answer", timeout=WAIT_MS
        )
        expect(page.locator("#answer [role=alert]")).to_contain_text("make serve")
        expect(state.locator("[role=alert]")).to_contain_text("does not answer", timeout=WAIT_MS)
        with running(tmp_path / "second", port):
            expect(state.locator("[role=alert]")).to_have_count(0, timeout=WAIT_MS)
            ask(page, WHO)
            expect(page.locator("#answer mark")).to_have_text("Dunmore and Sons", timeout=WAIT_MS)


@needs_browser
@pytest.mark.skipif(not answers(UPSTREAM), reason=f"no Ollama answers at {UPSTREAM}")
def test_real_model_answers_an_open_question(tmp_path):
    settings = {"QA_OLLAMA": "on", "OLLAMA_HOST": UPSTREAM, "OLLAMA_MODEL": MODEL}
    with running(tmp_path, **settings) as (api, _), page_of(api) as url, tab(url) as page:
        page.get_by_role("tab", name="Open question").click()
        page.locator("#open-question textarea").fill("What is the capital of France?")
        page.locator("#open-question textarea").press("Enter")
        expect(page.locator("#open-answer")).to_contain_text(f"Generated by {MODEL}", timeout=120_000)
        assert len(page.locator("#open-answer .qa-generated").inner_text()) > 5


@pytest.mark.parametrize("given", ["0", "65536", "many", "-1"])
def test_port_that_is_none_is_refused(given):
    done = subprocess.run(
        [sys.executable, "demo.py"],
        cwd=ROOT,
        env=os.environ | {"PORT": given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert f"'{given}' is no port" in done.stderr


def test_page_without_gradio_says_what_to_do(tmp_path):
    (tmp_path / "gradio.py").write_text("raise ImportError")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}"}
    done = subprocess.run(
        [sys.executable, "demo.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "make demo" in done.stderr


FARES = [
    (72, 760, 18, "Fares of the ferry"),
    (72, 720, 10, "Adults pay four crowns for the ferry and children two crowns."),
    (72, 708, 10, "For a dog the ferry costs one crown, whatever its size."),
]


def add_documents(page: Page, folder: Path) -> None:
    (folder / "fares.pdf").write_bytes(made.pdf([FARES]))
    (folder / "quay.md").write_text(
        "# Quay\n\nBoats moor at the north side of the quay. Nets dry at the south side.\n"
    )
    (folder / "torn.docx").write_bytes(b"torn")
    names = ("fares.pdf", "quay.md", "torn.docx")
    page.locator("#documents-files input[type=file]").set_input_files([folder / name for name in names])
    expect(page.locator("#documents-listed")).to_contain_text("quay.md", timeout=WAIT_MS)


def ask_documents(page: Page, question: str) -> None:
    page.locator("#documents-question textarea").fill(question)
    page.locator("#documents-question textarea").press("Enter")


@needs_browser
def test_files_are_dropped_asked_seen_on_their_page_and_removed(url, tmp_path):
    with tab(url, at="Documents") as page:
        add_documents(page, tmp_path)
        expect(page.locator("#documents-told")).to_contain_text("torn.docx is damaged")
        ask_documents(page, "How much does the ferry cost for a dog?")
        answer = page.locator("#documents-answer")
        expect(answer.locator("mark")).to_contain_text("one crown", timeout=WAIT_MS)
        expect(answer).to_contain_text("fares.pdf, page 1 · Fares of the ferry")
        box, picture = answer.locator(".qa-page span"), answer.locator(".qa-page img")
        seen, whole = box.bounding_box(), picture.bounding_box()
        assert seen is not None
        assert whole is not None
        # "one crown" stands in the third line: 708 of 842 points up.
        assert 0.13 < (seen["y"] - whole["y"]) / whole["height"] < 0.17
        assert 0.2 < (seen["x"] - whole["x"]) / whole["width"] < 0.5
        page.locator("#documents-after").click()
        expect(answer).to_contain_text("(2 of ")
        page.locator("#documents-before").click()
        expect(answer).to_contain_text("(1 of ")
        page.get_by_label("Document", exact=True).click()
        page.get_by_role("option", name="fares.pdf", exact=True).click()
        page.locator("#documents-remove").click()
        expect(page.locator("#documents-listed")).not_to_contain_text("fares.pdf", timeout=WAIT_MS)
        expect(page.locator("#documents-told")).to_contain_text("fares.pdf removed")
        # An answer out of it is none any more.
        expect(answer.locator("mark")).to_have_count(0)
        expect(page.locator("#documents-after")).not_to_be_visible()
        page.get_by_label("Document", exact=True).click()
        page.get_by_role("option", name="quay.md", exact=True).click()
        page.locator("#documents-remove").click()
        expect(page.locator("#documents-listed")).to_contain_text("No documents yet", timeout=WAIT_MS)


@needs_browser
def test_an_encrypted_file_is_told_and_added_with_its_password(url, tmp_path):
    locked = tmp_path / "locked.pdf"
    locked.write_bytes(made.pdf([FARES], password=b"pearl"))
    with tab(url, at="Documents") as page:
        files = page.locator("#documents-files input[type=file]")
        files.set_input_files(locked)
        expect(page.locator("#documents-told")).to_contain_text("locked.pdf is encrypted", timeout=WAIT_MS)
        page.locator("#documents-encrypted").get_by_role("button").click()
        page.locator("#documents-password input").fill("pearl")
        files.set_input_files(locked)
        expect(page.locator("#documents-listed")).to_contain_text("locked.pdf", timeout=WAIT_MS)
        page.get_by_label("Document", exact=True).click()
        page.get_by_role("option", name="locked.pdf", exact=True).click()
        page.locator("#documents-remove").click()
        expect(page.locator("#documents-listed")).not_to_contain_text("locked.pdf", timeout=WAIT_MS)


def take_screenshots(folder: Path) -> None:
    """What docs/demo.md shows, with whatever Ollama server answers."""
    settings = (
        {"QA_OLLAMA": "on", "OLLAMA_HOST": UPSTREAM, "OLLAMA_MODEL": MODEL} if answers(UPSTREAM) else {}
    )
    with (
        tempfile.TemporaryDirectory() as log,
        running(Path(log), **settings) as (api, _),
        page_of(api) as url,
    ):
        with tab(url, at="Documents") as page:
            add_documents(page, Path(log))
            ask_documents(page, "How much does the ferry cost for a dog?")
            expect(page.locator("#documents-answer mark")).to_be_visible(timeout=WAIT_MS)
            page.wait_for_timeout(500)
            page.screenshot(path=folder / "demo-documents.png", full_page=True)
        for name, width in (("demo-ask.png", 1280), ("demo-phone.png", 390)):
            with tab(url, width) as page:
                if width > 400:
                    choose(page, "Compare with", "squad2")
                ask(page, WHO)
                expect(page.locator("#answer mark")).to_be_visible(timeout=WAIT_MS)
                page.wait_for_timeout(500)
                page.screenshot(path=folder / name, full_page=True)
        with tab(url) as page:
            choose(page, "Adapter", "squad2")
            ask(page, OFF_TOPIC)
            expect(page.locator("#answer")).to_contain_text("Not answerable", timeout=WAIT_MS)
            page.wait_for_timeout(500)
            page.screenshot(path=folder / "demo-not-answerable.png", full_page=True)
            text = page.locator("#text textarea").input_value()
            if not settings:
                return
            page.get_by_role("tab", name="Open question").click()
            page.locator("#open-text textarea").fill(text)
            page.locator("#open-question textarea").fill("When was the bridge opened?")
            page.locator("#open-ask").click()
            expect(page.locator("#open-answer")).to_contain_text("Generated by", timeout=120_000)
            page.screenshot(path=folder / "demo-open.png", full_page=True)


if __name__ == "__main__":
    take_screenshots(ROOT / "docs")
