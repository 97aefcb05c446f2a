//! Pictures by way of the graphics card: three planes go up as they are, one shader turns them into colours when they
//! are new, and another puts the colours on the screen and rounds the corners.
//!
//! The only file of the window with `unsafe` in it: OpenGL has no other door. A plane goes up only when there is a new
//! picture, into textures that stay as long as the size does; a frame in which a picture is not new pays for one
//! look-up a pixel. That is what counts where the processor draws: of 30 ms for a frame of 1100x720 by llvmpipe, 14
//! were look-ups in three planes. Nothing is allocated for a frame. What OpenGL keeps for us is given back in a
//! callback, which is when its context is surely in force, or at the end of the window.
#![expect(unsafe_code, reason = "OpenGL is a C library, and glow marks each call of it unsafe")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use eframe::egui::{PaintCallback, PaintCallbackInfo, Painter, Rect, Shape, Vec2};
use eframe::egui_glow::{CallbackFn, ShaderVersion};
use eframe::glow::{self, HasContext as _};
use hearth_base::{Picture, Resolution, TrackId};

use super::{Cut, Placement, TilePainter, cut, shaders};
use crate::view::VideoFeed;

/// No picture is halved more often: the smallest tile of 1280x720 is then 160 wide.
const HALVINGS: u32 = 3;

/// Draws feeds by OpenGL.
pub(super) struct GlPainter {
    programs: Programs,
    tiles: BTreeMap<TrackId, Entry>,
    /// Textures of tiles that are gone, until a callback can delete them.
    garbage: Arc<Garbage>,
    frame: u64,
}

/// The three programs, and what they share. Handles: anyone who has the context may use copies.
#[derive(Clone, Copy)]
struct Programs {
    /// Planes to colours, off the screen.
    convert: Program,
    /// Colours to the screen.
    plain: Program,
    /// The same where a corner is round.
    round: Program,
    vertices: glow::VertexArray,
    /// What is drawn into off the screen.
    target: glow::Framebuffer,
}

/// A program and where its numbers go.
#[derive(Clone, Copy)]
struct Program {
    program: glow::Program,
    part: Option<glow::UniformLocation>,
    cut: Option<glow::UniformLocation>,
    shape: Option<glow::UniformLocation>,
}

struct Entry {
    tile: Arc<Tile>,
    callback: Arc<CallbackFn>,
    resolution: Option<Resolution>,
    drawn_in: u64,
}

/// One feed's place in the graphics card. The toolkit asks callbacks to be `Sync`; all of this runs on the main thread,
/// and nobody ever waits for the lock.
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

/// Three planes and the colours that they make.
#[derive(Clone, Copy)]
struct Textures {
    planes: [glow::Texture; 3],
    resolution: Resolution,
    colours: glow::Texture,
    /// Width and height of the colours, once there are any.
    size: Option<[i32; 2]>,
}

/// Textures that wait to be deleted: four for each tile that left in this frame, no more than there were tiles.
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
        let programs = Programs::compile(gl)?;
        Ok(Self { programs, tiles: BTreeMap::new(), garbage: Arc::default(), frame: 0 })
    }

    fn entry(&mut self, track: TrackId) -> &mut Entry {
        let (programs, frame) = (self.programs, self.frame);
        self.tiles.entry(track).or_insert_with(|| {
            let tile = Arc::new(Tile { state: Mutex::default() });
            let drawn = tile.clone();
            let callback = CallbackFn::new(move |info, painter| drawn.draw(painter, &programs, &info));
            Entry { tile, callback: Arc::new(callback), resolution: None, drawn_in: frame }
        })
    }
}

impl TilePainter for GlPainter {
    fn paint(&mut self, painter: &Painter, feed: &VideoFeed, place: Placement) -> bool {
        let (frame, scale) = (self.frame, painter.pixels_per_point());
        let entry = self.entry(feed.track);
        entry.drawn_in = frame;
        let new = feed.take();
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
        self.programs.free(gl);
    }
}

