"""How the page looks: paper, ink and a vermilion seal, by day and by night."""

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parent / "assets"

_VERMILION = gr.themes.Color(
    c50="#fdf3ef",
    c100="#fae1d8",
    c200="#f4c1b0",
    c300="#ec9a80",
    c400="#e17456",
    c500="#cf5232",
    c600="#b54125",
    c700="#93341f",
    c800="#76301f",
    c900="#612b1e",
    c950="#35140d",
)
_PAPER = gr.themes.Color(
    c50="#faf8f4",
    c100="#f3f0e9",
    c200="#e5e0d5",
    c300="#d0c9bb",
    c400="#a59d8f",
    c500="#7c756a",
    c600="#5e584f",
    c700="#474239",
    c800="#2a2722",
    c900="#1d1b18",
    c950="#141311",
)
_FONTS = ("Inter", "Segoe UI", "Roboto", "Helvetica Neue", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC")


def make_theme() -> gr.themes.Base:
    """Return the theme. It names fonts that the visitor's machine may have, and loads none."""
    theme = gr.themes.Base(
        primary_hue=_VERMILION,
        secondary_hue=_VERMILION,
        neutral_hue=_PAPER,
        radius_size=gr.themes.sizes.radius_lg,
        font=[*(gr.themes.Font(name) for name in _FONTS), gr.themes.Font("sans-serif")],
        font_mono=[gr.themes.Font(name) for name in ("Menlo", "Consolas", "monospace")],
    )
    return theme.set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_200",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="*neutral_900",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_shadow="none",
        block_shadow_dark="none",
        block_padding="0px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_border_width_dark="0px",
        block_label_shadow="none",
        block_title_text_weight="600",
        block_title_text_size="*text_sm",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        form_gap_width="0px",
        layout_gap="*spacing_xl",
        input_border_width="1px",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_800",
        input_border_color="*neutral_200",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_400",
        input_border_color_focus_dark="*primary_400",
        slider_color="*primary_500",
        slider_color_dark="*primary_400",
        button_primary_background_fill="*neutral_900",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_border_color="*button_primary_background_fill",
        button_primary_border_color_dark="*button_primary_background_fill",
        button_primary_text_color="*neutral_50",
        button_primary_text_color_dark="white",
        button_secondary_background_fill="*neutral_50",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_border_width="1px",
        button_large_text_size="*text_md",
        button_large_padding="10px 18px",
        checkbox_label_background_fill="*neutral_50",
        checkbox_label_background_fill_dark="*neutral_800",
        checkbox_label_border_width="1px",
    )
