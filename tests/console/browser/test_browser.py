"""The console in a browser: alerts are seen as they come, worked, and every page is one that everybody can use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.access.served import Browser as Asking
from tests.console.browser.looking import NARROW, WIDE, at_rest, browser, faults, looks, picture, reached, sign_in
from tests.console.browser.scene import Scene, scene_of
from tests.live.house import House, eventually

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]

#: Each page by a name; {alert}, {case} and the like are taken from the house.
PAGES = {
    "overview": "/",
    "alerts": "/alerts?severity=critical&q=C0",
    "alert": "/alerts/{alert}",
    "cases": "/cases",
    "case": "/cases/{case}",
    "customers": "/customers",
    "customer": "/customers/{customer}",
    "loan": "/loans/{loan}",
    "silences": "/silences",
    "audit": "/audit",
    "rules": "/rules?stage=pre_loan",
    "rule": "/rules/{rule}",
    "plans": "/rules?tab=plans",
    "backtests": "/rules?tab=backtests",
    "models": "/models",
    "model": "/models/trade-novelty",
    "quality": "/quality",
    "rejects": "/quality?rejects",
    "views": "/views",
    "view": "/views/admin",
    "compose": "/views/admin?edit=1",
}

#: By language, the sizes and themes in which a page is looked at: some of them here, all in `make chaos`.
Sights: TypeAlias = dict[str, list[tuple[ViewportSize, str]]]
HALF: Sights = {"en": [(WIDE, "light")], "zh": [(NARROW, "dark")]}
EACH: list[tuple[ViewportSize, str]] = [(size, theme) for size in (WIDE, NARROW) for theme in ("light", "dark")]
WHOLE: Sights = {"en": EACH, "zh": EACH}


@pytest.fixture(scope="module")
def scene(new_house: Callable[[str], House], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene_of(new_house("pages"), tmp_path_factory.mktemp("people")) as made:
        yield made


@pytest.fixture(scope="module")
def chromium(scene: Scene) -> Iterator[Browser]:
    with browser() as made:
        yield made


@pytest.fixture(scope="module")
def signed(scene: Scene, chromium: Browser) -> dict[str, Any]:
    """What a browser remembers of each person who has signed in."""
    states = {}
    for name, token in scene.tokens.items():
        with looks(chromium, scene.address) as (page, _):
            states[name] = sign_in(page, token)
    return states


@pytest.fixture(scope="module")
def places(scene: Scene) -> dict[str, str]:
    """Ids of things that pages show."""
    asking = Asking(scene.address, scene.tokens["zhao"])
    eventually(lambda: asking.get("/v1/cases").json["total"] >= 3)
    row = asking.get("/v1/alerts?standing=open&sort=-severity").json["items"][0]
    every = asking.get("/v1/alerts?limit=200").json["items"]
    loan = next(one["keys"]["loan"] for one in every if "loan" in one["keys"])
    return {
        "alert": row["id"],
        "case": row["case"],
        "rule": row["rule"],
        "loan": loan,
        "customer": row["keys"]["customer"],
    }


def test_an_alert_arrives_is_understood_taken_and_closed(
    scene: Scene, chromium: Browser, signed: dict[str, Any]
) -> None:
    """With the queue open an officer hears of it, sees why it is, and says that it is a false alarm."""
    with looks(chromium, scene.address, state=signed["wang"]) as (page, complaints):
        page.goto("/alerts?rule=transfer-burst")
        expect(page.locator("#connection.up")).to_be_visible()
        page.locator("main").get_by_text("alert").first.wait_for()
        top = page.locator("tbody tr").first
        before = top.bounding_box() if top.count() else None
        scene.burst("A900001")
        fresh = page.locator(".fresh")
        expect(fresh).to_contain_text("1 new")
        if before is not None:
            assert top.bounding_box() == before, "rows moved under the pointer"
        fresh.click()
        row = page.locator("tr", has_text="A900001")
        expect(row).to_contain_text("8 transfers out of account A900001")
        row.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("8 transfers out of account A900001")
        why = page.locator(".why")
        expect(why).to_contain_text("out_10m")
        expect(page.locator(".timeline .is")).to_contain_text("Transfer")
        page.keyboard.press("a")
        expect(page.locator(".alert-head")).to_contain_text("wang has it")
        page.keyboard.press("c")
        page.get_by_label("False alarm").check()
        page.locator("dialog textarea").fill("Asked the branch: wages of a team.")
        page.get_by_role("dialog").get_by_role("button", name="Close", exact=True).click()
        expect(page.locator(".alert-head")).to_contain_text("False alarm")
        expect(page.locator(".history")).to_contain_text("Asked the branch: wages of a team.")
        assert complaints == []
    with looks(chromium, scene.address, state=signed["li"]) as (page, _):  # and the author of the rule sees it
        page.goto("/rules/transfer-burst")
        expect(page.locator("main")).to_contain_text("0%")
    scene.burst("A900009")  # what who is on call is told comes in order: when they hear of this, all before was said
    assert eventually(lambda: scene.told("A900009"))
    assert scene.told("A900001") == 1


def test_the_second_of_two_officers_is_told_who_was_first(
    scene: Scene, chromium: Browser, signed: dict[str, Any]
) -> None:
    """In the desk's words, and the page shows how it is now."""
    scene.burst("A900002")
    asking = Asking(scene.address, scene.tokens["zhao"])
    found = eventually(lambda: asking.get("/v1/alerts?q=A900002&standing=open").json["items"])
    with looks(chromium, scene.address, state=signed["wang"]) as (page, _):
        page.goto(f"/alerts/{found[0]['id']}")
        expect(page.locator(".alert-head")).to_contain_text("nobody has it")
        hear_no_more(page)
        acted = asking.post("/v1/acts", {"act": "close", "alerts": [found[0]["id"]], "disposition": "known"})
        assert acted.status == 200
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.locator("#said")).to_contain_text("zhao was first")
        expect(page.locator(".alert-head")).to_contain_text("Known")


