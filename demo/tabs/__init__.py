"""The tabs of the page, in their order."""

from demo.tab import Tab
from demo.tabs import about, codes, compare, explore, history, journey, sample, style, translate, verify

TABS: dict[str, Tab] = {
    "sample": sample.TAB,
    "explore": explore.TAB,
    "journey": journey.TAB,
    "style": style.TAB,
    "translate": translate.TAB,
    "codes": codes.TAB,
    "compare": compare.TAB,
    "history": history.TAB,
    "verify": verify.TAB,
    "about": about.TAB,
}
