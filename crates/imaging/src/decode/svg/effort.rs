//! What drawing takes, estimated as resvg draws: groups with opacity, clips, masks or filters on layers of their own, patterns as
//! pictures for each shape that is filled with them, and everything else right onto the picture.

use resvg::tiny_skia::{IntRect, PathSegment, Point, Transform};
use resvg::usvg::filter::{Filter, Kind};
use resvg::usvg::{ClipPath, Group, Image, Mask, Node, Paint, Path, Pattern, Rect, Stroke, Tree};

use super::Canvas;

/// Most time in units of about a nanosecond.
const MAX_TIME: f64 = 2e9;

/// Bytes of a pixel.
const PIXEL: f64 = 4.0;

/// An estimate that grows while a tree is visited. Visits end early when it exceeds the limit.
#[derive(Debug, Default)]
pub struct Effort {
    time: f64,
    /// Bytes held at the current place of the visit, and at most.
    held: f64,
    peak: f64,
}

/// A picture that is drawn on.
#[derive(Debug, Clone, Copy)]
struct Target {
    width: f64,
    height: f64,
    /// Layers are cut to this rectangle.
    bounds: IntRect,
}

impl Effort {
    pub fn of(tree: &Tree, canvas: &Canvas) -> Self {
        let mut effort = Self::default();
        let (width, height) = (f64::from(canvas.width), f64::from(canvas.height));
        let reach = |side: u32| (side as i32).saturating_mul(2);
        let bounds = IntRect::from_ltrb(
            -reach(canvas.width),
            -reach(canvas.height),
            reach(canvas.width) + canvas.width as i32,
            reach(canvas.height) + canvas.height as i32,
        );
        let Some(bounds) = bounds else {
            effort.time = f64::INFINITY;
            return effort;
        };
        let target = Target {
            width,
            height,
            bounds,
        };
        effort.hold(target.pixels(), |effort| {
            effort.nodes(tree.root(), target, canvas.transform);
        });
        effort
    }

    /// Whether drawing would take too long.
    pub fn is_excessive(&self) -> bool {
        self.time > MAX_TIME || self.time.is_nan()
    }

    /// Bytes of all pictures that exist at the same time.
    pub fn memory(&self) -> u64 {
        self.peak as u64
    }

    /// Visits what is drawn while a picture of so many pixels exists.
    fn hold(&mut self, pixels: f64, visit: impl FnOnce(&mut Self)) {
        let bytes = pixels * PIXEL;
        self.held += bytes;
        self.peak = self.peak.max(self.held);
        self.spend(pixels, 2.0);
        visit(self);
        self.held -= bytes;
    }

    fn spend(&mut self, count: f64, each: f64) {
        self.time += count * each;
    }

    fn nodes(&mut self, parent: &Group, target: Target, transform: Transform) {
        for node in parent.children() {
            if self.is_excessive() {
                return;
            }
            self.spend(1.0, 200.0);
            match node {
                Node::Group(group) => self.group(group, target, transform),
                Node::Path(path) => self.path(path, target, transform),
                Node::Image(image) => self.image(image, target),
                Node::Text(_) => {}
            }
        }
    }

    fn group(&mut self, group: &Group, target: Target, transform: Transform) {
        let transform = transform.pre_concat(group.transform());
        if !group.should_isolate() {
            return self.nodes(group, target, transform);
        }
        let Some((layer, transform)) = layer(group, target, transform) else {
            return;
        };
        self.hold(layer.pixels(), |effort| {
            // Drawn onto what is below.
            effort.spend(layer.pixels(), 8.0);
            effort.nodes(group, layer, transform);
            for filter in group.filters() {
                effort.filter(filter, layer, transform);
            }
            if let Some(clip) = group.clip_path() {
                effort.clip(clip, layer, transform);
            }
            if let Some(mask) = group.mask() {
                effort.mask(mask, layer, transform);
            }
        });
    }

    /// A clip or mask takes a picture and a mask of the layer's size.
    fn clip(&mut self, clip: &ClipPath, layer: Target, transform: Transform) {
        self.hold(1.25 * layer.pixels(), |effort| {
            effort.spend(layer.pixels(), 6.0);
            effort.clipped(clip.root(), layer, transform.pre_concat(clip.transform()));
            if let Some(other) = clip.clip_path() {
                effort.clip(other, layer, transform);
            }
        });
    }

