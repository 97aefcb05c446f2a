//! Hearth's mark, as the desktop shows it, too.

use eframe::egui::{ColorImage, Context, Id, Painter, Rect, TextureHandle, TextureOptions};

use crate::ui::tokens;

const MARK: &[u8] = include_bytes!("../../../../assets/icons/hearth-256.png");

/// Draws the mark into a square. It is read once.
pub(in crate::ui) fn paint_logo(painter: &Painter, rect: Rect) {
    if let Some(texture) = texture(painter.ctx()) {
        let whole = Rect::from_min_max(eframe::egui::pos2(0.0, 0.0), eframe::egui::pos2(1.0, 1.0));
        painter.image(texture.id(), rect, whole, tokens::UNTINTED);
    }
}

fn texture(ctx: &Context) -> Option<TextureHandle> {
    let id = Id::unique("hearth-mark");
    if let Some(known) = ctx.data(|data| data.get_temp(id)) {
        return Some(known);
    }
    let icon = eframe::icon_data::from_png_bytes(MARK).ok()?;
    let size = [icon.width as usize, icon.height as usize];
    let image = ColorImage::from_rgba_unmultiplied(size, &icon.rgba);
    // It is shown smaller than it is: without steps in between it would be rough.
    let options = TextureOptions { mipmap_mode: Some(eframe::egui::TextureFilter::Linear), ..TextureOptions::LINEAR };
    let texture = ctx.load_texture("hearth-mark", image, options);
    ctx.data_mut(|data| data.insert_temp(id, texture.clone()));
    Some(texture)
}
