//! What elements refer to by attributes and style sheets, read as usvg reads them, or more.

use resvg::usvg::roxmltree::Node;
use simplecss::{AttributeOperator, DeclarationTokenizer, Element, PseudoClass, Rule, StyleSheet};

use super::too_complex;
use crate::ImagingError;

/// Most comparisons of selectors with elements.
const MAX_COMPARISONS: u64 = 50_000_000;

/// A property of an element.
#[derive(Debug, Clone, Copy)]
pub struct Property<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

/// The style sheets of a document.
pub struct Styles<'a> {
    sheet: StyleSheet<'a>,
    /// Comparisons that finding the rules of one element takes.
    comparisons: u64,
}

impl<'a> Styles<'a> {
    pub fn read(root: Node<'a, 'a>) -> Self {
        let mut sheet = StyleSheet::new();
        let styles = root.descendants().filter(|node| node.has_tag_name("style"));
        for text in styles.filter_map(|style| style.text()) {
            sheet.parse_more(text);
        }
        let comparisons = sheet.rules.iter().map(comparisons).fold(0, u64::saturating_add);
        Self { sheet, comparisons }
    }

    /// Refuses rules that take too long for this many elements.
    pub fn check(&self, elements: u64) -> Result<(), ImagingError> {
        if self.comparisons.saturating_mul(elements) > MAX_COMPARISONS {
            return Err(too_complex("it has too many style rules"));
        }
        Ok(())
    }

    /// The properties that rules give to an element.
    pub fn properties_of(&self, node: Node<'a, 'a>) -> impl Iterator<Item = Property<'a>> {
        let rules = self
            .sheet
            .rules
            .iter()
            .filter(move |rule| rule.selector.matches(&XmlElement(node)));
        rules
            .flat_map(|rule| &rule.declarations)
            .map(|declaration| Property {
                name: declaration.name,
                value: declaration.value,
            })
    }
}

/// A selector of several parts is compared with all elements around one, for each part.
fn comparisons(rule: &Rule<'_>) -> u64 {
    /// Elements around an element.
    const PARENTS: u64 = 25;
    let selector = rule.selector.to_string();
    let parts = selector
        .split_whitespace()
        .filter(|part| !matches!(*part, ">" | "+"));
    let others = parts.count().saturating_sub(1);
    PARENTS.saturating_pow(u32::try_from(others).unwrap_or(u32::MAX))
}

/// The properties that an element gives to itself.
pub fn own_properties<'a>(node: Node<'a, 'a>) -> impl Iterator<Item = Property<'a>> {
    let style = node.attribute("style").unwrap_or_default();
    let styled = DeclarationTokenizer::from(style).map(|declaration| Property {
        name: declaration.name,
        value: declaration.value,
    });
    let attributes = node.attributes().filter(|attribute| attribute.name() != "style");
    let attributes = attributes.map(|attribute| Property {
        name: attribute.name(),
        value: attribute.value(),
    });
    attributes.chain(styled)
}

impl<'a> Property<'a> {
    /// The identifiers in `url(#…)`.
    pub fn targets(self) -> impl Iterator<Item = &'a str> {
        let addresses = self.value.split("url(").skip(1);
        addresses.filter_map(|address| {
            let (address, _) = address.split_once(')')?;
            let quotes = |character: char| character.is_whitespace() || matches!(character, '"' | '\'');
            Some(
                address
                    .trim_matches(quotes)
                    .trim_start_matches('#')
                    .trim_matches(quotes),
            )
        })
    }
}

/// Selectors compare with an element and those around it.
struct XmlElement<'a>(Node<'a, 'a>);

impl Element for XmlElement<'_> {
    fn parent_element(&self) -> Option<Self> {
        self.0.parent_element().map(XmlElement)
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        self.0.prev_sibling_element().map(XmlElement)
    }

    fn has_local_name(&self, name: &str) -> bool {
        self.0.tag_name().name() == name
    }

    fn attribute_matches(&self, name: &str, operator: AttributeOperator<'_>) -> bool {
        self.0
            .attribute(name)
            .is_some_and(|value| operator.matches(value))
    }

    fn pseudo_class_matches(&self, class: PseudoClass<'_>) -> bool {
        class == PseudoClass::FirstChild && self.prev_sibling_element().is_none()
    }
}