def test_many_are_worked_at_once(scene: Scene, chromium: Browser, signed: dict[str, Any]) -> None:
    """Rows are chosen by x, and one act is of all of them."""
    for n in range(3):
        scene.burst(f"A90001{n}")
    asking = Asking(scene.address, scene.tokens["zhao"])
    assert eventually(lambda: asking.get("/v1/alerts?q=A90001&standing=open").json["total"] == 3)
    with looks(chromium, scene.address, state=signed["wang"]) as (page, _):
        page.goto("/alerts?q=A90001")
        expect(page.locator("tbody tr")).to_have_count(3)
        for key in "jxjx":
            page.keyboard.press(key)
        expect(page.get_by_role("toolbar")).to_contain_text("2 chosen")
        page.keyboard.press("a")
        expect(page.locator("#said")).to_contain_text("2 alerts acknowledged")
        expect(page.locator("tbody tr", has_text="wang")).to_have_count(2)


def test_what_a_name_holds_is_text(scene: Scene, chromium: Browser, signed: dict[str, Any]) -> None:
    """A script in an account's name is shown as it is written, and does nothing."""
    name = "<img src=x onerror=document.title=1>"
    scene.burst(name)
    asking = Asking(scene.address, scene.tokens["zhao"])
    found = eventually(lambda: [row for row in asking.get("/v1/alerts?q=onerror").json["items"] if row["case"]])
    with looks(chromium, scene.address, state=signed["wang"]) as (page, complaints):
        for path in ("/alerts?q=onerror", f"/alerts/{found[0]['id']}", f"/cases/{found[0]['case']}"):
            page.goto(path)
            expect(page.locator("main").get_by_text(name).first).to_be_visible()
            assert page.locator("main img").count() == 0
        assert complaints == []
        assert page.title() != "1"


def test_who_may_only_look_is_offered_nothing_else(
    scene: Scene, chromium: Browser, signed: dict[str, Any], places: dict[str, str]
) -> None:
    """No acts, no audit; and who signs out sees nothing more."""
    with looks(chromium, scene.address, state=signed["chen"]) as (page, _):
        page.goto(f"/alerts/{places['alert']}")
        page.get_by_role("heading", level=1).wait_for()
        assert page.get_by_role("button", name="Acknowledge").count() == 0
        assert page.get_by_role("link", name="Audit").count() == 0
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("input[name=token]")).to_be_visible()
        page.goto("/alerts")
        expect(page.locator("input[name=token]")).to_be_visible()


def test_numbers_of_the_overview_lead_to_what_they_count(
    scene: Scene, chromium: Browser, signed: dict[str, Any], places: dict[str, str]
) -> None:
    """Each tile and cell is a link to just so many alerts."""
    with looks(chromium, scene.address, state=signed["zhao"]) as (page, _):
        page.goto("/")
        page.locator(".tile").first.wait_for()
        links = page.locator(".tile:not(.none) .big, .heat a")
        assert links.count() >= 3
        for at in range(min(6, links.count())):
            link = links.nth(at)
            number = link.locator(".count").inner_text() if link.locator(".count").count() else link.inner_text()
            link.click()
            expect(page.locator(".lead")).to_have_text(f"{number} alert{'' if number == '1' else 's'}")
            page.go_back()
            page.locator(".tile").first.wait_for()


