//! A code that a telephone's camera reads.

use std::fmt;

use eframe::egui::{ColorImage, Context, Rect, Role, Sense, TextureHandle, TextureOptions, Ui, WidgetInfo, pos2, vec2};
use qrcode::QrCode;

use crate::ui::tokens;

/// Light modules round the code, without which it is not read (ISO/IEC 18004, 6.3.8).
const QUIET: usize = 4;

/// The code of a text, made once.
pub(in crate::ui) struct Code {
    text: String,
    texture: TextureHandle,
    modules: usize,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)") // the text holds a secret
    }
}

impl Code {
    /// The code of `text`, the one that is there where it is the same; `None` for a text too long for any.
    pub(in crate::ui) fn of(ctx: &Context, text: &str, old: Option<Self>) -> Option<Self> {
        if let Some(old) = old.filter(|old| old.text == text) {
            return Some(old);
        }
        let code = QrCode::new(text).ok()?;
        let modules = code.width() + 2 * QUIET;
        let dark = code.into_colors();
        let inner = modules - 2 * QUIET;
        let pixel = |at: usize| {
            let (row, column) = (at / modules, at % modules);
            let inside = row.checked_sub(QUIET).zip(column.checked_sub(QUIET));
            let inside = inside.filter(|(row, column)| *row < inner && *column < inner);
            let module = inside.and_then(|(row, column)| dark.get(row * inner + column));
            if module == Some(&qrcode::Color::Dark) { 0 } else { u8::MAX }
        };
        let bytes: Vec<u8> = (0..modules * modules).map(pixel).collect();
        let image = ColorImage::from_gray([modules, modules], &bytes);
        let texture = ctx.load_texture("invitation", image, TextureOptions::NEAREST);
        Some(Self { text: text.to_owned(), texture, modules })
    }

    /// Draws it no wider than `width`, each module a whole number of pixels.
    pub(in crate::ui) fn show(&self, ui: &mut Ui, width: f32, label: &str) {
        let scale = ui.pixels_per_point();
        let pixels = (width * scale / self.modules as f32).floor().max(1.0);
        let side = pixels * self.modules as f32 / scale;
        let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, label));
        let corner = pos2((rect.left() * scale).round() / scale, (rect.top() * scale).round() / scale);
        let place = Rect::from_min_size(corner, rect.size());
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(self.texture.id(), place, whole, tokens::UNTINTED);
    }
}
