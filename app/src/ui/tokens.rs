//! How Hearth looks, as data: every colour of both themes, every size, and nothing else.
//!
//! This is the only file that names a colour. What reads on what is proved below to have the contrast that WCAG 2.2 AA
//! asks for. Deliberately absent: what is drawn with it.
#![expect(clippy::disallowed_methods, reason = "this is where colours are made")]

use eframe::egui::{Color32, Theme};

/// The colours of one theme.
#[derive(Debug)]
pub(in crate::ui) struct Tokens {
    /// Behind everything.
    pub(in crate::ui) canvas: Color32,
    /// Of cards and panels.
    pub(in crate::ui) surface: Color32,
    /// Of what lies on a card: quiet buttons, rows.
    pub(in crate::ui) raised: Color32,
    /// The same, under the pointer.
    pub(in crate::ui) raised_hover: Color32,
    /// Of what one types into.
    pub(in crate::ui) sunken: Color32,
    /// Between things.
    pub(in crate::ui) line: Color32,
    /// Round what can be operated.
    pub(in crate::ui) outline: Color32,
    /// What is read first.
    pub(in crate::ui) text: Color32,
    /// What is read second.
    pub(in crate::ui) weak: Color32,
    /// The ember: the one thing to do here.
    pub(in crate::ui) accent: Color32,
    /// The same, under the pointer.
    pub(in crate::ui) accent_hover: Color32,
    /// What is written on an ember.
    pub(in crate::ui) on_accent: Color32,
    /// Words in the ember's colour.
    pub(in crate::ui) accent_text: Color32,
    /// A breath of ember behind words.
    pub(in crate::ui) accent_soft: Color32,
    /// What ends or harms.
    pub(in crate::ui) danger: Color32,
    /// The same, under the pointer.
    pub(in crate::ui) danger_hover: Color32,
    /// What is written on it.
    pub(in crate::ui) on_danger: Color32,
    /// Words of danger.
    pub(in crate::ui) danger_text: Color32,
    /// A breath of danger behind words.
    pub(in crate::ui) danger_soft: Color32,
    /// What goes well.
    pub(in crate::ui) good: Color32,
    /// What goes badly, and may get better.
    pub(in crate::ui) warn: Color32,
    /// A breath of warning behind words.
    pub(in crate::ui) warn_soft: Color32,
    /// Round who speaks: no colour that anything else has round it.
    pub(in crate::ui) speaks: Color32,
    /// Round what has the keyboard.
    pub(in crate::ui) focus: Color32,
    /// Behind the tiles of a call.
    pub(in crate::ui) stage: Color32,
    /// A tile without a picture.
    pub(in crate::ui) tile: Color32,
    /// Behind a dialog.
    pub(in crate::ui) veil: Color32,
    /// Under a card.
    pub(in crate::ui) shadow: Color32,
    /// Behind marked text.
    pub(in crate::ui) selection: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const fn rgba(hex: u32, alpha: u8) -> Color32 {
    Color32::from_rgba_unmultiplied_const((hex >> 16) as u8, (hex >> 8) as u8, hex as u8, alpha)
}

/// By day: paper, ink, ember.
pub(in crate::ui) const LIGHT: Tokens = Tokens {
    canvas: rgb(0xFA_F6_F0),
    surface: rgb(0xFF_FF_FF),
    raised: rgb(0xF4_EE_E6),
    raised_hover: rgb(0xEC_E4_D9),
    sunken: rgb(0xFF_FF_FF),
    line: rgb(0xE9_E1_D7),
    outline: rgb(0x94_87_7A),
    text: rgb(0x2B_23_1D),
    weak: rgb(0x69_5D_53),
    accent: rgb(0xC2_4A_10),
    accent_hover: rgb(0xA8_3E_0B),
    on_accent: rgb(0xFF_FF_FF),
    accent_text: rgb(0xA8_3E_0B),
    accent_soft: rgb(0xFC_EA_DD),
    danger: rgb(0xC0_25_37),
    danger_hover: rgb(0xA1_1B_2B),
    on_danger: rgb(0xFF_FF_FF),
    danger_text: rgb(0xA8_1E_2F),
    danger_soft: rgb(0xFB_E6_E7),
    good: rgb(0x2A_75_4B),
    warn: rgb(0x85_56_00),
    warn_soft: rgb(0xFD_F0_CF),
    speaks: rgb(0x1F_8A_57),
    focus: rgb(0xC2_4A_10),
    stage: rgb(0xF1_EA_E1),
    tile: rgb(0xE0_D6_CA),
    veil: rgba(0x2B_23_1D, 96),
    shadow: rgba(0x50_38_20, 26),
    selection: rgb(0xFB_D3_B6),
};

/// By night: the same room, lit by the fire alone.
pub(in crate::ui) const DARK: Tokens = Tokens {
    canvas: rgb(0x17_13_11),
    surface: rgb(0x21_1C_19),
    raised: rgb(0x2F_29_25),
    raised_hover: rgb(0x3C_35_30),
    sunken: rgb(0x14_11_0F),
    line: rgb(0x38_31_2C),
    outline: rgb(0x82_76_6C),
    text: rgb(0xF4_EE_E8),
    weak: rgb(0xB3_A8_9D),
    accent: rgb(0xF2_86_3F),
    accent_hover: rgb(0xFF_9B_5A),
    on_accent: rgb(0x22_12_06),
    accent_text: rgb(0xF9_A2_69),
    accent_soft: rgb(0x3D_27_19),
    danger: rgb(0xCC_34_45),
    danger_hover: rgb(0xB5_28_38),
    on_danger: rgb(0xFF_FF_FF),
    danger_text: rgb(0xFF_94_98),
    danger_soft: rgb(0x41_1E_22),
    good: rgb(0x6C_CF_97),
    warn: rgb(0xF0_C0_5A),
    warn_soft: rgb(0x3A_2F_18),
    speaks: rgb(0x5C_D6_94),
    focus: rgb(0xF9_A2_69),
    stage: rgb(0x11_0E_0C),
    tile: rgb(0x2A_24_20),
    veil: rgba(0x08_06_05, 160),
    shadow: rgba(0x00_00_00, 90),
    selection: rgb(0x6B_3D_1E),
};

/// On pictures, which have no theme: a dark veil, and what is written on it.
pub(in crate::ui) const LABEL: Color32 = rgba(0x14_10_0D, 178);
/// What is written on [`LABEL`].
pub(in crate::ui) const ON_LABEL: Color32 = rgb(0xFF_FB_F7);
/// Under a line that is over pictures, and under the pointer: it is read on any of them.
pub(in crate::ui) const LINE: Color32 = rgba(0x1C_16_12, 232);
pub(in crate::ui) const LINE_HOVER: Color32 = rgba(0x3A_30_29, 240);
/// A mark of trouble on [`LABEL`].
pub(in crate::ui) const LABEL_ALARM: Color32 = rgb(0xFF_9A_9A);
/// A mark of warning on [`LABEL`].
pub(in crate::ui) const LABEL_WARN: Color32 = rgb(0xFF_CF_70);
/// Behind the initials of people without a picture; white reads on each.
pub(in crate::ui) const PEOPLE: [Color32; 8] = [
    rgb(0xA8_45_2E),
    rgb(0x8A_5A_1A),
    rgb(0x5F_6B_1F),
    rgb(0x2F_6F_57),
    rgb(0x2B_68_84),
    rgb(0x4A_5A_A8),
    rgb(0x79_4A_9A),
    rgb(0xA0_3B_6A),
];
/// On [`PEOPLE`].
pub(in crate::ui) const ON_PEOPLE: Color32 = rgb(0xFF_FF_FF);
/// A picture's own colours, unchanged.
pub(in crate::ui) const UNTINTED: Color32 = rgb(0xFF_FF_FF);
/// Nothing.
pub(in crate::ui) const CLEAR: Color32 = rgba(0, 0);

/// Distances between things, in points.
pub(in crate::ui) mod space {
    /// Between an icon and its word.
    pub(in crate::ui) const XS: f32 = 4.0;
    /// Within a group.
    pub(in crate::ui) const S: f32 = 8.0;
    /// Between groups in a card.
    pub(in crate::ui) const M: f32 = 12.0;
    /// Between cards.
    pub(in crate::ui) const L: f32 = 16.0;
    /// In a card.
    pub(in crate::ui) const XL: f32 = 24.0;
    /// Between columns.
    pub(in crate::ui) const XXL: f32 = 40.0;
}

/// Roundness of corners, in points.
pub(in crate::ui) mod radius {
    /// Of marks.
    pub(in crate::ui) const S: f32 = 6.0;
    /// Of buttons and fields.
    pub(in crate::ui) const M: f32 = 10.0;
    /// Of tiles.
    pub(in crate::ui) const L: f32 = 14.0;
    /// Of cards.
    pub(in crate::ui) const XL: f32 = 18.0;
}

/// Sizes of letters, in points.
pub(in crate::ui) mod letters {
    /// The name on the first screen.
    pub(in crate::ui) const DISPLAY: f32 = 38.0;
    /// Of a screen.
    pub(in crate::ui) const TITLE: f32 = 22.0;
    /// Of a card.
    pub(in crate::ui) const HEADING: f32 = 16.5;
    /// Of what is read.
    pub(in crate::ui) const BODY: f32 = 14.5;
    /// Of what is read second.
    pub(in crate::ui) const SMALL: f32 = 13.0;
    /// Under a button.
    pub(in crate::ui) const CAPTION: f32 = 12.0;
}

/// Heights and widths of what is operated, in points.
pub(in crate::ui) mod control {
    /// Of a small button.
    pub(in crate::ui) const SMALL: f32 = 30.0;
    /// Of a button and of a field.
    pub(in crate::ui) const MEDIUM: f32 = 38.0;
    /// Of the one thing to do on a screen.
    pub(in crate::ui) const LARGE: f32 = 50.0;
    /// Of a picture that stands for a word.
    pub(in crate::ui) const ICON: f32 = 20.0;
    /// Of a panel beside the tiles.
    pub(in crate::ui) const PANEL: f32 = 320.0;
    /// Of a dialog.
    pub(in crate::ui) const DIALOG: f32 = 440.0;
    /// Of lines round things.
    pub(in crate::ui) const LINE: f32 = 1.0;
    /// Of the ring round who speaks or what has the keyboard.
    pub(in crate::ui) const RING: f32 = 2.5;
}

impl Tokens {
    /// Those of a theme.
    pub(in crate::ui) const fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, WCAG 2.2.
    fn luminance(color: Color32) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn what_is_written_can_be_read() {
        for t in [&LIGHT, &DARK] {
            let grounds = [t.canvas, t.surface, t.raised, t.raised_hover, t.sunken, t.stage, t.accent_soft];
            for (at, ground) in grounds.into_iter().enumerate() {
                for (word, color) in [("text", t.text), ("weak", t.weak), ("accent", t.accent_text)] {
                    let found = contrast(color, ground);
                    assert!(found >= 4.5, "{word} on ground {at}: {found:.2}");
                }
            }
            for (word, ink, ground) in [
                ("accent", t.on_accent, t.accent),
                ("accent hover", t.on_accent, t.accent_hover),
                ("danger", t.on_danger, t.danger),
                ("danger hover", t.on_danger, t.danger_hover),
                ("danger text", t.danger_text, t.danger_soft),
                ("danger text on a card", t.danger_text, t.surface),
                ("danger text on the stage", t.danger_text, t.stage),
                ("warning", t.warn, t.warn_soft),
                ("text on warning", t.text, t.warn_soft),
                ("text on danger", t.text, t.danger_soft),
                ("good", t.good, t.surface),
                ("good on the stage", t.good, t.stage),
                ("marked", t.text, t.selection),
                ("text on a tile", t.text, t.tile),
            ] {
                let found = contrast(ink, ground);
                assert!(found >= 4.5, "{word}: {found:.2}");
            }
            // What is operated is told from what it lies on.
            assert!(contrast(t.speaks, t.stage) >= 3.0, "speaks: {:.2}", contrast(t.speaks, t.stage));
            for ground in [t.canvas, t.surface, t.sunken] {
                assert!(contrast(t.outline, ground) >= 3.0, "outline: {:.2}", contrast(t.outline, ground));
                assert!(contrast(t.focus, ground) >= 3.0, "focus: {:.2}", contrast(t.focus, ground));
            }
        }
        for color in PEOPLE {
            assert!(contrast(ON_PEOPLE, color) >= 4.5, "{color:?}: {:.2}", contrast(ON_PEOPLE, color));
        }
    }
}
