//! What usvg makes of a document: elements that are used in several places are copied to each, with all to which they
//! refer. The number of copies is estimated before, and references in circles are found, of which usvg knows only short ones.

use std::collections::HashMap;
use std::rc::Rc;

use resvg::usvg::roxmltree::{Document, Node};

use super::styles::{Property, Styles, own_properties};
use super::{FORMAT, too_complex};
use crate::ImagingError;

/// Most elements and texts of a document.
pub const MAX_NODES: u32 = 500_000;

/// Most elements after copying.
const MAX_COPIES: u64 = 400_000;

/// Most elements that contain or refer to each other.
const MAX_LEVELS: u32 = 120;

/// Bytes of properties that take as long as an element.
const BYTES_PER_UNIT: usize = 64;

/// Properties that take as long as an element.
const PROPERTIES_PER_UNIT: usize = 8;

/// The least bytes of a point of an outline.
const BYTES_PER_POINT: usize = 2;

/// Refuses documents that become too large, or refer in circles.
pub fn check(document: &Document<'_>) -> Result<(), ImagingError> {
    let styles = Styles::read(document.root());
    let graph = Graph::new(document, &styles)?;
    let mut visit = Visit {
        graph: &graph,
        known: vec![Known::No; graph.elements.len()],
    };
    let total = visit.weigh(0, 0)?;
    if total.copies > MAX_COPIES {
        return Err(too_complex("it repeats too many elements"));
    }
    styles.check(total.copies)
}

/// What shapes are painted with; elements within inherit it.
#[derive(Debug, Clone, Default)]
struct Paints {
    fill: Vec<usize>,
    stroke: Vec<usize>,
    /// Markers of the first and the last point.
    ends: Vec<usize>,
    /// Markers of all points.
    markers: Vec<usize>,
}

/// An element, by the indexes of others.
#[derive(Debug, Default)]
struct Element {
    children: Vec<usize>,
    /// Clips, masks, filters, other gradients and the like.
    targets: Vec<usize>,
    /// What a `use` element shows.
    shown: Vec<usize>,
    paints: Rc<Paints>,
    is_painted: bool,
    /// Bytes of its outline.
    outline: usize,
    /// Bytes of all its properties.
    bytes: usize,
    properties: usize,
}

struct Graph {
    elements: Vec<Element>,
}

impl Graph {
    fn new<'a>(document: &'a Document<'a>, styles: &Styles<'a>) -> Result<Self, ImagingError> {
        let nodes: Vec<Node<'_, '_>> = document.descendants().filter(Node::is_element).collect();
        styles.check(nodes.len() as u64)?;
        let indexes: HashMap<_, _> = nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (node.id(), index))
            .collect();
        let named = names(&nodes);
        let mut elements: Vec<Element> = Vec::with_capacity(nodes.len());
        for node in &nodes {
            let parent = node
                .parent_element()
                .and_then(|parent| indexes.get(&parent.id()).copied());
            let element = Element::read(*node, styles, &named, parent.map(|parent| &elements[parent]));
            if let Some(parent) = parent {
                let index = elements.len();
                elements[parent].children.push(index);
            }
            elements.push(element);
        }
        Ok(Self { elements })
    }
}

/// The elements of each identifier. Of several, some references mean the first, and others the last.
fn names<'a>(nodes: &[Node<'a, '_>]) -> Names<'a> {
    let mut named = Names::new();
    for (index, node) in nodes.iter().enumerate() {
        for id in node.attributes().filter(|attribute| attribute.name() == "id") {
            let named = named.entry(id.value()).or_insert([index; 2]);
            named[1] = index;
        }
    }
    named
}

type Names<'a> = HashMap<&'a str, [usize; 2]>;

/// The elements to which identifiers refer.
fn referred<'a>(ids: impl Iterator<Item = &'a str>, named: &Names<'_>) -> Vec<usize> {
    let mut elements: Vec<usize> = ids.filter_map(|id| named.get(id)).flatten().copied().collect();
    elements.dedup();
    elements
}

