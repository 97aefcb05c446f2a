//! The letters and icons that Hearth brings along. What they lack is looked for in the system's fonts by the toolkit.

use std::sync::{Arc, LazyLock};

use eframe::egui::{FontData, FontDefinitions, FontFamily, FontId};

const LATIN: &[u8] = include_bytes!("../../../assets/fonts/HearthLatin-Regular.ttf");
const LATIN_STRONG: &[u8] = include_bytes!("../../../assets/fonts/HearthLatin-SemiBold.ttf");
const CJK: &[u8] = include_bytes!("../../../assets/fonts/HearthCJK-Regular.otf");
const CJK_STRONG: &[u8] = include_bytes!("../../../assets/fonts/HearthCJK-Bold.otf");
/// The commonest emoji in their colours.
const EMOJI: &[u8] = include_bytes!("../../../assets/fonts/HearthEmoji.ttf");
const ICONS: &[u8] = include_bytes!("../../../assets/fonts/HearthIcons.ttf");
const ICONS_FILLED: &[u8] = include_bytes!("../../../assets/fonts/HearthIcons-Fill.ttf");

static FAMILY_STRONG: LazyLock<FontFamily> = LazyLock::new(|| FontFamily::Name("hearth-strong".into()));
static FAMILY_NAMES: LazyLock<FontFamily> = LazyLock::new(|| FontFamily::Name("hearth-names".into()));
static FAMILY_ICONS: LazyLock<FontFamily> = LazyLock::new(|| FontFamily::Name("hearth-icons".into()));
static FAMILY_ICONS_FILLED: LazyLock<FontFamily> = LazyLock::new(|| FontFamily::Name("hearth-icons-filled".into()));

/// Letters that stand out, for what Hearth itself says: of Chinese, there are 1100.
pub(super) fn strong(size: f32) -> FontId {
    FontId::new(size, FAMILY_STRONG.clone())
}

/// Letters that stand out, for what people call themselves and their rooms: any Chinese letter, all of one weight.
pub(super) fn names(size: f32) -> FontId {
    FontId::new(size, FAMILY_NAMES.clone())
}

/// Letters that are read.
pub(super) fn plain(size: f32) -> FontId {
    FontId::proportional(size)
}

/// The family of icons drawn with lines.
pub(super) fn icons() -> FontFamily {
    FAMILY_ICONS.clone()
}

/// The family of icons that are filled.
pub(super) fn icons_filled() -> FontFamily {
    FAMILY_ICONS_FILLED.clone()
}

/// All of it. Nothing is copied: the bytes stay where the program has them.
pub(super) fn definitions() -> FontDefinitions {
    let mut all = FontDefinitions::default();
    for (name, bytes) in [
        ("hearth-latin", LATIN),
        ("hearth-latin-strong", LATIN_STRONG),
        ("hearth-cjk", CJK),
        ("hearth-cjk-strong", CJK_STRONG),
        ("hearth-emoji", EMOJI),
        ("hearth-icons", ICONS),
        ("hearth-icons-filled", ICONS_FILLED),
    ] {
        all.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    // What the toolkit brings follows ours: signs and emoji that neither letters have.
    let others = all.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    let monospace = all.families.get(&FontFamily::Monospace).cloned().unwrap_or_default();
    let family = |first: &[&str], rest: &[String]| -> Vec<String> {
        first.iter().map(|name| (*name).to_owned()).chain(rest.iter().cloned()).collect()
    };
    all.families.insert(FontFamily::Proportional, family(&["hearth-latin", "hearth-cjk", "hearth-emoji"], &others));
    all.families.insert(
        FAMILY_STRONG.clone(),
        family(&["hearth-latin-strong", "hearth-cjk-strong", "hearth-cjk", "hearth-emoji"], &others),
    );
    all.families.insert(FAMILY_NAMES.clone(), family(&["hearth-latin-strong", "hearth-cjk", "hearth-emoji"], &others));
    all.families.insert(FontFamily::Monospace, family(&[], &[monospace, family(&["hearth-cjk"], &[])].concat()));
    all.families.insert(FAMILY_ICONS.clone(), family(&["hearth-icons"], &[]));
    all.families.insert(FAMILY_ICONS_FILLED.clone(), family(&["hearth-icons-filled"], &[]));
    all
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Context, RawInput};

    use super::*;

    #[test]
    fn what_hearth_says_in_chinese_is_of_one_weight() {
        let mut all = definitions();
        all.families
            .insert(FAMILY_STRONG.clone(), vec!["hearth-latin-strong".to_owned(), "hearth-cjk-strong".to_owned()]);
        let ctx = Context::default();
        ctx.set_fonts(all);
        let words = include_str!("../../../assets/locales/zh-CN.yml");
        let has = |c: char| ctx.fonts_mut(|fonts| fonts.has_glyph(&strong(14.0), c));
        ctx.begin_pass(RawInput::default());
        let missing: String = words.chars().filter(|c| !c.is_ascii() && !has(*c)).collect();
        assert_eq!(missing, "", "assets/fonts/HearthCJK-Bold.otf lacks them: its README says how it is made");
    }
}
