"""What people call classes and styles, in each language of the page."""

from collections.abc import Mapping

from gradio.i18n import I18n, I18nData

from demo.tab import Texts

_CHINESE: Mapping[str, str] = {
    # The generated families
    "brush_strokes": "笔触",
    "concentric": "同心圆",
    "flow_field": "流场",
    "ink_mountains": "水墨山",
    "marbling": "湿拓画",
    "mondrian": "蒙德里安",
    "op_art": "欧普艺术",
    "rosette": "花窗",
    "stained_glass": "彩绘玻璃",
    "waves": "海浪",
    # Manners of paintings
    "blue_mountains": "青山",
    "brown_silk": "褐绢",
    "celadon": "青瓷",
    "golden_silk": "金绢",
    "ink": "水墨",
    "jade_paper": "玉笺",
    "lilac_hills": "丁香山丘",
    "pale_ink": "淡墨",
    # CIFAR-10
    "airplane": "飞机",
    "automobile": "汽车",
    "bird": "鸟",
    "cat": "猫",
    "deer": "鹿",
    "dog": "狗",
    "frog": "青蛙",
    "horse": "马",
    "ship": "船",
    "truck": "卡车",
}


def spoken(name: str) -> str:
    """Return the name of a class or style as people write it: `ink_mountains` as `ink mountains`."""
    return name.replace("_", " ")


TEXTS: Texts = {"en": {name: spoken(name) for name in _CHINESE}, "zh-CN": _CHINESE}
"""The known names by language; another model's are shown as it gives them."""


def named(name: str) -> str | I18nData:
    """Return a name for Gradio, which shows a known one in the language of the page."""
    return I18n()(f"name_{name}") if name in _CHINESE else spoken(name)
