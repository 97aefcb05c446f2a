//! Pictures by way of the graphics card: three planes go up as they are, and a shader turns them into colours and rounds
//! the corners.
//!
//! The only file of the window with `unsafe` in it: OpenGL has no other door. A plane goes up only when there is a new
//! picture, into textures that stay as long as the size does. Nothing is allocated for a frame. What OpenGL keeps for us is
//! given back in a callback, which is when its context is surely in force, or at the end of the window.
#![expect(unsafe_code, reason = "OpenGL is a C library, and glow marks each call of it unsafe")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use eframe::egui::{PaintCallback, PaintCallbackInfo, Painter, Rect, Shape, Vec2};
use eframe::egui_glow::{CallbackFn, ShaderVersion};
use eframe::glow::{self, HasContext as _};
use hearth_base::{Picture, Resolution, TrackId};

use super::{Cut, Place, TilePainter, cut};
use crate::view::Film;

/// The corners of the place, from the number of the vertex: no buffer is needed.
const VERTEX: &str = "
out vec2 place;
void main() {
    vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
    place = vec2(corner.x, 1.0 - corner.y);
    gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}";

/// Colours after ITU-R BT.601, limited range; the corner by its signed distance, smoothed over a pixel.
const FRAGMENT: &str = "
in vec2 place;
out vec4 color;
uniform sampler2D luma, blue, red;
uniform vec4 cut;
uniform vec3 shape;
void main() {
    vec2 at = place * cut.xy + cut.zw;
    float y = (texture(luma, at).r - 16.0 / 255.0) * 1.16438;
    float u = texture(blue, at).r - 128.0 / 255.0;
    float v = texture(red, at).r - 128.0 / 255.0;
    vec3 rgb = clamp(vec3(y + 1.59603 * v, y - 0.39176 * u - 0.81297 * v, y + 2.01723 * u), 0.0, 1.0);
    vec2 from = abs(place - 0.5) * shape.xy - (shape.xy * 0.5 - shape.z);
    float away = length(max(from, 0.0)) + min(max(from.x, from.y), 0.0) - shape.z;
    float cover = clamp(0.5 - away, 0.0, 1.0);
    color = vec4(rgb * cover, cover);
}";

/// Names of the samplers, in the order of the planes.
const PLANES: [&str; 3] = ["luma", "blue", "red"];

/// Draws films by OpenGL.
pub(super) struct GlPainter {
    program: Program,
    tiles: BTreeMap<TrackId, Entry>,
    /// Textures of tiles that are gone, until a callback can delete them.
    garbage: Arc<Garbage>,
    frame: u64,
}

/// The program and where its numbers go. Handles: whoever has the context may use copies.
#[derive(Clone, Copy)]
struct Program {
    program: glow::Program,
    vertices: glow::VertexArray,
    cut: Option<glow::UniformLocation>,
    shape: Option<glow::UniformLocation>,
}

struct Entry {
    tile: Arc<Tile>,
    callback: Arc<CallbackFn>,
    resolution: Option<Resolution>,
    drawn_in: u64,
}

/// One film's place in the graphics card. The toolkit asks callbacks to be `Sync`; all of this runs on the main thread, and
/// nobody ever waits for the lock.
struct Tile {
    state: Mutex<TileState>,
}

#[derive(Default)]
struct TileState {
    /// A picture that is not up there yet.
    new: Option<Picture>,
    textures: Option<Textures>,
    scale: Vec2,
    offset: Vec2,
    radius: f32,
}

#[derive(Clone, Copy)]
struct Textures {
    planes: [glow::Texture; 3],
    resolution: Resolution,
}

/// Textures that wait to be deleted: three for each tile that left in this frame, no more than there were tiles.
#[derive(Default)]
struct Garbage {
    textures: Mutex<Vec<glow::Texture>>,
}

impl GlPainter {
    /// Compiles the program. `gl` is in force.
    ///
    /// # Errors
    /// What the driver says.
    pub(super) fn new(gl: &Arc<glow::Context>) -> Result<Self, String> {
        let program = Program::compile(gl)?;
        Ok(Self { program, tiles: BTreeMap::new(), garbage: Arc::default(), frame: 0 })
    }