    fn clipped(&mut self, parent: &Group, layer: Target, transform: Transform) {
        for node in parent.children() {
            if self.is_excessive() {
                return;
            }
            match node {
                Node::Path(path) => self.path(path, layer, transform),
                Node::Group(group) => {
                    let transform = transform.pre_concat(group.transform());
                    match group.clip_path() {
                        Some(clip) => self.hold(layer.pixels(), |effort| {
                            effort.spend(layer.pixels(), 8.0);
                            effort.clipped(group, layer, transform);
                            effort.clip(clip, layer, transform);
                        }),
                        None => self.clipped(group, layer, transform),
                    }
                }
                Node::Image(_) | Node::Text(_) => {}
            }
        }
    }

    fn mask(&mut self, mask: &Mask, layer: Target, transform: Transform) {
        self.hold(1.25 * layer.pixels(), |effort| {
            effort.spend(layer.pixels(), 8.0);
            effort.nodes(mask.root(), layer, transform);
            if let Some(other) = mask.mask() {
                effort.mask(other, layer, transform);
            }
        });
    }

    /// Results of all parts of a filter exist until its end.
    fn filter(&mut self, filter: &Filter, layer: Target, transform: Transform) {
        let parts = filter.primitives();
        let pixels = layer.pixels();
        self.hold(pixels * (parts.len() as f64 + 3.0), |effort| {
            for part in parts {
                if effort.is_excessive() {
                    return;
                }
                effort.spend(pixels, time_per_pixel(part.kind(), layer, transform));
                if let Kind::Image(image) = part.kind() {
                    effort.nodes(image.root(), layer, transform);
                }
            }
        });
    }

    fn image(&mut self, image: &Image, target: Target) {
        let size = image.size();
        let pixels = f64::from(size.width()) * f64::from(size.height());
        // Decoded each time that it is drawn, and interpolated.
        self.hold(2.0 * pixels, |effort| {
            effort.spend(pixels, 20.0);
            effort.spend(target.pixels(), 30.0);
        });
    }

    fn path(&mut self, path: &Path, target: Target, transform: Transform) {
        let outline = Outline::of(path, target, transform);
        if let Some(fill) = path.fill() {
            // Four lines of samples a pixel.
            self.spend(outline.rows, 40.0);
            self.spend(outline.segments, 100.0);
            self.paint(fill.paint(), path.bounding_box(), target, transform);
        }
        if let Some(stroke) = path.stroke() {
            self.spend(dashes(stroke, &outline), 3_000.0);
            self.spend(outline.rows, 200.0);
            self.spend(outline.segments, 1_000.0);
            self.paint(stroke.paint(), path.stroke_bounding_box(), target, transform);
        }
    }

    fn paint(&mut self, paint: &Paint, area: Rect, target: Target, transform: Transform) {
        let pixels = target.covered(area, transform);
        match paint {
            Paint::Color(_) => self.spend(pixels, 2.0),
            Paint::LinearGradient(_) | Paint::RadialGradient(_) => self.spend(pixels, 15.0),
            Paint::Pattern(pattern) => self.pattern(pattern, pixels, target, transform),
        }
    }

    fn pattern(&mut self, pattern: &Pattern, pixels: f64, target: Target, transform: Transform) {
        let (x, y) = transform.pre_concat(pattern.transform()).get_scale();
        let tile = Target {
            width: f64::from(pattern.rect().width() * x).round(),
            height: f64::from(pattern.rect().height() * y).round(),
            bounds: target.bounds,
        };
        self.hold(tile.pixels(), |effort| {
            effort.spend(pixels, 40.0);
            effort.nodes(pattern.root(), tile, Transform::from_scale(x, y));
        });
    }
}

impl Target {
    fn pixels(&self) -> f64 {
        self.width * self.height
    }

    /// Pixels that a rectangle covers at most.
    fn covered(&self, area: Rect, transform: Transform) -> f64 {
        let Some(area) = area.transform(transform) else {
            return 0.0;
        };
        let side = |length: f32, most: f64| (f64::from(length) + 2.0).min(most);
        side(area.width(), self.width) * side(area.height(), self.height)
    }
}