impl Tile {
    fn take_textures(&self) -> impl Iterator<Item = glow::Texture> + use<> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.textures.take().into_iter().flat_map(|textures| textures.planes.into_iter().chain([textures.colours]))
    }

    fn draw(&self, painter: &eframe::egui_glow::Painter, programs: &Programs, info: &PaintCallbackInfo) {
        let gl = painter.gl();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let new = state.new.take();
        if let Some(picture) = &new {
            state.textures = upload(gl, state.textures.take(), picture);
        }
        let viewport = info.viewport_in_pixels();
        let (width, height) = (viewport.width_px, viewport.height_px);
        let place = Vec2::new(width as f32, height as f32);
        let scale = state.scale;
        let Some(textures) = &mut state.textures else { return };
        let size = colours_size(textures.resolution, place / scale.abs());
        if new.is_some() || textures.size != Some(size) {
            convert(gl, programs, textures, size);
            // SAFETY: the context is in force, and this is what the toolkit draws into.
            unsafe {
                gl.bind_framebuffer(glow::FRAMEBUFFER, painter.intermediate_fbo());
                gl.viewport(viewport.left_px, viewport.from_bottom_px, width, height);
                gl.enable(glow::SCISSOR_TEST);
            }
        }
        let colours = textures.colours;
        show(gl, programs, colours, place, &state);
    }
}

/// How large the colours of a picture should be that is `shown` so large, in pixels: as the picture, or halved while
/// that is enough.
fn colours_size(resolution: Resolution, shown: Vec2) -> [i32; 2] {
    let halved = |times: u32| [resolution.width >> times, resolution.height >> times];
    let is_enough = |times: &u32| {
        let [width, height] = halved(*times);
        width as f32 >= shown.x && height as f32 >= shown.y
    };
    let times = (1..=HALVINGS).take_while(is_enough).last().unwrap_or(0);
    halved(times).map(|side| side.max(1) as i32)
}

/// Turns the planes into colours, off the screen.
fn convert(gl: &glow::Context, programs: &Programs, textures: &mut Textures, size: [i32; 2]) {
    let [width, height] = size;
    // SAFETY: the context is in force in a callback; the handles are its own. Anyone who calls binds again what is
    // drawn into, and where; the toolkit sets its own program, textures, blending and vertices again after each
    // callback, and the units beyond the first it does not use.
    unsafe {
        gl.active_texture(glow::TEXTURE0);
        gl.bind_texture(glow::TEXTURE_2D, Some(textures.colours));
        if textures.size.replace(size) != Some(size) {
            let (inner, nothing) = (glow::RGBA8 as i32, glow::PixelUnpackData::Slice(None));
            let (format, kind) = (glow::RGBA, glow::UNSIGNED_BYTE);
            gl.tex_image_2d(glow::TEXTURE_2D, 0, inner, width, height, 0, format, kind, nothing);
        }
        gl.bind_framebuffer(glow::FRAMEBUFFER, Some(programs.target));
        let (attachment, texture) = (glow::COLOR_ATTACHMENT0, Some(textures.colours));
        gl.framebuffer_texture_2d(glow::FRAMEBUFFER, attachment, glow::TEXTURE_2D, texture, 0);
        gl.viewport(0, 0, width, height);
        gl.disable(glow::SCISSOR_TEST);
        gl.disable(glow::BLEND);
        gl.bind_vertex_array(Some(programs.vertices));
        gl.use_program(Some(programs.convert.program));
        for (unit, texture) in (0..).zip(textures.planes) {
            gl.active_texture(glow::TEXTURE0 + unit);
            gl.bind_texture(glow::TEXTURE_2D, Some(texture));
        }
        // What is drawn off the screen has its first line at the bottom.
        gl.uniform_4_f32(programs.convert.cut.as_ref(), 1.0, -1.0, 0.0, 1.0);
        gl.uniform_4_f32(programs.convert.part.as_ref(), 0.0, 0.0, 1.0, 1.0);
        gl.draw_arrays(glow::TRIANGLE_STRIP, 0, 4);
        gl.active_texture(glow::TEXTURE0);
    }
}