    fn entry(&mut self, track: TrackId) -> &mut Entry {
        let (program, frame) = (self.program, self.frame);
        self.tiles.entry(track).or_insert_with(|| {
            let tile = Arc::new(Tile { state: Mutex::default() });
            let drawn = tile.clone();
            let callback = CallbackFn::new(move |info, painter| drawn.draw(painter.gl(), program, &info));
            Entry { tile, callback: Arc::new(callback), resolution: None, drawn_in: frame }
        })
    }
}

impl TilePainter for GlPainter {
    fn paint(&mut self, painter: &Painter, film: &Film, place: Place) -> bool {
        let (frame, scale) = (self.frame, painter.pixels_per_point());
        let entry = self.entry(film.track);
        entry.drawn_in = frame;
        let new = film.take();
        if let Some(picture) = &new {
            entry.resolution = Some(picture.resolution());
        }
        let Some(resolution) = entry.resolution else { return false };
        let Cut { rect, scale: cut_scale, offset } = cut(&place, resolution);
        let mut state = entry.tile.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.new = new.or(state.new.take());
        (state.scale, state.offset, state.radius) = (cut_scale, offset, place.radius * scale);
        painter.add(Shape::Callback(PaintCallback { rect, callback: entry.callback.clone() }));
        true
    }

    fn settle(&mut self, painter: &Painter) {
        let frame = self.frame;
        let mut garbage = self.garbage.textures.lock().unwrap_or_else(PoisonError::into_inner);
        self.tiles.retain(|_, entry| {
            let is_drawn = entry.drawn_in == frame;
            if !is_drawn {
                garbage.extend(entry.tile.take_textures());
            }
            is_drawn
        });
        self.frame += 1;
        if !garbage.is_empty() {
            let heap = self.garbage.clone();
            let callback = CallbackFn::new(move |_, painter| heap.free(painter.gl()));
            let rect = Rect::from_min_size(painter.clip_rect().min, Vec2::splat(1.0));
            painter.add(Shape::Callback(PaintCallback { rect, callback: Arc::new(callback) }));
        }
    }

    fn free(&mut self, gl: &glow::Context) {
        let mut garbage = self.garbage.textures.lock().unwrap_or_else(PoisonError::into_inner);
        garbage.extend(self.tiles.values().flat_map(|entry| entry.tile.take_textures()));
        drop(garbage);
        self.tiles.clear();
        self.garbage.free(gl);
        self.program.free(gl);
    }
}

impl Tile {
    fn take_textures(&self) -> impl Iterator<Item = glow::Texture> + use<> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.textures.take().into_iter().flat_map(|textures| textures.planes)
    }

    fn draw(&self, gl: &glow::Context, program: Program, info: &PaintCallbackInfo) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(picture) = state.new.take() {
            state.textures = upload(gl, state.textures.take(), &picture);
        }
        let Some(textures) = state.textures else { return };
        let viewport = info.viewport_in_pixels();
        let size = [viewport.width_px as f32, viewport.height_px as f32];
        // SAFETY: called from the toolkit's callback, so the context is in force on this thread; the handles come from it
        // and are deleted only once no tile holds them. The toolkit sets its own program, textures and vertices anew after
        // each callback; the units beyond the first it does not use.
        unsafe {
            gl.use_program(Some(program.program));
            gl.bind_vertex_array(Some(program.vertices));
            for (unit, texture) in (0..).zip(textures.planes) {
                gl.active_texture(glow::TEXTURE0 + unit);
                gl.bind_texture(glow::TEXTURE_2D, Some(texture));
            }
            let (scale, offset) = (state.scale, state.offset);
            gl.uniform_4_f32(program.cut.as_ref(), scale.x, scale.y, offset.x, offset.y);
            gl.uniform_3_f32(program.shape.as_ref(), size[0], size[1], state.radius);
            gl.draw_arrays(glow::TRIANGLE_STRIP, 0, 4);
            gl.bind_vertex_array(None);
            gl.active_texture(glow::TEXTURE0);
        }
    }
}