/// The layer on which a group is drawn, and the transform onto it; none if it is not drawn.
fn layer(group: &Group, target: Target, transform: Transform) -> Option<(Target, Transform)> {
    let mut bounds = target.bounds;
    let mut onto = transform;
    if !group.filters().is_empty() {
        // Filters are applied along the axes of the group, and the result is turned.
        let (x, y) = (transform.sx.hypot(transform.ky), transform.kx.hypot(transform.sy));
        let turn = Transform::from_row(
            transform.sx / x,
            transform.ky / x,
            transform.kx / y,
            transform.sy / y,
            0.0,
            0.0,
        );
        let back = turn.invert()?;
        bounds = bounds.to_rect().transform(back)?.round_out()?;
        onto = back.pre_concat(transform);
    }
    let area = group.layer_bounding_box().transform(onto)?;
    let side = |length: f32, most: u32| (f64::from(length).ceil() + 4.0).min(f64::from(most));
    let layer = Target {
        width: side(area.width(), bounds.width()),
        height: side(area.height(), bounds.height()),
        bounds,
    };
    Some((layer, onto))
}

/// Nanoseconds of a part of a filter for each pixel.
fn time_per_pixel(kind: &Kind, layer: Target, transform: Transform) -> f64 {
    match kind {
        Kind::Flood(_) | Kind::Offset(_) | Kind::Image(_) => 10.0,
        Kind::GaussianBlur(_) | Kind::DropShadow(_) => 150.0,
        Kind::DiffuseLighting(_) | Kind::SpecularLighting(_) | Kind::Tile(_) => 100.0,
        Kind::Merge(merge) => 20.0 * merge.inputs().len() as f64,
        Kind::Turbulence(turbulence) => 20.0 + 150.0 * f64::from(turbulence.num_octaves()),
        Kind::ConvolveMatrix(convolve) => {
            20.0 + 6.0 * f64::from(convolve.matrix().columns()) * f64::from(convolve.matrix().rows())
        }
        Kind::Morphology(morphology) => {
            let (x, y) = transform.get_scale();
            let side = |radius: f32, most: f64| (2.0 * f64::from(radius) + 1.0).min(most);
            let columns = side(morphology.radius_x().get() * x, layer.width);
            20.0 + 3.0 * columns * side(morphology.radius_y().get() * y, layer.height)
        }
        _ => 30.0,
    }
}

/// The outline of a shape on the picture.
#[derive(Debug, Default)]
struct Outline {
    segments: f64,
    /// Rows of pixels that the segments cross, together.
    rows: f64,
    /// Length in units of the shape.
    length: f64,
}

impl Outline {
    fn of(path: &Path, target: Target, transform: Transform) -> Self {
        let mut outline = Self::default();
        let mut from = Point::zero();
        let mut start = Point::zero();
        for segment in path.data().segments() {
            match segment {
                PathSegment::MoveTo(to) => (from, start) = (to, to),
                PathSegment::LineTo(to) => outline.add(&mut from, to, target, transform),
                PathSegment::QuadTo(by, to) => {
                    outline.add(&mut from, by, target, transform);
                    outline.add(&mut from, to, target, transform);
                }
                PathSegment::CubicTo(first, second, to) => {
                    outline.add(&mut from, first, target, transform);
                    outline.add(&mut from, second, target, transform);
                    outline.add(&mut from, to, target, transform);
                }
                PathSegment::Close => outline.add(&mut from, start, target, transform),
            }
        }
        outline
    }

    fn add(&mut self, from: &mut Point, to: Point, target: Target, transform: Transform) {
        let (x, y) = (
            f64::from(to.x) - f64::from(from.x),
            f64::from(to.y) - f64::from(from.y),
        );
        let rows = (f64::from(transform.ky) * x + f64::from(transform.sy) * y).abs();
        self.segments += 1.0;
        self.rows += (rows + 1.0).min(target.height);
        self.length += x.hypot(y);
        *from = to;
    }
}

/// Number of dashes of a line.
fn dashes(stroke: &Stroke, outline: &Outline) -> f64 {
    /// Lines of more dashes are drawn without.
    const MOST: f64 = 1e6;
    let Some(lengths) = stroke.dasharray() else {
        return 0.0;
    };
    let period: f64 = lengths.iter().copied().map(f64::from).sum();
    (outline.length / period * lengths.len() as f64).clamp(0.0, MOST)
}
