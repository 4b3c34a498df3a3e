"""What stands around the tabs: the masthead with models, queue, device, theme and language; help and tour."""

from demo.tab import Texts
from demo.theme import ASSETS

TEXTS: Texts = {
    "en": {
        "tagline": "a studio for art made by generative adversarial networks",
        "broken": "Some models cannot be used",
        "models": "Models",
        "model_use": "Use {name}",
        "model_file": "file of {date}",
        "model_unmeasured": "quality not measured",
        "absent": "Tabs that wait for a model",
        "metric_frechet_distance": "Fréchet distance",
        "metric_fid_distance": "FID",
        "metric_precision_recall_precision": "precision",
        "metric_precision_recall_recall": "recall",
        "metric_bound_importance_weighted": "bound in nats",
        "metric_reconstruction_error": "reconstruction error",
        "metric_style_recognition_recognised": "styles recognised",
        "metric_content_preservation_ssim": "content SSIM",
        "metric_style_similarity_relative_distance": "distance to the style",
        "metric_realism_distance": "kernel distance",
        "metric_realism_distance_baseline": "of the baseline",
        "metric_fidelity_psnr": "PSNR",
        "metric_fidelity_psnr_baseline": "PSNR of the baseline",
        "waiting": "Waiting for the engine",
        "queue": "{n} waiting",
        "device": "Device that paints",
        "theme": "Light or dark",
        "language": "Language",
        "help": "Help and hotkeys",
        "help_title": "Hotkeys",
        "help_on": "Hotkeys are on (never in text fields)",
        "key_help": "this sheet",
        "key_tabs": "a tab",
        "key_paint": "paint, or film",
        "key_new": "new seeds",
        "key_save": "save",
        "key_copy": "copy a link to what is shown",
        "key_theme": "light or dark",
        "key_language": "the other language",
        "key_arrows": "move over the map (Explore)",
        "tour_again": "Take the tour",
        "tour_next": "Next",
        "tour_done": "Start",
        "tour_skip": "Skip",
        "close": "Close",
        "example": "Example {n}",
        "before": "Before",
        "after": "After",
        "divide": "Where before ends and after begins, in percent",
        "again": "Try again",
        "error": "Error",
        "unreachable": "The server does not answer; start it, or try again in a moment.",
        "failed": "The server failed with status {status}; try again, or look at its log.",
        "copied": "Link copied.",
        "copy": "Copy this link:",
    },
    "zh-CN": {
        "tagline": "用生成对抗网络创作艺术的工作室",
        "broken": "有些模型无法使用",
        "models": "模型",
        "model_use": "使用 {name}",
        "model_file": "文件日期 {date}",
        "model_unmeasured": "未测质量",
        "absent": "等待模型的标签页",
        "metric_frechet_distance": "Fréchet 距离",
        "metric_fid_distance": "FID",
        "metric_precision_recall_precision": "精确率",
        "metric_precision_recall_recall": "召回率",
        "metric_bound_importance_weighted": "似然下界（奈特）",
        "metric_reconstruction_error": "重建误差",
        "metric_style_recognition_recognised": "风格识别率",
        "metric_content_preservation_ssim": "内容 SSIM",
        "metric_style_similarity_relative_distance": "与风格的距离",
        "metric_realism_distance": "核距离",
        "metric_realism_distance_baseline": "基线的核距离",
        "metric_fidelity_psnr": "PSNR",
        "metric_fidelity_psnr_baseline": "基线的 PSNR",
        "waiting": "等待引擎的任务",
        "queue": "{n} 个等待",
        "device": "作画所用的设备",
        "theme": "浅色或深色",
        "language": "语言",
        "help": "帮助与快捷键",
        "help_title": "快捷键",
        "help_on": "启用快捷键（文本框内始终停用）",
        "key_help": "本页",
        "key_tabs": "切换标签页",
        "key_paint": "作画或拍摄",
        "key_new": "换种子",
        "key_save": "保存",
        "key_copy": "复制当前画面的链接",
        "key_theme": "浅色或深色",
        "key_language": "另一种语言",
        "key_arrows": "在地图上移动（探索）",
        "tour_again": "参观一遍",
        "tour_next": "下一个",
        "tour_done": "开始",
        "tour_skip": "跳过",
        "close": "关闭",
        "example": "示例 {n}",
        "before": "之前",
        "after": "之后",
        "divide": "前后画面的分界（百分比）",
        "again": "重试",
        "error": "出错了",
        "unreachable": "服务器没有应答；请启动它，或稍后再试。",
        "failed": "服务器出错（状态 {status}）；请重试，或查看它的日志。",
        "copied": "链接已复制。",
        "copy": "复制此链接：",
    },
}

_MARK = (ASSETS / "favicon.svg").read_text(encoding="utf-8")
_SUN = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 3a9 9 0 1 0 0 18z"/><circle cx="12" cy="12" r="9"/></svg>'
)

MASTHEAD = f"""<div class="mark">{_MARK}<h1>Ganvas</h1></div>
<p class="tagline" data-say="page_tagline"></p>
<div class="tools">
  <button type="button" class="pick" popovertarget="ganvas-models" aria-haspopup="true">
    <span data-say="page_models"></span> <span aria-hidden="true">▾</span></button>
  <div id="ganvas-models" popover></div>
  <span class="badge" id="ganvas-device" data-say-title="page_device">-</span>
  <span class="queue" id="ganvas-queue" role="status" data-say-title="page_waiting"></span>
  <button type="button" class="round" id="ganvas-theme" data-say-label="page_theme"
    data-say-title="page_theme">{_SUN}</button>
  <span class="languages" role="group" data-say-label="page_language">
    <button type="button" lang="en" onclick="ganvas.choose('en')">EN</button>
    <button type="button" lang="zh-CN" onclick="ganvas.choose('zh-CN')">中文</button>
  </span>
  <button type="button" class="round" id="ganvas-help" data-say-label="page_help" data-say-title="page_help">?</button>
</div>"""
