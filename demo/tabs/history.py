"""The tab that keeps what was made. All of it stays in the visitor's browser; the server has no part in it."""

from demo.tab import Tab

TEXTS_EN = {
    "title": "History",
    "tour": "Find again what you made: it is kept in this browser and nowhere else.",
    "lead": "Kept in this browser only. A click on a picture brings back its settings; give your own pictures again.",
    "empty": "Nothing here yet: paint, explore or travel, and it gathers by itself.",
    "all": "All",
    "starred": "Starred",
    "show": "Show",
    "export": "Export",
    "import": "Import",
    "clear": "Clear",
    "clear_sure": "Remove everything that is not starred?",
    "remove_sure": "Remove this, although it is starred?",
    "star": "Star {what}",
    "restore": "Bring back {what}",
    "remove": "Remove {what}",
    "imported": "{n} entries imported.",
    "not_ours": "This file is no history of Ganvas.",
    "full": "The browser's storage is full; export the history and clear it.",
    "alt": "Small picture of {what}",
}
TEXTS_ZH = {
    "title": "历史",
    "tour": "找回你做过的作品：只保存在这个浏览器里。",
    "lead": "只保存在这个浏览器里。点击图片即可恢复当时的设置；你自己的图片需要重新提供。",
    "empty": "这里还是空的：去生成、探索或旅行，作品会自动汇集于此。",
    "all": "全部",
    "starred": "已收藏",
    "show": "显示",
    "export": "导出",
    "import": "导入",
    "clear": "清空",
    "clear_sure": "删除所有未收藏的条目？",
    "remove_sure": "这一条已收藏，仍要删除？",
    "star": "收藏 {what}",
    "restore": "恢复 {what}",
    "remove": "删除 {what}",
    "imported": "已导入 {n} 条。",
    "not_ours": "这个文件不是 Ganvas 的历史。",
    "full": "浏览器的存储已满；请导出历史后清空。",
    "alt": "{what} 的小图",
}

TAB = Tab(texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH})