impl Program {
    fn compile(gl: &glow::Context) -> Result<Self, String> {
        let version = ShaderVersion::get(gl);
        let precision = if version.is_embedded() { "precision highp float;\n" } else { "" };
        let head = format!("{}\n{precision}", version.version_declaration());
        // SAFETY: the context is in force, as `GlPainter::new` asks; every handle is this context's own.
        unsafe {
            let program = gl.create_program()?;
            let mut shaders = Vec::new();
            for (kind, source) in [(glow::VERTEX_SHADER, VERTEX), (glow::FRAGMENT_SHADER, FRAGMENT)] {
                let shader = gl.create_shader(kind)?;
                gl.shader_source(shader, &format!("{head}{source}"));
                gl.compile_shader(shader);
                gl.attach_shader(program, shader);
                shaders.push(shader);
            }
            gl.link_program(program);
            let log = gl.get_program_info_log(program);
            let logs: Vec<String> = shaders.iter().map(|shader| gl.get_shader_info_log(*shader)).collect();
            for shader in shaders {
                gl.detach_shader(program, shader);
                gl.delete_shader(shader);
            }
            if !gl.get_program_link_status(program) {
                gl.delete_program(program);
                return Err(format!("{log} {}", logs.join(" ")));
            }
            gl.use_program(Some(program));
            for (unit, name) in (0..).zip(PLANES) {
                gl.uniform_1_i32(gl.get_uniform_location(program, name).as_ref(), unit);
            }
            gl.use_program(None);
            let vertices = gl.create_vertex_array()?;
            let [cut, shape] = ["cut", "shape"].map(|name| gl.get_uniform_location(program, name));
            Ok(Self { program, vertices, cut, shape })
        }
    }

    fn free(self, gl: &glow::Context) {
        // SAFETY: the context is in force at the end of the window, and nothing is drawn after it.
        unsafe {
            gl.delete_vertex_array(self.vertices);
            gl.delete_program(self.program);
        }
    }
}

impl Garbage {
    fn free(&self, gl: &glow::Context) {
        let mut textures = self.textures.lock().unwrap_or_else(PoisonError::into_inner);
        for texture in textures.drain(..) {
            // SAFETY: the context is in force in a callback and at the end; no tile holds the handle any more.
            unsafe { gl.delete_texture(texture) };
        }
    }
}

/// Sends a picture up, into the textures that are there if they have its size. `None` when the driver makes none.
fn upload(gl: &glow::Context, old: Option<Textures>, picture: &Picture) -> Option<Textures> {
    let resolution = picture.resolution();
    let (width, height) = (resolution.width as i32, resolution.height as i32);
    let planes =
        [(picture.y(), width, height), (picture.u(), width / 2, height / 2), (picture.v(), width / 2, height / 2)];
    let same = old.filter(|old| old.resolution == resolution);
    let textures = match (same, old) {
        (Some(same), _) => same.planes,
        (None, Some(other)) => other.planes,
        (None, None) => create(gl)?,
    };
    for (texture, (bytes, width, height)) in textures.into_iter().zip(planes) {
        if bytes.len() < width as usize * height as usize {
            continue; // the driver would read beyond it
        }
        let pixels = glow::PixelUnpackData::Slice(Some(bytes));
        let (format, kind) = (glow::RED, glow::UNSIGNED_BYTE);
        // SAFETY: the context is in force; with an alignment of 1 and no other unpacking set by anybody here, the driver
        // reads width * height bytes, and that many are there.
        unsafe {
            gl.bind_texture(glow::TEXTURE_2D, Some(texture));
            gl.pixel_store_i32(glow::UNPACK_ALIGNMENT, 1);
            if same.is_some() {
                gl.tex_sub_image_2d(glow::TEXTURE_2D, 0, 0, 0, width, height, format, kind, pixels);
            } else {
                let inner = glow::R8 as i32;
                gl.tex_image_2d(glow::TEXTURE_2D, 0, inner, width, height, 0, format, kind, pixels);
            }
        }
    }
    Some(Textures { planes: textures, resolution })
}

fn create(gl: &glow::Context) -> Option<[glow::Texture; 3]> {
    // SAFETY: the context is in force, as in `upload`.
    unsafe {
        let planes = [gl.create_texture().ok()?, gl.create_texture().ok()?, gl.create_texture().ok()?];
        for texture in planes {
            gl.bind_texture(glow::TEXTURE_2D, Some(texture));
            for (name, value) in [
                (glow::TEXTURE_MIN_FILTER, glow::LINEAR),
                (glow::TEXTURE_MAG_FILTER, glow::LINEAR),
                (glow::TEXTURE_WRAP_S, glow::CLAMP_TO_EDGE),
                (glow::TEXTURE_WRAP_T, glow::CLAMP_TO_EDGE),
            ] {
                gl.tex_parameter_i32(glow::TEXTURE_2D, name, value as i32);
            }
        }
        Some(planes)
    }
}