impl Element {
    fn read<'a>(node: Node<'a, 'a>, styles: &Styles<'a>, named: &Names<'_>, parent: Option<&Self>) -> Self {
        let name = node.tag_name().name();
        let declared: Vec<Property<'_>> = styles.properties_of(node).collect();
        let mut element = Self {
            is_painted: is_painted(name),
            ..Self::default()
        };
        let inherited = parent.map(|parent| &parent.paints);
        let mut paints = inherited.map_or_else(Paints::default, |paints| Paints::clone(paints));
        let mut is_changed = inherited.is_none();
        let [mut sets_fill, mut sets_stroke] = [false; 2];
        for property in own_properties(node).chain(declared) {
            element.properties += 1;
            element.bytes += property.value.len();
            let mut targets = referred(property.targets(), named);
            let list = match property.name {
                "fill" => reset_once(&mut paints.fill, &mut sets_fill, property.value),
                "stroke" => reset_once(&mut paints.stroke, &mut sets_stroke, property.value),
                "marker-start" | "marker-end" => &mut paints.ends,
                "marker" | "marker-mid" => &mut paints.markers,
                "d" | "points" => {
                    element.outline += property.value.len();
                    continue;
                }
                "href" => {
                    element.refer(name, property.value, named);
                    continue;
                }
                _ => {
                    if property.value == "inherit"
                        && let Some(parent) = parent
                    {
                        targets.extend(&parent.targets);
                    }
                    &mut element.targets
                }
            };
            is_changed |= !targets.is_empty() || sets_fill || sets_stroke;
            list.append(&mut targets);
        }
        element.paints = match inherited {
            Some(inherited) if !is_changed => Rc::clone(inherited),
            _ => Rc::new(paints),
        };
        element
    }

    /// Notes to which element `href` refers, if this kind of element shows or uses it.
    fn refer(&mut self, name: &str, address: &str, named: &Names<'_>) {
        let targets = referred(address.trim().strip_prefix('#').into_iter(), named);
        match name {
            "use" => self.shown.extend(targets),
            "linearGradient" | "radialGradient" | "pattern" | "filter" | "feImage" | "textPath" | "tref" => {
                self.targets.extend(targets);
            }
            _ => {}
        }
    }
}

/// The list of an inherited property, emptied by the first value of an element's own.
fn reset_once<'a>(list: &'a mut Vec<usize>, is_set: &mut bool, value: &str) -> &'a mut Vec<usize> {
    if !*is_set && value != "inherit" {
        list.clear();
        *is_set = true;
    }
    list
}

fn is_painted(name: &str) -> bool {
    matches!(
        name,
        "path" | "rect" | "circle" | "ellipse" | "line" | "polyline" | "polygon" | "text" | "tspan" | "use"
    )
}

/// An element with all that it contains and refers to.
#[derive(Debug, Clone, Copy)]
struct Weight {
    copies: u64,
    levels: u32,
}

#[derive(Debug, Clone, Copy)]
enum Known {
    No,
    InProgress,
    Yes(Weight),
}

struct Visit<'a> {
    graph: &'a Graph,
    known: Vec<Known>,
}

impl Visit<'_> {
    fn weigh(&mut self, index: usize, level: u32) -> Result<Weight, ImagingError> {
        match self.known[index] {
            Known::Yes(weight) => return Ok(weight),
            Known::InProgress => {
                return Err(ImagingError::damaged(FORMAT, "elements refer to themselves"));
            }
            Known::No if level > MAX_LEVELS => return Err(too_deep()),
            Known::No => self.known[index] = Known::InProgress,
        }
        let graph = self.graph;
        let element = &graph.elements[index];
        let mut weight = Weight {
            copies: (1 + element.bytes / BYTES_PER_UNIT + element.properties / PROPERTIES_PER_UNIT) as u64,
            levels: 0,
        };
        for &other in element.children.iter().chain(&element.targets) {
            weight.add(self.weigh(other, level + 1)?, 1);
        }
        if element.is_painted {
            self.add_paints(element, level, &mut weight)?;
        }
        if weight.levels > MAX_LEVELS {
            return Err(too_deep());
        }
        self.known[index] = Known::Yes(weight);
        Ok(weight)
    }

    /// Adds what shapes are painted with, for each shape that is shown and each point that has a marker.
    fn add_paints(&mut self, element: &Element, level: u32, weight: &mut Weight) -> Result<(), ImagingError> {
        let mut shown = Weight { copies: 0, levels: 0 };
        for &other in &element.shown {
            shown.add(self.weigh(other, level + 1)?, 1);
        }
        let shapes = shown.copies.max(1);
        let points = shown
            .copies
            .saturating_mul((BYTES_PER_UNIT / BYTES_PER_POINT) as u64);
        let points = points.max((element.outline / BYTES_PER_POINT + 2) as u64);
        weight.add(shown, 1);
        let paints = Rc::clone(&element.paints);
        for &paint in paints.fill.iter().chain(&paints.stroke).chain(&paints.ends) {
            weight.add(self.weigh(paint, level + 1)?, shapes);
        }
        for &marker in &paints.markers {
            weight.add(self.weigh(marker, level + 1)?, points);
        }
        Ok(())
    }
}

impl Weight {
    /// Adds an element that is copied several times.
    fn add(&mut self, other: Self, times: u64) {
        self.copies = self.copies.saturating_add(other.copies.saturating_mul(times));
        self.levels = self.levels.max(other.levels + 1);
    }
}

fn too_deep() -> ImagingError {
    too_complex("its elements refer to each other too often")
}
