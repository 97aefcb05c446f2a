//! What the graphics card is told: planes to colours, colours to the screen. Text; `gl` compiles and feeds it.

/// Names of the samplers, in the order of the planes.
pub(super) const PLANES: [&str; 3] = ["luma", "blue", "red"];

/// The corners of a part of the place, from the number of the vertex: no buffer is needed. `part` is left, top, right
/// and bottom from 0 to 1, `cut` leads from there to a point of the picture.
pub(super) const VERTEX: &str = "
uniform vec4 part, cut;
out vec2 place, at;
void main() {
    vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
    place = mix(part.xy, part.zw, corner);
    at = place * cut.xy + cut.zw;
    gl_Position = vec4(place.x * 2.0 - 1.0, 1.0 - place.y * 2.0, 0.0, 1.0);
}";

/// Colours after ITU-R BT.601, limited range. What is beyond 0 and 1 is cut off by what is drawn into.
pub(super) const CONVERT: &str = "
in vec2 place, at;
out vec4 color;
uniform sampler2D luma, blue, red;
void main() {
    float y = texture(luma, at).r * 1.16438;
    float u = texture(blue, at).r;
    float v = texture(red, at).r;
    color = vec4(
        y + 1.59603 * v - 0.87420,
        y - 0.39176 * u - 0.81297 * v + 0.53167,
        y + 2.01723 * u - 1.08563,
        1.0);
}";

/// The picture as it is.
pub(super) const PLAIN: &str = "
in vec2 place, at;
out vec4 color;
uniform sampler2D colours;
void main() { color = texture(colours, at); }";

/// The same, and the corner by its signed distance, smoothed over a pixel. `shape` is width, height and radius in
/// pixels.
pub(super) const ROUND: &str = "
in vec2 place, at;
out vec4 color;
uniform sampler2D colours;
uniform vec3 shape;
void main() {
    vec2 from = abs(place - 0.5) * shape.xy - (shape.xy * 0.5 - shape.z);
    float away = length(max(from, 0.0)) + min(max(from.x, from.y), 0.0) - shape.z;
    color = vec4(texture(colours, at).rgb, 1.0) * clamp(0.5 - away, 0.0, 1.0);
}";
