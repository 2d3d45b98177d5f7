"""The page as a person meets it, in a real browser over a real server and real log files."""

from __future__ import annotations

from datetime import timedelta

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from logger import ClaudeAPILogger
from logger.running import RUNNING
from tests.browser.conftest import Page
from tests.browser.flights import in_flight, left_behind, write_line

pytestmark = pytest.mark.browser

CALLS = ".card:nth-child(2) .big"


def test_the_first_start_says_how_to_begin_and_comes_alive_with_the_first_line(page: Page) -> None:
    page.open()
    page.shows("#body", "No calls yet")
    assert "callmeter demo" in page.text(".welcome")
    page.write()
    page.until(lambda: page.text(CALLS) == "1", "the first call on the page")
    page.drawn()
    assert page.text(".welcome") == ""
    assert page.complaints() == []


def test_cards_and_pictures_tell_what_is_in_the_files(page: Page) -> None:
    """Two priced calls of 1,000 in and 200 out at $4/$20 per million, one failed, one of an unknown model."""
    page.write()
    page.write(ago=timedelta(hours=2))
    page.write("gh-2", success=False, error_message="overloaded")
    page.write("gh-3", model="claude-next-preview")
    page.open()
    page.until(lambda: page.text(CALLS) == "4", "four calls")
    page.drawn()
    assert page.text(".card:nth-child(1) .big") == "≥ $0.024"
    assert page.text("#badge-cost") == "75.0 % priced"
    assert page.text(".card:nth-child(3) .big") == "75.0 %"
    assert page.text(".card:nth-child(4) .big") == "4,800"
    assert "1 call of unknown cost not included" in page.text("#sentence-cost")
    assert "claude-opus-5-5 used 75.0 % of the tokens" in page.text("#sentence-models")
    assert page.complaints() == []


def test_a_new_line_is_pushed_without_any_refresh(page: Page) -> None:
    """The page's own refresh is set to an hour: only a push can bring the second call."""
    page.write()
    page.open()
    page.until(lambda: page.text(CALLS) == "1", "one call")
    page.until(lambda: page.js("document.getElementById('status').classList.contains('live')"), "a live page")
    page.write()
    page.until(lambda: page.text(CALLS) == "2", "the second call")


def test_a_refresh_keeps_zoom_focus_and_scroll(page: Page) -> None:
    page.write()
    page.open()
    page.drawn()
    graph = "document.querySelector('#figure-timeline .js-plotly-plot')"
    whole = page.js(f"{graph}._fullLayout.xaxis.range[0]")
    plot = page.driver.find_element("css selector", ".picture-timeline .nsewdrag")
    drag = ActionChains(page.driver).move_to_element_with_offset(plot, 700, 80).click_and_hold()
    drag.move_by_offset(250, 0).release().perform()
    zoomed = page.until(lambda: _other(page.js(f"{graph}._fullLayout.xaxis.range[0]"), whole), "the zoom")
    page.js("document.getElementById('filters').focus()")
    page.js("window.scrollTo(0, 200)")
    page.write()
    page.until(lambda: page.text(CALLS) == "2", "the second call")
    page.until(lambda: page.js(f"Math.max.apply(null, {graph}.data[0].y)") == 2000, "the second call drawn")
    assert page.js(f"{graph}._fullLayout.xaxis.range[0]") == zoomed
    assert page.js("window.scrollY") == 200
    assert page.js("document.activeElement.id") == "filters"


def _other(value: str, before: str) -> str | None:
    return value if value != before else None


def test_a_click_on_a_model_narrows_and_back_widens(page: Page) -> None:
    page.write()
    page.write("gh-2", model="claude-haiku-4-5", tokens_input=900)
    page.open()
    page.until(lambda: page.text(CALLS) == "2", "two calls")
    page.drawn()
    _press_slice(page, 0)
    page.until(lambda: page.search() == "?model=claude-opus-5-5", "the address to say so")
    page.until(lambda: page.text(CALLS) == "1", "one call")
    page.shows("#chips", "model: claude-opus-5-5")
    page.driver.back()
    page.until(lambda: page.text(CALLS) == "2", "both calls again")
    assert page.search() == ""