/// Puts colours on the screen: what is straight without blending, what is round with it.
fn show(gl: &glow::Context, programs: &Programs, colours: glow::Texture, place: Vec2, state: &TileState) {
    let round = Vec2::splat(state.radius.ceil()) / place;
    let [x, y] = [round.x.min(0.5), round.y.min(0.5)];
    let plain = [[0.0, y, 1.0, 1.0 - y], [x, 0.0, 1.0 - x, y], [x, 1.0 - y, 1.0 - x, 1.0]];
    let corners = [[0.0, 0.0, x, y], [1.0 - x, 0.0, 1.0, y], [0.0, 1.0 - y, x, 1.0], [1.0 - x, 1.0 - y, 1.0, 1.0]];
    let (scale, offset) = (state.scale, state.offset);
    // SAFETY: as in `convert`.
    unsafe {
        gl.bind_vertex_array(Some(programs.vertices));
        gl.bind_texture(glow::TEXTURE_2D, Some(colours));
        gl.disable(glow::BLEND);
        for (program, parts) in [(&programs.plain, plain.as_slice()), (&programs.round, corners.as_slice())] {
            gl.use_program(Some(program.program));
            gl.uniform_4_f32(program.cut.as_ref(), scale.x, scale.y, offset.x, offset.y);
            gl.uniform_3_f32(program.shape.as_ref(), place.x, place.y, state.radius);
            for [left, top, right, bottom] in parts {
                gl.uniform_4_f32(program.part.as_ref(), *left, *top, *right, *bottom);
                gl.draw_arrays(glow::TRIANGLE_STRIP, 0, 4);
            }
            gl.enable(glow::BLEND);
        }
        gl.bind_vertex_array(None);
    }
}

impl Programs {
    fn compile(gl: &glow::Context) -> Result<Self, String> {
        let convert = Program::compile(gl, shaders::CONVERT)?;
        let plain = Program::compile(gl, shaders::PLAIN)?;
        let round = Program::compile(gl, shaders::ROUND)?;
        // SAFETY: the context is in force, as `GlPainter::new` asks; every handle is this context's own.
        unsafe {
            gl.use_program(Some(convert.program));
            for (unit, name) in (0..).zip(shaders::PLANES) {
                gl.uniform_1_i32(gl.get_uniform_location(convert.program, name).as_ref(), unit);
            }
            gl.use_program(None);
            let (vertices, target) = (gl.create_vertex_array()?, gl.create_framebuffer()?);
            Ok(Self { convert, plain, round, vertices, target })
        }
    }

    fn free(self, gl: &glow::Context) {
        // SAFETY: the context is in force at the end of the window, and nothing is drawn after it.
        unsafe {
            gl.delete_framebuffer(self.target);
            gl.delete_vertex_array(self.vertices);
            for program in [self.convert, self.plain, self.round] {
                gl.delete_program(program.program);
            }
        }
    }
}

impl Program {
    fn compile(gl: &glow::Context, fragment: &str) -> Result<Self, String> {
        let version = ShaderVersion::get(gl);
        let precision = if version.is_embedded() { "precision highp float;\n" } else { "" };
        let head = format!("{}\n{precision}", version.version_declaration());
        // SAFETY: the context is in force, as `GlPainter::new` asks; every handle is this context's own.
        unsafe {
            let program = gl.create_program()?;
            let mut shaders = Vec::new();
            for (kind, source) in [(glow::VERTEX_SHADER, shaders::VERTEX), (glow::FRAGMENT_SHADER, fragment)] {
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
            let [part, cut, shape] = ["part", "cut", "shape"].map(|name| gl.get_uniform_location(program, name));
            Ok(Self { program, part, cut, shape })
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
    let textures = match old {
        Some(old) => Textures { resolution, ..old },
        None => create(gl, resolution)?,
    };
    for (texture, (bytes, width, height)) in textures.planes.into_iter().zip(planes) {
        if bytes.len() < width as usize * height as usize {
            continue; // the driver would read beyond it
        }
        let pixels = glow::PixelUnpackData::Slice(Some(bytes));
        let (format, kind) = (glow::RED, glow::UNSIGNED_BYTE);
        // SAFETY: the context is in force; with an alignment of 1 and no other unpacking set by anybody here, the
        // driver reads width * height bytes, and that many are there.
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
    Some(textures)
}

fn create(gl: &glow::Context, resolution: Resolution) -> Option<Textures> {
    // SAFETY: the context is in force, as in `upload`.
    unsafe {
        let planes = [gl.create_texture().ok()?, gl.create_texture().ok()?, gl.create_texture().ok()?];
        let colours = gl.create_texture().ok()?;
        for texture in planes.into_iter().chain([colours]) {
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
        Some(Textures { planes, resolution, colours, size: None })
    }
}