@pytest.fixture(scope="module")
def everybody(scene: Scene, chromium: Browser, signed: dict[str, Any]) -> Iterator[dict[str, tuple[Page, list[str]]]]:
    """A page in each language, in which all pages are looked at one after the other."""
    with (
        looks(chromium, scene.address, language="en", theme="light", state=signed["zhao"]) as english,
        looks(chromium, scene.address, language="zh", theme="dark", state=signed["zhao"]) as chinese,
    ):
        yield {"en": english, "zh": chinese}


@pytest.mark.timeout(400)
@pytest.mark.slow
def test_an_author_tries_a_change_of_a_rule_on_the_past(
    scene: Scene, chromium: Browser, signed: dict[str, Any]
) -> None:
    """From the rule's page, in its own file, and sees what it would have said."""
    with looks(chromium, scene.address, state=signed["li"]) as (page, complaints):
        open_page(page, "/rules/transfer-burst")
        page.get_by_role("button", name="Try a change").click()
        area = page.locator("dialog textarea")
        area.fill(area.input_value().replace("out_10m in [8, 16, 32]", "out_10m in [3, 8, 16, 32]"))
        page.get_by_role("button", name="Start", exact=True).click()
        page.wait_for_url("**/rules?backtest=*")
        expect(page.get_by_role("heading", name="What differs")).to_be_visible(timeout=120_000)
        expect(page.locator(".change").first).to_contain_text("adds")
        for size in (WIDE, NARROW):
            page.set_viewport_size(size)
            picture(page, f"backtest-en-{size['width']}-light")
            assert faults(page) == []
        assert complaints == []


