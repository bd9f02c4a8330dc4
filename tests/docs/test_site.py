"""The site builds without a warning, fetches nothing, is searched from the disk and links right."""

import html
import importlib
import json
import re
import shutil
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path

import doc_pages
import pytest

from tkit.metrics import METRICS
from tkit.scoring import protocols

DOCS = doc_pages.ROOT / "docs"
ROLE = re.compile(r"\{py:\w+\}`~?([\w.]+)`")
NAMED = sorted({name for p in doc_pages.pages() for name in ROLE.findall(p.read_text("utf-8"))})
# What a browser fetches by itself for a page; what is only linked to is not.
FETCHED = {
    "script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src",
    "audio": "src", "embed": "src", "object": "data", "use": "href", "image": "href",
}  # fmt: skip


def resolve(name: str) -> object:
    """The object of a dotted name."""
    module, rest = name, []
    while True:
        try:
            found = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
            if not module:
                raise
    for part in rest:
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", NAMED)
def test_what_the_pages_name_exists(name):
    assert resolve(name) is not None


def test_what_does_not_exist_is_found():
    with pytest.raises(AttributeError):
        resolve("tkit.face.geometry.retarged")
    with pytest.raises(ModuleNotFoundError):
        resolve("tikt.face")


def test_every_equation_of_the_paper_is_explained_with_its_code():
    text = (DOCS / "paper.md").read_text(encoding="utf-8")
    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    numbers = set()
    for section in sections:
        title, *_ = section.splitlines()
        found = [int(number) for number in re.findall(r"\d+", title)]
        numbers |= set(found)
        assert "$$" in section and ROLE.search(section.partition("*Code.*")[2]), title
    assert numbers == set(range(1, 15))


def test_notebook_is_committed_without_outputs():
    cells = json.loads((DOCS / "tour.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 6
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)


@pytest.mark.slow
def test_notebook_runs_from_the_first_cell_to_the_last(tmp_path):
    """In a process of its own, so that what Jupyter warns of concerns no other test."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    code = f"""
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read({str(DOCS / "tour.ipynb")!r}, as_version=4)
# The kernel of this name is that of the same interpreter, whatever is registered.
NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
nbformat.write(notebook, "done.ipynb")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    cells = json.loads((tmp_path / "done.ipynb").read_text(encoding="utf-8"))["cells"]
    code_cells = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code_cells)
    (shown,) = code_cells[1]["outputs"]
    assert float("".join(shown["data"]["text/plain"])) < 1e-3  # px: the round trip of equation 1


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site, from a copy of the sources: nothing is left beside them."""
    for name in ("sphinx", "myst_parser", "sphinx_click", "furo"):
        pytest.importorskip(name, reason=f"{name} is not installed: extra docs")
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-d", out / "doctrees",
         DOCS, out / "html"],
        capture_output=True, text=True, check=False, cwd=doc_pages.ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out / "html"


class Fetched(HTMLParser):
    """Addresses of everything that a page loads by itself, and those it links to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loads, self.links = [], []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if (address := given.get(FETCHED.get(tag, ""))) and given.get("rel") != "canonical":
            self.loads.append(address)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])


def local(address: str) -> bool:
    return not re.match(r"[a-z]+:|//", address) or address.startswith(("data:", "#"))


@pytest.mark.slow
def test_site_loads_nothing_from_a_network(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        loads = Fetched(page).loads
        assert loads and all(map(local, loads)), page
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        found = re.findall(r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)", text)
        assert all(map(local, (a or b for a, b in found))), style


@pytest.mark.slow
def test_links_between_pages_lead_somewhere(site):
    for page in site.rglob("*.html"):
        if "_modules" in page.parts:
            continue
        for link in Fetched(page).links:
            path, _, _ = link.partition("#")
            if local(link) and path:
                assert (page.parent / path.partition("?")[0]).exists(), (page, link)


@pytest.mark.slow
def test_site_has_its_pages_and_an_index_to_search_in(site):
    for source in (*DOCS.rglob("*.md"), *DOCS.rglob("*.ipynb")):
        assert (site / source.relative_to(DOCS).with_suffix(".html")).is_file(), source
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert index.startswith("Search.setIndex(") and '"lmd"' in index
    metrics = (site / "metrics.html").read_text(encoding="utf-8")
    assert all(f">{name}<" in metrics for name in METRICS.names())
    for name, family in METRICS.families().items():  # what is declared is all on its page
        page = html.unescape((site / "metrics" / f"{name}.html").read_text(encoding="utf-8"))
        assert family.limits in page and family.checked in page
        assert all(f"{score}|crop:" in page for score in family.scores)
    shown = (site / "protocols.html").read_text(encoding="utf-8")
    assert all(f">{name}<" in shown for name in protocols.names())
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert all(f"tkit-{name}" in commands for name in ("score", "prep", "train-motion"))


@pytest.mark.slow
def test_names_on_the_pages_are_links_into_the_reference(site):
    """Objects that Sphinx did not find would be shown as plain text."""
    data = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    known = {line.split(" ")[0] for line in zlib.decompress(data).decode().splitlines()}
    assert [name for name in NAMED if name not in known] == []


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium, if there is one."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("there is no chromium with its chromedriver here")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000",
                     "--disable-dev-shm-usage", "--disable-background-networking",
                     f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    found.set_page_load_timeout(120)
    yield found
    found.quit()


def wait_for(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 60).until(condition)


@pytest.mark.slow
def test_site_searches_from_the_disk_without_an_error(site, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.get((site / "index.html").as_uri())
    box = browser.find_element(By.CSS_SELECTOR, "input[name=q]")
    box.send_keys("LMD", Keys.ENTER)
    for page in ("metrics/lmd.html", "metrics.html", "why.html"):  # shown one after the other
        link = f"#search-results li a[href*='{page}']"
        wait_for(browser, lambda b, link=link: b.find_elements(By.CSS_SELECTOR, link))
    errors = [e for e in browser.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
    assert errors == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 400])
def test_pages_do_not_scroll_sideways_and_have_no_errors(site, browser, width):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False,
    })  # fmt: skip
    for name in ("index", "tutorial", "why", "paper", "metrics", "reference/commands", "tour"):
        browser.get((site / f"{name}.html").as_uri())
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} px wide at {width}"
    assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []
