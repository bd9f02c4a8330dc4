"""A real browser without a screen, and what pages look like in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BROWSER, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required",
         # A microphone that beeps every second, which pages may use.
         "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")  # fmt: skip
WIDE, NARROW = (1400, 1000), (400, 900)

# The contrast of every text with what is behind it (WCAG 2): those below what AA asks for.
CONTRAST = """
const channel = v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
const parse = text => {
  const n = (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  return text === 'transparent' ? [0, 0, 0, 0] : [n[0], n[1], n[2], n[3] ?? 1];
};
const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
const behind = node => {
  let stack = [];
  for (let at = node; at; at = at.parentElement) {
    const found = parse(getComputedStyle(at).backgroundColor);
    if (found[3]) stack.push(found);
    if (found[3] === 1) break;
  }
  const base = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
  return stack.reverse().reduce((below, top) => over(top, below), base);
};
const found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const text = walk.currentNode.textContent.trim(), node = walk.currentNode.parentElement;
  if (!text || node.closest('script, style, noscript, canvas, :disabled')) continue;
  if (!node.getClientRects().length) continue;
  const style = getComputedStyle(node), back = behind(node);
  const ink = over(parse(node.closest('svg') ? style.fill : style.color), back);
  const [a, b] = [light(ink), light(back)].sort((x, y) => y - x);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
  const ratio = (a + .05) / (b + .05);
  if (ratio < (large ? 3 : 4.5)) found.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
}
return found;
"""


class Browser:
    """Chromium, driven by selenium; ``driver`` is selenium's own."""

    def __init__(self, driver) -> None:
        self.driver = driver

    def open(self, page: Path | str, *, size=WIDE, scheme: str = "light") -> None:
        """Open a page of the disk, or an address, in a window of a size, in the dark or not."""
        about = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", about)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get(page if isinstance(page, str) else page.resolve().as_uri())

    def run(self, script: str, *values):
        """Run JavaScript and return what it returns."""
        return self.driver.execute_script(script, *values)

    def wait(self, script: str, *values, seconds: float = 15):
        """Wait until JavaScript returns something that is true, and return it."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, seconds, 0.05).until(lambda _: self.run(script, *values))

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    @property
    def complaints(self) -> list[str]:
        """What the console says since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return self.run("return document.documentElement.scrollWidth - innerWidth")

    @property
    def faint(self) -> list[str]:
        """Texts with less contrast than AA asks for."""
        return self.run(CONTRAST)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start one; the test is skipped where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    for path in (BROWSER, DRIVER):
        if not path.exists():
            pytest.skip(f"there is no {path}")
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