def _press_slice(page: Page, place: int) -> None:
    """Click the upper right of the donut's ring: its first slice begins there."""
    plot = page.driver.find_element("css selector", ".picture-models .plot")
    page.js("arguments[0].scrollIntoView({block: 'center'})", plot)
    box = page.js(
        "(function () { var s = document.querySelectorAll('.picture-models .slice path')[arguments[0]]"
        ".getBoundingClientRect(), p = document.querySelector('.picture-models .plot').getBoundingClientRect();"
        " return [p.width / 2, p.height / 2, s.top - p.top]; }).apply(null, arguments)",
        place,
    )
    ActionChains(page.driver).move_to_element_with_offset(
        plot, int(box[0]) + 6, int(box[2]) + 10
    ).click().perform()


def test_an_address_is_a_view_with_its_filters(page: Page) -> None:
    page.write("gh-1")
    page.write("gh-2", success=False, error_message="timeout")
    page.open("?range=7d&outcome=failed&task=gh-2")
    page.until(lambda: page.text(CALLS) == "1", "one call")
    page.shows("#chips", "task: gh-2")
    page.press("#chips button[aria-label='Remove the filter task: gh-2']")
    page.until(lambda: page.search() == "?range=7d&outcome=failed", "the task filter to be gone")


def test_a_filter_is_chosen_by_keyboard_alone(page: Page) -> None:
    page.write("gh-1")
    page.write("gh-2")
    page.open()
    page.until(lambda: page.text(CALLS) == "2", "two calls")
    page.js("document.getElementById('filters').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.until(lambda: page.js("!!document.getElementById('tasks').offsetParent"), "the filters")
    field = page.driver.find_element("id", "tasks")
    field.send_keys("gh-2")
    page.until(lambda: page.visible("[data-combobox-option]") == ["gh-2"], "the choice")
    field.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    page.until(lambda: page.search() == "?task=gh-2", "the filter in the address")
    page.until(lambda: page.text(CALLS) == "1", "one call")


def test_the_table_lists_calls_newest_first_and_opens_one_with_every_field(page: Page) -> None:
    page.write("older", ago=timedelta(hours=1))
    page.write("newest", project="circuit")
    page.open("?view=calls")
    page.shows(".ag-row[row-index='0']", "newest")
    page.shows(".ag-row[row-index='1']", "older")
    page.press(".ag-row[row-index='0'] .ag-cell")
    page.shows(".detail", "circuit")
    assert "1,000" in page.text(".detail") and "$0.008" in page.text(".detail")
    assert "call=" in page.search()
    page.driver.find_element("tag name", "body").send_keys(Keys.ESCAPE)
    page.until(lambda: "call=" not in page.search(), "the address without the call")
    assert page.complaints() == []


def test_the_table_takes_in_new_lines_by_itself(page: Page) -> None:
    page.write("first")
    page.open("?view=calls")
    page.shows(".ag-row[row-index='0']", "first")
    page.write("second")
    page.shows(".ag-row[row-index='0']", "second")
    page.shows("#grid-note", "2 lines")


def test_what_a_line_says_is_text_never_markup(page: Page) -> None:
    evil = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
    page.write(evil, project=evil, success=False, error_message=evil)
    page.open()
    page.until(lambda: page.text(CALLS) == "1", "one call")
    page.drawn()
    page.open("?view=calls")
    page.shows(".ag-row[row-index='0']", "<img")
    page.press(".ag-row[row-index='0'] .ag-cell")
    page.shows(".detail", "<script>")
    assert page.js("window.harmed === undefined")
    assert page.complaints() == []


def test_bad_lines_are_said_beside_the_totals_and_listed(page: Page) -> None:
    page.write()
    file = next(page.folder.glob("*.jsonl"))
    with file.open("a") as lines:
        lines.write("this is no JSON\n")
    page.open()
    page.shows("#status", "1 bad line")
    page.open("?view=health")
    page.shows("#health", file.name)
    assert "1 line could not be counted" in page.text("#health")
    assert page.complaints() == []


def test_a_badge_explains_by_keyboard_how_complete_a_total_is_and_stays_open_over_a_refresh(
    page: Page,
) -> None:
    page.write()
    page.write(model="claude-next-preview")
    page.open()
    page.until(lambda: page.text("#badge-cost") == "50.0 % priced", "the badge")
    assert page.text("#badge-tokens") == "✓"
    page.js("document.getElementById('badge-cost').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.shows("#explanation-cost", "1 call of a model without a price (claude-next-preview)")
    page.shows("#explanation-cost", "logged by hand")
    page.write()
    page.shows("#explanation-cost", "3 calls in this range")
    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.until(lambda: page.text("#explanation-cost") == "", "the explanation to close")
    page.until(lambda: page.js("document.activeElement.id") == "badge-cost", "the focus to come back")
    assert page.complaints() == []


def test_what_runs_now_appears_ticks_and_goes_without_a_line_and_a_click_lists_it(page: Page) -> None:
    """Four calls of two tasks, told by nothing but the files beside the log; a fifth was left behind."""
    page.write()
    page.open()
    page.until(lambda: page.text(CALLS) == "1", "one call")
    with in_flight(page.folder, ["gh-1", "gh-2", "gh-2", "gh-2"], seconds=100):
        page.until(lambda: page.text(".running .big") == "4", "four calls in flight")
        assert page.visible(".running li .task") == ["gh-1", "gh-2", "gh-2"]
        page.shows(".running", "and 1 more")
        first = page.text(".running .took")
        assert first.startswith("1 m ")
        page.until(lambda: page.text(".running .took") > first, "the time to go on")
        page.driver.find_element("id", "running-open").send_keys(Keys.ENTER)
        page.shows(".in-flight", "claude-opus-5-5")
        page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        page.open("?task=gh-1")
        page.until(lambda: page.text(".running .big") == "1", "the one that passes the filter")
    page.until(lambda: "nothing running" in page.text(".running"), "nothing to run any more")
    left_behind(page.folder, "gh-1")
    page.shows(".running", "1 left by a program that ended")
    assert page.complaints() == []


def test_a_first_call_is_on_the_page_while_it_runs_before_any_line_is_written(page: Page) -> None:
    page.folder.mkdir(parents=True, exist_ok=True)
    with in_flight(page.folder, ["gh-first"]):
        page.open()
        page.shows(".running", "gh-first")
        assert page.text(".welcome") == ""
        assert page.complaints() == []


def test_prompt_and_response_are_read_as_text_and_unfolded_by_keyboard(page: Page) -> None:
    """A prompt of 200 lines, with what would be markup elsewhere."""
    page.log = ClaudeAPILogger(page.folder, content=True)
    prompt = "\n".join(f"line {n} <b>of</b>\tthe prompt" for n in range(200))
    call = page.log.start_call("gh-1", "w-1", "claude-opus-5-5", None, prompt)
    page.log.end_call(call, "the\nanswer", tokens_input=1, tokens_output=1)
    page.open("?view=calls")
    page.press(".ag-row[row-index='0'] .ag-cell")
    page.until(lambda: page.js("document.querySelector('.text')?.innerText") == prompt, "the prompt")
    height = page.js("document.querySelector('.text').clientHeight")
    page.driver.find_element("css selector", ".detail summary").send_keys(Keys.ENTER)
    page.until(lambda: page.js("document.querySelector('.text').clientHeight") > 2 * height, "all of it")
    assert page.visible(".text")[1] == "the\nanswer"
    assert page.complaints() == []


def test_where_no_logger_keeps_its_calls_nothing_is_said_of_running(page: Page) -> None:
    write_line(page.folder)
    page.open()
    page.until(lambda: page.text(CALLS) == "1", "one call")
    assert page.text(".running") == ""


@pytest.mark.parametrize("width", [390, 1440])
def test_what_begins_and_ends_moves_nothing_on_the_page(page: Page, width: int) -> None:
    page.write()
    (page.folder / RUNNING).mkdir(exist_ok=True)
    page.open(width=width)
    page.drawn()
    page.until(lambda: "nothing running" in page.text(".running"), "nothing to run")
    place = "document.querySelector('.picture-timeline').getBoundingClientRect().top + scrollY"
    before = page.js(place)
    with in_flight(page.folder, ["a-rather-long-name-of-a-task-0123456789" * 3] * 5):
        left_behind(page.folder, "gh-1")
        page.shows(".running", "and 2 more · 1 left")
        assert page.js(place) == before
        assert page.js("document.documentElement.scrollWidth") <= width


def test_a_picture_can_be_read_as_a_table(page: Page) -> None:
    page.write("gh-77")
    page.open()
    page.drawn()
    page.press(".picture-spenders .tools button")
    page.shows(".mantine-Modal-body", "gh-77")


@pytest.mark.parametrize("view", ["overview", "calls", "money", "bill", "health"])
@pytest.mark.parametrize("width", [390, 1440])
def test_no_view_scrolls_sideways(page: Page, view: str, width: int) -> None:
    page.open(width=width)
    page.shows("#body", "No calls yet")
    assert page.js("document.documentElement.scrollWidth") <= width
    page.write("a-rather-long-task-name-that-does-not-fit-anywhere-0123456789" * 2)
    page.open(f"?view={view}", width=width)
    parts = {
        "overview": CALLS,
        "calls": ".ag-row",
        "money": "#balance",
        "bill": "#bill-verdict",
        "health": "#health",
    }
    page.until(lambda: page.text(parts[view]), view)
    page.shows("#status", "live")
    assert page.js("document.documentElement.scrollWidth") <= width
    every = "document.querySelectorAll('.plot .svg-container')"
    page.driver.execute_script(f"{every}.forEach(one => one.style.width = '1500px')")  # drawn before shown
    assert page.js("document.documentElement.scrollWidth") <= width


def test_the_theme_follows_the_system_until_one_is_chosen(page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    scheme = "document.documentElement.getAttribute('data-mantine-color-scheme')"
    page.open(dark=True)
    page.until(lambda: page.js(scheme) == "dark", "the dark theme")
    dark = page.js(ground)
    page.press("button[aria-label='Light or dark']")
    page.until(lambda: page.js(scheme) == "light", "the light theme")
    assert page.js(ground) != dark
    page.open(dark=True)
    page.until(lambda: page.js(scheme) == "light", "the chosen theme after a reload")


def test_nothing_is_fetched_from_outside_and_little_is_fetched_at_all(page: Page) -> None:
    """First load at most 3 MB over the wire, a later one at most 100 kB and the data."""
    page.write()
    page.open()
    page.drawn()
    first = _traffic(page)
    assert all(url.startswith((page.url, "data:", "blob:")) for url in first), first
    assert 500_000 < sum(first.values()) <= 3_000_000
    page.open()
    page.drawn()
    assert sum(_traffic(page).values()) <= 100_000


def test_a_failure_of_ours_is_a_sentence_on_the_page_not_silence(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.write()
    page.open()
    page.until(lambda: page.text(CALLS) == "1", "one call")

    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("dashboard.web.overview.draw", fail)
    page.press("#refresh")
    page.write()
    page.shows(".trouble", "Something went wrong")
    assert "secret" not in page.text("body") and page.text(CALLS) == "1"


def _traffic(page: Page) -> dict[str, int]:
    """Bytes over the wire by address, as the browser counted them for this load; 0 from its cache."""
    entries = page.js(
        "performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource'))"
        ".map(function (e) { return [e.name, e.transferSize]; })"
    )
    sizes: dict[str, int] = {}
    for url, size in entries:
        sizes[url] = sizes.get(url, 0) + size
    return sizes