@pytest.mark.parametrize("sights", [HALF, pytest.param(WHOLE, marks=pytest.mark.slow)], ids=["half", "whole"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everybody(
    everybody: dict[str, tuple[Page, list[str]]], places: dict[str, str], name: str, sights: Sights
) -> None:
    """In both languages and themes, wide and narrow: axe finds nothing serious, nothing is wider than its window.

    Tab comes to every control and shows where it is; and no script fails, nor does the policy forbid any of it.
    """
    for language, looked in sights.items():
        page, complaints = everybody[language]
        complaints.clear()
        page.set_viewport_size(WIDE)
        open_page(page, PAGES[name].format(**places))
        for size, theme in looked:
            page.set_viewport_size(size)
            page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            page.evaluate("document.dispatchEvent(new CustomEvent('theme'))")
            at_rest(page)
            picture(page, f"{name}-{language}-{size['width']}-{theme}", whole=size is NARROW)
            assert faults(page) == [], f"{name} in {language}, {theme}, {size['width']} px"
        assert complaints == []
        assert page.locator(".failed").count() == 0, page.locator(".failed").first.inner_text()
        if language == "en":
            page.set_viewport_size(WIDE)
            hear_no_more(page)  # what changes meanwhile would be another page
            many, missed = reached(page)
            assert many > 8
            assert missed == []


def test_keys_lead_everywhere(scene: Scene, chromium: Browser, signed: dict[str, Any], places: dict[str, str]) -> None:
    """g and a letter go to a page, j and Enter into a row, / to the search, ? tells of them all."""
    with looks(chromium, scene.address, state=signed["zhao"]) as (page, _):
        open_page(page, "/")
        page.keyboard.press("g")
        page.keyboard.press("a")
        expect(page.get_by_role("heading", level=1)).to_have_text("Alerts")
        page.locator("tbody tr").first.wait_for()
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/alerts/*")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.type") == "search"
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_contain_text("acknowledge")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_both_languages_have_every_word(scene: Scene, chromium: Browser) -> None:
    """Of the frame and of every page."""
    from risk_stream.console.app import STATIC

    names = sorted(path.name for path in (STATIC / "words").glob("*.js"))
    assert len(names) >= 8
    with looks(chromium, scene.address) as (page, _):
        page.goto("/signin")
        for name in names:
            page.evaluate(f"import('/static/words/{name}').then(() => null)")
        assert page.evaluate("import('/static/lib/i18n.js').then((i18n) => i18n.missing())") == []


def hear_no_more(page: Page) -> None:
    """Have a page be told of nothing that changes."""
    page.evaluate("import('/static/lib/live.js').then((live) => live.close())")


def test_personal_data_are_shown_and_an_alert_silenced_from_its_page(
    scene: Scene, chromium: Browser, signed: dict[str, Any], places: dict[str, str]
) -> None:
    """Who sees what is asked first and told in the audit; a silence shows what it matches before it is made."""
    with looks(chromium, scene.address, state=signed["zhao"]) as (page, complaints):
        open_page(page, f"/alerts/{places['alert']}")
        page.get_by_role("button", name="Show personal data").click()
        page.get_by_role("dialog").get_by_role("button", name="Show personal data").click()
        expect(page.get_by_role("region", name="Personal data")).to_be_visible()
        page.get_by_role("link", name="Silence such alerts").click()
        page.get_by_label("Reason").fill("a planned move of accounts")
        expect(page.locator(".preview")).to_contain_text("It matches")
        page.get_by_role("dialog").get_by_role("button", name="Silence alerts").click()
        row = page.locator("tbody tr", has_text="a planned move of accounts")
        expect(row).to_contain_text(places["rule"])
        row.get_by_role("button", name="End").click()
        page.get_by_role("dialog").get_by_role("button", name="End").click()
        expect(row).to_have_count(0)
        open_page(page, "/audit?act=reveal")
        expect(page.locator("tbody tr").first).to_contain_text(places["alert"])
        assert complaints == []


def test_a_view_is_composed_kept_changed_and_removed(scene: Scene, chromium: Browser, signed: dict[str, Any]) -> None:
    """Cards are chosen, moved by buttons, and shown as they were composed."""
    with looks(chromium, scene.address, state=signed["li"]) as (page, complaints):
        open_page(page, "/views")
        page.get_by_role("link", name="New view").click()
        page.get_by_label("Title", exact=True).fill("Two of us")
        page.get_by_label("Add a card").select_option("cases")
        page.get_by_role("button", name="Move up").nth(2).click()
        page.get_by_role("button", name="Keep", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Two of us")
        expect(page.locator(".cards h2")).to_have_text(["Counts: severity", "Cases", "Queue"])
        page.get_by_role("link", name="Change", exact=True).click()
        page.get_by_role("button", name="Take out").first.click()
        page.get_by_role("button", name="Keep", exact=True).click()
        expect(page.locator(".cards h2")).to_have_text(["Cases", "Queue"])
        page.get_by_role("button", name="Remove", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.get_by_role("link", name="My rules")).to_be_visible()
        expect(page.get_by_text("Two of us")).to_have_count(0)
        assert complaints == []


def open_page(page: Page, path: str) -> None:
    """Go there and wait until all that it asks for has come."""
    page.goto(path)
    page.get_by_role("heading", level=1).first.wait_for()
    expect(page.locator("main [aria-busy]")).to_have_count(0)


def test_words_numbers_and_links_are_made_with_care(scene: Scene, chromium: Browser) -> None:
    """Plurals, amounts, lengths of time and shares as each language writes them; and no link leads to a script."""
    with looks(chromium, scene.address) as (page, _):
        page.goto("/signin")
        said = page.evaluate(
            """async () => {
              const i18n = await import('/static/lib/i18n.js');
              const { h } = await import('/static/lib/dom.js');
              const { query } = await import('/static/lib/api.js');
              await import('/static/words/alerts.js');
              const say = () => [i18n.t('alerts.found', {n: 1}), i18n.t('alerts.found', {n: 1200}), i18n.money(127100),
                i18n.number(0.12345), i18n.percent(0.123), i18n.span(5400000), i18n.when(1772606779697),
                i18n.ago(0, 180000), i18n.clock(1772606779697), i18n.fromClock('2026-03-04T14:46')];
              i18n.setZone('Asia/Shanghai');
              i18n.setLang('en');
              const english = say();
              i18n.setLang('zh');
              const links = ['javascript:alert(1)', 'JAVASCRIPT:alert(1)', 'data:text/html,x', '//a.b/', '/alerts', 'https://a.b/']
                .map((href) => h('a', {href}).hasAttribute('href'));
              return { english, chinese: say(), links, query: query({a: ['x', 'y'], b: '', c: null, d: 0}) };
            }"""
        )
    assert said["english"] == [
        *("1 alert", "1,200 alerts", "127,100.00", "0.1235", "12.3%", "1.5 hrs", "4 Mar 2026, 14:46:19", "3 min ago"),
        *("2026-03-04T14:46", 1_772_606_760_000),
    ]
    assert said["chinese"] == [
        *("1 条预警", "1,200 条预警", "127,100.00", "0.1235", "12.3%", "1.5小时", "2026年3月4日 14:46:19", "3分钟前"),
        *("2026-03-04T14:46", 1_772_606_760_000),
    ]
    assert said["links"] == [False, False, False, False, True, True]
    assert said["query"] == "?a=x%2Cy&d=0"
