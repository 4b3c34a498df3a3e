"""Drives the Sample and Style transfer tabs, and what stands around them, in a real browser."""

import io
import json
import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from browsing import leave, settle
from playwright.sync_api import Page, Request, expect
from tiny_models import TINTS

from demo.images import EXAMPLES
from demo.refinement import STEPS
from demo.tabs import TABS

pytestmark = pytest.mark.browser
PHOTOGRAPH = EXAMPLES[0]


def captions(page: Page) -> list[str]:
    return page.locator("#samples .caption-label").all_inner_texts()


def downloaded(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.locator(button).click()
    return Path(download.value.path()).read_bytes()


def choose(page: Page, dropdown: str, option: str) -> None:
    page.locator(f"{dropdown} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def test_sampling(visit, server):
    page = visit()
    assert captions(page)[:4] == ["1 · lines", "2 · waves", "3 · dots", "4 · lines"]
    assert page.locator(".badge").get_attribute("data-provider") == server.health()["provider"]

    choose(page, "#sample-class", "waves")
    expect(page.locator("#samples .caption-label").first).to_have_text("1 · waves")
    page.locator("#sample-seed input").fill("40")
    page.locator("#sample-draw").click()
    expect(page.locator("#samples .caption-label").last).to_have_text("51 · waves")

    with zipfile.ZipFile(io.BytesIO(downloaded(page, "#sample-download"))) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert [entry["seed"] for entry in manifest["pictures"]] == list(range(40, 52))
        assert {entry["class"] for entry in manifest["pictures"]} == {"waves"}

    page.locator("#sample-surprise").click()
    expect(page.locator("#samples .caption-label").first).not_to_have_text("40 · waves")
    assert captions(page)[0] == f"{page.locator('#sample-seed input').input_value()} · waves"


def test_each_control_of_sampling_paints_anew(visit):
    """Sliders by pointer, by keys and by their numbers; a seed once one is done with it."""
    page = visit()
    tiles = page.locator("#samples img")
    captions = page.locator("#samples .caption-label")

    count = page.locator("#sample-count input[type=range]")
    count.focus()
    page.keyboard.press("ArrowLeft")
    expect(tiles).to_have_count(11)
    box = count.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 1, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(tiles).to_have_count(1)
    page.locator("#sample-count input[type=number]").fill("3")
    page.keyboard.press("Tab")
    expect(tiles).to_have_count(3)

    truncation = page.locator("#sample-truncation input[type=range]")
    truncation.focus()
    page.keyboard.press("Home")
    expect(page.locator("#samples .contact")).to_have_attribute("data-state", re.compile('"truncation": 0[,}]'))

    page.locator("#sample-seed input").fill("42")
    page.keyboard.press("Tab")
    expect(captions.first).to_have_text(re.compile("^42"))
    expect(page.get_by_test_id("toast-body")).to_have_count(0)
    assert "seed=42" in page.url


def test_stylizing(visit):
    page = visit()
    page.get_by_role("tab", name="Style transfer").click()
    expect(page.locator("#compare img.after")).to_be_visible()

    page.locator("#style-examples button").nth(1).click()
    expect(page.locator("#compare img.after")).to_have_js_property("naturalWidth", 451)
    page.locator("#style-choice").get_by_label("moss").check(force=True)
    expect(page.locator("#compare img.after")).to_have_attribute("src", re.compile("tinter-moss"))

    with PIL.Image.open(io.BytesIO(downloaded(page, "#style-download"))) as image:
        assert json.loads(image.text["ganvas.recipe"])["styles"] == {"moss": 1}
        assert image.size == (451, 300)
        np.testing.assert_allclose(np.asarray(image)[0, 0], (np.tanh(TINTS[1]) + 1) * 127.5, atol=0.51)

    divider = page.locator("#compare input[type=range]")
    divider.focus()
    page.keyboard.press("Home")
    assert page.locator(".compare").evaluate("element => element.style.getPropertyValue('--split')") == "0%"


def style_page(visit, **window) -> Page:
    page = visit(**window)
    page.get_by_role("tab", name=re.compile("Style transfer|风格迁移")).click()
    expect(page.locator("#compare img.after")).to_be_visible()
    return page


def painting(page: Page, *, when: Callable[[dict], bool]) -> np.ndarray:
    """Return the painting once its recipe is the one waited for: the page shows what was painted before until then."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with PIL.Image.open(io.BytesIO(downloaded(page, "#style-download"))) as image:
            recipe = json.loads(image.text["ganvas.recipe"])
            if when(recipe):
                return np.asarray(image)
        page.wait_for_timeout(100)
    pytest.fail(f"the last painting was {recipe}")


def refinement(recipe: dict) -> int | None:
    """Return by how many steps the style of one's own was refined, None while the painting is in another style."""
    return recipe["uploaded"].get("picture", {}).get("refined")


@pytest.mark.parametrize(("title", "place"), [("Sample", "#samples img"), ("Style transfer", "#compare img.after")])
def test_opening_a_tab_that_is_painted_already_restores_nothing(visit, title, place):
    """What a tab shows by itself is no state to restore: the answer would undo what a visitor chooses meanwhile."""
    page = visit(query="?tab=about")
    page.wait_for_timeout(2000)  # until the page has painted what the tabs begin with
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "queue/join" in request.url else None)
    page.get_by_role("tab", name=title).click()
    expect(page.locator(place).first).to_be_visible()
    page.wait_for_timeout(500)
    assert asked == []


def test_mixing_styles_by_keyboard(visit):
    page = style_page(visit)
    page.get_by_role("switch", name="Mix several").check()
    page.locator("#style-choice").get_by_label("moss").check(force=True)
    expect(page.locator("#compare img.after")).to_have_attribute("src", re.compile("tinter-rust-moss"))
    slider = page.locator("#style-choice .weights input").nth(1)
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#style-choice .weights output")).to_have_text(["57 %", "43 %"])
    shares = {"rust": pytest.approx(1 / 1.75), "moss": pytest.approx(0.75 / 1.75)}
    painting(page, when=lambda recipe: recipe["styles"] == shares)
    page.get_by_role("switch", name="Mix several").uncheck()
    expect(page.locator("#compare img.after")).to_have_attribute("src", re.compile("tinter-rust-[0-9a-f]{6}.png"))
    expect(page.locator("#style-choice .weights input")).to_have_count(0)


def test_a_style_of_ones_own(visit, tmp_path):
    page = style_page(visit)
    path = tmp_path / "mine.png"
    PIL.Image.fromarray(np.tile(np.uint8([[[255, 0, 0], [0, 0, 255]]]), (40, 20, 1))).save(path)
    page.get_by_role("button", name="Style of your own").click()
    page.locator("#style-picture input[type=file]").set_input_files(path)
    expect(page.locator("#compare img.after")).to_have_attribute("src", re.compile("tinter-picture"))
    painting(page, when=lambda recipe: refinement(recipe) == 0)
    page.locator("#style-refine input").check()
    painting(page, when=lambda recipe: refinement(recipe) == STEPS)
    page.locator("#style-picture button[aria-label='Remove Image']").click()
    expect(page.locator("#compare img.after")).to_have_attribute("src", re.compile("tinter-rust"))
    expect(page.locator("#style-choice .tiles label")).to_have_count(2)


def test_a_link_to_a_style_of_ones_own_says_that_its_picture_is_missing(visit):
    page = visit(query='/?tab=style&model=tinter&mixture={"picture":1}')
    expect(page.locator("#ganvas-notices")).to_have_text(TABS["style"].texts["en"]["unlinked"])
    expect(page.locator("#compare img.after")).to_have_attribute("src", re.compile("tinter-rust"))


def test_styles_show_themselves_on_the_photograph(visit):
    page = style_page(visit)
    thumbnails = page.locator("#style-choice .picture img")
    shown = thumbnails.nth(1).get_attribute("src")
    page.locator("#style-preview input").check()
    expect(thumbnails.nth(1)).not_to_have_attribute("src", shown)
    painted = thumbnails.nth(1).get_attribute("src")
    assert painted.startswith("data:image/jpeg")
    chosen = page.locator("#style-choice").get_by_label("rust")
    expect(chosen).to_be_checked()
    page.locator("#style-strength input[type=range]").focus()
    page.keyboard.press("Home")
    painting(page, when=lambda recipe: recipe["strength"] == 0)
    assert thumbnails.nth(1).get_attribute("src") == painted
    page.locator("#style-preview input").uncheck()
    expect(thumbnails.nth(1)).to_have_attribute("src", shown)


def test_brushing_a_part_by_pointer_and_by_keyboard(visit):
    page = style_page(visit, width=390)
    page.locator("#style-mask input").check()
    canvas = page.locator("#style-brush canvas")
    canvas.scroll_into_view_if_needed()
    canvas.click(position={"x": 20, "y": 20})
    painted = painting(page, when=lambda recipe: recipe["mask"] is not None)
    with PIL.Image.open(PHOTOGRAPH) as photograph:
        changed = (painted != np.asarray(photograph.convert("RGB"))).any(axis=2)
    assert changed[: len(changed) // 4, : len(changed) // 4].mean() > 0.1
    assert not changed[len(changed) // 2 :, len(changed) // 2 :].any()

    page.get_by_role("button", name="Clear").click()
    painting(page, when=lambda recipe: recipe["mask"] is None)
    canvas.focus()
    for key in ("ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    painting(page, when=lambda recipe: recipe["mask"] is not None)


def test_a_bad_upload_is_one_sentence(visit, tmp_path):
    page = visit()
    page.get_by_role("tab", name="Style transfer").click()
    expect(page.locator("#compare img.after")).to_be_visible()
    path = tmp_path / "narrow.png"
    PIL.Image.new("RGB", (900, 9)).save(path)
    page.locator("#style-photograph button[aria-label='Remove Image']").click()
    page.locator("#style-photograph input[type=file]").set_input_files(path)
    expect(page.get_by_text("too small or too narrow to paint at size 900")).to_be_visible()


def test_refusals_are_told_in_the_language_of_the_page(visit, tmp_path):
    page = visit(locale="zh-CN", query="/?tab=style")
    page.get_by_role("button", name="有些模型无法使用").click()
    expect(page.locator("#ganvas-problems li").first).to_contain_text("已损坏或不完整；请用")
    expect(page.locator("#compare img.after")).to_be_visible()
    path = tmp_path / "broken.png"
    path.write_bytes(b"no picture")
    page.locator("#style-mask input").check()
    expect(page.locator("#style-brush canvas")).to_be_visible()
    settle(page)
    page.locator("#style-photograph button[aria-label]").first.click()
    settle(page)
    page.locator("#style-photograph input[type=file]").set_input_files(path)
    expect(page.locator("#compare")).to_have_text(re.compile(TABS["style"].texts["zh-CN"]["refused"]))
    toast = page.get_by_test_id("toast-body")
    expect(toast).to_have_text(
        re.compile("出错了.*照片不是可以读取的 PNG、JPEG 或 WEBP 图片；请用图像编辑器打开后另存")
    )
    expect(toast.get_by_test_id("toast-text")).to_have_count(1)

    expect(page.locator("#style-photograph .image-frame img")).to_be_hidden()

    page.locator("h1").click()
    page.keyboard.press("l")
    expect(page.locator("#ganvas-problems li").first).to_contain_text("is damaged or cut short; make it anew with")
    expect(toast).to_have_text(re.compile("Error.*the photograph is not a readable PNG, JPEG or WEBP picture; open it"))


@pytest.mark.parametrize("removed", [False, True])
def test_a_photograph_that_takes_the_place_of_another_is_painted_once(visit, photograph, tmp_path, removed):
    page = visit(query="/?tab=style")
    expect(page.locator("#compare img.after")).to_be_visible()
    settle(page)
    path = tmp_path / "mine.jpg"
    path.write_bytes(photograph)
    before = page.locator("#compare img.after").get_attribute("src")
    jobs = []

    def note(request: Request) -> None:
        if request.url.split("?")[0].endswith("/join"):
            jobs.append(request.post_data_json["trigger_id"])

    page.on("request", note)
    if removed:
        page.locator("#style-photograph button[aria-label='Remove Image']").click()
    page.locator("#style-photograph input[type=file]").first.set_input_files(path)
    expect(page.locator("#compare img.after")).not_to_have_attribute("src", before)
    # The place of the brush, the painting, and the gallery's previews if wanted; before it nothing, and such previews.
    wanted = 5 if removed else 3
    deadline = time.monotonic() + 30
    while jobs.count(jobs[-1]) < wanted and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    settle(page)
    assert jobs.count(jobs[-1]) == wanted


def test_broken_models_are_shown(visit):
    page = visit()
    page.get_by_text("Some models cannot be used").click()
    expect(page.get_by_text("make it anew with python -m pipeline export torn")).to_be_visible()
    expect(page.get_by_text("make it with make repro")).to_be_visible()


def test_a_tab_without_a_model_is_hidden_and_a_link_to_it_says_why(visit):
    page = visit(query="?tab=translate")
    expect(page.locator("#ganvas-notices")).to_contain_text("There is no model for this yet. Run make zoo")
    expect(page.get_by_role("tab", name="Sample")).to_be_visible()
    expect(page.get_by_role("tab", name="Translate")).to_have_count(0)


def test_a_model_that_is_gone_leaves_the_tab_to_the_one_that_ships(visit, server, tmp_path):
    def model(page):
        page.get_by_role("tab", name="Style transfer").click()
        expect(page.locator("#compare img.after")).to_be_visible()
        return page.get_by_role("tabpanel").get_by_label("Model")

    parked = (server.models / "tinter").rename(tmp_path / "tinter")
    try:
        page = visit()
        expect(model(page)).to_have_value("salon")
        expect(page.get_by_test_id("toast-body")).to_have_count(0)
    finally:
        parked.rename(server.models / "tinter")
    expect(model(visit())).to_have_value("tinter")


def test_painting_without_a_photograph_says_so(visit):
    page = visit()
    page.get_by_role("tab", name="Style transfer").click()
    expect(page.locator("#compare img.after")).to_be_visible()
    expect(page.locator("#style-choose")).to_be_hidden()
    remove = page.locator("#style-photograph button[aria-label='Remove Image']")
    remove.click()
    expect(remove).to_have_count(0)
    expect(page.get_by_text(TABS["style"].texts["en"]["choose"])).to_be_visible()
    expect(page.locator("#compare-hint")).to_be_hidden()
    page.locator("#style-draw").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("choose a photograph first")


def test_chinese_by_the_browser_and_by_choice(visit):
    def expect_language(language: str) -> None:
        unserved = {"translate", "codes"}
        texts = {key: tab.texts[language] for key, tab in TABS.items() if key not in unserved}
        expect(page.locator("#sample-draw")).to_have_text(texts["sample"]["draw"])
        expect(page.get_by_role("tab")).to_have_text([text["title"] for text in texts.values()])
        expect(page.locator("html")).to_have_attribute("lang", language)

    page = visit(locale="zh")
    expect_language("zh-CN")
    page.get_by_role("button", name="EN", exact=True).click()
    expect_language("en")
    leave(page, page.reload)
    expect_language("en")
    page.get_by_role("button", name="中文").click()
    expect_language("zh-CN")


def test_places_for_pictures_follow_the_language(visit):
    page = visit(query="/?tab=style")
    expect(page.locator("#compare img.after")).to_be_visible()
    page.get_by_role("button", name="Style of your own").click()
    place = page.locator("#style-picture .upload-container button")
    expect(place).to_have_text(re.compile("Drop Image Here .*or.* Click to Upload"))
    page.get_by_role("button", name="中文").click()
    expect(place).to_have_text(re.compile("将图像拖放到此处 .*或.* 点击上传"))
    expect(place).to_have_attribute("aria-label", "将图像文件拖放到此处以上传")
    expect(page.locator("#style-photograph").get_by_role("button", name="移除图像")).to_be_visible()
    expect(page.locator("#style-picture").get_by_role("button", name="从剪贴板粘贴")).to_be_visible()
    page.get_by_role("button", name="EN", exact=True).click()
    expect(place).to_have_text(re.compile("Drop Image Here .*or.* Click to Upload"))
    expect(page.locator("#style-picture").get_by_role("button", name="Paste from clipboard")).to_be_visible()


def test_known_classes_and_styles_have_chinese_names(visit):
    page = visit(locale="zh-CN", query="/?tab=sample&model=atelier&class=waves&seed=0&count=2")
    expect(page.locator("#samples figcaption")).to_have_text(["0 · 海浪", "1 · 海浪"])
    expect(page.locator("#samples img").first).to_have_attribute("alt", re.compile("海浪"))
    page.locator("#sample-class input").click()
    expect(page.get_by_role("option", name="彩绘玻璃")).to_be_visible()
    page.get_by_role("button", name="EN", exact=True).click()
    expect(page.locator("#samples figcaption")).to_have_text(["0 · waves", "1 · waves"])

    page = visit(locale="zh-CN", query="/?tab=style&model=salon")
    expect(page.locator("#style-choice label").filter(has_text="湿拓画")).to_be_visible()
    expect(page.get_by_role("radio", name="欧普艺术", exact=True)).to_be_attached()


def test_on_a_phone_the_result_stands_above_the_controls(visit):
    page = visit(width=390)
    gallery, controls = (page.locator(part).bounding_box() for part in ("#samples", "#sample-model"))
    assert gallery["y"] + gallery["height"] <= controls["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
